#!/bin/bash
# batch scripts of several fields (t/data/scripts), and those on slurmq-sweep(5): each runs as with plain
# sbatch, or is refused with advice, and runs so once the advice is followed
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"
. "$TEST_LIB/page.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=200 MaxJobsPerUser=100 || bail_out 'no limits'

# ---- programs that record how they were called ----

# Each call writes one line to a file of its own: arguments, folder, standard input, and the environment without the
# variables that differ between jobs
mkdir -p stubs "$HOME/miniconda3/etc/profile.d"
cat >stubs/record <<'END'
#!/bin/bash
root=$SLURM_SUBMIT_DIR
{
	printf '%s' "${0##*/}"
	printf ' [%s]' "$@"
	printf ' in %s, stdin %s, job %s\n' "$PWD" "$(cksum | tr ' ' -)" "${SLURM_JOB_NAME-}"
} | sed "s:$root:ROOT:g; s:/tmp/tmp\.[A-Za-z0-9]*:SCRATCH:g" >"$(mktemp "$root/.record/call.XXXXXX")"
env | grep -E '^[A-Za-z_][A-Za-z0-9_]*=' | grep -vE '^(SLURMQ|SLURM_(JOB_ID|JOBID|ARRAY)|_=|_slurmq)' |
	grep -vE '^(SLURM_(JOB_|STEP_)?NODELIST|SLURM_TOPOLOGY_ADDR|SLURMD_NODENAME|HOSTNAME|SLURM_TASK_PID)=' |
	grep -vE '^(SLURM_JOB_(START|END)_TIME|SLURM_GTIDS|SHLVL|OLDPWD)=' |
	sed "s:$root:ROOT:g; s:/tmp/tmp\.[A-Za-z0-9]*:SCRATCH:g" | sort >"$(mktemp "$root/.record/env.XXXXXX")"
END
chmod +x stubs/record
for name in python mpirun bwa samtools Rscript julia gmx nextflow mpiexec lmp; do
	ln -s record "stubs/$name"
done
ln -s record stubs/modulecmd
PATH=$TEST_TMP/stubs:$PATH
cat >"$HOME/miniconda3/etc/profile.d/conda.sh" <<'END'
conda() {
	case $1 in
	activate) export CONDA_DEFAULT_ENV=$2 ;;
	deactivate) unset CONDA_DEFAULT_ENV ;;
	esac
}
END
echo "PATH=$TEST_TMP/stubs:\$PATH" >"$HOME/.bash_profile"
module() {
	modulecmd bash "$@"
}
export -f module

# ---- one script, both ways ----

scripts=$TEST_TOP/t/data/scripts

# study DIR SCRIPT: makes the folder of a study
study() {
	mkdir -p "$1/.record" "$1/logs" "$1/runs"
	cp "$scripts/$2.sh" "$1/"
	ln -s "$TEST_TMP/stubs/record" "$1/$2"
	echo 'mesh' >"$1/wave.nml"
	echo 'T = @T@' >"$1/runs/md.mdp.in"
	printf 's%s s%s_1.fq s%s_2.fq\n' 1 1 1 2 2 2 3 3 3 >"$1/samples.txt"
	sinfo -h -N -o %N -p main | head -n 1 >"$1/hosts.txt"
}

# plain SCRIPT ARGS...: calls sbatch with $options once for each ARGS, as a loop does
options=''
plain() {
	local script=$1 args
	shift
	study "plain/$script" "$script"
	for args; do
		# shellcheck disable=SC2086
		(cd "plain/$script" && sbatch -Q $options "$script.sh" $args) || fail "plain: sbatch $script.sh $args"
	done
}

# queued SCRIPT [SED]: submits the sweep file on stdin; SED changes the script as the errors advise
queued() {
	local script=$1 edit=${2-}
	study "queue/$script" "$script"
	cat >"queue/$script/sweep.yaml"
	cd "queue/$script" || exit
	if [ -n "$edit" ]; then
		run slurmq expand --dry-run sweep.yaml
		is_status 2 "$script: refused as it is"
		cp "$err_file" .errors
		sed -i "$edit" "$script.sh"
	fi
	{ slurmq init && slurmq expand sweep.yaml && slurmq submit; } >.said 2>&1 || fail "$script: submit" "$(<.said)"
	cd "$TEST_TMP" || exit
}

plain train 0.1 0.01
queued train '/--signal/d; /--requeue/d' <<'END'
name: resnet
params: {lr: [0.1, 0.01]}
checkpoint: {signal: USR1, before: 120s}
restartable: true
script: [train.sh, "{lr}"]
END
is "$(grep -o 'train.sh:.*error:.*' queue/train/.errors)" \
	"train.sh:11:9: error: slurmq sets '--signal' itself: remove it, and write in the sweep file: checkpoint: {signal: USR1, before: 120s}
train.sh:12:9: error: slurmq sets '--requeue' itself: use 'restartable: true'" 'train: with the way out'

plain mpi channel pipe
queued mpi <<'END'
name: wave
params: {case: [channel, pipe]}
script: [mpi.sh, "{case}"]
END

plain array-files ''
queued array-files '/--array/d; s/SLURM_ARRAY_TASK_ID/SLURMQ_PARAM_task/' <<'END'
name: align
params: {task: {from: 1, to: 3, step: 1}}
script: array-files.sh
END
is "$(grep -o 'array-files.sh:.*error:.*' queue/array-files/.errors)" \
	"array-files.sh:3:9: error: slurmq sets '--array' itself: remove it, and write in the sweep file: params: {task: {from: 1, to: 3, step: 1}}
