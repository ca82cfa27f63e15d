#include "template_bash.h"

#include <string.h>

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

const char template_bash_unsure[] =
	"cannot be placed, as the quoting before it could not be followed";

static const struct {
	const char *where;   /* the script ends within ... */
	const char *refusal; /* NULL: a placeholder may stand there */
} contexts[] = {
	[IN_COMMANDS] = {"", NULL},
	[IN_SUBST] = {"$(...)", NULL},
	[IN_SUBSHELL] = {"(...)", NULL},
	[IN_CASE] = {"case ... esac", NULL},
	[IN_ARRAY] = {"=(...)", NULL},
	[IN_DOUBLE] = {"double quotes", NULL},
	[IN_SINGLE] = {"single quotes", "is not replaced within single quotes: use double quotes"},
	[IN_ANSI] = {"$'...'",
		     "is not replaced within $'...': close it before, or use double quotes"},
	[IN_LOCALE] = {"$\"...\"", "cannot stand within $\"...\": leave the dollar sign out"},
	[IN_PARAM] = {"${...}", "cannot stand within ${...}"},
	[IN_ARITH] = {"((...))",
		      "cannot stand in arithmetic, where bash would run what a value holds"},
	[IN_BRACKET] = {"$[...]",
			"cannot stand in arithmetic, where bash would run what a value holds"},
	[IN_COND] = {"[[ ... ]]",
		     "cannot stand within [[ ]], where bash may read a value as a pattern or as "
		     "arithmetic: use [ ]"},
	[IN_BACKTICK] = {"backticks", "cannot stand within backticks: use $(...)"},
	[IN_PATTERN] = {"(...)", "cannot stand in a pattern"},
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

static const struct {
	const char *command;
	enum rule rule;
} rules[] = {
	{"declare", RULE_DECLARE}, {"typeset", RULE_DECLARE},  {"local", RULE_DECLARE},
	{"export", RULE_DECLARE},  {"readonly", RULE_DECLARE}, {"let", RULE_NAMES},
	{"unset", RULE_NAMES},	   {"read", RULE_NAMES},       {"mapfile", RULE_NAMES},
	{"readarray", RULE_NAMES}, {"getopts", RULE_NAMES},    {"eval", RULE_SCRIPT},
	{"trap", RULE_SCRIPT},	   {"printf", RULE_PRINTF},    {"test", RULE_TEST},
	{"[", RULE_TEST},	   {"wait", RULE_NAMES},
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
	bool last_is_value, last_is_v, last_is_c, integer, shell;
};

struct heredoc {
	size_t opened, delim, delim_len; /* delim: in text, quotes and all */
	size_t depth;
	bool quoted, tabs;
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
};

static struct frame *top(struct scan *s)
{
	return &s->stack[s->depth - 1];
}

static char peek(const struct scan *s, size_t ahead)
{
	return s->i + ahead < s->len ? s->s[s->i + ahead] : '\0';
}

static bool at(const struct scan *s, const char *text)
{
	size_t n = strlen(text);

	return s->len - s->i >= n && !memcmp(s->s + s->i, text, n);
}

static void unsure(struct scan *s, const char *why)
{
	if (s->end->unsure)
		return;
	s->end->unsure = why;
	s->end->unsure_offset = s->i;
}

static void push(struct scan *s, enum context context)
{
	if (s->depth == DEPTH_MOST) {
		unsure(s, "it is nested too deep");
		return;
	}
	s->stack[s->depth++] = (struct frame){.context = context, .opened = s->i};
}

static void pop(struct scan *s)
{
	if (s->ndocs && s->docs[s->ndocs - 1].depth == s->depth)
		unsure(s, "a here-document begins on the line where its command ends");
	s->depth--;
}

static bool holds_commands(enum context c)
{
	return c == IN_COMMANDS || c == IN_SUBST || c == IN_SUBSHELL || c == IN_CASE ||
	       c == IN_ARRAY;
}

/* Words. */

static bool is_name_char(char c, bool first)
{
	return template_name_char(c, first) && c != '.' && c != '-';
}

/* Length of "NAME=" or "NAME+=" at the front of the word, behind a double quote too; 0: it has none.
 * *subscript: it is NAME[. */
static size_t assignment(const struct scan *s, size_t i, bool *subscript)
{
	size_t from = i;

	*subscript = false;
	if (i < s->len && s->s[i] == '"')
		i++;
	if (i >= s->len || !is_name_char(s->s[i], true))
		return 0;
	while (i < s->len && is_name_char(s->s[i], false))
		i++;
	if (i < s->len && s->s[i] == '[')
		*subscript = true;
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

static void begin_word(struct scan *s)
{
	struct frame *f = top(s);

	if (f->in_word)
		return;
	f->in_word = f->plain = true;
	f->begins_with_value = f->brace = false;
	f->word = s->i;
}

/* The word goes on with what is not literal text. */
static void mark_word(struct scan *s)
{
	begin_word(s);
	top(s)->plain = false;
}

static void end_command(struct frame *f)
{
	f->expect = f->context == IN_ARRAY ? WANT_ARGS : WANT_COMMAND;
	f->rule = RULE_NONE;
	f->nargs = 0;
	f->last_is_value = f->last_is_v = f->last_is_c = f->integer = f->shell = false;
}

/* A reserved word where a command is wanted (bash(1), RESERVED WORDS); false: it is none. */
static bool reserved(struct scan *s)
{
	static const char *const before[] = {"if",    "then", "else", "elif", "do", "while",
					     "until", "!",    "{",    "time", NULL};
	static const char *const after[] = {"fi", "done", "}", NULL};
	struct frame *f = top(s);

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
		push(s, IN_CASE);
		top(s)->expect = WANT_CASE_WORD;
	} else if (word_is(s, f, "[[")) {
		f->expect = WANT_ARGS;
		push(s, IN_COND);
	} else if (word_is(s, f, "esac") && f->context == IN_CASE) {
		pop(s);
	} else if (word_is(s, f, "coproc")) {
		unsure(s, "it uses coproc");
	} else {
		return false;
	}
	return true;
}

static enum rule rule_of(const struct scan *s, const struct frame *f)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (word_is(s, f, rules[i].command))
			return rules[i].rule;
	return RULE_NONE;
}

