/*
 * db_submission.c - submissions: claiming jobs for one, sbatch's answer, and the ends of its
 * attempts.
 */
#include "store/db_internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "store/db_sql.h"

void db_submission_release(struct db_submission *s)
{
	free(s->text);
	free(s->limit_group);
	free(s->options);
	memset(s, 0, sizeof(*s));
}

static int claim_job(struct db *db, const struct db_submission *in, const struct db_job *job,
		     int64_t attempt, struct err *err)
{
	const struct db_move m = {.job = job->id,
				  .attempt = job->attempt,
				  .to_attempt = attempt,
				  .state = JOB_PENDING,
				  .to = JOB_SUBMITTING,
				  .reason = REASON_NONE};
	int changed;

	if (db_job_move(db, &m, &changed, err))
		return -1;
	if (!changed)
		return err_set(err, ERR_FAILED, "cannot claim job %lld: it is no longer pending",
			       (long long)job->id);
	return db_exec(db, "INSERT INTO attempt(id, job, prev, submission) VALUES(?1, ?2, ?3, ?4)",
		       NULL, err, "iiiu", attempt, job->id, job->attempt, in->id);
}

int db_next_attempt(struct db *db, int64_t *id, struct err *err)
{
	return db_number(db, "SELECT " SQL_NEXT_ID("attempt"), id, err, "");
}

int db_claim(struct db *db, struct db_submission *in, const struct db_job *jobs, size_t n,
	     struct err *err)
{
	in->created = clock_now_ms();
	in->ntasks = (int)n;
	if ((!in->first && db_next_attempt(db, &in->first, err)) ||
	    db_exec(db,
		    "INSERT INTO submission(id, version, first, ntasks, created, limit_group, options)"
		    " VALUES(?1, ?2, ?3, ?4, ?5, ifnull(?6, '//'), ?7)",
		    NULL, err, "uiiiitt", in->id, in->version, in->first, (int64_t)n, in->created,
		    in->limit_group, in->options))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (claim_job(db, in, &jobs[i], in->first + (int64_t)i, err) ||
		    (jobs[i].attempt &&
		     db_results_carry(db, jobs[i].attempt, in->first + (int64_t)i, err)))
			return -1;
	return 0;
}

#define SUBMISSION_COLUMNS \
	"SELECT version, first, ntasks, slurm_job, answer, text, created, limit_group, id, options FROM submission "

static int fetch_submission(struct db *db, sqlite3_stmt *s, struct db_submission *out,
			    struct err *err)
{
	int rc = s ? db_step_row(db, s, err) : -1;

	memset(out, 0, sizeof(*out));
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	out->version = sqlite3_column_int64(s, 0);
	out->first = sqlite3_column_int64(s, 1);
	out->ntasks = sqlite3_column_int(s, 2);
	out->slurm_job = (uint64_t)sqlite3_column_int64(s, 3);
	out->answer = sqlite3_column_int(s, 4);
	out->text = db_column_text(s, 5);
	out->created = sqlite3_column_int64(s, 6);
	out->limit_group = db_column_text(s, 7);
	out->id = (uint64_t)sqlite3_column_int64(s, 8);
	out->options = db_column_text(s, 9);
	sqlite3_reset(s);
	return 0;
}

int db_submission_get(struct db *db, uint64_t id, struct db_submission *out, struct err *err)
{
	return fetch_submission(db, db_stmt(db, SUBMISSION_COLUMNS "WHERE id = ?1", err, "u", id),
				out, err);
}

int db_submission_newest(struct db *db, struct db_submission *out, struct err *err)
{
	static const char sql[] = SUBMISSION_COLUMNS
		"WHERE id = (SELECT a.submission FROM attempt a JOIN submission s ON s.id = a.submission"
		" JOIN version v ON v.id = s.version WHERE v.published ORDER BY a.id DESC LIMIT 1)";

	return fetch_submission(db, db_stmt(db, sql, err, ""), out, err);
}

