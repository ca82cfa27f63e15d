#!/bin/bash
# jobs that are cancelled in Slurm while others are left: the chain goes on to the end of the sweep,
# and the queue is not paused
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=200 MaxJobsPerUser=90 || bail_out 'no limits'

# The sweeps run at the same time. No command of slurmq is used until they are over, unless the test
# is about it.

# sweep NAME LIMIT JOBS COMMAND
sweep() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" || return
	: >ledger
	cat >sweep.yaml <<-END
		name: $1
		params: {n: {from: 1, to: $3, step: 1}}
		run: |
		  echo {n} >>"$TEST_TMP/$1/ledger"
		  $4
	END
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit "$2" >/dev/null 2>&1
	slurmq expand sweep.yaml >/dev/null
}
# start NAME BEGUN: submits, and waits until BEGUN commands have started
start() {
	cd "$TEST_TMP/$1" || return
	run slurmq submit
	is_status 0 "$1: submitted"
	wait_for 60 "$1 runs" ledger_has "$1" "$2"
}
ledger_has() {
	[ "$(wc -l <"$TEST_TMP/$1/ledger")" -ge "$2" ]
}
count_states() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' "$TEST_TMP/$1/.slurmq/jobs.db" \
		"SELECT ifnull(sum(n), 0) FROM counter WHERE state IN ($2)"
}
all_over() {
	[ "$(count_states "$1" 0,1,2,3)" = 0 ]
}
# in_slurm NAME: the Slurm jobs of a sweep that wait or run
in_slurm() {
	squeue -h -r -t pending,running -o '%i %j' | sed -n "s/ $1\..*//p"
}
# A short job may have ended before scancel reaches it
cancel_one() {
	local job
	job=$(in_slurm "$1" | shuf -n 1)
	[ -n "$job" ] && scancel "$job" && ! squeue -h -t completed -j "$job" 2>/dev/null | grep -q .
}
# ended NAME JOBS MOST: all jobs are over, MOST at most are cancelled, each other one has run once
ended() {
	local name=$1 jobs=$2 most=$3 cancelled
	ok_within 120 "$name: the sweep ends" all_over "$name"
	cd "$TEST_TMP/$name" || return
	cancelled=$(count_states "$name" 6)
	ok "$name: $cancelled are cancelled, at most $most" [ "$cancelled" -le "$most" ]
	is "$(count_states "$name" 4)" $((jobs - cancelled)) "$name: all others are completed"
	is "$(sort -n ledger | uniq -d)" '' "$name: none has run twice"
	ok "$name: each that is completed has run" \
		[ "$(sort -u ledger | wc -l)" -ge $((jobs - cancelled)) ]
	is "$(slurmq status --json | jq -c '[.chain.state, .chain.why]')" '["done",null]' "$name: not paused"
}

while read -r limit seconds jobs; do
	sweep "one-$limit-$seconds" "$limit" "$jobs" "sleep $seconds"
done <<'END'
3 0 30
3 2 12
6 0 60
6 2 25
20 0 160
20 2 70
END
sweep only 2 3 '[ {n} != 1 ] || sleep 1000'
sweep some 6 12 'case {n} in [1-5]) sleep 10 ;; esac'
sweep own 6 20 'sleep 2'

# Two of several, while three are left that were there before: the five that a person submitted

start some 5
for job in $(in_slurm some | head -n 2); do
	ok "some: scancel of $job" scancel "$job"
	sleep 1
done

# The only job: nothing is left that could go on

start only 1
ok 'only: scancel of the only job' scancel "$(in_slurm only)"

# One job, with small and large limits, of jobs that end at once and jobs that last a little

for limit in 3 6 20; do
	for seconds in 0 2; do
		start one-$limit-$seconds $((limit + 2))
		ok_within 20 "limit $limit, $seconds s: one is cancelled" cancel_one one-$limit-$seconds
	done
done

# slurmq cancel of several that run is no external cancel: nothing is held up

start own 6
mapfile -t ids < <(slurmq list -s running --json | jq -r .id | head -n 3)
run slurmq cancel --yes "${ids[@]}"
is_status 0 "own: cancel of ${#ids[@]}"
ok_within 8 'own: the chain goes on at once' ledger_has own $(($(wc -l <ledger) + 5))

cd "$TEST_TMP/only" || exit
is_stalled() {
	grep -q '^chain stalled (the only job was cancelled)' <<<"$(slurmq status)"
}
ok_within 30 'only: status reports it' is_stalled
is "$(slurmq status --json | jq -c '[.chain.state, .chain.why]')" \
	'["stalled","the only job was cancelled"]' 'only: for programs as well'
run slurmq submit
is_status 0 'only: submit'
like_out '^submitted 1 job; 1 pending' 'only: submit goes on'

while read -r name jobs most; do
	ended "$name" "$jobs" "$most"
done <<'END'
own 20 3
only 3 1
one-3-0 30 1
one-3-2 12 1
one-6-0 60 1
one-6-2 25 1
one-20-0 160 1
one-20-2 70 1
some 12 2
END
ok 'Slurm becomes empty' slurm_quiet 60

done_testing
