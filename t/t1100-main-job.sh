#!/bin/bash
# 200 jobs through a queue of 20, with no command after the first submit
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=10 || bail_out 'no limits'

cat >sweep.yaml <<'END'
name: main
params:
  model: [one, two words]
  seed: {from: 1, to: 100, step: 1}
run: |
  echo "$SLURMQ_JOB_ID|{model}|{seed}|$SLURM_JOB_ID" >>"$SLURMQ_DIR/../ledger"
  sleep 0.2
END

# Queries the database without slurmq, whose commands would ingest outbox/
sql() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
in_slurm() {
	squeue -h -r -t pending,configuring,running,suspended | wc -l
}

run slurmq init
is_status 0
is_out "made $TEST_TMP/.slurmq; next: slurmq expand FILE"
is_err ''
run slurmq expand sweep.yaml
is_status 0
is_out 'main: 200 jobs added (200 steps); next: slurmq submit'
is_err ''
run slurmq submit
is_status 0
is_out 'submitted 18 jobs; 182 pending, 18 in Slurm (limit 20, qos normal)'
is_err ''

# From here to the end of the last job no command of slurmq is typed

most=0 sum=0 n=0 end=$((SECONDS + 240))
while pending=$(sql 'SELECT sum(n) FROM counter WHERE state = 0') && [ $SECONDS -lt $end ]; do
	now=$(in_slurm)
	[ "$now" -le "$most" ] || most=$now
	[ "$pending" -gt 0 ] || break
	sum=$((sum + now)) n=$((n + 1))
	sleep 0.1
done
is "$pending" 0 'all jobs were submitted'
note "in Slurm while jobs were pending: at most $most, on average $((n ? sum / n : 0)) of $n samples"
ok 'never more than 20 in Slurm' test "$most" -le 20
ok 'enough samples' test "$n" -ge 10
ok 'on average at least 15' test "$sum" -ge $((15 * n))
ok 'the queue becomes empty' slurm_quiet 120

# Each job ran once, with its own parameters

expected() {
	local id=0 model seed
	for model in one 'two words'; do
		for ((seed = 1; seed <= 100; seed++)); do
			id=$((id + 1))
			printf '%d|%s|%d\n' $id "$model" $seed
		done
	done
}
is "$(cut -d'|' -f1-3 ledger | sort -n)" "$(expected)" 'each of the 200 jobs ran once, with its parameters'
is "$(cut -d'|' -f4 ledger | sort -u | wc -l)" 200 'each job has its own Slurm job'

# The folder, before the next command

is "$(find .slurmq/{claims,running,outbox,revoked,manifests} -mindepth 1)" '' 'no file is left over'
is "$(sql 'PRAGMA integrity_check')" ok 'the database is sound'
is "$(sql 'SELECT state, n FROM counter WHERE n <> 0 ORDER BY state')" '4|200' 'counters'
is "$(sql 'SELECT state, count(*) FROM job GROUP BY state')" '4|200' 'rows'
is "$(sql 'SELECT count(*), count(DISTINCT job) FROM attempt WHERE started > 0')" '200|200' \
	'as many attempts were started'
is "$(sql 'SELECT count(*) FROM attempt WHERE completed')" 200 'as many were completed'
is "$(sql 'SELECT count(*) FROM attempt WHERE closed = 0')" 0 'no attempt is open'
is "$(sql 'SELECT j.id, a.slurm_id FROM job j JOIN attempt a ON a.id = j.attempt ORDER BY j.id')" \
	"$(cut -d'|' -f1,4 ledger | sort -n)" "the database has each job's Slurm id"

# A submission may come while ended jobs still use their slots: Slurm refuses it, and its jobs are
# pending again. Nothing else may happen to a submission.

is "$(sql 'SELECT sum(ntasks) FROM submission WHERE answer = 1')" 200 'Slurm accepted 200 jobs'
is "$(sql "SELECT answer, text FROM submission WHERE answer <> 1
	AND text NOT LIKE 'QOSMaxSubmitJobPerUserLimit%'")" '' 'it refused none but for its limit'
is "$(sql 'SELECT count(*) FROM attempt WHERE started = 0')" \
	"$(sql 'SELECT ifnull(sum(ntasks), 0) FROM submission WHERE answer <> 1')" \
	'attempts that never started are those that Slurm refused'
note "refused by the limit: $(sql 'SELECT count(*) FROM submission WHERE answer <> 1') of" \
	"$(sql 'SELECT count(*) FROM submission') submissions"

# Output of the commands

run slurmq status --json
is_status 0
is_err ''
is "$(jq -c '[.sweeps[] | [.name, .jobs, .counts.completed]]' "$out_file")" '[["main",200,200]]' \
	'status: 200 completed'
is "$(jq -c '[.counts[]] | add' "$out_file")" 200 'no other state'
is "$(jq -c '[.counts.completed, .in_flight, .limit, .chain.state]' "$out_file")" \
	'[200,0,{"jobs":20,"from":"qos normal"},"done"]' 'the limit, and the chain'
run slurmq status
is_status 0
like_out '^main +\[#+\] 200/200$'
like_out '^chain done, last refill (.* ago|just now); 0 in Slurm, limit 20 \(qos normal\)$'
run slurmq list --json
is_status 0
is_err ''
is "$(jq -s -c '[length, ([.[].slurm_job] | unique | length), ([.[].id] | unique | length)]' \
	"$out_file")" '[200,200,200]' 'list: a Slurm job each'
is "$(jq -c '[.state, .reason, .tries, .exit_code, .signal]' "$out_file" | sort | uniq -c |
	sed 's/^ *//')" '200 ["completed",null,1,0,null]' 'each completed at its first try'
is "$(jq -r '"\(.id)|\(.params.model)|\(.params.seed)"' "$out_file")" "$(expected)" \
	'with its parameters'
is "$(jq -c 'select(.node == null or .queued == null or .started == null or .ended == null
	or .queued > .ended or .started > .ended)' "$out_file")" '' 'with a node, and times in their order'
run slurmq submit
is_status 0
is_out 'nothing to submit'
is_err ''
is "$(squeue -h -t pending,running)" '' 'nothing was submitted'

done_testing
