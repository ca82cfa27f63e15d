/* folder_journal.c - journals, what becomes of them at the end, and sbatch's answers. */
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

int journal_file_open(struct folder *sp, const struct folder_entry *e, struct journal_file *j,
		      struct err *err)
{
	struct stat st;

	memset(j, 0, sizeof(*j));
	j->entry = *e;
	j->fd = openat(sp->folder[FOLDER_RUNNING], e->name,
		       O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0)
		return err_errno(err, ERR_FAILED, "cannot open '%s/running/%s'", sp->path, e->name);
	/* a process may have been killed in the middle of a line */
	j->torn = fstat(j->fd, &st) || st.st_size > 0;
	return 0;
}

static int append_lines(struct journal_file *j, const char *lines, size_t len, bool sync)
{
	/* the rest of a failed append must not join this one's first line, nor count as a whole
	 * line, since a step's key may be cut short. journal_parse() ignores a line that holds a
	 * NUL */
	if (j->torn && folder_write_all(j->fd, "\0\n", 2))
		return -1;
	j->torn = true;
	if (folder_write_all(j->fd, lines, len))
		return -1;
	j->torn = false;
	return sync ? fdatasync(j->fd) : 0;
}

int journal_file_append(struct journal_file *j, const char *lines, size_t len, bool sync,
			struct err *err)
{
	buf_add(&j->text, lines, len);
	if (!append_lines(j, lines, len, sync))
		return 0;
	j->lacks = true;
	return err_errno(err, ERR_FAILED, "cannot write the journal '%s'", j->entry.name);
}

/* Writes the whole text under a new name. Ingesting a record twice changes nothing. */
static int write_new_record(struct folder *sp, struct journal_file *j, struct err *err)
{
	struct folder_entry *e = &j->entry;
	char old[sizeof(e->name)];

	memcpy(old, e->name, sizeof(old));
	e->who.random = clock_random();
	folder_name_won(e->name, sizeof(e->name), e->submission, e->task, &e->who);
	if (folder_put_whole(sp->folder[FOLDER_OUTBOX], e->name, buf_str(&j->text), j->text.len,
			     0600, true)) {
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

void outbox_answer_release(struct outbox_answer *a)
{
	free(a->cluster);
	free(a->text);
	memset(a, 0, sizeof(*a));
}
