#include "chain/notice.h"

#include <stdlib.h>
#include <string.h>

#include "store/state.h"

void notices_free(struct notice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		db_sweep_release(&v[i].sweep);
	free(v);
}

static void add_notice(struct notice **v, size_t *n, enum notice_kind kind, struct db_sweep *sweep)
{
	struct notice *one;

	*v = mem_grow(*v, *n + 1, sizeof(**v));
	one = &(*v)[(*n)++];
	memset(one, 0, sizeof(*one));
	one->kind = kind;
	if (sweep) {
		one->sweep = *sweep;
		memset(sweep, 0, sizeof(*sweep));
	}
}

static bool is_over(const struct db_sweep *s)
{
	return s->jobs &&
	       s->counts[JOB_COMPLETED] + s->counts[JOB_FAILED] + s->counts[JOB_CANCELLED] ==
		       s->jobs;
}

/* Adds the sweeps whose state differs from their mark: those that are over. With mark, corrects the
 * marks. Sets *differ if there is any, over or not. */
static int find_sweeps(struct db *db, bool mark, bool *differ, struct notice **v, size_t *n,
		       struct err *err)
{
	struct db_sweep *sweeps;
	size_t nsweeps;
	int rc = db_sweeps(db, &sweeps, &nsweeps, err);

	if (rc)
		return -1;
	for (size_t i = 0; i < nsweeps && !rc; i++) {
		bool over = is_over(&sweeps[i]), reported;

		rc = state_get_over(db, sweeps[i].id, &reported, err);
		if (rc || over == reported)
			continue;
		*differ = true;
		if (mark)
			rc = state_set_over(db, sweeps[i].id, over, err);
		if (over)
			add_notice(v, n, NOTICE_OVER, &sweeps[i]);
	}
	db_sweeps_free(sweeps, nsweeps);
	return rc;
}

/* Does the same for a pause. A pause of the user has a text. */
static int find_pause(struct db *db, bool mark, bool *differ, struct notice **v, size_t *n,
		      struct err *err)
{
	int64_t paused, reported;
	char *words = NULL;
	int rc = state_get_int(db, STATE_PAUSED, &paused, err) ||
				 state_get_int(db, STATE_PAUSED_REPORTED, &reported, err) ||
				 state_get_text(db, STATE_PAUSED_WHY, &words, err) < 0
			 ? -1
			 : 0;

	if (!rc && paused && !words && !reported) {
		*differ = true;
		if (mark)
			rc = state_set_int(db, STATE_PAUSED_REPORTED, 1, err);
		add_notice(v, n, NOTICE_PAUSED, NULL);
	}
	free(words);
	return rc;
}

static int find_events(struct db *db, bool mark, bool *differ, struct notice **v, size_t *n,
		       struct err *err)
{
	*v = NULL;
	*n = 0;
	*differ = false;
	return find_sweeps(db, mark, differ, v, n, err) || find_pause(db, mark, differ, v, n, err)
		       ? -1
		       : 0;
}

/* Marks the events, and returns those that no process has marked meanwhile. */
static int mark_events(struct db *db, struct notice **v, size_t *n, struct err *err)
{
	bool differ;

	if (db_begin(db, err))
		return -1;
	if (find_events(db, true, &differ, v, n, err) || db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

int notices_take(struct store *store, char **command, struct notice **v, size_t *n, struct err *err)
{
	bool differ = false;
	int rc = state_get_text(store->db, STATE_NOTIFY, command, err);

	*v = NULL;
	*n = 0;
	if (rc || !**command)
		return rc < 0 ? -1 : 0;
	rc = find_events(store->db, false, &differ, v, n, err);
	if (!rc && differ) {
		notices_free(*v, *n);
		rc = mark_events(store->db, v, n, err);
	}
	if (!rc)
		return 0;
	notices_free(*v, *n);
	*v = NULL;
	*n = 0;
	return -1;
}

int notices_skip(struct db *db, struct err *err)
{
	struct notice *v;
	size_t n;
	bool differ;
	int rc = find_events(db, true, &differ, &v, &n, err);

	notices_free(v, n);
	return rc;
}
