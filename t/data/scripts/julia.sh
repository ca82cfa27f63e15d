#!/usr/bin/env bash
#SBATCH --cpus-per-task=3
#SBATCH --time=0-00:20
#SBATCH --mem=100M
#SBATCH --hint=nomultithread
set -eu

export JULIA_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export JULIA_DEPOT_PATH=$PWD/depot
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
julia --project=. -e 'println(ARGS)' -- "--beta=$1" "$scratch" >/dev/null
julia --project=. sample.jl "$1" "$2"
