/* slurmq show - prints everything about one job */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "chain/ingest.h"
#include "lib/clock.h"
#include "chain/bad_value.h"
#include "chain/outcome.h"
#include "cmd/needs.h"
#include "cmd/unstarted.h"
#include "cmd/view.h"
#include "cmd/show_internal.h"
#include "slurm/amount.h"
#include "slurm/wait.h"
#include "sweep/policy.h"

struct args {
	struct select_args select;
	bool json;
};

static void tried_release(struct tried *t)
{
	db_attempt_release(&t->a);
	db_steps_free(t->steps, t->nsteps);
	free(t->refused);
	free(t->options);
}

static void whole_release(struct whole *w)
{
	for (size_t i = 0; i < w->n; i++)
		tried_release(&w->v[i]);
	free(w->v);
	db_results_free(w->results, w->nresults);
	plan_release(&w->plan);
	db_job_release(&w->job);
	memset(w, 0, sizeof(*w));
}

static int read_submission(struct db *db, struct tried *t, struct err *err)
{
	struct db_submission s;
	int rc = db_submission_get(db, t->a.submission, &s, err);

	if (!rc && !s.slurm_job && s.text && *s.text) {
		t->refused = s.text;
		s.text = NULL;
	}
	if (!rc) {
		t->options = s.options;
		s.options = NULL;
	}
	db_submission_release(&s);
	return rc < 0 ? -1 : 0;
}

static int read_attempts(struct db *db, struct whole *w, struct err *err)
{
	int64_t id = w->job.attempt;

	while (id) {
		struct tried one = {0};
		int rc = db_attempt_get(db, id, &one.a, err);

		if (rc == DB_NONE)
			break;
		if (rc || db_steps(db, id, &one.steps, &one.nsteps, err) ||
		    read_submission(db, &one, err)) {
			tried_release(&one);
			return -1;
		}
		w->v = mem_grow(w->v, w->n + 1, sizeof(*w->v));
		memmove(w->v + 1, w->v, w->n * sizeof(*w->v));
		w->v[0] = one;
		w->n++;
		id = one.a.prev;
	}
	return 0;
}

static int read_whole(struct db *db, int64_t id, struct whole *w, struct err *err)
{
	int rc = db_job_get(db, id, &w->job, err);

	if (rc)
		return rc < 0 ? -1 : err_set(err, ERR_USAGE, "no job %" PRId64, id);
	if (view_plan(db, &w->job, &w->plan, &w->plan_err))
		plan_release(&w->plan);
	if (w->job.attempt && db_results(db, w->job.attempt, &w->results, &w->nresults, err))
		return -1;
	return read_attempts(db, w, err);
}

/* ---- for people ---- */

static void print_field(struct cmd_ctx *ctx, const char *name, const char *value)
{
	struct buf line = {0}, label = {0};

	buf_addf(&label, "%-11s", name);
	paint_add(&line, &ctx->out, PAINT_DIM, buf_str(&label));
	buf_addch(&line, ' ');
	clean_add(&line, &ctx->out, value);
	buf_addch(&line, '\n');
	fwrite(line.s, 1, line.len, stdout);
	buf_release(&label);
	buf_release(&line);
}

static void print_head(struct cmd_ctx *ctx, const struct db_job *job, const char *waits)
{
	struct buf line = {0}, state = {0}, clean = {0};

	buf_addstr(&state, job_state_name(job->state));
	if (job->reason)
		buf_addf(&state, " %s", job_reason_name(job->reason));
	else if (waits)
		buf_addf(&state, " %.*s", (int)slurm_wait_name_len(waits), waits);
	buf_addf(&line, "job %" PRId64 " of ", job->id);
	clean_add(&line, &ctx->out, job->sweep_name);
	buf_addstr(&line, ": ");
	clean_add(&clean, &ctx->out, buf_str(&state));
	paint_add(&line, &ctx->out, view_paint(job->state), buf_str(&clean));
	if (job->request != REQUEST_NONE && job_state_in_flight(job->state))
		buf_addf(&line, " (%s)",
			 job->request == REQUEST_CANCEL ? "is being cancelled" : "hold requested");
	if (job->tries > 1)
		buf_addf(&line, ", %" PRId64 " tries", job->tries);
	buf_addch(&line, '\n');
	fwrite(line.s, 1, line.len, stdout);
	buf_release(&state);
	buf_release(&clean);
	buf_release(&line);
}

