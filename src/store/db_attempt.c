/*
 * db_attempt.c - attempts, and every transition that Slurm or a job's own files bring about.
 *
 * Each is one guarded UPDATE of the job's row (the state it may come from, and this attempt as the
 * newest) and one of the attempt's, whose history is never overwritten by less authority.
 */
#include "store/db_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "store/db_sql.h"

#define ATTEMPT_COLUMNS \
	"SELECT a.id, a.job, a.prev, a.submission, a.slurm_id, a.closed, a.completed, a.reason," \
	" a.exit_code, a.signal, a.node, a.started, a.ended, a.maxrss_kib, a.cpu_ms," \
	" s.first, s.ntasks, s.slurm_job, s.created, s.version, a.slurm_reason" \
	" FROM attempt a JOIN submission s ON s.id = a.submission "

void db_attempt_release(struct db_attempt *a)
{
	free(a->node);
	free(a->slurm_reason);
	memset(a, 0, sizeof(*a));
}

static int fetch_attempt(struct db *db, sqlite3_stmt *s, struct db_attempt *out, struct err *err)
{
	int rc = s ? db_step_row(db, s, err) : -1;

	memset(out, 0, sizeof(*out));
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	out->id = sqlite3_column_int64(s, 0);
	out->job = sqlite3_column_int64(s, 1);
	out->prev = sqlite3_column_int64(s, 2);
	out->submission = (uint64_t)sqlite3_column_int64(s, 3);
	out->slurm_id = (uint64_t)sqlite3_column_int64(s, 4);
	out->closed = sqlite3_column_int(s, 5);
	out->completed = sqlite3_column_int(s, 6) != 0;
	out->reason = sqlite3_column_int(s, 7);
	out->exit_code = sqlite3_column_int(s, 8);
	out->signal = sqlite3_column_int(s, 9);
	out->node = db_column_text(s, 10);
	out->started = sqlite3_column_int64(s, 11);
	out->ended = sqlite3_column_int64(s, 12);
	out->maxrss_kib = sqlite3_column_int64(s, 13);
	out->cpu_ms = sqlite3_column_int64(s, 14);
	out->first = sqlite3_column_int64(s, 15);
	out->task = (int)(out->id - out->first);
	out->ntasks = sqlite3_column_int(s, 16);
	out->slurm_job = (uint64_t)sqlite3_column_int64(s, 17);
	out->queued = sqlite3_column_int64(s, 18);
	out->version = sqlite3_column_int64(s, 19);
	out->slurm_reason = db_column_text(s, 20);
	sqlite3_reset(s);
	return 0;
}

int db_attempt_get(struct db *db, int64_t id, struct db_attempt *out, struct err *err)
{
	return fetch_attempt(db, db_stmt(db, ATTEMPT_COLUMNS "WHERE a.id = ?1", err, "i", id), out,
			     err);
}

int db_attempt_find(struct db *db, uint64_t submission, int task, int64_t *id, int *closed,
		    struct err *err)
{
	static const char sql[] =
		"SELECT a.id, a.closed FROM submission s CROSS JOIN attempt a ON a.id = s.first + ?2"
		" WHERE s.id = ?1 AND ?2 BETWEEN 0 AND s.ntasks - 1 AND a.submission = ?1"
		" AND (SELECT published FROM version WHERE id = s.version)";
	sqlite3_stmt *s = db_stmt(db, sql, err, "ui", submission, (int64_t)task);
	int rc = s ? db_step_row(db, s, err) : -1;

	*id = 0;
	*closed = CLOSED_NOT;
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	*id = sqlite3_column_int64(s, 0);
	*closed = sqlite3_column_int(s, 1);
	sqlite3_reset(s);
	return 0;
}

