#include "sweep/sweep_warn.h"

#include <stdlib.h>
#include <string.h>

#include "sweep/sweep_internal.h"
#include "sweep/template_bash.h"

/* A name in a text that stays as it is, or that bash replaces by nothing, although it is the name of
 * a parameter; and parameters that no text uses. */

/* Flags of a symbol: it is a parameter or a let; some text uses it; it is also a variable of the shell;
 * a warning named it. */
enum { DEFINED = 1, USED = 2, SET = 4, TOLD = 8 };

struct names {
	const struct sweep *sweep;
	struct complaint_list *list;
	unsigned char *flags;	/* by symbol */
	bool setting;		/* the text is a value of env or sbatch */
	struct template script; /* the names in the text of `script` */
};

/* Calls fn for each text with placeholders; step: the step whose command it is, or NULL. */
typedef void field_fn(struct names *n, const struct field *field, const struct step *step);

static void visit_field(struct names *n, const struct field *field, const struct step *step,
			field_fn *fn)
{
	if (field->node)
		fn(n, field, step);
}

static void visit_settings(struct names *n, const struct settings *s, field_fn *fn)
{
	n->setting = true;
	for (size_t i = 0; i < s->n; i++)
		visit_field(n, &s->v[i].value, NULL, fn);
	n->setting = false;
}

static void visit_lets(struct names *n, const struct lets *lets, field_fn *fn)
{
	for (size_t i = 0; i < lets->n; i++) {
		visit_field(n, &lets->v[i].text, NULL, fn);
		for (size_t k = 0; k < lets->v[i].ncases; k++)
			visit_field(n, &lets->v[i].cases[k].text, NULL, fn);
	}
}

static void visit_fields(struct names *n, field_fn *fn)
{
	const struct sweep *sweep = n->sweep;

	visit_lets(n, &sweep->lets, fn);
	visit_settings(n, &sweep->sbatch, fn);
	visit_settings(n, &sweep->env, fn);
	for (size_t i = 0; i < sweep->noverrides; i++) {
		visit_settings(n, &sweep->overrides[i].sbatch, fn);
		visit_settings(n, &sweep->overrides[i].env, fn);
	}
	for (size_t i = 0; i < sweep->nspaces; i++) {
		visit_lets(n, &sweep->spaces[i].lets, fn);
		visit_settings(n, &sweep->spaces[i].sbatch, fn);
		visit_settings(n, &sweep->spaces[i].env, fn);
	}
	visit_field(n, &sweep->setup, NULL, fn);
	visit_field(n, &sweep->title, NULL, fn);
	for (size_t i = 0; i < sweep->nsteps; i++)
		for (size_t w = 0; w < sweep->steps[i].run.n; w++)
			visit_field(n, &sweep->steps[i].run.words[w], &sweep->steps[i], fn);
}

/* ---- which names there are ---- */

static void define_lets(struct names *n, const struct lets *lets)
{
	for (size_t i = 0; i < lets->n; i++)
		n->flags[lets->v[i].sym] |= DEFINED;
}

static void define_names(struct names *n)
{
	const struct sweep *sweep = n->sweep;

	for (size_t g = 0; g < sweep->groups.n; g++)
		for (size_t a = 0; a < sweep->groups.v[g]->n; a++)
			n->flags[sweep->groups.v[g]->axes[a].sym] |= DEFINED;
	define_lets(n, &sweep->lets);
	for (size_t i = 0; i < sweep->nspaces; i++)
		define_lets(n, &sweep->spaces[i].lets);
}

/* Returns the symbol of a name that is defined; PART_NO_SYM if there is none. */
static size_t find_defined(const struct names *n, const char *name, size_t len)
{
	const struct strs *syms = &n->sweep->syms;

	for (size_t sym = 0; sym < syms->n; sym++)
		if (!strncmp(syms->v[sym], name, len) && !syms->v[sym][len] &&
		    (n->flags[sym] & DEFINED))
			return sym;
	return PART_NO_SYM;
}

/* ---- which names are used ---- */

static void use_groups(struct names *n, const struct groups *groups)
{
	for (size_t g = 0; g < groups->n; g++)
		for (size_t a = 0; a < groups->v[g]->n; a++)
			n->flags[groups->v[g]->axes[a].sym] |= USED;
}

