/*
 * reconcile.c - rows whose attempt never reported, against what Slurm shows.
 *
 * Slurm is asked without the gate; then, under it, files and rows are read again, and only a row whose
 * state and attempt are what they were before is acted upon. A job that is not to be seen is no evidence of
 * anything until it was missed twice, MISSING_MS apart, and even then its right is taken first.
 */
#include "reconcile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "drain.h"
#include "failpoint.h"
#include "outcome.h"
#include "slurm.h"
#include "ticket.h"

enum {
	SUBMITTING_MS = 10 * 60 * 1000, /* a submission without an answer and without a job */
	UNCLEAR_MS = 90 * 1000,		/* the same, whose sbatch has ended without a clear one */
	MISSING_MS = 10 * 60 * 1000,
	ENDED_MS = 60 * 1000, /* between Slurm's word of an end and our believing it */
	NO_ANSWER_MS = 60 * 1000,
};

/* A job of ours in Slurm: what its name says. task -1: a job that is no array, or, of an array, one line
 * for all of its tasks that never started and were cancelled with it. */
struct seen {
	uint64_t submission;
	int64_t task;
	const struct slurm_job *job;
};

struct look {
	struct store *store;
	struct reconcile_result *out;
	struct slurm_jobs jobs;
	struct seen *seen;
	size_t nseen;
	struct db_flight *before;
	size_t nbefore;
	struct spool_list ready, running;
	struct who me;
	int64_t now; /* of the file server */
	struct outcome outcome;
};

static int compare_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->submission != y->submission)
		return x->submission < y->submission ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

/* "cifar.0123456789abcdef": sweeps may have dots in their names, tickets have none. */
static void index_jobs(struct look *l)
{
	l->seen = mem_alloc((l->jobs.n + 1) * sizeof(*l->seen));
	for (size_t i = 0; i < l->jobs.n; i++) {
		const struct slurm_job *job = &l->jobs.v[i];
		const char *dot = strrchr(job->name, '.');
		struct seen *s = &l->seen[l->nseen];

		if (!dot || ticket_name_parse(dot + 1, &s->submission))
			continue;
		s->task = job->task;
		s->job = job;
		l->nseen++;
	}
	qsort(l->seen, l->nseen, sizeof(*l->seen), compare_seen);
}

