/*
 * supervise.h - runs one attempt: wins its claim, runs its steps, forwards signals, writes its
 * journal.
 *
 * It needs no database: the end record lies in outbox/ when it returns (journal_file_post()).
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
	uint64_t submission; /* the manifest's id */
	int task;	     /* SLURM_ARRAY_TASK_ID, or 0 */
	int log;	     /* descriptor for headings and remarks */
	const char *root;    /* parent of proc/ and sys/ for tests; NULL: the root folder */
	/* argv of a child that runs soon after the start and then on a timer, so that no refill
	 * delays a command. argv[0] is a path, not searched on PATH. NULL: none. */
	const char *const *tick;
	int64_t tick_first_ms, tick_every_ms;
	/* Called before the claim is won, if jobs were cancelled in Slurm and the hold-off is
	 * over (cancel.h). It makes the decision and returns false if there is none. NULL counts
	 * as false. */
	bool (*decide)(void *arg);
	void *decide_arg;
};

enum supervise_outcome {
	SUPERVISE_ENDED, /* the steps ended, successfully or not */
	/* the steps ended, and the folder was removed meanwhile: no end record, no successor */
	SUPERVISE_FOLDER_REMOVED,
	/* no claim or no manifest: another process has run this, or it was revoked */
	SUPERVISE_SPENT,
	/* jobs were cancelled in Slurm, and no decision came: pending again */
	SUPERVISE_GIVEN_BACK,
	SUPERVISE_REQUEUED, /* the site started this job again: closed as PREEMPTED */
};

struct supervise_result {
	enum supervise_outcome outcome;
	int exit_status; /* of the process: that of the failed step, 128 + signal, or 0 */
	bool refill;	 /* the chain continues; false if the job was cancelled */
	char event[FOLDER_NAME_SIZE]; /* name of the record in outbox/, "" for none */
	int tick_pid;		      /* pid of a tick that still runs, or 0 */
};

/* Runs one attempt. The caller must block signals (proc_signals_block()) before anything else.
 * Returns 0 and fills *r, or -1 with err. It fails if the attempt cannot start (the claim stays
 * as it is) or its end cannot be written. */
int supervise(const struct supervise_opts *o, struct supervise_result *r, struct err *err);

#endif
