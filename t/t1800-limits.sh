#!/bin/bash
# a limit that changes while a sweep runs, and one QOS that is full while another is not
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# folder NAME: go to a new one
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null && : >ledger
}
# sql TEXT: a question to the database of this folder, by no command of slurmq's
sql() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
ledger_has() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}
# Of one QOS, sentinels too
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
# all_ran JOBS: with no command of slurmq's until all has gone
all_ran() {
	ok_within 120 "all $1 jobs ran" ledger_has "$1"
	ok 'the queue becomes empty' slurm_quiet
	is "$(sort -n ledger)" "$(seq "$1")" 'each once'
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
ok 'and a sentinel' at_least 19
run slurmq status --json
is "$(jq -c .limit "$out_file")" '{"jobs":20,"from":"qos normal"}' 'the limit and where it is from'
slurm_set_limits MaxSubmitJobsPerUser=5
touch go
ok_within 60 'the lower limit is learnt' learnt 5
ok_within 60 'what is in Slurm shrinks to it' at_most 5
before=$(wc -l <ledger)
ok_within 60 'and the chain goes on' ledger_has $((before + 8))
ok 'with work left' test "$(sql 'SELECT n FROM counter WHERE state = 0')" -gt 20
slurm_set_limits MaxSubmitJobsPerUser=50 MaxJobsPerUser=50
rm go
# it is asked for every half hour: let that have gone by
sql "UPDATE setting SET value = value - 1900000 WHERE key = '.limit.at'"
touch go
ok_within 60 'the higher one, too' learnt 50
ok_within 60 'the queue is filled further' at_least 12
all_ran 100

# Two QOS, of which one takes three jobs; those that want it come first

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
is "$(in_slurm extra)" 3 'three are in the full one'
ok 'and many in the other' test "$(in_slurm normal)" -ge 8
run slurmq status
is_status 0
like_out '^! Slurm accepts no more jobs of partition main of QOS extra than 3: others continue; retried (in [0-9.hms ]+, or )?when one of them ends'
run slurmq status --json
is "$(jq -c '.blocked | map([.account, .partition, .qos, .in_flight, (.until | type)])' "$out_file")" \
	'[[null,"main","extra",3,"string"]]' 'for programs'
# jobs of the other one end, and the chain goes on with the other one alone
touch go.normal
normal_done() {
	[ "$(grep -c '^normal' ledger)" = 30 ]
}
ok_within 90 'all thirty of the other one run' normal_done
is "$(grep -c '^extra' ledger)" 3 'while the full one stays full'
is "$(in_slurm extra)" 3 'its three are there'
nok 'nobody has asked sbatch for it time and again' \
	test "$(sacct -n -X -q extra -o jobid 2>/dev/null | wc -l)" -gt 40
touch go
ok_within 120 'then the others of it follow' ledger_has 60
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
