#!/bin/bash
# batch scripts, job arrays and calls of sbatch in a sweep file: they work as with sbatch, or are refused with advice
# shellcheck disable=SC2016
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# says NAME COMPLAINT...: expand reports exactly these complaints about s.yaml and job.sh
says() {
	local name=$1
	shift
	run slurmq expand --dry-run s.yaml
	is "$(sed '/^slurmq expand: /d' "$err_file")" "$(printf '%s\n' "$@")" "$name"
	case $* in *error:*) is "$status:$out" 2: "$name: refused" ;; *) is_status 0 "$name: accepted" ;; esac
}

sweep() {
	cat >s.yaml
}
script() {
	cat >job.sh
}

# A script with #SBATCH lines

sweep <<'END'
name: s
params: {lr: [0.1, 0.01], seed: [1, 2]}
script: [job.sh, "{lr}", "{seed}"]
END
script <<'END'
#!/bin/bash
#SBATCH --time=10 -N1 --mem 4G
#SBATCH --exclusive # alone
echo "$1 $2"
cat >other.sh <<EOF
#!/bin/bash
#SBATCH --array=1-9
sbatch x.sh
EOF
#SBATCH --hold
END
says 'a good script' ''
is "$out" "s: 4 jobs, 4 steps
  lr (2): 0.1 0.01
  seed (2): 1 2
first: lr=0.1 seed=1
last:  lr=0.01 seed=2
the script asks for
  --time=10 --nodes=1 --mem=4G --exclusive
the first runs
  script
    $TEST_TMP/job.sh 0.1 1" 'a dry run shows the options of the script, and its arguments'

script <<'END'
#!/bin/bash
#SBATCH --job-name=fit
#SBATCH --output=fit_%j.out --error=logs/%j.err
#SBATCH --open-mode=truncate --parsable -Q --time=10
true
END
says 'options without effect' \
	"job.sh:2:9: warning: '--job-name' has no effect: slurmq names its Slurm jobs, to find them again: use 'title'" \
	"job.sh:3:9: warning: '--output' has no effect: slurmq keeps each attempt's output: see 'slurmq log'" \
	"job.sh:3:29: warning: '--error' has no effect: slurmq keeps each attempt's output: see 'slurmq log'" \
	"job.sh:4:9: warning: '--open-mode' has no effect: slurmq keeps each attempt's output: see 'slurmq log'" \
	"job.sh:4:30: warning: '--parsable' has no effect: slurmq reads sbatch's answer itself" \
	"job.sh:4:41: warning: '--quiet' has no effect: slurmq reads sbatch's answer itself"
like_out '^  --time=10$' 'the dry run does not show them'

script <<'END'
#!/bin/bash
#SBATCH --signal=B:USR1@100 --requeue
#SBATCH --signal=SIGTERM
#SBATCH --signal=R:12@5
#SBATCH --signal=KILL@5
#SBATCH --no-requeue
#SBATCH --input=data.txt
#SBATCH -i/dev/null
#SBATCH -d afterok:1 -b now -H -W -M all
#SBATCH --wrap=x
#SBATCH hetjob
true
END
says 'options that are refused' \
	"job.sh:2:9: error: slurmq sets '--signal' itself: remove it, and write in the sweep file: checkpoint: {signal: USR1, before: 100s}" \
	"job.sh:2:29: error: slurmq sets '--requeue' itself: use 'restartable: true'" \
	"job.sh:3:9: error: slurmq sets '--signal' itself: remove it, and write in the sweep file: checkpoint: {signal: TERM, before: 60s}" \
	"job.sh:4:9: error: slurmq sets '--signal' itself: remove it, and write in the sweep file: checkpoint: {signal: USR2, before: 5s}" \
	"job.sh:5:9: error: slurmq sets '--signal' itself: use 'checkpoint', as in checkpoint: {signal: USR1, before: 100s}" \
	"job.sh:6:9: error: slurmq sets '--no-requeue' itself: that is so unless the sweep has 'restartable: true'" \
	"job.sh:7:9: error: slurmq sets '--input' itself: redirect it in the command, as in: program < FILE" \
	"job.sh:9:9: error: slurmq sets '--dependency' itself: use 'needs' between steps, or 'slurmq hold'" \
	"job.sh:9:22: error: slurmq sets '--begin' itself: use 'slurmq hold' and 'slurmq release'" \
	"job.sh:9:29: error: slurmq sets '--hold' itself: use 'slurmq hold'" \
	"job.sh:9:32: error: slurmq sets '--wait' itself: it would wait for the job: use 'slurmq status'" \
	"job.sh:9:35: error: slurmq sets '--clusters' itself: a queue belongs to the cluster that it is submitted on" \
	"job.sh:10:9: error: slurmq sets '--wrap' itself: use 'run'" \
	"job.sh:11:9: error: a heterogeneous job is several Slurm jobs, which slurmq cannot submit as one" \
	"s.yaml:3:9: error: 'job.sh' cannot be used: see its errors"

