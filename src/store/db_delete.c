/*
 * db_delete.c - deletes a sweep: one transaction hides it, then its rows are deleted in slices.
 *
 * The rows that an interrupted expand left are hidden in the same way, and deleted by the same
 * functions. Hidden are the rows of a version that is not published. A sweep is deleted if all its
 * versions are hidden: then its row has version 0.
 */
#include "store/db_internal.h"

#include <stdlib.h>
#include <string.h>

#include "store/db_sql.h"
#include "store/state.h"

/* All attempts of the jobs ?1 to ?2. */
#define ATTEMPTS \
	"(WITH RECURSIVE chain(id, prev) AS (" \
	" SELECT a.id, a.prev FROM job j JOIN attempt a ON a.id = j.attempt" \
	"  WHERE j.id BETWEEN ?1 AND ?2" \
	" UNION ALL SELECT a.id, a.prev FROM attempt a JOIN chain c ON a.id = c.prev)" \
	" SELECT id FROM chain) "

#define KEEP_LAST(table) \
	"INSERT OR REPLACE INTO setting(key, value)" \
	" VALUES('" SQL_LAST_ID(table) "', " SQL_NEXT_ID(table) " - 1)"

/* Keeps the largest id of each table from being used again (SQL_NEXT_ID). */
static int keep_last_ids(struct db *db, struct err *err)
{
	return db_exec(db, KEEP_LAST("sweep"), NULL, err, "") ||
			       db_exec(db, KEEP_LAST("version"), NULL, err, "") ||
			       db_exec(db, KEEP_LAST("schema"), NULL, err, "") ||
			       db_exec(db, KEEP_LAST("job"), NULL, err, "") ||
			       db_exec(db, KEEP_LAST("attempt"), NULL, err, "")
		       ? -1
		       : 0;
}

int db_sweep_hide(struct db *db, int64_t sweep, int64_t *in_flight, struct err *err)
{
	static const char flying[] =
		"SELECT count(*) FROM job INDEXED BY job_flight WHERE state IN " SQL_IN_FLIGHT
		" AND sweep = ?1";

	if (db_number(db, flying, in_flight, err, "i", sweep))
		return -1;
	if (*in_flight)
		return 0;
	return keep_last_ids(db, err) ||
			       db_exec(db, "UPDATE version SET published = 0 WHERE sweep = ?1",
				       NULL, err, "i", sweep) ||
			       db_exec(db, "UPDATE sweep SET version = 0 WHERE id = ?1", NULL, err,
				       "i", sweep) ||
			       db_exec(db, "DELETE FROM counter WHERE sweep = ?1", NULL, err, "i",
				       sweep)
		       ? -1
		       : 0;
}

int db_sweep_tried(struct db *db, int64_t sweep, bool *tried, struct err *err)
{
	int64_t any = 0;
	int rc = db_number(db, "SELECT EXISTS(SELECT 1 FROM job WHERE sweep = ?1 AND attempt > 0)",
			   &any, err, "i", sweep);

	*tried = any;
	return rc;
}

int db_sweep_unanswered(struct db *db, int64_t sweep, int64_t since, int unclear, int64_t *n,
			struct err *err)
{
	static const char sql[] =
		"SELECT count(DISTINCT s.id) FROM (SELECT submission FROM attempt"
		"  ORDER BY id DESC LIMIT 1000) a JOIN submission s ON s.id = a.submission"
		" JOIN version v ON v.id = s.version WHERE (?1 = 0 OR v.sweep = ?1)"
		" AND s.created > ?2 AND s.slurm_job = 0 AND s.answer IN (0, ?3)";

	return db_number(db, sql, n, err, "iii", sweep, since, (int64_t)unclear);
}

/* Jobs that belong to one hidden version: all of these ids. */
struct hidden {
	int64_t version, sweep;
	int64_t first, last; /* last 0: no job of the version is left */
};

/* Finds the first n jobs of the oldest hidden version. Returns DB_NONE if no version is hidden.
 * An expand gives its jobs consecutive ids, beginning with the version's first_job. */
static int find_hidden(struct db *db, int64_t n, struct hidden *h, struct err *err)
{
	static const char jobs[] =
		"SELECT ifnull(max(id), 0) FROM (SELECT id FROM job WHERE version = ?1 AND id >= ?2"
		" AND id < (SELECT ifnull(min(first_job), 9223372036854775807) FROM version"
		"  WHERE first_job > ?2) ORDER BY id LIMIT ?3)";
	sqlite3_stmt *s = db_stmt(
		db,
		"SELECT id, sweep, first_job FROM version WHERE NOT published ORDER BY id LIMIT 1",
		err, "");
	int rc = s ? db_step_row(db, s, err) : -1;

	memset(h, 0, sizeof(*h));
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	h->version = sqlite3_column_int64(s, 0);
	h->sweep = sqlite3_column_int64(s, 1);
	h->first = sqlite3_column_int64(s, 2);
	sqlite3_reset(s);
	return db_number(db, jobs, &h->last, err, "iii", h->version, h->first, n);
}

