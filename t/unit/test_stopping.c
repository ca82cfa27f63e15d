/* test_stopping.c - who is told to end: what for, and what the others see of it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A mark as it would be so many seconds later. */
static void later(struct here *h, const char *mark, int seconds)
{
	scratch_later(h->dir, mark, (int64_t)seconds * 1000);
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
	stopping_tell(h->sp, &me, false, 0);
	assert_true(stopping_now(h->sp));
	assert_false(stopping_surely(h->sp));
	later(h, "stopping-unsure", 15);
	assert_false(stopping_now(h->sp));
	assert_true(stopping_lately(h->sp));
	stopping_tell(h->sp, &me, true, 0);
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
	stopping_tell(h->sp, &me, true, 0);
	stopping_over(h->sp);
	assert_false(stopping_lately(h->sp));
}

/* It takes back its own doubt, and not another's. */
static void a_doubt_is_its_own(void **state)
{
	struct here *h = *state;
	struct who other = me;

	other.slurm_id = 101;
	stopping_tell(h->sp, &other, false, 0);
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
			stopping_tell(h->sp, &me, v[i].sure, 0);
			later(h, v[i].sure ? "stopping" : "stopping-unsure", v[i].age);
			later(h, "stopping-first", v[i].age);
		}
		fake.away = v[i].away;
		if (stopping_made(h->sp, v[i].made, false) != v[i].want)
			fail_msg("case %zu", i);
		assert_int_equal(stopping_now(h->sp), v[i].kept && v[i].age < 10);
		tear_down(&s);
	}
	fake_reason = NULL;
}

/* scancel's list was made some answers of Slurm's before the first of those who are cancelled together was told to end;
 * of what Slurm had not told yet that it had it, it may have been longer. */