/* The word's last letters are a shell's name: bash, /bin/sh, zsh. */
static bool is_shell(const struct scan *s, const struct frame *f)
{
	return f->plain && s->i - f->word >= 2 && !memcmp(s->s + s->i - 2, "sh", 2);
}

static void command_word(struct scan *s, struct frame *f)
{
	bool subscript;

	if (assignment(s, f->word, &subscript) && s->s[f->word] != '"')
		return;
	if (word_is(s, f, "command") || word_is(s, f, "builtin") || word_is(s, f, "exec"))
		return;
	f->expect = WANT_ARGS;
	f->rule = rule_of(s, f);
	f->shell = is_shell(s, f);
	f->nargs = 0;
}

static void argument(struct scan *s, struct frame *f)
{
	const char *w = s->s + f->word;
	size_t n = s->i - f->word;

	f->nargs++;
	f->last_is_value = f->begins_with_value;
	f->last_is_v = f->plain && n >= 2 && w[0] == '-' && (w[n - 1] == 'v' || w[n - 1] == 'R');
	f->last_is_c =
		f->plain && n >= 2 && w[0] == '-' && w[1] != '-' && w[n - 1] == 'c' && f->shell;
	if (f->plain && n >= 2 && (w[0] == '-' || w[0] == '+') && memchr(w, 'i', n))
		f->integer = true;
	if (is_shell(s, f))
		f->shell = true;
}

static void end_word(struct scan *s)
{
	struct frame *f = top(s);

	if (!f->in_word)
		return;
	f->in_word = false;
	if (f->redirect) {
		f->redirect = false;
		return;
	}
	switch (f->expect) {
	case WANT_COMMAND:
		if (!reserved(s))
			command_word(s, f);
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
			unsure(s, "a case is not followed by 'in'");
		f->expect = WANT_CASE_PATTERN;
		break;
	case WANT_CASE_PATTERN:
		if (word_is(s, f, "esac"))
			pop(s);
		break;
	case WANT_FUNCTION:
		f->expect = WANT_COMMAND;
		break;
	case WANT_ARGS:
		argument(s, f);
		break;
	}
}

