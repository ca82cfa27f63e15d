#include "sweep/sweep_check_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"
#include "slurm/directive.h"
#include "slurm/sbatch_form.h"
#include "sweep/shell_command.h"
#include "sweep/sweep_internal.h"

enum { EXECUTED_MOST = 100, COMPARED_MOST = 100, WORDS_MOST = 20 };

/* ---- places ---- */

/* A text that is checked: a scalar of the sweep file, or a whole file. */
struct source {
	const struct sweep *sweep;
	struct complaint_list *list;
	const struct node *node; /* NULL: a file */
	const char *text;
	size_t len;
};

static struct pos find_place(const struct source *s, size_t offset)
{
	struct pos pos = {1, 1};

	if (s->list && s->list->n >= COMPLAINT_KEPT) /* further complaints are only counted */
		return pos;
	if (s->node)
		return node_locate(s->sweep->doc, s->node, offset);
	for (size_t i = 0; i < offset; i++) {
		pos.col++;
		if (s->text[i] == '\n')
			pos = (struct pos){pos.line + 1, 1};
	}
	return pos;
}

/* Calls fn for each text that a command, setup, env or let of the sweep has. */
static void each_setting(const struct settings *s, struct source *source,
			 void (*fn)(const struct source *source))
{
	for (size_t i = 0; i < s->n; i++) {
		source->node = s->v[i].value.node;
		if (source->node)
			fn(source);
	}
}

static void each_field(const struct sweep *sweep, struct complaint_list *list,
		       void (*fn)(const struct source *source))
{
	struct source source = {.sweep = sweep, .list = list, .node = sweep->setup.node};

	if (source.node)
		fn(&source);
	for (size_t i = 0; i < sweep->nsteps; i++) {
		for (size_t w = 0; w < sweep->steps[i].run.n; w++) {
			source.node = sweep->steps[i].run.words[w].node;
			fn(&source);
		}
	}
	each_setting(&sweep->env, &source, fn);
	each_setting(&sweep->sbatch, &source, fn);
	for (size_t i = 0; i < sweep->noverrides; i++)
		each_setting(&sweep->overrides[i].env, &source, fn);
	for (size_t i = 0; i < sweep->nspaces; i++) {
		each_setting(&sweep->spaces[i].env, &source, fn);
		each_setting(&sweep->spaces[i].sbatch, &source, fn);
	}
	for (size_t i = 0; i < sweep->lets.n; i++) {
		source.node = sweep->lets.v[i].text.node;
		if (source.node)
			fn(&source);
	}
}

/* ---- variables that Slurm sets, but not in a job of slurmq ---- */

static bool is_whole_axis(const struct axis *axis)
{
	int64_t n;

	if (axis->kind == AXIS_RANGE)
		return number_to_int(axis->range.from, &n) && number_to_int(axis->range.to, &n);
	for (size_t i = 0; i < axis->values.n && i < COMPARED_MOST; i++)
		if (!number_to_int(axis->values.v[i], &n))
			return false;
	return axis->values.n > 1;
}

/* Returns the parameter that most likely stands for the index of a job array: the first one of
 * whole numbers, otherwise the first one; NULL if there is none. */
static const char *find_index_param(const struct sweep *sweep)
{
	const char *first = NULL;

	for (size_t g = 0; g < sweep->groups.n; g++) {
		for (size_t a = 0; a < sweep->groups.v[g]->n; a++) {
			const struct axis *axis = &sweep->groups.v[g]->axes[a];

			if (is_whole_axis(axis))
				return axis->name;
			first = first ? first : axis->name;
		}
	}
	return first;
}

/* Refuses a variable, or warns about it: names what to write in its place. */
static void refuse_variable(const struct source *s, size_t offset, size_t len)
{
	const char *param = find_index_param(s->sweep);
	const char *name = s->text + offset;
	char *variable = mem_printf("SLURMQ_PARAM_%s", param ? param : "task");
	struct pos pos = find_place(s, offset);

	for (char *c = variable; *c; c++)
		*c = *c == '.' || *c == '-' ? '_' : *c;
	if (!strncmp(name, "SLURM_RESTART_COUNT", len))
		complaint_warn(s->list, pos,
			       "%.*s is not set in a job of slurmq, which runs a job again as "
			       "another Slurm job: use $SLURMQ_ATTEMPT, which is 1 at first",
			       (int)len, name);
	else if (!strncmp(name, "SLURM_ARRAY_JOB_ID", len))
		complaint_error(s->list, pos,
				"%.*s is not set in a job of slurmq: use $SLURMQ_SWEEP, or "
				"$SLURMQ_JOB_ID",
				(int)len, name);
	else if (s->node)
		complaint_error(s->list, pos,
				"%.*s is not set in a job of slurmq: use {%s}, or $%s%s", (int)len,
				name, param ? param : "task", variable,
				param ? "" : ", with params: {task: [0, 1, 2]}");
	else
		complaint_error(
			s->list, pos,
			"%.*s is not set in a job of slurmq: use $%s, or an argument, as in script: "
			"[%s, \"{%s}\"]%s",
			(int)len, name, variable, s->sweep->script_name, param ? param : "task",
			param ? "" : ", with params: {task: [0, 1, 2]}");
	free(variable);
}

