/* complete.h - what may stand where the cursor is: for slurmq help --complete, which shells ask. */
#ifndef SLURMQ_COMPLETE_H
#define SLURMQ_COMPLETE_H

#include "lib/buf.h"
#include "cmd/cmd.h"

/* Add what the last of n words can become, a line each: the words that follow "slurmq" up to the cursor,
 * the last one perhaps empty. A line ":files" or ":dirs" leaves it to the shell. What to offer follows
 * from the placeholders in the tables of commands and options. Fails by adding nothing: where there is
 * no store, or none that can be read now, there are no sweeps and no ids. */
void complete(struct cmd_ctx *ctx, int n, char **words, struct buf *out);

#endif
