/*
 * cluster.c - a simulated Slurm: the output of its commands, and its jobs. For the source of each
 * fact see slurm.h.
 */
#include "sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/manifest.h"

enum { MIN_JOB_AGE_S = 300, KILL_WAIT_S = 30, USR1_S = 60, MAX_ARRAY = 1001, ACCT_LAG_S = 5 };
static const int64_t EPOCH_S = 1700000000;

struct sim_job *cluster_jobs;
struct cluster_knobs cluster;
static uint64_t next_id;
static bool scheduling;

void cluster_reset(void)
{
	while (cluster_jobs) {
		struct sim_job *j = cluster_jobs;

		cluster_jobs = j->next;
		free(j);
	}
	memset(&cluster, 0, sizeof(cluster));
	next_id = 100;
	scheduling = false;
}

int cluster_active(void)
{
	int n = 0;

	for (struct sim_job *j = cluster_jobs; j; j = j->next)
		n += !j->gone && (j->phase == SLURM_PENDING || j->phase == SLURM_RUNNING);
	return n;
}

/* ---- starts and ends of jobs ---- */

static void schedule_jobs(void *arg);

static void schedule_soon(void)
{
	if (scheduling)
		return;
	scheduling = true;
	sim_at(sim.now + sim_rnd(cluster.patience), schedule_jobs, NULL);
}

static void harm_job(void *arg);

/* A node, but none of --exclude, unless that names all. */
static int pick_host(const struct sim_job *j)
{
	char name[16];
	int host, tries = 0;

	do {
		host = (int)(1 + sim_rnd(SIM_NODES - 1));
		snprintf(name, sizeof(name), "node%d", host);
	} while (*j->exclude && strstr(j->exclude, name) && ++tries < 100);
	return host;
}

static void start_job(struct sim_job *j)
{
	bool last = true;
	char **env = mem_alloc(16 * sizeof(*env)), *manifest;
	struct sim_proc *p;
	size_t n = 0;

	for (struct sim_job *o = cluster_jobs; o; o = o->next)
		if (o != j && o->array_id == j->array_id && !o->id && !o->gone &&
		    o->phase == SLURM_PENDING)
			last = false;
	if (!j->id)
		j->id = last ? j->array_id : next_id++;
	j->phase = SLURM_RUNNING;
	snprintf(j->state, sizeof(j->state), "RUNNING");
	snprintf(j->reason, sizeof(j->reason), "None");
	j->begun = sim.now;
	j->host = pick_host(j);
	env[n++] = mem_strdup("PATH=/usr/bin");
	env[n++] = mem_strdup("SLURMQ_DIR=/sim/.slurmq");
	env[n++] = mem_printf("SLURM_JOB_ID=%" PRIu64, j->id);
	env[n++] = mem_printf("SLURMD_NODENAME=node%d", j->host);
	if (j->restarts)
		env[n++] = mem_printf("SLURM_RESTART_COUNT=%d", j->restarts);
	if (j->task >= 0) {
		env[n++] = mem_printf("SLURM_ARRAY_JOB_ID=%" PRIu64, j->array_id);
		env[n++] = mem_printf("SLURM_ARRAY_TASK_ID=%d", j->task);
	}
	manifest = mem_printf("%016" PRIx64, j->submission);
	sim_trace("job %" PRIu64 " (%" PRIu64 "_%d) starts on node%d", j->id, j->array_id, j->task,
		  j->host);
	p = sim_spawn(j->sentinel ? (const char *const[]){"chain", "--sentinel", NULL}
				  : (const char *const[]){"run", manifest, NULL},
		      (const char *const *)env, j->host, j);
	p->ppid = 1;
	j->batch_pid = p->pid;
	if (sim_chance(sim.k.kill_runs))
		p->kill_in = (int)(1 + sim_rnd(sim_chance(50) ? 60 : 500));
	if (sim_chance(sim.k.fail_calls))
		p->fail_in = (int)(1 + sim_rnd(400));
	if (!j->sentinel && sim_chance(sim.k.site_harms))
		sim_at(sim.now + sim_rnd(20 * SEC), harm_job, j);
	free(manifest);
	for (size_t i = 0; i < n; i++)
		free(env[i]);
	free(env);
}

static void near_limit(void *arg);
static void at_limit(void *arg);

static void start_at_begin(void *arg)
{
	(void)arg;
	schedule_soon();
}

/* Returns whether a job may start: --begin, and --dependency=singleton (one job of a name at a
 * time, the older first). */
