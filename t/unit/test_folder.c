/* test_folder.c - files in .slurmq: one winner of each claim, no record is lost */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "scratch.h"
#include "store/folder_internal.h"

enum { T = 0x1234 };

struct here {
	char *dir;
	struct folder *sp;
};

static int set_up(void **state)
{
	struct here *h = calloc(1, sizeof(*h));

	h->dir = scratch_make();
	assert_int_equal(folder_create(h->dir, NULL), 0);
	assert_int_equal(folder_open(h->dir, &h->sp, NULL), 0);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct here *h = *state;

	folder_close(h->sp);
	scratch_drop(h->dir);
	free(h);
	return 0;
}

static size_t count_files(struct folder *sp, enum folder_part folder)
{
	struct folder_list l;
	size_t n;

	assert_int_equal(folder_scan(sp, folder, &l, NULL), 0);
	n = l.n;
	folder_list_release(&l);
	return n;
}

static void names(void **state)
{
	static const struct {
		const char *name;
		int rc, task;
		bool who;
	} v[] = {
		{"0000000000001234.0", 0, 0, false},
		{"0000000000001234.17", 0, 17, false},
		{"0000000000001234.answer", 0, -1, false},
		{"0000000000001234.3.55,1,node-1.x,99,00000000000000ff", 0, 3, true},
		{"0000000000001234.3.55,1,node-1.x,99,00000000000000ff;start,5,1;end,", 0, 3, true},
		{"0000000000001234.3.55,1,n1,99", -1, 0, false},
		{"0000000000001234.3.55,1,n1,99,00000000000000ff.x", -1, 0, false},
		{"0000000000001234.", -1, 0, false},
		{"0000000000001234.-1", -1, 0, false},
		{"0000000000001234.answers", -1, 0, false},
		{"000000000000123g.0", -1, 0, false},
		{"1234.0", -1, 0, false},
		{".tmp-0000000000001234", -1, 0, false},
		{"", -1, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct folder_entry e;

		assert_int_equal(folder_name_parse(v[i].name, &e), v[i].rc);
		if (v[i].rc)
			continue;
		assert_int_equal(e.submission, T);
		assert_int_equal(e.task, v[i].task);
		assert_int_equal(e.has_who, v[i].who);
		assert_string_equal(e.name, v[i].name);
		if (v[i].who) {
			assert_int_equal(e.who.slurm_id, 55);
			assert_int_equal(e.who.restart, 1);
			assert_string_equal(e.who.node, "node-1.x");
			assert_int_equal(e.who.random, 0xff);
		}
	}
}

static void a_claim_is_won_once(void **state)
{
	struct here *h = *state;
	struct folder_entry e;
	struct who me;

	assert_int_equal(claim_files_make(h->sp, T, 2, NULL), 0);
	who_self(&me);
	assert_int_equal(claim_file_win(h->sp, T, 0, &me, &e, NULL), 0);
	who_self(&me);
	assert_int_equal(claim_file_win(h->sp, T, 0, &me, &e, NULL), FOLDER_NONE);
	assert_int_equal(claim_file_revoke(h->sp, T, 0, &me, NULL), FOLDER_NONE);
	assert_int_equal(claim_file_revoke(h->sp, T, 1, &me, NULL), 0);
	assert_int_equal(claim_file_win(h->sp, T, 1, &me, &e, NULL), FOLDER_NONE);
	assert_int_equal(claim_file_win(h->sp, T, 2, &me, &e, NULL), FOLDER_NONE);
	assert_int_equal(count_files(h->sp, FOLDER_CLAIMS), 0);
	assert_int_equal(count_files(h->sp, FOLDER_RUNNING), 1);
	assert_int_equal(count_files(h->sp, FOLDER_REVOKED), 1);
	/* claims of a manifest are made once: an existing name is never replaced */
	assert_int_equal(claim_files_make(h->sp, T + 1, 1, NULL), 0);
	assert_int_equal(claim_files_make(h->sp, T + 1, 1, NULL), -1);
}

/* One racer with its own WHO: exits with 1 if it won. */
static void run_racer(const char *dir, int task, bool start, int go)
{
	struct folder_entry e;
	struct folder *sp;
	struct who me;
	char c;
	int rc;

	if (folder_open(dir, &sp, NULL))
		_exit(9);
	who_self(&me);
	if (read(go, &c, 1) < 0)
		_exit(9);
	rc = start ? claim_file_win(sp, T, task, &me, &e, NULL)
		   : claim_file_revoke(sp, T, task, &me, NULL);
	_exit(rc == 0 ? 1 : rc == FOLDER_NONE ? 0 : 9);
}

/* Processes that win a claim against processes that win or revoke it: one winner, a thousand
 * times. */
static void races_have_one_winner(void **state)
{
	enum { RACES = 1000, RACERS = 4 };
	struct here *h = *state;

	assert_int_equal(claim_files_make(h->sp, T, RACES, NULL), 0);
	for (int task = 0; task < RACES; task++) {
		int go[2], won = 0;

		assert_int_equal(pipe(go), 0);
		for (int i = 0; i < RACERS; i++) {
			pid_t pid = fork();

			assert_true(pid >= 0);
			if (!pid) {
				close(go[1]);
				run_racer(h->dir, task, i % 2, go[0]);
			}
		}
		close(go[0]);
		close(go[1]);
		for (int i = 0; i < RACERS; i++) {
			int status;

			assert_true(wait(&status) > 0);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
			won += WEXITSTATUS(status);
		}
		assert_int_equal(won, 1);
	}
	assert_int_equal(count_files(h->sp, FOLDER_CLAIMS), 0);
	assert_int_equal(count_files(h->sp, FOLDER_RUNNING) + count_files(h->sp, FOLDER_REVOKED),
			 RACES);
}

static void start_attempt(struct here *h, struct journal_file *j)
{
	struct folder_entry e;
	struct who me;

	assert_int_equal(claim_files_make(h->sp, T, 1, NULL), 0);
	who_self(&me);
	assert_int_equal(claim_file_win(h->sp, T, 0, &me, &e, NULL), 0);
	assert_int_equal(journal_file_open(h->sp, &e, j, NULL), 0);
}

static void append_line(struct journal_file *j, const char *text)
{
	assert_int_equal(journal_file_append(j, text, strlen(text), true, NULL), 0);
}

static void a_journal_becomes_a_record(void **state)
{
	struct here *h = *state;
	struct journal_file j;
	struct journal read;

	start_attempt(h, &j);
	append_line(&j, "start 5 1 0 n 1\n");
	append_line(&j, "end completed 0 0 0 9 0 0\n");
	assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
	assert_int_equal(count_files(h->sp, FOLDER_RUNNING), 0);
	assert_int_equal(count_files(h->sp, FOLDER_OUTBOX), 1);
	assert_true(folder_has(h->sp, FOLDER_OUTBOX, j.entry.name));
	assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, j.entry.name, &read, NULL), 0);
	assert_int_equal(read.started, 5);
	assert_true(read.end.completed);
	journal_release(&read);
	assert_int_equal(folder_remove(h->sp, FOLDER_OUTBOX, j.entry.name, NULL), 0);
	assert_int_equal(folder_remove(h->sp, FOLDER_OUTBOX, j.entry.name, NULL), 0);
	assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, j.entry.name, &read, NULL),
			 FOLDER_NONE);
	journal_file_close(&j);
}

