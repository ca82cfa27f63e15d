/*
 * watch.h - a text that is drawn again and again: in place on a terminal, else as it changes.
 */
#ifndef SLURMQ_WATCH_H
#define SLURMQ_WATCH_H

#include <stdbool.h>

#include "cmd/cmd.h"

struct watch {
	/* Sets *screen to the lines for a terminal, in the style ctx->out. */
	int (*draw)(void *arg, struct buf *screen, struct err *err);
	/* Sets *lines to facts of one line each, without times: a line is printed when it is new. Sets
	 * *over when nothing will change any more. */
	int (*report)(void *arg, struct strs *lines, bool *over, struct err *err);
	void *arg;
};

/* Draws every two seconds until the user types q, or Ctrl-C, and leaves the terminal as it was.
 * If standard output is no terminal, reports until all is over. Returns 0, 130 after Ctrl-C, or
 * -1. */
int watch_run(struct cmd_ctx *ctx, const struct watch *watch, struct err *err);

#endif
