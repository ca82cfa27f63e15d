/* slurm_acct.c - parses sacct's output. */
#include "slurm/slurm_internal.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS = 7, TASKS_MOST = 4096 };

int64_t slurm_time_ms(const char *s)
{
	uint64_t n;

	return slurm_number(s, &n) && n < INT64_MAX / 1000 ? (int64_t)n * 1000 : 0;
}

struct slurm_job *slurm_jobs_add(struct slurm_jobs *jobs)
{
	struct slurm_job *job;
	size_t n = jobs->n;

	/* the list has room for 64 jobs, and doubles at each power of two */
	if (!n || (n >= 64 && !(n & (n - 1))))
		jobs->v = mem_grow(jobs->v, n ? n * 2 : 64, sizeof(*jobs->v));
	job = &jobs->v[jobs->n++];
	memset(job, 0, sizeof(*job));
	job->task = job->restarts = -1;
	return job;
}

/* Parses up to ten digits at *p and moves *p past them. */
static bool parse_number(const char **p, int64_t *n)
{
	size_t len = strspn(*p, "0123456789");

	if (!len || len > 10)
		return false;
	*n = strtoll(*p, NULL, 10);
	*p += len;
	return true;
}

static void add_job(struct slurm_jobs *out, const struct slurm_job *like, int64_t task)
{
	struct slurm_job *job = slurm_jobs_add(out);

	job->id = like->id;
	job->array_id = like->array_id;
	job->task = task;
	job->state = mem_strdup(like->state);
	job->reason = mem_strdup("");
	job->name = mem_strdup(like->name);
	job->submitted = like->submitted;
	job->ended = like->ended;
	job->exit_code = like->exit_code;
	job->signal = like->signal;
}

/* Adds each task of a list like "0,3-5,10-20:2%4]"; stops at the first character that fits none. */
static void add_tasks(struct slurm_jobs *out, const struct slurm_job *like, const char *p)
{
	do {
		int64_t first, last, step = 1;

		if (!parse_number(&p, &first))
			return;
		last = first;
		if (*p == '-' && (p++, !parse_number(&p, &last)))
			return;
		if (*p == ':' && (p++, !parse_number(&p, &step) || !step))
			return;
		for (; first <= last && first < TASKS_MOST; first += step)
			add_job(out, like, first);
	} while (*p++ == ',');
}

/* Adds the jobs of "7", "2_3" or "51_[0,3-5]"; slurmq makes no jobs of other forms (het jobs). */
static void add_by_id(struct slurm_jobs *out, struct slurm_job *like, const char *id)
{
	int64_t n;

	if (!parse_number(&id, &n))
		return;
	like->array_id = (uint64_t)n;
	if (!*id)
		add_job(out, like, -1);
	else if (!strncmp(id, "_[", 2))
		add_tasks(out, like, id + 2);
	else if (*id++ == '_' && parse_number(&id, &n) && !*id)
		add_job(out, like, n);
}

/* Reads an ExitCode like "1:0" or "0:9". */
static void parse_exit(struct slurm_job *job, const char *text)
{
	int64_t code, signal;

	if (!parse_number(&text, &code) || *text++ != ':' || !parse_number(&text, &signal))
		return;
	job->exit_code = code <= 255 ? (int)code : 0;
	job->signal = signal <= 127 ? (int)signal : 0;
}

static void parse_line(char *line, struct slurm_jobs *out)
{
	struct slurm_job like = {0};
	char *f[FIELDS] = {line};

	for (int i = 1; i < FIELDS; i++) {
		char *sep = strchr(f[i - 1], '\x1f');

		if (!sep)
			return;
		*sep = '\0';
		f[i] = sep + 1;
	}
	if (!slurm_number(f[0], &like.id))
		return;
	f[2][strcspn(f[2], " ")] = '\0';
	like.state = f[2];
	parse_exit(&like, f[3]);
	like.submitted = slurm_time_ms(f[4]);
	like.ended = slurm_time_ms(f[5]);
	like.name = f[6];
	add_by_id(out, &like, f[1]);
}

void slurm_parse_acct(const char *text, struct slurm_jobs *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = mem_strndup(text, len);

		parse_line(line, out);
		free(line);
		text += len + (text[len] == '\n');
	}
}
