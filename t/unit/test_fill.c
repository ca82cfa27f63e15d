/* test_fill.c - ingest, claim, submit, answer, against a Slurm that answers as it is told */
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
	put(h, ten);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(r.stop, FILL_FULL);
	assert_int_equal(fake.sbatches, 1); /* equal options: one array */
	counts_are(h, "pending 6, queued 4");
	assert_int_equal(files(h, FOLDER_CLAIMS), 4);
	assert_int_equal(files(h, FOLDER_OUTBOX), 0);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 0);
	assert_int_equal(fake.sbatches, 1);
	/* one ends: one comes in its place, and sbatch's answer waits for the next who comes */
	play(h, &fake.jobs[0], 0, "+");
	fake.jobs[0].gone[0] = true;
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	counts_are(h, "pending 5, submitting 1, queued 3, completed 1");
	assert_int_equal(files(h, FOLDER_OUTBOX), 1);
	fill(h, FILL_CHAIN, 0);
	counts_are(h, "pending 5, queued 4, completed 1");
}

static void what_sbatch_gets(void **state)
{
	struct here *h = *state;
	uint64_t t;
	char *want;

	put(h, ten);
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

static void options_that_differ_go_apart(void **state)
{
	struct here *h = *state;

	put(h, "name: two\nparams: {mem: [1G, 2G], n: [1, 2, 3]}\nsbatch: {mem: \"{mem}\"}\n"
	       "run: [echo, \"{n}\"]\n");
	fill(h, FILL_USER, 0);
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
		put(h, ten);
		r = fill(h, FILL_USER, v[i].rc);
		assert_int_equal(r.stop, v[i].stop);
		assert_int_equal(fake.sbatches, 1);
		counts_are(h, v[i].counts);
		assert_int_equal(files(h, FOLDER_CLAIMS), v[i].ready);
		assert_int_equal(files(h, FOLDER_REVOKED), 0);
		/* an environment without sbatch is no use to anybody */
		assert_int_equal(folder_file_exists(h->store.folder, "env/1"),
				 v[i].answer != SLURM_NO_SBATCH);
		here_tear_down(&s);
	}
}

/* A job that sbatch denied and made all the same finds no right. */
static void a_denied_job_finds_no_right(void **state)
{
	struct here *h = *state;
	struct who me;
	struct folder_entry e;
	uint64_t t;

	fake.answers[0] = SLURM_REFUSED;
	fake.nanswers = 1;
	fake.accept_silently = true;
	put(h, ten);
	fill(h, FILL_USER, 0);
	t = strtoull(strrchr(fake.jobs[0].name, '.') + 1, NULL, 16);
	who_self(&me);
	for (int i = 0; i < 10; i++)
		assert_int_equal(claim_file_win(h->store.folder, t, i, &me, &e, NULL), FOLDER_NONE);
}

/* The limit is met by an array: as many as Slurm says are left go at once. */
static void the_limit_is_learnt(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	put(h, ten);
	fill_max(h, 0); /* the limit is read, and then others take slots */
	fake.limit = 8;
	fake.others = 5;
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 3);
	assert_int_equal(fake.sbatches, 2);
	counts_are(h, "pending 7, queued 3");
	assert_int_equal(files(h, FOLDER_CLAIMS), 3);
}

/* A Slurm that does not tell is felt for: ten and five are too many, two and one and one are not. */
static void a_limit_that_is_not_told(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.answers[0] = fake.answers[1] = SLURM_LIMIT;
	fake.answers[2] = SLURM_ACCEPTED;
	fake.nanswers = 3;
	put(h, ten);
	r = fill(h, FILL_USER, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(r.stop, FILL_LIMITED);
	counts_are(h, "pending 6, queued 4");
}

static void paused(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 5;
	put(h, ten);
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

static void record(struct here *h, int64_t age)
{
	cancel_record(h->store.folder, &(struct who){.slurm_id = 7});
	scratch_later(h->store.dir, "cancelled/7", age);
}

/* Jobs were cancelled in Slurm: the chain claims nothing until that is decided, which it sees to. A person does not
 * wait, and removes the records. */
static void cancelled_in_slurm(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 5;
	put(h, ten);
	record(h, 5000);
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.stop, FILL_BACKOFF);
	record(h, 11000);
	fake.away = true; /* so it stays undecided */
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.stop, FILL_BACKOFF);
	assert_int_equal(fake.sbatches, 0);
	counts_are(h, "pending 10");
	fake.away = false;
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 4);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
	record(h, 5000);
	fake.limit = 7;
	here_sql(h, "UPDATE setting SET value = 7 WHERE key = '.limit.jobs'");
	r = fill(h, FILL_USER, 0);
	assert_true(r.submitted > 0);
	assert_int_equal(cancel_phase(h->store.folder, NULL), CANCEL_NONE);
}

