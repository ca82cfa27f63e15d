/*
 * amount.h - a time limit and an amount of memory as sbatch takes them (sbatch(1), --time, --mem).
 */
#ifndef SLURMQ_AMOUNT_H
#define SLURMQ_AMOUNT_H

#include <stdint.h>

#include "lib/buf.h"

#define AMOUNT_UNLIMITED INT64_MAX

/* Minutes, min:sec, h:m:s, d-h, d-h:m, d-h:m:s; 0, -1, INFINITE and UNLIMITED are AMOUNT_UNLIMITED. In
 * minutes, a begun one counted, as Slurm does (its time limits are whole minutes). -1: none of these. */
int amount_time(const char *text, int64_t *minutes);
/* "30:00", "1:30:00", "2-00:00:00", "UNLIMITED". */
void amount_add_time(struct buf *out, int64_t minutes);

/* A whole number with K, M, G or T (case ignored), MiB without one; rounded up to MiB. 0 means all of a
 * node's to sbatch: AMOUNT_UNLIMITED. -1: none of these. */
int amount_mem(const char *text, int64_t *mib);
/* "1536M", "64G", "0" for AMOUNT_UNLIMITED. */
void amount_add_mem(struct buf *out, int64_t mib);

/* n times a decimal number, rounded up; AMOUNT_UNLIMITED where it is above 1e15, or n is that. */
int64_t amount_times(int64_t n, const char *factor);

#endif
