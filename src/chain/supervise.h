/*
 * supervise.h - run one attempt: take its right, run its steps, forward signals, keep its journal.
 *
 * Needs no database: what it has to tell lies in outbox/ when it returns (journal_file_post()).
 */
#ifndef SLURMQ_SUPERVISE_H
#define SLURMQ_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/folder.h"

struct supervise_opts {
	struct folder *folder;
	const char *dir;     /* the folder .slurmq, absolute */
	uint64_t submission; /* the manifest */
	int task;	     /* SLURM_ARRAY_TASK_ID, or 0 */
	int log;	     /* headings and remarks go to this descriptor */
	const char *root;    /* where /proc and /sys are; NULL: there */
	/* What is executed as a child of its own soon after the start and then on a timer, so that no refill
	 * stands in a command's way: an argv, found as it stands; NULL: none. */
	const char *const *tick;
	int64_t tick_first_ms, tick_every_ms;
	/* Called before the right is taken, if jobs were cancelled in Slurm and the hold-off is over (cancel.h): to see to
	 * the decision. False: there is none. NULL: the same. */
	bool (*decide)(void *arg);
	void *decide_arg;
};

enum supervise_outcome {
	SUPERVISE_ENDED, /* the steps came to their end, however */
	SUPERVISE_SPENT, /* no right, or no manifest: somebody else has run this, or it was taken back */
	SUPERVISE_GIVEN_BACK, /* jobs were cancelled in Slurm, and no decision came: pending again */
	SUPERVISE_REQUEUED, /* the site started this job again: the attempt is closed as PREEMPTED */
};

struct supervise_result {
	enum supervise_outcome outcome;
	int exit_status; /* for the process: that of the step that failed, 128 + signal, or 0 */
	bool refill;	 /* the chain goes on: not where its owner cancelled it */
	char event[FOLDER_NAME_SIZE]; /* name of what lies in outbox/, "" where nothing */
	int tick_pid;		      /* a tick that still runs, or 0 */
};

/* Signals must be blocked (proc_signals_block()) by the caller, before anything else. -1 with err where the
 * attempt could not be started (the right is left as it is) or its end could not be written. */
int supervise(const struct supervise_opts *o, struct supervise_result *r, struct err *err);

#endif
