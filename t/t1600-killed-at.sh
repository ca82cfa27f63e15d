#!/bin/bash
# some failpoints of t0600 with the real Slurm: submitters and the slurmq of jobs are killed there
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
FP=$TEST_BUILD/failpoints/slurmq
export LEDGER=$TEST_TMP/ledger
: >ledger
cat >job.sh <<'EOF'
#!/bin/sh
echo "$SLURMQ_JOB_ID $SLURM_JOB_ID" >>"$LEDGER"
EOF
chmod +x job.sh
submitting='claim-rights fill-committed sbatch-before sbatch-fed sbatch-after answer-posted'
running='start-taken start-recorded step-recorded end-recorded end-posted fill-changed fill-committed sbatch-after'
JOBS=30

printf 'name: points\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: [./job.sh, "{n}"]\n' $JOBS >sweep.yaml
slurmq init >/dev/null
slurmq config sentinel off >/dev/null
# claims of a killed submitter use its slots, and running jobs refill theirs
slurmq config limit 19 >/dev/null
slurmq expand sweep.yaml >/dev/null

# The slurmq of jobs dies at each of the remaining failpoints, once each. A job that has nothing to
# submit never reaches some of them
mkdir died
cat >around <<EOF
#!/bin/bash
left=()
for point in $running; do
	[ -e "$TEST_TMP/died/\$point" ] || left+=("\$point")
done
if [ \${#left[@]} != 0 ]; then
	export SLURMQ_FAILPOINT=\${left[SLURM_JOB_ID % \${#left[@]}]}
	export SLURMQ_FAILPOINT_ONCE=$TEST_TMP/died/\$SLURMQ_FAILPOINT
fi
exec $FP "\$@"
EOF
chmod 700 around
cp -p around .slurmq/bin/1

for point in $submitting; do
	SLURMQ_FAILPOINT=$point run "$FP" submit -n 2 2>/dev/null
	is_status 137 "killed at $point"
done
slurmq config limit 10 >/dev/null

sync_later() {
	STAMP_SHIFT=$1 LD_PRELOAD=$TEST_BUILD/t/fault.so slurmq sync
}
completed() {
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db 'SELECT count(*) FROM job WHERE state = 4'
}
# A command is run now and then: the last job, which waits for dead jobs, has nothing to wait for
shift=7200
look_in() {
	sync_later $shift
	shift=$((shift + 7200))
	slurmq retry --no-submit
	slurmq submit
	sleep 1
	[ "$(completed)" = $JOBS ]
} >/dev/null 2>&1
ok_within 120 'the sweep ends' look_in
ok 'no job is left in Slurm' slurm_quiet 60
sync_later $shift >/dev/null 2>&1
is "$(completed)" $JOBS 'all are completed'
for point in $running; do
	ok "one process was killed at $point" test -e "died/$point"
done
is "$(cut -d' ' -f1 ledger | sort -n | uniq | wc -l)" $JOBS 'every job has run'
is "$(cut -d' ' -f1 ledger | sort -n | uniq -d)" '' 'none has run twice'
is "$(sqlite3 -separator ' ' .slurmq/jobs.db 'SELECT job, slurm_id FROM attempt WHERE started > 0' |
	awk 'NR == FNR { started[$0] = 1; next } !($0 in started)' - ledger)" '' 'each start is of an attempt'
is "$(sqlite3 .slurmq/jobs.db 'SELECT count(*) FROM attempt WHERE closed = 0')" 0 'every attempt is closed'
for folder in claims running outbox revoked manifests; do
	is "$(find ".slurmq/$folder" -type f | wc -l)" 0 "nothing is left in $folder"
done
is "$(sqlite3 .slurmq/jobs.db 'PRAGMA integrity_check')" ok 'the database is sound'

done_testing