/* Placeholders. */

static const char *refused_by_stack(const struct scan *s)
{
	for (size_t i = s->depth; i-- > 0;) {
		const struct frame *f = &s->stack[i];

		if (contexts[f->context].refusal)
			return contexts[f->context].refusal;
		if (f->expect == WANT_CASE_PATTERN && f->context == IN_CASE)
			return "cannot stand in the pattern of a case";
	}
	return NULL;
}

static const char *refused_by_rule(const struct scan *s, const struct frame *f, bool begins)
{
	bool subscript, named = f->in_word && assignment(s, f->word, &subscript);

	switch (f->rule) {
	case RULE_DECLARE:
		if (f->integer)
			return "is read as arithmetic after -i, where bash would run what it holds";
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
			       ? "could be read as -v NAME here, and bash would run what a[...] holds"
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
		assignment(s, f->word, &subscript);
		if (subscript)
			return "cannot be a subscript, where bash would run what a value holds";
	}
	if (f->context == IN_ARRAY && f->in_word && s->s[f->word] == '[')
		return "cannot be a subscript, where bash would run what a value holds";
	if (f->in_word && f->brace &&
	    ((i >= 2 && !memcmp(s->s + i - 2, "..", 2)) ||
	     (after + 1 < s->len && !memcmp(s->s + after, "..", 2))))
		return "cannot stand in {a..b}, which bash reads before variables: use seq";
	return refused_by_rule(s, f, begins);
}

static bool ends_word(const struct scan *s, size_t i)
{
	return i >= s->len || strchr(" \t\n;&|<>()", s->s[i]) != NULL;
}

static const char *refused_by_kind(const struct scan *s, const struct part *p, bool alone)
{
	if (p->kind == PART_ARGS || p->kind == PART_KV)
		return alone ? NULL
			     : "stands for several words, so it has to be a word of its "
			       "own, outside quotes";
	if (p->optional && !alone)
		return "drops its word where it is empty, so in a script it has to be a word of "
		       "its own, outside quotes";
	(void)s;
	return NULL;
}

static const char *warned_by_rule(const struct frame *f, bool alone)
{
	if (!alone && (f->rule == RULE_SCRIPT || f->last_is_c))
		return "is put into a text that a shell reads again: what the value holds is run, "
		       "too";
	return NULL;
}

/* The frame whose word a placeholder is part of. */
static const struct frame *word_frame(const struct scan *s)
{
	for (size_t i = s->depth; i-- > 0;)
		if (holds_commands(s->stack[i].context))
			return &s->stack[i];
	return &s->stack[0];
}

/* Flush the text before, and take the placeholder or {{name}} of n bytes at s->i. */
static struct part *take(struct scan *s, enum part_kind kind, size_t n)
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

static void judge(struct scan *s, struct part *p, enum part_where where, size_t begin, size_t end)
{
	const struct frame *f = word_frame(s);
	bool begins =
		!f->in_word || f->word == begin || (f->word + 1 == begin && s->s[f->word] == '"');
	bool alone = where == WHERE_BARE && !f->in_word && ends_word(s, end);
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
		p->warning = warned_by_rule(
			f, alone || (begins && ends_word(s, end + 1) && where == WHERE_QUOTED));
	s->i = here;
}

/* What stands at s->i, a brace: a placeholder is taken, another brace passed. */
static void on_brace(struct scan *s, enum part_where where)
{
	struct frame *f = top(s);
	size_t n, begin = s->i;
	enum part_kind kind = placeholder_at(s->s, s->len, s->i, &n);
	struct part *p;

	if (where == WHERE_BARE && !f->in_word && kind == PART_TEXT)
		begin_word(s);
	if (n == 0) {
		f->brace = true;
		s->i++;
		return;
	}
	p = take(s, kind, n);
	if (!p)
		return;
	judge(s, p, where, begin, s->i);
	if (where == WHERE_BARE) {
		if (!f->in_word) {
			size_t here = s->i;

			s->i = begin;
			begin_word(s);
			s->i = here;
			f->begins_with_value = true;
		}
		f->plain = false;
	} else if (holds_commands(s->stack[s->depth >= 2 ? s->depth - 2 : 0].context) &&
		   s->stack[s->depth >= 2 ? s->depth - 2 : 0].word + 1 == begin) {
		s->stack[s->depth >= 2 ? s->depth - 2 : 0].begins_with_value = true;
	}
}