static bool may_start(const struct sim_job *j)
{
	if (!j->sentinel)
		return j->begin <= sim.now;
	for (const struct sim_job *o = cluster_jobs; o != j; o = o->next)
		if (o->sentinel && o->phase != SLURM_OVER && !o->gone)
			return false;
	return j->begin <= sim.now;
}

static void schedule_jobs(void *arg)
{
	int running = 0;
	struct sim_job *first = NULL;

	(void)arg;
	scheduling = false;
	if (cluster.away)
		return;
	for (struct sim_job *j = cluster_jobs; j; j = j->next) {
		running += j->phase == SLURM_RUNNING || j->phase == SLURM_COMPLETING;
		if (!first && j->phase == SLURM_PENDING && !j->gone && may_start(j))
			first = j;
	}
	if (!first || running >= cluster.slots)
		return;
	start_job(first);
	sim_at(sim.now + first->limit - USR1_S * SEC - sim_rnd(30 * SEC), near_limit, first);
	sim_at(sim.now + first->limit, at_limit, first);
	schedule_soon();
}

static void kill_proc(struct sim_proc *p, void *arg)
{
	(void)arg;
	sim_kill(p);
}

static void end_with_state(struct sim_job *j, const char *state)
{
	j->phase = SLURM_OVER;
	j->ended = sim.now;
	snprintf(j->state, sizeof(j->state), "%s", state);
	sim_trace("job %" PRIu64 " is %s", j->id, state);
	schedule_soon();
}

static void requeue_job(struct sim_job *j)
{
	j->phase = SLURM_PENDING;
	j->submitted = sim.now;
	j->restarts++;
	j->got_sigterm = false;
	j->final[0] = '\0';
	snprintf(j->state, sizeof(j->state), "PENDING");
	snprintf(j->reason, sizeof(j->reason), "BeginTime");
	schedule_soon();
}

void cluster_reported(struct sim_job *j)
{
	j->reported_at = sim.now;
	j->one_slot = cluster.limit == 1;
}

/* A short job queries squeue at its end, unless another job did so within three seconds. */
static void note_leave(struct sim_job *j)
{
	j->left_normally = true;
	cluster.short_job_left |= !j->sentinel && sim.now < j->begun + 5 * SEC &&
				  j->begun > cluster.all_listed + 3 * SEC;
}

void cluster_batch_ended(struct sim_job *j, int exit_code, int sig)
{
	j->batch_pid = 0;
	cluster.last_left = sim.now;
	j->one_slot |= j->sentinel && cluster.limit == 1; /* the sentinel uses that slot itself */
	sim_procs_each(j, kill_proc, NULL); /* Slurm ends processes that it left behind */
	if (j->phase != SLURM_RUNNING && j->phase != SLURM_COMPLETING)
		return;
	if (j->node_failed)
		return; /* slurmctld will notice */
	if (!sig && !j->got_sigterm)
		note_leave(j);
	j->exit_code = exit_code;
	j->signal = sig;
	if (!j->final[0] && (exit_code || sig))
		snprintf(j->reason, sizeof(j->reason), "%s",
			 sig ? "JobLaunchFailure" : "NonZeroExitCode");
	if (!strcmp(j->final, "REQUEUE"))
		requeue_job(j);
	else
		end_with_state(j, j->final[0]	     ? j->final
				  : exit_code || sig ? "FAILED"
						     : "COMPLETED");
}

/* ---- how Slurm ends a job ---- */

struct late {
	int pid, sig;
};

static void deliver_signal(void *arg)
{
	struct late *l = arg;
	struct sim_proc *p = sim_proc_find(l->pid);

	if (p)
		sim_signal(p, l->sig);
	free(l);
}

static void signal_one(struct sim_proc *p, void *arg)
{
	struct late *l = mem_alloc(sizeof(*l));

	l->pid = p->pid;
	l->sig = *(int *)arg;
	sim_at(sim.now + sim_rnd(SEC / 20), deliver_signal, l);
}

static void kill_job(void *arg)
{
	struct sim_job *j = arg;

	if (j->phase == SLURM_COMPLETING)
		sim_procs_each(j, kill_proc, NULL);
}

/* Sends SIGCONT and SIGTERM, and SIGKILL after KillWait, to each process of the job in turn. */
static void end_job(struct sim_job *j, const char *final, const char *reason)
{
	int sigs[] = {SIGCONT, SIGTERM};

	if (j->phase != SLURM_RUNNING)
		return;
	sim_trace("job %" PRIu64 " is to end: %s", j->id, final);
	j->phase = SLURM_COMPLETING;
	j->got_sigterm = true;
	snprintf(j->state, sizeof(j->state), "COMPLETING");
	snprintf(j->reason, sizeof(j->reason), "%s", reason);
	snprintf(j->final, sizeof(j->final), "%s", final);
	for (int i = 0; i < 2; i++)
		sim_procs_each(j, signal_one, &sigs[i]);
	sim_at(sim.now + KILL_WAIT_S * SEC, kill_job, j);
	schedule_soon();
}

