/* slurmq status - shows the progress of every sweep, and what needs the user's attention */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "chain/ingest.h"
#include "chain/cancel.h"
#include "lib/clock.h"
#include "chain/reconcile.h"
#include "chain/health.h"
#include "chain/sentinel.h"
#include "cmd/needs.h"
#include "cmd/notify.h"
#include "cmd/watch.h"
#include "cmd/why.h"
#include "cmd/view.h"

struct args {
	bool json, watch, exit_code;
};

/* The first line of slurmq why for each sweep, and what it was computed from. */
struct why_cache {
	struct strs keys, lines; /* parallel */
};

struct status {
	struct cmd_ctx *ctx;
	struct db_sweep *sweeps;
	size_t n;
	int64_t counts[JOB_NSTATES]; /* sums over these sweeps */
	struct limits limit;
	struct health chain;
	int64_t now;
	struct buf *text; /* the lines for people */
	struct why_cache *why;
};

enum {
	RECONCILE_MS = 5 * 1000,
	WATCH_RECONCILE_MS = 60 * 1000, /* kind to the cluster */
	RATE_MS = 3600 * 1000,
	WHY_MOST = 20000, /* jobs of a sweep that status compares */
};

static int64_t count_in_flight(const int64_t *counts)
{
	return counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
}

/* ---- reading ---- */

/* Brings the store up to date, as far as Slurm and the file system allow it now. */
static int refresh_store(struct cmd_ctx *ctx, int64_t reconcile_ms, struct err *err)
{
	int64_t counts[JOB_NSTATES];
	struct reconcile_result seen = {0};
	struct err away = {0};

	/* a full disk must not prevent the user from reading the status */
	if (ingest_now(ctx->store, &away))
		cmd_say(ctx, "this may be out of date: %s", away.msg);
	if (db_counts(ctx->store->db, counts, err))
		return -1;
	/* even if no job is in flight, a decision about an external cancel may be due
	 * (cancel.h) */
	if ((count_in_flight(counts) || cancel_phase(ctx->store->folder, NULL) != CANCEL_NONE) &&
	    reconcile(ctx->store, reconcile_ms, &seen, &away))
		cmd_say(ctx, "this may be out of date: %s", away.msg);
	/* The chain may depend on the sentinel alone, which may be cancelled or held too. Slurm
	 * is queried for it as often as for the jobs. */
	if (db_counts(ctx->store->db, counts, err))
		return -1;
	if (count_in_flight(counts) ? seen.ran && !*away.msg : counts[JOB_PENDING] > 0)
		sentinel_check(ctx->store);
	sentinel_settle(ctx->store, cmd_say_text,
			ctx); /* withdraws the sentinel if the last job has died */
	return 0;
}

static int keep_named(struct status *s, int argc, char **argv, struct err *err)
{
	bool *named = mem_alloc(s->n * sizeof(*named));
	size_t kept = 0;
	int rc = 0;

	for (int i = 0; i < argc && !rc; i++) {
		int64_t id = 0;

		if (strcmp(argv[i], "all") != 0)
			rc = select_sweep(s->ctx->store->db, argv[i], &id, err);
		for (size_t k = 0; k < s->n; k++)
			if (id == 0 || s->sweeps[k].id == id)
				named[k] = true;
	}
	for (size_t k = 0; k < s->n && !rc; k++) {
		if (named[k] || argc == 0) {
			struct db_sweep other = s->sweeps[kept];

			s->sweeps[kept++] = s->sweeps[k];
			s->sweeps[k] = other;
		}
	}
	for (size_t k = kept; k < s->n && !rc; k++)
		db_sweep_release(&s->sweeps[k]);
	if (!rc)
		s->n = kept;
	free(named);
	return rc;
}

static int read_status(struct status *s, int argc, char **argv, int64_t reconcile_ms,
		       struct err *err)
{
	struct db *db = s->ctx->store->db;

