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

done_testing
