/* test_unclear.c - submissions that Slurm does not answer, or jobs that it does not show */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "chain/cancel.h"
#include "chain/ingest.h"
#include "chain/reconcile.h"
#include "fill_here.h"

static void revoking_claims(void **state)
{
	struct here *h = *state;
	struct strs running = {0}, queued = {0};
	struct db_flight *v;
	size_t n;
	int c;

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	play_task(h, &fake.jobs[0], 2, "");
	assert_int_equal(ingest_lock(&h->store, NULL), 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	for (int64_t id = 1; id <= 4; id++)
		assert_int_equal(db_job_cancel(h->store.db, id, &c, NULL), 0);
	assert_int_equal(db_job_hold(h->store.db, 5, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
	assert_int_equal(n, 10);
	assert_int_equal(ingest_revoke(&h->store, v, 5, &running, &queued, NULL), 0);
	ingest_unlock(&h->store);
	free(v);
	assert_int_equal(running.n, 1);
	assert_string_equal(running.v[0], "100_2");
	assert_int_equal(queued.n, 4);
	assert_string_equal(queued.v[0], "100_0");
	assert_counts(h, "queued 5, running 1, cancelled 3, held 1");
	strs_release(&running);
	strs_release(&queued);
	/* the running job ends as the user requested */
	fake.jobs[0].gone[2] = true;
	assert_int_equal(count_files(h, FOLDER_REVOKED), 0);
}

/* ---- reconciling ---- */

static void check_reconcile(struct here *h, const char *want)
{
	struct reconcile_result r;
	struct err err = {0};

	if (reconcile(&h->store, 0, &r, &err))
		fail_msg("%s", err.msg);
	/* the decision on cancelled jobs is for test_cancel */
	cancel_forget(h->store.folder);
	assert_counts(h, want);
}

/* Makes every manifest and every missing_since older. */
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
}

static void an_unclear_answer_is_resolved(void **state)
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
		put_sweep(h, ten);
		fill(h, FILL_USER, 0);
		if (made) {
			check_reconcile(h, "queued 10"); /* found by name */
		} else {
			check_reconcile(h, "submitting 10");
			make_older(h, 1);
			check_reconcile(h, "submitting 10");
			make_older(h, 2);
			check_reconcile(h, "pending 10");
			assert_int_equal(count_files(h, FOLDER_CLAIMS), 0);
		}
		here_tear_down(&s);
	}
}

/* A submitter that was killed wrote no answer: its sbatch may still be running. */
static void a_missing_answer_waits_longer(void **state)
{
	struct here *h = *state;
	struct db_flight *v;
	size_t n;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	assert_int_equal(db_flights(h->store.db, &v, &n, NULL), 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_submission_answer(h->store.db, v[0].submission, 0, 0, NULL, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	free(v);
	make_older(h, 9);
	check_reconcile(h, "submitting 10");
	make_older(h, 11);
	check_reconcile(h, "pending 10");
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 0);
}

/* A requested action found no claim to revoke, because the Slurm id was unknown. It is done once
 * the id is known. */
static void a_requested_action_is_done_later(void **state)
{
	struct here *h = *state;
	int c;

	fake.answers[0] = SLURM_UNCLEAR;
	fake.nanswers = 1;
	fake.accept_silently = true;
	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	assert_int_equal(db_begin(h->store.db, NULL), 0);
	assert_int_equal(db_job_cancel(h->store.db, 1, &c, NULL), 0);
	assert_int_equal(db_job_hold(h->store.db, 2, &c, NULL), 0);
	assert_int_equal(db_commit(h->store.db, NULL), 0);
	check_reconcile(h, "queued 8, cancelled 1, held 1");
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 8);
}

static void nothing_changes_without_slurm(void **state)
{
	struct here *h = *state;
	struct reconcile_result r;
	struct err err = {0};

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	play_task(h, &fake.jobs[0], 0, "");
	make_older(h, 1000);
	fake.away = true;
	assert_int_equal(reconcile(&h->store, 0, &r, &err), -1);
	assert_int_equal(err.status, ERR_AGAIN);
	/* the files report that a job runs, whatever Slurm does; nothing else changes, in one run
	 * or two */
	assert_counts(h, "queued 9, running 1");
	assert_int_equal(reconcile(&h->store, 0, &r, &err), -1);
	assert_counts(h, "queued 9, running 1");
}

