/* slurmq list - prints one line per job, or the jobs by the values of a parameter */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/expr.h"
#include "chain/ingest.h"
#include "lib/clock.h"
#include "cmd/view.h"
#include "slurm/wait.h"

struct args {
	struct select_args select;
	const char *sort, *columns, *group;
	int64_t max;
	bool reverse, wide, json;
};

enum {
	BLOCK = 1000, /* rows that are measured together */
	STOP = 2,     /* the reader of stdout is gone */
};

struct list {
	struct cmd_ctx *ctx;
	struct err *err;
	struct style style; /* of stdout, without a width for --wide */
	struct columns columns;
	struct table table;
	struct buf text;
	int64_t now, rows;
};

/* ---- cells ---- */

static void add_state(struct list *l, const struct db_job *job, const struct db_attempt *a)
{
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
	table_addf(&l->table, &l->style, view_paint(job->state), "%s%s%s%s",
		   job_state_name(job->state), *why || stopping ? " " : "",
		   stopping ? "(cancelled)" : why, stopping ? "" : number);
}

static const char *find_param(const struct db_job *job, const char *name)
{
	for (size_t i = 0; i < job->point.n; i++)
		if (!strcmp(job->point.params[i].name, name))
			return job->point.params[i].value;
	return job->point.variant && !strcmp(name, "variant") ? job->point.variant : "";
}

/* An error leaves the value empty: the row's other reads of the database report it. */
static void add_result(struct list *l, const struct db_job *job, const char *name)
{
	char *value = NULL;

	if (job->attempt && !db_result_get(l->ctx->store->db, job->attempt, name, &value, NULL))
		buf_addstr(&l->text, value);
	free(value);
}

/* Sets l->text to the value of a field, as a person reads it. */
static void render_field(struct list *l, const struct db_field *f, const struct db_job *job,
			 const struct db_attempt *a)
{
	struct buf *out = &l->text;

	buf_clear(out);
	switch (f->kind) {
	case FIELD_PARAM:
		buf_addstr(out, find_param(job, f->name));
		break;
	case FIELD_RESULT:
		add_result(l, job, f->name);
		break;
	case FIELD_ID:
		buf_addf(out, "%" PRId64, job->id);
		break;
	case FIELD_SWEEP:
		buf_addstr(out, job->sweep_name);
		break;
	case FIELD_REASON:
		buf_addstr(out, job_reason_name(job->reason));
		break;
	case FIELD_TRIES:
		buf_addf(out, "%" PRId64, job->tries);
		break;
	case FIELD_PRIORITY:
		buf_addf(out, "%" PRId64, job->priority);
		break;
	case FIELD_NODE:
		buf_addstr(out, a->node ? a->node : "");
		break;
	case FIELD_TIME:
		time_add_duration(out, a->id ? view_duration(a, l->now) : -1);
		break;
	case FIELD_STARTED:
		time_add_local(out, a->started);
		break;
	case FIELD_ENDED:
		time_add_local(out, a->ended);
		break;
	case FIELD_EXIT:
		if (a->completed || a->exit_code)
			buf_addf(out, "%d", a->exit_code);
		break;
	case FIELD_MAXRSS:
		if (a->maxrss_kib)
			size_add_kib(out, a->maxrss_kib);
		break;
	default:
		break;
	}
}

/* ---- rows ---- */

static int add_row(struct list *l, const struct db_job *job)
{
	struct db_attempt a;

	if (view_attempt(l->ctx->store->db, job, &a, l->err) < 0)
		return -1;
	for (size_t i = 0; i < l->columns.n; i++) {
		const struct db_field *f = &l->columns.fields[i];

		if (f->kind == FIELD_STATE) {
			add_state(l, job, &a);
			continue;
		}
		render_field(l, f, job, &a);
		table_add(&l->table, &l->style, f->kind == FIELD_ID ? PAINT_BOLD : PAINT_NONE,
			  buf_str(&l->text));
	}
	db_attempt_release(&a);
	if (++l->rows % BLOCK == 0)
		table_flush(&l->table, &l->style, stdout);
	return ferror(stdout) ? STOP : 0;
}

