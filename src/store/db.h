/*
 * db.h - the job store: one SQLite database, which holds the state of every job of every sweep.
 *
 * Only db*.c contain SQL. Functions return 0, or -1 with err, or DB_NONE (1) if there is no such
 * row. Every change of a job's state is one guarded statement of db_attempt.c or db_job.c, and a
 * trigger updates the counters, so the two always agree.
 *
 * Rollback journal (PERSIST), synchronous=EXTRA: WAL needs shared memory between all processes that
 * use a database, which hosts on a network file system lack (sqlite.org/wal.html). SQLite 3.26 and
 * later. Times are ms since 1970 UTC, 0 if unknown.
 */
#ifndef SLURMQ_DB_H
#define SLURMQ_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/job.h"
#include "store/db_select.h"
#include "sweep/sweep.h"

struct db;

enum { DB_NONE = 1 };

/* Makes a new database at path, which must not exist, with the folder's id (hex digits). */
int db_create(const char *path, const char *id, struct err *err);

/* Opens a database; the caller closes *out. Refuses, with advice in err and without a change: no
 * file, an empty file, a file that is no database, a database of another program
 * (application_id), of another folder (id, if not NULL), of a newer or an older slurmq
 * (user_version; db_convert()), in WAL mode, or read-only. */
int db_open(const char *path, const char *id, struct db **out, struct err *err);
void db_close(struct db *db);

/* Converts the database of slurmq 0.1 (user_version 1) in one transaction, after a backup of it to
 * the file backup. If jobs are in flight, *in_flight is their number and nothing is changed. Returns
 * 0 even if the database is of this version already. id: as in db_open(). */
int db_convert(const char *path, const char *backup, const char *id, int64_t *in_flight,
	       struct err *err);

/* Begins a transaction (BEGIN IMMEDIATE). Waits up to 30 s for other processes, then fails with
 * ERR_AGAIN. Every function below that changes a row must be called between db_begin() and
 * db_commit(). A child that is forked between them must execute another program at once
 * (sqlite.org/howtocorrupt.html, 2.6). */
int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* does nothing if no transaction is open */

/* Begins reads that share one lock and see one state, until db_read_end(). Meanwhile no other process
 * can commit, so they must take a few ms only and wait for nothing. */
int db_read_begin(struct db *db, struct err *err);
void db_read_end(struct db *db); /* does nothing if no transaction is open */

/* Runs PRAGMA integrity_check and compares the counters with the rows. Returns 0 if both are
 * correct. */
int db_check(struct db *db, struct err *err);

/* ---- settings: the user's ("limit"), and slurmq's own with a leading dot (".paused"): state.h
 * ---- */

/* Reads a setting. Returns DB_NONE with *value NULL if it is not set. The caller frees *value. */
int db_setting_get(struct db *db, const char *key, char **value, struct err *err);
/* Reads a setting as a number: fallback if it is not set or not a number. */
int db_setting_int(struct db *db, const char *key, int64_t fallback, int64_t *value,
		   struct err *err);
int db_setting_set(struct db *db, const char *key, const char *value, struct err *err);
int db_setting_set_int(struct db *db, const char *key, int64_t value, struct err *err);
int db_setting_unset(struct db *db, const char *key, struct err *err);
/* Adds the settings whose keys start with prefix to two parallel lists, sorted by key. */
int db_settings(struct db *db, const char *prefix, struct strs *keys, struct strs *values,
		struct err *err);

/* ---- sweeps and their versions ---- */

struct db_sweep {
	int64_t id;
	char *name;
	int64_t version; /* the current one */
	int64_t created;
	bool paused; /* its pending jobs are not claimed */
	int64_t counts[JOB_NSTATES];
	int64_t jobs; /* sum of counts */
};
void db_sweep_release(struct db_sweep *s);
int db_sweep_get(struct db *db, int64_t id, struct db_sweep *out, struct err *err);
int db_sweep_find(struct db *db, const char *name, struct db_sweep *out, struct err *err);
/* Reads all sweeps that have a version, oldest first. The caller frees *v with db_sweeps_free(). */
int db_sweeps(struct db *db, struct db_sweep **v, size_t *n, struct err *err);
void db_sweeps_free(struct db_sweep *v, size_t n);
/* Counts the jobs of all sweeps by state. */
int db_counts(struct db *db, int64_t counts[JOB_NSTATES], struct err *err);
/* Counts the pending jobs of the sweeps that are not paused: the work that is left to submit. */
int db_count_work(struct db *db, int64_t *n, struct err *err);

