#include "chain.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "proc.h"
#include "reconcile.h"
#include "sentinel.h"
#include "stopping.h"
#include "ticket.h"

enum {
	STAY_MOST_MS = 60 * 1000,
	STAY_ASK_MS = 15 * 1000, /* while Slurm answers, and has nothing for us */
	STAY_ALONE_MS = 5 * 60 * 1000,
	ASK_AGAIN_MS = 2000,
	ASKED_MS = 500,
	JITTER_MS = 100,
	LEAVE_MS =
		1500, /* the others have looked for the lock, and Slurm has seen that they ended */
	LOOK_MS = 5000,
	OLDER_MS = 3000,
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
	static const enum spool_folder folders[] = {SPOOL_READY, SPOOL_RUNNING};
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		struct spool_list l;

		if (!spool_scan(store->spool, folders[i], &l, NULL))
			for (size_t k = 0; k < l.n; k++)
				n += folders[i] == SPOOL_RUNNING ||
				     has_row(store, l.v[k].submission);
		spool_list_release(&l);
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
static struct rest look_around(struct store *store, const struct queue_result *r)
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

static bool untold(struct store *store, const struct queue_opts *q)
{
	return q->mine && spool_has(store->spool, SPOOL_SPOOL, q->mine);
}

static bool work_left(struct store *store)
{
	int64_t counts[JOB_NSTATES];

	/* what is being submitted may come back */
	return db_counts(store->db, counts, NULL) ||
	       counts[JOB_PENDING] + counts[JOB_SUBMITTING] > 0;
}

/* Nobody submits, since jobs are cancelled just now: whoever is left of ours may be told to end, too, or leave since it
 * was made by one of those. */
static bool held_up(struct store *store, const struct queue_result *r)
{
	return !r->submitted && (r->pending || r->in_flight) && stopping_now(store->spool);
}

/* After a try that went as it should: work is left, nothing was submitted, and that may change. */
static bool left_undone(struct store *store, const struct queue_opts *q,
			const struct queue_result *r, bool *held)
{
	struct rest rest;

	switch (r->stop) {
	case QUEUE_PAUSED:
	case QUEUE_REFUSED:
	case QUEUE_ELSEWHERE:
	case QUEUE_MAX:
		return false; /* a person's turn */
	case QUEUE_GATE:
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
static void say_trouble(struct store *store, const struct chain_opts *o, const struct queue_opts *q,
			const struct queue_result *r)
{
	if (r->text && *r->text && r->stop != QUEUE_LIMITED && r->stop != QUEUE_REFUSED)
		say(o, r->text);
	if (r->stop == QUEUE_GATE && untold(store, q))
		say(o, "another slurmq holds the gate: what this job has to tell lies in spool/ "
		       "until the next one tells it");
}

/* What the tries have come to. */
struct tried {
	int failed;
	bool submitted; /* by the last one */
	bool busy;	/* it did not get the gate */
	bool held;	/* nobody submits just now */
	bool cancelled; /* while we stayed, or would have */
};

/* One try. True where the chain hangs on the caller. */
static bool hangs_on_us(struct store *store, const struct chain_opts *o, struct queue_opts *q,
			struct tried *tried)
{
	struct queue_result r = {0};
	struct err err = {0};
	bool hangs, held = false;
	int rc = store->db ? 0 : store_open(store, &err);

	if (!rc)
		rc = queue_fill(store, q, &r, &err);
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
	tried->busy = !rc && r.stop == QUEUE_GATE;
	queue_result_release(&r);
	return hangs;
}

static void pause_for(struct spool *sp, int64_t ms, struct tried *tried)
{
	if (pause_ms(ms) == PAUSE_TERM)
		tried->cancelled = stopping_term(sp) == REASON_CANCELLED;
}

/* The lock of who stays. One that is about to leave still holds it, having just counted us among those who
 * are left: so it is waited for a little. */
static int lock_last(struct store *store, int64_t ms, struct tried *tried, int *lock)
{
	int64_t end = clock_mono_ms() + ms;
	int rc;

	while ((rc = spool_lock(store->spool, SPOOL_LAST, lock, NULL)) == SPOOL_BUSY &&
	       clock_mono_ms() < end && !tried->cancelled)
		pause_for(store->spool, 100, tried);
	return rc;
}

/* Who is not cancelled by the end of it was not meant. Each of us waits for that, since of those who wait one may be; at
 * a time limit there is time until KILL. Who holds the lock goes on, once the others have left their slots. One in doubt
 * takes it where nobody else has, and no sooner. True where it is ours; *lock then. */
static bool outlast(struct store *store, const struct chain_opts *o, struct tried *tried, int *lock)
{
	struct spool *sp = store->spool;
	bool said = false, ours = false;
	int64_t left;
	int seen = -1;

	while (!tried->cancelled && (left = stopping_left(sp)) > 0) {
		bool sure = stopping_surely(sp);

		if (!ours && !o->doubted)
			ours = spool_lock(sp, SPOOL_LAST, lock, NULL) != SPOOL_BUSY;
		if (o->doubted && seen < 0) /* of all who may be in doubt status sees one */
			spool_lock(sp, SPOOL_DOUBTED, &seen, NULL);
		if (sure && !said)
			say(o, "jobs are being cancelled just now: staying until that is over");
		said |= sure;
		if (!sure && left > ASKED_MS) /* it may be something else */
			left = ASKED_MS;
		pause_for(sp, left + (int64_t)(clock_random() % JITTER_MS), tried);
	}
	if (!ours && !tried->cancelled)
		ours = lock_last(store, LEAVE_MS / 3, tried, lock) != SPOOL_BUSY;
	if (seen >= 0)
		spool_unlock(seen);
	if (ours && !tried->cancelled)
		pause_for(sp, LEAVE_MS, tried);
	return ours;
}

static void stay(struct store *store, const struct chain_opts *o, struct queue_opts *q,
		 struct tried *tried)
{
	int64_t wait = o->stay_ms, began = clock_mono_ms();
	bool answered = false;
	int lock, locked = lock_last(store, o->stay_ms, tried, &lock);

	if (locked == SPOOL_BUSY)
		return; /* somebody else does */
	say(o, "nothing else would go on with the chain: staying until something is submitted");
	for (;;) {
		struct reconcile_result seen;
		int ends = pause_ms(wait) == PAUSE_TERM ? stopping_term(store->spool) : REASON_NONE;
		bool answers;

		tried->cancelled = ends == REASON_CANCELLED;
		if (tried->cancelled)
			break;
		/* what got no answer is looked for first: it may be all that is in the way */
		answers = store->db && !reconcile(store, 0, &seen, NULL) && seen.ran;
		/* at the time limit, and where the site ends us, there is time for a last try */
		if (!hangs_on_us(store, o, q, tried) || ends != REASON_NONE)
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
		spool_unlock(lock);
}

/*
 * Jobs were cancelled just as the caller's was made, or little later. Where they were all of them it was made by one that
 * was in scancel's list, and ended before its signal came: few are so. Where they were some the others are left. What
 * was spared tells it, and whether the sentinel was. Who is not in doubt counts them one by one, and goes on where Slurm
 * does not answer: it takes a very slow scancel to have made its list before that.
 */
static bool nobody_wants_us(struct store *store, const struct chain_opts *o, int64_t *last)
{
	struct reconcile_left left;
	bool known = store->db && !reconcile_left(store, &left, NULL);

	*last = known ? left.last : 0;
	if (known ? left.spared || (!left.all &&
				    (o->doubted ? left.alive : left.outlived) >= left.cancelled)
		  : !o->doubted)
		return false;
	say(o, "jobs were cancelled as this one was made: nothing is submitted from here");
	return true;
}

/* It is over, and who goes on settles for all what was cancelled until then. */
static bool goes_on_after_it(struct store *store, const struct chain_opts *o)
{
	struct reconcile_left left;
	int64_t last = 0;

	if (o->doubted || o->brief) {
		if (nobody_wants_us(store, o, &last))
			return false;
	} else if (store->db && !reconcile_left(store, &left, NULL)) {
		last = left.last;
	}
	if (last)
		db_setting_set_int(store->db, STOPPING_SETTLED, last, NULL);
	return true;
}

/* The command may take weeks, in which the database may be moved or replaced: it is not kept open. */
static void close_again(struct store *store, bool was_open)
{
	if (was_open)
		return;
	db_close(store->db);
	store->db = NULL;
}

bool chain_wanted(struct store *store)
{
	const struct chain_opts o = {.doubted = true};
	const bool open = store->db != NULL;
	int64_t last;
	bool wanted = (open || !store_open(store, NULL)) && !nobody_wants_us(store, &o, &last);

	close_again(store, open);
	return wanted;
}

/* What could not be told at once outlives a crash of the host, too. */
static void keep_event(struct store *store, const struct chain_opts *o)
{
	struct err err = {0};

	if (o->event && spool_event_sync(store->spool, o->event, &err))
		say(o, err.msg);
}

/* Until what nobody submits for is over; and then, whether there is anything left to do. */
static bool hangs_after_all(struct store *store, const struct chain_opts *o, struct queue_opts *q,
			    struct tried *tried)
{
	bool ours, hangs;
	int lock = -1;
	int64_t last;

	if (o->doubted && nobody_wants_us(store, o, &last))
		return false;
	ours = outlast(store, o, tried, &lock);
	q->no_claim = false;
	hangs = ours && !tried->cancelled && goes_on_after_it(store, o) &&
		hangs_on_us(store, o, q, tried);
	if (ours) /* not before: status is to see it until something is submitted */
		spool_unlock(lock);
	return hangs;
}

/* Where all that ran left just as scancel's signals came, what they submitted after it had made its list would go on, and
 * nobody would have a word against that. What was pending shows it. Not where somebody has looked so lately, in ms. */
static void look_for_scancel(struct store *store, int64_t lately)
{
	struct spool *sp = store->spool;
	struct reconcile_left left;

	if (!spool_mark_older(sp, "looked", lately) ||
	    !spool_mark_older(sp, SPOOL_NO_ANSWER, SPOOL_NO_ANSWER_MS) ||
	    (!store->db && store_open(store, NULL)))
		return;
	spool_mark(sp, "looked");
	if (!reconcile_left(store, &left, NULL) && left.cut_ms >= 0)
		stopping_found(sp, left.cut_ms);
}

/* Since when Slurm has it; since when it may have it. */
static int64_t made_ago(struct spool *sp, uint64_t submission)
{
	int64_t age = ticket_taken_age(sp, submission);

	return age < 0 ? ticket_age(sp, submission) : age;
}

/* Of the caller's job, where it runs; 0: it does not. */
static uint64_t our_submission(const struct spool_list *running)
{
	struct who me;

	who_self(&me);
	for (size_t i = 0; i < running->n; i++)
		if (running->v[i].who.slurm_id == me.slurm_id)
			return running->v[i].submission;
	return 0;
}

/* None runs that was made well before, and would have been told. */
static bool is_oldest(struct spool *sp, const struct spool_list *running, int64_t made)
{
	for (size_t i = 0; i < running->n; i++)
		if (made_ago(sp, running->v[i].submission) >= made + OLDER_MS)
			return false;
	return true;
}

void chain_look(struct store *store, uint64_t submission)
{
	const bool open = store->db != NULL;
	struct spool *sp = store->spool;
	struct spool_list l;
	int64_t made;

	if ((submission && !ticket_older(sp, submission, OLDER_MS)) ||
	    spool_scan(sp, SPOOL_RUNNING, &l, NULL))
		return;
	if (!submission)
		submission = our_submission(&l);
	made = submission ? made_ago(sp, submission) : -1;
	if (made >= 0 && is_oldest(sp, &l, made))
		look_for_scancel(store, made);
	close_again(store, open);
	spool_list_release(&l);
}

enum chain_outcome chain_end(struct store *store, const struct chain_opts *o)
{
	struct queue_opts q = {.caller = QUEUE_CHAIN,
			       .max = -1,
			       .no_claim = !o->refill || o->doubted,
			       .gate_ms = o->gate_ms,
			       .mine = o->event,
			       .say = o->say,
			       .say_arg = o->say_arg};

	struct tried tried = {0};
	bool hangs = hangs_on_us(store, o, &q, &tried);

	keep_event(store, o);
	if (o->refill && o->brief && !o->doubted && !tried.held)
		look_for_scancel(store, LOOK_MS);
	if (o->refill && (o->doubted || tried.held))
		hangs = hangs_after_all(store, o, &q, &tried);
	if (hangs && o->refill && !queue_owner_stops(store))
		stay(store, o, &q, &tried);
	if (tried.submitted)
		return CHAIN_SUBMITTED;
	return tried.busy && !tried.cancelled ? CHAIN_BUSY : CHAIN_NOTHING;
}
