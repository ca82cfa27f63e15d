#!/bin/bash
# wait: its exit status for each end of a sweep, and for each reason that keeps one from its end
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
lock=.slurmq/queue.lock

# project NAME: an empty folder with a sweep of four jobs; one fails if there is a file bad.N
project() {
	rm -rf "${TEST_TMP:?}/$1"
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" || return
	fake_clear
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	# shellcheck disable=SC2016
	printf 'name: few\nparams: {n: [1, 2, 3, 4]}\nrun: |\n  test ! -e bad.{n}\n' >few.yaml
	slurmq expand few.yaml >/dev/null
}
in_background() {
	spawn env --default-signal=INT "$SLURMQ" wait "$@"
}
# sql TEXT: changes the database as no command does
sql() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
finds() {
	[ -n "$(sql "$1")" ]
}
has_records() {
	[ "$(find .slurmq/outbox -type f | wc -l)" = "$1" ]
}
calls() {
	wc -l <"$FAKE_SLURM/log"
}
# stuck REGEX ARGUMENT...: wait ends with 75 and this reason, and prints nothing to stdout
stuck() {
	local want=$1
	shift
	run slurmq wait "$@"
	is_status 75
	is_out ''
	like_err "$want"
}

# No jobs

slurmq init >/dev/null
run slurmq wait
is_status 1
is_err 'slurmq wait: no jobs yet: slurmq expand FILE'
run slurmq wait fwe
is_status 2
run slurmq wait --timeout 0
is_status 2
like_err "option '--timeout': '0' is too short"
rm -r .slurmq

# A sweep that completes; the wait begins while its jobs are in Slurm, and asks Slurm nothing

project complete
stuck '^nothing was submitted yet: slurmq submit$'
like_err '^slurmq wait: nothing goes on by itself: 4 of 4 jobs are not over \(4 pending\):?$'
touch "$FAKE_SLURM/hold"
slurmq submit >/dev/null
calls_before=$(calls)
run slurmq wait --timeout 5
is_status 75
is_err 'slurmq wait: timeout: 4 of 4 jobs are not over (4 queued)'
is "$(calls)" "$calls_before" 'no request to Slurm'
run slurmq wait --timeout 1 --json
is_status 75
like_out '^\{"result":"timeout","jobs":4,"counts":\{"pending":0,.*"queued":4,.*\},"why":\[\]\}$'
in_background
waiting=$spawned
in_background --json few -s queued
json=$spawned
rm "$FAKE_SLURM/hold"
reap 30 "$waiting"
is_status 0 'completed'
reap 30 "$json"
is_status 0 'completed, selected by a state that they had'
run slurmq wait
is_status 0
is_out '4 of 4 jobs are over: 4 completed'
is_err ''
run slurmq wait 2
is_out '1 of 1 job is over: 1 completed'
run slurmq wait n=3 --json
is_status 0
like_out '^\{"result":"completed","jobs":1,'
run slurmq wait -s failed
is_status 0
is_out 'nothing to wait for: no such jobs'

# Failures

project fail
touch bad.1 bad.3
slurmq submit >/dev/null
run slurmq wait
is_status 1
is_out '4 of 4 jobs are over: 2 completed, 2 failed; slurmq list -s failed'
is_err ''
run slurmq wait few 2
is_status 0 'job 2 alone'
run slurmq wait --json
is_status 1
like_out '^\{"result":"failed","jobs":4,.*"completed":2,"failed":2,"cancelled":0,.*"why":\[\]\}$'
rm bad.*
touch "$FAKE_SLURM/hold"
slurmq retry >/dev/null
slurmq cancel 1 --yes >/dev/null
in_background
waiting=$spawned
run slurmq wait --any-failed
is_status 1 'any failed: one was cancelled, and the others are not over'
is_out '3 of 4 jobs are over: 1 queued, 2 completed, 1 cancelled'
ok 'without it the wait goes on' kill -0 "$waiting"
rm "$FAKE_SLURM/hold"
reap 30 "$waiting"
is_status 1 'one was cancelled'

# A failed job that its policy tries again is not over

project again
# the first try of job 2 holds the second one in Slurm's queue
# shellcheck disable=SC2016
printf 'name: more\nparams: {n: [1, 2]}\nretry: {EXIT: again}\nrun: |\n  [ {n} = 1 ] || [ -e tried ] || { touch tried "$FAKE_SLURM/hold"; exit 1; }\n' >more.yaml
slurmq expand more.yaml >/dev/null
touch "$FAKE_SLURM/hold"
slurmq submit >/dev/null
in_background more --any-failed
waiting=$spawned
rm "$FAKE_SLURM/hold"
ok_within 20 'the first try failed, and the second one is queued' finds \
	'SELECT 1 FROM job WHERE sweep = 2 AND state = 2 AND tries = 1'
run slurmq wait more --any-failed --timeout 1
is_status 75
like_err '^slurmq wait: timeout: 1 of 2 jobs is not over'
ok 'the wait goes on' kill -0 "$waiting"
rm "$FAKE_SLURM/hold"
reap 60 "$waiting"
is_status 0 'completed after another try'

