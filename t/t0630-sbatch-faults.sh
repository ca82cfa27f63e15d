#!/bin/bash
# an sbatch that dies after or before it made a job, hangs, or prints anything; and a host whose
# clock is a day wrong: no job is lost, none runs twice
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
export LEDGER=$TEST_TMP/ledger
FAULT_SO=$TEST_BUILD/t/fault.so
cat >work <<'END'
#!/bin/sh
echo "$SLURMQ_JOB_ID" >>"$LEDGER"
END
chmod +x work
printf 'name: odd\nparams: {n: [1, 2, 3]}\nrun: [./work, "{n}"]\n' >sweep.yaml

states() {
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "SELECT group_concat(state, '') FROM job"
}
fresh() {
	rm -rf .slurmq
	fake_clear
	: >ledger
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	slurmq expand sweep.yaml >/dev/null
}
# once NAME: checks that all jobs are completed, each run once
once() {
	is "$(states)" 444 "$1: all are completed"
	is "$(sort ledger | paste -sd' ')" '1 2 3' "$1: each has run once"
	is "$(find .slurmq/{claims,running,outbox,revoked,manifests} -type f)" '' "$1: no file is left"
}

# sbatch has made an array of three, and prints a wrong answer, or none

# mode, exit status of submit, states after it, output of sync
while IFS='|' read -r mode rc after said; do
	fresh
	touch "$FAKE_SLURM/hold"
	echo "$mode" >"$FAKE_SLURM/mode"
	# for the sbatch that hangs, a minute is over at once
	run env LD_PRELOAD="$FAULT_SO" CLOCK_SPEED=200 slurmq submit
	is_status "$rc" "$mode: exit status $rc"
	[ "$rc" = 0 ] || like_err '^slurmq submit: Slurm gave no clear answer for 3 jobs' "$mode: the message"
	unlike "$out$err" $'[\001-\010\013-\037\177]' "$mode: no control characters"
	is "$(states)" "$after" "$mode: states"
	is "$(fake_count)" 3 "$mode: Slurm has three"
	run slurmq log 1
	case $after in
	111) like_err 'job 1 has no log yet: Slurm has not answered yet; slurmq log 1 -f waits for it$' "$mode: log" ;;
	*) like_err "job 1 has no log yet: it waits in Slurm's queue; slurmq log 1 -f waits for it$" "$mode: log" ;;
	esac
	run slurmq show 1
	case $after in
	111) like_out '^attempt 1: being submitted, Slurm has not answered yet$' "$mode: show" ;;
	*) like_out "^attempt 1: in Slurm's queue, Slurm job " "$mode: show" ;;
	esac
	run slurmq sync
	is_status 0
	like_out "$said" "$mode: output of sync"
	is "$(states)" 222 "$mode: found by their name"
	slurmq submit >/dev/null 2>&1
	is "$(fake_count)" 3 "$mode: nothing is submitted twice"
	rm "$FAKE_SLURM/hold"
	ok "$mode: the jobs end" fake_quiet 20
	once "$mode"
done <<'END'
die|75|111|3 found again by name
garbage|75|111|3 found again by name
nothing|75|111|3 found again by name
full|75|111|3 found again by name
hang|75|111|3 found again by name
banner|0|222|nothing new
END

# Cancelled while the Slurm ids are unknown: squeue shows the jobs, and they end

begun() {
	[ "$(find . -name 'begun.*' | wc -l)" = 3 ]
}
cp sweep.yaml short.yaml
# shellcheck disable=SC2016
printf 'name: odd\nparams: {n: [1, 2, 3]}\nrun: |\n  >begun.{n}\n  until [ -e go ]; do sleep 0.05; done\n  echo {n} >>"$LEDGER"\n' >sweep.yaml
for away in '' away; do
	fresh
	rm -f begun.*
	echo garbage >"$FAKE_SLURM/mode"
	run slurmq submit
	is_status 75
	ok_within 20 'the jobs run' begun
	[ -z "$away" ] || touch "$FAKE_SLURM/away"
	run slurmq cancel 1-3 --yes
	if [ -z "$away" ]; then
		is_status 0
		is_err ''
		is_out 'cancelled 3 jobs; 3 running are being ended'
	else
		is_status 75
		is_out 'cancelled 3 jobs'
		like_err 'the jobs are cancelled, but slurmq could not end all that run in Slurm \(run slurmq cancel again\): squeue'
		rm "$FAKE_SLURM/away"
		run slurmq sync
		is_status 0
		is_err ''
		# unless a job has just reconciled by itself
		like_out '(3 cancelled earlier, ended now|nothing new|nothing to query)$'
	fi
	ok 'the jobs end' fake_quiet 20
	is "$(cat ledger)" '' 'no job ran to its end'
	slurmq chain --strict >/dev/null 2>&1
	is "$(states)" 666 'all are cancelled'
done

# The Slurm ids are known, and Slurm does not answer: slurmq does not report a scancel that failed
fresh
rm -f begun.*
run slurmq submit
is_status 0
ok_within 20 'the jobs run' begun
touch "$FAKE_SLURM/away"
run slurmq cancel 1-3 --yes
is_status 75
is_out 'cancelled 3 jobs'
like_err 'the jobs are cancelled, but slurmq could not end all that run in Slurm \(run slurmq cancel again\): scancel'
rm "$FAKE_SLURM/away"
run slurmq cancel 1-3 --yes
is_status 0
is_err ''
is_out 'cancelled 3 jobs; 3 running are being ended'
ok 'the jobs end' fake_quiet 20
is "$(states)" 666 'all are cancelled'

