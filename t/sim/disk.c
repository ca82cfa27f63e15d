/*
 * disk.c - one file system that all hosts share, in memory, and the system calls that reach it.
 *
 * The linker redirects each of these calls in the archive to this file (--wrap). Paths below /sim
 * exist only here. No other path exists, except this program itself.
 */
#include "sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
	char *name;
	struct node *node;
};

/* SQLite's locks, as its own VFS for Unix keeps them. */
struct hold {
	struct sim_proc *owner; /* NULL: the simulator itself */
	const void *handle;
	int level;
};

struct node {
	bool dir;
	int refs;      /* names and descriptors */
	int64_t mtime; /* µs */
	int64_t ctime; /* the same, only changed with the mode */
	uint64_t number;
	unsigned mode;
	char *data;
	size_t len, cap;
	struct entry *entries;
	size_t nentries, centries;
	int locker; /* pid that holds the fcntl lock, 0: no process */
	struct hold *holds;
	size_t nholds;
};

struct disk_image {
	struct node *root;
};

static struct node *root;
static struct sim_fd own_fds[SIM_FDS]; /* of the simulator itself */
static uint64_t numbers;

/* ---- nodes ---- */

static struct node *node_new(bool dir, unsigned mode)
{
	struct node *n = mem_alloc(sizeof(*n));

	n->dir = dir;
	n->mode = mode;
	n->mtime = sim.now;
	n->number = ++numbers;
	return n;
}

static void node_drop(struct node *n)
{
	if (--n->refs > 0)
		return;
	for (size_t i = 0; i < n->nentries; i++) {
		free(n->entries[i].name);
		node_drop(n->entries[i].node);
	}
	free(n->entries);
	free(n->holds);
	free(n->data);
	free(n);
}

static struct node *node_copy(const struct node *n)
{
	struct node *c = node_new(n->dir, n->mode);

	c->refs = 1;
	c->mtime = n->mtime;
	c->ctime = n->ctime;
	if (n->len) {
		c->data = mem_alloc(n->len);
		memcpy(c->data, n->data, n->len);
		c->len = c->cap = n->len;
	}
	c->entries = n->nentries ? mem_alloc(n->nentries * sizeof(*c->entries)) : NULL;
	c->nentries = c->centries = n->nentries;
	for (size_t i = 0; i < n->nentries; i++) {
		c->entries[i].name = mem_strdup(n->entries[i].name);
		c->entries[i].node = node_copy(n->entries[i].node);
	}
	return c;
}

static struct entry *entry_find(struct node *dir, const char *name, size_t len)
{
	for (size_t i = 0; i < dir->nentries; i++)
		if (!strncmp(dir->entries[i].name, name, len) && !dir->entries[i].name[len])
			return &dir->entries[i];
	return NULL;
}

static void entry_add(struct node *dir, const char *name, struct node *n)
{
	if (dir->nentries == dir->centries) {
		dir->centries = dir->centries ? dir->centries * 2 : 8;
		dir->entries = mem_grow(dir->entries, dir->centries, sizeof(*dir->entries));
	}
	dir->entries[dir->nentries].name = mem_strdup(name);
	dir->entries[dir->nentries++].node = n;
	n->refs++;
	dir->mtime = sim.now;
}

static void entry_remove(struct node *dir, struct entry *e)
{
	struct node *n = e->node;

	free(e->name);
	*e = dir->entries[--dir->nentries];
	dir->mtime = sim.now;
	node_drop(n);
}

static void grow_file(struct node *n, size_t len)
{
	if (len > n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 256;

		cap = cap > len ? cap : len;
		n->data = mem_grow(n->data, cap, 1);
		n->cap = cap;
	}
	if (len > n->len) {
		memset(n->data + n->len, 0, len - n->len);
		n->len = len;
	}
}

static size_t node_read(const struct node *n, size_t at, void *to, size_t len)
{
	size_t there = at < n->len ? n->len - at : 0;

	len = len < there ? len : there;
	if (len)
		memcpy(to, n->data + at, len);
	return len;
}

static void node_write(struct node *n, size_t at, const void *from, size_t len)
{
	if (!len)
		return;
	grow_file(n, at + len);
	memcpy(n->data + at, from, len);
	n->mtime = sim.now;
}

