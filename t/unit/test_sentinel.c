/* test_sentinel.c - the sentinel: submitted, found, withdrawn, and its own run */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "chain/cancel.h"
#include "lib/clock.h"
#include "fake_slurm.h"
#include "lib/proc.h"
#include "chain/health.h"
#include "chain/sentinel.h"
#include "sweep_here.h"

static const char many[] =
	"name: many\nparams: {n: {from: 1, to: 60, step: 1}}\n"
	"sbatch: {partition: cpu, account: lab, mem: 1G}\nrun: [echo, \"{n}\"]\n";

static int set_up(void **state)
{
	unsetenv("SLURM_JOB_ID");
	fake_reset();
	fake.limit = 20;
	return here_set_up(state);
}

static char *warning;

static void keep_warning(void *arg, const char *text)
{
	(void)arg;
	free(warning);
	warning = mem_strdup(text);
}

static void assert_no_warning(void)
{
	if (warning)
		fail_msg("warning: %s", warning);
}

static void put_sweep(struct here *h, const char *text)
{
	struct expand_result r;
	struct err err = {0};

	if (here_expand(h, text, NULL, &r, &err))
		fail_msg("%s", err.msg);
	expand_result_release(&r);
}

static void fill(struct here *h, enum fill_caller who)
{
	struct fill_opts o = {.caller = who, .max = -1, .lock_ms = 1000};
	struct fill_result r;

	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	fill_result_release(&r);
}

/* Returns how many sentinels the fake Slurm shows in this state. */
static int count_sentinels(const char *in)
{
	int n = 0;

	for (size_t i = 0; i < fake.njobs; i++)
		n += !strncmp(fake.jobs[i].name, "slurmq-sentinel.", 16) && !fake.jobs[i].gone[0] &&
		     !strcmp(fake.jobs[i].state[0], in);
	return n;
}

static struct fake_job *newest_job(void)
{
	return &fake.jobs[fake.njobs - 1];
}

static void set_setting(struct here *h, const char *key, const char *value)
{
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	if (value)
		assert_int_equal(db_setting_set(h->store.db, key, value, NULL), 0);
	else
		assert_int_equal(db_setting_unset(h->store.db, key, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static char *get_setting(struct here *h, const char *key)
{
	char *value = NULL;

	db_setting_get(h->store.db, key, &value, NULL);
	return value;
}

static bool has_setting(struct here *h, const char *key)
{
	char *value = get_setting(h, key);
	bool there = value != NULL;

	free(value);
	return there;
}

static bool has_option(const char *want)
{
	for (size_t i = 0; i < fake.last_argv.n; i++)
		if (!strcmp(fake.last_argv.v[i], want))
			return true;
	return false;
}

/* A child holds the sentinel's lock for ms, or until it is killed. At its end sbatch refused its
 * sentinel with these words; NULL: accepted. Returns its pid. */
static pid_t fork_refused_holder(struct here *h, int64_t ms, const char *words)
{
	char *note = mem_printf("sqlite3 -batch -cmd '.timeout 20000' '%s/jobs.db' "
				"\"INSERT INTO setting VALUES('.sentinel.refused', '%s')\"",
				h->store.dir, words ? words : "");
	int pipefd[2], lock;
	char c;
	pid_t pid;

	assert_int_equal(pipe(pipefd), 0);
	pid = fork();
	if (!pid) {
		if (folder_lock(h->store.folder, "sentinel", &lock, NULL))
			_exit(1);
		(void)!write(pipefd[1], "x", 1);
		clock_sleep_ms(ms);
		_exit(words && system(note) ? 1 : 0);
	}
	free(note);
	assert_int_equal(read(pipefd[0], &c, 1), 1);
	close(pipefd[0]);
	close(pipefd[1]);
	return pid;
}

static pid_t fork_holder(struct here *h, int64_t ms)
{
	return fork_refused_holder(h, ms, NULL);
}

static void submit_waits_for_the_lock(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	put_sweep(h, many);
	fill(h, FILL_USER);
	pid = fork_holder(h, 60 * 1000);
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = fork_holder(h, 300);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_no_warning();
	assert_int_equal(count_sentinels("PENDING"), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	/* if no sentinel is wanted, the process does not wait for the lock */
	set_setting(h, "sentinel", "off");
	pid = fork_holder(h, 60 * 1000);
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(fake.cancelled.n, 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(fake.cancelled.n, 1);
	assert_no_warning();
	set_setting(h, "sentinel", "auto");
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 1);
	set_setting(h, "sentinel", "off");
	pid = fork_holder(h, 300);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(fake.cancelled.n, 2);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_no_warning();
}

static void submitted_once_and_found(void **state)
{
	static const char *const want[] = {
		"--partition=cpu", "--account=lab",	    "--ntasks=1", "--time=30", "--mem=256M",
		"--begin=now+900", "--dependency=singleton"};
	struct here *h = *state;
	size_t before;

	put_sweep(h, many);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"),
			 0); /* no job was submitted, so the sentinel has no options to copy */
	fill(h, FILL_USER);
	assert_int_equal(fake_active(), 18);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_no_warning();
	assert_int_equal(count_sentinels("PENDING"), 1);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!has_option(want[i]))
			fail_msg("no %s", want[i]);
	assert_false(has_option("--mem=1G"));
	assert_non_null(strstr(fake.last_script, "/bin/1 chain --sentinel\n"));
	before = fake.sbatches;
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(fake.sbatches, before);
	/* a tick queries Slurm only if the sentinel was seen long ago */
	before = fake.squeues;
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(fake.squeues, before);
	set_setting(h, ".sentinel.at", "1000");
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(fake.squeues, before + 1);
	assert_int_equal(count_sentinels("PENDING"), 1);
	/* cancelled by scancel: submitted again when its absence is noticed */
	newest_job()->gone[0] = true;
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 0);
	set_setting(h, ".sentinel.at",
		    "99999999999999"); /* a time in the future, from a wrong clock */
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 1);
}