int db_hidden_version(struct db *db, int64_t after, int64_t *version, struct err *err)
{
	return db_number(
		db, "SELECT id FROM version WHERE NOT published AND id > ?1 ORDER BY id LIMIT 1",
		version, err, "i", after);
}

int db_hidden_submission(struct db *db, uint64_t id, bool *hidden, struct err *err)
{
	int64_t published;
	int rc = db_number(db,
			   "SELECT v.published FROM submission s JOIN version v ON v.id = s.version"
			   " WHERE s.id = ?1",
			   &published, err, "u", id);

	*hidden = !rc && !published;
	return rc < 0 ? -1 : 0;
}

int db_hidden_attempts(struct db *db, int64_t n,
		       int (*fn)(void *arg, int64_t first, uint64_t submission, int task),
		       void *arg, struct err *err)
{
	static const char sql[] =
		"SELECT s.first, s.id, a.id - s.first FROM attempt a JOIN submission s"
		" ON s.id = a.submission WHERE a.id IN " ATTEMPTS;
	struct hidden h;
	sqlite3_stmt *s;
	int rc = find_hidden(db, n, &h, err), stop = 0;

	if (rc || !h.last)
		return rc < 0 ? -1 : 0;
	s = db_stmt(db, sql, err, "ii", h.first, h.last);
	rc = -1;
	while (s && !stop && (rc = db_step_row(db, s, err)) == SQLITE_ROW)
		stop = fn(arg, sqlite3_column_int64(s, 0), (uint64_t)sqlite3_column_int64(s, 1),
			  sqlite3_column_int(s, 2));
	if (s)
		sqlite3_reset(s);
	return stop ? stop : rc < 0 ? -1 : 0;
}

static int delete_jobs(struct db *db, int64_t first, int64_t last, int64_t *jobs, struct err *err)
{
	static const char *const sql[] = {
		"DELETE FROM step WHERE attempt IN " ATTEMPTS,
		"DELETE FROM result WHERE attempt IN " ATTEMPTS,
		"DELETE FROM submission WHERE id IN"
		" (SELECT submission FROM attempt WHERE id IN " ATTEMPTS ")",
		"DELETE FROM attempt WHERE id IN " ATTEMPTS,
		"DELETE FROM retry_state WHERE job BETWEEN ?1 AND ?2",
		"DELETE FROM job_schema WHERE job BETWEEN ?1 AND ?2",
		"DELETE FROM job WHERE id BETWEEN ?1 AND ?2", /* the last one: its jobs are counted */
	};
	int64_t n = 0;

	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
		if (db_exec(db, sql[i], &n, err, "ii", first, last))
			return -1;
	*jobs += n;
	return 0;
}

/* Deletes the last rows of a sweep without versions: its own, its settings and its schemas. */
static int delete_sweep(struct db *db, int64_t sweep, struct err *err)
{
	static const char limit[] =
		"DELETE FROM setting WHERE key = 'limit.' || (SELECT name FROM sweep WHERE id = ?1)";
	static const char schemas[] = "DELETE FROM schema WHERE id NOT IN (SELECT schema FROM job)"
				      " AND id NOT IN (SELECT schema FROM job_schema)";
	static const char names[] =
		"DELETE FROM result_name WHERE id NOT IN (SELECT name FROM result)";

	return keep_last_ids(db, err) || db_exec(db, limit, NULL, err, "i", sweep) ||
			       state_forget_sweep(db, sweep, err) ||
			       db_exec(db, "DELETE FROM counter WHERE sweep = ?1", NULL, err, "i",
				       sweep) ||
			       db_exec(db, "DELETE FROM sweep WHERE id = ?1", NULL, err, "i",
				       sweep) ||
			       db_exec(db, schemas, NULL, err, "") ||
			       db_exec(db, names, NULL, err, "")
		       ? -1
		       : 0;
}

static int delete_version(struct db *db, const struct hidden *h, struct err *err)
{
	static const char left[] = "SELECT version <> 0 OR EXISTS(SELECT 1 FROM version"
				   " WHERE sweep = ?1) FROM sweep WHERE id = ?1";
	int64_t any;

	if (db_exec(db, "DELETE FROM job_schema WHERE version = ?1", NULL, err, "i", h->version) ||
	    db_exec(db, "DELETE FROM version WHERE id = ?1", NULL, err, "i", h->version))
		return -1;
	switch (db_number(db, left, &any, err, "i", h->sweep)) {
	case 0:
		return any ? 0 : delete_sweep(db, h->sweep, err);
	case DB_NONE:
		return 0;
	default:
		return -1;
	}
}

int db_hidden_delete(struct db *db, int64_t n, int64_t *jobs, struct err *err)
{
	struct hidden h;
	int rc = find_hidden(db, n, &h, err);

	if (rc)
		return rc;
	return h.last ? delete_jobs(db, h.first, h.last, jobs, err) : delete_version(db, &h, err);
}
