#!/bin/bash
# jobs that wait in Slurm and never start by themselves: status, list and show report why, and what helps
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

slurm_start nodes=2 cpus=8 limits='' 'line=PartitionName=short Nodes=ALL MaxTime=10 State=UP'

# Each of Slurm's commands leaves its name
for tool in squeue sacct scontrol sinfo; do
	real=$(command -v $tool)
	printf '#!/bin/sh\necho %s >>"%s/calls"\nexec %s "$@"\n' $tool "$TEST_TMP" "$real" >".bin/$tool"
	chmod +x ".bin/$tool"
done
hash -r

in_states() {
	local json want
	json=$(slurmq status --json 2>/dev/null) || return
	for want; do
		[ "$(jq ".counts.${want%=*}" <<<"$json")" = "${want#*=}" ] || return 1
	done
}
# in_folder NAME KEYS JOBS COMMAND: a folder with a sweep
in_folder() {
	mkdir "$TEST_TMP/$1"
	cd "$TEST_TMP/$1" || bail_out "no folder $1"
	printf 'name: %s\n%s\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: %s\n' "$@" >sweep.yaml
	{ slurmq init && slurmq config sentinel off && slurmq expand sweep.yaml; } >/dev/null
}
ref() {
	slurmq list "$1" --json | jq -r .slurm_job
}
reasons() {
	slurmq sync >/dev/null
	slurmq list --json | jq -r '"\(.id) \(.state) \(.slurm_reason)"'
}
# waits REASON: the reason of job 1, by now
waits() {
	slurmq sync >/dev/null
	[ "$(slurmq list 1 --json | jq -r .slurm_reason)" = "$1" ]
}
runs_in_slurm() {
	squeue -h -j "$1" -t R | grep -q .
}

# A time limit above the partition's

in_folder long 'sbatch: {partition: short, time: 60}' 3 'echo {n} >>../long.ledger'
run slurmq submit
is_status 0
is_err ''
run slurmq list
like_out '^ 1  queued +0 ' 'nothing is known yet'
ok_within 20 'Slurm accepts what it will not start' waits PartitionTimeLimit
: >"$TEST_TMP/calls"
run slurmq sync
is "$(<"$TEST_TMP/calls")" squeue 'the reason costs no request: one squeue, as without it'
run slurmq status
is_status 0
is "$(sed -n '/^!/,$p' <<<"$out")" \
	'! 3 jobs of long (1-3) cannot start in Slurm: PartitionTimeLimit, the time limit is above that of the partition, account or QOS
    lower the time limit in the sweep file, or name another partition, and run slurmq expand; then: slurmq hold 1-3 and slurmq release 1-3' \
	'status names them, how many and what helps'
run slurmq list
like_out '^ 1  queued PartitionTimeLimit +0 '
run slurmq show 1
like_out '^job 1 of long: queued PartitionTimeLimit$'
like_out '^  waits +PartitionTimeLimit$'
run slurmq log 1
is_status 1
is_err "slurmq log: job 1 has no log yet: it waits in Slurm's queue (PartitionTimeLimit); slurmq log 1 -f waits for it"
is "$(slurmq status --json | jq -c .waits)" \
	'[{"sweep":"long","slurm_reason":"PartitionTimeLimit","ends_by_itself":false,"jobs":3,"ids":"1-3"}]' 'for programs'
is "$(slurmq show 1 --json | jq -c '.[0] | [.slurm_reason, .attempts[0].slurm_reason, .attempts[0].error]')" \
	'["PartitionTimeLimit","PartitionTimeLimit",null]' 'show as well'
sed -i 's/time: 60/time: 5/' sweep.yaml
run slurmq expand sweep.yaml
is_status 0
run slurmq hold 1-3
is_status 0
run slurmq release 1-3
is_status 0 'what status advises'
ok_within 60 'helps' in_states completed=3
is "$(sort "$TEST_TMP/long.ledger" | paste -sd' ')" '1 2 3' 'each ran once'
unlike "$(slurmq status)" '^!' 'and the line is gone'

# Other reasons

