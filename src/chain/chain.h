/*
 * chain.h - what a job does last: tell its end, refill the queue, and stay where nobody else would.
 */
#ifndef SLURMQ_CHAIN_H
#define SLURMQ_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/fill.h"
#include "store/store.h"

struct chain_opts {
	bool refill;	 /* false: only tell the end (the owner cancelled this job) */
	char *event;	 /* name of what the job has put into outbox/ (fill.h, mine), or NULL */
	int64_t lock_ms; /* wait so long for the lock, at most */
	int64_t stay_ms; /* the first pause of one that stays; doubled each time, up to a minute */
	fill_say *say;
	void *say_arg;
};

/*
 * Opens the database of a store whose outbox is open. The last one out stays: an outage answers every
 * submission with a failure, and all would leave. Where work is left, Slurm is known to have none of it, and
 * what stands in the way will pass (the limit, a Slurm that does not answer, a full disk), it tries again,
 * one of all who would (the lock `last`), until something is submitted, Slurm sends TERM or, after five
 * minutes, Slurm shows the sentinel. At a limit of
 * one there is nothing to wait for: this job's own slot is all there is.
 *
 * Signals must be blocked (proc_signals_block()). Never fails: what goes wrong is said.
 */
enum chain_outcome {
	CHAIN_NOTHING,
	CHAIN_SUBMITTED, /* a job, at last: so there is work */
	CHAIN_BUSY, /* another process had the queue lock all the time, and what it makes of the queue is not known */
};
enum chain_outcome chain_end(struct store *store, const struct chain_opts *o);

/* Jobs were cancelled in Slurm and the hold-off is over: decide, or wait until another process has. False: still
 * undecided after half a minute. Opens the database of a store whose outbox is open, and closes it again. */
bool chain_decide(struct store *store);

#endif
