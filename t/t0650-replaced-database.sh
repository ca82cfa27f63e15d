#!/bin/bash
# jobs.db is replaced or changed while jobs run: at their end they write to the database that is
# there then
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
cd "$TEST_TMP" || bail_out 'no folder'
# shellcheck disable=SC2016
printf 'name: odd\nparams: {n: [1, 2, 3]}\nrun: |\n  cd "$SLURMQ_DIR/.."\n  >begun.{n}\n  until [ -e go ]; do sleep 0.05; done\n  echo {n} >>ledger\n' >sweep.yaml

sql() {
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "$1"
}
states() {
	sql "SELECT group_concat(state, '') FROM job"
}
# begin: starts a sweep of three jobs, one at a time, of which the first runs
begin() {
	rm -rf .slurmq begun.* go
	fake_clear
	: >ledger
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit 2 >/dev/null
	slurmq expand sweep.yaml >/dev/null
	slurmq submit >/dev/null
	ok_within 20 "$1: the first job runs" test -e begun.1
}
all_over() {
	[ "$(states)" = 444 ]
}
# finish WHAT: lets the jobs end; all end, each run once
finish() {
	touch go
	ok_within 30 "$1: all jobs end" all_over
	is "$(sort ledger | paste -sd' ')" '1 2 3' "$1: each has run once"
	ok "$1: no job is left in Slurm" fake_quiet
	is "$(sql 'PRAGMA integrity_check')" ok "$1: the database is sound"
	is "$(find .slurmq/{claims,running,outbox} -type f)" '' "$1: no record is left"
}

begin 'another file'
cp .slurmq/jobs.db copy.db && mv .slurmq/jobs.db was.db && mv copy.db .slurmq/jobs.db
finish 'another file'
is "$(sqlite3 was.db "SELECT group_concat(state, '') FROM job")" 200 'another file: the old file is unchanged'

begin 'written over'
cp .slurmq/jobs.db copy.db && sql 'CREATE TABLE t(x); DROP TABLE t; VACUUM' && cat copy.db >.slurmq/jobs.db
finish 'written over'

begin 'dumped and restored'
{
	sqlite3 .slurmq/jobs.db .dump
	echo "PRAGMA application_id=$(sql 'PRAGMA application_id'); PRAGMA user_version=$(sql 'PRAGMA user_version');"
} | sqlite3 anew.db
cat anew.db >.slurmq/jobs.db
finish 'dumped and restored'
rm anew.db

begin 'other settings'
run slurmq config reserve 0
is_status 0
sql 'VACUUM; CREATE INDEX more ON job(reason)'
finish 'other settings'

# A job does not write to a database that it must not change: its end stays in outbox/
begin 'a newer version'
version=$(sql 'PRAGMA user_version')
sql 'PRAGMA user_version=99'
touch go
ok 'a newer version: the job ends' fake_quiet 40
is "$(sql 'PRAGMA user_version'; states)" $'99\n200' 'a newer version: nothing was changed'
ok 'a newer version: its log has the reason' grep -q 'was made by a newer slurmq' .slurmq/logs/*/*
sql "PRAGMA user_version=$version"
run slurmq submit
is_status 0
is_err ''
finish 'a newer version, and back'

done_testing
