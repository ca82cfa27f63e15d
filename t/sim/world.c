/* world.c - time, chance, and processes as coroutines */
#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK = 512 * 1024, GUARD = 4096, EVENTS = 4096, PROCS = 512, MANY_CALLS = 50000 };

struct sim_world sim;
struct sim_proc *sim_self;
int (*sim_main)(int argc, char **argv);

/* ---- chance: xorshift128+ ---- */

uint64_t sim_rnd64(void)
{
	uint64_t a = sim.rng[0], b = sim.rng[1];

	sim.rng[0] = b;
	a ^= a << 23;
	sim.rng[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return sim.rng[1] + b;
}

int64_t sim_rnd(int64_t n)
{
	return n > 0 ? (int64_t)(sim_rnd64() % (uint64_t)n) : 0;
}

uint64_t sim_hash(uint64_t x)
{
	x += 0x9e3779b97f4a7c15U;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

/* ---- trace and violations ---- */

void sim_trace(const char *fmt, ...)
{
	va_list ap;

	if (!sim.trace)
		return;
	fprintf(stderr, "%12.6f %5d ", (double)sim.now / 1e6, sim_self ? sim_self->pid : 0);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void sim_violation(const char *fmt, ...)
{
	va_list ap;

	if (sim.broken[0])
		return;
	va_start(ap, fmt);
	vsnprintf(sim.broken, sizeof(sim.broken), fmt, ap);
	va_end(ap);
	sim_trace("VIOLATION: %s", sim.broken);
}

/* ---- events: a heap by time, then by turn ---- */

struct event {
	int64_t when;
	uint64_t turn;
	void (*fn)(void *arg);
	void *arg;
	struct sim_proc *proc; /* the process to wake, if turn is still its own */
};
static struct event heap[EVENTS];
static size_t nheap;

static bool is_before(const struct event *a, const struct event *b)
{
	return a->when != b->when ? a->when < b->when : a->turn < b->turn;
}

static void push_event(struct event e)
{
	size_t i = nheap++;

	if (nheap > EVENTS)
		abort();
	for (; i && is_before(&e, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = e;
}

static struct event pop_event(void)
{
	struct event top = heap[0], last = heap[--nheap];
	size_t i = 0, c;

	while ((c = 2 * i + 1) < nheap) {
		if (c + 1 < nheap && is_before(&heap[c + 1], &heap[c]))
			c++;
		if (!is_before(&heap[c], &last))
			break;
		heap[i] = heap[c];
		i = c;
	}
	heap[i] = last;
	return top;
}

void sim_at(int64_t when, void (*fn)(void *arg), void *arg)
{
	push_event((struct event){.when = when < sim.now ? sim.now : when,
				  .turn = ++sim.turns,
				  .fn = fn,
				  .arg = arg});
}

static void wake_at(struct sim_proc *p, int64_t when)
{
	p->wake = when;
	p->turn = ++sim.turns;
	if (when != NEVER)
		push_event((struct event){.when = when, .turn = p->turn, .proc = p});
}

/* ---- processes ---- */

static struct sim_proc *procs[PROCS]; /* live processes, by age */
static size_t nprocs;
static struct sim_proc *ended[4 * PROCS]; /* ended in this seed; freed at the next */
static size_t nended;
static ucontext_t scheduler;
static char *stacks[PROCS];
static size_t nstacks;
static struct sim_proc *starting;

static char *allocate_stack(void)
{
	char *s;

	if (nstacks)
		return stacks[--nstacks];
	s = __real_mmap64(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED || mprotect(s, GUARD, PROT_NONE))
		abort();
	return s;
}

static void keep_stack(struct sim_proc *p)
{
	if (p->stack)
		stacks[nstacks++] = p->stack;
	p->stack = NULL;
}

static void free_proc(struct sim_proc *p)
{
	keep_stack(p);
	for (int i = 0; i < p->argc; i++)
		free(p->argv[i]);
	for (size_t i = 0; i < p->nenv; i++)
		free(p->env[i]);
	free(p->argv);
	free(p->env);
	free(p->what);
	free(p);
}

void sim_world_reset(uint64_t seed)
{
	int trace = sim.trace, plant = sim.plant;
	bool grids = sim.grids;

	for (size_t i = 0; i < nprocs; i++) {
		disk_close_all(procs[i]);
		free_proc(procs[i]);
	}
	for (size_t i = 0; i < nended; i++)
		free_proc(ended[i]);
	nprocs = nended = nheap = 0;
	sim_self = NULL;
	memset(&sim, 0, sizeof(sim));
	sim.trace = trace;
	sim.plant = plant;
	sim.grids = grids;
	sim.seed = seed;
	sim.rng[0] = sim_hash(seed);
	sim.rng[1] = sim_hash(sim.rng[0] ^ seed);
	sim.next_pid = 100;
}

struct sim_proc *sim_proc_find(int pid)
{
	for (size_t i = 0; i < nprocs; i++)
		if (procs[i]->pid == pid)
			return procs[i];
	return NULL;
}

int sim_procs_count(void)
{
	return (int)nprocs;
}

void sim_procs_each(struct sim_job *job, void (*fn)(struct sim_proc *p, void *arg), void *arg)
{
	int pids[PROCS];
	size_t n = 0;

	for (size_t i = 0; i < nprocs; i++)
		if (!job || procs[i]->job == job)
			pids[n++] = procs[i]->pid;
	for (size_t i = 0; i < n; i++) {
		struct sim_proc *p = sim_proc_find(pids[i]);

		if (p)
			fn(p, arg);
	}
}

static void add_proc(struct sim_proc *p)
{
	if (nprocs == PROCS)
		abort();
	procs[nprocs++] = p;
}

static void drop_proc(struct sim_proc *p)
{
	for (size_t i = 0; i < nprocs; i++) {
		if (procs[i] != p)
			continue;
		memmove(&procs[i], &procs[i + 1], (nprocs - i - 1) * sizeof(procs[0]));
		nprocs--;
		break;
	}
	if (nended == 4 * PROCS)
		abort();
	ended[nended++] = p;
}

static void end_if_child(struct sim_proc *p, void *arg)
{
	const struct sim_proc *parent = arg;

	if (p->ppid == parent->pid && p->dies_with_parent)
		sim_kill(p);
}

/* Ends a process: its parent gets SIGCHLD's record, and Slurm gets the exit status. */
static void finish_proc(struct sim_proc *p, int exit_code, int sig)
{
	struct sim_proc *parent = sim_proc_find(p->ppid);
	struct sim_job *job = p->job;

	p->over = true;
	p->turn = ++sim.turns;
	disk_close_all(p);
	drop_proc(p);
	if (p->work)
		ledger_end(p->work, exit_code, sig);
	if (p->sbatch)
		cluster_sbatch_orphaned(p);
	free(p->sbatch);
	p->sbatch = NULL;
	sim_procs_each(NULL, end_if_child, p);
	if (parent && parent->nends < SIM_ENDS) {
		parent->ends[parent->nends++] = (struct proc_end){.pid = p->pid,
								  .exit_code = exit_code,
								  .signal = sig,
								  .maxrss_kib = 1000,
								  .cpu_ms = 10};
		sim_signal(parent, SIGCHLD);
	}
	if (job && job->batch_pid == p->pid)
		cluster_batch_ended(job, exit_code, sig);
	if (p->typed && (exit_code || sig))
		story_person_notified();
}

void sim_kill(struct sim_proc *p)
{
	if (p->over)
		return;
	sim_trace("kill -9 of %d (%s)", p->pid, p->what);
	finish_proc(p, 0, SIGKILL);
	if (p == sim_self)
		setcontext(&scheduler); /* does not return */
	keep_stack(p);
}

static void run_coroutine(void)
{
	struct sim_proc *p = starting;

	p->status = sim_main(p->argc, p->argv);
	sim_trace("exit %d (%s)", p->status, p->what);
	finish_proc(p, p->status, 0);
	setcontext(&scheduler);
}

static struct sim_proc *new_proc(int host, struct sim_job *job)
{
	struct sim_proc *p = mem_alloc(sizeof(*p));

	p->pid = ++sim.next_pid;
	p->ppid = sim_self ? sim_self->pid : 1;
	p->host = host;
	p->job = job;
	p->wake = NEVER;
	add_proc(p);
	return p;
}

struct sim_proc *sim_spawn(const char *const *argv, const char *const *env, int host,
			   struct sim_job *job)
{
	struct sim_proc *p = new_proc(host, job);
	struct buf what = {0};
	size_t n = 0;

	while (argv[p->argc])
		p->argc++;
	p->argv = mem_alloc(((size_t)p->argc + 1) * sizeof(*p->argv));
	for (int i = 0; i < p->argc; i++) {
		p->argv[i] = mem_strdup(argv[i]);
		buf_addf(&what, "%s%s", i ? " " : "", argv[i]);
	}
	p->what = buf_take(&what);
	while (env[n])
		n++;
	p->env = mem_alloc((n + 8) * sizeof(*p->env));
	for (p->nenv = 0; p->nenv < n; p->nenv++)
		p->env[p->nenv] = mem_strdup(env[p->nenv]);
	p->stack = allocate_stack();
	getcontext(&p->context);
	p->context.uc_stack.ss_sp = p->stack + GUARD;
	p->context.uc_stack.ss_size = STACK - GUARD;
	p->context.uc_link = NULL;
	makecontext(&p->context, run_coroutine, 0);
	sim_trace("start %d: %s", p->pid, p->what);
	wake_at(p, sim.now);
	return p;
}

struct sim_proc *sim_spawn_work(struct sim_work *w, int64_t runs_for)
{
	struct sim_proc *p = new_proc(sim_self->host, sim_self->job);

	p->what = mem_printf("step %s of job %d", w->key, (int)w->job);
	p->work = w;
	p->dies_with_parent = true;
	p->argv = mem_alloc(sizeof(*p->argv));
	p->env = mem_alloc(sizeof(*p->env));
	sim_trace("start %d: %s, for %.1f s", p->pid, p->what, (double)runs_for / 1e6);
	wake_at(p, sim.now + runs_for);
	return p;
}

const char *sim_env(const struct sim_proc *p, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < p->nenv; i++)
		if (!strncmp(p->env[i], name, n) && p->env[i][n] == '=')
			return p->env[i] + n + 1;
	return NULL;
}

static void work_signal(struct sim_proc *p, int sig)
{
	struct sim_work *w = p->work;

	if (sig == SIGCONT || sig == SIGCHLD)
		return;
	if (sig != SIGTERM || w->on_term == TERM_DIES) {
		finish_proc(p, 0, sig);
	} else if (w->on_term != TERM_IGNORED) {
		w->exit_code = w->on_term == TERM_EXITS_1;
		w->signal = 0;
		wake_at(p, sim.now + sim_rnd(5 * SEC));
	}
}

void sim_signal(struct sim_proc *p, int sig)
{
	if (p->over)
		return;
	if (sig != SIGCHLD)
		sim_trace("signal %d to %d (%s)", sig, p->pid, p->what);
	if (sig == SIGKILL) {
		sim_kill(p);
	} else if (p->work) {
		work_signal(p, sig);
	} else if (p->signals_blocked) {
		p->pending |= 1U << sig;
		if (p->waits_signal)
			wake_at(p, sim.now);
	} else if (sig != SIGCHLD && sig != SIGCONT) {
		sim_kill(p);
	}
}

/* ---- running ---- */

static void yield_proc(void)
{
	struct sim_proc *p = sim_self;

	p->errnum = errno;
	swapcontext(&p->context, &scheduler);
	errno = p->errnum;
}

void sim_wait(int64_t until, bool signals)
{
	struct sim_proc *p = sim_self;

	if (!p) {
		if (until > sim.now)
			sim.now = until;
		return;
	}
	/* no other process is due before: continue without a switch */
	if (!signals && until != NEVER && until < sim_next()) {
		sim.now = until;
		return;
	}
	p->waits_signal = signals;
	wake_at(p, until);
	yield_proc();
	p->waits_signal = false;
}

int sim_point(const char *call)
{
	struct sim_proc *p = sim_self;

	if (!p)
		return 0;
	sim.calls++;
	if (++p->calls > MANY_CALLS) {
		sim_violation("process %d (%s) spins, at %s", p->pid, p->what, call);
		sim_wait(NEVER, false);
	}
	if (p->kill_in && !--p->kill_in && sim.faults) {
		sim.kills++;
		sim_trace("killed at %s", call);
		sim_kill(p);
	}
	if (!sim_rnd(sim.k.switch_in))
		sim_wait(sim.now + 1 + sim_rnd(sim.k.slow), false);
	if (p->fail_in && !--p->fail_in && sim.faults) {
		int errnum = sim_rnd(2) ? ENOSPC : EIO;

		sim.fails++;
		sim_trace("%s fails: %s", call, strerror(errnum));
		return errnum;
	}
	return 0;
}

int64_t sim_next(void)
{
	while (nheap && heap[0].proc && (heap[0].proc->over || heap[0].proc->turn != heap[0].turn))
		pop_event();
	return nheap ? heap[0].when : NEVER;
}

static void resume_proc(struct sim_proc *p)
{
	char **own = environ;

	if (p->work) {
		finish_proc(p, p->work->exit_code, p->work->signal);
		return;
	}

	sim_self = p;
	starting = p;
	environ = p->env;
	swapcontext(&scheduler, &p->context);
	environ = own;
	sim_self = NULL;
	if (p->over)
		keep_stack(p);
}

void sim_run(int64_t until)
{
	int64_t next;

	while ((next = sim_next()) != NEVER && next <= until && !sim.broken[0]) {
		struct event e = pop_event();

		sim.now = e.when;
		if (e.proc)
			resume_proc(e.proc);
		else
			e.fn(e.arg);
	}
	if (until != NEVER && sim.now < until)
		sim.now = until;
}
