#!/bin/bash
# the simulator's stories of a grid: a bad value costs ten jobs, a bad node is excluded by its sixth failure, and
# what is healthy is left alone (t/sim/grid.c)
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

simulate=$TEST_BUILD/t/simulate

run "$simulate" -g -n 100
is_status 0 'none of 100 grids breaks a promise'
like_out '^100 seeds, 0 violations; [0-9]{6,} calls, [0-9]+ kills' 'and there were some, with kills'

done_testing
