/* Warnings about what is accepted and probably is a mistake, and near misses without one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sweep/sweepfile.h"
#include "scratch.h"

/* The complaints about a sweep file; "": none. */
struct said {
	const char *text, *expected;
};

#define HEAD "name: n\n"
#define RUN "run: [a, \"{@args}\"]\n"
#define SBATCH "s:2:16: warning: sbatch's "

static const struct said forms[] = {
	{HEAD "sbatch: {time: 4:00:00, mem: 16GB, nodes: 2, gres: gpu:1, exclusive: user}\n" RUN,
	 ""},
	{HEAD "sbatch: {time: 4h}\n" RUN, SBATCH "'time': sbatch refuses '4h': write 4:00:00\n"},
	{HEAD "sbatch: {mem:   16 GB}\n" RUN,
	 "s:2:17: warning: sbatch's 'mem': sbatch refuses '16 GB': write 16G\n"},
	{HEAD "sbatch: {gres:  2}\n" RUN,
	 "s:2:17: warning: sbatch's 'gres': sbatch refuses '2': write gpu:2, or another name of a "
	 "resource\n"},
	{HEAD "sbatch: {cpus: 4}\n" RUN,
	 "s:2:10: warning: sbatch has no option 'cpus' that is known here, did you mean "
	 "'cpus-per-task'?\n"},
	/* a value that comes from parameters */
	{HEAD "sbatch: {time: \"{h}:00:00\"}\nparams: {h: [4, 8]}\n" RUN, ""},
	{HEAD "sbatch: {time: \"{h}:00:00\"}\nparams: {h: [4, 4h]}\n" RUN,
	 SBATCH "'time': sbatch refuses '4h:00:00' (h=4h): a time is minutes, min:sec, h:m:s, d-h, "
		"d-h:m or d-h:m:s\n"},
	{HEAD "sbatch: {time: \"{t}\"}\nlet: {t: {by: h, map: {a: 4h, b: 5h}}}\n"
	      "params: {h: [a, b]}\n" RUN,
	 SBATCH "'time': sbatch refuses '4h' (h=a): write 4:00:00\n"},
	{HEAD "sbatch: {time: \"{t}\"}\nlet: {t: \"{u}\", u: \"{h}{x}\"}\n"
	      "params: {x: [0, h], h: [1, 2], y: [1, 2]}\n" RUN,
	 SBATCH "'time': sbatch refuses '1h' (x=h, h=1): write 1:00:00\n"},
	{HEAD "sbatch: {mem:  \"{n}{u}\"}\nzip: [{n: [1, 1024], u: [G, M]}]\n" RUN, ""},
	{HEAD "sbatch: {mem:  \"{n}{u}\"}\nzip: [{n: [1, 1024], u: [G, MiB]}]\n" RUN,
	 SBATCH "'mem': sbatch refuses '1024MiB' (n=1024, u=MiB): write 1G\n"},
	{HEAD
	 "sbatch: {mem:  \"{n}G\"}\nparams: {n: {randint: [1, 9]}}\nsample: {n: 9, seed: 1}\n" RUN,
	 ""},
	{HEAD
	 "sbatch: {mem:  \"{n}G\"}\nparams: {n: {uniform: [1, 9]}}\nsample: {n: 9, seed: 1}\n" RUN,
	 NULL},
	{HEAD "sbatch: {mem:  \"{n?}\"}\nparams: {n: ['', 1G]}\n" RUN, ""},
	{HEAD "sbatch: {mem:  \"{n}\"}\nparams: {n: ['', 1G]}\n" RUN, NULL},
	/* a value that no job has */
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, 4h]}\nexclude: [{h: 4h}]\n" RUN, ""},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, long]}\n"
	      "overrides: [{when: {h: long}, sbatch: {time: 1-0}}]\n" RUN,
	 ""},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, long], g: [1, 2]}\n"
	      "overrides: [{when: {h: long, g: 1}, sbatch: {time: 1-0}}]\n" RUN,
	 NULL},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, 5]}\n"
	      "overrides: [{when: {h: 4}, sbatch: {time: \"{h}h\"}}]\n" RUN,
	 "s:4:43: warning: sbatch's 'time': sbatch refuses '4h' (h=4): write 4:00:00\n"},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: 4h}\n"
	      "variants: [{name: a, params: {h: 4}}, {name: b, sbatch: {time: 5}}]\n" RUN,
	 ""},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: 4h}\n"
	      "variants: [{name: a, params: {h: 4}}, {name: b}]\n" RUN,
	 SBATCH "'time': sbatch refuses '4h' (h=4h): write 4:00:00\n"},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4]}\ninclude: [{h: 5h}]\n" RUN,
	 SBATCH "'time': sbatch refuses '5h' (h=5h): write 5:00:00\n"},
};

#define SCRIPT "s:2:9: error: the script"
#define CANNOT(name) "s:2:7: error: '" name "' cannot be used: see its errors\n"
#define ADVICE "save the file as UTF-8 (iconv(1) converts it)\n"