int db_flights(struct db *db, struct db_flight **v, size_t *n, struct err *err)
{
	static const char sql[] =
		"SELECT j.id, j.attempt, j.sweep, j.state, j.request, a.submission, s.first, s.ntasks,"
		" s.slurm_job, a.slurm_id, s.created, j.missing, s.version, s.answer,"
		" ifnull(a.slurm_reason, '')"
		" FROM job j INDEXED BY job_flight CROSS JOIN attempt a ON a.id = j.attempt"
		" CROSS JOIN submission s ON s.id = a.submission"
		" WHERE j.state IN " SQL_IN_FLIGHT " ORDER BY j.attempt";
	sqlite3_stmt *s = db_stmt(db, sql, err, "");
	size_t cap = 0;
	int rc = -1;

	*v = NULL;
	*n = 0;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		struct db_flight *f;

		if (*n == cap) {
			cap = cap ? cap * 2 : 32;
			*v = mem_grow(*v, cap, sizeof(**v));
		}
		f = &(*v)[(*n)++];
		f->job = sqlite3_column_int64(s, 0);
		f->attempt = sqlite3_column_int64(s, 1);
		f->sweep = sqlite3_column_int64(s, 2);
		f->state = sqlite3_column_int(s, 3);
		f->request = sqlite3_column_int(s, 4);
		f->submission = (uint64_t)sqlite3_column_int64(s, 5);
		f->task = (int)(f->attempt - sqlite3_column_int64(s, 6));
		f->ntasks = sqlite3_column_int(s, 7);
		f->slurm_job = (uint64_t)sqlite3_column_int64(s, 8);
		f->slurm_id = (uint64_t)sqlite3_column_int64(s, 9);
		f->created = sqlite3_column_int64(s, 10);
		f->missing_since = sqlite3_column_int64(s, 11);
		f->version = sqlite3_column_int64(s, 12);
		f->answer = sqlite3_column_int(s, 13);
		snprintf(f->slurm_reason, sizeof(f->slurm_reason), "%s",
			 (const char *)sqlite3_column_text(s, 14));
	}
	if (rc >= 0)
		return 0;
	free(*v);
	*v = NULL;
	*n = 0;
	return -1;
}

int db_holds_requested(struct db *db, bool *any, struct err *err)
{
	static const char sql[] =
		"SELECT count(*) FROM job INDEXED BY job_flight WHERE state IN " SQL_IN_FLIGHT
		" AND state <> " SQL_RUNNING " AND request IN (" SQL_REQUEST_HOLD
		", " SQL_REQUEST_BREAKER ")";
	int64_t n;

	if (db_number(db, sql, &n, err, ""))
		return -1;
	*any = n > 0;
	return 0;
}

/* ---- how attempts went ---- */

int db_ends_since(struct db *db, int64_t since, int64_t *n, struct err *err)
{
	return db_number(db,
			 "SELECT count(*) FROM (SELECT started, ended FROM attempt"
			 " ORDER BY id DESC LIMIT 1000) WHERE started > 0 AND ended >= ?1",
			 n, err, "i", since);
}

int db_recent_ends(struct db *db, int64_t sweep, int64_t since, int64_t *n, int64_t *earliest,
		   struct err *err)
{
	static const char sql[] =
		"SELECT count(*), ifnull(min(r.ended), 0) FROM (SELECT job, ended FROM attempt"
		" WHERE completed ORDER BY id DESC LIMIT 5000) r JOIN job j ON j.id = r.job"
		" WHERE r.ended >= ?2 AND (?1 = 0 OR j.sweep = ?1)";
	sqlite3_stmt *s = db_stmt(db, sql, err, "ii", sweep, since);

	if (!s || db_step_row(db, s, err) != SQLITE_ROW)
		return -1;
	*n = sqlite3_column_int64(s, 0);
	*earliest = sqlite3_column_int64(s, 1);
	sqlite3_reset(s);
	return 0;
}

void db_tries_free(struct db_try *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].node);
	free(v);
}

