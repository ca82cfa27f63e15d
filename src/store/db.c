/*
 * db.c - the handle: making, opening and checking a database, transactions, statements.
 */
#include "store/db.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "store/db_internal.h"
#include "store/db_sql.h"
#include "store/state.h"

#define BUSY_MS 30000

/*
 * The bytes of a row. A job is about 60 bytes: its values alone, without their names (the schema
 * holds these once), and small integers, which SQLite stores in as few bytes as they need and 0 in
 * none (sqlite.org/fileformat2.html, 2.1). Its identity is 64 bits; the parameters are compared on
 * a hit. An attempt's array index is its distance from its submission's first.
 */
static const char tables[] =
	"CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE sweep(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" version INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL);"
	"CREATE TABLE version(id INTEGER PRIMARY KEY, sweep INTEGER NOT NULL,"
	" published INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, first_job INTEGER NOT NULL,"
	" file TEXT NOT NULL, dir TEXT NOT NULL, source BLOB NOT NULL, script TEXT);"
	"CREATE INDEX version_sweep ON version(sweep, id);"
	"CREATE TABLE schema(id INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE);"
	"CREATE TABLE job(id INTEGER PRIMARY KEY, sweep INTEGER NOT NULL, version INTEGER NOT NULL,"
	" schema INTEGER NOT NULL, key INTEGER NOT NULL, vals BLOB NOT NULL, sample INTEGER,"
	" state INTEGER NOT NULL DEFAULT " SQL_PENDING
	", reason INTEGER NOT NULL DEFAULT " SQL_REASON_NONE ","
	" request INTEGER NOT NULL DEFAULT " SQL_REQUEST_NONE
	", priority INTEGER NOT NULL DEFAULT 0,"
	" tries INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,"
	" missing INTEGER NOT NULL DEFAULT 0, options TEXT);"
	"CREATE UNIQUE INDEX job_key ON job(sweep, key);"
	"CREATE INDEX job_pending ON job(priority DESC, id) WHERE state = " SQL_PENDING ";"
	"CREATE INDEX job_flight ON job(attempt) WHERE state IN " SQL_IN_FLIGHT ";"
	"CREATE INDEX job_trouble ON job(state, id) WHERE state IN (" SQL_FAILED ", " SQL_CANCELLED
	", " SQL_HELD ");"
	/* rare: the schema of an older job in a later version; 0: that version lacks the job */
	"CREATE TABLE job_schema(job INTEGER NOT NULL, version INTEGER NOT NULL, schema INTEGER NOT NULL,"
	" vals BLOB, PRIMARY KEY(job, version)) WITHOUT ROWID;"
	"CREATE TABLE counter(sweep INTEGER NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY(sweep, state)) WITHOUT ROWID;"
	/* rare, and so no columns of job: what a sweep's retry policy has done for one. due: not
	 * before, options: lines that count for jobs of that version */
	"CREATE TABLE retry_state(job INTEGER PRIMARY KEY, tries INTEGER NOT NULL, site INTEGER NOT NULL,"
	" due INTEGER NOT NULL, version INTEGER NOT NULL, options TEXT);"
	"CREATE TABLE submission(id INTEGER PRIMARY KEY, version INTEGER NOT NULL,"
	" first INTEGER NOT NULL, ntasks INTEGER NOT NULL, slurm_job INTEGER NOT NULL DEFAULT 0,"
	" answer INTEGER NOT NULL DEFAULT 0, text TEXT, created INTEGER NOT NULL,"
	" limit_group TEXT NOT NULL DEFAULT '//', options TEXT);" DB_TABLE_BLOCKED
	"CREATE TABLE attempt(id INTEGER PRIMARY KEY, job INTEGER NOT NULL, prev INTEGER NOT NULL,"
	" submission INTEGER NOT NULL, slurm_id INTEGER NOT NULL DEFAULT 0,"
	" closed INTEGER NOT NULL DEFAULT " SQL_CLOSED_NOT ", completed INTEGER NOT NULL DEFAULT 0,"
	" reason INTEGER NOT NULL DEFAULT " SQL_REASON_NONE
	", exit_code INTEGER NOT NULL DEFAULT 0,"
	" signal INTEGER NOT NULL DEFAULT 0, node TEXT, started INTEGER NOT NULL DEFAULT 0,"
	" ended INTEGER NOT NULL DEFAULT 0, maxrss_kib INTEGER NOT NULL DEFAULT 0,"
	" cpu_ms INTEGER NOT NULL DEFAULT 0, slurm_reason TEXT);"
	"CREATE TABLE step(attempt INTEGER NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL,"
	" state INTEGER NOT NULL, exit_code INTEGER NOT NULL, signal INTEGER NOT NULL,"
	" started INTEGER NOT NULL, ended INTEGER NOT NULL, maxrss_kib INTEGER NOT NULL,"
	" cpu_ms INTEGER NOT NULL, void INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(attempt, seq)) WITHOUT ROWID;" DB_TABLES_RESULT
	/* every transition updates the counters */
	"CREATE TRIGGER job_moves AFTER UPDATE OF state ON job WHEN old.state <> new.state BEGIN"
	" UPDATE counter SET n = n - 1 WHERE sweep = old.sweep AND state = old.state;"
	" UPDATE counter SET n = n + 1 WHERE sweep = new.sweep AND state = new.state; END;"
	"CREATE TRIGGER job_goes AFTER DELETE ON job"
	" WHEN (SELECT published FROM version WHERE id = old.version) BEGIN"
	" UPDATE counter SET n = n - 1 WHERE sweep = old.sweep AND state = old.state;"
	" DELETE FROM job_schema WHERE job = old.id; END;";

