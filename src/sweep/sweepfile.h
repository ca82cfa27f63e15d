/*
 * sweepfile.h - a sweep file's YAML text to a struct sweep, with file:line:col for every complaint.
 */
#ifndef SLURMQ_SWEEPFILE_H
#define SLURMQ_SWEEPFILE_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/complaint.h" /* struct complaints */
#include "lib/err.h"
#include "sweep/sweep.h"

/* Read the file at path (regular, at most 4 MiB) into *text (given, NUL-terminated) and *len, and
 * its folder's absolute path into *dir (given). */
int sweepfile_slurp(const char *path, char **text, size_t *len, char **dir, struct err *err);

/* Parse a sweep file's text. name is how complaints call the file, dir where the files that it names
 * are found. Opens no file. 0 and *out where c->errors is 0, else -1 with err telling the count.
 * Warnings alone are no failure: *out is given, and they stand in *c. */
int sweepfile_parse(const char *name, const char *dir, const char *text, size_t len,
		    struct sweep **out, struct complaints *c, struct err *err);

/* Read what the sweep names: files of axes and tables, the batch script. Needed before
 * sweep_iter_init(), and not before sweep_plan() of jobs that the store holds. Checks what only the
 * values can show, so it is to be called for a sweep without files too. */
int sweepfile_load_files(struct sweep *sweep, struct complaints *c, struct err *err);

#endif
