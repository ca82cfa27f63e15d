#!/bin/bash
# slurmq record in a real Slurm: tasks of srun on two nodes record at once
# shellcheck disable=SC2016
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

slurmq init >/dev/null
slurmq config sentinel off >/dev/null
cat >tasks <<'END'
#!/bin/bash
for ((i = 0; i < 20; i++)); do
	slurmq record "t$SLURM_PROCID.$i=$SLURMD_NODENAME" --step "$i" || exit 1
done
END
chmod +x tasks
cat >s.yaml <<'END'
name: s
params: {n: [1, 2]}
sbatch: {nodes: 2, ntasks: 4, ntasks-per-node: 2, mem: 10M}
run: srun ./tasks
END
slurmq expand s.yaml >/dev/null 2>&1
slurmq submit >/dev/null
are_over() {
	[ "$(slurmq list --json | jq -r .state | sort | uniq -c | xargs)" = '2 completed' ]
}
ok_within 120 'the jobs are completed' are_over || note "$(slurmq show all; slurmq log 1)"
for id in 1 2; do
	run slurmq list --json "$id"
	is "$(jq -c '[.results | keys[]] | [length, (map(split(".")[0]) | unique)]' <<<"$out")" '[80,["t0","t1","t2","t3"]]' \
		"job $id: every task has recorded all of its results"
	is "$(jq '.results | to_entries | map(.value) | unique | length' <<<"$out")" 2 "job $id: on two nodes"
done

done_testing
