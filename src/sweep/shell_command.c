#include "sweep/shell_command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 20 };

struct scan {
	const char *text;
	size_t len, at;
	struct strs words;
	size_t *offsets; /* of the words */
	size_t depth;	 /* how many arrays the text is in */
	char *heredoc;	 /* the word that ends the here-document after this line; NULL: none */
	shell_command_fn *fn;
	void *arg;
};

static char peek(const struct scan *s, size_t ahead)
{
	return s->at + ahead < s->len ? s->text[s->at + ahead] : '\0';
}

/* Returns the length of "NAME=" or "NAME+=" at the begin of a word; 0 if it is no assignment. */
static size_t measure_assignment(const char *word)
{
	size_t name =
		strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
	size_t plus = word[name] == '+';

	return name && word[name + plus] == '=' ? name + plus + 1 : 0;
}

/* Returns whether a word before the command is no part of it. */
static bool is_prefix(const char *word)
{
	static const char *const reserved[] = {"if",	"then", "elif", "else", "while",
					       "until", "do",	"!",	"{",	NULL};

	for (const char *const *r = reserved; *r; r++)
		if (!strcmp(*r, word))
			return true;
	return measure_assignment(word) > 0;
}

/* ---- the words of a command ---- */

/* A program that only starts another one. */
struct starter {
	const char *name;
	const char *valued; /* options whose value is the next word; NULL: it has no options here */
	size_t operands;    /* words between its options and the command */
};

static const struct starter *find_starter(const char *word)
{
	static const struct starter starters[] = {
		{"time", "fo", 0},    {"exec", "a", 0},	    {"nohup", "", 0},  {"env", "uCS", 0},
		{"timeout", "sk", 1}, {"nice", "n", 0},	    {"setsid", "", 0}, {"stdbuf", "ioe", 0},
		{"eval", NULL, 0},    {"command", NULL, 0}, {"srun", NULL, 0}};
	const char *slash = strrchr(word, '/');

	for (size_t i = 0; i < sizeof(starters) / sizeof(*starters); i++)
		if (!strcmp(starters[i].name, slash ? slash + 1 : word))
			return &starters[i];
	return NULL;
}

/* Returns the index of the first word after the options from i on. */
static size_t skip_options(const struct strs *words, size_t i, const char *valued)
{
	for (; i < words->n && words->v[i][0] == '-'; i++) {
		const char *word = words->v[i];

		if (word[1] && word[1] != '-' && !word[2] && strchr(valued, word[1]))
			i++;
	}
	return i < words->n ? i : words->n;
}

/* Returns the index of the command itself, after the programs that start it. */
static size_t skip_starters(const struct strs *words)
{
	const struct starter *starter;
	size_t i = 0;

	while (i < words->n && (starter = find_starter(words->v[i]))) {
		i++;
		if (starter->valued)
			i = skip_options(words, i, starter->valued) + starter->operands;
		while (i < words->n && measure_assignment(words->v[i]))
			i++;
	}
	return i < words->n ? i : words->n;
}

static bool is_shell(const char *word)
{
	static const char *const shells[] = {"bash", "sh", "dash", "zsh", "ksh", NULL};
	const char *slash = strrchr(word, '/');

	for (const char *const *s = shells; *s; s++)
		if (!strcmp(*s, slash ? slash + 1 : word))
			return true;
	return false;
}

/* Returns the index of the first word after the options of a shell. Sets *text if that word is a text,
 * because of the option -c. */
static size_t skip_shell_options(const struct strs *words, bool *text)
{
	size_t end = skip_options(words, 1, "oO");

	*text = false;
	for (size_t i = 1; i < end; i++) {
		const char *word = words->v[i];

		*text = *text || (word[0] == '-' && word[1] != '-' && strchr(word, 'c'));
	}
	return end;
}

/* Passes the commands of a text on, with one offset for all. */
struct inner {
	shell_command_fn *fn;
	void *arg;
	size_t offset;
};

static void call_inner(void *arg, const struct strs *words, size_t offset)
{
	const struct inner *in = arg;

	(void)offset;
	in->fn(in->arg, words, in->offset);
}

/* Calls fn for a command. offsets: of its words; NULL: all are 0. */
static void call_for_words(const struct strs *words, const size_t *offsets, shell_command_fn *fn,
			   void *arg)
{
	size_t first = skip_starters(words), text;
	const struct strs rest = {.v = words->v + first, .n = words->n - first};
	size_t offset = offsets && rest.n ? offsets[first] : 0;
	struct inner in = {fn, arg, offset};
	bool has_text;

	if (!rest.n)
		return;
	if (is_shell(rest.v[0])) {
		text = skip_shell_options(&rest, &has_text);
		if (has_text && text < rest.n) {
			shell_commands_each(rest.v[text], strlen(rest.v[text]), call_inner, &in);
			return;
		}
	}
	fn(arg, &rest, offset);
}

void shell_command_each(const struct strs *words, shell_command_fn *fn, void *arg)
{
	call_for_words(words, NULL, fn, arg);
}

