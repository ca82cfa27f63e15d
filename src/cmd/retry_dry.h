/* retry_dry.h - what slurmq retry would do, for --dry-run. Changes nothing. */
#ifndef SLURMQ_RETRY_DRY_H
#define SLURMQ_RETRY_DRY_H

#include <stdbool.h>

#include "cmd/cmd.h"

/* How the jobs would be retried, as in db_job_retry(). */
struct retry_dry {
	const struct ids *ids;
	const char *from_step; /* NULL: from the first step that is not completed */
	bool all;
	const char *options; /* lines of --long=value in place of the job's own; NULL: its own */
};

/* Prints a line for each of the first jobs: the step from which it would run, and the options for
 * sbatch that it has besides those of the sweep file. json: one document with all jobs. */
int retry_dry_print(struct cmd_ctx *ctx, const struct retry_dry *r, bool json, struct err *err);

#endif
