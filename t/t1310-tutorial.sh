#!/bin/bash
# the README's tutorial: every command is run, and its output compared
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

missing=$(slurm_missing)
if [ -n "$missing" ]; then
	[ -z "${TEST_REQUIRE-}" ] || bail_out "not installed: ${missing//$'\n'/ }"
	skip_all "not installed: ${missing//$'\n'/ }"
fi

# a copy of the project
mkdir -p copy/t copy/build
cp -r "$TEST_LIB" copy/t/
ln -s "$SLURMQ" copy/build/slurmq

# in case the tutorial ends before its own last line
bed=$TEST_TMP/copy/build/bed
stop() {
	[ ! -e "$bed/bed" ] || "$TEST_LIB/slurm-testbed" stop "$bed"
}
at_exit stop

# The session: indented lines. "$ " starts a command, "> " continues it, the rest is output.

awk '/^## / { on = ($0 == "## Tutorial") } on && /^    / { print substr($0, 5) }' "$TEST_TOP/README.md" >session
isnt "$(grep -c '^\$ ' session)" 0 'the README has a tutorial'
is "$(awk '/^[$] / { on = 1 } !on' session)" '' 'the tutorial starts with a command'

# Output that differs between runs: paths and ids of Slurm, times, how many jobs run just now
normal() {
	sed -E '
		s#(/[^ ]*)?/build/#.../build/#g
		s/Slurm job [0-9]+(_[0-9]+)?/Slurm job N/
		s/ n[0-9]+( |:|$)/ NODE\1/g
		s/[0-9]+(\.[0-9])? ?s( |$)/TIME\2/g
		s/last refill (just now|TIME ago)/last refill .../
		s/\[[-#x> ]*\] +[0-9]+(\/[0-9]+)(  [0-9]+ (running|queued|submitting))+  [0-9]+ pending/[bar] N\1  some in Slurm/
		s/(chain alive.*;) [0-9]+ in Slurm/\1 N in Slurm/
		s/  (<1m|[0-9dhm TIME]+) left$//
		s/; sentinel in [0-9hms ]*(TIME)?/; sentinel in .../
		s/ +$//; s/ +/ /g'
}

# type_in COMMAND WANT: all commands run in one shell, as a user types them
n=0
type_in() {
	local file=$TEST_TMP/.tap/typed
	n=$((n + 1))
	eval "$1" >"$file" 2>&1 </dev/null
	status=$?
	is "$status $(normal <"$file")" "0 $(normal <<<"$2")" "\$ ${1%%$'\n'*}"
}

cd copy || bail_out 'no copy'
command='' want=''
while IFS= read -r line; do
	case $line in
	'$ '*)
		[ -z "$command" ] || type_in "$command" "$want"
		command=${line#\$ } want=''
		;;
	'> '*) command+=$'\n'${line#> } ;;
	*) want+=${want:+$'\n'}$line ;;
	esac
done <"$TEST_TMP/session"
type_in "$command" "$want"

is "$n" "$(grep -c '^\$ ' "$TEST_TMP/session")" 'every command was run'
is "$PWD" "$TEST_TMP/copy" 'it ends in the folder of its start'
nok 'no Slurm is left' test -e "$bed"
unknown() {
	local name
	# shellcheck disable=SC2016
	for name in $(grep '^| ' "$TEST_TOP/src/README.md" | grep -oE '`(t1?[0-9]+|unit/[a-z_]+)`' | tr -d '`'); do
		compgen -G "$TEST_TOP/t/${name}[-.]*" >/dev/null || printf '%s\n' "$name"
	done
}
is "$(unknown)" '' 'the tests that src/README.md names exist'
is "$(awk 'length > 100' "$TEST_TOP/README.md")" '' 'the README fits 100 columns'

done_testing
