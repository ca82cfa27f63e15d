#include "store/hidden.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/failpoint.h"
#include "store/manifest.h"

enum {
	SLICE = 20000,
	PAUSE_MS = 100, /* longer than other processes sleep between two tries (db.c) */
	LOCK_MS = 60000,
};

int hidden_lock(struct store *store, int *fd, struct err *err)
{
	int64_t end = clock_mono_ms() + LOCK_MS;
	int rc;

	while ((rc = folder_lock(store->folder, "expand", fd, err)) == FOLDER_BUSY &&
	       clock_mono_ms() < end)
		clock_sleep_ms(100);
	if (rc == FOLDER_BUSY)
		return err_set(
			err, ERR_AGAIN,
			"another slurmq expand or delete is still running after a minute: try again when it has ended");
	return rc;
}

void hidden_unlock(int fd)
{
	folder_unlock(fd);
}

void hidden_pause(void)
{
	clock_sleep_ms(PAUSE_MS);
}

/* ---- files ---- */

static int remove_version_file(struct store *store, const char *part, int64_t version,
			       const char *suffix, struct err *err)
{
	char *name = mem_printf("%s/%" PRId64 "%s", part, version, suffix);
	int rc = folder_file_remove(store->folder, name, err);

	free(name);
	return rc;
}

static int remove_version_files(struct store *store, int64_t version, struct err *err)
{
	return remove_version_file(store, "env", version, "", err) ||
			       remove_version_file(store, "env", version, ".script", err) ||
			       remove_version_file(store, "bin", version, "", err)
		       ? -1
		       : 0;
}

/* Removes the claims, journals and records of hidden submissions in one part of the folder. */
static int remove_records(struct store *store, enum folder_part part, struct err *err)
{
	struct folder_list l;
	int rc = folder_scan(store->folder, part, &l, err);

	for (size_t i = 0; i < l.n && !rc; i++) {
		bool hidden;

		rc = db_hidden_submission(store->db, l.v[i].submission, &hidden, err);
		if (!rc && hidden)
			rc = folder_remove(store->folder, part, l.v[i].name, err);
	}
	folder_list_release(&l);
	return rc;
}

static int remove_manifests(struct store *store, struct err *err)
{
	uint64_t *v;
	size_t n;
	int rc = manifest_list(store->folder, &v, &n, err);

	if (rc)
		return -1;
	for (size_t i = 0; i < n && !rc; i++) {
		bool hidden;

		rc = db_hidden_submission(store->db, v[i], &hidden, err);
		if (!rc && hidden)
			rc = manifest_remove(store->folder, v[i], err);
	}
	free(v);
	return rc;
}

/* A record may have come late, from a job whose end was inferred. */
static int remove_protocol_files(struct store *store, struct err *err)
{
	static const enum folder_part parts[] = {FOLDER_CLAIMS, FOLDER_RUNNING, FOLDER_OUTBOX,
						 FOLDER_REVOKED};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (remove_records(store, parts[i], err))
			return -1;
	return remove_manifests(store, err);
}

/* The folder of the log stays, even if it is empty: a job that waits in Slurm may need it. */
static int remove_log(void *arg, int64_t first, uint64_t submission, int task)
{
	const struct store *store = arg;
	char *path = store_log_path(store, first, submission, task);

	unlink(path); /* a log that cannot be removed is not worth an error */
	free(path);
	return 0;
}

/* ---- rows ---- */

int hidden_has_program(struct store *store, bool *any, struct err *err)
{
	int64_t version = 0;
	int rc;

	*any = false;
	while (!(rc = db_hidden_version(store->db, version, &version, err)) && !*any) {
		char *name = mem_printf("bin/%" PRId64, version);

		*any = folder_file_exists(store->folder, name);
		free(name);
	}
	return rc < 0 ? -1 : 0;
}

/* Deletes one slice. Returns DB_NONE if nothing is hidden. */
static int delete_slice(struct store *store, int64_t *jobs, struct err *err)
{
	int64_t version;
	int rc = db_hidden_version(store->db, 0, &version, err);

	if (rc)
		return rc;
	if (remove_version_files(store, version, err) ||
	    db_hidden_attempts(store->db, SLICE, remove_log, store, err))
		return -1;
	FAILPOINT("delete-files");
	if (db_begin(store->db, err))
		return -1;
	rc = db_hidden_delete(store->db, SLICE, jobs, err);
	if (!rc)
		rc = db_commit(store->db, err);
	if (rc)
		db_rollback(store->db);
	FAILPOINT("delete-slice");
	return rc;
}

int hidden_delete(struct store *store, void (*progress)(void *arg, int64_t done), void *arg,
		  struct err *err)
{
	int64_t version, jobs = 0;
	int rc = db_hidden_version(store->db, 0, &version, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (remove_protocol_files(store, err))
		return -1;
	FAILPOINT("delete-records");
	while (!(rc = delete_slice(store, &jobs, err))) {
		if (progress)
			progress(arg, jobs);
		hidden_pause();
	}
	return rc < 0 ? -1 : 0;
}
