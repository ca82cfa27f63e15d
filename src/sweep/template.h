/*
 * template.h - texts with placeholders: {name}, {name?}, {@args}, {@kv}, {@id}; {{name}} is {name}.
 *
 * A brace that holds anything else is text ({a,b}, {1..5}, {print $1}, {{.Names}}), and so is one
 * behind a dollar sign (${HOME}). A script for bash has its quoting followed when it is parsed
 * (template_bash.h), so that rendering it puts references to variables in and never a value.
 */
#ifndef SLURMQ_TEMPLATE_H
#define SLURMQ_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

enum part_kind {
	PART_TEXT,
	PART_VALUE, /* {name} */
	PART_ARGS,  /* {@args}: --name value, for all parameters */
	PART_KV,    /* {@kv}: name=value, for all parameters */
	PART_ID,    /* {@id}: the job's number */
};

/* In a script: what stands around a placeholder. */
enum part_where {
	WHERE_BARE,    /* outside quotes: the reference gets quotes of its own */
	WHERE_QUOTED,  /* within "..." */
	WHERE_HEREDOC, /* within an unquoted here-document */
};

#define PART_NO_SYM ((size_t)-1)

struct part {
	enum part_kind kind;
	enum part_where where;
	bool optional;	     /* {name?} */
	size_t offset;	     /* of its brace in the template's text */
	const char *refusal; /* constant text: why it cannot stand here; NULL: it can */
	const char *warning; /* constant text; NULL: none */
	char *text;	     /* the text, or the name ("lr", "@args") */
	size_t len;
	size_t sym; /* for the owner: which of template_env's values; starts PART_NO_SYM */
};

/* Zeroed is empty. */
struct template
{
	struct part *parts;
	size_t n, cap;
};

/* A text that no shell reads: a word of a list, a value of sbatch, env, let, or a title. */
void template_parse(struct template *t, const char *text, size_t len);
void template_release(struct template *t);
/* It is nothing but text. */
bool template_is_constant(const struct template *t);

/* For parsers. */

/* Where s[i] begins a placeholder: its kind, *len its length with the braces; PART_TEXT with *len
 * 0 where it is none, and with *len set for {{name}}, whose text is all but the outer braces. */
enum part_kind placeholder_at(const char *s, size_t len, size_t i, size_t *placeholder_len);
void template_add_text(struct template *t, const char *text, size_t len);
/* The placeholder of len bytes at s[i], as placeholder_at() found it. */
struct part *template_add_placeholder(struct template *t, const char *s, size_t i, size_t len);
/* c may stand in a parameter's name ([A-Za-z_][A-Za-z0-9_.-]*), first says whether at its front. */
bool template_name_char(char c, bool first);

/* For rendering. */

struct binding {
	const char *name, *value;
};

struct template_env {
	const char *const *values;  /* by symbol; those that a template uses are not NULL */
	const struct binding *args; /* what {@args} and {@kv} list */
	size_t nargs;
	int64_t id;
};

/* Append the text with its values in place. false, and nothing appended, where a {name?} is empty:
 * whoever asked drops the word. */
bool template_add(const struct template *t, const struct template_env *env, struct buf *out);
/* A word of a list: none where it is dropped, several for {@args} and {@kv}, which stand alone. */
void template_add_words(const struct template *t, const struct template_env *env, struct strs *out);

/* The variables of one script: what its text refers to. Zeroed, released after. */
struct script_vars {
	struct strs vars; /* NAME=VALUE */
	size_t *number;	  /* of a symbol's variable, by symbol, 0: none yet */
	size_t nsyms;
};
void script_vars_init(struct script_vars *v, size_t nsyms);
void script_vars_release(struct script_vars *v);

/* Append a script's text: references to variables, which are added to *vars. The text depends on
 * the template and the count of args alone, never on a value. */
void template_add_script(const struct template *t, const struct template_env *env,
			 struct script_vars *vars, struct buf *out);
/* The same for people, with the values in place, quoted as bash would need them. */
void template_add_shown(const struct template *t, const struct template_env *env, struct buf *out);

#endif
