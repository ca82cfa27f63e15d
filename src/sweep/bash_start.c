#include "sweep/bash_start.h"

#include <string.h>

const char *const bash_start_argv[BASH_START_ARGS] = {"bash", "-e", "-o", "pipefail", "-c"};

bool bash_start_is_text(const struct strs *argv)
{
	for (size_t i = 0; i < BASH_START_ARGS; i++)
		if (i >= argv->n || strcmp(argv->v[i], bash_start_argv[i]) != 0)
			return false;
	return true;
}

const char bash_start_before[] = "eval \"$" BASH_START "\"; ";
const char bash_start_after_setup[] = "unset " BASH_START_SETUP "; ";

#define IF_NO_FUNCTION(name) "if ! declare -F " name " >/dev/null"

/* In a list with ||, bash -e does not end at a command that fails (bash(1), set): the hooks are
 * not written for -e. */
#define EVAL(command) "eval \"$(" command ")\" || :; "

/* The hook may end with `conda activate base`, which would replace an environment that is active
 * already, unless CONDA_AUTO_ACTIVATE_BASE is false. */
#define CONDA_HOOK \
	"unset -f conda; " EVAL("CONDA_AUTO_ACTIVATE_BASE=false \"$_slurmq_conda\" shell.bash hook")
#define MAMBA_HOOK EVAL("\"$MAMBA_EXE\" shell hook --shell bash")

#define CONDA \
	"_slurmq_conda=${CONDA_EXE-}; [ -x \"$_slurmq_conda\" ] || _slurmq_conda=conda; " IF_NO_FUNCTION( \
		"conda") " && type -P \"$_slurmq_conda\" >/dev/null; then " \
			 "conda() { " CONDA_HOOK "conda \"$@\"; }; fi; "

/* mamba 1 is a function beside conda's; mamba 2 and micromamba have a hook of their own. */
#define MAMBA \
	IF_NO_FUNCTION("mamba") \
	"; then " \
	"if [ \"${MAMBA_EXE##*/}\" = mamba ] && [ -x \"$MAMBA_EXE\" ]; then " \
	"mamba() { unset -f mamba; " MAMBA_HOOK "mamba \"$@\"; }; " \
	"elif [ \"${CONDA_EXE-}\" ] && [ -r \"${CONDA_EXE%/*/*}/etc/profile.d/mamba.sh\" ]; then " \
	"mamba() { unset -f mamba; " CONDA_HOOK \
	". \"${CONDA_EXE%/*/*}/etc/profile.d/mamba.sh\" || :; mamba \"$@\"; }; fi; fi; " IF_NO_FUNCTION( \
		"micromamba") " && [ \"${MAMBA_EXE##*/}\" = micromamba ] " \
			      "&& [ -x \"$MAMBA_EXE\" ]; then " \
			      "micromamba() { unset -f micromamba; " MAMBA_HOOK \
			      "micromamba \"$@\"; }; fi; "

/* Lmod sets LMOD_PKG or LMOD_CMD, Environment Modules sets MODULESHOME: each has init/bash. */
#define MODULE \
	IF_NO_FUNCTION("module") \
	"; then for _slurmq_init in " \
	"\"${LMOD_PKG:+$LMOD_PKG/init/bash}\" " \
	"\"${LMOD_CMD:+${LMOD_CMD%/libexec/lmod}/init/bash}\" " \
	"\"${MODULESHOME:+$MODULESHOME/init/bash}\"; do " \
	"[ -r \"$_slurmq_init\" ] || continue; " \
	"module() { unset -f module ml; . \"$_slurmq_init\" || :; module \"$@\"; }; " \
	"ml() { unset -f module ml; . \"$_slurmq_init\" || :; ml \"$@\"; }; break; done; fi; "

#define NOT_FOUND \
	IF_NO_FUNCTION("command_not_found_handle") \
	"; then command_not_found_handle() { " \
	"local at=$0 why=; if [ \"${" BASH_START_SETUP "-}\" ]; then " \
	"at=\"$" BASH_START_SETUP ": setup\"; fi; " \
	"case $1 in conda) why=CONDA_EXE ;; mamba | micromamba) why=MAMBA_EXE ;; " \
	"module | ml) why='LMOD_PKG, LMOD_CMD or MODULESHOME' ;; esac; " \
	"if [ \"$why\" ]; then why=\" (the environment that slurmq submit stored has no $why that " \
	"leads to it; from a shell in which it works: slurmq submit --env)\"; fi; " \
	"echo \"$at: line ${BASH_LINENO[0]}: $1: command not found$why\" >&2; return 127; }; fi; "

const char bash_start[] = CONDA MAMBA MODULE NOT_FOUND "unset " BASH_START;
