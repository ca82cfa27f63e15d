/* test_fill.c - ingest, claim, submit and answer, with a fake Slurm that gives prepared answers */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "chain/cancel.h"
#include "chain/ingest.h"
#include "chain/fill.h"
#include "chain/health.h"
#include "chain/via.h"
#include "fill_here.h"

/* ---- filling ---- */

static void the_queue_is_filled_to_the_limit(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 5;
	put_sweep(h, ten);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(r.stop, FILL_FULL);
	assert_int_equal(fake.sbatches, 1); /* equal options: one array */
	assert_counts(h, "pending 6, queued 4");
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 4);
	assert_int_equal(count_files(h, FOLDER_OUTBOX), 0);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 0);
	assert_int_equal(fake.sbatches, 1);
	/* one job ends: one is submitted, and the next process ingests sbatch's answer */
	play_task(h, &fake.jobs[0], 0, "+");
	fake.jobs[0].gone[0] = true;
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	assert_counts(h, "pending 5, submitting 1, queued 3, completed 1");
	assert_int_equal(count_files(h, FOLDER_OUTBOX), 1);
	fill(h, FILL_CHAIN, 0);
	assert_counts(h, "pending 5, queued 4, completed 1");
}

static void arguments_of_sbatch(void **state)
{
	struct here *h = *state;
	uint64_t t;
	char *want;

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	assert_string_equal(fake.last_argv.v[1], "--mem=1G");
	assert_int_equal(strncmp(fake.last_argv.v[2], "--job-name=ten.", 15), 0);
	assert_int_equal(manifest_name_parse(fake.last_argv.v[2] + 15, &t), 0);
	assert_string_equal(fake.last_argv.v[3], "--array=0-9");
	want = mem_printf("--output=%s/logs/0000/%016" PRIx64 ".%%a.log", h->store.dir, t);
	assert_string_equal(fake.last_argv.v[4], want);
	free(want);
	want = mem_printf("--chdir=%s", h->dir);
	assert_string_equal(fake.last_argv.v[5], want);
	free(want);
	want = mem_printf(
		"#!/bin/bash -p\n# slurmq: ten, 10 jobs\nSLURMQ_DIR=%s\nexport SLURMQ_DIR\n"
		"exec %s/bin/1 run %016" PRIx64 "\n",
		h->store.dir, h->store.dir, t);
	assert_string_equal(fake.last_script, want);
	free(want);
	assert_true(folder_file_exists(h->store.folder, "bin/1"));
	assert_true(folder_file_exists(h->store.folder, "env/1"));
}

static void the_folder_of_a_job(void **state)
{
	static const struct {
		const char *chdir, *folder; /* folder: %s is the folder of .slurmq */
	} v[] = {
		{"/a/b", "/a/b"},	{"a/b", "%s/a/b"},	{"$HOME/a", "/home/u/a"},
		{"${HOME}", "/home/u"}, {"~/{n}", "/home/u/x"}, {"'~'", "/home/u"},
		{"~u/a", "%s/~u/a"},
	};
	char *home = mem_strdup(getenv("HOME"));

	(void)state;
	setenv("HOME", "/home/u", 1);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *text = mem_printf("name: n\nparams: {n: x}\nsbatch:\n  chdir: %s\n"
					"run: [echo, \"{n}\"]\n",
					v[i].chdir);
		char *path, *want;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_sweep(h, text);
		fill(h, FILL_USER, 0);
		path = strncmp(v[i].folder, "%s", 2) ? mem_strdup(v[i].folder)
						     : mem_printf("%s%s", h->dir, v[i].folder + 2);
		want = mem_printf("--chdir=%s", path);
		assert_string_equal(fake.last_argv.v[fake.last_argv.n - 1], want);
		free(want);
		free(path);
		free(text);
		here_tear_down(&s);
	}
	if (home)
		setenv("HOME", home, 1);
	free(home);
}

static void different_options_are_different_submissions(void **state)
{
	struct here *h = *state;

	put_sweep(h, "name: two\nparams: {mem: [1G, 2G], n: [1, 2, 3]}\nsbatch: {mem: \"{mem}\"}\n"
		     "run: [echo, \"{n}\"]\n");
	fill(h, FILL_USER, 0);
	assert_int_equal(fake.sbatches, 2);
	assert_int_equal(fake.jobs[0].ntasks, 3);
	assert_int_equal(fake.jobs[1].ntasks, 3);
	assert_counts(h, "queued 6");
}

