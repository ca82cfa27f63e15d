/* test_limit_group.c - limit groups: a full one is blocked, the others go on */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>

#include "chain/ingest.h"
#include "chain/health.h"
#include "chain/limit_group.h"
#include "fill_here.h"

static const char two_limit_groups[] =
	"name: two\nparams: {where: [gpu, cpu], n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n"
	"sbatch: {partition: \"{where}\"}\nrun: [echo, \"{n}\"]\n";

/* Checks a block, without its time. cap -1: there is no block. */
static void assert_block(struct here *h, const char *limit_group, int64_t cap, int64_t pause,
			 int trying)
{
	struct db_block *v;
	bool found = false;
	size_t n;

	assert_int_equal(db_blocks(h->store.db, &v, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].limit_group, limit_group) != 0)
			continue;
		found = true;
		assert_int_equal(v[i].pause, pause);
		assert_int_equal(v[i].cap, cap);
		assert_int_equal(v[i].trying, trying);
	}
	if (!found)
		assert_int_equal(cap, -1);
	db_blocks_free(v, n);
}

/* Checks whether status reports that jobs of other groups go on. */
static void assert_others_go_on(struct here *h, bool want)
{
	struct health c;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	assert_int_equal(c.nblocks, 1);
	assert_int_equal(c.blocks[0].others, want);
	health_release(&c);
}

static void put_block(struct here *h, const char *limit_group, int64_t cap, int64_t until,
		      int pause)
{
	const struct db_block b = {.limit_group = (char *)(uintptr_t)limit_group,
				   .cap = cap,
				   .until = until,
				   .pause = pause};

	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_block_set(h->store.db, &b, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static void expire_block(struct here *h, const char *limit_group, int64_t cap, int pause)
{
	put_block(h, limit_group, cap, 1000, pause);
}

static int64_t count_in_group(struct here *h, const char *limit_group)
{
	struct strs names = {0};
	int64_t *n, found = 0;

	assert_int_equal(db_limit_groups(h->store.db, &names, &n, NULL), 0);
	for (size_t i = 0; i < names.n; i++)
		if (!strcmp(names.v[i], limit_group))
			found = n[i];
	free(n);
	strs_release(&names);
	return found;
}

static void a_full_partition_blocks_no_other(void **state)
{
	struct here *h = *state;
	struct fill_result r;
	struct fake_job *gpu;
	size_t before;

	snprintf(fake.full, sizeof(fake.full), "--partition=gpu");
	fake.full_at = 3;
	put_sweep(h, two_limit_groups);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 13);
	assert_int_equal(count_in_group(h, "/gpu/"), 3);
	assert_int_equal(count_in_group(h, "/cpu/"), 10);
	assert_block(h, "/gpu/", 3, 5000, 0);
	assert_block(h, "/cpu/", -1, 0, 0);
	assert_others_go_on(h, true);
	/* the group is full, and no process tries again */
	before = fake.sbatches;
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.stop, FILL_LIMITED);
	assert_int_equal(fake.sbatches, before);
	/* one of its jobs ends: one more is submitted */
	gpu = fake.jobs;
	while (!gpu->full)
		gpu++;
	play_task(h, gpu, 0, "+");
	gpu->gone[0] = true;
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	assert_int_equal(count_in_group(h, "/gpu/"), 3);
	assert_int_equal(fake.sbatches, before + 1);
	/* the time has passed: one job is tried, and no more */
	expire_block(h, "/gpu/", 3, 5000);
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 0);
	assert_int_equal(fake.sbatches, before + 2);
	assert_block(h, "/gpu/", 3, 10000, 0);
	/* there is room again: that job shows it, then the rest is filled */
	fake.full_at = 20;
	expire_block(h, "/gpu/", 3, 200000);
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	assert_block(h, "/gpu/", 3, 200000, 1);
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 5);
	assert_block(h, "/gpu/", -1, 0, 0);
}

/* A job that has just ended uses its slot until it has left Slurm. A block learnt at that time must
 * not keep the queue below its limit for minutes. */
static void refused_while_a_job_leaves(void **state)
{
	static const char *const ends[] = {"+", "+!"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = 8;
		put_sweep(h, ten);
		assert_int_equal(db_begin(h->store.db, NULL), 0);
		assert_int_equal(db_setting_set(h->store.db, "limit", "9", NULL), 0);
		assert_int_equal(db_commit(h->store.db, NULL), 0);
		fill(h, FILL_USER, 0);
		assert_counts(h, "pending 2, queued 8");
		play_task(h, &fake.jobs[0], 0, ends[i]); /* Slurm still shows the job */
		fill(h, FILL_CHAIN, 0);
		assert_counts(h, "pending 2, queued 7, completed 1");
		assert_block(h, "//", i ? 8 : 7, 5000, 0);
		assert_others_go_on(h, false);
		here_tear_down(&s);
	}
}

