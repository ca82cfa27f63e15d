/* db_expr.c - the expressions and ranges of a selection, without SQL. */
#include "store/db.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"

struct db_expr *db_expr_test(const struct db_field *field, enum db_op op, struct strs *values)
{
	struct db_expr *e = mem_alloc(sizeof(*e));

	e->kind = EXPR_TEST;
	e->field = *field;
	e->op = op;
	e->values = *values;
	memset(values, 0, sizeof(*values));
	return e;
}

struct db_expr *db_expr_join(enum db_expr_kind kind, struct db_expr *a, struct db_expr *b)
{
	struct db_expr *e;

	if (kind != EXPR_NOT && (!a || !b))
		return a ? a : b;
	e = mem_alloc(sizeof(*e));
	e->kind = kind;
	e->a = a;
	e->b = b;
	return e;
}

void db_expr_free(struct db_expr *e)
{
	if (!e)
		return;
	db_expr_free(e->a);
	db_expr_free(e->b);
	free(e->field.name);
	strs_release(&e->values);
	free(e);
}

/* Sets *order to how value compares with want. Returns whether the two can be ordered. */
static bool compare_values(const char *value, const char *want, int *order)
{
	bool number = number_is(value);

	if (number != number_is(want))
		return false;
	*order = number ? number_compare(value, want) : strcmp(value, want);
	return true;
}

static bool meets_one(enum db_op op, const char *value, const char *want)
{
	int order;

	switch (op) {
	case OP_EQ:
	case OP_NE:
		return number_same(value, want);
	case OP_GLOB:
	case OP_NO_GLOB:
		return fnmatch(want, value, 0) == 0;
	default:
		break;
	}
	if (!compare_values(value, want, &order))
		return false;
	switch (op) {
	case OP_LT:
		return order < 0;
	case OP_LE:
		return order <= 0;
	case OP_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

bool db_expr_meets(const struct db_expr *e, const char *value)
{
	bool any = false;

	for (size_t i = 0; i < e->values.n && !any; i++)
		any = meets_one(e->op, value, e->values.v[i]);
	return e->op == OP_NE || e->op == OP_NO_GLOB ? !any : any;
}

void db_ranges_add(struct db_ranges *r, int64_t first, int64_t last)
{
	r->v = mem_grow(r->v, r->n + 1, sizeof(*r->v));
	r->v[r->n++] = (struct db_range){first, last};
}

static int compare_ranges(const void *a, const void *b)
{
	const struct db_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void db_ranges_sort(struct db_ranges *r)
{
	size_t kept = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), compare_ranges);
	for (size_t i = 0; i < r->n; i++) {
		if (kept && r->v[i].first <= r->v[kept - 1].last) {
			if (r->v[i].last > r->v[kept - 1].last)
				r->v[kept - 1].last = r->v[i].last;
		} else {
			r->v[kept++] = r->v[i];
		}
	}
	r->n = kept;
}

void db_ranges_release(struct db_ranges *r)
{
	free(r->v);
	memset(r, 0, sizeof(*r));
}

void db_select_release(struct db_select *s)
{
	db_ranges_release(&s->ids);
	free(s->sweeps);
	db_expr_free(s->expr);
	memset(s, 0, sizeof(*s));
}

void ids_add(struct ids *l, int64_t id)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = mem_grow(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = id;
}

void ids_release(struct ids *l)
{
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

bool ids_have(const int64_t *v, size_t n, int64_t id)
{
	return n && bsearch(&id, v, n, sizeof(*v), compare_ids);
}