/* A placeholder where none may stand; the context that s->i is in has the reason, unless given. */
static void on_refused_brace(struct scan *s, const char *why)
{
	size_t n;
	enum part_kind kind = placeholder_at(s->s, s->len, s->i, &n);
	struct part *p;

	if (n == 0) {
		s->i++;
		return;
	}
	p = take(s, kind, n);
	if (p)
		p->refusal = why ? why : refused_by_stack(s);
}

static void on_backslash(struct scan *s)
{
	size_t n;

	if (peek(s, 1) != '{') {
		s->i += s->i + 1 < s->len ? 2 : 1;
		return;
	}
	s->i++;
	placeholder_at(s->s, s->len, s->i, &n);
	if (n)
		on_refused_brace(s,
				 "cannot stand behind a backslash; {{...}} gives the text {...}");
	else
		s->i++;
}

/* What a dollar sign opens; the same within double quotes but for quotes. */
static void on_dollar(struct scan *s, bool quoted)
{
	char c = peek(s, 1);
	size_t n;

	if (at(s, "$((")) {
		push(s, IN_ARITH);
		top(s)->nested = 2;
		s->i += 3;
	} else if (c == '(') {
		push(s, IN_SUBST);
		s->i += 2;
	} else if (c == '{') {
		push(s, IN_PARAM);
		s->i += 2;
	} else if (c == '[') {
		push(s, IN_BRACKET);
		top(s)->nested = 1;
		s->i += 2;
	} else if (!quoted && (c == '\'' || c == '"')) {
		push(s, c == '"' ? IN_LOCALE : IN_ANSI);
		s->i += 2;
	} else if (c && strchr("#@*?$!-", c)) {
		s->i += 2;
		placeholder_at(s->s + s->i, s->len - s->i, 0, &n);
		if (c == '$' && n)
			unsure(s, "$$ stands before a brace: write ${$}");
	} else {
		s->i++;
	}
}

/* Here-documents (bash(1), Here Documents). */

static void on_heredoc(struct scan *s)
{
	struct heredoc doc = {.opened = s->i, .depth = s->depth};
	size_t n;

	end_word(s);
	s->i += 2;
	if (peek(s, 0) == '-') {
		doc.tabs = true;
		s->i++;
	}
	while (peek(s, 0) == ' ' || peek(s, 0) == '\t')
		s->i++;
	doc.delim = s->i;
	while (s->i < s->len && !ends_word(s, s->i)) {
		char c = s->s[s->i];

		placeholder_at(s->s, s->len, s->i, &n);
		if (n || strchr("$`", c))
			unsure(s, "the end of a here-document is not plain text");
		doc.quoted = doc.quoted || strchr("'\"\\", c);
		s->i++;
	}
	doc.delim_len = s->i - doc.delim;
	if (doc.delim_len == 0)
		unsure(s, "a here-document has no end");
	if (s->ndocs == HEREDOCS_MOST)
		unsure(s, "too many here-documents on one line");
	else
		s->docs[s->ndocs++] = doc;
}

/* The line at i is the here-document's last. */
static bool is_delimiter(const struct scan *s, const struct heredoc *doc, size_t i, size_t end)
{
	const char *d = s->s + doc->delim;

	while (doc->tabs && i < end && s->s[i] == '\t')
		i++;
	for (size_t k = 0; k < doc->delim_len; k++) {
		if (strchr("'\"\\", d[k]))
			continue;
		if (i >= end || s->s[i] != d[k])
			return false;
		i++;
	}
	return i == end;
}

static size_t line_end(const struct scan *s, size_t i)
{
	while (i < s->len && s->s[i] != '\n')
		i++;
	return i;
}

