#!/bin/bash
# scancel of one job among others that are all young: the others go on with the chain, with no sentinel to help
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
export LEDGER=$TEST_TMP/ledger

# round NAME LIMIT JOBS: one job hangs, and is cancelled while all that is beside it began a moment ago
round() {
	local name=$1 limit=$2 jobs=$3 hung
	mkdir "$TEST_TMP/$name" && cd "$TEST_TMP/$name" || return
	: >"$LEDGER"
	cat >sweep.yaml <<-END
		name: $name
		params: {n: {from: 1, to: $jobs, step: 1}}
		run: |
		  echo {n} >>"\$LEDGER"
		  case {n} in 2) sleep 1000 ;; *) sleep 1 ;; esac
	END
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit "$limit" >/dev/null
	run slurmq expand sweep.yaml
	is_status 0 "$name: expanded"
	run slurmq submit
	is_status 0 "$name: submitted"
	is_err ''
	# all that was submitted by hand is over, but for the one that hangs
	ok_within 60 "$name: the chain runs" ledger_has $((2 * limit))
	hung=$(slurmq list 2 --json | jq -r .slurm_job)
	run scancel "$hung"
	is_status 0 "$name: scancel of $hung"
	ok_within 60 "$name: who ends now stays for a while" stays
	run slurmq status
	is_status 0
	like_out '^chain alive'
	ok_within 120 "$name: all others come to their end" all_over
	is "$(slurmq list --json | jq -r '[.id, .state, .tries] | join(" ")' | grep -v ' completed 1$')" \
		'2 cancelled 1' "$name: each in one try, and the one is cancelled"
	is "$(sort -n "$LEDGER" | paste -sd' ')" "$(seq -s' ' "$jobs")" "$name: each has run once"
	ok "$name: the queue is empty" slurm_quiet 60
}
ledger_has() {
	[ "$(wc -l <"$LEDGER")" -ge "$1" ]
}
stays() {
	grep -rqF 'jobs are being cancelled just now: staying until that is over' .slurmq/logs
}
all_over() {
	[ "$(sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db \
		'SELECT sum(n) FROM counter WHERE state IN (0, 1, 2, 3)')" = 0 ]
}

# Most of them are cancelled, by slurmq, which knows that these are meant: the rest goes on

most() {
	local ids
	mkdir "$TEST_TMP/most" && cd "$TEST_TMP/most" || return
	: >"$LEDGER"
	cat >sweep.yaml <<-'END'
		name: most
		params: {n: {from: 1, to: 40, step: 1}}
		run: |
		  echo {n} >>"$LEDGER"
		  sleep 1
	END
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit 8 >/dev/null
	run slurmq expand sweep.yaml
	is_status 0 'most: expanded'
	run slurmq submit
	is_status 0 'most: submitted'
	ok_within 60 'most: the chain runs' ledger_has 12
	mapfile -t ids < <(slurmq list -s queued,running --json | jq -r .id | head -n 5)
	run slurmq cancel --yes "${ids[@]}"
	is_status 0 "most: cancel of ${#ids[@]}"
	ok_within 120 'most: all others come to their end' all_over
	is "$(slurmq list --json | jq -r .state | sort -u | paste -sd' ')" 'cancelled completed' \
		'most: each is over'
	ok "most: no more than five are cancelled" \
		[ "$(slurmq list -s cancelled --json | wc -l)" -le 5 ]
	is "$(sort -n "$LEDGER" | uniq -d)" '' 'most: none has run twice'
	ok 'most: the queue is empty' slurm_quiet 60
}

# One after the other, of those that wait: by the third as many are cancelled as are left, and it goes on

by_one() {
	local _ job
	mkdir "$TEST_TMP/by_one" && cd "$TEST_TMP/by_one" || return
	: >"$LEDGER"
	cat >sweep.yaml <<-'END'
		name: by_one
		params: {n: {from: 1, to: 18, step: 1}}
		run: |
		  echo {n} >>"$LEDGER"
		  sleep 2
	END
	slurm_set_limits MaxSubmitJobsPerUser=100 MaxJobsPerUser=1 || bail_out 'no limits'
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit 6 >/dev/null
	slurmq expand sweep.yaml >/dev/null
	run slurmq submit
	is_status 0 'by one: submitted'
	ok_within 60 'by one: the chain runs' ledger_has 3
	for _ in 1 2 3; do
		job=$(squeue -h -r -t pending -o %i | tail -n 1)
		run scancel "$job"
		is_status 0 "by one: scancel of $job"
		# two of them end in between
		ok_within 60 'by one: the next' ledger_has $(($(wc -l <"$LEDGER") + 3))
	done
	ok_within 120 'by one: all others come to their end' all_over
	is "$(slurmq list --json | jq -r .state | sort | uniq -c | awk '{print $1, $2}' | paste -sd' ')" \
		'3 cancelled 15 completed' 'by one: each is over'
	is "$(sort -n "$LEDGER" | uniq -d)" '' 'by one: none has run twice'
	ok 'by one: the queue is empty' slurm_quiet 60
}

most
round eight 8 40
round four 4 20
round again 8 40
by_one

done_testing
