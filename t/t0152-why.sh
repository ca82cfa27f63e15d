#!/bin/bash
# why: what failed jobs have in common; log: of the newest failure, of several jobs, the last lines
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
slurmq init >/dev/null || bail_out 'no folder'
slurmq config sentinel off >/dev/null
slurmq config breaker 0 >/dev/null

run slurmq why
is_status 0
is_out 'no failed jobs'
run slurmq log
is_status 1
is_err 'slurmq log: no job has failed; slurmq log ID prints the output of a job'

cat >fit.yaml <<'END'
name: fit
params:
  lr: [0.1, 0.01, 0.001, 0.0001]
  opt: [sgd, adam, "l amb"]
  wd: 0.1
sbatch: {time: "0:10:00", mem: 100M}
run: |
  true {wd}
  for i in 1 2 3 4 5; do echo "line $i of {lr}"; done
  case "{opt}" in l*) echo "ValueError: no {opt} for {lr}"; echo; exit 3 ;; esac
END
slurmq expand fit.yaml >/dev/null || bail_out 'no jobs'
run slurmq submit
is_status 0
ok 'the jobs end' fake_quiet 60

run slurmq why
is_status 0
like_out '^fit: 4 of 12 jobs that ended have failed$'
like_out "^  opt='l amb': 4 of 4 failed \(EXIT 3\), others 0 of 8; log [0-9]+: \"ValueError: no l amb for 0[.][01]+\"\$" \
	'the value, how often, the reason, and the last line that is not blank'
is "$(wc -l <<<"$out")" 2 'and no other'
run slurmq why fit --json
is_status 0
is "$(jq -c '.[0] | [.sweep, .failed, .jobs, .reason, (.explained | length), .explained[0].values, .explained[0].failed, .explained[0].others, .unexplained]' <<<"$out")" \
	'["fit",4,12,"EXIT",1,{"opt":"l amb"},4,{"failed":0,"jobs":8},{"failed":0,"jobs":8,"ids":[]}]' 'for programs'
run slurmq why fti
is_status 2
is_err "slurmq why: no sweep 'fti', did you mean 'fit'?"
run slurmq list failed
like_out "^all 4: opt='l amb'\$"

# show: the options of an attempt, and what it used of them

run slurmq show 1
like_out '^  options   --time=0:10:00 --mem=100M$'
like_out '^  used      time [0-9.]+s of 0:10:00 \([0-9]+%\), memory [0-9.]+M of 100M \([0-9]+%\)$'
run slurmq show opt=sgd --json
is "$(jq -c '[.[].attempts[0].options]' <<<"$out")" \
	'[["--time=0:10:00","--mem=100M"],["--time=0:10:00","--mem=100M"],["--time=0:10:00","--mem=100M"],["--time=0:10:00","--mem=100M"]]' \
	'for programs, by a selector'

# The log of the newest failure, the last lines, several jobs

run slurmq log --tail 3
is_status 0
like "$(sed -n 1p "$out_file")" '^ValueError: no l amb for ' 'the command'
like "$(sed -n 3p "$out_file")" '^==> slurmq: run: exit 3 after ' 'and its end'
is "$(wc -l <"$out_file")" 3 'three lines'
run slurmq log 1 --tail 1000
is "$(head -n 1 "$out_file" | cut -c1-22)" '==> slurmq: fit job 1,' 'more lines than there are'
cp "$out_file" all
run slurmq log 1
ok 'that is the whole log' cmp -s all "$out_file"
run slurmq log 1 --step run --tail 2
is_out "line 4 of 0.1
line 5 of 0.1" 'the last lines of a step'
run slurmq log lr=0.1 --tail 2
is_status 0
is "$(grep -c '^==> job ' "$out_file")" 3 'a heading for each job'
like_out '^==> job 1 of fit, completed: lr=0.1 opt=sgd wd=0.1 <==$'
like_out '^==> job 3 of fit, failed EXIT: lr=0.1 opt=l amb wd=0.1 <==$'
is "$(grep -c '^$' "$out_file")" 3 'a blank line between them, and one in the log'
run slurmq log lr=0.1 -f
is_status 2
is_err 'slurmq log: -f follows one job; 3 are selected'
run slurmq log lr=7
is_status 1
is_err 'slurmq log: no such jobs; slurmq list shows the jobs'

# Every job failed; failures without a common value

printf 'name: every\nparams: {a: [1, 2, 3]}\nrun: "exit 2"\n' >every.yaml
printf 'name: one\nparams: {a: [1, 2, 3, 4], b: [x, y]}\nrun: "test {a}{b} != 2y"\n' >one.yaml
slurmq expand every.yaml one.yaml >/dev/null
slurmq submit >/dev/null
ok 'the jobs end' fake_quiet 60
run slurmq why every
is_status 0
like_out '^every: 3 of 3 jobs that ended have failed$'
like_out '^  all jobs: 3 of 3 failed \(EXIT 2\); slurmq show 1[345]$'
run slurmq why one
like_out '^one: 1 of 8 jobs that ended have failed$'
like_out '^  1 failed without a value that explains it: 19 \(EXIT 1\); slurmq show 19$'

# -f waits for the next attempt of a job that is pending again

slurmq pause >/dev/null
slurmq retry 13 --no-submit >/dev/null
slurmq log 13 -f >follow.out 2>follow.err &
waits() {
	grep -q 'waiting for its next attempt' follow.err
}
ok_within 20 'log -f waits' waits
slurmq resume >/dev/null
wait $!
is $? 0 'log -f ends with the attempt'
like "$(<follow.out)" '^==> slurmq: every job 13, attempt 2' 'the log is that of the next attempt'
is "$(<follow.err)" 'slurmq log: job 13 is pending: waiting for its next attempt' 'log -f says why it waits'

done_testing
