#!/bin/bash
# an sbatch that dies after it made a job, or before, hangs, or says anything at all; and a host whose clock
# is a day off: no job is lost, none runs twice
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
# once NAME: all are completed, each once
once() {
	is "$(states)" 444 "$1: all are completed"
	is "$(sort ledger | paste -sd' ')" '1 2 3' "$1: each has run once"
	is "$(find .slurmq/{claims,running,outbox,revoked,manifests} -type f)" '' "$1: nothing is left over"
}

# It has made an array of three, and says so in a way of its own, or not at all

# mode, exit status of submit, states after it, what sync says
while IFS='|' read -r mode rc after said; do
	fresh
	touch "$FAKE_SLURM/hold"
	echo "$mode" >"$FAKE_SLURM/mode"
	# a minute is over in no time for the one that hangs
	run env LD_PRELOAD="$FAULT_SO" CLOCK_SPEED=200 slurmq submit
	is_status "$rc" "$mode: exit status $rc"
	[ "$rc" = 0 ] || like_err '^slurmq submit: Slurm gave no clear answer for 3 jobs' "$mode: told"
	unlike "$out$err" $'[\001-\010\013-\037\177]' "$mode: fit for a terminal"
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
	like_out "$said" "$mode: what sync finds"
	is "$(states)" 222 "$mode: known by their name"
	slurmq submit >/dev/null 2>&1
	is "$(fake_count)" 3 "$mode: nothing is submitted twice"
	rm "$FAKE_SLURM/hold"
	ok "$mode: they end" fake_quiet 20
	once "$mode"
done <<'END'
die|75|111|3 found again by name
garbage|75|111|3 found again by name
nothing|75|111|3 found again by name
full|75|111|3 found again by name
hang|75|111|3 found again by name
banner|0|222|nothing new
END

# Cancelled while nobody knows their number: squeue does, and they end

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
	ok_within 20 'they run' begun
	[ -z "$away" ] || touch "$FAKE_SLURM/away"
	run slurmq cancel 1-3 --yes
	if [ -z "$away" ]; then
		is_status 0
		is_err ''
		is_out 'cancelled 3 jobs; 3 running are being ended'
	else
		is_status 75
		is_out 'cancelled 3 jobs'
		like_err 'the jobs are cancelled here, but slurmq could not end all that run in Slurm \(run slurmq cancel again\): squeue'
		rm "$FAKE_SLURM/away"
		run slurmq sync
		is_status 0
		is_err ''
		# unless one of them has just looked by itself
		like_out '(3 cancelled earlier, ended now|nothing new|nothing to query)$'
	fi
	ok 'they end' fake_quiet 20
	is "$(cat ledger)" '' 'and none came to its own end'
	slurmq chain --strict >/dev/null 2>&1
	is "$(states)" 666 'as they are told'
done

# Their numbers are known, and Slurm is away: what it was not told is not said
fresh
rm -f begun.*
run slurmq submit
is_status 0
ok_within 20 'they run' begun
touch "$FAKE_SLURM/away"
run slurmq cancel 1-3 --yes
is_status 75
is_out 'cancelled 3 jobs'
like_err 'the jobs are cancelled here, but slurmq could not end all that run in Slurm \(run slurmq cancel again\): scancel'
rm "$FAKE_SLURM/away"
run slurmq cancel 1-3 --yes
is_status 0
is_err ''
is_out 'cancelled 3 jobs; 3 running are being ended'
ok 'they end' fake_quiet 20
is "$(states)" 666 'as they are told'

# They wait in its queue, and it can't be told: nothing of them runs
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
ok 'they end' fake_quiet 20
is "$(states) $(find . -name 'begun.*')" '666 ' 'and none has begun'
mv short.yaml sweep.yaml

# It has made none, and nobody can know: after its time it is submitted anew, not before

fresh
echo die-before >"$FAKE_SLURM/mode"
run slurmq submit
is_status 75
is "$(states)" 111 'died before: nobody knows'
run slurmq submit
is "$(states) $(fake_count)" '111 0' 'died before: too early to say'
run env LD_PRELOAD="$FAULT_SO" STAMP_SHIFT=120 slurmq submit
is_status 0
ok 'died before: they end' fake_quiet 20
once 'died before'

