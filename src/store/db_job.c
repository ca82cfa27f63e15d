/*
 * db_job.c - reading jobs, and the transitions that a user asks for. Those of attempts are in
 * db_attempt.c; no other file changes a job's state.
 */
#include "store/db_internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "store/db_sql.h"
#include "store/state.h"

/* j: job, s: its sweep. A job of an unpublished version is not there. */
#define JOB_COLUMNS_AT(version) \
	"SELECT j.id, j.sweep, " version \
	", j.state, j.reason, j.request, j.priority, j.tries, j.attempt," \
	" j.options, s.name, j.schema, j.vals, j.sample, g.tries, g.site, g.due, g.version," \
	" g.options, EXISTS(SELECT 1 FROM job_schema r WHERE r.job = j.id) FROM "
#define JOB_COLUMNS JOB_COLUMNS_AT("s.version")
#define RETRY_STATE " LEFT JOIN retry_state g ON g.job = j.id "
#define PUBLISHED " j.version IN (SELECT id FROM version WHERE published) "

void db_again_release(struct db_again *again)
{
	free(again->options);
	memset(again, 0, sizeof(*again));
}

void db_job_release(struct db_job *job)
{
	free(job->options);
	db_again_release(&job->again);
	free(job->sweep_name);
	for (size_t i = 0; i < job->point.n; i++) {
		free((char *)(uintptr_t)job->point.params[i].name);
		free((char *)(uintptr_t)job->point.params[i].value);
	}
	free(job->point.params);
	free((char *)(uintptr_t)job->point.variant);
	free((char *)(uintptr_t)job->point.seed);
	memset(job, 0, sizeof(*job));
}

void db_jobs_free(struct db_job *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		db_job_release(&v[i]);
	free(v);
}

static void swap_point(struct db_job *job, struct sweep_point *point)
{
	struct sweep_point old = job->point;

	job->point = *point;
	*point = old;
}

/* Applies what later versions changed: another schema, or, if a version does not name the job,
 * the newest version that does. */
static int apply_reshapes(struct db *db, struct db_job *job, struct err *err)
{
	static const char sql[] =
		"SELECT r.version, r.schema, r.vals FROM job_schema r JOIN version v ON v.id = r.version"
		" WHERE r.job = ?1 AND v.published AND r.version <= ?2 ORDER BY r.version DESC";
	static const char before[] =
		"SELECT max(id) FROM version WHERE sweep = ?1 AND published AND id < ?2";
	sqlite3_stmt *s = db_stmt(db, sql, err, "ii", job->id, job->version);
	int rc;

	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		int64_t version = sqlite3_column_int64(s, 0), schema = sqlite3_column_int64(s, 1);
		struct db_job other = {0};

		if (!schema) {
			if (version == job->version &&
			    db_number(db, before, &job->version, err, "ii", job->sweep, version))
				break;
			continue;
		}
		rc = db_point_decode(db, schema, sqlite3_column_blob(s, 2),
				     (size_t)sqlite3_column_bytes(s, 2), job->point.sample,
				     &other.point, err);
		if (!rc)
			swap_point(job, &other.point);
		db_job_release(&other);
		break;
	}
	sqlite3_reset(s);
	return rc < 0 ? -1 : 0;
}

static int read_job(struct db *db, sqlite3_stmt *s, struct db_job *out, struct err *err)
{
	const char *values = sqlite3_column_blob(s, 12);

	memset(out, 0, sizeof(*out));
	out->id = sqlite3_column_int64(s, 0);
	out->sweep = sqlite3_column_int64(s, 1);
	out->version = sqlite3_column_int64(s, 2);
	out->state = sqlite3_column_int(s, 3);
	out->reason = sqlite3_column_int(s, 4);
	out->request = sqlite3_column_int(s, 5);
	out->priority = sqlite3_column_int64(s, 6);
	out->tries = sqlite3_column_int64(s, 7);
	out->attempt = sqlite3_column_int64(s, 8);
	out->options = db_column_text(s, 9);
	out->sweep_name = db_column_text(s, 10);
	out->again.tries = sqlite3_column_int64(s, 14);
	out->again.site = sqlite3_column_int64(s, 15);
	out->again.due = sqlite3_column_int64(s, 16);
	out->again.version = sqlite3_column_int64(s, 17);
	out->again.options = db_column_text(s, 18);
	if (db_point_decode(db, sqlite3_column_int64(s, 11), values ? values : "",
			    (size_t)sqlite3_column_bytes(s, 12),
			    sqlite3_column_type(s, 13) == SQLITE_NULL ? -1
								      : sqlite3_column_int64(s, 13),
			    &out->point, err))
		return -1;
	if (sqlite3_column_int(s, 19) && apply_reshapes(db, out, err))
		return -1;
	if (out->again.version != out->version) { /* the sweep has another version since */
		free(out->again.options);
		out->again.options = NULL;
	}
	return 0;
}

