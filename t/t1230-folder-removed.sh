#!/bin/bash
# .slurmq is removed while jobs run: each job ends with its command and the command's status, and
# reports the reason; the sentinel ends at its next start
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

have_started() {
	[ -e ledger ] && [ "$(wc -l <ledger)" = 4 ]
}
# have_ended: every started job has a final state in the accounting; writes these states to the file
# ends
have_ended() {
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
ok_within 60 'four jobs run' have_started
sentinel=$(squeue -h -r -t pending -o '%i %j' | awk '$2 ~ /^slurmq-sentinel/ { print $1 }')
like "$sentinel" '^[0-9]+$' 'the sentinel waits'
mkdir logs
ln .slurmq/logs/*/*.log logs
rm -rf .slurmq
: >go
# a job that waits for the folder stays for a minute, which is longer than this
ok_within 30 'the jobs end with their commands' have_ended
is "$(cut -d'|' -f2,3 ends | sort | xargs)" 'COMPLETED|0:0 FAILED|1:0 FAILED|2:0 FAILED|3:0' \
	'each job has the exit status of its command'
is "$(grep -c "'$PWD/.slurmq' was removed while this job ran: its end is not stored, and it submits no job$" logs/* |
	cut -d: -f2 | xargs)" '1 1 1 1' 'each job reports why it submits nothing'
ok 'no job makes the folder again' test ! -e .slurmq
is "$(squeue -h -r -o %i)" "$sentinel" 'only the sentinel is left'
scontrol update "JobId=$sentinel" StartTime=now
ok 'the sentinel ends at its next start' slurm_quiet 60

done_testing
