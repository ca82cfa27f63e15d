/*
 * breaker.h - pauses the queue after consecutive failures, holds the jobs of a bad value, and
 * excludes bad nodes.
 *
 * The breaker keeps a mistake, a bad value or a bad node from failing a whole sweep. Ten
 * consecutive failures (setting `breaker`; 0 disables it), each within a minute of its start, pause
 * the queue. A completed attempt, or a failure that took longer, resets the count.
 *
 * A failure counts if the command itself caused it (EXIT, SIGNAL, OUT_OF_MEMORY). A Slurm job that
 * failed before it ran the command counts too: EXIT, or BOOT_FAIL if Slurm could not start it
 * because the folder for logs is gone. A failure that the site caused does not count, nor does one
 * that the sweep's policy retries, nor one on an excluded node, nor one of a job with a value that
 * is held.
 *
 * If ten jobs of a sweep failed so that share a value, or a pair of values, that no completed job
 * has, the jobs with it are held instead (bad_value.h), and the others go on. If a running job with
 * it completes, the others are released. Other failures or completed jobs between these do not
 * matter. If all that is left has the value, the queue is paused besides.
 * From the third failure on, the value is capped: no more than ten jobs with it start (value_cap.h).
 * Perhaps it was not the value: if five more jobs fail in a row before one completes, the hold is
 * withdrawn and the queue is paused. While no job of the sweep has completed, all failures must
 * share the value.
 *
 * A node on which attempts fail within 20 s while the jobs are not to blame (bad_node.h) is
 * excluded from submissions. The exclusion ends after a day, at `slurmq resume`, or when an attempt
 * does well on the node. If more than three nodes look bad, the jobs are the cause, and no node is
 * excluded.
 *
 * The state is kept as settings: ".breaker.*" and ".node.NAME" (state.h). When the breaker pauses
 * the queue, it also sets ".breaker.failures" (their number) and ".breaker.job" (the job that
 * failed last).
 */
#ifndef SLURMQ_BREAKER_H
#define SLURMQ_BREAKER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"

enum { BREAKER_NODES_MOST = 3 };

/* Resets the count of failures, and clears the node that completed an attempt of the job, and the
 * values of the job. node may be NULL. Needs an open transaction. */
int breaker_completed(struct db *db, int64_t job, const char *node, struct err *err);
/* Counts a failed attempt of this job, which may pause the queue or exclude a node. again: the
 * policy retries the job. Needs an open transaction. */
int breaker_failed(struct db *db, const struct db_attempt *a, const struct db_job *job, bool again,
		   struct err *err);
/* Clears the count of failures, the reason of the pause and all nodes. Needs an open
 * transaction. */
int breaker_reset(struct db *db, struct err *err);

/* Judges the values that are capped (value_cap.h) by the present state of the jobs. Sets *any if
 * there was one, and the database may have changed. Needs an open transaction. */
int breaker_review(struct db *db, bool *any, struct err *err);

/* Includes every excluded node again, and clears the failures of all nodes. Needs an open
 * transaction. */
int breaker_forgive_nodes(struct db *db, struct err *err);

/* Adds the names (only letters, digits and "._-") of the suspect nodes. If they are at most
 * BREAKER_NODES_MOST, all are excluded; if they are more, none is. The caller releases nodes. */
int breaker_nodes(struct db *db, struct strs *nodes, struct err *err);

#endif
