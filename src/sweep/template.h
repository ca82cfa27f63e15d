/*
 * template.h - texts with placeholders: {name}, {name?}, {@args}, {@kv}, {@id}; {{name}} is the
 * text {name}.
 *
 * A brace with any other content is text ({a,b}, {1..5}, {print $1}, {{.Names}}), and so is a
 * brace after a dollar sign (${HOME}). The quoting of a script for bash is followed when it is
 * parsed (template_bash.h), so that rendering inserts references to variables and never a
 * value.
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
	PART_ID,    /* {@id}: the id of the job */
};

/* The quoting around a placeholder in a script. */
enum part_where {
	WHERE_BARE,    /* outside quotes: the reference is quoted */
	WHERE_QUOTED,  /* within "..." */
	WHERE_HEREDOC, /* within an unquoted here-document */
};

#define PART_NO_SYM ((size_t)-1)

struct part {
	enum part_kind kind;
	enum part_where where;
	bool optional; /* {name?} */
	size_t offset; /* offset of its brace in the text of the template */
	const char *
		/* constant text: why the placeholder is refused here; NULL: it is allowed */
		refusal;
	const char *warning; /* a warning, constant text; NULL: none */
	char *text;	     /* the text, or the name ("lr", "@args") */
	size_t len;
	/* set by the owner: index into the values of template_env; starts as PART_NO_SYM */
	size_t sym;
};

/* The name of a variable of bash in a script. */
struct shell_name {
	size_t offset, len; /* place of the name in the text of the template */
	bool set;	    /* the script sets the variable; otherwise it uses the value */
	bool arithmetic;    /* used in arithmetic, without a dollar sign */
};

/* Zeroed is empty. */
struct template
{
	struct part *parts;
	size_t n, cap;
	struct shell_name *names; /* only of a script for bash */
	size_t nnames, names_cap;
};

/* Parses a text that no shell reads: a word of a list, a value of sbatch, env or let, or a
 * title. */
void template_parse(struct template *t, const char *text, size_t len);
void template_release(struct template *t);
/* Returns whether the template has no placeholders. */
bool template_is_constant(const struct template *t);

/* ---- for parsers ---- */

/* Returns the kind of the placeholder that begins at s[i], and sets *len to its length with the
 * braces. If there is none, returns PART_TEXT with *len 0; for {{name}}, whose text is all but
 * the outer braces, PART_TEXT with *len set. */
enum part_kind placeholder_at(const char *s, size_t len, size_t i, size_t *placeholder_len);
void template_add_text(struct template *t, const char *text, size_t len);
void template_add_name(struct template *t, const struct shell_name *name);
/* Adds the placeholder of len bytes at s[i], as placeholder_at() found it. */
struct part *template_add_placeholder(struct template *t, const char *s, size_t i, size_t len);
/* Returns whether c is valid in the name of a parameter ([A-Za-z_][A-Za-z0-9_.-]*); first: as
 * its first character. */
bool template_name_char(char c, bool first);

/* ---- for rendering ---- */

struct binding {
	const char *name, *value;
};

struct template_env {
	const char *const *values;  /* values by symbol; those that a template uses are not NULL */
	const struct binding *args; /* the parameters of {@args} and {@kv} */
	size_t nargs;
	int64_t id;
};

/* Appends the text with its values. If a {name?} is empty, appends nothing and returns false:
 * the caller omits the word. */
bool template_add(const struct template *t, const struct template_env *env, struct buf *out);
/* Adds a word of a list: none if the word is omitted, several for {@args} and {@kv}, which are
 * words of their own. */
void template_add_words(const struct template *t, const struct template_env *env, struct strs *out);

/* The variables to which the text of one script refers. Start with a zeroed struct, and release
 * it at the end. */
struct script_vars {
	struct strs vars; /* NAME=VALUE */
	size_t *number;	  /* number of the variable of each symbol; 0: none yet */
	size_t nsyms;
};
void script_vars_init(struct script_vars *v, size_t nsyms);
void script_vars_release(struct script_vars *v);

/* Appends the text of a script with references to variables, which are added to *vars. The text
 * depends only on the template and the number of args, never on a value. */
void template_add_script(const struct template *t, const struct template_env *env,
			 struct script_vars *vars, struct buf *out);
/* Appends a script for people: with the values in place, quoted as bash needs them. */
void template_add_shown(const struct template *t, const struct template_env *env, struct buf *out);

#endif
