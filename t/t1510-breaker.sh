#!/bin/bash
# a mistake in a sweep, a missing folder or program, a bad node: few jobs are lost to it
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=60 MaxJobsPerUser=40 || bail_out 'no limits'

folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null &&
		slurmq config limit "$2" >/dev/null && : >ledger
}
count() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db \
		"SELECT ifnull(sum(n), 0) FROM counter WHERE state IN ($1)"
}
paused() {
	[ "$(sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db \
		"SELECT value FROM setting WHERE key = '.paused'")" = 1 ]
}
none_in_flight() {
	[ "$(count 1,2,3)" = 0 ]
}
over() {
	[ "$(count 0,1,2,3)" = 0 ]
}
# ended JOB N: Slurm shows N of its tasks as failed
ended() {
	[ "$(squeue -h -r -t all -j "$1" -o %T | grep -c FAILED)" = "$2" ]
}
slurm_id() {
	slurmq list "$1" --json | jq -r .slurm_job
}

# gone_over: the end of each job is known, or all have run
gone_over() {
	over || { slurmq sync >/dev/null && paused; }
}

# A typo in a sweep of 200

folder typo 6
cat >sweep.yaml <<'END'
name: typo
params: {n: {from: 1, to: 200, step: 1}}
run: [./trian.sh, "{n}"]
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 60 'ten failures pause the queue' paused
ok_within 60 'the jobs in Slurm end' none_in_flight
failed=$(count 5)
ok "few jobs failed: $failed" test "$failed" -ge 10 -a "$failed" -le 15
run slurmq status
is_status 0
like_out '^chain paused \(10 failures in a row, each within a minute of its start; the last: job '
like_out '^! the queue is paused: slurmq log [0-9]+ shows the last failure; fix the cause'
run slurmq submit
is_status 0
like_out 'paused'
# fixed as status advises
sed -i 's/trian/train/' sweep.yaml
cat >train.sh <<'END'
#!/bin/bash
echo "$1" >>ledger
END
chmod +x train.sh
run slurmq expand sweep.yaml
is_status 0
run slurmq retry --no-submit
is_status 0
run slurmq resume
is_status 0
is_err ''
like_out '^the queue is no longer paused$'
like_out '^submitted 5 jobs; 195 pending'
nok 'the queue is not paused' paused

# No log can be opened (a file has the folder's name), and the program is gone, before Slurm starts
# any job. Slurm 24.11.5 makes a missing folder of logs: see "gone" below

scontrol update partitionname=extra state=down || bail_out 'no partition'
at_exit scontrol update partitionname=extra state=up
for name in logs program gone; do
	folder $name 15
	cat >sweep.yaml <<END
name: $name
params: {n: {from: 1, to: 30, step: 1}}
sbatch: {partition: extra}
run: echo {n} >>ledger
END
	slurmq expand sweep.yaml >/dev/null
	run slurmq submit
	is_status 0
	like_out '^submitted 13 jobs'
done
rm -r ../logs/.slurmq/logs ../gone/.slurmq/logs
: >../logs/.slurmq/logs
rm ../program/.slurmq/bin/1
scontrol update partitionname=extra state=up
for name in logs program; do
	cd "../$name" || exit
	array=$(slurm_id 1)
	ok_within 60 "$name: Slurm shows them as failed" ended "${array%_*}" 13
	run slurmq sync
	is_status 0
	ok "$name: the queue is paused" paused
	is "$(count 5)" 13 "$name: the submitted jobs are failed"
	is "$(count 0)" 17 "$name: the others are pending"
	run slurmq status
	like_out '^chain paused \(10 failures in a row'
	is "$(wc -l <ledger)" 0 "$name: no job ran"
done

cd ../gone || exit
ok_within 60 'gone: its jobs end, or the queue is paused' gone_over
if [ -e .slurmq/logs ]; then
	ok_within 60 'gone: if Slurm makes the folder, all are completed' over
	is "$(count 4)" 30 'gone: each job'
	is "$(find .slurmq/logs -name '*.log' -size +0 | wc -l)" 30 'gone: each has its log'
else
	is "$(count 5)" 13 'gone: otherwise the submitted jobs are failed'
	is "$(wc -l <ledger)" 0 'gone: no job ran'
fi

# A node on which every job fails at once

