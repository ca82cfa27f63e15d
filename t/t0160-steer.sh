#!/bin/bash
# hold, release, cancel, retry: their effect on jobs that Slurm has never seen, and their questions
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

slurmq init >/dev/null || bail_out 'no folder'
printf 'name: few\nparams: {a: {from: 1, to: 6, step: 1}}\nrun: [echo, "{a}"]\n' >few.yaml
slurmq expand few.yaml >/dev/null || bail_out 'no jobs'

# states: prints the state of every job, by its first letters
states() {
	slurmq list --json | sed 's/.*"state":"\([a-z]\).*/\1/' | paste -sd ''
}

# does STATES OUT COMMAND...: checks the output and the states after a command
does() {
	local want=$1 want_out=$2
	shift 2
	run "$@"
	is_status 0
	is_out "$want_out"
	is_err ''
	is "$(states)" "$want" "$*: states"
}

does hhpppp 'held 2 jobs; slurmq release makes them pending again' slurmq hold 1-2
does hhpppp 'nothing to hold: none of the jobs is pending or queued' slurmq hold 1-2
does hhpppp 'nothing to release: none of the jobs is held' slurmq release 3 --no-submit
does phpppp 'released 1 job' slurmq release 1 --no-submit
does chcccp 'cancelled 4 jobs' slurmq cancel 1,3-5 --yes
does chcccp 'nothing to cancel: none of the jobs is pending, held or in Slurm' slurmq cancel 1,3 --yes
does chcccp 'nothing to hold: none of the jobs is pending or queued' slurmq hold 3
does chcccp 'no failed jobs; slurmq retry -s cancelled retries the 4 cancelled ones' slurmq retry
does phcccp '1 job is pending again; next: slurmq submit' slurmq retry 1 --no-submit
does phpppp '3 jobs are pending again; next: slurmq submit' slurmq retry few -s cancelled --no-submit
does phpppp '{"retried":0,"submit":null}' slurmq retry --json
does phpppp 'nothing to retry: 1 of the jobs is not over yet; 1 of the jobs is held: use slurmq release' slurmq retry 1-2
does phpppp 'nothing to retry: 1 of the jobs is held: use slurmq release' slurmq retry 2
does phpppp 'nothing to retry: 1 of the jobs is held: use slurmq release' slurmq retry 2 --sbatch mem=1G
does phpppp 'nothing to retry: 5 of the jobs are not over yet' slurmq retry -s pending
does phpppp 'nothing to retry: no such jobs; slurmq status shows the counts' slurmq retry -s completed
does phpppp 'nothing to retry: 1 of the jobs is held: use slurmq release' slurmq retry -s user
does hhhhhh 'held 5 jobs; slurmq release makes them pending again' slurmq hold all
does pppppp 'released 6 jobs' slurmq release all --no-submit
does cccccc 'cancelled 6 jobs; the queue is paused: slurmq resume' slurmq cancel all --yes
run slurmq status
like_out '^chain paused \(slurmq cancel all by '
does cccccc 'cancelled 0 jobs; the queue is paused: slurmq resume' slurmq cancel all
does pppppp '6 jobs are pending again; next: slurmq submit' slurmq retry -s CA --no-submit
does pppppp 'the queue is no longer paused' slurmq resume --no-submit

# For programs: one document each

does hhpppp '{"held":2,"dequeued":0}' slurmq hold 1-2 --json
does hhpppp '{"held":0,"dequeued":0}' slurmq hold 1-2 --json
does hppppp '{"released":1,"submit":null}' slurmq release 2-3 --no-submit --json
does hppppp '{"released":0,"submit":null}' slurmq release 2-3 --json
does cccppp '{"cancelled":3,"dequeued":0,"ending":0,"paused":false}' slurmq cancel 1-3 --yes --json
does cccppp '{"cancelled":0,"dequeued":0,"ending":0,"paused":false}' slurmq cancel 1-3 --yes --json
does pppppp '{"retried":3,"submit":null}' slurmq retry 1-3 --no-submit --json
does pppppp '{"paused":true,"in_flight":0}' slurmq pause --json
does pppppp '{"paused":false,"in_flight":0}' slurmq pause --json
does pppppp '{"resumed":true,"nodes":[],"submit":null}' slurmq resume --no-submit --json
does pppppp '{"sweeps":[{"sweep":"few","paused":true,"in_flight":0}]}' slurmq pause few --json
does pppppp '{"sweeps":[{"sweep":"few","resumed":true}],"submit":null}' slurmq resume few --no-submit --json
does pppppp '{"resumed":false,"nodes":[],"submit":null}' slurmq resume --no-submit --json
does cccccc '{"cancelled":6,"dequeued":0,"ending":0,"paused":true}' slurmq cancel all --yes --json
does pppppp '6 jobs are pending again; next: slurmq submit' slurmq retry -s CA --no-submit
does pppppp 'the queue is no longer paused' slurmq resume --no-submit

