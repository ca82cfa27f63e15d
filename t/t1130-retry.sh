#!/bin/bash
# retry runs what failed, and nothing else: in a sweep of 2,400 steps, and after a supervisor's
# death
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start
slurm_set_limits MaxSubmitJobsPerUser=20 MaxJobsPerUser=10 || bail_out 'no limits'

# sql TEXT: queries the database without slurmq
sql() {
	sqlite3 -batch -readonly -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}
jobs_in() {
	sql "SELECT ifnull(sum(n), 0) FROM counter WHERE state IN ($1)"
}
all_over() {
	[ "$(jobs_in 0,1,2,3)" = 0 ]
}

# The sweep without its exclusion: 96 jobs of a training and 24 evaluations. The programs and
# options of its site are replaced.

sed -e '/^    exclude:/,/- {status:/d' -e 's/partition: .*/partition: main/' -e '/^  gres:/d' \
	-e 's/mem: .*/mem: 1M/' -e '/^setup:/,/^  source/d' "$TEST_TOP/t/data/bar-llama.yaml" >bar-llama.yaml

mkdir bin broken
export PATH=$TEST_TMP/bin:$PATH STUB=$TEST_TMP
cat >bin/python3 <<'END'
#!/bin/sh
job=$SLURMQ_JOB_ID-$SLURMQ_STEP-$SLURMQ_PARAM_eval_set-$SLURMQ_PARAM_infer_seed-$SLURMQ_PARAM_gen-$SLURMQ_PARAM_status
echo "$job $*" >>"$STUB/ledger"
[ ! -e "$STUB/broken/$job" ] || exit 3
END
chmod +x bin/python3

# Thirty evaluations fail: two of every third job up to 45, each another pair
names=(test_set_{1,2}-seed_{206,989}-{greedy,temp_025,temp_06}-{trained,untrained})
for ((i = 0; i < 15; i++)); do
	touch "broken/$((3 * i + 3))-eval-${names[i]}" "broken/$((3 * i + 3))-eval-${names[i + 9]}"
done
is "${#names[@]} $(find broken -type f | wc -l)" '24 30' 'thirty evaluations are to fail'
failing=$(seq 3 3 45)

run slurmq init
is_status 0
run slurmq expand bar-llama.yaml
is_status 0
is_out 'bar-llama: 96 jobs added (2400 steps); next: slurmq submit'
is_err ''
run slurmq submit
is_status 0
is_out 'submitted 18 jobs; 78 pending, 18 in Slurm (limit 20, qos normal)'
is_err ''
ok_within 240 'all jobs end' all_over
ok 'the queue becomes empty' slurm_quiet 120

commands_of_file() {
	slurmq expand --dry-run --list bar-llama.yaml |
		jq -r '.id as $id | .commands[] | "\($id) \(.argv | if .[0] == "bash" then .[2] | rtrimstr("\n") else join(" ") end)"'
}
# prints the job and the words of each step, in the format of the list of commands
ran() {
	sed -E 's/^([0-9]+)-[^ ]* /\1 python3 /' "$1" | sort
}
is "$(ran ledger | wc -l)" 2400 '2,400 steps ran'
commands_of_file | sort >commands
is "$(wc -l <commands)" 2400 'of 2,400 commands'
ok 'each once' cmp <(ran ledger) commands
is "$(cut -d' ' -f1 ledger | sort | uniq -d)" '' 'each with parameters of its own'

run slurmq list -s failed --json
is_status 0
is_err ''
is "$(jq .id "$out_file")" "$failing" 'the jobs with a failed step are failed'
is "$(jq -c '[.state, .reason, .exit_code, .signal, .tries]' "$out_file" | sort | uniq -c |
	sed 's/^ *//')" '15 ["failed","EXIT",3,null,1]' 'because of its exit status'
is "$(jobs_in 4) $(jobs_in 0,1,2,3,6,7)" '81 0' 'all other jobs are completed'
is "$(sql 'SELECT state, count(*), max(exit_code) FROM step GROUP BY state')" $'0|2370|0\n1|30|3' \
	'thirty steps failed'
run slurmq status
is_status 0
is_err ''
like_out '^bar-llama +\[#+x+\] +81/96 +15 failed$'
like_out '^! 15 jobs of bar-llama failed \(.*\): slurmq list failed bar-llama; then: slurmq retry bar-llama$'
run slurmq show 3
is_status 0
is_err ''
is "$(grep -cE ' exit 3 ' "$out_file") $(grep -cE ' completed ' "$out_file")" '2 23' \
	'show lists the steps of job 3'
