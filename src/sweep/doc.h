/*
 * doc.h - a YAML document as a tree, with the place of everything in it.
 *
 * What stands under an alias is the anchor's own node, shared: its place is where it is written.
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
	enum node_style style; /* of a scalar */
	struct pos pos, end;   /* end: just behind its last character */
	char *text;	       /* a scalar's value, byte for byte; NUL-terminated */
	size_t len;	       /* its length: it may hold NUL bytes */
	struct node **items;   /* a list's items; a map's keys and values by turns */
	size_t n, cap;	       /* of items */
	size_t weight;	       /* nodes in it, itself included, aliases followed */
	size_t height;	       /* 1 for a scalar */
	bool done;	       /* false while it is being read: an alias to it would be a circle */
};

struct doc {
	char *name; /* how complaints call the file */
	char *text;
	size_t len;
	size_t *lines; /* where each line of text begins */
	size_t nlines;
	struct node *root;   /* NULL: an empty file */
	struct node **nodes; /* all of them, for doc_free */
	size_t nnodes, cap;
};

/* Copies name and text, without a byte order mark. */
struct doc *doc_new(const char *name, const char *text, size_t len);
void doc_free(struct doc *doc); /* NULL is taken */
struct node *doc_node(struct doc *doc, enum node_kind kind, struct pos pos);
void node_push(struct node *parent, struct node *child);

/* Where in the text a byte offset is. */
struct pos doc_pos(const struct doc *doc, size_t offset);
/* The byte offset of a place; the end of the line or text where it is beyond. */
size_t doc_offset(const struct doc *doc, struct pos pos);
/* Where in the file the byte of a scalar's value stands: exact for all styles, as far as quotes,
 * escapes (YAML 1.1, 5.7), folding and a block's indentation can be followed; its line otherwise. */
struct pos node_locate(const struct doc *doc, const struct node *scalar, size_t offset);

/* The value of a key of a map; NULL where it has none. */
struct node *node_get(const struct node *map, const char *key);
bool node_is(const struct node *scalar, const char *text);

#endif
