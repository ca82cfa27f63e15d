/*
 * spool.h - the files of the protocol: gate, right, journal, event.
 *
 * One file a task is right, journal and event in turn; it only ever moves by rename(2):
 *
 *   ready/K --START--> running/K.WHO --end--> spool/K.WHO --told--> gone
 *   ready/K --RETIRE-> retired/K.WHO --told--> gone
 *
 * K is the ticket's random name and the array index, WHO says who took it. Whoever finds its own
 * destination has won; every other finds nothing. No lock and no clock has to be right for that.
 * rename on NFS can report an error for what it did (the reply was lost, the repeated request finds
 * nothing: RFC 1813, 4.6), so the destination is looked at, never the return value.
 *
 * Functions return 0, or -1 with err; SPOOL_NONE (1) where somebody else has won, or nothing is there.
 */
#ifndef SLURMQ_SPOOL_H
#define SLURMQ_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/job.h"
#include "store/journal.h"
#include "store/who.h"

enum { SPOOL_NONE = 1, SPOOL_BUSY = 2 };

struct spool;

/* Make the folders, mode 0700, in an existing dir. What is there already stays. */
int spool_create(const char *dir, struct err *err);
int spool_open(const char *dir, struct spool **out, struct err *err);
void spool_close(struct spool *sp); /* lets go of the gate */

/* ---- the gate: an fcntl lock on a file of its own (fcntl(2), F_SETLK), held by one process ---- */

int spool_gate_try(struct spool *sp, struct err *err); /* 0: held from now on; SPOOL_BUSY */
bool spool_gate_held(const struct spool *sp);
void spool_gate_release(struct spool *sp);
/* What its last holder wrote into it: "host pid". Given, "" where unknown. */
char *spool_gate_owner(const struct spool *sp);

/* ---- names ---- */

enum { SPOOL_NAME_SIZE = 256 }; /* NAME_MAX and a NUL (limits.h(0p)) */

struct spool_entry {
	uint64_t submission;
	int task; /* -1: an answer of sbatch (spool/T.answer) */
	bool has_who;
	struct who who;
	char name
		[SPOOL_NAME_SIZE]; /* of the file in its folder; after ";" what it says (spool_event_pack) */
};
/* -1 where name is not one of ours. */
int spool_name_parse(const char *name, struct spool_entry *out);

enum spool_folder { SPOOL_READY, SPOOL_RUNNING, SPOOL_SPOOL, SPOOL_RETIRED };

struct spool_list {
	struct spool_entry *v;
	size_t n;
};
/* What lies in a folder now, sorted by submission and task. Foreign names are passed over. For
 * SPOOL_SPOOL alone, a file is made and removed there first, since NFS may serve an old listing (nfs(5),
 * directory entry caching); not where this process has just put one there, which does the same. */
int spool_scan(struct spool *sp, enum spool_folder folder, struct spool_list *out, struct err *err);
void spool_list_release(struct spool_list *l);
/* The first entry of that task, or NULL. */
const struct spool_entry *spool_list_find(const struct spool_list *l, uint64_t submission,
					  int task);

/* ---- rights ---- */

/* Make ready/ files for tasks 0..n-1. They are durable after spool_rights_sync(). */
int spool_rights_make(struct spool *sp, uint64_t submission, int n, struct err *err);
int spool_rights_sync(struct spool *sp, struct err *err);
/* START. 0: it is ours, durably, name (of running/) in *e. SPOOL_NONE: it is not. */
int spool_right_start(struct spool *sp, uint64_t submission, int task, const struct who *who,
		      struct spool_entry *e, struct err *err);
/* RETIRE. 0: taken back, durably; SPOOL_NONE: it was not there to take. */
int spool_right_retire(struct spool *sp, uint64_t submission, int task, const struct who *who,
		       struct err *err);
/* RETIRE without the sync of the folder, for many at once: spool_retired_sync() follows. */
int spool_right_retire_nosync(struct spool *sp, uint64_t submission, int task,
			      const struct who *who, struct err *err);
int spool_retired_sync(struct spool *sp, struct err *err);
/* Remove a ticket's ready/ files (a ticket without an attempt). */
int spool_rights_drop(struct spool *sp, uint64_t submission, int n, struct err *err);

/* ---- journals and events ---- */

/* The journal that a START made, for its owner to append to. */
struct spool_journal {
	struct spool_entry entry;
	struct buf text; /* all that was appended, to be told anew where the file has gone */
	bool torn;	 /* the file may end in the middle of a line */
	bool lacks;	 /* the file lacks a line that text has */
	int fd;
};
/* Open running/<entry.name> for appending: in a line of its own, whatever another has left there. */
int spool_journal_open(struct spool *sp, const struct spool_entry *e, struct spool_journal *j,
		       struct err *err);
/* Append whole lines; sync: with fdatasync(2). */
int spool_journal_append(struct spool_journal *j, const char *lines, size_t len, bool sync,
			 struct err *err);
/* Move it to spool/; where it has gone from running/, or lacks a line, write its text as a new file there.
 * The name that it has in spool/ is entry.name then. A kill loses nothing of it from now on, a crash of the
 * host may, until spool_event_sync() or until it is told to the database: who has the gate at once tells it
 * sooner than it could be synced. */
