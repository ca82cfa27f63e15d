/* test_breaker.c - what the breaker does about failures: it pauses, holds a value, excludes a node */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "chain/bad_value.h"
#include "chain/breaker.h"
#include "chain/health.h"
#include "chain/outcome.h"
#include "chain/reconcile.h"
#include "outcome_here.h"

static bool paused(struct here *h)
{
	int64_t n;

	assert_int_equal(db_setting_int(h->store.db, ".paused", 0, &n, NULL), 0);
	return n;
}

/* A row of ends as letters: what it is on the left, and after how many of them the queue is paused. */
static void failures_in_a_row(void **state)
{
	static const struct {
		const char *ends, *breaker, *more;
		size_t pauses; /* 0: never */
	} v[] = {
		{"ffffffffff", NULL, "", 10},
		{"fffffffff", NULL, "", 0},
		{"fffffcfffffffff", NULL, "", 0},
		{"fffffcffffffffff", NULL, "", 16},
		{"fffffslowfffffffff", NULL, "", 0},
		{"kkkkkkkkkk", NULL, "", 10},
		{"oooooooooo", NULL, "", 10},
		{"tttttttttttt", NULL, "", 0}, /* a time limit is no mistake of that kind */
		{"pppppppppppp", NULL, "", 0},
		{"xxxxxxxxxxxx", NULL, "", 0}, /* cancelled */
		{"ffff", "4", "", 4},
		{"ffffffffffffffff", "0", "", 0},
		{"f", "1", "", 1},
		/* what is tried again is not counted; its last failure is */
		{"aaaaaaaaaaaa", NULL, "retry: {max: 1, EXIT: {codes: [75]}}\n", 0},
		{"aaaaaaaaaaaa", NULL, "", 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		size_t n = 0;
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 20, v[i].more);
		fill(h, FILL_USER);
		if (v[i].breaker) {
			assert_int_equal(db_begin(h->store.db, NULL), 0);
			assert_int_equal(db_setting_set(h->store.db, "breaker", v[i].breaker, NULL),
					 0);
			assert_int_equal(db_commit(h->store.db, NULL), 0);
		}
		for (const char *p = v[i].ends; *p && !paused(h); p++) {
			struct attempt_end w = {.reason = REASON_EXIT, .exit_code = 1};

			if (!strncmp(p, "slow", 4)) {
				w.ms = 61000;
				p += 3;
			} else if (strchr("cktpxoa", *p)) {
				w.reason = *p == 'c'   ? REASON_NONE
					   : *p == 'k' ? REASON_SIGNAL
					   : *p == 't' ? REASON_TIMEOUT
					   : *p == 'p' ? REASON_PREEMPTED
					   : *p == 'x' ? REASON_CANCELLED
					   : *p == 'o' ? REASON_OUT_OF_MEMORY
						       : REASON_EXIT;
				w.exit_code = 75;
			}
			write_journal(h, (int64_t)++n, &w);
			ingest(h);
		}
		if (paused(h) != (v[i].pauses > 0) || (v[i].pauses && n != v[i].pauses))
			fail_msg("%s: %s after %zu", v[i].ends, paused(h) ? "paused" : "goes on",
				 n);
		here_tear_down((void **)&h);
	}
}