int db_tries_newest(struct db *db, int64_t sweep, struct db_try **v, size_t *n, struct err *err)
{
	static const char sql[] =
		"SELECT a.id, a.job, j.attempt, j.state, a.closed, a.completed, a.reason, a.started,"
		" a.ended, a.node FROM (SELECT * FROM attempt ORDER BY id DESC LIMIT 2000) a"
		" CROSS JOIN job j ON j.id = a.job WHERE j.sweep = ?1 AND a.started > 0";
	sqlite3_stmt *s = db_stmt(db, sql, err, "i", sweep);
	size_t cap = 0;
	int rc = -1;

	*v = NULL;
	*n = 0;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		struct db_try *t;

		if (*n == cap) {
			cap = cap ? cap * 2 : 64;
			*v = mem_grow(*v, cap, sizeof(**v));
		}
		t = &(*v)[(*n)++];
		t->id = sqlite3_column_int64(s, 0);
		t->job = sqlite3_column_int64(s, 1);
		t->newest = sqlite3_column_int64(s, 2) == t->id;
		t->state = sqlite3_column_int(s, 3);
		t->closed = sqlite3_column_int(s, 4) != CLOSED_NOT;
		t->completed = sqlite3_column_int(s, 5) != 0;
		t->reason = sqlite3_column_int(s, 6);
		t->started = sqlite3_column_int64(s, 7);
		t->ended = sqlite3_column_int64(s, 8);
		t->node = db_column_text(s, 9);
	}
	if (rc >= 0)
		return 0;
	db_tries_free(*v, *n);
	*v = NULL;
	*n = 0;
	return -1;
}

/* ---- transitions ---- */

int db_job_move(struct db *db, const struct db_move *m, int *changed, struct err *err)
{
	int64_t n;

	if (db_exec(db,
		    "UPDATE job SET state = ?4, reason = ?5, missing = 0, attempt = ?6"
		    " WHERE id = ?1 AND attempt = ?2 AND state = ?3",
		    &n, err, "iiiiii", m->job, m->attempt, (int64_t)m->state, (int64_t)m->to,
		    (int64_t)m->reason, m->to_attempt))
		return -1;
	*changed = n > 0;
	return 0;
}

/* The rows that an attempt's transition depends on: its own, and its job's. */
struct row {
	int64_t job;
	int closed;
	bool newest, started;
	int state, reason, request;
};

/* Reads the rows. A missing attempt or job (another database was put in place) reads as closed. */
static int read_attempt_row(struct db *db, int64_t attempt, struct row *r, struct err *err)
{
	static const char sql[] =
		"SELECT a.job, a.closed, j.attempt = a.id, j.state, j.reason, j.request, a.started > 0"
		" FROM attempt a JOIN job j ON j.id = a.job WHERE a.id = ?1";
	sqlite3_stmt *s = db_stmt(db, sql, err, "i", attempt);
	int rc = s ? db_step_row(db, s, err) : -1;

	memset(r, 0, sizeof(*r));
	if (rc < 0)
		return -1;
	if (rc != SQLITE_ROW) { /* a closed attempt is not changed any more */
		r->closed = CLOSED_REPORTED;
		return 0;
	}
	r->job = sqlite3_column_int64(s, 0);
	r->closed = sqlite3_column_int(s, 1);
	r->newest = sqlite3_column_int(s, 2) != 0;
	r->state = sqlite3_column_int(s, 3);
	r->reason = sqlite3_column_int(s, 4);
	r->request = sqlite3_column_int(s, 5);
	r->started = sqlite3_column_int(s, 6) != 0;
	sqlite3_reset(s);
	return 0;
}

int db_attempt_closed(struct db *db, int64_t attempt, int *closed, struct err *err)
{
	struct row r;
	int rc = read_attempt_row(db, attempt, &r, err);

	*closed = r.closed;
	return rc;
}

/* Moves the job. reason is the attempt's; a cancelled job always has REASON_CANCELLED. */
static int move_job(struct db *db, const struct row *r, int64_t attempt, int state, int reason,
		    int *changed, struct err *err)
{
	const struct db_move m = {.job = r->job,
				  .attempt = attempt,
				  .to_attempt = attempt,
				  .state = r->state,
				  .to = state,
				  .reason = state == JOB_CANCELLED ? REASON_CANCELLED : reason};

	return db_job_move(db, &m, changed, err);
}

