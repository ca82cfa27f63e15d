/* slurmq resume - ends a pause */
#include "cmd/cmd.h"

#include "chain/breaker.h"
#include "chain/cancel.h"
#include "chain/hosts.h"
#include "chain/reconcile.h"
#include "store/state.h"

struct args {
	bool no_submit;
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

static int resume_sweeps(struct cmd_ctx *ctx, bool submit, int n, char **names, struct err *err)
{
	struct db_sweep *v;

	if (cmd_pause_sweeps(ctx, false, n, names, &v, err))
		return -1;
	for (int i = 0; i < n; i++)
		cmd_print(ctx, v[i].paused ? "%s is no longer paused" : "%s was not paused",
			  v[i].name);
	db_sweeps_free(v, (size_t)n);
	return submit ? cmd_fill_and_print(ctx, err) : 0;
}

static int resume_queue(struct cmd_ctx *ctx, bool submit, struct err *err)
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
	if (rc || unset_pause(ctx->store->db, err)) {
		strs_release(&bad);
		return -1;
	}
	cmd_print(ctx, paused ? "the queue is no longer paused" : "the queue was not paused");
	if (bad.n)
		cmd_print(ctx, "%zu node%s, where jobs failed at once, %s no longer excluded",
			  bad.n, bad.n == 1 ? "" : "s", bad.n == 1 ? "is" : "are");
	strs_release(&bad);
	return submit ? cmd_fill_and_print(ctx, err) : 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;

	return argc ? resume_sweeps(ctx, !args->no_submit, argc, argv, err)
		    : resume_queue(ctx, !args->no_submit, err);
}

static const struct opt opts[] = {
	OPT_FLAG(0, "no-submit", "do not submit jobs now", struct args, no_submit), OPT_END};

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
