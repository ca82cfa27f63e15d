#!/bin/bash
# bad surroundings: files, folders, permissions, PATH, the controller, a full disk
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

in_states() {
	local json want
	json=$(slurmq status --json 2>/dev/null) || return
	for want; do
		[ "$(jq ".counts.${want%=*}" <<<"$json")" = "${want#*=}" ] || return 1
	done
}
# sweep NAME JOBS: writes a sweep file, whose jobs write their ends to TEST_TMP/NAME.ledger
sweep() {
	: >"$TEST_TMP/$1.ledger"
	cat <<-END
		name: $1
		params: {n: {from: 1, to: $2, step: 1}}
		run: echo {n} >>"$TEST_TMP/$1.ledger"
	END
}
each_once() {
	is "$(sort -n "$TEST_TMP/$1.ledger" | paste -sd' ')" "$(seq -s' ' "$2")" "$3"
}
snapshot() {
	(cd "$1" && find . ! -name queue.lock -printf '%p %y %m\n' | sort &&
		find . -type f ! -name queue.lock -print0 | sort -z | xargs -0 sha256sum)
}

# Usage

run slurmq
is_status 2 'no command'
like_err '^usage: slurmq '
run slurmq sbumit
is_status 2
is_out ''
is_err "slurmq: unknown command 'sbumit', did you mean 'submit'?"
run slurmq submit --dryrun
is_status 2
is_out ''
like_err "^slurmq submit: .*'--dryrun'.*'--dry-run'"
run slurmq submit 5
is_status 2
like_err "one argument too many: '5'"

# No database

mkdir empty
cd empty || bail_out 'no folder to work in'
for call in submit status list 'show 1' 'log 1' retry 'cancel 1' 'hold 1' 'release 1' pause resume sync config; do
	# shellcheck disable=SC2086
	run slurmq $call
	is_status 2
	is_out ''
	like_err "^slurmq ${call%% *}: no \\.slurmq in '$TEST_TMP/empty' or above it: make one with slurmq init, or go to the folder that has it \\(-C DIR\\)\$"
done
run slurmq chain
is_status 0 "a chain never fails a user's job"
like_err '^slurmq chain: no \.slurmq in '
run slurmq chain --strict
is_status 2
is "$(ls -A)" '' 'no file was made'
run slurmq -C "$TEST_TMP/nowhere" status
is_status 2
is_out ''
like_err "'$TEST_TMP/nowhere': No such file or directory"
SLURMQ_DIR=$TEST_TMP/nowhere run slurmq status
is_status 2
like_err "cannot find the folder '$TEST_TMP/nowhere' that SLURMQ_DIR names: No such file"
cd "$TEST_TMP" || bail_out 'no folder to work in'

# A jobs.db that is no database, or not slurmq's: refused and unchanged

mkdir sound bad
sweep sound 300 >sound/sweep.yaml
{ slurmq -C sound init && slurmq -C sound expand sweep.yaml; } >/dev/null || bail_out 'no store to spoil'
spoil() {
	rm -rf bad
	cp -a sound bad
}
# refused WHAT REGEX
refused() {
	local before call
	before=$(snapshot bad)
	for call in init status submit list 'show 1' retry 'cancel 1 --yes' 'hold 1' 'release 1' pause sync \
		'expand sweep.yaml' 'chain --strict'; do
		# shellcheck disable=SC2086
		run slurmq -C bad $call
		like "$status" '^[12]$' "$1: ${call%% *}: exit status"
		is_out '' "$1: ${call%% *}: no output"
		like "$err" "$2" "$1: ${call%% *}: the reason"
	done
	is "$(snapshot bad)" "$before" "$1: unchanged, byte for byte"
}

