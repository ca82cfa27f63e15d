/*
 * columns.h - which columns a list of jobs has: a parameter that tells the jobs apart has one, a
 * parameter that does not has none.
 */
#ifndef SLURMQ_COLUMNS_H
#define SLURMQ_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/table.h"
#include "store/db.h"

enum { COLUMNS_MOST = TABLE_MAX_COLUMNS };

struct columns {
	struct db_field fields[COLUMNS_MOST]; /* their names are the titles, owned */
	char *titles[COLUMNS_MOST];	      /* owned */
	size_t n;
	struct buf
		constant; /* "opt=lamb sweep=grid": the same for all jobs, but not for their sweep */
	struct strs hidden; /* parameters that vary, and for which the line has no room */
};
void columns_release(struct columns *c);

/* Reads a list of names, "id,state,lr". A name is a parameter or a column (expr.h). */
int columns_parse(struct db *db, const char *text, struct columns *out, struct err *err);

/* Adds the column of a name, unless it is there or there is no room. An unknown name is ignored. */
void columns_require(struct db *db, const char *name, struct columns *c);

/* Chooses the columns of these jobs: id, state, tries; time and node, if a job has started; the sweep,
 * if the jobs are of several; each parameter that varies. A line of at most width columns (0: no limit) has the
 * parameters with the most values. If there are more than 20,000 jobs, the first and the last ones are
 * read, and c->constant stays empty. */
int columns_choose(struct db *db, const struct ids *ids, int width, struct columns *out,
		   struct err *err);

#endif