static void check_slurm_variables(const struct source *s)
{
	static const char prefix[] = "SLURM_";
	static const char *const names[] = {"SLURM_ARRAY_TASK_ID",   "SLURM_ARRAY_TASK_COUNT",
					    "SLURM_ARRAY_TASK_MIN",  "SLURM_ARRAY_TASK_MAX",
					    "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_JOB_ID",
					    "SLURM_RESTART_COUNT",   NULL};
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	const char *found = s->text, *seen = s->text;
	bool comment = false, quoted = false; /* in this line, before seen */

	while ((found = strstr(found, prefix))) {
		size_t len = strspn(found, letters), offset = (size_t)(found - s->text);
		bool inside = offset > 0 && strchr(letters, found[-1]);

		for (; seen < found; seen++) {
			bool begins = seen == s->text || strchr(" \t\n;", seen[-1]);

			quoted = *seen != '\n' && (quoted || strchr("'\"`", *seen));
			comment = *seen != '\n' && (comment || (*seen == '#' && begins && !quoted));
		}
		for (const char *const *n = names; *n && !inside && !comment; n++)
			if (strlen(*n) == len && !strncmp(*n, found, len))
				refuse_variable(s, offset, len);
		found += len;
	}
}

/* ---- commands ---- */

/* Returns the words from i on as a value of `script`. The caller frees it. */
static char *format_script(const struct strs *words, size_t i)
{
	struct buf b = {0};

	buf_addch(&b, '[');
	for (size_t k = i; k < words->n && k < i + WORDS_MOST; k++) {
		const char *quote = strpbrk(words->v[k], "{}[],: #$\"'*&!%@`|>") ? "\"" : "";

		buf_addf(&b, "%s%s%s%s", k > i ? ", " : "", quote, words->v[k], quote);
	}
	buf_addstr(&b, words->n > i + WORDS_MOST ? ", ...]" : "]");
	return buf_take(&b);
}

/* Returns the index of the script in "sbatch -n 4 --mem=1G job.sh", or words->n if there is
 * none. */
static size_t find_submitted(const struct strs *words)
{
	size_t i = 1;

	for (; i < words->n && words->v[i][0] == '-'; i++) {
		const char *word = words->v[i];
		const struct sbatch_opt *opt =
			word[1] == '-' ? sbatch_find(word + 2) : sbatch_by_letter(word[1]);

		if (opt && opt->arg == SBATCH_ARG_NEEDED && (word[1] == '-' || !word[2]))
			i++;
	}
	return i;
}

static void warn_command(void *arg, const struct strs *words, size_t offset)
{
	const struct source *s = arg;
	const char *slash = strrchr(words->v[0], '/'), *name = slash ? slash + 1 : words->v[0];
	char *script;

	if (!strcmp(name, "scontrol") && strs_has(words, "requeue") && !s->sweep->restartable)
		complaint_warn(s->list, find_place(s, offset),
			       "Slurm refuses to requeue the job without 'restartable: true'");
	if (strcmp(name, "sbatch") != 0)
		return;
	script = find_submitted(words) < words->n ? format_script(words, find_submitted(words))
						  : mem_strdup("[job.sh]");
	if (s->node)
		complaint_warn(s->list, find_place(s, offset),
			       "slurmq knows nothing of a job that a command submits: to run the "
			       "script as a job of the sweep, write script: %s",
			       script);
	else
		complaint_warn(s->list, find_place(s, offset),
			       "slurmq knows nothing of a job that the script submits; to run a "
			       "failed job again, use 'retry' of the sweep file");
	free(script);
}

static void add_words_of(const struct command *run, struct strs *words)
{
	for (size_t w = 0; w < run->n; w++)
		strs_add(words, run->words[w].node->text);
}

/* Warns about a batch script that was pasted as a text. */
static void warn_directives(const struct source *s)
{
	struct strs options = {0};

	directives_list(s->text, &options);
	if (options.n)
		complaint_warn(s->list, find_place(s, 0),
			       "the #SBATCH lines of a text have no effect: write their options in "
			       "'sbatch', or the name of a file with the text in 'script'");
	strs_release(&options);
}

static void check_text(const struct source *source)
{
	struct source s = *source;

	s.text = s.node->text;
	s.len = s.node->len;
	check_slurm_variables(&s);
	warn_directives(&s);
}

