/*
 * expr.h - comparisons and expressions of a user: lr<0.01, model=vit,resnet, and for -w
 * "lr<0.01 and (model=vit or tries>2)".
 *
 * An expression has comparisons, "and", "or", "not" and parentheses; "and" binds closer than "or". A
 * comparison is NAME OP VALUE. OP is =, !=, <, <=, >, >=, ~ or !~ (patterns of a shell: fnmatch(3)).
 * = and != and the patterns take a list, VALUE,VALUE. NAME is a parameter; a column (id, sweep, state, reason,
 * tries, priority, node, time, started, ended, exit, maxrss); or a result that a newest attempt recorded.
 * A parameter hides a column, and both hide a result of that name; param.NAME, job.NAME and result.NAME
 * name one kind.
 */
#ifndef SLURMQ_EXPR_H
#define SLURMQ_EXPR_H

#include "lib/err.h"
#include "store/db.h"

/* Parses an expression. The caller frees *out with db_expr_free(). An error (ERR_USAGE) shows the text
 * with a caret under the place. */
int expr_parse(struct db *db, const char *text, struct db_expr **out, struct err *err);

/* Parses a word of the command line that is one comparison: all after the operator is the value, also
 * blanks. Returns DB_NONE if the word has no operator. */
int expr_parse_word(struct db *db, const char *word, struct db_expr **out, struct err *err);

/* Finds what a name means. The caller frees out->name. An unknown name is an error (ERR_USAGE). */
int expr_field(struct db *db, const char *name, struct db_field *out, struct err *err);
/* Adds the names of all columns. */
void expr_add_columns(struct strs *names);

#endif
