#include "chain/cancel.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "chain/ingest.h"
#include "lib/failpoint.h"
#include "lib/proc.h"
#include "chain/reconcile.h"
#include "chain/seen.h"
#include "chain/sentinel.h"
#include "slurm/slurm.h"
#include "slurm/wait.h"
#include "store/manifest.h"
#include "store/state.h"

enum {
	HOLD_OFF_MS = 10 * 1000,
	BURST_MS = 30 * 1000,
	MARGIN_MS = 5 * 1000,
	/* A recorded job ends up to KillWait after SIGTERM (slurm.conf(5)). */
	ENDING_MS = 60 * 1000,
	PATH_SIZE = 64,
};

#define FOLDER "cancelled"
#define LOCK "deciding"

/* ---- records ---- */

struct records {
	struct strs ids; /* names: Slurm ids, decimal, or MANIFEST.TASK */
	int64_t *ages;	 /* ms, one for each id */
	int64_t newest, oldest;
	int64_t read_at; /* monotonic ms: the ages are those of that moment */
};

static void release_records(struct records *r)
{
	strs_release(&r->ids);
	free(r->ages);
}

/* Reads the records. A folder that cannot be listed has none: the first record makes it. The
 * caller calls release_records(). */
static void read_records(struct folder *sp, struct records *r)
{
	memset(r, 0, sizeof(*r));
	if (folder_file_ages(sp, FOLDER, &r->ids, &r->ages, NULL)) {
		release_records(r);
		memset(r, 0, sizeof(*r));
	}
	r->read_at = clock_mono_ms();
	for (size_t i = 0; i < r->ids.n; i++) {
		/* the file server's clock was set back: treat the record as the oldest possible */
		if (r->ages[i] < -1000)
			r->ages[i] = BURST_MS;
		if (!i || r->ages[i] < r->newest)
			r->newest = r->ages[i];
		if (!i || r->ages[i] > r->oldest)
			r->oldest = r->ages[i];
	}
}

static bool is_recorded(const struct records *r, uint64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, id);
	return strs_has(&r->ids, text);
}

/* Returns whether the job, or the line of array tasks, has a record of a pending job. */
static bool was_pending(const struct records *r, const struct seen *job)
{
	char text[40];

	if (job->task >= 0) {
		snprintf(text, sizeof(text), "%016" PRIx64 ".%" PRId64, job->submission, job->task);
		return strs_has(&r->ids, text);
	}
	snprintf(text, sizeof(text), "%016" PRIx64 ".", job->submission);
	for (size_t i = 0; i < r->ids.n; i++)
		if (!strncmp(r->ids.v[i], text, strlen(text)))
			return true;
	return false;
}

static void remove_records(struct folder *sp, const struct records *r)
{
	for (size_t i = 0; i < r->ids.n; i++) {
		char path[PATH_SIZE];

		snprintf(path, sizeof(path), FOLDER "/%.40s", r->ids.v[i]);
		folder_unmark(sp, path);
	}
}

static void make_record_path(const struct who *me, char *path)
{
	snprintf(path, PATH_SIZE, FOLDER "/%" PRIu64, me->slurm_id);
}

void cancel_record(struct folder *sp, const struct who *me)
{
	char path[PATH_SIZE];

	make_record_path(me, path);
	folder_make_subfolder(sp, FOLDER, NULL);
	folder_mark(sp, path);
}

void cancel_record_pending(struct folder *sp, uint64_t submission, int task, int64_t cancelled)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), FOLDER "/%016" PRIx64 ".%d", submission, task);
	folder_make_subfolder(sp, FOLDER, NULL);
	folder_mark_aged(sp, path, cancelled ? clock_now_ms() - cancelled : 0);
}

void cancel_withdraw(struct folder *sp, const struct who *me)
{
	char path[PATH_SIZE];

	make_record_path(me, path);
	folder_unmark(sp, path);
}

void cancel_forget(struct folder *sp)
{
	struct records r;

	read_records(sp, &r);
	remove_records(sp, &r);
	release_records(&r);
}

static enum cancel_phase compute_phase(const struct records *r, int64_t *left_ms)
{
	int64_t hold = HOLD_OFF_MS - r->newest, burst = BURST_MS - r->oldest;

