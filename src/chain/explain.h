/*
 * explain.h - what the failed jobs of a sweep have in common.
 *
 * Among the jobs that are failed or completed, a value of a parameter, or a pair of values, explains
 * failures if
 * - at least three jobs with it failed, and at least half of them all,
 * - jobs without it fail less than half as often, and
 * - chance does not explain the difference: the likelihood ratio test (Wilks 1938) rejects equal
 *   rates at 1 %, or at 5 % if all jobs with it failed, divided by the number of values and pairs.
 * The best one by that test is the first explanation; then the same is repeated without its jobs.
 */
#ifndef SLURMQ_EXPLAIN_H
#define SLURMQ_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/db.h"

enum { EXPLAIN_MOST = 5, EXPLAIN_TERMS = 2, EXPLAIN_IDS = 5 };

/* Failed jobs, and how they failed. */
struct explain_group {
	int64_t failed, jobs;		  /* of `jobs` failed or completed ones */
	int reason;			  /* the most frequent one */
	int64_t reasons[REASON_NREASONS]; /* failed jobs by reason */
	int64_t newest;			  /* the job of the newest failed attempt */
	int64_t ids[EXPLAIN_IDS];	  /* the first failed jobs */
	size_t nids;
};

struct explanation {
	struct {
		char *name, *value; /* the names are parameters, or "node" */
	} terms[EXPLAIN_TERMS];
	size_t nterms; /* 0: every job failed */
	struct explain_group with, without;
};

struct explained {
	struct explanation *v; /* the best first */
	size_t n;
	struct explain_group all, rest; /* rest: failed jobs that nothing explains */
};

/* Explains the failures of a sweep. The caller calls explained_release(out) in any case. */
int explain_sweep(struct db *db, int64_t sweep, struct explained *out, struct err *err);
void explained_release(struct explained *e);

#endif
