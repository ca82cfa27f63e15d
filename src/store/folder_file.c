/* folder_file.c - files of any name below the folder, marks and locks. */
#include "store/folder_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/failpoint.h"

int folder_write_all(int fd, const char *p, size_t len)
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

int folder_put_whole(int fd, const char *name, const void *data, size_t len, unsigned mode,
		     bool durable)
{
	char tmp[40];
	int file, errnum;

	snprintf(tmp, sizeof(tmp), ".tmp-%016" PRIx64, clock_random());
	file = openat(fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (file < 0)
		return -1;
	if (folder_write_all(file, data, len) || (durable && fsync(file))) {
		errnum = errno;
		close(file);
		goto fail;
	}
	FAILPOINT("file-written");
	if (close(file) || renameat(fd, tmp, fd, name)) {
		errnum = errno;
		goto fail;
	}
	FAILPOINT("file-renamed");
	return durable ? fsync(fd) : 0;
fail:
	unlinkat(fd, tmp, 0);
	errno = errnum;
	return -1;
}

/* Opens the folder that holds name, and sets *base to the last part of name. */
static int open_parent(struct folder *sp, const char *name, const char **base)
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

static int write_file(struct folder *sp, const char *name, const void *data, size_t len,
		      unsigned mode, bool durable, struct err *err)
{
	const char *base;
	int fd = open_parent(sp, name, &base), rc = -1;

	if (fd >= 0)
		rc = folder_put_whole(fd, base, data, len, mode, durable);
	if (rc)
		err_errno(err, ERR_FAILED, "cannot write '%s/%s'", sp->path, name);
	if (fd >= 0)
		close(fd);
	return rc ? -1 : 0;
}

int folder_file_put(struct folder *sp, const char *name, const void *data, size_t len,
		    unsigned mode, struct err *err)
{
	return write_file(sp, name, data, len, mode, true, err);
}

int folder_file_put_nosync(struct folder *sp, const char *name, const void *data, size_t len,
			   unsigned mode, struct err *err)
{
	return write_file(sp, name, data, len, mode, false, err);
}

int folder_sync_and_close(int fd)
{
	int rc = fd < 0 ? -1 : fsync(fd), errnum = errno;

	if (fd >= 0)
		close(fd);
	errno = errnum;
	return rc;
}

int folder_file_sync(struct folder *sp, const char *name, struct err *err)
{
	const char *base;

	if (folder_sync_and_close(openat(sp->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) ||
	    folder_sync_and_close(open_parent(sp, name, &base)))
		return err_errno(err, ERR_FAILED, "cannot sync '%s/%s'", sp->path, name);
	return 0;
}

static int read_all(int fd, struct buf *out)
{
	char chunk[65536];
	ssize_t n;

	/* a regular file returns fewer bytes than requested only at its end (read(2)) */
	do {
		n = read(fd, chunk, sizeof(chunk));
		if (n > 0)
			buf_add(out, chunk, (size_t)n);
	} while (n == (ssize_t)sizeof(chunk) || (n < 0 && errno == EINTR));
	return n < 0 ? -1 : 0;
}

int folder_get_whole(struct folder *sp, int dirfd, const char *what, const char *name,
		     struct buf *out, struct err *err)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;

	if (fd < 0 && errno == ENOENT)
		return FOLDER_NONE;
	rc = fd < 0 ? -1 : read_all(fd, out);
	if (rc)
		err_errno(err, ERR_FAILED, "cannot read '%s/%s%s'", sp->path, what, name);
	if (fd >= 0)
		close(fd);
	return rc;
}

int folder_file_get(struct folder *sp, const char *name, struct buf *out, struct err *err)
{
	return folder_get_whole(sp, sp->dir, "", name, out, err);
}

int folder_file_map(struct folder *sp, const char *name, const char **p, size_t *len,
		    struct err *err)
{
	int fd = openat(sp->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	void *map = MAP_FAILED;
	struct stat st;

	*p = NULL;
	*len = 0;
	if (fd < 0 && errno == ENOENT)
		return FOLDER_NONE;
	if (fd >= 0 && !fstat(fd, &st)) {
		if (!st.st_size) {
			close(fd);
			return 0;
		}
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (map == MAP_FAILED)
		err_errno(err, ERR_FAILED, "cannot read '%s/%s'", sp->path, name);
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED)
		return -1;
	*p = map;
	*len = (size_t)st.st_size;
	return 0;
}

void folder_unmap(const char *p, size_t len)
{
	if (len)
		munmap((void *)(uintptr_t)p, len);
}

int folder_file_names(struct folder *sp, const char *folder, struct strs *names, struct err *err)
{
	int fd = openat(sp->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	int rc = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, ERR_FAILED, "cannot list the folder '%s/%s'", sp->path,
				 folder);
	}
	while (errno = 0, (de = readdir(d)))
		if (de->d_name[0] != '.')
			strs_add(names, de->d_name);
	if (errno)
		rc = err_errno(err, ERR_FAILED, "cannot list the folder '%s/%s'", sp->path, folder);
	closedir(d);
	return rc;
}

int folder_file_remove(struct folder *sp, const char *name, struct err *err)
{
	if (unlinkat(sp->dir, name, 0) && errno != ENOENT)
		return err_errno(err, ERR_FAILED, "cannot remove '%s/%s'", sp->path, name);
	return 0;
}

int folder_file_rename(struct folder *sp, const char *from, const char *to, struct err *err)
{
	if (renameat(sp->dir, from, sp->dir, to) || fsync(sp->dir))
		return err_errno(err, ERR_FAILED, "cannot rename '%s/%s' to '%s'", sp->path, from,
				 to);
	return 0;
}

bool folder_file_exists(struct folder *sp, const char *name)
{
	struct stat st;

	return !fstatat(sp->dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

int64_t folder_now_ms(struct folder *sp)
{
	int64_t now;

	return folder_touch(sp->dir, &now) ? -1 : now;
}

static int64_t convert_to_ms(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Sets *age by the file server's clock; it is negative if that clock was set back. */
static int compute_file_age(struct folder *sp, const char *name, int64_t *age)
{
	struct stat st;
	int64_t now;

	if (fstatat(sp->dir, name, &st, AT_SYMLINK_NOFOLLOW) || folder_touch(sp->dir, &now))
		return -1;
	*age = now - convert_to_ms(st.st_mtim);
	return 0;
}

int folder_file_ages(struct folder *sp, const char *folder, struct strs *names, int64_t **ages,
		     struct err *err)
{
	int64_t now;
	size_t n = 0;

	*ages = NULL;
	if (folder_file_names(sp, folder, names, err))
		return -1;
	if (!names->n)
		return 0;
	if (folder_touch(sp->dir, &now))
		return err_errno(err, ERR_FAILED, "cannot create a file in '%s'", sp->path);
	*ages = mem_alloc(names->n * sizeof(**ages));
	for (size_t i = 0; i < names->n; i++) {
		char *name = names->v[i], *path = mem_printf("%s/%s", folder, name);
		struct stat st;

		if (!fstatat(sp->dir, path, &st, AT_SYMLINK_NOFOLLOW)) {
			(*ages)[n] = now - convert_to_ms(st.st_mtim);
			names->v[n++] = name;
		} else { /* removed since */
			free(name);
		}
		free(path);
	}
	names->n = n;
	return 0;
}

int64_t folder_file_age(struct folder *sp, const char *name)
{
	int64_t age;

	if (compute_file_age(sp, name, &age))
		return -1;
	return age > 0 ? age : 0;
}

static void remove_stale_files(int fd, int64_t now)
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

void folder_remove_stale(struct folder *sp)
{
	static const char *const folders[] = {".",	 "claims",    "running", "outbox",
					      "revoked", "manifests", "env",	 "bin"};
	int64_t now = folder_now_ms(sp);

	for (size_t i = 0; now >= 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		remove_stale_files(openat(sp->dir, folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				   now);
}

int folder_make_subfolder(struct folder *sp, const char *name, struct err *err)
{
	char *path = mem_strdup(name), *p = path;
	int rc = 0;

	while (p && !rc) {
		p = strchr(p, '/');
		if (p)
			*p = '\0';
		if (mkdirat(sp->dir, path, 0700) && errno != EEXIST)
			rc = err_errno(err, ERR_FAILED, "cannot create the folder '%s/%s'",
				       sp->path, path);
		if (p)
			*p++ = '/';
	}
	free(path);
	return rc;
}

/* ---- marks and locks ---- */

void folder_mark_aged(struct folder *sp, const char *name, int64_t age_ms)
{
	int fd = openat(sp->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}};
	struct stat st;

	if (fd < 0)
		return;
	if (!futimens(fd, NULL) && age_ms > 0 && !fstat(fd, &st)) {
		int64_t ms = convert_to_ms(st.st_mtim) - age_ms;

		t[1] = (struct timespec){.tv_sec = (time_t)(ms / 1000),
					 .tv_nsec = ms % 1000 * 1000000};
		futimens(fd, t);
	}
	close(fd);
}

void folder_mark(struct folder *sp, const char *name)
{
	folder_mark_aged(sp, name, 0);
}

void folder_unmark(struct folder *sp, const char *name)
{
	unlinkat(sp->dir, name, 0);
}

int64_t folder_mark_age(struct folder *sp, const char *name)
{
	int64_t age;

	if (compute_file_age(sp, name, &age))
		return -1;
	if (age < -1000) /* clocks of two kinds are some ms apart */
		return -1;
	return age > 0 ? age : 0;
}

int folder_lock(struct folder *sp, const char *name, int *fd, struct err *err)
{
	*fd = openat(sp->dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return err_errno(err, ERR_FAILED, "cannot open '%s/%s'", sp->path, name);
	if (!folder_lock_fd(*fd))
		return 0;
	if (errno == EACCES || errno == EAGAIN) {
		close(*fd);
		*fd = -1;
		return FOLDER_BUSY;
	}
	err_errno(err, ERR_FAILED, "cannot lock '%s/%s'", sp->path, name);
	close(*fd);
	*fd = -1;
	return -1;
}

void folder_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}
