/*
 * expand.h - adds a sweep file's jobs to the store in slices; all become visible at once or not at
 * all.
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
	bool prune;	    /* delete pending jobs that the file no longer names */
	bool rerun_changed; /* retry completed jobs whose commands changed */
	void (*progress)(void *arg, int64_t done, int64_t of); /* may be NULL; of 0: unknown */
	void *progress_arg;
};

struct expand_result {
	char *sweep;
	int64_t jobs;  /* number of jobs that the file names */
	int64_t steps; /* steps of all these jobs */
	int64_t added, unchanged;
	int64_t changed; /* neither in flight nor completed; other commands or resources now */
	int64_t missing; /* in the store, no longer named in the file */
	int64_t pruned;
	int64_t merged; /* equal to an earlier one of the same file */
	int64_t left;	/* running or completed ones that keep the old commands */
	int64_t rerun;
	bool differs; /* expanding the file would change the store */
};
void expand_result_release(struct expand_result *r);

/* A sweep file that was read; the caller keeps it between reading and expanding. */
struct expand_file {
	char *name; /* as the user gave it */
	char *dir, *text;
	size_t len;
	struct sweep *sweep;
};
/* Reads and parses a sweep file, loads the files that it names, and renders its first job.
 * Returns -1 with err if anything is wrong, with all complaints in *c. Checks max_jobs (see
 * struct expand_opts) before it makes the values of ranges. The caller releases *out. */
int expand_read(const char *path, int64_t max_jobs, struct expand_file *out, struct complaints *c,
		struct err *err);
void expand_file_release(struct expand_file *f);

/* Counts the jobs and steps without a store: added equals jobs. Calls fn (may be
 * NULL) for each job with its number from 1. */
int expand_dry(const struct expand_file *f, const struct expand_opts *opts,
	       int (*fn)(void *arg, int64_t n, const struct sweep_point *point,
			 const struct plan *plan),
	       void *arg, struct expand_result *r, struct err *err);

/* How a job of the file, or of the store, relates to the other. */
enum expand_kind {
	EXPAND_NEW,
	EXPAND_UNCHANGED,
	EXPAND_CHANGED, /* it would get new commands or resources */
	EXPAND_KEPT,	/* running or completed with other commands or resources */
	EXPAND_MISSING, /* the file does not name it */
	EXPAND_NKINDS,
};
/* Compares the file with the store and changes neither. Fills *r as expand_store() would, without
 * the jobs that prune or rerun_changed affect. Calls fn (may be NULL) for each job of the file with
 * its number from 1, its plan, and its id (0: EXPAND_NEW); then for each job that the file does not
 * name, with number 0 and without a plan. */
int expand_compare(struct store *store, const struct expand_file *f, const struct expand_opts *opts,
		   int (*fn)(void *arg, enum expand_kind kind, int64_t n, int64_t id,
			     const struct sweep_point *point, const struct plan *plan),
		   void *arg, struct expand_result *r, struct err *err);

/* Expands into the store. Waits up to a minute for another expand, then fails with ERR_AGAIN. */
int expand_store(struct store *store, const struct expand_file *f, const struct expand_opts *opts,
		 struct expand_result *r, struct err *err);

#endif
