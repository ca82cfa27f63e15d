/*
 * spool.c - the files of the protocol.
 *
 * Everything that must outlive a crash is synced here, in the order that spool.h promises: a file's
 * bytes by fdatasync(2) before the rename that publishes it, its name by fsync(2) of the folder after
 * (fsync(2), NOTES: syncing a file does not sync its entry in the folder).
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define NFOLDERS 4

static const char *const folder_names[NFOLDERS] = {"ready", "running", "spool", "retired"};
static const char *const other_folders[] = {"tickets", "env", "bin", "logs"};

struct spool {
	char *path;
	int dir;
	int folder[NFOLDERS];
	int gate;
	bool held;
};

/* ---- opening ---- */

int spool_create(const char *dir, struct err *err)
{
	for (size_t i = 0; i < NFOLDERS + sizeof(other_folders) / sizeof(other_folders[0]); i++) {
		const char *name = i < NFOLDERS ? folder_names[i] : other_folders[i - NFOLDERS];
		char *path = mem_printf("%s/%s", dir, name);
		int rc = mkdir(path, 0700);

		if (rc && errno != EEXIST)
			err_errno(err, ERR_FAILED, "making folder '%s'", path);
		else
			rc = 0;
		free(path);
		if (rc)
			return -1;
	}
	return 0;
}

int spool_open(const char *dir, struct spool **out, struct err *err)
{
	struct spool *sp = mem_alloc(sizeof(*sp));

	*out = NULL;
	sp->path = mem_strdup(dir);
	sp->dir = sp->gate = -1;
	for (int i = 0; i < NFOLDERS; i++)
		sp->folder[i] = -1;
	sp->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sp->dir < 0) {
		err_errno(err, ERR_FAILED, "opening folder '%s'", dir);
		goto fail;
	}
	for (int i = 0; i < NFOLDERS; i++) {
		sp->folder[i] =
			openat(sp->dir, folder_names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sp->folder[i] < 0) {
			err_errno(err, ERR_FAILED, "opening folder '%s/%s' (put it back with: mkdir -m 700 '%s/%s')",
				  dir, folder_names[i], dir, folder_names[i]);
			goto fail;
		}
	}
	*out = sp;
	return 0;
fail:
	spool_close(sp);
	return -1;
}

void spool_close(struct spool *sp)
{
	if (!sp)
		return;
	if (sp->gate >= 0)
		close(sp->gate);
	for (int i = 0; i < NFOLDERS; i++)
		if (sp->folder[i] >= 0)
			close(sp->folder[i]);
	if (sp->dir >= 0)
		close(sp->dir);
	free(sp->path);
	free(sp);
}

static int sync_folder(struct spool *sp, int fd, const char *name, struct err *err)
{
	if (fsync(fd))
		return err_errno(err, ERR_FAILED, "syncing folder '%s/%s'", sp->path, name);
	return 0;
}

/* ---- the gate ---- */

static int lock_fd(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &fl);
}

static void sign_gate(struct spool *sp)
{
	struct who me;
	char text[128];
	int n;

	who_self(&me);
	n = snprintf(text, sizeof(text), "%s %" PRId64 "\n", me.node, me.pid);
	/* for people alone: a gate without a name is as good a gate */
	if (n > 0 && ftruncate(sp->gate, 0) == 0 && pwrite(sp->gate, text, (size_t)n, 0) < 0)
		return;
}

