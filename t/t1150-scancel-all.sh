#!/bin/bash
# the user stops jobs: scancel of all jobs, cancel, hold, pause, and the way back from each
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# A job writes its start and its end to the ledger; in between it waits for a file
cat >job <<'END'
#!/bin/sh
# if the file "stubborn" exists, SIGTERM does not end it
[ ! -e "$TEST_TMP/stubborn" ] || trap '' TERM
echo "start $1 $$" >>ledger
until [ -e go ] || [ -e "go.$1" ]; do sleep 0.2; done
echo "end $1" >>ledger
END
chmod +x job

# folder NAME JOBS: makes a store with a sweep of that many jobs, and enters it
folder() {
	mkdir "$TEST_TMP/$1" || return
	cd "$TEST_TMP/$1" || return
	cat >sweep.yaml <<-END
		name: $1
		params: {n: {from: 1, to: $2, step: 1}}
		run: ["$TEST_TMP/job", "{n}"]
	END
	: >ledger
	slurmq init >/dev/null && slurmq expand sweep.yaml >/dev/null
}

# n_in STATE: prints how many jobs are in STATE
n_in() {
	slurmq status --json 2>/dev/null | jq ".counts.$1"
}
# in_states STATE=N...
in_states() {
	local json want
	json=$(slurmq status --json 2>/dev/null) || return
	for want; do
		[ "$(jq ".counts.${want%=*}" <<<"$json")" = "${want#*=}" ] || return 1
	done
}
# job_is ID STATE
job_is() {
	[ "$(slurmq show "$1" --json | jq -r '.[0].state')" = "$2" ]
}
# in_slurm RUNNING PENDING: without the sentinel
in_slurm() {
	local running pending
	running=$(squeue -h -r -t running -o %j) && pending=$(squeue -h -r -t pending -o %j) || return
	[ "$(grep -c . <<<"$running") $(grep -vc '^slurmq-sentinel\|^$' <<<"$pending")" = "$1 $2" ]
}
# ref ID: prints its Slurm job, such as 12_3; left REF: Slurm has the job no more
ref() {
	slurmq show "$1" --json | jq -r '.[0].slurm_job'
}
left() {
	! squeue -h -r -o %F_%K | grep -Fqx "$1"
}
# begun N: N commands have started
begun() {
	[ "$(grep -c '^start' ledger)" -ge "$1" ]
}
alive() {
	local pid
	while read -r _ _ pid; do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != job ] || echo "$pid"
	done < <(grep '^start' ledger)
}
# prints every id that Slurm has given out, as far as Slurm remembers (MinJobAge)
ids() {
	squeue -h -r -t all -o %A | sort -un
}
# nothing_new SECONDS NAME: no new Slurm id, no job, no command
nothing_new() {
	local end=$((SECONDS + $1 + 1)) before name=$2 what='' new
	before=$(ids)
	# only waiting can show that nothing comes
	while [ $SECONDS -lt $end ] && [ -z "$what" ]; do
		what=$(squeue -h)
		# Slurm forgets old ones meanwhile
		new=$(ids | grep -vxF "$before")
		[ -z "$new" ] || what="new ids: $new"
		sleep 0.2
	done
	what=$what$(alive)
	is "$what" '' "$name"
}
# each_once N NAME: checks the ends that the jobs themselves wrote
each_once() {
	is "$(sed -n 's/^end //p' ledger | sort -n | paste -sd' ')" "$(seq -s' ' "$1")" "$2"
}

# scancel of all jobs, whose commands ignore SIGTERM

