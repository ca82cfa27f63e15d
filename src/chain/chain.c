#include "chain/chain.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "chain/cancel.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "chain/reconcile.h"
#include "chain/sentinel.h"

enum {
	STAY_MOST_MS = 60 * 1000,
	STAY_ASK_MS = 15 * 1000, /* while Slurm answers, and has no job of the folder */
	STAY_ALONE_MS = 5 * 60 * 1000,
	ASK_AGAIN_MS = 2000,
	POLL_MS = 500,
	/* By then the other jobs have tried the lock, and Slurm has removed them. */
	LEAVE_MS = 1500,
	JITTER_MS = 100,
	/* a job that was submitted longer ago may have ended by now, and left the chain to this one */
	RECENT_MS = 10 * 1000,
	FAILURES = 3, /* tries after a failure of the database, even if other jobs are left */
};

static void say(const struct chain_opts *o, const char *text)
{
	if (o->say)
		o->say(o->say_arg, text);
}

enum paused { PAUSE_OVER, PAUSE_HURRY, PAUSE_TERM };

/* Waits. Returns PAUSE_HURRY if the time limit is near, so that no more time is left, and
 * PAUSE_TERM if Slurm ends the job. */
static enum paused pause_ms(int64_t ms)
{
	int64_t end = clock_mono_ms() + ms, left;

	while ((left = end - clock_mono_ms()) > 0) {
		int sig = proc_signal_wait((int)left);

		if (sig == SIGTERM)
			return PAUSE_TERM;
		if (sig == SIGUSR1)
			return PAUSE_HURRY;
	}
	return PAUSE_OVER;
}

/* Returns whether a claim belongs to a submission in the database. A process may be writing
 * other claims, or have died while writing them; no job will start from those. */
static bool has_row(struct store *store, uint64_t submission)
{
	struct db_submission sub = {0};
	int rc = store->db ? db_submission_get(store->db, submission, &sub, NULL) : 0;

	db_submission_release(&sub);
	return rc != DB_NONE;
}

/* Returns whether no other task of this folder runs or may start. If the database cannot be
 * read, the files alone decide. */
static bool is_alone(struct store *store)
{
	static const enum folder_part folders[] = {FOLDER_CLAIMS, FOLDER_RUNNING};
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		struct folder_list l;

		if (!folder_scan(store->folder, folders[i], &l, NULL))
			for (size_t k = 0; k < l.n; k++)
				n += folders[i] == FOLDER_RUNNING ||
				     has_row(store, l.v[k].submission);
		folder_list_release(&l);
	}
	return !n;
}

/* The jobs of the folder in Slurm, without this job, whose end is ingested. */
struct rest {
	bool held;  /* jobs were cancelled while they were pending: a decision is due */
	bool alive; /* another job will continue the chain */
	/* Work is left that no job will do: pending, unanswered, or without a reported end. */
	bool undone;
};

/* Returns whether a row in flight is this job itself. If the job could not start, its row still
 * shows it as in Slurm. */
static bool is_this_job(const struct db_flight *f)
{
	const char *array = getenv("SLURM_ARRAY_JOB_ID"), *task = getenv("SLURM_ARRAY_TASK_ID");
	struct who me;

	who_self(&me);
	if (!me.slurm_id)
		return false;
	if (f->slurm_id)
		return f->slurm_id == me.slurm_id;
	if (!array || !task)
		return f->slurm_job == me.slurm_id;
	return f->slurm_job == strtoull(array, NULL, 10) && f->task == (int)strtol(task, NULL, 10);
}

/* Finds the jobs that are left. Asks Slurm, since rows may show jobs that were cancelled, or
 * died with their node. reconcile marks as missing a job that Slurm does not show, or shows as
 * over. If the database fails, the counts of the fill and the files decide. */
static struct rest find_rest(struct store *store, const struct fill_result *r)
{
	struct rest rest = {.alive = false};
	struct reconcile_result seen;
	int64_t counts[JOB_NSTATES], work;
	struct db_flight *v = NULL;
	size_t n = 0;

	struct err err = {0};
	int no_answer = reconcile(store, ASK_AGAIN_MS, &seen, &err);

