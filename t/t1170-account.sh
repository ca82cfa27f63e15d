#!/bin/bash
# a site that refuses the jobs: the message of sbatch at once, the jobs held, and what to do then
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

slurm_start lua=require-account nodes=1

# Every sbatch writes a line
real=$(command -v sbatch)
cat >"$TEST_TMP/.bin/sbatch" <<END
#!/bin/sh
echo "\$*" >>"$TEST_TMP/calls"
exec "$real" "\$@"
END
chmod +x "$TEST_TMP/.bin/sbatch"
: >calls
calls() {
	wc -l <"$TEST_TMP/calls"
}

in_states() {
	local json want
	json=$(slurmq status --json 2>/dev/null) || return
	for want; do
		[ "$(jq ".counts.${want%=*}" <<<"$json")" = "${want#*=}" ] || return 1
	done
}
# folder NAME SBATCH: makes a store with a sweep of 40 jobs
folder() {
	mkdir "$TEST_TMP/$1" && cd "$TEST_TMP/$1" || return
	: >ledger
	sweep "$1" "$2"
	slurmq init >/dev/null && slurmq expand sweep.yaml >/dev/null
}
sweep() {
	cat >sweep.yaml <<-END
		name: $1
		params: {n: {from: 1, to: 40, step: 1}}
		sbatch: {$2}
		run: echo {n} >>ledger
	END
}
each_once() {
	is "$(sort -n ledger | paste -sd' ')" "$(seq -s' ' 40)" "$1"
}

# refused NAME REGEX...: checks that submit is refused with these messages, and that they are shown
# at once
refused() {
	local name=$1 regex before
	shift
	before=$(calls)
	run slurmq submit
	is_status 1
	is_out ''
	for regex; do like_err "$regex"; done
	like_err "^slurmq submit: jobs of the sweep '$name' are held because sbatch refused them"
	like_err "slurmq release -s refused $name\$"
	is "$(($(calls) - before))" 1 "$name: one sbatch for all jobs"
	# the last job of the sweep before may be leaving just now
	is "$(squeue -h -o %j | grep "^$name\\.")" '' "$name: none of its jobs is in Slurm"
	ok "$name: all are held" in_states held=40 pending=0 submitting=0 queued=0
	is "$(slurmq list --json | jq -r .reason | uniq -c | tr -s ' ')" ' 40 REFUSED' "$name: for that reason"
	nok "$name: nothing ran" test -s ledger

	run slurmq status
	is_status 0
	is_err ''
	like_out "^$name .* 0/40  40 held\$"
	like_out "^! 40 jobs of $name held, refused: "
	like_out "then: slurmq release -s refused $name\$"
	before=$(calls)
	run slurmq submit
	is_status 0 'submit does not change held jobs'
	is_out 'nothing to submit; 40 held: slurmq status shows why'
	is "$(calls)" "$before" 'without an sbatch'
}

# to_the_end NAME
to_the_end() {
	run slurmq release "$1"
	is_status 0
	like_out '^released 40 jobs$'
	like_out '^submitted 18 jobs; 22 pending, 18 in Slurm'
	is_err ''
	ok_within 90 "$1: the sweep ends" in_states completed=40
	each_once "$1: each ran once"
	run slurmq status
	like_out '^chain done'
	unlike_out '^!' "$1: status shows no problem"
}

# A job_submit plugin of the site requires an account

folder plugin 'time: "0:10:00"' || bail_out 'no folder to work in'
refused plugin '^slurmq submit: You must name an account: --account=NAME$' \
	"^slurmq submit: See the site's manual\$" 'Batch job submission failed: Unspecified error$'
run slurmq status
like_out '^! 40 jobs of plugin held, refused: You must name an account: --account=NAME$'

# without a change, a release is refused again
run slurmq release plugin
is_status 1
like_out '^released 40 jobs$'
like_err '^slurmq release: You must name an account: --account=NAME$'
ok 'held again' in_states held=40

sweep plugin 'account: lab, time: "0:10:00"'
run slurmq expand sweep.yaml
is_status 0
is_out 'plugin: 0 jobs added, 40 get the new commands; next: slurmq release -s refused plugin'
is_err ''
ok 'held jobs stay held' in_states held=40
to_the_end plugin

# An account that does not exist

folder invalid 'account: nosuch' || bail_out 'no folder to work in'
refused invalid 'Invalid account or account/partition combination specified$'
sweep invalid 'account: lab'
run slurmq expand sweep.yaml
is_status 0
to_the_end invalid

# An account that the user is not in: the site fixes it, not the sweep file

folder member 'account: lab2' || bail_out 'no folder to work in'
user=$(id -un)
run sacctmgr -iQ delete user where name="$user" account=lab2
is_status 0 'the user leaves the account'
not_in() {
	! sbatch --test-only -A lab2 --wrap true 2>/dev/null
}
ok_within 20 'slurmctld shows that' not_in
refused member 'Invalid account or account/partition combination specified$'
run sacctmgr -iQ add user "$user" account=lab2
is_status 0 'the user is added again'
is_in() {
	sbatch --test-only -A lab2 --wrap true 2>/dev/null
}
ok_within 20 'slurmctld shows that' is_in
to_the_end member

# An unknown partition

folder nowhere 'account: lab, partition: gpu_9' || bail_out 'no folder to work in'
refused nowhere 'invalid partition specified: gpu_9$' 'Invalid partition name specified$'
sweep nowhere 'account: lab, partition: main'
run slurmq expand sweep.yaml
is_status 0
to_the_end nowhere

# An unknown partition for half of the jobs: the others run

folder some 'account: lab, partition: main' || bail_out 'no folder to work in'
cat >sweep.yaml <<'END'
name: half
params:
  n: {from: 1, to: 20, step: 1}
  part: [main, gpu_9]
sbatch: {account: lab, partition: "{part}"}
run: echo {n} >>ledger
END
slurmq cancel all --yes >/dev/null
slurmq resume --no-submit >/dev/null
run slurmq expand sweep.yaml
is_status 0
before=$(calls)
run slurmq submit
is_status 1
like_err 'Invalid partition name specified$'
ok_within 90 'half of them run, half are held' in_states completed=20 held=20
is "$(sort -n ledger | paste -sd' ')" "$(seq -s' ' 20)" 'each ran once'
# 9 at once, and of the other 11 as many as each end finds slots for
ok 'fewer sbatch calls than jobs' [ "$(grep -c gpu_9 "$TEST_TMP/calls")" -le 12 ]
run slurmq status half
like_out '^! 20 jobs of half held, refused: '
is "$(slurmq list half --json | jq -r 'select(.state == "held").params.part' | sort -u)" 'gpu_9' 'the held jobs are the refused ones'

done_testing
