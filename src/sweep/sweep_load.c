#include "sweep/sweep_load.h"

#include <stdlib.h>
#include <string.h>

#include "lib/csv.h"
#include "sweep/sweep_check.h"
#include "sweep/sweep_internal.h"
#include "slurm/sbatch.h"
#include "lib/utf8.h"

void sweep_load_init(struct sweep_load *l, struct sweep *sweep)
{
	memset(l, 0, sizeof(*l));
	l->sweep = sweep;
	l->tables = sweep->tables;
}

static struct group *current_group(const struct sweep_load *l)
{
	return l->group < l->sweep->groups.n ? l->sweep->groups.v[l->group] : NULL;
}

/* Returns the name of the file that the current group or axis needs; NULL if it needs none. */
static const char *find_wanted_file(const struct sweep_load *l)
{
	const struct group *g = current_group(l);
	const struct axis *axis;

	if (g->table)
		return g->n == 0 && l->axis == 0 ? g->table : NULL;
	if (l->axis >= g->n)
		return NULL;
	axis = &g->axes[l->axis];
	return axis->kind == AXIS_FILE && axis->values.n == 0 ? axis->path : NULL;
}

static const char *make_path(struct sweep_load *l, const char *name)
{
	free(l->path);
	l->path = *name == '/' ? mem_strdup(name) : mem_printf("%s/%s", l->sweep->dir, name);
	return l->path;
}

const char *sweep_load_next(struct sweep_load *l)
{
	for (; current_group(l); l->group++, l->axis = 0)
		for (; l->axis == 0 || l->axis < current_group(l)->n; l->axis++)
			if (find_wanted_file(l))
				return make_path(l, find_wanted_file(l));
	if (l->sweep->script_path && !l->sweep->script && !l->script_done)
		return make_path(l, l->sweep->script_path);
	return NULL;
}

static struct pos find_place(const struct sweep_load *l)
{
	const struct group *g = current_group(l);

	if (!g)
		return l->sweep->script_pos;
	return g->table ? g->pos : g->axes[l->axis].pos;
}

static void skip_to_next_file(struct sweep_load *l)
{
	if (current_group(l))
		l->axis++;
	else
		l->script_done = true;
}

void sweep_load_fail(struct sweep_load *l, const char *why)
{
	complaint_error(&l->list, find_place(l), "%s", why);
	skip_to_next_file(l);
}

/* Finds the end of a line of a file of values: *stop. Returns the begin of the next line. */
static char *find_line_end(char *at, char *end, char **stop)
{
	char *nl = memchr(at, '\n', (size_t)(end - at));

	*stop = nl ? nl : end;
	if (*stop > at && (*stop)[-1] == '\r')
		--*stop;
	return nl ? nl + 1 : end;
}

/* Reads one value per line. The values are packed in the memory of the text. */
static void read_value_lines(struct axis *axis, const char *text, size_t len,
			     struct complaint_list *list)
{
	char *packed = mem_strndup(text, len), *to = packed, *end = packed + len, *next, *stop;
	char *at = len >= 3 && !memcmp(packed, "\xef\xbb\xbf", 3) ? packed + 3 : packed;
	struct pos pos = {1, 1};

	if (at == end)
		complaint_error(list, pos, "no values: there would be no jobs");
	for (; at < end; at = next, pos.line++) {
		next = find_line_end(at, end, &stop);
		if (stop == at)
			complaint_error(list, pos, "an empty line");
		else if (!utf8_is_clean(at, (size_t)(stop - at)))
			complaint_error(list, pos,
					"a control character, or a byte that is not UTF-8");
		memmove(to, at, (size_t)(stop - at));
		to += stop - at;
		*to++ = '\0'; /* at most the place of the line feed, or of the NUL of the text */
	}
	if (list->errors)
		free(packed);
	else
		axis_pack(axis, packed, pos.line - 1);
}

static bool is_good_header(const char *name)
{
	for (size_t i = 0; name[i]; i++)
		if (!template_name_char(name[i], i == 0))
			return false;
	return *name != '\0';
}

static void add_columns(struct sweep *sweep, struct group *g, const struct csv *csv,
			struct complaint_list *list)
{
	for (size_t col = 0; col < csv->rows[0].fields.n; col++) {
		const char *name = csv->rows[0].fields.v[col];
		struct axis *axis;

		if (!is_good_header(name)) {
			complaint_error(
				list, (struct pos){1, 1},
				"'%s' cannot be a parameter's name: letters, digits, _ . and "
				"-, with a letter or _ first",
				name);
			continue;
		}
		axis = group_add(g);
		axis->kind = AXIS_COLUMN;
		axis->pos = g->pos;
		axis->sym = sweep_sym(sweep, name);
		axis->name = g->names.v[col];
		for (size_t row = 1; row < csv->n; row++)
			strs_add(&axis->values, csv->rows[row].fields.v[col]);
	}
}

static void read_table(struct sweep *sweep, struct group *g, const char *text, size_t len,
		       struct complaint_list *list)
{
	struct csv csv = {0};

