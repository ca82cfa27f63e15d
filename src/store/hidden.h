/*
 * hidden.h - hidden rows: those that expand has added and not published yet, or those of a deleted
 * sweep. They have no effect, and the next command that adds or deletes jobs deletes them.
 */
#ifndef SLURMQ_HIDDEN_H
#define SLURMQ_HIDDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/store.h"

/* Locks against other commands that add or delete jobs. Waits up to a minute, then fails with
 * ERR_AGAIN. The caller calls hidden_unlock(*fd). */
int hidden_lock(struct store *store, int *fd, struct err *err);
void hidden_unlock(int fd);

/* Sleeps between two slices, so that other processes get the database. */
void hidden_pause(void);

/* Sets *any if a hidden version has a copy of slurmq in bin/, which a sentinel may need. */
int hidden_has_program(struct store *store, bool *any, struct err *err);

/* Deletes all hidden rows, each slice in a transaction, and before that their files: manifests and
 * records of their attempts, logs, environments and programs. If the process dies meanwhile, the
 * next call completes it. Calls progress (may be NULL) with the number of jobs deleted so far. The
 * caller holds the lock. */
int hidden_delete(struct store *store, void (*progress)(void *arg, int64_t done), void *arg,
		  struct err *err);

#endif
