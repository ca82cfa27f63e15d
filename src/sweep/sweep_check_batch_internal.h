/* sweep_check_batch_internal.h - shared by the checks of texts and those of a batch script. */
#ifndef SLURMQ_SWEEP_CHECK_BATCH_INTERNAL_H
#define SLURMQ_SWEEP_CHECK_BATCH_INTERNAL_H

#include "lib/complaint.h"
#include "sweep/doc.h"
#include "sweep/sweep.h"

/* A text that is checked: a scalar of the sweep file, or a whole file. */
struct source {
	const struct sweep *sweep;
	struct complaint_list *list;
	const struct node *node; /* NULL: a file */
	const char *text;
	size_t len;
};

/* Returns the place of a byte of the text. */
struct pos batch_find_place(const struct source *s, size_t offset);
/* Refuses the variables of job arrays, and warns about others that a job of slurmq does not have. */
void batch_check_variables(const struct source *s);
/* Warns about commands of Slurm that do not have the effect that they seem to be used for. A
 * shell_command_fn; arg is the struct source. */
void batch_warn_command(void *arg, const struct strs *words, size_t offset);

#endif