static void use_job_params(struct names *n)
{
	use_groups(n, &n->sweep->base.groups);
	for (size_t i = 0; i < n->sweep->nspaces; i++)
		use_groups(n, &n->sweep->spaces[i].groups);
}

static void use_all_params(struct names *n)
{
	use_job_params(n);
	for (size_t i = 0; i < n->sweep->nsteps; i++)
		use_groups(n, &n->sweep->steps[i].groups);
}

/* Returns whether the environment variable of a parameter has this name without SLURMQ_PARAM_. */
static bool is_variable_of(const char *param, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool plain = param[i] != '.' && param[i] != '-';

		if (!param[i] || name[i] != (plain ? param[i] : '_'))
			return false;
	}
	return !param[len];
}

/* Marks the parameters whose variables a text names: SLURMQ_PARAM_lr, or SLURMQ_PARAMS for all. A
 * name that is none of these may be built by a program, so it also stands for all. */
static void use_variables(struct names *n, const char *text)
{
	static const char prefix[] = "SLURMQ_PARAM";
	const struct strs *syms = &n->sweep->syms;

	while ((text = strstr(text, prefix))) {
		bool found = false;
		size_t len = 0;

		text += sizeof(prefix) - 1;
		if (*text == '_')
			text++;
		while (template_name_char(text[len], false) && text[len] != '.' && text[len] != '-')
			len++;
		for (size_t sym = 0; text[-1] == '_' && sym < syms->n; sym++) {
			if (!is_variable_of(syms->v[sym], text, len))
				continue;
			n->flags[sym] |= USED;
			found = true;
		}
		if (!found)
			use_all_params(n);
	}
}

static void use_field(struct names *n, const struct field *field, const struct step *step)
{
	const struct template *t = &field->t;

	for (size_t i = 0; i < t->n; i++) {
		const struct part *p = &t->parts[i];

		if (p->kind == PART_VALUE) {
			n->flags[p->sym] |= USED;
		} else if (p->kind == PART_ARGS || p->kind == PART_KV) {
			use_job_params(n);
			if (step)
				use_groups(n, &step->groups);
		}
	}
	use_variables(n, field->node->text);
}

static void use_rule(struct names *n, const struct rule *rule)
{
	for (size_t i = 0; i < rule->n; i++)
		n->flags[rule->conds[i].sym] |= USED;
}

static void use_lets(struct names *n, const struct lets *lets)
{
	for (size_t i = 0; i < lets->n; i++)
		if (lets->v[i].by)
			n->flags[lets->v[i].by_sym] |= USED;
}

/* Marks the names that change what a job runs. A parameter that only `exclude` of the sweep names
 * does not. */
static void mark_used(struct names *n)
{
	const struct sweep *sweep = n->sweep;

	visit_fields(n, use_field);
	if (sweep->read_by_program)
		use_all_params(n);
	if (sweep->script)
		use_variables(n, sweep->script);
	use_lets(n, &sweep->lets);
	for (size_t i = 0; i < sweep->nspaces; i++)
		use_lets(n, &sweep->spaces[i].lets);
	for (size_t i = 0; i < sweep->noverrides; i++)
		use_rule(n, &sweep->overrides[i].when);
	for (size_t i = 0; i < sweep->nsteps; i++)
		for (size_t k = 0; k < sweep->steps[i].exclude.n; k++)
			use_rule(n, &sweep->steps[i].exclude.v[k]);
}

/* ---- names that are variables of a shell ---- */

static void set_names(struct names *n, const char *text, const struct template *t)
{
	for (size_t i = 0; i < t->nnames; i++) {
		size_t sym = t->names[i].set
				     ? find_defined(n, text + t->names[i].offset, t->names[i].len)
				     : PART_NO_SYM;

		if (sym != PART_NO_SYM)
			n->flags[sym] |= SET;
	}
}

static void set_field(struct names *n, const struct field *field, const struct step *step)
{
	(void)step;
	set_names(n, field->node->text, &field->t);
}

static void set_env(struct names *n, const struct settings *env)
{
	for (size_t i = 0; i < env->n; i++) {
		size_t sym = find_defined(n, env->v[i].name, strlen(env->v[i].name));

		if (sym != PART_NO_SYM)
			n->flags[sym] |= SET;
	}
}

