#include "cmd/columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/expr.h"

enum {
	COMPARED = 20000, /* of a longer list, only the jobs at both ends are compared */
	SAMPLE = 200,	  /* the first and the last jobs of a grid differ in each of its axes */
	DISTINCT = 50,	  /* distinct values of a parameter that are kept */
	STOP = 2,
	GAP = 2,
};

void columns_release(struct columns *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->fields[i].name);
		free(c->titles[i]);
	}
	buf_release(&c->constant);
	strs_release(&c->hidden);
	memset(c, 0, sizeof(*c));
}

static void add_column(struct columns *c, enum db_field_kind kind, const char *name,
		       const char *title)
{
	c->fields[c->n].kind = kind;
	c->fields[c->n].name = name ? mem_strdup(name) : NULL;
	c->titles[c->n++] = mem_strdup(title);
}

int columns_parse(struct db *db, const char *text, struct columns *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	for (;;) {
		size_t len = strcspn(text, ",");
		char *name = mem_strndup(text, len);
		struct db_field field;
		int rc = expr_field(db, name, &field, err);

		if (!rc && out->n == COLUMNS_MOST) {
			rc = err_set(err, ERR_USAGE, "more than %d columns", COLUMNS_MOST);
			free(field.name);
		}
		if (rc) {
			free(name);
			return -1;
		}
		out->fields[out->n] = field;
		out->titles[out->n++] = name;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

void columns_require(struct db *db, const char *name, struct columns *c)
{
	struct db_field field;
	bool there = false;

	if (expr_field(db, name, &field, NULL))
		return;
	for (size_t i = 0; i < c->n; i++)
		there |= c->fields[i].kind == field.kind &&
			 (!field.name || !strcmp(c->fields[i].name, field.name));
	if (!there && c->n < COLUMNS_MOST)
		add_column(c, field.kind, field.name, name);
	free(field.name);
}

/* ---- what varies ---- */

struct known {
	char *name;
	struct strs values; /* up to DISTINCT, in order of appearance */
	int64_t jobs;	    /* that have it */
	int width;	    /* of the widest value */
};

struct survey {
	struct known *v;
	size_t n;
	struct known sweep;
	int64_t jobs;
	bool started; /* a job has an attempt */
};

static void known_release(struct known *k)
{
	free(k->name);
	strs_release(&k->values);
}

static void survey_release(struct survey *s)
{
	for (size_t i = 0; i < s->n; i++)
		known_release(&s->v[i]);
	free(s->v);
	known_release(&s->sweep);
}

static struct known *find_known(const struct survey *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return &s->v[i];
	return NULL;
}

static void record_value(struct known *k, const char *value)
{
	int width = text_width(value);

	k->jobs++;
	if (width > k->width)
		k->width = width;
	if (k->values.n < DISTINCT && !strs_has(&k->values, value))
		strs_add(&k->values, value);
}

static void record_param(struct survey *s, const char *name, const char *value)
{
	struct known *k = find_known(s, name);

	if (!k) {
		s->v = mem_grow(s->v, s->n + 1, sizeof(*s->v));
		k = &s->v[s->n++];
		memset(k, 0, sizeof(*k));
		k->name = mem_strdup(name);
	}
	record_value(k, value);
}

static int record_job(void *arg, const struct db_job *job)
{
	struct survey *s = arg;

	record_value(&s->sweep, job->sweep_name);
	s->started |= job->attempt != 0;
	for (size_t i = 0; i < job->point.n; i++)
		record_param(s, job->point.params[i].name, job->point.params[i].value);
	if (job->point.variant)
		record_param(s, "variant", job->point.variant);
	return ++s->jobs % SAMPLE == 0 ? STOP : 0;
}

static int survey_range(struct db *db, const struct ids *ids, size_t from, size_t to,
			struct survey *s, struct err *err)
{
	for (size_t i = from; i < to; i++) {
		struct db_job job;
		int rc = db_job_get(db, ids->v[i], &job, err);

		if (rc < 0)
			return -1;
		if (rc == 0) {
			record_job(s, &job);
			db_job_release(&job);
		}
	}
	return 0;
}

static int survey_ids(struct db *db, const struct ids *ids, struct survey *s, struct err *err)
{
	if (ids->n <= COMPARED)
		return survey_range(db, ids, 0, ids->n, s, err);
	return survey_range(db, ids, 0, SAMPLE, s, err) ||
			       survey_range(db, ids, ids->n - SAMPLE, ids->n, s, err)
		       ? -1
		       : 0;
}

/* Reads the first and the last jobs of a sweep. */
static int survey_sweep(struct db *db, const char *name, struct survey *s, struct err *err)
{
	struct db_sweep sweep = {0};
	struct db_range tail = {1, INT64_MAX};
	struct db_select select = {0};
	int rc = db_sweep_find(db, name, &sweep, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	select.sweeps = &sweep.id;
	select.nsweeps = 1;
	rc = db_jobs_each(db, &select, record_job, s, err);
	if (rc == STOP && !(rc = db_job_max(db, &tail.last, err))) {
		if (tail.last > SAMPLE)
			tail.first = tail.last - SAMPLE;
		select.ids = (struct db_ranges){&tail, 1};
		rc = db_jobs_each(db, &select, record_job, s, err);
	}
	db_sweep_release(&sweep);
	return rc < 0 ? -1 : 0;
}

static bool varies(const struct known *k, int64_t jobs)
{
	return k->values.n > 1 || k->jobs < jobs;
}

/* ---- choice ---- */

static void add_constant(struct columns *c, const char *name, const char *value)
{
	buf_addf(&c->constant, "%s%s=", c->constant.len ? " " : "", name);
	buf_add_shell_word(&c->constant, value);
}

/* Adds to *out the parameters that deserve a column. Those that are the same for all jobs, though not
 * in the whole sweep, are described in c->constant if all jobs were compared (is_whole). */
static int choose_params(struct db *db, const struct survey *shown, bool is_whole,
			 struct columns *c, const struct known **out, size_t *n, struct err *err)
{
	struct survey whole = {0};
	int rc = 0;

	for (size_t i = 0; i < shown->sweep.values.n && !rc; i++)
		rc = survey_sweep(db, shown->sweep.values.v[i], &whole, err);
	for (size_t i = 0; i < shown->n && !rc; i++) {
		const struct known *k = &shown->v[i], *all = find_known(&whole, k->name);

		if (all && !varies(all, whole.jobs))
			continue;
		if (is_whole && shown->jobs > 1 && !varies(k, shown->jobs))
			add_constant(c, k->name, k->values.v[0]);
		else
			out[(*n)++] = k;
	}
	survey_release(&whole);
	return rc;
}

static int compare_params(const void *a, const void *b)
{
	const struct known *x = *(const struct known *const *)a,
			   *y = *(const struct known *const *)b;

	if (x->values.n != y->values.n)
		return x->values.n > y->values.n ? -1 : 1;
	return x < y ? -1 : x > y; /* as in the sweep file */
}

static int column_width(const struct known *k)
{
	int title = text_width(k->name);

	return GAP + (title > k->width ? title : k->width);
}

/* Adds the columns of the parameters: as in the sweep file if all fit, else those with the most values
 * first. */
static void add_params(struct columns *c, const struct known **v, size_t n, int room, bool limited)
{
	int sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += column_width(v[i]);
	if (limited && sum > room)
		qsort(v, n, sizeof(struct known *), compare_params);
	for (size_t i = 0; i < n; i++) {
		int width = column_width(v[i]);

		if (c->n == COLUMNS_MOST || (limited && i && width > room)) {
			strs_add(&c->hidden, v[i]->name);
			continue;
		}
		room -= width;
		add_column(c, FIELD_PARAM, v[i]->name, v[i]->name);
	}
}

/* Columns of text that the id, state, tries, time and node take in most lists. */
enum { FIXED = 6 + GAP + 14 + GAP + 5 + GAP + 7 + GAP + 8 };

int columns_choose(struct db *db, const struct ids *ids, int width, struct columns *out,
		   struct err *err)
{
	struct survey shown = {0};
	const struct known **params;
	struct db_sweep *sweeps = NULL;
	size_t nparams = 0, nsweeps = 0;
	int fixed = FIXED, rc;

	memset(out, 0, sizeof(*out));
	rc = survey_ids(db, ids, &shown, err) || db_sweeps(db, &sweeps, &nsweeps, err) ? -1 : 0;
	db_sweeps_free(sweeps, nsweeps);
	params = mem_alloc((shown.n + 1) * sizeof(*params));
	if (!rc && ids->n <= COMPARED && nsweeps > 1 && shown.sweep.values.n == 1 && shown.jobs > 1)
		add_constant(out, "sweep", shown.sweep.values.v[0]);
	if (!rc)
		rc = choose_params(db, &shown, ids->n <= COMPARED, out, params, &nparams, err);
	add_column(out, FIELD_ID, NULL, "id");
	if (nsweeps > 1 && (shown.sweep.values.n > 1 || shown.jobs == 1 || ids->n > COMPARED)) {
		add_column(out, FIELD_SWEEP, NULL, "sweep");
		fixed += GAP + shown.sweep.width;
	}
	add_column(out, FIELD_STATE, NULL, "state");
	add_column(out, FIELD_TRIES, NULL, "tries");
	if (shown.started) {
		add_column(out, FIELD_TIME, NULL, "time");
		add_column(out, FIELD_NODE, NULL, "node");
	}
	if (!rc)
		add_params(out, params, nparams, width - fixed, width > 0);
	free(params);
	survey_release(&shown);
	return rc;
}
