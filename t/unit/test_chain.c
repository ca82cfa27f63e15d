/* test_chain.c - the last one out stays, and nobody else does */
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

static int said;

static void count_said(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	said++;
}

static int set_up(void **state)
{
	fake_reset();
	said = 0;
	proc_signals_block();
	while (proc_signal_wait(0) > 0)
		;
	return here_set_up(state);
}

static void put(struct here *h)
{
	struct expand_result r;

	assert_int_equal(here_expand(h,
				     "name: ten\nparams: {n: [0, 1, 2, 3, 4]}\nrun: [\"true\"]\n",
				     NULL, &r, NULL),
			 0);
	expand_result_release(&r);
}

static void end(struct here *h, bool refill)
{
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = refill, .lock_ms = 1000, .stay_ms = 1, .say = count_said});
}

static int64_t count(struct here *h, int state)
{
	int64_t counts[JOB_NSTATES];

	assert_int_equal(db_counts(h->store.db, counts, NULL), 0);
	return counts[state];
}

static void refills_and_goes(void **state)
{
	struct here *h = *state;

	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(said, 0);
}

static void a_cancelled_job_submits_nothing(void **state)
{
	struct here *h = *state;

	put(h);
	end(h, false);
	assert_int_equal(fake.sbatches, 0);
	assert_int_equal(count(h, JOB_PENDING), 5);
}

/* What will pass is waited for: the limit, a Slurm that is busy. */
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
		fake.used = 9; /* Slurm says that there is no room at all */
		fake.answers[0] = fake.answers[1] = fake.answers[2] = answers[i];
		fake.nanswers = 3;
		put(h);
		end(h, true);
		assert_int_equal(fake.sbatches, 4);
		assert_true(said > 0);
		here_tear_down(&s);
	}
}

static void no_clear_answer_is_waited_for_too(void **state)
{
	struct here *h = *state;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	fake.accept_silently = true;
	put(h);
	end(h, true); /* its pause over, it finds the job by its name */
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(count(h, JOB_QUEUED), 5);
}

static void goes_where_others_are_left(void **state)
{
	struct here *h = *state;

	fake.limit = 3;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	fake.answers[1] = SLURM_LIMIT;
	fake.nanswers = 2;
	end(h, true);
	assert_int_equal(said, 0);
}

static void nothing_to_wait_for(void **state)
{
	static const struct {
		int64_t limit;
		const char *key, *value;
		int answer;
	} v[] = {
		{1, "x", "1", SLURM_LIMIT},	  /* our own slot is all there is */
		{9, ".paused", "1", SLURM_LIMIT}, /* the owner's word */
		{9, "x", "1", SLURM_REFUSED},	  /* held: a person is needed */
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
		put(h);
		assert_int_equal(db_begin(h->store.db, NULL), 0);
		assert_int_equal(db_setting_set(h->store.db, v[i].key, v[i].value, NULL), 0);
		assert_int_equal(db_commit(h->store.db, NULL), 0);
		end(h, true);
		assert_true(fake.sbatches <= 1);
		here_tear_down(&s);
	}
}

static pid_t somebody_holds(struct here *h, const char *name)
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

static pid_t somebody_else_stays(struct here *h)
{
	return somebody_holds(h, FOLDER_LAST);
}

