/* test_reconcile.c - attempts that reported no end, against the output of squeue and sacct */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "chain/breaker.h"
#include "chain/cancel.h"
#include "lib/clock.h"
#include "chain/ingest.h"
#include "fake_slurm.h"
#include "chain/fill.h"
#include "chain/reconcile.h"
#include "chain/waits.h"
#include "sweep_here.h"
#include "store/manifest.h"

static const char one[] = "name: one\nparams: {n: [0]}\nrun: [\"true\"]\n";
static const char ten[] = "name: ten\nparams: {n: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
			  "run: [echo, \"{n}\"]\n";

/* The process exits at this call of unlinkat(2), a crash between a commit and the removal of a
 * file: the folder removes its files with unlinkat(2), SQLite removes its journal with
 * unlink(2). */
static int die_at; /* 0: never */

/* on_clock() is called the next time the file server's time is read in the folder clock_in.
 * reconcile() reads it after the ingest and before it lists the files. */
static const char *clock_in; /* NULL: never */
static void (*on_clock)(void);

static bool is_folder(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int unlinkat(int fd, const char *path, int flags)
{
	static int n;

	/* .t*: the file that shows the file server's time */
	if (die_at && path[0] != '.' && ++n == die_at)
		_exit(9);
	if (clock_in && path[0] == '.' && is_folder(fd, clock_in)) {
		clock_in = NULL;
		on_clock();
	}
	return (int)syscall(SYS_unlinkat, fd, path, flags);
}

static int set_up(void **state)
{
	fake_reset();
	return here_set_up(state);
}

/* ---- rows ---- */

static void submit_sweep(struct here *h, const char *text)
{
	struct fill_opts o = {.caller = FILL_USER, .max = -1, .lock_ms = 1000};
	struct expand_result e;
	struct fill_result r;
	struct err err = {0};

	if (here_expand(h, text, NULL, &e, &err) || fill_run(&h->store, &o, &r, &err))
		fail_msg("%s", err.msg);
	expand_result_release(&e);
	fill_result_release(&r);
}

static uint64_t manifest_of(const struct fake_job *job)
{
	return strtoull(strrchr(job->name, '.') + 1, NULL, 16);
}

/* Starts job 0's task: wins its claim and writes the end of its first step; with end, of all steps
 * and the end line. The database is not updated. */
static void win_claim(struct here *h, int task, bool end)
{
	const struct fake_job *job = &fake.jobs[0];
	struct who me = {.slurm_id = job->id + (uint64_t)task,
			 .node = "n1",
			 .pid = 1,
			 .random = clock_random()};
	struct journal_step step = {.key = (char *)(uintptr_t) "first", .started = 5, .ended = 6};
	struct job_end completed = {.completed = true, .ended = 9};
	struct journal_file j;
	struct folder_entry e;
	struct buf text = {0};

	assert_int_equal(claim_file_win(h->store.folder, manifest_of(job), task, &me, &e, NULL), 0);
	assert_int_equal(journal_file_open(h->store.folder, &e, &j, NULL), 0);
	journal_add_start(&text, 5, &me);
	journal_add_step(&text, &step);
	if (end)
		journal_add_end(&text, &completed);
	assert_int_equal(journal_file_append(&j, text.s, text.len, true, NULL), 0);
	if (end)
		assert_int_equal(journal_file_post(h->store.folder, &j, NULL), 0);
	journal_file_close(&j);
	buf_release(&text);
}

/* Does what win_claim() does, and ingests the journal. */
static void start_task(struct here *h, int task, bool end)
{
	win_claim(h, task, end);
	assert_int_equal(ingest_now(&h->store, NULL), 0);
}

static void assert_counts(struct here *h, const char *want, const char *where)
{
	int64_t counts[JOB_NSTATES];
	struct buf b = {0};

	assert_int_equal(db_counts(h->store.db, counts, NULL), 0);
	for (int i = 0; i < JOB_NSTATES; i++)
		if (counts[i])
			buf_addf(&b, "%s%s %" PRId64, b.len ? ", " : "", job_state_name(i),
				 counts[i]);
	if (strcmp(buf_str(&b), want) != 0)
		fail_msg("%s: %s, wanted %s", where, buf_str(&b), want);
	buf_release(&b);
	assert_int_equal(db_check(h->store.db, NULL), 0);
}

static size_t count_files(struct here *h, enum folder_part folder)
{
	struct folder_list l;
	size_t n;

	assert_int_equal(folder_scan(h->store.folder, folder, &l, NULL), 0);
	n = l.n;
	folder_list_release(&l);
	return n;
}

static void set_setting(struct here *h, const char *key, int64_t value)
{
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set_int(h->store.db, key, value, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static int64_t get_setting(struct here *h, const char *key)
{
	int64_t n;

	assert_int_equal(db_setting_int(h->store.db, key, 0, &n, NULL), 0);
	return n;
}

/* Makes the manifests, the missing_since of each row and the time of the last run older. */
static void make_older(struct here *h, int64_t minutes)
{
	struct strs names = {0};
	struct timespec t[2];
	struct db_flight *v;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= minutes * 60;
	t[1] = t[0];
	assert_int_equal(folder_file_names(h->store.folder, "manifests", &names, NULL), 0);
	for (size_t i = 0; i < names.n; i++) {
		char *path = mem_printf("%s/manifests/%s", h->store.dir, names.v[i]);

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
	set_setting(h, ".reconcile.at", get_setting(h, ".reconcile.at") - minutes * 60000);
}

static struct reconcile_result run_reconcile(struct here *h, int64_t max_age_ms)
{
	struct reconcile_result r;
	struct err err = {0};

	if (reconcile(&h->store, max_age_ms, &r, &err))
		fail_msg("%s", err.msg);
	/* the decision on cancelled jobs is for test_cancel */
	cancel_forget(h->store.folder);
	return r;
}

static void assert_job(struct here *h, int64_t id, int reason, int64_t tries, const char *where)
{
	struct db_job job;

	assert_int_equal(db_job_get(h->store.db, id, &job, NULL), 0);
	if (job.reason != reason || job.tries != tries)
		fail_msg("%s: %s after %" PRId64 " tries", where, job_reason_name(job.reason),
			 job.tries);
	db_job_release(&job);
}

/* ---- the table of rows ---- */

/*
 * One case of one job. row: u sbatch gave no clear answer, but made a job; q queued; r running, one
 * step completed. squeue, sacct: the state that they show (NULL: no record; for sacct also a: no
 * answer; -: no accounting). at: the counts after a run at once, and after 2, 11 and 61 minutes
 * (NULL: unchanged).
 */
static const struct row {
	char row;
	const char *squeue, *sacct;
	const char *at[4];
	int reason;
	int64_t tries;
} rows[] = {
	/* submitting: found by its name in squeue or sacct; otherwise the claim is revoked */
	{'u', "PENDING", NULL, {"queued 1"}, 0, 0},
	{'u', "RUNNING", NULL, {"queued 1"}, 0, 0},
	{'u', "CANCELLED", NULL, {"cancelled 1"}, REASON_CANCELLED, 0},
	{'u', "NODE_FAIL", NULL, {"failed 1"}, REASON_NODE_FAIL, 0},
	{'u', NULL, "CANCELLED", {"submitting 1", "cancelled 1"}, REASON_CANCELLED, 0},
	{'u', NULL, "BOOT_FAIL", {"submitting 1", "failed 1"}, REASON_BOOT_FAIL, 0},
	{'u', NULL, "RUNNING", {"submitting 1", "pending 1"}, 0, 0},
	{'u', NULL, NULL, {"submitting 1", "pending 1"}, 0, 0},
	{'u', NULL, "a", {"submitting 1", "pending 1"}, 0, 0},
	{'u', NULL, "-", {"submitting 1", "pending 1"}, 0, 0},
	/* queued, the claim still there: the job ended without a start, and no try is used up */
	{'q', "PENDING", "CANCELLED", {"queued 1"}, 0, 0},
	{'q', "A_NEW_WORD", NULL, {"queued 1"}, 0, 0},
	{'q', "CANCELLED", NULL, {"cancelled 1"}, REASON_CANCELLED, 0},
	{'q', "FAILED", NULL, {"failed 1"}, REASON_EXIT, 0},
	{'q', "FAILED/NonZeroExitCode", NULL, {"failed 1"}, REASON_EXIT, 0},
	{'q', "FAILED/JobLaunchFailure", NULL, {"failed 1"}, REASON_BOOT_FAIL, 0},
	{'q', "COMPLETED", NULL, {"failed 1"}, REASON_LOST, 0},
	{'q', NULL, "CANCELLED", {"cancelled 1"}, REASON_CANCELLED, 0},
	{'q', NULL, "FAILED", {"failed 1"}, REASON_EXIT, 0},
	{'q', NULL, "FAILED 127:0", {"failed 1"}, REASON_EXIT, 0},
	{'q', NULL, "FAILED 0:53", {"failed 1"}, REASON_BOOT_FAIL, 0},
	{'q', NULL, "NODE_FAIL", {"failed 1"}, REASON_NODE_FAIL, 0},
	{'q', NULL, "DEADLINE", {"failed 1"}, REASON_DEADLINE, 0},
	/* no evidence of an end: no record, a record that stays RUNNING, an unknown state */
	{'q', NULL, NULL, {"queued 1", NULL, "pending 1"}, 0, 0},
	{'q', NULL, "RUNNING", {"queued 1", NULL, "pending 1"}, 0, 0},
	{'q', NULL, "PENDING", {"queued 1", NULL, "pending 1"}, 0, 0},
	{'q', NULL, "A_NEW_WORD", {"queued 1", NULL, "pending 1"}, 0, 0},
	{'q', NULL, "-", {"queued 1", NULL, "pending 1"}, 0, 0},
	{'q', NULL, "a", {"queued 1", NULL, NULL, "pending 1"}, 0, 0},
	/* running: as long as Slurm has the job, also requeued */
	{'r', "RUNNING", NULL, {"running 1"}, 0, 1},
	{'r', "COMPLETING", NULL, {"running 1"}, 0, 1},
	{'r', "SUSPENDED", NULL, {"running 1"}, 0, 1},
	{'r', "PENDING", NULL, {"running 1"}, 0, 1},
	{'r', "REQUEUED", NULL, {"running 1"}, 0, 1},
	{'r', "A_NEW_WORD", NULL, {"running 1"}, 0, 1},
	{'r', "PENDING", "CANCELLED", {"running 1"}, 0, 1},
	/* ended in Slurm: after a minute without a reported end, the end is inferred */
	{'r', "TIMEOUT", NULL, {"running 1", "failed 1"}, REASON_TIMEOUT, 1},
	{'r', "FAILED", NULL, {"running 1", "failed 1"}, REASON_EXIT, 1},
	{'r', "FAILED/NonZeroExitCode", NULL, {"running 1", "failed 1"}, REASON_EXIT, 1},
	{'r', "FAILED/JobLaunchFailure", NULL, {"running 1", "failed 1"}, REASON_SIGNAL, 1},
	{'r', NULL, "FAILED 1:0", {"running 1", "failed 1"}, REASON_EXIT, 1},
	{'r', NULL, "FAILED 0:9", {"running 1", "failed 1"}, REASON_SIGNAL, 1},
	{'r', "COMPLETED", NULL, {"running 1", "failed 1"}, REASON_LOST, 1},
	{'r', "CANCELLED", NULL, {"running 1", "cancelled 1"}, REASON_CANCELLED, 1},
	{'r', NULL, "TIMEOUT", {"running 1", "failed 1"}, REASON_TIMEOUT, 1},
	{'r', NULL, "OUT_OF_ME+", {"running 1", "failed 1"}, REASON_OUT_OF_MEMORY, 1},
	{'r', NULL, "NODE_FAIL", {"running 1", "failed 1"}, REASON_NODE_FAIL, 1},
	{'r', NULL, "PREEMPTED", {"running 1", "failed 1"}, REASON_PREEMPTED, 1},
	{'r', NULL, "BOOT_FAIL", {"running 1", "failed 1"}, REASON_BOOT_FAIL, 1},
	{'r', NULL, "COMPLETED", {"running 1", "failed 1"}, REASON_LOST, 1},
	{'r', NULL, "CANCELLED", {"running 1", "cancelled 1"}, REASON_CANCELLED, 1},
	/* neither squeue nor sacct shows an active job */
	{'r', NULL, NULL, {"running 1", NULL, "failed 1"}, REASON_LOST, 1},
	{'r', NULL, "RUNNING", {"running 1", NULL, "failed 1"}, REASON_LOST, 1},
	{'r', NULL, "-", {"running 1", NULL, "failed 1"}, REASON_LOST, 1},
	{'r', NULL, "a", {"running 1", NULL, NULL, "failed 1"}, REASON_LOST, 1},
};

static void set_slurm_state(const struct row *r)
{
	struct fake_job *job = &fake.jobs[0];

	job->gone[0] = !r->squeue;
	if (r->squeue)
		snprintf(job->state[0], sizeof(job->state[0]), "%s", r->squeue);
	fake.acct_away = r->sacct && !strcmp(r->sacct, "a");
	fake.no_acct = r->sacct && !strcmp(r->sacct, "-");
	if (r->sacct && !fake.acct_away && !fake.no_acct)
		fake_record(job, 0, r->sacct);
}

static void check_row(struct here *h, const struct row *r, const char *where)
{
	static const int64_t minutes[] = {0, 2, 9, 50};
	const char *want = NULL;
	struct db_step *steps;
	size_t n;

	int64_t passed = 0;

	for (int i = 0; i < 4; i++) {
		passed += minutes[i];
		/* an unchanged state is checked only before the next change, and at the end */
		if (!r->at[i] && i < 3 && !r->at[i + 1])
			continue;
		make_older(h, passed);
		passed = 0;
		run_reconcile(h, 0);
		want = r->at[i] ? r->at[i] : want;
		assert_counts(h, want, where);
	}
	run_reconcile(h, 0); /* the manifest of a cancelled job stays until the decision */
	assert_job(h, 1, r->reason, r->tries, where);
	/* a journal that nobody moves any more has gone, its steps have not */
	assert_int_equal(db_steps(h->store.db, 1, &steps, &n, NULL), 0);
	db_steps_free(steps, n);
	assert_int_equal(n, r->row == 'r' && strcmp(want, "running 1") != 0);
	assert_int_equal(count_files(h, FOLDER_RUNNING), !strcmp(want, "running 1"));
	assert_int_equal(count_files(h, FOLDER_CLAIMS), !strcmp(want, "queued 1"));
	assert_int_equal(count_files(h, FOLDER_REVOKED), 0);
	assert_int_equal(manifest_age(h->store.folder, manifest_of(&fake.jobs[0])) >= 0,
			 !strcmp(want, "running 1") || !strcmp(want, "queued 1"));
}

static void each_row_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		char *where = mem_printf("%c, squeue %s, sacct %s", r->row,
					 r->squeue ? r->squeue : "nothing",
					 r->sacct ? r->sacct : "nothing");
		void *s;

		assert_int_equal(set_up(&s), 0);
		if (r->row == 'u') {
			fake.answers[0] = SLURM_UNCLEAR;
			fake.nanswers = 1;
			fake.accept_silently = true;
		}
		submit_sweep(s, one);
		if (r->row == 'r')
			start_task(s, 0, false);
		set_slurm_state(r);
		check_row(s, r, where);
		free(where);
		here_tear_down(&s);
	}
}

/* ---- the queries of sacct ---- */

static void sacct_is_queried_for_jobs_missing_in_squeue(void **state)
{
	struct here *h = *state;
	struct reconcile_result r;

	submit_sweep(h, ten);
	r = run_reconcile(h, 0);
	assert_int_equal(fake.saccts, 0);
	assert_false(r.acct_away);
	for (int i = 0; i < 10; i++)
		fake.jobs[0].gone[i] = true;
	r = run_reconcile(h, 0);
	assert_int_equal(fake.saccts, 1);
	assert_string_equal(fake.acct_ids, "100"); /* the id of an array, once */
	assert_true(fake.acct_since >= 25 * 3600 && fake.acct_since < 26 * 3600);
	assert_int_equal(r.missing, 10);
	/* sacct does not answer: a run with a maximum age does not query it again at once */
	fake.acct_away = true;
	r = run_reconcile(h, 0);
	assert_true(r.acct_away);
	assert_int_equal(fake.saccts, 2);
	make_older(h, 1);
	r = run_reconcile(h, 1000);
	assert_true(r.ran && r.acct_away);
	assert_int_equal(fake.saccts, 2);
	r = run_reconcile(h, 0);
	assert_int_equal(fake.saccts, 3);
	fake.acct_away = false;
	r = run_reconcile(h, 0);
	assert_false(r.acct_away);
	assert_int_equal(fake.saccts, 4);
}

/* If the id of one row is unknown, sacct searches all jobs by name. */
static void an_unknown_id_queries_all_jobs(void **state)
{
	struct here *h = *state;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	submit_sweep(h, one);
	run_reconcile(h, 0); /* sbatch may still be running */
	assert_int_equal(fake.saccts, 0);
	make_older(h, 2);
	run_reconcile(h, 0);
	assert_int_equal(fake.saccts, 1);
	assert_string_equal(fake.acct_ids, "");
}

/* The refill of a chain never runs sacct. */
static void a_refill_never_runs_sacct(void **state)
{
	struct here *h = *state;
	struct fill_opts o = {.caller = FILL_CHAIN, .max = -1, .lock_ms = 1000};
	struct fill_result r;

	fake.limit = 4;
	submit_sweep(h, ten);
	for (int i = 0; i < 3; i++)
		fake.jobs[0].gone[i] = true;
	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	fill_result_release(&r);
	assert_int_equal(fake.saccts, 0);
	assert_int_equal(fake.squeues, 0);
}

/* ---- which record belongs to a row ---- */

static void reused_slurm_ids(void **state)
{
	static const struct {
		const char *name; /* NULL: the job's own */
		int64_t apart_ms; /* of its submission from the row's */
		const char *counts;
	} v[] = {
		{NULL, 0, "failed 1"},
		{NULL, 86400000,
		 "failed 1"}, /* clocks may differ between hosts, random names do not */
		{"renamed", 0, "failed 1"},
		{"renamed", 5 * 60000, "failed 1"},
		{"somebody-elses", 3600000, "running 1"},
		{"somebody-elses", -86400000, "running 1"},
		{"other.0123456789abcdef", 0, "running 1"},
	};

	(void)state;
	/* by sacct, then by squeue */
	for (size_t i = 0; i < 2 * sizeof(v) / sizeof(v[0]); i++) {
		const char *name = v[i / 2].name;
		struct fake_job *job = &fake.jobs[0];
		struct fake_record *r;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, one);
		start_task(h, 0, false);
		job->submitted += v[i / 2].apart_ms;
		if (i % 2) {
			snprintf(job->state[0], sizeof(job->state[0]), "NODE_FAIL");
			if (name)
				snprintf(job->name, sizeof(job->name), "%s", name);
		} else {
			job->gone[0] = true;
			r = fake_record(job, 0, "NODE_FAIL");
			if (name)
				snprintf(r->name, sizeof(r->name), "%s", name);
		}
		run_reconcile(h, 0);
		make_older(h, 2);
		run_reconcile(h, 0);
		assert_counts(h, v[i / 2].counts, name ? name : "its own name");
		here_tear_down(&s);
	}
}

/* A job that was cancelled while its Slurm id was unknown is ended by scancel. */
static void a_cancelled_job_that_runs_is_ended(void **state)
{
	struct here *h = *state;
	struct fake_job *job = &fake.jobs[0];
	struct reconcile_result r;
	int changed;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	fake.accept_silently = true;
	submit_sweep(h, ten);
	for (int i = 0; i < 3; i++)
		start_task(h, i, false);
	for (int i = 0; i < 10; i++)
		snprintf(job->state[i], sizeof(job->state[i]), i < 3 ? "RUNNING" : "PENDING");
	snprintf(job->state[2], sizeof(job->state[2]), "COMPLETING");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int i = 1; i < 5; i++) /* job 2 is task 1 for scancel */
		assert_int_equal(db_job_cancel(h->store.db, i + 1, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	fake.away = true;
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), -1);
	assert_int_equal(fake.cancelled.n, 0);
	fake.away = false;
	r = run_reconcile(h, 0);
	assert_int_equal(r.stopped, 1);
	assert_int_equal(fake.cancelled.n, 1);
	assert_string_equal(fake.cancelled.v[0], "100_1");
	/* jobs not started stay cancelled; a job that is just ending needs no scancel */
	assert_counts(h, "queued 5, running 3, cancelled 2", "cancelled");
}

