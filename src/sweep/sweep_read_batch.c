#include "sweep/sweep_read_batch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/guess.h"
#include "sweep/sweep_read_job.h"

/* ---- script ---- */

static bool has_placeholder(const char *text)
{
	size_t len = strlen(text), n;

	for (size_t i = 0; i < len; i++)
		if (placeholder_at(text, len, i, &n) != PART_TEXT)
			return true;
	return false;
}

/* Refuses "job.sh {lr}": the message shows the words as a list. */
static void refuse_one_text(struct sweep_reader *r, const struct node *node, const char *text)
{
	struct buf list = {0};

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, " \t\n");

		if (n) {
			const char *quote = memchr(p, '{', n) ? "\"" : "";

			buf_addf(&list, "%s%s%.*s%s", list.len ? ", " : "", quote, (int)n, p,
				 quote);
		}
		p += n + strspn(p + n, " \t\n");
	}
	complaint_error(r->list, node->pos,
			"'script' names a file; with arguments it is a list: script: [%s]",
			buf_str(&list));
	buf_release(&list);
}

static void read_path(struct sweep_reader *r, const struct node *node)
{
	const char *path = sweep_read_value(r, node, "script");
	struct sweep *sweep = r->sweep;

	if (!path)
		return;
	if (!*path)
		complaint_error(r->list, node->pos, "'script' must name a file");
	else if (has_placeholder(path) && !strpbrk(path, " \t\n"))
		complaint_error(r->list, node->pos,
				"'script' names one file for all jobs: write a script that runs "
				"'%s', and give it the value as an argument",
				path);
	else if (has_placeholder(path))
		refuse_one_text(r, node, path);
	else
		sweep->script_path =
			*path == '/' ? mem_strdup(path) : mem_printf("%s/%s", sweep->dir, path);
	sweep->script_name = path;
}

void sweep_read_batch_script(struct sweep_reader *r, struct node *node)
{
	struct step *step = mem_alloc(sizeof(*step));
	struct command *run = &step->run;

	r->sweep->steps = step;
	r->sweep->nsteps = 1;
	r->sweep->script_pos = node->pos;
	step->name = "script";
	step->pos = node->pos;
	node = sweep_read_placeholder_map(r, node);
	if (node->kind != NODE_LIST) {
		read_path(r, node);
		return;
	}
	if (!sweep_read_list(r, node, 1, "'script' is a path, or a list of a path and arguments"))
		return;
	read_path(r, node->items[0]);
	run->words = mem_alloc((node->n + 1) * sizeof(*run->words));
	for (size_t i = 1; i < node->n; i++)
		if (sweep_read_field(r, node->items[i], "an argument of the script", true,
				     &run->words[run->n]))
			run->n++;
}

/* ---- checkpoint ---- */

enum { NOTICE_MOST = 65535 }; /* sbatch(1), --signal */

static void read_signal(struct sweep_reader *r, const struct node *node)
{
	static const char *const signals[] = {"USR1", "USR2", "TERM", "INT",
					      "HUP",  "CONT", "ALRM", NULL};
	const char *text = sweep_read_value(r, node, "checkpoint"), *near;

	if (!text)
		return;
	for (const char *const *s = signals; *s; s++) {
		if (!strcmp(*s, text)) {
			r->sweep->checkpoint = text;
			return;
		}
	}
	near = guess_nearest(!strncmp(text, "SIG", 3) ? text + 3 : text, signals);
	complaint_error(r->list, node->pos, "checkpoint: '%s' is not a possible signal%s%s%s", text,
			near ? ", did you mean '" : " (USR1, USR2, TERM, INT, HUP, CONT, ALRM)",
			near ? near : "", near ? "'?" : "");
}

void sweep_read_checkpoint(struct sweep_reader *r, struct node *node)
{
	const struct node *signal, *before;
	int64_t *notice = &r->sweep->notice_s;

	if (node->kind != NODE_MAP) {
		read_signal(r, node);
		return;
	}
	if (!sweep_read_keys(r, node, sweep_keys_checkpoint, "'checkpoint' is a signal or a map"))
		return;
	signal = node_get(node, "signal");
	before = node_get(node, "before");
	if (signal)
		read_signal(r, signal);
	else
		complaint_error(r->list, node->pos,
				"checkpoint needs a signal, as in {signal: USR1, before: 100s}");
	if (before && sweep_read_duration(r, before, "before", notice) &&
	    (*notice < 1 || *notice > NOTICE_MOST))
		complaint_error(r->list, before->pos,
				"before: Slurm can signal a job 1 to %d seconds before its limit",
				NOTICE_MOST);
}
