# shellcheck shell=bash
#
# The commands under EXAMPLES of a manual page, run as they stand there:
#
#	examples_of PAGE        a line each: what stands behind "$ "
#	examples_run PAGE       run each, and see that it ends well and complains of nothing; one whose
#	                        programs are not installed is skipped, one that says "try again"
#	                        (status 75) is tried again
#	examples_folder         make what they are run in, here: a sweep file, a place for another study,
#	                        and $SCRATCH
#	examples_pages          let man(1) find the pages of this tree, and no other ones; false without it

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
