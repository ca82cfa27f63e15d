#!/bin/bash
# Prints figures of one run on one machine; asserts nothing:
#
#	make bench
#	make bench JOBS=1000000    number of jobs for the expansion (100000)
#	REFILL=1 make bench        only the refill
set -u

. "${BASH_SOURCE[0]%/*}/lib/env.sh"
. "$TEST_LIB/slurm.sh"

missing=$(slurm_missing)
[ -z "$missing" ] || {
	echo "bench: not installed: ${missing//$'\n'/ }" >&2
	exit 1
}
measure=$TEST_BUILD/t/measure
bed=$(mktemp -d /tmp/slurmq-bed.XXXXXX) && work=$(mktemp -d /tmp/slurmq-bench.XXXXXX) || exit 1
finish() {
	SLURM_BED=$bed slurm_halt
	rm -rf "$bed" "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
# one at a time, so that each end is measured alone
slurm_boot "$bed" limits='MaxSubmitJobsPerUser=200 MaxJobsPerUser=1' || exit 1
mkdir "$work/bin" && ln -s "$SLURMQ" "$work/bin/slurmq" && cd "$work" || exit 1
export HOME=$work PATH=$work/bin:$PATH

# median: prints the median of numbers, a line each
median() {
	sort -n | awk '{ v[NR] = $1 } END { if (NR) printf "%.1f\n", v[int((NR + 1) / 2)] }'
}
# times N CMD...: prints the wall time of each call, in ms
times() {
	local n=$1 i
	shift
	for ((i = 0; i < n; i++)); do
		sleep 0.1
		"$measure" run "$@" 2>/dev/null | cut -d' ' -f1
	done
}
# sweep NAME JOBS COMMAND
sweep() {
	printf 'name: %s\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: [%s]\n' "$1" "$2" "$3" >sweep.yaml
}

# A refill: from the end of a job's command to the end of the job, with the end ingested and the
# next job submitted. The step, and a wrapper of slurmq run, write the time; the duration of both
# alone is subtracted. Each job runs the reference (sbatch and commits) just before, one after the
# other, so that they do not disturb each other. Each refill is compared with its own reference,
# since a machine's speed changes from minute to minute

mkdir refill && cd refill || exit 1
cat >step <<END
#!/bin/bash
cd $PWD
# wait until Slurm has finished its work for the start of the job
sleep 0.3
# not --hold: slurmctld would not search a node for it, as it does for the job of a refill
env -i HOME=$HOME PATH=$PATH SLURM_CONF=$SLURM_CONF \
	$measure run sbatch --parsable -o /dev/null --wrap true 2>wrapped | sed "s/^/\$SLURM_JOB_ID /" >>sbatch.ms
scancel "\$(<wrapped)"
sleep 0.2
rm -f commits.db
$measure commits commits.db 1 | sed "s/^/\$SLURM_JOB_ID /" >>commits.ms
sleep 0.1
echo "\$SLURM_JOB_ID \$EPOCHREALTIME" >>steps
END
cat >around <<END
#!/bin/bash
$SLURMQ "\$@"
rc=\$?
echo "\$SLURM_JOB_ID \$EPOCHREALTIME" >>$PWD/ends
exit \$rc
END
sed "s|^.*\"\$@\"|./step|" around >alone
chmod +x step around alone
sweep refill 60 ./step
slurmq init >/dev/null && slurmq expand sweep.yaml >/dev/null && slurmq config limit 20 >/dev/null &&
	: >ends && cp around .slurmq/bin/1 && chmod 700 .slurmq/bin/1 && slurmq submit >/dev/null || exit 1
# without slurmq status, which would ingest
end=$((SECONDS + 240))
while [ "$(wc -l <ends)" -lt 60 ]; do
	[ $SECONDS -lt $end ] || {
		echo "bench: the sweep did not come to its end" >&2
		exit 1
	}
	sleep 0.5
done
# between ENDS: prints the time from each job's step to its end
between() {
	awk 'NR == FNR { step[$1] = $2; next } $1 in step { printf "%s %.3f\n", $1, ($2 - step[$1]) * 1000 }' steps "$1"
}
# of COLUMN: prints the median of a column of the measured values
of() {
	cut -d' ' -f"$1" measured | median
}
# the last jobs have no successor
sort -n ends | head -n 38 | tail -n 35 >refilled
for i in $(seq 20); do SLURM_JOB_ID=alone$i ./alone; done
grep '^alone' ends >framed
frame=$(between framed | cut -d' ' -f2 | median)
# for each job R, S, C and R / (S + C)
between refilled | awk -v f="$frame" 'FILENAME == "sbatch.ms" { s[$1] = $2; next }
	FILENAME == "commits.ms" { c[$1] = $2; next }
	$1 in s && $1 in c { r = $2 - f; print r, s[$1], c[$1], r / (s[$1] + c[$1]) }' sbatch.ms commits.ms - >measured
[ "$(wc -l <measured)" = 35 ] || {
	echo "bench: of 35 jobs $(wc -l <measured) were measured" >&2
	exit 1
}
printf 'refill %s ms; sbatch %s ms; three commits %s ms; ' "$(of 1)" "$(of 2)" "$(of 3)"
cut -d' ' -f4 measured | sort -n | awk '{ v[NR] = $1 } END {
	printf "R / (S + C) = %.2f of its own job, by the median; a quarter below %.2f, a quarter above %.2f\n", v[18], v[9], v[27] }'