struct db_version {
	int64_t id, sweep;
	char *sweep_name;
	char *file;   /* as the user named it */
	char *dir;    /* absolute folder of the file */
	char *source; /* YAML text */
	size_t source_len;
	char *script; /* text of the batch script that the file names, or NULL */
	int64_t created;
};
int db_version_get(struct db *db, int64_t id, struct db_version *out, struct err *err);
void db_version_release(struct db_version *v);
/* Finds the version that was the sweep's current one before version id: DB_NONE if id is the
 * first. */
int db_version_before(struct db *db, int64_t id, int64_t *before, struct err *err);

/* Sets *id to the least id above `after` that was to be the first job of a version: DB_NONE if
 * there is none. All jobs between two such ids are of one sweep. */
int db_version_next_job(struct db *db, int64_t after, int64_t *id, struct err *err);

/* ---- expanding: rows are added in slices to a version that is hidden until it is published
 * ---- */

/* Adds an unpublished version, and the sweep if it is new. Sets in->id, in->sweep and
 * in->created. */
int db_version_add(struct db *db, struct db_version *in, struct err *err);
/* Finds the job of a sweep by its identity, in a published version or the one being added. */
int db_job_find_key(struct db *db, int64_t sweep, uint64_t key, int64_t *id, struct err *err);
/* Adds a job to an unpublished version and sets *id. */
int db_job_add(struct db *db, int64_t sweep, int64_t version, uint64_t key,
	       const struct sweep_point *point, int64_t *id, struct err *err);
/* Records that a version names an older job with another schema (variant, order of parameters),
 * or, if point is NULL, does not name it. This has an effect once the version is published. */
int db_job_reshape(struct db *db, int64_t job, int64_t version, const struct sweep_point *point,
		   struct err *err);
/* Makes a version its sweep's current one; added is the number of its new jobs. */
int db_version_publish(struct db *db, int64_t version, int64_t added, struct err *err);
/* Adds the names of the parameters that jobs have, each once. */
int db_param_names(struct db *db, struct strs *names, struct err *err);
/* Sets *id to the largest job id, 0 if there are no jobs. */
int db_job_max(struct db *db, int64_t *id, struct err *err);

/* ---- deleting: a sweep is hidden at once, its rows are deleted in slices. Hidden rows are those of
 * a version that is not published: of a deleted sweep, or left by an interrupted expand. The callers
 * hold the lock of hidden.h ---- */

/* Hides a sweep, so that no function but the following ones finds it or its jobs. Sets *in_flight to
 * the number of its jobs that are submitting, queued or running; if there are any, changes nothing.
 * No id of a deleted row is used again. */
int db_sweep_hide(struct db *db, int64_t sweep, int64_t *in_flight, struct err *err);
/* Sets *tried if a job of the sweep has an attempt. */
int db_sweep_tried(struct db *db, int64_t sweep, bool *tried, struct err *err);
/* Counts the submissions of a sweep (0: of all), among those of the newest 1,000 attempts, that were
 * made after `since` and for which sbatch has not answered, or answered `unclear`. */
int db_sweep_unanswered(struct db *db, int64_t sweep, int64_t since, int unclear, int64_t *n,
			struct err *err);
/* Sets *version to the oldest hidden version above `after`: DB_NONE if there is none. */
int db_hidden_version(struct db *db, int64_t after, int64_t *version, struct err *err);
/* Sets *hidden if the submission belongs to a hidden version. */
int db_hidden_submission(struct db *db, uint64_t id, bool *hidden, struct err *err);
/* Calls fn for each attempt of the jobs that db_hidden_delete() would delete next; first is the first
 * attempt of its submission. If fn returns a value other than 0, stops and returns that value. */
int db_hidden_attempts(struct db *db, int64_t n,
		       int (*fn)(void *arg, int64_t first, uint64_t submission, int task),
		       void *arg, struct err *err);
/* Deletes up to n jobs of the oldest hidden version with their attempts, or, if it has no job, the
 * version, and its sweep if that has no other. Adds the number of these jobs to *jobs. Returns
 * DB_NONE if nothing is hidden. */
