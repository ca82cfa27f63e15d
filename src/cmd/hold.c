/* slurmq hold - keeps jobs from being submitted */
#include <inttypes.h>

#include "cmd/cmd.h"
#include "cmd/steer.h"

enum { HOLDABLE = 1U << JOB_PENDING | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED };

static int hold_job(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	(void)arg;
	return db_job_hold(db, id, changed, err);
}

static void print_done(struct cmd_ctx *ctx, bool json, int64_t held, int64_t dequeued)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	if (json) {
		json_open(&j, NULL, '{');
		json_int(&j, "held", held);
		json_int(&j, "dequeued", dequeued);
		json_close(&j);
		cmd_print_json(&text);
	} else if (held) {
		cmd_print(ctx, "held %" PRId64 " %s; slurmq release makes %s pending again", held,
			  held == 1 ? "job" : "jobs", held == 1 ? "it" : "them");
	} else {
		cmd_print(ctx, "nothing to hold: none of the jobs is pending or queued");
	}
	buf_release(&text);
}

static int hold_jobs(struct cmd_ctx *ctx, const struct steer_args *args, const struct ids *ids,
		     struct err *err)
{
	struct steer_undo undo = {.request = REQUEST_HOLD};
	const struct steer_change change = {
		.one = hold_job, .after = steer_revoke_claims, .arg = &undo};
	int64_t changed = 0;
	int rc, unscancelled;

	if (steer_confirm_many(ctx, args->yes, "hold", ids->n, err))
		return -1;
	rc = steer_change(ctx, ids, &change, &changed, err);
	unscancelled = steer_scancel(&undo, rc ? NULL : err);
	if (unscancelled && !rc)
		rc = err_prefix(
			err,
			"the jobs are held, but slurmq could not remove them from Slurm's queue");
	if (rc == 0 || changed)
		print_done(ctx, args->json, changed, unscancelled ? 0 : (int64_t)undo.queued.n);
	steer_undo_release(&undo);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct steer_args *args = options;
	struct ids ids = {0};
	int rc = steer_select(ctx, argc, argv, &args->select, HOLDABLE, &ids, NULL, err);

	if (!rc)
		rc = hold_jobs(ctx, args, &ids, err);
	ids_release(&ids);
	return rc;
}

const struct cmd cmd_hold = {
	.name = "hold",
	.args = "SELECTOR... [-s STATE] [--yes]",
	.summary = "keep jobs from being submitted",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = steer_opts,
	.size = sizeof(struct steer_args),
	.max_args = -1,
	.run = run,
};
