/* slurmq retry - makes failed jobs pending again, then submits */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/changed.h"
#include "chain/ingest.h"
#include "cmd/retry_dry.h"
#include "cmd/steer.h"
#include "lib/clock.h"
#include "lib/failpoint.h"
#include "chain/reconcile.h"
#include "slurm/slurm.h"
#include "slurm/sbatch.h"
#include "slurm/sbatch_form.h"
#include "cmd/view.h"

struct args {
	struct select_args select;
	const char *from_step;
	struct strs sbatch;
	bool all, no_submit, yes, json, dry_run;
};

enum {
	RETRY_STATE = 1U << JOB_FAILED | 1U << JOB_CANCELLED,
	NAMED = RETRY_STATE | 1U << JOB_COMPLETED |
		JOB_NOT_OVER, /* jobs that are not over are only reported */
};

struct retry {
	const struct args *args;
	struct db *db;
	char *options; /* lines of --long=value, or NULL; freed by run() */
	bool completed, by_ids;
	struct ids ids;
	int64_t skipped; /* completed jobs that were named without --all */
	int64_t alive;	 /* named jobs that are not over */
	int64_t held;	 /* jobs that are held only because the user asked for it */
	/* the first job that is not over and that its policy tries again later, or 0 */
	int64_t waits;
	int64_t due;	    /* time of that try */
	int64_t lost;	    /* jobs whose end is unknown: they may still run in Slurm */
	struct strs to_end; /* Slurm ids of lost attempts that still run */
};

/* ---- sbatch options ---- */

