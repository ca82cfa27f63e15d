#include "lib/failpoint.h"

#ifdef SLURMQ_TEST

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Returns false if another process has died at the point already. */
static int may_die(void)
{
	const char *file = getenv("SLURMQ_FAILPOINT_ONCE");
	int fd;

	if (!file || !*file)
		return 1;
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0;
}

void failpoint_pass(const char *name)
{
	static long passed;
	const char *wanted = getenv("SLURMQ_FAILPOINT");
	size_t len = strlen(name);
	long n = 1;

	if (!wanted || strncmp(wanted, name, len) != 0 || (wanted[len] && wanted[len] != ':'))
		return;
	if (wanted[len])
		n = strtol(wanted + len + 1, NULL, 10);
	if (++passed != n || !may_die())
		return;
	raise(SIGKILL);
}

#endif
