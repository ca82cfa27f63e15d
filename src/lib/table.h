/*
 * table.h - output for people: columns, colours, times, bars. Text from elsewhere (values of
 * parameters, messages of Slurm) never reaches a terminal unchanged: control characters, broken
 * UTF-8 and marks that turn the direction of writing are shown as '?'.
 */
#ifndef SLURMQ_TABLE_H
#define SLURMQ_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/buf.h"

enum when_colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
/* Reads "auto", "always" or "never". Returns 0, or -1 for any other text. */
int when_colour_parse(const char *text, enum when_colour *when);

/* The capabilities of one stream. */
struct style {
	bool tty;
	bool colour;
	bool utf8;   /* values may be shown in UTF-8 */
	bool glyphs; /* slurmq's bars and ellipses may be in UTF-8 */
	int width;   /* columns of a line; 0: no limit, nothing is cut */
};
/* Sets *s for a descriptor, from isatty(3), NO_COLOR (no-color.org), TERM, the variables of the
 * locale and the width of the terminal (TIOCGWINSZ, then COLUMNS, else 80). */
void style_init(struct style *s, int fd, enum when_colour when);

enum paint {
	PAINT_NONE,
	PAINT_BOLD,
	PAINT_DIM,
	PAINT_RED,
	PAINT_GREEN,
	PAINT_YELLOW,
	PAINT_BLUE,
	PAINT_CYAN,
};
/* Appends cleaned text, in colour if the style allows it. */
void paint_add(struct buf *out, const struct style *s, enum paint paint, const char *text);

/* Appends text; if the stream is a terminal, unsafe characters become '?'. */
void clean_add(struct buf *out, const struct style *s, const char *text);
/* Returns the number of terminal columns of a cleaned text. */
int text_width(const char *text);
/* Appends a cleaned text, cut to width columns with an ellipsis if it is longer. */
void text_add_cut(struct buf *out, const struct style *s, const char *text, int width);

/* Appends a cleaned text in lines of the terminal's width, broken at blanks. The first line
 * begins in column `at`, the others are indented. Words that are longer than a line stay whole. */
void text_add_wrapped(struct buf *out, const struct style *s, const char *text, int at, int indent);

/* Adds an age: "just now", "45s ago", "3m ago", "5h ago", "2d ago"; "never" if ms is 0, "just
 * now" if ms is in the future. */
void time_add_ago(struct buf *out, int64_t ms, int64_t now);
/* Adds a duration: "0.4s", "45s", "3m 05s", "1h 05m", "2d 03h"; "" if it is below 0. */
void time_add_duration(struct buf *out, int64_t ms);
/* Adds a time in the local time zone: "2024-05-01 13:04:05"; "" for 0. */
void time_add_local(struct buf *out, int64_t ms);
/* Adds a time in UTC (RFC 3339): "2024-05-01T13:04:05.123Z"; "" for 0. */
void time_add_utc(struct buf *out, int64_t ms);
/* Adds an amount of memory: "512K", "36.0M", "2.5G". */
void size_add_kib(struct buf *out, int64_t kib);

/* A part of a bar: a share of its total. bar_add() draws the parts in order in width columns. Each
 * is true to less than a column; a part that is not 0 has a column if the others stay true to half of
 * one. The bar is full only if the parts are the total. */
struct bar_part {
	int64_t n;
	enum paint paint;
	char ascii;	   /* the character to draw */
	const char *glyph; /* drawn instead if the style has colours and glyphs; may be NULL */
};
enum { BAR_PARTS_MOST = 8 };
void bar_add(struct buf *out, const struct style *s, int width, int64_t total,
	     const struct bar_part *parts, size_t nparts);

/* ---- tables ---- */

struct column {
	const char *title;
	bool right;  /* right-aligned, for numbers */
	bool shrink; /* may be cut if the line is too long; the last column always may be */
};

enum { TABLE_MAX_COLUMNS = 64 };

struct table {
	const struct column *columns;
	size_t ncolumns;
	bool titles_shown;
	bool no_titles;
	struct table_cell *cells;
	size_t ncells, cap;
	int widths[TABLE_MAX_COLUMNS]; /* widths of the rows so far; later slices use them too */
};

void table_init(struct table *t, const struct column *columns, size_t ncolumns);
/* Adds the next cell, row by row. Unsafe characters in text are replaced. NULL: an empty cell. */
void table_add(struct table *t, const struct style *s, enum paint paint, const char *text);
void table_addf(struct table *t, const struct style *s, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Writes the rows so far, with the titles before the first. May be called again after more
 * rows. */
void table_flush(struct table *t, const struct style *s, FILE *out);
void table_release(struct table *t);

#endif
