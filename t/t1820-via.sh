#!/bin/bash
# nodes that may not submit, jobs that get none of the caller's environment, and a .slurmq in
# another place
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# sql TEXT: queries the database of this folder without slurmq
sql() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
over() {
	[ "$(sql 'SELECT sum(n) FROM counter WHERE state IN (0, 1, 2, 3)')" = 0 ]
}
ledger_has() {
	[ "$(wc -l <ledger)" -ge "$1" ]
}

# An sbatch that does nothing inside a job, and a fake ssh: like ssh it joins its arguments and
# passes them to a shell with a clean environment

real=$(command -v sbatch)
cat >.bin/sbatch <<END
#!/bin/bash
if [ -n "\${SLURM_JOB_ID-}" ]; then
	echo "\$SLURM_JOB_ID" >>"$TEST_TMP/from-nodes"
	echo 'sbatch: error: Access/permission denied' >&2
	exit 1
fi
exec $real "\$@"
END
cat >.bin/fake-ssh <<END
#!/bin/bash
printf '<%s>' "\$@" >>"$TEST_TMP/ssh.log"
echo >>"$TEST_TMP/ssh.log"
[ ! -e "$TEST_TMP/cut" ] || { echo 'ssh: connect to host login1 port 22: Connection refused' >&2; exit 255; }
shift
exec env -i HOME="\$HOME" PATH="\$PATH" SLURM_CONF="$SLURM_CONF" sh -c "\$*"
END
chmod +x .bin/sbatch .bin/fake-ssh
: >from-nodes

mkdir "it's a study"
cd "it's a study" || bail_out 'no folder'
slurmq init >/dev/null && : >ledger
cat >sweep.yaml <<'END'
name: via
params: {n: {from: 1, to: 12, step: 1}}
run: |
  cd "$SLURMQ_DIR/.."
  echo {n} >>ledger
  [ {n} -gt 3 ] || until [ -e go ]; do sleep 0.05; done
