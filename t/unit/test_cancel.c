/* test_cancel.c - external cancels: the records, the hold-off, the decision */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "chain/cancel.h"
#include "fake_slurm.h"
#include "lib/proc.h"
#include "chain/ingest.h"
#include "chain/fill.h"
#include "chain/health.h"
#include "cmd/needs.h"
#include "chain/reconcile.h"
#include "sweep_here.h"
#include "store/manifest.h"

static int set_up(void **state)
{
	fake_reset();
	fake_reason = NULL;
	unsetenv("SLURM_JOB_ID");
	unsetenv("SLURM_RESTART_COUNT");
	proc_signals_block();
	while (proc_signal_wait(0) > 0)
		;
	return here_set_up(state);
}

/* Makes the record of a job that was cancelled age ms ago. */
static void make_record(struct here *h, uint64_t id, int64_t age)
{
	char path[40];

	cancel_record(h->store.folder, &(struct who){.slurm_id = id});
	snprintf(path, sizeof(path), "cancelled/%" PRIu64, id);
	scratch_later(h->store.dir, path, age);
}

static bool is_recorded(struct here *h, uint64_t id)
{
	char path[40];

	snprintf(path, sizeof(path), "cancelled/%" PRIu64, id);
	return folder_file_exists(h->store.folder, path);
}

/* ---- the hold-off ---- */

