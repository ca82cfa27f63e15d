/*
 * chain.h - the end of a job: ingests its end, refills the queue, and stays if no other job would.
 */
#ifndef SLURMQ_CHAIN_H
#define SLURMQ_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/fill.h"
#include "store/store.h"

struct chain_opts {
	bool refill; /* false: only ingest the end (the user cancelled this job) */
	bool brief;  /* the job lasted less than CANCEL_SHORT_MS (cancel.h) */
	/* Name of the record that the job wrote to the outbox (fill.h, record), or NULL. */
	char *event;
	int64_t lock_ms; /* how long to wait for the queue lock, at most */
	int64_t stay_ms; /* first pause of a job that stays; doubled each time, up to a minute */
	fill_say *say;
	void *say_arg;
};

/*
 * Ingests the end of the job and refills the queue. Opens the database of a store whose outbox is
 * open. Signals must be blocked (proc_signals_block()). Never fails: passes each error to say().
 *
 * The last job stays, since in an outage every submission fails, and all jobs would end. A job
 * stays if work is left, Slurm is known to have none of it, and the obstacle will pass: the limit,
 * a Slurm that does not answer, a full disk. Only one job stays (the lock `last`). It tries again
 * until a job is submitted, Slurm sends SIGTERM or, after five minutes, Slurm shows the sentinel.
 * At a limit of one no job stays: its own slot is all there is.
 */
enum chain_outcome {
	CHAIN_NOTHING,
	CHAIN_SUBMITTED, /* the last try submitted jobs: so there is work */
	/* Another process held the queue lock all the time, and its result is unknown. */
	CHAIN_BUSY,
};
enum chain_outcome chain_end(struct store *store, const struct chain_opts *o);

/* Decides on an external cancel after the hold-off, or waits until another process has. Returns
 * false if no decision was made within half a minute. Opens the database of a store whose outbox
 * is open, and closes it again. */
bool chain_decide(struct store *store);

#endif
