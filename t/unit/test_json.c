/* test_json.c - output for programs: every value, every byte */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"

static void strings(void **state)
{
	static const struct {
		const char *value, *want;
	} v[] = {
		{"", "\"\""},
		{"plain", "\"plain\""},
		{"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
		{"line\nnext\ttab\rback", "\"line\\nnext\\ttab\\rback\""},
		{"\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\""},
		{"\x1b[31m", "\"\\u001b[31m\""},
		{"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
		{"\xe2\x82\xac \xf0\x9f\x98\x80", "\"\xe2\x82\xac \xf0\x9f\x98\x80\""},
		/* not UTF-8: a lone byte, an overlong form, a surrogate, above U+10FFFF, cut
		 * short */
		{"\xff", "\"\xef\xbf\xbd\""},
		{"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xc3(", "\"\xef\xbf\xbd(\""},
		{NULL, "null"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf out = {0};
		struct json j = {.out = &out};

		json_str(&j, NULL, v[i].value);
		assert_string_equal(buf_str(&out), v[i].want);
		buf_release(&out);
	}
}

static void numbers_and_words(void **state)
{
	struct buf out = {0};
	struct json j = {.out = &out};

	(void)state;
	json_open(&j, NULL, '[');
	json_int(&j, NULL, 0);
	json_int(&j, NULL, -1);
	json_int(&j, NULL, INT64_MAX);
	json_int(&j, NULL, INT64_MIN);
	json_bool(&j, NULL, true);
	json_bool(&j, NULL, false);
	json_null(&j, NULL);
	json_close(&j);
	assert_string_equal(buf_str(&out),
			    "[0,-1,9223372036854775807,-9223372036854775808,true,false,null]");
	buf_release(&out);
}

static void nesting(void **state)
{
	struct buf out = {0};
	struct json j = {.out = &out};

	(void)state;
	json_open(&j, NULL, '{');
	json_open(&j, "a", '[');
	json_open(&j, NULL, '{');
	json_close(&j);
	json_open(&j, NULL, '{');
	json_int(&j, "x", 1);
	json_str(&j, "y\"", "z");
	json_close(&j);
	json_close(&j);
	json_open(&j, "b", '[');
	json_close(&j);
	json_close(&j);
	assert_string_equal(buf_str(&out), "{\"a\":[{},{\"x\":1,\"y\\\"\":\"z\"}],\"b\":[]}");
	assert_int_equal(j.depth, 0);
	buf_release(&out);
}

static void times(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} v[] = {
		{0, "null"},
		{-5, "null"},
		{1, "\"1970-01-01T00:00:00.001Z\""},
		{951782400000, "\"2000-02-29T00:00:00.000Z\""},
		{1714568645123, "\"2024-05-01T13:04:05.123Z\""},
		{4102444800999, "\"2100-01-01T00:00:00.999Z\""},
	};

	(void)state;
	setenv("TZ", "XYZ-5:45", 1);
	tzset();
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf out = {0};
		struct json j = {.out = &out};

		json_time(&j, NULL, v[i].ms);
		assert_string_equal(buf_str(&out), v[i].want);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers_and_words),
		cmocka_unit_test(nesting),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
