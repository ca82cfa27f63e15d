/*
 * queue.c - keep the queue full.
 *
 * The order of effects, and who mends it where a process dies between two of them:
 *
 *   1. gate      one holder at a time; the kernel lets go for the dead
 *   2. look      files are listed; rights of refused submissions are taken back (retired/)
 *   3. BEGIN     tell the database what the files say; choose pending jobs; render them
 *   4. ticket    sbatch is started: half of its time goes by before it reads a script, and it gets none
 *                before 6; without one it makes no job
 *                tickets/T and ready/T.* durable  - died here: a ticket without a row; reconcile drops it
 *   5. COMMIT    rows are `submitting`            - died here: spool files are told twice, which is nothing
 *   6. script    sbatch goes on                   - died before: no job; after 10 minutes without one of
 *                                                   that name reconcile takes the rights back
 *   7. unlink    what was told; gate released;
 *                sbatch ends: a Slurm job, or none - died here: reconcile finds the job by its name
 *   8. answer    spool/T.answer                   - died here: the next drain tells it; lost, as 7
 *
 * Nothing is waited for while the gate is held but the disk.
 */
#include "chain/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/brake.h"
#include "chain/cancel.h"
#include "lib/clock.h"
#include "lib/failpoint.h"
#include "chain/hosts.h"
#include "lib/proc.h"
#include "chain/queue_internal.h"
#include "store/setting.h"

enum {
	MAX_ROUNDS = 40,
	LIMIT_MOST = 1000,
	LIMIT_DEFAULT = 200,
	LIMIT_MAX_AGE_MS = 30 * 60 * 1000,
	LIMIT_USER_AGE_MS = 60 * 1000,
	SENTINEL_LATE_MS = 10 * 60 * 1000, /* it waits for a node like any job */
	FRESH_MS = 90 * 1000,		   /* sbatch has a minute */
};

/* The sbatch that was started ahead of the commit, for the first batch of a claim. */
struct early {
	const struct batch *of; /* NULL: none */
	struct slurm_submission s;
	struct submission_text own;
	struct slurm_sbatch *sbatch;
	bool fed; /* there may be a job: it is not given up any more */
};

/* What a fill carries along. */
struct fill {
	struct store *store;
	const struct queue_opts *o;
	struct queue_result *r;
	struct loader loader;
	int64_t max_array, kill_wait_s;
	struct pools pools;
	int refusals, limits;
	bool unblock; /* a person has asked: nothing that was learnt stands in the way */
	bool drain_only;
	struct early early;
	char *via;	      /* reaches the host that submits; NULL: this one does */
	bool via_due;	      /* there is something for it */
	enum queue_stop stop; /* why submitting ended, where it did not go well */
	bool failed;	      /* with this: */
	struct err why;
};

void queue_result_release(struct queue_result *r)
{
	free(r->text);
	free(r->refused_sweep);
	memset(r, 0, sizeof(*r));
}

void queue_limit_release(struct queue_limit *l)
{
	free(l->from);
	memset(l, 0, sizeof(*l));
}

static void say(const struct queue_opts *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct queue_opts *o, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	if (!o->say)
		return;
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	o->say(o->say_arg, buf_str(&b));
	buf_release(&b);
}

static void set_text(struct queue_result *r, const char *text)
{
	free(r->text);
	r->text = mem_strdup(text);
}

/* ---- how many ---- */

/* A QOS shows its limits once there is a job in it (slurm.h): read them again soon. */
static int64_t read_at(const struct slurm_limit *limit)
{
	return clock_now_ms() - (limit->used > 0 ? 0 : LIMIT_MAX_AGE_MS - LIMIT_USER_AGE_MS);
}

