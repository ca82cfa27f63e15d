/* expand_internal.h - functions that a dry run and an expand into the store share. */
#ifndef SLURMQ_EXPAND_INTERNAL_H
#define SLURMQ_EXPAND_INTERNAL_H

#include "store/expand.h"

/* expand_most_jobs() returns the number of jobs that a sweep file may have. expand_too_many()
 * returns -1 with err if there are more. */
int64_t expand_most_jobs(const struct expand_opts *o);
int expand_too_many(const struct expand_opts *o, int64_t jobs, struct err *err);

/* Returns whether two texts are equal; NULL is empty. */
bool expand_same_text(const char *a, const char *b);
/* Returns whether two plans run the same commands with the same resources. */
bool expand_same_plan(const struct plan *a, const struct plan *b);
/* Sets err: two jobs of the file have equal parameters and run differently. Always returns -1. */
int expand_refuse_equal_jobs(const struct expand_file *f, struct err *err);

#endif
