/* test_journal.c - the text of a journal is read as it was written, and an incomplete line is
 * ignored */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "store/journal.h"

static const struct who me = {.slurm_id = 77, .restart = 1, .node = "n1", .pid = 4, .random = 9};

static void written_and_read(void **state)
{
	struct journal_step a = {.seq = 0,
				 .state = STEP_COMPLETED,
				 .started = 100,
				 .ended = 250,
				 .maxrss_kib = 2048,
				 .cpu_ms = 120,
				 .key = (char *)(uintptr_t) "train"};
	struct journal_step b = {.seq = 3,
				 .state = STEP_FAILED,
				 .exit_code = 7,
				 .started = 250,
				 .ended = 260,
				 .key = (char *)(uintptr_t) "eval set=a b  c= gen='x'"};
	struct job_end end = {.reason = REASON_EXIT,
			      .exit_code = 7,
			      .ended = 300,
			      .maxrss_kib = 2048,
			      .cpu_ms = 130};
	struct buf t = {0};
	struct journal j;

	(void)state;
	journal_add_start(&t, 90, &me);
	journal_add_step(&t, &a);
	journal_add_stopping(&t, 240);
	journal_add_step(&t, &b);
	journal_add_end(&t, &end);
	journal_parse(t.s, t.len, &j);
	assert_int_equal(j.started, 90);
	assert_int_equal(j.stopping, 240);
	assert_int_equal(j.nsteps, 2);
	assert_string_equal(j.steps[0].key, "train");
	assert_int_equal(j.steps[0].maxrss_kib, 2048);
	assert_int_equal(j.steps[0].ended, 250);
	assert_int_equal(j.steps[1].seq, 3);
	assert_int_equal(j.steps[1].state, STEP_FAILED);
	assert_int_equal(j.steps[1].exit_code, 7);
	assert_string_equal(j.steps[1].key, b.key);
	assert_true(j.has_end);
	assert_false(j.end.completed);
	assert_int_equal(j.end.reason, REASON_EXIT);
	assert_int_equal(j.end.exit_code, 7);
	assert_int_equal(j.end.ended, 300);
	assert_int_equal(j.end.cpu_ms, 130);
	assert_false(j.preempted);
	journal_release(&j);
	buf_release(&t);
}

/* Cut anywhere, it contains no more than the complete lines before the cut. */
static void cut_anywhere(void **state)
{
	struct job_end end = {.completed = true, .ended = 300};
	struct journal_step a = {.key = (char *)(uintptr_t) "train", .ended = 5};
	struct buf t = {0};
	size_t start, step;

	(void)state;
	journal_add_start(&t, 90, &me);
	start = t.len;
	journal_add_step(&t, &a);
	step = t.len;
	journal_add_end(&t, &end);
	for (size_t cut = 0; cut <= t.len; cut++) {
		struct journal j;

		journal_parse(t.s, cut, &j);
		assert_int_equal(j.started, cut >= start ? 90 : 0);
		assert_int_equal(j.nsteps, cut >= step ? 1 : 0);
		assert_int_equal(j.has_end, cut >= t.len);
		journal_release(&j);
	}
	buf_release(&t);
}

static void odd_lines(void **state)
{
	static const struct {
		const char *text;
		bool has_end, completed, preempted;
		size_t nsteps;
	} v[] = {
		{"", false, false, false, 0},
		{"\n\n", false, false, false, 0},
		{"end completed 0 0 0 1 2 3\n", true, true, false, 0},
		/* the first end line counts */
		{"end failed 1 3 0 1 2 3\nend completed 0 0 0 1 2 3\n", true, false, false, 0},
		{"end perhaps 0 0 0 1 2 3\n", false, false, false, 0},
		{"end completed 0 0 0 1 2\n", false, false, false, 0},
		{"end completed 99 0 0 1 2 3\n", false, false, false, 0},
		{"step 0 0 0 0 1 2 3 4\n", false, false, false, 0},
		{"step 0 9 0 0 1 2 3 4 k\n", false, false, false, 0},
		{"step -1 0 0 0 1 2 3 4 k\n", false, false, false, 0},
		{"step 0 0 0 0 1 2 3 4 k\n", false, false, false, 1},
		{"words of a later version\nstep 0 0 0 0 1 2 3 4 k\n", false, false, false, 1},
		{"preempted 12\n", false, false, true, 0},
		{"preempted 12\nend completed 0 0 0 1 2 3\n", true, true, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct journal j;

		journal_parse(v[i].text, strlen(v[i].text), &j);
		assert_int_equal(j.has_end, v[i].has_end);
		assert_int_equal(j.end.completed, v[i].completed);
		assert_int_equal(j.preempted, v[i].preempted);
		assert_int_equal(j.nsteps, v[i].nsteps);
		journal_release(&j);
	}
}

static void a_nul_hides_nothing(void **state)
{
	static const char text[] = "end completed\0 0 0 0 1 2 3\nend failed 1 2 0 1 2 3\n";
	struct journal j;

	(void)state;
	journal_parse(text, sizeof(text) - 1, &j);
	assert_true(j.has_end);
	assert_false(j.end.completed);
	journal_release(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(odd_lines),
		cmocka_unit_test(a_nul_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
