/*
 * folder.c - the files of the protocol.
 *
 * Everything that must outlive a crash is synced here, in the order that folder.h promises: a
 * file's bytes by fdatasync(2) before the rename that publishes it, its name by fsync(2) of the
 * folder after (fsync(2), NOTES: syncing a file does not sync its entry in the folder).
 */
#include "store/folder.h"

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
#include "store/folder_internal.h"

const char *const folder_part_names[FOLDER_NPARTS] = {"claims", "running", "outbox", "revoked"};
static const char *const other_folders[] = {"manifests", "env", "bin", "logs"};

/* ---- opening ---- */

int folder_create(const char *dir, struct err *err)
{
	for (size_t i = 0; i < FOLDER_NPARTS + sizeof(other_folders) / sizeof(other_folders[0]);
	     i++) {
		const char *name =
			i < FOLDER_NPARTS ? folder_part_names[i] : other_folders[i - FOLDER_NPARTS];
		char *path = mem_printf("%s/%s", dir, name);
		int rc = mkdir(path, 0700);

		if (rc && errno != EEXIST)
			err_errno(err, ERR_FAILED, "cannot create the folder '%s'", path);
		else
			rc = 0;
		free(path);
		if (rc)
			return -1;
	}
	return 0;
}

int folder_rename_part(const char *dir, const char *old, const char *new, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return err_errno(err, ERR_FAILED, "cannot open the folder '%s'", dir);
	if (faccessat(fd, new, F_OK, 0) &&
	    ((renameat(fd, old, fd, new) && errno != ENOENT) || fsync(fd)))
		rc = err_errno(err, ERR_FAILED, "cannot rename '%s/%s' to '%s'", dir, old, new);
	close(fd);
	return rc;
}

int folder_open(const char *dir, struct folder **out, struct err *err)
{
	struct folder *sp = mem_alloc(sizeof(*sp));

	*out = NULL;
	sp->path = mem_strdup(dir);
	sp->dir = sp->lock = -1;
	for (int i = 0; i < FOLDER_NPARTS; i++)
		sp->folder[i] = -1;
	sp->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sp->dir < 0) {
		err_errno(err, ERR_FAILED, "cannot open the folder '%s'", dir);
		goto fail;
	}
	for (int i = 0; i < FOLDER_NPARTS; i++) {
		sp->folder[i] =
			openat(sp->dir, folder_part_names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sp->folder[i] < 0) {
			int errnum = errno;
			char *path = mem_printf("%s/%s", dir, folder_part_names[i]);
			struct buf word = {0};

			buf_add_shell_word(&word, path);
			errno = errnum;
			err_errno(
				err, ERR_FAILED,
				"cannot open the folder '%s' (make it again with: mkdir -m 700 %s)",
				path, buf_str(&word));
			buf_release(&word);
			free(path);
			goto fail;
		}
	}
	*out = sp;
	return 0;
fail:
	folder_close(sp);
	return -1;
}

void folder_close(struct folder *sp)
{
	if (!sp)
		return;
	if (sp->lock >= 0)
		close(sp->lock);
	for (int i = 0; i < FOLDER_NPARTS; i++)
		if (sp->folder[i] >= 0)
			close(sp->folder[i]);
	if (sp->dir >= 0)
		close(sp->dir);
	free(sp->path);
	free(sp);
}

int folder_sync_part(struct folder *sp, int fd, const char *name, struct err *err)
{
	if (fsync(fd))
		return err_errno(err, ERR_FAILED, "cannot sync the folder '%s/%s'", sp->path, name);
	return 0;
}

/* ---- the queue lock ---- */

int folder_lock_fd(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &fl);
}

static void write_lock_owner(struct folder *sp)
{
	struct who me;
	struct stat st;
	char text[128];
	int n;

	who_self(&me);
	n = snprintf(text, sizeof(text), "%s %" PRId64 "\n", me.node, me.pid);
	/* errors are ignored, since only people read the text. The file is truncated only if it
	 * is too long, because that takes as long as a sync */
	if (n > 0 && !fstat(sp->lock, &st) && (st.st_size <= n || !ftruncate(sp->lock, n)) &&
	    pwrite(sp->lock, text, (size_t)n, 0) < 0)
		return;
}

