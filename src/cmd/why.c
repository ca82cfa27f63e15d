/* slurmq why - shows what the failed jobs of a sweep have in common */
#include "cmd/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/ingest.h"
#include "cmd/view.h"

struct args {
	bool json;
};

/* The newest failed attempt of a group: how it ended, and the last line of its log. */
struct failure {
	int reason, exit_code, signal;
	char *line; /* NULL: none */
};

static void read_failure(struct store *store, int64_t id, struct failure *f)
{
	struct db_attempt a = {0};
	struct db_job job = {0};

	memset(f, 0, sizeof(*f));
	if (!db_job_get(store->db, id, &job, NULL) && !view_attempt(store->db, &job, &a, NULL)) {
		f->reason = a.reason;
		f->exit_code = a.exit_code;
		f->signal = a.signal;
		f->line = view_last_line(store, &a);
	}
	db_attempt_release(&a);
	db_job_release(&job);
}

/* Adds "EXIT 1": the reason of the group, with the number if the newest failure has that reason; or,
 * if there are several, "4 EXIT, 2 TIMEOUT". */
static void add_reason(const struct explain_group *g, const struct failure *f, struct buf *out)
{
	const char *separator = "";

	if (g->reasons[g->reason] < g->failed) {
		for (int i = 0; i < REASON_NREASONS; i++) {
			if (!g->reasons[i])
				continue;
			buf_addf(out, "%s%" PRId64 " %s", separator, g->reasons[i],
				 job_reason_name(i));
			separator = ", ";
		}
		return;
	}
	buf_addstr(out, job_reason_name(g->reason));
	if (f->reason == g->reason && g->reason == REASON_EXIT && f->exit_code)
		buf_addf(out, " %d", f->exit_code);
	else if (f->reason == g->reason && g->reason == REASON_SIGNAL && f->signal)
		buf_addf(out, " %d", f->signal);
}

static void add_log(const struct explain_group *g, const struct failure *f, struct buf *out)
{
	if (f->line)
		buf_addf(out, "; log %" PRId64 ": \"%s\"", g->newest, f->line);
	else
		buf_addf(out, "; slurmq show %" PRId64, g->newest);
}

static void add_terms(const struct explanation *e, struct buf *out)
{
	for (size_t i = 0; i < e->nterms; i++) {
		buf_addf(out, "%s%s=", i ? " " : "", e->terms[i].name);
		buf_add_shell_word(out, e->terms[i].value);
	}
}

void why_add_line(struct cmd_ctx *ctx, const struct explanation *e, struct buf *out)
{
	struct failure f;

	read_failure(ctx->store, e->with.newest, &f);
	add_terms(e, out);
	buf_addf(out, "%s%" PRId64 " of %" PRId64 " failed (",
		 e->nterms ? ": " : "all jobs: ", e->with.failed, e->with.jobs);
	add_reason(&e->with, &f, out);
	buf_addch(out, ')');
	if (e->without.jobs)
		buf_addf(out, ", others %" PRId64 " of %" PRId64, e->without.failed,
			 e->without.jobs);
	add_log(&e->with, &f, out);
	free(f.line);
}

/* Adds the failed jobs that nothing explains. */
static void add_rest(struct cmd_ctx *ctx, const struct explained *e, struct buf *out)
{
	const struct explain_group *g = &e->rest;
	struct failure f;

	read_failure(ctx->store, g->newest, &f);
	buf_addf(out, "%" PRId64 "%s failed without a value that explains it: ", g->failed,
		 e->n ? " more" : "");
	for (size_t i = 0; i < g->nids; i++)
		buf_addf(out, "%s%" PRId64, i ? ", " : "", g->ids[i]);
	buf_addstr(out, g->failed > (int64_t)g->nids ? ", ... (" : " (");
	add_reason(g, &f, out);
	buf_addch(out, ')');
	add_log(g, &f, out);
	free(f.line);
}

static void print_line(struct cmd_ctx *ctx, const char *text)
{
	struct buf line = {0}, clean = {0};

	clean_add(&clean, &ctx->out, text);
	buf_addstr(&line, "  ");
	text_add_wrapped(&line, &ctx->out, buf_str(&clean), 2, 6);
	buf_addch(&line, '\n');
	fwrite(line.s, 1, line.len, stdout);
	buf_release(&clean);
	buf_release(&line);
}

