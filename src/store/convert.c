#include "store/convert.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/failpoint.h"
#include "store/db.h"
#include "store/folder.h"

/* "ready" is renamed last: while it exists, the conversion is not complete. */
static const struct {
	const char *old, *new;
} parts[] = {{"tickets", "manifests"},
	     {"spool", "outbox"},
	     {"retired", "revoked"},
	     {"gate", "queue.lock"},
	     {"ready", "claims"}};

bool convert_is_due(const char *dir)
{
	char *path = mem_printf("%s/ready", dir);
	bool due = !access(path, F_OK);

	free(path);
	return due;
}

/* Calls fn, unless it is NULL, for each file of a part that is not hidden. Returns their number. */
static size_t for_each_file(const char *dir, const char *part, void (*fn)(int fd, const char *name))
{
	char *path = mem_printf("%s/%s", dir, part);
	DIR *d = opendir(path);
	struct dirent *de;
	size_t n = 0;

	while (d && (de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		n++;
		if (fn)
			fn(dirfd(d), de->d_name);
	}
	if (d)
		closedir(d);
	free(path);
	return n;
}

static void remove_file(int fd, const char *name)
{
	unlinkat(fd, name, 0);
}

static int refuse_in_flight(const char *dir, int64_t jobs, struct err *err)
{
	return err_set(
		err, ERR_USAGE,
		"cannot convert '%s', which slurmq 0.1 made: %" PRId64
		" of its jobs %s not ended yet; let %s end with "
		"that version (slurmq pause, then slurmq status), then run this again; nothing was changed",
		dir, jobs, jobs == 1 ? "has" : "have", jobs == 1 ? "it" : "them");
}

static int convert_database(const char *dir, const char *id, struct err *err)
{
	char *path = mem_printf("%s/jobs.db", dir), *backup = mem_printf("%s/jobs.db.0.1", dir);
	int64_t in_flight = (int64_t)for_each_file(dir, "spool", NULL);
	int rc = 0;

	if (!in_flight)
		rc = db_convert(path, backup, id, &in_flight, err);
	if (!rc && in_flight)
		rc = refuse_in_flight(dir, in_flight, err);
	free(backup);
	free(path);
	return rc;
}

int convert_folder(const char *dir, const char *id, struct err *err)
{
	char *path = mem_printf("%s/gate", dir);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int rc = 0;

	free(path);
	if (lock < 0 || fcntl(lock, F_SETLK, &l))
		rc = err_set(
			err, ERR_AGAIN,
			"cannot convert '%s', which slurmq 0.1 made: another process uses it; try again",
			dir);
	if (!rc && convert_is_due(dir))
		rc = convert_database(dir, id, err);
	FAILPOINT("convert-database");
	/* the next submission stores this version's binary, which its jobs run */
	if (!rc)
		for_each_file(dir, "bin", remove_file);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !rc; i++) {
		rc = folder_rename_part(dir, parts[i].old, parts[i].new, err);
		FAILPOINT("convert-renamed");
	}
	if (lock >= 0)
		close(lock);
	return rc;
}
