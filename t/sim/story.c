/*
 * story.c - plays the events of a seed, and checks the conditions that must hold.
 *
 * A story has three parts. In the first, anything may fail. The second has no faults and no person:
 * the chain has to go on by itself. In the third, the user runs a command now and then, until
 * nothing is left to do.
 */
#include "sim.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/cancel.h"
#include "store/db.h"
#include "store/expand.h"
#include "store/state.h"
#include "chain/limits.h"
#include "store/store.h"

enum { IMAGES = 32, WITH_POLICY = 96, SWEEPS = 3, VISITS = 300 };

/* From this visit on the site ends no job: otherwise a restartable job could be ended and retried
 * forever. */
enum { NO_HARM_FROM = 100 };

static const char *const db_path = "/sim/.slurmq/jobs.db";
static struct disk_image *images[IMAGES + WITH_POLICY];
static struct sim_policy policies[IMAGES + WITH_POLICY][SWEEPS];

static struct {
	int64_t begin_quiet;
	int64_t limit_most; /* the highest limit that slurmq ever inferred */
	int64_t last_typed;
	bool only_scancel; /* the only event is the user's scancel of all jobs */
	bool only_one;	   /* the only event is scancel of one job; all jobs are short */
	bool only_some; /* the only event is scancel of some jobs; a pending or new job survives */
	bool chain_checked;
	int allowed; /* kinds of trouble, as bits */
	bool releases;
	const struct sim_policy *policies; /* of its sweeps; NULL: no sweep has a policy */
} story;

/* ---- stores at the start ---- */

static void sweep_text(struct buf *b, int i, struct sim_policy *policy)
{
	int jobs = (int)(1 + sim_rnd(sim_rnd(3) ? 6 : 12)), steps = (int)(1 + sim_rnd(3));

	buf_addf(b, "name: sweep%d\nparams:\n  n: [1", i);
	for (int n = 2; n <= jobs; n++)
		buf_addf(b, ", %d", n);
	buf_addstr(b, "]\n");
	if (policy)
		policy_draw(policy, b);
	if (steps == 1) {
		buf_addstr(b, "run: [job, \"{n}\"]\n");
		return;
	}
	buf_addstr(b, "steps:\n");
	for (int s = 0; s < steps; s++) {
		buf_addf(b, "  - name: s%d\n    run: [job, \"{n}\"]\n", s);
		if (s && sim_rnd(2))
			buf_addf(b, "    needs: [s%d]\n", s - 1);
		if (sim_rnd(2))
			buf_addstr(b, "    on_fail: continue\n");
	}
}

static void require_success(int rc, const struct err *err)
{
	if (!rc)
		return;
	fprintf(stderr, "sim: %s\n", err->msg);
	abort();
}

static void add_text(struct store *store, const char *text)
{
	static const struct expand_opts none;
	struct expand_result r = {0};
	struct complaints c = {0};
	struct expand_file f;
	struct err err = {0};

	disk_write("/sim/sweep.yaml", text);
	if (expand_read("/sim/sweep.yaml", 0, &f, &c, &err)) {
		for (size_t k = 0; k < c.lines.n; k++)
			fprintf(stderr, "%s\n", c.lines.v[k]);
		require_success(-1, &err);
	}
	require_success(expand_store(store, &f, &none, &r, &err), &err);
	expand_file_release(&f);
	expand_result_release(&r);
	complaints_release(&c);
}

static void add_sweep(struct store *store, int i, struct sim_policy *policy)
{
	struct buf text = {0};

	sweep_text(&text, i, policy);
	add_text(store, buf_str(&text));
	buf_release(&text);
}

void story_prepare(void)
{
	for (int i = 0; i < IMAGES + WITH_POLICY; i++) {
		struct store store = {0};
		struct err err = {0};
		int sweeps;

		sim_world_reset((uint64_t)i);
		sim.k.switch_in = 1000000;
		disk_reset();
		disk_write("/sim/exe", "this program");
		require_success(store_create(&store, "/sim", &err), &err);
		require_success(store_open(&store, &err), &err);
		sweeps = (int)(1 + sim_rnd(SWEEPS));
		for (int s = 0; s < sweeps; s++)
			add_sweep(&store, s, i < IMAGES ? NULL : &policies[i][s]);
		store_close(&store);
		if (i >= IMAGES && policy_keep_history(db_path))
			abort();
		images[i] = disk_save();
	}
	grid_prepare(add_text);
}

