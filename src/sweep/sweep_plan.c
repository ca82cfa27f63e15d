#include "sweep/sweep_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "slurm/directive.h"
#include "lib/env.h"
#include "slurm/sbatch.h"
#include "sweep/bash_start.h"
#include "sweep/policy.h"

/* The state of rendering one job. */
struct render {
	const struct sweep *sweep;
	const struct space *space;
	const char *
		*values; /* values by symbol; NULL: not known, or a let that is not needed yet */
	char **made;	 /* texts of lets by symbol */
	struct binding *args; /* the job's parameters, then the step's */
	size_t nargs;
	int64_t id;
	struct err *err;
};

static struct template_env make_env(const struct render *r)
{
	return (struct template_env){r->values, r->args, r->nargs, r->id};
}

static int make_needed_value(struct render *r, size_t sym, size_t depth);

static int check_length(struct render *r, const char *what, size_t len)
{
	if (len < SWEEP_WORD_MOST)
		return 0;
	return err_set(r->err, ERR_USAGE,
		       "sweep '%s': %s is %zu bytes long, and one argument of a program can be "
		       "128 KiB (execve(2)): put it into a file",
		       r->sweep->name, what, len);
}

/* Makes the values that a template uses, and the lets among them. Refuses values that make a
 * text too long before the text is made: nested lets could fill the memory. */
static int make_needed_values(struct render *r, const struct template *t, size_t depth)
{
	size_t len = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct part *p = &t->parts[i];

		if (p->kind == PART_TEXT) {
			len += p->len;
		} else if (p->kind == PART_VALUE) {
			if (!r->values[p->sym] && make_needed_value(r, p->sym, depth) != 0)
				return -1;
			len += strlen(r->values[p->sym]);
		}
	}
	return check_length(r, "a text", len);
}

static const struct template *find_let_text(struct render *r, const struct let *let, size_t depth)
{
	const char *by;

	if (!let->by)
		return &let->text.t;
	if (!r->values[let->by_sym] && make_needed_value(r, let->by_sym, depth) != 0)
		return NULL;
	by = r->values[let->by_sym];
	for (size_t i = 0; i < let->ncases; i++)
		if (!strcmp(let->cases[i].value, by))
			return &let->cases[i].text.t;
	err_set(r->err, ERR_USAGE, "sweep '%s': let '%s' has no entry for %s '%s'", r->sweep->name,
		let->name, let->by, by);
	return NULL;
}

static int make_let(struct render *r, const struct let *let, size_t depth)
{
	const struct template *t = find_let_text(r, let, depth);
	struct template_env env = make_env(r);
	struct buf text = {0};

	if (!t || make_needed_values(r, t, depth) != 0)
		return -1;
	template_add(t, &env, &text);
	r->made[let->sym] = buf_take(&text);
	r->values[let->sym] = r->made[let->sym];
	return 0;
}

static int make_needed_value(struct render *r, size_t sym, size_t depth)
{
	const struct let *let = sweep_let(r->sweep, r->space, sym);
	const struct axis *axis = space_axis(r->space, sym);

	if (axis && axis->fallback) {
		r->values[sym] = axis->fallback;
		return 0;
	}
	if (!let)
		return err_set(r->err, ERR_USAGE, "sweep '%s': the job has no parameter '%s'",
			       r->sweep->name, r->sweep->syms.v[sym]);
	/* circles are refused when the file is read, and the parameters of the store cannot
	 * make one */
	if (depth > r->sweep->syms.n)
		return err_set(r->err, ERR_USAGE, "sweep '%s': let '%s' refers to itself",
			       r->sweep->name, let->name);
	return make_let(r, let, depth + 1);
}

static void bind_value(struct render *r, const char *name, const char *value)
{
	size_t sym = sweep_sym_find(r->sweep, name);

	if (sym != PART_NO_SYM)
		r->values[sym] = value;
	r->args[r->nargs++] = (struct binding){name, value};
}

