/* slurmq export - a table of jobs for other programs */
#include "cmd/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/ingest.h"
#include "cmd/view.h"
#include "lib/csv.h"
#include "lib/output.h"

struct args {
	struct select_args select;
	const char *output;
	bool csv, json;
};

enum {
	STOP = 2,    /* the reader of stdout is gone */
	SLICE = 200, /* jobs that are read under one lock */
};

/* The columns that every table has. Parameters follow FIRST, results are last. */
enum { C_ID, C_SWEEP, C_VARIANT, FIRST = C_VARIANT };
enum {
	C_STATE,
	C_REASON,
	C_TRIES,
	C_STARTED,
	C_ENDED,
	C_SECONDS,
	C_NODE,
	C_EXIT_CODE,
	C_MAX_RSS,
	C_CPU,
	NREST
};
static const char *const first_names[] = {"id", "sweep", "variant"};
static const char *const rest_names[NREST] = {
	"state",   "reason", "tries",	  "started",	 "ended",
	"seconds", "node",   "exit_code", "max_rss_kib", "cpu_seconds",
};

struct cell {
	struct buf text;
	bool set, number;
};

struct export
{
	struct cmd_ctx *ctx;
	struct err *err;
	bool json;
	FILE *out;
	const char *path;	     /* NULL: standard output */
	struct strs params, results; /* names, as they were given */
	size_t most;		     /* how many names of results there are */
	bool variant;		     /* jobs have a variant */
	struct strs names;	     /* of all columns */
	struct cell *cells;	     /* of the row */
	struct buf text;
	int slice;	/* jobs since the lock was taken; 0: it is not held */
	int64_t missed; /* results that were recorded since the columns were chosen */
};

/* ---- the columns ---- */

/* Returns the place of a name, or l->n. guess: where it probably is. */
static size_t find_name(const struct strs *l, const char *name, size_t guess)
{
	if (guess < l->n && !strcmp(l->v[guess], name))
		return guess;
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], name))
			return i;
	return l->n;
}

/* Ends the reads of a slice, and writes its rows: a reader that is slow must not hold the lock. */
static int end_slice(struct export *x)
{
	db_read_end(x->ctx->store->db);
	x->slice = 0;
	fwrite(buf_str(&x->text), 1, x->text.len, x->out);
	buf_clear(&x->text);
	if (!ferror(x->out))
		return 0;
	return x->path ? err_errno(x->err, ERR_FAILED, "cannot write '%s'", x->path) : STOP;
}

/* Counts a job. The reads of a slice share one lock, which saves most of their system calls. */
static int begin_job(struct export *x)
{
	int rc = x->slice == SLICE ? end_slice(x) : 0;

	if (!rc && !x->slice)
		rc = db_read_begin(x->ctx->store->db, x->err);
	x->slice++;
	return rc;
}

