/*
 * complaint.h - what a reader has to say about a file, gathered first, told in the file's order.
 */
#ifndef SLURMQ_COMPLAINT_H
#define SLURMQ_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

/* What the reader has to say: "sweep.yaml:3:1: error: unknown key 'paramters', did you mean
 * 'params'?", 1-based, in the file's order. Zeroed is empty. */
struct complaints {
	struct strs lines;
	size_t errors, warnings;
};
void complaints_release(struct complaints *c);

/* A place in a file, 1-based, columns in characters; line 0: the file as a whole. */
struct pos {
	size_t line, col;
};

struct complaint {
	struct pos pos;
	size_t nth; /* keeps the order of those at one place */
	bool warning;
	char *text;
};

/* Those of one file, in the order in which they were found. Zeroed is empty. */
struct complaint_list {
	struct complaint *v;
	size_t n, cap;
	size_t errors;
	size_t more; /* not kept, only counted: there were COMPLAINT_KEPT before */
};

void complaint_error(struct complaint_list *l, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void complaint_warn(struct complaint_list *l, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Append l's to *out, sorted by place, equal ones once, as lines that begin with file; l is empty
 * again. After COMPLAINT_MOST of a file the rest is only counted. */
enum { COMPLAINT_MOST = 200, COMPLAINT_KEPT = 1000 };
void complaint_tell(struct complaint_list *l, const char *file, struct complaints *out);
void complaint_release(struct complaint_list *l);

#endif
