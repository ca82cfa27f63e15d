#include "cmd/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/proc.h"

/* Returns the user's command for sh -c, or NULL for none. Borrowed. */
static const char *find_command(void)
{
	const char *term = getenv("TERM"), *command = getenv("SLURMQ_PAGER");

	if (!term || !*term || !strcmp(term, "dumb"))
		return NULL;
	if (!command)
		command = getenv("PAGER");
	if (!command)
		command = "less";
	return *command && strcmp(command, "cat") != 0 ? command : NULL;
}

/* Returns whether the program of a command exists. A command that begins with more than a plain
 * word is left to the shell. */
static bool is_installed(const char *command)
{
	size_t n = strcspn(command, " \t");
	char *program = mem_strndup(command, n);
	bool there = strpbrk(program, "'\"\\$=`;&|<>()") ||
		     (strchr(program, '/') ? !access(program, X_OK) : proc_on_path(program));

	free(program);
	return there;
}

void pager_start(struct pager *p)
{
	const char *command = find_command();
	const char *const argv[] = {"sh", "-c", command, NULL};
	struct proc_child child = {.argv = argv, .out = -1, .err = -1, .foreground = true};
	int fd[2];

	if (pager_runs(p) || isatty(STDOUT_FILENO) != 1 || !command || !is_installed(command) ||
	    pipe2(fd, O_CLOEXEC))
		return;
	setenv("LESS", "FRX", 0);
	child.in = fd[0];
	p->terminal = -1;
	p->pid = proc_spawn(&child, NULL, NULL);
	if (p->pid > 0) {
		/* an interrupt is for the pager: it stops a search in there, not this process */
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
		fflush(stdout);
		dup2(fd[1], STDOUT_FILENO);
		if (isatty(STDERR_FILENO) == 1) {
			p->terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
			dup2(fd[1], STDERR_FILENO);
		}
	}
	close(fd[0]);
	close(fd[1]);
}

bool pager_runs(const struct pager *p)
{
	return p->pid > 0;
}

void pager_end(struct pager *p)
{
	if (!pager_runs(p))
		return;
	/* the pager sees the end of its input once this process has no end of the pipe left */
	if (p->terminal >= 0) {
		dup2(p->terminal, STDERR_FILENO);
		close(p->terminal);
	}
	proc_wait(p->pid);
	p->pid = 0;
}
