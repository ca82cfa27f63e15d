/* test_table.c - output for people: widths, cuts, times, bars, and no control characters */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/table.h"

static const struct style plain = {.utf8 = true, .glyphs = false};
static const struct style ascii = {.tty = true, .width = 80};
static const struct style fancy = {
	.tty = true, .colour = true, .utf8 = true, .glyphs = true, .width = 80};

static void cleaning(void **state)
{
	static const struct {
		const char *text, *utf8, *no_utf8;
	} v[] = {
		{"", "", ""},
		{"plain text", "plain text", "plain text"},
		{"a\nb\tc\rd", "a?b?c?d", "a?b?c?d"},
		{"\x1b[2J\x07", "?[2J?", "?[2J?"},
		{"\x7f", "?", "?"},
		{"gr\xc3\xbc", "gr\xc3\xbc", "gr?"},
		{"\xc2\x9b"
		 "31m",
		 "?31m", "?31m"}, /* CSI of C1 */
		{"\xe2\x80\xae"
		 "abc",
		 "?abc", "?abc"}, /* right-to-left override */
		{"\xe2\x81\xa6x", "?x", "?x"},
		{"\xef\xbb\xbfx", "?x", "?x"},
		{"\xff\xfe", "??", "??"},
		{"\xc0\xaf", "??", "??"},
		{"\xe0\x80\xaf", "???", "???"},
		{"\xf0\x80\x80\xaf", "????", "????"},
		{"\xed\xa0\x80", "???", "???"},
		{"\xf4\x90\x80\x80", "????", "????"},
		{"\xe2\x82", "??", "??"},
		{"\xf8\x88\x80\x80\x80", "?????", "?????"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf out = {0};

		clean_add(&out, &plain, v[i].text);
		assert_string_equal(buf_str(&out), v[i].utf8);
		buf_clear(&out);
		clean_add(&out, &ascii, v[i].text);
		assert_string_equal(buf_str(&out), v[i].no_utf8);
		buf_release(&out);
	}
}

/* Every single byte: only printable ASCII is printed as it is. */
static void every_byte(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		const char text[] = {(char)c, '\0'};
		struct buf out = {0};

		clean_add(&out, &plain, text);
		assert_int_equal(out.len, 1);
		if (c >= 0x20 && c < 0x7f)
			assert_int_equal(out.s[0], c);
		else
			assert_int_equal(out.s[0], '?');
		buf_release(&out);
	}
}

