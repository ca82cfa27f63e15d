/* test_chain.c - the last one out stays, and nobody else does */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "chain.h"
#include "fake_slurm.h"
#include "proc.h"
#include "stopping.h"
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
			  .refill = refill, .gate_ms = 1000, .stay_ms = 1, .say = count_said});
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
	struct spool *other;
	int lock, ready[2];
	pid_t pid;
	char c = 0;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (spool_open(h->store.dir, &other, NULL) ||
		    spool_lock(other, name, &lock, NULL) || write(ready[1], &c, 1) != 1)
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
	return somebody_holds(h, SPOOL_LAST);
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
	assert_true(spool_mark_age(h->store.spool, "stopping") >= 0);
}

static void send_term(void)
{
	kill(getpid(), SIGTERM);
}

static void term_in_the_middle_of_sbatch(void **state)
{
	struct here *h = *state;

	fake.on_sbatch = send_term;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(fake.cancelled.n, 1);
	assert_string_equal(fake.cancelled.v[0], "100");
	assert_int_equal(count(h, JOB_PENDING), 5);
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
			  .refill = true, .gate_ms = 1000, .stay_ms = 1, .say = it_is_mended});
	assert_true(said >= 6);
	assert_int_equal(count(h, JOB_QUEUED) + count(h, JOB_SUBMITTING), 5);
}

