/* slurmq log - prints the output of a job */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "chain/ingest.h"
#include "lib/clock.h"
#include "cmd/unstarted.h"
#include "cmd/view.h"

struct args {
	struct select_args select;
	const char *step;
	int64_t attempt, tail;
	bool follow;
};

/* The supervisor begins each section of a log with the line: MARK "step " KEY END. */
#define MARK VIEW_MARK
#define MARK_STEP MARK "step "
#define MARK_END " <=="

struct reader {
	struct cmd_ctx *ctx;
	const struct args *args;
	const char *step;   /* NULL: the whole log */
	int64_t skip, seen; /* lines of the step that are not printed, and that were read */
	int fd;
	struct buf line; /* a line that is not complete yet */
	bool inside, found;
	bool any; /* the log is not empty */
};

/* Returns whether line is the heading of this step; step may also be the name of a step with
 * parameters. */
static bool begins_step(const char *line, size_t len, const char *step)
{
	size_t n = strlen(step), before = strlen(MARK_STEP), after = strlen(MARK_END);
	const char *key = line + before;

	if (len < before + n + after || memcmp(line, MARK_STEP, before) != 0 ||
	    memcmp(key, step, n) != 0)
		return false;
	if (len == before + n + after && !memcmp(key + n, MARK_END, after))
		return true;
	return key[n] == ' ' && !memchr(step, ' ', n) &&
	       !memcmp(line + len - after, MARK_END, after);
}

static void print_line_of_step(struct reader *r)
{
	size_t len = r->line.len;

	if (len && r->line.s[len - 1] == '\n')
		len--;
	if (len >= strlen(MARK) && !memcmp(r->line.s, MARK, strlen(MARK)))
		r->inside = begins_step(r->line.s, len, r->step);
	if (r->inside) {
		r->found = true;
		if (r->seen++ >= r->skip)
			fwrite(r->line.s, 1, r->line.len, stdout);
	}
	buf_clear(&r->line);
}

static void print_data(struct reader *r, const char *data, size_t len)
{
	if (!r->step) {
		fwrite(data, 1, len, stdout);
		return;
	}
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) + 1 : len;

		buf_add(&r->line, data, n);
		if (end)
			print_line_of_step(r);
		data += n;
		len -= n;
	}
}

/* Prints what was added to the log since the last call. */
static int copy_data(struct reader *r, struct err *err)
{
	char data[65536];
	ssize_t n;

	while ((n = read(r->fd, data, sizeof(data))) > 0 || (n < 0 && errno == EINTR)) {
		r->any |= n > 0;
		if (n > 0)
			print_data(r, data, (size_t)n);
		if (ferror(stdout))
			return 0;
	}
	if (n < 0)
		return err_errno(err, ERR_FAILED, "cannot read the log");
	return 0;
}

/* ---- which attempt ---- */

static int refuse_no_attempt(const struct db_job *job, struct err *err)
{
	if (job->state == JOB_CANCELLED)
		return err_set(
			err, ERR_FAILED,
			"job %" PRId64
			" has no log: it was cancelled before it was submitted; slurmq retry %" PRId64
			" runs it",
			job->id, job->id);
	return err_set(err, ERR_FAILED, "job %" PRId64 " has no log yet: it is %s; %s", job->id,
		       job_state_name(job->state),
		       job->state == JOB_HELD ? "slurmq release" : "slurmq submit");
}

/* Reads attempt `number` of a job into *a; 0 is the newest. The caller releases *a. */
static int find_attempt(struct db *db, const struct db_job *job, int64_t number,
			struct db_attempt *a, struct err *err)
{
	struct ids ids = {0};
	int64_t id = job->attempt;
	int rc = 0;

	while (id && !rc) {
		rc = db_attempt_get(db, id, a, err);
		if (!rc && view_has_number(a))
			ids_add(&ids, id);
		id = rc ? 0 : a->prev;
		db_attempt_release(a);
	}
	if (!rc && !job->attempt)
		rc = refuse_no_attempt(job, err);
	else if (!rc && number > (int64_t)ids.n)
		rc = err_set(err, ERR_USAGE, "job %" PRId64 " has no attempt %" PRId64 ", only %zu",
			     job->id, number, ids.n);
	if (!rc)
		rc = db_attempt_get(db, number ? ids.v[(int64_t)ids.n - number] : job->attempt, a,
				    err);
	ids_release(&ids);
	return rc > 0 ? err_set(err, ERR_FAILED,
				"job %" PRId64 ": its attempt is no longer in the database",
				job->id)
		      : rc;
}