static void widths(void **state)
{
	static const struct {
		const char *text;
		int width;
	} v[] = {
		{"", 0},
		{"abc", 3},
		{"gr\xc3\xbc\xc3\x9f", 4},
		{"\xe6\xbc\xa2\xe5\xad\x97", 4}, /* two wide characters */
		{"\xed\x95\x9c", 2},		 /* Hangul */
		{"\xef\xbc\xa1", 2},		 /* full width A */
		{"e\xcc\x81", 1},		 /* e and a combining accent */
		{"\xf0\x9f\x98\x80", 2},
		{"\xce\xb1\xce\xb2", 2},
		{"\xff", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_int_equal(text_width(v[i].text), v[i].width);
}

static void cuts(void **state)
{
	static const struct {
		const char *text;
		int width;
		const char *fancy, *ascii;
	} v[] = {
		{"abcdef", 6, "abcdef", "abcdef"},
		{"abcdef", 5, "abcd\xe2\x80\xa6", "abcd~"},
		{"abcdef", 1, "\xe2\x80\xa6", "~"},
		{"abcdef", 0, "", ""},
		{"abcdef", -3, "", ""},
		{"\xe6\xbc\xa2\xe5\xad\x97", 4, "\xe6\xbc\xa2\xe5\xad\x97",
		 "\xe6\xbc\xa2\xe5\xad\x97"},
		{"\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2\xe2\x80\xa6", "\xe6\xbc\xa2~"},
		{"\xe6\xbc\xa2\xe5\xad\x97", 2, "\xe2\x80\xa6",
		 "~"}, /* never half of a wide character */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf out = {0};

		text_add_cut(&out, &fancy, v[i].text, v[i].width);
		assert_string_equal(buf_str(&out), v[i].fancy);
		buf_clear(&out);
		text_add_cut(&out, &ascii, v[i].text, v[i].width);
		assert_string_equal(buf_str(&out), v[i].ascii);
		buf_release(&out);
	}
}

static void ages(void **state)
{
	static const int64_t now = 1714568645123;
	static const struct {
		int64_t age;
		const char *want;
	} v[] = {
		{-5000, "just now"},   {0, "just now"},	       {999, "just now"},
		{1000, "1s ago"},      {59999, "59s ago"},     {60000, "1m ago"},
		{3599999, "59m ago"},  {3600000, "1h ago"},    {172799999, "47h ago"},
		{172800000, "2d ago"}, {864000000, "10d ago"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		buf_clear(&out);
		time_add_ago(&out, now - v[i].age, now);
		assert_string_equal(buf_str(&out), v[i].want);
	}
	buf_clear(&out);
	time_add_ago(&out, 0, now);
	assert_string_equal(buf_str(&out), "never");
	buf_release(&out);
}

static void durations(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} v[] = {
		{-1, ""},
		{0, "0.0s"},
		{449, "0.4s"},
		{9999, "9.9s"},
		{10000, "10s"},
		{59999, "59s"},
		{60000, "1m 00s"},
		{185000, "3m 05s"},
		{3599999, "59m 59s"},
		{3600000, "1h 00m"},
		{3900000, "1h 05m"},
		{86399999, "23h 59m"},
		{86400000, "1d 00h"},
		{183600000, "2d 03h"},
		{INT64_MAX, "106751991167d 07h"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		buf_clear(&out);
		time_add_duration(&out, v[i].ms);
		assert_string_equal(buf_str(&out), v[i].want);
	}
	buf_release(&out);
}

static void local_times_and_sizes(void **state)
{
	struct buf out = {0};

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	time_add_local(&out, 1714568645123);
	assert_string_equal(buf_str(&out), "2024-05-01 13:04:05");
	buf_clear(&out);
	time_add_local(&out, 0);
	size_add_kib(&out, -1);
	assert_string_equal(buf_str(&out), "");
	size_add_kib(&out, 512);
	buf_addch(&out, ' ');
	size_add_kib(&out, 36 * 1024);
	buf_addch(&out, ' ');
	size_add_kib(&out, 5 * 512 * 1024);
	assert_string_equal(buf_str(&out), "512K 36.0M 2.5G");
	buf_release(&out);
}

static void bars(void **state)
{
	static const struct {
		int64_t done, failed, total;
		const char *want;
	} v[] = {
		{0, 0, 10, "[          ]"},
		{5, 0, 10, "[#####     ]"},
		{10, 0, 10, "[##########]"},
		{0, 10, 10, "[xxxxxxxxxx]"},
		{5, 5, 10, "[#####xxxxx]"},
		{999, 0, 1000, "[######### ]"}, /* full only when all jobs have ended */
		{1, 0, 1000, "[          ]"},	/* less than half a column: its count says it */
		{6, 6, 100, "[#         ]"},
		{8, 4, 100, "[#         ]"},
		{4, 8, 100, "[x         ]"},
		{64, 31, 100, "[######xxx ]"},
		{9990, 1, 10000, "[######### ]"},
		{855, 45, 1000, "[######### ]"},
		{860, 45, 1000, "[######### ]"},
		{3, 5, 8, "[####xxxxxx]"},
		{0, 0, 0, "[          ]"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct bar_part parts[] = {{v[i].done, PAINT_GREEN, '#', NULL},
						 {v[i].failed, PAINT_RED, 'x', NULL}};

		buf_clear(&out);
		bar_add(&out, &plain, 10, v[i].total, parts, 2);
		assert_string_equal(buf_str(&out), v[i].want);
	}
	buf_release(&out);
}

static void painting(void **state)
{
	struct buf out = {0};

	(void)state;
	paint_add(&out, &fancy, PAINT_RED, "x");
	assert_string_equal(buf_str(&out), "\033[31mx\033[0m");
	buf_clear(&out);
	paint_add(&out, &fancy, PAINT_NONE, "x");
	paint_add(&out, &fancy, PAINT_RED, "");
	paint_add(&out, &plain, PAINT_RED, "y");
	assert_string_equal(buf_str(&out), "xy");
	buf_release(&out);
}

/* ---- tables ---- */

static char *print_table(struct table *t, const struct style *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	table_flush(t, s, f);
	fclose(f);
	return text;
}

static const struct column columns[] = {
	{"id", true, false}, {"name", false, true}, {"n", true, false}, {"rest", false, true}};

static void add_rows(struct table *t, const struct style *s)
{
	table_init(t, columns, 4);
	table_add(t, s, PAINT_NONE, "1");
	table_add(t, s, PAINT_NONE, "short");
	table_addf(t, s, PAINT_NONE, "%d", 12345);
	table_add(t, s, PAINT_NONE, "a=1 b=2");
	table_add(t, s, PAINT_NONE, "1000");
	table_add(t, s, PAINT_NONE, "a\x1b[31m longer name");
	table_add(t, s, PAINT_NONE, NULL);
	table_add(t, s, PAINT_NONE, "gr\xc3\xbc\xc3\x9f");
}

static void aligned(void **state)
{
	struct table t;
	char *text;

	(void)state;
	add_rows(&t, &plain);
	text = print_table(&t, &plain);
	assert_string_equal(text, "  id  name                    n  rest\n"
				  "   1  short               12345  a=1 b=2\n"
				  "1000  a?[31m longer name         gr\xc3\xbc\xc3\x9f\n");
	free(text);
	table_release(&t);
}

static void cut_to_width(void **state)
{
	(void)state;
	for (int width = 20; width <= 60; width++) {
		struct style s = plain;
		struct table t;
		char *text, *save = NULL;
		int lines = 0;

		s.width = width;
		add_rows(&t, &s);
		text = print_table(&t, &s);
		for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			if (text_width(l) > width)
				fail_msg("width %d: '%s'", width, l);
			lines++;
		}
		assert_int_equal(lines, 3);
		free(text);
		table_release(&t);
	}
}

static void narrow(void **state)
{
	struct style s = plain;
	struct table t;
	char *text;

	(void)state;
	s.width = 32;
	add_rows(&t, &s);
	text = print_table(&t, &s);
	assert_string_equal(text, "  id  name            n  rest\n"
				  "   1  short       12345  a=1 b=2\n"
				  "1000  a?[31m lo~         gr\xc3\xbc\xc3\x9f\n");
	free(text);
	table_release(&t);
}

/* A later slice keeps the widths of the first, and has no titles. */
static void slices(void **state)
{
	struct table t;
	char *text;

	(void)state;
	add_rows(&t, &plain);
	free(print_table(&t, &plain));
	for (int i = 0; i < 4; i++)
		table_add(&t, &plain, PAINT_NONE, "7");
	text = print_table(&t, &plain);
	assert_string_equal(text, "   7  7                       7  7\n");
	free(text);
	table_release(&t);
}

static void painted(void **state)
{
	static const struct column one[] = {{"a", false, false}, {"b", false, false}};
	struct table t;
	char *text;

	(void)state;
	table_init(&t, one, 2);
	t.no_titles = true;
	table_add(&t, &fancy, PAINT_RED, "x");
	table_add(&t, &fancy, PAINT_NONE, "y");
	text = print_table(&t, &fancy);
	assert_string_equal(text, "\033[31mx\033[0m  y\n");
	free(text);
	table_release(&t);
}

/* ---- styles that a stream allows ---- */

static void styles(void **state)
{
	struct style s;
	enum when_colour when;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	setenv("LC_ALL", "C", 1);
	setenv("TERM", "xterm", 1);
	setenv("COLUMNS", "100", 1);
	unsetenv("NO_COLOR");
	style_init(&s, fds[1], COLOUR_AUTO);
	assert_false(s.tty || s.colour || s.glyphs);
	assert_true(s.utf8); /* a file gets the bytes unchanged */
	assert_int_equal(s.width, 0);
	style_init(&s, fds[1], COLOUR_ALWAYS);
	assert_true(s.colour);
	setenv("NO_COLOR", "1", 1);
	style_init(&s, fds[1], COLOUR_ALWAYS);
	assert_true(s.colour); /* requested with an option */
	style_init(&s, fds[1], COLOUR_NEVER);
	assert_false(s.colour);
	setenv("LC_ALL", "de_DE.utf8", 1);
	style_init(&s, fds[1], COLOUR_AUTO);
	assert_true(s.glyphs);
	assert_int_equal(when_colour_parse("never", &when), 0);
	assert_int_equal(when, COLOUR_NEVER);
	assert_int_equal(when_colour_parse("Never", &when), -1);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleaning),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(widths),
		cmocka_unit_test(cuts),
		cmocka_unit_test(ages),
		cmocka_unit_test(durations),
		cmocka_unit_test(local_times_and_sizes),
		cmocka_unit_test(bars),
		cmocka_unit_test(painting),
		cmocka_unit_test(aligned),
		cmocka_unit_test(cut_to_width),
		cmocka_unit_test(narrow),
		cmocka_unit_test(slices),
		cmocka_unit_test(painted),
		cmocka_unit_test(styles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
