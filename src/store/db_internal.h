/* db_internal.h - what db*.c share: the handle, statements, rows. Nobody else includes it. */
#ifndef SLURMQ_DB_INTERNAL_H
#define SLURMQ_DB_INTERNAL_H

#include <sqlite3.h>

#include "store/db.h"

enum { DB_APPLICATION_ID = 0x736c7172 /* "slqr" */, DB_VERSION = 2 };

/* db_block_set() */
#define DB_TABLE_BLOCKED \
	"CREATE TABLE blocked(limit_group TEXT PRIMARY KEY, cap INTEGER NOT NULL," \
	" until INTEGER NOT NULL, pause INTEGER NOT NULL, trying INTEGER NOT NULL) WITHOUT ROWID;"

struct db {
	sqlite3 *sql;
	char *path;
	struct {
		const char *text; /* the constant itself: compared by address */
		sqlite3_stmt *stmt;
	} cache[128];
	size_t ncached;
	struct {
		int64_t id;
		struct strs words; /* of the schema's text: see db_schema_id() */
	} * schemas;
	size_t nschemas;
};

/* Fill err from SQLite's last error; doing: "reading jobs". Returns -1. */
int db_error(struct db *db, const char *doing, struct err *err);

/* Open a handle on a file as it is, with the busy handler and nothing else; and close it. */
int db_handle_open(const char *path, int flags, struct db **out, struct err *err);
void db_handle_close(struct db *db);
/* Run statements that take no values and return no rows. */
int db_script(struct db *db, const char *sql, const char *doing, struct err *err);
/* Read the number that a pragma returns. */
int db_pragma(struct db *db, const char *sql, int64_t *value, struct err *err);

/* The statement for a constant text, prepared once a handle, reset and with its binds cleared;
 * then bound as types say: i int64_t, u uint64_t (as the signed one of the same bits), t text
 * (NULL: null), b const void * and size_t, n null. NULL with err where anything failed. */
sqlite3_stmt *db_stmt(struct db *db, const char *text, struct err *err, const char *types, ...);

/* Step it: SQLITE_ROW, or SQLITE_DONE (the statement is reset), or -1 with err (reset too). */
int db_step_row(struct db *db, sqlite3_stmt *stmt, struct err *err);

/* Prepare, bind and run a statement that gives no rows; *changes (may be NULL) is how many rows it
 * changed. */
int db_exec(struct db *db, const char *text, int64_t *changes, struct err *err, const char *types,
	    ...);
/* The same for one that gives one number: DB_NONE where it gives no row. */
int db_number(struct db *db, const char *text, int64_t *value, struct err *err, const char *types,
	      ...);

char *db_column_text(sqlite3_stmt *stmt, int column); /* given; NULL for null */

/* A transition of a job: from this state, with this as its newest attempt (0: none). */
struct db_move {
	int64_t job, attempt, to_attempt;
	int state, to, reason;
};
/* Makes it with one guarded UPDATE, which every transition of an attempt shares, so that it is
 * prepared once. *changed: 1, or 0 if the job is not in that state with that attempt. */
int db_job_move(struct db *db, const struct db_move *m, int *changed, struct err *err);

/* A schema is what jobs of one make share: variant, seed, names of parameters and which are
 * drawn. Its id, made where there is none. */
int db_schema_id(struct db *db, const struct sweep_point *point, int64_t *id, struct err *err);
/* Values of a point as the job's row holds them. */
void db_values_encode(const struct sweep_point *point, struct buf *out);
/* And back: out->params is allocated, its strings are too. */
int db_point_decode(struct db *db, int64_t schema, const char *values, size_t len, int64_t sample,
		    struct sweep_point *out, struct err *err);

#endif
