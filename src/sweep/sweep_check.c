#include "sweep/sweep_check.h"

#include <stdlib.h>
#include <string.h>

#include "lib/guess.h"
#include "sweep/sweep_internal.h"

struct check {
	const struct sweep *sweep;
	struct complaint_list *list;
	unsigned char *seen; /* lets of the current space, by symbol: 1 in progress, 2 done */
};

static bool is_in_groups(const struct groups *groups, size_t sym)
{
	for (size_t g = 0; g < groups->n; g++)
		for (size_t a = 0; a < groups->v[g]->n; a++)
			if (groups->v[g]->axes[a].sym == sym)
				return true;
	return false;
}

static bool is_param(const struct sweep *sweep, size_t sym)
{
	bool is = space_axis(&sweep->base, sym) != NULL;

	for (size_t i = 0; !is && i < sweep->nspaces; i++)
		is = space_axis(&sweep->spaces[i], sym) != NULL;
	return is;
}

static bool is_let(const struct sweep *sweep, size_t sym)
{
	bool is = sweep_let(sweep, &sweep->base, sym) != NULL;

	for (size_t i = 0; !is && i < sweep->nspaces; i++)
		is = sweep_let(sweep, &sweep->spaces[i], sym) != NULL;
	return is;
}

static const struct step *find_step_of_param(const struct sweep *sweep, size_t sym)
{
	for (size_t i = 0; i < sweep->nsteps; i++)
		if (is_in_groups(&sweep->steps[i].groups, sym))
			return &sweep->steps[i];
	return NULL;
}

/* Returns the nearest valid name, for "did you mean". */
static const char *find_nearest(const struct check *c, const char *name, const struct step *step,
				bool lets)
{
	const struct sweep *sweep = c->sweep;
	const char **names, *near;
	size_t n = 0;

	if (c->list->n >= COMPLAINT_MOST) /* usually no more are printed */
		return NULL;
	names = mem_alloc((sweep->syms.n + 1) * sizeof(*names));
	for (size_t sym = 0; sym < sweep->syms.n; sym++)
		if (is_param(sweep, sym) || (lets && is_let(sweep, sym)) ||
		    (step && is_in_groups(&step->groups, sym)))
			names[n++] = sweep->syms.v[sym];
	near = guess_nearest(name, names);
	free(names);
	return near;
}

/* ---- placeholders ---- */

static struct pos locate_part(const struct check *c, const struct field *field,
			      const struct part *p)
{
	if (c->list->n >= COMPLAINT_KEPT) /* further complaints are only counted */
		return field->node->pos;
	return node_locate(c->sweep->doc, field->node, p->offset);
}

static void refuse_unknown_name(const struct check *c, const struct field *field,
				const struct part *p, const struct step *step)
{
	const struct step *other = find_step_of_param(c->sweep, p->sym);
	struct pos pos = locate_part(c, field, p);
	const char *near;

	if (p->text[0] == '@') {
		complaint_error(c->list, pos,
				"there is no '{%s}': the names with @ are {@args}, {@kv} and {@id}",
				p->text);
	} else if (other) {
		complaint_error(c->list, pos, "'%s' is a parameter of step '%s' alone", p->text,
				other->name ? other->name : "?");
	} else if ((near = find_nearest(c, p->text, step, true)) != NULL) {
		complaint_error(c->list, pos,
				"there is no parameter '%s', did you mean '%s'? Or write {{%s}} "
				"for the text {%s}",
				p->text, near, p->text, p->text);
	} else {
		complaint_error(c->list, pos,
				"there is no parameter '%s': write {{%s}} for the text {%s}",
				p->text, p->text, p->text);
	}
}

/* Checks the name of a placeholder, and whether it is allowed at its place. */
static void check_part(const struct check *c, const struct field *field, const struct part *p,
		       const struct step *step)
{
	bool own = p->kind == PART_VALUE && step && is_in_groups(&step->groups, p->sym);

	if (p->kind == PART_TEXT)
		return;
	if (p->kind == PART_VALUE && !own && !is_param(c->sweep, p->sym) &&
	    !is_let(c->sweep, p->sym)) {
		refuse_unknown_name(c, field, p, step);
		return;
	}
	if (p->refusal)
		complaint_error(c->list, locate_part(c, field, p), "'{%s}' %s", p->text,
				p->refusal);
	else if (p->warning)
		complaint_warn(c->list, locate_part(c, field, p), "'{%s}' %s", p->text, p->warning);
}

