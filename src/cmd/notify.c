#include "cmd/notify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/needs.h"
#include "chain/health.h"
#include "chain/notice.h"
#include "lib/proc.h"
#include "store/state.h"

/* After that the command gets SIGTERM, and SIGKILL 2 s later (proc.h). */
enum { TIMEOUT_MS = 8000 };

/* The variables of the command, one name after the other. */
static const char *const variables[] = {"SLURMQ_EVENT",	    "SLURMQ_SWEEP",  "SLURMQ_JOBS",
					"SLURMQ_COMPLETED", "SLURMQ_FAILED", "SLURMQ_CANCELLED",
					"SLURMQ_SUBMITTED", "SLURMQ_REASON", NULL};

static void set_variable(const char *name, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	setenv(name, text, 1);
}

static void report_failure(struct cmd_ctx *ctx, const struct proc_result *r)
{
	const char *text = r->err.len ? buf_str(&r->err) : buf_str(&r->out);
	int len = (int)strcspn(text, "\n");

	if (r->timed_out)
		cmd_say(ctx, "the command of the setting notify did not end within %d s",
			TIMEOUT_MS / 1000);
	else if (r->signal)
		cmd_say(ctx, "the command of the setting notify was ended by signal %d", r->signal);
	else if (r->exit_code)
		cmd_say(ctx, "the command of the setting notify failed: exit %d%s%.*s",
			r->exit_code, len ? ": " : "", len, text);
}

/* Runs the command in the folder that holds .slurmq, with the text as its input. */
static void run_command(struct cmd_ctx *ctx, const struct store *store, const char *command,
			const char *event, const struct buf *text)
{
	struct buf script = {0};
	const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
	const struct proc_spec spec = {
		.argv = argv, .in = text->s, .in_len = text->len, .timeout_ms = TIMEOUT_MS};
	struct proc_result r = {0};
	struct err err = {0};

	buf_addstr(&script, "cd -- ");
	buf_add_shell_word(&script, store->root);
	buf_addf(&script, " || exit\n%s\n", command);
	argv[2] = buf_str(&script);
	fflush(stdout); /* the user sees it before the command ends */
	setenv("SLURMQ_EVENT", event, 1);
	setenv("SLURMQ_DIR", store->dir, 1);
	if (proc_run(&spec, &r, NULL, &err))
		cmd_say(ctx, "cannot run the command of the setting notify: %s", err.msg);
	else
		report_failure(ctx, &r);
	for (size_t i = 0; variables[i]; i++)
		unsetenv(variables[i]);
	proc_result_release(&r);
	buf_release(&script);
}

static void add_end(const struct store *store, struct buf *text)
{
	buf_addf(text, "folder: %s\n", store->root);
}

static void notify_over(struct cmd_ctx *ctx, const struct store *store, const char *command,
			const struct db_sweep *s)
{
	struct buf text = {0};

	buf_addf(&text, "slurmq: sweep %s is over: %" PRId64 " of %" PRId64 " jobs completed",
		 s->name, s->counts[JOB_COMPLETED], s->jobs);
	if (s->counts[JOB_FAILED])
		buf_addf(&text, ", %" PRId64 " failed", s->counts[JOB_FAILED]);
	if (s->counts[JOB_CANCELLED])
		buf_addf(&text, ", %" PRId64 " cancelled", s->counts[JOB_CANCELLED]);
	buf_addch(&text, '\n');
	add_end(store, &text);
	if (s->counts[JOB_FAILED])
		buf_addf(&text, "next: slurmq list -s failed %s; slurmq retry %s\n", s->name,
			 s->name);
	setenv("SLURMQ_SWEEP", s->name, 1);
	set_variable("SLURMQ_JOBS", s->jobs);
	set_variable("SLURMQ_COMPLETED", s->counts[JOB_COMPLETED]);
	set_variable("SLURMQ_FAILED", s->counts[JOB_FAILED]);
	set_variable("SLURMQ_CANCELLED", s->counts[JOB_CANCELLED]);
	run_command(ctx, store, command, "over", &text);
	buf_release(&text);
}

static void notify_paused(struct cmd_ctx *ctx, struct store *store, const char *command)
{
	struct buf text = {0}, why = {0};
	struct health h = {0};

	if (!health_read(store, &h, NULL))
		needs_add_pause(&h.pause, &why);
	buf_addstr(&text, "slurmq: the queue is paused");
	if (why.len)
		buf_addf(&text, ": %s", why.s);
	buf_addch(&text, '\n');
	add_end(store, &text);
	buf_addstr(&text, "next: slurmq status\n");
	setenv("SLURMQ_REASON", buf_str(&why), 1);
	run_command(ctx, store, command, "paused", &text);
	health_release(&h);
	buf_release(&why);
	buf_release(&text);
}

void notify_events(struct cmd_ctx *ctx, struct store *store)
{
	char *command = NULL;
	struct notice *v = NULL;
	struct err err = {0};
	size_t n = 0;

	if (!store || !store->db)
		return;
	if (notices_take(store, &command, &v, &n, &err))
		cmd_say(ctx, "cannot read whether the setting notify applies: %s", err.msg);
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == NOTICE_OVER)
			notify_over(ctx, store, command, &v[i].sweep);
		else
			notify_paused(ctx, store, command);
	}
	notices_free(v, n);
	free(command);
}

void notify_revived(struct cmd_ctx *ctx, struct store *store, int64_t submitted)
{
	char *command = NULL;
	struct buf text = {0};

	if (!state_get_text(store->db, STATE_NOTIFY, &command, NULL) && *command) {
		buf_addf(&text,
			 "slurmq: the chain was restarted: no job was in Slurm although jobs were "
			 "pending; submitted %" PRId64 " %s\n",
			 submitted, submitted == 1 ? "job" : "jobs");
		add_end(store, &text);
		set_variable("SLURMQ_SUBMITTED", submitted);
		run_command(ctx, store, command, "revived", &text);
	}
	buf_release(&text);
	free(command);
}
