/* test_expand.c - a sweep file is added to the store: new, again, changed, with fewer jobs, with
 * equal jobs */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "sweep_here.h"
#include "cmd/view.h"

struct want {
	int64_t jobs, added, unchanged, changed, missing, pruned, merged, left, rerun;
};

static void check_expand(struct here *h, const char *text, const struct expand_opts *o,
			 struct want w)
{
	struct expand_result r;
	struct err err = {0};

	if (here_expand(h, text, o, &r, &err))
		fail_msg("%s", err.msg);
	if (r.jobs != w.jobs || r.added != w.added || r.unchanged != w.unchanged ||
	    r.changed != w.changed || r.missing != w.missing || r.pruned != w.pruned ||
	    r.merged != w.merged || r.left != w.left || r.rerun != w.rerun)
		fail_msg(
			"jobs %d added %d unchanged %d changed %d missing %d pruned %d merged %d left %d rerun %d",
			(int)r.jobs, (int)r.added, (int)r.unchanged, (int)r.changed, (int)r.missing,
			(int)r.pruned, (int)r.merged, (int)r.left, (int)r.rerun);
	expand_result_release(&r);
	assert_int_equal(db_check(h->store.db, NULL), 0);
}

static int64_t job_number(struct here *h, int64_t id, bool version)
{
	struct db_job job;
	int64_t n;

	assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
	n = version ? job.version : job.state;
	db_job_release(&job);
	return n;
}

#define HEAD "name: s\nparams:\n  a: [1, 2]\n  b: [x, y, z]\n"

static void once_and_again(void **state)
{
	struct here *h = *state;

	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL, (struct want){.jobs = 6, .added = 6});
	assert_int_equal(job_number(h, 6, true), 1);
	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .unchanged = 6});
	assert_int_equal(job_number(h, 6, true), 1);
	/* a comment changes no command */
	check_expand(h, "# words\n" HEAD "run: [echo, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .unchanged = 6});
	/* the same jobs, with keys in another order */
	check_expand(h, "name: s\nparams:\n  b: [x, y, z]\n  a: [1, 2]\nrun: [echo, \"{a}\"]\n",
		     NULL, (struct want){.jobs = 6, .unchanged = 6});
}

static void a_new_command(void **state)
{
	struct here *h = *state;

	check_expand(h, HEAD "run: [ecko, \"{a}\"]\n", NULL, (struct want){.jobs = 6, .added = 6});
	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .changed = 6});
	assert_int_equal(job_number(h, 1, true), 2);
	check_expand(h, HEAD "sbatch: {mem: 1G}\nrun: [echo, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .changed = 6});
}

