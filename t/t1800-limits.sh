#!/bin/bash
# a limit that changes while a sweep runs, and one QOS that is full while another is not
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# folder NAME: makes a folder and enters it
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null && : >ledger
}
# sql TEXT: queries the database of this folder without slurmq
sql() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
ledger_has() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}
# in_slurm QOS: prints how many jobs, sentinels too, it has in Slurm
in_slurm() {
	squeue -h -r -t pending,configuring,running,suspended ${1+-q "$1"} | wc -l
}
at_most() {
	[ "$(in_slurm)" -le "$1" ]
}
at_least() {
	[ "$(in_slurm)" -ge "$1" ]
}
learnt() {
	[ "$(sql "SELECT value FROM setting WHERE key = '.limit.jobs'")" = "$1" ]
}
# all_ran JOBS: waits without a command of slurmq until all jobs have left
all_ran() {
	ok_within 120 "all $1 jobs ran" ledger_has "$1"
	ok 'the queue becomes empty' slurm_quiet
	is "$(sort -n ledger)" "$(seq "$1")" 'each ran once'
	run slurmq status --json
	is_status 0
	is_err ''
	is "$(jq -c '[.counts.completed, .in_flight, .chain.state, .sentinel.state]' "$out_file")" \
		"[$1,0,\"done\",\"none\"]" 'all are completed'
}

# 20, 5, 50

slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=20 || bail_out 'no limits'
folder changes
cat >sweep.yaml <<'END'
name: changes
params: {n: {from: 1, to: 100, step: 1}}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} >>ledger
  until [ -e go ]; do sleep 0.05; done
  sleep 0.2
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
is_out 'submitted 18 jobs; 82 pending, 18 in Slurm (limit 20, qos normal)'
ok 'the sentinel is in Slurm too' at_least 19
run slurmq status --json
is "$(jq -c .limit "$out_file")" '{"jobs":20,"from":"qos normal"}' 'the limit and its source'
slurm_set_limits MaxSubmitJobsPerUser=5
touch go
ok_within 60 'the lower limit is learnt' learnt 5
ok_within 60 'the number of jobs in Slurm shrinks to it' at_most 5
before=$(wc -l <ledger)
ok_within 60 'the chain goes on' ledger_has $((before + 8))
ok 'work is left' test "$(sql 'SELECT n FROM counter WHERE state = 0')" -gt 20
slurm_set_limits MaxSubmitJobsPerUser=50 MaxJobsPerUser=50
rm go
# the limit is queried every half hour: make the last query older
sql "UPDATE setting SET value = value - 1900000 WHERE key = '.limit.at'"
touch go
ok_within 60 'the higher limit is learnt' learnt 50
ok_within 60 'the queue is filled further' at_least 12
all_ran 100

# Two QOS, of which one accepts three jobs; its jobs come first

at_exit slurm_set_limits qos=extra MaxSubmitJobsPerUser=-1
slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=20 || bail_out 'no limits'
slurm_set_limits qos=extra MaxSubmitJobsPerUser=3 || bail_out 'no limits'
folder limit_groups
cat >sweep.yaml <<'END'
name: limit_groups
params:
  qos: [extra, normal]
  n: {from: 1, to: 30, step: 1}
sbatch: {qos: "{qos}", partition: main}
run: |
  cd "$SLURMQ_DIR/.."
  echo "{qos} {n}" >>ledger
  until [ -e go ] || { [ {qos} = normal ] && [ -e go.normal ]; }; do sleep 0.05; done
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
is_err ''
is "$(in_slurm extra)" 3 'three jobs are in the full QOS'
ok 'many jobs are in the other QOS' test "$(in_slurm normal)" -ge 8
run slurmq status
is_status 0
like_out '^Slurm accepts no more jobs of partition main of QOS extra than 3: others continue; retried (in [0-9.hms ]+, or )?when one of them ends'
run slurmq status --json
is "$(jq -c '.blocked | map([.account, .partition, .qos, .in_flight, (.until | type)])' "$out_file")" \
	'[[null,"main","extra",3,"string"]]' 'for programs'
# jobs of the other QOS end, and the chain goes on with that QOS only
touch go.normal
normal_done() {
	[ "$(grep -c '^normal' ledger)" = 30 ]
}
ok_within 90 'all thirty jobs of the other QOS run' normal_done
is "$(grep -c '^extra' ledger)" 3 'the full QOS stays full'
is "$(in_slurm extra)" 3 'its three jobs are in Slurm'
nok 'sbatch was not tried again and again for it' \
	test "$(sacct -n -X -q extra -o jobid 2>/dev/null | wc -l)" -gt 40
touch go
ok_within 120 'then its other jobs follow' ledger_has 60
ok 'the queue becomes empty' slurm_quiet
is "$(sort ledger | uniq -d)" '' 'each ran once'
run slurmq status --json
is "$(jq -c '[.counts.completed, .chain.state]' "$out_file")" '[60,"done"]' 'all are completed'

# A limit of one is explained

run slurmq config limit 1
is_status 0
is_out 'limit: 1'
like_err '^slurmq config: with limit 1 a running job has the only slot'
run slurmq config limit 3
is_status 0
is_err ''

done_testing
