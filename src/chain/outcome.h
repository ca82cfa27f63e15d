/*
 * outcome.h - an attempt's end, and what follows from it in the same transaction: another try by its sweep's
 * policy (policy.h), and the breakers (breaker.h).
 *
 * The transitions are db.h's; who tells of an end calls them through here. The sweep is parsed only where a
 * job failed: one that completes must not wait for YAML.
 */
#ifndef SLURMQ_OUTCOME_H
#define SLURMQ_OUTCOME_H

#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"
#include "store/loader.h"

/* For one transaction or several; zeroed but for db. */
struct outcome {
	struct db *db;
	struct loader loader;
};
void outcome_release(struct outcome *o);

/* As db_attempt_reported(), db_attempt_preempted(), db_attempt_inferred() and db_attempt_revoked(). */
int outcome_report(struct outcome *o, int64_t attempt, const struct job_end *end, struct err *err);
int outcome_preempted(struct outcome *o, int64_t attempt, const struct job_end *end,
		      struct err *err);
int outcome_infer(struct outcome *o, int64_t attempt, const struct job_end *end, struct err *err);
int outcome_revoked(struct outcome *o, int64_t attempt, int to, int reason, struct err *err);

/* Why the policy of its sweep does not try a job that failed again, in words; "" where it has none. a: the
 * attempt that failed. */
void outcome_why_not(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
		     struct buf *out);

#endif
