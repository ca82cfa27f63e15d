/*
 * reconcile.h - what became of attempts that never reported: squeue, and sacct for what that does not show.
 */
#ifndef SLURMQ_RECONCILE_H
#define SLURMQ_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "slurm/slurm.h"
#include "store/store.h"

struct reconcile_result {
	bool ran;	/* Slurm was asked */
	bool soon;	/* a row will be judged within a minute or two: the next look is due then */
	bool acct_away; /* sacct was needed and did not answer */
	int64_t adopted;  /* submissions without an answer, found by name */
	int64_t ended;	  /* over in Slurm without a word */
	int64_t ending;	  /* over in Slurm, and given a minute for a word of their own */
	int64_t returned; /* pending again: no Slurm job came of them, or none that will run */
	int64_t missing;  /* not to be seen: looked for again later */
	int64_t lost;	  /* given up */
	int64_t stopped;  /* cancelled, and running on: Slurm was told to end them */
	int64_t left_ms;  /* until the last one that is ending will have ended */
};

/*
 * Ask Slurm and write down what is certain. max_age_ms: only where nobody of this folder did within that
 * time, by the file server's clock (a minute where rows wait to be judged; a stamp in the future is due);
 * 0: in any case, and what killed processes left is cleared up. One process asks at a time: who would be
 * content with what is a minute old leaves it to the one that does, every other waits a little. Nothing in
 * flight: nothing is asked.
 *
 * What was cancelled while Slurm's number of it was not known, and runs, is ended as soon as squeue shows it.
 *
 * What waits in Slurm for ever (BadConstraints: squeue(1), JOB REASON CODES [S: priority 0, and it stays so]) while
 * nodes are left out that look bad is taken out of Slurm, to be submitted again with them.
 *
 * While jobs were cancelled in Slurm and that is not decided yet (cancel.h), nothing is asked.
 *
 * A Slurm that does not answer changes no state: -1 with ERR_AGAIN. An accounting that does not answer
 * makes what squeue lacks wait longer.
 */
int reconcile(struct store *store, int64_t max_age_ms, struct reconcile_result *out,
	      struct err *err);

/* The same in any case, also with nothing in flight; squeue's answer is the caller's: slurm_jobs_release(). */
int reconcile_jobs(struct store *store, struct slurm_jobs *jobs, struct reconcile_result *out,
		   struct err *err);

#endif
