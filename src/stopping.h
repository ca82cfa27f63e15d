/*
 * stopping.h - a job that is told to end: what for, and what its marks tell the others.
 *
 * scancel(1) of everything makes its list first and sends its signals then: a job that is submitted in between is
 * none that it ends. So who is cancelled leaves a mark, nobody submits while there is one, and whoever was made since
 * that list may have been made takes itself for one that nobody asked for. Who had been in Slurm before, and is not
 * told to end while the mark lasts, was not meant: the chain goes on by it.
 */
#ifndef SLURMQ_STOPPING_H
#define SLURMQ_STOPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "journal.h"
#include "spool.h"

/* The setting: of attempts before this one (its id) nothing that is cancelled says that a person wants to end the rest,
 * since one has submitted, or has ended some by slurmq, since. */
#define STOPPING_FROM ".stopping.from"
/* The setting: what was cancelled until then, by Slurm's clock in ms, was not everything: the chain has gone on since. */
#define STOPPING_SETTLED ".stopping.settled"

/* What Slurm ends this job for, which has got TERM (slurm_stop_reason()): REASON_NONE where it goes on with it, -1
 * where Slurm does not say. REASON_CANCELLED outside a job of Slurm's. *took: how long the answer took, in ms; may be
 * NULL. */
int stopping_ask(const struct who *me, int64_t *took);

/* This job is cancelled, as far as it knows: others are to see. sure: Slurm has said so, and took so long; else it did
 * not say anything, and who wants to know has to ask it again. */
void stopping_tell(struct spool *sp, const struct who *me, bool sure, int64_t took);
/* TERM has come to the caller's job, and what for: REASON_CANCELLED where that is so for all that is known, which is
 * told; else Slurm ends it for another reason, so that it may use the time until KILL, or (REASON_NONE) does not. */
int stopping_term(struct spool *sp);
/* It asks just now; and it was something else. */
void stopping_asks(struct spool *sp);
void stopping_asked(struct spool *sp, const struct who *me);
/* Nobody was left to tell that it is cancelled: Slurm shows it, of those that never began. So long ago, in ms. */
void stopping_found(struct spool *sp, int64_t ago);
/* A person submits: all of that is over. */
void stopping_over(struct spool *sp);

/* Jobs are being cancelled, or may be: nobody but a person submits for a while. How long yet, in ms; 0: it is not so. */
int64_t stopping_left(struct spool *sp);
bool stopping_now(struct spool *sp);
/* The same, as Slurm has said. */
bool stopping_surely(struct spool *sp);
/* They were within the last minute, or may have been. */
bool stopping_lately(struct spool *sp);

/* Somebody was cancelled, or may have been, since a person submitted last. Costs two stat(2). */
bool stopping_marked(struct spool *sp);
/* How long ago, in ms: the first and the last of those who were cancelled together. False: nobody was. */
bool stopping_when(struct spool *sp, int64_t *first, int64_t *last);

/* Something was made so long ago (ms, by the file server's clock): by a job that was being cancelled? known: Slurm had
 * it by then; else it was about to be told to Slurm, which may have taken a while. Where the cancellation was not sure
 * Slurm is asked what became of that job, sacct where squeue has forgotten it; no, as long as it does not say. */
bool stopping_made(struct spool *sp, int64_t made, bool known);

#endif