static void only_one_stays(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	fake.limit = fake.used = 9;
	fake.answers[0] = SLURM_LIMIT;
	fake.nanswers = 1;
	put(h);
	pid = somebody_else_stays(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* Cancelled while it chains: before its sbatch, in the middle of it, or while it stays. */
static void a_late_term_submits_nothing(void **state)
{
	struct here *h = *state;

	put(h);
	kill(getpid(), SIGTERM);
	end(h, true);
	assert_int_equal(fake.sbatches, 0);
	assert_int_equal(count(h, JOB_PENDING), 5);
	assert_true(folder_file_exists(h->store.folder, "cancelled/0"));
}

static void send_term(void)
{
	kill(getpid(), SIGTERM);
}

/* What is claimed by then is submitted to its end, and not undone. */
static void term_in_the_middle_of_sbatch(void **state)
{
	struct here *h = *state;

	fake.on_sbatch = send_term;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(fake.cancelled.n, 0);
	assert_int_equal(count(h, JOB_QUEUED) + count(h, JOB_SUBMITTING), 5);
}

static void term_ends_the_stay(void **state)
{
	struct here *h = *state;

	fake.limit = fake.used = 9;
	for (int k = 0; k < 64; k++)
		fake.answers[k] = SLURM_LIMIT;
	fake.nanswers = 64;
	fake.on_sbatch = send_term;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
}

/* At the time limit the chain goes on. */
static void a_time_limit_submits(void **state)
{
	struct here *h = *state;

	setenv("SLURM_JOB_ID", "7", 1);
	fake.njobs = 1;
	fake.jobs[0].id = 7;
	fake.jobs[0].ntasks = 1;
	snprintf(fake.jobs[0].state[0], 24, "COMPLETING");
	fake_reason = "TimeLimit";
	put(h);
	kill(getpid(), SIGTERM);
	end(h, true);
	unsetenv("SLURM_JOB_ID");
	fake_reason = NULL;
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(fake.cancelled.n, 0);
}

static int until_term;

static void the_limit_comes(void)
{
	if (--until_term == 0)
		kill(getpid(), SIGTERM);
}

/* So does one that stays: it has until KILL. */
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
	fake.on_sbatch = the_limit_comes;
	put(h);
	end(h, true);
	unsetenv("SLURM_JOB_ID");
	fake_reason = NULL;
	assert_int_equal(fake.sbatches, 4);
	assert_int_equal(count(h, JOB_QUEUED) + count(h, JOB_SUBMITTING), 5);
	assert_int_equal(fake.cancelled.n, 0);
}

static struct here *broken;

static void it_is_mended(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	if (++said == 6)
		here_sql(broken, "DROP TRIGGER no");
}

/* Rights of claims that failed are no others: who is alone stays for as long as it takes. */
static void its_own_rights_are_no_others(void **state)
{
	struct here *h = *state;

	put(h);
	here_sql(h,
		 "CREATE TRIGGER no BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'no'); END");
	broken = h;
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = true, .lock_ms = 1000, .stay_ms = 1, .say = it_is_mended});
	assert_true(said >= 6);
	assert_int_equal(count(h, JOB_QUEUED) + count(h, JOB_SUBMITTING), 5);
}

/* Rows say that others are left, and Slurm has none of them: they died with their nodes. */
static void ghosts_are_no_others(void **state)
{
	struct here *h = *state;

	fake.limit = 4;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	for (int i = 0; i < 3; i++)
		snprintf(fake.jobs[0].state[i], 24, "NODE_FAIL");
	end(h, true);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(count(h, JOB_FAILED), 3);
	assert_int_equal(count(h, JOB_PENDING), 0);
}

static void ends_us(void)
{
	if (fake.squeues != 3)
		return;
	snprintf(fake.jobs[0].state[0], 24, "COMPLETING");
	kill(getpid(), SIGTERM);
}

/* A job that could not take its right is no other either, though its row and Slurm have it. */
static void nor_are_we(void **state)
{
	struct here *h = *state;

	fake.limit = 2;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	snprintf(fake.jobs[0].state[0], 24, "RUNNING");
	fake.on_squeue = ends_us;
	setenv("SLURM_JOB_ID", "100", 1);
	end(h, true);
	unsetenv("SLURM_JOB_ID");
	assert_true(said > 0);
}

static void answers_in_the_end(void)
{
	fake.away = fake.squeues < 4;
}

/* The same in an outage: what lies in claims/ may be of the dead, so it is waited for Slurm's word. */
static void nor_in_an_outage(void **state)
{
	struct here *h = *state;

	fake.limit = 4;
	put(h);
	end(h, true);
	for (int i = 0; i < 3; i++)
		snprintf(fake.jobs[0].state[i], 24, "NODE_FAIL");
	fake.on_squeue = answers_in_the_end;
	end(h, true);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(count(h, JOB_FAILED), 3);
}

static char *manifests;

static void manifests_age(void)
{
	char *cmd = mem_printf("touch -d '1 hour ago' %s/*", manifests);

	assert_int_equal(system(cmd), 0);
	free(cmd);
}

/* Looks of squeue's, in the middle of which: */
static struct {
	struct here *h;
	int n, away; /* so many of the first are not answered */
} asked;

