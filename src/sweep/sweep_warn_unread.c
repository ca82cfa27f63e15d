#include "sweep/sweep_warn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/env.h"
#include "sweep/sweep_internal.h"

enum { SHOWN_MOST = 200 }; /* length of the texts and values in messages */

/* Returns the length of "$NAME" or "${NAME}" at text, and its name in *name, which the caller
 * frees; 0 if there is none. */
static size_t parse_variable(const char *text, char **name)
{
	size_t brace = text[0] == '$' && text[1] == '{', len = 0;
	const char *at = text + 1 + brace;

	if (text[0] != '$')
		return 0;
	while (template_name_char(at[len], len == 0) && at[len] != '.' && at[len] != '-')
		len++;
	if (!len || (brace && at[len] != '}'))
		return 0;
	*name = mem_strndup(at, len);
	return 1 + len + 2 * brace;
}

static bool begins_with_home(const char *text)
{
	return text[0] == '~' && text[1] == '/' && getenv("HOME");
}

/* A text that no shell reads, and what a shell would make of it. */
struct unread {
	bool found; /* a shell would have changed the text */
	bool whole; /* every variable is set here: value is the result */
	struct buf value;
};

/* Expands a text as a shell would. A variable counts if it is set here, if Slurm sets it in the job,
 * or slurmq sets it there, or if it is self (may be NULL); front: also any other variable at the front. The name of a parameter
 * does not count: sweep_warn_names() names the placeholder. */
static void expand_text(const struct sweep *sweep, const char *text, bool front, const char *self,
			struct unread *out)
{
	const char *begin = text;

	out->whole = true;
	if (begins_with_home(text)) {
		buf_addstr(&out->value, getenv("HOME"));
		out->found = true;
		text++;
	}
	while (*text) {
		char *name = NULL;
		size_t len = parse_variable(text, &name);
		const char *value = len ? getenv(name) : NULL;
		bool escaped = text > begin && (text[-1] == '$' || text[-1] == '\\');

		if (len && !escaped && sweep_sym_find(sweep, name) == PART_NO_SYM &&
		    (value || !strncmp(name, "SLURM_", 6) || !strncmp(name, "SLURMQ_", 7) ||
		     (self && !strcmp(name, self)) || (front && text == begin))) {
			out->found = true;
			out->whole = out->whole && value;
			buf_addstr(&out->value, value ? value : "");
			text += len;
		} else {
			buf_addch(&out->value, *text++);
		}
		free(name);
	}
}

/* ---- env and sbatch ---- */

struct unread_check {
	const struct sweep *sweep;
	struct complaint_list *list;
};

static bool is_variable(const char *text, const char *name)
{
	char *found = NULL;
	size_t len = parse_variable(text, &found);
	bool is = len && !text[len] && !strcmp(found, name);

	free(found);
	return is;
}

/* Returns whether to print the value: one that may be a password is not, nor a long one. */
static bool is_printable(const struct unread *u, const char *text)
{
	static const char *const secret[] = {"KEY", "TOKEN", "SECRET", "PASS"};

	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		if (strcasestr(text, secret[i]))
			return false;
	return u->whole && u->value.len <= SHOWN_MOST;
}

static void warn_env(const struct unread_check *c, const struct setting *s)
{
	const char *text = s->value.node->text;
	const char *where = c->sweep->script_path ? "the script" : "'setup'";
	struct unread u = {0};

	expand_text(c->sweep, text, true, s->name, &u);
	if (u.found && is_variable(text, s->name))
		complaint_warn(c->list, s->value.node->pos,
			       "variable '%s' is set to the text '%s', which no shell reads: "
			       "remove it, since jobs get the environment of 'slurmq submit'",
			       s->name, text);
	else if (u.found && is_printable(&u, text))
		complaint_warn(c->list, s->value.node->pos,
			       "variable '%s' is set to the text '%.200s', which no shell reads: "
			       "write %.200s, or in %s: export %s=%.200s",
			       s->name, text, buf_str(&u.value), where, s->name, text);
	else if (u.found)
		complaint_warn(c->list, s->value.node->pos,
			       "variable '%s' is set to the text '%.200s', which no shell reads: "
			       "write in %s: export %s=%.200s",
			       s->name, text, where, s->name, text);
	buf_release(&u.value);
}

