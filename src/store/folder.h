/*
 * folder.h - the files of the protocol: queue lock, claims, journals and the outbox.
 *
 * Each task has one file, which is its claim, then its journal, then its record in the outbox. Only
 * rename(2) moves it:
 *
 *   claims/K --START--> running/K.WHO --end--> outbox/K.WHO --ingested--> removed
 *   claims/K --REVOKE-> revoked/K.WHO --ingested--> removed
 *
 * K is the manifest's random name and the array index; WHO names the process that renamed the
 * claim. A process has won the claim if its own destination exists. That needs no lock and no
 * clock. On NFS, rename can report an error although it succeeded: the reply was lost, and the
 * repeated request finds no file (RFC 1813, 4.6). So slurmq checks the destination, never the
 * return value.
 *
 * Functions return 0, or -1 with err, or FOLDER_NONE (1) if another process has won or the file
 * does not exist.
 */
#ifndef SLURMQ_FOLDER_H
#define SLURMQ_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/job.h"
#include "store/journal.h"
#include "store/who.h"

enum { FOLDER_NONE = 1, FOLDER_BUSY = 2 };

struct folder;

/* Makes the folders, mode 0700, in an existing dir. Folders that exist stay as they are. */
int folder_create(const char *dir, struct err *err);
int folder_open(const char *dir, struct folder **out, struct err *err);
/* Renames a part of a folder that is not open, durably, unless the new name exists or the old one does
 * not. */
int folder_rename_part(const char *dir, const char *old, const char *new, struct err *err);
/* Renames a whole folder, durably. */
int folder_move(const char *from, const char *to, struct err *err);
/* Removes a folder with all that is in it; follows no link. */
int folder_remove_tree(const char *path, struct err *err);
void folder_close(struct folder *sp); /* releases the queue lock */
/* Returns whether the open folder or its outbox/ was removed, so that nothing can be written there
 * any more. To be called after a function that failed. A folder that cannot be reached is not
 * removed: its file server may come back. So if the folder itself cannot be examined (ESTALE, EIO,
 * ETIMEDOUT), it counts as removed only if its path no longer exists in a parent that is present
 * on the same file system, or leads to another folder there. */
bool folder_is_removed(const struct folder *sp);

/* ---- the queue lock: an fcntl lock on a file of its own (fcntl(2), F_SETLK), held by one
 * process ---- */

int queue_lock_try(struct folder *sp, struct err *err); /* 0: held from now on; FOLDER_BUSY */
bool queue_lock_held(const struct folder *sp);
void queue_lock_release(struct folder *sp);
/* Returns "host pid" of the last holder, or "" if unknown. The caller frees the string. */
char *queue_lock_owner(const struct folder *sp);

/* ---- names ---- */

enum { FOLDER_NAME_SIZE = 256 }; /* NAME_MAX and a NUL (limits.h(0p)) */

struct folder_entry {
	uint64_t submission;
	int task; /* -1: an answer of sbatch (outbox/T.answer) */
	bool has_who;
	struct who who;
	/* the file's name in its folder; the text after ";" is its contents: see outbox_pack() */
	char name[FOLDER_NAME_SIZE];
};
/* Parses the name of a protocol file. Returns 0, or -1 for any other name. */
int folder_name_parse(const char *name, struct folder_entry *out);

enum folder_part { FOLDER_CLAIMS, FOLDER_RUNNING, FOLDER_OUTBOX, FOLDER_REVOKED };

struct folder_list {
	struct folder_entry *v;
	size_t n;
};
/* Lists a folder, sorted by submission and task, without other files. The caller releases *out.
 * NFS may serve an old listing (nfs(5), directory entry caching). So for FOLDER_OUTBOX the
 * function first makes and removes a file, unless this process has just put a file there, which
 * has the same effect. */
int folder_scan(struct folder *sp, enum folder_part folder, struct folder_list *out,
		struct err *err);
void folder_list_release(struct folder_list *l);
/* Returns the first entry of a task, borrowed from the list, or NULL. */
const struct folder_entry *folder_list_find(const struct folder_list *l, uint64_t submission,
					    int task);

/* ---- claims ---- */

/* Makes the claims of tasks 0 to n-1. They are durable after claim_files_sync(). */
int claim_files_make(struct folder *sp, uint64_t submission, int n, struct err *err);
int claim_files_sync(struct folder *sp, struct err *err);
/* Wins a claim (START). Returns 0 if this process has it, durably, with its name in running/ in
 * *e, or FOLDER_NONE if another process has it. */
