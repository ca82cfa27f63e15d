/* test_result.c - results of jobs: in the journal, from many processes, in the database, as CSV; and
 * the JSON that they are read from */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/csv.h"
#include "lib/json_read.h"
#include "scratch.h"
#include "store/db.h"
#include "store/folder.h"
#include "store/journal.h"

enum { T = 0x1234 };

struct here {
	char *dir;
	struct folder *sp;
	struct db *db;
};

static int set_up(void **state)
{
	struct here *h = calloc(1, sizeof(*h));
	char *path;

	h->dir = scratch_make();
	path = mem_printf("%s/jobs.db", h->dir);
	assert_int_equal(folder_create(h->dir, NULL), 0);
	assert_int_equal(folder_open(h->dir, &h->sp, NULL), 0);
	assert_int_equal(db_create(path, "abc", NULL), 0);
	assert_int_equal(db_open(path, "abc", &h->db, NULL), 0);
	free(path);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct here *h = *state;

	db_close(h->db);
	folder_close(h->sp);
	scratch_drop(h->dir);
	free(h);
	return 0;
}

/* ---- text of the journal ---- */

/* Returns the results in a journal: "name=value@step/seq", with one blank between two. The caller
 * frees it. */
static char *results_of(const char *text, size_t len)
{
	struct buf b = {0};
	struct journal j;

	journal_parse(text, len, &j);
	for (size_t i = 0; i < j.nresults; i++) {
		const struct journal_result *r = &j.results[i];

		buf_addf(&b, "%s%s=%s", i ? " " : "", r->name, r->value);
		if (r->step >= 0)
			buf_addf(&b, "@%" PRId64, r->step);
		if (r->seq >= 0)
			buf_addf(&b, "/%d", r->seq);
	}
	journal_release(&j);
	return buf_take(&b);
}

static void results_in_a_journal(void **state)
{
	static const struct {
		const char *text, *want;
	} v[] = {
		{"result - a 1\n", "a=1"},
		{"result 7 a 1\nresult 7 b x y\n", "a=1@7 b=x y@7"},
		/* the last value of a name counts, at the place of the first */
		{"result - a 1\nresult - b 2\nresult 3 a 4\n", "a=4@3 b=2"},
		{"result - a 1\nresult - b 2\nresult - a 3\nresult - c 0\nresult - a 5\n",
		 "a=5 b=2 c=0"},
		{"result - a \n", "a="},
		{"result - a  b=c \n", "a= b=c "},
		/* quoted characters */
		{"result - a x\\ny\tz\\\\n\\\n", "a=x\ny\tz\\n\\"},
		/* the step of the job that ends next */
		{"result - a 1\nstep 0 0 0 0 1 2 3 4 t\nresult - b 2\nstep 1 1 3 0 1 2 3 4 e\n"
		 "result - c 3\nend failed 1 3 0 1 2 3\n",
		 "a=1/0 b=2/1 c=3"},
		/* a skipped step records nothing */
		{"result - a 1\nstep 0 2 0 0 1 2 3 4 t\nstep 1 0 0 0 1 2 3 4 u\n", "a=1/1"},
		/* after the end */
		{"end completed 0 0 0 1 2 3\nresult - a 1\n", "a=1"},
		/* a record that was written again holds its lines twice */
		{"result - a 1\nstep 0 0 0 0 1 2 3 4 t\nstep 0 0 0 0 1 2 3 4 t\n", "a=1/0"},
		/* lines that slurmq did not write, or not to their end */
		{"result - a 1", ""},
		{"result x a 1\n", ""},
		{"result -1 a 1\n", ""},
		{"result 1\n", ""},
		{"result 1 a\n", ""},
		{"result - \n", ""},
		{"result - a\n", ""},
		{"result -  1\n", ""},
		{"results - a 1\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *got = results_of(v[i].text, strlen(v[i].text));

		assert_string_equal(got, v[i].want);
		free(got);
	}
}

static void written_and_read(void **state)
{
	static const char *const values[] = {
		"",   "0.5",   "x  y ",	   "\"q\", 'r'", "a\nb\n", "\t",
		"\\", "\\n\\", "\303\274", "a=b;c",	 "\n",	   "007",
	};
	enum { N = sizeof(values) / sizeof(values[0]) };
	struct buf t = {0};
	struct journal j;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		struct journal_result r = {.step = 12, .value = (char *)(uintptr_t)values[i]};
		size_t before = t.len;

		r.name = mem_printf("n%zu/x.y-z", i);
		journal_add_result(&t, &r);
		assert_ptr_equal(strchr(t.s + before, '\n'), t.s + t.len - 1); /* one line */
		free(r.name);
	}
	journal_parse(t.s, t.len, &j);
	assert_int_equal(j.nresults, N);
	for (size_t i = 0; i < N; i++) {
		char *name = mem_printf("n%zu/x.y-z", i);

		assert_string_equal(j.results[i].name, name);
		assert_string_equal(j.results[i].value, values[i]);
		assert_int_equal(j.results[i].step, 12);
		free(name);
	}
	journal_release(&j);
	buf_release(&t);
}