/* A minute and more has passed since the last one. */
static void time_goes_by(void)
{
	struct db_flight *v;
	int64_t at;
	size_t n;

	fake.away = asked.n && asked.n <= asked.away;
	asked.n++;
	assert_int_equal(db_begin(asked.h->store.db, NULL), 0);
	assert_int_equal(db_flights(asked.h->store.db, &v, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		if (v[i].missing_since)
			assert_int_equal(db_attempt_missing(asked.h->store.db, v[i].attempt,
							    v[i].missing_since - 70000, NULL),
					 0);
	free(v);
	assert_int_equal(db_setting_int(asked.h->store.db, ".reconcile.at", 0, &at, NULL), 0);
	assert_int_equal(db_setting_set_int(asked.h->store.db, ".reconcile.at", at - 70000, NULL),
			 0);
	assert_int_equal(db_commit(asked.h->store.db, NULL), 0);
}

/* Nothing is pending, and of those that run some have died without a word: nobody else would find out. */
static void the_last_one_waits_for_the_dead(void **state)
{
	(void)state;
	/* Slurm answers all the while, or not for some of it */
	for (int away = 0; away < 2; away++) {
		struct folder_entry e;
		struct who who = {.slurm_id = 101, .node = "n1", .pid = 1, .random = 7};
		struct here *h;
		uint64_t t;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put(h);
		end(h, true);
		assert_int_equal(count(h, JOB_PENDING), 0);
		t = strtoull(strrchr(fake.jobs[0].name, '.') + 1, NULL, 16);
		assert_int_equal(claim_file_win(h->store.folder, t, 1, &who, &e, NULL), 0);
		for (int i = 0; i < 5; i++)
			snprintf(fake.jobs[0].state[i], 24, "NODE_FAIL");
		asked.h = h;
		asked.n = 0;
		asked.away = 3 * away;
		fake.on_squeue = time_goes_by;
		said = 0;
		end(h, true);
		assert_true(said > 0);
		assert_true(asked.n >= 2 + asked.away);
		assert_int_equal(count(h, JOB_FAILED), 5);
		assert_int_equal(fake.sbatches, 1);
		here_tear_down(&s);
	}
}

/* ... but not for those that are there. */
static void nor_does_it_wait_for_the_living(void **state)
{
	struct here *h = *state;

	put(h);
	end(h, true);
	said = 0;
	fake.squeues = 0;
	snprintf(fake.jobs[0].state[1], 24, "NODE_FAIL");
	end(h, true);
	assert_int_equal(said, 0);
	assert_int_equal(fake.squeues, 1);
}

/* What got no answer fills the queue, and nothing of it is in Slurm. */
static void unanswered_rows_are_no_others(void **state)
{
	struct here *h = *state;

	fake.limit = 3;
	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	put(h);
	manifests = mem_printf("%s/manifests", h->store.dir);
	fake.on_squeue = manifests_age;
	end(h, true);
	free(manifests);
	assert_true(fake.sbatches >= 2);
	assert_int_equal(count(h, JOB_SUBMITTING) + count(h, JOB_QUEUED), 2);
	assert_int_equal(fake_active(), 2);
}

/* A holder that only tells, as status does: our event has gone, and nobody has refilled. */
static void a_lock_that_tells_and_goes(void **state)
{
	struct here *h = *state;
	char name[FOLDER_NAME_SIZE] = "00000000000000aa.0.5,0,n,1,0000000000000001";
	struct folder *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put(h);
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

/* A holder of the queue lock that hangs: who has something to tell and is alone stays until it is told. */
static void a_lock_that_hangs(void **state)
{
	struct here *h = *state;
	char name[FOLDER_NAME_SIZE] = "00000000000000aa.0.5,0,n,1,0000000000000001";
	struct folder *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put(h);
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
	if (++said == 1)
		kill(getpid(), SIGTERM);
}

/* Cancelled while it stays, having not had the queue lock: that is no reason to come again. */
static void a_lock_that_hangs_and_a_cancellation(void **state)
{
	struct here *h = *state;
	struct folder *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put(h);
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

/* A holder of the queue lock that hangs is left to others, where there are any: tasks of rows that may still begin, and
 * those that run. Only who is alone stays. */
static void a_lock_that_hangs_is_for_others_too(void **state)
{
	static const struct {
		const char *rest; /* of two tasks that were submitted: as they are */
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
		put(h);
		end(h, true);
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
				  .refill = true, .lock_ms = 20, .stay_ms = 1, .say = count_said});
		if ((said > 0) != v[i].stays)
			fail_msg("%s: %s", v[i].rest, said ? "it stays" : "it goes");
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		close(ready[0]);
		close(ready[1]);
		here_tear_down(&s);
	}
}

/* ---- jobs were cancelled in Slurm ---- */

/* An array of four is in Slurm, as one task more fits; one of them was cancelled so many ms ago. */
static void one_is_cancelled(struct here *h, const char *state, int64_t ago)
{
	fake.limit = 5;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	for (int i = 0; i < 4; i++)
		snprintf(fake.jobs[0].state[i], 24, "%s", i ? "RUNNING" : state);
	fake.jobs[0].ended_at[0] = clock_now_ms() - ago;
	cancel_record(h->store.folder, &(struct who){.slurm_id = 100});
	scratch_later(h->store.dir, "cancelled/100", ago);
	here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
	fake.limit = 6;
	said = 0;
}

static int sent; /* in the middle of it */

static void say_and_send(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	if (++said == 1 && sent)
		kill(getpid(), sent);
}

static void end_with(struct here *h, int sig)
{
	sent = sig;
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = true, .lock_ms = 1000, .stay_ms = 1, .say = say_and_send});
}

