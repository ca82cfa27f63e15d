/*
 * limit_group.h - jobs of one account, partition and QOS, which Slurm counts together.
 */
#ifndef SLURMQ_LIMIT_GROUP_H
#define SLURMQ_LIMIT_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "store/db.h"

/* Jobs of an account, partition and QOS of which Slurm takes no more. */
struct limit_group_block {
	char *account, *partition, *qos; /* "" where the site's default is meant */
	int64_t in_flight;		 /* so many when that was found out */
	int64_t until;			 /* when one more is tried at the latest, ms */
	bool others;			 /* there are jobs in Slurm of one that is not blocked */
};

/* Jobs that Slurm counts together: of one account, partition and QOS. */
struct limit_group {
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
struct limit_groups {
	struct limit_group **v;
	size_t n;
	struct limit_group_version {
		int64_t version;
		struct limit_group *limit_group;
	} * versions; /* of which every job without options of its own is in one limit_group */
	size_t nversions;
	int64_t now;
	bool idle; /* nothing is in flight: whatever was learnt, one is tried */
	bool any;  /* something is blocked */
};
void limit_groups_release(struct limit_groups *ps);
struct limit_group *limit_groups_get(struct limit_groups *ps,
				     const char *key); /* makes it where there is none */
/* The limit_group of the jobs of a version, as it was set: NULL if it was not. */
struct limit_group *limit_groups_of_version(const struct limit_groups *ps, int64_t version);
void limit_groups_set_version(struct limit_groups *ps, int64_t version, struct limit_group *p);
/* From sbatch's options and a script's #SBATCH lines; the former win, the last of each. Given. */
char *limit_group_key(const struct strs *options, const char *directives);
/* Back to options; what is empty is left out. */
void limit_group_options(const char *key, struct strs *options);
/* In the open transaction, at a round's begin: read the blocks, write those that this fill has found. */
int limit_groups_load(struct limit_groups *ps, struct db *db, int64_t in_flight, int64_t limit,
		      bool *changed, struct err *err);
/* How many more of its jobs may be chosen. */
int64_t limit_group_room(const struct limit_groups *ps, const struct limit_group *p);
/* After choosing: note which blocked ones are tried again. */
int limit_groups_taken(struct limit_groups *ps, struct db *db, struct err *err);
/* Slurm has taken jobs of that limit_group: one that was tried again is open. */
int limit_groups_accepted(struct limit_groups *ps, struct db *db, const char *key, struct err *err);
/* Those that stand, for status: *v and its n are released by limit_group_blocks_release(). */
int limit_groups_show(struct db *db, struct limit_group_block **v, size_t *n, struct err *err);
void limit_group_blocks_release(struct limit_group_block *v, size_t n);
/* Drop every block. */
int limit_groups_unblock(struct db *db, struct err *err);
/* sbatch's word on n jobs; then, where limit_groups_feel(), a guess at how many go in: told is Slurm's own number
 * of free slots, -1 where it tells none. */
void limit_group_refused(struct limit_group *p, int64_t n);
void limit_group_took(struct limit_group *p, int64_t n);
bool limit_groups_feel(const struct limit_groups *ps);
void limit_groups_guess(struct limit_groups *ps, int64_t told);

#endif
