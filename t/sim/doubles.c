/* doubles.c - replaces all of clock.h and proc.h, so that the linker does not take these objects
 * from the archive */
#include "lib/clock.h"
#include "lib/proc.h"
#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/bad_node.h"
#include "chain/ingest.h"
#include "store/state.h"
#include "lib/fs.h"
#include "sweep/policy.h"
#include "store/folder.h"
#include "store/manifest.h"

/* ---- clock.h ---- */

int64_t clock_now_ms(void)
{
	return (int64_t)1700000000000 + sim.now / 1000 + (sim_self ? sim.skew[sim_self->host] : 0);
}

int64_t clock_mono_ms(void)
{
	return 5000 + sim.now / 1000;
}

void clock_sleep_ms(int64_t ms)
{
	if (ms > 0)
		sim_wait(sim.now + ms * 1000, false);
}

uint64_t clock_random(void)
{
	return sim_rnd64();
}

/* ---- fs.h: locks always work here ---- */

int fs_check_locks(const char *dir, struct err *err)
{
	(void)dir;
	(void)err;
	return 0;
}

int fs_mount_find(const char *mountinfo, const char *path, struct fs_mount *out)
{
	(void)mountinfo;
	(void)path;
	memset(out, 0, sizeof(*out));
	return -1;
}

void fs_mount_release(struct fs_mount *m)
{
	(void)m;
}

const char *fs_mount_objection(const struct fs_mount *m)
{
	(void)m;
	return NULL;
}

/* ---- identity of the process ---- */

pid_t __wrap_getpid(void);
pid_t __wrap_getpid(void)
{
	return sim_self ? sim_self->pid : 1;
}

int __wrap_gethostname(char *to, size_t size);
int __wrap_gethostname(char *to, size_t size)
{
	snprintf(to, size, "node%d", sim_self ? sim_self->host : 0);
	return 0;
}

int __wrap_setenv(const char *name, const char *value, int overwrite);
int __wrap_setenv(const char *name, const char *value, int overwrite)
{
	struct sim_proc *p = sim_self;
	size_t n = strlen(name);

	(void)overwrite;
	for (size_t i = 0; i < p->nenv; i++) {
		if (strncmp(p->env[i], name, n) != 0 || p->env[i][n] != '=')
			continue;
		free(p->env[i]);
		p->env[i] = mem_printf("%s=%s", name, value);
		return 0;
	}
	p->env[p->nenv++] = mem_printf("%s=%s", name, value);
	return 0;
}

/* ---- proc.h: signals ---- */

void proc_signals_block(void)
{
	sim_self->signals_blocked = true;
}

bool proc_term_pending(void)
{
	return sim_self && (sim_self->pending & 1U << SIGTERM);
}

static int take_signal(struct sim_proc *p)
{
	for (int sig = 1; sig < 32; sig++) {
		if (!(p->pending & 1U << sig))
			continue;
		p->pending &= ~(1U << sig);
		return sig;
	}
	return 0;
}

int proc_signal_wait(int timeout_ms)
{
	int64_t until = timeout_ms < 0 ? NEVER : sim.now + (int64_t)timeout_ms * 1000;
	struct sim_proc *p = sim_self;
	int sig;

	sim_point("sigtimedwait");
	while (!(sig = take_signal(p))) {
		if (sim.now >= until)
			return 0;
		sim_wait(until, true);
	}
	/* a planted bug: a process that gets SIGTERM counts as ended */
	if (sig == SIGTERM && sim.plant == PLANT_TERM)
		p->ends[p->nends++] = (struct proc_end){.pid = p->newest_child, .signal = SIGTERM};
	return sig;
}

int proc_reap(struct proc_end *end)
{
	struct sim_proc *p = sim_self;

	memset(end, 0, sizeof(*end));
	if (!p->nends)
		return 0;
	*end = p->ends[0];
	memmove(&p->ends[0], &p->ends[1], (size_t)--p->nends * sizeof(p->ends[0]));
	return 1;
}

/* ---- proc.h: children ---- */

static const char *find_env(const char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; envp && *envp; envp++)
		if (!strncmp(*envp, name, n) && (*envp)[n] == '=')
			return *envp + n + 1;
	return NULL;
}

