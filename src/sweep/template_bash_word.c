#include "sweep/template_internal.h"

#include <string.h>

#define ARITHMETIC \
	"is not allowed in arithmetic, where bash would run what a[$(...)] holds: if you trust " \
	"its values, write n={...} before and use n"
#define SUBSCRIPT "cannot be a subscript, where bash would run what a value holds"
#define INTEGER "is read again after declare -i or -n, where bash would run what it holds"

const char bash_read_again[] =
	"is put into a text that a shell parses again: it runs code that the value holds";

const char template_bash_unsure[] =
	"cannot be placed, because the quoting before it could not be followed";

const struct bash_context bash_contexts[] = {
	[IN_COMMANDS] = {"", NULL},
	[IN_SUBST] = {"$(...)", NULL},
	[IN_SUBSHELL] = {"(...)", NULL},
	[IN_CASE] = {"case ... esac", NULL},
	[IN_ARRAY] = {"=(...)", NULL},
	[IN_DOUBLE] = {"double quotes", NULL},
	[IN_SINGLE] = {"single quotes", "is not replaced within single quotes: use double quotes"},
	[IN_ANSI] = {"$'...'",
		     "is not replaced within $'...': close it before, or use double quotes"},
	[IN_LOCALE] = {"$\"...\"", "is not allowed within $\"...\": remove the dollar sign"},
	[IN_PARAM] = {"${...}",
		      "is not allowed within ${...}: write v={...} before and use \"$v\""},
	[IN_ARITH] = {"((...))", ARITHMETIC},
	[IN_BRACKET] = {"$[...]", ARITHMETIC},
	[IN_COND] = {"[[ ... ]]",
		     "is not allowed within [[ ]], where bash may read a value as a pattern or as "
		     "arithmetic: use [ ]"},
	[IN_BACKTICK] = {"backticks", "is not allowed within backticks: use $(...)"},
	[IN_PATTERN] = {"(...)",
			"is not allowed in a pattern: write v={...} before and use \"$v\""},
};

static const struct {
	const char *command;
	enum rule rule;
} rules[] = {
	{"declare", RULE_DECLARE}, {"typeset", RULE_DECLARE},  {"local", RULE_DECLARE},
	{"export", RULE_DECLARE},  {"readonly", RULE_DECLARE}, {"let", RULE_NAMES},
	{"unset", RULE_NAMES},	   {"read", RULE_NAMES},       {"mapfile", RULE_NAMES},
	{"readarray", RULE_NAMES}, {"getopts", RULE_NAMES},    {"eval", RULE_SCRIPT},
	{"trap", RULE_SCRIPT},	   {"printf", RULE_PRINTF},    {"test", RULE_TEST},
	{"[", RULE_TEST},	   {"wait", RULE_NAMES},       {"compgen", RULE_NAMES},
	{"complete", RULE_NAMES},
};

struct frame *bash_top(struct scan *s)
{
	return &s->stack[s->depth - 1];
}

char bash_peek(const struct scan *s, size_t ahead)
{
	return s->i + ahead < s->len ? s->s[s->i + ahead] : '\0';
}

bool bash_at(const struct scan *s, const char *text)
{
	size_t n = strlen(text);

	return s->len - s->i >= n && !memcmp(s->s + s->i, text, n);
}

void bash_unsure(struct scan *s, const char *why)
{
	if (s->end->unsure)
		return;
	s->end->unsure = why;
	s->end->unsure_offset = s->i;
}

void bash_push(struct scan *s, enum context context)
{
	if (s->depth == DEPTH_MOST) {
		bash_unsure(s, "it is nested too deep");
		return;
	}
	s->stack[s->depth++] = (struct frame){.context = context, .opened = s->i};
}

void bash_pop(struct scan *s)
{
	if (s->ndocs && s->docs[s->ndocs - 1].depth == s->depth)
		bash_unsure(s, "a here-document begins on the line where its command ends");
	s->depth--;
}

bool bash_holds_commands(enum context c)
{
	return c == IN_COMMANDS || c == IN_SUBST || c == IN_SUBSHELL || c == IN_CASE ||
	       c == IN_ARRAY;
}

/* ---- words ---- */

static bool is_name_char(char c, bool first)
{
	return template_name_char(c, first) && c != '.' && c != '-';
}

