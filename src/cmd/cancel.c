/* slurmq cancel - ends jobs, in the store and in Slurm */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/notify.h"
#include "cmd/steer.h"

static int confirm_cancel(struct cmd_ctx *ctx, bool yes, size_t n, bool pause, struct err *err)
{
	char *what = mem_printf("cancel %zu %s%s", n, n == 1 ? "job" : "jobs",
				pause ? " and pause the queue" : "");
	int rc = cmd_confirm(ctx, yes, what, err);

	free(what);
	return rc;
}

static void print_json(const struct steer_cancelled *c, bool paused)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	json_int(&j, "cancelled", c->jobs);
	json_int(&j, "dequeued", c->dequeued);
	json_int(&j, "ending", c->ending);
	json_bool(&j, "paused", paused);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
}

static void print_done(struct cmd_ctx *ctx, const struct steer_cancelled *c, bool paused)
{
	struct buf line = {0};

	buf_addf(&line, "cancelled %" PRId64 " %s", c->jobs, c->jobs == 1 ? "job" : "jobs");
	if (c->dequeued)
		buf_addf(&line, "; %" PRId64 " removed from Slurm's queue", c->dequeued);
	if (c->ending)
		buf_addf(&line, "; %" PRId64 " running %s being ended", c->ending,
			 c->ending == 1 ? "is" : "are");
	if (paused)
		buf_addstr(&line, "; the queue is paused: slurmq resume");
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
}

static int cancel_jobs(struct cmd_ctx *ctx, const struct steer_args *args, const struct ids *ids,
		       bool pause, struct err *err)
{
	struct steer_cancelled done = {0};
	int rc = 0;

	if (ids->n && confirm_cancel(ctx, args->yes, ids->n, pause, err))
		return -1;
	if (pause && cmd_pause_queue(ctx, "slurmq cancel all", err))
		return -1;
	if (ids->n || pause)
		rc = steer_cancel(ctx, ids, &done, err);
	if (rc && !done.jobs)
		return rc;
	if (args->json)
		print_json(&done, pause);
	else if (ids->n || pause)
		print_done(ctx, &done, pause);
	else
		cmd_print(ctx, "nothing to cancel: none of the jobs is pending, held or in Slurm");
	if (ids->n || pause)
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
		rc = cancel_jobs(ctx, args, &ids, everything, err);
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