/* Starts a step's command; chance decides now how it will end. */
static pid_t start_work(const struct proc_child *c)
{
	struct sim_proc *me = sim_self, *p;
	const char *job = find_env(c->envp, "SLURMQ_JOB_ID"),
		   *step = find_env(c->envp, "SLURMQ_STEP");
	const char *index = sim_env(me, "SLURM_ARRAY_TASK_ID");
	struct sim_work *w;
	uint64_t submission = 0;
	int64_t runs_for;

	manifest_name_parse(me->argv[1], &submission);
	w = ledger_begin(submission, index ? atoi(index) : 0, job ? atoi(job) : 0,
			 step ? step : "?", me->pid);
	w->exit_code = sim_chance(sim.k.step_fails) ? (int)(1 + sim_rnd(3)) : 0;
	w->signal = !w->exit_code && sim_chance(sim.k.step_signals) ? SIGSEGV : 0;
	w->on_term = (int)sim_rnd(TERM_NKINDS);
	snprintf(w->opt, sizeof(w->opt), "%s", c->argv[1] && c->argv[2] ? c->argv[2] : "");
	w->host = me->host;
	runs_for = 1 + sim_rnd(sim_chance(20) ? sim.k.step_short : sim.k.step_long);
	grid_fate(w, &runs_for);
	p = sim_spawn_work(w, runs_for);
	me->newest_child = p->pid;
	return p->pid;
}

pid_t proc_spawn(const struct proc_child *child, int *exec_errno, struct err *err)
{
	struct sim_proc *p;

	if (exec_errno)
		*exec_errno = 0;
	if (sim_point("fork"))
		return err_set(err, ERR_FAILED, "cannot fork");
	if (!strcmp(child->argv[0], "job"))
		return start_work(child);
	p = sim_spawn(child->argv + 1, (const char *const *)sim_self->env, sim_self->host,
		      sim_self->job);
	return p->pid;
}

void proc_group_kill(pid_t pgid, int sig)
{
	struct sim_proc *p = sim_proc_find(pgid);

	if (p)
		sim_signal(p, sig);
}

int proc_run(const struct proc_spec *spec, struct proc_result *result, int *exec_errno,
	     struct err *err)
{
	memset(result, 0, sizeof(*result));
	if (exec_errno)
		*exec_errno = 0;
	if (sim_point("fork"))
		return err_set(err, ERR_FAILED, "cannot fork");
	if (!strcmp(spec->argv[0], "id")) {
		buf_addstr(&result->out, "sim\n");
		return 0;
	}
	if (cluster_command(spec, result))
		return 0;
	if (exec_errno)
		*exec_errno = ENOENT;
	return err_set(err, ERR_FAILED, "'%s' is not on PATH", spec->argv[0]);
}

/* sbatch without its script makes no job. After it got the script, a job may be made even if its
 * slurmq is killed. The rest happens at the end. */
struct proc_run {
	struct proc_spec spec;
};

bool proc_on_path(const char *name)
{
	(void)name;
	return true;
}

void proc_run_feed(struct proc_run *run)
{
	cluster_sbatch_fed(&run->spec);
	sim_point("feed");
}

int proc_run_begin(const struct proc_spec *spec, struct proc_run **out, int *exec_errno,
		   struct err *err)
{
	*out = NULL;
	if (exec_errno)
		*exec_errno = 0;
	if (sim_point("fork"))
		return err_set(err, ERR_FAILED, "cannot fork");
	*out = mem_alloc(sizeof(**out));
	(*out)->spec = *spec;
	return 0;
}

int proc_run_end(struct proc_run *run, struct proc_result *result, int *exec_errno, struct err *err)
{
	struct proc_spec spec = run->spec;

	free(run);
	return proc_run(&spec, result, exec_errno, err);
}

void proc_run_abandon(struct proc_run *run)
{
	sim_point("kill");
	free(run);
}

void proc_result_release(struct proc_result *result)
{
	buf_release(&result->out);
	buf_release(&result->err);
	memset(result, 0, sizeof(*result));
}

/* ---- planted bugs: the linker redirects calls of these functions to here (--wrap) ---- */

int __real_claim_file_win(struct folder *sp, uint64_t submission, int task, const struct who *who,
			  struct folder_entry *e, struct err *err);
int __wrap_claim_file_win(struct folder *sp, uint64_t submission, int task, const struct who *who,
			  struct folder_entry *e, struct err *err);
int __wrap_claim_file_win(struct folder *sp, uint64_t submission, int task, const struct who *who,
			  struct folder_entry *e, struct err *err)
{
	char *name, *copy;
	int rc = __real_claim_file_win(sp, submission, task, who, e, err);

	if (sim.plant != PLANT_START || rc)
		return rc;
	/* the claim is copied, and stays for another process */
	name = mem_printf("/sim/.slurmq/running/%s", e->name);
	copy = mem_printf("/sim/.slurmq/claims/%016" PRIx64 ".%d", submission, task);
	disk_copy_entry(name, copy);
	free(name);
	free(copy);
	return 0;
}

int __real_ingest_apply(struct store *store, struct ingested *d, struct err *err);
int __wrap_ingest_apply(struct store *store, struct ingested *d, struct err *err);
int __wrap_ingest_apply(struct store *store, struct ingested *d, struct err *err)
{
	int rc = __real_ingest_apply(store, d, err);

	/* records are removed before their commit */
	for (size_t i = 0; sim.plant == PLANT_EVENT && !rc && i < d->outbox.n; i++)
		folder_remove(store->folder, FOLDER_OUTBOX, d->outbox.v[i].name, NULL);
	return rc;
}

