/*
 * db_select.h - which jobs a command works on, as conditions that SQLite evaluates.
 *
 * The texts of the user become bound values, never SQL.
 */
#ifndef SLURMQ_DB_SELECT_H
#define SLURMQ_DB_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/job.h"

struct db;
struct db_job;

/* What a comparison, an order or a group reads of a job. Those from FIELD_NODE on are of its newest
 * attempt, and unknown if it has none. */
enum db_field_kind {
	FIELD_PARAM,  /* the value of the parameter `name` */
	FIELD_RESULT, /* the value that the newest attempt recorded under `name` */
	FIELD_ID,
	FIELD_SWEEP,  /* the name */
	FIELD_STATE,  /* enum job_state */
	FIELD_REASON, /* enum job_reason */
	FIELD_TRIES,
	FIELD_PRIORITY,
	FIELD_NODE,
	FIELD_TIME,    /* duration, ms; until now if the attempt runs */
	FIELD_STARTED, /* ms since 1970 UTC */
	FIELD_ENDED,
	FIELD_EXIT,   /* exit code; unknown if the attempt did not report one */
	FIELD_MAXRSS, /* KiB */
};

struct db_field {
	enum db_field_kind kind;
	char *name; /* of FIELD_PARAM and FIELD_RESULT, else NULL */
};

enum db_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_GLOB, OP_NO_GLOB };

enum db_expr_kind { EXPR_TEST, EXPR_AND, EXPR_OR, EXPR_NOT };

/* An expression. A test compares a field with values, as numbers if both are numbers, otherwise by
 * strcmp(3); a number is never below or above a text. OP_EQ and OP_GLOB need one of the values,
 * OP_NE and OP_NO_GLOB none of them; OP_LT and the others have one value. A test of a field that
 * is unknown or that the job lacks is false. */
struct db_expr {
	enum db_expr_kind kind;
	struct db_expr *a, *b; /* owned; b is NULL for EXPR_NOT */
	struct db_field field;
	enum db_op op;
	struct strs values;
};
/* Each takes ownership of its arguments. and, or: returns the other one if one is NULL. */
struct db_expr *db_expr_test(const struct db_field *field, enum db_op op, struct strs *values);
struct db_expr *db_expr_join(enum db_expr_kind kind, struct db_expr *a, struct db_expr *b);
void db_expr_free(struct db_expr *e);
/* Returns whether a value meets the test e, as SQLite evaluates it. */
bool db_expr_meets(const struct db_expr *e, const char *value);

struct db_range {
	int64_t first, last; /* ids, both included */
};
struct db_ranges {
	struct db_range *v;
	size_t n;
};
void db_ranges_add(struct db_ranges *r, int64_t first, int64_t last);
/* Sorts the ranges and joins those that overlap. */
void db_ranges_sort(struct db_ranges *r);
void db_ranges_release(struct db_ranges *r);

/* A selection of jobs: all conditions must hold. A zeroed one selects every job. */
struct db_select {
	struct db_ranges ids; /* sorted; none: any id */
	int64_t *sweeps;      /* nsweeps of them; none: any sweep */
	size_t nsweeps;
	/* The job is in one of these states (bits 1 << state), or is failed or held for one of
	 * these reasons (bits 1 << reason). Both 0: any state. */
	unsigned states, reasons;
	unsigned allowed;     /* bits 1 << state, too; 0: any */
	struct db_expr *expr; /* NULL: none */
};
/* Frees what *s owns. */
void db_select_release(struct db_select *s);

/* Calls fn for each selected job, in order of id. Reads in slices: no lock is held while fn
 * runs, and rows may change meanwhile. If fn returns a value other than 0, stops and returns
 * that value. */
int db_jobs_each(struct db *db, const struct db_select *select,
		 int (*fn)(void *arg, const struct db_job *job), void *arg, struct err *err);
int db_jobs_count(struct db *db, const struct db_select *select, int64_t *n, struct err *err);

struct ids {
	int64_t *v;
	size_t n, cap;
};
void ids_add(struct ids *l, int64_t id);
void ids_release(struct ids *l);
bool ids_have(const int64_t *v, size_t n, int64_t id); /* v must be sorted */

/* Adds the ids of the selected jobs to *out, in order of id. */
int db_jobs_ids(struct db *db, const struct db_select *select, struct ids *out, struct err *err);
/* Adds the ids of the selected jobs to *out, ordered by a field: numbers first, by size, then
 * texts; jobs without it last. descending reverses the order of the values. Jobs with equal values
 * are in order of id. */
int db_jobs_sorted(struct db *db, const struct db_select *select, const struct db_field *by,
		   bool descending, struct ids *out, struct err *err);

enum { DB_GROUP_FIELDS = 2 };
/* Calls fn for each combination of values of one or two fields that selected jobs have, ordered by
 * them as db_jobs_sorted() does, with its jobs by state. A value is NULL if the jobs lack the
 * field. If fn returns a value other than 0, stops and returns that value. */
int db_jobs_group(struct db *db, const struct db_select *select, const struct db_field *by,
		  size_t nfields,
		  int (*fn)(void *arg, const char *const *values, const int64_t *counts), void *arg,
		  struct err *err);

#endif
