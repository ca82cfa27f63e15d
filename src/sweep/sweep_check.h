/*
 * sweep_check.h - checks that need the whole sweep.
 */
#ifndef SLURMQ_SWEEP_CHECK_H
#define SLURMQ_SWEEP_CHECK_H

#include "lib/complaint.h"
#include "sweep/sweep.h"

/* Checks what needs no values: names, placeholders, lengths, circles. If the sweep names a
 * table that is not read yet, names are not checked, because the header of the table may define
 * any name. */
void sweep_check(const struct sweep *sweep, struct complaint_list *list);
/* Checks what needs values: conditions that match nothing, lists that advance together. Called
 * after the files are loaded; names: also check the names, which sweep_check() could not. */
void sweep_check_values(const struct sweep *sweep, bool names, struct complaint_list *list);

#endif
