/*
 * db.h - the job store: one SQLite database, the only truth about every job of every sweep.
 *
 * Only db*.c know SQL. Functions return 0, or -1 with err; DB_NONE (1) where a row that was asked
 * for is not there. Every change of a job's state is one guarded statement of db_attempt.c or
 * db_job.c, and counters follow by a trigger, so they cannot disagree.
 *
 * Rollback journal (PERSIST), synchronous=EXTRA: WAL needs shared memory between all who use a
 * database, which hosts that share a network file system do not have (sqlite.org/wal.html). SQLite
 * 3.26 and later. Times are ms since 1970 UTC, 0 where unknown.
 */
#ifndef SLURMQ_DB_H
#define SLURMQ_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/job.h"
#include "sweep/sweep.h"

struct db;

enum { DB_NONE = 1 };

/* Make a new database at path, which must not exist, with the folder's id (hex digits). */
int db_create(const char *path, const char *id, struct err *err);

/* Open it. Refused with what to do, and left untouched: none there, empty, no database, foreign
 * (application_id), another folder's (id; NULL: not compared), newer (user_version), WAL, read-only.
 * An older database is converted first: db_convert(). */
int db_open(const char *path, const char *id, struct db **out, struct err *err);
void db_close(struct db *db);

/* Convert the database of slurmq 0.1 (user_version 1) in one transaction, after a backup of it to the file backup,
 * unless one of its jobs is in flight: *in_flight says how many are, and nothing is changed. Returns 0 also if the
 * database is of this version already. id: as in db_open(). */
int db_convert(const char *path, const char *backup, const char *id, int64_t *in_flight,
	       struct err *err);

/* BEGIN IMMEDIATE; waits up to 30 s for other processes, then ERR_AGAIN. Every function below that
 * changes something is to be called between db_begin() and db_commit(). What is forked between them must
 * execute another program at once (sqlite.org/howtocorrupt.html, 2.6). */
int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* nothing open is no error */

/* PRAGMA integrity_check and the counters against the rows. 0 where sound. */
int db_check(struct db *db, struct err *err);

/* ---- settings: the user's by name ("limit"), slurmq's own with a leading dot (".paused"): state.h ---- */

/* DB_NONE where unset; *value is given. */
int db_setting_get(struct db *db, const char *key, char **value, struct err *err);
/* As a number; fallback where unset or no number. Never fails but by the database. */
int db_setting_int(struct db *db, const char *key, int64_t fallback, int64_t *value,
		   struct err *err);
int db_setting_set(struct db *db, const char *key, const char *value, struct err *err);
int db_setting_set_int(struct db *db, const char *key, int64_t value, struct err *err);
int db_setting_unset(struct db *db, const char *key, struct err *err);
/* Every one whose key starts with prefix, in order: lists of keys and values, side by side. */
int db_settings(struct db *db, const char *prefix, struct strs *keys, struct strs *values,
		struct err *err);

/* ---- sweeps and their versions ---- */

struct db_sweep {
	int64_t id;
	char *name;
	int64_t version; /* the current one */
	int64_t created;
	int64_t counts[JOB_NSTATES];
	int64_t jobs; /* sum of counts */
};
void db_sweep_release(struct db_sweep *s);
int db_sweep_get(struct db *db, int64_t id, struct db_sweep *out, struct err *err);
int db_sweep_find(struct db *db, const char *name, struct db_sweep *out, struct err *err);
/* All that have a version, in the order of their creation. *v given: db_sweeps_free(). */
int db_sweeps(struct db *db, struct db_sweep **v, size_t *n, struct err *err);
void db_sweeps_free(struct db_sweep *v, size_t n);
/* Sum over all sweeps. */
int db_counts(struct db *db, int64_t counts[JOB_NSTATES], struct err *err);

