/* test_outcome.c - the result of an attempt's end: a retry, the next sbatch, the breaker */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>

#include "chain/breaker.h"
#include "lib/clock.h"
#include "store/db_internal.h"
#include "fake_slurm.h"
#include "chain/ingest.h"
#include "chain/outcome.h"
#include "chain/fill.h"
#include "chain/health.h"
#include "chain/reconcile.h"
#include "store/folder.h"
#include "sweep_here.h"
#include "store/manifest.h"

static int set_up(void **state)
{
	fake_reset();
	return here_set_up(state);
}

static void put_sweep(struct here *h, const char *text)
{
	struct expand_result r;
	struct err err = {0};

	if (here_expand(h, text, NULL, &r, &err))
		fail_msg("%s", err.msg);
	expand_result_release(&r);
}

/* Puts a sweep of that many jobs of parameter n, with more keys behind. Each job ends as the test
 * sets it. */
static void put_jobs(struct here *h, int jobs, const char *more)
{
	char *text = mem_printf("name: s\nparams: {n: {from: 1, to: %d, step: 1}}\n%s"
				"run: [echo, \"{n}\"]\n",
				jobs, more);

	put_sweep(h, text);
	free(text);
}

static void fill(struct here *h, enum fill_caller who)
{
	struct fill_opts o = {.caller = who, .max = -1, .lock_ms = 1000};
	struct fill_result r;
	struct err err = {0};

	if (fill_run(&h->store, &o, &r, &err))
		fail_msg("%s", err.msg);
	fill_result_release(&r);
}

