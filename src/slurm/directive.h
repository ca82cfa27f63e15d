/*
 * directive.h - the #SBATCH lines of a batch script, read as sbatch reads them.
 *
 * sbatch reads the lines before the first line that is neither empty nor a comment (sbatch(1)). A
 * line may hold several words, some in quotes, and a comment after them.
 */
#ifndef SLURMQ_DIRECTIVE_H
#define SLURMQ_DIRECTIVE_H

#include <stddef.h>

#include "lib/buf.h"
#include "slurm/sbatch.h"

struct directive {
	size_t line, col;	      /* the place of its word, from 1; col counts bytes */
	const struct sbatch_opt *opt; /* NULL: no option that the table has */
	const char *word;	      /* as written, without quotes */
	const char *value;	      /* without quotes; NULL: none */
};

/* Calls fn for each option of the #SBATCH lines, and for each word that is none. *d is borrowed
 * until fn returns. */
void directives_each(const char *script, void (*fn)(void *arg, const struct directive *d),
		     void *arg);
/* Adds the option as directives_list() does; arg is the struct strs. */
void directive_add(void *arg, const struct directive *d);
/* Adds the options in their long form: "--time=5", "--exclusive"; other words as written. */
void directives_list(const char *script, struct strs *out);
/* Returns the lines that sbatch and Slurm read (#SBATCH, #BB and #DW). Files with a relative path
 * are given the path from dir. The caller frees the text. */
char *directives_copy(const char *script, const char *dir);
/* Returns the first line of the script that sbatch does not read as a directive or a comment. */
const char *directives_end(const char *script);

#endif
