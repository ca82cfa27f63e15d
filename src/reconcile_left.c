/* reconcile_left.c - of the jobs of this folder, how many scancel has ended, and how many it has not. */
#include "reconcile_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "reconcile.h"
#include "stopping.h"

/* What was cancelled so long before the last one is another matter. */
enum {
	TOGETHER_MS = 15 * 1000,
	AT_ONCE_MS = 2 * 1000,
	MOST_LEFT = 4,		/* to one that was cancelled, where that was everything */
	BEFORE_MS = 3 * 1000,	/* scancel takes a while from its list on; of whole seconds */
	LATELY_MS = 60 * 1000,	/* with that much between two hosts' clocks nothing is found */
	SIGNALS_MS = 10 * 1000, /* what was claimed since was claimed after them */
};

static bool is_cancelled(const struct slurm_job *job)
{
	return !strcmp(job->state, "CANCELLED");
}

static int64_t since(struct store *store)
{
	int64_t attempt;

	return db_setting_int(store->db, STOPPING_FROM, 0, &attempt, NULL) ? 0 : attempt;
}

static int64_t settled(struct store *store)
{
	int64_t at;

	return db_setting_int(store->db, STOPPING_SETTLED, 0, &at, NULL) ? 0 : at;
}

static bool is_alive(const struct slurm_job *job)
{
	return slurm_state_active(job->state) && strcmp(job->state, "COMPLETING") != 0;
}

/* By the time that takes, whoever of them was meant has been ended. */
static bool outlived(const struct slurm_job *job, int64_t at)
{
	return job->submitted <= at &&
	       (is_alive(job) || (slurm_state_over(job->state) && !is_cancelled(job) &&
				  job->ended >= at + BEFORE_MS));
}

static int64_t last_cancelled(const struct seen_list *seen)
{
	int64_t at = 0;

	for (size_t i = 0; i < seen->n; i++)
		if (is_cancelled(seen->v[i].job) && seen->v[i].job->ended > at)
			at = seen->v[i].job->ended;
	return at;
}

/* What was over long before the last cancellation, anybody's, tells nothing: there may be thousands of it. */
static bool is_past(const struct slurm_job *job, int64_t last)
{
	return slurm_state_over(job->state) && !is_cancelled(job) &&
	       (!last || job->ended < last - LATELY_MS);
}

static bool is_settled(const struct slurm_job *job, int64_t settled)
{
	return is_cancelled(job) && job->ended && job->ended <= settled;
}

/* A cancelled job takes back what it had just submitted: none of those that its owner has cancelled. */
static bool is_taken_back(struct store *store, const struct slurm_job *job, uint64_t submission)
{
	bool unused;

	return is_cancelled(job) && !db_submission_unused(store->db, submission, &unused, NULL) &&
	       unused;
}

/* Another folder's jobs are no matter of ours, nor is what was cancelled by ourselves, or before a person's last word.
 * What that has submitted first is returned; 0: it is not among them. */
static uint64_t keep_ours(struct store *store, struct seen_list *seen)
{
	struct db_submission sub = {0};
	const int64_t at = last_cancelled(seen), from = since(store), done = settled(store);
	bool ours = false, now = false;
	uint64_t last = 0, by_hand = 0;
	size_t n = 0;

	for (size_t i = 0; i < seen->n; i++) {
		/* but as a task beside its array's line */
		if (is_past(seen->v[i].job, at) &&
		    !(n && seen->v[n - 1].submission == seen->v[i].submission))
			continue;
		/* several jobs in turn have the same submission: it is looked up once */
		if (seen->v[i].submission != last) {
			last = seen->v[i].submission;
			ours = !db_submission_get(store->db, last, &sub, NULL);
			now = sub.first >= from;
			by_hand = ours && from && sub.first == from ? last : by_hand;
			db_submission_release(&sub);
		}
		if (ours && (now || !is_cancelled(seen->v[i].job)) &&
		    !is_settled(seen->v[i].job, done) &&
		    !is_taken_back(store, seen->v[i].job, last))
			seen->v[n++] = seen->v[i];
	}
	seen->n = n;
	return by_hand;
}