/* ---- the person ---- */

/* A typed command reported a failure, or was killed: the person knows and has to act. */
void story_person_notified(void)
{
	story.last_typed = sim.now;
}

static const char *const user_env[] = {"PATH=/usr/bin", "HOME=/sim", "USER=sim",
				       "SLURMQ_DIR=/sim/.slurmq", NULL};

static void type_command(const char *const *argv)
{
	struct sim_proc *p = sim_spawn(argv, user_env, 0, NULL);

	story.last_typed = sim.now;
	p->typed = true;
	p->ppid = 1;
	if (sim_chance(sim.k.kill_users))
		p->kill_in = (int)(1 + sim_rnd(sim_rnd(2) ? 60 : 400));
	if (sim_chance(sim.k.fail_calls))
		p->fail_in = (int)(1 + sim_rnd(300));
}

#define TYPES(...) type_command((const char *const[]){__VA_ARGS__, NULL})

static void count_person(struct sim_proc *p, void *arg)
{
	*(int *)arg += !p->job;
}

static int count_people(void)
{
	int n = 0;

	sim_procs_each(NULL, count_person, &n);
	return n;
}

static void type_random_command(void *arg)
{
	char id[24];

	(void)arg;
	snprintf(id, sizeof(id), "%d", (int)(1 + sim_rnd(12)));
	switch (sim_rnd(16)) {
	case 0:
		TYPES("cancel", id, "--yes");
		break;
	case 1:
		TYPES("hold", id);
		break;
	case 2:
		TYPES("release", "all");
		break;
	case 3:
		TYPES("pause");
		break;
	case 4:
	case 5:
		TYPES("resume");
		break;
	case 6:
	case 7:
		TYPES("retry");
		break;
	case 8:
		TYPES("retry", id);
		break;
	case 9:
		TYPES("sync");
		break;
	case 10:
		TYPES("status");
		break;
	case 11:
		if (!sim_rnd(4))
			TYPES("cancel", "all", "--yes");
		break;
	case 12:
		TYPES("chain");
		break;
	default:
		TYPES("submit");
		break;
	}
}

static void cause_trouble(void *arg)
{
	enum trouble kind = (enum trouble)sim_rnd(TROUBLE_N);

	(void)arg;
	if (!sim.faults || !(story.allowed & 1 << kind))
		return;
	cluster_trouble(kind);
}

/* After scancel of all jobs no job is left, and no job is submitted until a person submits. */
static void check_nothing_left(void *arg)
{
	bool decided = cluster.last_left >= cluster.all_listed + 10 * SEC;
	int n = 0;

	(void)arg;
	for (const struct sim_job *j = cluster_jobs; j; j = j->next) {
		n += !j->gone && (j->phase == SLURM_RUNNING || j->phase == SLURM_PENDING);
		decided |= !j->gone && j->phase == SLURM_RUNNING;
	}
	/* if no job was left to decide, a pending one decides when it starts */
	if (n && decided && !cluster_unheard())
		sim_violation("%d jobs are in Slurm %d s after scancel of all jobs", n,
			      (int)((sim.now - cluster.last_scancel) / SEC));
}

size_t story_records(void)
{
	return disk_entries("/sim/.slurmq/cancelled");
}

void story_step_begins(void)
{
	if (cluster.nothing_from && !cluster_unheard() && sim.now > cluster.last_scancel + 15 * SEC)
		sim_violation("a command started %d s after scancel of all jobs",
			      (int)((sim.now - cluster.last_scancel) / SEC));
}

static bool has_ending_job(void)
{
	for (const struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j->phase == SLURM_COMPLETING)
			return true;
	return false;
}

/* A line in crontab does not restart a chain that was stopped. */
static void run_cron_chain(void *arg)
{
	(void)arg;
	TYPES("chain");
}

