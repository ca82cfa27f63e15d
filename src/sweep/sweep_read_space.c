#include "sweep/sweep_read_space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *print_name(const struct node *key, char *buf, size_t size, const char *kind)
{
	snprintf(buf, size, "%s '%.60s'", kind, key->text);
	return buf;
}

/* Reads the values of a list. */
static bool read_values(struct sweep_reader *r, const struct node *list, const char *what,
			struct strs *out)
{
	bool good = true;

	if (list->kind != NODE_LIST) {
		complaint_error(r->list, list->pos, "%s needs a list of values", what);
		return false;
	}
	if (list->n == 0) {
		complaint_error(r->list, list->pos, "%s has no values: there would be no jobs",
				what);
		return false;
	}
	for (size_t i = 0; i < list->n; i++) {
		const char *value = sweep_read_value(r, list->items[i], what);

		if (value)
			strs_add(out, value);
		else
			good = false;
	}
	return good;
}

/* ---- one value that is probably meant as several ---- */

/* Reads A-B or A..B, whole numbers with A < B and without leading zeros. */
static bool parse_range(const char *text, char from[16], char to[16])
{
	size_t a = strspn(text, "0123456789"), gap, b;

	gap = text[a] == '-' ? 1 : !strncmp(text + a, "..", 2) ? 2 : 0;
	b = strspn(text + a + gap, "0123456789");
	if (!a || !gap || !b || a >= 16 || b >= 16 || text[a + gap + b] ||
	    (text[0] == '0' && a > 1) || (text[a + gap] == '0' && b > 1))
		return false;
	snprintf(from, 16, "%.*s", (int)a, text);
	snprintf(to, 16, "%.*s", (int)b, text + a + gap);
	return number_compare(from, to) < 0;
}

/* Reads two or more numbers with ", " or a blank between them. Adds them to *list with ", ". Two
 * equal numbers side by side, as in "4 4 4", are rather the sizes of one thing. */
static bool parse_number_list(const char *text, struct buf *list)
{
	const char *gap = strchr(text, ',') ? ", " : " ";
	char number[64], last[64] = "";

	for (size_t n = 0;; n++) {
		size_t len = strcspn(text, gap);

		snprintf(number, sizeof(number), "%.*s", (int)(len < 64 ? len : 63), text);
		if (!number_is(number) || (*gap == ' ' && !strcmp(number, last)))
			return false;
		buf_addf(list, "%s%s", n ? ", " : "", number);
		if (!text[len])
			return n > 0;
		if (strncmp(text + len, gap, strlen(gap)) != 0)
			return false;
		text += len + strlen(gap);
		memcpy(last, number, sizeof(last));
	}
}

/* Reads two or more words with ", " or a blank between them, each a name that begins with a letter.
 * Adds them to *list with ", ". */
static bool parse_word_list(const char *text, struct buf *list)
{
	const char *gap = strchr(text, ',') ? ", " : " ";

	buf_clear(list);
	for (size_t n = 0;; n++) {
		size_t len = 0;

		while (template_name_char(text[len], len == 0))
			len++;
		if (!len)
			return false;
		buf_addf(list, "%s%.*s", n ? ", " : "", (int)len, text);
		if (!text[len])
			return n > 0;
		if (strncmp(text + len, gap, strlen(gap)) != 0)
			return false;
		text += len + strlen(gap);
	}
}

static bool is_range_call(const char *text)
{
	static const char *const calls[] = {"range(", "linspace(", "logspace(", "arange(",
					    "$(seq "};

	text += !strncmp(text, "np.", 3) ? 3 : !strncmp(text, "numpy.", 6) ? 6 : 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strncmp(text, calls[i], strlen(calls[i])))
			return true;
	return false;
}

/* Warns about the only value of a parameter if it seems to be a range or a list. Quotes state that
 * it is one value. */
