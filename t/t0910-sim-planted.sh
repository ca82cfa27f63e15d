#!/bin/bash
# planted bugs: the simulator finds each within 1,000 seeds, names the seed and replays it
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

simulate=$TEST_BUILD/t/simulate

# found BUG WHAT: checks that a violation of that kind is reported, and reported again by a replay
found() {
	local bug=$1 what=$2 line seed
	run "$simulate" -1 -n 1000 -f 1000 -p "$bug"
	is_status 1 "$bug: found within 1,000 seeds"
	line=$(grep -m 1 '^seed ' <<<"$out")
	like "$line" "^seed [0-9]+: .*$what" "$bug: the expected violation"
	like_out '^run one again: make sim SEED=[0-9]+$' "$bug: the command to replay is printed"
	seed=${line#seed }
	seed=${seed%%:*}
	run "$simulate" -q -s "$seed" -p "$bug"
	is_status 1 "$bug: seed $seed replays"
	is "$(tail -n 1 <<<"$err")" "$line" "$bug: with the same message"
	run "$simulate" -q -s "$seed"
	is_status 0 "$bug: without the bug seed $seed has no violation"
}

# the claim is not removed, so another job can win it too
found start 'started twice'
# a record is removed before the transaction that ingests it commits
found event 'reported (completed|failed)'
# SIGTERM counts as the end of the command
found term 'while its step .* still runs'
# the tries of a policy are never used up
found max 'retried too often: [0-9]+ times by its policy'
# no process waits for the hold-off: some jobs that scancel ends have not ended yet
found hold-off '(after scancel of all jobs|not all jobs were cancelled)'
# the decision counts cancelled jobs as survivors
found survivor 'after scancel of all jobs'
# the jobs of a bad value are not held, and it is taken for found
found value 'a bad value cost [0-9]+ jobs'
# three failures are evidence enough against a node
found node 'is excluded, and it is healthy'

done_testing
