#!/bin/bash
# the simulator: a few hundred seeds without a violation (make sim SEEDS=100000 for many), and the
# same seed gives the same story
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

simulate=$TEST_BUILD/t/simulate

# the same seeds on every machine, however fast
seeds=450
run "$simulate" -n $seeds
is_status 0 "no violation in $seeds seeds"
like_out '^[0-9]{2,} seeds, 0 violations; [0-9]{4,} calls, [0-9]+ kills' 'the seeds ran, with kills'
unlike_out '^seed ' 'no seed is named'

# seeds that once had a violation
for seed in 78 210 480 766 1487 1715 1897 2588 3780 4047 5323 18869 23561 33257 35801 45246 47471 59276 60618 \
	62377 68575 72711 \
	73025 73339 501355 700683 312020 409386 500406 505044 1005224; do
	run "$simulate" -n 1 -f $seed
	is_status 0 "no violation in seed $seed"
done

# replay SEED: without the lines of a sanitizer about coroutines, which have its pid
replay() {
	"$simulate" -s "$1" -v 2>&1 | sed '/^==/d'
}

for seed in 7 8 9; do
	replay $seed >one
	replay $seed >two
	ok "seed $seed has no violation" grep -qx "seed $seed: no violation" one
	ok "seed $seed: the trace has a submission" grep -q 'sbatch' one
	ok "seed $seed: two runs are the same" cmp one two
done

done_testing
