/*
 * fill.h - ingest, claim, submit, answer: what keeps the queue full.
 *
 * One lock, one outbox: whoever holds the queue lock tells the database all that waits in outbox/, claims
 * what the queue is short of in the same transaction, and lets go; sbatch runs after that. See the
 * head of fill.c for the order of effects and why a kill between any two of them is safe.
 */
#ifndef SLURMQ_FILL_H
#define SLURMQ_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"
#include "store/store.h"

/* A remark for the user, on its way: one line or several, without the last newline. */
typedef void fill_say(void *arg, const char *text);

enum fill_caller {
	FILL_USER,  /* a person typed a command: stores the environment, clears back-offs */
	FILL_CHAIN, /* a job's end or start, cron */
};

struct fill_opts {
	enum fill_caller caller;
	int64_t max;	 /* submit at most so many jobs; -1: no such limit */
	bool renew_env;	 /* submit --env */
	bool no_claim;	 /* ingest only */
	bool no_via;	 /* this is the host that submits, whatever the setting says */
	int64_t lock_ms; /* wait so long for the lock, at most */
	char *mine; /* name of the event file that the caller put into outbox/, of FOLDER_NAME_SIZE
			    bytes, or NULL: it waits until that is gone, whoever takes it; it may be
			    given another name meanwhile (outbox_pack) */
	fill_say *say; /* may be NULL */
	void *say_arg;
};

/* Why no more was submitted. */
enum fill_stop {
	FILL_FULL = 0, /* the target is reached */
	FILL_EMPTY,    /* nothing is pending */
	FILL_PAUSED,
	FILL_LIMITED,	/* Slurm says that the user's limit is reached */
	FILL_REFUSED,	/* sbatch refused a specification: jobs are held */
	FILL_UNCLEAR,	/* no clear answer; reconciliation will find out */
	FILL_BACKOFF,	/* Slurm is busy, or somebody cancels jobs just now */
	FILL_LOCKED,	/* the queue lock was not to be had: its holder ingests */
	FILL_MAX,	/* opts.max is reached */
	FILL_ELSEWHERE, /* this is not the cluster that the folder belongs to */
};

struct fill_result {
	int64_t submitted; /* jobs that Slurm accepted */
	int64_t unclear;   /* jobs whose submission got no clear answer */
	int64_t held;	   /* jobs that were refused */
	int64_t pending;   /* left, as far as was seen */
	int64_t in_flight;
	int64_t confirmed; /* of these, how many Slurm is known to have */
	int64_t limit;	   /* that counted */
	enum fill_stop stop;
	bool ingested;	     /* the outbox was told to the database */
	char *text;	     /* sbatch's own words where refused, limited or unclear; else NULL */
	char *refused_sweep; /* whose jobs were held */
};
void fill_result_release(struct fill_result *r);

/* Drain, claim, submit until the target is reached or something stops it. 0 where all went well,
 * which a limit and a pause are; -1 with err where not: ERR_AGAIN where trying again helps. *r is
 * filled either way. */
int fill_run(struct store *store, const struct fill_opts *opts, struct fill_result *r,
	     struct err *err);

/* What the next submission would be: the sbatch command lines and scripts, for submit --dry-run. */
int fill_preview(struct store *store, int64_t max, struct buf *out, struct err *err);

#endif
