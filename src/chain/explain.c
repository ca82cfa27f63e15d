#include "chain/explain.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/number.h"

enum {
	SUPPORT = 3,
	PAIRABLE = 1000,    /* an axis with more values is in no pair */
	NODES_READ = 100000 /* with more jobs than this the nodes are not compared */
};

static const double LEVEL = 0.01, LEVEL_ALL = 0.05;

/* ---- the jobs as a table of numbers ---- */

struct value {
	char *text;
	int number; /* from 1; 0 means that a job lacks the parameter */
};

/* A parameter, or the node. */
struct axis {
	char *name;
	void *tree;	  /* of struct value, tsearch(3) */
	struct value **v; /* v[number - 1], owned */
	int n;
	int *of; /* the number of the value of each job */
};

struct point {
	int64_t job, attempt;
	int reason;
	bool failed, explained;
};

struct matrix {
	struct axis *axes;
	size_t naxes;
	struct point *points;
	size_t n, cap;
};

static int compare_values(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	return strcmp(x->text, y->text);
}

static void matrix_release(struct matrix *m)
{
	for (size_t i = 0; i < m->naxes; i++) {
		struct axis *axis = &m->axes[i];

		for (int k = 0; k < axis->n; k++) {
			tdelete(axis->v[k], &axis->tree, compare_values);
			free(axis->v[k]->text);
			free(axis->v[k]);
		}
		free(axis->v);
		free(axis->name);
		free(axis->of);
	}
	free(m->axes);
	free(m->points);
}

static struct axis *find_axis(struct matrix *m, const char *name)
{
	struct axis *axis;

	for (size_t i = 0; i < m->naxes; i++)
		if (!strcmp(m->axes[i].name, name))
			return &m->axes[i];
	m->axes = mem_grow(m->axes, m->naxes + 1, sizeof(*m->axes));
	axis = &m->axes[m->naxes++];
	memset(axis, 0, sizeof(*axis));
	axis->name = mem_strdup(name);
	axis->of = mem_alloc(m->cap * sizeof(*axis->of));
	return axis;
}

static void set_value(struct axis *axis, size_t point, const char *text)
{
	const struct value key = {.text = (char *)(uintptr_t)text};
	struct value **found = tfind(&key, &axis->tree, compare_values), *value;

	if (found) {
		axis->of[point] = (*found)->number;
		return;
	}
	value = mem_alloc(sizeof(*value));
	value->text = mem_strdup(text);
	value->number = ++axis->n;
	axis->v = mem_grow(axis->v, (size_t)axis->n, sizeof(struct value *));
	axis->v[axis->n - 1] = value;
	if (!tsearch(value, &axis->tree, compare_values))
		abort(); /* out of memory, as in buf.h */
	axis->of[point] = value->number;
}

static void make_room(struct matrix *m)
{
	size_t cap = m->cap ? m->cap * 2 : 256;

	if (m->n < m->cap)
		return;
	m->points = mem_grow(m->points, cap, sizeof(*m->points));
	for (size_t i = 0; i < m->naxes; i++) {
		m->axes[i].of = mem_grow(m->axes[i].of, cap, sizeof(int));
		memset(m->axes[i].of + m->cap, 0, (cap - m->cap) * sizeof(int));
	}
	m->cap = cap;
}

static int add_point(void *arg, const struct db_point *p)
{
	struct matrix *m = arg;

	make_room(m);
	m->points[m->n] = (struct point){.job = p->job,
					 .attempt = p->attempt,
					 .reason = p->reason,
					 .failed = p->state == JOB_FAILED};
	for (size_t i = 0; i < p->point.n; i++)
		set_value(find_axis(m, p->point.params[i].name), m->n, p->point.params[i].value);
	if (p->point.variant)
		set_value(find_axis(m, "variant"), m->n, p->point.variant);
	m->n++;
	return 0;
}

static int read_nodes(struct db *db, struct matrix *m, struct err *err)
{
	if (m->n > NODES_READ)
		return 0;
	for (size_t i = 0; i < m->n; i++) {
		struct db_attempt a = {0};
		int rc = m->points[i].attempt ? db_attempt_get(db, m->points[i].attempt, &a, err)
					      : DB_NONE;

		if (rc < 0)
			return -1;
		if (!rc && a.node)
			set_value(find_axis(m, "node"), i, a.node);
		db_attempt_release(&a);
	}
	return 0;
}

/* ---- the test ---- */

struct tally {
	int64_t failed, jobs;
};

/* Returns x ln(x/n), 0 for x = 0. */
static double term(int64_t x, int64_t n)
{
	return x ? (double)x * number_ln((double)x / (double)n) : 0;
}

static double log_likelihood(const struct tally *t)
{
	return term(t->failed, t->jobs) + term(t->jobs - t->failed, t->jobs);
}

/* Returns how well a group explains the failures of all; 0: it does not. */
static double score_group(const struct tally *with, const struct tally *all, double hypotheses)
{
	struct tally without = {all->failed - with->failed, all->jobs - with->jobs};
	double level = with->failed == with->jobs ? LEVEL_ALL : LEVEL, g;

	/* more than half, and more than twice the rate of the others */
	if (with->failed < SUPPORT || 2 * with->failed < with->jobs || !without.jobs ||
	    with->failed * without.jobs <= 2 * without.failed * with->jobs)
		return 0;
	g = 2 * (log_likelihood(with) + log_likelihood(&without) - log_likelihood(all));
	/* the tail of the chi-squared distribution with one degree of freedom is below exp(-g/2) */
	return g < 2 * number_ln(hypotheses / level) ? 0 : g;
}

