#!/bin/bash
# slurmq doctor with the real Slurm: a small job checks a node, and leaves nothing
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# says STATE CHECK REGEX: the doctor has printed that line
says() {
	like_out "^$1 +$2 +$3" "$2: $1"
}

slurmq init >/dev/null
run slurmq doctor --job
is_status 0
is_err ''
version=$(sbatch --version) version=${version##* }
says ok slurm "sbatch $version, slurmctld $version, cluster testbed\$"
says ok sacct 'answers$'
says ok limit '20 jobs in Slurm at once \(qos normal\)$'
says ok node 'n[1-3] sees the folder and may submit \(Slurm job [0-9]+, '
unlike_out '^(warning|error)'
is "$(cd .slurmq && find . -name '*doctor*')" '' 'no file is left'
is "$(squeue -h -n slurmq-doctor -t pending,running)" '' 'no job is left'

# The job that checks may have the only slot of the limit

slurm_set_limits MaxSubmitJobsPerUser=1 || bail_out 'no limit'
run slurmq doctor --job
is_status 0
says ok node 'n[1-3] sees the folder and may submit'
slurm_set_limits MaxSubmitJobsPerUser=20 || bail_out 'no limit'

# After a submission the job has its account and partition

cat >sweep.yaml <<'END'
name: fit
params: {n: 1}
sbatch: {partition: extra, account: lab2}
run: ":"
END
slurmq expand sweep.yaml >/dev/null
slurmq submit >/dev/null
run slurmq doctor --job
is_status 0
says ok node 'n[1-3] sees the folder and may submit'
is "$(squeue -h -a -t all -n slurmq-doctor -o '%P %a' | sort -u)" $'extra lab2\nmain lab' 'where jobs of the sweep run'

# A job that cannot write to the folder

slurmq config sentinel.sbatch -- --partition=nowhere >/dev/null
run slurmq doctor --job
is_status 1
says error node 'sbatch refused a small job: .*[Ii]nvalid partition.*; slurmq config sentinel\.sbatch'

done_testing