static int add_line(struct list *l, const struct db_job *job)
{
	struct json j = {.out = &l->text};
	struct db_result *results = NULL;
	struct db_attempt a;
	size_t n = 0;
	int rc = view_attempt(l->ctx->store->db, job, &a, l->err);

	if (rc < 0 ||
	    (job->attempt && db_results(l->ctx->store->db, job->attempt, &results, &n, l->err)))
		return -1;
	buf_clear(&l->text);
	json_open(&j, NULL, '{');
	view_job_json(&j, job, rc == 0 ? &a : NULL);
	view_results_json(&j, results, n);
	json_close(&j);
	db_attempt_release(&a);
	db_results_free(results, n);
	cmd_print_json(&l->text);
	return ferror(stdout) ? STOP : 0;
}

static int each_job(struct list *l, const struct ids *ids,
		    int (*fn)(struct list *l, const struct db_job *job))
{
	int rc = 0;

	for (size_t i = 0; i < ids->n && !rc; i++) {
		struct db_job job;

		rc = db_job_get(l->ctx->store->db, ids->v[i], &job, l->err);
		if (rc == DB_NONE) {
			rc = 0; /* deleted meanwhile */
		} else if (!rc) {
			rc = fn(l, &job);
			db_job_release(&job);
		}
	}
	return rc < 0 ? -1 : 0;
}

static void print_nothing(struct list *l, bool chosen)
{
	int64_t max;

	if (db_job_max(l->ctx->store->db, &max, NULL) == 0 && max == 0)
		cmd_print(l->ctx, "no jobs yet: slurmq expand FILE");
	else if (chosen)
		cmd_print(l->ctx, "no such jobs; slurmq status lists the sweeps");
}

static bool is_number(enum db_field_kind kind)
{
	return kind == FIELD_ID || kind == FIELD_TRIES || kind == FIELD_TIME ||
	       kind == FIELD_PRIORITY || kind == FIELD_EXIT || kind == FIELD_MAXRSS;
}

static void __attribute__((format(printf, 2, 3)))
print_wrapped(struct list *l, const char *fmt, ...)
{
	struct buf text = {0}, clean = {0}, line = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	clean_add(&clean, &l->style, buf_str(&text));
	text_add_wrapped(&line, &l->style, buf_str(&clean), 0, 2);
	buf_addch(&line, '\n');
	fwrite(line.s, 1, line.len, stdout);
	buf_release(&line);
	buf_release(&clean);
	buf_release(&text);
}

