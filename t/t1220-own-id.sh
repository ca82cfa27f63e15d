#!/bin/bash
# tasks of an array: a command sees no SLURM_ARRAY_*, and a Slurm command with its SLURM_JOB_ID acts
# on this job only
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# print_state JOB: prints the state of a job
print_state() {
	slurmq list --json "$1" | jq -r .state
}
is_state() {
	[ "$(print_state "$1")" = "$2" ]
}
# count_states SWEEP: prints the number of jobs in each state
count_states() {
	slurmq list --json "$1" | jq -r .state | sort | uniq -c | xargs
}
is_states() {
	[ "$(count_states "$1")" = "$2" ]
}
have_started() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}

slurmq init >/dev/null
slurmq config sentinel off >/dev/null

# Three jobs in one array

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
ok 'all jobs end' slurm_quiet 60
is "$(count_states packed)" '3 completed' 'all jobs are completed'
is "$(grep -h '^SLURM_ARRAY_' env.*)" '' 'no command has a variable SLURM_ARRAY_*'
# srun sets COUNT, MIN, MAX and STEP from the job record of slurmctld
is "$(grep -hE '^SLURM_ARRAY_(JOB|TASK)_ID=' srun.*)" '' 'no task of srun has an index'
is "$(grep -h '^SLURM_JOB_ID=' env.* | sort -u | wc -l)" 3 'each job has a SLURM_JOB_ID of its own'
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
ok_within 60 'the job starts again' have_started 4
: >go
ok_within 60 'all jobs are completed' is_states requeue '3 completed'
is "$(sort ledger | xargs)" '1 2 3 3' 'the other jobs ran once'

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
ok_within 60 'the job is cancelled' is_state 9 cancelled
: >go
ok_within 60 'all jobs end' is_states cancel '1 cancelled 2 completed'
is "$(for i in 7 8 9; do print_state $i; done | xargs)" 'completed completed cancelled' 'only this job is cancelled'

done_testing
