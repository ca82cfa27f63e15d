/* test_queue.c - drain, claim, submit, answer, against a Slurm that answers as it is told */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "chain/cancel.h"
#include "lib/clock.h"
#include "fake_slurm.h"
#include "lib/proc.h"
#include "chain/queue.h"
#include "chain/queue_internal.h"
#include "chain/reconcile.h"
#include "store/spool.h"
#include "sweep_here.h"
#include "store/ticket.h"

static const char ten[] = "name: ten\nparams: {n: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
			  "sbatch: {mem: 1G}\nrun: [echo, \"{n}\"]\n";

static int set_up(void **state)
{
	fake_reset();
	fake_reason = NULL;
	unsetenv("SLURM_JOB_ID");
	proc_signals_block();
	while (proc_signal_wait(0) > 0)
		;
	return here_set_up(state);
}

static void put(struct here *h, const char *text)
{
	struct expand_result r;
	struct err err = {0};

	if (here_expand(h, text, NULL, &r, &err))
		fail_msg("%s", err.msg);
	expand_result_release(&r);
}

static struct queue_result fill(struct here *h, enum queue_caller who, int want)
{
	struct queue_opts o = {.caller = who, .max = -1, .gate_ms = 1000};
	struct queue_result r;
	struct err err = {0};
	int rc = queue_fill(&h->store, &o, &r, &err);

	if (rc != want)
		fail_msg("queue_fill: %d: %s", rc, err.msg);
	free(r.text);
	free(r.refused_sweep);
	r.text = r.refused_sweep = NULL;
	return r;
}

/* As a person's submit -n does; 0: nothing but looking around. */
static void fill_max(struct here *h, int64_t max)
{
	struct queue_opts o = {.caller = QUEUE_USER, .max = max, .gate_ms = 1000};
	struct queue_result r;

	assert_int_equal(queue_fill(&h->store, &o, &r, NULL), 0);
	queue_result_release(&r);
}

/* Counts as text: "pending 3, queued 7". */
static void counts_are(struct here *h, const char *want)
{
	int64_t counts[JOB_NSTATES];
	struct buf b = {0};

	assert_int_equal(db_counts(h->store.db, counts, NULL), 0);
	for (int i = 0; i < JOB_NSTATES; i++)
		if (counts[i])
			buf_addf(&b, "%s%s %" PRId64, b.len ? ", " : "", job_state_name(i),
				 counts[i]);
	assert_string_equal(buf_str(&b), want);
	buf_release(&b);
	assert_int_equal(db_check(h->store.db, NULL), 0);
}

static size_t files(struct here *h, enum spool_folder folder)
{
	struct spool_list l;
	size_t n;

	assert_int_equal(spool_scan(h->store.spool, folder, &l, NULL), 0);
	n = l.n;
	spool_list_release(&l);
	return n;
}

/* A task starts and, with how, ends (with a '!' behind it: just now): as slurmq run would have it on disk. */
static void play(struct here *h, const struct fake_job *job, int task, const char *how)
{
	uint64_t submission = strtoull(strrchr(job->name, '.') + 1, NULL, 16);
	struct who me = {.slurm_id = job->id + (uint64_t)task,
			 .node = "n1",
			 .pid = 1,
			 .random = clock_random()};
	struct job_end end = {.completed = *how == '+',
			      .ended = *how && how[1] == '!' ? clock_now_ms() : 9,
			      .reason = *how == '+'   ? 0
					: *how == 'k' ? REASON_CANCELLED
						      : REASON_EXIT};
	struct spool_journal j;
	struct spool_entry e;
	struct buf text = {0};

	assert_int_equal(spool_right_start(h->store.spool, submission, task, &me, &e, NULL), 0);
	assert_int_equal(spool_journal_open(h->store.spool, &e, &j, NULL), 0);
	journal_add_start(&text, 5, &me);
	if (*how)
		journal_add_end(&text, &end);
	assert_int_equal(spool_journal_append(&j, text.s, text.len, true, NULL), 0);
	if (*how)
		assert_int_equal(spool_journal_post(h->store.spool, &j, NULL), 0);
	spool_journal_close(&j);
	buf_release(&text);
}

/* ---- filling ---- */

static void the_queue_is_filled_to_the_limit(void **state)
{
	struct here *h = *state;
	struct queue_result r;

	fake.limit = 5;
	put(h, ten);
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(r.stop, QUEUE_FULL);
	assert_int_equal(fake.sbatches, 1); /* equal options: one array */
	counts_are(h, "pending 6, queued 4");
	assert_int_equal(files(h, SPOOL_READY), 4);
	assert_int_equal(files(h, SPOOL_SPOOL), 0);
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(r.submitted, 0);
	assert_int_equal(fake.sbatches, 1);
	/* one ends: one comes in its place, and sbatch's answer waits for the next who comes */
	play(h, &fake.jobs[0], 0, "+");
	fake.jobs[0].gone[0] = true;
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	counts_are(h, "pending 5, submitting 1, queued 3, completed 1");
	assert_int_equal(files(h, SPOOL_SPOOL), 1);
	fill(h, QUEUE_CHAIN, 0);
	counts_are(h, "pending 5, queued 4, completed 1");
}

