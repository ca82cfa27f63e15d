/*
 * doc.h - a YAML document as a tree in which every node has its place. An alias is the node of
 * its anchor, shared: its place is the place of the anchor.
 */
#ifndef SLURMQ_DOC_H
#define SLURMQ_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/complaint.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };
enum node_style { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE, STYLE_LITERAL, STYLE_FOLDED };

struct node {
	enum node_kind kind;
	enum node_style style; /* style of a scalar */
	struct pos pos, end;   /* end: just after its last character */
	char *text;	       /* a scalar's value, byte for byte; NUL-terminated */
	size_t len;	       /* length of text, which may hold NUL bytes */
	struct node **items;   /* the items of a list; the keys and values of a map, alternating */
	size_t n, cap;	       /* number and capacity of items */
	size_t weight;	       /* number of nodes in it, itself included, aliases followed */
	size_t height;	       /* 1 for a scalar */
	bool done; /* false while the node is being read: an alias to it would be a circle */
};

struct doc {
	char *name; /* name of the file in complaints */
	char *text;
	size_t len;
	size_t *lines; /* offset of the start of each line of text */
	size_t nlines;
	struct node *root;   /* NULL if the file is empty */
	struct node **nodes; /* all nodes, for doc_free() */
	size_t nnodes, cap;
};

/* Makes a document with copies of name and text, without a byte order mark. The caller frees it
 * with doc_free(). */
struct doc *doc_new(const char *name, const char *text, size_t len);
void doc_free(struct doc *doc); /* doc may be NULL */
struct node *doc_node(struct doc *doc, enum node_kind kind, struct pos pos);
void node_push(struct node *parent, struct node *child);

/* Returns the place of a byte offset in the text. */
struct pos doc_pos(const struct doc *doc, size_t offset);
/* Returns the byte offset of a place; for a place beyond a line or the text, the end of that
 * line or the text. */
size_t doc_offset(const struct doc *doc, struct pos pos);
/* Returns the place in the file of byte `offset` of a scalar's value. It is exact for all
 * styles, as far as quotes, escapes (YAML 1.1, 5.7), folding and the indentation of a block can
 * be followed; otherwise it is the line of the scalar. */
struct pos node_locate(const struct doc *doc, const struct node *scalar, size_t offset);

/* Returns the value of a key of a map; NULL if it has no such key. */
struct node *node_get(const struct node *map, const char *key);
bool node_is(const struct node *scalar, const char *text);

#endif