/* A job that ends in the hold-off stays until it is over, and goes on unless all were cancelled. */
static void outlasts_the_hold_off(void **state)
{
	static const struct {
		int64_t ago;
		bool second; /* two were cancelled, and none is left */
		int sig;     /* comes to this job in it */
		const char *reason;
		bool goes_on, recorded;
		int64_t least, most; /* so long it takes, in ms */
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
		one_is_cancelled(h, "CANCELLED", v[i].ago);
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
		if ((fake.sbatches == 2) != v[i].goes_on || said != 1)
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

/* Of several that outlast it one goes on, and decides; the others leave after the decision, not before. */
static void one_goes_on_after_it(void **state)
{
	struct here *h = *state;
	int64_t began;
	int status;
	pid_t pid, decider;

	one_is_cancelled(h, "CANCELLED", 7000);
	pid = somebody_else_stays(h);
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

static void is_back(void)
{
	fake.away = fake.squeues < 3;
}

/* Slurm does not answer: one stays for it, and goes on when it has decided. */
static void stays_until_it_is_decided(void **state)
{
	struct here *h = *state;

	one_is_cancelled(h, "CANCELLED", 11000);
	fake.squeues = 0;
	fake.on_squeue = is_back;
	end_with(h, 0);
	assert_true(fake.squeues >= 3);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
}

/* The lock is held until something is submitted: status is to see that. */
static struct here *watched;
static int seen_held;

static void looks_at_the_lock(void)
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

static void others_see_that_it_waits(void **state)
{
	struct here *h = *state;

	one_is_cancelled(h, "CANCELLED", 7000);
	watched = h;
	seen_held = 0;
	fake.on_sbatch = looks_at_the_lock;
	end_with(h, 0);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(seen_held, 1);
}

static void and_so_does_status(void **state)
{
	static const char *const locks[] = {NULL, FOLDER_LAST, "expand"};
	struct here *h = *state;

	put(h);
	here_sql(h, "INSERT INTO setting VALUES ('.chain.last_refill', 1)");
	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		pid_t pid = locks[i] ? somebody_holds(h, locks[i]) : 0;
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

/* slurmq cancel ended this job: it withdraws its own record, and no other. */
static void a_requested_end_leaves_no_record(void **state)
{
	(void)state;
	for (int requested = 0; requested < 2; requested++) {
		char name[FOLDER_NAME_SIZE];
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		one_is_cancelled(h, "CANCELLED", 1000);
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

static void is_back_soon(void)
{
	fake.away = fake.squeues < 2;
}

/* For a job that is about to begin. The database is left as it was, open or not. */
static void decides_before_a_job_begins(void **state)
{
	(void)state;
	for (int open = 0; open < 2; open++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		one_is_cancelled(h, "CANCELLED", 11000);
		fake.squeues = 0;
		fake.on_squeue = open ? NULL : is_back_soon; /* it is asked again */
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
		T(refills_and_goes),
		T(a_cancelled_job_submits_nothing),
		cmocka_unit_test(stays_until_something_is_submitted),
		T(no_clear_answer_is_waited_for_too),
		T(goes_where_others_are_left),
		cmocka_unit_test(nothing_to_wait_for),
		T(only_one_stays),
		T(a_late_term_submits_nothing),
		T(term_in_the_middle_of_sbatch),
		T(term_ends_the_stay),
		T(a_time_limit_submits),
		T(a_time_limit_ends_no_stay),
		T(its_own_rights_are_no_others),
		T(ghosts_are_no_others),
		T(nor_are_we),
		T(nor_in_an_outage),
		cmocka_unit_test(the_last_one_waits_for_the_dead),
		T(nor_does_it_wait_for_the_living),
		T(unanswered_rows_are_no_others),
		T(a_lock_that_hangs),
		T(a_lock_that_hangs_and_a_cancellation),
		T(a_lock_that_tells_and_goes),
		cmocka_unit_test(a_lock_that_hangs_is_for_others_too),
		cmocka_unit_test(outlasts_the_hold_off),
		T(one_goes_on_after_it),
		T(stays_until_it_is_decided),
		T(others_see_that_it_waits),
		T(and_so_does_status),
		cmocka_unit_test(a_requested_end_leaves_no_record),
		cmocka_unit_test(decides_before_a_job_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