int spool_journal_post(struct spool *sp, struct spool_journal *j, struct err *err);
/* Who has to wait with an event makes it cheap for whoever tells it: where its text is short and plain, it
 * becomes part of the file's name, which listing spool/ gives with no file to be opened. name, of
 * SPOOL_NAME_SIZE bytes, is what it is called from then on; where it does not go, as before. A holder of the
 * gate that knows it by its old name tells it again by the new one, or has told it: then there is none. */
void spool_event_pack(struct spool *sp, char *name);
/* Make durable what lies in spool/ under that name. One that is not there has been told. */
int spool_event_sync(struct spool *sp, const char *name, struct err *err);
/* Move it to spool/, durably, as a requeued twin does: where it has gone, somebody has told it. */
int spool_journal_move(struct spool *sp, struct spool_journal *j, struct err *err);
void spool_journal_close(struct spool_journal *j);
/* Read a journal of running/ or spool/. SPOOL_NONE where it has gone. */
int spool_journal_read(struct spool *sp, enum spool_folder folder, const char *name,
		       struct journal *out, struct err *err);

/* sbatch's answer for a ticket: spool/T.answer. durable: it outlives a crash from the return on. An answer
 * that says where the job is need not, since without it the job is found by its name; one that a crash
 * left empty is none. */
struct spool_answer {
	int answer; /* enum slurm_answer */
	uint64_t slurm_job;
	char *cluster, *text; /* may be NULL */
};
int spool_answer_post(struct spool *sp, uint64_t submission, const struct spool_answer *a,
		      bool durable, struct err *err);
int spool_answer_read(struct spool *sp, uint64_t submission, struct spool_answer *a,
		      struct err *err); /* SPOOL_NONE */
void spool_answer_release(struct spool_answer *a);

bool spool_has(struct spool *sp, enum spool_folder folder, const char *name);
/* Unlink; one that has gone is no error. */
int spool_remove(struct spool *sp, enum spool_folder folder, const char *name, struct err *err);

/* ---- marks: empty files whose age says how long ago something was so ---- */

/* squeue did not answer: who only looks need not wait for it again at once. */
#define SPOOL_NO_ANSWER "no-answer"
enum { SPOOL_NO_ANSWER_MS = 60 * 1000 };
/* The same of sacct. */
#define SPOOL_NO_ACCT "no-accounting"

void spool_mark(struct spool *sp, const char *name);
void spool_unmark(struct spool *sp, const char *name);
/* How long ago it was made by the file server's clock, in ms; -1: never, or in what is the future since that clock was
 * set back. */
int64_t spool_mark_age(struct spool *sp, const char *name);

/* ---- files that others read whole: tickets, environment, binaries ---- */

/* Write name (a path below the folder) whole and durably: a temporary file of mode `mode`, fsync,
 * rename, sync of the folder. What stands there is replaced. */
int spool_file_put(struct spool *sp, const char *name, const void *data, size_t len, unsigned mode,
		   struct err *err);
/* The same for several at once: whole for every reader, and durable after spool_file_sync() of it. One
 * sync after many changes costs a journaling file system no more than one after each of them. */
int spool_file_put_nosync(struct spool *sp, const char *name, const void *data, size_t len,
			  unsigned mode, struct err *err);
int spool_file_sync(struct spool *sp, const char *name, struct err *err);
/* Read it. SPOOL_NONE where there is none. */
int spool_file_get(struct spool *sp, const char *name, struct buf *out, struct err *err);
/* The same without a copy: only the pages that are looked at are read. Such a file is never changed in
 * place, so the mapping stays true until spool_unmap(). An empty one maps to len 0. */
int spool_file_map(struct spool *sp, const char *name, const char **p, size_t *len,
		   struct err *err);
void spool_unmap(const char *p, size_t len);
/* Names of what lies in a folder below, but for those with a leading dot; unsorted. */
int spool_file_names(struct spool *sp, const char *folder, struct strs *names, struct err *err);
/* The same, and how old each is, in ms by the file server's clock: *ages, free(). */
int spool_file_ages(struct spool *sp, const char *folder, struct strs *names, int64_t **ages,
		    struct err *err);
int spool_file_remove(struct spool *sp, const char *name, struct err *err);
/* Rename within the folder, durably. */
int spool_file_rename(struct spool *sp, const char *from, const char *to, struct err *err);
bool spool_file_exists(struct spool *sp, const char *name);
/* The time by the file server's clock: the stamp of a file made now. -1: it could not be told. */
int64_t spool_now_ms(struct spool *sp);
/* Age of a file in ms: the difference between its modification time and that of a file made now, so
 * both stamps are the file server's. -1: there is none, or it could not be told. */
int64_t spool_file_age(struct spool *sp, const char *name);
/* Remove temporary files that were left by the killed: those of over an hour of age. */
void spool_tidy(struct spool *sp);
/* Make a folder below, with its parents, mode 0700. */
int spool_folder_make(struct spool *sp, const char *name, struct err *err);

/* Of the one job that stays where nothing can be submitted. */
#define SPOOL_LAST "last"
/* An exclusive lock on a file of its own below the folder ("last", "expand", "asking"), until closed:
 * 0 and *fd, or SPOOL_BUSY. The same process must not lock it twice. */
int spool_lock(struct spool *sp, const char *name, int *fd, struct err *err);
void spool_unlock(int fd);

#endif