static void when_a_sentinel_is_wanted(void **state)
{
	static const struct {
		const char *setting;
		int64_t limit;
		int there;
		int jobs; /* submitted beside it */
	} v[] = {
		{NULL, 20, 1, 18}, {NULL, 10, 1, 8}, {NULL, 9, 0, 8},  {"off", 20, 0, 19},
		{"15m", 9, 1, 7},  {"15m", 3, 1, 1}, {"15m", 2, 0, 1}, {"auto", 12, 1, 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = v[i].limit;
		put_sweep(h, many);
		if (v[i].setting)
			set_setting(h, "sentinel", v[i].setting);
		fill(h, FILL_USER);
		assert_int_equal(fake_active(), v[i].jobs);
		sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
		assert_no_warning();
		assert_int_equal(count_sentinels("PENDING"), v[i].there);
		here_tear_down(&s);
	}
}

static void a_refusal_switches_it_off(void **state)
{
	struct here *h = *state;
	size_t before;
	char *words;

	put_sweep(h, many);
	fill(h, FILL_USER);
	/* with the minimal memory option, and without it */
	fake.answers[fake.sbatches] = fake.answers[fake.sbatches + 1] = SLURM_REFUSED;
	fake.nanswers = fake.sbatches + 2;
	before = fake.sbatches;
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(fake.sbatches, before + 2);
	assert_false(has_option("--mem=256M"));
	assert_non_null(warning);
	assert_non_null(strstr(warning, "refused the sentinel: words of sbatch"));
	free(warning);
	warning = NULL;
	words = get_setting(h, ".sentinel.refused");
	assert_string_equal(words, "words of sbatch");
	free(words);
	set_setting(h, ".sentinel.at", "1000");
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(fake.sbatches, before + 2);
	/* its slot is used for a job */
	fill(h, FILL_CHAIN);
	assert_int_equal(fake_active(), 19);
	/* slurmq submit tries again */
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_no_warning();
	assert_int_equal(count_sentinels("PENDING"), 1);
}

static void a_refusal_of_the_last_holder_counts(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	put_sweep(h, many);
	fill(h, FILL_USER);
	pid = fork_refused_holder(h, 300, "no such partition");
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(count_sentinels("PENDING"), 0);
	assert_non_null(warning);
	assert_non_null(strstr(warning, "refused the sentinel: no such partition"));
	free(warning);
	warning = NULL;
	/* one refusal is enough */
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_no_warning();
}

static void withdrawn_when_no_work_is_left(void **state)
{
	struct here *h = *state;
	size_t before;

	put_sweep(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	before = fake.squeues;
	sentinel_settle(&h->store, keep_warning, NULL);
	assert_int_equal(fake.squeues, before); /* work is left: no query */
	set_setting(h, ".paused", "1");
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_no_warning();
	assert_int_equal(fake.cancelled.n, 1);
	assert_null(get_setting(h, ".sentinel.at"));
	newest_job()->gone[0] = true;
	before = fake.squeues;
	sentinel_settle(&h->store, keep_warning, NULL);
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(fake.squeues, before);
	/* cancelled by scancel: the next check notices it; without Slurm's answer nothing
	 * changes */
	set_setting(h, ".paused", NULL);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	sentinel_check(&h->store);
	assert_true(has_setting(h, ".sentinel.at"));
	newest_job()->gone[0] = true;
	fake.away = true;
	sentinel_check(&h->store);
	assert_true(has_setting(h, ".sentinel.at"));
	fake.away = false;
	sentinel_check(&h->store);
	assert_false(has_setting(h, ".sentinel.at"));
	/* Slurm does not answer: that is reported, nothing changes */
	set_setting(h, ".paused", NULL);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	set_setting(h, ".paused", "1");
	fake.away = true;
	sentinel_withdraw(&h->store, keep_warning, NULL);
	assert_non_null(warning);
	free(warning);
	warning = NULL;
}

/* The breaker paused the queue, and that process does not query Slurm. The next job that ends
 * withdraws the sentinel, whether work is left or not. */
static void withdrawn_after_a_pause(void **state)
{
	struct here *h = *state;
	size_t before;

	put_sweep(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 1);
	set_setting(h, ".paused", "1");
	sentinel_settle(&h->store, keep_warning, NULL);
	assert_no_warning();
	assert_int_equal(fake.cancelled.n, 1);
	assert_false(has_setting(h, ".sentinel.at"));
	/* withdrawn only once */
	newest_job()->gone[0] = true;
	before = fake.squeues;
	sentinel_settle(&h->store, keep_warning, NULL);
	assert_int_equal(fake.squeues, before);
}

/* If nothing is pending and nothing is in flight, the job that finds this withdraws the
 * sentinel. */
static void withdrawn_by_the_last_job(void **state)
{
	struct here *h = *state;
	int changed;

	put_sweep(h, "name: one\nrun: [echo]\n");
	fake.limit = 20;
	set_setting(h, ".sentinel.at", "5");
	sentinel_settle(&h->store, keep_warning, NULL);
	assert_int_equal(fake.squeues, 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_cancel(h->store.db, 1, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	sentinel_settle(&h->store, keep_warning, NULL);
	assert_int_equal(fake.squeues, 1);
	assert_false(has_setting(h, ".sentinel.at"));
	assert_no_warning();
}

/* The only sweep with work is paused: no job is needed to restart the chain. */
static void withdrawn_if_the_sweep_is_paused(void **state)
{
	struct here *h = *state;
	size_t before;

	put_sweep(h, "name: one\nrun: [echo]\n");
	put_sweep(h, "name: two\nrun: [echo]\n");
	set_setting(h, ".sentinel.at", "5");
	set_setting(h, ".paused.1", "1");
	sentinel_settle(&h->store, keep_warning, NULL);
	assert_int_equal(fake.squeues, 0); /* work is left */
	set_setting(h, ".paused.2", "1");
	sentinel_settle(&h->store, keep_warning, NULL);
	assert_int_equal(fake.squeues, 1);
	assert_false(has_setting(h, ".sentinel.at"));
	before = fake.sbatches;
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LEAVE);
	assert_int_equal(fake.sbatches, before);
	assert_no_warning();
}

static void begin_job(struct fake_job *job)
{
	char id[24];

	snprintf(job->state[0], sizeof(job->state[0]), "RUNNING");
	snprintf(id, sizeof(id), "%d", (int)job->id);
	setenv("SLURM_JOB_ID", id, 1);
}

static void the_sentinels_own_run(void **state)
{
	struct here *h = *state;
	struct fake_job *mine;
	size_t before;

	put_sweep(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	mine = newest_job();
	begin_job(mine);
	/* Slurm does not answer: the sentinel stays */
	fake.away = true;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_AGAIN);
	fake.away = false;
	/* it also stays if a limit refuses its successor */
	fake.answers[fake.sbatches] = SLURM_LIMIT;
	fake.nanswers = fake.sbatches + 1;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_AGAIN);
	assert_int_equal(fake.requeue_off, 0);
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	assert_int_equal(count_sentinels("PENDING"), 1);
	assert_int_equal(fake.requeue_off, mine->id);
	/* requeued by Slurm: there is a successor already */
	before = fake.sbatches;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	assert_int_equal(fake.sbatches, before);
	/* a sentinel that Slurm will never start does not count */
	fake_reason = "launch failed requeued held";
	fake.limit = 30;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	fake_reason = NULL;
	assert_int_equal(fake.sbatches, before + 1);
	assert_int_equal(fake.cancelled.n, 1);
	/* a running sentinel submits its own successor: no other process submits one */
	for (size_t i = 0; i < fake.njobs; i++)
		if (!strncmp(fake.jobs[i].name, "slurmq-sentinel.", 16) && &fake.jobs[i] != mine)
			snprintf(fake.jobs[i].state[0], sizeof(fake.jobs[i].state[0]), "RUNNING");
	before = fake.sbatches;
	sentinel_tend(&h->store, SENTINEL_USER, NULL, NULL);
	assert_int_equal(fake.sbatches, before);
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	assert_int_equal(fake.sbatches, before + 1);
	/* switched off: it submits no successor */
	set_setting(h, "sentinel", "off");
	before = fake.sbatches;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_ALONE);
	assert_int_equal(fake.sbatches, before);
	set_setting(h, "sentinel", NULL);
	set_setting(h, ".paused", "1");
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LEAVE);
}