static int check_words(struct render *r, const char *what, const struct strs *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (check_length(r, what, strlen(words->v[i])) != 0)
			return -1;
	return 0;
}

/* The options for sbatch and the environment: those of the sweep, overridden by those of a
 * variant, then by overrides. A name keeps its first place. */

struct merged {
	const struct setting **v;
	size_t n;
};

static void merge_settings(struct merged *m, const struct settings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t at = 0;

		while (at < m->n && strcmp(m->v[at]->name, s->v[i].name) != 0)
			at++;
		if (at == m->n) {
			m->n++;
			m->v = mem_grow(m->v, m->n, sizeof(*m->v));
		}
		m->v[at] = &s->v[i];
	}
}

/* Adds NAME=VALUE. A relative path of an option of sbatch is that of a file beside the sweep
 * file. */
static void add_setting(const struct render *r, const char *prefix, const char *name,
			const char *value, struct strs *out)
{
	const struct sbatch_opt *opt = *prefix ? sbatch_find(name) : NULL;
	char *path = opt ? sbatch_make_absolute(opt, value, r->sweep->dir) : NULL;

	strs_addf(out, "%s%s=%s", prefix, name, path ? path : value);
	free(path);
}

static int add_settings(struct render *r, const struct merged *m, const char *prefix,
			struct strs *out)
{
	struct template_env env;
	struct buf value = {0};

	for (size_t i = 0; i < m->n; i++) {
		const struct setting *s = m->v[i];

		if (s->kind == SETTING_OFF)
			continue;
		if (s->kind == SETTING_FLAG) {
			strs_addf(out, "%s%s", prefix, s->name);
			continue;
		}
		if (make_needed_values(r, &s->value.t, 0) != 0) {
			buf_release(&value);
			return -1;
		}
		env = make_env(r);
		buf_clear(&value);
		if (template_add(&s->value.t, &env, &value))
			add_setting(r, prefix, s->name, buf_str(&value), out);
	}
	buf_release(&value);
	return check_words(r, "a value of sbatch or env", out);
}

static int plan_settings(struct render *r, struct plan *out)
{
	struct merged sbatch = {0}, env = {0};
	int rc;

	merge_settings(&sbatch, &r->sweep->sbatch);
	merge_settings(&sbatch, &r->space->sbatch);
	merge_settings(&env, &r->sweep->env);
	merge_settings(&env, &r->space->env);
	for (size_t i = 0; i < r->sweep->noverrides; i++) {
		const struct override *o = &r->sweep->overrides[i];

		if (!rule_holds(&o->when, r->values))
			continue;
		merge_settings(&sbatch, &o->sbatch);
		merge_settings(&env, &o->env);
	}
	rc = add_settings(r, &sbatch, "--", &out->sbatch);
	if (rc == 0)
		rc = add_settings(r, &env, "", &out->env);
	free(sbatch.v);
	free(env.v);
	return rc;
}

/* ---- steps ---- */

static int refuse_no_command(struct render *r, const struct step *step)
{
	const struct pos pos = step->run.words[0].node->pos;

	return err_set(
		r->err, ERR_USAGE,
		"%s:%zu:%zu: error: step '%s' has no command in some jobs: its first word has no "
		"text",
		r->sweep->doc->name, pos.line, pos.col, step->name);
}

static int add_words(struct render *r, const struct step *step, struct plan_step *out)
{
	struct template_env env;

	for (size_t i = 0; i < step->run.n; i++)
		if (make_needed_values(r, &step->run.words[i].t, 0) != 0)
			return -1;
	env = make_env(r);
	for (size_t i = 0; i < step->run.n; i++)
		template_add_words(&step->run.words[i].t, &env, &out->shown);
	return 0;
}

