#!/bin/bash
# eight submitters at the same moment for three free slots, again and again
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
# one job runs; the others wait, so that a cancelled one frees its slot at once, and no job ends by
# itself
slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=1 || bail_out 'no limits'

rounds=20 submitters=8 free=3 target=19

cat >sweep.yaml <<'END'
name: crowd
params:
  n: {from: 1, to: 200, step: 1}
run: [sleep, "1000"]
END

sql() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
slurmq init >/dev/null
slurmq config sentinel off >/dev/null
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
is_out 'submitted 19 jobs; 181 pending, 19 in Slurm (limit 20, qos normal)'
is_err ''
one_runs() {
	[ "$(squeue -h -t running | wc -l)" = 1 ] && slurmq status --json | jq -e '.counts.running == 1' >/dev/null
}
ok_within 20 'one job runs' one_runs
# Soon after its start a job refills the queue once: this must not happen in the middle of a round
old_enough() {
	[ "$(squeue -h -t running -o %M | awk -F: '{ print $1 * 60 + $2 }')" -ge 3 ]
}
wait_for 20 "the job's first refill" old_enough

# Each submitter waits behind the lock, with nothing left to do but to exec slurmq
cat >submitter <<'END'
#!/bin/bash
exec 8<barrier
touch "ready.$1"
flock -s 8
exec 8<&-
exec slurmq submit --json >"out.$1" 2>"err.$1"
END
chmod +x submitter
all_ready() {
	local i
	for ((i = 1; i <= submitters; i++)); do [ -e "ready.$i" ] || return 1; done
}
# Prints each job in Slurm as its id in the database
in_slurm() {
	# SWEEP.MANIFEST and an index, which name an attempt in the database
	squeue -h -r -t pending,configuring,running,suspended -o '%j %K' | sed 's/^crowd\.//; s%N/A$%0%' |
		while read -r manifest task; do
			printf "SELECT job FROM attempt WHERE id = (SELECT first + %d FROM submission WHERE printf('%%016x', id) = '%s');\n" \
				"$task" "$manifest"
		done >in_slurm.sql
	sql "$(<in_slurm.sql)" | sort -n
}

slowest=0 submitted='' statuses='' errors='' wrong='' doubled='' cancelled=''
exec 9>barrier
for ((round = 1; round <= rounds; round++)); do
	queued=$(sql "SELECT group_concat(id) FROM (SELECT id FROM job WHERE state = 2 ORDER BY id DESC LIMIT $free)")
	run slurmq cancel --yes "$queued"
	cancelled=$cancelled$status$out$err$'\n'
	rm -f ready.* out.* err.*
	flock 9
	pids=()
	for ((i = 1; i <= submitters; i++)); do
		spawn ./submitter $i 9>&-
		pids+=("$spawned")
	done
	wait_for 30 'the submitters to be ready' all_ready
	begin=${EPOCHREALTIME/./}
	flock -u 9
	for pid in "${pids[@]}"; do
		reap 90 "$pid"
		statuses=$statuses$status
	done
	took=$(((${EPOCHREALTIME/./} - begin) / 1000))
	[ $took -le $slowest ] || slowest=$took
	errors=$errors$(cat err.*)
	submitted=$submitted$(cat out.* | jq -s 'map(.submitted) | add')' '
	in_slurm >now
	[ "$(wc -l <now)" = $target ] || wrong="$wrong round $round: $(wc -l <now) in Slurm"$'\n'
	[ -z "$(uniq -d now)" ] || doubled="$doubled round $round: $(uniq -d now | paste -sd' ')"$'\n'
done
exec 9>&-

times() {
	local i
	for ((i = 0; i < $2; i++)); do printf '%s' "$1"; done
}
note "the slowest round took $slowest ms"
is "$cancelled" "$(times "0cancelled $free jobs; $free removed from Slurm's queue"$'\n' $rounds)"$'\n' \
	'three slots were freed each time'
is "$statuses" "$(times 0 $((rounds * submitters)))" 'all submitters exited with 0'
is "$errors" '' 'no submitter printed an error'
is "$submitted" "$(times "$free " $rounds)" "the eight of each round submitted $free"
is "$wrong" '' "$target jobs were in Slurm"
is "$doubled" '' 'no job was in Slurm twice'
ok 'no round took longer than 15 s' test $slowest -le 15000

# The database

total=$((target + free * rounds))
run slurmq sync
is_status 0
is "$(sql 'SELECT sum(n) FROM counter WHERE state IN (1, 2, 3)')" $target 'in flight'
is "$(sql 'SELECT n FROM counter WHERE state = 6')" $((free * rounds)) 'cancelled'
is "$(sql 'SELECT count(*), count(DISTINCT job) FROM attempt')" "$total|$total" \
	'each job was submitted once'
is "$(sql 'SELECT answer, sum(ntasks) FROM submission GROUP BY answer')" "1|$total" \
	'Slurm accepted each submission'
is "$(in_slurm)" "$(sql 'SELECT id FROM job WHERE state IN (1, 2, 3) ORDER BY id')" \
	'the jobs in Slurm are the jobs in flight'
is "$(sql 'PRAGMA integrity_check')" ok 'the database is sound'

run slurmq cancel all --yes
is_status 0
is_err ''
like_out '^cancelled [0-9]+ jobs; 18 removed from Slurm.s queue; 1 running is being ended; the queue is paused'
ok 'Slurm becomes empty' slurm_quiet

done_testing
