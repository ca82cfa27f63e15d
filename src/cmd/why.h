/* why.h - what failed jobs have in common, as a sentence; for slurmq why and slurmq status. */
#ifndef SLURMQ_WHY_H
#define SLURMQ_WHY_H

#include "chain/explain.h"
#include "cmd/cmd.h"

/* Adds "opt=lamb: 20 of 20 failed (EXIT 1), others 0 of 60; log 31: \"last line\"". */
void why_add_line(struct cmd_ctx *ctx, const struct explanation *e, struct buf *out);

#endif
