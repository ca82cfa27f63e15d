/*
 * notice.h - events that the user wants to be notified of (setting `notify`).
 *
 * A sweep is over when each of its jobs is completed, failed or cancelled. The setting .over.ID marks
 * a sweep whose end was reported; more work in it removes the mark. So each event is reported by one
 * process, and at most once: not at all if that process dies first.
 */
#ifndef SLURMQ_NOTICE_H
#define SLURMQ_NOTICE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/store.h"

enum notice_kind {
	NOTICE_OVER,   /* every job of a sweep has ended */
	NOTICE_PAUSED, /* the queue was paused, and not by the user */
};
struct notice {
	enum notice_kind kind;
	struct db_sweep sweep; /* of NOTICE_OVER, else zeroed */
};

/* Takes the events that no process has taken: the caller must report them. There are none if the
 * setting is not set. *command is its value, NULL if there is none. Must not be called in a
 * transaction. The caller frees *v with notices_free(), and *command. */
int notices_take(struct store *store, char **command, struct notice **v, size_t *n,
		 struct err *err);
void notices_free(struct notice *v, size_t n);

/* Marks what has happened by now as reported, for a new value of the setting. Needs an open
 * transaction. */
int notices_skip(struct db *db, struct err *err);

#endif
