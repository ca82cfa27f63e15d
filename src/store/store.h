/*
 * store.h - the folder .slurmq: find it, make it, open its files.
 */
#ifndef SLURMQ_STORE_H
#define SLURMQ_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"
#include "store/folder.h"

struct store {
	char *dir;    /* the folder itself, absolute, with links resolved: .../.slurmq */
	char *root;   /* the folder that holds .slurmq for the user; jobs run here */
	bool by_name; /* found by SLURMQ_DIR: store_open() sets root to the stored one */
	struct db *db;
	struct folder *folder;
};

/* Finds the folder: SLURMQ_DIR if set, else .slurmq in the current folder or the nearest one
 * above it. .slurmq is a folder, or a file of one line that names the folder. Refuses a folder
 * of another user, or that others may write to, since its commands could be theirs. Sets dir and
 * root. */
int store_find(struct store *s, struct err *err);

/* Makes dir/.slurmq (mode 0700) with its database. Returns 0, or DB_NONE if a sound one exists.
 * Refuses a file system whose locks do not work. Sets dir and root, and opens no file. */
int store_create(struct store *s, const char *dir, struct err *err);

/* Opens the files of a store that was found, without its database. */
int store_open_folder(struct store *s, struct err *err);
/* Opens the files and the database of a store that was found. */
int store_open(struct store *s, struct err *err);
void store_close(struct store *s); /* also frees dir and root */

/* Renames the folder to a name beside it, *moved, by which no command finds it, and removes the file
 * or link root/.slurmq that named it. The store stays open. The caller frees *moved. */
int store_move_away(struct store *s, char **moved, struct err *err);

/* Stores root, in an open transaction, for processes that find the store by SLURMQ_DIR, as jobs
 * do. Jobs run in root, and .slurmq may be a file or a link that names a folder elsewhere. */
int store_keep_root(struct store *s, struct err *err);

/* Returns the path of a file in the folder; the caller frees it. */
char *store_path(const struct store *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Returns the path of an attempt's log, logs/NNNN/T.INDEX.log; the caller frees it. NNNN is the
 * id of the submission's first attempt, divided by 1000. */
char *store_log_path(const struct store *s, int64_t first_attempt, uint64_t submission, int task);

#endif
