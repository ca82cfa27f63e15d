/*
 * env.h - the stored environment: the variables that slurmq submit had when a sweep version was
 * first submitted, and that each job of that version gets.
 */
#ifndef SLURMQ_ENV_H
#define SLURMQ_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Adds to *out the variables of environ_ that are stored, sorted by name; if a name occurs
 * twice, the last one. Exported functions (BASH_FUNC_module%%=...) are variables like any other.
 * These are excluded:
 *
 *   SLURM_* except SLURM_CONF, SLURMD_*, SLURMQ_*, PMI*
 *   a job's devices: CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES, GPU_DEVICE_ORDINAL,
 *     ZE_AFFINITY_MASK (gres.conf(5), Flags)
 *   all of SBATCH_*, if the process is inside a job (SLURM_JOB_ID is set)
 *   what a batch step must not inherit from a terminal or a login: SHLVL, OLDPWD, _, TERMCAP,
 *     WINDOW*, STY, TMUX*, SSH_TTY
 *   an entry that is not NAME=VALUE */
void env_capture(char *const *environ_, struct strs *out);

/* Appends the variables to *out as one text of NAME=VALUE, each with a NUL at its end. */
void env_encode(const struct strs *env, struct buf *out);
/* Adds to *out the variables of a text that env_encode() made. Returns -1 with err if the text is
 * damaged. */
int env_decode(const char *data, size_t len, struct strs *out, struct err *err);

/* Sets NAME=VALUE in a list: replaces an older value of NAME, or adds the variable at the end. */
void env_set(struct strs *env, const char *name, const char *value);
/* Sets "NAME=VALUE" in a list as env_set() does. Any other text changes nothing. */
void env_put(struct strs *env, const char *pair);
/* Returns the value, borrowed until env changes, or NULL if the list has no such variable. */
const char *env_get(const struct strs *env, const char *name);
void env_unset(struct strs *env, const char *name);

/* Returns the part of a path after ~, $HOME or ${HOME} at its begin: "" or "/..."; NULL if it begins
 * with none of them. */
const char *env_after_home(const char *path);

#endif
