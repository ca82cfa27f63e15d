/*
 * reconcile.h - finds the fate of attempts that never reported, from squeue, and from sacct if
 * squeue lacks them.
 */
#ifndef SLURMQ_RECONCILE_H
#define SLURMQ_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "slurm/slurm.h"
#include "store/store.h"

struct reconcile_result {
	bool ran;	  /* Slurm was queried */
	bool soon;	  /* a row will be decided within a minute or two: reconcile again then */
	bool cancelled;	  /* cancel records were written: nobody submits until the decision */
	bool acct_away;	  /* sacct was needed and did not answer */
	int64_t adopted;  /* submissions without an answer, found by name */
	int64_t ended;	  /* over in Slurm without a report */
	int64_t ending;	  /* over in Slurm, with a minute left to report their own end */
	int64_t returned; /* pending again: they have no Slurm job, or none that will run */
	int64_t missing;  /* not shown: queried again later */
	int64_t lost;	  /* closed as lost */
	int64_t stopped;  /* cancelled but still running: ended with scancel */
	int64_t left_ms;  /* until the last of the ending attempts is closed */
};

/*
 * Queries Slurm and records what is certain. Does nothing if a process queried within max_age_ms
 * (file server's clock; a minute at most while rows wait for a decision). A time stamp in the
 * future does not count. With max_age_ms 0 it always runs, and removes the files that killed
 * processes left.
 *
 * One process queries at a time. A caller that accepts an answer a minute old leaves the query to
 * the running process; any other caller waits up to 10 s. If no row is in flight, nothing is
 * queried.
 *
 * A job that was cancelled before its Slurm number was known is ended as soon as squeue shows it
 * running.
 *
 * A job may wait for ever (BadConstraints: squeue(1), JOB REASON CODES [S: its priority is 0, and
 * stays 0]). If the breaker excludes nodes, such a job is cancelled in Slurm, and submitted again
 * with these nodes included.
 *
 * Writes a cancel record for each job that was cancelled while it was pending (cancel.h). While an
 * external cancel is undecided (cancel.h), nothing is queried.
 *
 * If Slurm does not answer, the outbox is ingested and no other state changes: returns -1 with
 * ERR_AGAIN. If the accounting does not answer, rows that squeue lacks wait longer.
 */
int reconcile(struct store *store, int64_t max_age_ms, struct reconcile_result *out,
	      struct err *err);

/* Does the same unconditionally, even if no row is in flight, and writes no cancel records: for the
 * decision. The caller releases *jobs,
 * squeue's answer, with slurm_jobs_release(). */
int reconcile_jobs(struct store *store, struct slurm_jobs *jobs, struct reconcile_result *out,
		   struct err *err);

#endif
