#!/bin/bash
# slurmq delete while jobs are in Slurm (a fake one): it refuses, or cancels them and waits; killed at
# every step, the sweep is there as a whole or gone, and Slurm has no job of a sweep that is gone
# shellcheck disable=SC2119
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
FP=$TEST_BUILD/failpoints/slurmq
fake_start 10

cat >work <<'END2'
#!/bin/sh
echo "$SLURM_JOB_ID" >begun.$1
while [ -e stop.$1 ]; do sleep 0.01; done
slurmq record loss$1=0.5
END2
chmod +x work
printf 'name: one\nparams: {n: [1, 2, 3, 4]}\nlimit: 2\nrun: [./work, "{n}"]\n' >one.yaml
printf 'name: two\nparams: {m: [8, 9]}\nlimit: 1\nrun: [./work, "{m}"]\n' >two.yaml

db() {
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "$1"
}
# fast CMD...: runs it with its waits shortened
fast() {
	CLOCK_SPEED=20 LD_PRELOAD=$TEST_BUILD/t/fault.so "$@"
}
anew() {
	rm -rf .slurmq begun.* stop.*
	fake_clear 10
	{ slurmq init && slurmq expand one.yaml two.yaml; } >/dev/null || bail_out 'no jobs'
	slurmq config sentinel off >/dev/null
}
# in_slurm SWEEP: prints how many jobs of the sweep are pending or running in Slurm
in_slurm() {
	grep -lE "^(PENDING|RUNNING|COMPLETING) .* $1\.[0-9a-f]{16}$" "$FAKE_SLURM"/jobs/* 2>/dev/null | wc -l
}
# traces: prints what is left of the sweep 'one', whose versions and submissions are those in $was
traces() {
	local t
	db "SELECT 'sweep' FROM sweep WHERE name = 'one';
		SELECT 'version ' || id FROM version WHERE NOT published;
		SELECT 'job ' || id FROM job WHERE version NOT IN (SELECT id FROM version);
		SELECT 'attempt ' || id FROM attempt WHERE job NOT IN (SELECT id FROM job);
		SELECT 'step of ' || attempt FROM step WHERE attempt NOT IN (SELECT id FROM attempt);
		SELECT 'result of ' || attempt FROM result WHERE attempt NOT IN (SELECT id FROM attempt);
		SELECT 'result ' || name FROM result_name WHERE id NOT IN (SELECT name FROM result);
		SELECT key FROM setting WHERE key GLOB '.*.1';
		SELECT 'submission ' || id FROM submission WHERE version NOT IN (SELECT id FROM version);
		SELECT 'retry state' FROM retry_state WHERE job NOT IN (SELECT id FROM job);
		SELECT 'integrity: ' || integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok';
		SELECT 'counter of ' || state FROM counter
			WHERE n <> (SELECT count(*) FROM job WHERE job.state = counter.state AND job.sweep = counter.sweep)"
	find .slurmq/env .slurmq/bin -name 1 -o -name '1.*'
	for t in $was; do find .slurmq -name "$t*"; done
}
remember() {
	was=$(db "SELECT printf('%016x', id) FROM submission WHERE version = 1")
}
begun() {
	[ -s "begun.$1" ]
}
state() {
	slurmq list "$1" --json | sed 's/.*"state":"\([a-z]\).*/\1/' | paste -sd ''
}

# A sweep that has run: its files are removed, and those of the other sweep stay

anew
slurmq submit >/dev/null
fake_quiet || bail_out 'the jobs did not end'
is "$(state one)$(state two)" cccccc 'all jobs have run'
is "$(db 'SELECT count(*) FROM result')" 6 'each has a result'
remember
slurmq pause one >/dev/null
db "INSERT INTO setting VALUES('.over.1', '1'), ('.refused.1', 'x'), ('.breaker.failed.1', '1'), ('.breaker.held.1', 'x')"
: >".slurmq/outbox/${was%%$'\n'*}.0.1,0,n1,1,00000000000000aa"
: >".slurmq/manifests/${was%%$'\n'*}"
run slurmq delete one -y
is_status 0
is_out "deleted sweep 'one': 4 jobs"
is_err ''
is "$(traces)" '' 'of a sweep that has run nothing is left'
ok 'the program of the other sweep stays' test -x .slurmq/bin/2
is "$(find .slurmq/logs -name '*.log' | wc -l)" 2 'so do its logs'
is "$(db 'SELECT count(*) FROM attempt')" 2 'and its attempts'
is "$(db 'SELECT count(*) FROM step')" 2 'and its steps'
is "$(db 'SELECT count(*) FROM result')" 2 'and its results'
slurmq expand one.yaml >/dev/null
slurmq submit >/dev/null
fake_quiet
is "$(state one)$(state two)" cccccc 'the same file again: fresh jobs, which run'
is "$(db 'SELECT min(id) > 6 FROM attempt WHERE job IN (SELECT id FROM job WHERE sweep = 3)')" 1 'no id of an attempt is used again'

