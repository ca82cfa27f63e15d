/*
 * expand.c - a sweep file's jobs into the store.
 *
 * Rows go in slices, each a short transaction, into a version that nobody sees; the last one publishes it.
 * An expand that dies in between has done nothing that anybody sees, and the next one sweeps it up.
 */
#include "store/expand.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/failpoint.h"
#include "store/loader.h"

enum {
	SLICE = 20000,
	SLICE_MS = 300,
	PAUSE_MS = 100,
	COMPARED_MOST = 1000000,
	MAX_JOBS = 5000000,
	LOCK_MS = 60000,
};

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

/* Render the first job, so that what is wrong with all of them is told before anything is begun. */
static int try_first(const struct expand_file *f, struct err *err)
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
	return sweepfile_load_files(f->sweep, c, err) || try_first(f, err) ? -1 : 0;
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

/* ---- counting without a store ---- */

/* A set of identities: open addressing, 0 kept aside. */
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

/* False where it was there. */
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

static int64_t most_jobs(const struct expand_opts *o)
{
	return o->max_jobs > 0 ? o->max_jobs : MAX_JOBS;
}

static int too_many(const struct expand_opts *o, int64_t jobs, struct err *err)
{
	if (jobs <= most_jobs(o))
		return 0;
	return err_set(err, ERR_USAGE,
		       "more than %" PRId64 " jobs: narrow the axes, or allow more with --max-jobs",
		       most_jobs(o));
}

/* ---- two plans ---- */

static bool same_strs(const struct strs *a, const struct strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* Whether two plans run the same. */
static bool same_plan(const struct plan *a, const struct plan *b)
{
	if (!same_strs(&a->sbatch, &b->sbatch) || !same_strs(&a->env, &b->env) ||
	    !same_text(a->directives, b->directives) || a->nsteps != b->nsteps)
		return false;
	for (size_t i = 0; i < a->nsteps; i++) {
		const struct plan_step *x = &a->steps[i], *y = &b->steps[i];

		if (strcmp(x->key, y->key) != 0 || x->on_fail != y->on_fail ||
		    !same_strs(&x->argv, &y->argv) || !same_strs(&x->vars, &y->vars) ||
		    !same_strs(&x->needs, &y->needs))
			return false;
	}
	return true;
}

static int tell_two(const struct expand_file *f, struct err *err)
{
	return err_set(
		err, ERR_USAGE,
		"%s: error: two jobs have equal parameters and different commands or resources: let a parameter tell them apart",
		f->name);
}

/* ---- a dry run ---- */

/* An equal job again: does it run the same? The first of them is looked for from the beginning;
 * *left is how many jobs may be looked at in all, as a dry run is no proof. */
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
		if (!rc && !same_plan(&plan, &first))
			rc = tell_two(f, err);
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
	if (sweep_count_max(f->sweep, (uint64_t)most_jobs(opts), &most, err))
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
		rc = too_many(opts, ++r->jobs, err);
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

/* ---- into the store ---- */

struct work {
	struct store *store;
	const struct expand_file *f;
	const struct expand_opts *o;
	struct expand_result *r;
	struct db_version version;
	bool same_text;	   /* as the sweep's current version */
	struct sweep *old; /* that version's sweep, where the text differs */
	int64_t old_version, old_jobs;
	struct loader ran;   /* versions that jobs ran with which are running or completed */
	int64_t unreadable;  /* the last one of those that can't be read any more */
	int64_t old_seen;    /* jobs of before that this file names */
	unsigned char *bits; /* a bit a job id: named by this file */
	size_t nbytes;
	int64_t reshaped, newly_missing;
};

static bool mark(struct work *w, int64_t id)
{
	size_t byte = (size_t)id / 8;
	unsigned char bit = (unsigned char)(1 << (id % 8));
	bool had;

	if (byte >= w->nbytes) {
		size_t more = byte * 2 + 1024;

		w->bits = mem_grow(w->bits, more, 1);
		memset(w->bits + w->nbytes, 0, more - w->nbytes);
		w->nbytes = more;
	}
	had = w->bits[byte] & bit;
	w->bits[byte] |= bit;
	return had;
}

static bool marked(const struct work *w, int64_t id)
{
	size_t byte = (size_t)id / 8;

	return byte < w->nbytes && (w->bits[byte] & (1 << (id % 8)));
}

static bool same_shape(const struct sweep_point *a, const struct sweep_point *b)
{
	if (a->n != b->n || !same_text(a->variant, b->variant) || !same_text(a->seed, b->seed))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->params[i].name, b->params[i].name) != 0 ||
		    strcmp(a->params[i].value, b->params[i].value) != 0)
			return false;
	return true;
}