size_t shell_command_file(const struct strs *words)
{
	bool text = false;
	size_t i;

	if (!words->n)
		return 0;
	if (is_shell(words->v[0])) {
		i = skip_shell_options(words, &text);
		return text ? words->n : i;
	}
	if (!strcmp(words->v[0], "source") || !strcmp(words->v[0], "."))
		return words->n > 1 ? 1 : words->n;
	return strchr(words->v[0], '/') ? 0 : words->n;
}

/* ---- the commands of a text ---- */

static void scan_commands(struct scan *s);

static void add_word(struct scan *s, char *word, size_t offset)
{
	bool is_fd = (peek(s, 0) == '<' || peek(s, 0) == '>') && *word &&
		     !word[strspn(word, "0123456789")];

	if (is_fd || (s->words.n == 0 && is_prefix(word))) {
		free(word);
		return;
	}
	s->offsets = mem_grow(s->offsets, s->words.n + 1, sizeof(*s->offsets));
	s->offsets[s->words.n] = offset;
	strs_take(&s->words, word);
}

static void end_command(struct scan *s)
{
	if (s->words.n)
		call_for_words(&s->words, s->offsets, s->fn, s->arg);
	strs_release(&s->words);
}

/* Returns the next word without its quotes. The caller frees it. */
static char *read_word(struct scan *s)
{
	struct buf b = {0};
	char quote = 0;

	for (; s->at < s->len; s->at++) {
		char c = peek(s, 0);

		if (!quote && strchr(" \t\r\n;&|()<>`", c))
			break;
		if (c == '\\' && quote != '\'' && s->at + 1 < s->len)
			buf_addch(&b, s->text[++s->at]);
		else if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		else
			buf_addch(&b, c);
	}
	return buf_take(&b);
}

static void skip_blanks(struct scan *s)
{
	while (peek(s, 0) == ' ' || peek(s, 0) == '\t' || peek(s, 0) == '\r')
		s->at++;
}

/* Skips a redirection and its word: "<<EOF" begins a here-document after this line, "<<<" does
 * not. */
static void skip_redirection(struct scan *s)
{
	bool heredoc = peek(s, 0) == '<' && peek(s, 1) == '<' && peek(s, 2) != '<';
	char *word;

	while (peek(s, 0) == '<' || peek(s, 0) == '>' || peek(s, 0) == '&')
		s->at++;
	if (heredoc && peek(s, 0) == '-')
		s->at++;
	skip_blanks(s);
	word = read_word(s);
	if (heredoc && *word && !s->heredoc)
		s->heredoc = word;
	else
		free(word);
}

/* Skips the lines of a here-document. */
static void skip_heredoc(struct scan *s)
{
	size_t n = strlen(s->heredoc);
	bool end = false;

	while (!end && s->at < s->len) {
		const char *nl = memchr(s->text + s->at, '\n', s->len - s->at);
		size_t stop = nl ? (size_t)(nl - s->text) : s->len;

		while (peek(s, 0) == '\t')
			s->at++;
		end = stop - s->at == n && !memcmp(s->text + s->at, s->heredoc, n);
		s->at = stop < s->len ? stop + 1 : s->len;
	}
	free(s->heredoc);
	s->heredoc = NULL;
}

static void skip_comment(struct scan *s)
{
	while (s->at < s->len && peek(s, 0) != '\n')
		s->at++;
}

/* Returns the place after the parenthesis that closes the one before `at`. */
static size_t find_closing(const struct scan *s, size_t at)
{
	size_t depth = 1;

	for (; at < s->len && depth; at++)
		depth = s->text[at] == '(' ? depth + 1 : depth - (s->text[at] == ')');
	return at;
}

/* Skips the words of an array, "a=(b c)", which are no commands, except those in $(...). */
static void skip_array(struct scan *s)
{
	size_t end = find_closing(s, s->at + 1);

	for (s->at++; s->at < end; s->at++) {
		struct scan inner = {
			.text = s->text, .depth = s->depth + 1, .fn = s->fn, .arg = s->arg};

		if (peek(s, 0) != '$' || peek(s, 1) != '(')
			continue;
		inner.at = s->at + 2;
		inner.len = find_closing(s, inner.at);
		s->at = inner.len - 1;
		if (inner.depth < DEPTH_MOST)
			scan_commands(&inner);
	}
}

static void scan_word(struct scan *s)
{
	size_t offset = s->at;
	char *word = read_word(s);
	size_t len = measure_assignment(word);

	if (len && !word[len] && peek(s, 0) == '(') {
		free(word);
		skip_array(s);
	} else {
		add_word(s, word, offset);
	}
}

static void scan_commands(struct scan *s)
{
	while (skip_blanks(s), s->at < s->len) {
		char c = peek(s, 0);

		if (c == '#') {
			skip_comment(s);
		} else if (c == '\\' && peek(s, 1) == '\n') {
			s->at += 2;
		} else if (c == '<' || c == '>') {
			skip_redirection(s);
		} else if (strchr("\n;&|()`", c)) {
			s->at++;
			end_command(s);
			if (c == '\n' && s->heredoc)
				skip_heredoc(s);
		} else {
			scan_word(s);
		}
	}
	end_command(s);
	free(s->heredoc);
	free(s->offsets);
}

void shell_commands_each(const char *text, size_t len, shell_command_fn *fn, void *arg)
{
	struct scan s = {.text = text, .len = len, .fn = fn, .arg = arg};

	scan_commands(&s);
}
