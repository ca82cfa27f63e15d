/*
 * trace.c - loaded before libc (LD_PRELOAD): records the order in which a process changes files.
 *
 *	SLURMQ_TRACE=FILE		each call appends a line to it; unset: no trace
 *	SLURMQ_TRACE_UNDER=FOLDER	only files below it, with names relative to it
 *	SLURMQ_TRACE_SLOW=NAME		a sync of a file whose name starts with NAME takes 200 ms longer
 *
 * A line is the process, the kind of call, and the file:
 *
 *	17 make manifests/.tmp-1		opened with O_CREAT
 *	17 write manifests/.tmp-1 0	and the offset; - if it is the file's own
 *	17 cut jobs.db-journal 0	and the new length
 *	17 sync manifests/T		fsync(2) or fdatasync(2)
 *	17 rename claims/T.0 running/T.0.1
 *	17 unlink outbox/E
 *	17 list outbox
 *	17 feed				a write to a pipe other than 0, 1 and 2
 *
 * A sync is recorded after it has succeeded, any other call before it is made. So a line above
 * another happened before it, whatever the threads.
 */
#undef _FILE_OFFSET_BITS /* open() would be open64(), and could not be defined beside it */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 2 * PATH_MAX + 100 };

static struct {
	int ready;
	const char *file, *under, *slow;
	size_t nunder;
} me;

static int is_tracing(void)
{
	if (!me.ready) {
		me.file = getenv("SLURMQ_TRACE");
		me.under = getenv("SLURMQ_TRACE_UNDER");
		me.slow = getenv("SLURMQ_TRACE_SLOW");
		me.nunder = me.under ? strlen(me.under) : 0;
		me.ready = 1;
	}
	return me.file && me.nunder;
}

static void append_line(const char *line, int n)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, me.file,
			      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || syscall(SYS_write, fd, line, n) != n)
		abort();
	syscall(SYS_close, fd);
}

/* Reads a link in /proc; "" if that fails. */
static void read_proc_link(const char *link, char *path)
{
	long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);

	path[n > 0 ? n : 0] = '\0';
}

static void path_of_fd(int fd, char *path)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	read_proc_link(link, path);
}

/* Returns the name relative to the folder ("." for the folder itself), NULL if it is not below
 * it. */
static const char *relative_name(const char *path)
{
	if (strncmp(path, me.under, me.nunder) != 0)
		return NULL;
	path += me.nunder;
	return !*path ? "." : *path == '/' ? path + 1 : NULL;
}

static const char *name_of(int dirfd, const char *path, char *full)
{
	size_t n;

	if (*path == '/') {
		snprintf(full, PATH_MAX, "%s", path);
		return relative_name(full);
	}
	if (dirfd == AT_FDCWD)
		read_proc_link("/proc/self/cwd", full);
	else
		path_of_fd(dirfd, full);
	n = strlen(full);
	snprintf(full + n, PATH_MAX - n, "/%s", path);
	return relative_name(full);
}

static void trace_name(const char *what, const char *name, const char *more)
{
	char line[LINE];
	int errnum = errno, n;

	n = snprintf(line, sizeof(line), "%ld %s%s%s%s%s\n", (long)getpid(), what, *name ? " " : "",
		     name, *more ? " " : "", more);
	append_line(line, n);
	errno = errnum;
}

/* Returns the name of an open file, NULL if it is not below the folder. */
static const char *name_of_fd(int fd, char *full)
{
	if (!is_tracing())
		return NULL;
	path_of_fd(fd, full);
	return relative_name(full);
}

static void trace_number(const char *what, int fd, long long number)
{
	char path[PATH_MAX] = "", text[24] = "-";
	const char *name = name_of_fd(fd, path);

	if (number >= 0)
		snprintf(text, sizeof(text), "%lld", number);
	if (name)
		trace_name(what, name, text);
	else if (fd > 2 && !strncmp(path, "pipe:", 5))
		trace_name("feed", "", "");
}

static void trace_path(const char *what, int dirfd, const char *path)
{
	char full[PATH_MAX];
	const char *name = is_tracing() ? name_of(dirfd, path, full) : NULL;

	if (name)
		trace_name(what, name, "");
}

/* ---- files ---- */

static int do_open(int dirfd, const char *path, int flags, mode_t mode)
{
	if (flags & O_CREAT)
		trace_path("make", dirfd, path);
	return (int)syscall(SYS_openat, dirfd, path, flags | O_LARGEFILE, mode);
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list ap; \
		mode_t mode; \
		va_start(ap, flags); \
		mode = mode_of(flags, ap); \
		va_end(ap); \
		return do_open(AT_FDCWD, path, flags, mode); \
	}
#define OPENAT(name) \
	int name(int dirfd, const char *path, int flags, ...) \
	{ \
		va_list ap; \
		mode_t mode; \
		va_start(ap, flags); \
		mode = mode_of(flags, ap); \
		va_end(ap); \
		return do_open(dirfd, path, flags, mode); \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *p, size_t n)
{
	trace_number("write", fd, -1);
	return syscall(SYS_write, fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	trace_number("write", fd, at);
	return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return pwrite(fd, p, n, at);
}

int ftruncate(int fd, off_t len)
{
	trace_number("cut", fd, len);
	return (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate64(int fd, off64_t len)
{
	return ftruncate(fd, len);
}

static int do_sync(int fd, long call)
{
	static const struct timespec slow = {0, 200000000};
	char path[PATH_MAX];
	const char *name = name_of_fd(fd, path);
	int rc;

	if (name && me.slow && !strncmp(name, me.slow, strlen(me.slow)))
		syscall(SYS_nanosleep, &slow, NULL);
	rc = (int)syscall(call, fd);
	if (name && !rc)
		trace_name("sync", name, "");
	return rc;
}

int fsync(int fd)
{
	return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return do_sync(fd, SYS_fdatasync);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	char full[2][PATH_MAX];
	const char *a = is_tracing() ? name_of(from_fd, from, full[0]) : NULL;
	const char *b = a ? name_of(to_fd, to, full[1]) : NULL;

	if (b)
		trace_name("rename", a, b);
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int dirfd, const char *path, int flags)
{
	trace_path("unlink", dirfd, path);
	return (int)syscall(SYS_unlinkat, dirfd, path, flags);
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

DIR *fdopendir(int fd)
{
	static DIR *(*real)(int);
	char path[PATH_MAX];
	const char *name;

	if (!real)
		*(void **)(&real) = dlsym(RTLD_NEXT, "fdopendir");
	name = name_of_fd(fd, path);
	if (name)
		trace_name("list", name, "");
	return real(fd);
}
