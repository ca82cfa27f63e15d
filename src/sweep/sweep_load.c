#include "sweep/sweep_load.h"

#include <stdlib.h>
#include <string.h>

#include "lib/csv.h"
#include "sweep/sweep_check.h"
#include "sweep/sweep_internal.h"
#include "sweep/sweep_warn.h"
#include "lib/utf8.h"

void sweep_load_init(struct sweep_load *l, struct sweep *sweep)
{
	memset(l, 0, sizeof(*l));
	l->sweep = sweep;
	l->tables = sweep->tables;
	l->list.text = sweep->doc->text;
	l->list.len = sweep->doc->len;
	sweep_check_commands(sweep, &l->list);
	sweep_list_executed(sweep, &l->executed);
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
	if (l->next_executed < l->executed.n)
		return make_path(l, l->executed.v[l->next_executed].path);
	return NULL;
}

static struct pos find_place(const struct sweep_load *l)
{
	const struct group *g = current_group(l);

	if (!g)
		return l->sweep->script_pos;
	return g->table ? g->pos : g->axes[l->axis].pos;
}

/* Returns whether the current file is one that a command executes. */
static bool is_executed(const struct sweep_load *l)
{
	return !current_group(l) && (!l->sweep->script_path || l->sweep->script || l->script_done);
}

static void skip_to_next_file(struct sweep_load *l)
{
	if (current_group(l))
		l->axis++;
	else if (is_executed(l))
		l->next_executed++;
	else
		l->script_done = true;
}

void sweep_load_fail(struct sweep_load *l, const char *why)
{
	const char *script = l->sweep->script_name;

	if (current_group(l) || (!is_executed(l) && !strchr(script, ' ')))
		complaint_error(&l->list, find_place(l), "%s", why);
	else if (!is_executed(l)) /* an executed file may be elsewhere when the job runs */
		complaint_error(&l->list, find_place(l),
				"%s; with arguments, 'script' is a list: script: [%.*s, ...]", why,
				(int)strcspn(script, " "), script);
	skip_to_next_file(l);
}

/* Finds the end of a line of a file of values: *stop. Returns the start of the next line. */
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
		if (memchr(at, '\t', (size_t)(stop - at))) {
			complaint_error(list, pos,
					"a tab, but each line is one value: for columns use 'zip' "
					"and a table with commas");
			break;
		}
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

/* Returns the separator of a header that has no comma, and that commas should separate; NULL if
 * there is none. */
static const char *find_other_separator(const char *text)
{
	static const struct {
		char c;
		const char *name;
	} others[] = {{'\t', "tabs"}, {';', "semicolons"}, {'|', "bars"}, {' ', "blanks"}};
	size_t len = strcspn(text, "\n");

	if (memchr(text, ',', len) || memchr(text, '"', len))
		return NULL;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (memchr(text, others[i].c, len))
			return others[i].name;
	return NULL;
}

static void read_table(struct sweep *sweep, struct group *g, const char *text, size_t len,
		       struct complaint_list *list)
{
	const char *other = find_other_separator(text);
	struct csv csv = {0};

	if (other) {
		complaint_error(list, (struct pos){1, 1},
				"columns are separated by commas (RFC 4180), not by %s", other);
		return;
	}
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

void sweep_load_give(struct sweep_load *l, const char *text, size_t len, struct complaints *out)
{
	struct complaint_list list = {.text = text, .len = len};
	struct group *g = current_group(l);
	const char *name;
	size_t errors;

	if (is_executed(l)) {
		if (strstr(text, "SLURMQ_PARAM"))
			l->sweep->read_by_program = true;
		sweep_check_executed(&l->executed.v[l->next_executed], text, &l->list);
		skip_to_next_file(l);
		return;
	}
	name = g ? find_wanted_file(l) : l->sweep->script_name;
	if (utf8_is_utf16(text, len))
		complaint_error(&list, (struct pos){1, 1}, "this is UTF-16: " UTF8_ADVICE);
	else if (!g)
		sweep_check_batch_script(l->sweep, text, len, &list);
	else if (g->table)
		read_table(l->sweep, g, text, len, &list);
	else
		read_value_lines(&g->axes[l->axis], text, len, &list);
	errors = list.errors;
	complaint_tell(&list, name, out);
	if (errors)
		complaint_error(&l->list, find_place(l), "'%s' cannot be used: see its errors",
				name);
	skip_to_next_file(l);
	if (!g)
		sweep_set_script(l->sweep, text);
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
	if (l->list.errors == 0) {
		sweep_warn_forms(sweep, &l->list);
		sweep_warn_unread(sweep, &l->list);
		sweep_warn_names(sweep, &l->list);
	}
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
	sweep_executed_release(&l->executed);
	complaint_release(&l->list);
	memset(l, 0, sizeof(*l));
}

const char *sweep_load_file_name(const struct sweep *sweep)
{
	return sweep->doc->name;
}