# The same of a submitter that went with its sbatch: that takes ten minutes

fresh
SLURMQ_FAILPOINT=sbatch-before run "$TEST_BUILD/failpoints/slurmq" submit 2>/dev/null
is_status 137 'both died: killed'
is "$(states) $(fake_count)" '111 0' 'both died: nothing was submitted'
run env LD_PRELOAD="$FAULT_SO" STAMP_SHIFT=500 slurmq submit
is "$(states) $(fake_count)" '111 0' 'both died: too early to say'
run env LD_PRELOAD="$FAULT_SO" STAMP_SHIFT=700 slurmq submit
is_status 0
ok 'both died: they end' fake_quiet 20
once 'both died'

# A clock that is a day off, of all hosts or of those that run jobs alone, changes nothing

for shift in 86400 -86400; do
	for who in all jobs; do
		fresh
		printf '%s\n' "LD_PRELOAD=$FAULT_SO" CLOCK_SHIFT=$shift >"$FAKE_SLURM/jobenv"
		off=()
		[ $who = jobs ] || off=(env LD_PRELOAD="$FAULT_SO" "CLOCK_SHIFT=$shift")
		slurmq config limit 3 >/dev/null
		run ${off[@]+"${off[@]}"} slurmq submit
		is_status 0
		like_out '^submitted [23] jobs; [01] pending' "$shift s ($who): as ever" # one or two may have ended
		ok "$shift s ($who): they end" fake_quiet 20
		once "$shift s ($who)"
		run slurmq sync
		is_status 0
		run slurmq status
		is_status 0
		like_out 'done' "$shift s ($who): done"
		is_err '' "$shift s ($who): nothing to complain of"
		# nor what Slurm is asked for next, by a host whose clock is right
		run slurmq retry --all 3 --no-submit
		is_status 0
		run slurmq chain --strict
		is_status 0
		ok "$shift s ($who): the next one ends" fake_quiet 20
		is "$(grep -c 3 ledger)" 2 "$shift s ($who): it was submitted"
	done
done

# A refusal is told by whoever ingests, with all that goes with it: its submitter may have died by then

fresh
slurmq config limit 3 >/dev/null
echo refuse >"$FAKE_SLURM/mode"
SLURMQ_FAILPOINT=answer-posted "$TEST_BUILD/failpoints/slurmq" submit >/dev/null 2>&1
run slurmq status
is_status 0
is "$(states)" 777 'all of the sweep is held'
like_out '^! 3 jobs of odd held, refused: Batch job submission failed: Invalid partition' 'and status has the reason'
rm -f "$FAKE_SLURM/mode"
# one of them is a person's now
sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db 'UPDATE job SET reason = 12 WHERE id = 3'
run slurmq status
like_out '^! 2 jobs of odd held, refused: Batch job submission failed: Invalid partition' 'two were refused'
like_out '^! 1 job of odd held: slurmq release odd$' 'and one is held'

# The file was mended meanwhile: what was refused says nothing of the new jobs
fresh
slurmq config limit 3 >/dev/null
echo refuse >"$FAKE_SLURM/mode"
SLURMQ_FAILPOINT=answer-posted "$TEST_BUILD/failpoints/slurmq" submit >/dev/null 2>&1
mkdir -p aside
mv .slurmq/outbox/*.answer aside/
sed 's/\[1, 2, 3\]/[1, 2, 3, 4, 5]/' sweep.yaml >mended.yaml
slurmq expand mended.yaml >/dev/null
mv aside/*.answer .slurmq/outbox/
slurmq status >/dev/null
is "$(states)" 77000 'only the refused ones are held'
# nor is it in anybody's way where its version can't be read any more
fresh
echo refuse >"$FAKE_SLURM/mode"
SLURMQ_FAILPOINT=answer-posted "$TEST_BUILD/failpoints/slurmq" submit >/dev/null 2>&1
sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "UPDATE version SET source = 'name: [odd]'"
run slurmq sync
is_status 0 'a refusal of what can not be read is told'
is "$(states)" 777 'its jobs are held'

done_testing