static void scancel_all(void *arg)
{
	/* not while a person submits, nor while a job is at its time limit: SIGTERM was sent
	 * before, and scancel adds none */
	if (count_people() || has_ending_job()) {
		sim_at(sim.now + MINUTE, scancel_all, arg);
		return;
	}
	cluster_scancel_all();
	cluster.nothing_from = sim.now + 4 * SEC; /* the first signal has arrived by then */
	sim_at(sim.now + 11 * SEC + sim_rnd(10 * MINUTE), run_cron_chain, NULL);
	for (int i = 0; i < 8; i++)
		sim_at(sim.now + 16 * SEC + i * i * 5 * MINUTE, check_nothing_left, NULL);
}

static void scancel_one(void *arg)
{
	(void)arg;
	cluster_trouble(TROUBLE_SCANCEL);
}

/* Cancels some of several jobs; tries again later until a survivor is possible. */
static void scancel_some(void *arg)
{
	if (!cluster_scancel_some((int)(20 + sim_rnd(80))) && sim.faults)
		sim_at(sim.now + 7 * SEC, scancel_some, arg);
}

/* ---- reading the database outside of any process ---- */

static struct db *open_database(void)
{
	struct db *db = NULL;
	struct err err = {0};

	if (db_open(db_path, NULL, &db, &err))
		sim_violation("cannot open the database: %s", err.msg);
	return db;
}

/* Checks the target: no more jobs in Slurm than the database allows. */
void story_check_sbatch(int ntasks);
void story_check_sbatch(int ntasks)
{
	struct sim_proc *me = sim_self;
	struct store store = {0};
	int64_t counts[JOB_NSTATES], flying;
	struct limits limit = {0};

	/* a process is writing now: the limit at the time of its claims is unknown */
	if (disk_byte("/sim/.slurmq/jobs.db-journal") > 0 || disk_locked(db_path)) {
		story.limit_most = INT64_MAX;
		return;
	}
	sim_self = NULL;
	store.db = open_database();
	if (store.db && !db_counts(store.db, counts, NULL) && !limits_get(&store, &limit, NULL)) {
		if (limit.jobs > story.limit_most)
			story.limit_most = limit.jobs;
		flying = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
		if (flying > (story.limit_most > 2 ? story.limit_most - 1 : 1))
			sim_violation("%d jobs are in flight with %d more, but the limit is %d",
				      (int)flying, ntasks, (int)story.limit_most);
	}
	limits_release(&limit);
	db_close(store.db);
	sim_self = me;
}

/* ---- what must be true at the end ---- */

static const struct sim_work *find_completed(int64_t job, const char *key)
{
	for (size_t i = 0; i < ledger_size(); i++) {
		const struct sim_work *w = ledger_at(i);

		if (w->job == job && w->done && !w->at_exit && !w->at_signal &&
		    (!key || !strcmp(w->key, key)))
			return w;
	}
	return NULL;
}

static void check_ends(struct db *db)
{
	for (size_t i = 0; i < ledger_ends(); i++) {
		const struct ledger_end *e = ledger_end_at(i);
		struct db_attempt a;
		int64_t id;
		int closed;

		if (db_attempt_find(db, e->submission, e->task, &id, &closed, NULL) ||
		    db_attempt_get(db, id, &a, NULL)) {
			sim_violation("%016" PRIx64 ".%d reported an end, but is no attempt",
				      e->submission, e->task);
			continue;
		}
		if (a.closed != CLOSED_REPORTED || a.completed != e->completed ||
		    (!e->completed && a.exit_code != e->exit_code))
			sim_violation(
				"attempt %d reported %s (exit %d), but the database has it closed "
				"by %d as %s (%s, exit %d)",
				(int)a.id, e->completed ? "completed" : "failed", e->exit_code,
				a.closed, a.completed ? "completed" : "failed",
				job_reason_name(a.reason), a.exit_code);
		db_attempt_release(&a);
	}
}

/* Compares the steps in the database with the ends of the commands. */
static void check_steps(struct db *db)
{
	for (size_t i = 0; i < ledger_size(); i++) {
		struct sim_work *w = ledger_at(i);
		struct db_attempt a;
		struct db_step *v;
		int64_t id;
		int closed;
		size_t n;

		if (db_attempt_find(db, w->submission, w->task, &id, &closed, NULL) ||
		    db_attempt_get(db, id, &a, NULL)) {
			sim_violation("%016" PRIx64 ".%d ran, but is no attempt", w->submission,
				      w->task);
			continue;
		}
		w->attempt = a.id;
		if (a.job != w->job)
			sim_violation("attempt %d ran job %d, but belongs to job %d", (int)a.id,
				      (int)w->job, (int)a.job);
		if (!db_steps(db, a.id, &v, &n, NULL)) {
			for (size_t s = 0; s < n; s++)
				if (!strcmp(v[s].key, w->key) && v[s].state == STEP_COMPLETED &&
				    (!w->done || w->at_exit || w->at_signal))
					sim_violation(
						"step %s of attempt %d is recorded as completed, "
						"but was not",
						w->key, (int)a.id);
			db_steps_free(v, n);
		}
		db_attempt_release(&a);
	}
}