int db_hidden_delete(struct db *db, int64_t n, int64_t *jobs, struct err *err);

/* ---- jobs ---- */

/* A job's retry state: what the sweep's retry policy has done since the user last ran slurmq
 * retry. */
struct db_again {
	int64_t tries, site; /* tries used: for failures of the job, for failures of the site */
	int64_t due;	     /* time of the next try, 0: at once */
	int64_t version; /* the version whose options have grown; other versions use their file's */
	char *options;	 /* lines of --long=value, NULL: none */
};
void db_again_release(struct db_again *again);

struct db_job {
	int64_t id, sweep;
	int64_t version; /* the published version that defines the job's commands and resources */
	int state, reason, request;
	int64_t priority;
	int64_t tries;	 /* attempts that were started */
	int64_t attempt; /* id of the newest attempt, 0: none yet */
	char *options;	 /* lines of --long=value from retry --sbatch, or NULL */
	struct db_again again;
	char *sweep_name;
	struct sweep_point point; /* owned: db_job_release() frees it */
};
void db_job_release(struct db_job *job);
int db_job_get(struct db *db, int64_t id, struct db_job *out, struct err *err);

/* Reads a job, also one of a version that is not published yet. */
int db_job_get_any(struct db *db, int64_t id, struct db_job *out, struct err *err);

/* Reads a job as its newest attempt runs or ran it: with the version of that submission and the
 * parameters as of that version, even if the file has changed since. Returns DB_NONE if the job
 * has no attempt. */
int db_job_get_ran(struct db *db, int64_t id, struct db_job *out, struct err *err);

/* A job with its parameters, as bad_value.c reads it. */
struct db_point {
	int64_t job, attempt; /* attempt: the newest, 0: none */
	int state, request, reason;
	struct sweep_point point;
};
/* Calls fn for each job of a sweep in one of these states (bits 1 << state), in order of id. fn
 * changes no job. If fn returns a value other than 0, stops and returns that value. */
int db_points_each(struct db *db, int64_t sweep, unsigned states,
		   int (*fn)(void *arg, const struct db_point *p), void *arg, struct err *err);

/* Reads up to n pending jobs that may be claimed, the highest priority first, then the lowest
 * id, also of paused sweeps. Excludes jobs of an unpublished version and jobs that must wait. The caller frees *v with
 * db_jobs_free(). */
int db_jobs_pending(struct db *db, int64_t n, struct db_job **v, size_t *count, struct err *err);
/* Reads as db_jobs_pending() does, from that priority and id on. Seeks in the index. */
int db_jobs_pending_from(struct db *db, int64_t priority, int64_t id, int64_t n, struct db_job **v,
			 size_t *count, struct err *err);
/* Reads up to n pending jobs that must wait (again.due is in the future), the earliest first, but
 * none of a paused sweep. The caller frees *v with db_jobs_free(). */
int db_jobs_waiting(struct db *db, int64_t n, struct db_job **v, size_t *count, struct err *err);
void db_jobs_free(struct db_job *v, size_t n);

/* Counts the pending, submitting and queued jobs that must not start yet; *first is the earliest
 * due. */
int db_jobs_later(struct db *db, int64_t *n, int64_t *first, struct err *err);
/* Counts the pending jobs that failed and that their sweep's policy tries again; *last is the one
 * with the highest id, 0 if there is none. */
int db_jobs_retried(struct db *db, int64_t *n, int64_t *last, struct err *err);

/* The transitions that a user requests. Each returns 0 and sets *changed: 1 if the row was
 * changed, 0 if the job's state does not allow the transition. */

/* Retries a job: failed or cancelled -> pending, and clears the request. If completed is set,
 * also a completed job; if options is not NULL, also a job held because sbatch refused it. If
 * from_step is not NULL, results of that step and of later steps no longer count; else, if all
 * is set, no result counts. If options is not NULL, it replaces the job's options ("": none) and
 * those that the policy has grown. The retry state's tries and due are reset. */
int db_job_retry(struct db *db, int64_t id, bool completed, bool all, const char *from_step,
		 const char *options, int *changed, struct err *err);
