#include "sweep/sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/draw.h"
#include "sweep/sweep_internal.h"

/* ---- growing a list by one zeroed element ---- */
static void *grow_by_one(void *v, size_t *n, size_t *cap, size_t size)
{
	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 4;
		v = mem_grow(v, *cap, size);
	}
	memset((char *)v + *n * size, 0, size);
	++*n;
	return v;
}

struct group *sweep_add_group(struct sweep *sweep)
{
	struct group *g = mem_alloc(sizeof(*g));

	groups_push(&sweep->groups, g);
	return g;
}

void groups_push(struct groups *list, struct group *group)
{
	list->v = grow_by_one(list->v, &list->n, &list->cap, sizeof(*list->v));
	list->v[list->n - 1] = group;
}

struct axis *group_add(struct group *group)
{
	group->axes = grow_by_one(group->axes, &group->n, &group->cap, sizeof(*group->axes));
	return &group->axes[group->n - 1];
}

struct rule *rules_add(struct rules *list)
{
	list->v = grow_by_one(list->v, &list->n, &list->cap, sizeof(*list->v));
	return &list->v[list->n - 1];
}

struct setting *settings_add(struct settings *list)
{
	list->v = grow_by_one(list->v, &list->n, &list->cap, sizeof(*list->v));
	return &list->v[list->n - 1];
}

struct let *lets_add(struct lets *list)
{
	list->v = grow_by_one(list->v, &list->n, &list->cap, sizeof(*list->v));
	return &list->v[list->n - 1];
}

/* ---- spaces and what they inherit ---- */

static bool has_sym(const struct group *group, size_t sym)
{
	for (size_t a = 0; a < group->n; a++)
		if (group->axes[a].sym == sym)
			return true;
	return false;
}

/* Returns the group of a list that has one of the names of group; NULL if there is none. */
static struct group *find_sharing_group(const struct groups *list, const struct group *group,
					bool zip)
{
	for (size_t g = 0; g < list->n; g++)
		for (size_t a = 0; a < group->n && list->v[g]->zip == zip; a++)
			if (has_sym(list->v[g], group->axes[a].sym))
				return list->v[g];
	return NULL;
}

static void compose_groups(const struct groups *base, struct space *space)
{
	const struct groups *own = &space->own;

	space->groups.n = 0;
	for (size_t g = 0; g < base->n; g++)
		if (base->v[g]->zip && !find_sharing_group(own, base->v[g], true) &&
		    !find_sharing_group(own, base->v[g], false))
			groups_push(&space->groups, base->v[g]);
	for (size_t g = 0; g < own->n; g++)
		if (own->v[g]->zip)
			groups_push(&space->groups, own->v[g]);
	for (size_t g = 0; g < base->n; g++) {
		struct group *mine;

		if (base->v[g]->zip || find_sharing_group(own, base->v[g], true))
			continue;
		mine = find_sharing_group(own, base->v[g], false);
		groups_push(&space->groups, mine ? mine : base->v[g]);
	}
	for (size_t g = 0; g < own->n; g++)
		if (!own->v[g]->zip && !find_sharing_group(&space->groups, own->v[g], false))
			groups_push(&space->groups, own->v[g]);
	space->drawn = false;
	for (size_t g = 0; g < space->groups.n; g++)
		if (space->groups.v[g]->n && axis_is_drawn(&space->groups.v[g]->axes[0]))
			space->drawn = true;
}

void sweep_compose(struct sweep *sweep)
{
	static const struct groups none;

	compose_groups(&none, &sweep->base);
	for (size_t i = 0; i < sweep->nspaces; i++)
		compose_groups(&sweep->base.groups, &sweep->spaces[i]);
}

/* ---- names ---- */

size_t sweep_sym_find(const struct sweep *sweep, const char *name)
{
	for (size_t i = 0; i < sweep->syms.n; i++)
		if (!strcmp(sweep->syms.v[i], name))
			return i;
	return PART_NO_SYM;
}

size_t sweep_sym(struct sweep *sweep, const char *name)
{
	size_t sym = sweep_sym_find(sweep, name);

	if (sym != PART_NO_SYM)
		return sym;
	strs_add(&sweep->syms, name);
	return sweep->syms.n - 1;
}

const struct axis *space_axis(const struct space *space, size_t sym)
{
	for (size_t g = 0; g < space->groups.n; g++)
		for (size_t a = 0; a < space->groups.v[g]->n; a++)
			if (space->groups.v[g]->axes[a].sym == sym)
				return &space->groups.v[g]->axes[a];
	return NULL;
}

const struct space *sweep_space(const struct sweep *sweep, const char *variant)
{
	for (size_t i = 0; variant && i < sweep->nspaces; i++)
		if (sweep->spaces[i].variant && !strcmp(sweep->spaces[i].variant, variant))
			return &sweep->spaces[i];
	return &sweep->base;
}

