/*
 * sweep_warn.h - warnings about what slurmq accepts, but what probably is a mistake. Each costs
 * time by the text of the file and by the distinct values, never by the number of jobs.
 */
#ifndef SLURMQ_SWEEP_WARN_H
#define SLURMQ_SWEEP_WARN_H

#include <stdbool.h>

#include "lib/complaint.h"
#include "sweep/sweep.h"

/* Warns about values of sbatch that sbatch would refuse by their form, also if they come from
 * parameters. Needs the values of the axes. */
void sweep_warn_forms(const struct sweep *sweep, struct complaint_list *list);

/* Warns if a command with this time limit, a value of sbatch's --time, gets the signal of
 * `checkpoint` at its start. Returns whether it warned. */
bool sweep_warn_notice(const struct sweep *sweep, const char *limit, struct pos pos,
		       struct complaint_list *list);

/* Warns about texts that no shell reads, although they seem to be written for one: $NAME and ~ in
 * env, sbatch and a list `run`, and a first word of such a list with blanks. */
void sweep_warn_unread(const struct sweep *sweep, struct complaint_list *list);

/* Warns about parameters and lets that nothing uses, and about their names in texts where they are
 * no placeholders: $lr, {lr:.2f}, {{ lr }}. Needs the names of tables and the text of `script`. */
void sweep_warn_names(const struct sweep *sweep, struct complaint_list *list);

#endif