spoil
: >bad/.slurmq/jobs.db
refused 'an empty jobs.db' 'jobs\.db'
spoil
head -c 65536 /dev/urandom >bad/.slurmq/jobs.db
refused 'noise' 'jobs\.db'
spoil
# application_id and user_version in the header: sqlite.org/fileformat2.html
printf '\0\0\0\7' | dd of=bad/.slurmq/jobs.db bs=1 seek=68 conv=notrunc 2>/dev/null
refused 'a foreign database' 'jobs\.db'
spoil
printf '\0\0\3\347' | dd of=bad/.slurmq/jobs.db bs=1 seek=60 conv=notrunc 2>/dev/null
refused 'a newer version' 'newer'
spoil
rm bad/.slurmq/id
refused 'without its id' 'id'
spoil
size=$(stat -c %s bad/.slurmq/jobs.db)
page=$((0x$(od -An -tx1 -j16 -N2 bad/.slurmq/jobs.db | tr -d ' ')))
dd if=/dev/urandom of=bad/.slurmq/jobs.db bs="$page" seek=1 count=$((size / page - 1)) conv=notrunc 2>/dev/null
refused 'a corrupt database' 'jobs\.db|malformed|corrupt'
spoil
truncate -s "$page" bad/.slurmq/jobs.db
refused 'a truncated database' 'jobs\.db|malformed|corrupt'
rm -rf bad

# Permissions

chmod 770 sound/.slurmq
for call in status submit; do
	run slurmq -C sound $call
	is_status 2
	is_out ''
	like_err "^slurmq $call: other users may write to '$TEST_TMP/sound/\\.slurmq' and so .*chmod 700"
done
chmod 700 sound/.slurmq
if [ "$(id -u)" = 0 ]; then
	chown 65534 sound/.slurmq
	for call in status submit; do
		run slurmq -C sound $call
		is_status 2
		is_out ''
		like_err "'$TEST_TMP/sound/\\.slurmq' belongs to another user \\(uid 65534\\)"
	done
	chown 0 sound/.slurmq
else
	skip 6 'only root can give a folder away'
fi

# Sweep files that cannot be read

# as_user CMD...: runs CMD as a user without permission to read every file
if [ "$(id -u)" != 0 ]; then
	as_user() { "$@"; }
	user_slurmq=slurmq
elif command -v setpriv >/dev/null; then
	as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
	chmod 711 "$TEST_TMP"
	user_slurmq=$TEST_TMP/slurmq-copy
	install -m 755 "$SLURMQ" "$user_slurmq"
else
	as_user() { return 125; }
fi
mkdir user
[ "$(id -u)" != 0 ] || chown 65534 user
if as_user true 2>/dev/null; then
	sweep user 3 >user/sweep.yaml
	chmod 0 user/sweep.yaml
	run as_user "$user_slurmq" -C user init
	is_status 0
	before=$(snapshot user/.slurmq)
	run as_user "$user_slurmq" -C user expand sweep.yaml
	is_status 2 'a sweep file without read permission'
	is_out ''
	like_err "^slurmq expand: .*'sweep.yaml': Permission denied"
	is "$(snapshot user/.slurmq)" "$before" 'nothing was added'
	chmod 0 user/.slurmq/jobs.db
	run as_user "$user_slurmq" -C user status
	isnt "$status" 0 'a jobs.db without read permission'
	is_out ''
	like_err '^slurmq status: .*jobs\.db'
	chmod 400 user/.slurmq/jobs.db
	run as_user "$user_slurmq" -C user pause
	isnt "$status" 0 'a jobs.db without write permission'
	is_out ''
	like_err '^slurmq pause: .*(jobs\.db|read-?only)'
else
	skip 11 'root may read every file, and setpriv is missing'
fi

mkdir sound/folder
mkfifo sound/fifo
for what in folder fifo; do
	run timeout 10 slurmq -C sound expand $what
	is_status 2
	is_out ''
	like_err "^slurmq expand: .*'$what'"
done

# Output cannot be written

for call in list status 'list --json' 'show 1' 'status --json' -h; do
	# shellcheck disable=SC2086
	slurmq -C sound $call >/dev/full 2>"$err_file"
	is $? 1 "slurmq $call to a full device"
	like "$(<"$err_file")" 'cannot write to standard output: No space left on device' 'the error is reported'
done