static bool is_option_name(const char *text)
{
	return *text >= 'a' && *text <= 'z' &&
	       !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

/* Refuses a value that sbatch would refuse by its form. The value begins with '='; NULL: there is
 * none. */
static int check_form(const char *name, const char *value, struct err *err)
{
	struct buf instead = {0};
	int rc = 0;

	if (value && !sbatch_form(name, value + 1, &instead))
		rc = err_set(err, ERR_USAGE, "--sbatch: sbatch refuses '%s%s': %s", name, value,
			     buf_str(&instead));
	buf_release(&instead);
	return rc;
}

static int check_option(const char *name, const char *given, struct err *err)
{
	const struct sbatch_opt *o = sbatch_find(name), *meant = sbatch_find_cut(name);
	const char *near;

	if (!is_option_name(name) || strchr(given, '\n'))
		return err_set(
			err, ERR_USAGE,
			"--sbatch takes a long option of sbatch, such as time=2:00:00, not '%s'",
			given);
	if (meant && meant->instead)
		return err_set(err, ERR_USAGE, "--sbatch: slurmq itself sets '%s': %s", meant->name,
			       meant->instead);
	if (o && o->arg == SBATCH_ARG_NEEDED && !strchr(given, '='))
		return err_set(err, ERR_USAGE, "--sbatch: '%s' needs a value: %s=VALUE", name,
			       name);
	near = o ? NULL : meant ? meant->name : sbatch_guess(name);
	if (near)
		return err_set(err, ERR_USAGE,
			       "--sbatch: sbatch has no option '%s', did you mean '%s'?", name,
			       near);
	return check_form(name, strchr(given, '='), err);
}

/* Adds an option as a line. A relative path of a file is that from the current folder. */
static int add_option(const char *name, const char *text, struct buf *lines, struct err *err)
{
	const struct sbatch_opt *o = sbatch_find(name);
	const char *value = strchr(text, '=');
	char here[PATH_MAX], *path;

	if (!getcwd(here, sizeof(here)))
		return err_errno(err, ERR_FAILED, "cannot find the current folder");
	path = o && value ? sbatch_make_absolute(o, value + 1, here) : NULL;
	if (path)
		buf_addf(lines, "--%s=%s\n", name, path);
	else
		buf_addf(lines, "--%s\n", text);
	free(path);
	return 0;
}

static int read_options(const struct strs *given, char **out, struct err *err)
{
	struct buf lines = {0};
	int rc = 0;

	for (size_t i = 0; i < given->n && !rc; i++) {
		const char *text = given->v[i];
		char *name;

		if (!*text) /* an empty value removes the options of an earlier retry */
			continue;
		text += strncmp(text, "--", 2) ? 0 : 2;
		name = mem_strndup(text, strcspn(text, "="));
		rc = check_option(name, text, err);
		if (!rc)
			rc = add_option(name, text, &lines, err);
		free(name);
	}
	if (!rc && given->n)
		*out = buf_take(&lines);
	buf_release(&lines);
	return rc;
}

/* ---- which jobs ---- */

static int collect_job(void *arg, const struct db_job *job)
{
	struct retry *r = arg;

	if (job->state == JOB_COMPLETED && !r->completed) {
		r->skipped++;
		return 0;
	}
	if (job->state == JOB_HELD && !(r->options && job->reason == REASON_REFUSED)) {
		r->held++;
		return 0;
	}
	if (1U << job->state & JOB_NOT_OVER && job->state != JOB_HELD) {
		r->alive++;
		if (!r->waits && view_waits(job, clock_now_ms())) {
			r->waits = job->id;
			r->due = job->again.due;
		}
		return 0;
	}
	if (job->reason == REASON_LOST)
		r->lost++;
	ids_add(&r->ids, job->id);
	return 0;
}

static bool is_shown_attempt(const struct slurm_job *job, const struct db_attempt *a)
{
	if (!slurm_state_active(job->state))
		return false;
	if (a->slurm_id)
		return job->id == a->slurm_id;
	return a->slurm_job && job->array_id == a->slurm_job &&
	       (a->ntasks <= 1 || job->task == a->task);
}

static int add_if_running(struct retry *r, int64_t id, const struct slurm_jobs *jobs,
			  struct err *err)
{
	struct db_attempt a = {0};
	struct db_job job = {0};
	int rc = db_job_get(r->db, id, &job, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (job.reason == REASON_LOST)
		rc = view_attempt(r->db, &job, &a, err);
	for (size_t i = 0; rc == 0 && job.reason == REASON_LOST && i < jobs->n; i++)
		if (is_shown_attempt(&jobs->v[i], &a))
			slurm_scancel_add(&r->to_end, &jobs->v[i]);
	db_attempt_release(&a);
	db_job_release(&job);
	return rc < 0 ? -1 : 0;
}

/* Ends lost attempts that Slurm still shows, before their jobs are retried: two attempts of one
 * job would write to the same files. */
static int end_lost(struct cmd_ctx *ctx, struct retry *r, struct err *err)
{
	struct reconcile_result seen;
	struct slurm_jobs jobs = {0};
	int rc = reconcile(ctx->store, 0, &seen, err);

	if (!rc)
		rc = slurm_squeue((uint64_t)getuid(), &jobs, err);
	for (size_t i = 0; !rc && i < r->ids.n; i++)
		rc = add_if_running(r, r->ids.v[i], &jobs, err);
	if (!rc && r->to_end.n)
		rc = slurm_scancel(&r->to_end, err);
	FAILPOINT("retry-ended");
	slurm_jobs_release(&jobs);
	if (rc)
		err_prefix(err,
			   "nothing was changed: %" PRId64
			   " of these jobs are lost, and Slurm does not "
			   "report whether they still run",
			   r->lost);
	return rc;
}

static int check_step(struct retry *r, const char *name, struct err *err)
{
	struct db_job job = {0};
	struct plan plan = {0};
	bool found = false;
	int rc = db_job_get(r->db, r->ids.v[0], &job, err);

	if (!rc)
		rc = view_plan_next(r->db, &job, &plan, err);
	for (size_t i = 0; i < plan.nsteps; i++)
		if (!strcmp(plan.steps[i].name, name) || !strcmp(plan.steps[i].key, name))
			found = true;
	if (!rc && !found)
		rc = err_set(err, ERR_USAGE,
			     "--from-step: job %" PRId64 " has no step '%s' (slurmq show %" PRId64
			     " lists them)",
			     job.id, name, job.id);
	plan_release(&plan);
	db_job_release(&job);
	return rc;
}

static int retry_job(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	const struct retry *r = arg;

	return db_job_retry(db, id, r->completed, r->args->all, r->args->from_step, r->options,
			    changed, err);
}

static int change_jobs(struct cmd_ctx *ctx, struct retry *r, int64_t *changed, struct err *err)
{
	const struct steer_change todo = {.one = retry_job, .arg = r};
	int rc;

	if (r->ids.n == 0)
		return 0;
	if (r->args->from_step && check_step(r, r->args->from_step, err))
		return -1;
	rc = steer_confirm_many(ctx, r->args->yes, "retry", r->ids.n, err);
	if (!rc && r->lost)
		rc = end_lost(ctx, r, err);
	return rc ? rc : steer_change(ctx, &r->ids, &todo, changed, err);
}

/* ---- the result ---- */

static void print_waits(struct cmd_ctx *ctx, const struct retry *r)
{
	struct buf when = {0};

	time_add_local(&when, r->due);
	cmd_print(ctx,
		  "nothing to retry: job %" PRId64 " is retried by its sweep's policy, not before "
		  "%s; to retry now: slurmq cancel %" PRId64 " && slurmq retry %" PRId64,
		  r->waits, buf_str(&when), r->waits, r->waits);
	buf_release(&when);
}

/* Adds why the named jobs cannot be retried. */
static void add_why(const struct retry *r, struct buf *out)
{
	const char *sep = "";

	if (r->alive) {
		buf_addf(out, "%" PRId64 " of the jobs %s not over yet", r->alive,
			 r->alive == 1 ? "is" : "are");
		sep = "; ";
	}
	if (r->held) {
		buf_addf(out, "%s%" PRId64 " of the jobs %s held: use slurmq release", sep, r->held,
			 r->held == 1 ? "is" : "are");
		sep = "; ";
	}
	if (r->skipped)
		buf_addf(out, "%s%" PRId64 " completed: %s--all runs them again", sep, r->skipped,
			 r->by_ids ? "" : "with their ids, ");
}

static void print_nothing(struct cmd_ctx *ctx, const struct retry *r)
{
	struct buf why = {0};
	int64_t counts[JOB_NSTATES];

	add_why(r, &why);
	if (r->waits)
		print_waits(ctx, r);
	else if (why.len)
		cmd_print(ctx, "nothing to retry: %s", why.s);
	else if (r->args->select.states || r->args->select.where)
		cmd_print(ctx, "nothing to retry: no such jobs; slurmq status shows the counts");
	else if (db_counts(r->db, counts, NULL) == 0 && !counts[JOB_FAILED] &&
		 counts[JOB_CANCELLED])
		cmd_print(ctx,
			  "no failed jobs; slurmq retry -s cancelled retries the %" PRId64
			  " cancelled ones",
			  counts[JOB_CANCELLED]);
	else
		cmd_print(ctx, "no failed jobs; slurmq status shows the progress");
	buf_release(&why);
}

static int report_and_submit(struct cmd_ctx *ctx, const struct retry *r, int64_t changed,
			     struct err *err)
{
	bool submit = changed && !r->args->no_submit;

	if (changed && !submit)
		changed_report(ctx);
	if (r->args->json)
		return steer_print_json(ctx, "retried", changed, submit, err);
	if (changed)
		cmd_print(ctx, "%" PRId64 " %s pending again%s", changed,
			  changed == 1 ? "job is" : "jobs are",
			  submit ? "" : "; next: slurmq submit");
	else
		print_nothing(ctx, r);
	return cmd_fill_at_end(ctx, submit, NULL, err);
}

/* Chooses the jobs: by default only failed ones. If jobs are named by ids or states,
 * collect_job() counts those that cannot be retried, to report them. */
static int choose_jobs(struct retry *r, struct selection *sel, struct err *err)
{
	const struct args *args = r->args;
	unsigned states = 1U << JOB_FAILED;

	if (sel->ids || sel->states)
		states = NAMED;
	else if (r->options)
		states |= 1U << JOB_HELD;
	selection_narrow(sel, states);
	r->by_ids = sel->ids;
	r->completed = sel->ids && (args->all || args->from_step);
	return db_jobs_each(r->db, &sel->jobs, collect_job, r, err);
}

/* Prints what change_jobs() would do. */
static int dry_run(struct cmd_ctx *ctx, struct retry *r, struct err *err)
{
	const struct retry_dry dry = {.ids = &r->ids,
				      .from_step = r->args->from_step,
				      .all = r->args->all,
				      .options = r->options};

	if (r->ids.n && r->args->from_step && check_step(r, r->args->from_step, err))
		return -1;
	if (!r->ids.n && !r->args->json) {
		print_nothing(ctx, r);
		return 0;
	}
	if (retry_dry_print(ctx, &dry, r->args->json, err))
		return -1;
	if (r->lost && !r->args->json)
		cmd_print(ctx,
			  "%" PRId64
			  " of them %s lost: if Slurm still shows %s, slurmq ends %s first",
			  r->lost, r->lost == 1 ? "is" : "are", r->lost == 1 ? "it" : "one",
			  r->lost == 1 ? "it" : "that");
	return 0;
}

static int retry_jobs(struct cmd_ctx *ctx, struct retry *r, struct err *err)
{
	int64_t changed = 0;
	int rc = change_jobs(ctx, r, &changed, err);

	FAILPOINT("retry-changed");
	return rc ? rc : report_and_submit(ctx, r, changed, err);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct retry r = {.args = args, .db = ctx->store->db};
	struct selection sel = {0};
	int rc;

	rc = read_options(&args->sbatch, &r.options, err);
	if (!rc)
		rc = ingest_now(ctx->store, err);
	if (!rc)
		rc = selection_parse(r.db, argc, argv, &args->select, &sel, err);
	if (!rc)
		rc = choose_jobs(&r, &sel, err);
	if (!rc)
		rc = args->dry_run ? dry_run(ctx, &r, err) : retry_jobs(ctx, &r, err);
	selection_release(&sel);
	ids_release(&r.ids);
	strs_release(&r.to_end);
	free(r.options);
	return rc;
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_FLAG(0, "all", "also run completed steps again", struct args, all),
	OPT_STR(0, "from-step", "STEP", "run STEP and the steps after it again", struct args,
		from_step),
	OPT_STRS(0, "sbatch", "OPTION=VALUE", "pass this option to sbatch", struct args, sbatch),
	OPT_FLAG(0, "dry-run", "show what would be retried, and how", struct args, dry_run),
	OPT_FLAG(0, "no-submit", "do not submit jobs now", struct args, no_submit),
	OPT_FLAG('y', "yes", "do not ask for confirmation", struct args, yes),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json),
	OPT_END};

const struct cmd cmd_retry = {
	.name = "retry",
	.args = "[SELECTOR...] [-s STATE] [--all] [--from-step STEP]",
	.summary = "run failed jobs again",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