/* Returns the errno behind an SQLite error, or 0 if unknown. SQLite reports a read that failed
 * with EIO as a damaged database (SQLITE_IOERR_CORRUPTFS in sqlite3.h); only errno shows the
 * difference, so the callers set it to 0 before each step. */
static int find_errno(struct db *db, int code, int errnum)
{
	switch (code & 0xff) {
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return sqlite3_system_errno(db->sql);
	case SQLITE_CORRUPT:
		return errnum == EIO || errnum == ENXIO || errnum == ESTALE ? errnum : 0;
	default:
		return 0;
	}
}

static int refuse_full_disk(struct db *db, const char *what, struct err *err)
{
	return err_set(err, ERR_FAILED,
		       "cannot %s '%s': no space left: free some, then try again; nothing is lost",
		       what, db->path);
}

/* Returns why a file is read-only, with advice. access(2) reports EROFS before other errors. */
static const char *explain_read_only(const char *path)
{
	return access(path, W_OK) && errno == EROFS
		       ? "the file system is mounted read-only here"
		       : "check the permissions of the file and of its folder";
}

static int refuse_read_only(const char *path, struct err *err)
{
	return err_set(err, ERR_FAILED, "cannot write '%s': %s", path, explain_read_only(path));
}

static int set_io_error(struct db *db, const char *what, int errnum, int code, struct err *err)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
		return refuse_full_disk(db, what, err);
	case EACCES:
	case EPERM:
	case EROFS:
		return refuse_read_only(db->path, err);
	default:
		return err_set(
			err, ERR_FAILED,
			"cannot %s '%s': %s (%d): try again; if that fails too, its disk or file server is faulty; nothing is lost",
			what, db->path, errnum ? strerror(errnum) : sqlite3_errmsg(db->sql), code);
	}
}

int db_error(struct db *db, const char *what, struct err *err)
{
	int errnum = errno, code = sqlite3_extended_errcode(db->sql);
	const char *text = sqlite3_errmsg(db->sql);

	errnum = find_errno(db, code, errnum);
	if (errnum)
		return set_io_error(db, what, errnum, code, err);
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_AGAIN, "cannot %s '%s': the database is busy: try again",
			       what, db->path);
	case SQLITE_FULL:
		return refuse_full_disk(db, what, err);
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return err_set(
			err, ERR_USAGE,
			"cannot %s '%s': it is damaged or not a database (%s): replace it with a backup; nothing was changed",
			what, db->path, text);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return refuse_read_only(db->path, err);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return set_io_error(db, what, 0, code, err);
	default:
		return err_set(err, ERR_FAILED, "cannot %s '%s': %s (%d)", what, db->path, text,
			       code);
	}
}

/* Sleeps before the next try. Waits grow and are random, so that many processes do not retry at
 * once. */
