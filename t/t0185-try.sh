#!/bin/bash
# slurmq submit --try: jobs that submit no others, and what continues after them
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

fake_start 20
slurmq init >/dev/null
printf 'name: odd\nparams: {n: {from: 1, to: 9, step: 1}}\nrun: echo {n} >>%s/ledger\n' "$TEST_TMP" >odd.yaml
slurmq expand odd.yaml >/dev/null || bail_out 'no jobs'

run slurmq submit --try
is_status 0
is_err ''
like_out '^submitted 1 job; 8 pending, 1 in Slurm \(limit .*\); the rest waits for slurmq submit$'
ok 'it ends' fake_quiet
run slurmq status
like_out '^odd .*'
like_out '^chain idle'
like_out '^! after submit --try the rest waits: slurmq submit$'
is "$(sort ledger | paste -sd' ')" 1 'one job ran, and submitted none'
run slurmq chain
is_status 0
ok 'nor does a line in crontab' fake_quiet
is "$(sort ledger | paste -sd' ')" 1 'still'

run slurmq submit --try 2
like_out '^submitted 2 jobs; 6 pending'
ok 'two more end' fake_quiet
is "$(sort ledger | paste -sd' ')" '1 2 3' 'so many ran'
run slurmq submit --try=1 --json
is "$(jq -r '.submitted, .stop' "$out_file" | paste -sd' ')" '1 max' 'for programs'
ok 'and another' fake_quiet
is "$(grep -c sentinel "$FAKE_SLURM/log")" 0 'no sentinel was submitted'

# Then the chain begins

echo 3 >"$FAKE_SLURM/limit"
run slurmq submit -n 1
is_status 0
like_out '^submitted 1 job; 4 pending, .*\); each job that ends submits more \(--try: none does\)$'
over() {
	[ "$(sort -u ledger | wc -l)" = 9 ]
}
ok_within 20 'it goes on to the end' over
ok 'all of it' fake_quiet
is "$(sort ledger | paste -sd' ')" '1 2 3 4 5 6 7 8 9' 'each job ran once'

# A trial beside a chain would be none

sed -i 's/odd/even/; s/to: 9/to: 5/' odd.yaml
slurmq expand odd.yaml >/dev/null
: >"$FAKE_SLURM/hold"
run slurmq submit -n 1
run slurmq submit --try
is_status 2
like_err '^slurmq submit: cannot submit a trial: 1 job is in Slurm already'
rm "$FAKE_SLURM/hold"

run slurmq submit -n 2 --try
is_status 2
is_err 'slurmq submit: -n and --try cannot be combined: --try N submits N jobs too'
run slurmq submit --try x
is_status 2
like_err "^slurmq submit: option '--try' needs a whole number, not 'x'"
run slurmq submit --try 0
is_status 2
like_err "^slurmq submit: option '--try' takes 1 to 1000000, not '0'"
ok 'the end' fake_quiet

# A trial that fails, and that the sweep's policy tries again

rm -rf .slurmq
fake_clear 20
slurmq init >/dev/null
printf 'name: fails\nparams: {n: [1, 2, 3]}\nretry: {EXIT: again}\nrun: exit {n}\n' >fails.yaml
slurmq expand fails.yaml >/dev/null
run slurmq submit --try
ok 'it ends' fake_quiet
run slurmq status
is "$(grep '^!' "$out_file")" "! 1 job of submit --try failed: slurmq log 1; the sweep's policy tries it again
! after submit --try the rest waits: slurmq submit" 'status names the failure'
run slurmq submit --try 2
ok 'the next trial ends' fake_quiet
run slurmq status
like_out '^! 2 jobs of submit --try failed: slurmq log 2; '

done_testing
