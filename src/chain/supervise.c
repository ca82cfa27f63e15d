/*
 * supervise.c - one attempt, from its claim to its end record.
 *
 * Slurm sends TERM at the time limit, at scancel and at a requeue alike, and KILL after KillWait
 * (slurm.conf(5), KillWait). So at TERM the supervisor queries Slurm for the cause. The chain
 * continues after a time limit and a preemption, but never submits a successor after scancel.
 */
#include "chain/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/attempt_log.h"
#include "chain/cancel.h"
#include "chain/step_env.h"
#include "lib/cgroup.h"
#include "lib/clock.h"
#include "lib/failpoint.h"
#include "lib/proc.h"
#include "slurm/slurm.h"
#include "store/manifest.h"

enum {
	DEFAULT_KILL_WAIT_S = 30,
	START_TRIES = 5,
	END_TRIES = 20,
	END_PAUSE_MS = 3000,
	TERM_LATE_MS = 50,
	HOLD_POLL_MS = 500,
};

struct run {
	const struct supervise_opts *o;
	struct who who;
	struct manifest_task task;
	struct journal_file journal;
	struct strs env; /* environment of every step */
	pid_t child;	 /* the step's process group; 0: none */
	pid_t tick;
	int64_t tick_at;    /* monotonic ms */
	int64_t notice_at;  /* monotonic ms of USR1, Slurm's notice; 0: none */
	int stop_reason;    /* the cause of TERM; REASON_NONE: no TERM, or the job continues */
	bool unsure;	    /* Slurm did not report the cause: treated as a cancellation */
	bool held;	    /* Slurm puts this job back into its queue, held */
	int64_t kill_at;    /* monotonic ms; 0: no KILL is due */
	int64_t oom_kills;  /* count of the kernel's OOM kills when the step began; -1: unknown */
	struct job_end end; /* built up from the steps' ends */
};

/* Appends a line to the journal. If it cannot be written, the end record writes it again. */
static void append_line(struct run *r, const struct buf *line, bool sync)
{
	struct err err = {0};

	if (journal_file_append(&r->journal, line->s, line->len, sync, &err))
		attempt_log(r->o->log, "%s", err.msg);
}

/* ---- signals ---- */

static int64_t compute_grace_ms(const struct run *r)
{
	int64_t wait =
		r->task.head.kill_wait_s < 0 ? DEFAULT_KILL_WAIT_S : r->task.head.kill_wait_s;

	return wait > 10 ? (wait - 5) * 1000 : wait * 500;
}

static void set_stop_reason(struct run *r, int reason, bool sure)
{
	r->stop_reason = reason;
	r->unsure = !sure;
	if (reason == REASON_CANCELLED)
		cancel_record(r->o->folder, &r->who);
	if (r->held)
		attempt_log(r->o->log,
			    "TERM: Slurm puts this job back into its queue and holds it; to go on: "
			    "scontrol release %" PRIu64,
			    r->who.slurm_id);
	else if (sure)
		attempt_log(r->o->log, "TERM: %s",
			    reason == REASON_CANCELLED ? "cancelled" : job_reason_name(reason));
	else
		attempt_log(r->o->log,
			    "TERM: Slurm did not report the cause, so this job submits nothing");
}

/* Returns whether the time limit can be the cause of TERM. Slurm's notice comes up to a minute
 * earlier than it was asked for (sbatch(1), --signal). */
static bool is_limit_near(const struct run *r)
{
	int64_t notice_s = r->task.head.notice_s ? r->task.head.notice_s : SLURM_NOTICE_S;

	return r->notice_at && clock_mono_ms() - r->notice_at >= (notice_s - 60) * 1000;
}

/* Handles TERM: Slurm intends to end this job. */
static void on_term(struct run *r)
{
	struct buf line = {0};
	int reason;
	bool sure;

	if (r->child) {
		proc_group_kill(r->child, SIGCONT);
		proc_group_kill(r->child, SIGTERM);
	}
	if (!r->kill_at)
		r->kill_at = clock_mono_ms() + compute_grace_ms(r);
	/* without a journal the job still waits for a decision, before it has won its claim */
	if (r->journal.fd >= 0) {
		journal_add_stopping(&line, clock_now_ms());
		append_line(r, &line, false);
		buf_release(&line);
	}
	reason = cancel_on_term(r->o->folder, &r->who, &r->held);
	if (reason < 0 && is_limit_near(r)) {
		reason = REASON_TIMEOUT;
		cancel_withdraw(r->o->folder, &r->who);
	}
	sure = reason >= 0;
	if (!sure)
		reason = REASON_CANCELLED;
	if (reason == REASON_NONE) {
		r->kill_at = 0;
		attempt_log(r->o->log, "TERM: Slurm is not ending this job, so it continues");
		return;
	}
	set_stop_reason(r, reason, sure);
}