static const char *value_in(const struct sweep_point *point, const char *name)
{
	for (size_t i = 0; i < point->n; i++)
		if (!strcmp(point->params[i].name, name))
			return point->params[i].value;
	return NULL;
}

/* What was left out of the identity of one of them, and is another value in the other. */
static int tell_clash(const struct work *w, const struct sweep_point *point,
		      const struct db_job *job, struct err *err)
{
	for (size_t i = 0; i < job->point.n; i++) {
		const struct sweep_param *was = &job->point.params[i];
		const char *is = value_in(point, was->name);
		const char *fallback = sweep_default(w->f->sweep, point->variant, was->name);

		if (fallback && is && strcmp(is, was->value) != 0)
			return err_set(
				err, ERR_USAGE,
				"%s: error: the default of '%s' is '%s' now, and job %" PRId64
				" was made with the default '%s': let it be that, or rename the sweep",
				w->f->name, was->name, fallback, job->id, was->value);
	}
	return err_set(
		err, ERR_FAILED,
		"%s: a job has the same 64-bit identity as job %" PRId64
		" with other parameters: rename the sweep, or write one value in another way",
		w->f->name, job->id);
}

/* 64 bits hit: are the parameters the same, too? */
static int compare_identity(struct work *w, const struct sweep_point *point,
			    const struct db_job *job, struct err *err)
{
	struct buf a = {0}, b = {0};
	int rc = 0;

	sweep_identity_text(w->f->sweep, point, &a);
	sweep_identity_text(w->f->sweep, &job->point, &b);
	if (a.len != b.len || memcmp(buf_str(&a), buf_str(&b), a.len) != 0)
		rc = tell_clash(w, point, job, err);
	buf_release(&a);
	buf_release(&b);
	return rc;
}

/* The same parameters twice in one file. */
static int merge(struct work *w, const struct plan *plan, const struct db_job *first,
		 struct err *err)
{
	struct plan other = {0};
	int rc = sweep_plan(w->f->sweep, &first->point, first->id, &other, err);

	if (!rc && !same_plan(plan, &other))
		rc = tell_two(w->f, err);
	plan_release(&other);
	w->r->merged++;
	w->r->jobs--;
	w->r->steps -= (int64_t)plan->nsteps;
	return rc;
}

static int rerun(struct work *w, const struct db_job *job, struct err *err)
{
	int changed;

	if (db_job_retry(w->store->db, job->id, true, true, NULL, NULL, &changed, err))
		return -1;
	w->r->rerun += changed;
	return 0;
}

/* Whether a sweep and its new text run the same for a job. A script is no part of any plan but as a name. */
static bool runs_same(const struct work *w, const struct plan *plan, const struct sweep *was,
		      const struct db_job *job)
{
	struct plan old = {0};
	bool same = same_text(sweep_script_text(was), sweep_script_text(w->f->sweep)) &&
		    !sweep_plan(was, &job->point, job->id, &old, NULL) && same_plan(plan, &old);

	plan_release(&old);
	return same;
}

/* The sweep as the job's newest attempt had it: NULL where a later reader refuses it. */
static const struct sweep *sweep_ran(struct work *w, int64_t version)
{
	struct loaded *ld;

	if (version == w->unreadable)
		return NULL;
	if (!loader_get(&w->ran, w->store->db, version, &ld, NULL))
		return ld->sweep;
	w->unreadable = version;
	return NULL;
}

/* A job that is running or completed: what counts is what it was started with, which may be older than the
 * sweep's version. */
static int again_ran(struct work *w, const struct sweep_point *point, const struct plan *plan,
		     const struct db_job *job, struct err *err)
{
	const struct sweep *was;
	struct db_job ran = {0};
	bool same;
	int rc = db_job_get_ran(w->store->db, job->id, &ran, err);

	if (rc < 0)
		return -1;
	same = !rc && w->same_text && ran.version == w->old_version &&
	       same_shape(point, &ran.point);
	if (!rc && !same) {
		was = sweep_ran(w, ran.version);
		same = was && runs_same(w, plan, was, &ran);
	}
	db_job_release(&ran);
	if (same)
		w->r->unchanged++;
	else if (job->state == JOB_COMPLETED && w->o->rerun_changed)
		return rerun(w, job, err);
	else
		w->r->left++;
	return 0;
}

/* A job of before that the file names again. */
static int again(struct work *w, const struct sweep_point *point, const struct plan *plan,
		 const struct db_job *job, struct err *err)
{
	w->old_seen++;
	if (!same_shape(point, &job->point) || job->version != w->old_version) {
		w->reshaped++;
		if (db_job_reshape(w->store->db, job->id, w->version.id, point, err))
			return -1;
	}
	if (job->state == JOB_COMPLETED || job_state_in_flight(job->state))
		return again_ran(w, point, plan, job, err);
	if ((w->same_text && job->version == w->old_version) ||
	    (w->old && runs_same(w, plan, w->old, job)))
		w->r->unchanged++;
	else
		w->r->changed++;
	return 0;
}

