#!/bin/bash
#SBATCH --job-name=align
#SBATCH --array=1-3
#SBATCH --cpus-per-task=2
#SBATCH --mem=100M

# Each task takes one line of the list of samples
sample=$(sed -n "${SLURM_ARRAY_TASK_ID}p" samples.txt)
[ -n "$sample" ] || exit 1
read -r name first second <<<"$sample"
bwa mem -t "$SLURM_CPUS_PER_TASK" genome.fa "$first" "$second" | samtools sort -o "$name.bam" -
