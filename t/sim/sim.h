/*
 * sim.h - a world of one process: slurmq's own code over a simulated clock, file system and Slurm.
 *
 * A simulated process is a coroutine that runs a command of slurmq. Whatever of the outside it reaches
 * for (a file, a lock, the clock, a child) is a call into this folder, and each such call is a point at
 * which it may be put aside for another, be killed as by kill -9, or fail. All chance comes from the
 * seed: a seed replays itself.
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
	SIM_NODES = 4, /* of the cluster; node 0 is where people log in */
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

/* What a step's command does. */
struct sim_work {
	uint64_t submission; /* its attempt: the manifest and the index in it */
	int task;
	int64_t job;
	char key[24];
	int exit_code, signal; /* if it is let run to its end */
	int on_term;	       /* enum sim_on_term */
	bool done;
	int64_t begun, ended;
	int at_exit, at_signal; /* what it ended with */
	int64_t by;		/* pid of the supervisor that began it */
	int64_t attempt;	/* of the database; known once that was looked at */
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
	int64_t wake;  /* when it goes on; NEVER: not by time alone */
	uint64_t turn; /* orders what is due at one time, and marks a wake that is out of date */
	bool waits_signal, signals_blocked, dies_with_parent, over;
	unsigned pending; /* signals, as bits */
	struct proc_end ends[SIM_ENDS];
	int nends;
	struct sim_fd fd[SIM_FDS];
	struct sim_job *job;   /* of Slurm, that it belongs to; NULL: none */
	int host;	       /* node number */
	int kill_in, fail_in;  /* calls until then, 0: not */
	struct sim_work *work; /* a step's command: no coroutine */
	bool sbatch_sent;      /* in the middle of an sbatch: it goes on without us */
	int newest_child;
	int calls;
	int status; /* its exit status */
	bool typed; /* by the person, who sees that */
	void *sbatch;
};

struct sim_knobs {
	int switch_in;		       /* one call of so many takes time, in which others go on */
	int64_t slow;		       /* up to so many µs then */
	int kill_runs, kill_users;     /* of 100 processes so many are killed on their way */
	int fail_calls;		       /* of 100 processes, so many see one call fail */
	int sbatch_trouble;	       /* of 100 */
	int query_trouble;	       /* of 100 */
	int cluster_trouble;	       /* events of scancel, node, limit ... in the whole */
	int rename_lies;	       /* of 1000 */
	bool skew;		       /* hosts' clocks differ, by up to a day */
	int step_fails, step_signals;  /* of 100 */
	int site_harms;		       /* of 100 jobs, soon after their start */
	int64_t step_short, step_long; /* µs, at most */
};