/* ---- the file ---- */

static char *start_attempt(struct here *h, struct journal_file *j)
{
	struct folder_entry e;
	struct who me;

	assert_int_equal(claim_files_make(h->sp, T, 1, NULL), 0);
	who_self(&me);
	assert_int_equal(claim_file_win(h->sp, T, 0, &me, &e, NULL), 0);
	assert_int_equal(journal_file_open(h->sp, &e, j, NULL), 0);
	return mem_printf("%s/running/%s", h->dir, e.name);
}

static void append_line(struct journal_file *j, const char *text)
{
	assert_int_equal(journal_file_append(j, text, strlen(text), false, NULL), 0);
}

static int record(const char *path, const char *text)
{
	return journal_record(path, text, strlen(text), NULL);
}

static void assert_record(struct here *h, const char *name, const char *want, bool end)
{
	struct buf text = {0}, file = {0};
	struct journal j;
	char *got;

	buf_addf(&file, "outbox/%s", name);
	assert_int_equal(folder_file_get(h->sp, buf_str(&file), &text, NULL), 0);
	journal_parse(text.s, text.len, &j);
	assert_int_equal(j.has_end, end);
	journal_release(&j);
	got = results_of(text.s, text.len);
	assert_string_equal(got, want);
	free(got);
	buf_release(&file);
	buf_release(&text);
}

static const char end_line[] = "end completed 0 0 0 9 0 0\n";

enum { WRITERS = 8, LINES = 150 };

/* Many processes record while the supervisor writes: every line is there, once and whole. */
static void many_processes_record(void **state)
{
	struct here *h = *state;
	struct buf text = {0}, file = {0};
	struct journal_file j;
	struct journal all;
	char *path = start_attempt(h, &j);
	int status;

	for (int w = 0; w < WRITERS; w++) {
		if (fork())
			continue;
		for (int i = 0; i < LINES; i++) {
			char *line = mem_printf("result %d w%d.%d %0*d\n", i, w, i, 1 + i * 7, i);

			if (record(path, line))
				_exit(1);
			free(line);
		}
		_exit(0);
	}
	for (int i = 0; i < LINES; i++) {
		char *line = mem_printf("step %d 0 0 0 1 2 3 4 k\n", i);

		append_line(&j, line);
		free(line);
	}
	for (int w = 0; w < WRITERS; w++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	append_line(&j, end_line);
	assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
	buf_addf(&file, "outbox/%s", j.entry.name);
	assert_int_equal(folder_file_get(h->sp, file.s, &text, NULL), 0);
	assert_null(memchr(text.s, '\0', text.len)); /* no line was torn */
	journal_parse(text.s, text.len, &all);
	assert_int_equal(all.nresults, WRITERS * LINES);
	assert_int_equal(all.nsteps, LINES);
	for (size_t i = 0; i < all.nresults; i++)
		assert_int_equal(strlen(all.results[i].value),
				 (size_t)(1 + all.results[i].step * 7));
	journal_release(&all);
	journal_file_close(&j);
	free(path);
	buf_release(&file);
	buf_release(&text);
}

static void after_the_end(void **state)
{
	struct here *h = *state;
	struct journal_file j;
	char *path = start_attempt(h, &j);

	assert_int_equal(record(path, "result - a 1\n"), 0);
	append_line(&j, end_line);
	assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
	assert_int_equal(record(path, "result - a 2\n"), FOLDER_NONE);
	assert_record(h, j.entry.name, "a=1", true);
	journal_file_close(&j);
	free(path);
}

/* A process that was killed in the middle of its line does not spoil the next one. */
static void an_incomplete_line_is_ignored(void **state)
{
	static const char *const halves[] = {"r", "result - a 1", "result 3 a"};
	struct here *h = *state;

	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		struct journal_file j;
		char *path = start_attempt(h, &j);
		int fd = open(path, O_WRONLY | O_APPEND);

		append_line(&j, "start 5 1 0 n 1\n");
		assert_int_equal(write(fd, halves[i], strlen(halves[i])),
				 (ssize_t)strlen(halves[i]));
		close(fd);
		if (i % 2)
			append_line(&j, "stopping 5\n");
		assert_int_equal(record(path, "result - c 3\n"), 0);
		append_line(&j, end_line);
		assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
		assert_record(h, j.entry.name, "c=3", true);
		assert_int_equal(folder_remove(h->sp, FOLDER_OUTBOX, j.entry.name, NULL), 0);
		journal_file_close(&j);
		free(path);
	}
}