static void what_sbatch_gets(void **state)
{
	struct here *h = *state;
	uint64_t t;
	char *want;

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	assert_string_equal(fake.last_argv.v[1], "--mem=1G");
	assert_int_equal(strncmp(fake.last_argv.v[2], "--job-name=ten.", 15), 0);
	assert_int_equal(ticket_name_parse(fake.last_argv.v[2] + 15, &t), 0);
	assert_string_equal(fake.last_argv.v[3], "--array=0-9");
	want = mem_printf("--output=%s/logs/0000/%016" PRIx64 ".%%a.log", h->store.dir, t);
	assert_string_equal(fake.last_argv.v[4], want);
	free(want);
	want = mem_printf("--chdir=%s", h->dir);
	assert_string_equal(fake.last_argv.v[5], want);
	free(want);
	want = mem_printf("#!/bin/sh\n# slurmq: ten, 10 jobs\nSLURMQ_DIR=%s\nexport SLURMQ_DIR\n"
			  "exec %s/bin/1 run %016" PRIx64 "\n",
			  h->store.dir, h->store.dir, t);
	assert_string_equal(fake.last_script, want);
	free(want);
	assert_true(spool_file_exists(h->store.spool, "bin/1"));
	assert_true(spool_file_exists(h->store.spool, "env/1"));
}

static void options_that_differ_go_apart(void **state)
{
	struct here *h = *state;

	put(h, "name: two\nparams: {mem: [1G, 2G], n: [1, 2, 3]}\nsbatch: {mem: \"{mem}\"}\n"
	       "run: [echo, \"{n}\"]\n");
	fill(h, QUEUE_USER, 0);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(fake.jobs[0].ntasks, 3);
	assert_int_equal(fake.jobs[1].ntasks, 3);
	counts_are(h, "queued 6");
}

static void answers(void **state)
{
	static const struct {
		int answer;
		bool made; /* a job in spite of it */
		int rc;
		const char *counts;
		enum queue_stop stop;
		size_t ready;
	} v[] = {
		{SLURM_ACCEPTED, true, 0, "queued 10", QUEUE_EMPTY, 10},
		{SLURM_REFUSED, false, 0, "held 10", QUEUE_REFUSED, 0},
		{SLURM_REFUSED, true, 0, "held 10", QUEUE_REFUSED, 0},
		{SLURM_UNCLEAR, false, 0, "submitting 10", QUEUE_UNCLEAR, 10},
		{SLURM_UNCLEAR, true, 0, "submitting 10", QUEUE_UNCLEAR, 10},
		{SLURM_BUSY, false, 0, "pending 10", QUEUE_BACKOFF, 0},
		{SLURM_NO_SBATCH, false, -1, "pending 10", QUEUE_BACKOFF, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct queue_result r;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.answers[0] = v[i].answer;
		fake.nanswers = 1;
		fake.accept_silently = v[i].made;
		put(h, ten);
		r = fill(h, QUEUE_USER, v[i].rc);
		assert_int_equal(r.stop, v[i].stop);
		assert_int_equal(fake.sbatches, 1);
		counts_are(h, v[i].counts);
		assert_int_equal(files(h, SPOOL_READY), v[i].ready);
		assert_int_equal(files(h, SPOOL_RETIRED), 0);
		/* an environment without sbatch is no use to anybody */
		assert_int_equal(spool_file_exists(h->store.spool, "env/1"),
				 v[i].answer != SLURM_NO_SBATCH);
		here_tear_down(&s);
	}
}

/* A job that sbatch denied and made all the same finds no right. */
static void a_denied_job_finds_no_right(void **state)
{
	struct here *h = *state;
	struct who me;
	struct spool_entry e;
	uint64_t t;

	fake.answers[0] = SLURM_REFUSED;
	fake.nanswers = 1;
	fake.accept_silently = true;
	put(h, ten);
	fill(h, QUEUE_USER, 0);
	t = strtoull(strrchr(fake.jobs[0].name, '.') + 1, NULL, 16);
	who_self(&me);
	for (int i = 0; i < 10; i++)
		assert_int_equal(spool_right_start(h->store.spool, t, i, &me, &e, NULL),
				 SPOOL_NONE);
}

/* The limit is met by an array: as many as Slurm says are left go at once. */
static void the_limit_is_learnt(void **state)
{
	struct here *h = *state;
	struct queue_result r;

	put(h, ten);
	fill_max(h, 0); /* the limit is read, and then others take slots */
	fake.limit = 8;
	fake.others = 5;
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(r.submitted, 3);
	assert_int_equal(fake.sbatches, 2);
	counts_are(h, "pending 7, queued 3");
	assert_int_equal(files(h, SPOOL_READY), 3);
}

/* A Slurm that does not tell is felt for: ten and five are too many, two and one and one are not. */
static void a_limit_that_is_not_told(void **state)
{
	struct here *h = *state;
	struct queue_result r;

	fake.answers[0] = fake.answers[1] = SLURM_LIMIT;
	fake.answers[2] = SLURM_ACCEPTED;
	fake.nanswers = 3;
	put(h, ten);
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(r.stop, QUEUE_LIMITED);
	counts_are(h, "pending 6, queued 4");
}

/* ---- pools ---- */

static const char two_pools[] =
	"name: two\nparams: {where: [gpu, cpu], n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n"
	"sbatch: {partition: \"{where}\"}\nrun: [echo, \"{n}\"]\n";

static char *block_of(struct here *h, const char *pool)
{
	char *key = mem_printf(".blocked.%s", pool), *value = NULL;

	db_setting_get(h->store.db, key, &value, NULL);
	free(key);
	return value;
}

/* What a block says, without its time. */
static void block_is(struct here *h, const char *pool, int64_t cap, int64_t pause, int trying)
{
	char *value = block_of(h, pool);
	int64_t got, until, paused;
	int now;

	if (!value) {
		assert_int_equal(cap, -1);
		return;
	}
	assert_int_equal(sscanf(value, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %d", &got, &until,
				&paused, &now),
			 4);
	assert_int_equal(paused, pause);
	assert_int_equal(got, cap);
	assert_int_equal(now, trying);
	free(value);
}

/* The one block: whether status says that jobs of others go on. */
static void others_go_on(struct here *h, bool want)
{
	struct queue_chain c;

	assert_int_equal(queue_chain(&h->store, &c, NULL), 0);
	assert_int_equal(c.nblocks, 1);
	assert_int_equal(c.blocks[0].others, want);
	queue_chain_release(&c);
}

static void let_blocks_pass(struct here *h, const char *pool, int64_t cap, int pause)
{
	char *key = mem_printf(".blocked.%s", pool);
	char *value = mem_printf("%" PRId64 " 1000 %d 0", cap, pause);

	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, key, value, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	free(key);
	free(value);
}

static int64_t in_pool(struct here *h, const char *pool)
{
	struct strs names = {0};
	int64_t *n, found = 0;

	assert_int_equal(db_pools(h->store.db, &names, &n, NULL), 0);
	for (size_t i = 0; i < names.n; i++)
		if (!strcmp(names.v[i], pool))
			found = n[i];
	free(n);
	strs_release(&names);
	return found;
}

static void a_full_partition_stops_no_other(void **state)
{
	struct here *h = *state;
	struct queue_result r;
	struct fake_job *gpu;
	size_t before;

	snprintf(fake.full, sizeof(fake.full), "--partition=gpu");
	fake.full_at = 3;
	put(h, two_pools);
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(r.submitted, 13);
	assert_int_equal(in_pool(h, "/gpu/"), 3);
	assert_int_equal(in_pool(h, "/cpu/"), 10);
	block_is(h, "/gpu/", 3, 5000, 0);
	block_is(h, "/cpu/", -1, 0, 0);
	others_go_on(h, true);
	/* it is full, and nobody asks again */
	before = fake.sbatches;
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.stop, QUEUE_LIMITED);
	assert_int_equal(fake.sbatches, before);
	/* one of it ends: one more goes in */
	gpu = fake.jobs;
	while (!gpu->full)
		gpu++;
	play(h, gpu, 0, "+");
	gpu->gone[0] = true;
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	assert_int_equal(in_pool(h, "/gpu/"), 3);
	assert_int_equal(fake.sbatches, before + 1);
	/* time has gone by: one is tried, and no more */
	let_blocks_pass(h, "/gpu/", 3, 5000);
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 0);
	assert_int_equal(fake.sbatches, before + 2);
	block_is(h, "/gpu/", 3, 10000, 0);
	/* there is room again: found out by that one, and then filled */
	fake.full_at = 20;
	let_blocks_pass(h, "/gpu/", 3, 200000);
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	block_is(h, "/gpu/", 3, 200000, 1);
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 5);
	block_is(h, "/gpu/", -1, 0, 0);
}