static int plan_words(struct render *r, const struct step *step, struct plan_step *out)
{
	if (add_words(r, step, out) != 0)
		return -1;
	if (out->shown.n == 0 || !*out->shown.v[0])
		return refuse_no_command(r, step);
	return 0;
}

static void add_text(struct render *r, const struct template *t, struct script_vars *vars,
		     struct buf *text)
{
	struct template_env env = make_env(r);

	template_add_script(t, &env, vars, text);
}

/* Adds bash -e -o pipefail -c TEXT NAME. By bash(1), -c, the first word after the text is $0, with
 * which its messages begin. */
static void add_bash(struct plan_step *out, struct buf *text)
{
	for (size_t i = 0; i < BASH_START_ARGS; i++)
		strs_add(&out->argv, bash_start_argv[i]);
	strs_take(&out->argv, buf_take(text));
	strs_add(&out->argv, out->name);
}

static int plan_script(struct render *r, const struct step *step, struct script_vars *vars,
		       struct buf *text, struct plan_step *out)
{
	const struct template *t = &step->run.words[0].t;
	struct template_env env;
	struct buf shown = {0};

	if (make_needed_values(r, t, 0) != 0)
		return -1;
	env = make_env(r);
	template_add_script(t, &env, vars, text);
	add_bash(out, text);
	strs_add(&out->shown, "bash");
	strs_add(&out->shown, "-c");
	template_add_shown(t, &env, &shown);
	strs_take(&out->shown, buf_take(&shown));
	return 0;
}

static int plan_argv(struct render *r, const struct step *step, struct script_vars *vars,
		     struct plan_step *out)
{
	const struct field *setup = &r->sweep->setup;
	struct buf text = {0};
	int rc = -1;

	buf_addstr(&text, bash_start_before);
	if (setup->node) {
		if (make_needed_values(r, &setup->t, 0) != 0)
			goto out;
		add_text(r, &setup->t, vars, &text);
		buf_addch(&text, '\n');
		buf_addstr(&text, bash_start_after_setup);
	}
	if (step->run.kind == COMMAND_SCRIPT) {
		rc = plan_script(r, step, vars, &text, out);
	} else if (plan_words(r, step, out) == 0) {
		rc = 0;
		if (setup->node) {
			buf_addstr(&text, "\"$@\"");
			add_bash(out, &text);
		}
		for (size_t i = 0; i < out->shown.n; i++)
			strs_add(&out->argv, out->shown.v[i]);
	}
out:
	buf_release(&text);
	return rc;
}

static int plan_step(struct render *r, const struct step *step, const struct binding *own,
		     size_t nown, struct plan_step *out)
{
	struct buf key = {0};
	struct script_vars vars;
	int rc;

	out->name = mem_strdup(step->name);
	out->on_fail = step->on_fail;
	for (size_t i = 0; i < step->needs.n; i++)
		strs_add(&out->needs, step->needs.v[i]);
	buf_addstr(&key, step->name);
	for (size_t i = 0; i < nown; i++) {
		strs_addf(&out->params, "%s=%s", own[i].name, own[i].value);
		buf_addf(&key, " %s=%s", own[i].name, own[i].value);
	}
	out->key = buf_take(&key);
	script_vars_init(&vars, r->sweep->syms.n);
	rc = plan_argv(r, step, &vars, out);
	out->vars = vars.vars;
	memset(&vars.vars, 0, sizeof(vars.vars));
	script_vars_release(&vars);
	if (rc == 0)
		rc = check_words(r, "a command", &out->argv);
	if (rc == 0)
		rc = check_words(r, "a value", &out->vars);
	return rc;
}

static struct plan_step *add_plan_step(struct plan *plan, size_t *cap)
{
	if (plan->nsteps == *cap) {
		*cap = *cap ? *cap * 2 : 4;
		plan->steps = mem_grow(plan->steps, *cap, sizeof(*plan->steps));
	}
	memset(&plan->steps[plan->nsteps], 0, sizeof(*plan->steps));
	return &plan->steps[plan->nsteps++];
}

