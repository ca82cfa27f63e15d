#include "stopping.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "slurm.h"

/* Four files. A job that got TERM first makes ASKING, since others may be about to submit, and takes it back where it
 * was no cancellation; the others stay. STOPPING says how long Slurm took to answer, UNSURE names the last job that got
 * none. FIRST is as old as the first of these of all that were made with no pause in between. */
static const char STOPPING[] = "stopping", ASKING[] = "stopping-asked",
		  UNSURE[] = "stopping-unsure", FIRST[] = "stopping-first";

/*
 * From scancel's list to the first TERM it is some answers of the controller: 30 to 35 ms where squeue takes 6, on Slurm
 * 22.05.8. More of them are allowed for, within these bounds.
 */
enum {
	LASTS_MS = 10 * 1000,
	LATELY_MS = 60 * 1000,
	SPREAD_MS = 10 * 60 * 1000, /* of the signals; what is called first and is older is not */
	BIRTH_MS = 5 * 1000,	    /* sbatch, and until scancel's signal has come */
	LISTED_MS = 250,	    /* without sbatch, where Slurm answers at once */
	LISTED_ANSWERS = 10,
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

int stopping_ask(const struct who *me, int64_t *took)
{
	int64_t began = clock_mono_ms();
	int reason = me->slurm_id ? ask(me->slurm_id, me->restart) : REASON_CANCELLED;

	if (took)
		*took = clock_mono_ms() - began;
	return reason;
}

/* The answer that STOPPING tells of; -1: of none. */
static int64_t answer_took(struct spool *sp)
{
	struct buf text = {0};
	int64_t ms = -1;

	if (!spool_file_get(sp, STOPPING, &text, NULL) &&
	    sscanf(buf_str(&text), "%" SCNd64, &ms) != 1)
		ms = -1;
	buf_release(&text);
	return ms;
}

/* The slowest answer of those who are cancelled together. */
static void put_stopping(struct spool *sp, int64_t took)
{
	int64_t slowest = stopping_surely(sp) ? answer_took(sp) : -1;
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRId64 "\n", took > slowest ? took : slowest);

	if (spool_file_put_nosync(sp, STOPPING, text, (size_t)n, 0600, NULL))
		spool_mark(sp, STOPPING);
}

static void put_first(struct spool *sp)
{
	if (!stopping_now(sp))
		spool_mark(sp, FIRST);
}

void stopping_tell(struct spool *sp, const struct who *me, bool sure, int64_t took)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " %d\n", me->slurm_id, me->restart);

	put_first(sp);
	if (sure)
		put_stopping(sp, took);
	else
		spool_file_put_nosync(sp, UNSURE, text, (size_t)n, 0600, NULL);
}

int stopping_term(struct spool *sp)
{
	struct who me;
	int64_t took;
	int reason;

	who_self(&me);
	reason = stopping_ask(&me, &took);
	if (reason >= 0 && reason != REASON_CANCELLED)
		return reason;
	stopping_tell(sp, &me, reason >= 0, took);
	return REASON_CANCELLED;
}

void stopping_found(struct spool *sp, int64_t ago)
{
	if (stopping_now(sp))
		return;
	spool_mark_ago(sp, FIRST, ago);
	put_stopping(sp, -1); /* Slurm tells of whole seconds */
}

void stopping_asks(struct spool *sp)
{
	put_first(sp);
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
	spool_unmark(sp, FIRST);
}

static int64_t left(struct spool *sp, const char *name)
{
	int64_t age = spool_mark_age(sp, name);

	return age >= 0 && age < LASTS_MS ? LASTS_MS - age : 0;
}

int64_t stopping_left(struct spool *sp)
{
	static const char *const marks[] = {STOPPING, ASKING, UNSURE};
	int64_t most = 0;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		int64_t ms = left(sp, marks[i]);

		most = ms > most ? ms : most;
	}
	return most;
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
	return stopping_left(sp) > 0;
}

bool stopping_lately(struct spool *sp)
{
	return within(sp, STOPPING, LATELY_MS) || within(sp, UNSURE, LATELY_MS);
}

/* How long before the first signal something may have been made that scancel's list lacks. */
static int64_t birth(struct spool *sp, const char *name, bool known)
{
	int64_t took = known && !strcmp(name, STOPPING) ? answer_took(sp) : -1;

	if (took < 0 || took > BIRTH_MS / LISTED_ANSWERS)
		return BIRTH_MS;
	return took * LISTED_ANSWERS > LISTED_MS ? took * LISTED_ANSWERS : LISTED_MS;
}

bool stopping_marked(struct spool *sp)
{
	return spool_file_exists(sp, STOPPING) || spool_file_exists(sp, UNSURE);
}

/* Of those who were cancelled with the one that made that mark, which is of that age. */
static int64_t first_age(struct spool *sp, int64_t age)
{
	int64_t first = spool_mark_age(sp, FIRST);

	return first < age || first > age + SPREAD_MS ? age : first;
}

bool stopping_when(struct spool *sp, int64_t *first, int64_t *last)
{
	int64_t sure = spool_mark_age(sp, STOPPING), unsure = spool_mark_age(sp, UNSURE);

	*last = sure < 0 || (unsure >= 0 && unsure < sure) ? unsure : sure;
	*first = first_age(sp, *last);
	return *last >= 0;
}

static bool made_by(struct spool *sp, const char *name, int64_t made, bool known)
{
	int64_t age = spool_mark_age(sp, name);

	if (age < 0 || made < 0 || age > made + LASTS_MS)
		return false;
	return made <= first_age(sp, age) + birth(sp, name, known);
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

bool stopping_made(struct spool *sp, int64_t made, bool known)
{
	return made_by(sp, STOPPING, made, known) ||
	       (made_by(sp, UNSURE, made, known) && was_cancelled(sp));
}
