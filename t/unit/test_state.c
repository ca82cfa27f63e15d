/* test_state.c - internal settings: numbers, texts, refused sweeps, excluded nodes */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "store/state.h"
#include "scratch.h"

struct here {
	char *dir, *path;
	struct db *db;
};

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

static void numbers_and_texts(void **state)
{
	struct db *db = ((struct here *)*state)->db;
	char *text;
	int64_t n;

	assert_int_equal(state_get_int(db, STATE_LIMIT_JOBS, &n, NULL), 0);
	assert_int_equal(n, -1);
	assert_int_equal(state_get_int(db, STATE_PAUSED, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(state_get_text(db, STATE_PAUSED_WHY, &text, NULL), DB_NONE);
	assert_null(text);
	assert_int_equal(state_get_text(db, STATE_FOLDER, &text, NULL), 0);
	assert_string_equal(text, "abc");
	free(text);

	assert_int_equal(state_pause(db, "why", NULL), 0);
	assert_int_equal(state_get_int(db, STATE_PAUSED, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(state_get_text(db, STATE_PAUSED_WHY, &text, NULL), 0);
	assert_string_equal(text, "why");
	free(text);
	assert_int_equal(state_unpause(db, NULL), 0);
	assert_int_equal(state_get_int(db, STATE_PAUSED, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(state_get_text(db, STATE_PAUSED_WHY, &text, NULL), DB_NONE);
}

static void refused_sweeps(void **state)
{
	struct db *db = ((struct here *)*state)->db;
	char *text;

	assert_int_equal(state_set_refused(db, 1, "one", NULL), 0);
	assert_int_equal(state_get_refused(db, 1, &text, NULL), 0);
	assert_string_equal(text, "one");
	free(text);
	assert_int_equal(state_get_refused(db, 11, &text, NULL), DB_NONE);
	assert_null(text);
}

static void nodes(void **state)
{
	struct db *db = ((struct here *)*state)->db;
	const struct state_node one = {.deaths = 1, .since = 5},
				two = {.deaths = 3, .since = 6, .out = 7};
	struct strs names = {0};
	struct state_node *v, r;

	assert_int_equal(state_get_nodes(db, &names, &v, NULL), 0);
	assert_int_equal(names.n, 0);
	free(v);
	assert_int_equal(state_get_node(db, "n1", &r, NULL), DB_NONE);
	assert_int_equal(r.deaths, 0);
	assert_int_equal(state_set_node(db, "n2", &two, NULL), 0);
	assert_int_equal(state_set_node(db, "n1", &one, NULL), 0);
	assert_int_equal(db_setting_set(db, ".node.n3", "what", NULL), 0);
	assert_int_equal(state_get_node(db, "n3", &r, NULL), 0);
	assert_int_equal(r.deaths, 0);

	assert_int_equal(state_get_nodes(db, &names, &v, NULL), 0);
	assert_int_equal(names.n, 3);
	assert_string_equal(names.v[1], "n2");
	assert_int_equal(v[0].since, 5);
	assert_int_equal(v[1].out, 7);
	free(v);
	assert_int_equal(state_unset_node(db, "n1", NULL), 0);
	assert_int_equal(state_get_node(db, "n1", &r, NULL), DB_NONE);
	assert_int_equal(state_unset_nodes(db, NULL), 0);
	assert_int_equal(state_get_node(db, "n2", &r, NULL), DB_NONE);
	strs_release(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_and_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_sweeps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nodes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
