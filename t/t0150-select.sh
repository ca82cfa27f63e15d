#!/bin/bash
# selecting jobs: ids, ranges, sweeps, all, last, states
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

slurmq init >/dev/null || bail_out 'no folder'

run slurmq list last
is_status 2
is_err "slurmq list: no sweep 'last': there are no jobs yet, slurmq expand FILE adds some"
run slurmq show 1
is_status 2
is_err 'slurmq show: no job 1: there are no jobs yet, slurmq expand FILE adds some'

for name in alpha beta; do
	printf 'name: %s\nparams: {a: {from: 1, to: 5, step: 1}}\nrun: [echo, "{a}"]\n' $name >$name.yaml
done
slurmq expand alpha.yaml beta.yaml >/dev/null || bail_out 'no jobs'
slurmq hold 2-3 >/dev/null
slurmq cancel 4,8 --yes >/dev/null

# ids ARGUMENT...: prints the ids that list selects
ids() {
	slurmq list --json "$@" | sed 's/^{"id":\([0-9]*\),.*/\1/' | paste -sd' '
}

# selects IDS ARGUMENT...: checks that list selects these ids
selects() {
	local want=$1
	shift
	is "$(ids "$@")" "$want" "list $*"
}

selects '1 2 3 4 5 6 7 8 9 10'
selects '1 2 3 4 5 6 7 8 9 10' all
selects '7' 7
selects '2 3 4' 2-4
selects '2 3 4 9' 2-4,9
selects '9 10' 9-1000
selects '1 2 3 4 5' alpha
selects '6 7 8 9 10' beta
selects '6 7 8 9 10' last
selects '' alpha 9
selects '1 2 3 4 5 6 7 8 9 10' alpha beta
selects '2 3 4 5' 2-4 3-5
selects '7' beta 7 last
selects '2 3' -s held
selects '2 3 4 8' -s held,cancelled
selects '2 3' --state H
selects '2 3' -s user
selects '2 3' -s USER,timeout
selects '2 3' -s held,refused
selects '' -s refused
selects '8' beta -s CA
selects '4' 1-5 -s canceled
selects '1 5 6 7 9 10' -s PD
selects '' -s failed
selects '' -s timeout
selects '1 5 6 7 9 10' -s timeout,pending,oom
selects '1 5' -s timeout,pending alpha
selects '1 2' -- 1-2

# Parameters restrict what the other words select, and numbers are compared as numbers

selects '2 7' a=2
selects '2 7' a=2.0
selects '7' a=2 beta
selects '2' 1-4 a=2,5
selects '2 5 7 10' a=2,5
selects '' a=2 a=5
selects '2' a=2 -s held
selects '' a=9
selects '3 4 5 8 9 10' 'a>2'
selects '2 3 4' alpha 'a>=2' 'a<=4'
selects '1 2 6 7' 'a<2.5'
selects '1 4 5 6 9 10' 'a!=2,3'
selects '1 6' 'a~[!2-9]'
selects '2 3 4 5' alpha 'a!~1*'
selects '' 'a<x'
selects '6' a==1 sweep=beta

# A state is a selector, unless a sweep has that name

selects '2 3' held
selects '2' held a=2
selects '4 8' cancelled
selects '2 3' user
selects '2 3 4' held,cancelled alpha

# Expressions

selects '2 4 7 9' -w 'a=2 or a=4'
selects '4' -w 'a=4 and sweep=alpha'
selects '1 3 5 6 8 10' --where 'not (a=2 or a=4)'
selects '3 5' -w 'NOT a=1 and not a=2 AND a!=4' alpha
selects '2 4 5 9 10' -w 'a=2 and state=held or a>3'
selects '2 3 4 8' -w 'state=held,CA'
selects '1 5 6 7 9 10' -w 'state!=held and state!=cancelled'
selects '2 3' -w 'reason=user'
selects '1 2 3' -w 'id<=3'
selects '1 2 3 4 5' -w 'job.sweep="alpha"'
selects '2 7' -w "param.a='2'"
selects '1 2 3 4 5 6 7 8 9 10' -w 'tries=0'
selects '' -w 'time>1s'
selects '1 2 3 4 5 6 7 8 9 10' -w 'not time>1s'
selects '' -w 'started>=2026-01-01 or ended<-2h or node~n* or exit=0 or maxrss>1G'
selects '5 10' all -w 'a=5' -s pending

# wrong ERROR ARGUMENT...
wrong() {
	local want=$1
	shift
	run slurmq list "$@"
	is_status 2
	is_out ''
	like_err "^slurmq list: $want"
}

