/* folder_journal.c - journals, their move to the outbox, and sbatch's answers. */
#include "store/folder_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/failpoint.h"

enum {
	OWN_LOCK_MS = 2000, /* then the supervisor appends without the lock */
	RECORD_LOCK_MS = 10000,
};

int journal_file_open(struct folder *sp, const struct folder_entry *e, struct journal_file *j,
		      struct err *err)
{
	memset(j, 0, sizeof(*j));
	j->entry = *e;
	j->fd = openat(sp->folder[FOLDER_RUNNING], e->name,
		       O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0)
		return err_errno(err, ERR_FAILED, "cannot open '%s/running/%s'", sp->path, e->name);
	return 0;
}

/* Locks a journal. Several processes append to it, and on NFS only a lock makes O_APPEND atomic
 * between hosts (open(2)). Returns 0, or -1 with errno: EAGAIN or EACCES after ms. */
static int lock_journal(int fd, int64_t ms)
{
	int64_t deadline = clock_mono_ms() + ms;

	while (folder_lock_fd(fd)) {
		if ((errno != EAGAIN && errno != EACCES) || clock_mono_ms() >= deadline)
			return -1;
		clock_sleep_ms(1 + (int64_t)(clock_random() % 4));
	}
	return 0;
}

static void unlock_journal(int fd)
{
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	int errnum = errno;

	fcntl(fd, F_SETLK, &l);
	errno = errnum;
}

/* Returns whether the file may end in the middle of a line: an append failed, or its process was
 * killed. */
static bool ends_torn(int fd)
{
	struct stat st;
	char last;

	if (fstat(fd, &st))
		return true;
	return st.st_size && (pread(fd, &last, 1, st.st_size - 1) != 1 || last != '\n');
}

static int append_lines(int fd, const char *lines, size_t len)
{
	/* the rest of a failed append must not join this append's first line, nor count as a whole
	 * line, since a step's key may be cut short. journal_parse() ignores a line that holds a
	 * NUL */
	if (ends_torn(fd) && folder_write_all(fd, "\0\n", 2))
		return -1;
	return folder_write_all(fd, lines, len);
}

int journal_file_append(struct journal_file *j, const char *lines, size_t len, bool sync,
			struct err *err)
{
	bool locked = !lock_journal(j->fd, OWN_LOCK_MS);
	int rc = append_lines(j->fd, lines, len);

	if (locked)
		unlock_journal(j->fd);
	buf_add(&j->text, lines, len);
	if (!rc && (!sync || !fdatasync(j->fd)))
		return 0;
	j->lacks = true;
	return err_errno(err, ERR_FAILED, "cannot write the journal '%s'", j->entry.name);
}

/* Adds what the file holds, if it can be read: other processes have recorded results in it. */
static void add_file_text(int fd, struct buf *out)
{
	char chunk[16384];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		buf_add(out, chunk, (size_t)n);
		at += n;
	}
	if (out->len && out->s[out->len - 1] != '\n')
		buf_add(out, "\0\n", 2); /* as append_lines() does */
}

/* Writes the whole text under a new name. Ingesting a record twice changes nothing. */
static int write_new_record(struct folder *sp, struct journal_file *j, struct err *err)
{
	struct folder_entry *e = &j->entry;
	struct buf text = {0};
	char old[sizeof(e->name)];
	int rc;

	add_file_text(j->fd, &text);
	buf_add(&text, buf_str(&j->text), j->text.len);
	memcpy(old, e->name, sizeof(old));
	e->who.random = clock_random();
	folder_name_won(e->name, sizeof(e->name), e->submission, e->task, &e->who);
	rc = folder_put_whole(sp->folder[FOLDER_OUTBOX], e->name, text.s, text.len, 0600, true);
	buf_release(&text);
	if (rc) {
		err_errno(err, ERR_FAILED, "cannot write '%s/outbox/%s'", sp->path, e->name);
		memcpy(e->name, old, sizeof(old));
		return -1;
	}
	unlinkat(sp->folder[FOLDER_RUNNING], old, 0);
	return 0;
}

