/*
 * health.c - reads the state of the chain from the database, without asking Slurm.
 */
#include "chain/health.h"

#include "chain/cancel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/bad_value.h"
#include "chain/breaker.h"
#include "chain/hosts.h"
#include "chain/limits.h"
#include "chain/sentinel.h"
#include "chain/via.h"
#include "lib/clock.h"
#include "lib/number.h"
#include "store/setting.h"
#include "store/folder.h"
#include "store/state.h"

enum {
	/* The sentinel waits for a node like any job. */
	SENTINEL_LATE_MS = 10 * 60 * 1000,
	/* sbatch has a minute. */
	FRESH_MS = 90 * 1000,
	SILENT_RUNNING_MS = 20 * 60 * 1000,
	SILENT_CANCELLED_MS = 3 * 60 * 1000,
};

const char *health_state_name(enum chain_state s)
{
	static const char *const names[] = {"idle", "alive", "stalled", "paused", "done"};

	return names[s];
}

void health_release(struct health *h)
{
	free(h->pause.words);
	free(h->pause.sweep);
	strs_release(&h->pause.hosts);
	free(h->sentinel_why);
	for (size_t i = 0; i < h->nneeds; i++) {
		free(h->needs[i].sweep);
		free(h->needs[i].words);
		strs_release(&h->needs[i].names);
	}
	free(h->needs);
	waits_free(h->waits, h->nwaits);
	limit_group_blocks_release(h->blocks, h->nblocks);
	memset(h, 0, sizeof(*h));
}

/* ---- actions for a person ---- */

static struct health_need *add_need(struct health *h, enum health_need_kind kind)
{
	struct health_need *n;

	h->needs = mem_grow(h->needs, h->nneeds + 1, sizeof(*h->needs));
	n = &h->needs[h->nneeds++];
	memset(n, 0, sizeof(*n));
	n->kind = kind;
	return n;
}

static struct health_need *add_sweep_need(struct health *h, enum health_need_kind kind,
					  const struct db_sweep *s, int64_t jobs)
{
	struct health_need *n = add_need(h, kind);

	n->sweep = mem_strdup(s->name);
	n->jobs = jobs;
	return n;
}

/* Adds a need for each value whose jobs the breaker holds, and sets *jobs to their number. */
static int add_values(struct store *store, struct health *h, const struct db_sweep *s, bool many,
		      int64_t *jobs, struct err *err)
{
	struct bad_value *v;
	size_t n;
	int rc = bad_values_get(store->db, s->id, &v, &n, err);

	*jobs = 0;
	if (!rc && n)
		rc = bad_values_count(store->db, s->id, v, n, err);
	for (size_t i = 0; i < n && !rc; i++) {
		struct health_need *need;

		if (!v[i].jobs)
			continue;
		*jobs += v[i].jobs;
		need = add_sweep_need(h, NEED_VALUE, s, v[i].jobs);
		need->reason = REASON_BREAKER;
		need->failed = v[i].failed;
		need->tried = v[i].tried;
		need->job = v[i].job;
		need->many = many;
		need->names = v[i].words;
		memset(&v[i].words, 0, sizeof(v[i].words));
	}
	bad_values_release(v, n);
	return rc;
}

static int count_held(struct db *db, int64_t sweep, int reason, int64_t *n, struct err *err)
{
	const struct db_select select = {.sweeps = &sweep, .nsweeps = 1, .reasons = 1U << reason};

	return db_jobs_count(db, &select, n, err);
}

/* Adds the needs of held jobs: each reason for which jobs are held is a need of its own. */
static int add_held(struct store *store, struct health *h, const struct db_sweep *s, bool many,
		    struct err *err)
{
	struct health_need *n;
	char *words = NULL;
	int64_t refused, users, values;

