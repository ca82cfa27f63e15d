#include "chain/outcome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/breaker.h"
#include "lib/clock.h"
#include "sweep/policy.h"

void outcome_release(struct outcome *o)
{
	loader_release(&o->loader);
}

/* What sbatch would get for the job now, in its order: a script's own lines, the sweep's, the user's retry,
 * and what the policy has made of them. */
static int options_in_force(const struct db_job *job, const struct sweep *sweep, struct strs *out)
{
	const char *more[] = {job->options, job->again.options};
	struct plan plan = {0};
	int rc = sweep_plan(sweep, &job->point, job->id, &plan, NULL);

	if (!rc && plan.directives)
		policy_directives(plan.directives, out);
	for (size_t i = 0; i < plan.sbatch.n && !rc; i++)
		strs_add(out, plan.sbatch.v[i]);
	for (size_t i = 0; i < 2 && !rc; i++)
		strs_add_lines(out, more[i]);
	plan_release(&plan);
	return rc;
}

/* Does the policy try it again? A sweep that can't be parsed or rendered any more has none: its jobs stay
 * failed, for a person to see. */
static void decide(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
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
	    !options_in_force(job, ld->sweep, &options))
		policy_decide(sweep_retry(ld->sweep), sweep_restartable(ld->sweep), a->reason,
			      a->exit_code, &have, next);
	strs_release(&options);
}

static int try_again(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
		     bool *again, struct err *err)
{
	struct policy_next next;
	struct db_again row = {.version = job->version};
	int changed = 0, rc = 0;

	decide(o, a, job, &next);
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

static int well_done(struct outcome *o, int64_t attempt, struct err *err)
{
	char *node;
	int rc = db_attempt_node(o->db, attempt, &node, err);

	if (!rc)
		rc = breaker_completed(o->db, node, err);
	free(node);
	return rc < 0 ? -1 : 0;
}

/* The attempt's transition has moved its job, which has not completed. was: what had closed it before. */
static int follow(struct outcome *o, int64_t attempt, int was, struct err *err)
{
	struct db_attempt a = {0};
	struct db_job job = {0};
	bool again = false;
	int rc = db_attempt_get(o->db, attempt, &a, err);

	if (!rc)
		rc = db_job_get_any(o->db, a.job, &job, err);
	if (!rc && job.state == JOB_FAILED) {
		rc = try_again(o, &a, &job, &again, err);
		if (!rc && was == CLOSED_NOT) /* an end that is corrected is not another one */
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
	return end->completed ? well_done(o, attempt, err) : follow(o, attempt, was, err);
}

int outcome_preempted(struct outcome *o, int64_t attempt, const struct job_end *end,
		      struct err *err)
{
	int changed;

	if (db_attempt_preempted(o->db, attempt, end, &changed, err))
		return -1;
	return changed ? follow(o, attempt, CLOSED_PREEMPTED, err) : 0;
}

int outcome_infer(struct outcome *o, int64_t attempt, const struct job_end *end, struct err *err)
{
	int changed;

	if (db_attempt_inferred(o->db, attempt, end, &changed, err))
		return -1;
	return changed ? follow(o, attempt, CLOSED_NOT, err) : 0;
}

int outcome_revoked(struct outcome *o, int64_t attempt, int to, int reason, struct err *err)
{
	int changed;

	if (db_attempt_revoked(o->db, attempt, to, reason, &changed, err))
		return -1;
	return changed && to == JOB_FAILED ? follow(o, attempt, CLOSED_NOT, err) : 0;
}

void outcome_why_not(struct outcome *o, const struct db_attempt *a, const struct db_job *job,
		     struct buf *out)
{
	const char *reason = job_reason_name(a->reason);
	struct policy_next next;
	struct loaded *ld;

	if (loader_get(&o->loader, o->db, job->version, &ld, NULL))
		return;
	decide(o, a, job, &next);
	if (!sweep_retry(ld->sweep)->given && next.stop != POLICY_SITE_SPENT)
		next.stop = POLICY_GOES_ON;
	switch (next.stop) {
	case POLICY_GOES_ON: /* there is none, or it has been written since */
		break;
	case POLICY_NEVER:
		buf_addf(out, "what ended as %s is tried again by hand alone", reason);
		break;
	case POLICY_NOT_ASKED:
		buf_addf(out, "its sweep's retry does not ask for it after %s", reason);
		break;
	case POLICY_CODE:
		if (a->exit_code)
			buf_addf(out, "its sweep's retry does not name exit code %d", a->exit_code);
		else
			buf_addstr(
				out,
				"its sweep's retry names exit codes, and this one's is not known");
		break;
	case POLICY_SPENT:
		buf_addf(out, "%" PRId64 " of %" PRId64 " tries of its sweep's retry are used up",
			 job->again.tries, next.most);
		break;
	case POLICY_SITE_SPENT:
		buf_addf(out, "%" PRId64 " of %" PRId64 " tries for what the site did are used up",
			 job->again.site, next.most);
		break;
	case POLICY_NO_GROWTH:
		buf_addf(out, "its %s can't grow any more",
			 a->reason == REASON_TIMEOUT ? "time limit" : "memory");
		break;
	}
	policy_next_release(&next);
}