# The jobs wait in Slurm's queue, and scancel fails: none of them runs its command
fresh
rm -f begun.*
touch "$FAKE_SLURM/hold"
run slurmq submit
is_status 0
touch "$FAKE_SLURM/away"
run slurmq cancel 1-3 --yes
is_status 75
is_out 'cancelled 3 jobs'
like_err "slurmq could not remove them from Slurm's queue \(they will end there without running anything\): scancel"
rm "$FAKE_SLURM/away" "$FAKE_SLURM/hold"
ok 'the jobs end' fake_quiet 20
is "$(states) $(find . -name 'begun.*')" '666 ' 'none has started'
mv short.yaml sweep.yaml

# sbatch has made no job, and no process can know that: after its time the job is submitted again,
# not before

fresh
echo die-before >"$FAKE_SLURM/mode"
run slurmq submit
is_status 75
is "$(states)" 111 'died before: the answer is unclear'
run slurmq submit
is "$(states) $(fake_count)" '111 0' 'died before: too early to decide'
run env LD_PRELOAD="$FAULT_SO" STAMP_SHIFT=120 slurmq submit
is_status 0
ok 'died before: the jobs end' fake_quiet 20
once 'died before'

# The same for a submitter that was killed with its sbatch: that takes ten minutes

fresh
SLURMQ_FAILPOINT=sbatch-before run "$TEST_BUILD/failpoints/slurmq" submit 2>/dev/null
is_status 137 'both died: killed'
is "$(states) $(fake_count)" '111 0' 'both died: nothing was submitted'
run env LD_PRELOAD="$FAULT_SO" STAMP_SHIFT=500 slurmq submit
is "$(states) $(fake_count)" '111 0' 'both died: too early to decide'
run env LD_PRELOAD="$FAULT_SO" STAMP_SHIFT=700 slurmq submit
is_status 0
ok 'both died: the jobs end' fake_quiet 20
once 'both died'

# A clock that is a day wrong, on all hosts or only on those that run jobs, changes nothing

for shift in 86400 -86400; do
	for hosts in all jobs; do
		fresh
		printf '%s\n' "LD_PRELOAD=$FAULT_SO" CLOCK_SHIFT=$shift >"$FAKE_SLURM/jobenv"
		off=()
		[ $hosts = jobs ] || off=(env LD_PRELOAD="$FAULT_SO" "CLOCK_SHIFT=$shift")
		slurmq config limit 3 >/dev/null
		run ${off[@]+"${off[@]}"} slurmq submit
		is_status 0
		like_out '^submitted [23] jobs; [01] pending' "$shift s ($hosts): as usual" # one or two may have ended
		ok "$shift s ($hosts): the jobs end" fake_quiet 20
		once "$shift s ($hosts)"
		run slurmq sync
		is_status 0
		run slurmq status
		is_status 0
		like_out 'done' "$shift s ($hosts): done"
		is_err '' "$shift s ($hosts): no error"
		# nor does the next query of Slurm, by a host whose clock is right
		run slurmq retry --all 3 --no-submit
		is_status 0
		run slurmq chain --strict
		is_status 0
		ok "$shift s ($hosts): the next job ends" fake_quiet 20
		is "$(grep -c 3 ledger)" 2 "$shift s ($hosts): the next job was submitted"
	done
done

# A refusal is applied with all its effects by the process that ingests it: its submitter may be
# dead

fresh
slurmq config limit 3 >/dev/null
echo refuse >"$FAKE_SLURM/mode"
SLURMQ_FAILPOINT=answer-posted "$TEST_BUILD/failpoints/slurmq" submit >/dev/null 2>&1
run slurmq status
is_status 0
is "$(states)" 777 'all of the sweep is held'
like_out '^! 3 jobs of odd held, refused: Batch job submission failed: Invalid partition' 'status reports the reason'
rm -f "$FAKE_SLURM/mode"
# one of them is held by the user now
sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db 'UPDATE job SET reason = 12 WHERE id = 3'
run slurmq status
like_out '^! 2 jobs of odd held, refused: Batch job submission failed: Invalid partition' 'two were refused'
like_out '^! 1 job of odd held: slurmq release -s user odd$' 'one is held by the user'

# The file was fixed meanwhile: the refusal does not apply to the new jobs
fresh
slurmq config limit 3 >/dev/null
echo refuse >"$FAKE_SLURM/mode"
SLURMQ_FAILPOINT=answer-posted "$TEST_BUILD/failpoints/slurmq" submit >/dev/null 2>&1
mkdir -p aside
mv .slurmq/outbox/*.answer aside/
sed 's/\[1, 2, 3\]/[1, 2, 3, 4, 5]/' sweep.yaml >fixed.yaml
slurmq expand fixed.yaml >/dev/null
mv aside/*.answer .slurmq/outbox/
slurmq status >/dev/null
is "$(states)" 77000 'only the refused ones are held'
# an unreadable version of the sweep does not prevent it either
fresh
echo refuse >"$FAKE_SLURM/mode"
SLURMQ_FAILPOINT=answer-posted "$TEST_BUILD/failpoints/slurmq" submit >/dev/null 2>&1
sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "UPDATE version SET source = 'name: [odd]'"
run slurmq sync
is_status 0 'a refusal is ingested although the version cannot be read'
is "$(states)" 777 'its jobs are held'

done_testing