void disk_reset(void)
{
	for (int i = 0; i < SIM_FDS; i++)
		own_fds[i].node = NULL;
	if (root)
		node_drop(root);
	root = node_new(true, 0700);
	root->refs = 1;
}

struct disk_image *disk_save(void)
{
	struct disk_image *image = mem_alloc(sizeof(*image));

	image->root = node_copy(root);
	return image;
}

void disk_load(const struct disk_image *image)
{
	for (int i = 0; i < SIM_FDS; i++)
		own_fds[i].node = NULL;
	if (root)
		node_drop(root);
	root = node_copy(image->root);
}

/* ---- paths and descriptors ---- */

static struct sim_fd *own_descriptors(void)
{
	return sim_self ? sim_self->fd : own_fds;
}

static struct sim_fd *fd_get(int fd)
{
	struct sim_fd *f = fd >= SIM_FD_BASE && fd < SIM_FD_BASE + SIM_FDS
				   ? &own_descriptors()[fd - SIM_FD_BASE]
				   : NULL;

	return f && f->node ? f : NULL;
}

/* Returns the folder in which a path's last part is found, and that part. NULL: outside /sim, or no
 * such folder. */
static struct node *find_folder(int dirfd, const char *path, const char **last)
{
	struct node *dir = root;
	const char *p = path, *slash;

	if (*p == '/') {
		if (strncmp(p, "/sim", 4) != 0 || (p[4] && p[4] != '/'))
			return NULL;
		p += p[4] ? 5 : 4;
	} else {
		struct sim_fd *f = fd_get(dirfd);

		if (!f)
			return NULL;
		dir = f->node;
	}
	while ((slash = strchr(p, '/'))) {
		struct entry *e = entry_find(dir, p, (size_t)(slash - p));

		if (slash != p && !(slash == p + 1 && *p == '.')) {
			if (!e || !e->node->dir)
				return NULL;
			dir = e->node;
		}
		p = slash + 1;
	}
	*last = p;
	return dir;
}

static struct node *find_node(int dirfd, const char *path)
{
	const char *last;
	struct node *dir = find_folder(dirfd, path, &last);
	struct entry *e;

	if (!dir)
		return NULL;
	if (!*last || !strcmp(last, "."))
		return dir;
	e = entry_find(dir, last, strlen(last));
	return e ? e->node : NULL;
}

int disk_byte(const char *path)
{
	const struct node *n = find_node(-1, path);
	unsigned char c;

	return n && node_read(n, 0, &c, 1) ? c : -1;
}

size_t disk_entries(const char *path)
{
	const struct node *n = find_node(-1, path);

	return n ? n->nentries : 0;
}

const char *disk_entry(const char *path, size_t i)
{
	return find_node(-1, path)->entries[i].name;
}

void disk_copy_entry(const char *from, const char *to)
{
	const char *last;
	struct node *n = find_node(-1, from), *dir = find_folder(-1, to, &last);

	if (n && dir && !entry_find(dir, last, strlen(last)))
		entry_add(dir, last, n);
}

void disk_write(const char *path, const char *text)
{
	const char *last;
	struct node *dir = find_folder(-1, path, &last);
	struct node *n = find_node(-1, path);

	if (!n) {
		n = node_new(false, 0600);
		entry_add(dir, last, n);
	}
	n->len = 0;
	node_write(n, 0, text, strlen(text));
}

bool disk_locked(const char *path)
{
	const struct node *n = find_node(-1, path);

	for (size_t i = 0; n && i < n->nholds; i++)
		if (n->holds[i].level >= SQLITE_LOCK_RESERVED)
			return true;
	return false;
}

static int fd_new(struct node *n, int flags)
{
	for (int i = 0; i < SIM_FDS; i++) {
		if (own_descriptors()[i].node)
			continue;
		own_descriptors()[i] = (struct sim_fd){.node = n, .flags = flags};
		n->refs++;
		return SIM_FD_BASE + i;
	}
	errno = EMFILE;
	return -1;
}

/* Removes the locks of a dead process on a file. */
static void drop_holds(struct node *n, const struct sim_proc *p)
{
	size_t to = 0, gone;

	for (size_t i = 0; i < n->nholds; i++)
		if (n->holds[i].owner != p)
			n->holds[to++] = n->holds[i];
	gone = n->nholds - to;
	n->nholds = to;
	while (gone--)
		node_drop(n);
}

