#!/bin/bash
# retry: refused options of sbatch are replaced or removed, and steps of completed jobs are run
# again
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
export LEDGER=$TEST_TMP/ledger
slurmq init >/dev/null || bail_out 'no folder'
slurmq config sentinel off >/dev/null
cat >sweep.yaml <<'END'
name: few
params: {n: [1, 2]}
steps:
  - {name: train, run: 'echo "train {n}" >>"$LEDGER"; [ -e healed ]'}
  - {name: eval, needs: [train], run: 'echo "eval {n}" >>"$LEDGER"'}
  - {name: plot, needs: [eval], run: 'echo "plot {n}" >>"$LEDGER"'}
END
# states: prints the state and reason of both jobs
states() {
	slurmq list --json | sed 's/.*"state":"\([a-z]*\)","reason":\([^,]*\),.*/\1 \2/' | paste -sd,
}
slurmq expand sweep.yaml >/dev/null
slurmq submit >/dev/null
ok 'the jobs run' fake_quiet 30
is "$(states)" 'failed "EXIT",failed "EXIT"' 'the jobs fail'
touch healed

# A misspelled option

echo refuse >"$FAKE_SLURM/mode"
run slurmq retry --sbatch partition=mian
is_status 1
like_err "are held because sbatch refused them with the options of slurmq retry --sbatch; replace these: slurmq retry few --sbatch OPTION=VALUE, or remove them: --sbatch ''\$"
is "$(states)" 'held "REFUSED",held "REFUSED"' 'held'
run slurmq retry
is_status 0
is_out 'no failed jobs; slurmq status shows the progress' 'they do not count as failed'
run slurmq retry 1
is_out 'nothing to retry: 1 of the jobs is held: use slurmq release'
run slurmq retry few --sbatch partition=main --no-submit
is_status 0
is_out '2 jobs are pending again; next: slurmq submit'
run slurmq show 1
like_out '^retry with +--partition=main$'
unlike_out '^retry with.*mian'
slurmq hold 2 >/dev/null
run slurmq retry few --sbatch mem=1G
is_out 'nothing to retry: 1 of the jobs is held: use slurmq release' 'a job that the user holds stays held'
slurmq release 2 --no-submit >/dev/null
echo refuse >"$FAKE_SLURM/mode"
run slurmq submit
is_status 1
is "$(states)" 'held "REFUSED",held "REFUSED"' 'held again'
run slurmq retry -s refused --sbatch ''
is_status 0
like_out '^2 jobs are pending again$'
ok 'the jobs run' fake_quiet 30
run slurmq show 1
unlike_out '^retry with'
is "$(states)" 'completed null,completed null' 'completed without an option'

# The sweep file's options are refused: fix the file, expand and release

sed -i 's/^name.*/name: other/' sweep.yaml
slurmq expand sweep.yaml >/dev/null
echo refuse >"$FAKE_SLURM/mode"
run slurmq submit
is_status 1
like_err 'fix the sweep file, run slurmq expand again, then: slurmq release -s refused other$'
slurmq cancel other --yes >/dev/null

# Steps of a completed job

# again WHAT ARGUMENT...: checks which steps of job 1 run again
again() {
	local want=$1
	shift
	: >ledger
	run slurmq retry "$@"
	is_status 0
	like_out '^1 job is pending again$'
	ok 'the job runs' fake_quiet 30
	is "$(paste -sd, ledger)" "$want" "retry $*"
}
again 'eval 1,plot 1' 1 --from-step eval
again 'plot 1' 1 --all --from-step plot
again 'train 1,eval 1,plot 1' 1 --all
run slurmq retry few --from-step eval
is_status 0
like_out '^no failed jobs; ' 'completed jobs must be named by their ids'

done_testing
