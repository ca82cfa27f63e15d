/*
 * unstarted.h - why the Slurm job of an attempt ended before slurmq began in it.
 */
#ifndef SLURMQ_UNSTARTED_H
#define SLURMQ_UNSTARTED_H

#include <stdbool.h>

#include "lib/buf.h"
#include "store/db.h"
#include "store/store.h"
#include "sweep/sweep.h"

/* Appends the reason as one sentence, with what this host can find out about the job's files. plan
 * is that of the job, zeroed if unknown. Returns false, and appends nothing, if the attempt has not
 * ended, has begun, was revoked, or was refused by sbatch. */
bool unstarted_explain(const struct store *store, const struct db_attempt *a,
		       const struct plan *plan, struct buf *out);

#endif
