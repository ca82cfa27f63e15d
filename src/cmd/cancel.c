/* slurmq cancel - ends jobs, in the store and in Slurm */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/notify.h"
#include "cmd/steer.h"
#include "lib/failpoint.h"
#include "chain/reconcile.h"
#include "chain/sentinel.h"

static int cancel_job(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	(void)arg;
	return db_job_cancel(db, id, changed, err);
}

/* Runs scancel for the attempts in undo, and reconciles if some of them have no Slurm id. Sets
 * *ended to the number of these that were found running. */
static int cancel_in_slurm(struct cmd_ctx *ctx, const struct steer_undo *undo, int64_t *ended,
			   struct err *err)
{
	struct reconcile_result seen = {0};
	int rc = steer_scancel(undo, err);

	FAILPOINT("cancel-after");
	if (!rc && undo->unnamed)
		rc = reconcile(ctx->store, 0, &seen, err);
	*ended = seen.stopped;
	if (rc && (undo->running.n || undo->unnamed))
		err_prefix(err, "the jobs are cancelled, but slurmq could not end all that run "
				"in Slurm (run slurmq cancel again)");
	else if (rc)
		err_prefix(err, "the jobs are cancelled, but slurmq could not remove them from "
				"Slurm's queue (they will end there without running anything)");
	return rc;
}

static int confirm_cancel(struct cmd_ctx *ctx, bool yes, size_t n, bool pause, struct err *err)
{
	char *what = mem_printf("cancel %zu %s%s", n, n == 1 ? "job" : "jobs",
				pause ? " and pause the queue" : "");
	int rc = cmd_confirm(ctx, yes, what, err);

	free(what);
	return rc;
}

static void print_done(struct cmd_ctx *ctx, int64_t changed, bool ended_in_slurm,
		       const struct steer_undo *undo, int64_t ended, bool paused)
{
	int64_t running = ended_in_slurm ? (int64_t)undo->running.n + ended : 0;
	struct buf line = {0};

	buf_addf(&line, "cancelled %" PRId64 " %s", changed, changed == 1 ? "job" : "jobs");
	if (ended_in_slurm && undo->queued.n)
		buf_addf(&line, "; %zu removed from Slurm's queue", undo->queued.n);
	if (running)
		buf_addf(&line, "; %" PRId64 " running %s being ended", running,
			 running == 1 ? "is" : "are");
	if (paused)
		buf_addstr(&line, "; the queue is paused: slurmq resume");
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
}

static int cancel_jobs(struct cmd_ctx *ctx, bool yes, const struct ids *ids, bool pause,
		       struct err *err)
{
	struct steer_undo undo = {.request = REQUEST_CANCEL};
	const struct steer_change change = {
		.one = cancel_job, .after = steer_revoke_claims, .arg = &undo};
	int64_t changed = 0, ended = 0;
	bool ended_in_slurm;
	int rc;

	if (ids->n == 0 && !pause) {
		cmd_print(ctx, "nothing to cancel: none of the jobs is pending, held or in Slurm");
		return 0;
	}
	if (ids->n && confirm_cancel(ctx, yes, ids->n, pause, err))
		return -1;
	if (pause && cmd_pause_queue(ctx, "slurmq cancel all", err))
		return -1;
	rc = steer_change(ctx, ids, &change, &changed, err);
	FAILPOINT("cancel-before");
	/* claims that were revoked before an error need scancel too */
	ended_in_slurm = !cancel_in_slurm(ctx, &undo, &ended, rc ? NULL : err);
	if (!ended_in_slurm)
		rc = -1;
	sentinel_settle(ctx->store, cmd_say_text,
			ctx); /* perhaps no work is left for the sentinel */
	if (rc == 0 || changed)
		print_done(ctx, changed, ended_in_slurm, &undo, ended, pause);
	steer_undo_release(&undo);
	notify_events(ctx, ctx->store);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct steer_args *args = options;
	struct ids ids = {0};
	bool everything;
	int rc = steer_select(ctx, argc, argv, &args->select, JOB_NOT_OVER, &ids, &everything, err);

	if (!rc)
		rc = cancel_jobs(ctx, args->yes, &ids, everything, err);
	ids_release(&ids);
	return rc;
}

const struct cmd cmd_cancel = {
	.name = "cancel",
	.args = "SELECTOR... [-s STATE] [--yes]",
	.summary = "cancel jobs; 'all' also pauses the queue",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = steer_opts,
	.size = sizeof(struct steer_args),
	.max_args = -1,
	.run = run,
};
