# shellcheck shell=bash
#
# Test scripts read like a session at the terminal:
#
#	#!/bin/bash
#	# the subject of this script
#	. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
#
#	run slurmq init
#	is_status 0
#	is_out 'made .slurmq'
#	is_err ''
#
#	done_testing
#
# and print TAP. They start in an empty folder, $TEST_TMP, which is removed at the end (kept with
# KEEP=1 if a check failed). It is in /tmp, or in the folder TEST_IN. Names of checks in brackets
# are optional.
#
#	plan N                      N checks will follow; or, at the end,
#	done_testing                no check follows
#	skip_all REASON             the script cannot run here
#	bail_out REASON             the script cannot continue
#	skip N REASON               N checks cannot be made here
#	note TEXT, diag TEXT        a remark; a remark that is also shown on a terminal
#
#	ok NAME CMD...              CMD is true                 nok NAME CMD...   CMD is false
#	pass NAME, fail NAME [DIAGNOSTIC]
#	is GOT WANT NAME            the same text               isnt GOT UNWANTED NAME
#	like GOT REGEX NAME         a line matches (ERE)        unlike GOT REGEX NAME
#
#	run CMD...                  runs it; then $status, $out and $err have the result (without the last
#	                            newlines), and so have the files $out_file and $err_file
#	is_status N [NAME]
#	is_out TEXT [NAME]          is_err TEXT [NAME]
#	like_out REGEX [NAME]       like_err REGEX [NAME]
#	unlike_out REGEX [NAME]     unlike_err REGEX [NAME]
#
#	wait_for SECONDS WHAT CMD...    until CMD is true; after the deadline notes it and returns 1
#	ok_within SECONDS NAME CMD...   the same as a check
#	spawn CMD...                start it in the background, in a process group of its own, its
#	                            pid in $spawned; the group is ended with the script
#	reap SECONDS PID            waits for its end: $status
#	gone PID                    no such process, or only its zombie is left
#	at_exit CMD...              runs it at the end, the last CMD first

set -u

. "${BASH_SOURCE[0]%/*}/env.sh"

TEST_NAME=${0##*/}
TEST_TMP=$(mktemp -d "${TEST_IN:-/tmp}/slurmq-${TEST_NAME%.sh}.XXXXXX") || exit 1
export TEST_NAME TEST_TMP HOME=$TEST_TMP/.home
mkdir -p "$TEST_TMP/.home" "$TEST_TMP/.bin" "$TEST_TMP/.tap"
ln -s "$SLURMQ" "$TEST_TMP/.bin/slurmq"
PATH=$TEST_TMP/.bin:$PATH

_tap_n=0 _tap_failed=0 _tap_plan='' _tap_done=''
_tap_at_exit=() _tap_pids=() _tap_cmd=()
out_file=$TEST_TMP/.tap/out err_file=$TEST_TMP/.tap/err
out='' err='' status='' cmd='' spawned=''

cd "$TEST_TMP" || exit 1

# Plan

plan() {
	_tap_plan=$1
	printf '1..%d\n' "$1"
}

done_testing() {
	[ -n "$_tap_plan" ] || plan "$_tap_n"
	_tap_done=1
}

skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	_tap_plan=0 _tap_done=1
	exit 0
}

bail_out() {
	printf 'Bail out! %s\n' "$1"
	exit 255
}

note() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

diag() {
	note "$@" >&2
}

at_exit() {
	_tap_at_exit+=("$(printf '%q ' "$@")")
}

