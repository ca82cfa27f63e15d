/* sweep_check_batch_script.c - checks the batch script that `script` names. */
#include "sweep/sweep_check_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slurm/directive.h"
#include "slurm/sbatch_form.h"
#include "sweep/shell_command.h"
#include "sweep/sweep_check_batch_internal.h"
#include "sweep/sweep_internal.h"
#include "sweep/sweep_warn.h"

/* Returns the value of `checkpoint` that has the effect of a value of --signal, which is
 * [{R|B}:]SIGNAL[@SECONDS] (sbatch(1)); NULL if there is none. The caller frees it. */
static char *format_checkpoint(const char *value)
{
	static const struct {
		const char *name, *number;
	} signals[] = {{"USR1", "10"}, {"USR2", "12"}, {"TERM", "15"}, {"INT", "2"},
		       {"HUP", "1"},   {"CONT", "18"}, {"ALRM", "14"}};
	const char *colon = strchr(value, ':'), *signal = colon ? colon + 1 : value, *at;
	size_t len;

	signal += strncmp(signal, "SIG", 3) ? 0 : 3;
	len = strcspn(signal, "@");
	at = signal[len] ? signal + len + 1 : "60";
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		const char *const names[] = {signals[i].name, signals[i].number};

		for (size_t k = 0; k < 2; k++)
			if (strlen(names[k]) == len && !strncmp(names[k], signal, len))
				return mem_printf("checkpoint: {signal: %s, before: %ss}",
						  signals[i].name, at);
	}
	return NULL;
}

/* Returns the axis that has the indices of a job array: of "0-9:2" or of "1,3,7", either with a
 * limit as in "%4"; NULL for other values. The caller frees it. */
static char *format_axis(const char *value)
{
	int len = (int)strcspn(value, "%"), n = 0;
	unsigned from, to, step = 1;
	struct buf b = {0};

	if (sscanf(value, "%u-%u%n:%u%n", &from, &to, &n, &step, &n) >= 2 && n == len) {
		buf_addf(&b, "params: {task: {from: %u, to: %u, step: %u}}", from, to, step);
	} else if (len && strspn(value, "0123456789,") == (size_t)len) {
		buf_addstr(&b, "params: {task: [");
		for (int i = 0; i < len; i++)
			buf_addf(&b, value[i] == ',' ? "%c " : "%c", value[i]);
		buf_addstr(&b, "]}");
	}
	if (b.len && value[len])
		buf_addf(&b, " and limit: %s", value + len + 1);
	return b.len ? buf_take(&b) : NULL;
}

static void refuse_directive(const struct source *s, const struct directive *d, struct pos pos)
{
	const char *name = d->opt->name, *value = d->value ? d->value : "";
	char *key = !strcmp(name, "signal")  ? format_checkpoint(value)
		    : !strcmp(name, "array") ? format_axis(value)
					     : NULL;

	if (key)
		complaint_error(
			s->list, pos,
			"slurmq sets '--%s' itself: remove it, and write in the sweep file: %s",
			name, key);
	else
		complaint_error(s->list, pos, "slurmq sets '--%s' itself: %s", name,
				d->opt->instead);
	free(key);
}

static bool has_option(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->n; i++)
		if (!strcmp(settings->v[i].name, name))
			return true;
	return false;
}

/* Warns about a value that sbatch refuses by its form, and about a time limit that is too short for
 * `checkpoint`. */
static void warn_form(const struct source *s, const struct directive *d, struct pos pos)
{
	struct buf instead = {0};

	if (d->value && !sbatch_form(d->opt->name, d->value, &instead))
		complaint_warn(s->list, pos, "sbatch refuses '--%s=%s': %s", d->opt->name, d->value,
			       buf_str(&instead));
	else if (d->value && !strcmp(d->opt->name, "time") &&
		 !has_option(&s->sweep->sbatch, "time"))
		sweep_warn_notice(s->sweep, d->value, pos, s->list);
	buf_release(&instead);
}

static bool turns_off(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->n; i++)
		if (settings->v[i].kind == SETTING_OFF && !strcmp(settings->v[i].name, name))
			return true;
	return false;
}

/* Warns about an option that is false in the sweep file, which cannot remove it from the script. */
static void warn_off(const struct source *s, const struct directive *d, struct pos pos)
{
	const struct sweep *sweep = s->sweep;
	bool off = turns_off(&sweep->sbatch, d->opt->name);

	for (size_t i = 0; i < sweep->noverrides; i++)
		off = off || turns_off(&sweep->overrides[i].sbatch, d->opt->name);
	for (size_t i = 0; i < sweep->nspaces; i++)
		off = off || turns_off(&sweep->spaces[i].sbatch, d->opt->name);
	if (off)
		complaint_warn(s->list, pos,
			       "'%s: false' in the sweep file does not remove this option: remove "
			       "it here, and write it in 'sbatch' or 'overrides'",
			       d->opt->name);
}

/* The directives of a script, and the option before the current one. */
struct directives_check {
	const struct source *source;
	size_t line;
	bool unknown; /* that option is none that slurmq knows */
	const struct sbatch_opt *opt;
	char *value;
};

static void remember_option(struct directives_check *c, const struct directive *d)
{
	free(c->value);
	c->line = d->line;
	c->unknown = !d->opt && d->word[0] == '-';
	c->opt = d->opt;
	c->value = d->opt && d->value ? mem_strdup(d->value) : NULL;
}

