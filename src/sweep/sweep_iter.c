#include "sweep/sweep_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/draw.h"

/* ---- counting ---- */

static int multiply_count(uint64_t *n, uint64_t by)
{
	return __builtin_mul_overflow(*n, by, n) ? -1 : 0;
}

static int count_space(const struct space *space, uint64_t *size)
{
	*size = 1;
	for (size_t g = 0; g < space->groups.n; g++)
		if (multiply_count(size, space->groups.v[g]->length) != 0)
			return -1;
	return space->drawn ? multiply_count(size, (uint64_t)space->samples) : 0;
}

int sweep_count_max(const struct sweep *sweep, uint64_t max, uint64_t *n, struct err *err)
{
	uint64_t size, sum = sweep->nincludes;

	for (size_t i = 0; i < sweep->nspaces; i++) {
		if (count_space(&sweep->spaces[i], &size) != 0 ||
		    __builtin_add_overflow(sum, size, &sum))
			return err_set(err, ERR_USAGE,
				       "sweep '%s' is far too large: its product has more jobs "
				       "than can be counted",
				       sweep->name);
	}
	*n = sum;
	if (sum > max)
		return err_set(err, ERR_USAGE,
			       "sweep '%s' has %" PRIu64 " jobs, and the limit is %" PRIu64
			       ": make it smaller, or raise --max-jobs",
			       sweep->name, sum, max);
	return 0;
}

/* ---- iterating ----
 *
 * An odometer over the groups of a space: the last group changes fastest, draws change within
 * it. */

struct state {
	size_t space; /* index of the space; nspaces stands for the includes */
	size_t include;
	bool started; /* at has a point of the space */
	size_t *at;   /* index of the value, by group */
	int64_t sample;
	struct sweep_param *params;
	const char **values; /* values by symbol */
	struct buf *drawn;   /* texts of the draws by parameter */
	size_t ndrawn;
	/* order: random. The points of all spaces have numbers, and next is the place of the next
	 * one in the random order. */
	uint64_t next, points;
	struct shuffle shuffle;
};

static size_t count_most_params(const struct sweep *sweep)
{
	size_t most = 1;

	for (size_t i = 0; i < sweep->nspaces; i++) {
		size_t n = 0;

		for (size_t g = 0; g < sweep->spaces[i].groups.n; g++)
			n += sweep->spaces[i].groups.v[g]->n + 1;
		most = n > most ? n : most;
	}
	return most;
}

void sweep_iter_init(struct sweep_iter *it, const struct sweep *sweep)
{
	struct state *st = mem_alloc(sizeof(*st));
	size_t n = count_most_params(sweep);

	it->sweep = sweep;
	it->state = st;
	st->at = mem_alloc(n * sizeof(*st->at));
	st->params = mem_alloc(n * sizeof(*st->params));
	st->drawn = mem_alloc(n * sizeof(*st->drawn));
	st->ndrawn = n;
	st->values = mem_alloc((sweep->syms.n + 1) * sizeof(*st->values));
}

void sweep_iter_release(struct sweep_iter *it)
{
	struct state *st = it->state;

	if (st) {
		for (size_t i = 0; i < st->ndrawn; i++)
			buf_release(&st->drawn[i]);
		free(st->at);
		free(st->params);
		free(st->drawn);
		free(st->values);
		free(st);
	}
	memset(it, 0, sizeof(*it));
}

/* ---- random order ---- */

static void init_shuffled(const struct sweep *sweep, struct state *st)
{
	uint64_t size;

	for (size_t i = 0; i < sweep->nspaces; i++)
		if (!count_space(&sweep->spaces[i], &size))
			st->points += size;
	shuffle_init(&st->shuffle, sweep->base.seed ? sweep->base.seed : "0", st->points);
}

