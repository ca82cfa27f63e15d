#!/bin/bash
#SBATCH --job-name=cfd
#SBATCH -n 2
#SBATCH --mem-per-cpu=50M
#SBATCH --nodefile=hosts.txt
#SBATCH --export=ALL,SOLVER=simple

module purge
module load gcc/12 openmpi/4.1
module list 2>&1
pe=$(mktemp)
echo "$SLURM_JOB_NUM_NODES" >"$pe"
mpiexec foam -solver "$SOLVER" -parallel -case "cavity$1" <"$pe"
rm -f "$pe"
