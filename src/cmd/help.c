/* slurmq help - lists the commands and prints manual pages */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/complete.h"
#include "cmd/page.h"
#include "cmd/schema.h"
#include "sweep/sweep_schema.h"

struct args {
	bool list_commands, list_options, complete, schema;
};

static const struct cmd *find_command(struct cmd_ctx *ctx, const char *name, struct err *err)
{
	const struct cmd *cmd = cmd_find(ctx->all, name);

	if (!cmd)
		cmd_unknown(ctx->all, name, false, err);
	return cmd;
}

static int print_page(struct cmd_ctx *ctx, const char *name, struct err *err)
{
	const struct page *page = page_find(name);
	struct buf text = {0};

	if (!page)
		return cmd_unknown(ctx->all, name, true, err);
	page_render(page, &ctx->out, &text);
	pager_start(&ctx->pager);
	fwrite(text.s, 1, text.len, stdout);
	buf_release(&text);
	return 0;
}

static void print_usage(struct cmd_ctx *ctx)
{
	struct buf text = {0};

	cmd_usage(ctx, NULL, &text);
	fwrite(text.s, 1, text.len, stdout);
	buf_release(&text);
}

static int list_options(struct cmd_ctx *ctx, const char *name, struct err *err)
{
	const struct cmd *cmd = find_command(ctx, name, err);
	struct buf names = {0};

	if (!cmd)
		return -1;
	if (cmd->opts)
		opt_names(cmd->opts, &names);
	opt_names(ctx->common, &names);
	fwrite(names.s, 1, names.len, stdout);
	buf_release(&names);
	return 0;
}

static void print_completions(struct cmd_ctx *ctx, int argc, char **argv)
{
	struct buf lines = {0};

	complete(ctx, argc, argv, &lines);
	fwrite(buf_str(&lines), 1, lines.len, stdout);
	buf_release(&lines);
}

/* Prints the schema of a command's output; name NULL: of a sweep file. */
static int print_schema(struct cmd_ctx *ctx, const char *name, struct err *err)
{
	struct buf text = {0};
	int rc = 0;

	if (!name)
		sweep_schema_add(&text);
	else if (find_command(ctx, name, err))
		rc = schema_add(name, &text, err);
	else
		rc = -1;
	if (!rc)
		fwrite(text.s, 1, text.len, stdout);
	buf_release(&text);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;

	if (args->list_commands) {
		for (const struct cmd *const *c = ctx->all; *c; c++)
			puts((*c)->name);
		return 0;
	}
	if (args->complete) {
		print_completions(ctx, argc, argv);
		return 0;
	}
	if (argc > 1)
		return err_set(err, ERR_USAGE, "one argument too many: '%s'", argv[1]);
	if (args->schema)
		return print_schema(ctx, argc ? argv[0] : NULL, err);
	if (args->list_options) {
		if (argc == 0)
			return err_set(err, ERR_USAGE, "--list-options needs a command's name");
		return list_options(ctx, argv[0], err);
	}
	if (argc > 0)
		return print_page(ctx, argv[0], err);
	print_usage(ctx);
	return 0;
}

static const struct opt opts[] = {
	OPT_FLAG(0, "list-commands", "print every command, one per line", struct args,
		 list_commands),
	OPT_FLAG(0, "list-options", "print every option of COMMAND, one per line", struct args,
		 list_options),
	OPT_FLAG(0, "complete", "print completions of the last word after --", struct args,
		 complete),
	OPT_FLAG(0, "schema", "print the JSON Schema of sweep files, or TOPIC --json", struct args,
		 schema),
	OPT_END};

const struct cmd cmd_help = {
	.name = "help",
	.args = "[TOPIC]",
	.summary = "list the commands or print a manual page",
	.theme = CMD_INSPECT,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
