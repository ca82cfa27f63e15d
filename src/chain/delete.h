/*
 * delete.h - deletes a sweep, or the whole folder, once none of its jobs is in Slurm.
 *
 * The order of effects for a sweep: its jobs are over in the database and in Slurm; one transaction,
 * under the queue lock, hides the sweep; the sentinel, which may use a program of the sweep, is
 * replaced; files and rows are deleted (hidden.h). A process that dies before the transaction has
 * deleted nothing; after it, the sweep is gone, and the next expand or delete completes the rest.
 */
#ifndef SLURMQ_DELETE_H
#define SLURMQ_DELETE_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/fill.h"
#include "lib/err.h"
#include "store/store.h"

/* What keeps a sweep, or the folder, from being deleted now. */
struct delete_left {
	int64_t in_flight; /* jobs that are submitting, queued or running */
	/* Slurm ids of jobs that squeue shows although they are over: they are ending, or lost */
	struct strs in_slurm;
	int64_t sentinels; /* in Slurm; only for the folder */
	/* submissions whose sbatch may still make a job, although they were cancelled */
	int64_t unanswered;
	bool deciding;	 /* jobs were cancelled, and what that meant is not decided (cancel.h) */
	int64_t attempt; /* the id that the next attempt had before Slurm was queried */
};
void delete_left_release(struct delete_left *left);
/* Returns whether nothing is left. */
bool delete_is_free(const struct delete_left *left);

/* Reconciles, and fills *left for a sweep (0: for the folder). A sweep that never had an attempt
 * needs no Slurm. Fails with ERR_AGAIN if Slurm does not answer. The caller releases *left. */
int delete_check(struct store *store, int64_t sweep, struct delete_left *left, struct err *err);

/* Hides a sweep after a delete_check() that found nothing left, with its left->attempt. Returns 0: it
 * is deleted, and delete_complete() must follow; DB_NONE if jobs were submitted since then: nothing
 * was changed; or -1. */
int delete_sweep(struct store *store, int64_t sweep, int64_t attempt, struct err *err);

/* Removes what deleted sweeps have left, if anything: the sentinel that waits with a program of
 * theirs is replaced, then files and rows are deleted. progress is that of hidden_delete(). */
struct delete_reports {
	fill_say *say; /* what concerns the sentinel; NULL: not reported */
	void *say_arg;
	void (*progress)(void *arg, int64_t done);
	void *progress_arg;
};
int delete_complete(struct store *store, const struct delete_reports *reports, struct err *err);

/* Removes the folder after such a delete_check(): renames it, then closes the store and removes all
 * files. The caller has paused the queue. Returns as delete_sweep(). */
int delete_folder(struct store *store, int64_t attempt, struct err *err);

#endif
