/* test_shuffle.c - a random order has each number once, and is the same everywhere */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/draw.h"

static void each_number_once(void **state)
{
	static const uint64_t sizes[] = {1,  2,	 3,   4,   5,	 7,    16,   17,
					 64, 65, 255, 257, 1000, 4097, 50000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		unsigned char *seen = calloc(sizes[i], 1);
		struct shuffle s;

		shuffle_init(&s, "0", sizes[i]);
		for (uint64_t k = 0; k < sizes[i]; k++) {
			uint64_t n = shuffle_get(&s, k);

			assert_in_range(n, 0, sizes[i] - 1);
			assert_int_equal(seen[n]++, 0);
		}
		free(seen);
	}
}

static void the_same_everywhere(void **state)
{
	static const struct {
		const char *seed;
		uint64_t n, order[6];
	} v[] = {
		{"0", 24, {3, 16, 17, 9, 7, 12}},
		{"1", 24, {11, 16, 3, 9, 0, 18}},
		{"0", 5000000, {821828, 161798, 3013651, 4796691, 3192814, 1521607}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct shuffle s;

		shuffle_init(&s, v[i].seed, v[i].n);
		for (uint64_t k = 0; k < 6; k++)
			assert_int_equal(shuffle_get(&s, k), v[i].order[k]);
	}
}

/* The first tenth of the order has its share of each tenth of the numbers. */
static void it_is_spread(void **state)
{
	int n[10] = {0};
	struct shuffle s;

	(void)state;
	shuffle_init(&s, "0", 10000);
	for (uint64_t k = 0; k < 1000; k++)
		n[shuffle_get(&s, k) / 1000]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(n[i], 60, 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_number_once),
					   cmocka_unit_test(the_same_everywhere),
					   cmocka_unit_test(it_is_spread)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
