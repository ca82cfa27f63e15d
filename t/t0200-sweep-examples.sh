#!/bin/bash
# the three sweeps in t/data: number of jobs and steps, their order, and their commands byte for
# byte
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

data=$TEST_TOP/t/data
command -v jq >/dev/null || skip_all 'jq is not installed'

counts() {
	printf '{"sweep":"%s","jobs":%d,"steps":%d,"added":%d,"unchanged":0,"changed":0,"missing":0,"kept":0}' "$1" "$2" "$3" "$2"
}

run slurmq expand --dry-run --json "$data"/{bar-llama,cifar,flow}.yaml
is_status 0
is_err ''
is_out "$(counts bar-llama 96 1440)
$(counts cifar 240 240)
$(counts flow 624 624)"

# bar-llama: job, step, and its words joined by spaces (a script unchanged), as the original
# generator of that study printed them

slurmq expand --dry-run --list "$data/bar-llama.yaml" >list || fail 'bar-llama --list'
# shellcheck disable=SC2016
jq -r '.id as $id | .commands[] | [$id, .step,
	if .argv[0] == "bash" then .argv[2] else .argv | join(" ") end | tostring] | join("\t")' list >commands
is "$(wc -l <commands)" 1440 'bar-llama: 1,440 commands'
is "$(sha256sum <commands)" '186d1160524b8af60e84d6efc5b4a29bd011e1109a7f09d3104104d016e3173e  -' \
	'bar-llama: all commands, in order, byte for byte'
is "$(sed -n 1p commands)" $'1\ttrain\tpython3 train.py model=llama2 tokenizer=llama2 dataset=all_domains_1_samples prompt=json_answer_first_few_shot_structured train=json_answer_first_few_shot_structured ++train.training_args.per_device_train_batch_size=7 ++train.training_args.gradient_accumulation_steps=1' \
	'bar-llama: the first command'
is "$(jq -c '.commands | length' list | sort | uniq -c | tr -s ' ')" ' 80 13
 16 25' 'bar-llama: untrained models are evaluated for one data set'

# The first key varies slowest, drawn values fastest

values() {
	jq -r ".params | [$1] | join(\" \")" list
}

slurmq expand --dry-run --list "$data/cifar.yaml" >list || fail 'cifar --list'
is "$(values .arch,.seed,.amp | uniq)" "$(for a in resnet18 vit_s; do
	for s in 1 2 3; do for b in on off; do echo "$a $s $b"; done; done
done)" 'cifar: the cells in order'
is "$(values .lr,.dropout | head -n 20 | sort -u | wc -l)" 20 'cifar: 20 points in a cell'
is "$(values .lr,.dropout | awk '{ n = (NR - 1) % 20; if (NR > 20 && p[n] != $0) print NR; p[n] = $0 }')" '' \
	'cifar: the same points in every cell'
is "$(jq -c '.commands[0].argv' list | sed -n '1p;21p')" \
	'["python","train.py","--arch","resnet18","--seed","1","--lr","0.0263658","--dropout","0.638126","--amp"]
["python","train.py","--arch","resnet18","--seed","1","--lr","0.0263658","--dropout","0.638126"]' \
	'cifar: --amp is given, and omitted'

slurmq expand --dry-run --list "$data/flow.yaml" >list || fail 'flow --list'
is "$(values .mesh,.inlet | uniq)" "$(sed '1d; s/,/ /; s/"//g' "$data/cases.csv")" \
	'flow: rows of the table, slowest'
is "$(values .re | head -n 52 | uniq)" '1e2
316.228
1000
3162.28
10000
31622.8
100000
316228
1e6' 'flow: points of a log scale, the ends as written'
is "$(jq -r 'select((.params.order == "4" and (.params.re | tonumber) < 1000) or
	((.params.ranks == "16" or .params.ranks == "32") and (.params.re | tonumber) >= 1e5)) | .id' list)" '' \
	'flow: no excluded combination is a job'

done_testing
