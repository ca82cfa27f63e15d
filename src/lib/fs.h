/* fs.h - whether a file system can carry a store: its mount's options, and whether its locks work. */
#ifndef SLURMQ_FS_H
#define SLURMQ_FS_H

#include "lib/buf.h"
#include "lib/err.h"

/* What /proc/self/mountinfo says of the mount that holds an absolute path (proc(5)). */
struct fs_mount {
	char *point, *type,
		*options; /* options: of the mount and of the file system, with commas */
};
/* From mountinfo's text: the longest mount point that holds path, the last one where equal. -1: none. */
int fs_mount_find(const char *mountinfo, const char *path, struct fs_mount *out);
void fs_mount_release(struct fs_mount *m);

/* Why locks on such a mount do not reach other hosts, or NULL where nothing is known against it:
 * nolock and local_lock=posix|all (nfs(5)), localflock and noflock (mount.lustre(8)). */
const char *fs_mount_objection(const struct fs_mount *m);

/* Refuse a folder (absolute, existing) whose mount is objected to, or where a file's fcntl lock can't be
 * had, or does not exclude (fcntl(2), Open file description locks: these and process-owned ones
 * conflict, so one process can see both sides). */
int fs_check_locks(const char *dir, struct err *err);

#endif