void __real_policy_decide(const struct sweep_retry *retry, bool restartable, int reason,
			  int exit_code, const struct policy_have *have, struct policy_next *next);
void __wrap_policy_decide(const struct sweep_retry *retry, bool restartable, int reason,
			  int exit_code, const struct policy_have *have, struct policy_next *next);
void __wrap_policy_decide(const struct sweep_retry *retry, bool restartable, int reason,
			  int exit_code, const struct policy_have *have, struct policy_next *next)
{
	struct sweep_retry endless = *retry;

	if (sim.plant == PLANT_MAX)
		endless.max = 1000;
	__real_policy_decide(&endless, restartable, reason, exit_code, have, next);
}

/* A planted bug: the hold-off is over when it starts. */
int __real_folder_file_ages(struct folder *sp, const char *folder, struct strs *names,
			    int64_t **ages, struct err *err);
int __wrap_folder_file_ages(struct folder *sp, const char *folder, struct strs *names,
			    int64_t **ages, struct err *err);
int __wrap_folder_file_ages(struct folder *sp, const char *folder, struct strs *names,
			    int64_t **ages, struct err *err)
{
	int rc = __real_folder_file_ages(sp, folder, names, ages, err);

	for (size_t i = 0; !rc && i < names->n && sim.plant == PLANT_HOLD_OFF; i++)
		(*ages)[i] += 60000;
	return rc;
}

/* A planted bug: a cancelled job counts as a survivor although its manifest is gone. */
int64_t __real_manifest_age(struct folder *sp, uint64_t submission);
int64_t __wrap_manifest_age(struct folder *sp, uint64_t submission);
int64_t __wrap_manifest_age(struct folder *sp, uint64_t submission)
{
	int64_t age = __real_manifest_age(sp, submission);

	return age < 0 && sim.plant == PLANT_SURVIVOR ? INT32_MAX : age;
}

bool __real_slurm_state_alive(const char *state);
bool __wrap_slurm_state_alive(const char *state);
bool __wrap_slurm_state_alive(const char *state)
{
	return __real_slurm_state_alive(state) ||
	       (sim.plant == PLANT_SURVIVOR && !strcmp(state, "CANCELLED"));
}

/* A bug on purpose: the jobs of a bad value are not held. */
int __real_db_job_hold_value(struct db *db, int64_t id, int *changed, struct err *err);
int __wrap_db_job_hold_value(struct db *db, int64_t id, int *changed, struct err *err);
int __wrap_db_job_hold_value(struct db *db, int64_t id, int *changed, struct err *err)
{
	*changed = 0;
	return sim.plant == PLANT_VALUE ? 0 : __real_db_job_hold_value(db, id, changed, err);
}

/* A bug on purpose: three failures are evidence enough. */
int __real_bad_node_judge(struct db *db, const char *node, int64_t sweep, int64_t since,
			  const struct strs *out, bool *bad, struct err *err);
int __wrap_bad_node_judge(struct db *db, const char *node, int64_t sweep, int64_t since,
			  const struct strs *out, bool *bad, struct err *err);
int __wrap_bad_node_judge(struct db *db, const char *node, int64_t sweep, int64_t since,
			  const struct strs *out, bool *bad, struct err *err)
{
	int rc = __real_bad_node_judge(db, node, sweep, since, out, bad, err);

	*bad = *bad || sim.plant == PLANT_NODE;
	return rc;
}

int __real_state_set_node(struct db *db, const char *name, const struct state_node *node,
			  struct err *err);
int __wrap_state_set_node(struct db *db, const char *name, const struct state_node *node,
			  struct err *err);
int __wrap_state_set_node(struct db *db, const char *name, const struct state_node *node,
			  struct err *err)
{
	if (node->out)
		grid_excludes(name);
	return __real_state_set_node(db, name, node, err);
}

/* Notes each end that is durable. The story compares it with the database at the end. */
int __real_journal_file_post(struct folder *sp, struct journal_file *j, struct err *err);
int __wrap_journal_file_post(struct folder *sp, struct journal_file *j, struct err *err);
int __wrap_journal_file_post(struct folder *sp, struct journal_file *j, struct err *err)
{
	int rc = __real_journal_file_post(sp, j, err);
	struct journal text;

	if (rc)
		return rc;
	journal_parse(buf_str(&j->text), j->text.len, &text);
	if (sim_self->job)
		cluster_reported(sim_self->job);
	if (text.has_end)
		ledger_reported(j->entry.submission, j->entry.task, text.end.completed,
				text.end.exit_code, text.end.signal);
	journal_release(&text);
	return 0;
}
