#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/shebang.h"

extern char **environ;

enum {
	OUTPUT_MAX = 64 << 20, /* bytes kept of each stream; the rest is read and dropped */
	TERM_GRACE_MS = 2000,  /* from TERM to KILL */
	KILL_GRACE_MS =
		5000, /* from KILL to giving up: the program may sleep in a dead NFS server */
	PIPE_HOLDS = 64 * 1024, /* capacity of a pipe by default (pipe(7)) */
	TICK_MIN_MS = 1,
	TICK_MAX_MS = 50,
};

/* The stage at which a forked child failed before its exec; the child writes it to the error
 * pipe. */
enum stage { STAGE_SETUP = 1, STAGE_CWD, STAGE_EXEC };
struct failure {
	int stage, errnum;
};

struct launch {
	const char *file; /* the file to execute */
	const char *const *argv;
	const char *const *envp; /* NULL: that of this process */
	const char *cwd;	 /* NULL: that of this process */
	int in, out, err;	 /* -1: in from /dev/null, out and err inherited */
	bool dies_with_us;
	bool foreground; /* stays in the process group of this process */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Opens a pipe whose ends are none of 0, 1 and 2, even if the caller of slurmq left some of
 * these closed: the child puts its streams there. */
static int pipe_open(int fd[2], struct err *err)
{
	int raw[2], errnum;

	fd[0] = fd[1] = -1;
	if (pipe2(raw, O_CLOEXEC))
		return err_errno(err, ERR_FAILED, "cannot make a pipe");
	for (int i = 0; i < 2; i++) {
		if (raw[i] > STDERR_FILENO) {
			fd[i] = raw[i];
			continue;
		}
		fd[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		errnum = errno;
		close(raw[i]);
		errno = errnum;
	}
	if (fd[0] >= 0 && fd[1] >= 0)
		return 0;
	err_errno(err, ERR_FAILED, "cannot make a pipe");
	close_fd(&fd[0]);
	close_fd(&fd[1]);
	return -1;
}

/* PATH */

static const char *find_path_variable(const char *const *envp)
{
	if (!envp)
		return getenv("PATH");
	for (; *envp; envp++)
		if (!strncmp(*envp, "PATH=", 5))
			return *envp + 5;
	return NULL;
}

/* Returns 0 if this process may execute file, else the errno of the reason. */
static int check_executable(const char *file)
{
	struct stat st;

	if (stat(file, &st))
		return errno;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, file, X_OK, AT_EACCESS))
		return EACCES;
	return 0;
}

/* Finds the file that name means. Returns its path, which the caller frees, or NULL with
 * *errnum. Elements of PATH that are not absolute folders are skipped: their meaning changes with
 * the current folder. */
static char *find_program(const char *name, const char *const *envp, int *errnum)
{
	const char *p, *end;

	if (strchr(name, '/'))
		return mem_strdup(name);
	*errnum = ENOENT;
	p = find_path_variable(envp);
	if (!p)
		p = "/usr/local/bin:/usr/bin:/bin";
	for (; *name; p = end + 1) {
		end = p + strcspn(p, ":");
		if (*p == '/') {
			char *file = mem_printf("%.*s/%s", (int)(end - p), p, name);
			int bad = check_executable(file);

			if (!bad)
				return file;
			free(file);
			if (bad == EACCES)
				*errnum = EACCES;
		}
		if (!*end)
			break;
	}
	return NULL;
}

bool proc_on_path(const char *name)
{
	int errnum;
	char *file = find_program(name, NULL, &errnum);

	free(file);
	return file != NULL;
}

static int set_exec_error(struct err *err, const char *name, int errnum)
{
	const char *advice = "";

	if (errnum == ENOENT && !strchr(name, '/'))
		return err_set(err, ERR_FAILED, "'%s' is not on PATH", name);
	if (errnum == ENOEXEC)
		advice = " (a script has to begin with a line such as #!/bin/sh)";
	if (errnum == E2BIG)
		advice = " (arguments and environment together are too long)";
	return err_set(err, ERR_FAILED, "cannot execute '%s': %s%s", name, strerror(errnum),
		       advice);
}

