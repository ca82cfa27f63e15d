#!/bin/bash
# slurmq config: reads and changes settings, and refuses unknown ones
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

slurmq init >/dev/null || bail_out 'no folder'

run slurmq config
is_status 0
is_err ''
like_out '^setting +value +default +meaning$'
like_out '^limit +auto +auto +how many'
like_out '^reserve +0 +0 +slots'
like_out '^sentinel +auto +auto +a job that waits'

run slurmq config limit
is_out auto 'a default'
run slurmq config limit 12
is_status 0
is_out 'limit: 12'
run slurmq config limit
is_out 12
run slurmq config
like_out '^limit +12 +auto '
run slurmq status --json
like_out '"limit":\{"jobs":12,' 'status reports the limit'
run slurmq config limit auto
run slurmq config limit
is_out auto
run slurmq config limit 3
run slurmq config --unset limit
is_status 0
is_out 'limit: auto'
run slurmq config limit
is_out auto
run slurmq config --unset limit
is_status 0 'unset twice'
run slurmq config reserve 5
is_status 0
run slurmq config reserve
is_out 5

# wrong REGEX ARGUMENT...: status 2, and nothing was changed
wrong() {
	local regex=$1 before
	shift
	before=$(slurmq config)
	run slurmq config "$@"
	is_status 2
	is_out ''
	like_err "$regex"
	is "$(slurmq config)" "$before" "config $*: nothing was changed"
}

for value in 0 -1 1000001 many '' 1.5 ' 3' 0x10 9999999999999999999999; do
	wrong "^slurmq config: setting 'limit' takes auto, or 1 to 1000000, not '$value'\$" -- limit "$value"
done
for value in -1 auto '' 2x; do
	wrong "^slurmq config: setting 'reserve' takes 0 to 1000000, not '$value'\$" -- reserve "$value"
done
wrong "^slurmq config: unknown setting 'limt', did you mean 'limit'\?" limt 3
wrong "^slurmq config: unknown setting 'colour': slurmq config lists them" colour
wrong "unknown setting 'Limit', did you mean 'limit'\?" Limit
wrong "unknown setting '.paused'" .paused 1
wrong "unknown setting 'sentinl', did you mean 'sentinel'\?" sentinl off
for value in on 0 4s 25h '' '15 m' -1; do
	wrong "^slurmq config: setting 'sentinel' takes auto, off, or a time from 5s to 24h, such as 15m, not '$value'\$" -- sentinel "$value"
done
for value in -p '--partition=x y' '-- --x' $'--time=1\n'; do
	wrong "setting 'sentinel.sbatch' takes long options of sbatch" -- sentinel.sbatch "$value"
done
wrong "^slurmq config: setting 'sentinel': '5' needs a unit, as in 5s, 5m or 5h\$" sentinel 5
wrong "setting 'sentinel': '1h30' needs a unit" sentinel 1h30
for name in array job-name output error wrap parsable dependency signal input wait test-only hold begin \
	requeue no-requeue clusters quiet help version usage; do
	wrong "^slurmq config: setting 'sentinel.sbatch': the sentinel cannot have '--$name': .+" -- \
		sentinel.sbatch "--time=5 --$name"
done
wrong "the sentinel cannot have '--begin': 'slurmq config sentinel 15m' sets how long" -- sentinel.sbatch --begin=now
wrong "the sentinel cannot have '--job-name': it would not work with this option" -- sentinel.sbatch --job-name=x
wrong "sentinel.sbatch': '--exclude' needs the absolute path of its file, not './bad'" -- \
	sentinel.sbatch '--exclude=./bad'
