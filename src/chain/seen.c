/* seen.c - matches the jobs that Slurm shows to rows. */
#include "chain/seen.h"

#include <stdlib.h>
#include <string.h>

#include "store/manifest.h"

/* A row is created earlier than its job is submitted, by the duration of sbatch and the
 * difference of two hosts' clocks. */
enum { RENAMED_MS = 15 * 60 * 1000 };

static int compare_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->submission != y->submission)
		return x->submission < y->submission ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

/* Parses "cifar.0123456789abcdef": names of sweeps may have dots, names of manifests have none. */
static bool find_submission_by_name(const struct slurm_job *job, uint64_t *submission)
{
	const char *dot = strrchr(job->name, '.');

	return dot && !manifest_name_parse(dot + 1, submission);
}

static bool find_submission_by_id(const struct slurm_job *job, const struct db_flight *flights,
				  size_t n, uint64_t *submission)
{
	for (size_t i = 0; i < n; i++) {
		const struct db_flight *f = &flights[i];
		int64_t apart = job->submitted - f->created;

		if (f->slurm_job != job->array_id || !f->slurm_job ||
		    (f->ntasks == 1 && job->task >= 0))
			continue;
		*submission = f->submission;
		return job->submitted && apart > -RENAMED_MS && apart < RENAMED_MS;
	}
	return false;
}

void seen_index(struct seen_list *out, const struct slurm_jobs *jobs,
		const struct db_flight *flights, size_t nflights)
{
	out->v = mem_alloc((jobs->n + 1) * sizeof(*out->v));
	out->n = 0;
	for (size_t i = 0; i < jobs->n; i++) {
		const struct slurm_job *job = &jobs->v[i];
		struct seen *s = &out->v[out->n];

		if (!find_submission_by_name(job, &s->submission) &&
		    !find_submission_by_id(job, flights, nflights, &s->submission))
			continue;
		s->task = job->task;
		s->job = job;
		out->n++;
	}
	qsort(out->v, out->n, sizeof(*out->v), compare_seen);
}

/* Returns the index of the submission's first entry at or after that task. */
static size_t lower_bound(const struct seen_list *l, uint64_t submission, int64_t task)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct seen *s = &l->v[mid];

		if (s->submission < submission || (s->submission == submission && s->task < task))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Returns an active job of the row's task if active is set, else the one that was submitted
 * last. For a running row only the job that won its claim counts. */
static const struct slurm_job *find_task(const struct seen_list *l, const struct db_flight *f,
					 bool active)
{
	int64_t task = f->ntasks == 1 ? -1 : f->task;
	const struct slurm_job *found = NULL;

	for (size_t i = lower_bound(l, f->submission, task);
	     i < l->n && l->v[i].submission == f->submission && l->v[i].task == task; i++) {
		const struct slurm_job *job = l->v[i].job;

		if (f->state == JOB_RUNNING && f->slurm_id && job->id != f->slurm_id)
			continue;
		if (active && slurm_state_active(job->state))
			return job;
		if (!found || job->submitted >= found->submitted)
			found = job;
	}
	return found;
}

/* Returns the first entry of the row's array, or NULL if squeue does not show the array. If all
 * tasks were cancelled before any began, that entry stands for all of them. */
static const struct seen *find_array(const struct seen_list *l, const struct db_flight *f)
{
	size_t first = lower_bound(l, f->submission, -1);

	if (f->ntasks == 1 || f->state == JOB_RUNNING || first == l->n ||
	    l->v[first].submission != f->submission)
		return NULL;
	return &l->v[first];
}

const struct slurm_job *seen_find(const struct seen_list *squeue, const struct db_flight *f)
{
	const struct slurm_job *job = find_task(squeue, f, true);
	const struct seen *array = job ? NULL : find_array(squeue, f);

	return array && array->task < 0 ? array->job : job;
}

const struct slurm_job *seen_supposed(const struct seen_list *squeue, const struct db_flight *f)
{
	static const struct slurm_job cancelled = {.state = (char *)(uintptr_t) "CANCELLED",
						   .reason = (char *)(uintptr_t) "None",
						   .name = (char *)(uintptr_t) ""};

	return f->state == JOB_QUEUED && find_array(squeue, f) ? &cancelled : NULL;
}

const struct slurm_job *seen_over(const struct seen_list *sacct, const struct db_flight *f)
{
	const struct slurm_job *job = find_task(sacct, f, false);

	return job && slurm_state_over(job->state) ? job : NULL;
}
