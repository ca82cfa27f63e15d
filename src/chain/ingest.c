/*
 * ingest.c - applies the records in the files to the database.
 *
 * Under the queue lock: list outbox/, running/ and revoked/; revoke the claims of submissions that
 * sbatch refused; commit one transaction; unlink the files. A kill anywhere in between leaves files
 * that the next holder finds and ingests again, which changes nothing.
 *
 * Every way to close an attempt without its reported end revokes its claim first. So a job that
 * Slurm made nevertheless finds no claim.
 */
#include "chain/ingest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/breaker.h"
#include "chain/cancel.h"
#include "lib/clock.h"
#include "lib/failpoint.h"
#include "store/loader.h"
#include "chain/outcome.h"
#include "slurm/slurm.h"
#include "store/manifest.h"

enum { JOURNALS_MOST = 32 };

int ingest_wait_lock(struct store *store, int64_t ms, char *record, struct err *err)
{
	int64_t deadline = clock_mono_ms() + ms;
	int64_t pause = 2;
	bool safe = false;

	for (;;) {
		int rc = queue_lock_try(store->folder, err);

		if (rc != FOLDER_BUSY)
			return rc;
		if (record &&
		    !safe) { /* before a wait, so that the record survives a kill or a crash */
			outbox_pack(store->folder, record);
			safe = !outbox_sync(store->folder, record, NULL);
		}
		if (record && !folder_has(store->folder, FOLDER_OUTBOX, record))
			return FOLDER_BUSY;
		if (clock_mono_ms() >= deadline)
			return FOLDER_BUSY;
		clock_sleep_ms(pause / 2 + (int64_t)(clock_random() % (uint64_t)pause) + 1);
		if (pause < 200)
			pause *= 2;
	}
}

void ingested_release(struct ingested *d)
{
	folder_list_release(&d->outbox);
	folder_list_release(&d->running);
	folder_list_release(&d->revoked);
	for (size_t i = 0; i < d->nanswers; i++)
		outbox_answer_release(&d->answers[i].answer);
	free(d->answers);
	free(d->touched);
	free(d->refused_sweep);
	memset(d, 0, sizeof(*d));
}

static void add_touched(struct ingested *d, uint64_t submission)
{
	if (d->ntouched && d->touched[d->ntouched - 1] == submission)
		return;
	d->touched = mem_grow(d->touched, d->ntouched + 1, sizeof(*d->touched));
	d->touched[d->ntouched++] = submission;
}

/* ---- reading the files ---- */

/* Returns whether the claims must be revoked: sbatch made no Slurm job, or no job may run. */
static bool must_revoke(int answer)
{
	return answer == SLURM_LIMIT || answer == SLURM_BUSY || answer == SLURM_REFUSED ||
	       answer == SLURM_NO_SBATCH;
}

