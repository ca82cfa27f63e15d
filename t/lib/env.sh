# shellcheck shell=bash
#
# The same environment for every test and every user: sourced by t/run and by tap.sh.
#
#	TEST_TOP    the project's folder          TEST_BUILD  where its objects are (build)
#	TEST_LIB    t/lib                         SLURMQ      the binary under test

TEST_LIB=$(cd "${BASH_SOURCE[0]%/*}" && pwd -P)
TEST_TOP=${TEST_LIB%/t/lib}
: "${TEST_BUILD:=$TEST_TOP/build}"
: "${SLURMQ:=$TEST_BUILD/slurmq}"
export TEST_LIB TEST_TOP TEST_BUILD SLURMQ

for _env_name in $(compgen -e); do
	case $_env_name in
	SLURM_* | SLURMD_* | SBATCH_* | SQUEUE_* | SACCT_* | SALLOC_* | SCANCEL_* | SINFO_* | SLURMQ_* | \
		GIT_* | XDG_* | MAKE* | MFLAGS | NO_COLOR | COLUMNS | LINES | LANG | LANGUAGE | LC_* | TZ | \
		PAGER | EDITOR | CDPATH | GREP_OPTIONS | BASH_ENV | ENV | POSIXLY_CORRECT | LD_PRELOAD)
		unset "$_env_name"
		;;
	esac
done
unset _env_name

export LC_ALL=C.UTF-8 TERM=dumb TZ=UTC0
umask 022

# the sanitizers exit with a status that no test expects
export ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1
export UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
