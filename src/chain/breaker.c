#include "chain/breaker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/bad_node.h"
#include "chain/bad_value.h"
#include "chain/value_cap.h"
#include "lib/clock.h"
#include "store/state.h"

enum {
	FAST_MS = 60 * 1000, /* a failure within this time counts */
	DEATHS = 3,
	VALUE_LEAST = 3, /* so many jobs must share a value, whatever the setting */
	LISTED = 4,	 /* failed attempts that are remembered, as a multiple of the setting */
	OUT_MS = 24 * 3600 * 1000,
};

static bool is_valid_node_name(const char *node)
{
	return node && *node && *node != '-' && strlen(node) < 64 &&
	       !node[strspn(node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-")];
}

/* Clears a node's failures a day after the node was excluded. */
static void clear_old_failures(struct state_node *r)
{
	int64_t now = clock_now_ms();

	if (r->out && (now < r->out - OUT_MS || now >= r->out + OUT_MS))
		memset(r, 0, sizeof(*r));
}

/* Clears the failures of a node on which an attempt succeeded. */
static int clear_node(struct db *db, const char *node, struct err *err)
{
	struct state_node r;
	int rc;

	if (!is_valid_node_name(node))
		return 0;
	/* nearly every time no value is set, and then the database is not written */
	rc = state_get_node(db, node, &r, err);
	return rc ? (rc < 0 ? -1 : 0) : state_unset_node(db, node, err);
}

static int reset_count(struct db *db, struct err *err)
{
	int64_t n;

	/* nearly every time the count is 0, and then the database is not written */
	if (state_get_int(db, STATE_BREAKER_N, &n, err))
		return -1;
	if (!n)
		return 0;
	return state_unset_int(db, STATE_BREAKER_N, err) ||
			       state_unset_int(db, STATE_BREAKER_NEXT, err) ||
			       state_unset_int(db, STATE_BREAKER_UNSURE, err)
		       ? -1
		       : 0;
}

/* Releases the jobs that are held for a value of the completed job. */
static int clear_values(struct db *db, int64_t job, struct err *err)
{
	struct db_job row = {0};
	int64_t *sweeps = NULL;
	size_t n;
	int rc = state_get_held_sweeps(db, &sweeps, &n, err);

	free(sweeps);
	if (rc || !n)
		return rc;
	rc = db_job_get_any(db, job, &row, err);
	if (!rc)
		rc = bad_values_completed(db, &row, err);
	db_job_release(&row);
	return rc < 0 ? -1 : 0;
}

int breaker_completed(struct db *db, int64_t job, const char *node, struct err *err)
{
	return reset_count(db, err) || clear_node(db, node, err) || clear_values(db, job, err) ? -1
											       : 0;
}

int breaker_forgive_nodes(struct db *db, struct err *err)
{
	return state_unset_nodes(db, err);
}

int breaker_reset(struct db *db, struct err *err)
{
	if (breaker_forgive_nodes(db, err) || reset_count(db, err) || state_unset_failed(db, err) ||
	    state_unset_int(db, STATE_BREAKER_FAILURES, err) ||
	    state_unset_int(db, STATE_BREAKER_JOB, err))
		return -1;
	return 0;
}

int breaker_nodes(struct db *db, struct strs *nodes, struct err *err)
{
	struct strs names = {0};
	struct state_node *v;
	int rc = state_get_nodes(db, &names, &v, err);

	for (size_t i = 0; i < names.n && !rc; i++) {
		clear_old_failures(&v[i]);
		if (v[i].out)
			strs_add(nodes, names.v[i]);
	}
	strs_release(&names);
	free(v);
	return rc;
}

/* ---- a failure and its node ---- */

/* Counts a quick failure against its node. Sets *out if the node is excluded, by now or already. */
static int count_node_failure(struct db *db, const struct db_attempt *a, int64_t sweep, bool *out,
			      struct err *err)
{
	struct state_node r;
	struct strs nodes = {0};
	bool bad = false;
	int rc = state_get_node(db, a->node, &r, err) < 0 ? -1 : 0;

	clear_old_failures(&r);
	if (!r.deaths++)
		r.since = a->started;
	if (!rc && !r.out && r.deaths >= DEATHS) {
		rc = breaker_nodes(db, &nodes, err);
		if (!rc)
			rc = bad_node_judge(db, a->node, sweep, r.since, &nodes, &bad, err);
		if (bad) {
			r.out = clock_now_ms();
			rc = reset_count(db, err);
		}
	}
	strs_release(&nodes);
	*out = r.out > 0;
	if (!rc)
		rc = state_set_node(db, a->node, &r, err);
	return rc;
}

/* ---- a failure and its values ---- */

/* The sweep's jobs that failed within a minute, each once, the newest last. */
struct failures {
	struct db_job *jobs;
	size_t n;
	char *node;   /* all failed there; NULL: on several nodes, or unknown */
	bool several; /* nodes */
};

static void failures_release(struct failures *f)
{
	db_jobs_free(f->jobs, f->n);
	free(f->node);
	memset(f, 0, sizeof(*f));
}

/* Reads the attempts of a sweep that failed, as texts. */
static int read_list(struct db *db, int64_t sweep, struct strs *list, struct err *err)
{
	char *text = NULL;
	int rc = state_get_failed(db, sweep, &text, err) < 0 ? -1 : 0;

	for (const char *p = text; p && *p;) {
		size_t len = strcspn(p, " ");

		strs_take(list, mem_strndup(p, len));
		p += len + (p[len] == ' ');
	}
	free(text);
	return rc;
}

/* Appends an attempt to the list of those that failed, and removes the oldest beyond most. */
static int remember_failure(struct db *db, const struct db_attempt *a, int64_t sweep, size_t most,
			    struct strs *list, struct err *err)
{
	struct buf text = {0};
	int rc = read_list(db, sweep, list, err);

	strs_addf(list, "%" PRId64, a->id);
	for (size_t i = list->n > most ? list->n - most : 0; i < list->n; i++)
		buf_addf(&text, "%s%s", text.len ? " " : "", list->v[i]);
	if (!rc)
		rc = state_set_failed(db, sweep, buf_str(&text), err);
	buf_release(&text);
	return rc;
}

/* What does not count among the failures: nodes that are excluded, values that are held. */
struct explained {
	struct strs nodes;
	struct bad_value *values;
	size_t n;
};

static bool is_explained(const struct explained *x, const struct db_attempt *a,
			 const struct db_job *job)
{
	for (size_t i = 0; i < x->n; i++)
		if (bad_value_has(&x->values[i], &job->point))
			return true;
	return a->node && strs_has(&x->nodes, a->node);
}

/* Adds the job of an attempt, once, unless something else explains its failure or the sweep has
 * another version since. */
static int add_failed_job(struct db *db, int64_t attempt, const struct explained *x,
			  struct failures *f, struct err *err)
{
	struct db_attempt a;
	struct db_job job = {0};
	bool counts;
	int rc = db_attempt_get(db, attempt, &a, err);

	if (!rc)
		rc = db_job_get_any(db, a.job, &job, err);
	counts = !rc && a.version == job.version && job.attempt == a.id &&
		 !is_explained(x, &a, &job);
	if (counts) {
		f->jobs = mem_grow(f->jobs, f->n + 1, sizeof(*f->jobs));
		f->jobs[f->n++] = job;
		f->several = f->several || !a.node || (f->node && strcmp(f->node, a.node) != 0);
		if (!f->node && a.node)
			f->node = mem_strdup(a.node);
	} else {
		db_job_release(&job);
	}
	db_attempt_release(&a);
	return rc < 0 ? -1 : 0;
}

/* Reads the failures that nothing explains. sure: the value that was held last explains some, even
 * if it may be the wrong one. */
static int read_failures(struct db *db, int64_t sweep, const struct strs *list, bool sure,
			 struct failures *f, struct err *err)
{
	struct explained x = {0};
	int64_t unsure = 0;
	size_t n = 0;
	int rc = breaker_nodes(db, &x.nodes, err);

	if (!rc)
		rc = state_get_int(db, STATE_BREAKER_UNSURE, &unsure, err);
	if (!rc)
		rc = bad_values_get(db, sweep, &x.values, &n, err);
	while (x.n < n && !x.values[x.n].capped)
		x.n++;
	x.n -= x.n && unsure == sweep && !sure;
	for (size_t i = 0; i < list->n && !rc; i++)
		rc = add_failed_job(db, strtoll(list->v[i], NULL, 10), &x, f, err);
	bad_values_release(x.values, n);
	strs_release(&x.nodes);
	return rc;
}

/* The value v takes the place of one that was held since the last completed job. more: until a job
 * completes, v may be the wrong one as well, so that so many further failures trip the breaker
 * again; 0: it is the right one. */
static int replace_unsure(struct db *db, int64_t sweep, const struct bad_value *v, int64_t more,
			  struct err *err)
{
	int64_t n, unsure;

	if (state_get_int(db, STATE_BREAKER_UNSURE, &unsure, err) ||
	    state_get_int(db, STATE_BREAKER_N, &n, err) ||
	    (unsure == sweep && bad_values_drop(db, sweep, v, err)))
		return -1;
	if (!more)
		return state_unset_int(db, STATE_BREAKER_UNSURE, err);
	return state_set_int(db, STATE_BREAKER_UNSURE, sweep, err) ||
			       state_set_int(db, STATE_BREAKER_NEXT, n + more, err)
		       ? -1
		       : 0;
}

/* Holds the jobs of the value that explains the failures, if there is one. Sets *held if others are
 * left to go on with. blind: no job of the sweep has completed, so that every value looks bad; then
 * only a value that all failures share counts. */
static int hold_value(struct db *db, int64_t sweep, const struct failures *f, bool blind,
		      int64_t least, bool *held, struct err *err)
{
	struct suspects s, none = {0};
	struct bad_value *v = NULL;
	bool left = false;
	int rc;

	suspects_list(f->jobs, f->n, f->n - 1, blind ? f->n : (size_t)least, &s);
	rc = suspects_clear(db, sweep, f->several ? NULL : f->node, &s, err);
	if (!rc && s.n) /* the jobs of a suspect that is innocent are left to go on with */
		rc = value_cap_set(db, sweep, &none, least, err);
	if (!rc)
		rc = suspects_choose(db, sweep, &s, &v, &left, err);
	*held = left;
	if (!rc && v) {
		/* a single value that nothing is left without may be guilty instead of a pair */
		bool pair = v->words.n > 1 && s.v[0].words.n == 1;

		rc = replace_unsure(db, sweep, v,
				    !left  ? 0
				    : pair ? 1
					   : (least + 1) / 2,
				    err) ||
				     bad_values_hold(db, sweep, v, err)
			     ? -1
			     : 0;
	}
	suspects_release(&s);
	return rc;
}

/* Caps the values that the failures of a sweep make suspect; none if the queue is paused. */
static int cap_values(struct db *db, int64_t sweep, struct err *err)
{
	struct failures f = {0};
	struct strs list = {0};
	struct db_sweep row = {0};
	struct suspects s = {0};
	int64_t most = 0, paused = 0;
	int rc = state_get_int(db, STATE_BREAKER, &most, err) ||
				 state_get_int(db, STATE_PAUSED, &paused, err) ||
				 read_list(db, sweep, &list, err) ||
				 db_sweep_get(db, sweep, &row, err)
			 ? -1
			 : 0;

	if (!rc && most > 0 && !paused && list.n >= VALUE_LEAST)
		rc = read_failures(db, sweep, &list, true, &f, err);
	if (!rc && f.n >= VALUE_LEAST) {
		suspects_list(f.jobs, f.n, 0, row.counts[JOB_COMPLETED] ? VALUE_LEAST : f.n, &s);
		rc = suspects_clear(db, sweep, f.several ? NULL : f.node, &s, err);
	}
	if (!rc)
		rc = value_cap_set(db, sweep, &s, most < VALUE_LEAST ? VALUE_LEAST : most, err);
	suspects_release(&s);
	failures_release(&f);
	strs_release(&list);
	db_sweep_release(&row);
	return rc;
}

/* Forgets the values of the sweep whose jobs were all released, and then its failures. */
static int prune_values(struct db *db, int64_t sweep, struct err *err)
{
	bool forgot;

	return bad_values_prune(db, sweep, &forgot, err) ||
			       (forgot && state_set_failed(db, sweep, "", err))
		       ? -1
		       : 0;
}

static int review_sweep(struct db *db, int64_t sweep, bool *any, struct err *err)
{
	struct bad_value *v;
	size_t n;
	bool capped;
	int rc = bad_values_get(db, sweep, &v, &n, err);

	capped = !rc && n && v[n - 1].capped;
	bad_values_release(v, n);
	*any = *any || capped;
	if (!rc && capped)
		rc = prune_values(db, sweep, err) || cap_values(db, sweep, err) ? -1 : 0;
	return rc;
}

int breaker_review(struct db *db, bool *any, struct err *err)
{
	int64_t *sweeps = NULL;
	size_t n;
	int rc = state_get_held_sweeps(db, &sweeps, &n, err);

	*any = false;
	for (size_t i = 0; i < n && !rc; i++)
		rc = review_sweep(db, sweeps[i], any, err);
	free(sweeps);
	return rc;
}

/* Adds the failure to the values whose jobs are held. Sets *known if the job has one, and *last if
 * there is nothing to go on with. */
static int count_known(struct db *db, const struct db_job *job, bool *known, bool *last,
		       struct err *err)
{
	int64_t n[JOB_NSTATES];

	if (prune_values(db, job->sweep, err) || bad_values_failed(db, job, known, err) ||
	    db_counts(db, n, err))
		return -1;
	*last = !(n[JOB_PENDING] + n[JOB_SUBMITTING] + n[JOB_QUEUED]);
	return 0;
}

/* ---- a failure ---- */

/* Pauses the queue, so that no value is capped any more. A value that was held since the last
 * completed job was not the cause. */
static int pause_queue(struct db *db, int64_t failures, int64_t job, struct err *err)
{
	int64_t unsure;
	bool any;

	return state_get_int(db, STATE_BREAKER_UNSURE, &unsure, err) ||
			       state_set_int(db, STATE_PAUSED, 1, err) ||
			       breaker_review(db, &any, err) ||
			       (unsure && bad_values_drop(db, unsure, NULL, err)) ||
			       state_unset_int(db, STATE_BREAKER_UNSURE, err) ||
			       state_set_int(db, STATE_BREAKER_FAILURES, failures, err) ||
			       state_set_int(db, STATE_BREAKER_JOB, job, err)
		       ? -1
		       : 0;
}

/* Finds the value that explains the failures of a sweep, and holds its jobs. trips: so many were
 * in a row that the queue is paused otherwise. */
static int judge_values(struct db *db, const struct db_attempt *a, int64_t sweep, int64_t most,
			bool trips, bool *held, struct err *err)
{
	int64_t unsure = 0, least = most < VALUE_LEAST ? VALUE_LEAST : most;
	struct failures f = {0};
	struct strs list = {0};
	struct db_sweep row = {0};
	int rc = remember_failure(db, a, sweep, (size_t)least * LISTED, &list, err);
	bool blind, due;

	*held = false;
	if (!rc)
		rc = db_sweep_get(db, sweep, &row, err);
	if (!rc)
		rc = state_get_int(db, STATE_BREAKER_UNSURE, &unsure, err);
	blind = !row.counts[JOB_COMPLETED];
	due = !rc && (int64_t)list.n >= least && (trips || !unsure);
	if (due)
		rc = read_failures(db, sweep, &list, false, &f, err);
	if (due && !rc && (int64_t)f.n >= least)
		rc = hold_value(db, sweep, &f, blind, least, held, err);
	failures_release(&f);
	strs_release(&list);
	db_sweep_release(&row);
	return rc < 0 ? -1 : 0;
}

/* Counts a failure. At the limit, holds the jobs of a bad value or pauses the queue; before, caps
 * the values that are suspect. */
static int count_failure(struct db *db, const struct db_attempt *a, const struct db_job *job,
			 struct err *err)
{
	int64_t n, most, next, paused;
	bool known, last, held = false;

	if (state_get_int(db, STATE_BREAKER, &most, err) ||
	    state_get_int(db, STATE_BREAKER_N, &n, err) ||
	    state_get_int(db, STATE_BREAKER_NEXT, &next, err) ||
	    state_get_int(db, STATE_PAUSED, &paused, err) ||
	    count_known(db, job, &known, &last, err))
		return -1;
	if (most <= 0 || paused || (known && !last))
		return 0;
	if (!next)
		next = most;
	if (state_set_int(db, STATE_BREAKER_N, ++n, err) ||
	    /* a value has no part in a failure before the command began */
	    (a->started && !known && judge_values(db, a, job->sweep, most, n >= next, &held, err)))
		return -1;
	if (n >= next && !held)
		return pause_queue(db, n, a->job, err);
	return a->started && !known ? cap_values(db, job->sweep, err) : 0;
}

int breaker_failed(struct db *db, const struct db_attempt *a, const struct db_job *job, bool again,
		   struct err *err)
{
	int64_t lived = a->started && a->ended > a->started ? a->ended - a->started : 0;
	bool out = false;

	if (a->reason != REASON_EXIT && a->reason != REASON_SIGNAL &&
	    a->reason != REASON_OUT_OF_MEMORY && (a->reason != REASON_BOOT_FAIL || a->started))
		return 0;
	if (!again && a->started && is_valid_node_name(a->node) &&
	    (lived < BAD_NODE_QUICK_MS ? count_node_failure(db, a, job->sweep, &out, err)
				       : clear_node(db, a->node, err)))
		return -1;
	if (lived >= FAST_MS)
		return reset_count(db, err);
	return again || out ? 0 : count_failure(db, a, job, err);
}
