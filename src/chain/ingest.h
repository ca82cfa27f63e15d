/*
 * ingest.h - the lock, and what the files tell, into the database.
 */
#ifndef SLURMQ_INGEST_H
#define SLURMQ_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"
#include "store/folder.h"
#include "store/store.h"

/* What one ingest saw. */
struct ingested {
	struct folder_list outbox, running, revoked; /* as they were listed */
	struct {
		uint64_t submission;
		struct outbox_answer answer;
	} * answers;
	size_t nanswers;
	uint64_t *touched; /* submissions of which an attempt was closed */
	size_t ntouched;
	int64_t ends;	     /* attempts whose own end was told now */
	int64_t held;	     /* jobs that are held now, since sbatch refused them or their like */
	char *refused_sweep; /* the last one whose jobs these are; NULL: none */
	bool changed;	     /* there is something to commit */
};
/* Under the lock, before db_begin(): list the folders, take back the rights of refused answers. */
int ingest_read(struct store *store, struct ingested *d, struct err *err);
/* After db_begin(): tell the database. */
int ingest_apply(struct store *store, struct ingested *d, struct err *err);
/* After db_commit(), still under the queue lock: unlink what was told, and the manifests that are done with. */
void ingest_clean(struct store *store, struct ingested *d);
/* A submission whose attempts are all closed needs its manifest no more, nor journals that nobody moved: of
 * those that were listed, unlink its own. Does nothing while one of its attempts is open. Under the queue lock. */
void ingest_forget(struct store *store, const struct folder_list *running, uint64_t submission);
void ingested_release(struct ingested *d);

/* In an open transaction: the steps that a journal tells. */
int ingest_steps(struct store *store, int64_t attempt, const struct journal *j, struct err *err);

/* The lock, waited for at most ms: 0, FOLDER_BUSY where it was not to be had or, with mine set, somebody
 * else has told that event meanwhile; -1. mine is packed where there is a wait (outbox_pack). */
int ingest_wait_lock(struct store *store, int64_t ms, char *mine, struct err *err);

/* Tell the database what waits in the outbox, if the queue lock is free now (for status, list, show); no
 * error where it is not. */
int ingest_now(struct store *store, struct err *err);

/* Hold the queue lock for a change of the user's (cancel, hold, release, retry, pause); ingests first.
 * Followed by db_begin() .. db_commit() and ingest_unlock(). Waits a minute at most: ERR_AGAIN. */
int ingest_lock(struct store *store, struct err *err);
void ingest_unlock(struct store *store);

/* Under ingest_lock(): take the rights of these attempts back, so that they can never start, and write
 * that down: cancelled, held, pending as each job's request says. What was taken already (it runs) is left;
 * its Slurm ids are added to *running ("123_4", may be NULL) for scancel after ingest_unlock(); those of
 * rights that were won, to *queued, so that Slurm's queue is tidied too. */
int ingest_revoke(struct store *store, const struct db_flight *v, size_t n, struct strs *running,
		  struct strs *queued, struct err *err);

#endif
