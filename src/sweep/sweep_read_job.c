#include "sweep/sweep_read_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slurm/amount.h"
#include "lib/guess.h"
#include "sweep/sweep_read_space.h"
#include "slurm/sbatch.h"
#include "slurm/sbatch_form.h"

enum { NAME_MOST = 64 };

const char *sweep_read_name(struct sweep_reader *r, const struct node *node, const char *what)
{
	const char *name = sweep_read_value(r, node, what);
	bool good = name && strlen(name) <= NAME_MOST;

	if (!name)
		return NULL;
	for (size_t i = 0; good && name[i]; i++)
		good = template_name_char(name[i], i == 0) && (i > 0 || name[0] != '_');
	if (good)
		return name;
	complaint_error(r->list, node->pos,
			"%s: '%.80s' must be up to 64 letters, digits, '.', '_' "
			"and '-', with a letter first",
			what, name);
	return NULL;
}

/* ---- let ---- */

static void read_let_map(struct sweep_reader *r, struct node *node, const char *what,
			 struct let *out)
{
	struct node *by = node_get(node, "by"), *map = node_get(node, "map");

	if (!sweep_read_keys(r, node, sweep_keys_let, what))
		return;
	if (!by || !map) {
		complaint_error(r->list, node->pos,
				"%s needs by and map, as in {by: amp, map: {on: "
				"--amp, off: ''}}",
				what);
		return;
	}
	out->by = sweep_read_value(r, by, "by");
	out->by_pos = by->pos;
	if (out->by)
		out->by_sym = sweep_read_sym(r, out->by, by->pos);
	if (!sweep_read_keys(r, map, NULL, "'map' is a map from values to texts"))
		return;
	out->cases = mem_alloc((map->n + 1) * sizeof(*out->cases));
	for (size_t i = 0; i + 1 < map->n; i += 2) {
		struct let_case *c = &out->cases[out->ncases];

		c->value = map->items[i]->text;
		if (c->value && sweep_read_field(r, map->items[i + 1], what, false, &c->text))
			out->ncases++;
	}
}

void sweep_read_lets(struct sweep_reader *r, struct node *node, struct lets *out)
{
	if (!sweep_read_keys(r, node, NULL,
			     "'let' is a map of texts, as in {tag: \"{lr}-{seed}\"}"))
		return;
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		struct node *key = node->items[i], *value = node->items[i + 1];
		const char *name = sweep_read_param_name(r, key);
		struct let *let;
		char what[96];

		if (!name)
			continue;
		let = lets_add(out);
		let->name = name;
		let->pos = key->pos;
		let->sym = sweep_read_sym(r, name, key->pos);
		snprintf(what, sizeof(what), "let '%.60s'", name);
		value = sweep_read_placeholder_map(r, value);
		if (value->kind == NODE_MAP)
			read_let_map(r, value, what, let);
		else
			sweep_read_field(r, value, what, false, &let->text);
	}
}

/* ---- sbatch and env ---- */