	*left_ms = 0;
	if (!r->ids.n)
		return CANCEL_NONE;
	if (hold <= 0 || burst <= 0)
		return CANCEL_DUE;
	*left_ms = hold < burst ? hold : burst;
	return CANCEL_HOLD_OFF;
}

enum cancel_phase cancel_phase(struct folder *sp, int64_t *left_ms)
{
	enum cancel_phase phase;
	struct records r;
	int64_t left;

	read_records(sp, &r);
	phase = compute_phase(&r, &left);
	release_records(&r);
	if (left_ms)
		*left_ms = left;
	return phase;
}

/* ---- SIGTERM ---- */

int cancel_query(const struct who *me, bool *held)
{
	struct slurm_job job = {0};
	int reason;

	*held = false;
	if (!me->slurm_id)
		return REASON_CANCELLED;
	if (slurm_squeue_job(me->slurm_id, &job, NULL))
		return -1;
	reason = slurm_stop_reason(&job, me->restart);
	*held = slurm_requeue_held(&job, me->restart);
	slurm_job_release(&job);
	return reason;
}

/* The record comes before the query: squeue may take long, and other jobs must not submit
 * meanwhile. */
int cancel_on_term(struct folder *sp, const struct who *me, bool *held)
{
	int reason;

	cancel_record(sp, me);
	FAILPOINT("cancel-recorded");
	reason = cancel_query(me, held);
	if (reason >= 0 && reason != REASON_CANCELLED)
		cancel_withdraw(sp, me);
	return reason;
}

bool cancel_after_term(struct folder *sp)
{
	struct who me;
	bool held;
	int reason;

	who_self(&me);
	reason = cancel_on_term(sp, &me, &held);
	return reason < 0 || reason == REASON_CANCELLED;
}

bool cancel_take_term(struct folder *sp)
{
	if (!proc_term_pending())
		return false;
	while (proc_signal_wait(0) > 0)
		;
	return cancel_after_term(sp);
}

/* ---- the decision ---- */

struct tally {
	const struct records *records;
	struct seen_list seen; /* what squeue shows of slurmq's jobs */
	/* When scancel ended the first of the recorded jobs, by Slurm's clock; 0: squeue shows
	 * none of them. */
	int64_t since;
	int64_t cancelled; /* jobs */
	int64_t first;	   /* age of the oldest record that counts, when the records were read */
	int64_t survivors; /* submissions, and the sentinel */
};

static bool is_cancelled(const struct slurm_job *job)
{
	return !strcmp(job->state, "CANCELLED");
}

/* Returns how long before the first record a file was made that is age ms old now. squeue may have
 * taken seconds to answer since the records were read. */
static int64_t lead_of(const struct tally *t, int64_t age)
{
	return age - (clock_mono_ms() - t->records->read_at) - t->first;
}

/* Returns whether a submission was in scancel's list for certain. The list may lack a job that
 * another job submitted while scancel ran; it holds every earlier submission of a person. */
static bool was_there_before(struct store *store, const struct tally *t,
			     const struct db_submission *sub)
{
	int64_t age = manifest_age(store->folder, sub->id), lead;
	struct manifest_task task;
	bool by_person;

	/* the job ended before the first record, and its manifest was removed then */
	if (age < 0)
		age = clock_now_ms() - sub->created;
	lead = lead_of(t, age);
	if (lead < 0 || lead >= MARGIN_MS)
		return lead >= 0;
	if (manifest_read(store->folder, sub->id, 0, &task, NULL))
		return false;
	by_person = !task.head.chained;
	manifest_task_release(&task);
	return by_person;
}

/* Returns how many jobs line i stands for. squeue shows all tasks of an array that never started
 * in one line; those that did have lines of their own after it. */
static int64_t count_tasks(const struct seen_list *seen, size_t i, int ntasks)
{
	int64_t n = seen->v[i].task < 0 ? ntasks : 1;

	for (size_t k = i + 1; n > 1 && k < seen->n; k++) {
		if (seen->v[k].submission != seen->v[i].submission)
			break;
		n--;
	}
	return n;
}

