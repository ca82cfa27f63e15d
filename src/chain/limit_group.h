/*
 * limit_group.h - limit groups: account, partition and QOS that share a submit limit in Slurm.
 */
#ifndef SLURMQ_LIMIT_GROUP_H
#define SLURMQ_LIMIT_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "store/db.h"

/* A limit group from which Slurm accepts no more jobs. */
struct limit_group_block {
	char *account, *partition, *qos; /* "" for the default of the site */
	int64_t in_flight;		 /* jobs in flight when Slurm refused more */
	int64_t until; /* when one more job is tried at the latest, ms since 1970 */
	bool others;   /* jobs of a group that is not blocked are in Slurm */
};

/* Jobs that Slurm counts together: of one account, partition and QOS. */
struct limit_group {
	char *key;	/* "account/partition/qos" */
	int64_t cap;	/* after a refusal: jobs in flight at most; -1: not blocked */
	int64_t until;	/* when one more job is tried, ms since 1970 */
	int64_t pause;	/* the wait before that try, ms */
	bool trying;	/* the job that is tried is being submitted */
	int64_t flying; /* jobs in flight; counted only if a group is blocked */
	int64_t taken;	/* jobs chosen in this round */
	/* in this fill: lo jobs were accepted, hi jobs were too many; hi -1: none was refused */
	int64_t lo, hi;
	int64_t room; /* the next guess; -1: as many as wanted */
	bool feel;    /* a guess is due */
	bool full;    /* the guess is 0 */
	bool written; /* the block of this fill is in the database */
};
struct limit_groups {
	struct limit_group **v;
	size_t n;
	/* versions whose jobs without options of their own are all in one group */
	struct limit_group_version {
		int64_t version;
		struct limit_group *limit_group;
	} * versions;
	size_t nversions;
	int64_t now;
	bool idle; /* no job is in flight: one is tried even from a blocked group */
	bool any;  /* a group is blocked */
};
void limit_groups_release(struct limit_groups *ps);
/* Returns the group of a key, which is added if it is missing. Borrowed from ps. */
struct limit_group *limit_groups_get(struct limit_groups *ps, const char *key);
/* Returns the group that limit_groups_set_version() set for a version, or NULL. Borrowed from
 * ps. */
struct limit_group *limit_groups_of_version(const struct limit_groups *ps, int64_t version);
void limit_groups_set_version(struct limit_groups *ps, int64_t version, struct limit_group *p);
/* Returns the key of sbatch's options and of a script's #SBATCH lines. The options win over the
 * lines, and the last of several wins. The caller frees the key. */
char *limit_group_key(const struct strs *options, const char *directives);
/* Adds the options of a key; empty parts are omitted. */
void limit_group_options(const char *key, struct strs *options);
/* Reads the blocks at the start of a round, and writes the blocks that this fill has found. Sets
 * *changed if it wrote any. Needs the open transaction. */
int limit_groups_load(struct limit_groups *ps, struct db *db, int64_t in_flight, int64_t limit,
		      bool *changed, struct err *err);
/* Returns how many more jobs of the group may be chosen. */
int64_t limit_group_room(const struct limit_groups *ps, const struct limit_group *p);
/* Stores, after the choice of jobs, which blocked groups try one more job. */
int limit_groups_taken(struct limit_groups *ps, struct db *db, struct err *err);
/* Removes the block of a group that was trying one more job, since Slurm has accepted it. */
int limit_groups_accepted(struct limit_groups *ps, struct db *db, const char *key, struct err *err);
/* Reads the blocks, for status. The caller releases *v and its n entries with
 * limit_group_blocks_release(). */
int limit_groups_show(struct db *db, struct limit_group_block **v, size_t *n, struct err *err);
void limit_group_blocks_release(struct limit_group_block *v, size_t n);
/* Drops every block. */
int limit_groups_unblock(struct db *db, struct err *err);
/* Counts n jobs that sbatch refused or accepted. If limit_groups_feel() then returns true,
 * limit_groups_guess() guesses how many more fit. free_slots: the number that Slurm reports, -1
 * if it reports none. */
void limit_group_refused(struct limit_group *p, int64_t n);
void limit_group_took(struct limit_group *p, int64_t n);
bool limit_groups_feel(const struct limit_groups *ps);
void limit_groups_guess(struct limit_groups *ps, int64_t free_slots);

#endif