static bool is_good_option(const char *name)
{
	return *name >= 'a' && *name <= 'z' &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

static void refuse_option(struct sweep_reader *r, const struct node *key)
{
	const char *bare = key->text + strspn(key->text, "-"), *near = sbatch_guess(bare);

	if (key->text[0] == '-' && is_good_option(bare) && strlen(bare) > 1)
		complaint_error(r->list, key->pos, "write '%s' without its dashes", bare);
	else if (near)
		complaint_error(r->list, key->pos,
				"'%s' is not an option of sbatch, did you mean '%s'?", key->text,
				near);
	else
		complaint_error(r->list, key->pos, "'%s' is not an option of sbatch", key->text);
}

/* Checks an option of sbatch. Returns false, with a complaint, if it is not allowed. */
static bool check_option(struct sweep_reader *r, const struct node *key)
{
	const struct sbatch_opt *opt = sbatch_find_cut(key->text), *longer;
	const char *near;

	if (opt && opt->instead) {
		complaint_error(r->list, key->pos, "sbatch's '%s' is set by slurmq itself: %s",
				opt->name, opt->instead);
		return false;
	}
	if (opt && !strcmp(opt->name, key->text))
		return true;
	longer = sbatch_by_letter(key->text[strspn(key->text, "-")]);
	if (longer && strlen(key->text + strspn(key->text, "-")) == 1) {
		complaint_error(r->list, key->pos, "'%s': write sbatch's long name, '%s'",
				key->text, longer->name);
		return false;
	}
	if (!is_good_option(key->text)) {
		refuse_option(r, key);
		return false;
	}
	near = opt ? opt->name : sbatch_guess(key->text);
	if (near)
		complaint_warn(r->list, key->pos,
			       "slurmq knows no option '%s' of sbatch, did you mean '%s'?",
			       key->text, near);
	else
		complaint_warn(r->list, key->pos, "slurmq knows no option '%s' of sbatch",
			       key->text);
	return true;
}

static enum setting_kind find_setting_kind(const struct node *value)
{
	if (value->kind != NODE_SCALAR || value->style != STYLE_PLAIN)
		return SETTING_VALUE;
	if (node_is(value, "true"))
		return SETTING_FLAG;
	return node_is(value, "false") ? SETTING_OFF : SETTING_VALUE;
}

static void check_argument(struct sweep_reader *r, const struct node *value,
			   const struct setting *s)
{
	const struct sbatch_opt *opt = sbatch_find(s->name);

	if (opt && opt->arg == SBATCH_ARG_NEEDED && s->kind == SETTING_FLAG)
		complaint_error(r->list, value->pos, "sbatch's '%s' needs a value", s->name);
	if (opt && opt->arg == SBATCH_ARG_NONE && s->kind == SETTING_VALUE)
		complaint_error(r->list, value->pos, "sbatch's '%s' takes no value: write true",
				s->name);
}

void sweep_read_sbatch(struct sweep_reader *r, struct node *node, struct settings *out)
{
	if (!sweep_read_keys(r, node, NULL,
			     "'sbatch' is a map of sbatch's long options, as in {mem: 8G}"))
		return;
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		struct node *key = node->items[i], *value = node->items[i + 1];
		struct setting *s;
		char what[96];

		if (!key->text || !check_option(r, key))
			continue;
		s = settings_add(out);
		s->name = key->text;
		s->pos = key->pos;
		s->kind = find_setting_kind(value);
		check_argument(r, value, s);
		snprintf(what, sizeof(what), "sbatch's '%.60s'", key->text);
		if (s->kind == SETTING_VALUE)
			sweep_read_field(r, value, what, false, &s->value);
	}
}

static bool is_good_variable(struct sweep_reader *r, const struct node *key)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	if (!key->text)
		return false;
	if (!*key->text || key->text[strspn(key->text, letters)] ||
	    (*key->text >= '0' && *key->text <= '9')) {
		complaint_error(r->list, key->pos, "'%s' cannot be a variable's name", key->text);
		return false;
	}
	if (!strncmp(key->text, "SLURMQ_", 7) || !strncmp(key->text, "_slurmq_", 8)) {
		complaint_error(r->list, key->pos, "names SLURMQ_... are reserved for slurmq");
		return false;
	}
	return true;
}

void sweep_read_env(struct sweep_reader *r, struct node *node, struct settings *out)
{
	if (!sweep_read_keys(r, node, NULL,
			     "'env' is a map of variables, as in {OMP_NUM_THREADS: 4}"))
		return;
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		struct node *key = node->items[i];
		struct setting *s;
		char what[96];

		if (!is_good_variable(r, key))
			continue;
		s = settings_add(out);
		s->name = key->text;
		s->pos = key->pos;
		snprintf(what, sizeof(what), "variable '%.60s'", key->text);
		sweep_read_field(r, node->items[i + 1], what, false, &s->value);
	}
}

static void read_override(struct sweep_reader *r, struct node *node, struct override *out)
{
	struct node *when = node_get(node, "when"), *sbatch = node_get(node, "sbatch"),
		    *env = node_get(node, "env");

	if (!sweep_read_keys(r, node, sweep_keys_override,
			     "an override is a map, as in {when: {arch: vit}, sbatch: "
			     "{mem: 48G}}"))
		return;
	if (!when || (!sbatch && !env)) {
		complaint_error(r->list, node->pos, "an override needs when, and sbatch or env");
		return;
	}
	sweep_read_rule(r, when, &out->when);
	if (sbatch)
		sweep_read_sbatch(r, sbatch, &out->sbatch);
	if (env)
		sweep_read_env(r, env, &out->env);
}

void sweep_read_overrides(struct sweep_reader *r, struct node *node)
{
	if (!sweep_read_list(
		    r, node, 0,
		    "'overrides' is a list, as in [{when: {arch: vit}, sbatch: {mem: 48G}}]"))
		return;
	r->sweep->overrides = mem_alloc((node->n + 1) * sizeof(*r->sweep->overrides));
	for (size_t i = 0; i < node->n; i++)
		read_override(r, node->items[i], &r->sweep->overrides[r->sweep->noverrides++]);
}

