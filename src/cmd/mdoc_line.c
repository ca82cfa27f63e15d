/* mdoc_line.c - fills lines with words. */
#include "cmd/mdoc_internal.h"

#include <stdlib.h>
#include <string.h>

void mdoc_begin_line(struct mdoc *p)
{
	if (!p->line.len && p->indent > 0) {
		buf_addf(&p->line, "%*s", p->indent, "");
		p->used = p->indent;
	}
}

static void write_line(struct mdoc *p)
{
	while (p->spaced && p->line.s[p->line.len - 1] == ' ')
		p->line.len--;
	if (p->begun) {
		buf_add(p->out, p->line.s, p->line.len);
		buf_addch(p->out, '\n');
	}
	buf_clear(&p->line);
	p->used = 0;
	p->begun = p->spaced = false;
}

void mdoc_end_word(struct mdoc *p)
{
	if (!p->word.len)
		return;
	if (p->begun && !p->literal && p->used + !p->spaced + p->word_width > p->width)
		write_line(p);
	mdoc_begin_line(p);
	if (p->begun && !p->spaced) {
		buf_addch(&p->line, ' ');
		p->used++;
	}
	buf_add(&p->line, p->word.s, p->word.len);
	p->used += p->word_width;
	p->begun = true;
	p->spaced = p->fresh = false;
	buf_clear(&p->word);
	p->word_width = 0;
}

void mdoc_end_line(struct mdoc *p)
{
	mdoc_end_word(p);
	write_line(p);
	p->join = false;
}

void mdoc_add_empty_line(struct mdoc *p)
{
	size_t n;

	mdoc_end_line(p);
	n = p->out->len;
	if (!p->fresh && n > 1 && !(p->out->s[n - 1] == '\n' && p->out->s[n - 2] == '\n'))
		buf_addch(p->out, '\n');
}

void mdoc_move_to_column(struct mdoc *p, int column)
{
	int n;

	mdoc_end_word(p);
	if (!p->begun)
		return;
	n = p->used < column ? column - p->used : MDOC_GAP;
	buf_addf(&p->line, "%*s", n, "");
	p->used += n;
	p->spaced = true;
}

/* ---- text ---- */

struct special {
	const char *name, *text;
};

/* Appends the character of an escape sequence (roff(7)), which begins after the backslash at s.
 * Returns its length. A sequence that is not listed stays as it is, with the backslash. */
static size_t add_escape(struct buf *to, const char *s)
{
	static const struct special specials[] = {
		{"&", ""},    {"e", "\\"},   {"-", "-"},    {" ", "\xff"}, {"~", "\xff"},
		{"(aq", "'"}, {"(dq", "\""}, {"(em", "--"}, {"(en", "-"},  {"(mu", "x"},
	};

	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		size_t n = strlen(specials[i].name);

		if (!strncmp(s, specials[i].name, n)) {
			buf_addstr(to, specials[i].text);
			return n;
		}
	}
	buf_addch(to, '\\');
	return 0;
}

char *mdoc_unescape(const char *text)
{
	struct buf b = {0};

	while (*text) {
		size_t n = strcspn(text, "\\");

		buf_add(&b, text, n);
		text += n;
		if (*text)
			text += 1 + add_escape(&b, text + 1);
	}
	return buf_take(&b);
}

/* Adds a part of a word. */
static void add_part(struct mdoc *p, enum paint paint, const char *text, size_t len)
{
	char *part = mem_strndup(text, len);

	if (!p->join)
		mdoc_end_word(p);
	p->join = false;
	for (char *c = part; *c; c++)
		if (*c == '\xff')
			*c = ' ';
	p->word_width += text_width(part);
	paint_add(&p->word, p->s, paint, part);
	free(part);
}

void mdoc_add_text(struct mdoc *p, enum paint paint, const char *raw)
{
	char *text = mdoc_unescape(raw);
	const char *t = text;

	for (t += strspn(t, " \t"); *t; t += strspn(t, " \t")) {
		size_t n = strcspn(t, " \t");

		add_part(p, paint, t, n);
		t += n;
	}
	free(text);
}

void mdoc_add_joined(struct mdoc *p, const char *text)
{
	p->join = true;
	mdoc_add_text(p, PAINT_NONE, text);
}

void mdoc_add_literal_line(struct mdoc *p, const char *raw)
{
	char *text = mdoc_unescape(raw);

	mdoc_end_line(p);
	if (*text)
		add_part(p, PAINT_NONE, text, strlen(text));
	else
		buf_addch(p->out, '\n');
	mdoc_end_line(p);
	free(text);
}