static void near_limit(void *arg)
{
	struct sim_job *j = arg;
	struct sim_proc *p = sim_proc_find(j->batch_pid);

	if (j->phase == SLURM_RUNNING && p && sim.now >= j->begun + j->limit - 2 * USR1_S * SEC)
		sim_signal(p, SIGUSR1);
}

static void at_limit(void *arg)
{
	struct sim_job *j = arg;

	if (j->phase == SLURM_RUNNING && sim.now >= j->begun + j->limit)
		end_job(j, "TIMEOUT", "TimeLimit");
}

static bool has_started_tasks(const struct sim_job *j)
{
	for (struct sim_job *o = cluster_jobs; o; o = o->next)
		if (o->array_id == j->array_id && o->id)
			return true;
	return false;
}

static void cancel_job(struct sim_job *j, bool whole)
{
	if (j->gone)
		return;
	j->by_user = true;
	if (j->phase == SLURM_RUNNING || j->phase == SLURM_PENDING)
		j->scancelled = sim.now;
	if (j->phase == SLURM_RUNNING) {
		end_job(j, "CANCELLED", "None");
	} else if (j->phase == SLURM_PENDING) {
		end_with_state(j, "CANCELLED");
		snprintf(j->reason, sizeof(j->reason), "None");
		/* a single pending job leaves no record; the rest of a started array, one line */
		if (j->task >= 0 && !j->id && !whole)
			j->gone = true;
		else if (j->task >= 0 && !j->id && has_started_tasks(j))
			j->collapsed = true;
	}
}

/* "123", "123_4" */
static void cancel_named_jobs(const char *name, bool pending)
{
	uint64_t id = strtoull(name, NULL, 10);
	const char *under = strchr(name, '_');
	int task = under ? atoi(under + 1) : -1;

	for (struct sim_job *j = cluster_jobs; j; j = j->next) {
		if (pending && j->phase != SLURM_PENDING)
			continue;
		if (under && j->array_id == id && j->task == task)
			cancel_job(j, false);
		else if (!under && j->array_id == id)
			cancel_job(j, true);
	}
}

static void cancel_listed_jobs(void *arg)
{
	struct sim_job *j = arg;

	cluster.scancelled += !j->gone && (j->phase == SLURM_PENDING || j->phase == SLURM_RUNNING);
	cluster.scancelled_pending += !j->gone && j->phase == SLURM_PENDING;
	cancel_job(j, true);
}

static void note_records(void *arg)
{
	(void)arg;
	cluster.signalled = story_records() > 0;
}

/* Returns whether slurmq cannot know of the scancel yet. One job alone is not everything. If no process
 * was signalled, only short jobs query squeue, at their end, for pending jobs that were cancelled. */
bool cluster_unheard(void)
{
	if (cluster.scancelled < 2)
		return true;
	return !cluster.signalled && (cluster.scancelled_pending < 2 || !cluster.short_job_left);
}

/* scancel first lists the jobs, then cancels each: a job that is submitted in between is not in the
 * list. */
void cluster_scancel_all(void)
{
	const int64_t takes = 1 + sim_rnd(sim_rnd(2) ? SEC / 20 : 3 * SEC);
	const int64_t after = sim.now + sim_rnd(SEC / 10);

	sim_trace("scancel of everything");
	cluster.last_scancel = sim.now;
	cluster.scancelled = 0;
	cluster.scancelled_pending = 0;
	cluster.signalled = cluster.short_job_left = false;
	cluster.all_listed = after + takes;
	for (struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j->phase != SLURM_OVER)
			sim_at(after + sim_rnd(takes), cancel_listed_jobs, j);
	sim_at(after + takes + SEC / 2, note_records, NULL);
}

int cluster_scancel_some(int per_hundred)
{
	const struct sim_job *survivor = NULL;
	int n = 0;

	for (struct sim_job *j = cluster_jobs; j && !survivor; j = j->next)
		if (!j->gone && !j->sentinel && j->submitted < sim.now - 20 * SEC &&
		    (j->phase == SLURM_PENDING ||
		     (j->phase == SLURM_RUNNING && j->begun > sim.now - 5 * SEC)))
			survivor = j;
	for (struct sim_job *j = cluster_jobs; j && survivor; j = j->next) {
		if (j == survivor || j->gone || j->sentinel || !sim_chance(per_hundred) ||
		    (j->phase != SLURM_PENDING && j->phase != SLURM_RUNNING))
			continue;
		cancel_job(j, false);
		n++;
	}
	return n;
}

