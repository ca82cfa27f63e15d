/*
 * select.h - the selectors of jobs on the command line: 17, 1-10,12, all, last, the name of a
 * sweep, lr=0.1, -s failed,timeout.
 */
#ifndef SLURMQ_SELECT_H
#define SLURMQ_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"
#include "lib/err.h"

/* A parameter and the values that it may have: "opt=lamb,adam". */
struct select_param {
	char *name;
	struct strs values;
};

/* The jobs that at least one of the parts v selects, and that meet every parameter. */
struct selection {
	struct db_select *v;
	size_t n;
	struct select_param *params;
	size_t nparams;
	bool ids;    /* every selector was an id or a range of ids */
	bool all;    /* one of the selectors was "all" */
	bool states; /* the option -s was used */
};

/* Parses n selectors (none: every job) and the argument of -s (NULL: none). An unknown sweep, id,
 * parameter or state is an error (ERR_USAGE) that names it. The caller calls selection_release(out)
 * in any case. */
int selection_parse(struct db *db, int n, char **args, const char *states, struct selection *out,
		    struct err *err);
void selection_release(struct selection *s);
/* Restricts the selection to jobs in one of these states (bits 1 << state). Parts that select
 * no such state are removed. */
void selection_narrow(struct selection *s, unsigned states);

/* Calls fn for every selected job, as db_jobs_each() does; once per job, even if several parts
 * select it. */
int selection_each(struct db *db, const struct selection *s,
		   int (*fn)(void *arg, const struct db_job *job), void *arg, struct err *err);
int selection_count(struct db *db, const struct selection *s, int64_t *n, struct err *err);

struct ids {
	int64_t *v;
	size_t n, cap;
};
void ids_add(struct ids *l, int64_t id);
void ids_release(struct ids *l);
bool ids_have(const int64_t *v, size_t n, int64_t id); /* v must be sorted */
/* Adds the ids of the selected jobs to *out, sorted. */
int selection_ids(struct db *db, const struct selection *s, struct ids *out, struct err *err);

/* Sets *id to the sweep of that name; "last" is the newest sweep. An unknown name is an error
 * (ERR_USAGE). */
int select_sweep(struct db *db, const char *name, int64_t *id, struct err *err);

#endif
