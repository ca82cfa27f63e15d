/* slurmq sync - queries Slurm now for the state of submitted jobs */
#include <inttypes.h>

#include "cmd/cmd.h"
#include "cmd/notify.h"
#include "chain/ingest.h"
#include "chain/reconcile.h"

struct args {
	bool json;
};

static void print_json(const struct reconcile_result *r)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	json_bool(&j, "queried", r->ran);
	json_int(&j, "found", r->adopted);
	json_int(&j, "ended", r->ended);
	json_int(&j, "ending", r->ending);
	json_int(&j, "returned", r->returned);
	json_int(&j, "missing", r->missing);
	json_int(&j, "lost", r->lost);
	json_int(&j, "cancelled", r->stopped);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
}

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
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct reconcile_result r = {0};

	(void)argc;
	(void)argv;
	if (ingest_now(ctx->store, err) || reconcile(ctx->store, 0, &r, err))
		return -1;
	if (args->json)
		print_json(&r);
	else if (r.ran)
		print_result(ctx, &r);
	else
		cmd_print(ctx, "no job is in Slurm: nothing to query");
	if (r.acct_away)
		cmd_say(ctx,
			"sacct did not answer: jobs that squeue does not show stay unchanged for "
			"at most an hour");
	notify_events(ctx, ctx->store);
	return 0;
}

static const struct opt opts[] = {OPT_FLAG(0, "json", "print one JSON document", struct args, json),
				  OPT_END};

const struct cmd cmd_sync = {
	.name = "sync",
	.args = "[--json]",
	.summary = "query Slurm now for the state of submitted jobs",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.run = run,
};