wrong "sentinel.sbatch': '--partition' needs a value: --partition=VALUE" -- sentinel.sbatch '--time=5 --partition'
run slurmq config limit 2
run slurmq config sentinel 5s
is_status 0
is_out 'sentinel: 5s'
is_err 'slurmq config: the sentinel stays off while the limit is 2: it needs a limit of 3 or more'
run slurmq config limit 9
run slurmq config sentinel 5s
is_err ''
run slurmq config sentinel auto
is_err 'slurmq config: the sentinel stays off while the limit is 9: auto needs a limit of 10 or more, a time such as 15m needs 3'
run slurmq config --unset limit
run slurmq config --unset sentinel
wrong "sentinel.sbatch': '--time' needs a value: --time=VALUE" -- sentinel.sbatch '--time= --partition=cpu'
wrong "sentinel.sbatch': '--contiguous' takes no value" -- sentinel.sbatch --contiguous=yes
wrong "sentinel.sbatch': sbatch refuses '--time=1h': write 1:00:00$" -- sentinel.sbatch --time=1h
wrong "sbatch has no option '--dep', did you mean '--dependency'\?" -- sentinel.sbatch --dep=singleton
wrong "sbatch has no option '--hol', did you mean '--hold'\?" -- sentinel.sbatch --hol
run slurmq config -- sentinel.sbatch '--partition=cpu --nice --exclusive=user --some-plugin=7'
is_status 0
is_out 'sentinel.sbatch: --partition=cpu --nice --exclusive=user --some-plugin=7' 'an option that slurmq does not use is allowed'
run slurmq config --unset sentinel.sbatch
for value in -oops ' -oops' $'a\nb'; do
	wrong "setting 'via' takes a command, such as ssh login1, not" -- via "$value"
done
wrong "setting 'via': unclosed quote in: ssh -o \"X=1 login1\$" -- via 'ssh -o "X=1 login1'
wrong "setting 'sentinel.sbatch': unclosed quote in: --comment='a b" -- sentinel.sbatch "--comment='a b"
run slurmq config -- sentinel.sbatch "--comment='a b' --time=5"
is_status 0 'quotes keep a word together'
is_out "sentinel.sbatch: --comment='a b' --time=5"
run slurmq config --unset sentinel.sbatch
for value in '' all NONE; do
	wrong "setting 'environment' takes stored or none, not '$value'" -- environment "$value"
done
wrong "unknown setting 'resreve', did you mean 'reserve'\?" --unset resreve
wrong '^slurmq config: --unset takes one setting' --unset limit 3
wrong "^slurmq config: one argument too many: 'b'" limit 3 b
wrong "^slurmq config: option '--unset' needs a value: --unset KEY" --unset

# The limit of a sweep: the setting comes before the file

printf 'name: %s\nparams: {a: [1, 2, 3]}\n%srun: [echo, "{a}"]\n' flow $'limit: 2\n' >flow.yaml
printf 'name: %s\nparams: {a: [1, 2, 3]}\n%srun: [echo, "{a}"]\n' grid '' >grid.yaml
slurmq expand flow.yaml grid.yaml >/dev/null || bail_out 'no jobs'
run slurmq config limit.flow
is_out 2
run slurmq config limit.grid
is_out none
run slurmq config
like_out '^limit\.flow +2 +2 +how many of its jobs'
unlike_out '^limit\.grid'
run slurmq config limit.grid 10
is_out 'limit.grid: 10'
run slurmq config limit.flow none
is_out 'limit.flow: none'
run slurmq config
like_out '^limit\.flow +none +2 '
like_out '^limit\.grid +10 +none '
run slurmq config limit.flow 10
sed -i 's/limit: 2/limit: 3/' flow.yaml
run slurmq expand flow.yaml
is_err "slurmq expand: flow: the setting limit.flow overrides 'limit: 3' of the file; to use that: slurmq config --unset limit.flow"
run slurmq config --unset limit.flow
is_out 'limit.flow: 3'
run slurmq expand flow.yaml
is_err '' 'the limit of the file holds: no message'
wrong "^slurmq config: no sweep 'gird', did you mean 'grid'\?" limit.gird 3
for value in 0 -1 auto ''; do
	wrong "setting 'limit.grid' takes none, or 1 to 1000000, not '$value'" -- limit.grid "$value"
done
run slurmq help --complete -- config limit.
is_out $'limit.flow\nlimit.grid'

# A pause always succeeds, and reports that the queue is paused already

run slurmq pause
is_status 0
is_out 'paused: no jobs are submitted; slurmq resume ends the pause'
run slurmq pause
is_status 0
is_out 'already paused: no jobs are submitted; slurmq resume ends the pause'
run slurmq resume --no-submit
is_status 0
is_out 'the queue is no longer paused'
run slurmq resume --no-submit
is_status 0
is_out 'the queue was not paused'

done_testing