/* The chain has stalled, and status says why. */
static void the_only_job_was_cancelled(void **state)
{
	struct here *h = *state;

	for (int request = 0; request < 2; request++) {
		struct health c;

		if (!request) {
			fake.limit = 2;
			put(h, ten);
			fill(h, FILL_USER, 0);
			play(h, &fake.jobs[0], 0, "k");
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
		/* in the hold-off a job may stay, so it is alive */
		record(h, 5000);
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

/* Told to end in the middle of its sbatch: what was claimed is submitted to its end, and nothing is undone; nothing more
 * is claimed. */
static void term_after_sbatch_has_begun(void **state)
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
		put(h, ten);
		fake.answers[0] = v[i].answer;
		fake.nanswers = 1;
		fake.on_sbatch = send_term;
		assert_int_equal(fill(h, v[i].who, 0).submitted, v[i].answer ? 0 : 10);
		assert_int_equal(fake.sbatches, 1);
		assert_int_equal(fake.squeues, 0);
		assert_int_equal(fake.cancelled.n, 0);
		/* its reason is for the caller to ask, once the queue lock is free */
		assert_true(proc_term_pending());
		assert_int_equal(ingest_now(&h->store, NULL), 0);
		counts_are(h, v[i].counts);
		assert_int_equal(files(h, FOLDER_CLAIMS), strncmp(v[i].counts, "pend", 4) ? 10 : 0);
		while (proc_signal_wait(0) > 0)
			;
		here_tear_down(&s);
	}
}

/* Many ends in one ingest still hold their slots while their jobs leave. */
static void ends_that_leave_together(void **state)
{
	struct here *h = *state;
	struct fill_result r;

	fake.limit = 7;
	put(h, ten);
	fill(h, FILL_USER, 0);
	counts_are(h, "pending 4, queued 6");
	for (int i = 0; i < 4; i++)
		play(h, &fake.jobs[0], i, "+");
	r = fill(h, FILL_CHAIN, 0);
	assert_int_equal(r.submitted, 1);
	assert_int_equal(r.stop, FILL_FULL);
}

static void a_held_lock_is_waited_for(void **state)
{
	struct here *h = *state;
	struct fill_opts o = {.caller = FILL_CHAIN, .max = -1, .lock_ms = 50};
	struct fill_result r;
	int ready[2], status;
	char c = 0;
	pid_t pid;

	put(h, ten);
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
	r = fill(h, FILL_CHAIN, 0); /* the dead let go */
	assert_int_equal(r.submitted, 10);
	close(ready[0]);
	close(ready[1]);
}

/* The event that lies there alone, in name. False where it has not that sign in it. */
static bool only_event(struct folder *sp, char *name, int sign)
{
	struct folder_list l;
	bool is =
		!folder_scan(sp, FOLDER_OUTBOX, &l, NULL) && l.n == 1 && strchr(l.v[0].name, sign);

	if (is)
		memcpy(name, l.v[0].name, FOLDER_NAME_SIZE);
	folder_list_release(&l);
	return is;
}

/* Its holder leaves it as soon as the other one waits, and has told nothing. */
static void who_waits_tells_its_end(void **state)
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
	put(h, ten);
	fill(h, FILL_USER, 0);
	play(h, &fake.jobs[0], 0, "+");
	assert_true(only_event(h->store.folder, mine, ','));
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		char name[FOLDER_NAME_SIZE];
		struct folder *sp;

		if (folder_open(h->store.dir, &sp, NULL) || queue_lock_try(sp, NULL) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		for (int i = 0; i < 30000 && !only_event(sp, name, ';'); i++)
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

/* Told to end before it takes the lock, or while it waits for it: nothing is claimed, whatever the reason, which is for
 * the caller to ask, and what the job has to tell is told in any case. */
static void term_before_the_lock(void **state)
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
		put(h, ten);
		fill(h, FILL_USER, 0);
		play(h, &fake.jobs[0], 0, "+");
		assert_true(only_event(h->store.folder, mine, ','));
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
			for (int k = 0; k < 30000 && !only_event(sp, name, ';'); k++)
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

/* Died between the commit and the unlink: all of it is told again. */
static void told_again_is_nothing(void **state)
{
	struct here *h = *state;
	struct folder_list l;
	struct buf text = {0};
	char *name;

	put(h, ten);
	fill(h, FILL_USER, 0);
	play(h, &fake.jobs[0], 3, "+");
	assert_int_equal(folder_scan(h->store.folder, FOLDER_OUTBOX, &l, NULL), 0);
	assert_int_equal(l.n, 1);
	name = mem_printf("outbox/%s", l.v[0].name);
	assert_int_equal(folder_file_get(h->store.folder, name, &text, NULL), 0);
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	counts_are(h, "queued 9, completed 1");
	assert_int_equal(folder_file_put(h->store.folder, name, text.s, text.len, 0600, NULL), 0);
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	counts_are(h, "queued 9, completed 1");
	assert_int_equal(files(h, FOLDER_OUTBOX), 0);
	folder_list_release(&l);
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
	struct fill_opts o = {.caller = FILL_USER, .max = -1};
	struct fill_result r;
	struct err err = {0};
	char *manifests = store_path(&h->store, "manifests");

	put(h, ten);
	rmdir(manifests); /* where it is there yet */
	assert_int_equal(folder_file_put(h->store.folder, "manifests", "", 0, 0600, NULL), 0);
	assert_int_equal(fill_run(&h->store, &o, &r, &err), -1);
	assert_non_null(strstr(err.msg, "manifests"));
	fill_result_release(&r);
	assert_int_equal(fake.abandoned, fake.begun);
	assert_int_equal(fake.fed, 0);
	counts_are(h, "pending 10");
	assert_int_equal(unlink(manifests), 0);
	sql(h, "CREATE TRIGGER no BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'no'); END");
	assert_int_equal(fill_run(&h->store, &o, &r, &err), -1);
	fill_result_release(&r);
	assert_int_equal(fake.begun, 2);
	assert_int_equal(fake.fed, 0);
	assert_int_equal(fake.abandoned, 2);
	assert_int_equal(fake.sbatches, 0);
	counts_are(h, "pending 10");
	sql(h, "DROP TRIGGER no");
	fill(h, FILL_USER, 0);
	counts_are(h, "queued 10");
	assert_int_equal(fake.begun, 3);
	assert_int_equal(fake.fed, 1);
	assert_int_equal(fake.abandoned, 2);
	free(manifests);
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
	struct fill_result r;

	put(h, ten);
	broken = h;
	fake.on_sbatch = it_breaks;
	r = fill(h, FILL_USER, -1);
	assert_int_equal(fake.sbatches, 1);
	assert_int_equal(r.submitted, 10);
	assert_int_equal(r.pending, 0);
	assert_int_equal(r.in_flight, 10);
	sql(h, "DROP TRIGGER no");
	fake.on_sbatch = NULL;
	fill(h, FILL_USER, 0);
	counts_are(h, "queued 10");
}

/* What is of another database is left for whoever put that one here. */
static void foreign_events_stay(void **state)
{
	struct here *h = *state;
	static const char name[] = "outbox/00000000000000aa.0.5,0,n,1,0000000000000001";
	static const char end[] = "end completed 0 0 0 1 2 3\n";

	assert_int_equal(folder_file_put(h->store.folder, name, end, sizeof(end) - 1, 0600, NULL),
			 0);
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	assert_true(folder_file_exists(h->store.folder, name));
}

/* What status says of the way to the host that submits. */
static void via_is(struct here *h, const char *want)
{
	struct health c;
	const char *told = NULL;

	assert_int_equal(health_read(&h->store, &c, NULL), 0);
	for (size_t i = 0; i < c.nneeds; i++)
		if (c.needs[i].kind == NEED_VIA)
			told = c.needs[i].words;
	if (want)
		assert_string_equal(told ? told : "nothing", want);
	else
		assert_null(told);
	health_release(&c);
}

static void a_way_out_that_is_closed_is_told(void **state)
{
	static const struct {
		const char *via, *told; /* NULL: it went well */
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
	put(h, "name: far\nparams: {n: {from: 1, to: 30, step: 1}}\nrun: [echo, \"{n}\"]\n");
	fill(h, FILL_USER, 0);
	via_is(h, NULL);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct err err = {0};

		assert_int_equal(via_run(&h->store, v[i].via, false, &err), v[i].told ? -1 : 0);
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
		T(paused),
		T(cancelled_in_slurm),
		T(the_only_job_was_cancelled),
		cmocka_unit_test(term_after_sbatch_has_begun),
		T(ends_that_leave_together),
		T(a_held_lock_is_waited_for),
		T(who_waits_tells_its_end),
		cmocka_unit_test(term_before_the_lock),
		T(told_again_is_nothing),
		T(a_round_that_fails_behind_sbatch),
		T(foreign_events_stay),
		T(a_way_out_that_is_closed_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
