#!/bin/bash
# in which order files are changed: what a crash of the host must not take away is on the disk before anybody
# counts on it. t/preload/trace.c writes down what a process does
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
TRACE_SO=$TEST_BUILD/t/trace.so
export LOG=$TEST_TMP/log
DIR=$TEST_TMP/.slurmq

cat >work <<'END'
#!/bin/sh
echo "$PPID command" >>"$LOG"
while [ -e stop ]; do sleep 0.01; done
END
cat >until-packed <<'END'
#!/bin/bash
# the end of the job that is at work comes, and its teller has to wait
rm -f stop
for ((i = 0; i < 600; i++)); do
	! compgen -G '.slurmq/outbox/*;*' >"$1" || break
	sleep 0.05
done
END
chmod +x work until-packed

traced() {
	: >"$LOG"
	SLURMQ_TRACE=$LOG SLURMQ_TRACE_UNDER=$DIR LD_PRELOAD=$TRACE_SO run "$@"
}
traced_jobs() {
	printf '%s\n' "LD_PRELOAD=$TRACE_SO" "SLURMQ_TRACE=$LOG" "SLURMQ_TRACE_UNDER=$DIR" >"$FAKE_SLURM/jobenv"
}
sweep() {
	printf 'name: d\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: [./work]\n' "$1" >sweep.yaml
}
# fresh JOBS: expanded; one is in Slurm at a time, and held there
fresh() {
	rm -rf .slurmq stop
	fake_clear
	touch "$FAKE_SLURM/hold"
	sweep "$1"
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit 2 >/dev/null 2>&1
	slurmq expand sweep.yaml >/dev/null
}

# effects: what matters of the log, of the process that was the first; a word each, and one for many of a kind:
#
#	touch look	a file is made in outbox/, so that no listing is an old one; it is listed
#	manifest right	they are written; with -kept behind it (manifests: the folder's), synced
#	journal db	synced; journal-head: what is in the journal counts; commit: it is void; commit-kept
#	script		sbatch gets it; answer: its own is there
#	told		what is told in outbox/ is removed
#	taken command end	a task has its right, begins, has ended; event-kept: what it has to tell
#	packed		the same, into its name
#	back forgotten	a right is taken back; its file is removed
effects() {
	awk '
		function put(word) { if (word != last) printf "%s%s", last == "" ? "" : " ", word; last = word }
		!pid { pid = $1 }
		$1 != pid { next }
		{ call = $2 " " $3 }
		call ~ /^make outbox\/\.touch-/ { put("touch") }
		call == "list outbox" { put("look") }
		call ~ /^write manifests\// { put("manifest") }
		call ~ /^sync manifests\// { put("manifest-kept") }
		call == "sync manifests" { put("manifests-kept") }
		call ~ /^make claims\// { put("right") }
		call == "sync claims" { put("right-kept") }
		call == "sync jobs.db-journal" { put(void ? "commit-kept" : "journal"); kept = !void; void = written = 0 }
		call == "write jobs.db-journal" && kept && $4 == 0 { put("journal-head") }
		call ~ /^write jobs\.db$/ { kept = 0 }
		call == "sync jobs.db" { put("db"); written = 1 }
		call ~ /^(write|cut|unlink) jobs\.db-journal$/ && written && $4 + 0 == 0 { put("commit"); void = 1 }
		$2 == "feed" { put("script") }
		call ~ /^rename outbox\/\.tmp-/ && $4 ~ /\.answer$/ { put("answer") }
		call ~ /^sync outbox\/\.tmp-/ { put("answer-kept") }
		call ~ /^sync outbox\/[0-9a-f]/ { put("event-kept") }
		call == "sync outbox" { put("outbox-kept") }
		call ~ /^unlink outbox\/[0-9a-f]/ { put("told") }
		call ~ /^rename claims\// { put($4 ~ /^running/ ? "taken" : "back") }
		call == "sync running" { put("taken-kept") }
		call == "sync revoked" { put("back-kept") }
		call ~ /^unlink revoked\/[0-9a-f]/ { put("forgotten") }
		$2 == "command" { put("command") }
		call ~ /^rename running\// { put("end") }
		call ~ /^rename outbox\/[0-9a-f]/ { put("packed") }
		END { print "" }' "$LOG"
}

