/*
 * folder.h - the files of the protocol: lock, right, journal, event.
 *
 * One file a task is right, journal and event in turn; it only ever moves by rename(2):
 *
 *   claims/K --START--> running/K.WHO --end--> outbox/K.WHO --told--> gone
 *   claims/K --REVOKE-> revoked/K.WHO --told--> gone
 *
 * K is the manifest's random name and the array index, WHO says who took it. Whoever finds its own
 * destination has won; every other finds nothing. No lock and no clock has to be right for that.
 * rename on NFS can report an error for what it did (the reply was lost, the repeated request finds
 * nothing: RFC 1813, 4.6), so the destination is looked at, never the return value.
 *
 * Functions return 0, or -1 with err; FOLDER_NONE (1) where somebody else has won, or nothing is there.
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

/* Make the folders, mode 0700, in an existing dir. What is there already stays. */
int folder_create(const char *dir, struct err *err);
int folder_open(const char *dir, struct folder **out, struct err *err);
/* Rename a part of a folder that is not open, durably, unless the new name is there or the old one is not. */
int folder_rename_part(const char *dir, const char *old, const char *new, struct err *err);
void folder_close(struct folder *sp); /* lets go of the queue lock */

/* ---- the queue lock: an fcntl lock on a file of its own (fcntl(2), F_SETLK), held by one process ---- */

int queue_lock_try(struct folder *sp, struct err *err); /* 0: held from now on; FOLDER_BUSY */
bool queue_lock_held(const struct folder *sp);
void queue_lock_release(struct folder *sp);
/* What its last holder wrote into it: "host pid". Given, "" where unknown. */
char *queue_lock_owner(const struct folder *sp);

/* ---- names ---- */

enum { FOLDER_NAME_SIZE = 256 }; /* NAME_MAX and a NUL (limits.h(0p)) */

struct folder_entry {
	uint64_t submission;
	int task; /* -1: an answer of sbatch (outbox/T.answer) */
	bool has_who;
	struct who who;
	char name
		[FOLDER_NAME_SIZE]; /* of the file in its folder; after ";" what it says (outbox_pack) */
};
/* -1 where name is not one of ours. */
int folder_name_parse(const char *name, struct folder_entry *out);

enum folder_part { FOLDER_CLAIMS, FOLDER_RUNNING, FOLDER_OUTBOX, FOLDER_REVOKED };

struct folder_list {
	struct folder_entry *v;
	size_t n;
};
/* What lies in a folder now, sorted by submission and task. Foreign names are passed over. For
 * FOLDER_OUTBOX alone, a file is made and removed there first, since NFS may serve an old listing (nfs(5),
 * directory entry caching); not where this process has just put one there, which does the same. */
int folder_scan(struct folder *sp, enum folder_part folder, struct folder_list *out,
		struct err *err);
void folder_list_release(struct folder_list *l);
/* The first entry of that task, or NULL. */
const struct folder_entry *folder_list_find(const struct folder_list *l, uint64_t submission,
					    int task);

/* ---- rights ---- */

/* Make claims/ files for tasks 0..n-1. They are durable after claim_files_sync(). */
int claim_files_make(struct folder *sp, uint64_t submission, int n, struct err *err);
int claim_files_sync(struct folder *sp, struct err *err);
/* START. 0: it is ours, durably, name (of running/) in *e. FOLDER_NONE: it is not. */
int claim_file_win(struct folder *sp, uint64_t submission, int task, const struct who *who,
		   struct folder_entry *e, struct err *err);
/* REVOKE. 0: taken back, durably; FOLDER_NONE: it was not there to take. */
int claim_file_revoke(struct folder *sp, uint64_t submission, int task, const struct who *who,
		      struct err *err);
/* REVOKE without the sync of the folder, for many at once: claim_files_sync_revoked() follows. */
int claim_file_revoke_nosync(struct folder *sp, uint64_t submission, int task,
			     const struct who *who, struct err *err);
int claim_files_sync_revoked(struct folder *sp, struct err *err);
/* Remove a manifest's claims/ files (a manifest without an attempt). */
int claim_files_drop(struct folder *sp, uint64_t submission, int n, struct err *err);

/* ---- journals and events ---- */

/* The journal that a START made, for its owner to append to. */
struct journal_file {
	struct folder_entry entry;
	struct buf text; /* all that was appended, to be told anew where the file has gone */
	bool torn;	 /* the file may end in the middle of a line */
	bool lacks;	 /* the file lacks a line that text has */
	int fd;
};
/* Open running/<entry.name> for appending: in a line of its own, whatever another has left there. */
int journal_file_open(struct folder *sp, const struct folder_entry *e, struct journal_file *j,
		      struct err *err);
/* Append whole lines; sync: with fdatasync(2). */
int journal_file_append(struct journal_file *j, const char *lines, size_t len, bool sync,
			struct err *err);
