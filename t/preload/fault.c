/*
 * fault.c - loaded before libc (LD_PRELOAD): makes system calls fail, be slow, or return another
 * time.
 *
 *	SLURMQ_FAULT=KIND:N[:CALL,...]	fails the N-th of these calls (default: all calls) below SLURMQ_FAULT_UNDER
 *		enospc		no space left: that call and all later ones that need space; a write is half done
 *		erofs		read-only: that call and all later ones that change a file
 *		eio		only that call, without effect
 *		late		only that call, reported as EIO after it took effect, as on NFS if a reply is lost
 *	SLURMQ_FAULT_UNDER=FOLDER	only files below it (default: all files)
 *	SLURMQ_FAULT_HIT=FILE		created when a call was made to fail
 *	DELAY=US[:CALL,...]	delays each of these calls below SLURMQ_FAULT_UNDER
 *	CLOCK_SHIFT=SECONDS	how far this host's clock is ahead; may be negative
 *	STAMP_SHIFT=SECONDS	how far the file server's clock is ahead: times of .touch-* files
 *	CLOCK_SPEED=N		divides waits by N; the monotonic clock and the file server's run
 *				N times as fast, from the start of the process
 *
 * slurmq stores no SLURMQ_* variable in its jobs' environment, so a job sets its own fault.
 * CALL is one of: open read write sync rename unlink lock close mkdir truncate stat list map.
 * The 64-bit names of libc are covered too: SQLite calls those.
 */
#undef _FILE_OFFSET_BITS /* open() would be open64(), and could not be defined beside it */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum call {
	C_OPEN,
	C_CREATE,
	C_READ,
	C_WRITE,
	C_SYNC,
	C_RENAME,
	C_UNLINK,
	C_LOCK,
	C_CLOSE,
	C_MKDIR,
	C_TRUNCATE,
	C_STAT,
	C_LIST,
	C_MAP,
	NCALLS
};

static const char *const call_names[NCALLS] = {
	"open", "open",	 "read",  "write",    "sync", "rename", "unlink",
	"lock", "close", "mkdir", "truncate", "stat", "list",	"map",
};

/* Calls that fail on a full disk, and on a read-only one. */
static const unsigned needs_space =
	1U << C_CREATE | 1U << C_WRITE | 1U << C_SYNC | 1U << C_RENAME | 1U << C_MKDIR;
static const unsigned changes = 1U << C_CREATE | 1U << C_WRITE | 1U << C_RENAME | 1U << C_UNLINK |
				1U << C_MKDIR | 1U << C_TRUNCATE;

static struct {
	int ready, errnum, late, from_then_on;
	long n, seen;
	unsigned which, delayed;
	const char *under;
	size_t nunder;
	long delay_us, shift, stamp, speed;
	int touched; /* 1 + descriptor of the file made to read the server's time */
} me;

#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (!real) \
	*(void **)(&real) = dlsym(RTLD_NEXT, #name)

static unsigned mask_of(const char *text)
{
	unsigned mask = 0;

	if (!text)
		return ~0U;
	for (int i = 0; i < NCALLS; i++) {
		size_t n = strlen(call_names[i]);

		for (const char *p = text; (p = strstr(p, call_names[i])); p += n)
			if ((p == text || p[-1] == ',') && (!p[n] || p[n] == ','))
				mask |= 1U << i;
	}
	return mask;
}

static long env_number(const char *name, long fallback)
{
	const char *text = getenv(name);

	return text && *text ? strtol(text, NULL, 10) : fallback;
}

static void read_fault(const char *text)
{
	static const struct {
		const char *name;
		int errnum, late, from_then_on;
	} kinds[] = {{"enospc:", ENOSPC, 0, 1},
		     {"erofs:", EROFS, 0, 1},
		     {"eio:", EIO, 0, 0},
		     {"late:", EIO, 1, 0}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *p = text + strlen(kinds[i].name), *colon;

		if (strncmp(text, kinds[i].name, strlen(kinds[i].name)) != 0)
			continue;
		me.errnum = kinds[i].errnum;
		me.late = kinds[i].late;
		me.from_then_on = kinds[i].from_then_on;
		me.n = strtol(p, NULL, 10);
		colon = strchr(p, ':');
		me.which = mask_of(colon ? colon + 1 : NULL);
		if (me.errnum == ENOSPC)
			me.which &= needs_space;
		else if (me.errnum == EROFS)
			me.which &= changes;
		else if (me.late) /* a lock cannot be taken and refused at once */
			me.which &= ~(1U << C_LOCK);
	}
}

static void set_up(void)
{
	const char *fault = getenv("SLURMQ_FAULT"), *delay = getenv("DELAY");

	if (me.ready)
		return;
	me.ready = 1;
	me.under = getenv("SLURMQ_FAULT_UNDER");
	me.nunder = me.under ? strlen(me.under) : 0;
	me.shift = env_number("CLOCK_SHIFT", 0);
	me.stamp = env_number("STAMP_SHIFT", 0);
	me.speed = env_number("CLOCK_SPEED", 1);
	if (fault)
		read_fault(fault);
	if (delay) {
		const char *colon = strchr(delay, ':');

		me.delay_us = strtol(delay, NULL, 10);
		me.delayed = mask_of(colon ? colon + 1 : NULL);
	}
}

/* ---- which file ---- */

static int is_below(const char *path)
{
	return !me.under || (!strncmp(path, me.under, me.nunder) &&
			     (!path[me.nunder] || path[me.nunder] == '/'));
}

static int link_below(const char *link)
{
	char path[PATH_MAX];
	long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);

	if (n < 0)
		return 0;
	path[n] = '\0';
	return is_below(path);
}