static void phases_of_the_hold_off(void **state)
{
	static const struct {
		int64_t ages[3]; /* of the records; 0: end of the list */
		enum cancel_phase phase;
		int64_t left;
	} v[] = {
		{{0}, CANCEL_NONE, 0},
		{{1}, CANCEL_HOLD_OFF, 10000},
		{{9000}, CANCEL_HOLD_OFF, 1000},
		{{10100}, CANCEL_DUE, 0},
		/* the newest record counts */
		{{20000, 4000}, CANCEL_HOLD_OFF, 6000},
		{{4000, 20000, 12000}, CANCEL_HOLD_OFF, 6000},
		{{20000, 11000}, CANCEL_DUE, 0},
		/* a burst lasts 30 s at most */
		{{28000, 1000}, CANCEL_HOLD_OFF, 2000},
		{{30100, 1}, CANCEL_DUE, 0},
		{{86400000, 1}, CANCEL_DUE, 0},
		/* the file server's clock was set back: no process waits until it catches up */
		{{-3600000}, CANCEL_DUE, 0},
		{{-3600000, 1}, CANCEL_DUE, 0},
		/* less than a second: two clocks of a file server may differ by that */
		{{-500}, CANCEL_HOLD_OFF, 10500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		enum cancel_phase phase;
		struct here *h;
		int64_t left = -1;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		for (size_t k = 0; k < 3 && v[i].ages[k]; k++)
			make_record(h, 100 + k, v[i].ages[k]);
		phase = cancel_phase(h->store.folder, &left);
		if (phase != v[i].phase || left > v[i].left + 50 ||
		    left < v[i].left - (v[i].left ? 700 : 0))
			fail_msg("case %zu: phase %d, %" PRId64 " ms left", i, (int)phase, left);
		assert_int_equal(cancel_phase(h->store.folder, NULL), v[i].phase);
		cancel_forget(h->store.folder);
		assert_int_equal(cancel_phase(h->store.folder, &left), CANCEL_NONE);
		assert_int_equal(left, 0);
		here_tear_down(&s);
	}
}

/* A job withdraws only its own record; recording again makes it newer. */
static void each_job_has_its_own_record(void **state)
{
	struct here *h = *state;
	int64_t left;

	make_record(h, 100, 9000);
	make_record(h, 101, 9000);
	cancel_withdraw(h->store.folder, &(struct who){.slurm_id = 101});
	cancel_withdraw(h->store.folder, &(struct who){.slurm_id = 102});
	assert_true(is_recorded(h, 100));
	assert_false(is_recorded(h, 101));
	cancel_record(h->store.folder, &(struct who){.slurm_id = 100});
	assert_int_equal(cancel_phase(h->store.folder, &left), CANCEL_HOLD_OFF);
	assert_in_range(left, 8000, 10000);
}

/* ---- SIGTERM ---- */

static struct here *asked;
static bool recorded_when_asked;

static void check_record_exists(void)
{
	recorded_when_asked = is_recorded(asked, 7);
}

static void reasons_of_sigterm(void **state)
{
	static const struct {
		const char *state, *why; /* the job in squeue; NULL: not shown */
		int restarts;
		bool away;
		int reason; /* -1: no answer */
		bool recorded;
	} v[] = {
		{"COMPLETING", "None", 0, false, REASON_CANCELLED, true},
		{"CANCELLED", "None", 0, false, REASON_CANCELLED, true},
		{NULL, NULL, 0, false, -1, true},
		{"RUNNING", "None", 0, true, -1, true},
		{"COMPLETING", "TimeLimit", 0, true, -1, true},
		{"COMPLETING", "TimeLimit", 0, false, REASON_TIMEOUT, false},
		{"PREEMPTED", "None", 0, false, REASON_PREEMPTED, false},
		{"COMPLETING", "None", 1, false, REASON_PREEMPTED, false}, /* requeued */
		{"NODE_FAIL", "NodeDown", 0, false, REASON_NODE_FAIL, false},
		{"COMPLETING", "NodeDown", 0, false, REASON_NODE_FAIL, false},
		{"RUNNING", "None", 0, false, REASON_NONE, false}, /* only a signal */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct who me = {.slurm_id = 7};
		struct here *h;
		int reason;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.njobs = 1;
		fake.jobs[0] = (struct fake_job){.id = 7, .ntasks = 1, .restarts = v[i].restarts};
		fake.jobs[0].gone[0] = !v[i].state;
		snprintf(fake.jobs[0].state[0], 24, "%s", v[i].state ? v[i].state : "");
		fake_reason = v[i].why;
		fake.away = v[i].away;
		asked = h;
		fake.on_squeue_job = check_record_exists;
		make_record(h, 8, 5000); /* another job's record does not change */
		reason = cancel_on_term(h->store.folder, &me);
		if (reason != v[i].reason || is_recorded(h, 7) != v[i].recorded)
			fail_msg("case %zu: reason %d", i, reason);
		assert_true(recorded_when_asked);
		assert_int_equal(fake.squeues, 1);
		assert_true(is_recorded(h, 8));

		/* the same if the signal is pending, or was consumed */
		cancel_forget(h->store.folder);
		setenv("SLURM_JOB_ID", "7", 1);
		assert_false(cancel_take_term(h->store.folder));
		assert_false(is_recorded(h, 7));
		kill(getpid(), SIGTERM);
		assert_int_equal(cancel_take_term(h->store.folder), v[i].recorded);
		assert_int_equal(is_recorded(h, 7), v[i].recorded);
		assert_false(proc_term_pending());
		assert_int_equal(cancel_after_term(h->store.folder), v[i].recorded);
		unsetenv("SLURM_JOB_ID");
		here_tear_down(&s);
	}
	fake_reason = NULL;
}

static void outside_of_a_job_sigterm_is_a_cancel(void **state)
{
	struct here *h = *state;

	assert_int_equal(cancel_on_term(h->store.folder, &(struct who){0}), REASON_CANCELLED);
	assert_int_equal(fake.squeues, 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_HOLD_OFF);
}

/* ---- the decision ---- */

static void fill(struct here *h, enum fill_caller who, int64_t limit)
{
	struct fill_opts o = {.caller = who, .max = -1, .lock_ms = 1000};
	struct fill_result r;
	struct err err = {0};
	char *sql = mem_printf("UPDATE setting SET value = %" PRId64 " WHERE key = '.limit.jobs'",
			       limit);

	fake.limit = limit;
	here_sql(h, sql);
	free(sql);
	if (fill_run(&h->store, &o, &r, &err))
		fail_msg("%s", err.msg);
	fill_result_release(&r);
}

static void put_sweep(struct here *h)
{
	struct expand_result r;

	assert_int_equal(here_expand(h,
				     "name: ten\nparams: {n: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
				     "run: [\"true\"]\n",
				     NULL, &r, NULL),
			 0);
	expand_result_release(&r);
}

static uint64_t manifest_of(const struct fake_job *job)
{
	return strtoull(strrchr(job->name, '.') + 1, NULL, 16);
}

static void make_manifest_older(struct here *h, const struct fake_job *job, int64_t ms)
{
	char path[40];

	snprintf(path, sizeof(path), "manifests/%016" PRIx64, manifest_of(job));
	scratch_later(h->store.dir, path, ms);
}

static void win_claim(struct here *h, const struct fake_job *job, int task)
{
	struct who me = {.slurm_id = job->id + (uint64_t)task,
			 .node = "n1",
			 .pid = 1,
			 .random = clock_random()};
	struct journal_file j;
	struct folder_entry e;
	struct buf text = {0};

	assert_int_equal(claim_file_win(h->store.folder, manifest_of(job), task, &me, &e, NULL), 0);
	assert_int_equal(journal_file_open(h->store.folder, &e, &j, NULL), 0);
	journal_add_start(&text, 5, &me);
	assert_int_equal(journal_file_append(&j, text.s, text.len, true, NULL), 0);
	journal_file_close(&j);
	buf_release(&text);
}

/* Compares the counts as text: "pending 3, queued 7". */
static void assert_counts(struct here *h, const char *want, size_t at)
{
	int64_t counts[JOB_NSTATES];
	struct buf b = {0};

	assert_int_equal(db_counts(h->store.db, counts, NULL), 0);
	for (int i = 0; i < JOB_NSTATES; i++)
		if (counts[i])
			buf_addf(&b, "%s%s %" PRId64, b.len ? ", " : "", job_state_name(i),
				 counts[i]);
	if (strcmp(buf_str(&b), want) != 0)
		fail_msg("case %zu: %s", at, buf_str(&b));
	buf_release(&b);
	assert_int_equal(db_check(h->store.db, NULL), 0);
}

static void request_cancel(struct here *h, int64_t job)
{
	int changed;

	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_cancel(h->store.db, job, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

/* States in the fake Slurm: P pending, R running, C cancelled, D completed, c completing, x not
 * shown. */
static const char *state_name(char c)
{
	return c == 'P'	  ? "PENDING"
	       : c == 'R' ? "RUNNING"
	       : c == 'C' ? "CANCELLED"
	       : c == 'c' ? "COMPLETING"
	       : c == 'T' ? "TIMEOUT"
			  : "COMPLETED";
}

/* Sets the state of one task for each letter, in that state for ended_ago ms. */
static void set_states(struct fake_job *job, const char *states, int64_t ended_ago)
{
	for (int i = 0; states[i]; i++) {
		job->gone[i] = states[i] == 'x';
		snprintf(job->state[i], sizeof(job->state[i]), "%s", state_name(states[i]));
		if (strchr("CDc", states[i]))
			job->ended_at[i] = clock_now_ms() - ended_ago;
	}
}

/* Returns the reason of the pause, NULL if the queue is not paused. Caller frees. */
static char *pause_reason(struct here *h)
{
	struct buf text = {0};
	struct health c;
	bool paused;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	paused = needs_add_pause(&c.pause, &text);
	health_release(&c);
	return paused ? buf_take(&text) : NULL;
}

/* The folder has an array of four (jobs 100 to 103) and one or two submissions of a job or a
 * person. */
struct decision {
	const char *first;     /* states of its tasks */
	const char *second;    /* NULL: no such submission */
	int lead, lead2;       /* ms from their submission to the first record */
	bool by_job, by_job2;  /* submitted by a job */
	const char *records;   /* tasks of the first with a record: "01" */
	int64_t age;	       /* age of the records, 0: 11 s */
	const char *running;   /* tasks of the first that won their claim */
	const char *requested; /* tasks of the first that slurmq cancel ends */
	char sentinel;	       /* its state; 0: no sentinel */
	int sentinel_lead;
	int64_t cancelled_ago; /* 0: at the time of the first record */
	int stops;	       /* number of cancelled jobs in the pause's reason; 0: no pause */
	const char *counts, *scancelled;
};

static void set_sentinel(struct here *h, const struct decision *d, int64_t age)
{
	struct fake_job *job = &fake.jobs[fake.njobs++];

	*job = (struct fake_job){.id = 777, .ntasks = 1};
	snprintf(job->name, sizeof(job->name), "slurmq-sentinel.01234567");
	set_states(job, (const char[]){d->sentinel, '\0'}, age);
	folder_mark(h->store.folder, "sentinel-made");
	scratch_later(h->store.dir, "sentinel-made", age + d->sentinel_lead);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set_int(h->store.db, ".sentinel.job", 777, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static void set_up_decision(struct here *h, const struct decision *d)
{
	const int64_t age = d->age ? d->age : 11000;
	const int64_t ended = d->cancelled_ago ? d->cancelled_ago : age;

	put_sweep(h);
	fill(h, d->by_job ? FILL_CHAIN : FILL_USER, 5);
	fill(h, d->by_job ? FILL_CHAIN : FILL_USER, 5);
	assert_int_equal(fake.njobs, 1);
	if (d->second) {
		fill(h, d->by_job2 ? FILL_CHAIN : FILL_USER, 5 + (int64_t)strlen(d->second));
		assert_int_equal(fake.njobs, 2);
		make_manifest_older(h, &fake.jobs[1], age + d->lead2);
	}
	make_manifest_older(h, &fake.jobs[0], age + d->lead);
	for (const char *p = d->running; p && *p; p++)
		win_claim(h, &fake.jobs[0], *p - '0');
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	for (const char *p = d->requested; p && *p; p++)
		request_cancel(h, 1 + *p - '0');
	set_states(&fake.jobs[0], d->first, ended);
	for (const char *p = d->records; *p; p++)
		if (fake.jobs[0].ended_at[*p - '0'])
			fake.jobs[0].ended_at[*p - '0'] = clock_now_ms() - age;
	if (d->second)
		set_states(&fake.jobs[1], d->second, ended);
	if (d->sentinel)
		set_sentinel(h, d, age);
	for (const char *p = d->records; *p; p++)
		make_record(h, 100 + (uint64_t)(*p - '0'), age);
}

static void decisions(void **state)
{
	static const struct decision v[] = {
		/* all jobs */
		{.first = "CCCC",
		 .lead = 6000,
		 .records = "0123",
		 .stops = 4,
		 .counts = "pending 6, cancelled 4"},
		{.first = "CCCC",
		 .lead = 6000,
		 .records = "01",
		 .stops = 4,
		 .counts = "pending 6, cancelled 4"},
		{.first = "CCDD",
		 .lead = 6000,
		 .records = "01",
		 .running = "23",
		 .stops = 2,
		 .counts = "pending 6, running 2, cancelled 2"},
		/* squeue did not answer at SIGTERM, and the cause was the time limit */
		{.first = "TTTT",
		 .lead = 6000,
		 .records = "0123",
		 .running = "0123",
		 .counts = "pending 6, running 4"},
		/* one of several jobs, and the only job */
		{.first = "CRRR",
		 .lead = 6000,
		 .records = "0",
		 .counts = "pending 6, queued 3, cancelled 1"},
		{.first = "CDDD",
		 .lead = 6000,
		 .records = "0",
		 .running = "123",
		 .counts = "pending 6, running 3, cancelled 1"},
		/* most jobs: one survivor is left, pending or running */
		{.first = "CCCR",
		 .lead = 6000,
		 .records = "012",
		 .counts = "pending 6, queued 1, cancelled 3"},
		{.first = "CCCP",
		 .lead = 6000,
		 .records = "012",
		 .counts = "pending 6, queued 1, cancelled 3"},
		/* a COMPLETING job is no survivor */
		{.first = "CCCc",
		 .lead = 6000,
		 .records = "012",
		 .stops = 3,
		 .counts = "pending 7, cancelled 3"},
		/* scancel may have missed a job that a job submitted less than 5 s before, or
		 * later */
		{.first = "CCCC",
		 .second = "P",
		 .lead = 9000,
		 .lead2 = 4500,
		 .by_job2 = true,
		 .records = "0123",
		 .stops = 4,
		 .counts = "pending 6, cancelled 4",
		 .scancelled = "104"},
		{.first = "CCCC",
		 .second = "P",
		 .lead = 9000,
		 .lead2 = 5500,
		 .by_job2 = true,
		 .records = "0123",
		 .counts = "pending 5, queued 1, cancelled 4"},
		{.first = "CCCC",
		 .second = "P",
		 .lead = 9000,
		 .lead2 = -3000,
		 .by_job2 = true,
		 .records = "0123",
		 .stops = 4,
		 .counts = "pending 6, cancelled 4",
		 .scancelled = "104"},
		/* scancel had a person's submission in its list, unless it came later */
		{.first = "CCCC",
		 .second = "R",
		 .lead = 9000,
		 .lead2 = 500,
		 .records = "0123",
		 .counts = "pending 5, queued 1, cancelled 4"},
		{.first = "CCCC",
		 .second = "R",
		 .lead = 9000,
		 .lead2 = -500,
		 .records = "0123",
		 .stops = 4,
		 .counts = "pending 6, cancelled 4"},
		/* a job that runs by now is ended too; a job with a record ends by itself */
		{.first = "CCRR",
		 .lead = 1000,
		 .by_job = true,
		 .records = "012",
		 .running = "3",
		 .stops = 3,
		 .counts = "pending 7, running 1, cancelled 2",
		 .scancelled = "100_3"},
		/* cancelled while pending, without a record */
		{.first = "CRRR",
		 .second = "C",
		 .lead = 6000,
		 .lead2 = 6000,
		 .records = "0",
		 .counts = "pending 5, queued 3, cancelled 2"},
		{.first = "CDDD",
		 .second = "C",
		 .lead = 6000,
		 .lead2 = 6000,
		 .records = "0",
		 .running = "123",
		 .stops = 2,
		 .counts = "pending 5, running 3, cancelled 2"},
		/* cancelled long before: not counted */
		{.first = "CDDD",
		 .second = "C",
		 .lead = 6000,
		 .lead2 = 6000,
		 .records = "0",
		 .running = "123",
		 .cancelled_ago = 90000,
		 .counts = "pending 5, running 3, cancelled 2"},
		{.first = "CDDD",
		 .second = "C",
		 .lead = 6000,
		 .lead2 = 6000,
		 .records = "0",
		 .running = "123",
		 .cancelled_ago = 20000,
		 .stops = 2,
		 .counts = "pending 5, running 3, cancelled 2"},
		/* a job that slurmq cancel ended does not count */
		{.first = "CCDD",
		 .lead = 6000,
		 .records = "01",
		 .running = "23",
		 .requested = "0",
		 .counts = "pending 6, running 2, cancelled 2"},
		{.first = "CCCD",
		 .lead = 6000,
		 .records = "01",
		 .running = "3",
		 .requested = "2",
		 .stops = 2,
		 .counts = "pending 6, running 1, cancelled 3"},
		/* the sentinel is a job, too */
		{.first = "CCCC",
		 .lead = 6000,
		 .records = "0123",
		 .sentinel = 'P',
		 .sentinel_lead = 6000,
		 .counts = "pending 6, cancelled 4"},
		{.first = "CCCC",
		 .lead = 6000,
		 .records = "0123",
		 .sentinel = 'R',
		 .sentinel_lead = 6000,
		 .counts = "pending 6, cancelled 4"},
		{.first = "CCCC",
		 .lead = 6000,
		 .records = "0123",
		 .sentinel = 'P',
		 .sentinel_lead = 4000,
		 .stops = 4,
		 .counts = "pending 6, cancelled 4"},
		{.first = "CCCC",
		 .lead = 6000,
		 .records = "0123",
		 .sentinel = 'D',
		 .sentinel_lead = 6000,
		 .stops = 4,
		 .counts = "pending 6, cancelled 4"},
		{.first = "CDDD",
		 .lead = 6000,
		 .records = "0",
		 .running = "123",
		 .sentinel = 'C',
		 .sentinel_lead = 6000,
		 .stops = 2,
		 .counts = "pending 6, running 3, cancelled 1"},
		/* Slurm has forgotten the jobs: rows decide */
		{.first = "xxxx",
		 .lead = 6000,
		 .records = "0",
		 .age = 3600000,
		 .running = "0",
		 .stops = 4,
		 .counts = "pending 9, running 1"},
		/* not counted: jobs that slurmq cancel ended, and the row of a recorded job */
		{.first = "xxxx",
		 .lead = 6000,
		 .records = "0",
		 .age = 3600000,
		 .running = "0",
		 .requested = "123",
		 .counts = "pending 6, running 1, cancelled 3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf ids = {0}, want = {0};
		struct err err = {0};
		struct here *h;
		char *why;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		set_up_decision(h, &v[i]);
		if (cancel_decide(&h->store, &err))
			fail_msg("case %zu: %s", i, err.msg);
		assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
		why = pause_reason(h);
		buf_addf(&want, "all %d jobs were cancelled in Slurm at ", v[i].stops);
		if (!why != !v[i].stops || (why && strncmp(why, buf_str(&want), want.len) != 0) ||
		    (why && strlen(why) != want.len + 5))
			fail_msg("case %zu: %s", i, why ? why : "goes on");
		for (size_t k = 0; k < fake.cancelled.n; k++)
			buf_addf(&ids, "%s%s", k ? " " : "", fake.cancelled.v[k]);
		if (strcmp(buf_str(&ids), v[i].scancelled ? v[i].scancelled : "") != 0)
			fail_msg("case %zu: scancel %s", i, buf_str(&ids));
		/* a job that still runs without a record is cancelled as on request */
		for (const char *p = v[i].running; p && *p && v[i].stops; p++) {
			bool yes;

			assert_int_equal(db_cancel_requested(h->store.db,
							     manifest_of(&fake.jobs[0]), *p - '0',
							     &yes, NULL),
					 0);
			assert_int_equal(yes,
					 !strchr(v[i].records, *p) && v[i].first[*p - '0'] == 'R');
		}
		assert_counts(h, v[i].counts, i);
		free(why);
		buf_release(&ids);
		buf_release(&want);
		here_tear_down(&s);
	}
}

/* All jobs were cancelled while they were pending, and no process knows it. The next reconciliation
 * decides at once if the hold-off has passed since. A job that was there before, and has ended by itself
 * since, shows that not all were cancelled. */
static void all_were_pending(void **state)
{
	static const struct {
		int64_t ago;
		int64_t submitted; /* so long before the cancel, by a job */
		int64_t ended; /* so long after it the first job reported its end; 0: it did not */
		bool paused;
		enum cancel_phase phase;
	} v[] = {
		{4000, 60000, 0, false, CANCEL_HOLD_OFF},
		{12000, 60000, 0, true, CANCEL_NONE},
		{600000, 60000, 0, true, CANCEL_NONE},
		{600000, 60000, 20000, false, CANCEL_NONE},
		{600000, 60000, 1000, true, CANCEL_NONE},
		{600000, 2000, 20000, true, CANCEL_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct decision d = {.first = v[i].ended ? "DCCC" : "CCCC",
					   .lead = 6000,
					   .by_job = true,
					   .records = "",
					   .age = v[i].ago};
		struct reconcile_result r;
		struct here *h;
		char *why, *sql;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		set_up_decision(h, &d);
		sql = mem_printf("UPDATE submission SET created = created - %d",
				 (int)(v[i].ago + v[i].submitted));
		here_sql(h, sql);
		free(sql);
		if (v[i].ended) {
			sql = mem_printf("UPDATE attempt SET closed = 2, ended = %" PRId64
					 " WHERE id = 1; UPDATE job SET state = 4 WHERE id = 1",
					 clock_now_ms() - v[i].ago + v[i].ended);
			here_sql(h, sql);
			free(sql);
		}
		assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
		why = pause_reason(h);
		if (!why == v[i].paused || cancel_phase(h->store.folder, NULL) != v[i].phase)
			fail_msg("case %zu: %s", i, why ? why : "goes on");
		free(why);
		here_tear_down(&s);
	}
}

/* Of an array that was cancelled as a whole one line stands for all tasks that never began. */
static void counts_tasks_not_lines(void **state)
{
	static const struct decision all = {.first = "Cxxx", .lead = 6000, .records = "3"};
	struct here *h = *state;
	struct fake_job *begun;
	char *why;

	set_up_decision(h, &all);
	fake.jobs[0].collapsed = true;
	begun = &fake.jobs[fake.njobs++];
	*begun = fake.jobs[0];
	begun->collapsed = false;
	set_states(begun, "xxxC", 11000);
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	why = pause_reason(h);
	assert_non_null(why);
	assert_int_equal(strncmp(why, "all 4 jobs ", 11), 0);
	free(why);
}

/* Another folder's jobs are no survivors, do not count, and stay in Slurm. */
static void ignores_other_folders(void **state)
{
	static const struct decision all = {.first = "CCCC", .lead = 6000, .records = "0123"};
	struct here *h = *state;
	char *why;

	set_up_decision(h, &all);
	for (int i = 0; i < 2; i++) {
		struct fake_job *job = &fake.jobs[fake.njobs++];

		*job = (struct fake_job){.id = 500 + (uint64_t)i, .ntasks = 1};
		snprintf(job->name, sizeof(job->name), "theirs.00000000000000a%d", i);
		set_states(job, i ? "C" : "P", 11000);
	}
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	why = pause_reason(h);
	assert_non_null(why);
	assert_int_equal(strncmp(why, "all 4 jobs ", 11), 0);
	assert_int_equal(fake.cancelled.n, 0);
	free(why);
}

/* A running job has a record because Slurm did not answer. The expected end that squeue shows for
 * it is not the time of a cancel. */
static void an_expected_end_is_no_cancel_time(void **state)
{
	static const struct decision two = {
		.first = "RCDD", .lead = 6000, .records = "0", .running = "23", .by_job = true};
	struct here *h = *state;
	char *why;

	set_up_decision(h, &two);
	fake.jobs[0].ended_at[0] = clock_now_ms() + 3600000;
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	why = pause_reason(h);
	assert_non_null(why);
	free(why);
}

/* Without an answer of squeue the records stay, and nothing changes. */
static void no_decision_without_an_answer(void **state)
{
	static const struct decision all = {.first = "CCCC", .lead = 6000, .records = "0123"};
	struct here *h = *state;
	struct err err = {0};

	set_up_decision(h, &all);
	fake.away = true;
	assert_int_equal(cancel_decide(&h->store, &err), -1);
	assert_int_equal(err.status, ERR_AGAIN);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_DUE);
	assert_counts(h, "pending 6, queued 4", 0);
	fake.away = false;
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
	assert_counts(h, "pending 6, cancelled 4", 1);
}

static void no_decision_before_it_is_due(void **state)
{
	static const struct decision early = {
		.first = "CCCC", .lead = 6000, .records = "0123", .age = 8000};
	struct here *h = *state;

	set_up_decision(h, &early);
	fake.squeues = 0;
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	assert_int_equal(fake.squeues, 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_HOLD_OFF);
	assert_counts(h, "pending 6, queued 4", 0);
}

static void one_process_decides(void **state)
{
	static const struct decision all = {.first = "CCCC", .lead = 6000, .records = "0123"};
	struct here *h = *state;
	int ready[2], status;
	char c = 0;
	pid_t pid;

	set_up_decision(h, &all);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct folder *other;
		int lock;

		if (folder_open(h->store.dir, &other, NULL) ||
		    folder_lock(other, "deciding", &lock, NULL) || write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	fake.squeues = 0;
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	assert_int_equal(fake.squeues, 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_DUE);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
}

/* A queue that a person has paused stays paused for that reason. Claims that no job has won are
 * revoked. */
static void paused_already(void **state)
{
	static const struct decision all = {.first = "CCCC",
					    .second = "P",
					    .lead = 9000,
					    .lead2 = 1000,
					    .by_job2 = true,
					    .records = "0123"};
	struct here *h = *state;
	struct reconcile_result r;

	set_up_decision(h, &all);
	here_sql(h, "INSERT INTO setting VALUES ('.paused', 1)");
	assert_int_equal(cancel_decide(&h->store, NULL), 0);
	assert_null(pause_reason(h));
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
	assert_int_equal(fake.cancelled.n, 1);
	set_states(&fake.jobs[1], "C", 0);
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_counts(h, "pending 6, cancelled 4", 0);
}

/* ---- whether slurmq or scancel ended a job ---- */

static void requested_by_slurmq(void **state)
{
	static const struct {
		const char *sql;
		bool requested;
	} v[] = {
		{"DELETE FROM setting WHERE key = 'x'", false},
		{"UPDATE job SET request = 1 WHERE id = 2", true},
		{"UPDATE job SET request = 2 WHERE id = 2", true},
		{"UPDATE job SET request = 1 WHERE id <> 2", false},
		/* claim revoked; ended by itself, or cancelled in Slurm */
		{"UPDATE attempt SET closed = 1, reason = 0 WHERE id = 2", true},
		{"UPDATE attempt SET closed = 1, reason = 0 WHERE id <> 2", false},
		{"UPDATE attempt SET closed = 1, reason = 10", false},
		{"UPDATE attempt SET closed = 3, reason = 0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		bool yes;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_sweep(h);
		fill(h, FILL_USER, 5);
		here_sql(h, v[i].sql);
		assert_int_equal(
			db_cancel_requested(h->store.db, manifest_of(&fake.jobs[0]), 1, &yes, NULL),
			0);
		if (yes != v[i].requested)
			fail_msg("case %zu", i);
		assert_int_equal(db_cancel_requested(h->store.db, 5, 1, &yes, NULL), 0);
		assert_false(yes);
		here_tear_down(&s);
	}
}

static void the_last_job_was_cancelled(void **state)
{
	static const struct {
		const char *sql;
		bool yes;
	} v[] = {
		{"DELETE FROM setting WHERE key = 'x'", false},
		{"UPDATE attempt SET ended = 20000 * id, reason = 10 WHERE id < 4", true},
		/* two jobs at one time */
		{"UPDATE attempt SET ended = id, reason = 10 WHERE id < 4", false},
		{"UPDATE attempt SET ended = 20000 * id, reason = 10; "
		 "UPDATE attempt SET reason = 0 WHERE id = 4",
		 false},
		{"UPDATE attempt SET ended = 20000 * (9 - id), reason = 10 * (id = 1)", true},
		{"UPDATE attempt SET ended = id, reason = 10; UPDATE job SET request = 1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		bool yes;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_sweep(h);
		fill(h, FILL_USER, 5);
		here_sql(h, v[i].sql);
		assert_int_equal(db_last_cancelled(h->store.db, &yes, NULL), 0);
		if (yes != v[i].yes)
			fail_msg("case %zu", i);
		here_tear_down(&s);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_of_the_hold_off),
		T(each_job_has_its_own_record),
		cmocka_unit_test(reasons_of_sigterm),
		T(outside_of_a_job_sigterm_is_a_cancel),
		cmocka_unit_test(decisions),
		cmocka_unit_test(all_were_pending),
		T(counts_tasks_not_lines),
		T(ignores_other_folders),
		T(an_expected_end_is_no_cancel_time),
		T(no_decision_without_an_answer),
		T(no_decision_before_it_is_due),
		T(one_process_decides),
		T(paused_already),
		cmocka_unit_test(requested_by_slurmq),
		cmocka_unit_test(the_last_job_was_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