/* While nodes are excluded, Slurm reports BadConstraints for a job that has no other node. The
 * nodes are then included again. If no node is excluded, the job is left to the user. */
static void bad_constraints_include_nodes_again(void **state)
{
	static const struct {
		const char *states[2];
		bool excluded, begun;
		const char *counts, *cancelled;
	} v[] = {
		{{"PENDING/BadConstraints", "PENDING/Priority"},
		 true,
		 false,
		 "pending 1, queued 9",
		 "100_0"},
		{{"PENDING/BadConstraints", "PENDING/BadConstraints"},
		 true,
		 false,
		 "pending 2, queued 8",
		 "100_0 100_1"},
		{{"PENDING/BadConstraints", "PENDING/Priority"}, false, false, "queued 10", ""},
		{{"PENDING/Priority", "PENDING/Resources"}, true, false, "queued 10", ""},
		{{"PENDING/BadConstraints", "RUNNING"}, true, true, "queued 9, running 1", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct reconcile_result r;
		struct strs nodes = {0};
		struct buf names = {0};
		struct here *h;
		size_t n;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, ten);
		if (v[i].excluded) {
			char *text = mem_printf("3 1 %" PRId64, clock_now_ms());

			assert_int_equal(db_setting_set(h->store.db, ".node.n1", text, NULL), 0);
			free(text);
		}
		for (int k = 0; k < 2; k++)
			snprintf(fake.jobs[0].state[k], sizeof(fake.jobs[0].state[k]), "%s",
				 v[i].states[k]);
		if (v[i].begun)
			win_claim(h, 0, false);
		assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
		assert_counts(h, v[i].counts, "");
		for (size_t k = 0; k < fake.cancelled.n; k++)
			buf_addf(&names, "%s%s", k ? " " : "", fake.cancelled.v[k]);
		assert_string_equal(buf_str(&names), v[i].cancelled);
		assert_int_equal(r.stopped, 0);
		assert_int_equal(breaker_nodes(h->store.db, &nodes, NULL), 0);
		assert_int_equal(nodes.n, v[i].excluded && !*v[i].cancelled);
		/* the fake still shows them as pending, so scancel runs again */
		n = fake.cancelled.n;
		assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
		assert_int_equal(fake.cancelled.n, 2 * n);
		assert_int_equal(r.stopped, 0);
		assert_counts(h, v[i].counts, "");
		strs_release(&nodes);
		buf_release(&names);
		here_tear_down(&s);
	}
}

