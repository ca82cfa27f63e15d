/*
 * sim.h - a world of one process: slurmq's own code with a simulated clock, file system and Slurm.
 *
 * A simulated process is a coroutine that runs a command of slurmq. Each use of a file, a lock, the
 * clock or a child is a call into this folder. At each such call the simulator may switch to
 * another process, kill this one as kill -9 does, or let the call fail. All chance comes from the
 * seed: the same seed gives the same run.
 */
#ifndef T_SIM_H
#define T_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <ucontext.h>

#include "lib/buf.h"
#include "lib/proc.h"

/* ---- world.c: time, chance, processes ---- */

#define SEC ((int64_t)1000000)
#define MINUTE (60 * SEC)
#define HOUR (60 * MINUTE)
#define NEVER INT64_MAX

enum {
	SIM_FDS = 64,
	SIM_FD_BASE = 1000, /* no real descriptor is that high */
	SIM_ENDS = 32,
	SIM_NODES = 4, /* nodes of the cluster; node 0 is the login node */
};

struct store;
struct db;
struct node; /* disk.c: a file or a folder */
struct sim_job;

struct sim_fd {
	struct node *node;
	size_t at;
	int flags;
};

/* The behaviour of a step's command. */
struct sim_work {
	uint64_t submission; /* the attempt: its submission and the index in it */
	int task;
	int64_t job;
	char key[24];
	int exit_code, signal; /* unless it is ended before */
	int on_term;	       /* enum sim_on_term */
	bool done;
	int64_t begun, ended;
	int at_exit, at_signal; /* how it ended */
	int64_t by;		/* pid of the supervisor that started it */
	int64_t attempt;	/* attempt in the database; known after the database was read */
	char opt[12];		/* the job's value of opt, in a grid */
	int host;
};
enum sim_on_term { TERM_DIES, TERM_EXITS_0, TERM_EXITS_1, TERM_IGNORED, TERM_NKINDS };

struct sim_proc {
	int pid, ppid;
	char *what; /* for the trace: "run 12ab..", "submit" */
	char **argv;
	int argc;
	char **env;
	size_t nenv;
	ucontext_t context;
	char *stack;
	int errnum;
	int64_t wake;  /* when it continues; NEVER: only by an event */
	uint64_t turn; /* orders events of equal time, and marks an outdated wake */
	bool waits_signal, signals_blocked, dies_with_parent, over;
	unsigned pending; /* signals, as bits */
	struct proc_end ends[SIM_ENDS];
	int nends;
	struct sim_fd fd[SIM_FDS];
	struct sim_job *job;   /* the Slurm job that it belongs to; NULL: no job */
	int host;	       /* node number */
	int kill_in, fail_in;  /* calls until then, 0: not */
	struct sim_work *work; /* a step's command, which is no coroutine */
	bool sbatch_sent;      /* during sbatch, which goes on without this process */
	int newest_child;
	int calls;
	int status; /* its exit status */
	bool typed; /* typed by the person, who sees the exit status */
	void *sbatch;
};

struct sim_knobs {
	int switch_in; /* one call in switch_in takes time, in which other processes run */
	int64_t slow;  /* maximum duration of such a call, µs */
	int kill_runs, kill_users;     /* how many of 100 processes are killed */
	int fail_calls;		       /* in how many of 100 processes one call fails */
	int sbatch_trouble;	       /* of 100 */
	int query_trouble;	       /* of 100 */
	int cluster_trouble;	       /* number of events: scancel, node failure, limit ... */
	int rename_lies;	       /* of 1000 */
	bool skew;		       /* hosts' clocks differ, by up to a day */
	int step_fails, step_signals;  /* of 100 */
	int site_harms;		       /* of 100 jobs, soon after their start */
	int64_t step_short, step_long; /* µs, at most */
};

struct sim_world {
	uint64_t seed, rng[2];
	int64_t now; /* µs since the start */
	uint64_t turns;
	int next_pid;
	bool faults; /* faults may still occur */
	struct sim_knobs k;
	int64_t skew[SIM_NODES]; /* ms */
	uint64_t calls, kills, fails;
	int trace;
	char broken[1024]; /* the first violation; "": no violation */
	int plant;
	bool grids; /* every story is one of a grid */
};
enum {
	PLANT_NONE,
	PLANT_START,
	PLANT_EVENT,
	PLANT_TERM,
	PLANT_MAX,
	PLANT_HOLD_OFF,
	PLANT_SURVIVOR,
	PLANT_VALUE,
	PLANT_NODE,
	PLANT_N
};
extern struct sim_world sim;
extern struct sim_proc *sim_self; /* the process that runs now; NULL: the simulator itself */