/* The record is part of the file's name if it fits there. Otherwise the name does not change. */
static void a_record_is_packed_into_its_name(void **state)
{
	static const struct {
		const char *text;
		bool packed;
	} v[] = {
		{"start 5 1 0 n 1\nend completed 0 0 0 9 0 0\n", true},
		{"start 5 1 0 n_1-x.y 1\nstep 0 0 0 0 1 2 3 4 a1\nend failed 7 0 3 9 0 0\n", true},
		{"start 5 1 0 n 1\nresult - a 1e-3\nresult 7 b x y \nend completed 0 0 0 9 0 0\n",
		 true},
		{"start 5 1 0 n 1\nresult - a x,y\nend completed 0 0 0 9 0 0\n", false},
		{"start 5 1 0 n 1\nend completed 0 0 0 9 0 0", false}, /* an incomplete line */
		{"start 5 1 0 n 1\nend failed 0 0 0 9 0 0 a,b\n", false},
		{"start 5 1 0 n 1\nend failed 0 0 0 9 0 0 a;b\n", false},
		{"start 5 1 0 n 1\nend failed 0 0 0 9 0 0 ../x\n", false},
		{"start 5 1 0 n 1\nend failed 0 0 0 9 0 0 \303\251\n", false},
	};
	struct here *h = *state;

	for (size_t i = 0; i <= sizeof(v) / sizeof(v[0]); i++) {
		bool last = i == sizeof(v) / sizeof(v[0]), packed = !last && v[i].packed;
		struct buf text = {0};
		char old[FOLDER_NAME_SIZE];
		struct journal_file j;
		struct journal a, b;
		struct folder_list l;

		if (!last)
			buf_addstr(&text, v[i].text);
		for (int step = 0; last && step < 10; step++) /* too long for a name */
			buf_addf(&text, "step %d 0 0 0 1 2 3 4 train\n", step);
		start_attempt(h, &j);
		append_line(&j, buf_str(&text));
		assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
		memcpy(old, j.entry.name, sizeof(old));
		assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, old, &a, NULL), 0);
		outbox_pack(h->sp, j.entry.name);
		assert_int_equal(strcmp(old, j.entry.name) != 0, packed);
		assert_int_equal(folder_has(h->sp, FOLDER_OUTBOX, old), !packed);
		outbox_pack(h->sp, j.entry.name); /* packing again changes nothing */
		assert_int_equal(outbox_sync(h->sp, j.entry.name, NULL), 0);
		assert_int_equal(folder_scan(h->sp, FOLDER_OUTBOX, &l, NULL), 0);
		assert_int_equal(l.n, 1);
		assert_true(l.v[0].has_who);
		assert_string_equal(l.v[0].name, j.entry.name);
		assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, l.v[0].name, &b, NULL), 0);
		assert_int_equal(a.started, b.started);
		assert_int_equal(a.nsteps, b.nsteps);
		for (size_t k = 0; k < a.nsteps; k++)
			assert_string_equal(a.steps[k].key, b.steps[k].key);
		assert_int_equal(a.nresults, b.nresults);
		for (size_t k = 0; k < a.nresults; k++) {
			assert_string_equal(a.results[k].name, b.results[k].name);
			assert_string_equal(a.results[k].value, b.results[k].value);
		}
		assert_int_equal(a.has_end, b.has_end);
		assert_int_equal(a.end.exit_code, b.end.exit_code);
		assert_int_equal(a.end.ended, b.end.ended);
		assert_int_equal(folder_remove(h->sp, FOLDER_OUTBOX, j.entry.name, NULL), 0);
		/* ingested meanwhile */
		memcpy(j.entry.name, old, sizeof(old));
		outbox_pack(h->sp, j.entry.name);
		assert_string_equal(j.entry.name, old);
		folder_list_release(&l);
		journal_release(&a);
		journal_release(&b);
		journal_file_close(&j);
		buf_release(&text);
	}
}