/* Sets err to why the Slurm job ended before slurmq began in it. Returns 0 if it did not. */
static int refuse_unstarted(const struct store *store, const struct db_job *job,
			    const struct db_attempt *a, struct err *err)
{
	struct plan plan = {0};
	struct buf why = {0};
	int rc = 0;

	view_plan(store->db, job, &plan, NULL);
	if (unstarted_explain(store, a, &plan, &why))
		rc = err_set(err, ERR_FAILED, "job %" PRId64 " wrote no log: %s", job->id,
			     buf_str(&why));
	plan_release(&plan);
	buf_release(&why);
	return rc;
}

static int refuse_no_file(const struct store *store, const struct db_job *job,
			  const struct db_attempt *a, const char *path, struct err *err)
{
	if (refuse_unstarted(store, job, a, err))
		return -1;
	if (a->closed == CLOSED_NOT && !a->started)
		return err_set(err, ERR_FAILED,
			       "job %" PRId64 " has no log yet: %s%s%s%s; "
			       "slurmq log %" PRId64 " -f waits for it",
			       job->id,
			       a->slurm_job ? "it waits in Slurm's queue"
					    : "Slurm has not answered yet",
			       a->slurm_reason ? " (" : "", a->slurm_reason ? a->slurm_reason : "",
			       a->slurm_reason ? ")" : "", job->id);
	if (a->closed != CLOSED_NOT && !a->started)
		return err_set(err, ERR_FAILED,
			       "job %" PRId64 " has no log: this attempt never started; slurmq "
			       "show %" PRId64 " shows how it ended",
			       job->id, job->id);
	return err_set(err, ERR_FAILED, "job %" PRId64 " has no log: there is no file '%s'",
		       job->id, path);
}

static int has_ended(struct cmd_ctx *ctx, int64_t attempt, bool *ended, struct err *err)
{
	struct db_attempt a = {0};
	int rc;

	if (ingest_now(ctx->store, err))
		return -1;
	rc = db_attempt_get(ctx->store->db, attempt, &a, err);
	*ended = rc == DB_NONE || a.closed != CLOSED_NOT;
	db_attempt_release(&a);
	return rc < 0 ? -1 : 0;
}

enum { POLL_MS = 500, ASK_EVERY = 4 };

/* Prints new output until the attempt has ended, and once more after that. */
static int follow_log(struct reader *r, int64_t attempt, struct err *err)
{
	bool ended = false;

	for (int turn = 0; !ended; turn++) {
		if (turn % ASK_EVERY == 0 && has_ended(r->ctx, attempt, &ended, err))
			return -1;
		if (copy_data(r, err))
			return -1;
		if (fflush(stdout) || ferror(stdout))
			return 0;
		if (!ended)
			clock_sleep_ms(POLL_MS);
	}
	return 0;
}

/* Opens the log. A job that waits in the queue has no file yet: with `wait` the function waits
 * for it. */
static int open_log(struct reader *r, const struct db_job *job, const struct db_attempt *a,
		    const char *path, bool wait, struct err *err)
{
	bool ended = a->closed != CLOSED_NOT;

	for (int turn = 1;; turn++) {
		r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (r->fd >= 0)
			return 0;
		if (errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, ERR_FAILED, "cannot open the log '%s'", path);
		if (ended || !wait)
			return refuse_no_file(r->ctx->store, job, a, path, err);
		if (turn == 1)
			cmd_say(r->ctx, "job %" PRId64 " has not started yet: waiting", job->id);
		clock_sleep_ms(POLL_MS);
		if (turn % ASK_EVERY == 0 && has_ended(r->ctx, a->id, &ended, err))
			return -1;
	}
}

/* An attempt that has begun prints its headings first. */
static int refuse_empty(const struct store *store, const struct db_job *job,
			const struct db_attempt *a, const char *path, struct err *err)
{
	if (refuse_unstarted(store, job, a, err))
		return -1;
	if (a->closed == CLOSED_NOT)
		return err_set(err, ERR_FAILED,
			       "job %" PRId64 " has written nothing to its log yet", job->id);
	return err_set(err, ERR_FAILED,
		       "the log of job %" PRId64 " is empty: nothing could be written to '%s', or "
		       "it was emptied; slurmq show %" PRId64 " shows how the job ended",
		       job->id, path, job->id);
}