void sweep_check_commands(const struct sweep *sweep, struct complaint_list *list)
{
	struct source s = {.sweep = sweep, .list = list};

	each_field(sweep, list, check_text);
	if (sweep->setup.node) {
		s.node = sweep->setup.node;
		s.text = s.node->text;
		s.len = s.node->len;
		shell_commands_each(s.text, s.len, warn_command, &s);
	}
	for (size_t i = 0; i < sweep->nsteps && !sweep->script_name; i++) {
		const struct command *run = &sweep->steps[i].run;
		struct strs words = {0};

		if (run->n == 0)
			continue;
		s.node = run->words[0].node;
		s.text = s.node->text;
		s.len = s.node->len;
		add_words_of(run, &words);
		if (run->kind == COMMAND_SCRIPT)
			shell_commands_each(s.text, s.len, warn_command, &s);
		else
			warn_command(&s, &words, 0);
		strs_release(&words);
	}
}

/* ---- files that commands execute ---- */

struct executed {
	const struct source *source;
	struct sweep_executed_list *out;
};

static void add_executed(void *arg, const struct strs *words, size_t offset)
{
	struct executed *x = arg;
	struct sweep_executed_list *out = x->out;
	size_t i = shell_command_file(words);

	if (i >= words->n || !*words->v[i] || out->n == EXECUTED_MOST)
		return;
	if (out->n == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 8;
		out->v = mem_grow(out->v, out->cap, sizeof(*out->v));
	}
	out->v[out->n++] = (struct sweep_executed){.path = mem_strdup(words->v[i]),
						   .pos = find_place(x->source, offset),
						   .as_script = format_script(words, i)};
}

void sweep_list_executed(const struct sweep *sweep, struct sweep_executed_list *out)
{
	for (size_t i = 0; i < sweep->nsteps && !sweep->script_name; i++) {
		const struct command *run = &sweep->steps[i].run;
		struct source s = {.sweep = sweep};
		struct executed x = {&s, out};
		struct strs words = {0};

		if (run->n == 0)
			continue;
		s.node = run->words[0].node;
		add_words_of(run, &words);
		if (run->kind == COMMAND_SCRIPT)
			shell_commands_each(s.node->text, s.node->len, add_executed, &x);
		else
			add_executed(&x, &words, 0);
		strs_release(&words);
	}
}

void sweep_check_executed(const struct sweep_executed *e, const char *text,
			  struct complaint_list *list)
{
	struct strs options = {0};

	directives_list(text, &options);
	if (options.n)
		complaint_warn(list, e->pos,
			       "the #SBATCH lines of '%s' have no effect here: write script: %s",
			       e->path, e->as_script);
	strs_release(&options);
}

void sweep_executed_release(struct sweep_executed_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		free(l->v[i].as_script);
	}
	free(l->v);
	memset(l, 0, sizeof(*l));
}

/* ---- the batch script ---- */

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

/* Warns about a value that sbatch refuses by its form. */
static void warn_form(const struct source *s, const struct directive *d, struct pos pos)
{
	struct buf instead = {0};

	if (d->value && !sbatch_form(d->opt->name, d->value, &instead))
		complaint_warn(s->list, pos, "sbatch refuses '--%s=%s': %s", d->opt->name, d->value,
			       buf_str(&instead));
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

static void check_directive(void *arg, const struct directive *d)
{
	const struct source *s = arg;
	struct pos pos = {d->line, d->col};

	if (!d->opt && (!strcmp(d->word, "hetjob") || !strcmp(d->word, "packjob")))
		complaint_error(s->list, pos,
				"a heterogeneous job is several Slurm jobs, which slurmq cannot "
				"submit as one");
	else if (!d->opt)
		return;
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
		complaint_warn(s->list, find_place(s, (size_t)(found - s->text)),
			       "Slurm shows 'Command=(null)' for a job of slurmq: use "
			       "$SLURM_SUBMIT_DIR, the folder that holds .slurmq");
}

void sweep_check_batch_script(const struct sweep *sweep, const char *text, size_t len,
			      struct complaint_list *list)
{
	struct source s = {.sweep = sweep, .list = list, .text = text, .len = len};

	if (strlen(text) != len)
		complaint_error(list, (struct pos){1, 1}, "the script holds a NUL byte");
	if (strncmp(text, "#!", 2) != 0)
		complaint_error(list, (struct pos){1, 1},
				"the script's first line must name its interpreter, as in "
				"#!/bin/bash; sbatch demands it, too");
	else if (strstr(text, "\r\n"))
		complaint_error(list, (struct pos){1, 1},
				"the lines end with CR LF, as on Windows, which sbatch refuses: "
				"remove the CR, as in sed -i 's/\\r$//' FILE");
	directives_each(text, check_directive, &s);
	warn_foreign_lines(&s);
	check_slurm_variables(&s);
	warn_own_path(&s);
	if (is_for_shell(text))
		shell_commands_each(text, len, warn_command, &s);
}
