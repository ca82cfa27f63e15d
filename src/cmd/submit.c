/* slurmq submit - fills the free slots of Slurm's queue */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/changed.h"

#include "chain/hosts.h"
#include "store/state.h"

enum { LOCKS_MS = 4000 };

struct args {
	int64_t max, trial; /* 0: not given */
	bool env, dry_run, json;
};

static int print_preview(struct cmd_ctx *ctx, int64_t max, struct err *err)
{
	struct buf text = {0};
	int rc = fill_preview(ctx->store, max, &text, err);

	if (rc == 0 && text.len)
		fwrite(text.s, 1, text.len, stdout);
	else if (rc == 0)
		cmd_print(ctx, "nothing would be submitted now");
	buf_release(&text);
	return rc;
}

/* Fails if jobs that submit others are in Slurm: they would submit the rest. */
static int check_trial(struct cmd_ctx *ctx, struct err *err)
{
	int64_t counts[JOB_NSTATES], trial, n;

	if (db_counts(ctx->store->db, counts, err) ||
	    state_get_int(ctx->store->db, STATE_TRIAL, &trial, err))
		return -1;
	n = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
	if (trial || !n)
		return 0;
	return err_set(
		err, ERR_USAGE,
		"cannot submit a trial: %" PRId64
		" job%s in Slurm already, and each submits more at its end; "
		"stop that with slurmq pause, and when they have ended: slurmq resume --no-submit, then "
		"try again",
		n, n == 1 ? " is" : "s are");
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	const struct fill_opts fill = {.max = args->trial ? args->trial
					      : args->max ? args->max
							  : -1,
				       .renew_env = args->env,
				       .trial = args->trial};
	struct cmd_filled filled;

	(void)argc;
	(void)argv;
	if (args->dry_run && args->json)
		return err_set(
			err, ERR_USAGE,
			"--dry-run prints command lines and scripts; it cannot be combined with "
			"--json");
	if (args->max && args->trial)
		return err_set(err, ERR_USAGE,
			       "-n and --try cannot be combined: --try N submits N jobs too");
	if (args->dry_run) {
		changed_report(ctx);
		return print_preview(ctx, fill.max, err);
	}
	if (args->trial && check_trial(ctx, err))
		return -1;
	hosts_check(ctx->store, &(struct hosts_opts){.ms = LOCKS_MS});
	cmd_fill(ctx, &fill, &filled);
	if (args->json) {
		struct buf text = {0};
		struct json j = {.out = &text};

		json_open(&j, NULL, '{');
		cmd_filled_json(&filled, &j);
		json_close(&j);
		cmd_print_json(&text);
		buf_release(&text);
	} else {
		cmd_filled_print(ctx, &filled);
	}
	return cmd_filled_end(&filled, err);
}

static const struct opt opts[] = {
	OPT_INT('n', "max", "N", "submit at most N jobs now", struct args, max, 1, 1000000),
	OPT_INT(0, "try", "[N]", "submit N jobs (1) that submit no others", struct args, trial, 1,
		1000000),
	OPT_FLAG(0, "env", "store the current environment", struct args, env),
	OPT_FLAG(0, "dry-run", "print the sbatch commands and scripts", struct args, dry_run),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json),
	OPT_END};

const struct cmd cmd_submit = {
	.name = "submit",
	.args = "[-n N] [--try [N]] [--env] [--dry-run] [--json]",
	.summary = "fill the free slots of Slurm's queue",
	.theme = CMD_START,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.run = run,
};
