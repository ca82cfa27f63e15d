/*
 * template_internal.h - shared by the readers of bash: template_bash.c (opening and closing of
 * contexts) and template_bash_word.c (commands, words, and whether a word allows a
 * placeholder).
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

/* The kind of word that bash expects, from the words before it. */
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

/* Commands that evaluate or run their words. */
enum rule {
	RULE_NONE,
	/* NAME=value is safe, another NAME is evaluated; with -i the value is evaluated */
	RULE_DECLARE,
	RULE_NAMES,  /* the words are names of variables: a[...] is evaluated */
	RULE_SCRIPT, /* the words are run */
	RULE_PRINTF, /* -v NAME */
	RULE_TEST,   /* -v NAME */
	RULE_SHELL,  /* -c SCRIPT */
};

struct frame {
	enum context context;
	size_t opened;
	size_t nested; /* number of nested parentheses or brackets */
	/* for commands and words: the expected word */
	enum expect expect;
	enum rule rule;
	bool redirect; /* the next word is the name of a file */
	bool in_word;
	bool plain;		/* the word so far is literal text */
	bool begins_with_value; /* the first character of the word comes from a placeholder */
	bool brace;		/* the word has an unquoted { */
	size_t word;		/* offset at which the word begins */
	size_t nargs;		/* number of words after the command so far */
	bool last_is_value, last_is_v, last_is_c;
	bool integer; /* declare -i, -n */
	bool shell;   /* bash, sh: -c TEXT and here-documents are run */
};

struct heredoc {
	size_t opened, delim, delim_len; /* delim: offset in the text, with quotes */
	size_t depth;
	bool quoted, tabs, shell;
};

struct scan {
	const char *s;
	size_t len, i, from; /* from: start of the text that is not in the template yet */
	struct template *out;
	struct frame stack[DEPTH_MOST];
	size_t depth;
	struct heredoc docs[HEREDOCS_MOST];
	size_t ndocs;
	struct template_bash_end *end;
	bool integers; /* a variable has been declared with -i or -n */
};

struct bash_context {
	const char *where;   /* as in "the script ends within ..." */
	const char *refusal; /* why a placeholder is refused there; NULL: it is allowed */
};
extern const struct bash_context bash_contexts[]; /* by enum context */
extern const char bash_read_again[]; /* a warning about text that a shell reads again */

struct frame *bash_top(struct scan *s);
/* Returns the character `ahead` places after s->i; NUL after the end. */
char bash_peek(const struct scan *s, size_t ahead);
/* Returns whether the text is at s->i. */
bool bash_at(const struct scan *s, const char *text);
/* Records that the quoting is unknown from s->i on, because of why. The first reason is kept. */
void bash_unsure(struct scan *s, const char *why);
void bash_push(struct scan *s, enum context context);
void bash_pop(struct scan *s);
bool bash_holds_commands(enum context context);
/* Returns whether a word ends at i. */
bool bash_ends_word(const struct scan *s, size_t i);

/* Returns the length of "NAME=", "NAME+=" or "NAME[...]=" at the start of a word, also after a
 * double quote; 0 if there is none. Sets *subscript if s->i is between the brackets of
 * NAME[...]. */
size_t bash_assignment(const struct scan *s, size_t from, bool *subscript);
/* Records the name at an offset, unless there is none: of a variable whose value is used, or that is
 * set. */
void bash_note_use(struct scan *s, size_t at);
void bash_note_set(struct scan *s, size_t at);
/* In arithmetic: records the name that begins at s->i, and skips it. Returns false if none begins
 * there. */
bool bash_note_operand(struct scan *s);
void bash_begin_word(struct scan *s);
/* Records that the word has a part that is not literal text. */
void bash_mark_word(struct scan *s);
/* Ends a word and classifies it; may open or close a context (case, esac, [[). */
void bash_end_word(struct scan *s);
void bash_end_command(struct frame *f);

/* At a brace: adds a placeholder, with its refusal or warning; skips any other brace. */
void bash_on_brace(struct scan *s, enum part_where where);
/* At a brace in a place that allows no placeholder: refuses it with why, or if why is NULL with
 * the reason of the context of s->i. */
void bash_on_refused_brace(struct scan *s, const char *why);

#endif