others() {
	in_folder "$1" "$2" 1 '"true"'
	slurmq submit >/dev/null
	ok_within 20 "$1: $3" waits "$3"
	run slurmq status
	like_out "^! 1 job of $1 \\(1\\) $4\$"
	slurmq cancel --yes all >/dev/null
}
ok 'a limit of one job' slurm_set_limits MaxTRESPerJob=cpu=4
others size 'sbatch: {cpus-per-task: 8}' QOSMaxCpuPerJobLimit 'cannot start in Slurm: QOSMaxCpuPerJobLimit, .*'
ok 'and none' slurm_set_limits MaxTRESPerJob=cpu=-1
ok 'a node is drained' scontrol update nodename=n2 state=drain reason=test
others node 'sbatch: {nodelist: n2}' 'ReqNodeNotAvail, UnavailableNodes:n2' \
	'cannot start in Slurm: ReqNodeNotAvail, a node that is needed is down or drained'
ok 'and resumed' scontrol update nodename=n2 state=resume
ok 'a partition is down' scontrol update partition=extra state=down
# sbatch accepts jobs for it (state=inactive: it refuses them)
others partition 'sbatch: {partition: extra}' PartitionDown \
	'cannot start in Slurm: PartitionDown, the partition starts no jobs'
ok 'and up' scontrol update partition=extra state=up

# Held with Slurm's own command, in the queue

in_folder queued 'sbatch: {cpus-per-task: 8}' 6 'until [ -e ../go ]; do sleep 0.1; done; echo {n} >>../queued.ledger'
run slurmq submit
is_status 0
ok_within 30 'two run' in_states running=2 queued=4
mapfile -t held < <(slurmq list -s queued --json | jq -r '.id' | head -n 2)
ok 'one is held' scontrol uhold "$(ref "${held[0]}")"
ok 'and another' scontrol uhold "$(ref "${held[1]}")"
ok_within 20 'list has the reason' \
	eval "reasons | grep -qx '${held[0]} queued JobHeldUser' && reasons | grep -qx '${held[1]} queued JobHeldUser'"
run slurmq status
like_out '^queued .* 0/6  2 running  4 queued' 'they are in Slurm'
like_out '^chain alive, .*; 6 in Slurm' 'and count'
like_out "^! 2 jobs of queued \\(${held[0]}-${held[1]}\\) held in Slurm: JobHeldUser\$"
like_out "^    scontrol release $(ref "${held[0]}"),$(ref "${held[1]}")\$"
is "$(grep -c '^!' <<<"$out")" 1 'a reason that ends by itself is no problem'
is "$(slurmq status --json | jq -c '[.waits[] | [.ends_by_itself, .jobs]] | sort')" '[[false,2],[true,2]]' \
	'for programs there are all reasons'
touch ../go
ok_within 60 'the others run' in_states completed=4 queued=2
run slurmq sync
is_out 'queried Slurm: nothing new'
run slurmq submit
like_out '^nothing to submit|^submitted 0' 'none is submitted a second time'
is "$(squeue -h -r -t all -o %j | grep -c '^queued\.')" 6 'six jobs in Slurm in all'
# shellcheck disable=SC2046
ok 'released as status says' eval "$(slurmq status | sed -n 's/^ *scontrol/scontrol/p')"
ok_within 60 'they run' in_states completed=6
is "$(sort -n "$TEST_TMP/queued.ledger" | paste -sd' ')" '1 2 3 4 5 6' 'each once'

# Put back into the queue and held, while it runs

# shellcheck disable=SC2016
in_folder back 'restartable: true' 3 \
	'echo start {n} $SLURMQ_ATTEMPT >>../back.ledger; [ {n} != 1 ] || until [ -e ../back.go ]; do sleep 0.1; done; echo end {n} >>../back.ledger'
