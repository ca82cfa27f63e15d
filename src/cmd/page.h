/*
 * page.h - the manual pages inside the binary. The build makes page_data.c of the files in man/,
 * so that a binary that was copied to a cluster has its manual.
 */
#ifndef SLURMQ_PAGE_H
#define SLURMQ_PAGE_H

#include "lib/buf.h"
#include "lib/table.h"

struct page {
	const char *name; /* "slurmq-list" */
	const char *section;
	const char *text; /* in mdoc(7) */
};

/* Sorted by name; ends with a page without a name. */
extern const struct page pages[];

/* Returns the page slurmq-NAME, or slurmq(1) for "slurmq"; NULL if there is none. */
const struct page *page_find(const char *name);
/* Returns whether the page describes no command: those of sections 5 and 7. */
bool page_is_topic(const struct page *page);
/* Returns the name without "slurmq-", as slurmq help takes it. Borrowed. */
const char *page_short_name(const struct page *page);

/* Appends the page as text for `out`: as man(1) prints it, else as mdoc_render() does. */
void page_render(const struct page *page, const struct style *out, struct buf *text);

#endif
