#!/bin/bash
# which environment a job gets: that of its sweep's first submission by hand, whoever submits it
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
# file NAME JOBS [OPTION]
file() {
	printf 'name: %s\nparams: {n: {from: 1, to: %d, step: 1}}\nsbatch: {mem: %s}\nrun: [./work, "{n}"]\n' "$1" "$2" "${3-1G}" >"$1.yaml"
}
# colours: of the jobs that ran, by sweep
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

# Two sweeps, the first of them edited later: no job gets the environment of the other
fresh
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
ok 'the first runs' fake_quiet 30
slurmq expand b.yaml >/dev/null
COLOUR=blue slurmq submit >/dev/null
ok 'and the second' fake_quiet 30
file a 8 2G
slurmq expand a.yaml >/dev/null
touch "$FAKE_SLURM/hold"
run env COLOUR=green slurmq submit
is_status 0
like_out '^submitted 2 jobs; 2 pending, 2 in Slurm'
rm "$FAKE_SLURM/hold"
ok 'and the first again' fake_quiet 30
is "$(colours)" '8 a red,4 b blue' 'each with what its sweep was first submitted with'

# The queue is full when a sweep is first submitted: it has that environment all the same
fresh
touch "$FAKE_SLURM/hold"
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
slurmq expand b.yaml >/dev/null
run env COLOUR=blue slurmq submit
is_status 0
is_out 'submitted 0 jobs; 6 pending, 2 in Slurm (limit 3, slurmq config limit)'
rm "$FAKE_SLURM/hold"
ok 'the chain does the rest' fake_quiet 30
is "$(colours)" '4 a red,4 b blue' 'with the environment of each'

# Nobody has submitted the second by hand when the chain comes to it: it is lent one, until somebody does
fresh
touch "$FAKE_SLURM/hold"
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
slurmq expand b.yaml >/dev/null
rm "$FAKE_SLURM/hold"
ok 'the chain goes on with it' fake_quiet 30
is "$(colours)" '4 a red,4 b red' 'with what there is'
file b 6
slurmq expand b.yaml >/dev/null
COLOUR=blue slurmq submit >/dev/null
ok 'more of it, by hand' fake_quiet 30
is "$(colours)" '4 a red,2 b blue,4 b red' 'with the own environment of that submission'

# --env: anew, also of what is not submitted just now
fresh
touch "$FAKE_SLURM/hold"
slurmq expand a.yaml >/dev/null
COLOUR=red slurmq submit >/dev/null
run env COLOUR=green slurmq submit --env
is_status 0
like_out '^submitted 0 jobs; 2 pending'
rm "$FAKE_SLURM/hold"
ok 'it ends' fake_quiet 30
is "$(colours)" '2 a green,2 a red' 'what was submitted later has the new one'

# A submission that finds no sbatch stores nothing
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
is "$(find .slurmq/env -type f)" '' 'nor while the queue is paused'
COLOUR=blue slurmq resume >/dev/null
ok 'and with it' fake_quiet 30
is "$(colours)" '4 a blue,4 b blue' 'all have that one'

done_testing
