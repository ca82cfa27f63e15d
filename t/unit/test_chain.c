/* test_chain.c - the end of a job: the last job of a folder stays if it must, other jobs leave */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "chain/cancel.h"
#include "chain/chain.h"
#include "chain/health.h"
#include "fake_slurm.h"
#include "lib/proc.h"
#include "sweep_here.h"

static int lines_said;

static void count_line(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	lines_said++;
}

static int set_up(void **state)
{
	fake_reset();
	lines_said = 0;
	proc_signals_block();
	while (proc_signal_wait(0) > 0)
		;
	return here_set_up(state);
}

static void put_sweep(struct here *h)
{
	struct expand_result r;

	assert_int_equal(here_expand(h,
				     "name: ten\nparams: {n: [0, 1, 2, 3, 4]}\nrun: [\"true\"]\n",
				     NULL, &r, NULL),
			 0);
	expand_result_release(&r);
}

static void end_job(struct here *h, bool refill)
{
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = refill, .lock_ms = 1000, .stay_ms = 1, .say = count_line});
}

static int64_t count_state(struct here *h, int state)
{
	int64_t counts[JOB_NSTATES];

	assert_int_equal(db_counts(h->store.db, counts, NULL), 0);
	return counts[state];
}

static void refills_and_leaves(void **state)
{
	struct here *h = *state;

	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(lines_said, 0);
}

static void a_cancelled_job_submits_nothing(void **state)
{
	struct here *h = *state;

	put_sweep(h);
	end_job(h, false);
	assert_int_equal(fake.sbatches, 0);
	assert_int_equal(count_state(h, JOB_PENDING), 5);
}

/* A job waits for a temporary obstacle: the limit, or a busy Slurm. */
static void stays_until_something_is_submitted(void **state)
{
	static const int answers[] = {SLURM_LIMIT, SLURM_BUSY, SLURM_NO_SBATCH};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = 9;
		fake.used = 9; /* Slurm reports no free slot */
		fake.answers[0] = fake.answers[1] = fake.answers[2] = answers[i];
		fake.nanswers = 3;
		put_sweep(h);
		end_job(h, true);
		assert_int_equal(fake.sbatches, 4);
		assert_true(lines_said > 0);
		here_tear_down(&s);
	}
}

static void waits_after_an_unclear_answer(void **state)
{
	struct here *h = *state;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	fake.accept_silently = true;
	put_sweep(h);
	end_job(h, true); /* after its wait it finds the Slurm job by its name */
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(count_state(h, JOB_QUEUED), 5);
}

static char *removed;

static void remove_folder(void)
{
	char *cmd = mem_printf("rm -rf '%s'", removed);

	assert_int_equal(system(cmd), 0);
	free(cmd);
}

/* The folder is removed during sbatch: the last job does not stay, since the folder does not
 * come back. */
static void leaves_if_the_folder_is_removed(void **state)
{
	struct here *h = *state;

	fake.answers[0] = SLURM_BUSY;
	fake.nanswers = 1;
	fake.on_sbatch = remove_folder;
	removed = h->store.dir;
	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	assert_true(lines_said > 0);
}

static void leaves_if_other_jobs_remain(void **state)
{
	struct here *h = *state;

	fake.limit = 3;
	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	fake.answers[1] = SLURM_LIMIT;
	fake.nanswers = 2;
	end_job(h, true);
	assert_int_equal(lines_said, 0);
}

static void leaves_if_waiting_is_useless(void **state)
{
	static const struct {
		int64_t limit;
		const char *key, *value;
		int answer;
	} v[] = {
		{1, "x", "1", SLURM_LIMIT},	    /* this job's own slot is the only one */
		{9, ".paused", "1", SLURM_LIMIT},   /* the user paused the queue */
		{9, ".paused.1", "1", SLURM_LIMIT}, /* or the sweep */
		{9, "x", "1", SLURM_REFUSED},	    /* refused, so held: a user is needed */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = v[i].limit;
		fake.used = v[i].limit;
		for (int k = 0; k < 64; k++)
			fake.answers[k] = v[i].answer;
		fake.nanswers = 64;
		put_sweep(h);
		assert_int_equal(db_begin(h->store.db, NULL), 0);
		assert_int_equal(db_setting_set(h->store.db, v[i].key, v[i].value, NULL), 0);
		assert_int_equal(db_commit(h->store.db, NULL), 0);
		end_job(h, true);
		assert_true(fake.sbatches <= 1);
		here_tear_down(&s);
	}
}