static int sleep_while_busy(void *unused, int times)
{
	int64_t cap = times < 6 ? (int64_t)1 << times : 64;

	(void)unused;
	if ((int64_t)times * 48 > BUSY_MS)
		return 0;
	clock_sleep_ms(1 + (int64_t)(clock_random() % (uint64_t)cap) + cap / 2);
	return 1;
}

/* ---- statements ---- */

static int bind_values(sqlite3_stmt *s, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; types++, i++) {
		switch (*types) {
		case 'i':
			rc = sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
			break;
		case 'u':
			rc = sqlite3_bind_int64(s, i, (int64_t)va_arg(ap, uint64_t));
			break;
		case 't':
			rc = sqlite3_bind_text(s, i, va_arg(ap, const char *), -1,
					       SQLITE_TRANSIENT);
			break;
		case 'b': {
			const void *p = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);

			rc = sqlite3_bind_blob64(s, i, p ? p : "", len, SQLITE_TRANSIENT);
			break;
		}
		case 'n':
			rc = sqlite3_bind_null(s, i);
			break;
		default:
			rc = SQLITE_MISUSE;
		}
	}
	return rc;
}

static sqlite3_stmt *prepare_stmt(struct db *db, const char *text, struct err *err,
				  const char *types, va_list ap)
{
	sqlite3_stmt *s = NULL;

	for (size_t i = 0; i < db->ncached && !s; i++)
		if (db->cache[i].text == text)
			s = db->cache[i].stmt;
	if (!s) {
		if (db->ncached == sizeof(db->cache) / sizeof(db->cache[0]))
			abort();
		errno = 0;
		if (sqlite3_prepare_v2(db->sql, text, -1, &s, NULL) != SQLITE_OK) {
			db_error(db, "use", err);
			return NULL;
		}
		db->cache[db->ncached].text = text;
		db->cache[db->ncached++].stmt = s;
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	if (bind_values(s, types, ap) != SQLITE_OK) {
		db_error(db, "use", err);
		return NULL;
	}
	return s;
}

sqlite3_stmt *db_stmt(struct db *db, const char *text, struct err *err, const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;

	va_start(ap, types);
	s = prepare_stmt(db, text, err, types, ap);
	va_end(ap);
	return s;
}

int db_step_row(struct db *db, sqlite3_stmt *stmt, struct err *err)
{
	int rc;

	errno = 0;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		return rc;
	if (rc != SQLITE_DONE)
		db_error(db, "use", err);
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? rc : -1;
}

int db_exec(struct db *db, const char *text, int64_t *changes, struct err *err, const char *types,
	    ...)
{
	sqlite3_stmt *s;
	va_list ap;
	int rc;

	va_start(ap, types);
	s = prepare_stmt(db, text, err, types, ap);
	va_end(ap);
	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW)
		;
	if (rc < 0)
		return -1;
	if (changes)
		*changes = sqlite3_changes(db->sql);
	return 0;
}

int db_number(struct db *db, const char *text, int64_t *value, struct err *err, const char *types,
	      ...)
{
	sqlite3_stmt *s;
	va_list ap;
	int rc;

	va_start(ap, types);
	s = prepare_stmt(db, text, err, types, ap);
	va_end(ap);
	if (!s)
		return -1;
	rc = db_step_row(db, s, err);
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	*value = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return 0;
}

char *db_column_text(sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_blob(stmt, column);
	int n = sqlite3_column_bytes(stmt, column);

	if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
		return NULL;
	return mem_strndup(p ? p : "", (size_t)n);
}

/* ---- opening ---- */

void db_handle_close(struct db *db)
{
	for (size_t i = 0; i < db->ncached; i++)
		sqlite3_finalize(db->cache[i].stmt);
	if (db->sql)
		sqlite3_close(db->sql);
	for (size_t i = 0; i < db->nschemas; i++)
		strs_release(&db->schemas[i].words);
	free(db->schemas);
	free(db->path);
	free(db);
}

void db_close(struct db *db)
{
	if (db)
		db_handle_close(db);
}

/* Turns off SQLite's mutexes and memory statistics: slurmq has one thread and never reads the
 * statistics. Preparing statements, which is most of the CPU time of a job's end, then takes a
 * fifth less (sqlite.org/c3ref/c_config_covering_index_scan.html). SQLite refuses a second call,
 * which has no effect. */
