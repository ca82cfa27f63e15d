#!/bin/bash
# bugs planted on purpose: the simulator finds each within 1,000 seeds, names the seed and replays it
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

simulate=$TEST_BUILD/t/simulate

# found BUG WHAT: what is wrong is said, and replaying says it again
found() {
	local bug=$1 what=$2 line seed
	run "$simulate" -1 -n 1000 -p "$bug"
	is_status 1 "$bug: found within 1,000 seeds"
	line=$(grep -m 1 '^seed ' <<<"$out")
	like "$line" "^seed [0-9]+: .*$what" "$bug: and it is that"
	like_out '^replay one: make sim SEED=[0-9]+$' "$bug: how to replay is told"
	seed=${line#seed }
	seed=${seed%%:*}
	run "$simulate" -q -s "$seed" -p "$bug"
	is_status 1 "$bug: seed $seed replays"
	is "$(tail -n 1 <<<"$err")" "$line" "$bug: with the same words"
	run "$simulate" -q -s "$seed"
	is_status 0 "$bug: without the bug seed $seed is well"
}

# START leaves the right where it was, for another job too
found start 'started twice'
# an event is unlinked before the transaction that tells it commits
found event 'told (completed|failed)'
# TERM is taken for the end of the command
found term 'while its step .* still runs'
# a policy's tries are never used up
found max 'tried again [0-9]+ times by its policy already'
# the hold-off is not waited for: some of those that scancel ends are not ended yet
found hold-off '(after scancel of everything|not all jobs were cancelled)'
# the decision takes what was cancelled for survivors
found survivor 'after scancel of everything'
# the jobs of a bad value are not held, and it is taken for found
found value 'a bad value cost [0-9]+ jobs'
# three failures are evidence enough against a node
found node 'is excluded, and it is healthy'

done_testing
