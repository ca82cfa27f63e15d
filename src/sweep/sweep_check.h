/*
 * sweep_check.h - what of a sweep only shows when all of it has been read.
 */
#ifndef SLURMQ_SWEEP_CHECK_H
#define SLURMQ_SWEEP_CHECK_H

#include "lib/complaint.h"
#include "sweep/sweep.h"

/* Names, placeholders, lengths, circles: what needs no values. Where a table is named and not yet
 * read nothing is said of names, as its header may hold any. */
void sweep_check(const struct sweep *sweep, struct complaint_list *list);
/* What needs values: conditions that match nothing, lists that go together. Called once the files
 * are loaded; with names where sweep_check() could not. */
void sweep_check_values(const struct sweep *sweep, bool names, struct complaint_list *list);

#endif
