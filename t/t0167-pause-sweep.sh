#!/bin/bash
# pause and resume of one sweep: its jobs wait, the others go on, and no job stays in Slurm for it
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

fake_start 3
touch "$FAKE_SLURM/hold"
slurmq init >/dev/null || bail_out 'no folder'
slurmq config sentinel off >/dev/null
slurmq config limit 4 >/dev/null
printf 'name: few\nparams: {n: {from: 1, to: 5, step: 1}}\nrun: [echo, "{n}"]\n' >few.yaml
sed 's/few/more/' few.yaml >more.yaml
slurmq expand few.yaml more.yaml >/dev/null

# counts SWEEP: prints how many of its jobs are in each state
counts() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "SELECT state || ':' || n FROM counter JOIN sweep
		ON sweep.id = counter.sweep WHERE name = '$1' AND n > 0 ORDER BY state" | paste -sd' '
}

run slurmq pause few
is_status 0
is_out 'few is paused: its 5 pending jobs are not submitted; slurmq resume few ends the pause'
is_err ''
run slurmq pause few
is_out 'few is paused already: its 5 pending jobs are not submitted; slurmq resume few ends the pause'
run slurmq submit
is_status 0
is_out 'submitted 3 jobs; 7 pending, 3 in Slurm (limit 4, slurmq config limit); few is paused: slurmq resume few'
is "$(counts few)" '0:5' 'no job of the paused sweep'
is "$(counts more)" '0:2 2:3' 'the jobs of the other one'
run slurmq status
like_out '^few +\[ +\] 0/5  paused  5 pending$'
like_out '^chain alive'
like_out '^! few is paused, 5 jobs are pending: slurmq resume few$'
unlike_out 'queue is paused'
run slurmq status --json
like_out '"sweeps":\[\{"name":"few","jobs":5,"paused":true,.*\{"name":"more","jobs":5,"paused":false,'

# The chain goes on to the end of the other sweep, and no job stays for the paused one

rm "$FAKE_SLURM/hold"
ok 'all jobs leave Slurm' fake_quiet
is "$(counts few)" '0:5' 'no job of the paused sweep'
is "$(counts more)" '4:5' 'the other one is completed'
run slurmq status
like_out '^chain paused, last refill'
unlike_out 'submit|queue is paused'
run slurmq submit
is_status 0
is_out 'nothing to submit; few is paused: slurmq resume few'
run slurmq wait
is_status 75
is_err 'slurmq wait: nothing goes on by itself: 5 of 10 jobs are not over (5 pending, 5 completed)
few is paused, 5 jobs are pending: slurmq resume few'
run slurmq wait more
is_status 0

# A pause while jobs are in Slurm

touch "$FAKE_SLURM/hold"
run slurmq resume few
is_status 0
is_out 'few is no longer paused
submitted 3 jobs; 2 pending, 3 in Slurm (limit 4, slurmq config limit)'
run slurmq pause few more
is_out 'few is paused: its 2 pending jobs are not submitted, 3 already in Slurm run to completion; slurmq resume few ends the pause
more is paused: its 0 pending jobs are not submitted; slurmq resume more ends the pause'
run slurmq status
like_out '^chain alive'
rm "$FAKE_SLURM/hold"
ok 'all jobs leave Slurm' fake_quiet
is "$(counts few)" '0:2 4:3' 'jobs in Slurm ran to completion'

# resume of the queue leaves sweeps paused

slurmq pause >/dev/null
run slurmq resume
is_status 0
is_out 'the queue is no longer paused
nothing to submit; few is paused: slurmq resume few'
run slurmq resume last --no-submit
is_out 'more is no longer paused'
run slurmq resume more --no-submit
is_out 'more was not paused'
slurmq pause >/dev/null
run slurmq resume few
is_out 'few is no longer paused
submitted 0 jobs; 2 pending, 0 in Slurm (limit 4, slurmq config limit); the queue is paused: slurmq resume'
slurmq resume >/dev/null
ok 'the jobs run' fake_quiet
is "$(counts few)" '4:5' 'all are completed'

# An unknown sweep: nothing is changed

for name in pause resume; do
	run slurmq $name few fwe
	is_status 2
	is_out ''
	like_err "^slurmq $name: no sweep 'fwe', did you mean 'few'\?"
done
run slurmq status --json
like_out '"name":"few","jobs":5,"paused":false'
is "$(slurmq help --complete -- pause fe)" few 'completion'

done_testing
