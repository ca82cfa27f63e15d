/*
 * journal.h - an attempt's record, as text: the process that won the claim, the end of each step,
 * results, the end.
 *
 * No input or output: folder.c moves the file. A line counts only with its newline, so a line that
 * a crash cut short is ignored.
 */
#ifndef SLURMQ_JOURNAL_H
#define SLURMQ_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "slurm/job.h"
#include "store/who.h"

struct journal_step {
	int seq;
	int state; /* enum step_state */
	int exit_code, signal;
	int64_t started, ended, maxrss_kib, cpu_ms;
	char *key;
};

/* A value that a command of the job recorded. */
struct journal_result {
	char *name, *value;
	int64_t step; /* -1: none */
	int seq;      /* of the job's step that recorded it; -1: that step has not ended */
};

struct journal {
	int64_t started;  /* 0: no start line */
	int64_t stopping; /* when TERM came, 0: never */
	struct journal_step *steps;
	size_t nsteps;
	struct journal_result *results; /* one for each name: the last that was recorded */
	size_t nresults;
	bool has_end; /* the attempt's end line; the first one counts */
	struct job_end end;
	bool preempted; /* reported by a twin: the same Slurm job, requeued */
	int64_t preempted_at;
};
void journal_release(struct journal *j);

/* Parses a journal's text. Ignores a last line without a newline and lines that cannot be
 * parsed: a later version may write lines that this one does not know. The caller releases *out. */
void journal_parse(const char *text, size_t len, struct journal *out);

/* Each appends a line, with its newline. Times in ms since 1970 UTC. */
void journal_add_start(struct buf *b, int64_t now, const struct who *who);
void journal_add_step(struct buf *b, const struct journal_step *s);
/* The name holds no blank. seq is not written: a step's results precede its end. */
void journal_add_result(struct buf *b, const struct journal_result *r);
void journal_add_stopping(struct buf *b, int64_t now);
void journal_add_end(struct buf *b, const struct job_end *end);
void journal_add_preempted(struct buf *b, int64_t now);

#endif