static int fd_below(int fd)
{
	char link[40];

	if (!me.under)
		return 1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return link_below(link);
}

static int path_below(int dirfd, const char *path)
{
	if (!me.under || *path == '/')
		return is_below(path);
	return dirfd == AT_FDCWD ? link_below("/proc/self/cwd") : fd_below(dirfd);
}

/* ---- failing ---- */

static void mark_hit(void)
{
	const char *file = getenv("SLURMQ_FAULT_HIT");

	if (file)
		syscall(SYS_close, (int)syscall(SYS_openat, AT_FDCWD, file,
						O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* Delays the call. Returns 0, or the errno to fail it with; negative if it must take effect
 * first. */
static int start_call(enum call c)
{
	if (me.delay_us && me.delayed & 1U << c) {
		struct timespec ts = {me.delay_us / 1000000, me.delay_us % 1000000 * 1000};

		syscall(SYS_nanosleep, &ts, NULL);
	}
	if (!me.errnum || !(me.which & 1U << c))
		return 0;
	me.seen++;
	if (me.seen != me.n && !(me.from_then_on && me.seen > me.n))
		return 0;
	if (me.seen == me.n)
		mark_hit();
	return me.late || c == C_CLOSE ? -me.errnum : me.errnum;
}

static int start_fd_call(enum call c, int fd)
{
	set_up();
	return (me.errnum || me.delay_us) && fd_below(fd) ? start_call(c) : 0;
}

static int start_path_call(enum call c, int dirfd, const char *path)
{
	set_up();
	return (me.errnum || me.delay_us) && path_below(dirfd, path) ? start_call(c) : 0;
}

/* The return value of a call: failed without effect, failed after its effect, or unchanged. */
#define RETURN(bad, call) \
	do { \
		if ((bad) > 0) { \
			errno = (bad); \
			return -1; \
		} \
		if (!(bad)) \
			return call; \
		(void)!(call); \
		errno = -(bad); \
		return -1; \
	} while (0)

/* ---- files ---- */

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode)
{
	int bad = start_path_call(flags & O_CREAT ? C_CREATE : C_OPEN, dirfd, path), fd;

	if (bad > 0) {
		errno = bad;
		return -1;
	}
	fd = (int)syscall(SYS_openat, dirfd, path, flags | O_LARGEFILE, mode);
	if (bad && fd >= 0) {
		syscall(SYS_close, fd);
		errno = -bad;
		return -1;
	}
	if ((me.stamp || me.speed > 1) && !strncmp(path, ".touch-", 7))
		me.touched = fd + 1;
	return fd;
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

/* The names that -D_FORTIFY_SOURCE calls. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);
ssize_t __read_chk(int fd, void *p, size_t n, size_t size);
ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t size);
ssize_t __pread64_chk(int fd, void *p, size_t n, off64_t at, size_t size);

int __open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dirfd, const char *path, int flags)
{
	return do_open(dirfd, path, flags, 0);
}

int __openat64_2(int dirfd, const char *path, int flags)
{
	return do_open(dirfd, path, flags, 0);
}

int close(int fd)
{
	int bad = start_fd_call(C_CLOSE, fd);

	if (me.touched == fd + 1)
		me.touched = 0;
	RETURN(bad, (int)syscall(SYS_close, fd));
}

static ssize_t do_pread(int fd, void *p, size_t n, off64_t at)
{
	int bad = start_fd_call(C_READ, fd);

	RETURN(bad, syscall(SYS_pread64, fd, p, n, at));
}

ssize_t read(int fd, void *p, size_t n)
{
	int bad = start_fd_call(C_READ, fd);

	RETURN(bad, syscall(SYS_read, fd, p, n));
}

ssize_t __read_chk(int fd, void *p, size_t n, size_t size)
{
	(void)size;
	return read(fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	return do_pread(fd, p, n, at);
}

ssize_t pread64(int fd, void *p, size_t n, off64_t at)
{
	return do_pread(fd, p, n, at);
}

ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t size)
{
	(void)size;
	return do_pread(fd, p, n, at);
}

ssize_t __pread64_chk(int fd, void *p, size_t n, off64_t at, size_t size)
{
	(void)size;
	return do_pread(fd, p, n, at);
}

/* A disk that fills up during a write: the first half is written, the next write fails. */
static size_t half_write(int bad, size_t n)
{
	return bad == ENOSPC && me.seen == me.n && n > 1 ? n / 2 : 0;
}

ssize_t write(int fd, const void *p, size_t n)
{
	int bad = start_fd_call(C_WRITE, fd);

	if (half_write(bad, n))
		return syscall(SYS_write, fd, p, n / 2);
	RETURN(bad, syscall(SYS_write, fd, p, n));
}

static ssize_t do_pwrite(int fd, const void *p, size_t n, off64_t at)
{
	int bad = start_fd_call(C_WRITE, fd);

	if (half_write(bad, n))
		return syscall(SYS_pwrite64, fd, p, n / 2, at);
	RETURN(bad, syscall(SYS_pwrite64, fd, p, n, at));
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return do_pwrite(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return do_pwrite(fd, p, n, at);
}

int fsync(int fd)
{
	int bad = start_fd_call(C_SYNC, fd);

	RETURN(bad, (int)syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
	int bad = start_fd_call(C_SYNC, fd);

	RETURN(bad, (int)syscall(SYS_fdatasync, fd));
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	int bad = start_path_call(C_RENAME, to_fd, to);

	RETURN(bad, (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0));
}

int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int dirfd, const char *path, int flags)
{
	int bad = start_path_call(C_UNLINK, dirfd, path);

	RETURN(bad, (int)syscall(SYS_unlinkat, dirfd, path, flags));
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	int bad = start_path_call(C_MKDIR, dirfd, path);

	RETURN(bad, (int)syscall(SYS_mkdirat, dirfd, path, mode));
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int ftruncate(int fd, off_t len)
{
	int bad = start_fd_call(C_TRUNCATE, fd);

	RETURN(bad, (int)syscall(SYS_ftruncate, fd, len));
}

int ftruncate64(int fd, off64_t len)
{
	return ftruncate(fd, len);
}

static int do_fcntl(int fd, int cmd, void *arg)
{
	int bad =
		cmd == F_SETLK || cmd == F_SETLKW || cmd == F_GETLK ? start_fd_call(C_LOCK, fd) : 0;

	RETURN(bad, (int)syscall(SYS_fcntl, fd, cmd, arg));
}

#define FCNTL(name) \
	int name(int fd, int cmd, ...) \
	{ \
		va_list ap; \
		void *arg; \
		va_start(ap, cmd); \
		arg = va_arg(ap, void *); \
		va_end(ap); \
		return do_fcntl(fd, cmd, arg); \
	}
FCNTL(fcntl)
FCNTL(fcntl64)

/* ---- file status ---- */

/* Returns how far the faster monotonic clock is ahead of the real one, in ns. */
static long long clock_ahead(const struct timespec *now)
{
	static long long begun;
	long long ns = (long long)now->tv_sec * 1000000000 + now->tv_nsec;

	if (!begun)
		begun = ns;
	return (ns - begun) * (me.speed - 1);
}

static void add_ns(struct timespec *ts, long long ns)
{
	ns += (long long)ts->tv_sec * 1000000000 + ts->tv_nsec;
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
}

/* Changes the time of a file that was made to read the file server's time. */
static void restamp(struct stat *st)
{
	struct timespec now;

	st->st_mtim.tv_sec += me.stamp;
	if (me.speed > 1 && !syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now))
		add_ns(&st->st_mtim, clock_ahead(&now));
}

static int finish_stat(int bad, int rc, struct stat *st, int fd)
{
	if (!rc && fd >= 0 && me.touched == fd + 1)
		restamp(st);
	if (!bad)
		return rc;
	errno = -bad;
	return -1;
}

static int do_fstat(int fd, struct stat *st)
{
	int bad = start_fd_call(C_STAT, fd);

	if (bad > 0) {
		errno = bad;
		return -1;
	}
	return finish_stat(bad, (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH), st, fd);
}

static int do_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	int bad = start_path_call(C_STAT, dirfd, path);

	if (bad > 0) {
		errno = bad;
		return -1;
	}
	return finish_stat(bad, (int)syscall(SYS_newfstatat, dirfd, path, st, flags), st, -1);
}

int fstat(int fd, struct stat *st)
{
	return do_fstat(fd, st);
}

int fstat64(int fd, struct stat64 *st)
{
	return do_fstat(fd, (struct stat *)st);
}

int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	return do_fstatat(dirfd, path, st, flags);
}

int fstatat64(int dirfd, const char *path, struct stat64 *st, int flags)
{
	return do_fstatat(dirfd, path, (struct stat *)st, flags);
}

int stat(const char *path, struct stat *st)
{
	return do_fstatat(AT_FDCWD, path, st, 0);
}

int stat64(const char *path, struct stat64 *st)
{
	return do_fstatat(AT_FDCWD, path, (struct stat *)st, 0);
}

/* glibc before 2.33 maps fstat(), fstatat() and stat() to these calls. */
int __fxstat64(int version, int fd, struct stat64 *st);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags);
int __xstat64(int version, const char *path, struct stat64 *st);

int __fxstat64(int version, int fd, struct stat64 *st)
{
	(void)version;
	return do_fstat(fd, (struct stat *)st);
}

int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags)
{
	(void)version;
	return do_fstatat(dirfd, path, (struct stat *)st, flags);
}

