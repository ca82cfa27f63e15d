/*
 * pool.h - jobs of one account, partition and QOS, which Slurm counts together.
 */
#ifndef SLURMQ_POOL_H
#define SLURMQ_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "store/db.h"

/* Jobs of an account, partition and QOS of which Slurm takes no more. */
struct pool_block {
	char *account, *partition, *qos; /* "" where the site's default is meant */
	int64_t in_flight;		 /* so many when that was found out */
	int64_t until;			 /* when one more is tried at the latest, ms */
	bool others;			 /* there are jobs in Slurm of one that is not blocked */
};

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
	struct pool_version {
		int64_t version;
		struct pool *pool;
	} * versions; /* of which every job without options of its own is in one pool */
	size_t nversions;
	int64_t now;
	bool idle; /* nothing is in flight: whatever was learnt, one is tried */
	bool any;  /* something is blocked */
};
void pools_release(struct pools *ps);
struct pool *pools_get(struct pools *ps, const char *key); /* makes it where there is none */
/* The pool of the jobs of a version, as it was set: NULL if it was not. */
struct pool *pools_of_version(const struct pools *ps, int64_t version);
void pools_set_version(struct pools *ps, int64_t version, struct pool *p);
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
/* Those that stand, for status: *v and its n are released by pool_blocks_release(). */
int pools_show(struct db *db, struct pool_block **v, size_t *n, struct err *err);
void pool_blocks_release(struct pool_block *v, size_t n);
/* Drop every block. */
int pools_unblock(struct db *db, struct err *err);
/* sbatch's word on n jobs; then, where pools_feel(), a guess at how many go in: told is Slurm's own number
 * of free slots, -1 where it tells none. */
void pool_refused(struct pool *p, int64_t n);
void pool_took(struct pool *p, int64_t n);
bool pools_feel(const struct pools *ps);
void pools_guess(struct pools *ps, int64_t told);

#endif