/* ---- retry ---- */

bool sweep_read_duration(struct sweep_reader *r, const struct node *node, const char *what,
			 int64_t *seconds)
{
	const char *text = sweep_read_value(r, node, what), *unit;
	char digits[24];
	int64_t n, of;
	size_t len;

	if (!text)
		return false;
	len = strspn(text, "0123456789");
	unit = text + len;
	of = !strcmp(unit, "s")	  ? 1
	     : !strcmp(unit, "m") ? 60
	     : !strcmp(unit, "h") ? 3600
	     : !strcmp(unit, "d") ? 86400
				  : 0;
	if (len && !*unit) {
		complaint_error(r->list, node->pos, "%s: '%s' needs a unit: %ss, %sm, %sh or %sd",
				what, text, text, text, text, text);
		return false;
	}
	snprintf(digits, sizeof(digits), "%.*s", (int)(len < 9 ? len : 9), text);
	if (len == 0 || len > 9 || !of || !number_to_int(digits, &n)) {
		complaint_error(r->list, node->pos,
				"%s must be a number with s, m, h or d, as in 10m", what);
		return false;
	}
	*seconds = n * of;
	return true;
}

/* Reads a time or an amount of memory of sbatch: all begin with a digit. */
static const char *read_amount(struct sweep_reader *r, const struct node *node, const char *what)
{
	const char *text = sweep_read_value(r, node, what);
	bool is_time = strstr(what, "time");
	struct buf instead = {0};
	int64_t n;

	if (!text || !(is_time ? amount_time(text, &n) : amount_mem(text, &n)))
		return text;
	sbatch_form(is_time ? "time" : "mem", text, &instead);
	complaint_error(r->list, node->pos, "%s: '%s' is not valid for sbatch%s%s", what, text,
			instead.len ? ": " : "", buf_str(&instead));
	buf_release(&instead);
	return NULL;
}

/* Reads "x1.5", or a time or an amount of sbatch. */
static const char *read_growth(struct sweep_reader *r, const struct node *node, const char *what)
{
	if (node->kind != NODE_SCALAR || *node->text != 'x')
		return read_amount(r, node, what);
	if (number_fits(node->text + 1) && number_compare(node->text + 1, "1") > 0 &&
	    number_compare(node->text + 1, "100") <= 0)
		return node->text;
	complaint_error(r->list, node->pos,
			"%s: '%s' must be x and a number above 1 and up to 100, as in x1.5", what,
			node->text);
	return NULL;
}

static void read_codes(struct sweep_reader *r, const struct node *node,
		       struct sweep_retry_rule *out)
{
	int64_t code;

	if (!sweep_read_list(r, node, 1, "codes is a list of exit codes, as in [75]"))
		return;
	for (size_t i = 0; i < node->n; i++) {
		if (!sweep_read_int(r, node->items[i], "an exit code", 1, 255, &code))
			continue;
		out->ncodes += !out->codes[code];
		out->codes[code] = true;
	}
}

/* Returns whether name is an option of sbatch for time, or for memory. */
static bool is_amount(const char *name, bool is_time)
{
	return is_time ? !strcmp(name, "time")
		       : !strcmp(name, "mem") || !strcmp(name, "mem-per-cpu") ||
				 !strcmp(name, "mem-per-gpu");
}

static bool has_amount(const struct settings *s, bool is_time)
{
	for (size_t i = 0; i < s->n; i++)
		if (is_amount(s->v[i].name, is_time))
			return true;
	return false;
}

/* Returns the time or memory that all jobs of the sweep have; NULL if they differ or it is not
 * known. */
static const char *find_amount_of_all(const struct sweep *sweep, bool is_time)
{
	const char *found = NULL;

	for (size_t i = 0; i < sweep->sbatch.n; i++) {
		const struct setting *s = &sweep->sbatch.v[i];

		if (!is_amount(s->name, is_time))
			continue;
		if (found || s->kind != SETTING_VALUE || !s->value.node ||
		    !template_is_constant(&s->value.t))
			return NULL;
		found = s->value.node->text;
	}
	for (size_t i = 0; i < sweep->noverrides; i++)
		if (has_amount(&sweep->overrides[i].sbatch, is_time))
			return NULL;
	for (size_t i = 0; i < sweep->nspaces; i++)
		if (has_amount(&sweep->spaces[i].sbatch, is_time))
			return NULL;
	return found;
}

