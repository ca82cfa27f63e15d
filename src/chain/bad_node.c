#include "chain/bad_node.h"

#include <stdlib.h>
#include <string.h>

#include "chain/bad_value.h"
#include "lib/clock.h"

enum {
	LEAST = 3,
	WELL_MS = 60 * 1000, /* a job that has been running for so long does well */
	JOBS_MOST = 64,
};

/* The probability up to which chance is no explanation; the second one if jobs also fail within
 * seconds on other nodes, as some jobs then fail anyway. */
#define CHANCE_MOST 1e-3
#define CHANCE_MOST_OTHERS 1e-6

/* What jobs of a sweep did on one node, and on the others. */
struct evidence {
	int64_t jobs[JOBS_MOST]; /* that failed within seconds on the node */
	size_t njobs;
	bool well_here;
	int64_t well, failed; /* on other nodes */
	bool completed;	      /* a job completed on another node since then */
};

static bool is_quick_failure(const struct db_try *t)
{
	return t->closed && !t->completed &&
	       (t->reason == REASON_EXIT || t->reason == REASON_SIGNAL ||
		t->reason == REASON_OUT_OF_MEMORY) &&
	       t->ended - t->started < BAD_NODE_QUICK_MS;
}

/* Returns whether the attempt lived for longer than the failures on a bad node do. */
static bool did_well(const struct db_try *t, int64_t now)
{
	if (!t->closed)
		return t->newest && t->state == JOB_RUNNING && now - t->started >= WELL_MS;
	return t->completed || t->ended - t->started >= BAD_NODE_QUICK_MS;
}

static bool has_job(const struct evidence *e, int64_t job)
{
	for (size_t i = 0; i < e->njobs; i++)
		if (e->jobs[i] == job)
			return true;
	return false;
}

static void add_here(struct evidence *e, const struct db_try *t, int64_t since, int64_t now)
{
	if (did_well(t, now) && (!t->closed || t->ended >= since))
		e->well_here = true;
	/* a failure that the sweep's policy tries again says nothing */
	else if (is_quick_failure(t) && t->newest && t->state == JOB_FAILED &&
		 t->started >= since && e->njobs < JOBS_MOST && !has_job(e, t->job))
		e->jobs[e->njobs++] = t->job;
}

static int gather(struct db *db, const char *node, int64_t sweep, int64_t since,
		  const struct strs *out, struct evidence *e, struct err *err)
{
	int64_t now = clock_now_ms();
	struct db_try *v;
	size_t n;

	memset(e, 0, sizeof(*e));
	if (db_tries_newest(db, sweep, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct db_try *t = &v[i];

		if (!t->node || strs_has(out, t->node))
			continue;
		if (!strcmp(t->node, node)) {
			add_here(e, t, since, now);
			continue;
		}
		e->failed += is_quick_failure(t);
		e->well += did_well(t, now);
		e->completed = e->completed || (t->completed && t->ended >= since);
	}
	db_tries_free(v, n);
	return 0;
}

/* Returns the probability that the next k attempts all fail within seconds, if so many did well and
 * so many failed before (Laplace's rule of succession). */
static double chance(int64_t k, int64_t well, int64_t failed)
{
	double p = 1;

	for (int64_t i = 0; i < k; i++)
		p *= (double)(failed + 1 + i) / (double)(well + failed + 2 + i);
	return p;
}

/* Sets *yes if an earlier attempt of the job failed on another node in the same way. */
static int failed_elsewhere(struct db *db, const struct db_job *job, const char *node, bool *yes,
			    struct err *err)
{
	struct db_attempt last, a;
	int rc = db_attempt_get(db, job->attempt, &last, err);

	*yes = false;
	for (int64_t id = last.prev; !rc && id && !*yes; id = a.prev) {
		rc = db_attempt_get(db, id, &a, err);
		*yes = !rc && a.closed && !a.completed && a.node && strcmp(a.node, node) != 0 &&
		       a.reason == last.reason && a.exit_code == last.exit_code &&
		       a.signal == last.signal;
		db_attempt_release(&a);
	}
	db_attempt_release(&last);
	return rc < 0 ? -1 : 0;
}

/* Sets *doubt if the jobs themselves explain their failures. */
static int doubt_jobs(struct db *db, const char *node, int64_t sweep, const struct evidence *e,
		      bool *doubt, struct err *err)
{
	struct db_job *jobs = mem_alloc(e->njobs * sizeof(*jobs));
	struct suspects s = {0};
	size_t n = 0;
	int rc = 0;

	*doubt = false;
	while (n < e->njobs && !rc && !*doubt) {
		rc = db_job_get_any(db, e->jobs[n], &jobs[n], err);
		if (!rc)
			rc = failed_elsewhere(db, &jobs[n++], node, doubt, err);
	}
	if (!rc && !*doubt) {
		suspects_list(jobs, n, n - 1, n, &s);
		rc = suspects_clear(db, sweep, NULL, &s, err);
		*doubt = s.n > 0;
	}
	suspects_release(&s);
	db_jobs_free(jobs, n);
	return rc;
}

int bad_node_judge(struct db *db, const char *node, int64_t sweep, int64_t since,
		   const struct strs *out, bool *bad, struct err *err)
{
	struct evidence e;
	bool doubt = true;
	int rc = gather(db, node, sweep, since, out, &e, err);

	*bad = false;
	if (rc || e.njobs < LEAST || e.well_here || !e.completed ||
	    chance((int64_t)e.njobs, e.well, e.failed) >
		    (e.failed ? CHANCE_MOST_OTHERS : CHANCE_MOST))
		return rc;
	rc = doubt_jobs(db, node, sweep, &e, &doubt, err);
	*bad = !rc && !doubt;
	return rc < 0 ? -1 : 0;
}
