/*
 * sweep_read_job.h - reads the keys that define one job: let, sbatch, env, overrides, retry,
 * run and steps.
 */
#ifndef SLURMQ_SWEEP_READ_JOB_H
#define SLURMQ_SWEEP_READ_JOB_H

#include "sweep/sweep_read_node.h"

/* Each adds complaints about errors, and omits what it cannot read. */
void sweep_read_lets(struct sweep_reader *r, struct node *node, struct lets *out);
void sweep_read_sbatch(struct sweep_reader *r, struct node *node, struct settings *out);
void sweep_read_env(struct sweep_reader *r, struct node *node, struct settings *out);
void sweep_read_overrides(struct sweep_reader *r, struct node *node);
void sweep_read_retry(struct sweep_reader *r, struct node *node);
/* Reads the single command of a sweep as its step "run". */
void sweep_read_run(struct sweep_reader *r, struct node *node);
void sweep_read_steps(struct sweep_reader *r, struct node *node);

/* Reads a duration as 90s, 10m, 2h or 1d. Returns false with a complaint if it is none. */
bool sweep_read_duration(struct sweep_reader *r, const struct node *node, const char *what,
			 int64_t *seconds);
/* Returns the name of a sweep, step or variant ([A-Za-z][A-Za-z0-9._-]{0,63}); NULL with a
 * complaint if it is invalid. */
const char *sweep_read_name(struct sweep_reader *r, const struct node *node, const char *what);

#endif