# one slot is for an ending job, one for the sentinel
ok 'ten may run and ten wait' slurm_set_limits MaxSubmitJobsPerUser=22 MaxJobsPerUser=10
folder whole 50 || bail_out 'no folder to work in'
run slurmq submit
is_status 0
like_out '^submitted 20 jobs; 30 pending, 20 in Slurm'
is_err ''
touch "$TEST_TMP/stubborn"
ok_within 30 'ten jobs run, ten wait' in_slurm 10 10
ok_within 30 'their commands have started' begun 10
ok_within 10 'slurmq shows that' in_states running=10 queued=10
run scancel -u "$(id -un)"
is_status 0 'scancel'
ok 'the queue becomes empty' slurm_quiet 30
nothing_new 10 'no job runs, and none is submitted'
rm -f "$TEST_TMP/stubborn"
run slurmq status
is_status 0 'status'
like_out '^chain paused \(all 2[01] jobs were cancelled in Slurm at [0-9:]*\)'
like_out '^! the queue is paused: slurmq resume$'
like_out '^whole .* 0/50  30 pending  20 cancelled$'
is_err ''
is "$(slurmq status --json | jq -c '[.chain.state, .in_flight, .counts.failed]')" '["paused",0,0]' \
	'for programs as well'
touch go
run slurmq resume
is_status 0 'resume submits again'
like_out '^the queue is no longer paused$'
like_out '^submitted 20 jobs; 10 pending, 20 in Slurm'
is_err ''

ok_within 120 'the pending jobs are completed' in_states completed=30 cancelled=20
is "$(slurmq status --json | jq -r .chain.state)" 'done' 'nothing else is left to do'
run slurmq retry
is_status 0
is_out 'no failed jobs; slurmq retry -s cancelled retries the 20 cancelled ones'
ok "the jobs have left Slurm" slurm_quiet # what has just ended holds its slot
run slurmq retry -s cancelled
is_status 0
like_out '^20 jobs are pending again$'
like_out '^submitted 20 jobs; 0 pending, 20 in Slurm'
is_err ''
ok_within 120 'all are completed' in_states completed=50
each_once 50 'each job reached its end once'
is "$(grep -c '^start' ledger)" "$(slurmq list --json | jq -s 'map(.tries) | add')" \
	'the number of starts is that of slurmq list'

# One by one: cancel, hold and release of pending, queued and running jobs

ok 'two may run and three wait' slurm_set_limits MaxSubmitJobsPerUser=6 MaxJobsPerUser=2
folder one 12 || bail_out 'no folder to work in'
run slurmq submit
is_status 0
ok_within 30 'two jobs run, three wait' in_slurm 2 3
ok_within 30 'both commands have started' begun 2
ok_within 10 'slurmq shows that' in_states running=2 queued=3 pending=7

run slurmq cancel 12
is_status 2 'cancel needs a confirmation, and there is no terminal'
is_err 'slurmq cancel: would cancel 1 job; add --yes to confirm'
ok 'nothing was cancelled' job_is 12 pending
run slurmq cancel 12 --yes
is_status 0 'cancel of a pending job'
is_out 'cancelled 1 job'
is_err ''
ok 'the job is cancelled' job_is 12 cancelled
five=$(ref 5)
nok 'job 5 is in Slurm' left "$five"
run slurmq cancel 5 --yes
is_status 0 'cancel of a queued job'
is_out "cancelled 1 job; 1 removed from Slurm's queue"
is_err ''
ok 'the job is cancelled' job_is 5 cancelled
ok_within 10 'Slurm has the job no more' left "$five"
run slurmq hold 11
is_status 0 'hold of a pending job'
is_out 'held 1 job; slurmq release makes it pending again'
is_err ''
ok 'the job is held' job_is 11 held
four=$(ref 4)
nok 'job 4 is in Slurm' left "$four"
run slurmq hold 4
is_status 0 'hold of a queued job'
is_out 'held 1 job; slurmq release makes it pending again'
ok 'the job is held' job_is 4 held
ok_within 10 'Slurm has the job no more' left "$four"
run slurmq hold 2
is_status 0 'hold of a running job'
is_out 'nothing to hold: none of the jobs is pending or queued'
ok 'the running job goes on' job_is 2 running
run slurmq release 2
is_status 0
is_out 'nothing to release: none of the jobs is held'
run slurmq cancel 1 --yes
is_status 0 'cancel of a running job'
like_out '^cancelled 1 job; 1 running is being ended$'
is_err ''
ok_within 20 'the running job is cancelled' job_is 1 cancelled
ended() {
	! alive | grep -Fqx "$1"
}
ok_within 20 'its command is gone' ended "$(sed -n 's/^start 1 //p' ledger)"
run slurmq release 11 --no-submit
is_status 0
is_out 'released 1 job'
ok 'the job is pending again' job_is 11 pending
run slurmq release 4
is_status 0
like_out '^released 1 job$'
like_out '^submitted [0-9]+ jobs?;'
is_err ''
nok 'the job is no longer held' job_is 4 held
touch go
ok_within 60 'the other jobs end' in_states completed=9 cancelled=3
nok 'a cancelled job does not reach its end' grep -Eqx 'end (1|5|12)' ledger
run slurmq retry 1,5,12
is_status 0
like_out '^3 jobs are pending again$'
ok_within 60 'after a retry the cancelled jobs are completed too' in_states completed=12
each_once 12 'each job reached its end once'