/* Rows say that others are left, and Slurm has none of them: cancelled, or dead with their nodes. */
static void ghosts_are_no_others(void **state)
{
	struct here *h = *state;

	fake.limit = 4;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	for (int i = 0; i < 3; i++)
		snprintf(fake.jobs[0].state[i], 24, "CANCELLED");
	end(h, true);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(count(h, JOB_CANCELLED), 3);
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

/* The same in an outage: what lies in ready/ may be of the dead, so it is waited for Slurm's word. */
static void nor_in_an_outage(void **state)
{
	struct here *h = *state;

	fake.limit = 4;
	put(h);
	end(h, true);
	for (int i = 0; i < 3; i++)
		snprintf(fake.jobs[0].state[i], 24, "CANCELLED");
	fake.on_squeue = answers_in_the_end;
	end(h, true);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(count(h, JOB_CANCELLED), 3);
}

static char *tickets;

static void tickets_age(void)
{
	char *cmd = mem_printf("touch -d '1 hour ago' %s/*", tickets);

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
		struct spool_entry e;
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
		assert_int_equal(spool_right_start(h->store.spool, t, 1, &who, &e, NULL), 0);
		for (int i = 0; i < 5; i++)
			snprintf(fake.jobs[0].state[i], 24, i == 1 ? "NODE_FAIL" : "CANCELLED");
		asked.h = h;
		asked.n = 0;
		asked.away = 3 * away;
		fake.on_squeue = time_goes_by;
		said = 0;
		end(h, true);
		assert_true(said > 0);
		assert_true(asked.n >= 2 + asked.away);
		assert_int_equal(count(h, JOB_CANCELLED), 4);
		assert_int_equal(count(h, JOB_FAILED), 1);
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
	tickets = mem_printf("%s/tickets", h->store.dir);
	fake.on_squeue = tickets_age;
	end(h, true);
	free(tickets);
	assert_true(fake.sbatches >= 2);
	assert_int_equal(count(h, JOB_SUBMITTING) + count(h, JOB_QUEUED), 2);
	assert_int_equal(fake_active(), 2);
}

/* A holder that only tells, as status does: our event has gone, and nobody has refilled. */
static void a_gate_that_tells_and_goes(void **state)
{
	struct here *h = *state;
	char name[SPOOL_NAME_SIZE] = "00000000000000aa.0.5,0,n,1,0000000000000001";
	struct spool *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put(h);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (spool_open(h->store.dir, &other, NULL) || spool_gate_try(other, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		usleep(100000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = true, .event = name, .gate_ms = 5000, .stay_ms = 10});
	assert_int_equal(fake.sbatches, 1);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* A holder of the gate that hangs: who has something to tell and is alone stays until it is told. */
static void a_gate_that_hangs(void **state)
{
	struct here *h = *state;
	char name[SPOOL_NAME_SIZE] = "00000000000000aa.0.5,0,n,1,0000000000000001";
	struct spool *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put(h);
	assert_int_equal(spool_file_put(h->store.spool,
					"spool/00000000000000aa.0.5,0,n,1,0000000000000001", "x\n",
					2, 0600, NULL),
			 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (spool_open(h->store.dir, &other, NULL) || spool_gate_try(other, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		usleep(300000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	chain_end(&h->store, &(struct chain_opts){
				     .refill = true, .event = name, .gate_ms = 20, .stay_ms = 10});
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

/* Cancelled while it stays, having not had the gate: that is no reason to come again. */
static void a_gate_that_hangs_and_a_cancellation(void **state)
{
	struct here *h = *state;
	struct spool *other;
	int status, ready[2];
	char c = 0;
	pid_t pid;

	put(h);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (spool_open(h->store.dir, &other, NULL) || spool_gate_try(other, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(chain_end(&h->store, &(struct chain_opts){.refill = true,
								   .gate_ms = 20,
								   .stay_ms = 10,
								   .say = cancel_us}),
			 CHAIN_NOTHING);
	assert_int_equal(fake.sbatches, 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* A holder of the gate that hangs is left to others, where there are any: tasks of rows that may still begin, and
 * those that run. Only who is alone stays. */
static void a_gate_that_hangs_is_for_others_too(void **state)
{
	static const struct {
		const char *rest; /* of two tasks that were submitted: as they are */
		bool stays;
	} v[] = {{"rr", false}, {"jj", false}, {"rx", false}, {"jx", false}, {"xx", true}};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct who who = {.slurm_id = 100, .node = "n1", .pid = 1, .random = 7};
		char name[SPOOL_NAME_SIZE];
		struct spool_entry e;
		struct spool *other;
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
					spool_right_start(h->store.spool, t, k, &who, &e, NULL), 0);
			else if (v[i].rest[k] == 'x')
				assert_int_equal(
					spool_remove(h->store.spool, SPOOL_READY, name, NULL), 0);
		}
		assert_int_equal(pipe(ready), 0);
		pid = fork();
		if (!pid) {
			if (spool_open(h->store.dir, &other, NULL) || spool_gate_try(other, NULL) ||
			    write(ready[1], &c, 1) != 1)
				_exit(1);
			usleep(300000);
			_exit(0);
		}
		assert_int_equal(read(ready[0], &c, 1), 1);
		chain_end(&h->store,
			  &(struct chain_opts){
				  .refill = true, .gate_ms = 20, .stay_ms = 1, .say = count_said});
		if ((said > 0) != v[i].stays)
			fail_msg("%s: %s", v[i].rest, said ? "it stays" : "it goes");
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		close(ready[0]);
		close(ready[1]);
		here_tear_down(&s);
	}
}

/* An array of four is in Slurm, and has become this. h: submit it first; that was so long ago. */
static void some_are(struct here *h, const char *const states[4], int64_t ago)
{
	if (h) {
		fake.limit = 5;
		put(h);
		end(h, true);
		assert_int_equal(fake.sbatches, 1);
	}
	for (int i = 0; i < 4; i++)
		snprintf(fake.jobs[0].state[i], sizeof(fake.jobs[0].state[i]), "%s", states[i]);
	fake.jobs[0].ended = clock_now_ms() - ago;
}

static void sentinel_is(struct here *h, const char *state)
{
	struct fake_job *job = &fake.jobs[fake.njobs++];

	*job = (struct fake_job){.id = 777, .ntasks = 1, .ended = clock_now_ms()};
	snprintf(job->name, sizeof(job->name), "slurmq-sentinel.01234567");
	snprintf(job->state[0], sizeof(job->state[0]), "%s", state);
	assert_int_equal(db_setting_set_int(h->store.db, ".sentinel.job", 777, NULL), 0);
}

static void settled_at(struct here *h, int64_t at)
{
	assert_int_equal(db_setting_set_int(h->store.db, STOPPING_SETTLED, at, NULL), 0);
}

static void end_with(struct here *h, struct chain_opts *o)
{
	o->gate_ms = 1000;
	o->stay_ms = 1;
	o->say = count_said;
	chain_end(&h->store, o);
}

/* Some are in Slurm, and one was cancelled: its mark lasts for so many ms yet. */
static void one_is_cancelled(struct here *h, const char *state, int64_t left)
{
	static const struct who other = {.slurm_id = 100};

	fake.limit = 5;
	put(h);
	end(h, true);
	assert_int_equal(fake.sbatches, 1);
	for (int i = 0; i < 4; i++)
		snprintf(fake.jobs[0].state[i], 24, "%s", i ? "RUNNING" : state);
	stopping_tell(h->store.spool, &other, true, 10);
	scratch_later(h->store.dir, "stopping", 10000 - left);
}

/* While jobs are cancelled nobody submits, nor relies on others: whoever is not among them goes on after it. */
static void outlasts_what_is_cancelled(void **state)
{
	struct here *h = *state;

	one_is_cancelled(h, "CANCELLED", 300);
	end(h, true);
	assert_int_equal(said, 1);
	assert_int_equal(stopping_left(h->store.spool), 0);
	/* the row of the one that was cancelled said that Slurm had it: that was looked into */
	assert_int_equal(count(h, JOB_CANCELLED), 1);
	end(h, true);
	assert_int_equal(fake.sbatches, 2);
}

/* And has room it fills it at once. */
static void fills_up_after_it(void **state)
{
	struct here *h = *state;

	one_is_cancelled(h, "RUNNING", 300);
	fake.limit = 6;
	here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
	end(h, true);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(count(h, JOB_PENDING), 0);
}

/* Of several that outlast it one does: the others' slots must be free by then. */
static void one_fills_up_after_it(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	one_is_cancelled(h, "RUNNING", 300);
	here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
	pid = somebody_else_stays(h);
	end(h, true);
	assert_int_equal(stopping_left(h->store.spool), 0);
	assert_int_equal(fake.sbatches, 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void cancelled_while_it_outlasts(void **state)
{
	struct here *h = *state;

	one_is_cancelled(h, "RUNNING", 5000);
	here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
	chain_end(&h->store,
		  &(struct chain_opts){
			  .refill = true, .gate_ms = 1000, .stay_ms = 1, .say = cancel_us});
	assert_int_equal(fake.sbatches, 1);
	assert_true(stopping_left(h->store.spool) > 4000);
}

static struct here *watched;
static const char *seen_lock;
static int seen_held;

/* As another process sees it. */
static void looks_at_the_lock(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		struct spool *other;
		int lock;

		_exit(spool_open(watched->store.dir, &other, NULL) ||
		      spool_lock(other, seen_lock, &lock, NULL) != SPOOL_BUSY);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	seen_held += !status;
}

static void when_it_stays(void *arg, const char *text)
{
	(void)arg;
	if (strstr(text, "staying"))
		looks_at_the_lock();
}

/* Whether it is in doubt or not, status is to see that somebody waits, until something is submitted. */
static void others_see_that_it_waits(void **state)
{
	(void)state;
	for (int doubted = 0; doubted < 2; doubted++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		one_is_cancelled(h, "RUNNING", 300);
		here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
		fake.limit = 6;
		watched = h;
		seen_held = 0;
		seen_lock = doubted ? SPOOL_DOUBTED : SPOOL_LAST;
		chain_end(&h->store, &(struct chain_opts){.refill = true,
							  .doubted = doubted,
							  .gate_ms = 1000,
							  .stay_ms = 1,
							  .say = when_it_stays});
		assert_int_equal(fake.sbatches, 2);
		assert_int_equal(seen_held, 1);
		here_tear_down(&s);
		assert_int_equal(set_up(&s), 0);
		h = s;
		one_is_cancelled(h, "RUNNING", 300);
		here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
		fake.limit = 6;
		watched = h;
		seen_held = 0;
		seen_lock = SPOOL_LAST;
		fake.on_sbatch = looks_at_the_lock;
		end_with(h, &(struct chain_opts){.refill = true, .doubted = doubted});
		fake.on_sbatch = NULL;
		assert_int_equal(seen_held, 1);
		here_tear_down(&s);
	}
}

static void and_so_does_status(void **state)
{
	static const char *const locks[] = {NULL, SPOOL_LAST, SPOOL_DOUBTED, "expand"};
	struct here *h = *state;

	put(h);
	here_sql(h, "INSERT INTO setting VALUES ('.chain.last_refill', 1)");
	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		pid_t pid = locks[i] ? somebody_holds(h, locks[i]) : 0;
		struct queue_chain c;
		int status;

		assert_int_equal(queue_chain(&h->store, &c, NULL), 0);
		if ((c.state == CHAIN_ALIVE) != (i == 1 || i == 2) ||
		    (c.state == CHAIN_STALLED) != (i == 0 || i == 3))
			fail_msg("case %zu: %d", i, (int)c.state);
		queue_chain_release(&c);
		if (pid) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
	}
}

/* Made while jobs were being cancelled: it goes on if scancel has left as many as it has ended. */
static void doubts_that_it_is_wanted(void **state)
{
	static const struct {
		const char *states[4];
		bool away, goes_on;
	} v[] = {
		{{"CANCELLED", "RUNNING", "RUNNING", "COMPLETED"}, false, true},
		{{"CANCELLED", "PENDING", "RUNNING", "RUNNING"}, false, true},
		{{"CANCELLED", "CANCELLED", "RUNNING", "COMPLETED"}, false, false},
		/* what slipped through was submitted by one */
		{{"CANCELLED", "CANCELLED", "RUNNING", "RUNNING"}, false, false},
		{{"CANCELLED", "COMPLETED", "COMPLETED", "COMPLETED"}, false, false},
		{{"CANCELLED", "COMPLETED", "RUNNING", "COMPLETED"}, false, true},
		{{"COMPLETING", "COMPLETING", "RUNNING", "COMPLETED"},
		 false,
		 false}, /* not by TERM */
		{{"COMPLETING", "CANCELLED", "RUNNING", "RUNNING"}, false, false},
		{{"CANCELLED", "RUNNING", "RUNNING", "RUNNING"}, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		one_is_cancelled(h, "CANCELLED", 300);
		for (int k = 0; k < 4; k++)
			snprintf(fake.jobs[0].state[k], 24, "%s", v[i].states[k]);
		here_sql(h, "UPDATE setting SET value = 6 WHERE key = '.limit.jobs'");
		fake.limit = 6;
		fake.away = v[i].away;
		chain_end(&h->store, &(struct chain_opts){.refill = true,
							  .doubted = true,
							  .gate_ms = 1000,
							  .stay_ms = 1,
							  .say = count_said});
		if ((fake.sbatches == 2) != v[i].goes_on)
			fail_msg("case %zu: %zu submissions", i, fake.sbatches);
		assert_int_equal(said, 1);
		here_tear_down(&s);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

/* Somebody cancelled jobs so short that none of them was there to be told: what never began shows it to one that
 * ends, once in a while. */
static void looks_for_what_was_cancelled(void **state)
{
	static const struct {
		const char *states[4], *sentinel;
		bool found;
		int lasting;   /* so many s ago */
		int before;    /* and they had been in Slurm for so many by then */
		bool long_ago; /* before a person submitted */
		bool away, looked, lived;
		int apart;    /* each so many s after the one before */
		bool settled; /* the chain has gone on since */
		bool fresh;   /* the sentinel */
	} v[] = {
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .found = true},
		/* what it has just submitted is left, too */
		{.states = {"CANCELLED", "CANCELLED", "COMPLETED", "COMPLETED"}, .found = true},
		{.states = {"CANCELLED", "CANCELLED", "RUNNING", "COMPLETED"}},
		{.states = {"CANCELLED", "COMPLETED", "COMPLETED", "COMPLETED"}},
		{.states = {"COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED"}},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .lasting = 90},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .long_ago = true},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .away = true},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .looked = true},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .lived = true},
		{.states = {"CANCELLED", "RUNNING", "RUNNING", "RUNNING"},
		 .sentinel = "CANCELLED",
		 .found = true},
		{.states = {"CANCELLED", "RUNNING", "RUNNING", "RUNNING"}, .sentinel = "PENDING"},
		{.states = {"PENDING", "RUNNING", "RUNNING", "RUNNING"}, .sentinel = "CANCELLED"},
		{.states = {"CANCELLED", "RUNNING", "RUNNING", "RUNNING"},
		 .sentinel = "CANCELLED",
		 .long_ago = true},
		/* one was not meant, or had its own end long after */
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .before = 10},
		{.states = {"CANCELLED", "RUNNING", "RUNNING", "RUNNING"},
		 .sentinel = "CANCELLED",
		 .before = 10},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "COMPLETED"},
		 .found = true,
		 .before = 10},
		/* who cancels everything cancels the sentinel, unless that was made just then */
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
		 .sentinel = "PENDING"},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
		 .sentinel = "PENDING",
		 .fresh = true,
		 .found = true},
		/* one by one */
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .apart = 6},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
		 .apart = 1,
		 .found = true},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}, .settled = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		some_are(h, v[i].states, v[i].lasting * 1000);
		fake.jobs[0].submitted = fake.jobs[0].ended - v[i].before * 1000;
		for (int k = 0; k < 3 && v[i].apart; k++)
			fake.jobs[0].ended_at[k] = fake.jobs[0].ended - (2 - k) * v[i].apart * 1000;
		if (v[i].sentinel)
			sentinel_is(h, v[i].sentinel);
		if (v[i].fresh)
			fake.jobs[fake.njobs - 1].submitted = clock_now_ms();
		if (v[i].settled)
			settled_at(h, fake.jobs[0].ended);
		if (v[i].long_ago)
			here_sql(h, "INSERT INTO setting VALUES ('.stopping.from', 5)");
		if (v[i].looked)
			spool_mark(h->store.spool, "looked");
		fake.limit = 9;
		here_sql(h, "UPDATE setting SET value = 9 WHERE key = '.limit.jobs'");
		fake.away = v[i].away;
		fake.squeues = 0;
		end_with(h, &(struct chain_opts){.refill = true, .brief = !v[i].lived});
		if (stopping_surely(h->store.spool) != v[i].found)
			fail_msg("case %zu", i);
		if ((fake.squeues == 0) != (v[i].looked || v[i].lived))
			fail_msg("case %zu: squeue was asked %zu times", i, fake.squeues);
		assert_true(v[i].lived || spool_mark_age(h->store.spool, "looked") >= 0);
		/* what was made by then is in doubt */
		if (v[i].found)
			assert_true(stopping_made(h->store.spool, 1000, true));
		here_tear_down(&s);
	}
}

