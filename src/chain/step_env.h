/*
 * step_env.h - the environment of a step's command: slurmq's own, the manifest's, and SLURMQ_*
 * variables (slurmq-run(1)).
 */
#ifndef SLURMQ_STEP_ENV_H
#define SLURMQ_STEP_ENV_H

#include "lib/buf.h"
#include "store/manifest.h"

/* Appends the NAME=VALUE lines that all steps of a task share. dir: the folder .slurmq,
 * absolute; journal: the name of the attempt's journal. No SLURM_ARRAY_* is among them: slurmq alone decides which jobs share an array, so an
 * index means nothing to a command. */
void step_env_base(const struct manifest_task *task, const char *dir, const char *journal,
		   struct strs *env);
/* Appends the NAME=VALUE lines of base, and the step's own parameters, name and variables. */
void step_env(const struct manifest_task *task, const struct strs *base,
	      const struct manifest_step *s, struct strs *env);

#endif
