/*
 * schema.h - what the option --json of each command prints, as a JSON Schema (draft-07, as the schema of
 * sweep files). For a command that prints a document per line, the schema is that of one line.
 */
#ifndef SLURMQ_SCHEMA_H
#define SLURMQ_SCHEMA_H

#include "lib/buf.h"
#include "lib/err.h"

/* Adds the schema of a command's documents, followed by a line feed. Returns 0, or -1 with err
 * (ERR_USAGE): the command prints none. */
int schema_add(const char *command, struct buf *out, struct err *err);

#endif
