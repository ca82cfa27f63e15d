#include "lib/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

struct scan {
	const char *s;
	size_t len, i, line, begin; /* begin: offset of the line */
	bool other;		    /* a byte is not UTF-8: the first is enough */
	struct complaint_list *list;
};

static struct pos current_pos(const struct scan *s)
{
	return (struct pos){s->line, s->i - s->begin + 1};
}

static struct csv_row *add_row(struct csv *csv, size_t line)
{
	if (csv->n == csv->cap) {
		csv->cap = csv->cap ? csv->cap * 2 : 16;
		csv->rows = mem_grow(csv->rows, csv->cap, sizeof(*csv->rows));
	}
	csv->rows[csv->n] = (struct csv_row){.line = line};
	return &csv->rows[csv->n++];
}

static bool at_end_of_line(const struct scan *s)
{
	return s->i >= s->len || s->s[s->i] == '\n' ||
	       (s->s[s->i] == '\r' && s->i + 1 < s->len && s->s[s->i + 1] == '\n');
}

/* Reads one character of a field; adds a complaint if it is not allowed in a value. */
static void read_char(struct scan *s, struct buf *field)
{
	unsigned code = 0;
	size_t n = utf8_char(s->s + s->i, s->len - s->i, &code);

	if (n == 0 && !s->other)
		complaint_error(s->list, current_pos(s), "a byte that is not UTF-8: " UTF8_ADVICE);
	s->other = s->other || n == 0;
	if (n && utf8_is_control(code))
		complaint_error(s->list, current_pos(s),
				"a control character or a line break in a value");
	n = n ? n : 1;
	buf_add(field, s->s + s->i, n);
	if (s->s[s->i] == '\n') {
		s->line++;
		s->begin = s->i + 1;
	}
	s->i += n;
}

static void read_quoted(struct scan *s, struct buf *field)
{
	struct pos opened = current_pos(s);

	for (s->i++; s->i < s->len;) {
		if (s->s[s->i] != '"') {
			read_char(s, field);
			continue;
		}
		s->i++;
		if (s->i >= s->len || s->s[s->i] != '"')
			break;
		buf_addch(field, '"');
		s->i++;
	}
	if (s->i >= s->len && s->s[s->len - 1] != '"')
		complaint_error(s->list, opened, "a quote that is not closed");
	else if (!at_end_of_line(s) && s->s[s->i] != ',')
		complaint_error(s->list, current_pos(s), "text after a closing quote");
}

static void read_row(struct scan *s, struct csv_row *row)
{
	int told = 0;

	for (;;) {
		struct buf field = {0};

		if (s->i < s->len && s->s[s->i] == '"')
			read_quoted(s, &field);
		while (!at_end_of_line(s) && s->s[s->i] != ',')
			read_char(s, &field);
		if (row->fields.n < CSV_FIELDS_MOST)
			strs_take(&row->fields, buf_take(&field));
		else if (!told++)
			complaint_error(s->list, current_pos(s), "more than %d fields in a row",
					CSV_FIELDS_MOST);
		buf_release(&field);
		if (at_end_of_line(s))
			break;
		s->i++;
	}
	s->i += s->i < s->len && s->s[s->i] == '\r';
	s->i += s->i < s->len;
	s->line++;
	s->begin = s->i;
}

static bool only_blank_lines(const struct scan *s)
{
	for (size_t i = s->i; i < s->len; i++)
		if (s->s[i] != '\n' && s->s[i] != '\r')
			return false;
	return true;
}

void csv_parse(struct csv *csv, const char *text, size_t len, struct complaint_list *list)
{
	struct scan s = {.s = text, .len = len, .line = 1, .list = list};

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		s.i = s.begin = 3;
	while (s.i < s.len && !only_blank_lines(&s) && list->n < COMPLAINT_MOST) {
		struct pos pos = current_pos(&s);
		struct csv_row *row;

		if (at_end_of_line(&s))
			complaint_error(list, pos, "an empty line");
		row = add_row(csv, s.line);
		read_row(&s, row);
		if (row->fields.n != csv->rows[0].fields.n)
			complaint_error(list, pos, "this row has %zu fields, the header has %zu",
					row->fields.n, csv->rows[0].fields.n);
	}
}

void csv_release(struct csv *csv)
{
	for (size_t i = 0; i < csv->n; i++)
		strs_release(&csv->rows[i].fields);
	free(csv->rows);
	memset(csv, 0, sizeof(*csv));
}

void csv_add_field(struct buf *out, const char *text)
{
	if (!text[strcspn(text, "\",\r\n")]) {
		buf_addstr(out, text);
		return;
	}
	buf_addch(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			buf_addch(out, '"');
		buf_addch(out, *text);
	}
	buf_addch(out, '"');
}