/* Marks the names that are also variables of the environment or of a script. */
static void mark_set(struct names *n)
{
	const struct sweep *sweep = n->sweep;

	visit_fields(n, set_field);
	if (sweep->script)
		set_names(n, sweep->script, &n->script);
	set_env(n, &sweep->env);
	for (size_t i = 0; i < sweep->nspaces; i++)
		set_env(n, &sweep->spaces[i].env);
	for (size_t i = 0; i < sweep->noverrides; i++)
		set_env(n, &sweep->overrides[i].env);
	for (size_t sym = 0; sym < sweep->syms.n; sym++)
		if (getenv(sweep->syms.v[sym]))
			n->flags[sym] |= SET;
}

/* Warns about variables of bash in a text that have the name of a parameter and no value. */
static void warn_variables(struct names *n, const struct field *field)
{
	for (size_t i = 0; i < field->t.nnames; i++) {
		const struct shell_name *name = &field->t.names[i];
		const char *text = field->node->text + name->offset;
		size_t sym = name->set ? PART_NO_SYM : find_defined(n, text, name->len);
		int len = (int)name->len;
		struct pos pos;

		if (sym == PART_NO_SYM || (n->flags[sym] & SET))
			continue;
		n->flags[sym] |= TOLD;
		pos = node_locate(n->sweep->doc, field->node,
				  name->arithmetic  ? name->offset
				  : text[-1] == '{' ? name->offset - 2
						    : name->offset - 1);
		if (name->arithmetic)
			complaint_warn(
				n->list, pos,
				"'%.*s' is a variable of the shell here, which is not set and "
				"counts as 0: write %.*s={%.*s} on a line before",
				len, text, len, text, len, text);
		else
			complaint_warn(n->list, pos,
				       "'$%.*s' is a variable of the shell, which is not set here: "
				       "write {%.*s} for the parameter",
				       len, text, len, text);
	}
}

/* Returns whether name i of a text is SLURMQ_PARAM_x, and no parameter has that variable, nor does the
 * text set it. */
static bool is_unknown_variable(const struct names *n, const char *text, const struct template *t,
				size_t i)
{
	static const char prefix[] = "SLURMQ_PARAM_";
	const size_t skip = sizeof(prefix) - 1, len = t->names[i].len;
	const char *name = text + t->names[i].offset;
	const struct strs *syms = &n->sweep->syms;

	if (t->names[i].set || len <= skip || strncmp(name, prefix, skip) != 0)
		return false;
	for (size_t sym = 0; sym < syms->n; sym++)
		if (is_variable_of(syms->v[sym], name + skip, len - skip))
			return false;
	for (size_t k = 0; k < t->nnames; k++)
		if (t->names[k].set && t->names[k].len == len &&
		    !strncmp(text + t->names[k].offset, name, len))
			return false;
	return true;
}

static void warn_unknown_variables(struct names *n, const struct field *field)
{
	const char *text = field->node->text;

	for (size_t i = 0; i < field->t.nnames; i++)
		if (is_unknown_variable(n, text, &field->t, i))
			complaint_warn(
				n->list,
				node_locate(n->sweep->doc, field->node, field->t.names[i].offset),
				"no parameter has the variable %.*s, which is empty",
				(int)field->t.names[i].len, text + field->t.names[i].offset);
}

static void warn_unknown_in_script(struct names *n, const char *script)
{
	const struct template *t = &n->script;

	for (size_t i = 0; i < t->nnames; i++) {
		size_t line = 1;

		if (!is_unknown_variable(n, script, t, i))
			continue;
		for (size_t k = 0; k < t->names[i].offset; k++)
			line += script[k] == '\n';
		complaint_warn(n->list, n->sweep->script_pos,
			       "line %zu of the script uses %.*s, which is empty: no parameter has "
			       "that variable",
			       line, (int)t->names[i].len, script + t->names[i].offset);
	}
}

static bool is_shell_script(const char *script)
{
	return memmem(script, strcspn(script, "\n"), "sh", 2) != NULL;
}

static bool has_export(const struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, "export"))
			return true;
	return false;
}