/* In an unquoted one, a backslash at a line's end joins it with the next. */
static bool joins(const struct scan *s, size_t from, size_t end)
{
	size_t n = 0;

	while (end > from && s->s[end - 1] == '\\') {
		end--;
		n++;
	}
	return n % 2 == 1;
}

/* Where the body ends: the begin of its delimiter's line. */
static size_t body_end(struct scan *s, const struct heredoc *doc)
{
	bool joined = false;

	for (size_t i = s->i; i < s->len;) {
		size_t end = line_end(s, i);

		if (!joined && is_delimiter(s, doc, i, end))
			return i;
		joined = !doc->quoted && joins(s, i, end);
		i = end + 1;
	}
	s->end->open = "a here-document";
	s->end->offset = doc->opened;
	return s->len;
}

/* An unquoted body: as in double quotes, but that quotes are text. What is within $(...), ${...} and
 * backticks is refused, so that where exactly one ends needs no care. */
static void scan_body(struct scan *s, size_t end)
{
	size_t parens = 0, braces = 0;
	bool backtick = false;

	while (s->i < end) {
		char c = s->s[s->i];
		bool within = parens || braces || backtick;

		if (c == '\\') {
			on_backslash(s);
		} else if (c == '{' && within) {
			on_refused_brace(s, "cannot stand within an expansion in a here-document");
			braces += braces && s->s[s->i - 1] == '{';
		} else if (c == '{') {
			on_brace(s, WHERE_HEREDOC);
		} else if (c == '$' &&
			   (peek(s, 1) == '(' || peek(s, 1) == '{' || peek(s, 1) == '[')) {
			parens += peek(s, 1) == '(';
			braces += peek(s, 1) == '{';
			if (peek(s, 1) == '[')
				unsure(s, "$[ stands in a here-document");
			s->i += 2;
		} else {
			parens += parens && c == '(';
			parens -= parens && c == ')';
			braces -= braces && c == '}';
			backtick ^= c == '`';
			s->i++;
		}
	}
}

static void scan_quoted_body(struct scan *s, size_t end)
{
	while (s->i < end) {
		if (s->s[s->i] == '{')
			on_refused_brace(s, "is not replaced in a here-document whose end is "
					    "quoted: take the quotes off");
		else
			s->i++;
	}
}

static void on_newline(struct scan *s)
{
	struct frame *f;

	end_word(s);
	f = top(s);
	if (f->expect == WANT_ARGS || f->expect == WANT_FOR_IN)
		end_command(f);
	s->i++;
	for (size_t k = 0; k < s->ndocs; k++) {
		size_t end;

		if (s->docs[k].depth != s->depth)
			unsure(s, "a here-document begins on a line that goes on in brackets");
		end = body_end(s, &s->docs[k]);
		if (s->docs[k].quoted)
			scan_quoted_body(s, end);
		else
			scan_body(s, end);
		s->i = end < s->len ? line_end(s, end) : end;
		if (s->i < s->len)
			s->i++;
	}
	s->ndocs = 0;
}

/* Commands. */

static void on_open(struct scan *s)
{
	struct frame *f = top(s);
	bool subscript;
	size_t look = s->i + 1;

	while (look < s->len && (s->s[look] == ' ' || s->s[look] == '\t'))
		look++;
	if (f->expect == WANT_CASE_PATTERN && !f->in_word) {
		s->i++;
	} else if (f->in_word && s->s[s->i - 1] == '=' &&
		   f->word + assignment(s, f->word, &subscript) == s->i) {
		f->plain = false;
		push(s, IN_ARRAY);
		top(s)->expect = WANT_ARGS;
		s->i++;
	} else if (look < s->len && s->s[look] == ')' && f->context != IN_ARRAY) {
		end_word(s); /* a function's definition: its body is a command */
		s->i = look + 1;
		end_command(top(s));
	} else if (at(s, "((") && !f->in_word &&
		   (f->expect == WANT_COMMAND || f->expect == WANT_FOR_NAME)) {
		f->expect = f->expect == WANT_FOR_NAME ? WANT_FOR_IN : WANT_ARGS;
		push(s, IN_ARITH);
		top(s)->nested = 2;
		s->i += 2;
	} else if (!f->in_word && f->expect == WANT_COMMAND) {
		f->expect = WANT_ARGS;
		push(s, IN_SUBSHELL);
		s->i++;
	} else {
		mark_word(s);
		push(s, IN_PATTERN);
		top(s)->nested = 1;
		s->i++;
	}
}

