#!/bin/bash
# the sentinel: exactly one while there is work, and it restarts the chain
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# folder NAME: makes a folder and enters it
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null && : >ledger
}
# sweep JOBS: each job writes a line and runs until a file exists
sweep() {
	cat >sweep.yaml <<-END
		name: watched
		params: {n: {from: 1, to: $1, step: 1}}
		run: |
		  cd "\$SLURMQ_DIR/.."
		  echo {n} >>ledger
		  until [ -e go ]; do sleep 0.05; done
	END
	slurmq expand sweep.yaml >/dev/null
}
# sql TEXT: queries the database of this folder without slurmq
sql() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
name() {
	printf 'slurmq-sentinel.%.8s\n' "$(cat .slurmq/id)"
}
# sentinels: prints the ids of the sentinels in Slurm
sentinels() {
	squeue -h -n "$(name)" -o %A
}
there_is_one() {
	[ "$(sentinels | wc -l)" = 1 ]
}
there_is_none() {
	[ -z "$(sentinels)" ]
}
ledger_has() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}
in_slurm() {
	squeue -h -r -t pending,configuring,running -n "$(squeue -h -o %j | grep '^watched' | sort -u | paste -sd,)" | wc -l
}
over() {
	[ "$(sql 'SELECT sum(n) FROM counter WHERE state IN (0, 1, 2, 3)')" = 0 ]
}
state() {
	slurmq status --json | jq -r "$1"
}

# Eight submitters at once make one sentinel

folder race
sweep 30
for i in 1 2 3 4 5 6 7 8; do
	slurmq submit >"out$i" 2>"err$i" &
done
wait
unlike "$(cat err?)" sentinel 'no submitter reports a problem with the sentinel'
is "$(sentinels | wc -l)" 1 'one sentinel exists'
is "$(sql 'SELECT sum(n) FROM counter WHERE state IN (1, 2, 3)')" 18 'one slot is left for it, and one for an ending job'
first=$(sentinels)
# if two reasons apply, squeue shows the one that it found last
like "$(squeue -h -j "$first" -o '%T %r')" '^PENDING (BeginTime|QOSMaxJobsPerUserLimit)$' 'the sentinel waits'
like "$(scontrol show job "$first")" 'Requeue=1 ' 'Slurm requeues it if its node fails'
run slurmq submit
is_status 0
is "$(sentinels)" "$first" 'another submit does not change it'
run slurmq status
is_status 0
is_err ''
like_out '^chain alive.*; sentinel in (14|15)m'
is "$(state '.sentinel | [.state, .slurm_job, (.begin | type), .why] | tostring')" \
	"[\"waiting\",$first,\"string\",null]" 'for programs'

# Requests of the user

run slurmq pause
is_status 0
is_err ''
ok_within 10 'pause withdraws it' there_is_none
is "$(state .sentinel.state)" none 'status reports that'
run slurmq resume
is_status 0
is_err ''
ok 'resume submits it again' there_is_one
run slurmq config sentinel off
is_status 0
is_out 'sentinel: off'
is_err ''
ok_within 10 'off withdraws it' there_is_none
is "$(state .sentinel.state)" off 'status reports that'
run slurmq submit
is_status 0
ok 'submit does not make one' there_is_none
run slurmq config sentinel auto
is_status 0
is_err ''
ok 'auto submits it again' there_is_one

# A sentinel that the site refuses stays off until its options change

run slurmq config sentinel.sbatch -- --partition=nowhere
is_status 0
is_out 'sentinel.sbatch: --partition=nowhere'
like_err '^slurmq config: sbatch refused the sentinel: .*[Ii]nvalid partition'
ok_within 10 'an unknown partition' there_is_none
run slurmq status
is_status 0
like_out 'the sentinel is off because sbatch refused it: .*partition'
is "$(state .sentinel.state)" refused 'for programs'
is "$(sql "SELECT count(*) FROM setting WHERE key = '.sentinel.refused'")" 1 'the refusal is stored'
run slurmq config sentinel.sbatch -- '--partition=extra --time=7'
is_status 0
is_err ''
ok 'with other options it is submitted' there_is_one
is "$(squeue -h -j "$(sentinels)" -o '%P %l')" 'extra 7:00' 'the sentinel has these options'
run slurmq config --unset sentinel.sbatch
is_status 0

