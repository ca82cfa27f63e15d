#include "chain/delete.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/cancel.h"
#include "chain/ingest.h"
#include "chain/reconcile.h"
#include "chain/seen.h"
#include "chain/sentinel.h"
#include "lib/clock.h"
#include "lib/failpoint.h"
#include "slurm/slurm.h"
#include "store/hidden.h"
#include "store/state.h"

/* sbatch ends within a minute (slurm_sbatch()); after another one, squeue shows its job. */
enum { SBATCH_MS = 2 * 60 * 1000 };

void delete_left_release(struct delete_left *left)
{
	strs_release(&left->in_slurm);
	memset(left, 0, sizeof(*left));
}

bool delete_is_free(const struct delete_left *left)
{
	return !left->in_flight && !left->in_slurm.n && !left->sentinels && !left->unanswered &&
	       !left->deciding;
}

/* ---- what is left ---- */

static int was_submitted(struct store *store, int64_t sweep, bool *yes, struct err *err)
{
	struct db_submission newest = {0};
	int rc;

	if (sweep)
		return db_sweep_tried(store->db, sweep, yes, err);
	rc = db_submission_newest(store->db, &newest, err);
	*yes = !rc;
	db_submission_release(&newest);
	return rc < 0 ? -1 : 0;
}

/* Counts the jobs in flight of a sweep, or of all. A sweep that is gone has none. */
static int count_in_flight(struct store *store, int64_t sweep, int64_t *n, struct err *err)
{
	int64_t counts[JOB_NSTATES] = {0};
	struct db_sweep s = {0};
	int rc;

	if (sweep) {
		rc = db_sweep_get(store->db, sweep, &s, err);
		memcpy(counts, s.counts, sizeof(counts));
		db_sweep_release(&s);
	} else {
		rc = db_counts(store->db, counts, err);
	}
	*n = counts[JOB_SUBMITTING] + counts[JOB_QUEUED] + counts[JOB_RUNNING];
	return rc < 0 ? -1 : 0;
}

/* Sets *yes if a submission is one of the sweep, or, for sweep 0, of this folder. */
static int is_of_sweep(struct store *store, uint64_t submission, int64_t sweep, bool *yes,
		       struct err *err)
{
	struct db_submission sub = {0};
	struct db_version v = {0};
	int rc = db_submission_get(store->db, submission, &sub, err);

	if (!rc && sweep)
		rc = db_version_get(store->db, sub.version, &v, err);
	*yes = !rc && (!sweep || v.sweep == sweep);
	db_submission_release(&sub);
	db_version_release(&v);
	return rc < 0 ? -1 : 0;
}

static int find_in_slurm(struct store *store, int64_t sweep, struct delete_left *left,
			 struct err *err)
{
	struct slurm_jobs jobs = {0};
	struct seen_list seen = {0};
	int rc = slurm_squeue((uint64_t)geteuid(), &jobs, err);

	if (!rc)
		seen_index(&seen, &jobs, NULL, 0);
	for (size_t i = 0; i < seen.n && !rc; i++) {
		bool yes;

		if (!slurm_state_active(seen.v[i].job->state))
			continue;
		rc = is_of_sweep(store, seen.v[i].submission, sweep, &yes, err);
		if (!rc && yes)
			slurm_scancel_add(&left->in_slurm, seen.v[i].job);
	}
	if (!rc && !sweep)
		rc = sentinel_count(store, &left->sentinels, err);
	free(seen.v);
	slurm_jobs_release(&jobs);
	return rc;
}

int delete_check(struct store *store, int64_t sweep, struct delete_left *left, struct err *err)
{
	struct reconcile_result seen;
	bool submitted;

	memset(left, 0, sizeof(*left));
	if (ingest_now(store, err) || was_submitted(store, sweep, &submitted, err))
		return -1;
	if (submitted && reconcile(store, 0, &seen, err))
		return -1;
	if (db_next_attempt(store->db, &left->attempt, err) ||
	    count_in_flight(store, sweep, &left->in_flight, err) ||
	    db_sweep_unanswered(store->db, sweep, clock_now_ms() - SBATCH_MS, SLURM_UNCLEAR,
				&left->unanswered, err))
		return -1;
	if (!submitted)
		return 0;
	left->deciding = cancel_phase(store->folder, NULL) != CANCEL_NONE;
	return left->in_flight ? 0 : find_in_slurm(store, sweep, left, err);
}