folder node 8
cat >sweep.yaml <<'END'
name: node
params: {n: {from: 1, to: 60, step: 1}}
sbatch: {cpus-per-task: 16}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} $SLURMD_NODENAME >>ledger
  [ $SLURMD_NODENAME != n2 ]
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 120 'the chain ends, or stops' none_in_flight
ok 'all jobs have ended' over
failed=$(count 5)
ok "few failed there: $failed" test "$failed" -ge 3 -a "$failed" -le 12
is "$(tail -n 20 ledger | grep -c n2)" 0 'the last twenty ran elsewhere'
before=$(sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db "SELECT count(*) FROM attempt WHERE node = 'n2' AND ended <=
	(SELECT substr(value, -13) FROM setting WHERE key = '.node.n2')")
ok "it was excluded after $before failures" test "$before" -ge 3 -a "$before" -le 6
run slurmq status
is_status 0
like_out '^! excluded for a day, because jobs failed there within seconds: n2;'
run slurmq retry --no-submit
is_status 0
run slurmq submit --dry-run
is_status 0
like_out ' --exclude=n2 '
run slurmq resume --no-submit
is_status 0
like_out '^the queue was not paused$'
like_out '^1 node, where jobs failed at once, is no longer excluded$'
run slurmq submit --dry-run
unlike_out '--exclude'

cd ../typo || exit
ok_within 120 'typo: after the fix the sweep ends' over
is "$(count 4)" 200 'typo: all are completed'
is "$(sort -n ledger | uniq | wc -l)" 200 'typo: each ran'

# A value of a parameter with which every job fails: the others come to their end without a person

for order in file random; do
	folder value-$order 14
	cat >sweep.yaml <<END
name: value
params: {opt: [adam, lamb, sgd], lr: [1, 2], n: {from: 1, to: 12, step: 1}}
order: $order
sbatch: {exclusive: true}
run: |
  cd "\$SLURMQ_DIR/.."
  echo {opt} {lr} {n} >>ledger
  test -e fixed || [ {opt} != lamb ]
END
	slurmq expand sweep.yaml >/dev/null
	run slurmq submit
	is_status 0
	ok_within 180 "$order: the chain comes to its end without a person" over
	nok "$order: it is not paused" paused
	failed=$(count 5)
	is "$failed" 10 "$order: it cost ten jobs, although three run at a time"
	is "$(count 4)" 48 "$order: all others are completed"
	is "$(count 7)" $((24 - failed)) "$order: the rest of that value is held"
	is "$(slurmq list opt=lamb -s held,failed --json | wc -l)" 24 "$order: and nothing else is"
	run slurmq status
	is_status 0
	like_out "^! $((24 - failed)) jobs of value held: $failed of $failed with opt=lamb failed; slurmq release opt=lamb\$"
	held=$(slurmq list -s breaker --json | head -n 1 | jq .id)
	run slurmq show "$held"
	like_out '^job [0-9]+ of value: held BREAKER$'
	like_out "^held +$failed of $failed with opt=lamb failed; slurmq release opt=lamb\$"
	unlike_out '^  error ' # slurmq itself withdrew it from the queue
	# nothing of it is left in Slurm
	is "$(squeue -h -t PENDING -o %j | grep -c '^value')" 0 "$order: none of it waits in Slurm"
done
# fixed, and as status advises
: >fixed
run slurmq release opt=lamb
is_status 0
like_out "^released $((24 - failed)) jobs\$"
run slurmq retry opt=lamb
is_status 0
ok_within 120 'once fixed, all are completed' over
is "$(count 4)" 72 'all are completed'
is "$(sort ledger | uniq -c | awk '$1 > 2' | wc -l)" 0 'what had completed ran once'
run slurmq status
unlike_out '^!'

# Slurm accepts a job without checking nodes while others run, and later finds none for it without
# the excluded ones

slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=1 || bail_out 'no limits'
blocker=$(sbatch --parsable -o /dev/null --wrap 'sleep 1000')
runs() {
	[ "$(squeue -h -j "$blocker" -o %T)" = RUNNING ]
}
ok_within 60 'another job runs' runs
folder bad 8
cat >sweep.yaml <<'END'
name: bad
params: {n: [1, 2]}
run: |
  echo {n} >>"$SLURMQ_DIR/../ledger"
END
slurmq expand sweep.yaml >/dev/null
for node in n1 n2 n3; do
	sqlite3 -batch .slurmq/jobs.db "INSERT INTO setting VALUES ('.node.$node', '3 1 $(date +%s)000')"
done
run slurmq submit
is_status 0
like_out '^submitted 2 jobs; 0 pending'
scancel "$blocker"
stuck() {
	[ "$(squeue -h -r -t pending -o '%j %r' | grep -c '^bad.* BadConstraints$')" = 2 ]
}
ok_within 60 'Slurm would let them wait forever' stuck
run slurmq sync
is_status 0
is_out 'queried Slurm: 2 pending again'
run slurmq status
unlike_out 'excluded'
run slurmq submit
is_status 0
like_out '^submitted 2 jobs; 0 pending'
ok_within 60 'with all nodes the jobs run' over
is "$(sort ledger | paste -sd' ')" '1 2' 'each ran once'

done_testing