/* At its time limit a sentinel without a successor stays: Slurm requeues it, or it continues until
 * SIGKILL. */
static void the_sentinels_time_limit(void **state)
{
	static const struct {
		int sig;
		const char *slurm, *reason;
		bool away, want, requeued;
		int second; /* another signal that arrived */
	} v[] = {
		/* scancel just before the limit looks like the limit: the sentinel must not be
		 * requeued */
		{SIGUSR1, "COMPLETING", "None", false, false, false, SIGTERM},
		{SIGUSR1, "COMPLETING", "TimeLimit", false, true, false, SIGTERM},
		{SIGUSR1, "RUNNING", "None", false, false, true, 0},
		{SIGUSR1, "RUNNING", "None", true, true, true, 0},
		{SIGTERM, "COMPLETING", "TimeLimit", false, true, false, 0},
		{SIGTERM, "COMPLETING", "None", false, false, false, 0}, /* scancel */
		{SIGTERM, "RUNNING", "None", true, false, false, 0},
	};
	struct here *h = *state;

	proc_signals_block();
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t ms = 0;

		fake_reset();
		fake.njobs = 1;
		fake.jobs[0].id = 7;
		fake.jobs[0].ntasks = 1;
		snprintf(fake.jobs[0].state[0], 24, "%s", v[i].slurm);
		fake_reason = v[i].reason;
		fake.away = v[i].away;
		setenv("SLURM_JOB_ID", "7", 1);
		kill(getpid(), v[i].sig);
		if (v[i].second)
			kill(getpid(), v[i].second);
		if (sentinel_pause(&h->store, &ms) != v[i].want)
			fail_msg("case %zu", i);
		assert_int_equal(fake.requeued, v[i].requeued ? 7 : 0);
		unsetenv("SLURM_JOB_ID");
		while (proc_signal_wait(0) > 0)
			;
	}
	fake_reason = NULL;
}

