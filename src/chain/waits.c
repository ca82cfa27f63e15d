#include "chain/waits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct wait_group *find_group(struct wait_group *v, size_t n, const struct db_flight *f,
				     enum slurm_wait kind, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].sweep == f->sweep && v[i].kind == kind && strlen(v[i].reason) == len &&
		    !strncmp(v[i].reason, f->slurm_reason, len))
			return &v[i];
	return NULL;
}

static void add_job(struct wait_group *g, const struct db_flight *f)
{
	g->jobs = mem_grow(g->jobs, g->njobs + 1, sizeof(*g->jobs));
	g->jobs[g->njobs++] = f->job;
	if (f->slurm_job && f->ntasks > 1)
		strs_addf(&g->slurm, "%" PRIu64 "_%d", f->slurm_job, f->task);
	else if (f->slurm_job)
		strs_addf(&g->slurm, "%" PRIu64, f->slurm_job);
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts the ids of a group, and reads the name of its sweep. */
static int complete_group(struct db *db, struct wait_group *g, struct err *err)
{
	struct db_sweep s = {0};
	int rc = db_sweep_get(db, g->sweep, &s, err);

	g->sweep_name = mem_strdup(s.name ? s.name : "?");
	db_sweep_release(&s);
	qsort(g->jobs, g->njobs, sizeof(*g->jobs), compare_ids);
	return rc < 0 ? -1 : 0;
}

int waits_read(struct db *db, struct wait_group **v, size_t *n, struct err *err)
{
	struct db_flight *flights;
	size_t nflights;
	int rc = 0;

	*v = NULL;
	*n = 0;
	if (db_flights(db, &flights, &nflights, err))
		return -1;
	for (size_t i = 0; i < nflights; i++) {
		const struct db_flight *f = &flights[i];
		size_t len = slurm_wait_name_len(f->slurm_reason);
		enum slurm_wait kind = slurm_wait_kind(f->slurm_reason);
		struct wait_group *g = find_group(*v, *n, f, kind, len);

		if (!len || f->request == REQUEST_CANCEL)
			continue;
		if (!g) {
			*v = mem_grow(*v, *n + 1, sizeof(**v));
			g = &(*v)[(*n)++];
			*g = (struct wait_group){.sweep = f->sweep,
						 .reason = mem_strndup(f->slurm_reason, len),
						 .kind = kind};
		}
		add_job(g, f);
	}
	free(flights);
	for (size_t i = 0; i < *n && !rc; i++)
		rc = complete_group(db, &(*v)[i], err);
	return rc;
}

void waits_free(struct wait_group *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].sweep_name);
		free(v[i].reason);
		free(v[i].jobs);
		strs_release(&v[i].slurm);
	}
	free(v);
}

void waits_add_ids(const struct wait_group *g, struct buf *out)
{
	for (size_t i = 0, first; i < g->njobs; i++) {
		first = i;
		while (i + 1 < g->njobs && g->jobs[i + 1] == g->jobs[i] + 1)
			i++;
		buf_addf(out, "%s%" PRId64, first ? "," : "", g->jobs[first]);
		if (i > first)
			buf_addf(out, "-%" PRId64, g->jobs[i]);
	}
}
