/*
 * changed.h - files that were edited after they were expanded. Jobs run the text that expand has
 * stored, so an edit has no effect until the file is expanded again.
 */
#ifndef SLURMQ_CHANGED_H
#define SLURMQ_CHANGED_H

#include "cmd/cmd.h"

/* Reports each sweep file and batch script that differs from the stored text, for the sweeps that
 * have pending jobs. A file that cannot be read is not reported. */
void changed_report(struct cmd_ctx *ctx);

#endif
