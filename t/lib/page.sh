# shellcheck shell=bash
#
# Examples of a manual page:
#
#	page_examples PAGE      its commands, a line each: what stands behind "$ " under EXAMPLES
#	page_run PAGE           run each, and see that it ends well and complains of nothing; one whose
#	                        programs are not installed is skipped
#	page_folder             make the folder that they are run in: a sweep file, a place for another
#	                        study, a $SCRATCH

page_examples() {
	awk '/^\.Sh / { on = /EXAMPLES/ } on && /^\$ / { print substr($0, 3) }' "$1" |
		sed 's/\\(dq/"/g; s/\\&//g; s/\\e/\\/g'
}

page_folder() {
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

page_run() {
	local example word missing
	while IFS= read -r example; do
		missing=''
		for word in sqlite3 jq; do
			[[ " $example " != *[\ \;\|]"$word "* ]] || command -v "$word" >/dev/null || missing=$word
		done
		if [ -n "$missing" ]; then
			skip 1 "$missing is not installed"
			continue
		fi
		run timeout 60 bash -c "set -o pipefail; $example" </dev/null
		if [ "$status" = 0 ] && [ -z "$err" ]; then
			pass "${1##*/}: $example"
		else
			fail "${1##*/}: $example" "status $status, stderr: $err"
		fi
	done < <(page_examples "$1")
}
