/*
 * expand.c - reads a sweep file and lists its jobs (a dry run). expand_store.c adds them to the
 * store.
 */
#include "store/expand.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/expand_internal.h"

enum { COMPARED_MOST = 1000000, MAX_JOBS = 5000000 };

void expand_result_release(struct expand_result *r)
{
	free(r->sweep);
	memset(r, 0, sizeof(*r));
}

void expand_file_release(struct expand_file *f)
{
	if (f->sweep)
		sweep_free(f->sweep);
	free(f->name);
	free(f->dir);
	free(f->text);
	memset(f, 0, sizeof(*f));
}

/* ---- reading ---- */

/* Renders the first job, so that an error in all jobs is reported before anything is changed. */
static int plan_first_job(const struct expand_file *f, struct err *err)
{
	struct sweep_iter it;
	struct sweep_point point;
	struct plan plan = {0};
	int rc;

	sweep_iter_init(&it, f->sweep);
	rc = sweep_iter_next(&it, &point, err);
	if (!rc)
		rc = err_set(err, ERR_USAGE,
			     "%s: error: no job is left: every combination is excluded", f->name);
	else if (rc > 0)
		rc = sweep_plan(f->sweep, &point, 1, &plan, err);
	plan_release(&plan);
	sweep_iter_release(&it);
	return rc;
}

static int read_sweep(struct expand_file *f, int64_t max_jobs, struct complaints *c,
		      struct err *err)
{
	if (sweepfile_slurp(f->name, &f->text, &f->len, &f->dir, err) ||
	    sweepfile_parse(f->name, f->dir, f->text, f->len, &f->sweep, c, err))
		return -1;
	sweep_limit_jobs(f->sweep, (uint64_t)(max_jobs > 0 ? max_jobs : MAX_JOBS));
	return sweepfile_load_files(f->sweep, c, err) || plan_first_job(f, err) ? -1 : 0;
}

int expand_read(const char *path, int64_t max_jobs, struct expand_file *out, struct complaints *c,
		struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->name = mem_strdup(path);
	if (read_sweep(out, max_jobs, c, err)) {
		if (err->status != ERR_USAGE && err->status != ERR_AGAIN)
			err->status = ERR_USAGE;
		expand_file_release(out);
		return -1;
	}
	return 0;
}

/* ---- shared by both ways ---- */

int64_t expand_most_jobs(const struct expand_opts *o)
{
	return o->max_jobs > 0 ? o->max_jobs : MAX_JOBS;
}

int expand_refuse_too_many(const struct expand_opts *o, int64_t jobs, struct err *err)
{
	if (jobs <= expand_most_jobs(o))
		return 0;
	return err_set(err, ERR_USAGE,
		       "more than %" PRId64 " jobs: narrow the axes, or allow more with --max-jobs",
		       expand_most_jobs(o));
}

static bool is_same_list(const struct strs *a, const struct strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

bool expand_same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

bool expand_same_plan(const struct plan *a, const struct plan *b)
{
	if (!is_same_list(&a->sbatch, &b->sbatch) || !is_same_list(&a->env, &b->env) ||
	    !expand_same_text(a->directives, b->directives) || a->nsteps != b->nsteps)
		return false;
	for (size_t i = 0; i < a->nsteps; i++) {
		const struct plan_step *x = &a->steps[i], *y = &b->steps[i];

		if (strcmp(x->key, y->key) != 0 || x->on_fail != y->on_fail ||
		    !is_same_list(&x->argv, &y->argv) || !is_same_list(&x->vars, &y->vars) ||
		    !is_same_list(&x->needs, &y->needs))
			return false;
	}
	return true;
}

int expand_refuse_equal_jobs(const struct expand_file *f, struct err *err)
{
	return err_set(
		err, ERR_USAGE,
		"%s: error: two jobs have equal parameters and different commands or resources: add a parameter that distinguishes them",
		f->name);
}

/* ---- a dry run ---- */

/* A set of identities with open addressing; `zero` stands for the identity 0. */
struct keyset {
	uint64_t *v;
	size_t n, cap;
	bool zero;
};

static bool keyset_add(struct keyset *s, uint64_t key);

static void keyset_grow(struct keyset *s)
{
	struct keyset bigger = {.cap = s->cap ? s->cap * 2 : 1024, .zero = s->zero};

	bigger.v = mem_alloc(bigger.cap * sizeof(*bigger.v));
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i])
			keyset_add(&bigger, s->v[i]);
	free(s->v);
	*s = bigger;
}

