/* slurmq sync - ask Slurm now what became of what is in flight */
#include <inttypes.h>

#include "cmd.h"
#include "reconcile.h"

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	struct reconcile_result r = {0};
	int64_t counts[JOB_NSTATES];

	(void)options;
	(void)argc;
	(void)argv;
	if (queue_drain(ctx->store, err) || reconcile(ctx->store, 0, &r, err) ||
	    db_counts(ctx->store->db, counts, err))
		return -1;
	if (!r.ran) {
		cmd_print(ctx, "nothing is in Slurm: nothing to ask");
		return 0;
	}
	cmd_print(ctx,
		  "asked Slurm: %" PRId64 " queued, %" PRId64 " running; %" PRId64
		  " found again, %" PRId64 " over without a word, %" PRId64
		  " not to be seen, %" PRId64 " given up",
		  counts[JOB_SUBMITTING] + counts[JOB_QUEUED], counts[JOB_RUNNING], r.adopted,
		  r.ended, r.missing, r.lost);
	return 0;
}

const struct cmd cmd_sync = {
	.name = "sync",
	.args = "",
	.summary = "ask Slurm now what became of what it was given",
	.theme = CMD_STEER,
	.needs = CMD_STORE,
	.run = run,
};
