/* cmd_run.c - slurmq run: what a submitted job executes. */
#include "cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "proc.h"
#include "reconcile.h"
#include "supervise.h"
#include "ticket.h"

enum {
	GATE_MS = 60 * 1000,
	GATE_CANCELLED_MS = 1000,
	TICK_FIRST_MS = 1000,
	TICK_EVERY_MS = 5 * 60 * 1000,
	STAY_MOST_MS = 60 * 1000,
	TICK_END_MS = 60 * 1000,
};

/* Nothing that Slurm is known to have would go on with the chain, and there is work. At a limit of one this
 * job's own slot is all there is. */
static bool must_stay(const struct queue_result *r)
{
	return r->confirmed == 0 && (r->pending > 0 || r->in_flight > 0) && r->limit != 1 &&
	       (r->stop == QUEUE_LIMITED || r->stop == QUEUE_BACKOFF || r->stop == QUEUE_UNCLEAR);
}

/* Wait; false where Slurm wants us to end. */
static bool pause_ms(int64_t ms)
{
	int64_t end = clock_mono_ms() + ms, left;

	while ((left = end - clock_mono_ms()) > 0)
		if (proc_signal_wait((int)left) == SIGTERM)
			return false;
	return true;
}

/* The last one out stays: an outage answers every submission with a failure, and all would leave. */
static void stay(struct cmd_ctx *ctx, struct store *store, const struct queue_opts *o)
{
	int64_t wait = 2000;
	int lock;

	if (spool_lock(store->spool, "last", &lock, NULL))
		return; /* somebody else does */
	cmd_say(ctx,
		"nothing else would go on with the chain: staying until something is submitted");
	while (pause_ms(wait)) {
		struct reconcile_result rec;
		struct queue_result r;
		struct err err = {0};
		int rc = reconcile(store, wait, &rec, &err);

		if (!rc)
			rc = queue_fill(store, o, &r, &err);
		else
			memset(&r, 0, sizeof(r));
		if (rc)
			cmd_say(ctx, "%s", err.msg);
		if (!rc && !must_stay(&r)) {
			queue_result_release(&r);
			break;
		}
		queue_result_release(&r);
		wait = wait * 2 < STAY_MOST_MS ? wait * 2 : STAY_MOST_MS;
	}
	spool_unlock(lock);
}

/* A job's log is its owner's: of the chain only what went wrong is told there. A limit is no trouble. */
static void say_trouble(struct cmd_ctx *ctx, struct store *store, const char *event,
			const struct queue_result *r)
{
	if (r->stop == QUEUE_GATE && event && spool_has(store->spool, SPOOL_SPOOL, event))
		cmd_say(ctx,
			"another slurmq holds the gate: what this job has to tell lies in spool/ until the next one tells it");
	if (r->text && *r->text && r->stop != QUEUE_LIMITED && r->stop != QUEUE_REFUSED)
		cmd_say(ctx, "sbatch: %s", r->text);
}

/* Tell the end, and refill. */
static void chain_on(struct cmd_ctx *ctx, struct store *store, const struct supervise_result *s)
{
	struct queue_opts o = {.caller = QUEUE_CHAIN, .max = -1, .in_job = true};
	struct queue_result r = {0};
	struct err err = {0};

	o.no_claim = !s->refill;
	o.gate_ms = s->refill ? GATE_MS : GATE_CANCELLED_MS;
	o.mine = s->event[0] ? s->event : NULL;
	o.say = cmd_say_text;
	o.say_arg = ctx;
	if (store_open(store, &err) || queue_fill(store, &o, &r, &err))
		cmd_say(ctx, "%s", err.msg);
	say_trouble(ctx, store, o.mine, &r);
	if (store->db && s->refill && must_stay(&r)) {
		o.mine = NULL;
		stay(ctx, store, &o);
	}
	queue_result_release(&r);
}

/* A refill that was begun beside the command must not be cut off in the middle of its sbatch. */
static void wait_for_tick(int pid)
{
	int64_t end = clock_mono_ms() + TICK_END_MS;
	struct proc_end e;

	while (pid && clock_mono_ms() < end) {
		while (pid && proc_reap(&e))
			if (e.pid == pid)
				pid = 0;
		if (pid)
			proc_signal_wait(100);
	}
}

static int task_index(void)
{
	const char *text = getenv("SLURM_ARRAY_TASK_ID");
	int64_t n;

	return text && !opt_int(text, &n) ? (int)n : 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	char exe[4096] = "";
	const char *tick[] = {exe, "chain", NULL};
	struct supervise_opts o = {.log = STDOUT_FILENO,
				   .tick_first_ms = TICK_FIRST_MS,
				   .tick_every_ms = TICK_EVERY_MS};
	struct supervise_result s = {0};
	struct store store = {0};
	int rc;

	(void)options;
	(void)argc;
	proc_signals_block();
	if (ticket_name_parse(argv[0], &o.submission))
		return err_set(err, ERR_USAGE,
			       "'%s' is no ticket: this is what a submitted job executes", argv[0]);
	if (!getenv("SLURM_JOB_ID"))
		return err_set(
			err, ERR_USAGE,
			"not inside a Slurm job: this is what a submitted job executes; to submit: slurmq submit");
	if (store_find(&store, err) || store_open_spool(&store, err)) {
		store_close(&store);
		return -1;
	}
	o.spool = store.spool;
	o.dir = store.dir;
	o.task = task_index();
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0)
		o.tick = tick;
	setenv("SLURMQ_DIR", store.dir, 1);
	rc = supervise(&o, &s, err);
	if (rc) {
		cmd_say(ctx, "%s", err->msg);
		s.exit_status = ERR_FAILED;
	}
	chain_on(ctx, &store, &s);
	wait_for_tick(s.tick_pid);
	store_close(&store);
	return s.exit_status;
}

const struct cmd cmd_run = {
	.name = "run",
	.args = "TICKET",
	.summary = "what a submitted job executes: run it, report, chain",
	.theme = CMD_INSIDE,
	.needs = CMD_NONE,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
