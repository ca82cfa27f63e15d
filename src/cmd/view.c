#include "cmd/view.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "store/loader.h"

enum paint view_paint(int state)
{
	static const enum paint paints[JOB_NSTATES] = {
		[JOB_PENDING] = PAINT_NONE,    [JOB_SUBMITTING] = PAINT_BLUE,
		[JOB_QUEUED] = PAINT_BLUE,     [JOB_RUNNING] = PAINT_CYAN,
		[JOB_COMPLETED] = PAINT_GREEN, [JOB_FAILED] = PAINT_RED,
		[JOB_CANCELLED] = PAINT_DIM,   [JOB_HELD] = PAINT_YELLOW,
	};

	return state >= 0 && state < JOB_NSTATES ? paints[state] : PAINT_NONE;
}

int view_attempt(struct db *db, const struct db_job *job, struct db_attempt *a, struct err *err)
{
	memset(a, 0, sizeof(*a));
	if (!job->attempt)
		return DB_NONE;
	return db_attempt_get(db, job->attempt, a, err);
}

void view_slurm_id(const struct db_attempt *a, struct buf *out)
{
	if (a->slurm_job && a->ntasks > 1)
		buf_addf(out, "%" PRIu64 "_%d", a->slurm_job, a->task);
	else if (a->slurm_job)
		buf_addf(out, "%" PRIu64, a->slurm_job);
	else if (a->slurm_id)
		buf_addf(out, "%" PRIu64, a->slurm_id);
}

const char *view_slurm_reason(const struct db_job *job, const struct db_attempt *a)
{
	return a && job_state_in_flight(job->state) ? a->slurm_reason : NULL;
}

int64_t view_duration(const struct db_attempt *a, int64_t now)
{
	int64_t end = a->ended ? a->ended : now;

	if (!a->started)
		return -1;
	return end > a->started ? end - a->started : 0;
}

bool view_has_number(const struct db_attempt *a)
{
	return a->started || a->closed == CLOSED_NOT;
}

void view_end(const struct db_attempt *a, struct buf *out)
{
	if (a->closed == CLOSED_NOT || a->completed)
		return;
	if (a->signal)
		buf_addf(out, "signal %d (%s)", a->signal, strsignal(a->signal));
	else if (a->exit_code)
		buf_addf(out, "exit %d", a->exit_code);
}

static void add_params(struct json *j, const struct sweep_point *point)
{
	json_open(j, "params", '{');
	for (size_t i = 0; i < point->n; i++)
		json_str(j, point->params[i].name, point->params[i].value);
	json_close(j);
}

void view_exit_json(struct json *j, bool completed, int exit_code, int signal)
{
	if (completed || exit_code)
		json_int(j, "exit_code", exit_code);
	else
		json_null(j, "exit_code");
	if (signal)
		json_int(j, "signal", signal);
	else
		json_null(j, "signal");
}

static void add_attempt(struct json *j, const struct db_attempt *a)
{
	struct buf id = {0};

	view_slurm_id(a, &id);
	json_str(j, "slurm_job", id.len ? id.s : NULL);
	buf_release(&id);
	view_exit_json(j, a->completed, a->exit_code, a->signal);
	json_str(j, "node", a->node && *a->node ? a->node : NULL);
	json_time(j, "queued", a->queued);
	json_time(j, "started", a->started);
	json_time(j, "ended", a->ended);
}

enum { TAIL = 8192 };

