/* slurmq release - let held jobs go */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"

struct args {
	const char *states;
	bool yes, no_submit;
};

/* Those in flight may have the wish to be held. */
enum { RELEASABLE = 1U << JOB_HELD | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED };

static int release_one(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	(void)arg;
	return db_job_release_held(db, id, changed, err);
}

static int release(struct cmd_ctx *ctx, const struct args *args, const struct selection *sel,
		   int64_t *changed, struct err *err)
{
	const struct cmd_change change = {.one = release_one};
	struct ids ids = {0};
	char *what = NULL;
	int rc = selection_ids(ctx->store->db, sel, &ids, err);

	if (rc == 0 && ids.n > CMD_MANY) {
		what = mem_printf("release up to %zu jobs", ids.n);
		rc = cmd_confirm(ctx, args->yes, what, err);
	}
	if (rc == 0)
		rc = cmd_change(ctx, &ids, &change, changed, err);
	free(what);
	ids_release(&ids);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct cmd_filled filled;
	struct selection sel;
	int64_t changed = 0;
	int rc;

	rc = cmd_select(ctx, argc, argv, args->states, RELEASABLE, &sel, err);
	if (rc == 0)
		rc = release(ctx, args, &sel, &changed, err);
	selection_release(&sel);
	if (rc)
		return rc;
	if (changed == 0) {
		cmd_print(ctx, "nothing to release: none of these is held");
		return 0;
	}
	cmd_print(ctx, "released %" PRId64 " %s", changed, changed == 1 ? "job" : "jobs");
	if (args->no_submit)
		return 0;
	cmd_fill(ctx, -1, false, &filled);
	cmd_filled_print(ctx, &filled);
	return cmd_filled_end(&filled, err);
}

static const struct opt opts[] = {
	OPT_STR('s', "state", "STATE,...", "only jobs in these states", struct args, states),
	OPT_FLAG(0, "no-submit", "do not fill the queue now", struct args, no_submit),
	OPT_FLAG('y', "yes", "do not ask", struct args, yes), OPT_END};

const struct cmd cmd_release = {
	.name = "release",
	.args = "SELECTOR... [--no-submit] [--yes]",
	.summary = "let held jobs go, and submit",
	.theme = CMD_STEER,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