/* The supervisor writes its record again under a new name: the results of others are in it. */
static void a_new_record_has_the_results(void **state)
{
	static const enum {
		FAILED_APPEND,
		MOVED,
		REMOVED
	} cases[] = {FAILED_APPEND, MOVED, REMOVED};
	struct here *h = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal_file j, twin;
		char *path = start_attempt(h, &j), *old;
		struct folder_entry e = j.entry;

		append_line(&j, "start 5 1 0 n 1\n");
		assert_int_equal(record(path, "result 4 a 1\n"), 0);
		append_line(&j, "step 0 0 0 0 1 2 3 4 t\n");
		assert_int_equal(record(path, "result - b 2\n"), 0);
		if (cases[i] == FAILED_APPEND) {
			int good = j.fd;

			j.fd = open("/dev/full", O_WRONLY);
			assert_int_equal(journal_file_append(&j, "step 1 0 0 0 1 2 3 4 u\n", 23,
							     false, NULL),
					 -1);
			close(j.fd);
			j.fd = good;
		} else {
			append_line(&j, "step 1 0 0 0 1 2 3 4 u\n");
			assert_int_equal(journal_file_open(h->sp, &e, &twin, NULL), 0);
			append_line(&twin, "preempted 6\n");
			assert_int_equal(journal_file_move(h->sp, &twin, NULL), 0);
			journal_file_close(&twin);
			if (cases[i] == REMOVED)
				assert_int_equal(folder_remove(h->sp, FOLDER_OUTBOX, e.name, NULL),
						 0);
		}
		append_line(&j, end_line);
		assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
		assert_string_not_equal(j.entry.name, e.name);
		assert_record(h, j.entry.name, "a=1@4/0 b=2/1", true);
		old = mem_printf("outbox/%s", e.name);
		folder_file_remove(h->sp, old, NULL);
		folder_remove(h->sp, FOLDER_OUTBOX, j.entry.name, NULL);
		journal_file_close(&j);
		free(old);
		free(path);
	}
}

static void a_journal_has_a_limit(void **state)
{
	struct here *h = *state;
	struct journal_file j;
	struct err err = {0};
	char *path = start_attempt(h, &j);

	assert_int_equal(truncate(path, JOURNAL_RECORD_MOST + 1), 0);
	assert_int_equal(journal_record(path, "result - a 1\n", 13, &err), -1);
	assert_non_null(strstr(err.msg, "record a value less often"));
	journal_file_close(&j);
	free(path);
}

/* ---- the database ---- */

