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

void journal_release(struct journal *j)
{
	for (size_t i = 0; i < j->nsteps; i++)
		free(j->steps[i].key);
	free(j->steps);
	memset(j, 0, sizeof(*j));
}

static void parse_step(const char *line, struct journal *j)
{
	struct journal_step s = {0};
	int at = 0;

	if (sscanf(line, "step %d %d %d %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 "%n",
		   &s.seq, &s.state, &s.exit_code, &s.signal, &s.started, &s.ended, &s.maxrss_kib,
		   &s.cpu_ms, &at) != 8 ||
	    line[at] != ' ' || s.seq < 0 || s.state < 0 || s.state > STEP_SKIPPED)
		return;
	s.key = mem_strdup(line + at + 1);
	j->steps = mem_grow(j->steps, j->nsteps + 1, sizeof(*j->steps));
	j->steps[j->nsteps++] = s;
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

static void parse_line(const char *line, struct journal *j)
{
	if (!strncmp(line, "start ", 6)) {
		if (!j->started)
			j->started = strtoll(line + 6, NULL, 10);
	} else if (!strncmp(line, "step ", 5)) {
		parse_step(line, j);
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

void journal_parse(const char *text, size_t len, struct journal *out)
{
	memset(out, 0, sizeof(*out));
	while (len) {
		const char *nl = memchr(text, '\n', len);
		char *line;
		size_t n;

		if (!nl)
			return;
		n = (size_t)(nl - text);
		line = mem_strndup(text, n);
		if (strlen(line) == n)
			parse_line(line, out);
		free(line);
		text += n + 1;
		len -= n + 1;
	}
}
