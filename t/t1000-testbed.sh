#!/bin/bash
# the private Slurm of all later scripts
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

slurm_start

states() {
	sacct -nXP -S now-1hour -E now+1hour -j "$1" -o state | sort | uniq -c | tr -s ' ' | sed 's/^ //' |
		paste -sd,
}
states_are() {
	[ "$(states "$1")" = "$2" ]
}
job() {
	sbatch --parsable -o /dev/null "$@"
}

# five jobs

jobs=
for i in 1 2 3 4 5; do
	jobs=$jobs${jobs:+,}$(job --wrap true) || break
done
ok 'the queue becomes empty' slurm_quiet
ok_within 20 'five jobs are completed' states_are "$jobs" '5 COMPLETED'

# the limit

ok 'a limit is set' slurm_set_limits MaxSubmitJobsPerUser=3 MaxJobsPerUser=2
is "$(slurm_limits normal | grep PU | paste -sd' ')" 'MaxJobsPU=2 MaxSubmitJobsPU=3' \
	'Slurm shows the limit'
for i in 1 2 3; do job --wrap 'sleep 1000' >/dev/null; done
run job --wrap true
is_status 1 'one job too many is refused'
like_err 'QOSMaxSubmitJobPerUserLimit' 'the limit is the reason'

two_run() {
	[ "$(squeue -h -t running | wc -l)" = 2 ]
}
ok_within 10 'two jobs run' two_run

# from this state to a clean cluster

ok 'the cluster becomes clean' slurm_clean
is "$(squeue -h)" '' 'no job is left'
is "$(slurm_limits normal | grep PU | paste -sd' ')" 'MaxJobsPU=10 MaxSubmitJobsPU=20' \
	'the limits are the old ones'

# nodes

nap=$((1000000 + $$))
j=$(job --no-requeue -w n2 --wrap "trap '' TERM; setsid sleep $nap & sleep $nap")
napping() {
	pgrep -u "$(id -u)" -fx "sleep $nap" >/dev/null
}
running() {
	[ "$(squeue -h -j "$1" -o %T)" = RUNNING ] && napping
}
ok_within 10 'a job runs on n2' running "$j"
ok 'n2 dies' slurm_node_fail n2
nok 'its processes end with it' napping
ok_within 20 'Slurm shows NODE_FAIL' states_are "$j" '1 NODE_FAIL'
ok 'n2 comes back' slurm_node_start n2
j=$(job -w n2 --wrap true)
ok_within 20 'n2 works' states_are "$j" '1 COMPLETED'

# daemons

ok 'slurmctld stops' slurm_ctld_stop
run timeout 30 squeue
is_status 1 'squeue fails without it'
ok 'slurmctld starts' slurm_ctld_start
run squeue -h
is_status 0 'squeue works'
ok 'slurmdbd stops' slurm_dbd_stop
run sacct
is_status 1 'sacct fails without it'
ok 'slurmdbd starts' slurm_dbd_start
j=$(job --wrap true)
ok_within 30 'slurmdbd gets jobs again' states_are "$j" '1 COMPLETED'
ok 'all daemons stop' eval 'slurm_ctld_kill && slurm_dbd_stop && slurm_node_kill n1 n3'
ok 'all daemons start' slurm_clean

# a second cluster with other options

first=$SLURM_CONF
slurm_start accounting=none nodes=1 KillWait=2
isnt "$SLURM_CONF" "$first" 'another cluster'
like "$(scontrol show config)" '^KillWait += 2 sec' 'with another KillWait'
run sacct
like_err 'accounting storage is disabled' 'without accounting'
ok 'it can be cleaned too' slurm_clean

bed=$SLURM_BED
slurm_start lua=require-account nodes=1
nok 'the cluster before is gone' test -e "$bed"
run sbatch --wrap true
is_status 1 'a site may refuse a job'
is_err 'sbatch: error: You must name an account: --account=NAME
sbatch: error: See the site'\''s manual
sbatch: error: Batch job submission failed: Unspecified error'
run sbatch -o /dev/null -A lab --wrap true
is_status 0 'the site may accept it'

done_testing