static void print_params(struct cmd_ctx *ctx, const struct db_job *job)
{
	struct buf line = {0};

	if (job->point.variant)
		print_field(ctx, "variant", job->point.variant);
	for (size_t i = 0; i < job->point.n; i++) {
		const struct sweep_param *p = &job->point.params[i];

		buf_clear(&line);
		buf_addf(&line, "%s = %s", p->name, p->value);
		print_field(ctx, i ? "" : "parameters", buf_str(&line));
	}
	if (job->priority) {
		buf_clear(&line);
		buf_addf(&line, "%" PRId64, job->priority);
		print_field(ctx, "priority", buf_str(&line));
	}
	buf_release(&line);
}

/* Prints the lines of a text, indented. */
static void print_lines(struct cmd_ctx *ctx, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = mem_strndup(text, len);

		cmd_print(ctx, "    %s", line);
		free(line);
		text += len + (text[len] ? 1 : 0);
	}
}

/* Prints the results of the newest attempt. A value of several lines is indented. */
static void print_results(struct cmd_ctx *ctx, const struct whole *w)
{
	struct buf line = {0};

	for (size_t i = 0; i < w->nresults; i++) {
		const struct db_result *r = &w->results[i];
		bool lines = strchr(r->value, '\n') != NULL;

		buf_clear(&line);
		buf_addf(&line, "%s =%s%s", r->name, lines || !*r->value ? "" : " ",
			 lines ? "" : r->value);
		if (r->step >= 0)
			buf_addf(&line, " (step %" PRId64 ")", r->step);
		print_field(ctx, i ? "" : "results", buf_str(&line));
		if (lines)
			print_lines(ctx, r->value);
	}
	buf_release(&line);
}

static void print_list(struct cmd_ctx *ctx, const char *name, const struct strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		print_field(ctx, i ? "" : name, l->v[i]);
}

static void print_lines_of(struct cmd_ctx *ctx, const char *name, const char *text)
{
	struct strs lines = {0};

	strs_add_lines(&lines, text);
	for (size_t i = 0; i < lines.n; i++)
		print_field(ctx, name, lines.v[i]);
	strs_release(&lines);
}

/* Prints why a failed job is not retried although its sweep has a policy. */
static void print_no_retry_reason(struct cmd_ctx *ctx, const struct whole *w)
{
	struct outcome o = {.db = ctx->store->db};
	struct buf text = {0};

	if (w->job.state == JOB_FAILED && w->n)
		outcome_why_not(&o, &w->v[w->n - 1].a, &w->job, &text);
	if (text.len)
		print_field(ctx, "no retry", buf_str(&text));
	buf_release(&text);
	outcome_release(&o);
}

/* Prints what the policy of the sweep did for the job, and the time of the next try. */
static void print_retries(struct cmd_ctx *ctx, const struct whole *w)
{
	const struct db_job *job = &w->job;
	const struct db_again *g = &job->again;
	int64_t now = clock_now_ms();
	struct buf text = {0};

	if (g->tries)
		buf_addf(&text, "%" PRId64 " by the sweep's policy", g->tries);
	if (g->site)
		buf_addf(&text, "%s%" PRId64 " after a fault of the site", g->tries ? ", " : "",
			 g->site);
	if (text.len)
		print_field(ctx, "retried", buf_str(&text));
	print_no_retry_reason(ctx, w);
	print_lines_of(ctx, "grown to", g->options);
	if (view_waits(job, now)) {
		buf_clear(&text);
		time_add_local(&text, g->due);
		buf_addstr(&text, " (in ");
		time_add_duration(&text, g->due - now);
		buf_addch(&text, ')');
		print_field(ctx, "next try", buf_str(&text));
	}
	buf_release(&text);
}