static void queued_and_ended(void **state)
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
		put_sweep(h, ten);
		fill(h, FILL_USER, 0);
		snprintf(fake.jobs[0].state[3], sizeof(fake.jobs[0].state[3]), "%s", v[i].slurm);
		check_reconcile(h, v[i].counts);
		here_tear_down(&s);
	}
}

static void set_all_gone(bool gone)
{
	for (int i = 0; i < 10; i++)
		fake.jobs[0].gone[i] = gone;
}

static void queued_and_not_shown(void **state)
{
	struct here *h = *state;

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	set_all_gone(true);
	check_reconcile(h, "queued 10");
	make_older(h, 9);
	check_reconcile(h, "queued 10");
	set_all_gone(false); /* shown again: the time restarts */
	check_reconcile(h, "queued 10");
	set_all_gone(true);
	check_reconcile(h, "queued 10");
	make_older(h, 9);
	check_reconcile(h, "queued 10");
	make_older(h, 2);
	check_reconcile(h, "pending 10");
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 0);
}

/* A pending task that was cancelled alone leaves no record, but its array is shown. */
static void a_task_missing_from_its_array(void **state)
{
	struct here *h = *state;

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	fake.jobs[0].gone[4] = true;
	check_reconcile(h, "queued 9, cancelled 1");
	/* this does not apply to a running task */
	play_task(h, &fake.jobs[0], 5, "");
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	fake.jobs[0].gone[5] = true;
	check_reconcile(h, "queued 8, running 1, cancelled 1");
	/* one line for all tasks that never started */
	for (int i = 0; i < 10; i++)
		fake.jobs[0].gone[i] = i != 0;
	fake.jobs[0].collapsed = true;
	snprintf(fake.jobs[0].state[0], 24, "CANCELLED");
	check_reconcile(h, "running 1, cancelled 9");
}

static void running_and_ended(void **state)
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
		/* completed only by a reported end */
		{"COMPLETED", "queued 9, failed 1", REASON_LOST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct db_job job;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		put_sweep(h, ten);
		fill(h, FILL_USER, 0);
		play_task(h, &fake.jobs[0], 3, "");
		assert_int_equal(ingest_now(&h->store, NULL), 0);
		snprintf(fake.jobs[0].state[3], sizeof(fake.jobs[0].state[3]), "%s", v[i].slurm);
		check_reconcile(h, "queued 9, running 1");
		make_older(h, 2);
		check_reconcile(h, v[i].counts);
		assert_int_equal(db_job_get(h->store.db, 4, &job, NULL), 0);
		assert_int_equal(job.reason, v[i].reason);
		db_job_release(&job);
		here_tear_down(&s);
	}
}

static void running_and_not_shown_is_lost(void **state)
{
	struct here *h = *state;
	struct db_job job;

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	play_task(h, &fake.jobs[0], 3, "");
	assert_int_equal(ingest_now(&h->store, NULL), 0);
	fake.jobs[0].gone[3] = true;
	check_reconcile(h, "queued 9, running 1");
	make_older(h, 2);
	check_reconcile(h, "queued 9, running 1");
	make_older(h, 9);
	check_reconcile(h, "queued 9, failed 1");
	assert_int_equal(db_job_get(h->store.db, 4, &job, NULL), 0);
	assert_int_equal(job.reason, REASON_LOST);
	db_job_release(&job);
}

/* A submitter that died before its commit. */
static void an_orphaned_manifest_is_removed(void **state)
{
	struct here *h = *state;
	struct manifest_head head = {0};
	struct manifest_writer w = {0};

	put_sweep(h, ten);
	fill(h, FILL_USER, 0);
	assert_int_equal(manifest_write(h->store.folder, 77, &w, &head, NULL), 0);
	assert_int_equal(claim_files_make(h->store.folder, 77, 3, NULL), 0);
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 13);
	check_reconcile(h, "queued 10");
	assert_int_equal(count_files(h, FOLDER_CLAIMS), 10);
	assert_int_equal(manifest_age(h->store.folder, 77), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(revoking_claims),
		cmocka_unit_test(an_unclear_answer_is_resolved),
		T(a_missing_answer_waits_longer),
		T(a_requested_action_is_done_later),
		T(nothing_changes_without_slurm),
		cmocka_unit_test(queued_and_ended),
		T(queued_and_not_shown),
		T(a_task_missing_from_its_array),
		cmocka_unit_test(running_and_ended),
		T(running_and_not_shown_is_lost),
		T(an_orphaned_manifest_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
