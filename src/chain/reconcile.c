/*
 * reconcile.c - rows whose attempt never reported, against what Slurm shows.
 *
 * Slurm is asked without the queue lock: squeue, and sacct where squeue lacks a row. Then, under the lock, files
 * and rows are read again, and only a row whose state and attempt are what they were before is acted upon.
 *
 * What counts as evidence:
 * - squeue or sacct shows the job, in a state that is over: its attempt has ended, or will never begin;
 * - slurmctld does not know it, twice, MISSING_MS apart, nor does the accounting: it has gone;
 * - a command that failed, an empty sacct, a record that is not over: nothing.
 * And before an attempt is closed that may not have begun, its right is taken; before one that has, its own
 * end line gets ENDED_MS to arrive (a file system may be slow to show what another host wrote).
 */
#include "chain/reconcile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/breaker.h"
#include "chain/cancel.h"
#include "lib/clock.h"
#include "chain/ingest.h"
#include "lib/failpoint.h"
#include "chain/outcome.h"
#include "chain/seen.h"
#include "slurm/slurm.h"
#include "store/state.h"
#include "store/manifest.h"

enum {
	SUBMITTING_MS = 10 * 60 * 1000, /* a submission without an answer and without a job */
	UNCLEAR_MS = 90 * 1000,		/* the same, whose sbatch has ended without a clear one */
	MISSING_MS = 10 * 60 * 1000,
	ACCT_AWAY_MS = 60 * 60 * 1000, /* the same while the accounting does not answer */
	ENDED_MS = 60 * 1000,	       /* between Slurm's word of an end and our believing it */
	PATIENT_MS = 60 * 1000, /* who is content with an answer of that age need not ask itself */
	TURN_MS = 10 * 1000,
	CLOCKS_S = 25 * 3600, /* what two hosts' clocks may be apart */
	IDS_MOST = 200,	      /* named to sacct */
};

enum acct { ACCT_NOT_ASKED, ACCT_ANSWERED, ACCT_NONE, ACCT_AWAY };

struct look {
	struct store *store;
	struct reconcile_result *out;
	struct slurm_jobs jobs, records;
	bool insists; /* somebody wants squeue's answer, whatever is in flight */
	struct seen_list seen, acct_seen;
	enum acct acct;
	struct db_flight *before;
	size_t nbefore;
	struct folder_list ready, running;
	struct strs unwanted; /* scancel's names of what is to end */
	size_t nstuck;	      /* so many of them since they never will begin */
	bool forgave;	      /* nodes were left out, and are not any more */
	struct who me;
	int64_t now; /* of the file server */
	struct outcome outcome;
	uint64_t aged;
	int64_t age; /* of the manifest `aged` */
};

static bool unchanged(const struct look *l, const struct db_flight *f)
{
	for (size_t i = 0; i < l->nbefore; i++)
		if (l->before[i].attempt == f->attempt)
			return l->before[i].state == f->state;
	return false;
}

/* Of a submission, whose rows follow each other, the manifest's age is looked at once. */
static int64_t age_of(struct look *l, uint64_t submission)
{
	if (l->aged != submission) {
		l->age = manifest_age(l->store->folder, submission);
		l->aged = submission;
	}
	return l->age;
}

/* Take a right back that Slurm will not use: 0 where it was won. */
static int revoke_claim(struct look *l, const struct db_flight *f, struct err *err)
{
	int rc = claim_file_revoke(l->store->folder, f->submission, f->task, &l->me, err);

	if (!rc)
		FAILPOINT("reconcile-revoked");
	return rc;
}

/* Slurm's word, where there is one; else it has gone since it was missed, or just now. */
static struct job_end end_of(const struct look *l, const struct db_flight *f,
			     const struct slurm_job *job, bool began)
{
	struct job_end end = {.reason = REASON_LOST, .ended = clock_now_ms()};

	if (f->missing_since > 0 && f->missing_since <= l->now)
		end.ended -= l->now - f->missing_since;
	if (job)
		slurm_job_end(job, began, &end);
	return end;
}