/* Reads all rows of a statement of JOB_COLUMNS. The caller frees *v. */
static int read_jobs(struct db *db, sqlite3_stmt *s, struct db_job **v, size_t *n, struct err *err)
{
	int rc = -1;

	*v = NULL;
	*n = 0;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		*v = mem_grow(*v, *n + 1, sizeof(**v));
		if (read_job(db, s, &(*v)[(*n)++], err)) {
			sqlite3_reset(s);
			rc = -1;
			break;
		}
	}
	if (rc >= 0)
		return 0;
	db_jobs_free(*v, *n);
	*v = NULL;
	*n = 0;
	return -1;
}

static int fetch_job(struct db *db, sqlite3_stmt *s, struct db_job *out, struct err *err)
{
	struct db_job *v;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (read_jobs(db, s, &v, &n, err))
		return -1;
	if (!n)
		return DB_NONE;
	*out = v[0];
	free(v);
	return 0;
}

int db_job_get(struct db *db, int64_t id, struct db_job *out, struct err *err)
{
	static const char sql[] = JOB_COLUMNS "job j JOIN sweep s ON s.id = j.sweep" RETRY_STATE
					      "WHERE j.id = ?1 AND" PUBLISHED;

	return fetch_job(db, db_stmt(db, sql, err, "i", id), out, err);
}

int db_job_get_any(struct db *db, int64_t id, struct db_job *out, struct err *err)
{
	static const char sql[] =
		JOB_COLUMNS "job j JOIN sweep s ON s.id = j.sweep" RETRY_STATE "WHERE j.id = ?1";

	return fetch_job(db, db_stmt(db, sql, err, "i", id), out, err);
}

int db_job_get_ran(struct db *db, int64_t id, struct db_job *out, struct err *err)
{
	static const char sql[] =
		JOB_COLUMNS_AT("u.version") "job j JOIN sweep s ON s.id = j.sweep"
					    " JOIN attempt a ON a.id = j.attempt"
					    " JOIN submission u ON u.id = a.submission" RETRY_STATE
					    "WHERE j.id = ?1";

	return fetch_job(db, db_stmt(db, sql, err, "i", id), out, err);
}

static void release_point(struct sweep_point *point)
{
	struct db_job job = {.point = *point};

	db_job_release(&job);
	memset(point, 0, sizeof(*point));
}

/* Reads the parameters of the row: those that the sweep's current version gives the job. */
static int read_point(struct db *db, sqlite3_stmt *s, struct db_point *p, struct err *err)
{
	const char *values = sqlite3_column_blob(s, 6);
	struct db_job job;

	memset(p, 0, sizeof(*p));
	p->job = sqlite3_column_int64(s, 0);
	p->attempt = sqlite3_column_int64(s, 1);
	p->state = sqlite3_column_int(s, 2);
	p->request = sqlite3_column_int(s, 3);
	p->reason = sqlite3_column_int(s, 4);
	if (!sqlite3_column_int(s, 8))
		return db_point_decode(
			db, sqlite3_column_int64(s, 5), values ? values : "",
			(size_t)sqlite3_column_bytes(s, 6),
			sqlite3_column_type(s, 7) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 7),
			&p->point, err);
	if (db_job_get_any(db, p->job, &job, err))
		return -1;
	swap_point(&job, &p->point);
	db_job_release(&job);
	return 0;
}

