#include "sweep/policy.h"

#include <stdlib.h>
#include <string.h>

#include "slurm/amount.h"
#include "slurm/job.h"

void policy_next_release(struct policy_next *next)
{
	strs_release(&next->options);
	memset(next, 0, sizeof(*next));
}

/* ---- options ---- */

/* Returns the length of "--name" in "--name=value". */
static size_t name_len(const char *option)
{
	return strcspn(option, "=");
}

static bool is_named(const char *option, const char *name)
{
	size_t n = strlen(name);

	return name_len(option) == n && !strncmp(option, name, n);
}

const char *policy_option(const struct strs *options, const char *name)
{
	for (size_t i = options->n; i-- > 0;)
		if (is_named(options->v[i], name) && options->v[i][strlen(name)])
			return options->v[i] + strlen(name) + 1;
	return NULL;
}

char *policy_merge(const char *lines, const struct strs *change)
{
	struct buf out = {0};

	for (const char *p = lines ? lines : ""; *p;) {
		size_t n = strcspn(p, "\n");
		bool kept = n > 0;

		for (size_t i = 0; i < change->n && kept; i++)
			kept = name_len(change->v[i]) != strcspn(p, "=\n") ||
			       strncmp(change->v[i], p, name_len(change->v[i])) != 0;
		if (kept)
			buf_addf(&out, "%.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	for (size_t i = 0; i < change->n; i++)
		buf_addf(&out, "%s\n", change->v[i]);
	return out.len ? buf_take(&out) : NULL;
}

/* ---- growing ---- */

/* How a quantity of sbatch is read and written. */
struct measure {
	int (*read)(const char *text, int64_t *n);
	void (*add)(struct buf *out, int64_t n);
};

static const struct measure time_limit = {amount_time, amount_add_time};
static const struct measure memory = {amount_mem, amount_add_mem};

/* Returns the amount for the next try in place of old (NULL: not known), or -1 if it would not
 * be more. */
static int64_t grow_amount(const struct measure *m, const char *old, const char *rule,
			   const char *most)
{
	int64_t had = 0, next, ceiling;

	if (old && m->read(old, &had))
		return -1;
	if (*rule == 'x')
		next = old ? amount_times(had, rule + 1) : 0;
	else if (m->read(rule, &next))
		return -1;
	if (most && !m->read(most, &ceiling) && next > ceiling)
		next = ceiling;
	return next > had ? next : -1;
}

/* Appends the next value of an option. Returns false if it cannot grow. */
static bool add_grown_option(const struct measure *m, const char *name,
			     const struct policy_have *have, const char *rule, const char *most,
			     struct strs *out)
{
	int64_t next = grow_amount(m, policy_option(have->options, name), rule, most);
	struct buf b = {0};

	if (next < 0)
		return false;
	buf_addf(&b, "%s=", name);
	m->add(&b, next);
	strs_take(out, buf_take(&b));
	return true;
}

/* Returns the memory option that counts: they exclude each other, and the last one counts. */
static const char *find_memory_option(const struct strs *options)
{
	static const char *const names[] = {"--mem", "--mem-per-cpu", "--mem-per-gpu"};

	for (size_t i = options->n; i-- > 0;)
		for (size_t k = 0; k < 3; k++)
			if (is_named(options->v[i], names[k]))
				return names[k];
	return names[0];
}

/* Adds the options that grow. Returns false if the limit that ended the attempt cannot grow any
 * more. */
static bool add_grown_options(const struct sweep_retry_rule *rule, int reason,
			      const struct policy_have *have, struct strs *out)
{
	const char *mem = find_memory_option(have->options);

	if (!have->ran_so) /* the user has changed the options since: try these first */
		return true;
	if (rule->time &&
	    !add_grown_option(&time_limit, "--time", have, rule->time, rule->max_time, out) &&
	    reason == REASON_TIMEOUT)
		return false;
	return !rule->mem || add_grown_option(&memory, mem, have, rule->mem, rule->max_mem, out) ||
	       reason != REASON_OUT_OF_MEMORY;
}

int64_t policy_longest_delay(const struct sweep_retry *retry)
{
	int64_t most = 0;

	for (size_t i = 0; i < RETRY_NKINDS; i++)
		if (retry->rules[i].delay > most)
			most = retry->rules[i].delay;
	return most;
}

/* ---- the decision ---- */

static int classify_reason(int reason)
{
	switch (reason) {
	case REASON_TIMEOUT:
		return RETRY_TIMEOUT;
	case REASON_OUT_OF_MEMORY:
		return RETRY_OUT_OF_MEMORY;
	case REASON_NODE_FAIL:
	case REASON_BOOT_FAIL:
		return RETRY_NODE_FAIL;
	case REASON_PREEMPTED:
		return RETRY_PREEMPTED;
	case REASON_EXIT:
		return RETRY_EXIT;
	case REASON_SIGNAL:
		return RETRY_SIGNAL;
	default:
		return RETRY_NKINDS;
	}
}

/* Returns why the job is not retried; POLICY_GOES_ON if it is, unless a limit cannot grow. */
static enum policy_stop decide_stop(const struct sweep_retry *retry, bool restartable, int kind,
				    int exit_code, const struct policy_have *have, int64_t *most)
{
	bool site = kind == RETRY_NODE_FAIL || kind == RETRY_PREEMPTED;
	const struct sweep_retry_rule *rule;

	if (kind == RETRY_NKINDS)
		return POLICY_NEVER;
	rule = &retry->rules[kind];
	if (!rule->again && !(site && restartable))
		return POLICY_NOT_ASKED;
	if (kind == RETRY_EXIT && rule->ncodes &&
	    (exit_code < 0 || exit_code > 255 || !rule->codes[exit_code]))
		return POLICY_CODE;
	*most = site ? POLICY_SITE_MOST : retry->max < 0 ? POLICY_MAX : retry->max;
	if ((site ? have->site : have->tries) >= *most)
		return site ? POLICY_SITE_SPENT : POLICY_SPENT;
	return POLICY_GOES_ON;
}

void policy_decide(const struct sweep_retry *retry, bool restartable, int reason, int exit_code,
		   const struct policy_have *have, struct policy_next *next)
{
	int kind = classify_reason(reason);
	bool site = kind == RETRY_NODE_FAIL || kind == RETRY_PREEMPTED;

	memset(next, 0, sizeof(*next));
	next->stop = decide_stop(retry, restartable, kind, exit_code, have, &next->most);
	if (next->stop != POLICY_GOES_ON)
		return;
	if (!add_grown_options(&retry->rules[kind], reason, have, &next->options)) {
		policy_next_release(next);
		next->stop = POLICY_NO_GROWTH;
		return;
	}
	next->again = true;
	next->tries = have->tries + !site;
	next->site = have->site + site;
	next->delay_s = retry->rules[kind].delay;
}