static void tally_line(struct store *store, size_t i, struct tally *t)
{
	const struct seen *s = &t->seen.v[i];
	bool recorded = is_recorded(t->records, s->job->id), by_request = false;
	struct db_submission sub = {0};

	if (db_submission_get(store->db, s->submission, &sub, NULL))
		return; /* a job of another folder */
	if (is_cancelled(s->job) || recorded)
		db_cancel_requested(store->db, s->submission, s->task < 0 ? 0 : (int)s->task,
				    &by_request, NULL);
	if (by_request)
		t->cancelled -= recorded;
	else if (recorded && slurm_state_over(s->job->state) && !is_cancelled(s->job))
		t->cancelled--; /* its SIGTERM was not a cancel: squeue did not answer then */
	else if (slurm_state_alive(s->job->state) && !recorded)
		t->survivors += was_there_before(store, t, &sub);
	else if (is_cancelled(s->job) && !recorded && !was_pending(t->records, s) &&
		 s->job->ended >= t->since)
		t->cancelled += count_tasks(&t->seen, i, sub.ntasks);
	db_submission_release(&sub);
}

static void tally_sentinel(struct store *store, const struct slurm_jobs *jobs, struct tally *t)
{
	int64_t id;

	if (state_get_int(store->db, STATE_SENTINEL_JOB, &id, NULL) || !id)
		return;
	for (size_t i = 0; i < jobs->n; i++) {
		const struct slurm_job *job = &jobs->v[i];

		if (job->id != (uint64_t)id || is_recorded(t->records, job->id))
			continue;
		t->cancelled += is_cancelled(job) && job->ended >= t->since;
		t->survivors +=
			slurm_state_alive(job->state) &&
			lead_of(t, folder_mark_age(store->folder, SENTINEL_MARK)) >= MARGIN_MS;
	}
}

/* Counts the rows in flight that squeue shows no job for. Slurm forgets cancelled jobs after a while
 * (slurm.conf(5), MinJobAge). A recorded job may have left its own row in flight, which does not
 * count. */
static int64_t count_forgotten(const struct tally *t, const struct db_flight *v, size_t n)
{
	int64_t forgotten = 0;

	for (size_t i = 0; i < n; i++)
		forgotten += v[i].request != REQUEST_CANCEL && !seen_find(&t->seen, &v[i]) &&
			     !is_recorded(t->records, v[i].slurm_id);
	return forgotten;
}

static void count_jobs(struct store *store, const struct slurm_jobs *jobs,
		       const struct db_flight *v, size_t n, struct tally *t)
{
	const struct records *r = t->records;

	for (size_t i = 0; i < r->ids.n; i++) {
		if (r->ages[i] > r->newest + HOLD_OFF_MS)
			continue;
		t->cancelled++;
		t->first = r->ages[i] > t->first ? r->ages[i] : t->first;
	}
	for (size_t i = 0; i < jobs->n; i++) {
		const struct slurm_job *job = &jobs->v[i];

		/* of a job that is not over, the end may be when Slurm expects it */
		if (job->ended && slurm_state_over(job->state) && is_recorded(r, job->id) &&
		    (!t->since || job->ended < t->since))
			t->since = job->ended;
	}
	seen_index(&t->seen, jobs, v, n);
	/* long after the cancel Slurm may remember some of the jobs and have forgotten others */
	if (!t->since || r->newest >= ENDING_MS)
		t->cancelled += count_forgotten(t, v, n);
	t->since -= ENDING_MS;
	for (size_t i = 0; i < t->seen.n; i++)
		tally_line(store, i, t);
	tally_sentinel(store, jobs, t);
}

/* Revokes every claim that no job has started: those jobs become pending again. Requests the
 * cancel of each job that still runs and has no record, since scancel's list lacked it. Adds the
 * Slurm ids to end to the lists. */
static int revoke_claims(struct store *store, const struct tally *t, struct strs *running,
			 struct strs *queued, struct err *err)
{
	struct db_flight *v = NULL;
	int changed, rc;
	size_t n = 0;

	if (ingest_lock(store, err))
		return -1;
	rc = db_flights(store->db, &v, &n, err) || db_begin(store->db, err) ? -1 : 0;
	for (size_t i = 0; i < n && !rc; i++) {
		const struct slurm_job *job = seen_find(&t->seen, &v[i]);

		if (v[i].state != JOB_RUNNING || !job || !slurm_state_alive(job->state) ||
		    is_recorded(t->records, job->id))
			continue;
		rc = db_job_cancel(store->db, v[i].job, &changed, err);
		slurm_scancel_add(running, job);
	}
	if (rc || db_commit(store->db, err)) {
		db_rollback(store->db);
		rc = -1;
	}
	if (!rc && n)
		rc = ingest_revoke(store, v, n, NULL, queued, err);
	ingest_unlock(store);
	FAILPOINT("cancel-revoked");
	free(v);
	return rc;
}

