/*
 * pager.h - shows the output of a command in a pager, if it goes to a terminal.
 */
#ifndef SLURMQ_PAGER_H
#define SLURMQ_PAGER_H

#include <stdbool.h>
#include <sys/types.h>

/* Zeroed: no pager runs. */
struct pager {
	pid_t pid;
	int terminal; /* the stderr of the user, while the pager gets that of this process */
};

/* Starts the pager and redirects stdout into it, and stderr if that is a terminal too: a message
 * must not be printed over the pager's screen. Call it after the style of stdout was set, and
 * before the first output. Does nothing if stdout is no terminal, TERM is unset or "dumb", or the
 * pager cannot be started: the output then goes to the terminal itself.
 *
 * The pager is the command in SLURMQ_PAGER, else that in PAGER, for sh -c; else less. An empty
 * command, and cat, stand for no pager. Unless LESS is set, less gets FRX: it ends at once if the
 * output fits the screen (less(1), -F, -R, -X). */
void pager_start(struct pager *p);
/* Returns whether pager_start() has started one. */
bool pager_runs(const struct pager *p);
/* Waits until the user has left the pager. Call it once stdout is closed. */
void pager_end(struct pager *p);

#endif
