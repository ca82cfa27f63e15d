/*
 * reconcile.h - what became of attempts that never reported: one squeue, matched here by name.
 */
#ifndef SLURMQ_RECONCILE_H
#define SLURMQ_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "store.h"

struct reconcile_result {
	bool ran;	 /* Slurm was asked */
	int64_t adopted; /* submissions without an answer, found by name */
	int64_t ended;	 /* over in Slurm without a word */
	int64_t missing; /* not to be seen: looked for again later */
	int64_t lost;	 /* given up */
};

/* Ask Slurm and write down what is certain. max_age_ms: only where it was not asked within that time
 * (0: in any case, and what killed processes left is cleared up). Nothing in flight: nothing is asked. A Slurm that does not answer changes no state:
 * -1 with ERR_AGAIN. */
int reconcile(struct store *store, int64_t max_age_ms, struct reconcile_result *out,
	      struct err *err);

#endif