static pid_t fork_lock_holder(struct here *h, const char *name)
{
	struct folder *other;
	int lock, ready[2];
	pid_t pid;
	char c = 0;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (folder_open(h->store.dir, &other, NULL) ||
		    folder_lock(other, name, &lock, NULL) || write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static pid_t fork_staying_job(struct here *h)
{
	return fork_lock_holder(h, FOLDER_LAST);
}

static void only_one_stays(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	fake.limit = fake.used = 9;
	fake.answers[0] = SLURM_LIMIT;
	fake.nanswers = 1;
	put_sweep(h);
	pid = fork_staying_job(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* SIGTERM while the job chains: before its sbatch, in the middle of it, or while it stays. */
static void a_late_sigterm_submits_nothing(void **state)
{
	struct here *h = *state;

	put_sweep(h);
	kill(getpid(), SIGTERM);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 0);
	assert_int_equal(count_state(h, JOB_PENDING), 5);
	assert_true(folder_file_exists(h->store.folder, "cancelled/0"));
}

static void send_term(void)
{
	kill(getpid(), SIGTERM);
}

/* A submission that is already claimed is completed and not undone. */
static void sigterm_during_sbatch(void **state)
{
	struct here *h = *state;

	fake.on_sbatch = send_term;
	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(fake.cancelled.n, 0);
	assert_int_equal(count_state(h, JOB_QUEUED) + count_state(h, JOB_SUBMITTING), 5);
}

static void sigterm_ends_the_stay(void **state)
{
	struct here *h = *state;

	fake.limit = fake.used = 9;
	for (int k = 0; k < 64; k++)
		fake.answers[k] = SLURM_LIMIT;
	fake.nanswers = 64;
	fake.on_sbatch = send_term;
	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
}

/* At the time limit the chain still submits. */
static void a_time_limit_submits(void **state)
{
	struct here *h = *state;

	setenv("SLURM_JOB_ID", "7", 1);
	fake.njobs = 1;
	fake.jobs[0].id = 7;
	fake.jobs[0].ntasks = 1;
	snprintf(fake.jobs[0].state[0], 24, "COMPLETING");
	fake_reason = "TimeLimit";
	put_sweep(h);
	kill(getpid(), SIGTERM);
	end_job(h, true);
	unsetenv("SLURM_JOB_ID");
	fake_reason = NULL;
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(fake.cancelled.n, 0);
}

static int until_term;

static void send_time_limit(void)
{
	if (--until_term == 0)
		kill(getpid(), SIGTERM);
}

/* At the time limit a job that stays goes on staying: it has until SIGKILL. */
static void a_time_limit_ends_no_stay(void **state)
{
	struct here *h = *state;

	setenv("SLURM_JOB_ID", "7", 1);
	fake.njobs = 1;
	fake.jobs[0].id = 7;
	fake.jobs[0].ntasks = 1;
	snprintf(fake.jobs[0].state[0], 24, "COMPLETING");
	fake_reason = "TimeLimit";
	for (int k = 0; k < 3; k++)
		fake.answers[k] = SLURM_BUSY;
	fake.nanswers = 3;
	until_term = 3;
	fake.on_sbatch = send_time_limit;
	put_sweep(h);
	end_job(h, true);
	unsetenv("SLURM_JOB_ID");
	fake_reason = NULL;
	assert_int_equal(fake.sbatches, 4);
	assert_int_equal(count_state(h, JOB_QUEUED) + count_state(h, JOB_SUBMITTING), 5);
	assert_int_equal(fake.cancelled.n, 0);
}

static struct here *broken;

static void remove_obstacle(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	if (++lines_said == 6)
		here_sql(broken, "DROP TRIGGER no");
}

/* Claims of the job's own failed submissions are no other jobs: a job that is alone stays as long
 * as it must. */
static void its_own_claims_do_not_count(void **state)
{
	struct here *h = *state;

	put_sweep(h);
	here_sql(h,
		 "CREATE TRIGGER no BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'no'); END");
	broken = h;
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = true, .lock_ms = 1000, .stay_ms = 1, .say = remove_obstacle});
	assert_true(lines_said >= 6);
	assert_int_equal(count_state(h, JOB_QUEUED) + count_state(h, JOB_SUBMITTING), 5);
}

/* Rows say that others are left, and Slurm has none of them: they died with their nodes. */
static void dead_jobs_do_not_count(void **state)
{
	struct here *h = *state;

	fake.limit = 4;
	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	for (int i = 0; i < 3; i++)
		snprintf(fake.jobs[0].state[i], 24, "NODE_FAIL");
	end_job(h, true);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(count_state(h, JOB_FAILED), 3);
	assert_int_equal(count_state(h, JOB_PENDING), 0);
}

static void send_sigterm_at_third_query(void)
{
	if (fake.squeues != 3)
		return;
	snprintf(fake.jobs[0].state[0], 24, "COMPLETING");
	kill(getpid(), SIGTERM);
}

/* A job that did not win its claim is no other job either, although Slurm and its row show it. */
static void the_job_itself_does_not_count(void **state)
{
	struct here *h = *state;

	fake.limit = 2;
	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	snprintf(fake.jobs[0].state[0], 24, "RUNNING");
	fake.on_squeue = send_sigterm_at_third_query;
	setenv("SLURM_JOB_ID", "100", 1);
	end_job(h, true);
	unsetenv("SLURM_JOB_ID");
	assert_true(lines_said > 0);
}

static void answer_after_some_queries(void)
{
	fake.away = fake.squeues < 4;
}

/* The same in an outage: a claim may belong to a dead job, so the job waits for Slurm's answer. */
static void dead_jobs_in_an_outage(void **state)
{
	struct here *h = *state;

	fake.limit = 4;
	put_sweep(h);
	end_job(h, true);
	for (int i = 0; i < 3; i++)
		snprintf(fake.jobs[0].state[i], 24, "NODE_FAIL");
	fake.on_squeue = answer_after_some_queries;
	end_job(h, true);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(count_state(h, JOB_FAILED), 3);
}

static char *manifests;

static void make_manifests_older(void)
{
	char *cmd = mem_printf("touch -d '1 hour ago' %s/*", manifests);

	assert_int_equal(system(cmd), 0);
	free(cmd);
}

/* Queries of squeue: fake.on_squeue makes more than a minute pass, and lets some of the first
 * fail. */
static struct {
	struct here *h;
	int n, away; /* number of queries, how many of the first fail */
} queries;

static void make_a_minute_pass(void)
{
	struct db_flight *v;
	int64_t at;
	size_t n;

	fake.away = queries.n && queries.n <= queries.away;
	queries.n++;
	assert_int_equal(db_begin(queries.h->store.db, NULL), 0);
	assert_int_equal(db_flights(queries.h->store.db, &v, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		if (v[i].missing_since)
			assert_int_equal(db_attempt_missing(queries.h->store.db, v[i].attempt,
							    v[i].missing_since - 70000, NULL),
					 0);
	free(v);
	assert_int_equal(db_setting_int(queries.h->store.db, ".reconcile.at", 0, &at, NULL), 0);
	assert_int_equal(db_setting_set_int(queries.h->store.db, ".reconcile.at", at - 70000, NULL),
			 0);
	assert_int_equal(db_commit(queries.h->store.db, NULL), 0);
}

/* Nothing is pending, and some running jobs died without a report. No other process would notice
 * that. */
static void the_last_job_waits_for_dead_jobs(void **state)
{
	(void)state;
	/* Slurm answers every query, or fails some */
	for (int away = 0; away < 2; away++) {
		struct folder_entry e;
		struct who who = {.slurm_id = 101, .node = "n1", .pid = 1, .random = 7};
		struct here *h;
		uint64_t t;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_sweep(h);
		end_job(h, true);
		assert_int_equal(count_state(h, JOB_PENDING), 0);
		t = strtoull(strrchr(fake.jobs[0].name, '.') + 1, NULL, 16);
		assert_int_equal(claim_file_win(h->store.folder, t, 1, &who, &e, NULL), 0);
		for (int i = 0; i < 5; i++)
			snprintf(fake.jobs[0].state[i], 24, "NODE_FAIL");
		queries.h = h;
		queries.n = 0;
		queries.away = 3 * away;
		fake.on_squeue = make_a_minute_pass;
		lines_said = 0;
		end_job(h, true);
		assert_true(lines_said > 0);
		assert_true(queries.n >= 2 + queries.away);
		assert_int_equal(count_state(h, JOB_FAILED), 5);
		assert_int_equal(fake.sbatches, 1);
		here_tear_down(&s);
	}
}

/* The last job does not wait for running jobs that are alive. */
static void no_wait_for_running_jobs(void **state)
{
	struct here *h = *state;

	put_sweep(h);
	end_job(h, true);
	lines_said = 0;
	fake.squeues = 0;
	snprintf(fake.jobs[0].state[1], 24, "NODE_FAIL");
	end_job(h, true);
	assert_int_equal(lines_said, 0);
	assert_int_equal(fake.squeues, 1);
}

/* Submissions without a clear answer fill the queue, and Slurm has none of them. */
static void unanswered_submissions_do_not_count(void **state)
{
	struct here *h = *state;

	fake.limit = 3;
	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	put_sweep(h);
	manifests = mem_printf("%s/manifests", h->store.dir);
	fake.on_squeue = make_manifests_older;
	end_job(h, true);
	free(manifests);
	assert_true(fake.sbatches >= 2);
	assert_int_equal(count_state(h, JOB_SUBMITTING) + count_state(h, JOB_QUEUED), 2);
	assert_int_equal(fake_active(), 2);
}

/* A process that only ingests, as slurmq status does, ingested this job's record but submitted
 * nothing. */
static void a_lock_holder_that_only_ingests(void **state)
{
	struct here *h = *state;
	char name[FOLDER_NAME_SIZE] = "00000000000000aa.0.5,0,n,1,0000000000000001";
	struct folder *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put_sweep(h);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (folder_open(h->store.dir, &other, NULL) || queue_lock_try(other, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		usleep(100000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = true, .event = name, .lock_ms = 5000, .stay_ms = 10});
	assert_int_equal(fake.sbatches, 1);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* The holder of the queue lock hangs: a job with a record in the outbox that is alone stays until
 * the record is ingested. */
static void a_lock_holder_that_hangs(void **state)
{
	struct here *h = *state;
	char name[FOLDER_NAME_SIZE] = "00000000000000aa.0.5,0,n,1,0000000000000001";
	struct folder *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put_sweep(h);
	assert_int_equal(folder_file_put(h->store.folder,
					 "outbox/00000000000000aa.0.5,0,n,1,0000000000000001",
					 "x\n", 2, 0600, NULL),
			 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (folder_open(h->store.dir, &other, NULL) || queue_lock_try(other, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		usleep(300000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	chain_end(&h->store, &(struct chain_opts){
				     .refill = true, .event = name, .lock_ms = 20, .stay_ms = 10});
	assert_int_equal(fake.sbatches, 1);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

static void cancel_us(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	if (++lines_said == 1)
		kill(getpid(), SIGTERM);
}

/* Cancelled while it stays and before it got the queue lock: it does not try again. */
static void a_hanging_lock_holder_and_a_cancel(void **state)
{
	struct here *h = *state;
	struct folder *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put_sweep(h);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (folder_open(h->store.dir, &other, NULL) || queue_lock_try(other, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(chain_end(&h->store, &(struct chain_opts){.refill = true,
								   .lock_ms = 20,
								   .stay_ms = 10,
								   .say = cancel_us}),
			 CHAIN_NOTHING);
	assert_int_equal(fake.sbatches, 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* If the holder of the queue lock hangs, a job leaves if others remain: running jobs, or tasks that
 * may still start. Only a job that is alone stays. */
static void a_hanging_lock_holder_and_other_jobs(void **state)
{
	static const struct {
		const char *rest; /* the states of two tasks that were submitted */
		bool stays;
	} v[] = {{"rr", false}, {"jj", false}, {"rx", false}, {"jx", false}, {"xx", true}};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct who who = {.slurm_id = 100, .node = "n1", .pid = 1, .random = 7};
		char name[FOLDER_NAME_SIZE];
		struct folder_entry e;
		struct folder *other;
		int status, ready[2];
		struct here *h;
		uint64_t t;
		char c = 0;
		pid_t pid;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = 3;
		put_sweep(h);
		end_job(h, true);
		assert_int_equal(fake.sbatches, 1);
		t = strtoull(strrchr(fake.jobs[0].name, '.') + 1, NULL, 16);
		for (int k = 0; k < 2; k++) {
			snprintf(name, sizeof(name), "%016" PRIx64 ".%d", t, k);
			if (v[i].rest[k] == 'j')
				assert_int_equal(
					claim_file_win(h->store.folder, t, k, &who, &e, NULL), 0);
			else if (v[i].rest[k] == 'x')
				assert_int_equal(
					folder_remove(h->store.folder, FOLDER_CLAIMS, name, NULL),
					0);
		}
		assert_int_equal(pipe(ready), 0);
		pid = fork();
		if (!pid) {
			if (folder_open(h->store.dir, &other, NULL) ||
			    queue_lock_try(other, NULL) || write(ready[1], &c, 1) != 1)
				_exit(1);
			usleep(300000);
			_exit(0);
		}
		assert_int_equal(read(ready[0], &c, 1), 1);
		chain_end(&h->store,
			  &(struct chain_opts){
				  .refill = true, .lock_ms = 20, .stay_ms = 1, .say = count_line});
		if ((lines_said > 0) != v[i].stays)
			fail_msg("%s: %s", v[i].rest, lines_said ? "it stays" : "it leaves");
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		close(ready[0]);
		close(ready[1]);
		here_tear_down(&s);
	}
}

/* ---- after an external cancel ---- */

/* Puts an array of four into Slurm, and allows one job more. One of the four was cancelled ago ms
 * before. */
static void cancel_one_of_four(struct here *h, const char *state, int64_t ago)
{
	fake.limit = 5;
	put_sweep(h);
	end_job(h, true);
	assert_int_equal(fake.sbatches, 1);
	for (int i = 0; i < 4; i++)
		snprintf(fake.jobs[0].state[i], 24, "%s", i ? "RUNNING" : state);
	fake.jobs[0].ended_at[0] = clock_now_ms() - ago;
	cancel_record(h->store.folder, &(struct who){.slurm_id = 100});
	scratch_later(h->store.dir, "cancelled/100", ago);
	here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
	fake.limit = 6;
	lines_said = 0;
}

static int sent; /* the signal that the job gets while it stays */

static void send_at_first_line(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	if (++lines_said == 1 && sent)
		kill(getpid(), sent);
}

static void end_with(struct here *h, int sig)
{
	sent = sig;
	chain_end(&h->store, &(struct chain_opts){.refill = true,
						  .lock_ms = 1000,
						  .stay_ms = 1,
						  .say = send_at_first_line});
}

/* A job that ends in the hold-off stays until it is over. Then it submits unless all jobs were
 * cancelled. */
static void outlasts_the_hold_off(void **state)
{
	static const struct {
		int64_t ago;
		bool second; /* two were cancelled, and no survivor is left */
		int sig;     /* sent to this job while it stays */
		const char *reason;
		bool goes_on, recorded;
		int64_t least, most; /* duration in ms */
	} v[] = {
		{9000, false, 0, NULL, true, false, 200, 20000},
		{9000, true, 0, NULL, false, false, 200, 20000},
		{9000, false, SIGUSR1, NULL, true, false, 200, 20000},
		{9000, false, SIGTERM, "TimeLimit", true, false, 200, 20000},
		{5000, false, SIGTERM, "None", false, true, 0, 4000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t began, took, paused;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		cancel_one_of_four(h, "CANCELLED", v[i].ago);
		if (v[i].second) {
			for (int k = 1; k < 4; k++) {
				snprintf(fake.jobs[0].state[k], 24, "CANCELLED");
				fake.jobs[0].ended_at[k] = fake.jobs[0].ended_at[0];
			}
		}
		setenv("SLURM_JOB_ID", "7", 1);
		fake.jobs[1] = (struct fake_job){.id = 7, .ntasks = 1};
		snprintf(fake.jobs[1].state[0], 24, "COMPLETING");
		fake.njobs = 2;
		fake_reason = v[i].reason;
		began = clock_mono_ms();
		end_with(h, v[i].sig);
		took = clock_mono_ms() - began;
		unsetenv("SLURM_JOB_ID");
		fake_reason = NULL;
		if ((fake.sbatches == 2) != v[i].goes_on || lines_said != 1)
			fail_msg("case %zu: %zu submissions", i, fake.sbatches);
		if (took < v[i].least || took > v[i].most)
			fail_msg("case %zu: took %d ms", i, (int)took);
		assert_int_equal(folder_file_exists(h->store.folder, "cancelled/7"), v[i].recorded);
		assert_int_equal(cancel_phase(h->store.folder, NULL) == CANCEL_NONE,
				 !v[i].recorded);
		assert_int_equal(db_setting_int(h->store.db, ".paused", 0, &paused, NULL), 0);
		assert_int_equal(paused, v[i].second);
		here_tear_down(&s);
	}
}

/* Several jobs outlast the hold-off: one decides and submits; the others leave after the decision,
 * not before. */
static void one_job_decides(void **state)
{
	struct here *h = *state;
	int64_t began;
	int status;
	pid_t pid, decider;

	cancel_one_of_four(h, "CANCELLED", 7000);
	pid = fork_staying_job(h);
	decider = fork();
	if (!decider) {
		char *path = mem_printf("%s/cancelled/100", h->store.dir);

		usleep(4000000);
		_exit(unlink(path) != 0);
	}
	began = clock_mono_ms();
	end_with(h, 0);
	assert_in_range(clock_mono_ms() - began, 300, 30000);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(fake.squeues, 0);
	assert_int_equal(waitpid(decider, &status, 0), decider);
	assert_int_equal(status, 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void make_slurm_answer(void)
{
	fake.away = fake.squeues < 3;
}

/* If Slurm does not answer, one job stays until the decision can be made, and then submits. */
static void stays_until_the_decision(void **state)
{
	struct here *h = *state;

	cancel_one_of_four(h, "CANCELLED", 11000);
	fake.squeues = 0;
	fake.on_squeue = make_slurm_answer;
	end_with(h, 0);
	assert_true(fake.squeues >= 3);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
}

/* The lock is held until the job submits: status uses that. */
static struct here *watched;
static int seen_held;

static void check_deciding_lock(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		struct folder *other;
		int lock;

		_exit(folder_open(watched->store.dir, &other, NULL) ||
		      folder_lock(other, FOLDER_LAST, &lock, NULL) != FOLDER_BUSY);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	seen_held += !status;
}

static void other_jobs_see_that_it_waits(void **state)
{
	struct here *h = *state;

	cancel_one_of_four(h, "CANCELLED", 7000);
	watched = h;
	seen_held = 0;
	fake.on_sbatch = check_deciding_lock;
	end_with(h, 0);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(seen_held, 1);
}

static void status_sees_that_it_waits(void **state)
{
	static const char *const locks[] = {NULL, FOLDER_LAST, "expand"};
	struct here *h = *state;

	put_sweep(h);
	here_sql(h, "INSERT INTO setting VALUES ('.chain.last_refill', 1)");
	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		pid_t pid = locks[i] ? fork_lock_holder(h, locks[i]) : 0;
		struct health c;
		int status;

		assert_int_equal(health_read(&h->store, &c, NULL), 0);
		if (c.state != (i == 1 ? CHAIN_ALIVE : CHAIN_STALLED))
			fail_msg("case %zu: %d", i, (int)c.state);
		health_release(&c);
		if (pid) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
	}
}

/* slurmq cancel ended this job: it withdraws its own cancel record, and no other. */
static void a_requested_end_leaves_no_record(void **state)
{
	(void)state;
	for (int requested = 0; requested < 2; requested++) {
		char name[FOLDER_NAME_SIZE];
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		cancel_one_of_four(h, "CANCELLED", 1000);
		cancel_record(h->store.folder, &(struct who){.slurm_id = 101});
		if (requested)
			here_sql(h, "UPDATE job SET request = 1 WHERE id = 1");
		snprintf(name, sizeof(name), "%s.0.100,0,n,1,0000000000000001",
			 strrchr(fake.jobs[0].name, '.') + 1);
		setenv("SLURM_JOB_ID", "100", 1);
		chain_end(&h->store, &(struct chain_opts){.event = name, .lock_ms = 1000});
		unsetenv("SLURM_JOB_ID");
		assert_int_equal(folder_file_exists(h->store.folder, "cancelled/100"), !requested);
		assert_true(folder_file_exists(h->store.folder, "cancelled/101"));
		assert_int_equal(fake.sbatches, 1);
		here_tear_down(&s);
	}
}

static void make_slurm_answer_next(void)
{
	fake.away = fake.squeues < 2;
}

/* A decision for a job that is about to start. The database handle is left as it was, open or
 * closed. */
static void decides_before_a_job_starts(void **state)
{
	(void)state;
	for (int open = 0; open < 2; open++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		cancel_one_of_four(h, "CANCELLED", 11000);
		fake.squeues = 0;
		fake.on_squeue = open ? NULL : make_slurm_answer_next; /* Slurm is queried again */
		if (!open) {
			db_close(h->store.db);
			h->store.db = NULL;
		}
		assert_true(chain_decide(&h->store));
		assert_int_equal(h->store.db != NULL, open);
		assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
		assert_int_equal(fake.squeues, open ? 1 : 2);
		here_tear_down(&s);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(refills_and_leaves),
		T(a_cancelled_job_submits_nothing),
		cmocka_unit_test(stays_until_something_is_submitted),
		T(waits_after_an_unclear_answer),
		T(leaves_if_the_folder_is_removed),
		T(leaves_if_other_jobs_remain),
		cmocka_unit_test(leaves_if_waiting_is_useless),
		T(only_one_stays),
		T(a_late_sigterm_submits_nothing),
		T(sigterm_during_sbatch),
		T(sigterm_ends_the_stay),
		T(a_time_limit_submits),
		T(a_time_limit_ends_no_stay),
		T(its_own_claims_do_not_count),
		T(dead_jobs_do_not_count),
		T(the_job_itself_does_not_count),
		T(dead_jobs_in_an_outage),
		cmocka_unit_test(the_last_job_waits_for_dead_jobs),
		T(no_wait_for_running_jobs),
		T(unanswered_submissions_do_not_count),
		T(a_lock_holder_that_hangs),
		T(a_hanging_lock_holder_and_a_cancel),
		T(a_lock_holder_that_only_ingests),
		cmocka_unit_test(a_hanging_lock_holder_and_other_jobs),
		cmocka_unit_test(outlasts_the_hold_off),
		T(one_job_decides),
		T(stays_until_the_decision),
		T(other_jobs_see_that_it_waits),
		T(status_sees_that_it_waits),
		cmocka_unit_test(a_requested_end_leaves_no_record),
		cmocka_unit_test(decides_before_a_job_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
