/* db_convert.c - converts the database of slurmq 0.1 to the schema of this version. */
#include "store/db_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/db_sql.h"
#include "store/state.h"

/* The names of slurmq 0.1 are on the left. From version 3.26 on, SQLite renames tables and columns
 * inside triggers and indexes too (sqlite.org/lang_altertable.html). slurmq finds out again what is
 * deleted here: full limit groups by one refusal, the sentinel by squeue. */
static const char renames[] =
	"ALTER TABLE job RENAME COLUMN wish TO request;"
	"ALTER TABLE job RENAME COLUMN shape TO schema;"
	"ALTER TABLE shape RENAME TO schema;"
	"ALTER TABLE reshape RENAME COLUMN shape TO schema;"
	"ALTER TABLE reshape RENAME TO job_schema;"
	"ALTER TABLE again RENAME TO retry_state;"
	"ALTER TABLE submission RENAME COLUMN pool TO limit_group;"
	"ALTER TABLE attempt ADD COLUMN slurm_reason TEXT;"
	"DROP TABLE IF EXISTS blocked;" DB_TABLE_BLOCKED
	"DELETE FROM setting WHERE key = '.brake.node';"
	"UPDATE setting SET key = '.breaker.' || substr(key, 8) WHERE key GLOB '.brake.*';"
	"DELETE FROM setting WHERE key GLOB '.blocked.*' OR key GLOB '.stopping.*'"
	" OR key IN ('.sentinel.at', '.sentinel.job', '.sentinel.begin', '.sentinel.held');"
	"PRAGMA user_version=2;";

/* Copies the database to backup. Opens a second handle, because SQLite cannot copy from a handle
 * that holds a write transaction (sqlite3_backup_step()). */
static int copy_database(struct db *db, const char *backup, struct err *err)
{
	struct db *from = NULL, *to = NULL;
	sqlite3_backup *b;
	int rc = -1;

	unlink(backup);
	if (db_handle_open(db->path, SQLITE_OPEN_READONLY, &from, err) ||
	    db_handle_open(backup, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &to, err))
		goto out;
	b = sqlite3_backup_init(to->sql, "main", from->sql, "main");
	if (b)
		sqlite3_backup_step(b, -1);
	if (!b || sqlite3_backup_finish(b) != SQLITE_OK)
		db_error(to, "write the backup", err);
	else
		rc = 0;
out:
	if (from)
		db_handle_close(from);
	if (to)
		db_handle_close(to);
	if (rc)
		unlink(backup);
	return rc;
}

static int check_folder(struct db *db, const char *id, struct err *err)
{
	char *folder = NULL;
	int64_t app = 0;
	int rc = db_pragma(db, "PRAGMA application_id", &app, err);

	if (!rc)
		rc = state_get_text(db, STATE_FOLDER, &folder, err) < 0 ? -1 : 0;
	if (!rc && (app != DB_APPLICATION_ID || !folder || strcmp(folder, id) != 0))
		rc = err_set(err, ERR_USAGE,
			     "'%s' is not the database of this folder; nothing was changed",
			     db->path);
	free(folder);
	return rc;
}

static int convert_locked(struct db *db, const char *backup, const char *id, int64_t *in_flight,
			  struct err *err)
{
	int64_t version;

	if (db_pragma(db, "PRAGMA user_version", &version, err))
		return -1;
	if (version != 1)
		return 0;
	if (check_folder(db, id, err) ||
	    db_number(db, "SELECT count(*) FROM job WHERE state IN " SQL_IN_FLIGHT, in_flight, err,
		      ""))
		return -1;
	if (*in_flight)
		return 0;
	return copy_database(db, backup, err) || db_script(db, renames, "convert", err) ? -1 : 0;
}

int db_convert(const char *path, const char *backup, const char *id, int64_t *in_flight,
	       struct err *err)
{
	struct db *db;
	int rc;

	*in_flight = 0;
	if (db_handle_open(path, SQLITE_OPEN_READWRITE, &db, err))
		return -1;
	rc = db_script(db, "PRAGMA synchronous=EXTRA; BEGIN IMMEDIATE", "convert", err);
	if (!rc)
		rc = convert_locked(db, backup, id, in_flight, err);
	if (!rc)
		rc = db_script(db, "COMMIT", "convert", err);
	db_handle_close(db);
	return rc;
}
