/* progress.h - a bar on a terminal, for what takes more than a second. */
#ifndef SLURMQ_PROGRESS_H
#define SLURMQ_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/cmd.h"

struct progress {
	struct cmd_ctx *ctx;
	int64_t begun, last;
	bool shown;
};
/* Begins now. Nothing is shown in the first second, or if stderr is not a terminal. */
void progress_begin(struct progress *p, struct cmd_ctx *ctx);
/* Shows "N jobs" and, unless of is 0, a bar of this share. */
void progress_show(struct progress *p, int64_t done, int64_t of);
/* Removes the bar. */
void progress_end(struct progress *p);

#endif