	if (db_counts(store->db, counts, NULL) || db_count_work(store->db, &work, NULL) ||
	    db_flights(store->db, &v, &n, NULL)) {
		rest.alive = r->confirmed && !is_alone(store);
		rest.undone = r->pending > r->paused || r->in_flight > r->confirmed;
		return rest;
	}
	for (size_t i = 0; i < n; i++)
		rest.alive |=
			v[i].state != JOB_SUBMITTING && !v[i].missing_since && !is_this_job(&v[i]);
	free(v);
	/* an outage passes, and to stay for it is cheap; without squeue the state of the others is
	 * never known, so the files decide */
	rest.alive = rest.alive && (!no_answer || (err.status != ERR_AGAIN && !is_alone(store)));
	rest.undone = work || counts[JOB_SUBMITTING] || seen.soon;
	rest.held = seen.cancelled;
	return rest;
}

static bool is_record_waiting(struct store *store, const struct fill_opts *q)
{
	return q->record && folder_has(store->folder, FOLDER_OUTBOX, q->record);
}

static bool has_pending_work(struct store *store)
{
	int64_t counts[JOB_NSTATES], work;

	/* a job that is being submitted may become pending again */
	return db_counts(store->db, counts, NULL) || db_count_work(store->db, &work, NULL) ||
	       work + counts[JOB_SUBMITTING] > 0;
}

/* Returns whether the fill stopped because jobs were cancelled in Slurm: no job submits until
 * that is decided. */
static bool is_held_off(struct store *store, const struct fill_result *r)
{
	return r->stop == FILL_BACKOFF && cancel_phase(store->folder, NULL) != CANCEL_NONE;
}

/* Returns whether a fill without error must be repeated: work is left, no job was submitted, and
 * that may change. Sets *held if a decision on a cancel is awaited. */
static bool must_fill_again(struct store *store, const struct fill_opts *q,
			    const struct fill_result *r, int64_t began, bool *held)
{
	struct rest rest;

	switch (r->stop) {
	case FILL_PAUSED:
	case FILL_REFUSED:
	case FILL_ELSEWHERE:
	case FILL_MAX:
		return false; /* a person must act first */
	case FILL_LOCKED:
		/* the holder continues the chain, unless it hangs, only ingests (status,
		 * sync), or is the job's own tick, which ends with the job; claims of the holder
		 * would be in the folder by now */
		return is_alone(store) && (is_record_waiting(store, q) || has_pending_work(store));
	default:
		break;
	}
	*held = is_held_off(store, r);
	if (*held)
		return true;
	if ((r->submitted && clock_mono_ms() - began < RECENT_MS) || r->limit == 1 ||
	    (r->pending == r->paused && !r->in_flight))
		return false;
	rest = find_rest(store, r);
	*held = rest.held;
	return *held || (!rest.alive && rest.undone);
}

/* Reports to the log of the job only errors of the chain: the log belongs to the user. A limit
 * is not an error. */
static void report_trouble(struct store *store, const struct chain_opts *o,
			   const struct fill_opts *q, const struct fill_result *r)
{
	if (r->text && *r->text && r->stop != FILL_LIMITED && r->stop != FILL_REFUSED)
		say(o, r->text);
	if (r->stop == FILL_LOCKED && is_record_waiting(store, q))
		say(o, "the end of this job is not in the database yet: another slurmq holds the "
		       "queue lock; the next slurmq ingests it from outbox/");
}

/* The results of the tries so far. */
struct tried {
	int failed;	/* tries that failed */
	bool submitted; /* the last try submitted jobs */
	bool busy;	/* the last try did not get the queue lock */
	bool held;	/* no job submits until a cancel is decided */
	bool cancelled; /* this job was cancelled */
};

/* Syncs the record, so that it survives a crash of the host if it was not ingested at once. */
static void sync_record(struct store *store, const struct chain_opts *o)
{
	struct err err = {0};

	if (o->event && outbox_sync(store->folder, o->event, &err))
		say(o, err.msg);
}

/* Returns whether this job was cancelled. Syncs the record before asking Slurm why SIGTERM came,
 * since the answer may take long. */
static bool was_cancelled(struct store *store, const struct chain_opts *o, struct tried *tried)
{
	if (proc_term_pending()) {
		sync_record(store, o);
		tried->cancelled = cancel_take_term(store->folder);
	}
	return tried->cancelled;
}

