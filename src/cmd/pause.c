/* slurmq pause - stops submitting */
#include "cmd/cmd.h"

#include "store/state.h"

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	struct db *db = ctx->store->db;
	int64_t counts[JOB_NSTATES], paused, flying;

	(void)options;
	(void)argc;
	(void)argv;
	if (state_get_int(db, STATE_PAUSED, &paused, err))
		return -1;
	if (!paused && cmd_pause_queue(ctx, "slurmq pause", err))
		return -1;
	if (db_counts(db, counts, err))
		return -1;
	flying = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
	cmd_print(ctx, "%s: no jobs are submitted%s; slurmq resume ends the pause",
		  paused ? "already paused" : "paused",
		  flying ? ", jobs already in Slurm run to completion" : "");
	return 0;
}

const struct cmd cmd_pause = {
	.name = "pause",
	.args = "",
	.summary = "stop submitting; jobs already in Slurm go on",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.run = run,
};