uint64_t sim_rnd64(void);
int64_t sim_rnd(int64_t n); /* 0 .. n-1 */
uint64_t sim_hash(uint64_t x);
static inline bool sim_chance(int per_hundred)
{
	return per_hundred > 0 && sim_rnd(100) < per_hundred;
}

void sim_world_reset(uint64_t seed);
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sim_violation(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Calls fn(arg) at that time, in the scheduler. */
void sim_at(int64_t when, void (*fn)(void *arg), void *arg);

/* Starts a process that runs argv (a command of slurmq) with env; host: 0 .. SIM_NODES-1. */
struct sim_proc *sim_spawn(const char *const *argv, const char *const *env, int host,
			   struct sim_job *job);
/* Starts a process that is a step's command. */
struct sim_proc *sim_spawn_work(struct sim_work *w, int64_t runs_for);
void sim_signal(struct sim_proc *p, int sig);
struct sim_proc *sim_proc_find(int pid);
/* Calls fn for each live process of a job (NULL: any). */
void sim_procs_each(struct sim_job *job, void (*fn)(struct sim_proc *p, void *arg), void *arg);
int sim_procs_count(void);
/* Ends a process as kill -9 does: descriptors closed, locks dropped. */
void sim_kill(struct sim_proc *p);

/* A call to the outside: time may pass, other processes may run, this one may be killed. Returns an
 * errno if the call must fail, else 0. */
int sim_point(const char *call);
/* Continues at that time, or, with signals, when a signal arrives. */
void sim_wait(int64_t until, bool signals);

/* Runs until no event is left, or until that time. */
void sim_run(int64_t until);
/* Returns the time of the next event, or NEVER. */
int64_t sim_next(void);

extern int (*sim_main)(int argc, char **argv); /* the main function of a coroutine */
extern const char *sim_env(const struct sim_proc *p, const char *name);

/* ---- disk.c ---- */

void disk_reset(void);
void disk_close_all(struct sim_proc *p); /* at the process's end */
/* Copies the whole disk, to start other stories with it, and restores it. */
struct disk_image;
struct disk_image *disk_save(void);
void disk_load(const struct disk_image *image);
int disk_byte(const char *path);       /* a file's first byte; -1: empty or no such file */
size_t disk_entries(const char *path); /* number of files in a folder */
const char *disk_entry(const char *path, size_t i);
bool disk_locked(const char *path); /* locked for writing by SQLite */
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at);
int disk_register_vfs(void);
void disk_copy_entry(const char *from, const char *to); /* another name for the same bytes */
void disk_write(const char *path, const char *text);

/* ---- cluster.c: Slurm ---- */

