#!/bin/bash
#SBATCH -J wave -p main
#SBATCH -N 1 --ntasks-per-node=4
#SBATCH --mem-per-cpu=50M -t 10
#SBATCH --exclusive=user

cd "$SLURM_SUBMIT_DIR" || exit 1
export OMP_NUM_THREADS=1
case=$1
mkdir -p "$case" && cd "$case" || exit
ln -sf ../wave.nml input.nml
mpirun -np "$SLURM_NTASKS" --bind-to core wave -mesh "$case" -in input.nml >wave.out
tail -n 1 wave.out >last
