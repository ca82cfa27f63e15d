/*
 * steer.h - shared parts of the commands that change selected jobs: cancel, hold, release,
 * retry.
 */
#ifndef SLURMQ_STEER_H
#define SLURMQ_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/cmd.h"
#include "cmd/select.h"
#include "lib/buf.h"

/* The options of cancel and hold. */
struct steer_args {
	struct select_args select;
	bool yes, json;
};
extern const struct opt steer_opts[];

/* Selects jobs by the arguments and the options, but only jobs in one of the allowed states (bits
 * 1 << state). *ids are sorted; the caller releases them in any case.
 * *everything is set if the arguments select all jobs in all states; it may be NULL. */
int steer_select(struct cmd_ctx *ctx, int argc, char **argv, const struct select_args *opts,
		 unsigned allowed, struct ids *ids, bool *everything, struct err *err);

/* Calls cmd_confirm() for "VERB 1001 jobs" if n is more than a thousand. */
int steer_confirm_many(struct cmd_ctx *ctx, bool yes, const char *verb, size_t n, struct err *err);

/* Ends retry and release with --json: fills the queue if submit is set, and prints
 * {"WHAT":N,"submit":...}. Returns what run must return. */
int steer_print_json(struct cmd_ctx *ctx, const char *what, int64_t n, bool submit,
		     struct err *err);

/* A change of each selected job. The jobs are changed in slices: each holds the queue lock and
 * is one transaction. */
struct steer_change {
	/* Called for each job between db_begin() and db_commit(). */
	int (*one)(struct db *db, int64_t id, void *arg, int *changed, struct err *err);
	/* Called after the commit while the queue lock is still held; may be NULL. ids are
	 * sorted. */
	int (*after)(struct cmd_ctx *ctx, const int64_t *ids, size_t n, void *arg, struct err *err);
	void *arg;
};
int steer_change(struct cmd_ctx *ctx, const struct ids *ids, const struct steer_change *change,
		 int64_t *changed, struct err *err);

/* Attempts of cancelled or held jobs, which scancel must end. */
struct steer_undo {
	int request; /* REQUEST_CANCEL, or REQUEST_HOLD, which lets running attempts continue */
	struct strs running; /* Slurm ids of attempts that have started */
	struct strs queued;  /* Slurm ids of attempts that wait in Slurm and can no longer start */
	size_t unnamed;	     /* number of attempts without an id, because sbatch has not answered */
};
/* Revokes the claims of the jobs that have the request, and adds their Slurm ids to arg, a
 * struct steer_undo. This is an `after` function of steer_change(). */
int steer_revoke_claims(struct cmd_ctx *ctx, const int64_t *ids, size_t n, void *arg,
			struct err *err);
/* Runs scancel for all ids. The caller no longer holds the queue lock. */
int steer_scancel(const struct steer_undo *undo, struct err *err);
void steer_undo_release(struct steer_undo *undo);

/* What steer_cancel() did. */
struct steer_cancelled {
	int64_t jobs;	  /* that are cancelled, or will be when they end */
	int64_t dequeued; /* jobs that were removed from Slurm's queue */
	int64_t ending;	  /* running jobs that scancel ends now */
};
/* Cancels jobs as slurmq cancel does, in the store and in Slurm, and withdraws the sentinel if no
 * work is left. Returns 0, or -1 with err; *out is filled in either case. */
int steer_cancel(struct cmd_ctx *ctx, const struct ids *ids, struct steer_cancelled *out,
		 struct err *err);

#endif