/* ---- sbatch ---- */

struct request {
	char name[96];
	bool sentinel, requeue;
	int64_t begin; /* seconds from now */
	int64_t limit; /* minutes; 0: the site's default */
	int ntasks;
	bool array;
	uint64_t submission;
	char exclude[32];
};

/* Makes a job that the controller has accepted. Returns 0 over the limit. */
static uint64_t make_job(const struct request *r)
{
	struct sim_job **at = &cluster_jobs;
	uint64_t id = next_id;

	if (cluster.limit >= 0 && cluster_active() + r->ntasks > cluster.limit)
		return 0;
	if (cluster.nothing_from && sim.now > cluster.nothing_from && !cluster_unheard())
		sim_violation("%s is submitted %d s after scancel of all jobs", r->name,
			      (int)((sim.now - cluster.last_scancel) / SEC));
	next_id++;
	while (*at)
		at = &(*at)->next;
	for (int i = 0; i < r->ntasks; i++) {
		struct sim_job *j = mem_alloc(sizeof(*j));

		j->array_id = id;
		j->id = r->array ? 0 : id;
		j->task = r->array ? i : -1;
		j->ntasks = r->ntasks;
		j->submission = r->submission;
		j->sentinel = r->sentinel;
		j->requeue = r->requeue;
		j->begin = sim.now + r->begin * SEC;
		j->submitted = sim.now;
		j->limit = r->limit ? r->limit * 60 * SEC : cluster.walltime;
		snprintf(j->name, sizeof(j->name), "%s", r->name);
		snprintf(j->exclude, sizeof(j->exclude), "%s", r->exclude);
		snprintf(j->state, sizeof(j->state), "PENDING");
		snprintf(j->reason, sizeof(j->reason), "Priority");
		*at = j;
		at = &j->next;
	}
	sim_trace("Slurm makes %" PRIu64 " (%s, %d tasks)", id, r->name, r->ntasks);
	if (r->begin)
		sim_at(sim.now + r->begin * SEC, start_at_begin, NULL);
	schedule_soon();
	return id;
}

static void read_request(const struct proc_spec *spec, struct request *r)
{
	const char *dot, *bin;
	bool requeue = false;

	memset(r, 0, sizeof(*r));
	r->ntasks = 1;
	for (const char *const *a = spec->argv; *a; a++) {
		if (!strncmp(*a, "--job-name=", 11))
			snprintf(r->name, sizeof(r->name), "%s", *a + 11);
		requeue |= !strcmp(*a, "--requeue");
		if (!strncmp(*a, "--begin=now+", 12))
			r->begin = atoi(*a + 12);
		if (!strncmp(*a, "--exclude=", 10))
			snprintf(r->exclude, sizeof(r->exclude), "%s", *a + 10);
		if (!strncmp(*a, "--time=", 7))
			r->limit = atoi(*a + 7);
		if (!strncmp(*a, "--array=0-", 10)) {
			r->array = true;
			r->ntasks = atoi(*a + 10) + 1;
		}
	}
	r->sentinel = !strncmp(r->name, "slurmq-sentinel.", 16);
	r->requeue = requeue && !r->sentinel;
	if (r->sentinel) {
		if (!strstr(spec->in, " chain --sentinel\n"))
			sim_violation("the sentinel's script is: %s", spec->in);
		return;
	}
	dot = strrchr(r->name, '.');
	if (!dot || manifest_name_parse(dot + 1, &r->submission))
		sim_violation("a job's name is '%s'", r->name);
	bin = strstr(spec->in, "exec ");
	if (!bin || !strstr(bin, dot ? dot + 1 : "?"))
		sim_violation("the script does not run its manifest: %s", spec->in);
	for (const char *const *e = spec->envp; e && *e; e++)
		if (!strncmp(*e, "SLURM_JOB", 9))
			sim_violation("sbatch got %s", *e);
}

/* The request arrives, although its slurmq may be dead. */
static void arrive_late(void *arg)
{
	struct request *r = arg;

	if (!cluster.away)
		make_job(r);
	free(r);
}

static void send_late(const struct request *r, int64_t within)
{
	struct request *copy = mem_alloc(sizeof(*copy));

	*copy = *r;
	sim_at(sim.now + sim_rnd(within), arrive_late, copy);
}

