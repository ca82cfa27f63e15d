# shellcheck shell=bash
#
# Runs the commands under EXAMPLES of a manual page unchanged:
#
#	examples_of PAGE        prints the commands, a line each: the text after "$ "
#	examples_run PAGE       runs each, and checks that it succeeds without an error; a command whose
#	                        programs are not installed is skipped, one that ends with "try again"
#	                        (status 75) is run again
#	examples_folder         makes the files that they need: a sweep file, a folder for another sweep,
#	                        and $SCRATCH
#	examples_pages          makes man(1) find only the pages of this tree; fails without man(1)

examples_of() {
	awk '/^\.Sh / { on = /EXAMPLES/ } on && /^\$ / { print substr($0, 3) }' "$1" |
		sed 's/\\(dq/"/g; s/\\&//g; s/\\e/\\/g'
}

examples_pages() {
	local page
	export MANPATH=$TEST_TMP/.pages
	for page in "$TEST_TOP"/man/*.[157]; do
		mkdir -p "$MANPATH/man${page##*.}"
		cp "$page" "$MANPATH/man${page##*.}"
	done
	man -w slurmq >/dev/null 2>&1
}

examples_folder() {
	export SCRATCH=$TEST_TMP/scratch
	mkdir -p "$SCRATCH" study || return
	cat >sweep.yaml <<-'END'
		name: cifar
		params:
		  lr: [0.1, 0.01, 0.001]
		  seed: {from: 1, to: 8, step: 1}
		sbatch: {time: "0:05:00", mem: 10M}
		steps:
		  - name: train
		    run: test {seed} != 4
		  - name: eval
		    run: test {seed}/{lr} != 1/0.001
	END
}

examples_run() {
	local example word missing i
	while IFS= read -r example; do
		missing=''
		for word in sqlite3 jq; do
			[[ " $example " != *[\ \;\|]"$word "* ]] || command -v "$word" >/dev/null || missing=$word
		done
		if [ -n "$missing" ]; then
			skip 1 "$missing is not installed"
			continue
		fi
		for ((i = 0; i < 100; i++)); do
			run timeout 60 bash -c "set -o pipefail; $example" </dev/null
			# shellcheck disable=SC2154
			[ "$status" = 75 ] || break
			sleep 0.2
		done
		if [ "$status" = 0 ] && [ -z "$err" ]; then
			pass "${1##*/}: $example"
		else
			fail "${1##*/}: $example" "status $status, stderr: $err"
		fi
	done < <(examples_of "$1")
}