/* The best candidate so far: the values a and b of two axes; b 0: of one. */
struct best {
	double score;
	size_t axes[EXPLAIN_TERMS];
	int values[EXPLAIN_TERMS];
	size_t nterms;
};

static void try_axes(const struct matrix *m, const size_t *axes, size_t naxes,
		     const struct tally *all, double hypotheses, struct best *best)
{
	const struct axis *a = &m->axes[axes[0]], *b = naxes > 1 ? &m->axes[axes[1]] : NULL;
	size_t width = b ? (size_t)b->n + 1 : 1, size = ((size_t)a->n + 1) * width;
	struct tally *t = mem_alloc(size * sizeof(*t));

	for (size_t i = 0; i < m->n; i++) {
		struct tally *one = &t[(size_t)a->of[i] * width + (size_t)(b ? b->of[i] : 0)];

		if (m->points[i].explained)
			continue;
		one->jobs++;
		one->failed += m->points[i].failed;
	}
	for (size_t k = width; k < size; k++) {
		double score;

		if (b && k % width == 0)
			continue; /* no value */
		score = score_group(&t[k], all, hypotheses);
		if (score <= best->score)
			continue;
		best->score = score;
		best->nterms = naxes;
		for (size_t n = 0; n < naxes; n++)
			best->axes[n] = axes[n];
		best->values[0] = (int)(k / width);
		best->values[1] = (int)(k % width);
	}
	free(t);
}

static double count_hypotheses(const struct matrix *m)
{
	double n = 0;

	for (size_t i = 0; i < m->naxes; i++) {
		n += m->axes[i].n;
		for (size_t k = 0; k < i; k++)
			if (m->axes[i].n <= PAIRABLE && m->axes[k].n <= PAIRABLE)
				n += (double)m->axes[i].n * m->axes[k].n;
	}
	return n;
}

static void find_best(const struct matrix *m, struct best *best)
{
	double hypotheses = count_hypotheses(m);
	struct tally all = {0};

	memset(best, 0, sizeof(*best));
	for (size_t i = 0; i < m->n; i++) {
		all.jobs += !m->points[i].explained;
		all.failed += !m->points[i].explained && m->points[i].failed;
	}
	for (size_t i = 0; i < m->naxes; i++)
		try_axes(m, &i, 1, &all, hypotheses, best);
	for (size_t i = 0; i < m->naxes; i++) {
		for (size_t k = i + 1; k < m->naxes; k++) {
			const size_t axes[] = {i, k};

			if (m->axes[i].n <= PAIRABLE && m->axes[k].n <= PAIRABLE)
				try_axes(m, axes, 2, &all, hypotheses, best);
		}
	}
}

/* ---- the result ---- */

static bool is_in(const struct matrix *m, const struct best *b, size_t i)
{
	for (size_t n = 0; n < b->nterms; n++)
		if (m->axes[b->axes[n]].of[i] != b->values[n])
			return false;
	return true;
}

/* Counts the jobs that are not explained yet: those of b (which), or the others. */
static void describe_group(const struct matrix *m, const struct best *b, bool which,
			   struct explain_group *out)
{
	int64_t newest = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < m->n; i++) {
		const struct point *p = &m->points[i];

		if (p->explained || is_in(m, b, i) != which)
			continue;
		out->jobs++;
		if (!p->failed)
			continue;
		out->failed++;
		if (out->nids < EXPLAIN_IDS)
			out->ids[out->nids++] = p->job;
		if (p->reason >= 0 && p->reason < REASON_NREASONS &&
		    ++out->reasons[p->reason] > out->reasons[out->reason])
			out->reason = p->reason;
		if (p->attempt > newest) {
			newest = p->attempt;
			out->newest = p->job;
		}
	}
}

static void add_explanation(struct matrix *m, const struct best *b, struct explained *out)
{
	struct explanation *e;

	out->v = mem_grow(out->v, out->n + 1, sizeof(*out->v));
	e = &out->v[out->n++];
	memset(e, 0, sizeof(*e));
	e->nterms = b->nterms;
	for (size_t n = 0; n < b->nterms; n++) {
		const struct axis *axis = &m->axes[b->axes[n]];

		e->terms[n].name = mem_strdup(axis->name);
		e->terms[n].value = mem_strdup(axis->v[b->values[n] - 1]->text);
	}
	describe_group(m, b, true, &e->with);
	describe_group(m, b, false, &e->without);
	for (size_t i = 0; i < m->n; i++)
		m->points[i].explained |= is_in(m, b, i);
}

int explain_sweep(struct db *db, int64_t sweep, struct explained *out, struct err *err)
{
	static const struct best every = {0};
	struct matrix m = {0};
	struct best best;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = db_points_each(db, sweep, 1U << JOB_FAILED | 1U << JOB_COMPLETED, add_point, &m, err);
	if (!rc)
		rc = read_nodes(db, &m, err);
	if (!rc) {
		describe_group(&m, &every, true, &out->all);
		if (out->all.failed >= SUPPORT && out->all.failed == out->all.jobs)
			add_explanation(&m, &every, out);
	}
	while (!rc && out->n < EXPLAIN_MOST) {
		find_best(&m, &best);
		if (!best.nterms)
			break;
		add_explanation(&m, &best, out);
	}
	if (!rc)
		describe_group(&m, &every, true, &out->rest);
	matrix_release(&m);
	return rc;
}

void explained_release(struct explained *e)
{
	for (size_t i = 0; i < e->n; i++) {
		for (size_t n = 0; n < EXPLAIN_TERMS; n++) {
			free(e->v[i].terms[n].name);
			free(e->v[i].terms[n].value);
		}
	}
	free(e->v);
	memset(e, 0, sizeof(*e));
}
