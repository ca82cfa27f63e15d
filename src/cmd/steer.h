/*
 * steer.h - what commands share that change jobs which a command line selects: cancel, hold, release, retry.
 */
#ifndef SLURMQ_STEER_H
#define SLURMQ_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/cmd.h"
#include "cmd/select.h"
#include "lib/buf.h"

/* Options of a command that has no others. */
struct steer_args {
	const char *states;
	bool yes;
};
extern const struct opt steer_opts[];

/* Select jobs by the arguments and by -s (states, or NULL), as far as they are in one of the states allowed (bits
 * 1 << state). *ids are sorted; the caller releases them in any case. *everything: the arguments select all jobs in
 * all states; may be NULL. */
int steer_select(struct cmd_ctx *ctx, int argc, char **argv, const char *states, unsigned allowed,
		 struct ids *ids, bool *everything, struct err *err);

/* cmd_confirm() if there are more than a thousand: "VERB 1001 jobs". */
int steer_confirm_many(struct cmd_ctx *ctx, bool yes, const char *verb, size_t n, struct err *err);

/* One change of the user's for each job, in slices, each under the queue lock and in one transaction. */
struct steer_change {
	/* Called between db_begin() and db_commit(). */
	int (*one)(struct db *db, int64_t id, void *arg, int *changed, struct err *err);
	/* After the commit, the queue lock still held; may be NULL. ids are sorted. */
	int (*after)(struct cmd_ctx *ctx, const int64_t *ids, size_t n, void *arg, struct err *err);
	void *arg;
};
int steer_change(struct cmd_ctx *ctx, const struct ids *ids, const struct steer_change *change,
		 int64_t *changed, struct err *err);

/* Attempts of jobs that are cancelled or held, which Slurm must be told to end. */
struct steer_undo {
	int request;	     /* REQUEST_CANCEL, or REQUEST_HOLD: what has started goes on */
	struct strs running; /* ids in Slurm for scancel: of what has started, */
	struct strs queued;  /* and of what waits in Slurm and can never start */
	size_t unnamed;	     /* attempts without an id: sbatch's answer is not there */
};
/* An after function, arg being a struct steer_undo: take back the rights of those with the request, and add their ids. */
int steer_take_back(struct cmd_ctx *ctx, const int64_t *ids, size_t n, void *arg, struct err *err);
/* scancel of all ids, after the queue lock is free again. */
int steer_scancel(const struct steer_undo *undo, struct err *err);
void steer_undo_release(struct steer_undo *undo);

#endif
