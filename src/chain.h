/*
 * chain.h - what a job does last: tell its end, refill the queue, and stay where nobody else would.
 */
#ifndef SLURMQ_CHAIN_H
#define SLURMQ_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "queue.h"
#include "store.h"

struct chain_opts {
	bool refill;  /* false: only tell the end (the owner cancelled this job) */
	bool doubted; /* refill only if jobs are left that scancel did not end (supervise.h) */
	bool brief; /* it was there for less than three seconds: scancel may find none that hears of it */
	char *event;	 /* name of what the job has put into spool/ (queue.h, mine), or NULL */
	int64_t gate_ms; /* wait so long for the gate, at most */
	int64_t stay_ms; /* the first pause of one that stays; doubled each time, up to a minute */
	queue_say *say;
	void *say_arg;
};

/*
 * Opens the database of a store whose spool is open. The last one out stays: an outage answers every
 * submission with a failure, and all would leave. Where work is left, Slurm is known to have none of it, and
 * what stands in the way will pass (the limit, a Slurm that does not answer, a full disk), it tries again,
 * one of all who would (the lock `last`), until something is submitted, Slurm sends TERM or, after five
 * minutes, Slurm shows the sentinel. At a limit of
 * one there is nothing to wait for: this job's own slot is all there is.
 *
 * Of those who were there for less than three seconds one looks at Slurm each 5 s, whether scancel has ended most of the
 * others (of the rest: chain_look()).
 *
 * Signals must be blocked (proc_signals_block()). Never fails: what goes wrong is said.
 */
enum chain_outcome {
	CHAIN_NOTHING,
	CHAIN_SUBMITTED, /* a job, at last: so there is work */
	CHAIN_BUSY, /* another process had the gate all the time, and what it makes of the queue is not known */
};
enum chain_outcome chain_end(struct store *store, const struct chain_opts *o);

/* Jobs were cancelled as the caller's was made, and it begins only now: are there signs that they were not all that there
 * were? Opens the database of a store whose spool is open, and closes it again. No, where Slurm or the database does not
 * answer. */
bool chain_wanted(struct store *store);

/* Where the caller's job is the oldest that runs, all others may have left just as scancel ended what waited, and it may
 * have been made by one of those: Slurm is asked, where none of us has done so since. submission: before its command is
 * begun, and only if it was made some seconds ago; 0: beside the command, which has just begun. Opens the database of a
 * store whose spool is open, and closes it again. */
void chain_look(struct store *store, uint64_t submission);

#endif
