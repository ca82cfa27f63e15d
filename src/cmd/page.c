#include "cmd/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mdoc.h"
#include "lib/proc.h"

enum { WIDTH = 80, WIDTH_LEAST = 40, MAN_MS = 10000 };

const char *page_short_name(const struct page *page)
{
	return strncmp(page->name, "slurmq-", 7) ? page->name : page->name + 7;
}

const struct page *page_find(const char *name)
{
	for (const struct page *p = pages; p->name; p++)
		if (!strcmp(page_short_name(p), name))
			return p;
	return NULL;
}

bool page_is_topic(const struct page *page)
{
	return *page->section != '1';
}

/* Appends the page as man(1) formats it. Returns false if there is no man(1), or one that does not
 * read a page from its standard input. */
static bool add_formatted(const struct page *page, const struct style *out, int width,
			  struct buf *text)
{
	const char *const argv[] = {"man", "-l", "-", NULL};
	const struct proc_spec spec = {
		.argv = argv, .in = page->text, .in_len = strlen(page->text), .timeout_ms = MAN_MS};
	struct proc_result result = {0};
	char columns[16];
	bool done;

	snprintf(columns, sizeof(columns), "%d", width);
	setenv("MANWIDTH", columns, 1);
	setenv("MANPAGER", "cat", 1);
	if (out->colour)
		setenv("MAN_KEEP_FORMATTING", "1",
		       1); /* man(1): else it prints plain text to a pipe */
	done = proc_run(&spec, &result, NULL, NULL) == 0 && !result.timed_out && !result.signal &&
	       result.exit_code == 0 &&
	       /* a system without manual pages may have a man(1) that prints only that */
	       result.out.len > spec.in_len / 2;
	if (done)
		buf_add(text, result.out.s, result.out.len);
	proc_result_release(&result);
	return done;
}

void page_render(const struct page *page, const struct style *out, struct buf *text)
{
	int width = out->width ? out->width : WIDTH;

	if (width < WIDTH_LEAST)
		width = WIDTH_LEAST;
	if (!add_formatted(page, out, width, text))
		mdoc_render(page->text, width, out, text);
}
