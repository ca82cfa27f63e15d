/* slurmq wait - waits until jobs are over, without asking Slurm */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/needs.h"
#include "cmd/notify.h"
#include "chain/health.h"
#include "chain/ingest.h"
#include "lib/clock.h"
#include "store/folder.h"

struct args {
	struct select_args select;
	int64_t timeout;
	bool any_failed, json;
};

enum {
	PAUSE_MS = 2000,
	/* A pause lasts so many times as long as the look before it: a wait for many jobs costs less
	 * than a hundredth of a processor, too. */
	PAUSE_COST = 100,
	SIGN_MS = 60 * 1000, /* how often the signs of life of the chain are read */
};

/* The jobs of one sweep that are waited for. */
struct tally {
	char *sweep;
	int64_t counts[JOB_NSTATES];
};

struct watch {
	struct cmd_ctx *ctx;
	struct db_select jobs; /* no condition changes while jobs run */
	struct tally *tallies;
	size_t n;
	int64_t counts[JOB_NSTATES], total, over;
	struct strs outbox; /* what outbox/ held at the last look */
	int64_t sign_at;    /* monotonic ms of the last reading of sign; 0: never */
	enum health_sign sign;
	struct strs obstacles; /* why none of the jobs goes on; none: they do */
};

enum verdict { GOES_ON, ALL_COMPLETED, SOME_FAILED, STUCK, DELETED };

static void forget_tallies(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->tallies[i].sweep);
	free(w->tallies);
	w->tallies = NULL;
	w->n = 0;
	w->total = w->over = 0;
	memset(w->counts, 0, sizeof(w->counts));
}

static void watch_release(struct watch *w)
{
	forget_tallies(w);
	db_select_release(&w->jobs);
	strs_release(&w->outbox);
	strs_release(&w->obstacles);
}

static int64_t count_in_flight(const int64_t *counts)
{
	return counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
}

/* ---- the jobs ---- */

/* Replaces conditions that jobs meet only for a time, such as a state, by the ids of the jobs that meet
 * them now. Sets *none if there are none. */
static int fix_selection(struct watch *w, struct selection *sel, bool *none, struct err *err)
{
	struct db *db = w->ctx->store->db;
	struct ids ids = {0};
	int rc = 0;

	*none = false;
	if (!sel->jobs.states && !sel->jobs.reasons && !sel->jobs.expr) {
		w->jobs = sel->jobs;
		memset(&sel->jobs, 0, sizeof(sel->jobs));
		return 0;
	}
	rc = db_jobs_ids(db, &sel->jobs, &ids, err);
	for (size_t i = 0, k; i < ids.n && !rc; i = k) {
		for (k = i + 1; k < ids.n && ids.v[k] == ids.v[k - 1] + 1; k++)
			;
		db_ranges_add(&w->jobs.ids, ids.v[i], ids.v[k - 1]);
	}
	*none = !ids.n;
	ids_release(&ids);
	return rc;
}

static int add_tally(void *arg, const char *const *values, const int64_t *counts)
{
	struct watch *w = arg;
	struct tally *t;

	w->tallies = mem_grow(w->tallies, w->n + 1, sizeof(*w->tallies));
	t = &w->tallies[w->n++];
	t->sweep = mem_strdup(values[0]);
	memcpy(t->counts, counts, sizeof(t->counts));
	for (int i = 0; i < JOB_NSTATES; i++) {
		w->counts[i] += counts[i];
		w->total += counts[i];
	}
	w->over = w->counts[JOB_COMPLETED] + w->counts[JOB_FAILED] + w->counts[JOB_CANCELLED];
	return 0;
}

static bool has_sweep(const struct db_select *s, int64_t id)
{
	for (size_t i = 0; i < s->nsweeps; i++)
		if (s->sweeps[i] == id)
			return true;
	return !s->nsweeps;
}