/* Cancels a job: pending, held -> cancelled; in flight: sets the request. */
int db_job_cancel(struct db *db, int64_t id, int *changed, struct err *err);
/* Holds a job: pending -> held; submitting, queued: sets the request. */
int db_job_hold(struct db *db, int64_t id, int *changed, struct err *err);
/* Holds a pending job whose specification cannot be submitted; slurmq status shows text. */
int db_job_refuse(struct db *db, const struct db_job *job, const char *text, struct err *err);
/* Does the same for the breaker: the reason is REASON_BREAKER. */
int db_job_hold_value(struct db *db, int64_t id, int *changed, struct err *err);
/* Releases a job: held -> pending; in flight: withdraws the request to hold. */
int db_job_release_held(struct db *db, int64_t id, int *changed, struct err *err);
/* Sets the priority of a job, in whatever state it is. Pending jobs of a higher one are claimed first. */
int db_job_priority(struct db *db, int64_t id, int64_t priority, int *changed, struct err *err);
/* Deletes a pending job that has no attempt, for expand --prune. */
int db_job_delete(struct db *db, int64_t id, int *changed, struct err *err);
/* Stores the message of sbatch about a sweep's specification, for slurmq status. */
int db_sweep_note(struct db *db, int64_t sweep, const char *text, struct err *err);
/* Holds every pending job of a sweep as refused with this text, and sets *n to their number. */
int db_sweep_hold(struct db *db, int64_t sweep, const char *text, int64_t *n, struct err *err);

/* ---- submissions ---- */

/* The attempts of one sbatch. Its id is its manifest's random name T (63 bits, never 0). Its
 * attempts have consecutive ids from `first`, in the order of their array index. */
struct db_submission {
	uint64_t id;
	int64_t version;
	int64_t first;
	int ntasks;
	uint64_t slurm_job; /* 0: no answer yet */
	int answer;	    /* enum slurm_answer, 0: none yet */
	char *text;	    /* the message of sbatch if it refused */
	int64_t created;
	char *limit_group; /* "account/partition/qos", each empty for the site's default */
	char *options;	   /* lines of --long=value that sbatch got for it; NULL: unknown */
};
void db_submission_release(struct db_submission *s);
/* Sets *id to the id that the next attempt will have. */
int db_next_attempt(struct db *db, int64_t *id, struct err *err);
/* Claims jobs[0..n-1] of one version: pending -> submitting, with a new attempt each. in->first
 * must be the id of the next attempt; if it is 0, the function sets it. A job that is no longer
 * pending is an error, since the caller holds the queue lock and has just read the job. */
int db_claim(struct db *db, struct db_submission *in, const struct db_job *jobs, size_t n,
	     struct err *err);
int db_submission_get(struct db *db, uint64_t id, struct db_submission *out, struct err *err);
/* Reads the submission that was claimed last: DB_NONE if there is none. */
int db_submission_newest(struct db *db, struct db_submission *out, struct err *err);
/* Stores sbatch's answer with the submission. If sbatch accepted it: submitting -> queued. */
int db_submission_answer(struct db *db, uint64_t id, int answer, uint64_t slurm_job,
			 const char *text, struct err *err);
/* Sets *plain if no job of a submission has options of its own, from slurmq retry or the retry
 * policy. */
int db_submission_plain(struct db *db, uint64_t id, bool *plain, struct err *err);
/* Sets *closed if all attempts of a submission are closed. DB_NONE if there is no such
 * submission. */
int db_submission_closed(struct db *db, uint64_t id, bool *closed, struct err *err);
/* Sets *yes if the attempt that ended last was cancelled without a request, and no other one within
 * ten seconds before it. Reads all attempts. */
int db_last_cancelled(struct db *db, bool *yes, struct err *err);
/* Sets *yes if an attempt that was submitted by `before` reported an end after `after` (ms since
 * 1970, by the hosts' clocks), and was not cancelled. Reads all attempts. */
int db_ended_by_itself(struct db *db, int64_t before, int64_t after, bool *yes, struct err *err);
/* Sets *yes if slurmq ended the job of that task: a user requested it, or its unused claim was
 * revoked. */
int db_cancel_requested(struct db *db, uint64_t submission, int task, bool *yes, struct err *err);

/* ---- limit groups: account, partition and QOS that share a submit limit ---- */

