/* slurmq release - makes held jobs pending again */
#include <inttypes.h>

#include "cmd/cmd.h"
#include "cmd/changed.h"
#include "cmd/steer.h"

struct args {
	struct select_args select;
	bool yes, no_submit, json;
};

/* Jobs in flight may have the requested action "hold". */
enum { RELEASABLE = 1U << JOB_HELD | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED };

static int release_job(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	(void)arg;
	return db_job_release_held(db, id, changed, err);
}

static int release_jobs(struct cmd_ctx *ctx, bool yes, const struct ids *ids, int64_t *changed,
			struct err *err)
{
	const struct steer_change change = {.one = release_job};

	if (steer_confirm_many(ctx, yes, "release up to", ids->n, err))
		return -1;
	return steer_change(ctx, ids, &change, changed, err);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct ids ids = {0};
	int64_t changed = 0;
	int rc = steer_select(ctx, argc, argv, &args->select, RELEASABLE, &ids, NULL, err);

	if (!rc)
		rc = release_jobs(ctx, args->yes, &ids, &changed, err);
	ids_release(&ids);
	if (rc)
		return rc;
	if (changed && args->no_submit)
		changed_report(ctx);
	if (args->json)
		return steer_print_json(ctx, "released", changed, changed && !args->no_submit, err);
	if (changed)
		cmd_print(ctx, "released %" PRId64 " %s", changed, changed == 1 ? "job" : "jobs");
	else
		cmd_print(ctx, "nothing to release: none of the jobs is held");
	return cmd_fill_at_end(ctx, changed && !args->no_submit, NULL, err);
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_FLAG(0, "no-submit", "do not submit jobs now", struct args, no_submit),
	OPT_FLAG('y', "yes", "do not ask for confirmation", struct args, yes),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_release = {
	.name = "release",
	.args = "SELECTOR... [--no-submit] [--yes]",
	.summary = "make held jobs pending again, then submit",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