static const struct let *find_let(const struct lets *lets, size_t sym)
{
	for (size_t i = 0; i < lets->n; i++)
		if (lets->v[i].sym == sym)
			return &lets->v[i];
	return NULL;
}

const struct let *sweep_let(const struct sweep *sweep, const struct space *space, size_t sym)
{
	const struct let *let = find_let(&space->lets, sym);

	return let ? let : find_let(&sweep->lets, sym);
}

/* ---- axes with very many values ---- */

void axis_pack(struct axis *axis, char *packed, size_t n)
{
	axis->values.v = mem_grow(NULL, n + 1, sizeof(*axis->values.v));
	axis->values.n = axis->values.cap = n;
	axis->packed = packed;
	for (size_t i = 0; i < n; i++, packed += strlen(packed) + 1)
		axis->values.v[i] = packed;
	axis->values.v[n] = NULL;
}

size_t axis_length(const struct axis *axis)
{
	const char *why;

	if (axis_is_drawn(axis))
		return 1;
	if (axis->kind == AXIS_RANGE && axis->values.n == 0)
		return range_count(&axis->range, SIZE_MAX / 64, &why);
	return axis->values.n;
}

int axis_pack_range(struct axis *axis, const char **why)
{
	struct buf texts = {0};
	size_t n;

	if (range_values(&axis->range, &texts, &n, why) != 0) {
		buf_release(&texts);
		return -1;
	}
	axis_pack(axis, buf_take(&texts), n);
	return 0;
}

/* ---- draws ---- */

bool axis_is_drawn(const struct axis *axis)
{
	return axis->kind >= AXIS_UNIFORM;
}

static void draw_int(const struct axis *axis, const char *seed, uint64_t i, struct buf *out)
{
	int64_t low = 0, high = 0;
	double span;

	number_to_int(axis->low, &low);
	number_to_int(axis->high, &high);
	span = (double)(high - low) + 1;
	buf_addf(out, "%" PRId64, low + (int64_t)(draw_unit(seed, axis->name, i) * span));
}

void axis_draw(const struct axis *axis, const char *seed, uint64_t i, struct buf *out)
{
	double unit = draw_unit(seed, axis->name, i), low, high;

	if (axis->kind == AXIS_CHOICE) {
		buf_addstr(out, axis->values.v[(size_t)(unit * (double)axis->values.n)]);
		return;
	}
	if (axis->kind == AXIS_RANDINT) {
		draw_int(axis, seed, i, out);
		return;
	}
	low = number_to_double(axis->low);
	high = number_to_double(axis->high);
	if (axis->kind == AXIS_LOGUNIFORM) {
		low = number_ln(low);
		high = number_ln(high);
		number_add_double(out, number_exp(low + unit * (high - low)));
	} else {
		number_add_double(out, low + unit * (high - low));
	}
}

/* ---- identity ---- */

static int compare_names(const void *a, const void *b)
{
	const struct sweep_param *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static bool is_left_out(const struct sweep *sweep, const struct space *space,
			const struct sweep_param *param)
{
	size_t sym = sweep_sym_find(sweep, param->name);
	const struct axis *axis = sym == PART_NO_SYM ? NULL : space_axis(space, sym);

	return axis && axis->fallback && !strcmp(axis->fallback, param->value);
}

static void add_pair(struct buf *out, const char *name, const char *value)
{
	buf_addstr(out, name);
	buf_addch(out, '=');
	buf_add(out, value, strlen(value) + 1);
}

void sweep_identity_text(const struct sweep *sweep, const struct sweep_point *point,
			 struct buf *out)
{
	const struct space *space = sweep_space(sweep, point->variant);
	const struct sweep_param **sorted = mem_alloc((point->n + 1) * sizeof(*sorted));
	bool drawn = false;

	for (size_t i = 0; i < point->n; i++) {
		sorted[i] = &point->params[i];
		drawn = drawn || point->params[i].drawn;
	}
	if (point->n)
		qsort(sorted, point->n, sizeof(*sorted), compare_names);
	buf_add(out, sweep->name, strlen(sweep->name) + 1);
	if (drawn && point->seed) {
		char index[24];

		snprintf(index, sizeof(index), "%" PRId64, point->sample);
		add_pair(out, "@seed", point->seed); /* no name of a parameter begins with @ */
		add_pair(out, "@sample", index);
	}
	for (size_t i = 0; i < point->n; i++)
		if (!sorted[i]->drawn && !is_left_out(sweep, space, sorted[i]))
			add_pair(out, sorted[i]->name, sorted[i]->value);
	free(sorted);
}

uint64_t sweep_identity(const struct sweep *sweep, const struct sweep_point *point)
{
	struct buf text = {0};
	uint64_t id;

	sweep_identity_text(sweep, point, &text);
	id = sha256_64(text.s, text.len);
	buf_release(&text);
	return id;
}

/* ---- queries ---- */

const char *sweep_default(const struct sweep *sweep, const char *variant, const char *name)
{
	size_t sym = sweep_sym_find(sweep, name);
	const struct axis *axis = space_axis(sweep_space(sweep, variant), sym);

	return axis ? axis->fallback : NULL;
}

void sweep_limit_jobs(struct sweep *sweep, uint64_t most)
{
	sweep->most = most;
}

const char *sweep_name(const struct sweep *sweep)
{
	return sweep->name;
}

const char *sweep_script_path(const struct sweep *sweep)
{
	return sweep->script_path;
}

const char *sweep_script_text(const struct sweep *sweep)
{
	return sweep->script;
}

void sweep_set_script(struct sweep *sweep, const char *text)
{
	char *copy = mem_strdup(text);

	free(sweep->script);
	sweep->script = copy;
}

const struct sweep_retry *sweep_retry(const struct sweep *sweep)
{
	return &sweep->retry;
}

int64_t sweep_limit(const struct sweep *sweep)
{
	return sweep->limit;
}

bool sweep_restartable(const struct sweep *sweep)
{
	return sweep->restartable;
}

char *sweep_setup_place(const struct sweep *sweep)
{
	const struct node *setup = sweep->setup.node;

	return setup ? mem_printf("%s:%zu", sweep->doc->name, setup->pos.line) : NULL;
}

const char *sweep_checkpoint(const struct sweep *sweep)
{
	return sweep->checkpoint;
}

int sweep_notice_s(const struct sweep *sweep)
{
	return (int)sweep->notice_s;
}

static bool is_constant(const struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!template_is_constant(&s->v[i].value.t))
			return false;
	return true;
}