/* Closes a descriptor. Any close of a file drops the process's locks on it (fcntl(2)). */
static void fd_close(struct sim_proc *p, struct sim_fd *f)
{
	struct node *n = f->node;

	f->node = NULL;
	if (p && n->locker == p->pid)
		n->locker = 0;
	node_drop(n);
}

static void drop_all_holds(struct node *n, const struct sim_proc *p)
{
	drop_holds(n, p);
	for (size_t i = 0; i < n->nentries; i++)
		if (n->entries[i].node->dir || n->entries[i].node->nholds)
			drop_all_holds(n->entries[i].node, p);
}

void disk_close_all(struct sim_proc *p)
{
	for (int i = 0; i < SIM_FDS; i++)
		if (p->fd[i].node)
			fd_close(p, &p->fd[i]);
	if (root)
		drop_all_holds(root, p);
}

static int fail_call(const char *call)
{
	int errnum = sim_point(call);

	if (errnum)
		errno = errnum;
	return errnum;
}

/* ---- the calls ---- */

#define WRAP(type, name, ...) \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

static int open_node(int dirfd, const char *path, int flags, unsigned mode)
{
	const char *last;
	struct node *dir, *n;

	if (!strcmp(path, "/proc/self/exe"))
		path = "/sim/exe";
	dir = find_folder(dirfd, path, &last);
	n = find_node(dirfd, path);
	if (!dir || (!n && !(flags & O_CREAT))) {
		errno = ENOENT;
		return -1;
	}
	if (n && (flags & O_EXCL)) {
		errno = EEXIST;
		return -1;
	}
	if (n && (flags & O_DIRECTORY) && !n->dir) {
		errno = ENOTDIR;
		return -1;
	}
	if (!n) {
		n = node_new(false, mode);
		entry_add(dir, last, n);
	}
	if (sim_self && !strcmp(last, "jobs.db"))
		sim_violation("jobs.db is opened beside SQLite: closing it would drop its locks");
	if (flags & O_TRUNC)
		n->len = 0;
	return fd_new(n, flags);
}

WRAP(int, open64, const char *path, int flags, unsigned mode)
{
	return fail_call("open") ? -1 : open_node(-1, path, flags, mode);
}

WRAP(int, openat64, int dirfd, const char *path, int flags, unsigned mode)
{
	return fail_call("openat") ? -1 : open_node(dirfd, path, flags, mode);
}

int __real_close(int fd);
WRAP(int, close, int fd)
{
	struct sim_fd *f = fd_get(fd);

	if (fd < SIM_FD_BASE)
		return __real_close(fd);
	if (!f) {
		errno = EBADF;
		return -1;
	}
	fd_close(sim_self, f);
	return 0;
}

WRAP(ssize_t, read, int fd, void *to, size_t len)
{
	struct sim_fd *f = fd_get(fd);
	size_t n;

	if (fail_call("read"))
		return -1;
	if (!f) {
		errno = EBADF;
		return -1;
	}
	n = node_read(f->node, f->at, to, len);
	f->at += n;
	return (ssize_t)n;
}

WRAP(ssize_t, pread64, int fd, void *to, size_t len, off_t at)
{
	struct sim_fd *f = fd_get(fd);

	if (fail_call("pread"))
		return -1;
	if (!f) {
		errno = EBADF;
		return -1;
	}
	return (ssize_t)node_read(f->node, (size_t)at, to, len);
}

/* A kill in the middle leaves a part of the data. */
WRAP(ssize_t, write, int fd, const void *from, size_t len)
{
	struct sim_fd *f = fd_get(fd);
	size_t half =
		sim_self && len > 1 && sim_self->kill_in == 1 ? (size_t)sim_rnd((int64_t)len) : 0;
	int errnum;

	if (fd == STDOUT_FILENO || fd == STDERR_FILENO) {
		if (sim.trace > 1)
			fprintf(stderr, "%.*s", (int)len, (const char *)from);
		return (ssize_t)len;
	}
	if (!f) {
		errno = EBADF;
		return -1;
	}
	if (f->flags & O_APPEND)
		f->at = f->node->len;
	if (half && sim.faults)
		node_write(f->node, f->at, from, half);
	errnum = sim_point("write");
	if (errnum) {
		errno = errnum;
		/* a full disk stores as much as fits */
		node_write(f->node, f->at, from, (size_t)sim_rnd((int64_t)len));
		return -1;
	}
	if (f->flags & O_APPEND)
		f->at = f->node->len;
	node_write(f->node, f->at, from, len);
	f->at += len;
	return (ssize_t)len;
}

