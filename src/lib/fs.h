/* fs.h - whether a file system can hold a store: the options of its mount, and whether its locks
 * work. */
#ifndef SLURMQ_FS_H
#define SLURMQ_FS_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

/* The mount that holds a path, as /proc/self/mountinfo lists it (proc(5)). */
struct fs_mount {
	char *point, *type,
		*options; /* options of the mount and of the file system, separated by commas */
};
/* Finds in the text of mountinfo the longest mount point that holds an absolute path; of equal
 * ones, the last. Returns 0, or -1 if no mount point holds the path. The caller releases *out. */
int fs_mount_find(const char *mountinfo, const char *path, struct fs_mount *out);
/* Finds the mount of an absolute path in the same way. Returns -1 if /proc does not list it. */
int fs_mount_of(const char *path, struct fs_mount *out);
void fs_mount_release(struct fs_mount *m);

/* The room that is left for this user (statvfs(3)), without quotas, which it does not show. */
struct fs_space {
	int64_t bytes;
	int64_t files; /* -1: not limited */
};
int fs_space(const char *dir, struct fs_space *out, struct err *err);

/* Returns the reason why locks on the mount do not work between hosts, or NULL if none is known.
 * The reasons are the options nolock and local_lock=posix|all (nfs(5)), localflock and noflock
 * (mount.lustre(8)). */
const char *fs_mount_objection(const struct fs_mount *m);

/* Checks that file locks work in an existing folder with an absolute path. Returns -1 with err
 * if fs_mount_objection() objects to its mount, if a file in the folder cannot be locked, or if
 * a lock does not exclude a second one. The test needs only one process, since a process-owned
 * lock and an open file description lock conflict (fcntl(2), Open file description locks). */
int fs_check_locks(const char *dir, struct err *err);

#endif
