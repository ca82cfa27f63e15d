/*
 * cancel.h - external cancel: jobs that scancel(1) ended, and whether that means "stop".
 *
 * scancel reaches the jobs that its list holds and signals them one by one, so no single job can know whether it
 * was cancelled alone or with all others. One rule decides:
 *
 * - A job that Slurm cancels writes a cancel record, an empty file cancelled/SLURM_ID, and submits nothing.
 * - The hold-off lasts until the newest record is HOLD_OFF_MS old, and at most BURST_MS from the oldest. Until then,
 *   and until the decision, only a person submits. A job that ends in that time stays; a job that starts does not run
 *   its command yet.
 * - Then one process decides from one squeue answer. Cancelled are the records, and the folder's jobs that squeue
 *   shows as cancelled at that time (a pending job leaves no record). Survivors are the folder's jobs, the sentinel
 *   included, that squeue still shows, and that a person submitted before the first record, or a job more than
 *   MARGIN_MS before it: a job that was submitted later may be missing from scancel's list. No survivor and two
 *   cancelled at least: the queue is paused, and every claim that no job has started is revoked. Else the chain goes
 *   on. The records are then removed.
 *
 * Jobs that `slurmq cancel` ends are no external cancel and do not count.
 *
 * All ages are by the file server's clock: differences between modification times of files in the folder.
 */
#ifndef SLURMQ_CANCEL_H
#define SLURMQ_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/journal.h"
#include "store/folder.h"
#include "store/store.h"

/* Ask Slurm why it sent SIGTERM to a job. Returns an enum job_reason (REASON_NONE: the job goes on;
 * REASON_CANCELLED also outside a job), or -1 if squeue does not answer. */
int cancel_query(const struct who *me);

/* SIGTERM came to this process's job. Writes a cancel record, asks Slurm for the reason, and withdraws the record
 * unless the job is cancelled. Returns the reason; -1 if Slurm does not answer, which counts as a cancel. */
int cancel_on_term(struct folder *sp, const struct who *me);
/* The same for this process, which has taken a SIGTERM (proc_signal_wait()). True: its job is cancelled. */
bool cancel_after_term(struct folder *sp);
/* Take a pending SIGTERM, if there is one. True: the job is cancelled. */
bool cancel_take_term(struct folder *sp);

void cancel_record(struct folder *sp, const struct who *me);
void cancel_withdraw(struct folder *sp, const struct who *me);
/* A person submits: remove all records. */
void cancel_forget(struct folder *sp);

enum cancel_phase {
	CANCEL_NONE,	 /* no records */
	CANCEL_HOLD_OFF, /* nobody submits; *left_ms until the decision is due */
	CANCEL_DUE,	 /* nobody submits until one process has decided */
};
/* left_ms may be NULL. */
enum cancel_phase cancel_phase(struct folder *sp, int64_t *left_ms);

/* Decide, if a decision is due, with the database open and the queue lock not held. 0, also if another process is deciding
 * or there is nothing to decide; -1, and the records stay, if Slurm or the database does not answer. */
int cancel_decide(struct store *store, struct err *err);

#endif