/* ---- the child, between fork and exec: only async-signal-safe functions ---- */

static void reset_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa,
			  NULL); /* fails for KILL, STOP and the signals that libc reserves */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts fds[i] on descriptor i. All are first moved above the standard descriptors. */
static int move_streams(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		if (fds[i] < 0 || fds[i] > STDERR_FILENO)
			continue;
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (fds[i] < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && dup2(fds[i], i) < 0)
			return -1;
	return 0;
}

static _Noreturn void run_child(const struct launch *l, int errfd)
{
	int fds[3] = {l->in, l->out, l->err};
	struct failure f = {.stage = STAGE_SETUP};
	ssize_t n;

	if (!l->foreground)
		setpgid(0, 0);
	if (l->dies_with_us && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == 1)
		_exit(126); /* prctl() came too late: the parent has already died */
	if (fds[0] < 0)
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fds[0] >= 0 && !move_streams(fds)) {
		f.stage = STAGE_CWD;
		if (!l->cwd || !chdir(l->cwd)) {
			f.stage = STAGE_EXEC;
			reset_signals();
			execve(l->file, (char *const *)(uintptr_t)l->argv,
			       l->envp ? (char *const *)(uintptr_t)l->envp : environ);
		}
	}
	f.errnum = errno;
	signal(SIGPIPE, SIG_IGN);
	n = write(errfd, &f, sizeof(f));
	_exit(n == (ssize_t)sizeof(f) ? 127 : 126);
}

/* ---- the parent ---- */

static int wait_for_child(pid_t pid, int *status)
{
	pid_t got;

	do
		got = waitpid(pid, status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid ? 0 : -1;
}

/* Reads the failure that the child wrote before its exec. Returns false if the exec succeeded. */
static bool failed_before_exec(int fd, struct failure *f)
{
	ssize_t n;

	do
		n = read(fd, f, sizeof(*f));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*f);
}

/* Sets err if the file is a script whose interpreter cannot run. Returns 0 if so. */
static int set_script_error(const struct launch *l, struct err *err)
{
	char *path = *l->file != '/' && l->cwd ? mem_printf("%s/%s", l->cwd, l->file)
					       : mem_strdup(l->file);
	struct buf why = {0};
	bool found = shebang_fault(path, &why);

	if (found)
		err_set(err, ERR_FAILED, "cannot execute '%s': %s", l->file, buf_str(&why));
	buf_release(&why);
	free(path);
	return found ? 0 : 1;
}

static int set_launch_error(const struct launch *l, const struct failure *f, int *exec_errno,
			    struct err *err)
{
	errno = f->errnum;
	if (f->stage == STAGE_CWD)
		return err_errno(err, ERR_FAILED, "cannot enter the folder '%s'", l->cwd);
	if (f->stage == STAGE_SETUP)
		return err_errno(err, ERR_FAILED, "cannot set up '%s' to run", l->argv[0]);
	if (exec_errno)
		*exec_errno = f->errnum;
	if (!set_script_error(l, err))
		return -1;
	return set_exec_error(err, l->file, f->errnum);
}

/* Forks. Returns the pid of the child; *errfd is the descriptor from which an exec error can be
 * read. */
static pid_t fork_child(const struct launch *l, int *errfd, struct err *err)
{
	struct sigaction chld;
	int fd[2];
	pid_t pid;

	/* an ignored SIGCHLD, inherited from the caller, would discard the exit status
	 * (wait(2), NOTES) */
	if (!sigaction(SIGCHLD, NULL, &chld) && chld.sa_handler == SIG_IGN)
		signal(SIGCHLD, SIG_DFL);
	if (pipe_open(fd, err))
		return -1;
	pid = fork();
	if (pid < 0) {
		err_errno(err, ERR_FAILED, "cannot fork to run '%s'", l->argv[0]);
		close_fd(&fd[0]);
		close_fd(&fd[1]);
		return -1;
	}
	if (pid == 0)
		run_child(l, fd[1]);
	close_fd(&fd[1]);
	*errfd = fd[0];
	return pid;
}

