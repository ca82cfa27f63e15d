/* db_internal.h - the handle, statements and rows, for db*.c; no other file includes it. */
#ifndef SLURMQ_DB_INTERNAL_H
#define SLURMQ_DB_INTERNAL_H

#include <sqlite3.h>

#include "store/db.h"
#include "store/state.h"

enum { DB_APPLICATION_ID = 0x736c7172 /* "slqr" */, DB_VERSION = 2 };

/* The ids of the sweeps that are paused (state.h), for IN. */
#define DB_PAUSED_SWEEPS \
	" (SELECT CAST(substr(key, length('" STATE_SWEEP_PAUSED "') + 1) AS INTEGER) FROM setting" \
	" WHERE key GLOB '" STATE_SWEEP_PAUSED "*') "

/* db_block_set() */
#define DB_TABLE_BLOCKED \
	"CREATE TABLE blocked(limit_group TEXT PRIMARY KEY, cap INTEGER NOT NULL," \
	" until INTEGER NOT NULL, pause INTEGER NOT NULL, trying INTEGER NOT NULL) WITHOUT ROWID;"

/* db_result_set(). Names are stored once, so that their list is short. origin: the attempt that
 * recorded the value, seq: its step. */
#define DB_TABLES_RESULT \
	"CREATE TABLE IF NOT EXISTS result_name(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);" \
	"CREATE TABLE IF NOT EXISTS result(attempt INTEGER NOT NULL, name INTEGER NOT NULL," \
	" value TEXT NOT NULL, step INTEGER, origin INTEGER NOT NULL, seq INTEGER NOT NULL," \
	" PRIMARY KEY(attempt, name)) WITHOUT ROWID;"

struct db {
	sqlite3 *sql;
	char *path;
	struct {
		const char *text; /* a constant, compared by its address */
		sqlite3_stmt *stmt;
	} cache[128];
	size_t ncached;
	struct {
		int64_t id;
		struct strs words; /* the words of the schema's text: see db_schema_id() */
	} * schemas;
	size_t nschemas;
	bool has_functions; /* those of db_select.c */
};

/* Sets err from SQLite's last error: "cannot WHAT 'PATH': ...", where what is a verb such as
 * "open". Always returns -1. */
int db_error(struct db *db, const char *what, struct err *err);

/* Opens a handle with the busy handler and nothing else; the file is not checked. */
int db_handle_open(const char *path, int flags, struct db **out, struct err *err);
void db_handle_close(struct db *db);
/* Runs statements that take no values and return no rows; what is as for db_error(). */
int db_script(struct db *db, const char *sql, const char *what, struct err *err);
/* Reads the number that a pragma returns. */
int db_pragma(struct db *db, const char *sql, int64_t *value, struct err *err);

/* Returns the statement for a constant text, ready to step, or NULL with err. Prepares it once
 * per handle, then resets it and binds the arguments. types has a letter for each: i int64_t, u
 * uint64_t (stored as the int64_t of the same bits), t text (NULL: null), b const void * and
 * size_t, n null. */
sqlite3_stmt *db_stmt(struct db *db, const char *text, struct err *err, const char *types, ...);

/* Steps a statement. Returns SQLITE_ROW, or SQLITE_DONE (the statement is reset), or -1 with err
 * (reset too). */
int db_step_row(struct db *db, sqlite3_stmt *stmt, struct err *err);

/* Prepares, binds and runs a statement without result rows. Sets *changes, if changes is not
 * NULL, to the number of rows that it changed. */
int db_exec(struct db *db, const char *text, int64_t *changes, struct err *err, const char *types,
	    ...);
/* Prepares, binds and runs a statement whose result is one number. Returns DB_NONE if it has no
 * row. */
int db_number(struct db *db, const char *text, int64_t *value, struct err *err, const char *types,
	      ...);

char *db_column_text(sqlite3_stmt *stmt, int column); /* NULL for null; the caller frees it */

/* A transition of a job from `state`, with `attempt` as its newest attempt (0: none). */
struct db_move {
	int64_t job, attempt, to_attempt;
	int state, to, reason;
};
/* Makes the transition with one guarded UPDATE. Every transition of an attempt shares the
 * statement, so that it is prepared once. *changed is 0 if the job is not in that state with
 * that attempt, else 1. */
int db_job_move(struct db *db, const struct db_move *m, int *changed, struct err *err);

/* Sets *id to the id of a point's schema, which is added if it is new. A schema is what similar
 * jobs share: variant, seed, names of parameters, and which of them are drawn. */
int db_schema_id(struct db *db, const struct sweep_point *point, int64_t *id, struct err *err);
/* Appends the values of a point in the format of the job's row. */
void db_values_encode(const struct sweep_point *point, struct buf *out);
/* Finds the value of a parameter in the values of a row: *values and *end, the end of them all, are set
 * to its begin and end. The variant is a parameter `variant`, unless the schema has another one.
 * Returns 1, 0 if the schema lacks the parameter, or -1. */
int db_schema_value(struct db *db, int64_t schema, const char *name, const char **values,
		    const char **end, struct err *err);
/* Builds a point from a schema and such values. The caller frees out->params and all strings. */
int db_point_decode(struct db *db, int64_t schema, const char *values, size_t len, int64_t sample,
		    struct sweep_point *out, struct err *err);

#endif