static void warn_single(struct sweep_reader *r, const struct node *node, const char *what)
{
	char from[16], to[16];
	struct buf list = {0};

	if (node->kind == NODE_LIST && node->n == 1)
		node = node->items[0];
	if (node->kind != NODE_SCALAR || node->style != STYLE_PLAIN)
		return;
	if (parse_range(node->text, from, to))
		complaint_warn(r->list, node->pos,
			       "%s has one value, the text '%s': for a range write {from: %s, to: "
			       "%s, step: 1}, for the text put it in quotes",
			       what, node->text, from, to);
	else if (parse_number_list(node->text, &list) || parse_word_list(node->text, &list))
		complaint_warn(
			r->list, node->pos,
			"%s has one value, the text '%.200s': for a list write [%.200s], for "
			"the text put it in quotes",
			what, node->text, buf_str(&list));
	else if (is_range_call(node->text))
		complaint_warn(
			r->list, node->pos,
			"%s has one value, the text '%.200s': for a range write {from: A, "
			"to: B, step: C} or {from: A, to: B, num: N}, for the text put it in "
			"quotes",
			what, node->text);
	buf_release(&list);
}

/* Returns whether the map is {a, b}: keys without values, as in a set of Python. */
static bool is_set(const struct node *map)
{
	for (size_t i = 1; i < map->n; i += 2)
		if (map->items[i]->kind != NODE_SCALAR || map->items[i]->style != STYLE_PLAIN ||
		    map->items[i]->len)
			return false;
	return map->n > 2;
}

/* Returns whether the map is {A..B} or {a, b}, with a complaint. */
static bool refuse_braces(struct sweep_reader *r, const struct node *map, const char *what)
{
	char from[16], to[16];

	if (is_set(map)) {
		complaint_error(r->list, map->pos, "%s: for a list write [...], not {...}", what);
		return true;
	}
	if (map->n != 2 || map->items[0]->kind != NODE_SCALAR ||
	    !parse_range(map->items[0]->text, from, to))
		return false;
	complaint_error(r->list, map->pos, "%s: for a range write {from: %s, to: %s, step: 1}",
			what, from, to);
	return true;
}

/* ---- axes ---- */

static const char *read_number(struct sweep_reader *r, const struct node *node, const char *what)
{
	const char *text = sweep_read_value(r, node, what);

	if (!text || number_fits(text))
		return text;
	if (number_is(text))
		complaint_error(r->list, node->pos, "%s: '%s' is too large or too small", what,
				text);
	else
		complaint_error(r->list, node->pos, "%s must be a number, not '%s'", what, text);
	return NULL;
}

/* Reads {from, to, step | factor | num [, scale]}. */
static bool read_range(struct sweep_reader *r, const struct node *map, const char *what,
		       struct axis *axis)
{
	const struct node *step = node_get(map, "step"), *factor = node_get(map, "factor");
	const struct node *num = node_get(map, "num"), *scale = node_get(map, "scale");
	const struct node *from = node_get(map, "from"), *to = node_get(map, "to");
	const char *why = NULL;
	int64_t n = 0;

	axis->kind = AXIS_RANGE;
	if (!from || !to || (step != NULL) + (factor != NULL) + (num != NULL) != 1) {
		complaint_error(r->list, map->pos,
				"%s needs from, to, and one of step, factor and num", what);
		return false;
	}
	if (scale && (!num || (!node_is(scale, "log") && !node_is(scale, "linear")))) {
		complaint_error(r->list, scale->pos, "scale must be linear or log, and needs num");
		return false;
	}
	axis->range.kind = step				    ? RANGE_STEP
			   : factor			    ? RANGE_FACTOR
			   : scale && node_is(scale, "log") ? RANGE_NUM_LOG
							    : RANGE_NUM_LINEAR;
	axis->range.from = read_number(r, from, "from");
	axis->range.to = read_number(r, to, "to");
	axis->range.by = step	  ? read_number(r, step, "step")
			 : factor ? read_number(r, factor, "factor")
				  : "1";
	if (num && !sweep_read_int(r, num, "num", 2, SWEEP_JOBS_MOST, &n))
		return false;
	axis->range.num = (size_t)n;
	if (!axis->range.from || !axis->range.to || !axis->range.by)
		return false;
	if (range_count(&axis->range, SWEEP_JOBS_MOST, &why) > 0)
		return true;
	complaint_error(r->list, map->pos, "%s %s", what, why);
	return false;
}