END
slurmq expand sweep.yaml >/dev/null
slurmq config limit 4 >/dev/null
run slurmq config via -- '-oops'
is_status 2
like_err "setting 'via' takes a command"
run slurmq config via 'fake-ssh login1'
is_status 0
is_out 'via: fake-ssh login1'
run slurmq submit
is_status 0
is_err ''
is_out 'submitted 3 jobs; 9 pending, 3 in Slurm (limit 4, slurmq config limit)'
nok "a person's submit does not use via" test -e ../ssh.log
ok_within 30 'three jobs run' ledger_has 3
# the connection is closed when they end: their ends are ingested, and the last job stays and
# retries
touch ../cut go
told() {
	[ "$(sql 'SELECT n FROM counter WHERE state = 4')" -ge 2 ]
}
ok_within 30 'the ends are ingested without it' told
staying() {
	grep -qs 'staying until a job is submitted' .slurmq/logs/*/*
}
ok_within 30 'one job stays' staying
ok 'its log has the reason' grep -q "submitting via 'fake-ssh login1' failed: ssh: connect to host" .slurmq/logs/*/*
is "$(wc -l <ledger)" 3 'no other job has started'
run slurmq status
is_status 0
like_out "^! submitting via 'fake-ssh login1' failed: ssh: connect to host login1 port 22"
like_out '^    jobs submit no other jobs until that works; from here: slurmq submit'
rm ../cut
ok_within 90 'the connection works again: the sweep ends' over
is "$(sort -n ledger)" "$(seq 12)" 'each ran once'
is "$(sql "SELECT count(*) FROM setting WHERE key = '.via.failed'")" 0 'status no longer reports it'
is "$(cat ../from-nodes)" '' 'no node has tried to submit'
is "$(sort -u ../ssh.log)" "<login1><'$(pwd | sed "s/'/'\\\\''/g")/.slurmq/bin/1'><-C><'$(pwd | sed "s/'/'\\\\''/g")'><chain><--strict><--no-via>" \
	'one fixed argv, quoted for a shell'
ok 'the queue becomes empty' slurm_quiet

# The sentinel's successor is submitted there too

: >../ssh.log
rm go
sed -i 's/12/16/; s/via$/via/' sweep.yaml
sed -i 's/\[ {n} -gt 3 \] || //' sweep.yaml
slurmq expand sweep.yaml >/dev/null
slurmq config sentinel 5s >/dev/null
run slurmq submit
is_status 0
is_err ''
sentinels() {
	squeue -h -n "slurmq-sentinel.$(cut -c1-8 .slurmq/id)" -t pending -o %A
}
first=$(sentinels)
another() {
	local now
	now=$(sentinels) && [ -n "$now" ] && [ "$now" != "$first" ]
}
ok_within 60 'another sentinel waits' another
like "$(<../ssh.log)" '<chain><--strict><--no-via><--sentinel>$' 'the other host has submitted it'
touch go
ok_within 60 'all jobs end' over
ok_within 30 'nothing is left in Slurm' slurm_quiet
is "$(cat ../from-nodes)" '' 'no node has tried to submit'

# environment: none

mkdir ../none
cd ../none || bail_out 'no folder'
rm ../.bin/sbatch
slurmq init >/dev/null && : >ledger
cat >sweep.yaml <<'END'
name: none
params: {n: {from: 1, to: 6, step: 1}}
env: {FROM_SWEEP: here}
run: |
  cd "$SLURMQ_DIR/.."
  echo "{n} ${FROM_CALLER-nothing} $FROM_SWEEP ${SLURM_EXPORT_ENV-unset} ${SLURMQ_NO_EXPORT-none} $(srun -n1 sh -c 'echo $FROM_SWEEP')" >>ledger
END
slurmq expand sweep.yaml >/dev/null
run slurmq config environment some
is_status 2
like_err "setting 'environment' takes stored or none, not 'some'"
run slurmq config environment none
is_status 0
slurmq config limit 3 >/dev/null
run slurmq submit --dry-run
is_status 0
like_out '^sbatch --parsable --export=NONE --job-name=none\.'
like_out '^unset SLURM_EXPORT_ENV SLURMQ_NO_EXPORT$'
export FROM_CALLER=something
run slurmq submit
is_status 0
is_err ''
ok_within 120 'the chain goes on by itself' over
is "$(sort -n ledger)" "$(seq -f '%g nothing here unset none here' 6)" "jobs have the sweep's environment, and none of the caller's"
ok 'the queue becomes empty' slurm_quiet
# with the stored environment
slurmq config environment stored >/dev/null
slurmq retry --all all >/dev/null 2>&1
: >ledger
sed -i 's/to: 6/to: 9/' sweep.yaml
slurmq expand sweep.yaml >/dev/null
run slurmq submit
is_status 0
ok_within 60 'stored is the default' over
is "$(sort -n ledger | cut -d' ' -f1-3)" "$(seq -f '%g something here' 7 9)" "jobs have the caller's environment"
unset FROM_CALLER

# .slurmq is a file that names a folder far away: jobs run in the folder of that file, those of the
# chain too

mkdir -p ../far/away ../near && chmod 700 ../far/away
cd ../near || bail_out 'no folder'
echo ../far/away >.slurmq
run slurmq init
is_status 0
is_out "made $TEST_TMP/far/away; next: slurmq expand FILE"
cat >sweep.yaml <<'END'
name: near
params: {n: {from: 1, to: 6, step: 1}}
run: [sh, -c, 'pwd >> ledger']
END
slurmq expand sweep.yaml >/dev/null
slurmq config limit 3 >/dev/null
run slurmq submit
is_status 0
is_err ''
near_done() {
	[ "$(slurmq status --json | jq .counts.completed)" = 6 ]
}
ok_within 60 'all jobs end' near_done
is "$(sort ledger | uniq -c | tr -s ' ')" " 6 $PWD" 'all six ran in the folder of that file'
is "$(find . -mindepth 1 | sort | paste -sd' ')" './.slurmq ./ledger ./sweep.yaml' 'no other file is there'
ok 'the queue becomes empty' slurm_quiet

done_testing
