/* mdoc_internal.h - what mdoc.c (macros) and mdoc_line.c (words and lines) share. */
#ifndef SLURMQ_MDOC_INTERNAL_H
#define SLURMQ_MDOC_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/mdoc.h"

enum {
	MDOC_GAP = 2, /* between a tag and its text, and between columns */
	LISTS_MOST = 8,
	COLUMNS_MOST = 8,
};

enum list_kind { LIST_TAG, LIST_BULLET, LIST_ENUM, LIST_ITEM, LIST_COLUMN };

struct list {
	enum list_kind kind;
	bool compact;
	int outside; /* the indent to return to */
	int indent;  /* of the tags */
	int width;   /* from a tag to its text */
	int number;
	int columns[COLUMNS_MOST];
	int ncolumns;
};

struct mdoc {
	const struct style *s;
	struct buf *out;
	int width;
	struct buf line; /* painted */
	int used;	 /* columns of line, its indent included */
	struct buf word; /* painted; may still grow */
	int word_width;
	bool join;   /* the next text belongs to the word */
	bool begun;  /* line has a word */
	bool spaced; /* line ends in blanks: the next word needs none */
	bool fresh;  /* after a title or a tag: no empty line follows */
	int indent;
	bool literal, synopsis, in_head;
	struct list lists[LISTS_MOST];
	int nlists;
	int displays[LISTS_MOST]; /* the indents to return to; literal ones are negated */
	int ndisplays;
	char *name; /* of the first Nm */
};

void mdoc_begin_line(struct mdoc *p);
/* Moves the word to the line, which is written first if the word does not fit. */
void mdoc_end_word(struct mdoc *p);
void mdoc_end_line(struct mdoc *p);
/* Ends the line, and adds an empty line unless there is one, or a title or tag. */
void mdoc_add_empty_line(struct mdoc *p);
/* Moves to a column of the line, or MDOC_GAP columns on if the line is that long already. */
void mdoc_move_to_column(struct mdoc *p, int column);

/* Returns text without its escape sequences (roff(7)); the byte ff is a blank that does not end a
 * word. A sequence that is not known stays as it is. The caller frees the string. */
char *mdoc_unescape(const char *text);
/* Adds text, word by word. The first joins the word before it if p->join is set. */
void mdoc_add_text(struct mdoc *p, enum paint paint, const char *raw);
void mdoc_add_joined(struct mdoc *p, const char *text);
void mdoc_add_literal_line(struct mdoc *p, const char *raw);

#endif