static int collect_names(void *arg, const struct db_job *job)
{
	struct export *x = arg;
	struct db_result *v = NULL;
	size_t n = 0;
	int rc = begin_job(x);

	if (rc)
		return rc;
	x->variant = x->variant || job->point.variant;
	for (size_t i = 0; i < job->point.n; i++)
		if (find_name(&x->params, job->point.params[i].name, i) == x->params.n)
			strs_add(&x->params, job->point.params[i].name);
	if (job->attempt && x->results.n < x->most &&
	    db_results(x->ctx->store->db, job->attempt, &v, &n, x->err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (find_name(&x->results, v[i].name, i) == x->results.n)
			strs_add(&x->results, v[i].name);
	db_results_free(v, n);
	return 0;
}

static bool is_fixed(const char *name)
{
	for (size_t i = 0; i < sizeof(first_names) / sizeof(first_names[0]); i++)
		if (!strcmp(first_names[i], name))
			return true;
	for (size_t i = 0; i < NREST; i++)
		if (!strcmp(rest_names[i], name))
			return true;
	return false;
}

/* Adds the name of a column, with the prefix if another column has the name. */
static void add_name(struct strs *names, const char *prefix, const char *name)
{
	struct buf b = {0};

	buf_addstr(&b, name);
	while (is_fixed(buf_str(&b)) || strs_has(names, buf_str(&b))) {
		char *shorter = buf_take(&b);

		buf_addf(&b, "%s.%s", prefix, shorter);
		free(shorter);
	}
	strs_take(names, buf_take(&b));
}

static void choose_columns(struct export *x)
{
	for (size_t i = 0; i < FIRST + (x->variant ? 1U : 0U); i++)
		strs_add(&x->names, first_names[i]);
	for (size_t i = 0; i < x->params.n; i++)
		add_name(&x->names, "param", x->params.v[i]);
	for (size_t i = 0; i < NREST; i++)
		strs_add(&x->names, rest_names[i]);
	for (size_t i = 0; i < x->results.n; i++)
		add_name(&x->names, "result", x->results.v[i]);
	x->cells = mem_alloc(x->names.n * sizeof(*x->cells));
}

/* ---- rows ---- */

static void set_text(struct cell *c, const char *text)
{
	if (!text)
		return;
	buf_addstr(&c->text, text);
	c->set = true;
}

static void set_int(struct cell *c, int64_t n)
{
	buf_addf(&c->text, "%" PRId64, n);
	c->set = c->number = true;
}

static void set_seconds(struct cell *c, int64_t ms)
{
	buf_addf(&c->text, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
	c->set = c->number = true;
}

static void set_time(struct cell *c, int64_t ms)
{
	time_add_utc(&c->text, ms);
	c->set = c->text.len > 0;
}

static void set_attempt(struct cell *c, const struct db_attempt *a)
{
	set_time(&c[C_STARTED], a->started);
	set_time(&c[C_ENDED], a->started ? a->ended : 0);
	if (a->started && a->ended)
		set_seconds(&c[C_SECONDS], view_duration(a, a->ended));
	set_text(&c[C_NODE], a->node && *a->node ? a->node : NULL);
	if (a->completed || a->exit_code)
		set_int(&c[C_EXIT_CODE], a->exit_code);
	if (a->maxrss_kib > 0) {
		set_int(&c[C_MAX_RSS], a->maxrss_kib);
		set_seconds(&c[C_CPU], a->cpu_ms);
	}
}

static int set_results(struct export *x, struct cell *c, int64_t attempt)
{
	struct db_result *v = NULL;
	size_t n = 0;

	if (db_results(x->ctx->store->db, attempt, &v, &n, x->err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t at = find_name(&x->results, v[i].name, i);

		if (at < x->results.n)
			set_text(&c[at], v[i].value);
		else
			x->missed++;
	}
	db_results_free(v, n);
	return 0;
}

static int set_row(struct export *x, const struct db_job *job)
{
	struct cell *c = x->cells;
	struct db_attempt a;
	int rc;

	set_int(&c[C_ID], job->id);
	set_text(&c[C_SWEEP], job->sweep_name);
	if (x->variant)
		set_text(&c[C_VARIANT], job->point.variant);
	c += FIRST + (x->variant ? 1 : 0);
	for (size_t i = 0; i < job->point.n; i++) {
		size_t at = find_name(&x->params, job->point.params[i].name, i);

		if (at < x->params.n)
			set_text(&c[at], job->point.params[i].value);
		else
			x->missed++;
	}
	c += x->params.n;
	set_text(&c[C_STATE], job_state_name(job->state));
	set_text(&c[C_REASON], job->reason ? job_reason_name(job->reason) : NULL);
	set_int(&c[C_TRIES], job->tries);
	rc = view_attempt(x->ctx->store->db, job, &a, x->err);
	if (rc == 0)
		set_attempt(c, &a);
	db_attempt_release(&a);
	if (rc)
		return rc < 0 ? -1 : 0;
	return set_results(x, c + NREST, job->attempt);
}

static void add_csv(struct export *x)
{
	for (size_t i = 0; i < x->names.n; i++) {
		if (i)
			buf_addch(&x->text, ',');
		csv_add_field(&x->text, buf_str(&x->cells[i].text));
	}
}

static void add_json(struct export *x)
{
	struct json j = {.out = &x->text};

	json_open(&j, NULL, '{');
	for (size_t i = 0; i < x->names.n; i++) {
		const struct cell *c = &x->cells[i];

		if (c->number)
			json_number(&j, x->names.v[i], buf_str(&c->text));
		else
			json_str(&j, x->names.v[i], c->set ? buf_str(&c->text) : NULL);
	}
	json_close(&j);
}

static int write_row(void *arg, const struct db_job *job)
{
	struct export *x = arg;
	int rc = begin_job(x);

	if (rc)
		return rc;
	for (size_t i = 0; i < x->names.n; i++) {
		buf_clear(&x->cells[i].text);
		x->cells[i].set = x->cells[i].number = false;
	}
	if (set_row(x, job))
		return -1;
	if (x->json)
		add_json(x);
	else
		add_csv(x);
	buf_addch(&x->text, '\n');
	return 0;
}

static void add_header(struct export *x)
{
	for (size_t i = 0; i < x->names.n; i++) {
		if (i)
			buf_addch(&x->text, ',');
		csv_add_field(&x->text, x->names.v[i]);
	}
	buf_addch(&x->text, '\n');
}

/* ---- the command ---- */

/* Calls fn for each job, in slices. */
static int each_job(struct export *x, const struct selection *sel,
		    int (*fn)(void *arg, const struct db_job *job))
{
	int rc = db_jobs_each(x->ctx->store->db, &sel->jobs, fn, x, x->err);

	if (!rc)
		return end_slice(x);
	db_read_end(x->ctx->store->db);
	x->slice = 0;
	return rc;
}

static int write_table(struct export *x, const struct selection *sel)
{
	struct strs names = {0};
	int rc = db_result_names(x->ctx->store->db, &names, x->err);

	x->most = names.n;
	strs_release(&names);
	if (!rc)
		rc = each_job(x, sel, collect_names);
	if (rc)
		return rc;
	choose_columns(x);
	if (!x->json)
		add_header(x);
	rc = each_job(x, sel, write_row);
	if (rc >= 0 && x->missed)
		cmd_say(x->ctx,
			"%" PRId64
			" values are not in the table: their names are new since it was begun",
			x->missed);
	return rc < 0 ? -1 : 0;
}

static int export_jobs(struct export *x, const struct selection *sel)
{
	struct output o;
	int rc;

	if (output_open(&o, x->path && strcmp(x->path, "-") != 0 ? x->path : NULL, x->err))
		return -1;
	x->out = o.file;
	rc = write_table(x, sel);
	return output_close(&o, !rc, x->err) ? -1 : rc;
}

static void release_export(struct export *x)
{
	for (size_t i = 0; x->cells && i < x->names.n; i++)
		buf_release(&x->cells[i].text);
	free(x->cells);
	strs_release(&x->params);
	strs_release(&x->results);
	strs_release(&x->names);
	buf_release(&x->text);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct export x = {.ctx = ctx, .err = err, .json = args->json, .path = args->output};
	struct selection sel = {0};
	int rc;

	if (args->csv && args->json)
		return err_set(err, ERR_USAGE, "use either --csv or --json");
	rc = ingest_now(ctx->store, err);
	if (!rc)
		rc = selection_parse(ctx->store->db, argc, argv, &args->select, &sel, err);
	if (!rc)
		rc = export_jobs(&x, &sel);
	selection_release(&sel);
	release_export(&x);
	return rc;
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_FLAG(0, "csv", "print comma-separated values with a header (default)", struct args,
		 csv),
	OPT_FLAG(0, "json", "print one JSON document per line", struct args, json),
	OPT_STR('o', "output", "FILE", "write to FILE, which is complete or unchanged", struct args,
		output),
	OPT_END};

const struct cmd cmd_export = {
	.name = "export",
	.args = "[SELECTOR...] [--csv | --json] [-o FILE]",
	.summary = "print a table of jobs with their results",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