slurm_cancel_all
slurm_quiet

# The system calls of one refill, counted

if command -v strace >/dev/null; then
	sweep more 1 'true'
	slurmq expand sweep.yaml >/dev/null && slurmq config sentinel off >/dev/null || exit 1
	strace -f -qq -o trace -e trace=execve,fsync,fdatasync,fcntl slurmq chain 2>/dev/null
	printf 'a chain that submits one job: %d fsync, %d fdatasync, %d sbatch, %d squeue, %d sacct\n' \
		"$(grep -c ' fsync(' trace)" "$(grep -c ' fdatasync(' trace)" \
		"$(grep -c 'execve(".*/sbatch"' trace)" "$(grep -c 'execve(".*/squeue"' trace)" \
		"$(grep -c 'execve(".*/sacct"' trace)"
	slurm_cancel_all
	slurm_quiet
fi
printf 'squeue %.1f ms; sacct %.1f ms\n' "$(times 20 squeue -a -r -h -u "$(id -u)" | median)" \
	"$(times 20 sacct -nXP -S now-1hour -o jobid,state | median)"
cd "$work" || exit 1

[ -z "${REFILL:-}" ] || exit 0
# A large sweep

mkdir large && cd large || exit 1
jobs=${JOBS:-100000}
cat >sweep.yaml <<END
name: large
params:
  arch: [vit_s, vit_b, resnet50, resnet101, convnext_t, convnext_s, swin_t, swin_s, deit_s, deit_b]
  lr: ["0.1", "0.03", "0.01", "0.003", "0.001", "0.0003", "0.0001", "0.00003", "0.00001", "0.000003"]
  batch: [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
  seed: {from: 1, to: $((jobs / 1000)), step: 1}
run: [python, train.py, --arch, "{arch}", --lr, "{lr}", --batch, "{batch}", --seed, "{seed}"]
END
slurmq init >/dev/null
read -r ms kib < <("$measure" run slurmq expand sweep.yaml 2>/dev/null)
bytes=$(stat -c %s .slurmq/jobs.db)
awk -v n="$((jobs / 1000 * 1000))" -v ms="$ms" -v kib="$kib" -v b="$bytes" 'BEGIN {
	printf "expand of %d jobs: %.1f s, %.0f MiB at most, %.0f bytes of jobs.db a job\n", n, ms / 1000, kib / 1024, b / n }'
