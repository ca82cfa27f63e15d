#include "sweep/template_bash.h"

#include <string.h>

#include "sweep/template_internal.h"

static void on_backslash(struct scan *s)
{
	size_t n;

	if (bash_peek(s, 1) != '{') {
		s->i += s->i + 1 < s->len ? 2 : 1;
		return;
	}
	s->i++;
	placeholder_at(s->s, s->len, s->i, &n);
	if (n)
		bash_on_refused_brace(
			s, "is not allowed behind a backslash; {{...}} gives the text {...}");
	else
		s->i++;
}

/* Opens the context of a dollar sign; within double quotes it opens the same, except quotes. */
static void on_dollar(struct scan *s, bool quoted)
{
	char c = bash_peek(s, 1);

	if (bash_at(s, "$((")) {
		bash_push(s, IN_ARITH);
		bash_top(s)->nested = 2;
		s->i += 3;
	} else if (c == '(') {
		bash_push(s, IN_SUBST);
		s->i += 2;
	} else if (c == '{') {
		bash_push(s, IN_PARAM);
		s->i += 2;
	} else if (c == '[') {
		bash_push(s, IN_BRACKET);
		bash_top(s)->nested = 1;
		s->i += 2;
	} else if (!quoted && (c == '\'' || c == '"')) {
		bash_push(s, c == '"' ? IN_LOCALE : IN_ANSI);
		s->i += 2;
	} else if (c && strchr("#@*?$!-", c)) {
		s->i += 2;
	} else {
		s->i++;
	}
}

/* ---- here-documents (bash(1), Here Documents) ---- */

static void on_heredoc(struct scan *s)
{
	struct heredoc doc = {.opened = s->i, .depth = s->depth};

	bash_end_word(s);
	doc.shell = bash_top(s)->shell;
	s->i += 2;
	if (bash_peek(s, 0) == '-') {
		doc.tabs = true;
		s->i++;
	}
	while (bash_peek(s, 0) == ' ' || bash_peek(s, 0) == '\t')
		s->i++;
	doc.delim = s->i;
	while (s->i < s->len && !bash_ends_word(s, s->i)) {
		char c = s->s[s->i];

		if (strchr("$`", c))
			bash_unsure(s, "the end of a here-document is not plain text");
		doc.quoted = doc.quoted || strchr("'\"\\", c);
		if (c == '{')
			bash_on_refused_brace(s, "cannot be the end of a here-document");
		else
			s->i++;
	}
	doc.delim_len = s->i - doc.delim;
	if (doc.delim_len == 0)
		bash_unsure(s, "a here-document has no end");
	if (s->ndocs == HEREDOCS_MOST)
		bash_unsure(s, "too many here-documents on one line");
	else
		s->docs[s->ndocs++] = doc;
}

/* Returns whether the line at i is the last of the here-document. */
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

static size_t find_line_end(const struct scan *s, size_t i)
{
	while (i < s->len && s->s[i] != '\n')
		i++;
	return i;
}

/* Returns whether a backslash joins the line with the next, as in an unquoted here-document. */
static bool joins_next_line(const struct scan *s, size_t from, size_t end)
{
	size_t n = 0;

	while (end > from && s->s[end - 1] == '\\') {
		end--;
		n++;
	}
	return n % 2 == 1;
}

/* Returns the end of the body, which is the begin of the delimiter's line. */
static size_t find_body_end(struct scan *s, const struct heredoc *doc)
{
	bool joined = false;

	for (size_t i = s->i; i < s->len;) {
		size_t end = find_line_end(s, i);

		if (!joined && is_delimiter(s, doc, i, end))
			return i;
		joined = !doc->quoted && joins_next_line(s, i, end);
		i = end + 1;
	}
	s->end->open = "a here-document";
	s->end->offset = doc->opened;
	return s->len;
}