/* Counts the jobs by sweep and state. For whole sweeps the counters of the database serve. */
static int count_jobs(struct watch *w, struct err *err)
{
	const struct db_field by = {.kind = FIELD_SWEEP};
	struct db *db = w->ctx->store->db;
	struct db_sweep *v;
	size_t n;

	forget_tallies(w);
	if (w->jobs.ids.n)
		return db_jobs_group(db, &w->jobs, &by, 1, add_tally, w, err);
	if (db_sweeps(db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (has_sweep(&w->jobs, v[i].id))
			add_tally(w, (const char *const[]){v[i].name}, v[i].counts);
	db_sweeps_free(v, n);
	return 0;
}

/* ---- why none of them goes on ---- */

static bool has_jobs(const struct watch *w, const char *sweep, int state)
{
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->tallies[i].sweep, sweep))
			return w->tallies[i].counts[state] > 0;
	return false;
}

/* Counts the jobs that are pending and not of a paused sweep. */
static int count_work(const struct watch *w, int64_t *work, struct err *err)
{
	int rc = 0;

	*work = 0;
	for (size_t i = 0; i < w->n && rc >= 0; i++) {
		struct db_sweep s = {0};

		rc = db_sweep_find(w->ctx->store->db, w->tallies[i].sweep, &s, err);
		if (!s.paused)
			*work += w->tallies[i].counts[JOB_PENDING];
		db_sweep_release(&s);
	}
	return rc < 0 ? -1 : 0;
}

/* Returns whether a person must act before such jobs start. The site repairs nodes and partitions. */
static bool is_blocking(enum slurm_wait kind)
{
	return kind != WAIT_ENDS && kind != WAIT_NODE_DOWN && kind != WAIT_PARTITION;
}

/* Returns whether every job in Slurm waits there for a person. */
static bool is_all_blocked(const struct health *h, const int64_t *counts)
{
	size_t blocked = 0;

	for (size_t i = 0; i < h->nwaits; i++)
		if (is_blocking(h->waits[i].kind))
			blocked += h->waits[i].njobs;
	return blocked && (int64_t)blocked == count_in_flight(counts);
}

/* Returns whether a need is a reason for which the jobs do not go on. */
static bool is_obstacle(const struct watch *w, const struct health_need *n)
{
	switch (n->kind) {
	case NEED_FAILED:
	case NEED_NODES:
	case NEED_MANY_NODES:
	case NEED_SENTINEL:
		return false;
	case NEED_REFUSED:
	case NEED_HELD:
	case NEED_VALUE:
		return has_jobs(w, n->sweep, JOB_HELD);
	case NEED_RESUME_SWEEP:
		return has_jobs(w, n->sweep, JOB_PENDING);
	case NEED_WAITS:
		return is_blocking(n->wait->kind);
	default:
		return true;
	}
}

static void add_sign(struct watch *w)
{
	if (w->sign == SIGN_RUNNING)
		strs_add(&w->obstacles,
			 "jobs are running as far as is known, but none has reported "
			 "for 20 minutes: slurmq status asks Slurm for them");
	else if (w->sign == SIGN_CANCELLED)
		strs_add(&w->obstacles,
			 "jobs were cancelled in Slurm, and none is left to decide whether the "
			 "queue stops: slurmq status decides it");
}

/* Returns whether none of the jobs goes on by itself. work: how many can be submitted. */
static bool is_stuck(const struct watch *w, const struct health *h, const int64_t *counts,
		     int64_t work)
{
	if (w->sign == SIGN_RUNNING || w->sign == SIGN_CANCELLED)
		return true;
	if (count_in_flight(w->counts))
		return h->state == CHAIN_STALLED ? w->sign == SIGN_STALLED
						 : is_all_blocked(h, counts);
	if (!work || h->trial)
		return true;
	return h->state == CHAIN_STALLED ? w->sign == SIGN_STALLED : h->state != CHAIN_ALIVE;
}

