/*
 * limits.c - how many jobs may be in Slurm, read from Slurm and from the settings.
 */
#include "chain/limits.h"

#include <stdlib.h>
#include <string.h>

#include "chain/limit_group.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "store/setting.h"
#include "store/folder.h"
#include "store/state.h"

enum { LIMIT_MOST = 1000, LIMIT_DEFAULT = 200 };

void limits_release(struct limits *l)
{
	free(l->from);
	memset(l, 0, sizeof(*l));
}

/* Returns the time to store for this reading. Slurm shows the limits of a QOS only once a job is
 * in it (slurm.h): if none of the user's is, the limits are read again soon. */
static int64_t compute_read_time(const struct slurm_limit *limit)
{
	return clock_now_ms() - (limit->used > 0 ? 0 : LIMITS_AGE_MS - LIMITS_USER_AGE_MS);
}

static int store_site(struct store *store, const struct slurm_site *site,
		      const struct slurm_limit *limit, struct err *err)
{
	struct db *db = store->db;
	char *cluster = NULL;
	int rc = db_begin(db, err);

	if (rc)
		return rc;
	rc = state_get_text(db, STATE_CLUSTER, &cluster, err);
	free(cluster);
	if (rc == DB_NONE && site->cluster)
		rc = state_set_text(db, STATE_CLUSTER, site->cluster, err);
	if (rc < 0 || state_set_int(db, STATE_SITE_KILL_WAIT, site->kill_wait_s, err) ||
	    state_set_int(db, STATE_SITE_MAX_ARRAY, site->max_array_size, err) ||
	    state_set_int(db, STATE_LIMIT_JOBS, limit->limit, err) ||
	    state_set_text(db, STATE_LIMIT_FROM, limit->from ? limit->from : "", err) ||
	    state_set_int(db, STATE_LIMIT_AT, compute_read_time(limit), err) ||
	    (limit->limit > limit->used && limit->used >= 0 && limit_groups_unblock(db, err)) ||
	    db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

/* Returns the user's name, or NULL if id(1) prints none. id(1) is used because getpwuid(3) in a
 * static binary needs the same libc that it was linked with (gcc warns of it when linking). The
 * caller frees the name. */
static char *get_user_name(void)
{
	const char *argv[] = {"id", "-un", NULL};
	struct proc_spec spec = {.argv = argv, .timeout_ms = 10000};
	struct proc_result r = {0};
	char *name = NULL;

	if (!proc_run(&spec, &r, NULL, NULL) && !r.timed_out && !r.signal && !r.exit_code) {
		name = buf_take(&r.out);
		name[strcspn(name, "\n")] = '\0';
	}
	proc_result_release(&r);
	return name;
}

/* Fails unless `here` is the cluster of the folder: on another cluster that shares the folder,
 * ids and names mean nothing. */
static int check_cluster(struct store *store, const char *here, struct err *err)
{
	char *ours;
	int rc = state_get_text(store->db, STATE_CLUSTER, &ours, err);

	if (!rc && here && strcmp(ours, here) != 0)
		rc = err_set(
			err, ERR_FAILED,
			"cannot submit from cluster '%s': the jobs of this folder are on '%s'; "
			"submit from there",
			here, ours);
	free(ours);
	return rc < 0 ? -1 : 0;
}

int limits_refresh(struct store *store, const char *record, int64_t max_age_ms,
		   struct slurm_limit *limit, struct err *err)
{
	struct slurm_site site = {0};
	int64_t at, age;
	int rc;

	memset(limit, 0, sizeof(*limit));
	limit->limit = limit->used = -1;
	if (state_get_int(store->db, STATE_LIMIT_AT, &at, err))
		return -1;
	age = clock_now_ms() - at;
	if (at && age >= 0 && age < max_age_ms)
		return 0;
	/* Slurm may take long to answer, and the record must not depend on that */
	if (record && outbox_sync(store->folder, record, err))
		return -1;
	if (slurm_site_read(&site, NULL)) {
		slurm_site_release(&site);
		return 0;
	}
	rc = check_cluster(store, site.cluster, err);
	if (!rc) {
		char *user = get_user_name();
		bool answered = user && !slurm_limit_read(user, limit, NULL);

		if (answered || !at)
			rc = store_site(store, &site, limit, err);
		free(user);
	}
	slurm_site_release(&site);
	return rc;
}

int limits_get(struct store *store, struct limits *out, struct err *err)
{
	int64_t setting, reported, at;
	char *from = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	if (state_get_int(store->db, STATE_LIMIT, &setting, err) ||
	    state_get_int(store->db, STATE_LIMIT_JOBS, &reported, err))
		return -1;
	if (setting > 0) {
		out->jobs = setting;
		out->from = mem_strdup("slurmq config limit");
		return 0;
	}
	if (reported < 0) {
		out->jobs = LIMIT_DEFAULT;
		rc = state_get_int(store->db, STATE_LIMIT_AT, &at, err);
		out->from = mem_strdup(at ? "Slurm reports none" : "until Slurm is queried");
		return rc;
	}
	rc = state_get_text(store->db, STATE_LIMIT_FROM, &from, err);
	if (rc < 0)
		return -1;
	out->jobs = reported > LIMIT_MOST ? LIMIT_MOST : reported;
	out->from = from ? from : mem_strdup("Slurm");
	return 0;
}

int limits_site_get(struct store *store, struct limits_site *out, struct err *err)
{
	struct db *db = store->db;

	if (state_get_int(db, STATE_SITE_MAX_ARRAY, &out->max_array, err) ||
	    state_get_int(db, STATE_SITE_KILL_WAIT, &out->kill_wait_s, err))
		return -1;
	/* the largest index is MaxArraySize - 1 (slurm.conf(5), MaxArraySize) */
	if (out->max_array < 1 || out->max_array > LIMIT_MOST)
		out->max_array = out->max_array == 0 ? 1 : LIMIT_MOST;
	return 0;
}

int limits_sentinel_s(struct store *store, int64_t limit, int64_t *every, struct err *err)
{
	char *value = NULL, *refused = NULL;
	int rc =
		state_get_text(store->db, STATE_SENTINEL, &value, err) < 0 ||
				state_get_text(store->db, STATE_SENTINEL_REFUSED, &refused, err) < 0
			? -1
			: 0;

	*every = rc || refused ? 0 : setting_sentinel_s(value, limit);
	free(value);
	free(refused);
	return rc;
}

int limits_sweep(struct store *store, const char *name, const struct sweep *sweep, int64_t *limit,
		 struct err *err)
{
	char *key = mem_printf("limit.%s", name), *value;
	int rc = db_setting_get(store->db, key, &value, err);

	*limit = sweep_limit(sweep);
	if (!rc)
		*limit = strtoll(value, NULL, 10); /* "none" is 0 */
	free(value);
	free(key);
	return rc < 0 ? -1 : 0;
}
