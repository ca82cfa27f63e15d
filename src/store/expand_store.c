/*
 * expand_store.c - adds a sweep file's jobs to the store.
 *
 * expand adds rows in slices, each a short transaction, to a hidden version; the last transaction
 * publishes the version. An expand that dies before that has no visible effect, and the next expand
 * deletes its rows.
 */
#include "store/expand_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/failpoint.h"
#include "store/hidden.h"
#include "store/loader.h"

enum {
	SLICE = 20000,
	SLICE_MS = 300,
};

struct work {
	struct store *store;
	const struct expand_file *f;
	const struct expand_opts *o;
	struct expand_result *r;
	struct db_version version;
	bool same_text;	   /* the text is that of the sweep's current version */
	struct sweep *old; /* that version's sweep, if the text differs */
	int64_t old_version, old_jobs;
	struct loader ran;   /* versions with which running or completed jobs were started */
	int64_t unreadable;  /* the last such version that this slurmq cannot parse */
	int64_t old_seen;    /* earlier jobs that this file names */
	unsigned char *bits; /* one bit per job id: named by this file */
	size_t nbytes;
	int64_t reshaped, newly_missing;
	struct err *err; /* for the functions that a callback calls */
};

static bool mark_job(struct work *w, int64_t id)
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

static bool is_job_marked(const struct work *w, int64_t id)
{
	size_t byte = (size_t)id / 8;

	return byte < w->nbytes && (w->bits[byte] & (1 << (id % 8)));
}

static bool is_same_schema(const struct sweep_point *a, const struct sweep_point *b)
{
	if (a->n != b->n || !expand_same_text(a->variant, b->variant) ||
	    !expand_same_text(a->seed, b->seed))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->params[i].name, b->params[i].name) != 0 ||
		    strcmp(a->params[i].value, b->params[i].value) != 0)
			return false;
	return true;
}

static const char *find_value(const struct sweep_point *point, const char *name)
{
	for (size_t i = 0; i < point->n; i++)
		if (!strcmp(point->params[i].name, name))
			return point->params[i].value;
	return NULL;
}

/* Sets err for two jobs with one identity: a default that changed, or a clash of 64-bit
 * identities. */
static int refuse_clash(const struct work *w, const struct sweep_point *point,
			const struct db_job *job, struct err *err)
{
	for (size_t i = 0; i < job->point.n; i++) {
		const struct sweep_param *was = &job->point.params[i];
		const char *is = find_value(point, was->name);
		const char *fallback = sweep_default(w->f->sweep, point->variant, was->name);

		if (fallback && is && strcmp(is, was->value) != 0)
			return err_set(
				err, ERR_USAGE,
				"%s: error: the default of '%s' is '%s' now, and job %" PRId64
				" was made with the default '%s': restore that default, or rename the sweep",
				w->f->name, was->name, fallback, job->id, was->value);
	}
	return err_set(
		err, ERR_FAILED,
		"%s: a job and job %" PRId64
		" have different parameters but the same 64-bit identity: rename the sweep, or write one value differently",
		w->f->name, job->id);
}

/* Compares the parameters of two jobs whose 64-bit identities are equal. */
static int compare_identity(struct work *w, const struct sweep_point *point,
			    const struct db_job *job, struct err *err)
{
	struct buf a = {0}, b = {0};
	int rc = 0;

	sweep_identity_text(w->f->sweep, point, &a);
	sweep_identity_text(w->f->sweep, &job->point, &b);
	if (a.len != b.len || memcmp(buf_str(&a), buf_str(&b), a.len) != 0)
		rc = refuse_clash(w, point, job, err);
	buf_release(&a);
	buf_release(&b);
	return rc;
}

/* Handles parameters that one file names twice. */
static int merge_equal_jobs(struct work *w, const struct plan *plan, const struct db_job *first,
			    struct err *err)
{
	struct plan other = {0};
	int rc = sweep_plan(w->f->sweep, &first->point, first->id, &other, err);

	if (!rc && !expand_same_plan(plan, &other))
		rc = expand_refuse_equal_jobs(w->f, err);
	plan_release(&other);
	w->r->merged++;
	w->r->jobs--;
	w->r->steps -= (int64_t)plan->nsteps;
	return rc;
}