/* Compares what the newest attempt of a job has as Slurm's reason. */
static void reason_is(struct here *h, int64_t job, const char *want)
{
	struct db_attempt a;
	struct db_job j;

	assert_int_equal(db_job_get(h->store.db, job, &j, NULL), 0);
	assert_int_equal(db_attempt_get(h->store.db, j.attempt, &a, NULL), 0);
	if (!a.slurm_reason != !want || (want && strcmp(a.slurm_reason, want) != 0))
		fail_msg("job %d: %s, wanted %s", (int)job, a.slurm_reason, want);
	db_attempt_release(&a);
	db_job_release(&j);
}

static void why_jobs_wait(void **state)
{
	static const char *const states[] = {
		"PENDING/JobHeldUser",
		"PENDING/JobHeldUser",
		"PENDING/Priority",
		"PENDING/None",
		"RUNNING/None",
		"PENDING/JobHeldUser",
		"FAILED/JobLaunchFailure",
		"PENDING/Priority",
	};
	struct here *h = *state;
	struct reconcile_result r;
	struct wait_group *v;
	struct buf ids = {0};
	size_t n;

	submit_sweep(h, ten);
	start_task(h, 5, false);     /* it runs, and is then put back and held */
	fake.jobs[0].gone[7] = true; /* it could not be started either, as only sacct knows */
	fake_record(&fake.jobs[0], 7, "FAILED 0:53");
	for (int i = 0; i < 10; i++)
		snprintf(fake.jobs[0].state[i], 24, "%s", i < 8 ? states[i] : "PENDING/BeginTime");
	fake.squeues = 0;
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_int_equal(fake.squeues, 1);
	assert_int_equal(fake.saccts, 1);
	assert_counts(h, "queued 7, running 1, failed 2", "a reason changes no state");
	reason_is(h, 1, "JobHeldUser");
	reason_is(h, 3, "Priority");
	reason_is(h, 4, NULL);
	reason_is(h, 5, NULL);
	reason_is(h, 6, "JobHeldUser");
	reason_is(h, 7, "JobLaunchFailure");
	reason_is(h, 8, "JobLaunchFailure");

	assert_int_equal(waits_read(h->store.db, &v, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(v[0].reason, "JobHeldUser");
	assert_string_equal(v[0].sweep_name, "ten");
	assert_int_equal(v[0].kind, WAIT_HELD);
	waits_add_ids(&v[0], &ids);
	assert_string_equal(buf_str(&ids), "1-2,6");
	assert_int_equal(v[0].slurm.n, 3);
	assert_string_equal(v[0].slurm.v[2], "100_5");
	assert_int_equal(v[1].kind, WAIT_ENDS);
	assert_int_equal(v[1].njobs, 1);
	waits_free(v, n);
	buf_release(&ids);

	/* one was released and runs, the reason of another has changed, and one starts */
	snprintf(fake.jobs[0].state[0], 24, "RUNNING/None");
	snprintf(fake.jobs[0].state[1], 24, "PENDING/Resources");
	start_task(h, 2, false);
	reason_is(h, 3, NULL);
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	reason_is(h, 1, NULL);
	reason_is(h, 2, "Resources");
}

/* The decision about an external cancel counts rows as they were, so a refill does not reconcile
 * before it. A reconciliation makes the decision if it is due. */
static void a_cancel_decision_comes_first(void **state)
{
	struct here *h = *state;
	struct reconcile_result r;

	submit_sweep(h, ten);
	for (int i = 0; i < 10; i++)
		snprintf(fake.jobs[0].state[i], 24, "%s", i ? "CANCELLED" : "RUNNING");
	cancel_record(h->store.folder, &(struct who){.slurm_id = 101});
	fake.squeues = 0;
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_false(r.ran);
	assert_int_equal(fake.squeues, 0);
	assert_counts(h, "queued 10", "in the hold-off");
	scratch_later(h->store.dir, "cancelled/101", 11000);
	fake.away = true;
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), -1);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_DUE);
	fake.away = false;
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
	assert_counts(h, "pending 1, cancelled 9", "decided");
}

