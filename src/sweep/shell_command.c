#include "sweep/shell_command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *text;
	size_t len, at;
	struct strs words;
	size_t offset; /* of the first of them */
	char *heredoc; /* the word that ends the here-document after this line; NULL: none */
	void (*fn)(void *arg, const struct strs *words, size_t offset);
	void *arg;
};

static char peek(const struct scan *s, size_t ahead)
{
	return s->at + ahead < s->len ? s->text[s->at + ahead] : '\0';
}

/* Returns whether a word before the command is no part of it. */
static bool is_prefix(const char *word)
{
	static const char *const prefixes[] = {"if",   "then", "elif",	  "else", "while", "until",
					       "do",   "!",    "{",	  "time", "exec",  "nohup",
					       "eval", "srun", "command", "env",  NULL};
	size_t name =
		strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

	for (const char *const *p = prefixes; *p; p++)
		if (!strcmp(*p, word))
			return true;
	return name && word[name] == '=';
}

static void add_word(struct scan *s, char *word, size_t offset)
{
	bool is_fd = (peek(s, 0) == '<' || peek(s, 0) == '>') && *word &&
		     !word[strspn(word, "0123456789")];

	if (is_fd || (s->words.n == 0 && is_prefix(word))) {
		free(word);
		return;
	}
	if (s->words.n == 0)
		s->offset = offset;
	strs_take(&s->words, word);
}

static void end_command(struct scan *s)
{
	if (s->words.n)
		s->fn(s->arg, &s->words, s->offset);
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

void shell_commands_each(const char *text, size_t len,
			 void (*fn)(void *arg, const struct strs *words, size_t offset), void *arg)
{
	struct scan s = {.text = text, .len = len, .fn = fn, .arg = arg};

	while (skip_blanks(&s), s.at < s.len) {
		size_t offset = s.at;

		if (peek(&s, 0) == '#') {
			skip_comment(&s);
		} else if (peek(&s, 0) == '\\' && peek(&s, 1) == '\n') {
			s.at += 2;
		} else if (peek(&s, 0) == '<' || peek(&s, 0) == '>') {
			skip_redirection(&s);
		} else if (strchr("\n;&|()`", peek(&s, 0))) {
			s.at++;
			end_command(&s);
			if (text[offset] == '\n' && s.heredoc)
				skip_heredoc(&s);
		} else {
			add_word(&s, read_word(&s), offset);
		}
	}
	end_command(&s);
	free(s.heredoc);
}

size_t shell_command_file(const struct strs *words)
{
	static const char *const shells[] = {"bash", "sh",     "dash", "zsh",
					     "ksh",  "source", ".",    NULL};
	size_t i = 0;

	if (!words->n || strchr(words->v[0], '/'))
		return 0;
	for (const char *const *s = shells; *s; s++) {
		if (strcmp(*s, words->v[0]) != 0)
			continue;
		for (i = 1; i < words->n && words->v[i][0] == '-'; i++)
			if (!strcmp(words->v[i], "-c"))
				return words->n;
		return i;
	}
	return words->n;
}
