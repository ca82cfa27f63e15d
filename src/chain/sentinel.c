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

static void say_text(fill_say *say, void *arg, const char *text)
{
	if (say)
		say(arg, text);
}

static char *job_name(struct store *store)
{
	struct buf id = {0};
	char *name = NULL;

	if (!folder_file_get(store->folder, "id", &id, NULL) && id.len >= 8)
		name = mem_printf("slurmq-sentinel.%.8s", id.s);
	buf_release(&id);
	return name;
}

/* ---- what is known of it ---- */

static int note(struct store *store, uint64_t job, int64_t begin, int held, const char *refused,
		struct err *err)
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

static int forget(struct store *store, struct err *err)
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

/* What there is to do for one. */
struct need {
	bool work;     /* something is pending or in flight, and the queue is not paused */
	int64_t every; /* seconds; 0: none is wanted */
	int64_t at;    /* when it was last seen or tried, ms; 0: never */
};

static int read_need(struct store *store, struct need *n, struct err *err)
{
	int64_t counts[JOB_NSTATES], paused;
	struct limits limit = {0};
	int rc = -1;

	if (!db_counts(store->db, counts, err) &&
	    !state_get_int(store->db, STATE_PAUSED, &paused, err) &&
	    !state_get_int(store->db, STATE_SENTINEL_AT, &n->at, err) &&
	    !limits_get(store, &limit, err) &&
	    !limits_sentinel_s(store, limit.jobs, &n->every, err))
		rc = 0;
	limits_release(&limit);
	if (!rc)
		n->work = !paused && counts[JOB_PENDING] + counts[JOB_SUBMITTING] +
						     counts[JOB_QUEUED] + counts[JOB_RUNNING] >
					     0;
	return rc;
}

/* ---- in Slurm ---- */

static bool waits(const struct slurm_job *job)
{
	return slurm_state_active(job->state) && strcmp(job->state, "RUNNING") != 0 &&
	       strcmp(job->state, "COMPLETING") != 0;
}

/* The Slurm job that we are in; 0: none. */
static uint64_t own_job(void)
{
	const char *mine = getenv("SLURM_JOB_ID");

	return mine ? strtoull(mine, NULL, 10) : 0;
}

/* Slurm could not begin it, or had it end in a way that the site has held, and holds it now: it, and whoever
 * waits for it to end, waits for ever. */
static bool is_stuck(const struct slurm_job *job)
{
	return strstr(job->reason, "requeued held") || strstr(job->reason, "requeued in held") ||
	       strstr(job->reason, "requeued_held") || !strcmp(job->reason, "JobHoldMaxRequeue") ||
	       !strcmp(job->reason, "DependencyNeverSatisfied");
}

/* Somebody does not want it to begin. They have their way: it stays, and so that nobody counts on it, status
 * says so. (Slurm's words, squeue(1), JOB REASON CODES.) */
static int held_by(const struct slurm_job *job)
{
	return !strcmp(job->reason, "JobHeldUser")    ? SENTINEL_HELD_USER
	       : !strcmp(job->reason, "JobHeldAdmin") ? SENTINEL_HELD_ADMIN
						      : 0;
}

/* Those that Slurm has and that are not the caller. */
struct sight {
	struct strs waiting; /* their ids */
	int held;	     /* and if one of these is held, by whom */
	bool runs;
};