static int rerun_job(struct work *w, const struct db_job *job, struct err *err)
{
	int changed;

	if (db_job_retry(w->store->db, job->id, true, true, NULL, NULL, &changed, err))
		return -1;
	w->r->rerun += changed;
	return 0;
}

/* Returns whether a sweep and its new text run the same commands for a job. Compares the scripts
 * too, since a plan has only their names. */
static bool has_same_commands(const struct work *w, const struct plan *plan,
			      const struct sweep *was, const struct db_job *job)
{
	struct plan old = {0};
	bool same = expand_same_text(sweep_script_text(was), sweep_script_text(w->f->sweep)) &&
		    !sweep_plan(was, &job->point, job->id, &old, NULL) &&
		    expand_same_plan(plan, &old);

	plan_release(&old);
	return same;
}

/* Returns the sweep of a version, borrowed from w, or NULL if this slurmq cannot parse it. */
static const struct sweep *load_started_sweep(struct work *w, int64_t version)
{
	struct loaded *ld;

	if (version == w->unreadable)
		return NULL;
	if (!loader_get(&w->ran, w->store->db, version, &ld, NULL))
		return ld->sweep;
	w->unreadable = version;
	return NULL;
}

/* Sets *same if a job that is running or completed was started with the commands of the file: with
 * those of a version that may be older than the sweep's. */
static int compare_started_job(struct work *w, const struct sweep_point *point,
			       const struct plan *plan, const struct db_job *job, bool *out,
			       struct err *err)
{
	const struct sweep *was;
	struct db_job ran = {0};
	bool same;
	int rc = db_job_get_ran(w->store->db, job->id, &ran, err);

	if (rc < 0)
		return -1;
	same = !rc && w->same_text && ran.version == w->old_version &&
	       is_same_schema(point, &ran.point);
	if (!rc && !same) {
		was = load_started_sweep(w, ran.version);
		same = was && has_same_commands(w, plan, was, &ran);
	}
	db_job_release(&ran);
	*out = same;
	return 0;
}

/* Finds out how the file changes an earlier job that it names again. */
static int classify_job(struct work *w, const struct sweep_point *point, const struct plan *plan,
			const struct db_job *job, enum expand_kind *kind, struct err *err)
{
	bool same;

	if (job->state == JOB_COMPLETED || job_state_in_flight(job->state)) {
		if (compare_started_job(w, point, plan, job, &same, err))
			return -1;
		*kind = same ? EXPAND_UNCHANGED : EXPAND_KEPT;
		return 0;
	}
	same = (w->same_text && job->version == w->old_version) ||
	       (w->old && has_same_commands(w, plan, w->old, job));
	*kind = same ? EXPAND_UNCHANGED : EXPAND_CHANGED;
	return 0;
}

static bool is_reshaped(const struct work *w, const struct sweep_point *point,
			const struct db_job *job)
{
	return !is_same_schema(point, &job->point) || job->version != w->old_version;
}

/* Handles an earlier job that the file names again. */
static int update_known_job(struct work *w, const struct sweep_point *point,
			    const struct plan *plan, const struct db_job *job, struct err *err)
{
	enum expand_kind kind;

	w->old_seen++;
	if (is_reshaped(w, point, job)) {
		w->reshaped++;
		if (db_job_reshape(w->store->db, job->id, w->version.id, point, err))
			return -1;
	}
	if (classify_job(w, point, plan, job, &kind, err))
		return -1;
	if (kind == EXPAND_KEPT && job->state == JOB_COMPLETED && w->o->rerun_changed)
		return rerun_job(w, job, err);
	*(kind == EXPAND_UNCHANGED ? &w->r->unchanged
	  : kind == EXPAND_CHANGED ? &w->r->changed
				   : &w->r->left) += 1;
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

	if (rc < 0 || expand_refuse_too_many(w->o, ++w->r->jobs, err))
		return -1;
	if (rc == DB_NONE) {
		rc = db_job_add(db, w->version.sweep, w->version.id, key, point, &id, err);
		w->r->added++;
		if (!rc)
			rc = sweep_plan(w->f->sweep, point, id, &plan, err);
		w->r->steps += (int64_t)plan.nsteps;
		mark_job(w, id);
		goto out;
	}
	rc = db_job_get_any(db, id, &job, err);
	if (!rc)
		rc = compare_identity(w, point, &job, err);
	if (!rc)
		rc = sweep_plan(w->f->sweep, point, id, &plan, err);
	w->r->steps += (int64_t)plan.nsteps;
	if (!rc)
		rc = mark_job(w, id) ? merge_equal_jobs(w, &plan, &job, err)
				     : update_known_job(w, point, &plan, &job, err);
out:
	db_job_release(&job);
	plan_release(&plan);
	return rc < 0 ? -1 : rc;
}

