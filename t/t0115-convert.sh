#!/bin/bash
# a folder of slurmq 0.1 is converted if nothing is in flight, after a backup; else it is refused
# and left untouched
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
unset SLURMQ_DIR

# old FOLDER [SQL]: makes a folder of 0.1, with a sweep of twelve jobs, one of which failed
old() {
	mkdir -p "$1"/.slurmq/{bin,env,logs,ready,retired,running,spool,tickets} || bail_out "mkdir $1"
	printf '00112233445566778899aabbccddeeff\n' >"$1/.slurmq/id"
	printf 'host 1\n' >"$1/.slurmq/gate"
	printf 'a program\n' >"$1/.slurmq/bin/1"
	{
		cat "$TEST_TOP/t/data/folder-0.1.sql"
		printf 'PRAGMA application_id=1936486770; PRAGMA user_version=1;\n%s\n' "${2-}"
	} | sqlite3 "$1/.slurmq/jobs.db" || bail_out 'sqlite3'
	chmod -R go= "$1/.slurmq"
}

snapshot() {
	(cd "$1" && find . -printf '%p %y %m\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

# is_converted FOLDER
is_converted() {
	run slurmq -C "$1" list
	is_status 0 "$1: its jobs are listed"
	is_err '' "$1: no error"
	is "$(sed 1d <<<"$out" | wc -l)" 12 "$1: all of them"
	like_out '^ *2 +failed EXIT 3 +0 +1\.0s +n1 +0\.1 +2( |$)' "$1: with their results"
	is "$(cd "$1/.slurmq" && find . -mindepth 1 -maxdepth 1 -type d | sort | tr '\n' ' ')" \
		'./bin ./claims ./env ./logs ./manifests ./outbox ./revoked ./running ' "$1: its parts have their new names"
	is "$(ls "$1/.slurmq/bin")" '' "$1: the old program is gone"
	is "$(sqlite3 "$1/.slurmq/jobs.db" 'PRAGMA integrity_check; PRAGMA user_version')" $'ok\n2' "$1: the database is sound"
	is "$(sqlite3 "$1/.slurmq/jobs.db.0.1" 'PRAGMA integrity_check; PRAGMA user_version; SELECT count(*) FROM shape')" \
		$'ok\n1\n2' "$1: and there is a backup"
	is "$(sqlite3 "$1/.slurmq/jobs.db" "SELECT key FROM setting WHERE key NOT IN ('.folder', '.root')" | tr '\n' ' ')" \
		'.breaker.job .breaker.n limit ' "$1: settings have their new names"
	is "$(sqlite3 "$1/.slurmq/jobs.db" 'SELECT limit_group FROM submission')" '/gpu/' "$1: columns have their new names"
}

tables() {
	sqlite3 "$1/.slurmq/jobs.db" .schema | tr -d '"' | sed 's/ IF NOT EXISTS//' | sort
}

old idle
is_converted idle
mkdir new
run slurmq -C new init
is "$(tables idle)" "$(tables new)" 'its tables are those of a new folder'
before=$(snapshot idle/.slurmq)
run slurmq -C idle list
is "$(snapshot idle/.slurmq | grep -v ' \./queue.lock$')" "$(grep -v ' \./queue.lock$' <<<"$before")" 'nothing is converted a second time'

# No conversion while a job is in Slurm, or a record is not ingested

old flying 'UPDATE job SET state = 2 WHERE id = 3;'
old not-ingested
: >not-ingested/.slurmq/spool/000000000000004d.0.100,0,n1,1,0000000000000001
for name in flying not-ingested; do
	before=$(snapshot $name/.slurmq)
	run slurmq -C $name status
	is_status 2 "$name: refused"
	like_err "^slurmq status: cannot convert '.*/$name/.slurmq', which slurmq 0\.1 made: 1 of its jobs has not ended yet; let it end with that version \(.*\), then run this again; nothing was changed\$" \
		"$name: with the reason"
	is "$(snapshot $name/.slurmq)" "$before" "$name: unchanged, byte for byte"
done
sqlite3 flying/.slurmq/jobs.db 'UPDATE job SET state = 4 WHERE id = 3'
is_converted flying

# Another folder's database is not touched

old other "UPDATE setting SET value = 'ffffffffffffffffffffffffffffffff' WHERE key = '.folder';"
before=$(snapshot other/.slurmq)
run slurmq -C other status
is_status 2 'of another folder: refused'
like_err "is not the database of this folder" 'of another folder: with the reason'
is "$(snapshot other/.slurmq)" "$before" 'of another folder: unchanged'

# Killed in the middle of the conversion

for point in convert-database convert-renamed:1 convert-renamed:2 convert-renamed:3 convert-renamed:4 convert-renamed:5; do
	name=killed-${point//:/-}
	old "$name"
	run env SLURMQ_FAILPOINT=$point "$TEST_BUILD/failpoints/slurmq" -C "$name" list
	is_status 137 "$name: it dies there"
	is_converted "$name"
done

done_testing