WRAP(ssize_t, pwrite64, int fd, const void *from, size_t len, off_t at)
{
	struct sim_fd *f = fd_get(fd);

	if (fail_call("pwrite"))
		return -1;
	if (!f) {
		errno = EBADF;
		return -1;
	}
	node_write(f->node, (size_t)at, from, len);
	return (ssize_t)len;
}

WRAP(int, ftruncate64, int fd, off_t len)
{
	struct sim_fd *f = fd_get(fd);

	if (fail_call("ftruncate"))
		return -1;
	grow_file(f->node, (size_t)len);
	f->node->len = (size_t)len;
	f->node->mtime = sim.now;
	return 0;
}

static struct timespec stamp(int64_t t)
{
	int64_t us = t + (int64_t)1700000000 * SEC;

	return (struct timespec){.tv_sec = us / SEC, .tv_nsec = us % SEC * 1000};
}

static int64_t unstamp(struct timespec t)
{
	return (t.tv_sec - (int64_t)1700000000) * SEC + t.tv_nsec / 1000;
}

static void fill_stat(const struct node *n, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_mode = (n->dir ? S_IFDIR : S_IFREG) | n->mode;
	st->st_uid = geteuid();
	st->st_ino = n->number;
	st->st_size = (off_t)n->len;
	st->st_mtim = stamp(n->mtime);
	st->st_ctim = stamp(n->ctime > n->mtime ? n->ctime : n->mtime);
}

static int stat_of(int dirfd, const char *path, struct stat *st)
{
	const struct node *n = find_node(dirfd, path);

	if (!n) {
		errno = ENOENT;
		return -1;
	}
	fill_stat(n, st);
	return 0;
}

WRAP(int, fstat64, int fd, struct stat *st)
{
	struct sim_fd *f = fd_get(fd);

	if (!f) {
		errno = EBADF;
		return -1;
	}
	fill_stat(f->node, st);
	return 0;
}

WRAP(int, stat64, const char *path, struct stat *st)
{
	return fail_call("stat") ? -1 : stat_of(-1, path, st);
}

WRAP(int, fstatat64, int dirfd, const char *path, struct stat *st, int flags)
{
	(void)flags;
	return fail_call("fstatat") ? -1 : stat_of(dirfd, path, st);
}

static int unlink_at(int dirfd, const char *path)
{
	const char *last;
	struct node *dir = find_folder(dirfd, path, &last);
	struct entry *e = dir ? entry_find(dir, last, strlen(last)) : NULL;

	if (!e) {
		errno = ENOENT;
		return -1;
	}
	sim_trace("unlink %s", last);
	entry_remove(dir, e);
	return 0;
}

WRAP(int, unlinkat, int dirfd, const char *path, int flags)
{
	(void)flags;
	return fail_call("unlinkat") ? -1 : unlink_at(dirfd, path);
}

WRAP(int, unlink, const char *path)
{
	return fail_call("unlink") ? -1 : unlink_at(-1, path);
}

WRAP(int, renameat, int fromfd, const char *from, int tofd, const char *to)
{
	const char *flast, *tlast;
	struct node *fdir, *tdir, *n;
	struct entry *e;

	if (fail_call("renameat"))
		return -1;
	fdir = find_folder(fromfd, from, &flast);
	tdir = find_folder(tofd, to, &tlast);
	e = fdir ? entry_find(fdir, flast, strlen(flast)) : NULL;
	if (!e || !tdir) {
		errno = ENOENT;
		return -1;
	}
	n = e->node;
	n->refs++;
	entry_remove(fdir, e);
	e = entry_find(tdir, tlast, strlen(tlast));
	if (e)
		entry_remove(tdir, e);
	entry_add(tdir, tlast, n);
	n->refs--;
	sim_trace("rename %s to %s", flast, tlast);
	/* a network file system may lose the reply, and find no such file at the second request */
	if (sim.faults && sim.k.rename_lies && sim_rnd(1000) < sim.k.rename_lies) {
		sim_trace("and says that there was none");
		errno = ENOENT;
		return -1;
	}
	return 0;
}

