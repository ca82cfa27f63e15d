/*
 * sweep_cond.h - conditions over parameters: what exclude and when hold.
 */
#ifndef SLURMQ_SWEEP_COND_H
#define SLURMQ_SWEEP_COND_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/complaint.h"

enum cond_op { COND_ANY, COND_NOT, COND_LT, COND_LE, COND_GT, COND_GE };

struct cond {
	const char *name; /* of the parameter */
	size_t sym;
	struct pos pos;
	enum cond_op op;
	struct strs values; /* any or none of them; one for a comparison, a number */
};

/* The conditions of one entry, all of which must hold. */
struct rule {
	struct pos pos;
	struct cond *conds;
	size_t n, cap;
};

struct cond *rule_add(struct rule *rule);
void rule_release(struct rule *rule);

/* Where both sides are numbers they compare as numbers, else as text; a comparison with what is no
 * number does not hold. */
bool cond_holds(const struct cond *cond, const char *value);
/* values by symbol; a parameter without a value (NULL) meets no condition, not even {not: ...}. */
bool rule_holds(const struct rule *rule, const char *const *values);

#endif