/* Returns the offset of the last n lines of a file; a last line without a newline counts. */
static off_t find_tail(int fd, int64_t n)
{
	char data[65536];
	off_t at = lseek(fd, 0, SEEK_END), size = at;

	while (at > 0) {
		size_t len = at < (off_t)sizeof(data) ? (size_t)at : sizeof(data);
		ssize_t got = pread(fd, data, len, at - (off_t)len);

		if (got <= 0)
			break;
		for (ssize_t i = got - 1; i >= 0; i--)
			if (data[i] == '\n' && at - got + i + 1 < size && --n == 0)
				return at - got + i + 1;
		at -= got;
	}
	return 0;
}

/* Skips all but the last n lines that would be printed. */
static int skip_to_tail(struct reader *r, int64_t n, struct err *err)
{
	if (!r->step) {
		r->any = lseek(r->fd, 0, SEEK_END) > 0;
		return lseek(r->fd, find_tail(r->fd, n), SEEK_SET) < 0
			       ? err_errno(err, ERR_FAILED, "cannot read the log")
			       : 0;
	}
	r->skip = INT64_MAX;
	r->seen = 0;
	if (copy_data(r, err))
		return -1;
	r->skip = r->seen > n ? r->seen - n : 0;
	r->seen = 0;
	r->inside = false;
	buf_clear(&r->line);
	return lseek(r->fd, 0, SEEK_SET) < 0 ? err_errno(err, ERR_FAILED, "cannot read the log")
					     : 0;
}

static int print_attempt(struct reader *r, const struct db_job *job, int64_t number,
			 struct err *err)
{
	const struct args *args = r->args;
	struct db_attempt a = {0};
	char *path;
	int rc;

	if (find_attempt(r->ctx->store->db, job, number, &a, err))
		return -1;
	path = store_log_path(r->ctx->store, a.first, a.submission, a.task);
	rc = open_log(r, job, &a, path, args->follow, err);
	if (!rc && args->tail)
		rc = skip_to_tail(r, args->tail, err);
	if (!rc && !args->follow)
		pager_start(&r->ctx->pager);
	if (!rc)
		rc = args->follow ? follow_log(r, a.id, err) : copy_data(r, err);
	if (r->line.len)
		print_line_of_step(r);
	if (!rc && !r->any && !ferror(stdout))
		rc = refuse_empty(r->ctx->store, job, &a, path, err);
	else if (!rc && r->step && !r->found)
		rc = err_set(err, ERR_FAILED,
			     "the log of job %" PRId64 " has no step '%s' (slurmq show %" PRId64
			     " lists its steps)",
			     job->id, r->step, job->id);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	free(path);
	db_attempt_release(&a);
	return rc;
}

/* ---- which jobs ---- */

static int get_job(struct cmd_ctx *ctx, int64_t id, struct db_job *job, struct err *err)
{
	int rc = db_job_get(ctx->store->db, id, job, err);

	return rc == DB_NONE ? err_set(err, ERR_USAGE, "no job %" PRId64 ": it was removed", id)
			     : rc;
}

static bool waits_for_attempt(const struct db_job *job)
{
	return job->state == JOB_PENDING;
}

/* Follows a job: a job that is pending has its next attempt still to come, and so has one that its
 * policy retries. */
static int follow_job(struct reader *r, int64_t id, struct err *err)
{
	int64_t last = 0;
	bool told = false;
	int rc = 0;

	for (bool first = true; !rc; first = false) {
		struct db_job job;

		if (!first && ingest_now(r->ctx->store, err))
			return -1;
		if (get_job(r->ctx, id, &job, err))
			return -1;
		if (waits_for_attempt(&job)) {
			if (!told)
				cmd_say(r->ctx, "job %" PRId64 " is pending: waiting for its %s",
					id, job.attempt ? "next attempt" : "start");
			told = true;
			db_job_release(&job);
			clock_sleep_ms(POLL_MS);
			continue;
		}
		if (job.attempt == last) {
			db_job_release(&job);
			break;
		}
		rc = print_attempt(r, &job, 0, err);
		last = job.attempt;
		told = false;
		db_job_release(&job);
		if (ferror(stdout))
			break;
	}
	return rc;
}