int journal_file_move(struct folder *sp, struct journal_file *j, struct err *err)
{
	if (!renameat(sp->folder[FOLDER_RUNNING], j->entry.name, sp->folder[FOLDER_OUTBOX],
		      j->entry.name) ||
	    errno == ENOENT)
		return folder_sync_part(sp, sp->folder[FOLDER_OUTBOX], "outbox", err);
	return err_errno(err, ERR_FAILED, "cannot move '%s/running/%s' to outbox/", sp->path,
			 j->entry.name);
}

int journal_file_post(struct folder *sp, struct journal_file *j, struct err *err)
{
	struct folder_entry *e = &j->entry;

	sp->changed = true;
	if (j->lacks)
		return write_new_record(sp, j, err);
	if (!renameat(sp->folder[FOLDER_RUNNING], e->name, sp->folder[FOLDER_OUTBOX], e->name))
		return 0;
	if (errno != ENOENT)
		return err_errno(err, ERR_FAILED, "cannot move '%s/running/%s' to outbox/",
				 sp->path, e->name);
	/* A twin moved the file, or the reply to this rename was lost. The process that ingests
	 * may have read the file before its last line was written. */
	return write_new_record(sp, j, err);
}

/* Returns whether path still leads to the open file. */
static bool is_at(int fd, const char *path)
{
	struct stat open_file, named;

	return !fstat(fd, &open_file) && !stat(path, &named) && open_file.st_dev == named.st_dev &&
	       open_file.st_ino == named.st_ino;
}

static int refuse_long_journal(const char *path, struct err *err)
{
	return err_set(
		err, ERR_FAILED,
		"the attempt has recorded %d MiB ('%s'), which is the most: record a value less "
		"often, since the last one counts",
		JOURNAL_RECORD_MOST >> 20, path);
}

static int append_record(int fd, const char *path, const char *lines, size_t len, struct err *err)
{
	struct stat st;

	if (!is_at(fd, path))
		return FOLDER_NONE;
	if (!fstat(fd, &st) && st.st_size > JOURNAL_RECORD_MOST)
		return refuse_long_journal(path, err);
	if (append_lines(fd, lines, len))
		return err_errno(err, ERR_FAILED, "cannot write '%s'", path);
	FAILPOINT("result-recorded");
	/* a process that moved the file meanwhile may have read it before */
	return is_at(fd, path) ? 0 : FOLDER_NONE;
}

int journal_record(const char *path, const char *lines, size_t len, struct err *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW), rc;

	if (fd < 0)
		return errno == ENOENT ? FOLDER_NONE
				       : err_errno(err, ERR_FAILED, "cannot open '%s'", path);
	if (!lock_journal(fd, RECORD_LOCK_MS))
		rc = append_record(fd, path, lines, len, err);
	else
		rc = err_errno(err, errno == EAGAIN || errno == EACCES ? ERR_AGAIN : ERR_FAILED,
			       "cannot lock '%s'", path);
	/* the server of a network file system may report a full disk only here (close(2)) */
	if (close(fd) && !rc)
		rc = err_errno(err, ERR_FAILED, "cannot write '%s'", path);
	return rc;
}

/* Converts a text to part of a name, with ',' for blanks and ';' for newlines. Returns false if
 * the text does not fit or holds other characters than letters, digits, '.', '_' and '-'. */
static bool pack_name(const char *text, size_t len, char *out, size_t size)
{
	if (!len || len >= size || text[len - 1] != '\n')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\n')
			c = ';';
		else if (c == ' ')
			c = ',';
		else if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
			 !(c >= 'a' && c <= 'z') && !strchr("._-", c))
			return false;
		out[i] = c;
	}
	out[len] = '\0';
	return strlen(out) == len;
}

static void unpack_name(const char *in, struct buf *out)
{
	for (; *in; in++)
		buf_addch(out, *in == ';' ? '\n' : *in == ',' ? ' ' : *in);
}

