#!/bin/bash
# ends of all kinds: the result in the row of each, and the chain after it
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=40 MaxJobsPerUser=20 || bail_out 'no limits'

# With `slurmq config limit 2` one job of a folder is in Slurm at a time, so only its own end can
# continue the chain.

# folder NAME LIMIT: makes a folder and enters it
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null &&
		slurmq config limit "$2" >/dev/null && : >ledger
}
# row ID: prints the result of a job
row() {
	slurmq list "$1" --json | jq -c '[.state, .reason, .exit_code, .signal, .tries]'
}
rows() {
	slurmq list --json | jq -c '[.id, .state, .reason, .exit_code, .signal, .tries]'
}
# slurm_id ID: "1234", or "1234_5" of an array's task
slurm_id() {
	slurmq list "$1" --json | jq -r .slurm_job
}
# begun WORD...: the ledger has such lines
begun() {
	local word
	for word; do grep -qxF "$word" ledger || return 1; done
}
# over: nothing is pending or in flight; no command that could cause that is used
over() {
	[ "$(sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db \
		'SELECT sum(n) FROM counter WHERE state IN (0, 1, 2, 3)')" = 0 ]
}
# prints Slurm's state of a job
slurm_state() {
	squeue -h -t all -j "$1" -o %T 2>/dev/null
}
is_state() {
	[ "$(slurm_state "$1")" = "$2" ]
}

# A time limit. Slurm checks time limits twice a minute: the rest of this script goes on meanwhile

folder limit 2
cat >sweep.yaml <<'END'
name: limit
params:
  n: [1, 2, 3]
sbatch: {time: 5}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} >>ledger
  [ {n} != 1 ] || sleep 1000
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
is_err ''
is_out 'submitted 1 job; 2 pending, 1 in Slurm (limit 2, slurmq config limit)'
ok_within 30 'the job starts' begun 1
limited=$(slurm_id 1)
ok 'its time is up' scontrol update jobid="$limited" EndTime=now+1

# Jobs that fail by themselves

folder fails 2
cat >act <<'END'
#!/bin/bash
echo "$1" >>ledger
case $1 in
exit) exit 3 ;;
kill) kill -KILL $$ ;;
term) kill -TERM $$ ;;
esac
END
chmod +x act
echo 'no program' >plain
cat >sweep.yaml <<'END'
name: fails
params:
  what: [exit, not-found, not-executable, kill, term, good, in-script, last]
let:
  program: {by: what, map: {exit: ./act, not-found: ./nowhere, not-executable: ./plain, kill: ./act,
            term: ./act, good: ./act, in-script: ./act, last: ./act}}
steps:
  - name: first
    run: ["{program}", "{what}"]
  - name: script
    run: |
      case {what} in in-script) no-such-command-anywhere ;; esac
      echo {what} to its end >>ledger
END
run slurmq expand sweep.yaml
is_status 0
is_err ''
run slurmq submit
is_status 0
is_out 'submitted 1 job; 7 pending, 1 in Slurm (limit 2, slurmq config limit)'
is_err ''

# One of several running jobs is cancelled, by scancel and then by slurmq cancel

folder crowd 6
cat >sweep.yaml <<'END'
name: crowd
params: {n: {from: 1, to: 12, step: 1}}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} >>ledger
  until [ -e go ]; do sleep 0.1; done
  echo {n} to its end >>ledger
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
is_out 'submitted 5 jobs; 7 pending, 5 in Slurm (limit 6, slurmq config limit)'
is_err ''
ok_within 30 'five jobs start' begun 1 2 3 4 5
last=$(slurm_id 5)
array=${last%_*}
is "$last" "${array}_4" 'the jobs are an array'
ok 'scancel of a running job' scancel "$(slurm_id 2)"
# the task that Slurm started last has the id of the array
run slurmq cancel 5 --yes
is_status 0
is_err ''
is_out 'cancelled 1 job; 1 running is being ended'
both_ended() {
	[ "$(rows | grep -cE '^\[(2|5),"cancelled",')" = 2 ]
}
ok_within 30 'both end' both_ended
is "$(row 2)" '["cancelled","CANCELLED",null,15,1]' 'the first is cancelled'
is "$(row 5)" '["cancelled","CANCELLED",null,15,1]' 'the second is cancelled'
is "$(rows | grep -c '"running"')" 3 'three jobs continue'
is "$(squeue -h -r -j "$array" -t running -o %K | sort)" $'0\n2\n3' 'the three others'
touch go

# Jobs that wait in Slurm's queue are cancelled there: one job, and an array of which none has
# started

folder queued 2
cat >sweep.yaml <<'END'
name: queued
params: {n: {from: 1, to: 6, step: 1}}
sbatch: {nodelist: n3, cpus-per-task: 32}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} >>ledger
END
slurmq expand sweep.yaml >/dev/null
node_is() {
	[ "$(sinfo -h -n n3 -p main -o %C)" = "$1" ]
}
# jobs of the other folders on that node end soon, and this job comes first
taken=$(sbatch --parsable -J taken -o /dev/null -w n3 -c 32 --nice=-1000 --wrap 'sleep 1000')
ok_within 60 'another job uses the node' is_state "$taken" RUNNING
run slurmq submit
is_status 0
is_out 'submitted 1 job; 5 pending, 1 in Slurm (limit 2, slurmq config limit)'
one=$(slurm_id 1)
ok 'scancel of a waiting job' scancel "$one"
ok_within 10 'Slurm shows that' is_state "$one" CANCELLED
run slurmq sync
is_status 0
is_err ''
like_out '^queried Slurm: .*1 ended without a report'
is "$(row 1)" '["cancelled","CANCELLED",null,null,0]' 'the job is cancelled, and was never tried'
is "$(rows | grep -c '"pending"')" 5 'the others are pending'
slurmq config limit 4 >/dev/null
run slurmq submit
is_status 0
is_out 'submitted 3 jobs; 2 pending, 3 in Slurm (limit 4, slurmq config limit)'
several=$(slurm_id 2)
like "$several" '^[0-9]+_0$' 'an array follows'
several=${several%_0}
ok 'scancel of the whole array' scancel "$several"
run slurmq sync
is_status 0
is_err ''
like_out '^queried Slurm: .*3 ended without a report'
is "$(for i in 2 3 4; do row $i; done | uniq -c | sed 's/^ *//')" \
	'3 ["cancelled","CANCELLED",null,null,0]' 'all three are cancelled'