static void check_field(const struct check *c, const struct field *field, const struct step *step)
{
	for (size_t i = 0; i < field->t.n; i++)
		check_part(c, field, &field->t.parts[i], step);
}

static void check_settings(const struct check *c, const struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		check_field(c, &s->v[i].value, NULL);
}

static void check_lets(const struct check *c, const struct lets *lets)
{
	for (size_t i = 0; i < lets->n; i++) {
		const struct let *let = &lets->v[i];

		check_field(c, &let->text, NULL);
		for (size_t k = 0; k < let->ncases; k++)
			check_field(c, &let->cases[k].text, NULL);
		if (let->by && !is_param(c->sweep, let->by_sym) && !is_let(c->sweep, let->by_sym))
			complaint_error(c->list, let->by_pos, "there is no parameter '%s'",
					let->by);
	}
}

/* Checks every placeholder of the file once. */
static void check_fields(const struct check *c)
{
	const struct sweep *sweep = c->sweep;

	check_lets(c, &sweep->lets);
	check_settings(c, &sweep->sbatch);
	check_settings(c, &sweep->env);
	for (size_t i = 0; i < sweep->noverrides; i++) {
		check_settings(c, &sweep->overrides[i].sbatch);
		check_settings(c, &sweep->overrides[i].env);
	}
	for (size_t i = 0; i < sweep->nspaces; i++) {
		check_lets(c, &sweep->spaces[i].lets);
		check_settings(c, &sweep->spaces[i].sbatch);
		check_settings(c, &sweep->spaces[i].env);
	}
	check_field(c, &sweep->setup, NULL);
	check_field(c, &sweep->title, NULL);
	for (size_t i = 0; i < sweep->nsteps; i++)
		for (size_t w = 0; w < sweep->steps[i].run.n; w++)
			check_field(c, &sweep->steps[i].run.words[w], &sweep->steps[i]);
}

/* ---- what a sub-space lacks ----
 *
 * A scope is a space, or one included job. */

struct scope {
	const struct space *space;
	const struct include *include; /* NULL: the whole space */
};

static bool has_param(const struct check *c, const struct scope *scope, size_t sym)
{
	const struct axis *axis = space_axis(scope->space, sym);

	if (!scope->include)
		return axis != NULL;
	for (size_t i = 0; i < scope->include->n; i++)
		if (!strcmp(scope->include->params[i].name, c->sweep->syms.v[sym]))
			return true;
	return axis && axis->fallback;
}

static void refuse_missing_param(const struct check *c, const struct scope *scope, const char *name,
				 struct pos pos)
{
	if (scope->include)
		complaint_error(c->list, scope->include->pos,
				"an included job needs a value of '%s', "
				"which line %zu uses",
				name, pos.line);
	else
		complaint_error(c->list, pos, "'%s' is not a parameter of variant '%s'", name,
				scope->space->variant ? scope->space->variant : "?");
}

static void check_scope_field(struct check *c, const struct scope *scope, const struct field *field,
			      const struct step *step);

static void check_scope_let(struct check *c, const struct scope *scope, const struct let *let)
{
	if (c->seen[let->sym] == 2)
		return;
	if (c->seen[let->sym] == 1) {
		complaint_error(c->list, let->pos, "let '%s' refers to itself", let->name);
		return;
	}
	c->seen[let->sym] = 1;
	check_scope_field(c, scope, &let->text, NULL);
	if (let->by && !has_param(c, scope, let->by_sym)) {
		const struct let *other = sweep_let(c->sweep, scope->space, let->by_sym);

		if (other)
			check_scope_let(c, scope, other);
		else if (is_param(c->sweep, let->by_sym) || is_let(c->sweep, let->by_sym))
			refuse_missing_param(c, scope, let->by, let->by_pos);
	}
	for (size_t k = 0; k < let->ncases; k++)
		check_scope_field(c, scope, &let->cases[k].text, NULL);
	c->seen[let->sym] = 2;
}

