/*
 * sweep_check_batch.h - checks of commands and batch scripts that were written for sbatch: options
 * that slurmq sets itself, variables of job arrays, calls of sbatch. Only for a file that is expanded:
 * jobs that the store holds go on with what they have.
 */
#ifndef SLURMQ_SWEEP_CHECK_BATCH_H
#define SLURMQ_SWEEP_CHECK_BATCH_H

#include "lib/complaint.h"
#include "sweep/sweep.h"

/* Checks the texts of the sweep file itself. */
void sweep_check_commands(const struct sweep *sweep, struct complaint_list *list);
/* Checks the batch script that `script` names: the complaints are about that file. */
void sweep_check_batch_script(const struct sweep *sweep, const char *text, size_t len,
			      struct complaint_list *list);

/* A file that a command of `run` or `setup` executes, as written. */
struct sweep_executed {
	char *path;
	struct pos pos;
	char *as_script; /* what to write: "[job.sh, \"{lr}\"]"; NULL: it is in `setup` */
};
struct sweep_executed_list {
	struct sweep_executed *v;
	size_t n, cap;
};
/* Lists the files that the commands of the sweep may execute; some may not exist. */
void sweep_list_executed(const struct sweep *sweep, struct sweep_executed_list *out);
/* Warns if that file has #SBATCH lines. */
void sweep_check_executed(const struct sweep_executed *e, const char *text,
			  struct complaint_list *list);
void sweep_executed_release(struct sweep_executed_list *l);

#endif
