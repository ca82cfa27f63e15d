/* slurmq list - prints one line per job */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "chain/ingest.h"
#include "lib/clock.h"
#include "cmd/view.h"
#include "slurm/wait.h"

struct args {
	const char *states;
	bool json;
};

enum {
	BLOCK = 1000,	/* rows that are measured together */
	SAMPLE = 20000, /* jobs that are compared to find the parameters that vary */
	STOP = 2,	/* the reader of stdout is gone */
};

/* ---- which parameters vary ---- */

struct vary {
	struct strs names, values; /* parallel lists: each name and its first value */
	bool *varies;
	int64_t jobs, left;
};

static void record_param(struct vary *v, const struct sweep_param *p)
{
	for (size_t i = 0; i < v->names.n; i++) {
		if (!strcmp(v->names.v[i], p->name)) {
			if (strcmp(v->values.v[i], p->value) != 0)
				v->varies[i] = true;
			return;
		}
	}
	strs_add(&v->names, p->name);
	strs_add(&v->values, p->value);
	v->varies = mem_grow(v->varies, v->names.n, sizeof(*v->varies));
	v->varies[v->names.n - 1] = v->jobs > 0; /* other jobs do not have it */
}

static int record_job(void *arg, const struct db_job *job)
{
	struct vary *v = arg;

	for (size_t i = 0; i < job->point.n; i++)
		record_param(v, &job->point.params[i]);
	v->jobs++;
	return --v->left > 0 ? 0 : STOP;
}

static bool param_varies(const struct vary *v, const char *name)
{
	if (v->jobs <= 1)
		return true;
	for (size_t i = 0; i < v->names.n; i++)
		if (!strcmp(v->names.v[i], name))
			return v->varies[i];
	return true;
}

/* Finds the parameters that vary. If there are very many jobs, only the first and the last ones
 * are compared: the slowest parameters differ between these. */
static int read_varying_params(struct db *db, const struct selection *sel, struct vary *v,
			       struct err *err)
{
	struct selection tail = {.params = sel->params, .nparams = sel->nparams}; /* borrowed */
	int64_t max;
	int rc;

	v->left = SAMPLE;
	rc = selection_each(db, sel, record_job, v, err);
	if (rc != STOP || db_job_max(db, &max, err))
		return rc == STOP ? -1 : rc;
	for (size_t i = 0; i < sel->n; i++) {
		struct db_select one = sel->v[i];
		int64_t last = one.last ? one.last : max;

		if (last - SAMPLE > one.first)
			one.first = last - SAMPLE;
		tail.v = mem_grow(tail.v, tail.n + 1, sizeof(*tail.v));
		tail.v[tail.n++] = one;
	}
	v->left = SAMPLE;
	rc = selection_each(db, &tail, record_job, v, err);
	free(tail.v);
	return rc == STOP ? 0 : rc;
}

/* ---- rows ---- */

struct list {
	struct cmd_ctx *ctx;
	struct err *err;
	struct vary vary;
	struct table table;
	struct buf text;
	int64_t now, rows;
};

static void add_state(struct list *l, const struct db_job *job, const struct db_attempt *a)
{
	const struct style *s = &l->ctx->out;
	const char *why = job->reason ? job_reason_name(job->reason) : "";
	const char *waits = view_slurm_reason(job, a);
	bool stopping = job->request == REQUEST_CANCEL && job_state_in_flight(job->state);
	char number[16] = "";

	if (!strcasecmp(why, job_state_name(job->state)))
		why = "";
	if (job->reason == REASON_EXIT && a->exit_code)
		snprintf(number, sizeof(number), " %d", a->exit_code);
	else if (job->reason == REASON_SIGNAL && a->signal)
		snprintf(number, sizeof(number), " %d", a->signal);
	buf_clear(&l->text);
	buf_addstr(&l->text, why);
	if (!*why && job->again.tries + job->again.site && job->state < JOB_COMPLETED)
		buf_addstr(&l->text, "again"); /* by its sweep's policy */
	if (!*why && waits) {
		buf_addstr(&l->text, l->text.len ? " " : "");
		buf_add(&l->text, waits, slurm_wait_name_len(waits));
	}
	why = buf_str(&l->text);
	table_addf(&l->table, s, view_paint(job->state), "%s%s%s%s", job_state_name(job->state),
		   *why || stopping ? " " : "", stopping ? "(cancelled)" : why,
		   stopping ? "" : number);
}