static int open_and_fill(struct store *store, const struct chain_opts *o, struct fill_opts *q,
			 struct fill_result *r, struct tried *tried, struct err *err)
{
	int rc = store->db ? 0 : store_open(store, err);

	while (!rc) {
		q->no_claim = !o->refill || was_cancelled(store, o, tried);
		fill_result_release(r);
		rc = fill_run(store, q, r, err);
		if (rc || q->no_claim || r->stop != FILL_BACKOFF || !proc_term_pending())
			break;
	}
	return rc;
}

/* Fills once. Returns whether the chain depends on this job. */
static bool fill_once(struct store *store, const struct chain_opts *o, struct fill_opts *q,
		      struct tried *tried)
{
	struct fill_result r = {0};
	const int64_t began = clock_mono_ms();
	struct err err = {0};
	bool needed, held = false;
	int rc = open_and_fill(store, o, q, &r, tried, &err);

	if (rc) {
		say(o, err.msg);
		/* waiting does not fix a damaged database; other jobs that seem to be left may
		 * be dead, since they could not be checked */
		needed = err.status != ERR_USAGE && !folder_is_removed(store->folder) &&
			 (++tried->failed < FAILURES || is_alone(store));
	} else {
		report_trouble(store, o, q, &r);
		needed = !q->no_claim && must_fill_again(store, q, &r, began, &held);
	}
	tried->held = held;
	tried->submitted = !rc && r.submitted;
	tried->busy = !rc && r.stop == FILL_LOCKED;
	fill_result_release(&r);
	return needed;
}

static void pause_or_cancel(struct folder *sp, int64_t ms, struct tried *tried)
{
	if (pause_ms(ms) == PAUSE_TERM)
		tried->cancelled = cancel_after_term(sp);
}

/* Acquires the lock of the job that stays. A job that is about to end still holds it, and has
 * counted this job as left: so this function waits. */
static int lock_last(struct store *store, int64_t ms, struct tried *tried, int *lock)
{
	int64_t end = clock_mono_ms() + ms;
	int rc;

	while ((rc = folder_lock(store->folder, FOLDER_LAST, lock, NULL)) == FOLDER_BUSY &&
	       clock_mono_ms() < end && !tried->cancelled)
		pause_or_cancel(store->folder, 100, tried);
	return rc;
}

/* Stays until the hold-off is over and the decision is made. Every job that ends in that time
 * stays, since each may be a survivor. Then one job continues, once the others have left their
 * slots: it holds the lock `last`. Returns true for that job, with *lock. */
static bool wait_hold_off(struct store *store, const struct chain_opts *o, struct tried *tried,
			  int *lock)
{
	struct folder *sp = store->folder;

	say(o, "jobs may have been cancelled in Slurm: staying until that is decided");
	while (!tried->cancelled) {
		int64_t left;
		enum cancel_phase phase = cancel_phase(sp, &left);

		if (phase != CANCEL_HOLD_OFF) {
			if (folder_lock(sp, FOLDER_LAST, lock, NULL) != FOLDER_BUSY) {
				cancel_decide(store, NULL);
				pause_or_cancel(sp, LEAVE_MS, tried);
				return true;
			}
			if (phase == CANCEL_NONE)
				return false;
			left = POLL_MS;
		}
		pause_or_cancel(sp,
				(left < POLL_MS ? left : POLL_MS) +
					(int64_t)(clock_random() % JITTER_MS),
				tried);
	}
	return false;
}

static void stay_and_fill(struct store *store, const struct chain_opts *o, struct fill_opts *q,
			  struct tried *tried)
{
	int64_t wait = o->stay_ms, began = clock_mono_ms();
	bool answered = false;
	int lock, locked = lock_last(store, o->stay_ms, tried, &lock);