_tap_end() {
	local rc=$? i pid
	trap - EXIT
	trap '' INT TERM HUP
	for ((i = ${#_tap_at_exit[@]} - 1; i >= 0; i--)); do eval "${_tap_at_exit[i]}"; done
	for pid in ${_tap_pids[@]+"${_tap_pids[@]}"}; do
		# not waited for yet: no other process can have this pid
		kill -TERM -- "-$pid" 2>/dev/null || continue
		_tap_poll 2 _tap_group_gone "$pid" || kill -KILL -- "-$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	if [ -z "$_tap_plan" ]; then
		note "$TEST_NAME ended without a plan, exit status $rc"
		[ "$rc" != 0 ] || rc=1
	elif [ "$_tap_plan" != "$_tap_n" ]; then
		note "planned $_tap_plan checks, made $_tap_n"
		[ "$rc" != 0 ] || rc=1
	fi
	if [ $_tap_failed -gt 0 ]; then
		note "$_tap_failed of $_tap_n checks failed"
		[ "$rc" != 0 ] || rc=1
	fi
	cd /
	if [ -n "${KEEP-}" ] && [ "$rc" != 0 ]; then
		note "kept $TEST_TMP"
	else
		chmod -R u+rwX "$TEST_TMP" 2>/dev/null
		rm -rf "$TEST_TMP"
	fi
	exit "$rc"
}

trap _tap_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Checks

# Prints the name in one line, without characters that TAP reads as a directive
_tap_name() {
	local name=${1//$'\n'/ }
	printf '%s' "${name//\#/\\#}"
}

pass() {
	_tap_n=$((_tap_n + 1))
	printf 'ok %d - %s\n' $_tap_n "$(_tap_name "$1")"
}

fail() {
	local i=0 file line
	_tap_n=$((_tap_n + 1)) _tap_failed=$((_tap_failed + 1))
	printf 'not ok %d - %s\n' $_tap_n "$(_tap_name "$1")"
	# the line of the script, not a line of this file
	while read -r line _ file < <(caller $i); do
		[ "$file" = "${BASH_SOURCE[0]}" ] || break
		i=$((i + 1))
	done
	note "  at ${file##*/} line $line"
	[ $# -lt 2 ] || note "$2" | sed 's/^# /#   /'
	return 1
}

skip() {
	local i
	for ((i = 0; i < $1; i++)); do
		_tap_n=$((_tap_n + 1))
		printf 'ok %d # SKIP %s\n' $_tap_n "$2"
	done
}

ok() {
	local name=$1 rc
	shift
	"$@"
	rc=$?
	if [ $rc -eq 0 ]; then pass "$name"; else fail "$name" "exit status $rc: $*"; fi
}

nok() {
	local name=$1
	shift
	if "$@"; then fail "$name" "should have failed: $*"; else pass "$name"; fi
}

_tap_diff() {
	case $1$2 in
	*$'\n'*) diff -u --label want --label got <(printf '%s\n' "$2") <(printf '%s\n' "$1") ;;
	*[![:print:]]*) printf 'got  %q\nwant %q' "$1" "$2" ;;
	*) printf "got  '%s'\nwant '%s'" "$1" "$2" ;;
	esac
}

is() {
	if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" "$(_tap_diff "$1" "$2")"; fi
}

isnt() {
	if [ "$1" != "$2" ]; then pass "$3"; else fail "$3" "got what was not wanted: $1"; fi
}

like() {
	if grep -Eq -e "$2" <<<"$1"; then
		pass "$3"
	else
		fail "$3" "no line matches $2 in"$'\n'"$1"
	fi
}

unlike() {
	if grep -Eq -e "$2" <<<"$1"; then
		fail "$3" "a line matches $2 in"$'\n'"$1"
	else
		pass "$3"
	fi
}

# Commands

run() {
	cmd=$*
	"$@" >"$out_file" 2>"$err_file"
	status=$?
	out=$(<"$out_file") err=$(<"$err_file")
}

# If a check of a command fails, all three are printed
_tap_all() {
	printf '\nstatus %s' "$status"
	[ -z "$out" ] || printf '\nstdout:\n%s' "$out"
	[ -z "$err" ] || printf '\nstderr:\n%s' "$err"
}

is_status() {
	local name=${2-"$cmd: exit status $1"}
	if [ "$status" = "$1" ]; then
		pass "$name"
	else
		fail "$name" "got status $status, want $1$(_tap_all)"
	fi
}

is_out() { is "$out" "$1" "${2-"$cmd: stdout"}" || _tap_more; }
is_err() { is "$err" "$1" "${2-"$cmd: stderr"}" || _tap_more; }
like_out() { like "$out" "$1" "${2-"$cmd: stdout"}" || _tap_more; }
like_err() { like "$err" "$1" "${2-"$cmd: stderr"}" || _tap_more; }
unlike_out() { unlike "$out" "$1" "${2-"$cmd: stdout"}" || _tap_more; }
unlike_err() { unlike "$err" "$1" "${2-"$cmd: stderr"}" || _tap_more; }

_tap_more() {
	note "$(_tap_all)" | sed 's/^# /#   /'
	return 1
}

# Time

# _tap_poll SECONDS CMD...
_tap_poll() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

wait_for() {
	local secs=$1 what=$2
	shift 2
	_tap_poll "$secs" "$@" && return
	note "waited $secs s in vain: $what"
	return 1
}

ok_within() {
	local secs=$1 name=$2
	shift 2
	if _tap_poll "$secs" "$@"; then pass "$name"; else fail "$name" "not within $secs s: $*"; fi
}

gone() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	case ${stat##*) } in Z* | X*) return 0 ;; esac
	return 1
}

_tap_group_gone() {
	local p stat
	for p in /proc/[0-9]*/stat; do
		{ read -r stat <"$p"; } 2>/dev/null || continue
		# shellcheck disable=SC2086
		set -- "$1" ${stat##*) }
		# state, parent, group
		[ "$4" != "$1" ] || [ "$2" = Z ] || return 1
	done
}

spawn() {
	# there is no job control here: setsid is not a group leader, so it does not fork and keeps
	# the pid
	setsid -- "$@" &
	spawned=$!
	_tap_pids+=("$spawned")
	_tap_cmd[spawned]=$*
}

reap() {
	wait_for "$1" "end of process $2" gone "$2" || return
	wait "$2"
	status=$?
	cmd=${_tap_cmd[$2]-}
	# once its group is empty, the pid may belong to another process
	if _tap_group_gone "$2"; then
		local pid left=()
		for pid in "${_tap_pids[@]}"; do [ "$pid" = "$2" ] || left+=("$pid"); done
		_tap_pids=(${left[@]+"${left[@]}"})
	fi
	return 0
}