static void answers_of_sbatch(void **state)
{
	static const struct {
		int answer;
		bool made; /* Slurm has a job nevertheless */
		int rc;
		const char *counts;
		enum fill_stop stop;
		size_t ready;
	} v[] = {
		{SLURM_ACCEPTED, true, 0, "queued 10", FILL_EMPTY, 10},
		{SLURM_REFUSED, false, 0, "held 10", FILL_REFUSED, 0},
		{SLURM_REFUSED, true, 0, "held 10", FILL_REFUSED, 0},
		{SLURM_UNCLEAR, false, 0, "submitting 10", FILL_UNCLEAR, 10},
		{SLURM_UNCLEAR, true, 0, "submitting 10", FILL_UNCLEAR, 10},
		{SLURM_BUSY, false, 0, "pending 10", FILL_BACKOFF, 0},
		{SLURM_NO_SBATCH, false, -1, "pending 10", FILL_BACKOFF, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct fill_result r;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.answers[0] = v[i].answer;
		fake.nanswers = 1;
		fake.accept_silently = v[i].made;
		put_sweep(h, ten);
		r = fill(h, FILL_USER, v[i].rc);
		assert_int_equal(r.stop, v[i].stop);
		assert_int_equal(fake.sbatches, 1);
		assert_counts(h, v[i].counts);
		assert_int_equal(count_files(h, FOLDER_CLAIMS), v[i].ready);
		assert_int_equal(count_files(h, FOLDER_REVOKED), 0);
		/* an environment without sbatch cannot be used */
		assert_int_equal(folder_file_exists(h->store.folder, "env/1"),
				 v[i].answer != SLURM_NO_SBATCH);
		here_tear_down(&s);
	}
}

/* A job that sbatch reported as refused, but that Slurm has, finds no claim. */
static void a_refused_job_finds_no_claim(void **state)
{
	struct here *h = *state;
	struct who me;
	struct folder_entry e;
	uint64_t t;

	fake.answers[0] = SLURM_REFUSED;
	fake.nanswers = 1;
	fake.accept_silently = true;
	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	t = strtoull(strrchr(fake.jobs[0].name, '.') + 1, NULL, 16);
	who_self(&me);
	for (int i = 0; i < 10; i++)
		assert_int_equal(claim_file_win(h->store.folder, t, i, &me, &e, NULL), FOLDER_NONE);
}

/* An array exceeds the limit: as many jobs as Slurm reports free are submitted at once. */
static void the_limit_is_learnt(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	put_sweep(h, ten);
	fill_max(h, 0); /* the limit is read, then other users' jobs use slots */
	fake.limit = 8;
	fake.others = 5;
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 3);
	assert_int_equal(fake.sbatches, 2);
	assert_counts(h, "pending 7, queued 3");
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 3);
}

/* A limit that Slurm does not show is found by trying: ten and five are too many, two and one and
 * one are not. */
static void a_limit_that_slurm_does_not_show(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.answers[0] = fake.answers[1] = SLURM_LIMIT;
	fake.answers[2] = SLURM_ACCEPTED;
	fake.nanswers = 3;
	put_sweep(h, ten);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(r.stop, FILL_LIMITED);
	assert_counts(h, "pending 6, queued 4");
}

/* The last task of an array has the array's id as SLURM_JOB_ID, so a job that may act on its own
 * Slurm job is submitted alone. */