run slurmq submit
is_status 0
ok_within 60 'the others end' in_states completed=2 running=1
job=$(ref 1)
ok 'requeuehold' scontrol requeuehold "$job"
ok_within 20 'it is in Slurm, held' waits 'job requeued in held state'
run slurmq list 1
like_out '^ 1  running job requeued in held state +1 '
run slurmq status
like_out '^back .* 2/3  1 running' 'it counts'
like_out '^chain alive, .*; 1 in Slurm'
like_out '^! 1 job of back \(1\) held in Slurm: job requeued in held state$'
like_out "^    scontrol release $job\$"
like "$(slurmq log 1)" 'TERM: Slurm puts this job back into its queue and holds it; to go on: scontrol release ' 'its log says so'
run slurmq submit
is_status 0
is "$(squeue -h -r -t pending,running -o %j | grep -c '^back\.')" 1 'no second Slurm job has it'
touch ../back.go
# slurmctld revokes the credential of the requeued job to the second: started in the same one, it fails
requeued=$SECONDS
later() {
	[ $SECONDS -ge $((requeued + 3)) ]
}
ok_within 10 'three seconds have passed' later
ok 'released' eval "$(slurmq status | sed -n 's/^ *scontrol/scontrol/p')"
# Slurm begins a job again two minutes after it was requeued at the earliest
ok 'and not delayed' scontrol update jobid="$job" StartTime=now
ok_within 90 'it is run again, to its end' in_states completed=3
is "$(sort "$TEST_TMP/back.ledger" | paste -sd,)" 'end 1,end 2,end 3,start 1 1,start 1 2,start 2 1,start 3 1' \
	'once more, as its second attempt'
is "$(slurmq show 1 --json | jq -c '[.[0].attempts[] | [.reason, .completed]]')" '[["PREEMPTED",false],[null,true]]' \
	'the first one was preempted'

# Slurm cannot start a job: its log cannot be opened. The nodes start nothing until the folder is gone

cd "$TEST_TMP" || exit
nodes() {
	scontrol update nodename=n1,n2 state="$1" ${2+reason="$2"}
}
nodes drain test
in_folder nolog '' 1 'true'
logs=$PWD/.slurmq/logs
slurmq submit >/dev/null
mv .slurmq/logs .slurmq/logs.away && : >.slurmq/logs
in_folder nowhere 'sbatch: {chdir: work}' 1 'true'
mkdir work
slurmq submit >/dev/null
rmdir work
in_folder script '' 1 '[./job.sh, "{n}"]'
printf '#!/no/such/interpreter\necho never\n' >job.sh
chmod +x job.sh
slurmq submit >/dev/null
nodes resume

cd ../nolog || exit
failed_is_known() {
	slurmq sync >/dev/null
	in_states failed=1
}
ok_within 30 'the log cannot be opened' failed_is_known
error="Slurm could not open a file of the job or start its shell: the folder of its log '$logs/0000': Not a directory"
run slurmq log 1
is_status 1 'no empty log'
is_out ''
is_err "slurmq log: job 1 wrote no log: $error"
run slurmq show 1
is_status 0
like_out '^job 1 of nolog: failed BOOT_FAIL$'
like_out "^  error  *$error\$"
is "$(slurmq show 1 --json | jq -r '.[0].attempts[0] | .slurm_reason, .error')" "JobLaunchFailure"$'\n'"$error" 'for programs'
rm .slurmq/logs && mv .slurmq/logs.away .slurmq/logs
run slurmq log 1
is_status 1
is_err "slurmq log: job 1 wrote no log: Slurm could not open a file of the job or start its shell: '$logs/0000' and '$PWD' are there now, seen from this host: the job's node may lack them, or its disk was full" \
	'nothing is wrong any more'

# Its working directory is gone: Slurm starts it elsewhere, and slurmq does not

cd ../nowhere || exit
ok_within 30 'the working directory is gone' in_states failed=1
run slurmq log 1
is_status 0
like_out "^==> slurmq: cannot enter the folder '$PWD/work': No such file or directory <==\$"
is "$(slurmq list --json | jq -r '"\(.reason) \(.exit_code)"')" 'EXIT 126' 'the command did not run elsewhere'

# Its script names an interpreter that does not exist

cd ../script || exit
ok_within 30 'the interpreter does not exist' in_states failed=1
run slurmq log 1
is_status 0
like_out "^==> slurmq: cannot execute './job.sh': its first line names '/no/such/interpreter': No such file or directory <==\$"
is "$(slurmq list --json | jq -r '"\(.reason) \(.exit_code)"')" 'EXIT 127' 'as in a shell'

# A log that was emptied

: >"$(slurmq show 1 --json | jq -r '.[0].attempts[0].log')"
run slurmq log 1
is_status 1
is_out ''
like_err "^slurmq log: the log of job 1 is empty: nothing could be written to '.*', or it was emptied; slurmq show 1 shows how the job ended\$"

done_testing
