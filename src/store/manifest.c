/*
 * manifest.c - reads and writes manifests, the files manifests/T.
 *
 *   slurmq-manifest 1 SIZE NTASKS NSHARED     a line of fixed width; SIZE is that of the whole file
 *   OFFSET LENGTH                           a line for the head, each task, each shared word
 *   records                                 fields "tag LENGTH:bytes\n"; tag in upper case: bytes is
 *                                           the number of a shared word
 */
#include "store/manifest.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

#define FIRST_FORMAT "slurmq-manifest 1 %012" PRIu64 " %08zu %08zu\n"
#define FIRST_LEN (18 + 12 + 1 + 8 + 1 + 8 + 1)
#define INDEX_FORMAT "%012" PRIu64 " %012" PRIu64 "\n"
#define INDEX_LEN (12 + 1 + 12 + 1)

enum { SHARE_FROM = 100 }; /* shorter words are not shared */

/* ---- writing ---- */

static void put_field(struct buf *b, const char *tag, const char *value, size_t len)
{
	buf_addf(b, "%s %zu:", tag, len);
	buf_add(b, value, len);
	buf_addch(b, '\n');
}

static void put_str(struct buf *b, const char *tag, const char *value)
{
	if (value)
		put_field(b, tag, value, strlen(value));
}

static void put_int(struct buf *b, const char *tag, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	put_str(b, tag, text);
}

static void put_word(struct manifest_writer *w, struct buf *b, const char *tag, const char *word)
{
	char up[16];
	size_t i;

	if (strlen(word) < SHARE_FROM) {
		put_str(b, tag, word);
		return;
	}
	/* a linear search is enough: a sweep has few distinct scripts */
	for (i = w->shared.n; i > 0 && strcmp(w->shared.v[i - 1], word) != 0; i--)
		;
	if (!i) {
		if (w->shared.n >= 64) {
			put_str(b, tag, word);
			return;
		}
		strs_add(&w->shared, word);
		i = w->shared.n;
	}
	for (size_t c = 0; c <= strlen(tag) && c < sizeof(up); c++)
		up[c] = (char)toupper((unsigned char)tag[c]);
	put_int(b, up, (int64_t)i - 1);
}

static void put_list(struct manifest_writer *w, struct buf *b, const char *tag,
		     const struct strs *list)
{
	for (size_t i = 0; i < list->n; i++)
		put_word(w, b, tag, list->v[i]);
}

