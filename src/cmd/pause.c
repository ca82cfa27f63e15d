/* slurmq pause - stops submitting, all jobs or those of sweeps */
#include "cmd/cmd.h"

#include <inttypes.h>

#include "chain/sentinel.h"
#include "store/state.h"

static void print_sweep(struct cmd_ctx *ctx, const struct db_sweep *s)
{
	int64_t flying = s->counts[JOB_SUBMITTING] + s->counts[JOB_QUEUED] + s->counts[JOB_RUNNING];
	struct buf line = {0};

	buf_addf(&line, "%s is paused%s: its %" PRId64 " pending job%s not submitted", s->name,
		 s->paused ? " already" : "", s->counts[JOB_PENDING],
		 s->counts[JOB_PENDING] == 1 ? " is" : "s are");
	if (flying)
		buf_addf(&line, ", %" PRId64 " already in Slurm run%s to completion", flying,
			 flying == 1 ? "s" : "");
	buf_addf(&line, "; slurmq resume %s ends the pause", s->name);
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
}

static int pause_sweeps(struct cmd_ctx *ctx, int n, char **names, struct err *err)
{
	struct db_sweep *v;

	if (cmd_pause_sweeps(ctx, true, n, names, &v, err))
		return -1;
	for (int i = 0; i < n; i++)
		print_sweep(ctx, &v[i]);
	db_sweeps_free(v, (size_t)n);
	/* perhaps no work is left for the sentinel */
	sentinel_settle(ctx->store, cmd_say_text, ctx);
	return 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	struct db *db = ctx->store->db;
	int64_t counts[JOB_NSTATES], paused, flying;

	(void)options;
	if (argc)
		return pause_sweeps(ctx, argc, argv, err);
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
	.args = "[SWEEP...]",
	.summary = "stop submitting; jobs already in Slurm go on",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.max_args = -1,
	.run = run,
};
