#!/bin/bash
# slurmq expand: its output, when it needs a folder, files that are not sweep files
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

snapshot() {
	find . -path '*/queue.lock' -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
}

cat >grid.yaml <<'END'
name: grid
params:
  model: [small, large]
  seed: {from: 1, to: 3, step: 1}
  mode: [fast]
env: {MODE: "{mode}"}
sbatch: {time: "0:10:00"}
steps:
  - name: train
    run: [python3, train.py, "--model={model}", "seed {seed}"]
  - name: eval
    needs: [train]
    run: |
      echo "evaluating {model}"
      echo done
END

# A dry run needs no folder, and makes no folder

run slurmq expand grid.yaml --dry-run
is_status 0
is_err ''
is_out "grid: 6 jobs, 12 steps
  model (2): small large
  seed (3): 1 2 3
  mode: fast
first: model=small seed=1 mode=fast
last:  model=large seed=3 mode=fast
the first asks for
  --time=0:10:00
the first runs
  train
    python3 train.py --model=small 'seed 1'
  eval
    echo \"evaluating small\"
    echo done"
run slurmq expand --dry-run --json grid.yaml
is_status 0
is_out '{"sweep":"grid","jobs":6,"steps":12,"added":6,"unchanged":0,"changed":0,"missing":0,"kept":0}'
run slurmq expand --dry-run --list grid.yaml
is_status 0
is "$(wc -l <"$out_file")" 6 'a line a job'
is "$(head -n 1 "$out_file")" '{"id":1,"sweep":"grid","state":"pending","reason":null,"slurm_reason":null,"priority":0,"tries":0,"again":0,"not_before":null,"params":{"model":"small","seed":"1","mode":"fast"},"slurm_job":null,"exit_code":null,"signal":null,"node":null,"queued":null,"started":null,"ended":null,"results":{},"commands":[{"step":"train","key":"train","argv":["python3","train.py","--model=small","seed 1"]},{"step":"eval","key":"eval","argv":["bash","-c","echo \"evaluating small\"\necho done\n"]}]}' \
	'the first of the six jobs'
run slurmq expand --list grid.yaml
is_status 2
is_err 'slurmq expand: --list needs --dry-run'
nok 'no folder was made' test -e .slurmq

run slurmq expand grid.yaml
is_status 2
is_out ''
like_err '^slurmq expand: no \.slurmq in .*slurmq init'

# Adding

slurmq init >/dev/null
run slurmq expand grid.yaml
is_status 0
is_out 'grid: 6 jobs added (12 steps); next: slurmq submit'
is_err ''
run slurmq expand grid.yaml
is_status 0 'the same file again'
is_out 'grid: 0 jobs added, 6 unchanged'
run slurmq expand grid.yaml --json
is_out '{"sweep":"grid","jobs":6,"steps":12,"added":0,"unchanged":6,"changed":0,"missing":0,"kept":0}'
run slurmq list --json
is "$(wc -l <"$out_file")" 6 'list: a line a job'
run slurmq list
is_status 0
is "$(head -n 2 "$out_file")" 'id  state    tries  model  seed
 1  pending      0  small  1' 'list: only what varies'

sed -i 's/to: 3/to: 4/; s/echo done/echo ended/' grid.yaml
run slurmq expand grid.yaml
is_status 0 'one value more, and another command'
is_out 'grid: 2 jobs added, 6 get the new commands; next: slurmq submit'
sed -i 's/to: 4/to: 2/' grid.yaml
run slurmq expand grid.yaml
is_status 0 'fewer jobs'
is_out 'grid: 0 jobs added, 4 unchanged'
like_err '^slurmq expand: grid: 4 jobs are no longer in the file and stay \(--prune'
run slurmq expand --prune grid.yaml
is_out 'grid: 0 jobs added, 4 unchanged, 4 removed'
slurmq hold 1 >/dev/null
sed -i 's/from: 1/from: 2/' grid.yaml
run slurmq expand --prune grid.yaml
is_out 'grid: 0 jobs added, 2 unchanged, 1 removed'
is_err 'slurmq expand: grid: 1 job is no longer in the file and stays (only pending jobs that were never tried are removed)' \
	'a given option is not advised'
sed -i 's/from: 2/from: 1/' grid.yaml
slurmq expand grid.yaml >/dev/null
run slurmq status --json
like_out '"jobs":4,'

# Several files: if one is wrong, no job of any is added

printf 'name: one\nparams: {a: [1, 2]}\nrun: [echo, "{a}"]\n' >one.yaml
printf 'name: two\nparamters: {a: 1}\nrun: [echo, "{b}"]\n' >two.yaml
before=$(slurmq list --json | sha256sum)
run slurmq expand one.yaml two.yaml
is_status 2
is_out ''
like "$(head -n 1 "$err_file")" "^two.yaml:2:1: error: unknown key 'paramters', did you mean 'params'\?\$" \
	'complaints are printed unchanged'
like_err "^two.yaml:3:14: error: "
is "$(tail -n 1 "$err_file")" \
	'slurmq expand: two.yaml: 2 errors; nothing was added (slurmq help sweep explains the format)' \
	'the result comes last'
