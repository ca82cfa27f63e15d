/*
 * policy.h - whether a job that failed is tried again, when, and with which options: a sweep's `retry`.
 *
 * Pure. What the site did to a job (NODE_FAIL, BOOT_FAIL, PREEMPTED) uses up none of the policy's tries; so
 * that a job which brings its node down does not go on for ever, it has POLICY_SITE_MOST of its own.
 */
#ifndef SLURMQ_POLICY_H
#define SLURMQ_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "sweep/sweep.h"

enum {
	POLICY_MAX = 3,	       /* tries beyond the first where `max` says nothing */
	POLICY_SITE_MOST = 10, /* tries for what the site did */
};

struct policy_have {
	/* "--long=value" in the order that sbatch gets them: the last of a name counts. */
	const struct strs *options;
	bool ran_so;	     /* the attempt that failed had these, so they are to grow */
	int64_t tries, site; /* used up since the user last asked for the job */
};

/* Why it is not tried again. */
enum policy_stop {
	POLICY_GOES_ON,
	POLICY_NEVER,	   /* nothing that ended like this is */
	POLICY_NOT_ASKED,  /* `retry` does not say so */
	POLICY_CODE,	   /* nor of this exit code */
	POLICY_SPENT,	   /* the policy's tries are used up */
	POLICY_SITE_SPENT, /* and those for what the site did */
	POLICY_NO_GROWTH,  /* what was too little can't grow */
};

struct policy_next {
	bool again;
	enum policy_stop stop;
	int64_t most;	     /* tries that there are: POLICY_SPENT, POLICY_SITE_SPENT */
	int64_t tries, site; /* used up then */
	int64_t delay_s;
	struct strs options; /* "--time=1:30:00": what changes, or zeroed */
};
void policy_next_release(struct policy_next *next);

/*
 * After a failure with that reason (and exit code, for REASON_EXIT). restartable: what the site did is
 * mended without a word in `retry`. BOOT_FAIL goes as NODE_FAIL does; LOST, DEADLINE and what was
 * cancelled are never tried again: it may still run, or there is no time left, or nobody wants it.
 *
 * Time grows from --time, memory from the last of --mem, --mem-per-cpu and --mem-per-gpu. A limit that
 * can't grow (it is at its ceiling, is none, or nothing says what it was) ends the tries where it was the
 * reason of the failure.
 */
void policy_decide(const struct sweep_retry *retry, bool restartable, int reason, int exit_code,
		   const struct policy_have *have, struct policy_next *next);

/* The longest delay that it asks for, in seconds. */
int64_t policy_longest_delay(const struct sweep_retry *retry);

/* Lines of options, given, with those of change in the place of their kin; NULL where there are none.
 * lines may be NULL. */
char *policy_merge(const char *lines, const struct strs *change);

/* The options of a batch script's #SBATCH lines, as "--long=value": those that are more than one word or
 * are quoted are read as sbatch(1) does, for the few that matter here. */
void policy_directives(const char *text, struct strs *out);

/* The value of the last option of that name ("--exclude"); NULL: none. */
const char *policy_option(const struct strs *options, const char *name);

#endif