/* Prints what the table does not show: rows beyond -n, parameters without a column. */
static void print_rest(struct list *l, size_t more)
{
	struct buf names = {0};

	for (size_t i = 0; i < l->columns.hidden.n; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", l->columns.hidden.v[i]);
	if (more)
		cmd_print(l->ctx, "%zu more", more);
	if (names.len)
		print_wrapped(l, "without a column: %s (--wide)", names.s);
	buf_release(&names);
}

static int print_table(struct list *l, const struct args *args, const struct ids *ids, size_t more)
{
	struct column columns[COLUMNS_MOST];
	struct db *db = l->ctx->store->db;
	int rc = args->columns ? columns_parse(db, args->columns, &l->columns, l->err)
			       : columns_choose(db, ids, l->style.width, &l->columns, l->err);

	if (rc)
		return args->columns ? err_prefix(l->err, "--columns") : -1;
	if (args->sort && !args->columns)
		columns_require(db, args->sort, &l->columns);
	for (size_t i = 0; i < l->columns.n; i++) {
		enum db_field_kind kind = l->columns.fields[i].kind;

		columns[i] = (struct column){l->columns.titles[i], is_number(kind),
					     kind != FIELD_ID && kind != FIELD_STATE};
	}
	pager_start(&l->ctx->pager);
	if (l->columns.constant.len)
		print_wrapped(l, "all %zu%s: %s", ids->n, more ? " shown" : "",
			      l->columns.constant.s);
	table_init(&l->table, columns, l->columns.n);
	rc = each_job(l, ids, add_row);
	if (!rc && l->rows)
		table_flush(&l->table, &l->style, stdout);
	table_release(&l->table);
	if (!rc)
		print_rest(l, more);
	return rc;
}

/* Sets *ids to the jobs in the order in which they are shown, and *more to how many -n left out. */
static int find_ids(struct list *l, const struct args *args, const struct selection *sel,
		    struct ids *ids, size_t *more)
{
	struct db *db = l->ctx->store->db;
	struct db_field by = {0};
	const char *sort = args->sort;
	int rc;

	if (!sort) {
		rc = db_jobs_ids(db, &sel->jobs, ids, l->err);
	} else {
		rc = expr_field(db, sort, &by, l->err);
		if (rc)
			err_prefix(l->err, "--sort");
		else
			rc = db_jobs_sorted(db, &sel->jobs, &by, args->reverse, ids, l->err);
		free(by.name);
	}
	for (size_t i = 0; !sort && args->reverse && i < ids->n / 2; i++) {
		int64_t id = ids->v[i];

		ids->v[i] = ids->v[ids->n - 1 - i];
		ids->v[ids->n - 1 - i] = id;
	}
	*more = args->max && ids->n > (size_t)args->max ? ids->n - (size_t)args->max : 0;
	ids->n -= *more;
	return rc;
}

static int print_list(struct list *l, const struct args *args, const struct selection *sel)
{
	struct ids ids = {0};
	size_t more;
	int rc = find_ids(l, args, sel, &ids, &more);

	if (!rc && args->json)
		rc = each_job(l, &ids, add_line);
	else if (!rc && ids.n)
		rc = print_table(l, args, &ids, more);
	else if (!rc)
		print_nothing(l, sel->chosen);
	ids_release(&ids);
	return rc;
}

/* ---- groups ---- */

struct group {
	char *values[DB_GROUP_FIELDS];
	int64_t counts[JOB_NSTATES];
};

struct groups {
	struct group *v;
	size_t n;
	int64_t counts[JOB_NSTATES]; /* of all */
};

static void groups_release(struct groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		for (int k = 0; k < DB_GROUP_FIELDS; k++)
			free(g->v[i].values[k]);
	free(g->v);
}

static int collect_group(void *arg, const char *const *values, const int64_t *counts)
{
	struct groups *g = arg;
	struct group *one;

	g->v = mem_grow(g->v, g->n + 1, sizeof(*g->v));
	one = &g->v[g->n++];
	for (int k = 0; k < DB_GROUP_FIELDS; k++)
		one->values[k] = mem_strdup(values[k]);
	memcpy(one->counts, counts, sizeof(one->counts));
	for (int k = 0; k < JOB_NSTATES; k++)
		g->counts[k] += counts[k];
	return 0;
}

/* Returns the value of a group's field as a person reads it. */
static const char *group_value(const struct db_field *f, const char *value)
{
	if (value && f->kind == FIELD_STATE)
		return job_state_name(atoi(value));
	if (value && f->kind == FIELD_REASON)
		return job_reason_name(atoi(value));
	return value;
}

/* Adds the value of a group, with a prefix if a key of every group has the name. */
static void add_group_value(struct json *j, const struct db_field *f, const char *title,
			    const char *value)
{
	bool twice = !strcmp(title, "jobs") || !strcmp(title, "counts");
	const char *prefix = f->kind == FIELD_RESULT ? "result." : "param.";
	char *key = mem_printf("%s%s", twice ? prefix : "", title);

	json_str(j, key, group_value(f, value));
	free(key);
}

static void print_groups_json(struct list *l, const struct columns *by, const struct groups *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct json j = {.out = &l->text};
		int64_t jobs = 0;

		json_open(&j, NULL, '{');
		for (size_t k = 0; k < by->n; k++)
			add_group_value(&j, &by->fields[k], by->titles[k], g->v[i].values[k]);
		for (int k = 0; k < JOB_NSTATES; k++)
			jobs += g->v[i].counts[k];
		json_int(&j, "jobs", jobs);
		json_open(&j, "counts", '{');
		for (int k = 0; k < JOB_NSTATES; k++)
			json_int(&j, job_state_name(k), g->v[i].counts[k]);
		json_close(&j);
		json_close(&j);
		cmd_print_json(&l->text);
	}
}