/* So many jobs are the i-th line: of an array one line stands for all tasks that never began, and is its first. */
static int64_t jobs_of(struct store *store, const struct seen_list *seen, size_t i)
{
	struct db_submission sub = {0};
	int64_t n = 1;

	if (seen->v[i].task < 0 && !db_submission_get(store->db, seen->v[i].submission, &sub, NULL))
		n = sub.ntasks;
	db_submission_release(&sub);
	for (size_t k = i + 1;
	     n > 1 && k < seen->n && seen->v[k].submission == seen->v[i].submission; k++)
		n--;
	return n;
}

static void count(struct store *store, const struct seen_list *seen, int64_t at,
		  struct reconcile_left *out)
{
	uint64_t counted = 0;

	for (size_t i = 0; i < seen->n; i++) {
		const struct slurm_job *job = seen->v[i].job;

		if (is_cancelled(job) && job->ended >= at - TOGETHER_MS)
			out->cancelled += jobs_of(store, seen, i);
		out->outlived += outlived(job, at);
		if (!is_alive(job))
			continue;
		out->alive += counted != seen->v[i].submission;
		counted = seen->v[i].submission;
	}
}

/* The first of those that were cancelled with the one at that time. */
static int64_t first_cancelled(const struct seen_list *seen, int64_t at)
{
	int64_t first = at;

	for (size_t i = 0; i < seen->n; i++) {
		const struct slurm_job *job = seen->v[i].job;

		if (is_cancelled(job) && job->ended >= at - TOGETHER_MS && job->ended < first)
			first = job->ended;
	}
	return first;
}

/* Slurm had it well before, or from a person, and did not end it: it was not everything. */
static bool any_spared(const struct seen_list *seen, int64_t at, uint64_t by_hand)
{
	const int64_t first = first_cancelled(seen, at);

	for (size_t i = 0; i < seen->n; i++) {
		const struct slurm_job *job = seen->v[i].job;

		if (outlived(job, at) &&
		    (job->submitted <= first - BEFORE_MS || seen->v[i].submission == by_hand))
			return true;
	}
	return false;
}

static const struct slurm_job *sentinel(struct store *store, const struct slurm_jobs *jobs)
{
	int64_t id;

	if (db_setting_int(store->db, ".sentinel.job", 0, &id, NULL) || !id)
		return NULL;
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->v[i].id == (uint64_t)id)
			return &jobs->v[i];
	return NULL;
}

/* The sentinel waits beside them for a good while: whoever has cancelled it with them, and not with one of many, meant
 * everything. */
static bool sentinel_too(const struct slurm_job *sentinel, const struct seen_list *seen, int64_t at)
{
	return sentinel && is_cancelled(sentinel) &&
	       sentinel->ended >= first_cancelled(seen, at) - AT_ONCE_MS &&
	       sentinel->ended <= at + AT_ONCE_MS;
}

/* And whoever has left it did not. */
static bool sentinel_left(const struct slurm_job *sentinel, int64_t before)
{
	return sentinel && is_alive(sentinel) && sentinel->submitted <= before;
}

/* -1: that is too long ago to matter. */
static int64_t lately(int64_t ended)
{
	int64_t ago = clock_now_ms() - ended;

	return ago > LATELY_MS ? -1 : ago > 0 ? ago : 0;
}

/* What of a row's job is to be told apart. */
enum fate { FATE_OTHER, FATE_ALIVE, FATE_CANCELLED };

static enum fate fate(const struct seen_list *seen, const struct db_flight *f, int64_t *ended)
{
	const struct slurm_job *job = seen_find(seen, f);

