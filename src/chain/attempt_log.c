#include "chain/attempt_log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/table.h"
#include "sweep/bash_start.h"

void attempt_log(int fd, const char *fmt, ...)
{
	const struct style style = {.utf8 = true};
	struct buf b = {0}, text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	buf_addstr(&b, "==> slurmq: ");
	clean_add(&b, &style, buf_str(&text));
	buf_addstr(&b, " <==\n");
	if (write(fd, b.s, b.len) < 0)
		errno = 0;
	buf_release(&text);
	buf_release(&b);
}

/* Appends the name of the Slurm job for Slurm's commands. One task of an array has the array's
 * own id, with which scancel would end all tasks. */
static void add_slurm_job(int index, const struct who *who, struct buf *out)
{
	const char *array = getenv("SLURM_ARRAY_JOB_ID");

	if (array)
		buf_addf(out, "%s_%d", array, index);
	else
		buf_addf(out, "%" PRIu64, who->slurm_id);
}

void attempt_log_begin(int fd, const struct manifest_task *task, int index, const struct who *who)
{
	const struct strs *p = &task->params;
	struct buf b = {0};

	buf_addf(&b, "%s job %" PRId64 ", attempt %" PRId64 ", Slurm job ",
		 task->head.sweep ? task->head.sweep : "?", task->job, task->number);
	add_slurm_job(index, who, &b);
	buf_addf(&b, " on %s%s", who->node, p->n ? ":" : "");
	for (size_t i = 0; i < p->n; i++)
		buf_addf(&b, " %s", p->v[i]);
	attempt_log(fd, "%s", buf_str(&b));
	if (task->title)
		attempt_log(fd, "%s", task->title);
	buf_release(&b);
}

void attempt_log_step(int fd, const struct manifest_step *s, const struct journal_step *end)
{
	struct buf b = {0};

	if (end->signal)
		buf_addf(&b, "killed by signal %d (%s)", end->signal, strsignal(end->signal));
	else
		buf_addf(&b, "exit %d", end->exit_code);
	buf_addf(&b, " after %.1f s", (double)(end->ended - end->started) / 1000);
	if (end->exit_code == 128 + SIGPIPE && bash_start_is_text(&s->argv))
		buf_addstr(&b, ": SIGPIPE ended a command whose output was not read to its end, as "
			       "in 'zcat f | head'; 'set +o pipefail' in the text allows this");
	attempt_log(fd, "%s: %s", s->key, buf_str(&b));
	buf_release(&b);
}
