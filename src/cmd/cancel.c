/* slurmq cancel - end jobs, in the store and in Slurm */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "lib/failpoint.h"
#include "chain/reconcile.h"
#include "chain/sentinel.h"
#include "slurm/slurm.h"

struct args {
	const char *states;
	bool yes;
};

/* What Slurm is to be told when the gate is free again. */
struct told {
	struct strs running, queued;
	size_t unnamed; /* whose number in Slurm nobody knows: sbatch's answer is not there */
};

static int cancel_one(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	(void)arg;
	return db_job_cancel(db, id, changed, err);
}

/* The wish of each is recorded: rights are taken back, and what has started is noted for scancel. */
static int take_back(struct cmd_ctx *ctx, const int64_t *ids, size_t n, void *arg, struct err *err)
{
	struct told *told = arg;
	struct db_flight *v = NULL;
	size_t nflights = 0, kept = 0, named = told->running.n + told->queued.n;
	int rc = 0;

	if (db_flights(ctx->store->db, &v, &nflights, err))
		return -1;
	for (size_t i = 0; i < nflights; i++)
		if (v[i].wish == WISH_CANCEL && ids_have(ids, n, v[i].job))
			v[kept++] = v[i];
	if (kept)
		rc = drain_take_back(ctx->store, v, kept, &told->running, &told->queued, err);
	told->unnamed += kept - (told->running.n + told->queued.n - named);
	free(v);
	return rc;
}

/* *stopped: how many of those without a number were found running. */
static int tell_slurm(struct cmd_ctx *ctx, const struct told *told, int64_t *stopped,
		      struct err *err)
{
	struct reconcile_result seen = {0};
	struct strs ids = {0};
	int rc = 0;

	for (size_t i = 0; i < told->running.n; i++)
		strs_add(&ids, told->running.v[i]);
	for (size_t i = 0; i < told->queued.n; i++)
		strs_add(&ids, told->queued.v[i]);
	if (ids.n)
		rc = slurm_scancel(&ids, err);
	FAILPOINT("cancel-after");
	strs_release(&ids);
	if (!rc && told->unnamed)
		rc = reconcile(ctx->store, 0, &seen, err);
	*stopped = seen.stopped;
	if (rc)
		err_prefix(
			err,
			told->running.n || told->unnamed
				? "the jobs are cancelled here, but Slurm could not be told to end all that run "
				  "(slurmq cancel again tells it)"
				: "the jobs are cancelled here, but Slurm could not be told to take them out of "
				  "its queue: they will find nothing to do there and end");
	return rc;
}

static int confirm(struct cmd_ctx *ctx, const struct args *args, bool all, size_t n,
		   struct err *err)
{
	char *jobs = cmd_count((int64_t)n, "job", "jobs");
	char *what = mem_printf("cancel %s%s", jobs, all ? " and pause the queue" : "");
	int rc = cmd_confirm(ctx, args->yes, what, err);

	free(what);
	free(jobs);
	return rc;
}

static void print_done(struct cmd_ctx *ctx, int64_t changed, bool told_slurm,
		       const struct told *told, int64_t stopped, bool paused)
{
	int64_t running = told_slurm ? (int64_t)told->running.n + stopped : 0;
	struct buf line = {0};

	buf_addf(&line, "cancelled %" PRId64 " %s", changed, changed == 1 ? "job" : "jobs");
	if (told_slurm && told->queued.n)
		buf_addf(&line, "; %zu taken out of Slurm's queue", told->queued.n);
	if (running)
		buf_addf(&line, "; %" PRId64 " running %s being ended", running,
			 running == 1 ? "is" : "are");
	if (paused)
		buf_addstr(&line, "; the queue is paused: slurmq resume");
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
}

static int cancel(struct cmd_ctx *ctx, const struct args *args, const struct selection *sel,
		  struct err *err)
{
	struct told told = {0};
	const struct cmd_change change = {.one = cancel_one, .after = take_back, .arg = &told};
	bool pause = sel->all && !sel->states;
	struct ids ids = {0};
	int64_t changed = 0, stopped = 0;
	bool told_slurm;
	int rc = -1;

	if (selection_ids(ctx->store->db, sel, &ids, err))
		goto out;
	if (ids.n == 0 && !pause) {
		cmd_print(ctx, "nothing to cancel: none of these is pending, held or in Slurm");
		rc = 0;
		goto out;
	}
	if (ids.n && confirm(ctx, args, pause, ids.n, err))
		goto out;
	if (pause && cmd_pause_queue(ctx, "slurmq cancel all", err))
		goto out;
	rc = cmd_change(ctx, &ids, &change, &changed, err);
	FAILPOINT("cancel-before");
	/* What was taken back before an error is to be told all the same. */
	told_slurm = !tell_slurm(ctx, &told, &stopped, rc ? NULL : err);
	if (!told_slurm)
		rc = -1;
	sentinel_settle(ctx->store, cmd_say_text, ctx); /* was that all there was? */
	if (rc == 0 || changed)
		print_done(ctx, changed, told_slurm, &told, stopped, pause);
out:
	strs_release(&told.running);
	strs_release(&told.queued);
	ids_release(&ids);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct selection sel;
	int rc;

	rc = cmd_select(ctx, argc, argv, args->states, JOB_NOT_OVER, &sel, err);
	if (rc == 0)
		rc = cancel(ctx, args, &sel, err);
	selection_release(&sel);
	return rc;
}

static const struct opt opts[] = {
	OPT_STR('s', "state", "STATE,...", "only jobs in these states", struct args, states),
	OPT_FLAG('y', "yes", "do not ask", struct args, yes), OPT_END};

const struct cmd cmd_cancel = {
	.name = "cancel",
	.args = "SELECTOR... [-s STATE] [--yes]",
	.summary = "end jobs; cancel all pauses the queue first",
	.theme = CMD_STEER,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
