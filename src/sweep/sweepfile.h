/*
 * sweepfile.h - converts the YAML text of a sweep file to a struct sweep; every complaint has
 * file:line:col.
 */
#ifndef SLURMQ_SWEEPFILE_H
#define SLURMQ_SWEEPFILE_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/complaint.h" /* struct complaints */
#include "lib/err.h"
#include "sweep/sweep.h"

/* Reads the file at path (regular, at most 4 MiB) into *text (NUL-terminated) and *len, and the
 * absolute path of its folder into *dir. The caller frees *text and *dir. */
int sweepfile_slurp(const char *path, char **text, size_t *len, char **dir, struct err *err);

/* Parses the text of a sweep file without opening files. name is the name of the file in
 * complaints; dir is the folder of the files that it names. Returns 0 and *out if c->errors is
 * 0, otherwise -1 with err, which has the count. Warnings are added to *c and are not failures.
 * The caller frees *out with sweep_free(). */
int sweepfile_parse(const char *name, const char *dir, const char *text, size_t len,
		    struct sweep **out, struct complaints *c, struct err *err);

/* Reads the files that the sweep names: files of axes and tables, the batch script. Required
 * before sweep_iter_init(), but not before sweep_plan() of jobs that the store holds. Also
 * checks what needs the values, so call this even for a sweep without files. */
int sweepfile_load_files(struct sweep *sweep, struct complaints *c, struct err *err);

#endif
