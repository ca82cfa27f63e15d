#include "cmd/select.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/guess.h"
#include "lib/number.h"
#include "lib/opt.h"

/* ---- states ---- */

/* Alternative conditions on the state: a state, or failed or held for one of these reasons. */
struct wanted {
	unsigned states, reasons;
};

enum { WHY_HELD = 1U << REASON_USER | 1U << REASON_REFUSED | 1U << REASON_BREAKER };

static int refuse_unknown_state(const char *word, struct err *err)
{
	struct strs names = {0};
	const char *near;
	int state, reason;

	for (int i = 0; i < JOB_NSTATES; i++)
		strs_add(&names, job_state_name(i));
	for (int i = 1; i < REASON_NREASONS; i++)
		if (!job_state_parse(job_reason_name(i), &state, &reason) && reason == i)
			strs_add(&names, job_reason_name(i));
	near = guess_nearest(word, (const char *const *)names.v);
	if (near)
		err_set(err, ERR_USAGE, "unknown state '%s', did you mean '%s'?", word, near);
	else
		err_set(err, ERR_USAGE,
			"unknown state '%s': pending, submitting, queued, running, completed, "
			"failed, cancelled, held, or why it failed: timeout, out_of_memory, "
			"node_fail, exit, signal, preempted, deadline, boot_fail, lost, or why it "
			"is held: user, refused, breaker",
			word);
	strs_release(&names);
	return -1;
}

static int parse_state(const char *word, struct wanted *w, struct err *err)
{
	int state, reason;

	if (job_state_parse(word, &state, &reason))
		return refuse_unknown_state(word, err);
	if (reason == REASON_NONE)
		w->states |= 1U << state;
	else
		w->reasons |= 1U << reason;
	return 0;
}

static int parse_states(const char *text, struct wanted *w, struct err *err)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		char *word = mem_strndup(text, len);
		int rc = parse_state(word, w, err);

		free(word);
		if (rc)
			return -1;
		if (!text[len])
			break;
		text += len + 1;
	}
	/* failed and held include their reasons */
	if (w->states & 1U << JOB_FAILED)
		w->reasons &= WHY_HELD;
	if (w->states & 1U << JOB_HELD)
		w->reasons &= ~(unsigned)WHY_HELD;
	return 0;
}

/* ---- selectors ---- */

