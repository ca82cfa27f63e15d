/* slurmq hold - jobs that are not to be submitted for now */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "slurm/slurm.h"

struct args {
	const char *states;
	bool yes;
};

enum { HOLDABLE = 1U << JOB_PENDING | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED };

static int hold_one(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	(void)arg;
	return db_job_hold(db, id, changed, err);
}

/* What waits in Slurm's queue is taken back; what has started goes on. */
static int take_back(struct cmd_ctx *ctx, const int64_t *ids, size_t n, void *arg, struct err *err)
{
	struct db_flight *v = NULL;
	size_t nflights = 0, kept = 0;
	int rc = 0;

	if (db_flights(ctx->store->db, &v, &nflights, err))
		return -1;
	for (size_t i = 0; i < nflights; i++)
		if (v[i].wish == WISH_HOLD && v[i].state != JOB_RUNNING &&
		    ids_have(ids, n, v[i].job))
			v[kept++] = v[i];
	if (kept)
		rc = drain_take_back(ctx->store, v, kept, NULL, arg, err);
	free(v);
	return rc;
}

static int hold(struct cmd_ctx *ctx, const struct args *args, const struct selection *sel,
		struct err *err)
{
	struct strs queued = {0};
	const struct cmd_change change = {.one = hold_one, .after = take_back, .arg = &queued};
	struct ids ids = {0};
	int64_t changed = 0;
	char *jobs = NULL, *what = NULL;
	int rc = -1;

	if (selection_ids(ctx->store->db, sel, &ids, err))
		goto out;
	if (ids.n == 0) {
		cmd_print(ctx, "nothing to hold: none of these is pending or queued");
		rc = 0;
		goto out;
	}
	jobs = cmd_count((int64_t)ids.n, "job", "jobs");
	what = mem_printf("hold %s", jobs);
	if (ids.n > CMD_MANY && cmd_confirm(ctx, args->yes, what, err))
		goto out;
	rc = cmd_change(ctx, &ids, &change, &changed, err);
	if (queued.n && slurm_scancel(&queued, rc ? NULL : err) && !rc)
		rc = err_prefix(err,
				"the jobs are held, but Slurm could not be told to forget them");
	if (rc == 0 || changed)
		cmd_print(ctx, "held %" PRId64 " %s; slurmq release lets %s go", changed,
			  changed == 1 ? "job" : "jobs", changed == 1 ? "it" : "them");
out:
	free(jobs);
	free(what);
	strs_release(&queued);
	ids_release(&ids);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct selection sel;
	int rc;

	rc = cmd_select(ctx, argc, argv, args->states, HOLDABLE, &sel, err);
	if (rc == 0)
		rc = hold(ctx, args, &sel, err);
	selection_release(&sel);
	return rc;
}

static const struct opt opts[] = {
	OPT_STR('s', "state", "STATE,...", "only jobs in these states", struct args, states),
	OPT_FLAG('y', "yes", "do not ask", struct args, yes), OPT_END};

const struct cmd cmd_hold = {
	.name = "hold",
	.args = "SELECTOR... [-s STATE] [--yes]",
	.summary = "keep jobs from being submitted",
	.theme = CMD_STEER,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
