/*
 * drain.h - the gate, and what the files tell, into the database.
 */
#ifndef SLURMQ_DRAIN_H
#define SLURMQ_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"
#include "store/spool.h"
#include "store/store.h"

/* What one drain saw. */
struct drained {
	struct spool_list spool, running, retired; /* as they were listed */
	struct {
		uint64_t submission;
		struct spool_answer answer;
	} * answers;
	size_t nanswers;
	uint64_t *touched; /* submissions of which an attempt was closed */
	size_t ntouched;
	int64_t ends;	     /* attempts whose own end was told now */
	int64_t held;	     /* jobs that are held now, since sbatch refused them or their like */
	char *refused_sweep; /* the last one whose jobs these are; NULL: none */
	bool changed;	     /* there is something to commit */
};
/* Under the gate, before db_begin(): list the folders, take back the rights of refused answers. */
int drain_look(struct store *store, struct drained *d, struct err *err);
/* After db_begin(): tell the database. */
int drain_apply(struct store *store, struct drained *d, struct err *err);
/* After db_commit(), still under the gate: unlink what was told, and the tickets that are done with. */
void drain_clean(struct store *store, struct drained *d);
/* A submission whose attempts are all closed needs its ticket no more, nor journals that nobody moved: of
 * those that were listed, unlink its own. Does nothing while one of its attempts is open. Under the gate. */
void drain_forget(struct store *store, const struct spool_list *running, uint64_t submission);
void drained_release(struct drained *d);

/* In an open transaction: the steps that a journal tells. */
int drain_tell_steps(struct store *store, int64_t attempt, const struct journal *j,
		     struct err *err);

/* The gate, waited for at most ms: 0, SPOOL_BUSY where it was not to be had or, with mine set, somebody
 * else has told that event meanwhile; -1. mine is packed where there is a wait (spool_event_pack). */
int drain_gate(struct store *store, int64_t ms, char *mine, struct err *err);

/* Tell the database what waits in the spool, if the gate is free now (for status, list, show); no
 * error where it is not. */
int drain_now(struct store *store, struct err *err);

/* Hold the gate for a change of the user's (cancel, hold, release, retry, pause); drains first.
 * Followed by db_begin() .. db_commit() and drain_unlock(). Waits a minute at most: ERR_AGAIN. */
int drain_lock(struct store *store, struct err *err);
void drain_unlock(struct store *store);

/* Under drain_lock(): take the rights of these attempts back, so that they can never start, and write
 * that down: cancelled, held, pending as each job's wish says. What was taken already (it runs) is left;
 * its Slurm ids are added to *running ("123_4", may be NULL) for scancel after drain_unlock(); those of
 * rights that were won, to *queued, so that Slurm's queue is tidied too. */
int drain_take_back(struct store *store, const struct db_flight *v, size_t n, struct strs *running,
		    struct strs *queued, struct err *err);

#endif
