#include "sweep/sweep_read.h"

#include <stdlib.h>
#include <string.h>

#include "sweep/sweep_read_batch.h"
#include "sweep/sweep_read_job.h"
#include "sweep/sweep_read_node.h"
#include "sweep/sweep_read_space.h"
#include "sweep/sweep_check.h"

static void read_variant(struct sweep_reader *r, struct node *map, struct space *out)
{
	const struct node *name = node_get(map, "name");
	struct node *v;

	out->pos = map->pos;
	out->samples = r->sweep->base.samples;
	out->seed = r->sweep->base.seed;
	out->sample_pos = r->sweep->base.sample_pos;
	if (!sweep_read_keys(r, map, sweep_keys_variant,
			     "a variant is a map, as in {name: adam, params: {lr: [0.1]}}"))
		return;
	if (name)
		out->variant = sweep_read_name(r, name, "a variant's name");
	else
		complaint_error(r->list, map->pos, "a variant needs a name");
	for (const struct space *s = r->sweep->spaces; s < out && out->variant; s++) {
		if (!s->variant || strcmp(s->variant, out->variant) != 0)
			continue;
		complaint_error(r->list, name->pos, "variant '%s' is already defined",
				out->variant);
		break;
	}
	if ((v = node_get(map, "zip")))
		sweep_read_zip(r, v, &out->own);
	if ((v = node_get(map, "params")))
		sweep_read_params(r, v, false, &out->own);
	if ((v = node_get(map, "sample")))
		sweep_read_sample(r, v, out);
	if ((v = node_get(map, "exclude")))
		sweep_read_exclude(r, v, &out->exclude);
	if ((v = node_get(map, "let")))
		sweep_read_lets(r, v, &out->lets);
	if ((v = node_get(map, "sbatch")))
		sweep_read_sbatch(r, v, &out->sbatch);
	if ((v = node_get(map, "env")))
		sweep_read_env(r, v, &out->env);
}

static void read_variants(struct sweep_reader *r, struct node *node)
{
	struct sweep *sweep = r->sweep;
	size_t n = node ? node->n : 0;

	if (node && !sweep_read_list(r, node, 1,
				     "'variants' is a list of variants, as in "
				     "[{name: adam, params: {lr: [0.1]}}]"))
		n = 0;
	if (n > SWEEP_NAMES_MOST) {
		complaint_error(r->list, node->pos, "more than %d variants", SWEEP_NAMES_MOST);
		n = 0;
	}
	sweep->variants = n > 0;
	sweep->spaces = mem_alloc((n + 1) * sizeof(*sweep->spaces));
	for (size_t i = 0; i < n; i++)
		read_variant(r, node->items[i], &sweep->spaces[sweep->nspaces++]);
	if (n > 0)
		return;
	sweep->nspaces = 1;
	sweep->spaces[0].samples = sweep->base.samples;
	sweep->spaces[0].seed = sweep->base.seed;
	sweep->spaces[0].sample_pos = sweep->base.sample_pos;
}

static void read_space(struct sweep_reader *r, const struct node *root)
{
	struct node *v;

	if ((v = node_get(root, "zip")))
		sweep_read_zip(r, v, &r->sweep->base.own);
	if ((v = node_get(root, "params")))
		sweep_read_params(r, v, false, &r->sweep->base.own);
	if ((v = node_get(root, "sample")))
		sweep_read_sample(r, v, &r->sweep->base);
	if ((v = node_get(root, "exclude")))
		sweep_read_exclude(r, v, &r->sweep->exclude);
	read_variants(r, node_get(root, "variants"));
	if ((v = node_get(root, "include")))
		sweep_read_includes(r, v);
}

static void read_what(struct sweep_reader *r, struct node *root)
{
	struct node *run = node_get(root, "run"), *steps = node_get(root, "steps"),
		    *script = node_get(root, "script"), *setup = node_get(root, "setup");
	struct node *second = run && (steps || script) ? (steps ? steps : script)
			      : steps && script	       ? script
						       : NULL;

	if (!run && !steps && !script)
		complaint_error(r->list, root->pos,
				"nothing to run: give one of 'run', 'steps' and "
				"'script'");
	if (second)
		complaint_error(r->list, second->pos,
				"give one of 'run', 'steps' and 'script', and no "
				"other");
	if (setup && script)
		complaint_error(r->list, setup->pos,
				"'setup' cannot be used with 'script': put it into the script");
	else if (setup)
		sweep_read_script(r, setup, "'setup'", false, &r->sweep->setup);
	if (run)
		sweep_read_run(r, run);
	else if (steps)
		sweep_read_steps(r, steps);
	else if (script)
		sweep_read_batch_script(r, script);
}