size_t bash_assignment(const struct scan *s, size_t from, bool *subscript)
{
	size_t i = from, open;

	*subscript = false;
	if (i < s->len && s->s[i] == '"')
		i++;
	if (i >= s->len || !is_name_char(s->s[i], true))
		return 0;
	while (i < s->len && is_name_char(s->s[i], false))
		i++;
	if (i < s->len && s->s[i] == '[') {
		for (open = i; i < s->len && s->s[i] != ']' && s->s[i] != '\n'; i++)
			;
		*subscript = s->i > open && s->i <= i;
		i++;
	}
	if (i < s->len && s->s[i] == '+')
		i++;
	return i < s->len && s->s[i] == '=' ? i + 1 - from : 0;
}

static bool word_is(const struct scan *s, const struct frame *f, const char *text)
{
	size_t n = strlen(text);

	return f->plain && s->i - f->word == n && !memcmp(s->s + f->word, text, n);
}

static bool word_in(const struct scan *s, const struct frame *f, const char *const *list)
{
	for (; *list; list++)
		if (word_is(s, f, *list))
			return true;
	return false;
}

void bash_begin_word(struct scan *s)
{
	struct frame *f = bash_top(s);

	if (f->in_word)
		return;
	f->in_word = f->plain = true;
	f->begins_with_value = f->brace = false;
	f->word = s->i;
}

void bash_mark_word(struct scan *s)
{
	bash_begin_word(s);
	bash_top(s)->plain = false;
}

void bash_end_command(struct frame *f)
{
	f->expect = f->context == IN_ARRAY ? WANT_ARGS : WANT_COMMAND;
	f->rule = RULE_NONE;
	f->nargs = 0;
	f->last_is_value = f->last_is_v = f->last_is_c = f->integer = f->shell = false;
}

/* Parses a reserved word in the place of a command (bash(1), RESERVED WORDS). Returns false if
 * it is none. */
static bool parse_reserved_word(struct scan *s)
{
	static const char *const before[] = {"if",    "then", "else", "elif", "do", "while",
					     "until", "!",    "{",    "time", NULL};
	static const char *const after[] = {"fi", "done", "}", NULL};
	struct frame *f = bash_top(s);

	if (word_in(s, f, before))
		return true;
	if (word_in(s, f, after)) {
		f->expect = WANT_ARGS;
		return true;
	}
	if (word_is(s, f, "for") || word_is(s, f, "select")) {
		f->expect = WANT_FOR_NAME;
	} else if (word_is(s, f, "function")) {
		f->expect = WANT_FUNCTION;
	} else if (word_is(s, f, "case")) {
		f->expect = WANT_ARGS;
		bash_push(s, IN_CASE);
		bash_top(s)->expect = WANT_CASE_WORD;
	} else if (word_is(s, f, "[[")) {
		f->expect = WANT_ARGS;
		bash_push(s, IN_COND);
	} else if (word_is(s, f, "esac") && f->context == IN_CASE) {
		bash_pop(s);
	} else if (word_is(s, f, "coproc")) {
		bash_unsure(s, "it uses coproc");
	} else {
		return false;
	}
	return true;
}

/* Does the same for a word that may have quotes in it: "let", l\et. */
static bool unquoted_word_is(const struct scan *s, const struct frame *f, const char *text)
{
	for (size_t i = f->word; i < s->i; i++) {
		if (strchr("'\"\\", s->s[i]))
			continue;
		if (!*text || s->s[i] != *text++)
			return false;
	}
	return !*text;
}

static enum rule find_rule(const struct scan *s, const struct frame *f)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (unquoted_word_is(s, f, rules[i].command))
			return rules[i].rule;
	return RULE_NONE;
}

/* Returns whether the word ends with the name of a shell: bash, /bin/sh, zsh. */
static bool is_shell(const struct scan *s, const struct frame *f)
{
	return f->plain && s->i - f->word >= 2 && !memcmp(s->s + s->i - 2, "sh", 2);
}

static void classify_command(struct scan *s, struct frame *f)
{
	bool subscript;

	if (bash_assignment(s, f->word, &subscript) && s->s[f->word] != '"')
		return;
	if (unquoted_word_is(s, f, "command") || unquoted_word_is(s, f, "builtin") ||
	    unquoted_word_is(s, f, "exec") || s->s[f->word] == '-')
		return; /* and options */
	f->expect = WANT_ARGS;
	f->rule = find_rule(s, f);
	f->shell = is_shell(s, f);
	f->nargs = 0;
}

