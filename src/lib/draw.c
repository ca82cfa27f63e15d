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
