#!/bin/bash
#SBATCH --job-name=md
#SBATCH --nodes=1
#SBATCH --ntasks=2
#SBATCH --cpus-per-task=2
#SBATCH --gres-flags=disable-binding
#SBATCH --mem=200M
#SBATCH --chdir=runs
#SBATCH --time=15

temperature=$1
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK}
sed "s/@T@/$temperature/" md.mdp.in >"md_$temperature.mdp"
gmx grompp -f "md_$temperature.mdp" -c conf.gro -p topol.top -o "md_$temperature.tpr" -maxwarn 1
srun --ntasks="$SLURM_NTASKS" true
gmx mdrun -deffnm "md_$temperature" -ntmpi "$SLURM_NTASKS" -ntomp "$OMP_NUM_THREADS"
