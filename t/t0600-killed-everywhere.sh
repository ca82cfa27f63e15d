#!/bin/bash
# kill -9 at every step between two effects: the sweep ends complete, no job is lost, and none runs
# twice. One story passes all failpoints, except those of an external cancel, which have a story of
# their own. The fake Slurm makes each run a matter of seconds
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

rm "$TEST_TMP/.bin/slurmq"
ln -s "$TEST_BUILD/failpoints/slurmq" "$TEST_TMP/.bin/slurmq"
export LEDGER=$TEST_TMP/ledger
FAULT_SO=$TEST_BUILD/t/fault.so
fake_start 6

nok 'the plain build has no failpoints' grep -qE 'SLURMQ_FAILPOINT|failpoint_pass|claim-manifest' "$SLURMQ"

# A job runs as long as the file stop.NAME exists

cat >work <<'END'
#!/bin/sh
echo "$SLURM_JOB_ID $PPID" >begun.$1
slurmq record n="$SLURMQ_JOB_ID" 2>/dev/null
while [ -e stop.$1 ]; do sleep 0.01; done
echo "$SLURMQ_JOB_ID $SLURM_JOB_ID" >>"$LEDGER"
END
cat >until-packed <<'END'
#!/bin/bash
rm -f "$@"
for ((i = 0; i < 60; i++)); do
	[ ! -e "$SLURMQ_FAILPOINT_ONCE" ] && ! compgen -G '.slurmq/outbox/*;*' || break
	sleep 0.05
done >/dev/null
END
chmod +x work until-packed
cat >sweep.yaml <<'END'
name: story
params:
  n: [1, 2, 3, 4, 5]
  g: [a, b]
sbatch: {comment: "{g}"}
run: [./work, "{g}{n}"]
END
JOBS=10

# s CMD...: runs CMD; if it was killed, runs it again
s() {
	slurmq "$@" >out 2>err
	[ $? != 137 ] || slurmq "$@" >out 2>err
} 2>/dev/null
# later SECONDS CMD...: runs CMD as if that much later by the file server's clock
later() {
	local shift=$1
	shift
	STAMP_SHIFT=$shift LD_PRELOAD=$FAULT_SO slurmq "$@" >out 2>err
	[ $? != 137 ] || STAMP_SHIFT=$shift LD_PRELOAD=$FAULT_SO slurmq "$@" >out 2>err
} 2>/dev/null
begun() {
	[ -s "begun.$1" ] || _fake_idle
}
# await_begun NAME: waits for the job's start, but not long if its supervisor has died
await_begun() {
	_tap_poll 3 begun "$1" || [ -e "$TEST_TMP/died" ] || _tap_poll 30 begun "$1"
}
over() {
	local id
	{ read -r id _ <"begun.$1"; } 2>/dev/null || return 0
	! grep -Eq '^(PENDING|RUNNING|COMPLETING) ' "$FAKE_SLURM/jobs/$id"
}
# crash NAME: kills the supervisor of a running job, and waits until Slurm shows that; $journal is
# the journal that it leaves
crash() {
	local id pid
	await_begun "$1"
	{ read -r id pid <"begun.$1"; } 2>/dev/null || return
	journal=$(echo .slurmq/running/*."$id",*)
	kill -KILL "$pid"
	_tap_poll 10 over "$1"
}
# The site requeues a job that has started
requeue() {
	local name=${journal##*/} manifest task id
	IFS=., read -r manifest task id _ <<<"$name"
	[ -e "$journal" ] || return
	for _ in 1 2; do
		SLURM_JOB_ID=$id SLURM_RESTART_COUNT=1 SLURM_ARRAY_TASK_ID=$task SLURMD_NODENAME=fake1 \
			.slurmq/bin/1 run "$manifest" >>out 2>&1
		[ $? = 137 ] || break
	done
} 2>/dev/null

