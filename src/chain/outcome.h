/*
 * outcome.h - the end of an attempt, and the consequences in the same transaction: another try by
 * the sweep's policy (policy.h), and the breakers (breaker.h).
 *
 * db.h has the transitions; every reporter of an end calls them through this module. The sweep is
 * parsed only if a job failed: a job that completes must not wait for YAML.
 */
#ifndef SLURMQ_OUTCOME_H
#define SLURMQ_OUTCOME_H

#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"
#include "store/loader.h"

/* Serves one transaction or several. Starts zeroed, with db set. */
struct outcome {
	struct db *db;
	struct loader loader;
};
void outcome_release(struct outcome *o);

/* Each records an end in the database (db_attempt_reported() and its siblings), then applies the
 * consequences. Returns 0, or -1 with err. */
int outcome_report(struct outcome *o, int64_t attempt, const struct job_end *end, struct err *err);
int outcome_preempted(struct outcome *o, int64_t attempt, const struct job_end *end,
		      struct err *err);
int outcome_infer(struct outcome *o, int64_t attempt, const struct job_end *end, struct err *err);
int outcome_revoked(struct outcome *o, int64_t attempt, int to, int reason, struct err *err);

/* Appends to out the reason why the sweep's policy does not try the failed job again. Appends
 * nothing if there is no such reason. a: the attempt that failed. */
void outcome_why_not(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
		     struct buf *out);

#endif