static void configure_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_handle_open(const char *path, int flags, struct db **out, struct err *err)
{
	struct db *db = mem_alloc(sizeof(*db));

	configure_sqlite();
	db->path = mem_strdup(path);
	if (sqlite3_open_v2(path, &db->sql, flags, NULL) != SQLITE_OK) {
		if (!db->sql)
			abort();
		db_error(db, "open", err);
		db_handle_close(db);
		return -1;
	}
	sqlite3_extended_result_codes(db->sql, 1);
	/* before any other statement: even PRAGMA synchronous fails on a busy database without
	 * it */
	sqlite3_busy_handler(db->sql, sleep_while_busy, NULL);
	*out = db;
	return 0;
}

int db_script(struct db *db, const char *sql, const char *what, struct err *err)
{
	if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(db, what, err);
	return 0;
}

int db_pragma(struct db *db, const char *sql, int64_t *value, struct err *err)
{
	int rc = db_number(db, sql, value, err, "");

	return rc == DB_NONE ? err_set(err, ERR_FAILED, "SQLite returned no row for: %s", sql) : rc;
}

int db_create(const char *path, const char *id, struct err *err)
{
	struct db *db;
	char pragma[64];
	int rc = -1;

	if (db_handle_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err))
		return -1;
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d", DB_APPLICATION_ID);
	if (db_script(db, "PRAGMA synchronous=EXTRA; PRAGMA page_size=4096; BEGIN IMMEDIATE",
		      "create", err) ||
	    db_script(db, pragma, "create", err) || db_script(db, tables, "create", err) ||
	    state_set_text(db, STATE_FOLDER, id, err))
		goto out;
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d", DB_VERSION);
	if (db_script(db, pragma, "create", err) || db_script(db, "COMMIT", "create", err))
		goto out;
	rc = 0;
out:
	db_handle_close(db);
	return rc;
}

/* Refuses a database in WAL mode. */
static int refuse_wal(struct db *db, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db, "PRAGMA journal_mode", err, "");
	const char *mode;
	int rc = s ? db_step_row(db, s, err) : -1;

	if (rc != SQLITE_ROW)
		return -1;
	mode = (const char *)sqlite3_column_text(s, 0);
	rc = mode && !strcmp(mode, "wal") ? -1 : 0;
	sqlite3_reset(s);
	if (rc) {
		struct buf word = {0};

		buf_add_shell_word(&word, db->path);
		err_set(err, ERR_USAGE,
			"'%s' is in WAL mode, which loses writes when several hosts use the file; to leave that mode: sqlite3 %s 'PRAGMA journal_mode=DELETE'",
			db->path, buf_str(&word));
		buf_release(&word);
	}
	return rc;
}

static int check_identity(struct db *db, const char *id, struct err *err)
{
	int64_t app = 0, version = 0;
	char *folder = NULL;
	int rc;

	if (db_pragma(db, "PRAGMA application_id", &app, err) ||
	    db_pragma(db, "PRAGMA user_version", &version, err))
		return -1;
	if (app != DB_APPLICATION_ID)
		return err_set(err, ERR_USAGE,
			       "'%s' is the database of another program; nothing was changed",
			       db->path);
	if (version > DB_VERSION)
		return err_set(
			err, ERR_USAGE,
			"'%s' was made by a newer slurmq (schema %" PRId64
			", this one supports %d): install the newer one; nothing was changed",
			db->path, version, DB_VERSION);
	if (version < DB_VERSION)
		return err_set(err, ERR_USAGE,
			       "'%s' has schema %" PRId64 ": %s; nothing was changed", db->path,
			       version,
			       version == 1 ? "slurmq 0.1 wrote it, but its folder is newer: "
					      "replace it with the database of this folder"
					    : "no slurmq wrote it");
	if (refuse_wal(db, err))
		return -1;
	rc = state_get_text(db, STATE_FOLDER, &folder, err);
	if (rc < 0)
		return -1;
	if (id && (rc == DB_NONE || strcmp(folder, id) != 0))
		rc = err_set(
			err, ERR_USAGE,
			"'%s' belongs to another .slurmq folder (its file 'id' differs): replace it with the database of this folder",
			db->path);
	else
		rc = 0;
	free(folder);
	return rc;
}

