#!/bin/bash
# many jobs that end in one moment: all of it is told, by whoever gets the lock, also where files are slow
# and where the one that has the queue lock is killed
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
rm "$TEST_TMP/.bin/slurmq"
ln -s "$TEST_BUILD/failpoints/slurmq" "$TEST_TMP/.bin/slurmq"
mkfifo go

# ends NAME N ENV...: N jobs that wait for each other, what is in their environment
ends() {
	local name=$1 n=$2
	shift 2
	rm -rf .slurmq died
	fake_clear
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$FAKE_SLURM/jobenv"
	# shellcheck disable=SC2016
	printf 'name: ends\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: |\n  >begun.{n}\n  cat <"$GO"\n' "$n" >sweep.yaml
	slurmq init >/dev/null
	slurmq expand sweep.yaml >/dev/null
	slurmq config limit 1000 >/dev/null
	slurmq config sentinel off >/dev/null # this Slurm would begin it at once
	GO=$TEST_TMP/go slurmq submit >/dev/null
	ok_within 60 "$name: $n run" all_begun "$n"
	# who opens it to read waits for this
	: >go
	# and so does who had begun and not opened it yet
	for _ in 1 2 3; do timeout 1 sh -c ': >go'; done &
	ok "$name: they come to their end" fake_quiet 100
	wait $!
	rm -f begun.*
	is "$(find .slurmq/outbox .slurmq/running .slurmq/claims .slurmq/manifests -type f)" '' "$name: no event is left"
	is "$(sqlite3 -separator ' ' .slurmq/jobs.db 'SELECT state, count(*) FROM job GROUP BY state')" "4 $n" \
		"$name: all are completed, and nobody asked"
	is "$(sqlite3 .slurmq/jobs.db 'SELECT count(*) FROM attempt WHERE completed AND started > 0 AND ended >= started')" \
		"$n" "$name: each by its own end"
	is "$(sqlite3 .slurmq/jobs.db 'PRAGMA integrity_check')" ok "$name: the database is sound"
}
all_begun() {
	local f=(begun.*)
	[ ${#f[@]} = "$1" ]
}

ends 'slow files' 100 "LD_PRELOAD=$TEST_BUILD/t/fault.so" DELAY=1000 "SLURMQ_FAULT_UNDER=$TEST_TMP/.slurmq"
for point in fill-locked fill-changed fill-committed; do
	ends "killed at $point" 18 "SLURMQ_FAILPOINT=$point" "SLURMQ_FAILPOINT_ONCE=$TEST_TMP/died"
	ok 'one was' test -e died
done

done_testing
