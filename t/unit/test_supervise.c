/* test_supervise.c - one attempt: its claim, its steps, signals, its journal */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>

#include "fake_slurm.h"
#include "chain/cancel.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "scratch.h"
#include "store/folder.h"
#include "chain/supervise.h"
#include "store/manifest.h"
#include "sweep/bash_start.h"

enum { T = 0x99, ID = 100 };

struct here {
	char *dir;
	struct folder *sp;
	int log;
};

static int set_up(void **state)
{
	struct here *h = calloc(1, sizeof(*h));
	char *path = NULL;

	fake_reset();
	fake.njobs = 1;
	fake.jobs[0].id = ID;
	fake.jobs[0].ntasks = 1;
	snprintf(fake.jobs[0].state[0], 24, "RUNNING");
	snprintf(fake.jobs[0].name, sizeof(fake.jobs[0].name), "s.%016x", T);
	setenv("SLURM_JOB_ID", "100", 1);
	setenv("SLURMD_NODENAME", "n1", 1);
	setenv("SLURM_ARRAY_JOB_ID", "98", 1);
	setenv("SLURM_ARRAY_TASK_ID", "2", 1);
	setenv("SLURM_ARRAY_TASK_COUNT", "3", 1);
	unsetenv("SLURM_RESTART_COUNT");
	h->dir = scratch_make();
	assert_int_equal(folder_create(h->dir, NULL), 0);
	assert_int_equal(folder_open(h->dir, &h->sp, NULL), 0);
	assert_true(asprintf(&path, "%s/log", h->dir) > 0);
	h->log = open(path, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	free(path);
	proc_signals_block();
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct here *h = *state;

	close(h->log);
	folder_close(h->sp);
	scratch_drop(h->dir);
	free(h);
	return 0;
}

struct step {
	const char *key, *script;
	const char *needs;
	bool go_on, done;
};

static const char *checkpoint;
static int notice_s;
static char *root; /* NULL: no root of its own */

/* Writes a manifest of one task: each step is a script for sh, in the scratch folder. A script that
 * begins with '!' names a program instead; a script that begins with '|' is a text for bash. */
static void make_manifest(struct here *h, const struct step *steps, size_t n)
{
	struct manifest_head head = {.checkpoint = (char *)(uintptr_t)checkpoint,
				     .notice_s = notice_s,
				     .sweep = (char *)(uintptr_t) "s",
				     .chdir = h->dir,
				     .kill_wait_s = 2};
	struct sweep_param params[] = {{"lr", "1e-3", false}, {"a.b", "x y", false}};
	struct sweep_point point = {.n = 2, .params = params, .sample = -1};
	struct manifest_writer w = {0};
	struct plan plan = {0};
	struct strs done = {0};

	plan.nsteps = n;
	plan.steps = calloc(n, sizeof(*plan.steps));
	for (size_t i = 0; i < n; i++) {
		struct plan_step *s = &plan.steps[i];

		s->key = strdup(steps[i].key);
		s->name = strndup(steps[i].key, strcspn(steps[i].key, " "));
		if (steps[i].script[0] == '|') {
			for (size_t k = 0; k < BASH_START_ARGS; k++)
				strs_add(&s->argv, bash_start_argv[k]);
			strs_add(&s->argv, steps[i].script + 1);
		} else {
			strs_add(&s->argv, steps[i].script[0] == '!' ? steps[i].script + 1 : "sh");
			strs_add(&s->argv, "-c");
			strs_add(&s->argv, steps[i].script);
		}
		if (steps[i].needs)
			strs_add(&s->needs, steps[i].needs);
		s->on_fail = steps[i].go_on ? PLAN_CONTINUE : PLAN_STOP;
		if (steps[i].done)
			strs_add(&done, steps[i].key);
	}
	manifest_add(&w, 7, 8, 2, &point, &plan, &done);
	assert_int_equal(manifest_write(h->sp, T, &w, &head, NULL), 0);
	assert_int_equal(claim_files_make(h->sp, T, 1, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		free(plan.steps[i].key);
		free(plan.steps[i].name);
		strs_release(&plan.steps[i].argv);
		strs_release(&plan.steps[i].needs);
	}
	free(plan.steps);
	strs_release(&done);
	manifest_writer_release(&w);
}

/* The answer of the decision, and how often it was requested. */
static enum { NO_HOOK, UNDECIDED, GOES_ON, STOPS } decision;
static int decisions;
static struct folder *decided_in;

static bool decide(void *arg)
{
	(void)arg;
	decisions++;
	if (decision == STOPS)
		assert_int_equal(
			claim_file_revoke(decided_in, T, 0, &(struct who){.node = "n2"}, NULL), 0);
	return decision != UNDECIDED;
}

static struct supervise_result run_attempt(struct here *h)
{
	struct supervise_opts o = {.folder = h->sp,
				   .dir = h->dir,
				   .submission = T,
				   .log = h->log,
				   .root = root,
				   .decide = decision == NO_HOOK ? NULL : decide};
	struct supervise_result r;
	struct err err = {0};

	if (supervise(&o, &r, &err))
		fail_msg("%s", err.msg);
	return r;
}

/* Returns a short form of the journal, which is in outbox/ under the result's name or still in
 * running/: "0 ok, 1 failed; failed EXIT 3". Caller frees. */
static char *read_journal(struct here *h, const struct supervise_result *r)
{
	struct folder_list running;
	struct buf b = {0};
	struct journal j;

	assert_int_equal(folder_scan(h->sp, FOLDER_RUNNING, &running, NULL), 0);
	assert_int_equal(running.n, !*r->event);
	if (*r->event)
		assert_int_equal(journal_file_read(h->sp, FOLDER_OUTBOX, r->event, &j, NULL), 0);
	else
		assert_int_equal(
			journal_file_read(h->sp, FOLDER_RUNNING, running.v[0].name, &j, NULL), 0);
	folder_list_release(&running);
	for (size_t i = 0; i < j.nsteps; i++)
		buf_addf(&b, "%s%s %s", i ? ", " : "", j.steps[i].key,
			 step_state_name(j.steps[i].state));
	buf_addf(&b, "; %s%s%s",
		 !j.has_end	   ? "no end"
		 : j.end.completed ? "completed"
				   : "failed ",
		 j.has_end ? job_reason_name(j.end.reason) : "", j.preempted ? " preempted" : "");
	if (j.has_end && (j.end.exit_code || j.end.signal))
		buf_addf(&b, " %d/%d", j.end.exit_code, j.end.signal);
	journal_release(&j);
	return buf_take(&b);
}

static void ends_of_steps(void **state)
{
	static const struct {
		struct step steps[4];
		const char *journal;
		int status;
	} v[] = {
		{{{.key = "a", .script = "true"}}, "a completed; completed", 0},
		{{{.key = "a", .script = "exit 3"}}, "a failed; failed EXIT 3/0", 3},
		{{{.key = "a", .script = "kill -SEGV $$"}}, "a failed; failed SIGNAL 0/11", 139},
		{{{.key = "a", .script = "!/no/such/program"}}, "a failed; failed EXIT 127/0", 127},
		{{{.key = "a", .script = "!/etc/passwd"}}, "a failed; failed EXIT 126/0", 126},
		/* a failed step stops the attempt, unless the step continues on error */
		{{{.key = "a", .script = "exit 3"}, {.key = "b", .script = "true"}},
		 "a failed; failed EXIT 3/0",
		 3},
		{{{.key = "a", .script = "exit 3", .go_on = true},
		  {.key = "b", .script = "exit 4"}},
		 "a failed, b failed; failed EXIT 3/0",
		 3},
		/* files that a step needs */
		{{{.key = "a", .script = "exit 3", .go_on = true},
		  {.key = "b x=1", .script = "true", .needs = "a"},
		  {.key = "c", .script = "true"}},
		 "a failed, b x=1 skipped, c completed; failed EXIT 3/0",
		 3},
		{{{.key = "a", .script = "true"}, {.key = "b", .script = "true", .needs = "a"}},
		 "a completed, b completed; completed",
		 0},
		{{{.key = "a x=1", .script = "true"},
		  {.key = "a x=2", .script = "exit 1", .go_on = true},
		  {.key = "b", .script = "true", .needs = "a"}},
		 "a x=1 completed, a x=2 failed, b skipped; failed EXIT 1/0",
		 1},
		/* a step that an earlier attempt completed is not run again, and counts */
		{{{.key = "a", .script = "exit 9", .done = true},
		  {.key = "b", .script = "true", .needs = "a"}},
		 "b completed; completed",
		 0},
		{{{.key = "a", .script = "exit 9", .done = true}}, "; completed", 0},
		/* the environment of a step */
		{{{.key = "env x=1",
		   .script =
			   "test \"$SLURMQ_JOB_ID $SLURMQ_ATTEMPT $SLURMQ_SWEEP $SLURMQ_STEP\" = "
			   "'7 2 s env' && test \"$SLURMQ_PARAM_lr,$SLURMQ_PARAM_a_b\" = '1e-3,x y'"
			   " && test \"$SLURMQ_PARAMS\" = '{\"lr\":\"1e-3\",\"a.b\":\"x y\"}'"
			   " && test \"$PWD\" = \"$SLURMQ_DIR\""}},
		 "env x=1 completed; completed",
		 0},
		{{{.key = "a", .script = "test $SLURM_JOB_ID = 100; ! env | grep ^SLURM_ARRAY_"}},
		 "a completed; completed",
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct supervise_result r;
		size_t n = 0;
		struct here *h;
		char *text;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		while (n < 4 && v[i].steps[n].key)
			n++;
		make_manifest(h, v[i].steps, n);
		r = run_attempt(h);
		assert_int_equal(r.outcome, SUPERVISE_ENDED);
		assert_true(r.refill);
		text = read_journal(h, &r);
		assert_string_equal(text, v[i].journal);
		assert_int_equal(r.exit_status, v[i].status);
		free(text);
		tear_down(&s);
	}
}

static void without_a_claim_no_step_runs(void **state)
{
	struct here *h = *state;
	const struct step one = {.key = "a", .script = "echo ran >>ran"};
	struct supervise_result r;
	struct buf ran = {0};

	make_manifest(h, &one, 1);
	r = run_attempt(h);
	assert_int_equal(r.outcome, SUPERVISE_ENDED);
	r = run_attempt(h);
	assert_int_equal(r.outcome, SUPERVISE_SPENT);
	assert_int_equal(r.exit_status, 1);
	assert_string_equal(r.event, "");
	assert_int_equal(manifest_remove(h->sp, T, NULL), 0);
	r = run_attempt(h);
	assert_int_equal(r.outcome, SUPERVISE_SPENT);
	assert_int_equal(folder_file_get(h->sp, "ran", &ran, NULL), 0);
	assert_string_equal(ran.s, "ran\n");
	buf_release(&ran);
}

/* SIGTERM, and the reason that Slurm reports for it. */
static void reasons_of_sigterm(void **state)
{
	static const struct {
		const char *slurm, *reason, *script, *journal;
		bool refill, recorded;
		int away; /* number of queries that Slurm does not answer */
		int notice_s;
		int restarts;
	} v[] = {
		{"COMPLETING", "None", "kill -TERM $PPID; sleep 20",
		 "a failed; failed CANCELLED 0/15", false, true, 0, 0, 0},
		{"CANCELLED", "None", "kill -TERM $PPID; sleep 20",
		 "a failed; failed CANCELLED 0/15", false, true, 0, 0, 0},
		{"COMPLETING", "TimeLimit", "kill -TERM $PPID; sleep 20",
		 "a failed; failed TIMEOUT 0/15", true, false, 0, 0, 0},
		{"PREEMPTED", "None", "kill -TERM $PPID; sleep 20",
		 "a failed; failed PREEMPTED 0/15", true, false, 0, 0, 0},
		/* only a signal: the job goes on */
		{"RUNNING", "None", "trap '' TERM; kill -TERM $PPID; sleep 0.2",
		 "a completed, b completed; completed", true, false, 0, 0, 0},
		/* the step ignores SIGTERM: the supervisor sends SIGKILL before Slurm does */
		{"COMPLETING", "TimeLimit",
		 "trap '' TERM; kill -TERM $PPID; while :; do sleep 1; done",
		 "a failed; failed TIMEOUT 0/9", true, false, 0, 0, 0},
		/* the step exits with 0, but is not completed */
		{"COMPLETING", "TimeLimit", "trap 'exit 0' TERM; kill -TERM $PPID; sleep 1 & wait",
		 "a failed; failed TIMEOUT", true, false, 0, 0, 0},
		/* the node goes down */
		{"NODE_FAIL", "NodeDown", "kill -TERM $PPID; sleep 20",
		 "a failed; failed NODE_FAIL 0/15", true, false, 0, 0, 0},
		{"COMPLETING", "NodeDown", "kill -TERM $PPID; sleep 20",
		 "a failed; failed NODE_FAIL 0/15", true, false, 0, 0, 0},
		/* no answer: the reason stays unknown, and Slurm may report it later */
		{"RUNNING", "None", "kill -TERM $PPID; sleep 20", "a failed; no end", false, true,
		 9, 0, 0},
		/* one query only: reconcile finds the end in Slurm later */
		{"COMPLETING", "TimeLimit", "kill -TERM $PPID; sleep 20", "a failed; no end", false,
		 true, 1, 0, 0},
		/* no answer, near the time limit: the reason is the time limit */
		{"RUNNING", "None", "kill -USR1 $PPID; sleep 0.2; kill -TERM $PPID; sleep 20",
		 "a failed; failed TIMEOUT 0/15", true, false, 9, 0, 0},
		/* with a notice of an hour, SIGTERM soon after it is not the time limit */
		{"RUNNING", "None", "kill -USR1 $PPID; sleep 0.2; kill -TERM $PPID; sleep 20",
		 "a failed; no end", false, true, 9, 3600, 0},
		/* requeued: the rest is as after scancel */
		{"COMPLETING", "None", "kill -TERM $PPID; sleep 20",
		 "a failed; failed PREEMPTED 0/15", true, false, 0, 0, 1},
		/* requeued and held: the attempt is not over until the job is released */
		{"COMPLETING", "job requeued in held state", "kill -TERM $PPID; sleep 20",
		 "a failed; no end", true, false, 0, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct step steps[] = {{.key = "a", .script = v[i].script},
				       {.key = "b", .script = "true"}};
		struct supervise_result r;
		struct here *h;
		char *text;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		snprintf(fake.jobs[0].state[0], 24, "%s", v[i].slurm);
		fake_reason = v[i].reason;
		fake.away_times = v[i].away;
		fake.jobs[0].restarts = v[i].restarts;
		notice_s = v[i].notice_s;
		make_manifest(h, steps, 2);
		notice_s = 0;
		r = run_attempt(h);
		text = read_journal(h, &r);
		assert_string_equal(text, v[i].journal);
		assert_int_equal(r.refill, v[i].refill);
		assert_int_equal(folder_file_exists(h->sp, "cancelled/100"), v[i].recorded);
		free(text);
		tear_down(&s);
	}
	fake_reason = NULL;
}

/* SIGUSR1 announces the time limit. The command gets the signal of its checkpoint option, and only
 * a process that catches it. */
static void checkpoints(void **state)
{
	static const struct {
		const char *checkpoint, *script, *journal, *log;
	} v[] = {
		{NULL, "trap 'exit 3' USR1; kill -USR1 $PPID; sleep 0.3; exit 4",
		 "a failed; failed EXIT 4/0", NULL},
		{"USR1", "trap 'exit 3' USR1; kill -USR1 $PPID; while :; do sleep 0.1; done",
		 "a failed; failed EXIT 3/0", "the time limit is near: USR1 sent to the command"},
		{"HUP",
		 "trap 'exit 3' USR1; trap 'exit 5' HUP; kill -USR1 $PPID; while :; do sleep 0.1; done",
		 "a failed; failed EXIT 5/0", "the time limit is near: HUP sent to the command"},
		/* the signal would kill this process */
		{"USR1", "kill -USR1 $PPID; sleep 0.3", "a completed; completed",
		 "the time limit is near: USR1 not sent, the command does not catch it"},
		{"TERM", "kill -USR1 $PPID; sleep 0.3", "a completed; completed",
		 "the time limit is near: TERM not sent, the command does not catch it"},
		/* the shell that runs the command need not catch it */
		{"USR1",
		 "sh -c 'trap \"exit 6\" USR1; echo >begun; while :; do sleep 0.1; done' & "
		 "until [ -e begun ]; do sleep 0.1; done; kill -USR1 $PPID; wait $!; exit $?",
		 "a failed; failed EXIT 6/0", "the time limit is near: USR1 sent to the command"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct step one = {.key = "a", .script = v[i].script};
		struct supervise_result r;
		struct buf log = {0};
		struct here *h;
		char *text;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		checkpoint = v[i].checkpoint;
		make_manifest(h, &one, 1);
		checkpoint = NULL;
		r = run_attempt(h);
		text = read_journal(h, &r);
		assert_string_equal(text, v[i].journal);
		assert_int_equal(folder_file_get(h->sp, "log", &log, NULL), 0);
		if (v[i].log ? !strstr(log.s, v[i].log) : !!strstr(log.s, "is near"))
			fail_msg("%zu: %s", i, log.s);
		buf_release(&log);
		free(text);
		tear_down(&s);
	}
}

/* The folder is removed while the command runs: the job does not wait, and exits with the command's
 * status. */
static void the_folder_is_removed(void **state)
{
	static const struct {
		const char *script;
		int status;
	} v[] = {
		{"rm -rf \"$SLURMQ_DIR\"; exit 3", 3},
		{"rm -rf \"$SLURMQ_DIR\"", 0},
		{"rm -rf \"$SLURMQ_DIR\"/*", 0},
		{"rm -rf \"$SLURMQ_DIR\"; mkdir -p \"$SLURMQ_DIR/outbox\"; kill -KILL $$", 137},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct step one = {.key = "a", .script = v[i].script};
		struct supervise_result r;
		void *s;

		assert_int_equal(set_up(&s), 0);
		make_manifest(s, &one, 1);
		r = run_attempt(s);
		assert_int_equal(r.outcome, SUPERVISE_FOLDER_REMOVED);
		assert_int_equal(r.exit_status, v[i].status);
		assert_false(r.refill);
		assert_string_equal(r.event, "");
		tear_down(&s);
	}
}

/* A pipe fails if one of its commands fails, and the log explains the status of SIGPIPE. */
static void pipes(void **state)
{
	static const struct {
		const char *script, *journal;
		bool explained;
	} v[] = {
		{"|false | cat", "a failed; failed EXIT 1/0", false},
		{"|yes | head -n 1", "a failed; failed EXIT 141/0", true},
		{"|set +o pipefail; yes | head -n 1", "a completed; completed", false},
		{"|exit 140", "a failed; failed EXIT 140/0", false},
		{"false | cat", "a completed; completed", false},
		{"exit 141", "a failed; failed EXIT 141/0", false},
		{"|kill -PIPE $$", "a failed; failed SIGNAL 0/13", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct step one = {.key = "a", .script = v[i].script};
		struct supervise_result r;
		struct buf log = {0};
		struct here *h;
		char *text;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		make_manifest(h, &one, 1);
		r = run_attempt(h);
		text = read_journal(h, &r);
		assert_string_equal(text, v[i].journal);
		assert_int_equal(folder_file_get(h->sp, "log", &log, NULL), 0);
		if (v[i].explained != !!strstr(log.s, ": SIGPIPE ended a command") ||
		    v[i].explained !=
			    !!strstr(log.s, "'set +o pipefail' in the text allows this <==\n"))
			fail_msg("%zu: %s", i, log.s);
		buf_release(&log);
		free(text);
		tear_down(&s);
	}
}

/* The kernel kills the step, or a child of it, for lack of memory. Earlier kills in the cgroup are
 * not counted. */
static void out_of_memory(void **state)
{
	static const struct {
		const char *first, *second, *journal;
	} v[] = {
		{"echo oom_kill 3 >memory.events; kill -KILL $$", "true",
		 "a failed; failed OUT_OF_MEMORY 0/9"},
		{"echo oom_kill 3 >memory.events; exit 1", "true",
		 "a failed; failed OUT_OF_MEMORY 1/0"},
		{"kill -KILL $$", "true", "a failed; failed SIGNAL 0/9"},
		{"echo oom_kill 3 >memory.events", "true", "a completed, b completed; completed"},
		{"echo oom_kill 3 >memory.events", "exit 4",
		 "a completed, b failed; failed EXIT 4/0"},
		{"rm memory.events; exit 4", "true", "a failed; failed EXIT 4/0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct step steps[] = {{.key = "a", .script = v[i].first},
				       {.key = "b", .script = v[i].second}};
		struct supervise_result r;
		struct here *h;
		char *text, *cmd;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		cmd = mem_printf("cd %s && mkdir -p root/proc/self root/sys/fs/cgroup/job_1 && "
				 "echo 0::/job_1/step_batch >root/proc/self/cgroup && "
				 "echo oom_kill 2 >memory.events && "
				 "ln -s ../../../../../memory.events root/sys/fs/cgroup/job_1",
				 h->dir);
		assert_int_equal(system(cmd), 0);
		free(cmd);
		root = mem_printf("%s/root", h->dir);
		make_manifest(h, steps, 2);
		r = run_attempt(h);
		free(root);
		root = NULL;
		text = read_journal(h, &r);
		assert_string_equal(text, v[i].journal);
		free(text);
		tear_down(&s);
	}
}

/* Other jobs were cancelled: no step starts before the decision. */
static void starts_in_the_hold_off(void **state)
{
	static const struct {
		int64_t age; /* of the cancel record, in ms; 0: no record */
		int decision, decisions;
		enum supervise_outcome outcome;
		bool waits;
		int sig; /* arrives while the job waits */
		const char *slurm, *reason, *journal;
		bool refill, recorded;
	} v[] = {
		{0, STOPS, 0, SUPERVISE_ENDED, false, 0, "RUNNING", "None",
		 "a completed; completed", true, false},
		{9500, GOES_ON, 1, SUPERVISE_ENDED, true, 0, "RUNNING", "None",
		 "a completed; completed", true, false},
		{9500, STOPS, 1, SUPERVISE_SPENT, true, 0, "RUNNING", "None", NULL, true, false},
		{9500, UNDECIDED, 1, SUPERVISE_GIVEN_BACK, true, 0, "RUNNING", "None", NULL, true,
		 false},
		{9500, NO_HOOK, 0, SUPERVISE_GIVEN_BACK, true, 0, "RUNNING", "None", NULL, true,
		 false},
		{11000, GOES_ON, 1, SUPERVISE_ENDED, false, 0, "RUNNING", "None",
		 "a completed; completed", true, false},
		{11000, UNDECIDED, 1, SUPERVISE_GIVEN_BACK, false, 0, "RUNNING", "None", NULL, true,
		 false},
		/* cancelled while it waits: it writes its end */
		{5000, UNDECIDED, 0, SUPERVISE_ENDED, false, SIGTERM, "CANCELLED", "None",
		 "; failed CANCELLED", false, true},
		{5000, UNDECIDED, 0, SUPERVISE_ENDED, false, SIGTERM, "COMPLETING", "TimeLimit",
		 "; failed TIMEOUT", true, false},
		/* only a signal, or the time limit is near: it goes on waiting */
		{9500, GOES_ON, 1, SUPERVISE_ENDED, true, SIGTERM, "RUNNING", "None",
		 "a completed; completed", true, false},
		{9500, GOES_ON, 1, SUPERVISE_ENDED, true, SIGUSR1, "RUNNING", "None",
		 "a completed; completed", true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct step one = {.key = "a", .script = "true"};
		struct supervise_result r;
		struct folder_list revoked;
		int64_t began, took;
		struct here *h;
		void *s;

		assert_int_equal(set_up(&s), 0);
		h = s;
		make_manifest(h, &one, 1);
		if (v[i].age) {
			cancel_record(h->sp, &(struct who){.slurm_id = 7});
			scratch_later(h->dir, "cancelled/7", v[i].age);
		}
		snprintf(fake.jobs[0].state[0], 24, "%s", v[i].slurm);
		fake_reason = v[i].reason;
		decision = v[i].decision;
		decided_in = h->sp;
		decisions = 0;
		if (v[i].sig)
			kill(getpid(), v[i].sig);
		began = clock_mono_ms();
		r = run_attempt(h);
		took = clock_mono_ms() - began;
		decision = NO_HOOK;
		if (r.outcome != v[i].outcome || decisions != v[i].decisions)
			fail_msg("case %zu: outcome %d, asked %d times", i, (int)r.outcome,
				 decisions);
		if (v[i].waits && took < 100)
			fail_msg("case %zu: waited %d ms", i, (int)took);
		if (v[i].age == 5000 && took > 4000)
			fail_msg("case %zu: waited %d ms", i, (int)took);
		assert_int_equal(r.refill, v[i].refill);
		assert_int_equal(folder_file_exists(h->sp, "cancelled/100"), v[i].recorded);
		assert_int_equal(folder_file_exists(h->sp, "cancelled/7"), v[i].age > 0);
		assert_int_equal(folder_scan(h->sp, FOLDER_REVOKED, &revoked, NULL), 0);
		assert_int_equal(revoked.n, v[i].outcome != SUPERVISE_ENDED);
		folder_list_release(&revoked);
		if (v[i].journal) {
			char *text = read_journal(h, &r);

			assert_string_equal(text, v[i].journal);
			free(text);
		} else {
			assert_string_equal(r.event, "");
		}
		tear_down(&s);
	}
	fake_reason = NULL;
}

/* Slurm requeued the job: the attempt is closed, and no step runs. */
static void requeued(void **state)
{
	struct here *h = *state;
	const struct step one = {.key = "a", .script = "echo ran >>ran"};
	struct who first = {.slurm_id = ID, .node = "n0", .pid = 1, .random = 1};
	struct supervise_result r;
	struct folder_entry e;
	char *text;

	make_manifest(h, &one, 1);
	assert_int_equal(claim_file_win(h->sp, T, 0, &first, &e, NULL), 0);
	setenv("SLURM_RESTART_COUNT", "1", 1);
	r = run_attempt(h);
	assert_int_equal(r.outcome, SUPERVISE_REQUEUED);
	assert_true(r.refill);
	assert_int_equal(r.exit_status, 1);
	text = read_journal(h, &r);
	assert_string_equal(text, "; no end preempted");
	free(text);
	assert_false(folder_file_exists(h->sp, "ran"));
}

/* Requeued before the claim was won: the attempt starts now. */
static void requeued_before_the_start(void **state)
{
	struct here *h = *state;
	const struct step one = {.key = "a", .script = "true"};
	struct supervise_result r;
	char *text;

	make_manifest(h, &one, 1);
	setenv("SLURM_RESTART_COUNT", "1", 1);
	r = run_attempt(h);
	assert_int_equal(r.outcome, SUPERVISE_ENDED);
	text = read_journal(h, &r);
	assert_string_equal(text, "a completed; completed");
	free(text);
}

/* The old journal was removed while its supervisor was alive: the end is written nevertheless. */
static void an_end_after_the_journal_was_removed(void **state)
{
	struct here *h = *state;
	const struct step one = {.key = "a", .script = "rm running/*"};
	struct supervise_result r;
	char *text;

	make_manifest(h, &one, 1);
	r = run_attempt(h);
	text = read_journal(h, &r);
	assert_string_equal(text, "a completed; completed");
	free(text);
}

#define T1(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_of_steps),
		T1(without_a_claim_no_step_runs),
		cmocka_unit_test(reasons_of_sigterm),
		cmocka_unit_test(checkpoints),
		cmocka_unit_test(pipes),
		cmocka_unit_test(the_folder_is_removed),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(starts_in_the_hold_off),
		T1(requeued),
		T1(requeued_before_the_start),
		T1(an_end_after_the_journal_was_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