/* Who was there for seconds and is not told to end may have been made just after scancel's list: it counts, too. */
static void counts_before_it_goes_on(void **state)
{
	static const struct {
		const char *states[4], *sentinel;
		int before, after; /* s; after: the last task's end */
		bool lived, away, goes_on;
		bool settled; /* the first of them was cancelled before, and the chain has gone on since */
	} v[] = {
		{.states = {"CANCELLED", "CANCELLED", "RUNNING", "RUNNING"}, .goes_on = true},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"}},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
		 .lived = true,
		 .goes_on = true},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
		 .away = true,
		 .goes_on = true},
		{.states = {"CANCELLED", "RUNNING", "RUNNING", "RUNNING"},
		 .sentinel = "PENDING",
		 .goes_on = true},
		{.states = {"CANCELLED", "RUNNING", "RUNNING", "RUNNING"}, .sentinel = "CANCELLED"},
		{.states = {"CANCELLED", "RUNNING", "RUNNING", "RUNNING"},
		 .sentinel = "CANCELLED",
		 .before = 10,
		 .goes_on = true},
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
		 .before = 10,
		 .goes_on = true},
		/* it waited, too, and has left */
		{.states = {"CANCELLED", "CANCELLED", "RUNNING", "COMPLETED"},
		 .after = 10,
		 .goes_on = true},
		{.states = {"CANCELLED", "CANCELLED", "RUNNING", "COMPLETED"}},
		/* who cancels everything cancels the sentinel */
		{.states = {"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
		 .sentinel = "PENDING",
		 .goes_on = true},
		{.states = {"CANCELLED", "CANCELLED", "RUNNING", "COMPLETED"},
		 .settled = true,
		 .goes_on = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t settled;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		one_is_cancelled(h, "CANCELLED", 1000);
		some_are(NULL, v[i].states, 0);
		fake.jobs[0].submitted = fake.jobs[0].ended - v[i].before * 1000;
		fake.jobs[0].ended_at[3] = fake.jobs[0].ended + v[i].after * 1000;
		if (v[i].sentinel)
			sentinel_is(h, v[i].sentinel);
		if (v[i].settled) {
			fake.jobs[0].ended_at[0] = fake.jobs[0].ended - 5000;
			settled_at(h, fake.jobs[0].ended_at[0]);
		}
		fake.away = v[i].away;
		fake.limit = 9;
		here_sql(h, "UPDATE setting SET value = 9 WHERE key = '.limit.jobs'");
		end_with(h, &(struct chain_opts){.refill = true, .brief = !v[i].lived});
		if ((fake.sbatches == 2) != v[i].goes_on)
			fail_msg("case %zu: %zu submissions", i, fake.sbatches);
		/* and who goes on has settled it */
		assert_int_equal(db_setting_int(h->store.db, STOPPING_SETTLED, 0, &settled, NULL),
				 0);
		if ((settled == fake.jobs[0].ended) != (v[i].goes_on && !v[i].away))
			fail_msg("case %zu: settled %" PRId64, i, settled);
		here_tear_down(&s);
	}
}