int db_points_each(struct db *db, int64_t sweep, unsigned states,
		   int (*fn)(void *arg, const struct db_point *p), void *arg, struct err *err)
{
	static const char sql[] =
		"SELECT j.id, j.attempt, j.state, j.request, j.reason, j.schema, j.vals, j.sample,"
		" EXISTS(SELECT 1 FROM job_schema r WHERE r.job = j.id) FROM job j"
		" WHERE j.sweep = ?1 AND (?2 >> j.state) & 1 AND" PUBLISHED "ORDER BY j.id";
	sqlite3_stmt *s = db_stmt(db, sql, err, "ii", sweep, (int64_t)states);
	int rc = 0, row = -1;

	while (s && !rc && (row = db_step_row(db, s, err)) == SQLITE_ROW) {
		struct db_point p;

		rc = read_point(db, s, &p, err);
		if (!rc)
			rc = fn(arg, &p);
		release_point(&p.point);
	}
	if (s)
		sqlite3_reset(s);
	return rc ? rc : row < 0 ? -1 : 0;
}

#define PENDING \
	JOB_COLUMNS \
	"job j INDEXED BY job_pending CROSS JOIN sweep s ON s.id = j.sweep" RETRY_STATE \
	"WHERE j.state = " SQL_PENDING " AND ifnull(g.due, 0) <= ?1 AND" PUBLISHED

int db_jobs_pending(struct db *db, int64_t n, struct db_job **v, size_t *count, struct err *err)
{
	return read_jobs(db,
			 db_stmt(db, PENDING "ORDER BY j.priority DESC, j.id LIMIT ?2", err, "ii",
				 clock_now_ms(), n),
			 v, count, err);
}

int db_jobs_pending_from(struct db *db, int64_t priority, int64_t id, int64_t n, struct db_job **v,
			 size_t *count, struct err *err)
{
	int64_t now = clock_now_ms();
	struct db_job *more;
	size_t nmore;

	if (priority == INT64_MAX && id <= 0)
		return db_jobs_pending(db, n, v, count, err);
	if (read_jobs(db,
		      db_stmt(db,
			      PENDING "AND j.priority = ?2 AND j.id >= ?3 ORDER BY j.id LIMIT ?4",
			      err, "iiii", now, priority, id, n),
		      v, count, err))
		return -1;
	if ((int64_t)*count == n)
		return 0;
	if (read_jobs(db,
		      db_stmt(db,
			      PENDING "AND j.priority < ?2 ORDER BY j.priority DESC, j.id LIMIT ?3",
			      err, "iii", now, priority, n - (int64_t)*count),
		      &more, &nmore, err)) {
		db_jobs_free(*v, *count);
		return -1;
	}
	*v = mem_grow(*v, *count + nmore + 1, sizeof(**v));
	for (size_t i = 0; i < nmore; i++)
		(*v)[(*count)++] = more[i];
	free(more);
	return 0;
}

int db_jobs_waiting(struct db *db, int64_t n, struct db_job **v, size_t *count, struct err *err)
{
	static const char sql[] = JOB_COLUMNS
		"retry_state g CROSS JOIN job j ON j.id = g.job CROSS JOIN sweep s"
		" ON s.id = j.sweep WHERE g.due > ?1 AND j.state = " SQL_PENDING
		" AND s.id NOT IN" DB_PAUSED_SWEEPS "AND" PUBLISHED "ORDER BY g.due, j.id LIMIT ?2";

	return read_jobs(db, db_stmt(db, sql, err, "ii", clock_now_ms(), n), v, count, err);
}

int db_jobs_later(struct db *db, int64_t *n, int64_t *first, struct err *err)
{
	static const char sql[] =
		"SELECT count(*), ifnull(min(g.due), 0) FROM retry_state g CROSS JOIN job j ON j.id = g.job"
		" WHERE g.due > ?1 AND j.state IN (" SQL_PENDING ", " SQL_SUBMITTING ", " SQL_QUEUED
		") AND" PUBLISHED;
	sqlite3_stmt *s = db_stmt(db, sql, err, "i", clock_now_ms());

	if (!s || db_step_row(db, s, err) != SQLITE_ROW)
		return -1;
	*n = sqlite3_column_int64(s, 0);
	*first = sqlite3_column_int64(s, 1);
	sqlite3_reset(s);
	return 0;
}

