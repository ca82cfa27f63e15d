/*
 * env.h - the stored environment: what the first submit of a sweep version had, and what each of
 * its jobs gets.
 */
#ifndef SLURMQ_ENV_H
#define SLURMQ_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/* The variables of environ that are stored, sorted by name; of two with one name the last. Left
 * out: SLURM_* but SLURM_CONF, SLURMD_*, SLURMQ_*, PMI*; the devices of a job
 * (CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES, GPU_DEVICE_ORDINAL, ZE_AFFINITY_MASK; gres.conf(5),
 * Flags); SBATCH_ARRAY_INX and SBATCH_WAIT, which no option of ours would override, and, where the
 * caller is inside a job (SLURM_JOB_ID is set), all of SBATCH_*; what a batch step must not inherit
 * from a terminal or a login (SHLVL, OLDPWD, _, TERMCAP, WINDOW*, STY, TMUX*, SSH_TTY); and what is
 * no NAME=VALUE. Exported functions (BASH_FUNC_module%%=...) are variables like any other. */
void env_capture(char *const *environ_, struct strs *out);

/* One text of NAME=VALUE, each NUL-terminated, and back. -1: not such a text. */
void env_encode(const struct strs *env, struct buf *out);
int env_decode(const char *data, size_t len, struct strs *out, struct err *err);

/* Set NAME=VALUE in a list, in place of an older NAME where there is one, else at its end. */
void env_set(struct strs *env, const char *name, const char *value);
/* As env_set, for a text "NAME=VALUE"; any other text changes nothing. */
void env_put(struct strs *env, const char *pair);
/* Lent, NULL where there is none. */
const char *env_get(const struct strs *env, const char *name);
void env_unset(struct strs *env, const char *name);

#endif
