#!/bin/bash
# .slurmq is removed while jobs run: each ends with its command, with its status, and says so; so does the sentinel
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

begun() {
	[ -e ledger ] && [ "$(wc -l <ledger)" = 4 ]
}
# ended: every job that began has a final state in the accounting, and how it exited
ended() {
	sacct -n -X -P -j "$(cut -d' ' -f2 ledger | paste -sd,)" -o jobid,state,exitcode | sort >ends
	! grep -q 'RUNNING\|PENDING\|COMPLETING' ends && [ "$(wc -l <ends)" = 4 ]
}

cat >sweep.yaml <<'END'
name: s
params: {status: {from: 0, to: 3, step: 1}}
run: |
  echo {status} ${SLURM_JOB_ID} >>ledger
  until [ -e go ]; do sleep 0.1; done
  exit {status}
END
slurmq init >/dev/null
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 60 'four jobs run' begun
sentinel=$(squeue -h -r -t pending -o '%i %j' | awk '$2 ~ /^slurmq-sentinel/ { print $1 }')
like "$sentinel" '^[0-9]+$' 'the sentinel waits'
mkdir logs
ln .slurmq/logs/*/*.log logs
rm -rf .slurmq
: >go
# a job that waits for the folder stays for a minute, which is longer than this
ok_within 30 'they end with their commands' ended
is "$(cut -d'|' -f2,3 ends | sort | xargs)" 'COMPLETED|0:0 FAILED|1:0 FAILED|2:0 FAILED|3:0' \
	'with the status of each'
is "$(grep -c "'$PWD/.slurmq' was removed while this job ran: its end is not stored, and it submits no job$" logs/* |
	cut -d: -f2 | xargs)" '1 1 1 1' 'and each says why it stops'
ok 'the folder stays away' test ! -e .slurmq
is "$(squeue -h -r -o %i)" "$sentinel" 'only the sentinel is left'
scontrol update "JobId=$sentinel" StartTime=now
ok 'which ends at its next start' slurm_quiet 60

done_testing
