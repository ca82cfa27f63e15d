/*
 * slurmq - keeps a Slurm queue full from a store of jobs.
 *
 * This file has the command table, the options before a command, the printing of errors and the
 * exit status. Each command has a file of its own in src/cmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"

static const struct cmd *const commands[] = {
	&cmd_init,   &cmd_expand, &cmd_submit,	&cmd_status,   &cmd_list,   &cmd_why,
	&cmd_show,   &cmd_log,	  &cmd_wait,	&cmd_record,   &cmd_export, &cmd_retry,
	&cmd_cancel, &cmd_hold,	  &cmd_release, &cmd_priority, &cmd_pause,  &cmd_resume,
	&cmd_delete, &cmd_sync,	  &cmd_config,	&cmd_doctor,   &cmd_chain,  &cmd_run,
	&cmd_help,   NULL,
};

struct before {
	const char *dir, *colour;
	bool version, help;
};

static const struct opt before_opts[] = {
	OPT_STR('C', "directory", "DIR", "work as if started in DIR", struct before, dir),
	OPT_FLAG('V', "version", "print the version", struct before, version), OPT_END};

/* Options that are accepted before a command and after it. */
static const struct opt common_opts[] = {
	OPT_STR(0, "color", "WHEN", "use colours: auto, always or never", struct before, colour),
	OPT_FLAG('h', "help", "print this usage", struct before, help), OPT_END};

/* Opens /dev/null for each standard descriptor that is closed. Otherwise the next file that
 * slurmq opens would get that number, and messages would be written into it. */
static void open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			abort();
}

static void print_error(const struct cmd_ctx *ctx, const char *msg)
{
	char *before =
		ctx->cmd ? mem_printf("slurmq %s: ", ctx->cmd->name) : mem_strdup("slurmq: ");
	struct buf text = {0};

	cmd_add_message(&text, &ctx->err, PAINT_RED, before, msg);
	fwrite(text.s, 1, text.len, stderr);
	buf_release(&text);
	free(before);
}

/* Prints the error and the usage line of the command. Returns ERR_USAGE. */
static int print_misuse(const struct cmd_ctx *ctx, const struct err *err)
{
	print_error(ctx, err->msg);
	if (ctx->cmd)
		fprintf(stderr, "usage: slurmq %s%s%s\n", ctx->cmd->name,
			*ctx->cmd->args ? " " : "", ctx->cmd->args);
	return ERR_USAGE;
}

static int check_arguments(const struct cmd *cmd, int argc, char **argv, struct err *err)
{
	if (argc < cmd->min_args)
		return err_set(err, ERR_USAGE, "an argument is missing");
	if (cmd->max_args >= 0 && argc > cmd->max_args)
		return err_set(err, ERR_USAGE, "one argument too many: '%s'", argv[cmd->max_args]);
	return 0;
}

static int apply_colour(struct cmd_ctx *ctx, const char *text, struct err *err)
{
	enum when_colour when = COLOUR_AUTO;

	if (text && when_colour_parse(text, &when))
		return err_set(err, ERR_USAGE,
			       "option '--color' takes auto, always or never, not '%s'", text);
	style_init(&ctx->out, STDOUT_FILENO, when);
	style_init(&ctx->err, STDERR_FILENO, when);
	return 0;
}

static int open_and_run(struct cmd_ctx *ctx, void *options, int argc, char **argv)
{
	struct err err = {0};
	int rc = 0;

	if (ctx->cmd->needs == CMD_STORE)
		rc = cmd_open_store(ctx, &err);
	if (rc == 0)
		rc = ctx->cmd->run(ctx, options, argc, argv, &err);
	if (rc >= 0)
		return rc;
	fflush(stdout);
	print_error(ctx, err.msg);
	return err.status ? err.status : ERR_FAILED;
}

static void print_usage(const struct cmd_ctx *ctx, const struct cmd *cmd, FILE *to)
{
	struct buf usage = {0};

	cmd_usage(ctx, cmd, &usage);
	fwrite(usage.s, 1, usage.len, to);
	buf_release(&usage);
}

static int run_command(struct cmd_ctx *ctx, struct before *before, int argc, char **argv)
{
	static const struct opt none[] = {OPT_END};
	const struct cmd *cmd = ctx->cmd;
	void *options = mem_alloc(cmd->size);
	const struct opt_set sets[] = {
		{cmd->opts ? cmd->opts : none, options}, {common_opts, before}, {NULL, NULL}};
	struct err err = {0};
	int status;

	if (opt_parse(sets, &argc, argv, false, &err) || apply_colour(ctx, before->colour, &err)) {
		status = print_misuse(ctx, &err);
	} else if (before->help) {
		print_usage(ctx, cmd, stdout);
		status = 0;
	} else if (check_arguments(cmd, argc, argv, &err)) {
		status = print_misuse(ctx, &err);
	} else {
		status = open_and_run(ctx, options, argc, argv);
	}
	opt_release(sets);
	free(options);
	return status;
}

