#!/bin/bash
# limits of 2 and 3, a limit that changes, and a limit that the user's other jobs fill
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# sql TEXT: queries the database of this folder without slurmq
sql() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
in_slurm() {
	squeue -h -r -t pending,configuring,running,suspended | wc -l
}
# folder NAME: makes a folder and enters it
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null && : >ledger
}
# sweep JOBS COMMAND: jobs that write a line each, and then run the command
sweep() {
	cat >sweep.yaml <<-END
		name: small
		params:
		  n: {from: 1, to: $1, step: 1}
		run: |
		  cd "\$SLURMQ_DIR/.."
		  echo {n} >>ledger
		  $2
	END
	slurmq expand sweep.yaml >/dev/null
}
ledger_has() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}
# no command of slurmq is typed until all jobs have left
all_ran() {
	ok_within 120 "$2: all $1 jobs ran" ledger_has "$1"
	ok "$2: the queue becomes empty" slurm_quiet
	is "$(sort -n ledger)" "$(seq "$1")" "$2: each ran once"
	run slurmq status --json
	is_status 0
	is_err ''
	is "$(jq -c '[.counts.completed, (.counts | add), .in_flight, .chain.state]' "$out_file")" \
		"[$1,$1,0,\"done\"]" "$2: all are completed"
}

# 2 and 3: a job that ends still uses its own slot when it submits its successor

for limit in 2 3; do
	slurm_set_limits MaxSubmitJobsPerUser=$limit MaxJobsPerUser=$limit || bail_out 'no limits'
	folder "limit-$limit"
	sweep 12 true
	run slurmq submit
	is_status 0
	is_err ''
	is_out "submitted $((limit - 1)) job$([ $limit = 2 ] || echo s); $((13 - limit)) pending, $((limit - 1)) in Slurm (limit $limit, qos normal)"
	all_ran 12 "limit $limit"
done

# 20, 5, 20

slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=10 || bail_out 'no limits'
folder changes
sweep 70 'until [ -e go ]; do sleep 0.05; done; sleep 0.1'
run slurmq submit
is_status 0
is_out 'submitted 18 jobs; 52 pending, 18 in Slurm (limit 20, qos normal)'
slurm_set_limits MaxSubmitJobsPerUser=5
touch go
learnt() {
	[ "$(sql "SELECT value FROM setting WHERE key = '.limit.jobs'")" = "$1" ]
}
ok_within 60 'slurmq learns the lower limit' learnt 5
at_most() {
	[ "$(in_slurm)" -le "$1" ]
}
at_least() {
	[ "$(in_slurm)" -ge "$1" ]
}
ok_within 60 'the number of jobs in Slurm shrinks to it' at_most 5
before=$(wc -l <ledger)
ok_within 60 'the chain goes on' ledger_has $((before + 4))
ok 'work is left' test "$(sql 'SELECT n FROM counter WHERE state = 0')" -gt 10
slurm_set_limits MaxSubmitJobsPerUser=20
# the limit is queried every half hour: make the last query older
sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db \
	"UPDATE setting SET value = value - 1900000 WHERE key = '.limit.at'"
ok_within 60 'slurmq learns the higher limit' learnt 20
ok_within 60 'the queue is filled again' at_least 8
all_ran 70 '20, 5, 20'

# Other jobs use all slots except those of the sweep's own jobs, and then these too

slurm_set_limits MaxSubmitJobsPerUser=5 MaxJobsPerUser=5 || bail_out 'no limits'
folder crowded
sweep 12 'touch "begun.{n}"; until [ -e go ] || [ -e "go.{n}" ]; do sleep 0.05; done'
run slurmq submit
is_status 0
is_out 'submitted 4 jobs; 8 pending, 4 in Slurm (limit 5, qos normal)'
others=()
other() {
	local id
	id=$(sbatch --parsable -J other -o /dev/null --wrap 'sleep 1000' 2>/dev/null) && others+=("$id")
}
ok 'another job uses the last slot' other
ok_within 30 'four jobs start' ledger_has 4
# crowd: one step towards a queue in which one job of the sweep is left; if a new job of the sweep
# got the slot first, it has to end too
crowd() {
	local begun places=$((5 - ${#others[@]})) let_go=(go.*)
	begun=$(wc -l <ledger)
	[ -e "${let_go[0]}" ] || let_go=()
	if [ $((begun - ${#let_go[@]})) -lt $places ]; then
		other || :
	elif [ $places -gt 1 ]; then
		touch "go.$((${#let_go[@]} + 1))"
	fi
	[ $places = 1 ]
}
ok_within 120 'other jobs use one slot after the other' crowd
begun=$(wc -l <ledger)
# the last job of the chain is always refused, and must not leave
touch "go.$begun"
staying() {
	grep -qs 'staying until a job is submitted' .slurmq/logs/*/*
}
ok_within 30 'the last job stays' staying
is "$(sql 'SELECT group_concat(id) FROM job WHERE state = 4')" "$(seq -s, "$begun")" \
	'all jobs that started are completed'
is "$(wc -l <ledger)" "$begun" 'no other job started'
is "$(squeue -h -n other -t pending,running | wc -l)" 4 'four other jobs are in Slurm'
nok 'no slot is free' other
touch go
scancel "${others[@]}"
all_ran 12 'after the crowd'

done_testing
