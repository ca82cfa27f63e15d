/* test_store.c - finding, making and opening the folder; what is refused stays as it is */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scratch.h"
#include "store/store.h"

static char *dir; /* the current folder of each test */

static int set_up(void **state)
{
	(void)state;
	dir = scratch_make();
	unsetenv("SLURMQ_DIR");
	return chdir(dir);
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	scratch_drop(dir);
	return 0;
}

static void make(void)
{
	struct store s;
	struct err err = {0};

	if (store_create(&s, ".", &err))
		fail_msg("%s", err.msg);
	store_close(&s);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void refused(const char *says)
{
	struct store s = {0};
	struct err err = {0};
	int rc = store_find(&s, &err);

	if (!rc)
		rc = store_open(&s, &err);
	assert_int_equal(rc, -1);
	assert_int_equal(err.status, ERR_USAGE);
	if (!strstr(err.msg, says))
		fail_msg("'%s' is not in '%s'", says, err.msg);
	store_close(&s);
}

static void made_found_opened(void **state)
{
	struct store s;
	struct stat st;

	(void)state;
	refused("no .slurmq in");
	make();
	assert_int_equal(stat(".slurmq", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(mkdir("a/b", 0700), 0);
	assert_int_equal(chdir("a/b"), 0);
	assert_int_equal(store_find(&s, NULL), 0);
	assert_string_equal(s.root, dir);
	assert_int_equal(store_open(&s, NULL), 0);
	assert_int_equal(db_check(s.db, NULL), 0);
	store_close(&s);
}

static void made_again_changes_nothing(void **state)
{
	struct store s;
	struct stat a, b;

	(void)state;
	make();
	assert_int_equal(stat(".slurmq/jobs.db", &a), 0);
	assert_int_equal(store_create(&s, ".", NULL), DB_NONE);
	store_close(&s);
	assert_int_equal(stat(".slurmq/jobs.db", &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
}

/* An init that was killed before its database was there is gone on with. */
static void cut_short_and_gone_on_with(void **state)
{
	struct store s;

	(void)state;
	assert_int_equal(mkdir(".slurmq", 0700), 0);
	assert_int_equal(mkdir(".slurmq/claims", 0700), 0);
	make();
	assert_int_equal(store_find(&s, NULL), 0);
	assert_int_equal(store_open(&s, NULL), 0);
	store_close(&s);
}

static void leave(const char *name, bool old)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - 120}, {.tv_sec = time(NULL) - 120}};

	write_text(name, "x");
	if (old)
		assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

/* The databases of inits that were killed go with the next one, but for what may still be written. */
static void what_killed_inits_left(void **state)
{
	static const struct {
		const char *name;
		bool old, kept;
	} v[] = {
		{".slurmq/.new-0123456789abcdef.db", true, false},
		{".slurmq/.new-0123456789abcdef.db-journal", true, false},
		{".slurmq/.new-0123456789abcdee.db", false, true},
		{".slurmq/.new-0123456789abcde.db", true, true},
		{".slurmq/.new-0123456789abcdef.dbx", true, true},
		{".slurmq/new-0123456789abcdef.db", true, true},
	};

	(void)state;
	assert_int_equal(mkdir(".slurmq", 0700), 0);
	for (int again = 0; again < 2;
	     again++) { /* where there is no store yet, and where there is */
		struct store s;

		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
			leave(v[i].name, v[i].old);
		assert_int_equal(store_create(&s, ".", NULL), again ? DB_NONE : 0);
		store_close(&s);
		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
			if (!access(v[i].name, F_OK) != v[i].kept)
				fail_msg("%d: %s", again, v[i].name);
	}
}

static void named_by_a_file_and_by_the_environment(void **state)
{
	struct store s;
	char *want = NULL;

	(void)state;
	assert_int_equal(mkdir("elsewhere", 0700), 0);
	write_text(".slurmq", "elsewhere/q\n");
	refused("slurmq init makes it");
	make();
	assert_int_equal(store_find(&s, NULL), 0);
	assert_true(asprintf(&want, "%s/elsewhere/q", dir) > 0);
	assert_string_equal(s.dir, want);
	assert_string_equal(s.root, dir);
	store_close(&s);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(setenv("SLURMQ_DIR", want, 1), 0);
	assert_int_equal(store_find(&s, NULL), 0);
	assert_string_equal(s.dir, want);
	store_close(&s);
	free(want);
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(unsetenv("SLURMQ_DIR"), 0);
	write_text(".slurmq", "\n");
	refused("it is empty; its only line must name the folder to use");
}

static void unsafe_folders(void **state)
{
	(void)state;
	make();
	assert_int_equal(chmod(".slurmq", 0770), 0);
	refused("other users may write to");
	assert_int_equal(chmod(".slurmq", 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(".slurmq", 12345, 12345), 0);
		refused("belongs to another user");
	}
}

static void not_whole(void **state)
{
	(void)state;
	make();
	assert_int_equal(rename(".slurmq/id", "id"), 0);
	refused("id' is missing");
	write_text(".slurmq/id", "0\n");
	refused("belongs to another .slurmq folder");
	assert_int_equal(rename("id", ".slurmq/id"), 0);
	assert_int_equal(rename(".slurmq/jobs.db", "jobs.db"), 0);
	refused("is missing");
	assert_int_equal(access(".slurmq/jobs.db", F_OK), -1);
}

static void a_path_that_sbatch_cannot_take(void **state)
{
	struct store s;
	struct err err = {0};

	(void)state;
	assert_int_equal(mkdir("a\\b", 0700), 0);
	assert_int_equal(store_create(&s, "a\\b", &err), -1);
	assert_non_null(strstr(err.msg, "backslash"));
	store_close(&s);
	assert_int_equal(access("a\\b/.slurmq", F_OK), -1);
}

static void log_paths(void **state)
{
	struct store s = {.dir = (char *)(uintptr_t) "/q"};
	char *p = store_log_path(&s, 12345, 0xab, 3);

	(void)state;
	assert_string_equal(p, "/q/logs/0012/00000000000000ab.3.log");
	free(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(made_found_opened),
		T(made_again_changes_nothing),
		T(cut_short_and_gone_on_with),
		T(what_killed_inits_left),
		T(named_by_a_file_and_by_the_environment),
		T(unsafe_folders),
		T(not_whole),
		T(a_path_that_sbatch_cannot_take),
		T(log_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
