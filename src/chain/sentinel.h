/*
 * sentinel.h - one small job that waits in Slurm, so that the chain outlives all others.
 *
 * It begins some minutes from now (sbatch(1), --begin), queues its successor before anything else, and then
 * does what slurmq chain does. Two of them wait for each other (--dependency=singleton: jobs of one name and
 * user, one at a time), and it is looked for by that name before it is made. Its name holds no manifest, so
 * that reconciliation passes over it.
 *
 * What is known of it is in store/state.h, STATE_SENTINEL_*.
 */
#ifndef SLURMQ_SENTINEL_H
#define SLURMQ_SENTINEL_H

#include <stdbool.h>

#include "chain/fill.h"
#include "store/store.h"

/* A file in the folder that is as old as the newest sentinel's submission. */
#define SENTINEL_MARK "sentinel-made"

/* Who holds it: the values of .sentinel.held. */
enum { SENTINEL_HELD_USER = 1, SENTINEL_HELD_ADMIN };

enum sentinel_caller {
	SENTINEL_USER, /* a person's command: looks in any case, and waits for who is at it */
	SENTINEL_TICK, /* slurmq chain: where it was not seen for long, and nobody else is at it */
};

/* See to it that there is one, where one is wanted, work is left and the queue is not paused; where it is not
 * wanted and is there, it is withdrawn. Never fails: what goes wrong is said. say may be NULL. */
void sentinel_tend(struct store *store, enum sentinel_caller who, fill_say *say, void *arg);

/* Take it out of Slurm. A Slurm that does not answer is said: the sentinel then finds nothing to do. */
void sentinel_withdraw(struct store *store, fill_say *say, void *arg);

/* At a job's end: withdraw it where no work is left, or the queue is paused. Asks Slurm nothing but then. */
void sentinel_settle(struct store *store, fill_say *say, void *arg);

/* For who looks: ask whether one that was seen is still there, and forget it where it is not; note whether it is
 * held. Where Slurm does not answer it is believed. */
void sentinel_check(struct store *store);

/* Does Slurm show one that waits and will begin? It is asked. */
bool sentinel_waits(struct store *store);

/* The sentinel's own run, a turn at a time; signals must be blocked (proc_signals_block()). */
enum sentinel_turn {
	SENTINEL_LEAVE, /* nothing is to be done */
	SENTINEL_LAST,	/* its successor waits in Slurm: go on with the chain, and leave */
	SENTINEL_ALONE, /* it is to have none: go on with the chain, and stay where nobody else would */
	SENTINEL_AGAIN, /* it has none yet: go on with the chain, pause, and another turn */
};
enum sentinel_turn sentinel_turn(struct store *store, fill_say *say, void *arg);
/* The pause between turns, longer each time (*ms starts at 0). False where the caller is to end: it was cancelled, or
 * its time limit came near (USR1) and others wait in Slurm, or Slurm begins it anew. Where Slurm does not, the pause is over at once. */
bool sentinel_pause(struct store *store, int64_t *ms);

#endif
