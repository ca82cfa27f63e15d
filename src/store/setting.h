/*
 * setting.h - the settings of slurmq config: keys, defaults, possible values, meaning.
 */
#ifndef SLURMQ_SETTING_H
#define SLURMQ_SETTING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct setting {
	const char *key, *fallback, *values, *meaning;
	/* Returns false if the value is invalid; err may hold the reason, else `values` explains
	 * it. */
	bool (*valid)(const char *value, struct err *err);
};

/* All settings; the entry after the last has no key. */
extern const struct setting settings[];

/* The setting limit.SWEEP, which every sweep has; without key and fallback. */
extern const struct setting setting_of_sweep;

/* Finds a setting, or returns NULL with *near the most similar key (or NULL). */
const struct setting *setting_find(const char *key, const char **near);

/* Returns the interval of the sentinel in seconds, from the setting's value (NULL: the default)
 * and the limit of jobs, or 0 for no sentinel. By default there is one if the limit is at least
 * 10. A sentinel, its successor and a working job need 3 slots. */
int64_t setting_sentinel_s(const char *value, int64_t limit);
/* Splits "via" or "sentinel.sbatch" at blanks and adds the words to *out. Single or double
 * quotes keep a word together. Returns false if a quote is not closed. value may be NULL: no
 * words. */
bool setting_words(const char *value, struct strs *out);

#endif