static void add_params(struct list *l, const struct db_job *job)
{
	buf_clear(&l->text);
	if (job->point.variant)
		buf_addf(&l->text, "[%s]", job->point.variant);
	for (size_t i = 0; i < job->point.n; i++) {
		const struct sweep_param *p = &job->point.params[i];

		if (param_varies(&l->vary, p->name))
			buf_addf(&l->text, "%s%s=%s", l->text.len ? " " : "", p->name, p->value);
	}
	table_add(&l->table, &l->ctx->out, PAINT_NONE, buf_str(&l->text));
}

static int add_row(void *arg, const struct db_job *job)
{
	struct list *l = arg;
	const struct style *s = &l->ctx->out;
	struct db_attempt a;
	int rc = view_attempt(l->ctx->store->db, job, &a, l->err);

	if (rc < 0)
		return -1;
	table_addf(&l->table, s, PAINT_BOLD, "%" PRId64, job->id);
	table_add(&l->table, s, PAINT_NONE, job->sweep_name);
	add_state(l, job, &a);
	table_addf(&l->table, s, PAINT_NONE, "%" PRId64, job->tries);
	buf_clear(&l->text);
	time_add_duration(&l->text, rc == 0 ? view_duration(&a, l->now) : -1);
	table_add(&l->table, s, PAINT_NONE, buf_str(&l->text));
	table_add(&l->table, s, PAINT_NONE, a.node);
	add_params(l, job);
	db_attempt_release(&a);
	if (++l->rows % BLOCK == 0)
		table_flush(&l->table, s, stdout);
	return ferror(stdout) ? STOP : 0;
}

static int add_line(void *arg, const struct db_job *job)
{
	struct list *l = arg;
	struct json j = {.out = &l->text};
	struct db_attempt a;
	int rc = view_attempt(l->ctx->store->db, job, &a, l->err);

	if (rc < 0)
		return -1;
	json_open(&j, NULL, '{');
	view_job_json(&j, job, rc == 0 ? &a : NULL);
	json_close(&j);
	db_attempt_release(&a);
	cmd_print_json(&l->text);
	return ferror(stdout) ? STOP : 0;
}

static void print_nothing(struct list *l, bool chosen)
{
	int64_t max;

	if (db_job_max(l->ctx->store->db, &max, NULL) == 0 && max == 0)
		cmd_print(l->ctx, "no jobs yet: slurmq expand FILE");
	else if (chosen)
		cmd_print(l->ctx, "no such jobs; slurmq status lists the sweeps");
}

static int print_list(struct list *l, const struct args *args, const struct selection *sel,
		      struct err *err)
{
	static const struct column columns[] = {
		{"id", true, false},	     {"sweep", false, true}, {"state", false, false},
		{"tries", true, false},	     {"time", true, false},  {"node", false, true},
		{"parameters", false, true},
	};
	struct db *db = l->ctx->store->db;
	int rc;

	if (args->json) {
		rc = selection_each(db, sel, add_line, l, err);
		return rc < 0 ? -1 : 0;
	}
	rc = read_varying_params(db, sel, &l->vary, err);
	if (rc)
		return -1;
	table_init(&l->table, columns, sizeof(columns) / sizeof(columns[0]));
	rc = selection_each(db, sel, add_row, l, err);
	if (rc >= 0 && l->rows)
		table_flush(&l->table, &l->ctx->out, stdout);
	else if (rc >= 0)
		print_nothing(l, sel->states || sel->nparams || sel->n != 1 || sel->v[0].sweep ||
					 sel->v[0].first);
	table_release(&l->table);
	return rc < 0 ? -1 : 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct list l = {.ctx = ctx, .err = err, .now = clock_now_ms()};
	struct selection sel = {0};
	int rc;

	rc = ingest_now(ctx->store, err);
	if (!rc)
		rc = selection_parse(ctx->store->db, argc, argv, args->states, &sel, err);
	if (!rc)
		rc = print_list(&l, args, &sel, err);
	selection_release(&sel);
	strs_release(&l.vary.names);
	strs_release(&l.vary.values);
	free(l.vary.varies);
	buf_release(&l.text);
	return rc;
}

static const struct opt opts[] = {
	OPT_STR('s', "state", "STATE,...", "only jobs in these states", struct args, states),
	OPT_FLAG(0, "json", "print one JSON document per line", struct args, json), OPT_END};

const struct cmd cmd_list = {
	.name = "list",
	.args = "[SELECTOR...] [-s STATE] [--json]",
	.summary = "list jobs with their parameters, one per line",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
