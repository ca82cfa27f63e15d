#!/bin/bash
# kill -9 at every step between two effects: what is left goes on to the end, nothing is lost, and nothing
# runs twice. One story leads by all of the points but those of an external cancel, which have a story of
# their own; the fake Slurm makes it a matter of a second
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

rm "$TEST_TMP/.bin/slurmq"
ln -s "$TEST_BUILD/failpoints/slurmq" "$TEST_TMP/.bin/slurmq"
export LEDGER=$TEST_TMP/ledger
FAULT_SO=$TEST_BUILD/t/fault.so
fake_start 6

nok 'the plain build has no trace of it' grep -qE 'SLURMQ_FAILPOINT|failpoint_pass|claim-manifest' "$SLURMQ"

# A job takes as long as stop.NAME is there

cat >work <<'END'
#!/bin/sh
echo "$SLURM_JOB_ID $PPID" >begun.$1
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

# s CMD...: who is killed at work tries again
s() {
	slurmq "$@" >out 2>err
	[ $? != 137 ] || slurmq "$@" >out 2>err
} 2>/dev/null
# later SECONDS CMD...: so much later by the file server's clock
later() {
	local shift=$1
	shift
	STAMP_SHIFT=$shift LD_PRELOAD=$FAULT_SO slurmq "$@" >out 2>err
	[ $? != 137 ] || STAMP_SHIFT=$shift LD_PRELOAD=$FAULT_SO slurmq "$@" >out 2>err
} 2>/dev/null
begun() {
	[ -s "begun.$1" ] || _fake_idle
}
# await_begun NAME: whose supervisor has died need not be waited for long
await_begun() {
	_tap_poll 3 begun "$1" || [ -e "$TEST_TMP/died" ] || _tap_poll 30 begun "$1"
}
over() {
	local id
	{ read -r id _ <"begun.$1"; } 2>/dev/null || return 0
	! grep -Eq '^(PENDING|RUNNING|COMPLETING) ' "$FAKE_SLURM/jobs/$id"
}
# crash NAME: the supervisor of a job that is at work, until Slurm has seen it; $journal is what it leaves
crash() {
	local id pid
	await_begun "$1"
	{ read -r id pid <"begun.$1"; } 2>/dev/null || return
	journal=$(echo .slurmq/running/*."$id",*)
	kill -KILL "$pid"
	_tap_poll 10 over "$1"
}
# The site starts a job again that had begun
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
	# sbatch has no time, dies without a word, refuses, and then takes some
	echo busy >"$FAKE_SLURM/mode"
	s submit
	echo die-before >"$FAKE_SLURM/mode"
	s submit -n 1
	later 7200 sync
	echo refuse >"$FAKE_SLURM/mode"
	s submit -n 1
	s release all
	cp -p "$(find .slurmq/manifests -type f | head -n 1)" "$TEST_TMP/manifest"
	# the user takes some back, and wants them after all; a job's end fills the slot
	s cancel --yes 3
	s chain
	s hold 4
	s release 4
	s retry -s cancelled --no-submit
	rm "$FAKE_SLURM/hold"
	await_begun a1
	# one is killed and started again by the site, one is never seen again, one is cancelled
	crash a1
	requeue
	crash b1
	touch "$FAKE_SLURM/purged"
	later 0 sync
	later 1200 sync
	rm -f "$FAKE_SLURM/purged"
	# one that had not begun in time is lost and alive: retry ends it first
	s retry
	# one ends while another has the lock, and has to wait with what it tells
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
# External cancel: while Slurm does not answer, jobs that start give their claims back; then all are cancelled
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
	# what was killed may have been all that would go on
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
	is "$(jq -r '.chain.state' <<<"$out")" paused "$1: scancel of everything has paused the queue"
	s resume
}

# In the end all are completed, by the user's hand where something was killed or cancelled
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

# What is wrong, a line each
wrongs() {
	local f
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "
		SELECT 'integrity: ' || integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok';
		SELECT 'job ' || id || ' is in state ' || state FROM job WHERE state <> 4;
		SELECT 'attempt ' || id || ' is open' FROM attempt WHERE closed = 0;
		SELECT 'attempt ' || id || ' ended and never began' FROM attempt WHERE completed AND started = 0;
		SELECT 'counter of state ' || state || ' is ' || n FROM counter
			WHERE n <> (SELECT count(*) FROM job WHERE job.state = counter.state)"
	for f in claims running outbox revoked manifests; do find ".slurmq/$f" -type f; done
	find .slurmq -name '.t*' -mmin +60
	# each start is one of the attempts; no more starts than attempts that had begun
	awk 'NR == FNR { started[$1 " " $2] = 1; next }
		!($0 in started) { print "job " $1 " ran as Slurm job " $2 ", and no attempt says so" }
		seen[$0]++ { print "Slurm job " $2 " ran job " $1 " twice" }' \
		<(sqlite3 -cmd '.timeout 5000' -separator ' ' .slurmq/jobs.db 'SELECT job, slurm_id FROM attempt WHERE started > 0') "$LEDGER"
	# no Slurm job without a row
	cut -d' ' -f8 "$FAKE_SLURM"/jobs/* | sed 's/.*\.//' | sort -u | while read -r f; do
		[ "$(sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "SELECT count(*) FROM submission WHERE printf('%016x', id) = '$f'")" = 1 ] ||
			echo "Slurm job of manifest $f has no row"
	done
}

tell() {
	local point=$1 name=${1%:*} lines want
	export SLURMQ_FAILPOINT=$point SLURMQ_FAILPOINT_ONCE=$TEST_TMP/died
	# who stays because nobody else would go on need not wait as long as in life
	printf '%s\n' "SLURMQ_FAILPOINT=$point" "SLURMQ_FAILPOINT_ONCE=$SLURMQ_FAILPOINT_ONCE" \
		"LD_PRELOAD=$FAULT_SO" CLOCK_SPEED=20 >"$FAKE_SLURM.jobenv"
	case $name in
	cancel-recorded | cancel-asked | cancel-revoked | cancel-paused | cancel-decided | given-back) cancel_story "$point" ;;
	*) story ;;
	esac
	in_the_end || diag "$point: not at its end"
	unset SLURMQ_FAILPOINT SLURMQ_FAILPOINT_ONCE
	[ -e "$TEST_TMP/died" ] || {
		fail "$point: was not reached"
		return
	}
	lines=$(wrongs)
	# a command that was killed in its middle is run again: that alone may run twice
	case $name in
	step-begun | step-ended) want='^1?[0-9] [12]$' ;;
	*) want='^1?[0-9] 1$' ;;
	esac
	lines+=$(cut -d' ' -f1 "$LEDGER" | sort -n | uniq -c | awk '{ print $2, $1 }' | grep -vE "$want")
	[ "$(cut -d' ' -f1 "$LEDGER" | sort -u | wc -l)" = "$JOBS" ] || lines+=$'\nnot every job has run'
	is "$lines" '' "$point"
}

for point in ${POINTS-$(grep -rhoE --include='*.c' 'FAILPOINT\("[^"]+' "$TEST_TOP/src" | cut -d'"' -f2)}; do
	case $point in convert-*) continue ;; esac # t0115
	tell "$point"
done

# An end that was written down and not posted is believed: nobody need try again what was done

rm -rf .slurmq begun.*
fake_clear
printf 'SLURMQ_FAILPOINT=end-recorded\n' >"$FAKE_SLURM/jobenv"
printf 'name: posted\nrun: [./work, c1]\n' >posted.yaml
s init
s config sentinel off # this Slurm would begin it at once
s expand posted.yaml
s submit
ok 'its supervisor is killed' fake_quiet
like "$(cat "$FAKE_SLURM"/jobs/*)" '^FAILED JobLaunchFailure 9 ' 'and Slurm says so'
later 0 sync
later 120 sync
run slurmq list --json
is "$(jq -c '[.state, .tries]' <<<"$out")" '["completed",1]' 'it is completed all the same'

# An event lies there until the database has it, whoever is killed at telling it

# command, where it is killed, whether the database has it by then
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
	is "$(sqlite3 .slurmq/jobs.db 'SELECT count(*) FROM job WHERE state = 4')" "$has" "$point: whether it is told"
	[ "$has" = 1 ] || is "$(find .slurmq/outbox -name '*,*' -type f | wc -l)" 1 "$point: it lies there"
	s sync
	is "$(sqlite3 .slurmq/jobs.db 'SELECT state, closed, completed FROM job j JOIN attempt a ON a.id = j.attempt')" \
		"4|3|1" "$point: told by the next one, as its own end"
done <<'END'
sync ingest-applied 0
sync ingest-committed 1
sync clean-outbox 1
chain fill-changed 0
chain fill-committed 1
chain clean-outbox 1
END

done_testing
