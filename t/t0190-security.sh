#!/bin/bash
# no file of another user is executed, and no link is followed; secrets are only in private files;
# no control character from elsewhere reaches the terminal
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
esc=$'\033'

# A folder that belongs to another user, or that others may write to, is refused in every way of
# naming it

refused() {
	local what=$1 want=$2
	shift 2
	run "$@"
	is_status 2 "$what: refused"
	is_out '' "$what: no output"
	like_err "$want" "$what: the reason, and what to do"
}
mkdir mine
slurmq init mine >/dev/null
printf 'name: safe\nparams: {n: [1, 2]}\nrun: ["true", "{n}"]\n' >mine/sweep.yaml
run slurmq -C mine expand sweep.yaml
is_status 0
for mode in 770 702 720 777; do
	chmod $mode mine/.slurmq
	refused "mode $mode" "other users may write to '.*/mine/.slurmq'.*chmod 700" slurmq -C mine submit
	refused "mode $mode, SLURMQ_DIR" "other users may write to" env SLURMQ_DIR="$PWD/mine/.slurmq" slurmq status
	refused "mode $mode, in a job" "other users may write to" \
		env SLURMQ_DIR="$PWD/mine/.slurmq" SLURM_JOB_ID=7 slurmq run 0123456789abcdef
done
chmod 755 mine/.slurmq
for folder in bin env manifests claims running outbox revoked; do
	chmod 722 "mine/.slurmq/$folder"
	refused "$folder below a folder that others may enter" "other users may write to '.*/$folder'.*chmod 700" \
		slurmq -C mine submit
	chmod 700 "mine/.slurmq/$folder"
done
chmod 666 mine/.slurmq/jobs.db
refused 'a database that others may write' "other users may write to '.*/jobs.db'.*chmod 600" slurmq -C mine submit
chmod 600 mine/.slurmq/jobs.db
run slurmq -C mine list
is_status 0 'the owner may let others read it'
chmod 700 mine/.slurmq

mkdir by-file
echo "$PWD/mine/.slurmq" >by-file/.slurmq
run slurmq -C by-file list
is_status 0 'a file that names the folder'
chmod 622 by-file/.slurmq
refused 'one that others may write' "other users may write to '.*/by-file/.slurmq'.*chmod 600" slurmq -C by-file submit
refused 'one that others may write, init' "other users may write to '.*/by-file/.slurmq'.*chmod 600" slurmq init by-file
chmod 600 by-file/.slurmq
chmod 770 mine/.slurmq
refused 'one that names what others may write' "other users may write to '.*/mine/.slurmq'" slurmq -C by-file submit
chmod 700 mine/.slurmq

if [ "$(id -u)" = 0 ]; then
	chown 65534 mine/.slurmq
	refused "another user's" "'.*/mine/.slurmq' belongs to another user \\(uid 65534\\).*slurmq init" slurmq -C mine submit
	refused "another user's, SLURMQ_DIR" 'belongs to another user' env SLURMQ_DIR="$PWD/mine/.slurmq" slurmq list
	refused "another user's, by a file" 'belongs to another user' slurmq -C by-file list
	refused "another user's, init" 'belongs to another user' slurmq init mine
	chown 0 mine/.slurmq
	chown 65534 by-file/.slurmq
	refused "another user's file" "'.*/by-file/.slurmq' belongs to another user" slurmq -C by-file list
	rm by-file/.slurmq
	ln -s "$PWD/mine/.slurmq" by-file/.slurmq
	chown -h 65534 by-file/.slurmq
	refused "another user's link" "'.*/by-file/.slurmq' belongs to another user" slurmq -C by-file list
	chmod 711 mine/.slurmq
	chown 65534 mine/.slurmq/bin
	refused "another user's programs" "'.*/bin' belongs to another user" slurmq -C mine list
	chown 0 mine/.slurmq/bin
	chmod 700 mine/.slurmq
else
	skip 21 'not root: a file cannot change its owner'
fi
touch "$FAKE_SLURM/log"
is "$(grep -c '^sbatch' "$FAKE_SLURM/log")" 0 'no command has submitted a job'

# Files are 0600 and folders 0700, whatever the umask; a secret is only in the file from which jobs
# read it

mkdir secret && cd secret || exit 1
printf 'name: quiet\nparams: {n: [1, 2]}\nrun: ["true", "{n}"]\n' >sweep.yaml
(
	umask 0
	export API_TOKEN=hunter2-hunter2
	slurmq init && slurmq expand sweep.yaml && slurmq submit && slurmq list && slurmq show 1 && slurmq status --json &&
		slurmq submit --dry-run
) >said 2>&1
ok 'the jobs end' fake_quiet 20
is "$(slurmq status --json | jq .counts.completed)" 2 'both are completed'
is "$(find .slurmq -type f ! -perm 600 ! -path '*/bin/*' ! -path '*/logs/*' -printf '%m %P\n')" '' 'files are 0600'
is "$(find .slurmq -type d ! -perm 700 -printf '%m %P\n')" '' 'folders are 0700'
is "$(find .slurmq/bin -type f ! -perm 700)" '' 'programs are 0700'
is "$(grep -rlF hunter2 .slurmq "$FAKE_SLURM" said)" .slurmq/env/1 'the environment is in one file only'
is "$(stat -c %a .slurmq/env/1)" 600 'that file is private'
unlike "$(cat "$FAKE_SLURM/log")" hunter2 'the secret is on no command line'

