/*
 * proc.h - the only place that forks, executes and waits.
 *
 * A child gets an argv, never a shell line. An exec that fails is told apart from a program that
 * fails: the errno comes back over a close-on-exec pipe.
 */
#ifndef SLURMQ_PROC_H
#define SLURMQ_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

/* A short program whose output is wanted. */
struct proc_spec {
	const char *const *argv; /* argv[0] is looked up on PATH: of envp where given, else ours;
				    folders of PATH that are not absolute are passed over */
	const char *const *envp; /* NULL: our own */
	const char *in;		 /* its standard input; NULL: /dev/null */
	size_t in_len;
	int timeout_ms; /* then TERM to its process group, and KILL 2 s later; 0: none. One that
			   even KILL does not end within 5 s is left behind, timed_out */
};

struct proc_result {
	struct buf out, err; /* all that it printed, ingested together; each capped at 64 MiB */
	int exit_code;	     /* valid where signal is 0 and !timed_out */
	int signal;	     /* that ended it, else 0 */
	bool timed_out;
};

/* Run it to its end, in a process group of its own, with default signal actions and an empty signal
 * mask. 0 and *result where it was started, however it ended; -1 where it could not be: err, and
 * *exec_errno (may be NULL) ENOENT where there is no such program on PATH, and 0 where it failed
 * before the exec (no process, no descriptor, no such cwd). A file without #! is not given to a
 * shell: ENOEXEC. SIGPIPE from a child that does not read its input is no error. What its own
 * children go on to write once it has ended is not waited for. Reaps no child but its own. */
int proc_run(const struct proc_spec *spec, struct proc_result *result, int *exec_errno,
	     struct err *err);
void proc_result_release(struct proc_result *result);

/* The same in two parts, for a program that takes its time before it reads: it is started and gets nothing
 * on its standard input, which stays open, until proc_run_end() feeds it spec->in, waits and releases. What
 * spec points to stays the caller's and must stay until then. An exec that fails is told by the end.
 * It begins on another processor than the caller's, which has work to do meanwhile. proc_run_feed() gives it
 * as much as goes in without waiting, so that it goes on meanwhile; the end does the rest. That is all of it as
 * far as the pipe can be made to hold it: 1 MiB, as the site has it (pipe(7), pipe-max-size), or less for a
 * user of many. Where we die before the feed the program reads an empty input; after it, what was fed. */
struct proc_run;
int proc_run_begin(const struct proc_spec *spec, struct proc_run **out, int *exec_errno,
		   struct err *err);
void proc_run_feed(struct proc_run *run);
int proc_run_end(struct proc_run *run, struct proc_result *result, int *exec_errno,
		 struct err *err);
/* End it by KILL, unfed. */
void proc_run_abandon(struct proc_run *run);

/* Whether there is a program of that name on our own PATH. */
bool proc_on_path(const char *name);

/* A child that goes on: a step's command, a helper process. */
struct proc_child {
	const char *const *argv;
	const char *const *envp; /* NULL: our own */
	const char *path;	 /* execute this file rather than look argv[0] up; NULL: look up */
	const char *cwd;	 /* NULL: ours */
	int out, err;		 /* descriptors for stdout and stderr; -1: inherit ours */
	bool dies_with_us; /* KILL comes to it where we die first (prctl(2), PR_SET_PDEATHSIG) */
};
/* Started in a process group of its own, stdin /dev/null, default signal actions, empty mask.
 * Returns its pid (> 0), or -1 with err and *exec_errno, as proc_run(). */
pid_t proc_spawn(const struct proc_child *child, int *exec_errno, struct err *err);

/* A child's end as wait4(2) tells it. */
struct proc_end {
	pid_t pid;
	int exit_code, signal; /* one of them 0; both 0: success */
	int64_t maxrss_kib;    /* of it and of its descendants that it waited for, the largest */
	int64_t cpu_ms;	       /* user and system time of the same */
};
/* Reap any child that has ended: 1 and *end, or 0 where none has ended now (or none is there). Any:
 * pass over a pid that you don't know. */
int proc_reap(struct proc_end *end);

/* Signals that a supervisor waits for: blocked from proc_signals_block() on, and taken with
 * proc_signal_wait(). They are SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT; but an
 * INT or HUP that we were started with as ignored (nohup, '&' in a script) stays ignored. */
void proc_signals_block(void);
/* The next pending one of them, waiting timeout_ms at most (-1: for ever); 0 where none came. */
int proc_signal_wait(int timeout_ms);

/* A SIGTERM waits to be taken: it was sent while proc_signals_block() held it back. */
bool proc_term_pending(void);

/* Signal a process group that proc_spawn() made; a group that has gone is no error. */
void proc_group_kill(pid_t pgid, int sig);

/* Signal those of a group that catch the signal, or hold it back to wait for it; its default action would
 * kill the others, as bash between a script's commands. How many were told. */
int proc_group_tell(pid_t pgid, int sig);

#endif
