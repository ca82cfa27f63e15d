/*
 * cancel.h - external cancel: jobs that scancel(1) ended, and whether that means "stop".
 *
 * scancel reaches the jobs that its list holds and signals them one by one. So no single job can know
 * whether it was cancelled alone or with all others. One rule decides:
 *
 * - Each cancelled job leaves a cancel record, an empty file. A job that runs writes
 *   cancelled/SLURM_ID when it gets SIGTERM, and submits nothing. For a job that was pending,
 *   reconcile() writes cancelled/MANIFEST.TASK when Slurm shows that it was cancelled.
 * - The hold-off lasts until the newest record is HOLD_OFF_MS old, and at most BURST_MS from the
 *   oldest. Until then, and until the decision, only a person submits. A job that ends in that time
 *   stays; a job that starts does not run its command yet.
 * - Then one process decides from one squeue answer.
 *   - Cancelled are the jobs of the records, and the folder's other jobs that squeue shows as
 *     cancelled at that time, even if they had reported their end.
 *   - Survivors are jobs of the folder, the sentinel included, that squeue still shows. A person must
 *     have submitted them before the first record, or a job more than MARGIN_MS before it: scancel's
 *     list may lack a job that was submitted later. A job that was submitted as early, and ended
 *     by itself more than MARGIN_MS after the first record, is a survivor too.
 *   - If at least two are cancelled and none survives, the queue is paused, and every claim that no
 *     job has started is revoked. Otherwise the chain goes on.
 *   - The records are then removed.
 *
 * scancel may reach pending jobs only, if each job that runs ends by itself between scancel's list
 * and its signal. That is likely only if jobs last seconds. So a job that lasted less than
 * CANCEL_SHORT_MS calls reconcile() at its end, for one query per CANCEL_QUERY_MS in the folder.
 *
 * Jobs that `slurmq cancel` ends are not external cancels and do not count.
 *
 * All ages are by the file server's clock: differences between modification times of files in the
 * folder.
 */
#ifndef SLURMQ_CANCEL_H
#define SLURMQ_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/journal.h"
#include "store/folder.h"
#include "store/store.h"

/* Asks Slurm why it sent SIGTERM to a job. Returns an enum job_reason (REASON_NONE: the job goes
 * on; also REASON_CANCELLED outside a job), or -1 if squeue does not answer. *held: Slurm puts the
 * job back into its queue and holds it there (slurm_requeue_held()). */
int cancel_query(const struct who *me, bool *held);

/* Handles a SIGTERM to the job: writes a cancel record, asks Slurm for the reason, and withdraws
 * the record unless the job is cancelled. Returns the reason, or -1 if Slurm does not answer,
 * which counts as a cancel. *held: as in cancel_query(). */
int cancel_on_term(struct folder *sp, const struct who *me, bool *held);
/* Calls cancel_on_term() for the job of this process, which has got SIGTERM (proc_signal_wait()).
 * Returns whether the job is cancelled. */
bool cancel_after_term(struct folder *sp);
/* Handles a pending SIGTERM, if there is one. Returns whether the job is cancelled. */
bool cancel_take_term(struct folder *sp);

enum {
	CANCEL_SHORT_MS = 5 * 1000,
	/* With the time of a short job less than MARGIN_MS: a job that was submitted after scancel
	 * is not a survivor. */
	CANCEL_QUERY_MS = 3 * 1000,
};

/* Writes the cancel record of the job. */
void cancel_record(struct folder *sp, const struct who *me);
/* Writes the cancel record of a job that was cancelled while it was pending, at a time (ms since
 * 1970, by Slurm's clock; 0: unknown). The record is as old as that, by this host's clock. */
void cancel_record_pending(struct folder *sp, uint64_t submission, int task, int64_t cancelled);
/* Removes the cancel record of the job. */
void cancel_withdraw(struct folder *sp, const struct who *me);
/* Removes all records, because a person submits. */
void cancel_forget(struct folder *sp);

enum cancel_phase {
	CANCEL_NONE,	 /* no records */
	CANCEL_HOLD_OFF, /* no job submits; *left_ms until the decision is due */
	CANCEL_DUE,	 /* no job submits until one process has decided */
};
/* Returns the phase from the ages of the records. left_ms may be NULL; it is 0 outside the
 * hold-off. */
enum cancel_phase cancel_phase(struct folder *sp, int64_t *left_ms);

/* Decides, if a decision is due. The database must be open and the queue lock not held. Returns
 * 0, even if another process is deciding or no decision is due. Returns -1, and keeps the
 * records, if Slurm or the database does not answer. */
int cancel_decide(struct store *store, struct err *err);

#endif
