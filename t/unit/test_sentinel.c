/* test_sentinel.c - the job that waits in Slurm: made, seen, withdrawn, and what it does itself */
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

static char *said;

static void hear(void *arg, const char *text)
{
	(void)arg;
	free(said);
	said = mem_strdup(text);
}

static void hear_nothing(void)
{
	if (said)
		fail_msg("said: %s", said);
}

static void put(struct here *h, const char *text)
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

/* Sentinels that the fake Slurm has, in that state. */
static int sentinels(const char *in)
{
	int n = 0;

	for (size_t i = 0; i < fake.njobs; i++)
		n += !strncmp(fake.jobs[i].name, "slurmq-sentinel.", 16) && !fake.jobs[i].gone[0] &&
		     !strcmp(fake.jobs[i].state[0], in);
	return n;
}

static struct fake_job *newest(void)
{
	return &fake.jobs[fake.njobs - 1];
}

static void set(struct here *h, const char *key, const char *value)
{
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	if (value)
		assert_int_equal(db_setting_set(h->store.db, key, value, NULL), 0);
	else
		assert_int_equal(db_setting_unset(h->store.db, key, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static char *get(struct here *h, const char *key)
{
	char *value = NULL;

	db_setting_get(h->store.db, key, &value, NULL);
	return value;
}

static bool has_setting(struct here *h, const char *key)
{
	char *value = get(h, key);
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

/* Another process has the lock, for a moment or until it is killed, and at its end is refused with these words,
 * or NULL: its pid. */
static pid_t somebody_refused(struct here *h, int64_t ms, const char *words)
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

static pid_t somebody_at_it(struct here *h, int64_t ms)
{
	return somebody_refused(h, ms, NULL);
}

static void a_person_waits_for_who_is_at_it(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	put(h, many);
	fill(h, FILL_USER);
	pid = somebody_at_it(h, 60 * 1000);
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = somebody_at_it(h, 300);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	hear_nothing();
	assert_int_equal(sentinels("PENDING"), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	/* one that is not wanted any more is left to whoever is at it */
	set(h, "sentinel", "off");
	pid = somebody_at_it(h, 60 * 1000);
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(fake.cancelled.n, 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(fake.cancelled.n, 1);
	hear_nothing();
	set(h, "sentinel", "auto");
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 1);
	set(h, "sentinel", "off");
	pid = somebody_at_it(h, 300);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(fake.cancelled.n, 2);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	hear_nothing();
}

static void made_once_and_seen(void **state)
{
	static const char *const want[] = {
		"--partition=cpu", "--account=lab",	    "--ntasks=1", "--time=30", "--mem=256M",
		"--begin=now+900", "--dependency=singleton"};
	struct here *h = *state;
	size_t before;

	put(h, many);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(sentinels("PENDING"),
			 0); /* nothing was submitted: like what would it be? */
	fill(h, FILL_USER);
	assert_int_equal(fake_active(), 18);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	hear_nothing();
	assert_int_equal(sentinels("PENDING"), 1);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!has_option(want[i]))
			fail_msg("no %s", want[i]);
	assert_false(has_option("--mem=1G"));
	assert_non_null(strstr(fake.last_script, "/bin/1 chain --sentinel\n"));
	before = fake.sbatches;
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(fake.sbatches, before);
	/* a tick asks nothing while it was seen a moment ago, and looks when that is long ago */
	before = fake.squeues;
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(fake.squeues, before);
	set(h, ".sentinel.at", "1000");
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(fake.squeues, before + 1);
	assert_int_equal(sentinels("PENDING"), 1);
	/* cancelled by hand: made again when it is missed */
	newest()->gone[0] = true;
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 0);
	set(h, ".sentinel.at", "99999999999999"); /* a clock that was wrong */
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 1);
}

static void wanted_or_not(void **state)
{
	static const struct {
		const char *setting;
		int64_t limit;
		int there;
		int jobs; /* that go beside it */
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
		put(h, many);
		if (v[i].setting)
			set(h, "sentinel", v[i].setting);
		fill(h, FILL_USER);
		assert_int_equal(fake_active(), v[i].jobs);
		sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
		hear_nothing();
		assert_int_equal(sentinels("PENDING"), v[i].there);
		here_tear_down(&s);
	}
}

static void refused_stays_off(void **state)
{
	struct here *h = *state;
	size_t before;
	char *words;

	put(h, many);
	fill(h, FILL_USER);
	/* with memory, and without */
	fake.answers[fake.sbatches] = fake.answers[fake.sbatches + 1] = SLURM_REFUSED;
	fake.nanswers = fake.sbatches + 2;
	before = fake.sbatches;
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(fake.sbatches, before + 2);
	assert_false(has_option("--mem=256M"));
	assert_non_null(said);
	assert_non_null(strstr(said, "refused the sentinel: words of sbatch"));
	free(said);
	said = NULL;
	words = get(h, ".sentinel.refused");
	assert_string_equal(words, "words of sbatch");
	free(words);
	set(h, ".sentinel.at", "1000");
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(fake.sbatches, before + 2);
	/* its slot is free for a job */
	fill(h, FILL_CHAIN);
	assert_int_equal(fake_active(), 19);
	/* a person's submit tries again */
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	hear_nothing();
	assert_int_equal(sentinels("PENDING"), 1);
}

static void refused_to_who_had_the_lock_before(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	put(h, many);
	fill(h, FILL_USER);
	pid = somebody_refused(h, 300, "no such partition");
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(sentinels("PENDING"), 0);
	assert_non_null(said);
	assert_non_null(strstr(said, "refused the sentinel: no such partition"));
	free(said);
	said = NULL;
	/* once is enough */
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	hear_nothing();
}

static void withdrawn_with_the_work(void **state)
{
	struct here *h = *state;
	size_t before;

	put(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	before = fake.squeues;
	sentinel_settle(&h->store, hear, NULL);
	assert_int_equal(fake.squeues, before); /* work is left: nothing is asked */
	set(h, ".paused", "1");
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	hear_nothing();
	assert_int_equal(fake.cancelled.n, 1);
	assert_null(get(h, ".sentinel.at"));
	newest()->gone[0] = true;
	before = fake.squeues;
	sentinel_settle(&h->store, hear, NULL);
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(fake.squeues, before);
	/* cancelled by somebody else: who looks finds out, and a Slurm that is away changes nothing */
	set(h, ".paused", NULL);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	sentinel_check(&h->store);
	assert_true(has_setting(h, ".sentinel.at"));
	newest()->gone[0] = true;
	fake.away = true;
	sentinel_check(&h->store);
	assert_true(has_setting(h, ".sentinel.at"));
	fake.away = false;
	sentinel_check(&h->store);
	assert_false(has_setting(h, ".sentinel.at"));
	/* a Slurm that is away: said, and nothing else */
	set(h, ".paused", NULL);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	set(h, ".paused", "1");
	fake.away = true;
	sentinel_withdraw(&h->store, hear, NULL);
	assert_non_null(said);
	free(said);
	said = NULL;
}

/* The queue was paused by the breakers, whose holder asks Slurm nothing: the next job that ends withdraws it, work
 * left or not. */
static void withdrawn_after_a_pause(void **state)
{
	struct here *h = *state;
	size_t before;

	put(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 1);
	set(h, ".paused", "1");
	sentinel_settle(&h->store, hear, NULL);
	hear_nothing();
	assert_int_equal(fake.cancelled.n, 1);
	assert_false(has_setting(h, ".sentinel.at"));
	/* once */
	newest()->gone[0] = true;
	before = fake.squeues;
	sentinel_settle(&h->store, hear, NULL);
	assert_int_equal(fake.squeues, before);
}

/* Nothing is pending and nothing in flight: the job that finds it so withdraws it. */
static void withdrawn_by_the_last(void **state)
{
	struct here *h = *state;
	int changed;

	put(h, "name: one\nrun: [echo]\n");
	fake.limit = 20;
	set(h, ".sentinel.at", "5");
	sentinel_settle(&h->store, hear, NULL);
	assert_int_equal(fake.squeues, 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_cancel(h->store.db, 1, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	sentinel_settle(&h->store, hear, NULL);
	assert_int_equal(fake.squeues, 1);
	assert_false(has_setting(h, ".sentinel.at"));
	hear_nothing();
}

static void begin(struct fake_job *job)
{
	char id[24];

	snprintf(job->state[0], sizeof(job->state[0]), "RUNNING");
	snprintf(id, sizeof(id), "%d", (int)job->id);
	setenv("SLURM_JOB_ID", id, 1);
}

static void its_own_run(void **state)
{
	struct here *h = *state;
	struct fake_job *mine;
	size_t before;

	put(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	mine = newest();
	begin(mine);
	/* Slurm does not answer: it does not leave */
	fake.away = true;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_AGAIN);
	fake.away = false;
	/* nor where its successor finds no room */
	fake.answers[fake.sbatches] = SLURM_LIMIT;
	fake.nanswers = fake.sbatches + 1;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_AGAIN);
	assert_int_equal(fake.requeue_off, 0);
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	assert_int_equal(sentinels("PENDING"), 1);
	assert_int_equal(fake.requeue_off, mine->id);
	/* begun again by Slurm: there is one already */
	before = fake.sbatches;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	assert_int_equal(fake.sbatches, before);
	/* one that Slurm holds and will not begin counts for none */
	fake_reason = "launch failed requeued held";
	fake.limit = 30;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	fake_reason = NULL;
	assert_int_equal(fake.sbatches, before + 1);
	assert_int_equal(fake.cancelled.n, 1);
	/* one that runs is no successor, but it will see to its own: nobody else makes one */
	for (size_t i = 0; i < fake.njobs; i++)
		if (!strncmp(fake.jobs[i].name, "slurmq-sentinel.", 16) && &fake.jobs[i] != mine)
			snprintf(fake.jobs[i].state[0], sizeof(fake.jobs[i].state[0]), "RUNNING");
	before = fake.sbatches;
	sentinel_tend(&h->store, SENTINEL_USER, NULL, NULL);
	assert_int_equal(fake.sbatches, before);
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LAST);
	assert_int_equal(fake.sbatches, before + 1);
	/* switched off: no other follows */
	set(h, "sentinel", "off");
	before = fake.sbatches;
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_ALONE);
	assert_int_equal(fake.sbatches, before);
	set(h, "sentinel", NULL);
	set(h, ".paused", "1");
	assert_int_equal(sentinel_turn(&h->store, NULL, NULL), SENTINEL_LEAVE);
}

/* While it has no successor it does not leave for its time limit: Slurm begins it anew, or it goes on until KILL. */
static void its_time_limit(void **state)
{
	static const struct {
		int sig;
		const char *slurm, *reason;
		bool away, want, requeued;
		int second; /* a signal that has come, too */
	} v[] = {
		/* scancel, too late to be told from the limit: it must not come back */
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

/* While it is not decided what a cancellation meant, nobody but a person makes one. */
static void none_is_made_in_the_hold_off(void **state)
{
	struct here *h = *state;

	put(h, many);
	fill(h, FILL_USER);
	cancel_record(h->store.folder, &(struct who){.slurm_id = 7});
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 0);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 1);
	assert_true(folder_mark_age(h->store.folder, SENTINEL_MARK) >= 0);
}

static void chain_is(struct here *h, enum chain_state want)
{
	struct health c;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	assert_int_equal(c.state, want);
	health_release(&c);
}

/* by: who is to release it, SENTINEL_HELD_USER or _ADMIN; 0: nobody. */
static void sentinel_is(struct here *h, enum health_sentinel state, int by)
{
	struct health c;
	int needed = 0;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	assert_int_equal(c.sentinel, state);
	for (size_t i = 0; i < c.nneeds; i++) {
		if (c.needs[i].kind != NEED_SENTINEL)
			continue;
		assert_int_equal(needed, 0);
		assert_int_equal(c.needs[i].slurm_job, newest()->id);
		needed = c.needs[i].by_admin ? SENTINEL_HELD_ADMIN : SENTINEL_HELD_USER;
	}
	assert_int_equal(needed, by);
	health_release(&c);
}

/* What got no answer, with nobody left but it: it wakes up, so the chain lives. */
static void it_is_left_with_the_unanswered(void **state)
{
	struct here *h = *state;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	put(h, many);
	fill(h, FILL_USER);
	set(h, ".chain.last_refill", "1");
	chain_is(h, CHAIN_STALLED);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(sentinels("PENDING"), 1);
	chain_is(h, CHAIN_ALIVE);
}

/* Somebody holds it in Slurm: that stays so, another would wait for it, and nobody counts on it. */
static void held_in_slurm(void **state)
{
	struct here *h = *state;
	size_t before;

	put(h, many);
	fill(h, FILL_USER);
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	sentinel_is(h, SENTINEL_WAITING, 0);
	assert_true(sentinel_waits(&h->store));
	before = fake.sbatches;
	fake_reason = "JobHeldUser";
	assert_false(sentinel_waits(&h->store));
	sentinel_check(&h->store);
	sentinel_is(h, SENTINEL_HELD, SENTINEL_HELD_USER);
	/* whoever looks leaves it so */
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	set(h, ".sentinel.at", "1000");
	sentinel_tend(&h->store, SENTINEL_TICK, hear, NULL);
	hear_nothing();
	assert_int_equal(fake.sbatches, before);
	assert_int_equal(fake.cancelled.n, 0);
	fake_reason = "JobHeldAdmin";
	sentinel_check(&h->store);
	sentinel_is(h, SENTINEL_HELD, SENTINEL_HELD_ADMIN);
	fake_reason = "BeginTime";
	sentinel_check(&h->store);
	sentinel_is(h, SENTINEL_WAITING, 0);
	/* Slurm's own, of one that had begun: its successor would wait for ever */
	fake_reason = "job requeued in held state";
	sentinel_tend(&h->store, SENTINEL_USER, hear, NULL);
	assert_int_equal(fake.cancelled.n, 1);
	assert_int_equal(fake.sbatches, before + 1);
	fake.jobs[fake.njobs - 2].gone[0] = true;
	/* held, and then cancelled: it is missed as any other */
	fake_reason = "JobHeldUser";
	sentinel_check(&h->store);
	newest()->gone[0] = true;
	sentinel_check(&h->store);
	sentinel_is(h, SENTINEL_NONE, 0);
	assert_false(has_setting(h, ".sentinel.held"));
	fake_reason = NULL;
}

static void takes_long(void)
{
	clock_sleep_ms(300); /* the others come meanwhile */
}

/* Eight processes at once. The fake Slurm of each is its own: what holds them apart is the lock and what the
 * first one noted. */
static void many_race(void **state)
{
	struct here *h = *state;
	int made = 0, go[2];
	pid_t pids[8];

	put(h, many);
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
			fake.on_sbatch = takes_long;
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
		T(a_person_waits_for_who_is_at_it),
		T(made_once_and_seen),
		cmocka_unit_test(wanted_or_not),
		T(refused_stays_off),
		T(refused_to_who_had_the_lock_before),
		T(withdrawn_with_the_work),
		T(withdrawn_by_the_last),
		T(its_own_run),
		T(its_time_limit),
		T(none_is_made_in_the_hold_off),
		T(many_race),
		T(it_is_left_with_the_unanswered),
		T(held_in_slurm),
		T(withdrawn_after_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
