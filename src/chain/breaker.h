/*
 * breaker.h - what keeps a mistake or a bad node from burning a whole sweep.
 *
 * Ten failures in a row (setting `breaker`; 0: any number), each within a minute of its start, pause the
 * queue. A completed attempt, or a failure that took longer, begins a new row. What counts is what the
 * command itself did (EXIT, SIGNAL, OUT_OF_MEMORY), and a Slurm job that failed before it came so far (EXIT, or
 * BOOT_FAIL where it could not be started: a folder for logs that has gone); what the site did does not, nor
 * what the sweep's policy tries again, nor deaths on a node that is left out.
 *
 * A node where three attempts in a row died within 20 s is left out of what is submitted for a day, or until
 * `slurmq resume`, or until an attempt does well on it. Jobs that die wherever they are must not take all
 * nodes with them, so that needs a witness: an attempt of the same sweep that did well on another node since
 * then, and none that does so on this one. Where more than three nodes look bad, it is the jobs: none is left
 * out.
 *
 * Kept as settings: ".breaker.n", ".breaker.node", ".node.NAME", and since it paused the queue ".breaker.failures" (in
 * a row) and ".breaker.job" (of the last one).
 */
#ifndef SLURMQ_BREAKER_H
#define SLURMQ_BREAKER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "store/db.h"
#include "lib/err.h"

enum { BREAKER_NODES_MOST = 3 };

/* In an open transaction. An attempt is completed; node may be NULL. */
int breaker_completed(struct db *db, const char *node, struct err *err);
/* An attempt of this job has failed; again: its policy tries it again. May pause the queue. */
int breaker_failed(struct db *db, const struct db_attempt *a, const struct db_job *job, bool again,
		   struct err *err);
/* In an open transaction: all is forgiven. */
int breaker_reset(struct db *db, struct err *err);

/* In an open transaction: no node is left out any more, nor is anything held against one. */
int breaker_forgive_nodes(struct db *db, struct err *err);

/* Names (letters, digits and "._-" alone) of the nodes that look bad. All of them are left out where there
 * are BREAKER_NODES_MOST at most, and else none is. */
int breaker_nodes(struct db *db, struct strs *nodes, struct err *err);

#endif
