#!/bin/bash
# a disk that is full, read-only or fails, at every call of a command: an error or a record that
# stays, a sound database, one message; when the disk works again, the sweep ends complete
#
# STEP=1 tries every call; otherwise the first calls and every STEP-th
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
export LEDGER=$TEST_TMP/ledger SLURMQ_FAULT_UNDER=$TEST_TMP/.slurmq SLURMQ_FAULT_HIT=$TEST_TMP/hit
FAULT_SO=$TEST_BUILD/t/fault.so
JOBS=4

cat >work <<'END'
#!/bin/sh
echo "$SLURMQ_JOB_ID $SLURM_JOB_ID" >>"$LEDGER"
END
chmod +x work
printf 'name: disk\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: [./work, "{n}"]\n' $JOBS >sweep.yaml

sql() {
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "$1"
}

# The folders at the start

slurmq init >/dev/null
slurmq config sentinel off >/dev/null # it would restart the chain
cp -a .slurmq empty
slurmq expand sweep.yaml >/dev/null
cp -a .slurmq pending
touch "$FAKE_SLURM/hold"
slurmq submit -n 2 >/dev/null
cp -a .slurmq queued
slurmq cancel --yes 1-2 >/dev/null
cp -a .slurmq cancelled
# two jobs have ended, and could not write to the database
rm -rf .slurmq
cp -a pending .slurmq
fake_clear
printf 'SLURMQ_FAILPOINT=end-posted\n' >"$FAKE_SLURM/jobenv"
touch "$FAKE_SLURM/hold" # otherwise the next submitter would ingest the first end
"$TEST_BUILD/failpoints/slurmq" submit -n 2 >/dev/null
rm "$FAKE_SLURM/hold"
fake_quiet 20
rm .slurmq/bin/1
sql "DELETE FROM setting WHERE key = '.reconcile.at'" # long ago, so that a chain also queries Slurm
cp -a .slurmq ended
is "$(find ended/outbox -type f | wc -l) $(find empty pending queued cancelled -path '*/outbox/*' | wc -l)" '2 0' \
	'the folders are as intended'
mv ledger ledger.ended

# later SECONDS CMD...: runs CMD as if that much later by the file server's clock
later() {
	STAMP_SHIFT=$1 LD_PRELOAD=$FAULT_SO slurmq "${@:2}"
}

# Prints each thing that is wrong with the state that a command left
wrongs() {
	if [ ! -e .slurmq/jobs.db ]; then
		[ "$1" = init ] || echo 'there is no database'
		return
	fi
	sql "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok';
		SELECT 'counter of state ' || c.state || ' is ' || c.n FROM counter c WHERE c.n <>
			(SELECT count(*) FROM job j JOIN version v ON v.id = j.version AND v.published WHERE j.state = c.state);
		SELECT 'job ' || j.id || ' is in state ' || j.state || ' without an attempt' FROM job j
			WHERE j.state IN (1, 2, 3, 4) AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.id = j.attempt);
		SELECT 'job ' || j.id || ' is completed and never ran' FROM job j WHERE j.state = 4
			AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.id = j.attempt AND a.completed AND a.started > 0)" 2>&1
}

# Checks the command's message: printed once, and not that a backup is needed
said_wrong() {
	[ "$1" = 0 ] || [ -s err ] || echo "status $1 and not a word"
	sort err | uniq -d
	grep -E 'backup|ERROR|rror: [0-9]' err
}

# The disk works again
in_the_end() {
	local shift=7200
	# a process that waits for the end of a dead job waits a minute
	printf '%s\n' "LD_PRELOAD=$FAULT_SO" CLOCK_SPEED=200 >"$FAKE_SLURM/jobenv"
	[ -e .slurmq/jobs.db ] || slurmq init || return
	[ "$(sql 'SELECT count(*) FROM version WHERE published')" != 0 ] || slurmq expand sweep.yaml || return
	for _ in 1 2 3 4; do
		later $shift sync || return
		[ -z "$(sql 'SELECT 1 FROM job WHERE state IN (5, 6, 7)')" ] ||
			{ slurmq release all && slurmq retry --no-submit -s failed,cancelled; } || return
		slurmq submit || return
		fake_quiet 20 || return
		slurmq sync || return
		[ "$(sql 'SELECT count(*) FROM job WHERE state = 4')" != $JOBS ] || return 0
		shift=$((shift + 7200))
	done
	return 1
} >end.out 2>&1

