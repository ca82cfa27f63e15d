/* slurmq help - lists the commands and prints manual pages */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/complete.h"
#include "lib/proc.h"
#include "sweep/sweep_schema.h"

struct args {
	bool list_commands, list_options, complete, schema;
};

static const struct cmd *find_command(struct cmd_ctx *ctx, const char *name, struct err *err)
{
	const char *near;
	const struct cmd *cmd = cmd_find(ctx->all, name, &near);

	if (!cmd && near)
		err_set(err, ERR_USAGE, "unknown command '%s', did you mean '%s'?", name, near);
	else if (!cmd)
		err_set(err, ERR_USAGE, "unknown command '%s': slurmq help lists them", name);
	return cmd;
}

/* Prints a manual page with man(1). Returns false if there is no such page, or no man(1). */
static bool print_page(struct cmd_ctx *ctx, const char *name)
{
	char *page = mem_printf("slurmq-%s", name), width[16];
	const char *const argv[] = {"man", page, NULL};
	const struct proc_spec spec = {.argv = argv, .timeout_ms = 10000};
	struct proc_result result = {0};
	bool done;

	snprintf(width, sizeof(width), "%d", ctx->out.width ? ctx->out.width : 80);
	setenv("MANWIDTH", width, 1);
	setenv("MANPAGER", "cat", 1);
	done = proc_run(&spec, &result, NULL, NULL) == 0 && !result.timed_out && !result.signal &&
	       result.exit_code == 0 && result.out.len > 0;
	if (done)
		fwrite(result.out.s, 1, result.out.len, stdout);
	proc_result_release(&result);
	free(page);
	return done;
}

/* Returns whether name is that of a page without a command: slurmq-sweep(5),
 * slurmq-guarantees(7), slurmq-select(7), slurmq-storage(7). */
static bool is_topic(const char *name)
{
	return !strcmp(name, "sweep") || !strcmp(name, "guarantees") || !strcmp(name, "select") ||
	       !strcmp(name, "storage");
}

static int print_topic(struct cmd_ctx *ctx, const char *name, struct err *err)
{
	if (print_page(ctx, name))
		return 0;
	return err_set(err, ERR_FAILED,
		       "man(1) does not find the page slurmq-%s: install it with make "
		       "install, or read it in the folder man/ of slurmq's sources",
		       name);
}

static void print_usage(struct cmd_ctx *ctx, const struct cmd *cmd)
{
	struct buf text = {0};

	cmd_usage(ctx, cmd, &text);
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

static void print_schema(void)
{
	struct buf text = {0};

	sweep_schema_add(&text);
	fwrite(text.s, 1, text.len, stdout);
	buf_release(&text);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	const struct cmd *cmd = NULL;

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
	if (args->schema) {
		print_schema();
		return 0;
	}
	if (args->list_options) {
		if (argc == 0)
			return err_set(err, ERR_USAGE, "--list-options needs a command's name");
		return list_options(ctx, argv[0], err);
	}
	if (argc > 0 && is_topic(argv[0]))
		return print_topic(ctx, argv[0], err);
	if (argc > 0) {
		cmd = find_command(ctx, argv[0], err);
		if (!cmd)
			return -1;
		if (print_page(ctx, cmd->name))
			return 0;
	}
	print_usage(ctx, cmd);
	return 0;
}

static const struct opt opts[] = {
	OPT_FLAG(0, "list-commands", "print every command, one per line", struct args,
		 list_commands),
	OPT_FLAG(0, "list-options", "print every option of COMMAND, one per line", struct args,
		 list_options),
	OPT_FLAG(0, "complete", "print completions of the last word after --", struct args,
		 complete),
	OPT_FLAG(0, "schema", "print the JSON Schema of a sweep file", struct args, schema),
	OPT_END};

const struct cmd cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "list the commands or print a manual page",
	.theme = CMD_INSPECT,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
