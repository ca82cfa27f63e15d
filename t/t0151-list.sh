#!/bin/bash
# list: columns, order, groups, on a terminal and elsewhere
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

slurmq init >/dev/null || bail_out 'no folder'
cat >grid.yaml <<'END'
name: grid
params:
  model: [vit, resnet]
  lr: [0.1, 1e-2, 0.5]
  opt: adam
  note: [a b, long-text-long-text-long-text]
run: [echo, "{model}", "{lr}", "{opt}", "{note}"]
END
slurmq expand grid.yaml >/dev/null || bail_out 'no jobs'

run slurmq list model=vit lr=0.1
is_status 0
is_out "all 2: model=vit lr=0.1
id  state    tries  note
 1  pending      0  a b
 2  pending      0  long-text-long-text-long-text" 'what is the same for all stands above, what never differs nowhere'
run slurmq list 'note=a b' lr=0.5
like_out "^all 2: lr=0.5 note='a b'\$" 'a value with a blank is quoted'
run slurmq list 3
is_out 'id  state    tries  model  lr    note
 3  pending      0  vit    1e-2  a b' 'one job: a column for each parameter of the sweep that differs'
run slurmq list -n 1
is_out 'id  state    tries  model  lr   note
 1  pending      0  vit    0.1  a b
11 more'

# sorted IDS OPTION...: checks the order
sorted() {
	local want=$1
	shift
	is "$(slurmq list --json "$@" | sed 's/^{"id":\([0-9]*\),.*/\1/' | paste -sd' ')" "$want" "list $*"
}
sorted '3 4 9 10 1 2 7 8 5 6 11 12' --sort lr
sorted '5 6 11 12 1 2 7 8 3 4 9 10' --sort lr --reverse
sorted '7 8 9 10 11 12 1 2 3 4 5 6' --sort model
sorted '12 11 10' --sort id -r -n 3
sorted '1 2' -n 2

run slurmq list 1-2 --columns id,note,lr,maxrss
is_out 'id  note                           lr   maxrss
 1  a b                            0.1
 2  long-text-long-text-long-text  0.1' 'columns by name'
run slurmq list --columns id,nothing
is_status 2
is_err "slurmq list: --columns: no job has a parameter 'nothing': slurmq show ID lists those of a job"
run slurmq list --sort mdoel
is_status 2
is_err "slurmq list: --sort: no job has a parameter 'mdoel', did you mean 'model'?"

slurmq cancel 1,2,7 --yes >/dev/null
run slurmq list --group-by lr
is_status 0
is_out 'lr    jobs  pending  cancelled
1e-2     4        4
0.1      4        1          3
0.5      4        4' 'groups, numbers by size'
run slurmq list --group-by model,state lr=0.1
is_out 'model   state      jobs  pending  cancelled
resnet  pending       1        1
resnet  cancelled     1                   1
vit     cancelled     2                   2' 'two'
run slurmq list --group-by lr cancelled --json
is_out '{"lr":"0.1","jobs":3,"counts":{"pending":0,"submitting":0,"queued":0,"running":0,"completed":0,"failed":0,"cancelled":3,"held":0}}'
run slurmq list --group-by model,lr,opt
is_status 2
is_err 'slurmq list: --group-by takes one name, or two: P,Q'
run slurmq list --group-by lr -s failed
is_out 'no such jobs; slurmq status lists the sweeps'

# A terminal: what does not fit is named

terminal() {
	script -qec "stty cols 60; slurmq list --color never $*" /dev/null | tr -d '\r'
}
cat >wide.yaml <<'END'
name: wide
params:
  alpha: [first-value-of-alpha, second-value-of-alpha]
  beta: [1, 2, 3]
  gamma: [a-value-of-gamma-that-is-long, another]
run: [echo, "{alpha}", "{beta}", "{gamma}"]
END
slurmq expand wide.yaml >/dev/null
like "$(terminal wide)" '^without a column: gamma, alpha \(--wide\)|^without a column: alpha, gamma \(--wide\)' \
	'the parameter with the most values has a column'
like "$(terminal wide | head -n 1)" '^all 12: sweep=wide$' 'of several sweeps'
like "$(terminal wide --wide)" 'another' '--wide shows all'
is "$(terminal wide | awk '{ if (length > 60) print }')" '' 'no line is longer than the terminal'

# The variant is a parameter

cat >variants.yaml <<'END'
name: variants
params: {a: [1, 2]}
variants:
  - {name: small, params: {b: [1]}}
  - {name: large, params: {b: [2]}}
run: [echo, "{a}", "{b}"]
END
slurmq expand variants.yaml >/dev/null || bail_out 'no jobs'
run slurmq list variant=small a=1
is_out 'id  sweep     state    tries  a  b  variant
25  variants  pending      0  1  1  small'
run slurmq list --group-by variant variants
is_out 'variant  jobs  pending
large       2        2
small       2        2'

# A job whose parameters changed order in a later version is found by its value

cat >grid.yaml <<'END'
name: grid
params:
  lr: [0.1, 1e-2, 0.5]
  opt: adam
  note: [a b, long-text-long-text-long-text]
  model: [vit, resnet]
run: [echo, "{model}", "{lr}", "{opt}", "{note}"]
END
slurmq expand grid.yaml >/dev/null
sorted '3 4' lr=0.01 model=vit
sorted '1 2 3 4 5 6' model=vit
run slurmq list --group-by model grid
like_out '^vit +6 '

done_testing
