/* slurmq resume - ends a pause */
#include "cmd/cmd.h"

#include "chain/breaker.h"
#include "chain/cancel.h"
#include "chain/hosts.h"
#include "chain/reconcile.h"
#include "store/state.h"

struct args {
	bool no_submit, json;
};

static int unset_pause(struct db *db, struct err *err)
{
	if (db_begin(db, err))
		return -1;
	if (state_unpause(db, err) || breaker_reset(db, err) || hosts_forget(db, err) ||
	    db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

/* Adds the result of the submission, and prints the document. */
static int end_json(struct cmd_ctx *ctx, struct json *j, bool submit, struct err *err)
{
	int rc = cmd_fill_at_end(ctx, submit, j, err);

	json_close(j);
	cmd_print_json(j->out);
	return rc;
}

static int print_sweeps(struct cmd_ctx *ctx, const struct args *args, const struct db_sweep *v,
			int n, struct err *err)
{
	struct buf text = {0};
	struct json j = {.out = &text};
	int rc;

	if (!args->json) {
		for (int i = 0; i < n; i++)
			cmd_print(ctx, v[i].paused ? "%s is no longer paused" : "%s was not paused",
				  v[i].name);
		return cmd_fill_at_end(ctx, !args->no_submit, NULL, err);
	}
	json_open(&j, NULL, '{');
	json_open(&j, "sweeps", '[');
	for (int i = 0; i < n; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "sweep", v[i].name);
		json_bool(&j, "resumed", v[i].paused);
		json_close(&j);
	}
	json_close(&j);
	rc = end_json(ctx, &j, !args->no_submit, err);
	buf_release(&text);
	return rc;
}

static int resume_sweeps(struct cmd_ctx *ctx, const struct args *args, int n, char **names,
			 struct err *err)
{
	struct db_sweep *v;
	int rc;

	if (cmd_pause_sweeps(ctx, false, n, names, &v, err))
		return -1;
	rc = print_sweeps(ctx, args, v, n, err);
	db_sweeps_free(v, (size_t)n);
	return rc;
}

static int print_queue(struct cmd_ctx *ctx, const struct args *args, bool paused,
		       const struct strs *nodes, struct err *err)
{
	struct buf text = {0};
	struct json j = {.out = &text};
	int rc;

	if (!args->json) {
		cmd_print(ctx,
			  paused ? "the queue is no longer paused" : "the queue was not paused");
		if (nodes->n)
			cmd_print(ctx,
				  "%zu node%s, where jobs failed at once, %s no longer excluded",
				  nodes->n, nodes->n == 1 ? "" : "s", nodes->n == 1 ? "is" : "are");
		return cmd_fill_at_end(ctx, !args->no_submit, NULL, err);
	}
	json_open(&j, NULL, '{');
	json_bool(&j, "resumed", paused);
	json_open(&j, "nodes", '[');
	for (size_t i = 0; i < nodes->n; i++)
		json_str(&j, NULL, nodes->v[i]);
	json_close(&j);
	rc = end_json(ctx, &j, !args->no_submit, err);
	buf_release(&text);
	return rc;
}

static int resume_queue(struct cmd_ctx *ctx, const struct args *args, struct err *err)
{
	struct strs bad = {0};
	struct reconcile_result seen;
	int64_t paused;
	int rc;

	if (state_get_int(ctx->store->db, STATE_PAUSED, &paused, err))
		return -1;
	rc = breaker_nodes(ctx->store->db, &bad, err);
	if (!rc && bad.n) /* find the jobs that can start on no other node (reconcile.h) */
		reconcile(ctx->store, 0, &seen, NULL);
	if (!rc)
		rc = unset_pause(ctx->store->db, err);
	if (!rc)
		rc = print_queue(ctx, args, paused, &bad, err);
	strs_release(&bad);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;

	return argc ? resume_sweeps(ctx, args, argc, argv, err) : resume_queue(ctx, args, err);
}

static const struct opt opts[] = {
	OPT_FLAG(0, "no-submit", "do not submit jobs now", struct args, no_submit),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_resume = {
	.name = "resume",
	.args = "[SWEEP...] [--no-submit]",
	.summary = "end a pause, then submit",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
