/*
 * table.h - what a person reads: columns, colours, times, bars.
 *
 * Nothing that comes from elsewhere (values of parameters, words of Slurm) reaches a terminal as it is:
 * control characters, broken UTF-8 and marks that turn the direction of writing are shown as '?'.
 */
#ifndef SLURMQ_TABLE_H
#define SLURMQ_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/buf.h"

enum when_colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
/* "auto", "always", "never": 0, or -1. */
int when_colour_parse(const char *text, enum when_colour *when);

/* What may be written to one stream. */
struct style {
	bool tty;
	bool colour;
	bool utf8;   /* values may be shown in UTF-8 */
	bool glyphs; /* our own bars and ellipses may be in UTF-8 */
	int width;   /* columns; 0: no end, nothing is cut */
};
/* Of a descriptor, from isatty(3), NO_COLOR (no-color.org), TERM, the locale's variables, the terminal's
 * width (TIOCGWINSZ), COLUMNS, else 80. */
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
/* Append text that was cleaned already, painted where the style allows it. */
void paint_add(struct buf *out, const struct style *s, enum paint paint, const char *text);

/* Append text fit for a terminal. */
void clean_add(struct buf *out, const struct style *s, const char *text);
/* How many columns of a terminal a cleaned text takes. */
int text_width(const char *text);
/* Append a cleaned text, cut to width columns with an ellipsis where it is longer. */
void text_add_cut(struct buf *out, const struct style *s, const char *text, int width);

/* Append a cleaned text in lines of the terminal's width, broken at blanks: the first begins in column
 * `at`, the others are indented. Words that are longer than a line stay whole. */
void text_add_wrapped(struct buf *out, const struct style *s, const char *text, int at, int indent);

/* "just now", "45s ago", "3m ago", "5h ago", "2d ago", "never" for 0; a clock that is behind: "just now". */
void time_add_ago(struct buf *out, int64_t ms, int64_t now);
/* "0.4s", "45s", "3m 05s", "1h 05m", "2d 03h"; "" below 0. */
void time_add_duration(struct buf *out, int64_t ms);
/* "2024-05-01 13:04:05" in the local time zone, "" for 0. */
void time_add_local(struct buf *out, int64_t ms);
/* KiB of memory as "512K", "36.0M", "2.5G". */
void size_add_kib(struct buf *out, int64_t kib);

/* A bar of width columns, parts of it painted: shares of total, in order. */
struct bar_part {
	int64_t n;
	enum paint paint;
	char ascii; /* where there are no colours, or no glyphs */
};
void bar_add(struct buf *out, const struct style *s, int width, int64_t total,
	     const struct bar_part *parts, size_t nparts);

/* ---- tables ---- */

struct column {
	const char *title;
	bool right;  /* aligned: numbers */
	bool shrink; /* may be cut where the line is too long; the last column always may */
};

enum { TABLE_MAX_COLUMNS = 16 };

struct table {
	const struct column *columns;
	size_t ncolumns;
	bool titles_shown;
	bool no_titles;
	struct table_cell *cells;
	size_t ncells, cap;
	int widths[TABLE_MAX_COLUMNS]; /* so far: later slices keep to them */
};

void table_init(struct table *t, const struct column *columns, size_t ncolumns);
/* Add the next cell, row by row; text is cleaned here. NULL: empty. */
void table_add(struct table *t, const struct style *s, enum paint paint, const char *text);
void table_addf(struct table *t, const struct style *s, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Write the rows so far, the titles before the first; may be called again after more rows. */
void table_flush(struct table *t, const struct style *s, FILE *out);
void table_release(struct table *t);

#endif