/* It begins long after others were cancelled as it was made: squeue has forgotten them, the rows have not. */
static void wanted_long_after_it(void **state)
{
	enum { HOUR = 3600 };
	static const struct {
		const char *sql; /* @: the time of it, ms */
		int before; /* the one that is left had been in Slurm for so many seconds by then */
		bool away, wanted;
		const char *sentinel;
	} v[] = {
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3"},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 1",
		 .wanted = true},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 1",
		 .away = true},
		/* those that never began are found some minutes later */
		{.sql = "UPDATE attempt SET closed = 1, reason = 10, ended = @ + 300000 WHERE id <= 3"},
		/* it was not meant */
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3",
		 .before = 10,
		 .wanted = true},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3",
		 .sentinel = "PENDING",
		 .wanted = true},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3",
		 .sentinel = "CANCELLED"},
		/* the chain went on then; or after another one before */
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3;"
			"INSERT INTO setting VALUES ('.stopping.settled', @)",
		 .wanted = true},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3;"
			"INSERT INTO setting VALUES ('.stopping.settled', @ - 30000)"},
		/* that was at another time, or before a person's last word */
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ - 120000 WHERE id <= 3",
		 .wanted = true},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3;"
			"INSERT INTO setting VALUES ('.stopping.from', 4)",
		 .wanted = true},
		/* another that was there well before ended by itself well after; or together with them */
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3;"
			"UPDATE submission SET created = @ - 10000;"
			"UPDATE attempt SET closed = 3, started = 1, ended = @ + 60000 WHERE id = 4",
		 .wanted = true},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3;"
			"UPDATE submission SET created = @;"
			"UPDATE attempt SET closed = 3, started = 1, ended = @ + 60000 WHERE id = 4"},
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3;"
			"UPDATE submission SET created = @ - 10000;"
			"UPDATE attempt SET closed = 3, started = 1, ended = @ + 2000 WHERE id = 4"},
		/* the chain went on */
		{.sql = "UPDATE attempt SET closed = 3, reason = 10, ended = @ WHERE id <= 3;"
			"UPDATE submission SET created = @ + 60000",
		 .wanted = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t then = clock_now_ms() - (int64_t)HOUR * 1000;
		struct buf sql = {0};
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		some_are(h, (const char *const[]){"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
			 0);
		for (int k = 0; k < 3; k++)
			fake.jobs[0].gone[k] = true;
		fake.jobs[0].submitted = then - v[i].before * 1000;
		here_sql(h, "UPDATE submission SET created = 0");
		for (const char *p = v[i].sql; *p; p++)
			if (*p == '@')
				buf_addf(&sql, "%" PRId64, then);
			else
				buf_addch(&sql, *p);
		here_sql(h, buf_str(&sql));
		buf_release(&sql);
		stopping_tell(h->store.spool, &(struct who){.slurm_id = 7}, true, 10);
		scratch_later(h->store.dir, "stopping", (int64_t)HOUR * 1000);
		scratch_later(h->store.dir, "stopping-first", (int64_t)HOUR * 1000);
		if (v[i].sentinel)
			sentinel_is(h, v[i].sentinel);
		fake.away = v[i].away;
		if (chain_wanted(&h->store) != v[i].wanted)
			fail_msg("case %zu", i);
		here_tear_down(&s);
	}
}

