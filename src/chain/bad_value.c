#include "chain/bad_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "store/state.h"

enum {
	WELL_MS = 60 * 1000, /* a job that has been running for so long does well */
	PAIRS_MOST = 24,     /* with more parameters than this, no pairs */
};

static const struct sweep_param *find_param(const struct sweep_point *point, const char *name,
					    size_t len)
{
	for (size_t i = 0; i < point->n; i++)
		if (!strncmp(point->params[i].name, name, len) && !point->params[i].name[len])
			return &point->params[i];
	return NULL;
}

bool bad_value_has(const struct bad_value *v, const struct sweep_point *point)
{
	for (size_t i = 0; i < v->words.n; i++) {
		size_t len = strcspn(v->words.v[i], "=");
		const struct sweep_param *p = find_param(point, v->words.v[i], len);

		if (!p || strcmp(p->value, v->words.v[i] + len + 1) != 0)
			return false;
	}
	return true;
}

void bad_values_release(struct bad_value *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strs_release(&v[i].words);
	free(v);
}

void suspects_release(struct suspects *s)
{
	bad_values_release(s->v, s->n);
	memset(s, 0, sizeof(*s));
}

/* ---- suspects ---- */

/* Adds the value of one parameter, or of two (b may be NULL), of failed[which] if enough failed
 * jobs have it, and none after that one. */
static void add_suspect(const struct db_job *failed, size_t n, size_t which, size_t least,
			const struct sweep_param *a, const struct sweep_param *b,
			struct suspects *out)
{
	struct bad_value v = {.job = failed[which].id};
	bool listed = false;

	strs_addf(&v.words, "%s=%s", a->name, a->value);
	if (b)
		strs_addf(&v.words, "%s=%s", b->name, b->value);
	for (size_t i = n; i-- > 0 && !listed;) {
		bool has = bad_value_has(&v, &failed[i].point);

		v.failed += has;
		listed = has && i > which;
	}
	if (listed || v.failed < (int64_t)least) {
		strs_release(&v.words);
		return;
	}
	out->v = mem_grow(out->v, out->n + 1, sizeof(*out->v));
	out->v[out->n++] = v;
}

static void add_pairs(const struct db_job *failed, size_t n, size_t which, size_t least,
		      struct suspects *out)
{
	const struct sweep_point *p = &failed[which].point;

	for (size_t i = 0; i < p->n && p->n <= PAIRS_MOST; i++)
		for (size_t k = i + 1; k < p->n; k++)
			add_suspect(failed, n, which, least, &p->params[i], &p->params[k], out);
}

void suspects_list(const struct db_job *failed, size_t n, size_t from, size_t least,
		   struct suspects *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = n; i-- > from;)
		for (size_t k = 0; k < failed[i].point.n; k++)
			add_suspect(failed, n, i, least, &failed[i].point.params[k], NULL, out);
	for (size_t i = n; i-- > from;)
		add_pairs(failed, n, i, least, out);
}

struct clearing {
	struct db *db;
	struct suspects *s;
	const char *only_node;
	struct err *err;
};

/* Sets *well if a running attempt does well. */
static int is_running_well(struct clearing *c, int64_t attempt, bool *well)
{
	struct db_attempt a;
	int64_t now = clock_now_ms();
	int rc = db_attempt_get(c->db, attempt, &a, c->err);

	*well = !rc && a.started &&
		(now - a.started >= WELL_MS ||
		 (c->only_node && a.node && strcmp(a.node, c->only_node) != 0));
	db_attempt_release(&a);
	return rc < 0 ? -1 : 0;
}

/* Removes the suspects that this job clears. Returns 1 if none is left. */
static int clear_by(void *arg, const struct db_point *p)
{
	struct clearing *c = arg;
	size_t kept = 0;
	bool well = true;

	if (p->state == JOB_RUNNING && is_running_well(c, p->attempt, &well))
		return -1;
	for (size_t i = 0; i < c->s->n; i++) {
		struct bad_value *v = &c->s->v[i];
		bool has = bad_value_has(v, &p->point);

		v->jobs += has && !well;
		if (has && well)
			strs_release(&v->words);
		else
			c->s->v[kept++] = *v;
	}
	c->s->n = kept;
	return !kept;
}