enum job_phase { SLURM_PENDING, SLURM_RUNNING, SLURM_COMPLETING, SLURM_OVER };
struct sim_job {
	uint64_t array_id, id; /* id 0: not started */
	int task, ntasks;      /* task -1: no array */
	char name[96], state[24], reason[24];
	uint64_t submission;
	enum job_phase phase;
	int64_t submitted, begun, ended, limit;
	bool gone, collapsed; /* gone: not shown; collapsed: one line for the whole array */
	int restarts, host, batch_pid;
	char final[24];	     /* its final state */
	bool got_sigterm;    /* SIGTERM was sent */
	bool node_failed;    /* the node failed, slurmctld has not noticed yet */
	bool by_user;	     /* by scancel of the user */
	int64_t scancelled;  /* when scancel ended it; 0: it did not */
	bool requeue;	     /* sbatch --requeue: it starts again if the site ends it */
	int64_t reported_at; /* when it had reported its end, and began to chain */
	bool one_slot;	    /* Slurm's limit was one at that time: no slot was left to chain with */
	bool left_normally; /* its supervisor left by itself, without SIGTERM */
	struct sim_job *next;
	bool sentinel;	       /* it runs slurmq chain --sentinel */
	int exit_code, signal; /* of its script */
	int64_t begin;	       /* earliest start */
	char exclude[32];      /* --exclude */
};
void cluster_reset(void);
extern struct sim_job *cluster_jobs;
enum { ACCT_WELL, ACCT_NONE, ACCT_AWAY, ACCT_N };
struct cluster_knobs {
	int acct;	  /* whether sacct answers */
	int64_t limit;	  /* MaxSubmitJobsPU, -1: no limit */
	int slots;	  /* jobs that can run at once */
	int64_t walltime; /* µs */
	int64_t patience; /* longest wait of a pending job */
	bool away;
	int64_t last_scancel;	/* the user's last scancel of all jobs */
	int64_t nothing_from;	/* from this time no job may be submitted; 0: no such time */
	int scancelled;		/* number of jobs that it ended */
	int scancelled_pending; /* number of these that were pending */
	int64_t all_listed;	/* time when the last of these was ended */
	int64_t last_left;	/* time when the last job left its node */
	bool signalled;		/* a process wrote a cancel record at once */
	bool short_job_left;	/* a job that must have found the pending ones has left */
	bool silent;		/* Slurm did not answer for some time in this story */
};
extern struct cluster_knobs cluster;
int cluster_active(void);
/* Runs a Slurm command. Returns false if there is no such command. */
bool cluster_command(const struct proc_spec *spec, struct proc_result *result);
void cluster_batch_ended(struct sim_job *job, int exit_code, int sig);
void cluster_reported(struct sim_job *job);
void cluster_sbatch_fed(const struct proc_spec *spec);
void cluster_sbatch_orphaned(struct sim_proc *p);
/* Causes trouble of that kind for a random job. */
enum trouble {
	TROUBLE_SCANCEL,
	TROUBLE_SCANCEL_ALL,
	TROUBLE_TERM_BATCH,
	TROUBLE_KILL_BATCH,
	TROUBLE_NODE,
	TROUBLE_TIMEOUT,
	TROUBLE_PREEMPT,
	TROUBLE_REQUEUE,
	TROUBLE_AWAY,
	TROUBLE_LIMIT,
	TROUBLE_N
};
void cluster_trouble(enum trouble kind);
void cluster_scancel_all(void);
/* Returns whether slurmq cannot know of the last scancel of all jobs yet. */
bool cluster_unheard(void);
/* Cancels each pending or running job with that chance in a hundred, except one that was submitted
 * long ago. Returns how many were cancelled; 0: no job could be the survivor. */
int cluster_scancel_some(int per_hundred);
void story_person_notified(void);
/* Returns the number of cancel records. */
size_t story_records(void);
/* Called when a step starts. */
void story_step_begins(void);

/* ---- ledger.c: records of the simulated commands ---- */

void ledger_reset(void);
struct sim_work *ledger_begin(uint64_t submission, int task, int64_t job, const char *key,
			      int64_t by);
void ledger_end(struct sim_work *w, int exit_code, int sig);
size_t ledger_size(void);
struct sim_work *ledger_at(size_t i);
/* Notes an end line that is durable. */
void ledger_reported(uint64_t submission, int task, bool completed, int exit_code, int sig);
struct ledger_end {
	uint64_t submission;
	int task;
	bool completed;
	int exit_code, signal;
};
size_t ledger_ends(void);
const struct ledger_end *ledger_end_at(size_t i);

/* ---- policy.c: a sweep's retry, and a check of the retries ---- */

enum { POLICY_KINDS = 5 };
struct sim_rule {
	bool again;
	unsigned codes; /* exit codes as bits; 0: any */
	int64_t delay_s;
};
struct sim_policy {
	bool restartable;
	int max;
	struct sim_rule rules[POLICY_KINDS];
};
/* Draws a policy, and appends it to the sweep's text. */
void policy_draw(struct sim_policy *p, struct buf *b);
int policy_register(void); /* once, before any database is opened */
/* From now on this database keeps the history that policy_check() reads. */
int policy_keep_history(const char *path);
/* policies: one for each sweep. The ledger must know the attempts. */
void policy_check(const char *path, const struct sim_policy *policies);

/* ---- grid.c: a grid with a bad value or a bad node, and whether it costs what it may ---- */

void grid_prepare(void (*add)(struct store *store, const char *text));
bool grid_is_due(uint64_t seed);
/* Its knobs, and its folder. */
void grid_begin(uint64_t seed);
bool grid_is_on(void);
/* What a command that starts is going to do, and how long it runs. */
void grid_fate(struct sim_work *w, int64_t *runs_for);
void grid_ended(const struct sim_work *w);
/* slurmq excludes that node. */
void grid_excludes(const char *node);
/* After the part in which no person came, and nothing failed by itself. */
void grid_judge(struct db *db);

/* ---- story.c: the events of a seed, and the conditions ---- */

/* Plays a seed; sim.broken describes a violation. */
void story_play(uint64_t seed);
void story_prepare(void); /* once, before any story */

#endif
