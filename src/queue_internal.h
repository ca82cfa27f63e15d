/* queue_internal.h - what queue*.c share. Nobody else includes it. */
#ifndef SLURMQ_QUEUE_INTERNAL_H
#define SLURMQ_QUEUE_INTERNAL_H

#include "queue.h"
#include "slurm.h"
#include "spool.h"
#include "sweep.h"
#include "ticket.h"

/* ---- queue_claim.c ---- */

/* One sbatch to come. */
struct batch {
	struct db_submission sub;
	struct db_job *jobs;
	size_t njobs;
	struct strs options; /* "--long=value" */
	char *directives;
	char *sweep_name;
	int64_t sweep;
	char *chdir;
	bool uniform;	 /* every job of the sweep has these options */
	bool env_stored; /* for this very submission */
	char *group;	 /* what its jobs have in common, as text */
	struct ticket_writer ticket;
	struct plan *plans; /* of each job */
};
struct batches {
	struct batch *v;
	size_t n;
};
void batches_release(struct batches *b);

/* Sweeps as parsed from the store, kept while a fill lasts. */
struct loaded {
	int64_t version;
	struct db_version row;
	struct sweep *sweep;
};
struct loader {
	struct loaded **v; /* each on its own: pointers to them stay good while others are added */
	size_t n;
};
int loader_get(struct loader *l, struct db *db, int64_t version, struct loaded **out,
	       struct err *err);
void loader_release(struct loader *l);

/* Choose up to n pending jobs, render them, group those of equal options (each group at most max_array
 * jobs). A job that can't be rendered is held, with the reason where status shows it. Changes the
 * database only for that. */
int claim_choose(struct store *store, struct loader *l, int64_t n, int64_t max_array,
		 struct batches *out, struct err *err);
/* In the open transaction: each batch gets its name and its rows are submitting. */
int claim_rows(struct store *store, struct batches *b, struct err *err);
/* After that: tickets and rights, durable on return. chained: for a job that chains. */
int claim_write(struct store *store, struct batches *b, int64_t kill_wait_s, bool chained,
		struct err *err);
/* Store environment and binary of each version that is about to be submitted, where they are missing
 * (or, renew, in any case: the environment). */
int claim_provide(struct store *store, struct batches *b, bool user, bool renew, struct err *err);
/* Take back the environment that was stored for it: nothing can be submitted with that. */
void claim_env_forget(struct store *store, const struct batch *b);

/* The sbatch of a batch: fields point into b and into *own, which is released after use. */
struct submission_text {
	char *name, *output, *script;
	struct strs env;
};
int submission_prepare(struct store *store, const struct batch *b, struct slurm_submission *s,
		       struct submission_text *own, struct err *err);
void submission_text_release(struct submission_text *own);

#endif
