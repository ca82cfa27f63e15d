#include "sweep/sweep_read_node.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sweep/template_bash.h"
#include "slurm/sbatch.h"
#include "lib/guess.h"
#include "lib/utf8.h"

/* Keys of other tools and the keys of slurmq that replace them; the first one that is allowed
 * is suggested. */
static const char *const neighbours[][2] = {
	{"parameters", "params"},
	{"parameter", "params"},
	{"param", "params"},
	{"grid", "params"},
	{"matrix", "params"},
	{"space", "params"},
	{"axes", "params"},
	{"hyperparameters", "params"},
	{"search_space", "params"},
	{"value", "values"},
	{"list", "values"},
	{"options", "values"},
	{"value", "run"},
	{"command", "run"},
	{"cmd", "run"},
	{"commands", "steps"},
	{"program", "run"},
	{"exec", "run"},
	{"shell", "run"},
	{"slurm", "sbatch"},
	{"resources", "sbatch"},
	{"cluster", "sbatch"},
	{"environment", "env"},
	{"environ", "env"},
	{"derived", "let"},
	{"vars", "let"},
	{"variables", "let"},
	{"define", "let"},
	{"filter", "exclude"},
	{"skip", "exclude"},
	{"constraints", "exclude"},
	{"except", "exclude"},
	{"depends", "needs"},
	{"depends_on", "needs"},
	{"dependencies", "needs"},
	{"after", "needs"},
	{"requires", "needs"},
	{"retries", "retry"},
	{"description", "title"},
	{"label", "title"},
	{"jobs", "steps"},
	{"stages", "steps"},
	{"tasks", "steps"},
	{"prologue", "setup"},
	{"preamble", "setup"},
	{"before_script", "setup"},
	{"modules", "setup"},
	{"pre", "setup"},
	{"min", "from"},
	{"start", "from"},
	{"begin", "from"},
	{"max", "to"},
	{"stop", "to"},
	{"end", "to"},
	{"count", "num"},
	{"steps", "num"},
	{"points", "num"},
	{"count", "n"},
	{"num", "n"},
	{"samples", "n"},
	{"size", "n"},
	{"log_uniform", "loguniform"},
	{"int_uniform", "randint"},
	{"categorical", "choice"},
	{"lt", "lt"},
	{"less", "lt"},
	{"greater", "gt"},
	{"ne", "not"},
	{"if", "when"},
	{"match", "when"},
	{"id", "name"},
	{"job", "name"},
	{"OOM", "OUT_OF_MEMORY"},
	{"csv", "file"},
	{"path", "file"},
	{"random_seed", "seed"},
	{"array", "params"},
	{"max_jobs", "limit"},
	{"max_parallel", "limit"},
	{"max_concurrent", "limit"},
	{"concurrency", "limit"},
	{"parallel", "limit"},
	{"throttle", "limit"},
	{"shuffle", "order"},
};

static bool is_allowed(const struct sweep_key *allowed, const char *word)
{
	for (; allowed->name; allowed++)
		if (!strcmp(allowed->name, word))
			return true;
	return false;
}

static const char *find_neighbour(const char *word, const struct sweep_key *allowed)
{
	for (size_t i = 0; i < sizeof(neighbours) / sizeof(*neighbours); i++)
		if (!strcmp(neighbours[i][0], word) && is_allowed(allowed, neighbours[i][1]))
			return neighbours[i][1];
	return NULL;
}

static const char *find_nearest_key(const char *word, const struct sweep_key *allowed)
{
	const char *names[32];
	size_t n = 0;

	for (; allowed[n].name && n + 1 < sizeof(names) / sizeof(*names); n++)
		names[n] = allowed[n].name;
	names[n] = NULL;
	return guess_nearest(word, names);
}

static void refuse_unknown_key(struct sweep_reader *r, const struct node *key,
			       const struct sweep_key *allowed)
{
	const char *near = find_neighbour(key->text, allowed);

	if (!near && is_allowed(allowed, "sbatch") && sbatch_find(key->text)) {
		complaint_error(r->list, key->pos,
				"unknown key '%s': write it in 'sbatch', as an option of sbatch",
				key->text);
		return;
	}
	near = near ? near : find_nearest_key(key->text, allowed);
	if (near)
		complaint_error(r->list, key->pos, "unknown key '%s', did you mean '%s'?",
				key->text, near);
	else
		complaint_error(r->list, key->pos, "unknown key '%s'", key->text);
}

static bool has_control(const struct node *node, bool lines)
{
	for (size_t i = 0; i < node->len;) {
		unsigned code = 0;
		size_t n = utf8_char(node->text + i, node->len - i, &code);

		if (n == 0 || (utf8_is_control(code) && !(lines && (code == '\n' || code == '\t'))))
			return true;
		i += n;
	}
	return false;
}

/* Returns the same key earlier in the map. This takes n * n steps, which the limit on keys
 * bounds. */
