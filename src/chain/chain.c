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
	STAY_ASK_MS = 15 * 1000, /* while Slurm answers, and has nothing for us */
	STAY_ALONE_MS = 5 * 60 * 1000,
	ASK_AGAIN_MS = 2000,
	POLL_MS = 500,
	LEAVE_MS =
		1500, /* the others have looked for the lock, and Slurm has seen that they ended */
	JITTER_MS = 100,
	FAILURES = 3, /* of the database: so often it is tried in spite of others */
};

static void say(const struct chain_opts *o, const char *text)
{
	if (o->say)
		o->say(o->say_arg, text);
}

enum paused { PAUSE_OVER, PAUSE_HURRY, PAUSE_TERM };

/* Wait; HURRY: the time limit is near, and this was all the time there was. TERM: Slurm wants us to end. */
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

/* A right that somebody is making just now, or died while making, is no job's. */
static bool has_row(struct store *store, uint64_t submission)
{
	struct db_submission sub = {0};
	int rc = store->db ? db_submission_get(store->db, submission, &sub, NULL) : 0;

	db_submission_release(&sub);
	return rc != DB_NONE;
}

/* No other task of ours runs or may start: where the database can't be asked, the files alone tell. */
static bool alone(struct store *store)
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

/* What Slurm has of ours, but for this job, whose end is told. */
struct rest {
	bool alive;  /* a job that will go on with the chain */
	bool undone; /* work that nobody has in hand: pending, unanswered, or over without a word */
};

/* This very job, which could not start: its row says that it is in Slurm. */
static bool is_us(const struct db_flight *f)
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

/* Slurm is asked, since rows may say that others are left of jobs that were cancelled, or died with their
 * node: what it did not show, or shows as over, has been missed. Without it, rows and files must do. */
static struct rest look_around(struct store *store, const struct fill_result *r)
{
	struct rest rest = {.alive = false};
	struct reconcile_result seen;
	int64_t counts[JOB_NSTATES];
	struct db_flight *v = NULL;
	size_t n = 0;

	struct err err = {0};
	int away = reconcile(store, ASK_AGAIN_MS, &seen, &err);

	if (db_counts(store->db, counts, NULL) || db_flights(store->db, &v, &n, NULL)) {
		rest.alive = r->confirmed && !alone(store);
		rest.undone = r->pending || r->in_flight > r->confirmed;
		return rest;
	}
	for (size_t i = 0; i < n; i++)
		rest.alive |= v[i].state != JOB_SUBMITTING && !v[i].missing_since && !is_us(&v[i]);
	free(v);
	/* an outage passes, and one that stays for it is cheap; without squeue nothing will ever tell */
	rest.alive = rest.alive && (!away || (err.status != ERR_AGAIN && !alone(store)));
	rest.undone = counts[JOB_PENDING] || counts[JOB_SUBMITTING] || seen.soon;
	return rest;
}

static bool untold(struct store *store, const struct fill_opts *q)
{
	return q->record && folder_has(store->folder, FOLDER_OUTBOX, q->record);
}

static bool work_left(struct store *store)
{
	int64_t counts[JOB_NSTATES];

	/* what is being submitted may come back */
	return db_counts(store->db, counts, NULL) ||
	       counts[JOB_PENDING] + counts[JOB_SUBMITTING] > 0;
}

/* Jobs were cancelled in Slurm: nobody submits until that is decided. */
static bool held_up(struct store *store, const struct fill_result *r)
{
	return r->stop == FILL_BACKOFF && cancel_phase(store->folder, NULL) != CANCEL_NONE;
}

