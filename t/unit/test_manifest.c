/* test_manifest.c - the commands of a submission's tasks are read as they were written, byte for
 * byte */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "scratch.h"
#include "store/manifest.h"

enum { T = 0x77 };

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

static char long_script[500];

/* Makes a plan of two steps, and the done keys that mark the first step as completed. */
static void make_plan(struct plan *p, struct strs *done)
{
	memset(long_script, 'x', sizeof(long_script) - 1);
	memset(p, 0, sizeof(*p));
	p->nsteps = 2;
	p->steps = calloc(2, sizeof(*p->steps));
	p->title = strdup("a title");
	strs_add(&p->env, "A=1 2");
	p->steps[0].name = strdup("train");
	p->steps[0].key = strdup("train");
	strs_add(&p->steps[0].argv, "python3");
	strs_add(&p->steps[0].argv, "");
	strs_add(&p->steps[0].argv, "a b\"c'd:\n9 1:x");
	p->steps[1].name = strdup("eval");
	p->steps[1].key = strdup("eval set=1");
	p->steps[1].on_fail = PLAN_CONTINUE;
	strs_add(&p->steps[1].argv, "bash");
	strs_add(&p->steps[1].argv, long_script);
	strs_add(&p->steps[1].vars, "_v=$(x)");
	strs_add(&p->steps[1].params, "set=1");
	strs_add(&p->steps[1].needs, "train");
	strs_add(done, "train");
}

static void drop_plan(struct plan *p)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		struct plan_step *s = &p->steps[i];

		free(s->name);
		free(s->key);
		strs_release(&s->argv);
		strs_release(&s->vars);
		strs_release(&s->params);
		strs_release(&s->needs);
	}
	free(p->steps);
	free(p->title);
	strs_release(&p->env);
}

static void write_manifest(struct here *h, int ntasks)
{
	struct manifest_head head = {.sweep = (char *)(uintptr_t) "cifar",
				     .version = 4,
				     .chdir = (char *)(uintptr_t) "/a b",
				     .kill_wait_s = 30};
	struct sweep_param params[] = {{"lr", "1e-3", false}, {"note", "a=b c", false}};
	struct sweep_point point = {.n = 2, .params = params, .sample = -1};
	struct manifest_writer w = {0};
	struct strs done = {0};
	struct plan plan;

	make_plan(&plan, &done);
	for (int i = 0; i < ntasks; i++)
		manifest_add(&w, 100 + i, 200 + i, 1 + i, &point, &plan, i % 2 ? &done : NULL);
	assert_int_equal(manifest_write(h->sp, T, &w, &head, NULL), 0);
	manifest_writer_release(&w);
	drop_plan(&plan);
	strs_release(&done);
}

static void each_task_reads_its_commands(void **state)
{
	struct here *h = *state;
	struct manifest_task t;

	write_manifest(h, 40);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(manifest_read(h->sp, T, i, &t, NULL), 0);
		assert_string_equal(t.head.sweep, "cifar");
		assert_string_equal(t.head.chdir, "/a b");
		assert_null(t.head.script);
		assert_int_equal(t.head.version, 4);
		assert_int_equal(t.head.kill_wait_s, 30);
		assert_int_equal(t.job, 100 + i);
		assert_int_equal(t.attempt, 200 + i);
		assert_int_equal(t.number, 1 + i);
		assert_string_equal(t.title, "a title");
		assert_int_equal(t.params.n, 2);
		assert_string_equal(t.params.v[1], "note=a=b c");
		assert_string_equal(t.env.v[0], "A=1 2");
		assert_int_equal(t.nsteps, 2);
		assert_int_equal(t.steps[0].done, i % 2);
		assert_false(t.steps[1].done);
		assert_int_equal(t.steps[0].argv.n, 3);
		assert_string_equal(t.steps[0].argv.v[1], "");
		assert_string_equal(t.steps[0].argv.v[2], "a b\"c'd:\n9 1:x");
		assert_string_equal(t.steps[1].argv.v[1], long_script);
		assert_string_equal(t.steps[1].vars.v[0], "_v=$(x)");
		assert_string_equal(t.steps[1].needs.v[0], "train");
		assert_int_equal(t.steps[1].on_fail, PLAN_CONTINUE);
		manifest_task_release(&t);
	}
	assert_int_equal(manifest_read(h->sp, T, 40, &t, NULL), FOLDER_NONE);
	assert_int_equal(manifest_read(h->sp, T + 1, 0, &t, NULL), FOLDER_NONE);
}

static void shared_words_are_stored_once(void **state)
{
	struct here *h = *state;
	struct buf b = {0};
	size_t n = 0;

	write_manifest(h, 40);
	assert_int_equal(folder_file_get(h->sp, "manifests/0000000000000077", &b, NULL), 0);
	for (const char *p = b.s; (p = strstr(p, long_script)); p += strlen(long_script))
		n++;
	assert_int_equal(n, 1);
	buf_release(&b);
}

/* A manifest with a changed byte is read unchanged or refused: no crash, no read past the end. */
static void damage_is_refused(void **state)
{
	struct here *h = *state;
	struct buf b = {0};

	write_manifest(h, 2);
	assert_int_equal(folder_file_get(h->sp, "manifests/0000000000000077", &b, NULL), 0);
	for (size_t i = 0; i < b.len; i++) {
		char old = b.s[i];
		struct manifest_task t;
		struct err err = {0};
		int rc;

		/* only the size in the first line tells how much to read; a larger size would wait
		 * for more */
		if (i >= 16 && i < 28)
			continue;
		b.s[i] = old == '9' ? '0' : '9';
		assert_int_equal(folder_file_put(h->sp, "manifests/0000000000000077", b.s, b.len,
						 0600, NULL),
				 0);
		rc = manifest_read(h->sp, T, 1, &t, &err);
		assert_true(rc == 0 || rc == -1 || rc == FOLDER_NONE);
		if (rc == -1)
			assert_non_null(strstr(err.msg, "damaged"));
		if (!rc)
			manifest_task_release(&t);
		b.s[i] = old;
	}
	buf_release(&b);
}

static void listed_and_removed(void **state)
{
	struct here *h = *state;
	uint64_t *v, id;
	size_t n;

	write_manifest(h, 1);
	assert_true(manifest_age(h->sp, T) >= 0);
	assert_int_equal(manifest_age(h->sp, T + 1), -1);
	assert_int_equal(manifest_list(h->sp, &v, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(v[0], T);
	free(v);
	assert_int_equal(manifest_remove(h->sp, T, NULL), 0);
	assert_int_equal(manifest_remove(h->sp, T, NULL), 0);
	assert_int_equal(manifest_age(h->sp, T), -1);
	assert_int_equal(manifest_name_parse("0000000000000077", &id), 0);
	assert_int_equal(id, T);
	assert_int_equal(manifest_name_parse("77", &id), -1);
	assert_int_equal(manifest_name_parse("00000000000000g7", &id), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_task_reads_its_commands, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shared_words_are_stored_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(listed_and_removed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
