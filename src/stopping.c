#include "stopping.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "slurm.h"

/* Three files. A job that got TERM first makes ASKING, since others may be about to submit, and takes it back where it
 * was no cancellation; the others stay. UNSURE names the last job that got no answer. */
static const char STOPPING[] = "stopping", ASKING[] = "stopping-asked",
		  UNSURE[] = "stopping-unsure";

enum {
	LASTS_MS = 10 * 1000,
	LATELY_MS = 60 * 1000,
	BIRTH_MS = 5 * 1000, /* sbatch, and until scancel's signal has come */
};

static int ask(uint64_t id, int restart)
{
	struct slurm_job job = {0};
	int reason;

	if (slurm_squeue_job(id, &job, NULL))
		return -1;
	reason = slurm_stop_reason(&job, restart);
	slurm_job_release(&job);
	return reason;
}

int stopping_ask(const struct who *me)
{
	return me->slurm_id ? ask(me->slurm_id, me->restart) : REASON_CANCELLED;
}

void stopping_tell(struct spool *sp, const struct who *me, bool sure)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " %d\n", me->slurm_id, me->restart);

	if (sure)
		spool_mark(sp, STOPPING);
	else
		spool_file_put_nosync(sp, UNSURE, text, (size_t)n, 0600, NULL);
}

int stopping_term(struct spool *sp)
{
	struct who me;
	int reason;

	who_self(&me);
	reason = stopping_ask(&me);
	if (reason >= 0 && reason != REASON_CANCELLED)
		return reason;
	stopping_tell(sp, &me, reason >= 0);
	return REASON_CANCELLED;
}

void stopping_asks(struct spool *sp)
{
	spool_mark(sp, ASKING);
}

static int unsure_job(struct spool *sp, uint64_t *id, int *restart)
{
	struct buf text = {0};
	int n = 0;

	if (!spool_file_get(sp, UNSURE, &text, NULL))
		n = sscanf(buf_str(&text), "%" SCNu64 " %d", id, restart);
	buf_release(&text);
	return n == 2 ? 0 : -1;
}

void stopping_asked(struct spool *sp, const struct who *me)
{
	uint64_t id;
	int restart;

	spool_unmark(sp, ASKING);
	if (!unsure_job(sp, &id, &restart) && id == me->slurm_id)
		spool_unmark(sp, UNSURE);
}

void stopping_over(struct spool *sp)
{
	spool_unmark(sp, STOPPING);
	spool_unmark(sp, ASKING);
	spool_unmark(sp, UNSURE);
}

static bool within(struct spool *sp, const char *name, int64_t ms)
{
	int64_t age = spool_mark_age(sp, name);

	return age >= 0 && age < ms;
}

bool stopping_surely(struct spool *sp)
{
	return within(sp, STOPPING, LASTS_MS);
}

bool stopping_now(struct spool *sp)
{
	return stopping_surely(sp) || within(sp, ASKING, LASTS_MS) || within(sp, UNSURE, LASTS_MS);
}

bool stopping_lately(struct spool *sp)
{
	return within(sp, STOPPING, LATELY_MS) || within(sp, UNSURE, LATELY_MS);
}

static bool made_by(struct spool *sp, const char *name, int64_t made)
{
	int64_t age = spool_mark_age(sp, name);

	return age >= 0 && made >= 0 && made <= age + BIRTH_MS && age <= made + LASTS_MS;
}

/* What became of a job that squeue does not know any more: its last record's state is copied; "": nobody knows. */
static void ask_sacct(uint64_t id, char *state, size_t size)
{
	enum { SINCE_S = 24 * 3600 };
	struct slurm_jobs jobs = {0};
	struct strs ids = {0};

	strs_addf(&ids, "%" PRIu64, id);
	if (!slurm_sacct((uint64_t)geteuid(), SINCE_S, &ids, &jobs, NULL))
		for (size_t i = 0; i < jobs.n; i++)
			if (jobs.v[i].id == id)
				snprintf(state, size, "%s", jobs.v[i].state);
	slurm_jobs_release(&jobs);
	strs_release(&ids);
}

/* Whether the job that was not sure was cancelled, by Slurm's word now. */
static bool was_cancelled(struct spool *sp)
{
	struct slurm_job job = {0};
	char state[32] = "";
	bool cancelled;
	uint64_t id;
	int restart, rc;

	if (unsure_job(sp, &id, &restart))
		return false;
	rc = slurm_squeue_job(id, &job, NULL);
	if (!rc && slurm_stop_reason(&job, restart) == REASON_CANCELLED)
		snprintf(state, sizeof(state), "%s", job.state);
	else if (!rc)
		snprintf(state, sizeof(state), "other");
	else if (rc > 0)
		ask_sacct(id, state, sizeof(state));
	slurm_job_release(&job);
	cancelled = !strncmp(state, "CANCELLED", 9) || !strcmp(state, "COMPLETING");
	if (*state && !cancelled)
		spool_unmark(sp, UNSURE);
	return cancelled;
}

bool stopping_made(struct spool *sp, int64_t made)
{
	return made_by(sp, STOPPING, made) || (made_by(sp, UNSURE, made) && was_cancelled(sp));
}
