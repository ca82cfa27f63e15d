/*
 * output.h - standard output, or a file that the user names, which is complete or as before.
 */
#ifndef SLURMQ_OUTPUT_H
#define SLURMQ_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/err.h"

struct output {
	FILE *file;
	char *path, *temporary; /* temporary: written now, renamed to path at the end; NULL: none */
};

/* Opens standard output if path is NULL. Otherwise a temporary file in the folder of path, which
 * output_close() renames: so no reader finds half a file. A file that is no regular one (a FIFO, a
 * terminal) is opened itself. */
int output_open(struct output *o, const char *path, struct err *err);
/* If keep is set, completes the file, durably; otherwise removes what was written. Does not close
 * standard output, whose errors are found at the end of the process. Fails if a write failed. */
int output_close(struct output *o, bool keep, struct err *err);

#endif