static int revoke_all(struct store *store, uint64_t submission, struct err *err)
{
	struct db_submission sub;
	struct who me;
	int rc = db_submission_get(store->db, submission, &sub, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	who_self(&me);
	for (int task = 0; task < sub.ntasks && rc >= 0; task++) {
		rc = claim_file_revoke_nosync(store->folder, submission, task, &me, err);
		FAILPOINT("ingest-revoked-one");
	}
	db_submission_release(&sub);
	return rc < 0 ? -1 : claim_files_sync_revoked(store->folder, err);
}

static int read_answers(struct store *store, struct ingested *d, struct err *err)
{
	for (size_t i = 0; i < d->outbox.n; i++) {
		const struct folder_entry *e = &d->outbox.v[i];
		struct outbox_answer a;
		int rc;

		if (e->task >= 0)
			continue;
		rc = outbox_answer_read(store->folder, e->submission, &a, err);
		if (rc < 0)
			return -1;
		if (rc)
			continue;
		d->answers = mem_grow(d->answers, d->nanswers + 1, sizeof(*d->answers));
		d->answers[d->nanswers].submission = e->submission;
		d->answers[d->nanswers++].answer = a;
		if (must_revoke(a.answer) && revoke_all(store, e->submission, err))
			return -1;
	}
	return 0;
}

int ingest_read(struct store *store, struct ingested *d, struct err *err)
{
	memset(d, 0, sizeof(*d));
	if (folder_scan(store->folder, FOLDER_OUTBOX, &d->outbox, err) ||
	    read_answers(store, d, err) ||
	    folder_scan(store->folder, FOLDER_RUNNING, &d->running, err) ||
	    folder_scan(store->folder, FOLDER_REVOKED, &d->revoked, err))
		return -1;
	return 0;
}

/* ---- applying them to the database ---- */

static const struct outbox_answer *find_answer(const struct ingested *d, uint64_t submission)
{
	for (size_t i = 0; i < d->nanswers; i++)
		if (d->answers[i].submission == submission)
			return &d->answers[i].answer;
	return NULL;
}

static int apply_answers(struct store *store, struct ingested *d, struct err *err)
{
	for (size_t i = 0; i < d->nanswers; i++) {
		const struct outbox_answer *a = &d->answers[i].answer;

		d->changed = true;
		if (!a->answer)
			continue;
		if (db_submission_answer(store->db, d->answers[i].submission, a->answer,
					 a->slurm_job, a->text, err))
			return -1;
	}
	return 0;
}

/* Closes the attempts whose claims are revoked, whatever process revoked them. Each job becomes
 * pending, or as its requested action demands. It is held only if the refusal of sbatch is in
 * the outbox. */
static int apply_revoked(struct store *store, struct ingested *d, struct err *err)
{
	for (size_t i = 0; i < d->revoked.n; i++) {
		const struct folder_entry *e = &d->revoked.v[i];
		const struct outbox_answer *a = find_answer(d, e->submission);
		bool held = a && a->answer == SLURM_REFUSED;
		int64_t attempt;
		int closed, changed, rc;

		d->changed = true;
		rc = db_attempt_find(store->db, e->submission, e->task, &attempt, &closed, err);
		if (!rc) {
			add_touched(d, e->submission);
			rc = db_attempt_revoked(store->db, attempt, held ? JOB_HELD : JOB_PENDING,
						held ? REASON_REFUSED : REASON_NONE, &changed, err);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Stores which Slurm job runs an attempt, and since when. read_journal is false for most of many
 * attempts that start at once, to shorten the time under the queue lock. The journal at the end
 * corrects the start time. */
static int mark_running(struct store *store, const struct db_flight *f,
			const struct folder_entry *e, bool read_journal, struct err *err)
{
	struct journal j = {0};
	int changed, rc = 0;

	if (read_journal)
		rc = journal_file_read(store->folder, FOLDER_RUNNING, e->name, &j, err);
	if (rc < 0)
		return -1;
	rc = db_attempt_running(store->db, f->attempt, e->who.slurm_id, e->who.node,
				rc ? 0 : j.started, &changed, err);
	journal_release(&j);
	return rc;
}

static int apply_running(struct store *store, struct ingested *d, struct err *err)
{
	struct db_flight *v;
	int rc = 0, journals = 0;
	size_t n;

	if (!d->running.n)
		return 0;
	if (db_flights(store->db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n && !rc; i++) {
		const struct folder_entry *e;

		if (v[i].state == JOB_RUNNING)
			continue;
		e = folder_list_find(&d->running, v[i].submission, v[i].task);
		if (!e || !e->has_who)
			continue;
		d->changed = true;
		rc = mark_running(store, &v[i], e, journals++ < JOURNALS_MOST, err);
	}
	free(v);
	return rc;
}

int ingest_journal(struct store *store, int64_t attempt, const struct journal *j, struct err *err)
{
	for (size_t i = 0; i < j->nsteps; i++) {
		const struct journal_step *s = &j->steps[i];
		struct db_step row = {.attempt = attempt,
				      .seq = s->seq,
				      .key = s->key,
				      .state = s->state,
				      .exit_code = s->exit_code,
				      .signal = s->signal,
				      .started = s->started,
				      .ended = s->ended,
				      .maxrss_kib = s->maxrss_kib,
				      .cpu_ms = s->cpu_ms};

		if (db_step_add(store->db, &row, err))
			return -1;
	}
	for (size_t i = 0; i < j->nresults; i++) {
		const struct journal_result *r = &j->results[i];
		const struct db_result row = {
			.name = r->name, .value = r->value, .step = r->step, .seq = r->seq};

		if (db_result_set(store->db, attempt, &row, err))
			return -1;
	}
	return 0;
}

static int apply_end(struct store *store, struct outcome *o, int64_t attempt,
		     const struct folder_entry *e, const struct journal *j, struct err *err)
{
	struct job_end preempted = {.reason = REASON_PREEMPTED, .ended = j->preempted_at};
	int changed;

	if (db_attempt_running(store->db, attempt, e->who.slurm_id, e->who.node, j->started,
			       &changed, err) ||
	    ingest_journal(store, attempt, j, err))
		return -1;
	if (j->has_end)
		return outcome_report(o, attempt, &j->end, err);
	if (j->preempted)
		return outcome_preempted(o, attempt, &preempted, err);
	return 0; /* its end line is incomplete: the end is inferred from Slurm */
}

static int apply_record(struct store *store, struct ingested *d, struct outcome *o,
			struct folder_entry *e, struct err *err)
{
	int64_t attempt;
	struct journal j;
	int closed, rc = db_attempt_find(store->db, e->submission, e->task, &attempt, &closed, err);

	if (rc < 0)
		return -1;
	if (rc) { /* an attempt of another database: keep the file, in case that database returns */
		e->name[0] = '\0';
		return 0;
	}
	rc = journal_file_read(store->folder, FOLDER_OUTBOX, e->name, &j, err);
	if (!rc) {
		d->changed = true;
		d->ends += closed == CLOSED_NOT;
		add_touched(d, e->submission);
		rc = apply_end(store, o, attempt, e, &j, err);
	}
	journal_release(&j);
	return rc < 0 ? -1 : 0;
}

static int apply_records(struct store *store, struct ingested *d, struct err *err)
{
	struct outcome o = {.db = store->db};
	int rc = 0;

	for (size_t i = 0; i < d->outbox.n && !rc; i++)
		if (d->outbox.v[i].task >= 0 && d->outbox.v[i].has_who)
			rc = apply_record(store, d, &o, &d->outbox.v[i], err);
	outcome_release(&o);
	return rc;
}

/* Sets *all if sbatch would refuse every job of the sweep too. That needs a submission of the
 * current version with only options that every job has. */
static int is_like_whole_sweep(struct store *store, const struct db_submission *sub, int64_t sweep,
			       bool *all, struct err *err)
{
	struct loader loader = {0};
	struct loaded *ld = NULL;
	struct db_sweep s;
	int rc = db_sweep_get(store->db, sweep, &s, err);

	*all = false;
	if (rc)
		return rc < 0 ? -1 : 0;
	/* a version that cannot be read any more proves nothing about other jobs */
	if (s.version == sub->version && !loader_get(&loader, store->db, sub->version, &ld, NULL) &&
	    sweep_sbatch_uniform(ld->sweep))
		rc = db_submission_plain(store->db, sub->id, all, err);
	db_sweep_release(&s);
	loader_release(&loader);
	return rc;
}

/* Stores why sbatch refused a submission, whose jobs are held by now. Also holds the other jobs
 * of the sweep, if every job has the same options. Ingest stores the cause, since another
 * process may have submitted. */
static int hold_like_refused(struct store *store, const struct db_submission *sub, const char *text,
			     struct ingested *d, struct err *err)
{
	struct db_version v;
	bool all;
	int64_t n = 0;
	int rc = db_version_get(store->db, sub->version, &v, err);

	if (!rc)
		rc = is_like_whole_sweep(store, sub, v.sweep, &all, err);
	if (!rc && all)
		rc = db_sweep_hold(store->db, v.sweep, text, &n, err);
	else if (!rc)
		rc = db_sweep_note(store->db, v.sweep, text, err);
	if (!rc) {
		d->held += sub->ntasks + n;
		free(d->refused_sweep);
		d->refused_sweep = mem_strdup(v.sweep_name);
	}
	db_version_release(&v);
	return rc ? -1 : 0;
}

static int apply_refusals(struct store *store, struct ingested *d, struct err *err)
{
	for (size_t i = 0; i < d->nanswers; i++) {
		const struct outbox_answer *a = &d->answers[i].answer;
		struct db_submission sub;
		int rc;

		if (a->answer != SLURM_REFUSED)
			continue;
		rc = db_submission_get(store->db, d->answers[i].submission, &sub, err);
		if (rc == DB_NONE)
			continue;
		if (!rc)
			rc = hold_like_refused(store, &sub, a->text ? a->text : "", d, err);
		db_submission_release(&sub);
		if (rc)
			return -1;
	}
	return 0;
}

int ingest_apply(struct store *store, struct ingested *d, struct err *err)
{
	bool capped = false;

	if (apply_answers(store, d, err) || apply_revoked(store, d, err) ||
	    apply_running(store, d, err) || apply_records(store, d, err) ||
	    apply_refusals(store, d, err) || breaker_review(store->db, &capped, err))
		return -1;
	d->changed = d->changed || capped;
	return 0;
}

void ingest_forget(struct store *store, const struct folder_list *running, uint64_t submission)
{
	bool closed;

	if (db_submission_closed(store->db, submission, &closed, NULL) || !closed)
		return;
	for (size_t i = 0; i < running->n; i++)
		if (running->v[i].submission == submission)
			folder_remove(store->folder, FOLDER_RUNNING, running->v[i].name, NULL);
	FAILPOINT("forget-journals");
	/* jobs may stay in Slurm until a cancel is decided, which needs the manifest's age and submitter */
	if (cancel_phase(store->folder, NULL) != CANCEL_NONE)
		return;
	manifest_remove(store->folder, submission, NULL);
}

void ingest_clean(struct store *store, struct ingested *d)
{
	for (size_t i = 0; i < d->outbox.n; i++)
		if (d->outbox.v[i].name[0])
			folder_remove(store->folder, FOLDER_OUTBOX, d->outbox.v[i].name, NULL);
	FAILPOINT("clean-outbox");
	for (size_t i = 0; i < d->revoked.n; i++)
		folder_remove(store->folder, FOLDER_REVOKED, d->revoked.v[i].name, NULL);
	FAILPOINT("clean-revoked");
	for (size_t i = 0; i < d->ntouched; i++)
		ingest_forget(store, &d->running, d->touched[i]);
}

/* ---- for other parts of slurmq ---- */

/* Reads the files, applies them, commits if anything changed, and unlinks them. The caller holds
 * the queue lock. */
static int ingest_once(struct store *store, struct err *err)
{
	struct ingested d;
	int rc = ingest_read(store, &d, err);

	FAILPOINT("ingest-looked");
	if (!rc && !(rc = db_begin(store->db, err))) {
		rc = ingest_apply(store, &d, err);
		FAILPOINT("ingest-applied");
		if (!rc && d.changed)
			rc = db_commit(store->db, err);
		else
			db_rollback(store->db);
		FAILPOINT("ingest-committed");
		if (!rc)
			ingest_clean(store, &d);
	}
	ingested_release(&d);
	return rc;
}

int ingest_now(struct store *store, struct err *err)
{
	int rc = queue_lock_try(store->folder, err);

	if (rc)
		return rc == FOLDER_BUSY ? 0 : -1;
	rc = ingest_once(store, err);
	queue_lock_release(store->folder);
	return rc;
}

int ingest_lock(struct store *store, struct err *err)
{
	int rc = ingest_wait_lock(store, 60000, NULL, err);

	if (rc == FOLDER_BUSY) {
		char *owner = queue_lock_owner(store->folder);

		err_set(err, ERR_AGAIN,
			"cannot get the queue lock within a minute: another slurmq (%s) holds it; "
			"try again",
			*owner ? owner : "unknown");
		free(owner);
		return -1;
	}
	if (rc)
		return -1;
	rc = ingest_once(store, err);
	if (rc)
		queue_lock_release(store->folder);
	return rc;
}

void ingest_unlock(struct store *store)
{
	queue_lock_release(store->folder);
}

/* Returns "123" or "123_4", or NULL if the Slurm id is unknown. scancel knows a task of
 * an array only by its index. With the id of the task itself, scancel does nothing. If that id
 * is also the array's, scancel ends all tasks (slurm.h, struct slurm_job). The caller frees the
 * text. */
static char *make_slurm_ref(const struct db_flight *f, const struct folder_entry *running)
{
	if (f->slurm_job && f->ntasks > 1)
		return mem_printf("%" PRIu64 "_%d", f->slurm_job, f->task);
	if (f->ntasks > 1)
		return NULL;
	if (running && running->who.slurm_id)
		return mem_printf("%" PRIu64, running->who.slurm_id);
	return f->slurm_job ? mem_printf("%" PRIu64, f->slurm_job) : NULL;
}

static void add_ref(struct strs *list, const struct db_flight *f,
		    const struct folder_entry *running)
{
	char *ref = list ? make_slurm_ref(f, running) : NULL;

	if (ref)
		strs_take(list, ref);
}

/* Revokes the claims. Sets revoked[i] for those that no job had started. */
static int revoke_claims(struct store *store, const struct db_flight *v, size_t n, bool *revoked,
			 struct err *err)
{
	struct who me;

	who_self(&me);
	for (size_t i = 0; i < n; i++) {
		int rc = claim_file_revoke_nosync(store->folder, v[i].submission, v[i].task, &me,
						  err);

		if (rc < 0)
			return -1;
		revoked[i] = !rc;
	}
	return claim_files_sync_revoked(store->folder, err);
}

int ingest_revoke(struct store *store, const struct db_flight *v, size_t n, struct strs *running,
		  struct strs *queued, struct err *err)
{
	bool *revoked = mem_alloc(n + 1);
	struct folder_list taken = {0};
	int rc = revoke_claims(store, v, n, revoked, err);

	FAILPOINT("back-taken");
	if (!rc)
		rc = folder_scan(store->folder, FOLDER_RUNNING, &taken, err);
	for (size_t i = 0; i < n && !rc; i++) {
		if (revoked[i])
			add_ref(queued, &v[i], NULL);
		else
			add_ref(running, &v[i],
				folder_list_find(&taken, v[i].submission, v[i].task));
	}
	/* the files in revoked/ exist now: this ingest applies them, with each requested action */
	if (!rc)
		rc = ingest_once(store, err);
	folder_list_release(&taken);
	free(revoked);
	return rc;
}