/* Scans an unquoted body, which is read as double quotes are, except that quotes are text.
 * Placeholders within $(...), ${...} and backticks are refused, so the exact end of these does
 * not matter. */
static void scan_body(struct scan *s, const struct heredoc *doc, size_t end)
{
	size_t parens = 0, braces = 0, parts = s->out->n;
	bool backtick = false;

	while (s->i < end) {
		char c = s->s[s->i];
		bool within = parens || braces || backtick;

		if (c == '\\') {
			on_backslash(s);
		} else if (c == '{' && within) {
			bash_on_refused_brace(
				s, "is not allowed within an expansion in a here-document");
			braces += braces && s->s[s->i - 1] == '{';
		} else if (c == '{') {
			bash_on_brace(s, WHERE_HEREDOC);
		} else if (c == '$' && (bash_peek(s, 1) == '(' || bash_peek(s, 1) == '{' ||
					bash_peek(s, 1) == '[')) {
			parens += bash_peek(s, 1) == '(';
			braces += bash_peek(s, 1) == '{';
			if (bash_peek(s, 1) == '[')
				bash_unsure(s, "$[ stands in a here-document");
			s->i += 2;
		} else {
			parens += parens && c == '(';
			parens -= parens && c == ')';
			braces -= braces && c == '}';
			backtick ^= c == '`';
			s->i++;
		}
	}
	for (; doc->shell && parts < s->out->n; parts++)
		s->out->parts[parts].warning = bash_read_again;
}

static void scan_quoted_body(struct scan *s, size_t end)
{
	while (s->i < end) {
		if (s->s[s->i] == '{')
			bash_on_refused_brace(s, "is not replaced in a here-document whose end is "
						 "quoted: remove the quotes");
		else
			s->i++;
	}
}

static void on_newline(struct scan *s)
{
	struct frame *f;

	bash_end_word(s);
	f = bash_top(s);
	if (f->expect == WANT_ARGS || f->expect == WANT_FOR_IN)
		bash_end_command(f);
	s->i++;
	for (size_t k = 0; k < s->ndocs; k++) {
		size_t end;

		if (s->docs[k].depth != s->depth)
			bash_unsure(s, "a here-document begins on a line that goes on in brackets");
		end = find_body_end(s, &s->docs[k]);
		if (s->docs[k].quoted)
			scan_quoted_body(s, end);
		else
			scan_body(s, &s->docs[k], end);
		s->i = end < s->len ? find_line_end(s, end) : end;
		if (s->i < s->len)
			s->i++;
	}
	s->ndocs = 0;
}

/* ---- commands ---- */

static void on_open(struct scan *s)
{
	struct frame *f = bash_top(s);
	bool subscript;
	size_t look = s->i + 1;

	while (look < s->len && (s->s[look] == ' ' || s->s[look] == '\t'))
		look++;
	if (f->expect == WANT_CASE_PATTERN && !f->in_word) {
		s->i++;
	} else if (f->in_word && s->s[s->i - 1] == '=' &&
		   f->word + bash_assignment(s, f->word, &subscript) == s->i) {
		f->plain = false;
		bash_push(s, IN_ARRAY);
		bash_top(s)->expect = WANT_ARGS;
		s->i++;
	} else if (look < s->len && s->s[look] == ')' && f->context != IN_ARRAY) {
		bash_end_word(s); /* the definition of a function: its body is a command */
		s->i = look + 1;
		bash_end_command(bash_top(s));
	} else if (bash_at(s, "((") && !f->in_word &&
		   (f->expect == WANT_COMMAND || f->expect == WANT_FOR_NAME)) {
		f->expect = f->expect == WANT_FOR_NAME ? WANT_FOR_IN : WANT_ARGS;
		bash_push(s, IN_ARITH);
		bash_top(s)->nested = 2;
		s->i += 2;
	} else if (!f->in_word && f->expect == WANT_COMMAND) {
		f->expect = WANT_ARGS;
		bash_push(s, IN_SUBSHELL);
		s->i++;
	} else {
		bash_mark_word(s);
		bash_push(s, IN_PATTERN);
		bash_top(s)->nested = 1;
		s->i++;
	}
}