/* Waits until the child executes; its process group then exists. Returns 0, or -1 if the exec
 * failed; the child is then reaped. Closes errfd. */
static int wait_for_exec(const struct launch *l, pid_t pid, int errfd, int *exec_errno,
			 struct err *err)
{
	struct failure f = {0};
	int status, rc = 0;

	if (failed_before_exec(errfd, &f)) {
		wait_for_child(pid, &status);
		rc = set_launch_error(l, &f, exec_errno, err);
	}
	close_fd(&errfd);
	return rc;
}

/* Searches argv[0] if l->file is NULL. The caller frees *found. */
static int find_file(struct launch *l, char **found, int *exec_errno, struct err *err)
{
	int errnum = 0;

	*found = NULL;
	if (exec_errno)
		*exec_errno = 0;
	if (l->file)
		return 0;
	*found = find_program(l->argv[0], l->envp, &errnum);
	l->file = *found;
	if (*found)
		return 0;
	if (exec_errno)
		*exec_errno = errnum;
	return set_exec_error(err, l->argv[0], errnum);
}

/* ---- proc_run: feed, read, wait ---- */

struct proc_run {
	struct proc_spec spec;
	struct launch launch;
	char *found; /* the file that argv[0] means */
	int errfd;   /* from which an exec error can be read */
	struct proc_result *result;
	pid_t pid;
	int in, out, err; /* this process's ends of the pipes; -1: closed */
	/* readable when the program has ended; -1: a kernel before 5.3, the end is polled */
	int pidfd;
	size_t fed;
	bool ended;
	int status;
	/* monotonic time at which TERM, KILL or giving up is due next; 0: never */
	int64_t deadline;
	int signalled; /* the signal that its group got last: 0, SIGTERM or SIGKILL */
};

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void feed_stdin(struct proc_run *r)
{
	ssize_t n = write(r->in, r->spec.in + r->fed, r->spec.in_len - r->fed);

	if (n > 0)
		r->fed += (size_t)n;
	else if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || r->fed == r->spec.in_len)
		close_fd(&r->in); /* EPIPE: the program does not read the rest */
}

/* Reads once, at most max bytes. Returns the number of bytes, 0 if none are available now.
 * Closes *fd at its end. */
static size_t read_output(int *fd, struct buf *into, size_t max)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, max < sizeof(chunk) ? max : sizeof(chunk));
	size_t room = into->len < OUTPUT_MAX ? OUTPUT_MAX - into->len : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		close_fd(fd);
		return 0;
	}
	buf_add(into, chunk, (size_t)n < room ? (size_t)n : room);
	return (size_t)n;
}

/* Reads what the child wrote, which is in the pipe now. Later output of its descendants is not
 * waited for. */
static void read_rest(int *fd, struct buf *into)
{
	int there = 0;
	size_t left, got;

	if (*fd < 0 || ioctl(*fd, FIONREAD, &there) || there <= 0)
		return;
	for (left = (size_t)there; left && *fd >= 0; left -= got) {
		got = read_output(fd, into, left);
		if (!got)
			break;
	}
}

static void move_data(struct proc_run *r, int tick_ms)
{
	struct pollfd p[4] = {
		{.fd = r->in, .events = POLLOUT},
		{.fd = r->out, .events = POLLIN},
		{.fd = r->err, .events = POLLIN},
		{.fd = r->pidfd, .events = POLLIN},
	};

	/* poll(2) ignores descriptors below 0 */
	if (poll(p, 4, tick_ms) <= 0)
		return;
	if (p[0].revents)
		feed_stdin(r);
	if (p[1].revents)
		read_output(&r->out, &r->result->out, SIZE_MAX);
	if (p[2].revents)
		read_output(&r->err, &r->result->err, SIZE_MAX);
}