# Links at the names of slurmq's files are not followed

echo precious >../precious
for f in queue.lock expand last deciding; do
	rm -f ".slurmq/$f"
	ln -s ../../precious ".slurmq/$f"
	slurmq expand sweep.yaml >/dev/null 2>&1
	slurmq submit >/dev/null 2>&1
	slurmq status >/dev/null 2>&1
	rm -f ".slurmq/$f"
done
is "$(<../precious)" precious 'the targets of the links are unchanged'
if command -v strace >/dev/null; then
	slurmq retry --all 1 >/dev/null 2>&1
	strace -f -qq -o trace -e trace=openat,open slurmq submit --env >/dev/null 2>&1
	is "$(grep -E 'O_CREAT' trace | grep -F '"' | grep -vE 'O_EXCL|O_NOFOLLOW|jobs.db|/dev/|\.fake|fake/' | grep -v -- '-journal"')" '' \
		'a created file is new, or not a link'
	is "$(grep -oE '"\.(tmp|touch)-[^"]*' trace | grep -vcE '^"\.(tmp|touch)-[0-9a-f]{16}$')" 0 'temporary names are random'
	fake_quiet 20
else
	skip 2 'strace is not installed'
fi

# Values, names and Slurm's messages print no control character

cd .. && mkdir raw && cd raw || exit 1
slurmq init >/dev/null
printf 'name: raw\nparams: {v: ["\\e[31mred"]}\nrun: ["true", "{v}"]\n' >sweep.yaml
run slurmq --color never expand sweep.yaml
is_status 2
like_err "parameter 'v' holds a control character" 'a value with an escape is refused'
unlike "$err" "$esc" 'the escape is not shown'
printf 'name: raw\nparams: {v: ["a\342\200\256b", "a\302\2332Jb", "==> slurmq: step fake <=="]}\nrun: ["true", "{v}"]\n' >sweep.yaml
run slurmq --color never expand sweep.yaml
[ "$status" = 0 ] || { sed -i 's/"a\xc2\x9b2Jb", //' sweep.yaml; run slurmq --color never expand sweep.yaml; }
is_status 0 'a value with a right-to-left override'
echo garbage >"$FAKE_SLURM/mode"
run slurmq --color never submit
unlike "$out$err" $'[\001-\010\013-\037\177]' "a message of sbatch"
fake_quiet 20
fake_clear
rm -rf .slurmq && slurmq init >/dev/null && slurmq expand sweep.yaml >/dev/null
slurmq submit >/dev/null
ok 'the jobs run' fake_quiet 20
for call in 'list' 'show 1' 'show 2' 'status' 'log 1' 'log 2'; do
	# shellcheck disable=SC2086
	run slurmq --color never $call
	is_status 0
	unlike "$out$err" $'[\001-\010\013-\037\177]|\302[\200-\237]|\342\200\256' "$call"
done
is "$(cat .slurmq/logs/*/*.log | grep -c '^==> slurmq: step fake')" 0 'no value makes a heading'
is "$(cat .slurmq/logs/*/*.log | grep -cF "$esc")" 0 'no escape is in the log'
run slurmq --color never expand "no${esc}file.yaml"
unlike "$err" "$esc" 'a file name'
run slurmq --color never "lis${esc}t"
unlike "$err" "$esc" 'a command name'
run slurmq --color never list "a${esc}[2Jb"
unlike "$err" "$esc" 'a selector'
printf 'name: bad\nparams: {n: [1]}\n"k\\e[31m": 1\n' >bad.yaml
run slurmq --color never expand bad.yaml
isnt "$status" 0 'a key with an escape'
unlike "$out$err" "$esc" 'a key of a sweep file'

# Parameters are never shell code

mkdir ../code && cd ../code || exit 1
cat >sweep.yaml <<'END'
name: code
params:
  v: ["$(touch owned)", "`touch owned`", "; touch owned;", "' ; touch owned; '", "\" ; touch owned; \"", "$HOME"]
steps:
  - name: shell
    run: |
      printf '%s\n' {v} >>"$OUT"
  - name: quoted
    run: |
      printf '%s\n' "{v}" >>"$OUT"
  - name: words
    run: [sh, -c, 'printf "%s\n" "$1" >>"$OUT"', sh, "{v}"]
END
slurmq init >/dev/null
run slurmq expand sweep.yaml
is_status 0
OUT=$PWD/out slurmq submit >/dev/null
ok 'the jobs run' fake_quiet 20
is "$(slurmq status --json | jq .counts.completed)" 6 'all are completed'
is "$(find . -name owned)" '' 'no value was executed'
# shellcheck disable=SC2016
is "$(sort out | uniq -c | sed 's/^ *//' | LC_ALL=C sort)" "$(printf '3 %s\n' '" ; touch owned; "' '$(touch owned)' '$HOME' \
	"' ; touch owned; '" '; touch owned;' '`touch owned`' | LC_ALL=C sort)" 'each value arrived unchanged, three times'

done_testing