/* Does the same for the text of `script`, which has no placeholders. */
static void warn_script(struct names *n)
{
	const struct template *t = &n->script;
	const char *script = n->sweep->script;

	if (!script || !is_shell_script(script))
		return;
	warn_unknown_in_script(n, script);
	if (has_export(&n->sweep->sbatch))
		return;
	for (size_t i = 0; i < t->nnames; i++) {
		const char *text = script + t->names[i].offset;
		size_t line = 1,
		       sym = t->names[i].set ? PART_NO_SYM : find_defined(n, text, t->names[i].len);

		if (sym == PART_NO_SYM || (n->flags[sym] & (SET | USED | TOLD)))
			continue;
		n->flags[sym] |= TOLD;
		for (const char *at = script; at < text; at++)
			line += *at == '\n';
		complaint_warn(n->list, n->sweep->script_pos,
			       "line %zu of the script uses '%s', which is not set there: the "
			       "parameter is $SLURMQ_PARAM_%s",
			       line, n->sweep->syms.v[sym], n->sweep->syms.v[sym]);
	}
}

/* ---- names in braces that are no placeholders ---- */

/* Returns whether the text up to a brace is a format of Python: "03d", ".2e". */
static bool is_format(const char *spec)
{
	size_t len = strspn(spec, "0123456789.,+<>^=");

	if (len && spec[0] == '0' && spec[len] == '}')
		return true;
	return spec[len] && strchr("bcdeEfFgGnosxX%", spec[len]) && spec[len + 1] == '}';
}

/* Returns whether a program in the text replaces such braces itself. */
static bool formats_itself(const char *text)
{
	return strstr(text, "f'") || strstr(text, "f\"") || strstr(text, "f\\\"") ||
	       strstr(text, ".format(");
}

/* Returns the length of a text at a brace or percent sign that seems to be meant as a placeholder of
 * a name: {lr:.2f}, {{ lr }}; also, if `any`, { lr }, {{lr}} and %(lr)s. formats: {lr:.2f}
 * counts. Sets *name and *len to the name. */
static size_t find_other_form(const char *text, bool any, bool formats, const char **name,
			      size_t *len)
{
	size_t opening = strspn(text, "{"), blanks, end;
	bool percent = !strncmp(text, "%(", 2);

	if (percent)
		opening = 2;
	blanks = strspn(text + opening, " ");
	*name = text + opening + blanks;
	for (*len = 0; template_name_char((*name)[*len], *len == 0);)
		++*len;
	end = opening + blanks + *len;
	if (*len == 0 || opening > 2)
		return 0;
	if (percent)
		return any && !blanks && !strncmp(text + end, ")s", 2) ? end + 2 : 0;
	if (opening == 1 && !blanks && text[end] == ':')
		return formats && is_format(text + end + 1) ? end + strcspn(text + end, "}") + 1
							    : 0;
	blanks += strspn(text + end, " ");
	end += strspn(text + end, " ");
	if (strncmp(text + end, "}}", opening) != 0)
		return 0;
	return (any && (opening == 2 || blanks)) || (opening == 2 && blanks) ? end + opening : 0;
}

/* Warns about what seems to be a placeholder in the form of another tool. */
static void warn_forms(struct names *n, const struct field *field)
{
	const char *text = field->node->text, *name;
	bool formats = !formats_itself(text);

	for (size_t i = 0, len, name_len; text[i += strcspn(text + i, "{%")];
	     i += len ? len : strspn(text + i, "{%")) {
		size_t sym;

		len = find_other_form(text + i, true, formats, &name, &name_len);
		sym = len ? find_defined(n, name, name_len) : PART_NO_SYM;
		if (sym == PART_NO_SYM ||
		    !find_other_form(text + i, !(n->flags[sym] & USED), formats, &name, &name_len))
			continue;
		n->flags[sym] |= TOLD;
		complaint_warn(n->list, node_locate(n->sweep->doc, field->node, i),
			       "'%.*s' is no placeholder: write {%.*s}%s",
			       (int)(len < 80 ? len : 80), text + i, (int)name_len, name,
			       name[name_len] == ':' ? ", and list the values in the form that "
						       "you need"
						     : "");
	}
}

/* ---- $NAME in a text that no shell reads ---- */

/* Warns about it. Within a command it may be meant for the program that reads it, if the parameter is
 * used elsewhere. */
static void warn_dollars(struct names *n, const struct field *field)
{
	const char *text = field->node->text;

	for (const char *at = text; (at = strchr(at, '$')); at++) {
		size_t brace = at[1] == '{', len = 0, sym;
		const char *name = at + 1 + brace;

		while (template_name_char(name[len], len == 0) && name[len] != '.' &&
		       name[len] != '-')
			len++;
		sym = len && (!brace || name[len] == '}') ? find_defined(n, name, len)
							  : PART_NO_SYM;
		if (sym == PART_NO_SYM || (!n->setting && (n->flags[sym] & (USED | SET))))
			continue;
		n->flags[sym] |= TOLD;
		complaint_warn(n->list,
			       node_locate(n->sweep->doc, field->node, (size_t)(at - text)),
			       "'%.*s' is not replaced by the parameter: write {%.*s}",
			       (int)(1 + len + 2 * brace), at, (int)len, name);
	}
}

