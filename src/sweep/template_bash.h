/*
 * template_bash.h - parses a script for bash into a template, and finds the quoting around each
 * placeholder.
 *
 * A reference to a variable replaces the placeholder: "${v}", quoted, outside quotes; ${v}
 * within double quotes and unquoted here-documents. bash does not read the result of such a
 * reference again (bash(1), EXPANSION), so no value can leave its word.
 *
 * Every other place is refused. Within single quotes nothing is replaced. As arithmetic, bash
 * would run what a[$(...)] holds ((( )), [[ ]], subscripts, declare -i, let). And at some
 * places this reader does not know the quoting.
 *
 * The reader understands what people write in job scripts, not the whole grammar of bash. It
 * refuses rather than guesses: a wrong guess could cost a word its quotes, but never runs a
 * value. The text of a comment is unchanged. "Fresh" contexts, $(...), <(...), (...), are
 * scripts of their own.
 */
#ifndef SLURMQ_TEMPLATE_BASH_H
#define SLURMQ_TEMPLATE_BASH_H

#include <stdbool.h>
#include <stddef.h>

#include "sweep/template.h"

/* The end of a script: the construct that is still open, as in "ends within double quotes". */
struct template_bash_end {
	const char *open; /* constant text; NULL: nothing is open */
	size_t offset;	  /* offset at which it was opened */
	const char
		*unsure; /* constant text: the construct that could not be followed; NULL: none */
	size_t unsure_offset;
	bool option; /* a line begins with '-' where bash expects a command */
	size_t option_offset;
};

/* The refusal of placeholders after the construct that could not be followed. */
extern const char template_bash_unsure[];

/* Appends the parts of the script to *t, and fills *end. Accepts any text. */
void template_bash_parse(struct template *t, const char *text, size_t len,
			 struct template_bash_end *end);

#endif