void outbox_pack(struct folder *sp, char *name)
{
	char packed[FOLDER_NAME_SIZE];
	size_t n = strlen(name);
	struct buf text = {0};

	if (!strchr(name, ';') && n + 1 < sizeof(packed) &&
	    !folder_get_whole(sp, sp->folder[FOLDER_OUTBOX], "outbox/", name, &text, NULL)) {
		memcpy(packed, name, n);
		packed[n] = ';';
		/* an error of rename does not prove that it failed (folder.h) */
		if (pack_name(buf_str(&text), text.len, packed + n + 1, sizeof(packed) - n - 1) &&
		    (!renameat(sp->folder[FOLDER_OUTBOX], name, sp->folder[FOLDER_OUTBOX],
			       packed) ||
		     folder_check_file(sp, FOLDER_OUTBOX, packed, NULL) == 0))
			memcpy(name, packed, sizeof(packed));
		FAILPOINT("event-packed");
	}
	buf_release(&text);
}

int outbox_sync(struct folder *sp, const char *name, struct err *err)
{
	if (strchr(name, ';'))
		return folder_sync_part(sp, sp->folder[FOLDER_OUTBOX], "outbox", err);
	if (!folder_sync_and_close(
		    openat(sp->folder[FOLDER_OUTBOX], name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)))
		return folder_sync_part(sp, sp->folder[FOLDER_OUTBOX], "outbox", err);
	return errno == ENOENT
		       ? 0
		       : err_errno(err, ERR_FAILED, "cannot sync '%s/outbox/%s'", sp->path, name);
}

void journal_file_close(struct journal_file *j)
{
	if (j->fd >= 0)
		close(j->fd);
	buf_release(&j->text);
	memset(j, 0, sizeof(*j));
	j->fd = -1;
}

int journal_file_read(struct folder *sp, enum folder_part folder, const char *name,
		      struct journal *out, struct err *err)
{
	struct buf text = {0};
	char *what = mem_printf("%s/", folder_part_names[folder]);
	const char *says = strchr(name, ';');
	int rc = 0;

	if (says)
		unpack_name(says + 1, &text);
	else
		rc = folder_get_whole(sp, sp->folder[folder], what, name, &text, err);
	memset(out, 0, sizeof(*out));
	if (!rc)
		journal_parse(buf_str(&text), text.len, out);
	buf_release(&text);
	free(what);
	return rc;
}

int outbox_answer_post(struct folder *sp, uint64_t submission, const struct outbox_answer *a,
		       bool durable, struct err *err)
{
	struct buf b = {0};
	char name[40];
	int rc = 0;

	buf_addf(&b, "answer %d %" PRIu64 " %s\n%s", a->answer, a->slurm_job,
		 a->cluster ? a->cluster : "-", a->text ? a->text : "");
	folder_name_answer(name, sizeof(name), submission);
	sp->changed = true;
	if (folder_put_whole(sp->folder[FOLDER_OUTBOX], name, buf_str(&b), b.len, 0600, durable))
		rc = err_errno(err, ERR_FAILED, "cannot write '%s/outbox/%s'", sp->path, name);
	buf_release(&b);
	return rc;
}

int outbox_answer_read(struct folder *sp, uint64_t submission, struct outbox_answer *a,
		       struct err *err)
{
	struct buf b = {0};
	char name[40], cluster[65];
	int rc, end = 0;

	memset(a, 0, sizeof(*a));
	folder_name_answer(name, sizeof(name), submission);
	rc = folder_get_whole(sp, sp->folder[FOLDER_OUTBOX], "outbox/", name, &b, err);
	if (!rc) {
		const char *nl = strchr(buf_str(&b), '\n');

		if (!nl || sscanf(buf_str(&b), "answer %d %" SCNu64 " %64s%n", &a->answer,
				  &a->slurm_job, cluster, &end) != 3) {
			a->answer = 0; /* not the form that slurmq writes: treat it as no answer */
		} else {
			if (strcmp(cluster, "-") != 0)
				a->cluster = mem_strdup(cluster);
			a->text = mem_strdup(nl + 1);
		}
	}
	buf_release(&b);
	return rc;
}

void outbox_answer_release(struct outbox_answer *a)
{
	free(a->cluster);
	free(a->text);
	memset(a, 0, sizeof(*a));
}