int db_jobs_retried(struct db *db, int64_t *n, int64_t *last, struct err *err)
{
	static const char sql[] =
		"SELECT count(*), ifnull(max(j.id), 0) FROM retry_state g CROSS JOIN job j ON j.id = g.job"
		" WHERE g.tries + g.site > 0 AND j.state = " SQL_PENDING;
	sqlite3_stmt *s = db_stmt(db, sql, err, "");

	if (!s || db_step_row(db, s, err) != SQLITE_ROW)
		return -1;
	*n = sqlite3_column_int64(s, 0);
	*last = sqlite3_column_int64(s, 1);
	sqlite3_reset(s);
	return 0;
}

/* ---- what the user asks for ---- */

#define TO_PENDING \
	"UPDATE job SET state = " SQL_PENDING ", reason = " SQL_REASON_NONE \
	", request = " SQL_REQUEST_NONE
#define TO_CANCELLED \
	"UPDATE job SET state = " SQL_CANCELLED ", reason = " SQL_REASON_CANCELLED \
	", request = " SQL_REQUEST_CANCEL
#define TO_HELD \
	"UPDATE job SET state = " SQL_HELD ", reason = " SQL_REASON_USER \
	", request = " SQL_REQUEST_HOLD
#define TO_HELD_BY_BREAKER \
	"UPDATE job SET state = " SQL_HELD ", reason = " SQL_REASON_BREAKER \
	", request = " SQL_REQUEST_BREAKER
#define TO_REFUSED \
	"UPDATE job SET state = " SQL_HELD ", reason = " SQL_REASON_REFUSED \
	", request = " SQL_REQUEST_HOLD

static int update_job(struct db *db, const char *sql, int64_t id, int *out, struct err *err)
{
	int64_t n;

	if (db_exec(db, sql, &n, err, "i", id))
		return -1;
	*out = n > 0;
	return 0;
}

/* All attempts of job ?1. */
#define CHAIN \
	"WITH RECURSIVE chain(id, prev) AS (" \
	" SELECT a.id, a.prev FROM attempt a JOIN job j ON a.id = j.attempt WHERE j.id = ?1" \
	" UNION ALL SELECT a.id, a.prev FROM attempt a JOIN chain c ON a.id = c.prev) "

static int void_steps(struct db *db, int64_t id, bool all, const char *from_step, struct err *err)
{
	static const char every[] =
		CHAIN "UPDATE step SET void = 1 WHERE attempt IN (SELECT id FROM chain)";
	static const char from[] =
		CHAIN "UPDATE step SET void = 1 WHERE attempt IN (SELECT id FROM chain) AND seq >="
		      " (SELECT min(t.seq) FROM step t WHERE t.attempt IN (SELECT id FROM chain)"
		      "  AND (t.key = ?2 OR substr(t.key, 1, length(?2) + 1) = ?2 || ' '))";

	if (from_step)
		return db_exec(db, from, NULL, err, "it", id, from_step);
	return all ? db_exec(db, every, NULL, err, "i", id) : 0;
}

int db_job_retry(struct db *db, int64_t id, bool completed, bool all, const char *from_step,
		 const char *options, int *out, struct err *err)
{
	static const char sql[] =
		TO_PENDING ", missing = 0,"
			   " options = CASE WHEN ?3 IS NULL THEN options ELSE nullif(?3, '') END"
			   " WHERE id = ?1 AND (state IN (" SQL_FAILED ", " SQL_CANCELLED
			   ") OR (?2 AND state = " SQL_COMPLETED ")"
			   "  OR (?3 IS NOT NULL AND state = " SQL_HELD
			   " AND reason = " SQL_REASON_REFUSED "))";
	static const char work[] = "DELETE FROM setting WHERE key = '" STATE_SWEEP_OVER
				   "' || (SELECT sweep FROM job WHERE id = ?1)";
	static const char gone[] = "DELETE FROM retry_state WHERE job = ?1";
	static const char anew[] =
		"UPDATE retry_state SET tries = 0, site = 0, due = 0 WHERE job = ?1";
	int64_t n;

	if (db_exec(db, sql, &n, err, "iit", id, (int64_t)completed, options))
		return -1;
	*out = n > 0;
	if (!n)
		return 0;
	return db_exec(db, work, NULL, err, "i", id) ||
			       db_exec(db, options ? gone : anew, NULL, err, "i", id)
		       ? -1
		       : void_steps(db, id, all, from_step, err);
}

