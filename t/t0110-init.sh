#!/bin/bash
# slurmq init: a new folder, a second run, files in the way
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# snapshot FOLDER: prints every file's name, mode and content
snapshot() {
	(cd "$1" && find . -printf '%p %m\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

run slurmq init
is_status 0
is_out "made $TEST_TMP/.slurmq; next: slurmq expand FILE"
is_err ''
is "$(stat -c %a .slurmq)" 700 'only its owner may use it'
for f in jobs.db id; do is "$(stat -c %a .slurmq/$f)" 600 "$f too"; done
ok 'the folder for logs exists' test -d .slurmq/logs
run slurmq config limit 7
before=$(snapshot .slurmq)

run slurmq init
is_status 0 'a second init'
is_out "$TEST_TMP/.slurmq already exists and is unchanged"
is_err ''
is "$(snapshot .slurmq | grep -v ' \./queue.lock$')" "$(grep -v ' \./queue.lock$' <<<"$before")" \
	'a second init: nothing was changed'
run slurmq config limit
is_out 7 'its settings stay'

# Another folder

mkdir other
run slurmq init other
is_status 0
is_out "made $TEST_TMP/other/.slurmq; next: slurmq expand FILE"
isnt "$(<other/.slurmq/id)" "$(<.slurmq/id)" 'every folder has an id of its own'
run slurmq init nowhere
is_status 1
is_out ''
like_err "^slurmq init: .*'nowhere'.*: No such file or directory"
touch file
run slurmq init file
isnt "$status" 0 'a file as the parent folder'
is_out ''
like_err "^slurmq init: .*file"

mkdir locked
chmod 500 locked
if [ -w locked ]; then
	skip 2 'root may write in any folder'
else
	run slurmq init locked
	is_status 1
	like_err '^slurmq init: .*: Permission denied'
fi

# A link to a missing target (a file system that is not mounted) is not an empty place

mkdir away away/deep
ln -s /nowhere/jobs away/.slurmq
for command in '-C away init' '-C away status' '-C away/deep config limit 3'; do
	# shellcheck disable=SC2086
	run slurmq $command
	isnt "$status" 0 "$command: a link to a missing target"
	is_out ''
	like_err "'$TEST_TMP/away/.slurmq' is a link to '/nowhere/jobs', which cannot be reached \\(No such file or directory\\): restore that folder, or remove the link\$"
done

# An init that was interrupted is completed

mkdir -m 700 cut
mkdir -m 700 cut/.slurmq
run slurmq init cut
is_status 0 'an empty folder is completed'
like_out '^made '
run slurmq -C cut status
is_status 0

# ... but not a folder whose database is gone

for f in manifests claims running outbox logs; do
	mkdir "gone-$f"
	slurmq init "gone-$f" >/dev/null
	rm "gone-$f/.slurmq/jobs.db"*
	touch "gone-$f/.slurmq/$f/0123456789abcdef"
	before=$(snapshot "gone-$f/.slurmq")
	run slurmq init "gone-$f"
	is_status 2 "files in $f"
	is_out ''
	is_err "slurmq init: '$TEST_TMP/gone-$f/.slurmq/jobs.db' is missing, but '$TEST_TMP/gone-$f/.slurmq/$f' holds files of its jobs: restore a backup, or remove the folder and run slurmq init; nothing was changed"
	is "$(snapshot "gone-$f/.slurmq")" "$before" 'nothing was changed'
done
mkdir unused
slurmq init unused >/dev/null
rm unused/.slurmq/jobs.db*
run slurmq init unused
is_status 0 'a folder that never had a job is completed'

# A file of one line that names another folder

mkdir line
mkdir -m 700 line/far
printf 'far\n' >line/.slurmq
run slurmq init line
is_status 0 'a file of one line names the folder'
ok 'the database exists' test -e line/far/jobs.db
run slurmq -C line status
is_status 0
is_out 'no jobs yet: slurmq expand FILE'

printf 'far \t\r\n' >line/.slurmq
run slurmq -C line status
is_status 0 'a line that ends in CRLF'
printf 'far\nnear\n' >line/.slurmq
run slurmq -C line status
is_status 2 'a file of two lines'
is_out ''
like_err "invalid file '$TEST_TMP/line/.slurmq': it is longer than one line with a path; its only line must name the folder to use\$"
run slurmq init line
is_status 2
like_err "invalid file '$TEST_TMP/line/.slurmq': it is longer than one line"
printf 'far\0way\n' >line/.slurmq
run slurmq -C line status
is_status 2 'a NUL byte'
like_err "invalid file '$TEST_TMP/line/.slurmq': it contains a NUL byte; its only line must name the folder to use\$"
printf '\n\n' >line/.slurmq
run slurmq -C line status
is_status 2 'empty lines'
like_err '; its only line must name'
printf '%04097d' 0 >line/.slurmq
run slurmq -C line status
is_status 2 'a line longer than any path'
printf ' \r\n' >line/.slurmq
run slurmq -C line status
is_status 2 'an empty line'
like_err "invalid file '$TEST_TMP/line/.slurmq': it is empty; its only line must name the folder to use\$"

# Jobs run in the folder of the file, even if the user opens the real folder by its name

printf 'far\n' >line/.slurmq
printf 'name: there\nrun: [pwd]\n' >line/sweep.yaml
run slurmq -C line expand sweep.yaml
is_status 0
SLURMQ_DIR=$TEST_TMP/line/far run slurmq submit --dry-run
is_status 0
like_out " --chdir='?$TEST_TMP/line'? " 'the folder of the file'

# A umask that removes the owner's own permissions

mkdir shut
(umask 0777 && slurmq init shut && slurmq -C shut config limit 3) >shut.out 2>shut.err
is "$(cat shut.err)" '' 'a umask of 0777'
is "$(stat -c %a shut/.slurmq shut/.slurmq/{jobs.db,id,manifests} | paste -sd' ')" '700 600 600 700' 'modes do not depend on the umask'

# Other users may not write to it

mkdir open
run slurmq init open
chmod 770 open/.slurmq
run slurmq -C open status
is_status 2
is_out ''
like_err "other users may write to .*chmod 700"
run slurmq init open
is_status 2 'init does not repair it either'
mkdir "it's"
slurmq init "it's" >/dev/null
chmod 770 "it's/.slurmq"
run slurmq -C "it's" status
is_status 2
bash -c "${err##*: }"
is "$(stat -c %a "it's/.slurmq")" 700 'the advised command can be pasted'
if command -v sqlite3 >/dev/null; then
	sqlite3 "it's/.slurmq/jobs.db" 'PRAGMA journal_mode=WAL' >/dev/null
	run slurmq -C "it's" status
	is_status 2 'WAL mode'
	bash -c "${err##*mode: }" >/dev/null
	run slurmq -C "it's" status
	is_status 0 'the advised command works for WAL mode'
else
	skip 3 'no sqlite3'
fi

# Two init at the same time: one makes the folder, both succeed

for i in 1 2 3 4 5; do
	mkdir "race$i"
	slurmq init "race$i" >"a$i" 2>&1 &
	slurmq init "race$i" >"b$i" 2>&1
	rcs="$?"
	wait $!
	rcs="$rcs $?"
	like "$rcs" '^(0|75) (0|75)$' "race $i: neither failed"
	is "$(cat "a$i" "b$i" | grep -c '^made ')" 1 "race $i: one of them made the folder"
	run slurmq -C "race$i" status
	is_status 0
done

# A file in the way is never changed

# refused WHAT REGEX: runs commands in a folder whose jobs.db is wrong
refused() {
	local what=$1 regex=$2 before call
	before=$(snapshot bad/.slurmq | grep -v ' \./queue.lock$')
	for call in init status 'config limit 3' 'pause' 'expand x.yaml'; do
		printf 'name: x\nrun: "true"\n' >bad/x.yaml
		# shellcheck disable=SC2086
		run slurmq -C bad $call
		like "$status" '^[12]$' "$what: $call: exit status"
		is_out '' "$what: $call: no output"
		like "$err" "$regex" "$what: $call: the reason is reported"
	done
	is "$(snapshot bad/.slurmq | grep -v ' \./queue.lock$')" "$before" "$what: unchanged, byte for byte"
}

fresh() {
	rm -rf bad
	mkdir bad
	slurmq init bad >/dev/null
}

fresh
: >bad/.slurmq/jobs.db
refused 'an empty jobs.db' 'jobs\.db'

fresh
printf 'this is no database, and it is longer than a header of one would be: %0200d' 0 >bad/.slurmq/jobs.db
refused 'no database' 'jobs\.db'

fresh
rm bad/.slurmq/jobs.db
run slurmq -C bad status
isnt "$status" 0 'a missing jobs.db'
nok 'status does not make it' test -e bad/.slurmq/jobs.db

fresh
# the header's application_id (offset 68) and user_version (60): sqlite.org/fileformat2.html
printf '\0\0\0\7' | dd of=bad/.slurmq/jobs.db bs=1 seek=68 conv=notrunc 2>/dev/null
refused 'a foreign database' 'jobs\.db'

fresh
printf '\0\0\3\347' | dd of=bad/.slurmq/jobs.db bs=1 seek=60 conv=notrunc 2>/dev/null
refused 'a newer version' 'newer'

fresh
mkdir donor
slurmq init donor >/dev/null
cp donor/.slurmq/jobs.db bad/.slurmq/jobs.db
refused "another folder's" 'another'

done_testing