read -r ms kib < <("$measure" run slurmq expand sweep.yaml 2>/dev/null)
awk -v ms="$ms" -v kib="$kib" 'BEGIN { printf "the same again: %.1f s, %.0f MiB at most\n", ms / 1000, kib / 1024 }'
read -r ms kib < <("$measure" run slurmq status 2>/dev/null)
awk -v ms="$ms" -v kib="$kib" 'BEGIN { printf "status: %.1f ms, %.0f MiB at most\n", ms, kib / 1024 }'
read -r ms kib < <("$measure" run slurmq list --json 2>/dev/null)
awk -v ms="$ms" -v kib="$kib" 'BEGIN { printf "list: %.1f s, %.0f MiB at most\n", ms / 1000, kib / 1024 }'
read -r ms kib < <("$measure" run slurmq submit -n 1 2>/dev/null)
awk -v ms="$ms" -v kib="$kib" 'BEGIN { printf "submit of one: %.1f ms, %.0f MiB at most\n", ms, kib / 1024 }'
slurm_cancel_all
cd "$work" || exit 1

# Many ends at the same moment, with some latency of each file operation. A fake Slurm is used,
# since the real one cannot start and end 500 jobs at once. For comparison, processes that use only
# SQLite do the same

mkdir -p ends fake/jobs && cd ends || exit 1
export FAKE_SLURM=$work/fake
for name in sbatch squeue scancel scontrol sacct; do ln -sf "$TEST_BUILD/t/fakeslurm" "$work/bin/$name"; done
mkfifo go
n=${ENDS:-500}
printf 'name: ends\nparams: {n: {from: 1, to: %d, step: 1}}\nrun: [cat, "%s"]\n' "$n" "$work/ends/go" >sweep.yaml
all_ingested() {
	set -- .slurmq/running/* .slurmq/outbox/*
	[ "$*" = '.slurmq/running/* .slurmq/outbox/*' ]
}
all_waiting() {
	[ "$(grep -zlxF "$work/ends/go" /proc/[0-9]*/cmdline 2>/dev/null | wc -l)" -ge "$n" ] &&
		[ "$(find .slurmq/running -type f | wc -l)" = "$n" ]
}
for us in 0 1000 3000; do
	rm -rf .slurmq "$work"/fake/* && mkdir "$work/fake/jobs"
	[ $us = 0 ] || printf '%s\n' "LD_PRELOAD=$TEST_BUILD/t/fault.so" DELAY=$us "SLURMQ_FAULT_UNDER=$work/ends/.slurmq" \
		>"$work/fake/jobenv"
	slurmq init >/dev/null && slurmq expand sweep.yaml >/dev/null && slurmq config limit 1000 >/dev/null && slurmq config sentinel off >/dev/null &&
		slurmq submit >/dev/null || exit 1
	until all_waiting; do sleep 0.2; done
	begun=$EPOCHREALTIME
	: >go
	until all_ingested; do sleep 0.01; done
	ended=$EPOCHREALTIME
	while grep -q '^RUNNING' "$work"/fake/jobs/*; do sleep 0.1; done
	done=$(sqlite3 .slurmq/jobs.db 'SELECT count(*) FROM job WHERE state = 4')
	rm -f plain.db
	read -r ms plain < <(DELAY=$us SLURMQ_FAULT_UNDER=$work/ends LD_PRELOAD=$TEST_BUILD/t/fault.so "$measure" writers plain.db "$n")
	awk -v us=$us -v b="$begun" -v e="$ended" -v d="$done" -v ms="$ms" -v p="$plain" -v n="$n" 'BEGIN {
		printf "%d ends at once, %d ms a file operation: %.2f s, %d ingested; plain SQLite: %.1f s, %d ingested\n",
			n, us / 1000, e - b, d, ms / 1000, p }'
done
