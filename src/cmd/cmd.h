/*
 * cmd.h - what a command is: one file that declares itself at its foot.
 *
 * A new one, foo: src/cmd_foo.c, a line at the foot of this file, a row in main.c's table, its man page, a
 * script in t/, the CHANGELOG. Help, usage and completion come from the row.
 */
#ifndef SLURMQ_CMD_H
#define SLURMQ_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "chain/fill.h"
#include "chain/limits.h"
#include "cmd/select.h"
#include "store/store.h"
#include "lib/table.h"

enum cmd_needs {
	CMD_NONE,  /* nothing, or the command opens the store itself: cmd_open_store() */
	CMD_STORE, /* ctx->store is found and open */
};

/* Where help shows it. */
enum cmd_theme { CMD_BEGIN, CMD_LOOK, CMD_STEER, CMD_INSIDE, CMD_NTHEMES };

struct cmd;

/* What main.c gives a command. */
struct cmd_ctx {
	const struct cmd *cmd;
	const struct cmd *const *all; /* every command, NULL-terminated */
	const struct opt *before;     /* options before a command alone */
	const struct opt *common;     /* options that every command takes */
	struct store *store;	      /* NULL: not open */
	struct style out, err;	      /* of stdout and stderr */
	struct store opened;	      /* cmd_open_store()'s, open until the process ends */
};

struct cmd {
	const char *name;
	const char *args;    /* "[SWEEP...] [--json]" */
	const char *summary; /* up to 50 columns */
	enum cmd_theme theme;
	enum cmd_needs needs;
	const struct opt *opts; /* NULL: none */
	size_t size;		/* of the zeroed struct that opts fill, given to run as `options` */
	int min_args, max_args; /* arguments; max -1: any number */
	/* An exit status (0, 1, 2, 75), or -1 with err, which main.c prints, err->status being the exit
	 * status. argv holds the arguments alone. */
	int (*run)(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err);
};

/* Find and open the store; a second call does nothing. */
int cmd_open_store(struct cmd_ctx *ctx, struct err *err);

/* A remark to stderr: "slurmq status: text". */
void cmd_say(struct cmd_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same as a fill_say callback; arg is the ctx. */
void cmd_say_text(void *arg, const char *text);
/* A line to stderr as it is, but for control characters. */
void cmd_say_line(struct cmd_ctx *ctx, const char *line);
/* A line to stdout, cleaned if it goes to a terminal. */
void cmd_print(struct cmd_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What would cancel, or touch more than a thousand: asks on a terminal, wants --yes elsewhere. 0: go on;
 * -1 with err. what: "cancel 17 jobs". */
int cmd_confirm(struct cmd_ctx *ctx, bool yes, const char *what, struct err *err);

/* What a fill of the queue came to, for submit and for what ends with one. */
struct cmd_filled {
	struct fill_result r;
	struct limits limit;
	int status;	/* of the exit */
	struct err err; /* what to print where status is not 0 */
};
/* Fill the queue as slurmq submit does; max -1: no such limit. Never fails: the end tells. */
void cmd_fill(struct cmd_ctx *ctx, int64_t max, bool renew_env, struct cmd_filled *f);
/* Say in a line what happened. */
void cmd_filled_print(struct cmd_ctx *ctx, const struct cmd_filled *f);
/* The members of submit --json, into an object that is open. */
void cmd_filled_json(const struct cmd_filled *f, struct json *j);
/* Release it: what run returns. */
int cmd_filled_end(struct cmd_filled *f, struct err *err);
/* All of it, without JSON: what run returns. */
int cmd_fill_and_print(struct cmd_ctx *ctx, struct err *err);

/* Submit nothing more from now on; why: the command that says so. Needs no queue lock. */
int cmd_pause_queue(struct cmd_ctx *ctx, const char *why, struct err *err);

/* Print a JSON text and a newline; the buffer is empty again. */
void cmd_print_json(struct buf *text);

/* The text of the short usage: what -h prints. */
void cmd_usage(const struct cmd_ctx *ctx, const struct cmd *cmd, struct buf *out);
/* The command of that name, or NULL with *near the one that may be meant (or NULL). */
const struct cmd *cmd_find(const struct cmd *const *all, const char *name, const char **near);

extern const struct cmd cmd_cancel;
extern const struct cmd cmd_chain;
extern const struct cmd cmd_config;
extern const struct cmd cmd_expand;
extern const struct cmd cmd_help;
extern const struct cmd cmd_hold;
extern const struct cmd cmd_init;
extern const struct cmd cmd_list;
extern const struct cmd cmd_log;
extern const struct cmd cmd_pause;
extern const struct cmd cmd_release;
extern const struct cmd cmd_resume;
extern const struct cmd cmd_retry;
extern const struct cmd cmd_run;
extern const struct cmd cmd_show;
extern const struct cmd cmd_status;
extern const struct cmd cmd_submit;
extern const struct cmd cmd_sync;

#endif