static int pause_queue(struct store *store, const struct tally *t, struct err *err)
{
	struct db *db = store->db;

	if (db_begin(db, err))
		return -1;
	if (state_set_int(db, STATE_PAUSED, 1, err) ||
	    state_set_int(db, STATE_CANCELLED_JOBS, t->cancelled, err) ||
	    state_set_int(db, STATE_CANCELLED_AT, clock_now_ms() - t->records->newest, err) ||
	    db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

/* Stops the queue: revokes the claims, sets the pause, removes the records. In this order, a
 * process that dies leaves the records, and the next process decides again. A job that scancel
 * does not reach finds no claim. */
static int stop_queue(struct store *store, const struct tally *t, struct err *err)
{
	struct strs running = {0}, queued = {0};
	int64_t paused;
	int rc = revoke_claims(store, t, &running, &queued, err);

	if (!rc)
		rc = state_get_int(store->db, STATE_PAUSED, &paused, err);
	if (!rc && !paused)
		rc = pause_queue(store, t, err);
	FAILPOINT("cancel-paused");
	if (!rc)
		remove_records(store->folder, t->records);
	if (!rc && running.n)
		slurm_scancel(&running, NULL);
	/* a job that has started by now waits for this decision, and ends by itself */
	if (!rc && queued.n)
		slurm_scancel_pending(&queued, NULL);
	strs_release(&running);
	strs_release(&queued);
	return rc;
}

/* Removes the manifests that were kept for the decision and whose jobs are all over. */
static void forget_closed_manifests(struct store *store)
{
	const struct folder_list no_journals = {0};
	uint64_t *v;
	size_t n;

	if (manifest_list(store->folder, &v, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		ingest_forget(store, &no_journals, v[i]);
	free(v);
}

/* Adds jobs that were in Slurm before the cancel and ended by themselves. Only the decision on a
 * cancel that was found late has any, since jobs stay during the hold-off. */
static int tally_ended(struct store *store, struct tally *t, struct err *err)
{
	int64_t first = clock_now_ms() - (clock_mono_ms() - t->records->read_at) - t->first;
	bool any;

	if (db_ended_by_itself(store->db, first - MARGIN_MS, first + MARGIN_MS, &any, err))
		return -1;
	t->survivors += any;
	return 0;
}

/* Counts cancelled jobs and survivors, and applies the rule of cancel.h. The caller holds the
 * lock. */
static int decide_locked(struct store *store, const struct records *r, struct err *err)
{
	struct tally t = {.records = r};
	struct reconcile_result seen;
	struct slurm_jobs jobs = {0};
	struct db_flight *v = NULL;
	size_t n = 0;
	/* the files know the Slurm id of what runs */
	int rc = ingest_now(store, err) || db_flights(store->db, &v, &n, err) ? -1 : 0;

	if (!rc) /* reconcile also stores which jobs were cancelled */
		rc = reconcile_jobs(store, &jobs, &seen, err);
	FAILPOINT("cancel-asked");
	if (!rc)
		count_jobs(store, &jobs, v, n, &t);
	if (!rc)
		rc = tally_ended(store, &t, err);
	if (!rc) {
		if (t.cancelled >= 2 && !t.survivors)
			rc = stop_queue(store, &t, err);
		else
			remove_records(store->folder, r);
	}
	FAILPOINT("cancel-decided");
	if (!rc)
		forget_closed_manifests(store);
	free(t.seen.v);
	slurm_jobs_release(&jobs);
	free(v);
	return rc;
}

int cancel_decide(struct store *store, struct err *err)
{
	struct records r;
	int64_t left;
	int lock, rc;

	if (cancel_phase(store->folder, NULL) != CANCEL_DUE)
		return 0;
	rc = folder_lock(store->folder, LOCK, &lock, err);
	if (rc)
		return rc == FOLDER_BUSY ? 0 : -1;
	read_records(store->folder, &r);
	if (compute_phase(&r, &left) == CANCEL_DUE)
		rc = decide_locked(store, &r, err);
	release_records(&r);
	folder_unlock(lock);
	return rc;
}