commit='journal journal-head journal db commit commit-kept'
claim="manifest right manifest-kept manifests-kept right-kept $commit"

# A database is made whole before it has its name

traced slurmq init
is_status 0
is "$(tail -n 5 "$LOG" | cut -d' ' -f2- | sed -E 's/\.new-[0-9a-f]+/NEW/')" \
	$'sync NEW.db\nunlink NEW.db-journal\nsync .\nrename NEW.db jobs.db\nsync .' 'init: its name comes last'

# By hand, and manifests take their time: rows are written meanwhile, and wait for them

fresh 3
SLURMQ_TRACE_SLOW=manifests traced slurmq submit
is_status 0
is "$(effects | grep -oE 'manifest .*')" "$claim script answer look $commit told" \
	'submit: manifests and rights, then rows, then the script, then the answer'
is "$(effects | tr ' ' '\n' | grep -B1 -m1 '^look' | paste -sd' ')" 'touch look' 'submit: it does not look at an old listing'

# sbatch refuses: no right is left to a job that it may have made, before anybody can submit it once more

fresh 1
echo refuse >"$FAKE_SLURM/mode"
traced slurmq submit
like_err 'sbatch refused the jobs'
is "$(effects | grep -oE 'manifest .*')" \
	"$claim script answer-kept answer outbox-kept look back back-kept $commit told forgotten" \
	'submit: a refused job'"'"'s right is taken back before its row is'

# A job takes its right, ends, and the next one is submitted before its own end is forgotten

# jobs_run JOBS [SQL]: one after the other, traced
jobs_run() {
	fresh "$1"
	traced_jobs
	slurmq submit >/dev/null
	[ -z "${2-}" ] || sqlite3 .slurmq/jobs.db "$2"
	: >"$LOG"
	rm "$FAKE_SLURM/hold"
	fake_quiet 30
}
ok 'one job, and another' jobs_run 2
is "$(effects)" "taken taken-kept command end look $claim script told answer" \
	'a job: its end is told by the commit that claims the next one'
ok 'the last one' jobs_run 1
is "$(effects)" "taken taken-kept command end look $commit told" \
	'a job: its end is forgotten when it has been told'

# What Slurm is asked for takes its time
ok 'one that has to ask for the limit' jobs_run 1 "DELETE FROM setting WHERE key = '.limit.at'"
is "$(effects | grep -oE 'end .*')" \
	"end event-kept outbox-kept $commit look $commit told" \
	'a job: its event is kept before Slurm is asked'

# Another holds the queue lock: what is to be told is kept before it is waited for

fresh 2
traced_jobs
touch stop
slurmq submit >/dev/null
: >"$LOG"
rm "$FAKE_SLURM/hold"
ok_within 30 'a job is at work' grep -q ' command$' "$LOG"
ok 'the queue lock is held while it ends' "$TEST_BUILD/t/queue_lock" .slurmq ./until-packed "$TEST_TMP/packed"
ok 'its event is in its name' test -s packed
ok 'it ends' fake_quiet 30
is "$(effects | grep -oE 'end .*')" "end packed outbox-kept look $claim script told answer outbox-kept" \
	'who waits for the queue lock keeps its event first'

# Whoever tells what another has left looks at no old listing either

fresh 2
for command in sync status; do
	traced slurmq "$command"
	is_status 0
	like "$(effects)" '^touch look' "$command: no old listing"
done

# The journal stays, and does not stay as large as it has been

fresh 1
sweep 120000
traced slurmq expand sweep.yaml
is_status 0
most=$(awk '$2 == "write" && $3 == "jobs.db-journal" && $4 > most { most = $4 } END { print most }' "$LOG")
ok 'a large expand has more than a MiB in the journal' test "$most" -gt 1048576
ok 'and leaves no more' test "$(stat -c %s .slurmq/jobs.db-journal)" -le 1048576

done_testing