int suspects_clear(struct db *db, int64_t sweep, const char *only_node, struct suspects *s,
		   struct err *err)
{
	struct clearing c = {.db = db, .s = s, .only_node = only_node, .err = err};

	if (!s->n)
		return 0;
	return db_points_each(db, sweep, 1U << JOB_COMPLETED | 1U << JOB_RUNNING, clear_by, &c,
			      err) < 0
		       ? -1
		       : 0;
}

/* The jobs that have not started. */
struct counting {
	struct suspects *s;
	int64_t all;	  /* those of the sweep */
	int64_t *without; /* of these, for each suspect */
};

static int count_point(void *arg, const struct db_point *p)
{
	struct counting *c = arg;

	c->all++;
	for (size_t i = 0; i < c->s->n; i++)
		c->without[i] += !bad_value_has(&c->s->v[i], &p->point);
	return 0;
}

enum { NOT_STARTED = 1U << JOB_PENDING | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED };

int suspects_choose(struct db *db, int64_t sweep, struct suspects *s, struct bad_value **chosen,
		    bool *left, struct err *err)
{
	struct counting c = {.s = s};
	struct db_sweep row = {0};
	int64_t n[JOB_NSTATES], others;
	int rc = db_counts(db, n, err) || db_sweep_get(db, sweep, &row, err) ? -1 : 0;

	*chosen = NULL;
	*left = false;
	c.without = mem_alloc((s->n + 1) * sizeof(*c.without));
	if (!rc && s->n)
		rc = db_points_each(db, sweep, NOT_STARTED, count_point, &c, err);
	if (!rc) {
		others = n[JOB_PENDING] + n[JOB_SUBMITTING] + n[JOB_QUEUED] - c.all;
		/* no job with the value completed: if one did, that proves that jobs without it do */
		for (size_t i = 0; i < s->n && !*left; i++) {
			*left = c.without[i] || (row.counts[JOB_COMPLETED] && others > 0);
			if (*left || (!*chosen && row.counts[JOB_COMPLETED]))
				*chosen = &s->v[i];
		}
	}
	free(c.without);
	db_sweep_release(&row);
	return rc < 0 ? -1 : 0;
}

/* ---- values that are held ---- */

/* Parses "FAILED JOB HELD" or "FAILED JOB HELD CAPPED", then a tab and a word, once or twice. No
 * value holds a tab. */
static bool parse_line(const char *line, struct bad_value *v)
{
	char *end;

	memset(v, 0, sizeof(*v));
	v->failed = strtoll(line, &end, 10);
	v->job = strtoll(end, &end, 10);
	v->held = strtoll(end, &end, 10);
	v->capped = *end == ' ' && strtoll(end, &end, 10);
	while (*end == '\t') {
		size_t len = strcspn(++end, "\t");

		strs_take(&v->words, mem_strndup(end, len));
		end += len;
	}
	return v->words.n > 0;
}

int bad_values_get(struct db *db, int64_t sweep, struct bad_value **v, size_t *n, struct err *err)
{
	struct strs lines = {0};
	char *text = NULL;
	int rc = state_get_held(db, sweep, &text, err);

	*v = NULL;
	*n = 0;
	if (!rc)
		strs_add_lines(&lines, text);
	for (size_t i = 0; i < lines.n; i++) {
		*v = mem_grow(*v, *n + 1, sizeof(**v));
		*n += parse_line(lines.v[i], &(*v)[*n]);
	}
	strs_release(&lines);
	free(text);
	return rc < 0 ? -1 : 0;
}

int bad_values_set(struct db *db, int64_t sweep, const struct bad_value *v, size_t n,
		   struct err *err)
{
	struct buf text = {0};
	char *old = NULL;
	int rc = state_get_held(db, sweep, &old, err) < 0 ? -1 : 0;