like_out "^attempt 1: EXIT, Slurm job $(slurmq log 3 | sed -nE '1s/.*, Slurm job ([0-9]+_[0-9]+) on .*/\1/p') \\([0-9]+\\), on n[0-9]+,"

# After the cause is fixed

mv broken was-broken
mkdir broken
mv ledger first
run slurmq retry
is_status 0
is_err ''
is "$(sed -n 1p "$out_file")" '15 jobs are pending again' 'the 15 jobs are pending'
like "$(sed -n 2p "$out_file")" '^submitted 15 jobs; 0 pending, 15 in Slurm' 'the 15 jobs are submitted'
ok_within 120 'all jobs end' all_over
ok 'the queue becomes empty' slurm_quiet 120
is "$(cut -d' ' -f1 ledger | sort)" "$(find was-broken -type f -printf '%f\n' | sort)" \
	'the thirty steps ran again, and no other'
ok 'with the same arguments' cmp <(ran ledger) <(cut -d' ' -f1 ledger | grep -Fwf - first | ran /dev/stdin)
run slurmq status --json
is_status 0
is_err ''
is "$(jq -c '[.counts.completed, (.counts | add), .in_flight, .chain.state]' "$out_file")" \
	'[96,96,0,"done"]' 'all 96 are completed'
run slurmq list --json
is "$(jq -c 'select(.tries == 2) | .id' "$out_file")" "$failing" 'the failed jobs had two tries'
run slurmq retry
is_status 0
is_err ''
is_out 'no failed jobs; slurmq status shows the progress' 'nothing is left to retry'

# A supervisor that is killed during its tenth step

cat >twelve.yaml <<'END'
name: twelve
steps:
  - name: part
    params:
      n: {from: 1, to: 12, step: 1}
    run: ["./part", "{n}"]
END
cat >part <<'END'
#!/bin/bash
echo "$1 $PPID" >>parts
[ "$1" != 10 ] || [ -e healed ] || exec sleep 1000
END
chmod +x part
slurmq config sentinel off >/dev/null # the queue must become empty
run slurmq expand twelve.yaml
is_status 0
is_out 'twelve: 1 job added (12 steps); next: slurmq submit'
run slurmq submit
is_status 0
like_out '^submitted 1 job; 0 pending, 1 in Slurm'
ten() {
	[ "$(wc -l 2>/dev/null <parts)" = 10 ]
}
ok_within 60 'it reaches its tenth step' ten
run slurmq list -s running --json
is "$(jq .id "$out_file")" 97 'the job is running'
slurm_job=$(jq -r .slurm_job "$out_file")
supervisor=$(tail -n 1 parts | cut -d' ' -f2)
is "$(cut -d' ' -f2 parts | uniq)" "$supervisor" 'one process runs its steps'
like "$(tr '\0' ' ' <"/proc/$supervisor/cmdline")" ' run [0-9a-f]{16} $' 'that process is slurmq run'
ok 'the process belongs to this Slurm job' grep -qzxF "SLURM_JOB_ID=$slurm_job" "/proc/$supervisor/environ"
kill -KILL "$supervisor"
ok 'Slurm ends the job' slurm_quiet

row() {
	slurmq list 97 --json | jq -c '[.state, .reason, .exit_code, .tries]'
}
for _ in 1 2; do
	run slurmq sync
	is_status 0
	is_err ''
	like_out '^queried Slurm: 1 over, (1m 00s|[0-9]+s) left to report the end$'
	is "$(row)" '["running",null,null,1]' 'at first a reported end may still come'
done
# a minute later
sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db \
	'UPDATE job SET missing = missing - 61000 WHERE missing > 0'
run slurmq sync
is_status 0
is_err ''
like_out '^queried Slurm: 1 ended without a report'
unlike_out 'not found'
is "$(row)" '["failed","SIGNAL",null,1]' "the row has Slurm's reason: killed"
is "$(sql 'SELECT count(*) FROM step WHERE state = 0 AND attempt =
	(SELECT attempt FROM job WHERE id = 97)')" 9 'nine steps are kept'
is "$(find .slurmq/{claims,running,outbox,revoked,manifests} -mindepth 1)" '' 'no file is left over'

touch healed
run slurmq retry
is_status 0
is_err ''
is "$(sed -n 1p "$out_file")" '1 job is pending again' 'the job is pending'
ok_within 60 'the job ends' all_over
ok 'the queue becomes empty' slurm_quiet
is "$(cut -d' ' -f1 parts | paste -sd' ')" '1 2 3 4 5 6 7 8 9 10 10 11 12' \
	'steps from the tenth on ran, and no other'
is "$(row)" '["completed",null,0,2]' 'the job is completed'
is "$(sql 'PRAGMA integrity_check')" ok 'the database is sound'

done_testing