/* The slurmq of an sbatch was killed: sbatch goes on, unless it was killed with its job. */
void cluster_sbatch_orphaned(struct sim_proc *p)
{
	if (!p->sbatch_sent && sim_chance(p->job ? 30 : 70))
		send_late(p->sbatch, 5 * SEC);
}

enum sbatch_fault {
	SBATCH_LOST_REPLY,
	SBATCH_LOST_REQUEST,
	SBATCH_HANGS,
	SBATCH_HANGS_AND_MAKES,
	SBATCH_SILENT,
	SBATCH_BUSY,
	SBATCH_REFUSED,
	SBATCH_NFAULTS
};

static void fail_sbatch(const struct request *r, struct proc_result *out)
{
	int kind = (int)sim_rnd(SBATCH_NFAULTS);

	if (kind == SBATCH_REFUSED && !sim_chance(10))
		kind = SBATCH_LOST_REPLY;
	sim_trace("sbatch: fault %d", kind);
	out->exit_code = 1;
	switch (kind) {
	case SBATCH_LOST_REPLY:
	case SBATCH_LOST_REQUEST:
		if (kind == SBATCH_LOST_REPLY)
			make_job(r);
		sim_wait(sim.now + 10 * SEC, false);
		buf_addstr(&out->err,
			   "sbatch: error: Batch job submission failed: Socket timed out "
			   "on send/recv operation\n");
		break;
	case SBATCH_HANGS_AND_MAKES:
		send_late(r, 80 * SEC);
		/* fall through */
	case SBATCH_HANGS:
		sim_wait(sim.now + 60 * SEC, false);
		out->exit_code = 0;
		out->signal = SIGTERM;
		out->timed_out = true;
		break;
	case SBATCH_SILENT:
		make_job(r);
		out->exit_code = 0;
		break;
	case SBATCH_BUSY:
		sim_wait(sim.now + 60 * SEC, false);
		buf_addstr(&out->err,
			   "sbatch: error: Slurm temporarily unable to accept job, sleeping "
			   "and retrying\n");
		out->exit_code = 0;
		out->signal = SIGTERM;
		out->timed_out = true;
		break;
	default:
		buf_addstr(&out->err,
			   "sbatch: error: Batch job submission failed: Invalid partition "
			   "name specified\n");
		break;
	}
}

static void fail_unreachable(const char *tool, struct proc_result *out)
{
	sim_wait(sim.now + 9 * SEC, false);
	buf_addf(&out->err, "%s: Unable to contact slurm controller (connect failure)\n", tool);
	out->exit_code = 1;
}

void story_check_sbatch(int ntasks);

/* sbatch has its script, and its slurmq does not wait for it yet. */
void cluster_sbatch_fed(const struct proc_spec *spec)
{
	struct request *r = mem_alloc(sizeof(*r));

	read_request(spec, r);
	free(sim_self->sbatch);
	sim_self->sbatch = r;
	sim_self->sbatch_sent = false;
}

static void run_sbatch(const struct proc_spec *spec, struct proc_result *out)
{
	const struct request *r;
	uint64_t id;

	cluster_sbatch_fed(spec);
	r = sim_self->sbatch;
	story_check_sbatch(r->ntasks);
	sim_point("sbatch");
	sim_wait(sim.now + SEC / 100 + sim_rnd(SEC / 20), false);
	sim_self->sbatch_sent = true;
	if (cluster.away) {
		fail_unreachable("sbatch: error: Batch job submission failed", out);
	} else if (sim.faults && sim_chance(sim.k.sbatch_trouble)) {
		fail_sbatch(r, out);
	} else {
		id = make_job(r);
		sim_point("sbatch answers");
		sim_wait(sim.now + sim_rnd(SEC / 50), false);
		if (id) {
			buf_addf(&out->out, "%" PRIu64 "\n", id);
		} else {
			buf_addstr(
				&out->err,
				"sbatch: error: QOSMaxSubmitJobPerUserLimit\n"
				"sbatch: error: Batch job submission failed: Job violates accounting/QOS "
				"policy (job submit limit, user's size and/or time limits)\n");
			out->exit_code = 1;
		}
	}
	free(sim_self->sbatch);
	sim_self->sbatch = NULL;
}

/* ---- squeue, scancel, scontrol ---- */

static bool is_shown(const struct sim_job *j)
{
	return !j->gone && (j->phase != SLURM_OVER || sim.now - j->ended < MIN_JOB_AGE_S * SEC);
}

