/*
 * store.h - the folder .slurmq: finding it, making it, opening what lies in it.
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
	char *root;   /* the folder that the user sees it in: where jobs run */
	bool by_name; /* SLURMQ_DIR named it: root is what the last submit noted, once it is open */
	struct db *db;
	struct folder *folder;
};

/* Find it: SLURMQ_DIR where set, else walking up from the current folder to one that holds
 * .slurmq, a folder or a file of one line that names the folder. A folder that is not the
 * caller's own, or that others may write to, is refused (its commands would be theirs). Fills in
 * dir and root. */
int store_find(struct store *s, struct err *err);

/* Make dir/.slurmq (mode 0700) with its database: 0; DB_NONE where it is there and sound already.
 * A file system whose locks do not work is refused. Fills in dir and root, opens nothing. */
int store_create(struct store *s, const char *dir, struct err *err);

/* Open the files of a store that was found, and not its database. */
int store_open_folder(struct store *s, struct err *err);
/* Open database and outbox of a store that was found. */
int store_open(struct store *s, struct err *err);
void store_close(struct store *s); /* also releases what store_find() filled in */

/* In an open transaction: note where it was found, for whoever opens it by name (SLURMQ_DIR), as
 * jobs do: jobs run there, and .slurmq may be a file or a link that names a folder far away. */
int store_keep_root(struct store *s, struct err *err);

/* The path of a file in it. Given. */
char *store_path(const struct store *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An attempt's log: logs/NNNN/T.INDEX.log, folders of a thousand by the submission's first attempt.
 * Given. */
char *store_log_path(const struct store *s, int64_t first_attempt, uint64_t submission, int task);

#endif