/* Another process moved the journal, ingested or not: the end is written nevertheless, in a file of
 * its own name. */
static void an_end_after_the_journal_was_moved(void **state)
{
	struct here *h = *state;

	for (int ingested = 0; ingested < 2; ingested++) {
		struct journal_file j, twin;
		char old[sizeof(j.entry.name)];
		struct journal read;

		start_attempt(h, &j);
		append_line(&j, "start 5 1 0 n 1\n");
		assert_int_equal(journal_file_open(h->sp, &j.entry, &twin, NULL), 0);
		append_line(&twin, "preempted 6\n");
		assert_int_equal(journal_file_move(h->sp, &twin, NULL), 0);
		journal_file_close(&twin);
		memcpy(old, j.entry.name, sizeof(old));
		if (ingested)
			assert_int_equal(folder_remove(h->sp, FOLDER_OUTBOX, old, NULL), 0);
		append_line(&j, "end completed 0 0 0 9 0 0\n");
		assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
		assert_string_not_equal(j.entry.name, old);
		assert_int_equal(count_files(h->sp, FOLDER_OUTBOX), ingested ? 1 : 2);
		assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, j.entry.name, &read, NULL),
				 0);
		assert_int_equal(read.started, 5);
		assert_true(read.has_end && read.end.completed);
		journal_release(&read);
		folder_remove(h->sp, FOLDER_OUTBOX, old, NULL);
		folder_remove(h->sp, FOLDER_OUTBOX, j.entry.name, NULL);
		journal_file_close(&j);
	}
}

