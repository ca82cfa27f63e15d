#!/bin/bash
# expand: no warning about a right sweep file, --strict, and only values that sbatch refuses are said
# to be refused (test_warn has the warnings one by one)
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/page.sh"
. "$TEST_LIB/examples.sh"

# Every right sweep file: the studies, the demo, the examples of the pages and of the README

# sweeps_in FILE PREFIX: each sweep file that a text shows, from its name on: PREFIX-N.yaml
sweeps_in() {
	sed 's/^    \(> \)\{0,1\}//' "$1" | awk -v to="$2" '
		/^name: [a-z]/ { n++; on = 1 }
		/^$|^\.Ed|^END|^\$ / { on = 0 }
		on { print > sprintf("%s-%02d.yaml", to, n) }'
}

mkdir right
cp "$TEST_TOP"/t/data/*.{yaml,csv} right
cp "$TEST_TOP/t/demo/sweep.yaml" right/demo.yaml
# the script of the tutorial
# shellcheck disable=SC2016
printf '#!/bin/bash\n#SBATCH --mem=10M\n./train "$1" "$2"\n' >right/job.sh
page_examples "$TEST_TOP/man/slurmq-sweep.5" page
sweeps_in "$TEST_TOP/README.md" right/readme
for page in "$TEST_TOP"/man/*.[17]; do
	name=${page##*/}
	sweeps_in "$page" "right/${name%.*}"
done
mkdir right/folder
(cd right/folder && examples_folder) && mv right/folder/sweep.yaml right/folder.yaml
ok 'there are files' test "$(find right page -name '*.yaml' | wc -l)" -ge 22
for name in bar-llama demo readme-01 readme-02 slurmq-01; do
	ok "$name is one of them" test -s "right/$name.yaml"
done
for file in {right,page}/*.yaml; do
	run slurmq expand --dry-run --strict "$file"
	is_status 0
	is_err '' "no warning: $file" || note "$(<"$file")"
done

# --strict

slurmq init >/dev/null
printf 'name: warned\nparams: {lr: [1, 2]}\nrun: [a]\n' >warned.yaml
printf 'name: right\nparams: {lr: [1, 2]}\nrun: [a, "{lr}"]\n' >right.yaml
warning="warned.yaml:2:10: warning: nothing uses parameter 'lr': write {lr} in the command; if the program reads \$SLURMQ_PARAM_lr itself, write {lr} in 'title'"
refusal="slurmq expand: warned.yaml: 1 warning, which --strict refuses; nothing was added (slurmq help sweep explains the format)"
for more in '' --dry-run --json '--dry-run --list'; do
	# shellcheck disable=SC2086
	run slurmq expand --strict $more right.yaml warned.yaml
	is_status 2 "--strict $more"
	is_out ''
	is_err "$warning
$refusal"
done
is "$(slurmq list --json)" '' 'no job of either file was added'
run slurmq expand --strict right.yaml
is_status 0
is_err ''
is_out 'right: 2 jobs added (2 steps); next: slurmq submit'
run slurmq expand warned.yaml
is_status 0
is_err "$warning"
is_out 'warned: 2 jobs added (2 steps); next: slurmq submit'
# shellcheck disable=SC2016
printf 'name: warned\nparams: {lr: [1, 2, 3]}\nrun: [a, $lr]\nenv: {A: $HOME}\n' >warned.yaml
run slurmq expand --strict warned.yaml
is_status 2
like_err ': 2 warnings, which --strict refuses; nothing was added'
is "$(slurmq list --json | wc -l)" 4 'the jobs of before are left'

# sbatch refuses each value that slurmq warns about

if command -v sbatch >/dev/null; then
	cat >slurm.conf <<-'END'
		ClusterName=none
		SlurmctldHost=localhost(127.0.0.1)
		SlurmctldPort=1
		AuthType=auth/none
		CryptoType=crypto/none
		MessageTimeout=1
		GresTypes=gpu
		NodeName=n1
		PartitionName=p Nodes=n1 Default=YES
	END
	while IFS='=' read -r name value; do
		printf 'name: n\nsbatch:\n  %s: "%s"\nrun: [a]\n' "$name" "$value" >form.yaml
		run slurmq expand --dry-run form.yaml
		like_err "sbatch refuses '$value'" "slurmq warns about $name=$value"
		SLURM_CONF=$PWD/slurm.conf run timeout 20 sbatch --gpus=1 "--$name=$value" --wrap=true
		unlike_err 'Unable to contact|[Tt]imed out|Connection refused' "sbatch refuses $name=$value"
	done <<-'END'
		time=4h
		time=1 hour
		time=1.5
		time=1:2:3:4
		time=4:
		time-min=4h
		mem=16 GB
		mem=16GiB
		mem=1.5G
		mem=16B
		mem=max
		mem-per-cpu=1.5G
		mem-per-gpu=16 G
		tmp=16 GB
		cpus-per-task=0
		cpus-per-task=4.0
		ntasks=four
		ntasks-per-node=1-4
		nodes=n1
		nodes=1.5
		gres=2
		gres=gpu 1
		gres=gpu:1:a100
		gpus-per-node=1:a100
		exclusive=yes
	END
else
	skip 1 'sbatch is not installed'
fi

done_testing
