#include "lib/draw.h"

#include <inttypes.h>
#include <string.h>

#include <sha2.h>

#include "lib/buf.h"

uint64_t sha256_64(const void *data, size_t len)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	SHA2_CTX ctx;
	uint64_t v = 0;

	SHA256Init(&ctx);
	SHA256Update(&ctx, data, len);
	SHA256Final(sum, &ctx);
	for (int i = 0; i < 8; i++)
		v = v << 8 | sum[i];
	return v;
}

uint64_t draw_bits(const char *seed, const char *name, uint64_t i)
{
	static const char label[] = "slurmq-draw-1";
	struct buf b = {0};
	uint64_t v;

	buf_add(&b, label, sizeof(label));
	buf_add(&b, seed, strlen(seed) + 1);
	buf_add(&b, name, strlen(name) + 1);
	buf_addf(&b, "%" PRIu64, i);
	v = sha256_64(b.s, b.len) >> 11;
	buf_release(&b);
	return v;
}

double draw_unit(const char *seed, const char *name, uint64_t i)
{
	return (double)draw_bits(seed, name, i) / 9007199254740992.0; /* 2^53 */
}

void shuffle_init(struct shuffle *s, const char *seed, uint64_t n)
{
	s->n = n;
	s->half = 1;
	while (s->half < 32 && n > (uint64_t)1 << (2 * s->half))
		s->half++;
	for (uint64_t k = 0; k < 4; k++)
		s->keys[k] = draw_bits(seed, "@order", k);
}

/* Mixes the bits of a number (the finalizer of splitmix64, Steele et al., 2014). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

/* A Feistel network maps the numbers of 2 * half bits one to one. A result that is not below n is
 * mapped again, which ends, as i itself is below n. */
uint64_t shuffle_get(const struct shuffle *s, uint64_t i)
{
	uint64_t mask = ((uint64_t)1 << s->half) - 1;

	do {
		uint64_t left = i >> s->half, right = i & mask;

		for (int k = 0; k < 4; k++) {
			uint64_t next = left ^ (mix(right + s->keys[k]) & mask);

			left = right;
			right = next;
		}
		i = left << s->half | right;
	} while (i >= s->n);
	return i;
}
