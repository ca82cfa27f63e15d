/*
 * csv.h - tables as defined by RFC 4180: fields in quotes may hold commas, quotes (doubled) and
 * line breaks.
 */
#ifndef SLURMQ_CSV_H
#define SLURMQ_CSV_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/complaint.h"

struct csv_row {
	struct strs fields;
	size_t line; /* line on which the row begins, from 1 */
};

/* Zeroed is empty. */
struct csv {
	struct csv_row *rows; /* the first row is the header */
	size_t n, cap;
};

enum { CSV_FIELDS_MOST = 2000 }; /* fields in a row */

/* Parses text into rows, which end with LF or CR LF. Skips a byte order mark and empty lines at
 * the end. Adds a complaint to *list for each error: a quote that is not closed, text after a
 * closing quote, a row with another number of fields than the first, an empty line, bytes that
 * are not UTF-8, control characters, more than CSV_FIELDS_MOST fields. */
void csv_parse(struct csv *csv, const char *text, size_t len, struct complaint_list *list);
void csv_release(struct csv *csv);

/* Adds a field, in quotes if it needs them. The caller adds commas and line feeds. */
void csv_add_field(struct buf *out, const char *text);

#endif
