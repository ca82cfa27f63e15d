#!/bin/bash
# problems of a new user's first ten minutes, each with the next command: no folder, no file, a
# typo, no sbatch, a site that refuses
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# fails_with WORDS COMMAND...: checks that it fails, and that the last line of stderr names the next
# command
fails_with() {
	local words=$1
	shift
	run "$@"
	isnt "$status" 0 "$cmd: fails"
	like "$(tail -n 1 "$err_file")" "$words" "$cmd: names the next command"
}

# the machine's own Slurm is not used: sbatch is found only in bin
mkdir tools bin
ln -s "$(command -v id)" "$(command -v cat)" tools/
path=$TEST_TMP/tools:$TEST_TMP/bin
slurmq() {
	PATH=$path "$SLURMQ" "$@"
}

# In the wrong folder, and in the wrong order

for call in 'expand sweep.yaml' submit status list 'log 1' retry; do
	# shellcheck disable=SC2086
	fails_with 'make one with slurmq init, or go to the folder that has it' slurmq $call
done
fails_with "did you mean 'submit'" slurmq start
fails_with "did you mean 'submit'" slurmq submti
fails_with '^usage: slurmq expand FILE' slurmq expand
fails_with 'mkdir makes a new one' slurmq init nowhere
run slurmq init
like_out 'next: slurmq expand FILE$'
run slurmq init
is_status 0
like_out 'already exists and is unchanged$'
for call in status list; do
	run slurmq "$call"
	is_out 'no jobs yet: slurmq expand FILE'
done
run slurmq submit
is_status 0
is_out 'nothing to submit; slurmq expand FILE adds jobs'
fails_with 'expand FILE adds some' slurmq log 1
fails_with 'expand FILE adds some' slurmq show 1

# The sweep file

fails_with "'sweep.yaml': No such file.*slurmq help sweep explains the format" slurmq expand sweep.yaml
cat >sweep.yaml <<'END'
name: fit
params: {seed: [1, 2]}
sbatsch: {time: "5:00"}
run: [./train.sh, "{sead}"]
END
fails_with '2 errors; nothing was added' slurmq expand sweep.yaml
like_err "^sweep.yaml:3:1: error: unknown key 'sbatsch', did you mean 'sbatch'\?"
like_err "^sweep.yaml:4:.*did you mean 'seed'\?"
sed -i 's/sbatsch/sbatch/; s/sead/seed/' sweep.yaml
run slurmq expand sweep.yaml
is_status 0
is_out 'fit: 2 jobs added (2 steps); next: slurmq submit'
run slurmq status
like_out '^! nothing was submitted yet: slurmq submit$'
fails_with 'it is pending; slurmq submit$' slurmq log 1

# No sbatch on PATH, as before `module load`; later, with sbatch, nothing of that error is left

fails_with "sbatch is not on PATH: load Slurm's module.*; then: slurmq submit$" slurmq submit
run slurmq list -s pending --json
is "$(grep -c . <<<"$out")" 2 'its jobs are pending as before'

cat >bin/sbatch <<'END'
#!/bin/sh
cat >/dev/null
if [ -e account ]; then
	echo 'sbatch: error: You must name an account: --account=NAME' >&2
	echo 'sbatch: error: Batch job submission failed: Unspecified error' >&2
	exit 1
fi
echo 4711
END
chmod +x bin/sbatch
touch account
fails_with 'fix the sweep file, run slurmq expand again, then: slurmq release -s refused fit$' slurmq submit
like_err 'You must name an account: --account=NAME'
run slurmq status
like_out '^! 2 jobs of fit held, refused: You must name an account'
like_out 'then: slurmq release -s refused fit$'
run slurmq submit
is_status 0
is_out 'nothing to submit; 2 held: slurmq status shows why'
run slurmq show 1
is_status 0
like_out '^not started: revoked$'
like_out '^not started: REFUSED$'
like_out '^  sbatch    You must name an account: --account=NAME$'
like_out '^            Batch job submission failed: Unspecified error$'
run slurmq show 1 --json
is "$(jq -r '.[0].attempts[1].refused' "$out_file" | head -1)" 'You must name an account: --account=NAME' 'for programs'
rm account
sed -i 's/{time/{account: lab, time/' sweep.yaml
run slurmq expand sweep.yaml
like_out '2 get the new commands'
run slurmq release fit
is_status 0
like_out '^submitted 2 jobs'
fails_with "it waits in Slurm's queue; slurmq log 1 -f waits for it$" slurmq log 1

# A sweep keeps the PATH of its first submission: if sbatch is no longer on it, --env renews it

mkdir other
cd other || exit 1
printf 'name: two\nparams: {n: [1, 2]}\nrun: [train, "{n}"]\n' >two.yaml
{ slurmq init && slurmq expand two.yaml && slurmq submit -n 1; } >/dev/null
mv ../bin ../newbin
path=$TEST_TMP/tools:$TEST_TMP/newbin
fails_with 'sbatch is not on PATH: .*to use the current PATH: slurmq submit --env$' slurmq submit
run slurmq submit --env
is_status 0
like_out '^submitted 1 job; 0 pending'

done_testing
