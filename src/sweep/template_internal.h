/*
 * template_internal.h - reading bash: what template_bash.c (what opens and closes what) and
 * template_bash_word.c (commands, words, and whether a placeholder may stand in one) share.
 */
#ifndef SLURMQ_TEMPLATE_INTERNAL_H
#define SLURMQ_TEMPLATE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "sweep/template.h"
#include "sweep/template_bash.h"

enum {
	DEPTH_MOST = 48,
	HEREDOCS_MOST = 8,
};

enum context {
	IN_COMMANDS, /* the script itself */
	IN_SUBST,    /* $(...), <(...), >(...): commands */
	IN_SUBSHELL, /* (...): commands */
	IN_CASE,     /* case ... esac: commands between patterns */
	IN_ARRAY,    /* a=(...): words */
	IN_DOUBLE,   /* "..." */
	IN_SINGLE,   /* '...' */
	IN_ANSI,     /* $'...' */
	IN_LOCALE,   /* $"..." */
	IN_PARAM,    /* ${...} */
	IN_ARITH,    /* ((...)), $((...)) */
	IN_BRACKET,  /* $[...] */
	IN_COND,     /* [[ ... ]] */
	IN_BACKTICK, /* `...` */
	IN_PATTERN,  /* a ( within a word: extglob, or not understood */
};

/* What a word of a command is to be, from the words before it. */
enum expect {
	WANT_COMMAND, /* a command, an assignment before it, or a reserved word */
	WANT_ARGS,
	WANT_FOR_NAME,	/* for NAME */
	WANT_FOR_IN,	/* in, do */
	WANT_CASE_WORD, /* case WORD */
	WANT_CASE_IN,
	WANT_CASE_PATTERN,
	WANT_FUNCTION, /* function NAME */
};

/* Commands that do more with a word than to take it. */
enum rule {
	RULE_NONE,
	RULE_DECLARE, /* NAME=value is safe, another NAME is evaluated, with -i the value is */
	RULE_NAMES,   /* words name variables: a[...] is evaluated */
	RULE_SCRIPT,  /* words are run */
	RULE_PRINTF,  /* -v NAME */
	RULE_TEST,    /* -v NAME */
	RULE_SHELL,   /* -c SCRIPT */
};

struct frame {
	enum context context;
	size_t opened;
	size_t nested; /* parentheses or brackets within it */
	/* of commands and words */
	enum expect expect;
	enum rule rule;
	bool redirect; /* the next word is a file's name */
	bool in_word;
	bool plain;		/* the word so far is literal text */
	bool begins_with_value; /* the word's first character comes from a placeholder */
	bool brace;		/* an unquoted { stands in the word */
	size_t word;		/* where it begins */
	size_t nargs;		/* words behind the command so far */
	bool last_is_value, last_is_v, last_is_c;
	bool integer; /* declare -i, -n */
	bool shell;   /* bash, sh: -c TEXT and what comes from a here-document is run */
};

struct heredoc {
	size_t opened, delim, delim_len; /* delim: in text, quotes and all */
	size_t depth;
	bool quoted, tabs, shell;
};

struct scan {
	const char *s;
	size_t len, i, from; /* from: what is not in the template yet begins there */
	struct template *out;
	struct frame stack[DEPTH_MOST];
	size_t depth;
	struct heredoc docs[HEREDOCS_MOST];
	size_t ndocs;
	struct template_bash_end *end;
	bool integers; /* some variable has been declared so */
};

struct bash_context {
	const char *where;   /* the script ends within ... */
	const char *refusal; /* NULL: a placeholder may stand there */
};
extern const struct bash_context bash_contexts[]; /* by enum context */
extern const char bash_read_again[];		  /* a warning */

struct frame *bash_top(struct scan *s);
/* The character so many behind s->i; NUL behind the end. */
char bash_peek(const struct scan *s, size_t ahead);
/* The text stands at s->i. */
bool bash_at(const struct scan *s, const char *text);
/* From s->i on nothing is certain, as why says; the first is kept. */
void bash_unsure(struct scan *s, const char *why);
void bash_push(struct scan *s, enum context context);
void bash_pop(struct scan *s);
bool bash_holds_commands(enum context context);
/* A word ends at i. */
bool bash_ends_word(const struct scan *s, size_t i);

/* Length of "NAME=", "NAME+=" or "NAME[...]=" at the front of a word, behind a double quote too;
 * 0: it has none. *subscript: s->i is between the brackets of NAME[...]. */
size_t bash_assignment(const struct scan *s, size_t from, bool *subscript);
void bash_begin_word(struct scan *s);
/* The word goes on with what is not literal text. */
void bash_mark_word(struct scan *s);
/* What the word is known now; may open or close a context (case, esac, [[). */
void bash_end_word(struct scan *s);
void bash_end_command(struct frame *f);

/* At a brace: a placeholder is taken, with what is to be said against it; another brace passed. */
void bash_on_brace(struct scan *s, enum part_where where);
/* A placeholder where none may stand; the context that s->i is in has the reason, unless given. */
void bash_on_refused_brace(struct scan *s, const char *why);

#endif
