/*
 * convert.h - a folder .slurmq of slurmq 0.1 becomes one of this version.
 *
 * 0.1 had other names: the folders tickets, ready, spool and retired, the lock file gate, and columns and settings of
 * the database. Its jobs run its own binary, so nothing of it may be in flight.
 */
#ifndef SLURMQ_CONVERT_H
#define SLURMQ_CONVERT_H

#include <stdbool.h>

#include "lib/err.h"

/* Returns whether the folder dir has a part that only slurmq 0.1 made. */
bool convert_is_due(const char *dir);

/* Convert it, after a backup of the database to jobs.db.0.1. A process that dies meanwhile leaves a folder that the
 * next call converts to its end. Refused with the reason, and left as it is, if one of its jobs is in Slurm or has
 * left a record that the database lacks, or if another process holds its lock. */
int convert_folder(const char *dir, const char *id, struct err *err);

#endif
