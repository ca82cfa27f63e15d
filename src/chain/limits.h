/*
 * limits.h - how many jobs may be in Slurm, by the settings and by what Slurm tells.
 */
#ifndef SLURMQ_LIMITS_H
#define SLURMQ_LIMITS_H

#include <stdint.h>

#include "lib/err.h"
#include "slurm/slurm.h"
#include "store/store.h"

/* How many jobs may be in Slurm at once, and why ("qos normal", "slurmq config limit", "default"). */
struct limits {
	int64_t jobs;
	char *from;
};
int limits_get(struct store *store, struct limits *out, struct err *err);
void limits_release(struct limits *l);

/* How often the sentinel is to wake up, in seconds; 0: none is wanted, or the site refused it. */
int limits_sentinel_s(struct store *store, int64_t limit, int64_t *every, struct err *err);

/* How old may be what Slurm told, for limits_refresh(). */
enum { LIMITS_AGE_MS = 30 * 60 * 1000, LIMITS_USER_AGE_MS = 60 * 1000 };
/* Ask Slurm for its limits where that was not done within max_age_ms. A Slurm that is away is no error: sbatch
 * will say so. mine: the event file that is synced before Slurm is asked, or NULL. *limit is what was read,
 * -1 where nothing was. */
int limits_refresh(struct store *store, const char *mine, int64_t max_age_ms,
		   struct slurm_limit *limit, struct err *err);

/* The site's own numbers, as they were read last. */
struct limits_site {
	int64_t max_array;   /* jobs of one array, at most */
	int64_t kill_wait_s; /* slurm.conf's KillWait, -1: not known */
};
int limits_site_get(struct store *store, struct limits_site *out, struct err *err);

#endif
