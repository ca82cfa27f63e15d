#!/bin/bash
# order: random: each job once, the same order for the same file, and jobs keep their ids
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# file ORDER LR...: a sweep file; jobs FOLDER: its jobs as the list has them
file() {
	local order=$1 lr
	shift
	lr=$*
	printf '%s\n' 'name: grid' "params: {opt: [a, b, c], lr: [${lr// /, }], n: {from: 1, to: 8, step: 1}}" \
		'include: [{opt: z, lr: 9, n: 9}]' "$order" 'run: [echo, "{opt}", "{lr}", "{n}"]' >grid.yaml
}
jobs_of() {
	sqlite3 "$1/.slurmq/jobs.db" 'SELECT replace(vals, char(10), " ") FROM job ORDER BY id'
}
for dir in one two three four five; do mkdir $dir && slurmq init $dir >/dev/null; done

file 'order: random' 1 2
slurmq -C one expand ../grid.yaml >/dev/null
slurmq -C two expand ../grid.yaml >/dev/null
file 'order: file' 1 2
slurmq -C three expand ../grid.yaml >/dev/null
is "$(jobs_of one | wc -l)" 49 'all jobs are there'
is "$(jobs_of one)" "$(jobs_of two)" 'the same file gives the same order'
isnt "$(jobs_of one)" "$(jobs_of three)" 'which is not that of the file'
is "$(jobs_of one | sort)" "$(jobs_of three | sort)" 'each job is there once'
is "$(jobs_of one | tail -n 1)" 'z 9 9' 'include is last'
is "$(jobs_of one | head -n 12 | cut -d' ' -f1 | sort -u | paste -sd' ')" 'a b c' 'the first ones have every value'

# Another seed, another order; draws stay what they are

sed -e 's/^order:.*/order: random\nsample: {n: 2, seed: 7}/' -e 's/n: {/x: {uniform: [0, 1]}, n: {/' -e '/^include/d' grid.yaml >drawn.yaml
slurmq -C four expand ../drawn.yaml >/dev/null
is "$(jobs_of four | wc -l)" 96 'points and draws'
sed -i 's/^order.*/order: file/' drawn.yaml
slurmq -C five expand ../drawn.yaml >/dev/null
is "$(jobs_of four | sort)" "$(jobs_of five | sort)" 'the same draws in either order'
run slurmq -C four expand ../drawn.yaml
like_out '0 jobs added|unchanged' 'another order makes no job new'

# More jobs follow those that are there

before=$(jobs_of one)
file 'order: random' 1 2 3
run slurmq -C one expand ../grid.yaml
like_out '24 (new )?jobs added'
is "$(jobs_of one | head -n 49)" "$before" 'jobs keep their places'
is "$(jobs_of one | tail -n 24 | cut -d' ' -f2 | sort -u)" 3 'the new ones follow'
file 'order: file' 1 2 3
slurmq -C one expand ../grid.yaml >/dev/null
is "$(jobs_of one | head -n 49)" "$before" 'also if the order is another now'

file 'order: shuffled' 1 2
run slurmq expand --dry-run grid.yaml
is_status 2
like_err "^grid.yaml:4:8: error: 'order' is file or random, not 'shuffled'"
file 'limit: 0' 1 2
run slurmq expand --dry-run grid.yaml
is_status 2
like_err "^grid.yaml:4:8: error: 'limit'"

done_testing
