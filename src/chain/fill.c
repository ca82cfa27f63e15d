/*
 * fill.c - keeps the queue full.
 *
 * The order of effects, and what repairs the state if a process dies between two of them:
 *
 *   1. queue lock  one holder at a time; the kernel releases the lock of a dead process
 *   2. read        the files are listed; claims of refused submissions are revoked (revoked/)
 *   3. BEGIN       the files are ingested; pending jobs are chosen and rendered
 *   4. manifest    sbatch is started: half of its time passes before it reads a script. It gets
 *                  no script before 6, and without a script it makes no job.
 *                  manifests/T and claims/T.* become durable
 *                  - died here: a manifest without a row; reconcile drops it
 *   5. COMMIT      the rows are `submitting`
 *                  - died here: outbox files are ingested twice, which changes nothing
 *   6. script      sbatch gets its script and goes on
 *                  - died before: no job; reconcile revokes the claims after 10 minutes without
 *                    a job of that name
 *   7. unlink      the ingested files are removed; the queue lock is released; sbatch ends:
 *                  there is a Slurm job, or none
 *                  - died here: reconcile finds the job by its name
 *   8. answer      outbox/T.answer is written
 *                  - died here: the next ingest applies the answer; if it is lost, as 7
 *
 * While a process holds the queue lock, it waits for nothing but the disk.
 */
#include "chain/fill.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/cancel.h"
#include "chain/claim.h"
#include "chain/ingest.h"
#include "chain/limits.h"
#include "chain/limit_group.h"
#include "chain/submission.h"
#include "chain/via.h"
#include "lib/clock.h"
#include "lib/failpoint.h"
#include "lib/proc.h"
#include "slurm/slurm.h"
#include "store/loader.h"
#include "store/manifest.h"
#include "store/state.h"

enum { MAX_ROUNDS = 40, LIMITS_MOST = 8 };

/* The sbatch that was started before the commit, for the first batch of a claim. */
struct early {
	const struct batch *of; /* NULL: none */
	struct slurm_submission s;
	struct submission_text own;
	struct slurm_sbatch *sbatch;
	bool fed; /* the script is sent: a job may exist, so sbatch is not abandoned */
};

/* The state of one fill. */
struct fill {
	struct store *store;
	const struct fill_opts *o;
	struct fill_result *r;
	struct loader loader;
	struct limits_site site;
	struct limit_groups limit_groups;
	int refusals, limits;
	bool unblock; /* a person submits: drop the blocks and refusals that were learnt */
	bool ingest_only;
	struct early early;
	struct strs unwanted; /* Slurm ids of jobs whose claims were revoked */
	bool revoked, freed;  /* once; their slots are free: claim again */
	char *via;	      /* command that reaches the host that submits; NULL: this host */
	bool via_due;	      /* the via host must submit the jobs */
	enum fill_stop stop;  /* why submitting ended, if it failed */
	struct err why;	      /* the error if sbatch was not found; status 0: none */
};

void fill_result_release(struct fill_result *r)
{
	free(r->text);
	free(r->refused_sweep);
	free(r->full_sweep);
	memset(r, 0, sizeof(*r));
}