/* No right and no journal, and Slurm is done with the job (its word), or has none: nobody else will tell. */
static int give_up(struct look *l, const struct db_flight *f, const struct slurm_job *job,
		   struct err *err)
{
	const struct job_end end = end_of(l, f, job, true);

	if (folder_list_find(&l->running, f->submission, f->task))
		return 0;
	*(job ? &l->out->ended : &l->out->lost) += 1;
	return outcome_infer(&l->outcome, f->attempt, &end, err);
}

/* Not to be seen, or over: since when? True where that is long enough. */
static int missed(struct look *l, const struct db_flight *f, int64_t enough, bool *long_enough,
		  struct err *err)
{
	int64_t since = f->missing_since;

	*long_enough = since > 0 && l->now - since >= enough;
	if (since > 0 && l->now >= since)
		return 0;
	return db_attempt_missing(l->store->db, f->attempt, l->now, err);
}

/* It is over and has not told how: how long it may. */
static void still(struct look *l, const struct db_flight *f)
{
	int64_t since = f->missing_since, left = ENDED_MS;

	if (since > 0 && since <= l->now)
		left -= l->now - since;
	if (left > l->out->left_ms)
		l->out->left_ms = left;
}

/* How long slurmctld must not have known a job. The accounting, where there is one, may still have its end. */
static int64_t gone_after(const struct look *l)
{
	return l->acct == ACCT_AWAY ? ACCT_AWAY_MS : MISSING_MS;
}

/* Slurm may take a job without a look for nodes, as at a limit of what runs, and find later that there is none for it:
 * then it waits for ever. */
static bool is_stuck(const struct slurm_job *job)
{
	return !strcmp(job->state, "PENDING") && !strcmp(job->reason, "BadConstraints");
}

/* Where nodes are left out since they look bad, that is the most likely reason: they are better than none. 0: taken
 * back, to be submitted again; FOLDER_NONE: it is for somebody else to mend. */
static int unstick(struct look *l, const struct db_flight *f, const struct slurm_job *job,
		   struct err *err)
{
	struct strs nodes = {0};
	int changed, rc;

	if (!l->forgave) {
		rc = breaker_nodes(l->store->db, &nodes, err);
		l->forgave = nodes.n > 0;
		strs_release(&nodes);
		if (rc || !l->forgave)
			return rc ? rc : FOLDER_NONE;
		if (breaker_forgive_nodes(l->store->db, err))
			return -1;
	}
	rc = revoke_claim(l, f, err);
	if (rc)
		return rc;
	slurm_scancel_add(&l->unwanted, job);
	l->nstuck++;
	l->out->returned++;
	return db_attempt_revoked(l->store->db, f->attempt, JOB_PENDING, REASON_NONE, &changed,
				  err);
}

static int look_at_queued(struct look *l, const struct db_flight *f, const struct slurm_job *job,
			  struct err *err)
{
	struct job_end end = {.reason = REASON_NONE};
	int to = JOB_PENDING, rc;
	bool gone;

	rc = job && is_stuck(job) ? unstick(l, f, job, err) : FOLDER_NONE;
	if (rc <= 0)
		return rc;
	if (job) {
		end = end_of(l, f, job, false);
		to = end.reason == REASON_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
	}
	if (job && !slurm_state_over(job->state))
		return db_attempt_missing(l->store->db, f->attempt, 0, err);
	if (!job) {
		if (missed(l, f, gone_after(l), &gone, err))
			return -1;
		l->out->missing += !gone;
		if (!gone)
			return 0;
	}
	rc = revoke_claim(l, f, err);
	if (!rc) {
		*(job ? &l->out->ended : &l->out->returned) += 1;
		return outcome_revoked(&l->outcome, f->attempt, to, end.reason, err);
	}
	/* it has started after all: its journal or its end will tell, where a listing is not old */
	if (rc > 0 && job) {
		if (missed(l, f, MISSING_MS, &gone, err))
			return -1;
		l->out->missing += !gone;
		if (!gone)
			return 0;
	}
	return rc < 0 ? -1 : give_up(l, f, job, err);
}