/* Move it to outbox/; where it has gone from running/, or lacks a line, write its text as a new file there.
 * The name that it has in outbox/ is entry.name then. A kill loses nothing of it from now on, a crash of the
 * host may, until outbox_sync() or until it is told to the database: who has the queue lock at once tells it
 * sooner than it could be synced. */
int journal_file_post(struct folder *sp, struct journal_file *j, struct err *err);
/* Who has to wait with an event makes it cheap for whoever tells it: where its text is short and plain, it
 * becomes part of the file's name, which listing outbox/ gives with no file to be opened. name, of
 * FOLDER_NAME_SIZE bytes, is what it is called from then on; where it does not go, as before. A holder of the
 * queue lock that knows it by its old name tells it again by the new one, or has told it: then there is none. */
void outbox_pack(struct folder *sp, char *name);
/* Make durable what lies in outbox/ under that name. One that is not there has been told. */
int outbox_sync(struct folder *sp, const char *name, struct err *err);
/* Move it to outbox/, durably, as a requeued twin does: where it has gone, somebody has told it. */
int journal_file_move(struct folder *sp, struct journal_file *j, struct err *err);
void journal_file_close(struct journal_file *j);
/* Read a journal of running/ or outbox/. FOLDER_NONE where it has gone. */
int journal_file_read(struct folder *sp, enum folder_part folder, const char *name,
		      struct journal *out, struct err *err);

/* sbatch's answer for a manifest: outbox/T.answer. durable: it outlives a crash from the return on. An answer
 * that says where the job is need not, since without it the job is found by its name; one that a crash
 * left empty is none. */
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
/* Unlink; one that has gone is no error. */
int folder_remove(struct folder *sp, enum folder_part folder, const char *name, struct err *err);

/* ---- marks: empty files whose age says how long ago something was so ---- */

/* squeue did not answer: who only looks need not wait for it again at once. */
#define FOLDER_NO_ANSWER "no-answer"
enum { FOLDER_NO_ANSWER_MS = 60 * 1000 };
/* The same of sacct. */
#define FOLDER_NO_ACCT "no-accounting"

void folder_mark(struct folder *sp, const char *name);
void folder_unmark(struct folder *sp, const char *name);
/* How long ago it was made by the file server's clock, in ms; -1: never, or in what is the future since that clock was
 * set back. */
int64_t folder_mark_age(struct folder *sp, const char *name);

/* ---- files that others read whole: manifests, environment, binaries ---- */

/* Write name (a path below the folder) whole and durably: a temporary file of mode `mode`, fsync,
 * rename, sync of the folder. What stands there is replaced. */
int folder_file_put(struct folder *sp, const char *name, const void *data, size_t len,
		    unsigned mode, struct err *err);
/* The same for several at once: whole for every reader, and durable after folder_file_sync() of it. One
 * sync after many changes costs a journaling file system no more than one after each of them. */
int folder_file_put_nosync(struct folder *sp, const char *name, const void *data, size_t len,
			   unsigned mode, struct err *err);
int folder_file_sync(struct folder *sp, const char *name, struct err *err);
/* Read it. FOLDER_NONE where there is none. */
int folder_file_get(struct folder *sp, const char *name, struct buf *out, struct err *err);
/* The same without a copy: only the pages that are looked at are read. Such a file is never changed in
 * place, so the mapping stays true until folder_unmap(). An empty one maps to len 0. */
int folder_file_map(struct folder *sp, const char *name, const char **p, size_t *len,
		    struct err *err);
void folder_unmap(const char *p, size_t len);
/* Names of what lies in a folder below, but for those with a leading dot; unsorted. */
int folder_file_names(struct folder *sp, const char *folder, struct strs *names, struct err *err);
/* The same, and how old each is, in ms by the file server's clock: *ages, free(). */
int folder_file_ages(struct folder *sp, const char *folder, struct strs *names, int64_t **ages,
		     struct err *err);
int folder_file_remove(struct folder *sp, const char *name, struct err *err);
/* Rename within the folder, durably. */
int folder_file_rename(struct folder *sp, const char *from, const char *to, struct err *err);
bool folder_file_exists(struct folder *sp, const char *name);
/* The time by the file server's clock: the stamp of a file made now. -1: it could not be told. */
int64_t folder_now_ms(struct folder *sp);
/* Age of a file in ms: the difference between its modification time and that of a file made now, so
 * both stamps are the file server's. -1: there is none, or it could not be told. */
int64_t folder_file_age(struct folder *sp, const char *name);
/* Remove temporary files that were left by the killed: those of over an hour of age. */
void folder_tidy(struct folder *sp);
/* Make a folder below, with its parents, mode 0700. */
int folder_make_subfolder(struct folder *sp, const char *name, struct err *err);

/* Of the one job that stays where nothing can be submitted. */
#define FOLDER_LAST "last"
/* An exclusive lock on a file of its own below the folder ("last", "expand", "asking"), until closed:
 * 0 and *fd, or FOLDER_BUSY. The same process must not lock it twice. */
int folder_lock(struct folder *sp, const char *name, int *fd, struct err *err);
void folder_unlock(int fd);

#endif
