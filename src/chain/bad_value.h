/*
 * bad_value.h - finds the value of a parameter that makes jobs fail, and holds the jobs that have
 * it.
 *
 * A suspect is a value, or a pair of values, that failed jobs share. Neighbours in the order of the
 * jobs share values too, so a suspect is cleared by any job of the sweep that has it and did well:
 * it completed, or it has been running for longer than the failed jobs did.
 *
 * The values that are held or capped (value_cap.h) are kept in the setting ".breaker.held.SWEEP", a
 * line for each, the held ones first.
 */
#ifndef SLURMQ_BAD_VALUE_H
#define SLURMQ_BAD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "store/db.h"

struct bad_value {
	struct strs words; /* "opt=lamb": one word, or two for a pair */
	int64_t failed;	   /* number of failed jobs with it; none completed */
	int64_t job;	   /* the last of them */
	int64_t held;	   /* a job that is held for it */
	bool capped;	   /* only some of its jobs are held (value_cap.h) */
	/* Set by bad_values_count(); of a suspect: the running jobs that have it and may fail yet. */
	int64_t jobs;
	/* Set by bad_values_count(): its held jobs, and those that run or may start. */
	int64_t with, tried;
};
bool bad_value_has(const struct bad_value *v, const struct sweep_point *point);
void bad_values_release(struct bad_value *v, size_t n); /* frees v too */
/* Returns whether the breaker holds a job with that state, request and reason. */
bool bad_value_holds(int state, int request, int reason);

/* ---- suspects ---- */

struct suspects {
	struct bad_value *v;
	size_t n;
};
void suspects_release(struct suspects *s);

/* Lists the values and pairs of failed[from] to failed[n - 1] that at least `least` of the n failed
 * jobs have: single values first, those of the last job before others, in the order of the sweep
 * file. */
void suspects_list(const struct db_job *failed, size_t n, size_t from, size_t least,
		   struct suspects *out);
/* Removes the suspects that a job of the sweep clears, and counts the running jobs of the others.
 * only_node: all failures were on that node, so that a job that runs on another node clears its
 * values at once; NULL: on several. */
int suspects_clear(struct db *db, int64_t sweep, const char *only_node, struct suspects *s,
		   struct err *err);
/* Sets *chosen to the first suspect whose jobs can be held while others that have not started are
 * left, and *left. If there is none, sets *chosen to the first suspect of all if a job of the sweep
 * has completed, else to NULL. *chosen is borrowed from s. */
int suspects_choose(struct db *db, int64_t sweep, struct suspects *s, struct bad_value **chosen,
		    bool *left, struct err *err);

/* ---- values that are held ---- */

/* Reads the values that are held or capped. The caller frees *v with bad_values_release(). */
int bad_values_get(struct db *db, int64_t sweep, struct bad_value **v, size_t *n, struct err *err);
int bad_values_set(struct db *db, int64_t sweep, const struct bad_value *v, size_t n,
		   struct err *err);
/* Sets the members `jobs` (held for it; a job with several of the values counts to the first),
 * `with`, `tried` and `held` (if there is a job) of each value. */
int bad_values_count(struct db *db, int64_t sweep, struct bad_value *v, size_t n, struct err *err);
/* Holds the jobs with a value that have not started; those in Slurm's queue get the request. No
 * value of the sweep may be capped. */
int bad_values_hold(struct db *db, int64_t sweep, const struct bad_value *v, struct err *err);
/* Forgets the values whose jobs were all released. Sets *forgot if there was one. */
int bad_values_prune(struct db *db, int64_t sweep, bool *forgot, struct err *err);
/* Forgets the value that was held last, and releases its jobs, except those with another value that
 * is held or with that one (NULL: none). No value of the sweep may be capped. */
int bad_values_drop(struct db *db, int64_t sweep, const struct bad_value *except, struct err *err);
/* Counts the failed job to the held values that it has, and sets *known if there is one. */
int bad_values_failed(struct db *db, const struct db_job *job, bool *known, struct err *err);
/* Forgets the values that the completed job has, and releases their jobs. */
int bad_values_completed(struct db *db, const struct db_job *job, struct err *err);

#endif