ok 'the node is free' scancel "$taken"
run slurmq submit
is_status 0
is_out 'submitted 2 jobs; 0 pending, 2 in Slurm (limit 4, slurmq config limit)'
ok_within 60 'the remaining jobs run' over
is "$(sort ledger)" $'5\n6' 'no other job ran'

# The site requeues a job: Slurm refuses that, since slurmq submits with --no-requeue. If the site
# forces it, the job is not run twice

folder again 2
cat >sweep.yaml <<'END'
name: again
params: {n: [1, 2, 3]}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} >>ledger
  [ {n} != 1 ] || sleep 1000
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 30 'the job starts' begun 1
again=$(slurm_id 1)
run scontrol requeue "$again"
is_status 1
like_err 'Requested operation is presently disabled'
is "$(slurm_state "$again")" RUNNING 'the job continues'
ok 'the site permits a requeue' scontrol update jobid="$again" requeue=1
ok 'the site requeues the job' scontrol requeue "$again"
# Slurm starts a requeued job after two minutes by default; in the same second its node would refuse
# it
ok_within 30 'the job waits in the queue' is_state "$again" PENDING
ok 'the wait is made short' scontrol update jobid="$again" StartTime=now+3
restarted() {
	grep -q 'the claim of this attempt is used or revoked: nothing was run' .slurmq/logs/*/*
}
ok_within 60 'the job starts for the second time, and runs nothing' restarted

# Meanwhile the other folders have gone on

cd ../fails || exit
ok_within 60 'fails: the chain ends' over
is "$(rows)" '[1,"failed","EXIT",3,null,1]
[2,"failed","EXIT",127,null,1]
[3,"failed","EXIT",126,null,1]
[4,"failed","SIGNAL",null,9,1]
[5,"failed","SIGNAL",null,15,1]
[6,"completed",null,0,null,1]
[7,"failed","EXIT",127,null,1]
[8,"completed",null,0,null,1]' 'fails: each row shows how it ended'
is "$(paste -sd, ledger)" 'exit,kill,term,good,good to its end,in-script,last,last to its end' \
	'fails: each ran once, to where it failed'
run slurmq log 2
is_status 0
like_out '\./nowhere'
like_out 'first: exit 127 after'
run slurmq log 4
like_out 'first: killed by signal 9 \(Killed\) after'
run slurmq status
is_status 0
like_out '^fails .* 2/8 +6 failed$'
like_out '^chain done,'

cd ../crowd || exit
ok_within 60 'crowd: the chain ends' over
is "$(rows | cut -d, -f2- | sort | uniq -c | sed 's/^ *//')" \
	'2 "cancelled","CANCELLED",null,15,1]
10 "completed",null,0,null,1]' 'crowd: all but those two are completed'
is "$(sort -n ledger | grep -v to | paste -sd' ')" "$(seq 12 | paste -sd' ')" 'crowd: each ran once'
is "$(grep -cE '^(2|5) to its end' ledger)" 0 'crowd: the two cancelled jobs did not reach their end'

cd ../again || exit
ok_within 90 'again: the chain ends' over
is "$(sort ledger | paste -sd' ')" '1 2 3' 'again: each ran once'
isnt "$(row 1 | jq -r '.[0]')" completed 'again: the requeued job is not completed'
is "$(row 1 | jq -c '.[2:]')" '[null,15,1]' 'again: it was not tried twice'
is "$(for i in 2 3; do row $i; done | uniq -c | sed 's/^ *//')" '2 ["completed",null,0,null,1]' \
	'again: the others are completed'

cd ../limit || exit
ok_within 90 'limit: the chain ends' over
is "$(rows)" '[1,"failed","TIMEOUT",null,15,1]
[2,"completed",null,0,null,1]
[3,"completed",null,0,null,1]' 'limit: its row shows that'
is "$(slurm_state "$limited")" TIMEOUT 'limit: Slurm shows the same'
is "$(paste -sd' ' ledger)" '1 2 3' 'limit: each ran once'
run slurmq list -s timeout --json
is_status 0
is_err ''
is "$(jq .id "$out_file")" 1 'limit: list finds it by that reason'

# no_files: nothing is left of the jobs; the manifest of a cancelled job stays until its cancel is
# decided
no_files() {
	slurmq sync >/dev/null
	[ -z "$(find .slurmq/{claims,running,outbox,revoked,manifests,cancelled} -mindepth 1 2>/dev/null)" ]
}

ok 'Slurm becomes empty' slurm_quiet
for name in limit fails crowd queued again; do
	cd "../$name" || exit
	ok_within 20 "$name: no file is left over" no_files
	is "$(sqlite3 -batch .slurmq/jobs.db 'SELECT count(*) FROM attempt WHERE closed = 0')" 0 \
		"$name: no attempt is open"
done

done_testing
