/*
 * reconcile.c - compares rows whose attempt never reported with what Slurm shows.
 *
 * The process queries Slurm without the queue lock: squeue, and sacct if squeue lacks a row. Under
 * the lock it reads files and rows again. It acts only on rows whose state and attempt have not
 * changed since.
 *
 * Evidence:
 * - squeue or sacct shows the job in a state that is over: the attempt has ended or will never
 *   begin;
 * - slurmctld does not know the job, twice, MISSING_MS apart, and neither does the accounting: the
 *   job is gone;
 * - a command that failed, an empty sacct, a record that is not over: no evidence.
 *
 * Before it closes an attempt that may not have begun, it revokes the claim. If the attempt has
 * begun, its own end record gets ENDED_MS to arrive: a file system may be slow to show what another
 * host wrote.
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
#include "slurm/wait.h"
#include "store/state.h"
#include "store/manifest.h"

enum {
	SUBMITTING_MS = 10 * 60 * 1000, /* for a submission without an answer and without a job */
	UNCLEAR_MS = 90 * 1000,		/* for one whose sbatch ended without a clear answer */
	MISSING_MS = 10 * 60 * 1000,
	/* replaces MISSING_MS while the accounting does not answer */
	ACCT_AWAY_MS = 60 * 60 * 1000,
	ENDED_MS = 60 * 1000, /* from the end that Slurm shows until the row is closed */
	/* a caller that accepts an answer of this age leaves the query to another process */
	PATIENT_MS = 60 * 1000,
	TURN_MS = 10 * 1000,
	CLOCKS_S = 25 * 3600, /* largest difference between two hosts' clocks */
	IDS_MOST = 200,	      /* passed to sacct */
};

enum acct { ACCT_NOT_ASKED, ACCT_ANSWERED, ACCT_NONE, ACCT_AWAY };

struct reconcile_run {
	struct store *store;
	struct reconcile_result *out;
	struct slurm_jobs jobs, records;
	bool insists; /* the caller wants squeue's answer even if no row is in flight */
	struct seen_list seen, acct_seen;
	enum acct acct;
	struct db_flight *before;
	size_t nbefore;
	struct folder_list ready, running;
	struct strs unwanted; /* names for scancel of the jobs to end */
	size_t nstuck;	      /* number of these that can never begin */
	bool forgave;	      /* nodes were excluded, and are included again */
	struct who me;
	int64_t now; /* the file server's clock */
	struct outcome outcome;
	uint64_t aged;
	int64_t age; /* age of the manifest `aged` */
};

static bool is_unchanged(const struct reconcile_run *l, const struct db_flight *f)
{
	for (size_t i = 0; i < l->nbefore; i++)
		if (l->before[i].attempt == f->attempt)
			return l->before[i].state == f->state;
	return false;
}

/* Returns the age of a submission's manifest. Rows of one submission follow each other, so the
 * last answer is kept. */
static int64_t get_manifest_age(struct reconcile_run *l, uint64_t submission)
{
	if (l->aged != submission) {
		l->age = manifest_age(l->store->folder, submission);
		l->aged = submission;
	}
	return l->age;
}

/* Revokes a claim that Slurm will not use. Returns 0 if this process won it. */
static int revoke_claim(struct reconcile_run *l, const struct db_flight *f, struct err *err)
{
	int rc = claim_file_revoke(l->store->folder, f->submission, f->task, &l->me, err);

	if (!rc)
		FAILPOINT("reconcile-revoked");
	return rc;
}

/* Returns the end that Slurm shows. Without a job, the end is REASON_LOST, at the time when the
 * row was first missed, or now. */
static struct job_end make_end(const struct reconcile_run *l, const struct db_flight *f,
			       const struct slurm_job *job, bool began)
{
	struct job_end end = {.reason = REASON_LOST, .ended = clock_now_ms()};

	if (f->missing_since > 0 && f->missing_since <= l->now)
		end.ended -= l->now - f->missing_since;
	if (job)
		slurm_job_end(job, began, &end);
	return end;
}

/* Closes an attempt that has neither claim nor journal, if Slurm's job is over or gone: no other
 * report will come. */
