/* test_policy.c - which jobs are retried, when and with which options; times, memory, #SBATCH
 * lines */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "slurm/amount.h"
#include "slurm/job.h"
#include "sweep/policy.h"

/* ---- amounts ---- */

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t minutes; /* -1: not a time */
		const char *back;
	} v[] = {
		{"5", 5, "5:00"},
		{"90", 90, "1:30:00"},
		{"5:00", 5, "5:00"},
		{"5:01", 6, "6:00"},
		{"0:30", 1, "1:00"},
		{"47:45:00", 2865, "1-23:45:00"},
		{"1:00:01", 61, "1:01:00"},
		{"2-0", 2880, "2-00:00:00"},
		{"1-12", 2160, "1-12:00:00"},
		{"1-12:30", 2190, "1-12:30:00"},
		{"1-12:30:59", 2191, "1-12:31:00"},
		{"0", AMOUNT_UNLIMITED, "UNLIMITED"},
		{"0:0:0", AMOUNT_UNLIMITED, "UNLIMITED"},
		{"UNLIMITED", AMOUNT_UNLIMITED, "UNLIMITED"},
		{"infinite", AMOUNT_UNLIMITED, "UNLIMITED"},
		{"-1", AMOUNT_UNLIMITED, "UNLIMITED"},
		{"", -1, NULL},
		{"x", -1, NULL},
		{"5m", -1, NULL},
		{"5:", -1, NULL},
		{":5", -1, NULL},
		{"1:2:3:4", -1, NULL},
		{"1-", -1, NULL},
		{"-5", -1, NULL},
		{"1-2-3", -1, NULL},
		{"1 ", -1, NULL},
		{"1234567890", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf b = {0};
		int64_t n = -1;

		if (amount_time(v[i].text, &n))
			n = -1;
		if (n != v[i].minutes)
			fail_msg("%s: %lld", v[i].text, (long long)n);
		if (n < 0)
			continue;
		amount_add_time(&b, n);
		assert_string_equal(buf_str(&b), v[i].back);
		buf_release(&b);
	}
}

