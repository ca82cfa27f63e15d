#!/bin/bash
# kind to the site: what of Slurm's commands the chain runs, and how often
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

# shellcheck disable=SC2119
slurm_start

# Each of Slurm's commands leaves a line: its name, and the command and the pid of the slurmq that called
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
# called REGEX: how often
called() {
	grep -Ec "$1" calls
}

# the limit is slurmq's own here: what Slurm refuses makes it ask why
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
is "$(called .)" 0 'nothing of Slurm before the first submit'
began=$SECONDS
run slurmq submit
is_status 0
like_out '^submitted 19 jobs'
is "$(called '^sbatch submit ')" 1 'a submit of 19 jobs is one sbatch'
ok 'and few questions' [ "$(called '^(squeue|scontrol) ')" -le 3 ]
is "$(called '^(sacct|sacctmgr|sinfo|sstat) ')" 0 'none of them to the accounting'

# Not asked in between: status would ask Slurm too
all_ran() {
	local f=(ran.*)
	[ ${#f[@]} = 80 ]
}
ok_within 120 'the sweep feeds itself' all_ran
ok_within 20 'to its end' in_states completed=80
refills=$(called '^sbatch run ')
ok "by $refills refills, no more than there were ends" [ "$refills" -le 80 ]
ok 'which is some' [ "$refills" -ge 4 ]
is "$(grep '^sbatch run ' calls | sort | uniq -d)" '' 'one sbatch each, at most'
is "$(grep -Ev '^((sbatch|squeue) run|[a-z]+ (submit|status|chain)) ' calls)" '' 'and nothing but squeue'
ok 'which is asked by who leaves without having submitted, or once in five seconds' \
	[ "$(sed -nE 's/^(sbatch|squeue) run //p' calls | sort | uniq -d | wc -l)" -le $(((SECONDS - began) / 5 + 1)) ]
ok 'and that seldom' [ "$(called '^squeue run ')" -le 10 ]
is "$(called '^(sacct|sacctmgr) ')" 0 'the accounting was never asked, by nobody'

# Jobs of some seconds, side by side: of those that run one alone looks whether scancel has ended the rest

: >calls
cat >beside.yaml <<'END'
name: beside
params: {n: {from: 1, to: 50, step: 1}}
run: "n={n}; sleep $((3 + n % 9)); touch beside.$n"
END
slurmq expand beside.yaml >/dev/null
slurmq config limit 10 >/dev/null # none of them waits in Slurm
run slurmq submit
is_status 0
all_beside() {
	local f=(beside.*[0-9])
	[ ${#f[@]} = 50 ]
}
ok_within 120 'fifty of them' all_beside
n=$(called '^squeue (run|chain) ')
ok "for which squeue is asked $n times" [ "$n" -le 10 ]
is "$(called '^(sacct|sacctmgr) ')" 0 'and the accounting never'
ok_within 20 'to their end' in_states completed=130
slurmq config limit 20 >/dev/null

# slurmq chain, as cron would call it

: >calls
sed -i 's/to: 80/to: 90/' sweep.yaml
slurmq expand sweep.yaml >/dev/null
run slurmq chain
is_status 0
is "$(called .)" 1 'with work to do, and nothing in Slurm'
is "$(called '^sbatch chain ')" 1 'it is one sbatch'
ok_within 60 'that is all it takes' in_states completed=140
: >calls
run slurmq chain
is_status 0
is_out ''
is_err ''
is "$(<calls)" '' 'without work to do, none'

# sbatch is started before the claim is committed; without a script it makes no job

run sbatch --parsable -o /dev/null
is_status 1
is_out ''
is_err 'sbatch: error: Batch script is empty!'

# With jobs in Slurm it asks what became of them, but not each time

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

# Nor for the sentinel, which was seen a moment ago

run slurmq config sentinel auto
is_status 0
is "$(squeue -h -o %j | grep -c '^slurmq-sentinel')" 1 'a sentinel is there'
: >calls
for _ in 1 2 3 4 5; do slurmq chain; done
is "$(<calls)" '' 'five times with a sentinel: none'

done_testing
