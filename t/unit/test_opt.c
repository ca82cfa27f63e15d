/* test_opt.c - valid and invalid command lines */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/opt.h"

struct args {
	bool follow, quiet;
	const char *step;
	int64_t max, span, trial;
	struct strs sbatch;
};

struct common {
	bool help;
};

static const struct opt opts[] = {
	OPT_FLAG('f', "follow", "go on", struct args, follow),
	OPT_FLAG('q', "quiet", "say nothing", struct args, quiet),
	OPT_STR('s', "step", "STEP", "only this step", struct args, step),
	OPT_INT('n', "max", "N", "at most N", struct args, max, 1, 1000),
	OPT_INT(0, "try", "[N]", "so many, or 2", struct args, trial, 2, 9),
	OPT_TIME(0, "for", "TIME", "so long", struct args, span, 1000, 86400000),
	OPT_STRS(0, "sbatch", "OPTION=VALUE", "an option that is longer than its column",
		 struct args, sbatch),
	OPT_END};

static const struct opt common_opts[] = {OPT_FLAG('h', "help", "usage", struct common, help),
					 OPT_END};

/* Parses words separated by blanks; '' is an empty word. Returns the outcome as text; caller
 * frees. */
static char *parse_line(const char *line, bool first_ends)
{
	struct args a = {0};
	struct common c = {0};
	const struct opt_set sets[] = {{opts, &a}, {common_opts, &c}, {NULL, NULL}};
	char *copy = mem_strdup(line), *words[32], *save = NULL;
	struct err err = {0};
	struct buf out = {0};
	int n = 0;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = strcmp(w, "''") ? w : w + 2;
	words[n] = NULL;
	if (opt_parse(sets, &n, words, first_ends, &err)) {
		assert_int_equal(err.status, ERR_USAGE);
		buf_addf(&out, "error: %s", err.msg);
	} else {
		assert_null(words[n]);
		buf_addf(&out, "%s%s%s", a.follow ? "follow " : "", a.quiet ? "quiet " : "",
			 c.help ? "help " : "");
		if (a.step)
			buf_addf(&out, "step=%s ", a.step);
		if (a.max)
			buf_addf(&out, "max=%lld ", (long long)a.max);
		if (a.span)
			buf_addf(&out, "for=%lld ", (long long)a.span);
		if (a.trial)
			buf_addf(&out, "try=%lld ", (long long)a.trial);
		for (size_t i = 0; i < a.sbatch.n; i++)
			buf_addf(&out, "sbatch=%s ", a.sbatch.v[i]);
		for (int i = 0; i < n; i++)
			buf_addf(&out, "[%s]", words[i]);
	}
	opt_release(sets);
	free(copy);
	return buf_take(&out);
}