/* Prints for which value the breaker holds the job. */
static void print_held(struct cmd_ctx *ctx, const struct db_job *job)
{
	struct db_sweep *sweeps = NULL;
	struct buf text = {0};
	struct show_held held;
	size_t n = 0;

	show_held_read(ctx->store->db, job, &held);
	if (held.of_job && !db_sweeps(ctx->store->db, &sweeps, &n, NULL)) {
		needs_add_held(n > 1 ? job->sweep_name : NULL, &held.of_job->words,
			       held.of_job->failed, held.of_job->tried, &text);
		print_field(ctx, "held", buf_str(&text));
	}
	db_sweeps_free(sweeps, n);
	show_held_release(&held);
	buf_release(&text);
}

static void print_commands(struct cmd_ctx *ctx, const struct whole *w)
{
	struct buf text = {0};

	print_held(ctx, &w->job);
	print_lines_of(ctx, "retry with", w->job.options);
	print_retries(ctx, w);
	print_list(ctx, "sbatch", &w->plan.sbatch);
	print_list(ctx, "env", &w->plan.env);
	if (*w->plan_err.msg)
		print_field(ctx, "commands", w->plan_err.msg);
	for (size_t i = 0; i < w->plan.nsteps; i++) {
		print_field(ctx, "step", w->plan.steps[i].key);
		buf_clear(&text);
		view_command(&w->plan.steps[i], &text);
		print_lines(ctx, buf_str(&text));
	}
	buf_release(&text);
}

static void add_used(struct buf *out, int64_t maxrss_kib, int64_t cpu_ms)
{
	if (maxrss_kib > 0) {
		buf_addstr(out, ", memory ");
		size_add_kib(out, maxrss_kib);
	}
	if (cpu_ms > 0) {
		buf_addstr(out, ", CPU ");
		time_add_duration(out, cpu_ms);
	}
}

static const char *describe_state(const struct db_attempt *a)
{
	if (a->closed == CLOSED_NOT && !a->started)
		return a->slurm_job ? "in Slurm's queue"
				    : "being submitted, Slurm has not answered yet";
	if (a->closed == CLOSED_NOT)
		return "running";
	if (a->completed)
		return "completed";
	return a->reason ? job_reason_name(a->reason) : "revoked";
}

/* Adds the id of an array's task in Slurm, which the environment of its processes has, if it
 * differs from the id of the array. */
static void add_own_id(const struct db_attempt *a, struct buf *out)
{
	if (a->slurm_id && a->slurm_job && (a->ntasks > 1 || a->slurm_id != a->slurm_job))
		buf_addf(out, " (%" PRIu64 ")", a->slurm_id);
}

/* times: so many attempts that did not start for the same reason; this is the last of them. */
static void print_attempt_head(struct cmd_ctx *ctx, const struct db_attempt *a, size_t number,
			       size_t times, int64_t now)
{
	struct buf line = {0};

	if (view_has_number(a))
		buf_addf(&line, "attempt %zu: ", number);
	else
		buf_addstr(&line, "not started: ");
	buf_addstr(&line, describe_state(a));
	if (times > 1)
		buf_addf(&line, " %zu times, the last", times);
	if (a->slurm_job || a->slurm_id) {
		buf_addstr(&line, ", Slurm job ");
		view_slurm_id(a, &line);
		add_own_id(a, &line);
	}
	if (a->node && *a->node)
		buf_addf(&line, ", on %s", a->node);
	if (a->started) {
		buf_addstr(&line, ", ");
		time_add_duration(&line, view_duration(a, now));
	}
	add_used(&line, a->maxrss_kib, a->cpu_ms);
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
}

static void print_time(struct cmd_ctx *ctx, const char *name, int64_t ms, int64_t now)
{
	struct buf text = {0};

	if (!ms)
		return;
	time_add_local(&text, ms);
	buf_addstr(&text, " (");
	time_add_ago(&text, ms, now);
	buf_addch(&text, ')');
	print_field(ctx, name, buf_str(&text));
	buf_release(&text);
}