# All jobs at once: cancel all pauses first

folder every 12 || bail_out 'no folder to work in'
run slurmq submit
is_status 0
ok_within 30 'two jobs run, three wait' in_slurm 2 3
ok_within 30 'both commands have started' begun 2
run slurmq cancel all
is_status 2 'cancel all needs a confirmation too'
is_out ''
is_err 'slurmq cancel: would cancel 12 jobs and pause the queue; add --yes to confirm'
is "$(n_in cancelled) $(n_in running)" '0 2' 'nothing was changed'
run slurmq cancel all --yes
is_status 0
like_out '; the queue is paused: slurmq resume$'
is_err ''
ok 'the queue becomes empty' slurm_quiet 30
nothing_new 5 'no job runs, and none is submitted'
run slurmq status
is_status 0
like_out '^chain paused \(slurmq cancel all by '
like_out '^! the queue is paused: slurmq resume$'
like_out '^every .* 0/12  12 cancelled$'
run slurmq submit
is_status 0
like_out 'slurmq resume|nothing to submit'
run slurmq retry -s cancelled
is_status 0 'a pause outlasts a retry'
like_out '^12 jobs are pending again$'
like_out '^submitted 0 jobs; 12 pending, 0 in Slurm.*; the queue is paused: slurmq resume$'
is "$(squeue -h)" '' 'nothing was submitted'
touch go
run slurmq resume
is_status 0
like_out '^the queue is no longer paused$'
like_out '^submitted 5 jobs; 7 pending, 5 in Slurm'
is_err ''
ok_within 60 'all are completed' in_states completed=12
each_once 12 'each job reached its end once'

# A pause: jobs already in Slurm run to completion

folder quiet 12 || bail_out 'no folder to work in'
run slurmq submit
is_status 0
ok_within 30 'two jobs run, three wait' in_slurm 2 3
run slurmq pause
is_status 0
is_out 'paused: no jobs are submitted, jobs already in Slurm run to completion; slurmq resume ends the pause'
is_err ''
run slurmq pause
is_status 0
like_out '^already paused: '
touch go
ok_within 60 'the jobs that were in Slurm are completed' in_states completed=5 pending=7
ok 'the queue is empty' slurm_quiet 30
is "$(slurmq status --json | jq -c '[.chain.state, .in_flight]')" '["paused",0]' 'nothing new was submitted'
run slurmq status
like_out '^chain paused \(slurmq pause by '
like_out '^! the queue is paused: slurmq resume$'
run slurmq submit
is_status 0
like_out '^submitted 0 jobs; 7 pending, 0 in Slurm.*; the queue is paused: slurmq resume$'
run slurmq resume
is_status 0
like_out '^the queue is no longer paused$'
like_out '^submitted 5 jobs; 2 pending'
is_err ''
ok_within 60 'the rest is completed' in_states completed=12
each_once 12 'each job reached its end once'
run slurmq resume
is_status 0
like_out '^the queue was not paused$'

done_testing
