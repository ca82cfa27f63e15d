/*
 * mdoc.h - prints a manual page as text, for hosts without a man(1).
 *
 * Renders the part of mdoc(7) that slurmq's own pages use: sections, paragraphs, lists (-tag,
 * -bullet, -enum, -item, -column), displays (-literal, -unfilled, -filled), one-line enclosures
 * and the inline macros of the table in mdoc.c. t/t0147-manual-inside.sh compares each page with
 * mandoc(1).
 */
#ifndef SLURMQ_MDOC_H
#define SLURMQ_MDOC_H

#include "lib/buf.h"
#include "lib/table.h"

/* Appends the page to *out, in lines of at most `width` columns; literal lines and words that are
 * longer stay whole. An unknown macro is printed as it is. */
void mdoc_render(const char *page, int width, const struct style *s, struct buf *out);

#endif
