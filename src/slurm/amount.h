/*
 * amount.h - parses and formats time limits and amounts of memory as sbatch does (sbatch(1),
 * --time, --mem).
 */
#ifndef SLURMQ_AMOUNT_H
#define SLURMQ_AMOUNT_H

#include <stdint.h>

#include "lib/buf.h"

#define AMOUNT_UNLIMITED INT64_MAX

/* Parses minutes, min:sec, h:m:s, d-h, d-h:m or d-h:m:s; 0, -1, INFINITE and UNLIMITED are
 * AMOUNT_UNLIMITED. Rounds up to minutes, as Slurm does (its time limits are whole minutes).
 * Returns 0, or -1 if text is none of these. */
int amount_time(const char *text, int64_t *minutes);
/* Appends "30:00", "1:30:00", "2-00:00:00" or "UNLIMITED". */
void amount_add_time(struct buf *out, int64_t minutes);

/* Parses a whole number with K, M, G or T (case ignored, KB and so on too), or in MiB if it has no
 * unit. Rounds up to MiB. 0 is AMOUNT_UNLIMITED: sbatch reserves all memory of a node. Returns 0, or -1 if text is
 * none of these. */
int amount_mem(const char *text, int64_t *mib);
/* Appends "1536M", "64G", or "0" for AMOUNT_UNLIMITED. */
void amount_add_mem(struct buf *out, int64_t mib);

/* Returns n times a decimal number, rounded up; AMOUNT_UNLIMITED if n is, or if the product is
 * above 1e15. */
int64_t amount_times(int64_t n, const char *factor);

#endif