	if (!job)
		job = seen_supposed(seen, f);
	*ended = job ? job->ended : 0;
	if (job && is_cancelled(job))
		return FATE_CANCELLED;
	return job && is_alive(job) ? FATE_ALIVE : FATE_OTHER;
}

/* Of the rows, most were cancelled at one moment, the last one, and told nobody. */
static bool most_unheard(const struct seen_list *seen, const struct db_flight *v, size_t n)
{
	int64_t cancelled = 0, alive = 0, last = 0, ended;

	for (size_t i = 0; i < n; i++)
		if (fate(seen, &v[i], &ended) == FATE_CANCELLED && ended > last)
			last = ended;
	for (size_t i = 0; i < n; i++) {
		enum fate f = fate(seen, &v[i], &ended);

		cancelled += f == FATE_CANCELLED && ended >= last - AT_ONCE_MS;
		alive += f == FATE_ALIVE;
	}
	return cancelled >= 2 && cancelled > alive;
}

/* squeue shows none that counts: either none was cancelled, or that is settled, or it has forgotten them (slurm.conf(5),
 * MinJobAge). The rows have them, with times of many hosts' clocks; those that never began were found some minutes
 * later. */
static void remember(struct store *store, const struct seen_list *seen,
		     const struct slurm_job *sentinel, struct reconcile_left *out)
{
	struct db_since from = {.attempt = since(store)};
	int64_t first, last, now = clock_now_ms();
	bool lived;

	if (!stopping_when(store->spool, &first, &last))
		return;
	from.cancelled = now - first - LATELY_MS;
	from.lived = now - last + SIGNALS_MS;
	from.claimed = now - first - BEFORE_MS;
	out->spared |=
		sentinel_left(sentinel, from.claimed) || settled(store) >= now - last - BEFORE_MS;
	for (size_t i = 0; i < seen->n; i++)
		out->spared |=
			is_alive(seen->v[i].job) && seen->v[i].job->submitted <= from.claimed;
	if (!db_cancelled_since(store->db, &from, &out->cancelled, &lived, NULL))
		out->spared |= lived;
}

static void left_count(struct store *store, const struct slurm_jobs *jobs,
		       const struct db_flight *v, size_t n, struct reconcile_left *out)
{
	const struct slurm_job *waits = sentinel(store, jobs);
	struct seen_list seen = {0};
	uint64_t by_hand;
	int64_t at;
	bool unheard;

	seen_index(&seen, jobs, v, n);
	unheard = most_unheard(&seen, v, n);
	by_hand = keep_ours(store, &seen);
	at = last_cancelled(&seen);
	count(store, &seen, at, out);
	out->last = at;
	out->spared = any_spared(&seen, at, by_hand) ||
		      (at && sentinel_left(waits, first_cancelled(&seen, at) - BEFORE_MS));
	if (!out->cancelled)
		remember(store, &seen, waits, out);
	out->all = out->cancelled > 0 && out->outlived <= MOST_LEFT * out->cancelled &&
		   !out->spared && sentinel_too(waits, &seen, at);
	if (out->all || (unheard && !out->spared))
		out->cut_ms = lately(at);
	/* of one that has told its own end it is the last of it */
	for (size_t i = 0; i < n; i++) {
		const struct slurm_job *job = seen_find(&seen, &v[i]);

		out->cancelled += job && !strcmp(job->state, "COMPLETING");
	}
	free(seen.v);
}

int reconcile_left(struct store *store, struct reconcile_left *out, struct err *err)
{
	struct slurm_jobs jobs = {0};
	struct db_flight *v = NULL;
	size_t n = 0;
	int rc;

	*out = (struct reconcile_left){.cut_ms = -1};
	rc = slurm_squeue((uint64_t)geteuid(), &jobs, err) || db_flights(store->db, &v, &n, err);
	if (!rc)
		left_count(store, &jobs, v, n, out);
	free(v);
	slurm_jobs_release(&jobs);
	return rc ? -1 : 0;
}
