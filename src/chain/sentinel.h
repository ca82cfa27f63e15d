/*
 * sentinel.h - a small job that waits in Slurm, so that the chain outlives all other jobs.
 *
 * The sentinel begins minutes after its submission (sbatch(1), --begin). It submits its
 * successor first, and then does what slurmq chain does. Two sentinels wait for each other
 * (--dependency=singleton: Slurm runs one job of a name and user at a time). slurmq searches Slurm
 * by that name before it submits a sentinel. The name holds no manifest, so reconciliation ignores
 * the job.
 *
 * STATE_SENTINEL_* in store/state.h holds its state.
 */
#ifndef SLURMQ_SENTINEL_H
#define SLURMQ_SENTINEL_H

#include <stdbool.h>

#include "chain/fill.h"
#include "store/store.h"

/* A file in the folder whose age is that of the newest sentinel's submission. */
#define SENTINEL_MARK "sentinel-made"

/* The cause of a hold: values of .sentinel.held. */
enum { SENTINEL_HELD_USER = 1, SENTINEL_HELD_ADMIN };

enum sentinel_caller {
	SENTINEL_USER, /* the user's command: always queries, and waits for the lock */
	/* slurmq chain: queries only if the sentinel was not seen lately and the lock is free */
	SENTINEL_TICK,
};

/* Submits a sentinel if it is wanted, work is left and the queue is not paused. Withdraws an
 * unwanted one. Never fails: errors are reported with say, which may be NULL. */
void sentinel_tend(struct store *store, enum sentinel_caller who, fill_say *say, void *arg);

/* Withdraws the sentinel from Slurm. If Slurm does not answer, reports that with say: the
 * sentinel then finds nothing to do. */
void sentinel_withdraw(struct store *store, fill_say *say, void *arg);

/* Withdraws the sentinel at a job's end if no work is left or the queue is paused. Queries Slurm
 * only in that case. */
void sentinel_settle(struct store *store, fill_say *say, void *arg);

/* Queries Slurm for the recorded sentinel and forgets it if it is gone; records whether it is
 * held. Commands that only read call this. If Slurm does not answer, the record stays. */
void sentinel_check(struct store *store);

/* Queries Slurm and returns whether a sentinel waits there and is not held. */
bool sentinel_waits(struct store *store);

/* Queries Slurm and sets *n to the number of sentinels there, waiting or running. */
int sentinel_count(struct store *store, int64_t *n, struct err *err);

/* Does one turn of the sentinel's own run. The caller must have blocked signals
 * (proc_signals_block()). Errors are reported with say. */
enum sentinel_turn {
	SENTINEL_LEAVE, /* no work is left: exit */
	SENTINEL_LAST,	/* the successor waits in Slurm: continue the chain, and exit */
	/* no successor is wanted: continue the chain, and stay while no other job would */
	SENTINEL_ALONE,
	/* there is no successor yet: continue the chain, pause, and do another turn */
	SENTINEL_AGAIN,
};
enum sentinel_turn sentinel_turn(struct store *store, fill_say *say, void *arg);
/*
 * Pauses between turns, longer each time (*ms starts at 0). Returns true if the caller must
 * continue.
 *
 * Returns false if the sentinel was cancelled. It also returns false if the time limit is near
 * (USR1) and other jobs wait in Slurm, or Slurm requeues the sentinel. If the requeue fails, the
 * pause ends at once.
 */
bool sentinel_pause(struct store *store, int64_t *ms);

#endif