char *view_last_line(struct store *store, const struct db_attempt *a)
{
	char *path = store_log_path(store, a->first, a->submission, a->task), *line = NULL;
	char *text = mem_alloc(TAIL + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	ssize_t n = size < 0 ? -1 : pread(fd, text, TAIL, size > TAIL ? size - TAIL : 0);

	for (char *end = text + (n > 0 ? n : 0), *begin; end > text && !line; end = begin - 1) {
		*end = '\0';
		begin = memrchr(text, '\n', (size_t)(end - text));
		begin = begin ? begin + 1 : text;
		if (begin[strspn(begin, " \t\r")] &&
		    strncmp(begin, VIEW_MARK, strlen(VIEW_MARK)) != 0)
			line = mem_strdup(begin);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	free(path);
	return line;
}

bool view_waits(const struct db_job *job, int64_t now)
{
	return job->again.due > now && (job->state == JOB_PENDING || job->state == JOB_SUBMITTING ||
					job->state == JOB_QUEUED);
}

void view_job_json(struct json *j, const struct db_job *job, const struct db_attempt *a)
{
	static const struct db_attempt none;

	json_int(j, "id", job->id);
	json_str(j, "sweep", job->sweep_name);
	json_str(j, "state", job_state_name(job->state));
	json_str(j, "reason", job->reason ? job_reason_name(job->reason) : NULL);
	json_str(j, "slurm_reason", view_slurm_reason(job, a));
	json_int(j, "priority", job->priority);
	json_int(j, "tries", job->tries);
	json_int(j, "again", job->again.tries + job->again.site);
	json_time(j, "not_before", view_waits(job, clock_now_ms()) ? job->again.due : 0);
	add_params(j, &job->point);
	add_attempt(j, a ? a : &none);
}

void view_results_json(struct json *j, const struct db_result *v, size_t n)
{
	json_open(j, "results", '{');
	for (size_t i = 0; i < n; i++)
		json_str(j, v[i].name, v[i].value);
	json_close(j);
}

void view_commands_json(struct json *j, const struct plan *plan)
{
	json_open(j, "commands", '[');
	for (size_t i = 0; i < plan->nsteps; i++) {
		const struct plan_step *step = &plan->steps[i];

		json_open(j, NULL, '{');
		json_str(j, "step", step->name);
		json_str(j, "key", step->key);
		json_open(j, "argv", '[');
		for (size_t k = 0; k < step->shown.n; k++)
			json_str(j, NULL, step->shown.v[k]);
		json_close(j);
		json_close(j);
	}
	json_close(j);
}

/* Shows a script of bash -c without quotes. */
void view_command(const struct plan_step *step, struct buf *out)
{
	const struct strs *words = &step->shown;

	if (words->n == 3 && !strcmp(words->v[0], "bash") && !strcmp(words->v[1], "-c")) {
		const char *text = words->v[2];
		size_t len = strlen(text);

		while (len && text[len - 1] == '\n')
			len--;
		buf_add(out, text, len);
		return;
	}
	for (size_t i = 0; i < words->n; i++) {
		if (i)
			buf_addch(out, ' ');
		buf_add_shell_word(out, words->v[i]);
	}
}

int view_plan_next(struct db *db, const struct db_job *job, struct plan *plan, struct err *err)
{
	struct db_version v = {0};
	struct sweep *sweep = NULL;
	int rc;

	memset(plan, 0, sizeof(*plan));
	rc = db_version_get(db, job->version, &v, err);
	if (rc == DB_NONE)
		return err_set(err, ERR_FAILED,
			       "job %" PRId64 ": the text of its sweep is not in the database",
			       job->id);
	if (!rc)
		rc = loader_parse(&v, &sweep, err);
	if (!rc) {
		rc = sweep_plan(sweep, &job->point, job->id, plan, err);
		sweep_free(sweep);
	}
	db_version_release(&v);
	return rc;
}

int view_plan(struct db *db, const struct db_job *job, struct plan *plan, struct err *err)
{
	struct db_job ran = {0};
	int rc;

	if (job->state != JOB_COMPLETED && !job_state_in_flight(job->state))
		return view_plan_next(db, job, plan, err);
	memset(plan, 0, sizeof(*plan));
	rc = db_job_get_ran(db, job->id, &ran, err);
	if (rc >= 0)
		rc = view_plan_next(db, rc == DB_NONE ? job : &ran, plan, err);
	db_job_release(&ran);
	return rc;
}
