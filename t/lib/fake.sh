# shellcheck shell=bash
#
# The fake Slurm of t/tool/fakeslurm.c, and what tests of faults have in common:
#
#	fake_start [LIMIT]      a fake in $FAKE_SLURM, first on PATH; so many jobs at once (none)
#	fake_clear [LIMIT]      forget its jobs, its modes and its log
#	fake_quiet [SECONDS]    until no job of it is left (20)
#	fake_count              how many jobs of the sweep 'odd' it was given in all, the sentinel aside
#
# Its jobs are processes: whoever leaves early leaves none of them behind (fake_end, at the exit).

fake_start() {
	local name
	# the sanitizers want to be first in a process, and so does t/preload/fault.c
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
# One that is seen over may have made another since the folder was listed
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

# What it was started with says whose a process is
fake_end() {
	local p
	[ -d "$FAKE_SLURM/jobs" ] && _fake_active || return 0
	while read -r p; do
		kill -KILL "$p" 2>/dev/null
	done < <(grep -lzxF "FAKE_SLURM=$FAKE_SLURM" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)
	return 0
}
