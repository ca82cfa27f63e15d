/*
 * value_cap.h - limits how many jobs of a suspect value may start.
 *
 * Jobs that run cannot be undone. So as soon as three jobs failed that share a value, which no job
 * of the sweep clears (bad_value.h), the value is capped: at most as many jobs with it may start as
 * the breaker's number (least), the failed and the running ones included. Further jobs with it are
 * held until one of these does well, which clears the value, or until all of them failed, when the
 * breaker judges the value (breaker.h).
 *
 * Several values may be suspect at once. The jobs that may still start are those with the fewest
 * suspect values, because their ends tell the values apart: after three failures with opt=lamb lr=1
 * come jobs with opt=lamb lr=2, and jobs with opt=adam lr=1.
 */
#ifndef SLURMQ_VALUE_CAP_H
#define SLURMQ_VALUE_CAP_H

#include <stddef.h>
#include <stdint.h>

#include "chain/bad_value.h"
#include "lib/err.h"
#include "store/db.h"

/* Holds and releases the jobs of a sweep as the suspects require, and stores the values that are
 * capped. Of each suspect, `failed` and `jobs` are set (suspects_clear()), and `held` and `capped`
 * are set here. Without suspects, no value is capped any more. Jobs with a value that is held are
 * left alone. Needs an open transaction. */
int value_cap_set(struct db *db, int64_t sweep, struct suspects *s, int64_t least, struct err *err);

#endif
