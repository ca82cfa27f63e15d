#!/bin/bash
# slurmq delete with the real Slurm: --cancel ends running and waiting jobs first; --everything
# withdraws the sentinel too
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
printf 'name: gone\nparams: {n: {from: 1, to: 30, step: 1}}\nlimit: 8\nrun: sleep 600\n' >gone.yaml
printf 'name: kept\nparams: {n: [1, 2]}\nrun: sleep 600\n' >kept.yaml

# jobs SWEEP STATES: prints how many jobs of the sweep Slurm has in these states
jobs() {
	squeue -h -r -t "$2" -o %j | grep -c "^$1\."
}
runs() {
	[ "$(jobs "$1" running)" -ge "$2" ]
}
active=pending,running,completing,configuring

slurmq init >/dev/null
slurmq expand gone.yaml kept.yaml >/dev/null
slurmq submit >/dev/null
ok_within 60 'jobs of both sweeps run' runs gone 4
ok_within 60 'of the other too' runs kept 1
sentinel=slurmq-sentinel.$(cut -c1-8 .slurmq/id)
before=$(squeue -h -n "$sentinel" -o %A)
isnt "$before" '' 'a sentinel waits'

run slurmq delete gone --yes
is_status 1 'refused while jobs are in Slurm'
like_err "nothing was deleted: 8 jobs of sweep 'gone' are in Slurm; add --cancel"
run slurmq delete gone --cancel --yes
is_status 0
is_out "deleted sweep 'gone': 30 jobs"
is_err ''
is "$(jobs gone $active)" 0 'Slurm has no job of the deleted sweep'
is "$(jobs kept $active)" 2 'those of the other sweep are still there'
unlike "$(slurmq status)" 'paused|gone' 'the queue goes on, without the sweep'
is "$(squeue -h -n "$sentinel" -t pending | wc -l)" 1 'one sentinel waits'
isnt "$(squeue -h -n "$sentinel" -t pending -o %A)" "$before" 'another one: the program of the first is gone'
nok 'that program is gone' test -e .slurmq/bin/1
script=$(scontrol write batch_script "$(squeue -h -n "$sentinel" -t pending -o %A)" -)
like "$script" '/bin/2' 'the sentinel uses the program of the other sweep'

run slurmq delete --everything --cancel --yes
is_status 0
is_err ''
is "$(ls -d .slurmq* 2>/dev/null)" '' 'the folder is gone'
is "$(jobs kept $active)" 0 'Slurm has none of its jobs'
is "$(squeue -h -n "$sentinel" -t $active | wc -l)" 0 'nor its sentinel'

done_testing
