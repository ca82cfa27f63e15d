#!/bin/bash
# wait with the real Slurm: to the end of a sweep, of one with failures, and of one that is paused
# while its jobs run; the setting notify, from a job
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurmq init >/dev/null || bail_out 'no folder'
slurmq config limit 5 >/dev/null
slurmq config notify 'cat >over' >/dev/null
cat >sweep.yaml <<'END'
name: few
params: {n: {from: 1, to: 8, step: 1}}
sbatch: {time: 5, mem: 10M}
run: 'echo "{n}" >ran.{n}; test {n} != 3 -o -e good'
END
slurmq expand sweep.yaml >/dev/null
slurmq submit >/dev/null
run slurmq wait --timeout 2m
is_status 1
is_out '8 of 8 jobs are over: 7 completed, 1 failed; slurmq list -s failed'
is_err ''
is "$(find . -maxdepth 1 -name 'ran.*' | wc -l)" 8 'all have run'
ok_within 20 'the last job runs the command of notify' grep -q '7 of 8 jobs completed, 1 failed' over
touch good
slurmq retry >/dev/null
run slurmq wait few --timeout 2m
is_status 0
is_out '8 of 8 jobs are over: 8 completed'

sed 's/few/more/; s/run: .*/run: "sleep 2"/' sweep.yaml >more.yaml
slurmq expand more.yaml >/dev/null
slurmq submit >/dev/null
slurmq pause more >/dev/null
run slurmq wait more --timeout 2m
is_status 75
is_out ''
like_err '^slurmq wait: nothing goes on by itself: 4 of 8 jobs are not over \(4 pending, 4 completed\)$'
like_err '^more is paused, 4 jobs are pending: slurmq resume more$'

done_testing
