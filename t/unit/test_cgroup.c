/* test_cgroup.c - kills for lack of memory, in cgroups of both versions */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/cgroup.h"
#include "scratch.h"

static void write_file(const char *root, const char *path, const char *text)
{
	char *name = mem_printf("%s%s", root, path);
	FILE *f;

	for (char *p = name + strlen(root) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(name, 0700);
		*p = '/';
	}
	f = fopen(name, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(name);
}

static void memory_kills(void **state)
{
	static const struct {
		const char *self, *file, *text;
		int64_t n;
	} v[] = {
		/* the job's group, with all of its steps */
		{"0::/system.slice/slurmstepd.scope/job_7/step_batch/user/task_0\n",
		 "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.events",
		 "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 1\n", 3},
		{"9:cpu:/slurm/uid_0/job_7/step_batch\n8:memory:/slurm/uid_0/job_7/step_batch\n0::/\n",
		 "/sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.oom_control",
		 "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", 2},
		/* outside Slurm's groups */
		{"0::/user.slice\n", "/sys/fs/cgroup/user.slice/memory.events", "oom_kill 0\n", 0},
		{"0::/job_x.y/z\n", "/sys/fs/cgroup/job_x.y/memory.events", "oom_kill 1\n", 1},
		/* an older kernel, no such file, no such line */
		{"8:memory:/a\n", "/sys/fs/cgroup/memory/a/memory.oom_control", "under_oom 0\n",
		 -1},
		{"8:memory:/a\n", "/sys/fs/cgroup/memory/b/memory.oom_control", "oom_kill 1\n", -1},
		{"8:cpu:/a\nnonsense\n\n", "/x/y", "", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *root = scratch_make();

		write_file(root, "/proc/self/cgroup", v[i].self);
		write_file(root, v[i].file, v[i].text);
		if (cgroup_oom_kills(root) != v[i].n)
			fail_msg("%zu: %d", i, (int)cgroup_oom_kills(root));
		scratch_drop(root);
	}
	assert_int_equal(cgroup_oom_kills("/nowhere"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(memory_kills)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