int __xstat64(int version, const char *path, struct stat64 *st)
{
	(void)version;
	return do_fstatat(AT_FDCWD, path, (struct stat *)st, 0);
}

int access(const char *path, int mode)
{
	int bad = start_path_call(C_STAT, AT_FDCWD, path);

	RETURN(bad, (int)syscall(SYS_faccessat, AT_FDCWD, path, mode));
}

struct dirent *readdir(DIR *d)
{
	static unsigned entries;
	long delay = me.delay_us;
	int bad;
	REAL(struct dirent *, readdir, DIR *);

	/* one request returns at least a hundred entries */
	if (entries++ % 100)
		me.delay_us = 0;
	bad = start_fd_call(C_LIST, dirfd(d));
	me.delay_us = delay;
	if (!bad)
		return real(d);
	errno = bad < 0 ? -bad : bad;
	return NULL;
}

struct dirent64 *readdir64(DIR *d)
{
	return (struct dirent64 *)readdir(d);
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	int bad = fd >= 0 ? start_fd_call(C_MAP, fd) : 0;

	if (!bad)
		return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, at);
	errno = bad < 0 ? -bad : bad;
	return MAP_FAILED;
}

void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t at)
{
	return mmap(addr, len, prot, flags, fd, at);
}

/* ---- time ---- */

static struct timespec shorter(struct timespec ts)
{
	long long ns = ((long long)ts.tv_sec * 1000000000 + ts.tv_nsec) / me.speed;

	return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);

	set_up();
	if (!rc && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += me.shift;
	else if (!rc && me.speed > 1 && (id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME))
		add_ns(ts, clock_ahead(ts));
	return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	int rc = clock_gettime(CLOCK_REALTIME, &ts);

	(void)zone;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return rc;
}

time_t time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int nanosleep(const struct timespec *ts, struct timespec *left)
{
	struct timespec less;

	set_up();
	less = shorter(*ts);
	return (int)syscall(SYS_nanosleep, &less, left);
}

int poll(struct pollfd *v, nfds_t n, int ms)
{
	set_up();
	return (int)syscall(SYS_poll, v, n, ms > 0 ? (int)((ms + me.speed - 1) / me.speed) : ms);
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	struct timespec less;

	set_up();
	if (timeout)
		less = shorter(*timeout);
	return (int)syscall(SYS_rt_sigtimedwait, set, info, timeout ? &less : NULL,
			    (size_t)(NSIG / 8));
}