story() {
	local journal=''
	rm -rf .slurmq begun.* stop.* "$LEDGER" "$TEST_TMP/died"
	fake_clear 6
	: >"$LEDGER"
	touch stop.a1 stop.b1 stop.a3
	s init
	s expand sweep.yaml
	touch "$FAKE_SLURM/hold"
	# sbatch times out, dies without output, refuses, and then accepts some jobs
	echo busy >"$FAKE_SLURM/mode"
	s submit
	echo die-before >"$FAKE_SLURM/mode"
	s submit -n 1
	later 7200 sync
	echo refuse >"$FAKE_SLURM/mode"
	s submit -n 1
	s release all
	cp -p "$(find .slurmq/manifests -type f | head -n 1)" "$TEST_TMP/manifest"
	# the user cancels some jobs, and retries them; the end of a job fills the slot
	s cancel --yes 3
	s chain
	s hold 4
	s release 4
	s retry -s cancelled --no-submit
	rm "$FAKE_SLURM/hold"
	await_begun a1
	# one job is requeued by the site, one is lost, one is cancelled
	crash a1
	requeue
	crash b1
	touch "$FAKE_SLURM/purged"
	later 0 sync
	later 1200 sync
	rm -f "$FAKE_SLURM/purged"
	# a job that started too late counts as lost, but is alive: retry ends it first
	s retry
	# a job ends while another process has the lock, and has to wait with its record
	"$TEST_BUILD/t/queue_lock" .slurmq ./until-packed stop.a1 stop.b1
	await_begun a3
	s cancel --yes 5
	_tap_poll 10 over a3
	rm -f stop.*
	# a manifest without a row
	cp -p "$TEST_TMP/manifest" .slurmq/manifests/00000000deadbeef
	: >.slurmq/claims/00000000deadbeef.0
	sed -i 's/^params:/# again\n&/' sweep.yaml
	s expand sweep.yaml
	later 7200 sync
}