/* Checks whether the program has ended. If it was signalled, its group gets a last KILL while
 * the pid cannot be reused yet. */
static void check_for_end(struct proc_run *r)
{
	siginfo_t si = {0};

	if (waitid(P_PID, (id_t)r->pid, &si, WEXITED | WNOHANG | WNOWAIT) || si.si_pid != r->pid)
		return;
	if (r->signalled)
		kill(-r->pid, SIGKILL);
	r->ended = !wait_for_child(r->pid, &r->status);
}

/* Sends the next signal if the deadline has passed. Returns false if nothing is left to try. */
static bool enforce_deadline(struct proc_run *r)
{
	int64_t now;

	if (!r->deadline)
		return true;
	now = clock_mono_ms();
	if (now < r->deadline)
		return true;
	if (r->signalled == SIGKILL)
		return false;
	r->result->timed_out = true;
	r->signalled = r->signalled ? SIGKILL : SIGTERM;
	r->deadline = now + (r->signalled == SIGTERM ? TERM_GRACE_MS : KILL_GRACE_MS);
	kill(-r->pid, r->signalled);
	return true;
}

static void run_to_end(struct proc_run *r)
{
	const int least = r->pidfd < 0 ? TICK_MIN_MS : TICK_MAX_MS;
	int tick = least;

	if (r->spec.timeout_ms > 0)
		r->deadline = clock_mono_ms() + r->spec.timeout_ms;
	while (!r->ended && enforce_deadline(r)) {
		size_t before = r->result->out.len + r->result->err.len + r->fed;

		move_data(r, tick);
		check_for_end(r);
		tick = tick * 2 < TICK_MAX_MS ? tick * 2 : TICK_MAX_MS;
		if (r->result->out.len + r->result->err.len + r->fed != before)
			tick = least; /* a program that has just written may end soon */
	}
	read_rest(&r->out, &r->result->out);
	read_rest(&r->err, &r->result->err);
	if (r->ended && WIFEXITED(r->status))
		r->result->exit_code = WEXITSTATUS(r->status);
	else if (r->ended)
		r->result->signal = WTERMSIG(r->status);
}

/* Moves a new child to another processor, if this process may use several: the caller works on
 * meanwhile, and a scheduler that packs its work would let parent and child take turns while
 * other processors are idle. Afterwards the child may run on any of them. This is only a hint:
 * a failure does no harm (sched_setaffinity(2)). */
static void move_to_other_cpu(pid_t pid)
{
	cpu_set_t all, others;
	int cpu = sched_getcpu();

	if (cpu < 0 || sched_getaffinity(0, sizeof(all), &all))
		return;
	others = all;
	CPU_CLR((size_t)cpu, &others);
	if (CPU_COUNT(&others) && !sched_setaffinity(pid, sizeof(others), &others))
		sched_setaffinity(pid, sizeof(all), &all);
}

static int start_child(struct proc_run *r, bool aside, struct err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errp[2] = {-1, -1};
	int rc = -1;

	if ((r->spec.in && pipe_open(in, err)) || pipe_open(out, err) || pipe_open(errp, err))
		goto out;
	if (r->spec.in_len > PIPE_HOLDS)
		fcntl(in[1], F_SETPIPE_SZ,
		      (int)(r->spec.in_len < INT_MAX ? r->spec.in_len : INT_MAX));
	r->launch.in = in[0];
	r->launch.out = out[1];
	r->launch.err = errp[1];
	r->pid = fork_child(&r->launch, &r->errfd, err);
	if (r->pid < 0)
		goto out;
	if (aside)
		move_to_other_cpu(r->pid);
	rc = 0;
#ifdef SYS_pidfd_open
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0); /* close-on-exec (pidfd_open(2)) */
#endif
	r->in = in[1];
	r->out = out[0];
	r->err = errp[0];
	in[1] = out[0] = errp[0] = -1;
	set_nonblocking(r->out);
	set_nonblocking(r->err);
	if (r->in >= 0)
		set_nonblocking(r->in);
	if (r->in >= 0 && !r->spec.in_len)
		close_fd(&r->in);
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&in[i]);
		close_fd(&out[i]);
		close_fd(&errp[i]);
	}
	return rc;
}

