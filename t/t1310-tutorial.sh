#!/bin/bash
# the README's tutorial: every command is run, and its output compared
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"
. "$TEST_LIB/session.sh"

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

cd copy || bail_out 'no copy'
session_run "$TEST_TMP/session"
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
