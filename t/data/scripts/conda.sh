#!/bin/bash
#SBATCH --ntasks=1
#SBATCH --mem=100M
#SBATCH --time=5

source "$HOME/miniconda3/etc/profile.d/conda.sh"
conda activate forecast
set -u
python - "$@" <<'PY'
import sys
print(sys.argv)
PY
python -m forecast --station "$1" --horizon "$2" >"forecast_$1_$2.csv"
conda deactivate