/* Reads {uniform: [a, b]}, loguniform or randint. */
static bool read_draw(struct sweep_reader *r, const struct node *ends, const char *what,
		      struct axis *axis)
{
	int64_t low, high;

	if (axis->kind == AXIS_CHOICE)
		return read_values(r, ends, what, &axis->values);
	if (ends->kind != NODE_LIST || ends->n != 2) {
		complaint_error(r->list, ends->pos, "%s needs its two ends, as in [0, 1]", what);
		return false;
	}
	axis->low = read_number(r, ends->items[0], what);
	axis->high = read_number(r, ends->items[1], what);
	if (!axis->low || !axis->high)
		return false;
	if (axis->kind == AXIS_RANDINT &&
	    (!number_to_int(axis->low, &low) || !number_to_int(axis->high, &high) ||
	     low < -(INT64_C(1) << 51) || high > INT64_C(1) << 51))
		complaint_error(r->list, ends->pos,
				"%s: randint needs two whole numbers, within 2^51", what);
	else if (axis->kind == AXIS_LOGUNIFORM && number_compare(axis->low, "0") <= 0)
		complaint_error(r->list, ends->pos, "%s: loguniform needs ends above 0", what);
	else if (number_compare(axis->low, axis->high) >= 0)
		complaint_error(r->list, ends->pos, "%s: the first end must be below the second",
				what);
	else
		return true;
	return false;
}

/* Returns the kind of axis that the keys of a map define; AXIS_RANGE even if none fits. Sets
 * *value to the value of the key. */
static enum axis_kind find_axis_kind(const struct node *map, const struct node **value,
				     size_t *kinds)
{
	static const struct {
		const char *key;
		enum axis_kind kind;
	} keys[] = {
		{"values", AXIS_VALUES},   {"file", AXIS_FILE},
		{"uniform", AXIS_UNIFORM}, {"loguniform", AXIS_LOGUNIFORM},
		{"randint", AXIS_RANDINT}, {"choice", AXIS_CHOICE},
	};
	enum axis_kind kind = AXIS_RANGE;

	*kinds = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct node *v = node_get(map, keys[i].key);

		if (v) {
			*value = v;
			kind = keys[i].kind;
			++*kinds;
		}
	}
	*kinds += node_get(map, "from") || node_get(map, "to") || node_get(map, "step") ||
		  node_get(map, "factor") || node_get(map, "num") || node_get(map, "scale");
	return kind;
}

static bool read_axis_map(struct sweep_reader *r, struct node *map, const char *what, bool step,
			  struct axis *axis)
{
	const struct node *value = NULL, *fallback = node_get(map, "default");
	size_t kinds;

	if (!sweep_read_keys(r, map, sweep_keys_axis, what))
		return false;
	if (fallback)
		axis->fallback = sweep_read_value(r, fallback, "default");
	axis->kind = find_axis_kind(map, &value, &kinds);
	if (kinds != 1) {
		complaint_error(r->list, map->pos,
				"%s needs one of values, file, from and to, uniform, "
				"loguniform, randint and choice",
				what);
		return false;
	}
	if (step && (axis_is_drawn(axis) || axis->kind == AXIS_FILE || fallback)) {
		complaint_error(
			r->list, map->pos,
			"%s is a parameter of a step: it takes a list or a range, and no default",
			what);
		return false;
	}
	if (fallback && axis_is_drawn(axis)) {
		complaint_error(r->list, fallback->pos, "a drawn parameter has no default");
		return false;
	}
	if (axis->kind == AXIS_VALUES || axis->kind == AXIS_CHOICE)
		warn_single(r, value, what);
	switch (axis->kind) {
	case AXIS_VALUES:
		return read_values(r, value, what, &axis->values);
	case AXIS_FILE:
		axis->path = sweep_read_value(r, value, "file");
		return axis->path != NULL;
	case AXIS_RANGE:
		return read_range(r, map, what, axis);
	default:
		return read_draw(r, value, what, axis);
	}
}

static void read_axis(struct sweep_reader *r, const struct node *key, struct node *node, bool step,
		      struct group *group)
{
	const char *name = sweep_read_param_name(r, key);
	struct axis *axis;
	char what[96];