static void start_tick(struct run *r)
{
	struct proc_child c = {
		.argv = r->o->tick, .path = r->o->tick[0], .out = r->o->log, .err = r->o->log};
	struct err err = {0};
	pid_t pid = proc_spawn(&c, NULL, &err);

	r->tick_at = clock_mono_ms() + r->o->tick_every_ms / 2 +
		     (int64_t)(clock_random() % (uint64_t)(r->o->tick_every_ms + 1));
	if (pid > 0)
		r->tick = pid;
}

static int shorten_timeout(int64_t now, int64_t at, int timeout)
{
	int64_t left = at > now ? at - now : 0;

	return timeout < 0 || left < timeout ? (int)(left < 3600000 ? left : 3600000) : timeout;
}

static int compute_timeout(const struct run *r)
{
	int64_t now = clock_mono_ms();
	int timeout = -1;

	if (r->kill_at)
		timeout = shorten_timeout(now, r->kill_at, timeout);
	if (r->tick_at && !r->tick && !r->stop_reason)
		timeout = shorten_timeout(now, r->tick_at, timeout);
	return timeout;
}

/* Handles USR1: the time limit is near. USR1 itself is not forwarded, because its default action
 * would kill the command. */
static void on_near_limit(struct run *r)
{
	const char *name = r->task.head.checkpoint;
	int sig = name ? proc_signal_number(name) : 0, sent;

	r->notice_at = clock_mono_ms();
	if (!sig || !r->child || r->stop_reason)
		return;
	sent = proc_group_notify(r->child, sig);
	attempt_log(r->o->log, "the time limit is near: %s %s", name,
		    sent ? "sent to the command" : "not sent, the command does not catch it");
}

static void on_signal(struct run *r, int sig)
{
	switch (sig) {
	case SIGTERM:
		on_term(r);
		break;
	case SIGUSR1:
		on_near_limit(r);
		break;
	case SIGINT:
	case SIGHUP:
	case SIGUSR2:
		if (r->child)
			proc_group_kill(r->child, sig);
		break;
	default:
		break;
	}
}

static void on_time(struct run *r)
{
	int64_t now = clock_mono_ms();

	if (r->kill_at && now >= r->kill_at) {
		r->kill_at = 0;
		if (r->child)
			proc_group_kill(r->child, SIGKILL);
	}
	if (r->tick_at && !r->tick && now >= r->tick_at && !r->stop_reason)
		start_tick(r);
}

/* Handles all pending signals without waiting. */
static void handle_pending_signals(struct run *r)
{
	int sig;

	while ((sig = proc_signal_wait(0)) > 0)
		on_signal(r, sig);
}

/* Reaps children. Returns true if the step's own process has ended. */
static bool reap_children(struct run *r, struct proc_end *end)
{
	struct proc_end e;
	bool ended = false;

	while (proc_reap(&e)) {
		if (e.pid == r->tick) {
			r->tick = 0;
		} else if (e.pid == r->child) {
			*end = e;
			ended = true;
		}
	}
	return ended;
}

static void wait_for_child(struct run *r, struct proc_end *end)
{
	while (!reap_children(r, end)) {
		int sig = proc_signal_wait(compute_timeout(r));

		if (sig > 0)
			on_signal(r, sig);
		on_time(r);
	}
}

/* ---- steps ---- */

static pid_t start_step(struct run *r, const struct manifest_step *s, struct journal_step *rec)
{
	struct proc_child c = {.dies_with_us = true,
			       .argv = (const char *const *)s->argv.v,
			       .cwd = r->task.head.chdir,
			       .out = -1,
			       .err = -1};
	char *script = NULL;
	struct strs env = {0}, script_argv = {0};
	struct err err = {0};
	int exec_errno = 0;
	pid_t pid;

	step_env(&r->task, &r->env, s, &env);
	c.envp = (const char *const *)env.v;
	if (r->task.head.script) {
		script = mem_printf("%s/%s", r->o->dir, r->task.head.script);
		strs_add(&script_argv, script);
		for (size_t i = 0; i < s->argv.n; i++)
			strs_add(&script_argv, s->argv.v[i]);
		c.argv = (const char *const *)script_argv.v;
		c.path = script;
	}
	pid = proc_spawn(&c, &exec_errno, &err);
	if (pid <= 0) {
		/* the exit codes of a shell: not found, or not executable */
		rec->exit_code = exec_errno == ENOENT ? 127 : 126;
		attempt_log(r->o->log, "%s", err.msg);
	}
	strs_release(&env);
	strs_release(&script_argv);
	free(script);
	return pid;
}

