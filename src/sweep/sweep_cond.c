#include "sweep/sweep_cond.h"

#include <stdlib.h>
#include <string.h>

#include "lib/number.h"

struct cond *rule_add(struct rule *rule)
{
	if (rule->n == rule->cap) {
		rule->cap = rule->cap ? rule->cap * 2 : 4;
		rule->conds = mem_grow(rule->conds, rule->cap, sizeof(*rule->conds));
	}
	memset(&rule->conds[rule->n], 0, sizeof(*rule->conds));
	return &rule->conds[rule->n++];
}

void rule_release(struct rule *rule)
{
	for (size_t i = 0; i < rule->n; i++)
		strs_release(&rule->conds[i].values);
	free(rule->conds);
	memset(rule, 0, sizeof(*rule));
}

static bool has_value(const struct strs *values, const char *value)
{
	for (size_t i = 0; i < values->n; i++)
		if (number_same(values->v[i], value))
			return true;
	return false;
}

bool cond_holds(const struct cond *cond, const char *value)
{
	int d;

	if (cond->op == COND_ANY)
		return has_value(&cond->values, value);
	if (cond->op == COND_NOT)
		return !has_value(&cond->values, value);
	if (!number_is(value) || cond->values.n == 0)
		return false;
	d = number_compare(value, cond->values.v[0]);
	switch (cond->op) {
	case COND_LT:
		return d < 0;
	case COND_LE:
		return d <= 0;
	case COND_GT:
		return d > 0;
	default:
		return d >= 0;
	}
}

bool rule_holds(const struct rule *rule, const char *const *values)
{
	for (size_t i = 0; i < rule->n; i++) {
		const char *value = values[rule->conds[i].sym];

		if (!value || !cond_holds(&rule->conds[i], value))
			return false;
	}
	return true;
}