int claim_file_win(struct folder *sp, uint64_t submission, int task, const struct who *who,
		   struct folder_entry *e, struct err *err);
/* Revokes a claim (REVOKE). Returns 0 if it is revoked, durably, or FOLDER_NONE if there is no
 * claim. */
int claim_file_revoke(struct folder *sp, uint64_t submission, int task, const struct who *who,
		      struct err *err);
/* Revokes one of many claims; all are durable after claim_files_sync_revoked(). */
int claim_file_revoke_nosync(struct folder *sp, uint64_t submission, int task,
			     const struct who *who, struct err *err);
int claim_files_sync_revoked(struct folder *sp, struct err *err);
/* Removes the claims of a manifest that has no attempts. */
int claim_files_drop(struct folder *sp, uint64_t submission, int n, struct err *err);

/* ---- journals and the outbox ---- */

/* The journal that claim_file_win() made. The process that won the claim appends to it, and so do
 * processes of the job (journal_record()). */
struct journal_file {
	struct folder_entry entry;
	struct buf
		text; /* all that this process appended, to be written again if the file is gone */
	bool lacks;   /* the file lacks a line that text has */
	int fd;
};
/* Opens running/<entry.name> for appending. The first append begins a new line, even if a
 * process that was killed has left a partial line. The caller closes *j. */
int journal_file_open(struct folder *sp, const struct folder_entry *e, struct journal_file *j,
		      struct err *err);
/* Appends whole lines; with sync, calls fdatasync(2). */
int journal_file_append(struct journal_file *j, const char *lines, size_t len, bool sync,
			struct err *err);
/* Moves the journal to outbox/ and sets entry.name to its name there. If the file is gone from
 * running/, or lacks a line, writes its content and the text as a new file in outbox/. A kill cannot lose the
 * record after that. A crash of the host can, until outbox_sync() or until the record is
 * ingested. The function does not sync, because a process that gets the queue lock at once
 * ingests the record sooner than a sync takes. */
int journal_file_post(struct folder *sp, struct journal_file *j, struct err *err);
/* Makes a record in the outbox cheap to ingest, for a process that waits for the queue lock. If
 * the text is short and plain, it becomes part of the file's name, so a listing of outbox/ is
 * enough to read it. Sets name, which has FOLDER_NAME_SIZE bytes, to the new name; if the text
 * does not fit, name stays. A holder of the queue lock that listed the old name ingests the
 * record again under the new name. If it has ingested the record already, there is no file to
 * rename. */
void outbox_pack(struct folder *sp, char *name);
/* Makes a record in outbox/ durable. Returns 0 even if there is none: it has been ingested then. */
int outbox_sync(struct folder *sp, const char *name, struct err *err);
/* Moves the journal to outbox/, durably, as a requeued twin does. If it is gone from running/,
 * another process has posted it. */
int journal_file_move(struct folder *sp, struct journal_file *j, struct err *err);
void journal_file_close(struct journal_file *j);
enum { JOURNAL_RECORD_MOST = 16 << 20 };
/* Appends lines to the journal at path, an absolute path below running/, as a process of the job.
 * Several processes on several hosts may do so at once. Returns FOLDER_NONE if the attempt has
 * ended: the lines may be lost. Fails with ERR_AGAIN if another process holds the file's lock for
 * ten seconds, with ERR_FAILED if the file is larger than JOURNAL_RECORD_MOST. */
int journal_record(const char *path, const char *lines, size_t len, struct err *err);
/* Reads a journal of running/ or outbox/. Returns FOLDER_NONE if it is gone. The caller releases
 * *out. */
int journal_file_read(struct folder *sp, enum folder_part folder, const char *name,
		      struct journal *out, struct err *err);

/* The answer of sbatch for a manifest, in outbox/T.answer. If durable is set, it survives a
 * crash of the host after the function returns. An answer with a Slurm job id need not be
 * durable: without it slurmq finds the job by its name. An answer that a crash left empty counts
 * as none. */
struct outbox_answer {
	int answer; /* enum slurm_answer */
	uint64_t slurm_job;
	char *cluster, *text; /* may be NULL */
};
int outbox_answer_post(struct folder *sp, uint64_t submission, const struct outbox_answer *a,
		       bool durable, struct err *err);