static void add_field(struct buf *to, char what, const struct sim_job *j)
{
	switch (what) {
	case 'A':
		buf_addf(to, "%" PRIu64, j->id && !j->collapsed ? j->id : j->array_id);
		break;
	case 'F':
		buf_addf(to, "%" PRIu64, j->array_id);
		break;
	case 'K':
		if (j->task < 0 || j->collapsed)
			buf_addstr(to, "N/A");
		else
			buf_addf(to, "%d", j->task);
		break;
	case 'T':
		buf_addstr(to, j->state);
		break;
	case 'r':
		buf_addstr(to, j->reason);
		break;
	case 'V':
		buf_addf(to, "%" PRId64, EPOCH_S + j->submitted / SEC);
		break;
	case 'e':
		buf_addf(to, "%" PRId64,
			 EPOCH_S + (j->phase == SLURM_OVER ? j->ended : sim.now + j->limit) / SEC);
		break;
	case 'j':
		buf_addstr(to, j->name);
		break;
	default:
		sim_violation("the simulated squeue has no field %%%c", what);
		break;
	}
}

static void add_job(struct buf *to, const char *format, const struct sim_job *j)
{
	for (const char *f = format; *f; f++) {
		if (*f == '%' && f[1])
			add_field(to, *++f, j);
		else
			buf_addch(to, *f);
	}
	buf_addch(to, '\n');
}

/* Prints columns of a fixed width (-O). */
static void add_columns(struct buf *to, const char *format, const struct sim_job *j)
{
	if (strcmp(format, "JobID:20,State:20,RestartCnt:20,Reason:60") != 0)
		sim_violation("the simulated squeue has no columns '%s'", format);
	buf_addf(to, "%-20" PRIu64 "%-20s%-20d%-60s\n", j->id ? j->id : j->array_id, j->state,
		 j->restarts + !strcmp(j->final, "REQUEUE"), j->reason);
}

static void run_squeue(const struct proc_spec *spec, struct proc_result *out)
{
	const char *format = "", *columns = NULL, *only = NULL;
	uint64_t collapsed = 0;
	bool any = false;

	for (const char *const *a = spec->argv; *a; a++) {
		if (!strcmp(*a, "-o"))
			format = a[1];
		if (!strcmp(*a, "-O"))
			columns = a[1];
		if (!strcmp(*a, "-j"))
			only = a[1];
	}
	for (struct sim_job *j = cluster_jobs; j; j = j->next) {
		uint64_t id = only ? strtoull(only, NULL, 10) : 0;

		if (!is_shown(j) || (only && j->id != id && j->array_id != id))
			continue;
		any = true;
		if (j->collapsed) {
			if (collapsed == j->array_id)
				continue;
			collapsed = j->array_id;
		}
		if (columns)
			add_columns(&out->out, columns, j);
		else
			add_job(&out->out, format, j);
	}
	if (only && !any) {
		buf_addstr(&out->err, "slurm_load_jobs error: Invalid job id specified\n");
		out->exit_code = 1;
	}
}

/* Returns the state in sacct, which gets every change a few seconds later. */
static const char *acct_state(const struct sim_job *j)
{
	if (sim.now - j->submitted < ACCT_LAG_S * SEC)
		return NULL;
	if (j->phase == SLURM_OVER && sim.now - j->ended >= ACCT_LAG_S * SEC)
		return strcmp(j->state, "CANCELLED") ? j->state : "CANCELLED by 1000";
	if (j->begun && sim.now - j->begun >= ACCT_LAG_S * SEC)
		return j->phase == SLURM_PENDING ? "PENDING" : "RUNNING";
	return j->phase == SLURM_OVER && !j->begun ? NULL : "PENDING";
}

static bool in_list(const char *list, uint64_t id)
{
	for (const char *p = list; p && *p; p += *p == ',') {
		if (strtoull(p, NULL, 10) == id)
			return true;
		p += strcspn(p, ",");
	}
	return !list;
}

