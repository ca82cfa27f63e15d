/*
 * fill_here.h - a store whose queue is filled, with a fake Slurm that gives prepared answers.
 *
 * Include cmocka.h and the headers that it needs first.
 */
#ifndef T_FILL_HERE_H
#define T_FILL_HERE_H

#include <inttypes.h>

#include "chain/fill.h"
#include "fake_slurm.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "store/folder.h"
#include "store/manifest.h"
#include "sweep_here.h"

static const char ten[] __attribute__((unused)) =
	"name: ten\nparams: {n: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
	"sbatch: {mem: 1G}\nrun: [echo, \"{n}\"]\n";

static inline int set_up(void **state)
{
	fake_reset();
	fake_reason = NULL;
	unsetenv("SLURM_JOB_ID");
	proc_signals_block();
	while (proc_signal_wait(0) > 0)
		;
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

static inline struct fill_result fill(struct here *h, enum fill_caller who, int want)
{
	struct fill_opts o = {.caller = who, .max = -1, .lock_ms = 1000};
	struct fill_result r;
	struct err err = {0};
	int rc = fill_run(&h->store, &o, &r, &err);

	if (rc != want)
		fail_msg("fill_run: %d: %s", rc, err.msg);
	free(r.text);
	free(r.refused_sweep);
	free(r.full_sweep);
	r.text = r.refused_sweep = r.full_sweep = NULL;
	return r;
}

/* Submits as slurmq submit -n does; 0: only reads the limit and the database. */
static inline void fill_max(struct here *h, int64_t max)
{
	struct fill_opts o = {.caller = FILL_USER, .max = max, .lock_ms = 1000};
	struct fill_result r;

	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	fill_result_release(&r);
}

/* Compares the counts as text: "pending 3, queued 7". */
static inline void assert_counts(struct here *h, const char *want)
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

static inline size_t count_files(struct here *h, enum folder_part folder)
{
	struct folder_list l;
	size_t n;

	assert_int_equal(folder_scan(h->store.folder, folder, &l, NULL), 0);
	n = l.n;
	folder_list_release(&l);
	return n;
}

/* Writes the files of a task that starts and, with how, ends, as slurmq run would; '!' after how:
 * it ended just now. */
static inline void play_task(struct here *h, const struct fake_job *job, int task, const char *how)
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
	struct journal_file j;
	struct folder_entry e;
	struct buf text = {0};

	assert_int_equal(claim_file_win(h->store.folder, submission, task, &me, &e, NULL), 0);
	assert_int_equal(journal_file_open(h->store.folder, &e, &j, NULL), 0);
	journal_add_start(&text, 5, &me);
	if (*how)
		journal_add_end(&text, &end);
	assert_int_equal(journal_file_append(&j, text.s, text.len, true, NULL), 0);
	if (*how)
		assert_int_equal(journal_file_post(h->store.folder, &j, NULL), 0);
	journal_file_close(&j);
	buf_release(&text);
}

#endif