static void on_close(struct scan *s)
{
	struct frame *f;

	end_word(s);
	f = top(s);
	s->i++;
	if (f->context == IN_CASE && f->expect == WANT_CASE_PATTERN)
		end_command(f);
	else if (f->context == IN_SUBST || f->context == IN_SUBSHELL || f->context == IN_ARRAY)
		pop(s);
	else
		unsure(s, "a ) has no ( before it");
}

static void on_separator(struct scan *s)
{
	struct frame *f;
	char c = s->s[s->i];

	end_word(s);
	f = top(s);
	if (c == '&' && peek(s, 1) == '>') { /* &>FILE */
		f->redirect = true;
		s->i += at(s, "&>>") ? 3 : 2;
		return;
	}
	if (c == ';' && (peek(s, 1) == ';' || peek(s, 1) == '&')) {
		s->i += at(s, ";;&") ? 3 : 2;
		end_command(f);
		if (f->context == IN_CASE)
			f->expect = WANT_CASE_PATTERN;
		else
			unsure(s, "a ;; stands outside a case");
		return;
	}
	s->i++;
	if (f->expect != WANT_CASE_PATTERN)
		end_command(f);
}

static void on_redirection(struct scan *s)
{
	if (at(s, "<<<")) {
		end_word(s);
		s->i += 3;
	} else if (at(s, "<<")) {
		on_heredoc(s);
		return;
	} else if (peek(s, 1) == '(') {
		mark_word(s);
		push(s, IN_SUBST);
		s->i += 2;
		return;
	} else {
		struct frame *f = top(s);
		bool fd = f->in_word && f->plain && s->i - f->word < 4 &&
			  strspn(s->s + f->word, "0123456789") >= s->i - f->word;

		if (fd)
			f->in_word = false; /* 2>FILE: the number is no word */
		else
			end_word(s);
		s->i++;
		if (strchr(">&|", peek(s, 0)) && peek(s, 0))
			s->i++;
	}
	top(s)->redirect = true;
}

static void scan_commands(struct scan *s)
{
	char c = s->s[s->i];

	if (c == '\n') {
		on_newline(s);
	} else if (c == ' ' || c == '\t' || c == '\r') {
		end_word(s);
		s->i++;
	} else if (c == '\\' && peek(s, 1) == '\n') {
		s->i += 2;
	} else if (c == '#' && !top(s)->in_word) {
		s->i = line_end(s, s->i);
	} else if (strchr(";&|", c)) {
		on_separator(s);
	} else if (c == '<' || c == '>') {
		on_redirection(s);
	} else if (c == '(') {
		on_open(s);
	} else if (c == ')') {
		on_close(s);
	} else if (c == '{') {
		on_brace(s, WHERE_BARE);
	} else if (c == '\\') {
		mark_word(s);
		on_backslash(s);
	} else if (c == '$') {
		mark_word(s);
		on_dollar(s, false);
	} else if (strchr("'\"`", c)) {
		mark_word(s);
		push(s, c == '"' ? IN_DOUBLE : c == '\'' ? IN_SINGLE : IN_BACKTICK);
		s->i++;
	} else {
		begin_word(s);
		s->i++;
	}
}

/* Within double quotes, and the like where a placeholder is refused by its context. */
static void scan_quotes(struct scan *s)
{
	char c = s->s[s->i];

	if (c == '"') {
		pop(s);
		s->i++;
	} else if (c == '\\') {
		on_backslash(s);
	} else if (c == '$') {
		on_dollar(s, true);
	} else if (c == '`') {
		push(s, IN_BACKTICK);
		s->i++;
	} else if (c == '{') {
		on_brace(s, WHERE_QUOTED);
	} else {
		s->i++;
	}
}

