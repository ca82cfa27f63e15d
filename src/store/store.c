#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/failpoint.h"
#include "lib/fs.h"
#include "store/convert.h"
#include "store/state.h"

static const char folder[] = ".slurmq";

/* Sets *len to the length of a file's single line, without the blanks at its end. Returns -1 with
 * err if the file has another form. */
static int measure_line(const char *path, const char *text, size_t n, size_t *len, struct err *err)
{
	const char *end = memchr(text, '\n', n);

	*len = end ? (size_t)(end - text) : n;
	if (memchr(text, '\0', n))
		return err_set(
			err, ERR_USAGE,
			"invalid file '%s': it contains a NUL byte; its only line must name the folder to use",
			path);
	while (*len && strchr(" \t\r", text[*len - 1]))
		--*len;
	if (n > PATH_MAX || (*len && end && end + 1 < text + n))
		return err_set(
			err, ERR_USAGE,
			"invalid file '%s': it is longer than one line with a path; its only line must name the folder to use",
			path);
	if (!*len)
		return err_set(
			err, ERR_USAGE,
			"invalid file '%s': it is empty; its only line must name the folder to use",
			path);
	return 0;
}

/* Reads the folder that a file of one line names, like a .git file; a relative path begins at
 * root. Ignores blanks and a carriage return at the end of the line. Returns NULL with err if
 * the file has another form; the caller frees the string. */
static char *read_named_folder(const char *root, const char *path, struct err *err)
{
	char text[PATH_MAX + 2], *full = NULL;
	FILE *f = fopen(path, "re");
	size_t n, len;

	if (!f) {
		err_errno(err, ERR_FAILED, "cannot read '%s'", path);
		return NULL;
	}
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	if (ferror(f)) {
		err_errno(err, ERR_FAILED, "cannot read '%s'", path);
	} else if (!measure_line(path, text, n, &len, err)) {
		text[len] = '\0';
		full = text[0] == '/' ? mem_strdup(text) : mem_printf("%s/%s", root, text);
	}
	fclose(f);
	return full;
}

static char *resolve_named_folder(const char *root, const char *path, struct err *err)
{
	char *full = read_named_folder(root, path, err);
	char *out = full ? realpath(full, NULL) : NULL;

	if (full && !out)
		err_set(err, ERR_USAGE,
			"cannot find the folder '%s' that '%s' names: %s; slurmq init makes it",
			full, path, strerror(errno));
	free(full);
	return out;
}

static int check_owner(const char *path, const struct stat *st, struct err *err)
{
	if (st->st_uid != geteuid())
		return err_set(
			err, ERR_USAGE,
			"'%s' belongs to another user (uid %u): its commands would run as you; make a folder of your own with slurmq init",
			path, (unsigned)st->st_uid);
	if (!S_ISLNK(st->st_mode) && st->st_mode & (S_IWGRP | S_IWOTH)) {
		struct buf word = {0};

		buf_add_shell_word(&word, path);
		err_set(err, ERR_USAGE,
			"other users may write to '%s' and so run commands as you; to forbid it: chmod %s %s",
			path, S_ISDIR(st->st_mode) ? "700" : "600", buf_str(&word));
		buf_release(&word);
		return -1;
	}
	return 0;
}

/* Checks the files that slurmq executes and trusts, for a folder that others can enter. */
static int check_below(const char *dir, struct err *err)
{
	static const char *const names[] = {"bin",     "env",	  "manifests",
					    "claims",  "running", "outbox",
					    "revoked", "jobs.db", "jobs.db-journal"};
	int rc = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !rc; i++) {
		char *path = mem_printf("%s/%s", dir, names[i]);
		struct stat st;

		if (!lstat(path, &st))
			rc = check_owner(path, &st, err);
		free(path);
	}
	return rc;
}

static int check_rights(const char *dir, struct err *err)
{
	struct stat st;

	if (stat(dir, &st))
		return err_errno(err, ERR_FAILED, "cannot read the attributes of '%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is not a folder", dir);
	if (check_owner(dir, &st, err))
		return -1;
	return st.st_mode & (S_IXGRP | S_IXOTH) ? check_below(dir, err) : 0;
}