/* What is stuck is cancelled, and counts no more. */
static int look(struct store *store, struct sight *sight, struct err *err)
{
	uint64_t own = own_job();
	struct strs stuck = {0};
	char *name = job_name(store);
	struct slurm_jobs jobs = {0};
	int rc;

	memset(sight, 0, sizeof(*sight));
	if (!name)
		return err_set(err, ERR_FAILED, "'%s/id' can't be read", store->dir);
	rc = slurm_squeue((uint64_t)geteuid(), &jobs, err);
	for (size_t i = 0; i < jobs.n && !rc; i++) {
		const struct slurm_job *job = &jobs.v[i];

		if (strcmp(job->name, name) != 0 || job->id == own)
			continue;
		if (waits(job)) {
			strs_addf(is_stuck(job) ? &stuck : &sight->waiting, "%" PRIu64, job->id);
			sight->held = sight->held ? sight->held : held_by(job);
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
		!look(store, &sight, NULL) && sight.waiting.n && !sight.held;
	strs_release(&sight.waiting);
	return found;
}

/* One waits: note it, with what is known of it. */
static int note_waiting(struct store *store, const struct sight *sight, struct err *err)
{
	int64_t begin = 0, job = 0;
	uint64_t seen = strtoull(sight->waiting.v[0], NULL, 10);

	if (state_get_int(store->db, STATE_SENTINEL_JOB, &job, err) ||
	    ((uint64_t)job == seen && state_get_int(store->db, STATE_SENTINEL_BEGIN, &begin, err)))
		return -1;
	return note(store, seen, begin, sight->held, NULL, err);
}

void sentinel_check(struct store *store)
{
	struct sight sight = {0};
	int64_t at, held;

	if (!state_get_int(store->db, STATE_SENTINEL_AT, &at, NULL) && at &&
	    !state_get_int(store->db, STATE_SENTINEL_HELD, &held, NULL) &&
	    !look(store, &sight, NULL)) {
		if (!sight.waiting.n && !sight.runs)
			forget(store, NULL);
		else if (sight.waiting.n && sight.held != held)
			note_waiting(store, &sight, NULL);
	}
	strs_release(&sight.waiting);
}

/* What an sbatch of it is made of, and the memory of that. */
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

/* Like the last submission: its account, partition and QOS, its environment and binary. DB_NONE: there is none
 * yet. memory: ask for little, since a site's default may be all of a node. */
static int order(struct store *store, int64_t every, bool memory, struct order *o, struct err *err)
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
	o->name = job_name(store);
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
	return rc ? -1 : o->name ? 0 : err_set(err, ERR_FAILED, "'%s/id' is gone", store->dir);
}

static int make_with(struct store *store, int64_t every, bool memory, struct slurm_reply *reply,
		     struct err *err)
{
	struct order o;
	int rc = order(store, every, memory, &o, err);

	memset(reply, 0, sizeof(*reply));
	if (!rc)
		slurm_sbatch(&o.s, reply);
	order_release(&o);
	return rc;
}

static void say_refused(fill_say *say, void *arg, const char *words)
{
	char *line = mem_printf("sbatch refused the sentinel, which stays off: %s (slurmq config "
				"sentinel.sbatch gives it other options)",
				words);

	say_text(say, arg, line);
	free(line);
}

/* Under the lock, none is there. 0: it was made; DB_NONE: it was not, and why was said; -1. */
static int make(struct store *store, int64_t every, fill_say *say, void *arg, struct err *err)
{
	struct slurm_reply reply;
	int rc;

	folder_mark(store->folder, SENTINEL_MARK);
	rc = make_with(store, every, true, &reply, err);
	if (!rc && reply.answer == SLURM_REFUSED) {
		slurm_reply_release(&reply);
		rc = make_with(store, every, false, &reply, err);
	}
	if (rc) {
		slurm_reply_release(&reply);
		return rc;
	}
	if (reply.answer == SLURM_ACCEPTED) {
		rc = note(store, reply.job, clock_now_ms() + every * 1000, 0, NULL, err);
	} else {
		char *text = mem_printf("%s", reply.text);

		text[strcspn(text, "\n")] = '\0';
		rc = note(store, 0, 0, 0, reply.answer == SLURM_REFUSED ? text : NULL, err);
		if (!rc)
			rc = DB_NONE;
		if (reply.answer == SLURM_REFUSED)
			say_refused(say, arg, text);
		free(text);
	}
	slurm_reply_release(&reply);
	return rc;
}

/* ---- one at a time ---- */

static int take_lock(struct store *store, int64_t ms, int *fd, struct err *err)
{
	int64_t end = clock_mono_ms() + ms;
	int rc;

	while ((rc = folder_lock(store->folder, "sentinel", fd, err)) == FOLDER_BUSY &&
	       clock_mono_ms() < end)
		clock_sleep_ms(50);
	return rc;
}

/* The lock is ours: look again whether there is a need, then whether there is one. 0: one waits in Slurm (or,
 * but for the sentinel itself, one runs, and will see to its successor); DB_NONE: none. */
static int ensure(struct store *store, bool self, fill_say *say, void *arg, struct err *err)
{
	struct sight sight = {0};
	struct need n;
	int rc;

	if (read_need(store, &n, err))
		return -1;
	if (!n.work || !n.every) {
		char *refused = NULL;

		/* just now, by who had the lock before us */
		if (n.work &&
		    state_get_text(store->db, STATE_SENTINEL_REFUSED, &refused, NULL) >= 0 &&
		    refused)
			say_refused(say, arg, refused);
		free(refused);
		return DB_NONE;
	}
	rc = look(store, &sight, err);
	/* a host without squeue: whoever looks around from another one sees to it */
	if (rc < 0 && err->status == ERR_FAILED)
		return DB_NONE;
	if (!rc && sight.waiting.n)
		rc = note_waiting(store, &sight, err);
	else if (!rc && (self || !sight.runs))
		rc = make(store, n.every, say, arg, err);
	strs_release(&sight.waiting);
	return rc;
}

/* Under the lock, if it could be had. */
static void withdraw(struct store *store, fill_say *say, void *arg)
{
	struct sight sight = {0};
	struct err err = {0};
	int rc;

	rc = look(store, &sight, &err);
	if (!rc && sight.waiting.n)
		rc = slurm_scancel(&sight.waiting, &err);
	if (!rc)
		rc = forget(store, &err);
	if (rc) {
		err_prefix(&err, "the sentinel, a job that waits in Slurm, could not be withdrawn "
				 "(it will find nothing to do)");
		say_text(say, arg, err.msg);
	}
	strs_release(&sight.waiting);
}

void sentinel_withdraw(struct store *store, fill_say *say, void *arg)
{
	int lock, locked = take_lock(store, LOCK_MS, &lock, NULL);

	withdraw(store, say, arg);
	if (!locked)
		folder_unlock(lock);
}

/* None was wanted: looked at again under the lock, since a person's word may have changed that meanwhile, and of
 * many who end at one moment the first one has done it. */
static void withdraw_unwanted(struct store *store, int64_t ms, fill_say *say, void *arg)
{
	struct need n;
	int lock;

	if (take_lock(store, ms, &lock, NULL)) /* somebody else is at it */
		return;
	if (!read_need(store, &n, NULL) && n.at && (!n.work || !n.every))
		withdraw(store, say, arg);
	folder_unlock(lock);
}

void sentinel_tend(struct store *store, enum sentinel_caller who, fill_say *say, void *arg)
{
	/* who is at it may have looked before a person's word changed what it sees to */
	const int64_t wait = who == SENTINEL_TICK ? 0 : LOCK_MS;
	struct err err = {0};
	struct need n;
	int64_t age;
	int lock, rc;

	if (read_need(store, &n, &err)) {
		say_text(say, arg, err.msg);
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
	rc = ensure(store, false, say, arg, &err);
	if (rc < 0 && who != SENTINEL_TICK)
		say_text(say, arg, err.msg);
	folder_unlock(lock);
}

void sentinel_settle(struct store *store, fill_say *say, void *arg)
{
	int64_t counts[JOB_NSTATES], at, paused;

	/* short questions, since the job that asks still holds its slot */
	if (state_get_int(store->db, STATE_SENTINEL_AT, &at, NULL) || !at ||
	    state_get_int(store->db, STATE_PAUSED, &paused, NULL) ||
	    db_counts(store->db, counts, NULL))
		return;
	if (paused || !(counts[JOB_PENDING] + counts[JOB_SUBMITTING] + counts[JOB_QUEUED] +
			counts[JOB_RUNNING]))
		withdraw_unwanted(store, LOCK_MS, say, arg);
}

/* ---- its own run ---- */

/* Jobs of ours wait in Slurm, by its word: each of them goes on with the chain when it begins, which may be in the
 * slot that we hold. */
static bool others_wait(struct store *store)
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

/* The time limit is near, and there is no successor: whether to go on all the same. */
static bool goes_on_at_limit(struct store *store)
{
	if (!own_job())
		return true;
	if (others_wait(store))
		return false;
	if (proc_term_pending()) /* it was more than that, or has become so */
		return !cancel_take_term(store->folder);
	return slurm_requeue(own_job(), NULL);
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
			return goes_on_at_limit(store);
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
	if (!rc && !n.every) /* switched off, or the limit has become small */
		return SENTINEL_ALONE;
	if (!rc)
		rc = take_lock(store, LOCK_MS, &lock, &err);
	if (!rc) {
		rc = ensure(store, true, say, arg, &err);
		folder_unlock(lock);
	}
	if (rc < 0)
		say_text(say, arg, err.msg);
	if (rc)
		return SENTINEL_AGAIN;
	/* until now it was to begin again where its node fails; from now on its successor, which waits for
	 * its end, must not wait for that */
	if (own_job() && slurm_requeue_off(own_job(), &err))
		say_text(say, arg, err.msg);
	return SENTINEL_LAST;
}
