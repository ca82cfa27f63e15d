#include "store/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void journal_add_start(struct buf *b, int64_t now, const struct who *who)
{
	buf_addf(b, "start %" PRId64 " %" PRIu64 " %d %s %" PRId64 "\n", now, who->slurm_id,
		 who->restart, who->node[0] ? who->node : "-", who->pid);
}

void journal_add_step(struct buf *b, const struct journal_step *s)
{
	buf_addf(b, "step %d %d %d %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s\n", s->seq,
		 s->state, s->exit_code, s->signal, s->started, s->ended, s->maxrss_kib, s->cpu_ms,
		 s->key);
}

void journal_add_result(struct buf *b, const struct journal_result *r)
{
	if (r->step < 0)
		buf_addf(b, "result - %s ", r->name);
	else
		buf_addf(b, "result %" PRId64 " %s ", r->step, r->name);
	for (const char *p = r->value; *p; p++) {
		if (*p == '\n')
			buf_addstr(b, "\\n");
		else if (*p == '\\')
			buf_addstr(b, "\\\\");
		else
			buf_addch(b, *p);
	}
	buf_addch(b, '\n');
}

void journal_add_stopping(struct buf *b, int64_t now)
{
	buf_addf(b, "stopping %" PRId64 "\n", now);
}

void journal_add_end(struct buf *b, const struct job_end *end)
{
	buf_addf(b, "end %s %d %d %d %" PRId64 " %" PRId64 " %" PRId64 "\n",
		 end->completed ? "completed" : "failed", end->reason, end->exit_code, end->signal,
		 end->ended, end->maxrss_kib, end->cpu_ms);
}

void journal_add_preempted(struct buf *b, int64_t now)
{
	buf_addf(b, "preempted %" PRId64 "\n", now);
}

static void release_result(struct journal_result *r)
{
	free(r->name);
	free(r->value);
	r->name = r->value = NULL;
}

void journal_release(struct journal *j)
{
	for (size_t i = 0; i < j->nsteps; i++)
		free(j->steps[i].key);
	free(j->steps);
	for (size_t i = 0; i < j->nresults; i++)
		release_result(&j->results[i]);
	free(j->results);
	memset(j, 0, sizeof(*j));
}

/* Results while a journal is parsed; a name may occur several times. A step's results precede its
 * end. */
struct recorded {
	struct journal_result *v;
	size_t n, cap;
	size_t old; /* so many are of steps that have ended */
};

static void add_result(struct recorded *l, const struct journal_result *r)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = mem_grow(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = *r;
}

static void parse_step(const char *line, struct journal *j, struct recorded *l)
{
	struct journal_step s = {0};
	int at = 0;

	if (sscanf(line, "step %d %d %d %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 "%n",
		   &s.seq, &s.state, &s.exit_code, &s.signal, &s.started, &s.ended, &s.maxrss_kib,
		   &s.cpu_ms, &at) != 8 ||
	    line[at] != ' ' || s.seq < 0 || s.state < 0 || s.state > STEP_SKIPPED)
		return;
	/* a record that is written again holds some lines twice */
	for (size_t i = 0; i < j->nsteps; i++)
		if (j->steps[i].seq == s.seq)
			return;
	s.key = mem_strdup(line + at + 1);
	j->steps = mem_grow(j->steps, j->nsteps + 1, sizeof(*j->steps));
	j->steps[j->nsteps++] = s;
	for (; s.state != STEP_SKIPPED && l->old < l->n; l->old++)
		l->v[l->old].seq = s.seq;
}

static void parse_result(const char *line, struct recorded *l)
{
	struct journal_result r = {.step = -1, .seq = -1};
	struct buf value = {0};
	const char *p = line + strlen("result - ");
	size_t name;
	int at;

	if (strncmp(line, "result - ", strlen("result - ")) != 0) {
		if (sscanf(line, "result %" SCNd64 "%n", &r.step, &at) != 1 || r.step < 0 ||
		    line[at] != ' ')
			return;
		p = line + at + 1;
	}
	name = strcspn(p, " ");
	if (!name || !p[name])
		return;
	r.name = mem_strndup(p, name);
	for (p += name + 1; *p; p++) {
		bool quoted = *p == '\\' && p[1];

		p += quoted;
		buf_addch(&value, quoted && *p == 'n' ? '\n' : *p);
	}
	r.value = buf_take(&value);
	add_result(l, &r);
}

static void parse_end(const char *line, struct journal *j)
{
	struct job_end e = {0};
	char how[16];

	if (j->has_end ||
	    sscanf(line, "end %15s %d %d %d %" SCNd64 " %" SCNd64 " %" SCNd64, how, &e.reason,
		   &e.exit_code, &e.signal, &e.ended, &e.maxrss_kib, &e.cpu_ms) != 7)
		return;
	e.completed = !strcmp(how, "completed");
	if (!e.completed && strcmp(how, "failed") != 0)
		return;
	if (e.reason < 0 || e.reason >= REASON_NREASONS)
		return;
	j->end = e;
	j->has_end = true;
}

static void parse_line(const char *line, struct journal *j, struct recorded *l)
{
	if (!strncmp(line, "start ", 6)) {
		if (!j->started)
			j->started = strtoll(line + 6, NULL, 10);
	} else if (!strncmp(line, "step ", 5)) {
		parse_step(line, j, l);
	} else if (!strncmp(line, "result ", 7)) {
		parse_result(line, l);
	} else if (!strncmp(line, "stopping ", 9)) {
		if (!j->stopping)
			j->stopping = strtoll(line + 9, NULL, 10);
	} else if (!strncmp(line, "end ", 4)) {
		parse_end(line, j);
	} else if (!strncmp(line, "preempted ", 10)) {
		j->preempted = true;
		j->preempted_at = strtoll(line + 10, NULL, 10);
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct journal_result *x = *(struct journal_result *const *)a;
	const struct journal_result *y = *(struct journal_result *const *)b;
	int rc = strcmp(x->name, y->name);

	return rc ? rc : x < y ? -1 : x > y;
}

/* Keeps the last result of each name, in the order in which the names were first recorded. */
static void keep_last_results(struct recorded *l, struct journal *out)
{
	struct journal_result **sorted = mem_alloc(l->n * sizeof(*sorted)), *first = NULL;

	for (size_t i = 0; i < l->n; i++)
		sorted[i] = &l->v[i];
	if (l->n)
		qsort(sorted, l->n, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < l->n; i++) {
		struct journal_result later = *sorted[i];

		if (!first || strcmp(first->name, later.name) != 0) {
			first = sorted[i];
			continue;
		}
		*sorted[i] = *first;
		*first = later;
		release_result(sorted[i]);
	}
	out->results = l->v;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].name)
			out->results[out->nresults++] = l->v[i];
	free(sorted);
}

static void parse_lines(const char *text, size_t len, struct journal *out, struct recorded *l)
{
	while (len) {
		const char *nl = memchr(text, '\n', len);
		char *line;
		size_t n;

		if (!nl)
			return;
		n = (size_t)(nl - text);
		line = mem_strndup(text, n);
		if (strlen(line) == n)
			parse_line(line, out, l);
		free(line);
		text += n + 1;
		len -= n + 1;
	}
}

void journal_parse(const char *text, size_t len, struct journal *out)
{
	struct recorded l = {0};

	memset(out, 0, sizeof(*out));
	parse_lines(text, len, out, &l);
	keep_last_results(&l, out);
}
