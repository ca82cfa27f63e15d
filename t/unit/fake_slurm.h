/*
 * fake_slurm.h - a Slurm in the test's own process. It replaces all of slurm.c, so the linker does
 * not take that object from the archive. The test sets the answers and checks the queries.
 */
#ifndef T_FAKE_SLURM_H
#define T_FAKE_SLURM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "slurm/slurm.h"

struct fake_job {
	uint64_t id;
	int ntasks;
	char name[96];
	bool full;	    /* counts under fake.full_at */
	char state[24][40]; /* state of each task; "FAILED/NonZeroExitCode": with squeue's reason */
	bool gone[24];
	bool collapsed; /* shown as one line for all tasks */
	int64_t submitted, ended;
	int64_t ended_at[24]; /* of each task, if it differs */
	int restarts;
};

/* A record of sacct. */
struct fake_record {
	uint64_t id, array_id;
	int64_t task, submitted, ended;
	char state[24], name[96];
	int exit_code, signal;
};

static struct fake {
	int answers[64];	      /* of sbatch, in order; 0: the limit decides */
	size_t begun, fed, abandoned; /* sbatch in parts */
	size_t nanswers, sbatches, squeues, scancels, limits_read;
	bool accept_silently; /* sbatch makes a job even if its answer is not ACCEPTED */
	bool away;	      /* queries fail */
	int away_times;	      /* number of queries of one job that fail next */
	int64_t limit, used;  /* as scontrol shows; limit -1: not shown; used -1: the true number */
	int others;	      /* jobs of the user that are not slurmq's */
	char full[64];	      /* an option: its jobs have their own limit */
	int full_at;	      /* that limit */
	uint64_t next, requeue_off, requeued;
	struct fake_job jobs[64];
	size_t njobs;
	struct fake_record records[64];
	size_t nrecords, saccts;
	bool no_acct, acct_away;
	int64_t acct_since; /* the arguments of the last sacct */
	char acct_ids[256]; /* "100,101" */
	struct strs cancelled;
	void (*on_sbatch)(void), (*on_squeue)(void),
		(*on_squeue_job)(void); /* called during the query; may be NULL */
	char last_script[4096];
	struct strs last_argv;
} fake;

static const char *fake_reason; /* reason of every job in squeue; NULL: None */

static inline void fake_reset(void)
{
	strs_release(&fake.cancelled);
	strs_release(&fake.last_argv);
	memset(&fake, 0, sizeof(fake));
	fake.limit = fake.used = -1;
	fake.next = 100;
}

/* Returns how many jobs and tasks are in Slurm now. */
static inline int fake_active(void)
{
	int n = 0;

	for (size_t i = 0; i < fake.njobs; i++)
		for (int k = 0; k < fake.jobs[i].ntasks; k++)
			n += !fake.jobs[i].gone[k] && slurm_state_active(fake.jobs[i].state[k]);
	return n;
}

static inline bool fake_is_full(const struct slurm_submission *s)
{
	for (const char *const *o = s->options; *fake.full && o && *o; o++)
		if (!strcmp(*o, fake.full))
			return true;
	return false;
}

static inline bool fake_over_limit(const struct slurm_submission *s)
{
	int n = s->ntasks;

	if (fake.limit >= 0 && fake_active() + fake.others + n > fake.limit)
		return true;
	if (!fake_is_full(s))
		return false;
	for (size_t i = 0; i < fake.njobs; i++)
		for (int k = 0; fake.jobs[i].full && k < fake.jobs[i].ntasks; k++)
			n += !fake.jobs[i].gone[k] && slurm_state_active(fake.jobs[i].state[k]);
	return n > fake.full_at;
}

static inline void fake_make(const struct slurm_submission *s, struct slurm_reply *reply)
{
	struct fake_job *job = &fake.jobs[fake.njobs++];

	memset(job, 0, sizeof(*job));
	job->id = fake.next;
	job->ntasks = s->ntasks;
	job->submitted = clock_now_ms();
	fake.next += (uint64_t)s->ntasks;
	snprintf(job->name, sizeof(job->name), "%s", s->name);
	job->full = fake_is_full(s);
	for (int i = 0; i < s->ntasks; i++)
		snprintf(job->state[i], sizeof(job->state[i]), "PENDING");
	reply->job = job->id;
}

void slurm_sbatch_argv(const struct slurm_submission *s, struct strs *argv)
{
	strs_add(argv, "sbatch");
	for (const char *const *o = s->options; o && *o; o++)
		strs_add(argv, *o);
	strs_addf(argv, "--job-name=%s", s->name);
	if (s->ntasks > 1)
		strs_addf(argv, "--array=0-%d", s->ntasks - 1);
	strs_addf(argv, "--output=%s", s->output);
	if (s->chdir)
		strs_addf(argv, "--chdir=%s", s->chdir);
}