/* When a transaction ends, the journal stays and its header is overwritten. That takes a third
 * less time than to remove it, and a host that caches the folder's listing sees a journal that a
 * dead writer left (sqlite.org/pragma.html#pragma_journal_mode). */
static const char settings[] =
	"PRAGMA journal_mode=PERSIST; PRAGMA journal_size_limit=1048576; PRAGMA synchronous=EXTRA;"
	"PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF";

static bool has_column(struct db *db, const char *table, const char *column)
{
	return sqlite3_table_column_metadata(db->sql, NULL, table, column, NULL, NULL, NULL, NULL,
					     NULL) == SQLITE_OK;
}

/* Adds what a database of an earlier state of this schema lacks. Older processes go on with it, so jobs
 * may be in flight. */
static int add_what_is_missing(struct db *db, struct err *err)
{
	int rc;

	if (has_column(db, "result", "value") && has_column(db, "submission", "options"))
		return 0;
	if (db_begin(db, err))
		return -1;
	rc = db_script(db, DB_TABLES_RESULT, "write", err);
	if (!rc && !has_column(db, "submission", "options"))
		rc = db_script(db, "ALTER TABLE submission ADD COLUMN options TEXT", "write", err);
	if (!rc)
		rc = db_commit(db, err);
	if (rc)
		db_rollback(db);
	return rc;
}

int db_open(const char *path, const char *id, struct db **out, struct err *err)
{
	struct stat st;
	struct db *db;

	*out = NULL;
	if (stat(path, &st)) {
		if (errno == ENOENT)
			return err_set(
				err, ERR_USAGE,
				"the database '%s' is missing: restore a backup, or remove the folder and run slurmq init",
				path);
		return err_errno(err, ERR_FAILED, "cannot open '%s'", path);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is not a file", path);
	if (!st.st_size) /* SQLite would treat it as a new database */
		return err_set(
			err, ERR_USAGE,
			"'%s' is empty, its jobs are lost: replace it with a backup; nothing was changed",
			path);
	if (db_handle_open(path, SQLITE_OPEN_READWRITE, &db, err))
		return -1;
	/* one lock for all checks */
	if (db_script(db, "BEGIN", "open", err) || check_identity(db, id, err) ||
	    db_script(db, "COMMIT", "open", err))
		goto fail;
	if (sqlite3_db_readonly(db->sql, "main") == 1) {
		refuse_read_only(path, err);
		goto fail;
	}
	if (db_script(db, settings, "open", err) || add_what_is_missing(db, err))
		goto fail;
	*out = db;
	return 0;
fail:
	db_handle_close(db);
	return -1;
}

int db_begin(struct db *db, struct err *err)
{
	return db_exec(db, "BEGIN IMMEDIATE", NULL, err, "");
}

int db_commit(struct db *db, struct err *err)
{
	if (!db_exec(db, "COMMIT", NULL, err, ""))
		return 0;
	db_rollback(db);
	return -1;
}

void db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->sql))
		db_exec(db, "ROLLBACK", NULL, NULL, "");
}

int db_read_begin(struct db *db, struct err *err)
{
	return db_exec(db, "BEGIN", NULL, err, "");
}

void db_read_end(struct db *db)
{
	db_rollback(db);
}

int db_check(struct db *db, struct err *err)
{
	static const char wrong[] =
		"SELECT count(*) FROM counter c WHERE n <> (SELECT count(*) FROM job j JOIN version v"
		" ON v.id = j.version AND v.published WHERE j.sweep = c.sweep AND j.state = c.state)";
	sqlite3_stmt *s = db_stmt(db, "PRAGMA integrity_check(1)", err, "");
	const char *text;
	int64_t n;
	int rc;

	if (!s || db_step_row(db, s, err) != SQLITE_ROW)
		return -1;
	text = (const char *)sqlite3_column_text(s, 0);
	rc = text && !strcmp(text, "ok")
		     ? 0
		     : err_set(err, ERR_FAILED, "'%s' is damaged: %s", db->path, text ? text : "?");
	sqlite3_reset(s);
	if (rc)
		return -1;
	if (db_number(db, wrong, &n, err, ""))
		return -1;
	if (n)
		return err_set(err, ERR_FAILED,
			       "'%s' is damaged: %" PRId64 " counters differ from the rows",
			       db->path, n);
	return 0;
}
