/* slurmq expand - adds the jobs of a sweep file to the store */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/complain.h"
#include "chain/delete.h"
#include "chain/limits.h"
#include "slurm/directive.h"
#include "store/expand.h"
#include "cmd/expand_diff.h"
#include "cmd/progress.h"
#include "cmd/view.h"

struct args {
	bool dry_run, diff, list, json, prune, rerun_changed, strict;
	int64_t max_jobs;
};

/* ---- reading ---- */

static int read_file(struct cmd_ctx *ctx, const struct args *args, const char *path,
		     struct expand_file *file, struct err *err)
{
	struct complaints c = {0};
	int rc = expand_read(path, args->max_jobs, file, &c, err);

	complain(ctx, &c);
	if (!rc && args->strict && c.warnings)
		rc = err_set(err, ERR_USAGE, "%s: %zu warning%s, which --strict refuses", path,
			     c.warnings, c.warnings == 1 ? "" : "s");
	complaints_release(&c);
	return rc;
}

static int refuse_files(struct err *err)
{
	char *msg = mem_strdup(err->msg);

	err_set(err, err->status, "%s; nothing was added (slurmq help sweep explains the format)",
		msg);
	free(msg);
	return -1;
}

/* Refuses two files with the same sweep name: the second would adopt the jobs of the first, and
 * report the other jobs as missing. */
static int check_pair(const struct expand_file *a, const struct expand_file *b, struct err *err)
{
	const char *name = sweep_name(b->sweep);

	if (strcmp(sweep_name(a->sweep), name) != 0)
		return 0;
	if (!strcmp(a->name, b->name))
		return err_set(err, ERR_USAGE, "'%s' is given twice; nothing was added", a->name);
	return err_set(err, ERR_USAGE,
		       "'%s' and '%s' have the same 'name: %s': give one of them another name; "
		       "nothing was added",
		       a->name, b->name, name);
}

static int check_names(const struct expand_file *files, int n, struct err *err)
{
	for (int i = 1; i < n; i++)
		for (int k = 0; k < i; k++)
			if (check_pair(&files[k], &files[i], err))
				return -1;
	return 0;
}

/* Reads all files before any job is added, so that all complaints are printed at once. */
static int read_files(struct cmd_ctx *ctx, const struct args *args, int n, char **paths,
		      struct expand_file *files, struct err *err)
{
	int bad = 0;

	for (int i = 0; i < n; i++) {
		struct err one = {0};

		if (read_file(ctx, args, paths[i], &files[i], &one) == 0)
			continue;
		if (bad++)
			cmd_say_text(ctx, err->msg);
		*err = one;
	}
	return bad ? refuse_files(err) : check_names(files, n, err);
}

static void show_progress(void *arg, int64_t done, int64_t of)
{
	progress_show(arg, done, of);
}

/* ---- a dry run ---- */

enum { MAX_VALUES = 1000, SHOWN_VALUES = 6, SHOWN_STEPS = 3 };

/* The values of one parameter, in the order in which they appear. */
struct axis {
	char *name;
	struct strs values;
	size_t last; /* index of the previous job's value */
	bool many, drawn;
};

struct dry {
	struct cmd_ctx *ctx;
	bool list;
	const struct expand_file *file;
	struct axis *axes;
	size_t naxes;
	int64_t last_n;
	struct buf first, last;	       /* parameters of the first and the last job */
	struct buf commands;	       /* commands of the first job */
	struct expand_samples samples; /* of the comparison with the store */
	struct buf text;
};

static void dry_release(struct dry *d)
{
	for (size_t i = 0; i < d->naxes; i++) {
		free(d->axes[i].name);
		strs_release(&d->axes[i].values);
	}
	free(d->axes);
	buf_release(&d->first);
	buf_release(&d->last);
	buf_release(&d->commands);
	expand_samples_release(&d->samples);
	buf_release(&d->text);
}

static void record_value(struct axis *a, const char *value)
{
	if (a->many || (a->values.n && !strcmp(a->values.v[a->last], value)))
		return;
	/* values usually repeat in the same order, so the next value is compared first */
	for (size_t k = 1; k <= a->values.n; k++) {
		size_t i = (a->last + k) % a->values.n;

		if (!strcmp(a->values.v[i], value)) {
			a->last = i;
			return;
		}
	}
	if (a->values.n == MAX_VALUES) {
		a->many = true;
		return;
	}
	a->last = a->values.n;
	strs_add(&a->values, value);
}