struct db_version {
	int64_t id, sweep;
	char *sweep_name;
	char *file;   /* as the user named it */
	char *dir;    /* absolute folder of the file */
	char *source; /* YAML text */
	size_t source_len;
	char *script; /* text of the batch script that it names, or NULL */
	int64_t created;
};
int db_version_get(struct db *db, int64_t id, struct db_version *out, struct err *err);
void db_version_release(struct db_version *v);
/* The version of the same sweep that was the current one before that one: DB_NONE where it is the first. */
int db_version_before(struct db *db, int64_t id, int64_t *before, struct err *err);

/* ---- expanding: rows go in slices into a version that nobody sees until it is published ---- */

/* Delete what an interrupted expand left, at most n rows of it; *left says whether more is there. */
int db_expand_sweep_up(struct db *db, int64_t n, bool *left, struct err *err);
/* A new, unpublished version; makes the sweep where there is none. Fills in->id and in->sweep. */
int db_version_add(struct db *db, struct db_version *in, struct err *err);
/* The job of that sweep with that identity, in a published version or in this one: DB_NONE or *id. */
int db_job_find_key(struct db *db, int64_t sweep, uint64_t key, int64_t *id, struct err *err);
/* Add a job to an unpublished version. */
int db_job_add(struct db *db, int64_t sweep, int64_t version, uint64_t key,
	       const struct sweep_point *point, int64_t *id, struct err *err);
/* Note that this version names an older job with another schema (variant, order of parameters), or,
 * with point NULL, does not name it. Takes effect when the version is published. */
int db_job_reshape(struct db *db, int64_t job, int64_t version, const struct sweep_point *point,
		   struct err *err);
/* Make a version its sweep's current one; added: how many jobs were put into it. */
int db_version_publish(struct db *db, int64_t version, int64_t added, struct err *err);
/* The largest job id, 0 where none. */
int db_job_max(struct db *db, int64_t *id, struct err *err);

/* ---- jobs ---- */

/* What the sweep's retry policy has done for a job since the user last asked for it. */
struct db_again {
	int64_t tries, site; /* used up: for its own failures, for what the site did */
	int64_t due;	     /* not to start before, 0: at once */
	int64_t version;     /* whose options have grown: another version's are as its file says */
	char *options;	     /* lines of --long=value, NULL: none */
};
void db_again_release(struct db_again *again);

struct db_job {
	int64_t id, sweep;
	int64_t version; /* the published version that it takes commands and resources from */
	int state, reason, request;
	int64_t priority;
	int64_t tries;	 /* attempts that were started */
	int64_t attempt; /* the newest one's id, 0: none yet */
	char *options;	 /* lines of --long=value from retry --sbatch, or NULL */
	struct db_again again;
	char *sweep_name;
	struct sweep_point point; /* owned by the row: released with it */
};
void db_job_release(struct db_job *job);
int db_job_get(struct db *db, int64_t id, struct db_job *out, struct err *err);

/* As db_job_get, also for a job of a version that is not published yet. */
int db_job_get_any(struct db *db, int64_t id, struct db_job *out, struct err *err);

/* As db_job_get, of the version that the job's newest attempt was submitted with, and with its parameters as of that
 * version: what it ran or runs, whatever the file says since. DB_NONE also where it was never tried. */
int db_job_get_ran(struct db *db, int64_t id, struct db_job *out, struct err *err);

/* Which jobs: all conditions must hold. Zeroed means every one. */
struct db_select {
	int64_t first, last; /* ids; last 0: no end */
	int64_t sweep;	     /* 0: any */
	unsigned states;     /* bits 1 << state; 0: any */
	unsigned reasons;    /* bits 1 << reason; 0: any */
};
/* Calls fn for each in order of id, reading in slices: no lock is held while fn runs, and rows may
 * change meanwhile. fn returning non-zero ends it with that value. */
int db_jobs_each(struct db *db, const struct db_select *select,
		 int (*fn)(void *arg, const struct db_job *job), void *arg, struct err *err);