script <<'END'
#!/bin/bash
#PBS -l walltime=1:00:00
#BSUB -n 4
#SBATCH --time=10
here=$(scontrol show job $SLURM_JOB_ID | sed -n 's/ *Command=//p')
sbatch "$0"
time /usr/bin/sbatch --begin=now+60 next.sh
scontrol requeue $SLURM_JOB_ID
echo sbatch
# $SLURM_RESTART_COUNT
resume=${SLURM_RESTART_COUNT:-0}
END
says 'lines and commands that slurmq does not keep' \
	"job.sh:2:1: warning: slurmq does not read this line: write its option as #SBATCH" \
	"job.sh:3:1: warning: slurmq does not read this line: write its option as #SBATCH" \
	"job.sh:5:54: warning: Slurm shows 'Command=(null)' for a job of slurmq: use \$SLURM_SUBMIT_DIR, the folder that holds .slurmq" \
	"job.sh:6:1: warning: slurmq knows nothing of a job that the script submits; to run a failed job again, use 'retry' of the sweep file" \
	"job.sh:7:6: warning: slurmq knows nothing of a job that the script submits; to run a failed job again, use 'retry' of the sweep file" \
	"job.sh:8:1: warning: Slurm refuses to requeue the job without 'restartable: true'" \
	"job.sh:11:10: warning: SLURM_RESTART_COUNT is not set in a job of slurmq, which runs a job again as another Slurm job: use \$SLURMQ_ATTEMPT, which is 1 at first"

script <<'END'
#!/bin/bash
if [ -n "$SLURM_RESTART_COUNT" ]; then ./resume; fi
[ -z "$SLURM_RESTART_COUNT" ] && rm -rf checkpoints
END
says 'a test of whether the job runs again' \
	"job.sh:2:11: warning: SLURM_RESTART_COUNT is not set in a job of slurmq, which runs a job again as another Slurm job: use \$SLURMQ_ATTEMPT, which is 1 at first" \
	"job.sh:3:8: warning: SLURM_RESTART_COUNT is not set in a job of slurmq, which runs a job again as another Slurm job: use \$SLURMQ_ATTEMPT, which is 1 at first"

# A job array

script <<'END'
#!/bin/bash
#SBATCH --array=0-23%4
# index: $SLURM_ARRAY_TASK_ID
	# index: $SLURM_ARRAY_TASK_ID
cd ..; true # was ${SLURM_ARRAY_TASK_ID}, 'or' $SLURM_ARRAY_TASK_ID
echo "no # comment" $SLURM_ARRAY_TASK_MAX; cd a#b$SLURM_ARRAY_TASK_MIN
seed=$((SLURM_ARRAY_TASK_ID - 1))
mkdir -p "out/${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
echo $MY_SLURM_ARRAY_TASK_ID $SLURM_ARRAY_TASK_IDS
END
says 'a job array' \
	"job.sh:2:9: error: slurmq sets '--array' itself: remove it, and write in the sweep file: params: {task: {from: 0, to: 23, step: 1}} and limit: 4" \
	"job.sh:6:22: error: SLURM_ARRAY_TASK_MAX is not set in a job of slurmq: use \$SLURMQ_PARAM_seed, or an argument, as in script: [job.sh, \"{seed}\"]" \
	"job.sh:6:51: error: SLURM_ARRAY_TASK_MIN is not set in a job of slurmq: use \$SLURMQ_PARAM_seed, or an argument, as in script: [job.sh, \"{seed}\"]" \
	"job.sh:7:9: error: SLURM_ARRAY_TASK_ID is not set in a job of slurmq: use \$SLURMQ_PARAM_seed, or an argument, as in script: [job.sh, \"{seed}\"]" \
	"job.sh:8:17: error: SLURM_ARRAY_JOB_ID is not set in a job of slurmq: use \$SLURMQ_SWEEP, or \$SLURMQ_JOB_ID" \
	"job.sh:8:38: error: SLURM_ARRAY_TASK_ID is not set in a job of slurmq: use \$SLURMQ_PARAM_seed, or an argument, as in script: [job.sh, \"{seed}\"]" \
	"s.yaml:3:9: error: 'job.sh' cannot be used: see its errors"
