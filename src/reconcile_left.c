/* reconcile_left.c - of the jobs of this folder, how many scancel has ended, and how many it has not. */
#include "reconcile_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconcile.h"

/* What was cancelled so long before the last one is another matter. */
enum { TOGETHER_MS = 15 * 1000 };

/* Several jobs in turn have the same submission: it is looked up once. */
static bool is_ours(struct store *store, uint64_t submission, uint64_t *last, bool *ours)
{
	struct db_submission sub = {0};

	if (submission != *last) {
		*ours = !db_submission_get(store->db, submission, &sub, NULL);
		db_submission_release(&sub);
		*last = submission;
	}
	return *ours;
}

static bool is_cancelled(const struct slurm_job *job)
{
	return !strcmp(job->state, "CANCELLED");
}

/* Another folder's jobs are no matter of ours. */
static void keep_ours(struct store *store, struct seen_list *seen)
{
	uint64_t last = 0;
	bool ours = false;
	size_t n = 0;

	for (size_t i = 0; i < seen->n; i++)
		if (is_ours(store, seen->v[i].submission, &last, &ours))
			seen->v[n++] = seen->v[i];
	seen->n = n;
}

static int64_t last_cancelled(const struct seen_list *seen)
{
	int64_t at = 0;

	for (size_t i = 0; i < seen->n; i++)
		if (is_cancelled(seen->v[i].job) && seen->v[i].job->ended > at)
			at = seen->v[i].job->ended;
	return at;
}

static void count(const struct seen_list *seen, struct reconcile_left *out)
{
	int64_t at = last_cancelled(seen);
	uint64_t counted = 0;

	for (size_t i = 0; i < seen->n; i++) {
		const struct slurm_job *job = seen->v[i].job;

		out->cancelled += is_cancelled(job) && job->ended >= at - TOGETHER_MS;
		if (counted == seen->v[i].submission || !slurm_state_active(job->state) ||
		    !strcmp(job->state, "COMPLETING"))
			continue;
		counted = seen->v[i].submission;
		out->alive++;
	}
}

int reconcile_left(struct store *store, struct reconcile_left *out, struct err *err)
{
	struct slurm_jobs jobs = {0};
	struct seen_list seen = {0};
	struct db_flight *v = NULL;
	size_t n = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = slurm_squeue((uint64_t)geteuid(), &jobs, err) || db_flights(store->db, &v, &n, err);
	if (!rc) {
		seen_index(&seen, &jobs, v, n);
		keep_ours(store, &seen);
		count(&seen, out);
		/* of one that has told its own end it is the last of it */
		for (size_t i = 0; i < n; i++) {
			const struct slurm_job *job = seen_find(&seen, &v[i]);

			out->cancelled += job && !strcmp(job->state, "COMPLETING");
		}
	}
	free(seen.v);
	free(v);
	slurm_jobs_release(&jobs);
	return rc ? -1 : 0;
}
