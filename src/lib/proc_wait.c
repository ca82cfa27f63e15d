/* proc_wait.c - the ends of children that run beside this process. */
#include "lib/proc.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

void proc_wait(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int64_t timeval_ms(const struct timeval *tv)
{
	return (int64_t)tv->tv_sec * 1000 + tv->tv_usec / 1000;
}

int proc_reap(struct proc_end *end)
{
	struct rusage ru;
	int status;
	pid_t pid;

	memset(end, 0, sizeof(*end));
	memset(&ru, 0, sizeof(ru));
	do
		pid = wait4(-1, &status, WNOHANG, &ru);
	while (pid < 0 && errno == EINTR);
	if (pid <= 0)
		return 0;
	end->pid = pid;
	if (WIFEXITED(status))
		end->exit_code = WEXITSTATUS(status);
	else
		end->signal = WTERMSIG(status);
	end->maxrss_kib = ru.ru_maxrss;
	end->cpu_ms = timeval_ms(&ru.ru_utime) + timeval_ms(&ru.ru_stime);
	return 1;
}
