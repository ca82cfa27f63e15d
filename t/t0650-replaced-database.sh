#!/bin/bash
# jobs.db is replaced, or changed under their feet, while jobs run: they tell the one that lies there at their end
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
# begin: a sweep of three of which the first runs, one at a time
begin() {
	rm -rf .slurmq begun.* go
	fake_clear
	: >ledger
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit 2 >/dev/null
	slurmq expand sweep.yaml >/dev/null
	slurmq submit >/dev/null
	ok_within 20 "$1: the first runs" test -e begun.1
}
all_over() {
	[ "$(states)" = 444 ]
}
# finish WHAT: let them go; all end, each once
finish() {
	touch go
	ok_within 30 "$1: all end" all_over
	is "$(sort ledger | paste -sd' ')" '1 2 3' "$1: each has run once"
	ok "$1: Slurm has no more" fake_quiet
	is "$(sql 'PRAGMA integrity_check')" ok "$1: the database is sound"
	is "$(find .slurmq/{claims,running,outbox} -type f)" '' "$1: nothing is left to be told"
}

begin 'another file'
cp .slurmq/jobs.db copy.db && mv .slurmq/jobs.db was.db && mv copy.db .slurmq/jobs.db
finish 'another file'
is "$(sqlite3 was.db "SELECT group_concat(state, '') FROM job")" 200 'another file: the old one was left as it was'

begin 'written over'
cp .slurmq/jobs.db copy.db && sql 'CREATE TABLE t(x); DROP TABLE t; VACUUM' && cat copy.db >.slurmq/jobs.db
finish 'written over'

begin 'dumped and made anew'
{
	sqlite3 .slurmq/jobs.db .dump
	echo "PRAGMA application_id=$(sql 'PRAGMA application_id'); PRAGMA user_version=$(sql 'PRAGMA user_version');"
} | sqlite3 anew.db
cat anew.db >.slurmq/jobs.db
finish 'dumped and made anew'
rm anew.db

begin 'other settings'
run slurmq config reserve 0
is_status 0
sql 'VACUUM; CREATE INDEX more ON job(reason)'
finish 'other settings'

# What a job must not write to it does not: the end waits in outbox/
begin 'a newer one'
version=$(sql 'PRAGMA user_version')
sql 'PRAGMA user_version=99'
touch go
ok 'a newer one: the job ends' fake_quiet 40
is "$(sql 'PRAGMA user_version'; states)" $'99\n200' 'a newer one: nothing was changed'
ok 'a newer one: its log says why' grep -q 'was made by a newer slurmq' .slurmq/logs/*/*
sql "PRAGMA user_version=$version"
run slurmq submit
is_status 0
is_err ''
finish 'a newer one, and back'

done_testing
