#include "lib/cgroup.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

/* Reads the number after "oom_kill " in a file. Returns -1 if the file has no such line. */
static int64_t read_oom_kills(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[256];
	int64_t n = -1;

	while (f && n < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "oom_kill %" SCNd64, &n) != 1)
			n = -1;
	if (f)
		fclose(f);
	return n;
}

/* Cuts a cgroup's path after its part "job_...": the job's steps are cgroups below that part. */
static void cut_to_job(char *path)
{
	char *job = strstr(path, "/job_");

	if (job)
		job[1 + strcspn(job + 1, "/")] = '\0';
}

/* Reads the counter of the cgroup that a line of /proc/self/cgroup names, or returns -1. The
 * line is "4:memory:/slurm/uid_0/job_1/step_batch", or "0::/..." for v2 (cgroups(7)). */
static int64_t count_oom_kills(const char *root, char *line)
{
	char *controllers = strchr(line, ':'), *group, *path;
	bool v2;
	int64_t n;

	if (!controllers || !(group = strchr(controllers + 1, ':')))
		return -1;
	*group++ = '\0';
	v2 = !controllers[1];
	if (!v2 && strcmp(controllers + 1, "memory") != 0)
		return -1;
	group[strcspn(group, "\n")] = '\0';
	cut_to_job(group);
	path = mem_printf(v2 ? "%s/sys/fs/cgroup%s/memory.events"
			     : "%s/sys/fs/cgroup/memory%s/memory.oom_control",
			  root, group);
	n = read_oom_kills(path);
	free(path);
	return n;
}

int64_t cgroup_oom_kills(const char *root)
{
	char *path = mem_printf("%s/proc/self/cgroup", root);
	FILE *f = fopen(path, "re");
	char line[4200];
	int64_t n = -1;

	while (f && n < 0 && fgets(line, sizeof(line), f))
		n = count_oom_kills(root, line);
	if (f)
		fclose(f);
	free(path);
	return n;
}