static int check_job(void *arg, const struct db_job *job)
{
	struct db_attempt a = {0};

	(void)arg;
	if (job_state_in_flight(job->state))
		sim_violation("job %d is still %s", (int)job->id, job_state_name(job->state));
	if ((job->state == JOB_FAILED || job->state == JOB_CANCELLED || job->state == JOB_HELD) &&
	    !job->reason)
		sim_violation("job %d is %s without a reason", (int)job->id,
			      job_state_name(job->state));
	if (job->state == JOB_COMPLETED && !find_completed(job->id, NULL))
		sim_violation("job %d is completed, but no command of it was", (int)job->id);
	db_attempt_release(&a);
	return 0;
}

static void check_jobs(struct db *db)
{
	static const struct db_select all;
	struct err err = {0};

	if (db_jobs_each(db, &all, check_job, db, &err))
		sim_violation("reading jobs: %s", err.msg);
}

static void check_slurm(struct db *db)
{
	for (struct sim_job *j = cluster_jobs; j; j = j->next) {
		struct db_submission s = {0};

		if (j->sentinel)
			continue;
		if (db_submission_get(db, j->submission, &s, NULL))
			sim_violation("Slurm's job %" PRIu64 " has no row", j->array_id);
		db_submission_release(&s);
	}
}

static void check_all(void)
{
	struct err err = {0};
	struct db *db = open_database();

	if (!db)
		return;
	if (db_check(db, &err))
		sim_violation("%s", err.msg);
	check_ends(db);
	check_steps(db);
	check_jobs(db);
	check_slurm(db);
	db_close(db);
	if (story.policies)
		policy_check(db_path, story.policies);
}

/* ---- the three parts ---- */

struct state {
	int64_t pending, flying, held, paused;
	int64_t limit;	 /* the limit that slurmq knows */
	int64_t stopped; /* number of cancelled jobs in the reason of the pause; 0: no such pause */
};

static bool is_idle(void)
{
	for (struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j->phase != SLURM_OVER && !j->gone)
			return false;
	return sim_procs_count() == 0;
}

static struct state read_state(void)
{
	int64_t counts[JOB_NSTATES] = {0};
	struct state s = {0};
	struct db *db = open_database();

	if (!db)
		return s;
	db_counts(db, counts, NULL);
	state_get_int(db, STATE_PAUSED, &s.paused, NULL);
	state_get_int(db, STATE_LIMIT_JOBS, &s.limit, NULL);
	state_get_int(db, STATE_CANCELLED_JOBS, &s.stopped, NULL);
	db_close(db);
	s.pending = counts[JOB_PENDING];
	s.held = counts[JOB_HELD];
	s.flying = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
	return s;
}

static const struct sim_job *last_to_end(void)
{
	const struct sim_job *last = NULL;

	for (const struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j->phase == SLURM_OVER && (!last || j->ended >= last->ended))
			last = j;
	return last;
}

/* Returns whether another job was ended while the last one chained: the last one relied on it. */
static bool was_relied_on(const struct sim_job *last)
{
	for (const struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j != last && !j->left_normally && j->ended >= last->reported_at)
			return true;
	return false;
}

/*
 * Nothing is left that would go on: is that allowed? It is a violation if work is pending, nothing
 * is paused, and the last job left by itself.
 *
 * It is allowed if that job was killed or got SIGTERM, or if another job was ended while it
 * chained. It is allowed if afterwards a person ran a command, saw a command fail, or cancelled all
 * jobs. A limit of one leaves no slot to chain with. If each call may take seconds, a process may
 * not get the queue lock within its minute.
 */
