#!/bin/bash
# two hosts that run slurmq at the same time find out whether file locks reach from one to the other
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
HOST_SO=$TEST_BUILD/t/host.so
printf 'name: reach\nparams: {n: {from: 1, to: 6, step: 1}}\nrun: ["true"]\n' >sweep.yaml

sql() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
# folder NAME: makes a folder in which a job runs on each of two nodes
folder() {
	mkdir "$TEST_TMP/$1" || bail_out 'no folder'
	cd "$TEST_TMP/$1" || bail_out 'no folder'
	slurmq init >/dev/null && slurmq expand ../sweep.yaml >/dev/null
	slurmq config limit 3 >/dev/null
	slurmq submit -n 1 >/dev/null
	touch .slurmq/running/00000000000000aa.0.11,0,n1,1,0000000000000001 \
		.slurmq/running/00000000000000aa.1.12,0,n2,2,0000000000000002
}
# on HOST CMD...
on() {
	PLAY_HOST=$1 SLURMD_NODENAME=$1 LD_PRELOAD=$HOST_SO "${@:2}"
}
# beside HOST: starts what runs beside the command of a job there, in the background; its pid is $!
beside() {
	PLAY_HOST=$1 SLURMD_NODENAME=$1 SLURM_JOB_ID=999 LD_PRELOAD=$HOST_SO slurmq chain --beside >"out.$1" 2>"err.$1" &
}
taking_part() {
	[ "$(find .slurmq/hosts -name '????????????????' 2>/dev/null | wc -l)" = "$1" ]
}
setting() {
	sql "SELECT value FROM setting WHERE key = '$1'"
}

touch "$FAKE_SLURM/hold"

# Locks reach the other host

folder reach
beside n1
first=$!
ok_within 20 'the first host waits for the other' taking_part 1
beside n2
wait $!
is $? 0 'the second process ends'
wait $first
is $? 0 'the first process ends'
is "$(cat out.* err.*)" '' 'no output'
is "$(setting .locks.reach | tr ' ' '\n' | sort | xargs)" 'n1 n2' 'the result is stored'
is "$(setting .paused)$(setting .locks.local)" '' 'the queue is not paused'
is "$(find .slurmq/hosts -type f | sort)" .slurmq/hosts/lock 'no file of the hosts is left'
rm -r .slurmq/hosts
run on n3 slurmq chain --beside
is_status 0
is_out ''
is_err ''
ok 'the locks are not tested again' test ! -e .slurmq/hosts

# A person's command beside one job is enough

folder person
beside n1
first=$!
ok_within 20 'a job waits for the other host' taking_part 1
run on login slurmq submit -n 1
is_status 0
is_err ''
wait $first
is $? 0 "the job's process ends"
is "$(setting .locks.reach | tr ' ' '\n' | sort | xargs)" 'login n1' 'for these two hosts'

# Locks do not reach the other host

export PLAY_LOCKS=local
folder local
beside n1
first=$!
ok_within 20 'the first host waits for the other' taking_part 1
beside n2
wait $!
is $? 0 'the second process ends'
wait $first
is $? 0 'the first process ends'
is "$(cat out.*)" '' 'nothing is printed'
is "$(cat err.*)" 'slurmq chain: the queue is paused: file locks do not reach from host to host here; slurmq status shows what to do' \
	'one process reports it'
is "$(setting .locks.local | tr ' ' '\n' | sort | xargs)" 'n1 n2' 'both hosts are named'
is "$(setting .locks.reach)" '' 'no other result is stored'
run slurmq status
is_status 0
is_err ''
like_out '^chain paused \(file locks do not reach from (n1 to n2|n2 to n1)\)'
like "$(slurmq status | xargs)" 'do not reach from n. to n., so two hosts could write .* man slurmq-storage.*; then: slurmq resume' \
	'the effect, and what to do'
run slurmq submit
is_status 0
like_out 'submitted 0 jobs; .*the queue is paused'
is "$(sql 'PRAGMA integrity_check')" ok 'the database is sound'
run slurmq resume --no-submit
is_status 0
is "$(setting .locks.local)$(setting .paused)" '' 'resume removes the result: the locks are tested again'
unset PLAY_LOCKS
beside n1
first=$!
ok_within 20 'a job waits again' taking_part 1
beside n2
wait $! $first
is "$(setting .locks.reach | wc -w)" 2 'the locks reach now'

# One host only; and a host that has died

folder one
beside n1
first=$!
ok_within 20 'the job waits for another host' taking_part 1
run on n1 slurmq chain --beside
is_status 0
is_err ''
run on n1 slurmq submit -n 1
is_status 0
is_err ''
is "$(setting .locks.reach)$(setting .locks.local)" '' 'another process of the same host is no second host'
kill -KILL $first
wait $first 2>/dev/null
ok 'the file of the dead process is left' taking_part 1
run on n2 slurmq submit -n 1
is_status 0
is_err ''
is "$(setting .locks.reach)$(setting .locks.local)" '' 'the file of a dead process is no second host'
ok 'that file is removed' taking_part 0
rm .slurmq/running/*
rm -r .slurmq/hosts
run on n1 slurmq chain --beside
is_status 0
is_err ''
ok 'a single host waits for no other' test ! -e .slurmq/hosts

# The end of a job is not delayed: SIGCONT

touch .slurmq/running/00000000000000aa.1.12,0,n2,2,0000000000000002
beside n1
first=$!
ok_within 20 'the job waits for another host' taking_part 1
kill -CONT $first
wait $first
is $? 0 'at SIGCONT it leaves'
ok 'its file is removed' taking_part 0

done_testing