	if (refresh_store(s->ctx, reconcile_ms, err) || db_sweeps(db, &s->sweeps, &s->n, err) ||
	    keep_named(s, argc, argv, err))
		return -1;
	for (size_t i = 0; i < s->n; i++)
		for (int k = 0; k < JOB_NSTATES; k++)
			s->counts[k] += s->sweeps[i].counts[k];
	return limits_get(s->ctx->store, &s->limit, err) ||
			       health_read(s->ctx->store, &s->chain, err)
		       ? -1
		       : 0;
}

static void status_release(struct status *s)
{
	if (s->sweeps)
		db_sweeps_free(s->sweeps, s->n);
	limits_release(&s->limit);
	health_release(&s->chain);
}

/* ---- for programs ---- */

static void add_counts(struct json *j, const int64_t *counts)
{
	json_open(j, "counts", '{');
	for (int i = 0; i < JOB_NSTATES; i++)
		json_int(j, job_state_name(i), counts[i]);
	json_close(j);
}

static void add_sentinel(struct json *j, const struct health *c)
{
	static const char *const names[] = {"none", "off", "refused", "waiting", "held"};
	bool waits = c->sentinel == SENTINEL_WAITING || c->sentinel == SENTINEL_HELD;

	json_open(j, "sentinel", '{');
	json_str(j, "state", names[c->sentinel]);
	if (waits)
		json_int(j, "slurm_job", (int64_t)c->sentinel_job);
	else
		json_str(j, "slurm_job", NULL);
	json_time(j, "begin", waits ? c->sentinel_begin : 0);
	json_str(j, "why", c->sentinel_why);
	json_close(j);
}

static void add_blocks(struct json *j, const struct health *c)
{
	json_open(j, "blocked", '[');
	for (size_t i = 0; i < c->nblocks; i++) {
		const struct limit_group_block *b = &c->blocks[i];

		json_open(j, NULL, '{');
		json_str(j, "account", *b->account ? b->account : NULL);
		json_str(j, "partition", *b->partition ? b->partition : NULL);
		json_str(j, "qos", *b->qos ? b->qos : NULL);
		json_int(j, "in_flight", b->in_flight);
		json_time(j, "until", b->until);
		json_close(j);
	}
	json_close(j);
}

/* Adds why jobs wait in Slurm. */
static void add_waits(struct json *j, const struct health *c)
{
	json_open(j, "waits", '[');
	for (size_t i = 0; i < c->nwaits; i++) {
		const struct wait_group *g = &c->waits[i];
		struct buf ids = {0};

		waits_add_ids(g, &ids);
		json_open(j, NULL, '{');
		json_str(j, "sweep", g->sweep_name);
		json_str(j, "slurm_reason", g->reason);
		json_bool(j, "ends_by_itself", g->kind == WAIT_ENDS);
		json_int(j, "jobs", (int64_t)g->njobs);
		json_str(j, "ids", buf_str(&ids));
		json_close(j);
		buf_release(&ids);
	}
	json_close(j);
}

/* Appends why the queue is paused or the chain has stalled; false if there is no reason to name. */
static bool add_reason(const struct health *h, struct buf *text)
{
	if (!h->only_cancelled)
		return needs_add_pause(&h->pause, text);
	buf_addstr(text, "the only job was cancelled");
	return true;
}

static void print_json(const struct status *s)
{
	struct buf text = {0}, why = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	json_open(&j, "sweeps", '[');
	for (size_t i = 0; i < s->n; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "name", s->sweeps[i].name);
		json_int(&j, "jobs", s->sweeps[i].jobs);
		json_bool(&j, "paused", s->sweeps[i].paused);
		add_counts(&j, s->sweeps[i].counts);
		json_close(&j);
	}
	json_close(&j);
	add_counts(&j, s->counts);
	json_open(&j, "limit", '{');
	json_int(&j, "jobs", s->limit.jobs);
	json_str(&j, "from", s->limit.from);
	json_close(&j);
	json_int(&j, "in_flight", count_in_flight(s->counts));
	json_open(&j, "chain", '{');
	json_str(&j, "state", health_state_name(s->chain.state));
	json_str(&j, "why", add_reason(&s->chain, &why) ? buf_str(&why) : NULL);
	json_time(&j, "last_refill", s->chain.last_refill);
	json_close(&j);
	add_sentinel(&j, &s->chain);
	add_blocks(&j, &s->chain);
	add_waits(&j, &s->chain);
	needs_held_json(&j, &s->chain);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
	buf_release(&why);
}

