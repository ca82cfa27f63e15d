/*
 * needs.h - the sentences for what needs a person, and for a pause (health.h).
 */
#ifndef SLURMQ_NEEDS_H
#define SLURMQ_NEEDS_H

#include "chain/health.h"
#include "lib/buf.h"

/* Append the lines of one need: a sentence, and for some kinds a second line, which begins with two blanks. */
void needs_add_lines(const struct health_need *n, struct strs *lines);

/* Append why the queue is paused. Return false, and append nothing, if it is not known or not paused. */
bool needs_add_pause(const struct health_pause *p, struct buf *text);

#endif