/* Returns the results of an attempt as text: "a=1@3 b=2". The caller frees it. */
static char *stored(struct here *h, int64_t attempt)
{
	struct buf b = {0};
	struct db_result *v;
	size_t n;

	assert_int_equal(db_results(h->db, attempt, &v, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		buf_addf(&b, "%s%s=%s", i ? " " : "", v[i].name, v[i].value);
		if (v[i].step >= 0)
			buf_addf(&b, "@%" PRId64, v[i].step);
	}
	db_results_free(v, n);
	return buf_take(&b);
}

static void assert_stored(struct here *h, int64_t attempt, const char *want)
{
	char *got = stored(h, attempt);

	assert_string_equal(got, want);
	free(got);
}

static void store_result(struct here *h, int64_t attempt, const char *name, const char *value,
			 int64_t step, int seq)
{
	const struct db_result r = {.name = (char *)(uintptr_t)name,
				    .value = (char *)(uintptr_t)value,
				    .step = step,
				    .seq = seq};

	assert_int_equal(db_result_set(h->db, attempt, &r, NULL), 0);
}

static void results_are_stored(void **state)
{
	struct here *h = *state;
	struct strs names = {0};
	char *value;

	store_result(h, 1, "loss", "0.5", 3, 0);
	store_result(h, 1, "acc", "", -1, 0);
	store_result(h, 2, "acc", "2\n\"", 0, -1);
	store_result(h, 1, "loss", "0.4", -1, 0); /* the last one counts */
	assert_stored(h, 1, "loss=0.4 acc=");
	assert_stored(h, 2, "acc=2\n\"@0");
	assert_stored(h, 3, "");
	assert_int_equal(db_result_names(h->db, &names, NULL), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "loss");
	assert_string_equal(names.v[1], "acc");
	strs_release(&names);
	assert_int_equal(db_result_get(h->db, 1, "loss", &value, NULL), 0);
	assert_string_equal(value, "0.4");
	free(value);
	assert_int_equal(db_result_get(h->db, 2, "loss", &value, NULL), DB_NONE);
	assert_null(value);
}

/* A new attempt keeps the results of completed steps, and only those. */
static void results_of_completed_steps(void **state)
{
	struct here *h = *state;
	struct db_step steps[] = {{.attempt = 1, .seq = 0, .state = STEP_COMPLETED},
				  {.attempt = 1, .seq = 1, .state = STEP_FAILED},
				  {.attempt = 2, .seq = 1, .state = STEP_COMPLETED}};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		steps[i].key = (char *)(uintptr_t) "k";
		assert_int_equal(db_step_add(h->db, &steps[i], NULL), 0);
	}
	store_result(h, 1, "a", "1", 5, 0);
	store_result(h, 1, "b", "2", -1, 1);
	store_result(h, 1, "c", "3", -1, -1);
	assert_int_equal(db_results_carry(h->db, 1, 2, NULL), 0);
	assert_stored(h, 2, "a=1@5");
	store_result(h, 2, "b", "7", -1, 1);
	assert_int_equal(db_results_carry(h->db, 2, 3, NULL), 0);
	assert_stored(h, 3, "a=1@5 b=7");
}

