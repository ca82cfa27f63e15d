/* test_stopping.c - who is told to end: what for, and what the others see of it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fake_slurm.h"
#include "scratch.h"
#include "stopping.h"

static const struct who me = {.slurm_id = 100, .node = "n1", .pid = 1, .random = 1};

struct here {
	char *dir;
	struct spool *sp;
};

static int set_up(void **state)
{
	struct here *h = calloc(1, sizeof(*h));

	fake_reset();
	fake.njobs = 1;
	fake.jobs[0].id = me.slurm_id;
	fake.jobs[0].ntasks = 1;
	h->dir = scratch_make();
	assert_int_equal(spool_create(h->dir, NULL), 0);
	assert_int_equal(spool_open(h->dir, &h->sp, NULL), 0);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct here *h = *state;

	spool_close(h->sp);
	scratch_drop(h->dir);
	free(h);
	return 0;
}

/* What Slurm shows of our own job. */
static void slurm_says(const char *state, const char *reason)
{
	snprintf(fake.jobs[0].state[0], 24, "%s", state);
	fake_reason = reason;
}

/* A mark as it would be so many seconds later; a negative number: the file server's clock was set back. */
static void later(struct here *h, const char *mark, int seconds)
{
	struct timespec t[2];
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", h->dir, mark) > 0);
	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= seconds;
	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
	free(path);
}

static void marks_last_a_while(void **state)
{
	struct here *h = *state;

	assert_false(stopping_now(h->sp));
	stopping_asks(h->sp);
	assert_true(stopping_now(h->sp));
	assert_false(stopping_surely(h->sp));
	stopping_asked(h->sp, &me);
	assert_false(stopping_now(h->sp));
	stopping_tell(h->sp, &me, false);
	assert_true(stopping_now(h->sp));
	assert_false(stopping_surely(h->sp));
	later(h, "stopping-unsure", 15);
	assert_false(stopping_now(h->sp));
	assert_true(stopping_lately(h->sp));
	stopping_tell(h->sp, &me, true);
	assert_true(stopping_surely(h->sp));
	later(h, "stopping", 15);
	assert_false(stopping_now(h->sp));
	assert_true(stopping_lately(h->sp));
	/* a clock that was set back must not keep everybody from submitting until it has come there again */
	later(h, "stopping", -3600);
	later(h, "stopping-unsure", -3600);
	stopping_asks(h->sp);
	later(h, "stopping-asked", -3600);
	assert_false(stopping_now(h->sp));
	assert_false(stopping_lately(h->sp));
	stopping_tell(h->sp, &me, true);
	stopping_over(h->sp);
	assert_false(stopping_lately(h->sp));
}

/* It takes back its own doubt, and not another's. */
static void a_doubt_is_its_own(void **state)
{
	struct here *h = *state;
	struct who other = me;

	other.slurm_id = 101;
	stopping_tell(h->sp, &other, false);
	stopping_asked(h->sp, &me);
	assert_true(stopping_now(h->sp));
	stopping_asked(h->sp, &other);
	assert_false(stopping_now(h->sp));
}

/* Made by a job that was being cancelled: by Slurm's word, at once or asked later. */
static void what_a_cancelled_job_made(void **state)
{
	static const struct {
		bool mark, sure;
		const char *slurm, *reason;
		bool away;
		int64_t made; /* ms ago */
		int age;      /* of the mark, s */
		bool want, kept;
	} v[] = {
		{false, false, "CANCELLED", "None", false, 1000, 0, false, false},
		{true, true, "CANCELLED", "None", false, 1000, 0, true, true},
		{true, true, "CANCELLED", "None", true, 1000, 0, true, true},
		{true, true, "CANCELLED", "None", false, 60000, 0, false, true}, /* long before */
		{true, true, "CANCELLED", "None", false, 1000, 20, false, true}, /* long after */
		{true, true, "CANCELLED", "None", false, 21000, 20, true, true},
		{true, true, "CANCELLED", "None", false, -1, 0, false, true},
		{true, false, "CANCELLED", "None", false, 1000, 0, true, true},
		{true, false, "TIMEOUT", "TimeLimit", false, 1000, 0, false, false},
		{true, false, "NODE_FAIL", "NodeDown", false, 1000, 0, false, false},
		{true, false, "CANCELLED", "None", true, 1000, 0, false, true},
		{true, false, "COMPLETING", "None", false, 1000, 0, true, true},
		/* a mere signal, and it went on to its end */
		{true, false, "FAILED", "NonZeroExitCode", false, 1000, 0, false, false},
		{true, false, "COMPLETED", "None", false, 1000, 0, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		slurm_says(v[i].slurm, v[i].reason);
		if (v[i].mark) {
			stopping_tell(h->sp, &me, v[i].sure);
			later(h, v[i].sure ? "stopping" : "stopping-unsure", v[i].age);
		}
		fake.away = v[i].away;
		if (stopping_made(h->sp, v[i].made) != v[i].want)
			fail_msg("case %zu", i);
		assert_int_equal(stopping_now(h->sp), v[i].kept && v[i].age < 10);
		tear_down(&s);
	}
	fake_reason = NULL;
}

/* squeue has forgotten it, as for a sentinel that begins a quarter of an hour later. */
static void what_the_accounting_knows(void **state)
{
	static const struct {
		const char *record;
		bool want, kept;
	} v[] = {{"CANCELLED", true, true}, {"TIMEOUT", false, false}, {NULL, false, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.jobs[0].gone[0] = true;
		if (v[i].record)
			fake_record(&fake.jobs[0], 0, v[i].record);
		stopping_tell(h->sp, &me, false);
		if (stopping_made(h->sp, 1000) != v[i].want)
			fail_msg("case %zu", i);
		assert_int_equal(stopping_now(h->sp), v[i].kept);
		tear_down(&s);
	}
}

static void what_it_asks(void **state)
{
	struct who nobody = {.node = "n1"};

	(void)state;
	slurm_says("COMPLETING", "TimeLimit");
	assert_int_equal(stopping_ask(&me), REASON_TIMEOUT);
	slurm_says("RUNNING", "None");
	assert_int_equal(stopping_ask(&me), REASON_NONE);
	fake.away = true;
	assert_int_equal(stopping_ask(&me), -1);
	assert_int_equal(stopping_ask(&nobody), REASON_CANCELLED);
	fake_reason = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marks_last_a_while, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_doubt_is_its_own, set_up, tear_down),
		cmocka_unit_test(what_a_cancelled_job_made),
		cmocka_unit_test(what_the_accounting_knows),
		cmocka_unit_test_setup_teardown(what_it_asks, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
