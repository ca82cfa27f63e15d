#include "cmd/select.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/expr.h"
#include "lib/guess.h"
#include "lib/opt.h"

/* ---- states ---- */

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

static int parse_state(const char *word, struct db_select *s, struct err *err)
{
	int state, reason;

	if (job_state_parse(word, &state, &reason))
		return refuse_unknown_state(word, err);
	if (reason == REASON_NONE)
		s->states |= 1U << state;
	else
		s->reasons |= 1U << reason;
	return 0;
}

static int parse_states(const char *text, struct db_select *s, struct err *err)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		char *word = mem_strndup(text, len);
		int rc = parse_state(word, s, err);

		free(word);
		if (rc)
			return -1;
		if (!text[len])
			break;
		text += len + 1;
	}
	/* failed and held include their reasons */
	if (s->states & 1U << JOB_FAILED)
		s->reasons &= WHY_HELD;
	if (s->states & 1U << JOB_HELD)
		s->reasons &= ~(unsigned)WHY_HELD;
	return 0;
}

/* ---- selectors ---- */

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
static int parse_range(const char *text, size_t len, int64_t max, struct db_range *one,
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
static int check_id(struct db *db, const struct db_range *one, struct err *err)
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

static int parse_ids(struct db *db, const char *text, struct db_ranges *out, struct err *err)
{
	int64_t max;

	if (db_job_max(db, &max, err))
		return -1;
	for (;;) {
		size_t len = strcspn(text, ",");
		struct db_range one;

		if (parse_range(text, len, max, &one, err) || check_id(db, &one, err))
			return -1;
		db_ranges_add(out, one.first, one.last);
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

/* Reports a word that is no sweep; others: nor any other selector. */
static int refuse_unknown_word(const struct db_sweep *v, size_t n, const char *word, bool others,
			       struct err *err)
{
	struct strs names = {0};
	const char *near;

	for (size_t i = 0; i < n; i++)
		strs_add(&names, v[i].name);
	strs_add(&names, "last"); /* not "all", which may be meant least */
	near = guess_nearest(word, (const char *const *)names.v);
	if (n == 0)
		err_set(err, ERR_USAGE,
			"no sweep '%s': there are no jobs yet, slurmq expand FILE adds some", word);
	else if (near)
		err_set(err, ERR_USAGE, "no sweep '%s', did you mean '%s'?", word, near);
	else
		err_set(err, ERR_USAGE, "no sweep '%s': slurmq status lists them%s", word,
			others ? "; other selectors are ids (17, 1-10), all, last, a state such as "
				 "failed, and a parameter such as lr=0.1"
			       : "");
	strs_release(&names);
	return -1;
}

static int find_sweep(struct db *db, const char *name, bool others, int64_t *id, struct err *err)
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
		refuse_unknown_word(v, n, name, others, err);
	db_sweeps_free(v, n);
	return rc;
}

int select_sweep(struct db *db, const char *name, int64_t *id, struct err *err)
{
	return find_sweep(db, name, false, id, err);
}

static bool is_param(struct db *db, const char *word)
{
	struct strs names = {0};
	bool found = !db_param_names(db, &names, NULL) && strs_has(&names, word);

	strs_release(&names);
	return found;
}

/* Parses a word that is a sweep or, if no sweep has that name, a state. */
static int parse_sweep(struct db *db, const char *word, struct selection *out, struct err *err)
{
	struct err unknown = {0};
	int64_t sweep;

	if (!find_sweep(db, word, true, &sweep, err)) {
		out->jobs.sweeps = mem_grow(out->jobs.sweeps, out->jobs.nsweeps + 1,
					    sizeof(*out->jobs.sweeps));
		out->jobs.sweeps[out->jobs.nsweeps++] = sweep;
		return 0;
	}
	if (err->status != ERR_USAGE || parse_states(word, &out->jobs, &unknown))
		return is_param(db, word)
			       ? err_set(err, ERR_USAGE,
					 "no sweep '%s', but a parameter: %s=VALUE, or in quotes: "
					 "'%s<VALUE'",
					 word, word, word)
			       : -1;
	out->states = true;
	return 0;
}

static int parse_selector(struct db *db, const char *text, struct selection *out, struct err *err)
{
	struct db_expr *test = NULL;
	int rc;

	out->chosen |= strcmp(text, "all") != 0;
	if (*text >= '0' && *text <= '9')
		return parse_ids(db, text, &out->jobs.ids, err);
	out->ids = false;
	if (!strcmp(text, "all")) {
		out->all = true;
		return 0;
	}
	rc = expr_parse_word(db, text, &test, err);
	if (rc == DB_NONE)
		return parse_sweep(db, text, out, err);
	out->jobs.expr = db_expr_join(EXPR_AND, out->jobs.expr, test);
	return rc;
}

static int parse_options(struct db *db, const struct select_args *opts, struct selection *out,
			 struct err *err)
{
	struct db_expr *expr = NULL;

	if (opts && opts->states) {
		out->states = out->chosen = true;
		if (parse_states(opts->states, &out->jobs, err))
			return -1;
	}
	if (opts && opts->where) {
		out->chosen = true;
		if (expr_parse(db, opts->where, &expr, err))
			return err_prefix(err, "in -w");
		out->jobs.expr = db_expr_join(EXPR_AND, out->jobs.expr, expr);
	}
	return 0;
}

int selection_parse(struct db *db, int n, char **args, const struct select_args *opts,
		    struct selection *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->ids = n > 0;
	for (int i = 0; i < n; i++)
		if (parse_selector(db, args[i], out, err))
			return -1;
	db_ranges_sort(&out->jobs.ids);
	return parse_options(db, opts, out, err);
}

void selection_release(struct selection *s)
{
	db_select_release(&s->jobs);
}

void selection_narrow(struct selection *s, unsigned states)
{
	s->jobs.allowed = s->jobs.allowed ? s->jobs.allowed & states : states;
	if (!s->jobs.allowed)
		s->jobs.allowed = 1U << JOB_NSTATES; /* no state is left */
}