static bool is_excluded(const struct render *r, const struct step *step)
{
	for (size_t i = 0; i < step->exclude.n; i++)
		if (rule_holds(&step->exclude.v[i], r->values))
			return true;
	return false;
}

/* Gives the step's own parameters their next values. Returns false if there is no next
 * combination. */
static bool bind_own(struct render *r, const struct step *step, size_t *at, bool first)
{
	size_t n = step->groups.n;

	while (!first && n-- > 0) {
		if (++at[n] < step->groups.v[n]->length)
			break;
		at[n] = 0;
		if (n == 0)
			return false;
	}
	if (!first && step->groups.n == 0)
		return false;
	for (size_t g = 0; g < step->groups.n; g++) {
		const struct axis *axis = &step->groups.v[g]->axes[0];

		bind_value(r, axis->name, axis->values.v[at[g]]);
	}
	return true;
}

static int plan_steps_of(struct render *r, const struct step *step, struct plan *out, size_t *cap)
{
	size_t *at = mem_alloc((step->groups.n + 1) * sizeof(*at)), before = r->nargs;
	int rc = 0;

	for (bool first = true; rc == 0; first = false) {
		r->nargs = before;
		if (!bind_own(r, step, at, first))
			break;
		if (is_excluded(r, step))
			continue;
		if (out->nsteps == SWEEP_STEPS_MOST)
			rc = err_set(r->err, ERR_USAGE,
				     "sweep '%s': a job has more than 10,000 "
				     "steps",
				     r->sweep->name);
		else
			rc = plan_step(r, step, r->args + before, step->groups.n,
				       add_plan_step(out, cap));
	}
	r->nargs = before;
	for (size_t g = 0; g < step->groups.n; g++)
		r->values[step->groups.v[g]->axes[0].sym] = NULL;
	free(at);
	return rc;
}