/* Sets *id to the job whose failed attempt ended last. */
static int find_newest_failure(struct db *db, struct ids *out, struct err *err)
{
	const struct db_select failed = {.states = 1U << JOB_FAILED};
	const struct db_field ended = {.kind = FIELD_ENDED};
	int rc = db_jobs_sorted(db, &failed, &ended, true, out, err);

	if (!rc && !out->n)
		return err_set(err, ERR_FAILED,
			       "no job has failed; slurmq log ID prints the output of a job");
	out->n = !rc;
	return rc;
}

static void print_heading(struct reader *r, const struct db_job *job, bool first)
{
	struct buf text = {0}, line = {0};

	buf_addf(&text, "job %" PRId64 " of %s, %s%s%s:", job->id, job->sweep_name,
		 job_state_name(job->state), job->reason ? " " : "", job_reason_name(job->reason));
	for (size_t i = 0; i < job->point.n; i++)
		buf_addf(&text, " %s=%s", job->point.params[i].name, job->point.params[i].value);
	buf_addstr(&line, first ? "==> " : "\n==> ");
	paint_add(&line, &r->ctx->out, PAINT_BOLD, buf_str(&text));
	buf_addstr(&line, " <==\n");
	fwrite(line.s, 1, line.len, stdout);
	buf_release(&text);
	buf_release(&line);
}

/* Prints the logs of several jobs. A job without a log is reported; it is an error if none has one. */
static int print_logs(struct reader *r, const struct ids *ids, struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < ids->n && !ferror(stdout); i++) {
		struct db_job job;
		int rc = get_job(r->ctx, ids->v[i], &job, err);

		if (rc)
			continue; /* removed meanwhile */
		pager_start(&r->ctx->pager);
		print_heading(r, &job, i == 0);
		r->inside = r->found = r->any = false;
		rc = print_attempt(r, &job, r->args->attempt, err);
		db_job_release(&job);
		if (rc) {
			fflush(stdout);
			cmd_say(r->ctx, "%s", err->msg);
		}
		any |= !rc;
	}
	return any || !ids->n ? 0 : err_set(err, ERR_FAILED, "none of these jobs has a log");
}

static int print_one(struct reader *r, int64_t id, struct err *err)
{
	struct db_job job;
	int rc;

	if (r->args->follow && !r->args->attempt)
		return follow_job(r, id, err);
	if (get_job(r->ctx, id, &job, err))
		return -1;
	rc = print_attempt(r, &job, r->args->attempt, err);
	db_job_release(&job);
	return rc;
}

static int find_jobs(struct reader *r, int argc, char **argv, struct ids *ids, struct err *err)
{
	struct db *db = r->ctx->store->db;
	struct selection sel = {0};
	int rc;

	if (!argc && !r->args->select.states && !r->args->select.where)
		return find_newest_failure(db, ids, err);
	rc = selection_parse(db, argc, argv, &r->args->select, &sel, err);
	if (!rc)
		rc = db_jobs_ids(db, &sel.jobs, ids, err);
	if (!rc && !ids->n)
		rc = err_set(err, ERR_FAILED, "no such jobs; slurmq list shows the jobs");
	selection_release(&sel);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct reader r = {.ctx = ctx, .args = args, .step = args->step, .fd = -1};
	struct ids ids = {0};
	int rc;

	rc = ingest_now(ctx->store, err);
	if (!rc)
		rc = find_jobs(&r, argc, argv, &ids, err);
	if (!rc && ids.n > 1 && args->follow)
		rc = err_set(err, ERR_USAGE, "-f follows one job; %zu are selected", ids.n);
	if (!rc)
		rc = ids.n == 1 ? print_one(&r, ids.v[0], err) : print_logs(&r, &ids, err);
	ids_release(&ids);
	buf_release(&r.line);
	return rc;
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_STR(0, "step", "STEP", "print only the output of this step", struct args, step),
	OPT_INT(0, "attempt", "N", "print attempt N, not the newest", struct args, attempt, 1,
		1000000),
	OPT_INT(0, "tail", "N", "print the last N lines", struct args, tail, 1, INT64_MAX),
	OPT_FLAG('f', "follow", "print new output until the job has ended", struct args, follow),
	OPT_END};

const struct cmd cmd_log = {
	.name = "log",
	.args = "[SELECTOR...] [--tail N] [--step STEP] [--attempt N] [-f]",
	.summary = "print the output of a job, or of the newest failure",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
