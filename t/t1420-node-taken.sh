#!/bin/bash
# the site sets a node down (scontrol update state=down): its jobs get SIGTERM, as after scancel,
# but this is no cancel; the sweep goes on elsewhere, without a command
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
export LEDGER=$TEST_TMP/ledger
: >ledger
at_exit eval 'scontrol update nodename=n1,n2,n3 state=resume 2>/dev/null'
cat >job.sh <<'END'
#!/bin/bash
echo "$SLURMQ_JOB_ID" >>"$LEDGER"
until [ -e go ]; do sleep 0.1; done
END
chmod +x job.sh
printf 'name: taken\nparams: {n: {from: 1, to: 12, step: 1}}\nretry: {max: 1, NODE_FAIL: again}\nrun: [./job.sh, "{n}"]\n' >sweep.yaml
slurmq init >/dev/null
slurmq expand sweep.yaml >/dev/null
slurmq config limit 6 >/dev/null
slurmq config sentinel off >/dev/null
run slurmq submit
is_status 0
five() { [ "$(squeue -h -t R | wc -l)" -ge 5 ] && [ "$(wc -l <ledger)" -ge 5 ]; }
ok_within 60 'five jobs run' five
node=$(squeue -h -t R -o %N | head -n 1)
on_node=$(squeue -h -t R -w "$node" | wc -l)
ok 'some of them run on that node' [ "$on_node" -gt 0 ]
ok 'the node is set down' scontrol update nodename="$node" state=down reason=test
# waits for the supervisors: squeue shows the jobs as ended before they get the signal
over() {
	! compgen -G ".slurmq/running/*,$node,*" >/dev/null
}
ok_within 60 'its jobs are over' over
touch go
done_all() {
	[ "$(slurmq status --json 2>/dev/null | jq -c '[.counts.completed, .chain.state]')" = '[12,"done"]' ]
}
ok_within 120 'the sweep ends complete, without a command' done_all
is "$(sqlite3 .slurmq/jobs.db 'SELECT count(DISTINCT job) FROM attempt WHERE NOT completed')" "$on_node" \
	'the jobs of that node were tried again'
run slurmq list --json
is "$(jq -r 'select(.state != "completed") | .id' <<<"$out")" '' 'none is cancelled'

done_testing
