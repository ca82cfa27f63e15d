/* test_fs.c - finds mounts on which locks do not reach other hosts */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "lib/fs.h"
#include "scratch.h"

static const char mounts[] =
	"22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	"23 22 0:21 / /home rw,relatime - nfs4 server:/home rw,vers=4.2,local_lock=none\n"
	"24 22 0:22 / /scratch rw shared:2 master:1 - lustre mgs:/scr rw,flock\n"
	"25 22 0:23 / /old rw - nfs server:/old rw,vers=3,nolock,proto=tcp\n"
	"26 22 0:24 / /ll rw - nfs server:/ll rw,local_lock=all\n"
	"27 22 0:25 / /lp rw - nfs server:/lp rw,local_lock=posix\n"
	"28 22 0:26 / /lf rw - nfs server:/lf rw,local_lock=flock\n"
	"29 22 0:27 / /lu rw - lustre mgs:/lu rw,localflock\n"
	"30 22 0:28 / /lun rw,noflock - lustre mgs:/lun rw\n"
	"31 22 0:29 / /with\\040space rw - ext4 /dev/sdb rw\n"
	"32 24 0:30 / /scratch/me rw - ext4 /dev/sdc rw\n"
	"broken line\n"
	"33 22 0:31 / /nolockers rw - ext4 /dev/sdd rw\n";

static void objections(void **state)
{
	static const struct {
		const char *path, *point;
		bool objected;
	} v[] = {
		{"/", "/", false},
		{"/etc/x", "/", false},
		{"/home/u/p", "/home", false},
		{"/homes", "/", false},
		{"/scratch", "/scratch", false},
		{"/scratch/you", "/scratch", false},
		{"/scratch/me/x", "/scratch/me", false},
		{"/old/x", "/old", true},
		{"/ll", "/ll", true},
		{"/lp/a", "/lp", true},
		{"/lf/a", "/lf", false},
		{"/lu/a", "/lu", true},
		{"/lun/a", "/lun", true},
		{"/with space/a", "/with space", false},
		{"/nolockers/a", "/nolockers", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct fs_mount m;

		assert_int_equal(fs_mount_find(mounts, v[i].path, &m), 0);
		assert_string_equal(m.point, v[i].point);
		assert_int_equal(fs_mount_objection(&m) != NULL, v[i].objected);
		fs_mount_release(&m);
	}
}

static void nothing_mounted(void **state)
{
	struct fs_mount m;

	(void)state;
	assert_int_equal(fs_mount_find("", "/x", &m), -1);
	assert_int_equal(fs_mount_find("what\n - is\nthis - \n", "/x", &m), -1);
}

static void locks_of_this_machine(void **state)
{
	struct err err = {0};
	char *dir = scratch_make();

	(void)state;
	assert_int_equal(fs_check_locks(dir, &err), 0);
	assert_int_equal(rmdir(dir), 0); /* no file was left in it */
	assert_int_equal(fs_check_locks(dir, &err), -1);
	assert_non_null(strstr(err.msg, dir));
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objections),
		cmocka_unit_test(nothing_mounted),
		cmocka_unit_test(locks_of_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