/* Reads whether the jobs go on, and if not, why. */
static int find_obstacles(struct watch *w, struct err *err)
{
	struct store *store = w->ctx->store;
	int64_t counts[JOB_NSTATES], work, now = clock_mono_ms();
	struct health h;
	int rc = health_read(store, &h, err);

	if (!rc)
		rc = db_counts(store->db, counts, err);
	if (!rc)
		rc = count_work(w, &work, err);
	if (!rc && (!w->sign_at || now - w->sign_at >= SIGN_MS)) {
		w->sign = health_sign(store, &h, counts);
		w->sign_at = now;
	}
	if (!rc && is_stuck(w, &h, counts, work)) {
		add_sign(w);
		for (size_t i = 0; i < h.nneeds; i++)
			if (is_obstacle(w, &h.needs[i]))
				needs_add_lines(&h.needs[i], &w->obstacles);
		if (!w->obstacles.n)
			strs_add(&w->obstacles, "slurmq status shows why");
	}
	health_release(&h);
	return rc;
}

/* ---- one look ---- */

/* Ingests the outbox if a record was there at the last look, too. A job that ends ingests its own
 * record and submits the next jobs in the same transaction, so this process must not be faster. */
static void ingest_left(struct watch *w)
{
	struct store *store = w->ctx->store;
	struct strs now = {0};
	bool left = false;

	if (!folder_file_names(store->folder, "outbox", &now, NULL))
		for (size_t i = 0; i < now.n && !left; i++)
			left = strs_has(&w->outbox, now.v[i]);
	strs_release(&w->outbox);
	w->outbox = now;
	if (left) /* if it fails, the next look tries again */
		ingest_now(store, NULL);
	if (left)
		notify_events(w->ctx, store);
}

static enum verdict judge(const struct watch *w, bool any_failed)
{
	if (!w->total)
		return DELETED;
	if (w->over == w->total || (any_failed && w->over > w->counts[JOB_COMPLETED]))
		return w->counts[JOB_COMPLETED] == w->over ? ALL_COMPLETED : SOME_FAILED;
	return w->obstacles.n ? STUCK : GOES_ON;
}

/* Opens the database again, which may have been moved or replaced. Returns 0, DB_NONE if the folder
 * is gone, or -1. */
static int reopen(struct store *store, struct err *err)
{
	db_close(store->db);
	store->db = NULL;
	if (folder_is_removed(store->folder))
		return DB_NONE;
	if (!store_open(store, err))
		return 0;
	return folder_is_removed(store->folder) || !folder_file_exists(store->folder, "id")
		       ? DB_NONE
		       : -1;
}

static int look(struct watch *w, bool any_failed, enum verdict *verdict, struct err *err)
{
	strs_release(&w->obstacles);
	ingest_left(w);
	if (count_jobs(w, err))
		return -1;
	*verdict = judge(w, any_failed);
	if (*verdict == GOES_ON && find_obstacles(w, err))
		return -1;
	if (*verdict == GOES_ON)
		*verdict = judge(w, any_failed);
	return 0;
}

/* ---- the result ---- */

static void add_counts(const int64_t *counts, struct buf *out)
{
	const char *separator = "";

	for (int i = 0; i < JOB_NSTATES; i++) {
		if (!counts[i])
			continue;
		buf_addf(out, "%s%" PRId64 " %s", separator, counts[i], job_state_name(i));
		separator = ", ";
	}
}

static void print_json(const struct watch *w, const char *result)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	json_str(&j, "result", result);
	json_int(&j, "jobs", w->total);
	json_open(&j, "counts", '{');
	for (int i = 0; i < JOB_NSTATES; i++)
		json_int(&j, job_state_name(i), w->counts[i]);
	json_close(&j);
	json_open(&j, "why", '[');
	for (size_t i = 0; i < w->obstacles.n; i++)
		json_str(&j, NULL, w->obstacles.v[i] + strspn(w->obstacles.v[i], " "));
	json_close(&j);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
}