static int put_job(struct work *w, const struct sweep_point *point, struct err *err)
{
	struct db *db = w->store->db;
	uint64_t key = sweep_identity(w->f->sweep, point);
	struct db_job job = {0};
	struct plan plan = {0};
	int64_t id;
	int rc = db_job_find_key(db, w->version.sweep, key, &id, err);

	if (rc < 0 || too_many(w->o, ++w->r->jobs, err))
		return -1;
	if (rc == DB_NONE) {
		rc = db_job_add(db, w->version.sweep, w->version.id, key, point, &id, err);
		w->r->added++;
		if (!rc)
			rc = sweep_plan(w->f->sweep, point, id, &plan, err);
		w->r->steps += (int64_t)plan.nsteps;
		mark(w, id);
		goto out;
	}
	rc = db_job_get_any(db, id, &job, err);
	if (!rc)
		rc = compare_identity(w, point, &job, err);
	if (!rc)
		rc = sweep_plan(w->f->sweep, point, id, &plan, err);
	w->r->steps += (int64_t)plan.nsteps;
	if (!rc)
		rc = mark(w, id) ? merge(w, &plan, &job, err) : again(w, point, &plan, &job, err);
out:
	db_job_release(&job);
	plan_release(&plan);
	return rc < 0 ? -1 : rc;
}

/* A slice is short, so that others need not wait long for the database, and a pause follows, longer
 * than any of them sleeps between two tries (db.c): else whoever writes slices would always be
 * first. */
static int64_t slice_end(void)
{
	return clock_mono_ms() + SLICE_MS;
}

static bool slice_goes_on(int rows, int64_t end)
{
	return rows < SLICE && (rows % 64 || clock_mono_ms() < end);
}

static void pause_for_others(void)
{
	clock_sleep_ms(PAUSE_MS);
}

/* One slice: 1 where more is to come. */
static int put_slice(struct work *w, struct sweep_iter *it, struct err *err)
{
	struct sweep_point point;
	int rc = db_begin(w->store->db, err);
	int64_t end;

	if (rc)
		return -1;
	end = slice_end();
	rc = 1;
	for (int i = 0; slice_goes_on(i, end) && rc == 1; i++) {
		rc = sweep_iter_next(it, &point, err);
		if (rc == 1 && put_job(w, &point, err))
			rc = -1;
	}
	if (rc < 0 || db_commit(w->store->db, err)) {
		db_rollback(w->store->db);
		return -1;
	}
	FAILPOINT("expand-slice");
	return rc;
}

/* ---- jobs that the file no longer names ---- */

struct unnamed {
	struct work *w;
	int64_t *ids;
	size_t n, cap;
};

static int collect_unnamed(void *arg, const struct db_job *job)
{
	struct unnamed *u = arg;

	if (marked(u->w, job->id))
		return 0;
	u->w->newly_missing += job->version == u->w->old_version;
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 256;
		u->ids = mem_grow(u->ids, u->cap, sizeof(*u->ids));
	}
	u->ids[u->n++] = job->id;
	return 0;
}

static int drop_one(struct work *w, int64_t id, struct err *err)
{
	int changed = 0;

	if (w->o->prune && db_job_delete(w->store->db, id, &changed, err))
		return -1;
	if (changed) {
		w->r->pruned++;
		return 0;
	}
	w->r->missing++;
	return db_job_reshape(w->store->db, id, w->version.id, NULL, err);
}

static int drop_unnamed(struct work *w, struct err *err)
{
	struct db_select select = {.sweep = w->version.sweep};
	struct unnamed u = {.w = w};
	int rc;

	if (w->old_seen >= w->old_jobs)
		return 0;
	rc = db_jobs_each(w->store->db, &select, collect_unnamed, &u, err);
	for (size_t i = 0; i < u.n && !rc;) {
		int64_t end = slice_end();

		if (i)
			pause_for_others();
		rc = db_begin(w->store->db, err);
		for (int k = 0; slice_goes_on(k, end) && i < u.n && !rc; k++, i++)
			rc = drop_one(w, u.ids[i], err);
		if (!rc)
			rc = db_commit(w->store->db, err);
		if (rc)
			db_rollback(w->store->db);
	}
	free(u.ids);
	return rc;
}

/* ---- the whole ---- */

static int sweep_up(struct store *store, struct err *err)
{
	bool left = true;

	for (bool first = true; left; first = false) {
		if (!first)
			pause_for_others();
		if (db_begin(store->db, err))
			return -1;
		if (db_expand_sweep_up(store->db, SLICE, &left, err) ||
		    (left && db_commit(store->db, err))) {
			db_rollback(store->db);
			return -1;
		}
		db_rollback(store->db);
	}
	return 0;
}

