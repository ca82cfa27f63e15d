/*
 * sweep_cond.h - conditions over parameters, as in `exclude` and `when`.
 */
#ifndef SLURMQ_SWEEP_COND_H
#define SLURMQ_SWEEP_COND_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/complaint.h"

enum cond_op { COND_ANY, COND_NOT, COND_LT, COND_LE, COND_GT, COND_GE };

struct cond {
	const char *name; /* name of the parameter */
	size_t sym;
	struct pos pos;
	enum cond_op op;
	struct strs values; /* the alternatives; a comparison has only one, a number */
};

/* The conditions of one entry, all of which must hold. */
struct rule {
	struct pos pos;
	struct cond *conds;
	size_t n, cap;
};

struct cond *rule_add(struct rule *rule);
void rule_release(struct rule *rule);

/* Returns whether a condition holds. If both sides are numbers, they are compared as numbers,
 * otherwise as text. A comparison with a text that is not a number does not hold. */
bool cond_holds(const struct cond *cond, const char *value);
/* Returns whether all conditions of a rule hold. values is indexed by symbol. A parameter
 * without a value (NULL) meets no condition, not even {not: ...}. */
bool rule_holds(const struct rule *rule, const char *const *values);

#endif
