#include "cmd/steer.h"

#include <stdlib.h>
#include <string.h>

#include "chain/ingest.h"
#include "chain/reconcile.h"
#include "chain/sentinel.h"
#include "lib/failpoint.h"
#include "slurm/slurm.h"

enum { MANY = 1000 };

const struct opt steer_opts[] = {
	SELECT_OPTS(struct steer_args),
	OPT_FLAG('y', "yes", "do not ask for confirmation", struct steer_args, yes),
	OPT_FLAG(0, "json", "print one JSON document", struct steer_args, json), OPT_END};

int steer_select(struct cmd_ctx *ctx, int argc, char **argv, const struct select_args *opts,
		 unsigned allowed, struct ids *ids, bool *everything, struct err *err)
{
	struct selection sel = {0};
	int rc;

	if (argc == 0 && !opts->states && !opts->where)
		return err_set(
			err, ERR_USAGE,
			"no jobs given: slurmq %s 17, 1-10, a sweep's name, lr=0.1, all, or -s STATE",
			ctx->cmd->name);
	rc = selection_parse(ctx->store->db, argc, argv, opts, &sel, err);
	if (!rc) {
		selection_narrow(&sel, allowed);
		rc = db_jobs_ids(ctx->store->db, &sel.jobs, ids, err);
	}
	if (everything)
		*everything = sel.all && !sel.chosen;
	selection_release(&sel);
	return rc;
}

int steer_confirm_many(struct cmd_ctx *ctx, bool yes, const char *verb, size_t n, struct err *err)
{
	char *what;
	int rc;

	if (n <= MANY)
		return 0;
	what = mem_printf("%s %zu jobs", verb, n);
	rc = cmd_confirm(ctx, yes, what, err);
	free(what);
	return rc;
}

int steer_print_json(struct cmd_ctx *ctx, const char *what, int64_t n, bool submit, struct err *err)
{
	struct buf text = {0};
	struct json j = {.out = &text};
	int rc;

	json_open(&j, NULL, '{');
	json_int(&j, what, n);
	rc = cmd_fill_at_end(ctx, submit, &j, err);
	json_close(&j);
	cmd_print_json(&text);
	buf_release(&text);
	return rc;
}

/* Number of jobs per transaction: between two of them other processes get the queue lock. */
enum { SLICE = 5000 };

static int change_slice(struct cmd_ctx *ctx, const int64_t *ids, size_t n,
			const struct steer_change *change, int64_t *changed, struct err *err)
{
	struct db *db = ctx->store->db;
	int64_t sum = 0;

	if (ingest_lock(ctx->store, err))
		return -1;
	if (db_begin(db, err))
		goto fail;
	for (size_t i = 0; i < n; i++) {
		int one = 0;

		if (change->one(db, ids[i], change->arg, &one, err))
			goto fail;
		sum += one;
	}
	if (db_commit(db, err))
		goto fail;
	*changed += sum;
	FAILPOINT("change-committed");
	if (change->after && change->after(ctx, ids, n, change->arg, err))
		goto fail;
	ingest_unlock(ctx->store);
	return 0;
fail:
	db_rollback(db);
	ingest_unlock(ctx->store);
	return -1;
}

int steer_change(struct cmd_ctx *ctx, const struct ids *ids, const struct steer_change *change,
		 int64_t *changed, struct err *err)
{
	*changed = 0;
	for (size_t i = 0; i < ids->n; i += SLICE) {
		size_t n = ids->n - i < SLICE ? ids->n - i : SLICE;

		if (change_slice(ctx, ids->v + i, n, change, changed, err))
			return -1;
	}
	return 0;
}

int steer_revoke_claims(struct cmd_ctx *ctx, const int64_t *ids, size_t n, void *arg,
			struct err *err)
{
	struct steer_undo *undo = arg;
	bool cancel = undo->request == REQUEST_CANCEL;
	struct db_flight *v = NULL;
	size_t nflights = 0, kept = 0, named = undo->running.n + undo->queued.n;
	int rc = 0;

	if (db_flights(ctx->store->db, &v, &nflights, err))
		return -1;
	for (size_t i = 0; i < nflights; i++)
		if (v[i].request == undo->request && (cancel || v[i].state != JOB_RUNNING) &&
		    ids_have(ids, n, v[i].job))
			v[kept++] = v[i];
	if (kept)
		rc = ingest_revoke(ctx->store, v, kept, cancel ? &undo->running : NULL,
				   &undo->queued, err);
	undo->unnamed += kept - (undo->running.n + undo->queued.n - named);
	free(v);
	return rc;
}

int steer_scancel(const struct steer_undo *undo, struct err *err)
{
	struct strs ids = {0};
	int rc = 0;

	for (size_t i = 0; i < undo->running.n; i++)
		strs_add(&ids, undo->running.v[i]);
	for (size_t i = 0; i < undo->queued.n; i++)
		strs_add(&ids, undo->queued.v[i]);
	if (ids.n)
		rc = slurm_scancel(&ids, err);
	strs_release(&ids);
	return rc;
}

void steer_undo_release(struct steer_undo *undo)
{
	strs_release(&undo->running);
	strs_release(&undo->queued);
}

/* ---- cancelling ---- */

static int cancel_job(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	(void)arg;
	return db_job_cancel(db, id, changed, err);
}

/* Runs scancel for the attempts in undo, and reconciles if some of them have no Slurm id. Sets
 * *ended to the number of these that were found running. */
static int cancel_in_slurm(struct cmd_ctx *ctx, const struct steer_undo *undo, int64_t *ended,
			   struct err *err)
{
	struct reconcile_result seen = {0};
	int rc = steer_scancel(undo, err);

	FAILPOINT("cancel-after");
	if (!rc && undo->unnamed)
		rc = reconcile(ctx->store, 0, &seen, err);
	*ended = seen.stopped;
	if (rc && (undo->running.n || undo->unnamed))
		err_prefix(err, "the jobs are cancelled, but slurmq could not end all that run "
				"in Slurm (run slurmq cancel again)");
	else if (rc)
		err_prefix(err, "the jobs are cancelled, but slurmq could not remove them from "
				"Slurm's queue (they will end there without running anything)");
	return rc;
}

int steer_cancel(struct cmd_ctx *ctx, const struct ids *ids, struct steer_cancelled *out,
		 struct err *err)
{
	struct steer_undo undo = {.request = REQUEST_CANCEL};
	const struct steer_change change = {
		.one = cancel_job, .after = steer_revoke_claims, .arg = &undo};
	int64_t ended = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = steer_change(ctx, ids, &change, &out->jobs, err);
	FAILPOINT("cancel-before");
	/* claims that were revoked before an error need scancel too */
	if (cancel_in_slurm(ctx, &undo, &ended, rc ? NULL : err)) {
		rc = -1;
	} else {
		out->dequeued = (int64_t)undo.queued.n;
		out->ending = (int64_t)undo.running.n + ended;
	}
	sentinel_settle(ctx->store, cmd_say_text, ctx); /* perhaps it has no work left */
	steer_undo_release(&undo);
	return rc;
}