static const struct node *find_earlier_key(const struct node *map, size_t i)
{
	const struct node *key = map->items[i];

	for (size_t j = 0; j < i; j += 2)
		if (map->items[j]->kind == NODE_SCALAR && map->items[j]->len == key->len &&
		    !memcmp(map->items[j]->text, key->text, key->len))
			return map->items[j];
	return NULL;
}

bool sweep_read_list(struct sweep_reader *r, const struct node *node, size_t least,
		     const char *what)
{
	if (node->kind == NODE_LIST && node->n >= least)
		return true;
	complaint_error(r->list, node->pos, "%s", what);
	return false;
}

bool sweep_read_keys(struct sweep_reader *r, const struct node *map,
		     const struct sweep_key *allowed, const char *what)
{
	if (map->kind != NODE_MAP) {
		complaint_error(r->list, map->pos, "%s", what);
		return false;
	}
	if (map->n > 2 * SWEEP_NAMES_MOST) {
		complaint_error(r->list, map->pos, "more than %d keys in one map",
				SWEEP_NAMES_MOST);
		return false;
	}
	for (size_t i = 0; i + 1 < map->n; i += 2) {
		const struct node *key = map->items[i], *first;

		if (key->kind != NODE_SCALAR || has_control(key, false)) {
			complaint_error(r->list, key->pos, "a key must be a word");
			continue;
		}
		first = find_earlier_key(map, i);
		if (first)
			complaint_error(r->list, key->pos,
					"key '%s' is a duplicate, first on line %zu", key->text,
					first->pos.line);
		else if (key->style == STYLE_PLAIN && !strcmp(key->text, "<<"))
			complaint_error(r->list, key->pos,
					"merge keys are not supported: write the keys "
					"out");
		else if (allowed && !is_allowed(allowed, key->text))
			refuse_unknown_key(r, key, allowed);
	}
	return true;
}

static bool is_empty(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->style == STYLE_PLAIN && node->len == 0;
}

/* Checks that node is a scalar with allowed characters; lines: line breaks and tabs are
 * allowed. */
static bool check_scalar(struct sweep_reader *r, const struct node *node, const char *what,
			 bool lines)
{
	if (node->kind != NODE_SCALAR)
		complaint_error(r->list, node->pos, "%s must be one value, not %s", what,
				node->kind == NODE_LIST ? "a list" : "a map");
	else if (is_empty(node))
		complaint_error(r->list, node->pos, "%s has no value; '' is an empty one", what);
	else if (has_control(node, lines))
		complaint_error(r->list, node->pos, "%s holds a control character%s", what,
				lines ? "" : " or a line break");
	else
		return true;
	return false;
}

const char *sweep_read_value(struct sweep_reader *r, const struct node *node, const char *what)
{
	return check_scalar(r, node, what, false) ? node->text : NULL;
}

bool sweep_read_int(struct sweep_reader *r, const struct node *node, const char *what,
		    int64_t least, int64_t most, int64_t *out)
{
	const char *text = sweep_read_value(r, node, what);

	if (!text)
		return false;
	if (number_to_int(text, out) && *out >= least && *out <= most)
		return true;
	complaint_error(r->list, node->pos,
			"%s must be a whole number from %" PRId64 " to %" PRId64 ", not '%s'", what,
			least, most, text);
	return false;
}

bool sweep_read_bool(struct sweep_reader *r, const struct node *node, const char *what, bool *out)
{
	const char *text = sweep_read_value(r, node, what);

	if (!text)
		return false;
	*out = !strcmp(text, "true");
	if (*out || !strcmp(text, "false"))
		return true;
	complaint_error(r->list, node->pos, "%s is true or false, not '%s'", what, text);
	return false;
}

size_t sweep_read_sym(struct sweep_reader *r, const char *name, struct pos pos)
{
	size_t sym = sweep_sym_find(r->sweep, name);

	if (sym != PART_NO_SYM)
		return sym;
	if (r->sweep->syms.n >= SWEEP_NAMES_MOST) {
		complaint_error(r->list, pos, "more than %d names in one sweep", SWEEP_NAMES_MOST);
		return 0;
	}
	return sweep_sym(r->sweep, name);
}

const char *sweep_read_param_name(struct sweep_reader *r, const struct node *key)
{
	bool good = key->kind == NODE_SCALAR && key->len > 0;

	for (size_t i = 0; good && i < key->len; i++)
		good = template_name_char(key->text[i], i == 0);
	if (good)
		return key->text;
	if (key->kind == NODE_SCALAR)
		complaint_error(r->list, key->pos,
				"'%s' cannot be a parameter's name: letters, "
				"digits, _ . and -, with a letter or _ first",
				key->text);
	return NULL;
}

struct node *sweep_read_placeholder_map(struct sweep_reader *r, struct node *node)
{
	struct node *scalar;
	size_t n;

