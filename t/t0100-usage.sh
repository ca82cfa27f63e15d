#!/bin/bash
# the command line: help, usage, errors for bad arguments, and which stream gets which output
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

widest() {
	awk '{ if (length > w) w = length } END { print w + 0 }' "$out_file"
}

# The overview

run slurmq help
is_status 0
is_err ''
is "${out%%$'\n'*}" 'slurmq keeps your Slurm queue full from a database of jobs.' 'help: slurmq in a line'
like "$out" '^usage: slurmq \[-C DIR\]' 'help: the usage'
like_out '^Also: slurmq help .*\<sweep\>'
like_out '^Getting started +init +make'
like_out '^Inspecting +status +show progress'
like_out '^ +list +list jobs'
ok 'help fits 80 columns' test "$(widest)" -le 80
ok 'help fits 40 lines with the prompt' test "$(wc -l <"$out_file")" -le 39
overview=$out

for call in '-h' '--help' '--color=never -h' '-h --color never'; do
	# shellcheck disable=SC2086
	run slurmq $call
	is_status 0
	is_out "$overview"
	is_err ''
done

run slurmq
is_status 2
is_out ''
is_err "$overview

slurmq: no .slurmq in '$TEST_TMP' or above it: make one with slurmq init, or go to the folder that has it (-C DIR)"

for call in --version -V version; do
	run slurmq "$call"
	is_status 0
	like_out '^slurmq [0-9]+\.[0-9]+\.[0-9]+$'
	is_err ''
done

# Every command

run slurmq help --list-commands
is_status 0
is_err ''
commands=$out
for name in init expand submit chain status list show log retry cancel hold release pause resume \
	config sync help; do
	like "$commands" "^$name\$" "$name is a command"
	like "$overview" "(^|[a-z]) +$name +[a-z]" "$name is in the overview"
done

mkdir usage
cd usage || exit 1
for name in $commands; do
	run slurmq "$name" -h
	is_status 0
	is_err ''
	like "$out" "^usage: slurmq $name( |\$)" "$name -h: the usage"
	ok "$name -h fits 80 columns" test "$(widest)" -le 80
	usage=$out
	run slurmq help "$name"
	is_status 0
	is_err ''
	like_out "^ +slurmq-$name "
	run slurmq "$name" --help nonsense too much
	is_status 0 "$name --help wins over its arguments"
	run slurmq help --list-options "$name"
	is_status 0
	like_out '^--help$'
	like_out '^--color$'
	is "$(sort <<<"$out" | uniq -d)" '' "$name: no option twice"
	is "$(grep -oE '^ +(-[a-z], )?--[a-z-]+' <<<"$usage" | grep -oE -- '--[a-z-]+' | sort)" \
		"$(grep -- '^--' <<<"$out" | sort)" "$name: usage and --list-options are the same"
	run slurmq "$name" --no-such-option
	is_status 2
	is_out ''
	like "$err" "^slurmq $name: unknown option '--no-such-option'" "$name: an unknown option"
	like_err "^usage: slurmq $name( |\$)"
done
is "$(ls -A)" '' 'none of this wrote a file'
cd ..

# Errors for bad arguments

# wrong STDERR COMMAND...: status 2, nothing on stdout
wrong() {
	local want=$1
	shift
	run "$@"
	is_status 2
	is_out ''
	is_err "$want"
}

wrong "slurmq: unknown command 'stauts', did you mean 'status'?" slurmq stauts
wrong "slurmq: unknown command 'sub', did you mean 'submit'?" slurmq sub
wrong "slurmq: unknown command 'frobnicate': slurmq help lists them" slurmq frobnicate
wrong "slurmq: unknown command 'swep': slurmq help lists them" slurmq swep
wrong "slurmq: unknown command '': slurmq help lists them" slurmq ''
wrong "slurmq: unknown option '--verson', did you mean '--version'?" slurmq --verson
wrong "slurmq: unknown option '-x'" slurmq -x status
wrong "slurmq: option '-C' needs a value: -C DIR" slurmq -C
wrong "slurmq: option '--color' takes auto, always or never, not 'pink'" slurmq --color pink help
wrong "slurmq help: unknown command 'stauts', did you mean 'status'?" slurmq help stauts
wrong "slurmq help: unknown command 'swep', did you mean 'sweep'?" slurmq help swep
wrong "slurmq help: unknown command 'frobnicate': slurmq help lists them" slurmq help frobnicate

