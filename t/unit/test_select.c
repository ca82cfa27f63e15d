/* test_select.c - jobs selected by state and reason, in a store made by the test */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "cmd/expr.h"
#include "cmd/select.h"

static struct err err;

#define MUST(call) \
	do { \
		if ((call) != 0) \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)

/* How the jobs 1, 2, ... of the store ended; 0: completed, -1: pending. */
static const int ends[] = {
	0,	     REASON_TIMEOUT, REASON_EXIT, REASON_OUT_OF_MEMORY, REASON_TIMEOUT,
	REASON_LOST, REASON_SIGNAL,  -1};

enum { NJOBS = sizeof(ends) / sizeof(ends[0]) };

static void add_jobs(struct db *db)
{
	char source[] = "name: x\nrun: [x]\n", name[] = "x", path[] = "x.yaml", dir[] = "/";
	struct db_version v = {.sweep_name = name,
			       .file = path,
			       .dir = dir,
			       .source = source,
			       .source_len = sizeof(source) - 1};
	int64_t id;

	MUST(db_begin(db, &err));
	MUST(db_version_add(db, &v, &err));
	for (int i = 0; i < NJOBS; i++) {
		char value[16];
		struct sweep_param p = {"a", value, false};
		const struct sweep_point point = {.n = 1, .params = &p, .sample = -1};

		snprintf(value, sizeof(value), "%d", i);
		MUST(db_job_add(db, v.sweep, v.id, (uint64_t)i + 1, &point, &id, &err));
	}
	MUST(db_version_publish(db, v.id, NJOBS, &err));
	MUST(db_commit(db, &err));
}

static void end_jobs(struct db *db)
{
	struct db_submission sub = {.id = 77, .ntasks = NJOBS - 1, .created = 1000};
	struct db_job *jobs;
	size_t n;
	int changed;

	MUST(db_jobs_pending(db, NJOBS - 1, &jobs, &n, &err));
	sub.version = jobs[0].version;
	MUST(db_begin(db, &err));
	MUST(db_claim(db, &sub, jobs, n, &err));
	for (int i = 0; i < NJOBS - 1; i++) {
		const struct job_end end = {
			.completed = ends[i] == 0, .reason = ends[i], .ended = 3000};

		MUST(db_attempt_running(db, sub.first + i, 500, "n1", 2000, &changed, &err));
		MUST(db_attempt_reported(db, sub.first + i, &end, &changed, &err));
	}
	MUST(db_commit(db, &err));
	db_jobs_free(jobs, n);
}

static char *dir;

static int make_store(void **state)
{
	char *path;
	struct db *db;

	dir = scratch_make();
	path = mem_printf("%s/jobs.db", dir);
	MUST(db_create(path, "0123456789abcdef", &err));
	MUST(db_open(path, NULL, &db, &err));
	add_jobs(db);
	end_jobs(db);
	free(path);
	*state = db;
	return 0;
}

static int close_store(void **state)
{
	db_close(*state);
	scratch_drop(dir);
	return 0;
}

/* Returns the ids that -s states selects among the arguments, as text. Caller frees. */
static char *select_ids(struct db *db, const char *arg, const char *states)
{
	char *copy = mem_strdup(arg), *args[] = {copy};
	const struct select_args opts = {.states = states};
	struct selection sel;
	struct buf text = {0};
	struct ids ids = {0};
	int64_t count;

	MUST(selection_parse(db, arg ? 1 : 0, args, &opts, &sel, &err));
	MUST(db_jobs_ids(db, &sel.jobs, &ids, &err));
	MUST(db_jobs_count(db, &sel.jobs, &count, &err));
	assert_int_equal(count, ids.n);
	for (size_t i = 0; i < ids.n; i++)
		buf_addf(&text, "%s%" PRId64, i ? " " : "", ids.v[i]);
	for (size_t i = 0; i < ids.n; i++)
		assert_true(ids_have(ids.v, ids.n, ids.v[i]));
	assert_false(ids_have(ids.v, ids.n, NJOBS + 1));
	ids_release(&ids);
	selection_release(&sel);
	free(copy);
	return buf_take(&text);
}

static void reasons(void **state)
{
	static const struct {
		const char *arg, *states, *want;
	} v[] = {
		{NULL, NULL, "1 2 3 4 5 6 7 8"},
		{NULL, "failed", "2 3 4 5 6 7"},
		{NULL, "timeout", "2 5"},
		{NULL, "TO,OOM", "2 4 5"},
		{NULL, "completed,timeout", "1 2 5"},
		{NULL, "failed,timeout", "2 3 4 5 6 7"},
		{NULL, "timeout,failed", "2 3 4 5 6 7"},
		{NULL, "pending,lost,signal", "6 7 8"},
		{NULL, "exit", "3"},
		{NULL, "running", ""},
		{"3-6", "timeout,completed", "5"},
		{"x", "oom", "4"},
		{"1,2,2,2-3", NULL, "1 2 3"},
		{"1,2,2,2-3", "timeout,completed", "1 2"},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *got = select_ids(*state, v[i].arg, v[i].states);

		if (strcmp(got, v[i].want) != 0)
			fail_msg("%s -s %s: got '%s', want '%s'", v[i].arg ? v[i].arg : "",
				 v[i].states ? v[i].states : "(any)", got, v[i].want);
		free(got);
	}
}