static int infer_end(struct reconcile_run *l, const struct db_flight *f,
		     const struct slurm_job *job, struct err *err)
{
	const struct job_end end = make_end(l, f, job, true);

	if (folder_list_find(&l->running, f->submission, f->task))
		return 0;
	*(job ? &l->out->ended : &l->out->lost) += 1;
	return outcome_infer(&l->outcome, f->attempt, &end, err);
}

/* Sets *long_enough if the row has been missing, or over, for that long. Records the time when
 * it was first missed. */
static int note_missing(struct reconcile_run *l, const struct db_flight *f, int64_t enough,
			bool *long_enough, struct err *err)
{
	int64_t since = f->missing_since;

	*long_enough = since > 0 && l->now - since >= enough;
	if (since > 0 && l->now >= since)
		return 0;
	return db_attempt_missing(l->store->db, f->attempt, l->now, err);
}

/* Raises left_ms to the time that this row still has to report its own end. */
static void note_ending(struct reconcile_run *l, const struct db_flight *f)
{
	int64_t since = f->missing_since, left = ENDED_MS;

	if (since > 0 && since <= l->now)
		left -= l->now - since;
	if (left > l->out->left_ms)
		l->out->left_ms = left;
}

/* Returns how long slurmctld must not have known a job. While the accounting is away it may
 * still have the job's end. */
static int64_t missing_limit_ms(const struct reconcile_run *l)
{
	return l->acct == ACCT_AWAY ? ACCT_AWAY_MS : MISSING_MS;
}

/* Returns whether the job waits in Slurm for ever. Slurm may accept a job without a check for
 * nodes, as at a limit of running jobs, and find later that no node fits. */
static bool is_stuck(const struct slurm_job *job)
{
	return !strcmp(job->state, "PENDING") && !strcmp(job->reason, "BadConstraints");
}

/* Revokes the claim of a job that can never begin, if the breaker excluded nodes. The exclusion
 * is the most likely cause, and those nodes are better than none. Returns 0 if revoked, to be
 * submitted again, or FOLDER_NONE if only the user can fix it. */
static int revoke_stuck(struct reconcile_run *l, const struct db_flight *f,
			const struct slurm_job *job, struct err *err)
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

static int update_queued_row(struct reconcile_run *l, const struct db_flight *f,
			     const struct slurm_job *job, struct err *err)
{
	struct job_end end = {.reason = REASON_NONE};
	int to = JOB_PENDING, rc;
	bool gone;

	rc = job && is_stuck(job) ? revoke_stuck(l, f, job, err) : FOLDER_NONE;
	if (rc <= 0)
		return rc;
	if (job) {
		end = make_end(l, f, job, false);
		to = end.reason == REASON_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
	}
	if (job && !slurm_state_over(job->state))
		return db_attempt_missing(l->store->db, f->attempt, 0, err);
	if (!job) {
		if (note_missing(l, f, missing_limit_ms(l), &gone, err))
			return -1;
		l->out->missing += !gone;
		if (!gone)
			return 0;
	}
	rc = revoke_claim(l, f, err);
	if (!rc) {
		if (to == JOB_CANCELLED && !l->insists) {
			cancel_record_pending(l->store->folder, f->submission, f->task, end.ended);
			l->out->cancelled = true;
		}
		*(job ? &l->out->ended : &l->out->returned) += 1;
		return outcome_revoked(&l->outcome, f->attempt, to, end.reason, err);
	}
	/* the attempt has started after all: its journal or its end record will follow, unless
	 * the directory listing is stale */
	if (rc > 0 && job) {
		if (note_missing(l, f, MISSING_MS, &gone, err))
			return -1;
		l->out->missing += !gone;
		if (!gone)
			return 0;
	}
	return rc < 0 ? -1 : infer_end(l, f, job, err);
}

