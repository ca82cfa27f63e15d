/*
 * fill.h - keeps the queue full: ingests, claims, submits, and stores the answers.
 *
 * There is one queue lock and one outbox. The process that holds the queue lock ingests the whole
 * outbox. In the same transaction it claims as many jobs as the queue is short of. Then it
 * releases the lock, and runs sbatch. The head of fill.c explains the order of effects, and why a
 * kill between any two of them is safe.
 */
#ifndef SLURMQ_FILL_H
#define SLURMQ_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"
#include "store/store.h"

/* Prints a remark for the user: one line or several, without the last newline. */
typedef void fill_say(void *arg, const char *text);

enum fill_caller {
	FILL_USER,  /* a person typed a command: stores the environment, clears back-offs */
	FILL_CHAIN, /* the start or the end of a job, or cron */
};

struct fill_opts {
	enum fill_caller caller;
	int64_t max;	 /* submit at most this many jobs; -1: no such limit */
	bool renew_env;	 /* submit --env */
	bool trial;	 /* submit --try: the jobs submit no others */
	bool no_claim;	 /* ingest only */
	bool no_via;	 /* this host submits, even if the setting names another way */
	int64_t lock_ms; /* how long to wait for the queue lock, at most */
	/* Name of the record that the caller wrote to the outbox, in FOLDER_NAME_SIZE bytes, or
	 * NULL. The fill stops waiting for the lock when another process has ingested that
	 * record. outbox_pack() may rename the record meanwhile. */
	char *record;
	fill_say *say; /* may be NULL */
	void *say_arg;
};

/* Why the fill submitted no more jobs. */
enum fill_stop {
	FILL_FULL = 0,	/* the target is reached */
	FILL_EMPTY,	/* nothing is pending, except in paused sweeps */
	FILL_PAUSED,	/* also for a job while there is a trial */
	FILL_LIMITED,	/* Slurm reports that the user's limit is reached */
	FILL_REFUSED,	/* sbatch refused the options of jobs, which are held */
	FILL_UNCLEAR,	/* no clear answer; reconciliation will find out */
	FILL_BACKOFF,	/* Slurm is busy, or jobs are being cancelled in Slurm */
	FILL_LOCKED,	/* another process holds the queue lock, and ingests */
	FILL_MAX,	/* opts.max is reached */
	FILL_THROTTLED, /* the limits of sweeps are reached: full_sweep */
	FILL_ELSEWHERE, /* this is not the cluster that the folder belongs to */
};

struct fill_result {
	int64_t submitted; /* jobs that Slurm accepted */
	int64_t unclear;   /* jobs whose submission got no clear answer */
	int64_t held;	   /* jobs that were refused */
	int64_t pending;   /* pending jobs left, when last counted */
	int64_t paused;	   /* how many of pending are of paused sweeps */
	int64_t in_flight;
	int64_t confirmed; /* how many of in_flight are known to be in Slurm */
	int64_t limit;	   /* the limit that was applied */
	enum fill_stop stop;
	bool ingested; /* the outbox was ingested */
	/* No job was in Slurm before although jobs had been submitted, and none has just ended. */
	bool revived;
	/* the output of sbatch if it refused, reported a limit, or gave no clear answer; or NULL */
	char *text;
	char *refused_sweep; /* the sweep whose jobs were held; NULL: none */
	char *full_sweep;    /* a sweep whose own limit is reached; NULL: none */
};
void fill_result_release(struct fill_result *r);

/* Ingests, claims and submits until the target is reached or a cause stops it. Returns 0 on
 * success, which includes a limit and a pause. Returns -1 with err on failure; with ERR_AGAIN,
 * trying again helps. Fills *r either way; the caller releases *r. */
int fill_run(struct store *store, const struct fill_opts *opts, struct fill_result *r,
	     struct err *err);

/* Appends the sbatch command lines and scripts of the next submission, for submit --dry-run. */
int fill_preview(struct store *store, int64_t max, struct buf *out, struct err *err);

#endif