/* Adds a key. Returns false if the set holds it already. */
static bool keyset_add(struct keyset *s, uint64_t key)
{
	size_t i;

	if (!key) {
		bool had = s->zero;

		s->zero = true;
		return !had;
	}
	if (s->n * 2 >= s->cap)
		keyset_grow(s);
	for (i = key & (s->cap - 1); s->v[i]; i = (i + 1) & (s->cap - 1))
		if (s->v[i] == key)
			return false;
	s->v[i] = key;
	s->n++;
	return true;
}

/* Checks that a job runs the same commands as an earlier job with equal parameters. Searches for
 * that job from the first one. *left limits the number of jobs that all calls search: a dry run
 * need not find every difference. */
static int check_equal(const struct expand_file *f, const struct sweep_point *point, int64_t *left,
		       struct err *err)
{
	uint64_t key = sweep_identity(f->sweep, point);
	struct plan plan = {0}, first = {0};
	struct sweep_point p;
	struct sweep_iter it;
	int rc;

	sweep_iter_init(&it, f->sweep);
	while ((rc = sweep_iter_next(&it, &p, err)) == 1 && --*left > 0)
		if (sweep_identity(f->sweep, &p) == key)
			break;
	if (rc == 1 && *left > 0) {
		rc = sweep_plan(f->sweep, &p, 1, &first, err) ||
				     sweep_plan(f->sweep, point, 1, &plan, err)
			     ? -1
			     : 0;
		if (!rc && !expand_same_plan(&plan, &first))
			rc = expand_refuse_equal_jobs(f, err);
	}
	plan_release(&plan);
	plan_release(&first);
	sweep_iter_release(&it);
	return rc < 0 ? -1 : 0;
}

int expand_dry(const struct expand_file *f, const struct expand_opts *opts,
	       int (*fn)(void *arg, int64_t n, const struct sweep_point *point,
			 const struct plan *plan),
	       void *arg, struct expand_result *r, struct err *err)
{
	struct keyset seen = {0};
	struct sweep_point point;
	struct sweep_iter it;
	int64_t compared = COMPARED_MOST;
	uint64_t most;
	int rc;

	memset(r, 0, sizeof(*r));
	r->sweep = mem_strdup(sweep_name(f->sweep));
	if (sweep_count_max(f->sweep, (uint64_t)expand_most_jobs(opts), &most, err))
		return -1;
	sweep_iter_init(&it, f->sweep);
	while ((rc = sweep_iter_next(&it, &point, err)) == 1) {
		struct plan plan = {0};

		if (!keyset_add(&seen, sweep_identity(f->sweep, &point))) {
			r->merged++;
			if (compared > 0 && check_equal(f, &point, &compared, err)) {
				rc = -1;
				break;
			}
			continue;
		}
		rc = expand_refuse_too_many(opts, ++r->jobs, err);
		if (!rc)
			rc = sweep_plan(f->sweep, &point, r->jobs, &plan, err);
		r->steps += (int64_t)plan.nsteps;
		if (!rc && fn)
			rc = fn(arg, r->jobs, &point, &plan);
		plan_release(&plan);
		if (rc)
			break;
		if (opts->progress && r->jobs % 1000 == 0)
			opts->progress(opts->progress_arg, r->jobs, (int64_t)most);
	}
	r->added = r->jobs;
	sweep_iter_release(&it);
	free(seen.v);
	return rc;
}