static void what_was_in_the_list(void **state)
{
	static const struct {
		int64_t made; /* ms ago */
		bool known;
		int first, age; /* of the marks, s; first 0: there is none */
		int64_t took;
		bool want;
	} v[] = {
		{3000, true, 2, 2, 10, false},
		{3000, false, 2, 2, 10, true},
		{2100, true, 2, 2, 10, true},
		{1000, true, 2, 2, 10, true},
		{3000, true, 2, 2, 90, false},
		{3000, true, 2, 2, 150, true}, /* a slow Slurm */
		{3700, true, 2, 2, 150, false},
		{5000, true, 2, 2, 600, true}, /* so slow that it is not known any better */
		{8000, true, 2, 2, 600, false},
		{5000, true, 2, 2, -1, true}, /* a mark that says nothing */
		/* the signals are spread: before the first counts */
		{20000, true, 30, 2, 10, true},
		{31000, true, 30, 2, 10, false},
		{31000, false, 30, 2, 10, true},
		{36000, false, 30, 2, 10, false},
		/* what was left from another time, and where nothing was */
		{31000, true, 700, 2, 10, false},
		{3000, true, 0, 2, 10, false},
		{1000, true, 0, 2, 10, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		stopping_tell(h->sp, &me, true, v[i].took);
		if (v[i].took < 0) {
			spool_unmark(h->sp, "stopping");
			spool_mark(h->sp, "stopping");
		}
		later(h, "stopping", v[i].age);
		if (v[i].first)
			later(h, "stopping-first", v[i].first);
		else
			spool_unmark(h->sp, "stopping-first");
		if (stopping_made(h->sp, v[i].made, v[i].known) != v[i].want)
			fail_msg("case %zu", i);
		tear_down(&s);
	}
}

/* What is called first is as old as the first of those that are cancelled together, however many follow; the slowest
 * answer of them counts. */
static void the_first_of_many(void **state)
{
	struct here *h = *state;

	stopping_asks(h->sp);
	later(h, "stopping-first", 4);
	stopping_tell(h->sp, &me, true, 300);
	stopping_asks(h->sp);
	stopping_tell(h->sp, &me, true, 10);
	assert_int_equal(spool_mark_age(h->sp, "stopping-first") / 1000, 4);
	assert_true(stopping_made(h->sp, 6500, true));
	assert_false(stopping_made(h->sp, 7500, true));
	/* long after */
	later(h, "stopping", 15);
	later(h, "stopping-asked", 15);
	assert_int_equal(stopping_left(h->sp), 0);
	stopping_asks(h->sp);
	assert_int_equal(spool_mark_age(h->sp, "stopping-first") / 1000, 0);
	stopping_tell(h->sp, &me, true, 10);
	assert_false(stopping_made(h->sp, 2000, true));
	assert_in_range(stopping_left(h->sp), 9000, 10000);
	stopping_over(h->sp);
	assert_int_equal(spool_mark_age(h->sp, "stopping-first"), -1);
	assert_int_equal(stopping_left(h->sp), 0);
}

/* Slurm showed that it was so: what was made since is in doubt, as far back as Slurm's whole seconds leave it open. */
static void found_later(void **state)
{
	struct here *h = *state;

	stopping_found(h->sp, 20000);
	assert_true(stopping_surely(h->sp));
	assert_true(stopping_made(h->sp, 1000, true));
	assert_true(stopping_made(h->sp, 24000, true));
	assert_false(stopping_made(h->sp, 26000, true));
	stopping_over(h->sp);
	/* they tell it themselves */
	stopping_tell(h->sp, &me, true, 10);
	stopping_found(h->sp, 20000);
	assert_false(stopping_made(h->sp, 3000, true));
}

/* When it was, however long ago: the later of what is sure and what is not. */
static void when_it_was(void **state)
{
	struct here *h = *state;
	int64_t first, last;

	assert_false(stopping_marked(h->sp));
	assert_false(stopping_when(h->sp, &first, &last));
	stopping_asks(h->sp);
	assert_false(stopping_marked(h->sp));
	stopping_tell(h->sp, &me, true, 10);
	assert_true(stopping_marked(h->sp));
	later(h, "stopping", 3 * 86400);
	later(h, "stopping-first", 3 * 86400 + 5);
	assert_true(stopping_when(h->sp, &first, &last));
	assert_in_range(last, 3 * 86400000, 3 * 86400000 + 1000);
	assert_in_range(first, 3 * 86400000 + 5000, 3 * 86400000 + 6000);
	assert_true(stopping_made(h->sp, 3 * 86400000 + 4000, false));
	assert_false(stopping_made(h->sp, 2 * 86400000, false));
	stopping_tell(h->sp, &me, false, 0);
	later(h, "stopping-unsure", 60);
	later(h, "stopping-first", 62);
	assert_true(stopping_when(h->sp, &first, &last));
	assert_in_range(last, 60000, 61000);
	assert_in_range(first, 62000, 63000);
	stopping_over(h->sp);
	assert_false(stopping_marked(h->sp));
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
		stopping_tell(h->sp, &me, false, 0);
		if (stopping_made(h->sp, 1000, false) != v[i].want)
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
	assert_int_equal(stopping_ask(&me, NULL), REASON_TIMEOUT);
	slurm_says("RUNNING", "None");
	assert_int_equal(stopping_ask(&me, NULL), REASON_NONE);
	fake.away = true;
	assert_int_equal(stopping_ask(&me, NULL), -1);
	assert_int_equal(stopping_ask(&nobody, NULL), REASON_CANCELLED);
	fake_reason = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marks_last_a_while, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_doubt_is_its_own, set_up, tear_down),
		cmocka_unit_test(what_a_cancelled_job_made),
		cmocka_unit_test(what_was_in_the_list),
		cmocka_unit_test_setup_teardown(the_first_of_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(found_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(when_it_was, set_up, tear_down),
		cmocka_unit_test(what_the_accounting_knows),
		cmocka_unit_test_setup_teardown(what_it_asks, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