/* Reads a text for people, which may have several words with spaces between. */
static void read_title(struct sweep_reader *r, struct node *node)
{
	struct field *title = &r->sweep->title;

	sweep_read_field(r, node, "'title'", false, title);
	for (size_t i = 0; i < title->t.n; i++)
		title->t.parts[i].refusal = NULL;
}

static void read_order(struct sweep_reader *r, const struct node *node)
{
	const char *text = sweep_read_value(r, node, "'order'");

	if (!text)
		return;
	r->sweep->shuffled = !strcmp(text, "random");
	if (!r->sweep->shuffled && strcmp(text, "file") != 0)
		complaint_error(r->list, node->pos, "'order' is file or random, not '%s'", text);
}

static void read_job(struct sweep_reader *r, struct node *root)
{
	struct node *v;

	if ((v = node_get(root, "let")))
		sweep_read_lets(r, v, &r->sweep->lets);
	if ((v = node_get(root, "sbatch")))
		sweep_read_sbatch(r, v, &r->sweep->sbatch);
	if ((v = node_get(root, "env")))
		sweep_read_env(r, v, &r->sweep->env);
	if ((v = node_get(root, "overrides")))
		sweep_read_overrides(r, v);
	if ((v = node_get(root, "title")))
		read_title(r, v);
	if ((v = node_get(root, "retry")))
		sweep_read_retry(r, v);
	if ((v = node_get(root, "restartable")))
		sweep_read_bool(r, v, "'restartable'", &r->sweep->restartable);
	if ((v = node_get(root, "checkpoint")))
		sweep_read_checkpoint(r, v);
	if ((v = node_get(root, "limit")))
		sweep_read_int(r, v, "'limit'", 1, SWEEP_LIMIT_MOST, &r->sweep->limit);
	if ((v = node_get(root, "order")))
		read_order(r, v);
	read_what(r, root);
}

static void read_sweep_name(struct sweep_reader *r, const struct node *root)
{
	const struct node *name = node_get(root, "name");

	if (!name) {
		complaint_error(r->list, root->pos, "a sweep needs a name, as in name: my-study");
		return;
	}
	r->sweep->name = sweep_read_name(r, name, "'name'");
	if (r->sweep->name && (!strcmp(r->sweep->name, "all") || !strcmp(r->sweep->name, "last")))
		complaint_error(r->list, name->pos, "'%s' is reserved for slurmq: use another name",
				r->sweep->name);
}

/* Expands the ranges of steps now: jobs of the store need them too, for which no file is
 * loaded. */
static void expand_steps(struct sweep_reader *r)
{
	for (size_t i = 0; i < r->sweep->nsteps; i++) {
		const struct groups *groups = &r->sweep->steps[i].groups;

		for (size_t g = 0; g < groups->n; g++) {
			struct axis *axis = &groups->v[g]->axes[0];
			const char *why;

			if (axis->kind == AXIS_RANGE && axis_pack_range(axis, &why) != 0)
				complaint_error(r->list, axis->pos, "parameter '%s' %s", axis->name,
						why);
		}
	}
}

struct sweep *sweep_read(struct doc *doc, const char *dir, struct complaint_list *list)
{
	struct sweep *sweep = mem_alloc(sizeof(*sweep));
	struct sweep_reader r = {sweep, doc, list};

	sweep->doc = doc;
	sweep->dir = mem_strdup(dir ? dir : ".");
	sweep->retry.max = -1;
	if (!doc->root) {
		complaint_error(list, (struct pos){1, 1}, "the file is empty");
		return sweep;
	}
	if (!sweep_read_keys(&r, doc->root, sweep_keys_top,
			     "a sweep is a map, as in name: my-study"))
		return sweep;
	read_sweep_name(&r, doc->root);
	read_space(&r, doc->root);
	read_job(&r, doc->root);
	sweep_compose(sweep);
	sweep_check(sweep, list);
	if (!list->errors)
		expand_steps(&r);
	return sweep;
}