/* A job that was renamed in Slurm stays the row's job: not lost, not cancelled, and its end is
 * found. */
static void a_renamed_job_keeps_its_row(void **state)
{
	struct here *h = *state;

	submit_sweep(h, one);
	start_task(h, 0, false);
	snprintf(fake.jobs[0].state[0], 24, "RUNNING");
	snprintf(fake.jobs[0].name, sizeof(fake.jobs[0].name), "renamed");
	for (int i = 0; i < 3; i++) {
		run_reconcile(h, 0);
		assert_counts(h, "running 1", "renamed");
		make_older(h, 11);
	}
	assert_int_equal(fake.saccts, 0);
}

static void a_renamed_task_is_not_cancelled(void **state)
{
	struct here *h = *state;
	struct fake_job *other = &fake.jobs[1];

	submit_sweep(h, ten);
	/* squeue shows task 4 with another name and its own id */
	*other = fake.jobs[0];
	fake.njobs = 2;
	snprintf(other->name, sizeof(other->name), "mine");
	for (int i = 0; i < 10; i++)
		*(i == 4 ? &fake.jobs[0].gone[i] : &other->gone[i]) = true;
	run_reconcile(h, 0);
	assert_counts(h, "queued 10", "one task renamed");
	/* nor are the other tasks if the whole array is renamed */
	for (int i = 0; i < 10; i++) {
		fake.jobs[0].gone[i] = true;
		other->gone[i] = false;
	}
	run_reconcile(h, 0);
	make_older(h, 11);
	run_reconcile(h, 0);
	assert_counts(h, "queued 10", "all renamed");
	/* a task that is cancelled after that is found to be cancelled */
	other->gone[7] = true;
	run_reconcile(h, 0);
	assert_counts(h, "queued 9, cancelled 1", "one of the renamed cancelled");
}