/* Killed in the middle of a line: the process that closes the attempt writes its text on a new
 * line. */
static void an_incomplete_line_is_ignored(void **state)
{
	static const char *const halves[] = {
		"",
		"s",
		"step 0 0 0 0 1 2",
		"step 0 0 0 0 1 2 3 4 eval n=1", /* cut from n=10 */
		"end completed 0 0 0 9 0",
		"end completed 0 0 0 9 0 1", /* cut from 12 */
	};
	struct here *h = *state;

	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		struct journal_file dead, j;
		struct journal read;

		start_attempt(h, &dead);
		append_line(&dead, "start 5 1 0 n 1\n");
		append_line(&dead, halves[i]);
		assert_int_equal(journal_file_open(h->sp, &dead.entry, &j, NULL), 0);
		append_line(&j, "preempted 6\n");
		assert_int_equal(journal_file_move(h->sp, &j, NULL), 0);
		assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, j.entry.name, &read, NULL),
				 0);
		assert_int_equal(read.started, 5);
		assert_true(read.preempted && !read.has_end);
		assert_int_equal(read.nsteps, 0);
		assert_int_equal(read.preempted_at, 6);
		journal_release(&read);
		folder_remove(h->sp, FOLDER_OUTBOX, j.entry.name, NULL);
		journal_file_close(&j);
		journal_file_close(&dead);
	}
}

/* Lines that could not be written are in the final record, each complete. */
static void a_failed_append_is_written_with_the_end(void **state)
{
	struct here *h = *state;
	struct journal_file j;
	struct journal read;
	int good, full;

	start_attempt(h, &j);
	append_line(&j, "start 5 1 0 n 1\n");
	good = j.fd;
	full = open("/dev/full", O_WRONLY);
	assert_true(full >= 0);
	j.fd = full;
	assert_int_equal(journal_file_append(&j, "step 0 0 0 0 1 2 3 4 train\n", 27, true, NULL),
			 -1);
	assert_int_equal(errno, ENOSPC);
	j.fd = good;
	close(full);
	append_line(&j, "end completed 0 0 0 9 0 0\n");
	assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
	assert_int_equal(count_files(h->sp, FOLDER_RUNNING), 0);
	assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, j.entry.name, &read, NULL), 0);
	assert_int_equal(read.nsteps, 1);
	assert_true(read.has_end);
	journal_release(&read);
	journal_file_close(&j);
}

/* write(2) may write a part and then fail: a partial file does not exist, a partial line is written
 * again. */