static int make_dir(int dirfd, const char *path, unsigned mode)
{
	const char *last;
	struct node *dir = find_folder(dirfd, path, &last);

	if (!dir) {
		errno = ENOENT;
		return -1;
	}
	if (entry_find(dir, last, strlen(last))) {
		errno = EEXIST;
		return -1;
	}
	entry_add(dir, last, node_new(true, mode));
	return 0;
}

WRAP(int, mkdir, const char *path, unsigned mode)
{
	return fail_call("mkdir") ? -1 : make_dir(-1, path, mode);
}

WRAP(int, mkdirat, int dirfd, const char *path, unsigned mode)
{
	return fail_call("mkdirat") ? -1 : make_dir(dirfd, path, mode);
}

WRAP(int, fsync, int fd)
{
	(void)fd;
	return fail_call("fsync") ? -1 : 0;
}

WRAP(int, fdatasync, int fd)
{
	(void)fd;
	return fail_call("fdatasync") ? -1 : 0;
}

WRAP(int, futimens, int fd, const struct timespec *times)
{
	struct sim_fd *f = fd_get(fd);

	if (fail_call("futimens"))
		return -1;
	f->node->mtime = times ? unstamp(times[1]) : sim.now;
	return 0;
}

WRAP(int, fchmodat, int dirfd, const char *path, mode_t mode, int flags)
{
	struct node *n = find_node(dirfd, path);

	(void)flags;
	if (fail_call("fchmodat"))
		return -1;
	if (!n) {
		errno = ENOENT;
		return -1;
	}
	n->mode = mode;
	n->ctime = sim.now;
	return 0;
}

WRAP(int, fcntl64, int fd, int what, struct flock *fl)
{
	struct sim_fd *f = fd_get(fd);

	if (!f || what != F_SETLK || !sim_self) {
		errno = EINVAL;
		return f && what == F_SETLK ? 0 : -1;
	}
	if (fail_call("fcntl"))
		return -1;
	if (fl->l_type == F_UNLCK) {
		if (f->node->locker == sim_self->pid)
			f->node->locker = 0;
		return 0;
	}
	if (f->node->locker && f->node->locker != sim_self->pid) {
		errno = EAGAIN;
		return -1;
	}
	f->node->locker = sim_self->pid;
	return 0;
}

WRAP(void *, mmap64, void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	struct sim_fd *f = fd_get(fd);
	char *p;

	(void)addr;
	(void)prot;
	(void)flags;
	if (fail_call("mmap") || !f)
		return MAP_FAILED;
	p = mem_alloc(len + 1);
	node_read(f->node, (size_t)at, p, len);
	return p;
}

WRAP(int, munmap, void *addr, size_t len)
{
	(void)len;
	free(addr);
	return 0;
}

WRAP(char *, realpath, const char *path, char *to)
{
	(void)to;
	if (fail_call("realpath"))
		return NULL; /* with errno set */
	if (!find_node(-1, path)) {
		errno = ENOENT;
		return NULL;
	}
	return mem_strdup(path);
}

WRAP(FILE *, fopen64, const char *path, const char *mode)
{
	(void)path;
	(void)mode;
	errno = ENOENT;
	return NULL;
}

WRAP(char *, getcwd, char *to, size_t size)
{
	return size > 5 ? strcpy(to, "/sim") : NULL;
}

/* A folder is listed when it is opened: later changes may or may not be in the list. */
struct listing {
	char **names;
	size_t n, at;
	int fd;
	struct dirent de;
};

WRAP(DIR *, fdopendir, int fd)
{
	struct sim_fd *f = fd_get(fd);
	struct listing *l;

	if (fail_call("fdopendir"))
		return NULL;
	if (!f || !f->node->dir) {
		errno = ENOTDIR;
		return NULL;
	}
	l = mem_alloc(sizeof(*l));
	l->fd = fd;
	l->names = mem_alloc((f->node->nentries + 1) * sizeof(*l->names));
	for (size_t i = 0; i < f->node->nentries; i++)
		l->names[l->n++] = mem_strdup(f->node->entries[i].name);
	return (DIR *)l;
}

