#!/bin/bash
# tasks of an array: a command sees no array, and its SLURM_JOB_ID means this job alone to Slurm's commands
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

state_of() {
	slurmq list --json "$1" | jq -r .state
}
is_state() {
	[ "$(state_of "$1")" = "$2" ]
}
states() {
	slurmq list --json "$1" | jq -r .state | sort | uniq -c | xargs
}
is_states() {
	[ "$(states "$1")" = "$2" ]
}
begun() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}

slurmq init >/dev/null
slurmq config sentinel off >/dev/null

# Packed in one array

cat >packed.yaml <<'END'
name: packed
params: {n: [1, 2, 3]}
run: |
  env >env.{n}
  srun -n1 env >srun.{n}
END
slurmq expand packed.yaml >/dev/null
run slurmq submit
is_status 0
is "$(sqlite3 -readonly .slurmq/jobs.db 'SELECT ntasks FROM submission')" 3 'one submission of three tasks'
ok 'all end' slurm_quiet 60
is "$(states packed)" '3 completed' 'all are completed'
is "$(grep -h '^SLURM_ARRAY_' env.*)" '' 'no command has a variable SLURM_ARRAY_*'
# srun sets COUNT, MIN, MAX and STEP from what slurmctld has of the job
is "$(grep -hE '^SLURM_ARRAY_(JOB|TASK)_ID=' srun.*)" '' 'no task of srun has an index'
is "$(grep -h '^SLURM_JOB_ID=' env.* | sort -u | wc -l)" 3 'each has a SLURM_JOB_ID of its own'
like "$(slurmq log 3 | head -1)" "Slurm job [0-9]+_2 on n" 'the log names the job as squeue does'

# A job requeues itself: with the id of an array all tasks would be requeued

: >ledger
cat >requeue.yaml <<'END'
name: requeue
params: {n: [1, 2, 3]}
restartable: true
run: |
  echo {n} >>ledger
  if [ {n} = 3 ] && [ "$SLURMQ_ATTEMPT" = 1 ]; then
    until [ "$(wc -l <ledger)" = 3 ]; do sleep 0.1; done
    scontrol requeue $SLURM_JOB_ID
    sleep 100
  fi
  until [ -e go ]; do sleep 0.1; done
END
slurmq expand requeue.yaml >/dev/null
slurmq submit >/dev/null
ok_within 60 'the job begins again' begun 4
: >go
ok_within 60 'all are completed' is_states requeue '3 completed'
is "$(sort ledger | xargs)" '1 2 3 3' 'the others ran once'

# A job cancels itself

rm go
: >ledger
cat >cancel.yaml <<'END'
name: cancel
params: {n: [1, 2, 3]}
run: |
  echo {n} >>ledger
  if [ {n} = 3 ]; then
    until [ "$(wc -l <ledger)" = 3 ]; do sleep 0.1; done
    scancel "$SLURM_JOB_ID"
    sleep 100
  fi
  until [ -e go ]; do sleep 0.1; done
END
slurmq expand cancel.yaml >/dev/null
slurmq submit >/dev/null
ok_within 60 'it is cancelled' is_state 9 cancelled
: >go
ok_within 60 'all end' is_states cancel '1 cancelled 2 completed'
is "$(for i in 7 8 9; do state_of $i; done | xargs)" 'completed completed cancelled' 'and it alone'

done_testing
