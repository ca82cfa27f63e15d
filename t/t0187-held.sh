#!/bin/bash
# held jobs: by the user, by sbatch's refusal, and by the breaker for a value: status names for each the command that
# releases these and no others
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
fake_start 3
slurmq init >/dev/null
slurmq config breaker 3 >/dev/null
slurmq config sentinel off >/dev/null
cat >grid.yaml <<'END'
name: grid
params: {opt: [sgd, lamb], n: {from: 1, to: 6, step: 1}}
run: test -e fixed || [ {opt} != lamb ]
END
slurmq expand grid.yaml >/dev/null || bail_out 'no jobs'
slurmq hold 1-2 12 >/dev/null
run slurmq submit
is_status 0
ok 'the jobs end' fake_quiet 30
failed=$(slurmq list -s failed --json | wc -l)
held=$(slurmq list -s breaker --json | wc -l)
ok "$failed jobs failed" test "$failed" -ge 3
is "$((failed + held))" 5 'and the breaker holds the others with that value, except the one that the user holds'

run slurmq status
lamb="$held job$([ "$held" = 1 ] || echo s) of grid held: $failed of $failed with opt=lamb failed; slurmq release opt=lamb"
is "$(grep 'held:' "$out_file")" "! $lamb
! 3 jobs of grid held: slurmq release -s user grid" 'status names both'

# For programs

run slurmq status --json
is "$(jq -c .held <<<"$out")" '[{"sweep":"grid","reason":"BREAKER","jobs":'"$held"',"values":["opt=lamb"],"failed":'"$failed"',"tried":0,"text":null},{"sweep":"grid","reason":"USER","jobs":3,"values":[],"failed":0,"tried":0,"text":null}]' \
	'status --json'
id=$(slurmq list -s breaker --json | head -n 1 | jq .id)
is "$(slurmq show --json "$id" | jq -c '.[].held_for')" '{"values":["opt=lamb"],"failed":'"$failed"',"tried":0}' 'show --json'
is "$(slurmq show --json 1 3 12 | jq -c '[.[].held_for]')" '[null,null,null]' 'null for every other job'
run slurmq show "$id"
like_out "^held +$failed of $failed with opt=lamb failed; slurmq release opt=lamb\$" 'show'

# As status advises

run slurmq release -s user grid --no-submit
is_status 0
is_out 'released 3 jobs'
is "$(slurmq list -s breaker --json | wc -l)" "$held" 'the jobs of the bad value are still held'
run slurmq status
is "$(grep 'held:' "$out_file")" "! ${lamb/ failed;/ failed, 1 runs or waits;}" 'and still named'
slurmq hold 1 >/dev/null
: >fixed
run slurmq release opt=lamb
like_out "^released $held job"
ok 'they end' fake_quiet 30
is "$(slurmq list -s held --json | jq .id | paste -sd' ')" 1 'the job that the user holds is left'

# Jobs that sbatch refuses

rm -rf .slurmq
fake_clear 20
slurmq init >/dev/null
slurmq config sentinel off >/dev/null
cat >bad.yaml <<'END'
name: bad
params: {n: [1, 2, 3]}
run: echo {n}
END
slurmq expand bad.yaml >/dev/null
slurmq hold bad n=3 >/dev/null
echo refuse >"$FAKE_SLURM/mode"
run slurmq submit
is_status 1
like_err 'fix the sweep file, run slurmq expand again, then: slurmq release -s refused bad$'
run slurmq status
like_out '^! 2 jobs of bad held, refused: .*Invalid partition name specified$'
like_out 'then: slurmq release -s refused bad$'
like_out '^! 1 job of bad held: slurmq release -s user bad$'
is "$(slurmq status --json | jq -c '.held[] | select(.reason == "REFUSED") | [.jobs, (.text | test("Invalid partition"))]')" \
	'[2,true]' 'status --json has the message of sbatch'
sed -i 's/echo/true/' bad.yaml
run slurmq expand bad.yaml
is_out 'bad: 0 jobs added, 3 get the new commands; next: slurmq release -s refused bad'
run slurmq release -s refused bad
like_out '^released 2 jobs$'
ok 'they end' fake_quiet 30

# A stored sweep file that this slurmq refuses, as after an upgrade: 0.1 accepted open-mode

printf 'name: old\nsbatch: {open-mood: append}\nrun: echo\n' >old.yaml
slurmq expand old.yaml >/dev/null 2>&1
sqlite3 -batch .slurmq/jobs.db "UPDATE version SET source = CAST(replace(source, 'open-mood', 'open-mode') AS BLOB)
	WHERE file = 'old.yaml'"
run slurmq submit
error="old.yaml:2:10: error: sbatch's 'open-mode' is set by slurmq itself: slurmq keeps each attempt's output: see 'slurmq log'"
run slurmq status old
is "$(grep -A 1 'of old held' "$out_file")" "! 1 job of old held, refused: $error
    fix the sweep file and run slurmq expand, or fix the account; then: slurmq release -s refused old" 'status has its first error'
run slurmq show "$(slurmq list old --json | jq .id)"
like_out "^commands +$error\$" 'and so has show'

done_testing
