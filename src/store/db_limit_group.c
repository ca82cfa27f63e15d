/*
 * db_limit_group.c - limit_groups: their jobs in flight, and those in which Slurm refused more
 * jobs.
 */
#include "store/db_internal.h"

#include <stdlib.h>

#include "store/db_sql.h"

int db_limit_groups(struct db *db, struct strs *names, int64_t **n, struct err *err)
{
	static const char sql[] =
		"SELECT s.limit_group, count(*) FROM job j INDEXED BY job_flight"
		" CROSS JOIN attempt a ON a.id = j.attempt"
		" CROSS JOIN submission s ON s.id = a.submission"
		" WHERE j.state IN " SQL_IN_FLIGHT " GROUP BY s.limit_group ORDER BY s.limit_group";
	sqlite3_stmt *s = db_stmt(db, sql, err, "");
	int rc = -1;

	*n = NULL;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		*n = mem_grow(*n, names->n + 1, sizeof(**n));
		(*n)[names->n] = sqlite3_column_int64(s, 1);
		strs_take(names, db_column_text(s, 0));
	}
	return rc < 0 ? -1 : 0;
}

void db_blocks_free(struct db_block *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].limit_group);
	free(v);
}

int db_blocks(struct db *db, struct db_block **v, size_t *n, struct err *err)
{
	static const char sql[] =
		"SELECT limit_group, cap, until, pause, trying FROM blocked ORDER BY limit_group";
	sqlite3_stmt *s = db_stmt(db, sql, err, "");
	int rc = -1;

	*v = NULL;
	*n = 0;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		*v = mem_grow(*v, *n + 1, sizeof(**v));
		(*v)[(*n)++] = (struct db_block){
			.limit_group = db_column_text(s, 0),
			.cap = sqlite3_column_int64(s, 1),
			.until = sqlite3_column_int64(s, 2),
			.pause = sqlite3_column_int64(s, 3),
			.trying = sqlite3_column_int(s, 4) != 0,
		};
	}
	if (rc >= 0)
		return 0;
	db_blocks_free(*v, *n);
	*v = NULL;
	*n = 0;
	return -1;
}

int db_block_set(struct db *db, const struct db_block *b, struct err *err)
{
	return db_exec(db,
		       "INSERT OR REPLACE INTO blocked(limit_group, cap, until, pause, trying)"
		       " VALUES(?1, ?2, ?3, ?4, ?5)",
		       NULL, err, "tiiii", b->limit_group, b->cap, b->until, b->pause,
		       (int64_t)b->trying);
}

int db_block_drop(struct db *db, const char *limit_group, struct err *err)
{
	return db_exec(db, "DELETE FROM blocked WHERE limit_group = ?1", NULL, err, "t",
		       limit_group);
}

int db_blocks_drop(struct db *db, struct err *err)
{
	return db_exec(db, "DELETE FROM blocked", NULL, err, "");
}