# If the user holds it in Slurm, it stays held, and status reports what to do

ok 'the user holds it' scontrol uhold "$(sentinels)"
run slurmq submit
is_status 0
ok 'no other sentinel is made' there_is_one
is_held() {
	[ "$(state .sentinel.state)" = held ]
}
ok_within 20 'status reports it' is_held
run slurmq status
is_status 0
like_out "^! the sentinel is held in Slurm, so it will not start"
like_out "scontrol release $(sentinels)\$"
ok 'the user releases it' scontrol release "$(sentinels)"
# status queries Slurm again after a few seconds
waits() {
	[ "$(state .sentinel.state)" = waiting ]
}
ok_within 20 'status reports that it waits' waits
run slurmq status
is_status 0
unlike_out held

# The last job withdraws it

touch go
ok_within 60 'all jobs end' over
ok_within 20 'the sentinel is gone too' slurm_quiet
is "$(sort -n ledger)" "$(seq 30)" 'each ran once'
run slurmq status
like_out '^chain done'
unlike_out sentinel

# A cancel that leaves no work withdraws it too

rm go
sed -i 's/to: 30/to: 32/' sweep.yaml
slurmq expand sweep.yaml >/dev/null 2>&1
run slurmq submit
is_status 0
ok 'a sentinel is in Slurm' there_is_one
run slurmq cancel 31,32 --yes
is_status 0
is_err ''
ok_within 30 'nothing is left in Slurm' slurm_quiet

# scancel of all jobs ends it

folder stop
sweep 40
run slurmq submit
is_status 0
ok_within 30 'ten jobs run' ledger_has 10
ok 'a sentinel is in Slurm' there_is_one
slurm_cancel_all
ok_within 60 'Slurm becomes empty' slurm_quiet
before=$(wc -l <ledger)
stopped() {
	[ "$(slurmq status --json | jq -r .chain.state)" = paused ]
}
ok_within 30 'the queue is paused' stopped
run slurmq sync
is_status 0
is "$(squeue -h | wc -l)" 0 'nothing new appears'
is "$(wc -l <ledger)" "$before" 'no job has started'
is "$(sql 'SELECT count(*) FROM job WHERE state = 0')" "$((40 - before - $(sql "SELECT count(*) FROM job WHERE state = 6 AND tries = 0")))" \
	'jobs that had not started are still there'
run slurmq resume
is_status 0
ok 'resume submits jobs and a sentinel' there_is_one
run slurmq cancel all --yes
is_status 0
is_err ''
ok_within 60 'cancel all ends it too' slurm_quiet

# Every job and every node dies at once: only the sentinel goes on, and dead jobs are retried by the
# policy

slurm_set_limits MaxSubmitJobsPerUser=10 MaxJobsPerUser=10 || bail_out 'no limits'
folder dead
slurmq config sentinel 15s >/dev/null
sweep 100
echo 'retry: {NODE_FAIL: again}' >>sweep.yaml
run slurmq expand sweep.yaml
is_status 0
run slurmq submit
is_status 0
is_out 'submitted 8 jobs; 92 pending, 8 in Slurm (limit 10, qos normal)'
ok_within 30 'eight jobs run' ledger_has 8
slurm_node_fail n1 n2 n3
touch go
is "$(squeue -h -t running -o %j | grep -c watched)" 0 'no job runs any more'
slurm_node_start n1 n2 n3
isnt "$(sentinels)" '' 'the sentinel, or also its successor, is in Slurm'
# if the sentinel ran on a dead node, Slurm starts it again after two minutes; a job without a
# report counts as dead after one minute
ok_within 300 'the sweep ends' over
is "$(sql 'SELECT state, count(*) FROM job GROUP BY 1')" '4|100' 'all are completed'
is "$(sql 'SELECT group_concat(tries) FROM (SELECT DISTINCT tries FROM job WHERE id <= 8)')" 2 'eight in two tries'
is "$(sql 'SELECT count(*) FROM job WHERE tries > 1')" 8 'the others in one try'
is "$(slurmq show 1 --json | jq -r '[.[0].attempts[].reason] | tostring')" '["NODE_FAIL",null]' \
	'job 1 failed with its node'
is "$(sort -n ledger)" "$(sort -n <(seq 8) <(seq 100))" 'no other job ran twice'
ok_within 30 'nothing is left in the queue' slurm_quiet

done_testing