/* If nothing is in flight, one job is tried, whatever the block is. */
/* Many jobs have just ended, and most of their slots were filled again. The cap of the block is no
 * more than the limit of jobs in Slurm. */
static void a_cap_is_no_more_than_the_limit(void **state)
{
	struct here *h = *state;

	fake.limit = 8;
	put_sweep(h, "name: s\nparams: {n: {from: 1, to: 40, step: 1}}\nrun: [echo, \"{n}\"]\n");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, "limit", "9", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER, 0);
	assert_counts(h, "pending 32, queued 8");
	for (int k = 0; k < 5; k++) {
		play_task(h, &fake.jobs[0], k, "+!");
		fake.jobs[0].gone[k] = true;
		fill(h, FILL_CHAIN, 0);
	}
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	assert_counts(h, "pending 27, queued 8, completed 5");
	assert_block(h, "//", -1, 0, 0);
	play_task(h, &fake.jobs[0], 5, "+!"); /* Slurm still shows the job */
	fill(h, FILL_CHAIN, 0);
	assert_counts(h, "pending 27, queued 7, completed 6");
	assert_block(h, "//", 9, 5000, 0);
}

static void blocked_with_nothing_in_flight(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	put_sweep(h, ten);
	put_block(h, "//", 0, clock_now_ms() + 290000, 300000);
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	/* slurmq resume removes the block */
	fill(h, FILL_USER, 0);
	assert_counts(h, "queued 10");
}

/* Very many blocked jobs come before the jobs that may be submitted: few of them are read. */
static void very_many_blocked_jobs_come_first(void **state)
{
	struct here *h = *state;
	struct fill_result r;
	int64_t began;

	put_sweep(h,
		  "name: far\nparams: {where: [gpu, cpu, tail], n: {from: 1, to: 30000, step: 1}}\n"
		  "sbatch: {partition: \"{where}\"}\nrun: [echo, \"{n}\"]\n");
	snprintf(fake.full, sizeof(fake.full), "--partition=gpu");
	fake.full_at = 2;
	fake.limit = 20;
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 18); /* one slot for the ending job, one for the sentinel */
	assert_int_equal(count_in_group(h, "/gpu/"), 2);
	assert_int_equal(count_in_group(h, "/cpu/"), 16);
	began = clock_mono_ms();
	fake.jobs[fake.njobs - 1].gone[0] = true;
	play_task(h, &fake.jobs[fake.njobs - 1], 0, "+");
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	print_message("a refill past 30,000 blocked jobs: %" PRId64 " ms\n",
		      clock_mono_ms() - began);
	assert_int_equal(count_in_group(h, "/cpu/"), 16);
}

static void limit_groups_of_options(void **state)
{
	static const struct {
		const char *directives, *options[4], *want;
	} v[] = {
		{"", {NULL}, "//"},
		{"", {"--mem=1G", "--partition=gpu", NULL}, "/gpu/"},
		{"", {"--partition=gpu", "--account=a", "--partition=b", NULL}, "a/b/"},
		{"", {"--qos=x", NULL}, "//x"},
		{"#SBATCH -p one\n#SBATCH --qos=q1\n#SBATCH -Aacc\necho -p no\n",
		 {NULL},
		 "acc/one/q1"},
		{"#SBATCH --partition one\n", {"--partition=two", NULL}, "/two/"},
		{"", {"--partitions=x", "--account", "--qosx=1", NULL}, "//"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct strs options = {0}, back = {0};
		char *key;

		for (const char *const *o = v[i].options; *o; o++)
			strs_add(&options, *o);
		key = limit_group_key(&options, v[i].directives);
		assert_string_equal(key, v[i].want);
		limit_group_options(key, &back);
		strs_release(&options);
		free(key);
		key = limit_group_key(&back, "");
		assert_string_equal(key, v[i].want);
		strs_release(&back);
		free(key);
	}
}

static void refused_for_the_group_and_released(void **state)
{
	struct here *h = *state;
	struct fill_result r;
	int changed;

	fake.limit = 4;
	fake.answers[0] = SLURM_REFUSED;
	fake.nanswers = 1;
	put_sweep(h, ten);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(r.held, 10);
	assert_counts(h, "held 10");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int64_t id = 1; id <= 10; id++)
		assert_int_equal(db_job_release_held(h->store.db, id, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER, 0);
	assert_counts(h, "pending 7, queued 3");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_full_partition_blocks_no_other),   cmocka_unit_test(refused_while_a_job_leaves),
		T(blocked_with_nothing_in_flight),     T(a_cap_is_no_more_than_the_limit),
		T(very_many_blocked_jobs_come_first),  cmocka_unit_test(limit_groups_of_options),
		T(refused_for_the_group_and_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