static void memories(void **state)
{
	static const struct {
		const char *text;
		int64_t mib;
		const char *back;
	} v[] = {
		{"4000", 4000, "4000M"},  {"4096", 4096, "4G"},	 {"1K", 1, "1M"},
		{"1025k", 2, "2M"},	  {"36G", 36864, "36G"}, {"36g", 36864, "36G"},
		{"2T", 2097152, "2048G"}, {"512M", 512, "512M"}, {"0", AMOUNT_UNLIMITED, "0"},
		{"", -1, NULL},		  {"G", -1, NULL},	 {"1.5G", -1, NULL},
		{"1GB", 1024, "1G"},	  {"16mb", 16, "16M"},	 {"16B", -1, NULL},
		{"16GBx", -1, NULL},	  {"1P", -1, NULL},	 {"-1", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf b = {0};
		int64_t n = -1;

		if (amount_mem(v[i].text, &n))
			n = -1;
		if (n != v[i].mib)
			fail_msg("%s: %lld", v[i].text, (long long)n);
		if (n < 0)
			continue;
		amount_add_mem(&b, n);
		assert_string_equal(buf_str(&b), v[i].back);
		buf_release(&b);
	}
}

static void products(void **state)
{
	(void)state;
	assert_int_equal(amount_times(10, "1.1"), 11);
	assert_int_equal(amount_times(1, "1.5"), 2);
	assert_int_equal(amount_times(2865, "1.5"), 4298);
	assert_int_equal(amount_times(36864, "2"), 73728);
	assert_int_equal(amount_times(3, "1.001"), 4);
	assert_int_equal(amount_times(AMOUNT_UNLIMITED, "2"), AMOUNT_UNLIMITED);
	assert_int_equal(amount_times((int64_t)1 << 52, "100"), AMOUNT_UNLIMITED);
}

/* ---- decisions ---- */

enum { T = RETRY_TIMEOUT, M = RETRY_OUT_OF_MEMORY, N = RETRY_NODE_FAIL, P = RETRY_PREEMPTED };

static void split_words(const char *words, struct strs *out)
{
	char *copy = strdup(words), *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		strs_add(out, w);
	free(copy);
}

static void decisions(void **state)
{
	static const struct {
		int kind; /* the reason that has a rule */
		struct sweep_retry_rule rule;
		int64_t max;
		bool restartable;
		int reason, exit_code;
		int64_t tries, site;
		const char *options;
		const char *next; /* "-": no retry; else the options, after "@N " for a delay */
	} v[] = {
		/* no rule for the reason */
		{T, {.again = true}, 3, false, REASON_EXIT, 1, 0, 0, "", "-"},
		{T, {.again = false}, 3, false, REASON_TIMEOUT, 0, 0, 0, "", "-"},
		/* reasons that no rule can have */
		{T, {.again = true}, 3, true, REASON_LOST, 0, 0, 0, "", "-"},
		{T, {.again = true}, 3, true, REASON_DEADLINE, 0, 0, 0, "", "-"},
		{T, {.again = true}, 3, true, REASON_CANCELLED, 0, 0, 0, "", "-"},
		/* number of tries */
		{RETRY_EXIT, {.again = true}, 3, false, REASON_EXIT, 1, 0, 0, "", ""},
		{RETRY_EXIT, {.again = true}, 3, false, REASON_EXIT, 1, 2, 9, "", ""},
		{RETRY_EXIT, {.again = true}, 3, false, REASON_EXIT, 1, 3, 0, "", "-"},
		{RETRY_EXIT, {.again = true}, -1, false, REASON_EXIT, 1, 2, 0, "", ""},
		{RETRY_EXIT, {.again = true}, -1, false, REASON_EXIT, 1, POLICY_MAX, 0, "", "-"},
		{RETRY_EXIT, {.again = true}, 0, false, REASON_EXIT, 1, 0, 0, "", "-"},
		{RETRY_SIGNAL, {.again = true}, 1, false, REASON_SIGNAL, 0, 0, 0, "", ""},
		{RETRY_EXIT,
		 {.again = true, .delay = 600},
		 1,
		 false,
		 REASON_EXIT,
		 1,
		 0,
		 0,
		 "",
		 "@600 "},
		/* failures of the site have a count of their own */
		{N, {.again = true}, 0, false, REASON_NODE_FAIL, 0, 7, 9, "", ""},
		{N, {.again = true}, 0, false, REASON_NODE_FAIL, 0, 0, POLICY_SITE_MOST, "", "-"},
		{N, {.again = true}, 0, false, REASON_BOOT_FAIL, 0, 0, 0, "", ""},
		{P, {.again = true}, 0, false, REASON_PREEMPTED, 0, 0, 0, "", ""},
		{P, {.again = false}, 3, false, REASON_PREEMPTED, 0, 0, 0, "", "-"},
		{P, {.again = false}, 3, true, REASON_PREEMPTED, 0, 0, 0, "", ""},
		{P, {.again = false}, 3, true, REASON_NODE_FAIL, 0, 0, 0, "", ""},
		{P, {.again = false}, 3, true, REASON_PREEMPTED, 0, 0, POLICY_SITE_MOST, "", "-"},
		{P, {.again = false}, 3, true, REASON_TIMEOUT, 0, 0, 0, "", "-"},
		/* more time */
		{T,
		 {.again = true, .time = "x1.5"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=47:45:00",
		 "--time=2-23:38:00"},
		{T,
		 {.again = true, .time = "x1.5", .max_time = "2-00:00:00"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=47:45:00",
		 "--time=2-00:00:00"},
		/* the last option counts */
		{T,
		 {.again = true, .time = "x2"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=5 --mem=1G --time=10 --time-min=3",
		 "--time=20:00"},
		/* at the ceiling: no retry */
		{T,
		 {.again = true, .time = "x1.5", .max_time = "2-0"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=2-00:00:00",
		 "-"},
		{T,
		 {.again = true, .time = "x1.5", .max_time = "1-0"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=2-00:00:00",
		 "-"},
		{T,
		 {.again = true, .time = "x2"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=UNLIMITED",
		 "-"},
		{T, {.again = true, .time = "x2"}, 3, false, REASON_TIMEOUT, 0, 0, 0, "", "-"},
		{T,
		 {.again = true, .time = "x2"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=soon",
		 "-"},
		/* a fixed time, whether the old one is known or not */
		{T,
		 {.again = true, .time = "8:00:00"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "",
		 "--time=8:00:00"},
		{T,
		 {.again = true, .time = "8:00:00"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=9:00:00",
		 "-"},
		/* growth for another reason does not prevent a retry */
		{RETRY_EXIT,
		 {.again = true, .time = "x2", .max_time = "5"},
		 3,
		 false,
		 REASON_EXIT,
		 7,
		 0,
		 0,
		 "--time=5",
		 ""},
		{T,
		 {.again = true, .mem = "x2"},
		 3,
		 false,
		 REASON_TIMEOUT,
		 0,
		 0,
		 0,
		 "--time=5",
		 ""},
		/* more memory, in the option that sets it */
		{M,
		 {.again = true, .mem = "x2", .max_mem = "256G"},
		 3,
		 false,
		 REASON_OUT_OF_MEMORY,
		 0,
		 0,
		 0,
		 "--mem=36G",
		 "--mem=72G"},
		{M,
		 {.again = true, .mem = "x1.5"},
		 3,
		 false,
		 REASON_OUT_OF_MEMORY,
		 0,
		 0,
		 0,
		 "--mem-per-cpu=1G",
		 "--mem-per-cpu=1536M"},
		{M,
		 {.again = true, .mem = "x2"},
		 3,
		 false,
		 REASON_OUT_OF_MEMORY,
		 0,
		 0,
		 0,
		 "--mem=4G --mem-per-gpu=2000",
		 "--mem-per-gpu=4000M"},
		{M,
		 {.again = true, .mem = "x2", .max_mem = "256G"},
		 3,
		 false,
		 REASON_OUT_OF_MEMORY,
		 0,
		 0,
		 0,
		 "--mem=200G",
		 "--mem=256G"},
		{M,
		 {.again = true, .mem = "x2", .max_mem = "256G"},
		 3,
		 false,
		 REASON_OUT_OF_MEMORY,
		 0,
		 0,
		 0,
		 "--mem=256G",
		 "-"},
		{M,
		 {.again = true, .mem = "x2"},
		 3,
		 false,
		 REASON_OUT_OF_MEMORY,
		 0,
		 0,
		 0,
		 "--mem=0",
		 "-"},
		{M,
		 {.again = true, .mem = "64G", .time = "x2"},
		 3,
		 false,
		 REASON_OUT_OF_MEMORY,
		 0,
		 0,
		 0,
		 "--mem=8G --time=5",
		 "--time=10:00 --mem=64G"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct sweep_retry retry = {.given = true, .max = v[i].max};
		struct strs options = {0};
		struct policy_have have = {.options = &options,
					   .ran_so = true,
					   .tries = v[i].tries,
					   .site = v[i].site};
		struct policy_next next;
		struct buf got = {0};
		bool site = v[i].reason == REASON_NODE_FAIL || v[i].reason == REASON_PREEMPTED ||
			    v[i].reason == REASON_BOOT_FAIL;

		retry.rules[v[i].kind] = v[i].rule;
		split_words(v[i].options, &options);
		policy_decide(&retry, v[i].restartable, v[i].reason, v[i].exit_code, &have, &next);
		if (next.delay_s)
			buf_addf(&got, "@%d ", (int)next.delay_s);
		for (size_t k = 0; k < next.options.n; k++)
			buf_addf(&got, "%s%s", k ? " " : "", next.options.v[k]);
		if (strcmp(next.again ? buf_str(&got) : "-", v[i].next) != 0)
			fail_msg("%zu: %s, and not %s", i, next.again ? buf_str(&got) : "-",
				 v[i].next);
		if (next.again &&
		    (next.tries != v[i].tries + !site || next.site != v[i].site + site))
			fail_msg("%zu: %d, %d", i, (int)next.tries, (int)next.site);
		policy_next_release(&next);
		strs_release(&options);
		buf_release(&got);
	}
}

static void exit_codes(void **state)
{
	struct sweep_retry retry = {.given = true, .max = 3};
	struct strs none = {0};
	struct policy_have have = {.options = &none, .ran_so = true};

	(void)state;
	retry.rules[RETRY_EXIT].again = true;
	retry.rules[RETRY_EXIT].codes[75] = true;
	retry.rules[RETRY_EXIT].ncodes = 1;
	for (int code = -1; code <= 256; code++) {
		struct policy_next next;

		policy_decide(&retry, false, REASON_EXIT, code, &have, &next);
		assert_int_equal(next.again, code == 75);
	}
}

/* The user changed the resources since: the next try uses them as they are. */
static void changed_by_the_user(void **state)
{
	struct sweep_retry retry = {.given = true, .max = 3};
	struct strs options = {0};
	struct policy_have have = {.options = &options};
	struct policy_next next;

	(void)state;
	retry.rules[RETRY_TIMEOUT] = (struct sweep_retry_rule){.again = true, .time = "x2"};
	strs_add(&options, "--time=5");
	policy_decide(&retry, false, REASON_TIMEOUT, 0, &have, &next);
	assert_true(next.again);
	assert_int_equal(next.options.n, 0);
	policy_next_release(&next);
	strs_release(&options);
}

/* ---- options as text ---- */

static void merged_options(void **state)
{
	static const struct {
		const char *lines, *change, *want;
	} v[] = {
		{NULL, "", NULL},
		{NULL, "--time=5", "--time=5\n"},
		{"--mem=1G\n", "", "--mem=1G\n"},
		{"--mem=1G\n", "--time=5", "--mem=1G\n--time=5\n"},
		{"--time=4\n--mem=1G\n", "--time=5", "--mem=1G\n--time=5\n"},
		{"--mem-per-cpu=1G\n", "--mem=5G", "--mem-per-cpu=1G\n--mem=5G\n"},
		{"--mem=1G\n", "--mem-per-cpu=5G", "--mem=1G\n--mem-per-cpu=5G\n"},
		{"--exclusive\n--time=1", "--time=5", "--exclusive\n--time=5\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct strs change = {0};
		char *got;

		split_words(v[i].change, &change);
		got = policy_merge(v[i].lines, &change);
		if (!got != !v[i].want || (got && strcmp(got, v[i].want) != 0))
			fail_msg("%zu: %s", i, got ? got : "(none)");
		free(got);
		strs_release(&change);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),	  cmocka_unit_test(memories),
		cmocka_unit_test(products),	  cmocka_unit_test(decisions),
		cmocka_unit_test(exit_codes),	  cmocka_unit_test(changed_by_the_user),
		cmocka_unit_test(merged_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