array-files.sh:8:20: error: SLURM_ARRAY_TASK_ID is not set in a job of slurmq: use \$SLURMQ_PARAM_task, or an argument, as in script: [array-files.sh, \"{task}\"]" \
	'array-files: with the way out'

plain fit '1 glm' '2 glm' '3 glm'
queued fit <<'END'
name: bootstrap
params: {fold: {from: 1, to: 3, step: 1}, model: glm}
script: [fit.sh, "{fold}", "{model}"]
END

plain julia '0.5 7' '0.5 8'
queued julia <<'END'
name: ising
params: {beta: 0.5, seed: [7, 8]}
script: [julia.sh, "{beta}", "{seed}"]
END

plain gromacs 300 310
queued gromacs <<'END'
name: md
params: {temperature: [300, 310]}
script: [gromacs.sh, "{temperature}"]
END

plain workflow trio
queued workflow <<'END'
name: wf
params: {cohort: trio}
script: [workflow.sh, "{cohort}"]
END

plain conda 'kiel 6' 'kiel 12'
queued conda <<'END'
name: forecast
params: {station: kiel, horizon: [6, 12]}
script: [conda.sh, "{station}", "{horizon}"]
END

plain modules 1 2
queued modules <<'END'
name: cfd
params: {case: [1, 2]}
script: [modules.sh, "{case}"]
END

plain heredoc '0.7 1' '0.8 1'
queued heredoc <<'END'
name: melt
params: {T: [0.7, 0.8], seed: 1}
script: [heredoc.sh, "{T}", "{seed}"]
END

# The manual page: a job array, a loop of sbatch, a script with #SBATCH lines

page_examples "$TEST_TOP/man/slurmq-sweep.5" page
scripts=$TEST_TMP/page
for script in fit train solve; do
	mv "page/$script.sh" "page/page-$script.sh"
	sed -i "s:\./$script :./page-$script :" "page/page-$script.sh"
	queued "page-$script" < <(sed "s/$script.sh/page-$script.sh/" "$(grep -l "^name: $script$" page/*.yaml)")
done
options=--mem=100M
plain page-train '0.1 1' '0.1 2' '0.1 3' '0.01 1' '0.01 2' '0.01 3'
options=''
plain page-solve ''
sed -i 's/SLURMQ_PARAM_task/SLURM_ARRAY_TASK_ID/; s/^#SBATCH/& --array=1-3/' page/page-fit.sh
plain page-fit ''

# Options that a script or the user's environment has must not move a job's output

mkdir -p queue/fails/logs && cd queue/fails || exit
cat >fit.sh <<'END'
#!/bin/bash
#SBATCH --output=fit_%j.out --error=logs/%j.err
echo "begun in $SLURM_SUBMIT_DIR"
echo "cannot open the data" >&2
exit 3
END
printf 'name: fails\nscript: fit.sh\n' >sweep.yaml
{ slurmq init && slurmq expand sweep.yaml; } >/dev/null 2>&1
mkdir -p deeper && (cd deeper && SBATCH_OUTPUT=/dev/null SBATCH_ERROR=err SBATCH_INPUT=none SBATCH_ARRAY_INX=0-9 \
	SBATCH_SIGNAL=KILL@9 slurmq submit >/dev/null)
cd "$TEST_TMP" || exit

ok 'all jobs end' slurm_quiet 300

calls() {
	cat "$1"/.record/call.* 2>/dev/null | sort
}
environments() {
	local file
	for file in "$1"/.record/env.*; do
		cksum <"$file"
	done | sort
}
# Prints the files that jobs have made, with their text
files() {
	(cd "$1" && find . -name '.?*' -prune -o -type f ! -name 'slurm-*' ! -name sweep.yaml ! -name '*.sh' \
		! -name '*.out' ! -name '*.err' ! -path './logs/*' -print -exec cat {} + | sort)
}
# Prints the variables that only one of the two ways sets
differences() {
	diff <(cat "plain/$1"/.record/env.* | sort -u) <(cat "queue/$1"/.record/env.* | sort -u)
}

for script in train mpi array-files fit julia gromacs workflow conda modules heredoc page-{fit,train,solve}; do
	n=$(find "plain/$script/.record" -name 'call.*' | wc -l)
	ok "$script: plain sbatch runs it" test "$n" -gt 0
	is "$(cd "queue/$script" && slurmq list -s failed --json)" '' "$script: no job fails"
	is "$(calls "queue/$script")" "$(calls "plain/$script")" "$script: the same $n calls of programs"
	is "$(environments "queue/$script")" "$(environments "plain/$script")" "$script: with the same environment" ||
		diag "$(differences "$script")"
	is "$(files "queue/$script")" "$(files "plain/$script")" "$script: the same files"
done

cd queue/fails || exit
is "$(slurmq list --json | jq -r '"\(.state) \(.exit_code)"')" 'failed 3' 'a script that fails'
run slurmq log 1
like_out '^cannot open the data$' 'its log has the error'
like_out "^begun in $TEST_TMP/queue/fails\$" 'it was submitted from the folder that holds .slurmq'
is "$(find . -name 'fit_*' -o -path './logs/*' -o -name err)" '' 'and no other file has it'

done_testing