/* Closes an attempt with its end, unless it is closed with equal or more authority. */
static int close_attempt(struct db *db, int64_t attempt, int how, const struct job_end *e,
			 struct err *err)
{
	return db_exec(
		db,
		"UPDATE attempt SET closed = ?2, completed = ?3, reason = ?4, exit_code = ?5,"
		" signal = ?6, ended = ?7, maxrss_kib = ?8, cpu_ms = ?9"
		" WHERE id = ?1 AND closed < ?2",
		NULL, err, "iiiiiiiii", attempt, (int64_t)how, (int64_t)e->completed,
		(int64_t)e->reason, (int64_t)e->exit_code, (int64_t)e->signal, e->ended,
		e->maxrss_kib, e->cpu_ms);
}

/* Returns the state of a job that did not complete: as requested, else failed or cancelled. */
static int choose_end_state(const struct row *r, int reason)
{
	if (r->request == REQUEST_CANCEL || reason == REASON_CANCELLED)
		return JOB_CANCELLED;
	if (r->request == REQUEST_HOLD)
		return JOB_HELD;
	return JOB_FAILED;
}

int db_attempt_queued(struct db *db, int64_t attempt, uint64_t slurm_job, int *changed,
		      struct err *err)
{
	struct row r;

	*changed = 0;
	if (read_attempt_row(db, attempt, &r, err))
		return -1;
	if (db_exec(db,
		    "UPDATE submission SET slurm_job = ?2 WHERE slurm_job = 0 AND id ="
		    " (SELECT submission FROM attempt WHERE id = ?1)",
		    NULL, err, "iu", attempt, slurm_job))
		return -1;
	if (!r.newest || r.closed || r.state != JOB_SUBMITTING)
		return 0;
	return move_job(db, &r, attempt, JOB_QUEUED, REASON_NONE, changed, err);
}

int db_attempt_running(struct db *db, int64_t attempt, uint64_t slurm_id, const char *node,
		       int64_t started, int *changed, struct err *err)
{
	struct row r;
	int64_t n;

	*changed = 0;
	if (read_attempt_row(db, attempt, &r, err) ||
	    db_exec(db,
		    "UPDATE attempt SET slurm_id = ?2, node = ?3, started = ?4, slurm_reason = NULL"
		    " WHERE id = ?1 AND (started = 0 OR started > ?4)",
		    &n, err, "iuti", attempt, slurm_id, node, started ? started : clock_now_ms()))
		return -1;
	if (n && !r.started &&
	    db_exec(db, "UPDATE job SET tries = tries + 1 WHERE id = ?1", NULL, err, "i", r.job))
		return -1;
	if (!r.newest || r.closed || (r.state != JOB_SUBMITTING && r.state != JOB_QUEUED))
		return 0;
	return move_job(db, &r, attempt, JOB_RUNNING, REASON_NONE, changed, err);
}

/* Returns whether an attempt's end may still move its job. The attempt must be the newest. If it
 * is not closed, the job must be in flight; if it is closed, its end was inferred or reported by
 * a twin. */
static bool can_move_job(const struct row *r)
{
	return r->newest && (r->closed != CLOSED_NOT || job_state_in_flight(r->state));
}

int db_attempt_reported(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			struct err *err)
{
	struct row r;
	int rc = 0;

	*changed = 0;
	if (read_attempt_row(db, attempt, &r, err))
		return -1;
	if (r.closed == CLOSED_REPORTED)
		return 0;
	if (can_move_job(&r)) {
		if (end->completed)
			rc = move_job(db, &r, attempt, JOB_COMPLETED, REASON_NONE, changed, err);
		else if (r.closed == CLOSED_NOT)
			rc = move_job(db, &r, attempt, choose_end_state(&r, end->reason),
				      end->reason, changed, err);
		else if (r.state == JOB_FAILED) /* the reported end replaces the inferred one */
			rc = move_job(db, &r, attempt, choose_end_state(&r, end->reason),
				      end->reason, changed, err);
		/* pending or held by now: a late failure does not undo what the user asked for */
	}
	return rc ? rc : close_attempt(db, attempt, CLOSED_REPORTED, end, err);
}

