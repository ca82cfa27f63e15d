#!/bin/bash
# faults of every kind at once: each sweep ends complete without a command, and each attempt ran at
# most once
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

JOBS=100

# Every sweep has its own node, which runs four jobs at a time. slurmctld forgets an ended job after
# five seconds, so only accounting knows how it ended.
slurm_start nodes=5 cpus=4 limits='' MinJobAge=5 KillWait=3 MessageTimeout=4
NAMES=(limit killed node outage accounting)

# folder NAME NODE WAIT: makes a sweep whose first WAIT jobs wait for a file in their first try
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null &&
		slurmq config limit 9 >/dev/null && : >ledger || return
	cat >sweep.yaml <<-END
		name: $1
		params: {n: {from: 1, to: $JOBS, step: 1}}
		sbatch: {nodelist: $2, mem: 100M}
		retry: {TIMEOUT: again, NODE_FAIL: again, PREEMPTED: again, SIGNAL: again}
		run: |
		  cd "\$SLURMQ_DIR/.."
		  echo "start {n} \$SLURMQ_ATTEMPT" >>ledger
		  until [ {n} -gt $3 ] || [ "\$SLURMQ_ATTEMPT" -gt 1 ] || [ -e go ]; do sleep 0.1; done
		  echo "end {n}" >>ledger
	END
	slurmq expand sweep.yaml >/dev/null && slurmq submit >/dev/null
}
in_folder() {
	cd "$TEST_TMP/$1" || bail_out "no folder $1"
}
# in_db SQL: queries the database without slurmq, whose commands could cause the result
in_db() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
# n_in STATE...: prints how many jobs are in states of that number
n_in() {
	in_db "SELECT ifnull(sum(n), 0) FROM counter WHERE state IN ($(
		IFS=,
		echo "$*"
	))"
}
# over: nothing is pending or in flight
over() {
	[ "$(n_in 0 1 2 3)" = 0 ]
}
four_run() {
	[ "$(grep -c '^start' ledger)" = 4 ] && [ "$(n_in 3)" = 4 ]
}
others_ended() {
	[ "$(grep -c '^end' ledger)" -ge $((JOBS - 4)) ]
}
# failures: prints the failed attempts, by reason
failures() {
	in_db "SELECT CASE reason WHEN 1 THEN 'EXIT' WHEN 2 THEN 'SIGNAL' WHEN 3 THEN 'TIMEOUT' WHEN 5 THEN 'NODE_FAIL'
		WHEN 6 THEN 'PREEMPTED' ELSE reason END || ' ' || count(*) FROM attempt WHERE reason
		GROUP BY reason"
}
# slurm_ref N: "12_3"
slurm_ref() {
	slurmq list "$1" --json | jq -r .slurm_job
}
# supervisor ID: prints its pid, from the name of its journal; the first four jobs are one array
supervisor() {
	local journal
	journal=$(cd .slurmq/running && ls -- *."$(($1 - 1))".*) && cut -d, -f4 <<<"$journal"
}
# whole NAME: checks that the sweep is complete, and that each attempt ran once
whole() {
	is "$(n_in 4)" $JOBS "$1: all $JOBS are completed"
	is "$(grep '^start' ledger | sort | uniq -d)" '' "$1: no attempt began twice"
	is "$(sed -n 's/^start \([0-9]*\) .*/\1/p' ledger | sort -n | uniq -c | awk '{print $2, $1}')" \
		"$(in_db "SELECT id || ' ' || tries FROM job")" "$1: the ledger has the tries of the rows"
	is "$(sed -n 's/^end //p' ledger | sort -n)" "$(seq $JOBS)" "$1: each job reached its end once"
	is "$(in_db 'SELECT count(*) FROM attempt WHERE closed = 0')" 0 "$1: no attempt is open"
	is "$(in_db 'PRAGMA integrity_check')" ok "$1: the database is sound"
	is "$(find .slurmq/{claims,running,outbox,revoked,manifests} -mindepth 1)" '' "$1: no file is left over"
}

node=1
for name in "${NAMES[@]}"; do
	[ "$name" = outage ] && waiting=8 || waiting=4
	folder "$name" n$node "$waiting" || bail_out "no sweep $name"
	node=$((node + 1))
done
for name in "${NAMES[@]}"; do
	in_folder "$name"
	ok_within 30 "$name: four run" four_run
done

# All jobs reach their time limit at once. Slurm checks time limits twice a minute: the rest goes on
# meanwhile

in_folder limit
for n in 1 2 3 4; do
	ok "limit: the time of $n is up" scontrol update jobid="$(slurm_ref $n)" EndTime=now+1