static int64_t count_oom_kills(const struct run *r)
{
	return cgroup_oom_kills(r->o->root ? r->o->root : "");
}

/* Runs one step to its end and records it. */
static void run_step(struct run *r, size_t i, struct journal_step *rec)
{
	const struct manifest_step *s = &r->task.steps[i];
	struct proc_end end = {0};
	struct buf line = {0};
	pid_t pid;

	rec->seq = (int)i;
	rec->key = s->key;
	rec->started = clock_now_ms();
	attempt_log(r->o->log, "step %s", s->key);
	r->oom_kills = count_oom_kills(r);
	pid = start_step(r, s, rec);
	if (pid > 0) {
		r->child = pid;
		FAILPOINT("step-begun");
		wait_for_child(r, &end);
		r->child = 0;
		rec->exit_code = end.exit_code;
		rec->signal = end.signal;
		rec->maxrss_kib = end.maxrss_kib;
		rec->cpu_ms = end.cpu_ms;
	}
	rec->ended = clock_now_ms();
	FAILPOINT("step-ended");
	/* a step that Slurm ended is not completed, even if it caught TERM and exited with 0 */
	rec->state = rec->exit_code || rec->signal || r->stop_reason ? STEP_FAILED : STEP_COMPLETED;
	journal_add_step(&line, rec);
	/* the end record follows the last step's at once, and one sync covers both */
	append_line(r, &line, rec->state == STEP_FAILED || i + 1 < r->task.nsteps);
	FAILPOINT("step-recorded");
	buf_release(&line);
	attempt_log_step(r->o->log, s, rec);
}

/* Handles a TERM that arrives just after the step's end. Slurm signals the processes of a job
 * one by one, so the step may end before the supervisor has TERM. That is not a failure of the
 * step, and the chain must not continue after it. */
static void handle_late_term(struct run *r, const struct journal_step *rec)
{
	int64_t end = clock_mono_ms() + TERM_LATE_MS, left;
	int reason;

	while (!r->stop_reason && (left = end - clock_mono_ms()) > 0) {
		int sig = proc_signal_wait((int)left);

		if (sig > 0)
			on_signal(r, sig);
	}
	if (r->stop_reason || (!rec->signal && rec->exit_code <= 128))
		return;
	reason = cancel_query(&r->who, &r->held);
	if (reason > REASON_NONE)
		set_stop_reason(r, reason, true);
}

/* Returns whether all steps of that name are completed, now or by an earlier attempt. */
static bool is_need_met(const struct run *r, const bool *ok, const char *name)
{
	for (size_t i = 0; i < r->task.nsteps; i++)
		if (!strcmp(r->task.steps[i].name, name) && !ok[i])
			return false;
	return true;
}

static bool are_needs_met(const struct run *r, const bool *ok, const struct manifest_step *s)
{
	for (size_t i = 0; i < s->needs.n; i++)
		if (!is_need_met(r, ok, s->needs.v[i]))
			return false;
	return true;
}

static void skip_step(struct run *r, size_t i)
{
	int64_t now = clock_now_ms();
	struct journal_step rec = {.seq = (int)i,
				   .state = STEP_SKIPPED,
				   .started = now,
				   .ended = now,
				   .key = r->task.steps[i].key};
	struct buf line = {0};

	journal_add_step(&line, &rec);
	append_line(r, &line, false);
	buf_release(&line);
	attempt_log(r->o->log, "%s: skipped: a step that it needs is not completed",
		    r->task.steps[i].key);
}

/* Returns whether the kernel has killed a process of this job for lack of memory since the step
 * began. */
static bool is_out_of_memory(const struct run *r)
{
	return r->oom_kills >= 0 && count_oom_kills(r) > r->oom_kills;
}

/* Adds a step's end to the attempt's end. The first failure decides the reported reason. */
static void add_step_end(struct run *r, const struct journal_step *rec)
{
	struct job_end *end = &r->end;

	if (rec->maxrss_kib > end->maxrss_kib)
		end->maxrss_kib = rec->maxrss_kib;
	end->cpu_ms += rec->cpu_ms;
	if (rec->state == STEP_COMPLETED || end->reason)
		return;
	end->exit_code = rec->exit_code;
	end->signal = rec->signal;
	end->reason = rec->signal ? REASON_SIGNAL : REASON_EXIT;
	if (!r->stop_reason && is_out_of_memory(r)) {
		end->reason = REASON_OUT_OF_MEMORY;
		attempt_log(r->o->log, "%s: out of memory", rec->key);
	}
}

