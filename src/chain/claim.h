/*
 * claim.h - choosing pending jobs, and grouping them into submissions.
 */
#ifndef SLURMQ_CLAIM_H
#define SLURMQ_CLAIM_H

#include <stdint.h>

#include "chain/limit_group.h"
#include "chain/submission.h"
#include "lib/err.h"
#include "store/loader.h"
#include "store/store.h"

/* Choose up to n pending jobs, render them, group those of equal options (each group at most max_array
 * jobs). Those of a limit_group without room are passed over, and looked past a bounded way. A job that can't be
 * rendered is held, with the reason where status shows it. Changes the database only for that. */
int claim_jobs_choose(struct store *store, struct loader *l, struct limit_groups *limit_groups,
		      int64_t n, int64_t max_array, struct batches *out, struct err *err);
/* In the open transaction: each batch gets its name and its attempts' numbers. */
int claim_ids_assign(struct store *store, struct batches *b, struct err *err);
/* In the open transaction, after claim_ids_assign(): its rows are submitting. */
int claim_rows_write(struct store *store, struct batches *b, struct err *err);

#endif
