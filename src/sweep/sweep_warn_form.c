#include "sweep/sweep_warn.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "slurm/amount.h"
#include "slurm/sbatch_form.h"
#include "sweep/sweep_internal.h"

/* An option's value may come from parameters, directly or through lets. Such a value is rendered
 * for each combination of the groups that hold these parameters, not for each job. */

enum {
	RENDERED_MOST = 100000, /* values that are rendered for one sweep */
	DRAWS_MOST = 1000,	/* draws of one parameter that are rendered */
	NOTICE_S = 60,		/* the time that a command has after the signal of `checkpoint` */
};

struct forms {
	const struct sweep *sweep;
	struct complaint_list *list;
	const struct space *space;
	size_t left;	     /* how many values may still be rendered */
	unsigned char *seen; /* by symbol: it was looked up in the current space */
	const char **values; /* by symbol; NULL: not part of the current combination */
	const struct group **groups;
	size_t *at; /* by group: index of the current value */
	size_t ngroups;
	size_t ndraws; /* draws of the current space; 0: no group is drawn */
};

/* An option's value, and which overrides replace it: those from `later` on. */
struct placed {
	const struct setting *setting;
	const struct rule *when; /* NULL: always */
	size_t later;
};

static void add_group_of(struct forms *f, size_t sym)
{
	const struct groups *all = &f->space->groups;

	for (size_t g = 0; g < all->n; g++)
		for (size_t a = 0; a < all->v[g]->n; a++) {
			if (all->v[g]->axes[a].sym != sym)
				continue;
			for (size_t k = 0; k < f->ngroups; k++)
				if (f->groups[k] == all->v[g])
					return;
			f->groups[f->ngroups++] = all->v[g];
			if (axis_is_drawn(&all->v[g]->axes[0]))
				f->ndraws = f->space->samples < DRAWS_MOST
						    ? (size_t)f->space->samples
						    : DRAWS_MOST;
			return;
		}
}

static void add_groups(struct forms *f, const struct template *t);

static void add_groups_of_sym(struct forms *f, size_t sym)
{
	const struct let *let;

	if (f->seen[sym])
		return;
	f->seen[sym] = 1;
	let = space_axis(f->space, sym) ? NULL : sweep_let(f->sweep, f->space, sym);
	if (!let) {
		add_group_of(f, sym);
		return;
	}
	add_groups(f, &let->text.t);
	if (let->by)
		add_groups_of_sym(f, let->by_sym);
	for (size_t i = 0; i < let->ncases; i++)
		add_groups(f, &let->cases[i].text.t);
}

static void add_groups(struct forms *f, const struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].kind == PART_VALUE)
			add_groups_of_sym(f, t->parts[i].sym);
}

static bool any_rule_holds(const struct rules *rules, const char *const *values)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rule_holds(&rules->v[i], values))
			return true;
	return false;
}

static bool has_setting(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return true;
	return false;
}

/* Returns whether no job of the current combination has the value: all are excluded, or an
 * override replaces it. A rule on a parameter that is not part of the combination does not hold. */
static bool is_unused_value(const struct forms *f, const struct placed *p)
{
	const struct sweep *sweep = f->sweep;

	if (p->when && !rule_holds(p->when, f->values))
		return true;
	for (size_t i = p->later; i < sweep->noverrides; i++)
		if (has_setting(&sweep->overrides[i].sbatch, p->setting->name) &&
		    rule_holds(&sweep->overrides[i].when, f->values))
			return true;
	return any_rule_holds(&sweep->exclude, f->values) ||
	       any_rule_holds(&f->space->exclude, f->values);
}

/* Appends the values of the current combination, as in " (hours=4h)". */
static void add_origin(const struct forms *f, struct buf *out)
{
	size_t n = 0;

	for (size_t sym = 0; sym < f->sweep->syms.n; sym++)
		if (f->values[sym])
			buf_addf(out, "%s%s=%s", n++ ? ", " : " (", f->sweep->syms.v[sym],
				 f->values[sym]);
	if (n)
		buf_addch(out, ')');
}

bool sweep_warn_notice(const struct sweep *sweep, const char *limit, struct pos pos,
		       struct complaint_list *list)
{
	int64_t minutes, notice = sweep->notice_s ? sweep->notice_s : NOTICE_S;

	if (!sweep->checkpoint || amount_time(limit, &minutes) || minutes > notice / 60)
		return false;
	complaint_warn(
		list, pos,
		"the time limit '%s' is not longer than the %" PRId64
		" s before it at which 'checkpoint' sends the signal: the command gets it at "
		"its start",
		limit, notice);
	return true;
}

/* Checks the value of the current combination. Returns whether there is a warning about it. */
static bool check_value(struct forms *f, const struct placed *p)
{
	const struct setting *s = p->setting;
	struct buf value = {0}, instead = {0}, origin = {0};
	bool bad = false;

	if (is_unused_value(f, p))
		return false;
	if (sweep_render(f->sweep, f->space, f->values, &s->value.t, &value) > 0)
		bad = !sbatch_form(s->name, buf_str(&value), &instead);
	if (bad) {
		add_origin(f, &origin);
		complaint_warn(f->list, s->value.node->pos,
			       "sbatch's '%s': sbatch refuses '%.200s'%.200s: %s", s->name,
			       buf_str(&value), buf_str(&origin), buf_str(&instead));
	} else if (!strcmp(s->name, "time"))
		bad = sweep_warn_notice(f->sweep, buf_str(&value), s->value.node->pos, f->list);
	buf_release(&value);
	buf_release(&instead);
	buf_release(&origin);
	return bad;
}

