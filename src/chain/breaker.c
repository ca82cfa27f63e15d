#include "chain/breaker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "store/state.h"

enum {
	FAST_MS = 60 * 1000,  /* a failure within this time counts */
	QUICK_MS = 20 * 1000, /* a failure within this time counts against its node */
	DEATHS = 3,
	OUT_MS = 24 * 3600 * 1000,
};

static bool is_valid_node_name(const char *node)
{
	return node && *node && *node != '-' && strlen(node) < 64 &&
	       !node[strspn(node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-")];
}

/* Clears a node's failures a day after the node was excluded. */
static void clear_old_failures(struct state_node *r)
{
	int64_t now = clock_now_ms();

	if (r->out && (now < r->out - OUT_MS || now >= r->out + OUT_MS))
		memset(r, 0, sizeof(*r));
}

/* Clears the failures of a node on which an attempt succeeded. */
static int clear_node(struct db *db, const char *node, struct err *err)
{
	struct state_node r;
	int rc;

	if (!is_valid_node_name(node))
		return 0;
	/* nearly every time no value is set, and then the database is not written */
	rc = state_get_node(db, node, &r, err);
	return rc ? (rc < 0 ? -1 : 0) : state_unset_node(db, node, err);
}

static int reset_count(struct db *db, struct err *err)
{
	int64_t n;

	/* nearly every time the count is 0, and then the database is not written */
	if (state_get_int(db, STATE_BREAKER_N, &n, err))
		return -1;
	return n ? state_unset_int(db, STATE_BREAKER_N, err) : 0;
}

int breaker_completed(struct db *db, const char *node, struct err *err)
{
	return reset_count(db, err) || clear_node(db, node, err) ? -1 : 0;
}

int breaker_forgive_nodes(struct db *db, struct err *err)
{
	return state_unset_nodes(db, err);
}

int breaker_reset(struct db *db, struct err *err)
{
	if (breaker_forgive_nodes(db, err) || state_unset_int(db, STATE_BREAKER_N, err) ||
	    state_unset_text(db, STATE_BREAKER_NODE, err) ||
	    state_unset_int(db, STATE_BREAKER_FAILURES, err) ||
	    state_unset_int(db, STATE_BREAKER_JOB, err))
		return -1;
	return 0;
}

int breaker_nodes(struct db *db, struct strs *nodes, struct err *err)
{
	struct strs names = {0};
	struct state_node *v;
	int rc = state_get_nodes(db, &names, &v, err);

	for (size_t i = 0; i < names.n && !rc; i++) {
		clear_old_failures(&v[i]);
		if (v[i].out)
			strs_add(nodes, names.v[i]);
	}
	strs_release(&names);
	free(v);
	return rc;
}

/* ---- a failure ---- */

/* Counts a quick failure against its node. Sets *out if the node is excluded, by now or already.
 * at_once: adds no failure; any attempt of the sweep that runs on another node is a witness. */
static int count_node_failure(struct db *db, const struct db_attempt *a, int64_t sweep,
			      bool at_once, bool *out, struct err *err)
{
	int64_t now = clock_now_ms();
	struct state_node r;
	bool elsewhere;
	int rc = state_get_node(db, a->node, &r, err) < 0 ? -1 : 0;

	clear_old_failures(&r);
	if (!rc && !at_once) {
		if (!r.deaths++)
			r.since = a->started;
	}
	if (!rc && !r.out && r.deaths >= DEATHS) {
		rc = db_does_well_elsewhere(db, a->node, sweep, r.since,
					    at_once ? now : now - QUICK_MS, QUICK_MS, &elsewhere,
					    err);
		if (!rc && elsewhere)
			r.out = now;
	}
	*out = r.out > 0;
	if (!rc)
		rc = state_set_node(db, a->node, &r, err);
	return rc;
}

static int pause_queue(struct db *db, int64_t failures, int64_t job, struct err *err)
{
	return state_set_int(db, STATE_PAUSED, 1, err) ||
			       state_set_int(db, STATE_BREAKER_FAILURES, failures, err) ||
			       state_set_int(db, STATE_BREAKER_JOB, job, err)
		       ? -1
		       : 0;
}

/* Counts a failure; at the limit, excludes the only node of all failures or pauses the queue. */
static int count_failure(struct db *db, const struct db_attempt *a, const struct db_job *job,
			 struct err *err)
{
	int64_t n, most, paused;
	const char *here = a->started && is_valid_node_name(a->node) ? a->node : "";
	char *node = NULL;
	bool out = false;
	int rc;

	if (state_get_int(db, STATE_BREAKER, &most, err) ||
	    state_get_int(db, STATE_BREAKER_N, &n, err) ||
	    state_get_int(db, STATE_PAUSED, &paused, err))
		return -1;
	if (most <= 0 || paused)
		return 0;
	rc = state_get_text(db, STATE_BREAKER_NODE, &node, err) < 0 ? -1 : 0;
	if (!n || !node ||
	    strcmp(node, here) != 0) /* "" if the failures were on two nodes or more */
		rc = rc ? rc : state_set_text(db, STATE_BREAKER_NODE, n ? "" : here, err);
	if (!rc && ++n >= most && node && *node && !strcmp(node, here))
		rc = count_node_failure(db, a, job->sweep, true, &out, err);
	free(node);
	if (rc)
		return -1;
	if (n >= most && !out)
		return pause_queue(db, n, a->job, err);
	return state_set_int(db, STATE_BREAKER_N, out ? 0 : n, err);
}

int breaker_failed(struct db *db, const struct db_attempt *a, const struct db_job *job, bool again,
		   struct err *err)
{
	int64_t lived = a->started && a->ended > a->started ? a->ended - a->started : 0;
	bool out = false;

	if (a->reason != REASON_EXIT && a->reason != REASON_SIGNAL &&
	    a->reason != REASON_OUT_OF_MEMORY && (a->reason != REASON_BOOT_FAIL || a->started))
		return 0;
	if (!again && a->started && is_valid_node_name(a->node) &&
	    (lived < QUICK_MS ? count_node_failure(db, a, job->sweep, false, &out, err)
			      : clear_node(db, a->node, err)))
		return -1;
	if (lived >= FAST_MS)
		return reset_count(db, err);
	return again || out ? 0 : count_failure(db, a, job, err);
}
