#!/bin/bash -l
#SBATCH --job-name=bootstrap
#SBATCH --ntasks=1
#SBATCH --mem=100M
#SBATCH --output=bootstrap_%j.out
#SBATCH --error=bootstrap_%j.err
#SBATCH --comment="cross validation, fold by fold"

fold=${1:?which fold}
model=$2
export R_LIBS_USER=$HOME/R/library
Rscript --vanilla fit.R --fold="$fold" --model "$model" --out "results/fold $fold.rds"
Rscript -e 'quit(status = 0)'
