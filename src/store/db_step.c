/*
 * db_step.c - the steps that an attempt has ended.
 */
#include "store/db_internal.h"

#include <stdlib.h>
#include <string.h>

#include "store/db_sql.h"

void db_step_release(struct db_step *s)
{
	free(s->key);
	memset(s, 0, sizeof(*s));
}

void db_steps_free(struct db_step *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		db_step_release(&v[i]);
	free(v);
}

int db_step_add(struct db *db, const struct db_step *t, struct err *err)
{
	return db_exec(db,
		       "INSERT OR IGNORE INTO step(attempt, seq, key, state, exit_code, signal,"
		       " started, ended, maxrss_kib, cpu_ms)"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		       NULL, err, "iitiiiiiii", t->attempt, (int64_t)t->seq, t->key,
		       (int64_t)t->state, (int64_t)t->exit_code, (int64_t)t->signal, t->started,
		       t->ended, t->maxrss_kib, t->cpu_ms);
}

int db_steps(struct db *db, int64_t attempt, struct db_step **v, size_t *n, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db,
				  "SELECT seq, key, state, exit_code, signal, started, ended,"
				  " maxrss_kib, cpu_ms, void FROM step WHERE attempt = ?1"
				  " ORDER BY seq",
				  err, "i", attempt);
	int rc = -1;

	*v = NULL;
	*n = 0;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		struct db_step *t;

		*v = mem_grow(*v, *n + 1, sizeof(**v));
		t = &(*v)[(*n)++];
		memset(t, 0, sizeof(*t));
		t->attempt = attempt;
		t->seq = sqlite3_column_int(s, 0);
		t->key = db_column_text(s, 1);
		t->state = sqlite3_column_int(s, 2);
		t->exit_code = sqlite3_column_int(s, 3);
		t->signal = sqlite3_column_int(s, 4);
		t->started = sqlite3_column_int64(s, 5);
		t->ended = sqlite3_column_int64(s, 6);
		t->maxrss_kib = sqlite3_column_int64(s, 7);
		t->cpu_ms = sqlite3_column_int64(s, 8);
		t->void_ = sqlite3_column_int(s, 9) != 0;
	}
	if (rc >= 0)
		return 0;
	db_steps_free(*v, *n);
	*v = NULL;
	*n = 0;
	return -1;
}

int db_steps_done(struct db *db, const struct db_job *job, struct strs *keys, struct err *err)
{
	static const char sql[] =
		"WITH RECURSIVE chain(id, prev) AS ("
		" SELECT id, prev FROM attempt WHERE id = ?1"
		" UNION ALL SELECT a.id, a.prev FROM attempt a JOIN chain c ON a.id = c.prev)"
		" SELECT DISTINCT key FROM step WHERE attempt IN (SELECT id FROM chain)"
		" AND state = " SQL_STEP_COMPLETED " AND NOT void ORDER BY key";
	sqlite3_stmt *s;
	int rc;

	if (!job->attempt)
		return 0;
	s = db_stmt(db, sql, err, "i", job->attempt);
	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW)
		strs_take(keys, db_column_text(s, 0));
	return rc < 0 ? -1 : 0;
}
