/* test_db.c - the job store: every transition from every state, counters, versions, refusals to
 * open */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/clock.h"
#include "store/db_internal.h"
#include "scratch.h"

struct here {
	char *dir, *path;
	struct db *db;
	int64_t sweep, version, job;
};

static struct sweep_param params[] = {{"lr", "1e-3", false}, {"seed", "7", false}};
static struct sweep_point point = {.n = 2, .params = params, .sample = -1};

/* Adds n jobs with keys from first_key on, and publishes them as a version. */
static void add_jobs(struct here *h, const char *name, uint64_t first_key, int n)
{
	struct db_version v = {.sweep_name = (char *)(uintptr_t)name,
			       .file = (char *)(uintptr_t) "f",
			       .dir = (char *)(uintptr_t) "/",
			       .source = (char *)(uintptr_t) "name: x\n",
			       .source_len = 8};

	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_version_add(h->db, &v, NULL), 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(db_job_add(h->db, v.sweep, v.id, first_key + (uint64_t)i, &point,
					    &h->job, NULL),
				 0);
	assert_int_equal(db_version_publish(h->db, v.id, n, NULL), 0);
	assert_int_equal(db_commit(h->db, NULL), 0);
	h->sweep = v.sweep;
	h->version = v.id;
}

static int not_written; /* the errno of access(2) for writing; 0: allowed */

