#include "sweep/sweep_check_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"
#include "slurm/directive.h"
#include "sweep/shell_command.h"
#include "sweep/sweep_check_batch_internal.h"
#include "sweep/sweep_internal.h"

enum { EXECUTED_MOST = 100, COMPARED_MOST = 100, WORDS_MOST = 20 };

/* ---- places ---- */

struct pos batch_find_place(const struct source *s, size_t offset)
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
	struct pos pos = batch_find_place(s, offset);

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

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !memcmp(text + len - n, end, n);
}

/* Returns whether text[0..len) ends with -z, -n or -v as an operator of test, [ or [[. */
static bool is_after_test(const char *text, size_t len)
{
	static const char *const before[] = {"[", "test", "!", "&&", "||", "(", "-a", "-o", NULL};

	if (!ends_with(text, len, " -z ") && !ends_with(text, len, " -n ") &&
	    !ends_with(text, len, " -v "))
		return false;
	for (len -= 4; len > 0 && text[len - 1] == ' ';)
		len--;
	for (const char *const *b = before; *b; b++)
		if (ends_with(text, len, *b))
			return true;
	return false;
}

/* Returns whether the command of which text[0..len) is the begin is "unset" with other names. */
static bool is_unset(const char *text, size_t len)
{
	static const char words[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789- \t";
	size_t begin = len;

	while (begin > 0 && strchr(words, text[begin - 1]))
		begin--;
	begin += strspn(text + begin, " \t");
	return len >= begin + 6 && !strncmp(text + begin, "unset", 5) &&
	       strchr(" \t", text[begin + 5]);
}

/* Returns whether the script also works if the variable is not set: it tests that, has a default that
 * is empty or another variable, or unsets it. A constant as the default would be the same for every
 * job. */
static bool is_guarded(const char *text, size_t offset, size_t len)
{
	const char *rest = text + offset + len;
	size_t before = offset;

	if (is_unset(text, offset))
		return true;
	if (offset > 1 && text[offset - 1] == '{') {
		rest += *rest == ':';
		if (*rest == '+' ||
		    (*rest == '-' && (strchr("}$", rest[1]) || !strncmp(rest + 1, "\"$", 2))))
			return true;
	}
	while (before > 0 && strchr("\"${", text[before - 1]))
		before--;
	return is_after_test(text, before);
}

void batch_check_variables(const struct source *s)
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
			if (strlen(*n) == len && !strncmp(*n, found, len) &&
			    /* [ -n "$SLURM_RESTART_COUNT" ] is how a script finds out that it runs
			     * again, which it does without that variable */
			    (!strcmp(*n, "SLURM_RESTART_COUNT") ||
			     !is_guarded(s->text, offset, len)))
				refuse_variable(s, offset, len);
		found += len;
	}
}

/* ---- commands ---- */

/* Returns the name of a parameter in "$lr" or "${lr}", which is a variable of the shell; NULL if the
 * word is none. The caller frees it. */
static char *copy_meant_param(const struct sweep *sweep, const char *word)
{
	size_t brace = word[0] == '$' && word[1] == '{', len = strlen(word);
	char *name;

	if (word[0] != '$' || len < 2 + 2 * brace || (brace && word[len - 1] != '}'))
		return NULL;
	name = mem_strndup(word + 1 + brace, len - 1 - 2 * brace);
	if (sweep_sym_find(sweep, name) != PART_NO_SYM)
		return name;
	free(name);
	return NULL;
}