static void check_scope_field(struct check *c, const struct scope *scope, const struct field *field,
			      const struct step *step)
{
	for (size_t i = 0; i < field->t.n; i++) {
		const struct part *p = &field->t.parts[i];
		const struct let *let;

		if (p->kind != PART_VALUE || has_param(c, scope, p->sym) ||
		    (step && is_in_groups(&step->groups, p->sym)))
			continue;
		let = sweep_let(c->sweep, scope->space, p->sym);
		if (let)
			check_scope_let(c, scope, let);
		else if (is_param(c->sweep, p->sym) || is_let(c->sweep, p->sym))
			refuse_missing_param(c, scope, p->text, locate_part(c, field, p));
	}
}

static void check_scope_settings(struct check *c, const struct scope *scope,
				 const struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		check_scope_field(c, scope, &s->v[i].value, NULL);
}

static void check_scope(struct check *c, const struct scope *scope)
{
	const struct sweep *sweep = c->sweep;

	memset(c->seen, 0, sweep->syms.n);
	check_scope_settings(c, scope, &sweep->sbatch);
	check_scope_settings(c, scope, &sweep->env);
	check_scope_settings(c, scope, &scope->space->sbatch);
	check_scope_settings(c, scope, &scope->space->env);
	check_scope_field(c, scope, &sweep->setup, NULL);
	check_scope_field(c, scope, &sweep->title, NULL);
	for (size_t i = 0; i < sweep->nsteps; i++)
		for (size_t w = 0; w < sweep->steps[i].run.n; w++)
			check_scope_field(c, scope, &sweep->steps[i].run.words[w],
					  &sweep->steps[i]);
	for (size_t i = 0; i < sweep->lets.n; i++) /* unused lets may have circles too */
		if (!sweep->variants && !scope->include)
			check_scope_let(c, scope, &sweep->lets.v[i]);
}

static void check_include(struct check *c, const struct include *inc)
{
	const struct sweep *sweep = c->sweep;
	struct scope scope = {&sweep->base, inc};
	const char *near;

	for (size_t i = 0; i < inc->n; i++) {
		const char *name = inc->params[i].name;

		if (is_param(sweep, sweep_sym_find(sweep, name)))
			continue;
		near = find_nearest(c, name, NULL, false);
		complaint_error(c->list, inc->pos,
				"an included job has '%s', which is not a parameter%s%s%s", name,
				near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	for (size_t g = 0; !sweep->variants && g < sweep->base.groups.n; g++)
		for (size_t a = 0; a < sweep->base.groups.v[g]->n; a++) {
			const struct axis *axis = &sweep->base.groups.v[g]->axes[a];

			if (!has_param(c, &scope, axis->sym))
				complaint_error(c->list, inc->pos,
						"an included job needs a value of "
						"every parameter, and has none of '%s'",
						axis->name);
		}
	if (sweep->variants)
		check_scope(c, &scope);
}

/* ---- names with two meanings ---- */

static bool has_complaint(const struct complaint_list *list, struct pos pos)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].pos.line == pos.line && list->v[i].pos.col == pos.col)
			return true;
	return false;
}

static void check_doubles(const struct check *c, const struct groups *own)
{
	memset(c->seen, 0, c->sweep->syms.n);
	for (size_t g = 0; g < own->n; g++)
		for (size_t a = 0; a < own->v[g]->n; a++) {
			const struct axis *axis = &own->v[g]->axes[a];

			if (c->seen[axis->sym] && !has_complaint(c->list, axis->pos))
				complaint_error(c->list, axis->pos,
						"parameter '%s' is already defined", axis->name);
			c->seen[axis->sym] = 1;
		}
}

static void check_clashes(const struct check *c, const struct space *space)
{
	const struct sweep *sweep = c->sweep;

	for (size_t g = 0; g < space->groups.n; g++)
		for (size_t a = 0; a < space->groups.v[g]->n; a++) {
			const struct axis *axis = &space->groups.v[g]->axes[a];
			const struct let *let = sweep_let(sweep, space, axis->sym);

			if (let)
				complaint_error(c->list, let->pos, "'%s' is also a parameter",
						let->name);
		}
	for (size_t i = 0; i < sweep->nsteps; i++)
		for (size_t g = 0; g < sweep->steps[i].groups.n; g++) {
			const struct axis *axis = &sweep->steps[i].groups.v[g]->axes[0];

			if (space_axis(space, axis->sym) || sweep_let(sweep, space, axis->sym))
				complaint_error(c->list, axis->pos,
						"'%s' is already a name of the whole job",
						axis->name);
		}
}