	for (size_t i = 0; i < n; i++) {
		buf_addf(&text, "%" PRId64 " %" PRId64 " %" PRId64 " %d", v[i].failed, v[i].job,
			 v[i].held, v[i].capped);
		for (size_t k = 0; k < v[i].words.n; k++)
			buf_addf(&text, "\t%s", v[i].words.v[k]);
		buf_addch(&text, '\n');
	}
	if (!rc && strcmp(buf_str(&text), old ? old : "") != 0) /* status reviews them too */
		rc = state_set_held(db, sweep, buf_str(&text), err);
	free(old);
	buf_release(&text);
	return rc;
}

bool bad_value_holds(int state, int request, int reason)
{
	return state == JOB_HELD ? reason == REASON_BREAKER
				 : job_state_in_flight(state) && request == REQUEST_BREAKER;
}

struct values {
	struct bad_value *v;
	size_t n;
};

static int count_held(void *arg, const struct db_point *p)
{
	struct values *all = arg;
	bool held = p->state != JOB_RUNNING && bad_value_holds(p->state, p->request, p->reason),
	     counted = false;

	for (size_t i = 0; i < all->n; i++) {
		struct bad_value *v = &all->v[i];

		if (!bad_value_has(v, &p->point))
			continue;
		if (held)
			v->held = p->job;
		v->with += held;
		v->tried += !held && p->state != JOB_HELD;
		v->jobs += held && !counted;
		counted = true;
	}
	return 0;
}

int bad_values_count(struct db *db, int64_t sweep, struct bad_value *v, size_t n, struct err *err)
{
	struct values all = {v, n};

	for (size_t i = 0; i < n; i++)
		v[i].jobs = v[i].with = v[i].tried = 0;
	return db_points_each(db, sweep, NOT_STARTED | 1U << JOB_HELD | 1U << JOB_RUNNING,
			      count_held, &all, err);
}

struct chosen {
	const struct bad_value *v;
	int64_t *ids;
	size_t n, cap;
};

static void add_id(struct chosen *c, int64_t id)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		c->ids = mem_grow(c->ids, c->cap, sizeof(*c->ids));
	}
	c->ids[c->n++] = id;
}

static int collect_with(void *arg, const struct db_point *p)
{
	struct chosen *c = arg;

	if ((p->state != JOB_HELD || p->reason == REASON_BREAKER) && bad_value_has(c->v, &p->point))
		add_id(c, p->job);
	return 0;
}

int bad_values_hold(struct db *db, int64_t sweep, const struct bad_value *v, struct err *err)
{
	struct chosen c = {.v = v};
	struct bad_value *held = NULL;
	size_t n = 0;
	int changed,
		rc = db_points_each(db, sweep, NOT_STARTED | 1U << JOB_HELD, collect_with, &c, err);

	for (size_t i = 0; i < c.n && !rc; i++)
		rc = db_job_hold_value(db, c.ids[i], &changed, err);
	if (!rc && c.n)
		rc = bad_values_get(db, sweep, &held, &n, err);
	if (!rc && c.n) {
		held = mem_grow(held, n + 1, sizeof(*held));
		memset(&held[n], 0, sizeof(*held));
		held[n].failed = v->failed;
		held[n].job = v->job;
		held[n].held = c.ids[0];
		for (size_t i = 0; i < v->words.n; i++)
			strs_add(&held[n].words, v->words.v[i]);
		rc = bad_values_set(db, sweep, held, ++n, err);
	}
	bad_values_release(held, n);
	free(c.ids);
	return rc;
}

/* Sets *released if the job that is named in the value is not held for it any more. A job of a
 * capped value may have started before it left Slurm's queue. */
static int is_released(struct db *db, const struct bad_value *v, bool *released, struct err *err)
{
	struct db_job job;
	int rc = db_job_get(db, v->held, &job, err);

	*released = rc || (!bad_value_holds(job.state, job.request, job.reason) &&
			   (!v->capped || 1U << job.state & NOT_STARTED));
	db_job_release(&job);
	return rc < 0 ? -1 : 0;
}

