/*
 * attempt_log.h - the lines that slurmq writes to the log of an attempt, between the output of its
 * commands: "==> slurmq: TEXT <==". An error of the log is ignored: it must not stop the work.
 */
#ifndef SLURMQ_ATTEMPT_LOG_H
#define SLURMQ_ATTEMPT_LOG_H

#include "store/journal.h"
#include "store/manifest.h"
#include "store/who.h"

/* Writes a line to the descriptor. Control characters, which a value may contain, are replaced. */
void attempt_log(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes the first lines: the job, its parameters and its title. index: of the task in its
 * submission. */
void attempt_log_begin(int fd, const struct manifest_task *task, int index, const struct who *who);

/* Writes how a step ended. */
void attempt_log_step(int fd, const struct manifest_step *s, const struct journal_step *end);

#endif