/* Returns when a slice must end. It is short, so that other processes wait only briefly. */
static int64_t compute_slice_end(void)
{
	return clock_mono_ms() + SLICE_MS;
}

static bool is_slice_open(int rows, int64_t end)
{
	return rows < SLICE && (rows % 64 || clock_mono_ms() < end);
}

/* Adds one slice. Returns 1 if there are more jobs. */
static int put_slice(struct work *w, struct sweep_iter *it, struct err *err)
{
	struct sweep_point point;
	int rc = db_begin(w->store->db, err);
	int64_t end;

	if (rc)
		return -1;
	end = compute_slice_end();
	rc = 1;
	for (int i = 0; is_slice_open(i, end) && rc == 1; i++) {
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

	if (is_job_marked(u->w, job->id))
		return 0;
	u->w->newly_missing += job->version == u->w->old_version;
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 256;
		u->ids = mem_grow(u->ids, u->cap, sizeof(*u->ids));
	}
	u->ids[u->n++] = job->id;
	return 0;
}

static int drop_job(struct work *w, int64_t id, struct err *err)
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
	const struct db_select select = {.sweeps = &w->version.sweep, .nsweeps = 1};
	struct unnamed u = {.w = w};
	int rc;

	if (w->old_seen >= w->old_jobs)
		return 0;
	rc = db_jobs_each(w->store->db, &select, collect_unnamed, &u, err);
	for (size_t i = 0; i < u.n && !rc;) {
		int64_t end = compute_slice_end();

		if (i)
			hidden_pause();
		rc = db_begin(w->store->db, err);
		for (int k = 0; is_slice_open(k, end) && i < u.n && !rc; k++, i++)
			rc = drop_job(w, u.ids[i], err);
		if (!rc)
			rc = db_commit(w->store->db, err);
		if (rc)
			db_rollback(w->store->db);
	}
	free(u.ids);
	return rc;
}

/* ---- expand ---- */

/* Reads the sweep's current version, to find what changes. */
static int read_current_version(struct work *w, struct err *err)
{
	struct db_version v = {0};
	struct db_sweep s = {0};
	const char *script = sweep_script_text(w->f->sweep);
	int rc = db_sweep_find(w->store->db, sweep_name(w->f->sweep), &s, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	w->version.sweep = s.id;
	w->old_version = s.version;
	w->old_jobs = s.jobs;
	rc = db_version_get(w->store->db, s.version, &v, err);
	if (!rc) {
		w->same_text = v.source_len == w->f->len &&
			       !memcmp(v.source, w->f->text, w->f->len) &&
			       expand_same_text(v.script, script);
		/* a version that this slurmq cannot parse counts as changed */
		if (!w->same_text)
			loader_parse(&v, &w->old, NULL);
	}
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
			hidden_pause();
	}
	sweep_iter_release(&it);
	return rc;
}

/* Returns whether the file differs from the sweep's current version. Expanding an unchanged file adds
 * no version. */
static bool is_different(const struct work *w)
{
	return !w->same_text || w->r->added || w->reshaped || w->newly_missing;
}

static int publish_version(struct work *w, struct err *err)
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

	if (sweep_count_max(w->f->sweep, (uint64_t)expand_most_jobs(w->o), &most, err) ||
	    hidden_delete(w->store, NULL, NULL, err) || read_current_version(w, err) ||
	    begin_version(w, err))
		return -1;
	FAILPOINT("expand-begun");
	rc = put_jobs(w, (int64_t)most, err);
	if (!rc)
		rc = drop_unnamed(w, err);
	FAILPOINT("expand-unnamed");
	if (!rc && is_different(w))
		rc = publish_version(w, err);
	else if (!rc)
		rc = hidden_delete(w->store, NULL, NULL, err);
	else
		hidden_delete(w->store, NULL, NULL, NULL);
	FAILPOINT("expand-published");
	return rc;
}

