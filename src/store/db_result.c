/* db_result.c - the results that jobs recorded. */
#include "store/db_internal.h"

#include <stdlib.h>

#include "store/db_sql.h"

int db_result_set(struct db *db, int64_t attempt, const struct db_result *r, struct err *err)
{
	static const char name[] = "INSERT OR IGNORE INTO result_name(name) VALUES(?1)";
	static const char value[] =
		"INSERT OR REPLACE INTO result(attempt, name, value, step, origin, seq)"
		" VALUES(?1, (SELECT id FROM result_name WHERE name = ?2), ?3, nullif(?4, -1), ?1, ?5)";

	if (db_exec(db, name, NULL, err, "t", r->name))
		return -1;
	return db_exec(db, value, NULL, err, "ittii", attempt, r->name, r->value, r->step,
		       (int64_t)r->seq);
}

int db_results_carry(struct db *db, int64_t from, int64_t to, struct err *err)
{
	return db_exec(db,
		       "INSERT INTO result(attempt, name, value, step, origin, seq)"
		       " SELECT ?2, r.name, r.value, r.step, r.origin, r.seq FROM result r"
		       " CROSS JOIN step t ON t.attempt = r.origin AND t.seq = r.seq"
		       " WHERE r.attempt = ?1 AND t.state = " SQL_STEP_COMPLETED " AND NOT t.void",
		       NULL, err, "ii", from, to);
}

int db_result_get(struct db *db, int64_t attempt, const char *name, char **value, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db,
				  "SELECT value FROM result WHERE attempt = ?1"
				  " AND name = (SELECT id FROM result_name WHERE name = ?2)",
				  err, "it", attempt, name);
	int rc = s ? db_step_row(db, s, err) : -1;

	*value = NULL;
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	*value = db_column_text(s, 0);
	sqlite3_reset(s);
	return 0;
}

int db_results(struct db *db, int64_t attempt, struct db_result **v, size_t *n, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db,
				  "SELECT n.name, r.value, ifnull(r.step, -1), r.seq FROM result r"
				  " CROSS JOIN result_name n ON n.id = r.name"
				  " WHERE r.attempt = ?1 ORDER BY r.name",
				  err, "i", attempt);
	size_t cap = 0;
	int rc = -1;

	*v = NULL;
	*n = 0;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		struct db_result *r;

		if (*n == cap) {
			cap = cap ? cap * 2 : 8;
			*v = mem_grow(*v, cap, sizeof(**v));
		}
		r = &(*v)[(*n)++];
		r->name = db_column_text(s, 0);
		r->value = db_column_text(s, 1);
		r->step = sqlite3_column_int64(s, 2);
		r->seq = sqlite3_column_int(s, 3);
	}
	if (rc >= 0)
		return 0;
	db_results_free(*v, *n);
	*v = NULL;
	*n = 0;
	return -1;
}

void db_results_free(struct db_result *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		free(v[i].value);
	}
	free(v);
}

int db_result_names(struct db *db, struct strs *names, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT name FROM result_name ORDER BY id", err, "");
	int rc = -1;

	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW)
		strs_take(names, db_column_text(s, 0));
	return rc < 0 ? -1 : 0;
}
