/* show_json.c - what slurmq show prints for programs. */
#include "cmd/show_internal.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/unstarted.h"
#include "cmd/view.h"

void show_held_release(struct show_held *h)
{
	bad_values_release(h->v, h->n);
}

void show_held_read(struct db *db, const struct db_job *job, struct show_held *out)
{
	memset(out, 0, sizeof(*out));
	if (job->state != JOB_HELD || job->reason != REASON_BREAKER ||
	    bad_values_get(db, job->sweep, &out->v, &out->n, NULL) ||
	    bad_values_count(db, job->sweep, out->v, out->n, NULL))
		return;
	for (size_t i = out->n; i-- > 0;)
		if (bad_value_has(&out->v[i], &job->point))
			out->of_job = &out->v[i];
}

static void add_strs(struct json *j, const char *key, const struct strs *l)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < l->n; i++)
		json_str(j, NULL, l->v[i]);
	json_close(j);
}

static void add_steps(struct json *j, const struct tried *t)
{
	json_open(j, "steps", '[');
	for (size_t i = 0; i < t->nsteps; i++) {
		const struct db_step *s = &t->steps[i];

		json_open(j, NULL, '{');
		json_str(j, "step", s->key);
		json_str(j, "state", step_state_name(s->state));
		view_exit_json(j, s->state == STEP_COMPLETED, s->exit_code, s->signal);
		json_time(j, "started", s->started);
		json_time(j, "ended", s->ended);
		json_int(j, "max_rss_kib", s->maxrss_kib);
		json_int(j, "cpu_ms", s->cpu_ms);
		json_bool(j, "counts", !s->void_);
		json_close(j);
	}
	json_close(j);
}

static void add_attempt(struct json *j, const struct store *store, const struct plan *plan,
			const struct tried *t)
{
	const struct db_attempt *a = &t->a;
	char *log = store_log_path(store, a->first, a->submission, a->task);
	struct buf id = {0}, error = {0};

	view_slurm_id(a, &id);
	json_open(j, NULL, '{');
	json_str(j, "slurm_job", id.len ? id.s : NULL);
	if (a->slurm_id)
		json_int(j, "slurm_id", (int64_t)a->slurm_id);
	else
		json_null(j, "slurm_id");
	if (t->options) {
		struct strs options = {0};

		strs_add_lines(&options, t->options);
		add_strs(j, "options", &options);
		strs_release(&options);
	}
	json_bool(j, "closed", a->closed != CLOSED_NOT);
	json_bool(j, "completed", a->completed);
	json_str(j, "reason", a->reason ? job_reason_name(a->reason) : NULL);
	json_str(j, "slurm_reason", a->slurm_reason);
	json_str(j, "error", unstarted_explain(store, a, plan, &error) ? buf_str(&error) : NULL);
	view_exit_json(j, a->completed, a->exit_code, a->signal);
	json_str(j, "node", a->node && *a->node ? a->node : NULL);
	json_time(j, "queued", a->queued);
	json_time(j, "started", a->started);
	json_time(j, "ended", a->ended);
	json_int(j, "max_rss_kib", a->maxrss_kib);
	json_int(j, "cpu_ms", a->cpu_ms);
	json_str(j, "log", log);
	json_str(j, "refused", t->refused);
	add_steps(j, t);
	json_close(j);
	buf_release(&id);
	buf_release(&error);
	free(log);
}

/* Adds the options that follow those of the sweep, in the order in which sbatch gets them. */
static void add_retry_options(struct json *j, const struct db_job *job)
{
	struct strs options = {0};

	strs_add_lines(&options, job->options);
	strs_add_lines(&options, job->again.options);
	add_strs(j, "retry_with", &options);
	strs_release(&options);
}

/* Adds for which value the breaker holds the job. */
static void add_held(struct json *j, struct db *db, const struct db_job *job)
{
	struct show_held held;

	show_held_read(db, job, &held);
	if (held.of_job) {
		json_open(j, "held_for", '{');
		add_strs(j, "values", &held.of_job->words);
		json_int(j, "failed", held.of_job->failed);
		json_int(j, "tried", held.of_job->tried);
		json_close(j);
	} else {
		json_null(j, "held_for");
	}
	show_held_release(&held);
}

void show_add_json(struct json *j, struct store *store, const struct whole *w)
{
	json_open(j, NULL, '{');
	view_job_json(j, &w->job, w->n ? &w->v[w->n - 1].a : NULL);
	view_results_json(j, w->results, w->nresults);
	add_held(j, store->db, &w->job);
	add_retry_options(j, &w->job);
	json_str(j, "variant", w->job.point.variant);
	add_strs(j, "sbatch", &w->plan.sbatch);
	add_strs(j, "env", &w->plan.env);
	view_commands_json(j, &w->plan);
	json_open(j, "attempts", '[');
	for (size_t i = 0; i < w->n; i++)
		add_attempt(j, store, &w->plan, &w->v[i]);
	json_close(j);
	json_close(j);
}