int db_jobs_count(struct db *db, const struct db_select *select, int64_t *n, struct err *err);

/* Up to n pending jobs that may be claimed, the highest priority first, then the lowest id; those
 * of an unpublished version are not there, nor those that are to wait. *v given: db_jobs_free(). */
int db_jobs_pending(struct db *db, int64_t n, struct db_job **v, size_t *count, struct err *err);
/* The same from a place in that order on: that priority and id, or the first after it. A seek. */
int db_jobs_pending_from(struct db *db, int64_t priority, int64_t id, int64_t n, struct db_job **v,
			 size_t *count, struct err *err);
/* Those that are to wait (again.due lies ahead), the earliest first. */
int db_jobs_waiting(struct db *db, int64_t n, struct db_job **v, size_t *count, struct err *err);
void db_jobs_free(struct db_job *v, size_t n);

/* How many jobs that are neither over nor running are not to start yet, and when the first may. */
int db_jobs_later(struct db *db, int64_t *n, int64_t *first, struct err *err);

/* The user's transitions. Each returns 0 with *changed: 1 where the row was changed, 0 where its
 * state (now) does not allow it. */
/* failed or cancelled (with completed set completed, with options held since sbatch refused it, as well) ->
 * pending; clears the request. from_step (may be NULL): results of that step and of those after it count no
 * more; else, with all, no result counts. options (may be NULL; "": none) replace the job's own, and what the
 * policy had made of them. The policy's tries are all there again, and nothing is waited for. */
int db_job_retry(struct db *db, int64_t id, bool completed, bool all, const char *from_step,
		 const char *options, int *changed, struct err *err);
/* pending, held -> cancelled; in flight -> the request. */
int db_job_cancel(struct db *db, int64_t id, int *changed, struct err *err);
/* pending -> held; submitting, queued -> the request. */
int db_job_hold(struct db *db, int64_t id, int *changed, struct err *err);
/* pending -> held, because its specification can't be submitted; text goes where status shows it. */
int db_job_refuse(struct db *db, const struct db_job *job, const char *text, struct err *err);
/* held -> pending; takes back the request to hold. */
int db_job_release_held(struct db *db, int64_t id, int *changed, struct err *err);
int db_job_priority(struct db *db, int64_t id, int64_t priority, int *changed, struct err *err);
/* pending and never tried -> gone, for expand --prune. */
int db_job_delete(struct db *db, int64_t id, int *changed, struct err *err);
/* Note what sbatch said of a sweep's specification, for status. */
int db_sweep_note(struct db *db, int64_t sweep, const char *text, struct err *err);
/* Every pending job of a sweep -> held, refused with this text; *n of them. */
int db_sweep_hold(struct db *db, int64_t sweep, const char *text, int64_t *n, struct err *err);

/* ---- submissions ---- */

/* A submission is what one sbatch makes; its id is its manifest's random name T (63 bits, never 0).
 * Its attempts have consecutive ids from `first`, in the order of their array index. */
struct db_submission {
	uint64_t id;
	int64_t version;
	int64_t first;
	int ntasks;
	uint64_t slurm_job; /* 0: no answer yet */
	int answer;	    /* enum slurm_answer, 0: none yet */
	char *text;	    /* what sbatch said, where it refused */
	int64_t created;
	char *limit_group; /* "account/partition/qos", each empty where the site's default is meant */
};
void db_submission_release(struct db_submission *s);
/* The id that the next attempt will have. */
int db_next_attempt(struct db *db, int64_t *id, struct err *err);
/* pending -> submitting for jobs[0..n-1] of one version, an attempt each, from in->first, which is to be
 * the next (0: it is looked up, and set). A job that is not pending any more is an error: the caller holds
 * the queue lock and has just read it. */
int db_claim(struct db *db, struct db_submission *in, const struct db_job *jobs, size_t n,
	     struct err *err);
