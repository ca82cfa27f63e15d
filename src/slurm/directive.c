#include "slurm/directive.h"

#include <stdlib.h>
#include <string.h>

static const char magic[] = "#SBATCH";
enum { MAGIC_LEN = sizeof(magic) - 1 };

/* ---- words ---- */

/* One line while it is read. */
struct reader {
	const char *line, *at, *end;
	size_t number;
	void (*fn)(void *arg, const struct directive *d);
	void *arg;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Returns whether there is a backslash that escapes nothing: sbatch drops it, and a blank after it
 * ends the word (seen on Slurm 22.05.8). */
static bool is_at_lone_backslash(const struct reader *r)
{
	return *r->at == '\\' && (r->at + 1 == r->end || is_blank(r->at[1]));
}

/* Returns the next word without its quotes and backslashes, or NULL at the end of the line or at
 * a comment, which may begin within a word. Sets *col to its place. The caller frees the word. */
static char *next_word(struct reader *r, size_t *col)
{
	struct buf b = {0};
	char quote = 0;

	while (r->at < r->end && (is_blank(*r->at) || is_at_lone_backslash(r)))
		r->at++;
	*col = (size_t)(r->at - r->line) + 1;
	if (r->at == r->end || *r->at == '#')
		return NULL;
	for (; r->at < r->end && (quote || (!is_blank(*r->at) && *r->at != '#')); r->at++) {
		if (is_at_lone_backslash(r) && (!quote || r->at + 1 == r->end))
			continue;
		if (*r->at == '\\')
			buf_addch(&b, *++r->at);
		else if (quote ? *r->at == quote : *r->at == '"' || *r->at == '\'')
			quote = quote ? 0 : *r->at;
		else
			buf_addch(&b, *r->at);
	}
	return buf_take(&b);
}

/* ---- options ---- */

/* Reports an option. Without a value of its own, an option that needs one has the next word. */
static void report(struct reader *r, struct directive *d)
{
	char *next = NULL;
	size_t col;

	if (d->opt && d->opt->arg == SBATCH_ARG_NEEDED && !d->value)
		d->value = next = next_word(r, &col);
	r->fn(r->arg, d);
	free(next);
}

static void read_long(struct reader *r, struct directive *d)
{
	size_t len = strcspn(d->word + 2, "=");
	char *name = mem_strndup(d->word + 2, len);

	d->opt = sbatch_find_cut(name);
	d->value = d->word[2 + len] ? d->word + 3 + len : NULL;
	report(r, d);
	free(name);
}

/* Reads "-n4", "-n 4", and several letters at once, as in "-Hn4" (getopt(3)). */
static void read_short(struct reader *r, struct directive *d)
{
	const char *c = d->word + 1;

	do {
		d->opt = sbatch_by_letter(*c++);
		d->value = NULL;
		if (!d->opt || d->opt->arg != SBATCH_ARG_NONE) {
			d->value = *c ? c + (*c == '=') : NULL;
			c = "";
		}
		report(r, d);
	} while (*c);
}

static void read_line(struct reader *r)
{
	struct directive d = {.line = r->number};
	char *word;

	while ((word = next_word(r, &d.col))) {
		d.word = word;
		d.opt = NULL;
		d.value = NULL;
		if (!strncmp(word, "--", 2) && word[2])
			read_long(r, &d);
		else if (word[0] == '-' && word[1] && word[1] != '-')
			read_short(r, &d);
		else
			r->fn(r->arg, &d);
		free(word);
	}
}

/* ---- lines ---- */

static bool has_prefix(const char *line, const char *prefix)
{
	return !strncmp(line, prefix, strlen(prefix));
}

/* Returns the begin of the next line, or the end of the text. */
static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

const char *directives_end(const char *script)
{
	while (*script) {
		const char *c = script;

		while (is_blank(*c))
			c++;
		if (*c && *c != '\n' && *c != '#')
			break;
		script = next_line(script);
	}
	return script;
}

void directives_each(const char *script, void (*fn)(void *arg, const struct directive *d),
		     void *arg)
{
	const char *end = directives_end(script);
	struct reader r = {.number = 1, .fn = fn, .arg = arg};

	for (const char *line = script; line < end; line = next_line(line), r.number++) {
		/* "#SBATCH--hold" counts as well, seen on Slurm 22.05.8 */
		if (!has_prefix(line, magic))
			continue;
		r.line = line;
		r.at = line + MAGIC_LEN;
		r.end = line + strcspn(line, "\n");
		read_line(&r);
	}
}

void directive_add(void *arg, const struct directive *d)
{
	struct strs *out = arg;

	if (!d->opt)
		strs_add(out, d->word);
	else if (d->value)
		strs_addf(out, "--%s=%s", d->opt->name, d->value);
	else
		strs_addf(out, "--%s", d->opt->name);
}

void directives_list(const char *script, struct strs *out)
{
	directives_each(script, directive_add, out);
}

/* ---- copying ---- */

struct copy {
	const char *dir;
	struct buf line;
	bool changed;
};

/* Adds a word in double quotes, as sbatch reads them. */
static void add_quoted(struct buf *out, const char *word)
{
	buf_addstr(out, " \"");
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			buf_addch(out, '\\');
		buf_addch(out, *word);
	}
	buf_addch(out, '"');
}

static void add_to_copy(void *arg, const struct directive *d)
{
	struct copy *copy = arg;
	char *path = d->opt && d->value ? sbatch_make_absolute(d->opt, d->value, copy->dir) : NULL;
	struct strs word = {0};
	struct directive absolute = *d;

	if (path) {
		absolute.value = path;
		copy->changed = true;
	}
	directive_add(&word, &absolute);
	add_quoted(&copy->line, word.v[0]);
	strs_release(&word);
	free(path);
}

/* Adds a #SBATCH line: as it is, unless it names a file by a relative path. */
static void copy_line(const char *line, const char *dir, struct buf *out)
{
	size_t len = strcspn(line, "\n");
	char *text = mem_strndup(line, len);
	struct copy copy = {.dir = dir};

	directives_each(text, add_to_copy, &copy);
	if (copy.changed)
		buf_addf(out, "%s%s\n", magic, buf_str(&copy.line));
	else
		buf_addf(out, "%s\n", text);
	buf_release(&copy.line);
	free(text);
}

char *directives_copy(const char *script, const char *dir)
{
	const char *end = directives_end(script);
	struct buf out = {0};

	for (const char *line = script; line < end; line = next_line(line)) {
		if (has_prefix(line, magic))
			copy_line(line, dir, &out);
		else if (has_prefix(line, "#BB") || has_prefix(line, "#DW"))
			buf_addf(&out, "%.*s\n", (int)strcspn(line, "\n"), line);
	}
	return buf_take(&out);
}
