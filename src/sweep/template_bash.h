/*
 * template_bash.h - a script for bash to a template, with the quoting around each placeholder known.
 *
 * A reference to a variable takes the placeholder's place: "${v}" in quotes of its own outside
 * quotes, ${v} within double quotes and unquoted here-documents. bash does not read the result of
 * such a reference again (bash(1), EXPANSION), so no value can break out of its word there. Every
 * other place is refused: where nothing is replaced (single quotes), where bash reads a value as
 * arithmetic and so runs what a[$(...)] holds ((( )), [[ ]], subscripts, declare -i, let), and
 * where this reader does not know where it stands. It reads what people write in job scripts, not
 * all of bash's grammar, and is refused rather than guessed at: a wrong guess could cost a word
 * its quotes, and never runs a value.
 *
 * A comment's text stays as it is. "Fresh" contexts, $(...), <(...), (...), are scripts of their
 * own.
 */
#ifndef SLURMQ_TEMPLATE_BASH_H
#define SLURMQ_TEMPLATE_BASH_H

#include <stddef.h>

#include "sweep/template.h"

/* How a script ends: what is still open, as in "ends within double quotes". */
struct template_bash_end {
	const char *open;   /* constant text; NULL: nothing is open */
	size_t offset;	    /* where it was opened */
	const char *unsure; /* constant text: what could not be followed; NULL: all could */
	size_t unsure_offset;
};

/* The refusal of what stands behind the place that could not be followed. */
extern const char template_bash_unsure[];

/* Append the script's parts to *t, and fill *end. Any text is taken. */
void template_bash_parse(struct template *t, const char *text, size_t len,
			 struct template_bash_end *end);

#endif