static void narrowed_by_arguments(void **state)
{
	const struct select_args opts = {.states = "failed,completed"};
	struct selection sel;
	int64_t n;

	MUST(selection_parse(*state, 0, NULL, &opts, &sel, &err));
	selection_narrow(&sel, 1U << JOB_FAILED | 1U << JOB_PENDING);
	MUST(db_jobs_count(*state, &sel.jobs, &n, &err));
	assert_int_equal(n, 6);
	selection_narrow(&sel, 1U << JOB_HELD);
	MUST(db_jobs_count(*state, &sel.jobs, &n, &err));
	assert_int_equal(n, 0);
	selection_release(&sel);
}

/* ---- results ---- */

/* Records results of jobs: loss = 0.5 for job 1, 0.05 for job 2, "nan" for job 3; a = 9 and id = 9 for
 * job 1, whose parameter a is 0. */
static void record_results(struct db *db)
{
	static const struct {
		int64_t job;
		const char *name, *value;
	} v[] = {{1, "loss", "0.5"}, {2, "loss", "5e-2"},  {3, "loss", "nan"},
		 {1, "a", "9"},	     {1, "id", "9"},	   {2, "val/top-1", "x y"},
		 {4, "job.x", "1"},  {4, "result.y", "1"}, {4, "state", "2"}};

	MUST(db_begin(db, &err));
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct db_result r = {.name = (char *)(uintptr_t)v[i].name,
					    .value = (char *)(uintptr_t)v[i].value,
					    .step = -1};
		struct db_job job;

		MUST(db_job_get(db, v[i].job, &job, &err));
		MUST(db_result_set(db, job.attempt, &r, &err));
		db_job_release(&job);
	}
	MUST(db_commit(db, &err));
}

static void results(void **state)
{
	static const struct {
		const char *where, *want; /* want NULL: an error */
		const char *error;
	} v[] = {
		{"loss<0.1", "2", NULL},
		{"loss=0.50", "1", NULL},
		{"result.loss>=0.05", "1 2", NULL},
		{"loss=nan", "3", NULL},
		{"not loss<0.1 and id<5", "1 3 4", NULL},
		{"loss~*", "1 2 3", NULL},
		{"val/top-1='x y'", "2", NULL},
		{"result.val/top-1~x*", "2", NULL},
		/* a parameter and a column hide a result */
		{"a=0", "1", NULL},
		{"a=9", "", NULL},
		{"result.a=9", "1", NULL},
		{"id=9", "", NULL},
		{"result.id=9", "1", NULL},
		{"state=completed", "1", NULL},
		{"result.state=2", "4", NULL},
		{"param.a=0 or result.a=9", "1", NULL},
		/* names that begin like a prefix */
		{"result.job.x=1", "4", NULL},
		{"result.result.y=1", "4", NULL},
		{"job.x=1", NULL, "no job has a parameter 'x'"},
		{"result.y=1", NULL, "no job has recorded 'y'"},
		{"result.nothing=1", NULL, "no job has recorded 'nothing'"},
		{"param.loss=1", NULL, "'loss'"},
		{"job.loss=1", NULL, "'loss'"},
		{"lost<1", NULL, "did you mean 'loss'?"},
	};

	record_results(*state);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct select_args opts = {.where = v[i].where};
		struct selection sel;
		struct buf text = {0};
		struct ids ids = {0};
		int rc = selection_parse(*state, 0, NULL, &opts, &sel, &err);

		assert_int_equal(rc, v[i].want ? 0 : -1);
		if (rc && !strstr(err.msg, v[i].error))
			fail_msg("%s: %s", v[i].where, err.msg);
		if (!rc)
			MUST(db_jobs_ids(*state, &sel.jobs, &ids, &err));
		for (size_t k = 0; k < ids.n; k++)
			buf_addf(&text, "%s%" PRId64, k ? " " : "", ids.v[k]);
		if (!rc && strcmp(buf_str(&text), v[i].want) != 0)
			fail_msg("-w %s: got '%s', want '%s'", v[i].where, buf_str(&text),
				 v[i].want);
		buf_release(&text);
		ids_release(&ids);
		selection_release(&sel);
	}
}

/* Orders by a result: numbers by size, then texts, then jobs without it. */
static void order_by_a_result(void **state)
{
	const struct db_select all = {0};
	struct db_field by;
	struct ids ids = {0};
	static const int64_t want[NJOBS] = {2, 1, 3, 4, 5, 6, 7, 8};

	MUST(expr_field(*state, "loss", &by, &err));
	MUST(db_jobs_sorted(*state, &all, &by, false, &ids, &err));
	assert_int_equal(ids.n, NJOBS);
	assert_memory_equal(ids.v, want, sizeof(want));
	ids_release(&ids);
	free(by.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons),
		cmocka_unit_test(narrowed_by_arguments),
		cmocka_unit_test(results),
		cmocka_unit_test(order_by_a_result),
	};

	return cmocka_run_group_tests(tests, make_store, close_store);
}
