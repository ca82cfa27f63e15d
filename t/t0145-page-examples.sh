#!/bin/bash
# manual pages: each has examples, and those that need no Slurm are run unchanged
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/examples.sh"

man=$TEST_TOP/man
examples_pages || skip_all 'no man(1)'

# t1320 runs the examples that need Slurm, and t0205 runs the whole tutorial
for page in "$man"/*.[17]; do
	[ "${page##*/}" != slurmq-tutorial.7 ] || continue
	isnt "$(examples_of "$page")" '' "${page##*/} has examples"
done

for name in slurmq-{init,expand,config,help,list,status,pause,hold,priority,cancel,delete,record,export}.1 \
	slurmq-{guarantees,storage}.7; do
	mkdir "$name"
	cd "$name" || exit 1
	examples_folder || bail_out 'no folder'
	[ "$name" = slurmq-init.1 ] || slurmq init >/dev/null
	[[ $name == slurmq-@(init|expand).1 ]] || slurmq expand sweep.yaml >/dev/null
	examples_run "$man/$name"
	cd ..
done
is "$(slurmq -C slurmq-cancel.1 list -s cancelled --json | wc -l)" 24 'the examples have the described effect'
is "$(slurmq -C slurmq-storage.7/study status)" 'no jobs yet: slurmq expand FILE' \
	'a folder in another place exists'

if command -v mandoc >/dev/null; then
	# examples stand before the options, which is not the order of mdoc(7)
	for page in "$man"/*.[157]; do
		is "$(mandoc -T lint -W warning "$page" 2>&1 | grep -v 'sections out of conventional order')" '' \
			"${page##*/}: mandoc reports nothing"
		is "$(mandoc -T utf8 -O width=80 "$page" | col -b -x | awk 'length > 80')" '' \
			"${page##*/} fits 80 columns"
	done
else
	skip 1 'mandoc is not installed'
fi

done_testing