/* After a try that went as it should: work is left, nothing was submitted, and that may change. */
static bool left_undone(struct store *store, const struct fill_opts *q, const struct fill_result *r,
			bool *held)
{
	struct rest rest;

	switch (r->stop) {
	case FILL_PAUSED:
	case FILL_REFUSED:
	case FILL_ELSEWHERE:
	case FILL_MAX:
		return false; /* a person's turn */
	case FILL_LOCKED:
		/* its holder goes on, unless it hangs, or only tells (status, sync), or is our own tick, which
		 * ends with us: what it has claimed would lie there by now */
		return alone(store) && (untold(store, q) || work_left(store));
	default:
		break;
	}
	*held = held_up(store, r);
	if (*held)
		return true;
	if (r->submitted || r->limit == 1 || (!r->pending && !r->in_flight))
		return false;
	rest = look_around(store, r);
	return !rest.alive && rest.undone;
}

/* A job's log is its owner's: of the chain, what went wrong. A limit is no trouble. */
static void say_trouble(struct store *store, const struct chain_opts *o, const struct fill_opts *q,
			const struct fill_result *r)
{
	if (r->text && *r->text && r->stop != FILL_LIMITED && r->stop != FILL_REFUSED)
		say(o, r->text);
	if (r->stop == FILL_LOCKED && untold(store, q))
		say(o,
		    "another slurmq holds the queue lock: what this job has to tell lies in outbox/ "
		    "until the next one tells it");
}

/* What the tries have come to. */
struct tried {
	int failed;
	bool submitted; /* by the last one */
	bool busy;	/* it did not get the queue lock */
	bool held;	/* nobody submits until a cancellation is decided */
	bool cancelled; /* while we stayed, or would have */
};

/* What could not be told at once outlives a crash of the host, too. */
static void keep_event(struct store *store, const struct chain_opts *o)
{
	struct err err = {0};

	if (o->event && outbox_sync(store->folder, o->event, &err))
		say(o, err.msg);
}

/* SIGTERM may come at any time; Slurm may take its time to say why, so what the caller has to tell is made durable
 * before. */
static bool was_cancelled(struct store *store, const struct chain_opts *o, struct tried *tried)
{
	if (proc_term_pending()) {
		keep_event(store, o);
		tried->cancelled = cancel_take_term(store->folder);
	}
	return tried->cancelled;
}

