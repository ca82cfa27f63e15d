#!/bin/bash
#SBATCH --job-name=resnet
#SBATCH --partition=main
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=200M
#SBATCH --time=00:30:00
#SBATCH --output=logs/%x-%j.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --requeue

# Two minutes before the limit: the trainer saves its state, and the job goes back to the queue
save() {
	kill -USR1 "$trainer"
	wait "$trainer"
	scontrol requeue "$SLURM_JOB_ID"
	exit 0
}
trap save USR1

set -euo pipefail
mkdir -p "checkpoints/lr$1"
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
python train.py --lr "$1" --workers "$SLURM_CPUS_PER_TASK" --resume "checkpoints/lr$1/last.pt" &
trainer=$!
wait "$trainer"
date >/dev/null
echo done >"checkpoints/lr$1/finished"
