/*
 * db_sql.h - the enums of slurm/job.h as text for SQL: "WHERE state = " SQL_PENDING.
 *
 * SQL text is constant at compile time, and the preprocessor cannot print an enum. So this file
 * repeats each number that SQL needs, and checks it against its enum.
 */
#ifndef SLURMQ_DB_SQL_H
#define SLURMQ_DB_SQL_H

#include <assert.h>

#include "slurm/job.h"

#define SQL_TEXT_OF(number) #number
#define SQL_TEXT(number) SQL_TEXT_OF(number)

/* enum job_state, for job.state and counter.state */
#define SQL_N_PENDING 0
#define SQL_N_SUBMITTING 1
#define SQL_N_QUEUED 2
#define SQL_N_RUNNING 3
#define SQL_N_COMPLETED 4
#define SQL_N_FAILED 5
#define SQL_N_CANCELLED 6
#define SQL_N_HELD 7
#define SQL_PENDING SQL_TEXT(SQL_N_PENDING)
#define SQL_SUBMITTING SQL_TEXT(SQL_N_SUBMITTING)
#define SQL_QUEUED SQL_TEXT(SQL_N_QUEUED)
#define SQL_RUNNING SQL_TEXT(SQL_N_RUNNING)
#define SQL_COMPLETED SQL_TEXT(SQL_N_COMPLETED)
#define SQL_FAILED SQL_TEXT(SQL_N_FAILED)
#define SQL_CANCELLED SQL_TEXT(SQL_N_CANCELLED)
#define SQL_HELD SQL_TEXT(SQL_N_HELD)
static_assert(SQL_N_PENDING == JOB_PENDING, "JOB_PENDING");
static_assert(SQL_N_SUBMITTING == JOB_SUBMITTING, "JOB_SUBMITTING");
static_assert(SQL_N_QUEUED == JOB_QUEUED, "JOB_QUEUED");
static_assert(SQL_N_RUNNING == JOB_RUNNING, "JOB_RUNNING");
static_assert(SQL_N_COMPLETED == JOB_COMPLETED, "JOB_COMPLETED");
static_assert(SQL_N_FAILED == JOB_FAILED, "JOB_FAILED");
static_assert(SQL_N_CANCELLED == JOB_CANCELLED, "JOB_CANCELLED");
static_assert(SQL_N_HELD == JOB_HELD, "JOB_HELD");

/* enum job_reason, for job.reason and attempt.reason */
#define SQL_N_REASON_NONE 0
#define SQL_N_REASON_CANCELLED 10
#define SQL_N_REASON_REFUSED 11
#define SQL_N_REASON_USER 12
#define SQL_N_REASON_BREAKER 13
#define SQL_REASON_NONE SQL_TEXT(SQL_N_REASON_NONE)
#define SQL_REASON_CANCELLED SQL_TEXT(SQL_N_REASON_CANCELLED)
#define SQL_REASON_REFUSED SQL_TEXT(SQL_N_REASON_REFUSED)
#define SQL_REASON_USER SQL_TEXT(SQL_N_REASON_USER)
#define SQL_REASON_BREAKER SQL_TEXT(SQL_N_REASON_BREAKER)
static_assert(SQL_N_REASON_NONE == REASON_NONE, "REASON_NONE");
static_assert(SQL_N_REASON_CANCELLED == REASON_CANCELLED, "REASON_CANCELLED");
static_assert(SQL_N_REASON_REFUSED == REASON_REFUSED, "REASON_REFUSED");
static_assert(SQL_N_REASON_USER == REASON_USER, "REASON_USER");
static_assert(SQL_N_REASON_BREAKER == REASON_BREAKER, "REASON_BREAKER");

/* enum job_request, for job.request */
#define SQL_N_REQUEST_NONE 0
#define SQL_N_REQUEST_CANCEL 1
#define SQL_N_REQUEST_HOLD 2
#define SQL_N_REQUEST_BREAKER 3
#define SQL_REQUEST_NONE SQL_TEXT(SQL_N_REQUEST_NONE)
#define SQL_REQUEST_CANCEL SQL_TEXT(SQL_N_REQUEST_CANCEL)
#define SQL_REQUEST_HOLD SQL_TEXT(SQL_N_REQUEST_HOLD)
#define SQL_REQUEST_BREAKER SQL_TEXT(SQL_N_REQUEST_BREAKER)
static_assert(SQL_N_REQUEST_NONE == REQUEST_NONE, "REQUEST_NONE");
static_assert(SQL_N_REQUEST_CANCEL == REQUEST_CANCEL, "REQUEST_CANCEL");
static_assert(SQL_N_REQUEST_HOLD == REQUEST_HOLD, "REQUEST_HOLD");
static_assert(SQL_N_REQUEST_BREAKER == REQUEST_BREAKER, "REQUEST_BREAKER");

/* enum attempt_closed, for attempt.closed */
#define SQL_N_CLOSED_NOT 0
#define SQL_N_CLOSED_INFERRED 1
#define SQL_CLOSED_NOT SQL_TEXT(SQL_N_CLOSED_NOT)
#define SQL_CLOSED_INFERRED SQL_TEXT(SQL_N_CLOSED_INFERRED)
static_assert(SQL_N_CLOSED_NOT == CLOSED_NOT, "CLOSED_NOT");
static_assert(SQL_N_CLOSED_INFERRED == CLOSED_INFERRED, "CLOSED_INFERRED");

/* enum step_state, for step.state */
#define SQL_N_STEP_COMPLETED 0
#define SQL_STEP_COMPLETED SQL_TEXT(SQL_N_STEP_COMPLETED)
static_assert(SQL_N_STEP_COMPLETED == STEP_COMPLETED, "STEP_COMPLETED");

/* The id of the next row of a table. No id is used again, not even that of a deleted row, since files
 * and other processes may still refer to it: the setting has the largest one (db_sweep_hide()). */
#define SQL_NEXT_ID(table) \
	"(SELECT 1 + max(ifnull((SELECT max(id) FROM " table "), 0)," \
	" ifnull((SELECT CAST(value AS INTEGER) FROM setting WHERE key = '" SQL_LAST_ID( \
		table) "'), 0)))"
#define SQL_LAST_ID(table) ".last." table

/* job_state_in_flight(), for IN: the list of the partial index job_flight */
#define SQL_IN_FLIGHT "(" SQL_SUBMITTING ", " SQL_QUEUED ", " SQL_RUNNING ")"

#endif
