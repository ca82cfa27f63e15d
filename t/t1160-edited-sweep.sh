#!/bin/bash
# a sweep file that is edited while its jobs run: a typo is fixed, values are added and removed
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

in_states() {
	local json want
	json=$(slurmq status --json 2>/dev/null) || return
	for want; do
		[ "$(jq ".counts.${want%=*}" <<<"$json")" = "${want#*=}" ] || return 1
	done
}
# ran: prints the lines that the jobs wrote, in order
ran() {
	sort -V ledger | paste -sd' '
}

cat >work <<'END'
#!/bin/sh
# --wiat is a typo that the first two jobs ignore
case $2 in
--wiat) [ "$1" -le 2 ] || { echo "work: unknown option $2" >&2; exit 2; } ;;
esac
until [ ! -e "stop.$1" ]; do sleep 0.1; done
echo "$1$2" >>ledger
END
chmod +x work
: >ledger

# sweep VALUES COMMAND...
sweep() {
	printf 'name: edit\nparams:\n  n: [%s]\nrun: [%s]\n' "$1" "$2" >sweep.yaml
}

slurmq init >/dev/null
sweep '1, 2, 3, 4, 5, 6' './wrok, "{n}"'
run slurmq expand sweep.yaml
is_status 0
is_out 'edit: 6 jobs added (6 steps); next: slurmq submit'
is_err ''

# The same file again adds no job

run slurmq expand sweep.yaml
is_status 0 'the same file again'
is_out 'edit: 0 jobs added, 6 unchanged'
is_err ''
run slurmq expand --json sweep.yaml
is_status 0
is_out '{"sweep":"edit","jobs":6,"steps":6,"added":0,"unchanged":6,"changed":0,"missing":0,"kept":0}'

# A command that does not exist

run slurmq submit
is_status 0
ok_within 60 'every job fails' in_states failed=6 pending=0
is "$(slurmq list --json | jq -r '"\(.reason) \(.exit_code) \(.tries)"' | uniq -c | tr -s ' ')" ' 6 EXIT 127 1' \
	'the exit code is that of a shell'
run slurmq log 1
like_out "'\\./wrok'.*No such file"
run slurmq status
like_out '^! 6 jobs of edit failed \(6 EXIT\): slurmq list failed edit; then: slurmq retry edit$'
ok 'no job is left in Slurm' slurm_quiet 30

# Edited, but still wrong for most jobs

sweep '1, 2, 3, 4, 5, 6' './work, "{n}", --wiat'
run slurmq expand sweep.yaml
is_status 0
is_out 'edit: 0 jobs added, 6 get the new commands; next: slurmq retry edit'
is_err ''
is "$(squeue -h)" '' 'expand submits nothing'
run slurmq retry
is_status 0
like_out '^6 jobs are pending again$'
like_out '^submitted 6 jobs; 0 pending, 6 in Slurm'
is_err ''
ok_within 60 'two jobs are completed' in_states completed=2 failed=4
is "$(ran)" '1--wiat 2--wiat' 'the first two jobs'
run slurmq log 3
like_out '^work: unknown option --wiat$'

# Fixed: failed jobs get the new command, completed jobs keep theirs

sweep '1, 2, 3, 4, 5, 6' './work, "{n}", --wait'
run slurmq expand sweep.yaml
is_status 0
is_out 'edit: 0 jobs added, 4 get the new commands; next: slurmq retry edit'
is_err 'slurmq expand: edit: 2 running or completed jobs keep their commands (--rerun-changed makes completed jobs pending again)'
touch stop.6
run slurmq retry edit
is_status 0
like_out '^4 jobs are pending again$'
like_out '^submitted 4 jobs; 0 pending, 4 in Slurm'
ok_within 60 'three more are completed, one runs' in_states completed=5 running=1 failed=0
is "$(ran)" '1--wiat 2--wiat 3--wait 4--wait 5--wait' 'the new command ran, completed jobs did not run again'

# A running job keeps its command

sweep '1, 2, 3, 4, 5, 6' './work, "{n}", --other'
run slurmq expand sweep.yaml
is_status 0
is_out 'edit: 0 jobs added'
like_err '^slurmq expand: edit: 6 running or completed jobs keep their commands'
rm stop.6
ok_within 60 'the running job ends' in_states completed=6
is "$(ran)" '1--wiat 2--wiat 3--wait 4--wait 5--wait 6--wait' 'with the command of its start'
ok 'no job is left in Slurm' slurm_quiet 30

# ... unless --rerun-changed is given: jobs that ran with another command than the file's

: >ledger
sweep '1, 2, 3, 4, 5, 6' './work, "{n}", --wait'
run slurmq expand --rerun-changed sweep.yaml
is_status 0
is_out 'edit: 0 jobs added, 4 unchanged, 2 completed jobs pending again; next: slurmq submit'
is_err ''
run slurmq submit
is_status 0
like_out '^submitted 2 jobs; 0 pending, 2 in Slurm'
ok_within 60 'the changed jobs run again' in_states completed=6
is "$(ran)" '1--wait 2--wait' 'each ran once, with the new command'

# A value is added: only the new jobs run

: >ledger
sweep '1, 2, 3, 4, 5, 6, 7, 8' './work, "{n}", --wait'
run slurmq expand sweep.yaml
is_status 0
is_out 'edit: 2 jobs added, 6 unchanged; next: slurmq submit'
is_err ''
run slurmq submit
is_status 0
like_out '^submitted 2 jobs; 0 pending, 2 in Slurm'
ok_within 60 'all are completed' in_states completed=8
is "$(ran)" '7--wait 8--wait' 'the new jobs ran'

# Values are removed: the jobs are reported and kept; --prune removes pending ones

sweep '1, 2, 9, 10, 11' './work, "{n}", --wait'
run slurmq expand sweep.yaml
is_status 0
is_out 'edit: 3 jobs added, 2 unchanged; next: slurmq submit'
is_err 'slurmq expand: edit: 6 jobs are no longer in the file and stay (--prune removes pending jobs)'
sweep '1, 2, 3, 4, 5, 6, 7, 8, 11' './work, "{n}", --wait'
run slurmq expand --json sweep.yaml
is_status 0
is_out '{"sweep":"edit","jobs":9,"steps":9,"added":0,"unchanged":9,"changed":0,"missing":2,"kept":0}'
run slurmq expand sweep.yaml
is_status 0
is_out 'edit: 0 jobs added, 9 unchanged'
is_err 'slurmq expand: edit: 2 jobs are no longer in the file and stay (--prune removes pending jobs)'
ok 'the jobs still exist' in_states completed=8 pending=3
sweep '1, 2, 11' './work, "{n}", --wait'
run slurmq expand --prune sweep.yaml
is_status 0
is_out 'edit: 0 jobs added, 3 unchanged, 2 removed'
like_err '^slurmq expand: edit: 6 jobs are no longer in the file and stay'
ok 'two jobs are removed, completed ones stay' in_states completed=8 pending=1
: >ledger
run slurmq submit
is_status 0
ok_within 60 'all are completed' in_states completed=9
is "$(ran)" '11--wait' 'the removed jobs did not run'

# A file with an error changes nothing

before=$(slurmq list --json | sha256sum)
printf 'name: edit\nparams: {n: [1, 2, 12]}\nrnu: [./work, "{n}"]\n' >sweep.yaml
run slurmq expand --prune sweep.yaml
is_status 2
is_out ''
like_err "^sweep.yaml:3:1: error: unknown key 'rnu', did you mean 'run'\\?$"
is "$(slurmq list --json | sha256sum)" "$before" 'nothing was changed'

done_testing
