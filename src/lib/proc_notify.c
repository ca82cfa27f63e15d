/* proc_notify.c - sends a signal to those processes of a group that it would not kill. */
#include "lib/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"

enum { CHECK_AGAIN_MS = 20 };

/* Reads the process group from /proc/PID/stat. Its second field is a name in brackets, which
 * may hold any character (proc(5)). Returns -1 if the process no longer exists. */
static long read_group(const char *pid)
{
	char *path = mem_printf("/proc/%s/stat", pid), line[1024] = "", *end;
	FILE *f = fopen(path, "re");
	long group;

	free(path);
	if (!f)
		return -1;
	line[fread(line, 1, sizeof(line) - 1, f)] = '\0';
	fclose(f);
	end = strrchr(line, ')');
	return end && sscanf(end, ") %*c %*d %ld", &group) == 1 ? group : -1;
}

/* Returns whether the process catches the signal, or blocks it to wait for it with sigwait(2),
 * as srun does. A process that also blocks SEGV is only about to fork: shells and
 * posix_spawn(3) block all signals for that moment. */
static bool handles_signal(const char *pid, int sig)
{
	char *path = mem_printf("/proc/%s/status", pid), line[256];
	FILE *f = fopen(path, "re");
	uint64_t mask, heeded = 0;

	free(path);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "SigCgt: %" SCNx64, &mask) == 1 ||
		    (sscanf(line, "SigBlk: %" SCNx64, &mask) == 1 && !(mask >> (SIGSEGV - 1) & 1)))
			heeded |= mask;
	if (f)
		fclose(f);
	return heeded >> (sig - 1) & 1;
}

/* Lists the processes of the group that handle the signal, by their pids as text. */
static void list_handlers(pid_t pgid, int sig, struct strs *out)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]) && read_group(e->d_name) == pgid &&
		    handles_signal(e->d_name, sig))
			strs_add(out, e->d_name);
	if (d)
		closedir(d);
}

int proc_group_notify(pid_t pgid, int sig)
{
	struct strs before = {0}, now = {0};
	int sent = 0;

	/* twice, because a shell's child that is about to exec still shows the handlers of the
	 * shell */
	list_handlers(pgid, sig, &before);
	if (before.n)
		clock_sleep_ms(CHECK_AGAIN_MS);
	list_handlers(pgid, sig, &now);
	for (size_t i = 0; i < now.n; i++)
		for (size_t k = 0; k < before.n; k++)
			if (!strcmp(now.v[i], before.v[k]))
				sent += !kill((pid_t)strtol(now.v[i], NULL, 10), sig);
	strs_release(&before);
	strs_release(&now);
	return sent;
}