/* What the sweep is now, to tell what changes. */
static int read_old(struct work *w, struct err *err)
{
	struct complaints c = {0};
	struct db_version v = {0};
	struct db_sweep s = {0};
	const char *script = sweep_script_text(w->f->sweep);
	int rc = db_sweep_find(w->store->db, w->r->sweep, &s, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	w->old_version = s.version;
	w->old_jobs = s.jobs;
	rc = db_version_get(w->store->db, s.version, &v, err);
	if (!rc) {
		w->same_text = v.source_len == w->f->len &&
			       !memcmp(v.source, w->f->text, w->f->len) &&
			       same_text(v.script, script);
		/* one that a later reader refuses counts as changed */
		if (!w->same_text &&
		    !sweepfile_parse(v.file, v.dir, v.source, v.source_len, &w->old, &c, NULL))
			sweep_set_script(w->old, v.script ? v.script : "");
	}
	complaints_release(&c);
	db_version_release(&v);
	db_sweep_release(&s);
	return rc < 0 ? -1 : 0;
}

static int begin_version(struct work *w, struct err *err)
{
	const char *script = sweep_script_text(w->f->sweep);

	w->version.sweep_name = mem_strdup(w->r->sweep);
	w->version.file = mem_strdup(w->f->name);
	w->version.dir = mem_strdup(w->f->dir);
	w->version.source = mem_strndup(w->f->text, w->f->len);
	w->version.source_len = w->f->len;
	w->version.script = mem_strdup(script);
	if (db_begin(w->store->db, err))
		return -1;
	if (db_version_add(w->store->db, &w->version, err) || db_commit(w->store->db, err)) {
		db_rollback(w->store->db);
		return -1;
	}
	return 0;
}

static int put_jobs(struct work *w, int64_t most, struct err *err)
{
	struct sweep_iter it;
	int rc = 1;

	sweep_iter_init(&it, w->f->sweep);
	while (rc == 1) {
		rc = put_slice(w, &it, err);
		if (rc >= 0 && w->o->progress)
			w->o->progress(w->o->progress_arg, w->r->jobs, most);
		if (rc == 1)
			pause_for_others();
	}
	sweep_iter_release(&it);
	return rc;
}

static int publish(struct work *w, struct err *err)
{
	if (db_begin(w->store->db, err))
		return -1;
	if (db_version_publish(w->store->db, w->version.id, w->r->added, err) ||
	    store_keep_root(w->store, err) || db_commit(w->store->db, err)) {
		db_rollback(w->store->db);
		return -1;
	}
	return 0;
}

static int expand_locked(struct work *w, struct err *err)
{
	uint64_t most;
	int rc;

	if (sweep_count_max(w->f->sweep, (uint64_t)most_jobs(w->o), &most, err) ||
	    sweep_up(w->store, err) || read_old(w, err) || begin_version(w, err))
		return -1;
	FAILPOINT("expand-begun");
	rc = put_jobs(w, (int64_t)most, err);
	if (!rc)
		rc = drop_unnamed(w, err);
	FAILPOINT("expand-unnamed");
	/* the same file again leaves no version behind */
	if (!rc && !(w->same_text && !w->r->added && !w->reshaped && !w->newly_missing))
		rc = publish(w, err);
	else if (!rc)
		rc = sweep_up(w->store, err);
	else
		sweep_up(w->store, NULL);
	FAILPOINT("expand-published");
	return rc;
}

static int lock_expand(struct store *store, int *fd, struct err *err)
{
	int64_t end = clock_mono_ms() + LOCK_MS;
	int rc;

	while ((rc = spool_lock(store->spool, "expand", fd, err)) == SPOOL_BUSY &&
	       clock_mono_ms() < end)
		clock_sleep_ms(100);
	if (rc == SPOOL_BUSY)
		return err_set(
			err, ERR_AGAIN,
			"another slurmq expand has been at work for a minute: try again when it is done");
	return rc;
}

int expand_store(struct store *store, const struct expand_file *f, const struct expand_opts *opts,
		 struct expand_result *r, struct err *err)
{
	struct work w = {.store = store, .f = f, .o = opts, .r = r};
	int fd, rc;

	memset(r, 0, sizeof(*r));
	r->sweep = mem_strdup(sweep_name(f->sweep));
	if (lock_expand(store, &fd, err))
		return -1;
	rc = expand_locked(&w, err);
	spool_unlock(fd);
	if (w.old)
		sweep_free(w.old);
	loader_release(&w.ran);
	db_version_release(&w.version);
	free(w.bits);
	return rc;
}
