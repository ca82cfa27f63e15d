/* scratch.h - a temporary folder for a test: made, and removed with its content */
#ifndef T_SCRATCH_H
#define T_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static inline int scratch_drop_one(const char *path, const struct stat *st, int type,
				   struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void scratch_drop(char *dir)
{
	nftw(dir, scratch_drop_one, 8, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

/* Returns the parent of such folders: TMPDIR, else one in memory, where syncs cost nothing, if programs
 * may be run there. */
static inline const char *scratch_parent(void)
{
	const char *tmp = getenv("TMPDIR");
	struct statvfs memory;

	if (tmp)
		return tmp;
	return !statvfs("/dev/shm", &memory) && !(memory.f_flag & ST_NOEXEC) &&
			       !access("/dev/shm", W_OK)
		       ? "/dev/shm"
		       : "/tmp";
}

/* Makes a folder and returns its path. The caller calls scratch_drop(). */
static inline char *scratch_make(void)
{
	char *dir = NULL;

	if (asprintf(&dir, "%s/slurmq-unit.XXXXXX", scratch_parent()) < 0 || !mkdtemp(dir))
		abort();
	return dir;
}

/* Changes the times of a file below dir as if it were ms older; negative: as if its clock was set
 * back. */
static inline void scratch_later(const char *dir, const char *name, int64_t ms)
{
	struct timespec t[2];
	char *path = NULL;
	int64_t ns;

	if (asprintf(&path, "%s/%s", dir, name) < 0 || clock_gettime(CLOCK_REALTIME, &t[0]))
		abort();
	ns = (int64_t)t[0].tv_sec * 1000000000 + t[0].tv_nsec - ms * 1000000;
	t[0].tv_sec = ns / 1000000000;
	t[0].tv_nsec = ns % 1000000000;
	t[1] = t[0];
	if (utimensat(AT_FDCWD, path, t, 0))
		abort();
	free(path);
}

#endif