static void a_job_that_acts_on_itself_is_in_no_array(void **state)
{
	static const struct {
		const char *keys;
		size_t sbatches;
	} v[] = {
		{"run: 'echo $SLURM_JOB_ID {n}'", 1},
		{"run: 'scontrol show nodes {n}'", 1},
		{"run: ['true', '{n}']\nrestartable: true", 3},
		{"run: 'scontrol requeue $SLURM_JOB_ID {n}'", 3},
		{"run: 'squeue -j ${SLURM_JOBID} -o %L {n}'", 3},
		{"setup: 'trap \"scancel $SLURM_JOB_ID\" EXIT'\nrun: ['true', '{n}']", 3},
		/* a step that only one job has */
		{"steps:\n"
		 "  - {name: a, run: 'true {n}'}\n"
		 "  - {name: b, exclude: [{n: [1, 3]}], run: 'sacct -j $SLURM_JOB_ID {n}'}",
		 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *text = mem_printf("name: a\nparams: {n: [1, 2, 3]}\n%s\n", v[i].keys);
		struct fill_result r;
		void *s;

		set_up(&s);
		put_sweep(s, text);
		r = fill(s, FILL_USER, 0);
		assert_int_equal(r.submitted, 3);
		if (fake.sbatches != v[i].sbatches)
			fail_msg("%s: %zu", v[i].keys, fake.sbatches);
		here_tear_down(&s);
		free(text);
	}
}

/* sbatch refuses jobs that are submitted one by one, because of a limit that Slurm does not show:
 * after 8 refusals no further job is tried. */
static void eight_refusals_of_single_jobs(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	for (size_t i = 0; i < 64; i++)
		fake.answers[i] = SLURM_LIMIT;
	fake.nanswers = 64;
	put_sweep(
		h,
		"name: a\nparams: {n: {from: 1, to: 40, step: 1}}\nrestartable: true\nrun: ['true', '{n}']\n");
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.stop, FILL_LIMITED);
	assert_int_equal(fake.sbatches, 8);
	assert_counts(h, "pending 40");
}

