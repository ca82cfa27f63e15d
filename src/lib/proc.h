/*
 * proc.h - starts programs and waits for them; no other file forks, executes or waits. A child
 * gets an argv, never a shell line. A failed exec is distinguished from a program that fails:
 * the child writes errno to a close-on-exec pipe.
 */
#ifndef SLURMQ_PROC_H
#define SLURMQ_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

/* A short program whose output the caller reads. */
struct proc_spec {
	/* argv[0] is searched on PATH, that of envp or of this process; folders of PATH that are not
	 * absolute are skipped */
	const char *const *argv;
	const char *const *envp; /* NULL: that of this process */
	const char *in;		 /* standard input; NULL: /dev/null */
	size_t in_len;
	/* after it the process group gets TERM, and 2 s later KILL; 0: no timeout. A program
	 * that has not ended 5 s after KILL is abandoned, with timed_out set */
	int timeout_ms;
};

struct proc_result {
	struct buf out,
		err;   /* the output, read from both streams together; each has at most 64 MiB */
	int exit_code; /* valid if signal is 0 and timed_out is not set */
	int signal;    /* the signal that ended the program, else 0 */
	bool timed_out;
};

/* Runs a program to its end, in a process group of its own, with default signal actions and an
 * empty signal mask. Returns 0 and *result if the program was started, however it ended.
 * Returns -1 with err if it could not be started. *exec_errno (may be NULL) is then ENOENT if
 * PATH has no such program, and 0 if the failure was before the exec (no process, no
 * descriptor, no such cwd). A file without #! is not run by a shell: ENOEXEC. SIGPIPE from a
 * child that does not read its input is not an error. Output that descendants write after the
 * program has ended is not waited for. Reaps no other child. */
int proc_run(const struct proc_spec *spec, struct proc_result *result, int *exec_errno,
	     struct err *err);
void proc_result_release(struct proc_result *result);

/* Like proc_run(), in two parts, for a program that needs time before it reads its input. The
 * program is started with an open, empty standard input; proc_run_end() feeds it spec->in,
 * waits and releases. The data of spec must stay valid until then. proc_run_end() reports a
 * failed exec. The program starts on another processor than the caller, which works on
 * meanwhile.
 *
 * proc_run_feed() writes as much of the input as the pipe accepts without waiting;
 * proc_run_end() writes the rest. That is all of the input as far as the pipe can be made to
 * hold it: 1 MiB or as the site sets it (pipe(7), pipe-max-size), less for a user with many
 * pipes. If this process dies before the feed, the program reads an empty input; after it, the
 * fed input. */
struct proc_run;
int proc_run_begin(const struct proc_spec *spec, struct proc_run **out, int *exec_errno,
		   struct err *err);
void proc_run_feed(struct proc_run *run);
int proc_run_end(struct proc_run *run, struct proc_result *result, int *exec_errno,
		 struct err *err);
/* Kills the program without feeding it, and releases run. */
void proc_run_abandon(struct proc_run *run);

/* Returns whether the PATH of this process has a program of that name. */
bool proc_on_path(const char *name);

/* A child that runs beside this process: the command of a step, a helper process. */
struct proc_child {
	const char *const *argv;
	const char *const *envp; /* NULL: that of this process */
	const char *path;	 /* the file to execute; NULL: search argv[0] on PATH */
	const char *cwd;	 /* NULL: that of this process */
	int out, err;		 /* descriptors for stdout and stderr; -1: those of this process */
	/* the child gets KILL if this process dies first (prctl(2), PR_SET_PDEATHSIG) */
	bool dies_with_us;
	/* a program that the user operates: it stays in the process group of this process, which
	 * the terminal belongs to, and reads stdin from the descriptor `in` */
	bool foreground;
	int in;
};
/* Starts a child in a process group of its own, with stdin /dev/null, default signal actions
 * and an empty signal mask. Returns its pid (> 0), or -1 with err and *exec_errno, as
 * proc_run() does. */
pid_t proc_spawn(const struct proc_child *child, int *exec_errno, struct err *err);
/* Waits for the end of a child that proc_spawn() has started, and reaps it. */
void proc_wait(pid_t pid);

/* The end of a child as wait4(2) reports it. */
struct proc_end {
	pid_t pid;
	int exit_code, signal; /* at least one of them is 0; both are 0 after a success */
	int64_t maxrss_kib; /* the maximum of the child and of the descendants that it waited for */
	int64_t cpu_ms;	    /* user and system time of the same processes */
};
/* Reaps any child that has ended. Returns 1 and *end, or 0 if no child has ended or there is
 * none. The caller ignores a pid that it does not know. */
int proc_reap(struct proc_end *end);

/* Blocks the signals that a supervisor waits for with proc_signal_wait(): SIGCHLD, SIGTERM,
 * SIGINT, SIGHUP, SIGUSR1, SIGUSR2 and SIGCONT. If INT or HUP was ignored when this process
 * started (nohup, '&' in a script), it stays ignored. */
void proc_signals_block(void);
/* Returns the next of these signals, or 0 if none comes within timeout_ms (-1: waits without a
 * limit). */
int proc_signal_wait(int timeout_ms);

/* Returns the number of USR1, USR2, TERM, INT, HUP, CONT or ALRM; 0 for another name. */
int proc_signal_number(const char *name);

/* Returns whether a SIGTERM is pending: it was sent while proc_signals_block() blocked it. */
bool proc_term_pending(void);

/* Signals a process group that proc_spawn() made. If the group no longer exists, that is no
 * error. */
void proc_group_kill(pid_t pgid, int sig);

/* Signals the processes of a group that catch the signal, or block it to wait for it. The
 * default action of the signal would kill the others, for example bash between two commands of
 * a script. Returns the number of signalled processes. */
int proc_group_notify(pid_t pgid, int sig);

#endif
