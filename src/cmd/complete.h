/* complete.h - the words that can stand at the cursor; shells call slurmq help --complete for
 * them. */
#ifndef SLURMQ_COMPLETE_H
#define SLURMQ_COMPLETE_H

#include "lib/buf.h"
#include "cmd/cmd.h"

/* Adds the completions of the last of n words to out, one per line. words are those that follow
 * "slurmq" up to the cursor; the last may be empty. A line ":files" or ":dirs" leaves the
 * completion to the shell. The placeholders in the tables of commands and options decide what
 * is offered. If there is no store, or it cannot be read now, sweeps and ids are not offered;
 * that is not an error. */
void complete(struct cmd_ctx *ctx, int n, char **words, struct buf *out);

#endif