static void record_param(struct dry *d, size_t place, const struct sweep_param *p)
{
	/* the parameters of a job usually have the same order as those of the previous job */
	if (place < d->naxes && !strcmp(d->axes[place].name, p->name)) {
		record_value(&d->axes[place], p->value);
		return;
	}
	for (size_t i = 0; i < d->naxes; i++) {
		if (!strcmp(d->axes[i].name, p->name)) {
			record_value(&d->axes[i], p->value);
			return;
		}
	}
	d->axes = mem_grow(d->axes, d->naxes + 1, sizeof(*d->axes));
	d->axes[d->naxes] = (struct axis){.name = mem_strdup(p->name), .drawn = p->drawn};
	record_value(&d->axes[d->naxes++], p->value);
}

static void add_point(struct buf *out, const char *which, const struct sweep_point *point)
{
	buf_clear(out);
	if (!point->n && !point->variant)
		return;
	buf_addstr(out, which);
	if (point->variant)
		buf_addf(out, " [%s]", point->variant);
	for (size_t i = 0; i < point->n; i++) {
		buf_addf(out, " %s=", point->params[i].name);
		buf_add_shell_word(out, point->params[i].value);
	}
}

static void record_options(struct dry *d, const char *title, const struct strs *options)
{
	if (!options->n)
		return;
	buf_addf(&d->commands, "%s\n ", title);
	for (size_t i = 0; i < options->n; i++) {
		buf_addch(&d->commands, ' ');
		buf_add_shell_word(&d->commands, options->v[i]);
	}
	buf_addch(&d->commands, '\n');
}

/* Adds an option of the script, unless slurmq sets it itself. */
static void add_option_in_force(void *arg, const struct directive *d)
{
	if (!d->opt || !d->opt->instead)
		directive_add(arg, d);
}

