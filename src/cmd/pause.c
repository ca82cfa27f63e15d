/* slurmq pause - stops submitting, all jobs or those of sweeps */
#include "cmd/cmd.h"

#include <inttypes.h>

#include "chain/sentinel.h"
#include "store/state.h"

struct args {
	bool json;
};

/* Adds whether the queue or a sweep was paused now, and how many of its jobs are in Slurm. */
static void add_json(struct json *j, bool changed, const int64_t *counts)
{
	json_bool(j, "paused", changed);
	json_int(j, "in_flight", counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING]);
}

static void print_queue_json(bool changed, const int64_t *counts)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	add_json(&j, changed, counts);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
}

static void print_sweeps_json(const struct db_sweep *v, int n)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	json_open(&j, NULL, '{');
	json_open(&j, "sweeps", '[');
	for (int i = 0; i < n; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "sweep", v[i].name);
		add_json(&j, !v[i].paused, v[i].counts);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
}

static void print_sweep(struct cmd_ctx *ctx, const struct db_sweep *s)
{
	int64_t flying = s->counts[JOB_SUBMITTING] + s->counts[JOB_QUEUED] + s->counts[JOB_RUNNING];
	struct buf line = {0};

	buf_addf(&line, "%s is paused%s: its %" PRId64 " pending job%s not submitted", s->name,
		 s->paused ? " already" : "", s->counts[JOB_PENDING],
		 s->counts[JOB_PENDING] == 1 ? " is" : "s are");
	if (flying)
		buf_addf(&line, ", %" PRId64 " already in Slurm run%s to completion", flying,
			 flying == 1 ? "s" : "");
	buf_addf(&line, "; slurmq resume %s ends the pause", s->name);
	cmd_print(ctx, "%s", buf_str(&line));
	buf_release(&line);
}

static int pause_sweeps(struct cmd_ctx *ctx, bool json, int n, char **names, struct err *err)
{
	struct db_sweep *v;

	if (cmd_pause_sweeps(ctx, true, n, names, &v, err))
		return -1;
	if (json)
		print_sweeps_json(v, n);
	for (int i = 0; i < n && !json; i++)
		print_sweep(ctx, &v[i]);
	db_sweeps_free(v, (size_t)n);
	/* perhaps no work is left for the sentinel */
	sentinel_settle(ctx->store, cmd_say_text, ctx);
	return 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct db *db = ctx->store->db;
	int64_t counts[JOB_NSTATES], paused, flying;

	if (argc)
		return pause_sweeps(ctx, args->json, argc, argv, err);
	if (state_get_int(db, STATE_PAUSED, &paused, err))
		return -1;
	if (!paused && cmd_pause_queue(ctx, "slurmq pause", err))
		return -1;
	if (db_counts(db, counts, err))
		return -1;
	flying = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
	if (args->json)
		print_queue_json(!paused, counts);
	else
		cmd_print(ctx, "%s: no jobs are submitted%s; slurmq resume ends the pause",
			  paused ? "already paused" : "paused",
			  flying ? ", jobs already in Slurm run to completion" : "");
	return 0;
}

static const struct opt opts[] = {OPT_FLAG(0, "json", "print one JSON document", struct args, json),
				  OPT_END};

const struct cmd cmd_pause = {
	.name = "pause",
	.args = "[SWEEP...]",
	.summary = "stop submitting; jobs already in Slurm go on",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