static void warn_field(struct names *n, const struct field *field, const struct step *step)
{
	bool script = field == &n->sweep->setup || (step && step->run.kind == COMMAND_SCRIPT);

	warn_forms(n, field);
	if (script) {
		warn_variables(n, field);
		warn_unknown_variables(n, field);
	} else {
		warn_dollars(n, field);
	}
}

/* ---- names that nothing uses ---- */

/* Returns whether the axis counts repetitions: its name says so, and its values are 1, 2, 3 or the
 * like. The jobs of such an axis may well be equal. */
static bool counts_repetitions(const struct axis *axis)
{
	static const char *const names[] = {
		"rep",	  "reps",  "repeat", "repeats", "repetition", "replicate", "replica",
		"run",	  "trial", "try",    "iter",	"iteration",  "round",	   "copy",
		"copies", "i",	   "j",	     "k",	"n",	      "index",	   "idx"};
	bool named = false;
	int64_t first = 0, value;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		named = named || !strcmp(axis->name, names[i]);
	if (!named || axis_is_drawn(axis))
		return false;
	for (size_t i = 0; i < axis->values.n; i++) {
		if (!number_to_int(axis->values.v[i], &value))
			return false;
		first = i == 0 ? value : first;
		if (value != first + (int64_t)i)
			return false;
	}
	return true;
}

static void warn_unused_axis(struct names *n, const struct axis *axis)
{
	unsigned char *flags = &n->flags[axis->sym];
	char *variable;

	/* a table often has columns for people */
	if ((*flags & (USED | TOLD)) || axis->kind == AXIS_COLUMN || counts_repetitions(axis))
		return;
	*flags |= TOLD;
	variable = mem_strdup(axis->name);
	for (char *c = variable; *c; c++)
		*c = *c == '.' || *c == '-' ? '_' : *c;
	if (n->sweep->script_name)
		complaint_warn(
			n->list, axis->pos,
			"nothing uses parameter '%s': use $SLURMQ_PARAM_%s in the script, or an "
			"argument, as in script: [%s, \"{%s}\"]; if a program reads the variable "
			"itself, write {%s} in 'title'",
			axis->name, variable, n->sweep->script_name, axis->name, axis->name);
	else
		complaint_warn(
			n->list, axis->pos,
			"nothing uses parameter '%s': write {%s} in the command; if the program "
			"reads $SLURMQ_PARAM_%s itself, write {%s} in 'title'",
			axis->name, axis->name, variable, axis->name);
	free(variable);
}

static void warn_unused_lets(struct names *n, const struct lets *lets)
{
	for (size_t i = 0; i < lets->n; i++) {
		unsigned char *flags = &n->flags[lets->v[i].sym];

		if (*flags & (USED | TOLD))
			continue;
		*flags |= TOLD;
		complaint_warn(n->list, lets->v[i].pos, "nothing uses let '%s': write {%s}",
			       lets->v[i].name, lets->v[i].name);
	}
}

static void warn_unused(struct names *n)
{
	const struct sweep *sweep = n->sweep;

	for (size_t g = 0; g < sweep->groups.n; g++)
		for (size_t a = 0; a < sweep->groups.v[g]->n; a++)
			warn_unused_axis(n, &sweep->groups.v[g]->axes[a]);
	warn_unused_lets(n, &sweep->lets);
	for (size_t i = 0; i < sweep->nspaces; i++)
		warn_unused_lets(n, &sweep->spaces[i].lets);
}

void sweep_warn_names(const struct sweep *sweep, struct complaint_list *list)
{
	struct names n = {.sweep = sweep, .list = list};
	struct template_bash_end end;

	n.flags = mem_alloc(sweep->syms.n + 1);
	if (sweep->script)
		template_bash_parse(&n.script, sweep->script, strlen(sweep->script), &end);
	define_names(&n);
	mark_used(&n);
	mark_set(&n);
	visit_fields(&n, warn_field);
	warn_script(&n);
	warn_unused(&n);
	template_release(&n.script);
	free(n.flags);
}