bool sweep_sbatch_uniform(const struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->nspaces; i++)
		if (sweep->spaces[i].sbatch.n)
			return false;
	for (size_t i = 0; i < sweep->noverrides; i++)
		if (sweep->overrides[i].sbatch.n)
			return false;
	return is_constant(&sweep->sbatch);
}

/* ---- freeing ---- */

static void axis_release(struct axis *axis)
{
	if (axis->packed)
		free(axis->values.v);
	else
		strs_release(&axis->values);
	free(axis->packed);
}

static void free_groups(struct groups *groups)
{
	for (size_t g = 0; g < groups->n; g++) {
		for (size_t a = 0; a < groups->v[g]->n; a++)
			axis_release(&groups->v[g]->axes[a]);
		free(groups->v[g]->axes);
		strs_release(&groups->v[g]->names);
		free(groups->v[g]);
	}
	free(groups->v);
}

static void free_rules(struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		rule_release(&rules->v[i]);
	free(rules->v);
}

static void free_settings(struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		template_release(&s->v[i].value.t);
	free(s->v);
}

static void free_lets(struct lets *lets)
{
	for (size_t i = 0; i < lets->n; i++) {
		template_release(&lets->v[i].text.t);
		for (size_t c = 0; c < lets->v[i].ncases; c++)
			template_release(&lets->v[i].cases[c].text.t);
		free(lets->v[i].cases);
	}
	free(lets->v);
}

static void free_space(struct space *space)
{
	free(space->groups.v);
	free(space->own.v);
	free_rules(&space->exclude);
	free_lets(&space->lets);
	free_settings(&space->sbatch);
	free_settings(&space->env);
}

static void free_step(struct step *step)
{
	for (size_t i = 0; i < step->run.n; i++)
		template_release(&step->run.words[i].t);
	free(step->run.words);
	free(step->groups.v);
	free_rules(&step->exclude);
	strs_release(&step->needs);
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	for (size_t i = 0; i < sweep->nspaces; i++)
		free_space(&sweep->spaces[i]);
	free(sweep->spaces);
	free_space(&sweep->base);
	free_rules(&sweep->exclude);
	free_groups(&sweep->groups);
	for (size_t i = 0; i < sweep->nincludes; i++)
		free(sweep->includes[i].params);
	free(sweep->includes);
	free_lets(&sweep->lets);
	free_settings(&sweep->sbatch);
	free_settings(&sweep->env);
	for (size_t i = 0; i < sweep->noverrides; i++) {
		rule_release(&sweep->overrides[i].when);
		free_settings(&sweep->overrides[i].sbatch);
		free_settings(&sweep->overrides[i].env);
	}
	free(sweep->overrides);
	template_release(&sweep->setup.t);
	template_release(&sweep->title.t);
	for (size_t i = 0; i < sweep->nsteps; i++)
		free_step(&sweep->steps[i]);
	free(sweep->steps);
	strs_release(&sweep->syms);
	free(sweep->script_path);
	free(sweep->script);
	free(sweep->dir);
	doc_free(sweep->doc);
	free(sweep);
}