# The words of other tools name the command of slurmq; the commands that slurmq itself calls are never named

while read -r word name; do
	# status -w and delete may not exist yet
	case $'\n'$commands$'\n' in *$'\n'"${name%% *}"$'\n'*) ;; *) continue ;; esac
	slurmq help --list-options "${name%% *}" | grep -qxe "-${name#*-}" || name=${name%% -*}
	wrong "slurmq: unknown command '$word', did you mean '$name'?" slurmq "$word"
	wrong "slurmq help: unknown command '$word', did you mean '${name%% *}'?" slurmq help "$word"
done <<'END'
abort cancel
cat log
info show
kill cancel
ls list
rerun retry
restart retry
resubmit retry
rm delete
start submit
stop cancel
tail log -f
top status -w
watch status -w
END
wrong "slurmq: unknown command 'tutorial': slurmq help tutorial prints that page" slurmq tutorial
for word in rum runn chian chains; do
	wrong "slurmq: unknown command '$word': slurmq help lists them" slurmq "$word"
done
wrong 'slurmq run: only submitted jobs call slurmq run; to run the jobs of a sweep file: slurmq expand sweep.yaml && slurmq submit' \
	slurmq run sweep.yaml
wrong "slurmq run: only submitted jobs call slurmq run; to run the jobs of a sweep file: slurmq expand 'my grid.yaml' b.yaml && slurmq submit" \
	slurmq run 'my grid.yaml' b.yaml
wrong 'slurmq run: only submitted jobs call slurmq run; to run jobs: slurmq submit' slurmq run
wrong 'slurmq run: only submitted jobs call slurmq run; to run jobs: slurmq submit' \
	env -u SLURM_JOB_ID slurmq run 0123456789abcdef
wrong "slurmq help: unknown command 'frobnicate': slurmq help lists them" \
	slurmq help --list-options frobnicate
wrong "slurmq help: --list-options needs a command's name" slurmq help --list-options
wrong "slurmq status: unknown option '--jsno', did you mean '--json'?
usage: slurmq status [SWEEP...] [-w] [--exit-code] [--json]" slurmq status --jsno
wrong "slurmq status: option '--json' takes no value
usage: slurmq status [SWEEP...] [-w] [--exit-code] [--json]" slurmq status --json=yes
wrong "slurmq log: unknown option '--tial', did you mean '--tail'?
usage: slurmq log [SELECTOR...] [--tail N] [--step STEP] [--attempt N] [-f]" slurmq log --tial 2
wrong "slurmq sync: one argument too many: 'now'
usage: slurmq sync [--json]" slurmq sync now
like "$(slurmq submit -n 0 2>&1)" "option '-n' takes 1 to [0-9]+, not '0'" 'a number below the minimum'
like "$(slurmq submit --max=many 2>&1)" "option '--max' needs a whole number, not 'many'" 'an argument that is not a number'

run slurmq $'fr\e[31mob\r'
is_err "slurmq: unknown command 'fr?[31mob?': slurmq help lists them" 'control characters of an argument are not printed'

# The option -C