static void check_chain(void)
{
	const struct sim_job *last = last_to_end();
	struct state s = read_state();

	story.chain_checked = true;
	if ((story.only_one || story.only_some) && s.stopped)
		sim_violation("the queue is paused, but not all jobs were cancelled");
	if (!s.pending || s.paused || !last || !last->left_normally || last->one_slot)
		return;
	if (cluster.last_scancel > story.last_typed && last->ended > cluster.last_scancel)
		return;
	if (sim.k.slow > SEC || last->ended <= story.last_typed ||
	    (was_relied_on(last) && !story.only_one && !story.only_some) || s.limit == 1)
		return;
	sim_violation(
		"the chain has died: %d pending, %d in flight, nothing in Slurm; the last job "
		"was %" PRIu64,
		(int)s.pending, (int)s.flying, last->id);
}

static bool has_only_scancels(void)
{
	return story.only_scancel || story.only_one || story.only_some;
}

static void draw_knobs(void)
{
	static const int switches[] = {1, 3, 8, 30};
	static const int64_t slows[] = {100, SEC / 200, SEC / 20, SEC / 2, 5 * SEC};
	struct sim_knobs *k = &sim.k;

	memset(k, 0, sizeof(*k));
	k->switch_in = switches[sim_rnd(4)];
	k->slow = slows[sim_rnd(8) ? sim_rnd(3) : sim_rnd(5)];
	k->step_fails = (int)(sim_rnd(3) * 15);
	k->step_short = sim_rnd(2) ? 3 * SEC : MINUTE;
	k->step_long = sim_rnd(4) ? 4 * MINUTE : 40 * MINUTE;
	cluster.limit = sim_rnd(8) ? 1 + sim_rnd(6) : -1;
	cluster.acct = sim_rnd(3) ? ACCT_WELL : (int)sim_rnd(ACCT_N);
	cluster.slots = (int)(1 + sim_rnd(6));
	cluster.walltime = sim_rnd(2) ? 6 * HOUR : 5 * MINUTE + sim_rnd(30 * MINUTE);
	cluster.patience = sim_rnd(2) ? 2 * SEC : 5 * MINUTE;
	story.only_scancel = !sim_rnd(10);
	story.only_one = !story.only_scancel && !sim_rnd(10);
	story.only_some = !story.only_scancel && !story.only_one && !sim_rnd(10);
	if (has_only_scancels()) {
		k->slow = SEC / 200;
		story.allowed = 1 << TROUBLE_SCANCEL_ALL;
		if (story.only_one || sim_rnd(2))
			k->step_short = k->step_long = 1 + sim_rnd(5 * SEC);
	}
	if (story.only_one) {
		cluster.limit = 3 + sim_rnd(8);
		cluster.slots = (int)(2 + sim_rnd(9));
		cluster.patience = SEC / 2;
	}
	if (has_only_scancels())
		return;
	if (sim_rnd(4)) {
		k->kill_runs = (int)(sim_rnd(5) * 15);
		k->kill_users = (int)(sim_rnd(4) * 15);
	}
	k->sbatch_trouble = sim_rnd(2) ? 0 : (int)sim_rnd(40);
	k->query_trouble = sim_rnd(2) ? 0 : (int)sim_rnd(30);
	k->fail_calls = sim_rnd(4) ? 0 : (int)sim_rnd(20);
	k->rename_lies = sim_rnd(6) ? 0 : (int)sim_rnd(50);
	k->skew = !sim_rnd(6);
	story.allowed = sim_rnd(3) ? (int)sim_rnd(1 << TROUBLE_N) : 0;
	for (int i = 0; k->skew && i < SIM_NODES; i++)
		sim.skew[i] = sim_rnd(2 * 86400000) - 86400000;
}

/* If a sweep has a policy, more steps fail, so that the policy is used. */
static void draw_policy_knobs(void)
{
	static const int fails[] = {15, 30, 60, 90};

	sim.k.step_fails = fails[sim_rnd(4)];
	sim.k.step_signals = sim_rnd(3) ? 0 : 30;
	if (has_only_scancels())
		return;
	sim.k.site_harms = sim_rnd(3) ? 0 : sim_rnd(2) ? 95 : 25;
	story.allowed |= 1 << TROUBLE_NODE | 1 << TROUBLE_PREEMPT | 1 << TROUBLE_REQUEUE;
	story.allowed |= 1 << TROUBLE_TIMEOUT | 1 << TROUBLE_KILL_BATCH | 1 << TROUBLE_SCANCEL;
}

