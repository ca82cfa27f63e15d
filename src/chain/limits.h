/*
 * limits.h - how many jobs may be in Slurm, by the settings and by the limits that Slurm reports.
 */
#ifndef SLURMQ_LIMITS_H
#define SLURMQ_LIMITS_H

#include <stdint.h>

#include "lib/err.h"
#include "slurm/slurm.h"
#include "store/store.h"
#include "sweep/sweep.h"

/* How many jobs may be in Slurm at once, and the source of that number ("qos normal", "slurmq
 * config limit", "default"). */
struct limits {
	int64_t jobs;
	char *from;
};
/* Reads the limit: the setting, else the one Slurm reported, else the default. The caller calls
 * limits_release(). */
int limits_get(struct store *store, struct limits *out, struct err *err);
void limits_release(struct limits *l);

/* Returns in *every how often the sentinel must wake up, in seconds. 0: the setting disables the
 * sentinel, or sbatch refused it. */
int limits_sentinel_s(struct store *store, int64_t limit, int64_t *every, struct err *err);

/* How old the limits from Slurm may be, for limits_refresh(). */
enum { LIMITS_AGE_MS = 30 * 60 * 1000, LIMITS_USER_AGE_MS = 60 * 1000 };
/* Asks Slurm for its limits, unless they were read within max_age_ms. A Slurm that does not
 * answer is not an error: sbatch will report it. record: the file in the outbox that is synced
 * before Slurm is asked, or NULL. *limit gets the limits read, -1 if none was. The caller calls
 * slurm_limit_release(). */
int limits_refresh(struct store *store, const char *record, int64_t max_age_ms,
		   struct slurm_limit *limit, struct err *err);

/* Numbers from the configuration of the site, as they were last read. */
struct limits_site {
	int64_t max_array;   /* the most jobs in one array */
	int64_t kill_wait_s; /* KillWait of slurm.conf, -1: unknown */
};
int limits_site_get(struct store *store, struct limits_site *out, struct err *err);

/* Sets *limit to the number of jobs of a sweep that may be in Slurm: the setting limit.NAME, else
 * that of its file; 0: there is none. */
int limits_sweep(struct store *store, const char *name, const struct sweep *sweep, int64_t *limit,
		 struct err *err);

#endif