done

# slurmdbd is down: jobs that squeue does not show stay unchanged

in_folder accounting
dead=("$(slurm_ref 1)" "$(slurm_ref 2)")
ok 'accounting: slurmdbd is stopped' slurm_dbd_stop
run kill -9 "$(supervisor 1)" "$(supervisor 2)"
is_status 0
forgotten() {
	! squeue -h -r -t all -o %i | grep -qxF -e "${dead[0]}" -e "${dead[1]}"
}
ok_within 60 'accounting: slurmctld has forgotten two that were killed' forgotten
run slurmq sync
is_status 0
is_err 'slurmq sync: sacct did not answer: jobs that squeue does not show stay unchanged for at most an hour'
is_out 'queried Slurm: 2 not found, queried again later'
is "$(in_db 'SELECT count(*) FROM job WHERE id <= 4 AND state = 3')" 4 'accounting: their rows stay running'
ok 'accounting: slurmdbd runs again' slurm_dbd_start
told() {
	slurmq sync | grep -qE '^queried Slurm: 2 over, (1m 00s|[0-9]+s) left to report the end$'
}
ok_within 30 'accounting: slurmdbd has their ends' told

# One job is renamed in Slurm, and one requeued by force: neither is lost, nor cancelled

ok 'accounting: one gets another name' scontrol update jobid="$(slurm_ref 3)" name=mine
again=$(slurm_ref 4)
ok 'accounting: the site permits a requeue' scontrol update jobid="$again" requeue=1
ok 'accounting: the site requeues one' scontrol requeue "$again"
preempted() {
	[ "$(failures)" = 'PREEMPTED 1' ]
}
ok_within 30 'accounting: the requeue ends the attempt, and cancels nothing' preempted
run slurmq sync
is_status 0
is_err ''
like_out '^queried Slurm: 2 over, (1m 00s|[0-9]+s) left to report the end$' 'accounting: the renamed job is known, and runs'
touch go

# SIGKILL to batch scripts and to supervisors, and a node without power

in_folder killed
ok 'killed: SIGKILL to two batch scripts' scancel --signal=KILL --batch "$(slurm_ref 1)" "$(slurm_ref 2)"
run kill -9 "$(supervisor 3)" "$(supervisor 4)"
is_status 0
in_folder node
ok 'node: its power is cut' slurm_node_fail n3
ok 'node: the node comes back' slurm_node_start n3
for name in killed node accounting limit; do
	in_folder "$name"
	ok_within 120 "$name: the other jobs end" others_ended
done

# The last job stays, to find the ends of dead jobs: they have a minute, which is over at once here

looked_for() {
	[ "$(in_db 'SELECT count(*) FROM job WHERE missing > 0')" = "$1" ]
}
for name in killed=4 node=4 accounting=2; do
	in_folder "${name%=*}"
	ok_within 60 "${name%=*}: the last job looks for the dead ones" looked_for "${name#*=}"
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db \
		'UPDATE job SET missing = missing - 61000 WHERE missing > 0'
done
for name in killed node accounting limit; do
	in_folder "$name"
	ok_within 60 "$name: the dead jobs are retried, and completed" over
done

# slurmctld does not run for a minute, in which all running jobs end

in_folder outage
stopped=$SECONDS
slurm_ctld_stop
touch go
away_for() {
	[ $SECONDS -ge $((stopped + $1)) ]
}
four_ended() {
	[ "$(grep -c '^end' ledger)" = 4 ]
}
ok_within 60 'outage: the running jobs end meanwhile' four_ended
wait_for 90 'a minute' away_for 60
slurm_ctld_start
# A submission without a clear answer waits, by the age of its manifest: here its time is over at
# once
over_at_last() {
	find .slurmq/manifests -type f -exec touch -c -d '1 hour ago' {} + 2>/dev/null
	over
}
ok_within 120 'outage: the sweep ends' over_at_last
ok 'Slurm becomes empty' slurm_quiet
for name in "${NAMES[@]}"; do
	in_folder "$name"
	whole "$name"
done
in_folder limit
is "$(failures)" 'TIMEOUT 4' 'limit: the rows have the reason'
in_folder killed
is "$(failures)" 'SIGNAL 4' "killed: the rows have Slurm's reason"
in_folder node
is "$(failures)" 'NODE_FAIL 4' "node: the rows have Slurm's reason"
in_folder accounting
is "$(failures)" $'SIGNAL 2\nPREEMPTED 1' 'accounting: the rows have its reasons'
in_folder outage
is "$(failures)" '' 'outage: nothing failed'

done_testing
