/* test_explain.c - what failed jobs have in common, in sweeps whose failures are known */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/explain.h"
#include "scratch.h"

static struct err err;
static char *dir;
static struct db *db;

#define MUST(call) \
	do { \
		if ((call) != 0) \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)

static int make_store(void **state)
{
	char *path;

	(void)state;
	dir = scratch_make();
	path = mem_printf("%s/jobs.db", dir);
	MUST(db_create(path, "0123456789abcdef", &err));
	MUST(db_open(path, NULL, &db, &err));
	free(path);
	return 0;
}

static int close_store(void **state)
{
	(void)state;
	db_close(db);
	scratch_drop(dir);
	return 0;
}

enum { MODELS = 3, SIZES = 3, RATES = 3, OPTS = 2, SEEDS = 5 };
enum { NJOBS = MODELS * SIZES * RATES * OPTS * SEEDS };

static const char *const models[] = {"resnet", "vit", "swin"};
static const char *const sizes[] = {"64", "128", "256"};
static const char *const rates[] = {"0.1", "0.01", "0.001"};
static const char *const opts[] = {"sgd", "adam"};

struct job {
	int model, size, rate, opt, seed;
};

static struct job job_at(int i)
{
	struct job j;

	j.seed = i % SEEDS;
	i /= SEEDS;
	j.opt = i % OPTS;
	i /= OPTS;
	j.rate = i % RATES;
	i /= RATES;
	j.size = i % SIZES;
	j.model = i / SIZES;
	return j;
}

static int64_t add_jobs(const char *sweep)
{
	char source[] = "name: x\nrun: [x]\n", path[] = "x.yaml", root[] = "/";
	char *name = mem_strdup(sweep);
	struct db_version v = {.sweep_name = name,
			       .file = path,
			       .dir = root,
			       .source = source,
			       .source_len = sizeof(source) - 1};
	int64_t id;

	MUST(db_begin(db, &err));
	MUST(db_version_add(db, &v, &err));
	for (int i = 0; i < NJOBS; i++) {
		struct job j = job_at(i);
		char seed[16];
		struct sweep_param p[] = {{"model", models[j.model], false},
					  {"bs", sizes[j.size], false},
					  {"lr", rates[j.rate], false},
					  {"opt", opts[j.opt], false},
					  {"wd", "0.1", false},
					  {"seed", seed, false}};
		const struct sweep_point point = {.n = 6, .params = p, .sample = -1};

		snprintf(seed, sizeof(seed), "%d", j.seed + 1);
		MUST(db_job_add(db, v.sweep, v.id, (uint64_t)i + 1, &point, &id, &err));
	}
	MUST(db_version_publish(db, v.id, NJOBS, &err));
	MUST(db_commit(db, &err));
	free(name);
	return v.sweep;
}

/* Ends the jobs that are pending: failed if fails() is true. */
static void end_jobs(bool (*fails)(const struct job *j, void *arg), void *arg,
		     const char *(*node)(int i))
{
	static uint64_t submission = 100;
	struct db_submission sub = {.id = ++submission, .ntasks = NJOBS, .created = 1000};
	struct db_job *jobs;
	int changed;
	size_t n;

	MUST(db_jobs_pending(db, NJOBS, &jobs, &n, &err));
	assert_int_equal(n, NJOBS);
	sub.version = jobs[0].version;
	MUST(db_begin(db, &err));
	MUST(db_claim(db, &sub, jobs, n, &err));
	for (int i = 0; i < NJOBS; i++) {
		struct job j = job_at(i);
		bool failed = fails(&j, arg);
		const struct job_end end = {.completed = !failed,
					    .reason = failed ? REASON_EXIT : REASON_NONE,
					    .exit_code = failed,
					    .ended = 3000};

		MUST(db_attempt_running(db, sub.first + i, 500, node(i), 2000, &changed, &err));
		MUST(db_attempt_reported(db, sub.first + i, &end, &changed, &err));
	}
	MUST(db_commit(db, &err));
	db_jobs_free(jobs, n);
}

static const char *one_of_eight(int i)
{
	static const char *const nodes[] = {"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"};

	return nodes[(i * 7 + i / 11) % 8];
}

/* Returns the explanations as text: "model=vit bs=256 30/30 0/240; ...". The caller frees it. */
static char *explain(int64_t sweep)
{
	struct explained e;
	struct buf text = {0};

	MUST(explain_sweep(db, sweep, &e, &err));
	for (size_t i = 0; i < e.n; i++) {
		const struct explanation *x = &e.v[i];

		for (size_t k = 0; k < x->nterms; k++)
			buf_addf(&text, "%s=%s ", x->terms[k].name, x->terms[k].value);
		buf_addf(&text, "%" PRId64 "/%" PRId64 " %" PRId64 "/%" PRId64 "; ", x->with.failed,
			 x->with.jobs, x->without.failed, x->without.jobs);
	}
	buf_addf(&text, "rest %" PRId64, e.rest.failed);
	explained_release(&e);
	return buf_take(&text);
}

