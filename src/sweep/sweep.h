/*
 * sweep.h - a sweep as read from its file, its jobs in order, and what each of them runs.
 *
 * Pure: no I/O. sweepfile.c fills a struct sweep; the functions here never change one.
 */
#ifndef SLURMQ_SWEEP_H
#define SLURMQ_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct sweep; /* laid out in sweep_internal.h, for the files that fill and read one alone */

struct sweep_param {
	const char *name, *value;
	bool drawn; /* a random draw: its text is no part of the job's identity */
};

/* One job's parameters, in the file's order. */
struct sweep_point {
	size_t n;
	struct sweep_param *params;
	const char *variant; /* NULL: none */
	const char *seed;    /* of its draws; NULL: none */
	int64_t sample;	     /* index of its draws; -1: none */
};

/* Jobs in order, one at a time: never the whole list in memory. A zeroed struct, released after. */
struct sweep_iter {
	const struct sweep *sweep;
	void *state;
};
void sweep_iter_init(struct sweep_iter *it, const struct sweep *sweep);
/* 1: *point is the next job (lent until the next call), 0: no more, -1: err. Excluded ones are
 * left out; equal ones are not merged: that takes the store. */
int sweep_iter_next(struct sweep_iter *it, struct sweep_point *point, struct err *err);
void sweep_iter_release(struct sweep_iter *it);

/* Size of the product before exclusion, includes counted; -1 where it overflows or is above max. */
int sweep_count_max(const struct sweep *sweep, uint64_t max, uint64_t *n, struct err *err);
/* sweepfile_load_files() is to refuse a larger one, before it makes the values of ranges. */
void sweep_limit_jobs(struct sweep *sweep, uint64_t most);

/* The text that identifies a job: sweep's name, then sorted name=value pairs, each NUL-terminated;
 * a value equal to its axis's default is left out; for draws seed and index stand in the place of
 * the drawn pairs, as "@seed=821" and "@sample=3". Variant, let, commands and resources are no part
 * of it. */
void sweep_identity_text(const struct sweep *sweep, const struct sweep_point *point,
			 struct buf *out);
/* The first 64 bits, big-endian, of SHA-256 (FIPS 180-4) of that text. */
uint64_t sweep_identity(const struct sweep *sweep, const struct sweep_point *point);

enum plan_on_fail { PLAN_STOP = 0, PLAN_CONTINUE = 1 };

struct plan_step {
	char *name;	  /* "train"; "run" for a sweep with `run`, "script" with `script` */
	char *key;	  /* names it among the job's steps for ever: "train", or with parameters of
			       its own "eval eval_set=test_set_1 infer_seed=seed_206" */
	struct strs argv; /* what to execute, final: a list's words; for a string
			       bash -e -c TEXT NAME, with the step's name as bash's $0, so that its
			       errors name it; with `setup` before either, in the same shell.
			       For `script` it is empty: the stored script is executed. */
	struct strs vars; /* NAME=VALUE that argv's text refers to: values are never text of it */
	struct strs params; /* name=value of the step's own parameters */
	struct strs shown; /* for people and --json: argv with values in place, a script for bash as
			       {"bash", "-c", TEXT}, without setup */
	struct strs needs; /* names of steps that must be completed first */
	int on_fail;	   /* enum plan_on_fail */
};

/* What one job runs. Zeroed is empty. */
struct plan {
	struct strs sbatch; /* "--partition=gpu", "--exclusive": sbatch's long options, in order */
	struct strs env;    /* NAME=VALUE for the job's processes */
	char *directives;   /* the #SBATCH block of `script`, unchanged, "" where none */
	char *title;	    /* NULL: none */
	struct plan_step *steps;
	size_t nsteps;
};

/* Render job job_id with these parameters. The point may come from the store: names that the sweep
 * does not know are kept (for the environment), a missing one takes its axis's default, else it is
 * an error that names it. */
int sweep_plan(const struct sweep *sweep, const struct sweep_point *point, int64_t job_id,
	       struct plan *out, struct err *err);
void plan_release(struct plan *plan);

/* The default of a parameter's axis; NULL: none. */
const char *sweep_default(const struct sweep *sweep, const char *variant, const char *name);
/* A sweep's options for sbatch are the same for every job (no placeholder, override or variant
 * touches them). */
bool sweep_sbatch_uniform(const struct sweep *sweep);

const char *sweep_name(const struct sweep *sweep);
/* Path of the batch script that `script` names, absolute; NULL: none. */
const char *sweep_script_path(const struct sweep *sweep);
/* Its text, as read by sweepfile_load_files() or given by sweep_set_script(); NULL: none. */
const char *sweep_script_text(const struct sweep *sweep);
void sweep_set_script(struct sweep *sweep, const char *text);

/* What `retry` says to do after a failure of one kind. */
struct sweep_retry_rule {
	bool again;	      /* try again at all */
	const char *time;     /* "x1.5", or a time: for the next try; NULL: as it is */
	const char *max_time; /* NULL: no bound */
	const char *mem;      /* "x2", or a size; NULL: as it is */
	const char *max_mem;
	int64_t delay;	 /* seconds to wait before */
	bool codes[256]; /* EXIT alone: the exit codes that it is for; all where ncodes is 0 */
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
	int64_t max; /* tries in all that it allows beyond the first; -1: not said */
	struct sweep_retry_rule rules[RETRY_NKINDS];
};
const struct sweep_retry *sweep_retry(const struct sweep *sweep);
/* `restartable: true`: the site may requeue the job, and it starts again. */
bool sweep_restartable(const struct sweep *sweep);
/* The signal that `checkpoint` names for the command ("USR1"); NULL: none. */
const char *sweep_checkpoint(const struct sweep *sweep);

void sweep_free(struct sweep *sweep); /* NULL is taken */

#endif
