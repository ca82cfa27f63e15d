/*
 * policy.h - decides whether a failed job is retried, when, and with which options: the key
 * `retry` of a sweep. Pure functions.
 *
 * Failures that the site causes (NODE_FAIL, BOOT_FAIL, PREEMPTED) use up none of the policy's
 * tries. They have POLICY_SITE_MOST tries of their own, so that a job which crashes its node is
 * not retried for ever.
 */
#ifndef SLURMQ_POLICY_H
#define SLURMQ_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "sweep/sweep.h"

enum {
	POLICY_MAX = 3,	       /* tries beyond the first if `max` is not set */
	POLICY_SITE_MOST = 10, /* tries after failures that the site caused */
};

struct policy_have {
	/* "--long=value" in the order in which sbatch gets them: the last of a name counts. */
	const struct strs *options;
	bool ran_so;	     /* the failed attempt had these options, so they must grow */
	int64_t tries, site; /* tries used up since the user last asked for the job */
};

/* Why the job is not retried. */
enum policy_stop {
	POLICY_GOES_ON,
	POLICY_NEVER,	   /* failures of this kind are never retried */
	POLICY_NOT_ASKED,  /* `retry` does not ask for it */
	POLICY_CODE,	   /* `retry` does not name this exit code */
	POLICY_SPENT,	   /* the policy's tries are used up */
	POLICY_SITE_SPENT, /* the tries after failures that the site caused are used up */
	POLICY_NO_GROWTH,  /* the limit that was too low cannot grow */
};

struct policy_next {
	bool again;
	enum policy_stop stop;
	int64_t most;	     /* number of tries allowed, for POLICY_SPENT and POLICY_SITE_SPENT */
	int64_t tries, site; /* tries used up, including the next one */
	int64_t delay_s;
	struct strs options; /* options that change, as "--time=1:30:00"; may be empty */
};
void policy_next_release(struct policy_next *next);

/*
 * Decides what follows a failure with that reason (and exit code, for REASON_EXIT).
 * restartable: failures that the site causes are retried even if `retry` does not ask for it.
 * BOOT_FAIL counts as NODE_FAIL. LOST, DEADLINE and cancelled jobs are never retried: the job
 * may still run, no time is left, or the user does not want it.
 *
 * Time grows from --time, memory from the last of --mem, --mem-per-cpu and --mem-per-gpu. A
 * limit cannot grow if it is at its ceiling, is not a limit, or is not known. If that limit
 * caused the failure, the job is not retried.
 */
void policy_decide(const struct sweep_retry *retry, bool restartable, int reason, int exit_code,
		   const struct policy_have *have, struct policy_next *next);

/* Returns the longest delay of all rules, in seconds. */
int64_t policy_longest_delay(const struct sweep_retry *retry);

/* Returns lines of options in which those of change replace options of the same kind; NULL if
 * there are none. lines may be NULL. The caller frees the result. */
char *policy_merge(const char *lines, const struct strs *change);

/* Returns the value of the last option of that name ("--exclude"), borrowed from options; NULL
 * if there is none. */
const char *policy_option(const struct strs *options, const char *name);

#endif