/* Returns the words from i on as a value of `script`. The caller frees it. */
static char *format_script(const struct sweep *sweep, const struct strs *words, size_t i)
{
	struct buf b = {0};

	buf_addch(&b, '[');
	for (size_t k = i; k < words->n && k < i + WORDS_MOST; k++) {
		const char *quote = strpbrk(words->v[k], "{}[],: #$\"'*&!%@`|>") ? "\"" : "";
		char *param = copy_meant_param(sweep, words->v[k]);

		buf_addstr(&b, k > i ? ", " : "");
		if (param)
			buf_addf(&b, "\"{%s}\"", param);
		else
			buf_addf(&b, "%s%s%s", quote, words->v[k], quote);
		free(param);
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

/* Returns whether scancel ends the job that calls it, and does not only send it a signal. */
static bool cancels_itself(const struct strs *words)
{
	bool own = false;

	for (size_t i = 1; i < words->n; i++) {
		const char *word = words->v[i];

		if (!strncmp(word, "-s", 2) || !strncmp(word, "--s", 3))
			return false;
		own = own || strstr(word, "SLURM_JOB_ID") || strstr(word, "SLURM_JOBID");
	}
	return own;
}

void batch_warn_command(void *arg, const struct strs *words, size_t offset)
{
	const struct source *s = arg;
	const char *slash = strrchr(words->v[0], '/'), *name = slash ? slash + 1 : words->v[0];
	char *script;

	if (!strcmp(name, "scontrol") && strs_has(words, "requeue") && !s->sweep->restartable)
		complaint_warn(s->list, batch_find_place(s, offset),
			       "Slurm refuses to requeue the job without 'restartable: true'");
	if (!strcmp(name, "scancel") && cancels_itself(words))
		complaint_warn(
			s->list, batch_find_place(s, offset),
			"a job that scancel ends counts as cancelled by a person, and submits "
			"no other job: end it with exit");
	if (strcmp(name, "sbatch") != 0)
		return;
	script = find_submitted(words) < words->n
			 ? format_script(s->sweep, words, find_submitted(words))
			 : mem_strdup("[job.sh]");
	if (s->node)
		complaint_warn(s->list, batch_find_place(s, offset),
			       "slurmq knows nothing of a job that a command submits: to run the "
			       "script as a job of the sweep, write script: %s",
			       script);
	else
		complaint_warn(s->list, batch_find_place(s, offset),
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
		complaint_warn(s->list, batch_find_place(s, 0),
			       "the #SBATCH lines of a text have no effect: write their options in "
			       "'sbatch', or the name of a file with the text in 'script'");
	strs_release(&options);
}

static void check_text(const struct source *source)
{
	struct source s = *source;

	s.text = s.node->text;
	s.len = s.node->len;
	batch_check_variables(&s);
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
		shell_commands_each(s.text, s.len, batch_warn_command, &s);
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
			shell_commands_each(s.text, s.len, batch_warn_command, &s);
		else
			shell_command_each(&words, batch_warn_command, &s);
		strs_release(&words);
	}
}

/* ---- files that commands execute ---- */

struct executed {
	const struct source *source;
	struct sweep_executed_list *out;
	bool setup;
	bool moved; /* a relative path is not one from the sweep file's folder any more */
};

static bool changes_folder(const struct strs *words)
{
	return (!strcmp(words->v[0], "cd") || !strcmp(words->v[0], "pushd")) &&
	       !(words->n == 2 && !strcmp(words->v[1], "."));
}

static void add_executed(void *arg, const struct strs *words, size_t offset)
{
	struct executed *x = arg;
	struct sweep_executed_list *out = x->out;
	size_t i = shell_command_file(words);

	x->moved = x->moved || changes_folder(words);
	if (i >= words->n || !*words->v[i] || (x->moved && words->v[i][0] != '/') ||
	    out->n == EXECUTED_MOST)
		return;
	if (out->n == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 8;
		out->v = mem_grow(out->v, out->cap, sizeof(*out->v));
	}
	out->v[out->n++] = (struct sweep_executed){
		.path = mem_strdup(words->v[i]),
		.pos = batch_find_place(x->source, offset),
		.as_script = x->setup ? NULL : format_script(x->source->sweep, words, i)};
}

static void list_executed_by(const struct command *run, struct source *s, struct executed *x)
{
	struct strs words = {0};

	if (run->n == 0)
		return;
	s->node = run->words[0].node;
	add_words_of(run, &words);
	if (run->kind == COMMAND_SCRIPT)
		shell_commands_each(s->node->text, s->node->len, add_executed, x);
	else
		shell_command_each(&words, add_executed, x);
	strs_release(&words);
}

void sweep_list_executed(const struct sweep *sweep, struct sweep_executed_list *out)
{
	struct source s = {.sweep = sweep, .node = sweep->setup.node};
	struct executed x = {.source = &s, .out = out, .setup = true};
	bool moved;

	for (size_t i = 0; i < sweep->sbatch.n; i++)
		x.moved = x.moved || !strcmp(sweep->sbatch.v[i].name, "chdir");
	if (s.node)
		shell_commands_each(s.node->text, s.node->len, add_executed, &x);
	moved = x.moved;
	x.setup = false;
	for (size_t i = 0; i < sweep->nsteps && !sweep->script_name; i++) {
		x.moved = moved;
		list_executed_by(&sweep->steps[i].run, &s, &x);
	}
}

void sweep_check_executed(const struct sweep_executed *e, const char *text,
			  struct complaint_list *list)
{
	struct strs options = {0};

	directives_list(text, &options);
	if (options.n && e->as_script)
		complaint_warn(list, e->pos,
			       "the #SBATCH lines of '%s' have no effect here: write script: %s",
			       e->path, e->as_script);
	else if (options.n)
		complaint_warn(list, e->pos,
			       "the #SBATCH lines of '%s' have no effect here: write their options "
			       "in 'sbatch'",
			       e->path);
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