int access(const char *path, int mode)
{
	if (mode == W_OK && not_written) {
		errno = not_written;
		return -1;
	}
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

static int set_up(void **state)
{
	struct here *h = calloc(1, sizeof(*h));

	h->dir = scratch_make();
	assert_true(asprintf(&h->path, "%s/jobs.db", h->dir) > 0);
	assert_int_equal(db_create(h->path, "abc", NULL), 0);
	assert_int_equal(db_open(h->path, "abc", &h->db, NULL), 0);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct here *h = *state;

	db_close(h->db);
	scratch_drop(h->dir);
	free(h->path);
	free(h);
	return 0;
}

/* ---- transitions, as strings of letters ---- */

struct play {
	struct here *h;
	uint64_t token;
	int64_t attempt[8]; /* from index 1 */
	int n;
};

static void try_claim(struct play *p)
{
	struct db_submission s = {.id = ++p->token, .version = p->h->version};
	struct db_job job;

	assert_int_equal(db_job_get(p->h->db, p->h->job, &job, NULL), 0);
	if (job.state == JOB_PENDING) {
		assert_int_equal(db_claim(p->h->db, &s, &job, 1, NULL), 0);
		p->attempt[++p->n] = s.first;
	} else {
		assert_int_equal(db_claim(p->h->db, &s, &job, 1, NULL), -1);
	}
	db_job_release(&job);
}

/* Applies one event, a letter, to the newest attempt, or to the attempt of the digit before the
 * letter. */
static void apply_event(struct play *p, char what, int which)
{
	struct job_end ok = {.completed = true, .ended = 9},
		       bad = {.reason = REASON_EXIT, .exit_code = 3, .ended = 9};
	struct job_end pre = {.reason = REASON_PREEMPTED, .ended = 9};
	struct job_end lost = {.reason = REASON_LOST, .ended = 9};
	struct job_end can = {.reason = REASON_CANCELLED, .ended = 9};
	struct db_again fail_and_retry = {.tries = 1, .due = 7};
	struct db *db = p->h->db;
	int64_t job = p->h->job, a = p->attempt[which ? which : p->n];
	int c, rc = 0;

	switch (what) {
	case 'c':
		try_claim(p);
		break;
	case 'q':
		rc = db_submission_answer(db, p->token, 1, 500, NULL, NULL);
		break;
	case 'a':
		rc = db_attempt_queued(db, a, 501, &c, NULL);
		break;
	case 'r':
		rc = db_attempt_running(db, a, 500, "n1", 5, &c, NULL);
		break;
	case '+':
		rc = db_attempt_reported(db, a, &ok, &c, NULL);
		break;
	case '-':
		rc = db_attempt_reported(db, a, &bad, &c, NULL);
		break;
	case 'k':
		rc = db_attempt_reported(db, a, &can, &c, NULL);
		break;
	case 'p':
		rc = db_attempt_preempted(db, a, &pre, &c, NULL);
		break;
	case 'l':
		rc = db_attempt_inferred(db, a, &lost, &c, NULL);
		break;
	case 'e':
		rc = db_attempt_revoked(db, a, JOB_PENDING, 0, &c, NULL);
		break;
	case 'E':
		rc = db_attempt_revoked(db, a, JOB_CANCELLED, REASON_CANCELLED, &c, NULL);
		break;
	case 'F':
		rc = db_attempt_revoked(db, a, JOB_HELD, REASON_REFUSED, &c, NULL);
		break;
	case 'X':
		rc = db_job_cancel(db, job, &c, NULL);
		break;
	case 'H':
		rc = db_job_hold(db, job, &c, NULL);
		break;
	case 'U':
		rc = db_job_release_held(db, job, &c, NULL);
		break;
	case 'T':
		rc = db_job_retry(db, job, false, false, NULL, NULL, &c, NULL);
		break;
	case 'G':
		rc = db_attempt_again(db, a, &fail_and_retry, &c, NULL);
		break;
	default:
		fail_msg("no such act: %c", what);
	}
	assert_int_equal(rc, 0);
}

static void transitions(void **state)
{
	static const struct {
		const char *acts;
		int state, reason, tries;
	} v[] = {
		{"", JOB_PENDING, 0, 0},
		{"c", JOB_SUBMITTING, 0, 0},
		{"cq", JOB_QUEUED, 0, 0},
		{"ca", JOB_QUEUED, 0, 0},
		{"cqr", JOB_RUNNING, 0, 1},
		{"cqrr", JOB_RUNNING, 0, 1},
		{"cqr+", JOB_COMPLETED, 0, 1},
		{"cqr-", JOB_FAILED, REASON_EXIT, 1},
		{"cqrk", JOB_CANCELLED, REASON_CANCELLED, 1},
		/* a start or an end before sbatch's answer, which then changes nothing */
		{"cr", JOB_RUNNING, 0, 1},
		{"crq", JOB_RUNNING, 0, 1},
		{"cr+q", JOB_COMPLETED, 0, 1},
		{"cr-q", JOB_FAILED, REASON_EXIT, 1},
		{"cr+aq", JOB_COMPLETED, 0, 1},
		/* reported twice */
		{"cqr++", JOB_COMPLETED, 0, 1},
		{"cqr+-", JOB_COMPLETED, 0, 1},
		{"cqr-+", JOB_FAILED, REASON_EXIT, 1},
		{"cqr+p", JOB_COMPLETED, 0, 1},
		{"cqr+l", JOB_COMPLETED, 0, 1},
		/* revoked claims */
		{"ce", JOB_PENDING, 0, 0},
		{"cqe", JOB_PENDING, 0, 0},
		{"cqE", JOB_CANCELLED, REASON_CANCELLED, 0},
		{"cF", JOB_HELD, REASON_REFUSED, 0},
		{"cre", JOB_RUNNING, 0, 1},
		{"ceq", JOB_PENDING, 0, 0},
		{"cee", JOB_PENDING, 0, 0},
		{"cec", JOB_SUBMITTING, 0, 0},
		{"cec1e", JOB_SUBMITTING, 0, 0},
		{"cFU", JOB_PENDING, 0, 0},
		/* inferred ends, and their corrections */
		{"cqrl", JOB_FAILED, REASON_LOST, 1},
		{"cqrl+", JOB_COMPLETED, 0, 1},
		{"cqrl-", JOB_FAILED, REASON_EXIT, 1},
		{"cqrlp", JOB_FAILED, REASON_PREEMPTED, 1},
		{"cqrp", JOB_FAILED, REASON_PREEMPTED, 1},
		{"cqrp+", JOB_COMPLETED, 0, 1},
		{"cqrpp", JOB_FAILED, REASON_PREEMPTED, 1},
		{"cqrpl", JOB_FAILED, REASON_PREEMPTED, 1},
		/* a late end line, and a retry that the user asked for */
		{"cqrlT", JOB_PENDING, 0, 1},
		{"cqrlT+", JOB_COMPLETED, 0, 1},
		{"cqrlT-", JOB_PENDING, 0, 1},
		{"cqrlTc1+", JOB_SUBMITTING, 0, 1},
		{"cqrlTcqr1+", JOB_RUNNING, 0, 2},
		{"cqrlTcqr1-+", JOB_COMPLETED, 0, 2},
		{"cqr-Tcqr+", JOB_COMPLETED, 0, 2},
		/* a retry by policy: only of a failed job, once, and without a requested action */
		{"cqr-G", JOB_PENDING, 0, 1},
		{"cqr-GG", JOB_PENDING, 0, 1},
		{"cqr-Gcqr+", JOB_COMPLETED, 0, 2},
		{"cqr-Gcqr-", JOB_FAILED, REASON_EXIT, 2},
		{"cG", JOB_SUBMITTING, 0, 0},
		{"cqG", JOB_QUEUED, 0, 0},
		{"cqrG", JOB_RUNNING, 0, 1},
		{"cqr+G", JOB_COMPLETED, 0, 1},
		{"cqrkG", JOB_CANCELLED, REASON_CANCELLED, 1},
		{"cqrX-G", JOB_CANCELLED, REASON_CANCELLED, 1},
		{"cqHr-G", JOB_HELD, REASON_EXIT, 1},
		{"cqr-GX", JOB_CANCELLED, REASON_CANCELLED, 1},
		{"cqr-GH", JOB_HELD, REASON_USER, 1},
		{"cqr-GHU", JOB_PENDING, 0, 1},
		{"cqr-GT", JOB_PENDING, 0, 1},
		{"cqr-Gc1G", JOB_SUBMITTING, 0, 1},
		{"cqr-Tc1G", JOB_SUBMITTING, 0, 1},
		{"cqr-Gcqr-1G", JOB_FAILED, REASON_EXIT, 2},
		/* a late end line counts until the next attempt is claimed */
		{"cqrlG", JOB_PENDING, 0, 1},
		{"cqrlG+", JOB_COMPLETED, 0, 1},
		{"cqrlG-", JOB_PENDING, 0, 1},
		{"cqrlG-+", JOB_PENDING, 0, 1},
		{"cqrpG", JOB_PENDING, 0, 1},
		{"cqrpG+", JOB_COMPLETED, 0, 1},
		{"cqrpG-", JOB_PENDING, 0, 1},
		{"cqrpGp", JOB_PENDING, 0, 1},
		{"cqrlGp", JOB_PENDING, 0, 1},
		{"cqrlGc1+", JOB_SUBMITTING, 0, 1},
		{"cqrlGcqr1+", JOB_RUNNING, 0, 2},
		{"cqrlGcqr1-", JOB_RUNNING, 0, 2},
		{"cqrlGcqr-1+", JOB_FAILED, REASON_EXIT, 2},
		{"cqrlGX+", JOB_COMPLETED, 0, 1},
		{"cqrl-G", JOB_PENDING, 0, 1},
		/* requested actions */
		{"X", JOB_CANCELLED, REASON_CANCELLED, 0},
		{"XT", JOB_PENDING, 0, 0},
		{"H", JOB_HELD, REASON_USER, 0},
		{"HU", JOB_PENDING, 0, 0},
		{"HX", JOB_CANCELLED, REASON_CANCELLED, 0},
		{"Hc", JOB_HELD, REASON_USER, 0},
		{"cX", JOB_SUBMITTING, 0, 0},
		{"cXe", JOB_CANCELLED, REASON_CANCELLED, 0},
		{"cqXe", JOB_CANCELLED, REASON_CANCELLED, 0},
		{"cqHe", JOB_HELD, REASON_USER, 0},
		{"cqHUe", JOB_PENDING, 0, 0},
		{"cqHeU", JOB_PENDING, 0, 0},
		{"cqXF", JOB_CANCELLED, REASON_CANCELLED, 0},
		{"cqrX-", JOB_CANCELLED, REASON_CANCELLED, 1},
		{"cqrX+", JOB_COMPLETED, 0, 1},
		{"cqrXl", JOB_CANCELLED, REASON_CANCELLED, 1},
		{"cqrXp", JOB_CANCELLED, REASON_CANCELLED, 1},
		{"cqrXpT", JOB_PENDING, 0, 1},
		{"cqrH-", JOB_FAILED, REASON_EXIT, 1},
		{"cqHr-", JOB_HELD, REASON_EXIT, 1},
		{"cqrT", JOB_RUNNING, 0, 1},
		{"cqr+T", JOB_COMPLETED, 0, 1},
		{"cqr+X", JOB_COMPLETED, 0, 1},
		{"cqr+H", JOB_COMPLETED, 0, 1},
		{"cqr-X", JOB_FAILED, REASON_EXIT, 1},
		{"U", JOB_PENDING, 0, 0},
	};
	struct here *h = *state;
	struct play p = {.h = h};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct db_job job;
		int which = 0;

		add_jobs(h, "s", 1000 + i, 1);
		assert_int_equal(db_begin(h->db, NULL), 0);
		p.n = 0;
		for (const char *a = v[i].acts; *a; a++) {
			if (*a >= '1' && *a <= '9') {
				which = *a - '0';
				continue;
			}
			apply_event(&p, *a, which);
			which = 0;
		}
		assert_int_equal(db_commit(h->db, NULL), 0);
		assert_int_equal(db_job_get(h->db, h->job, &job, NULL), 0);
		if (job.state != v[i].state || job.reason != v[i].reason || job.tries != v[i].tries)
			fail_msg("%s: %s %s, %d tries", v[i].acts, job_state_name(job.state),
				 job_reason_name(job.reason), (int)job.tries);
		db_job_release(&job);
	}
	assert_int_equal(db_check(h->db, NULL), 0);
}

