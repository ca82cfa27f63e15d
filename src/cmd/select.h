/*
 * select.h - what a person names jobs by: 17, 1-10,12, all, last, a sweep's name, -s failed,timeout.
 */
#ifndef SLURMQ_SELECT_H
#define SLURMQ_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"
#include "lib/err.h"

/* Jobs that any of the parts selects. */
struct selection {
	struct db_select *v;
	size_t n;
	bool ids;    /* every selector was an id or a range of them */
	bool all;    /* one of them was "all" */
	bool states; /* -s was given */
};

/* args: selectors, none meaning every job; states: text of -s, or NULL. An unknown sweep, id or state is
 * an error (ERR_USAGE) that names it. */
int selection_parse(struct db *db, int n, char **args, const char *states, struct selection *out,
		    struct err *err);
void selection_release(struct selection *s);
/* Only those in one of these states (bits 1 << state) too; what names other ones only is dropped. */
void selection_narrow(struct selection *s, unsigned states);

/* As db_jobs_each(), every job once, though several parts select it. */
int selection_each(struct db *db, const struct selection *s,
		   int (*fn)(void *arg, const struct db_job *job), void *arg, struct err *err);
int selection_count(struct db *db, const struct selection *s, int64_t *n, struct err *err);

struct ids {
	int64_t *v;
	size_t n, cap;
};
void ids_add(struct ids *l, int64_t id);
void ids_release(struct ids *l);
bool ids_have(const int64_t *v, size_t n, int64_t id); /* v is sorted */
/* The ids of the selected jobs, sorted. */
int selection_ids(struct db *db, const struct selection *s, struct ids *out, struct err *err);

/* The sweep of that name, or that "last" means, into *id. */
int select_sweep(struct db *db, const char *name, int64_t *id, struct err *err);

#endif
