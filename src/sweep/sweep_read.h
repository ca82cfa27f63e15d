/*
 * sweep_read.h - converts a YAML document to a struct sweep.
 */
#ifndef SLURMQ_SWEEP_READ_H
#define SLURMQ_SWEEP_READ_H

#include "lib/complaint.h"
#include "sweep/doc.h"
#include "sweep/sweep.h"

/* Reads a document; the sweep owns doc from then on. Never returns NULL. If *list has errors,
 * the sweep is valid only for sweep_free(). */
struct sweep *sweep_read(struct doc *doc, const char *dir, struct complaint_list *list);

#endif
