#include "cmd/mdoc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mdoc_internal.h"

enum {
	INDENT = 5,	     /* of the text of a section */
	INDENT_SUBTITLE = 2, /* of the title of a subsection */
	INDENT_MORE = 4,     /* of a display, and of the lines that continue a synopsis */
	WIDTH_DS = 6,	     /* of -width Ds */
	WIDTH_MARK = 3,	     /* of a bullet or a number */
	LEAST = 20,	     /* a narrower text is indented less */
	CLOSERS_MOST = 8,
};

/* ---- words of a line ---- */

struct words {
	char **v;
	bool *quoted;
	size_t n;
};

/* Splits a line into words: at blanks, except in quotation marks and after a backslash. */
static void split_line(const char *s, struct words *w)
{
	memset(w, 0, sizeof(*w));
	for (s += strspn(s, " \t"); *s; s += strspn(s, " \t")) {
		struct buf b = {0};
		bool quoted = *s == '"';

		for (s += quoted; *s && (quoted || (*s != ' ' && *s != '\t')); s++) {
			if (quoted && *s == '"' && *++s != '"')
				break;
			if (*s == '\\' && s[1])
				buf_addch(&b, *s++);
			buf_addch(&b, *s);
		}
		w->v = mem_grow(w->v, w->n + 1, sizeof(*w->v));
		w->quoted = mem_grow(w->quoted, w->n + 1, sizeof(*w->quoted));
		w->quoted[w->n] = quoted;
		w->v[w->n++] = buf_take(&b);
	}
}

static void words_release(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	free(w->quoted);
}

static bool is_one_of(const struct words *w, size_t i, const char *chars)
{
	return !w->quoted[i] && w->v[i][0] && !w->v[i][1] && strchr(chars, w->v[i][0]);
}

static bool is_closing(const struct words *w, size_t i)
{
	return is_one_of(w, i, ".,:;)]?!");
}

static bool is_opening(const struct words *w, size_t i)
{
	return is_one_of(w, i, "([");
}

enum kind {
	KIND_WORDS,   /* each argument is a word with `before` in front of it */
	KIND_NAME,    /* Nm: without an argument the name of the page */
	KIND_PAGE,    /* Xr: NAME(SECTION) */
	KIND_CALL,    /* Fn: NAME() */
	KIND_ENCLOSE, /* the rest of the line between `before` and `after` */
	KIND_OPEN,    /* `before`, joined to what follows */
	KIND_CLOSE,   /* `before`, joined to what precedes */
	KIND_JOIN,    /* Ns: no blank here */
	KIND_CELL,    /* Ta */
	KIND_NOTHING,
};

struct macro {
	const char *name;
	enum kind kind;
	enum paint paint;
	const char *before, *after;
};

static const struct macro macros[] = {
	{"Ar", KIND_WORDS, PAINT_NONE, "", ""},	      {"Cm", KIND_WORDS, PAINT_BOLD, "", ""},
	{"Dv", KIND_WORDS, PAINT_NONE, "", ""},	      {"Em", KIND_WORDS, PAINT_BOLD, "", ""},
	{"Ev", KIND_WORDS, PAINT_NONE, "", ""},	      {"Fl", KIND_WORDS, PAINT_BOLD, "-", ""},
	{"Ic", KIND_WORDS, PAINT_BOLD, "", ""},	      {"Li", KIND_WORDS, PAINT_NONE, "", ""},
	{"No", KIND_WORDS, PAINT_NONE, "", ""},	      {"Pa", KIND_WORDS, PAINT_NONE, "", ""},
	{"Sx", KIND_WORDS, PAINT_NONE, "", ""},	      {"Sy", KIND_WORDS, PAINT_BOLD, "", ""},
	{"Va", KIND_WORDS, PAINT_NONE, "", ""},	      {"Nm", KIND_NAME, PAINT_BOLD, "", ""},
	{"Xr", KIND_PAGE, PAINT_NONE, "", ""},	      {"Fn", KIND_CALL, PAINT_BOLD, "", ""},
	{"Aq", KIND_ENCLOSE, PAINT_NONE, "<", ">"},   {"Bq", KIND_ENCLOSE, PAINT_NONE, "[", "]"},
	{"Dq", KIND_ENCLOSE, PAINT_NONE, "\"", "\""}, {"Op", KIND_ENCLOSE, PAINT_NONE, "[", "]"},
	{"Pq", KIND_ENCLOSE, PAINT_NONE, "(", ")"},   {"Ql", KIND_ENCLOSE, PAINT_NONE, "'", "'"},
	{"Qq", KIND_ENCLOSE, PAINT_NONE, "\"", "\""}, {"Sq", KIND_ENCLOSE, PAINT_NONE, "'", "'"},
	{"Oc", KIND_CLOSE, PAINT_NONE, "]", ""},      {"Oo", KIND_OPEN, PAINT_NONE, "[", ""},
	{"Pc", KIND_CLOSE, PAINT_NONE, ")", ""},      {"Po", KIND_OPEN, PAINT_NONE, "(", ""},
	{"Ns", KIND_JOIN, PAINT_NONE, "", ""},	      {"Ta", KIND_CELL, PAINT_NONE, "", ""},
	{"Xo", KIND_NOTHING, PAINT_NONE, "", ""},     {"Xc", KIND_NOTHING, PAINT_NONE, "", ""},
};

