/*
 * sweep_read_space.h - reading what spans a space of jobs: params, zip, sample, exclude, include.
 */
#ifndef SLURMQ_SWEEP_READ_SPACE_H
#define SLURMQ_SWEEP_READ_SPACE_H

#include "sweep/sweep_read_node.h"

/* A map of axes into groups of one. step: of a step, whose values have to be known without files and
 * cannot be drawn. */
void sweep_read_params(struct sweep_reader *r, struct node *node, bool step, struct groups *out);
void sweep_read_zip(struct sweep_reader *r, struct node *node, struct groups *out);
void sweep_read_sample(struct sweep_reader *r, struct node *node, struct space *out);
/* A list of entries, or one entry. */
void sweep_read_exclude(struct sweep_reader *r, struct node *node, struct rules *out);
/* A map of conditions. */
void sweep_read_rule(struct sweep_reader *r, struct node *node, struct rule *out);
void sweep_read_includes(struct sweep_reader *r, struct node *node);

#endif
