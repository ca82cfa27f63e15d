#!/bin/bash
# a cluster without accounting: the end of a job that slurmctld has forgotten is unknown
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

slurm_start accounting=none nodes=1 MinJobAge=5 KillWait=2
cat >sweep.yaml <<'END'
name: alone
params: {n: [1, 2, 3]}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} >>ledger
  until [ -e go ]; do sleep 0.1; done
END
: >ledger
run slurmq init
is_status 0
run slurmq expand sweep.yaml
is_status 0
run slurmq submit
is_status 0
is_out 'submitted 3 jobs; 0 pending, 3 in Slurm (limit 200, Slurm tells none)'
all_run() {
	[ "$(wc -l <ledger)" = 3 ]
}
ok_within 30 'all jobs run' all_run
run slurmq status
is_status 0

# One job dies without a report, and slurmctld forgets it before the next query

supervisor() {
	find .slurmq/running -name "*.$(($1 - 1)).*" | cut -d, -f4
}
rows() {
	slurmq list --json | jq -c '[.id, .state, .reason]' | paste -sd' '
}
# makes the times of missing jobs older, in ms
later() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "UPDATE job SET missing = missing - $1 WHERE missing"
}
forgotten() {
	! squeue -h -r -t all -o %K | grep -qx 0
}
ok 'the first job is killed' kill -9 "$(supervisor 1)"
ok_within 60 'slurmctld forgets the job' forgotten
run slurmq sync
is_status 0
is_err '' 'missing accounting is no error'
is_out 'queried Slurm: 1 not found, queried again later'
later 120000
run slurmq sync
is_out 'queried Slurm: 1 not found, queried again later' 'two minutes are too few'
later 600000
run slurmq sync
is_status 0
is_err ''
is_out 'queried Slurm: 1 given up as lost'
is "$(rows)" '[1,"failed","LOST"] [2,"running",null] [3,"running",null]' 'its end is unknown'

touch go
all_ended() {
	[ "$(rows)" = '[1,"failed","LOST"] [2,"completed",null] [3,"completed",null]' ]
}
ok_within 20 'the others end' all_ended
ok 'Slurm becomes empty' slurm_quiet
is "$(find .slurmq/{claims,running,outbox,revoked,manifests} -mindepth 1)" '' 'no file is left over'

done_testing