# wrong ERROR COMMAND...: checks that the command fails and nothing changes
wrong() {
	local want=$1 before
	shift
	before=$(states)
	run "$@" </dev/null
	is_status 2
	is_out ''
	like_err "$want"
	is "$(states)" "$before" "$*: nothing was changed"
}

for name in cancel hold release; do
	wrong "^slurmq $name: no jobs given: slurmq $name 17, " slurmq $name
done
wrong '^slurmq cancel: would cancel 1 job; add --yes to confirm$' slurmq cancel 3
wrong '^slurmq cancel: would cancel 6 jobs and pause the queue; add --yes' slurmq cancel all
wrong "^slurmq cancel: no sweep 'fwe', did you mean 'few'\?" slurmq cancel fwe --yes
wrong '^slurmq hold: no job 7: ids go up to 6' slurmq hold 7
wrong "^slurmq retry: --sbatch: slurmq itself sets 'array'" slurmq retry --sbatch array=1-3
wrong "^slurmq retry: --sbatch: slurmq itself sets 'begin'" slurmq retry --sbatch begi=now
wrong "^slurmq retry: --sbatch: sbatch has no option 'parti', did you mean 'partition'" slurmq retry --sbatch parti=x
wrong '^slurmq submit: --dry-run prints command lines and scripts; it cannot be combined with --json$' slurmq submit --dry-run --json
wrong "^slurmq retry: --sbatch takes a long option of sbatch, .*, not 'x y=1'" slurmq retry --sbatch 'x y=1'
wrong "^slurmq retry: --sbatch takes a long option" slurmq retry --sbatch $'mem=3\n--wrap=x'
wrong "^slurmq retry: --sbatch: 'time' needs a value" slurmq retry --sbatch time
wrong "^slurmq retry: --sbatch: sbatch has no option 'tiem', did you mean 'time'" slurmq retry --sbatch tiem=1
wrong "^slurmq retry: --sbatch: sbatch refuses 'time=4h': write 4:00:00$" slurmq retry --sbatch time=4h
slurmq cancel 1 --yes >/dev/null
wrong "^slurmq retry: --from-step: job 1 has no step 'trian'" slurmq retry 1 --from-step trian --no-submit
run slurmq retry 1 --from-step run --sbatch mem=8G --sbatch exclusive --sbatch nodefile=hosts --no-submit
is_status 0
run slurmq show 1
like_out '^retry with +--mem=8G$'
like_out '^retry with +--exclusive$'
like_out "^retry with +--nodefile=$PWD/hosts\$"

# --dry-run changes nothing

mkdir dry && cd dry && slurmq init >/dev/null
slurmq expand ../few.yaml >/dev/null
printf '%s\n' 'name: steps' 'params: {s: [1, 2]}' 'steps: [{name: train, run: [echo, "{s}"]}, {name: eval, run: [echo, "{s}"]}]' >steps.yaml
slurmq expand steps.yaml >/dev/null
slurmq cancel steps --yes >/dev/null
# job 7 has failed in its second step
sqlite3 .slurmq/jobs.db "
	INSERT INTO submission(id, version, first, ntasks, created) VALUES(77, 2, 1, 1, 1);
	INSERT INTO attempt(id, job, prev, submission, closed, reason, exit_code) VALUES(1, 7, 0, 77, 3, 1, 1);
	INSERT INTO step VALUES(1, 0, 'train', 0, 0, 0, 1, 2, 0, 0, 0);
	INSERT INTO step VALUES(1, 1, 'eval', 1, 1, 0, 2, 3, 0, 0, 0);
	UPDATE job SET state = 5, reason = 1, attempt = 1, tries = 1, options = '--mem=2G' WHERE id = 7"