/* ---- for people ---- */

/* A line that is filled up to the width of the terminal; parts that do not fit are omitted. */
struct line {
	const struct style *s;
	struct buf text;
	int used;
	int kept; /* reserved columns */
	bool full;
};

static void add_painted(struct line *l, enum paint paint, const char *text)
{
	int w = text_width(text);

	if (l->full || (l->s->width && l->used + w > l->s->width - l->kept)) {
		l->full = true;
		return;
	}
	paint_add(&l->text, l->s, paint, text);
	l->used += w;
}

static void add_count(struct line *l, const int64_t *counts, int state)
{
	char text[64];

	if (!counts[state])
		return;
	snprintf(text, sizeof(text), "  %" PRId64 " %s", counts[state], job_state_name(state));
	add_painted(l, view_paint(state), text);
}

static void add_bar(struct line *l, const struct db_sweep *sweep)
{
	const int width = l->s->width && l->s->width < 120 ? 10 : 24;
	const int64_t *c = sweep->counts;
	const struct bar_part parts[] = {
		{c[JOB_COMPLETED], PAINT_GREEN, '#', "\xe2\x96\x88"},
		{c[JOB_FAILED], PAINT_RED, 'x', NULL},
		{c[JOB_RUNNING], PAINT_CYAN, '>', NULL},
		{c[JOB_SUBMITTING] + c[JOB_QUEUED], PAINT_BLUE, '-', NULL},
	};

	bar_add(&l->text, l->s, width, sweep->jobs, parts, sizeof(parts) / sizeof(parts[0]));
	l->used += width + 2;
}

/* Adds the time left at the rate of the last hour, if at least two jobs ended in it. */
static void add_rate(const struct status *s, const struct db_sweep *sweep, struct buf *out)
{
	int64_t left = sweep->counts[JOB_PENDING] + count_in_flight(sweep->counts), n, earliest,
		span;

	if (!count_in_flight(sweep->counts) ||
	    db_recent_ends(s->ctx->store->db, sweep->id, s->now - RATE_MS, &n, &earliest, NULL) ||
	    n < 2 || earliest <= 0 || earliest >= s->now)
		return;
	span = s->now - earliest;
	span = (int64_t)((double)left * (double)span / (double)n);
	buf_addstr(out, span < 60 * 1000 ? "  <1m" : "  ");
	if (span >= 60 * 1000)
		time_add_duration(out, span);
	buf_addstr(out, " left");
}

static void print_sweep(const struct status *s, const struct db_sweep *sweep, int name_width,
			int done_width)
{
	static const int order[] = {JOB_FAILED,	    JOB_HELD,	 JOB_RUNNING,  JOB_QUEUED,
				    JOB_SUBMITTING, JOB_PENDING, JOB_CANCELLED};
	struct line l = {.s = &s->ctx->out};
	struct buf name = {0}, cut = {0}, rate = {0};
	char done[64];

	clean_add(&name, l.s, sweep->name);
	text_add_cut(&cut, l.s, buf_str(&name), name_width);
	add_painted(&l, PAINT_BOLD, buf_str(&cut));
	buf_addf(&l.text, "%*s", name_width - l.used + 1, "");
	l.used = name_width + 1;
	add_bar(&l, sweep);
	snprintf(done, sizeof(done), "%" PRId64 "/%" PRId64, sweep->counts[JOB_COMPLETED],
		 sweep->jobs);
	buf_addf(&l.text, "%*s", done_width + 1, done);
	l.used += done_width + 1;
	add_rate(s, sweep, &rate);
	l.kept = text_width(buf_str(&rate));
	if (sweep->paused)
		add_painted(&l, PAINT_YELLOW, "  paused");
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		add_count(&l, sweep->counts, order[i]);
	l.kept = 0;
	l.full = false;
	add_painted(&l, PAINT_DIM, buf_str(&rate));
	buf_addch(&l.text, '\n');
	buf_add(s->text, l.text.s, l.text.len);
	buf_release(&name);
	buf_release(&cut);
	buf_release(&rate);
	buf_release(&l.text);
}

