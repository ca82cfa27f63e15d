/*
 * draw.h - numbers from SHA-256, the same on every machine: a sweep's random draws, a random order
 * and job identities.
 */
#ifndef SLURMQ_DRAW_H
#define SLURMQ_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* Returns the first 64 bits, big-endian, of the data's SHA-256 (FIPS 180-4). */
uint64_t sha256_64(const void *data, size_t len);

/* Returns draw i of parameter name: the top 53 bits of the SHA-256 of
 * "slurmq-draw-1\0SEED\0NAME\0I". */
uint64_t draw_bits(const char *seed, const char *name, uint64_t i);
/* Returns draw i as a number in [0, 1). */
double draw_unit(const char *seed, const char *name, uint64_t i);

/* A random order of the numbers 0 to n - 1, the same on every machine. */
struct shuffle {
	uint64_t n, keys[4];
	unsigned half; /* bits of half a number */
};
void shuffle_init(struct shuffle *s, const char *seed, uint64_t n);
/* Returns the number at place i of the order; i is below n. */
uint64_t shuffle_get(const struct shuffle *s, uint64_t i);

#endif