/* Returns -1 with err if path is a link whose target cannot be reached, else 0. */
static int check_link(const char *path, struct err *err)
{
	char to[PATH_MAX] = "";
	struct stat st;

	if (lstat(path, &st) || !S_ISLNK(st.st_mode) || !stat(path, &st))
		return 0;
	(void)!readlink(path, to, sizeof(to) - 1);
	return err_set(
		err, ERR_USAGE,
		"'%s' is a link to '%s', which cannot be reached (%s): restore that folder, or remove the link",
		path, to, strerror(errno));
}

/* Looks for root/.slurmq, a folder or a file. Returns 0 with s filled in, or DB_NONE if there is
 * none. */
static int find_in_root(struct store *s, const char *root, struct err *err)
{
	char *path = mem_printf("%s/%s", strcmp(root, "/") ? root : "", folder);
	struct stat st, own;
	int rc = 0;

	if (stat(path, &st)) {
		rc = check_link(path, err);
		free(path);
		return rc ? rc : DB_NONE;
	}
	/* the owner of a file or link that names the folder decides which commands run */
	if (lstat(path, &own) || check_owner(path, &own, err) ||
	    (S_ISREG(st.st_mode) && check_owner(path, &st, err))) {
		free(path);
		return -1;
	}
	s->dir = S_ISREG(st.st_mode) ? resolve_named_folder(root, path, err) : realpath(path, NULL);
	if (!s->dir && !S_ISREG(st.st_mode))
		err_errno(err, ERR_FAILED, "cannot find '%s'", path);
	free(path);
	if (!s->dir || check_rights(s->dir, err))
		rc = -1;
	else
		s->root = mem_strdup(root);
	return rc;
}

static int find_named(struct store *s, const char *name, struct err *err)
{
	char *slash;

	s->dir = realpath(name, NULL);
	if (!s->dir)
		return err_errno(err, errno == ENOENT || errno == ENOTDIR ? ERR_USAGE : ERR_FAILED,
				 "cannot find the folder '%s' that SLURMQ_DIR names", name);
	if (check_rights(s->dir, err))
		return -1;
	s->by_name = true;
	s->root = mem_strdup(s->dir);
	slash = strrchr(s->root, '/');
	slash[slash == s->root ? 1 : 0] = '\0';
	return 0;
}

int store_find(struct store *s, struct err *err)
{
	const char *named = getenv("SLURMQ_DIR");
	char here[PATH_MAX];
	char *dir;
	int rc;

	memset(s, 0, sizeof(*s));
	if (named && *named)
		return find_named(s, named, err);
	if (!getcwd(here, sizeof(here)))
		return err_errno(err, ERR_FAILED, "cannot find the current folder");
	dir = mem_strdup(here);
	for (;;) {
		char *slash;

		rc = find_in_root(s, dir, err);
		slash = strrchr(dir, '/');
		if (rc != DB_NONE || !strcmp(dir, "/"))
			break;
		slash[slash == dir ? 1 : 0] = '\0';
	}
	free(dir);
	if (rc == DB_NONE)
		rc = err_set(
			err, ERR_USAGE,
			"no .slurmq in '%s' or above it: make one with slurmq init, or go to the folder that has it (-C DIR)",
			here);
	return rc;
}

static char *read_id(struct store *s, struct err *err)
{
	struct buf b = {0};
	int rc = folder_file_get(s->folder, "id", &b, err);

	if (rc == FOLDER_NONE)
		err_set(err, ERR_USAGE,
			"'%s/id' is missing, so the slurmq folder is incomplete: restore a backup of it",
			s->dir);
	if (rc) {
		buf_release(&b);
		return NULL;
	}
	if (b.s)
		b.s[strcspn(b.s, "\n")] = '\0';
	return buf_take(&b);
}

/* Converts a folder of 0.1. Reads the id without the folder's handle, which does not open yet. */
static int convert_store(struct store *s, struct err *err)
{
	char *path = store_path(s, "id"), id[64] = "";
	FILE *f = fopen(path, "re");
	int rc = -1;

	if (!f || !fgets(id, sizeof(id), f))
		err_errno(err, ERR_FAILED, "cannot read '%s'", path);
	else
		rc = 0;
	if (f)
		fclose(f);
	id[strcspn(id, "\n")] = '\0';
	free(path);
	return rc ? rc : convert_folder(s->dir, id, err);
}

int store_open_folder(struct store *s, struct err *err)
{
	if (s->folder)
		return 0;
	if (!folder_open(s->dir, &s->folder, err))
		return 0;
	if (!convert_is_due(s->dir) || convert_store(s, err))
		return -1;
	return folder_open(s->dir, &s->folder, err);
}