static void classify_argument(struct scan *s, struct frame *f)
{
	const char *w = s->s + f->word;
	size_t n = s->i - f->word;

	f->nargs++;
	f->last_is_value = f->begins_with_value;
	f->last_is_v = f->plain && n >= 2 && w[0] == '-' && (w[n - 1] == 'v' || w[n - 1] == 'R');
	f->last_is_c =
		f->plain && n >= 2 && w[0] == '-' && w[1] != '-' && w[n - 1] == 'c' && f->shell;
	if (f->plain && n >= 2 && (w[0] == '-' || w[0] == '+') &&
	    (memchr(w, 'i', n) || memchr(w, 'n', n)))
		f->integer = true;
	if (f->rule == RULE_DECLARE && f->integer)
		s->integers = true;
	if (is_shell(s, f))
		f->shell = true;
}

void bash_end_word(struct scan *s)
{
	struct frame *f = bash_top(s);

	if (!f->in_word)
		return;
	f->in_word = false;
	if (f->redirect) {
		f->redirect = false;
		return;
	}
	switch (f->expect) {
	case WANT_COMMAND:
		if (!parse_reserved_word(s))
			classify_command(s, f);
		break;
	case WANT_FOR_NAME:
		f->expect = WANT_FOR_IN;
		break;
	case WANT_FOR_IN:
		f->expect = word_is(s, f, "do") ? WANT_COMMAND : WANT_ARGS;
		break;
	case WANT_CASE_WORD:
		f->expect = WANT_CASE_IN;
		break;
	case WANT_CASE_IN:
		if (!word_is(s, f, "in"))
			bash_unsure(s, "a case is not followed by 'in'");
		f->expect = WANT_CASE_PATTERN;
		break;
	case WANT_CASE_PATTERN:
		if (word_is(s, f, "esac"))
			bash_pop(s);
		break;
	case WANT_FUNCTION:
		f->expect = WANT_COMMAND;
		break;
	case WANT_ARGS:
		classify_argument(s, f);
		break;
	}
}

/* ---- placeholders ---- */

static const char *refused_by_stack(const struct scan *s)
{
	for (size_t i = s->depth; i-- > 0;) {
		const struct frame *f = &s->stack[i];

		if (bash_contexts[f->context].refusal)
			return bash_contexts[f->context].refusal;
		if (f->expect == WANT_CASE_PATTERN && f->context == IN_CASE)
			return "is not allowed in the pattern of a case: write v={...} before and "
			       "use \"$v\"";
	}
	return NULL;
}

static const char *refused_by_rule(const struct scan *s, const struct frame *f, bool begins)
{
	bool subscript, named = f->in_word && bash_assignment(s, f->word, &subscript);

	switch (f->rule) {
	case RULE_DECLARE:
		if (f->integer)
			return INTEGER;
		return named ? NULL
			     : "names a variable here, and bash would run what a[...] "
			       "holds: write NAME={...}";
	case RULE_NAMES:
		return "names a variable here, and bash would run what a[...] holds";
	case RULE_PRINTF:
		return (f->nargs == 0 && begins) || f->last_is_v
			       ? "cannot be printf's format or the word behind -v: printf '%s' {...}"
			       : NULL;
	case RULE_TEST:
		return f->last_is_v || (f->last_is_value && begins)
			       ? "could be read as -v NAME here, and bash would run what a[...] "
				 "holds: write -n {...} or = between"
			       : NULL;
	default:
		return NULL;
	}
}

static const char *refused_by_word(const struct scan *s, const struct frame *f, bool begins,
				   size_t after)
{
	bool subscript = false;
	size_t i = s->i;

	if (f->expect == WANT_FOR_NAME || f->expect == WANT_FUNCTION)
		return "cannot be a name here";
	if (f->in_word && (f->expect == WANT_COMMAND || f->rule == RULE_DECLARE)) {
		bash_assignment(s, f->word, &subscript);
		if (subscript)
			return SUBSCRIPT;
	}
	if (f->context == IN_ARRAY && f->in_word && s->s[f->word] == '[')
		return SUBSCRIPT;
	if (s->integers &&
	    (f->context == IN_ARRAY || (f->in_word && bash_assignment(s, f->word, &subscript))))
		return INTEGER;
	if (f->in_word && f->brace &&
	    ((i >= 2 && !memcmp(s->s + i - 2, "..", 2)) ||
	     (after + 1 < s->len && !memcmp(s->s + after, "..", 2))))
		return "is not allowed in {a..b}, which bash reads before variables: use seq";
	return refused_by_rule(s, f, begins);
}