wrong 'no job 11: ids go up to 10$' 11
wrong 'no job 11: ids go up to 10$' 11-12
wrong 'no job 11: ids go up to 10$' 1,11
wrong "invalid job id '0'" 0
wrong "invalid job id '1-'" 1-
wrong "invalid job id '1-2-3'" 1-2-3
wrong "invalid job id '1x'" 1x
wrong "invalid job id ''" 1,
wrong "invalid job id '99999999999999999999'" 99999999999999999999
wrong "the range '3-1' ends before it begins" 3-1
wrong "no sweep 'alhpa', did you mean 'alpha'\?" alhpa
wrong "no sweep 'lsat', did you mean 'last'\?" lsat
wrong "no sweep 'nothing-like-it': slurmq status lists them" nothing-like-it
wrong "no sweep '': slurmq status lists them" ''
wrong "no job has a parameter 'b': slurmq show ID lists those of a job" b=1
wrong "no job has a parameter 'nothing': slurmq show ID lists those of a job" nothing=1
wrong "no sweep '=1'" =1
wrong "unknown state 'helt', did you mean 'held'\?" -s helt
wrong "unknown state 'TIMEOUTT', did you mean 'TIMEOUT'\?" -s TIMEOUTT
wrong "unknown state 'USERS', did you mean 'USER'\?" -s USERS
wrong "unknown state 'BEFUSED', did you mean 'REFUSED'\?" -s BEFUSED
wrong "unknown state '': pending, submitting," -s ''
wrong "unknown state '': pending, submitting," -s held,
wrong "unknown state 'whatever': pending, submitting," -s whatever

# where CARET ERROR EXPRESSION: checks the error, and the column of the caret
where() {
	local caret=$1 want=$2
	run slurmq list -w "$3"
	is_status 2
	is_out ''
	is_err "slurmq list: in -w: $want"$'\n'"  $3"$'\n'"  $(printf '%*s' "$((caret - 1))" '')^"
}
where 3 "a value is missing" 'a<(3'
where 1 "expected a comparison such as lr<0.01" '=3'
where 1 "the expression ends too early" ''
where 9 "the expression ends too early" 'a=1 and '
where 5 "expected 'and' or 'or' here" 'a=1 a=2'
where 2 "expected =, !=, <, <=, >, >= or ~ after the name" 'a'
where 1 "no job has a parameter 'ab': slurmq show ID lists those of a job" 'ab=1'
where 8 "no job has a parameter 'nodes', did you mean 'node'?" 'a=1 or nodes=n1'
where 3 "the quote is not closed" "a='1"
where 1 "the parenthesis is not closed" '(a=1'
where 4 "no parenthesis is open here" 'a=1)'
where 7 "'x' is not a number" 'tries=x'
where 6 "'long' is no value here: write 90s, 15m or 1d12h" 'time>long'
where 9 "'soon' is no value here: write 2026-11-29, 2026-11-29T10:00, 10:00, or -2h for two hours ago" 'started>soon'
where 7 "'x' is no state: pending, submitting, queued, running, completed, failed, cancelled, held" 'state=x'
where 3 "only =, != and ~ take a list of values" 'a<1,2'
where 7 "a state or reason is compared by = or != only" 'state<x'

run slurmq list -s failed
is_status 0
is_out 'no such jobs; slurmq status lists the sweeps'
run slurmq list a=99
is_status 0
is_out 'no such jobs; slurmq status lists the sweeps'
run slurmq status gamma
is_status 2
is_err "slurmq status: no sweep 'gamma': slurmq status lists them"
run slurmq status alpha
is_status 0
unlike_out '^beta'
run slurmq status last --json
like_out '^\{"sweeps":\[\{"name":"beta","jobs":5,"paused":false,"counts":\{"pending":4,"submitting":0,"queued":0,"running":0,"completed":0,"failed":0,"cancelled":1,"held":0\}\}\],"counts":\{"pending":4,'

# Every command that takes jobs takes them

cat >comma.yaml <<'END'
name: comma
params: {opt: ["a,b", c, a], n: [1, 2], batch: 7}
run: [echo, "{opt}", "{n}", "{batch}"]
END
slurmq expand comma.yaml >/dev/null || bail_out 'no jobs'
selects '11 12 15 16' 'opt=a,b' n=1,2
selects '13 14' opt=c
selects '11 15' 'opt=a,b' n=1
wrong "no job has a parameter 'bacth', did you mean 'batch'\?" bacth=7
run slurmq hold opt=c
is_out 'held 2 jobs; slurmq release makes them pending again'
selects '13 14' comma -s held
run slurmq release opt=c n=2 --no-submit
is_out 'released 1 job'
run slurmq cancel opt=c --yes
is_out 'cancelled 2 jobs'
run slurmq retry opt=c -s cancelled --no-submit
is_out '2 jobs are pending again; next: slurmq submit'
run slurmq show opt=c n=1
like_out '^job 13 of comma'

# A removed job does not exist, and a range skips it

sed -i 's/from: 1/from: 2/' alpha.yaml
slurmq expand --prune alpha.yaml >/dev/null 2>&1
selects '2 3' 1-3
wrong 'no job 1: it was removed$' 1

done_testing