	if (state_get_refused(store->db, s->id, &words, err) < 0 ||
	    count_held(store->db, s->id, REASON_REFUSED, &refused, err) ||
	    count_held(store->db, s->id, REASON_USER, &users, err) ||
	    add_values(store, h, s, many, &values, err)) {
		free(words);
		return -1;
	}
	if (refused) {
		if (words)
			words[strcspn(words, "\n")] = '\0';
		n = add_sweep_need(h, NEED_REFUSED, s, refused);
		n->reason = REASON_REFUSED;
		n->words = words;
		words = NULL;
	}
	if (users)
		add_sweep_need(h, NEED_HELD, s, users)->reason = REASON_USER;
	free(words);
	return 0;
}

/* Adds "30 EXIT" to the names of a need. */
static int add_reason_count(void *arg, const char *const *values, const int64_t *counts)
{
	struct health_need *need = arg;
	int64_t reason;

	if (values[0] && number_to_int(values[0], &reason))
		strs_addf(&need->names, "%" PRId64 " %s", counts[JOB_FAILED],
			  job_reason_name((int)reason));
	return 0;
}

static int add_failed(struct store *store, struct health *h, const struct db_sweep *s,
		      struct err *err)
{
	int64_t sweep = s->id;
	const struct db_select select = {
		.sweeps = &sweep, .nsweeps = 1, .states = 1U << JOB_FAILED};
	const struct db_field by = {.kind = FIELD_REASON};

	return db_jobs_group(store->db, &select, &by, 1, add_reason_count,
			     add_sweep_need(h, NEED_FAILED, s, s->counts[JOB_FAILED]), err);
}