static void run_steps(struct run *r)
{
	bool *ok = mem_alloc(r->task.nsteps + 1);
	bool all = true, stop = false;

	for (size_t i = 0; i < r->task.nsteps; i++)
		ok[i] = r->task.steps[i].done;
	for (size_t i = 0; i < r->task.nsteps; i++) {
		const struct manifest_step *s = &r->task.steps[i];
		struct journal_step rec = {0};

		if (ok[i])
			continue;
		handle_pending_signals(r);
		if (r->stop_reason || stop) {
			all = false;
			continue;
		}
		if (!are_needs_met(r, ok, s)) {
			skip_step(r, i);
			all = false;
			continue;
		}
		run_step(r, i, &rec);
		if (rec.state == STEP_FAILED && !r->stop_reason)
			handle_late_term(r, &rec);
		add_step_end(r, &rec);
		ok[i] = rec.state == STEP_COMPLETED;
		all = all && ok[i];
		stop = !ok[i] && s->on_fail == PLAN_STOP;
	}
	free(ok);
	r->end.completed = all;
	if (all)
		r->end.reason = REASON_NONE;
	else if (r->stop_reason)
		r->end.reason = r->stop_reason;
	else if (!r->end.reason) /* all remaining steps were skipped */
		r->end.reason = REASON_EXIT;
}

/* ---- start and end ---- */

/* Writes and posts the end record that closes the attempt. It retries for about a minute,
 * because a full disk may get room again, and a file server come back. A folder that was removed
 * does not come back. */
static int report_end(struct run *r, struct err *err)
{
	struct buf line = {0};
	int rc = -1;

	r->end.ended = clock_now_ms();
	journal_add_end(&line, &r->end);
	append_line(r, &line, false);
	FAILPOINT("end-recorded");
	buf_release(&line);
	for (int i = 0; i < END_TRIES && rc; i++) {
		if (i)
			clock_sleep_ms(END_PAUSE_MS);
		rc = journal_file_post(r->o->folder, &r->journal, err);
		if (rc && folder_is_removed(r->o->folder))
			break;
	}
	FAILPOINT("end-posted");
	return rc;
}

static int compute_exit_status(const struct run *r)
{
	if (r->end.completed)
		return 0;
	if (r->end.signal)
		return 128 + r->end.signal;
	if (r->end.exit_code)
		return r->end.exit_code;
	return r->stop_reason ? 128 + SIGTERM : 1;
}

/* Closes the attempt if the site started this job again, so that no attempt runs twice. Returns
 * 0 if closed, FOLDER_NONE if this job has no journal and so had not begun, or -1. */
static int close_requeued(const struct run *r, struct supervise_result *out, struct err *err)
{
	struct folder_list running;
	struct journal_file j;
	struct buf line = {0};
	int rc;

	if (folder_scan(r->o->folder, FOLDER_RUNNING, &running, err))
		return -1;
	rc = FOLDER_NONE;
	for (size_t i = 0; i < running.n && rc == FOLDER_NONE; i++) {
		const struct folder_entry *e = &running.v[i];

		if (e->submission != r->o->submission || e->task != r->o->task ||
		    e->who.slurm_id != r->who.slurm_id)
			continue;
		rc = journal_file_open(r->o->folder, e, &j, err);
		if (rc)
			break;
		journal_add_preempted(&line, clock_now_ms());
		rc = journal_file_append(&j, line.s, line.len, true, err);
		FAILPOINT("requeue-recorded");
		if (!rc)
			rc = journal_file_move(r->o->folder, &j, err);
		snprintf(out->event, sizeof(out->event), "%s", j.entry.name);
		FAILPOINT("requeue-moved");
		journal_file_close(&j);
	}
	buf_release(&line);
	folder_list_release(&running);
	return rc;
}

/* Waits until the hold-off is over if jobs were cancelled in Slurm. Returns whether this job may
 * begin. */
static bool wait_for_decision(struct run *r)
{
	int64_t left;

	if (cancel_phase(r->o->folder, NULL) == CANCEL_NONE)
		return true;
	attempt_log(r->o->log,
		    "jobs may have been cancelled in Slurm: waiting until this is decided");
	while (!r->stop_reason && cancel_phase(r->o->folder, &left) == CANCEL_HOLD_OFF) {
		int sig = proc_signal_wait(left < HOLD_POLL_MS ? (int)left : HOLD_POLL_MS);

		if (sig > 0)
			on_signal(r, sig);
	}
	/* If all jobs were cancelled, the decision has revoked this job's claim. A cancelled job
	 * wins its claim, so that its end record reports the cancellation. */
	return r->stop_reason || (r->o->decide && r->o->decide(r->o->decide_arg));
}