static int compare_texts(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

static bool list_contains(const struct strs *sorted, const char *key)
{
	return sorted && sorted->n &&
	       bsearch(key, sorted->v, sorted->n, sizeof(*sorted->v), compare_texts);
}

void manifest_add(struct manifest_writer *w, int64_t job, int64_t attempt, int64_t number,
		  const struct sweep_point *point, const struct plan *plan, const struct strs *done)
{
	struct buf b = {0};
	size_t len;

	put_int(&b, "job", job);
	put_int(&b, "attempt", attempt);
	put_int(&b, "number", number);
	put_str(&b, "title", plan->title);
	for (size_t i = 0; i < point->n; i++) {
		char *pair = mem_printf("%s=%s", point->params[i].name, point->params[i].value);

		put_str(&b, "param", pair);
		free(pair);
	}
	put_list(w, &b, "env", &plan->script_env);
	put_list(w, &b, "env", &plan->env);
	for (size_t i = 0; i < plan->nsteps; i++) {
		const struct plan_step *s = &plan->steps[i];

		put_str(&b, "step", s->name);
		put_str(&b, "key", s->key);
		put_int(&b, "onfail", s->on_fail);
		put_int(&b, "done", list_contains(done, s->key));
		put_list(w, &b, "arg", &s->argv);
		put_list(w, &b, "var", &s->vars);
		put_list(w, &b, "sparam", &s->params);
		put_list(w, &b, "need", &s->needs);
	}
	len = b.len;
	w->lens = mem_grow(w->lens, w->tasks.n + 1, sizeof(*w->lens));
	w->lens[w->tasks.n] = len;
	strs_take(&w->tasks, buf_take(&b));
}

void manifest_writer_release(struct manifest_writer *w)
{
	strs_release(&w->tasks);
	strs_release(&w->shared);
	free(w->lens);
	memset(w, 0, sizeof(*w));
}

void manifest_encode(const struct manifest_writer *w, const struct manifest_head *head,
		     struct buf *out)
{
	struct buf h = {0};
	uint64_t at, size;

	put_str(&h, "sweep", head->sweep);
	put_int(&h, "version", head->version);
	put_int(&h, "killwait", head->kill_wait_s);
	if (head->notice_s)
		put_int(&h, "notice", head->notice_s);
	put_int(&h, "chained", head->chained);
	put_str(&h, "chdir", head->chdir);
	put_str(&h, "checkpoint", head->checkpoint);
	put_str(&h, "setup", head->setup);
	put_str(&h, "script", head->script);
	at = FIRST_LEN + (uint64_t)INDEX_LEN * (1 + w->tasks.n + w->shared.n);
	size = at + h.len;
	for (size_t i = 0; i < w->tasks.n; i++)
		size += w->lens[i];
	for (size_t i = 0; i < w->shared.n; i++)
		size += strlen(w->shared.v[i]);
	buf_addf(out, FIRST_FORMAT, size, w->tasks.n, w->shared.n);
	buf_addf(out, INDEX_FORMAT, at, (uint64_t)h.len);
	at += h.len;
	for (size_t i = 0; i < w->tasks.n; i++) {
		buf_addf(out, INDEX_FORMAT, at, (uint64_t)w->lens[i]);
		at += w->lens[i];
	}
	for (size_t i = 0; i < w->shared.n; i++) {
		buf_addf(out, INDEX_FORMAT, at, (uint64_t)strlen(w->shared.v[i]));
		at += strlen(w->shared.v[i]);
	}
	buf_add(out, buf_str(&h), h.len);
	for (size_t i = 0; i < w->tasks.n; i++)
		buf_add(out, w->tasks.v[i], w->lens[i]);
	for (size_t i = 0; i < w->shared.n; i++)
		buf_addstr(out, w->shared.v[i]);
	buf_release(&h);
}

static char *manifest_path(uint64_t submission)
{
	return mem_printf("manifests/%016" PRIx64, submission);
}

int manifest_write(struct folder *sp, uint64_t submission, const struct manifest_writer *w,
		   const struct manifest_head *head, struct err *err)
{
	struct buf b = {0};
	char *path = manifest_path(submission);
	int rc;

	manifest_encode(w, head, &b);
	rc = folder_file_put_nosync(sp, path, buf_str(&b), b.len, 0600, err);
	buf_release(&b);
	free(path);
	return rc;
}

int manifest_sync(struct folder *sp, uint64_t submission, struct err *err)
{
	char *path = manifest_path(submission);
	int rc = folder_file_sync(sp, path, err);

	free(path);
	return rc;
}

int manifest_remove(struct folder *sp, uint64_t submission, struct err *err)
{
	char *path = manifest_path(submission);
	int rc = folder_file_remove(sp, path, err);

	free(path);
	return rc;
}

int64_t manifest_age(struct folder *sp, uint64_t submission)
{
	char *path = manifest_path(submission);
	int64_t age = folder_file_age(sp, path);

	free(path);
	return age;
}

int manifest_name_parse(const char *text, uint64_t *submission)
{
	if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return -1;
	*submission = strtoull(text, NULL, 16);
	return 0;
}

/* ---- reading ---- */

/* A record whose fields are read in order. */
struct reader {
	const char *file; /* the whole manifest */
	size_t len;
	size_t ntasks, nshared;
};

struct field {
	char tag[16];
	const char *value;
	size_t len;
};

static int find_record(const struct reader *r, size_t index, const char **p, size_t *len)
{
	char line[INDEX_LEN + 1] = "";
	uint64_t off, n;

	memcpy(line, r->file + FIRST_LEN + INDEX_LEN * index, INDEX_LEN);
	if (sscanf(line, "%12" SCNu64 " %12" SCNu64, &off, &n) != 2 || off > r->len ||
	    n > r->len - off)
		return -1;
	*p = r->file + off;
	*len = (size_t)n;
	return 0;
}

/* Reads the next field. Returns 1, or 0 at the end, or -1 if the record is damaged. */
static int next_field(const struct reader *r, const char **p, size_t *len, struct field *f)
{
	const char *sp, *colon;
	char *end;
	size_t n, taglen;

	if (!*len)
		return 0;
	sp = memchr(*p, ' ', *len);
	colon = memchr(*p, ':', *len);
	if (!sp || !colon || sp > colon || (taglen = (size_t)(sp - *p)) >= sizeof(f->tag))
		return -1;
	memcpy(f->tag, *p, taglen);
	f->tag[taglen] = '\0';
	n = strtoull(sp + 1, &end, 10); /* ends at the colon at the latest */
	*len -= (size_t)(colon + 1 - *p);
	if (end != colon || n >= *len || colon[1 + n] != '\n')
		return -1;
	f->value = colon + 1;
	f->len = n;
	*p = colon + 1 + n + 1;
	*len -= n + 1;
	if (isupper((unsigned char)f->tag[0])) {
		size_t i = strtoull(f->value, NULL, 10); /* a newline ends it */

		if (i >= r->nshared || find_record(r, 1 + r->ntasks + i, &f->value, &f->len))
			return -1;
		for (char *c = f->tag; *c; c++)
			*c = (char)tolower((unsigned char)*c);
	}
	return 1;
}

static char *copy_text(const struct field *f)
{
	return mem_strndup(f->value, f->len);
}

static int64_t parse_int(const struct field *f)
{
	char *s = copy_text(f);
	int64_t v = strtoll(s, NULL, 10);

	free(s);
	return v;
}

static int read_head(const struct reader *r, struct manifest_head *h)
{
	const char *p;
	struct field f;
	size_t len;
	int rc;

	if (find_record(r, 0, &p, &len))
		return -1;
	while ((rc = next_field(r, &p, &len, &f)) == 1) {
		if (!strcmp(f.tag, "sweep") && !h->sweep)
			h->sweep = copy_text(&f);
		else if (!strcmp(f.tag, "version"))
			h->version = parse_int(&f);
		else if (!strcmp(f.tag, "chained"))
			h->chained = parse_int(&f) != 0;
		else if (!strcmp(f.tag, "killwait"))
			h->kill_wait_s = parse_int(&f);
		else if (!strcmp(f.tag, "notice"))
			h->notice_s = parse_int(&f);
		else if (!strcmp(f.tag, "chdir") && !h->chdir)
			h->chdir = copy_text(&f);
		else if (!strcmp(f.tag, "checkpoint") && !h->checkpoint)
			h->checkpoint = copy_text(&f);
		else if (!strcmp(f.tag, "setup") && !h->setup)
			h->setup = copy_text(&f);
		else if (!strcmp(f.tag, "script") && !h->script)
			h->script = copy_text(&f);
	}
	return rc;
}

static void read_step_field(struct manifest_step *s, const struct field *f)
{
	if (!strcmp(f->tag, "key") && !s->key)
		s->key = copy_text(f);
	else if (!strcmp(f->tag, "onfail"))
		s->on_fail = (int)parse_int(f);
	else if (!strcmp(f->tag, "done"))
		s->done = parse_int(f) != 0;
	else if (!strcmp(f->tag, "arg"))
		strs_take(&s->argv, copy_text(f));
	else if (!strcmp(f->tag, "var"))
		strs_take(&s->vars, copy_text(f));
	else if (!strcmp(f->tag, "sparam"))
		strs_take(&s->params, copy_text(f));
	else if (!strcmp(f->tag, "need"))
		strs_take(&s->needs, copy_text(f));
}

static int read_task(const struct reader *r, int task, struct manifest_task *t)
{
	const char *p;
	struct field f;
	size_t len;
	int rc;

	if (find_record(r, 1 + (size_t)task, &p, &len))
		return -1;
	while ((rc = next_field(r, &p, &len, &f)) == 1) {
		if (!strcmp(f.tag, "step")) {
			t->steps = mem_grow(t->steps, t->nsteps + 1, sizeof(*t->steps));
			memset(&t->steps[t->nsteps], 0, sizeof(*t->steps));
			t->steps[t->nsteps++].name = copy_text(&f);
		} else if (t->nsteps) {
			read_step_field(&t->steps[t->nsteps - 1], &f);
		} else if (!strcmp(f.tag, "job")) {
			t->job = parse_int(&f);
		} else if (!strcmp(f.tag, "attempt")) {
			t->attempt = parse_int(&f);
		} else if (!strcmp(f.tag, "number")) {
			t->number = parse_int(&f);
		} else if (!strcmp(f.tag, "title") && !t->title) {
			t->title = copy_text(&f);
		} else if (!strcmp(f.tag, "param")) {
			strs_take(&t->params, copy_text(&f));
		} else if (!strcmp(f.tag, "env")) {
			strs_take(&t->env, copy_text(&f));
		}
	}
	for (size_t i = 0; i < t->nsteps; i++)
		if (!t->steps[i].key)
			return -1;
	return rc;
}

/* Reads the first line. Returns 0 if the file is whole, 1 if it may still grow, -1 if it is no
 * manifest. */
static int read_first_line(const char *p, size_t len, struct reader *r)
{
	char line[FIRST_LEN + 1] = "";
	uint64_t size;

	if (len < FIRST_LEN)
		return 1;
	memcpy(line, p, FIRST_LEN);
	if (sscanf(line, "slurmq-manifest 1 %12" SCNu64 " %8zu %8zu", &size, &r->ntasks,
		   &r->nshared) != 3)
		return -1;
	if (len < size)
		return 1;
	r->file = p;
	r->len = len;
	if (len > size || r->ntasks > 1000000 || r->nshared > 1000000 ||
	    FIRST_LEN + INDEX_LEN * (1 + r->ntasks + r->nshared) > size)
		return -1;
	return 0;
}

int manifest_read(struct folder *sp, uint64_t submission, int task, struct manifest_task *out,
		  struct err *err)
{
	char *path = manifest_path(submission);
	struct reader r = {0};
	const char *p = NULL;
	int rc = 0, whole = 1;
	size_t len = 0;

	memset(out, 0, sizeof(*out));
	/* retries read errors too: a job in Slurm that gives up here runs nothing */
	for (int tries = 0; tries < 40 && (rc < 0 || (whole == 1 && !rc)); tries++) {
		if (tries)
			clock_sleep_ms(250);
		folder_unmap(p, len);
		rc = folder_file_map(sp, path, &p, &len, err);
		if (!rc)
			whole = read_first_line(p, len, &r);
	}
	if (rc)
		goto out;
	out->head.kill_wait_s = -1;
	if (!whole && task >= 0 && (size_t)task >= r.ntasks)
		rc = FOLDER_NONE;
	else if (whole || task < 0 || read_head(&r, &out->head) || read_task(&r, task, out))
		rc = err_set(err, ERR_FAILED,
			     "manifest '%s' is damaged or was written by another version", path);
	if (rc)
		manifest_task_release(out);
out:
	folder_unmap(p, len);
	free(path);
	return rc;
}

int manifest_list(struct folder *sp, uint64_t **v, size_t *n, struct err *err)
{
	struct strs names = {0};
	int rc = folder_file_names(sp, "manifests", &names, err);

	*n = 0;
	*v = mem_alloc((names.n + 1) * sizeof(**v));
	for (size_t i = 0; i < names.n; i++)
		if (!manifest_name_parse(names.v[i], &(*v)[*n]))
			++*n;
	strs_release(&names);
	return rc;
}

void manifest_task_release(struct manifest_task *t)
{
	free(t->head.sweep);
	free(t->head.chdir);
	free(t->head.checkpoint);
	free(t->head.setup);
	free(t->head.script);
	free(t->title);
	strs_release(&t->params);
	strs_release(&t->env);
	for (size_t i = 0; i < t->nsteps; i++) {
		struct manifest_step *s = &t->steps[i];

		free(s->name);
		free(s->key);
		strs_release(&s->argv);
		strs_release(&s->vars);
		strs_release(&s->params);
		strs_release(&s->needs);
	}
	free(t->steps);
	memset(t, 0, sizeof(*t));
}
