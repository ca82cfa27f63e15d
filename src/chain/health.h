/*
 * health.h - how the chain does: for status, and for what follows from it.
 */
#ifndef SLURMQ_HEALTH_H
#define SLURMQ_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/limit_group.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "store/store.h"

/* The job that waits in Slurm, as it was last seen. */
enum health_sentinel {
	SENTINEL_NONE,
	SENTINEL_OFF,
	SENTINEL_REFUSED,
	SENTINEL_WAITING,
	SENTINEL_HELD, /* it waits, and will not begin */
};

/* Why the queue is paused: the first member that is set counts. All are 0 if it is not paused. */
struct health_pause {
	char *words;	      /* of the person who paused it */
	struct strs hosts;    /* file locks do not reach from the first host to the second */
	int64_t cancelled;    /* all jobs, so many, were cancelled in Slurm (cancel.h) */
	int64_t cancelled_at; /* ms since 1970 */
	int64_t job; /* the breaker: the last job of so many failures in a row, and its sweep */
	int64_t failures;
	char *sweep;
};

/* Something that only a person can do. */
enum health_need_kind {
	NEED_RESUME, /* resume the queue, which a person has paused */
	NEED_LOCKS,  /* the same, once locks reach from one host to the other: names */
	NEED_REPAIR, /* the same, once what made job fail is repaired: the breaker has paused it */
	NEED_NODES,  /* report the nodes of names, which get no jobs */
	NEED_MANY_NODES, /* look at the jobs that fail on the nodes of names, which get jobs all the same */
	NEED_SENTINEL, /* release slurm_job, the sentinel, which is held in Slurm; by_admin: the site can */
	NEED_VIA,	   /* repair the way to the host that submits: words */
	NEED_SUBMIT,	   /* submit: work is left, and no job is known to be in Slurm */
	NEED_FIRST_SUBMIT, /* submit: nothing was submitted yet */
	NEED_FAILED,	   /* look at the failed jobs of sweep */
	NEED_REFUSED, /* change what sbatch refused, and release these jobs of sweep: words, or NULL */
	NEED_HELD,    /* release the jobs of sweep that a person holds */
};
/* Members that the kind does not name are 0 or NULL. */
struct health_need {
	enum health_need_kind kind;
	char *sweep;
	int64_t jobs; /* how many of the sweep */
	int64_t job;
	uint64_t slurm_job;
	bool by_admin;
	struct strs names; /* of nodes or hosts */
	char *words;	   /* what sbatch, or the way to another host, printed */
};

/* How the chain does, for status. */
enum chain_state { CHAIN_IDLE, CHAIN_ALIVE, CHAIN_STALLED, CHAIN_PAUSED, CHAIN_DONE };
struct health {
	enum chain_state state;
	int64_t last_refill;	 /* ms since 1970, 0: never */
	int64_t later, later_at; /* jobs that are tried again later, and when the first may be */
	struct health_pause pause;
	bool only_cancelled; /* of a stall: the job that ended last, the only one in Slurm, was cancelled there */
	struct health_need *needs;
	size_t nneeds;
	struct limit_group_block *blocks;
	size_t nblocks;
	enum health_sentinel sentinel;
	uint64_t sentinel_job;
	int64_t sentinel_begin; /* when it wakes up, ms; 0: unknown */
	char *sentinel_why;	/* of a refusal */
};
int health_read(struct store *store, struct health *out, struct err *err);
void health_release(struct health *c);
const char *health_state_name(enum chain_state s);

#endif