static void a_partial_write_counts_as_failed(void **state)
{
	static const char step[] = "step 0 0 0 0 1 2 3 4 train\n", text[100] = "manifest";
	struct here *h = *state;
	struct journal_file j;
	struct buf none = {0};
	struct journal read;
	struct rlimit most, few;
	int appended, put;

	start_attempt(h, &j);
	append_line(&j, "start 5 1 0 n 1\n");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &most), 0);
	few = most;
	few.rlim_cur = sizeof(step) / 2 + strlen("start 5 1 0 n 1\n");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0); /* this also limits the program's log */
	appended = journal_file_append(&j, step, strlen(step), false, NULL);
	put = folder_file_put_nosync(h->sp, "manifests/1", text, sizeof(text), 0600, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &most), 0);
	assert_int_equal(appended, -1);
	assert_int_equal(put, -1);
	assert_int_equal(folder_file_get(h->sp, "manifests/1", &none, NULL), FOLDER_NONE);
	append_line(&j, "end completed 0 0 0 9 0 0\n");
	assert_int_equal(journal_file_post(h->sp, &j, NULL), 0);
	assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, j.entry.name, &read, NULL), 0);
	assert_int_equal(read.nsteps, 1);
	assert_true(read.has_end);
	journal_release(&read);
	journal_file_close(&j);
}

static void an_answer_is_read_back(void **state)
{
	struct here *h = *state;
	struct outbox_answer a = {
		.answer = 5, .slurm_job = 991, .text = (char *)(uintptr_t) "two\nlines"};
	struct outbox_answer b;

	assert_int_equal(outbox_answer_read(h->sp, T, &b, NULL), FOLDER_NONE);
	assert_int_equal(outbox_answer_post(h->sp, T, &a, true, NULL), 0);
	assert_int_equal(outbox_answer_read(h->sp, T, &b, NULL), 0);
	assert_int_equal(b.answer, 5);
	assert_int_equal(b.slurm_job, 991);
	assert_null(b.cluster);
	assert_string_equal(b.text, "two\nlines");
	outbox_answer_release(&b);
	assert_int_equal(count_files(h->sp, FOLDER_OUTBOX), 1);
	/* an answer cut short by a crash is ignored */
	for (size_t len = 0; len < 14; len++) {
		assert_int_equal(folder_file_put(h->sp, "outbox/0000000000001234.answer",
						 "answer 5 991 -\n", len, 0600, NULL),
				 0);
		assert_int_equal(outbox_answer_read(h->sp, T, &b, NULL), 0);
		assert_int_equal(b.answer, 0);
		outbox_answer_release(&b);
	}
}