static void warn_unknown_option(const struct source *s, const struct directive *d, struct pos pos)
{
	size_t len = strcspn(d->word, "=");
	const char *near = NULL;
	char *name = mem_strndup(d->word, len);

	if (!strncmp(name, "--", 2))
		near = sbatch_guess(name + 2);
	complaint_warn(s->list, pos, "slurmq knows no option '%s' of sbatch%s%s%s", name,
		       near ? ", did you mean '--" : "", near ? near : "", near ? "'?" : "");
	free(name);
}

/* Warns about a word that is no option, which sbatch refuses (seen on Slurm 22.05.8). It may belong
 * to the value before it, as in "--mem=16 GB". */
static void warn_word(const struct directives_check *c, const struct directive *d, struct pos pos)
{
	bool follows = c->line == d->line && c->value;
	char *whole = follows ? mem_printf("%s %s", c->value, d->word) : NULL;
	struct buf instead = {0};

	if (whole && !sbatch_form(c->opt->name, whole, &instead))
		complaint_warn(c->source->list, pos, "sbatch refuses '%s' after '--%s=%s': %s",
			       d->word, c->opt->name, c->value, buf_str(&instead));
	else
		complaint_warn(c->source->list, pos,
			       "sbatch refuses '%s', which is no option: an option begins with --, "
			       "and a value with blanks is in quotes",
			       d->word);
	buf_release(&instead);
	free(whole);
}

/* Warns about a word that is no option of the table. */
static void warn_unknown(const struct directives_check *c, const struct directive *d,
			 struct pos pos)
{
	if (d->word[0] == '-' && d->word[1])
		warn_unknown_option(c->source, d, pos);
	else if (!(c->unknown && c->line == d->line)) /* it may be the value of that option */
		warn_word(c, d, pos);
}

static void check_option(const struct directives_check *c, const struct directive *d)
{
	const struct source *s = c->source;
	struct pos pos = {d->line, d->col};

	if (!d->opt && (!strcmp(d->word, "hetjob") || !strcmp(d->word, "packjob")))
		complaint_error(s->list, pos,
				"a heterogeneous job is several Slurm jobs, which slurmq cannot "
				"submit as one");
	else if (!d->opt)
		warn_unknown(c, d, pos);
	else if (!d->opt->instead) {
		warn_form(s, d, pos);
		warn_off(s, d, pos);
	} else if (!strcmp(d->opt->name, "input") && d->value && !strcmp(d->value, "/dev/null"))
		return;
	else if (d->opt->line == SBATCH_REFUSED)
		refuse_directive(s, d, pos);
	else
		complaint_warn(s->list, pos, "'--%s' has no effect: %s", d->opt->name,
			       d->opt->instead);
}

static void check_directive(void *arg, const struct directive *d)
{
	struct directives_check *c = arg;

	check_option(c, d);
	remember_option(c, d);
}

/* Warns about the options of other batch systems, which sbatch reads in a script as well. */
static void warn_foreign_lines(const struct source *s)
{
	static const char *const prefixes[] = {"#PBS ", "#BSUB ", NULL};
	const char *end = directives_end(s->text), *line = s->text;

	for (size_t number = 1; line < end; number++) {
		for (const char *const *p = prefixes; *p; p++)
			if (!strncmp(line, *p, strlen(*p)))
				complaint_warn(s->list, (struct pos){number, 1},
					       "slurmq does not read this line: write its option "
					       "as #SBATCH");
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
}

/* Returns whether the first line names a shell, whose commands can be found. */
static bool is_for_shell(const char *text)
{
	size_t len = strcspn(text, "\n");

	return len >= 2 && (!strncmp(text + len - 2, "sh", 2) || memmem(text, len, "sh ", 3));
}

/* Warns about the search for the script's own file in the answer of scontrol show job. */
static void warn_own_path(const struct source *s)
{
	const char *found = strstr(s->text, "Command=");

	if (found && strstr(s->text, "scontrol"))
		complaint_warn(s->list, batch_find_place(s, (size_t)(found - s->text)),
			       "Slurm shows 'Command=(null)' for a job of slurmq: use "
			       "$SLURM_SUBMIT_DIR, the folder that holds .slurmq");
}

void sweep_check_batch_script(const struct sweep *sweep, const char *text, size_t len,
			      struct complaint_list *list)
{
	struct source s = {.sweep = sweep, .list = list, .text = text, .len = len};
	struct directives_check c = {.source = &s};

	if (strlen(text) != len)
		complaint_error(list, (struct pos){1, 1}, "the script holds a NUL byte");
	if (strncmp(text, "#!", 2) != 0)
		complaint_error(list, (struct pos){1, 1}, "%s",
				strncmp(text + strspn(text, " \t\n"), "#!", 2) != 0
					? "the script's first line must name its interpreter, "
					  "as in #!/bin/bash; sbatch demands it, too"
					: "the script must begin with #!: remove the blanks and "
					  "lines before it");
	else if (strstr(text, "\r\n"))
		complaint_error(list, (struct pos){1, 1},
				"the lines end with CR LF, as on Windows, which sbatch refuses: "
				"remove the CR, as in sed -i 's/\\r$//' FILE");
	directives_each(text, check_directive, &c);
	free(c.value);
	warn_foreign_lines(&s);
	batch_check_variables(&s);
	warn_own_path(&s);
	if (is_for_shell(text))
		shell_commands_each(text, len, batch_warn_command, &s);
}
