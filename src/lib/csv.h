/*
 * csv.h - tables as of RFC 4180: fields in quotes may hold commas, quotes (doubled) and line breaks.
 */
#ifndef SLURMQ_CSV_H
#define SLURMQ_CSV_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/complaint.h"

struct csv_row {
	struct strs fields;
	size_t line; /* where it begins, 1-based */
};

/* Zeroed is empty. */
struct csv {
	struct csv_row *rows; /* the first is the header */
	size_t n, cap;
};

enum { CSV_FIELDS_MOST = 2000 }; /* in a row */

/* Rows of text; LF or CR LF; a byte order mark and empty lines at the end are passed over. What is
 * wrong goes to *list: a quote that is not closed, text behind one, rows of another length than the
 * first, an empty line, bytes that are not UTF-8, control characters, more fields than that. */
void csv_parse(struct csv *csv, const char *text, size_t len, struct complaint_list *list);
void csv_release(struct csv *csv);

#endif