static int look_at_submitting(struct look *l, struct db_flight *f, const struct slurm_job *job,
			      struct err *err)
{
	int64_t age = age_of(l, f->submission);
	bool long_enough = age >= (f->answer ? UNCLEAR_MS : SUBMITTING_MS);
	int changed, rc;

	if (job) {
		l->out->adopted++;
		rc = db_attempt_queued(l->store->db, f->attempt, job->array_id, &changed, err);
		f->state = JOB_QUEUED;
		return rc ? rc : look_at_queued(l, f, job, err);
	}
	if (age < 0 && missed(l, f, MISSING_MS, &long_enough, err))
		return -1;
	/* one without an answer is most likely being submitted just now */
	l->out->missing += !long_enough && (f->answer || age < 0);
	l->out->soon |= !long_enough && f->answer;
	if (!long_enough)
		return 0;
	rc = revoke_claim(l, f, err);
	if (rc)
		return rc < 0 ? -1 : age < 0 ? give_up(l, f, NULL, err) : 0;
	l->out->returned++;
	return db_attempt_revoked(l->store->db, f->attempt, JOB_PENDING, REASON_NONE, &changed,
				  err);
}

/* What a journal holds which nobody will move any more: its steps, and, where its owner died just before it
 * could post it, its end, which counts before anybody's verdict. */
static int keep_journal(struct look *l, const struct db_flight *f, struct err *err)
{
	const struct folder_entry *e = folder_list_find(&l->running, f->submission, f->task);
	struct journal j;
	int rc;

	if (!e)
		return 0;
	rc = journal_file_read(l->store->folder, FOLDER_RUNNING, e->name, &j, err);
	if (!rc)
		rc = ingest_steps(l->store, f->attempt, &j, err);
	if (!rc && j.has_end)
		rc = outcome_report(&l->outcome, f->attempt, &j.end, err);
	journal_release(&j);
	return rc < 0 ? -1 : 0;
}

static int look_at_running(struct look *l, const struct db_flight *f, const struct slurm_job *job,
			   struct err *err)
{
	struct job_end end;
	bool over;
	int changed;

	/* its submitter died before it could tell sbatch's answer: scancel needs the number */
	if (job && !f->slurm_job &&
	    db_attempt_queued(l->store->db, f->attempt, job->array_id, &changed, err))
		return -1;
	if (job && !slurm_state_over(job->state))
		return db_attempt_missing(l->store->db, f->attempt, 0, err);
	if (missed(l, f, job ? ENDED_MS : gone_after(l), &over, err))
		return -1;
	if (!over) {
		*(job ? &l->out->ending : &l->out->missing) += 1;
		l->out->soon |= job != NULL;
		if (job)
			still(l, f);
		return 0;
	}
	end = end_of(l, f, job, true);
	if (keep_journal(l, f, err))
		return -1;
	*(job ? &l->out->ended : &l->out->lost) += 1;
	return outcome_infer(&l->outcome, f->attempt, &end, err);
}

/* Cancelled or held while nobody could take its right: taken now. 0: done, FOLDER_NONE: it has started. */
static int honour_request(struct look *l, const struct db_flight *f, struct err *err)
{
	int changed, rc = revoke_claim(l, f, err);

	if (rc)
		return rc;
	return db_attempt_revoked(l->store->db, f->attempt, JOB_PENDING, REASON_NONE, &changed,
				  err);
}

/* Cancelled, and Slurm runs it all the same: who cancelled may not have known its number. */
static void end_unwanted(struct look *l, const struct db_flight *f, const struct slurm_job *job)
{
	if (f->request != REQUEST_CANCEL || !job || !slurm_state_active(job->state) ||
	    !strcmp(job->state, "COMPLETING"))
		return;
	slurm_scancel_add(&l->unwanted, job);
}

