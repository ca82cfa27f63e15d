/*
 * submission.h - one sbatch: its manifest and rights, script, environment and output.
 */
#ifndef SLURMQ_SUBMISSION_H
#define SLURMQ_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/limit_group.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/slurm.h"
#include "store/db.h"
#include "store/store.h"
#include "store/manifest.h"
#include "sweep/sweep.h"

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
	bool restartable;
	char *checkpoint; /* a signal's name, NULL: none */
	char *exclude;	  /* for --exclude, with nodes that look bad; NULL: as the options say */
	bool env_stored;  /* for this very submission */
	char *group;	  /* what its jobs have in common, as text */
	struct limit_group *limit_group;
	struct manifest_writer manifest;
	struct plan *plans; /* of each job */
};
struct batches {
	struct batch *v;
	size_t n;
};
void batches_release(struct batches *b);

/* After claim_ids_assign(): what each batch's manifest says. */
int submission_manifests_render(struct store *store, struct batches *b, struct err *err);
/* After that: manifests and rights are written and made durable. What is left of them where that fails is nobody's.
 * chained: for a job that chains; kill_wait_s: slurm.conf's KillWait, -1 where it is not known. */
int submission_files_write(struct store *store, const struct batches *b, int64_t kill_wait_s,
			   bool chained, struct err *err);

/* Store binary and, for a person (renew: in any case), environment of each version that is about to be submitted,
 * where they are missing: what its sweep was submitted with before, else the caller's. */
int submission_provide(struct store *store, struct batches *b, bool user, bool renew,
		       struct err *err);
/* The same environment for every sweep with pending jobs (renew: with any that are not completed), which others will
 * submit: nothing of one where there is no sbatch. */
int submission_environments_keep(struct store *store, bool renew, struct err *err);
/* Take back the environment that was stored for it: nothing can be submitted with that. */
void submission_environment_forget(struct store *store, const struct batch *b);

/* What an sbatch of slurmq's own is made of, for a version of a sweep: its environment, and, in front of
 * options, what comes before those of the sweep. Both zeroed. */
int submission_environment_get(struct store *store, int64_t version, struct strs *env,
			       struct strs *options, struct err *err);
/* Its script: executes that version's binary with these arguments. directives: lines of #SBATCH, "" where
 * there are none; remark: what the job is. Given. */
char *submission_script_make(const struct store *store, int64_t version, const struct strs *env,
			     const char *directives, const char *remark, const char *arguments);
/* A path as sbatch's --output takes it: a '%' doubled (sbatch(1), filename pattern). Given. */
char *submission_output_escape(const char *path);

/* The sbatch of a batch: fields point into b and into *own, which is released after use. */
struct submission_text {
	char *name, *output, *script;
	struct strs env, options;
};
int submission_prepare(struct store *store, const struct batch *b, struct slurm_submission *s,
		       struct submission_text *own, struct err *err);
void submission_text_release(struct submission_text *own);

#endif
