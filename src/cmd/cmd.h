/*
 * cmd.h - the interface of a command: each has a file that ends with its struct cmd.
 *
 * A new command foo needs src/cmd/foo.c, a line at the end of this file, an entry in the table
 * of main.c, a manual page, a script in t/ and a line in the CHANGELOG. Help, usage and
 * completion use the table.
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
#include "cmd/pager.h"
#include "cmd/select.h"
#include "store/store.h"
#include "lib/table.h"

enum cmd_needs {
	CMD_NONE,  /* nothing, or the command calls cmd_open_store() itself */
	CMD_STORE, /* main.c finds and opens ctx->store before it calls run */
};

/* The section of the help and of slurmq(1) that has the command. */
enum cmd_theme { CMD_START, CMD_INSPECT, CMD_CONTROL, CMD_INSIDE, CMD_NTHEMES };

struct cmd;

/* The context that main.c passes to a command. */
struct cmd_ctx {
	const struct cmd *cmd;
	const struct cmd *const *all; /* every command, NULL-terminated */
	const struct opt *before;     /* options that can only precede a command */
	const struct opt *common;     /* options that every command takes */
	struct store *store;	      /* NULL if it is not open */
	struct style out, err;	      /* styles of stdout and stderr */
	struct pager pager;	      /* main.c waits for its end */
	struct store opened; /* the store that cmd_open_store() opens, until the process ends */
};

struct cmd {
	const char *name;
	const char *args;    /* "[SWEEP...] [--json]" */
	const char *summary; /* up to 50 columns */
	enum cmd_theme theme;
	enum cmd_needs needs;
	bool internal;		/* not for people to type: never suggested */
	const struct opt *opts; /* NULL: none */
	size_t size; /* size of the zeroed struct that opts fill; run gets it as `options` */
	int min_args, max_args; /* number of arguments; max -1: any number */
	/* Returns an exit status (0, 1, 2 or 75), or -1 with err: main.c prints err and exits
	 * with err->status. argv has only the arguments, not the options. */
	int (*run)(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err);
};

/* Finds and opens the store. A second call does nothing. */
int cmd_open_store(struct cmd_ctx *ctx, struct err *err);

/* Prints a remark to stderr: "slurmq status: text". */
void cmd_say(struct cmd_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Calls cmd_say(), as a fill_say callback; arg is the struct cmd_ctx. */
void cmd_say_text(void *arg, const char *text);
/* Adds a message and a newline. On a terminal, control characters are replaced, `before` is painted
 * and long lines are wrapped. A message of several lines gets `before` in front of the first. */
void cmd_add_message(struct buf *out, const struct style *s, enum paint paint, const char *before,
		     const char *text);
/* Prints a line to stdout; control characters are replaced if stdout is a terminal. */
void cmd_print(struct cmd_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Asks the user to confirm what ("cancel 17 jobs"), unless yes is set. If stdin or stderr is
 * not a terminal, only --yes confirms. Returns 0 if the command may continue, otherwise -1 with
 * err. */
int cmd_confirm(struct cmd_ctx *ctx, bool yes, const char *what, struct err *err);

/* Result of filling the queue, for submit and for commands that end with a submission. */
struct cmd_filled {
	struct fill_result r;
	bool trial;
	struct limits limit;
	int status;	/* the exit status */
	struct err err; /* what to print if status is not 0 */
};
/* Fills the queue as slurmq submit does. The members of opts that the caller sets are max,
 * renew_env and trial. Errors are kept in *f; the caller passes *f to cmd_filled_end(). */
void cmd_fill(struct cmd_ctx *ctx, const struct fill_opts *opts, struct cmd_filled *f);
/* Prints the result in one line. */
void cmd_filled_print(struct cmd_ctx *ctx, const struct cmd_filled *f);
/* Adds the members of submit --json to the open object of j. */
void cmd_filled_json(const struct cmd_filled *f, struct json *j);
/* Frees the contents of *f. Returns what run must return. */
int cmd_filled_end(struct cmd_filled *f, struct err *err);
/* Ends a command: fills the queue if submit is set, and prints the result. With j, prints nothing and
 * adds the member "submit" to its open object, null if submit is not set. Returns what run must
 * return. */
int cmd_fill_at_end(struct cmd_ctx *ctx, bool submit, struct json *j, struct err *err);

/* Pauses the queue; why is the command that does so, for slurmq status. Needs no queue lock. */
int cmd_pause_queue(struct cmd_ctx *ctx, const char *why, struct err *err);

/* Pauses sweeps, n names, or ends their pause. Sets *sweeps to the n sweeps as they were before, which
 * the caller frees with db_sweeps_free(). Needs no queue lock. */
int cmd_pause_sweeps(struct cmd_ctx *ctx, bool paused, int n, char **names,
		     struct db_sweep **sweeps, struct err *err);

/* Prints a JSON text and a newline, and empties the buffer. */
void cmd_print_json(struct buf *text);

/* Adds to out the text that -h prints; cmd NULL: the list of all commands. */
void cmd_usage(const struct cmd_ctx *ctx, const struct cmd *cmd, struct buf *out);
/* Returns the command of that name, or NULL. */
const struct cmd *cmd_find(const struct cmd *const *all, const char *name);
/* Sets err to "unknown command", with the command that the user probably means. topics: the
 * names of manual pages are possible too. Always returns -1. */
int cmd_unknown(const struct cmd *const *all, const char *name, bool topics, struct err *err);

extern const struct cmd cmd_cancel;
extern const struct cmd cmd_chain;
extern const struct cmd cmd_config;
extern const struct cmd cmd_delete;
extern const struct cmd cmd_doctor;
extern const struct cmd cmd_expand;
extern const struct cmd cmd_export;
extern const struct cmd cmd_help;
extern const struct cmd cmd_hold;
extern const struct cmd cmd_init;
extern const struct cmd cmd_list;
extern const struct cmd cmd_log;
extern const struct cmd cmd_pause;
extern const struct cmd cmd_priority;
extern const struct cmd cmd_record;
extern const struct cmd cmd_release;
extern const struct cmd cmd_resume;
extern const struct cmd cmd_retry;
extern const struct cmd cmd_run;
extern const struct cmd cmd_show;
extern const struct cmd cmd_status;
extern const struct cmd cmd_submit;
extern const struct cmd cmd_sync;
extern const struct cmd cmd_wait;
extern const struct cmd cmd_why;

#endif