	if (!name)
		return;
	axis = group_add(group);
	axis->name = name;
	axis->pos = key->pos;
	axis->sym = sweep_read_sym(r, name, key->pos);
	print_name(key, what, sizeof(what), "parameter");
	if (node->kind != NODE_MAP)
		warn_single(r, node, what);
	else if (refuse_braces(r, node, what))
		return;
	if (node->kind == NODE_MAP) {
		if (read_axis_map(r, node, what, step, axis))
			group->length = axis_length(axis);
	} else if (node->kind == NODE_LIST) {
		read_values(r, node, what, &axis->values);
	} else {
		const char *value = sweep_read_value(r, node, what);

		if (value)
			strs_add(&axis->values, value);
	}
	if (node->kind != NODE_MAP)
		group->length = axis->values.n;
}

void sweep_read_params(struct sweep_reader *r, struct node *node, bool step, struct groups *out)
{
	if (!sweep_read_keys(r, node, NULL, "'params' is a map, as in {lr: [0.1, 0.2]}"))
		return;
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		struct group *g = sweep_add_group(r->sweep);

		g->pos = node->items[i]->pos;
		read_axis(r, node->items[i], node->items[i + 1], step, g);
		if (g->n)
			groups_push(out, g);
	}
}

static void read_zip_group(struct sweep_reader *r, struct node *map, struct groups *out)
{
	struct node *file = node_get(map, "file");
	struct group *g;

	if (!sweep_read_keys(r, map, NULL,
			     "'zip' is a list of maps, as in [{a: [1, 2], b: [3, 4]}]"))
		return;
	if (map->n == 0) {
		complaint_error(r->list, map->pos, "an empty group in 'zip'");
		return;
	}
	g = sweep_add_group(r->sweep);
	g->pos = map->pos;
	g->zip = true;
	groups_push(out, g);
	if (file && file->kind == NODE_SCALAR) {
		g->table = sweep_read_value(r, file, "file");
		r->sweep->tables = true;
		if (map->n != 2)
			complaint_error(r->list, map->pos,
					"a table must be alone in its group: its "
					"header names the parameters");
		return;
	}
	for (size_t i = 0; i + 1 < map->n; i += 2) {
		read_axis(r, map->items[i], map->items[i + 1], false, g);
		if (g->n && axis_is_drawn(&g->axes[g->n - 1]))
			complaint_error(r->list, map->items[i]->pos,
					"a drawn parameter cannot be in 'zip': put '%s' in params",
					map->items[i]->text);
	}
	g->length = 0;
}

void sweep_read_zip(struct sweep_reader *r, struct node *node, struct groups *out)
{
	if (node->kind == NODE_MAP) { /* a map instead of a list is one group */
		read_zip_group(r, node, out);
		return;
	}
	if (!sweep_read_list(r, node, 0, "'zip' is a list of maps, as in [{a: [1, 2], b: [3, 4]}]"))
		return;
	if (node->n > SWEEP_NAMES_MOST) {
		complaint_error(r->list, node->pos, "more than %d groups in 'zip'",
				SWEEP_NAMES_MOST);
		return;
	}
	for (size_t i = 0; i < node->n; i++)
		read_zip_group(r, node->items[i], out);
}

void sweep_read_sample(struct sweep_reader *r, struct node *node, struct space *out)
{
	struct node *n = node_get(node, "n"), *seed = node_get(node, "seed");

	if (!sweep_read_keys(r, node, sweep_keys_sample,
			     "'sample' is a map, as in {n: 20, seed: 821}"))
		return;
	out->sample_pos = node->pos;
	if (!n || !seed) {
		complaint_error(r->list, node->pos,
				"'sample' needs n and seed, as in {n: 20, seed: 821}");
		return;
	}
	sweep_read_int(r, n, "n", 1, SWEEP_JOBS_MOST, &out->samples);
	out->seed = sweep_read_value(r, seed, "seed");
}

/* ---- conditions ---- */

