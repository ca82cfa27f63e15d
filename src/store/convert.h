/*
 * convert.h - converts a folder .slurmq of slurmq 0.1.
 *
 * slurmq 0.1 had other names: the folders tickets, ready, spool and retired, the lock file gate,
 * and columns and settings of the database. Its jobs run its own binary, so none of them may be in
 * flight.
 */
#ifndef SLURMQ_CONVERT_H
#define SLURMQ_CONVERT_H

#include <stdbool.h>

#include "lib/err.h"

/* Returns whether the folder dir has a part that only slurmq 0.1 made. */
bool convert_is_due(const char *dir);

/* Converts the folder, after a backup of its database to jobs.db.0.1. If the process dies meanwhile,
 * the next call completes the conversion. Refuses, and changes nothing, if one of its jobs is in
 * Slurm or has left a record that the database lacks, or if another process holds its lock. */
int convert_folder(const char *dir, const char *id, struct err *err);

#endif