/* ---- conditions ---- */

static void check_rule(const struct check *c, const struct rule *rule, const struct space *space,
		       const struct step *step)
{
	for (size_t i = 0; i < rule->n; i++) {
		const struct cond *cond = &rule->conds[i];
		const char *near;
		bool known = space ? space_axis(space, cond->sym) != NULL
				   : is_param(c->sweep, cond->sym);

		if (known || (step && is_in_groups(&step->groups, cond->sym)))
			continue;
		near = find_nearest(c, cond->name, step, false);
		if (is_let(c->sweep, cond->sym))
			complaint_error(c->list, cond->pos,
					"'%s' is derived: a condition can test parameters only",
					cond->name);
		else if (near)
			complaint_error(c->list, cond->pos,
					"there is no parameter '%s', did you mean "
					"'%s'?",
					cond->name, near);
		else
			complaint_error(c->list, cond->pos, "there is no parameter '%s'",
					cond->name);
	}
}

static void check_rules(const struct check *c)
{
	const struct sweep *sweep = c->sweep;

	for (size_t i = 0; i < sweep->exclude.n; i++)
		check_rule(c, &sweep->exclude.v[i], NULL, NULL);
	for (size_t i = 0; i < sweep->noverrides; i++)
		check_rule(c, &sweep->overrides[i].when, NULL, NULL);
	for (size_t s = 0; s < sweep->nspaces; s++)
		for (size_t i = 0; i < sweep->spaces[s].exclude.n; i++)
			check_rule(c, &sweep->spaces[s].exclude.v[i], &sweep->spaces[s], NULL);
	for (size_t s = 0; s < sweep->nsteps; s++)
		for (size_t i = 0; i < sweep->steps[s].exclude.n; i++)
			check_rule(c, &sweep->steps[s].exclude.v[i], NULL, &sweep->steps[s]);
}

static void check_names(struct check *c)
{
	const struct sweep *sweep = c->sweep;

	check_fields(c);
	check_rules(c);
	check_doubles(c, &sweep->base.own);
	for (size_t i = 0; i < sweep->nspaces; i++) {
		struct scope scope = {&sweep->spaces[i], NULL};

		check_doubles(c, &sweep->spaces[i].own);
		check_clashes(c, &sweep->spaces[i]);
		check_scope(c, &scope);
	}
	for (size_t i = 0; i < sweep->nsteps; i++)
		check_doubles(c, &sweep->steps[i].groups);
	for (size_t i = 0; i < sweep->nincludes; i++)
		check_include(c, &sweep->includes[i]);
}

/* ---- draws and their sample ---- */

static const struct axis *find_drawn_axis(const struct space *space)
{
	for (size_t g = 0; g < space->groups.n; g++)
		if (space->groups.v[g]->n && axis_is_drawn(&space->groups.v[g]->axes[0]))
			return &space->groups.v[g]->axes[0];
	return NULL;
}

static void check_draws(const struct check *c)
{
	const struct sweep *sweep = c->sweep;
	bool drawn = false;

	for (size_t i = 0; i < sweep->nspaces; i++) {
		const struct axis *axis = find_drawn_axis(&sweep->spaces[i]);

		drawn = drawn || axis;
		if (axis && !sweep->spaces[i].sample_pos.line)
			complaint_error(c->list, axis->pos,
					"'%s' is drawn, which needs 'sample: {n: 20, "
					"seed: 821}'",
					axis->name);
		if (!axis && sweep->variants &&
		    sweep->spaces[i].sample_pos.line != sweep->base.sample_pos.line)
			complaint_error(
				c->list, sweep->spaces[i].sample_pos,
				"nothing is drawn in "
				"variant '%s': 'sample' goes with uniform, loguniform, randint "
				"and choice",
				sweep->spaces[i].variant);
	}
	if (!drawn && sweep->base.sample_pos.line)
		complaint_error(c->list, sweep->base.sample_pos,
				"nothing is drawn: 'sample' goes with "
				"uniform, loguniform, randint and choice");
}

/* ---- lengths ---- */

