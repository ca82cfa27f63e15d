#!/bin/bash
# the order of changes to files: data that must survive a crash of the host is on the disk before
# another process relies on it. t/preload/trace.c records the calls of a process
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
# a job that runs is let end, and its process has to wait
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
# fresh JOBS: a new store with that many jobs; one is in Slurm at a time, and held there
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

# effects: prints the relevant lines of the first process in the log, one word each, and one word
# for many of a kind:
#
#	touch list	a file is made in outbox/, so that no old listing is used; outbox/ is listed
#	manifest claim	written; with -synced: synced (manifests: the folder)
#	journal db	synced; journal-head: SQLite's journal is valid; commit: it is not valid; commit-synced
#	script		sbatch gets it; answer: its answer is written
#	removed		records of outbox/ that were ingested are removed
#	won command end	a task wins its claim, starts, has ended; record-synced: its record
#	packed		the record is packed into its name
#	revoked cleaned	a claim is revoked; its file is removed
effects() {
	awk '
		function put(word) { if (word != last) printf "%s%s", last == "" ? "" : " ", word; last = word }
		!pid { pid = $1 }
		$1 != pid { next }
		{ call = $2 " " $3 }
		call ~ /^make outbox\/\.touch-/ { put("touch") }
		call == "list outbox" { put("list") }
		call ~ /^write manifests\// { put("manifest") }
		call ~ /^sync manifests\// { put("manifest-synced") }
		call == "sync manifests" { put("manifests-synced") }
		call ~ /^make claims\// { put("claim") }
		call == "sync claims" { put("claim-synced") }
		call == "sync jobs.db-journal" { put(void ? "commit-synced" : "journal"); kept = !void; void = written = 0 }
		call == "write jobs.db-journal" && kept && $4 == 0 { put("journal-head") }
		call ~ /^write jobs\.db$/ { kept = 0 }
		call == "sync jobs.db" { put("db"); written = 1 }
		call ~ /^(write|cut|unlink) jobs\.db-journal$/ && written && $4 + 0 == 0 { put("commit"); void = 1 }
		$2 == "feed" { put("script") }
		call ~ /^rename outbox\/\.tmp-/ && $4 ~ /\.answer$/ { put("answer") }
		call ~ /^sync outbox\/\.tmp-/ { put("answer-synced") }
		call ~ /^sync outbox\/[0-9a-f]/ { put("record-synced") }
		call == "sync outbox" { put("outbox-synced") }
		call ~ /^unlink outbox\/[0-9a-f]/ { put("removed") }
		call ~ /^rename claims\// { put($4 ~ /^running/ ? "won" : "revoked") }
		call == "sync running" { put("won-synced") }
		call == "sync revoked" { put("revoked-synced") }
		call ~ /^unlink revoked\/[0-9a-f]/ { put("cleaned") }
		$2 == "command" { put("command") }
		call ~ /^rename running\// { put("end") }
		call ~ /^rename outbox\/[0-9a-f]/ { put("packed") }
		END { print "" }' "$LOG"
}

commit='journal journal-head journal db commit commit-synced'
claim="manifest claim manifest-synced manifests-synced claim-synced $commit"

# A database is complete before it gets its name

traced slurmq init
is_status 0
is "$(tail -n 5 "$LOG" | cut -d' ' -f2- | sed -E 's/\.new-[0-9a-f]+/NEW/')" \
	$'sync NEW.db\nunlink NEW.db-journal\nsync .\nrename NEW.db jobs.db\nsync .' 'init: its name comes last'

# By hand, with slow syncs of manifests: rows are written meanwhile, and wait for the syncs

fresh 3
SLURMQ_TRACE_SLOW=manifests traced slurmq submit
is_status 0
is "$(effects | grep -oE 'manifest .*')" "$claim script answer list $commit removed" \
	'submit: manifests and claims, then rows, then the script, then the answer'
is "$(effects | tr ' ' '\n' | grep -B1 -m1 '^list' | paste -sd' ')" 'touch list' 'submit: it uses no old listing'

# sbatch refuses: the claim is revoked before the job can be submitted again, since Slurm may have
# made a job

fresh 1
echo refuse >"$FAKE_SLURM/mode"
traced slurmq submit
like_err 'sbatch refused the jobs'
is "$(effects | grep -oE 'manifest .*')" \
	"$claim script answer-synced answer outbox-synced list revoked revoked-synced $commit removed cleaned" \
	'submit: a refused job'"'"'s claim is revoked before its row is changed'

# A job wins its claim, ends, and submits the next one before its own record is removed

# jobs_run JOBS [SQL]: traces jobs, one after the other
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
is "$(effects)" "won won-synced command end list $claim script removed answer" \
	'a job: the commit that claims the next job ingests its end'
ok 'the last job' jobs_run 1
is "$(effects)" "won won-synced command end list $commit removed" \
	'a job: its record is removed after it was ingested'

# A query of Slurm takes time
ok 'a job that has to query the limit' jobs_run 1 "DELETE FROM setting WHERE key = '.limit.at'"
is "$(effects | grep -oE 'end .*')" \
	"end record-synced outbox-synced $commit list $commit removed" \
	'a job: its record is synced before the query'

# Another process holds the queue lock: a record is synced before the process waits

fresh 2
traced_jobs
touch stop
slurmq submit >/dev/null
: >"$LOG"
rm "$FAKE_SLURM/hold"
ok_within 30 'a job is at work' grep -q ' command$' "$LOG"
ok 'the queue lock is held while it ends' "$TEST_BUILD/t/queue_lock" .slurmq ./until-packed "$TEST_TMP/packed"
ok 'its record is packed into its name' test -s packed
ok 'the job ends' fake_quiet 30
is "$(effects | grep -oE 'end .*')" "end packed outbox-synced list $claim script removed answer outbox-synced" \
	'a process syncs its record before it waits for the queue lock'

# A process that ingests the records of others uses no old listing either

fresh 2
for command in sync status; do
	traced slurmq "$command"
	is_status 0
	like "$(effects)" '^touch list' "$command: no old listing"
done

# The journal file of SQLite stays, but not at its largest size

fresh 1
sweep 120000
traced slurmq expand sweep.yaml
is_status 0
most=$(awk '$2 == "write" && $3 == "jobs.db-journal" && $4 > most { most = $4 } END { print most }' "$LOG")
ok 'a large expand has more than a MiB in the journal' test "$most" -gt 1048576
ok 'after it the journal is small' test "$(stat -c %s .slurmq/jobs.db-journal)" -le 1048576

done_testing
