#!/bin/bash
# slurmctld does not answer for a while: the last job stays, and the sweep ends without a command
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

slurm_start limits='MaxSubmitJobsPerUser=4 MaxJobsPerUser=4' nodes=1 MessageTimeout=3
export LEDGER=$TEST_TMP/ledger
: >ledger
cat >sweep.yaml <<'EOF'
name: outage
params: {n: {from: 1, to: 10, step: 1}}
run: |
  echo {n} >>"$LEDGER"
  sleep 2
EOF
run slurmq init
is_status 0
run slurmq expand sweep.yaml
is_status 0
run slurmq submit
is_status 0
like_out '^submitted 3 jobs; 7 pending'

ledger_has() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}
staying() {
	grep -q 'no other job would go on with the chain' .slurmq/logs/*/*
}
wait_for 20 'three jobs run' ledger_has 3
slurm_ctld_stop
ok_within 60 'the last job stays' staying
run slurmq submit
is_status 75 'submit now fails with "try again"'
slurm_ctld_start
wait_for 20 'slurmctld answers' squeue

# A submission without a clear answer waits, by the age of its manifest: here its time is over at
# once.
done_all() {
	find .slurmq/manifests -type f -exec touch -c -d '1 hour ago' {} + 2>/dev/null
	[ "$(sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db 'SELECT count(*) FROM job WHERE state = 4')" = 10 ]
}
ok_within 120 'all ten are completed, without a command' done_all
is "$(sort -n ledger | uniq | wc -l)" 10 'every one has run'
is "$(sort -n ledger | uniq -d)" '' 'none has run twice'
run slurmq status
is_status 0
like_out 'outage .* 10/10'

done_testing