WRAP(struct dirent *, readdir64, DIR *d)
{
	struct listing *l = (struct listing *)d;

	if (l->at == l->n)
		return NULL;
	if (fail_call("readdir"))
		return NULL;
	snprintf(l->de.d_name, sizeof(l->de.d_name), "%s", l->names[l->at++]);
	return &l->de;
}

WRAP(int, closedir, DIR *d)
{
	struct listing *l = (struct listing *)d;
	struct sim_fd *f = fd_get(l->fd);

	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	if (f)
		fd_close(sim_self, f);
	free(l);
	return 0;
}

/* ---- the VFS of SQLite ---- */

struct vfile {
	sqlite3_file base;
	struct node *node;
	struct sim_proc *owner;
	char *delete_at_close;
	int level;
};

static struct vfile *vf(sqlite3_file *f)
{
	return (struct vfile *)f;
}

static int v_read(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
	size_t n;

	if (sim_point("db read"))
		return SQLITE_IOERR_READ;
	n = node_read(vf(f)->node, (size_t)at, to, (size_t)len);
	if (n == (size_t)len)
		return SQLITE_OK;
	memset((char *)to + n, 0, (size_t)len - n);
	return SQLITE_IOERR_SHORT_READ;
}

static int v_write(sqlite3_file *f, const void *from, int len, sqlite3_int64 at)
{
	size_t half = sim_self && sim.faults && sim_self->kill_in == 1 ? (size_t)sim_rnd(len) : 0;
	int errnum;

	node_write(vf(f)->node, (size_t)at, from, half);
	errnum = sim_point("db write");
	if (errnum)
		return errnum == 28 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	node_write(vf(f)->node, (size_t)at, from, (size_t)len);
	return SQLITE_OK;
}

static int v_truncate(sqlite3_file *f, sqlite3_int64 len)
{
	if (sim_point("db truncate"))
		return SQLITE_IOERR_TRUNCATE;
	grow_file(vf(f)->node, (size_t)len);
	vf(f)->node->len = (size_t)len;
	return SQLITE_OK;
}

static int v_sync(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	return sim_point("db sync") ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int v_size(sqlite3_file *f, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)vf(f)->node->len;
	return SQLITE_OK;
}

/* Returns the highest lock level that other processes hold, and how many hold one. */
static int other_locks(const struct vfile *f, int *count)
{
	int most = SQLITE_LOCK_NONE;

	*count = 0;
	for (size_t i = 0; i < f->node->nholds; i++) {
		const struct hold *h = &f->node->holds[i];

		if (h->handle == f || h->level == SQLITE_LOCK_NONE)
			continue;
		++*count;
		most = h->level > most ? h->level : most;
	}
	return most;
}

static void set_level(struct vfile *f, int level)
{
	struct node *n = f->node;

	f->level = level;
	for (size_t i = 0; i < n->nholds; i++) {
		if (n->holds[i].handle == f) {
			n->holds[i].level = level;
			return;
		}
	}
	n->holds = mem_grow(n->holds, n->nholds + 1, sizeof(*n->holds));
	n->holds[n->nholds++] = (struct hold){.owner = f->owner, .handle = f, .level = level};
}

static int v_lock(sqlite3_file *file, int level)
{
	struct vfile *f = vf(file);
	int most, count;

	if (f->level >= level)
		return SQLITE_OK;
	if (sim_point("db lock"))
		return SQLITE_IOERR_LOCK;
	most = other_locks(f, &count);
	if (level == SQLITE_LOCK_SHARED && most >= SQLITE_LOCK_PENDING)
		return SQLITE_BUSY;
	if (level > SQLITE_LOCK_SHARED && most >= SQLITE_LOCK_RESERVED)
		return SQLITE_BUSY;
	if (level == SQLITE_LOCK_EXCLUSIVE && count) {
		set_level(f, SQLITE_LOCK_PENDING);
		return SQLITE_BUSY;
	}
	set_level(f, level);
	return SQLITE_OK;
}

static int v_unlock(sqlite3_file *f, int level)
{
	if (vf(f)->level > level)
		set_level(vf(f), level);
	return SQLITE_OK;
}