static void report_line(const struct fill_opts *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void report_line(const struct fill_opts *o, const char *fmt, ...)
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

static void set_text(struct fill_result *r, const char *text)
{
	free(r->text);
	r->text = mem_strdup(text);
}

/* Returns whether only a person may submit now: jobs were cancelled in Slurm, or SIGTERM came to
 * this process. */
static bool is_held_back(const struct fill *f)
{
	return f->o->caller == FILL_CHAIN &&
	       (proc_term_pending() || cancel_phase(f->store->folder, NULL) != CANCEL_NONE);
}

/* Computes how many jobs to claim now: what the queue is short of, never one job for one end.
 * Sets r->stop if *n is 0. */
static int compute_deficit(struct fill *f, const struct ingested *d, int64_t *n, struct err *err)
{
	struct fill_result *r = f->r;
	int64_t counts[JOB_NSTATES], work, reserve, target, paused, trial, sentinel;
	struct limits limit;

	*n = 0;
	if (db_counts(f->store->db, counts, err) || db_count_work(f->store->db, &work, err) ||
	    state_get_int(f->store->db, STATE_RESERVE, &reserve, err) ||
	    state_get_int(f->store->db, STATE_PAUSED, &paused, err) ||
	    state_get_int(f->store->db, STATE_TRIAL, &trial, err) ||
	    limits_get(f->store, &limit, err))
		return -1;
	r->limit = limit.jobs;
	limits_release(&limit);
	if (limits_sentinel_s(f->store, r->limit, &sentinel, err))
		return -1;
	r->pending = counts[JOB_PENDING];
	r->paused = r->pending - work;
	r->confirmed = counts[JOB_QUEUED] + counts[JOB_RUNNING];
	r->in_flight = counts[JOB_SUBMITTING] + r->confirmed;
	/* a job that is ending still holds its slot while it runs the chain, as do jobs that
	 * ended with it; the sentinel holds one slot */
	target = r->limit - reserve - 1 - (sentinel > 0);
	if (target < 1)
		target = 1;
	*n = target - r->in_flight;
	if (r->in_flight && d->ends > 1)
		*n -= d->ends - 1;
	if (f->o->max >= 0 && *n > f->o->max - r->submitted - r->unclear)
		*n = f->o->max - r->submitted - r->unclear;
	if (*n > work)
		*n = work;
	if (!work)
		r->stop = FILL_EMPTY;
	else if (paused || (trial && f->o->caller == FILL_CHAIN))
		r->stop = FILL_PAUSED;
	else if (is_held_back(f))
		r->stop = FILL_BACKOFF;
	else if (*n > 0)
		return 0;
	else if (f->limits)
		r->stop = FILL_LIMITED;
	else
		r->stop = f->o->max >= 0 && f->o->max <= r->submitted + r->unclear ? FILL_MAX
										   : FILL_FULL;
	*n = 0;
	return 0;
}

/* ---- a round: ingest and claim ---- */

static void add_refusals(struct fill_result *r, const struct ingested *d)
{
	r->held += d->held;
	if (!d->refused_sweep)
		return;
	free(r->refused_sweep);
	r->refused_sweep = mem_strdup(d->refused_sweep);
}

static int begin_early_sbatch(struct fill *f, const struct batch *b, bool any_node, struct err *err)
{
	struct early *e = &f->early;

	if (submission_prepare(f->store, b, &e->s, &e->own, err)) {
		submission_text_release(&e->own);
		return -1;
	}
	if (any_node && b->exclude) { /* --exclude is the last option (submission.c) */
		struct strs *o = &e->own.options;

		free(o->v[--o->n]);
		o->v[o->n] = NULL;
	}
	e->of = b;
	e->sbatch = slurm_sbatch_begin(&e->s);
	FAILPOINT("sbatch-begun");
	return 0;
}

/* Sends sbatch its script: the rows are committed. So sbatch goes on while the work under the
 * queue lock is finished. */
static void feed_early_sbatch(struct fill *f)
{
	struct early *e = &f->early;

	if (!e->sbatch || e->fed)
		return;
	FAILPOINT("sbatch-before");
	slurm_sbatch_feed(e->sbatch);
	e->fed = true;
	FAILPOINT("sbatch-fed");
}

static void end_early_sbatch(struct fill *f, struct slurm_reply *reply)
{
	slurm_sbatch_end(f->early.sbatch, reply);
	f->early.sbatch = NULL;
}

static void abandon_early_sbatch(struct fill *f)
{
	struct early *e = &f->early;

	if (!e->of)
		return;
	if (e->sbatch)
		slurm_sbatch_abandon(e->sbatch);
	submission_text_release(&e->own);
	memset(e, 0, sizeof(*e));
}

/* Loads the blocks of the limit groups as of now. Drops all if a person submits, and those of
 * groups whose jobs Slurm has accepted. */
static int load_limit_groups(struct fill *f, const struct ingested *d, bool *changed,
			     struct err *err)
{
	struct db *db = f->store->db;

	if (f->o->no_claim)
		return 0;
	if (f->unblock) {
		if (limit_groups_unblock(db, err) ||
		    state_unset_text(db, STATE_SENTINEL_REFUSED, err) ||
		    (f->o->trial ? state_set_int(db, STATE_TRIAL, 1, err)
				 : state_unset_int(db, STATE_TRIAL, err)) ||
		    store_keep_root(f->store, err))
			return -1;
		f->unblock = false;
		*changed = true;
	}
	if (limit_groups_load(&f->limit_groups, db, f->r->in_flight, f->r->limit, changed, err))
		return -1;
	for (size_t i = 0; f->limit_groups.any && i < d->nanswers; i++) {
		struct db_submission sub;
		int rc = 0;

		if (d->answers[i].answer.answer != SLURM_ACCEPTED ||
		    db_submission_get(db, d->answers[i].submission, &sub, NULL))
			continue;
		rc = limit_groups_accepted(&f->limit_groups, db, sub.limit_group, err);
		db_submission_release(&sub);
		if (rc)
			return -1;
	}
	return 0;
}

/* Starts sbatch, and writes the files and the rows of the batches. sbatch starts first, so that
 * its start-up overlaps with the writing. */
static int write_claim(struct fill *f, const struct ingested *d, struct batches *b, struct err *err)
{
	bool chained = f->o->caller != FILL_USER;
	int64_t before;

	if (begin_early_sbatch(f, &b->v[0], false, err) ||
	    submission_files_write(f->store, b, f->site.kill_wait_s, chained, err) ||
	    limit_groups_taken(&f->limit_groups, f->store->db, err) ||
	    claim_rows_write(f->store, b, err) ||
	    state_get_int(f->store->db, STATE_CHAIN_LAST_REFILL, &before, err))
		return -1;
	/* with a limit of 1 every refill finds no job */
	f->r->revived |= before && !f->r->in_flight && !d->ends && f->r->limit > 1;
	return state_set_int(f->store->db, STATE_CHAIN_LAST_REFILL, clock_now_ms(), err);
}

static int claim_pending_jobs(struct fill *f, const struct ingested *d, struct batches *b,
			      bool *changed, struct err *err)
{
	bool user = f->o->caller == FILL_USER;
	int64_t n;

	add_refusals(f->r, d);
	if (compute_deficit(f, d, &n, err) || load_limit_groups(f, d, changed, err))
		return -1;
	if (f->ingest_only || n <= 0)
		return 0;
	if (f->via) {
		f->via_due = true;
		return 0;
	}
	if (limits_site_get(f->store, &f->site, err) ||
	    claim_jobs_choose(f->store, &f->loader, &f->limit_groups, n, f->site.max_array, b, err))
		return -1;
	*changed = true;
	if (b->full_sweep) {
		free(f->r->full_sweep);
		f->r->full_sweep = mem_strdup(b->full_sweep);
	}
	if (!b->n) {
		if (f->limit_groups.any) /* every pending job waits for room in its limit group */
			f->r->stop = FILL_LIMITED;
		else if (b->full_sweep)
			f->r->stop = FILL_THROTTLED;
		return 0;
	}
	if (submission_provide(f->store, b, user, user && f->o->renew_env, err) ||
	    claim_ids_assign(f->store, b, err) || submission_manifests_render(f->store, b, err))
		return -1;
	return write_claim(f, d, b, err);
}

/* Revokes the claims of jobs that the breaker holds, and those that slurmq hold left behind, once a
 * fill. If this fails, reconcile does the same. */
static void revoke_requested(struct fill *f)
{
	struct db_flight *v = NULL;
	size_t n = 0, kept = 0;
	bool any;

	if (f->revoked || db_holds_requested(f->store->db, &any, NULL) || !any ||
	    db_flights(f->store->db, &v, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		if (v[i].state != JOB_RUNNING &&
		    (v[i].request == REQUEST_HOLD || v[i].request == REQUEST_BREAKER))
			v[kept++] = v[i];
	f->revoked = true;
	f->freed = !ingest_revoke(f->store, v, kept, NULL, &f->unwanted, NULL);
	free(v);
}

/* Ingests and claims. The caller holds the queue lock. */
static int run_round_locked(struct fill *f, struct batches *b, struct err *err)
{
	struct ingested d;
	bool changed = false;
	int rc = ingest_read(f->store, &d, err);

	FAILPOINT("fill-looked");
	if (!rc && !(rc = db_begin(f->store->db, err))) {
		FAILPOINT("fill-begun");
		rc = ingest_apply(f->store, &d, err);
		if (!rc)
			rc = claim_pending_jobs(f, &d, b, &changed, err);
		FAILPOINT("fill-changed");
		if (!rc && (d.changed || changed))
			rc = db_commit(f->store->db, err);
		else
			db_rollback(f->store->db);
		FAILPOINT("fill-committed");
		if (!rc) {
			feed_early_sbatch(f);
			f->r->ingested = true;
			ingest_clean(f->store, &d);
			FAILPOINT("fill-cleaned");
			revoke_requested(f);
		}
	}
	ingested_release(&d);
	return rc;
}

static int run_round(struct fill *f, struct batches *b, struct err *err)
{
	char *record = f->r->ingested ? NULL : f->o->record;
	int rc;

	memset(b, 0, sizeof(*b));
	rc = ingest_wait_lock(f->store, f->o->lock_ms, record, err);
	if (rc) {
		f->r->stop = FILL_LOCKED;
		return rc < 0 ? -1 : FOLDER_BUSY;
	}
	FAILPOINT("fill-locked");
	rc = run_round_locked(f, b, err);
	queue_lock_release(f->store->folder);
	FAILPOINT("fill-released");
	if (f->unwanted.n) /* otherwise they start, find no claim and end */
		slurm_scancel(&f->unwanted, NULL);
	strs_release(&f->unwanted);
	return rc;
}

/* ---- submitting ---- */

/* Submits a refused batch again without excluding the suspect nodes. Perhaps no other node
 * suits its jobs, and these nodes are better than none. If the first sbatch made a job all the
 * same, only one of the two finds a claim. */
static int submit_without_exclude(struct fill *f, const struct batch *b, struct slurm_reply *reply,
				  struct err *err)
{
	slurm_reply_release(reply);
	abandon_early_sbatch(f);
	if (begin_early_sbatch(f, b, true, err))
		return -1;
	end_early_sbatch(f, reply);
	return 0;
}

static int submit_batch(struct fill *f, const struct batch *b, int *answer, struct err *err)
{
	struct outbox_answer a = {0};
	struct slurm_reply reply = {0};
	int rc = f->early.of == b ? 0 : begin_early_sbatch(f, b, false, err);

	*answer = SLURM_UNCLEAR;
	if (!rc) {
		feed_early_sbatch(f);
		end_early_sbatch(f, &reply);
		FAILPOINT("sbatch-after");
		if (reply.answer == SLURM_REFUSED && b->exclude &&
		    submit_without_exclude(f, b, &reply, err))
			return -1;
		*answer = a.answer = reply.answer;
		a.slurm_job = reply.job;
		a.cluster = reply.cluster;
		a.text = reply.text;
		rc = outbox_answer_post(f->store->folder, b->sub.id, &a, a.answer != SLURM_ACCEPTED,
					err);
		FAILPOINT("answer-posted");
		if (reply.answer != SLURM_ACCEPTED)
			set_text(f->r, reply.text);
		slurm_reply_release(&reply);
	}
	abandon_early_sbatch(f);
	return rc;
}

/* Undoes the claims that were not sent yet, since Slurm does not answer as it should. */
static int undo_unsent_claims(struct fill *f, const struct batches *b, size_t from, struct err *err)
{
	struct outbox_answer a = {.answer = SLURM_BUSY};

	for (size_t i = from; i < b->n; i++)
		if (outbox_answer_post(f->store->folder, b->v[i].sub.id, &a, true, err))
			return -1;
	FAILPOINT("sent-back");
	return 0;
}

/* Queries how many jobs Slurm still accepts, after a submission hit the limit. */
static int query_free_slots(struct fill *f, struct err *err)
{
	struct slurm_limit limit;
	int rc = limits_refresh(f->store, f->o->record, 0, &limit, err);
	int64_t free_slots = -1;

	if (limit.limit >= 0 && limit.used >= 0)
		free_slots = limit.used < limit.limit ? limit.limit - limit.used : 0;
	limit_groups_guess(&f->limit_groups, free_slots);
	slurm_limit_release(&limit);
	return rc;
}

/* Stores the error that sbatch was not found. The program is searched on the PATH of the
 * environment that is stored for the sweep. */
static void store_no_sbatch(struct fill *f, const struct batch *b)
{
	if (!b->env_stored) {
		err_set(&f->why, ERR_FAILED,
			"%s; the sweep uses the PATH of its first submission; "
			"to use the current PATH: slurmq submit --env",
			f->r->text);
		return;
	}
	submission_environment_forget(f->store, b);
	err_set(&f->why, ERR_FAILED, "%s; then: slurmq submit", f->r->text);
}

/* Applies an answer of sbatch to the rest of this fill. */
static void apply_answer(struct fill *f, const struct batch *b, int answer)
{
	struct fill_result *r = f->r;
	int64_t n = (int64_t)b->njobs;

	switch (answer) {
	case SLURM_ACCEPTED:
		r->submitted += n;
		limit_group_took(b->limit_group, n);
		return;
	case SLURM_LIMIT:
		limit_group_refused(b->limit_group, n);
		f->limits++;
		f->stop = FILL_LIMITED;
		if (f->limits < LIMITS_MOST)
			return;
		break;
	case SLURM_REFUSED:
		report_line(f->o, "sbatch refused the jobs of '%s':\n%s", b->sweep_name, r->text);
		f->refusals++;
		f->stop = FILL_REFUSED;
		return;
	case SLURM_NO_SBATCH:
		store_no_sbatch(f, b);
		f->stop = FILL_BACKOFF;
		break;
	case SLURM_BUSY:
		f->stop = FILL_BACKOFF;
		break;
	default:
		r->unclear += n;
		f->stop = FILL_UNCLEAR;
		break;
	}
	f->ingest_only = true;
}

static int submit_all(struct fill *f, const struct batches *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		int answer;

		if (f->ingest_only)
			return undo_unsent_claims(f, b, i, err);
		if (submit_batch(f, &b->v[i], &answer, err))
			return -1;
		apply_answer(f, &b->v[i], answer);
	}
	if (limit_groups_feel(&f->limit_groups) && query_free_slots(f, err))
		return -1;
	if (f->refusals >= 3)
		f->ingest_only = true;
	return 0;
}

static int prepare_fill(struct fill *f, struct err *err)
{
	bool user = f->o->caller == FILL_USER;
	struct slurm_limit limit;
	int rc;

	f->unblock = user;
	f->ingest_only = f->o->no_claim;
	if (user)
		cancel_forget(f->store->folder);
	if (f->ingest_only)
		return 0;
	if (!user) /* if the decision fails, nothing is claimed (is_held_back) */
		cancel_decide(f->store, NULL);
	if (!user && !f->o->no_via && via_get(f->store, &f->via, err) < 0)
		return -1;
	if (f->via)
		return 0;
	rc = limits_refresh(f->store, f->o->record, user ? LIMITS_USER_AGE_MS : LIMITS_AGE_MS,
			    &limit, err);
	slurm_limit_release(&limit);
	if (rc) {
		f->r->stop = FILL_ELSEWHERE;
		return rc;
	}
	return 0;
}

/* Moves the claimed jobs from pending to in flight, in case no round follows that counts again. */
static void count_claimed(struct fill_result *r, const struct batches *b)
{
	for (size_t i = 0; i < b->n; i++) {
		r->pending -= (int64_t)b->v[i].njobs;
		r->in_flight += (int64_t)b->v[i].njobs;
	}
}

static int run_rounds(struct fill *f, struct err *err)
{
	for (int i = 0; i < MAX_ROUNDS; i++) {
		struct batches b;
		int rc = run_round(f, &b, err);
		bool freed = f->freed, done = !b.n && !freed;

		f->freed = false;
		if (!rc && b.n) {
			count_claimed(f->r, &b);
			rc = submit_all(f, &b, err);
		}
		abandon_early_sbatch(f);
		batches_release(&b);
		if (rc || done)
			return rc == FOLDER_BUSY ? 0 : rc;
		/* an accepted submission may wait in the outbox for the next process; the claims
		 * of a refusal, and an error for a person, must not */
		if (!f->stop && !freed && f->o->caller == FILL_CHAIN) {
			f->r->confirmed += f->r->submitted;
			return 0;
		}
	}
	return 0;
}

/* Submits through the host that may submit; this host has ingested the end. If that fails, the
 * next job tries again, or the last job that stays. */
static int fill_elsewhere(struct fill *f, struct err *err)
{
	struct fill_result *r = f->r;
	int64_t counts[JOB_NSTATES], before = r->in_flight;
	struct err why = {0};

	if (proc_term_pending() || via_run(f->store, f->via, false, &why)) {
		r->stop = FILL_BACKOFF;
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

int fill_run(struct store *store, const struct fill_opts *opts, struct fill_result *r,
	     struct err *err)
{
	struct fill f = {.store = store, .o = opts, .r = r};
	int rc;

	memset(r, 0, sizeof(*r));
	rc = prepare_fill(&f, err);
	if (!rc)
		rc = run_rounds(&f, err);
	if (!rc && f.via_due)
		rc = fill_elsewhere(&f, err);
	free(f.via);
	if (!rc && !f.why.status && opts->caller == FILL_USER)
		rc = submission_environments_keep(store, opts->renew_env, err);
	if (!rc && f.stop && r->stop != FILL_PAUSED)
		r->stop = f.stop;
	if (!rc && f.why.status) {
		*err = f.why;
		rc = -1;
	}
	loader_release(&f.loader);
	limit_groups_release(&f.limit_groups);
	return rc;
}

/* ---- for --dry-run ---- */

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

int fill_preview(struct store *store, int64_t max, struct buf *out, struct err *err)
{
	struct fill_opts opts = {.caller = FILL_USER, .max = max};
	struct fill_result r = {0};
	struct fill f = {.store = store, .o = &opts, .r = &r};
	struct ingested none = {0};
	struct batches b = {0};
	int64_t n;
	int rc;

	if (limits_site_get(store, &f.site, err) || db_begin(store->db, err))
		return -1;
	rc = compute_deficit(&f, &none, &n, err);
	if (!rc && n > 0)
		rc = claim_jobs_choose(store, &f.loader, &f.limit_groups, n, f.site.max_array, &b,
				       err);
	db_rollback(store->db);
	for (size_t i = 0; i < b.n && !rc; i++)
		preview_batch(store, &b.v[i], out, err);
	batches_release(&b);
	loader_release(&f.loader);
	limit_groups_release(&f.limit_groups);
	return rc;
}