before=$(sqlite3 .slurmq/jobs.db .dump | sha256sum)
run slurmq retry --dry-run
is_status 0
is_out 'id  sweep  from step  options   parameters
 7  steps  eval       --mem=2G  s=1
would retry 1 job'
is_err ''
run slurmq retry --dry-run --json
is_out '{"would_retry":1,"jobs":[{"id":7,"sweep":"steps","from_step":"eval","options":["--mem=2G"]}]}'
run slurmq retry --dry-run --from-step train --sbatch time=8:00:00
like_out '^ 7  steps  train      --time=8:00:00  s=1$'
run slurmq retry --dry-run 7 --all --sbatch ''
like_out '^ 7  steps  train  +s=1$'
run slurmq retry --dry-run 7-8
like_out '^ 8  steps  train  +s=2$'
like_out '^would retry 2 jobs$'
run slurmq retry --dry-run --json few
is_out '{"would_retry":0,"jobs":[]}'
run slurmq retry --dry-run few
like_out '^no failed jobs'
wrong "^slurmq retry: --from-step: job 7 has no step 'trian'" slurmq retry 7 --dry-run --from-step trian
is "$(sqlite3 .slurmq/jobs.db .dump | sha256sum)" "$before" 'nothing was changed'
cd ..

# More than a thousand jobs need a confirmation

printf 'name: many\nparams: {a: {from: 1, to: 1001, step: 1}}\nrun: [echo, "{a}"]\n' >many.yaml
slurmq expand many.yaml >/dev/null
wrong '^slurmq hold: would hold 1001 jobs; add --yes' slurmq hold many
run slurmq hold 7-1006
is_status 0 'a thousand jobs need none'
is_out 'held 1000 jobs; slurmq release makes them pending again'
run slurmq hold many --yes
is_out 'held 1 job; slurmq release makes it pending again'
wrong '^slurmq release: would release up to 1001 jobs; add --yes' slurmq release many --no-submit
run slurmq cancel many -y
is_out 'cancelled 1001 jobs'
wrong '^slurmq retry: would retry 1001 jobs; add --yes' slurmq retry many -s cancelled --no-submit
run slurmq retry many -s cancelled --no-submit --yes
is_out '1001 jobs are pending again; next: slurmq submit'

# On a terminal the user is asked

if command -v script >/dev/null; then
	# answer TEXT COMMAND: types an answer at a terminal
	answer() {
		{ sleep 0.5; printf '%s\n' "$1"; sleep 0.5; } | script -qec "$2" /dev/null | tr -d '\r'
	}
	before=$(slurmq status --json)
	like "$(answer n 'slurmq cancel 2')" 'cancel 1 job\? \[y/N\]' 'the question'
	is "$(slurmq status --json)" "$before" 'no: nothing was changed'
	answer '' 'slurmq cancel 2' >/dev/null
	is "$(slurmq status --json)" "$before" 'no answer: nothing was changed'
	like "$(answer y 'slurmq cancel 2')" '^cancelled 1 job$' 'yes: done'
else
	skip 4 'no script(1)'
fi

# log and show of a job that has not run

run slurmq log 3
is_status 1
is_out ''
is_err 'slurmq log: job 3 has no log yet: it is pending; slurmq submit'
run slurmq log 3 --attempt 2
is_status 1
slurmq hold 3 >/dev/null
run slurmq log 3
is_err 'slurmq log: job 3 has no log yet: it is held; slurmq release'
slurmq cancel 3 --yes >/dev/null
run slurmq log 3
is_status 1
is_err 'slurmq log: job 3 has no log: it was cancelled before it was submitted; slurmq retry 3 runs it'
slurmq retry 3 --no-submit >/dev/null
run slurmq log x
is_status 2
like_err "^slurmq log: no sweep 'x': slurmq status lists them; other selectors are ids"
run slurmq log 5000
is_status 2
like_err '^slurmq log: no job 5000: ids go up to [0-9]+$'
run slurmq show 3
is_status 0
is_out 'job 3 of few: pending
parameters  a = 3
step        run
    echo 3'
run slurmq show 3 --json
like_out '^\[\{"id":3,"sweep":"few","state":"pending".*"commands":\[\{"step":"run","key":"run","argv":\["echo","3"\]\}\],"attempts":\[\]\}\]$'

done_testing
