/*
 * ingest.h - acquires the queue lock, and applies the records in the files to the database.
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

/* The files that one ingest read, and the changes that it made. */
struct ingested {
	struct folder_list outbox, running, revoked; /* as listed by ingest_read() */
	struct {
		uint64_t submission;
		struct outbox_answer answer;
	} * answers;
	size_t nanswers;
	uint64_t *touched; /* submissions with an attempt that was closed */
	size_t ntouched;
	int64_t ends;	     /* attempts whose reported end was ingested now */
	int64_t held;	     /* jobs held now because sbatch refused them or jobs like them */
	char *refused_sweep; /* the sweep of the jobs held last; NULL: none */
	bool changed;	     /* the database changed: commit */
};
/* Lists the folders, reads the answers, and revokes the claims of refused submissions. The
 * caller holds the queue lock, has not called db_begin() yet, and calls ingested_release(). */
int ingest_read(struct store *store, struct ingested *d, struct err *err);
/* Applies the records to the database, in the open transaction. */
int ingest_apply(struct store *store, struct ingested *d, struct err *err);
/* Unlinks the ingested files, and the manifests that are no longer needed. The caller still
 * holds the queue lock, after db_commit(). */
void ingest_clean(struct store *store, struct ingested *d);
/* Removes the manifest of a submission whose attempts are all closed, and those of its journals
 * in `running` that no process has moved. Does nothing while one of its attempts is open. The
 * caller holds the queue lock. */
void ingest_forget(struct store *store, const struct folder_list *running, uint64_t submission);
void ingested_release(struct ingested *d);

/* Adds the steps and results in a journal to the database, in the open transaction. */
int ingest_journal(struct store *store, int64_t attempt, const struct journal *j, struct err *err);

/* Acquires the queue lock; waits at most ms. Returns 0, FOLDER_BUSY, or -1. With record set,
 * also returns FOLDER_BUSY when another process has ingested that record. Packs and syncs the
 * record if there is a wait, which may rename it (outbox_pack()). */
int ingest_wait_lock(struct store *store, int64_t ms, char *record, struct err *err);

/* Ingests the outbox if the queue lock is free now, for status, list and show. Returns 0 even if
 * it is not. */
int ingest_now(struct store *store, struct err *err);

/* Acquires the queue lock for a change by the user (cancel, hold, release, retry, pause), and
 * ingests. Fails with ERR_AGAIN after a minute. The caller then runs db_begin() .. db_commit(),
 * and calls ingest_unlock(). */
int ingest_lock(struct store *store, struct err *err);
void ingest_unlock(struct store *store);

/* Revokes the claims of these attempts, so that they can never start, and ingests that. Each job
 * becomes cancelled, held or pending, as its requested action demands. An attempt that has
 * started keeps its claim: its Slurm id ("123_4") is added to *running, for scancel after
 * ingest_unlock(). The ids of revoked claims are added to *queued, so that they leave Slurm's
 * queue too. Both may be NULL; the caller releases them. Needs ingest_lock(). */
int ingest_revoke(struct store *store, const struct db_flight *v, size_t n, struct strs *running,
		  struct strs *queued, struct err *err);

#endif