# No sbatch on PATH

run env PATH="$TEST_TMP/.bin" "$SLURMQ" -C sound submit
is_status 1 'no sbatch'
is_out ''
like_err '^slurmq submit: sbatch is not on PATH: load Slurm'
run slurmq -C sound status
is_status 0
like_out '^sound .* 0/300  300 pending$'
is "$(squeue -h)" '' 'nothing was submitted'

# The controller does not answer

mkdir away
cd away || bail_out 'no folder to work in'
sweep away 30 >sweep.yaml
slurmq init >/dev/null && slurmq expand sweep.yaml >/dev/null
ok 'the controller stops' slurm_ctld_stop
begun=$SECONDS
run timeout 150 slurmq submit
is_status 75 'submit: try again'
is_out ''
like_err 'Unable to contact slurm controller'
like_err 'the next slurmq submit queries Slurm for them$'
ok 'in bounded time' [ $((SECONDS - begun)) -lt 90 ]
run slurmq status
is_status 0
like_out '^away .* 0/30  30 submitting$'
like_err '^slurmq status: this may be out of date: '
ok 'the controller comes back' slurm_ctld_start
# the jobs stay in submitting until Slurm certainly does not have them
run slurmq submit
is_status 75
is_out ''
like_err '^slurmq submit: Slurm has not answered yet for 30 submitted jobs; run slurmq sync'
ok 'jobs without an answer are not submitted again' in_states submitting=30
touch -d '11 minutes ago' .slurmq/manifests/*
run slurmq submit
is_status 0
like_out '^submitted [1-9][0-9]* jobs; '
ok_within 60 'all are completed' in_states completed=30
each_once away 30 'each ran once'
cd "$TEST_TMP" || bail_out 'no folder to work in'

# A full disk

mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=12m,mode=700 slurmq-test small 2>/dev/null; then
	at_exit eval "! mountpoint -q '$TEST_TMP/small' || umount -l '$TEST_TMP/small'"
	full() {
		dd if=/dev/zero of=small/filler bs=64k 2>/dev/null
		dd if=/dev/zero of=small/filler2 bs=1k 2>/dev/null
	}
	room() {
		rm -f small/filler small/filler2
	}
	sweep small 40 >small.yaml
	# the jobs wait for a file
	sed -i "s|run: |run: until [ -e $TEST_TMP/go ]; do sleep 0.1; done; |" small.yaml
	slurmq -C small init >/dev/null
	full
	run slurmq -C small expand ../small.yaml
	is_status 1 'expand on a full disk'
	is_out ''
	like_err '^slurmq expand: .*no space left'
	room
	run slurmq -C small status
	is_out 'no jobs yet: slurmq expand FILE' 'nothing was added'
	run slurmq -C small expand ../small.yaml
	is_status 0
	is_out 'small: 40 jobs added (40 steps); next: slurmq submit'
	full
	run slurmq -C small submit
	isnt "$status" 0 'submit on a full disk'
	is_out ''
	like_err '^slurmq submit: .*[Nn]o space left'
	is "$(squeue -h)" '' 'nothing was submitted'
	room
	cd small || bail_out 'no folder to work in'
	ok 'nothing is lost' in_states pending=40
	run slurmq submit
	is_status 0
	like_out '^submitted 18 jobs; 22 pending, 18 in Slurm'
	ok_within 60 'ten jobs run' in_states running=10
	cd ..
	full
	touch go
	ten() {
		[ "$(wc -l <small.ledger)" -ge 10 ]
	}
	ok_within 30 'the jobs end while the disk is full' ten
	run slurmq -C small status
	like "$status" '^(0|1)$' 'status works nevertheless, or reports the reason'
	room
	cd small || bail_out 'no folder to work in'
	ok_within 120 'all are completed' in_states completed=40
	each_once small 40 'each ran once'
	cd ..
	ok 'no job is left in Slurm' slurm_quiet 60
	ok 'the disk is unmounted' umount small
else
	skip 20 'only root can mount a small disk'
fi

done_testing
