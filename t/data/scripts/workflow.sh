#!/bin/bash
#SBATCH --job-name nf-head
#SBATCH --cpus-per-task 1
#SBATCH --mem 150M
#SBATCH --time 1:00:00
#SBATCH --mail-type=FAIL

# The head of a workflow: it runs everything within this job
set -o errexit -o nounset
cohort="$1"
export NXF_OPTS='-Xms32m -Xmx128m'
export NXF_WORK="work/$cohort"
nextflow -log "$cohort.log" run main.nf -profile local -resume \
	--reads "data/$cohort/*_{1,2}.fastq" --outdir "out/$cohort"
