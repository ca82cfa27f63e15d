#include "cmd/retry_dry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/loader.h"

enum { SHOWN = 20 };

/* What would be done with one job. */
struct again {
	struct db_job job;
	struct plan plan;
	const struct plan_step *step; /* NULL: the sweep file cannot be read, or nothing is left */
	struct strs options;
};

static void again_release(struct again *a)
{
	strs_release(&a->options);
	plan_release(&a->plan);
	db_job_release(&a->job);
	memset(a, 0, sizeof(*a));
}

static bool is_named(const struct plan_step *step, const char *name)
{
	return name && (!strcmp(step->name, name) || !strcmp(step->key, name));
}

/* Returns the first step that would run: one that is not completed, or whose result would not
 * count any more. */
static const struct plan_step *find_first_step(const struct retry_dry *r, const struct plan *plan,
					       const struct strs *done)
{
	for (size_t i = 0; i < plan->nsteps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if ((r->all && !r->from_step) || is_named(step, r->from_step) ||
		    !strs_has(done, step->key))
			return step;
	}
	return NULL;
}

static int read_again(struct cmd_ctx *ctx, const struct retry_dry *r, int64_t id, struct loader *l,
		      struct again *a, struct err *err)
{
	struct db *db = ctx->store->db;
	struct strs done = {0};
	struct loaded *ld;
	int rc;

	memset(a, 0, sizeof(*a));
	rc = db_job_get(db, id, &a->job, err);
	if (!rc)
		rc = db_steps_done(db, &a->job, &done, err);
	if (!rc && !loader_get(l, db, a->job.version, &ld, NULL) &&
	    !sweep_plan(ld->sweep, &a->job.point, id, &a->plan, NULL))
		a->step = find_first_step(r, &a->plan, &done);
	strs_release(&done);
	strs_add_lines(&a->options, r->options ? r->options : a->job.options);
	if (!r->options)
		strs_add_lines(&a->options, a->job.again.options);
	return rc;
}

static void add_json(struct json *j, const struct again *a)
{
	json_open(j, NULL, '{');
	json_int(j, "id", a->job.id);
	json_str(j, "sweep", a->job.sweep_name);
	json_str(j, "from_step", a->step ? a->step->key : NULL);
	json_open(j, "options", '[');
	for (size_t i = 0; i < a->options.n; i++)
		json_str(j, NULL, a->options.v[i]);
	json_close(j);
	json_close(j);
}

static void add_row(struct cmd_ctx *ctx, struct table *t, const struct again *a)
{
	const struct style *s = &ctx->out;
	struct buf text = {0};

	table_addf(t, s, PAINT_NONE, "%" PRId64, a->job.id);
	table_add(t, s, PAINT_NONE, a->job.sweep_name);
	table_add(t, s, PAINT_NONE, a->step ? a->step->key : "?");
	for (size_t i = 0; i < a->options.n; i++) {
		if (i)
			buf_addch(&text, ' ');
		buf_add_shell_word(&text, a->options.v[i]);
	}
	table_add(t, s, PAINT_NONE, buf_str(&text));
	buf_clear(&text);
	for (size_t i = 0; i < a->job.point.n; i++) {
		buf_addf(&text, "%s%s=", i ? " " : "", a->job.point.params[i].name);
		buf_add_shell_word(&text, a->job.point.params[i].value);
	}
	table_add(t, s, PAINT_NONE, buf_str(&text));
	buf_release(&text);
}

static int print_json(struct cmd_ctx *ctx, const struct retry_dry *r, struct loader *l,
		      struct err *err)
{
	struct buf text = {0};
	struct json j = {.out = &text};
	int rc = 0;

	json_open(&j, NULL, '{');
	json_int(&j, "would_retry", (int64_t)r->ids->n);
	json_open(&j, "jobs", '[');
	for (size_t i = 0; i < r->ids->n && rc >= 0; i++) {
		struct again a;

		rc = read_again(ctx, r, r->ids->v[i], l, &a, err);
		if (!rc)
			add_json(&j, &a);
		again_release(&a);
	}
	json_close(&j);
	json_close(&j);
	if (rc >= 0)
		cmd_print_json(&text);
	buf_release(&text);
	return rc < 0 ? -1 : 0;
}

static int print_rows(struct cmd_ctx *ctx, const struct retry_dry *r, struct loader *l,
		      struct err *err)
{
	static const struct column columns[] = {{"id", true, false},
						{"sweep", false, true},
						{"from step", false, true},
						{"options", false, true},
						{"parameters", false, true}};
	struct table t;
	int rc = 0;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < r->ids->n && i < SHOWN && rc >= 0; i++) {
		struct again a;

		rc = read_again(ctx, r, r->ids->v[i], l, &a, err);
		if (!rc)
			add_row(ctx, &t, &a);
		again_release(&a);
	}
	if (rc >= 0)
		table_flush(&t, &ctx->out, stdout);
	table_release(&t);
	if (rc < 0)
		return -1;
	if (r->ids->n > SHOWN)
		cmd_print(ctx, "... and %zu more", r->ids->n - SHOWN);
	cmd_print(ctx, "would retry %zu %s", r->ids->n, r->ids->n == 1 ? "job" : "jobs");
	return 0;
}

int retry_dry_print(struct cmd_ctx *ctx, const struct retry_dry *r, bool json, struct err *err)
{
	struct loader loader = {0};
	int rc = json ? print_json(ctx, r, &loader, err) : print_rows(ctx, r, &loader, err);

	loader_release(&loader);
	return rc;
}