/* Sets *out to b minus a. Returns false if one of them is not an amount. */
static bool subtract_amounts(const char *a, const char *b, bool is_time, int64_t *n)
{
	int (*read)(const char *, int64_t *) = is_time ? amount_time : amount_mem;
	int64_t x, y;

	if (!a || !b || read(a, &x) || read(b, &y))
		return false;
	*n = y - x;
	return true;
}

static bool is_less(const char *a, const char *b, bool is_time)
{
	int64_t n;

	return subtract_amounts(a, b, is_time, &n) && n > 0;
}

/* Refuses an amount for the next try that is not more than every try has. */
static void check_fixed(struct sweep_reader *r, const struct node *rule, const char *name,
			const char *next)
{
	bool is_time = !strcmp(name, "time");
	const char *all = find_amount_of_all(r->sweep, is_time);
	int64_t n;

	if (subtract_amounts(next, all, is_time, &n) && n >= 0)
		complaint_error(r->list, node_get(rule, name)->pos,
				"%s: '%s' is not more than what jobs have at first, '%s'", name,
				next, all);
}

/* Refuses a ceiling that no growth can reach. */
static void check_ceiling(struct sweep_reader *r, const struct node *rule, const char *name,
			  const char *most_name, const char *grows, const char *most)
{
	const struct node *value = node_get(rule, name), *ceiling = node_get(rule, most_name);
	bool is_time = !strcmp(name, "time");
	const char *all = find_amount_of_all(r->sweep, is_time);

	if (!ceiling)
		return;
	if (!value)
		complaint_error(r->list, ceiling->pos, "%s needs %s, which sets how it grows",
				most_name, name);
	else if (grows && is_less(most, grows, is_time))
		complaint_error(r->list, ceiling->pos, "%s: '%s' is less than %s, '%s'", most_name,
				most, name, grows);
	else if (grows && is_less(most, all, is_time))
		complaint_error(r->list, ceiling->pos,
				"%s: '%s' is less than what jobs have at first, '%s'", most_name,
				most, all);
}

static void read_retry_rule(struct sweep_reader *r, struct node *node, const char *reason,
			    struct sweep_retry_rule *out)
{
	struct node *v;

	if (node_is(node, "again") || node_is(node, "never")) {
		out->again = node_is(node, "again");
		return;
	}
	if (!sweep_read_keys(r, node, sweep_keys_rule,
			     "what to do is again, never, or a map, as in {time: x1.5}"))
		return;
	out->again = true;
	if ((v = node_get(node, "time")))
		out->time = read_growth(r, v, "time");
	if ((v = node_get(node, "max_time")))
		out->max_time = read_amount(r, v, "max_time");
	if ((v = node_get(node, "mem")))
		out->mem = read_growth(r, v, "mem");
	if ((v = node_get(node, "max_mem")))
		out->max_mem = read_amount(r, v, "max_mem");
	check_fixed(r, node, "time", out->time);
	check_fixed(r, node, "mem", out->mem);
	check_ceiling(r, node, "time", "max_time", out->time, out->max_time);
	check_ceiling(r, node, "mem", "max_mem", out->mem, out->max_mem);
	if ((v = node_get(node, "delay")))
		sweep_read_duration(r, v, "delay", &out->delay);
	v = node_get(node, "codes");
	if (v && strcmp(reason, "EXIT") != 0)
		complaint_error(r->list, v->pos, "codes are for EXIT only");
	else if (v)
		read_codes(r, v, out);
}

void sweep_read_retry(struct sweep_reader *r, struct node *node)
{
	const struct sweep_key *kinds = sweep_keys_retry + 1;
	struct sweep_retry *retry = &r->sweep->retry;

	if (!sweep_read_keys(r, node, sweep_keys_retry,
			     "'retry' is a map, as in {max: 3, NODE_FAIL: again}"))
		return;
	retry->given = true;
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		const struct node *key = node->items[i];

		if (node_is(key, "max"))
			sweep_read_int(r, node->items[i + 1], "max", 0, 1000, &retry->max);
		for (size_t k = 0; k < RETRY_NKINDS; k++) /* kinds[0] is RETRY_TIMEOUT, and so on */
			if (node_is(key, kinds[k].name))
				read_retry_rule(r, node->items[i + 1], kinds[k].name,
						&retry->rules[k]);
	}
}

/* ---- commands ---- */

