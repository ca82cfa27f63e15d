/*
 * claim.h - chooses pending jobs, and groups them into submissions.
 */
#ifndef SLURMQ_CLAIM_H
#define SLURMQ_CLAIM_H

#include <stdint.h>

#include "chain/limit_group.h"
#include "chain/submission.h"
#include "lib/err.h"
#include "store/loader.h"
#include "store/store.h"

/* Chooses up to n pending jobs, renders them, and groups those of equal options (each group at
 * most max_array jobs). Skips jobs of a limit group without room, and searches a bounded distance
 * past them. Holds a job that cannot be rendered, and stores the reason for status; changes the
 * database only for that. The caller releases *out with batches_release(). */
int claim_jobs_choose(struct store *store, struct loader *l, struct limit_groups *limit_groups,
		      int64_t n, int64_t max_array, struct batches *out, struct err *err);
/* Gives each batch its submission id, and its attempts their numbers. Needs the open
 * transaction. */
int claim_ids_assign(struct store *store, struct batches *b, struct err *err);
/* Writes the rows of the batches as submitting. Needs the open transaction, after
 * claim_ids_assign(). */
int claim_rows_write(struct store *store, struct batches *b, struct err *err);

#endif