static int look_at(struct look *l, struct db_flight *f, struct err *err)
{
	const struct slurm_job *job = seen_find(&l->seen, f);

	if (f->request != REQUEST_NONE && f->state != JOB_RUNNING) {
		int rc = honour_request(l, f, err);

		if (rc <= 0)
			return rc;
	}
	end_unwanted(l, f, job);
	if (!job)
		job = seen_over(&l->acct_seen, f);
	if (!job && l->acct != ACCT_AWAY)
		job = seen_supposed(&l->seen, f);
	switch (f->state) {
	case JOB_SUBMITTING:
		return look_at_submitting(l, f, job, err);
	case JOB_QUEUED:
		return look_at_queued(l, f, job, err);
	default:
		return look_at_running(l, f, job, err);
	}
}

/* A manifest that no row knows: its submitter died before the commit, and the queue lock is ours. */
static int drop_orphans(struct look *l, struct err *err)
{
	uint64_t *v;
	size_t n;
	int rc = manifest_list(l->store->folder, &v, &n, err);

	for (size_t i = 0; i < n && !rc; i++) {
		struct db_submission sub;

		rc = db_submission_get(l->store->db, v[i], &sub, err);
		if (!rc) { /* or died after the commit that closed it, and before it cleared up */
			db_submission_release(&sub);
			ingest_forget(l->store, &l->running, v[i]);
		}
		if (rc != DB_NONE)
			continue;
		rc = 0;
		for (size_t k = 0; k < l->ready.n && !rc; k++)
			if (l->ready.v[k].submission == v[i])
				rc = folder_remove(l->store->folder, FOLDER_CLAIMS,
						   l->ready.v[k].name, err);
		FAILPOINT("reconcile-orphan");
		if (!rc)
			rc = manifest_remove(l->store->folder, v[i], err);
	}
	free(v);
	return rc < 0 ? -1 : 0;
}

/* Nobody will tell the end of what was closed by Slurm's word, so no ingest comes by its files. */
static void forget(struct look *l, const struct db_flight *v, size_t n)
{
	if (!l->out->ended && !l->out->lost)
		return;
	for (size_t i = 0; i < n; i++)
		if (!i || v[i].submission != v[i - 1].submission)
			ingest_forget(l->store, &l->running, v[i].submission);
}

/* Of the file server; of this host, where the folder can't be written. */
static int64_t stamp(struct store *store)
{
	int64_t now = folder_now_ms(store->folder);

	return now < 0 ? clock_now_ms() : now;
}

static int leave_stamp(struct look *l, struct err *err)
{
	return state_set_int(l->store->db, STATE_RECONCILE_AT, l->now, err) ||
			       state_set_int(l->store->db, STATE_RECONCILE_SOON, l->out->soon, err)
		       ? -1
		       : 0;
}

static bool in_flight(const struct seen *s, const struct db_flight *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].submission == s->submission && (s->task < 0 || v[i].task == s->task))
			return true;
	return false;
}

/* Taken back, by one that died before it could tell Slurm, or that Slurm gave no answer. */
static void end_stuck(struct look *l, const struct db_flight *v, size_t n)
{
	for (size_t i = 0; i < l->seen.n; i++) {
		const struct seen *s = &l->seen.v[i];
		struct db_submission sub = {0};

		if (!is_stuck(s->job) || in_flight(s, v, n) ||
		    db_submission_get(l->store->db, s->submission, &sub, NULL))
			continue;
		db_submission_release(&sub);
		slurm_scancel_add(&l->unwanted, s->job);
		l->nstuck++;
	}
}

