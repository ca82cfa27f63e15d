/* test_throttle.c - the limit and the pause of one sweep, beside others */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "fill_here.h"
#include "store/db_internal.h"

/* Jobs from..to of a sweep; expanded again with a larger `to`, it has more. */
static void put_jobs(struct here *h, const char *name, int to, const char *more)
{
	char *text = mem_printf("name: %s\nparams: {n: {from: 1, to: %d, step: 1}}\n%s"
				"run: [echo, \"{n}\"]\n",
				name, to, more);

	put_sweep(h, text);
	free(text);
}

/* How many jobs of each sweep are in Slurm: "3 5". */
static void in_slurm(struct here *h, const char *want)
{
	struct db_sweep *v;
	struct buf b = {0};
	size_t n;

	assert_int_equal(db_sweeps(h->store.db, &v, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%" PRId64, i ? " " : "",
			 v[i].counts[JOB_SUBMITTING] + v[i].counts[JOB_QUEUED]);
	db_sweeps_free(v, n);
	if (strcmp(buf_str(&b), want) != 0)
		fail_msg("'%s', and not '%s'", buf_str(&b), want);
	buf_release(&b);
}

static void set(struct here *h, const char *key, const char *value)
{
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, key, value, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

/* The jobs of b, few among many of a, have all slots that are left. */
static void others_lose_nothing(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 22;
	put_jobs(h, "a", 700, "limit: 3\n");
	put_jobs(h, "b", 4, "");
	put_jobs(h, "a", 3000, "limit: 3\n");
	put_jobs(h, "b", 10, "");
	put_jobs(h, "c", 30, "limit: 4\n");
	put_jobs(h, "b", 12, "");
	fill(h, FILL_USER, 0);
	in_slurm(h, "3 12 4");
	/* a setting comes before the file, and counts at once */
	set(h, "limit.a", "4");
	fill(h, FILL_USER, 0);
	in_slurm(h, "4 12 4");
	set(h, "limit.c", "none");
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.stop, FILL_FULL);
	in_slurm(h, "4 12 4"); /* the limit of all is reached */
}

static void what_is_left_is_throttled(void **state)
{
	const struct fill_opts o = {.caller = FILL_USER, .max = -1, .lock_ms = 1000};
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 20;
	put_jobs(h, "a", 30, "limit: 3\n");
	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	assert_int_equal(r.stop, FILL_THROTTLED);
	assert_string_equal(r.full_sweep, "a");
	fill_result_release(&r);
	in_slurm(h, "3");
	/* each end makes room for one */
	for (int i = 0; i < 3; i++) {
		play_task(h, &fake.jobs[i], 0, "+");
		fill(h, FILL_CHAIN, 0);
		in_slurm(h, "3");
	}
	assert_counts(h, "pending 24, submitting 1, queued 2, completed 3");
}

/* Jobs of a higher priority go first, and are throttled all the same. */
static void with_priorities(void **state)
{
	struct here *h = *state;
	int changed;

	fake.limit = 20;
	put_jobs(h, "a", 30, "limit: 3\n");
	put_jobs(h, "b", 5, "");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int64_t id = 11; id <= 30; id++)
		assert_int_equal(db_job_priority(h->store.db, id, 5, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER, 0);
	in_slurm(h, "3 5");
	for (int64_t id = 11; id <= 13; id++) {
		struct db_job job;

		assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
		assert_int_equal(job.state, JOB_QUEUED);
		db_job_release(&job);
	}
}

/* A paused sweep submits nothing, and the jobs of the others have all slots. */
static void a_paused_sweep(void **state)
{
	const struct fill_opts o = {.caller = FILL_CHAIN, .max = -1, .lock_ms = 1000};
	struct here *h = *state;
	struct fill_result r;
	int changed;

	fake.limit = 20;
	put_jobs(h, "a", 700, "");
	put_jobs(h, "b", 10, "");
	put_jobs(h, "a", 3000, "");
	put_jobs(h, "c", 3, "limit: 2\n");
	put_jobs(h, "b", 14, "");
	set(h, ".paused.1", "1");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int64_t id = 11; id <= 30; id++)
		assert_int_equal(db_job_priority(h->store.db, id, 5, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER, 0);
	in_slurm(h, "0 14 2");
	set(h, ".paused.2", "1");
	set(h, ".paused.3", "1");
	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	assert_int_equal(r.stop, FILL_EMPTY); /* no job stays for paused ones */
	assert_int_equal(r.pending, 3001);
	assert_int_equal(r.paused, 3001);
	fill_result_release(&r);
	in_slurm(h, "0 14 2");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_unset(h->store.db, ".paused.1", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER, 0);
	in_slurm(h, "2 14 2");
}

/* Jobs whose next try is later are claimed after the others, but none of a paused sweep. */
static void paused_while_they_wait(void **state)
{
	struct here *h = *state;

	fake.limit = 6;
	put_jobs(h, "a", 30, "");
	put_jobs(h, "b", 2, "");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(
		db_exec(h->store.db,
			"INSERT INTO retry_state SELECT id, 1, 0, ?1 + id, version, NULL FROM job",
			NULL, NULL, "i", clock_now_ms() + 60000),
		0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	set(h, ".paused.1", "1");
	fill(h, FILL_USER, 0);
	in_slurm(h, "0 2");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {T(others_lose_nothing), T(what_is_left_is_throttled),
					   T(with_priorities), T(a_paused_sweep),
					   T(paused_while_they_wait)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
