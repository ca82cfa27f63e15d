/* test_notice.c - the events of the setting notify: each is taken once */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>

#include "chain/notice.h"
#include "store/state.h"
#include "sweep_here.h"

#define MUST(call) assert_int_equal((call), 0)

static void expand(struct here *h, const char *text)
{
	struct expand_result r;

	MUST(here_expand(h, text, NULL, &r, NULL));
	expand_result_release(&r);
}

static void set(struct here *h, struct state_text key, const char *value)
{
	MUST(db_begin(h->store.db, NULL));
	MUST(state_set_text(h->store.db, key, value, NULL));
	MUST(db_commit(h->store.db, NULL));
}

/* Moves a job, whatever its state is, as its transition would. */
static void set_state(struct here *h, int64_t id, int state)
{
	char *sql = mem_printf("UPDATE job SET state = %d WHERE id = %" PRId64, state, id);

	here_sql(h, sql);
	free(sql);
}

/* Takes the events: "one 2/3 1 0" for a sweep that is over, with its completed, all, failed and
 * cancelled jobs, and "paused". */
static void taken(struct here *h, const char *want)
{
	struct buf b = {0};
	struct notice *v;
	char *command;
	size_t n;

	MUST(notices_take(&h->store, &command, &v, &n, NULL));
	for (size_t i = 0; i < n; i++) {
		const struct db_sweep *s = &v[i].sweep;

		if (v[i].kind == NOTICE_PAUSED)
			buf_addstr(&b, "paused;");
		else
			buf_addf(&b, "%s %" PRId64 "/%" PRId64 " %" PRId64 " %" PRId64 ";", s->name,
				 s->counts[JOB_COMPLETED], s->jobs, s->counts[JOB_FAILED],
				 s->counts[JOB_CANCELLED]);
	}
	assert_string_equal(buf_str(&b), want);
	buf_release(&b);
	notices_free(v, n);
	free(command);
}

static void nothing_without_the_setting(void **state)
{
	struct here *h = *state;

	expand(h, "name: one\nrun: [echo]\n");
	set_state(h, 1, JOB_COMPLETED);
	taken(h, "");
	set(h, STATE_NOTIFY, "");
	taken(h, "");
	set(h, STATE_NOTIFY, "x");
	taken(h, "one 1/1 0 0;");
}

static void a_sweep_is_over_once(void **state)
{
	struct here *h = *state;
	int changed;

	set(h, STATE_NOTIFY, "x");
	expand(h, "name: one\nparams: {n: [1, 2, 3]}\nrun: [echo]\n");
	expand(h, "name: two\nrun: [echo]\n");
	taken(h, "");
	set_state(h, 1, JOB_COMPLETED);
	set_state(h, 2, JOB_FAILED);
	set_state(h, 3, JOB_HELD);
	taken(h, "");
	set_state(h, 3, JOB_CANCELLED);
	taken(h, "one 1/3 1 1;");
	taken(h, "");
	set_state(h, 4, JOB_COMPLETED);
	taken(h, "two 1/1 0 0;");
	/* retried, with the same result: over again, even if no process looked in between */
	MUST(db_begin(h->store.db, NULL));
	MUST(db_job_retry(h->store.db, 2, false, false, NULL, NULL, &changed, NULL));
	MUST(db_commit(h->store.db, NULL));
	set_state(h, 2, JOB_FAILED);
	taken(h, "one 1/3 1 1;");
	/* more jobs */
	expand(h, "name: one\nparams: {n: [1, 2, 3, 4]}\nrun: [echo]\n");
	set_state(h, 5, JOB_COMPLETED);
	taken(h, "one 2/4 1 1;");
	/* the same jobs with another command: nothing new is over */
	expand(h, "name: one\nparams: {n: [1, 2, 3, 4]}\nrun: [cat]\n");
	taken(h, "");
	/* an event of another kind of work: a look in between removes the mark */
	set_state(h, 5, JOB_PENDING);
	taken(h, "");
	set_state(h, 5, JOB_COMPLETED);
	taken(h, "one 2/4 1 1;");
}

static void a_pause_is_reported_once(void **state)
{
	struct here *h = *state;

	set(h, STATE_NOTIFY, "x");
	for (int i = 0; i < 2; i++) {
		MUST(db_begin(h->store.db, NULL));
		MUST(state_set_int(h->store.db, STATE_PAUSED, 1, NULL));
		MUST(db_commit(h->store.db, NULL));
		taken(h, "paused;");
		taken(h, "");
		MUST(db_begin(h->store.db, NULL));
		MUST(state_unpause(h->store.db, NULL));
		MUST(db_commit(h->store.db, NULL));
		taken(h, "");
	}
	MUST(db_begin(h->store.db, NULL));
	MUST(state_pause(h->store.db, "slurmq pause by u", NULL));
	MUST(db_commit(h->store.db, NULL));
	taken(h, ""); /* the user knows */
}

static void what_was_before_the_setting(void **state)
{
	struct here *h = *state;

	expand(h, "name: one\nrun: [echo]\n");
	set_state(h, 1, JOB_COMPLETED);
	MUST(db_begin(h->store.db, NULL));
	MUST(state_set_int(h->store.db, STATE_PAUSED, 1, NULL));
	MUST(state_set_text(h->store.db, STATE_NOTIFY, "x", NULL));
	MUST(notices_skip(h->store.db, NULL));
	MUST(db_commit(h->store.db, NULL));
	taken(h, "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, here_set_up, here_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {T(nothing_without_the_setting), T(a_sweep_is_over_once),
					   T(a_pause_is_reported_once),
					   T(what_was_before_the_setting)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