/* ---- retries by policy ---- */

/* Fails the job's newest attempt, and retries it with this retry state. */
static void fail_and_retry(struct here *h, int64_t job, const struct db_again *next)
{
	struct play p = {.h = h, .token = (uint64_t)job * 100};
	int64_t was = h->job;
	int c;

	h->job = job;
	assert_int_equal(db_begin(h->db, NULL), 0);
	try_claim(&p);
	apply_event(&p, 'r', 0);
	apply_event(&p, '-', 0);
	assert_int_equal(db_attempt_again(h->db, p.attempt[1], next, &c, NULL), 0);
	assert_int_equal(c, 1);
	assert_int_equal(db_commit(h->db, NULL), 0);
	h->job = was;
}

static void tries_by_policy(void **state)
{
	struct here *h = *state;
	char options[] = "--time=10:00\n";
	int64_t now = clock_now_ms(), n, first;
	struct db_again next = {.tries = 2, .site = 1, .due = now + 100000, .options = options};
	struct db_job job, *v;
	size_t count;
	int c;

	add_jobs(h, "s", 1, 4);
	next.version = h->version;
	fail_and_retry(h, 1, &next);
	next.due = now + 50000;
	fail_and_retry(h, 2, &next);
	next.due = 0;
	fail_and_retry(h, 3, &next);
	assert_int_equal(db_jobs_later(h->db, &n, &first, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(first, now + 50000);
	/* waiting jobs are listed apart, the earliest first */
	assert_int_equal(db_jobs_pending(h->db, 10, &v, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(v[0].id, 3);
	assert_int_equal(v[1].id, 4);
	assert_int_equal(v[0].again.tries, 2);
	assert_int_equal(v[0].again.site, 1);
	assert_null(v[1].again.options);
	db_jobs_free(v, count);
	assert_int_equal(db_jobs_pending_from(h->db, 5, 0, 10, &v, &count, NULL), 0);
	assert_int_equal(count, 2);
	db_jobs_free(v, count);
	assert_int_equal(db_jobs_waiting(h->db, 10, &v, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(v[0].id, 2);
	assert_int_equal(v[1].id, 1);
	assert_string_equal(v[1].again.options, options);
	assert_int_equal(v[1].again.due, now + 100000);
	db_jobs_free(v, count);
	assert_int_equal(db_jobs_waiting(h->db, 1, &v, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(v[0].id, 2);
	db_jobs_free(v, count);
	/* slurmq retry: the count of tries restarts; the options stay unless the user sets
	 * others */
	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_job_cancel(h->db, 1, &c, NULL), 0);
	assert_int_equal(db_job_retry(h->db, 1, false, false, NULL, NULL, &c, NULL), 0);
	assert_int_equal(db_job_cancel(h->db, 2, &c, NULL), 0);
	assert_int_equal(db_job_retry(h->db, 2, false, false, NULL, "--mem=2G\n", &c, NULL), 0);
	assert_int_equal(db_commit(h->db, NULL), 0);
	assert_int_equal(db_job_get(h->db, 1, &job, NULL), 0);
	assert_int_equal(job.again.tries + job.again.site + job.again.due, 0);
	assert_string_equal(job.again.options, options);
	db_job_release(&job);
	assert_int_equal(db_job_get(h->db, 2, &job, NULL), 0);
	assert_int_equal(job.again.tries + job.again.site + job.again.due, 0);
	assert_null(job.again.options);
	assert_string_equal(job.options, "--mem=2G\n");
	db_job_release(&job);
	/* a new version sets its jobs' options anew */
	add_jobs(h, "s", 100, 1);
	assert_int_equal(db_job_get(h->db, 3, &job, NULL), 0);
	assert_null(job.again.options);
	assert_int_equal(job.again.tries, 2);
	db_job_release(&job);
}

/* ---- reading ---- */

static int count_job(void *arg, const struct db_job *job)
{
	(void)job;
	++*(int *)arg;
	return 0;
}

static void jobs_and_counters(void **state)
{
	struct here *h = *state;
	struct db_select select = {0};
	struct db_sweep *v;
	struct db_job *jobs;
	int64_t counts[JOB_NSTATES], n64, sweep;
	int n = 0, c;
	size_t n_sweeps, count;

	add_jobs(h, "a", 1, 1200);
	add_jobs(h, "b", 1, 10);
	assert_int_equal(db_begin(h->db, NULL), 0);
	for (int64_t id = 1201; id <= 1204; id++)
		assert_int_equal(db_job_cancel(h->db, id, &c, NULL), 0);
	assert_int_equal(db_job_priority(h->db, 1210, 5, &c, NULL), 0);
	assert_int_equal(db_commit(h->db, NULL), 0);
	assert_int_equal(db_counts(h->db, counts, NULL), 0);
	assert_int_equal(counts[JOB_PENDING], 1206);
	assert_int_equal(counts[JOB_CANCELLED], 4);
	assert_int_equal(db_sweeps(h->db, &v, &n_sweeps, NULL), 0);
	assert_int_equal(n_sweeps, 2);
	assert_string_equal(v[1].name, "b");
	assert_int_equal(v[1].jobs, 10);
	assert_int_equal(v[1].counts[JOB_CANCELLED], 4);
	sweep = v[1].id;
	select.sweeps = &sweep;
	select.nsweeps = 1;
	select.states = 1U << JOB_CANCELLED;
	db_sweeps_free(v, n_sweeps);
	assert_int_equal(db_jobs_each(h->db, &select, count_job, &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_int_equal(db_jobs_count(h->db, &select, &n64, NULL), 0);
	assert_int_equal(n64, 4);
	memset(&select, 0, sizeof(select));
	n = 0;
	assert_int_equal(db_jobs_each(h->db, &select, count_job, &n, NULL), 0);
	assert_int_equal(n, 1210);
	assert_int_equal(db_jobs_pending(h->db, 3, &jobs, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(jobs[0].id, 1210); /* the highest priority is first */
	assert_int_equal(jobs[1].id, 1);
	assert_int_equal(jobs[1].point.n, 2);
	assert_string_equal(jobs[1].point.params[0].name, "lr");
	assert_string_equal(jobs[1].point.params[1].value, "7");
	assert_int_equal(jobs[1].point.sample, -1);
	db_jobs_free(jobs, count);
	assert_int_equal(db_check(h->db, NULL), 0);
}

/* No reader sees a version before it is published; an interrupted one is removed. */
static void versions(void **state)
{
	struct here *h = *state;
	struct db_version v = {.sweep_name = (char *)(uintptr_t) "s",
			       .file = (char *)(uintptr_t) "f",
			       .dir = (char *)(uintptr_t) "/",
			       .source = (char *)(uintptr_t) "2",
			       .source_len = 1};
	int64_t counts[JOB_NSTATES], id, old;
	struct db_job job, *jobs;
	int64_t deleted = 0;
	int rc = 0;
	size_t n;

	add_jobs(h, "s", 1, 3);
	old = h->job;
	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_version_add(h->db, &v, NULL), 0);
	assert_int_equal(db_job_add(h->db, v.sweep, v.id, 50, &point, &id, NULL), 0);
	assert_int_equal(db_job_reshape(h->db, old, v.id, NULL, NULL), 0);
	assert_int_equal(db_commit(h->db, NULL), 0);
	assert_int_equal(db_job_get(h->db, id, &job, NULL), DB_NONE);
	assert_int_equal(db_job_find_key(h->db, v.sweep, 50, &id, NULL), 0);
	assert_int_equal(db_jobs_pending(h->db, 10, &jobs, &n, NULL), 0);
	assert_int_equal(n, 3);
	db_jobs_free(jobs, n);
	assert_int_equal(db_job_get(h->db, old, &job, NULL), 0);
	assert_int_equal(job.version, h->version);
	db_job_release(&job);
	assert_int_equal(db_check(h->db, NULL), 0);
	while (!rc) {
		assert_int_equal(db_begin(h->db, NULL), 0);
		rc = db_hidden_delete(h->db, 1, &deleted, NULL);
		assert_int_equal(db_commit(h->db, NULL), 0);
	}
	assert_int_equal(rc, DB_NONE);
	assert_int_equal(deleted, 1);
	assert_int_equal(db_job_find_key(h->db, v.sweep, 50, &id, NULL), DB_NONE);
	assert_int_equal(db_version_get(h->db, v.id, &v, NULL), DB_NONE);
	assert_int_equal(db_counts(h->db, counts, NULL), 0);
	assert_int_equal(counts[JOB_PENDING], 3);
}

static int count_attempt(void *arg, int64_t first, uint64_t submission, int task)
{
	int *n = arg;

	assert_int_equal(first, 1);
	assert_int_equal(submission, 77);
	assert_int_equal(task, *n);
	++*n;
	return 0;
}

/* A sweep with a job in flight is not hidden. A hidden one is found by no function, and neither its
 * ids nor those of its rows are used again. */
static void deleted_sweep(void **state)
{
	struct here *h = *state;
	struct db_submission s = {.id = 77, .first = 0};
	const struct job_end end = {.completed = true, .ended = 1};
	int64_t flying, id, deleted = 0, schema;
	struct db_sweep found;
	struct db_job *jobs;
	int n = 0, changed, closed, rc = 0;
	bool hidden;
	size_t njobs;

	add_jobs(h, "s", 1, 3);
	assert_int_equal(db_schema_id(h->db, &point, &schema, NULL), 0);
	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_jobs_pending(h->db, 2, &jobs, &njobs, NULL), 0);
	s.version = h->version;
	assert_int_equal(db_claim(h->db, &s, jobs, 2, NULL), 0);
	db_jobs_free(jobs, njobs);
	assert_int_equal(db_sweep_hide(h->db, h->sweep, &flying, NULL), 0);
	assert_int_equal(flying, 2);
	assert_int_equal(db_sweep_find(h->db, "s", &found, NULL), 0);
	db_sweep_release(&found);
	for (int64_t a = 1; a <= 2; a++)
		assert_int_equal(db_attempt_reported(h->db, a, &end, &changed, NULL), 0);
	assert_int_equal(db_sweep_hide(h->db, h->sweep, &flying, NULL), 0);
	assert_int_equal(flying, 0);
	assert_int_equal(db_commit(h->db, NULL), 0);

	assert_int_equal(db_sweep_find(h->db, "s", &found, NULL), DB_NONE);
	assert_int_equal(db_jobs_pending(h->db, 9, &jobs, &njobs, NULL), 0);
	assert_int_equal(njobs, 0);
	assert_int_equal(db_attempt_find(h->db, 77, 0, &id, &closed, NULL), DB_NONE);
	assert_int_equal(db_check(h->db, NULL), 0);
	assert_int_equal(db_hidden_submission(h->db, 77, &hidden, NULL), 0);
	assert_true(hidden);
	assert_int_equal(db_hidden_attempts(h->db, 9, count_attempt, &n, NULL), 0);
	assert_int_equal(n, 2);
	while (!rc) {
		assert_int_equal(db_begin(h->db, NULL), 0);
		rc = db_hidden_delete(h->db, 2, &deleted, NULL);
		assert_int_equal(db_commit(h->db, NULL), 0);
	}
	assert_int_equal(rc, DB_NONE);
	assert_int_equal(deleted, 3);
	assert_int_equal(db_submission_get(h->db, 77, &s, NULL), DB_NONE);
	assert_int_equal(db_next_attempt(h->db, &id, NULL), 0);
	assert_int_equal(id, 3);
	add_jobs(h, "s", 1, 1);
	assert_int_equal(h->job, 4);
	assert_int_equal(h->sweep, 2);
	assert_int_equal(h->version, 2);
	assert_int_equal(db_schema_id(h->db, &point, &id, NULL), 0);
	assert_int_equal(id, schema + 1);
	assert_int_equal(db_check(h->db, NULL), 0);
}

/* A later version updates older jobs, except those that it does not name. */
static void later_versions(void **state)
{
	struct here *h = *state;
	struct sweep_param other[] = {{"seed", "8", false}, {"lr", "1e-4", true}};
	struct sweep_point moved = {
		.n = 2, .params = other, .variant = "big", .seed = "3", .sample = -1};
	struct db_version v = {.sweep_name = (char *)(uintptr_t) "s",
			       .file = (char *)(uintptr_t) "f",
			       .dir = (char *)(uintptr_t) "/",
			       .source = (char *)(uintptr_t) "2",
			       .source_len = 1};
	struct db_job job;
	int64_t first;

	add_jobs(h, "s", 1, 3);
	first = h->version;
	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_version_add(h->db, &v, NULL), 0);
	assert_int_equal(db_job_reshape(h->db, 1, v.id, NULL, NULL), 0);
	assert_int_equal(db_job_reshape(h->db, 2, v.id, &moved, NULL), 0);
	assert_int_equal(db_version_publish(h->db, v.id, 0, NULL), 0);
	assert_int_equal(db_commit(h->db, NULL), 0);
	assert_int_equal(db_job_get(h->db, 1, &job, NULL), 0);
	assert_int_equal(job.version, first);
	db_job_release(&job);
	assert_int_equal(db_job_get(h->db, 2, &job, NULL), 0);
	assert_int_equal(job.version, v.id);
	assert_string_equal(job.point.variant, "big");
	assert_string_equal(job.point.seed, "3");
	assert_string_equal(job.point.params[0].value, "8");
	assert_string_equal(job.point.params[1].name, "lr");
	assert_true(job.point.params[1].drawn);
	db_job_release(&job);
	assert_int_equal(db_job_get(h->db, 3, &job, NULL), 0);
	assert_int_equal(job.version, v.id);
	assert_null(job.point.variant);
	db_job_release(&job);
}

static void steps_are_stored(void **state)
{
	struct here *h = *state;
	struct play p = {.h = h};
	struct db_job job;
	struct strs done = {0};
	int c;

	add_jobs(h, "s", 1, 1);
	assert_int_equal(db_begin(h->db, NULL), 0);
	for (int round = 0; round < 2; round++) {
		struct db_step s = {0};

		apply_event(&p, 'c', 0);
		apply_event(&p, 'r', 0);
		s.attempt = p.attempt[p.n];
		s.seq = round * 2;
		s.key = (char *)(uintptr_t)(round ? "eval set=1" : "train");
		assert_int_equal(db_step_add(h->db, &s, NULL), 0);
		s.seq++;
		s.key = (char *)(uintptr_t)(round ? "eval set=2" : "bad");
		s.state = round ? STEP_COMPLETED : STEP_FAILED;
		assert_int_equal(db_step_add(h->db, &s, NULL), 0);
		apply_event(&p, '-', 0);
		apply_event(&p, 'T', 0);
	}
	assert_int_equal(db_job_get(h->db, h->job, &job, NULL), 0);
	assert_int_equal(db_steps_done(h->db, &job, &done, NULL), 0);
	assert_int_equal(done.n, 3);
	assert_string_equal(done.v[0], "eval set=1");
	assert_string_equal(done.v[2], "train");
	strs_release(&done);
	db_job_release(&job);
	/* from a step on: that step and later ones no longer count */
	apply_event(&p, 'c', 0);
	apply_event(&p, '-', 0);
	assert_int_equal(db_job_retry(h->db, h->job, false, false, "eval", NULL, &c, NULL), 0);
	assert_int_equal(c, 1);
	assert_int_equal(db_job_get(h->db, h->job, &job, NULL), 0);
	assert_int_equal(db_steps_done(h->db, &job, &done, NULL), 0);
	assert_int_equal(done.n, 1);
	assert_string_equal(done.v[0], "train");
	strs_release(&done);
	db_job_release(&job);
	apply_event(&p, 'c', 0);
	apply_event(&p, '-', 0);
	assert_int_equal(db_job_retry(h->db, h->job, false, true, NULL, "--mem=8G", &c, NULL), 0);
	assert_int_equal(db_job_get(h->db, h->job, &job, NULL), 0);
	assert_int_equal(db_steps_done(h->db, &job, &done, NULL), 0);
	assert_int_equal(done.n, 0);
	assert_string_equal(job.options, "--mem=8G");
	db_job_release(&job);
	assert_int_equal(db_commit(h->db, NULL), 0);
}

/* A retry of a completed job from a step: earlier steps stay completed. */
static void retry_a_completed_job_from_a_step(void **state)
{
	struct here *h = *state;
	struct db_step s = {.key = (char *)(uintptr_t) "train", .state = STEP_COMPLETED};
	struct job_end ok = {.completed = true, .ended = 1};
	struct play p = {.h = h};
	struct db_job job;
	struct strs done = {0};
	int c;

	add_jobs(h, "s", 1, 1);
	assert_int_equal(db_begin(h->db, NULL), 0);
	apply_event(&p, 'c', 0);
	apply_event(&p, 'r', 0);
	s.attempt = p.attempt[p.n];
	assert_int_equal(db_step_add(h->db, &s, NULL), 0);
	s.seq++;
	s.key = (char *)(uintptr_t) "eval";
	assert_int_equal(db_step_add(h->db, &s, NULL), 0);
	assert_int_equal(db_attempt_reported(h->db, s.attempt, &ok, &c, NULL), 0);
	assert_int_equal(db_job_retry(h->db, h->job, false, true, "eval", NULL, &c, NULL), 0);
	assert_int_equal(c, 0);
	assert_int_equal(db_job_retry(h->db, h->job, true, true, "eval", NULL, &c, NULL), 0);
	assert_int_equal(c, 1);
	assert_int_equal(db_job_get(h->db, h->job, &job, NULL), 0);
	assert_int_equal(db_steps_done(h->db, &job, &done, NULL), 0);
	assert_int_equal(done.n, 1);
	assert_string_equal(done.v[0], "train");
	strs_release(&done);
	db_job_release(&job);
	assert_int_equal(db_commit(h->db, NULL), 0);
}

static void submissions(void **state)
{
	struct here *h = *state;
	struct db_submission s = {.id = 77}, got;
	struct db_flight *f;
	struct db_attempt a;
	struct db_job *jobs;
	bool closed;
	int64_t id;
	size_t n;
	int c, how;

	add_jobs(h, "s", 1, 3);
	s.version = h->version;
	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_jobs_pending(h->db, 10, &jobs, &n, NULL), 0);
	assert_int_equal(db_claim(h->db, &s, jobs, n, NULL), 0);
	db_jobs_free(jobs, n);
	assert_int_equal(db_flights(h->db, &f, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(f[2].task, 2);
	assert_int_equal(f[2].ntasks, 3);
	assert_int_equal(f[2].submission, 77);
	assert_int_equal(f[2].slurm_job, 0);
	free(f);
	assert_int_equal(db_submission_answer(h->db, 77, 1, 900, "x", NULL), 0);
	/* a later answer does not change a known id */
	assert_int_equal(db_submission_answer(h->db, 77, 2, 0, "y", NULL), 0);
	assert_int_equal(db_submission_get(h->db, 77, &got, NULL), 0);
	assert_int_equal(got.slurm_job, 900);
	assert_int_equal(got.ntasks, 3);
	db_submission_release(&got);
	assert_int_equal(db_submission_get(h->db, 78, &got, NULL), DB_NONE);
	assert_int_equal(db_attempt_find(h->db, 77, 3, &id, &how, NULL), DB_NONE);
	assert_int_equal(db_attempt_find(h->db, 77, -1, &id, &how, NULL), DB_NONE);
	assert_int_equal(db_attempt_find(h->db, 78, 0, &id, &how, NULL), DB_NONE);
	assert_int_equal(db_attempt_find(h->db, 77, 1, &id, &how, NULL), 0);
	assert_int_equal(how, CLOSED_NOT);
	assert_int_equal(db_attempt_closed(h->db, id, &how, NULL), 0);
	assert_int_equal(how, CLOSED_NOT);
	assert_int_equal(db_attempt_closed(h->db, 12345, &how, NULL), 0);
	assert_int_equal(how, CLOSED_REPORTED);
	assert_int_equal(db_attempt_get(h->db, id, &a, NULL), 0);
	assert_int_equal(a.task, 1);
	assert_int_equal(a.job, 2);
	db_attempt_release(&a);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(db_submission_closed(h->db, 77, &closed, NULL), 0);
		assert_false(closed);
		assert_int_equal(db_attempt_revoked(h->db, s.first + i, JOB_PENDING, 0, &c, NULL),
				 0);
	}
	assert_int_equal(db_submission_closed(h->db, 77, &closed, NULL), 0);
	assert_true(closed);
	assert_int_equal(db_attempt_running(h->db, id, 901, "n1", 5, &c, NULL), 0);
	assert_int_equal(db_attempt_get(h->db, id, &a, NULL), 0);
	assert_string_equal(a.node, "n1");
	db_attempt_release(&a);
	assert_int_equal(db_commit(h->db, NULL), 0);
}

/* A job with attempts is not pruned; an update of a missing job changes nothing. */
static void pruning(void **state)
{
	struct here *h = *state;
	struct job_end ok = {.completed = true, .ended = 9};
	struct play p = {.h = h};
	int c;

	add_jobs(h, "s", 1, 1);
	assert_int_equal(db_begin(h->db, NULL), 0);
	apply_event(&p, 'c', 0);
	apply_event(&p, 'r', 0);
	apply_event(&p, 'l', 0);
	apply_event(&p, 'T', 0);
	assert_int_equal(db_job_delete(h->db, h->job, &c, NULL), 0);
	assert_int_equal(c, 0);
	assert_int_equal(db_attempt_reported(h->db, 12345, &ok, &c, NULL), 0);
	assert_int_equal(c, 0);
	assert_int_equal(db_attempt_running(h->db, 12345, 1, "n", 1, &c, NULL), 0);
	assert_int_equal(db_attempt_inferred(h->db, 12345, &ok, &c, NULL), 0);
	assert_int_equal(db_attempt_preempted(h->db, 12345, &ok, &c, NULL), 0);
	assert_int_equal(db_attempt_revoked(h->db, 12345, JOB_PENDING, 0, &c, NULL), 0);
	apply_event(&p, '+', 1);
	assert_int_equal(db_commit(h->db, NULL), 0);
	add_jobs(h, "s", 2, 1);
	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_job_delete(h->db, h->job, &c, NULL), 0);
	assert_int_equal(c, 1);
	assert_int_equal(db_commit(h->db, NULL), 0);
	assert_int_equal(db_check(h->db, NULL), 0);
}

static void settings(void **state)
{
	struct here *h = *state;
	struct strs k = {0}, v = {0};
	char *value;
	int64_t n;

	assert_int_equal(db_setting_get(h->db, "limit", &value, NULL), DB_NONE);
	assert_int_equal(db_setting_int(h->db, "limit", 5, &n, NULL), 0);
	assert_int_equal(n, 5);
	assert_int_equal(db_begin(h->db, NULL), 0);
	assert_int_equal(db_setting_set(h->db, "limit", "20", NULL), 0);
	assert_int_equal(db_setting_set(h->db, "limit", "21", NULL), 0);
	assert_int_equal(db_setting_set_int(h->db, ".x", -3, NULL), 0);
	assert_int_equal(db_setting_set(h->db, "word", "12x", NULL), 0);
	assert_int_equal(db_commit(h->db, NULL), 0);
	assert_int_equal(db_setting_int(h->db, "limit", 5, &n, NULL), 0);
	assert_int_equal(n, 21);
	assert_int_equal(db_setting_int(h->db, "word", 5, &n, NULL), 0);
	assert_int_equal(n, 5);
	assert_int_equal(db_settings(h->db, ".x", &k, &v, NULL), 0);
	assert_int_equal(k.n, 1);
	assert_string_equal(v.v[0], "-3");
	strs_release(&k);
	strs_release(&v);
}

/* ---- databases that are refused, and left unchanged ---- */

static void exec_sql(const char *path, const char *text)
{
	sqlite3 *s;

	assert_int_equal(sqlite3_open(path, &s), SQLITE_OK);
	assert_int_equal(sqlite3_exec(s, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(s);
}

/* Blocks of limit groups are stored in a table. */
static void blocks_are_stored(void **state)
{
	const struct db_block one = {.limit_group = (char *)(uintptr_t) "a//",
				     .cap = 3,
				     .until = 7},
			      two = {.limit_group = (char *)(uintptr_t) "b//",
				     .pause = 9,
				     .trying = true};
	struct here *h = *state;
	struct db_block *v;
	size_t n;

	assert_int_equal(db_block_set(h->db, &two, NULL), 0);
	assert_int_equal(db_block_set(h->db, &one, NULL), 0);
	assert_int_equal(db_block_set(h->db, &one, NULL), 0);
	db_close(h->db);

	assert_int_equal(db_open(h->path, "abc", &h->db, NULL), 0);
	assert_int_equal(db_blocks(h->db, &v, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].limit_group, "a//");
	assert_int_equal(v[0].cap, 3);
	assert_int_equal(v[0].until, 7);
	assert_false(v[0].trying);
	assert_int_equal(v[1].pause, 9);
	assert_true(v[1].trying);
	db_blocks_free(v, n);
	assert_int_equal(db_block_drop(h->db, "a//", NULL), 0);
	assert_int_equal(db_blocks(h->db, &v, &n, NULL), 0);
	assert_int_equal(n, 1);
	db_blocks_free(v, n);
	assert_int_equal(db_blocks_drop(h->db, NULL), 0);
	assert_int_equal(db_blocks(h->db, &v, &n, NULL), 0);
	assert_int_equal(n, 0);
}

/* A transaction's end keeps the journal file, with nothing to roll back in it. */
static void the_journal_file_stays(void **state)
{
	struct here *h = *state;
	char *path = NULL, *value = NULL;
	struct stat before, after;

	assert_true(asprintf(&path, "%s-journal", h->path) > 0);
	assert_int_equal(db_setting_set(h->db, "x", "1", NULL), 0);
	assert_int_equal(stat(path, &before), 0);
	for (int i = 0; i < 3; i++) {
		FILE *f = fopen(path, "r");

		assert_non_null(f);
		assert_int_equal(fgetc(f), 0);
		fclose(f);
		assert_int_equal(db_begin(h->db, NULL), 0);
		assert_int_equal(db_setting_set(h->db, "x", i ? "3" : "2", NULL), 0);
		if (i == 2)
			db_rollback(h->db);
		else
			assert_int_equal(db_commit(h->db, NULL), 0);
	}
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(stat(h->path, &before), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(db_setting_get(h->db, "x", &value, NULL), 0);
	assert_string_equal(value, "3");
	free(value);
	free(path);
}

static void refused_databases(void **state)
{
	static const struct {
		const char *sql, *message;
		bool empty, none, garbage;
		int status;
	} v[] = {
		{NULL, "is empty", true, false, false, 2},
		{NULL, "is missing", false, true, false, 2},
		{NULL, "not a database", false, false, true, 2},
		{"PRAGMA application_id=7", "another program", false, false, false, 2},
		{"PRAGMA user_version=99", "newer slurmq", false, false, false, 2},
		{"PRAGMA user_version=0", "no slurmq wrote", false, false, false, 2},
		{"PRAGMA journal_mode=WAL", "WAL mode", false, false, false, 2},
		{"UPDATE setting SET value='other' WHERE key='.folder'", "another .slurmq folder",
		 false, false, false, 2},
		{"DELETE FROM setting", "another .slurmq folder", false, false, false, 2},
	};
	struct here *h = *state;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *path = NULL;
		struct err err = {0};
		struct db *db;
		struct stat st;

		assert_true(asprintf(&path, "%s/%zu.db", h->dir, i) > 0);
		if (!v[i].none && !v[i].garbage)
			assert_int_equal(db_create(path, "abc", NULL), 0);
		if (v[i].empty)
			assert_int_equal(truncate(path, 0), 0);
		if (v[i].garbage) {
			FILE *f = fopen(path, "w");

			fprintf(f,
				"this is a text file of more than a hundred bytes, which is what "
				"SQLite's header takes; it is none of its files, though\n");
			fclose(f);
		}
		if (v[i].sql)
			exec_sql(path, v[i].sql);
		assert_int_equal(db_open(path, "abc", &db, &err), -1);
		assert_int_equal(err.status, v[i].status);
		assert_non_null(strstr(err.msg, v[i].message));
		if (v[i].empty) {
			assert_int_equal(stat(path, &st), 0);
			assert_int_equal(st.st_size, 0);
		}
		if (v[i].none)
			assert_int_equal(stat(path, &st), -1);
		free(path);
	}
}

/* The error for a database that cannot be written names the cause: permissions, which the owner can
 * change, or a read-only file system. */
static void causes_of_write_errors(void **state)
{
	static const struct {
		int errnum;
		const char *why;
	} v[] = {{EROFS, "': the file system is mounted read-only here"},
		 {EACCES, "': check the permissions of the file and of its folder"}};
	struct here *h = *state;
	struct err err = {0};

	sqlite3_exec(h->db->sql, "PRAGMA query_only = 1", NULL, NULL, NULL);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		not_written = v[i].errnum;
		assert_int_equal(db_setting_set(h->db, "a", "b", &err), -1);
		not_written = 0;
		if (!strstr(err.msg, v[i].why))
			fail_msg("%s", err.msg);
	}
	sqlite3_exec(h->db->sql, "PRAGMA query_only = 0", NULL, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(transitions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tries_by_policy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(jobs_and_counters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deleted_sweep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(later_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(steps_are_stored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(retry_a_completed_job_from_a_step, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(submissions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pruning, set_up, tear_down),
		cmocka_unit_test_setup_teardown(settings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blocks_are_stored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_journal_file_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_databases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(causes_of_write_errors, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
