/* folder_tree.c - renames and removes a whole folder. */
#include "store/folder_internal.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int folder_move(const char *from, const char *to, struct err *err)
{
	char *parent = mem_strndup(to, (size_t)(strrchr(to, '/') - to) + 1);
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (rename(from, to))
		rc = err_errno(err, ERR_FAILED, "cannot rename '%s' to '%s'", from, to);
	else if (fd >= 0)
		fsync(fd); /* it is renamed in any case */
	if (fd >= 0)
		close(fd);
	free(parent);
	return rc;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int folder_remove_tree(const char *path, struct err *err)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS))
		return err_errno(err, ERR_FAILED,
				 "cannot remove all of '%s', which is no longer used; "
				 "remove the rest with rm -r",
				 path);
	return 0;
}
