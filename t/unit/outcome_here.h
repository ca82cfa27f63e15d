/*
 * outcome_here.h - a store whose attempts end as a test sets it, in files that are then ingested.
 *
 * Include cmocka.h and the headers of its section before this one.
 */
#ifndef T_OUTCOME_HERE_H
#define T_OUTCOME_HERE_H

#include <inttypes.h>

#include "chain/fill.h"
#include "chain/ingest.h"
#include "fake_slurm.h"
#include "lib/clock.h"
#include "store/folder.h"
#include "store/manifest.h"
#include "sweep_here.h"

static inline int set_up(void **state)
{
	fake_reset();
	return here_set_up(state);
}

static inline void put_sweep(struct here *h, const char *text)
{
	struct expand_result r;
	struct err err = {0};

	if (here_expand(h, text, NULL, &r, &err))
		fail_msg("%s", err.msg);
	expand_result_release(&r);
}

/* Puts a sweep of that many jobs of parameter n, with more keys behind. Each job ends as the test
 * sets it. */
static inline void put_jobs(struct here *h, int jobs, const char *more)
{
	char *text = mem_printf("name: s\nparams: {n: {from: 1, to: %d, step: 1}}\n%s"
				"run: [echo, \"{n}\"]\n",
				jobs, more);

	put_sweep(h, text);
	free(text);
}

static inline void fill(struct here *h, enum fill_caller who)
{
	struct fill_opts o = {.caller = who, .max = -1, .lock_ms = 1000};
	struct fill_result r;
	struct err err = {0};

	if (fill_run(&h->store, &o, &r, &err))
		fail_msg("%s", err.msg);
	fill_result_release(&r);
}

static inline void set_limit(struct here *h, int64_t n)
{
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set_int(h->store.db, "limit", n, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

/* How an attempt ended. */
struct attempt_end {
	int reason; /* REASON_NONE: completed */
	int exit_code;
	int64_t ms; /* duration; 0: 5 */
	const char *node;
	bool twin;   /* preempted, and the requeued Slurm job reports it */
	bool still;  /* still running */
	int64_t ago; /* ms since its end */
};

/* Writes the journal of a job's newest attempt to disk. The database is not updated. */
static inline void write_journal(struct here *h, int64_t job, const struct attempt_end *w)
{
	struct who me = {.slurm_id = 7, .pid = 1, .random = clock_random()};
	int64_t now = clock_now_ms() - w->ago, ms = w->ms ? w->ms : 5;
	struct job_end end = {.completed = !w->reason,
			      .reason = w->reason,
			      .exit_code = w->exit_code,
			      .ended = now};
	struct journal_file j;
	struct folder_entry e;
	struct buf text = {0};
	struct db_attempt a;
	struct db_job row;

	assert_int_equal(db_job_get(h->store.db, job, &row, NULL), 0);
	assert_int_equal(db_attempt_get(h->store.db, row.attempt, &a, NULL), 0);
	snprintf(me.node, sizeof(me.node), "%s", w->node ? w->node : "n1");
	assert_int_equal(claim_file_win(h->store.folder, a.submission, a.task, &me, &e, NULL), 0);
	assert_int_equal(journal_file_open(h->store.folder, &e, &j, NULL), 0);
	journal_add_start(&text, now - ms, &me);
	if (w->twin)
		journal_add_preempted(&text, now);
	else if (!w->still)
		journal_add_end(&text, &end);
	assert_int_equal(journal_file_append(&j, text.s, text.len, true, NULL), 0);
	if (!w->still)
		assert_int_equal(journal_file_post(h->store.folder, &j, NULL), 0);
	journal_file_close(&j);
	buf_release(&text);
	db_attempt_release(&a);
	db_job_release(&row);
}

/* "pending 0+0", "failed EXIT 1+0 --time=10:00": state, reason, tries by policy and for the site,
 * options. */
static inline void assert_job(struct here *h, int64_t id, const char *want)
{
	struct db_job job;
	struct buf b = {0};

	assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
	buf_addf(&b, "%s%s%s %" PRId64 "+%" PRId64, job_state_name(job.state),
		 job.reason ? " " : "", job_reason_name(job.reason), job.again.tries,
		 job.again.site);
	if (job.again.options)
		buf_addf(&b, " %.*s", (int)strlen(job.again.options) - 1, job.again.options);
	if (strcmp(buf_str(&b), want) != 0)
		fail_msg("job %d: '%s', and not '%s'", (int)id, buf_str(&b), want);
	buf_release(&b);
	db_job_release(&job);
}

static inline void ingest(struct here *h)
{
	struct err err = {0};

	if (ingest_now(&h->store, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(db_check(h->store.db, NULL), 0);
}

static inline const char *sbatch_option(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = fake.last_argv.n; i-- > 0;)
		if (!strncmp(fake.last_argv.v[i], name, n) && fake.last_argv.v[i][n] == '=')
			return fake.last_argv.v[i] + n + 1;
	return "none";
}

#endif