/* A job that has just ended holds its slot until it has left: what is learnt then must not keep the queue
 * below its limit for minutes. */
static void refused_while_one_leaves(void **state)
{
	static const char *const ends[] = {"+", "+!"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = 8;
		put(h, ten);
		assert_int_equal(db_begin(h->store.db, NULL), 0);
		assert_int_equal(db_setting_set(h->store.db, "limit", "9", NULL), 0);
		assert_int_equal(db_commit(h->store.db, NULL), 0);
		fill(h, QUEUE_USER, 0);
		counts_are(h, "pending 2, queued 8");
		play(h, &fake.jobs[0], 0, ends[i]); /* Slurm shows it still */
		fill(h, QUEUE_CHAIN, 0);
		counts_are(h, "pending 2, queued 7, completed 1");
		block_is(h, "//", i ? 8 : 7, 5000, 0);
		others_go_on(h, false);
		here_tear_down(&s);
	}
}

/* Nothing is in flight: whatever was learnt, one job is tried. */
/* Many have just ended, and most of their slots were filled again: what is blocked at is still no more than may be
 * in Slurm at all. */
static void blocked_at_no_more_than_the_limit(void **state)
{
	struct here *h = *state;

	fake.limit = 8;
	put(h, "name: s\nparams: {n: {from: 1, to: 40, step: 1}}\nrun: [echo, \"{n}\"]\n");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, "limit", "9", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, QUEUE_USER, 0);
	counts_are(h, "pending 32, queued 8");
	for (int k = 0; k < 5; k++) {
		play(h, &fake.jobs[0], k, "+!");
		fake.jobs[0].gone[k] = true;
		fill(h, QUEUE_CHAIN, 0);
	}
	assert_int_equal(drain_now(&h->store, NULL), 0);
	counts_are(h, "pending 27, queued 8, completed 5");
	block_is(h, "//", -1, 0, 0);
	play(h, &fake.jobs[0], 5, "+!"); /* Slurm shows it still */
	fill(h, QUEUE_CHAIN, 0);
	counts_are(h, "pending 27, queued 7, completed 6");
	block_is(h, "//", 9, 5000, 0);
}

static void idle_and_blocked(void **state)
{
	struct here *h = *state;
	struct queue_result r;
	char *value = mem_printf("0 %" PRId64 " 300000 0", clock_now_ms() + 290000);

	put(h, ten);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, ".blocked.//", value, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	free(value);
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	/* a person's word takes it back */
	fill(h, QUEUE_USER, 0);
	counts_are(h, "queued 10");
}

/* Before the jobs that may go lie very many that may not: few of them are looked at. */
static void past_very_many_that_are_blocked(void **state)
{
	struct here *h = *state;
	struct queue_result r;
	int64_t began;

	put(h, "name: far\nparams: {where: [gpu, cpu, tail], n: {from: 1, to: 30000, step: 1}}\n"
	       "sbatch: {partition: \"{where}\"}\nrun: [echo, \"{n}\"]\n");
	snprintf(fake.full, sizeof(fake.full), "--partition=gpu");
	fake.full_at = 2;
	fake.limit = 20;
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(r.submitted, 18); /* a slot for who ends, one for the sentinel */
	assert_int_equal(in_pool(h, "/gpu/"), 2);
	assert_int_equal(in_pool(h, "/cpu/"), 16);
	began = clock_mono_ms();
	fake.jobs[fake.njobs - 1].gone[0] = true;
	play(h, &fake.jobs[fake.njobs - 1], 0, "+");
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	print_message("a refill past 30,000 blocked jobs: %" PRId64 " ms\n",
		      clock_mono_ms() - began);
	assert_int_equal(in_pool(h, "/cpu/"), 16);
}

