/*
 * sweep_load.h - what the files that a sweep names hold: lines, tables, a batch script. The caller
 * reads them:
 *
 *	sweep_load_init(&load, sweep);
 *	while ((path = sweep_load_next(&load)))
 *		... sweep_load_give(&load, text, len, out), or sweep_load_fail(&load, why)
 *	sweep_load_size(&load);
 *	... sweep_count_max(), as a range can have more values than the memory
 *	sweep_load_end(&load);
 *	sweep_load_release(&load);
 */
#ifndef SLURMQ_SWEEP_LOAD_H
#define SLURMQ_SWEEP_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/complaint.h"
#include "sweep/sweep.h"

struct sweep_load {
	struct sweep *sweep;
	struct complaint_list list; /* about the sweep file; the caller tells them at the end */
	bool tables;		    /* names could not be checked before */
	bool script_done;
	size_t group, axis; /* which file is next */
	char *path;	    /* of the one at hand */
};

void sweep_load_init(struct sweep_load *load, struct sweep *sweep);
/* The absolute path (lent until the next call) of a file that is needed; NULL: no more. */
const char *sweep_load_next(struct sweep_load *load);
/* Its text, NUL-terminated. Complaints about what it holds are told to *out under its name as the
 * sweep file writes it. */
void sweep_load_give(struct sweep_load *load, const char *text, size_t len, struct complaints *out);
void sweep_load_fail(struct sweep_load *load, const char *why);
/* How long every axis is, so that jobs can be counted. */
void sweep_load_size(struct sweep_load *load);
/* Expand the ranges and check what needs values. The sweep can be iterated where load->list has no
 * errors then. */
void sweep_load_end(struct sweep_load *load);
void sweep_load_release(struct sweep_load *load);
/* -1 with err where it has more jobs than sweep_limit_jobs() allows. */
int sweep_check_size(const struct sweep *sweep, struct err *err);
/* How complaints call the sweep file. */
const char *sweep_load_file_name(const struct sweep *sweep);

#endif