static void run_sacct(const struct proc_spec *spec, struct proc_result *out)
{
	const char *only = NULL;

	if (cluster.acct == ACCT_NONE) {
		buf_addstr(&out->err, "Slurm accounting storage is disabled\n");
		out->exit_code = 1;
		return;
	}
	for (const char *const *a = spec->argv; *a; a++)
		if (!strcmp(*a, "-j"))
			only = a[1];
	for (struct sim_job *j = cluster_jobs; j; j = j->next) {
		const char *state = acct_state(j);

		if (j->gone || !state || (!in_list(only, j->id) && !in_list(only, j->array_id)))
			continue;
		buf_addf(&out->out, "%" PRIu64 "\x1f", j->id ? j->id : j->array_id);
		if (j->task < 0)
			buf_addf(&out->out, "%" PRIu64, j->array_id);
		else
			buf_addf(&out->out, j->id ? "%" PRIu64 "_%d" : "%" PRIu64 "_[%d]",
				 j->array_id, j->task);
		buf_addf(&out->out, "\x1f%s\x1f%d:%d\x1f%" PRId64 "\x1f%" PRId64 "\x1f%s\n", state,
			 j->phase == SLURM_OVER ? j->exit_code : 0,
			 j->phase == SLURM_OVER ? j->signal : 0, EPOCH_S + j->submitted / SEC,
			 j->phase == SLURM_OVER ? EPOCH_S + j->ended / SEC : 0, j->name);
	}
}

static void run_scontrol(const struct proc_spec *spec, struct proc_result *out)
{
	int n = cluster_active();

	if (!strcmp(spec->argv[1], "update"))
		return;
	if (!strcmp(spec->argv[1], "requeue")) {
		for (struct sim_job *j = cluster_jobs; j; j = j->next)
			if (j->id == strtoull(spec->argv[3], NULL, 10))
				end_job(j, "REQUEUE", "None");
		return;
	}
	if (!strcmp(spec->argv[1], "show")) {
		buf_addf(&out->out,
			 "Configuration data as of now\nClusterName             = sim\n"
			 "KillWait                = %d sec\nMaxArraySize            = %d\n"
			 "MaxJobCount             = 10000\nMinJobAge               = %d sec\n"
			 "SLURM_VERSION           = 22.05.8\n",
			 KILL_WAIT_S, MAX_ARRAY, MIN_JOB_AGE_S);
		return;
	}
	buf_addf(&out->out,
		 "Current Association Manager state\n\nAssociation Records\n\n"
		 "ClusterName=sim Account=lab UserName=sim(1000) Partition= Priority=0 ID=3 "
		 "SharesRaw/Norm/Level/Factor=1/0.00/1/0.00 ParentAccount= Lft=4 DefAssoc=Yes "
		 "GrpJobs=N(%d) GrpSubmitJobs=N(%d) MaxJobs= MaxSubmitJobs= DefQOS= QOS=normal\n"
		 "\nQOS Records\n\nQOS=normal(1) UsageRaw=0 GrpJobs=N(%d) GrpSubmitJobs=N(%d) "
		 "MaxWallPJ= Account Limits= lab={MaxJobsPA=N(%d) MaxSubmitJobsPA=N(%d)} "
		 "User Limits= 1000={MaxJobsPU=N(%d) MaxSubmitJobsPU=",
		 n, n, n, n, n, n, n);
	if (cluster.limit < 0)
		buf_addstr(&out->out, "N");
	else
		buf_addf(&out->out, "%" PRId64, cluster.limit);
	buf_addf(&out->out, "(%d)}\n", n);
}

static void run_query(const struct proc_spec *spec, struct proc_result *out)
{
	const char *tool = spec->argv[0];

	sim_point(tool);
	sim_wait(sim.now + SEC / 200 + sim_rnd(SEC / 20), false);
	cluster.silent |= cluster.away;
	if (!strcmp(tool, "sacct") && cluster.acct == ACCT_AWAY) {
		sim_wait(sim.now + SEC, false);
		buf_addstr(&out->err,
			   "sacct: error: Problem talking to the database: Connection refused\n");
		out->exit_code = 1;
	} else if (cluster.away && strcmp(tool, "sacct") != 0) {
		fail_unreachable("slurm_load_jobs error", out);
	} else if (sim.faults && sim_chance(sim.k.query_trouble)) {
		cluster.silent = true;
		if (sim_rnd(2)) {
			sim_wait(sim.now + 30 * SEC, false);
			out->timed_out = true;
			out->signal = SIGTERM;
		} else {
			buf_addf(&out->err, "%s: error: Socket timed out\n", tool);
			out->exit_code = 1;
		}
	} else if (!strcmp(tool, "squeue")) {
		run_squeue(spec, out);
	} else if (!strcmp(tool, "sacct")) {
		run_sacct(spec, out);
	} else if (!strcmp(tool, "scontrol")) {
		run_scontrol(spec, out);
	} else {
		bool pending = spec->argv[1] && !strcmp(spec->argv[1], "--state=PENDING");

		for (const char *const *a = spec->argv + 1 + pending; *a; a++)
			cancel_named_jobs(*a, pending);
	}
	sim_wait(sim.now + sim_rnd(SEC / 50), false);
}