static int add_sweeps(struct store *store, struct health *h, struct err *err)
{
	struct db_sweep *v;
	int rc = 0;
	size_t n;

	if (db_sweeps(store->db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n && !rc; i++) {
		if (v[i].paused && v[i].counts[JOB_PENDING])
			add_sweep_need(h, NEED_RESUME_SWEEP, &v[i], v[i].counts[JOB_PENDING]);
		if (v[i].counts[JOB_FAILED])
			rc = add_failed(store, h, &v[i], err);
		if (!rc && v[i].counts[JOB_HELD])
			rc = add_held(store, h, &v[i], n > 1, err);
	}
	db_sweeps_free(v, n);
	return rc;
}

/* Adds the needs of jobs that wait in Slurm and will not start by themselves. */
static void add_waits(struct health *h)
{
	for (size_t i = 0; i < h->nwaits; i++)
		if (h->waits[i].kind != WAIT_ENDS)
			add_need(h, NEED_WAITS)->wait = &h->waits[i];
}

static void add_pause(struct health *h)
{
	struct health_need *n = add_need(h, NEED_RESUME);

	if (h->pause.hosts.n)
		n->kind = NEED_LOCKS;
	else if (h->pause.job)
		n->kind = NEED_REPAIR;
	for (size_t i = 0; i < h->pause.hosts.n; i++)
		strs_add(&n->names, h->pause.hosts.v[i]);
	n->job = h->pause.job;
}

static int add_nodes(struct store *store, struct health *h, struct err *err)
{
	struct strs nodes = {0};

	if (breaker_nodes(store->db, &nodes, err)) {
		strs_release(&nodes);
		return -1;
	}
	if (nodes.n)
		add_need(h, nodes.n > BREAKER_NODES_MOST ? NEED_MANY_NODES : NEED_NODES)->names =
			nodes;
	return 0;
}

static int add_held_sentinel(struct store *store, struct health *h, struct err *err)
{
	struct health_need *n;
	int64_t held;

	if (h->state == CHAIN_DONE || h->state == CHAIN_PAUSED)
		return 0;
	if (state_get_int(store->db, STATE_SENTINEL_HELD, &held, err))
		return -1;
	n = add_need(h, NEED_SENTINEL);
	n->slurm_job = h->sentinel_job;
	n->by_admin = held == SENTINEL_HELD_ADMIN;
	return 0;
}

/* Adds the need that jobs cannot submit. The error of the host that submits is in their logs,
 * too. */
static int add_via(struct store *store, struct health *h, struct err *err)
{
	char *words = NULL;
	int rc = state_get_text(store->db, STATE_VIA_FAILED, &words, err);

	if (!rc)
		add_need(h, NEED_VIA)->words = words;
	return rc < 0 ? -1 : 0;
}

/* Adds the need that jobs wait after submit --try, with those of its jobs that failed and that their
 * policy tries again. */
static int add_trial(struct store *store, struct health *h, struct err *err)
{
	struct health_need *n = add_need(h, NEED_TRIAL);

	return db_jobs_retried(store->db, &n->failed, &n->job, err);
}

/* work: jobs are pending, not only in paused sweeps. */
static int add_needs(struct store *store, struct health *h, bool paused, bool work, struct err *err)
{
	if (paused)
		add_pause(h);
	if (add_nodes(store, h, err) ||
	    (h->sentinel == SENTINEL_HELD && add_held_sentinel(store, h, err)) ||
	    (work && add_via(store, h, err)))
		return -1;
	if (h->trial && work && h->state != CHAIN_PAUSED) {
		if (add_trial(store, h, err))
			return -1;
	} else if (h->state == CHAIN_STALLED) {
		add_need(h, NEED_SUBMIT);
	} else if (h->state == CHAIN_IDLE && !h->last_refill) {
		add_need(h, NEED_FIRST_SUBMIT);
	}
	add_waits(h);
	return add_sweeps(store, h, err);
}

/* ---- the chain's state ---- */

static bool is_locked(struct store *store, const char *lock)
{
	int fd, rc = folder_lock(store->folder, lock, &fd, NULL);

	if (!rc)
		folder_unlock(fd);
	return rc == FOLDER_BUSY;
}

/* Returns whether a job stays after its end: it holds the lock while it tries to submit, or
 * waits for the end of the hold-off. */
static bool is_job_staying(struct store *store)
{
	return is_locked(store, FOLDER_LAST) ||
	       cancel_phase(store->folder, NULL) == CANCEL_HOLD_OFF;
}

/* Reads the sentinel as last seen, without asking Slurm. */
static int read_sentinel(struct store *store, struct health *c, struct err *err)
{
	struct limits limit;
	int64_t every, at, job, jobs, held;

	if (limits_get(store, &limit, err))
		return -1;
	jobs = limit.jobs;
	limits_release(&limit);
	if (limits_sentinel_s(store, jobs, &every, err) ||
	    state_get_text(store->db, STATE_SENTINEL_REFUSED, &c->sentinel_why, err) < 0 ||
	    state_get_int(store->db, STATE_SENTINEL_AT, &at, err) ||
	    state_get_int(store->db, STATE_SENTINEL_JOB, &job, err) ||
	    state_get_int(store->db, STATE_SENTINEL_BEGIN, &c->sentinel_begin, err) ||
	    state_get_int(store->db, STATE_SENTINEL_HELD, &held, err))
		return -1;
	c->sentinel_job = (uint64_t)job;
	c->sentinel = c->sentinel_why ? SENTINEL_REFUSED
		      : !every	      ? SENTINEL_OFF
		      : at && job     ? held ? SENTINEL_HELD : SENTINEL_WAITING
				      : SENTINEL_NONE;
	return 0;
}

/* Returns whether the sentinel waits in Slurm, and its begin time is in the future or has just
 * passed. */
static bool is_sentinel_due(const struct health *c)
{
	return c->sentinel == SENTINEL_WAITING &&
	       c->sentinel_begin + SENTINEL_LATE_MS > clock_now_ms();
}

static int read_pause(struct db *db, struct health_pause *p, struct err *err)
{
	struct db_job job;
	char *pair = NULL;
	int rc;

	if (state_get_text(db, STATE_PAUSED_WHY, &p->words, err) < 0 ||
	    hosts_local(db, &pair, err) < 0 ||
	    state_get_int(db, STATE_BREAKER_FAILURES, &p->failures, err) ||
	    state_get_int(db, STATE_BREAKER_JOB, &p->job, err) ||
	    state_get_int(db, STATE_CANCELLED_JOBS, &p->cancelled, err) ||
	    state_get_int(db, STATE_CANCELLED_AT, &p->cancelled_at, err))
		rc = -1;
	else
		rc = p->job ? db_job_get(db, p->job, &job, err) : DB_NONE;
	setting_words(pair, &p->hosts);
	free(pair);
	if (!rc) {
		p->sweep = mem_strdup(job.sweep_name);
		db_job_release(&job);
	}
	return rc < 0 ? -1 : 0;
}

int health_read(struct store *store, struct health *out, struct err *err)
{
	int64_t counts[JOB_NSTATES], work, paused, trial, jobs = 0, in_flight;

	memset(out, 0, sizeof(*out));
	if (db_counts(store->db, counts, err) || db_count_work(store->db, &work, err) ||
	    state_get_int(store->db, STATE_PAUSED, &paused, err) ||
	    state_get_int(store->db, STATE_TRIAL, &trial, err) ||
	    state_get_int(store->db, STATE_CHAIN_LAST_REFILL, &out->last_refill, err) ||
	    (paused && read_pause(store->db, &out->pause, err)) || read_sentinel(store, out, err) ||
	    db_jobs_later(store->db, &out->later, &out->later_at, err))
		return -1;
	out->trial = trial;
	for (int i = 0; i < JOB_NSTATES; i++)
		jobs += counts[i];
	in_flight = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
	/* with no job in Slurm, one is tried from every group, so blocks do not count */
	if (work && in_flight && limit_groups_show(store->db, &out->blocks, &out->nblocks, err))
		return -1;
	if (paused)
		out->state = CHAIN_PAUSED;
	else if (in_flight > counts[JOB_SUBMITTING])
		out->state = CHAIN_ALIVE;
	else if (in_flight) /* no job is known to be in Slurm, but one may just be submitting */
		out->state = clock_now_ms() - out->last_refill < FRESH_MS ||
					     is_job_staying(store) || is_sentinel_due(out)
				     ? CHAIN_ALIVE
				     : CHAIN_STALLED;
	else if (work)
		out->state = !out->last_refill || trial			     ? CHAIN_IDLE
			     : is_job_staying(store) || is_sentinel_due(out) ? CHAIN_ALIVE
									     : CHAIN_STALLED;
	else if (counts[JOB_PENDING])
		out->state = CHAIN_PAUSED;
	else
		out->state = jobs && !counts[JOB_HELD] ? CHAIN_DONE : CHAIN_IDLE;
	if (in_flight && waits_read(store->db, &out->waits, &out->nwaits, err))
		return -1;
	if (out->state == CHAIN_STALLED && db_last_cancelled(store->db, &out->only_cancelled, err))
		return -1;
	if (!jobs)
		return 0;
	return add_needs(store, out, paused, work > 0, err);
}

enum health_sign health_sign(struct store *store, const struct health *h, const int64_t *counts)
{
	const bool due = cancel_phase(store->folder, NULL) == CANCEL_DUE;
	int64_t age;

	if (h->state != CHAIN_STALLED && !counts[JOB_RUNNING] && !due)
		return SIGN_FINE;
	age = folder_file_age(store->folder, "queue.lock");
	if (due && age >= SILENT_CANCELLED_MS)
		return SIGN_CANCELLED;
	if (counts[JOB_RUNNING] && age >= SILENT_RUNNING_MS)
		return SIGN_RUNNING;
	return h->state == CHAIN_STALLED && age >= FRESH_MS ? SIGN_STALLED : SIGN_FINE;
}