static void print_sweeps(const struct status *s)
{
	int widest = 4, most = s->ctx->out.width && s->ctx->out.width < 100 ? 16 : 40, done = 3;

	for (size_t i = 0; i < s->n; i++) {
		const struct db_sweep *sweep = &s->sweeps[i];
		int w = text_width(sweep->name);
		int d = snprintf(NULL, 0, "%" PRId64 "/%" PRId64, sweep->counts[JOB_COMPLETED],
				 sweep->jobs);

		widest = w > widest ? w : widest;
		done = d > done ? d : done;
	}
	for (size_t i = 0; i < s->n; i++)
		print_sweep(s, &s->sweeps[i], widest < most ? widest : most, done);
}

static enum paint choose_chain_paint(enum chain_state state, bool all_completed)
{
	switch (state) {
	case CHAIN_ALIVE:
		return PAINT_GREEN;
	case CHAIN_DONE:
		return all_completed ? PAINT_GREEN : PAINT_NONE;
	case CHAIN_PAUSED:
	case CHAIN_STALLED:
		return PAINT_YELLOW;
	default:
		return PAINT_NONE;
	}
}

/* Prints a text after a prefix that takes `at` columns; further lines are indented. */
static void print_wrapped(const struct status *s, const char *prefix, const char *text, int at,
			  int indent)
{
	struct buf clean = {0};

	clean_add(&clean, &s->ctx->out, text);
	buf_addstr(s->text, prefix);
	text_add_wrapped(s->text, &s->ctx->out, buf_str(&clean), at, indent);
	buf_addch(s->text, '\n');
	buf_release(&clean);
}

/* Prints a line that needs the user's attention. A line that continues it begins with a blank. */
static void print_need(const struct status *s, const char *text)
{
	struct buf prefix = {0};

	paint_add(&prefix, &s->ctx->out, PAINT_YELLOW, *text == ' ' ? " " : "!");
	buf_addch(&prefix, ' ');
	print_wrapped(s, buf_str(&prefix), text, 2, 4);
	buf_release(&prefix);
}

/* Adds when the sentinel starts, if it waits in Slurm and the chain is not done. */
static void add_sentinel_text(const struct status *s, struct buf *text)
{
	const struct health *c = &s->chain;

	if (c->sentinel != SENTINEL_WAITING || c->state == CHAIN_DONE)
		return;
	if (c->sentinel_begin > s->now) {
		buf_addstr(text, "; sentinel in ");
		time_add_duration(text, c->sentinel_begin - s->now);
	} else {
		buf_addstr(text, "; sentinel due");
	}
}

/* Prints the limit groups for which Slurm accepts no more jobs, and a refusal of the sentinel. */
static void print_blocks(const struct status *s)
{
	const struct health *c = &s->chain;

	for (size_t i = 0; i < c->nblocks; i++) {
		const struct limit_group_block *b = &c->blocks[i];
		struct buf text = {0};

		needs_add_block(b, s->now, &text);
		print_wrapped(s, "", buf_str(&text), 0, 2);
		buf_release(&text);
	}
	if (c->sentinel == SENTINEL_REFUSED) {
		struct buf text = {0};

		buf_addf(&text,
			 "the sentinel is off because sbatch refused it: %s; slurmq config "
			 "sentinel.sbatch changes its options, slurmq submit submits it again",
			 c->sentinel_why);
		print_need(s, buf_str(&text));
		buf_release(&text);
	}
}

