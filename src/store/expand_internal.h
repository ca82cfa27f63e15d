/* expand_internal.h - functions that a dry run and an expand into the store share. */
#ifndef SLURMQ_EXPAND_INTERNAL_H
#define SLURMQ_EXPAND_INTERNAL_H

#include "store/expand.h"

/* Returns the number of jobs that a sweep file may have. */
int64_t expand_most_jobs(const struct expand_opts *o);
/* Returns -1 with err if jobs is more than that number, else 0. */
int expand_refuse_too_many(const struct expand_opts *o, int64_t jobs, struct err *err);

/* Returns whether two texts are equal; NULL is empty. */
bool expand_same_text(const char *a, const char *b);
/* Returns whether two plans run the same commands with the same resources. */
bool expand_same_plan(const struct plan *a, const struct plan *b);
/* Sets err: two jobs of the file have equal parameters and run differently. Always returns -1. */
int expand_refuse_equal_jobs(const struct expand_file *f, struct err *err);

#endif
