#include "cmd/cmd.h"
#include "cmd/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/guess.h"
#include "chain/reconcile.h"
#include "chain/sentinel.h"
#include "cmd/changed.h"
#include "store/state.h"
#include "cmd/page.h"

enum { INDENT = 4 }; /* of the lines that continue a message */

int cmd_open_store(struct cmd_ctx *ctx, struct err *err)
{
	if (ctx->store)
		return 0;
	if (store_find(&ctx->opened, err) || store_open(&ctx->opened, err)) {
		store_close(&ctx->opened);
		return -1;
	}
	ctx->store = &ctx->opened;
	return 0;
}

void cmd_add_message(struct buf *out, const struct style *s, enum paint paint, const char *before,
		     const char *text)
{
	int at = text_width(before);

	paint_add(out, s, paint, before);
	for (const char *end; text; text = *end ? end + 1 : NULL) {
		struct buf clean = {0};
		char *line;

		end = text + strcspn(text, "\n");
		line = mem_strndup(text, (size_t)(end - text));
		clean_add(&clean, s, line);
		text_add_wrapped(out, s, buf_str(&clean), at, INDENT);
		buf_addch(out, '\n');
		buf_release(&clean);
		free(line);
		at = 0;
	}
}

void cmd_say(struct cmd_ctx *ctx, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	cmd_say_text(ctx, buf_str(&text));
	buf_release(&text);
}

