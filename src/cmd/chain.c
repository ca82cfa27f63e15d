/* slurmq chain - refills the queue: from the last line of a batch script, a trap, cron or
 * scrontab */
#include "cmd/cmd.h"
#include "cmd/notify.h"

#include <inttypes.h>
#include <stdlib.h>

#include "chain/cancel.h"
#include "chain/chain.h"
#include "chain/hosts.h"
#include "lib/proc.h"
#include "chain/reconcile.h"
#include "chain/sentinel.h"
#include "chain/via.h"

struct args {
	bool strict, sentinel, no_via, beside;
};

enum {
	RECONCILE_MS = 5 * 60 * 1000,
	QUEUE_LOCK_MS = 20 * 1000,
	STAY_MS = 2000,
	LOCKS_MS = 4000,
	LOCKS_BESIDE_MS = 2 * 60 * 1000, /* the wait is free there, and ends before the next tick */
};

/* Returns whether slurmq runs inside a task of srun. Such a step has a number of its own. The
 * environment of a batch script has no number, and the interactive step of salloc has one that
 * Slurm reserves (slurm.h, SLURM_INTERACTIVE_STEP 0xfffffffa and above). Otherwise every srun
 * task would start a chain of its own. */
static bool is_in_srun_task(void)
{
	const char *step = getenv("SLURM_STEP_ID");
	int64_t n;

	return step && getenv("SLURM_PROCID") && opt_int(step, &n) == 0 && n < 0xfffffffa;
}

static int refill_queue(struct cmd_ctx *ctx, const struct args *args, int64_t reconcile_ms,
			struct err *err)
{
	const struct fill_opts opts = {
		.caller = FILL_CHAIN,
		.max = -1,
		.lock_ms = QUEUE_LOCK_MS,
		.no_via = args->no_via,
		.say = cmd_say_text,
		.say_arg = ctx,
	};
	struct reconcile_result seen;
	struct fill_result r = {0};
	struct err why = {0};
	int rc, unknown;

	if (cmd_open_store(ctx, err))
		return -1;
	unknown = reconcile(ctx->store, reconcile_ms, &seen, &why);
	if (unknown && why.status == ERR_AGAIN)
		cmd_say_text(ctx, why.msg);
	rc = fill_run(ctx->store, &opts, &r, err);
	/* both calls report an error of the folder: print it once */
	if (unknown && why.status != ERR_AGAIN && !rc)
		cmd_say_text(ctx, why.msg);
	if (!rc && r.stop == FILL_REFUSED)
		rc = err_set(err, ERR_FAILED, "sbatch refused the jobs of sweep '%s': %s",
			     r.refused_sweep ? r.refused_sweep : "?", r.text ? r.text : "");
	if (r.submitted && r.revived)
		notify_revived(ctx, ctx->store, r.submitted);
	if (r.submitted &&
	    !getenv("SLURM_JOB_ID")) /* a job's log is for the output of its commands */
		cmd_say(ctx, "submitted %" PRId64 " %s", r.submitted,
			r.submitted == 1 ? "job" : "jobs");
	fill_result_release(&r);
	return rc;
}

/* Returns whether another host submits for this one, and sets *via to it. That host also
 * submits the sentinel. The caller frees *via. */
static bool must_go_via(struct cmd_ctx *ctx, const struct args *args, char **via)
{
	*via = NULL;
	return !args->no_via && ctx->store && !via_get(ctx->store, via, NULL);
}

/* Checks that file locks work between hosts. The caller does this last, because it waits for
 * them. */
static void check_locks(struct cmd_ctx *ctx, const struct args *args)
{
	const struct hosts_opts o = {.beside = args->beside,
				     .ms = args->beside ? LOCKS_BESIDE_MS : LOCKS_MS};

	if (args->beside)
		proc_signals_block();
	if (hosts_check(ctx->store, &o) == HOSTS_LOCAL)
		cmd_say(ctx, "the queue is paused: file locks do not work between hosts here; "
			     "slurmq status shows what to do");
}

static int chain_and_tend(struct cmd_ctx *ctx, const struct args *args, struct err *err)
{
	int rc = refill_queue(ctx, args, RECONCILE_MS, err);
	char *via;

	/* both calls report an error of the folder: print it once */
	if (!must_go_via(ctx, args, &via) && ctx->store)
		sentinel_tend(ctx->store, SENTINEL_TICK, rc ? NULL : cmd_say_text, ctx);
	free(via);
	if (ctx->store && ctx->store->db)
		check_locks(ctx, args);
	notify_events(ctx, ctx->store);
	return rc;
}