static int fill(struct store *store, const struct chain_opts *o, struct fill_opts *q,
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

/* One try. True where the chain hangs on the caller. */
static bool hangs_on_us(struct store *store, const struct chain_opts *o, struct fill_opts *q,
			struct tried *tried)
{
	struct fill_result r = {0};
	struct err err = {0};
	bool hangs, held = false;
	int rc = fill(store, o, q, &r, tried, &err);

	if (rc) {
		say(o, err.msg);
		/* a database that was damaged does not mend by waiting; who seems to be left besides us may
		 * be dead, which could not be asked */
		hangs = err.status != ERR_USAGE && (++tried->failed < FAILURES || alone(store));
	} else {
		say_trouble(store, o, q, &r);
		hangs = !q->no_claim && left_undone(store, q, &r, &held);
	}
	tried->held = held;
	tried->submitted = !rc && r.submitted;
	tried->busy = !rc && r.stop == FILL_LOCKED;
	fill_result_release(&r);
	return hangs;
}

static void pause_for(struct folder *sp, int64_t ms, struct tried *tried)
{
	if (pause_ms(ms) == PAUSE_TERM)
		tried->cancelled = cancel_after_term(sp);
}

/* The lock of who stays. One that is about to leave still holds it, having just counted us among those who
 * are left: so it is waited for a little. */
static int lock_last(struct store *store, int64_t ms, struct tried *tried, int *lock)
{
	int64_t end = clock_mono_ms() + ms;
	int rc;

	while ((rc = folder_lock(store->folder, FOLDER_LAST, lock, NULL)) == FOLDER_BUSY &&
	       clock_mono_ms() < end && !tried->cancelled)
		pause_for(store->folder, 100, tried);
	return rc;
}

/* Stay until the hold-off is over and the decision made, as every job that ends in that time: each may be a survivor.
 * Then one goes on, which holds the lock of who stays, once the others have left their slots. True: the caller; *lock. */
static bool outlast_hold_off(struct store *store, const struct chain_opts *o, struct tried *tried,
			     int *lock)
{
	struct folder *sp = store->folder;

	say(o, "jobs may have been cancelled in Slurm: staying until that is clear");
	while (!tried->cancelled) {
		int64_t left;
		enum cancel_phase phase = cancel_phase(sp, &left);

		if (phase != CANCEL_HOLD_OFF) {
			if (folder_lock(sp, FOLDER_LAST, lock, NULL) != FOLDER_BUSY) {
				cancel_decide(store, NULL);
				pause_for(sp, LEAVE_MS, tried);
				return true;
			}
			if (phase == CANCEL_NONE)
				return false;
			left = POLL_MS;
		}
		pause_for(sp,
			  (left < POLL_MS ? left : POLL_MS) + (int64_t)(clock_random() % JITTER_MS),
			  tried);
	}
	return false;
}

static void stay(struct store *store, const struct chain_opts *o, struct fill_opts *q,
		 struct tried *tried)
{
	int64_t wait = o->stay_ms, began = clock_mono_ms();
	bool answered = false;
	int lock, locked = lock_last(store, o->stay_ms, tried, &lock);

	if (locked == FOLDER_BUSY)
		return; /* somebody else does */
	say(o, "nothing else would go on with the chain: staying until something is submitted");
	for (;;) {
		struct reconcile_result seen;
		bool ends = pause_ms(wait) == PAUSE_TERM, answers;

		tried->cancelled = ends && cancel_after_term(store->folder);
		if (tried->cancelled)
			break;
		/* what got no answer is looked for first: it may be all that is in the way */
		answers = store->db && !reconcile(store, 0, &seen, NULL) && seen.ran;
		/* at the time limit, and where the site ends us, there is time for a last try */
		if (!hangs_on_us(store, o, q, tried) || ends)
			break;
		/* what does not pass soon is for the sentinel: waiting in Slurm is free */
		if (clock_mono_ms() - began > STAY_ALONE_MS && store->db && sentinel_waits(store))
			break;
		wait = wait * 2 < STAY_MOST_MS ? wait * 2 : STAY_MOST_MS;
		if (answers && !answered) /* Slurm is back */
			wait = o->stay_ms;
		else if (answers && wait > STAY_ASK_MS)
			wait = STAY_ASK_MS;
		answered = answers;
	}
	if (!locked) /* without one where the lock itself failed: two who stay are no harm */
		folder_unlock(lock);
}

/* The command may take weeks, in which the database may be moved or replaced: it is not kept open. */
static void close_again(struct store *store, bool was_open)
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
	close_again(store, open);
	return decided;
}

/* slurmq cancel ended this job: that is no external cancel, and nobody has to wait for a decision. */
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
	bool hangs = hangs_on_us(store, o, &q, &tried), ours;
	int lock = -1;

	keep_event(store, o);
	if (!o->refill)
		withdraw_requested(store, o);
	/* more may be cancelled while the decision on the last ones is made */
	while (hangs && tried.held && !tried.cancelled &&
	       cancel_phase(store->folder, NULL) != CANCEL_NONE) {
		ours = outlast_hold_off(store, o, &tried, &lock);
		hangs = ours && !tried.cancelled && hangs_on_us(store, o, &q, &tried);
		if (ours) /* not before: status is to see it until something is submitted */
			folder_unlock(lock);
		if (cancel_phase(store->folder, NULL) == CANCEL_DUE)
			break; /* Slurm does not answer: one of us stays for it */
	}
	if (hangs && o->refill && !was_cancelled(store, o, &tried))
		stay(store, o, &q, &tried);
	if (tried.submitted)
		return CHAIN_SUBMITTED;
	return tried.busy && !tried.cancelled ? CHAIN_BUSY : CHAIN_NOTHING;
}
