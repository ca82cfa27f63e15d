/*
 * sweep_read.h - a YAML document to a struct sweep.
 */
#ifndef SLURMQ_SWEEP_READ_H
#define SLURMQ_SWEEP_READ_H

#include "lib/complaint.h"
#include "sweep/doc.h"
#include "sweep/sweep.h"

/* Takes doc, which the sweep owns from now on. Never NULL; where *list has errors the sweep is good
 * for sweep_free() alone. */
struct sweep *sweep_read(struct doc *doc, const char *dir, struct complaint_list *list);

#endif