no_claims() {
	[ -z "$(find .slurmq/claims -type f)" ]
}
n_begun() {
	[ "$(find . -maxdepth 1 -name 'begun.*' | wc -l)" -ge "$1" ]
}
waits_in_slurm() {
	grep -q '^PENDING ' "$FAKE_SLURM"/jobs/*
}
# External cancel: while Slurm does not answer, jobs that start give their claims back; then all are
# cancelled
cancel_story() {
	rm -rf .slurmq begun.* stop.* "$LEDGER" "$TEST_TMP/died"
	fake_clear 6
	: >"$LEDGER"
	touch stop.{a,b}{1,2,3,4,5}
	s init
	s expand sweep.yaml
	touch "$FAKE_SLURM/hold"
	s submit
	mkdir -p .slurmq/cancelled
	: >.slurmq/cancelled/1
	touch "$FAKE_SLURM/away"
	rm "$FAKE_SLURM/hold"
	_tap_poll 8 no_claims
	rm -f "$FAKE_SLURM/away"
	# the killed process may have been the only one that would continue
	_tap_poll 8 n_begun 3 || s submit
	_tap_poll 8 n_begun 3
	touch "$FAKE_SLURM/hold"
	rm "stop.$(find . -maxdepth 1 -name 'begun.*' | sed 's/.*begun\.//;q')"
	_tap_poll 5 waits_in_slurm
	# shellcheck disable=SC2046
	scancel $(ls "$FAKE_SLURM/jobs")
	fake_quiet
	later 60 status
	rm -f "$FAKE_SLURM/hold" stop.*
	run slurmq status --json
	is "$(jq -r '.chain.state' <<<"$out")" paused "$1: scancel of all jobs has paused the queue"
	s resume
}

# At the end all jobs are completed; the test runs commands if a process was killed or cancelled
in_the_end() {
	local shift=9000
	for _ in 1 2 3 4 5 6 7 8; do
		fake_quiet 20 || return
		later $shift sync
		later $((shift + 1200)) sync
		shift=$((shift + 2400))
		s release all
		s retry --no-submit -s failed,cancelled
		s submit
		fake_quiet 20 || return
		s status
		[ "$(sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "SELECT count(*) FROM job WHERE state = 4")" != "$JOBS" ] || return 0
	done
	return 1
}

# Prints each violation on a line
wrongs() {
	local f
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "
		SELECT 'integrity: ' || integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok';
		SELECT 'job ' || id || ' is in state ' || state FROM job WHERE state <> 4;
		SELECT 'attempt ' || id || ' is open' FROM attempt WHERE closed = 0;
		SELECT 'attempt ' || id || ' ended and never began' FROM attempt WHERE completed AND started = 0;
		SELECT 'job ' || id || ' lacks its result' FROM job j WHERE state = 4 AND NOT EXISTS
			(SELECT 1 FROM result r WHERE r.attempt = j.attempt AND r.value = j.id);
		SELECT 'counter of state ' || state || ' is ' || n FROM counter
			WHERE n <> (SELECT count(*) FROM job WHERE job.state = counter.state)"
	for f in claims running outbox revoked manifests; do find ".slurmq/$f" -type f; done
	find .slurmq -name '.t*' -mmin +60
	# each start belongs to an attempt; there are no more starts than attempts that started
	awk 'NR == FNR { started[$1 " " $2] = 1; next }
		!($0 in started) { print "job " $1 " ran as Slurm job " $2 ", and no attempt says so" }
		seen[$0]++ { print "Slurm job " $2 " ran job " $1 " twice" }' \
		<(sqlite3 -cmd '.timeout 5000' -separator ' ' .slurmq/jobs.db 'SELECT job, slurm_id FROM attempt WHERE started > 0') "$LEDGER"
	# every Slurm job has a row
	cut -d' ' -f8 "$FAKE_SLURM"/jobs/* | sed 's/.*\.//' | sort -u | while read -r f; do
		[ "$(sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "SELECT count(*) FROM submission WHERE printf('%016x', id) = '$f'")" = 1 ] ||
			echo "Slurm job of manifest $f has no row"
	done
}

tell() {
	local point=$1 name=${1%:*} lines want
	export SLURMQ_FAILPOINT=$point SLURMQ_FAILPOINT_ONCE=$TEST_TMP/died
	# the last job of a folder need not stay as long as in production
	printf '%s\n' "SLURMQ_FAILPOINT=$point" "SLURMQ_FAILPOINT_ONCE=$SLURMQ_FAILPOINT_ONCE" \
		"LD_PRELOAD=$FAULT_SO" CLOCK_SPEED=20 >"$FAKE_SLURM.jobenv"
	case $name in
	cancel-recorded | cancel-asked | cancel-revoked | cancel-paused | cancel-decided | given-back) cancel_story "$point" ;;
	*) story ;;
	esac
	in_the_end || diag "$point: the sweep did not end"
	unset SLURMQ_FAILPOINT SLURMQ_FAILPOINT_ONCE
	[ -e "$TEST_TMP/died" ] || {
		fail "$point: the failpoint was not reached"
		return
	}
	lines=$(wrongs)
	# a command that was killed in the middle is run again: only that may run twice
	case $name in
	step-begun | step-ended) want='^1?[0-9] [12]$' ;;
	*) want='^1?[0-9] 1$' ;;
	esac
	lines+=$(cut -d' ' -f1 "$LEDGER" | sort -n | uniq -c | awk '{ print $2, $1 }' | grep -vE "$want")
	[ "$(cut -d' ' -f1 "$LEDGER" | sort -u | wc -l)" = "$JOBS" ] || lines+=$'\nnot every job has run'
	is "$lines" '' "$point"
}

for point in ${POINTS-$(grep -rhoE --include='*.c' 'FAILPOINT\("[^"]+' "$TEST_TOP/src" | cut -d'"' -f2)}; do
	case $point in convert-* | delete-*) continue ;; esac # t0115, t0605
	tell "$point"
done

# An end line in a journal that was not moved to the outbox is used: no completed step is run again

rm -rf .slurmq begun.*
fake_clear
printf 'SLURMQ_FAILPOINT=end-recorded\n' >"$FAKE_SLURM/jobenv"
printf 'name: posted\nrun: [./work, c1]\n' >posted.yaml
s init
s config sentinel off # the fake Slurm would start it at once
s expand posted.yaml
s submit
ok "the job's supervisor is killed" fake_quiet
like "$(cat "$FAKE_SLURM"/jobs/*)" '^FAILED JobLaunchFailure 9 ' 'Slurm shows that'
later 0 sync
later 120 sync
run slurmq list --json
is "$(jq -c '[.state, .tries]' <<<"$out")" '["completed",1]' 'the job is completed nevertheless'

# A record stays in the outbox until the database has it, even if a process is killed while it
# ingests the record

# command, its failpoint, whether the database has the record by then
while read -r command point has; do
	rm -rf .slurmq begun.*
	fake_clear
	printf 'SLURMQ_FAILPOINT=end-posted\n' >"$FAKE_SLURM/jobenv"
	touch "$FAKE_SLURM/hold"
	s init
	s config sentinel off
	s expand posted.yaml
	s submit
	rm "$FAKE_SLURM/hold"
	fake_quiet
	SLURMQ_FAILPOINT=$point run slurmq "$command" 2>/dev/null
	is_status 137 "$command is killed at $point"
	is "$(sqlite3 .slurmq/jobs.db 'SELECT count(*) FROM job WHERE state = 4')" "$has" "$point: whether the record is ingested"
	[ "$has" = 1 ] || is "$(find .slurmq/outbox -name '*,*' -type f | wc -l)" 1 "$point: the record is in the outbox"
	s sync
	is "$(sqlite3 .slurmq/jobs.db 'SELECT state, closed, completed FROM job j JOIN attempt a ON a.id = j.attempt')" \
		"4|3|1" "$point: the next process ingests it, as a reported end"
done <<'END'
sync ingest-applied 0
sync ingest-committed 1
sync clean-outbox 1
chain fill-changed 0
chain fill-committed 1
chain clean-outbox 1
END

done_testing