/* Goes to the next point in the random order. Returns false if there is none. */
static bool advance_shuffled(const struct sweep *sweep, struct state *st)
{
	uint64_t size = 0, n;
	const struct space *space;

	if (st->next == st->points)
		return false;
	n = shuffle_get(&st->shuffle, st->next++);
	for (st->space = 0; !count_space(&sweep->spaces[st->space], &size) && n >= size;
	     st->space++)
		n -= size;
	space = &sweep->spaces[st->space];
	memset(st->values, 0, sweep->syms.n * sizeof(*st->values));
	st->sample = 0;
	if (space->drawn) {
		st->sample = (int64_t)(n % (uint64_t)space->samples);
		n /= (uint64_t)space->samples;
	}
	for (size_t g = space->groups.n; g-- > 0;) {
		st->at[g] = n % space->groups.v[g]->length;
		n /= space->groups.v[g]->length;
	}
	return true;
}

/* ---- the order of the file ---- */

/* Advances to the next point of the space. Returns false if there is none. */
static bool advance_state(const struct space *space, struct state *st)
{
	uint64_t size;

	if (!st->started) {
		memset(st->at, 0, space->groups.n * sizeof(*st->at));
		st->sample = 0;
		st->started = true;
		return count_space(space, &size) == 0 && size > 0;
	}
	if (space->drawn && ++st->sample < space->samples)
		return true;
	st->sample = 0;
	for (size_t g = space->groups.n; g-- > 0;) {
		if (++st->at[g] < space->groups.v[g]->length)
			return true;
		st->at[g] = 0;
	}
	return false;
}

static const char *find_value(const struct space *space, struct state *st, const struct axis *axis,
			      size_t at, size_t n)
{
	if (!axis_is_drawn(axis))
		return axis->values.v[at];
	buf_clear(&st->drawn[n]);
	axis_draw(axis, space->seed, (uint64_t)st->sample, &st->drawn[n]);
	return buf_str(&st->drawn[n]);
}

static void fill_point(const struct space *space, struct state *st, struct sweep_point *point)
{
	size_t n = 0;
	bool drawn = false;

	for (size_t g = 0; g < space->groups.n; g++) {
		const struct group *group = space->groups.v[g];

		for (size_t a = 0; a < group->n; a++, n++) {
			const struct axis *axis = &group->axes[a];
			const char *value = find_value(space, st, axis, st->at[g], n);

			st->params[n] =
				(struct sweep_param){axis->name, value, axis_is_drawn(axis)};
			st->values[axis->sym] = value;
			drawn = drawn || axis_is_drawn(axis);
		}
	}
	*point = (struct sweep_point){.n = n,
				      .params = st->params,
				      .variant = space->variant,
				      .seed = drawn ? space->seed : NULL,
				      .sample = drawn ? st->sample : -1};
}

static bool any_rule_holds(const struct rules *rules, const char *const *values)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rule_holds(&rules->v[i], values))
			return true;
	return false;
}

static int next_include(const struct sweep *sweep, struct state *st, struct sweep_point *point)
{
	const struct include *inc;

	if (st->include >= sweep->nincludes)
		return 0;
	inc = &sweep->includes[st->include++];
	*point = (struct sweep_point){.n = inc->n, .params = inc->params, .sample = -1};
	return 1;
}

/* Advances to the next point of any space; excluded ones too. Returns false if there is none. */
static bool advance(const struct sweep *sweep, struct state *st)
{
	if (sweep->shuffled)
		return advance_shuffled(sweep, st);
	while (st->space < sweep->nspaces) {
		if (advance_state(&sweep->spaces[st->space], st))
			return true;
		st->space++;
		st->started = false;
		memset(st->values, 0, sweep->syms.n * sizeof(*st->values));
	}
	return false;
}

int sweep_iter_next(struct sweep_iter *it, struct sweep_point *point, struct err *err)
{
	const struct sweep *sweep = it->sweep;
	struct state *st = it->state;

	if (!sweep->loaded)
		return err_set(err, ERR_FAILED, "sweep '%s': its files are not loaded",
			       sweep->name);
	if (sweep->shuffled && !st->points)
		init_shuffled(sweep, st);
	while (advance(sweep, st)) {
		const struct space *space = &sweep->spaces[st->space];

		fill_point(space, st, point);
		if (!any_rule_holds(&sweep->exclude, st->values) &&
		    !any_rule_holds(&space->exclude, st->values))
			return 1;
	}
	return next_include(sweep, st, point);
}