/* Estimates the maximum length of a script's text: a placeholder becomes about 40 characters. */
static size_t estimate_text_length(const struct field *field, size_t nparams)
{
	size_t len = 0;

	for (size_t i = 0; i < field->t.n; i++) {
		const struct part *p = &field->t.parts[i];
		bool many = p->kind == PART_ARGS || p->kind == PART_KV;

		len += p->kind == PART_TEXT ? p->len : many ? 2 * nparams * 24 : 48;
	}
	return len;
}

/* Checks the number of combinations of the steps: excluded ones are also visited for every job. */
static void check_steps(const struct check *c)
{
	size_t sum = 0;

	for (size_t i = 0; i < c->sweep->nsteps; i++) {
		const struct step *step = &c->sweep->steps[i];
		size_t n = 1;

		for (size_t g = 0; g < step->groups.n && n <= SWEEP_COMBINATIONS_MOST; g++)
			n *= step->groups.v[g]->length;
		sum += n;
		if (sum <= SWEEP_COMBINATIONS_MOST)
			continue;
		complaint_error(c->list, step->pos,
				"more than 100,000 steps in a job, before 'exclude': it may have "
				"10,000 after");
		break;
	}
}

static void check_lengths(const struct check *c)
{
	const struct sweep *sweep = c->sweep;
	size_t setup = estimate_text_length(&sweep->setup, sweep->syms.n);

	for (size_t i = 0; i < sweep->nsteps; i++) {
		const struct command *run = &sweep->steps[i].run;

		for (size_t w = 0; w < run->n; w++) {
			size_t len = estimate_text_length(&run->words[w], sweep->syms.n);

			if (w == 0)
				len += setup;
			if (len > SWEEP_WORD_MOST)
				complaint_error(c->list, run->words[w].node->pos,
						"the command is too "
						"long: one argument of a program can be 128 KiB "
						"(execve(2)), so put the text into a file");
		}
	}
}

/* Checks that the lists of a group have the same length; files count after they are read. */
static void check_zip(const struct check *c, const struct group *g)
{
	size_t first = 0;

	for (size_t a = 0; g->zip && a < g->n; a++) {
		const struct axis *axis = &g->axes[a];
		const char *why;
		size_t n = axis->values.n;

		if (n == 0 && axis->kind == AXIS_RANGE && axis->range.from && axis->range.to &&
		    axis->range.by)
			n = range_count(&axis->range, SWEEP_JOBS_MOST, &why);
		if (n == 0)
			continue;
		if (first && n != first)
			complaint_error(
				c->list, axis->pos,
				"parameters in one group of 'zip' must have the same length: '%s' has %zu values, '%s' has %zu",
				g->axes[0].name, first, axis->name, n);
		first = first ? first : n;
	}
}

void sweep_check(const struct sweep *sweep, struct complaint_list *list)
{
	struct check c = {.sweep = sweep, .list = list};

	c.seen = mem_alloc(sweep->syms.n + 1);
	if (!sweep->tables)
		check_names(&c);
	check_draws(&c);
	check_lengths(&c);
	check_steps(&c);
	for (size_t g = 0; g < sweep->groups.n; g++)
		check_zip(&c, sweep->groups.v[g]);
	free(c.seen);
}

/* ---- checks that need values ---- */

static bool group_can_hold(const struct rule *rule, const struct group *g)
{
	for (size_t i = 0; i < g->length; i++) {
		bool all = true;

		for (size_t k = 0; k < rule->n && all; k++)
			for (size_t a = 0; a < g->n; a++)
				if (g->axes[a].sym == rule->conds[k].sym &&
				    !axis_is_drawn(&g->axes[a]))
					all = all &&
					      cond_holds(&rule->conds[k], g->axes[a].values.v[i]);
		if (all)
			return true;
	}
	return g->length == 0;
}

/* Returns whether a job of the space can meet every condition. A draw may have any value. */
static bool rule_can_hold(const struct rule *rule, const struct space *space,
			  const struct step *step)
{
	for (size_t k = 0; k < rule->n; k++)
		if (!space_axis(space, rule->conds[k].sym) &&
		    !(step && is_in_groups(&step->groups, rule->conds[k].sym)))
			return false;
	for (size_t g = 0; g < space->groups.n; g++)
		if (!group_can_hold(rule, space->groups.v[g]))
			return false;
	for (size_t g = 0; step && g < step->groups.n; g++)
		if (!group_can_hold(rule, step->groups.v[g]))
			return false;
	return true;
}