int queue_lock_try(struct folder *sp, struct err *err)
{
	if (sp->held)
		return 0;
	if (sp->lock < 0) {
		/* once a process, and never closed before its end: closing any descriptor of a file
		 * drops the process's locks on it (fcntl(2), Advisory record locking) */
		sp->lock = openat(sp->dir, "queue.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				  0600);
		if (sp->lock < 0)
			return err_errno(err, ERR_FAILED, "cannot open '%s/queue.lock'", sp->path);
	}
	if (folder_lock_fd(sp->lock)) {
		if (errno == EACCES || errno == EAGAIN || errno == EINTR)
			return FOLDER_BUSY;
		return err_errno(err, ERR_FAILED, "cannot lock '%s/queue.lock'", sp->path);
	}
	sp->held = true;
	write_lock_owner(sp);
	return 0;
}

bool queue_lock_held(const struct folder *sp)
{
	return sp->held;
}

void queue_lock_release(struct folder *sp)
{
	struct flock fl = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	if (!sp->held)
		return;
	sp->held = false;
	if (fcntl(sp->lock, F_SETLK, &fl) == 0)
		return;
	/* if the lock server is away, the kernel drops the lock with the descriptor */
	close(sp->lock);
	sp->lock = -1;
}

char *queue_lock_owner(const struct folder *sp)
{
	char text[128] = "";
	ssize_t n;

	if (sp->lock < 0)
		return mem_strdup("");
	n = pread(sp->lock, text, sizeof(text) - 1, 0);
	text[n > 0 ? (size_t)n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return mem_strdup(text);
}

/* ---- names ---- */

void folder_name_claim(char *out, size_t size, uint64_t submission, int task)
{
	snprintf(out, size, "%016" PRIx64 ".%d", submission, task);
}

void folder_name_won(char *out, size_t size, uint64_t submission, int task, const struct who *w)
{
	snprintf(out, size, "%016" PRIx64 ".%d.%" PRIu64 ",%d,%s,%" PRId64 ",%016" PRIx64,
		 submission, task, w->slurm_id, w->restart, w->node[0] ? w->node : "_", w->pid,
		 w->random);
}

void folder_name_answer(char *out, size_t size, uint64_t submission)
{
	snprintf(out, size, "%016" PRIx64 ".answer", submission);
}

/* Parses the WHO of a name; ";" and the text of a record may follow. */
static int parse_who(const char *text, struct who *w)
{
	int end = 0;

	memset(w, 0, sizeof(*w));
	if (sscanf(text, "%" SCNu64 ",%d,%63[A-Za-z0-9._-],%" SCNd64 ",%16" SCNx64 "%n",
		   &w->slurm_id, &w->restart, w->node, &w->pid, &w->random, &end) != 5 ||
	    (text[end] && text[end] != ';'))
		return -1;
	return 0;
}

int folder_name_parse(const char *name, struct folder_entry *out)
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
	const struct folder_entry *x = a, *y = b;

	if (x->submission != y->submission)
		return x->submission < y->submission ? -1 : 1;
	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	return strcmp(x->name, y->name);
}

int folder_touch(int fd, int64_t *mtime_ms)
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

int folder_scan(struct folder *sp, enum folder_part folder, struct folder_list *out,
		struct err *err)
{
	struct dirent *de;
	size_t cap = 0;
	DIR *d;
	int fd;

	memset(out, 0, sizeof(*out));
	if (folder == FOLDER_OUTBOX) {
		if (!sp->changed)
			folder_touch(sp->folder[folder], NULL);
		sp->changed = false;
	}
	/* a descriptor of its own: the position of a shared one is shared too */
	fd = openat(sp->dir, folder_part_names[folder], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		err_errno(err, ERR_FAILED, "cannot list the folder '%s/%s'", sp->path,
			  folder_part_names[folder]);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (errno = 0, (de = readdir(d))) {
		struct folder_entry e;

		if (folder_name_parse(de->d_name, &e))
			continue;
		if (out->n == cap) {
			cap = cap ? cap * 2 : 64;
			out->v = mem_grow(out->v, cap, sizeof(*out->v));
		}
		out->v[out->n++] = e;
	}
	if (errno) {
		err_errno(err, ERR_FAILED, "cannot list the folder '%s/%s'", sp->path,
			  folder_part_names[folder]);
		closedir(d);
		folder_list_release(out);
		return -1;
	}
	closedir(d);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), compare_entries);
	return 0;
}