static void print_steps(struct cmd_ctx *ctx, const struct tried *t)
{
	static const struct column columns[] = {
		{"step", false, true},	 {"state", false, false}, {"time", true, false},
		{"memory", true, false}, {"CPU", true, false},
	};
	const struct style *s = &ctx->out;
	struct buf text = {0};
	struct table table;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < t->nsteps; i++) {
		const struct db_step *step = &t->steps[i];
		enum paint paint = step->state == STEP_COMPLETED ? PAINT_GREEN
				   : step->state == STEP_FAILED	 ? PAINT_RED
								 : PAINT_DIM;

		table_add(&table, s, PAINT_NONE, step->key);
		if (step->state == STEP_FAILED && step->signal)
			table_addf(&table, s, paint, "signal %d", step->signal);
		else if (step->state == STEP_FAILED)
			table_addf(&table, s, paint, "exit %d", step->exit_code);
		else
			table_addf(&table, s, paint, "%s%s", step_state_name(step->state),
				   step->void_ ? " (no longer counts)" : "");
		buf_clear(&text);
		time_add_duration(&text, step->started ? step->ended - step->started : -1);
		table_add(&table, s, PAINT_NONE, buf_str(&text));
		buf_clear(&text);
		size_add_kib(&text, step->maxrss_kib ? step->maxrss_kib : -1);
		table_add(&table, s, PAINT_NONE, buf_str(&text));
		buf_clear(&text);
		time_add_duration(&text, step->started ? step->cpu_ms : -1);
		table_add(&table, s, PAINT_NONE, buf_str(&text));
	}
	if (t->nsteps)
		table_flush(&table, s, stdout);
	table_release(&table);
	buf_release(&text);
}

/* Prints the message of sbatch. */
static void print_refusal(struct cmd_ctx *ctx, const char *text)
{
	struct strs lines = {0};

	strs_add_lines(&lines, text);
	print_list(ctx, "  sbatch", &lines);
	strs_release(&lines);
}

/* Adds "time 12m of 1:00:00 (20%)": what an attempt used of an amount that it asked for. */
static void add_share(struct buf *out, const char *name, const struct buf *used, const char *asked,
		      double share)
{
	buf_addf(out, "%s%s %s of %s", out->len ? ", " : "", name, buf_str(used), asked);
	if (share >= 0)
		buf_addf(out, " (%.0f%%)", share * 100);
}

/* Prints the options with which the attempt was submitted, and how much of the time and memory that it
 * asked for it has used. */
static void print_options(struct cmd_ctx *ctx, const struct tried *t, int64_t now)
{
	struct strs options = {0};
	struct buf line = {0}, text = {0}, used = {0};
	const char *time, *mem;
	int64_t n, ran = view_duration(&t->a, now);

	strs_add_lines(&options, t->options);
	for (size_t i = 0; i < options.n; i++) {
		buf_addstr(&line, i ? " " : "");
		buf_add_shell_word(&line, options.v[i]);
	}
	if (line.len)
		print_field(ctx, "  options", buf_str(&line));
	time = policy_option(&options, "--time");
	mem = policy_option(&options, "--mem");
	if (time && t->a.started && !amount_time(time, &n)) {
		time_add_duration(&used, ran);
		add_share(&text, "time", &used, time,
			  n == AMOUNT_UNLIMITED ? -1 : (double)ran / 60000 / (double)n);
	}
	if (mem && t->a.maxrss_kib > 0 && !amount_mem(mem, &n)) {
		buf_clear(&used);
		size_add_kib(&used, t->a.maxrss_kib);
		add_share(&text, "memory", &used, mem,
			  n == AMOUNT_UNLIMITED ? -1 : (double)t->a.maxrss_kib / 1024 / (double)n);
	}
	if (text.len)
		print_field(ctx, "  used", buf_str(&text));
	buf_release(&line);
	buf_release(&text);
	buf_release(&used);
	strs_release(&options);
}