static int run_sentinel_via(struct cmd_ctx *ctx, const char *via, struct err *err)
{
	int64_t pause = 0;
	int rc;

	while ((rc = via_run(ctx->store, via, true, err)) != 0) {
		cmd_say_text(ctx, err->msg);
		if (folder_is_removed(ctx->store->folder) || !sentinel_pause(ctx->store, &pause))
			break;
	}
	return rc;
}

/* Keeps trying to submit, because no other sentinel follows: this may be the last job of all,
 * and Slurm may not answer. */
static void stay_as_last(struct cmd_ctx *ctx)
{
	const struct chain_opts o = {.refill = true,
				     .lock_ms = QUEUE_LOCK_MS,
				     .stay_ms = STAY_MS,
				     .say = cmd_say_text,
				     .say_arg = ctx};

	chain_end(ctx->store, &o);
}

/* Returns an error with ERR_AGAIN if the sentinel must keep running in Slurm. Called on the
 * host that submits for it: no process may stay there without Slurm's knowledge, but the
 * sentinel may. */
static int check_job_must_stay(struct cmd_ctx *ctx, enum sentinel_turn turn, struct err *err)
{
	int64_t counts[JOB_NSTATES], work;

	if (turn == SENTINEL_AGAIN)
		return err_set(err, ERR_AGAIN, "Slurm has not accepted another sentinel yet");
	if (turn != SENTINEL_ALONE)
		return 0;
	if (db_counts(ctx->store->db, counts, err) || db_count_work(ctx->store->db, &work, err))
		return -1;
	if (!(work + counts[JOB_SUBMITTING]) || counts[JOB_QUEUED] + counts[JOB_RUNNING])
		return 0;
	return err_set(err, ERR_AGAIN, "Slurm accepted none of the remaining jobs");
}

/* Runs as the sentinel, the job with which slurmq restarts the chain. */
static int run_sentinel(struct cmd_ctx *ctx, const struct args *args, struct err *err)
{
	bool in_slurm = getenv("SLURM_JOB_ID") != NULL;
	enum sentinel_turn turn;
	int64_t pause = 0;
	char *via;
	int rc;

	proc_signals_block();
	if (cmd_open_store(ctx, err))
		return -1;
	if (must_go_via(ctx, args, &via)) {
		rc = run_sentinel_via(ctx, via, err);
		free(via);
		return rc;
	}
	do {
		rc = 0;
		turn = sentinel_turn(ctx->store, cmd_say_text, ctx);
		if (turn != SENTINEL_LEAVE) /* all other jobs may have died */
			rc = refill_queue(ctx, args, 0, err);
		if (!in_slurm)
			break;
		if (rc && turn == SENTINEL_AGAIN)
			cmd_say_text(ctx, err->msg);
		if (turn == SENTINEL_ALONE)
			stay_as_last(ctx);
	} while (turn == SENTINEL_AGAIN && !folder_is_removed(ctx->store->folder) &&
		 sentinel_pause(ctx->store, &pause));
	/* scancel of everything may not have listed the successor, which would decide only when it
	 * starts */
	if (in_slurm && cancel_phase(ctx->store->folder, NULL) != CANCEL_NONE)
		chain_decide(ctx->store);
	sentinel_settle(ctx->store, cmd_say_text, ctx);
	notify_events(ctx, ctx->store);
	return rc || in_slurm ? rc : check_job_must_stay(ctx, turn, err);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;

	(void)argc;
	(void)argv;
	if (is_in_srun_task()) {
		cmd_say(ctx, "does nothing inside a task of srun; call it from the batch script");
		return 0;
	}
	if (!(args->sentinel ? run_sentinel(ctx, args, err) : chain_and_tend(ctx, args, err)))
		return 0;
	if (args->strict)
		return -1;
	cmd_say_text(ctx, err->msg);
	return 0;
}

static const struct opt opts[] = {
	OPT_FLAG(0, "strict", "exit with an error if there is a problem", struct args, strict),
	OPT_FLAG(0, "sentinel", "run as the sentinel does", struct args, sentinel),
	OPT_FLAG(0, "no-via", "submit from this host, ignoring via", struct args, no_via),
	OPT_FLAG(0, "beside", "run beside the command of a job", struct args, beside), OPT_END};

const struct cmd cmd_chain = {
	.name = "chain",
	.args = "[--strict] [--sentinel] [--no-via] [--beside]",
	.summary = "refill the queue from scripts, traps and cron",
	.theme = CMD_INSIDE,
	.internal = true,
	.opts = opts,
	.size = sizeof(struct args),
	.run = run,
};
