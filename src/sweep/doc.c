#include "sweep/doc.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/utf8.h"

static void index_lines(struct doc *doc)
{
	size_t n = 1;

	for (size_t i = 0; i < doc->len; i++)
		n += doc->text[i] == '\n';
	doc->lines = mem_grow(NULL, n, sizeof(*doc->lines));
	doc->lines[0] = 0;
	doc->nlines = 1;
	for (size_t i = 0; i < doc->len; i++)
		if (doc->text[i] == '\n')
			doc->lines[doc->nlines++] = i + 1;
}

struct doc *doc_new(const char *name, const char *text, size_t len)
{
	struct doc *doc = mem_alloc(sizeof(*doc));

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	doc->name = mem_strdup(name);
	doc->text = mem_strndup(text, len);
	doc->len = len;
	index_lines(doc);
	return doc;
}

struct node *doc_node(struct doc *doc, enum node_kind kind, struct pos pos)
{
	struct node *node = mem_alloc(sizeof(*node));

	if (doc->nnodes == doc->cap) {
		doc->cap = doc->cap ? doc->cap * 2 : 64;
		doc->nodes = mem_grow(doc->nodes, doc->cap, sizeof(*doc->nodes));
	}
	doc->nodes[doc->nnodes++] = node;
	node->kind = kind;
	node->pos = pos;
	node->weight = node->height = 1;
	return node;
}

void node_push(struct node *parent, struct node *child)
{
	if (parent->n == parent->cap) {
		parent->cap = parent->cap ? parent->cap * 2 : 4;
		parent->items = mem_grow(parent->items, parent->cap, sizeof(struct node *));
	}
	parent->items[parent->n++] = child;
	parent->weight += child->weight;
	if (parent->height < child->height + 1)
		parent->height = child->height + 1;
}

void doc_free(struct doc *doc)
{
	if (!doc)
		return;
	for (size_t i = 0; i < doc->nnodes; i++) {
		free(doc->nodes[i]->text);
		free(doc->nodes[i]->items);
		free(doc->nodes[i]);
	}
	free(doc->nodes);
	free(doc->lines);
	free(doc->text);
	free(doc->name);
	free(doc);
}

struct pos doc_pos(const struct doc *doc, size_t offset)
{
	size_t low = 0, high = doc->nlines, at;
	struct pos pos = {1, 1};

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (doc->lines[mid] <= offset)
			low = mid;
		else
			high = mid;
	}
	pos.line = low + 1;
	for (at = doc->lines[low]; at < offset && at < doc->len; pos.col++) {
		size_t n = utf8_char(doc->text + at, doc->len - at, NULL);

		at += n ? n : 1;
	}
	return pos;
}

size_t doc_offset(const struct doc *doc, struct pos pos)
{
	size_t at;

	if (pos.line == 0)
		return 0;
	if (pos.line > doc->nlines)
		return doc->len;
	at = doc->lines[pos.line - 1];
	for (size_t col = 1; col < pos.col && at < doc->len && doc->text[at] != '\n'; col++) {
		size_t n = utf8_char(doc->text + at, doc->len - at, NULL);

		at += n ? n : 1;
	}
	return at;
}

/* A parallel walk through the value of a scalar and its text in the file. */
struct walk {
	const char *src;
	size_t at, len; /* offsets in src */
	enum node_style style;
	size_t indent; /* indentation of a block */
};

static void skip_chars(struct walk *w, const char *chars)
{
	while (w->at < w->len && strchr(chars, w->src[w->at]))
		w->at++;
}

static void skip_indent(struct walk *w)
{
	for (size_t i = 0; i < w->indent && w->at < w->len && w->src[w->at] == ' '; i++)
		w->at++;
}

/* Moves to the first line of a block and finds its indentation: that of the first line that is
 * not blank. An indentation number in the header is rare, and is found by the same rule or not
 * at all. */
static void enter_block(struct walk *w)
{
	const char *nl = memchr(w->src + w->at, '\n', w->len - w->at);
	size_t look;

	w->at = look = nl ? (size_t)(nl - w->src) + 1 : w->len;
	while (look < w->len && strchr(" \r\n", w->src[look])) {
		w->indent = w->src[look] == ' ' ? w->indent + 1 : 0;
		look++;
	}
	skip_indent(w);
}

/* Skips one escape of a double-quoted scalar. Returns its number of bytes in the value. */
static size_t skip_escape(struct walk *w)
{
	char c = w->at + 1 < w->len ? w->src[w->at + 1] : '\0';
	size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	unsigned long code = 0;
	char hex[9] = "";

	w->at += 2;
	if (c == '\n' || c == '\r') {
		skip_chars(w, " \t\r\n");
		return 0;
	}
	if (digits == 0)
		return c == 'N' || c == '_' ? 2 : c == 'L' || c == 'P' ? 3 : 1;
	if (w->at + digits > w->len)
		return 1;
	memcpy(hex, w->src + w->at, digits);
	code = strtoul(hex, NULL, 16);
	w->at += digits;
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* Makes one step. Returns how many bytes of the value it consumed. */
static size_t walk_one_step(struct walk *w, char value)
{
	bool block = w->style == STYLE_LITERAL || w->style == STYLE_FOLDED;
	char c = w->src[w->at];

	if (w->style == STYLE_DOUBLE && c == '\\')
		return skip_escape(w);
	if (w->style == STYLE_SINGLE && c == '\'') {
		w->at += 2;
		return 1;
	}
	if (c == '\r' && value != '\r') {
		w->at++;
		return 0;
	}
	if (block && c == '\n') {
		w->at++;
		skip_indent(w);
		return value == '\n' || value == ' ' ? 1 : 0;
	}
	if (!block && (c == '\n' || ((c == ' ' || c == '\t') && value != c))) {
		skip_chars(w, " \t\r\n");
		return 1;
	}
	w->at++;
	return 1;
}

struct pos node_locate(const struct doc *doc, const struct node *scalar, size_t offset)
{
	struct walk w = {.src = doc->text,
			 .at = doc_offset(doc, scalar->pos),
			 .len = doc->len,
			 .style = scalar->style};

	if (scalar->kind != NODE_SCALAR || offset > scalar->len)
		return scalar->pos;
	if (w.at < w.len && w.src[w.at] == '&') { /* libyaml reports the place of the anchor */
		while (w.at < w.len && !strchr(" \t\r\n", w.src[w.at]))
			w.at++;
		skip_chars(&w, " \t\r\n");
	}
	if (w.style == STYLE_LITERAL || w.style == STYLE_FOLDED)
		enter_block(&w);
	else if (w.style != STYLE_PLAIN)
		w.at++;
	for (size_t i = 0; i < offset && w.at < w.len;)
		i += walk_one_step(&w, scalar->text[i]);
	/* an empty line of a folded block makes one line break of two */
	while (w.style == STYLE_FOLDED && offset < scalar->len && scalar->text[offset] != '\n' &&
	       w.at < w.len && w.src[w.at] == '\n') {
		w.at++;
		skip_indent(&w);
	}
	return doc_pos(doc, w.at);
}

bool node_is(const struct node *scalar, const char *text)
{
	return scalar->kind == NODE_SCALAR && scalar->len == strlen(text) &&
	       !memcmp(scalar->text, text, scalar->len);
}

struct node *node_get(const struct node *map, const char *key)
{
	for (size_t i = 0; map->kind == NODE_MAP && i + 1 < map->n; i += 2)
		if (node_is(map->items[i], key))
			return map->items[i + 1];
	return NULL;
}