/* Advances to the next combination. Returns false if there is none. All draws advance together. */
static bool advance_groups(struct forms *f, size_t *draw)
{
	if (f->ndraws && ++*draw < f->ndraws)
		return true;
	*draw = 0;
	for (size_t g = f->ngroups; g-- > 0;) {
		if (!axis_is_drawn(&f->groups[g]->axes[0]) && ++f->at[g] < f->groups[g]->length)
			return true;
		f->at[g] = 0;
	}
	return false;
}

static void set_values(struct forms *f, size_t draw, struct buf *drawn)
{
	for (size_t g = 0; g < f->ngroups; g++)
		for (size_t a = 0; a < f->groups[g]->n; a++) {
			const struct axis *axis = &f->groups[g]->axes[a];

			if (!axis_is_drawn(axis)) {
				f->values[axis->sym] = axis->values.v[f->at[g]];
				continue;
			}
			buf_clear(&drawn[g]);
			axis_draw(axis, f->space->seed, draw, &drawn[g]);
			f->values[axis->sym] = buf_str(&drawn[g]);
		}
}

/* Checks the value for each combination of the groups that it depends on. */
static bool check_combinations(struct forms *f, const struct placed *p)
{
	struct buf *drawn;
	size_t draw = 0;
	bool bad = false;

	for (size_t g = 0; g < f->ngroups; g++)
		if (f->groups[g]->length == 0)
			return false;
	drawn = mem_alloc((f->ngroups + 1) * sizeof(*drawn));
	memset(f->at, 0, (f->ngroups + 1) * sizeof(*f->at));
	do {
		set_values(f, draw, drawn);
		bad = check_value(f, p);
	} while (!bad && --f->left && advance_groups(f, &draw));
	memset(f->values, 0, (f->sweep->syms.n + 1) * sizeof(*f->values));
	for (size_t g = 0; g < f->ngroups; g++)
		buf_release(&drawn[g]);
	free(drawn);
	return bad;
}

static bool check_in_space(struct forms *f, const struct placed *p, const struct space *space)
{
	f->space = space;
	f->ngroups = f->ndraws = 0;
	f->groups = mem_grow(f->groups, space->groups.n + 1, sizeof(*f->groups));
	f->at = mem_grow(f->at, space->groups.n + 1, sizeof(*f->at));
	memset(f->seen, 0, f->sweep->syms.n + 1);
	add_groups(f, &p->setting->value.t);
	for (size_t i = 0; p->when && i < p->when->n; i++)
		add_groups_of_sym(f, p->when->conds[i].sym);
	return check_combinations(f, p);
}

static bool check_in_include(struct forms *f, const struct placed *p, const struct include *inc)
{
	bool bad;

	f->space = &f->sweep->base;
	for (size_t i = 0; i < inc->n; i++)
		f->values[sweep_sym_find(f->sweep, inc->params[i].name)] = inc->params[i].value;
	bad = check_value(f, p);
	memset(f->values, 0, (f->sweep->syms.n + 1) * sizeof(*f->values));
	return bad;
}

static bool is_checked(const struct setting *s)
{
	if (s->kind != SETTING_VALUE || !s->value.node || !sbatch_form_known(s->name))
		return false;
	for (size_t i = 0; i < s->value.t.n; i++)
		if (s->value.t.parts[i].kind == PART_ARGS || s->value.t.parts[i].kind == PART_KV)
			return false;
	return true;
}

/* Checks an option: in the space that sets it, or, with only NULL, in every space that does not set
 * it itself. One bad value is reported. */
static void check_placed(struct forms *f, const struct placed *p, const struct space *only)
{
	const struct sweep *sweep = f->sweep;

	if (!is_checked(p->setting))
		return;
	for (size_t i = 0; i < sweep->nspaces && f->left; i++) {
		const struct space *space = &sweep->spaces[i];

		if (only ? only != space
			 : !p->when && has_setting(&space->sbatch, p->setting->name))
			continue;
		if (check_in_space(f, p, space))
			return;
	}
	for (size_t i = 0; i < sweep->nincludes && f->left && !only; i++, f->left--)
		if (check_in_include(f, p, &sweep->includes[i]))
			return;
}

static void check_settings(struct forms *f, const struct settings *s, const struct rule *when,
			   size_t later, const struct space *only)
{
	for (size_t i = 0; i < s->n; i++) {
		struct placed p = {&s->v[i], when, later};

		check_placed(f, &p, only);
	}
}

void sweep_warn_forms(const struct sweep *sweep, struct complaint_list *list)
{
	struct forms f = {.sweep = sweep, .list = list, .left = RENDERED_MOST};

	f.seen = mem_alloc(sweep->syms.n + 1);
	f.values = mem_alloc((sweep->syms.n + 1) * sizeof(*f.values));
	check_settings(&f, &sweep->sbatch, NULL, 0, NULL);
	for (size_t i = 0; i < sweep->nspaces; i++)
		check_settings(&f, &sweep->spaces[i].sbatch, NULL, 0, &sweep->spaces[i]);
	for (size_t i = 0; i < sweep->noverrides; i++)
		check_settings(&f, &sweep->overrides[i].sbatch, &sweep->overrides[i].when, i + 1,
			       NULL);
	free(f.seen);
	free(f.values);
	free(f.groups);
	free(f.at);
}
