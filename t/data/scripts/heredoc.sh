#!/bin/bash
#SBATCH --job-name="lj melt"
#SBATCH --time=10 # minutes
#SBATCH --mem=100M

T=$1
cat >"in.$T" <<EOF
units lj
variable T equal $T
fix 1 all nvt temp $T $T 0.1
EOF
# A script for a later stage, which nothing submits here
cat >"next.$T.sh" <<'EOF'
#!/bin/bash
#SBATCH --dependency=singleton
#SBATCH --hold
lmp -in in.next
EOF
lmp -in "in.$T" -var seed "$2" -log "log.$T.$2"
