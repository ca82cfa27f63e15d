/* slurm_internal.h - what slurm.c and slurm_parse.c share: the reading of what Slurm prints. */
#ifndef SLURMQ_SLURM_INTERNAL_H
#define SLURMQ_SLURM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/slurm.h"

/* A record of squeue: fields apart by US, RS at its end, so that a name may hold anything else, a
 * newline too. The name comes last and may hold US as well. */
#define SLURM_SQUEUE_FORMAT "%A\x1f%F\x1f%K\x1f%T\x1f%r\x1f%V\x1f%e\x1f%j\x1e"
/* Columns of a fixed width, of which only the last may hold blanks: -o has no restarts. */
#define SLURM_SQUEUE_COLUMNS "JobID:20,State:20,RestartCnt:20,Reason:60"
/* One line a record, fields apart by US; the name comes last. */
#define SLURM_SACCT_FORMAT "JobIDRaw,JobID,State,ExitCode,Submit,End,JobName"

/* Append text fit for a terminal: control characters and what is no UTF-8 become '?'; a newline
 * becomes newline. */
void slurm_clean(struct buf *to, const char *text, size_t len, const char *newline);

/* "sbatch: error: " and the like taken off; lent, a pointer into line. */
const char *slurm_strip_prefix(const char *line);

/* All records of squeue, appended. -1 and ERR_AGAIN where one is not as asked for. */
int slurm_parse_jobs(const char *text, size_t len, struct slurm_jobs *out, struct err *err);

/* The same of squeue -O SLURM_SQUEUE_COLUMNS. */
int slurm_parse_columns(const char *text, struct slurm_jobs *out, struct err *err);
/* What sacct printed, in SLURM_SACCT_FORMAT, appended. What can't be read is passed over. */
void slurm_parse_acct(const char *text, struct slurm_jobs *out);
/* Another one at the end of the list, zeroed but for what means "not told". */
struct slurm_job *slurm_jobs_add(struct slurm_jobs *jobs);
/* Digits and nothing else, 18 at most. */
bool slurm_number(const char *s, uint64_t *n);
/* Seconds since 1970 as text, in ms; 0 where it is none ("N/A", "Unknown"). */
int64_t slurm_time_ms(const char *s);

/* What scontrol show config printed. */
int slurm_parse_config(const char *text, struct slurm_site *out, struct err *err);

/* What scontrol -o show assoc_mgr flags=assoc,qos users=USER printed. */
int slurm_parse_limits(const char *text, struct slurm_limit *out, struct err *err);

/* Does scancel complain of nothing but jobs that have gone already? */
bool slurm_only_gone(const char *errtext);

#endif