static void print_chain(const struct status *s)
{
	struct buf line = {0}, text = {0}, clean = {0}, why = {0};
	int64_t counts[JOB_NSTATES], jobs = 0;

	if (db_counts(s->ctx->store->db, counts, NULL))
		memcpy(counts, s->counts, sizeof(counts));
	buf_addstr(&line, "chain ");
	for (int i = 0; i < JOB_NSTATES; i++)
		jobs += counts[i];
	paint_add(&line, &s->ctx->out,
		  choose_chain_paint(s->chain.state, counts[JOB_COMPLETED] == jobs),
		  health_state_name(s->chain.state));
	if (add_reason(&s->chain, &why))
		buf_addf(&text, " (%s)", buf_str(&why));
	buf_addstr(&text, ", last refill ");
	time_add_ago(&text, s->chain.last_refill, s->now);
	buf_addf(&text, "; %" PRId64 " in Slurm, limit %" PRId64, count_in_flight(counts),
		 s->limit.jobs);
	if (s->limit.from)
		buf_addf(&text, " (%s)", s->limit.from);
	add_sentinel_text(s, &text);
	clean_add(&clean, &s->ctx->out, buf_str(&text));
	text_add_wrapped(&line, &s->ctx->out, buf_str(&clean),
			 6 + text_width(health_state_name(s->chain.state)), 6);
	buf_addch(&line, '\n');
	buf_add(s->text, line.s, line.len);
	buf_release(&line);
	buf_release(&text);
	buf_release(&clean);
	buf_release(&why);
}

/* Prints how many jobs wait, pending or in Slurm's queue, until their policy retries them. */
static void print_later(const struct status *s)
{
	struct buf text = {0};

	if (!s->chain.later)
		return;
	buf_addf(&text, "%" PRId64 " %s retried later, the first in ", s->chain.later,
		 s->chain.later == 1 ? "job is" : "jobs are");
	time_add_duration(&text, s->chain.later_at > s->now ? s->chain.later_at - s->now : 0);
	buf_addf(s->text, "%s\n", buf_str(&text));
	buf_release(&text);
}

/* Returns the sweep if it is one of those that are shown, else NULL. */
static const struct db_sweep *find_sweep(const struct status *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->sweeps[i].name, name))
			return &s->sweeps[i];
	return NULL;
}

/* Adds the best explanation of a sweep's failures as a line that continues another one. */
static void add_why(const struct status *s, const char *name, struct strs *lines)
{
	const struct db_sweep *sweep = find_sweep(s, name);
	struct explained e = {0};
	struct buf line = {0};
	char *key;

	if (!sweep || sweep->counts[JOB_FAILED] + sweep->counts[JOB_COMPLETED] > WHY_MOST)
		return;
	key = mem_printf("%s %" PRId64, name, sweep->counts[JOB_FAILED]);
	for (size_t i = 0; i < s->why->keys.n; i++) {
		if (!strcmp(s->why->keys.v[i], key)) {
			buf_addstr(&line, s->why->lines.v[i]);
			goto out;
		}
	}
	if (!explain_sweep(s->ctx->store->db, sweep->id, &e, NULL) && e.n)
		why_add_line(s->ctx, &e.v[0], &line);
	explained_release(&e);
	strs_add(&s->why->keys, key);
	strs_add(&s->why->lines, buf_str(&line));
out:
	if (line.len)
		strs_addf(lines, "  %s", buf_str(&line));
	buf_release(&line);
	free(key);
}

static void print_needs(const struct status *s)
{
	struct strs lines = {0};

	for (size_t i = 0; i < s->chain.nneeds; i++) {
		if (s->chain.needs[i].sweep && !find_sweep(s, s->chain.needs[i].sweep))
			continue; /* not one of those that were asked for */
		needs_add_lines(&s->chain.needs[i], &lines);
		if (s->chain.needs[i].kind == NEED_FAILED)
			add_why(s, s->chain.needs[i].sweep, &lines);
	}
	for (size_t i = 0; i < lines.n; i++)
		print_need(s, lines.v[i]);
	strs_release(&lines);
}

static void print_status(const struct status *s)
{
	if (!s->n) {
		buf_addstr(s->text, "no jobs yet: slurmq expand FILE\n");
		return;
	}
	print_sweeps(s);
	print_chain(s);
	print_later(s);
	print_blocks(s);
	print_needs(s);
}

/* ---- watching ---- */