int bad_values_prune(struct db *db, int64_t sweep, bool *forgot, struct err *err)
{
	struct bad_value *v;
	size_t n, kept = 0;
	bool any = false, released;
	int rc = bad_values_get(db, sweep, &v, &n, err);

	*forgot = false;
	for (size_t i = 0; i < n && !rc && !any; i++)
		rc = is_released(db, &v[i], &any, err);
	if (!rc && any)
		rc = bad_values_count(db, sweep, v, n, err);
	for (size_t i = 0; i < n && !rc && any; i++) {
		struct bad_value one = v[i];

		rc = is_released(db, &one, &released, err);
		v[i] = v[kept];
		v[kept] = one;
		kept += one.with || !released;
	}
	if (!rc && any) {
		*forgot = kept < n;
		rc = bad_values_set(db, sweep, v, kept, err);
	}
	bad_values_release(v, n);
	return rc;
}

/* The values that are held, one of which is dropped. */
struct dropping {
	struct values all;
	size_t which;
	const struct bad_value *except;
	struct chosen out;
};

static int collect_released(void *arg, const struct db_point *p)
{
	struct dropping *d = arg;

	if (!bad_value_holds(p->state, p->request, p->reason) ||
	    !bad_value_has(&d->all.v[d->which], &p->point) ||
	    (d->except && bad_value_has(d->except, &p->point)))
		return 0;
	for (size_t i = 0; i < d->all.n; i++)
		if (i != d->which && bad_value_has(&d->all.v[i], &p->point))
			return 0;
	add_id(&d->out, p->job);
	return 0;
}

/* Drops a value from the list and releases its jobs; the caller stores the list. */
static int drop_value(struct db *db, int64_t sweep, struct dropping *d, struct err *err)
{
	struct bad_value gone;
	int changed, rc = db_points_each(db, sweep, NOT_STARTED | 1U << JOB_HELD, collect_released,
					 d, err);

	for (size_t i = 0; i < d->out.n && !rc; i++)
		rc = db_job_release_held(db, d->out.ids[i], &changed, err);
	free(d->out.ids);
	memset(&d->out, 0, sizeof(d->out));
	gone = d->all.v[d->which];
	for (size_t i = d->which; i + 1 < d->all.n; i++)
		d->all.v[i] = d->all.v[i + 1];
	d->all.n--;
	strs_release(&gone.words);
	return rc;
}

int bad_values_drop(struct db *db, int64_t sweep, const struct bad_value *except, struct err *err)
{
	struct dropping d = {.except = except};
	int rc = bad_values_get(db, sweep, &d.all.v, &d.all.n, err);

	if (!rc && d.all.n) {
		d.which = d.all.n - 1;
		rc = drop_value(db, sweep, &d, err);
		if (!rc)
			rc = bad_values_set(db, sweep, d.all.v, d.all.n, err);
	}
	bad_values_release(d.all.v, d.all.n);
	return rc;
}

int bad_values_failed(struct db *db, const struct db_job *job, bool *known, struct err *err)
{
	struct bad_value *v;
	size_t n;
	int rc = bad_values_get(db, job->sweep, &v, &n, err);

	*known = false;
	for (size_t i = 0; i < n; i++) {
		if (v[i].capped || !bad_value_has(&v[i], &job->point))
			continue;
		*known = true;
		v[i].failed++;
		v[i].job = job->id;
	}
	if (!rc && *known)
		rc = bad_values_set(db, job->sweep, v, n, err);
	bad_values_release(v, n);
	return rc;
}

int bad_values_completed(struct db *db, const struct db_job *job, struct err *err)
{
	struct dropping d = {.which = 0};
	int rc = bad_values_get(db, job->sweep, &d.all.v, &d.all.n, err);
	size_t n = d.all.n;

	while (!rc && d.which < d.all.n) {
		if (bad_value_has(&d.all.v[d.which], &job->point))
			rc = drop_value(db, job->sweep, &d, err);
		else
			d.which++;
	}
	if (!rc && d.all.n < n)
		rc = bad_values_set(db, job->sweep, d.all.v, d.all.n, err);
	bad_values_release(d.all.v, d.all.n);
	return rc;
}