/* During the hold-off, and until the decision, only slurmq submit makes a sentinel. */
static void no_sentinel_in_the_hold_off(void **state)
{
	struct here *h = *state;

	put_sweep(h, many);
	fill(h, FILL_USER);
	cancel_record(h->store.folder, &(struct who){.slurm_id = 7});
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 0);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 1);
	assert_true(folder_mark_age(h->store.folder, SENTINEL_MARK) >= 0);
}

static void assert_chain(struct here *h, enum chain_state want)
{
	struct health c;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	assert_int_equal(c.state, want);
	health_release(&c);
}

/* by: the user that can release it, SENTINEL_HELD_USER or _ADMIN; 0: not held. */
static void assert_sentinel(struct here *h, enum health_sentinel state, int by)
{
	struct health c;
	int needed = 0;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	assert_int_equal(c.sentinel, state);
	for (size_t i = 0; i < c.nneeds; i++) {
		if (c.needs[i].kind != NEED_SENTINEL)
			continue;
		assert_int_equal(needed, 0);
		assert_int_equal(c.needs[i].slurm_job, newest_job()->id);
		needed = c.needs[i].by_admin ? SENTINEL_HELD_ADMIN : SENTINEL_HELD_USER;
	}
	assert_int_equal(needed, by);
	health_release(&c);
}