static int store_site(struct store *store, const struct slurm_site *site,
		      const struct slurm_limit *limit, struct err *err)
{
	struct db *db = store->db;
	char *cluster = NULL;
	int rc = db_begin(db, err);

	if (rc)
		return rc;
	rc = db_setting_get(db, ".cluster", &cluster, err);
	free(cluster);
	if (rc == DB_NONE && site->cluster)
		rc = db_setting_set(db, ".cluster", site->cluster, err);
	if (rc < 0 || db_setting_set_int(db, ".site.kill_wait", site->kill_wait_s, err) ||
	    db_setting_set_int(db, ".site.max_array", site->max_array_size, err) ||
	    db_setting_set_int(db, ".limit.jobs", limit->limit, err) ||
	    db_setting_set(db, ".limit.from", limit->from ? limit->from : "", err) ||
	    db_setting_set_int(db, ".limit.at", read_at(limit), err) ||
	    (limit->limit > limit->used && limit->used >= 0 && pools_unblock(db, err)) ||
	    db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

/* The caller's name, given: from id(1), since getpwuid(3) in a static binary needs the very libc that it
 * was linked with (gcc's warning at the link tells). NULL where there is none. */
static char *user_name(void)
{
	const char *argv[] = {"id", "-un", NULL};
	struct proc_spec spec = {.argv = argv, .timeout_ms = 10000};
	struct proc_result r = {0};
	char *name = NULL;

	if (!proc_run(&spec, &r, NULL, NULL) && !r.timed_out && !r.signal && !r.exit_code) {
		name = buf_take(&r.out);
		name[strcspn(name, "\n")] = '\0';
	}
	proc_result_release(&r);
	return name;
}

/* The folder belongs to one cluster: on another that shares it, ids and names mean nothing. */
static int check_cluster(struct store *store, const char *here, struct err *err)
{
	char *ours;
	int rc = db_setting_get(store->db, ".cluster", &ours, err);

	if (!rc && here && strcmp(ours, here) != 0)
		rc = err_set(
			err, ERR_FAILED,
			"this folder's jobs are on the cluster '%s', and this is '%s': submit from there",
			ours, here);
	free(ours);
	return rc < 0 ? -1 : 0;
}

/* Ask Slurm for its limits where that was not done within max_age_ms. A Slurm that is away is no error:
 * sbatch will say so. *limit is what was read, -1 where nothing was. */
static int read_site(struct fill *f, int64_t max_age_ms, struct slurm_limit *limit, struct err *err)
{
	struct store *store = f->store;
	struct slurm_site site = {0};
	int64_t at, age;
	int rc;

	memset(limit, 0, sizeof(*limit));
	limit->limit = limit->used = -1;
	if (db_setting_int(store->db, ".limit.at", 0, &at, err))
		return -1;
	age = clock_now_ms() - at;
	if (at && age >= 0 && age < max_age_ms)
		return 0;
	/* Slurm may take its time: what the caller has to tell must not hang on that */
	if (f->o->mine && spool_event_sync(store->spool, f->o->mine, err))
		return -1;
	if (slurm_site_read(&site, NULL)) {
		slurm_site_release(&site);
		return 0;
	}
	rc = check_cluster(store, site.cluster, err);
	if (!rc) {
		char *user = user_name();
		bool told = user && !slurm_limit_read(user, limit, NULL);

		if (told || !at)
			rc = store_site(store, &site, limit, err);
		free(user);
	}
	slurm_site_release(&site);
	return rc;
}

int queue_limit(struct store *store, struct queue_limit *out, struct err *err)
{
	int64_t own, slurms;
	char *from = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	if (db_setting_int(store->db, "limit", 0, &own, err) ||
	    db_setting_int(store->db, ".limit.jobs", -1, &slurms, err))
		return -1;
	if (own > 0) {
		out->jobs = own;
		out->from = mem_strdup("slurmq config limit");
		return 0;
	}
	if (slurms < 0) {
		out->jobs = LIMIT_DEFAULT;
		rc = db_setting_int(store->db, ".limit.at", 0, &own, err);
		out->from = mem_strdup(own ? "Slurm tells none" : "until Slurm is asked");
		return rc;
	}
	rc = db_setting_get(store->db, ".limit.from", &from, err);
	if (rc < 0)
		return -1;
	out->jobs = slurms > LIMIT_MOST ? LIMIT_MOST : slurms;
	out->from = from ? from : mem_strdup("Slurm");
	return 0;
}

static int read_numbers(struct fill *f, struct err *err)
{
	struct db *db = f->store->db;

	if (db_setting_int(db, ".site.max_array", -1, &f->max_array, err) ||
	    db_setting_int(db, ".site.kill_wait", -1, &f->kill_wait_s, err))
		return -1;
	/* the largest index is MaxArraySize - 1 (slurm.conf(5), MaxArraySize) */
	if (f->max_array < 1 || f->max_array > LIMIT_MOST)
		f->max_array = f->max_array == 0 ? 1 : LIMIT_MOST;
	return 0;
}

/* Jobs were cancelled in Slurm, or SIGTERM came to this one: only a person submits now. */
static bool held_back(const struct fill *f)
{
	return f->o->caller == QUEUE_CHAIN &&
	       (proc_term_pending() || cancel_phase(f->store->spool, NULL) != CANCEL_NONE);
}

int queue_sentinel_s(struct store *store, int64_t limit, int64_t *every, struct err *err)
{
	char *value = NULL, *refused = NULL;
	int rc = db_setting_get(store->db, "sentinel", &value, err) < 0 ||
				 db_setting_get(store->db, ".sentinel.refused", &refused, err) < 0
			 ? -1
			 : 0;

	*every = rc || refused ? 0 : setting_sentinel_s(value, limit);
	free(value);
	free(refused);
	return rc;
}

void queue_pool_options(const char *pool, struct strs *options)
{
	pool_options(pool, options);
}

/* How many to claim now: by deficit, never one for one. Sets r->stop where that is none. */
static int deficit(struct fill *f, const struct drained *d, int64_t *n, struct err *err)
{
	struct queue_result *r = f->r;
	int64_t counts[JOB_NSTATES], reserve, target, paused, sentinel;
	struct queue_limit limit;

	*n = 0;
	if (db_counts(f->store->db, counts, err) ||
	    db_setting_int(f->store->db, "reserve", 0, &reserve, err) ||
	    db_setting_int(f->store->db, ".paused", 0, &paused, err) ||
	    queue_limit(f->store, &limit, err))
		return -1;
	r->limit = limit.jobs;
	queue_limit_release(&limit);
	if (queue_sentinel_s(f->store, r->limit, &sentinel, err))
		return -1;
	r->pending = counts[JOB_PENDING];
	r->confirmed = counts[JOB_QUEUED] + counts[JOB_RUNNING];
	r->in_flight = counts[JOB_SUBMITTING] + r->confirmed;
	/* a finishing job still holds its own slot while it chains; so do those that ended with it, and the
	 * sentinel has one */
	target = r->limit - reserve - 1 - (sentinel > 0);
	if (target < 1)
		target = 1;
	*n = target - r->in_flight;
	if (r->in_flight && d->ends > 1)
		*n -= d->ends - 1;
	if (f->o->max >= 0 && *n > f->o->max - r->submitted - r->unclear)
		*n = f->o->max - r->submitted - r->unclear;
	if (*n > r->pending)
		*n = r->pending;
	if (!r->pending)
		r->stop = QUEUE_EMPTY;
	else if (paused)
		r->stop = QUEUE_PAUSED;
	else if (held_back(f))
		r->stop = QUEUE_BACKOFF;
	else if (*n > 0)
		return 0;
	else if (f->limits)
		r->stop = QUEUE_LIMITED;
	else
		r->stop = f->o->max >= 0 && f->o->max <= r->submitted + r->unclear ? QUEUE_MAX
										   : QUEUE_FULL;
	*n = 0;
	return 0;
}

/* ---- a round: drain and claim ---- */

static void take_refusals(struct queue_result *r, const struct drained *d)
{
	r->held += d->held;
	if (!d->refused_sweep)
		return;
	free(r->refused_sweep);
	r->refused_sweep = mem_strdup(d->refused_sweep);
}

static int begin_early(struct fill *f, const struct batch *b, bool any_node, struct err *err)
{
	struct early *e = &f->early;

	if (submission_prepare(f->store, b, &e->s, &e->own, err)) {
		submission_text_release(&e->own);
		return -1;
	}
	if (any_node && b->exclude) { /* the last one (queue_claim.c) */
		struct strs *o = &e->own.options;

		free(o->v[--o->n]);
		o->v[o->n] = NULL;
	}
	e->of = b;
	e->sbatch = slurm_sbatch_begin(&e->s);
	FAILPOINT("sbatch-begun");
	return 0;
}

/* The rows are committed: sbatch may go on while the gate's work is finished. */
static void feed_early(struct fill *f)
{
	struct early *e = &f->early;

	if (!e->sbatch || e->fed)
		return;
	FAILPOINT("sbatch-before");
	slurm_sbatch_feed(e->sbatch);
	e->fed = true;
	FAILPOINT("sbatch-fed");
}

static void end_early(struct fill *f, struct slurm_reply *reply)
{
	slurm_sbatch_end(f->early.sbatch, reply);
	f->early.sbatch = NULL;
}

static void abandon_early(struct fill *f)
{
	struct early *e = &f->early;

	if (!e->of)
		return;
	if (e->sbatch)
		slurm_sbatch_abandon(e->sbatch);
	submission_text_release(&e->own);
	memset(e, 0, sizeof(*e));
}

/* What is blocked, as of now: a person's word takes it back, and so does Slurm's. */
static int look_at_pools(struct fill *f, const struct drained *d, bool *changed, struct err *err)
{
	struct db *db = f->store->db;

	if (f->o->no_claim)
		return 0;
	if (f->unblock) {
		if (pools_unblock(db, err) || db_setting_unset(db, ".sentinel.refused", err) ||
		    store_keep_root(f->store, err))
			return -1;
		f->unblock = false;
		*changed = true;
	}
	if (pools_load(&f->pools, db, f->r->in_flight, f->r->limit, changed, err))
		return -1;
	for (size_t i = 0; f->pools.any && i < d->nanswers; i++) {
		struct db_submission sub;
		int rc = 0;

		if (d->answers[i].answer.answer != SLURM_ACCEPTED ||
		    db_submission_get(db, d->answers[i].submission, &sub, NULL))
			continue;
		rc = pools_accepted(&f->pools, db, sub.pool, err);
		db_submission_release(&sub);
		if (rc)
			return -1;
	}
	return 0;
}

/* sbatch begins first, and takes its time beside what follows: the disk with the files, the database with the
 * rows. */
static int claim_write(struct fill *f, struct batches *b, struct err *err)
{
	bool chained = f->o->caller != QUEUE_USER;

	if (begin_early(f, &b->v[0], false, err) ||
	    claim_files(f->store, b, f->kill_wait_s, chained, err) ||
	    pools_taken(&f->pools, f->store->db, err) || claim_rows(f->store, b, err))
		return -1;
	return db_setting_set_int(f->store->db, ".chain.last_refill", clock_now_ms(), err);
}

static int claim(struct fill *f, const struct drained *d, struct batches *b, bool *changed,
		 struct err *err)
{
	bool user = f->o->caller == QUEUE_USER;
	int64_t n;

	take_refusals(f->r, d);
	if (deficit(f, d, &n, err) || look_at_pools(f, d, changed, err))
		return -1;
	if (f->drain_only || n <= 0)
		return 0;
	if (f->via) {
		f->via_due = true;
		return 0;
	}
	if (read_numbers(f, err) ||
	    claim_choose(f->store, &f->loader, &f->pools, n, f->max_array, b, err))
		return -1;
	*changed = true;
	if (!b->n) {
		if (f->pools.any) /* all that is pending waits for room */
			f->r->stop = QUEUE_LIMITED;
		return 0;
	}
	if (claim_provide(f->store, b, user, user && f->o->renew_env, err) ||
	    claim_names(f->store, b, err) || claim_tickets(f->store, b, err))
		return -1;
	return claim_write(f, b, err);
}

/* Under the gate. */
static int round_held(struct fill *f, struct batches *b, struct err *err)
{
	struct drained d;
	bool changed = false;
	int rc = drain_look(f->store, &d, err);

	FAILPOINT("fill-looked");
	if (!rc && !(rc = db_begin(f->store->db, err))) {
		FAILPOINT("fill-begun");
		rc = drain_apply(f->store, &d, err);
		if (!rc)
			rc = claim(f, &d, b, &changed, err);
		FAILPOINT("fill-changed");
		if (!rc && (d.changed || changed))
			rc = db_commit(f->store->db, err);
		else
			db_rollback(f->store->db);
		FAILPOINT("fill-committed");
		if (!rc) {
			feed_early(f);
			f->r->drained = true;
			drain_clean(f->store, &d);
			FAILPOINT("fill-cleaned");
		}
	}
	drained_release(&d);
	return rc;
}

static int one_round(struct fill *f, struct batches *b, struct err *err)
{
	char *mine = f->r->drained ? NULL : f->o->mine;
	int rc;

	memset(b, 0, sizeof(*b));
	rc = drain_gate(f->store, f->o->gate_ms, mine, err);
	if (rc) {
		f->r->stop = QUEUE_GATE;
		return rc < 0 ? -1 : SPOOL_BUSY;
	}
	FAILPOINT("fill-gate");
	rc = round_held(f, b, err);
	spool_gate_release(f->store->spool);
	FAILPOINT("fill-released");
	return rc;
}

/* ---- submitting ---- */

/* Refused without the nodes that look bad: perhaps no other one will do, and they are better than none. Should
 * there be a job all the same, one of the two finds no right. */
static int run_anywhere(struct fill *f, const struct batch *b, struct slurm_reply *reply,
			struct err *err)
{
	slurm_reply_release(reply);
	abandon_early(f);
	if (begin_early(f, b, true, err))
		return -1;
	end_early(f, reply);
	return 0;
}

static int submit_batch(struct fill *f, const struct batch *b, int *answer, struct err *err)
{
	struct spool_answer a = {0};
	struct slurm_reply reply = {0};
	int rc = f->early.of == b ? 0 : begin_early(f, b, false, err);

	*answer = SLURM_UNCLEAR;
	if (!rc) {
		feed_early(f);
		end_early(f, &reply);
		FAILPOINT("sbatch-after");
		if (reply.answer == SLURM_REFUSED && b->exclude && run_anywhere(f, b, &reply, err))
			return -1;
		*answer = a.answer = reply.answer;
		a.slurm_job = reply.job;
		a.cluster = reply.cluster;
		a.text = reply.text;
		rc = spool_answer_post(f->store->spool, b->sub.id, &a, a.answer != SLURM_ACCEPTED,
				       err);
		FAILPOINT("answer-posted");
		if (reply.answer != SLURM_ACCEPTED)
			set_text(f->r, reply.text);
		slurm_reply_release(&reply);
	}
	abandon_early(f);
	return rc;
}

/* Slurm does not answer as it should: what was claimed and not yet sent goes back. */
static int send_back(struct fill *f, const struct batches *b, size_t from, struct err *err)
{
	struct spool_answer a = {.answer = SLURM_BUSY};

	for (size_t i = from; i < b->n; i++)
		if (spool_answer_post(f->store->spool, b->v[i].sub.id, &a, true, err))
			return -1;
	FAILPOINT("sent-back");
	return 0;
}

/* Where the limit was hit: what does Slurm count? */
static int learn_limit(struct fill *f, struct err *err)
{
	struct slurm_limit limit;
	int rc = read_site(f, 0, &limit, err);
	int64_t told = -1;

	if (limit.limit >= 0 && limit.used >= 0)
		told = limit.used < limit.limit ? limit.limit - limit.used : 0;
	pools_guess(&f->pools, told);
	slurm_limit_release(&limit);
	return rc;
}

/* sbatch is looked for on the PATH of the environment that is stored for the sweep's jobs. */
static void no_sbatch(struct fill *f, const struct batch *b)
{
	f->failed = true;
	if (!b->env_stored) {
		err_set(&f->why, ERR_FAILED,
			"%s; the PATH of the sweep's first submission counts: slurmq submit --env "
			"takes this one",
			f->r->text);
		return;
	}
	claim_env_forget(f->store, b);
	err_set(&f->why, ERR_FAILED, "%s; then: slurmq submit", f->r->text);
}

/* What an answer means for the rest of this fill. */
static void take_answer(struct fill *f, const struct batch *b, int answer)
{
	struct queue_result *r = f->r;
	int64_t n = (int64_t)b->njobs;

	switch (answer) {
	case SLURM_ACCEPTED:
		r->submitted += n;
		pool_took(b->pool, n);
		return;
	case SLURM_LIMIT:
		pool_refused(b->pool, n);
		f->limits++;
		f->stop = QUEUE_LIMITED;
		return;
	case SLURM_REFUSED:
		say(f->o, "sbatch refused the jobs of '%s':\n%s", b->sweep_name, r->text);
		f->refusals++;
		f->stop = QUEUE_REFUSED;
		return;
	case SLURM_NO_SBATCH:
		no_sbatch(f, b);
		f->stop = QUEUE_BACKOFF;
		break;
	case SLURM_BUSY:
		f->stop = QUEUE_BACKOFF;
		break;
	default:
		r->unclear += n;
		f->stop = QUEUE_UNCLEAR;
		break;
	}
	f->drain_only = true;
}

static int submit_all(struct fill *f, const struct batches *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		int answer;

		if (f->drain_only)
			return send_back(f, b, i, err);
		if (submit_batch(f, &b->v[i], &answer, err))
			return -1;
		take_answer(f, &b->v[i], answer);
	}
	if (pools_feel(&f->pools) && learn_limit(f, err))
		return -1;
	if (f->refusals >= 3 || f->limits >= 8)
		f->drain_only = true;
	return 0;
}

static int prepare(struct fill *f, struct err *err)
{
	bool user = f->o->caller == QUEUE_USER;
	struct slurm_limit limit;
	int rc;

	f->unblock = user;
	f->drain_only = f->o->no_claim;
	if (user)
		cancel_forget(f->store->spool);
	if (f->drain_only)
		return 0;
	if (!user) /* without an answer nothing is claimed (held_back) */
		cancel_decide(f->store, NULL);
	if (!user && !f->o->no_via && queue_via(f->store, &f->via, err) < 0)
		return -1;
	if (f->via)
		return 0;
	rc = read_site(f, user ? LIMIT_USER_AGE_MS : LIMIT_MAX_AGE_MS, &limit, err);
	slurm_limit_release(&limit);
	if (rc) {
		f->r->stop = QUEUE_ELSEWHERE;
		return rc;
	}
	return 0;
}

/* What was claimed is pending no more, should no round follow that counts. */
static void count_claimed(struct queue_result *r, const struct batches *b)
{
	for (size_t i = 0; i < b->n; i++) {
		r->pending -= (int64_t)b->v[i].njobs;
		r->in_flight += (int64_t)b->v[i].njobs;
	}
}

static int rounds(struct fill *f, struct err *err)
{
	for (int i = 0; i < MAX_ROUNDS; i++) {
		struct batches b;
		int rc = one_round(f, &b, err);
		bool done = !b.n;

		if (!rc && !done) {
			count_claimed(f->r, &b);
			rc = submit_all(f, &b, err);
		}
		abandon_early(f);
		batches_release(&b);
		if (rc || done)
			return rc == SPOOL_BUSY ? 0 : rc;
		/* sbatch's yes waits in the spool for whoever comes next; a refusal's rights, and what a
		 * person is to see, do not */
		if (!f->stop && f->o->caller == QUEUE_CHAIN) {
			f->r->confirmed += f->r->submitted;
			return 0;
		}
	}
	return 0;
}

/* The end was told from here; the rest is done where one may submit. What goes wrong is tried again by the
 * next one, or by the last one out. */
static int fill_elsewhere(struct fill *f, struct err *err)
{
	struct queue_result *r = f->r;
	int64_t counts[JOB_NSTATES], before = r->in_flight;
	struct err why = {0};

	if (proc_term_pending() || queue_via_run(f->store, f->via, false, &why)) {
		r->stop = QUEUE_BACKOFF;
		set_text(r, why.msg);
	}
	if (db_counts(f->store->db, counts, err))
		return -1;
	r->pending = counts[JOB_PENDING];
	r->confirmed = counts[JOB_QUEUED] + counts[JOB_RUNNING];
	r->in_flight = counts[JOB_SUBMITTING] + r->confirmed;
	r->submitted = r->in_flight > before ? r->in_flight - before : 0;
	return 0;
}

int queue_fill(struct store *store, const struct queue_opts *opts, struct queue_result *r,
	       struct err *err)
{
	struct fill f = {.store = store, .o = opts, .r = r};
	int rc;

	memset(r, 0, sizeof(*r));
	rc = prepare(&f, err);
	if (!rc)
		rc = rounds(&f, err);
	if (!rc && f.via_due)
		rc = fill_elsewhere(&f, err);
	free(f.via);
	if (!rc && !f.failed && opts->caller == QUEUE_USER)
		rc = claim_environments(store, opts->renew_env, err);
	if (!rc && f.stop && r->stop != QUEUE_PAUSED)
		r->stop = f.stop;
	if (!rc && f.failed) {
		*err = f.why;
		rc = -1;
	}
	loader_release(&f.loader);
	pools_release(&f.pools);
	return rc;
}

/* ---- for --dry-run and status ---- */

static void preview_batch(struct store *store, struct batch *b, struct buf *out, struct err *err)
{
	struct slurm_submission s;
	struct submission_text own;
	struct strs argv = {0};

	b->sub.first = 1;
	if (!submission_prepare(store, b, &s, &own, err)) {
		slurm_sbatch_argv(&s, &argv);
		for (size_t i = 0; i < argv.n; i++) {
			if (i)
				buf_addch(out, ' ');
			buf_add_shell_word(out, argv.v[i]);
		}
		buf_addf(out, " <<'EOF'\n%sEOF\n", own.script);
	}
	strs_release(&argv);
	submission_text_release(&own);
}

int queue_preview(struct store *store, int64_t max, struct buf *out, struct err *err)
{
	struct queue_opts opts = {.caller = QUEUE_USER, .max = max};
	struct queue_result r = {0};
	struct fill f = {.store = store, .o = &opts, .r = &r};
	struct drained none = {0};
	struct batches b = {0};
	int64_t n;
	int rc;

	if (read_numbers(&f, err) || db_begin(store->db, err))
		return -1;
	rc = deficit(&f, &none, &n, err);
	if (!rc && n > 0)
		rc = claim_choose(store, &f.loader, &f.pools, n, f.max_array, &b, err);
	db_rollback(store->db);
	for (size_t i = 0; i < b.n && !rc; i++)
		preview_batch(store, &b.v[i], out, err);
	batches_release(&b);
	loader_release(&f.loader);
	pools_release(&f.pools);
	return rc;
}

const char *chain_state_name(enum chain_state s)
{
	static const char *const names[] = {"idle", "alive", "stalled", "paused", "done"};

	return names[s];
}

void queue_chain_release(struct queue_chain *c)
{
	free(c->why);
	free(c->sentinel_why);
	strs_release(&c->needs);
	for (size_t i = 0; i < c->nblocks; i++) {
		free(c->blocks[i].account);
		free(c->blocks[i].partition);
		free(c->blocks[i].qos);
	}
	free(c->blocks);
	memset(c, 0, sizeof(*c));
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

/* Jobs of a sweep that sbatch refused, and what it said; a line for each cause, as one may be a person's wish. */
static int need_of_held(struct store *store, const struct db_sweep *s, struct strs *needs,
			struct err *err)
{
	const struct db_select select = {
		.sweep = s->id, .states = 1U << JOB_HELD, .reasons = 1U << REASON_REFUSED};
	char *key = mem_printf(".refused.%" PRId64, s->id), *text = NULL;
	int64_t refused, held;
	int rc = db_setting_get(store->db, key, &text, err) < 0 ||
		 db_jobs_count(store->db, &select, &refused, err);

	free(key);
	if (rc) {
		free(text);
		return -1;
	}
	held = s->counts[JOB_HELD] - refused;
	if (refused) {
		if (text)
			text[strcspn(text, "\n")] = '\0';
		strs_addf(needs, "%" PRId64 " job%s of %s held, refused: %s", refused,
			  plural(refused), s->name, text ? text : "");
		strs_addf(
			needs,
			"  mend the sweep file and slurmq expand it, or mend the account; then: slurmq release %s",
			s->name);
	}
	if (held > 0)
		strs_addf(needs, "%" PRId64 " job%s of %s held: slurmq release %s", held,
			  plural(held), s->name, s->name);
	free(text);
	return 0;
}

static int need_of_sweep(struct store *store, const struct db_sweep *s, struct strs *needs,
			 struct err *err)
{
	int64_t failed = s->counts[JOB_FAILED];

	if (failed)
		strs_addf(needs,
			  "%" PRId64
			  " job%s of %s failed: slurmq list -s failed %s; again: slurmq retry %s",
			  failed, plural(failed), s->name, s->name, s->name);
	return s->counts[JOB_HELD] ? need_of_held(store, s, needs, err) : 0;
}

/* Paused since locks stay on one host: 0, DB_NONE where that is not why. */
static int need_of_locks(struct store *store, struct strs *needs, struct err *err)
{
	char *pair = NULL, *second;
	int rc = hosts_local(store->db, &pair, err);

	if (rc)
		return rc;
	second = strchr(pair, ' ');
	if (second)
		*second++ = '\0';
	strs_addf(
		needs,
		"the queue is paused: locks of files in .slurmq do not reach from %s to %s, so two hosts"
		" may write to the database at once and break it",
		pair, second ? second : "other hosts");
	strs_add(
		needs,
		"  let what runs end, then let them reach, or put .slurmq on another file system (a file of"
		" one line may name the folder: man slurmq-storage); then: slurmq resume");
	free(pair);
	return 0;
}

/* Paused: by a person, or by the brake, which names the last of the failures. */
static int need_of_brake(struct store *store, struct strs *needs, struct err *err)
{
	int64_t job;
	int rc = need_of_locks(store, needs, err);

	if (rc != DB_NONE)
		return rc;

	if (db_setting_int(store->db, ".brake.job", 0, &job, err))
		return -1;
	if (!job)
		strs_add(needs, "the queue is paused: slurmq resume");
	else
		strs_addf(
			needs,
			"the queue is paused: slurmq log %" PRId64
			" shows what failed last; mend it"
			" (a slip in the sweep file: slurmq expand), then: slurmq retry and slurmq resume",
			job);
	return 0;
}

static int need_of_nodes(struct store *store, struct strs *needs, struct err *err)
{
	struct strs nodes = {0};
	struct buf names = {0};
	int rc = brake_nodes(store->db, &nodes, err);

	for (size_t i = 0; i < nodes.n; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", nodes.v[i]);
	if (!rc && nodes.n > BRAKE_NODES_MOST)
		strs_addf(
			needs,
			"attempts die within seconds on many nodes (%s): it is rather the jobs, and"
			" no node is left out; look at their logs, then: slurmq resume",
			buf_str(&names));
	else if (!rc && nodes.n)
		strs_addf(
			needs,
			"left out for a day, since attempts died there within seconds: %s; tell the"
			" site, or slurmq resume takes them again",
			buf_str(&names));
	buf_release(&names);
	strs_release(&nodes);
	return rc;
}

static int need_of_sentinel(struct store *store, struct queue_chain *c, struct err *err)
{
	int64_t held;

	if (c->state == CHAIN_DONE || c->state == CHAIN_PAUSED)
		return 0;
	if (db_setting_int(store->db, ".sentinel.held", 0, &held, err))
		return -1;
	strs_addf(&c->needs,
		  "the sentinel is held in Slurm, so it will not begin and revive the chain: "
		  "scontrol release %" PRIu64 "%s",
		  c->sentinel_job,
		  held == SENTINEL_HELD_ADMIN ? ", which is for the site to do" : "");
	return 0;
}

/* Jobs can't submit: what goes wrong there is in their logs, too. */
static int need_of_via(struct store *store, struct strs *needs, struct err *err)
{
	char *why = NULL;
	int rc = db_setting_get(store->db, VIA_FAILED, &why, err);

	if (!rc) {
		strs_add(needs, why);
		strs_add(needs,
			 "  jobs submit no others until that works; from here: slurmq submit");
	}
	free(why);
	return rc < 0 ? -1 : 0;
}

static int chain_needs(struct store *store, struct queue_chain *c, bool pending, struct err *err)
{
	struct db_sweep *v;
	int rc = 0;
	size_t n;

	if (c->state == CHAIN_PAUSED && need_of_brake(store, &c->needs, err))
		return -1;
	if (need_of_nodes(store, &c->needs, err))
		return -1;
	if (c->sentinel == SENTINEL_HELD && need_of_sentinel(store, c, err))
		return -1;
	if (pending && need_of_via(store, &c->needs, err))
		return -1;
	if (c->state == CHAIN_STALLED)
		strs_add(&c->needs,
			 "no job is known to be in Slurm and work is left: slurmq submit");
	else if (c->state == CHAIN_IDLE && !c->last_refill)
		strs_add(&c->needs, "nothing was submitted yet: slurmq submit");
	if (db_sweeps(store->db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n && !rc; i++)
		rc = need_of_sweep(store, &v[i], &c->needs, err);
	db_sweeps_free(v, n);
	return rc;
}

static bool is_held(struct store *store, const char *lock)
{
	int fd, rc = spool_lock(store->spool, lock, &fd, NULL);

	if (!rc)
		spool_unlock(fd);
	return rc == SPOOL_BUSY;
}

/* A job that has ended keeps trying to go on with the chain, or waits until it may: it holds the lock. */
static bool somebody_stays(struct store *store)
{
	return is_held(store, SPOOL_LAST) || cancel_phase(store->spool, NULL) == CANCEL_HOLD_OFF;
}

/* The sentinel as it was seen last: Slurm is not asked. */
static int look_at_sentinel(struct store *store, struct queue_chain *c, struct err *err)
{
	struct queue_limit limit;
	int64_t every, at, job, jobs, held;

	if (queue_limit(store, &limit, err))
		return -1;
	jobs = limit.jobs;
	queue_limit_release(&limit);
	if (queue_sentinel_s(store, jobs, &every, err) ||
	    db_setting_get(store->db, ".sentinel.refused", &c->sentinel_why, err) < 0 ||
	    db_setting_int(store->db, ".sentinel.at", 0, &at, err) ||
	    db_setting_int(store->db, ".sentinel.job", 0, &job, err) ||
	    db_setting_int(store->db, ".sentinel.begin", 0, &c->sentinel_begin, err) ||
	    db_setting_int(store->db, ".sentinel.held", 0, &held, err))
		return -1;
	c->sentinel_job = (uint64_t)job;
	c->sentinel = c->sentinel_why ? SENTINEL_REFUSED
		      : !every	      ? SENTINEL_OFF
		      : at && job     ? held ? SENTINEL_HELD : SENTINEL_WAITING
				      : SENTINEL_NONE;
	return 0;
}

/* Nothing of ours runs; it wakes up soon, or should have by now. */
static bool sentinel_comes(const struct queue_chain *c)
{
	return c->sentinel == SENTINEL_WAITING &&
	       c->sentinel_begin + SENTINEL_LATE_MS > clock_now_ms();
}

int queue_chain(struct store *store, struct queue_chain *out, struct err *err)
{
	int64_t counts[JOB_NSTATES], paused, jobs = 0, in_flight;
	bool cancelled = false;

	memset(out, 0, sizeof(*out));
	if (db_counts(store->db, counts, err) ||
	    db_setting_int(store->db, ".paused", 0, &paused, err) ||
	    db_setting_int(store->db, ".chain.last_refill", 0, &out->last_refill, err) ||
	    db_setting_get(store->db, ".paused_why", &out->why, err) < 0 ||
	    look_at_sentinel(store, out, err) ||
	    db_jobs_later(store->db, &out->later, &out->later_at, err))
		return -1;
	for (int i = 0; i < JOB_NSTATES; i++)
		jobs += counts[i];
	in_flight = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
	/* with none of ours in Slurm one is tried whatever was learnt */
	if (counts[JOB_PENDING] && in_flight && pools_show(store->db, out, err))
		return -1;
	if (paused)
		out->state = CHAIN_PAUSED;
	else if (in_flight > counts[JOB_SUBMITTING])
		out->state = CHAIN_ALIVE;
	else if (in_flight) /* none is known to be in Slurm; somebody may just be submitting */
		out->state = clock_now_ms() - out->last_refill < FRESH_MS ||
					     somebody_stays(store) || sentinel_comes(out)
				     ? CHAIN_ALIVE
				     : CHAIN_STALLED;
	else if (counts[JOB_PENDING])
		out->state = !out->last_refill				    ? CHAIN_IDLE
			     : somebody_stays(store) || sentinel_comes(out) ? CHAIN_ALIVE
									    : CHAIN_STALLED;
	else
		out->state = jobs && !counts[JOB_HELD] ? CHAIN_DONE : CHAIN_IDLE;
	if (out->state == CHAIN_STALLED && db_last_cancelled(store->db, &cancelled, err))
		return -1;
	if (cancelled)
		out->why = mem_strdup("the only job was cancelled");
	if (!jobs)
		return 0;
	return chain_needs(store, out, counts[JOB_PENDING] > 0, err);
}