/* Files in other forms than slurmq reads: see make_folder(). */
static const struct said files[] = {
	{HEAD "script: unix.sh\n", ""},
	{HEAD "script: dos.sh\n", SCRIPT
	 "'s lines end with CR LF, as on Windows, which sbatch refuses: remove the CR, as in "
	 "sed -i 's/\\r$//' FILE\n"},
	{HEAD "script: utf16.csv\n", SCRIPT " is UTF-16: " ADVICE},
	{HEAD "zip: [{file: commas.csv}]\n" RUN, ""},
	{HEAD "zip: [{file: one.csv}]\n" RUN, ""},
	{HEAD "zip: [{file: quoted.csv}]\n" RUN, NULL},
	{HEAD "zip: [{file: utf16.csv}]\n" RUN,
	 "utf16.csv:1:1: error: this is UTF-16: " ADVICE CANNOT("utf16.csv")},
	{HEAD "zip: [{file: latin1.csv}]\n" RUN,
	 "latin1.csv:2:1: error: a byte that is not UTF-8: " ADVICE CANNOT("latin1.csv")},
	{HEAD "zip: [{file: tabs.csv}]\n" RUN,
	 "tabs.csv:1:1: error: columns are separated by commas (RFC 4180), not by tabs\n" CANNOT(
		 "tabs.csv")},
	{HEAD "zip: [{file: semicolons.csv}]\n" RUN,
	 "semicolons.csv:1:1: error: columns are separated by commas (RFC 4180), not by "
	 "semicolons\n" CANNOT("semicolons.csv")},
	{HEAD "zip: [{file: blanks.csv}]\n" RUN,
	 "blanks.csv:1:1: error: columns are separated by commas (RFC 4180), not by blanks\n" CANNOT(
		 "blanks.csv")},
	{HEAD "params:\n  x: {file: utf16.csv}\n" RUN,
	 "utf16.csv:1:1: error: this is UTF-16: " ADVICE
	 "s:3:3: error: 'utf16.csv' cannot be used: see its errors\n"},
	{HEAD "title: gr\xfc\xdf\xe4\n" RUN, "s:2:10: error: byte 0xfc is not UTF-8: " ADVICE},
};

static char *folder;

static void write_file(const char *name, const char *text, size_t len)
{
	char *path = mem_printf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	free(path);
}

/* Parses and loads a text as a file of the folder. Appends its complaints. */
static void read_text(const char *text, struct buf *said)
{
	struct complaints c = {0};
	struct sweep *sweep = NULL;
	struct err err = {0};

	if (sweepfile_parse("s", folder, text, strlen(text), &sweep, &c, &err) == 0)
		sweepfile_load_files(sweep, &c, &err);
	for (size_t i = 0; i < c.lines.n; i++)
		buf_addf(said, "%s\n", c.lines.v[i]);
	complaints_release(&c);
	sweep_free(sweep);
}

/* expected: NULL if the text does not matter. */
static void check_said(const struct said *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf said = {0};

		read_text(cases[i].text, &said);
		if (cases[i].expected ? strcmp(buf_str(&said), cases[i].expected) != 0 : !said.len)
			fail_msg("file:\n%s\nsaid:\n%s\nexpected:\n%s", cases[i].text,
				 buf_str(&said), cases[i].expected ? cases[i].expected : "any");
		buf_release(&said);
	}
}

#define TEST(name) \
	static void warn_##name(void **state) \
	{ \
		(void)state; \
		check_said(name, sizeof(name) / sizeof(*name)); \
	}

TEST(forms)
TEST(files)

/* A sweep file in UTF-16 gives one complaint. */
static void utf16(void **state)
{
	static const char *const texts[] = {"\xff\xfen\0a\0", "\xfe\xff\0n\0a", "n\0a\0m\0",
					    "\0n\0a\0m"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct complaints c = {0};
		struct sweep *sweep = NULL;
		struct err err = {0};

		assert_int_equal(sweepfile_parse("s", folder, texts[i], 6, &sweep, &c, &err), -1);
		assert_int_equal(c.lines.n, 1);
		assert_string_equal(c.lines.v[0],
				    "s:1:1: error: this is UTF-16: save the file as UTF-8 "
				    "(iconv(1) converts it)");
		complaints_release(&c);
	}
}

static const struct {
	const char *name, *text;
} written[] = {
	{"unix.sh", "#!/bin/sh\ntrue\n"},
	{"dos.sh", "#!/bin/sh\r\ntrue\r\n"},
	{"commas.csv", "mesh,inlet\n1; 2,3\n"},
	{"one.csv", "mesh\n1\n"},
	{"quoted.csv", "\"mesh;\"\n1\n"},
	{"latin1.csv", "mesh,inlet\n\xe4,\xe4\n\xe4,1\n"},
	{"tabs.csv", "mesh\tinlet\n1\t2\n3\t4\n"},
	{"semicolons.csv", "mesh;inlet\r\n1;2\r\n"},
	{"blanks.csv", "mesh inlet\n1 2\n"},
};

static int make_folder(void **state)
{
	(void)state;
	folder = scratch_make();
	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++)
		write_file(written[i].name, written[i].text, strlen(written[i].text));
	write_file("utf16.csv", "\xff\xfe\0a\0,\0b", 8);
	return 0;
}

static int drop_folder(void **state)
{
	(void)state;
	scratch_drop(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warn_forms),
		cmocka_unit_test(warn_files),
		cmocka_unit_test(utf16),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