static void command_lines(void **state)
{
	static const struct {
		const char *line, *want;
	} v[] = {
		{"", ""},
		{"a b", "[a][b]"},
		{"-f", "follow "},
		{"--follow a", "follow [a]"},
		{"a --follow b -q c", "follow quiet [a][b][c]"},
		{"-fq", "follow quiet "},
		{"-n3", "max=3 "},
		{"-n3 x", "max=3 [x]"},
		{"-n 3", "max=3 "},
		{"--max=3", "max=3 "},
		{"--max 3 x", "max=3 [x]"},
		{"-fn3", "follow max=3 "},
		{"-fqn 3 x", "follow quiet max=3 [x]"},
		{"-n 3 -n 4", "max=4 "},
		{"--step=", "step= "},
		{"--step=a=b", "step=a=b "},
		{"--step --follow", "step=--follow "},
		{"-s -f", "step=-f "},
		{"--sbatch a=1 --sbatch=b=2", "sbatch=a=1 sbatch=b=2 "},
		{"-- -f --nope", "[-f][--nope]"},
		{"a -- -f", "[a][-f]"},
		{"a -- b -- c", "[a][b][--][c]"},
		{"- -f", "follow [-]"},
		{"'' -f", "follow []"},
		{"-h", "help "},
		{"--help x", "help [x]"},
		{"--for 90", "for=90000 "},
		{"--for=15m", "for=900000 "},
		{"--for=1h30m", "for=5400000 "},
		{"--max 1000", "max=1000 "},
		{"--max 1001", "error: option '--max' takes 1 to 1000, not '1001'"},
		{"--max 0", "error: option '--max' takes 1 to 1000, not '0'"},
		{"-n -1", "error: option '-n' takes 1 to 1000, not '-1'"},
		{"--max 3x", "error: option '--max' needs a whole number, not '3x'"},
		{"--max ''", "error: option '--max' needs a whole number, not ''"},
		{"--max 99999999999999999999",
		 "error: option '--max' needs a whole number, not '99999999999999999999'"},
		{"--try", "try=2 "},
		{"--try x", "error: option '--try' needs a whole number, not 'x'"},
		{"--try --", "try=2 "},
		{"--try -f", "follow try=2 "},
		{"--try 3 4", "try=3 [4]"},
		{"--try=4 x", "try=4 [x]"},
		{"--try 1", "error: option '--try' takes 2 to 9, not '1'"},
		{"--try=x", "error: option '--try' needs a whole number, not 'x'"},
		{"--max", "error: option '--max' needs a value: --max N"},
		{"-n", "error: option '-n' needs a value: -n N"},
		{"--follow=yes", "error: option '--follow' takes no value"},
		{"--folow", "error: unknown option '--folow', did you mean '--follow'?"},
		{"--hlep", "error: unknown option '--hlep', did you mean '--help'?"},
		{"--folow=1", "error: unknown option '--folow', did you mean '--follow'?"},
		{"--zebra", "error: unknown option '--zebra'"},
		{"--fol", "error: unknown option '--fol', did you mean '--follow'?"},
		{"-x", "error: unknown option '-x'"},
		{"-fx", "error: unknown option '-x'"},
		{"-5 -f -120", "follow [-5][-120]"},
		{"-5x",
		 "error: unknown option '-5x' (an argument that begins with '-' goes after '--')"},
		{"--for 1x",
		 "error: option '--for' needs a time such as 90s, 15m, 2h or 1d12h, not '1x'"},
		{"--for 0", "error: option '--for': '0' is too short"},
		{"--for 2d", "error: option '--for': '2d' is too long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *got = parse_line(v[i].line, false);

		if (strcmp(got, v[i].want) != 0)
			fail_msg("'%s': got '%s', want '%s'", v[i].line, got, v[i].want);
		free(got);
	}
}

static void before_a_command(void **state)
{
	char *got = parse_line("-f list -q --nope", true);

	(void)state;
	assert_string_equal(got, "follow [list][-q][--nope]");
	free(got);
}

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: no time */
	} v[] = {
		{"0", 0},
		{"1", 1000},
		{"90s", 90000},
		{"15m", 900000},
		{"2h", 7200000},
		{"1d12h", 129600000},
		{"1h0m5s", 3605000},
		{"1h5", 3605000},
		{"", -1},
		{"h", -1},
		{"-1", -1},
		{"1m1h", -1},
		{"1m1m", -1},
		{"1.5h", -1},
		{"1 h", -1},
		{"1h ", -1},
		{"1w", -1},
		{"99999999999999999d", -1},
		{"9223372036854775807", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t ms = -1;
		int rc = opt_time(v[i].text, &ms);

		if (rc != (v[i].ms < 0 ? -1 : 0) || ms != v[i].ms)
			fail_msg("'%s': %d, %lld", v[i].text, rc, (long long)ms);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t n;
	} v[] = {
		{"0", 0, 0},
		{"007", 0, 7},
		{"-12", 0, -12},
		{"9223372036854775807", 0, INT64_MAX},
		{"9223372036854775808", -1, 0},
		{"", -1, 0},
		{"-", -1, 0},
		{"+1", -1, 0},
		{" 1", -1, 0},
		{"1 ", -1, 0},
		{"0x10", -1, 0},
		{"1e3", -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t n = 0;

		assert_int_equal(opt_int(v[i].text, &n), v[i].rc);
		assert_int_equal(n, v[i].n);
	}
}

static void usage(void **state)
{
	struct buf out = {0};

	(void)state;
	opt_usage(opts, &out);
	assert_string_equal(buf_str(&out),
			    "  -f, --follow            go on\n"
			    "  -q, --quiet             say nothing\n"
			    "  -s, --step STEP         only this step\n"
			    "  -n, --max N             at most N\n"
			    "      --try [N]           so many, or 2\n"
			    "      --for TIME          so long\n"
			    "      --sbatch OPTION=VALUE\n"
			    "                          an option that is longer than its column\n");
	buf_clear(&out);
	opt_names(opts, &out);
	assert_string_equal(buf_str(&out),
			    "--follow\n-f\n--quiet\n-q\n--step\n-s\n--max\n-n\n--try\n--for\n"
			    "--sbatch\n");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines), cmocka_unit_test(before_a_command),
		cmocka_unit_test(times),	 cmocka_unit_test(numbers),
		cmocka_unit_test(usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