left_over() {
	sql "SELECT 'job ' || id || ' is in state ' || state FROM job WHERE state <> 4;
		SELECT 'attempt ' || id || ' is open' FROM attempt WHERE closed = 0;
		SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"
	find .slurmq/{claims,running,outbox,revoked,manifests} -type f
	sort "$LEDGER" | uniq -d
	[ "$(cut -d' ' -f1 "$LEDGER" | sort -u | wc -l)" = $JOBS ] || echo 'not every job has run'
	awk 'NR == FNR { started[$1 " " $2] = 1; next } !($0 in started) { print $0 ": no attempt" }' \
		<(sqlite3 -separator ' ' .slurmq/jobs.db 'SELECT job, slurm_id FROM attempt WHERE started > 0') "$LEDGER"
}

# again TEMPLATE: restores the folder and Slurm
again() {
	rm -rf .slurmq hit
	fake_clear
	[ "$1" = nothing ] || cp -a "$1" .slurmq
	if [ "$1" = ended ]; then cp ledger.ended ledger; else : >ledger; fi
}

# in_a_job: the fault happens inside a job's own slurmq
in_a_job() {
	printf '%s\n' "LD_PRELOAD=$FAULT_SO" CLOCK_SPEED=500 "SLURMQ_FAULT=$SLURMQ_FAULT" \
		"SLURMQ_FAULT_UNDER=$SLURMQ_FAULT_UNDER" "SLURMQ_FAULT_HIT=$SLURMQ_FAULT_HIT" >"$FAKE_SLURM/jobenv"
	slurmq submit -n 1
	fake_quiet 20
	rm "$FAKE_SLURM/jobenv"
}

# try KIND STEP TEMPLATE CMD...
try() {
	local kind=$1 step=${STEP:-$2} from=$3 n=1 tried=0 rc bad all=''
	shift 3
	[ "$kind" != enospc ] || [ -z "${TEST_LONG-}" ] || step=$(((step + 1) / 2))
	for ((n = 1; ; n += n < 4 ? 1 : step)); do
		again "$from"
		if [ "$1" = in_a_job ]; then
			SLURMQ_FAULT=$kind:$n in_a_job >out 2>err
			rc=0
		else
			[ "$1" = init ] || touch "$FAKE_SLURM/hold"
			SLURMQ_FAULT=$kind:$n LD_PRELOAD=$FAULT_SO slurmq "$@" >out 2>err
			rc=$?
		fi
		[ -e hit ] || break
		bad=$(wrongs "$1"; said_wrong $rc)
		# jobs are no longer held in Slurm
		rm -f "$FAKE_SLURM/hold"
		in_the_end || bad+=$'\n'"it does not come to its end: $(tail -n 3 end.out)"
		bad+=$(left_over)
		tried=$((tried + 1))
		[ -z "$bad" ] || all+="call $n: status $rc, $(head -n 2 err)"$'\n'"$bad"$'\n'
	done
	is "$all" '' "$1: $kind at $tried of $((n - 1)) calls"
	[ $tried -gt 2 ] || fail "$1: $kind: too few calls"
}

while read -r template command; do
	# shellcheck disable=SC2086
	{
		try enospc 10 $template $command
		try eio 24 $template $command
		try late 40 $template $command
		try erofs 40 $template $command
	}
done <<'END'
nothing init
empty expand sweep.yaml
pending submit
ended chain --strict
cancelled retry -s cancelled
queued cancel --yes 1-2
pending in_a_job
END

done_testing