int db_attempt_preempted(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			 struct err *err)
{
	struct row r;
	int rc = 0;

	*changed = 0;
	if (read_attempt_row(db, attempt, &r, err))
		return -1;
	if (r.closed == CLOSED_REPORTED || r.closed == CLOSED_PREEMPTED)
		return 0;
	if (r.newest &&
	    ((r.closed == CLOSED_NOT && job_state_in_flight(r.state)) ||
	     (r.closed == CLOSED_INFERRED && r.state == JOB_FAILED && r.reason == REASON_LOST)))
		rc = move_job(db, &r, attempt, choose_end_state(&r, end->reason), end->reason,
			      changed, err);
	return rc ? rc : close_attempt(db, attempt, CLOSED_PREEMPTED, end, err);
}

int db_attempt_inferred(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			struct err *err)
{
	struct row r;

	*changed = 0;
	if (read_attempt_row(db, attempt, &r, err))
		return -1;
	if (!r.newest || r.closed != CLOSED_NOT || !job_state_in_flight(r.state))
		return 0;
	if (move_job(db, &r, attempt, choose_end_state(&r, end->reason), end->reason, changed, err))
		return -1;
	return close_attempt(db, attempt, CLOSED_INFERRED, end, err);
}

int db_attempt_revoked(struct db *db, int64_t attempt, int to, int reason, int *changed,
		       struct err *err)
{
	struct job_end end = {.reason = reason, .ended = clock_now_ms()};
	struct row r;

	*changed = 0;
	if (read_attempt_row(db, attempt, &r, err))
		return -1;
	if (!r.newest || r.closed != CLOSED_NOT ||
	    (r.state != JOB_SUBMITTING && r.state != JOB_QUEUED))
		return 0;
	if (r.request == REQUEST_CANCEL) {
		to = JOB_CANCELLED;
		end.reason = REASON_CANCELLED;
	} else if (r.request == REQUEST_HOLD) {
		to = JOB_HELD;
		end.reason = REASON_USER;
	} else if (r.request == REQUEST_BREAKER) {
		to = JOB_HELD;
		end.reason = REASON_BREAKER;
	}
	if (move_job(db, &r, attempt, to, to == JOB_PENDING ? REASON_NONE : end.reason, changed,
		     err))
		return -1;
	return close_attempt(db, attempt, CLOSED_INFERRED, &end, err);
}

int db_attempt_again(struct db *db, int64_t attempt, const struct db_again *next, int *changed,
		     struct err *err)
{
	static const char pending[] =
		"UPDATE job SET state = " SQL_PENDING ", reason = " SQL_REASON_NONE ", missing = 0"
		" WHERE id = ?1 AND attempt = ?2 AND state = " SQL_FAILED
		" AND request = " SQL_REQUEST_NONE;
	struct row r;
	int64_t n;

	*changed = 0;
	if (read_attempt_row(db, attempt, &r, err) ||
	    db_exec(db, pending, &n, err, "ii", r.job, attempt))
		return -1;
	*changed = n > 0;
	if (!n)
		return 0;
	return db_exec(db,
		       "INSERT OR REPLACE INTO retry_state(job, tries, site, due, version, options)"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
		       NULL, err, "iiiiit", r.job, next->tries, next->site, next->due,
		       next->version, next->options);
}

int db_attempt_missing(struct db *db, int64_t attempt, int64_t since, struct err *err)
{
	return db_exec(db,
		       "UPDATE job SET missing = ?2 WHERE state IN " SQL_IN_FLIGHT
		       " AND attempt = ?1"
		       " AND missing <> ?2",
		       NULL, err, "ii", attempt, since);
}

int db_attempt_slurm_reason(struct db *db, int64_t attempt, const char *reason, struct err *err)
{
	return db_exec(db,
		       "UPDATE attempt SET slurm_reason = ?2"
		       " WHERE id = ?1 AND slurm_reason IS NOT ?2",
		       NULL, err, "it", attempt, reason);
}
