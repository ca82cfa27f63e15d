/*
 * sweep.h - a sweep as read from its file, its jobs in order, and the plan of each job. Pure
 * functions without I/O. sweepfile.c fills a struct sweep; the functions here never change it.
 */
#ifndef SLURMQ_SWEEP_H
#define SLURMQ_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct sweep; /* defined in sweep_internal.h, only for the files that fill and read it */

struct sweep_param {
	const char *name, *value;
	bool drawn; /* a random draw: its text is not part of the job's identity */
};

/* The parameters of one job, in the order of the file. */
struct sweep_point {
	size_t n;
	struct sweep_param *params;
	const char *variant; /* NULL: none */
	const char *seed;    /* seed of its draws; NULL: none */
	int64_t sample;	     /* index of its draws; -1: none */
};

/* Iterates over the jobs in order, that of the file or a random one, as the file says; the whole
 * list is never in memory. Start with a zeroed struct, and release it at the end. */
struct sweep_iter {
	const struct sweep *sweep;
	void *state;
};
void sweep_iter_init(struct sweep_iter *it, const struct sweep *sweep);
/* Returns 1 and the next job in *point (borrowed until the next call), 0 after the last job, or
 * -1 with err. Excluded jobs are skipped. Equal jobs are not merged, because that needs the
 * store. */
int sweep_iter_next(struct sweep_iter *it, struct sweep_point *point, struct err *err);
void sweep_iter_release(struct sweep_iter *it);

/* Counts the jobs of the whole product before exclusion, with includes. Returns -1 if the
 * number overflows or is above max. */
int sweep_count_max(const struct sweep *sweep, uint64_t max, uint64_t *n, struct err *err);
/* Sets the number of jobs above which sweepfile_load_files() refuses a sweep, before it makes
 * the values of ranges. */
void sweep_limit_jobs(struct sweep *sweep, uint64_t most);

/* Adds the text that identifies a job: the name of the sweep, then sorted name=value pairs,
 * each NUL-terminated. A value equal to the default of its axis is omitted. For draws, seed and
 * index replace the drawn pairs: "@seed=821" and "@sample=3". Variant, let, commands and
 * resources are not part of it. */
void sweep_identity_text(const struct sweep *sweep, const struct sweep_point *point,
			 struct buf *out);
/* Returns the first 64 bits, big-endian, of the SHA-256 (FIPS 180-4) of that text. */
uint64_t sweep_identity(const struct sweep *sweep, const struct sweep_point *point);

enum plan_on_fail { PLAN_STOP = 0, PLAN_CONTINUE = 1 };

struct plan_step {
	char *name; /* "train"; "run" for a sweep with `run`, "script" with `script` */
	/* names the step for ever among the steps of the job: "train", or with parameters of its
	 * own "eval eval_set=test_set_1 infer_seed=seed_206" */
	char *key;
	struct strs
		/* the command as it is executed: the words of a list; for a string bash -e -o
		 * pipefail -c TEXT NAME (bash_start.h), in which the name of the step is bash's
		 * $0, so that its errors name it. `setup` runs before either, in the same shell.
		 * For `script`: the arguments of the stored script. */
		argv;
	struct strs
		/* NAME=VALUE: variables to which the text of argv refers; the text never holds
		 * the values */
		vars;
	struct strs params; /* name=value: the parameters of the step itself */
	struct strs
		/* for people and --json: argv with values in place, a script for bash as
		 * {"bash", "-c", TEXT}, without setup */
		shown;
	struct strs needs; /* names of the steps that must be completed before */
	int on_fail;	   /* enum plan_on_fail */
};

/* The plan: what one job runs. Zeroed is empty. */
struct plan {
	struct strs sbatch; /* long options of sbatch in order: "--partition=gpu", "--exclusive" */
	struct strs env;    /* NAME=VALUE: environment of the job's processes */
	/* NAME=VALUE: variables that sbatch would set for `script`, unless env has them. They are
	 * no part of the comparison of plans: the name of the script does not count. */
	struct strs script_env;
	char *directives; /* the #SBATCH block of `script`, from directives_copy() */
	char *title;	  /* NULL: none */
	struct plan_step *steps;
	size_t nsteps;
};

/* Makes the plan of job job_id with these parameters. The point may come from the store: names
 * that the sweep does not know are kept (for the environment). A missing parameter gets the
 * default of its axis; if there is none, that is an error which names it. The caller releases
 * *plan. */
int sweep_plan(const struct sweep *sweep, const struct sweep_point *point, int64_t job_id,
	       struct plan *out, struct err *err);
void plan_release(struct plan *plan);

/* Returns the default of a parameter's axis; NULL if it has none. */
const char *sweep_default(const struct sweep *sweep, const char *variant, const char *name);
/* Returns whether the options for sbatch are the same for every job: no placeholder, override
 * or variant changes them. */
bool sweep_sbatch_uniform(const struct sweep *sweep);

const char *sweep_name(const struct sweep *sweep);
/* Returns the absolute path of the batch script that `script` names; NULL if there is none. */
const char *sweep_script_path(const struct sweep *sweep);
/* Returns the text of that script, as read by sweepfile_load_files() or set by
 * sweep_set_script(); NULL if there is none. */
const char *sweep_script_text(const struct sweep *sweep);
void sweep_set_script(struct sweep *sweep, const char *text);

/* The rule of `retry` for one kind of failure. */
struct sweep_retry_rule {
	bool again;	      /* retry after such a failure */
	const char *time;     /* time of the next try, "x1.5" or a time; NULL: unchanged */
	const char *max_time; /* the ceiling of time; NULL: none */
	const char *mem;      /* memory of the next try, "x2" or a size; NULL: unchanged */
	const char *max_mem;
	int64_t delay;	 /* seconds to wait before the next try */
	bool codes[256]; /* only for EXIT: the exit codes of the rule; all if ncodes is 0 */
	size_t ncodes;
};
enum sweep_retry_kind {
	RETRY_TIMEOUT,
	RETRY_OUT_OF_MEMORY,
	RETRY_NODE_FAIL,
	RETRY_PREEMPTED,
	RETRY_EXIT,
	RETRY_SIGNAL,
	RETRY_NKINDS
};
struct sweep_retry {
	bool given;  /* false: the file has no `retry` */
	int64_t max; /* number of tries beyond the first, for all kinds; -1: not set */
	struct sweep_retry_rule rules[RETRY_NKINDS];
};
const struct sweep_retry *sweep_retry(const struct sweep *sweep);
/* Returns whether the file has `restartable: true`: the site may requeue the job, and it starts
 * again. */
bool sweep_restartable(const struct sweep *sweep);
/* Returns the place of `setup`, as FILE:LINE; NULL if there is none. The caller frees it. */
char *sweep_setup_place(const struct sweep *sweep);
/* Returns the signal that `checkpoint` names for the command ("USR1"); NULL if there is none. */
const char *sweep_checkpoint(const struct sweep *sweep);
/* Returns how many seconds before the time limit a job gets that signal; 0 if not set. */
int sweep_notice_s(const struct sweep *sweep);

/* Returns how many jobs of the sweep may be in Slurm at once; 0: the file has no limit of its
 * own. */
int64_t sweep_limit(const struct sweep *sweep);

void sweep_free(struct sweep *sweep); /* sweep may be NULL */

#endif
