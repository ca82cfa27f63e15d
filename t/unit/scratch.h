/* scratch.h - a folder of a test's own: made, named, removed with all that is in it */
#ifndef T_SCRATCH_H
#define T_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Given: scratch_drop() it. */
static inline char *scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = NULL;

	if (asprintf(&dir, "%s/slurmq-unit.XXXXXX", tmp ? tmp : "/tmp") < 0 || !mkdtemp(dir))
		abort();
	return dir;
}

#endif