/* The first entry of a submission at or after that task. */
static size_t lower_bound(const struct look *l, uint64_t submission, int64_t task)
{
	size_t lo = 0, hi = l->nseen;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct seen *s = &l->seen[mid];

		if (s->submission < submission || (s->submission == submission && s->task < task))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Of several lines of a task (a submission that was made twice) an active one. For a running row only the
 * job that took its right counts. */
static const struct slurm_job *find_task(const struct look *l, const struct db_flight *f,
					 int64_t task)
{
	const struct slurm_job *found = NULL;

	for (size_t i = lower_bound(l, f->submission, task);
	     i < l->nseen && l->seen[i].submission == f->submission && l->seen[i].task == task;
	     i++) {
		const struct slurm_job *job = l->seen[i].job;

		if (f->state == JOB_RUNNING && f->slurm_id && job->id != f->slurm_id)
			continue;
		if (!found || slurm_state_active(job->state))
			found = job;
	}
	return found;
}

/* An array is there and this task of it is not, nor has it started: it was cancelled while it was pending,
 * which leaves no trace of its own (slurm.h, struct slurm_job), or with the rest of its array, which leaves
 * one line without an index for all of them. */
static const struct slurm_job *find_cancelled(const struct look *l, const struct db_flight *f)
{
	static const struct slurm_job cancelled = {.state = (char *)(uintptr_t) "CANCELLED",
						   .reason = (char *)(uintptr_t) "None",
						   .name = (char *)(uintptr_t) ""};
	size_t first = lower_bound(l, f->submission, -1);

	if (f->state == JOB_RUNNING || first == l->nseen ||
	    l->seen[first].submission != f->submission)
		return NULL;
	if (l->seen[first].task < 0)
		return l->seen[first].job;
	return f->state == JOB_QUEUED ? &cancelled : NULL;
}

/* The Slurm job of a row, or NULL. */
static const struct slurm_job *find_job(const struct look *l, const struct db_flight *f)
{
	const struct slurm_job *job = find_task(l, f, f->ntasks == 1 ? -1 : f->task);

	return job || f->ntasks == 1 ? job : find_cancelled(l, f);
}

static bool unchanged(const struct look *l, const struct db_flight *f)
{
	for (size_t i = 0; i < l->nbefore; i++)
		if (l->before[i].attempt == f->attempt)
			return l->before[i].state == f->state;
	return false;
}

/* Take a right back that Slurm will not use: 0 where it was won. */
static int retire(struct look *l, const struct db_flight *f, struct err *err)
{
	int rc = spool_right_retire(l->store->spool, f->submission, f->task, &l->me, err);

	if (!rc)
		FAILPOINT("reconcile-retired");
	return rc;
}

/* No job, no right, no journal: nobody knows. A listing may be old, so this comes only after a row was
 * missed for long enough. */
static int give_up(struct look *l, const struct db_flight *f, struct err *err)
{
	struct job_end end = {.reason = REASON_LOST, .ended = clock_now_ms()};

	if (spool_list_find(&l->running, f->submission, f->task))
		return 0;
	l->out->lost++;
	return outcome_verdict(&l->outcome, f->attempt, &end, err);
}

/* Not to be seen: since when? True where that is long enough. */
static int missed(struct look *l, const struct db_flight *f, int64_t enough, bool *long_enough,
		  struct err *err)
{
	int64_t since = f->missing_since;

	*long_enough = since > 0 && l->now - since >= enough;
	l->out->missing += !*long_enough;
	if (since > 0 && l->now >= since)
		return 0;
	return db_attempt_missing(l->store->db, f->attempt, l->now, err);
}

static int look_at_submitting(struct look *l, const struct db_flight *f,
			      const struct slurm_job *job, struct err *err)
{
	int64_t age = ticket_age(l->store->spool, f->submission);
	bool long_enough = age >= (f->answer ? UNCLEAR_MS : SUBMITTING_MS);
	int changed, rc;

	if (job) {
		l->out->adopted++;
		return db_attempt_queued(l->store->db, f->attempt, job->array_id, &changed, err);
	}
	if (age < 0 && missed(l, f, MISSING_MS, &long_enough, err))
		return -1;
	if (!long_enough)
		return 0;
	rc = retire(l, f, err);
	if (rc)
		return rc < 0 ? -1 : age < 0 ? give_up(l, f, err) : 0;
	return db_attempt_retired(l->store->db, f->attempt, JOB_PENDING, REASON_NONE, &changed,
				  err);
}

static int look_at_queued(struct look *l, const struct db_flight *f, const struct slurm_job *job,
			  struct err *err)
{
	int reason = job ? job_reason_from_slurm(job->state) : REASON_NONE, rc;
	int to = reason == REASON_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
	bool gone;

	if (job && slurm_state_active(job->state))
		return db_attempt_missing(l->store->db, f->attempt, 0, err);
	if (!job) {
		if (missed(l, f, MISSING_MS, &gone, err))
			return -1;
		if (!gone)
			return 0;
		to = JOB_PENDING;
	}
	rc = retire(l, f, err);
	if (rc) /* it has started after all: its journal or its end will tell */
		return rc < 0 ? -1 : job ? 0 : give_up(l, f, err);
	l->out->ended++;
	return outcome_retired(&l->outcome, f->attempt, to, reason, err);
}

/* What a journal holds which nobody will move any more: its steps, and, where its owner died just before it
 * could post it, its end, which counts before anybody's verdict. */
static int keep_journal(struct look *l, const struct db_flight *f, struct err *err)
{
	const struct spool_entry *e = spool_list_find(&l->running, f->submission, f->task);
	struct journal j;
	int changed, rc;

	if (!e)
		return 0;
	rc = spool_journal_read(l->store->spool, SPOOL_RUNNING, e->name, &j, err);
	if (!rc)
		rc = drain_tell_steps(l->store, f->attempt, &j, err);
	if (!rc && j.has_end)
		rc = db_attempt_line(l->store->db, f->attempt, &j.end, &changed, err);
	journal_release(&j);
	return rc < 0 ? -1 : 0;
}

static int look_at_running(struct look *l, const struct db_flight *f, const struct slurm_job *job,
			   struct err *err)
{
	struct job_end end = {.reason = REASON_LOST, .ended = clock_now_ms()};
	bool over;
	int changed;

	/* its submitter died before it could tell sbatch's answer: scancel needs the number */
	if (job && !f->slurm_job &&
	    db_attempt_queued(l->store->db, f->attempt, job->array_id, &changed, err))
		return -1;
	if (job && slurm_state_active(job->state))
		return db_attempt_missing(l->store->db, f->attempt, 0, err);
	if (missed(l, f, job ? ENDED_MS : MISSING_MS, &over, err))
		return -1;
	if (!over)
		return 0;
	if (job)
		end.reason = job_reason_from_slurm(job->state);
	if (keep_journal(l, f, err))
		return -1;
	*(job ? &l->out->ended : &l->out->lost) += 1;
	return outcome_verdict(&l->outcome, f->attempt, &end, err);
}

/* Cancelled or held while nobody could take its right: taken now. 0: done, SPOOL_NONE: it has started. */
static int honour_wish(struct look *l, const struct db_flight *f, struct err *err)
{
	int changed, rc = retire(l, f, err);

	if (rc)
		return rc;
	return db_attempt_retired(l->store->db, f->attempt, JOB_PENDING, REASON_NONE, &changed,
				  err);
}

static int look_at(struct look *l, const struct db_flight *f, struct err *err)
{
	const struct slurm_job *job = find_job(l, f);

	if (f->wish != WISH_NONE && f->state != JOB_RUNNING) {
		int rc = honour_wish(l, f, err);

		if (rc <= 0)
			return rc;
	}
	switch (f->state) {
	case JOB_SUBMITTING:
		return look_at_submitting(l, f, job, err);
	case JOB_QUEUED:
		return look_at_queued(l, f, job, err);
	default:
		return look_at_running(l, f, job, err);
	}
}

/* A ticket that no row knows: its submitter died before the commit, and the gate is ours. */
static int drop_orphans(struct look *l, struct err *err)
{
	uint64_t *v;
	size_t n;
	int rc = ticket_list(l->store->spool, &v, &n, err);

	for (size_t i = 0; i < n && !rc; i++) {
		struct db_submission sub;

		rc = db_submission_get(l->store->db, v[i], &sub, err);
		if (!rc) { /* or died after the commit that closed it, and before it cleared up */
			db_submission_release(&sub);
			drain_forget(l->store, &l->running, v[i]);
		}
		if (rc != DB_NONE)
			continue;
		rc = 0;
		for (size_t k = 0; k < l->ready.n && !rc; k++)
			if (l->ready.v[k].submission == v[i])
				rc = spool_remove(l->store->spool, SPOOL_READY, l->ready.v[k].name,
						  err);
		FAILPOINT("reconcile-orphan");
		if (!rc)
			rc = ticket_remove(l->store->spool, v[i], err);
	}
	free(v);
	return rc < 0 ? -1 : 0;
}

/* Nobody will tell the end of what was closed by Slurm's word, so no drain comes by its files. */
static void forget(struct look *l, const struct db_flight *v, size_t n)
{
	if (!l->out->ended && !l->out->lost)
		return;
	for (size_t i = 0; i < n; i++)
		if (!i || v[i].submission != v[i - 1].submission)
			drain_forget(l->store, &l->running, v[i].submission);
}

/* Under the gate, drained. */
static int act(struct look *l, struct err *err)
{
	struct store *store = l->store;
	struct db_flight *v = NULL;
	int rc = -1;
	size_t n;

	l->now = spool_now_ms(store->spool);
	if (l->now < 0)
		return err_errno(err, ERR_FAILED, "making a file in '%s'", store->dir);
	spool_tidy(store->spool);
	if (spool_scan(store->spool, SPOOL_READY, &l->ready, err) ||
	    spool_scan(store->spool, SPOOL_RUNNING, &l->running, err) || drop_orphans(l, err) ||
	    db_begin(store->db, err))
		return -1;
	if (!db_flights(store->db, &v, &n, err)) {
		rc = 0;
		for (size_t i = 0; i < n && !rc; i++)
			if (unchanged(l, &v[i]))
				rc = look_at(l, &v[i], err);
	}
	if (!rc)
		rc = db_setting_set_int(store->db, ".reconcile.at", clock_now_ms(), err);
	FAILPOINT("reconcile-told");
	if (!rc)
		rc = db_commit(store->db, err);
	FAILPOINT("reconcile-committed");
	if (rc)
		db_rollback(store->db);
	else
		forget(l, v, n);
	free(v);
	return rc;
}

static int due(struct store *store, int64_t max_age_ms, bool *yes, struct err *err)
{
	int64_t at, age;

	if (db_setting_int(store->db, ".reconcile.at", 0, &at, err))
		return -1;
	age = clock_now_ms() - at;
	*yes = max_age_ms <= 0 || age < 0 || age >= max_age_ms;
	return 0;
}

/* squeue; one that has just failed to answer is not waited for again by who does not insist. */
static int ask(struct store *store, int64_t max_age_ms, struct slurm_jobs *jobs, struct err *err)
{
	int64_t age = spool_mark_age(store->spool, SPOOL_NO_ANSWER);
	int rc;

	if (max_age_ms > 0 && age >= 0 && age < NO_ANSWER_MS)
		return err_set(err, ERR_AGAIN, "squeue gave no answer %lld s ago: try again later",
			       (long long)(age / 1000));
	rc = slurm_squeue((uint64_t)geteuid(), jobs, err);
	if (rc)
		spool_mark(store->spool, SPOOL_NO_ANSWER);
	else if (age >= 0)
		spool_unmark(store->spool, SPOOL_NO_ANSWER);
	return rc;
}

int reconcile(struct store *store, int64_t max_age_ms, struct reconcile_result *out,
	      struct err *err)
{
	struct look l = {.store = store, .out = out, .outcome = {.db = store->db}};
	bool yes;
	int rc;

	memset(out, 0, sizeof(*out));
	if (due(store, max_age_ms, &yes, err))
		return -1;
	if (!yes)
		return 0;
	rc = db_flights(store->db, &l.before, &l.nbefore, err);
	if (rc || (!l.nbefore && max_age_ms > 0))
		goto out;
	if (l.nbefore) {
		rc = ask(store, max_age_ms, &l.jobs, err);
		out->ran = !rc;
	}
	if (rc)
		goto out;
	FAILPOINT("reconcile-asked");
	index_jobs(&l);
	who_self(&l.me);
	rc = drain_lock(store, err);
	if (!rc) {
		rc = act(&l, err);
		FAILPOINT("reconcile-forgotten");
		/* what was taken back lies in retired/: told already, and removed */
		drain_unlock(store);
		if (!rc)
			rc = drain_now(store, err);
	}
out:
	outcome_release(&l.outcome);
	slurm_jobs_release(&l.jobs);
	free(l.seen);
	free(l.before);
	spool_list_release(&l.ready);
	spool_list_release(&l.running);
	return rc;
}
