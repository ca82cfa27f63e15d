/*
 * setting.h - what slurmq config knows: keys, defaults, what they may be, what they mean.
 */
#ifndef SLURMQ_SETTING_H
#define SLURMQ_SETTING_H

#include <stdbool.h>

struct setting {
	const char *key, *fallback, *values, *meaning;
	bool (*valid)(const char *value);
};

/* All of them; the one after the last has no key. */
extern const struct setting settings[];

/* The one of that name, or NULL with *near the key that may be meant (or NULL). */
const struct setting *setting_find(const char *key, const char **near);

#endif