	csv_parse(&csv, text, len, list);
	if (csv.n < 2)
		complaint_error(list, (struct pos){1, 1}, "a table needs a header and a row");
	if (list->errors == 0) {
		for (size_t col = 0; col < csv.rows[0].fields.n; col++)
			strs_add(&g->names, csv.rows[0].fields.v[col]);
		add_columns(sweep, g, &csv, list);
	}
	csv_release(&csv);
}

/* Returns the option that sbatch understands from a word of a directive: "--hold",
 * "--begi=now", "-H". */
static const struct sbatch_opt *find_directive_option(const char *word)
{
	const struct sbatch_opt *opt = NULL;
	char *name;

	if (!strncmp(word, "--", 2)) {
		name = mem_strndup(word + 2, strcspn(word + 2, "= \t\r\n"));
		opt = sbatch_find_cut(name);
		free(name);
	} else if (word[0] == '-') {
		opt = sbatch_by_letter(word[1]);
	}
	return opt;
}

/* Checks for a directive that changes what one submission is, and that no option of slurmq
 * overrides. */
static bool check_word(struct sweep_load *l, const char *word, const char *line, size_t len)
{
	static const char *const harmful[] = {"array", "begin", "clusters",  "dependency",
					      "hold",  "wait",	"test-only", NULL};
	const struct sbatch_opt *opt = find_directive_option(word);

	for (const char *const *name = harmful; opt && *name; name++) {
		if (strcmp(opt->name, *name) != 0)
			continue;
		complaint_error(&l->list, l->sweep->script_pos,
				"the script's line '%.*s' is not allowed: %s", (int)len, line,
				opt->instead);
		return false;
	}
	return true;
}

/* Returns the end of the next word; blanks within quotes belong to it. */
static size_t find_word_end(const char *line, size_t at, size_t len)
{
	char quote = '\0';

	for (; at < len; at++) {
		if (quote ? line[at] == quote : line[at] == '"' || line[at] == '\'')
			quote = quote ? '\0' : line[at];
		else if (!quote && (line[at] == ' ' || line[at] == '\t'))
			break;
	}
	return at;
}

/* Checks a directive, which may have several options and a comment after them. */
static void check_directive(struct sweep_load *l, const char *line, size_t len)
{
	size_t at = 7;

	while (at < len && line[at] != '#' && check_word(l, line + at, line, len)) {
		at = find_word_end(line, at, len);
		at += strspn(line + at, " \t");
	}
}

static void read_batch_script(struct sweep_load *l, const char *text, size_t len)
{
	struct pos pos = l->sweep->script_pos;

	if (strlen(text) != len)
		complaint_error(&l->list, pos, "the script holds a NUL byte");
	if (strncmp(text, "#!", 2) != 0)
		complaint_error(&l->list, pos,
				"the script's first line must name its interpreter, as "
				"in #!/bin/bash; sbatch demands it, too");
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		if (n >= 7 && !strncmp(line, "#SBATCH", 7))
			check_directive(l, line, n);
		line += n + (line[n] == '\n');
	}
	sweep_set_script(l->sweep, text);
}

void sweep_load_give(struct sweep_load *l, const char *text, size_t len, struct complaints *out)
{
	struct complaint_list list = {0};
	struct group *g = current_group(l);
	const char *name;
	size_t errors;

	if (!g) {
		read_batch_script(l, text, len);
		skip_to_next_file(l);
		return;
	}
	name = find_wanted_file(l);
	if (g->table)
		read_table(l->sweep, g, text, len, &list);
	else
		read_value_lines(&g->axes[l->axis], text, len, &list);
	errors = list.errors;
	complaint_tell(&list, name, out);
	if (errors)
		complaint_error(&l->list, find_place(l), "'%s' cannot be used: see its errors",
				name);
	skip_to_next_file(l);
}

void sweep_load_size(struct sweep_load *l)
{
	struct sweep *sweep = l->sweep;

	for (size_t i = 0; i < sweep->groups.n; i++) {
		struct group *g = sweep->groups.v[i];

		g->length = g->n ? axis_length(&g->axes[0]) : 0;
	}
	sweep_compose(sweep);
}

static void expand_ranges(struct sweep_load *l, struct group *g)
{
	const char *why = NULL;

	for (size_t a = 0; a < g->n; a++) {
		struct axis *axis = &g->axes[a];

		if (axis->kind == AXIS_RANGE && axis->values.n == 0 &&
		    axis_pack_range(axis, &why) != 0)
			complaint_error(&l->list, axis->pos, "parameter '%s' %s", axis->name, why);
	}
}

void sweep_load_end(struct sweep_load *l)
{
	struct sweep *sweep = l->sweep;

	for (size_t g = 0; g < sweep->groups.n; g++)
		expand_ranges(l, sweep->groups.v[g]);
	if (l->list.errors)
		return;
	sweep->tables = false;
	sweep_check_values(sweep, l->tables, &l->list);
	sweep->loaded = l->list.errors == 0;
}

int sweep_check_size(const struct sweep *sweep, struct err *err)
{
	uint64_t n;

	return sweep->most ? sweep_count_max(sweep, sweep->most, &n, err) : 0;
}

void sweep_load_release(struct sweep_load *l)
{
	free(l->path);
	complaint_release(&l->list);
	memset(l, 0, sizeof(*l));
}

const char *sweep_load_file_name(const struct sweep *sweep)
{
	return sweep->doc->name;
}