static void record_commands(struct dry *d, const struct plan *plan)
{
	struct strs script = {0};

	directives_each(plan->directives, add_option_in_force, &script);
	record_options(d, "the script asks for", &script);
	strs_release(&script);
	record_options(d, "the first asks for", &plan->sbatch);
	buf_addstr(&d->commands, "the first runs\n");
	for (size_t i = 0; i < plan->nsteps && i < SHOWN_STEPS; i++) {
		struct buf text = {0};
		char *lines, *save = NULL;

		buf_addf(&d->commands, "  %s\n", plan->steps[i].key);
		view_command(&plan->steps[i], &text);
		lines = buf_take(&text);
		for (char *l = strtok_r(lines, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
			buf_addf(&d->commands, "    %s\n", l);
		free(lines);
	}
	if (plan->nsteps > SHOWN_STEPS)
		buf_addf(&d->commands, "  ... and %zu more %s\n", plan->nsteps - SHOWN_STEPS,
			 plan->nsteps == SHOWN_STEPS + 1 ? "step" : "steps");
}

static int record_job(void *arg, int64_t n, const struct sweep_point *point,
		      const struct plan *plan)
{
	struct dry *d = arg;

	for (size_t i = 0; i < point->n; i++)
		record_param(d, i, &point->params[i]);
	if (n == 1) {
		add_point(&d->first, "first:", point);
		if (plan)
			record_commands(d, plan);
	}
	add_point(&d->last, "last: ", point);
	d->last_n = n;
	return 0;
}

/* Records a job of the file, and a sample of its kind. A job that the file lacks is only a sample. */
static int record_compared(void *arg, enum expand_kind kind, int64_t n, int64_t id,
			   const struct sweep_point *point, const struct plan *plan)
{
	struct dry *d = arg;

	expand_samples_add(&d->samples, kind, id, point);
	return plan ? record_job(d, n, point, plan) : 0;
}

static int print_job(void *arg, int64_t n, const struct sweep_point *point, const struct plan *plan)
{
	struct dry *d = arg;
	const struct db_job job = {
		.id = n,
		.sweep_name = (char *)sweep_name(d->file->sweep),
		.point = *point,
	};
	struct json j = {.out = &d->text};

	json_open(&j, NULL, '{');
	view_job_json(&j, &job, NULL);
	view_results_json(&j, NULL, 0);
	view_commands_json(&j, plan);
	json_close(&j);
	cmd_print_json(&d->text);
	return ferror(stdout) ? 1 : 0;
}

/* Prints a line, cut at the width of the terminal. */
static void print_cut(const struct dry *d, const char *line)
{
	const struct style *style = &d->ctx->out;
	struct buf cut = {0}, clean = {0};

	clean_add(&clean, style, line);
	text_add_cut(&cut, style, buf_str(&clean), style->width ? style->width : 1 << 20);
	buf_addch(&cut, '\n');
	fwrite(cut.s, 1, cut.len, stdout);
	buf_release(&cut);
	buf_release(&clean);
}

static void print_axis(struct dry *d, const struct axis *a)
{
	size_t shown = a->values.n > SHOWN_VALUES + 1 ? SHOWN_VALUES : a->values.n;

	buf_clear(&d->text);
	buf_addf(&d->text, "  %s", a->name);
	if (a->many)
		buf_addf(&d->text, " (more than %d%s)", MAX_VALUES, a->drawn ? ", random" : "");
	else if (a->values.n > 1 || a->drawn)
		buf_addf(&d->text, " (%zu%s)", a->values.n, a->drawn ? ", random" : "");
	buf_addch(&d->text, ':');
	for (size_t k = 0; k < shown; k++) {
		buf_addch(&d->text, ' ');
		buf_add_shell_word(&d->text, a->values.v[k]);
	}
	if (shown < a->values.n || a->many)
		buf_addstr(&d->text, " ...");
	print_cut(d, buf_str(&d->text));
}

static void print_lines(struct dry *d, struct buf *text)
{
	char *lines = buf_take(text), *save = NULL;

	for (char *l = strtok_r(lines, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		print_cut(d, l);
	free(lines);
}

/* Adds how many combinations of the whole product are excluded or equal. */
static void add_excluded(struct dry *d, const struct expand_result *r)
{
	uint64_t all;
	int64_t out;

	if (sweep_count_max(d->file->sweep, UINT64_MAX, &all, NULL))
		return;
	out = (int64_t)all - r->jobs - r->merged;
	if (out > 0)
		buf_addf(&d->text, "; %" PRId64 " of %" PRIu64 " combinations are excluded", out,
			 all);
	if (r->merged)
		buf_addf(&d->text, "; %" PRId64 " equal to an earlier one", r->merged);
}

static void print_dry(struct dry *d, const struct expand_result *r)
{
	buf_clear(&d->text);
	buf_addf(&d->text, "%s: %" PRId64 " %s, %" PRId64 " %s", r->sweep, r->jobs,
		 r->jobs == 1 ? "job" : "jobs", r->steps, r->steps == 1 ? "step" : "steps");
	add_excluded(d, r);
	print_cut(d, buf_str(&d->text));
	for (size_t i = 0; i < d->naxes; i++)
		print_axis(d, &d->axes[i]);
	if (d->first.len)
		print_cut(d, d->first.s);
	if (d->last_n > 1 && d->last.len)
		print_cut(d, d->last.s);
	if (d->commands.len)
		print_lines(d, &d->commands);
}

/* ---- results ---- */

static void add_result(struct json *j, const struct expand_result *r)
{
	json_str(j, "sweep", r->sweep);
	json_int(j, "jobs", r->jobs);
	json_int(j, "steps", r->steps);
	json_int(j, "added", r->added);
	json_int(j, "unchanged", r->unchanged);
	json_int(j, "changed", r->changed);
	json_int(j, "missing", r->missing);
	json_int(j, "kept", r->left);
}

static void print_result_json(const struct expand_result *r)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	add_result(&j, r);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
}

static void add_part(struct buf *line, int64_t n, const char *what)
{
	if (n)
		buf_addf(line, ", %" PRId64 " %s", n, what);
}

/* Returns the option of slurmq release with which it does not release jobs that are held for
 * another reason than sbatch's refusal, if there are refused jobs. */
static const char *choose_released(struct db *db, int64_t sweep)
{
	const struct db_select refused = {
		.sweeps = &sweep, .nsweeps = 1, .reasons = 1U << REASON_REFUSED};
	int64_t n;

	return !db_jobs_count(db, &refused, &n, NULL) && n ? "-s refused " : "";
}

/* Adds the next command: failed and held jobs need retry or release. */
static void add_next(struct cmd_ctx *ctx, struct buf *line, const struct expand_result *r)
{
	struct db_sweep s = {0};

	if (!r->added && !r->changed && !r->rerun)
		return;
	if (r->changed && db_sweep_find(ctx->store->db, r->sweep, &s, NULL))
		memset(&s, 0, sizeof(s));
	if (s.counts[JOB_FAILED])
		buf_addf(line, "; next: slurmq retry %s", r->sweep);
	else if (s.counts[JOB_HELD])
		buf_addf(line, "; next: slurmq release %s%s", choose_released(ctx->store->db, s.id),
			 r->sweep);
	else
		buf_addstr(line, "; next: slurmq submit");
	db_sweep_release(&s);
}

/* Prints which changed jobs keep their old commands. With --rerun-changed only running jobs do. */
static void report_kept(struct cmd_ctx *ctx, const struct args *args, const struct expand_result *r)
{
	bool one = r->left == 1;

	if (args->rerun_changed)
		cmd_say(ctx,
			"%s: %" PRId64
			" running %s commands: use --rerun-changed again when %s ended",
			r->sweep, r->left, one ? "job keeps its" : "jobs keep their",
			one ? "it has" : "they have");
	else
		cmd_say(ctx,
			"%s: %" PRId64 " running or completed %s commands "
			"(--rerun-changed makes completed jobs pending again)",
			r->sweep, r->left, one ? "job keeps its" : "jobs keep their");
}

static void report_missing(struct cmd_ctx *ctx, const struct args *args,
			   const struct expand_result *r)
{
	bool one = r->missing == 1;

	cmd_say(ctx, "%s: %" PRId64 " %s no longer in the file and %s (%s)", r->sweep, r->missing,
		one ? "job is" : "jobs are", one ? "stays" : "stay",
		args->prune ? "only pending jobs that were never tried are removed"
			    : "--prune removes pending jobs");
}

static void print_result(struct cmd_ctx *ctx, const struct args *args,
			 const struct expand_result *r)
{
	struct buf line = {0};

	buf_addf(&line, "%s: %" PRId64 " %s added", r->sweep, r->added,
		 r->added == 1 ? "job" : "jobs");
	if (r->added == r->jobs)
		buf_addf(&line, " (%" PRId64 " %s)", r->steps, r->steps == 1 ? "step" : "steps");
	add_part(&line, r->unchanged, "unchanged");
	add_part(&line, r->changed,
		 r->changed == 1 ? "gets the new commands" : "get the new commands");
	add_part(&line, r->rerun,
		 r->rerun == 1 ? "completed job pending again" : "completed jobs pending again");
	add_part(&line, r->pruned, "removed");
	add_part(&line, r->merged, "equal to an earlier one");
	add_next(ctx, &line, r);
	cmd_print(ctx, "%s", buf_str(&line));
	if (r->left)
		report_kept(ctx, args, r);
	if (r->missing)
		report_missing(ctx, args, r);
	buf_release(&line);
}

/* Prints that the setting limit.SWEEP overrides another limit in the file. */
static void report_limit(struct cmd_ctx *ctx, const struct sweep *sweep)
{
	const char *name = sweep_name(sweep);
	int64_t in_file = sweep_limit(sweep), limit;

	if (!in_file || limits_sweep(ctx->store, name, sweep, &limit, NULL) || limit == in_file)
		return;
	cmd_say(ctx,
		"%s: the setting limit.%s overrides 'limit: %" PRId64
		"' of the file; to use that: slurmq config --unset limit.%s",
		name, name, in_file, name);
}

/* Shows what an expand would do; with a store, compared with it. */
static int show_one(struct cmd_ctx *ctx, const struct args *args, const struct expand_file *file,
		    const struct expand_opts *opts, struct expand_result *r, struct err *err)
{
	struct dry d = {.ctx = ctx, .list = args->list, .file = file};
	int rc;

	if (args->list)
		rc = expand_dry(file, opts, print_job, &d, r, err);
	else if (ctx->store)
		rc = expand_compare(ctx->store, file, opts, record_compared, &d, r, err);
	else
		rc = expand_dry(file, opts, args->json ? NULL : record_job, &d, r, err);
	progress_end(opts->progress_arg);
	if (!rc && args->json && !args->list)
		print_result_json(r);
	else if (!rc && args->diff)
		rc = expand_diff_print(ctx, file, err);
	else if (!rc && !args->list)
		print_dry(&d, r);
	if (!rc && ctx->store && !args->list && !args->json)
		expand_counts_print(ctx, r, &d.samples);
	dry_release(&d);
	return rc;
}

static int add_one(struct cmd_ctx *ctx, const struct args *args, const struct expand_file *file,
		   const struct expand_opts *opts, struct expand_result *r, struct err *err)
{
	int rc = expand_store(ctx->store, file, opts, r, err);

	progress_end(opts->progress_arg);
	if (rc)
		return rc;
	if (args->json)
		print_result_json(r);
	else
		print_result(ctx, args, r);
	report_limit(ctx, file->sweep);
	return 0;
}

/* Sets *differs if the file differs from the store. */
static int expand_one(struct cmd_ctx *ctx, const struct args *args, const struct expand_file *file,
		      bool *differs, struct err *err)
{
	struct progress p;
	const struct expand_opts opts = {
		.max_jobs = args->max_jobs,
		.prune = args->prune,
		.rerun_changed = args->rerun_changed,
		.progress = show_progress,
		.progress_arg = &p,
	};
	struct expand_result r = {0};
	int rc;

	progress_begin(&p, ctx);
	rc = args->dry_run || args->diff ? show_one(ctx, args, file, &opts, &r, err)
					 : add_one(ctx, args, file, &opts, &r, err);
	*differs = *differs || r.differs;
	expand_result_release(&r);
	return rc < 0 ? -1 : 0;
}

/* Opens the store for a dry run if there is one. */
static void open_if_found(struct cmd_ctx *ctx)
{
	struct store found;
	struct err err = {0};

	if (!store_find(&found, &err) && cmd_open_store(ctx, &err))
		cmd_say(ctx, "not compared with the store: %s", err.msg);
	store_close(&found);
}

static int open_store(struct cmd_ctx *ctx, const struct args *args, struct err *err)
{
	const struct delete_reports reports = {.say = cmd_say_text, .say_arg = ctx};

	if (args->dry_run && !args->diff) {
		open_if_found(ctx);
		return 0;
	}
	if (cmd_open_store(ctx, err))
		return -1;
	return args->diff ? 0 : delete_complete(ctx->store, &reports, err);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct expand_file *files;
	bool differs = false;
	int rc = 0;

	if (args->list && (!args->dry_run || args->diff))
		return err_set(err, ERR_USAGE, "--list needs --dry-run%s",
			       args->diff ? ", without --diff" : "");
	if (open_store(ctx, args, err))
		return -1;
	files = mem_alloc((size_t)argc * sizeof(*files));
	rc = read_files(ctx, args, argc, argv, files, err);
	for (int i = 0; i < argc && !rc; i++)
		rc = expand_one(ctx, args, &files[i], &differs, err);
	for (int i = 0; i < argc; i++)
		expand_file_release(&files[i]);
	free(files);
	return rc ? rc : args->diff && differs;
}

static const struct opt opts[] = {
	OPT_FLAG(0, "dry-run", "show what would be added; needs no .slurmq", struct args, dry_run),
	OPT_FLAG(0, "diff", "show what would change in the store", struct args, diff),
	OPT_FLAG(0, "list", "with --dry-run: print one JSON document per job", struct args, list),
	OPT_FLAG(0, "json", "print one JSON document per FILE", struct args, json),
	OPT_FLAG(0, "prune", "remove pending jobs that FILE no longer has", struct args, prune),
	OPT_FLAG(0, "rerun-changed", "run changed completed jobs again", struct args,
		 rerun_changed),
	OPT_FLAG(0, "strict", "refuse a FILE with a warning", struct args, strict),
	OPT_INT(0, "max-jobs", "N", "refuse a FILE of more than N jobs (5000000)", struct args,
		max_jobs, 1, INT64_C(1000000000)),
	OPT_END};

const struct cmd cmd_expand = {
	.name = "expand",
	.args = "FILE... [--dry-run] [--diff] [--prune]",
	.summary = "add the jobs of a sweep file",
	.theme = CMD_START,
	.opts = opts,
	.size = sizeof(struct args),
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
