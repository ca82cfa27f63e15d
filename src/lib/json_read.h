/*
 * json_read.h - reads a flat JSON object (RFC 8259): its values are strings, numbers, true or false.
 */
#ifndef SLURMQ_JSON_READ_H
#define SLURMQ_JSON_READ_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Reads one object. Adds each name and its value to two parallel lists: a string without its quotes
 * and escapes, any other value as it is written. NaN, Infinity and -Infinity count as numbers, since
 * Python writes them. Returns -1 with err (ERR_USAGE) for any other text, with advice for a value that
 * is an object, a list or null. */
int json_read_flat(const char *text, size_t len, struct strs *names, struct strs *values,
		   struct err *err);

#endif