static int v_reserved(sqlite3_file *f, int *out)
{
	int count;

	if (sim_point("db look at locks"))
		return SQLITE_IOERR_CHECKRESERVEDLOCK;
	*out = vf(f)->level >= SQLITE_LOCK_RESERVED ||
	       other_locks(vf(f), &count) >= SQLITE_LOCK_RESERVED;
	return SQLITE_OK;
}

static int v_control(sqlite3_file *f, int op, void *arg)
{
	(void)f;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int v_sector(sqlite3_file *f)
{
	(void)f;
	return 4096;
}

static int v_device(sqlite3_file *f)
{
	(void)f;
	return 0;
}

static int v_close(sqlite3_file *file)
{
	struct vfile *f = vf(file);
	size_t to = 0;

	for (size_t i = 0; i < f->node->nholds; i++)
		if (f->node->holds[i].handle != f)
			f->node->holds[to++] = f->node->holds[i];
	f->node->nholds = to;
	node_drop(f->node);
	return SQLITE_OK;
}

static const sqlite3_io_methods v_methods = {
	.iVersion = 1,
	.xClose = v_close,
	.xRead = v_read,
	.xWrite = v_write,
	.xTruncate = v_truncate,
	.xSync = v_sync,
	.xFileSize = v_size,
	.xLock = v_lock,
	.xUnlock = v_unlock,
	.xCheckReservedLock = v_reserved,
	.xFileControl = v_control,
	.xSectorSize = v_sector,
	.xDeviceCharacteristics = v_device,
};

/* Opens a file. A file without a name is SQLite's temporary file; temp_store=MEMORY needs none. */
static int v_open(sqlite3_vfs *v, const char *path, sqlite3_file *file, int flags, int *out)
{
	const char *last;
	struct node *dir, *n;
	struct vfile *f = vf(file);

	(void)v;
	memset(f, 0, sizeof(*f));
	if (!path || sim_point("db open"))
		return SQLITE_CANTOPEN;
	dir = find_folder(-1, path, &last);
	n = find_node(-1, path);
	if (!dir || (!n && !(flags & SQLITE_OPEN_CREATE)))
		return SQLITE_CANTOPEN;
	if (!n) {
		n = node_new(false, 0600);
		entry_add(dir, last, n);
	}
	f->node = n;
	n->refs++;
	f->owner = sim_self;
	f->base.pMethods = &v_methods;
	set_level(f, SQLITE_LOCK_NONE);
	if (out)
		*out = flags;
	return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *path, int sync)
{
	(void)v;
	(void)sync;
	if (sim_point("db delete"))
		return SQLITE_IOERR_DELETE;
	return unlink_at(-1, path) ? SQLITE_IOERR_DELETE_NOENT : SQLITE_OK;
}

static int v_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
	const struct node *n = find_node(-1, path);

	(void)v;
	/* as unixAccess() does: an empty file counts as missing */
	*out = n && (flags != SQLITE_ACCESS_EXISTS || n->len > 0);
	return SQLITE_OK;
}

static int v_path(sqlite3_vfs *v, const char *path, int size, char *to)
{
	(void)v;
	snprintf(to, (size_t)size, "%s", path);
	return SQLITE_OK;
}

static int v_random(sqlite3_vfs *v, int n, char *to)
{
	(void)v;
	for (int i = 0; i < n; i++)
		to[i] = (char)sim_rnd(256);
	return n;
}

static int v_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	sim_wait(sim.now + us, false);
	return us;
}

static int v_time(sqlite3_vfs *v, double *days)
{
	(void)v;
	*days = 2460000.5 + (double)sim.now / 86400e6;
	return SQLITE_OK;
}

static int v_last(sqlite3_vfs *v, int n, char *text)
{
	(void)v;
	(void)n;
	(void)text;
	return 0;
}

int disk_register_vfs(void)
{
	static sqlite3_vfs vfs = {
		.iVersion = 1,
		.szOsFile = sizeof(struct vfile),
		.mxPathname = 512,
		.zName = "sim",
		.xOpen = v_open,
		.xDelete = v_delete,
		.xAccess = v_access,
		.xFullPathname = v_path,
		.xRandomness = v_random,
		.xSleep = v_sleep,
		.xCurrentTime = v_time,
		.xGetLastError = v_last,
	};

	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_initialize())
		return -1;
	return sqlite3_vfs_register(&vfs, 1);
}