/* A database without the tables gets them when it is opened, while an older process uses it. */
static void missing_tables_are_added(void **state)
{
	struct here *h = *state;
	struct db *other;
	char *path = mem_printf("%s/jobs.db", h->dir), *value;
	sqlite3 *sql;

	assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(sql, "DROP TABLE result; DROP TABLE result_name", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(sql);
	assert_int_equal(db_setting_set(h->db, "limit", "3", NULL), 0);
	assert_int_equal(db_open(path, "abc", &other, NULL), 0);
	assert_int_equal(db_setting_get(h->db, "limit", &value, NULL), 0);
	free(value);
	assert_int_equal(db_setting_set(h->db, "limit", "4", NULL), 0);
	db_close(h->db);
	h->db = other;
	store_result(h, 1, "a", "1", -1, -1);
	assert_stored(h, 1, "a=1");
	assert_int_equal(db_check(h->db, NULL), 0);
	free(path);
}

/* ---- JSON and CSV ---- */

static void flat_objects(void **state)
{
	static const struct {
		const char *text, *want; /* "name=value" in lines; NULL: an error */
		const char *error;	 /* part of its text */
	} v[] = {
		{"{}", "", NULL},
		{" {\n} \n", "", NULL},
		{"{\"a\": 1}", "a=1\n", NULL},
		{"{\"a\":-1.50e-3,\"b\":true,\"c\":\"x\"}", "a=-1.50e-3\nb=true\nc=x\n", NULL},
		{"{\"a\": NaN, \"b\": -Infinity, \"c\": Infinity}",
		 "a=NaN\nb=-Infinity\nc=Infinity\n", NULL},
		{"{\"a\": \"\\\"\\\\\\/\\n\\t\\u00fc\\u20ac\\ud83d\\ude00\"}",
		 "a=\"\\/\n\t\303\274\342\202\254\360\237\230\200\n", NULL},
		{"{\"a\": 0}", "a=0\n", NULL},
		{"{\"a\": 10}", "a=10\n", NULL},
		{"{\"a\": {}}", NULL, "the value of 'a' is an object"},
		{"{\"a\": [1]}", NULL, "the value of 'a' is a list"},
		{"{\"a\": null}", NULL, "'a' is null"},
		{"{\"a\": 007}", NULL, "column 7"},
		{"{\"a\": 1.}", NULL, "no JSON value"},
		{"{\"a\": .5}", NULL, "no JSON value"},
		{"{\"a\": +1}", NULL, "no JSON value"},
		{"{\"a\": x}", NULL, "no JSON value"},
		{"{\"a\": 'x'}", NULL, "no JSON value"},
		{"{\"a\": }", NULL, "no JSON value"},
		{"{\"a\" 1}", NULL, "':' is missing"},
		{"{\"a\": 1 \"b\": 2}", NULL, "',' or '}' is missing"},
		{"{\"a\": 1,}", NULL, "a name in double quotes"},
		{"{a: 1}", NULL, "a name in double quotes"},
		{"{\"a\": 1", NULL, "missing"},
		{"{\"a\": \"x", NULL, "a string without its end"},
		{"{\"a\": \"x\ny\"}", NULL, "a control character"},
		{"{\"a\": \"\\x\"}", NULL, "an unknown escape"},
		{"{\"a\": \"\\u00g0\"}", NULL, "four hex digits"},
		{"{\"a\": \"\\u0000\"}", NULL, "a NUL character"},
		{"{\"a\": \"\\ud83d\"}", NULL, "surrogate"},
		{"{\"a\": \"\\ude00\"}", NULL, "surrogate"},
		{"{\"a\": 1} {}", NULL, "text after the object"},
		{"[1]", NULL, "no JSON object"},
		{"", NULL, "no JSON object"},
		{"{", NULL, "a name in double quotes"},
		{"{\n \"a\": tru}", NULL, "line 2, column 7"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct strs names = {0}, values = {0};
		struct buf got = {0};
		struct err err = {0};
		int rc = json_read_flat(v[i].text, strlen(v[i].text), &names, &values, &err);

		for (size_t k = 0; k < names.n; k++)
			buf_addf(&got, "%s=%s\n", names.v[k], values.v[k]);
		assert_int_equal(rc, v[i].want ? 0 : -1);
		if (v[i].want)
			assert_string_equal(buf_str(&got), v[i].want);
		else if (!strstr(err.msg, v[i].error) || err.status != ERR_USAGE)
			fail_msg("%s: %s", v[i].text, err.msg);
		strs_release(&names);
		strs_release(&values);
		buf_release(&got);
	}
}

static void csv_fields(void **state)
{
	static const char *const v[][2] = {
		{"", ""},
		{"x", "x"},
		{" x y ", " x y "},
		{"a,b", "\"a,b\""},
		{"a\"b", "\"a\"\"b\""},
		{"a\nb", "\"a\nb\""},
		{"a\rb", "\"a\rb\""},
		{"'x'\tz", "'x'\tz"},
		{"\"", "\"\"\"\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf out = {0};

		csv_add_field(&out, v[i][0]);
		assert_string_equal(buf_str(&out), v[i][1]);
		buf_release(&out);
	}
}

#define T1(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_in_a_journal),
		cmocka_unit_test(written_and_read),
		T1(many_processes_record),
		T1(after_the_end),
		T1(an_incomplete_line_is_ignored),
		T1(a_new_record_has_the_results),
		T1(a_journal_has_a_limit),
		T1(results_are_stored),
		T1(results_of_completed_steps),
		T1(missing_tables_are_added),
		cmocka_unit_test(flat_objects),
		cmocka_unit_test(csv_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
