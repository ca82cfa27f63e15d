/* seen.h - Slurm's jobs, matched to rows. For reconcile.c and cancel.c. */
#ifndef SLURMQ_SEEN_H
#define SLURMQ_SEEN_H

#include <stddef.h>
#include <stdint.h>

#include "store/db.h"
#include "slurm/slurm.h"

/* A Slurm job of slurmq's, parsed from its name. task is -1 for a job that is not an array. It is
 * also -1 for the single line of all array tasks that were cancelled before any started. */
struct seen {
	uint64_t submission;
	int64_t task;
	const struct slurm_job *job; /* borrowed from the list that was indexed */
};
struct seen_list {
	struct seen *v; /* the caller frees it */
	size_t n;
};

/*
 * Fills out with the Slurm jobs that belong to these rows (as they were before the query). The
 * caller frees out->v.
 *
 * A job belongs to a row by its name, which contains the submission's random 63 bits: an id that
 * Slurm used twice cannot match. A job with another name may have been renamed. It is matched by
 * its id, if its submission time fits the row's.
 */
void seen_index(struct seen_list *out, const struct slurm_jobs *jobs,
		const struct db_flight *flights, size_t nflights);

/* Returns the job of a row from squeue, or NULL if squeue does not show it. If a submission was
 * made twice and a task has several lines, it returns an active one. */
const struct slurm_job *seen_find(const struct seen_list *squeue, const struct db_flight *f);

/* Returns a cancelled job if squeue shows the row's array without its task, else NULL. Such a
 * task was cancelled while pending, which leaves no trace (slurm.h, struct slurm_job). Or it
 * ended too long ago for squeue (slurm.conf(5), MinJobAge), and sacct has it. So believe the
 * result only if sacct has no record of the task. */
const struct slurm_job *seen_supposed(const struct seen_list *squeue, const struct db_flight *f);

/* Returns the last record of a row's job from sacct if it is over. Returns NULL if there is
 * none, or if it is not over: that is no evidence (slurm.h, slurm_sacct()). */
const struct slurm_job *seen_over(const struct seen_list *sacct, const struct db_flight *f);

#endif