# Paused: the wait ends after the jobs in Slurm

project paused
touch "$FAKE_SLURM/hold"
slurmq submit -n 2 >/dev/null
slurmq pause >/dev/null
in_background --json
waiting=$spawned
run slurmq wait --timeout 1
is_err 'slurmq wait: timeout: 4 of 4 jobs are not over (2 pending, 2 queued)'
rm "$FAKE_SLURM/hold"
reap 30 "$waiting"
is_status 75 'paused'
stuck '^the queue is paused: slurmq resume$'
stuck '^the queue is paused: slurmq resume$' 4
run slurmq wait 1-2
is_status 0 'the others are over'
run slurmq wait --json
is_status 75
like_out '^\{"result":"stuck","jobs":4,.*,"why":\["the queue is paused: slurmq resume"\]\}$'

# Held

project held
slurmq hold 2 >/dev/null
slurmq submit >/dev/null
stuck '^1 job of few held: slurmq release -s user few$'
like_err '^slurmq wait: nothing goes on by itself: 1 of 4 jobs is not over \(3 completed, 1 held\)$'
unlike_err 'paused|submit'
run slurmq wait 1,3-4
is_status 0 'the others are over'

# A trial

project trial
slurmq submit --try >/dev/null
stuck '^after submit --try the rest waits: slurmq submit$'

# Stalled: work is pending, and no process has been at work for a while

project stalled
slurmq submit >/dev/null
ok 'the jobs end' fake_quiet
sql 'UPDATE job SET state = 0 WHERE id = 4'
run slurmq wait --timeout 1
is_status 75
is_err 'slurmq wait: timeout: 1 of 4 jobs is not over (1 pending, 3 completed)' 'a process may be about to submit'
touch -d '-2 minutes' $lock
stuck '^no job is known to be in Slurm and work is left: slurmq submit$'

# Jobs that run as far as is known, but have not reported for long: their node died

project dead
printf 'name: long\nparams: {n: [1, 2]}\nrun: "sleep 100"\n' >long.yaml
slurmq expand long.yaml >/dev/null
slurmq submit >/dev/null
ok_within 20 'two are running' finds 'SELECT 1 FROM counter WHERE sweep = 2 AND state = 3 AND n = 2'
fake_end
touch -d '-19 minutes' $lock
run slurmq wait long --timeout 1
is_status 75
like_err '^slurmq wait: timeout'
touch -d '-21 minutes' $lock
stuck 'but none has reported for 20 minutes: slurmq status asks Slurm for them$' long

# Jobs were cancelled in Slurm, and none is left to decide

project cancelled
touch "$FAKE_SLURM/hold"
slurmq submit >/dev/null
mkdir -p .slurmq/cancelled
touch -d '-5 minutes' .slurmq/cancelled/1
touch -d '-2 minutes' $lock
run slurmq wait --timeout 1
like_err '^slurmq wait: timeout'
touch -d '-4 minutes' $lock
stuck 'jobs were cancelled in Slurm, .*: slurmq status decides it$'

# Jobs that are held in Slurm

project blocked
touch "$FAKE_SLURM/hold"
slurmq submit -n 2 >/dev/null
sql "UPDATE attempt SET slurm_reason = 'Dependency'"
run slurmq wait --timeout 1
like_err '^slurmq wait: timeout' 'a reason that passes'
sql "UPDATE attempt SET slurm_reason = 'JobHeldUser'"
stuck '^  scontrol release '
sql "UPDATE attempt SET slurm_reason = 'Priority' WHERE id = 1"
run slurmq wait --timeout 1
like_err '^slurmq wait: timeout' 'one of the two starts by itself'

# A record that the job itself could not ingest, because it was killed

project record
touch "$FAKE_SLURM/hold"
slurmq submit >/dev/null
spawn "$TEST_BUILD/t/queue_lock" .slurmq sh -c 'until [ -e killed ]; do sleep 0.05; done'
rm "$FAKE_SLURM/hold"
ok_within 60 'four records' has_records 4
fake_end
touch killed
reap 10 "$spawned"
run slurmq wait --timeout 30
is_status 0 'the wait ingests it'
is "$(ls .slurmq/outbox)" '' 'no record is left'

# The folder is deleted

project gone
touch "$FAKE_SLURM/hold"
slurmq submit >/dev/null
in_background --json
waiting=$spawned
ok_within 10 'it waits' grep -q 'State:.*S' "/proc/$waiting/status"
rm -rf .slurmq
reap 30 "$waiting"
is_status 75 'the folder was deleted'

# Ctrl-C

project signal
touch "$FAKE_SLURM/hold"
slurmq submit >/dev/null
in_background
waiting=$spawned
ok_within 10 'it waits' grep -q 'State:.*S' "/proc/$waiting/status"
kill -INT "$waiting"
reap 30 "$waiting"
is_status 130 'SIGINT'

done_testing
