/*
 * story.c - what happens by a seed, and what must be true of it.
 *
 * A story has three parts: one in which anything may go wrong; a quiet one, without faults and without a
 * person, in which the chain has to go on by itself; and one in which its owner comes by now and then,
 * until everything has come to rest.
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

/* From this visit on the site ends no job: what it ends of a restartable one is run again without an end. */
enum { MENDED = 100 };

static const char *const db_path = "/sim/.slurmq/jobs.db";
static struct disk_image *images[IMAGES + WITH_POLICY];
static struct sim_policy policies[IMAGES + WITH_POLICY][SWEEPS];

static struct {
	int64_t begin_quiet;
	int64_t limit_most; /* that slurmq ever took for Slurm's limit */
	int64_t last_typed;
	bool only_scancel; /* the owner's scancel of everything is all that goes wrong */
	bool only_one;	   /* the same of one job, where all are short */
	bool only_some; /* the same of some, where at least one that waits or has just begun is spared */
	bool chain_judged;
	int allowed; /* kinds of trouble, as bits */
	bool releases;
	const struct sim_policy *policies; /* of its sweeps; NULL: none has one */
} story;

/* ---- stores to begin with ---- */

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

static void must(int rc, const struct err *err)
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
		must(-1, &err);
	}
	must(expand_store(store, &f, &none, &r, &err), &err);
	expand_file_release(&f);
	expand_result_release(&r);
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
		must(store_create(&store, "/sim", &err), &err);
		must(store_open(&store, &err), &err);
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

/* A command that was typed says that it did not go well, or was killed: that is for the person now. */
void story_person_told(void)
{
	story.last_typed = sim.now;
}

static const char *const user_env[] = {"PATH=/usr/bin", "HOME=/sim", "USER=sim",
				       "SLURMQ_DIR=/sim/.slurmq", NULL};

static void types(const char *const *argv)
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

#define TYPES(...) types((const char *const[]){__VA_ARGS__, NULL})

static void count_person(struct sim_proc *p, void *arg)
{
	*(int *)arg += !p->job;
}

static int people(void)
{
	int n = 0;

	sim_procs_each(NULL, count_person, &n);
	return n;
}

static void some_command(void *arg)
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

static void some_trouble(void *arg)
{
	enum trouble kind = (enum trouble)sim_rnd(TROUBLE_N);

	(void)arg;
	if (!sim.faults || !(story.allowed & 1 << kind))
		return;
	cluster_trouble(kind);
}

/* After scancel of everything nothing is left, and nothing comes until a person says so. */
static void check_nothing_left(void *arg)
{
	int n = 0;

	(void)arg;
	for (const struct sim_job *j = cluster_jobs; j; j = j->next)
		n += !j->gone && (j->phase == SLURM_RUNNING || j->phase == SLURM_PENDING);
	if (n && !cluster.unheard)
		sim_violation("%d jobs are in Slurm %d s after scancel of everything", n,
			      (int)((sim.now - cluster.last_scancel) / SEC));
}

size_t story_records(void)
{
	return disk_entries("/sim/.slurmq/cancelled");
}

void story_step_begins(void)
{
	if (cluster.nothing_from && !cluster.unheard && sim.now > cluster.last_scancel + 15 * SEC)
		sim_violation("a command begins %d s after scancel of everything",
			      (int)((sim.now - cluster.last_scancel) / SEC));
}

static bool ending(void)
{
	for (const struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j->phase == SLURM_COMPLETING)
			return true;
	return false;
}

/* A line in crontab does not revive what was stopped. */
static void cron_chains(void *arg)
{
	(void)arg;
	TYPES("chain");
}

static void scancel_all(void *arg)
{
	/* not while somebody submits, nor while a job is at its time limit: of scancel it hears nothing more */
	if (people() || ending()) {
		sim_at(sim.now + MINUTE, scancel_all, arg);
		return;
	}
	cluster_scancel_all();
	cluster.nothing_from = sim.now + 4 * SEC; /* the first signal has come by then */
	sim_at(sim.now + 11 * SEC + sim_rnd(10 * MINUTE), cron_chains, NULL);
	for (int i = 0; i < 8; i++)
		sim_at(sim.now + 16 * SEC + i * i * 5 * MINUTE, check_nothing_left, NULL);
}

static void scancel_one(void *arg)
{
	(void)arg;
	cluster_trouble(TROUBLE_SCANCEL);
}

/* Of several, some are spared: tried again until there is one to spare. */
static void scancel_some(void *arg)
{
	if (!cluster_scancel_some((int)(20 + sim_rnd(80))) && sim.faults)
		sim_at(sim.now + 7 * SEC, scancel_some, arg);
}

/* ---- looking into the database, as nobody ---- */

