/*
 * db_setting.c - the table of settings: the user's (setting.h) and slurmq's own (state.h).
 */
#include "store/db_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int db_setting_get(struct db *db, const char *key, char **value, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT value FROM setting WHERE key = ?1", err, "t", key);
	int rc;

	*value = NULL;
	if (!s)
		return -1;
	rc = db_step_row(db, s, err);
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	*value = db_column_text(s, 0);
	sqlite3_reset(s);
	return 0;
}

int db_setting_int(struct db *db, const char *key, int64_t fallback, int64_t *value,
		   struct err *err)
{
	char *text, *end;
	int rc = db_setting_get(db, key, &text, err);

	*value = fallback;
	if (rc)
		return rc < 0 ? -1 : 0;
	errno = 0;
	*value = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		*value = fallback;
	free(text);
	return 0;
}

int db_setting_set(struct db *db, const char *key, const char *value, struct err *err)
{
	return db_exec(db, "INSERT OR REPLACE INTO setting(key, value) VALUES(?1, ?2)", NULL, err,
		       "tt", key, value);
}

int db_setting_set_int(struct db *db, const char *key, int64_t value, struct err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return db_setting_set(db, key, text, err);
}

int db_setting_unset(struct db *db, const char *key, struct err *err)
{
	return db_exec(db, "DELETE FROM setting WHERE key = ?1", NULL, err, "t", key);
}

int db_settings(struct db *db, const char *prefix, struct strs *keys, struct strs *values,
		struct err *err)
{
	sqlite3_stmt *s = db_stmt(db,
				  "SELECT key, value FROM setting"
				  " WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
				  err, "t", prefix);
	int rc;

	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		strs_take(keys, db_column_text(s, 0));
		strs_take(values, db_column_text(s, 1));
	}
	return rc < 0 ? -1 : 0;
}