run slurmq -C "$TEST_TMP/nowhere" status
is_status 2
is_err "slurmq: cannot change to the folder '$TEST_TMP/nowhere': No such file or directory"
mkdir -p here/sub
run slurmq -C here init
is_status 0
ok '-C: made there' test -d here/.slurmq
run slurmq -C here/sub config limit
is_status 0 'the folder is found from below'
is_out auto
run slurmq -Chere config limit
is_out auto
run slurmq status
is_status 2
is_out ''
like_err "^slurmq status: no \.slurmq in '.*' or above it: .*slurmq init"
run env SLURMQ_DIR="$TEST_TMP/here/.slurmq" slurmq config limit
is_status 0 'SLURMQ_DIR names the folder'
is_out auto

# Without a command, slurmq shows the status of a project

run slurmq -C here/sub status
status_of_here=$out
run slurmq -C here/sub
is_status 0
is_out "$status_of_here"
is_err ''
run slurmq -C here --help
is_out "$overview" '-h prints the usage there, too'
mkdir broken && ln -s "$TEST_TMP/nowhere" broken/.slurmq
run slurmq -C broken
is_status 2
is_out ''
like_err "^slurmq: '.*/broken/\.slurmq' is a link to '.*/nowhere', which cannot be reached"

# Without jobs, the next command is named

for cmd_ in status list; do
	run slurmq -C here "$cmd_"
	is_status 0
	is_out 'no jobs yet: slurmq expand FILE'
	is_err ''
done

# If output cannot be written, the command fails; if the reader closes a pipe, nothing is reported

for call in 'help' 'help status' '-C here config' '-C here status --json'; do
	# shellcheck disable=SC2086
	slurmq $call >/dev/full 2>"$err_file"
	is $? 1 "$call: a full disk under stdout"
	like "$(<"$err_file")" 'cannot write to standard output: No space left' "$call: is reported"
	# shellcheck disable=SC2086
	slurmq $call >&- 2>"$err_file"
	is $? 1 "$call: a closed stdout"
	like "$(<"$err_file")" 'cannot write to standard output: Bad file' "$call: is reported"
	# the reader exits before anything is written
	{
		read -r _
		# shellcheck disable=SC2086
		slurmq $call 2>"$err_file"
		echo $? >rc
	} < <(sleep 0.2; echo) | :
	is "$(<rc) $(<"$err_file")" '141 ' "$call: the reader has exited: status as by SIGPIPE"
done
# ... in the middle of a long output, and of a table
printf 'name: many\nparams: {a: {from: 1, to: 5000, step: 1}}\nrun: [echo, "{a}"]\n' >many.yaml
slurmq -C here expand ../many.yaml >/dev/null
for call in 'list' 'list --json' 'show all'; do
	# shellcheck disable=SC2086
	is "$({ slurmq -C here $call 2>"$err_file"; echo "$?" >rc; } | head -n 1 | wc -l) $(<rc) $(<"$err_file")" '1 141 ' \
		"$call: the reader exits early"
	# shellcheck disable=SC2086
	slurmq -C here $call >/dev/full 2>"$err_file"
	like "$? $(<"$err_file")" "^1 slurmq ${call%% *}: cannot write to standard output: No space left on device" \
		"$call: a full disk"
done
cp -a here closed
slurmq -C closed config limit 7 2>&- >/dev/null
is "$(slurmq -C closed config limit)" 7 'a closed stderr changes nothing'

# output to a closed stdout or stderr must not go to a file that got its descriptor
slurmq -C closed pause >&- 2>&-
is $? 1 'all streams closed'
is "$(slurmq -C closed pause)" 'already paused: no jobs are submitted; slurmq resume ends the pause' \
	'the command was done nevertheless'
is "$(grep -rl 'nothing new' closed/.slurmq)" '' 'its output is in no file'

# Colours

run slurmq -C here config
unlike_out $'\e'
run slurmq -C here --color=always config
like_out $'\e\[1mlimit'
run slurmq -C here config --color always
like_out $'\e\[1mlimit'
run env NO_COLOR=1 slurmq -C here --color=always config
like_out $'\e\[1mlimit'
run slurmq -C here --color=auto config
unlike_out $'\e'

done_testing