/* A retried sbatch may have made two jobs of one name. For a running row, the job that won the
 * claim counts. */
static void a_twin_of_the_same_name(void **state)
{
	static const struct {
		const char *ours, *twin; /* the state in squeue; NULL: not shown */
		const char *acct, *acct_twin;
		const char *counts;
	} v[] = {
		{"RUNNING", "PENDING", NULL, NULL, "running 1"},
		{"RUNNING", "FAILED", NULL, NULL, "running 1"},
		{"NODE_FAIL", "PENDING", NULL, NULL, "failed 1"},
		{"NODE_FAIL", "RUNNING", NULL, NULL, "failed 1"},
		{"NODE_FAIL", "CANCELLED", NULL, NULL, "failed 1"},
		{NULL, "PENDING", "NODE_FAIL", NULL, "failed 1"},
		{NULL, NULL, "NODE_FAIL", "CANCELLED", "failed 1"},
		{NULL, NULL, "RUNNING", "CANCELLED", "running 1"},
		{NULL, NULL, NULL, "CANCELLED", "running 1"},
		{NULL, NULL, NULL, "FAILED 1:0", "running 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct row r = {.squeue = v[i].ours, .sacct = v[i].acct};
		struct fake_job *twin = &fake.jobs[1];
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, one);
		start_task(h, 0, false);
		*twin = fake.jobs[0];
		twin->id += 100;
		twin->submitted += 1000;
		twin->gone[0] = !v[i].twin;
		fake.njobs = 2;
		if (v[i].twin)
			snprintf(twin->state[0], sizeof(twin->state[0]), "%s", v[i].twin);
		if (v[i].acct_twin)
			fake_record(twin, 0, v[i].acct_twin);
		set_slurm_state(&r);
		run_reconcile(h, 0);
		make_older(h, 2);
		run_reconcile(h, 0);
		assert_counts(h, v[i].counts, "a twin");
		here_tear_down(&s);
	}
}