is "$(slurmq list --json | sha256sum)" "$before" 'nothing was added'
printf 'name: two\nparams: {a: [1, 2, 3]}\nrun: [echo, "{a}"]\n' >two.yaml
run slurmq expand one.yaml two.yaml
is_status 0
is_out 'one: 2 jobs added (2 steps); next: slurmq submit
two: 3 jobs added (3 steps); next: slurmq submit'
printf 'name: one\nparams: {a: [9]}\nrun: [echo, "{a}"]\n' >three.yaml
before=$(slurmq list --json | sha256sum)
run slurmq expand one.yaml two.yaml three.yaml
is_status 2 'one name in two files'
is_out ''
is_err "slurmq expand: 'one.yaml' and 'three.yaml' have the same 'name: one': give one of them another name; nothing was added"
run slurmq expand one.yaml two.yaml one.yaml
is_status 2 'the same file twice'
is_err "slurmq expand: 'one.yaml' is given twice; nothing was added"
is "$(slurmq list --json | sha256sum)" "$before" 'nothing was added'
run slurmq expand --json two.yaml one.yaml
is "$(wc -l <"$out_file")" 2 'a document a file'

# Files that are not sweep files

# wrong REGEX FILE
wrong() {
	local before
	before=$(slurmq list --json | sha256sum)
	run timeout 10 slurmq expand "$2"
	is_status "${3-2}"
	is_out ''
	like_err "$1"
	unlike_err $'\e' 'no control characters'
	is "$(slurmq list --json | sha256sum)" "$before" "$2: nothing was added"
}

wrong "^slurmq expand: .*'nowhere.yaml': No such file" nowhere.yaml
mkdir folder
wrong "^slurmq expand: .*'folder'" folder
mkfifo fifo
wrong "^slurmq expand: .*'fifo'" fifo
wrong "^slurmq expand: .*'/dev/zero'" /dev/zero
: >empty.yaml
wrong 'empty.yaml' empty.yaml
printf 'name: x\nrun: [a\n' >cut.yaml
wrong '^cut.yaml:[0-9]+:[0-9]+: error: ' cut.yaml
head -c 5000000 /dev/zero | tr '\0' '#' >large.yaml
wrong 'large.yaml' large.yaml
printf 'name: x\nrun: [a]\n\e[31mred: 1\n' >raw.yaml
wrong 'raw.yaml:3' raw.yaml
printf 'name: x\nparams: {"a\\e[31m": 1}\nrun: [a]\n' >raw2.yaml
wrong 'raw2.yaml:2' raw2.yaml
cp one.yaml unreadable.yaml
chmod 0 unreadable.yaml
if [ -r unreadable.yaml ]; then
	skip 1 'root may read every file'
else
	run slurmq expand unreadable.yaml
	like_err 'Permission denied'
fi

# Too many jobs

printf 'name: many\nparams: {a: {from: 1, to: 1000, step: 1}}\nrun: [echo, "{a}"]\n' >many.yaml
run slurmq expand --max-jobs 999 many.yaml
is_status 2
is_out ''
like_err '999'
run slurmq expand --max-jobs 1000 many.yaml
is_status 0
is_out 'many: 1000 jobs added (1000 steps); next: slurmq submit'

# On a terminal no line is longer than the terminal is wide

if command -v script >/dev/null; then
	for cols in 80 160; do
		script -qec "stty cols $cols rows 24; LC_ALL=C.UTF-8 slurmq expand --dry-run --color never $TEST_TOP/t/data/bar-llama.yaml" \
			typescript >/dev/null </dev/null
		tr -d '\r' <typescript | sed '1d; /^Script done/,$d' >shown
		is "$(awk -v cols=$cols 'length > cols' shown)" '' "a dry run fits $cols columns"
		like "$(<shown)" '^    python3 train.py model=llama2 .*…$' "$cols columns: long commands are cut"
		like "$(<shown)" '^bar-llama: 96 jobs, 1440 steps$' "$cols columns: with the counts"
	done
else
	skip 6 'no script(1)'
fi
run slurmq expand --dry-run "$TEST_TOP/t/data/bar-llama.yaml"
like_out '^    python3 train.py model=llama2 .* \+\+train.training_args.gradient_accumulation_steps=1$'
run slurmq expand --dry-run "$TEST_TOP/t/data/flow.yaml"
like_out '^flow: 624 jobs, 624 steps; 240 of 864 combinations are excluded$'
run slurmq expand --dry-run "$TEST_TOP/t/data/cifar.yaml"
like_out '^  lr \(20, random\): 0\.0263658 '

# Output for people, and the exact bytes that a program gets

printf 'name: odd\nparams:\n  a: ["x y", "quo\x27te", "d\xc3\xa4sh"]\nrun: [echo, "{a}"]\n' >odd.yaml
run slurmq expand --dry-run odd.yaml
like_out "^    echo 'x y'\$"
run slurmq expand odd.yaml
is_status 0
run slurmq list odd --json
like_out "\"params\":\{\"a\":\"quo'te\"\}"
like_out '"params":\{"a":"däsh"\}'

done_testing