struct sim_world {
	uint64_t seed, rng[2];
	int64_t now; /* µs since the begin */
	uint64_t turns;
	int next_pid;
	bool faults; /* may anything go wrong by itself still? */
	struct sim_knobs k;
	int64_t skew[SIM_NODES]; /* ms */
	uint64_t calls, kills, fails;
	int trace;
	char broken[1024]; /* the first violation, "" none */
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
extern struct sim_proc *sim_self; /* who runs now, NULL: the simulator itself */

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

/* Something that happens at a time: fn(arg) in the scheduler. */
void sim_at(int64_t when, void (*fn)(void *arg), void *arg);

/* A process that runs argv (a command of slurmq) with env; host: 0 .. SIM_NODES-1. */
struct sim_proc *sim_spawn(const char *const *argv, const char *const *env, int host,
			   struct sim_job *job);
/* One that is a step's command. */
struct sim_proc *sim_spawn_work(struct sim_work *w, int64_t runs_for);
void sim_signal(struct sim_proc *p, int sig);
struct sim_proc *sim_proc_find(int pid);
/* Calls fn for each live process of a job (NULL: any). */
void sim_procs_each(struct sim_job *job, void (*fn)(struct sim_proc *p, void *arg), void *arg);
int sim_procs_count(void);
/* End it as kill -9 does: descriptors closed, locks dropped. */
void sim_kill(struct sim_proc *p);

/* A call into the outside: time may pass, others may run, we may be killed. An errno where the call is
 * to fail, else 0. */
int sim_point(const char *call);
/* Go on at that time, or, with signals, when one comes. */
void sim_wait(int64_t until, bool signals);

/* Until nothing happens any more, or until that time. */
void sim_run(int64_t until);
/* When the next thing happens; NEVER. */
int64_t sim_next(void);

extern int (*sim_main)(int argc, char **argv); /* what a coroutine runs */
extern const char *sim_env(const struct sim_proc *p, const char *name);

/* ---- disk.c ---- */

void disk_reset(void);
void disk_close_all(struct sim_proc *p); /* at its end */
/* A copy of everything, to begin anew from; and back. */
struct disk_image;
struct disk_image *disk_save(void);
void disk_load(const struct disk_image *image);
int disk_byte(const char *path);       /* a file's first one; -1 without */
size_t disk_entries(const char *path); /* of a folder */
const char *disk_entry(const char *path, size_t i);
bool disk_locked(const char *path); /* for writing, by SQLite */
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
	bool gone, collapsed; /* left no trace; shown as one line for all of its array */
	int restarts, host, batch_pid;
	char final[24];	    /* what its state will be */
	bool told_to_end;   /* TERM is out */
	bool node_gone;	    /* and slurmctld has not seen it yet */
	bool by_owner;	    /* scancel */
	int64_t scancelled; /* when that ended it; 0: not */
	bool requeue;	    /* sbatch --requeue: it begins again where the site ends it */
	int64_t told;	    /* when it had told its end, and began to chain */
	bool one_slot;	    /* then Slurm's limit was one: none was left to chain with */
	bool left_normally; /* its supervisor went to its end by itself, and was not told to end */
	struct sim_job *next;
	bool sentinel;	       /* it runs slurmq chain --sentinel */
	int exit_code, signal; /* that its script ended with */
	int64_t begin;	       /* not before */
	char exclude[32];      /* --exclude */
};
void cluster_reset(void);
extern struct sim_job *cluster_jobs;
enum { ACCT_WELL, ACCT_NONE, ACCT_AWAY, ACCT_N };
struct cluster_knobs {
	int acct;	  /* the accounting */
	int64_t limit;	  /* MaxSubmitJobsPU, -1: none */
	int slots;	  /* jobs that run at once */
	int64_t walltime; /* µs */
	int64_t patience; /* before a pending one starts, at most */
	bool away;
	int64_t last_scancel; /* by the owner, of all */
	int64_t nothing_from; /* from then on nothing may be submitted; 0: it may */
	int scancelled;	      /* so many were ended by it */
	bool unheard; /* of these no process was left to write a record, or it was one job alone */
	bool silent;  /* in this story there was a time when it could not be asked */
};
extern struct cluster_knobs cluster;
int cluster_active(void);
/* One of Slurm's commands: false where there is no such. */
bool cluster_command(const struct proc_spec *spec, struct proc_result *result);
void cluster_batch_ended(struct sim_job *job, int exit_code, int sig);
void cluster_told(struct sim_job *job);
void cluster_sbatch_fed(const struct proc_spec *spec);
void cluster_sbatch_orphaned(struct sim_proc *p);
/* Trouble of that kind for a random job. */
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
/* Cancel each pending or running job with that chance of a hundred, but spare one that was submitted long ago. Returns how
 * many were cancelled; 0: there was none to spare. */
int cluster_scancel_some(int per_hundred);
void story_person_told(void);
/* How many cancel records there are. */
size_t story_records(void);
/* A step begins. */
void story_step_begins(void);

/* ---- ledger.c: what the commands themselves know ---- */

void ledger_reset(void);
struct sim_work *ledger_begin(uint64_t submission, int task, int64_t job, const char *key,
			      int64_t by);
void ledger_end(struct sim_work *w, int exit_code, int sig);
size_t ledger_size(void);
struct sim_work *ledger_at(size_t i);
/* An end line that was told durably. */
void ledger_told(uint64_t submission, int task, bool completed, int exit_code, int sig);
struct ledger_end {
	uint64_t submission;
	int task;
	bool completed;
	int exit_code, signal;
};
size_t ledger_ends(void);
const struct ledger_end *ledger_end_at(size_t i);

/* ---- policy.c: a sweep's retry, and whether what was done by it is what it allows ---- */

enum { POLICY_KINDS = 5 };
struct sim_rule {
	bool again;
	unsigned codes; /* bits; 0: any */
	int64_t delay_s;
};
struct sim_policy {
	bool restartable;
	int max;
	struct sim_rule rules[POLICY_KINDS];
};
/* Draws one, and appends it to the sweep's text. */
void policy_draw(struct sim_policy *p, struct buf *b);
int policy_register(void); /* once, before any database is opened */
/* From now on this database keeps the history that is judged. */
int policy_keep_history(const char *path);
/* policies: by sweep. The ledger's attempts are known. */
void policy_judge(const char *path, const struct sim_policy *policies);

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

/* ---- story.c: what happens by that seed, and what must be true then ---- */

/* Plays it; sim.broken says what was wrong. */
void story_play(uint64_t seed);
void story_prepare(void); /* once, before any */

#endif