static void warn_sbatch(const struct unread_check *c, const struct setting *s)
{
	const char *text = s->value.node->text;
	const char *expanded = !strcmp(s->name, "chdir") ? env_after_home(text) : NULL;
	struct unread u = {0};

	if (expanded)
		buf_add(&u.value, text, (size_t)(expanded - text));
	expand_text(c->sweep, expanded ? expanded : text, true, NULL, &u);
	if (u.found && is_printable(&u, text))
		complaint_warn(c->list, s->value.node->pos,
			       "sbatch's '%s' is the text '%.200s', which no shell reads: write "
			       "%.200s",
			       s->name, text, buf_str(&u.value));
	else if (u.found)
		complaint_warn(
			c->list, s->value.node->pos,
			"sbatch's '%s' is the text '%.200s', which no shell reads: write the "
			"value of the variable",
			s->name, text);
	buf_release(&u.value);
}

static void warn_settings(const struct unread_check *c, const struct settings *s,
			  void (*check)(const struct unread_check *c, const struct setting *s))
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].kind == SETTING_VALUE && s->v[i].value.node)
			check(c, &s->v[i]);
}

/* ---- a list `run` ---- */

/* Returns whether a word of the list seems to be a shell, as in bash, /bin/sh and ssh. */
static bool runs_shell(const struct command *run)
{
	for (size_t w = 0; w < run->n; w++) {
		size_t len = run->words[w].node->len;

		if (len >= 2 && !strcmp(run->words[w].node->text + len - 2, "sh"))
			return true;
	}
	return false;
}

/* Warns about a word of a list, or about an argument of `script`. */
static void warn_word(const struct unread_check *c, const struct node *word)
{
	bool script = c->sweep->script_name;
	struct unread u = {0};

	expand_text(c->sweep, word->text, false, NULL, &u);
	if (u.found && u.whole)
		complaint_warn(
			c->list, word->pos,
			"no shell reads the words of a list, so the %s gets '%.200s' as it is: write "
			"%.200s, or %s",
			script ? "script" : "command", word->text, buf_str(&u.value),
			script ? "use it in the script" : "write the command as a text");
	else if (u.found)
		complaint_warn(
			c->list, word->pos,
			"no shell reads the words of a list, so the %s gets '%.200s' as it is: "
			"%s",
			script ? "script" : "command", word->text,
			script ? "use it in the script" : "write the command as a text");
	buf_release(&u.value);
}

/* Returns whether the program is a file, whose name may have blanks. */
static bool is_file(const struct sweep *sweep, const char *name)
{
	char *path = *name == '/' ? mem_strdup(name) : mem_printf("%s/%s", sweep->dir, name);
	bool is = access(path, F_OK) == 0;

	free(path);
	return is;
}

/* Returns whether each word has a blank, as if it were a command. */
static bool are_commands(const struct command *run)
{
	for (size_t w = 0; w < run->n; w++)
		if (!strpbrk(run->words[w].node->text, " \t\n"))
			return false;
	return true;
}

static void warn_first_word(const struct unread_check *c, const struct command *run)
{
	const struct node *first = run->words[0].node;
	size_t len = strcspn(first->text, " \t\n");

	if (!first->text[len] || is_file(c->sweep, first->text))
		return;
	if (run->n == 1)
		complaint_warn(c->list, first->pos,
			       "the command is a list of one word, so '%.200s' is the name of a "
			       "program: take the brackets off, or write each word as an element",
			       first->text);
	else if (are_commands(run))
		complaint_warn(c->list, first->pos,
			       "the list is one command, and '%.200s' the name of its program: for "
			       "several commands write a text, run: |, with a line for each",
			       first->text);
	else
		complaint_warn(
			c->list, first->pos,
			"the first word, '%.200s', is the name of a program: write each word "
			"as an element, as in [%.*s, ...]",
			first->text, (int)(len < 60 ? len : 60), first->text);
}

static void warn_command(const struct unread_check *c, const struct command *run)
{
	if (run->kind != COMMAND_WORDS || run->n == 0)
		return;
	if (!c->sweep->script_name) /* words has only its arguments */
		warn_first_word(c, run);
	for (size_t w = 0; !runs_shell(run) && w < run->n; w++)
		warn_word(c, run->words[w].node);
}

void sweep_warn_unread(const struct sweep *sweep, struct complaint_list *list)
{
	struct unread_check c = {sweep, list};

	warn_settings(&c, &sweep->sbatch, warn_sbatch);
	warn_settings(&c, &sweep->env, warn_env);
	for (size_t i = 0; i < sweep->nspaces; i++) {
		warn_settings(&c, &sweep->spaces[i].sbatch, warn_sbatch);
		warn_settings(&c, &sweep->spaces[i].env, warn_env);
	}
	for (size_t i = 0; i < sweep->noverrides; i++) {
		warn_settings(&c, &sweep->overrides[i].sbatch, warn_sbatch);
		warn_settings(&c, &sweep->overrides[i].env, warn_env);
	}
	for (size_t i = 0; i < sweep->nsteps; i++)
		warn_command(&c, &sweep->steps[i].run);
}