/* Killed with its supervisor within seconds, which Slurm tells a minute later or ten hours. */
static void a_quick_end_without_a_word_counts(void **state)
{
	struct here *h = *state;
	struct attempt_end runs = {.still = true, .ms = 2 * 3600 * 1000};
	struct reconcile_result r;
	char *record = NULL;
	int64_t n;

	put_jobs(h, 1, "");
	fill(h, FILL_USER);
	write_journal(h, 1, &runs);
	ingest(h);
	fake.jobs[0].id = 7;
	fake.jobs[0].ended = clock_now_ms() - 2 * 3600 * 1000 + 2000;
	snprintf(fake.jobs[0].state[0], sizeof(fake.jobs[0].state[0]), "FAILED/JobLaunchFailure");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_attempt_missing(h->store.db, 1, clock_now_ms() - 61 * 1000, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_job(h, 1, "failed SIGNAL 0+0");
	assert_int_equal(db_setting_int(h->store.db, ".breaker.n", 0, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(db_setting_get(h->store.db, ".node.n1", &record, NULL), 0);
	assert_int_equal(strncmp(record, "1 ", 2), 0);
	free(record);
}

/* An end that another process inferred, and that the job then reports itself, counts once. */
static void a_corrected_end_is_no_other_one(void **state)
{
	struct here *h = *state;
	struct attempt_end runs = {.still = true, .ms = 2000}, fails = {.reason = REASON_EXIT};
	struct job_end verdict = {.reason = REASON_EXIT, .ended = clock_now_ms()},
		       line = {.reason = REASON_SIGNAL, .signal = 9, .ended = clock_now_ms()};
	struct outcome o = {.db = h->store.db};

	put_jobs(h, 3, "");
	fill(h, FILL_USER);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, "breaker", "2", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	write_journal(h, 1, &runs);
	ingest(h);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(outcome_infer(&o, 1, &verdict, NULL), 0);
	assert_int_equal(outcome_report(&o, 1, &line, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	outcome_release(&o);
	assert_job(h, 1, "failed SIGNAL 0+0");
	assert_false(paused(h));
	write_journal(h, 2, &fails);
	ingest(h);
	assert_true(paused(h));
}

static void what_a_pause_says(void **state)
{
	struct here *h = *state;
	struct attempt_end fails = {.reason = REASON_EXIT, .exit_code = 127};
	struct health chain;

	put_jobs(h, 30, "");
	set_limit(h, 12); /* less one that leaves, less the sentinel */
	fill(h, FILL_USER);
	for (int64_t id = 1; id <= 10; id++)
		write_journal(h, id, &fails);
	fill(h, FILL_CHAIN); /* the transaction that tells of them claims nothing more */
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(health_read(&h->store, &chain, NULL), 0);
	assert_int_equal(chain.state, CHAIN_PAUSED);
	assert_null(chain.pause.words);
	assert_int_equal(chain.pause.failures, 10);
	assert_in_range(chain.pause.job, 1, 10);
	assert_non_null(chain.pause.sweep);
	assert_int_equal(chain.needs[0].kind, NEED_REPAIR);
	assert_int_equal(chain.needs[0].job, chain.pause.job);
	health_release(&chain);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(breaker_reset(h->store.db, NULL), 0);
	assert_int_equal(db_setting_unset(h->store.db, ".paused", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER);
	for (int64_t id = 11; id <= 19; id++)
		write_journal(h, id, &fails);
	ingest(h);
	assert_false(paused(h));
	write_journal(h, 20, &fails);
	ingest(h);
	assert_true(paused(h));
}

/* Jobs that die wherever they are take no node with them. */
static void it_is_the_jobs(void **state)
{
	static const char *const nodes[] = {"n1", "n2"};
	struct here *h = *state;
	struct strs bad = {0};

	put_jobs(h, 20, "");
	fill(h, FILL_USER);
	for (int64_t id = 1; id <= 10; id++) {
		struct attempt_end w = {
			.reason = REASON_EXIT, .exit_code = 1, .node = nodes[id % 2]};

		write_journal(h, id, &w);
		ingest(h);
	}
	assert_true(paused(h));
	assert_int_equal(breaker_nodes(h->store.db, &bad, NULL), 0);
	assert_int_equal(bad.n, 0);
}

static const char *bad_nodes(struct here *h)
{
	static char text[200];
	struct strs bad = {0};
	size_t n = 0;

	*text = '\0';
	assert_int_equal(breaker_nodes(h->store.db, &bad, NULL), 0);
	for (size_t i = 0; i < bad.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "," : "", bad.v[i]);
	strs_release(&bad);
	return text;
}

/* A bad node is left out, and taken again once a job does well there. */
static void a_bad_node(void **state)
{
	struct here *h = *state;
	struct attempt_end well = {.reason = REASON_NONE, .ms = 100, .node = "n2"},
			   quick = {
				   .reason = REASON_EXIT, .exit_code = 1, .ms = 3000, .node = "n1"};
	struct health chain;

	put_jobs(h, 60, "sbatch: {exclude: \"n[7-9]\"}\n");
	set_limit(h, 24);
	fill(h, FILL_USER);
	for (int64_t id = 1; id <= 12; id++) {
		assert_string_equal(bad_nodes(h), "");
		write_journal(h, id, id % 2 ? &well : &quick);
		ingest(h);
	}
	fill(h, FILL_USER);
	assert_string_equal(bad_nodes(h), "n1");
	assert_string_equal(sbatch_option("--exclude"), "n[7-9],n1");
	assert_int_equal(health_read(&h->store, &chain, NULL), 0);
	assert_int_equal(chain.needs[0].kind, NEED_NODES);
	assert_int_equal(chain.needs[0].names.n, 1);
	assert_string_equal(chain.needs[0].names.v[0], "n1");
	health_release(&chain);
	/* what was sent there before dies there, and that is not counted */
	for (int64_t id = 13; id <= 23; id++) {
		quick.node = id == 15 ? "n3" : id == 18 ? "n4" : "n1";
		write_journal(h, id, &quick);
		ingest(h);
	}
	fill(h, FILL_USER);
	assert_false(paused(h));
	/* one that does well takes it back */
	well.node = "n1";
	write_journal(h, 24, &well);
	fill(h, FILL_USER);
	assert_string_equal(bad_nodes(h), "");
	assert_string_equal(sbatch_option("--exclude"), "n[7-9]");
}

/* Rows of ends: a letter (c: completed, o: the same an hour ago, q: failed within seconds, s: failed later, r: it has just begun, R: it has been
 * running for long), and the number of its node. After how many of them n1 is out; 0: never. */
static void what_makes_a_node_bad(void **state)
{
	static const struct {
		const char *ends;
		size_t out;
	} v[] = {
		{"c2q1c2q1c2q1c2q1c2q1c2q1", 12},
		{"q1q1q1q1q1q1c2c2c2c2c2c2q1", 13},	/* which was first is no matter */
		{"c2c3q1c2c3q1c2c3q1c2c3q1c2c3q1", 15}, /* the more do well, the fewer it takes */
		{"c2q1c2q1c2q1c2q1c2q1", 0},		/* that may be chance */
		{"o2o2o2o2o2o2o2o2q1q1q1q1q1q1", 0},	/* none completed since then */
		{"o2o2o2o2o2o2o2o2q1q1q1q1c2q1", 14},
		{"q1q1q1q1q1q1q1q1q1", 0},
		{"r2r2R3R3R3R3R3R3R3R3q1q1q1q1q1q1q1q1q1", 0}, /* none has completed */
		{"R3R3R3R3R3R3q1c2q1q1q1q1q1", 12},    /* one that runs for long counts beside it */
		{"c2q1c2q1c2q1c2q1c2q1c2c1q1c2q1", 0}, /* one did well there */
		{"c2q1c2q1c2q1c2q1c2q1c2s1q1c2q1", 0},
		{"c2q1c2q1c2q1R1c2q1c2q1c2q1", 0},
		{"q2c2q1c2q1c2q1c2q1c2q1c2q1", 0}, /* others fail elsewhere */
		{"q2q1q3q1q2q1q3q1q2", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		size_t n = 0;
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 24, "");
		set_limit(h, 26);
		fill(h, FILL_USER);
		for (const char *p = v[i].ends; *p && !*bad_nodes(h); p += 2) {
			char node[3] = {'n', p[1], 0};
			struct attempt_end w = {.reason = strchr("qs", *p) ? REASON_EXIT
									   : REASON_NONE,
						.exit_code = 1,
						.ms = *p == 's'	  ? 25000
						      : *p == 'R' ? 100000
								  : 1000,
						.node = node,
						.still = strchr("rR", *p) != NULL,
						.ago = *p == 'o' ? 3600000 : 0};

			write_journal(h, (int64_t)++n, &w);
			ingest(h);
		}
		if ((*bad_nodes(h) != 0) != (v[i].out > 0) || (v[i].out && n != v[i].out))
			fail_msg("%s: '%s' after %zu", v[i].ends, bad_nodes(h), n);
		here_tear_down((void **)&h);
	}
}

/* The jobs explain their failures: a value that did well nowhere, a try elsewhere that failed in the same way. */
static void jobs_that_explain_their_failures(void **state)
{
	static const struct {
		const char *params;
		bool before; /* they failed on n2 once, with that exit */
		int exit_code;
		const char *bad;
	} v[] = {
		{"opt: [adam], n: {from: 1, to: 24, step: 1}", false, 0, "n1"},
		{"n: {from: 1, to: 12, step: 1}, opt: [adam, lamb]", false, 0, ""},
		{"n: {from: 1, to: 24, step: 1}", true, 1, ""},
		{"n: {from: 1, to: 24, step: 1}", true, 2, "n1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *text;
		struct attempt_end well = {.reason = REASON_NONE, .ms = 100, .node = "n2"},
				   quick = {.reason = REASON_EXIT, .exit_code = 1, .ms = 3000};
		struct here *h;
		int changed;

		set_up((void **)&h);
		text = mem_printf("name: s\nparams: {%s}\nrun: [\"true\"]\n", v[i].params);
		put_sweep(h, text);
		free(text);
		set_limit(h, 26);
		fill(h, FILL_USER);
		for (int64_t id = 2; id <= 14 && v[i].before; id += 2) {
			struct attempt_end w = {.reason = REASON_EXIT,
						.exit_code = v[i].exit_code,
						.ms = 30000,
						.node = "n2"};

			write_journal(h, id, &w);
			ingest(h);
			assert_int_equal(db_begin(h->store.db, NULL), 0);
			assert_int_equal(db_job_retry(h->store.db, id, false, false, NULL, NULL,
						      &changed, NULL),
					 0);
			assert_int_equal(db_commit(h->store.db, NULL), 0);
		}
		fill(h, FILL_USER);
		quick.node = "n1";
		for (int64_t id = 1; id <= 14; id++) {
			write_journal(h, id, id % 2 ? &well : &quick);
			ingest(h);
		}
		if (strcmp(bad_nodes(h), v[i].bad) != 0)
			fail_msg("%zu: '%s', and not '%s'", i, bad_nodes(h), v[i].bad);
		here_tear_down((void **)&h);
	}
}

/* What the policy tries again is no sign against its node, however quick: it says so itself. */
static void tried_again_is_no_bad_node(void **state)
{
	static const struct {
		const char *more, *bad;
	} v[] = {
		{"retry: {max: 9, EXIT: again}\n", ""},
		{"retry: {max: 9, EXIT: {codes: [75]}}\n", ""},
		{"retry: {max: 9, EXIT: {codes: [76]}}\n", "n1"},
		{"", "n1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct attempt_end well = {.reason = REASON_NONE, .ms = 100, .node = "n2"},
				   quick = {.reason = REASON_EXIT,
					    .exit_code = 75,
					    .ms = 3000,
					    .node = "n1"};
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_jobs(h, 30, v[i].more);
		set_limit(h, 24);
		fill(h, FILL_USER);
		for (int64_t id = 1; id <= 14; id++) {
			write_journal(h, id, id % 2 ? &quick : &well);
			ingest(h);
		}
		if (strcmp(bad_nodes(h), v[i].bad) != 0)
			fail_msg("%zu: '%s', and not '%s'", i, bad_nodes(h), v[i].bad);
		here_tear_down(&s);
	}
}

/* A node that eats a job a second, while all others have only just begun: no witness, so the queue is paused. */
static void a_black_hole(void **state)
{
	struct here *h = *state;
	struct attempt_end quick = {.reason = REASON_EXIT, .exit_code = 1, .ms = 900, .node = "n1"},
			   runs = {.still = true, .node = "n2", .ms = 8000};

	put_jobs(h, 40, "");
	set_limit(h, 16);
	fill(h, FILL_USER);
	write_journal(h, 1, &runs);
	for (int64_t id = 2; id <= 11; id++) {
		assert_false(paused(h));
		write_journal(h, id, &quick);
		ingest(h);
	}
	assert_true(paused(h));
	assert_string_equal(bad_nodes(h), "");
}

/* Ten in a row, and no node that would be to blame: not the only one, or something does well there. */
static void no_black_hole(void **state)
{
	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		struct attempt_end quick = {.reason = REASON_EXIT, .exit_code = 1, .node = "n1"},
				   begins = {.still = true, .node = "n2"},
				   runs = {.still = true, .node = "n1", .ms = 30000};
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 40, "");
		set_limit(h, 16);
		fill(h, FILL_USER);
		write_journal(h, 1, &begins);
		if (alone)
			write_journal(h, 2, &runs);
		for (int64_t id = 3; id <= 12; id++) {
			quick.node = !alone && id == 5 ? "n3" : "n1";
			write_journal(h, id, &quick);
			ingest(h);
		}
		assert_string_equal(bad_nodes(h), "");
		assert_true(paused(h));
		here_tear_down((void **)&h);
	}
}

/* ---- bad values ---- */

/* Does a job have all of these values: "opt=lamb lr=2"? ">36": is its id above that? "": never. */
static bool is_bad(const struct db_job *job, const char *what)
{
	bool has = *what;

	if (*what == '>')
		return job->id > strtol(what + 1, NULL, 10);
	while (*what && has) {
		size_t len = strcspn(what, " "), name = strcspn(what, "=");

		has = false;
		for (size_t i = 0; i < job->point.n; i++)
			has = has || (!strncmp(job->point.params[i].name, what, name) &&
				      !strncmp(job->point.params[i].value, what + name + 1,
					       len - name - 1) &&
				      !job->point.params[i].value[len - name - 1]);
		what += len + (what[len] == ' ');
	}
	return has;
}

/* A job's end is ingested, and what has to leave the queue leaves it. */
static void look(struct here *h)
{
	struct fill_opts o = {.caller = FILL_CHAIN, .max = -1, .lock_ms = 1000, .no_claim = true};
	struct fill_result r;

	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	fill_result_release(&r);
	assert_int_equal(db_check(h->store.db, NULL), 0);
}

/* Run what is pending, one after the other, as a queue of ten would have it; jobs with the bad values fail. */
static void run_all(struct here *h, const char *bad)
{
	static const char *const nodes[] = {"n1", "n2", "n3"};
	struct db_flight *v;
	struct db_job job;
	size_t n;

	for (;;) {
		fill(h, FILL_CHAIN);
		for (bool any = false;; any = true) {
			struct attempt_end w = {0};

			assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
			if (!n) {
				free(v);
				if (!any)
					return;
				break;
			}
			assert_int_equal(db_job_get(h->store.db, v[0].job, &job, NULL), 0);
			if (is_bad(&job, bad)) {
				w.reason = REASON_EXIT;
				w.exit_code = 1;
			}
			w.node = nodes[job.id % 3];
			write_journal(h, job.id, &w);
			db_job_release(&job);
			free(v);
			look(h);
		}
	}
}

/* A running attempt ends, which its supervisor reports. */
static void end(struct here *h, int64_t job, int reason)
{
	const struct job_end e = {.completed = !reason,
				  .reason = reason,
				  .exit_code = reason,
				  .ended = clock_now_ms()};
	struct outcome o = {.db = h->store.db};
	struct db_job row;

	assert_int_equal(db_job_get(h->store.db, job, &row, NULL), 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(outcome_report(&o, row.attempt, &e, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	outcome_release(&o);
	db_job_release(&row);
}

static int64_t count(struct here *h, int state)
{
	int64_t counts[JOB_NSTATES];

	assert_int_equal(db_counts(h->store.db, counts, NULL), 0);
	return counts[state];
}

/* What a grid with a bad value comes to: how many failed, were held, completed, and whether it was paused. */
static void bad_values(void **state)
{
	static const struct {
		const char *params, *bad, *want, *held;
	} v[] = {
		{"opt: [adam, lamb, sgd], n: {from: 1, to: 12, step: 1}", "opt=lamb", "10 2 24",
		 "10 of 10 opt=lamb"},
		/* others complete between them */
		{"n: {from: 1, to: 20, step: 1}, opt: [adam, lamb, sgd]", "opt=lamb", "10 10 40",
		 "10 of 10 opt=lamb"},
		{"opt: [adam, lamb], lr: [1, 2], n: {from: 1, to: 12, step: 1}, z: [7]",
		 "opt=lamb lr=1", "10 2 36", "10 of 10 opt=lamb lr=1"},
		/* the first value: none has completed yet */
		{"opt: [lamb, adam], n: {from: 1, to: 14, step: 1}", "opt=lamb", "10 4 14",
		 "10 of 10 opt=lamb"},
		{"opt: [lamb, adam], lr: [1, 2], n: {from: 1, to: 11, step: 1}", "opt=lamb",
		 "10 12 22", "10 of 10 opt=lamb"},
		/* it was another one than it seemed */
		{"opt: [lamb, adam], lr: [1, 2], n: {from: 1, to: 11, step: 1}", "lr=1", "10 12 22",
		 "10 of 10 lr=1"},
		/* the last value: jobs with the other lr come first */
		{"opt: [adam, lamb], lr: [1, 2], n: {from: 1, to: 12, step: 1}", "opt=lamb",
		 "10 14 24 paused", "10 of 10 opt=lamb"},
		/* there are just ten of them */
		{"opt: [adam, lamb, sgd], n: {from: 1, to: 10, step: 1}", "opt=lamb", "10 0 20",
		 ""},
		/* all that is left has it */
		{"opt: [adam, lamb], n: {from: 1, to: 15, step: 1}", "opt=lamb", "10 5 15 paused",
		 "10 of 10 opt=lamb"},
		/* everything fails: from the begin, and from a time on */
		{"opt: [a, b], lr: [1, 2], n: {from: 1, to: 20, step: 1}", ">0", "20 0 0 paused",
		 ""},
		{"model: [a, b], lr: [1, 2, 3], n: {from: 1, to: 12, step: 1}", ">36",
		 "10 26 36 paused", "10 of 10 model=b"},
		{"n: {from: 1, to: 40, step: 1}, model: [a, b, c]", ">30", "10 0 30 paused", ""},
		/* two bad values between others, and each costs ten */
		{"n: {from: 1, to: 14, step: 1}, opt: [adam, lamb, sgd, lion]", "opt=lamb",
		 "10 4 42", "10 of 10 opt=lamb"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *text = mem_printf("name: s\nparams: {%s}\nrun: [\"true\"]\n", v[i].params);
		struct bad_value *held;
		struct buf got = {0};
		struct here *h;
		size_t n;

		set_up((void **)&h);
		put_sweep(h, text);
		set_limit(h, 12);
		fill(h, FILL_USER);
		run_all(h, v[i].bad);
		buf_addf(&got, "%" PRId64 " %" PRId64 " %" PRId64 "%s", count(h, JOB_FAILED),
			 count(h, JOB_HELD), count(h, JOB_COMPLETED), paused(h) ? " paused" : "");
		if (strcmp(buf_str(&got), v[i].want) != 0)
			fail_msg("%zu: '%s', and not '%s'", i, buf_str(&got), v[i].want);
		buf_clear(&got);
		assert_int_equal(bad_values_get(h->store.db, 1, &held, &n, NULL), 0);
		for (size_t k = 0; k < n; k++) {
			buf_addf(&got, "%" PRId64 " of %" PRId64, held[k].failed, held[k].failed);
			for (size_t w = 0; w < held[k].words.n; w++)
				buf_addf(&got, " %s", held[k].words.v[w]);
		}
		if (strcmp(buf_str(&got), v[i].held) != 0)
			fail_msg("%zu: '%s', and not '%s'", i, buf_str(&got), v[i].held);
		bad_values_release(held, n);
		buf_release(&got);
		free(text);
		here_tear_down((void **)&h);
	}
}

/* Two bad values at a time, each among jobs that complete. */
static void two_bad_values(void **state)
{
	struct here *h = *state;
	struct bad_value *held;
	struct health health;
	size_t n;

	put_sweep(h,
		  "name: s\nparams: {n: {from: 1, to: 14, step: 1}, opt: [adam, lamb, sgd, lion]}\n"
		  "run: [\"true\"]\n");
	set_limit(h, 12);
	fill(h, FILL_USER);
	for (int64_t id = 1; id <= 56 && count(h, JOB_PENDING) + count(h, JOB_QUEUED); id++) {
		struct attempt_end bad = {.reason = REASON_EXIT, .exit_code = 1}, well = {0};
		struct db_job job;

		assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
		if (job.state == JOB_QUEUED)
			write_journal(h, id, id % 2 ? &well : &bad);
		db_job_release(&job);
		look(h);
		if (id % 8 == 0)
			fill(h, FILL_CHAIN);
	}
	assert_int_equal(count(h, JOB_FAILED), 20);
	assert_int_equal(count(h, JOB_HELD), 8);
	assert_false(paused(h));
	assert_int_equal(bad_values_get(h->store.db, 1, &held, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(held[0].words.v[0], "opt=lamb");
	assert_string_equal(held[1].words.v[0], "opt=lion");
	bad_values_release(held, n);
	n = 0;
	assert_int_equal(health_read(&h->store, &health, NULL), 0);
	for (size_t i = 0; i < health.nneeds; i++) {
		assert_int_not_equal(health.needs[i].kind, NEED_HELD);
		if (health.needs[i].kind != NEED_VALUE)
			continue;
		assert_int_equal(health.needs[i].jobs, 4);
		assert_int_equal(health.needs[i].failed, 10);
		assert_string_equal(health.needs[i].names.v[0], n++ ? "opt=lion" : "opt=lamb");
	}
	assert_int_equal(n, 2);
	health_release(&health);
}

static void assert_values(struct here *h, const char *want)
{
	struct bad_value *v;
	struct buf got = {0};
	size_t n;

	assert_int_equal(bad_values_get(h->store.db, 1, &v, &n, NULL), 0);
	assert_int_equal(bad_values_count(h->store.db, 1, v, n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		buf_addf(&got, "%s%s", i ? ", " : "", v[i].capped ? "capped" : "held");
		for (size_t k = 0; k < v[i].words.n; k++)
			buf_addf(&got, " %s", v[i].words.v[k]);
		buf_addf(&got, " %" PRId64 " %" PRId64 " %" PRId64, v[i].failed, v[i].jobs,
			 v[i].tried);
	}
	bad_values_release(v, n);
	assert_string_equal(buf_str(&got), want);
	buf_release(&got);
}

/* Four jobs with opt=lamb run, and three fail: of the others three may start. */
static void cap_lamb(struct here *h)
{
	struct attempt_end runs = {.still = true, .node = "n1", .ms = 3000},
			   bad = {.reason = REASON_EXIT, .exit_code = 1};

	put_sweep(h, "name: s\nparams: {opt: [lamb, adam], n: {from: 1, to: 16, step: 1}}\nrun: "
		     "[\"true\"]\n");
	set_limit(h, 24);
	fill(h, FILL_USER);
	for (int64_t id = 1; id <= 4; id++)
		write_journal(h, id, &runs);
	for (int64_t id = 5; id <= 7; id++) {
		assert_values(h, "");
		assert_int_equal(count(h, JOB_HELD), 0);
		bad.node = id % 2 ? "n1" : "n2";
		write_journal(h, id, &bad);
		look(h);
	}
	assert_int_equal(count(h, JOB_HELD), 6);
	assert_values(h, "capped opt=lamb 3 6 7");
}

/* Jobs that run count as if they had failed; if one completes, it was not the value. */
static void running_jobs_count(void **state)
{
	struct here *h = *state;
	struct attempt_end bad = {.reason = REASON_EXIT, .exit_code = 1, .node = "n2"};

	cap_lamb(h);
	write_journal(h, 8, &bad);
	look(h);
	end(h, 1, REASON_EXIT);
	assert_int_equal(count(h, JOB_HELD), 6);
	assert_values(h, "capped opt=lamb 5 6 5");
	end(h, 2, REASON_TIMEOUT); /* which is no failure of that kind: another may start */
	look(h);
	assert_int_equal(count(h, JOB_HELD), 5);
	end(h, 3, REASON_NONE);
	assert_int_equal(count(h, JOB_HELD), 0);
	assert_values(h, "");
	assert_false(paused(h));
}

/* A value is capped no longer once a job with it runs for more than a minute. */
static void a_long_job_lifts_the_cap(void **state)
{
	struct here *h = *state;
	struct attempt_end runs = {.still = true, .node = "n2", .ms = 61000};

	cap_lamb(h);
	write_journal(h, 8, &runs);
	look(h);
	assert_int_equal(count(h, JOB_HELD), 0);
	assert_values(h, "");
}

/* What the user releases is not held again for the same failures; 0 and a pause lift the cap. */
static void a_cap_that_is_lifted(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		struct attempt_end bad = {.reason = REASON_EXIT, .exit_code = 1, .node = "n2"};
		struct here *h;
		int changed;

		set_up((void **)&h);
		cap_lamb(h);
		assert_int_equal(db_begin(h->store.db, NULL), 0);
		for (int64_t id = 8; id <= 16 && how == 0; id++)
			assert_int_equal(db_job_release_held(h->store.db, id, &changed, NULL), 0);
		if (how == 1)
			assert_int_equal(db_setting_set(h->store.db, "breaker", "0", NULL), 0);
		if (how == 2)
			assert_int_equal(db_setting_set(h->store.db, ".paused", "1", NULL), 0);
		assert_int_equal(db_commit(h->store.db, NULL), 0);
		look(h);
		assert_int_equal(count(h, JOB_HELD), how == 3 ? 6 : 0);
		if (how != 3)
			assert_values(h, "");
		fill(h, FILL_CHAIN);
		write_journal(h, 8, &bad);
		look(h);
		assert_int_equal(count(h, JOB_HELD), how == 3 ? 6 : 0);
		here_tear_down((void **)&h);
	}
}

/* ---- the cost of a bad value, if several jobs run at once ---- */

enum { SLOTS_MOST = 17 };

struct at_once {
	int64_t running[SLOTS_MOST];
	size_t n, slots;
	const char *bad;
	int64_t cost; /* jobs with the bad values that started */
};

/* Starts jobs of Slurm's queue in the free slots. */
static void start_jobs(struct here *h, struct at_once *o)
{
	static const char *const nodes[] = {"n1", "n2", "n3"};
	struct db_flight *v;
	struct db_job job;
	size_t n;

	assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
	for (size_t i = 0; i < n && o->n < o->slots; i++) {
		struct attempt_end runs = {.still = true, .node = nodes[v[i].job % 3]};

		if (v[i].state != JOB_QUEUED || v[i].request != REQUEST_NONE)
			continue;
		write_journal(h, v[i].job, &runs);
		assert_int_equal(db_job_get(h->store.db, v[i].job, &job, NULL), 0);
		o->cost += is_bad(&job, o->bad);
		o->running[o->n++] = v[i].job;
		db_job_release(&job);
	}
	free(v);
}

/* Ends up to k jobs at the same moment. */
static void end_jobs(struct here *h, struct at_once *o, size_t k)
{
	struct db_job job;

	for (; k && o->n; k--) {
		assert_int_equal(db_job_get(h->store.db, o->running[0], &job, NULL), 0);
		end(h, job.id, is_bad(&job, o->bad) ? REASON_EXIT : REASON_NONE);
		db_job_release(&job);
		memmove(o->running, o->running + 1, --o->n * sizeof(*o->running));
	}
}

static const struct cost {
	const char *params, *bad, *more;
	int breaker, jobs, with; /* jobs of the sweep, and those with the bad values */
} costs[] = {
	{"opt: [adam, lamb, sgd], lr: [1, 2], n: {from: 1, to: 12, step: 1}", "opt=lamb", "", 10,
	 72, 24},
	{"opt: [adam, lamb, sgd], lr: [1, 2], n: {from: 1, to: 12, step: 1}", "opt=lamb",
	 "order: random\n", 10, 72, 24},
	/* none has completed yet; and which of two values it is */
	{"opt: [lamb, adam], lr: [1, 2], n: {from: 1, to: 12, step: 1}", "opt=lamb", "", 10, 48,
	 24},
	{"opt: [lamb, adam], lr: [1, 2], n: {from: 1, to: 12, step: 1}", "lr=1", "", 10, 48, 24},
	{"opt: [lamb, adam], lr: [1, 2], n: {from: 1, to: 14, step: 1}", "opt=lamb lr=1", "", 10,
	 56, 14},
	{"opt: [adam, lamb], lr: [1, 2], n: {from: 1, to: 14, step: 1}", "opt=lamb lr=1", "", 10,
	 56, 14},
	/* the last value */
	{"opt: [adam, lamb], lr: [1, 2], n: {from: 1, to: 12, step: 1}", "opt=lamb", "", 10, 48,
	 24},
	{"opt: [adam, lamb, sgd], n: {from: 1, to: 24, step: 1}", "opt=lamb", "", 20, 72, 24},
	{"opt: [adam, lamb, sgd], n: {from: 1, to: 12, step: 1}", "opt=lamb", "", 4, 36, 12},
};

static void check_cost(const struct cost *c, size_t slots, size_t together)
{
	char *text = mem_printf("name: s\nparams: {%s}\n%srun: [\"true\"]\n", c->params, c->more);
	struct at_once o = {.slots = slots, .bad = c->bad};
	struct here *h;

	set_up((void **)&h);
	put_sweep(h, text);
	set_limit(h, 26);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set_int(h->store.db, "breaker", c->breaker, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fill(h, FILL_USER);
	for (;;) {
		look(h); /* sbatch's answer */
		start_jobs(h, &o);
		if (!o.n)
			break;
		look(h);
		end_jobs(h, &o, together);
		look(h);
		fill(h, FILL_CHAIN);
	}
	if (o.cost != c->breaker || count(h, JOB_FAILED) != o.cost ||
	    count(h, JOB_COMPLETED) != c->jobs - c->with || count(h, JOB_HELD) != c->with - o.cost)
		fail_msg(
			"%s of %s, %zu at once, %zu end together: %d started, %d held, %d completed",
			c->bad, c->params, slots, together, (int)o.cost, (int)count(h, JOB_HELD),
			(int)count(h, JOB_COMPLETED));
	free(text);
	here_tear_down((void **)&h);
}

/* A bad value costs as many jobs as the setting, if at most three fewer run at once. */
static void cost_of_a_bad_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		size_t most = (size_t)costs[i].breaker - 3;

		check_cost(&costs[i], most, 1);
		check_cost(&costs[i], most, (most + 1) / 2);
		check_cost(&costs[i], most > 2 ? most - 2 : 1, 1);
	}
}

/* Everything is in Slurm already: what has the value leaves its queue. */
static void all_in_slurm(void **state)
{
	static const struct {
		const char *params;
		int64_t held;
		bool pauses;
	} v[] = {
		{"n: {from: 1, to: 12, step: 1}, opt: [adam, lamb]", 2, false},
		{"opt: [adam, lamb], n: {from: 1, to: 12, step: 1}", 2, true},
		{"opt: [lamb, adam], n: {from: 1, to: 12, step: 1}", 2, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *text = mem_printf("name: s\nparams: {%s}\nrun: [\"true\"]\n", v[i].params);
		struct here *h;

		set_up((void **)&h);
		put_sweep(h, text);
		set_limit(h, 40);
		fill(h, FILL_USER);
		assert_int_equal(count(h, JOB_QUEUED), 24);
		run_all(h, "opt=lamb");
		assert_int_equal(count(h, JOB_FAILED), 10);
		assert_int_equal(count(h, JOB_HELD), v[i].held);
		assert_int_equal(count(h, JOB_COMPLETED), 12);
		assert_int_equal(paused(h), v[i].pauses);
		assert_int_equal(fake.cancelled.n, v[i].held);
		free(text);
		here_tear_down((void **)&h);
	}
}

/* Jobs of the value that was held and is released count anew; other sweeps are left alone. */
static void released(void **state)
{
	struct here *h = *state;
	struct bad_value *held;
	size_t n;
	int changed;

	put_sweep(
		h,
		"name: s\nparams: {opt: [adam, lamb, sgd], n: {from: 1, to: 24, step: 1}}\nrun: [\"true\"]\n");
	put_sweep(h, "name: other\nparams: {opt: [lamb, adam]}\nrun: [\"true\"]\n");
	set_limit(h, 12);
	fill(h, FILL_USER);
	run_all(h, "opt=lamb n=99");
	assert_int_equal(count(h, JOB_COMPLETED), 74);
	here_tear_down(state);
	set_up(state);
	h = *state;
	put_sweep(
		h,
		"name: s\nparams: {opt: [adam, lamb, sgd], n: {from: 1, to: 24, step: 1}}\nrun: [\"true\"]\n");
	put_sweep(h, "name: other\nparams: {opt: [sgd, adam]}\nrun: [\"true\"]\n");
	set_limit(h, 12);
	fill(h, FILL_USER);
	run_all(h, "opt=lamb");
	assert_int_equal(count(h, JOB_HELD), 14);
	assert_int_equal(count(h, JOB_COMPLETED), 50);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int64_t id = 25; id <= 48; id++)
		assert_int_equal(db_job_release_held(h->store.db, id, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	run_all(h, "opt=lamb n=20");
	assert_int_equal(count(h, JOB_HELD), 0);
	assert_int_equal(count(h, JOB_COMPLETED), 63);
	assert_int_equal(count(h, JOB_FAILED), 11);
	assert_int_equal(bad_values_get(h->store.db, 1, &held, &n, NULL), 0);
	assert_int_equal(n, 0);
	bad_values_release(held, n);
}

/* A value whose jobs run for long somewhere, or on another node than all that failed, is not held. */
static void a_running_job_clears_its_value(void **state)
{
	static const struct {
		const char *node, *failed_on;
		int64_t ms;
		bool held;
	} v[] = {
		{"n1", "n1", 100000, false},
		{"n2", "n2", 5000, true},
		{"n1", "n2", 5000, false},
		{"n1", "n1", 5000, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct attempt_end runs = {.still = true, .node = v[i].node, .ms = v[i].ms},
				   bad = {.reason = REASON_EXIT,
					  .exit_code = 1,
					  .node = v[i].failed_on};
		struct here *h;

		set_up((void **)&h);
		put_sweep(
			h,
			"name: s\nparams: {opt: [lamb, adam], n: {from: 1, to: 16, step: 1}}\nrun: [\"true\"]\n");
		set_limit(h, 14);
		fill(h, FILL_USER);
		write_journal(h, 1, &runs);
		for (int64_t id = 2; id <= 11 && !count(h, JOB_HELD); id++) {
			write_journal(h, id, &bad);
			look(h);
		}
		assert_int_equal(count(h, JOB_HELD) > 0, v[i].held);
		assert_int_equal(paused(h), !v[i].held);
		here_tear_down((void **)&h);
	}
}

/* Records of nodes as the store may hold them. */
static void excluded_nodes_in_sbatch(void **state)
{
	static const struct {
		const char *records[5]; /* NAME AGE_H */
		const char *sbatch, *exclude;
	} v[] = {
		{{"n1 1"}, "", "n1"},
		{{"n1 1", "n2 23"}, "", "n1,n2"},
		{{"n1 25"}, "", "none"},  /* a day is over */
		{{"n1 -30"}, "", "none"}, /* a clock that was off */
		{{"n1 1", "n2 1", "n3 1"}, "", "n1,n2,n3"},
		{{"n1 1", "n2 1", "n3 1", "n4 1"}, "", "none"}, /* it is the jobs */
		{{"n1 1", "n2 1", "n3 1", "n4 30"}, "", "n1,n2,n3"},
		{{"n1 1"}, "sbatch: {exclude: \"a,b\"}\n", "a,b,n1"},
		{{"n1 1"}, "sbatch: {exclude: /x/nodes}\n", "/x/nodes"},
		{{"n1 1"}, "sbatch: {nodelist: n1}\n", "none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 1, v[i].sbatch);
		assert_int_equal(db_begin(h->store.db, NULL), 0);
		for (int k = 0; k < 5 && v[i].records[k]; k++) {
			char name[16], key[32], text[64];
			int hours;

			assert_int_equal(sscanf(v[i].records[k], "%15s %d", name, &hours), 2);
			snprintf(key, sizeof(key), ".node.%s", name);
			snprintf(text, sizeof(text), "3 5 %lld",
				 (long long)(clock_now_ms() - (int64_t)hours * 3600 * 1000));
			assert_int_equal(db_setting_set(h->store.db, key, text, NULL), 0);
		}
		assert_int_equal(db_commit(h->store.db, NULL), 0);
		fill(h, FILL_USER);
		if (strcmp(sbatch_option("--exclude"), v[i].exclude) != 0)
			fail_msg("%zu: %s", i, sbatch_option("--exclude"));
		here_tear_down((void **)&h);
	}
}

/* No other node would do: it is taken all the same. */
static void refused_without_a_node(void **state)
{
	struct here *h = *state;
	char text[64];

	put_jobs(h, 2, "");
	snprintf(text, sizeof(text), "3 5 %lld", (long long)clock_now_ms());
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, ".node.n1", text, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fake.answers[0] = SLURM_REFUSED;
	fake.nanswers = 1;
	fill(h, FILL_USER);
	assert_int_equal(fake.sbatches, 2);
	assert_string_equal(sbatch_option("--exclude"), "none");
	assert_job(h, 1, "queued 0+0");
}

/* A Slurm job that failed before it came to its command counts as well: a folder for logs that has gone. */
static void failed_before_the_start(void **state)
{
	static const char *const says[] = {"FAILED", "FAILED/NonZeroExitCode",
					   "FAILED/JobLaunchFailure"};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct reconcile_result r;
		struct here *h;

		set_up((void **)&h);
		put_jobs(h, 20, "");
		set_limit(h, 12);
		fill(h, FILL_USER);
		for (int i = 0; i < 10; i++)
			snprintf(fake.jobs[0].state[i], sizeof(fake.jobs[0].state[i]), "%s",
				 says[k]);
		assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
		assert_true(paused(h));
		assert_job(h, 1, k < 2 ? "failed EXIT 0+0" : "failed BOOT_FAIL 0+0");
		here_tear_down((void **)&h);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_in_a_row),
		T(a_quick_end_without_a_word_counts),
		T(a_corrected_end_is_no_other_one),
		T(what_a_pause_says),
		T(it_is_the_jobs),
		T(a_bad_node),
		cmocka_unit_test(what_makes_a_node_bad),
		cmocka_unit_test(jobs_that_explain_their_failures),
		cmocka_unit_test(tried_again_is_no_bad_node),
		T(a_black_hole),
		cmocka_unit_test(no_black_hole),
		cmocka_unit_test(bad_values),
		T(two_bad_values),
		T(running_jobs_count),
		T(a_long_job_lifts_the_cap),
		cmocka_unit_test(a_cap_that_is_lifted),
		cmocka_unit_test(cost_of_a_bad_value),
		cmocka_unit_test(all_in_slurm),
		T(released),
		cmocka_unit_test(a_running_job_clears_its_value),
		cmocka_unit_test(excluded_nodes_in_sbatch),
		T(refused_without_a_node),
		cmocka_unit_test(failed_before_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