static void run_free(struct proc_run *r)
{
	close_fd(&r->in);
	close_fd(&r->out);
	close_fd(&r->err);
	close_fd(&r->errfd);
	close_fd(&r->pidfd);
	free(r->found);
	free(r);
}

static int begin_run(const struct proc_spec *spec, bool aside, struct proc_run **out,
		     int *exec_errno, struct err *err)
{
	struct proc_run *r = mem_alloc(sizeof(*r));

	*out = NULL;
	r->spec = *spec;
	r->in = r->out = r->err = r->errfd = r->pidfd = -1;
	r->launch.argv = spec->argv;
	r->launch.envp = spec->envp;
	r->launch.in = -1;
	if (find_file(&r->launch, &r->found, exec_errno, err) || start_child(r, aside, err)) {
		run_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

int proc_run_begin(const struct proc_spec *spec, struct proc_run **out, int *exec_errno,
		   struct err *err)
{
	return begin_run(spec, true, out, exec_errno, err);
}

void proc_run_feed(struct proc_run *r)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;

	if (r->in < 0)
		return;
	sigaction(SIGPIPE, &ignore, &old);
	feed_stdin(r);
	sigaction(SIGPIPE, &old, NULL);
}

int proc_run_end(struct proc_run *r, struct proc_result *result, int *exec_errno, struct err *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	int errfd = r->errfd, rc;

	memset(result, 0, sizeof(*result));
	if (exec_errno)
		*exec_errno = 0;
	r->errfd = -1;
	r->result = result;
	rc = wait_for_exec(&r->launch, r->pid, errfd, exec_errno, err);
	if (!rc) {
		sigaction(SIGPIPE, &ignore, &old);
		run_to_end(r);
		sigaction(SIGPIPE, &old, NULL);
	}
	run_free(r);
	return rc;
}

void proc_run_abandon(struct proc_run *r)
{
	int errfd = r->errfd, status;

	r->errfd = -1;
	if (!wait_for_exec(&r->launch, r->pid, errfd, NULL, NULL)) {
		kill(-r->pid, SIGKILL);
		wait_for_child(r->pid, &status);
	}
	run_free(r);
}

int proc_run(const struct proc_spec *spec, struct proc_result *result, int *exec_errno,
	     struct err *err)
{
	struct proc_run *r;

	memset(result, 0, sizeof(*result));
	if (begin_run(spec, false, &r, exec_errno, err))
		return -1;
	return proc_run_end(r, result, exec_errno, err);
}

void proc_result_release(struct proc_result *result)
{
	buf_release(&result->out);
	buf_release(&result->err);
	memset(result, 0, sizeof(*result));
}

/* ---- children that run beside this process ---- */

pid_t proc_spawn(const struct proc_child *child, int *exec_errno, struct err *err)
{
	struct launch l = {
		.file = child->path,
		.argv = child->argv,
		.envp = child->envp,
		.cwd = child->cwd,
		.in = child->foreground ? child->in : -1,
		.out = child->out,
		.err = child->err,
		.dies_with_us = child->dies_with_us,
		.foreground = child->foreground,
	};
	char *found;
	pid_t pid = -1;
	int errfd;

	if (!find_file(&l, &found, exec_errno, err))
		pid = fork_child(&l, &errfd, err);
	if (pid > 0 && wait_for_exec(&l, pid, errfd, exec_errno, err))
		pid = -1;
	free(found);
	return pid;
}