static void add_part(struct selection *s, const struct db_select *one)
{
	s->v = mem_grow(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = *one;
}

static void add_wanted(struct selection *s, const struct db_select *one, const struct wanted *w)
{
	struct db_select part = *one;

	if (!w->states && !w->reasons) {
		add_part(s, one);
		return;
	}
	if (w->states) {
		part.states = w->states;
		add_part(s, &part);
	}
	part.states = 1U << JOB_FAILED;
	part.reasons = w->reasons & ~(unsigned)WHY_HELD;
	if (part.reasons)
		add_part(s, &part);
	part.states = 1U << JOB_HELD;
	part.reasons = w->reasons & WHY_HELD;
	if (part.reasons)
		add_part(s, &part);
}

static int refuse_unknown_job(int64_t first, int64_t max, struct err *err)
{
	if (max == 0)
		return err_set(err, ERR_USAGE,
			       "no job %" PRId64 ": there are no jobs yet, slurmq "
			       "expand FILE adds some",
			       first);
	return err_set(err, ERR_USAGE, "no job %" PRId64 ": ids go up to %" PRId64, first, max);
}

/* Parses the first len bytes of text, "12" or "3-9", into *one. */
static int parse_range(const char *text, size_t len, int64_t max, struct db_select *one,
		       struct err *err)
{
	char *word = mem_strndup(text, len), *dash = strchr(word, '-');
	int rc = -1;

	if (dash)
		*dash = '\0';
	if (opt_int(word, &one->first) || opt_int(dash ? dash + 1 : word, &one->last) ||
	    one->first < 1)
		err_set(err, ERR_USAGE,
			"invalid job id '%.*s': use a number, or a range such as 3-9", (int)len,
			text);
	else if (one->first > one->last)
		err_set(err, ERR_USAGE, "the range '%.*s' ends before it begins", (int)len, text);
	else if (one->first > max)
		refuse_unknown_job(one->first, max, err);
	else
		rc = 0;
	free(word);
	return rc;
}

/* Checks that a single id exists; ids of a range may be missing (pruned). */
static int check_id(struct db *db, const struct db_select *one, struct err *err)
{
	struct db_job job = {0};
	int rc;

	if (one->first != one->last)
		return 0;
	rc = db_job_get(db, one->first, &job, err);
	if (rc == DB_NONE)
		return err_set(err, ERR_USAGE, "no job %" PRId64 ": it was removed", one->first);
	if (rc == 0)
		db_job_release(&job);
	return rc;
}

static int parse_ids(struct db *db, const char *text, const struct wanted *w, struct selection *s,
		     struct err *err)
{
	int64_t max;

	if (db_job_max(db, &max, err))
		return -1;
	for (;;) {
		size_t len = strcspn(text, ",");
		struct db_select one = {0};

		if (parse_range(text, len, max, &one, err) || check_id(db, &one, err))
			return -1;
		add_wanted(s, &one, w);
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

/* Fails unless jobs have a parameter of that name. */
static int check_param(struct db *db, const char *name, struct err *err)
{
	struct strs names = {0};
	const char *near;
	int rc = db_param_names(db, &names, err);

	for (size_t i = 0; i < names.n && !rc; i++)
		if (!strcmp(names.v[i], name))
			goto out;
	if (rc)
		goto out;
	near = names.n ? guess_nearest(name, (const char *const *)names.v) : NULL;
	if (near)
		rc = err_set(err, ERR_USAGE, "no job has a parameter '%s', did you mean '%s'?",
			     name, near);
	else
		rc = err_set(err, ERR_USAGE,
			     "no job has a parameter '%s': slurmq show ID lists "
			     "those of a job",
			     name);
out:
	strs_release(&names);
	return rc;
}

/* Parses NAME=VALUE,...; equals is the place of its first '='. A value may hold a comma itself, so
 * the whole text counts as a value too. */
static int parse_param(struct db *db, const char *text, const char *equals, struct selection *s,
		       struct err *err)
{
	struct select_param *p;
	const char *value = equals + 1;

	s->params = mem_grow(s->params, s->nparams + 1, sizeof(*s->params));
	p = &s->params[s->nparams++];
	memset(p, 0, sizeof(*p));
	p->name = mem_strndup(text, (size_t)(equals - text));
	strs_add(&p->values, value);
	for (size_t len; strchr(equals + 1, ',') && value;
	     value = value[len] ? value + len + 1 : NULL) {
		len = strcspn(value, ",");
		strs_take(&p->values, mem_strndup(value, len));
	}
	return check_param(db, p->name, err);
}

static int refuse_unknown_sweep(const struct db_sweep *v, size_t n, const char *name,
				struct err *err)
{
	struct strs names = {0};
	const char *near;

	for (size_t i = 0; i < n; i++)
		strs_add(&names, v[i].name);
	strs_add(&names, "all");
	strs_add(&names, "last");
	near = guess_nearest(name, (const char *const *)names.v);
	if (n == 0)
		err_set(err, ERR_USAGE,
			"no sweep '%s': there are no jobs yet, slurmq expand FILE adds some", name);
	else if (near)
		err_set(err, ERR_USAGE, "no sweep '%s', did you mean '%s'?", name, near);
	else
		err_set(err, ERR_USAGE, "no sweep '%s': slurmq status lists them", name);
	strs_release(&names);
	return -1;
}

int select_sweep(struct db *db, const char *name, int64_t *id, struct err *err)
{
	struct db_sweep *v = NULL;
	size_t n = 0;
	int rc = -1;

	if (db_sweeps(db, &v, &n, err))
		return -1;
	if (!strcmp(name, "last") && n) {
		*id = v[n - 1].id;
		rc = 0;
	}
	for (size_t i = 0; i < n && rc; i++) {
		if (!strcmp(v[i].name, name)) {
			*id = v[i].id;
			rc = 0;
		}
	}
	if (rc)
		refuse_unknown_sweep(v, n, name, err);
	db_sweeps_free(v, n);
	return rc;
}

/* Parses one argument. Sets *part if it selects jobs by itself; a parameter restricts the jobs of
 * the others. */
static int parse_selector(struct db *db, const char *text, const struct wanted *w,
			  struct selection *out, bool *part, struct err *err)
{
	const char *equals = strchr(text, '=');
	struct db_select one = {0};

	*part = !equals || equals == text;
	if (*text >= '0' && *text <= '9')
		return parse_ids(db, text, w, out, err);
	out->ids = false;
	if (!*part)
		return parse_param(db, text, equals, out, err);
	if (!strcmp(text, "all"))
		out->all = true;
	else if (select_sweep(db, text, &one.sweep, err))
		return -1;
	add_wanted(out, &one, w);
	return 0;
}

int selection_parse(struct db *db, int n, char **args, const char *states, struct selection *out,
		    struct err *err)
{
	struct wanted w = {0};
	bool any = false;

	memset(out, 0, sizeof(*out));
	out->ids = n > 0;
	if (states) {
		out->states = true;
		if (parse_states(states, &w, err))
			return -1;
	}
	for (int i = 0; i < n; i++) {
		bool part;

		if (parse_selector(db, args[i], &w, out, &part, err))
			return -1;
		any = any || part;
	}
	if (!any)
		add_wanted(out, &(struct db_select){0}, &w);
	return 0;
}

void selection_release(struct selection *s)
{
	free(s->v);
	for (size_t i = 0; i < s->nparams; i++) {
		free(s->params[i].name);
		strs_release(&s->params[i].values);
	}
	free(s->params);
	memset(s, 0, sizeof(*s));
}

void selection_narrow(struct selection *s, unsigned states)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct db_select one = s->v[i];

		one.states = one.states ? one.states & states : states;
		if (one.states)
			s->v[kept++] = one;
	}
	s->n = kept;
}

/* ---- iterating ---- */

static bool job_matches(const struct db_select *s, const struct db_job *job)
{
	return job->id >= s->first && (!s->last || job->id <= s->last) &&
	       (!s->sweep || job->sweep == s->sweep) &&
	       (!s->states || s->states & 1U << job->state) &&
	       (!s->reasons || s->reasons & 1U << job->reason);
}

static bool has_value(const struct select_param *p, const char *value)
{
	for (size_t i = 0; i < p->values.n; i++)
		if (number_same(p->values.v[i], value))
			return true;
	return false;
}

static bool meets_param(const struct select_param *p, const struct sweep_point *point)
{
	for (size_t i = 0; i < point->n; i++)
		if (!strcmp(point->params[i].name, p->name))
			return has_value(p, point->params[i].value);
	return false;
}

struct each {
	const struct selection *s;
	size_t part;
	int (*fn)(void *arg, const struct db_job *job);
	void *arg;
};

static int call_once(void *arg, const struct db_job *job)
{
	const struct each *e = arg;

	for (size_t i = 0; i < e->part; i++)
		if (job_matches(&e->s->v[i], job))
			return 0;
	for (size_t i = 0; i < e->s->nparams; i++)
		if (!meets_param(&e->s->params[i], &job->point))
			return 0;
	return e->fn(e->arg, job);
}

int selection_each(struct db *db, const struct selection *s,
		   int (*fn)(void *arg, const struct db_job *job), void *arg, struct err *err)
{
	struct each e = {.s = s, .fn = fn, .arg = arg};

	for (; e.part < s->n; e.part++) {
		int rc = db_jobs_each(db, &s->v[e.part], call_once, &e, err);

		if (rc)
			return rc;
	}
	return 0;
}

static int count_job(void *arg, const struct db_job *job)
{
	int64_t *n = arg;

	(void)job;
	++*n;
	return 0;
}

int selection_count(struct db *db, const struct selection *s, int64_t *n, struct err *err)
{
	*n = 0;
	if (s->n == 1 && !s->nparams)
		return db_jobs_count(db, &s->v[0], n, err);
	return selection_each(db, s, count_job, n, err);
}

void ids_add(struct ids *l, int64_t id)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = mem_grow(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = id;
}

void ids_release(struct ids *l)
{
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

bool ids_have(const int64_t *v, size_t n, int64_t id)
{
	return n && bsearch(&id, v, n, sizeof(*v), compare_ids);
}

static int collect_job(void *arg, const struct db_job *job)
{
	ids_add(arg, job->id);
	return 0;
}

int selection_ids(struct db *db, const struct selection *s, struct ids *out, struct err *err)
{
	int rc = selection_each(db, s, collect_job, out, err);

	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), compare_ids);
	return rc;
}
