/* ledger.c - records of the simulated commands: which supervisor started each, and how it ended */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim_work **works;
static size_t nworks;
static struct ledger_end *ends;
static size_t nends;

void ledger_reset(void)
{
	for (size_t i = 0; i < nworks; i++)
		free(works[i]);
	nworks = nends = 0;
}

/* Checks that no attempt is started twice: no step of it twice, and no step by another
 * supervisor. */
struct sim_work *ledger_begin(uint64_t submission, int task, int64_t job, const char *key,
			      int64_t by)
{
	struct sim_work *w = mem_alloc(sizeof(*w));

	story_step_begins();
	w->submission = submission;
	w->task = task;
	w->job = job;
	w->by = by;
	w->begun = sim.now;
	snprintf(w->key, sizeof(w->key), "%s", key);
	for (size_t i = 0; i < nworks; i++) {
		if (works[i]->submission != submission || works[i]->task != task)
			continue;
		if (works[i]->by != by)
			sim_violation("an attempt is started twice: %016llx.%d, by %d and by %d",
				      (unsigned long long)submission, task, (int)works[i]->by,
				      (int)by);
		if (!strcmp(works[i]->key, key))
			sim_violation("step %s of %016llx.%d is started twice", key,
				      (unsigned long long)submission, task);
	}
	works = mem_grow(works, nworks + 1, sizeof(struct sim_work *));
	works[nworks++] = w;
	return w;
}

void ledger_end(struct sim_work *w, int exit_code, int sig)
{
	w->done = true;
	w->ended = sim.now;
	w->at_exit = exit_code;
	w->at_signal = sig;
	grid_ended(w);
	sim_trace("step %s of job %d ended: exit %d, signal %d", w->key, (int)w->job, exit_code,
		  sig);
}

size_t ledger_size(void)
{
	return nworks;
}

struct sim_work *ledger_at(size_t i)
{
	return works[i];
}

void ledger_reported(uint64_t submission, int task, bool completed, int exit_code, int sig)
{
	ends = mem_grow(ends, nends + 1, sizeof(*ends));
	ends[nends++] = (struct ledger_end){.submission = submission,
					    .task = task,
					    .completed = completed,
					    .exit_code = exit_code,
					    .signal = sig};
	/* only a supervisor that saw the end reports it, so the command has ended */
	for (size_t i = 0; i < nworks; i++)
		if (works[i]->submission == submission && works[i]->task == task && !works[i]->done)
			sim_violation(
				"the end of %016llx.%d was reported while its step %s still runs",
				(unsigned long long)submission, task, works[i]->key);
}

size_t ledger_ends(void)
{
	return nends;
}

const struct ledger_end *ledger_end_at(size_t i)
{
	return &ends[i];
}
