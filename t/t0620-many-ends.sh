#!/bin/bash
# many jobs that end at the same moment: all records are ingested by the processes that get the
# lock, with slow files and with a killed holder of the queue lock too
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
rm "$TEST_TMP/.bin/slurmq"
ln -s "$TEST_BUILD/failpoints/slurmq" "$TEST_TMP/.bin/slurmq"
mkfifo go

# ends NAME N ENV...: N jobs that wait for each other, with ENV in their environment
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
	slurmq config sentinel off >/dev/null # the fake Slurm would start it at once
	GO=$TEST_TMP/go slurmq submit >/dev/null
	ok_within 60 "$name: $n run" all_begun "$n"
	# processes that open the FIFO for reading wait for this
	: >go
	# so does a process that has started and not opened it yet
	for _ in 1 2 3; do timeout 1 sh -c ': >go'; done &
	ok "$name: all jobs end" fake_quiet 100
	wait $!
	rm -f begun.*
	is "$(find .slurmq/outbox .slurmq/running .slurmq/claims .slurmq/manifests -type f)" '' "$name: no record is left"
	is "$(sqlite3 -separator ' ' .slurmq/jobs.db 'SELECT state, count(*) FROM job GROUP BY state')" "4 $n" \
		"$name: all are completed, without a command"
	is "$(sqlite3 .slurmq/jobs.db 'SELECT count(*) FROM attempt WHERE completed AND started > 0 AND ended >= started')" \
		"$n" "$name: each by a reported end"
	is "$(sqlite3 .slurmq/jobs.db 'PRAGMA integrity_check')" ok "$name: the database is sound"
}
all_begun() {
	local f=(begun.*)
	[ ${#f[@]} = "$1" ]
}

ends 'slow files' 100 "LD_PRELOAD=$TEST_BUILD/t/fault.so" DELAY=1000 "SLURMQ_FAULT_UNDER=$TEST_TMP/.slurmq"
for point in fill-locked fill-changed fill-committed; do
	ends "killed at $point" 18 "SLURMQ_FAILPOINT=$point" "SLURMQ_FAILPOINT_ONCE=$TEST_TMP/died"
	ok 'one holder was killed' test -e died
done

done_testing