static void on_close(struct scan *s)
{
	struct frame *f;

	bash_end_word(s);
	f = bash_top(s);
	s->i++;
	if (f->context == IN_CASE && f->expect == WANT_CASE_PATTERN)
		bash_end_command(f);
	else if (f->context == IN_SUBST || f->context == IN_SUBSHELL || f->context == IN_ARRAY)
		bash_pop(s);
	else
		bash_unsure(s, "a ) has no ( before it");
}

static void on_separator(struct scan *s)
{
	struct frame *f;
	char c = s->s[s->i];

	bash_end_word(s);
	f = bash_top(s);
	if (c == '&' && bash_peek(s, 1) == '>') { /* &>FILE is a redirection */
		f->redirect = true;
		s->i += bash_at(s, "&>>") ? 3 : 2;
		return;
	}
	if (c == ';' && (bash_peek(s, 1) == ';' || bash_peek(s, 1) == '&')) {
		s->i += bash_at(s, ";;&") ? 3 : 2;
		bash_end_command(f);
		if (f->context == IN_CASE)
			f->expect = WANT_CASE_PATTERN;
		else
			bash_unsure(s, "a ;; stands outside a case");
		return;
	}
	s->i++;
	if (f->expect != WANT_CASE_PATTERN)
		bash_end_command(f);
}

static void on_redirection(struct scan *s)
{
	if (bash_at(s, "<<<")) {
		bash_end_word(s);
		s->i += 3;
	} else if (bash_at(s, "<<")) {
		on_heredoc(s);
		return;
	} else if (bash_peek(s, 1) == '(') {
		bash_mark_word(s);
		bash_push(s, IN_SUBST);
		s->i += 2;
		return;
	} else {
		struct frame *f = bash_top(s);
		bool fd = f->in_word && f->plain && s->i - f->word < 4 &&
			  strspn(s->s + f->word, "0123456789") >= s->i - f->word;

		if (fd)
			f->in_word = false; /* 2>FILE: the number is not a word */
		else
			bash_end_word(s);
		s->i++;
		if (strchr(">&|", bash_peek(s, 0)) && bash_peek(s, 0))
			s->i++;
	}
	bash_top(s)->redirect = true;
}

static void scan_commands(struct scan *s)
{
	char c = s->s[s->i];

	if (c == '\n') {
		on_newline(s);
	} else if (c == ' ' || c == '\t' || c == '\r') {
		bash_end_word(s);
		s->i++;
	} else if (c == '\\' && bash_peek(s, 1) == '\n') {
		s->i += 2;
	} else if (c == '#' && !bash_top(s)->in_word) {
		s->i = find_line_end(s, s->i);
	} else if (strchr(";&|", c)) {
		on_separator(s);
	} else if (c == '<' || c == '>') {
		on_redirection(s);
	} else if (c == '(') {
		on_open(s);
	} else if (c == ')') {
		on_close(s);
	} else if (c == '{') {
		bash_on_brace(s, WHERE_BARE);
	} else if (c == '\\') {
		bash_mark_word(s);
		on_backslash(s);
	} else if (c == '$') {
		bash_mark_word(s);
		on_dollar(s, false);
	} else if (strchr("'\"`", c)) {
		bash_mark_word(s);
		bash_push(s, c == '"' ? IN_DOUBLE : c == '\'' ? IN_SINGLE : IN_BACKTICK);
		s->i++;
	} else {
		bash_begin_word(s);
		s->i++;
	}
}

