#!/bin/bash
# slurmq delete: a sweep or the folder, without Slurm; interrupted; its questions and errors
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
unset SLURMQ_DIR

printf 'name: one\nparams: {a: {from: 1, to: 3, step: 1}}\nlimit: 2\nrun: [echo, "{a}"]\n' >one.yaml
printf 'name: two\nparams: {b: [x, y]}\nrun: [echo, "{b}"]\n' >two.yaml

db() {
	sqlite3 -cmd '.timeout 5000' .slurmq/jobs.db "$1"
}
# anew: makes a folder with both sweeps, and a setting of the first one
anew() {
	rm -rf .slurmq
	{ slurmq init && slurmq expand one.yaml two.yaml; } >/dev/null || bail_out 'no jobs'
	slurmq config limit.one 1 >/dev/null
}
# traces: prints how many rows of the sweep 'one' are left, for each table that has some
traces() {
	db "SELECT 'sweep' FROM sweep WHERE name = 'one';
		SELECT 'version ' || id FROM version WHERE sweep <> (SELECT id FROM sweep WHERE name = 'two');
		SELECT 'job ' || id FROM job WHERE sweep <> (SELECT id FROM sweep WHERE name = 'two');
		SELECT 'counter' FROM counter WHERE sweep <> (SELECT id FROM sweep WHERE name = 'two');
		SELECT 'schema ' || id FROM schema WHERE id NOT IN (SELECT schema FROM job);
		SELECT 'job_schema' FROM job_schema WHERE job NOT IN (SELECT id FROM job);
		SELECT key FROM setting WHERE key = 'limit.one';
		SELECT 'integrity: ' || integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"
}
ids() {
	slurmq list --json "$@" | sed -E 's/^\{"id":([0-9]+),.*/\1/' | paste -sd ' '
}

# A sweep that has not run needs no Slurm

anew
run slurmq delete one --yes
is_status 0
is_out "deleted sweep 'one': 3 jobs"
is_err ''
is "$(traces)" '' 'nothing of it is left'
is "$(ids)" '4 5' 'the other sweep is unchanged'
run slurmq status
like_out '^two '
unlike_out one
run slurmq list one
is_status 2
like_err "no sweep 'one'"
run slurmq list a=1
is_status 2
like_err "no job has a parameter 'a'"
run slurmq show 3
like_err '^slurmq show: no job 3: '

# The same file again: fresh jobs, and no id is used twice, not even those of the newest jobs

run slurmq expand one.yaml
is_out 'one: 3 jobs added (3 steps); next: slurmq submit'
is "$(ids one)" '6 7 8' 'new ids'
is "$(ids last)" '6 7 8' 'last is the newest sweep'
slurmq delete last -y >/dev/null
is "$(ids last)" '4 5' 'last is the sweep before, after that is deleted'
slurmq expand one.yaml >/dev/null
is "$(ids)" '4 5 9 10 11' 'the ids of the newest jobs are not used again'
for name in sweep version schema; do
	is "$(db "SELECT max(id) FROM $name")" 4 "nor is the id of a $name"
done

# A later version has renamed a parameter of some jobs, and lacks others

anew
printf 'name: one\nparams: {a: [2, 3, 4]}\nrun: [echo, "{a}"]\n' >later.yaml
slurmq expand later.yaml >/dev/null 2>&1
run slurmq delete one -y --json
is_status 0
is_out '{"deleted":4,"sweeps":1,"cancelled":0}'
is "$(traces)" '' 'jobs of two versions: nothing is left'

# The question

anew
before=$(db .dump | sha256sum)
run slurmq delete one
is_status 2
is_err "slurmq delete: would delete sweep 'one' with 3 jobs, history and logs; add --yes to confirm"
run slurmq delete --everything
is_status 2
like_err "^slurmq delete: would delete '.*/\.slurmq' with 5 jobs of 2 sweeps, history and logs; add --yes"
run slurmq delete oen --yes
is_status 2
is_err "slurmq delete: no sweep 'oen', did you mean 'one'?"
for args in '' 'one --everything'; do
	# shellcheck disable=SC2086
	run slurmq delete $args --yes
	is_status 2 "slurmq delete $args: refused"
	is_err 'slurmq delete: give the name of one sweep, or --everything to remove .slurmq'
done
is "$(db .dump | sha256sum)" "$before" 'nothing was changed'

# A process that dies: before the commit all is there; after it the sweep is gone, and the next
# expand or delete completes the rest

FP=$TEST_BUILD/failpoints/slurmq
for next in 'expand two.yaml' 'delete two --yes'; do
	for point in delete-changed delete-hidden delete-records delete-files delete-slice delete-files:2 delete-slice:2; do
		anew
		SLURMQ_FAILPOINT=$point run "$FP" delete one --yes 2>/dev/null
		is_status 137 "killed at $point"
		if [ $point = delete-changed ]; then
			is "$(ids)" '1 2 3 4 5' "$point: all is there"
			continue
		fi
		is "$(ids)" '4 5' "$point: the sweep is gone at once"
		is "$(slurmq status --json | grep -o '"name":"[a-z]*"')" '"name":"two"' "$point: for status too"
		run slurmq submit --dry-run
		unlike_out 'one' "$point: its jobs are not submitted"
		# shellcheck disable=SC2086
		slurmq $next >/dev/null
		is "$(traces)" '' "$point: slurmq $next completes it"
		slurmq expand one.yaml >/dev/null
		is "$(ids one)" '6 7 8' "$point: fresh jobs"
	done
done

# An expand that died before it was published leaves nothing either

anew
printf 'name: three\nparams: {c: [1, 2]}\nrun: [echo, "{c}"]\n' >three.yaml
SLURMQ_FAILPOINT=expand-slice run "$FP" expand three.yaml 2>/dev/null
slurmq delete one --yes >/dev/null
is "$(traces)" '' 'of an interrupted expand nothing is left'

# The folder

anew
: >mine
run slurmq delete --everything --yes
is_status 0
is_out "deleted '$PWD/.slurmq': 5 jobs of 2 sweeps"
is_err ''
nok 'the folder is gone' test -e .slurmq
is "$(ls -d .slurmq* 2>/dev/null)" '' 'and so is its other name'
ok 'other files stay' test -e mine
run slurmq status
is_status 2
like_err 'no \.slurmq in'

# killed before the folder is renamed: all is there; after that: all is gone
for point in delete-moving delete-moved; do
	anew
	SLURMQ_FAILPOINT=$point run "$FP" delete --everything --yes 2>/dev/null
	is_status 137 "killed at $point"
	run slurmq list --json
	if [ $point = delete-moving ]; then
		is "$(wc -l <<<"$out")" 5 "$point: all is there"
		like "$(slurmq status)" '^chain paused \(slurmq delete --everything by ' "$point: the queue is paused"
	else
		is_status 2 "$point: all is gone"
		rm -rf .slurmq.deleted-*
	fi
done

# in another place, that a file or a link names
for kind in file link; do
	mkdir -m 700 elsewhere study
	case $kind in
	file) echo ../elsewhere >study/.slurmq ;;
	link) ln -s ../elsewhere study/.slurmq ;;
	esac
	slurmq init study >/dev/null
	run slurmq -C study delete --everything --yes
	is_status 0 "$kind: deleted"
	is "$(ls -A study)$(ls -d elsewhere* 2>/dev/null)" '' "$kind: the folder and the $kind are gone"
	rm -rf study
done

done_testing