/* Prints why an attempt waits in Slurm, or why it did not start there. */
static void print_waits(struct cmd_ctx *ctx, const struct whole *w, const struct db_attempt *a)
{
	struct buf text = {0};

	if (a->closed == CLOSED_NOT && a->slurm_reason)
		print_field(ctx, "  waits", a->slurm_reason);
	if (unstarted_explain(ctx->store, a, &w->plan, &text))
		print_field(ctx, "  error", buf_str(&text));
	buf_release(&text);
}

/* Returns whether both attempts did not start, for the same reason. */
static bool is_alike(const struct tried *a, const struct tried *b)
{
	return !view_has_number(&a->a) && !view_has_number(&b->a) &&
	       !strcmp(describe_state(&a->a), describe_state(&b->a)) &&
	       (a->refused && b->refused ? !strcmp(a->refused, b->refused)
					 : a->refused == b->refused);
}

static void print_whole(struct cmd_ctx *ctx, const struct whole *w)
{
	int64_t now = clock_now_ms();
	size_t number = 0, times = 1;

	print_head(ctx, &w->job, view_slurm_reason(&w->job, w->n ? &w->v[w->n - 1].a : NULL));
	print_params(ctx, &w->job);
	print_results(ctx, w);
	print_commands(ctx, w);
	for (size_t i = 0; i < w->n; i++) {
		const struct db_attempt *a = &w->v[i].a;
		struct buf end = {0};
		char *log;

		number += view_has_number(a);
		if (i + 1 < w->n && is_alike(&w->v[i], &w->v[i + 1])) {
			times++;
			continue;
		}
		log = store_log_path(ctx->store, a->first, a->submission, a->task);
		print_attempt_head(ctx, a, number, times, now);
		times = 1;
		view_end(a, &end);
		if (end.len)
			print_field(ctx, "  end", buf_str(&end));
		print_waits(ctx, w, a);
		print_refusal(ctx, w->v[i].refused);
		print_options(ctx, &w->v[i], now);
		print_time(ctx, "  queued", a->queued, now);
		print_time(ctx, "  started", a->started, now);
		print_time(ctx, "  ended", a->ended, now);
		if (a->started)
			print_field(ctx, "  log", log);
		print_steps(ctx, &w->v[i]);
		free(log);
		buf_release(&end);
	}
}

struct shown {
	struct cmd_ctx *ctx;
	struct err *err;
	struct json *json; /* NULL: for people */
	bool again;
};

static int show_job(void *arg, const struct db_job *job)
{
	struct shown *s = arg;
	struct whole w = {0};
	int rc = read_whole(s->ctx->store->db, job->id, &w, s->err);

	if (rc == 0 && s->json) {
		show_add_json(s->json, s->ctx->store, &w);
	} else if (rc == 0) {
		if (s->again)
			putchar('\n');
		print_whole(s->ctx, &w);
		s->again = true;
	}
	whole_release(&w);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct buf text = {0};
	struct json j = {.out = &text};
	struct shown s = {.ctx = ctx, .err = err, .json = args->json ? &j : NULL};
	struct selection sel = {0};
	int rc;

	if (!argc && !args->select.states && !args->select.where)
		return err_set(err, ERR_USAGE, "no jobs given: slurmq show 17, failed, lr=0.1");
	rc = ingest_now(ctx->store, err);
	if (!rc)
		rc = selection_parse(ctx->store->db, argc, argv, &args->select, &sel, err);
	if (!rc && args->json)
		json_open(&j, NULL, '[');
	if (!rc)
		rc = db_jobs_each(ctx->store->db, &sel.jobs, show_job, &s, err);
	if (!rc && args->json) {
		json_close(&j);
		cmd_print_json(&text);
	}
	selection_release(&sel);
	buf_release(&text);
	return rc;
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_FLAG(0, "json", "print one JSON document: a list of jobs", struct args, json), OPT_END};

const struct cmd cmd_show = {
	.name = "show",
	.args = "SELECTOR... [--json]",
	.summary = "show a job: its commands, attempts and steps",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