int spool_gate_try(struct spool *sp, struct err *err)
{
	if (sp->held)
		return 0;
	if (sp->gate < 0) {
		/* once a process, and never closed before its end: closing any descriptor of a file
		 * drops the process's locks on it (fcntl(2), Advisory record locking) */
		sp->gate = openat(sp->dir, "gate", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (sp->gate < 0)
			return err_errno(err, ERR_FAILED, "opening '%s/gate'", sp->path);
	}
	if (lock_fd(sp->gate)) {
		if (errno == EACCES || errno == EAGAIN || errno == EINTR)
			return SPOOL_BUSY;
		return err_errno(err, ERR_FAILED, "locking '%s/gate'", sp->path);
	}
	sp->held = true;
	sign_gate(sp);
	return 0;
}

bool spool_gate_held(const struct spool *sp)
{
	return sp->held;
}

void spool_gate_release(struct spool *sp)
{
	struct flock fl = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	if (!sp->held)
		return;
	sp->held = false;
	if (fcntl(sp->gate, F_SETLK, &fl) == 0)
		return;
	/* a lock server that is away: the kernel drops the lock with the descriptor */
	close(sp->gate);
	sp->gate = -1;
}

char *spool_gate_owner(const struct spool *sp)
{
	char text[128] = "";
	ssize_t n;

	if (sp->gate < 0)
		return mem_strdup("");
	n = pread(sp->gate, text, sizeof(text) - 1, 0);
	text[n > 0 ? (size_t)n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return mem_strdup(text);
}

/* ---- names ---- */

static bool node_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

void who_self(struct who *w)
{
	const char *id = getenv("SLURM_JOB_ID"), *restart = getenv("SLURM_RESTART_COUNT");
	const char *node = getenv("SLURMD_NODENAME");
	char host[65] = "";
	size_t n = 0;

	memset(w, 0, sizeof(*w));
	if (id)
		w->slurm_id = strtoull(id, NULL, 10);
	if (restart)
		w->restart = (int)strtol(restart, NULL, 10);
	if (!node || !*node) {
		if (gethostname(host, sizeof(host) - 1))
			host[0] = '\0';
		node = host;
	}
	for (; *node && n < sizeof(w->node) - 1; node++)
		w->node[n++] = node_char(*node) ? *node : '_';
	w->pid = getpid();
	w->random = clock_random();
}

static void name_right(char *out, size_t size, uint64_t submission, int task)
{
	snprintf(out, size, "%016" PRIx64 ".%d", submission, task);
}

static void name_taken(char *out, size_t size, uint64_t submission, int task, const struct who *w)
{
	snprintf(out, size, "%016" PRIx64 ".%d.%" PRIu64 ",%d,%s,%" PRId64 ",%016" PRIx64,
		 submission, task, w->slurm_id, w->restart, w->node[0] ? w->node : "_", w->pid,
		 w->random);
}

static void name_answer(char *out, size_t size, uint64_t submission)
{
	snprintf(out, size, "%016" PRIx64 ".answer", submission);
}

static int parse_who(const char *text, struct who *w)
{
	int end = 0;

	memset(w, 0, sizeof(*w));
	if (sscanf(text, "%" SCNu64 ",%d,%63[A-Za-z0-9._-],%" SCNd64 ",%16" SCNx64 "%n",
		   &w->slurm_id, &w->restart, w->node, &w->pid, &w->random, &end) != 5 ||
	    text[end])
		return -1;
	return 0;
}

int spool_name_parse(const char *name, struct spool_entry *out)
{
	size_t len = strlen(name);
	char *end;

	memset(out, 0, sizeof(*out));
	if (len < 18 || len >= sizeof(out->name) || name[16] != '.' ||
	    strspn(name, "0123456789abcdef") != 16)
		return -1;
	out->submission = strtoull(name, NULL, 16);
	memcpy(out->name, name, len + 1);
	name += 17;
	if (!strcmp(name, "answer")) {
		out->task = -1;
		return 0;
	}
	if (*name < '0' || *name > '9')
		return -1;
	errno = 0;
	out->task = (int)strtol(name, &end, 10);
	if (errno || out->task < 0)
		return -1;
	if (!*end)
		return 0;
	if (*end != '.' || parse_who(end + 1, &out->who))
		return -1;
	out->has_who = true;
	return 0;
}

/* ---- listing ---- */

static int compare_entries(const void *a, const void *b)
{
	const struct spool_entry *x = a, *y = b;

	if (x->submission != y->submission)
		return x->submission < y->submission ? -1 : 1;
	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* A file made now, for its time or for the folder's new version; removed at once. */
static int touch(int fd, int64_t *mtime_ms)
{
	char name[40];
	struct stat st;
	int file, rc;

	snprintf(name, sizeof(name), ".touch-%016" PRIx64, clock_random());
	file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return -1;
	rc = fstat(file, &st);
	close(file);
	unlinkat(fd, name, 0);
	if (!rc && mtime_ms)
		*mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return rc;
}

int spool_scan(struct spool *sp, enum spool_folder folder, struct spool_list *out, struct err *err)
{
	struct dirent *de;
	size_t cap = 0;
	DIR *d;
	int fd;

	memset(out, 0, sizeof(*out));
	if (folder == SPOOL_SPOOL)
		touch(sp->folder[folder], NULL);
	/* a descriptor of its own: the position of a shared one is shared too */
	fd = openat(sp->dir, folder_names[folder], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		err_errno(err, ERR_FAILED, "listing folder '%s/%s'", sp->path,
			  folder_names[folder]);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (errno = 0, (de = readdir(d))) {
		struct spool_entry e;

		if (spool_name_parse(de->d_name, &e))
			continue;
		if (out->n == cap) {
			cap = cap ? cap * 2 : 64;
			out->v = mem_grow(out->v, cap, sizeof(*out->v));
		}
		out->v[out->n++] = e;
	}
	if (errno) {
		err_errno(err, ERR_FAILED, "listing folder '%s/%s'", sp->path,
			  folder_names[folder]);
		closedir(d);
		spool_list_release(out);
		return -1;
	}
	closedir(d);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), compare_entries);
	return 0;
}

void spool_list_release(struct spool_list *l)
{
	free(l->v);
	memset(l, 0, sizeof(*l));
}

const struct spool_entry *spool_list_find(const struct spool_list *l, uint64_t submission, int task)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct spool_entry *e = &l->v[mid];

		if (e->submission < submission || (e->submission == submission && e->task < task))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < l->n && l->v[lo].submission == submission && l->v[lo].task == task)
		return &l->v[lo];
	return NULL;
}

