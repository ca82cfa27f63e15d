#!/bin/bash
# scancel of all jobs pauses the queue, whether the jobs are short or long: no job starts, none is
# lost
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=200 MaxJobsPerUser=90 || bail_out 'no limits'

# its jobs wait for ever
scontrol create PartitionName=down Nodes=ALL State=DOWN || bail_out 'no partition'

# sweep NAME LIMIT JOBS SECONDS [OPTIONS]
sweep() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" || return
	: >ledger
	cat >sweep.yaml <<-END
		name: $1
		params: {n: {from: 1, to: $3, step: 1}}
		sbatch: {${5-}}
		run: |
		  echo "begin {n} \$(date +%s.%N)" >>"$TEST_TMP/$1/ledger"
		  [ -e "$TEST_TMP/hurry" ] || sleep $4
		  echo "end {n}" >>"$TEST_TMP/$1/ledger"
	END
	slurmq init >/dev/null
	slurmq config limit "$2" >/dev/null
	slurmq expand sweep.yaml >/dev/null
}
begun() {
	[ "$(grep -c begin "$TEST_TMP/$1/ledger")" -ge "$2" ]
}
count_states() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' "$TEST_TMP/$1/.slurmq/jobs.db" \
		"SELECT ifnull(sum(n), 0) FROM counter WHERE state IN ($2)"
}
all_over() {
	[ "$(count_states "$1" 0,1,2,3)" = 0 ]
}
# is_paused NAME COMMAND: status reports the pause and its reason
is_paused() {
	like "$(slurmq status --json | jq -r '.chain | [.state, .why] | join(" ")')" \
		'^paused all [0-9]+ jobs were cancelled in Slurm at [0-2][0-9]:[0-5][0-9]$' "$1: paused, by $2"
}

sweep long-6 6 30 20
sweep long-20 20 70 20
sweep short-6 6 100 1
sweep short-20 20 300 1
sweep pending-6 6 20 1 'partition: down'
names='long-6 long-20 short-6 short-20 pending-6'
for name in $names; do
	cd "$TEST_TMP/$name" || exit
	run slurmq submit
	is_status 0 "$name: submitted"
done

wait_for 60 'jobs run and chain' begun short-20 40
run scancel -u "$(id -un)"
is_status 0 'scancel of all jobs'
cancelled=$(date +%s.%N)
# only waiting can show that nothing more comes
sleep 15
ok 'no job and no sentinel is left in Slurm' slurm_quiet 5
for name in $names; do
	cd "$TEST_TMP/$name" || exit
	is "$(awk -v t="$cancelled" '$1 == "begin" && $3 > t + 15' ledger)" '' "$name: no command started"
	is_paused "$name" 'status'
	run slurmq chain
	is_status 0 "$name: chain, as cron does"
	is_paused "$name" 'chain'
	run timeout 20 slurmq chain --sentinel
	is_status 0 "$name: chain, as the sentinel does"
	is_paused "$name" 'the sentinel'
	cp ledger ledger.then
done
is "$(squeue -h)" '' 'Slurm is still empty'
scontrol update PartitionName=down State=UP
touch "$TEST_TMP/hurry"
for name in $names; do
	cd "$TEST_TMP/$name" || exit
	is "$(<ledger)" "$(<ledger.then)" "$name: no job has run"
	run slurmq status
	like_out '^chain paused \(all [0-9]+ jobs were cancelled in Slurm at ..:..\)'
	like_out '^! the queue is paused: slurmq resume$'
	run slurmq resume
	is_status 0 "$name: resume"
	like_out '^the queue is no longer paused$'
	like_out '^submitted [0-9]+ jobs;'
done

for name in $names; do
	ok_within 90 "$name: the sweep ends" all_over "$name"
	cd "$TEST_TMP/$name" || exit
	is "$(sed 's/^\([a-z]* [0-9]*\).*/\1/' ledger | sort | uniq -d)" '' "$name: none has run twice"
	is "$(slurmq list -s completed --json | jq -r .id | grep -vxFf <(sed -n 's/^end //p' ledger))" '' \
		"$name: each that is completed has run"
	is "$(count_states "$name" 5)" 0 "$name: the others are cancelled, none has failed"
done
ok 'Slurm becomes empty' slurm_quiet 60

done_testing
