/* folder_internal.h - what folder*.c share. Nobody else includes it. */
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
	bool changed; /* we put a file into outbox/ since we listed it: no copy of a listing is kept */
};

extern const char *const folder_part_names[FOLDER_NPARTS];

int folder_sync_part(struct folder *sp, int fd, const char *name, struct err *err);
/* Whether a file is there: 0, FOLDER_NONE, or -1 where that could not be told. */
int folder_look(struct folder *sp, enum folder_part folder, const char *name, struct err *err);
/* Make a file in folder fd and remove it at once: for its time (may be NULL), or for the
 * folder's new version. */
int folder_touch(int fd, int64_t *mtime_ms);
/* fcntl(2), F_SETLK, of the whole file for writing: 0, or -1 with errno. */
int folder_lock_fd(int fd);

/* Names of K, K.WHO and T.answer. */
void folder_name_right(char *out, size_t size, uint64_t submission, int task);
void folder_name_taken(char *out, size_t size, uint64_t submission, int task, const struct who *w);
void folder_name_answer(char *out, size_t size, uint64_t submission);

/* write(2) all of it; 0, or -1 with errno. */
int folder_write_all(int fd, const char *p, size_t len);
/* fsync(2) and close(2); fd -1: what could not be opened. 0, or -1 with errno. */
int folder_sync_and_close(int fd);
/* A whole new file in folder fd: temporary, synced, renamed, folder synced (unsynced where not
 * durable). 0, or -1 with errno. */
int folder_put_whole(int fd, const char *name, const void *data, size_t len, unsigned mode,
		     bool durable);
/* All of a file of folder dirfd; what: its folder with a slash, for the error. FOLDER_NONE. */
int folder_get_whole(struct folder *sp, int dirfd, const char *what, const char *name,
		     struct buf *out, struct err *err);

#endif
