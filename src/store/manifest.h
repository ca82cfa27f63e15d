/*
 * manifest.h - the file manifests/T: what each task of a submission runs; written once.
 *
 * Task i reads the head, its own record and the long words that it shares with others, at offsets
 * from the index: a task of a thousand does not read the other 999.
 */
#ifndef SLURMQ_MANIFEST_H
#define SLURMQ_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "store/folder.h"
#include "sweep/sweep.h"

/* The part that all tasks of a submission share. */
struct manifest_head {
	char *sweep;
	int64_t version;
	char *chdir;	     /* folder in which the steps run; NULL: the job's own */
	bool chained;	     /* submitted by a job, not by a user's command */
	int64_t kill_wait_s; /* from TERM to KILL at a time limit; -1: unknown */
	char *checkpoint; /* signal sent to the command near the time limit ("USR1"); NULL: none */
	char *setup;	  /* place of `setup` in the sweep file, FILE:LINE; NULL: none */
	int64_t notice_s; /* seconds from Slurm's notice to the time limit; 0: the default */
	char *script;	  /* file below .slurmq to execute for a sweep with `script`; NULL: none */
};

struct manifest_step {
	char *name, *key;
	struct strs argv, vars, params, needs;
	int on_fail; /* enum plan_on_fail */
	bool done;   /* completed in an earlier attempt */
};

struct manifest_task {
	struct manifest_head head;
	int64_t job, attempt;
	int64_t number;	    /* 1 for a job's first attempt */
	struct strs params; /* NAME=VALUE, in the file's order */
	struct strs env;    /* NAME=VALUE */
	char *title;	    /* NULL: none */
	struct manifest_step *steps;
	size_t nsteps;
};
void manifest_task_release(struct manifest_task *t);

/* A manifest being written; a zeroed one is empty. */
struct manifest_writer {
	struct strs tasks; /* encoded; may hold NUL bytes, so lens has their lengths */
	size_t *lens;
	struct strs shared; /* long words, each once */
};
/* Adds the next task; done holds the keys of completed steps, sorted by strcmp. */
void manifest_add(struct manifest_writer *w, int64_t job, int64_t attempt, int64_t number,
		  const struct sweep_point *point, const struct plan *plan,
		  const struct strs *done);
/* Appends the whole text of the manifest to *out. */
void manifest_encode(const struct manifest_writer *w, const struct manifest_head *head,
		     struct buf *out);
void manifest_writer_release(struct manifest_writer *w);

/* Writes manifests/T. It is durable after manifest_sync(). */
int manifest_write(struct folder *sp, uint64_t submission, const struct manifest_writer *w,
		   const struct manifest_head *head, struct err *err);
int manifest_sync(struct folder *sp, uint64_t submission, struct err *err);
/* Reads a task. Returns FOLDER_NONE if there is no such manifest (its attempts are closed) or
 * task. Waits up to 10 s for a manifest that is cut short, which a network file system may
 * complete late, or that cannot be read. The caller releases *out. */
int manifest_read(struct folder *sp, uint64_t submission, int task, struct manifest_task *out,
		  struct err *err);
int manifest_remove(struct folder *sp, uint64_t submission, struct err *err);
/* Returns the age of the manifest's file in ms, or -1 if there is none. */
int64_t manifest_age(struct folder *sp, uint64_t submission);
/* Lists the names of all manifests. The caller frees *v. */
int manifest_list(struct folder *sp, uint64_t **v, size_t *n, struct err *err);

/* Parses a manifest's name from a command line: 16 hex digits. Returns -1 for any other text. */
int manifest_name_parse(const char *text, uint64_t *submission);

#endif