/* A job that was requeued has two records in sacct: the last one counts, unless it is active. */
static void the_last_sacct_record_counts(void **state)
{
	static const struct {
		const char *first, *last, *counts;
	} v[] = {
		{"REQUEUED", "NODE_FAIL", "failed 1"},	{"NODE_FAIL", "CANCELLED", "cancelled 1"},
		{"CANCELLED", "NODE_FAIL", "failed 1"}, {"NODE_FAIL", "PENDING", "running 1"},
		{"NODE_FAIL", "REQUEUED", "running 1"},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(v) / sizeof(v[0]); i++) {
		struct fake_record *r;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, one);
		start_task(h, 0, false);
		fake.jobs[0].gone[0] = true;
		/* in either order */
		r = fake_record(&fake.jobs[0], 0, i % 2 ? v[i / 2].last : v[i / 2].first);
		r->submitted += i % 2 ? 1000 : 0;
		r = fake_record(&fake.jobs[0], 0, i % 2 ? v[i / 2].first : v[i / 2].last);
		r->submitted += i % 2 ? 0 : 1000;
		run_reconcile(h, 0);
		make_older(h, 2);
		run_reconcile(h, 0);
		assert_counts(h, v[i / 2].counts, v[i / 2].last);
		here_tear_down(&s);
	}
}

/* When slurmctld has forgotten an array, sacct shows the end of each task. */
static void a_forgotten_array_in_sacct(void **state)
{
	struct here *h = *state;
	struct fake_job *job = &fake.jobs[0];

	submit_sweep(h, ten);
	for (int i = 0; i < 3; i++)
		start_task(h, i, false);
	for (int i = 0; i < 10; i++)
		job->gone[i] = true;
	fake_record(job, 0, "TIMEOUT");
	fake_record(job, 1, "NODE_FAIL");
	fake_record(job, 2, "CANCELLED");
	for (int i = 3; i < 9; i++) /* never started: one line with the array's id */
		fake_record(job, i, "CANCELLED")->id = job->id;
	run_reconcile(h, 0);
	assert_counts(h, "queued 1, running 3, cancelled 6", "at once");
	make_older(h, 2);
	run_reconcile(h, 0);
	assert_counts(h, "queued 1, failed 2, cancelled 7", "after a minute");
	assert_job(h, 1, REASON_TIMEOUT, 1, "task 0");
	assert_job(h, 2, REASON_NODE_FAIL, 1, "task 1");
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 1);
}

/* A job that was cancelled while it was pending leaves a cancel record, as old as Slurm says. A job that
 * ran, or that slurmq cancelled, does not. */
static void records_what_was_cancelled_while_pending(void **state)
{
	struct here *h = *state;
	struct fake_job *job = &fake.jobs[0];
	struct reconcile_result r;
	struct strs names = {0};
	int64_t *ages;
	int changed;

	submit_sweep(h, ten);
	start_task(h, 0, false);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_cancel(h->store.db, 4, &changed, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	for (int i = 0; i < 4; i++) {
		snprintf(job->state[i], 24, "CANCELLED");
		job->ended_at[i] = clock_now_ms() - 7000 * i;
	}
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_true(r.cancelled);
	assert_counts(h, "queued 6, running 1, cancelled 3", "reconciled");
	assert_int_equal(folder_file_ages(h->store.folder, "cancelled", &names, &ages, NULL), 0);
	assert_int_equal(names.n, 2);
	for (size_t i = 0; i < names.n; i++) {
		const char *dot = strchr(names.v[i], '.');

		assert_non_null(dot);
		assert_int_equal(strtoull(names.v[i], NULL, 16), manifest_of(job));
		assert_in_range(ages[i], 7000 * atoi(dot + 1) - 1000, 7000 * atoi(dot + 1) + 5000);
	}
	/* until the decision nothing is reconciled */
	snprintf(job->state[5], 24, "NODE_FAIL");
	assert_int_equal(reconcile(&h->store, 0, &r, NULL), 0);
	assert_false(r.ran);
	strs_release(&names);
	free(ages);
}

/* squeue shows only some tasks of an array. The others were cancelled while pending, which leaves
 * no record, or ended so long ago that only sacct shows them. */
static void forgotten_tasks_of_an_array(void **state)
{
	struct here *h = *state;
	struct fake_job *job = &fake.jobs[0];

	submit_sweep(h, ten);
	job->gone[0] = job->gone[1] = true;
	fake_record(job, 0, "FAILED 0:53");
	fake.acct_away = true;
	run_reconcile(h, 0);
	assert_counts(h, "queued 10", "without an answer of sacct");
	fake.acct_away = false;
	run_reconcile(h, 0);
	assert_counts(h, "queued 8, failed 1, cancelled 1", "by its record, or for want of one");
	assert_job(h, 1, REASON_BOOT_FAIL, 0, "task 0");
	assert_job(h, 2, REASON_CANCELLED, 0, "task 1");
}

/* The time of an end is the one that Slurm reports. If Slurm reports none, it is the time at which
 * the row was first missing. */
static void the_time_of_an_end(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct fake_job *job = &fake.jobs[0];
		struct db_attempt a;
		struct here *h;
		int64_t now;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, one);
		start_task(h, 0, false);
		now = clock_now_ms();
		job->ended = i == 3 ? 0 : now - 5000;
		snprintf(job->state[0], sizeof(job->state[0]), "FAILED/JobLaunchFailure");
		job->gone[0] = i != 0 && i != 3;
		if (i == 1)
			fake_record(job, 0, "FAILED 0:9");
		run_reconcile(h, 0);
		make_older(h, i == 2 ? 11 : 2);
		run_reconcile(h, 0);
		assert_counts(h, "failed 1", "the end");
		assert_int_equal(db_attempt_get(h->store.db, 1, &a, NULL), 0);
		if (i < 2)
			assert_int_equal(a.ended, now - 5000);
		else /* later() made it older: 2 or 11 minutes ago */
			assert_in_range(a.ended, now - (i == 2 ? 11 : 2) * 60000 - 1000,
					now - (i == 2 ? 11 : 2) * 60000 + 60000);
		db_attempt_release(&a);
		here_tear_down(&s);
	}
}