static void set_limit(struct here *h, int64_t n)
{
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set_int(h->store.db, "limit", n, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

/* How an attempt ended. */
struct attempt_end {
	int reason; /* REASON_NONE: completed */
	int exit_code;
	int64_t ms; /* duration; 0: 5 */
	const char *node;
	bool twin;  /* preempted, and the requeued Slurm job reports it */
	bool still; /* still running */
};

/* Writes the journal of a job's newest attempt to disk. The database is not updated. */
static void write_journal(struct here *h, int64_t job, const struct attempt_end *w)
{
	struct who me = {.slurm_id = 7, .pid = 1, .random = clock_random()};
	int64_t now = clock_now_ms(), ms = w->ms ? w->ms : 5;
	struct job_end end = {.completed = !w->reason,
			      .reason = w->reason,
			      .exit_code = w->exit_code,
			      .ended = now};
	struct journal_file j;
	struct folder_entry e;
	struct buf text = {0};
	struct db_attempt a;
	struct db_job row;

	assert_int_equal(db_job_get(h->store.db, job, &row, NULL), 0);
	assert_int_equal(db_attempt_get(h->store.db, row.attempt, &a, NULL), 0);
	snprintf(me.node, sizeof(me.node), "%s", w->node ? w->node : "n1");
	assert_int_equal(claim_file_win(h->store.folder, a.submission, a.task, &me, &e, NULL), 0);
	assert_int_equal(journal_file_open(h->store.folder, &e, &j, NULL), 0);
	journal_add_start(&text, now - ms, &me);
	if (w->twin)
		journal_add_preempted(&text, now);
	else if (!w->still)
		journal_add_end(&text, &end);
	assert_int_equal(journal_file_append(&j, text.s, text.len, true, NULL), 0);
	if (!w->still)
		assert_int_equal(journal_file_post(h->store.folder, &j, NULL), 0);
	journal_file_close(&j);
	buf_release(&text);
	db_attempt_release(&a);
	db_job_release(&row);
}

/* "pending 0+0", "failed EXIT 1+0 --time=10:00": state, reason, tries by policy and for the site,
 * options. */
static void assert_job(struct here *h, int64_t id, const char *want)
{
	struct db_job job;
	struct buf b = {0};

	assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
	buf_addf(&b, "%s%s%s %" PRId64 "+%" PRId64, job_state_name(job.state),
		 job.reason ? " " : "", job_reason_name(job.reason), job.again.tries,
		 job.again.site);
	if (job.again.options)
		buf_addf(&b, " %.*s", (int)strlen(job.again.options) - 1, job.again.options);
	if (strcmp(buf_str(&b), want) != 0)
		fail_msg("job %d: '%s', and not '%s'", (int)id, buf_str(&b), want);
	buf_release(&b);
	db_job_release(&job);
}

static void ingest(struct here *h)
{
	struct err err = {0};

	if (ingest_now(&h->store, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(db_check(h->store.db, NULL), 0);
}

static const char *sbatch_option(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = fake.last_argv.n; i-- > 0;)
		if (!strncmp(fake.last_argv.v[i], name, n) && fake.last_argv.v[i][n] == '=')
			return fake.last_argv.v[i] + n + 1;
	return "none";
}

/* ---- another try ---- */

static const char policy[] =
	"sbatch: {time: 60, mem: 4G}\n"
	"retry: {max: 2, TIMEOUT: {time: x1.5, max_time: 2:00:00}, OUT_OF_MEMORY: {mem: x2},"
	" NODE_FAIL: again, PREEMPTED: again, EXIT: {codes: [75]}}\n";

/* Parses "x75": exit code 75, or another kind of end as one letter. */
static struct attempt_end parse_end(const char *word)
{
	struct attempt_end w = {.twin = *word == 'p'};

	w.reason = *word == '+'	  ? REASON_NONE
		   : *word == 's' ? REASON_SIGNAL
		   : *word == 't' ? REASON_TIMEOUT
		   : *word == 'm' ? REASON_OUT_OF_MEMORY
		   : *word == 'p' ? REASON_PREEMPTED
		   : *word == 'l' ? REASON_LOST
		   : *word == 'k' ? REASON_CANCELLED
				  : REASON_EXIT;
	if (*word == 'x')
		w.exit_code = (int)strtol(word + 1, NULL, 10);
	return w;
}

static void retries(void **state)
{
	static const struct {
		const char *ends, *then;
		const char *time, *mem; /* options of the last sbatch */
	} v[] = {
		{"+", "completed 0+0", "60", "4G"},
		{"x1", "failed EXIT 0+0", "60", "4G"},
		{"x75", "queued 1+0", "60", "4G"},
		{"x75 +", "completed 1+0", "60", "4G"},
		{"x75 x75 x75", "failed EXIT 2+0", "60", "4G"},
		{"x75 x1", "failed EXIT 1+0", "60", "4G"},
		{"s", "failed SIGNAL 0+0", "60", "4G"},
		{"t", "queued 1+0 --time=1:30:00", "1:30:00", "4G"},
		/* grows up to the ceiling; no try at the ceiling twice */
		{"t t", "queued 2+0 --time=2:00:00", "2:00:00", "4G"},
		{"t t t", "failed TIMEOUT 2+0 --time=2:00:00", "2:00:00", "4G"},
		/* one option keeps its growth while another grows */
		{"t m", "queued 2+0 --time=1:30:00\n--mem=8G", "1:30:00", "8G"},
		/* a failure of the site uses up no try */
		{"p p p x75", "queued 1+3", "60", "4G"},
		{"p p p p p p p p p p p", "failed PREEMPTED 0+10", "60", "4G"},
		{"l", "failed LOST 0+0", "60", "4G"},
		{"k", "cancelled CANCELLED 0+0", "60", "4G"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 1, policy);
		fill(h, FILL_USER);
		for (const char *p = v[i].ends; *p; p += strspn(p, " ")) {
			struct attempt_end w = parse_end(p);

			write_journal(h, 1, &w);
			fill(h, FILL_USER);
			p += strcspn(p, " ");
		}
		assert_job(h, 1, v[i].then);
		assert_string_equal(sbatch_option("--time"), v[i].time);
		assert_string_equal(sbatch_option("--mem"), v[i].mem);
		here_tear_down((void **)&h);
	}
}

/* The user's retry after the policy has given up. */
static void retry_by_the_user(void **state)
{
	struct here *h = *state;
	struct attempt_end code = {.reason = REASON_EXIT, .exit_code = 75};
	struct attempt_end late = {.reason = REASON_TIMEOUT};
	int c;

	put_jobs(h, 1, policy);
	fill(h, FILL_USER);
	for (int i = 0; i < 3; i++) {
		write_journal(h, 1, i ? &code : &late);
		fill(h, FILL_USER);
	}
	assert_job(h, 1, "failed EXIT 2+0 --time=1:30:00");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_retry(h->store.db, 1, false, false, NULL, NULL, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	assert_job(h, 1, "pending 0+0 --time=1:30:00");
	fill(h, FILL_USER);
	assert_string_equal(sbatch_option("--time"), "1:30:00");
	write_journal(h, 1, &code);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 1+0 --time=1:30:00");
	/* the requested action wins */
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_cancel(h->store.db, 1, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	write_journal(h, 1, &code);
	fill(h, FILL_USER);
	assert_job(h, 1, "cancelled CANCELLED 1+0 --time=1:30:00");
}

/* The user changed resources in the file: the new values count, and then grow. */
static void a_new_version_of_the_sweep(void **state)
{
	struct here *h = *state;
	struct attempt_end late = {.reason = REASON_TIMEOUT};

	put_jobs(h, 1, policy);
	fill(h, FILL_USER);
	write_journal(h, 1, &late);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 1+0 --time=1:30:00");
	put_jobs(h, 1, "sbatch: {time: 10, mem: 4G}\nretry: {TIMEOUT: {time: x3}}\n");
	write_journal(h, 1, &late);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 2+0");
	assert_string_equal(sbatch_option("--time"), "10");
	write_journal(h, 1, &late);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 3+0 --time=30:00");
	assert_string_equal(sbatch_option("--time"), "30:00");
}

/* The explanation that slurmq show prints for a job that stays failed. */
static void why_a_job_stays_failed(void **state)
{
	static const struct {
		const char *more;
		struct attempt_end end;
		int times;
		const char *why;
	} v[] = {
		{"retry: {max: 2, EXIT: again}\n",
		 {.reason = REASON_EXIT, .exit_code = 1},
		 3,
		 "2 of 2 tries of the retry policy are used up"},
		{"retry: {EXIT: again}\n",
		 {.reason = REASON_EXIT, .exit_code = 1},
		 4,
		 "3 of 3 tries of the retry policy are used up"},
		{"retry: {NODE_FAIL: again}\n",
		 {.reason = REASON_NODE_FAIL},
		 11,
		 "10 of 10 tries after failures of the site are used up"},
		{"restartable: true\n",
		 {.reason = REASON_NODE_FAIL},
		 11,
		 "10 of 10 tries after failures of the site are used up"},
		{"retry: {TIMEOUT: again}\n",
		 {.reason = REASON_EXIT, .exit_code = 1},
		 1,
		 "the retry policy does not include EXIT"},
		{"retry: {EXIT: {codes: [75]}}\n",
		 {.reason = REASON_EXIT, .exit_code = 7},
		 1,
		 "the retry policy does not name exit code 7"},
		{"sbatch: {time: 10}\nretry: {TIMEOUT: {time: x2, max_time: 15}}\n",
		 {.reason = REASON_TIMEOUT},
		 2,
		 "its time limit cannot grow further"},
		{"retry: {OUT_OF_MEMORY: {mem: x2}}\n",
		 {.reason = REASON_OUT_OF_MEMORY},
		 1,
		 "its memory cannot grow further"},
		{"retry: {EXIT: again}\n",
		 {.reason = REASON_DEADLINE},
		 1,
		 "a job that ended as DEADLINE is never retried automatically; to retry it: slurmq retry"},
		{"", {.reason = REASON_EXIT, .exit_code = 1}, 1, ""},
		{"restartable: true\n", {.reason = REASON_EXIT, .exit_code = 1}, 1, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct outcome o = {.db = NULL};
		struct buf why = {0};
		struct db_attempt a;
		struct db_job job;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		o.db = h->store.db;
		put_jobs(h, 1, v[i].more);
		fill(h, FILL_USER);
		for (int k = 0; k < v[i].times; k++) {
			write_journal(h, 1, &v[i].end);
			fill(h, FILL_USER);
		}
		assert_int_equal(db_job_get(h->store.db, 1, &job, NULL), 0);
		assert_int_equal(job.state, JOB_FAILED);
		assert_int_equal(db_attempt_get(h->store.db, job.attempt, &a, NULL), 0);
		outcome_why_not(&o, &a, &job, &why);
		if (strcmp(buf_str(&why), v[i].why) != 0)
			fail_msg("%zu: '%s', and not '%s'", i, buf_str(&why), v[i].why);
		buf_release(&why);
		db_attempt_release(&a);
		db_job_release(&job);
		outcome_release(&o);
		here_tear_down(&s);
	}
}

/* Slurm waits for the delay of a retry; a job with a delay is submitted after all others. */
static void delays_of_retries(void **state)
{
	struct here *h = *state;
	struct attempt_end code = {.reason = REASON_EXIT, .exit_code = 75},
			   well = {.reason = REASON_NONE};
	struct health chain;

	put_jobs(h, 3, "retry: {EXIT: {codes: [75], delay: 10m}}\n");
	set_limit(h, 2);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 0+0");
	write_journal(h, 1, &code);
	fill(h, FILL_USER);
	assert_job(h, 1, "pending 1+0");
	assert_job(h, 2, "queued 0+0");
	assert_string_equal(sbatch_option("--begin"), "none");
	assert_int_equal(health_read(&h->store, &chain, NULL), 0);
	assert_int_equal(chain.later, 1);
	assert_true(chain.later_at > clock_now_ms() + 590 * 1000 &&
		    chain.later_at <= clock_now_ms() + 600 * 1000);
	health_release(&chain);
	write_journal(h, 2, &well);
	fill(h, FILL_USER);
	assert_job(h, 3, "queued 0+0");
	write_journal(h, 3, &well);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 1+0");
	assert_string_equal(sbatch_option("--begin"), "now+600");
}

/* Jobs that failed at about the same time are submitted as one array, each a little late or
 * early. */
static void delays_go_together(void **state)
{
	struct here *h = *state;
	struct attempt_end code = {.reason = REASON_EXIT, .exit_code = 75};
	size_t before;

	put_jobs(h, 3, "retry: {EXIT: {delay: 595s}}\n");
	fill(h, FILL_USER);
	before = fake.sbatches;
	for (int64_t id = 1; id <= 3; id++)
		write_journal(h, id, &code);
	fill(h, FILL_USER);
	assert_int_equal(fake.sbatches, before + 1);
	assert_string_equal(sbatch_option("--begin"), "now+600");
}

/* Another host, with a clock a day ahead, stored the time of the next try. */
static void delay_by_another_clock(void **state)
{
	struct here *h = *state;
	struct attempt_end code = {.reason = REASON_EXIT, .exit_code = 75},
			   well = {.reason = REASON_NONE};

	put_jobs(h, 2, "retry: {EXIT: {delay: 10m}, SIGNAL: {delay: 5m}}\n");
	set_limit(h, 2);
	fill(h, FILL_USER);
	write_journal(h, 1, &code);
	fill(h, FILL_USER);
	assert_job(h, 1, "pending 1+0");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(
		db_exec(h->store.db, "UPDATE retry_state SET due = due + 86400000", NULL, NULL, ""),
		0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	write_journal(h, 2, &well);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 1+0");
	assert_string_equal(sbatch_option("--begin"), "now+600");
}

/* Ends inferred from Slurm, of attempts that reported none. */
static void inferred_ends(void **state)
{
	static const char with_signal[] =
		"sbatch: {time: 60, mem: 4G}\n"
		"retry: {TIMEOUT: {time: x1.5}, OUT_OF_MEMORY: {mem: x2}, NODE_FAIL: again, SIGNAL: again}\n";
	static const struct {
		const char *slurm, *then;
	} v[] = {
		{"NODE_FAIL", "pending 0+1"},
		{"BOOT_FAIL", "pending 0+1"},
		{"TIMEOUT", "pending 1+0 --time=1:30:00"},
		{"OUT_OF_MEMORY", "pending 1+0 --mem=8G"},
		{"CANCELLED", "cancelled CANCELLED 0+0"},
		{"FAILED", "failed EXIT 0+0"},
		{"FAILED/JobLaunchFailure", "pending 0+1"}, /* not started */
		{"FAILED/JobLaunchFailure", "pending 1+0"}, /* killed */
	};

	(void)state;
	for (int started = 0; started < 2; started++) {
		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
			struct attempt_end runs = {.still = true};
			struct reconcile_result r;
			struct here *h;

			if (started ? i == 6 : i == 2 || i == 3 || i == 7)
				continue;
			set_up((void **)&h);
			put_jobs(h, 1, with_signal);
			fill(h, FILL_USER);
			if (started) {
				write_journal(h, 1, &runs);
				ingest(h);
				assert_job(h, 1, "running 0+0");
				assert_int_equal(db_begin(h->store.db, NULL), 0);
				assert_int_equal(db_attempt_missing(h->store.db, 1,
								    clock_now_ms() - 3600 * 1000,
								    NULL),
						 0);
				assert_int_equal(db_commit(h->store.db, NULL), 0);
				fake.jobs[0].id = 7;
			}
			snprintf(fake.jobs[0].state[0], sizeof(fake.jobs[0].state[0]), "%s",
				 v[i].slurm);
			assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
			assert_job(h, 1, v[i].then);
			here_tear_down((void **)&h);
		}
	}
}

static void a_restartable_step(void **state)
{
	struct here *h = *state;
	struct attempt_end twin = {.reason = REASON_PREEMPTED, .twin = true},
			   fails = {.reason = REASON_EXIT, .exit_code = 1};

	put_jobs(h, 2, "restartable: true\n");
	fill(h, FILL_USER);
	write_journal(h, 1, &twin);
	write_journal(h, 2, &fails);
	fill(h, FILL_USER);
	assert_job(h, 1, "queued 0+1");
	assert_job(h, 2, "failed EXIT 0+0");
}

static void a_step_that_is_not_restartable(void **state)
{
	struct here *h = *state;
	struct attempt_end twin = {.reason = REASON_PREEMPTED, .twin = true};

	put_jobs(h, 1, "");
	fill(h, FILL_USER);
	write_journal(h, 1, &twin);
	fill(h, FILL_USER);
	assert_job(h, 1, "failed PREEMPTED 0+0");
}

/* Options that grew beyond what Slurm accepts: only those jobs are held, not the whole sweep. */
static void grown_options_are_refused(void **state)
{
	struct here *h = *state;
	struct attempt_end late = {.reason = REASON_TIMEOUT};

	put_jobs(h, 5, policy);
	set_limit(h, 3);
	fill(h, FILL_USER);
	write_journal(h, 1, &late);
	fake.answers[fake.sbatches] = SLURM_REFUSED;
	fake.nanswers = fake.sbatches + 1;
	fill(h, FILL_USER);
	assert_job(h, 1, "held REFUSED 1+0 --time=1:30:00");
	assert_job(h, 2, "queued 0+0");
	assert_job(h, 3, "queued 0+0");
	assert_job(h, 4, "pending 0+0");
}

/* ---- the breaker ---- */

static bool is_paused(struct here *h)
{
	int64_t n;

	assert_int_equal(db_setting_int(h->store.db, ".paused", 0, &n, NULL), 0);
	return n;
}

/* A sequence of ends as letters, and after how many of them the queue is paused. */
static void failures_in_a_row(void **state)
{
	static const struct {
		const char *ends, *breaker, *more;
		size_t pauses; /* 0: never */
	} v[] = {
		{"ffffffffff", NULL, "", 10},
		{"fffffffff", NULL, "", 0},
		{"fffffcfffffffff", NULL, "", 0},
		{"fffffcffffffffff", NULL, "", 16},
		{"fffffslowfffffffff", NULL, "", 0},
		{"kkkkkkkkkk", NULL, "", 10},
		{"oooooooooo", NULL, "", 10},
		{"tttttttttttt", NULL, "", 0}, /* a time limit does not count for the breaker */
		{"pppppppppppp", NULL, "", 0},
		{"xxxxxxxxxxxx", NULL, "", 0}, /* cancelled */
		{"ffff", "4", "", 4},
		{"ffffffffffffffff", "0", "", 0},
		{"f", "1", "", 1},
		/* a failure that is retried does not count; the last one does */
		{"aaaaaaaaaaaa", NULL, "retry: {max: 1, EXIT: {codes: [75]}}\n", 0},
		{"aaaaaaaaaaaa", NULL, "", 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		size_t n = 0;
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 20, v[i].more);
		fill(h, FILL_USER);
		if (v[i].breaker) {
			assert_int_equal(db_begin(h->store.db, NULL), 0);
			assert_int_equal(db_setting_set(h->store.db, "breaker", v[i].breaker, NULL),
					 0);
			assert_int_equal(db_commit(h->store.db, NULL), 0);
		}
		for (const char *p = v[i].ends; *p && !is_paused(h); p++) {
			struct attempt_end w = {.reason = REASON_EXIT, .exit_code = 1};

			if (!strncmp(p, "slow", 4)) {
				w.ms = 61000;
				p += 3;
			} else if (strchr("cktpxoa", *p)) {
				w.reason = *p == 'c'   ? REASON_NONE
					   : *p == 'k' ? REASON_SIGNAL
					   : *p == 't' ? REASON_TIMEOUT
					   : *p == 'p' ? REASON_PREEMPTED
					   : *p == 'x' ? REASON_CANCELLED
					   : *p == 'o' ? REASON_OUT_OF_MEMORY
						       : REASON_EXIT;
				w.exit_code = 75;
			}
			write_journal(h, (int64_t)++n, &w);
			ingest(h);
		}
		if (is_paused(h) != (v[i].pauses > 0) || (v[i].pauses && n != v[i].pauses))
			fail_msg("%s: %s after %zu", v[i].ends, is_paused(h) ? "paused" : "goes on",
				 n);
		here_tear_down((void **)&h);
	}
}

/* Killed with its supervisor within seconds. Slurm shows it a minute or ten hours later. */
static void a_quick_inferred_end_counts(void **state)
{
	struct here *h = *state;
	struct attempt_end runs = {.still = true, .ms = 2 * 3600 * 1000};
	struct reconcile_result r;
	char *record = NULL;
	int64_t n;

	put_jobs(h, 1, "");
	fill(h, FILL_USER);
	write_journal(h, 1, &runs);
	ingest(h);
	fake.jobs[0].id = 7;
	fake.jobs[0].ended = clock_now_ms() - 2 * 3600 * 1000 + 2000;
	snprintf(fake.jobs[0].state[0], sizeof(fake.jobs[0].state[0]), "FAILED/JobLaunchFailure");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_attempt_missing(h->store.db, 1, clock_now_ms() - 61 * 1000, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_job(h, 1, "failed SIGNAL 0+0");
	assert_int_equal(db_setting_int(h->store.db, ".breaker.n", 0, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(db_setting_get(h->store.db, ".node.n1", &record, NULL), 0);
	assert_int_equal(strncmp(record, "1 ", 2), 0);
	free(record);
}

/* An inferred end that its reported end corrects is one end. */
static void a_corrected_end_counts_once(void **state)
{
	struct here *h = *state;
	struct attempt_end runs = {.still = true, .ms = 2000}, fails = {.reason = REASON_EXIT};
	struct job_end inferred = {.reason = REASON_EXIT, .ended = clock_now_ms()},
		       line = {.reason = REASON_SIGNAL, .signal = 9, .ended = clock_now_ms()};
	struct outcome o = {.db = h->store.db};

	put_jobs(h, 3, "");
	fill(h, FILL_USER);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, "breaker", "2", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	write_journal(h, 1, &runs);
	ingest(h);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(outcome_infer(&o, 1, &inferred, NULL), 0);
	assert_int_equal(outcome_report(&o, 1, &line, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	outcome_release(&o);
	assert_job(h, 1, "failed SIGNAL 0+0");
	assert_false(is_paused(h));
	write_journal(h, 2, &fails);
	ingest(h);
	assert_true(is_paused(h));
}

static void the_reason_of_a_pause(void **state)
{
	struct here *h = *state;
	struct attempt_end fails = {.reason = REASON_EXIT, .exit_code = 127};
	struct health chain;

	put_jobs(h, 30, "");
	set_limit(h, 12); /* minus one job that is leaving, minus the sentinel */
	fill(h, FILL_USER);
	for (int64_t id = 1; id <= 10; id++)
		write_journal(h, id, &fails);
	fill(h, FILL_CHAIN); /* the transaction that ingests them claims no more jobs */
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(health_read(&h->store, &chain, NULL), 0);
	assert_int_equal(chain.state, CHAIN_PAUSED);
	assert_null(chain.pause.words);
	assert_int_equal(chain.pause.failures, 10);
	assert_in_range(chain.pause.job, 1, 10);
	assert_non_null(chain.pause.sweep);
	assert_int_equal(chain.needs[0].kind, NEED_REPAIR);
	assert_int_equal(chain.needs[0].job, chain.pause.job);
	health_release(&chain);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(breaker_reset(h->store.db, NULL), 0);
	assert_int_equal(db_setting_unset(h->store.db, ".paused", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER);
	for (int64_t id = 11; id <= 19; id++)
		write_journal(h, id, &fails);
	ingest(h);
	assert_false(is_paused(h));
	write_journal(h, 20, &fails);
	ingest(h);
	assert_true(is_paused(h));
}

/* Jobs that fail on every node exclude no node. */
static void failures_on_every_node(void **state)
{
	static const char *const nodes[] = {"n1", "n2"};
	struct here *h = *state;
	struct strs bad = {0};

	put_jobs(h, 20, "");
	fill(h, FILL_USER);
	for (int64_t id = 1; id <= 10; id++) {
		struct attempt_end w = {
			.reason = REASON_EXIT, .exit_code = 1, .node = nodes[id % 2]};

		write_journal(h, id, &w);
		ingest(h);
	}
	assert_true(is_paused(h));
	assert_int_equal(breaker_nodes(h->store.db, &bad, NULL), 0);
	assert_int_equal(bad.n, 0);
}

static const char *bad_nodes(struct here *h)
{
	static char text[200];
	struct strs bad = {0};
	size_t n = 0;

	*text = '\0';
	assert_int_equal(breaker_nodes(h->store.db, &bad, NULL), 0);
	for (size_t i = 0; i < bad.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "," : "", bad.v[i]);
	strs_release(&bad);
	return text;
}

/* Three quick failures in a row on one node, while jobs succeed elsewhere. */
static void a_bad_node(void **state)
{
	struct here *h = *state;
	struct attempt_end
		well = {.reason = REASON_NONE, .ms = 100, .node = "n2"},
		quick = {.reason = REASON_EXIT, .exit_code = 1, .ms = 3000, .node = "n1"},
		slow = {.reason = REASON_EXIT, .exit_code = 1, .ms = 25000, .node = "n1"};
	struct health chain;

	put_jobs(h, 60, "sbatch: {exclude: \"n[7-9]\"}\n");
	set_limit(h, 24);
	fill(h, FILL_USER);
	write_journal(h, 1, &quick);
	write_journal(h, 2, &quick);
	ingest(h);
	write_journal(h, 3, &slow); /* starts a new sequence */
	ingest(h);
	write_journal(h, 4, &well);
	ingest(h);
	write_journal(h, 5, &quick);
	write_journal(h, 6, &quick);
	ingest(h);
	assert_string_equal(bad_nodes(h), "");
	write_journal(h, 7, &quick);
	write_journal(h, 8, &well);
	fill(h, FILL_USER);
	write_journal(h, 9, &quick);
	fill(h, FILL_USER);
	assert_string_equal(bad_nodes(h), "n1");
	assert_string_equal(sbatch_option("--exclude"), "n[7-9],n1");
	assert_int_equal(health_read(&h->store, &chain, NULL), 0);
	assert_int_equal(chain.needs[0].kind, NEED_NODES);
	assert_int_equal(chain.needs[0].names.n, 1);
	assert_string_equal(chain.needs[0].names.v[0], "n1");
	health_release(&chain);
	/* jobs that were sent there before fail there; they do not count */
	for (int64_t id = 10; id <= 20; id++) {
		quick.node = id == 12 ? "n3" : id == 16 ? "n4" : "n1";
		write_journal(h, id, &quick);
		ingest(h);
	}
	fill(h, FILL_USER);
	assert_false(is_paused(h));
	/* a job that succeeds there includes the node again */
	well.node = "n1";
	write_journal(h, 21, &well);
	fill(h, FILL_USER);
	assert_string_equal(bad_nodes(h), "");
	assert_string_equal(sbatch_option("--exclude"), "n[7-9]");
}

/* A failure that the policy retries does not count against its node, however quick: the sweep
 * expects it. */
static void retried_failures_exclude_no_node(void **state)
{
	static const struct {
		const char *more, *bad;
	} v[] = {
		{"retry: {max: 9, EXIT: again}\n", ""},
		{"retry: {max: 9, EXIT: {codes: [75]}}\n", ""},
		{"retry: {max: 9, EXIT: {codes: [76]}}\n", "n1"},
		{"", "n1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct attempt_end well = {.reason = REASON_NONE, .ms = 100, .node = "n2"},
				   quick = {.reason = REASON_EXIT,
					    .exit_code = 75,
					    .ms = 3000,
					    .node = "n1"};
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_jobs(h, 30, v[i].more);
		set_limit(h, 24);
		fill(h, FILL_USER);
		for (int64_t id = 1; id <= 8; id++) {
			write_journal(h, id, id % 2 ? &quick : &well);
			ingest(h);
		}
		if (strcmp(bad_nodes(h), v[i].bad) != 0)
			fail_msg("%zu: '%s', and not '%s'", i, bad_nodes(h), v[i].bad);
		here_tear_down(&s);
	}
}

/* A node where a job fails each second, while all other jobs have only just started. */
static void a_black_hole(void **state)
{
	struct here *h = *state;
	struct attempt_end quick = {.reason = REASON_EXIT, .exit_code = 1, .ms = 900, .node = "n1"},
			   runs = {.still = true, .node = "n2", .ms = 8000};

	put_jobs(h, 40, "");
	set_limit(h, 16);
	fill(h, FILL_USER);
	write_journal(h, 1, &runs);
	for (int64_t id = 2; id <= 10; id++) {
		write_journal(h, id, &quick);
		ingest(h);
	}
	assert_string_equal(bad_nodes(h), "");
	write_journal(h, 11, &quick);
	fill(h, FILL_USER);
	assert_false(is_paused(h));
	assert_string_equal(bad_nodes(h), "n1");
	assert_string_equal(sbatch_option("--exclude"), "n1");
}

/* Ten failures in a row, but no node is excluded: it is the only node, or a job succeeded there. */
static void failures_that_exclude_no_node(void **state)
{
	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		struct attempt_end quick = {.reason = REASON_EXIT, .exit_code = 1, .node = "n1"},
				   begins = {.still = true, .node = "n2"},
				   runs = {.still = true, .node = "n1", .ms = 30000};
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 40, "");
		set_limit(h, 16);
		fill(h, FILL_USER);
		write_journal(h, 1, &begins);
		if (alone)
			write_journal(h, 2, &runs);
		for (int64_t id = 3; id <= 12; id++) {
			quick.node = !alone && id == 5 ? "n3" : "n1";
			write_journal(h, id, &quick);
			ingest(h);
		}
		assert_string_equal(bad_nodes(h), "");
		assert_true(is_paused(h));
		here_tear_down((void **)&h);
	}
}

/* Records of excluded nodes as the store may hold them. */
static void excluded_nodes(void **state)
{
	static const struct {
		const char *records[5]; /* NAME AGE_H */
		const char *sbatch, *exclude;
	} v[] = {
		{{"n1 1"}, "", "n1"},
		{{"n1 1", "n2 23"}, "", "n1,n2"},
		{{"n1 25"}, "", "none"},  /* older than a day */
		{{"n1 -30"}, "", "none"}, /* in the future, from a wrong clock */
		{{"n1 1", "n2 1", "n3 1"}, "", "n1,n2,n3"},
		{{"n1 1", "n2 1", "n3 1", "n4 1"},
		 "",
		 "none"}, /* too many nodes: the jobs are the cause */
		{{"n1 1", "n2 1", "n3 1", "n4 30"}, "", "n1,n2,n3"},
		{{"n1 1"}, "sbatch: {exclude: \"a,b\"}\n", "a,b,n1"},
		{{"n1 1"}, "sbatch: {exclude: /x/nodes}\n", "/x/nodes"},
		{{"n1 1"}, "sbatch: {nodelist: n1}\n", "none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 1, v[i].sbatch);
		assert_int_equal(db_begin(h->store.db, NULL), 0);
		for (int k = 0; k < 5 && v[i].records[k]; k++) {
			char name[16], key[32], text[64];
			int hours;

			assert_int_equal(sscanf(v[i].records[k], "%15s %d", name, &hours), 2);
			snprintf(key, sizeof(key), ".node.%s", name);
			snprintf(text, sizeof(text), "3 5 %lld",
				 (long long)(clock_now_ms() - (int64_t)hours * 3600 * 1000));
			assert_int_equal(db_setting_set(h->store.db, key, text, NULL), 0);
		}
		assert_int_equal(db_commit(h->store.db, NULL), 0);
		fill(h, FILL_USER);
		if (strcmp(sbatch_option("--exclude"), v[i].exclude) != 0)
			fail_msg("%zu: %s", i, sbatch_option("--exclude"));
		here_tear_down((void **)&h);
	}
}

/* No other node fits: the job is submitted without the exclusion. */
static void refused_without_the_excluded_nodes(void **state)
{
	struct here *h = *state;
	char text[64];

	put_jobs(h, 2, "");
	snprintf(text, sizeof(text), "3 5 %lld", (long long)clock_now_ms());
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, ".node.n1", text, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fake.answers[0] = SLURM_REFUSED;
	fake.nanswers = 1;
	fill(h, FILL_USER);
	assert_int_equal(fake.sbatches, 2);
	assert_string_equal(sbatch_option("--exclude"), "none");
	assert_job(h, 1, "queued 0+0");
}

/* A Slurm job that failed before its command counts too, for example if the folder for logs is
 * gone. */
static void failed_before_the_start(void **state)
{
	static const char *const states[] = {"FAILED", "FAILED/NonZeroExitCode",
					     "FAILED/JobLaunchFailure"};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct reconcile_result r;
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 20, "");
		set_limit(h, 12);
		fill(h, FILL_USER);
		for (int i = 0; i < 10; i++)
			snprintf(fake.jobs[0].state[i], sizeof(fake.jobs[0].state[i]), "%s",
				 states[k]);
		assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
		assert_true(is_paused(h));
		assert_job(h, 1, k < 2 ? "failed EXIT 0+0" : "failed BOOT_FAIL 0+0");
		here_tear_down((void **)&h);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retries),
		T(retry_by_the_user),
		T(a_new_version_of_the_sweep),
		T(delays_of_retries),
		cmocka_unit_test(why_a_job_stays_failed),
		T(delays_go_together),
		T(delay_by_another_clock),
		cmocka_unit_test(inferred_ends),
		T(a_restartable_step),
		T(a_step_that_is_not_restartable),
		T(grown_options_are_refused),
		cmocka_unit_test(failures_in_a_row),
		T(a_quick_inferred_end_counts),
		T(a_corrected_end_counts_once),
		T(the_reason_of_a_pause),
		T(failures_on_every_node),
		T(a_bad_node),
		cmocka_unit_test(retried_failures_exclude_no_node),
		T(a_black_hole),
		cmocka_unit_test(failures_that_exclude_no_node),
		cmocka_unit_test(excluded_nodes),
		T(refused_without_the_excluded_nodes),
		cmocka_unit_test(failed_before_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
