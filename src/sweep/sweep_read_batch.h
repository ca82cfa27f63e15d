/*
 * sweep_read_batch.h - reads the keys for a batch script of the user's own: script and checkpoint.
 */
#ifndef SLURMQ_SWEEP_READ_BATCH_H
#define SLURMQ_SWEEP_READ_BATCH_H

#include "sweep/sweep_read_node.h"

/* Reads the path of the script, and its arguments as the words of a step "script". */
void sweep_read_batch_script(struct sweep_reader *r, struct node *node);
void sweep_read_checkpoint(struct sweep_reader *r, struct node *node);

#endif