bool bash_ends_word(const struct scan *s, size_t i)
{
	return i >= s->len || strchr(" \t\n;&|<>()", s->s[i]) != NULL;
}

static const char *refused_by_kind(const struct scan *s, const struct part *p, bool alone)
{
	if (p->kind == PART_ARGS || p->kind == PART_KV)
		return alone ? NULL
			     : "stands for several words, so it must be a word of its own, outside quotes";
	if (p->optional && !alone)
		return "drops its word if it is empty, so in a script it must be a word of its own, outside quotes";
	(void)s;
	return NULL;
}

static const char *warned_by_rule(const struct frame *f, bool alone)
{
	if (!alone && (f->rule == RULE_SCRIPT || f->last_is_c))
		return bash_read_again;
	return NULL;
}

/* Returns the frame of the word that a placeholder is part of. */
static const struct frame *find_word_frame(const struct scan *s)
{
	for (size_t i = s->depth; i-- > 0;)
		if (bash_holds_commands(s->stack[i].context))
			return &s->stack[i];
	return &s->stack[0];
}

/* Adds the text before, and the placeholder or {{name}} of n bytes at s->i. */
static struct part *add_placeholder(struct scan *s, enum part_kind kind, size_t n)
{
	struct part *p = NULL;

	template_add_text(s->out, s->s + s->from, s->i - s->from);
	if (kind == PART_TEXT)
		template_add_text(s->out, s->s + s->i + 1, n - 2);
	else
		p = template_add_placeholder(s->out, s->s, s->i, n);
	s->i += n;
	s->from = s->i;
	return p;
}

static void check_placeholder(struct scan *s, struct part *p, enum part_where where, size_t begin,
			      size_t end)
{
	const struct frame *f = find_word_frame(s);
	bool begins =
		!f->in_word || f->word == begin || (f->word + 1 == begin && s->s[f->word] == '"');
	bool alone = where == WHERE_BARE && !f->in_word && bash_ends_word(s, end);
	size_t here = s->i;

	p->where = where;
	s->i = begin;
	p->refusal = refused_by_stack(s);
	if (!p->refusal)
		p->refusal = refused_by_kind(s, p, alone);
	if (!p->refusal && where != WHERE_HEREDOC)
		p->refusal = refused_by_word(s, f, begins, end);
	if (!p->refusal && s->end->unsure)
		p->refusal = template_bash_unsure;
	if (where != WHERE_HEREDOC)
		p->warning = warned_by_rule(f, alone || (begins && bash_ends_word(s, end + 1) &&
							 where == WHERE_QUOTED));
	s->i = here;
}

void bash_on_brace(struct scan *s, enum part_where where)
{
	struct frame *f = bash_top(s);
	size_t n, begin = s->i;
	enum part_kind kind = placeholder_at(s->s, s->len, s->i, &n);
	struct part *p;

	if (where == WHERE_BARE && !f->in_word && kind == PART_TEXT)
		bash_begin_word(s);
	if (n == 0) {
		f->brace = true;
		s->i++;
		return;
	}
	p = add_placeholder(s, kind, n);
	if (!p)
		return;
	check_placeholder(s, p, where, begin, s->i);
	if (where == WHERE_BARE) {
		if (!f->in_word) {
			size_t here = s->i;

			s->i = begin;
			bash_begin_word(s);
			s->i = here;
			f->begins_with_value = true;
		}
		f->plain = false;
	} else if (bash_holds_commands(s->stack[s->depth >= 2 ? s->depth - 2 : 0].context) &&
		   s->stack[s->depth >= 2 ? s->depth - 2 : 0].word + 1 == begin) {
		s->stack[s->depth >= 2 ? s->depth - 2 : 0].begins_with_value = true;
	}
}

void bash_on_refused_brace(struct scan *s, const char *why)
{
	size_t n;
	enum part_kind kind = placeholder_at(s->s, s->len, s->i, &n);
	struct part *p;

	if (n == 0) {
		s->i++;
		return;
	}
	p = add_placeholder(s, kind, n);
	if (p)
		p->refusal = why ? why : refused_by_stack(s);
}