/* ---- rights ---- */

int spool_rights_make(struct spool *sp, uint64_t submission, int n, struct err *err)
{
	char name[40];

	for (int i = 0; i < n; i++) {
		int fd;

		name_right(name, sizeof(name), submission, i);
		fd = openat(sp->folder[SPOOL_READY], name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			    0600);
		if (fd < 0 || close(fd))
			return err_errno(err, ERR_FAILED, "making '%s/ready/%s'", sp->path, name);
	}
	return sync_folder(sp, sp->folder[SPOOL_READY], "ready", err);
}

int spool_rights_drop(struct spool *sp, uint64_t submission, int n, struct err *err)
{
	char name[40];

	for (int i = 0; i < n; i++) {
		name_right(name, sizeof(name), submission, i);
		if (spool_remove(sp, SPOOL_READY, name, err))
			return -1;
	}
	return 0;
}

/* Whether a file is there: 0, SPOOL_NONE, or -1 where that could not be told. */
static int look(struct spool *sp, enum spool_folder folder, const char *name, struct err *err)
{
	struct stat st;

	if (!fstatat(sp->folder[folder], name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (errno == ENOENT)
		return SPOOL_NONE;
	return err_errno(err, ERR_FAILED, "looking for '%s/%s/%s'", sp->path, folder_names[folder],
			 name);
}

static int take_right(struct spool *sp, uint64_t submission, int task, const struct who *who,
		      enum spool_folder to, bool sync, struct spool_entry *e, struct err *err)
{
	char from_name[40];
	int errnum, rc;

	name_right(from_name, sizeof(from_name), submission, task);
	memset(e, 0, sizeof(*e));
	e->submission = submission;
	e->task = task;
	e->has_who = true;
	e->who = *who;
	name_taken(e->name, sizeof(e->name), submission, task, who);
	errnum = renameat(sp->folder[SPOOL_READY], from_name, sp->folder[to], e->name) ? errno : 0;
	rc = look(sp, to, e->name, err);
	if (rc == SPOOL_NONE && errnum && errnum != ENOENT) {
		errno = errnum;
		return err_errno(err, ERR_FAILED, "taking '%s/ready/%s'", sp->path, from_name);
	}
	if (rc || !sync)
		return rc;
	return sync_folder(sp, sp->folder[to], folder_names[to], err);
}

int spool_right_start(struct spool *sp, uint64_t submission, int task, const struct who *who,
		      struct spool_entry *e, struct err *err)
{
	return take_right(sp, submission, task, who, SPOOL_RUNNING, true, e, err);
}

int spool_right_retire(struct spool *sp, uint64_t submission, int task, const struct who *who,
		       struct err *err)
{
	struct spool_entry e;

	return take_right(sp, submission, task, who, SPOOL_RETIRED, true, &e, err);
}

int spool_right_retire_nosync(struct spool *sp, uint64_t submission, int task,
			      const struct who *who, struct err *err)
{
	struct spool_entry e;

	return take_right(sp, submission, task, who, SPOOL_RETIRED, false, &e, err);
}

int spool_retired_sync(struct spool *sp, struct err *err)
{
	return sync_folder(sp, sp->folder[SPOOL_RETIRED], folder_names[SPOOL_RETIRED], err);
}

/* ---- files of any name ---- */

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!n)
				errno = ENOSPC;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A whole new file `name` in folder fd: temporary, synced, renamed, folder synced. */
static int put_whole(int fd, const char *name, const void *data, size_t len, unsigned mode)
{
	char tmp[40];
	int file, errnum;

	snprintf(tmp, sizeof(tmp), ".tmp-%016" PRIx64, clock_random());
	file = openat(fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (file < 0)
		return -1;
	if (write_all(file, data, len) || fsync(file)) {
		errnum = errno;
		close(file);
		goto fail;
	}
	if (close(file) || renameat(fd, tmp, fd, name)) {
		errnum = errno;
		goto fail;
	}
	return fsync(fd);
fail:
	unlinkat(fd, tmp, 0);
	errno = errnum;
	return -1;
}

/* The folder that holds name, opened, and *base its last part. */
static int open_parent(struct spool *sp, const char *name, const char **base)
{
	const char *slash = strrchr(name, '/');
	char *dir;
	int fd;

	*base = slash ? slash + 1 : name;
	if (!slash)
		return openat(sp->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = mem_strndup(name, (size_t)(slash - name));
	fd = openat(sp->dir, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return fd;
}

int spool_file_put(struct spool *sp, const char *name, const void *data, size_t len, unsigned mode,
		   struct err *err)
{
	const char *base;
	int fd = open_parent(sp, name, &base), rc = -1;

	if (fd >= 0)
		rc = put_whole(fd, base, data, len, mode);
	if (rc)
		err_errno(err, ERR_FAILED, "writing '%s/%s'", sp->path, name);
	if (fd >= 0)
		close(fd);
	return rc ? -1 : 0;
}

static int read_all(int fd, struct buf *out)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		buf_add(out, chunk, (size_t)n);
	}
	return 0;
}

static int get_whole(struct spool *sp, int dirfd, const char *what, const char *name,
		     struct buf *out, struct err *err)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;

	if (fd < 0 && errno == ENOENT)
		return SPOOL_NONE;
	rc = fd < 0 ? -1 : read_all(fd, out);
	if (rc)
		err_errno(err, ERR_FAILED, "reading '%s/%s%s'", sp->path, what, name);
	if (fd >= 0)
		close(fd);
	return rc;
}

int spool_file_get(struct spool *sp, const char *name, struct buf *out, struct err *err)
{
	return get_whole(sp, sp->dir, "", name, out, err);
}

int spool_file_map(struct spool *sp, const char *name, const char **p, size_t *len,
		   struct err *err)
{
	int fd = openat(sp->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	void *map = MAP_FAILED;
	struct stat st;

	*p = NULL;
	*len = 0;
	if (fd < 0 && errno == ENOENT)
		return SPOOL_NONE;
	if (fd >= 0 && !fstat(fd, &st)) {
		if (!st.st_size) {
			close(fd);
			return 0;
		}
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (map == MAP_FAILED)
		err_errno(err, ERR_FAILED, "reading '%s/%s'", sp->path, name);
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED)
		return -1;
	*p = map;
	*len = (size_t)st.st_size;
	return 0;
}

void spool_unmap(const char *p, size_t len)
{
	if (len)
		munmap((void *)(uintptr_t)p, len);
}

int spool_file_names(struct spool *sp, const char *folder, struct strs *names, struct err *err)
{
	int fd = openat(sp->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	int rc = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, ERR_FAILED, "listing folder '%s/%s'", sp->path, folder);
	}
	while (errno = 0, (de = readdir(d)))
		if (de->d_name[0] != '.')
			strs_add(names, de->d_name);
	if (errno)
		rc = err_errno(err, ERR_FAILED, "listing folder '%s/%s'", sp->path, folder);
	closedir(d);
	return rc;
}

int spool_file_remove(struct spool *sp, const char *name, struct err *err)
{
	if (unlinkat(sp->dir, name, 0) && errno != ENOENT)
		return err_errno(err, ERR_FAILED, "removing '%s/%s'", sp->path, name);
	return 0;
}

int spool_file_rename(struct spool *sp, const char *from, const char *to, struct err *err)
{
	if (renameat(sp->dir, from, sp->dir, to) || fsync(sp->dir))
		return err_errno(err, ERR_FAILED, "renaming '%s/%s' to '%s'", sp->path, from, to);
	return 0;
}

bool spool_file_exists(struct spool *sp, const char *name)
{
	struct stat st;

	return !fstatat(sp->dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

int64_t spool_now_ms(struct spool *sp)
{
	int64_t now;

	return touch(sp->dir, &now) ? -1 : now;
}

int64_t spool_file_age(struct spool *sp, const char *name)
{
	struct stat st;
	int64_t now, then;

	if (fstatat(sp->dir, name, &st, AT_SYMLINK_NOFOLLOW) || touch(sp->dir, &now))
		return -1;
	then = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return now > then ? now - then : 0;
}

static void tidy_folder(int fd, int64_t now)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(d))) {
		struct stat st;

		if (strncmp(de->d_name, ".tmp-", 5) != 0 && strncmp(de->d_name, ".touch-", 7) != 0)
			continue;
		if (!fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    now - (int64_t)st.st_mtime * 1000 > (int64_t)3600 * 1000)
			unlinkat(fd, de->d_name, 0);
	}
	closedir(d);
}