/* Scans double quotes, and similar contexts that refuse a placeholder. */
static void scan_quotes(struct scan *s)
{
	char c = s->s[s->i];

	if (c == '"') {
		bash_pop(s);
		s->i++;
	} else if (c == '\\') {
		on_backslash(s);
	} else if (c == '$') {
		on_dollar(s, true);
	} else if (c == '`') {
		bash_push(s, IN_BACKTICK);
		s->i++;
	} else if (c == '{') {
		bash_on_brace(s, WHERE_QUOTED);
	} else {
		s->i++;
	}
}

static void scan_until(struct scan *s, char last, bool backslash)
{
	char c = s->s[s->i];

	if (c == last) {
		bash_pop(s);
		s->i++;
	} else if (c == '\\' && backslash) {
		on_backslash(s);
	} else if (c == '{') {
		bash_on_refused_brace(s, NULL);
	} else {
		s->i++;
	}
}

static bool is_within_double(const struct scan *s)
{
	for (size_t i = s->depth; i-- > 0 && !bash_holds_commands(s->stack[i].context);)
		if (s->stack[i].context == IN_DOUBLE || s->stack[i].context == IN_LOCALE)
			return true;
	return false;
}

static void count_nesting(struct scan *s, char open, char close)
{
	struct frame *f = bash_top(s);
	char c = s->s[s->i];

	f->nested += c == open;
	f->nested -= c == close;
	if (f->nested == 0)
		bash_pop(s);
}

/* Scans ${...}, arithmetic and patterns: every placeholder is refused, so only the end matters. */
static void scan_expression(struct scan *s)
{
	char c = s->s[s->i];
	enum context in = bash_top(s)->context;

	if (c == '\\') {
		on_backslash(s);
	} else if (c == '$') {
		on_dollar(s, is_within_double(s));
	} else if (c == '"' || c == '`') {
		bash_push(s, c == '"' ? IN_DOUBLE : IN_BACKTICK);
		s->i++;
	} else if (c == '\'') {
		/* text within "${x:-'}'}", a quote within "${x#'}'}" and outside double quotes */
		if (is_within_double(s))
			bash_unsure(s, "a single quote stands within ${...} within double quotes");
		else
			bash_push(s, IN_SINGLE);
		s->i++;
	} else if (c == '{') {
		bash_on_refused_brace(s, NULL);
	} else {
		if (in == IN_PARAM && c == '}')
			bash_pop(s);
		else if (in == IN_BRACKET)
			count_nesting(s, '[', ']');
		else if (in != IN_PARAM)
			count_nesting(s, '(', ')');
		s->i++;
	}
}

static void scan_cond(struct scan *s)
{
	char c = s->s[s->i];

	if (bash_at(s, "]]") && strchr(" \t\n)", s->s[s->i - 1]) && bash_ends_word(s, s->i + 2)) {
		bash_pop(s);
		s->i += 2;
	} else if (c == '(' || c == ')') {
		s->i++;
	} else if (c == '\\') {
		on_backslash(s);
	} else if (c == '$') {
		on_dollar(s, false);
	} else if (strchr("'\"`", c)) {
		bash_push(s, c == '"' ? IN_DOUBLE : c == '\'' ? IN_SINGLE : IN_BACKTICK);
		s->i++;
	} else if (c == '{') {
		bash_on_refused_brace(s, NULL);
	} else {
		s->i++;
	}
}

static void scan_one(struct scan *s)
{
	switch (bash_top(s)->context) {
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
	bash_push(&s, IN_COMMANDS);
	while (s.i < len)
		scan_one(&s);
	if (s.ndocs) {
		end->open = "a here-document";
		end->offset = s.docs[0].opened;
	}
	if (bash_holds_commands(bash_top(&s)->context))
		bash_end_word(&s);
	if (s.depth > 1) {
		end->open = bash_contexts[bash_top(&s)->context].where;
		end->offset = bash_top(&s)->opened;
	} else if (!end->open && len && joins_next_line(&s, 0, len)) {
		end->open = "a line that a backslash continues";
		end->offset = len - 1;
	}
	template_add_text(t, text + s.from, len - s.from);
}