int outbox_answer_read(struct folder *sp, uint64_t submission, struct outbox_answer *a,
		       struct err *err); /* FOLDER_NONE */
void outbox_answer_release(struct outbox_answer *a);

bool folder_has(struct folder *sp, enum folder_part folder, const char *name);
/* Removes a file. A missing file is not an error. */
int folder_remove(struct folder *sp, enum folder_part folder, const char *name, struct err *err);

/* ---- marks: empty files whose age is the time since an event ---- */

/* squeue did not answer: a command that only prints does not wait for squeue again at once. */
#define FOLDER_NO_ANSWER "no-answer"
enum { FOLDER_NO_ANSWER_MS = 60 * 1000 };
/* sacct did not answer. */
#define FOLDER_NO_ACCT "no-accounting"

void folder_mark(struct folder *sp, const char *name);
/* Makes a mark that is age_ms old already, by the file server's clock. */
void folder_mark_aged(struct folder *sp, const char *name, int64_t age_ms);
void folder_unmark(struct folder *sp, const char *name);
/* Returns the age of a mark in ms, by the file server's clock. Returns -1 if there is no mark,
 * or if its time is in the future because that clock was set back. */
int64_t folder_mark_age(struct folder *sp, const char *name);

/* ---- files that other processes read whole: manifests, environment, binaries ---- */

/* Writes or replaces a file, name being a path below the folder, so that readers find it whole
 * and it is durable: a temporary file of mode `mode`, fsync, rename, sync of the folder. */
int folder_file_put(struct folder *sp, const char *name, const void *data, size_t len,
		    unsigned mode, struct err *err);
/* Writes or replaces a file so that readers find it whole; it is durable after
 * folder_file_sync(). After many changes, a journaling file system needs no longer for the sync
 * than after one. */
int folder_file_put_nosync(struct folder *sp, const char *name, const void *data, size_t len,
			   unsigned mode, struct err *err);
int folder_file_sync(struct folder *sp, const char *name, struct err *err);
/* Appends the file's bytes to *out. Returns FOLDER_NONE if there is no file. */
int folder_file_get(struct folder *sp, const char *name, struct buf *out, struct err *err);
/* Maps a file, so that only the pages in use are read. Returns FOLDER_NONE if there is none.
 * Files are never changed in place, so *p stays valid until folder_unmap(). An empty file has
 * *len 0. */
int folder_file_map(struct folder *sp, const char *name, const char **p, size_t *len,
		    struct err *err);
void folder_unmap(const char *p, size_t len);
/* Adds to *names what a subfolder holds, unsorted, except names with a leading dot. */
int folder_file_names(struct folder *sp, const char *folder, struct strs *names, struct err *err);
/* Adds names as folder_file_names() does, and sets *ages to the age of each, in ms by the file
 * server's clock. The caller frees *ages. */
int folder_file_ages(struct folder *sp, const char *folder, struct strs *names, int64_t **ages,
		     struct err *err);
int folder_file_remove(struct folder *sp, const char *name, struct err *err);
/* Renames a file within the folder, durably. */
int folder_file_rename(struct folder *sp, const char *from, const char *to, struct err *err);
bool folder_file_exists(struct folder *sp, const char *name);
/* Returns the file server's time, from the time stamp of a new file, or -1 if that fails. */
int64_t folder_now_ms(struct folder *sp);
/* Returns the age of a file in ms, or -1 if there is no file or its age is unknown. The age is the
 * difference to the modification time of a new file, so both times are the file server's. */
int64_t folder_file_age(struct folder *sp, const char *name);
/* Removes temporary files older than an hour, which processes that were killed have left. */
void folder_remove_stale(struct folder *sp);
/* Makes a subfolder with its parents, mode 0700. */
int folder_make_subfolder(struct folder *sp, const char *name, struct err *err);

/* The lock of the one job that stays when nothing can be submitted. */
#define FOLDER_LAST "last"
/* Locks a file below the folder ("last", "expand", "asking") exclusively, until folder_unlock(*fd).
 * Returns 0 with *fd, or FOLDER_BUSY. A process must not lock the same file twice. */
int folder_lock(struct folder *sp, const char *name, int *fd, struct err *err);
void folder_unlock(int fd);

#endif
