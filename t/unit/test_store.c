/* test_store.c - finds, makes and opens the folder; a refused folder does not change */
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

static void make_store(void)
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

static void assert_refused(const char *message)
{
	struct store s = {0};
	struct err err = {0};
	int rc = store_find(&s, &err);

	if (!rc)
		rc = store_open(&s, &err);
	assert_int_equal(rc, -1);
	assert_int_equal(err.status, ERR_USAGE);
	if (!strstr(err.msg, message))
		fail_msg("'%s' is not in '%s'", message, err.msg);
	store_close(&s);
}

static void make_find_open(void **state)
{
	struct store s;
	struct stat st;

	(void)state;
	assert_refused("no .slurmq in");
	make_store();
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

static void making_again_changes_nothing(void **state)
{
	struct store s;
	struct stat a, b;

	(void)state;
	make_store();
	assert_int_equal(stat(".slurmq/jobs.db", &a), 0);
	assert_int_equal(store_create(&s, ".", NULL), DB_NONE);
	store_close(&s);
	assert_int_equal(stat(".slurmq/jobs.db", &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
}

/* slurmq init completes a folder whose init was killed before its database existed. */
static void a_killed_init_is_completed(void **state)
{
	struct store s;

	(void)state;
	assert_int_equal(mkdir(".slurmq", 0700), 0);
	assert_int_equal(mkdir(".slurmq/claims", 0700), 0);
	make_store();
	assert_int_equal(store_find(&s, NULL), 0);
	assert_int_equal(store_open(&s, NULL), 0);
	store_close(&s);
}

static void make_leftover(const char *name, bool old)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - 120}, {.tv_sec = time(NULL) - 120}};

	write_text(name, "x");
	if (old)
		assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

/* The next init removes the databases of killed inits, except one that may still be written. */
static void leftovers_of_killed_inits(void **state)
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
	for (int again = 0; again < 2; again++) { /* without a store, and with one */
		struct store s;

		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
			make_leftover(v[i].name, v[i].old);
		assert_int_equal(store_create(&s, ".", NULL), again ? DB_NONE : 0);
		store_close(&s);
		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
			if (!access(v[i].name, F_OK) != v[i].kept)
				fail_msg("%d: %s", again, v[i].name);
	}
}

static void folder_from_a_file_and_the_environment(void **state)
{
	struct store s;
	char *want = NULL;

	(void)state;
	assert_int_equal(mkdir("elsewhere", 0700), 0);
	write_text(".slurmq", "elsewhere/q\n");
	assert_refused("slurmq init makes it");
	make_store();
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
	assert_refused("it is empty; its only line must name the folder to use");
}

static void unsafe_folders(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(chmod(".slurmq", 0770), 0);
	assert_refused("other users may write to");
	assert_int_equal(chmod(".slurmq", 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(".slurmq", 12345, 12345), 0);
		assert_refused("belongs to another user");
	}
}

static void incomplete_folders(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(rename(".slurmq/id", "id"), 0);
	assert_refused("id' is missing");
	write_text(".slurmq/id", "0\n");
	assert_refused("belongs to another .slurmq folder");
	assert_int_equal(rename("id", ".slurmq/id"), 0);
	assert_int_equal(rename(".slurmq/jobs.db", "jobs.db"), 0);
	assert_refused("is missing");
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
		T(make_find_open),
		T(making_again_changes_nothing),
		T(a_killed_init_is_completed),
		T(leftovers_of_killed_inits),
		T(folder_from_a_file_and_the_environment),
		T(unsafe_folders),
		T(incomplete_folders),
		T(a_path_that_sbatch_cannot_take),
		T(log_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