for case in '1,3,7:[1, 3, 7]' '1-9=3:{from: 1, to: 9, step: 3}' '5:[5]'; do
	array=${case%%:*} axis=${case#*:}
	printf '#!/bin/sh\n#SBATCH -a %s\n' "${array/=/:}" >job.sh
	run slurmq expand --dry-run s.yaml
	is "$(grep -o 'params: .*' "$err_file")" "params: {task: $axis}" "the array ${array/=/:}"
done
sweep <<'END'
name: s
script: job.sh
END
script <<'END'
#!/bin/sh
#SBATCH -a 1-3,7
echo $SLURM_ARRAY_TASK_ID
END
says 'an array of a sweep without parameters' \
	"job.sh:2:9: error: slurmq sets '--array' itself: make its values a parameter, as in params: {task: [0, 1, 2]}" \
	"job.sh:3:7: error: SLURM_ARRAY_TASK_ID is not set in a job of slurmq: use \$SLURMQ_PARAM_task, or an argument, as in script: [job.sh, \"{task}\"], with params: {task: [0, 1, 2]}" \
	"s.yaml:2:9: error: 'job.sh' cannot be used: see its errors"

sweep <<'END'
name: s
params: {lr: [0.1, 0.2], my-task.id: {from: 1, to: 3, step: 1}}
env: {TASK: $SLURM_ARRAY_TASK_ID}
setup: |
  # SLURM_ARRAY_TASK_ID is no more
  echo ${SLURM_ARRAY_TASK_COUNT:-1}
steps:
  - {name: a, run: [prog, "{lr}", $SLURM_ARRAY_TASK_MIN]}
  - name: b
    run: |
      echo $SLURM_ARRAY_TASK_MAX \
        "$SLURM_ARRAY_TASK_STEP"
END
use="is not set in a job of slurmq: use {my-task.id}, or \$SLURMQ_PARAM_my_task_id"
says 'variables of an array in a sweep file' \
	"s.yaml:3:14: error: SLURM_ARRAY_TASK_ID $use" \
	"s.yaml:6:10: error: SLURM_ARRAY_TASK_COUNT $use" \
	"s.yaml:8:36: error: SLURM_ARRAY_TASK_MIN $use" \
	"s.yaml:11:13: error: SLURM_ARRAY_TASK_MAX $use" \
	"s.yaml:12:11: error: SLURM_ARRAY_TASK_STEP $use"

# Uses of a variable of an array that also work without it

sweep <<'END'
name: s
params: {task: [1, 2]}
script: [job.sh, "{task}"]
END
script <<'END'
#!/bin/bash
unset SLURM_ARRAY_TASK_ID; unset -v A SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_MIN
task=${SLURM_ARRAY_TASK_ID:-$1} n=${SLURM_ARRAY_TASK_COUNT:-"$2"}
[ -z "$SLURM_ARRAY_TASK_ID" ] || [[ -n ${SLURM_ARRAY_TASK_ID} && -v SLURM_ARRAY_TASK_ID ]] || test ! -n "$SLURM_ARRAY_TASK_ID"
echo "${SLURM_ARRAY_TASK_ID:-}${SLURM_ARRAY_TASK_ID-}${SLURM_ARRAY_TASK_ID+x}${SLURM_ARRAY_TASK_ID:+_$task}"
END
says 'a script that works without a job array' ''
script <<'END'
#!/bin/bash
task=${SLURM_ARRAY_TASK_ID:-1}
: ${SLURM_ARRAY_TASK_ID:?} ${SLURM_ARRAY_TASK_ID%x}
echo unset-$SLURM_ARRAY_TASK_ID; unset A; echo $SLURM_ARRAY_TASK_ID
sed -n "${SLURM_ARRAY_TASK_ID}p" samples.txt | awk -v "i=$1" -v $SLURM_ARRAY_TASK_ID
END
run slurmq expand --dry-run s.yaml
is "$(grep -o 'job.sh:[0-9:]* error' "$err_file" | paste -sd' ')" \
	'job.sh:2:8: error job.sh:3:5: error job.sh:3:30: error job.sh:4:13: error job.sh:4:49: error job.sh:5:11: error job.sh:5:66: error' \
	'a constant default, and uses without one'

# Words of a #SBATCH line that sbatch refuses

sweep <<'END'
name: s
script: job.sh
END
script <<'END'
#!/bin/bash
#SBATCH --cpus=4 --mem=16 GB
#SBATCH --walltime=4 -Z 3
#SBATCH --time 1 hour -n 2 # two
#SBATCH mem=1G
#SBATCH --time=4h --comment="two words"
#SBATCH --newoption 4
true
END
says 'options and words that are none' \
	"job.sh:2:9: warning: slurmq knows no option '--cpus' of sbatch, did you mean '--cpus-per-task'?" \
	"job.sh:2:27: warning: sbatch refuses 'GB' after '--mem=16': write 16G" \
	"job.sh:3:9: warning: slurmq knows no option '--walltime' of sbatch, did you mean '--time'?" \
	"job.sh:3:22: warning: slurmq knows no option '-Z' of sbatch" \
	"job.sh:4:18: warning: sbatch refuses 'hour' after '--time=1': write 1:00:00" \
	"job.sh:5:9: warning: sbatch refuses 'mem=1G', which is no option: an option begins with --, and a value with blanks is in quotes" \
	"job.sh:6:9: warning: sbatch refuses '--time=4h': write 4:00:00" \
	"job.sh:7:9: warning: slurmq knows no option '--newoption' of sbatch"

# A job that cancels itself

script <<'END'
#!/bin/bash
scancel $SLURM_JOB_ID
nohup scancel -u me "${SLURM_JOBID}"
scancel --signal=USR1 $SLURM_JOB_ID; scancel -s TERM $SLURM_JOB_ID; scancel 17
a=(scancel $SLURM_JOB_ID)
END
cancels="a job that scancel ends counts as cancelled by a person, and submits no other job: end it with exit"
says 'scancel of the own job' \
	"job.sh:2:1: warning: $cancels" \
	"job.sh:3:7: warning: $cancels"

# A loop of sbatch, a script that a command executes

script <<'END'
#!/bin/bash
#SBATCH --mem=4G
echo "$1 $2"
END
sweep <<'END'
name: s
params: {lr: [0.1, 0.01], seed: [1, 2]}
run: sbatch --mem 4G -n2 job.sh {lr} {seed}
END
says 'run: sbatch' \
	"s.yaml:3:6: warning: slurmq knows nothing of a job that a command submits: to run the script as a job of the sweep, write script: [job.sh, \"{lr}\", \"{seed}\"]"
for run in './job.sh {lr}' 'bash job.sh {lr}' 'cd . && exec bash -e ./job.sh {lr} >x 2>&1' '[./job.sh, "{lr}"]' \
	'[bash, -x, job.sh, "{lr}"]' 'timeout -k 9 5m ./job.sh {lr}' 'time nohup nice -n 5 ./job.sh {lr}' \
	'env -u Y X=1 ./job.sh {lr}' '[/usr/bin/env, X=1, bash, job.sh, "{lr}"]' '[timeout, 5m, ./job.sh, "{lr}"]' \
	'bash -o pipefail -c "./job.sh {lr}"' '[bash, -lc, "true; ./job.sh {lr}"]' 'X=1 . ./job.sh {lr}' \
	'./job.sh $lr' 'a=(x) ./job.sh "${lr}"'; do
	printf 'name: s\nparams: {lr: [0.1, 0.01]}\nrun: %s\n' "$run" >s.yaml
	run slurmq expand --dry-run s.yaml
	is_status 0
	like_err "^s.yaml:3:[0-9]+: warning: the #SBATCH lines of '(./)?job.sh' have no effect here: write script: \[(./)?job.sh, \"\{lr\}\"\]\$" "$run"
done
for run in 'cd sub && bash job.sh {lr}' 'pushd /x; ./job.sh {lr}' 'a=(./job.sh b); a+=(sbatch c)' 'command -v ./job.sh' \
	'timeout 5 echo ./job.sh' 'env' 'cat job.sh' 'job.sh {lr}' 'bash -c "echo job.sh"' './none.sh {lr}' 'echo sbatch {lr}' \
	'squeue -h | grep sbatch'; do
	printf 'name: s\nparams: {lr: [0.1, 0.01]}\ntitle: "{lr}"\nrun: %s\n' "$run" >s.yaml
	says "no warning: $run" ''
done

for run in '[bash, -c, "sbatch x.sh"]' '[/bin/sh, -ec, "true && sbatch x.sh"]' '[timeout, 5m, sbatch, x.sh]' \
	'bash -c "sbatch x.sh"' 'timeout 5m sbatch x.sh' 'a=($(sbatch x.sh) $(b))'; do
	printf 'name: s\nrun: %s\n' "$run" >s.yaml
	run slurmq expand --dry-run s.yaml
	like_err '^s.yaml:2:[0-9]+: warning: slurmq knows nothing of a job that a command submits: .* write script: \[x.sh\]$' "$run"
done

printf 'name: s\nsetup: true && ./job.sh\nrun: ./job.sh\n' >s.yaml
says 'a script with #SBATCH lines in setup' \
	"s.yaml:2:16: warning: the #SBATCH lines of './job.sh' have no effect here: write their options in 'sbatch'" \
	"s.yaml:3:6: warning: the #SBATCH lines of './job.sh' have no effect here: write script: [./job.sh]"
printf 'name: s\nsetup: cd sub\nrun: ./job.sh\n' >s.yaml
says 'after cd in setup' ''
printf 'name: s\nsbatch: {chdir: /tmp}\nrun: ./job.sh\n' >s.yaml
says 'with chdir' ''

printf 'name: s\nsetup: |\n  cd .\n  sbatch next.sh\nrun: [true]\n' >s.yaml
says 'sbatch in setup' \
	"s.yaml:4:3: warning: slurmq knows nothing of a job that a command submits: to run the script as a job of the sweep, write script: [next.sh]"

printf 'name: s\nscript: job.sh\n' >s.yaml
printf '#!/bin/bash\n#SBATCH--hold\n#SBATCH-a1\ntrue\n' >job.sh
says 'options without a blank before them' \
	"job.sh:2:8: error: slurmq sets '--hold' itself: use 'slurmq hold'" \
	"job.sh:3:8: error: slurmq sets '--array' itself: remove it, and write in the sweep file: params: {task: [1]}" \
	"s.yaml:2:9: error: 'job.sh' cannot be used: see its errors"

cat >s.yaml <<'END'
name: s
params: {big: [0, 1]}
sbatch: {exclusive: false, mem: 1G, hint: false}
overrides: [{when: {big: 1}, sbatch: {gres: false}}]
script: [job.sh, "{big}"]
END
printf '#!/bin/bash\n#SBATCH --exclusive --mem=2G\n#SBATCH --gres=gpu:1\ntrue\n' >job.sh
stays="in the sweep file does not remove this option: remove it here, and write it in 'sbatch' or 'overrides'"
says 'false for an option of the script' \
	"job.sh:2:9: warning: 'exclusive: false' $stays" \
	"job.sh:3:9: warning: 'gres: false' $stays"

printf 'name: s\nscript: job.sh 1 2\n' >s.yaml
run slurmq expand --dry-run s.yaml
like_err "^s.yaml:2:9: error: .*job.sh 1 2'.*; with arguments, 'script' is a list: script: \[job.sh, \.\.\.\]$"

done_testing
