/*
 * policy.c - draws a sweep's `retry` at random, and checks that the retries are those that it
 * allows.
 *
 * Triggers in the database keep a history: each change of a job's state, each retry, each step that
 * was reported completed, in the transaction that made it. The check uses the policy as it was
 * drawn, and no code of src/sweep/policy.c.
 */
#include "sim.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "slurm/job.h"

enum { MAX_DEFAULT = 3, SITE_MOST = 10, KEYS_MOST = 32 }; /* see slurmq-sweep(5) */
enum { ENDED_STATES = 1 << JOB_COMPLETED | 1 << JOB_FAILED | 1 << JOB_CANCELLED };

static const struct {
	const char *name;
	int reason;
	bool site;
} kinds[POLICY_KINDS] = {{"TIMEOUT", REASON_TIMEOUT, false},
			 {"NODE_FAIL", REASON_NODE_FAIL, true},
			 {"PREEMPTED", REASON_PREEMPTED, true},
			 {"EXIT", REASON_EXIT, false},
			 {"SIGNAL", REASON_SIGNAL, false}};

/* ---- drawing a policy ---- */

static void draw_rule(struct sim_policy *p, int kind, struct buf *b)
{
	struct sim_rule *r = &p->rules[kind];
	bool coded = !strcmp(kinds[kind].name, "EXIT") && sim_rnd(2);

	r->again = true;
	r->delay_s = sim_rnd(3) ? 0 : 1 + sim_rnd(900);
	r->codes = coded ? (unsigned)(1 + sim_rnd(7)) << 1 : 0; /* steps fail with 1, 2 or 3 */
	if (!coded && !r->delay_s) {
		buf_addf(b, "  %s: again\n", kinds[kind].name);
		return;
	}
	buf_addf(b, "  %s: {", kinds[kind].name);
	if (r->delay_s)
		buf_addf(b, "delay: %ds%s", (int)r->delay_s, coded ? ", " : "");
	for (int c = 1, n = 0; coded && c <= 3; c++)
		if (r->codes & 1U << c)
			buf_addf(b, "%s%d", n++ ? ", " : "codes: [", c);
	buf_addf(b, "%s}\n", coded ? "]" : "");
}

void policy_draw(struct sim_policy *p, struct buf *b)
{
	bool given = sim_rnd(8) > 0;

	memset(p, 0, sizeof(*p));
	p->max = MAX_DEFAULT;
	p->restartable = !sim_rnd(3);
	if (p->restartable)
		buf_addstr(b, "restartable: true\n");
	if (!given)
		return;
	buf_addstr(b, "retry:\n");
	if (sim_rnd(4)) {
		p->max = (int)sim_rnd(5);
		buf_addf(b, "  max: %d\n", p->max);
	}
	for (int i = 0; i < POLICY_KINDS; i++) {
		if (sim_rnd(3))
			draw_rule(p, i, b);
		else
			buf_addf(b, "  %s: never\n", kinds[i].name);
	}
}

/* ---- the history ---- */

static void sql_now(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	(void)v;
	sqlite3_result_int64(c, sim.now);
}

static void sql_process(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	(void)v;
	sqlite3_result_text(c, sim_self ? sim_self->argv[0] : "", -1, SQLITE_TRANSIENT);
}

static int register_functions(sqlite3 *db, const char **msg, const struct sqlite3_api_routines *api)
{
	int flags = SQLITE_UTF8;

	(void)msg;
	(void)api;
#ifdef SQLITE_INNOCUOUS /* from 3.31, and so is trusted_schema, which wants it */
	flags |= SQLITE_INNOCUOUS;
#endif
	return sqlite3_create_function(db, "sim_now", 0, flags, NULL, sql_now, NULL, NULL) ||
	       sqlite3_create_function(db, "sim_who", 0, flags, NULL, sql_process, NULL, NULL);
}

int policy_register(void)
{
	return sqlite3_auto_extension((void (*)(void))register_functions);
}