static struct db *look(void)
{
	struct db *db = NULL;
	struct err err = {0};

	if (db_open(db_path, NULL, &db, &err))
		sim_violation("the database can't be opened: %s", err.msg);
	return db;
}

/* Not beyond the target: all that may be in Slurm by what the database knows. */
void story_check_sbatch(int ntasks);
void story_check_sbatch(int ntasks)
{
	struct sim_proc *me = sim_self;
	struct store store = {0};
	int64_t counts[JOB_NSTATES], flying;
	struct limits limit = {0};

	/* what somebody is writing just now: nor is it known what limit these were claimed by */
	if (disk_byte("/sim/.slurmq/jobs.db-journal") > 0 || disk_locked(db_path)) {
		story.limit_most = INT64_MAX;
		return;
	}
	sim_self = NULL;
	store.db = look();
	if (store.db && !db_counts(store.db, counts, NULL) && !limits_get(&store, &limit, NULL)) {
		if (limit.jobs > story.limit_most)
			story.limit_most = limit.jobs;
		flying = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
		if (flying > (story.limit_most > 2 ? story.limit_most - 1 : 1))
			sim_violation("%d jobs are in flight with %d more, and the limit is %d",
				      (int)flying, ntasks, (int)story.limit_most);
	}
	limits_release(&limit);
	db_close(store.db);
	sim_self = me;
}

/* ---- what must be true at the end ---- */

static const struct sim_work *ended_well(int64_t job, const char *key)
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
			sim_violation("%016" PRIx64 ".%d told its end, and is no attempt",
				      e->submission, e->task);
			continue;
		}
		if (a.closed != CLOSED_REPORTED || a.completed != e->completed ||
		    (!e->completed && a.exit_code != e->exit_code))
			sim_violation(
				"attempt %d told %s (exit %d), and the database has it closed "
				"by %d as %s (%s, exit %d)",
				(int)a.id, e->completed ? "completed" : "failed", e->exit_code,
				a.closed, a.completed ? "completed" : "failed",
				job_reason_name(a.reason), a.exit_code);
		db_attempt_release(&a);
	}
}