/* Changes a job at once, or else stores the request for a job in flight. */
static int apply_or_request(struct db *db, const char *now, const char *request, int64_t id,
			    int *out, struct err *err)
{
	if (update_job(db, now, id, out, err))
		return -1;
	return *out ? 0 : update_job(db, request, id, out, err);
}

int db_job_cancel(struct db *db, int64_t id, int *out, struct err *err)
{
	static const char now[] =
		TO_CANCELLED " WHERE id = ?1 AND state IN (" SQL_PENDING ", " SQL_HELD ")";
	static const char request[] = "UPDATE job SET request = " SQL_REQUEST_CANCEL
				      " WHERE id = ?1 AND state IN " SQL_IN_FLIGHT;

	return apply_or_request(db, now, request, id, out, err);
}

int db_job_hold(struct db *db, int64_t id, int *out, struct err *err)
{
	static const char now[] = TO_HELD " WHERE id = ?1 AND state = " SQL_PENDING;
	static const char request[] =
		"UPDATE job SET request = " SQL_REQUEST_HOLD
		" WHERE id = ?1 AND state IN (" SQL_SUBMITTING ", " SQL_QUEUED ")"
		" AND request = " SQL_REQUEST_NONE;

	return apply_or_request(db, now, request, id, out, err);
}

int db_job_hold_value(struct db *db, int64_t id, int *out, struct err *err)
{
	static const char now[] = TO_HELD_BY_BREAKER " WHERE id = ?1 AND state = " SQL_PENDING;
	static const char request[] =
		"UPDATE job SET request = " SQL_REQUEST_BREAKER
		" WHERE id = ?1 AND state IN (" SQL_SUBMITTING ", " SQL_QUEUED ")"
		" AND request = " SQL_REQUEST_NONE;

	return apply_or_request(db, now, request, id, out, err);
}

int db_job_release_held(struct db *db, int64_t id, int *out, struct err *err)
{
	static const char now[] = TO_PENDING " WHERE id = ?1 AND state = " SQL_HELD;
	static const char request[] = "UPDATE job SET request = " SQL_REQUEST_NONE
				      " WHERE id = ?1 AND request IN (" SQL_REQUEST_HOLD
				      ", " SQL_REQUEST_BREAKER ") AND state IN " SQL_IN_FLIGHT;

	return apply_or_request(db, now, request, id, out, err);
}

int db_job_priority(struct db *db, int64_t id, int64_t priority, int *out, struct err *err)
{
	static const char sql[] = "UPDATE job SET priority = ?2 WHERE id = ?1 AND priority <> ?2";
	int64_t n;

	if (db_exec(db, sql, &n, err, "ii", id, priority))
		return -1;
	*out = n > 0;
	return 0;
}

int db_job_delete(struct db *db, int64_t id, int *out, struct err *err)
{
	/* a job with an attempt has a history, and its files may still be ingested */
	return update_job(
		db, "DELETE FROM job WHERE id = ?1 AND state = " SQL_PENDING " AND attempt = 0", id,
		out, err);
}

int db_sweep_note(struct db *db, int64_t sweep, const char *text, struct err *err)
{
	return state_set_refused(db, sweep, text, err);
}

int db_job_refuse(struct db *db, const struct db_job *job, const char *text, struct err *err)
{
	static const char sql[] = TO_REFUSED " WHERE id = ?1 AND state = " SQL_PENDING;

	if (db_exec(db, sql, NULL, err, "i", job->id))
		return -1;
	return db_sweep_note(db, job->sweep, text, err);
}

int db_sweep_hold(struct db *db, int64_t sweep, const char *text, int64_t *n, struct err *err)
{
	static const char sql[] =
		TO_REFUSED " WHERE sweep = ?1 AND state = " SQL_PENDING " AND version IN"
			   " (SELECT id FROM version WHERE published)";

	if (db_exec(db, sql, n, err, "i", sweep))
		return -1;
	return db_sweep_note(db, sweep, text, err);
}
