/*
 * sweep_read_space.h - reads the keys that define a space of jobs: params, zip, sample,
 * exclude, include.
 */
#ifndef SLURMQ_SWEEP_READ_SPACE_H
#define SLURMQ_SWEEP_READ_SPACE_H

#include "sweep/sweep_read_node.h"

/* Reads a map of axes into groups of one axis each. step: for a step, whose values must be
 * known without files and cannot be drawn. */
void sweep_read_params(struct sweep_reader *r, struct node *node, bool step, struct groups *out);
void sweep_read_zip(struct sweep_reader *r, struct node *node, struct groups *out);
void sweep_read_sample(struct sweep_reader *r, struct node *node, struct space *out);
/* Reads a list of entries, or a single entry. */
void sweep_read_exclude(struct sweep_reader *r, struct node *node, struct rules *out);
/* Reads a map of conditions. */
void sweep_read_rule(struct sweep_reader *r, struct node *node, struct rule *out);
void sweep_read_includes(struct sweep_reader *r, struct node *node);

#endif
