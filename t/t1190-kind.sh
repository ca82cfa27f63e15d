#!/bin/bash
# small load on the site: which of Slurm's commands the chain runs, and how often
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# Each of Slurm's commands writes a line: its name, and the command and the pid of the slurmq that
# called it
for tool in sbatch squeue sacct sacctmgr scontrol scancel sinfo sstat; do
	real=$(command -v $tool) || continue
	cat >".bin/$tool" <<-END
		#!/bin/bash
		mapfile -d '' -t caller <"/proc/\$PPID/cmdline"
		echo "$tool \${caller[1]-} \$PPID" >>"$TEST_TMP/calls"
		exec $real "\$@"
	END
	chmod +x ".bin/$tool"
done
hash -r

in_states() {
	local json want
	json=$(slurmq status --json 2>/dev/null) || return
	for want; do
		[ "$(jq ".counts.${want%=*}" <<<"$json")" = "${want#*=}" ] || return 1
	done
}
# called REGEX: prints how often
called() {
	grep -Ec "$1" calls
}

# the limit is set in slurmq: a refusal by Slurm would cause a query of the reason
ok 'there is room in Slurm' slurm_set_limits MaxSubmitJobsPerUser=100 MaxJobsPerUser=10
slurmq init >/dev/null
slurmq config limit 20 >/dev/null
slurmq config sentinel off >/dev/null
: >calls
cat >sweep.yaml <<'END'
name: kind
params: {n: {from: 1, to: 80, step: 1}}
run: [touch, "ran.{n}"]
END
slurmq expand sweep.yaml >/dev/null
is "$(called .)" 0 'no command of Slurm before the first submit'
began=$SECONDS
run slurmq submit
is_status 0
like_out '^submitted 19 jobs'
is "$(called '^sbatch submit ')" 1 'a submit of 19 jobs is one sbatch'
ok 'few queries' [ "$(called '^(squeue|scontrol) ')" -le 3 ]
is "$(called '^(sacct|sacctmgr|sinfo|sstat) ')" 0 'no query of accounting'

# No status meanwhile: it would query Slurm too
all_ran() {
	local f=(ran.*)
	[ ${#f[@]} = 80 ]
}
ok_within 120 'the chain submits the whole sweep' all_ran
ok_within 20 'the sweep ends' in_states completed=80
refills=$(called '^sbatch run ')
ok "$refills refills, no more than ends" [ "$refills" -le 80 ]
ok 'at least 4 refills' [ "$refills" -ge 4 ]
is "$(grep '^sbatch run ' calls | sort | uniq -d)" '' 'each refill runs at most one sbatch'
is "$(grep -Ev '^((sbatch|squeue) run|[a-z]+ (submit|status|chain)) ' calls)" '' 'no other command but squeue'
ok 'squeue is run by a job that leaves without a submission, or once in five seconds' \
	[ "$(sed -nE 's/^(sbatch|squeue) run //p' calls | sort | uniq -d | wc -l)" -le $(((SECONDS - began) / 5 + 1)) ]
ok 'squeue is run rarely' [ "$(called '^squeue run ')" -le 10 ]
is "$(called '^(sacct|sacctmgr) ')" 0 'no process queries accounting'

# Jobs of a few seconds, side by side: only one running job checks whether scancel has ended the
# others

: >calls
cat >beside.yaml <<'END'
name: beside
params: {n: {from: 1, to: 50, step: 1}}
run: "n={n}; sleep $((3 + n % 9)); touch beside.$n"
END
slurmq expand beside.yaml >/dev/null
slurmq config limit 10 >/dev/null # no job waits in Slurm
run slurmq submit
is_status 0
all_beside() {
	local f=(beside.*[0-9])
	[ ${#f[@]} = 50 ]
}
ok_within 120 'fifty jobs run' all_beside
n=$(called '^squeue (run|chain) ')
ok "squeue is run $n times for them" [ "$n" -le 10 ]
is "$(called '^(sacct|sacctmgr) ')" 0 'accounting is never queried'
ok_within 20 'all are completed' in_states completed=130
slurmq config limit 20 >/dev/null

# slurmq chain, as cron would run it

: >calls
sed -i 's/to: 80/to: 90/' sweep.yaml
slurmq expand sweep.yaml >/dev/null
run slurmq chain
is_status 0
is "$(called .)" 1 'with work to do, and nothing in Slurm'
is "$(called '^sbatch chain ')" 1 'that is one sbatch'
ok_within 60 'the sweep is completed' in_states completed=140
: >calls
run slurmq chain
is_status 0
is_out ''
is_err ''
is "$(<calls)" '' 'without work to do: no command'

# sbatch is started before the claim is committed; without a script it makes no job

run sbatch --parsable -o /dev/null
is_status 1
is_out ''
is_err 'sbatch: error: Batch script is empty!'

# With jobs in Slurm, chain queries their state, but not each time

cat >full.yaml <<'END'
name: full
params: {n: {from: 1, to: 30, step: 1}}
run: [sleep, "1000"]
END
run slurmq expand full.yaml
is_status 0
run slurmq submit
is_status 0
run slurmq chain
is_status 0
: >calls
for _ in 1 2 3 4 5; do slurmq chain; done
is "$(<calls)" '' 'five times with a full queue: none'

# The sentinel needs no query either, if it was seen a moment ago

run slurmq config sentinel auto
is_status 0
is "$(squeue -h -o %j | grep -c '^slurmq-sentinel')" 1 'a sentinel is in Slurm'
: >calls
for _ in 1 2 3 4 5; do slurmq chain; done
is "$(<calls)" '' 'five times with a sentinel: none'

done_testing
