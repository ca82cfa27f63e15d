#include "chain/sentinel.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/cancel.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "chain/limits.h"
#include "chain/limit_group.h"
#include "chain/reconcile.h"
#include "chain/submission.h"
#include "store/setting.h"
#include "slurm/slurm.h"
#include "store/folder.h"
#include "store/state.h"

enum {
	SLACK_MS = 60 * 1000,
	LOCK_MS = 10 * 1000,
	STAY_FIRST_MS = 2000,
	STAY_MOST_MS = 60 * 1000,
};

static void report_text(fill_say *say, void *arg, const char *text)
{
	if (say)
		say(arg, text);
}

static char *make_job_name(struct store *store)
{
	struct buf id = {0};
	char *name = NULL;

	if (!folder_file_get(store->folder, "id", &id, NULL) && id.len >= 8)
		name = mem_printf("slurmq-sentinel.%.8s", id.s);
	buf_release(&id);
	return name;
}

/* ---- stored state of the sentinel ---- */

static int store_sentinel(struct store *store, uint64_t job, int64_t begin, int held,
			  const char *refused, struct err *err)
{
	struct db *db = store->db;

	if (db_begin(db, err))
		return -1;
	if (state_set_int(db, STATE_SENTINEL_AT, clock_now_ms(), err) ||
	    state_set_int(db, STATE_SENTINEL_JOB, (int64_t)job, err) ||
	    state_set_int(db, STATE_SENTINEL_BEGIN, begin, err) ||
	    (held ? state_set_int(db, STATE_SENTINEL_HELD, held, err)
		  : state_unset_int(db, STATE_SENTINEL_HELD, err)) ||
	    (refused ? state_set_text(db, STATE_SENTINEL_REFUSED, refused, err)
		     : state_unset_text(db, STATE_SENTINEL_REFUSED, err)) ||
	    db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

static int clear_sentinel(struct store *store, struct err *err)
{
	struct db *db = store->db;

	if (db_begin(db, err))
		return -1;
	if (state_unset_int(db, STATE_SENTINEL_AT, err) ||
	    state_unset_int(db, STATE_SENTINEL_JOB, err) ||
	    state_unset_int(db, STATE_SENTINEL_HELD, err) ||
	    state_unset_int(db, STATE_SENTINEL_BEGIN, err) || db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

/* Decides whether a sentinel is needed. */
struct need {
	bool work;     /* a job can be claimed or is in flight, no pause and no trial */
	int64_t every; /* seconds between sentinels; 0: no sentinel is wanted */
	int64_t at;    /* last time the sentinel was seen or tried, ms; 0: never */
};

static int read_need(struct store *store, struct need *n, struct err *err)
{
	int64_t counts[JOB_NSTATES], work, paused, trial;
	struct limits limit = {0};
	int rc = -1;

	if (!db_counts(store->db, counts, err) && !db_count_work(store->db, &work, err) &&
	    !state_get_int(store->db, STATE_PAUSED, &paused, err) &&
	    !state_get_int(store->db, STATE_TRIAL, &trial, err) &&
	    !state_get_int(store->db, STATE_SENTINEL_AT, &n->at, err) &&
	    !limits_get(store, &limit, err) &&
	    !limits_sentinel_s(store, limit.jobs, &n->every, err))
		rc = 0;
	limits_release(&limit);
	if (!rc)
		n->work = !paused && !trial &&
			  work + counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING] >
				  0;
	return rc;
}

/* ---- the sentinel in Slurm ---- */

static bool is_waiting(const struct slurm_job *job)
{
	return slurm_state_active(job->state) && strcmp(job->state, "RUNNING") != 0 &&
	       strcmp(job->state, "COMPLETING") != 0;
}

/* Returns the Slurm job that this process runs in, or 0 outside a job. */
static uint64_t get_own_job(void)
{
	const char *mine = getenv("SLURM_JOB_ID");

	return mine ? strtoull(mine, NULL, 10) : 0;
}

/* Returns whether the site holds the job because it could not begin, or because of how it ended.
 * Such a job never ends, and a successor would wait for it for ever. */
static bool is_stuck(const struct slurm_job *job)
{
	return strstr(job->reason, "requeued held") || strstr(job->reason, "requeued in held") ||
	       strstr(job->reason, "requeued_held") || !strcmp(job->reason, "JobHoldMaxRequeue") ||
	       !strcmp(job->reason, "DependencyNeverSatisfied");
}

/* Returns the cause of the sentinel's hold, or 0 (reasons of squeue(1), JOB REASON CODES). A held
 * sentinel stays in Slurm, because a person does not want it to begin. slurmq status reports the
 * hold, so that the user does not rely on the sentinel. */
static int get_holder(const struct slurm_job *job)
{
	return !strcmp(job->reason, "JobHeldUser")    ? SENTINEL_HELD_USER
	       : !strcmp(job->reason, "JobHeldAdmin") ? SENTINEL_HELD_ADMIN
						      : 0;
}

/* The sentinels in Slurm, without the calling one. */
struct sight {
	struct strs waiting; /* their Slurm ids */
	int held;	     /* the cause if one of these is held, else 0 */
	bool runs;
};

/* Queries Slurm for sentinels. Cancels stuck ones and does not count them. Returns 0, or -1 with
 * err. The caller releases sight->waiting. */
static int find_sentinels(struct store *store, struct sight *sight, struct err *err)
{
	uint64_t own = get_own_job();
	struct strs stuck = {0};
	char *name = make_job_name(store);
	struct slurm_jobs jobs = {0};
	int rc;

	memset(sight, 0, sizeof(*sight));
	if (!name)
		return err_set(err, ERR_FAILED, "cannot read '%s/id'", store->dir);
	rc = slurm_squeue((uint64_t)geteuid(), &jobs, err);
	for (size_t i = 0; i < jobs.n && !rc; i++) {
		const struct slurm_job *job = &jobs.v[i];

		if (strcmp(job->name, name) != 0 || job->id == own)
			continue;
		if (is_waiting(job)) {
			strs_addf(is_stuck(job) ? &stuck : &sight->waiting, "%" PRIu64, job->id);
			sight->held = sight->held ? sight->held : get_holder(job);
		} else if (slurm_state_active(job->state)) {
			sight->runs = true;
		}
	}
	if (!rc && stuck.n)
		rc = slurm_scancel(&stuck, err);
	strs_release(&stuck);
	slurm_jobs_release(&jobs);
	free(name);
	return rc;
}

bool sentinel_waits(struct store *store)
{
	struct sight sight = {0};
	bool found;
	int64_t at;

	found = !state_get_int(store->db, STATE_SENTINEL_AT, &at, NULL) && at &&
		!find_sentinels(store, &sight, NULL) && sight.waiting.n && !sight.held;
	strs_release(&sight.waiting);
	return found;
}

int sentinel_count(struct store *store, int64_t *n, struct err *err)
{
	struct sight sight = {0};
	int rc = find_sentinels(store, &sight, err);

	*n = (int64_t)sight.waiting.n + sight.runs;
	strs_release(&sight.waiting);
	return rc;
}

/* Records the first waiting sentinel. Its begin time is kept if the job is the recorded one. */
static int note_waiting(struct store *store, const struct sight *sight, struct err *err)
{
	int64_t begin = 0, job = 0;
	uint64_t seen = strtoull(sight->waiting.v[0], NULL, 10);

	if (state_get_int(store->db, STATE_SENTINEL_JOB, &job, err) ||
	    ((uint64_t)job == seen && state_get_int(store->db, STATE_SENTINEL_BEGIN, &begin, err)))
		return -1;
	return store_sentinel(store, seen, begin, sight->held, NULL, err);
}

void sentinel_check(struct store *store)
{
	struct sight sight = {0};
	int64_t at, held;

	if (!state_get_int(store->db, STATE_SENTINEL_AT, &at, NULL) && at &&
	    !state_get_int(store->db, STATE_SENTINEL_HELD, &held, NULL) &&
	    !find_sentinels(store, &sight, NULL)) {
		if (!sight.waiting.n && !sight.runs)
			clear_sentinel(store, NULL);
		else if (sight.waiting.n && sight.held != held)
			note_waiting(store, &sight, NULL);
	}
	strs_release(&sight.waiting);
}

/* One sbatch of the sentinel, and the memory that its pointers refer to. */
struct order {
	struct strs env, options;
	char *name, *output, *script;
	struct slurm_submission s;
};

static void order_release(struct order *o)
{
	strs_release(&o->env);
	strs_release(&o->options);
	free(o->name);
	free(o->output);
	free(o->script);
	memset(o, 0, sizeof(*o));
}

/* Prepares the sentinel's sbatch like the last submission: same account, partition, QOS,
 * environment and binary. memory: request little memory, because a site's default may be a whole
 * node. Returns 0, DB_NONE before the first submission, or -1. The caller releases *o. */
static int prepare_order(struct store *store, int64_t every, bool memory, struct order *o,
			 struct err *err)
{
	struct db_submission last;
	char *more = NULL, *log;
	int rc = db_submission_newest(store->db, &last, err);

	memset(o, 0, sizeof(*o));
	if (rc)
		return rc;
	if (!submission_environment_get(store, last.version, &o->env, &o->options, err) &&
	    state_get_text(store->db, STATE_SENTINEL_SBATCH, &more, err) >= 0)
		rc = 0;
	else
		rc = -1;
	limit_group_options(last.limit_group, &o->options);
	strs_add(&o->options, "--ntasks=1");
	strs_add(&o->options, "--time=30");
	if (memory)
		strs_add(&o->options, "--mem=256M");
	setting_words(more, &o->options);
	strs_addf(&o->options, "--begin=now+%" PRId64, every);
	strs_add(&o->options, "--dependency=singleton");
	o->name = make_job_name(store);
	log = store_path(store, "logs/sentinel.log");
	o->output = submission_output_escape(log);
	free(log);
	o->script = submission_script_make(store, last.version, &o->env, "", "the sentinel",
					   "chain --sentinel");
	o->s = (struct slurm_submission){.name = o->name,
					 .ntasks = 1,
					 .output = o->output,
					 .chdir = store->root,
					 .options = (const char *const *)o->options.v,
					 .requeue = true,
					 .script = o->script,
					 .envp = (const char *const *)o->env.v};
	db_submission_release(&last);
	free(more);
	return rc ? -1 : o->name ? 0 : err_set(err, ERR_FAILED, "cannot read '%s/id'", store->dir);
}

static int submit_order(struct store *store, int64_t every, bool memory, struct slurm_reply *reply,
			struct err *err)
{
	struct order o;
	int rc = prepare_order(store, every, memory, &o, err);

	memset(reply, 0, sizeof(*reply));
	if (!rc)
		slurm_sbatch(&o.s, reply);
	order_release(&o);
	return rc;
}

static void report_refusal(fill_say *say, void *arg, const char *words)
{
	char *line = mem_printf("sbatch refused the sentinel: %s (set other options: slurmq config "
				"sentinel.sbatch)",
				words);

	report_text(say, arg, line);
	free(line);
}

/* Submits a sentinel. The caller holds the lock, and Slurm has no sentinel. Returns 0 if sbatch
 * accepted it, DB_NONE if not, or -1 with err. A refusal is reported with say. */
static int submit_sentinel(struct store *store, int64_t every, fill_say *say, void *arg,
			   struct err *err)
{
	struct slurm_reply reply;
	int rc;

	folder_mark(store->folder, SENTINEL_MARK);
	rc = submit_order(store, every, true, &reply, err);
	if (!rc && reply.answer == SLURM_REFUSED) {
		slurm_reply_release(&reply);
		rc = submit_order(store, every, false, &reply, err);
	}
	if (rc) {
		slurm_reply_release(&reply);
		return rc;
	}
	if (reply.answer == SLURM_ACCEPTED) {
		rc = store_sentinel(store, reply.job, clock_now_ms() + every * 1000, 0, NULL, err);
	} else {
		char *text = mem_printf("%s", reply.text);

		text[strcspn(text, "\n")] = '\0';
		rc = store_sentinel(store, 0, 0, 0, reply.answer == SLURM_REFUSED ? text : NULL,
				    err);
		if (!rc)
			rc = DB_NONE;
		if (reply.answer == SLURM_REFUSED)
			report_refusal(say, arg, text);
		free(text);
	}
	slurm_reply_release(&reply);
	return rc;
}

/* ---- one process at a time ---- */

static int take_lock(struct store *store, int64_t ms, int *fd, struct err *err)
{
	int64_t end = clock_mono_ms() + ms;
	int rc;

	while ((rc = folder_lock(store->folder, "sentinel", fd, err)) == FOLDER_BUSY &&
	       clock_mono_ms() < end)
		clock_sleep_ms(50);
	return rc;
}

/* Checks under the lock whether a sentinel is needed, then whether one exists, and submits one
 * if not. Returns 0 if one waits in Slurm, DB_NONE if there is none, or -1. Unless self is set,
 * a running sentinel is enough: it submits its successor. */
static int ensure_sentinel(struct store *store, bool self, fill_say *say, void *arg,
			   struct err *err)
{
	struct sight sight = {0};
	struct need n;
	int rc;

	if (read_need(store, &n, err))
		return -1;
	if (!n.work || !n.every) {
		char *refused = NULL;

		/* the process that had the lock before may have been refused just now */
		if (n.work &&
		    state_get_text(store->db, STATE_SENTINEL_REFUSED, &refused, NULL) >= 0 &&
		    refused)
			report_refusal(say, arg, refused);
		free(refused);
		return DB_NONE;
	}
	rc = find_sentinels(store, &sight, err);
	/* a host without squeue: a process on another host takes care of the sentinel */
	if (rc < 0 && err->status == ERR_FAILED)
		return DB_NONE;
	if (!rc && sight.waiting.n)
		rc = note_waiting(store, &sight, err);
	else if (!rc && (self || !sight.runs))
		rc = submit_sentinel(store, n.every, say, arg, err);
	strs_release(&sight.waiting);
	return rc;
}

/* Withdraws the sentinel. The caller holds the lock, if it was free. */
static void withdraw_waiting(struct store *store, fill_say *say, void *arg)
{
	struct sight sight = {0};
	struct err err = {0};
	int rc;

	rc = find_sentinels(store, &sight, &err);
	if (!rc && sight.waiting.n)
		rc = slurm_scancel(&sight.waiting, &err);
	if (!rc)
		rc = clear_sentinel(store, &err);
	if (rc) {
		err_prefix(&err, "cannot withdraw the sentinel, a job that waits in Slurm (it will "
				 "find nothing to do)");
		report_text(say, arg, err.msg);
	}
	strs_release(&sight.waiting);
}

void sentinel_withdraw(struct store *store, fill_say *say, void *arg)
{
	int lock, locked = take_lock(store, LOCK_MS, &lock, NULL);

	withdraw_waiting(store, say, arg);
	if (!locked)
		folder_unlock(lock);
}

/* Withdraws the sentinel if it is still unwanted under the lock. A command of the user may have
 * changed that meanwhile. If many jobs end at once, the first has withdrawn it already. */
static void withdraw_unwanted(struct store *store, int64_t ms, fill_say *say, void *arg)
{
	struct need n;
	int lock;

	if (take_lock(store, ms, &lock, NULL)) /* another process is doing this */
		return;
	if (!read_need(store, &n, NULL) && n.at && (!n.work || !n.every))
		withdraw_waiting(store, say, arg);
	folder_unlock(lock);
}

void sentinel_tend(struct store *store, enum sentinel_caller who, fill_say *say, void *arg)
{
	/* the holder may have read the state before the user's command changed it */
	const int64_t wait = who == SENTINEL_TICK ? 0 : LOCK_MS;
	struct err err = {0};
	struct need n;
	int64_t age;
	int lock, rc;

	if (read_need(store, &n, &err)) {
		report_text(say, arg, err.msg);
		return;
	}
	if (!n.work || !n.every) {
		if (n.at || wait)
			withdraw_unwanted(store, wait, say, arg);
		return;
	}
	age = clock_now_ms() - n.at;
	if (who == SENTINEL_TICK && (cancel_phase(store->folder, NULL) != CANCEL_NONE ||
				     (age >= 0 && age < n.every * 1500 + SLACK_MS)))
		return;
	if (take_lock(store, wait, &lock, &err))
		return;
	rc = ensure_sentinel(store, false, say, arg, &err);
	if (rc < 0 && who != SENTINEL_TICK)
		report_text(say, arg, err.msg);
	folder_unlock(lock);
}

void sentinel_settle(struct store *store, fill_say *say, void *arg)
{
	int64_t counts[JOB_NSTATES], work, at, paused, trial;

	/* short queries, because the job that asks still holds its slot */
	if (state_get_int(store->db, STATE_SENTINEL_AT, &at, NULL) || !at ||
	    state_get_int(store->db, STATE_PAUSED, &paused, NULL) ||
	    state_get_int(store->db, STATE_TRIAL, &trial, NULL) ||
	    db_counts(store->db, counts, NULL) || db_count_work(store->db, &work, NULL))
		return;
	if (paused || trial ||
	    !(work + counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING]))
		withdraw_unwanted(store, LOCK_MS, say, arg);
}

/* ---- the sentinel's own run ---- */

/* Returns whether Slurm has other jobs of this queue waiting. Each continues the chain when it
 * begins, possibly in the slot that this sentinel holds. */
static bool do_others_wait(struct store *store)
{
	struct reconcile_result seen;
	struct db_flight *v = NULL;
	bool found = false;
	size_t n = 0;

	if (reconcile(store, 0, &seen, NULL) || !seen.ran || db_flights(store->db, &v, &n, NULL))
		return false;
	for (size_t i = 0; i < n; i++)
		found |= v[i].state == JOB_QUEUED && !v[i].missing_since;
	free(v);
	return found;
}

/* Returns whether the sentinel continues although the time limit is near and it has no
 * successor. */
static bool continue_at_limit(struct store *store)
{
	if (!get_own_job())
		return true;
	if (do_others_wait(store))
		return false;
	if (proc_term_pending()) /* the signal was TERM too, or TERM has come since */
		return !cancel_take_term(store->folder);
	return slurm_requeue(get_own_job(), NULL);
}

bool sentinel_pause(struct store *store, int64_t *ms)
{
	int64_t end, left;

	*ms = !*ms ? STAY_FIRST_MS : *ms * 2 < STAY_MOST_MS ? *ms * 2 : STAY_MOST_MS;
	end = clock_mono_ms() + *ms;
	while ((left = end - clock_mono_ms()) > 0) {
		int sig = proc_signal_wait((int)left);

		if (sig == SIGTERM)
			return !cancel_after_term(store->folder);
		if (sig == SIGUSR1)
			return continue_at_limit(store);
	}
	return true;
}

enum sentinel_turn sentinel_turn(struct store *store, fill_say *say, void *arg)
{
	struct err err = {0};
	struct need n;
	int lock, rc;

	rc = read_need(store, &n, &err);
	if (!rc && !n.work)
		return SENTINEL_LEAVE;
	if (!rc && !n.every) /* the user switched the sentinel off, or the limit has become small */
		return SENTINEL_ALONE;
	if (!rc)
		rc = take_lock(store, LOCK_MS, &lock, &err);
	if (!rc) {
		rc = ensure_sentinel(store, true, say, arg, &err);
		folder_unlock(lock);
	}
	if (rc < 0)
		report_text(say, arg, err.msg);
	if (rc)
		return SENTINEL_AGAIN;
	/* Until now Slurm was to restart this job if its node fails. Its successor waits for its
	 * end, so a restart would delay the successor. */
	if (get_own_job() && slurm_requeue_off(get_own_job(), &err))
		report_text(say, arg, err.msg);
	return SENTINEL_LAST;
}