static void scan_until(struct scan *s, char last, bool backslash)
{
	char c = s->s[s->i];

	if (c == last) {
		pop(s);
		s->i++;
	} else if (c == '\\' && backslash) {
		on_backslash(s);
	} else if (c == '{') {
		on_refused_brace(s, NULL);
	} else {
		s->i++;
	}
}

static bool within_double(const struct scan *s)
{
	for (size_t i = s->depth; i-- > 0 && !holds_commands(s->stack[i].context);)
		if (s->stack[i].context == IN_DOUBLE || s->stack[i].context == IN_LOCALE)
			return true;
	return false;
}

static void count(struct scan *s, char open, char close)
{
	struct frame *f = top(s);
	char c = s->s[s->i];

	f->nested += c == open;
	f->nested -= c == close;
	if (f->nested == 0)
		pop(s);
}

/* ${...}, arithmetic, patterns: every placeholder is refused, so only the end is looked for. */
static void scan_expression(struct scan *s)
{
	char c = s->s[s->i];
	enum context in = top(s)->context;

	if (c == '\\') {
		on_backslash(s);
	} else if (c == '$') {
		on_dollar(s, within_double(s));
	} else if (c == '"' || c == '`') {
		push(s, c == '"' ? IN_DOUBLE : IN_BACKTICK);
		s->i++;
	} else if (c == '\'') {
		/* text within "${x:-'}'}", a quote within "${x#'}'}" and outside double quotes */
		if (within_double(s))
			unsure(s, "a single quote stands within ${...} within double quotes");
		else
			push(s, IN_SINGLE);
		s->i++;
	} else if (c == '{') {
		on_refused_brace(s, NULL);
	} else {
		if (in == IN_PARAM && c == '}')
			pop(s);
		else if (in == IN_BRACKET)
			count(s, '[', ']');
		else if (in != IN_PARAM)
			count(s, '(', ')');
		s->i++;
	}
}

static void scan_cond(struct scan *s)
{
	char c = s->s[s->i];

	if (at(s, "]]") && strchr(" \t\n)", s->s[s->i - 1]) && ends_word(s, s->i + 2)) {
		pop(s);
		s->i += 2;
	} else if (c == '(' || c == ')') {
		s->i++;
	} else if (c == '\\') {
		on_backslash(s);
	} else if (c == '$') {
		on_dollar(s, false);
	} else if (strchr("'\"`", c)) {
		push(s, c == '"' ? IN_DOUBLE : c == '\'' ? IN_SINGLE : IN_BACKTICK);
		s->i++;
	} else if (c == '{') {
		on_refused_brace(s, NULL);
	} else {
		s->i++;
	}
}

static void scan_one(struct scan *s)
{
	switch (top(s)->context) {
	case IN_DOUBLE:
	case IN_LOCALE:
		scan_quotes(s);
		break;
	case IN_SINGLE:
		scan_until(s, '\'', false);
		break;
	case IN_ANSI:
		scan_until(s, '\'', true);
		break;
	case IN_BACKTICK:
		scan_until(s, '`', true);
		break;
	case IN_COND:
		scan_cond(s);
		break;
	case IN_PARAM:
	case IN_ARITH:
	case IN_BRACKET:
	case IN_PATTERN:
		scan_expression(s);
		break;
	default:
		scan_commands(s);
	}
}

void template_bash_parse(struct template *t, const char *text, size_t len,
			 struct template_bash_end *end)
{
	struct scan s = {.s = text, .len = len, .out = t, .end = end};

	*end = (struct template_bash_end){0};
	push(&s, IN_COMMANDS);
	while (s.i < len)
		scan_one(&s);
	if (s.ndocs) {
		end->open = "a here-document";
		end->offset = s.docs[0].opened;
	}
	if (holds_commands(top(&s)->context))
		end_word(&s);
	if (s.depth > 1) {
		end->open = contexts[top(&s)->context].where;
		end->offset = top(&s)->opened;
	} else if (!end->open && len && joins(&s, 0, len)) {
		end->open = "a line that a backslash continues";
		end->offset = len - 1;
	}
	template_add_text(t, text + s.from, len - s.from);
}