/* Sets err to ERR_AGAIN: some of the jobs are not over. */
static int refuse_rest(const struct watch *w, const char *why, struct err *err)
{
	struct buf text = {0};

	buf_addf(&text, "%s: %" PRId64 " of %" PRId64 " %s %s not over (", why, w->total - w->over,
		 w->total, w->total == 1 ? "job" : "jobs", w->total - w->over == 1 ? "is" : "are");
	add_counts(w->counts, &text);
	buf_addch(&text, ')');
	for (size_t i = 0; i < w->obstacles.n; i++)
		buf_addf(&text, "\n%s", w->obstacles.v[i]);
	err_set(err, ERR_AGAIN, "%s", buf_str(&text));
	buf_release(&text);
	return -1;
}

static void print_over(const struct watch *w)
{
	struct buf text = {0};

	buf_addf(&text, "%" PRId64 " of %" PRId64 " %s %s over: ", w->over, w->total,
		 w->total == 1 ? "job" : "jobs", w->over == 1 ? "is" : "are");
	add_counts(w->counts, &text);
	if (w->counts[JOB_FAILED])
		buf_addstr(&text, "; slurmq list -s failed");
	cmd_print(w->ctx, "%s", buf_str(&text));
	buf_release(&text);
}

static int end_wait(struct watch *w, const struct args *args, enum verdict verdict, struct err *err)
{
	static const char *const results[] = {[GOES_ON] = "timeout",
					      [ALL_COMPLETED] = "completed",
					      [SOME_FAILED] = "failed",
					      [STUCK] = "stuck",
					      [DELETED] = "deleted"};

	if (args->json)
		print_json(w, results[verdict]);
	else if (verdict == ALL_COMPLETED || verdict == SOME_FAILED)
		print_over(w);
	switch (verdict) {
	case ALL_COMPLETED:
		return 0;
	case SOME_FAILED:
		return ERR_FAILED;
	case STUCK:
		return refuse_rest(w, "nothing goes on by itself", err);
	case DELETED:
		return err_set(err, ERR_AGAIN, "the jobs, or their folder '%s', were deleted",
			       w->ctx->store->dir);
	default:
		return refuse_rest(w, "timeout", err);
	}
}

/* end: monotonic ms of the end of the time limit. */
static int wait_for_jobs(struct watch *w, const struct args *args, int64_t end, struct err *err)
{
	enum verdict verdict = GOES_ON;

	for (bool first = true;; first = false) {
		int64_t began = clock_mono_ms(), now, pause;
		int rc = look(w, args->any_failed, &verdict, err);

		if (rc && err->status != ERR_AGAIN)
			return -1;
		if (first && verdict == DELETED)
			return err_set(err, ERR_FAILED, "no jobs yet: slurmq expand FILE");
		now = clock_mono_ms();
		if (verdict != GOES_ON || now >= end)
			return end_wait(w, args, verdict, err);
		pause = (now - began) * PAUSE_COST;
		pause = pause < PAUSE_MS ? PAUSE_MS : pause;
		clock_sleep_ms(pause < end - now ? pause : end - now);
		rc = reopen(w->ctx->store, err);
		if (rc == DB_NONE) {
			forget_tallies(w);
			return end_wait(w, args, DELETED, err);
		}
		if (rc)
			return -1;
	}
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct watch w = {.ctx = ctx};
	struct selection sel = {0};
	int64_t end = args->timeout ? clock_mono_ms() + args->timeout : INT64_MAX;
	bool none = false;
	int rc = selection_parse(ctx->store->db, argc, argv, &args->select, &sel, err);

	if (!rc)
		rc = fix_selection(&w, &sel, &none, err);
	if (!rc && none && args->json)
		print_json(&w, "completed");
	else if (!rc && none)
		cmd_print(ctx, "nothing to wait for: no such jobs");
	else if (!rc)
		rc = wait_for_jobs(&w, args, end, err);
	selection_release(&sel);
	watch_release(&w);
	return rc;
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_TIME(0, "timeout", "TIME", "wait at most so long, such as 30m", struct args, timeout, 1,
		 INT64_MAX / 2),
	OPT_FLAG(0, "any-failed", "end as soon as one job has failed", struct args, any_failed),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_wait = {
	.name = "wait",
	.args = "[SELECTOR...] [-s STATE] [--timeout TIME] [--any-failed]",
	.summary = "wait until jobs are over",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