/* Where all others left just as scancel came, this one was made by one of them: it looks beside its command, or before,
 * where that begins late. */
static void looks_where_it_is_the_oldest(void **state)
{
	/* m: this one; o: another, made with it; b: one made well before */
	static const struct {
		const char *runs;
		int looked; /* by another, so many ms ago */
		bool looks;
		int begins; /* this one, made so many ms ago */
	} v[] = {
		{"m", 0, true, 0},
		{"mo", 0, true, 0},
		{"mob", 0, false, 0},
		{"b", 0, false, 0},
		{"", 0, false, 0},
		{"m", 2000, true, 0},
		{"m", 400, false, 0},
		/* before its command */
		{"", 0, true, 4000},
		{"o", 0, true, 4000},
		{"b", 0, false, 4000},
		{"", 5000, true, 4000},
		{"", 400, false, 4000},
		{"", 0, false, 1000},
	};

	(void)state;
	setenv("SLURM_JOB_ID", "100", 1);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		some_are(h, (const char *const[]){"CANCELLED", "CANCELLED", "CANCELLED", "RUNNING"},
			 0);
		for (const char *p = v[i].runs; *p; p++) {
			struct who who = {.slurm_id = *p == 'm' ? 100 : 200,
					  .node = "n1",
					  .pid = 1,
					  .random = (uint64_t)(p - v[i].runs)};
			const uint64_t ticket = 0x90 + (uint64_t)*p;
			struct spool_entry e;
			char path[40];

			snprintf(path, sizeof(path), "tickets/%016" PRIx64, ticket);
			assert_int_equal(
				spool_file_put_nosync(h->store.spool, path, "", 0, 0600, NULL), 0);
			scratch_later(h->store.dir, path, *p == 'b' ? 8000 : 1000);
			assert_int_equal(spool_rights_make(h->store.spool, ticket, 1, NULL), 0);
			assert_int_equal(
				spool_right_start(h->store.spool, ticket, 0, &who, &e, NULL), 0);
		}
		if (v[i].begins) {
			assert_int_equal(spool_file_put_nosync(h->store.spool,
							       "tickets/0000000000000001", "", 0,
							       0600, NULL),
					 0);
			scratch_later(h->store.dir, "tickets/0000000000000001", v[i].begins);
			db_close(h->store.db);
			h->store.db = NULL;
		}
		if (v[i].looked)
			spool_mark_ago(h->store.spool, "looked", v[i].looked);
		fake.squeues = 0;
		chain_look(&h->store, v[i].begins > 0);
		if (stopping_surely(h->store.spool) != v[i].looks)
			fail_msg("case %zu: %s", i, v[i].looks ? "not found" : "found");
		assert_int_equal(fake.squeues, v[i].looks);
		assert_int_equal(h->store.db == NULL, v[i].begins > 0); /* as it was */
		chain_look(&h->store, v[i].begins > 0);			/* not so soon again */
		assert_int_equal(fake.squeues, v[i].looks);
		here_tear_down(&s);
	}
	unsetenv("SLURM_JOB_ID");
}

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
		T(a_gate_that_hangs),
		T(a_gate_that_hangs_and_a_cancellation),
		T(a_gate_that_tells_and_goes),
		cmocka_unit_test(a_gate_that_hangs_is_for_others_too),
		T(outlasts_what_is_cancelled),
		T(fills_up_after_it),
		T(one_fills_up_after_it),
		T(cancelled_while_it_outlasts),
		cmocka_unit_test(others_see_that_it_waits),
		T(and_so_does_status),
		cmocka_unit_test(doubts_that_it_is_wanted),
		cmocka_unit_test(looks_for_what_was_cancelled),
		cmocka_unit_test(counts_before_it_goes_on),
		cmocka_unit_test(wanted_long_after_it),
		cmocka_unit_test(looks_where_it_is_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