struct watched {
	struct cmd_ctx *ctx;
	int argc;
	char **argv;
	struct why_cache why;
};

static int draw(void *arg, struct buf *screen, struct err *err)
{
	struct watched *w = arg;
	struct status s = {.ctx = w->ctx, .now = clock_now_ms(), .text = screen, .why = &w->why};
	int rc = read_status(&s, w->argc, w->argv, WATCH_RECONCILE_MS, err);

	if (!rc)
		print_status(&s);
	status_release(&s);
	return rc;
}

static void report_sweep(const struct db_sweep *sweep, struct strs *lines)
{
	struct buf line = {0};

	buf_addf(&line, "%s %" PRId64 "/%" PRId64, sweep->name, sweep->counts[JOB_COMPLETED],
		 sweep->jobs);
	for (int i = 0; i < JOB_NSTATES; i++)
		if (i != JOB_COMPLETED && sweep->counts[i])
			buf_addf(&line, "  %" PRId64 " %s", sweep->counts[i], job_state_name(i));
	strs_take(lines, buf_take(&line));
}

static int report(void *arg, struct strs *lines, bool *over, struct err *err)
{
	struct watched *w = arg;
	struct status s = {.ctx = w->ctx, .now = clock_now_ms(), .why = &w->why};
	int rc = read_status(&s, w->argc, w->argv, WATCH_RECONCILE_MS, err);

	for (size_t i = 0; i < s.n && !rc; i++)
		report_sweep(&s.sweeps[i], lines);
	if (!rc) {
		struct buf why = {0};
		bool reason = add_reason(&s.chain, &why);

		strs_addf(lines, "chain %s%s%s%s", health_state_name(s.chain.state),
			  reason ? " (" : "", buf_str(&why), reason ? ")" : "");
		buf_release(&why);
		*over = !s.counts[JOB_PENDING] && !count_in_flight(s.counts);
	}
	status_release(&s);
	return rc;
}

static int watch_status(struct cmd_ctx *ctx, int argc, char **argv, struct err *err)
{
	struct watched w = {.ctx = ctx, .argc = argc, .argv = argv};
	const struct watch watch = {.draw = draw, .report = report, .arg = &w};
	int rc = watch_run(ctx, &watch, err);

	strs_release(&w.why.keys);
	strs_release(&w.why.lines);
	return rc;
}

/* Returns the status for --exit-code: 1 if a job failed, 75 if work is left and nothing runs. */
static int compute_exit_code(const struct status *s)
{
	const int64_t *c = s->counts;

	if (c[JOB_FAILED])
		return ERR_FAILED;
	return s->chain.state != CHAIN_ALIVE && c[JOB_PENDING] + c[JOB_HELD] + count_in_flight(c)
		       ? ERR_AGAIN
		       : 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct why_cache why = {0};
	struct buf text = {0};
	struct status s = {.ctx = ctx, .now = clock_now_ms(), .text = &text, .why = &why};
	int rc;

	if (args->watch && args->json)
		return err_set(err, ERR_USAGE, "--watch and --json exclude each other");
	if (args->watch)
		return watch_status(ctx, argc, argv, err);
	rc = read_status(&s, argc, argv, RECONCILE_MS, err);
	if (!rc && args->json) {
		print_json(&s);
	} else if (!rc) {
		print_status(&s);
		fwrite(buf_str(&text), 1, text.len, stdout);
	}
	if (!rc && args->exit_code)
		rc = compute_exit_code(&s);
	status_release(&s);
	strs_release(&why.keys);
	strs_release(&why.lines);
	buf_release(&text);
	notify_events(ctx, ctx->store);
	return rc;
}

static const struct opt opts[] = {
	OPT_FLAG('w', "watch", "show it again and again; q quits", struct args, watch),
	OPT_FLAG(0, "exit-code", "exit with 1 if a job failed, 75 if nothing goes on", struct args,
		 exit_code),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_status = {
	.name = "status",
	.args = "[SWEEP...] [-w] [--exit-code] [--json]",
	.summary = "show progress and what needs your attention",
	.theme = CMD_INSPECT,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
