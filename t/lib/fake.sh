# shellcheck shell=bash
#
# The fake Slurm of t/tool/fakeslurm.c, and functions that tests of faults share:
#
#	fake_start [LIMIT]      makes a fake in $FAKE_SLURM, first on PATH; LIMIT jobs at once (no limit)
#	fake_clear [LIMIT]      removes its jobs, its modes and its log
#	fake_quiet [SECONDS]    waits until no job is left (20)
#	fake_count              prints how many jobs of the sweep 'odd' were submitted, without the sentinel
#
# Its jobs are processes: a script that exits early leaves none of them (fake_end, at the exit).

fake_start() {
	local name
	# the sanitizers must be first in a process, and so must t/preload/fault.c
	case $TEST_BUILD in */san-*) skip_all 'not under the sanitizers: a preload comes first' ;; esac
	export FAKE_SLURM=$TEST_TMP/.fake
	mkdir -p "$FAKE_SLURM/jobs"
	for name in sbatch squeue scancel scontrol sacct; do
		ln -sf "$TEST_BUILD/t/fakeslurm" "$TEST_TMP/.bin/$name"
	done
	fake_clear "$@"
	at_exit fake_end
}

fake_clear() {
	fake_end
	rm -rf "${FAKE_SLURM:?}"/*
	mkdir -p "$FAKE_SLURM/jobs"
	[ ! -e "$FAKE_SLURM.jobenv" ] || cp "$FAKE_SLURM.jobenv" "$FAKE_SLURM/jobenv"
	[ -z "${1-}" ] || echo "$1" >"$FAKE_SLURM/limit"
}

_fake_active() {
	cat "$FAKE_SLURM"/jobs/* 2>/dev/null | grep -Eq '^(PENDING|RUNNING|COMPLETING) '
}
# A job that has ended may have submitted another since the folder was listed
_fake_idle() {
	local before=("$FAKE_SLURM"/jobs/*) after
	! _fake_active && after=("$FAKE_SLURM"/jobs/*) && [ "${before[*]}" = "${after[*]}" ]
}

fake_quiet() {
	local end=$((SECONDS + ${1:-20}))
	until _fake_idle; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.01
	done
}

fake_count() {
	grep -lE ' odd\.[0-9a-f]{16}$' "$FAKE_SLURM"/jobs/* 2>/dev/null | wc -l
}

# A process of the fake has its folder in its environment
fake_end() {
	local p
	[ -d "$FAKE_SLURM/jobs" ] && _fake_active || return 0
	while read -r p; do
		kill -KILL "$p" 2>/dev/null
	done < <(grep -lzxF "FAKE_SLURM=$FAKE_SLURM" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)
	return 0
}