/* Under the lock, ingested. */
static int act(struct look *l, struct err *err)
{
	struct store *store = l->store;
	struct db_flight *v = NULL;
	int rc = -1;
	size_t n;

	l->now = folder_now_ms(store->folder);
	if (l->now < 0)
		return err_errno(err, ERR_FAILED, "making a file in '%s'", store->dir);
	folder_tidy(store->folder);
	if (folder_scan(store->folder, FOLDER_CLAIMS, &l->ready, err) ||
	    folder_scan(store->folder, FOLDER_RUNNING, &l->running, err) || drop_orphans(l, err) ||
	    db_begin(store->db, err))
		return -1;
	if (!db_flights(store->db, &v, &n, err)) {
		rc = 0;
		for (size_t i = 0; i < n && !rc; i++)
			if (unchanged(l, &v[i]))
				rc = look_at(l, &v[i], err);
		end_stuck(l, v, n);
	}
	if (!rc)
		rc = leave_stamp(l, err);
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

/* Slurm was asked by somebody so lately that the answer will do. */
static int due(struct store *store, int64_t max_age_ms, bool *yes, bool *soon, struct err *err)
{
	int64_t at, age, hurry;

	if (state_get_int(store->db, STATE_RECONCILE_AT, &at, err) ||
	    state_get_int(store->db, STATE_RECONCILE_SOON, &hurry, err))
		return -1;
	*soon = hurry != 0;
	if (*soon && max_age_ms > ENDED_MS)
		max_age_ms = ENDED_MS;
	age = max_age_ms > 0 ? stamp(store) - at : -1;
	*yes = age < 0 || age >= max_age_ms;
	return 0;
}

/* squeue; one that has just failed to answer is not waited for again by who does not insist. */
static int ask_squeue(struct look *l, int64_t max_age_ms, struct err *err)
{
	struct folder *sp = l->store->folder;
	int64_t age = folder_mark_age(sp, FOLDER_NO_ANSWER);

	if (max_age_ms > 0 && age >= 0 && age < FOLDER_NO_ANSWER_MS)
		return err_set(err, ERR_AGAIN, "squeue gave no answer %lld s ago: try again later",
			       (long long)(age / 1000));
	if (slurm_squeue((uint64_t)geteuid(), &l->jobs, err)) {
		folder_mark(sp, FOLDER_NO_ANSWER);
		return -1;
	}
	if (age >= 0)
		folder_unmark(sp, FOLDER_NO_ANSWER);
	seen_index(&l->seen, &l->jobs, l->before, l->nbefore);
	l->out->ran = true;
	return 0;
}

/* What the accounting has to be asked for: rows that squeue lacks, but for those whose sbatch may not be
 * over. Their Slurm ids, unless one is unknown or there are too many; since when, by a submitter's clock. */
static bool rows_missed(struct look *l, struct strs *ids, int64_t *since)
{
	uint64_t last = 0;
	bool all = true;
	size_t n = 0;

	for (size_t i = 0; i < l->nbefore; i++) {
		const struct db_flight *f = &l->before[i];

		if (seen_find(&l->seen, f) ||
		    (f->state == JOB_SUBMITTING && age_of(l, f->submission) < UNCLEAR_MS))
			continue;
		if (!n++ || f->created < *since)
			*since = f->created;
		all = all && f->slurm_job;
		if (all && f->slurm_job != last)
			strs_addf(ids, "%" PRIu64, f->slurm_job);
		last = f->slurm_job;
	}
	if (!all || ids->n > IDS_MOST)
		strs_release(ids);
	return n > 0;
}

static void ask_sacct(struct look *l, int64_t max_age_ms)
{
	int64_t age = folder_mark_age(l->store->folder, FOLDER_NO_ACCT), now = clock_now_ms();
	struct strs ids = {0};
	int64_t since = now;

	if (!rows_missed(l, &ids, &since))
		goto out;
	l->acct = ACCT_AWAY;
	if (max_age_ms > 0 && age >= 0 && age < FOLDER_NO_ANSWER_MS)
		goto out;
	since = (now > since ? now - since : 0) / 1000 + CLOCKS_S;
	switch (slurm_sacct((uint64_t)geteuid(), since, &ids, &l->records, NULL)) {
	case 0:
		l->acct = ACCT_ANSWERED;
		break;
	case SLURM_NO_ACCT:
		l->acct = ACCT_NONE;
		break;
	default:
		folder_mark(l->store->folder, FOLDER_NO_ACCT);
		goto out;
	}
	if (age >= 0)
		folder_unmark(l->store->folder, FOLDER_NO_ACCT);
	seen_index(&l->acct_seen, &l->records, l->before, l->nbefore);
out:
	l->out->acct_away = l->acct == ACCT_AWAY;
	strs_release(&ids);
}

/* One asks at a time. 0: it is our turn (*turn: the lock, -1 where it is not to be had); 1: it is
 * somebody's who will do. */
static int take_turn(struct store *store, int64_t max_age_ms, int *turn)
{
	int64_t end = clock_mono_ms() + TURN_MS;

	while (folder_lock(store->folder, "asking", turn, NULL) == FOLDER_BUSY) {
		if (max_age_ms >= PATIENT_MS)
			return 1;
		if (clock_mono_ms() >= end)
			return 0;
		clock_sleep_ms(20 + (int64_t)(clock_random() % 80));
	}
	return 0;
}

/* In our turn: ask, then act under the queue lock. */
static int look(struct look *l, int64_t max_age_ms, struct err *err)
{
	struct store *store = l->store;
	int rc;

	if (db_flights(store->db, &l->before, &l->nbefore, err))
		return -1;
	if (!l->nbefore && max_age_ms > 0)
		return 0;
	if (l->nbefore || l->insists) {
		if (ask_squeue(l, max_age_ms, err))
			return -1;
		ask_sacct(l, max_age_ms);
	}
	FAILPOINT("reconcile-asked");
	who_self(&l->me);
	l->aged = 0;
	if (ingest_lock(store, err))
		return -1;
	rc = act(l, err);
	FAILPOINT("reconcile-forgotten");
	/* what was taken back lies in revoked/: told already, and removed */
	ingest_unlock(store);
	if (!rc && l->unwanted.n && !slurm_scancel(&l->unwanted, err))
		l->out->stopped = (int64_t)(l->unwanted.n - l->nstuck);
	else if (!rc && l->unwanted.n) /* the next look tries again */
		rc = -1;
	FAILPOINT("reconcile-stopped");
	return rc ? rc : ingest_now(store, err);
}

static int take_a_look(struct store *store, int64_t max_age_ms, struct slurm_jobs *jobs,
		       struct reconcile_result *out, struct err *err)
{
	struct look l = {.store = store, .out = out, .insists = jobs, .outcome = {.db = store->db}};
	int turn = -1, rc;
	bool yes, soon = false;

	memset(out, 0, sizeof(*out));
	rc = due(store, max_age_ms, &yes, &soon, err);
	if (rc || !yes || take_turn(store, max_age_ms, &turn)) {
		out->soon = soon;
		return rc;
	}
	/* somebody may have had the turn before us */
	rc = due(store, max_age_ms, &yes, &soon, err);
	if (!rc && yes)
		rc = look(&l, max_age_ms, err);
	if (rc || !yes) /* as the last look left it */
		out->soon = soon;
	if (turn >= 0)
		folder_unlock(turn);
	outcome_release(&l.outcome);
	if (jobs)
		*jobs = l.jobs;
	else
		slurm_jobs_release(&l.jobs);
	slurm_jobs_release(&l.records);
	strs_release(&l.unwanted);
	free(l.seen.v);
	free(l.acct_seen.v);
	free(l.before);
	folder_list_release(&l.ready);
	folder_list_release(&l.running);
	return rc;
}

int reconcile(struct store *store, int64_t max_age_ms, struct reconcile_result *out,
	      struct err *err)
{
	/* the decision counts the rows in flight as they were when jobs were cancelled, so it comes first */
	memset(out, 0, sizeof(*out));
	if (cancel_decide(store, err))
		return -1;
	if (cancel_phase(store->folder, NULL) != CANCEL_NONE)
		return 0;
	return take_a_look(store, max_age_ms, NULL, out, err);
}

int reconcile_jobs(struct store *store, struct slurm_jobs *jobs, struct reconcile_result *out,
		   struct err *err)
{
	return take_a_look(store, 0, jobs, out, err);
}
