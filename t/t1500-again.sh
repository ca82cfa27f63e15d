#!/bin/bash
# a sweep's retry policy, and jobs that the site requeues, on a real Slurm
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=40 MaxJobsPerUser=20 || bail_out 'no limits'

# folder NAME LIMIT: makes a folder and enters it
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" && slurmq init >/dev/null &&
		slurmq config limit "$2" >/dev/null && : >ledger
}
row() {
	slurmq list "$1" --json | jq -c '[.state, .reason, .exit_code, .tries, .again]'
}
slurm_id() {
	slurmq list "$1" --json | jq -r .slurm_job
}
# begun LINE...: the ledger has such lines
begun() {
	local line
	for line; do grep -qxF "$line" ledger || return 1; done
}
# over: nothing is pending or in flight; no command that could cause that is used
over() {
	[ "$(sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db \
		'SELECT sum(n) FROM counter WHERE state IN (0, 1, 2, 3)')" = 0 ]
}
is_state() {
	[ "$(squeue -h -t all -j "$1" -o %T 2>/dev/null)" = "$2" ]
}
reasons() {
	slurmq show "$1" --json | jq -c '[.[0].attempts[].reason]'
}

# A time limit: retried with twice the time. Slurm checks time limits twice a minute: the rest goes
# on meanwhile

folder limit 3
cat >sweep.yaml <<'END'
name: limit
params: {n: [1]}
sbatch: {time: 5}
retry: {TIMEOUT: {time: x2, max_time: 8}}
run: |
  cd "$SLURMQ_DIR/.."
  echo "$SLURMQ_ATTEMPT $(squeue -h -j "$SLURM_JOB_ID" -o %l)" >>ledger
  [ "$SLURMQ_ATTEMPT" = 2 ] || sleep 1000
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 30 'the job starts' begun '1 5:00'
ok 'its time is up' scontrol update jobid="$(slurm_id 1)" EndTime=now+1

# An exit code that is retried after a delay: Slurm waits for the delay, and no job has to stay

folder code 3
cat >sweep.yaml <<'END'
name: code
params: {n: [1, 2]}
retry: {max: 1, EXIT: {codes: [75], delay: 20s}}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} $SLURMQ_ATTEMPT >>ledger
  [ {n} = 1 ] || exit 1
  [ "$SLURMQ_ATTEMPT" = 2 ] || exit 75
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
waits() {
	[ "$(squeue -h -t PD -j "$(slurm_id 1)" -o %r 2>/dev/null)" = BeginTime ]
}
ok_within 20 'the retried job waits in Slurm' waits
run slurmq status
is_status 0
is_err ''
like_out '^1 job is retried later, the first in [0-9]+s$'
like_out '^chain alive,'
run slurmq show 1
like_out '^job 1 of code: queued( BeginTime)?$'
like_out "^retried     1 by the sweep's policy$"
like_out '^next try    .* \(in [0-9]+s\)$'
run slurmq list 1
like_out '^ *1  queued again( BeginTime)? +1 '
run slurmq retry 1
is_status 0
is_err ''
like_out "^nothing to retry: job 1 is retried by its sweep's policy, not before [-0-9]+ [0-9:]+; to retry now: slurmq cancel 1 && slurmq retry 1\$" 'retry reports why it does nothing'
is "$(row 2)" '["failed","EXIT",1,1,0]' 'another exit code is not retried'
run slurmq show 2
like_out "^no retry    the retry policy does not name exit code 1$"

# Requeued by the site, as the sweep allows: a new attempt, and no attempt runs twice

folder restart 3
cat >sweep.yaml <<'END'
name: restart
params: {n: [1]}
restartable: true
run: |
  cd "$SLURMQ_DIR/.."
  echo $SLURMQ_ATTEMPT >>ledger
  [ "$SLURMQ_ATTEMPT" = 2 ] || sleep 1000
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit --dry-run
like_out ' --requeue '
run slurmq submit
is_status 0
ok_within 30 'restart: the job starts' begun 1
restarted=$(slurm_id 1)
ok 'the site requeues it' scontrol requeue "$restarted"

# If the first supervisor cannot write the end, the requeued Slurm job does

folder twin 3
sed s/restart$/twin/ ../restart/sweep.yaml >sweep.yaml
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 30 'twin: the job starts' begun 1
twin=$(slurm_id 1)
read -r _ _ _ _ _ pid <<<"$(cat .slurmq/running/*)"
ok 'twin: its supervisor hangs' kill -STOP "$pid"
ok 'twin: the site requeues it' scontrol requeue "$twin"

# The same if the sweep does not allow it, and the site forces it

folder plain 3
cat >sweep.yaml <<'END'
name: plain
params: {n: [1, 2]}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} $SLURMQ_ATTEMPT >>ledger
  [ {n} = 2 ] || sleep 1000
END
slurmq config limit 2 >/dev/null
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 30 'plain: the job starts' begun '1 1'
plain=$(slurm_id 1)
ok 'plain: the site permits a requeue' scontrol update jobid="$plain" requeue=1
ok 'plain: the site requeues it' scontrol requeue "$plain"

# A requeued job waits for two minutes by default

