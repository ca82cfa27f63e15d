/* slurmq init - makes the folder that holds the jobs */
#include "cmd/cmd.h"

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const char *dir = argc ? argv[0] : ".";
	int rc;

	(void)options;
	rc = store_create(&ctx->opened, dir, err);
	if (rc < 0)
		return -1;
	if (rc == DB_NONE)
		cmd_print(ctx, "%s already exists and is unchanged", ctx->opened.dir);
	else
		cmd_print(ctx, "made %s; next: slurmq expand FILE", ctx->opened.dir);
	return 0;
}

const struct cmd cmd_init = {
	.name = "init",
	.args = "[DIR]",
	.summary = "make the folder .slurmq that holds the jobs",
	.theme = CMD_START,
	.max_args = 1,
	.run = run,
};