void folder_list_release(struct folder_list *l)
{
	free(l->v);
	memset(l, 0, sizeof(*l));
}

const struct folder_entry *folder_list_find(const struct folder_list *l, uint64_t submission,
					    int task)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct folder_entry *e = &l->v[mid];

		if (e->submission < submission || (e->submission == submission && e->task < task))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < l->n && l->v[lo].submission == submission && l->v[lo].task == task)
		return &l->v[lo];
	return NULL;
}

/* ---- claims ---- */

int claim_files_make(struct folder *sp, uint64_t submission, int n, struct err *err)
{
	char name[40];

	for (int i = 0; i < n; i++) {
		int fd;

		folder_name_claim(name, sizeof(name), submission, i);
		fd = openat(sp->folder[FOLDER_CLAIMS], name,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 || close(fd))
			return err_errno(err, ERR_FAILED, "cannot create '%s/claims/%s'", sp->path,
					 name);
	}
	return 0;
}

int claim_files_sync(struct folder *sp, struct err *err)
{
	return folder_sync_part(sp, sp->folder[FOLDER_CLAIMS], "claims", err);
}

int claim_files_drop(struct folder *sp, uint64_t submission, int n, struct err *err)
{
	char name[40];

	for (int i = 0; i < n; i++) {
		folder_name_claim(name, sizeof(name), submission, i);
		if (folder_remove(sp, FOLDER_CLAIMS, name, err))
			return -1;
	}
	return 0;
}

int folder_check_file(struct folder *sp, enum folder_part folder, const char *name, struct err *err)
{
	struct stat st;

	if (!fstatat(sp->folder[folder], name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (errno == ENOENT)
		return FOLDER_NONE;
	return err_errno(err, ERR_FAILED, "cannot check for '%s/%s/%s'", sp->path,
			 folder_part_names[folder], name);
}

static int move_claim(struct folder *sp, uint64_t submission, int task, const struct who *who,
		      enum folder_part to, bool sync, struct folder_entry *e, struct err *err)
{
	char from_name[40];
	int errnum, rc;

	folder_name_claim(from_name, sizeof(from_name), submission, task);
	memset(e, 0, sizeof(*e));
	e->submission = submission;
	e->task = task;
	e->has_who = true;
	e->who = *who;
	folder_name_won(e->name, sizeof(e->name), submission, task, who);
	errnum =
		renameat(sp->folder[FOLDER_CLAIMS], from_name, sp->folder[to], e->name) ? errno : 0;
	FAILPOINT("right-renamed");
	rc = folder_check_file(sp, to, e->name, err);
	if (rc == FOLDER_NONE && errnum && errnum != ENOENT) {
		errno = errnum;
		return err_errno(err, ERR_FAILED, "cannot win the claim '%s/claims/%s'", sp->path,
				 from_name);
	}
	if (rc || !sync)
		return rc;
	return folder_sync_part(sp, sp->folder[to], folder_part_names[to], err);
}

int claim_file_win(struct folder *sp, uint64_t submission, int task, const struct who *who,
		   struct folder_entry *e, struct err *err)
{
	return move_claim(sp, submission, task, who, FOLDER_RUNNING, true, e, err);
}

int claim_file_revoke(struct folder *sp, uint64_t submission, int task, const struct who *who,
		      struct err *err)
{
	struct folder_entry e;

	return move_claim(sp, submission, task, who, FOLDER_REVOKED, true, &e, err);
}

int claim_file_revoke_nosync(struct folder *sp, uint64_t submission, int task,
			     const struct who *who, struct err *err)
{
	struct folder_entry e;

	return move_claim(sp, submission, task, who, FOLDER_REVOKED, false, &e, err);
}

int claim_files_sync_revoked(struct folder *sp, struct err *err)
{
	return folder_sync_part(sp, sp->folder[FOLDER_REVOKED], folder_part_names[FOLDER_REVOKED],
				err);
}

bool folder_has(struct folder *sp, enum folder_part folder, const char *name)
{
	return folder_check_file(sp, folder, name, NULL) != FOLDER_NONE;
}

int folder_remove(struct folder *sp, enum folder_part folder, const char *name, struct err *err)
{
	if (unlinkat(sp->folder[folder], name, 0) && errno != ENOENT)
		return err_errno(err, ERR_FAILED, "cannot remove '%s/%s/%s'", sp->path,
				 folder_part_names[folder], name);
	return 0;
}