static int compare_keys(const void *a, const void *b)
{
	const struct plan_step *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static int check_keys(struct render *r, const struct plan *plan)
{
	const struct plan_step **sorted = mem_alloc((plan->nsteps + 1) * sizeof(*sorted));
	int rc = 0;

	for (size_t i = 0; i < plan->nsteps; i++)
		sorted[i] = &plan->steps[i];
	if (plan->nsteps)
		qsort(sorted, plan->nsteps, sizeof(*sorted), compare_keys);
	for (size_t i = 1; i < plan->nsteps && rc == 0; i++)
		if (!strcmp(sorted[i - 1]->key, sorted[i]->key))
			rc = err_set(
				r->err, ERR_USAGE,
				"sweep '%s': step '%s' is twice in a job: its params have a value twice",
				r->sweep->name, sorted[i]->key);
	free(sorted);
	return rc;
}

/* Plans the step of a sweep with `script`. */
static int plan_batch_script(struct render *r, struct plan_step *out)
{
	const struct step *step = &r->sweep->steps[0];

	out->name = mem_strdup(step->name);
	out->key = mem_strdup(step->name);
	strs_add(&out->shown, r->sweep->script_path);
	if (add_words(r, step, out) != 0)
		return -1;
	for (size_t i = 1; i < out->shown.n; i++)
		strs_add(&out->argv, out->shown.v[i]);
	return check_words(r, "an argument of the script", &out->argv);
}

/* Takes the #SBATCH lines of the script, and sets what sbatch would set from those options that
 * have no effect because slurmq sets them itself. */
static void plan_directives(const struct sweep *sweep, struct plan *out)
{
	const char *script = sweep->script ? sweep->script : "", *name, *mode;
	const char *path = sweep->script_path, *slash = strrchr(path, '/');
	struct strs options = {0};

	out->directives = directives_copy(script, sweep->dir);
	directives_list(script, &options);
	name = policy_option(&options, "--job-name");
	mode = policy_option(&options, "--open-mode");
	env_set(&out->script_env, "SLURM_JOB_NAME", name ? name : slash ? slash + 1 : path);
	if (mode && (*mode == 'a' || *mode == 't'))
		env_set(&out->script_env, "SLURM_OPEN_MODE", *mode == 'a' ? "a" : "t");
	strs_release(&options);
}

static int plan_all(struct render *r, struct plan *out)
{
	struct template_env env;
	struct buf title = {0};
	size_t cap = 0;

	if (plan_settings(r, out) != 0)
		return -1;
	if (r->sweep->title.node) {
		if (make_needed_values(r, &r->sweep->title.t, 0) != 0)
			return -1;
		env = make_env(r);
		template_add(&r->sweep->title.t, &env, &title);
		out->title = buf_take(&title);
	}
	if (r->sweep->script_path) {
		plan_directives(r->sweep, out);
		return plan_batch_script(r, add_plan_step(out, &cap));
	}
	out->directives = mem_strdup("");
	for (size_t i = 0; i < r->sweep->nsteps; i++)
		if (plan_steps_of(r, &r->sweep->steps[i], out, &cap) != 0)
			return -1;
	return check_keys(r, out);
}

static size_t count_most_own(const struct sweep *sweep)
{
	size_t most = 0;

	for (size_t i = 0; i < sweep->nsteps; i++)
		if (sweep->steps[i].groups.n > most)
			most = sweep->steps[i].groups.n;
	return most;
}

int sweep_plan(const struct sweep *sweep, const struct sweep_point *point, int64_t job_id,
	       struct plan *out, struct err *err)
{
	size_t nsyms = sweep->syms.n + 1;
	struct render r = {.sweep = sweep,
			   .space = sweep_space(sweep, point->variant),
			   .id = job_id,
			   .err = err};
	int rc;

	memset(out, 0, sizeof(*out));
	r.values = mem_alloc(nsyms * sizeof(*r.values));
	r.made = mem_alloc(nsyms * sizeof(*r.made));
	r.args = mem_alloc((point->n + count_most_own(sweep) + 1) * sizeof(*r.args));
	for (size_t i = 0; i < point->n; i++)
		bind_value(&r, point->params[i].name, point->params[i].value);
	rc = plan_all(&r, out);
	if (rc != 0)
		plan_release(out);
	for (size_t i = 0; i < nsyms; i++)
		free(r.made[i]);
	free(r.made);
	free(r.values);
	free(r.args);
	return rc;
}

int sweep_render(const struct sweep *sweep, const struct space *space, const char *const *values,
		 const struct template *t, struct buf *out)
{
	size_t nsyms = sweep->syms.n + 1;
	struct render r = {.sweep = sweep, .space = space, .id = 1};
	struct template_env env;
	int rc = -1;

	r.values = mem_alloc(nsyms * sizeof(*r.values));
	r.made = mem_alloc(nsyms * sizeof(*r.made));
	memcpy(r.values, values, sweep->syms.n * sizeof(*r.values));
	if (make_needed_values(&r, t, 0) == 0) {
		env = make_env(&r);
		rc = template_add(t, &env, out) ? 1 : 0;
	}
	for (size_t i = 0; i < nsyms; i++)
		free(r.made[i]);
	free(r.made);
	free(r.values);
	return rc;
}

static void release_step(struct plan_step *step)
{
	free(step->name);
	free(step->key);
	strs_release(&step->argv);
	strs_release(&step->vars);
	strs_release(&step->params);
	strs_release(&step->shown);
	strs_release(&step->needs);
}

void plan_release(struct plan *plan)
{
	for (size_t i = 0; i < plan->nsteps; i++)
		release_step(&plan->steps[i]);
	free(plan->steps);
	strs_release(&plan->sbatch);
	strs_release(&plan->env);
	strs_release(&plan->script_env);
	free(plan->directives);
	free(plan->title);
	memset(plan, 0, sizeof(*plan));
}