/* If the only other jobs got no clear answer, the sentinel keeps waking up, so the chain goes
 * on. */
static void alone_with_unanswered_submissions(void **state)
{
	struct here *h = *state;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	put_sweep(h, many);
	fill(h, FILL_USER);
	set_setting(h, ".chain.last_refill", "1");
	assert_chain(h, CHAIN_STALLED);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(count_sentinels("PENDING"), 1);
	assert_chain(h, CHAIN_ALIVE);
}

/* A sentinel that is held in Slurm stays held: a second one would wait for it, and it does not
 * count as a guard. */
static void held_in_slurm(void **state)
{
	struct here *h = *state;
	size_t before;

	put_sweep(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_sentinel(h, SENTINEL_WAITING, 0);
	assert_true(sentinel_waits(&h->store));
	before = fake.sbatches;
	fake_reason = "JobHeldUser";
	assert_false(sentinel_waits(&h->store));
	sentinel_check(&h->store);
	assert_sentinel(h, SENTINEL_HELD, SENTINEL_HELD_USER);
	/* a check does not change it */
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	set_setting(h, ".sentinel.at", "1000");
	sentinel_tend(&h->store, SENTINEL_TICK, keep_warning, NULL);
	assert_no_warning();
	assert_int_equal(fake.sbatches, before);
	assert_int_equal(fake.cancelled.n, 0);
	fake_reason = "JobHeldAdmin";
	sentinel_check(&h->store);
	assert_sentinel(h, SENTINEL_HELD, SENTINEL_HELD_ADMIN);
	fake_reason = "BeginTime";
	sentinel_check(&h->store);
	assert_sentinel(h, SENTINEL_WAITING, 0);
	/* held by Slurm after a start: its successor would wait for ever */
	fake_reason = "job requeued in held state";
	sentinel_tend(&h->store, SENTINEL_USER, keep_warning, NULL);
	assert_int_equal(fake.cancelled.n, 1);
	assert_int_equal(fake.sbatches, before + 1);
	fake.jobs[fake.njobs - 2].gone[0] = true;
	/* held and then cancelled: its absence is noticed */
	fake_reason = "JobHeldUser";
	sentinel_check(&h->store);
	newest_job()->gone[0] = true;
	sentinel_check(&h->store);
	assert_sentinel(h, SENTINEL_NONE, 0);
	assert_false(has_setting(h, ".sentinel.held"));
	fake_reason = NULL;
}

static void sleep_in_sbatch(void)
{
	clock_sleep_ms(300); /* time for the other processes to arrive */
}

/* Eight processes at once. The fake Slurm of each is its own, so only the lock and the settings of
 * the first process keep the others from submitting. */
static void eight_processes_race(void **state)
{
	struct here *h = *state;
	int made = 0, go[2];
	pid_t pids[8];

	put_sweep(h, many);
	fill(h, FILL_USER);
	db_close(h->store.db);
	folder_close(h->store.folder);
	h->store.db = NULL;
	h->store.folder = NULL;
	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			size_t before;
			char c;

			close(go[1]);
			if (store_open(&h->store, NULL) || read(go[0], &c, 1) < 0)
				_exit(9);
			before = fake.sbatches;
			fake.on_sbatch = sleep_in_sbatch;
			sentinel_tend(&h->store, SENTINEL_TICK, NULL, NULL);
			_exit(fake.sbatches > before ? 1 : 0);
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < 8; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		made += WEXITSTATUS(status);
	}
	assert_int_equal(made, 1);
	assert_int_equal(store_open(&h->store, NULL), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(submit_waits_for_the_lock),
		T(submitted_once_and_found),
		cmocka_unit_test(when_a_sentinel_is_wanted),
		T(a_refusal_switches_it_off),
		T(a_refusal_of_the_last_holder_counts),
		T(withdrawn_when_no_work_is_left),
		T(withdrawn_by_the_last_job),
		T(withdrawn_if_the_sweep_is_paused),
		T(the_sentinels_own_run),
		T(the_sentinels_time_limit),
		T(no_sentinel_in_the_hold_off),
		T(eight_processes_race),
		T(alone_with_unanswered_submissions),
		T(held_in_slurm),
		T(withdrawn_after_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