bool cluster_command(const struct proc_spec *spec, struct proc_result *result)
{
	const char *tool = spec->argv[0];
	struct buf line = {0};

	for (const char *const *a = spec->argv; *a && sim.trace; a++)
		buf_addf(&line, " %s", *a);
	sim_trace("runs%s", buf_str(&line));
	buf_release(&line);
	if (!strcmp(tool, "sbatch"))
		run_sbatch(spec, result);
	else if (!strcmp(tool, "squeue") || !strcmp(tool, "sacct") || !strcmp(tool, "scontrol") ||
		 !strcmp(tool, "scancel"))
		run_query(spec, result);
	else
		return false;
	sim_trace("%s: exit %d, signal %d: %s%s", tool, result->exit_code, result->signal,
		  buf_str(&result->out), buf_str(&result->err));
	return true;
}

/* ---- trouble ---- */

static struct sim_job *random_job(enum job_phase phase)
{
	struct sim_job *found = NULL;
	int n = 0;

	for (struct sim_job *j = cluster_jobs; j; j = j->next)
		if (j->phase == phase && !j->gone && !sim_rnd(++n))
			found = j;
	return found;
}

static void recover(void *arg)
{
	(void)arg;
	sim_trace("the controller is back");
	cluster.away = false;
	schedule_soon();
}

static void node_noticed(void *arg)
{
	struct sim_job *j = arg;

	j->node_failed = false;
	if (j->requeue && (!j->final[0] || !strcmp(j->final, "REQUEUE")))
		requeue_job(j);
	else
		end_with_state(j,
			       j->final[0] && strcmp(j->final, "REQUEUE") ? j->final : "NODE_FAIL");
}

/* Ends all processes of a node at once; slurmctld notices it some time later. */
static void node_fails(int host)
{
	sim_trace("node%d is gone", host);
	for (struct sim_job *j = cluster_jobs; j; j = j->next) {
		if (j->host != host || (j->phase != SLURM_RUNNING && j->phase != SLURM_COMPLETING))
			continue;
		if (j->node_failed)
			continue;
		j->got_sigterm = j->node_failed = true;
		sim_procs_each(j, kill_proc, NULL);
		sim_at(sim.now + 14 * SEC + sim_rnd(5 * MINUTE), node_noticed, j);
	}
}

static void trouble_for(struct sim_job *j, enum trouble kind)
{
	struct sim_proc *p = sim_proc_find(j->batch_pid);

	switch (kind) {
	case TROUBLE_SCANCEL:
		cancel_job(j, false);
		break;
	case TROUBLE_TERM_BATCH:
		j->got_sigterm = true; /* if Slurm does not answer, SIGTERM counts as the end */
		if (p)
			sim_signal(p, SIGTERM);
		break;
	case TROUBLE_KILL_BATCH:
		if (p)
			sim_kill(p);
		break;
	case TROUBLE_NODE:
		node_fails(j->host);
		break;
	case TROUBLE_TIMEOUT:
		end_job(j, "TIMEOUT", "TimeLimit");
		break;
	case TROUBLE_PREEMPT:
		if (j->requeue && sim_rnd(2))
			end_job(j, "REQUEUE", "None");
		else
			end_job(j, "PREEMPTED", "Preempted");
		break;
	default:
		end_job(j, "REQUEUE", "None");
		break;
	}
}

static void harm_job(void *arg)
{
	static const enum trouble kinds[] = {TROUBLE_PREEMPT, TROUBLE_REQUEUE, TROUBLE_NODE};
	struct sim_job *j = arg;

	if (j->phase == SLURM_RUNNING)
		trouble_for(j, kinds[sim_rnd(3)]);
}

void cluster_trouble(enum trouble kind)
{
	struct sim_job *j =
		random_job(kind == TROUBLE_SCANCEL && sim_rnd(2) ? SLURM_PENDING : SLURM_RUNNING);

	sim_trace("trouble %d", (int)kind);
	if (kind == TROUBLE_SCANCEL_ALL) {
		cluster_scancel_all();
	} else if (kind == TROUBLE_AWAY) {
		cluster.away = true;
		sim_at(sim.now + sim_rnd(sim_rnd(4) ? 3 * MINUTE : 40 * MINUTE), recover, NULL);
	} else if (kind == TROUBLE_LIMIT) {
		cluster.limit = sim_rnd(4) ? 1 + sim_rnd(12) : -1;
	} else if (j) {
		trouble_for(j, kind);
	}
}