static int update_submitting_row(struct reconcile_run *l, struct db_flight *f,
				 const struct slurm_job *job, struct err *err)
{
	int64_t age = get_manifest_age(l, f->submission);
	bool long_enough = age >= (f->answer ? UNCLEAR_MS : SUBMITTING_MS);
	int changed, rc;

	if (job) {
		l->out->adopted++;
		rc = db_attempt_queued(l->store->db, f->attempt, job->array_id, &changed, err);
		f->state = JOB_QUEUED;
		return rc ? rc : update_queued_row(l, f, job, err);
	}
	if (age < 0 && note_missing(l, f, MISSING_MS, &long_enough, err))
		return -1;
	/* a submission without an answer is most likely in progress */
	l->out->missing += !long_enough && (f->answer || age < 0);
	l->out->soon |= !long_enough && f->answer;
	if (!long_enough)
		return 0;
	rc = revoke_claim(l, f, err);
	if (rc)
		return rc < 0 ? -1 : age < 0 ? infer_end(l, f, NULL, err) : 0;
	l->out->returned++;
	return db_attempt_revoked(l->store->db, f->attempt, JOB_PENDING, REASON_NONE, &changed,
				  err);
}

/* Ingests the steps and results of a journal that no process will move any more. If the job died
 * just before it could post its end, that reported end overrides an inferred one. */
static int keep_journal(struct reconcile_run *l, const struct db_flight *f, struct err *err)
{
	const struct folder_entry *e = folder_list_find(&l->running, f->submission, f->task);
	struct journal j;
	int rc;

	if (!e)
		return 0;
	rc = journal_file_read(l->store->folder, FOLDER_RUNNING, e->name, &j, err);
	if (!rc)
		rc = ingest_journal(l->store, f->attempt, &j, err);
	if (!rc && j.has_end)
		rc = outcome_report(&l->outcome, f->attempt, &j.end, err);
	journal_release(&j);
	return rc < 0 ? -1 : 0;
}

static int update_running_row(struct reconcile_run *l, const struct db_flight *f,
			      const struct slurm_job *job, struct err *err)
{
	struct job_end end;
	bool over;
	int changed;

	/* the submitter died before it recorded sbatch's answer: scancel needs the Slurm id */
	if (job && !f->slurm_job &&
	    db_attempt_queued(l->store->db, f->attempt, job->array_id, &changed, err))
		return -1;
	if (job && !slurm_state_over(job->state))
		return db_attempt_missing(l->store->db, f->attempt, 0, err);
	if (note_missing(l, f, job ? ENDED_MS : missing_limit_ms(l), &over, err))
		return -1;
	if (!over) {
		*(job ? &l->out->ending : &l->out->missing) += 1;
		l->out->soon |= job != NULL;
		if (job)
			note_ending(l, f);
		return 0;
	}
	end = make_end(l, f, job, true);
	if (keep_journal(l, f, err))
		return -1;
	*(job ? &l->out->ended : &l->out->lost) += 1;
	return outcome_infer(&l->outcome, f->attempt, &end, err);
}

/* Revokes the claim of a job that was cancelled or held while its claim could not be revoked.
 * Returns 0, or FOLDER_NONE if the attempt has started. */
static int honour_request(struct reconcile_run *l, const struct db_flight *f, struct err *err)
{
	int changed, rc = revoke_claim(l, f, err);

	if (rc)
		return rc;
	return db_attempt_revoked(l->store->db, f->attempt, JOB_PENDING, REASON_NONE, &changed,
				  err);
}

/* Adds a cancelled job that Slurm still runs to the list for scancel: slurmq cancel may not have
 * known its Slurm id. */
static void end_unwanted(struct reconcile_run *l, const struct db_flight *f,
			 const struct slurm_job *job)
{
	if (f->request != REQUEST_CANCEL || !job || !slurm_state_active(job->state) ||
	    !strcmp(job->state, "COMPLETING"))
		return;
	slurm_scancel_add(&l->unwanted, job);
}

static int update_row(struct reconcile_run *l, struct db_flight *f, struct err *err)
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
	if (job && db_attempt_slurm_reason(l->store->db, f->attempt, slurm_job_reason(job), err))
		return -1;
	switch (f->state) {
	case JOB_SUBMITTING:
		return update_submitting_row(l, f, job, err);
	case JOB_QUEUED:
		return update_queued_row(l, f, job, err);
	default:
		return update_running_row(l, f, job, err);
	}
}

/* Removes manifests that no row names. Their submitter died before the commit, since this
 * process holds the queue lock. */