int db_submission_get(struct db *db, uint64_t id, struct db_submission *out, struct err *err);
/* The one that was claimed last: DB_NONE where there is none. */
int db_submission_newest(struct db *db, struct db_submission *out, struct err *err);
/* sbatch's answer, kept with the submission. Where it accepted: submitting -> queued. */
int db_submission_answer(struct db *db, uint64_t id, int answer, uint64_t slurm_job,
			 const char *text, struct err *err);
/* Whether its jobs had the sweep's options alone: no user's retry nor policy has given them others. */
int db_submission_plain(struct db *db, uint64_t id, bool *plain, struct err *err);
/* Whether all attempts of a submission are closed; DB_NONE where there is no such submission. */
int db_submission_closed(struct db *db, uint64_t id, bool *closed, struct err *err);
/* Whether the attempt that ended last was cancelled, and not by slurmq. Reads all attempts. */
int db_last_cancelled(struct db *db, bool *yes, struct err *err);
/* Whether slurmq itself ended the job of that task: a user asked for it, or its right was taken back unused. */
int db_cancel_requested(struct db *db, uint64_t submission, int task, bool *yes, struct err *err);

/* ---- limit_groups: what Slurm counts together, "account/partition/qos" ---- */

/* How many jobs are in flight by their submission's limit_group: names and numbers, side by side. *n is given. */
int db_limit_groups(struct db *db, struct strs *names, int64_t **n, struct err *err);

/* A limit_group in which Slurm refused more jobs. */
struct db_block {
	char *limit_group;
	int64_t cap;   /* so many of ours may be in flight */
	int64_t until; /* when one more is tried */
	int64_t pause; /* how long that was put off this time, ms */
	bool trying;   /* that one is being submitted */
};
/* All of them, by limit_group. *v given: db_blocks_free(). */
int db_blocks(struct db *db, struct db_block **v, size_t *n, struct err *err);
void db_blocks_free(struct db_block *v, size_t n);
/* Add a block, or replace that of its limit_group. */
int db_block_set(struct db *db, const struct db_block *b, struct err *err);
/* Remove the block of a limit_group, if there is one; and all blocks. */
int db_block_drop(struct db *db, const char *limit_group, struct err *err);
int db_blocks_drop(struct db *db, struct err *err);

/* ---- attempts ---- */

struct db_attempt {
	int64_t id, job, prev; /* prev: the job's attempt before, 0: none */
	uint64_t submission;
	int task;	    /* array index */
	uint64_t slurm_job; /* the submission's, 0: unknown */
	uint64_t slurm_id;  /* the task's own, from its journal; 0: unknown */
	int ntasks;
	int closed; /* enum attempt_closed */
	int reason, exit_code, signal;
	bool completed;
	char *node;
	int64_t queued, started, ended, maxrss_kib, cpu_ms;
	int64_t version;
	int64_t first; /* id of the submission's first attempt */
};
void db_attempt_release(struct db_attempt *a);
int db_attempt_get(struct db *db, int64_t id, struct db_attempt *out, struct err *err);
/* By the right's name: its id, and what has closed it (enum attempt_closed). DB_NONE where the store never
 * claimed it (or was set back). */
int db_attempt_find(struct db *db, uint64_t submission, int task, int64_t *id, int *closed,
		    struct err *err);
/* What has closed it; CLOSED_REPORTED where there is no such attempt, which nothing changes any more. */
int db_attempt_closed(struct db *db, int64_t attempt, int *closed, struct err *err);
/* Where it ran, NULL where nobody has told. *node is given. DB_NONE: there is no such attempt. */
int db_attempt_node(struct db *db, int64_t attempt, char **node, struct err *err);

/* A row in flight, with all that reconciliation looks at. */
struct db_flight {
	int64_t job, attempt, sweep;
	int state, request;
	uint64_t submission;
	int task, ntasks;
	uint64_t slurm_job, slurm_id;
	int64_t created;       /* of the submission */
	int answer;	       /* sbatch's, enum slurm_answer; 0: none was told */
	int64_t missing_since; /* 0: seen the last time */
	int64_t version;
};
/* Every job that is submitting, queued or running, by attempt. *v given: free(). */
int db_flights(struct db *db, struct db_flight **v, size_t *n, struct err *err);

