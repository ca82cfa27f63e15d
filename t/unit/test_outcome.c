/* test_outcome.c - the result of an attempt's end: a retry, and the next sbatch */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "chain/health.h"
#include "chain/outcome.h"
#include "chain/reconcile.h"
#include "store/db_internal.h"
#include "outcome_here.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