static const struct macro *find_macro(const char *name)
{
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		if (!strcmp(macros[i].name, name))
			return &macros[i];
	return NULL;
}

static const struct macro *macro_at(const struct words *w, size_t i)
{
	return i < w->n && !w->quoted[i] ? find_macro(w->v[i]) : NULL;
}

/* Adds a word of a macro line: punctuation is joined to what it follows or precedes. */
static void add_argument(struct mdoc *p, const struct words *w, size_t i, const struct macro *m)
{
	if (is_closing(w, i)) {
		mdoc_add_joined(p, w->v[i]);
	} else if (is_one_of(w, i, "|")) {
		mdoc_add_text(p, PAINT_NONE, w->v[i]);
	} else if (m && *m->before && !is_opening(w, i)) {
		mdoc_add_text(p, m->paint, m->before);
		p->join = true;
		mdoc_add_text(p, m->paint, w->v[i]);
	} else {
		mdoc_add_text(p, m && !is_opening(w, i) ? m->paint : PAINT_NONE, w->v[i]);
		p->join = is_opening(w, i);
	}
}

/* Adds the arguments of a macro of KIND_WORDS from word i on. Returns the word after them. */
static size_t add_words(struct mdoc *p, const struct words *w, size_t i, size_t end,
			const struct macro *m)
{
	size_t first = i;

	for (; i < end && !macro_at(w, i); i++)
		add_argument(p, w, i, m);
	if (i == first && *m->before) { /* "Fl Fl name": the next dash is joined */
		mdoc_add_text(p, m->paint, m->before);
		p->join = i < end && macro_at(w, i) == m;
	}
	return i;
}

static size_t add_name(struct mdoc *p, const struct words *w, size_t i, size_t end,
		       const struct macro *m)
{
	if (i >= end || macro_at(w, i) || is_closing(w, i)) {
		mdoc_add_text(p, m->paint, p->name ? p->name : "");
		return i;
	}
	if (!p->name)
		p->name = mem_strdup(w->v[i]);
	return add_words(p, w, i, end, m);
}

static size_t add_page(struct mdoc *p, const struct words *w, size_t i, size_t end,
		       const struct macro *m)
{
	if (i >= end)
		return i;
	mdoc_add_text(p, PAINT_NONE, w->v[i++]);
	if (i < end && !macro_at(w, i) && !is_closing(w, i)) {
		char *section = mem_printf("(%s)", w->v[i++]);

		mdoc_add_joined(p, section);
		free(section);
	}
	return add_words(p, w, i, end, m);
}

static size_t add_call(struct mdoc *p, const struct words *w, size_t i, size_t end,
		       const struct macro *m)
{
	if (i >= end)
		return i;
	mdoc_add_text(p, m->paint, w->v[i++]);
	mdoc_add_joined(p, "()");
	return add_words(p, w, i, end, m);
}

static void move_to_cell(struct mdoc *p)
{
	const struct list *l = p->nlists ? &p->lists[p->nlists - 1] : NULL;
	int column = l ? l->indent : 0;

	for (int k = 0; l && k < l->ncolumns; k++) {
		column += l->columns[k] + MDOC_GAP;
		if (p->indent < column) {
			mdoc_move_to_column(p, column);
			p->indent = column;
			return;
		}
	}
}

/* Adds the words i to end of a line, which may hold macros. */
static void add_inline(struct mdoc *p, const struct words *w, size_t i, size_t end)
{
	const char *closers[CLOSERS_MOST];
	size_t nclosers = 0, last = end;

	while (last > i && is_closing(w, last - 1))
		last--;
	while (i < last) {
		const struct macro *m = macro_at(w, i);

		if (!m) {
			add_argument(p, w, i++, NULL);
			continue;
		}
		i++;
		if (m->kind == KIND_WORDS) {
			i = add_words(p, w, i, last, m);
		} else if (m->kind == KIND_NAME) {
			i = add_name(p, w, i, last, m);
		} else if (m->kind == KIND_PAGE) {
			i = add_page(p, w, i, last, m);
		} else if (m->kind == KIND_CALL) {
			i = add_call(p, w, i, last, m);
		} else if (m->kind == KIND_ENCLOSE || m->kind == KIND_OPEN) {
			mdoc_add_text(p, PAINT_NONE, m->before);
			p->join = true;
			if (m->kind == KIND_ENCLOSE && nclosers < CLOSERS_MOST)
				closers[nclosers++] = m->after;
		} else if (m->kind == KIND_CLOSE) {
			mdoc_add_joined(p, m->before);
		} else if (m->kind == KIND_CELL) {
			move_to_cell(p);
		} else {
			p->join |= m->kind == KIND_JOIN;
		}
	}
	while (nclosers)
		mdoc_add_joined(p, closers[--nclosers]);
	for (; i < end; i++)
		mdoc_add_joined(p, w->v[i]);
}

