# shellcheck shell=bash
#
# The examples on slurmq-sweep(5): literal blocks that are a sweep file, or a part of one, and the batch scripts that
# these name. The paragraph after a sweep file starts with "N jobs" or "N jobs, M steps".

# page_examples PAGE FOLDER: writes FOLDER/NN.yaml, completed to a sweep file, and FOLDER/NN.says; and FOLDER/NAME for
# a block whose first two lines are "#!/bin/bash" and "# NAME"
page_examples() {
	local file
	mkdir -p "$2"
	awk -v to="$2" '
		/^\.Bd -literal -offset indent/ { n++; in_block = 1; next }
		/^\.Bd -literal$/ { in_script = 1; next }
		/^\.Ed/ { behind = in_block; in_block = in_script = 0; script = first = ""; next }
		in_block { print > sprintf("%s/%02d.yaml", to, n); next }
		in_script && /^#!/ { first = $0; next }
		in_script && first && /^# [a-z]+\.sh$/ { script = to "/" $2; print first > script }
		in_script { first = ""; if (script) print > script; next }
		behind && !/^\./ { print > sprintf("%s/%02d.says", to, n); behind = 0 }
	' "$1"
	# roff escapes: \(aq is an apostrophe, \e a backslash, \& nothing
	sed -i "s/\\\\(aq/'/g; s/\\\\&//g; s/\\\\e/\\\\/g" "$2"/*.yaml "$2"/*.sh
	for file in "$2"/*.yaml; do
		grep -q '^name:' "$file" || sed -i '1i name: example' "$file"
		grep -qE '^(run|steps|script):' "$file" || echo 'run: [echo, "{@args}"]' >>"$file"
	done
}
