#!/bin/bash
# scancel of everything ends a sweep of jobs so short that most of them are submitting when it comes
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
export LEDGER=$TEST_TMP/ledger
: >ledger
cat >sweep.yaml <<'EOF'
name: short
params: {n: {from: 1, to: 900, step: 1}}
run: |
  echo {n} >>"$LEDGER"
  sleep 0.2
EOF
run slurmq init
is_status 0
run slurmq expand sweep.yaml
is_status 0

ledger_has() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}
for round in 1 2 3; do
	had=$(wc -l <ledger)
	run slurmq submit
	is_status 0 "round $round: submitted"
	wait_for 60 'jobs run and chain' ledger_has $((had + 30))
	scancel -u "$(id -un)"
	ok "round $round: Slurm's queue becomes empty" slurm_quiet 60
	had=$(wc -l <ledger)
	last=$(squeue -h -t all -o %A | sort -n | tail -n 1)
	# nothing new: this takes a look over a while
	sleep 5
	is "$(wc -l <ledger)" "$had" "round $round: nothing runs any more"
	is "$(squeue -h -t all -o %A | sort -n | tail -n 1)" "$last" "round $round: nothing new was submitted"
done
is "$(sort -n ledger | uniq -d)" '' 'none has run twice'

# What is left where scancel's signals found nobody: those that wait are cancelled, what runs is over in a moment, and
# what that has submitted goes on. Three at a time, so that most of them wait.

slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=3 || bail_out 'no limits'
# those that stay until it is over, that were made just then and are not begun, or that end just then
seen() {
	grep -rqE 'jobs (are being|were) cancelled ' .slurmq/logs
}
in_state() {
	slurmq status --json | jq -r ".counts.$1"
}
for sentinel in auto off; do
	{ mkdir "$TEST_TMP/$sentinel" && cd "$TEST_TMP/$sentinel"; } || exit
	LEDGER=$PWD/ledger
	: >ledger
	sed 's/900/400/' ../sweep.yaml >sweep.yaml
	slurmq init >/dev/null
	slurmq config sentinel $sentinel >/dev/null
	run slurmq expand sweep.yaml
	is_status 0
	run slurmq submit
	is_status 0 "sentinel $sentinel: submitted"
	wait_for 60 'jobs run and chain' ledger_has 30
	scancel -u "$(id -un)" -t PENDING
	ok "sentinel $sentinel: Slurm's queue becomes empty" slurm_quiet 60
	ok "sentinel $sentinel: it was seen that they were cancelled" seen
	had=$(wc -l <ledger)
	last=$(squeue -h -t all -o %A | sort -n | tail -n 1)
	sleep 5
	is "$(wc -l <ledger)" "$had" "sentinel $sentinel: nothing runs any more"
	is "$(squeue -h -t all -o %A | sort -n | tail -n 1)" "$last" \
		"sentinel $sentinel: nothing new was submitted"
	# a person goes on at once, and what was cancelled says nothing of what comes then
	run slurmq submit
	is_status 0
	wait_for 60 'the chain goes on' ledger_has $((had + 60))
	is "$(sort -n ledger | uniq -d)" '' "sentinel $sentinel: none has run twice"
	slurmq pause >/dev/null
	slurm_cancel_all
	slurm_quiet 60
done

# Jobs that are there for a while, and are not ended, go on with the chain

{ mkdir "$TEST_TMP/spared" && cd "$TEST_TMP/spared"; } || exit
LEDGER=$PWD/ledger
: >ledger
cat >sweep.yaml <<'EOF'
name: spared
params: {n: {from: 1, to: 60, step: 1}}
run: |
  echo {n} >>"$LEDGER"
  case {n} in [123]) sleep 12 ;; *) sleep 0.2 ;; esac
EOF
slurmq init >/dev/null
run slurmq expand sweep.yaml
is_status 0
run slurmq submit
is_status 0 'spared: submitted'
three_for() {
	[ "$(squeue -h -t running -o %M | awk -F: -v s="$1" '$2 >= s' | wc -l)" = 3 ]
}
wait_for 60 'three run, for five seconds' three_for 5
scancel -u "$(id -un)" -t PENDING
gone=$(wc -l <ledger)
is "$gone" 3 'spared: three have begun'
ok_within 90 'spared: they went on with all that was not cancelled' ledger_has 40
ok 'spared: the queue becomes empty' slurm_quiet 60
ok 'spared: those that waited were cancelled' [ "$(in_state cancelled)" -ge 10 ]
is "$(in_state pending)" 0 'spared: and nothing was left'

done_testing