static void warn_rule(const struct check *c, const struct rule *rule, const struct space *only,
		      const struct step *step)
{
	bool can = false;

	for (size_t i = 0; !can && i < c->sweep->nspaces; i++)
		if (!only || only == &c->sweep->spaces[i])
			can = rule_can_hold(rule, &c->sweep->spaces[i], step);
	if (!can)
		complaint_warn(c->list, rule->pos, "this condition matches nothing");
}

static void warn_rules(const struct check *c)
{
	const struct sweep *sweep = c->sweep;

	for (size_t i = 0; i < sweep->exclude.n; i++)
		warn_rule(c, &sweep->exclude.v[i], NULL, NULL);
	for (size_t i = 0; i < sweep->noverrides; i++)
		if (sweep->nincludes == 0) /* an override may be for an included job */
			warn_rule(c, &sweep->overrides[i].when, NULL, NULL);
	for (size_t s = 0; s < sweep->nspaces; s++)
		for (size_t i = 0; i < sweep->spaces[s].exclude.n; i++)
			warn_rule(c, &sweep->spaces[s].exclude.v[i], &sweep->spaces[s], NULL);
	for (size_t s = 0; s < sweep->nsteps && sweep->nincludes == 0; s++)
		for (size_t i = 0; i < sweep->steps[s].exclude.n; i++)
			warn_rule(c, &sweep->steps[s].exclude.v[i], NULL, &sweep->steps[s]);
}

static bool let_has_value(const struct let *let, const char *value)
{
	for (size_t i = 0; i < let->ncases; i++)
		if (!strcmp(let->cases[i].value, value))
			return true;
	return false;
}

static void check_let_map(const struct check *c, const struct space *space, const struct let *let)
{
	const struct axis *axis = let->by ? space_axis(space, let->by_sym) : NULL;

	for (size_t i = 0; axis && i < axis->values.n; i++)
		if (!let_has_value(let, axis->values.v[i]))
			complaint_error(c->list, let->pos, "let '%s' has no entry for %s '%s'",
					let->name, let->by, axis->values.v[i]);
}

static void check_let_maps(const struct check *c)
{
	for (size_t s = 0; s < c->sweep->nspaces; s++) {
		const struct space *space = &c->sweep->spaces[s];

		for (size_t i = 0; i < c->sweep->lets.n; i++)
			if (sweep_let(c->sweep, space, c->sweep->lets.v[i].sym) ==
			    &c->sweep->lets.v[i])
				check_let_map(c, space, &c->sweep->lets.v[i]);
		for (size_t i = 0; i < space->lets.n; i++)
			check_let_map(c, space, &space->lets.v[i]);
	}
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void warn_equal(const struct check *c, const struct group *g)
{
	const struct axis *axis = &g->axes[0];
	char **sorted;

	if (g->n != 1 || g->zip || axis->kind == AXIS_CHOICE || axis->kind == AXIS_RANGE ||
	    axis->values.n < 2)
		return;
	sorted = mem_alloc(axis->values.n * sizeof(*sorted));
	memcpy(sorted, axis->values.v, axis->values.n * sizeof(*sorted));
	qsort(sorted, axis->values.n, sizeof(*sorted), compare_texts);
	for (size_t i = 1; i < axis->values.n; i++)
		if (!strcmp(sorted[i - 1], sorted[i]))
			complaint_warn(c->list, axis->pos,
				       "parameter '%s' has the value '%s' twice: equal "
				       "jobs are run once",
				       axis->name, sorted[i]);
	free(sorted);
}

void sweep_check_values(const struct sweep *sweep, bool names, struct complaint_list *list)
{
	struct check c = {.sweep = sweep, .list = list};

	c.seen = mem_alloc(sweep->syms.n + 1);
	if (names)
		check_names(&c);
	for (size_t g = 0; g < sweep->groups.n; g++) {
		check_zip(&c, sweep->groups.v[g]);
		warn_equal(&c, sweep->groups.v[g]);
	}
	check_let_maps(&c);
	if (list->errors == 0)
		warn_rules(&c);
	free(c.seen);
}