static bool is_comparison(const struct node *key, enum cond_op *op)
{
	static const struct {
		const char *key;
		enum cond_op op;
	} ops[] = {{"lt", COND_LT}, {"le", COND_LE}, {"gt", COND_GT}, {"ge", COND_GE}};

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (node_is(key, ops[i].key)) {
			*op = ops[i].op;
			return true;
		}
	}
	return false;
}

static void read_alternatives(struct sweep_reader *r, const struct node *node, const char *what,
			      struct cond *c)
{
	const char *value;

	if (node->kind == NODE_LIST) {
		read_values(r, node, what, &c->values);
		return;
	}
	value = sweep_read_value(r, node, what);
	if (value)
		strs_add(&c->values, value);
}

static struct cond *add_cond(struct sweep_reader *r, const struct node *key, struct rule *out)
{
	struct cond *c = rule_add(out);

	c->name = key->text;
	c->pos = key->pos;
	c->sym = sweep_read_sym(r, key->text, key->pos);
	return c;
}

static void read_cond(struct sweep_reader *r, const struct node *key, struct node *node,
		      struct rule *out)
{
	char what[96];
	struct cond *c;

	print_name(key, what, sizeof(what), "condition on");
	if (node->kind != NODE_MAP) {
		read_alternatives(r, node, what, add_cond(r, key, out));
		return;
	}
	if (node->n == 0)
		complaint_error(r->list, node->pos, "%s is empty", what);
	sweep_read_keys(r, node, sweep_keys_condition, "");
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		enum cond_op op;

		if (node_is(node->items[i], "not")) {
			c = add_cond(r, key, out);
			c->op = COND_NOT;
			read_alternatives(r, node->items[i + 1], what, c);
		} else if (is_comparison(node->items[i], &op)) {
			const char *number = read_number(r, node->items[i + 1], what);

			c = add_cond(r, key, out);
			c->op = op;
			if (number)
				strs_add(&c->values, number);
		}
	}
}

void sweep_read_rule(struct sweep_reader *r, struct node *node, struct rule *out)
{
	out->pos = node->pos;
	if (!sweep_read_keys(r, node, NULL,
			     "an entry is a map of parameters, as in {lr: [0.1, 0.2]}"))
		return;
	if (node->n == 0)
		complaint_error(r->list, node->pos,
				"an entry without a condition matches every job");
	for (size_t i = 0; i + 1 < node->n; i += 2)
		if (sweep_read_param_name(r, node->items[i]))
			read_cond(r, node->items[i], node->items[i + 1], out);
}

void sweep_read_exclude(struct sweep_reader *r, struct node *node, struct rules *out)
{
	if (!sweep_read_list(r, node, 0,
			     "'exclude' is a list of maps, as in [{order: 4, re: {lt: 1000}}]"))
		return;
	for (size_t i = 0; i < node->n; i++)
		sweep_read_rule(r, node->items[i], rules_add(out));
}

static void read_include(struct sweep_reader *r, struct node *map, struct include *out)
{
	out->pos = map->pos;
	if (!sweep_read_keys(r, map, NULL,
			     "'include' is a list of whole jobs, as in [{lr: 0.3, seed: 1}]"))
		return;
	out->params = mem_alloc((map->n + 1) * sizeof(*out->params));
	for (size_t i = 0; i + 1 < map->n; i += 2) {
		const char *name = sweep_read_param_name(r, map->items[i]), *value;
		char what[96];

		if (!name)
			continue;
		print_name(map->items[i], what, sizeof(what), "parameter");
		sweep_read_sym(r, name, map->items[i]->pos);
		value = sweep_read_value(r, map->items[i + 1], what);
		if (value)
			out->params[out->n++] = (struct sweep_param){name, value, false};
	}
}

void sweep_read_includes(struct sweep_reader *r, struct node *node)
{
	if (!sweep_read_list(r, node, 0,
			     "'include' is a list of whole jobs, as in [{lr: 0.3, seed: 1}]"))
		return;
	r->sweep->includes = mem_alloc((node->n + 1) * sizeof(*r->sweep->includes));
	for (size_t i = 0; i < node->n; i++)
		read_include(r, node->items[i], &r->sweep->includes[r->sweep->nincludes++]);
}