void slurm_sbatch(const struct slurm_submission *s, struct slurm_reply *reply)
{
	size_t turn = fake.sbatches++;

	memset(reply, 0, sizeof(*reply));
	strs_release(&fake.last_argv);
	slurm_sbatch_argv(s, &fake.last_argv);
	snprintf(fake.last_script, sizeof(fake.last_script), "%s", s->script);
	reply->answer = turn < fake.nanswers ? fake.answers[turn] : 0;
	if (!reply->answer)
		reply->answer = fake_over_limit(s) ? SLURM_LIMIT : SLURM_ACCEPTED;
	reply->text = strdup(reply->answer == SLURM_ACCEPTED ? "" : "words of sbatch");
	if (reply->answer == SLURM_ACCEPTED || fake.accept_silently)
		fake_make(s, reply);
	if (reply->answer != SLURM_ACCEPTED)
		reply->job = 0;
	if (fake.on_sbatch)
		fake.on_sbatch();
}

struct slurm_sbatch {
	const struct slurm_submission *s;
};

struct slurm_sbatch *slurm_sbatch_begin(const struct slurm_submission *s)
{
	struct slurm_sbatch *b = malloc(sizeof(*b));

	b->s = s;
	fake.begun++;
	return b;
}

void slurm_sbatch_feed(struct slurm_sbatch *b)
{
	(void)b;
	fake.fed++;
}

void slurm_sbatch_end(struct slurm_sbatch *b, struct slurm_reply *reply)
{
	slurm_sbatch(b->s, reply);
	free(b);
}

void slurm_sbatch_abandon(struct slurm_sbatch *b)
{
	fake.abandoned++;
	free(b);
}

void slurm_reply_release(struct slurm_reply *reply)
{
	free(reply->cluster);
	free(reply->text);
	memset(reply, 0, sizeof(*reply));
}

static inline void fake_show(const struct fake_job *j, int task, struct slurm_job *out)
{
	out->id = j->id + (uint64_t)task;
	out->array_id = j->id;
	out->task = j->ntasks > 1 && !j->collapsed ? task : -1;
	out->state = strndup(j->state[task], strcspn(j->state[task], "/"));
	out->reason = strdup(fake_reason		   ? fake_reason
			     : strchr(j->state[task], '/') ? strchr(j->state[task], '/') + 1
							   : "None");
	out->name = strdup(j->name);
	out->submitted = j->submitted;
	out->ended = j->ended_at[task] ? j->ended_at[task] : j->ended;
	out->restarts = j->restarts;
	out->exit_code = out->signal = 0;
}

/* Adds a record of a task to sacct, in that state ("FAILED", "FAILED 0:9"). Id and name are the
 * job's, and may be changed. */
static inline struct fake_record *fake_record(const struct fake_job *j, int task, const char *state)
{
	struct fake_record *r = &fake.records[fake.nrecords++];

	r->id = j->id + (uint64_t)task;
	r->array_id = j->id;
	r->task = j->ntasks > 1 ? task : -1;
	r->submitted = j->submitted;
	r->ended = j->ended;
	if (sscanf(state, "%*s %d:%d", &r->exit_code, &r->signal) != 2)
		r->exit_code = r->signal = 0;
	snprintf(r->state, sizeof(r->state), "%.*s", (int)strcspn(state, " "), state);
	snprintf(r->name, sizeof(r->name), "%s", j->name);
	return r;
}

int slurm_sacct(uint64_t uid, int64_t since_s, const struct strs *ids, struct slurm_jobs *out,
		struct err *err)
{
	(void)uid;
	memset(out, 0, sizeof(*out));
	fake.saccts++;
	fake.acct_since = since_s;
	fake.acct_ids[0] = '\0';
	for (size_t i = 0; i < ids->n; i++) {
		size_t len = strlen(fake.acct_ids);

		snprintf(fake.acct_ids + len, sizeof(fake.acct_ids) - len, "%s%s", i ? "," : "",
			 ids->v[i]);
	}
	if (fake.acct_away)
		return err_set(err, ERR_AGAIN, "sacct: no answer");
	if (fake.no_acct)
		return SLURM_NO_ACCT;
	for (size_t i = 0; i < fake.nrecords; i++) {
		const struct fake_record *r = &fake.records[i];

		out->v = realloc(out->v, (out->n + 1) * sizeof(*out->v));
		out->v[out->n++] = (struct slurm_job){.id = r->id,
						      .array_id = r->array_id,
						      .task = r->task,
						      .state = strdup(r->state),
						      .reason = strdup(""),
						      .name = strdup(r->name),
						      .submitted = r->submitted,
						      .ended = r->ended,
						      .restarts = -1,
						      .exit_code = r->exit_code,
						      .signal = r->signal};
	}
	return 0;
}

