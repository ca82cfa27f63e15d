/* slurmq sync - queries Slurm now for the state of submitted jobs */
#include <inttypes.h>

#include "cmd/cmd.h"
#include "cmd/notify.h"
#include "chain/ingest.h"
#include "chain/reconcile.h"

static void add_count(struct buf *line, int64_t n, const char *what)
{
	if (n)
		buf_addf(line, "%s %" PRId64 " %s",
			 line->len && line->s[line->len - 1] != ':' ? "," : "", n, what);
}

static void print_result(struct cmd_ctx *ctx, const struct reconcile_result *r)
{
	struct buf line = {0}, left = {0};

	buf_addstr(&line, "queried Slurm:");
	add_count(&line, r->adopted, "found again by name");
	add_count(&line, r->ended, "ended without a report");
	if (r->ending) {
		buf_addstr(&left, "over, ");
		time_add_duration(&left, (r->left_ms + 999) / 1000 * 1000);
		buf_addstr(&left, " left to report the end");
		add_count(&line, r->ending, buf_str(&left));
	}
	add_count(&line, r->returned, "pending again");
	add_count(&line, r->missing, "not found, queried again later");
	add_count(&line, r->lost, "given up as lost");
	add_count(&line, r->stopped, "cancelled earlier, ended now");
	if (!r->stopped && !r->adopted && !r->ended && !r->ending && !r->returned && !r->missing &&
	    !r->lost)
		buf_addstr(&line, " nothing new");
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
	buf_release(&left);
	if (r->acct_away)
		cmd_say(ctx,
			"sacct did not answer: jobs that squeue does not show stay unchanged for "
			"at most an hour");
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	struct reconcile_result r = {0};

	(void)options;
	(void)argc;
	(void)argv;
	if (ingest_now(ctx->store, err) || reconcile(ctx->store, 0, &r, err))
		return -1;
	if (r.ran)
		print_result(ctx, &r);
	else
		cmd_print(ctx, "no job is in Slurm: nothing to query");
	notify_events(ctx, ctx->store);
	return 0;
}

const struct cmd cmd_sync = {
	.name = "sync",
	.args = "",
	.summary = "query Slurm now for the state of submitted jobs",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.run = run,
};
