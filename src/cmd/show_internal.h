/* show_internal.h - a job with all that slurmq show prints; for show*.c. */
#ifndef SLURMQ_SHOW_INTERNAL_H
#define SLURMQ_SHOW_INTERNAL_H

#include <stddef.h>

#include "chain/bad_value.h"
#include "cmd/cmd.h"

/* An attempt of a job with its steps. */
struct tried {
	struct db_attempt a;
	char *refused; /* the message of sbatch if it refused the attempt; else NULL */
	char *options; /* those of its submission, as lines; NULL: unknown */
	struct db_step *steps;
	size_t nsteps;
};
struct whole {
	struct db_job job;
	struct plan plan;
	struct err plan_err; /* why the plan could not be made */
	struct tried *v;
	size_t n;
	struct db_result *results; /* of the newest attempt */
	size_t nresults;
};

/* The values that the breaker holds for a sweep, and the one for which it holds a job. */
struct show_held {
	struct bad_value *v, *of_job; /* of_job: NULL if it does not hold the job */
	size_t n;
};
/* Reads it. The caller calls show_held_release(). */
void show_held_read(struct db *db, const struct db_job *job, struct show_held *out);
void show_held_release(struct show_held *h);

/* Adds the object of the job to a list of j. */
void show_add_json(struct json *j, struct store *store, const struct whole *w);

#endif
