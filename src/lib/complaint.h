/*
 * complaint.h - complaints about a file: collected first, then printed in the order of the
 * file.
 */
#ifndef SLURMQ_COMPLAINT_H
#define SLURMQ_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

/* Complaints as lines, in the order of the file: "sweep.yaml:3:1: error: unknown key
 * 'paramters', did you mean 'params'?". Lines and columns count from 1. Zeroed is empty. */
struct complaints {
	struct strs lines;
	struct complaint_source *sources; /* as many as lines */
	size_t errors, warnings;
};
/* The line of the file that a complaint is about, for people. */
struct complaint_source {
	char *text; /* NULL: the complaint is about the file as a whole, or the line is very long */
	size_t line, col;
};
void complaints_release(struct complaints *c);

/* A place in a file: line and column count from 1, columns in characters. Line 0 is the file as
 * a whole. */
struct pos {
	size_t line, col;
};

struct complaint {
	struct pos pos;
	size_t nth; /* keeps the order of complaints at one place */
	bool warning;
	char *text;
};

/* The complaints about one file, in the order in which they were found. Zeroed is empty. */
struct complaint_list {
	const char *text; /* of the file, borrowed until complaint_tell(); NULL: not at hand */
	size_t len;
	struct complaint *v;
	size_t n, cap;
	size_t errors;
	size_t more; /* complaints that are only counted, because COMPLAINT_KEPT others are kept */
};

void complaint_error(struct complaint_list *l, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void complaint_warn(struct complaint_list *l, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Moves the complaints of l to *out: sorted by place, without duplicates, as lines that begin
 * with file. After COMPLAINT_MOST complaints about a file the rest is only counted. l is empty
 * afterwards. */
enum { COMPLAINT_MOST = 200, COMPLAINT_KEPT = 1000 };
void complaint_tell(struct complaint_list *l, const char *file, struct complaints *out);
void complaint_release(struct complaint_list *l);

#endif