/* Reads root as store_keep_root() stored it. */
static int load_root(struct store *s, struct err *err)
{
	char *root = NULL;
	int rc = state_get_text(s->db, STATE_ROOT, &root, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	free(s->root);
	s->root = root;
	return 0;
}

int store_keep_root(struct store *s, struct err *err)
{
	char *was = NULL;
	int rc = state_get_text(s->db, STATE_ROOT, &was, err);

	if (rc >= 0 && !s->by_name && (!was || strcmp(was, s->root) != 0))
		rc = state_set_text(s->db, STATE_ROOT, s->root, err);
	free(was);
	return rc < 0 ? -1 : 0;
}

int store_open(struct store *s, struct err *err)
{
	char *path = store_path(s, "jobs.db"), *id = NULL;
	int rc = -1;

	if (!store_open_folder(s, err)) {
		id = read_id(s, err);
		if (id)
			rc = db_open(path, id, &s->db, err);
		if (!rc && s->by_name)
			rc = load_root(s, err);
	}
	free(id);
	free(path);
	return rc;
}

int store_move_away(struct store *s, char **moved, struct err *err)
{
	char *link = mem_printf("%s/%s", s->root, folder);
	struct stat st;

	*moved = mem_printf("%s.deleted-%08x", s->dir, (unsigned)clock_random());
	if (folder_move(s->dir, *moved, err)) {
		free(*moved);
		*moved = NULL;
		free(link);
		return -1;
	}
	/* a folder that SLURMQ_DIR names has no such file, or that of another one */
	if (!s->by_name && !lstat(link, &st) && !S_ISDIR(st.st_mode))
		unlink(link);
	free(link);
	return 0;
}

void store_close(struct store *s)
{
	db_close(s->db);
	folder_close(s->folder);
	free(s->dir);
	free(s->root);
	memset(s, 0, sizeof(*s));
}

char *store_path(const struct store *s, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	buf_addf(&b, "%s/", s->dir);
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return buf_take(&b);
}

char *store_log_path(const struct store *s, int64_t first_attempt, uint64_t submission, int task)
{
	return store_path(s, "logs/%04" PRId64 "/%016" PRIx64 ".%d.log", first_attempt / 1000,
			  submission, task);
}

/* ---- making a store ---- */

/* Returns the path of the folder for root: the one that the file .slurmq names, else
 * root/.slurmq. The caller frees it. */
static char *make_folder_path(const char *root, struct err *err)
{
	char *path = mem_printf("%s/%s", strcmp(root, "/") ? root : "", folder);
	char *named = NULL;
	struct stat st;

	if (check_link(path, err)) {
		free(path);
		return NULL;
	}
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return path;
	if (!check_owner(path, &st, err))
		named = read_named_folder(root, path, err);
	free(path);
	return named;
}

/* Matches ".new-0123456789abcdef.db" and the files that SQLite keeps beside it. */
static bool is_new_database(const char *name)
{
	if (strncmp(name, ".new-", 5) != 0 || strspn(name + 5, "0123456789abcdef") != 16)
		return false;
	return !strcmp(name + 5 + 16, ".db") || !strcmp(name + 5 + 16, ".db-journal");
}

/* Removes the databases of inits that were killed. This process holds the queue lock and has
 * just written it, and only a holder writes a database. A minute is added in case the lock does
 * not work between hosts. */
static void remove_stale_databases(const struct store *s)
{
	char *lock = store_path(s, "queue.lock");
	DIR *d = opendir(s->dir);
	struct dirent *e;
	struct stat now, st;

	while (d && !stat(lock, &now) && (e = readdir(d))) {
		if (is_new_database(e->d_name) &&
		    !fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    st.st_mtime < now.st_mtime - 60)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	free(lock);
}

static bool has_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e = NULL;

	while (d && (e = readdir(d)) && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")))
		;
	if (d)
		closedir(d);
	return e;
}

/* Checks a folder without a database: after an interrupted init, these subfolders are empty. If
 * jobs have files in them, a new database would let those jobs run twice. */
static int check_unused(const struct store *s, struct err *err)
{
	static const char *const names[] = {"manifests", "claims",  "running",
					    "outbox",	 "revoked", "logs"};
	int rc = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !rc; i++) {
		char *path = store_path(s, "%s", names[i]);

		if (has_files(path))
			rc = err_set(
				err, ERR_USAGE,
				"'%s/jobs.db' is missing, but '%s' holds files of its jobs: restore a backup, or remove the folder and run slurmq init; nothing was changed",
				s->dir, path);
		free(path);
	}
	return rc;
}

/* Checks an existing folder. Returns 0 if it is empty or its init was interrupted, DB_NONE if it
 * is a sound store, or -1 if it must not be changed. */
static int check_existing(struct store *s, struct err *err)
{
	char *db = store_path(s, "jobs.db");
	struct stat st;
	int rc = 0;

	if (check_rights(s->dir, err))
		rc = -1;
	else if (!stat(db, &st))
		rc = store_open(s, err) ? -1 : DB_NONE;
	else if (errno != ENOENT)
		rc = err_errno(err, ERR_FAILED, "cannot check for '%s'", db);
	else
		rc = check_unused(s, err);
	if (rc == DB_NONE && !queue_lock_try(s->folder, NULL))
		remove_stale_databases(s);
	db_close(s->db);
	folder_close(s->folder);
	s->db = NULL;
	s->folder = NULL;
	free(db);
	return rc;
}

/* Locks against another init. Returns DB_NONE if another init has just finished. */
static int lock_creation(struct store *s, struct err *err)
{
	int rc = queue_lock_try(s->folder, err);

	if (rc == FOLDER_BUSY)
		return err_set(err, ERR_AGAIN, "another slurmq is making '%s': try again", s->dir);
	if (!rc && folder_file_exists(s->folder, "jobs.db"))
		return DB_NONE;
	return rc;
}

/* Makes the database last, under another name until it is complete. */
static int create_database(struct store *s, const char *id, struct err *err)
{
	char *tmp = store_path(s, ".new-%016" PRIx64 ".db", clock_random());
	struct buf line = {0};
	int rc;

	buf_addf(&line, "%s\n", id);
	rc = folder_file_put(s->folder, "id", line.s, line.len, 0600, err);
	FAILPOINT("init-id");
	if (!rc)
		rc = db_create(tmp, id, err);
	FAILPOINT("init-database");
	if (!rc)
		rc = folder_file_rename(s->folder, tmp + strlen(s->dir) + 1, "jobs.db", err);
	FAILPOINT("init-renamed");
	if (rc)
		unlink(tmp);
	buf_release(&line);
	free(tmp);
	return rc;
}

static int create_contents(struct store *s, struct err *err)
{
	char id[33];
	int rc = -1;

	snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, clock_random(), clock_random());
	if (!folder_create(s->dir, err) && !folder_open(s->dir, &s->folder, err) &&
	    !(rc = lock_creation(s, err))) {
		remove_stale_databases(s);
		rc = create_database(s, id, err);
	}
	folder_close(s->folder);
	s->folder = NULL;
	return rc;
}