static void more_and_fewer_jobs(void **state)
{
	struct here *h = *state;
	const struct expand_opts prune = {.prune = true};

	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL, (struct want){.jobs = 6, .added = 6});
	check_expand(h, "name: s\nparams: {a: [1, 2, 3], b: [x, y, z]}\nrun: [echo, \"{a}\"]\n",
		     NULL, (struct want){.jobs = 9, .added = 3, .unchanged = 6});
	/* a job that the file no longer names is kept, with its old commands */
	check_expand(h, "name: s\nparams: {a: [1, 3], b: [x, y, z]}\nrun: [other, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .changed = 6, .missing = 3});
	assert_int_equal(job_number(h, 1, true), 3);
	assert_int_equal(job_number(h, 4, true), 2); /* a=2 b=x */
	check_expand(h, "name: s\nparams: {a: [1, 3], b: [x, y, z]}\nrun: [other, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .unchanged = 6, .missing = 3});
	assert_int_equal(job_number(h, 1, true), 3);
	check_expand(h, "name: s\nparams: {a: [1, 3], b: [x, y, z]}\nrun: [other, \"{a}\"]\n",
		     &prune, (struct want){.jobs = 6, .unchanged = 6, .pruned = 3});
	/* the file names it again */
	check_expand(h, "name: s\nparams: {a: [1, 2, 3], b: [x, y, z]}\nrun: [other, \"{a}\"]\n",
		     NULL, (struct want){.jobs = 9, .added = 3, .unchanged = 6});
}

/* Adds an attempt of this version: submitted and running, or completed. */
static int64_t run_job(struct here *h, int64_t id, int64_t version, uint64_t manifest)
{
	struct db_submission sub = {.id = manifest, .version = version};
	struct db_job job;
	int c;

	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
	assert_int_equal(db_claim(h->store.db, &sub, &job, 1, NULL), 0);
	assert_int_equal(db_attempt_running(h->store.db, sub.first, 1, "n", 1, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	db_job_release(&job);
	return sub.first;
}

static void complete_attempt(struct here *h, int64_t attempt)
{
	struct job_end ok = {.completed = true, .ended = 1};
	int c;

	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_attempt_reported(h->store.db, attempt, &ok, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	assert_int_equal(c, 1);
}

static void check_command(struct here *h, int64_t id, const char *command)
{
	struct plan plan = {0};
	struct db_job job;

	assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
	assert_int_equal(view_plan(h->store.db, &job, &plan, NULL), 0);
	assert_string_equal(plan.steps[0].argv.v[0], command);
	plan_release(&plan);
	db_job_release(&job);
}

static void a_completed_job_keeps_its_commands(void **state)
{
	struct here *h = *state;
	const struct expand_opts rerun = {.rerun_changed = true};

	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL, (struct want){.jobs = 6, .added = 6});
	complete_attempt(h, run_job(h, 2, 1, 5));
	check_expand(h, HEAD "run: [other, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .changed = 5, .left = 1});
	assert_int_equal(job_number(h, 2, false), JOB_COMPLETED);
	check_expand(h, HEAD "run: [third, \"{a}\"]\n", &rerun,
		     (struct want){.jobs = 6, .changed = 5, .rerun = 1});
	assert_int_equal(job_number(h, 2, false), JOB_PENDING);
}

/* A completed job is requested again, after the file changed or not. */
static void a_completed_job_is_compared_by_commands(void **state)
{
	struct here *h = *state;
	const struct expand_opts rerun = {.rerun_changed = true};
	int64_t running;

	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL, (struct want){.jobs = 6, .added = 6});
	complete_attempt(h, run_job(h, 2, 1, 5));
	running = run_job(h, 3, 1, 6);
	check_expand(h, HEAD "run: [other, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .changed = 4, .left = 2});
	check_command(h, 1, "other");
	check_command(h, 2, "echo");
	check_command(h, 3, "echo");
	/* again, and after a comment was added */
	check_expand(h, HEAD "run: [other, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .unchanged = 4, .left = 2});
	check_expand(h, "# words\n" HEAD "run: [other, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .unchanged = 4, .left = 2});
	check_expand(h, "# words\n" HEAD "run: [other, \"{a}\"]\n", &rerun,
		     (struct want){.jobs = 6, .unchanged = 4, .left = 1, .rerun = 1});
	assert_int_equal(job_number(h, 2, false), JOB_PENDING);
	check_command(h, 2, "other");
	/* the job that was running then */
	complete_attempt(h, running);
	check_expand(h, "# words\n" HEAD "run: [other, \"{a}\"]\n", &rerun,
		     (struct want){.jobs = 6, .unchanged = 5, .rerun = 1});
	/* a job that ran with the file's commands stays completed, also if another version had
	 * them */
	complete_attempt(h, run_job(h, 2, 3, 7));
	check_expand(h, HEAD "run: [fourth, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 6, .changed = 5, .left = 1});
	check_expand(h, HEAD "run: [other, \"{a}\"]\n", &rerun,
		     (struct want){.jobs = 6, .changed = 5, .unchanged = 1});
	assert_int_equal(job_number(h, 2, false), JOB_COMPLETED);
}

static void equal_jobs_merge(void **state)
{
	struct here *h = *state;

	check_expand(
		h,
		"name: s\nparams: {a: [1, 2]}\ninclude:\n  - {a: 2}\n  - {a: 3}\nrun: [echo, \"{a}\"]\n",
		NULL, (struct want){.jobs = 3, .added = 3, .merged = 1});
}

/* If anything is wrong, no job is added, and the store does not change. */
static void all_or_nothing(void **state)
{
	struct here *h = *state;
	const struct expand_opts few = {.max_jobs = 4};
	struct expand_result r = {0};
	struct err err = {0};
	int64_t counts[JOB_NSTATES];

	assert_int_equal(here_expand(h, HEAD "run: [echo, \"{a}\"]\n", &few, &r, &err), -1);
	assert_int_equal(err.status, ERR_USAGE);
	assert_non_null(strstr(err.msg, "--max-jobs"));
	expand_result_release(&r);
	assert_int_equal(db_counts(h->store.db, counts, NULL), 0);
	assert_int_equal(counts[JOB_PENDING], 0);
	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL, (struct want){.jobs = 6, .added = 6});
}

static void several_sweeps(void **state)
{
	struct here *h = *state;
	struct db_sweep *v;
	size_t n;

	check_expand(h, HEAD "run: [echo, \"{a}\"]\n", NULL, (struct want){.jobs = 6, .added = 6});
	check_expand(h, "name: t\nparams: {a: [1, 2]}\nrun: [echo, \"{a}\"]\n", NULL,
		     (struct want){.jobs = 2, .added = 2});
	assert_int_equal(db_sweeps(h->store.db, &v, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(v[0].jobs, 6);
	assert_int_equal(v[1].jobs, 2);
	db_sweeps_free(v, n);
}

#define T(f) cmocka_unit_test_setup_teardown(f, here_set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(once_and_again),
		T(a_new_command),
		T(more_and_fewer_jobs),
		T(a_completed_job_keeps_its_commands),
		T(a_completed_job_is_compared_by_commands),
		T(equal_jobs_merge),
		T(all_or_nothing),
		T(several_sweeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