/* Reads the submitting jobs of a submission: n pairs of job and attempt. The caller frees *v. */
static int list_submitting_jobs(struct db *db, uint64_t id, int64_t **v, size_t *n, struct err *err)
{
	static const char sql[] =
		"SELECT j.id, j.attempt FROM submission s CROSS JOIN job j INDEXED BY job_flight"
		" ON j.attempt BETWEEN s.first AND s.first + s.ntasks - 1"
		" WHERE s.id = ?1 AND j.state IN " SQL_IN_FLIGHT " AND j.state = " SQL_SUBMITTING;
	sqlite3_stmt *s = db_stmt(db, sql, err, "u", id);
	size_t cap = 0;
	int rc = -1;

	*v = NULL;
	*n = 0;
	while (s && (rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		if (*n == cap) {
			cap = cap ? cap * 2 : 32;
			*v = mem_grow(*v, cap * 2, sizeof(**v));
		}
		(*v)[*n * 2] = sqlite3_column_int64(s, 0);
		(*v)[(*n)++ * 2 + 1] = sqlite3_column_int64(s, 1);
	}
	return rc < 0 ? -1 : 0;
}

int db_submission_answer(struct db *db, uint64_t id, int answer, uint64_t slurm_job,
			 const char *text, struct err *err)
{
	int64_t n, *v = NULL;
	size_t jobs = 0;
	int rc = 0, changed;

	/* an id that is known already stays: the job was found by name, or the answer is
	 * ingested again */
	if (db_exec(db,
		    "UPDATE submission SET answer = ?2, slurm_job = ?3, text = ?4"
		    " WHERE id = ?1 AND slurm_job = 0",
		    &n, err, "uiut", id, (int64_t)answer, slurm_job, text))
		return -1;
	if (!n || !slurm_job)
		return 0;
	rc = list_submitting_jobs(db, id, &v, &jobs, err);
	for (size_t i = 0; i < jobs && !rc; i++) {
		const struct db_move m = {.job = v[i * 2],
					  .attempt = v[i * 2 + 1],
					  .to_attempt = v[i * 2 + 1],
					  .state = JOB_SUBMITTING,
					  .to = JOB_QUEUED,
					  .reason = REASON_NONE};

		rc = db_job_move(db, &m, &changed, err);
	}
	free(v);
	return rc;
}

int db_submission_plain(struct db *db, uint64_t id, bool *plain, struct err *err)
{
	static const char sql[] =
		"SELECT count(*) FROM submission s JOIN attempt a ON a.id BETWEEN s.first AND"
		" s.first + s.ntasks - 1 JOIN job j ON j.id = a.job LEFT JOIN retry_state g ON g.job = j.id"
		" WHERE s.id = ?1 AND (j.options IS NOT NULL OR g.options IS NOT NULL)";
	int64_t n;
	int rc = db_number(db, sql, &n, err, "u", id);

	*plain = !rc && !n;
	return rc;
}

int db_submission_closed(struct db *db, uint64_t id, bool *closed, struct err *err)
{
	static const char sql[] =
		"SELECT (SELECT count(*) FROM attempt a WHERE a.id BETWEEN s.first AND"
		" s.first + s.ntasks - 1 AND a.closed = " SQL_CLOSED_NOT
		") FROM submission s WHERE s.id = ?1";
	int64_t open;
	int rc = db_number(db, sql, &open, err, "u", id);

	*closed = !rc && !open;
	return rc;
}

int db_last_cancelled(struct db *db, bool *yes, struct err *err)
{
	static const char sql[] =
		"SELECT count(*) FROM attempt a JOIN job j ON j.id = a.job"
		" WHERE a.ended >= (SELECT max(ended) - 10000 FROM attempt)"
		" AND a.reason = " SQL_REASON_CANCELLED " AND j.request = " SQL_REQUEST_NONE;
	int64_t n = 0;
	int rc = db_number(db, sql, &n, err, "");

	*yes = n == 1;
	return rc;
}

int db_ended_by_itself(struct db *db, int64_t before, int64_t after, bool *yes, struct err *err)
{
	static const char sql[] =
		"SELECT EXISTS(SELECT 1 FROM attempt a JOIN submission s ON s.id = a.submission"
		" WHERE a.ended > ?2 AND s.created <= ?1 AND a.reason <> " SQL_REASON_CANCELLED
		" AND a.closed NOT IN (" SQL_CLOSED_NOT ", " SQL_CLOSED_INFERRED "))";
	int64_t n = 0;
	int rc = db_number(db, sql, &n, err, "ii", before, after);

	*yes = n > 0;
	return rc;
}

int db_cancel_requested(struct db *db, uint64_t submission, int task, bool *yes, struct err *err)
{
	static const char sql[] =
		"SELECT count(*) FROM submission s JOIN attempt a ON a.id = s.first + ?2"
		" JOIN job j ON j.id = a.job WHERE s.id = ?1 AND (j.request <> " SQL_REQUEST_NONE
		" OR (a.closed = " SQL_CLOSED_INFERRED " AND a.reason = " SQL_REASON_NONE "))";
	int64_t n = 0;
	int rc = db_number(db, sql, &n, err, "ui", submission, (int64_t)task);

	*yes = n > 0;
	return rc;
}