static void a_paused_queue(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 5;
	put_sweep(h, ten);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_set(h->store.db, ".paused", "1", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.stop, FILL_PAUSED);
	assert_int_equal(fake.sbatches, 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_setting_unset(h->store.db, ".paused", NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
}

static void make_cancel_record(struct here *h, int64_t age)
{
	cancel_record(h->store.folder, &(struct who){.slurm_id = 7});
	scratch_later(h->store.dir, "cancelled/7", age);
}

/* Jobs were cancelled in Slurm: the chain claims nothing before the decision, and makes it when it
 * is due. slurmq submit does not wait, and removes the records. */
static void after_an_external_cancel(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 5;
	put_sweep(h, ten);
	make_cancel_record(h, 5000);
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.stop, FILL_BACKOFF);
	make_cancel_record(h, 11000);
	fake.away = true; /* so there is no decision yet */
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.stop, FILL_BACKOFF);
	assert_int_equal(fake.sbatches, 0);
	assert_counts(h, "pending 10");
	fake.away = false;
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
	make_cancel_record(h, 5000);
	fake.limit = 7;
	here_sql(h, "UPDATE setting SET value = 7 WHERE key = '.limit.jobs'");
	r = fill(h, FILL_USER, 0);
	assert_true(r.submitted > 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
}

/* The chain has stopped, and status reports the reason. */
static void the_only_job_was_cancelled(void **state)
{
	struct here *h = *state;

	for (int request = 0; request < 2; request++) {
		struct health c;

		if (!request) {
			fake.limit = 2;
			put_sweep(h, ten);
			fill(h, FILL_USER, 0);
			play_task(h, &fake.jobs[0], 0, "k");
			assert_int_equal(ingest_now(&h->store, NULL), 0);
		} else {
			here_sql(h, "UPDATE job SET request = 1 WHERE state = 6");
		}
		here_sql(h, "INSERT OR REPLACE INTO setting VALUES ('.chain.last_refill', 1)");
		assert_int_equal(health_read(&h->store, &c, NULL), 0);
		assert_int_equal(c.state, CHAIN_STALLED);
		assert_int_equal(c.only_cancelled, !request);
		health_release(&c);
		if (request)
			break;
		/* during the hold-off a job may stay, so the chain counts as alive */
		make_cancel_record(h, 5000);
		assert_int_equal(health_read(&h->store, &c, NULL), 0);
		assert_int_equal(c.state, CHAIN_ALIVE);
		health_release(&c);
		cancel_forget(h->store.folder);
	}
}

static void send_term(void)
{
	kill(getpid(), SIGTERM);
}

/* SIGTERM in the middle of sbatch: the submission that was claimed is completed, nothing is undone,
 * and nothing more is claimed. */
static void sigterm_after_sbatch_has_started(void **state)
{
	static const struct {
		enum fill_caller who;
		int answer;
		const char *counts;
	} v[] = {
		{FILL_CHAIN, 0, "queued 10"},
		{FILL_CHAIN, SLURM_BUSY, "pending 10"},
		{FILL_CHAIN, SLURM_UNCLEAR, "submitting 10"},
		{FILL_USER, 0, "queued 10"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_sweep(h, ten);
		fake.answers[0] = v[i].answer;
		fake.nanswers = 1;
		fake.on_sbatch = send_term;
		assert_int_equal(fill(h, v[i].who, 0).submitted, v[i].answer ? 0 : 10);
		assert_int_equal(fake.sbatches, 1);
		assert_int_equal(fake.squeues, 0);
		assert_int_equal(fake.cancelled.n, 0);
		/* the caller queries the reason once the queue lock is free */
		assert_true(proc_term_pending());
		assert_int_equal(ingest_now(&h->store, NULL), 0);
		assert_counts(h, v[i].counts);
		assert_int_equal(count_files(h, FOLDER_CLAIMS),
				 strncmp(v[i].counts, "pend", 4) ? 10 : 0);
		while (proc_signal_wait(0) > 0)
			;
		here_tear_down(&s);
	}
}

/* Many ends in one ingest still use their slots while their Slurm jobs are leaving. */
static void ends_of_one_ingest_keep_their_slots(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 7;
	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	assert_counts(h, "pending 4, queued 6");
	for (int i = 0; i < 4; i++)
		play_task(h, &fake.jobs[0], i, "+");
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	assert_int_equal(r.stop, FILL_FULL);
}

static void a_process_waits_for_the_queue_lock(void **state)
{
	struct here *h = *state;
	struct fill_opts o = {.caller = FILL_CHAIN, .max = -1, .lock_ms = 50};
	struct fill_result r;
	int ready[2], status;
	char c = 0;
	pid_t pid;

	put_sweep(h, ten);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct folder *sp;

		if (folder_open(h->store.dir, &sp, NULL) || queue_lock_try(sp, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	assert_int_equal(r.stop, FILL_LOCKED);
	assert_false(r.ingested);
	assert_int_equal(ingest_now(&h->store, NULL), 0); /* no error, nothing done */
	kill(pid, 9);
	waitpid(pid, &status, 0);
	r = fill(h, FILL_CHAIN, 0); /* the kernel released the dead process's lock */
	assert_int_equal(r.submitted, 10);
	close(ready[0]);
	close(ready[1]);
}

/* Copies the name of the only file in outbox/. Returns false if its content lacks that sign. */
static bool find_only_record(struct folder *sp, char *name, int sign)
{
	struct folder_list l;
	bool is =
		!folder_scan(sp, FOLDER_OUTBOX, &l, NULL) && l.n == 1 && strchr(l.v[0].name, sign);

	if (is)
		memcpy(name, l.v[0].name, FOLDER_NAME_SIZE);
	folder_list_release(&l);
	return is;
}

/* The holder of the queue lock releases it as soon as the other process waits, and has not
 * ingested. */
static void a_waiting_process_ingests_its_end(void **state)
{
	struct here *h = *state;
	char mine[FOLDER_NAME_SIZE];
	struct fill_opts o = {
		.caller = FILL_CHAIN, .max = -1, .lock_ms = 60 * 1000, .record = mine};
	struct fill_result r;
	int ready[2], status;
	char c = 0;
	pid_t pid;

	fake.limit = 5;
	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	play_task(h, &fake.jobs[0], 0, "+");
	assert_true(find_only_record(h->store.folder, mine, ','));
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		char name[FOLDER_NAME_SIZE];
		struct folder *sp;

		if (folder_open(h->store.dir, &sp, NULL) || queue_lock_try(sp, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		for (int i = 0; i < 30000 && !find_only_record(sp, name, ';'); i++)
			clock_sleep_ms(1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
	assert_int_not_equal(r.stop, FILL_LOCKED);
	assert_true(r.ingested);
	assert_false(folder_has(h->store.folder, FOLDER_OUTBOX, mine));
	assert_int_equal(r.submitted, 1);
	fill_result_release(&r);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* SIGTERM before the process has the queue lock, or while it waits for it: nothing is claimed,
 * whatever the reason, which the caller queries. The job's own record is ingested in any case. */
static void sigterm_before_the_queue_lock(void **state)
{
	static const bool while_waiting[] = {false, true};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char mine[FOLDER_NAME_SIZE];
		struct fill_opts o = {
			.caller = FILL_CHAIN, .max = -1, .lock_ms = 60 * 1000, .record = mine};
		struct fill_result r;
		int ready[2], status;
		size_t squeues;
		struct here *h;
		char c = 0;
		pid_t pid;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		fake.limit = 5;
		put_sweep(h, ten);
		fill(h, FILL_USER, 0);
		play_task(h, &fake.jobs[0], 0, "+");
		assert_true(find_only_record(h->store.folder, mine, ','));
		setenv("SLURM_JOB_ID", "100", 1);
		fake.jobs[0].gone[0] = false;
		snprintf(fake.jobs[0].state[0], 24, "COMPLETING");
		squeues = fake.squeues;
		assert_int_equal(pipe(ready), 0);
		pid = fork();
		if (!pid) {
			char name[FOLDER_NAME_SIZE];
			struct folder *sp;

			if (folder_open(h->store.dir, &sp, NULL) || queue_lock_try(sp, NULL))
				_exit(1);
			if (!while_waiting[i])
				kill(getppid(), SIGTERM);
			if (write(ready[1], &c, 1) != 1)
				_exit(1);
			for (int k = 0; k < 30000 && !find_only_record(sp, name, ';'); k++)
				clock_sleep_ms(1);
			if (while_waiting[i])
				kill(getppid(), SIGTERM);
			_exit(0);
		}
		assert_int_equal(read(ready[0], &c, 1), 1);
		assert_int_equal(fill_run(&h->store, &o, &r, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_true(r.ingested);
		assert_int_equal(r.submitted, 0);
		assert_int_equal(r.stop, FILL_BACKOFF);
		assert_int_equal(fake.squeues, squeues);
		assert_true(proc_term_pending());
		while (proc_signal_wait(0) > 0)
			;
		fill_result_release(&r);
		close(ready[0]);
		close(ready[1]);
		here_tear_down(&s);
	}
}

/* A process died between the commit and the removal of files: ingesting the files again changes
 * nothing. */
static void ingesting_twice_changes_nothing(void **state)
{
	struct here *h = *state;
	struct folder_list l;
	struct buf text = {0};
	char *name;

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	play_task(h, &fake.jobs[0], 3, "+");
	assert_int_equal(folder_scan(h->store.folder, FOLDER_OUTBOX, &l, NULL), 0);
	assert_int_equal(l.n, 1);
	name = mem_printf("outbox/%s", l.v[0].name);
	assert_int_equal(folder_file_get(h->store.folder, name, &text, NULL), 0);
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	assert_counts(h, "queued 9, completed 1");
	assert_int_equal(folder_file_put(h->store.folder, name, text.s, text.len, 0600, NULL), 0);
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	assert_counts(h, "queued 9, completed 1");
	assert_int_equal(count_files(h, FOLDER_OUTBOX), 0);
	folder_list_release(&l);
	buf_release(&text);
	free(name);
}

static void exec_sql(struct here *h, const char *text)
{
	char *command = mem_printf("sqlite3 -batch -cmd '.timeout 20000' '%s/jobs.db' \"%s\"",
				   h->store.dir, text);

	assert_int_equal(system(command), 0);
	free(command);
}

/* sbatch is started before its files are written and its rows committed. If one of these fails,
 * sbatch gets no script. */
static void a_claim_that_fails_submits_nothing(void **state)
{
	struct here *h = *state;
	struct fill_opts o = {.caller = FILL_USER, .max = -1};
	struct fill_result r;
	struct err err = {0};
	char *manifests = store_path(&h->store, "manifests");

	put_sweep(h, ten);
	rmdir(manifests); /* if it still exists */
	assert_int_equal(folder_file_put(h->store.folder, "manifests", "", 0, 0600, NULL), 0);
	assert_int_equal(fill_run(&h->store, &o, &r, &err), -1);
	assert_non_null(strstr(err.msg, "manifests"));
	fill_result_release(&r);
	assert_int_equal(fake.abandoned, fake.begun);
	assert_int_equal(fake.fed, 0);
	assert_counts(h, "pending 10");
	assert_int_equal(unlink(manifests), 0);
	exec_sql(h,
		 "CREATE TRIGGER no BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'no'); END");
	assert_int_equal(fill_run(&h->store, &o, &r, &err), -1);
	fill_result_release(&r);
	assert_int_equal(fake.begun, 2);
	assert_int_equal(fake.fed, 0);
	assert_int_equal(fake.abandoned, 2);
	assert_int_equal(fake.sbatches, 0);
	assert_counts(h, "pending 10");
	exec_sql(h, "DROP TRIGGER no");
	fill(h, FILL_USER, 0);
	assert_counts(h, "queued 10");
	assert_int_equal(fake.begun, 3);
	assert_int_equal(fake.fed, 1);
	assert_int_equal(fake.abandoned, 2);
	free(manifests);
}

static struct here *broken;

static void break_database(void)
{
	exec_sql(broken,
		 "CREATE TRIGGER no BEFORE UPDATE ON job BEGIN SELECT RAISE(ABORT, 'no'); END");
}

/* If the database fails after sbatch, the result still reports that Slurm has the jobs. */
static void the_database_fails_after_sbatch(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	put_sweep(h, ten);
	broken = h;
	fake.on_sbatch = break_database;
	r = fill(h, FILL_USER, -1);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(r.submitted, 10);
	assert_int_equal(r.pending, 0);
	assert_int_equal(r.in_flight, 10);
	exec_sql(h, "DROP TRIGGER no");
	fake.on_sbatch = NULL;
	fill(h, FILL_USER, 0);
	assert_counts(h, "queued 10");
}

/* Records that belong to another database are left in the outbox. */
static void foreign_records_stay(void **state)
{
	struct here *h = *state;
	static const char name[] = "outbox/00000000000000aa.0.5,0,n,1,0000000000000001";
	static const char end[] = "end completed 0 0 0 1 2 3\n";

	assert_int_equal(folder_file_put(h->store.folder, name, end, sizeof(end) - 1, 0600, NULL),
			 0);
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	assert_true(folder_file_exists(h->store.folder, name));
}

/* Checks the state of the connection to the submit host that status reports. */
static void assert_via(struct here *h, const char *want)
{
	struct health c;
	const char *problem = NULL;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	for (size_t i = 0; i < c.nneeds; i++)
		if (c.needs[i].kind == NEED_VIA)
			problem = c.needs[i].words;
	if (want)
		assert_string_equal(problem ? problem : "nothing", want);
	else
		assert_null(problem);
	health_release(&c);
}

static void status_reports_a_closed_connection(void **state)
{
	static const struct {
		const char *via, *problem; /* NULL: no error */
	} v[] = {
		{"no-such-command", "submitting via 'no-such-command' failed: 'no-such-command' is "
				    "not on PATH (slurmq config via)"},
		{"false", "submitting via 'false' failed: exit status 1, and it printed nothing "
			  "(slurmq config via)"},
		{"sh -c 'echo \"it is  shut\" >&2; exit 3'",
		 "submitting via 'sh -c 'echo \"it is  shut\" >&2; exit 3'' failed: it is  shut "
		 "(slurmq config via)"},
		{"true", NULL},
		{"false", "submitting via 'false' failed: exit status 1, and it printed nothing "
			  "(slurmq config via)"},
		{"sh -c true 'two words' \"\"", NULL},
	};
	struct here *h = *state;

	fake.limit = 5;
	put_sweep(h, "name: far\nparams: {n: {from: 1, to: 30, step: 1}}\nrun: [echo, \"{n}\"]\n");
	fill(h, FILL_USER, 0);
	assert_via(h, NULL);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct err err = {0};

		assert_int_equal(via_run(&h->store, v[i].via, false, &err), v[i].problem ? -1 : 0);
		assert_string_equal(err.msg, v[i].problem ? v[i].problem : "");
		assert_via(h, v[i].problem);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_queue_is_filled_to_the_limit),
		T(a_claim_that_fails_submits_nothing),
		T(arguments_of_sbatch),
		T(the_folder_of_a_job),
		T(different_options_are_different_submissions),
		cmocka_unit_test(answers_of_sbatch),
		T(a_refused_job_finds_no_claim),
		T(the_limit_is_learnt),
		T(a_limit_that_slurm_does_not_show),
		cmocka_unit_test(a_job_that_acts_on_itself_is_in_no_array),
		T(eight_refusals_of_single_jobs),
		T(a_paused_queue),
		T(after_an_external_cancel),
		T(the_only_job_was_cancelled),
		cmocka_unit_test(sigterm_after_sbatch_has_started),
		T(ends_of_one_ingest_keep_their_slots),
		T(a_process_waits_for_the_queue_lock),
		T(a_waiting_process_ingests_its_end),
		cmocka_unit_test(sigterm_before_the_queue_lock),
		T(ingesting_twice_changes_nothing),
		T(the_database_fails_after_sbatch),
		T(foreign_records_stay),
		T(status_reports_a_closed_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
