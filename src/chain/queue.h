/*
 * queue.h - drain, claim, submit, answer: what keeps the queue full.
 *
 * One gate, one spool: whoever holds the gate tells the database all that waits in spool/, claims
 * what the queue is short of in the same transaction, and lets go; sbatch runs after that. See the
 * head of queue.c for the order of effects and why a kill between any two of them is safe.
 */
#ifndef SLURMQ_QUEUE_H
#define SLURMQ_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "store/db.h"
#include "chain/drain.h"
#include "lib/err.h"
#include "store/store.h"

/* A remark for the user, on its way: one line or several, without the last newline. */
typedef void queue_say(void *arg, const char *text);

enum queue_caller {
	QUEUE_USER,  /* a person typed a command: stores the environment, clears back-offs */
	QUEUE_CHAIN, /* a job's end or start, cron */
};

struct queue_opts {
	enum queue_caller caller;
	int64_t max;	 /* submit at most so many jobs; -1: no such limit */
	bool renew_env;	 /* submit --env */
	bool no_claim;	 /* drain only */
	bool no_via;	 /* this is the host that submits, whatever the setting says */
	int64_t gate_ms; /* wait so long for the gate, at most */
	char *mine; /* name of the event file that the caller put into spool/, of SPOOL_NAME_SIZE
			    bytes, or NULL: it waits until that is gone, whoever takes it; it may be
			    given another name meanwhile (spool_event_pack) */
	queue_say *say; /* may be NULL */
	void *say_arg;
};

/* Why no more was submitted. */
enum queue_stop {
	QUEUE_FULL = 0, /* the target is reached */
	QUEUE_EMPTY,	/* nothing is pending */
	QUEUE_PAUSED,
	QUEUE_LIMITED,	 /* Slurm says that the user's limit is reached */
	QUEUE_REFUSED,	 /* sbatch refused a specification: jobs are held */
	QUEUE_UNCLEAR,	 /* no clear answer; reconciliation will find out */
	QUEUE_BACKOFF,	 /* Slurm is busy, or somebody cancels jobs just now */
	QUEUE_GATE,	 /* the gate was not to be had: its holder drains */
	QUEUE_MAX,	 /* opts.max is reached */
	QUEUE_ELSEWHERE, /* this is not the cluster that the folder belongs to */
};

struct queue_result {
	int64_t submitted; /* jobs that Slurm accepted */
	int64_t unclear;   /* jobs whose submission got no clear answer */
	int64_t held;	   /* jobs that were refused */
	int64_t pending;   /* left, as far as was seen */
	int64_t in_flight;
	int64_t confirmed; /* of these, how many Slurm is known to have */
	int64_t limit;	   /* that counted */
	enum queue_stop stop;
	bool drained;	     /* the spool was told to the database */
	char *text;	     /* sbatch's own words where refused, limited or unclear; else NULL */
	char *refused_sweep; /* whose jobs were held */
};
void queue_result_release(struct queue_result *r);

/* Drain, claim, submit until the target is reached or something stops it. 0 where all went well,
 * which a limit and a pause are; -1 with err where not: ERR_AGAIN where trying again helps. *r is
 * filled either way. */
int queue_fill(struct store *store, const struct queue_opts *opts, struct queue_result *r,
	       struct err *err);

/* What an sbatch of slurmq's own is made of, for a version of a sweep: its environment, and, in front of
 * options, what comes before those of the sweep. Both zeroed. */
int queue_environment(struct store *store, int64_t version, struct strs *env, struct strs *options,
		      struct err *err);
/* Its script: executes that version's binary with these arguments. directives: lines of #SBATCH, "" where
 * there are none; remark: what the job is. Given. */
char *queue_script(const struct store *store, int64_t version, const struct strs *env,
		   const char *directives, const char *remark, const char *arguments);
/* Inside a job, where the setting "via" names how to reach a host that may submit: 0 and the setting's value,
 * given; DB_NONE: submit from here. */
int queue_via(struct store *store, char **via, struct err *err);
/* Run slurmq chain there (as the sentinel), 3 minutes at most. -1, ERR_AGAIN, where it did not go well; what
 * was wrong the last time is the setting VIA_FAILED. */
#define VIA_FAILED ".via.failed"
int queue_via_run(struct store *store, const char *via, bool sentinel, struct err *err);
/* A path as sbatch's --output takes it: a '%' doubled (sbatch(1), filename pattern). Given. */
char *queue_output(const char *path);
/* How often the sentinel is to wake up, in seconds; 0: none is wanted, or the site refused it. */
int queue_sentinel_s(struct store *store, int64_t limit, int64_t *every, struct err *err);
/* "account/partition/qos" as options for sbatch. */
void queue_pool_options(const char *pool, struct strs *options);

/* What the next submission would be: the sbatch command lines and scripts, for submit --dry-run. */
int queue_preview(struct store *store, int64_t max, struct buf *out, struct err *err);

/* How many jobs may be in Slurm at once, and why ("qos normal", "slurmq config limit", "default"). */
struct queue_limit {
	int64_t jobs;
	char *from;
};
int queue_limit(struct store *store, struct queue_limit *out, struct err *err);
void queue_limit_release(struct queue_limit *l);

/* Jobs of an account, partition and QOS of which Slurm takes no more. */
struct queue_block {
	char *account, *partition, *qos; /* "" where the site's default is meant */
	int64_t in_flight;		 /* so many when that was found out */
	int64_t until;			 /* when one more is tried at the latest, ms */
	bool others;			 /* there are jobs in Slurm of one that is not blocked */
};

/* The job that waits in Slurm, as it was last seen. */
enum queue_sentinel {
	SENTINEL_NONE,
	SENTINEL_OFF,
	SENTINEL_REFUSED,
	SENTINEL_WAITING,
	SENTINEL_HELD, /* it waits, and will not begin */
};
/* Who holds it: the values of .sentinel.held. */
enum { SENTINEL_HELD_USER = 1, SENTINEL_HELD_ADMIN };

/* How the chain does, for status. */
enum chain_state { CHAIN_IDLE, CHAIN_ALIVE, CHAIN_STALLED, CHAIN_PAUSED, CHAIN_DONE };
struct queue_chain {
	enum chain_state state;
	int64_t last_refill;	 /* ms since 1970, 0: never */
	int64_t later, later_at; /* jobs that are tried again later, and when the first may be */
	char *why;		 /* of a pause or a stall, in words, or NULL */
	struct strs needs;	 /* what needs a person: lines of text */
	struct queue_block *blocks;
	size_t nblocks;
	enum queue_sentinel sentinel;
	uint64_t sentinel_job;
	int64_t sentinel_begin; /* when it wakes up, ms; 0: unknown */
	char *sentinel_why;	/* of a refusal */
};
int queue_chain(struct store *store, struct queue_chain *out, struct err *err);
void queue_chain_release(struct queue_chain *c);
const char *chain_state_name(enum chain_state s);

#endif
