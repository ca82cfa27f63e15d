#include "chain.h"

#include <signal.h>
#include <string.h>

#include "clock.h"
#include "proc.h"
#include "reconcile.h"

enum { STAY_MOST_MS = 60 * 1000 };

static void say(const struct chain_opts *o, const char *text)
{
	if (o->say)
		o->say(o->say_arg, text);
}

/* Wait; false where Slurm wants us to end. */
static bool pause_ms(int64_t ms)
{
	int64_t end = clock_mono_ms() + ms, left;

	while ((left = end - clock_mono_ms()) > 0)
		if (proc_signal_wait((int)left) == SIGTERM)
			return false;
	return true;
}

/* No other task of ours runs or may start: where the database can't be asked, the files tell. */
static bool alone(struct store *store)
{
	static const enum spool_folder folders[] = {SPOOL_READY, SPOOL_RUNNING};
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		struct spool_list l;

		if (!spool_scan(store->spool, folders[i], &l, NULL))
			n += l.n;
		spool_list_release(&l);
	}
	return !n;
}

/* One try. True where the chain hangs on the caller. */
static bool hangs_on_us(struct store *store, const struct chain_opts *o, struct queue_opts *q)
{
	struct queue_result r = {0};
	struct err err = {0};
	bool hangs;
	int rc = store->db ? 0 : store_open(store, &err);

	if (!rc)
		rc = queue_fill(store, q, &r, &err);
	if (rc) {
		say(o, err.msg);
		/* a database that was damaged does not mend by waiting */
		hangs = err.status != ERR_USAGE && alone(store);
	} else {
		hangs = !r.confirmed && (r.pending || r.in_flight) && r.limit != 1 &&
			(r.stop == QUEUE_LIMITED || r.stop == QUEUE_BACKOFF ||
			 r.stop == QUEUE_UNCLEAR);
		/* a job's log is its owner's: of the chain, what went wrong. A limit is no trouble */
		if (r.text && *r.text && r.stop != QUEUE_LIMITED && r.stop != QUEUE_REFUSED)
			say(o, r.text);
		if (r.stop == QUEUE_GATE && q->mine &&
		    spool_has(store->spool, SPOOL_SPOOL, q->mine))
			say(o, "another slurmq holds the gate: what this job has to tell lies in "
			       "spool/ until the next one tells it");
	}
	queue_result_release(&r);
	return hangs;
}

static void stay(struct store *store, const struct chain_opts *o, struct queue_opts *q)
{
	int64_t wait = o->stay_ms;
	int lock;

	if (spool_lock(store->spool, "last", &lock, NULL))
		return; /* somebody else does */
	say(o, "nothing else would go on with the chain: staying until something is submitted");
	q->mine = NULL;
	while (pause_ms(wait)) {
		struct reconcile_result seen;
		struct err err = {0};

		if (store->db && reconcile(store, wait, &seen, &err))
			say(o, err.msg);
		if (!hangs_on_us(store, o, q))
			break;
		wait = wait * 2 < STAY_MOST_MS ? wait * 2 : STAY_MOST_MS;
	}
	spool_unlock(lock);
}

void chain_end(struct store *store, const struct chain_opts *o)
{
	struct queue_opts q = {.caller = QUEUE_CHAIN,
			       .max = -1,
			       .no_claim = !o->refill,
			       .gate_ms = o->gate_ms,
			       .mine = o->event,
			       .say = o->say,
			       .say_arg = o->say_arg};

	if (hangs_on_us(store, o, &q) && o->refill)
		stay(store, o, &q);
}