/* Returns whether a seed has a policy: half of the seeds. This draws nothing from the seed's random
 * numbers, so seeds without a policy stay the same, among them those of t0900, which once
 * failed. */
static bool has_policy(uint64_t seed)
{
	return sim_hash(seed ^ (uint64_t)683 << 32) & 1;
}

static void load_store(uint64_t seed)
{
	int i = has_policy(seed) ? (int)(IMAGES + sim_rnd(WITH_POLICY)) : (int)sim_rnd(IMAGES);

	disk_load(images[i]);
	story.policies = i < IMAGES ? NULL : policies[i];
}

static void play_faults(void)
{
	int64_t long_ = 5 * MINUTE + sim_rnd(sim_rnd(3) ? 30 * MINUTE : 2 * HOUR);
	int commands = (int)sim_rnd(8), troubles = (int)sim_rnd(10);

	sim.faults = true;
	TYPES("submit");
	if (has_only_scancels())
		commands = troubles = 0;
	if (story.only_scancel)
		sim_at(sim_rnd(sim.k.step_long < 10 * SEC ? MINUTE : long_), scancel_all, NULL);
	if (story.only_one)
		sim_at(sim_rnd(30 * SEC), scancel_one, NULL);
	if (story.only_some)
		sim_at(25 * SEC + sim_rnd(long_), scancel_some, NULL);
	for (int i = 0; i < commands; i++)
		sim_at(sim_rnd(long_), type_random_command, NULL);
	for (int i = 0; i < troubles; i++)
		sim_at(sim_rnd(long_), cause_trouble, NULL);
	sim_run(long_ + story.only_scancel * 6 * HOUR);
	sim.faults = false;
	cluster.away = false;
	cluster.nothing_from = 0;
	story.begin_quiet = sim.now;
	sim_trace("from now on nothing fails");
}

/* Nothing but a submit, while processes may be killed. */
static void play_grid(void)
{
	story.policies = NULL;
	story.only_scancel = story.only_one = story.only_some = false;
	sim.faults = true;
	TYPES("submit");
	sim_run(10 * MINUTE);
	sim.faults = false;
	cluster.away = false;
	sim_trace("from now on nothing fails");
}

static void check_grid(void)
{
	struct db *db = open_database();

	if (db)
		grid_judge(db);
	db_close(db);
}

static void play_quiet(void)
{
	for (int i = 0; i < 60 && !is_idle() && !sim.broken[0]; i++)
		sim_run(sim.now + 10 * MINUTE);
	if (is_idle() && !sim.broken[0])
		check_chain();
	if (grid_is_on() && is_idle() && !sim.broken[0])
		check_grid();
}

static bool is_at_rest(const struct state *s)
{
	return is_idle() && !s->flying && (!s->pending || s->paused);
}

static void play_user(void)
{
	struct state s = {.flying = 1};

	for (int i = 0; i < VISITS && !sim.broken[0]; i++) {
		if (i == NO_HARM_FROM)
			sim.k.site_harms = 0;
		if (!is_idle()) {
			if (!sim_rnd(3))
				TYPES("submit");
			sim_run(sim.now + 20 * MINUTE);
			continue;
		}
		s = read_state();
		if (s.held && i < 3)
			TYPES("release", "all");
		else if (s.paused)
			TYPES("resume");
		else if (is_at_rest(&s))
			return;
		else
			TYPES("submit");
		sim_run(sim.now + 12 * MINUTE);
	}
	if (!sim.broken[0])
		sim_violation(
			"the sweep does not end: %d pending, %d in flight, %d in Slurm, %d processes",
			(int)s.pending, (int)s.flying, cluster_active(), sim_procs_count());
}

void story_play(uint64_t seed)
{
	memset(&story, 0, sizeof(story));
	sqlite3_randomness(0, NULL);
	sim_world_reset(seed);
	cluster_reset();
	ledger_reset();
	load_store(seed);
	draw_knobs();
	if (story.policies)
		draw_policy_knobs();
	grid_begin(seed);
	if (grid_is_on())
		play_grid();
	else
		play_faults();
	play_quiet();
	play_user();
	if (!sim.broken[0])
		check_all();
}