/* Refuses a path that sbatch cannot have in --output, where a backslash turns every pattern off
 * (sbatch(1), filename pattern), or that breaks a line of text. */
static int check_path(const char *dir, struct err *err)
{
	for (const char *p = dir; *p; p++)
		if (*p == '\\' || (unsigned char)*p < ' ' || *p == 127)
			return err_set(
				err, ERR_USAGE,
				"cannot use the folder '%s': sbatch accepts no path with a backslash or a control character; use another folder",
				dir);
	return 0;
}

int store_create(struct store *s, const char *dir, struct err *err)
{
	int rc = -1;
	mode_t old;

	memset(s, 0, sizeof(*s));
	s->root = realpath(dir, NULL);
	if (!s->root)
		return err_set(err, ERR_FAILED,
			       "cannot use the folder '%s': %s (mkdir makes a new one)", dir,
			       strerror(errno));
	s->dir = make_folder_path(s->root, err);
	if (!s->dir || check_path(s->dir, err) || check_path(s->root, err))
		return -1;
	old = umask(077);
	if (mkdir(s->dir, 0700) && errno != EEXIST) {
		err_errno(err, ERR_FAILED, "cannot create the folder '%s'", s->dir);
	} else {
		/* a line that names the folder may lead through links and ".." */
		char *real = realpath(s->dir, NULL);

		if (real) {
			free(s->dir);
			s->dir = real;
		}

		FAILPOINT("init-folder");
		rc = check_existing(s, err);
		if (!rc && !(rc = fs_check_locks(s->dir, err)))
			rc = create_contents(s, err);
	}
	umask(old);
	return rc;
}
