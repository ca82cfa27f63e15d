#include "lib/complaint.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void complaints_release(struct complaints *c)
{
	for (size_t i = 0; c->sources && i < c->lines.n; i++)
		free(c->sources[i].text);
	free(c->sources);
	c->sources = NULL;
	strs_release(&c->lines);
	c->errors = c->warnings = 0;
}

static void add_complaint(struct complaint_list *l, struct pos pos, bool warning, const char *fmt,
			  va_list ap)
{
	struct buf text = {0};

	if (!warning)
		l->errors++;
	if (l->n == COMPLAINT_KEPT) {
		l->more++;
		return;
	}
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->v = mem_grow(l->v, l->cap, sizeof(*l->v));
	}
	buf_vaddf(&text, fmt, ap);
	l->v[l->n] = (struct complaint){
		.pos = pos, .nth = l->n, .warning = warning, .text = buf_take(&text)};
	l->n++;
}

void complaint_error(struct complaint_list *l, struct pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_complaint(l, pos, false, fmt, ap);
	va_end(ap);
}

void complaint_warn(struct complaint_list *l, struct pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_complaint(l, pos, true, fmt, ap);
	va_end(ap);
}

static int compare_sizes(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_complaints(const void *a, const void *b)
{
	const struct complaint *x = a, *y = b;
	int d = compare_sizes(x->pos.line, y->pos.line);

	if (d == 0)
		d = compare_sizes(x->pos.col, y->pos.col);
	return d ? d : compare_sizes(x->nth, y->nth);
}

static bool is_same_place(const struct complaint *a, const struct complaint *b)
{
	return a->pos.line == b->pos.line && a->pos.col == b->pos.col;
}

/* Returns whether an equal complaint at the same place precedes complaint i. */
static bool is_repeated(const struct complaint_list *l, size_t i)
{
	for (size_t j = i; j-- > 0 && is_same_place(&l->v[j], &l->v[i]);)
		if (!strcmp(l->v[j].text, l->v[i].text))
			return true;
	return false;
}

enum { LINE_MOST = 4096 }; /* bytes: each complaint keeps its line */

/* Returns a line of the text, without a byte order mark; NULL if there is none, or if it is longer
 * than a person reads. The caller frees it. */
static char *copy_line(const char *text, size_t len, size_t line)
{
	const char *p = text, *end, *stop;

	if (!text || !line)
		return NULL;
	end = text + len;
	while (--line && p < end) {
		stop = memchr(p, '\n', (size_t)(end - p));
		p = stop ? stop + 1 : end;
	}
	if (p == end)
		return NULL;
	if (p == text && len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	stop = memchr(p, '\n', (size_t)(end - p));
	if ((stop ? stop : end) - p > LINE_MOST)
		return NULL;
	return mem_strndup(p, (size_t)((stop ? stop : end) - p));
}

/* Adds a line to out; c is its complaint, or NULL. */
static void add_source(const struct complaint_list *l, const struct complaint *c,
		       struct complaints *out)
{
	struct complaint_source source = {0};

	if (c) {
		source.text = copy_line(l->text, l->len, c->pos.line);
		source.line = c->pos.line;
		source.col = c->pos.col;
	}
	out->sources = mem_grow(out->sources, out->lines.n, sizeof(*out->sources));
	out->sources[out->lines.n - 1] = source;
}

static void add_line(const struct complaint_list *l, const struct complaint *c, const char *file,
		     struct complaints *out)
{
	const char *kind = c->warning ? "warning" : "error";

	if (c->pos.line == 0)
		strs_addf(&out->lines, "%s: %s: %s", file, kind, c->text);
	else
		strs_addf(&out->lines, "%s:%zu:%zu: %s: %s", file, c->pos.line, c->pos.col, kind,
			  c->text);
	add_source(l, c, out);
}

void complaint_tell(struct complaint_list *l, const char *file, struct complaints *out)
{
	size_t lines = 0, more = l->more, kept = 0;

	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_complaints);
	for (size_t i = 0; i < l->n; i++) {
		kept += !l->v[i].warning;
		if (is_repeated(l, i))
			continue;
		if (l->v[i].warning)
			out->warnings++;
		else
			out->errors++;
		if (lines++ < COMPLAINT_MOST)
			add_line(l, &l->v[i], file, out);
		else
			more++;
	}
	out->errors += l->errors - kept;
	if (more) {
		strs_addf(&out->lines, "%s: ... and %zu more", file, more);
		add_source(l, NULL, out);
	}
	complaint_release(l);
}

void complaint_release(struct complaint_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].text);
	free(l->v);
	memset(l, 0, sizeof(*l));
}