static bool fails_none(const struct job *j, void *arg)
{
	(void)j;
	(void)arg;
	return false;
}
static bool fails_all(const struct job *j, void *arg)
{
	(void)j;
	(void)arg;
	return true;
}
static bool fails_value(const struct job *j, void *arg)
{
	(void)arg;
	return j->opt == 1;
}
static bool fails_two_of_a_pair(const struct job *j, void *arg)
{
	(void)arg;
	return j->model == 0 && j->size == 0 && j->rate == 0 && j->opt == 0 && j->seed < 2;
}
static bool fails_two_values(const struct job *j, void *arg)
{
	(void)arg;
	return j->seed == 2 || (j->model == 1 && j->rate == 2);
}
static bool fails_most_of_a_value(const struct job *j, void *arg)
{
	(void)arg;
	return j->model == 2 && (j->seed + j->opt + j->rate) % 4 != 0;
}

static void known_causes(void **state)
{
	static const struct {
		const char *name;
		bool (*fails)(const struct job *j, void *arg);
		const char *want;
	} v[] = {
		{"none", fails_none, "rest 0"},
		{"all", fails_all, "270/270 0/0; rest 0"},
		{"value", fails_value, "opt=adam 135/135 0/135; rest 0"},
		{"two", fails_two_of_a_pair, "rest 2"},
		{"values", fails_two_values,
		 "seed=3 54/54 24/216; model=vit lr=0.001 24/24 0/192; rest 0"},
		{"most", fails_most_of_a_value, "model=swin 69/90 0/180; rest 0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t sweep = add_jobs(v[i].name);
		char *got;

		end_jobs(v[i].fails, NULL, one_of_eight);
		got = explain(sweep);
		if (strcmp(got, v[i].want) != 0)
			fail_msg("%s: got '%s', want '%s'", v[i].name, got, v[i].want);
		free(got);
	}
}

static uint64_t random_state;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool fails_pair_and_chance(const struct job *j, void *arg)
{
	bool chance = draw() % 40 == 0;

	(void)arg;
	return chance || (j->model == 1 && j->size == 2);
}

/* A pair that always fails, and one job in forty that fails by chance. */
static void pair_among_chance(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		char *name = mem_printf("chance%d", i), *got;
		int64_t sweep = add_jobs(name);

		random_state = 88172645463325252U + (uint64_t)i * 1000003;
		end_jobs(fails_pair_and_chance, NULL, one_of_eight);
		got = explain(sweep);
		if (strncmp(got, "model=vit bs=256 30/30 ", 23) != 0 ||
		    strchr(got, ';') != strrchr(got, ';'))
			fail_msg("draw %d: got '%s'", i, got);
		free(got);
		free(name);
	}
}

static bool fails_by_chance(const struct job *j, void *arg)
{
	(void)j;
	return draw() % (uint64_t) * (int *)arg == 0;
}

/* Chance alone is no cause. */
static void chance_alone(void **state)
{
	int one_in[] = {2, 5, 20, 40};

	(void)state;
	for (int i = 0; i < 40; i++) {
		char *name = mem_printf("noise%d", i), *got;
		int64_t sweep = add_jobs(name);

		random_state = 2463534242U + (uint64_t)i * 7919;
		end_jobs(fails_by_chance, &one_in[i % 4], one_of_eight);
		got = explain(sweep);
		if (strncmp(got, "rest ", 5) != 0)
			fail_msg("draw %d, one in %d: got '%s'", i, one_in[i % 4], got);
		free(got);
		free(name);
	}
}

static int failing_node;

static const char *node_of(int i)
{
	return one_of_eight(i);
}

static bool fails_on_node(const struct job *j, void *arg)
{
	int i = (((j->model * SIZES + j->size) * RATES + j->rate) * OPTS + j->opt) * SEEDS +
		j->seed;

	(void)arg;
	return !strcmp(one_of_eight(i), "n3") && failing_node;
}

static void node_is_a_cause(void **state)
{
	int64_t sweep = add_jobs("node");
	char *got;

	(void)state;
	failing_node = 1;
	end_jobs(fails_on_node, NULL, node_of);
	got = explain(sweep);
	if (strncmp(got, "node=n3 ", 8) != 0 || !strstr(got, "; rest 0"))
		fail_msg("got '%s'", got);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_causes),
		cmocka_unit_test(pair_among_chance),
		cmocka_unit_test(chance_alone),
		cmocka_unit_test(node_is_a_cause),
	};

	return cmocka_run_group_tests(tests, make_store, close_store);
}
