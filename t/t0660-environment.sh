#!/bin/bash
# the environment of a job: that of its sweep's first submission by a person, whichever process
# submits the job
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
export LEDGER=$TEST_TMP/ledger
cat >work <<'END'
#!/bin/sh
echo "$SLURMQ_SWEEP $COLOUR" >>"$LEDGER"
END
chmod +x work
# file NAME JOBS [OPTION]: writes a sweep file
file() {
	printf 'name: %s\nparams: {n: {from: 1, to: %d, step: 1}}\nsbatch: {mem: %s}\nrun: [./work, "{n}"]\n' "$1" "$2" "${3-1G}" >"$1.yaml"
}
# colours: prints how many jobs ran with which COLOUR, by sweep
colours() {
	sort ledger | uniq -c | awk '{ print $1, $2, $3 }' | paste -sd,
}
fresh() {
	rm -rf .slurmq
	fake_clear
	: >ledger
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq config limit 3 >/dev/null
	file a 4
	file b 4
}

# Two sweeps, the first of them edited later: no job gets the environment of the other sweep
fresh
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
ok 'the first sweep runs' fake_quiet 30
slurmq expand b.yaml >/dev/null
COLOUR=blue slurmq submit >/dev/null
ok 'the second sweep runs' fake_quiet 30
file a 8 2G
slurmq expand a.yaml >/dev/null
touch "$FAKE_SLURM/hold"
run env COLOUR=green slurmq submit
is_status 0
like_out '^submitted 2 jobs; 2 pending, 2 in Slurm'
rm "$FAKE_SLURM/hold"
ok 'the first sweep runs again' fake_quiet 30
is "$(colours)" '8 a red,4 b blue' "each with the environment of its sweep's first submission"

# The queue is full when a sweep is first submitted: that environment is stored nevertheless
fresh
touch "$FAKE_SLURM/hold"
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
slurmq expand b.yaml >/dev/null
run env COLOUR=blue slurmq submit
is_status 0
is_out 'submitted 0 jobs; 6 pending, 2 in Slurm (limit 3, slurmq config limit)'
rm "$FAKE_SLURM/hold"
ok 'the chain submits the rest' fake_quiet 30
is "$(colours)" '4 a red,4 b blue' 'each with the environment of its sweep'

# No person has submitted the second sweep when the chain reaches it: it uses the first sweep's
# environment until a person does
fresh
touch "$FAKE_SLURM/hold"
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
slurmq expand b.yaml >/dev/null
rm "$FAKE_SLURM/hold"
ok 'the chain runs the second sweep' fake_quiet 30
is "$(colours)" '4 a red,4 b red' 'with the environment of the first sweep'
file b 6
slurmq expand b.yaml >/dev/null
COLOUR=blue slurmq submit >/dev/null
ok 'more of it, submitted by a person' fake_quiet 30
is "$(colours)" '4 a red,2 b blue,4 b red' 'with the environment of that submission'

# --env renews the environment, also of jobs that are submitted later
fresh
touch "$FAKE_SLURM/hold"
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
run env COLOUR=green slurmq submit --env
is_status 0
like_out '^submitted 0 jobs; 2 pending'
rm "$FAKE_SLURM/hold"
ok 'the sweep ends' fake_quiet 30
is "$(colours)" '2 a green,2 a red' 'jobs submitted later have the new environment'

# A submission that finds no sbatch stores no environment
fresh
slurmq expand a.yaml b.yaml >/dev/null
mkdir -p none
ln -sf "$SLURMQ" none/slurmq
run env PATH="$PWD/none" COLOUR=red slurmq submit
is_status 1
like_err '^slurmq submit: sbatch is not on PATH'
is "$(find .slurmq/env -type f)" '' 'no environment without sbatch'
slurmq pause >/dev/null
run env PATH="$PWD/none" COLOUR=red slurmq submit
is "$(find .slurmq/env -type f)" '' 'no environment while the queue is paused'
COLOUR=blue slurmq resume >/dev/null
ok 'with sbatch the sweep runs' fake_quiet 30
is "$(colours)" '4 a blue,4 b blue' 'all have that environment'

done_testing
