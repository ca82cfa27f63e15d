/* test_guess.c - which word a misspelled word is close to */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "lib/guess.h"

static const char *const commands[] = {"init",	  "expand", "submit", "status", "list", "show",
				       "release", "resume", "retry",  "log",	NULL};

static void nearest_word(void **state)
{
	static const struct {
		const char *word, *want;
	} v[] = {
		{"status", "status"},
		{"stauts", "status"},
		{"statu", "status"},
		{"statuss", "status"},
		{"Status", "status"},
		{"STATUS", "status"},
		{"sub", "submit"},
		{"submti", "submit"},
		{"exapnd", "expand"},
		{"relaese", "release"},
		{"rsume", "resume"},
		{"lgo", "log"},
		{"lsit", "list"},
		{"retyr", "retry"},
		{"expnad-", "expand"},
		{"", NULL},
		{"x", NULL},
		{"frobnicate", NULL},
		{"zzzzzz", NULL},
		{"ab", NULL},
		{"show me everything", NULL},
		{"su", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const char *got = guess_nearest(v[i].word, commands);

		if ((!got != !v[i].want) || (got && strcmp(got, v[i].want) != 0))
			fail_msg("'%s': got '%s', want '%s'", v[i].word, got ? got : "(none)",
				 v[i].want ? v[i].want : "(none)");
	}
}

static void first_of_equal_candidates(void **state)
{
	static const char *const words[] = {"cat", "bat", NULL};
	static const char *const upper[] = {"Seed", "seed", NULL};

	(void)state;
	assert_string_equal(guess_nearest("hat", words), "cat");
	assert_string_equal(guess_nearest("seed", upper), "seed");
}

static void no_candidates(void **state)
{
	static const char *const none[] = {NULL};

	(void)state;
	assert_null(guess_nearest("status", none));
}

/* Longer than any compared word: no suggestion, and no overrun. */
static void very_long_words(void **state)
{
	char word[500];
	const char *const words[] = {word, "status", NULL};

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_null(guess_nearest(word, words));
	assert_string_equal(guess_nearest("statsu", words), "status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest_word),
		cmocka_unit_test(first_of_equal_candidates),
		cmocka_unit_test(no_candidates),
		cmocka_unit_test(very_long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
