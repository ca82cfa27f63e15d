/*
 * waits.h - why jobs wait in Slurm, by sweep and reason, as the last reconciliation saw it.
 */
#ifndef SLURMQ_WAITS_H
#define SLURMQ_WAITS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/wait.h"
#include "store/db.h"

/* The jobs of a sweep that wait in Slurm for the same reason. */
struct wait_group {
	int64_t sweep;
	char *sweep_name;
	char *reason; /* its name, as squeue prints it */
	enum slurm_wait kind;
	int64_t *jobs; /* ids, ascending */
	size_t njobs;
	struct strs slurm; /* their names in Slurm, "123" or "123_4" */
};

/* Reads the groups, without asking Slurm. The caller frees *v with waits_free(). */
int waits_read(struct db *db, struct wait_group **v, size_t *n, struct err *err);
void waits_free(struct wait_group *v, size_t n);

/* Appends the ids of a group's jobs as a selector: "1-3,7". */
void waits_add_ids(const struct wait_group *g, struct buf *out);

#endif
