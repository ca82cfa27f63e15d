/* slurm_internal.h - parsers of Slurm's output, shared by the files of src/slurm. */
#ifndef SLURMQ_SLURM_INTERNAL_H
#define SLURMQ_SLURM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/slurm.h"

/* A record of squeue: US separates the fields and RS ends the record, so that a name may contain
 * any other character, even a newline. The name is last and may contain US as well. */
#define SLURM_SQUEUE_FORMAT "%A\x1f%F\x1f%K\x1f%T\x1f%r\x1f%V\x1f%e\x1f%j\x1e"
/* Columns of a fixed width, since -o cannot print restarts; only the last may contain blanks. */
#define SLURM_SQUEUE_COLUMNS "JobID:20,State:20,RestartCnt:20,Reason:60"
/* One line per record; US separates the fields; the name is last. */
#define SLURM_SACCT_FORMAT "JobIDRaw,JobID,State,ExitCode,Submit,End,JobName"

/* Appends text that is safe for a terminal: control characters and invalid UTF-8 become '?', a tab
 * becomes a blank, and a '\n' becomes the string newline. */
void slurm_clean(struct buf *to, const char *text, size_t len, const char *newline);

/* Returns line after its "sbatch: error: ", "sbatch: fatal: " or "sbatch: " (borrowed from
 * line). */
const char *slurm_strip_prefix(const char *line);

/* Parses records in SLURM_SQUEUE_FORMAT and appends the jobs to *out. Returns -1 with ERR_AGAIN
 * if a record has another form. */
int slurm_parse_jobs(const char *text, size_t len, struct slurm_jobs *out, struct err *err);

/* Parses lines of squeue -O SLURM_SQUEUE_COLUMNS and appends the jobs to *out. Returns -1 with
 * ERR_AGAIN if a line has another form. */
int slurm_parse_columns(const char *text, struct slurm_jobs *out, struct err *err);
/* Parses sacct's lines in SLURM_SACCT_FORMAT and appends the jobs to *out. Skips lines that cannot
 * be parsed. */
void slurm_parse_acct(const char *text, struct slurm_jobs *out);
/* Appends a zeroed job to the list, with task and restarts -1. Returns it, borrowed from jobs until
 * the next call. */
struct slurm_job *slurm_jobs_add(struct slurm_jobs *jobs);
/* Parses a string of 1 to 18 digits; returns false if s is anything else. */
bool slurm_number(const char *s, uint64_t *n);
/* Converts a string of seconds since 1970 to ms; returns 0 if s is not a number ("N/A",
 * "Unknown"). */
int64_t slurm_time_ms(const char *s);

/* Parses the output of scontrol show config; the caller releases *out. */
int slurm_parse_config(const char *text, struct slurm_site *out, struct err *err);

/* Parses the output of scontrol -o show assoc_mgr flags=assoc,qos users=USER; the caller releases
 * *out. */
int slurm_parse_limits(const char *text, struct slurm_limit *out, struct err *err);

/* Returns whether scancel's error text reports only jobs that are already gone. */
bool slurm_only_gone(const char *errtext);

#endif