for again in "$restarted" "$plain" "$twin"; do
	ok_within 30 "$again waits in the queue" is_state "$again" PENDING
	ok 'its wait is made short' scontrol update jobid="$again" StartTime=now+3
done

# Out of memory: this Slurm has no cgroups, so the test writes the end that slurmq run writes with
# cgroups

folder memory 3
cat >sweep.yaml <<'END'
name: memory
params: {n: [1]}
sbatch: {mem-per-cpu: 1536M}
retry: {OUT_OF_MEMORY: {mem: x2, max_mem: 4G}}
run: |
  cd "$SLURMQ_DIR/.."
  echo "$SLURMQ_ATTEMPT $(squeue -h -j "$SLURM_JOB_ID" -o %m)" >>ledger
  [ "$SLURMQ_ATTEMPT" = 2 ] || sleep 1000
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 30 'memory: the job starts' begun '1 1.50G'
ran=$(slurm_id 1)
ok 'memory: its supervisor dies' scancel --signal=KILL --batch "$ran"
ok_within 30 'memory: Slurm shows that' is_state "$ran" FAILED
journal=$(ls .slurmq/running)
printf 'end failed 4 0 9 %s 0 0\n' "$(date +%s000)" >>".slurmq/running/$journal"
mv ".slurmq/running/$journal" ".slurmq/outbox/$journal"
run slurmq submit
is_status 0
is_out 'submitted 1 job; 0 pending, 1 in Slurm (limit 3, slurmq config limit)'
run slurmq show 1
like_out '^grown to    --mem-per-cpu=3G$'

# Near the limit the command gets a signal, saves its state, and exits with a code that is retried

folder checkpoint 3
cat >sweep.yaml <<'END'
name: checkpoint
params: {n: [1]}
checkpoint: USR2
retry: {EXIT: {codes: [75]}}
run: |
  cd "$SLURMQ_DIR/.."
  trap 'echo saved >>ledger; exit 75' USR2
  echo "$SLURMQ_ATTEMPT" >>ledger
  [ "$SLURMQ_ATTEMPT" = 2 ] || while :; do sleep 0.1; done
END
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 30 'checkpoint: the job starts' begun 1
ok 'checkpoint: the signal that Slurm sends before the limit' scancel --signal=USR1 --batch "$(slurm_id 1)"

# The results

cd ../checkpoint || exit
ok_within 60 'checkpoint: the sweep ends' over
is "$(row 1)" '["completed",null,0,2,1]' 'checkpoint: it is completed'
is "$(paste -sd, ledger)" 1,saved,2 'checkpoint: in two attempts, with the saved state'
like "$(slurmq log 1 --attempt 1)" 'the time limit is near: USR2 sent to the command' \
	'checkpoint: its log shows the signal'

cd ../plain || exit
ok_within 60 'plain: the chain goes on' over
is "$(row 1)" '["failed","PREEMPTED",null,1,0]' 'plain: it is failed, and was not tried again'
is "$(row 2)" '["completed",null,0,1,0]' 'plain: the other job is completed'
is "$(sort ledger)" $'1 1\n2 1' 'plain: each ran once'

cd ../memory || exit
ok_within 60 'memory: the sweep ends' over
is "$(paste -sd, ledger)" '1 1.50G,2 3G' 'memory: with twice as much'
is "$(reasons 1)" '["OUT_OF_MEMORY",null]' 'memory: the reason is stored'

cd ../restart || exit
spent() {
	grep -q 'the claim of this attempt is used or revoked: nothing was run' .slurmq/logs/*/*
}
ok_within 60 'restart: the sweep ends' over
ok_within 60 'restart: the requeued Slurm job ran nothing' spent
is "$(row 1)" '["completed",null,0,2,1]' 'restart: it is completed'
is "$(paste -sd, ledger)" 1,2 'restart: in two attempts, each once'
is "$(reasons 1)" '["PREEMPTED",null]' 'restart: the reason is stored'

cd ../twin || exit
ok_within 60 'twin: the sweep ends' over
is "$(row 1)" '["completed",null,0,2,1]' 'twin: it is completed'
is "$(paste -sd, ledger)" 1,2 'twin: in two attempts, each once'
is "$(reasons 1)" '["PREEMPTED",null]' 'twin: the reason is stored'

cd ../code || exit
ok_within 90 'code: the chain ends' over
is "$(row 1)" '["completed",null,0,2,1]' 'code: it is completed'
is "$(sort ledger | paste -sd,)" '1 1,1 2,2 1' 'code: in two attempts'

cd ../limit || exit
ok_within 90 'limit: the chain ends' over
is "$(row 1)" '["completed",null,0,2,1]' 'limit: it is completed'
is "$(paste -sd, ledger)" '1 5:00,2 8:00' 'limit: with more time, up to the ceiling'
is "$(reasons 1)" '["TIMEOUT",null]' 'limit: the reason is stored'

ok 'Slurm becomes empty' slurm_quiet
for name in limit code restart twin plain memory checkpoint; do
	cd "../$name" || exit
	is "$(find .slurmq/{claims,running,outbox,revoked,manifests} -mindepth 1)" '' "$name: no file is left over"
done

done_testing