static void read_command(struct sweep_reader *r, struct node *node, struct command *out)
{
	node = sweep_read_placeholder_map(r, node);
	if (node->kind != NODE_LIST) {
		if (node->kind == NODE_MAP) {
			complaint_error(r->list, node->pos,
					"'run' must be a text or a list of words; quote "
					"a text that begins with '{'");
			return;
		}
		out->kind = COMMAND_SCRIPT;
		out->words = mem_alloc(sizeof(*out->words));
		out->n = sweep_read_script(r, node, "the command", true, &out->words[0]) ? 1 : 0;
		return;
	}
	if (node->n == 0)
		complaint_error(r->list, node->pos, "'run' is empty");
	else if (node->items[0]->text && !*node->items[0]->text)
		complaint_error(r->list, node->items[0]->pos,
				"the command is empty: its first word has no text");
	out->words = mem_alloc((node->n + 1) * sizeof(*out->words));
	for (size_t i = 0; i < node->n; i++)
		if (sweep_read_field(r, node->items[i], "a word of the command", true,
				     &out->words[out->n]))
			out->n++;
}

void sweep_read_run(struct sweep_reader *r, struct node *node)
{
	struct step *step = mem_alloc(sizeof(*step));

	r->sweep->steps = step;
	r->sweep->nsteps = 1;
	step->name = "run";
	step->pos = node->pos;
	read_command(r, node, &step->run);
}

static void read_needs(struct sweep_reader *r, const struct node *node, const struct step *step)
{
	const struct sweep *sweep = r->sweep;
	const char *before[SWEEP_NAMES_MOST + 1], *name = sweep_read_value(r, node, "needs"), *near;
	size_t n = 0;

	if (!name)
		return;
	for (const struct step *s = sweep->steps; s < step && n < SWEEP_NAMES_MOST; s++) {
		if (!s->name)
			continue;
		if (!strcmp(s->name, name)) {
			strs_add(&((struct step *)step)->needs, name);
			return;
		}
		before[n++] = s->name;
	}
	before[n] = NULL;
	near = guess_nearest(name, before);
	complaint_error(r->list, node->pos, "needs '%s', which is not an earlier step%s%s%s", name,
			near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void read_on_fail(struct sweep_reader *r, const struct node *node, struct step *out)
{
	const char *text = sweep_read_value(r, node, "on_fail");

	if (!text)
		return;
	if (!strcmp(text, "continue"))
		out->on_fail = PLAN_CONTINUE;
	else if (strcmp(text, "stop") != 0)
		complaint_error(r->list, node->pos, "on_fail must be stop or continue, not '%s'",
				text);
}

static void read_step_name(struct sweep_reader *r, const struct node *map, struct step *out)
{
	const struct node *name = node_get(map, "name");

	if (!name) {
		complaint_error(r->list, map->pos, "a step needs a name");
		return;
	}
	out->pos = name->pos;
	out->name = sweep_read_name(r, name, "a step's name");
	for (const struct step *s = r->sweep->steps; s < out && out->name; s++) {
		if (!s->name || strcmp(s->name, out->name) != 0)
			continue;
		complaint_error(r->list, name->pos, "step '%s' is already defined on line %zu",
				out->name, s->pos.line);
		break;
	}
}

static void read_step(struct sweep_reader *r, struct node *map, struct step *out)
{
	struct node *v;

	out->pos = map->pos;
	if (!sweep_read_keys(r, map, sweep_keys_step,
			     "a step is a map, as in {name: train, run: [python, train.py]}"))
		return;
	read_step_name(r, map, out);
	if ((v = node_get(map, "params")))
		sweep_read_params(r, v, true, &out->groups);
	if ((v = node_get(map, "exclude")))
		sweep_read_exclude(r, v, &out->exclude);
	if ((v = node_get(map, "run")))
		read_command(r, v, &out->run);
	else
		complaint_error(r->list, map->pos, "a step needs a 'run'");
	if ((v = node_get(map, "on_fail")))
		read_on_fail(r, v, out);
	v = node_get(map, "needs");
	if (v && v->kind != NODE_LIST)
		read_needs(r, v, out);
	for (size_t i = 0; v && v->kind == NODE_LIST && i < v->n; i++)
		read_needs(r, v->items[i], out);
}

void sweep_read_steps(struct sweep_reader *r, struct node *node)
{
	if (!sweep_read_list(
		    r, node, 1,
		    "'steps' is a list of steps, as in [{name: train, run: [python, train.py]}]"))
		return;
	if (node->n > SWEEP_NAMES_MOST) {
		complaint_error(r->list, node->pos, "more than %d steps", SWEEP_NAMES_MOST);
		return;
	}
	r->sweep->steps = mem_alloc((node->n + 1) * sizeof(*r->sweep->steps));
	for (size_t i = 0; i < node->n; i++)
		read_step(r, node->items[i], &r->sweep->steps[r->sweep->nsteps++]);
}
