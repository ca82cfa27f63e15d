#!/bin/bash
# a real sbatch that is killed 2 to 26 ms after its start, two hundred times: some have made a job
# without an answer. No job is lost, none runs twice
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

ROUNDS=200
JOBS=$ROUNDS

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=400 MaxJobsPerUser=0

export LEDGER=$TEST_TMP/ledger
: >ledger
cat >job.sh <<'EOF'
#!/bin/sh
echo "$SLURMQ_JOB_ID" >>"$LEDGER"
EOF
chmod +x job.sh
printf 'name: killed\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: [./job.sh, "{n}"]\n' $JOBS >sweep.yaml
slurmq init >/dev/null
slurmq expand sweep.yaml >/dev/null
slurmq config limit 390 >/dev/null
slurmq config sentinel off >/dev/null

# The wrapper of sbatch dies as sbatch does
mkdir early
cat >early/sbatch <<EOF
#!/bin/bash
read -r after <$TEST_TMP/after
timeout -s KILL 0.\$after $(command -v sbatch) "\$@"
rc=\$?
[ \$rc != 137 ] || kill -KILL \$\$
exit \$rc
EOF
chmod +x early/sbatch

# No job may start in between, and chain
answered=0
# sbatch is started before its script is ready: it starts to submit that much later
for round in $(seq $ROUNDS); do
	printf '%03d\n' $((2 + round % 25)) >after
	! PATH=$TEST_TMP/early:$PATH slurmq submit --env -n 1 >/dev/null 2>&1 || answered=$((answered + 1))
done
note "$answered of $ROUNDS had an answer"
ok 'some were killed before their answer' test "$answered" -lt $ROUNDS

silent=$(($(squeue -h -r -o %j | grep -c '^killed\.') - answered))
note "$silent made a job without an answer"
ok 'some of those had made a job' test "$silent" -gt 0

# An hour later by the file server's clock
STAMP_SHIFT=3600 LD_PRELOAD=$TEST_BUILD/t/fault.so run slurmq sync
is_status 0
known() {
	[ "$(sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db 'SELECT count(*) FROM job WHERE state = 1')" = 0 ]
}
ok_within 30 'the state of each job is known' known
echo 999 >after
slurm_set_limits MaxJobsPerUser=40
slurmq submit >/dev/null 2>&1
completed() {
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db 'SELECT count(*) FROM job WHERE state = 4'
}
again() {
	[ "$(completed)" != $JOBS ] || return 0
	slurmq submit >/dev/null 2>&1
	sleep 0.5
	[ "$(completed)" = $JOBS ]
}
ok_within 120 'the sweep ends' again
is "$(sort -n ledger | uniq | wc -l)" $JOBS 'every job has run'
is "$(sort -n ledger | uniq -d)" '' 'none has run twice'
ok 'no job is left in Slurm' slurm_quiet 30
slurmq status >/dev/null
for folder in claims running outbox revoked manifests; do
	is "$(find ".slurmq/$folder" -type f | wc -l)" 0 "nothing is left in $folder"
done
is "$(sqlite3 .slurmq/jobs.db 'PRAGMA integrity_check')" ok 'the database is sound'

done_testing
