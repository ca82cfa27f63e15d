/*
 * sweep_load.h - loads the files that a sweep names: lines, tables, a batch script. The caller
 * reads them:
 *
 *   sweep_load_init(&load, sweep);
 *   while ((path = sweep_load_next(&load)))
 *   	... sweep_load_give(&load, text, len, out), or sweep_load_fail(&load, why)
 *   sweep_load_size(&load);
 *   ... sweep_count_max(), because the values of a range may not fit in memory
 *   sweep_load_end(&load);
 *   sweep_load_release(&load);
 */
#ifndef SLURMQ_SWEEP_LOAD_H
#define SLURMQ_SWEEP_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/complaint.h"
#include "sweep/sweep_check_batch.h"
#include "sweep/sweep.h"

struct sweep_load {
	struct sweep *sweep;
	struct complaint_list list; /* about the sweep file; the caller prints them at the end */
	bool tables;		    /* names are checked after the tables are read */
	bool script_done;
	struct sweep_executed_list executed; /* files that commands execute */
	size_t next_executed;
	size_t group, axis; /* index of the next file */
	char *path;	    /* path of the current file */
};

void sweep_load_init(struct sweep_load *load, struct sweep *sweep);
/* Returns the absolute path of the next file to read (borrowed until the next call); NULL after
 * the last. */
const char *sweep_load_next(struct sweep_load *load);
/* Takes the text of the file, NUL-terminated. Complaints about it are added to *out, under the
 * name that the sweep file has for it. */
void sweep_load_give(struct sweep_load *load, const char *text, size_t len, struct complaints *out);
void sweep_load_fail(struct sweep_load *load, const char *why);
/* Sets the length of every axis, so that jobs can be counted. */
void sweep_load_size(struct sweep_load *load);
/* Expands the ranges and checks what needs values. The sweep can be iterated if load->list then
 * has no errors. */
void sweep_load_end(struct sweep_load *load);
void sweep_load_release(struct sweep_load *load);
/* Returns -1 with err if the sweep has more jobs than sweep_limit_jobs() allows. */
int sweep_check_size(const struct sweep *sweep, struct err *err);
/* Returns the name of the sweep file in complaints. */
const char *sweep_load_file_name(const struct sweep *sweep);

#endif
