#include "setting.h"

#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "guess.h"
#include "opt.h"

static bool valid_limit(const char *value)
{
	int64_t n;

	return !strcmp(value, "auto") || (opt_int(value, &n) == 0 && n >= 1 && n <= 1000000);
}

static bool valid_reserve(const char *value)
{
	int64_t n;

	return opt_int(value, &n) == 0 && n >= 0 && n <= 1000000;
}

static bool valid_breaker(const char *value)
{
	int64_t n;

	return opt_int(value, &n) == 0 && n >= 0 && n <= 1000;
}

const struct setting settings[] = {
	{"limit", "auto", "auto, or 1 to 1000000", "how many jobs may be in Slurm at once",
	 valid_limit},
	{"breaker", "10", "0 to 1000", "quick failures in a row that pause the queue; 0: none do",
	 valid_breaker},
	{"reserve", "0", "0 to 1000000", "slots left for your other jobs", valid_reserve},
	{0},
};

const struct setting *setting_find(const char *key, const char **near)
{
	struct strs keys = {0};
	const char *guess;

	*near = NULL;
	for (const struct setting *s = settings; s->key; s++) {
		if (!strcmp(s->key, key)) {
			strs_release(&keys);
			return s;
		}
		strs_add(&keys, s->key);
	}
	guess = guess_nearest(key, (const char *const *)keys.v);
	for (const struct setting *s = settings; guess && s->key; s++)
		if (!strcmp(s->key, guess))
			*near = s->key;
	strs_release(&keys);
	return NULL;
}