static void work_release(struct work *w)
{
	if (w->old)
		sweep_free(w->old);
	loader_release(&w->ran);
	db_version_release(&w->version);
	free(w->bits);
}

int expand_store(struct store *store, const struct expand_file *f, const struct expand_opts *opts,
		 struct expand_result *r, struct err *err)
{
	struct work w = {.store = store, .f = f, .o = opts, .r = r};
	int fd, rc;

	memset(r, 0, sizeof(*r));
	r->sweep = mem_strdup(sweep_name(f->sweep));
	if (hidden_lock(store, &fd, err))
		return -1;
	rc = expand_locked(&w, err);
	hidden_unlock(fd);
	r->differs = is_different(&w);
	work_release(&w);
	return rc;
}

/* ---- comparing ---- */

struct comparison {
	struct work w;
	int (*fn)(void *arg, enum expand_kind kind, int64_t n, int64_t id,
		  const struct sweep_point *point, const struct plan *plan);
	void *arg;
	struct expand_result counts;
};

/* Finds the job of these parameters. Returns DB_NONE if the store has none, or only one that an
 * expand has not published yet. */
static int find_job(struct work *w, const struct sweep_point *point, struct db_job *job,
		    struct err *err)
{
	int64_t id;
	int rc = db_job_find_key(w->store->db, w->version.sweep, sweep_identity(w->f->sweep, point),
				 &id, err);

	if (!rc)
		rc = db_job_get(w->store->db, id, job, err);
	return rc ? rc : compare_identity(w, point, job, err);
}

static int compare_job(void *arg, int64_t n, const struct sweep_point *point,
		       const struct plan *plan)
{
	struct comparison *c = arg;
	struct work *w = &c->w;
	enum expand_kind kind = EXPAND_NEW;
	struct db_job job = {0};
	int rc = find_job(w, point, &job, w->err);

	if (rc == DB_NONE) {
		c->counts.added++;
		rc = 0;
	} else if (!rc) {
		mark_job(w, job.id);
		w->old_seen++;
		w->reshaped += is_reshaped(w, point, &job);
		rc = classify_job(w, point, plan, &job, &kind, w->err);
		c->counts.unchanged += kind == EXPAND_UNCHANGED;
		c->counts.changed += kind == EXPAND_CHANGED;
		c->counts.left += kind == EXPAND_KEPT;
	}
	if (!rc && c->fn)
		rc = c->fn(c->arg, kind, n, job.id, point, plan);
	db_job_release(&job);
	return rc;
}

static int compare_unnamed(void *arg, const struct db_job *job)
{
	struct comparison *c = arg;

	if (is_job_marked(&c->w, job->id))
		return 0;
	c->counts.missing++;
	c->w.newly_missing += job->version == c->w.old_version;
	return c->fn ? c->fn(c->arg, EXPAND_MISSING, 0, job->id, &job->point, NULL) : 0;
}

int expand_compare(struct store *store, const struct expand_file *f, const struct expand_opts *opts,
		   int (*fn)(void *arg, enum expand_kind kind, int64_t n, int64_t id,
			     const struct sweep_point *point, const struct plan *plan),
		   void *arg, struct expand_result *r, struct err *err)
{
	struct comparison c = {
		.w = {.store = store, .f = f, .o = opts, .r = r, .err = err}, .fn = fn, .arg = arg};
	struct db_select select = {.sweeps = &c.w.version.sweep, .nsweeps = 1};
	int rc = read_current_version(&c.w, err);

	memset(r, 0, sizeof(*r));
	if (!rc)
		rc = expand_dry(f, opts, compare_job, &c, r, err);
	if (!rc && c.w.old_seen < c.w.old_jobs)
		rc = db_jobs_each(store->db, &select, compare_unnamed, &c, err);
	r->added = c.counts.added;
	r->unchanged = c.counts.unchanged;
	r->changed = c.counts.changed;
	r->left = c.counts.left;
	r->missing = c.counts.missing;
	r->differs = is_different(&c.w);
	work_release(&c.w);
	return rc;
}