int policy_keep_history(const char *path)
{
	static const char sql[] =
		"CREATE TABLE sim_history(seq INTEGER PRIMARY KEY, what TEXT, job INT, attempt INT,"
		" was INT, state INT, reason INT, request INT, code INT, key TEXT, who TEXT, at INT);"
		/* reason: the reason of the failure, both when the job fails and when it is
		 * retried */
		"CREATE TRIGGER sim_state AFTER UPDATE OF state ON job"
		" WHEN old.state <> new.state OR old.reason <> new.reason BEGIN"
		" INSERT INTO sim_history VALUES(NULL, 'state', new.id, new.attempt, old.state,"
		"  new.state, CASE old.state WHEN 5 THEN old.reason ELSE new.reason END, new.request,"
		"  (SELECT exit_code FROM attempt WHERE id = new.attempt), NULL, sim_who(),"
		"  sim_now()); END;"
		"CREATE TRIGGER sim_again AFTER INSERT ON retry_state BEGIN"
		" INSERT INTO sim_history(what, job) VALUES('again', new.job); END;"
		"CREATE TRIGGER sim_step AFTER INSERT ON step WHEN new.state = 0 BEGIN"
		" INSERT INTO sim_history(what, job, key) VALUES('step',"
		"  (SELECT job FROM attempt WHERE id = new.attempt), new.key); END;";
	sqlite3 *db = NULL;
	int rc = sqlite3_open(path, &db);

	if (!rc)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

/* ---- checking ---- */

/* A job's history, as far as it was read. */
struct life {
	const struct sim_policy *policy;
	int64_t job;
	int tries, site; /* retries by the policy, since the last slurmq retry */
	int64_t failed_at, due;
	int64_t tried; /* the attempt that the policy retried last */
	size_t nkeys;
	char keys[KEYS_MOST][24]; /* steps that were reported completed */
};

/* One row of the history, with the fields that the next row needs. */
struct event {
	char what[8], key[24], who[16];
	int64_t attempt, at;
	int was, state, reason, request, code;
	uint64_t submission;
	int task;
};

static int reason_kind(int reason)
{
	for (int i = 0; i < POLICY_KINDS; i++)
		if (kinds[i].reason == (reason == REASON_BOOT_FAIL ? REASON_NODE_FAIL : reason))
			return i;
	return -1;
}

/* Returns whether the policy has a rule for the failure. */
static bool has_rule(const struct sim_policy *p, int reason, int code)
{
	int kind = reason_kind(reason);
	const struct sim_rule *r = kind < 0 ? NULL : &p->rules[kind];

	if (!r || (r->codes && (code < 0 || code > 3 || !(r->codes & 1U << code))))
		return false;
	return r->again || (kinds[kind].site && p->restartable);
}

static bool has_tries_left(const struct life *l, int reason)
{
	return kinds[reason_kind(reason)].site ? l->site < SITE_MOST : l->tries < l->policy->max;
}

/* Returns whether scancel ended the job before its command had ended. Slurm then shows that to a
 * process that queries it. */
static bool was_scancelled(const struct event *e)
{
	const struct sim_job *j = cluster_jobs;

	while (j && (j->submission != e->submission || (j->task < 0 ? 0 : j->task) != e->task))
		j = j->next;
	if (!j || !j->scancelled || cluster.silent || sim.fails)
		return false;
	/* a requeued job closes its old attempt, which ended before the scancel */
	if (j->restarts && e->reason == REASON_PREEMPTED)
		return false;
	for (size_t i = 0; i < ledger_size(); i++)
		if (ledger_at(i)->attempt == e->attempt && ledger_at(i)->ended <= j->scancelled)
			return false;
	return true;
}

/* Checks a row in which the policy made the job pending. */
static void check_retry(struct life *l, const struct event *e)
{
	int kind = reason_kind(e->reason);

	if (e->was != JOB_FAILED || e->request == REQUEST_CANCEL || was_scancelled(e))
		sim_violation("job %d was cancelled, but its policy retried it", (int)l->job);
	else if (!has_rule(l->policy, e->reason, e->code))
		sim_violation("job %d was retried after %s (exit %d), but its policy has no such "
			      "rule",
			      (int)l->job, job_reason_name(e->reason), e->code);
	else if (!has_tries_left(l, e->reason))
		sim_violation(
			"job %d was retried too often: %d times by its policy, %d times after "
			"failures of the site",
			(int)l->job, l->tries, l->site);
	else if (l->tried == e->attempt)
		sim_violation("attempt %d was retried twice", (int)e->attempt);
	if (kind < 0)
		return;
	*(kinds[kind].site ? &l->site : &l->tries) += 1;
	l->tried = e->attempt;
	l->due = l->policy->rules[kind].delay_s
			 ? l->failed_at + l->policy->rules[kind].delay_s * SEC
			 : 0;
}

static void check_pending(struct life *l, const struct event *e, const struct event *next)
{
	if (!strcmp(next->what, "again")) {
		check_retry(l, e);
		return;
	}
	if (1 << e->was & ENDED_STATES) {
		if (strcmp(e->who, "retry") != 0)
			sim_violation("job %d, %s, was made pending by %s", (int)l->job,
				      job_state_name(e->was), e->who);
		l->tries = l->site = 0;
		l->due = 0;
		return;
	}
	/* its claim was revoked */
	for (size_t i = 0; e->was != JOB_HELD && i < ledger_size(); i++)
		if (ledger_at(i)->attempt == e->attempt)
			sim_violation("attempt %d ran, but its job is pending without a retry",
				      (int)e->attempt);
}

/* Checks a new attempt: which steps it runs, and when. */
static void check_claim(const struct life *l, const struct event *e)
{
	for (size_t i = 0; i < ledger_size(); i++) {
		const struct sim_work *w = ledger_at(i);

		if (w->attempt != e->attempt)
			continue;
		for (size_t k = 0; k < l->nkeys; k++)
			if (!strcmp(l->keys[k], w->key))
				sim_violation("step %s of job %d was completed, but runs again",
					      w->key, (int)l->job);
		if (w->begun + SEC / 1000 < l->due && !sim.k.skew)
			sim_violation("job %d was retried %.1f s too early", (int)l->job,
				      (double)(l->due - w->begun) / 1e6);
	}
}

static void check_event(struct life *l, const struct event *e, const struct event *next)
{
	if (!strcmp(e->what, "step") && l->nkeys < KEYS_MOST)
		memcpy(l->keys[l->nkeys++], e->key, sizeof(e->key));
	if (strcmp(e->what, "state") != 0)
		return;
	if (e->state == JOB_FAILED)
		l->failed_at = e->at;
	else if (e->state == JOB_PENDING)
		check_pending(l, e, next);
	else if (e->state == JOB_SUBMITTING)
		check_claim(l, e);
}

static void read_column(sqlite3_stmt *s, int i, char *to, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	snprintf(to, size, "%s", text ? text : "");
}

static void read_event(sqlite3_stmt *s, struct event *e)
{
	memset(e, 0, sizeof(*e));
	if (sqlite3_step(s) != SQLITE_ROW)
		return;
	read_column(s, 0, e->what, sizeof(e->what));
	read_column(s, 1, e->key, sizeof(e->key));
	read_column(s, 2, e->who, sizeof(e->who));
	e->attempt = sqlite3_column_int64(s, 3);
	e->was = sqlite3_column_int(s, 4);
	e->state = sqlite3_column_int(s, 5);
	e->reason = sqlite3_column_int(s, 6);
	e->request = sqlite3_column_int(s, 7);
	e->code = sqlite3_column_int(s, 8);
	e->at = sqlite3_column_int64(s, 9);
	e->submission = (uint64_t)sqlite3_column_int64(s, 10);
	e->task = sqlite3_column_int(s, 11);
}

static void check_job(sqlite3 *db, struct life *l, int state, int reason, int code)
{
	static const char sql[] =
		"SELECT what, key, who, attempt, was, state, reason, request, code, at, s.id,"
		" attempt - s.first FROM sim_history h LEFT JOIN submission s"
		" ON s.id = (SELECT submission FROM attempt WHERE id = h.attempt)"
		" WHERE job = ?1 ORDER BY seq";
	struct event e, next;
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL)) {
		sim_violation("reading the history: %s", sqlite3_errmsg(db));
		return;
	}
	sqlite3_bind_int64(s, 1, l->job);
	for (read_event(s, &e); e.what[0]; e = next) {
		read_event(s, &next);
		check_event(l, &e, &next);
	}
	sqlite3_finalize(s);
	if (state == JOB_FAILED && has_rule(l->policy, reason, code) && has_tries_left(l, reason))
		sim_violation("job %d stays failed (%s, exit %d) after %d of %d retries by its "
			      "policy, and %d after failures of the site",
			      (int)l->job, job_reason_name(reason), code, l->tries, l->policy->max,
			      l->site);
}

void policy_check(const char *path, const struct sim_policy *policies)
{
	static const char sql[] = "SELECT j.id, j.sweep, j.state, j.reason, a.exit_code FROM job j"
				  " LEFT JOIN attempt a ON a.id = j.attempt ORDER BY j.id";
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;

	if (sqlite3_open(path, &db) || sqlite3_prepare_v2(db, sql, -1, &s, NULL))
		sim_violation("reading the jobs: %s", sqlite3_errmsg(db));
	while (s && sqlite3_step(s) == SQLITE_ROW) {
		struct life l = {.job = sqlite3_column_int64(s, 0),
				 .policy = &policies[sqlite3_column_int(s, 1) - 1]};

		check_job(db, &l, sqlite3_column_int(s, 2), sqlite3_column_int(s, 3),
			  sqlite3_column_int(s, 4));
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
}