int slurm_squeue(uint64_t uid, struct slurm_jobs *out, struct err *err)
{
	(void)uid;
	memset(out, 0, sizeof(*out));
	fake.squeues++;
	if (fake.on_squeue)
		fake.on_squeue();
	if (fake.away)
		return err_set(err, ERR_AGAIN, "squeue: no answer");
	for (size_t i = 0; i < fake.njobs; i++) {
		for (int k = 0; k < fake.jobs[i].ntasks; k++) {
			if (fake.jobs[i].gone[k])
				continue;
			out->v = realloc(out->v, (out->n + 1) * sizeof(*out->v));
			fake_show(&fake.jobs[i], k, &out->v[out->n++]);
		}
	}
	return 0;
}

int slurm_squeue_job(uint64_t id, struct slurm_job *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	fake.squeues++;
	if (fake.on_squeue_job)
		fake.on_squeue_job();
	if (fake.away || fake.away_times-- > 0)
		return err_set(err, ERR_AGAIN, "squeue: no answer");
	for (size_t i = 0; i < fake.njobs; i++) {
		for (int k = 0; k < fake.jobs[i].ntasks; k++) {
			if (fake.jobs[i].id + (uint64_t)k == id && !fake.jobs[i].gone[k]) {
				fake_show(&fake.jobs[i], k, out);
				return 0;
			}
		}
	}
	return 1;
}

void slurm_job_release(struct slurm_job *job)
{
	free(job->state);
	free(job->reason);
	free(job->name);
	memset(job, 0, sizeof(*job));
}

void slurm_jobs_release(struct slurm_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		slurm_job_release(&jobs->v[i]);
	free(jobs->v);
	memset(jobs, 0, sizeof(*jobs));
}

static bool fake_is_pending(const char *name)
{
	uint64_t id = strtoull(name, NULL, 10);
	const char *under = strchr(name, '_');
	int task = under ? atoi(under + 1) : 0;

	for (size_t i = 0; i < fake.njobs; i++)
		if (fake.jobs[i].id == id && task < fake.jobs[i].ntasks)
			return !strcmp(fake.jobs[i].state[task], "PENDING");
	return false;
}

int slurm_scancel_pending(const struct strs *ids, struct err *err)
{
	struct strs pending = {0};
	int rc;

	for (size_t i = 0; i < ids->n; i++)
		if (fake_is_pending(ids->v[i]))
			strs_add(&pending, ids->v[i]);
	rc = slurm_scancel(&pending, err);
	strs_release(&pending);
	return rc;
}

int slurm_scancel(const struct strs *ids, struct err *err)
{
	fake.scancels++;
	if (fake.away)
		return err_set(err, ERR_AGAIN, "scancel: no answer");
	for (size_t i = 0; i < ids->n; i++)
		strs_add(&fake.cancelled, ids->v[i]);
	return 0;
}

int slurm_requeue_off(uint64_t id, struct err *err)
{
	fake.requeue_off = id;
	return fake.away ? err_set(err, ERR_AGAIN, "scontrol: no answer") : 0;
}

int slurm_requeue(uint64_t id, struct err *err)
{
	fake.requeued = id;
	return fake.away ? err_set(err, ERR_AGAIN, "scontrol: no answer") : 0;
}

int slurm_site_read(struct slurm_site *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (fake.away)
		return err_set(err, ERR_AGAIN, "scontrol: no answer");
	out->cluster = strdup("fake");
	out->kill_wait_s = 30;
	out->max_array_size = 1001;
	out->max_job_count = 10000;
	return 0;
}

void slurm_site_release(struct slurm_site *site)
{
	free(site->cluster);
	free(site->version);
	memset(site, 0, sizeof(*site));
}

int slurm_limit_read(const char *user, struct slurm_limit *out, struct err *err)
{
	(void)user;
	memset(out, 0, sizeof(*out));
	out->limit = out->used = -1;
	fake.limits_read++;
	if (fake.away)
		return err_set(err, ERR_AGAIN, "scontrol: no answer");
	out->limit = fake.limit;
	if (fake.limit >= 0)
		out->used = fake.used >= 0 ? fake.used : fake.others + fake_active();
	out->from = strdup("qos fake");
	return 0;
}

void slurm_limit_release(struct slurm_limit *limit)
{
	free(limit->from);
	memset(limit, 0, sizeof(*limit));
}

#endif
