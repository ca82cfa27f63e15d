/*
 * needs.h - the sentences about what the user must do, and about a pause (health.h).
 */
#ifndef SLURMQ_NEEDS_H
#define SLURMQ_NEEDS_H

#include "chain/health.h"
#include "lib/buf.h"
#include "lib/json.h"

/* Appends the lines of one need: a sentence, and for some kinds a second line, which begins
 * with two blanks. */
void needs_add_lines(const struct health_need *n, struct strs *lines);

/* Appends why jobs are held: "3 of 3 with opt=lamb failed, 7 run or wait; slurmq release opt=lamb".
 * tried: how many jobs with the value run or wait, 0: none. sweep: its name for the command, NULL
 * if there is no other sweep. */
void needs_add_held(const char *sweep, const struct strs *values, int64_t failed, int64_t tried,
		    struct buf *text);

/* Appends why the queue is paused. Returns false, and appends nothing, if the reason is unknown
 * or the queue is not paused. */
bool needs_add_pause(const struct health_pause *p, struct buf *text);

/* Adds the member "held" of status --json: which jobs are held, and why. */
void needs_held_json(struct json *j, const struct health *h);

/* Adds that Slurm accepts no more jobs of a limit group, and when slurmq tries again. */
void needs_add_block(const struct limit_group_block *b, int64_t now, struct buf *text);

#endif
