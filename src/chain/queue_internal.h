/* queue_internal.h - what queue*.c share. Nobody else includes it. */
#ifndef SLURMQ_QUEUE_INTERNAL_H
#define SLURMQ_QUEUE_INTERNAL_H

#include "store/loader.h"
#include "chain/queue.h"
#include "slurm/slurm.h"
#include "store/spool.h"
#include "sweep/sweep.h"
#include "store/ticket.h"

/* ---- queue_pool.c ---- */

/* Jobs that Slurm counts together: of one account, partition and QOS. */
struct pool {
	char *key;	/* "account/partition/qos" */
	int64_t cap;	/* a refusal showed that no more of ours go in; -1: not blocked */
	int64_t until;	/* when one more is tried, ms */
	int64_t pause;	/* that was waited for this time, ms */
	bool trying;	/* that one is under way */
	int64_t flying; /* in flight, counted where anything is blocked */
	int64_t taken;	/* chosen in this round */
	int64_t lo,
		hi;   /* of this fill: so many went in, so many did not; hi -1: none was refused */
	int64_t room; /* the next guess; -1: as many as are wanted */
	bool feel, full, told;
};
struct pools {
	struct pool **v;
	size_t n;
	int64_t now;
	bool idle; /* nothing is in flight: whatever was learnt, one is tried */
	bool any;  /* something is blocked */
};
void pools_release(struct pools *ps);
struct pool *pools_get(struct pools *ps, const char *key); /* makes it where there is none */
/* From sbatch's options and a script's #SBATCH lines; the former win, the last of each. Given. */
char *pool_key(const struct strs *options, const char *directives);
/* Back to options; what is empty is left out. */
void pool_options(const char *key, struct strs *options);
/* In the open transaction, at a round's begin: read the blocks, write those that this fill has found. */
int pools_load(struct pools *ps, struct db *db, int64_t in_flight, int64_t limit, bool *changed,
	       struct err *err);
/* How many more of its jobs may be chosen. */
int64_t pool_room(const struct pools *ps, const struct pool *p);
/* After choosing: note which blocked ones are tried again. */
int pools_taken(struct pools *ps, struct db *db, struct err *err);
/* Slurm has taken jobs of that pool: one that was tried again is open. */
int pools_accepted(struct pools *ps, struct db *db, const char *key, struct err *err);
/* Those that stand, for status. */
int pools_show(struct db *db, struct queue_chain *c, struct err *err);
/* Drop every block. */
int pools_unblock(struct db *db, struct err *err);
/* sbatch's word on n jobs; then, where pools_feel(), a guess at how many go in: told is Slurm's own number
 * of free slots, -1 where it tells none. */
void pool_refused(struct pool *p, int64_t n);
void pool_took(struct pool *p, int64_t n);
bool pools_feel(const struct pools *ps);
void pools_guess(struct pools *ps, int64_t told);

/* ---- queue_claim.c ---- */

/* One sbatch to come. */
struct batch {
	struct db_submission sub;
	struct db_job *jobs;
	size_t njobs;
	struct strs options; /* "--long=value" */
	char *directives;
	char *sweep_name;
	int64_t sweep;
	char *chdir;
	bool restartable;
	char *checkpoint; /* a signal's name, NULL: none */
	char *exclude;	  /* for --exclude, with nodes that look bad; NULL: as the options say */
	bool env_stored;  /* for this very submission */
	char *group;	  /* what its jobs have in common, as text */
	struct pool *pool;
	struct ticket_writer ticket;
	struct plan *plans; /* of each job */
};
struct batches {
	struct batch *v;
	size_t n;
};
void batches_release(struct batches *b);

/* Choose up to n pending jobs, render them, group those of equal options (each group at most max_array
 * jobs). Those of a pool without room are passed over, and looked past a bounded way. A job that can't be
 * rendered is held, with the reason where status shows it. Changes the database only for that. */
int claim_choose(struct store *store, struct loader *l, struct pools *pools, int64_t n,
		 int64_t max_array, struct batches *out, struct err *err);
/* In the open transaction: each batch gets its name and its attempts' numbers. */
int claim_names(struct store *store, struct batches *b, struct err *err);
/* After that: what each batch's ticket says. */
int claim_tickets(struct store *store, struct batches *b, struct err *err);
/* After that: tickets and rights are written and made durable. What is left of them where that fails is nobody's.
 * chained: for a job that chains; kill_wait_s: slurm.conf's KillWait, -1 where it is not known. */
int claim_files(struct store *store, const struct batches *b, int64_t kill_wait_s, bool chained,
		struct err *err);
/* In the open transaction, after claim_names(): its rows are submitting. */
int claim_rows(struct store *store, struct batches *b, struct err *err);
/* Store binary and, for a person (renew: in any case), environment of each version that is about to be submitted,
 * where they are missing: what its sweep was submitted with before, else the caller's. */
int claim_provide(struct store *store, struct batches *b, bool user, bool renew, struct err *err);
/* The same environment for every sweep with pending jobs (renew: with any that are not completed), which others will
 * submit: nothing of one where there is no sbatch. */
int claim_environments(struct store *store, bool renew, struct err *err);
/* Take back the environment that was stored for it: nothing can be submitted with that. */
void claim_env_forget(struct store *store, const struct batch *b);

/* The sbatch of a batch: fields point into b and into *own, which is released after use. */
struct submission_text {
	char *name, *output, *script;
	struct strs env, options;
};
int submission_prepare(struct store *store, const struct batch *b, struct slurm_submission *s,
		       struct submission_text *own, struct err *err);
void submission_text_release(struct submission_text *own);

#endif