void cmd_say_text(void *arg, const char *text)
{
	struct cmd_ctx *ctx = arg;
	char *before = mem_printf("slurmq %s: ", ctx->cmd->name);
	char *lines = mem_strdup(text), *save = NULL;
	struct buf out = {0};

	for (char *l = strtok_r(lines, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		cmd_add_message(&out, &ctx->err, PAINT_NONE, before, l);
	if (out.len)
		fwrite(out.s, 1, out.len, stderr);
	buf_release(&out);
	free(lines);
	free(before);
}

void cmd_print(struct cmd_ctx *ctx, const char *fmt, ...)
{
	struct buf text = {0}, line = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	clean_add(&line, &ctx->out, buf_str(&text));
	buf_addch(&line, '\n');
	fwrite(line.s, 1, line.len, stdout);
	buf_release(&line);
	buf_release(&text);
}

int cmd_confirm(struct cmd_ctx *ctx, bool yes, const char *what, struct err *err)
{
	char answer[16];

	if (yes)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return err_set(err, ERR_USAGE, "would %s; add --yes to confirm", what);
	fflush(stdout);
	fprintf(stderr, "slurmq %s: %s? [y/N] ", ctx->cmd->name, what);
	fflush(stderr);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return err_set(err, ERR_FAILED, "nothing was changed");
}

void cmd_print_json(struct buf *text)
{
	buf_addch(text, '\n');
	fwrite(text->s, 1, text->len, stdout);
	buf_clear(text);
}

/* ---- filling the queue ---- */

static int has_options(void *arg, const struct db_job *job)
{
	(void)arg;
	return job->options != NULL;
}

/* Returns whether a refused job of the sweep has options of slurmq retry --sbatch, which a
 * change of the sweep file does not replace. */
static bool refused_with_options(struct db *db, const char *name)
{
	struct db_select select = {.reasons = 1U << REASON_REFUSED};
	struct db_sweep s = {0};
	bool found = false;

	if (!db_sweep_find(db, name, &s, NULL)) {
		select.sweeps = &s.id;
		select.nsweeps = 1;
		found = db_jobs_each(db, &select, has_options, NULL, NULL) > 0;
	}
	db_sweep_release(&s);
	return found;
}

/* Sets the error of a refusal. The message of sbatch itself is already printed. */
static void set_refused_error(struct cmd_ctx *ctx, struct cmd_filled *f)
{
	const char *sweep = f->r.refused_sweep ? f->r.refused_sweep : "SWEEP";

	f->status = ERR_FAILED;
	if (refused_with_options(ctx->store->db, sweep))
		err_set(&f->err, ERR_FAILED,
			"jobs of the sweep '%s' are held because sbatch refused them with the "
			"options of slurmq retry --sbatch; replace these: slurmq retry %s "
			"--sbatch OPTION=VALUE, or remove them: --sbatch ''",
			sweep, sweep);
	else
		err_set(&f->err, ERR_FAILED,
			"jobs of the sweep '%s' are held because sbatch refused them; fix the "
			"sweep file, run slurmq expand again, then: slurmq release -s refused %s",
			sweep, sweep);
}

/* Sets the exit status and the message for the reason that stopped the fill. */
static void set_stop_error(struct cmd_ctx *ctx, struct cmd_filled *f)
{
	const char *text = f->r.text ? f->r.text : "";
	const char *colon = *text ? ": " : "";
	char *owner;

	switch (f->r.stop) {
	case FILL_REFUSED:
		set_refused_error(ctx, f);
		break;
	case FILL_UNCLEAR:
		f->status = err_set(&f->err, ERR_AGAIN,
				    "Slurm gave no clear answer for %" PRId64 " jobs%s%s\n"
				    "the next slurmq submit queries Slurm for them",
				    f->r.unclear, colon, text);
		break;
	case FILL_BACKOFF:
		f->status =
			err_set(&f->err, ERR_AGAIN,
				"Slurm accepts no jobs at the moment%s%s; try slurmq submit later",
				colon, text);
		break;
	case FILL_LOCKED:
		owner = queue_lock_owner(ctx->store->folder);
		f->status = err_set(&f->err, ERR_AGAIN,
				    "another slurmq is filling this queue (%s): try again",
				    *owner ? owner : "unknown process");
		free(owner);
		break;
	case FILL_ELSEWHERE:
		f->status = err_set(&f->err, ERR_FAILED,
				    "the jobs of this folder belong to another cluster%s%s", colon,
				    text);
		break;
	default:
		if (!f->r.submitted && !f->r.confirmed && f->r.in_flight)
			f->status = err_set(&f->err, ERR_AGAIN,
					    "Slurm has not answered yet for %" PRId64
					    " submitted jobs; run slurmq sync later",
					    f->r.in_flight);
		break;
	}
	if (f->status < 0)
		f->status = f->err.status;
}

void cmd_fill(struct cmd_ctx *ctx, const struct fill_opts *wanted, struct cmd_filled *f)
{
	struct fill_opts opts = *wanted;
	struct reconcile_result seen;
	struct err err = {0};
	int unknown;

	opts.caller = FILL_USER;
	opts.lock_ms = 60 * 1000;
	opts.say = cmd_say_text;
	opts.say_arg = ctx;
	memset(f, 0, sizeof(*f));
	f->trial = opts.trial;
	changed_report(ctx);
	unknown = reconcile(ctx->store, 0, &seen, &err);
	if (unknown && err.status == ERR_AGAIN)
		cmd_say_text(ctx, err.msg);
	if (fill_run(ctx->store, &opts, &f->r, &f->err))
		f->status = f->err.status ? f->err.status : ERR_FAILED;
	/* both calls report an error of the folder: print it once */
	if (unknown && err.status != ERR_AGAIN && !f->status)
		cmd_say_text(ctx, err.msg);
	if (!f->status)
		sentinel_tend(ctx->store, SENTINEL_USER, cmd_say_text, ctx);
	if (!f->status || f->r.stop == FILL_REFUSED)
		set_stop_error(ctx, f);
	if (limits_get(ctx->store, &f->limit, &err) && !f->status)
		cmd_say_text(ctx, err.msg);
	notify_events(ctx, ctx->store);
}

/* Adds what the user can do if nothing is pending and nothing was submitted. */
static void add_next_commands(struct cmd_ctx *ctx, struct buf *line)
{
	int64_t counts[JOB_NSTATES], max = 0;

	if (db_counts(ctx->store->db, counts, NULL) || db_job_max(ctx->store->db, &max, NULL))
		return;
	if (max == 0)
		buf_addstr(line, "; slurmq expand FILE adds jobs");
	if (counts[JOB_HELD])
		buf_addf(line, "; %" PRId64 " held: slurmq status shows why", counts[JOB_HELD]);
	if (counts[JOB_FAILED])
		buf_addf(line, "; %" PRId64 " failed: slurmq retry runs them again",
			 counts[JOB_FAILED]);
}

static void add_why_no_more(struct cmd_ctx *ctx, const struct cmd_filled *f, struct buf *line)
{
	switch (f->r.stop) {
	case FILL_PAUSED:
		buf_addstr(line, "; the queue is paused: slurmq resume");
		break;
	case FILL_LIMITED:
		buf_addstr(line, "; Slurm reports that your limit is reached");
		if (f->r.text && *f->r.text)
			buf_addf(line, ": %.*s", (int)strcspn(f->r.text, "\n"), f->r.text);
		break;
	case FILL_THROTTLED:
		buf_addf(line, "; '%s' has reached its own limit: slurmq config limit.%s",
			 f->r.full_sweep, f->r.full_sweep);
		break;
	case FILL_MAX:
		if (!f->trial && f->r.pending)
			buf_addstr(line, "; each job that ends submits more (--try: none does)");
		break;
	case FILL_EMPTY:
		if (f->r.submitted == 0 && f->r.in_flight == 0)
			add_next_commands(ctx, line);
		break;
	default:
		break;
	}
}

/* Adds the paused sweeps that have pending jobs, with the command that ends each pause. */
static void add_paused_sweeps(struct cmd_ctx *ctx, struct buf *line)
{
	struct db_sweep *v;
	size_t n;

	if (db_sweeps(ctx->store->db, &v, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		if (v[i].paused && v[i].counts[JOB_PENDING])
			buf_addf(line, "; %s is paused: slurmq resume %s", v[i].name, v[i].name);
	db_sweeps_free(v, n);
}

void cmd_filled_print(struct cmd_ctx *ctx, const struct cmd_filled *f)
{
	struct buf line = {0};

	if (f->status && !f->r.submitted)
		return;
	if (f->r.stop == FILL_EMPTY && f->r.submitted == 0 && f->r.in_flight == 0)
		buf_addstr(&line, "nothing to submit");
	else
		buf_addf(&line,
			 "submitted %" PRId64 " %s; %" PRId64 " pending, %" PRId64
			 " in Slurm (limit %" PRId64 ", %s)",
			 f->r.submitted, f->r.submitted == 1 ? "job" : "jobs", f->r.pending,
			 f->r.in_flight, f->limit.from ? f->limit.jobs : f->r.limit,
			 f->limit.from ? f->limit.from : "unknown");
	add_why_no_more(ctx, f, &line);
	if (f->r.paused && f->r.stop != FILL_PAUSED)
		add_paused_sweeps(ctx, &line);
	if (f->trial && f->r.pending && f->r.stop != FILL_PAUSED)
		buf_addstr(&line, "; the rest waits for slurmq submit");
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
}

void cmd_filled_json(const struct cmd_filled *f, struct json *j)
{
	static const char *const stops[] = {
		[FILL_FULL] = "full",
		[FILL_EMPTY] = "empty",
		[FILL_PAUSED] = "paused",
		[FILL_LIMITED] = "limited",
		[FILL_REFUSED] = "refused",
		[FILL_UNCLEAR] = "unclear",
		[FILL_BACKOFF] = "backoff",
		[FILL_LOCKED] = "locked",
		[FILL_MAX] = "max",
		[FILL_THROTTLED] = "throttled",
		[FILL_ELSEWHERE] = "elsewhere",
	};

	json_int(j, "submitted", f->r.submitted);
	json_int(j, "unclear", f->r.unclear);
	json_int(j, "held", f->r.held);
	json_int(j, "pending", f->r.pending);
	json_int(j, "in_flight", f->r.in_flight);
	json_open(j, "limit", '{');
	json_int(j, "jobs", f->limit.from ? f->limit.jobs : f->r.limit);
	json_str(j, "from", f->limit.from);
	json_close(j);
	json_str(j, "stop", stops[f->r.stop]);
	json_str(j, "text", f->r.text);
}

int cmd_filled_end(struct cmd_filled *f, struct err *err)
{
	int status = f->status;

	fill_result_release(&f->r);
	limits_release(&f->limit);
	if (!status)
		return 0;
	*err = f->err;
	err->status = status;
	return -1;
}

int cmd_fill_at_end(struct cmd_ctx *ctx, bool submit, struct json *j, struct err *err)
{
	struct cmd_filled filled;

	if (!submit) {
		if (j)
			json_null(j, "submit");
		return 0;
	}
	cmd_fill(ctx, &(struct fill_opts){.max = -1}, &filled);
	if (j) {
		json_open(j, "submit", '{');
		cmd_filled_json(&filled, j);
		json_close(j);
	} else {
		cmd_filled_print(ctx, &filled);
	}
	return cmd_filled_end(&filled, err);
}

/* ---- pausing ---- */

int cmd_pause_queue(struct cmd_ctx *ctx, const char *why, struct err *err)
{
	struct db *db = ctx->store->db;
	const char *user = getenv("USER");
	char *text = user && *user ? mem_printf("%s by %s", why, user)
				   : mem_printf("%s by user %ld", why, (long)geteuid());
	int rc = db_begin(db, err);

	if (!rc && (state_pause(db, text, err) || db_commit(db, err))) {
		db_rollback(db);
		rc = -1;
	}
	if (!rc) /* withdraws the sentinel, which must not start while the queue is paused */
		sentinel_tend(ctx->store, SENTINEL_USER, cmd_say_text, ctx);
	free(text);
	return rc;
}

int cmd_pause_sweeps(struct cmd_ctx *ctx, bool paused, int n, char **names,
		     struct db_sweep **sweeps, struct err *err)
{
	struct db *db = ctx->store->db;
	struct db_sweep *v = mem_alloc(((size_t)n + 1) * sizeof(*v));
	int rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		int64_t id;

		rc = select_sweep(db, names[i], &id, err) || db_sweep_get(db, id, &v[i], err);
	}
	if (!rc)
		rc = db_begin(db, err);
	if (!rc) {
		for (int i = 0; i < n && !rc; i++)
			rc = state_set_sweep_paused(db, v[i].id, paused, err);
		if (rc || db_commit(db, err)) {
			db_rollback(db);
			rc = -1;
		}
	}
	if (!rc) {
		*sweeps = v;
		return 0;
	}
	db_sweeps_free(v, (size_t)n);
	return -1;
}

/* ---- help ---- */

const struct cmd *cmd_find(const struct cmd *const *all, const char *name)
{
	for (; *all; all++)
		if (!strcmp((*all)->name, name))
			return *all;
	return NULL;
}

/* Words that other tools use, and what does the same here. A row whose command this slurmq does
 * not have is ignored. */
static const struct {
	const char *word, *cmd, *options;
} habits[] = {
	{"abort", "cancel", ""},  {"cat", "log", ""},	      {"info", "show", ""},
	{"kill", "cancel", ""},	  {"ls", "list", ""},	      {"rerun", "retry", ""},
	{"restart", "retry", ""}, {"resubmit", "retry", ""},  {"rm", "delete", ""},
	{"start", "submit", ""},  {"stop", "cancel", ""},     {"tail", "log", " -f"},
	{"top", "status", " -w"}, {"watch", "status", " -w"},
};

/* Returns whether a command has an option of that letter. */
static bool has_letter(const struct cmd *cmd, char letter)
{
	for (const struct opt *o = cmd->opts; o && o->type != OPT_TYPE_END; o++)
		if (o->letter == letter)
			return true;
	return false;
}

/* Returns the index of the habit that name is, or -1. */
static int find_habit(const struct cmd *const *all, const char *name)
{
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
		if (!strcmp(habits[i].word, name) && cmd_find(all, habits[i].cmd))
			return (int)i;
	return -1;
}

int cmd_unknown(const struct cmd *const *all, const char *name, bool topics, struct err *err)
{
	struct strs names = {0};
	const char *near, *options = "";
	int habit = find_habit(all, name);

	for (const struct cmd *const *c = all; *c; c++)
		if (!(*c)->internal)
			strs_add(&names, (*c)->name);
	for (const struct page *p = pages; topics && p->name; p++)
		if (page_is_topic(p))
			strs_add(&names, page_short_name(p));
	near = habit < 0 ? guess_nearest(name, (const char *const *)names.v) : habits[habit].cmd;
	if (habit >= 0 && !topics && *habits[habit].options &&
	    has_letter(cmd_find(all, near), habits[habit].options[2]))
		options = habits[habit].options;
	if (!topics && page_find(name) && page_is_topic(page_find(name)))
		err_set(err, ERR_USAGE, "unknown command '%s': slurmq help %s prints that page",
			name, name);
	else if (near)
		err_set(err, ERR_USAGE, "unknown command '%s', did you mean '%s%s'?", name, near,
			options);
	else
		err_set(err, ERR_USAGE, "unknown command '%s': slurmq help lists them", name);
	strs_release(&names);
	return -1;
}

/* Adds the list of commands, which fits 80 columns. */
static void add_usage_of_all(const struct cmd_ctx *ctx, struct buf *out)
{
	static const char *const themes[CMD_NTHEMES] = {
		[CMD_START] = "Getting started",
		[CMD_INSPECT] = "Inspecting",
		[CMD_CONTROL] = "Controlling",
		[CMD_INSIDE] = "Inside jobs",
	};

	buf_addstr(out, "slurmq keeps your Slurm queue full from a database of jobs.\n"
			"usage: slurmq [-C DIR] [--color WHEN] COMMAND [options] [arguments]\n\n");
	for (int theme = 0; theme < CMD_NTHEMES; theme++) {
		const char *title = themes[theme];

		for (const struct cmd *const *c = ctx->all; *c; c++) {
			if ((int)(*c)->theme != theme)
				continue;
			buf_addf(out, "%-15s %-9s %s\n", title, (*c)->name, (*c)->summary);
			title = "";
		}
	}
	buf_addstr(out, "\nslurmq help COMMAND prints its manual page, COMMAND -h prints its "
			"options.\nAlso: slurmq help");
	for (const struct page *p = pages; p->name; p++)
		if (page_is_topic(p))
			buf_addf(out, " %s", page_short_name(p));
	buf_addch(out, '\n');
}

void cmd_usage(const struct cmd_ctx *ctx, const struct cmd *cmd, struct buf *out)
{
	if (!cmd) {
		add_usage_of_all(ctx, out);
		return;
	}
	buf_addf(out, "usage: slurmq %s%s%s\n\n%s\n\n", cmd->name, *cmd->args ? " " : "", cmd->args,
		 cmd->summary);
	if (cmd->opts)
		opt_usage(cmd->opts, out);
	opt_usage(ctx->common, out);
}
