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
#include "cmd/view.h"

struct args {
	const char *step;
	int64_t attempt;
	bool follow;
};

/* The supervisor begins each section of a log with the line: MARK "step " KEY END. */
#define MARK "==> slurmq: "
#define MARK_STEP MARK "step "
#define MARK_END " <=="

struct reader {
	struct cmd_ctx *ctx;
	const char *step; /* NULL: the whole log */
	int fd;
	struct buf line; /* a line that is not complete yet */
	bool inside, found;
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
		ids_add(&ids, id);
		id = rc ? 0 : a->prev;
		db_attempt_release(a);
	}
	if (!rc && ids.n == 0)
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

static int refuse_no_file(const struct db_job *job, const struct db_attempt *a, const char *path,
			  struct err *err)
{
	if (a->closed == CLOSED_NOT && !a->started)
		return err_set(err, ERR_FAILED,
			       "job %" PRId64 " has no log yet: %s; "
			       "slurmq log %" PRId64 " -f waits for it",
			       job->id,
			       a->slurm_job ? "it waits in Slurm's queue"
					    : "Slurm has not answered yet",
			       job->id);
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
		if (errno != ENOENT)
			return err_errno(err, ERR_FAILED, "cannot open the log '%s'", path);
		if (ended || !wait)
			return refuse_no_file(job, a, path, err);
		if (turn == 1)
			cmd_say(r->ctx, "job %" PRId64 " has not started yet: waiting", job->id);
		clock_sleep_ms(POLL_MS);
		if (turn % ASK_EVERY == 0 && has_ended(r->ctx, a->id, &ended, err))
			return -1;
	}
}

static int print_log(struct reader *r, const struct db_job *job, const struct args *args,
		     struct err *err)
{
	struct db_attempt a = {0};
	char *path;
	int rc;

	if (find_attempt(r->ctx->store->db, job, args->attempt, &a, err))
		return -1;
	path = store_log_path(r->ctx->store, a.first, a.submission, a.task);
	rc = open_log(r, job, &a, path, args->follow, err);
	if (!rc)
		rc = args->follow ? follow_log(r, a.id, err) : copy_data(r, err);
	if (r->line.len)
		print_line_of_step(r);
	if (!rc && r->step && !r->found)
		rc = err_set(err, ERR_FAILED,
			     "the log of job %" PRId64 " has no step '%s' (slurmq show %" PRId64
			     " lists its steps)",
			     job->id, r->step, job->id);
	free(path);
	db_attempt_release(&a);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct reader r = {.ctx = ctx, .step = args->step, .fd = -1};
	struct db_job job = {0};
	int64_t id;
	int rc;

	(void)argc;
	if (opt_int(argv[0], &id) || id < 1)
		return err_set(err, ERR_USAGE, "invalid job id '%s': slurmq list shows the ids",
			       argv[0]);
	rc = ingest_now(ctx->store, err);
	if (!rc)
		rc = db_job_get(ctx->store->db, id, &job, err);
	if (rc == DB_NONE)
		rc = err_set(err, ERR_USAGE, "no job %" PRId64 ": slurmq list shows the jobs", id);
	if (!rc)
		rc = print_log(&r, &job, args, err);
	if (r.fd >= 0)
		close(r.fd);
	buf_release(&r.line);
	db_job_release(&job);
	return rc;
}

static const struct opt opts[] = {
	OPT_STR(0, "step", "STEP", "print only the output of this step", struct args, step),
	OPT_INT(0, "attempt", "N", "print attempt N, not the newest", struct args, attempt, 1,
		1000000),
	OPT_FLAG('f', "follow", "print new output until the job has ended", struct args, follow),
	OPT_END};

const struct cmd cmd_log = {
	.name = "log",
	.args = "ID [--step STEP] [--attempt N] [-f]",
	.summary = "print the output of a job",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
