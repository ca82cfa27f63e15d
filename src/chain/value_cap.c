#include "chain/value_cap.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 64 }; /* suspects, as bits; further ones are not capped */

/* A job that has not started and that may be held for a suspect, or is. */
struct candidate {
	int64_t job;
	uint64_t suspects; /* bits: those that it has */
	bool in_slurm, held;
};

struct cap {
	struct suspects *s;
	size_t n; /* suspects that count */
	int64_t room[MOST];
	struct bad_value *values; /* those of the sweep's list that are held, at the begin of it */
	size_t nvalues;
	struct candidate *jobs;
	size_t njobs, cap;
};

static uint64_t find_suspects(const struct cap *c, const struct sweep_point *point)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < c->n; i++)
		if (bad_value_has(&c->s->v[i], point))
			bits |= (uint64_t)1 << i;
	return bits;
}

static int collect_candidate(void *arg, const struct db_point *p)
{
	struct cap *c = arg;
	struct candidate job = {.job = p->job,
				.in_slurm = p->state != JOB_PENDING && p->state != JOB_HELD,
				.held = bad_value_holds(p->state, p->request, p->reason)};

	if (!job.held && (p->state == JOB_HELD || (job.in_slurm && p->request != REQUEST_NONE)))
		return 0;
	for (size_t i = 0; i < c->nvalues; i++)
		if (bad_value_has(&c->values[i], &p->point))
			return 0;
	job.suspects = find_suspects(c, &p->point);
	if (!job.suspects && !job.held)
		return 0;
	if (c->njobs == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		c->jobs = mem_grow(c->jobs, c->cap, sizeof(*c->jobs));
	}
	c->jobs[c->njobs++] = job;
	return 0;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int n = __builtin_popcountll(x->suspects), m = __builtin_popcountll(y->suspects);

	if (n != m)
		return n < m ? -1 : 1;
	if (x->in_slurm != y->in_slurm)
		return x->in_slurm ? -1 : 1;
	return x->job < y->job ? -1 : x->job > y->job;
}

/* Takes the room of the job if each of its suspects has room left. Otherwise names the job in all of
 * them, since any of them may be the one that is guilty, and returns false. */
static bool take_room(struct cap *c, const struct candidate *job)
{
	bool full = false;

	for (size_t i = 0; i < c->n; i++)
		full = full || (job->suspects >> i & 1 && c->room[i] <= 0);
	for (size_t i = 0; i < c->n; i++) {
		if (!(job->suspects >> i & 1))
			continue;
		if (full)
			c->s->v[i].held = job->job;
		else
			c->room[i]--;
	}
	return !full;
}

static int apply_cap(struct db *db, struct cap *c, struct err *err)
{
	int changed, rc = 0;

	if (c->njobs)
		qsort(c->jobs, c->njobs, sizeof(*c->jobs), compare_candidates);
	for (size_t i = 0; i < c->njobs && !rc; i++) {
		const struct candidate *job = &c->jobs[i];
		bool may_start = take_room(c, job);

		if (may_start && job->held)
			rc = db_job_release_held(db, job->job, &changed, err);
		else if (!may_start && !job->held)
			rc = db_job_hold_value(db, job->job, &changed, err);
	}
	return rc;
}

/* Stores the values that are held, then the suspects for which a job is held. */
static int store_values(struct db *db, int64_t sweep, const struct cap *c, struct err *err)
{
	struct bad_value *all = mem_alloc((c->nvalues + c->n + 1) * sizeof(*all));
	size_t n = c->nvalues;
	int rc;

	if (n)
		memcpy(all, c->values, n * sizeof(*all));
	for (size_t i = 0; i < c->n; i++) {
		if (!c->s->v[i].held)
			continue;
		all[n] = c->s->v[i];
		all[n++].capped = true;
	}
	rc = bad_values_set(db, sweep, all, n, err);
	free(all);
	return rc;
}

int value_cap_set(struct db *db, int64_t sweep, struct suspects *s, int64_t least, struct err *err)
{
	static const unsigned states =
		1U << JOB_PENDING | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED | 1U << JOB_HELD;
	struct cap c = {.s = s, .n = s->n < MOST ? s->n : MOST};
	size_t n;
	int rc = bad_values_get(db, sweep, &c.values, &n, err);

	while (c.nvalues < n && !c.values[c.nvalues].capped)
		c.nvalues++;
	for (size_t i = 0; i < c.n; i++)
		c.room[i] = least - s->v[i].failed - s->v[i].jobs;
	if (!rc && (c.n || c.nvalues < n))
		rc = db_points_each(db, sweep, states, collect_candidate, &c, err);
	if (!rc)
		rc = apply_cap(db, &c, err);
	if (!rc && (c.n || c.nvalues < n))
		rc = store_values(db, sweep, &c, err);
	bad_values_release(c.values, n);
	free(c.jobs);
	return rc < 0 ? -1 : 0;
}
