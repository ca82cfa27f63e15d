/*
 * manifest.h - what the tasks of a submission run: manifests/T, written once, read by each task.
 *
 * Task i reads the head, its own record and the long words that it shares with others, at offsets
 * that the head tells: a task of a thousand does not read the other 999.
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

/* What all tasks of a submission share. */
struct manifest_head {
	char *sweep;
	int64_t version;
	char *chdir;	     /* where the steps run; NULL: where sbatch put the job */
	bool chained;	     /* submitted by a job that ended or began, not by a person */
	int64_t kill_wait_s; /* from TERM to KILL at a time limit; -1: unknown */
	char *checkpoint;    /* signal that the command gets near its limit ("USR1"); NULL: none */
	char *script; /* file below .slurmq to execute for a sweep with `script`; NULL: none */
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

/* Put a manifest together. Zeroed is empty. */
struct manifest_writer {
	struct strs tasks; /* encoded; may hold NUL: lengths beside */
	size_t *lens;
	struct strs shared; /* long words, each once */
};
/* Add the next task: done holds the keys of completed steps, sorted by strcmp. */
void manifest_add(struct manifest_writer *w, int64_t job, int64_t attempt, int64_t number,
		  const struct sweep_point *point, const struct plan *plan,
		  const struct strs *done);
/* The whole text. */
void manifest_encode(const struct manifest_writer *w, const struct manifest_head *head,
		     struct buf *out);
void manifest_writer_release(struct manifest_writer *w);

/* Write it as manifests/T. It is durable after manifest_sync(). */
int manifest_write(struct folder *sp, uint64_t submission, const struct manifest_writer *w,
		   const struct manifest_head *head, struct err *err);
int manifest_sync(struct folder *sp, uint64_t submission, struct err *err);
/* FOLDER_NONE where there is no such manifest (its attempts are closed), or no such task. A
 * manifest that is cut short is waited for, 10 s at most, since a network file system may show
 * it late, and so is one that can't be read just now. */
int manifest_read(struct folder *sp, uint64_t submission, int task, struct manifest_task *out,
		  struct err *err);
int manifest_remove(struct folder *sp, uint64_t submission, struct err *err);
/* Age of the manifest's file, in ms; -1 where there is none. */
int64_t manifest_age(struct folder *sp, uint64_t submission);
/* Manifests that are there now: their names. *v given: free(). */
int manifest_list(struct folder *sp, uint64_t **v, size_t *n, struct err *err);

/* A manifest's name on a command line: 16 hex digits. -1 where it is none. */
int manifest_name_parse(const char *text, uint64_t *submission);

#endif
