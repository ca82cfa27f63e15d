/* expand_diff.h - how a sweep file differs from the store, for expand --dry-run and --diff. */
#ifndef SLURMQ_EXPAND_DIFF_H
#define SLURMQ_EXPAND_DIFF_H

#include "cmd/cmd.h"
#include "store/expand.h"

/* The first jobs of each kind, to be shown. */
struct expand_samples {
	struct strs of[EXPAND_NKINDS];
};
/* Adds a job as "lr=0.1 seed=3", or "job 17: lr=0.1 seed=3" with an id, unless there are enough. */
void expand_samples_add(struct expand_samples *s, enum expand_kind kind, int64_t id,
			const struct sweep_point *point);
void expand_samples_release(struct expand_samples *s);

/* Prints the number of jobs of each kind, and the samples below it. */
void expand_counts_print(struct cmd_ctx *ctx, const struct expand_result *r,
			 const struct expand_samples *s);

/* Prints how the texts of the sweep file and of its batch script differ from the stored ones, in the
 * format of diff -u. Prints nothing if the sweep is not in the store. */
int expand_diff_print(struct cmd_ctx *ctx, const struct expand_file *file, struct err *err);

#endif
