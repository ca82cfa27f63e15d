/*
 * setting.h - what slurmq config knows: keys, defaults, what they may be, what they mean.
 */
#ifndef SLURMQ_SETTING_H
#define SLURMQ_SETTING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct setting {
	const char *key, *fallback, *values, *meaning;
	/* Where it may not be that, err may say why; else what it may be is all there is to say. */
	bool (*valid)(const char *value, struct err *err);
};

/* All of them; the one after the last has no key. */
extern const struct setting settings[];

/* The one of that name, or NULL with *near the key that may be meant (or NULL). */
const struct setting *setting_find(const char *key, const char **near);

/* Every how many seconds a sentinel wakes up, from the setting's value (NULL: the default) and the limit of
 * jobs; 0: there is none. By itself it is there from 10 slots on; it, the one that it leaves behind and a job
 * that works need 3. */
int64_t setting_sentinel_s(const char *value, int64_t limit);
/* Words apart by blanks, as "via" and "sentinel.sbatch" hold them; quotes, of either kind, hold one together.
 * False where one is not closed. value may be NULL: none. */
bool setting_words(const char *value, struct strs *out);

#endif