	if (locked == FOLDER_BUSY)
		return; /* another job stays */
	say(o, "no other job would continue the chain: staying until a job is submitted");
	for (;;) {
		struct reconcile_result seen;
		bool ends = pause_ms(wait) == PAUSE_TERM, answers;

		tried->cancelled = ends && cancel_after_term(store->folder);
		if (tried->cancelled)
			break;
		/* reconcile submissions without an answer first: they may be the only obstacle */
		answers = store->db && !reconcile(store, 0, &seen, NULL) && seen.ran;
		/* at the time limit, and when Slurm ends the job, there is time for a last try; the
		 * holder of the queue lock may submit nothing */
		if ((!fill_once(store, o, q, tried) && !tried->busy) || ends)
			break;
		/* a longer obstacle is for the sentinel: waiting in Slurm is free */
		if (clock_mono_ms() - began > STAY_ALONE_MS && store->db && sentinel_waits(store))
			break;
		wait = wait * 2 < STAY_MOST_MS ? wait * 2 : STAY_MOST_MS;
		if (answers && !answered) /* Slurm answers again */
			wait = o->stay_ms;
		else if (answers && wait > STAY_ASK_MS)
			wait = STAY_ASK_MS;
		answered = answers;
	}
	if (!locked) /* if the lock itself failed, none is held: two jobs that stay do no harm */
		folder_unlock(lock);
}

/* Closes the database, unless it was open before. The command may take weeks, in which the
 * database may be moved or replaced. */
static void close_database(struct store *store, bool was_open)
{
	if (was_open)
		return;
	db_close(store->db);
	store->db = NULL;
}

enum { DECIDE_TRIES = 10, DECIDE_PAUSE_MS = 3000 };

bool chain_decide(struct store *store)
{
	const bool open = store->db != NULL;
	bool decided = false;

	for (int i = 0; i < DECIDE_TRIES && !decided; i++) {
		if (i)
			clock_sleep_ms(DECIDE_PAUSE_MS);
		if (store->db || !store_open(store, NULL))
			cancel_decide(store, NULL);
		decided = cancel_phase(store->folder, NULL) == CANCEL_NONE;
	}
	close_database(store, open);
	return decided;
}

/* Finds jobs that were cancelled while they were pending (cancel.h). fill_once() reports an error
 * of the database. */
static void find_cancelled_pending(struct store *store)
{
	struct reconcile_result seen;

	if (store->db || !store_open(store, NULL))
		reconcile(store, CANCEL_QUERY_MS, &seen, NULL);
}

/* Withdraws the cancel record if `slurmq cancel` ended this job. That is not external, and
 * no job has to wait for a decision. */
static void withdraw_requested(struct store *store, const struct chain_opts *o)
{
	struct folder_entry e;
	struct who me;
	bool requested;

	if (!store->db || !o->event || folder_name_parse(o->event, &e) ||
	    db_cancel_requested(store->db, e.submission, e.task, &requested, NULL) || !requested)
		return;
	who_self(&me);
	cancel_withdraw(store->folder, &me);
}

enum chain_outcome chain_end(struct store *store, const struct chain_opts *o)
{
	struct fill_opts q = {.caller = FILL_CHAIN,
			      .max = -1,
			      .lock_ms = o->lock_ms,
			      .record = o->event,
			      .say = o->say,
			      .say_arg = o->say_arg};

	struct tried tried = {0};
	bool needed, locked;
	int lock = -1;

	if (o->brief && o->refill)
		find_cancelled_pending(store);
	needed = fill_once(store, o, &q, &tried);
	sync_record(store, o);
	if (!o->refill)
		withdraw_requested(store, o);
	/* more jobs may be cancelled while the last ones are decided on */
	while (needed && tried.held && !tried.cancelled &&
	       cancel_phase(store->folder, NULL) != CANCEL_NONE) {
		locked = wait_hold_off(store, o, &tried, &lock);
		needed = locked && !tried.cancelled && fill_once(store, o, &q, &tried);
		if (locked) /* only now, since status must see the lock until jobs are submitted */
			folder_unlock(lock);
		if (cancel_phase(store->folder, NULL) == CANCEL_DUE)
			break; /* Slurm does not answer: one job stays for it */
	}
	if (needed && o->refill && !was_cancelled(store, o, &tried))
		stay_and_fill(store, o, &q, &tried);
	if (tried.submitted)
		return CHAIN_SUBMITTED;
	return tried.busy && !tried.cancelled ? CHAIN_BUSY : CHAIN_NOTHING;
}
