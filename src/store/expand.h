/*
 * expand.h - a sweep file's jobs into the store, in slices, seen all at once or not at all.
 */
#ifndef SLURMQ_EXPAND_H
#define SLURMQ_EXPAND_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/store.h"
#include "sweep/sweep.h"
#include "sweep/sweepfile.h"

struct expand_opts {
	int64_t max_jobs;   /* 0: 5,000,000 */
	bool prune;	    /* pending ones that the file no longer names go */
	bool rerun_changed; /* completed ones whose commands changed: pending again */
	void (*progress)(void *arg, int64_t done, int64_t of); /* may be NULL; of 0: unknown */
	void *progress_arg;
};

struct expand_result {
	char *sweep;
	int64_t jobs;  /* that the file names */
	int64_t steps; /* of all of them */
	int64_t added, unchanged;
	int64_t changed; /* not running or completed, and take other commands or resources now */
	int64_t missing; /* in the store, no longer named */
	int64_t pruned;
	int64_t merged; /* equal to an earlier one of the same file */
	int64_t left;	/* running or completed ones that keep the old commands */
	int64_t rerun;
};
void expand_result_release(struct expand_result *r);

/* What was read of a sweep file: kept by the caller between reading and expanding. */
struct expand_file {
	char *name; /* as the user gave it */
	char *dir, *text;
	size_t len;
	struct sweep *sweep;
};
/* Read, parse, load the files it names, and render its first job: -1 with err where anything is
 * wrong, all complaints in *c. max_jobs as in struct expand_opts: checked before the values of
 * ranges are made. */
int expand_read(const char *path, int64_t max_jobs, struct expand_file *out, struct complaints *c,
		struct err *err);
void expand_file_release(struct expand_file *f);

/* Count its jobs and steps without a store: added is the count, the rest 0. Calls fn (may be
 * NULL) for each job with its number from 1. */
int expand_dry(const struct expand_file *f, const struct expand_opts *opts,
	       int (*fn)(void *arg, int64_t n, const struct sweep_point *point,
			 const struct plan *plan),
	       void *arg, struct expand_result *r, struct err *err);

/* Into the store. One expand at a time: a second waits a minute, then ERR_AGAIN. */
int expand_store(struct store *store, const struct expand_file *f, const struct expand_opts *opts,
		 struct expand_result *r, struct err *err);

#endif