static void print_explained(struct cmd_ctx *ctx, const char *sweep, const struct explained *e)
{
	struct buf text = {0};

	cmd_print(ctx, "%s: %" PRId64 " of %" PRId64 " jobs that ended have failed", sweep,
		  e->all.failed, e->all.jobs);
	for (size_t i = 0; i < e->n; i++) {
		buf_clear(&text);
		why_add_line(ctx, &e->v[i], &text);
		print_line(ctx, buf_str(&text));
	}
	if (e->rest.failed) {
		buf_clear(&text);
		add_rest(ctx, e, &text);
		print_line(ctx, buf_str(&text));
	}
	buf_release(&text);
}

/* ---- for programs ---- */

static void add_group(struct cmd_ctx *ctx, const struct explain_group *g, struct json *j)
{
	struct failure f;

	json_int(j, "failed", g->failed);
	json_int(j, "jobs", g->jobs);
	if (!g->newest)
		return;
	read_failure(ctx->store, g->newest, &f);
	json_str(j, "reason", job_reason_name(g->reason));
	json_int(j, "newest", g->newest);
	if (f.line)
		json_str(j, "line", f.line);
	free(f.line);
}

static void add_json(struct cmd_ctx *ctx, const char *sweep, const struct explained *e,
		     struct json *j)
{
	json_open(j, NULL, '{');
	json_str(j, "sweep", sweep);
	add_group(ctx, &e->all, j);
	json_open(j, "explained", '[');
	for (size_t i = 0; i < e->n; i++) {
		json_open(j, NULL, '{');
		json_open(j, "values", '{');
		for (size_t k = 0; k < e->v[i].nterms; k++)
			json_str(j, e->v[i].terms[k].name, e->v[i].terms[k].value);
		json_close(j);
		add_group(ctx, &e->v[i].with, j);
		json_open(j, "others", '{');
		json_int(j, "failed", e->v[i].without.failed);
		json_int(j, "jobs", e->v[i].without.jobs);
		json_close(j);
		json_close(j);
	}
	json_close(j);
	json_open(j, "unexplained", '{');
	add_group(ctx, &e->rest, j);
	json_open(j, "ids", '[');
	for (size_t i = 0; i < e->rest.nids; i++)
		json_int(j, NULL, e->rest.ids[i]);
	json_close(j);
	json_close(j);
	json_close(j);
}

/* ---- the command ---- */

static int explain_one(struct cmd_ctx *ctx, const struct db_sweep *s, struct json *j,
		       struct err *err)
{
	struct explained e;
	int rc = explain_sweep(ctx->store->db, s->id, &e, err);

	if (!rc && j)
		add_json(ctx, s->name, &e, j);
	else if (!rc)
		print_explained(ctx, s->name, &e);
	explained_release(&e);
	return rc;
}

static bool is_named(struct db *db, const struct db_sweep *s, int argc, char **argv)
{
	bool named = argc == 0;
	int64_t id;

	for (int i = 0; i < argc && !named; i++)
		named = !select_sweep(db, argv[i], &id, NULL) && id == s->id;
	return named;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct db_sweep *v = NULL;
	struct buf text = {0};
	struct json j = {.out = &text};
	bool any = false;
	int64_t id;
	size_t n = 0;
	int rc = ingest_now(ctx->store, err);

	for (int i = 0; i < argc && !rc; i++)
		rc = select_sweep(ctx->store->db, argv[i], &id, err);
	if (!rc)
		rc = db_sweeps(ctx->store->db, &v, &n, err);
	if (!rc && args->json)
		json_open(&j, NULL, '[');
	for (size_t i = 0; i < n && !rc; i++) {
		if (!v[i].counts[JOB_FAILED] || !is_named(ctx->store->db, &v[i], argc, argv))
			continue;
		any = true;
		rc = explain_one(ctx, &v[i], args->json ? &j : NULL, err);
	}
	if (!rc && args->json) {
		json_close(&j);
		cmd_print_json(&text);
	} else if (!rc && !any) {
		cmd_print(ctx, "no failed jobs");
	}
	db_sweeps_free(v, n);
	buf_release(&text);
	return rc;
}

static const struct opt opts[] = {OPT_FLAG(0, "json", "print one JSON document", struct args, json),
				  OPT_END};

const struct cmd cmd_why = {
	.name = "why",
	.args = "[SWEEP...] [--json]",
	.summary = "show what the failed jobs have in common",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