# Jobs in Slurm: one runs, one is queued

flying() {
	anew
	touch stop.{1,2,3,4,8,9}
	slurmq submit -n 1 >/dev/null
	_tap_poll 10 begun 1
	touch "$FAKE_SLURM/hold"
	slurmq submit >/dev/null
	remember
}
flying
is "$(in_slurm one)$(in_slurm two)" 21 'two jobs of the sweep are in Slurm'
run slurmq delete one --yes
is_status 1
is_out ''
is_err "slurmq delete: nothing was deleted: 2 jobs of sweep 'one' are in Slurm; add --cancel to end them"
is "$(in_slurm one)$(state one)" 2rqpp 'nothing was changed'
run slurmq delete one --cancel </dev/null
is_status 2
is_err "slurmq delete: would end 2 jobs in Slurm and delete sweep 'one' with 4 jobs, history and logs; add --yes to confirm"
run fast slurmq delete one --cancel --yes --json
is_status 0
is_out '{"deleted":4,"sweeps":1,"cancelled":4}'
is_err ''
is "$(in_slurm one)" 0 'none of its jobs is left in Slurm'
is "$(traces)" '' 'nothing of the sweep is left'
is "$(in_slurm two)$(state two)" 1qp 'the other sweep goes on'
is "$(find .slurmq/cancelled -type f 2>/dev/null)" '' 'no cancel record is left'
unlike "$(slurmq status)" paused 'the queue is not paused'

# cancel, hold, release, resume --json with jobs in Slurm

flying
run slurmq hold 2 --json
is_out '{"held":1,"dequeued":1}'
run slurmq release 2 --json
like_out '^\{"released":1,"submit":\{"submitted":1,'
run slurmq cancel 1-2 --yes --json
is_out '{"cancelled":2,"dequeued":1,"ending":1,"paused":false}'
slurmq pause >/dev/null
run slurmq resume --json
like_out '^\{"resumed":true,"nodes":\[\],"submit":\{"submitted":'

# Slurm does not answer, or does not end a job in time

