#include "lib/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/clock.h"

/* Replaces the \ooo that mountinfo writes for a space, tab, newline or backslash. */
static void unescape_path(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

static int is_path_below(const char *point, const char *path)
{
	size_t n = strlen(point);

	if (!strcmp(point, "/"))
		return path[0] == '/';
	return !strncmp(point, path, n) && (path[n] == '/' || !path[n]);
}

/* Parses a line of mountinfo:
 * 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static int parse_mount_line(char *line, struct fs_mount *m)
{
	char *word[7], *save = NULL, *rest = strstr(line, " - ");
	char *type, *opts;

	if (!rest)
		return -1;
	*rest = '\0';
	for (int i = 0; i < 6; i++) {
		word[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!word[i])
			return -1;
	}
	type = strtok_r(rest + 3, " ", &save);
	if (!type || !strtok_r(NULL, " ", &save))
		return -1;
	opts = strtok_r(NULL, " ", &save);
	m->point = mem_strdup(word[4]);
	unescape_path(m->point);
	m->type = mem_strdup(type);
	m->options = mem_printf("%s,%s", word[5], opts ? opts : "");
	return 0;
}

void fs_mount_release(struct fs_mount *m)
{
	free(m->point);
	free(m->type);
	free(m->options);
	memset(m, 0, sizeof(*m));
}

int fs_mount_find(const char *mountinfo, const char *path, struct fs_mount *out)
{
	char *copy = mem_strdup(mountinfo), *save = NULL;

	memset(out, 0, sizeof(*out));
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct fs_mount m = {0};

		if (parse_mount_line(line, &m))
			continue;
		if (is_path_below(m.point, path) &&
		    (!out->point || strlen(m.point) >= strlen(out->point))) {
			fs_mount_release(out);
			*out = m;
		} else {
			fs_mount_release(&m);
		}
	}
	free(copy);
	return out->point ? 0 : -1;
}

static int has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options; (p = strstr(p, name)); p += n)
		if ((p == options || p[-1] == ',') && (!p[n] || p[n] == ','))
			return 1;
	return 0;
}

const char *fs_mount_objection(const struct fs_mount *m)
{
	if (has_option(m->options, "localflock"))
		return "it is mounted with 'localflock': locks hold on one host only";
	if (has_option(m->options, "noflock"))
		return "it is mounted with 'noflock': it has no locks";
	if (has_option(m->options, "nolock"))
		return "it is mounted with 'nolock': locks hold on one host only";
	if (has_option(m->options, "local_lock=posix") || has_option(m->options, "local_lock=all"))
		return "it is mounted with 'local_lock': locks hold on one host only";
	return NULL;
}

static char *read_mountinfo(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct buf b = {0};
	char chunk[4096];
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(chunk, 1, sizeof(chunk), f)))
		buf_add(&b, chunk, n);
	fclose(f);
	return buf_take(&b);
}

int fs_mount_of(const char *path, struct fs_mount *out)
{
	char *info = read_mountinfo();
	int rc = info ? fs_mount_find(info, path, out) : -1;

	free(info);
	return rc;
}

int fs_space(const char *dir, struct fs_space *out, struct err *err)
{
	struct statvfs st;

	if (statvfs(dir, &st))
		return err_errno(err, ERR_FAILED, "cannot read the free space of '%s'", dir);
	out->bytes = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
	out->files = st.f_files ? (int64_t)st.f_favail : -1;
	return 0;
}

/* Locks a new file twice. Returns 0 if the second lock is refused, 1 if it is not, or -1 with
 * errno. */
static int lock_twice(const char *path)
{
	struct flock a = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1}, b = a;
	int one = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int two = one < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
	int rc = -1;

	if (two >= 0 && !fcntl(one, F_SETLK, &a)) {
		rc = fcntl(two, F_OFD_SETLK, &b) ? 0 : 1;
		/* a kernel without open file description locks: the test proves nothing */
		if (!rc && errno == EINVAL)
			errno = 0;
	}
	if (two >= 0)
		close(two);
	if (one >= 0) {
		int errnum = errno;

		close(one);
		unlink(path);
		errno = errnum;
	}
	return rc;
}

int fs_check_locks(const char *dir, struct err *err)
{
	static const char way_out[] =
		"use a folder on another file system, or make '.slurmq' a file of one line that names such a folder";
	const char *objection = NULL;
	struct fs_mount m;
	char *path;
	int rc;

	if (!fs_mount_of(dir, &m)) {
		objection = fs_mount_objection(&m);
		if (objection)
			err_set(err, ERR_FAILED,
				"cannot use the file system of '%s' (%s on %s): %s; %s", dir,
				m.type, m.point, objection, way_out);
		fs_mount_release(&m);
	}
	if (objection)
		return -1;
	path = mem_printf("%s/.lock-%016" PRIx64, dir, clock_random());
	rc = lock_twice(path);
	if (rc < 0)
		err_errno(err, ERR_FAILED, "cannot lock a file in '%s' (%s)", dir, way_out);
	else if (rc > 0)
		err_set(err, ERR_FAILED,
			"cannot use '%s': a second process can lock a file that is locked already; %s",
			dir, way_out);
	free(path);
	return rc ? -1 : 0;
}
