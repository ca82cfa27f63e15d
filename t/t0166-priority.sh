#!/bin/bash
# priority: the order in which jobs are submitted
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
touch "$FAKE_SLURM/hold"
slurmq init >/dev/null || bail_out 'no folder'
slurmq config sentinel off >/dev/null
printf 'name: few\nparams: {n: {from: 1, to: 8, step: 1}}\nrun: [echo, "{n}"]\n' >few.yaml
sed 's/few/more/' few.yaml >more.yaml
slurmq expand few.yaml more.yaml >/dev/null

# next N IDS: submits N more jobs, and checks which ones these are
next() {
	local before
	before=$(in_slurm)
	slurmq submit -n "$1" >/dev/null
	is "$(comm -13 <(sort <<<"$before") <(in_slurm | sort) | sort -n | paste -sd' ')" "$2" "submitted: $2"
}
in_slurm() {
	sqlite3 .slurmq/jobs.db 'SELECT id FROM job WHERE state = 2'
}
# priorities: prints the priority of every job
priorities() {
	slurmq list --json | sed 's/.*"priority":\(-*[0-9]*\),.*/\1/' | paste -sd' '
}

next 2 '1 2'
run slurmq priority 5 more n=3,4
is_status 0
is_out 'priority 5: 2 jobs changed'
is_err ''
run slurmq priority -1 'n<6' few
is_status 0
is_out 'priority -1: 5 jobs changed' 'a negative number; jobs in Slurm too'
is "$(priorities)" '-1 -1 -1 -1 -1 0 0 0 0 0 5 5 0 0 0 0' 'list has them'
run slurmq priority 5 12 --json
is_out '{"priority":5,"jobs":1,"changed":0}'
run slurmq priority 5 12
is_out 'nothing to change: the priority is 5 already'
run slurmq priority 7 16 --json
is_out '{"priority":7,"jobs":1,"changed":1}'
run slurmq show 16
like_out '^priority +7$'
run slurmq show 16 --json
like_out '"priority":7,'
next 2 '11 16'
next 3 '6 7 12'
slurmq hold 3 >/dev/null
run slurmq priority 9 3
is_out 'priority 9: 1 job changed' 'a held job'
next 2 '8 9'
slurmq release 3 --no-submit >/dev/null
next 1 3
next 4 '10 13 14 15'
next 1 4
next 1 5

# A job keeps its priority for a later try

slurmq cancel 10,16 --yes >/dev/null
slurmq cancel 4-5 --yes >/dev/null
run slurmq priority 3 4 -s cancelled
is_out 'priority 3: 1 job changed' 'a cancelled job'
slurmq retry 4-5,10,16 --no-submit >/dev/null
next 1 16
next 1 4
next 1 10
next 1 5

# wrong REGEX ARGUMENT...: status 2, and nothing was changed
wrong() {
	local want=$1 before
	shift
	before=$(priorities)
	run slurmq priority "$@" </dev/null
	is_status 2
	is_out ''
	like_err "$want"
	is "$(priorities)" "$before" "priority $*: nothing was changed"
}
wrong '^slurmq priority: an argument is missing$'
wrong '^slurmq priority: no jobs given: ' 3
for n in x 1.5 '' 1000001 -1000001 +3; do
	wrong "^slurmq priority: a priority is a number from -1000000 to 1000000, not '${n//+/\\+}'\$" "$n" all
done
wrong "^slurmq priority: no sweep 'fwe', did you mean 'few'\?" 3 fwe
printf 'name: many\nparams: {a: {from: 1, to: 1001, step: 1}}\nrun: [echo, "{a}"]\n' >many.yaml
slurmq expand many.yaml >/dev/null
wrong '^slurmq priority: would change 1001 jobs; add --yes' 3 many
run slurmq priority 3 many -y
is_out 'priority 3: 1001 jobs changed'
run slurmq priority 3 few -s failed
is_status 0
is_out 'nothing to change: no such jobs'

done_testing
