/* slurmq init - makes the folder that holds the jobs */
#include "cmd/cmd.h"

struct args {
	bool json;
};

static void print_json(const char *folder, bool made)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	json_str(&j, "folder", folder);
	json_bool(&j, "made", made);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	const char *dir = argc ? argv[0] : ".";
	int rc;

	rc = store_create(&ctx->opened, dir, err);
	if (rc < 0)
		return -1;
	if (args->json)
		print_json(ctx->opened.dir, rc != DB_NONE);
	else if (rc == DB_NONE)
		cmd_print(ctx, "%s already exists and is unchanged", ctx->opened.dir);
	else
		cmd_print(ctx, "made %s; next: slurmq expand FILE", ctx->opened.dir);
	return 0;
}

static const struct opt opts[] = {OPT_FLAG(0, "json", "print one JSON document", struct args, json),
				  OPT_END};

const struct cmd cmd_init = {
	.name = "init",
	.args = "[DIR] [--json]",
	.summary = "make the folder .slurmq that holds the jobs",
	.theme = CMD_START,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = 1,
	.run = run,
};