/* Revokes the unused claim: the next ingest makes the job pending again. */
static int revoke_unused_claim(struct run *r, struct supervise_result *out, struct err *err)
{
	int rc = claim_file_revoke(r->o->folder, r->o->submission, r->o->task, &r->who, err);

	FAILPOINT("given-back");
	if (rc < 0)
		return rc;
	attempt_log(
		r->o->log,
		"not started, and pending again: jobs were cancelled in Slurm and no decision came");
	out->outcome = SUPERVISE_GIVEN_BACK;
	return FOLDER_NONE;
}

/* Wins the claim and opens the journal. A retry finds a claim that this job has already won. So
 * a folder that fails for a moment leaves no running row without a supervisor. */
static int win_claim(struct run *r, struct err *err)
{
	struct folder_entry e;
	int rc;

	for (int i = 1;; i++) {
		rc = claim_file_win(r->o->folder, r->o->submission, r->o->task, &r->who, &e, err);
		FAILPOINT("start-taken");
		if (!rc)
			rc = journal_file_open(r->o->folder, &e, &r->journal, err);
		if (rc >= 0 || i == START_TRIES || folder_is_removed(r->o->folder))
			return rc;
		clock_sleep_ms(END_PAUSE_MS);
	}
}

/* Reads the manifest, wins the claim and opens the journal. Returns 0 if the attempt may run,
 * FOLDER_NONE if not (out->outcome), or -1. */
static int start_attempt(struct run *r, struct supervise_result *out, struct err *err)
{
	struct buf line = {0};
	int rc;

	if (r->who.restart > 0) {
		rc = close_requeued(r, out, err);
		if (rc != FOLDER_NONE) {
			out->outcome = SUPERVISE_REQUEUED;
			return rc < 0 ? -1 : FOLDER_NONE;
		}
	}
	rc = manifest_read(r->o->folder, r->o->submission, r->o->task, &r->task, err);
	FAILPOINT("start-manifest");
	if (!rc && !wait_for_decision(r))
		return revoke_unused_claim(r, out, err);
	if (!rc)
		rc = win_claim(r, err);
	if (rc)
		return rc;
	journal_add_start(&line, clock_now_ms(), &r->who);
	append_line(r, &line, false);
	FAILPOINT("start-recorded");
	buf_release(&line);
	return 0;
}

int supervise(const struct supervise_opts *o, struct supervise_result *out, struct err *err)
{
	struct run r = {.o = o, .journal = {.fd = -1}};
	bool reported;
	int rc;

	memset(out, 0, sizeof(*out));
	out->outcome = SUPERVISE_SPENT;
	out->exit_status = 1;
	out->refill = true;
	who_self(&r.who);
	rc = start_attempt(&r, out, err);
	if (rc == FOLDER_NONE && out->outcome == SUPERVISE_SPENT)
		attempt_log(o->log,
			    "the claim of this attempt is used or revoked: nothing was run");
	if (rc)
		goto out;
	out->outcome = SUPERVISE_ENDED;
	attempt_log_begin(o->log, &r.task, o->task, &r.who);
	step_env_base(&r.task, o->dir, r.journal.entry.name, &r.env);
	if (o->tick)
		r.tick_at = clock_mono_ms() + o->tick_first_ms / 2 +
			    (int64_t)(clock_random() % (uint64_t)(o->tick_first_ms + 1));
	run_steps(&r);
	/* If the cause is unknown, no end record is written: the journal stays in running/ with
	 * the steps. Reconciliation then infers the end from Slurm, as for a job that died
	 * without a report. A job that Slurm holds in its queue stays there: it is not submitted
	 * again, and ends this attempt when it is released (close_requeued()). */
	reported = !r.unsure && (!r.held || r.end.completed);
	if (reported)
		rc = report_end(&r, err);
	handle_pending_signals(&r);
	out->exit_status = compute_exit_status(&r);
	out->refill = r.stop_reason != REASON_CANCELLED;
	out->tick_pid = r.tick;
	if (rc && folder_is_removed(o->folder)) {
		out->outcome = SUPERVISE_FOLDER_REMOVED;
		out->refill = reported = false;
		rc = 0;
	}
	if (reported)
		snprintf(out->event, sizeof(out->event), "%s", r.journal.entry.name);
out:
	journal_file_close(&r.journal);
	manifest_task_release(&r.task);
	strs_release(&r.env);
	return rc < 0 ? -1 : 0;
}
