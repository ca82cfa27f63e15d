/* slurmq delete - deletes a sweep, or the whole folder */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"

#include "chain/delete.h"
#include "cmd/progress.h"
#include "cmd/steer.h"
#include "lib/clock.h"
#include "slurm/slurm.h"

struct args {
	bool cancel, everything, yes, json;
};

enum {
	WAIT_MS = 3 * 60 * 1000,
	PAUSE_MS = 2000,
	/* for a job that has reported its end: it submits the next ones, and leaves Slurm */
	LEAVE_MS = 20 * 1000,
};

/* A deletion: of one sweep, or (sweep 0) of the folder. */
struct deletion {
	struct cmd_ctx *ctx;
	const struct args *args;
	int64_t sweep;
	char *what; /* "sweep 'fit'", or the folder's path in quotes */
	int64_t jobs, sweeps;
	int64_t cancelled;
	struct progress progress;
};

static void add_jobs(struct buf *out, const struct deletion *d)
{
	buf_addf(out, "%" PRId64 " %s", d->jobs, d->jobs == 1 ? "job" : "jobs");
	if (!d->sweep)
		buf_addf(out, " of %" PRId64 " %s", d->sweeps, d->sweeps == 1 ? "sweep" : "sweeps");
}

/* Counts the jobs, and reads the name. */
static int describe(struct deletion *d, int argc, char **argv, struct err *err)
{
	struct store *store = d->ctx->store;
	struct db_sweep *v;
	size_t n;

	if (argc && select_sweep(store->db, argv[0], &d->sweep, err))
		return -1;
	if (db_sweeps(store->db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (d->sweep && v[i].id != d->sweep)
			continue;
		d->sweeps++;
		d->jobs += v[i].jobs;
		if (d->sweep)
			d->what = mem_printf("sweep '%s'", v[i].name);
	}
	db_sweeps_free(v, n);
	if (!d->sweep)
		d->what = mem_printf("'%s'", store->dir);
	return d->what ? 0 : err_set(err, ERR_AGAIN, "the sweep was deleted meanwhile");
}

static int confirm(const struct deletion *d, int64_t in_flight, struct err *err)
{
	struct buf what = {0};
	int rc;

	if (in_flight)
		buf_addf(&what, "end %" PRId64 " %s in Slurm and ", in_flight,
			 in_flight == 1 ? "job" : "jobs");
	buf_addf(&what, "delete %s with ", d->what);
	add_jobs(&what, d);
	buf_addstr(&what, ", history and logs");
	rc = cmd_confirm(d->ctx, d->args->yes, buf_str(&what), err);
	buf_release(&what);
	return rc;
}

static int refuse_in_flight(const struct deletion *d, int64_t n, struct err *err)
{
	return err_set(
		err, ERR_FAILED,
		"nothing was deleted: %" PRId64 " %s of %s %s in Slurm; add --cancel to end %s", n,
		n == 1 ? "job" : "jobs", d->what, n == 1 ? "is" : "are", n == 1 ? "it" : "them");
}

static int cancel_all(struct deletion *d, struct err *err)
{
	struct db_select select = {.allowed = JOB_NOT_OVER};
	struct steer_cancelled done;
	struct ids ids = {0};
	int rc;

	if (d->sweep) {
		select.sweeps = &d->sweep;
		select.nsweeps = 1;
	}
	rc = db_jobs_ids(d->ctx->store->db, &select, &ids, err);
	if (!rc && ids.n) {
		rc = steer_cancel(d->ctx, &ids, &done, err);
		d->cancelled += done.jobs;
	}
	ids_release(&ids);
	return rc;
}

static int report_left(const struct deletion *d, const struct delete_left *left, struct err *err)
{
	int64_t n = left->in_flight + (int64_t)left->in_slurm.n + left->sentinels;

	if (!n && left->unanswered)
		return err_set(
			err, ERR_AGAIN,
			"nothing was deleted: sbatch may still be submitting jobs of %s: try "
			"again in two minutes",
			d->what);
	if (!n)
		return err_set(
			err, ERR_AGAIN,
			"nothing was deleted: jobs were cancelled in Slurm a moment ago, and "
			"slurmq still counts them: try again");
	return err_set(err, ERR_AGAIN,
		       "nothing was deleted: %" PRId64
		       " %s of %s %s still in Slurm (squeue shows %s); "
		       "try again later%s%s",
		       n, n == 1 ? "job" : "jobs", d->what, n == 1 ? "is" : "are",
		       n == 1 ? "it" : "them", d->args->cancel ? "" : " or with --cancel",
		       d->sweep ? "" : "; slurmq resume ends the pause");
}

/* Tries once to delete. Returns 0, or DB_NONE with *left: jobs are still in Slurm. */
static int try_delete(struct deletion *d, struct delete_left *left, struct err *err)
{
	struct cmd_ctx *ctx = d->ctx;

	if (delete_check(ctx->store, d->sweep, left, err))
		return err_prefix(err, "nothing was deleted");
	if (!delete_is_free(left))
		return left->in_flight && !d->args->cancel
			       ? refuse_in_flight(d, left->in_flight, err)
			       : DB_NONE;
	if (d->sweep)
		return delete_sweep(ctx->store, d->sweep, left->attempt, err);
	return delete_folder(ctx->store, left->attempt, err);
}

/* Ends jobs that Slurm shows although they are over in the store, and that do not leave. */
static void end_lost(const struct deletion *d, const struct delete_left *left, int64_t waited)
{
	if (d->args->cancel && left->in_slurm.n && waited > LEAVE_MS)
		slurm_scancel(&left->in_slurm, NULL);
}

/* Deletes as soon as no job is left in Slurm. */
static int wait_and_delete(struct deletion *d, struct err *err)
{
	int64_t begun = clock_mono_ms(), waited;
	struct delete_left left = {0};
	int rc;

	for (;;) {
		rc = try_delete(d, &left, err);
		waited = clock_mono_ms() - begun;
		if (rc != DB_NONE)
			break;
		if (waited > WAIT_MS) {
			rc = report_left(d, &left, err);
			break;
		}
		end_lost(d, &left, waited);
		delete_left_release(&left);
		clock_sleep_ms(PAUSE_MS);
	}
	delete_left_release(&left);
	return rc;
}

static void show_progress(void *arg, int64_t done)
{
	struct deletion *d = arg;

	progress_show(&d->progress, done, d->jobs);
}

/* Removes what the sweep has left. */
static int complete(struct deletion *d, struct err *err)
{
	const struct delete_reports reports = {.say = cmd_say_text,
					       .say_arg = d->ctx,
					       .progress = show_progress,
					       .progress_arg = d};
	int rc;

	progress_begin(&d->progress, d->ctx);
	rc = delete_complete(d->ctx->store, &reports, err);
	progress_end(&d->progress);
	return rc ? err_prefix(err, "the sweep is deleted, but not yet all of its rows and files "
				    "(the next slurmq expand or slurmq delete does that)")
		  : 0;
}

static void print_done(const struct deletion *d)
{
	struct buf text = {0};

	if (d->args->json) {
		struct json j = {.out = &text};

		json_open(&j, NULL, '{');
		json_int(&j, "deleted", d->jobs);
		json_int(&j, "sweeps", d->sweeps);
		json_int(&j, "cancelled", d->cancelled);
		json_close(&j);
		cmd_print_json(&text);
	} else {
		buf_addf(&text, "deleted %s: ", d->what);
		add_jobs(&text, d);
		cmd_print(d->ctx, "%s", buf_str(&text));
	}
	buf_release(&text);
}

static int delete_all(struct deletion *d, struct err *err)
{
	struct delete_left left;
	int64_t in_flight;

	if (delete_check(d->ctx->store, d->sweep, &left, err))
		return err_prefix(err, "nothing was deleted");
	in_flight = left.in_flight;
	delete_left_release(&left);
	if (in_flight && !d->args->cancel)
		return refuse_in_flight(d, in_flight, err);
	if (confirm(d, in_flight, err))
		return -1;
	if (!d->sweep && cmd_pause_queue(d->ctx, "slurmq delete --everything", err))
		return -1;
	if (d->args->cancel && cancel_all(d, err))
		return -1;
	if (wait_and_delete(d, err))
		return -1;
	return d->sweep ? complete(d, err) : 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct deletion d = {.ctx = ctx, .args = args};
	int rc;

	if (args->everything ? argc : !argc)
		return err_set(err, ERR_USAGE,
			       "give the name of one sweep, or --everything to remove .slurmq");
	rc = describe(&d, argc, argv, err);
	if (!rc)
		rc = delete_all(&d, err);
	if (!rc)
		print_done(&d);
	free(d.what);
	return rc;
}

static const struct opt opts[] = {
	OPT_FLAG(0, "cancel", "end jobs that are in Slurm first", struct args, cancel),
	OPT_FLAG(0, "everything", "delete all sweeps and remove .slurmq", struct args, everything),
	OPT_FLAG('y', "yes", "do not ask for confirmation", struct args, yes),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_delete = {
	.name = "delete",
	.args = "SWEEP [--cancel] [--yes]",
	.summary = "delete a sweep with its jobs, history and logs",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = 1,
	.run = run,
};