/* Counts the jobs in flight of each limit group, in two parallel lists. The caller frees *n. */
int db_limit_groups(struct db *db, struct strs *names, int64_t **n, struct err *err);

/* A limit group in which Slurm refused more jobs. */
struct db_block {
	char *limit_group;
	int64_t cap;   /* number of slurmq's jobs that may be in flight */
	int64_t until; /* when slurmq tries one more */
	int64_t pause; /* the current delay before that try, ms */
	bool trying;   /* one more job is being submitted */
};
/* Reads all blocks, sorted by limit group. The caller frees *v with db_blocks_free(). */
int db_blocks(struct db *db, struct db_block **v, size_t *n, struct err *err);
void db_blocks_free(struct db_block *v, size_t n);
/* Adds a block, or replaces that of its limit group. */
int db_block_set(struct db *db, const struct db_block *b, struct err *err);
/* Removes the block of a limit group, if there is one; db_blocks_drop() removes all blocks. */
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
	/* Why it waits in Slurm, in squeue's words (slurm/wait.h), or why Slurm did not start it.
	 * NULL: unknown, or it runs. */
	char *slurm_reason;
};
void db_attempt_release(struct db_attempt *a);
int db_attempt_get(struct db *db, int64_t id, struct db_attempt *out, struct err *err);
/* Finds an attempt by the name of its claim: sets *id and *closed (enum attempt_closed). Returns
 * DB_NONE if the database has no such attempt: it was never claimed, or an older database was
 * put in place. */
int db_attempt_find(struct db *db, uint64_t submission, int task, int64_t *id, int *closed,
		    struct err *err);
/* Sets *closed to what closed the attempt. If there is no such attempt, sets CLOSED_REPORTED, since
 * nothing may change it. */
int db_attempt_closed(struct db *db, int64_t attempt, int *closed, struct err *err);

enum { DB_FLIGHT_REASON = 64 };

/* A job in flight, with all that reconciliation needs. */
struct db_flight {
	int64_t job, attempt, sweep;
	int state, request;
	uint64_t submission;
	int task, ntasks;
	uint64_t slurm_job, slurm_id;
	int64_t created;       /* time of the submission */
	int answer;	       /* sbatch's, enum slurm_answer; 0: none yet */
	int64_t missing_since; /* 0: Slurm showed it the last time */
	int64_t version;
	char slurm_reason
		[DB_FLIGHT_REASON]; /* why it waits in Slurm, cut; "": unknown, or it runs */
};
/* Reads every job that is submitting, queued or running, sorted by attempt. The caller frees *v. */
int db_flights(struct db *db, struct db_flight **v, size_t *n, struct err *err);

/* Sets *any if a job that is submitting or queued is to be held. */
int db_holds_requested(struct db *db, bool *any, struct err *err);

/* The transitions of an attempt. Each moves the job only if this is its newest attempt and the
 * job's state allows the transition; otherwise *changed is 0. */

/* Records that Slurm has the attempt: submitting -> queued. Stores the Slurm job id of its
 * submission, if unknown. */
int db_attempt_queued(struct db *db, int64_t attempt, uint64_t slurm_job, int *changed,
		      struct err *err);
/* Records that the attempt has started: submitting, queued -> running. If started is 0, because
 * the journal has no start line yet, uses the current time until a later call has an earlier
 * time. */
int db_attempt_running(struct db *db, int64_t attempt, uint64_t slurm_id, const char *node,
		       int64_t started, int *changed, struct err *err);
/* Records a reported end and closes the attempt for good. The job becomes completed, failed or
 * cancelled; if it failed, a request to cancel or hold is fulfilled. Corrects an inferred end or
 * one from a requeued twin, unless a newer attempt has been claimed. A late failure does not
 * undo a retry. A second report changes nothing. */
int db_attempt_reported(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			struct err *err);
/* Records that the attempt was preempted, as its requeued twin reports. */
int db_attempt_preempted(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			 struct err *err);
/* Records an end inferred from Slurm, for an attempt without a reported end. end->reason is
 * REASON_LOST if the cause is unknown. */
int db_attempt_inferred(struct db *db, int64_t attempt, const struct job_end *end, int *changed,
			struct err *err);