/* Runs slurmq without a command: slurmq status if there is a folder of jobs. Otherwise prints the
 * usage, and why there is no such folder. */
static int run_bare(struct cmd_ctx *ctx, struct before *before)
{
	struct store here;
	struct err err = {0};
	bool found = !store_find(&here, &err);
	char *none[] = {NULL};

	store_close(&here);
	if (found) {
		ctx->cmd = &cmd_status;
		return run_command(ctx, before, 0, none);
	}
	print_usage(ctx, NULL, stderr);
	fputc('\n', stderr);
	print_error(ctx, err.msg);
	return ERR_USAGE;
}

static int slurmq(struct cmd_ctx *ctx, int argc, char **argv)
{
	struct before before = {0};
	const struct opt_set sets[] = {
		{before_opts, &before}, {common_opts, &before}, {NULL, NULL}};
	struct err err = {0};

	if (opt_parse(sets, &argc, argv, true, &err) || apply_colour(ctx, before.colour, &err))
		return print_misuse(ctx, &err);
	if (before.dir && chdir(before.dir)) {
		err_errno(&err, ERR_USAGE, "cannot change to the folder '%s'", before.dir);
		return print_misuse(ctx, &err);
	}
	if (before.version || (argc && !strcmp(argv[0], "version"))) {
		puts("slurmq " SLURMQ_VERSION);
		return 0;
	}
	if (argc == 0 && before.help) {
		print_usage(ctx, NULL, stdout);
		return 0;
	}
	if (argc == 0)
		return run_bare(ctx, &before);
	ctx->cmd = cmd_find(commands, argv[0]);
	if (!ctx->cmd) {
		cmd_unknown(commands, argv[0], false, &err);
		return print_misuse(ctx, &err);
	}
	return run_command(ctx, &before, argc - 1, argv + 1);
}

/* Returns whether the reader of standard output, a pipe, has closed its end. poll() is asked
 * too, because errnum may come from a later call. */
static bool reader_is_gone(int errnum)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return errnum == EPIPE || (poll(&p, 1, 0) == 1 && p.revents & POLLERR);
}

/* Ends slurmq by SIGPIPE, as other programs end when their reader is gone: a shell with
 * pipefail knows that status. The work of the command is already done. */
static int end_by_sigpipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
	return 128 + SIGPIPE;
}

/* Flushes and closes standard output. Returns status, or ERR_FAILED if the output could not be
 * written. */
static int close_stdout(const struct cmd_ctx *ctx, int status)
{
	struct err err = {0};
	bool bad = ferror(stdout), gone;
	int errnum = bad ? errno : 0;

	if (fflush(stdout)) {
		bad = true;
		errnum = errno;
	}
	gone = bad && reader_is_gone(errnum);
	if (fclose(stdout) && !bad) {
		bad = true;
		errnum = errno;
	}
	if (!bad)
		return status;
	if (gone && pager_runs(&ctx->pager)) /* the user has left the pager */
		return status;
	if (gone)
		return status ? status : end_by_sigpipe();
	errno = errnum;
	err_errno(&err, ERR_FAILED, "cannot write to standard output");
	print_error(ctx, err.msg);
	return status ? status : ERR_FAILED;
}

int main(int argc, char **argv)
{
	struct cmd_ctx ctx = {.all = commands, .before = before_opts, .common = common_opts};
	int status;

	open_standard_descriptors();
	/* a umask with owner bits would make slurmq's own files unreadable for slurmq */
	umask(umask(077) & 077);
	/* a closed pipe must not end slurmq between two steps of its work */
	signal(SIGPIPE, SIG_IGN);
	style_init(&ctx.out, STDOUT_FILENO, COLOUR_AUTO);
	style_init(&ctx.err, STDERR_FILENO, COLOUR_AUTO);
	if (argc < 1)
		return ERR_USAGE;
	status = slurmq(&ctx, argc - 1, argv + 1);
	status = close_stdout(&ctx, status);
	pager_end(&ctx.pager);
	/* the store stays open: the end of the process closes it, and a job that ends must not
	 * wait for more */
	exit(status);
}
