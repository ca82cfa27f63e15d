/*
 * host.c - loaded before libc (LD_PRELOAD): makes a process appear on another host, with another
 * boot_id.
 *
 *	PLAY_HOST=NAME		the boot_id is a digest of the name; SLURMD_NODENAME may set the name too
 *	PLAY_LOCKS=local	fcntl(2) locks do not reach other hosts, as on BeeGFS by default: the locks of
 *				each host are on bytes of the file that no other host uses
 */
#undef _FILE_OFFSET_BITS /* open() would be open64(), and could not be defined beside it */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { SHIFT = 40 };

static unsigned long digest(void)
{
	const char *p = getenv("PLAY_HOST");
	unsigned long h = 14695981039346656037UL;

	if (!p || !*p)
		return 0;
	for (; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211UL;
	return h;
}

static int boot_id(void)
{
	unsigned long h = digest();
	int fd = memfd_create("boot_id", MFD_CLOEXEC);

	if (fd >= 0) {
		dprintf(fd, "%08lx-%04lx-%04lx-0000-000000000000\n", h >> 32, h >> 16 & 0xffff,
			h & 0xffff);
		lseek(fd, 0, SEEK_SET);
	}
	return fd;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		static int (*real)(const char *, int, ...); \
		unsigned mode = 0; \
		va_list ap; \
\
		if (!strcmp(path, "/proc/sys/kernel/random/boot_id") && digest()) \
			return boot_id(); \
		va_start(ap, flags); \
		if (flags & (O_CREAT | O_TMPFILE)) \
			mode = va_arg(ap, unsigned); \
		va_end(ap); \
		if (!real) \
			*(void **)(&real) = dlsym(RTLD_NEXT, #name); \
		return real(path, flags, mode); \
	}

OPEN(open)
OPEN(open64)

static int is_lock(int what)
{
	return what == F_SETLK || what == F_SETLKW || what == F_GETLK || what == F_OFD_SETLK ||
	       what == F_OFD_SETLKW || what == F_OFD_GETLK;
}

#define FCNTL(name) \
	int name(int fd, int what, ...) \
	{ \
		static int (*real)(int, int, ...); \
		const char *locks = getenv("PLAY_LOCKS"); \
		off_t by = (off_t)(digest() % 4096 + 1) << SHIFT; \
		struct flock *fl, moved; \
		va_list ap; \
		void *arg; \
		int rc; \
\
		va_start(ap, what); \
		arg = va_arg(ap, void *); \
		va_end(ap); \
		if (!real) \
			*(void **)(&real) = dlsym(RTLD_NEXT, #name); \
		if (!is_lock(what) || !locks || strcmp(locks, "local") != 0) \
			return real(fd, what, arg); \
		fl = arg; \
		moved = *fl; \
		moved.l_start += by; \
		if (!moved.l_len) \
			moved.l_len = (off_t)1 << SHIFT; \
		rc = real(fd, what, &moved); \
		fl->l_type = moved.l_type; \
		fl->l_pid = moved.l_pid; \
		return rc; \
	}

FCNTL(fcntl)
FCNTL(fcntl64)