static void pools_of_options(void **state)
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
		key = pool_key(&options, v[i].directives);
		assert_string_equal(key, v[i].want);
		pool_options(key, &back);
		strs_release(&options);
		free(key);
		key = pool_key(&back, "");
		assert_string_equal(key, v[i].want);
		strs_release(&back);
		free(key);
	}
}

static void refused_once_for_all_and_released(void **state)
{
	struct here *h = *state;
	struct queue_result r;
	int changed;

	fake.limit = 4;
	fake.answers[0] = SLURM_REFUSED;
	fake.nanswers = 1;
	put(h, ten);
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(r.held, 10);
	counts_are(h, "held 10");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int64_t id = 1; id <= 10; id++)
		assert_int_equal(db_job_release_held(h->store.db, id, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, QUEUE_USER, 0);
	counts_are(h, "pending 7, queued 3");
}

static void paused(void **state)
{
	struct here *h = *state;
	struct queue_result r;

	fake.limit = 5;
	put(h, ten);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, ".paused", "1", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	r = fill(h, QUEUE_USER, 0);
	assert_int_equal(r.stop, QUEUE_PAUSED);
	assert_int_equal(fake.sbatches, 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_unset(h->store.db, ".paused", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static void record(struct here *h, int64_t age)
{
	cancel_record(h->store.spool, &(struct who){.slurm_id = 7});
	scratch_later(h->store.dir, "cancelled/7", age);
}

/* Jobs were cancelled in Slurm: the chain claims nothing until that is decided, which it sees to. A person does not
 * wait, and removes the records. */
static void cancelled_in_slurm(void **state)
{
	struct here *h = *state;
	struct queue_result r;

	fake.limit = 5;
	put(h, ten);
	record(h, 5000);
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.stop, QUEUE_BACKOFF);
	record(h, 11000);
	fake.away = true; /* so it stays undecided */
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.stop, QUEUE_BACKOFF);
	assert_int_equal(fake.sbatches, 0);
	counts_are(h, "pending 10");
	fake.away = false;
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(cancel_phase(h->store.spool, NULL), CANCEL_NONE);
	record(h, 5000);
	fake.limit = 7;
	here_sql(h, "UPDATE setting SET value = 7 WHERE key = '.limit.jobs'");
	r = fill(h, QUEUE_USER, 0);
	assert_true(r.submitted > 0);
	assert_int_equal(cancel_phase(h->store.spool, NULL), CANCEL_NONE);
}

/* The chain has stalled, and status says why. */
static void the_only_job_was_cancelled(void **state)
{
	struct here *h = *state;

	for (int wish = 0; wish < 2; wish++) {
		struct queue_chain c;

		if (!wish) {
			fake.limit = 2;
			put(h, ten);
			fill(h, QUEUE_USER, 0);
			play(h, &fake.jobs[0], 0, "k");
			assert_int_equal(drain_now(&h->store, NULL), 0);
		} else {
			here_sql(h, "UPDATE job SET wish = 1 WHERE state = 6");
		}
		here_sql(h, "INSERT OR REPLACE INTO setting VALUES ('.chain.last_refill', 1)");
		assert_int_equal(queue_chain(&h->store, &c, NULL), 0);
		assert_int_equal(c.state, CHAIN_STALLED);
		if (wish)
			assert_null(c.why);
		else
			assert_string_equal(c.why, "the only job was cancelled");
		queue_chain_release(&c);
		if (wish)
			break;
		/* in the hold-off a job may stay, so it is alive */
		record(h, 5000);
		assert_int_equal(queue_chain(&h->store, &c, NULL), 0);
		assert_int_equal(c.state, CHAIN_ALIVE);
		assert_null(c.why);
		queue_chain_release(&c);
		cancel_forget(h->store.spool);
	}
}

static void send_term(void)
{
	kill(getpid(), SIGTERM);
}

/* Told to end in the middle of its sbatch: what was claimed is submitted to its end, and nothing is undone; nothing more
 * is claimed. */
static void term_after_sbatch_has_begun(void **state)
{
	static const struct {
		enum queue_caller who;
		int answer;
		const char *counts;
	} v[] = {
		{QUEUE_CHAIN, 0, "queued 10"},
		{QUEUE_CHAIN, SLURM_BUSY, "pending 10"},
		{QUEUE_CHAIN, SLURM_UNCLEAR, "submitting 10"},
		{QUEUE_USER, 0, "queued 10"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put(h, ten);
		fake.answers[0] = v[i].answer;
		fake.nanswers = 1;
		fake.on_sbatch = send_term;
		assert_int_equal(fill(h, v[i].who, 0).submitted, v[i].answer ? 0 : 10);
		assert_int_equal(fake.sbatches, 1);
		assert_int_equal(fake.squeues, 0);
		assert_int_equal(fake.cancelled.n, 0);
		/* its reason is for the caller to ask, once the gate is free */
		assert_true(proc_term_pending());
		assert_int_equal(drain_now(&h->store, NULL), 0);
		counts_are(h, v[i].counts);
		assert_int_equal(files(h, SPOOL_READY), strncmp(v[i].counts, "pend", 4) ? 10 : 0);
		while (proc_signal_wait(0) > 0)
			;
		here_tear_down(&s);
	}
}

/* Many ends in one drain still hold their slots while their jobs leave. */
static void ends_that_leave_together(void **state)
{
	struct here *h = *state;
	struct queue_result r;

	fake.limit = 7;
	put(h, ten);
	fill(h, QUEUE_USER, 0);
	counts_are(h, "pending 4, queued 6");
	for (int i = 0; i < 4; i++)
		play(h, &fake.jobs[0], i, "+");
	r = fill(h, QUEUE_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	assert_int_equal(r.stop, QUEUE_FULL);
}

static void a_held_gate_is_waited_for(void **state)
{
	struct here *h = *state;
	struct queue_opts o = {.caller = QUEUE_CHAIN, .max = -1, .gate_ms = 50};
	struct queue_result r;
	int ready[2], status;
	char c = 0;
	pid_t pid;

	put(h, ten);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct spool *sp;

		if (spool_open(h->store.dir, &sp, NULL) || spool_gate_try(sp, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(queue_fill(&h->store, &o, &r, NULL), 0);
	assert_int_equal(r.stop, QUEUE_GATE);
	assert_false(r.drained);
	assert_int_equal(drain_now(&h->store, NULL), 0); /* no error, nothing done */
	kill(pid, 9);
	waitpid(pid, &status, 0);
	r = fill(h, QUEUE_CHAIN, 0); /* the dead let go */
	assert_int_equal(r.submitted, 10);
	close(ready[0]);
	close(ready[1]);
}

/* The event that lies there alone, in name. False where it has not that sign in it. */
static bool only_event(struct spool *sp, char *name, int sign)
{
	struct spool_list l;
	bool is = !spool_scan(sp, SPOOL_SPOOL, &l, NULL) && l.n == 1 && strchr(l.v[0].name, sign);

	if (is)
		memcpy(name, l.v[0].name, SPOOL_NAME_SIZE);
	spool_list_release(&l);
	return is;
}

/* Its holder leaves it as soon as the other one waits, and has told nothing. */
static void who_waits_tells_its_end(void **state)
{
	struct here *h = *state;
	char mine[SPOOL_NAME_SIZE];
	struct queue_opts o = {
		.caller = QUEUE_CHAIN, .max = -1, .gate_ms = 60 * 1000, .mine = mine};
	struct queue_result r;
	int ready[2], status;
	char c = 0;
	pid_t pid;

	fake.limit = 5;
	put(h, ten);
	fill(h, QUEUE_USER, 0);
	play(h, &fake.jobs[0], 0, "+");
	assert_true(only_event(h->store.spool, mine, ','));
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		char name[SPOOL_NAME_SIZE];
		struct spool *sp;

		if (spool_open(h->store.dir, &sp, NULL) || spool_gate_try(sp, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		for (int i = 0; i < 30000 && !only_event(sp, name, ';'); i++)
			clock_sleep_ms(1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(queue_fill(&h->store, &o, &r, NULL), 0);
	assert_int_not_equal(r.stop, QUEUE_GATE);
	assert_true(r.drained);
	assert_false(spool_has(h->store.spool, SPOOL_SPOOL, mine));
	assert_int_equal(r.submitted, 1);
	queue_result_release(&r);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* Told to end before it takes the gate, or while it waits for it: nothing is claimed, whatever the reason, which is for
 * the caller to ask, and what the job has to tell is told in any case. */
static void term_before_the_gate(void **state)
{
	static const bool while_waiting[] = {false, true};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char mine[SPOOL_NAME_SIZE];
		struct queue_opts o = {
			.caller = QUEUE_CHAIN, .max = -1, .gate_ms = 60 * 1000, .mine = mine};
		struct queue_result r;
		int ready[2], status;
		size_t squeues;
		struct here *h;
		char c = 0;
		pid_t pid;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = 5;
		put(h, ten);
		fill(h, QUEUE_USER, 0);
		play(h, &fake.jobs[0], 0, "+");
		assert_true(only_event(h->store.spool, mine, ','));
		setenv("SLURM_JOB_ID", "100", 1);
		fake.jobs[0].gone[0] = false;
		snprintf(fake.jobs[0].state[0], 24, "COMPLETING");
		squeues = fake.squeues;
		assert_int_equal(pipe(ready), 0);
		pid = fork();
		if (!pid) {
			char name[SPOOL_NAME_SIZE];
			struct spool *sp;

			if (spool_open(h->store.dir, &sp, NULL) || spool_gate_try(sp, NULL))
				_exit(1);
			if (!while_waiting[i])
				kill(getppid(), SIGTERM);
			if (write(ready[1], &c, 1) != 1)
				_exit(1);
			for (int k = 0; k < 30000 && !only_event(sp, name, ';'); k++)
				clock_sleep_ms(1);
			if (while_waiting[i])
				kill(getppid(), SIGTERM);
			_exit(0);
		}
		assert_int_equal(read(ready[0], &c, 1), 1);
		assert_int_equal(queue_fill(&h->store, &o, &r, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_true(r.drained);
		assert_int_equal(r.submitted, 0);
		assert_int_equal(r.stop, QUEUE_BACKOFF);
		assert_int_equal(fake.squeues, squeues);
		assert_true(proc_term_pending());
		while (proc_signal_wait(0) > 0)
			;
		queue_result_release(&r);
		close(ready[0]);
		close(ready[1]);
		here_tear_down(&s);
	}
}

/* ---- wishes ---- */

static void taking_back(void **state)
{
	struct here *h = *state;
	struct strs running = {0}, queued = {0};
	struct db_flight *v;
	size_t n;
	int c;

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	play(h, &fake.jobs[0], 2, "");
	assert_int_equal(drain_lock(&h->store, NULL), 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int64_t id = 1; id <= 4; id++)
		assert_int_equal(db_job_cancel(h->store.db, id, &c, NULL), 0);
	assert_int_equal(db_job_hold(h->store.db, 5, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
	assert_int_equal(n, 10);
	assert_int_equal(drain_take_back(&h->store, v, 5, &running, &queued, NULL), 0);
	drain_unlock(&h->store);
	free(v);
	assert_int_equal(running.n, 1);
	assert_string_equal(running.v[0], "100_2");
	assert_int_equal(queued.n, 4);
	assert_string_equal(queued.v[0], "100_0");
	counts_are(h, "queued 5, running 1, cancelled 3, held 1");
	strs_release(&running);
	strs_release(&queued);
	/* the one that ran ends as it was wished */
	fake.jobs[0].gone[2] = true;
	assert_int_equal(files(h, SPOOL_RETIRED), 0);
}

/* ---- reconciling ---- */

static void reconciled(struct here *h, const char *want)
{
	struct reconcile_result r;
	struct err err = {0};

	if (reconcile(&h->store, 0, &r, &err))
		fail_msg("%s", err.msg);
	counts_are(h, want);
}

/* Every ticket, and every time a row was missed, becomes that much older. */
static void later(struct here *h, int64_t minutes)
{
	struct strs names = {0};
	struct timespec t[2];
	struct db_flight *v;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= minutes * 60;
	t[1] = t[0];
	assert_int_equal(spool_file_names(h->store.spool, "tickets", &names, NULL), 0);
	for (size_t i = 0; i < names.n; i++) {
		char *path = mem_printf("%s/tickets/%s", h->store.dir, names.v[i]);

		assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
		free(path);
	}
	strs_release(&names);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		if (v[i].missing_since)
			assert_int_equal(db_attempt_missing(h->store.db, v[i].attempt,
							    v[i].missing_since - minutes * 60000,
							    NULL),
					 0);
	free(v);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static void an_unclear_answer_is_cleared_up(void **state)
{
	for (int made = 0; made < 2; made++) {
		struct here *h;
		void *s;

		(void)state;
		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.answers[0] = SLURM_UNCLEAR;
		fake.nanswers = 1;
		fake.accept_silently = made;
		put(h, ten);
		fill(h, QUEUE_USER, 0);
		if (made) {
			reconciled(h, "queued 10"); /* adopted by name */
		} else {
			reconciled(h, "submitting 10");
			later(h, 1);
			reconciled(h, "submitting 10");
			later(h, 2);
			reconciled(h, "pending 10");
			assert_int_equal(files(h, SPOOL_READY), 0);
		}
		here_tear_down(&s);
	}
}

/* A submitter that was killed told no answer at all: its sbatch may still be on its way. */
static void no_answer_is_waited_for_longer(void **state)
{
	struct here *h = *state;
	struct db_flight *v;
	size_t n;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	put(h, ten);
	fill(h, QUEUE_USER, 0);
	assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_submission_answer(h->store.db, v[0].submission, 0, 0, NULL, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	free(v);
	later(h, 9);
	reconciled(h, "submitting 10");
	later(h, 11);
	reconciled(h, "pending 10");
	assert_int_equal(files(h, SPOOL_READY), 0);
}

/* A wish that found no right to take, since Slurm's number was not known: honoured once it is. */
static void a_wish_is_honoured_later(void **state)
{
	struct here *h = *state;
	int c;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	fake.accept_silently = true;
	put(h, ten);
	fill(h, QUEUE_USER, 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_cancel(h->store.db, 1, &c, NULL), 0);
	assert_int_equal(db_job_hold(h->store.db, 2, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	reconciled(h, "queued 8, cancelled 1, held 1");
	assert_int_equal(files(h, SPOOL_READY), 8);
}

static void slurm_away_changes_nothing(void **state)
{
	struct here *h = *state;
	struct reconcile_result r;
	struct err err = {0};

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	play(h, &fake.jobs[0], 0, "");
	later(h, 1000);
	fake.away = true;
	assert_int_equal(reconcile(&h->store, 0, &r, &err), -1);
	assert_int_equal(err.status, ERR_AGAIN);
	counts_are(h, "queued 10");
}

static void queued_and_over(void **state)
{
	static const struct {
		const char *slurm, *counts;
	} v[] = {
		{"PENDING", "queued 10"},
		{"REQUEUED", "queued 10"},
		{"COMPLETING", "queued 10"},
		{"CANCELLED", "queued 9, cancelled 1"},
		{"FAILED", "queued 9, failed 1"},
		{"NODE_FAIL", "queued 9, failed 1"},
		{"BOOT_FAIL", "queued 9, failed 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put(h, ten);
		fill(h, QUEUE_USER, 0);
		snprintf(fake.jobs[0].state[3], sizeof(fake.jobs[0].state[3]), "%s", v[i].slurm);
		reconciled(h, v[i].counts);
		here_tear_down(&s);
	}
}

static void all_gone(bool gone)
{
	for (int i = 0; i < 10; i++)
		fake.jobs[0].gone[i] = gone;
}

static void queued_and_gone(void **state)
{
	struct here *h = *state;

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	all_gone(true);
	reconciled(h, "queued 10");
	later(h, 9);
	reconciled(h, "queued 10");
	all_gone(false); /* seen again: the time starts anew */
	reconciled(h, "queued 10");
	all_gone(true);
	reconciled(h, "queued 10");
	later(h, 9);
	reconciled(h, "queued 10");
	later(h, 2);
	reconciled(h, "pending 10");
	assert_int_equal(files(h, SPOOL_READY), 0);
}

/* A pending task that is cancelled alone leaves no trace, but its array is there. */
static void a_task_that_its_array_lacks(void **state)
{
	struct here *h = *state;

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	fake.jobs[0].gone[4] = true;
	reconciled(h, "queued 9, cancelled 1");
	/* one that runs is not judged so */
	play(h, &fake.jobs[0], 5, "");
	assert_int_equal(drain_now(&h->store, NULL), 0);
	fake.jobs[0].gone[5] = true;
	reconciled(h, "queued 8, running 1, cancelled 1");
	/* one line for all that never started */
	for (int i = 0; i < 10; i++)
		fake.jobs[0].gone[i] = i != 0;
	fake.jobs[0].collapsed = true;
	snprintf(fake.jobs[0].state[0], 24, "CANCELLED");
	reconciled(h, "running 1, cancelled 9");
}

static void running_and_over(void **state)
{
	static const struct {
		const char *slurm, *counts;
		int reason;
	} v[] = {
		{"RUNNING", "queued 9, running 1", 0},
		{"COMPLETING", "queued 9, running 1", 0},
		{"SUSPENDED", "queued 9, running 1", 0},
		{"TIMEOUT", "queued 9, failed 1", REASON_TIMEOUT},
		{"OUT_OF_MEMORY", "queued 9, failed 1", REASON_OUT_OF_MEMORY},
		{"NODE_FAIL", "queued 9, failed 1", REASON_NODE_FAIL},
		{"FAILED", "queued 9, failed 1", REASON_EXIT},
		{"CANCELLED", "queued 9, cancelled 1", REASON_CANCELLED},
		/* completed only by its own end line */
		{"COMPLETED", "queued 9, failed 1", REASON_LOST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct db_job job;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put(h, ten);
		fill(h, QUEUE_USER, 0);
		play(h, &fake.jobs[0], 3, "");
		assert_int_equal(drain_now(&h->store, NULL), 0);
		snprintf(fake.jobs[0].state[3], sizeof(fake.jobs[0].state[3]), "%s", v[i].slurm);
		reconciled(h, "queued 9, running 1");
		later(h, 2);
		reconciled(h, v[i].counts);
		assert_int_equal(db_job_get(h->store.db, 4, &job, NULL), 0);
		assert_int_equal(job.reason, v[i].reason);
		db_job_release(&job);
		here_tear_down(&s);
	}
}

static void running_and_gone_is_lost(void **state)
{
	struct here *h = *state;
	struct db_job job;

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	play(h, &fake.jobs[0], 3, "");
	assert_int_equal(drain_now(&h->store, NULL), 0);
	fake.jobs[0].gone[3] = true;
	reconciled(h, "queued 9, running 1");
	later(h, 2);
	reconciled(h, "queued 9, running 1");
	later(h, 9);
	reconciled(h, "queued 9, failed 1");
	assert_int_equal(db_job_get(h->store.db, 4, &job, NULL), 0);
	assert_int_equal(job.reason, REASON_LOST);
	db_job_release(&job);
}

/* A submitter that died before its commit. */
static void an_orphaned_ticket_goes(void **state)
{
	struct here *h = *state;
	struct ticket_head head = {0};
	struct ticket_writer w = {0};

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	assert_int_equal(ticket_write(h->store.spool, 77, &w, &head, NULL), 0);
	assert_int_equal(spool_rights_make(h->store.spool, 77, 3, NULL), 0);
	assert_int_equal(files(h, SPOOL_READY), 13);
	reconciled(h, "queued 10");
	assert_int_equal(files(h, SPOOL_READY), 10);
	assert_int_equal(ticket_age(h->store.spool, 77), -1);
}

/* Died between the commit and the unlink: all of it is told again. */
static void told_again_is_nothing(void **state)
{
	struct here *h = *state;
	struct spool_list l;
	struct buf text = {0};
	char *name;

	put(h, ten);
	fill(h, QUEUE_USER, 0);
	play(h, &fake.jobs[0], 3, "+");
	assert_int_equal(spool_scan(h->store.spool, SPOOL_SPOOL, &l, NULL), 0);
	assert_int_equal(l.n, 1);
	name = mem_printf("spool/%s", l.v[0].name);
	assert_int_equal(spool_file_get(h->store.spool, name, &text, NULL), 0);
	assert_int_equal(drain_now(&h->store, NULL), 0);
	counts_are(h, "queued 9, completed 1");
	assert_int_equal(spool_file_put(h->store.spool, name, text.s, text.len, 0600, NULL), 0);
	assert_int_equal(drain_now(&h->store, NULL), 0);
	counts_are(h, "queued 9, completed 1");
	assert_int_equal(files(h, SPOOL_SPOOL), 0);
	spool_list_release(&l);
	buf_release(&text);
	free(name);
}

static void sql(struct here *h, const char *text)
{
	char *command = mem_printf("sqlite3 -batch -cmd '.timeout 20000' '%s/jobs.db' \"%s\"",
				   h->store.dir, text);

	assert_int_equal(system(command), 0);
	free(command);
}

/* sbatch is started before its files are written and its rows committed. Where one of these fails, it gets no
 * script. */
static void a_claim_that_fails_submits_nothing(void **state)
{
	struct here *h = *state;
	struct queue_opts o = {.caller = QUEUE_USER, .max = -1};
	struct queue_result r;
	struct err err = {0};
	char *tickets = store_path(&h->store, "tickets");

	put(h, ten);
	rmdir(tickets); /* where it is there yet */
	assert_int_equal(spool_file_put(h->store.spool, "tickets", "", 0, 0600, NULL), 0);
	assert_int_equal(queue_fill(&h->store, &o, &r, &err), -1);
	assert_non_null(strstr(err.msg, "tickets"));
	queue_result_release(&r);
	assert_int_equal(fake.abandoned, fake.begun);
	assert_int_equal(fake.fed, 0);
	counts_are(h, "pending 10");
	assert_int_equal(unlink(tickets), 0);
	sql(h, "CREATE TRIGGER no BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'no'); END");
	assert_int_equal(queue_fill(&h->store, &o, &r, &err), -1);
	queue_result_release(&r);
	assert_int_equal(fake.begun, 2);
	assert_int_equal(fake.fed, 0);
	assert_int_equal(fake.abandoned, 2);
	assert_int_equal(fake.sbatches, 0);
	counts_are(h, "pending 10");
	sql(h, "DROP TRIGGER no");
	fill(h, QUEUE_USER, 0);
	counts_are(h, "queued 10");
	assert_int_equal(fake.begun, 3);
	assert_int_equal(fake.fed, 1);
	assert_int_equal(fake.abandoned, 2);
	free(tickets);
}

static struct here *broken;

static void it_breaks(void)
{
	sql(broken, "CREATE TRIGGER no BEFORE UPDATE ON job BEGIN SELECT RAISE(ABORT, 'no'); END");
}

/* Where the database fails behind sbatch, it is told all the same that Slurm has them. */
static void a_round_that_fails_behind_sbatch(void **state)
{
	struct here *h = *state;
	struct queue_result r;

	put(h, ten);
	broken = h;
	fake.on_sbatch = it_breaks;
	r = fill(h, QUEUE_USER, -1);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(r.submitted, 10);
	assert_int_equal(r.pending, 0);
	assert_int_equal(r.in_flight, 10);
	sql(h, "DROP TRIGGER no");
	fake.on_sbatch = NULL;
	fill(h, QUEUE_USER, 0);
	counts_are(h, "queued 10");
}

/* What is of another database is left for whoever put that one here. */
static void foreign_events_stay(void **state)
{
	struct here *h = *state;
	static const char name[] = "spool/00000000000000aa.0.5,0,n,1,0000000000000001";
	static const char end[] = "end completed 0 0 0 1 2 3\n";

	assert_int_equal(spool_file_put(h->store.spool, name, end, sizeof(end) - 1, 0600, NULL), 0);
	assert_int_equal(drain_now(&h->store, NULL), 0);
	assert_true(spool_file_exists(h->store.spool, name));
}

/* What status says of the way to the host that submits. */
static void via_is(struct here *h, const char *want)
{
	struct queue_chain c;
	const char *told = NULL;

	assert_int_equal(queue_chain(&h->store, &c, NULL), 0);
	for (size_t i = 0; i < c.needs.n; i++)
		if (!strncmp(c.needs.v[i], "submitting via ", 15))
			told = c.needs.v[i];
	if (want)
		assert_string_equal(told ? told : "nothing", want);
	else
		assert_null(told);
	queue_chain_release(&c);
}

static void a_way_out_that_is_closed_is_told(void **state)
{
	static const struct {
		const char *via, *told; /* NULL: it went well */
	} v[] = {
		{"no-such-command", "submitting via 'no-such-command' failed: 'no-such-command' is "
				    "not on PATH (slurmq config via)"},
		{"false", "submitting via 'false' failed: it ended with status 1 and said nothing "
			  "(slurmq config via)"},
		{"sh -c 'echo \"it is  shut\" >&2; exit 3'",
		 "submitting via 'sh -c 'echo \"it is  shut\" >&2; exit 3'' failed: it is  shut "
		 "(slurmq config via)"},
		{"true", NULL},
		{"false", "submitting via 'false' failed: it ended with status 1 and said nothing "
			  "(slurmq config via)"},
		{"sh -c true 'two words' \"\"", NULL},
	};
	struct here *h = *state;

	fake.limit = 5;
	put(h, "name: far\nparams: {n: {from: 1, to: 30, step: 1}}\nrun: [echo, \"{n}\"]\n");
	fill(h, QUEUE_USER, 0);
	via_is(h, NULL);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct err err = {0};

		assert_int_equal(queue_via_run(&h->store, v[i].via, false, &err),
				 v[i].told ? -1 : 0);
		assert_string_equal(err.msg, v[i].told ? v[i].told : "");
		via_is(h, v[i].told);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_queue_is_filled_to_the_limit),
		T(a_claim_that_fails_submits_nothing),
		T(what_sbatch_gets),
		T(options_that_differ_go_apart),
		cmocka_unit_test(answers),
		T(a_denied_job_finds_no_right),
		T(the_limit_is_learnt),
		T(a_limit_that_is_not_told),
		T(a_full_partition_stops_no_other),
		cmocka_unit_test(refused_while_one_leaves),
		T(idle_and_blocked),
		T(blocked_at_no_more_than_the_limit),
		T(past_very_many_that_are_blocked),
		cmocka_unit_test(pools_of_options),
		T(refused_once_for_all_and_released),
		T(paused),
		T(cancelled_in_slurm),
		T(the_only_job_was_cancelled),
		cmocka_unit_test(term_after_sbatch_has_begun),
		T(ends_that_leave_together),
		T(a_held_gate_is_waited_for),
		T(who_waits_tells_its_end),
		cmocka_unit_test(term_before_the_gate),
		T(taking_back),
		cmocka_unit_test(an_unclear_answer_is_cleared_up),
		T(no_answer_is_waited_for_longer),
		T(a_wish_is_honoured_later),
		T(slurm_away_changes_nothing),
		cmocka_unit_test(queued_and_over),
		T(queued_and_gone),
		T(a_task_that_its_array_lacks),
		cmocka_unit_test(running_and_over),
		T(running_and_gone_is_lost),
		T(an_orphaned_ticket_goes),
		T(told_again_is_nothing),
		T(a_round_that_fails_behind_sbatch),
		T(foreign_events_stay),
		T(a_way_out_that_is_closed_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