/* submitting, queued -> queued, running, ... of the job whose newest attempt this is. An attempt that
 * is not the job's newest, or a state that does not allow it, changes nothing: *changed 0. */
int db_attempt_queued(struct db *db, int64_t attempt, uint64_t slurm_job, int *changed,
		      struct err *err);
/* started 0: its journal does not say yet; now is taken, until a later call with an earlier time. */
int db_attempt_running(struct db *db, int64_t attempt, uint64_t slurm_id, const char *node,
		       int64_t started, int *changed, struct err *err);
/* Its own end line. Closes it for good. The job becomes completed, failed or cancelled; a request to
 * cancel or hold is honoured where it failed. Corrects what a verdict or a twin said before, unless a
 * newer attempt has been claimed; a late failure does not undo a retry. Told twice: nothing. */
int db_attempt_reported(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			struct err *err);
/* The end as its requeued twin tells it: PREEMPTED. */
int db_attempt_preempted(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			 struct err *err);
/* Slurm's verdict on a running one that never told its end (end->reason; REASON_LOST: nobody knows). */
int db_attempt_inferred(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			struct err *err);
/* Its right was taken back: never started. -> pending, or what the request says. to: JOB_PENDING, or, by
 * who took the right itself, JOB_CANCELLED, JOB_FAILED (with reason) or JOB_HELD. */
int db_attempt_revoked(struct db *db, int64_t attempt, int to, int reason, int *changed,
		       struct err *err);
/* The sweep's policy: failed -> pending, where this is the job's newest attempt and the user has no request;
 * next is written down beside it. Else *changed 0, and nothing is. A late end line still has its say: see
 * db_attempt_reported(). */
int db_attempt_again(struct db *db, int64_t attempt, const struct db_again *next, int *changed,
		     struct err *err);
/* Is it the node? Since then an attempt of the sweep did well on another one (completed, lived for `lived` ms,
 * or runs and was started by `began`), and none has been running on this one for so long. Looks at the
 * newest 500 ends. */
int db_does_well_elsewhere(struct db *db, const char *node, int64_t sweep, int64_t since,
			   int64_t began, int64_t lived, bool *yes, struct err *err);
/* Slurm was asked and did not show it (since > 0: the first time it was missed), or did (0). */
int db_attempt_missing(struct db *db, int64_t attempt, int64_t since, struct err *err);

/* ---- steps ---- */

struct db_step {
	int64_t attempt;
	int seq; /* place among the job's steps as rendered for that attempt */
	char *key;
	int state; /* enum step_state */
	int exit_code, signal;
	int64_t started, ended, maxrss_kib, cpu_ms;
	bool void_; /* a later retry asked for it again */
};
void db_step_release(struct db_step *s);
/* Adds it; one that is there already stays as it is. */
int db_step_add(struct db *db, const struct db_step *step, struct err *err);
/* Those of an attempt, by seq. *v given: db_steps_free(). */
int db_steps(struct db *db, int64_t attempt, struct db_step **v, size_t *n, struct err *err);
void db_steps_free(struct db_step *v, size_t n);
/* Keys of the job's steps that are completed and count, sorted by strcmp. */
int db_steps_done(struct db *db, const struct db_job *job, struct strs *keys, struct err *err);

/* How many attempts that had started ended after `since`, however; looks at the newest 1,000 alone. */
int db_ends_since(struct db *db, int64_t since, int64_t *n, struct err *err);
/* How many attempts ended after `since`, for a rate; reads the newest 5,000 attempts at most. */
int db_recent_ends(struct db *db, int64_t sweep, int64_t since, int64_t *n, int64_t *earliest,
		   struct err *err);

#endif
