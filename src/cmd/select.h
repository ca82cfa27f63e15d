/*
 * select.h - the selectors of jobs on the command line: 17, 1-10,12, all, last, the name of a
 * sweep, failed, lr=0.1, -s failed,timeout, -w 'lr<0.01 and tries>2'.
 *
 * Selectors of different kinds must all hold. Of several ids, sweeps or states one must hold.
 */
#ifndef SLURMQ_SELECT_H
#define SLURMQ_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"
#include "lib/err.h"

/* The options that every command with selectors has. */
struct select_args {
	const char *states, *where;
};
/* Rows of a table of options whose struct has a member `select`. */
#define SELECT_OPTS(type) \
	OPT_STR('s', "state", "STATE,...", "only jobs in these states", type, select.states), \
		OPT_STR('w', "where", "EXPR", "only jobs that meet an expression", type, \
			select.where)

struct selection {
	struct db_select jobs;
	bool ids;    /* every selector was an id or a range of ids */
	bool all;    /* one of the selectors was "all" */
	bool states; /* selected by state, by -s or by a word */
	bool chosen; /* a selector other than "all" was given */
};

/* Parses n selectors (none: every job) and the options (NULL: none). An unknown sweep, id,
 * parameter or state is an error (ERR_USAGE) that names it. The caller calls selection_release(out)
 * in any case. */
int selection_parse(struct db *db, int n, char **args, const struct select_args *opts,
		    struct selection *out, struct err *err);
void selection_release(struct selection *s);
/* Restricts the selection to jobs in one of these states (bits 1 << state). */
void selection_narrow(struct selection *s, unsigned states);

/* Sets *id to the sweep of that name; "last" is the newest sweep. An unknown name is an error
 * (ERR_USAGE). */
int select_sweep(struct db *db, const char *name, int64_t *id, struct err *err);

#endif