void spool_tidy(struct spool *sp)
{
	static const char *const folders[] = {".",	 "ready",   "running", "spool",
					      "retired", "tickets", "env",     "bin"};
	int64_t now = spool_now_ms(sp);

	for (size_t i = 0; now >= 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		tidy_folder(openat(sp->dir, folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC), now);
}

int spool_folder_make(struct spool *sp, const char *name, struct err *err)
{
	char *path = mem_strdup(name), *p = path;
	int rc = 0;

	while (p && !rc) {
		p = strchr(p, '/');
		if (p)
			*p = '\0';
		if (mkdirat(sp->dir, path, 0700) && errno != EEXIST)
			rc = err_errno(err, ERR_FAILED, "making folder '%s/%s'", sp->path, path);
		if (p)
			*p++ = '/';
	}
	free(path);
	return rc;
}

bool spool_has(struct spool *sp, enum spool_folder folder, const char *name)
{
	return look(sp, folder, name, NULL) != SPOOL_NONE;
}

int spool_remove(struct spool *sp, enum spool_folder folder, const char *name, struct err *err)
{
	if (unlinkat(sp->folder[folder], name, 0) && errno != ENOENT)
		return err_errno(err, ERR_FAILED, "removing '%s/%s/%s'", sp->path,
				 folder_names[folder], name);
	return 0;
}

/* ---- journals and events ---- */

int spool_journal_open(struct spool *sp, const struct spool_entry *e, struct spool_journal *j,
		       struct err *err)
{
	memset(j, 0, sizeof(*j));
	j->entry = *e;
	j->fd = openat(sp->folder[SPOOL_RUNNING], e->name,
		       O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0)
		return err_errno(err, ERR_FAILED, "opening '%s/running/%s'", sp->path, e->name);
	return 0;
}

static int append(struct spool_journal *j, const char *lines, size_t len, bool sync)
{
	/* what an append that failed left behind must not run into this one's first line */
	if (j->torn && write_all(j->fd, "\n", 1))
		return -1;
	j->torn = true;
	if (write_all(j->fd, lines, len))
		return -1;
	j->torn = false;
	return sync ? fdatasync(j->fd) : 0;
}

int spool_journal_append(struct spool_journal *j, const char *lines, size_t len, bool sync,
			 struct err *err)
{
	buf_add(&j->text, lines, len);
	if (!append(j, lines, len, sync))
		return 0;
	j->lacks = true;
	return err_errno(err, ERR_FAILED, "writing the journal '%s'", j->entry.name);
}

/* All of it once more under a name of its own: what is told twice changes nothing. */
static int post_anew(struct spool *sp, struct spool_journal *j, struct err *err)
{
	struct spool_entry *e = &j->entry;
	char old[sizeof(e->name)];

	memcpy(old, e->name, sizeof(old));
	e->who.random = clock_random();
	name_taken(e->name, sizeof(e->name), e->submission, e->task, &e->who);
	if (put_whole(sp->folder[SPOOL_SPOOL], e->name, buf_str(&j->text), j->text.len, 0600)) {
		err_errno(err, ERR_FAILED, "writing '%s/spool/%s'", sp->path, e->name);
		memcpy(e->name, old, sizeof(old));
		return -1;
	}
	unlinkat(sp->folder[SPOOL_RUNNING], old, 0);
	return 0;
}

int spool_journal_move(struct spool *sp, struct spool_journal *j, struct err *err)
{
	if (!renameat(sp->folder[SPOOL_RUNNING], j->entry.name, sp->folder[SPOOL_SPOOL],
		      j->entry.name) ||
	    errno == ENOENT)
		return sync_folder(sp, sp->folder[SPOOL_SPOOL], "spool", err);
	return err_errno(err, ERR_FAILED, "moving '%s/running/%s' to spool/", sp->path,
			 j->entry.name);
}

int spool_journal_post(struct spool *sp, struct spool_journal *j, struct err *err)
{
	struct spool_entry *e = &j->entry;

	if (j->lacks)
		return post_anew(sp, j, err);
	if (!renameat(sp->folder[SPOOL_RUNNING], e->name, sp->folder[SPOOL_SPOOL], e->name))
		return sync_folder(sp, sp->folder[SPOOL_SPOOL], "spool", err);
	if (errno != ENOENT)
		return err_errno(err, ERR_FAILED, "moving '%s/running/%s' to spool/", sp->path,
				 e->name);
	/* A twin moved it, or the reply to our own rename was lost. Whoever drains may have read it
	 * before our last line was there. */
	return post_anew(sp, j, err);
}

void spool_journal_close(struct spool_journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	buf_release(&j->text);
	memset(j, 0, sizeof(*j));
	j->fd = -1;
}

int spool_journal_read(struct spool *sp, enum spool_folder folder, const char *name,
		       struct journal *out, struct err *err)
{
	struct buf text = {0};
	char *what = mem_printf("%s/", folder_names[folder]);
	int rc = get_whole(sp, sp->folder[folder], what, name, &text, err);

	memset(out, 0, sizeof(*out));
	if (!rc)
		journal_parse(buf_str(&text), text.len, out);
	buf_release(&text);
	free(what);
	return rc;
}

int spool_answer_post(struct spool *sp, uint64_t submission, const struct spool_answer *a,
		      struct err *err)
{
	struct buf b = {0};
	char name[40];
	int rc = 0;

	buf_addf(&b, "answer %d %" PRIu64 " %s\n%s", a->answer, a->slurm_job,
		 a->cluster ? a->cluster : "-", a->text ? a->text : "");
	name_answer(name, sizeof(name), submission);
	if (put_whole(sp->folder[SPOOL_SPOOL], name, buf_str(&b), b.len, 0600))
		rc = err_errno(err, ERR_FAILED, "writing '%s/spool/%s'", sp->path, name);
	buf_release(&b);
	return rc;
}

int spool_answer_read(struct spool *sp, uint64_t submission, struct spool_answer *a,
		      struct err *err)
{
	struct buf b = {0};
	char name[40], cluster[65];
	int rc, end = 0;

	memset(a, 0, sizeof(*a));
	name_answer(name, sizeof(name), submission);
	rc = get_whole(sp, sp->folder[SPOOL_SPOOL], "spool/", name, &b, err);
	if (!rc) {
		const char *nl = strchr(buf_str(&b), '\n');

		if (!nl ||
		    sscanf(buf_str(&b), "answer %d %" SCNu64 " %64s%n", &a->answer, &a->slurm_job,
			   cluster, &end) != 3) {
			a->answer = 0; /* not one of ours: no answer at all */
		} else {
			if (strcmp(cluster, "-") != 0)
				a->cluster = mem_strdup(cluster);
			a->text = mem_strdup(nl + 1);
		}
	}
	buf_release(&b);
	return rc;
}

void spool_answer_release(struct spool_answer *a)
{
	free(a->cluster);
	free(a->text);
	memset(a, 0, sizeof(*a));
}

/* ---- marks and locks ---- */

void spool_stopping_mark(struct spool *sp)
{
	int fd = openat(sp->dir, "stopping", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	futimens(fd, NULL);
	close(fd);
}

void spool_stopping_clear(struct spool *sp)
{
	unlinkat(sp->dir, "stopping", 0);
}

int64_t spool_stopping_age(struct spool *sp)
{
	int64_t age = spool_file_age(sp, "stopping");

	return age > (int64_t)24 * 3600 * 1000 ? -1 : age;
}

int spool_lock(struct spool *sp, const char *name, int *fd, struct err *err)
{
	*fd = openat(sp->dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_errno(err, ERR_FAILED, "opening '%s/%s'", sp->path, name);
	if (!lock_fd(*fd))
		return 0;
	if (errno == EACCES || errno == EAGAIN) {
		close(*fd);
		*fd = -1;
		return SPOOL_BUSY;
	}
	err_errno(err, ERR_FAILED, "locking '%s/%s'", sp->path, name);
	close(*fd);
	*fd = -1;
	return -1;
}

void spool_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}