static void the_lock_has_one_holder(void **state)
{
	struct here *h = *state;
	int status;
	pid_t pid;

	assert_int_equal(queue_lock_try(h->sp, NULL), 0);
	assert_int_equal(queue_lock_try(h->sp, NULL), 0);
	pid = fork();
	if (!pid) {
		struct folder *sp;

		if (folder_open(h->dir, &sp, NULL))
			_exit(9);
		_exit(queue_lock_try(sp, NULL) == FOLDER_BUSY ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	queue_lock_release(h->sp);
	pid = fork(); /* a process that dies releases the lock */
	if (!pid) {
		struct folder *sp;

		if (folder_open(h->dir, &sp, NULL) || queue_lock_try(sp, NULL))
			_exit(9);
		kill(getpid(), 9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(queue_lock_try(h->sp, NULL), 0);
}

/* Runs a command with sh, which must succeed. */
static void run_shell(const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (system(buf_str(&b)))
		fail_msg("%s", buf_str(&b));
	buf_release(&b);
}

/* A removed folder does not come back; a folder that cannot be reached may come back. */
static void a_removed_folder(void **state)
{
	static const struct {
		const char *command; /* in the folder that contains .slurmq */
		bool stale;	     /* the descriptor fails, as with ESTALE */
		bool elsewhere;	     /* the parent is on another file system */
		bool removed;
	} v[] = {
		{"true", false, false, false},
		{"rm -rf .slurmq", false, false, true},
		{"rm -rf .slurmq/*", false, false, true},
		{"rm -rf .slurmq/outbox", false, false, true},
		{"rm -rf .slurmq/running .slurmq/jobs.db", false, false, false},
		{"rm -rf .slurmq && mkdir -p .slurmq/outbox", false, false, true},
		{"rm -rf ../q", false, false, true},
		{"mv .slurmq moved", false, false, false}, /* it can still be written to */
		/* the file server reports ESTALE */
		{"true", true, false, false},
		{"rm -rf .slurmq", true, false, true},
		{"rm -rf .slurmq/*", true, false, true},
		{"mv .slurmq old && cp -r old .slurmq", true, false, true},
		{"mv ../q ../away", true, false, false}, /* a mount is missing */
		{"rm -rf .slurmq", true, true, false},
		{"mv .slurmq old && cp -r old .slurmq", true, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *top = scratch_make(), *dir = mem_printf("%s/p/q/.slurmq", top);
		struct folder *sp;

		run_shell("mkdir -p %s", dir);
		assert_int_equal(folder_create(dir, NULL), 0);
		assert_int_equal(folder_open(dir, &sp, NULL), 0);
		if (v[i].stale) {
			close(sp->folder[FOLDER_OUTBOX]);
			sp->folder[FOLDER_OUTBOX] = -1;
		}
		if (v[i].elsewhere)
			sp->opened.st_dev = sp->outbox.st_dev = sp->opened.st_dev + 1;
		run_shell("cd %s/p/q && %s", top, v[i].command);
		if (folder_is_removed(sp) != v[i].removed)
			fail_msg("case %zu: %s", i, v[i].command);
		folder_close(sp);
		free(dir);
		scratch_drop(top);
	}
}

static void lists_are_sorted_and_clean(void **state)
{
	struct here *h = *state;
	struct folder_list l;
	char *path = NULL;
	int fd;

	assert_int_equal(claim_files_make(h->sp, T + 9, 12, NULL), 0);
	assert_int_equal(claim_files_make(h->sp, T, 3, NULL), 0);
	assert_true(asprintf(&path, "%s/claims/notes.txt", h->dir) > 0);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	free(path);
	assert_int_equal(folder_scan(h->sp, FOLDER_CLAIMS, &l, NULL), 0);
	assert_int_equal(l.n, 15);
	for (size_t i = 0; i < l.n; i++) {
		assert_int_equal(l.v[i].submission, i < 3 ? T : T + 9);
		assert_int_equal(l.v[i].task, i < 3 ? i : i - 3);
	}
	assert_non_null(folder_list_find(&l, T + 9, 11));
	assert_null(folder_list_find(&l, T + 9, 12));
	assert_null(folder_list_find(&l, T + 1, 0));
	folder_list_release(&l);
	assert_int_equal(claim_files_drop(h->sp, T + 9, 12, NULL), 0);
	assert_int_equal(count_files(h->sp, FOLDER_CLAIMS), 3);
}

static void files_are_written_whole(void **state)
{
	struct here *h = *state;
	struct buf b = {0};
	struct stat st;
	char *path = NULL;

	assert_int_equal(folder_file_get(h->sp, "env/1", &b, NULL), FOLDER_NONE);
	assert_int_equal(folder_file_put(h->sp, "env/1", "a\0b", 3, 0600, NULL), 0);
	assert_int_equal(folder_file_put(h->sp, "env/1", "a\0bc", 4, 0600, NULL), 0);
	assert_int_equal(folder_file_get(h->sp, "env/1", &b, NULL), 0);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.s, "a\0bc", 4);
	assert_true(asprintf(&path, "%s/env/1", h->dir) > 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(folder_file_age(h->sp, "env/1") >= 0);
	assert_int_equal(folder_file_age(h->sp, "env/2"), -1);
	free(path);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(a_claim_is_won_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(races_have_one_winner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_journal_becomes_a_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_record_is_packed_into_its_name, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_end_after_the_journal_was_moved, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_incomplete_line_is_ignored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_append_is_written_with_the_end, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_partial_write_counts_as_failed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_answer_is_read_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_lock_has_one_holder, set_up, tear_down),
		cmocka_unit_test(a_removed_folder),
		cmocka_unit_test_setup_teardown(lists_are_sorted_and_clean, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_are_written_whole, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