/* ---- files and rows are read again under the queue lock ---- */

static struct here *asked;

/* Returns missing_since of the only row in flight, 0 if there is none. */
static int64_t missing_since(struct here *h)
{
	struct db_flight *v;
	int64_t since = 0;
	size_t n;

	assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
	if (n)
		since = v[0].missing_since;
	free(v);
	return since;
}

static void start_and_end_first(void)
{
	start_task(asked, 0, true);
}

static void start_first(void)
{
	start_task(asked, 0, false);
}

static void rows_that_change_during_a_query(void **state)
{
	static const struct {
		void (*meanwhile)(void);
		const char *squeue, *sacct, *counts;
	} v[] = {
		{start_and_end_first, "CANCELLED", NULL, "completed 1"},
		{start_and_end_first, NULL, "CANCELLED", "completed 1"},
		{start_first, "CANCELLED", NULL, "running 1"},
		{start_first, NULL, "CANCELLED", "running 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct row r = {.squeue = v[i].squeue, .sacct = v[i].sacct};
		void *s;

		assert_int_equal(set_up(&s), 0);
		asked = s;
		submit_sweep(s, one);
		set_slurm_state(&r);
		fake.on_squeue = v[i].meanwhile;
		run_reconcile(s, 0);
		assert_counts(s, v[i].counts, "meanwhile");
		fake.on_squeue = NULL;
		assert_int_equal(missing_since(s), 0); /* the query saw the row before it changed */
		/* a reported end stays as it was reported */
		make_older(s, 2);
		if (i < 2)
			run_reconcile(s, 0);
		if (i < 2)
			assert_counts(s, v[i].counts, "later");
		here_tear_down(&s);
	}
}

/* The claim is gone and there is no journal: the listing of a folder may be out of date for a
 * while. */
static void a_claim_that_is_missing(void **state)
{
	static const struct {
		const char *squeue;
		int reason;
	} v[] = {{"NODE_FAIL", REASON_NODE_FAIL}, {NULL, REASON_LOST}};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct row r = {.squeue = v[i].squeue};
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, one);
		assert_int_equal(
			claim_files_drop(h->store.folder, manifest_of(&fake.jobs[0]), 1, NULL), 0);
		set_slurm_state(&r);
		run_reconcile(h, 0);
		make_older(h, 9);
		run_reconcile(h, 0);
		assert_counts(h, "queued 1", "not at once");
		make_older(h, 2);
		run_reconcile(h, 0);
		assert_counts(h, "failed 1", "then");
		assert_job(h, 1, v[i].reason, 0, "then");
		here_tear_down(&s);
	}
}

static void win_first_claim(void)
{
	win_claim(asked, 0, false);
}

/* The job starts after the ingest and before its claim could be revoked: it has the claim, and a
 * journal. */
static void a_claim_that_was_just_won(void **state)
{
	static const struct {
		int answer;
		bool manifest; /* the manifest exists */
		const char *before;
	} v[] = {{SLURM_ACCEPTED, true, "queued 1"}, {SLURM_UNCLEAR, false, "submitting 1"}};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		asked = h = s;
		fake.answers[0] = v[i].answer;
		fake.nanswers = 1;
		fake.accept_silently = true;
		submit_sweep(h, one);
		if (!v[i].manifest)
			assert_int_equal(
				manifest_remove(h->store.folder, manifest_of(&fake.jobs[0]), NULL),
				0);
		fake.jobs[0].gone[0] = true;
		run_reconcile(h, 0);
		make_older(h, 11);
		assert_counts(h, v[i].before, "missed");
		on_clock = win_first_claim;
		clock_in = h->store.dir;
		run_reconcile(h, 0);
		assert_null(clock_in);
		assert_counts(h, "running 1", "it has begun");
		assert_int_equal(count_files(h, FOLDER_RUNNING), 1);
		here_tear_down(&s);
	}
}

/* ---- when ---- */

static void one_query_serves_all_processes(void **state)
{
	struct here *h = *state;

	submit_sweep(h, one);
	fake.squeues = 0;
	assert_true(run_reconcile(h, 300000).ran);
	assert_false(run_reconcile(h, 300000).ran);
	assert_int_equal(fake.squeues, 1);
	assert_true(run_reconcile(h, 0).ran); /* maximum age 0, as for slurmq sync */
	assert_false(run_reconcile(h, 300000).ran);
	make_older(h, 4);
	assert_false(run_reconcile(h, 300000).ran);
	make_older(h, 2);
	assert_true(run_reconcile(h, 300000).ran);
	/* a time in the future is ignored */
	set_setting(h, ".reconcile.at", clock_now_ms() + 86400000);
	assert_true(run_reconcile(h, 300000).ran);
	assert_false(run_reconcile(h, 300000).ran);
}