/* ---- sections, lists, displays ---- */

static void add_title(struct mdoc *p, const struct words *w)
{
	bool section = !strcmp(w->v[0], "Sh");
	struct buf title = {0};

	for (size_t i = 1; i < w->n; i++)
		buf_addf(&title, "%s%s", i > 1 ? "\xff" : "", w->v[i]);
	p->fresh = false;
	mdoc_add_empty_line(p);
	p->indent = section ? 0 : INDENT_SUBTITLE;
	mdoc_add_text(p, PAINT_BOLD, buf_str(&title));
	mdoc_end_line(p);
	p->indent = INDENT;
	p->fresh = true;
	if (section)
		p->synopsis = !strcmp(buf_str(&title), "SYNOPSIS");
	buf_release(&title);
}

/* Returns the argument of an option of a macro line, or NULL. */
static const char *find_option(const struct words *w, const char *name)
{
	for (size_t i = 1; i < w->n; i++)
		if (!w->quoted[i] && !strcmp(w->v[i], name))
			return i + 1 < w->n ? w->v[i + 1] : "";
	return NULL;
}

static enum list_kind parse_list_kind(const char *word)
{
	static const struct {
		const char *name;
		enum list_kind kind;
	} kinds[] = {{"-tag", LIST_TAG},   {"-bullet", LIST_BULLET}, {"-dash", LIST_BULLET},
		     {"-enum", LIST_ENUM}, {"-column", LIST_COLUMN}, {"-hang", LIST_TAG}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, word))
			return kinds[i].kind;
	return LIST_ITEM;
}

static int measure(const char *raw)
{
	char *text = mdoc_unescape(raw);
	int width = strcmp(text, "Ds") ? (int)strlen(text) : WIDTH_DS;

	free(text);
	return width;
}

static void open_list(struct mdoc *p, const struct words *w)
{
	struct list *l;
	const char *width = find_option(w, "-width");

	if (p->nlists == LISTS_MOST || w->n < 2)
		return;
	l = &p->lists[p->nlists++];
	memset(l, 0, sizeof(*l));
	l->kind = parse_list_kind(w->v[1]);
	l->compact = find_option(w, "-compact") != NULL;
	if (!l->compact)
		mdoc_add_empty_line(p);
	else
		mdoc_end_line(p);
	l->outside = p->indent;
	l->indent = p->indent + (find_option(w, "-offset") ? INDENT_MORE : 0);
	l->width = l->kind == LIST_BULLET || l->kind == LIST_ENUM ? WIDTH_MARK
		   : width					  ? measure(width) + MDOC_GAP
								  : 0;
	if (l->indent + l->width > p->width - LEAST)
		l->width = INDENT_MORE;
	for (size_t i = 2; l->kind == LIST_COLUMN && i < w->n && l->ncolumns < COLUMNS_MOST; i++)
		if (w->v[i][0] != '-')
			l->columns[l->ncolumns++] = measure(w->v[i]);
}

static void close_list(struct mdoc *p, const struct words *w)
{
	(void)w;
	mdoc_end_line(p);
	if (p->nlists)
		p->indent = p->lists[--p->nlists].outside;
}

/* Ends the tag: its text begins in the same line if the tag is short. */
static void end_head(struct mdoc *p, const struct list *l)
{
	p->in_head = false;
	mdoc_end_word(p);
	p->join = false;
	p->indent = l->indent + l->width;
	if (p->used < p->indent)
		mdoc_move_to_column(p, p->indent);
	else
		mdoc_end_line(p);
	p->fresh = true;
}

static void add_mark(struct mdoc *p, struct list *l)
{
	char number[16];

	snprintf(number, sizeof(number), "%d.", ++l->number);
	mdoc_add_text(p, PAINT_NONE, l->kind == LIST_BULLET ? "*" : number);
	end_head(p, l);
}

static void add_item(struct mdoc *p, const struct words *w)
{
	struct list *l = p->nlists ? &p->lists[p->nlists - 1] : NULL;

	if (!l)
		return;
	if (l->compact || l->kind == LIST_COLUMN)
		mdoc_end_line(p);
	else
		mdoc_add_empty_line(p);
	p->indent = l->indent;
	if (l->kind == LIST_BULLET || l->kind == LIST_ENUM) {
		add_mark(p, l);
		return;
	}
	p->in_head = l->kind == LIST_TAG;
	add_inline(p, w, 1, w->n);
	if (p->in_head && (w->n < 2 || strcmp(w->v[1], "Xo") != 0))
		end_head(p, l);
}