/* Steps as the database has them, against what the commands did. */
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
			sim_violation("%016" PRIx64 ".%d ran, and is no attempt", w->submission,
				      w->task);
			continue;
		}
		w->attempt = a.id;
		if (a.job != w->job)
			sim_violation("attempt %d ran job %d, and is job %d's", (int)a.id,
				      (int)w->job, (int)a.job);
		if (!db_steps(db, a.id, &v, &n, NULL)) {
			for (size_t s = 0; s < n; s++)
				if (!strcmp(v[s].key, w->key) && v[s].state == STEP_COMPLETED &&
				    (!w->done || w->at_exit || w->at_signal))
					sim_violation(
						"step %s of attempt %d is recorded completed, "
						"and was not",
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
		sim_violation("job %d is %s for no reason", (int)job->id,
			      job_state_name(job->state));
	if (job->state == JOB_COMPLETED && !ended_well(job->id, NULL))
		sim_violation("job %d is completed, and no command of it was", (int)job->id);
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
	struct db *db = look();

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
		policy_judge(db_path, story.policies);
}

/* ---- the three parts ---- */

struct state {
	int64_t pending, flying, held, paused;
	int64_t limit;	 /* as slurmq knows it */
	int64_t stopped; /* paused, since so many, and all jobs were cancelled in Slurm */
};

static bool idle(void)
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
	struct db *db = look();

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

/* A job that was ended while the last one chained: it had been counted upon. */
static bool counted_upon(const struct sim_job *last)
{
	for (const struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j != last && !j->left_normally && j->ended >= last->told)
			return true;
	return false;
}

/*
 * Nothing is left that would go on: was that right? It was not where work is pending, nothing is paused,
 * and the last job of all to leave did so by itself: neither was it killed, nor was it told to end, nor
 * was another while it chained, and no person has come since, or been told since that it did not go well, or cancelled
 * everything. A limit of one leaves no slot to chain with, and where each call may take seconds, the queue lock is not to be
 * had within its minute.
 */
static void judge_chain(void)
{
	const struct sim_job *last = last_to_end();
	struct state s = read_state();

	story.chain_judged = true;
	if ((story.only_one || story.only_some) && s.stopped)
		sim_violation("the queue is paused, and not all jobs were cancelled");
	if (!s.pending || s.paused || !last || !last->left_normally || last->one_slot)
		return;
	if (cluster.last_scancel > story.last_typed && last->ended > cluster.last_scancel)
		return;
	if (sim.k.slow > SEC || last->ended <= story.last_typed ||
	    (counted_upon(last) && !story.only_one && !story.only_some) || s.limit == 1)
		return;
	sim_violation(
		"the chain has died: %d pending, %d in flight, nothing in Slurm; the last job "
		"to end was %" PRIu64,
		(int)s.pending, (int)s.flying, last->id);
}

static bool only_scancels(void)
{
	return story.only_scancel || story.only_one || story.only_some;
}

static void knobs(void)
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
	if (only_scancels()) {
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
	if (only_scancels())
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

/* Where a sweep has a policy, there is something to do for it. */
static void policy_knobs(void)
{
	static const int fails[] = {15, 30, 60, 90};

	sim.k.step_fails = fails[sim_rnd(4)];
	sim.k.step_signals = sim_rnd(3) ? 0 : 30;
	if (only_scancels())
		return;
	sim.k.site_harms = sim_rnd(3) ? 0 : sim_rnd(2) ? 95 : 25;
	story.allowed |= 1 << TROUBLE_NODE | 1 << TROUBLE_PREEMPT | 1 << TROUBLE_REQUEUE;
	story.allowed |= 1 << TROUBLE_TIMEOUT | 1 << TROUBLE_KILL_BATCH | 1 << TROUBLE_SCANCEL;
}

/* Half of the seeds. Not by their own chance, so that the others are what they were before; and those of
 * t0900, which once broke a promise, are among them. */
static bool with_policy(uint64_t seed)
{
	return sim_hash(seed ^ (uint64_t)683 << 32) & 1;
}

static void begin_with(uint64_t seed)
{
	int i = with_policy(seed) ? (int)(IMAGES + sim_rnd(WITH_POLICY)) : (int)sim_rnd(IMAGES);

	disk_load(images[i]);
	story.policies = i < IMAGES ? NULL : policies[i];
}

static void part_of_faults(void)
{
	int64_t long_ = 5 * MINUTE + sim_rnd(sim_rnd(3) ? 30 * MINUTE : 2 * HOUR);
	int commands = (int)sim_rnd(8), troubles = (int)sim_rnd(10);

	sim.faults = true;
	TYPES("submit");
	if (only_scancels())
		commands = troubles = 0;
	if (story.only_scancel)
		sim_at(sim_rnd(sim.k.step_long < 10 * SEC ? MINUTE : long_), scancel_all, NULL);
	if (story.only_one)
		sim_at(sim_rnd(30 * SEC), scancel_one, NULL);
	if (story.only_some)
		sim_at(25 * SEC + sim_rnd(long_), scancel_some, NULL);
	for (int i = 0; i < commands; i++)
		sim_at(sim_rnd(long_), some_command, NULL);
	for (int i = 0; i < troubles; i++)
		sim_at(sim_rnd(long_), some_trouble, NULL);
	sim_run(long_ + story.only_scancel * 6 * HOUR);
	sim.faults = false;
	cluster.away = false;
	cluster.nothing_from = 0;
	story.begin_quiet = sim.now;
	sim_trace("from now on nothing fails");
}

/* Nothing but a submit, while processes may be killed. */
static void part_of_grid(void)
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

static void judge_grid(void)
{
	struct db *db = look();

	if (db)
		grid_judge(db);
	db_close(db);
}

static void part_of_quiet(void)
{
	for (int i = 0; i < 60 && !idle() && !sim.broken[0]; i++)
		sim_run(sim.now + 10 * MINUTE);
	if (idle() && !sim.broken[0])
		judge_chain();
	if (grid_is_on() && idle() && !sim.broken[0])
		judge_grid();
}

static bool at_rest(const struct state *s)
{
	return idle() && !s->flying && (!s->pending || s->paused);
}

static void part_of_owner(void)
{
	struct state s = {.flying = 1};

	for (int i = 0; i < VISITS && !sim.broken[0]; i++) {
		if (i == MENDED)
			sim.k.site_harms = 0;
		if (!idle()) {
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
		else if (at_rest(&s))
			return;
		else
			TYPES("submit");
		sim_run(sim.now + 12 * MINUTE);
	}
	if (!sim.broken[0])
		sim_violation(
			"it does not come to rest: %d pending, %d in flight, %d in Slurm, %d processes",
			(int)s.pending, (int)s.flying, cluster_active(), sim_procs_count());
}

void story_play(uint64_t seed)
{
	memset(&story, 0, sizeof(story));
	sqlite3_randomness(0, NULL);
	sim_world_reset(seed);
	cluster_reset();
	ledger_reset();
	begin_with(seed);
	knobs();
	if (story.policies)
		policy_knobs();
	grid_begin(seed);
	if (grid_is_on())
		part_of_grid();
	else
		part_of_faults();
	part_of_quiet();
	part_of_owner();
	if (!sim.broken[0])
		check_all();
}
