#!/bin/bash
# submitters killed at any moment, with their sbatch: no job is lost, and none runs twice
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

JOBS=60
ROUNDS=40

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=60 MaxJobsPerUser=10

cat >job.sh <<'EOF'
#!/bin/sh
echo "$SLURMQ_JOB_ID" >>"$LEDGER"
EOF
chmod +x job.sh
export LEDGER=$TEST_TMP/ledger

seq -s, "$JOBS" | sed 's/.*/name: killed\nparams: {n: [&]}\nrun: [.\/job.sh, "{n}"]/' >sweep.yaml
run slurmq init
is_status 0
run slurmq expand sweep.yaml
is_status 0

# No job chains while the submitters are killed: all jobs in Slurm are theirs.
for round in $(seq "$ROUNDS"); do
	slurmq submit -n 3 >/dev/null 2>&1 &
	pid=$!
	sleep "0.0$(printf '%02d' $((round * 2)))"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
done

# A submitter's sbatch may have outlived it; its claims have no answer, and a time limit.
slurm_quiet 60 || diag 'Slurm is still busy'
find .slurmq -type f \( -path '*/manifests/*' -o -name '.t*' \) -exec touch -d '2 hours ago' {} +
run slurmq sync
is_status 0 'reconciliation works'
run sqlite3 .slurmq/jobs.db "SELECT count(*) FROM job WHERE state = 1"
is_out 0 'no row is left without an answer'
run slurmq submit
is_status 0 'the submission goes on'

all_done() {
	[ "$(slurmq status --json | jq .counts.completed)" = "$JOBS" ]
}
again() {
	all_done && return
	slurmq submit >/dev/null 2>&1
	all_done
}
ok_within 60 'the sweep ends' again
run slurmq status --json
is_status 0
is "$(jq -c '[.counts.completed, .counts.failed, .in_flight]' <<<"$out")" "[$JOBS,0,0]" 'all are completed'
is "$(sort -n ledger | uniq | wc -l)" "$JOBS" 'every job has run'
is "$(sort -n ledger | uniq -d)" '' 'none has run twice'
run sqlite3 .slurmq/jobs.db 'PRAGMA integrity_check'
is_out ok 'the database is sound'
for folder in claims running outbox revoked manifests; do
	is "$(find ".slurmq/$folder" -type f | wc -l)" 0 "nothing is left in $folder"
done
is "$(find .slurmq -name '.t*')" '' 'no temporary file is left'

done_testing
