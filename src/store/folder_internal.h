/* folder_internal.h - declarations that folder*.c share; no other file includes it. */
#ifndef SLURMQ_FOLDER_INTERNAL_H
#define SLURMQ_FOLDER_INTERNAL_H

#include "store/folder.h"

enum { FOLDER_NPARTS = 4 };

struct folder {
	char *path;
	int dir;
	int folder[FOLDER_NPARTS];
	int lock;
	bool held;
	/* this process has put a file into outbox/ since it listed outbox/, so no listing is
	 * cached */
	bool changed;
};

extern const char *const folder_part_names[FOLDER_NPARTS];

int folder_sync_part(struct folder *sp, int fd, const char *name, struct err *err);
/* Checks whether a file exists: 0, FOLDER_NONE, or -1 with err if that is unknown. */
int folder_check_file(struct folder *sp, enum folder_part folder, const char *name,
		      struct err *err);
/* Makes a file in folder fd and removes it at once, to get its time stamp (mtime_ms may be
 * NULL), or to make NFS read the folder again. */
int folder_touch(int fd, int64_t *mtime_ms);
/* Locks the whole file for writing (fcntl(2), F_SETLK). Returns 0, or -1 with errno. */
int folder_lock_fd(int fd);

/* Each prints a name to out: K, K.WHO or T.answer (folder.h). */
void folder_name_claim(char *out, size_t size, uint64_t submission, int task);
void folder_name_won(char *out, size_t size, uint64_t submission, int task, const struct who *w);
void folder_name_answer(char *out, size_t size, uint64_t submission);

/* Writes all len bytes. Returns 0, or -1 with errno. */
int folder_write_all(int fd, const char *p, size_t len);
/* Syncs and closes fd; -1 is a file that could not be opened. Returns 0, or -1 with errno. */
int folder_sync_and_close(int fd);
/* Writes a new file in folder fd as a temporary file and renames it. If durable is set, syncs
 * the file and the folder. Returns 0, or -1 with errno. */
int folder_put_whole(int fd, const char *name, const void *data, size_t len, unsigned mode,
		     bool durable);
/* Appends a file of folder dirfd to *out. what is the folder's name with a slash, for the error.
 * Returns FOLDER_NONE if there is no file. */
int folder_get_whole(struct folder *sp, int dirfd, const char *what, const char *name,
		     struct buf *out, struct err *err);

#endif
