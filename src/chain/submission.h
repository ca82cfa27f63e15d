/*
 * submission.h - one sbatch: its manifest and claims, script, environment and output.
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

/* One sbatch to be run. */
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
	char *checkpoint; /* name of a signal; NULL: none */
	char *setup;	  /* place of `setup` in the sweep file; NULL: none */
	char *script;	  /* the stored batch script, a path below the folder; NULL: none */
	int notice_s;	  /* seconds from Slurm's notice to the time limit; 0: the default */
	/* value of --exclude, including the breaker's nodes; NULL: only the user's options apply */
	char *exclude;
	bool env_stored; /* the environment was stored for this submission */
	char *group;	 /* what the jobs of the batch have in common, as text */
	struct limit_group *limit_group;
	struct manifest_writer manifest;
	struct plan *plans; /* one per job */
};
struct batches {
	struct batch *v;
	size_t n;
	char *full_sweep; /* a sweep of which more jobs are pending than its own limit allows */
};
void batches_release(struct batches *b);

/* Renders the manifest of each batch. Call it after claim_ids_assign(). Returns 0, or -1 with
 * err. */
int submission_manifests_render(struct store *store, struct batches *b, struct err *err);
/* Writes manifests and claims and makes them durable. Call it after
 * submission_manifests_render(). If it fails, the written files belong to no row. chained:
 * the submitted jobs continue the chain. kill_wait_s: slurm.conf's KillWait, -1 if unknown. */
int submission_files_write(struct store *store, const struct batches *b, int64_t kill_wait_s,
			   bool chained, struct err *err);

/* Stores the missing binary of each version that is about to be submitted. If user is set, it
 * also stores the missing environment (with renew: replaces it). The environment is that of the
 * sweep's earlier submission, else the caller's. */
int submission_provide(struct store *store, struct batches *b, bool user, bool renew,
		       struct err *err);
/* Stores the same environment for every sweep with pending jobs (renew: with any job that is not
 * completed), because later jobs submit them. Does nothing on a host without sbatch. */
int submission_environments_keep(struct store *store, bool renew, struct err *err);
/* Removes the environment that was stored for the batch, because sbatch cannot submit with it. */
void submission_environment_forget(struct store *store, const struct batch *b);

/* Fills env with the environment of a version's sbatch. Appends to options those that come
 * before the sweep's options. Both start zeroed; the caller releases them. */
int submission_environment_get(struct store *store, int64_t version, struct strs *env,
			       struct strs *options, struct err *err);
/* Returns a script that executes that version's binary with these arguments. directives: lines
 * of #SBATCH, "" for none; remark: describes the job. The caller frees it. */
char *submission_script_make(const struct store *store, int64_t version, const struct strs *env,
			     const char *directives, const char *remark, const char *arguments);
/* Returns a path for sbatch's --output, with each '%' doubled (sbatch(1), filename pattern). The
 * caller frees it. */
char *submission_output_escape(const char *path);

/* Text of a batch's sbatch. submission_prepare() fills s with pointers into b and *own; the
 * caller releases *own after use. */
struct submission_text {
	char *name, *output, *script;
	struct strs env, options;
};
int submission_prepare(struct store *store, const struct batch *b, struct slurm_submission *s,
		       struct submission_text *own, struct err *err);
void submission_text_release(struct submission_text *own);

#endif
