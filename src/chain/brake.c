#include "chain/brake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

enum {
	FAST_MS = 60 * 1000,  /* of a failure that counts in the row */
	QUICK_MS = 20 * 1000, /* of a death that is held against its node */
	DEATHS = 3,
	OUT_MS = 24 * 3600 * 1000,
};

/* What is held against a node. */
struct record {
	int64_t deaths;
	int64_t since; /* the first of them began */
	int64_t out;   /* since when it is left out, 0: it is not */
};

static bool fit_for_a_name(const char *node)
{
	return node && *node && *node != '-' && strlen(node) < 64 &&
	       !node[strspn(node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-")];
}

static void parse(const char *text, struct record *r)
{
	int64_t now = clock_now_ms();

	if (sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64, &r->deaths, &r->since, &r->out) != 3)
		memset(r, 0, sizeof(*r));
	if (r->out && (now < r->out - OUT_MS || now >= r->out + OUT_MS)) /* a day is over */
		memset(r, 0, sizeof(*r));
}

static int read_record(struct db *db, const char *key, struct record *r, struct err *err)
{
	char *text;
	int rc = db_setting_get(db, key, &text, err);

	memset(r, 0, sizeof(*r));
	if (!rc)
		parse(text, r);
	free(text);
	return rc;
}

static int write_record(struct db *db, const char *key, const struct record *r, struct err *err)
{
	char text[80];

	snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %" PRId64, r->deaths, r->since,
		 r->out);
	return db_setting_set(db, key, text, err);
}

/* A node has run something as it should. */
static int good_node(struct db *db, const char *node, struct err *err)
{
	struct record r;
	char *key;
	int rc;

	if (!fit_for_a_name(node))
		return 0;
	key = mem_printf(".node.%s", node);
	rc = read_record(db, key, &r, err);
	if (!rc)
		rc = db_setting_unset(db, key, err);
	free(key);
	return rc < 0 ? -1 : 0;
}

static int end_row(struct db *db, struct err *err)
{
	int64_t n;

	/* nearly every time there is nothing to end, and then nothing is written */
	if (db_setting_int(db, ".brake.n", 0, &n, err))
		return -1;
	return n ? db_setting_unset(db, ".brake.n", err) : 0;
}

int brake_completed(struct db *db, const char *node, struct err *err)
{
	return end_row(db, err) || good_node(db, node, err) ? -1 : 0;
}

int brake_forgive_nodes(struct db *db, struct err *err)
{
	struct strs keys = {0}, values = {0};
	int rc = db_settings(db, ".node.", &keys, &values, err);

	for (size_t i = 0; i < keys.n && !rc; i++)
		rc = db_setting_unset(db, keys.v[i], err);
	strs_release(&keys);
	strs_release(&values);
	return rc;
}

int brake_reset(struct db *db, struct err *err)
{
	if (brake_forgive_nodes(db, err) || db_setting_unset(db, ".brake.n", err) ||
	    db_setting_unset(db, ".brake.node", err) ||
	    db_setting_unset(db, ".brake.failures", err) || db_setting_unset(db, ".brake.job", err))
		return -1;
	return 0;
}

int brake_nodes(struct db *db, struct strs *nodes, struct err *err)
{
	struct strs keys = {0}, values = {0};
	int rc = db_settings(db, ".node.", &keys, &values, err);

	for (size_t i = 0; i < keys.n && !rc; i++) {
		struct record r = {0};

		parse(values.v[i], &r);
		if (r.out)
			strs_add(nodes, keys.v[i] + strlen(".node."));
	}
	strs_release(&keys);
	strs_release(&values);
	return rc;
}

/* ---- a failure ---- */

/* Hold a quick death against its node. *out: it is left out, by now or already. at_once: any attempt of the
 * sweep that runs elsewhere is witness enough. */
static int bad_node(struct db *db, const struct db_attempt *a, int64_t sweep, bool at_once,
		    bool *out, struct err *err)
{
	char *key = mem_printf(".node.%s", a->node);
	int64_t now = clock_now_ms();
	struct record r;
	bool elsewhere;
	int rc = read_record(db, key, &r, err) < 0 ? -1 : 0;

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
		rc = write_record(db, key, &r, err);
	free(key);
	return rc;
}

static int pause_queue(struct db *db, int64_t failures, int64_t job, struct err *err)
{
	return db_setting_set_int(db, ".paused", 1, err) ||
			       db_setting_set_int(db, ".brake.failures", failures, err) ||
			       db_setting_set_int(db, ".brake.job", job, err)
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

	if (db_setting_int(db, "breaker", BRAKE_DEFAULT, &most, err) ||
	    db_setting_int(db, ".brake.n", 0, &n, err) ||
	    db_setting_int(db, ".paused", 0, &paused, err))
		return -1;
	if (most <= 0 || paused)
		return 0;
	rc = db_setting_get(db, ".brake.node", &node, err) < 0 ? -1 : 0;
	if (!n || !node || strcmp(node, here) != 0) /* "" from the second node on */
		rc = rc ? rc : db_setting_set(db, ".brake.node", n ? "" : here, err);
	if (!rc && ++n >= most && node && *node && !strcmp(node, here))
		rc = bad_node(db, a, job->sweep, true, &out, err);
	free(node);
	if (rc)
		return -1;
	if (n >= most && !out)
		return pause_queue(db, n, a->job, err);
	return db_setting_set_int(db, ".brake.n", out ? 0 : n, err);
}

int brake_failed(struct db *db, const struct db_attempt *a, const struct db_job *job, bool again,
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
