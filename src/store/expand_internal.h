/* expand_internal.h - what a dry run and expanding into the store share. */
#ifndef SLURMQ_EXPAND_INTERNAL_H
#define SLURMQ_EXPAND_INTERNAL_H

#include "store/expand.h"

/* The most jobs that a sweep file may have, and -1 with err if there are more. */
int64_t expand_most_jobs(const struct expand_opts *o);
int expand_too_many(const struct expand_opts *o, int64_t jobs, struct err *err);

/* Whether two texts are equal; NULL is empty. */
bool expand_same_text(const char *a, const char *b);
/* Whether two plans run the same. */
bool expand_same_plan(const struct plan *a, const struct plan *b);
/* Fill err: two jobs of the file have equal parameters and run differently. Returns -1. */
int expand_tell_two(const struct expand_file *f, struct err *err);

#endif