static void open_display(struct mdoc *p, const struct words *w)
{
	bool literal = find_option(w, "-literal") || find_option(w, "-unfilled");

	if (p->ndisplays == LISTS_MOST)
		return;
	if (find_option(w, "-compact"))
		mdoc_end_line(p);
	else
		mdoc_add_empty_line(p);
	p->displays[p->ndisplays++] = p->literal ? -p->indent : p->indent;
	if (find_option(w, "-offset"))
		p->indent += INDENT_MORE;
	p->literal = literal;
}

static void close_display(struct mdoc *p, const struct words *w)
{
	int indent;

	(void)w;
	mdoc_end_line(p);
	if (!p->ndisplays)
		return;
	indent = p->displays[--p->ndisplays];
	p->literal = indent < 0;
	p->indent = indent < 0 ? -indent : indent;
}

static void add_display_line(struct mdoc *p, const struct words *w)
{
	mdoc_end_line(p);
	p->indent += INDENT_MORE;
	add_inline(p, w, 1, w->n);
	mdoc_end_line(p);
	p->indent -= INDENT_MORE;
}

/* In the synopsis each Nm begins a line, and the lines that continue it are indented. */
static void begin_synopsis_line(struct mdoc *p)
{
	mdoc_end_line(p);
	p->indent = INDENT;
	mdoc_begin_line(p);
	p->indent = INDENT + INDENT_MORE;
}

static void add_head_line(struct mdoc *p, const struct words *w)
{
	struct buf head = {0};

	buf_addf(&head, "%s(%s)", w->n > 1 ? w->v[1] : "", w->n > 2 ? w->v[2] : "");
	mdoc_add_text(p, PAINT_NONE, buf_str(&head));
	mdoc_end_line(p);
	buf_release(&head);
}

static void add_empty(struct mdoc *p, const struct words *w)
{
	(void)w;
	mdoc_add_empty_line(p);
}

static void add_nothing(struct mdoc *p, const struct words *w)
{
	(void)p;
	(void)w;
}

/* Handles a macro that stands only at the begin of a line. Returns false for any other. */
static bool add_block(struct mdoc *p, const struct words *w)
{
	static const struct {
		const char *name;
		void (*add)(struct mdoc *p, const struct words *w);
	} blocks[] = {{"Bd", open_display},  {"Bl", open_list},	       {"D1", add_display_line},
		      {"Dd", add_nothing},   {"Dl", add_display_line}, {"Dt", add_head_line},
		      {"Ed", close_display}, {"El", close_list},       {"It", add_item},
		      {"Os", add_nothing},   {"Pp", add_empty},	       {"Sh", add_title},
		      {"Ss", add_title}};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (!strcmp(blocks[i].name, w->v[0])) {
			blocks[i].add(p, w);
			return true;
		}
	}
	return false;
}

static void add_macro_line(struct mdoc *p, const char *line)
{
	struct words w;
	struct list *l = p->nlists ? &p->lists[p->nlists - 1] : NULL;

	split_line(line + 1, &w);
	if (w.n && !add_block(p, &w)) {
		if (p->synopsis && !strcmp(w.v[0], "Nm"))
			begin_synopsis_line(p);
		if (!strcmp(w.v[0], "Nd")) {
			mdoc_add_text(p, PAINT_NONE, "-");
			add_inline(p, &w, 1, w.n);
		} else if (find_macro(w.v[0])) {
			add_inline(p, &w, 0, w.n);
		} else {
			mdoc_add_text(p, PAINT_NONE, line);
		}
		if (p->in_head && l && !strcmp(w.v[0], "Xc"))
			end_head(p, l);
		if (p->literal)
			mdoc_end_line(p);
	}
	words_release(&w);
}

void mdoc_render(const char *page, int width, const struct style *s, struct buf *out)
{
	struct mdoc p = {.s = s, .out = out, .width = width};
	size_t n;

	for (; *page; page += n + (page[n] == '\n')) {
		char *line;

		n = strcspn(page, "\n");
		line = mem_strndup(page, n);
		if (!strncmp(line, ".\\\"", 3))
			; /* a comment */
		else if (line[0] == '.' && line[1])
			add_macro_line(&p, line);
		else if (p.literal)
			mdoc_add_literal_line(&p, line);
		else
			mdoc_add_text(&p, PAINT_NONE, line);
		free(line);
	}
	mdoc_end_line(&p);
	buf_release(&p.line);
	buf_release(&p.word);
	free(p.name);
}