static int drop_orphans(struct reconcile_run *l, struct err *err)
{
	uint64_t *v;
	size_t n;
	int rc = manifest_list(l->store->folder, &v, &n, err);

	for (size_t i = 0; i < n && !rc; i++) {
		struct db_submission sub;

		rc = db_submission_get(l->store->db, v[i], &sub, err);
		/* the submitter died after the commit that closed it, before it removed the
		 * files */
		if (!rc) {
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

/* Removes the files of attempts that were closed by inference. No end record will come, so no
 * ingest would remove them. */
static void remove_inferred_files(struct reconcile_run *l, const struct db_flight *v, size_t n)
{
	if (!l->out->ended && !l->out->lost)
		return;
	for (size_t i = 0; i < n; i++)
		if (!i || v[i].submission != v[i - 1].submission)
			ingest_forget(l->store, &l->running, v[i].submission);
}

/* Returns the file server's clock, or this host's if the folder is not writable. */
static int64_t read_clock(struct store *store)
{
	int64_t now = folder_now_ms(store->folder);

	return now < 0 ? clock_now_ms() : now;
}

static int store_query_time(struct reconcile_run *l, struct err *err)
{
	return state_set_int(l->store->db, STATE_RECONCILE_AT, l->now, err) ||
			       state_set_int(l->store->db, STATE_RECONCILE_SOON, l->out->soon, err)
		       ? -1
		       : 0;
}

static bool is_in_flight(const struct seen *s, const struct db_flight *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].submission == s->submission && (s->task < 0 || v[i].task == s->task))
			return true;
	return false;
}

/* Adds stuck jobs without a row in flight to the list for scancel. Their claims were revoked by
 * a process that died before it ran scancel, or whose scancel failed. */
static void end_stuck(struct reconcile_run *l, const struct db_flight *v, size_t n)
{
	for (size_t i = 0; i < l->seen.n; i++) {
		const struct seen *s = &l->seen.v[i];
		struct db_submission sub = {0};

		if (!is_stuck(s->job) || is_in_flight(s, v, n) ||
		    db_submission_get(l->store->db, s->submission, &sub, NULL))
			continue;
		db_submission_release(&sub);
		slurm_scancel_add(&l->unwanted, s->job);
		l->nstuck++;
	}
}

/* Applies the answers to the rows. The caller holds the queue lock, and the outbox is ingested. */
static int update_rows(struct reconcile_run *l, struct err *err)
{
	struct store *store = l->store;
	struct db_flight *v = NULL;
	int rc = -1;
	size_t n;

	l->now = folder_now_ms(store->folder);
	if (l->now < 0)
		return err_errno(err, ERR_FAILED, "cannot create a file in '%s'", store->dir);
	folder_remove_stale(store->folder);
	if (folder_scan(store->folder, FOLDER_CLAIMS, &l->ready, err) ||
	    folder_scan(store->folder, FOLDER_RUNNING, &l->running, err) || drop_orphans(l, err) ||
	    db_begin(store->db, err))
		return -1;
	if (!db_flights(store->db, &v, &n, err)) {
		rc = 0;
		for (size_t i = 0; i < n && !rc; i++)
			if (is_unchanged(l, &v[i]))
				rc = update_row(l, &v[i], err);
		end_stuck(l, v, n);
	}
	if (!rc)
		rc = store_query_time(l, err);
	FAILPOINT("reconcile-told");
	if (!rc)
		rc = db_commit(store->db, err);
	FAILPOINT("reconcile-committed");
	if (rc)
		db_rollback(store->db);
	else
		remove_inferred_files(l, v, n);
	free(v);
	return rc;
}

/* Sets *yes if the last query of any process is older than max_age_ms. */
static int is_query_due(struct store *store, int64_t max_age_ms, bool *yes, bool *soon,
			struct err *err)
{
	int64_t at, age, hurry;

	if (state_get_int(store->db, STATE_RECONCILE_AT, &at, err) ||
	    state_get_int(store->db, STATE_RECONCILE_SOON, &hurry, err))
		return -1;
	*soon = hurry != 0;
	if (*soon && max_age_ms > ENDED_MS)
		max_age_ms = ENDED_MS;
	age = max_age_ms > 0 ? read_clock(store) - at : -1;
	*yes = age < 0 || age >= max_age_ms;
	return 0;
}

/* Runs squeue. If squeue has just failed to answer, a caller with max_age_ms > 0 does not wait
 * for it again. */
static int ask_squeue(struct reconcile_run *l, int64_t max_age_ms, struct err *err)
{
	struct folder *sp = l->store->folder;
	int64_t age = folder_mark_age(sp, FOLDER_NO_ANSWER);

	if (max_age_ms > 0 && age >= 0 && age < FOLDER_NO_ANSWER_MS)
		return err_set(err, ERR_AGAIN, "squeue did not answer %lld s ago: try again later",
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

/* Returns whether any row must be queried from sacct: squeue lacks it, and its sbatch cannot be
 * in progress any more. Sets ids to the Slurm ids, or to none if an id is unknown or there are
 * too many. *since: creation time of the oldest row, by its submitter's clock. */
static bool list_missing_rows(struct reconcile_run *l, struct strs *ids, int64_t *since)
{
	uint64_t last = 0;
	bool all = true;
	size_t n = 0;

	for (size_t i = 0; i < l->nbefore; i++) {
		const struct db_flight *f = &l->before[i];

		if (seen_find(&l->seen, f) ||
		    (f->state == JOB_SUBMITTING && get_manifest_age(l, f->submission) < UNCLEAR_MS))
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

static void ask_sacct(struct reconcile_run *l, int64_t max_age_ms)
{
	int64_t age = folder_mark_age(l->store->folder, FOLDER_NO_ACCT), now = clock_now_ms();
	struct strs ids = {0};
	int64_t since = now;

	if (!list_missing_rows(l, &ids, &since))
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

/* Lets one process at a time query Slurm. Returns 0 if this process may query (*turn: the lock,
 * or -1 without a lock). Returns 1 if another process is querying and its answer is enough. */
static int await_turn(struct store *store, int64_t max_age_ms, int *turn)
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

/* Queries Slurm, then acts under the queue lock. The caller has the turn. */
static int query_and_update(struct reconcile_run *l, int64_t max_age_ms, struct err *err)
{
	struct store *store = l->store;
	int rc;

	/* a row whose record waits would change before act(), and then be left alone */
	if (ingest_now(store, err) || db_flights(store->db, &l->before, &l->nbefore, err))
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
	rc = update_rows(l, err);
	FAILPOINT("reconcile-forgotten");
	/* revoked claims lie in revoked/: the database has them already, so the files are
	 * removed */
	ingest_unlock(store);
	if (!rc && l->unwanted.n && !slurm_scancel(&l->unwanted, err))
		l->out->stopped = (int64_t)(l->unwanted.n - l->nstuck);
	else if (!rc && l->unwanted.n) /* the next reconciliation tries again */
		rc = -1;
	FAILPOINT("reconcile-stopped");
	return rc ? rc : ingest_now(store, err);
}

static int run_reconcile(struct store *store, int64_t max_age_ms, struct slurm_jobs *jobs,
			 struct reconcile_result *out, struct err *err)
{
	struct reconcile_run l = {
		.store = store, .out = out, .insists = jobs, .outcome = {.db = store->db}};
	int turn = -1, rc;
	bool yes, soon = false;

	memset(out, 0, sizeof(*out));
	rc = is_query_due(store, max_age_ms, &yes, &soon, err);
	if (rc || !yes || await_turn(store, max_age_ms, &turn)) {
		out->soon = soon;
		return rc;
	}
	/* another process may have had the turn meanwhile */
	rc = is_query_due(store, max_age_ms, &yes, &soon, err);
	if (!rc && yes)
		rc = query_and_update(&l, max_age_ms, err);
	if (rc || !yes) /* as the last reconciliation left it */
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
	/* the decision counts the rows that were in flight when jobs were cancelled, so it comes
	 * first */
	memset(out, 0, sizeof(*out));
	if (cancel_decide(store, err))
		return -1;
	if (cancel_phase(store->folder, NULL) != CANCEL_NONE)
		return 0;
	if (run_reconcile(store, max_age_ms, NULL, out, err))
		return -1;
	/* the cancel that was found may be older than the hold-off */
	return out->cancelled ? cancel_decide(store, err) : 0;
}

int reconcile_jobs(struct store *store, struct slurm_jobs *jobs, struct reconcile_result *out,
		   struct err *err)
{
	return run_reconcile(store, 0, jobs, out, err);
}