	if (node->kind != NODE_MAP || node->n != 2 || node->items[0]->kind != NODE_SCALAR ||
	    !is_empty(node->items[1]))
		return node;
	scalar = doc_node(r->doc, NODE_SCALAR, node->pos);
	scalar->end = node->end;
	scalar->text = mem_printf("{%s}", node->items[0]->text);
	scalar->len = strlen(scalar->text);
	if (placeholder_at(scalar->text, scalar->len, 0, &n) != PART_TEXT && n == scalar->len)
		return scalar;
	return node;
}

/* Converts names to numbers, and adds complaints for placeholders that the parser refused.
 * Whether a name is known is checked after the whole file is read: until then only the reasons
 * of sweep_check.c are missing. */
static void number_parts(struct sweep_reader *r, struct field *field)
{
	for (size_t i = 0; i < field->t.n; i++) {
		struct part *p = &field->t.parts[i];

		if (p->kind != PART_VALUE)
			continue;
		p->sym = sweep_sym_find(r->sweep, p->text);
		if (p->sym == PART_NO_SYM)
			p->sym = sweep_read_sym(r, p->text,
						node_locate(r->doc, field->node, p->offset));
	}
}

/* Checks the length of a text before it is parsed: placeholders are located one by one. */
static bool check_text_length(struct sweep_reader *r, const struct node *node, const char *what)
{
	if (node->len <= SWEEP_WORD_MOST)
		return true;
	complaint_error(
		r->list, node->pos,
		"%s is too long: one argument of a program can be 128 KiB (execve(2)), so put the text into a file",
		what);
	return false;
}

bool sweep_read_field(struct sweep_reader *r, struct node *node, const char *what, bool lines,
		      struct field *out)
{
	node = sweep_read_placeholder_map(r, node);
	if (!check_scalar(r, node, what, lines) || !check_text_length(r, node, what))
		return false;
	out->node = node;
	template_parse(&out->t, node->text, node->len);
	number_parts(r, out);
	return true;
}

/* Warns about " #", which begins a comment in a plain scalar and cuts an unquoted command. */
static void warn_cut(struct sweep_reader *r, const struct node *node)
{
	size_t at = doc_offset(r->doc, node->end), from = at;

	if (node->style != STYLE_PLAIN)
		return;
	while (at < r->doc->len && (r->doc->text[at] == ' ' || r->doc->text[at] == '\t'))
		at++;
	if (at > from && at < r->doc->len && r->doc->text[at] == '#')
		complaint_warn(
			r->list, doc_pos(r->doc, at),
			"the text after ' #' is a YAML comment, not part of the command: quote the command to keep it");
}

/* Warns about a line that begins with an option, and that bash runs as a command. */
static void warn_option_line(struct sweep_reader *r, const struct node *node,
			     const struct template_bash_end *end)
{
	const char *word = node->text + end->option_offset;
	size_t len = strcspn(word, " \t\n");

	if (!end->option)
		return;
	complaint_warn(r->list, node_locate(r->doc, node, end->option_offset),
		       "bash would run '%.*s' as a command of its own: %s",
		       (int)(len < 40 ? len : 40), word,
		       node->style == STYLE_FOLDED
			       ? "in a text with '>', a line keeps its line break after an "
				 "empty line or if it is indented more, so indent all lines alike"
			       : "end the line before with a backslash");
}

static bool is_refused_for(const struct template *t, const char *why)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].refusal == why)
			return true;
	return false;
}

bool sweep_read_script(struct sweep_reader *r, struct node *node, const char *what, bool last,
		       struct field *out)
{
	struct template_bash_end end;
	struct pos pos;

	node = sweep_read_placeholder_map(r, node);
	if (node->kind == NODE_LIST) {
		complaint_error(
			r->list, node->pos,
			"%s must be a text, not a list: write | and a line for each command", what);
		return false;
	}
	if (!check_scalar(r, node, what, true))
		return false;
	if (last && !node->text[strspn(node->text, " \t\n")]) {
		complaint_error(r->list, node->pos, "%s is empty", what);
		return false;
	}
	warn_cut(r, node);
	if (!check_text_length(r, node, what))
		return false;
	out->node = node;
	template_bash_parse(&out->t, node->text, node->len, &end);
	number_parts(r, out);
	warn_option_line(r, node, &end);
	if (end.unsure) {
		pos = node_locate(r->doc, node, end.unsure_offset);
		if (is_refused_for(&out->t, template_bash_unsure))
			complaint_error(r->list, pos,
					"the quoting of %s cannot be parsed from here on: %s", what,
					end.unsure);
	} else if (end.open) {
		pos = node_locate(r->doc, node, end.offset);
		if (last)
			complaint_warn(r->list, pos, "%s ends within %s", what, end.open);
		else
			complaint_error(r->list, pos, "%s ends within %s", what, end.open);
	}
	return true;
}
