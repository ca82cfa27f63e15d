/*
 * health.h - reads the state of the chain: for status, and for decisions that follow from it.
 */
#ifndef SLURMQ_HEALTH_H
#define SLURMQ_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/limit_group.h"
#include "chain/waits.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "store/store.h"

/* The sentinel, as last seen in Slurm. */
enum health_sentinel {
	SENTINEL_NONE,
	SENTINEL_OFF,
	SENTINEL_REFUSED,
	SENTINEL_WAITING,
	SENTINEL_HELD, /* held in Slurm: it will not start */
};

/* Why the queue is paused: the first member that is set applies. All are 0 if it is not paused, or if
 * only sweeps are. */
struct health_pause {
	/* The reason that the user gave. */
	char *words;
	/* File locks do not work between these two hosts. */
	struct strs hosts;
	/* The number of jobs, all, that were cancelled in Slurm (cancel.h). */
	int64_t cancelled;
	int64_t cancelled_at; /* ms since 1970 */
	/* The breaker: the job that failed last, the number of consecutive failures, and its
	 * sweep. */
	int64_t job;
	int64_t failures;
	char *sweep;
};

/* An action that only a person can take. */
enum health_need_kind {
	NEED_RESUME, /* resume the queue, which a person has paused */
	NEED_LOCKS,  /* resume the queue, once locks work between the hosts of names */
	NEED_REPAIR, /* fix the cause, then resume: the breaker paused the queue after job */
	NEED_NODES,  /* report the nodes of names, which are excluded */
	/* Check the jobs that fail on the nodes of names, which are not excluded. */
	NEED_MANY_NODES,
	/* Release slurm_job, the sentinel, which is held in Slurm; by_admin: only the site can. */
	NEED_SENTINEL,
	NEED_VIA,	   /* fix the way to the host that submits: words */
	NEED_SUBMIT,	   /* submit: work is left, and no job is known to be in Slurm */
	NEED_FIRST_SUBMIT, /* submit for the first time */
	/* Submit the rest, if the jobs of submit --try went well: `failed` of them did not, job last,
	 * and are tried again. */
	NEED_TRIAL,
	NEED_FAILED, /* check the failed jobs of sweep; names: "30 EXIT" for each reason */
	/* Change the options that sbatch refused, and release these jobs of sweep: words, or
	 * NULL. */
	NEED_REFUSED,
	NEED_HELD,	   /* release the jobs of sweep that a person holds */
	NEED_RESUME_SWEEP, /* resume sweep, whose pending jobs wait */
	NEED_WAITS,	   /* act for the jobs of wait, which do not start by themselves */
	/* Check why all `failed` jobs with the values of names failed, and release these jobs of
	 * sweep; job failed last, and `tried` jobs run or may start. */
	NEED_VALUE,
};
/* Members that the kind does not name are 0 or NULL. */
struct health_need {
	enum health_need_kind kind;
	char *sweep;
	int64_t jobs; /* jobs of the sweep */
	int64_t failed, tried;
	bool many;  /* there is more than one sweep */
	int reason; /* why the jobs are held: enum job_reason */
	int64_t job;
	uint64_t slurm_job;
	bool by_admin;
	struct strs names;	       /* of nodes or hosts; "opt=lamb" or "30 EXIT" */
	char *words;		       /* what sbatch, or the way to another host, printed */
	const struct wait_group *wait; /* one of the health's waits */
};

/* The state of the chain, for status. CHAIN_PAUSED: the queue is paused, or all that is left to
 * submit is of paused sweeps, and no job is in Slurm. */
enum chain_state { CHAIN_IDLE, CHAIN_ALIVE, CHAIN_STALLED, CHAIN_PAUSED, CHAIN_DONE };
struct health {
	enum chain_state state;
	int64_t last_refill; /* ms since 1970, 0: never */
	/* Jobs that wait for their next try, and the time of the first of these. */
	int64_t later, later_at;
	struct health_pause pause;
	bool trial; /* submit --try: jobs submit no others */
	/* If stalled: the job that ended last, the only one in Slurm, was cancelled there. */
	bool only_cancelled;
	struct health_need *needs;
	size_t nneeds;
	struct wait_group *waits; /* why jobs wait in Slurm */
	size_t nwaits;
	struct limit_group_block *blocks;
	size_t nblocks;
	enum health_sentinel sentinel;
	uint64_t sentinel_job;
	int64_t sentinel_begin; /* when the sentinel wakes up, ms since 1970; 0: unknown */
	char *sentinel_why;	/* why sbatch refused the sentinel */
};
/* Reads the state from the database; Slurm is not asked. The caller calls health_release(). */
int health_read(struct store *store, struct health *out, struct err *err);
void health_release(struct health *c);

/* What the files show of processes that go on, without asking Slurm. Every refill takes the queue
 * lock: a running job does one every five minutes, a job that stays one every minute. Jobs that only
 * wait in Slurm take no lock, so nothing follows from their silence. */
enum health_sign {
	SIGN_FINE,
	SIGN_STALLED,	/* state is CHAIN_STALLED, and no process was at work for 90 s */
	SIGN_RUNNING,	/* jobs are running as far as is known, but none did a refill for 20 min */
	SIGN_CANCELLED, /* no process has decided on an external cancel (cancel.h) for 3 min */
};
/* counts: of all jobs, as db_counts() reads them. */
enum health_sign health_sign(struct store *store, const struct health *h, const int64_t *counts);

/* Returns the name of a state, as status prints it. Borrowed: a constant. */
const char *health_state_name(enum chain_state s);

#endif