flying
touch "$FAKE_SLURM/away"
run slurmq delete one --cancel --yes
is_status 75
like_err '^slurmq delete: nothing was deleted: '
rm "$FAKE_SLURM/away"
is "$(state one)" rqpp 'without an answer of Slurm nothing is changed'
slurmq cancel one --yes >/dev/null
_tap_poll 10 test "$(in_slurm one)" = 0
rm -f stop.*
fake_quiet
# a job that Slurm shows although it is over in the store
lost=$(grep -l ' one\.' "$FAKE_SLURM"/jobs/* | head -n 1)
sed -i 's/^[^ ]* [^ ]*/PENDING Priority/' "$lost"
run fast slurmq delete one --yes
is_status 75
like_err "^slurmq delete: nothing was deleted: 1 job of sweep 'one' is still in Slurm \(squeue shows it\); try again later or with --cancel$"
is "$(state one | tr -d p)" cccc 'the sweep is still there'
run fast slurmq delete one --cancel --yes
is_status 0 'with --cancel it is ended in Slurm'
like "$(cat "$lost")" '^CANCELLED ' 'by scancel'
is "$(traces)" '' 'then nothing is left'

# A submitter died, or still waits for sbatch: Slurm may get the job at any moment

anew
touch "$FAKE_SLURM/hold"
SLURMQ_FAILPOINT=sbatch-before run "$FP" submit -n 1 2>/dev/null
is_status 137
run fast slurmq delete one --cancel --yes
is_status 75
is_err "slurmq delete: nothing was deleted: sbatch may still be submitting jobs of sweep 'one': try again in two minutes"
is "$(slurmq list one --json | wc -l)" 4 'the sweep is still there'
db 'UPDATE submission SET created = created - 120001'
run slurmq delete one --yes
is_status 0 'two minutes later it is deleted'
is "$(in_slurm one)$(traces)" 0 'nothing is left'

# The sentinel executes the program of a version: it is replaced

anew
slurmq config sentinel 1h >/dev/null
touch "$FAKE_SLURM/hold"
slurmq submit one -n 1 >/dev/null 2>&1 || slurmq submit -n 1 >/dev/null
remember
sentinels() {
	grep -lE "^PENDING .* slurmq-sentinel\." "$FAKE_SLURM"/jobs/*
}
waiting=$(sentinels)
isnt "$waiting" '' 'a sentinel waits'
run fast slurmq delete one --cancel --yes
is_status 0
is "$(traces)" '' 'nothing is left of the sweep with which the sentinel was submitted'
is "$(sentinels)" '' 'nor is its sentinel'

# if the other sweep has jobs in Slurm, another sentinel waits

anew
slurmq config sentinel 1h >/dev/null
touch "$FAKE_SLURM/hold"
slurmq submit >/dev/null
remember
waiting=$(sentinels)
run fast slurmq delete one --cancel --yes
is_status 0
is "$(sentinels | wc -l)" 1 'one sentinel waits'
isnt "$(sentinels)" "$waiting" 'it is another one'

# A record that comes while the sweep is hidden: it is not ingested, and removed at the end

anew
slurmq submit >/dev/null
fake_quiet
remember
SLURMQ_FAILPOINT=delete-hidden run "$FP" delete one --yes 2>/dev/null
db 'UPDATE attempt SET closed = 1, completed = 0'
late=.slurmq/outbox/${was%%$'\n'*}.0.1,0,n1,1,00000000000000aa
printf 'start 1000 1 0 n1 1\nend failed 1 1 0 2000 0 0\n' >"$late"
run slurmq sync
is_status 0 'a late record is no error'
ok 'nor is it ingested' test -e "$late"
slurmq expand two.yaml >/dev/null
is "$(traces)" '' 'it is removed with the sweep'

# Killed at every step

points='change-committed back-taken ingest-committed cancel-before cancel-after reconcile-asked reconcile-committed
	delete-changed delete-hidden delete-records delete-files delete-slice delete-slice:2'
for point in $points; do
	flying
	SLURMQ_FAILPOINT=$point CLOCK_SPEED=20 LD_PRELOAD=$TEST_BUILD/t/fault.so run "$FP" delete one --cancel --yes 2>/dev/null
	is_status 137 "killed at $point"
	run slurmq list one --json
	if [ "$status" = 0 ]; then
		is "$(wc -l <<<"$out")" 4 "$point: all of the sweep is there"
		run fast slurmq delete one --cancel --yes
		is_status 0 "$point: the next delete deletes it"
	else
		is "$(in_slurm one)" 0 "$point: the sweep is gone, and Slurm has none of its jobs"
		run slurmq expand two.yaml
		is_status 0 "$point: the next expand completes it"
	fi
	is "$(in_slurm one)$(traces)" 0 "$point: nothing is left"
	rm -f "$FAKE_SLURM/hold" stop.*
	fake_quiet
	slurmq submit >/dev/null 2>&1
	fake_quiet
	is "$(state two)" cc "$point: the other sweep runs to its end"
done

# Everything

flying
run slurmq delete --everything -y
is_status 1
like_err "^slurmq delete: nothing was deleted: 3 jobs of '.*/\.slurmq' are in Slurm; add --cancel to end them$"
unlike "$(slurmq status)" paused 'refused: the queue goes on'
for point in delete-moving delete-moved; do
	flying
	SLURMQ_FAILPOINT=$point CLOCK_SPEED=20 LD_PRELOAD=$TEST_BUILD/t/fault.so run "$FP" delete --everything --cancel --yes 2>/dev/null
	is_status 137 "killed at $point"
	ok "$point: no job is left in Slurm" _fake_idle
	case $point in
	delete-moving) is "$(state one)" cccc "$point: all is there" ;;
	*) nok "$point: all is gone" test -e .slurmq ;;
	esac
	rm -rf .slurmq.*
done
flying
run fast slurmq delete --everything --cancel --yes
is_status 0
is_out "deleted '$PWD/.slurmq': 6 jobs of 2 sweeps"
ok 'no job is left in Slurm' _fake_idle
is "$(ls -d .slurmq* 2>/dev/null)" '' 'no file is left'

done_testing
