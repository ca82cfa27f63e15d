#include "chain/outcome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/breaker.h"
#include "lib/clock.h"
#include "slurm/directive.h"
#include "sweep/policy.h"

void outcome_release(struct outcome *o)
{
	loader_release(&o->loader);
}

/* Appends to out the options that sbatch would get for the job now. The order is: the script's
 * own lines, the sweep's options, the user's retry, the policy's growth. Returns 0, or not 0 if
 * the sweep does not render. */
static int collect_options_in_force(const struct db_job *job, const struct sweep *sweep,
				    struct strs *out)
{
	const char *more[] = {job->options, job->again.options};
	struct plan plan = {0};
	int rc = sweep_plan(sweep, &job->point, job->id, &plan, NULL);

	if (!rc && plan.directives)
		directives_list(plan.directives, out);
	for (size_t i = 0; i < plan.sbatch.n && !rc; i++)
		strs_add(out, plan.sbatch.v[i]);
	for (size_t i = 0; i < 2 && !rc; i++)
		strs_add_lines(out, more[i]);
	plan_release(&plan);
	return rc;
}

/* Fills next with the decision of the sweep's retry policy. A sweep that cannot be parsed or
 * rendered any more has no policy: its jobs stay failed for the user to see. */
static void decide_retry(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
			 struct policy_next *next)
{
	struct strs options = {0};
	struct policy_have have = {.options = &options,
				   .ran_so = a->version == job->version,
				   .tries = job->again.tries,
				   .site = job->again.site};
	struct loaded *ld;

	memset(next, 0, sizeof(*next));
	if (!loader_get(&o->loader, o->db, job->version, &ld, NULL) &&
	    (sweep_retry(ld->sweep)->given || sweep_restartable(ld->sweep)) &&
	    !collect_options_in_force(job, ld->sweep, &options))
		policy_decide(sweep_retry(ld->sweep), sweep_restartable(ld->sweep), a->reason,
			      a->exit_code, &have, next);
	strs_release(&options);
}

static int apply_retry(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
		       bool *again, struct err *err)
{
	struct policy_next next;
	struct db_again row = {.version = job->version};
	int changed = 0, rc = 0;

	decide_retry(o, a, job, &next);
	if (next.again) {
		row.tries = next.tries;
		row.site = next.site;
		row.due = next.delay_s ? clock_now_ms() + next.delay_s * 1000 : 0;
		row.options = policy_merge(job->again.options, &next.options);
		rc = db_attempt_again(o->db, a->id, &row, &changed, err);
	}
	*again = changed;
	db_again_release(&row);
	policy_next_release(&next);
	return rc;
}

static int note_completed(struct outcome *o, int64_t attempt, struct err *err)
{
	struct db_attempt a;
	int rc = db_attempt_get(o->db, attempt, &a, err);

	if (!rc)
		rc = breaker_completed(o->db, a.job, a.node, err);
	db_attempt_release(&a);
	return rc < 0 ? -1 : 0;
}

/* Applies the policy and the breaker after the attempt's transition moved its job to a state
 * other than completed. was: the enum attempt_closed before that transition. */
static int apply_consequences(struct outcome *o, int64_t attempt, int was, struct err *err)
{
	struct db_attempt a = {0};
	struct db_job job = {0};
	bool again = false;
	int rc = db_attempt_get(o->db, attempt, &a, err);

	if (!rc)
		rc = db_job_get_any(o->db, a.job, &job, err);
	if (!rc && job.state == JOB_FAILED) {
		rc = apply_retry(o, &a, &job, &again, err);
		if (!rc && was == CLOSED_NOT) /* a corrected end is not another failure */
			rc = breaker_failed(o->db, &a, &job, again, err);
	}
	db_job_release(&job);
	db_attempt_release(&a);
	return rc < 0 ? -1 : 0;
}

int outcome_report(struct outcome *o, int64_t attempt, const struct job_end *end, struct err *err)
{
	int changed, was;

	if (db_attempt_closed(o->db, attempt, &was, err) ||
	    db_attempt_reported(o->db, attempt, end, &changed, err))
		return -1;
	if (!changed)
		return 0;
	return end->completed ? note_completed(o, attempt, err)
			      : apply_consequences(o, attempt, was, err);
}

int outcome_preempted(struct outcome *o, int64_t attempt, const struct job_end *end,
		      struct err *err)
{
	int changed;

	if (db_attempt_preempted(o->db, attempt, end, &changed, err))
		return -1;
	return changed ? apply_consequences(o, attempt, CLOSED_PREEMPTED, err) : 0;
}

int outcome_infer(struct outcome *o, int64_t attempt, const struct job_end *end, struct err *err)
{
	int changed;

	if (db_attempt_inferred(o->db, attempt, end, &changed, err))
		return -1;
	return changed ? apply_consequences(o, attempt, CLOSED_NOT, err) : 0;
}

int outcome_revoked(struct outcome *o, int64_t attempt, int to, int reason, struct err *err)
{
	int changed;

	if (db_attempt_revoked(o->db, attempt, to, reason, &changed, err))
		return -1;
	return changed && to == JOB_FAILED ? apply_consequences(o, attempt, CLOSED_NOT, err) : 0;
}

void outcome_why_not(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
		     struct buf *out)
{
	const char *reason = job_reason_name(a->reason);
	struct policy_next next;
	struct loaded *ld;

	if (loader_get(&o->loader, o->db, job->version, &ld, NULL))
		return;
	decide_retry(o, a, job, &next);
	if (!sweep_retry(ld->sweep)->given && next.stop != POLICY_SITE_SPENT)
		next.stop = POLICY_GOES_ON;
	switch (next.stop) {
	case POLICY_GOES_ON: /* there is no policy, or the user wrote it after the failure */
		break;
	case POLICY_NEVER:
		buf_addf(
			out,
			"a job that ended as %s is never retried automatically; to retry it: slurmq retry",
			reason);
		break;
	case POLICY_NOT_ASKED:
		buf_addf(out, "the retry policy does not include %s", reason);
		break;
	case POLICY_CODE:
		if (a->exit_code)
			buf_addf(out, "the retry policy does not name exit code %d", a->exit_code);
		else
			buf_addstr(out,
				   "the retry policy names exit codes, but the job's is unknown");
		break;
	case POLICY_SPENT:
		buf_addf(out, "%" PRId64 " of %" PRId64 " tries of the retry policy are used up",
			 job->again.tries, next.most);
		break;
	case POLICY_SITE_SPENT:
		buf_addf(out,
			 "%" PRId64 " of %" PRId64 " tries after failures of the site are used up",
			 job->again.site, next.most);
		break;
	case POLICY_NO_GROWTH:
		buf_addf(out, "its %s cannot grow further",
			 a->reason == REASON_TIMEOUT ? "time limit" : "memory");
		break;
	}
	policy_next_release(&next);
}
