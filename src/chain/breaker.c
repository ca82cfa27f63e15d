#include "chain/breaker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "store/state.h"

enum {
	FAST_MS = 60 * 1000,  /* of a failure that counts in the row */
	QUICK_MS = 20 * 1000, /* of a death that is held against its node */
	DEATHS = 3,
	OUT_MS = 24 * 3600 * 1000,
};

static bool fit_for_a_name(const char *node)
{
	return node && *node && *node != '-' && strlen(node) < 64 &&
	       !node[strspn(node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-")];
}

/* What is held against a node ends a day after it was left out. */
static void forget_after_a_day(struct state_node *r)
{
	int64_t now = clock_now_ms();

	if (r->out && (now < r->out - OUT_MS || now >= r->out + OUT_MS))
		memset(r, 0, sizeof(*r));
}

/* A node has run something as it should. */
static int good_node(struct db *db, const char *node, struct err *err)
{
	struct state_node r;
	int rc;

	if (!fit_for_a_name(node))
		return 0;
	/* nearly every time there is nothing to unset, and then nothing is written */
	rc = state_get_node(db, node, &r, err);
	return rc ? (rc < 0 ? -1 : 0) : state_unset_node(db, node, err);
}

static int end_row(struct db *db, struct err *err)
{
	int64_t n;

	/* nearly every time there is nothing to end, and then nothing is written */
	if (state_get_int(db, STATE_BREAKER_N, &n, err))
		return -1;
	return n ? state_unset_int(db, STATE_BREAKER_N, err) : 0;
}

int breaker_completed(struct db *db, const char *node, struct err *err)
{
	return end_row(db, err) || good_node(db, node, err) ? -1 : 0;
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
		forget_after_a_day(&v[i]);
		if (v[i].out)
			strs_add(nodes, names.v[i]);
	}
	strs_release(&names);
	free(v);
	return rc;
}

/* ---- a failure ---- */

/* Hold a quick death against its node. *out: it is left out, by now or already. at_once: any attempt of the
 * sweep that runs elsewhere is witness enough. */
static int bad_node(struct db *db, const struct db_attempt *a, int64_t sweep, bool at_once,
		    bool *out, struct err *err)
{
	int64_t now = clock_now_ms();
	struct state_node r;
	bool elsewhere;
	int rc = state_get_node(db, a->node, &r, err) < 0 ? -1 : 0;

	forget_after_a_day(&r);
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

/* One more in the row. */
static int count(struct db *db, const struct db_attempt *a, const struct db_job *job,
		 struct err *err)
{
	int64_t n, most, paused;
	const char *here = a->started && fit_for_a_name(a->node) ? a->node : "";
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
	if (!n || !node || strcmp(node, here) != 0) /* "" from the second node on */
		rc = rc ? rc : state_set_text(db, STATE_BREAKER_NODE, n ? "" : here, err);
	if (!rc && ++n >= most && node && *node && !strcmp(node, here))
		rc = bad_node(db, a, job->sweep, true, &out, err);
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
	if (!again && a->started && fit_for_a_name(a->node) &&
	    (lived < QUICK_MS ? bad_node(db, a, job->sweep, false, &out, err)
			      : good_node(db, a->node, err)))
		return -1;
	if (lived >= FAST_MS)
		return end_row(db, err);
	return again || out ? 0 : count(db, a, job, err);
}