/* Records that the claim was revoked before the attempt started. The job becomes cancelled or
 * held if the user requested that; else its state is `to`: JOB_PENDING, or, as the process that
 * revoked the claim decides, JOB_CANCELLED, JOB_FAILED (with reason) or JOB_HELD. */
int db_attempt_revoked(struct db *db, int64_t attempt, int to, int reason, int *changed,
		       struct err *err);
/* Retries by the sweep's policy: failed -> pending, and stores next as the job's retry state.
 * Does so only if this is the job's newest attempt and the user has no request; otherwise
 * *changed is 0. A reported end that arrives later can still complete the job: see
 * db_attempt_reported(). */
int db_attempt_again(struct db *db, int64_t attempt, const struct db_again *next, int *changed,
		     struct err *err);
/* An attempt that has started, as bad_node.c reads it. */
struct db_try {
	int64_t id, job;
	bool newest;	   /* the newest attempt of its job */
	int state, reason; /* of the job, of the attempt */
	bool closed, completed;
	int64_t started, ended;
	char *node; /* NULL: unknown */
};
/* Reads those of a sweep among the newest 2,000 attempts, the newest first. The caller frees *v
 * with db_tries_free(). */
int db_tries_newest(struct db *db, int64_t sweep, struct db_try **v, size_t *n, struct err *err);
void db_tries_free(struct db_try *v, size_t n);
/* Records that Slurm did not show the attempt (since: the first time that it was missing) or did
 * (0). */
int db_attempt_missing(struct db *db, int64_t attempt, int64_t since, struct err *err);
/* Stores why the attempt waits in Slurm, or why Slurm did not start it (struct db_attempt); NULL:
 * it runs. */
int db_attempt_slurm_reason(struct db *db, int64_t attempt, const char *reason, struct err *err);

/* ---- steps ---- */

struct db_step {
	int64_t attempt;
	int seq; /* index among the job's steps as rendered for that attempt */
	char *key;
	int state; /* enum step_state */
	int exit_code, signal;
	int64_t started, ended, maxrss_kib, cpu_ms;
	bool void_; /* the result no longer counts, since slurmq retry requested the step */
};
void db_step_release(struct db_step *s);
/* Adds a step; an existing one stays as it is. */
int db_step_add(struct db *db, const struct db_step *step, struct err *err);
/* Reads the steps of an attempt, sorted by seq. The caller frees *v with db_steps_free(). */
int db_steps(struct db *db, int64_t attempt, struct db_step **v, size_t *n, struct err *err);
void db_steps_free(struct db_step *v, size_t n);
/* Adds to *keys the job's completed steps that count, sorted by strcmp(3). */
int db_steps_done(struct db *db, const struct db_job *job, struct strs *keys, struct err *err);

/* ---- results: what a job recorded (slurmq record), one value for each name and attempt ---- */

struct db_result {
	char *name, *value;
	int64_t step; /* -1: none */
	int seq;      /* of the job's step that recorded it; -1: that step has not ended */
};
/* Stores a value. It replaces an older value of that name. */
int db_result_set(struct db *db, int64_t attempt, const struct db_result *result, struct err *err);
/* Gives a new attempt the results of the one before that come from steps which are not run again. */
int db_results_carry(struct db *db, int64_t from, int64_t to, struct err *err);
/* Reads the results of an attempt, in the order of db_result_names(). The caller frees *v with
 * db_results_free(). */
int db_results(struct db *db, int64_t attempt, struct db_result **v, size_t *n, struct err *err);
void db_results_free(struct db_result *v, size_t n);
/* Reads one value. Returns DB_NONE with *value NULL if the attempt has none of that name. The caller
 * frees *value. */
int db_result_get(struct db *db, int64_t attempt, const char *name, char **value, struct err *err);
/* Adds the names of all results, each once, the name that was recorded first before the others. */
int db_result_names(struct db *db, struct strs *names, struct err *err);

/* Counts the attempts that started and ended after `since`, with any result, among the newest
 * 1,000. */
int db_ends_since(struct db *db, int64_t since, int64_t *n, struct err *err);
/* Counts the completed attempts that ended after `since`, among the newest 5,000 completed ones,
 * and sets *earliest to the first end. sweep 0: any. */
int db_recent_ends(struct db *db, int64_t sweep, int64_t since, int64_t *n, int64_t *earliest,
		   struct err *err);

#endif
