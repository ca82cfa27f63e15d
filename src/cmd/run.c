/* slurmq run - a submitted job executes this command */
#include "cmd/cmd.h"
#include "cmd/notify.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain/cancel.h"
#include "chain/chain.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "chain/fill.h"
#include "chain/sentinel.h"
#include "chain/supervise.h"
#include "store/manifest.h"

enum {
	QUEUE_LOCK_MS = 60 * 1000,
	QUEUE_LOCK_CANCELLED_MS = 1000,
	TICK_FIRST_MS = 1000,
	TICK_EVERY_MS = 5 * 60 * 1000,
	STAY_MS = 2000,
	TICK_END_MS = 60 * 1000,
	OPEN_TRIES = 5,
	OPEN_PAUSE_MS = 3000,
};

/* Waits for the tick, the slurmq chain that was started beside the command, because a refill
 * must not be killed in the middle of its sbatch. SIGCONT ends a tick that only waits for other
 * hosts, and does nothing to any other. Returns false if the tick did not end within
 * TICK_END_MS and was killed. Sets *cancelled if the job is cancelled meanwhile. */
static bool wait_for_tick(struct store *store, int pid, bool *cancelled)
{
	int64_t end = clock_mono_ms() + TICK_END_MS;
	struct proc_end e;

	while (pid && clock_mono_ms() < end) {
		while (pid && proc_reap(&e))
			if (e.pid == pid)
				pid = 0;
		if (pid) {
			proc_group_kill(pid, SIGCONT);
			if (proc_signal_wait(100) == SIGTERM && cancel_after_term(store->folder))
				*cancelled = true;
		}
	}
	if (pid)
		proc_group_kill(pid, SIGKILL);
	return !pid;
}

static int read_task_index(void)
{
	const char *text = getenv("SLURM_ARRAY_TASK_ID");
	int64_t n;

	return text && !opt_int(text, &n) ? (int)n : 0;
}

/* Opens the folder of the store, with several tries: a disk or a file server may fail for a
 * moment, and a job that cannot open the folder ends, and the chain with it. */
static int open_patiently(struct store *store, struct err *err)
{
	for (int i = 1;; i++) {
		if (!store_find(store, err) && !store_open_folder(store, err))
			return 0;
		store_close(store);
		if (i == OPEN_TRIES || err->status == ERR_USAGE)
			return -1;
		clock_sleep_ms(OPEN_PAUSE_MS);
	}
}

static bool call_chain_decide(void *arg)
{
	return chain_decide(arg);
}

/* A person may call slurmq run with sweep files, as other tools are called. */
static int refuse_call(int argc, char **argv, struct err *err)
{
	struct buf files = {0};

	for (int i = 0; i < argc; i++) {
		buf_addch(&files, ' ');
		buf_add_shell_word(&files, argv[i]);
	}
	err_set(err, ERR_USAGE, "only submitted jobs call slurmq run; to run %s: slurmq %s%s%s",
		argc ? "the jobs of a sweep file" : "jobs", argc ? "expand" : "submit",
		buf_str(&files), argc ? " && slurmq submit" : "");
	buf_release(&files);
	return -1;
}

static int read_manifest(int argc, char **argv, uint64_t *submission, struct err *err)
{
	if (argc != 1 || manifest_name_parse(argv[0], submission))
		return refuse_call(argc, argv, err);
	return getenv("SLURM_JOB_ID") ? 0 : refuse_call(0, NULL, err);
}

/* Ingests the end of the job, and submits the next jobs. began: when this job started, monotonic
 * ms. */
static void continue_chain(struct cmd_ctx *ctx, struct supervise_result *s, int64_t began)
{
	struct store *store = &ctx->opened;
	const struct chain_opts chain = {
		.refill = s->refill,
		.brief = clock_mono_ms() - began < CANCEL_SHORT_MS,
		.event = s->event[0] ? s->event : NULL,
		.lock_ms = s->refill ? QUEUE_LOCK_MS : QUEUE_LOCK_CANCELLED_MS,
		.stay_ms = STAY_MS,
		.say = cmd_say_text,
		.say_arg = ctx,
	};
	enum chain_outcome chained = chain_end(store, &chain);
	bool waited, cancelled = false;

	if (store->db && chained != CHAIN_SUBMITTED)
		sentinel_settle(store, cmd_say_text, ctx);
	/* this job may have left the queue to the tick, and Slurm may not have answered the
	 * tick */
	waited = wait_for_tick(store, s->tick_pid, &cancelled);
	if (s->refill && !cancelled && (!waited || (s->tick_pid && chained == CHAIN_BUSY)))
		chain_end(store, &chain);
	notify_events(ctx, store);
	cancel_take_term(store->folder); /* other processes must see even so late a cancel */
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	char exe[4096] = "";
	const char *tick[] = {exe, "chain", "--beside", NULL};
	struct supervise_opts o = {.log = STDOUT_FILENO,
				   .tick_first_ms = TICK_FIRST_MS,
				   .tick_every_ms = TICK_EVERY_MS,
				   .decide = call_chain_decide,
				   .decide_arg = &ctx->opened};
	struct supervise_result s = {0};
	struct store *store = &ctx->opened;
	const int64_t began = clock_mono_ms();

	(void)options;
	proc_signals_block();
	if (read_manifest(argc, argv, &o.submission, err) || open_patiently(store, err))
		return -1;
	o.folder = store->folder;
	o.dir = store->dir;
	o.task = read_task_index();
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0)
		o.tick = tick;
	setenv("SLURMQ_DIR", store->dir, 1);
	if (supervise(&o, &s, err)) {
		cmd_say(ctx, "%s", err->msg);
		s.exit_status = ERR_FAILED;
	}
	if (s.outcome == SUPERVISE_FOLDER_REMOVED)
		cmd_say(ctx,
			"'%s' was removed while this job ran: its end is not stored, and it "
			"submits no job",
			store->dir);
	else
		continue_chain(ctx, &s, began);
	return s.exit_status;
}

const struct cmd cmd_run = {
	.name = "run",
	.args = "MANIFEST",
	.summary = "run one submitted job; slurmq itself calls this",
	.theme = CMD_INSIDE,
	.internal = true,
	.needs = CMD_NONE,
	.max_args = -1,
	.run = run,
};