/* If a row needs a decision in a minute, the next run is allowed then. */
static void sooner_if_rows_need_a_decision(void **state)
{
	struct here *h = *state;
	struct reconcile_result r;

	submit_sweep(h, one);
	start_task(h, 0, false);
	snprintf(fake.jobs[0].state[0], 24, "NODE_FAIL");
	r = run_reconcile(h, 300000);
	assert_true(r.soon);
	assert_int_equal(r.ending, 1);
	assert_int_equal(r.missing, 0);
	r = run_reconcile(h, 300000);
	assert_true(!r.ran && r.soon);
	r = run_reconcile(h,
			  0); /* no decision before the minute is over, even with maximum age 0 */
	assert_true(r.ran && r.soon);
	assert_int_equal(r.ending, 1);
	assert_in_range(r.left_ms, 55 * 1000, 60 * 1000);
	assert_counts(h, "running 1", "at once");
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_attempt_missing(h->store.db, 1, clock_now_ms() - 20 * 1000, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	r = run_reconcile(h, 0);
	assert_in_range(r.left_ms, 35 * 1000, 41 * 1000);
	make_older(h, 2);
	r = run_reconcile(h, 300000);
	assert_true(r.ran && !r.soon);
	assert_int_equal(r.ended, 1);
	assert_int_equal(r.ending, 0);
	assert_counts(h, "failed 1", "judged");
}

/* While one process queries Slurm, another that accepts results some minutes old does not wait for
 * it. */
static void one_process_queries_at_a_time(void **state)
{
	struct here *h = *state;
	int ready[2], status, lock;
	struct folder *other;
	char c = 0;
	pid_t pid;

	submit_sweep(h, one);
	fake.squeues = 0;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (folder_open(h->store.dir, &other, NULL) ||
		    folder_lock(other, "asking", &lock, NULL) || write(ready[1], &c, 1) != 1)
			_exit(1);
		usleep(300000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_false(run_reconcile(h, 300000).ran);
	assert_int_equal(fake.squeues, 0);
	assert_true(run_reconcile(h, 2000).ran); /* waits for its turn */
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* ---- killed between the commit and the removal of files ---- */

/* Runs reconcile() in a child that exits before it removes its n-th file. Returns whether the child
 * reached the end. */
static bool run_reconcile_and_die(struct here *h, int n)
{
	int status;
	pid_t pid;

	/* an SQLite handle must not be carried into a child (sqlite.org/howtocorrupt.html, 2.6) */
	store_close(&h->store);
	pid = fork();
	if (!pid) {
		struct reconcile_result r;
		struct store store = {0};

		setenv("SLURMQ_DIR", "", 1);
		if (chdir(h->dir) || store_find(&store, NULL) || store_open(&store, NULL))
			_exit(1);
		die_at = n;
		_exit(reconcile(&store, 0, &r, NULL) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (!WEXITSTATUS(status) || WEXITSTATUS(status) == 9));
	assert_int_equal(chdir(h->dir), 0);
	assert_int_equal(store_find(&h->store, NULL), 0);
	assert_int_equal(store_open(&h->store, NULL), 0);
	return !WEXITSTATUS(status);
}

static void killed_before_files_are_removed(void **state)
{
	size_t died = 0, left = 0;
	bool lived = false;

	(void)state;
	for (int n = 1; !lived; n++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, one);
		start_task(h, 0, false);
		snprintf(fake.jobs[0].state[0], 24, "NODE_FAIL");
		run_reconcile(h, 0);
		make_older(h, 2);
		lived = run_reconcile_and_die(h, n);
		assert_counts(h, "failed 1", "committed before anything is removed");
		died += !lived;
		left += count_files(h, FOLDER_RUNNING);
		run_reconcile(h, 0); /* no row is in flight: old files are removed */
		assert_counts(h, "failed 1", "afterwards");
		assert_job(h, 1, REASON_NODE_FAIL, 1, "afterwards");
		assert_int_equal(count_files(h, FOLDER_RUNNING), 0);
		assert_int_equal(manifest_age(h->store.folder, manifest_of(&fake.jobs[0])), -1);
		here_tear_down(&s);
	}
	assert_true(died >= 2); /* a journal and a manifest */
	assert_int_equal(left, 1);
}

/* The same with revoked claims: ingesting them again changes nothing. */
static void killed_with_revoked_claims(void **state)
{
	size_t died = 0;
	bool lived = false;

	(void)state;
	for (int n = 1; !lived; n++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		submit_sweep(h, ten);
		for (int i = 0; i < 3; i++)
			snprintf(fake.jobs[0].state[i], 24, "CANCELLED");
		for (int i = 3; i < 6; i++)
			snprintf(fake.jobs[0].state[i], 24, "NODE_FAIL");
		lived = run_reconcile_and_die(h, n);
		assert_counts(h, "queued 4, failed 3, cancelled 3", "committed");
		died += !lived;
		cancel_forget(h->store.folder);
		run_reconcile(h, 0);
		assert_counts(h, "queued 4, failed 3, cancelled 3", "afterwards");
		assert_int_equal(count_files(h, FOLDER_REVOKED), 0);
		assert_int_equal(count_files(h, FOLDER_CLAIMS), 4);
		here_tear_down(&s);
	}
	assert_true(died >= 6);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table),
		T(why_jobs_wait),
		T(sacct_is_queried_for_jobs_missing_in_squeue),
		T(an_unknown_id_queries_all_jobs),
		T(a_refill_never_runs_sacct),
		cmocka_unit_test(reused_slurm_ids),
		cmocka_unit_test(bad_constraints_include_nodes_again),
		T(a_cancel_decision_comes_first),
		T(a_renamed_job_keeps_its_row),
		T(a_cancelled_job_that_runs_is_ended),
		T(a_renamed_task_is_not_cancelled),
		cmocka_unit_test(a_twin_of_the_same_name),
		cmocka_unit_test(the_last_sacct_record_counts),
		T(a_forgotten_array_in_sacct),
		T(records_what_was_cancelled_while_pending),
		T(forgotten_tasks_of_an_array),
		T(the_time_of_an_end),
		cmocka_unit_test(rows_that_change_during_a_query),
		cmocka_unit_test(a_claim_that_is_missing),
		cmocka_unit_test(a_claim_that_was_just_won),
		T(one_query_serves_all_processes),
		T(sooner_if_rows_need_a_decision),
		T(one_process_queries_at_a_time),
		cmocka_unit_test(killed_before_files_are_removed),
		cmocka_unit_test(killed_with_revoked_claims),
	};

	/* a hundred stores: memory is faster, and no test here needs a disk */
	if (!access("/dev/shm", W_OK | X_OK))
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