/* ---- a sweep ---- */

/* Checks that no attempt was made since delete_check(). The caller holds the queue lock. */
static int check_unchanged(struct store *store, int64_t attempt, struct err *err)
{
	int64_t next;

	if (db_next_attempt(store->db, &next, err))
		return -1;
	return next == attempt ? 0 : DB_NONE;
}

static int hide_sweep(struct store *store, int64_t sweep, int64_t attempt, struct err *err)
{
	int64_t in_flight = 0;
	int rc;

	if (ingest_lock(store, err))
		return -1;
	rc = check_unchanged(store, attempt, err);
	if (!rc)
		rc = db_begin(store->db, err);
	if (!rc)
		rc = db_sweep_hide(store->db, sweep, &in_flight, err);
	if (!rc && in_flight)
		rc = DB_NONE;
	FAILPOINT("delete-changed");
	if (!rc)
		rc = db_commit(store->db, err);
	if (rc)
		db_rollback(store->db);
	ingest_unlock(store);
	return rc;
}

int delete_sweep(struct store *store, int64_t sweep, int64_t attempt, struct err *err)
{
	int fd, rc;

	if (hidden_lock(store, &fd, err))
		return -1;
	rc = hide_sweep(store, sweep, attempt, err);
	FAILPOINT("delete-hidden");
	hidden_unlock(fd);
	return rc;
}

/* The waiting sentinel executes a program in bin/ that is about to be removed. */
static int replace_sentinel(struct store *store, const struct delete_reports *r, struct err *err)
{
	int64_t at;
	bool any;

	if (hidden_has_program(store, &any, err) ||
	    state_get_int(store->db, STATE_SENTINEL_AT, &at, err))
		return -1;
	if (!any || !at)
		return 0;
	sentinel_withdraw(store, r->say, r->say_arg);
	FAILPOINT("delete-withdrawn");
	sentinel_tend(store, SENTINEL_USER, r->say, r->say_arg);
	return 0;
}

int delete_complete(struct store *store, const struct delete_reports *r, struct err *err)
{
	int64_t version;
	int fd, rc = db_hidden_version(store->db, 0, &version, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (hidden_lock(store, &fd, err))
		return -1;
	rc = replace_sentinel(store, r, err);
	if (!rc)
		rc = hidden_delete(store, r->progress, r->progress_arg, err);
	hidden_unlock(fd);
	return rc;
}

/* ---- the folder ---- */

/* Renames the folder, which no other command finds then. */
static int move_folder(struct store *store, int64_t attempt, char **moved, struct err *err)
{
	int64_t in_flight;
	int rc;

	if (ingest_lock(store, err))
		return -1;
	rc = check_unchanged(store, attempt, err);
	if (!rc)
		rc = count_in_flight(store, 0, &in_flight, err);
	if (!rc && in_flight)
		rc = DB_NONE;
	FAILPOINT("delete-moving");
	if (!rc)
		rc = store_move_away(store, moved, err);
	FAILPOINT("delete-moved");
	ingest_unlock(store);
	return rc;
}

int delete_folder(struct store *store, int64_t attempt, struct err *err)
{
	char *moved = NULL;
	int fd, rc;

	if (hidden_lock(store, &fd, err))
		return -1;
	rc = move_folder(store, attempt, &moved, err);
	hidden_unlock(fd);
	if (rc)
		return rc;
	/* on NFS, a file that is removed while it is open stays under another name */
	store_close(store);
	rc = folder_remove_tree(moved, err);
	free(moved);
	return rc;
}
