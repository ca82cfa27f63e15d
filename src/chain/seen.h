/* seen.h - Slurm's jobs by the rows that they belong to. For reconcile.c and cancel.c. */
#ifndef SLURMQ_SEEN_H
#define SLURMQ_SEEN_H

#include <stddef.h>
#include <stdint.h>

#include "store/db.h"
#include "slurm/slurm.h"

/* A job of ours in Slurm: what its name says. task -1: a job that is no array, or, of an array, one line
 * for all of its tasks that never started and were cancelled with it. */
struct seen {
	uint64_t submission;
	int64_t task;
	const struct slurm_job *job; /* lent by the list that was indexed */
};
struct seen_list {
	struct seen *v; /* free() */
	size_t n;
};

/*
 * Of what Slurm showed, that which belongs to these rows (as they were before Slurm was asked). The name
 * tells: it has the submission's random 63 bits in it, which no id that was given out twice can have. A
 * job whose name is not one of ours may have been renamed: it is known by its id, where the time of its
 * submission is the row's too.
 */
void seen_index(struct seen_list *out, const struct slurm_jobs *jobs,
		const struct db_flight *flights, size_t nflights);

/* The job of a row, by squeue; NULL: it is not shown. Of several lines of a task (a submission that was made
 * twice) an active one. */
const struct slurm_job *seen_find(const struct seen_list *squeue, const struct db_flight *f);

/* A task that its array lacks was cancelled while it was pending, which leaves no trace of its own (slurm.h, struct
 * slurm_job), or it is over for so long that squeue does not show it any more (slurm.conf(5), MinJobAge), which
 * sacct knows. To be believed where that has no record of it; NULL: nothing of the kind. */
const struct slurm_job *seen_supposed(const struct seen_list *squeue, const struct db_flight *f);

/* The same by sacct, where it is over: the last of its records. NULL: there is none, or one that does not
 * say so, which is no evidence of anything (slurm.h, slurm_sacct()). */
const struct slurm_job *seen_over(const struct seen_list *sacct, const struct db_flight *f);

#endif