static void print_groups(struct list *l, const struct columns *by, const struct groups *g)
{
	struct column columns[DB_GROUP_FIELDS + 1 + JOB_NSTATES];
	size_t n = 0;

	pager_start(&l->ctx->pager);
	for (size_t k = 0; k < by->n; k++)
		columns[n++] = (struct column){by->titles[k], false, true};
	columns[n++] = (struct column){"jobs", true, false};
	for (int k = 0; k < JOB_NSTATES; k++)
		if (g->counts[k])
			columns[n++] = (struct column){job_state_name(k), true, false};
	table_init(&l->table, columns, n);
	for (size_t i = 0; i < g->n; i++) {
		const struct group *one = &g->v[i];
		int64_t jobs = 0;

		for (size_t k = 0; k < by->n; k++)
			table_add(&l->table, &l->style, PAINT_BOLD,
				  group_value(&by->fields[k], one->values[k]));
		for (int k = 0; k < JOB_NSTATES; k++)
			jobs += one->counts[k];
		table_addf(&l->table, &l->style, PAINT_NONE, "%" PRId64, jobs);
		for (int k = 0; k < JOB_NSTATES; k++) {
			if (g->counts[k] && one->counts[k])
				table_addf(&l->table, &l->style, view_paint(k), "%" PRId64,
					   one->counts[k]);
			else if (g->counts[k])
				table_add(&l->table, &l->style, PAINT_NONE, "");
		}
	}
	table_flush(&l->table, &l->style, stdout);
	table_release(&l->table);
}

static int print_by_group(struct list *l, const struct args *args, const struct selection *sel)
{
	struct columns by = {0};
	struct groups g = {0};
	int rc = columns_parse(l->ctx->store->db, args->group, &by, l->err);

	if (rc)
		err_prefix(l->err, "--group-by");
	else if (by.n > DB_GROUP_FIELDS)
		rc = err_set(l->err, ERR_USAGE, "--group-by takes one name, or two: P,Q");
	if (!rc)
		rc = db_jobs_group(l->ctx->store->db, &sel->jobs, by.fields, by.n, collect_group,
				   &g, l->err);
	if (!rc && args->json)
		print_groups_json(l, &by, &g);
	else if (!rc && g.n)
		print_groups(l, &by, &g);
	else if (!rc)
		print_nothing(l, sel->chosen);
	groups_release(&g);
	columns_release(&by);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct list l = {.ctx = ctx, .err = err, .now = clock_now_ms(), .style = ctx->out};
	struct selection sel = {0};
	int rc;

	if (args->wide)
		l.style.width = 0;
	rc = ingest_now(ctx->store, err);
	if (!rc)
		rc = selection_parse(ctx->store->db, argc, argv, &args->select, &sel, err);
	if (!rc)
		rc = args->group ? print_by_group(&l, args, &sel) : print_list(&l, args, &sel);
	selection_release(&sel);
	columns_release(&l.columns);
	buf_release(&l.text);
	return rc;
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_INT('n', "max", "N", "print at most N jobs", struct args, max, 1, INT64_MAX),
	OPT_STR(0, "sort", "NAME", "order by a parameter or column", struct args, sort),
	OPT_FLAG('r', "reverse", "the largest first", struct args, reverse),
	OPT_STR(0, "columns", "NAME,...", "print these parameters and columns", struct args,
		columns),
	OPT_STR(0, "group-by", "NAME,...", "count jobs by the values of one or two parameters",
		struct args, group),
	OPT_FLAG(0, "wide", "do not cut lines to the terminal's width", struct args, wide),
	OPT_FLAG(0, "json", "print one JSON document per line", struct args, json),
	OPT_END};

const struct cmd cmd_list = {
	.name = "list",
	.args = "[SELECTOR...] [-n N] [--sort NAME] [--group-by NAME]",
	.summary = "list jobs with their parameters, one per line",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
