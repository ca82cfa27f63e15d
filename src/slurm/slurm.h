/*
 * slurm.h - runs Slurm's commands and parses their output. Knows no job table.
 *
 * squeue, sacct, scancel and scontrol run for 30 s at most. Their environment:
 * - SQUEUE_*, SACCT_*, SCANCEL_*, SCONTROL_* and SLURM_CLUSTERS are unset. A leftover SQUEUE_STATES
 *   makes an empty answer, and with a leftover SCANCEL_STATE scancel skips jobs (squeue(1),
 *   scancel(1), ENVIRONMENT VARIABLES).
 * - SLURM_TIME_FORMAT=%s, a format of strftime(3), prints times as seconds since 1970.
 * - SLURM_BITSTR_LEN=0 prints lists of array tasks in full (squeue(1)).
 * A failed command is never evidence that a job is absent: the function returns an error
 * (ERR_AGAIN), not an empty list. ERR_FAILED: the command is not on PATH. Messages are safe for a
 * terminal: control characters in Slurm's output become '?'.
 *
 * [S] marks facts seen on Slurm 22.05.8. Known differences of 20.11.4 and 24.11.5 are given with
 * the fact; `make check-slurm` runs the tests with these versions.
 */
#ifndef SLURMQ_SLURM_H
#define SLURMQ_SLURM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/job.h"

/* The result of one sbatch command. */
enum slurm_answer {
	SLURM_ACCEPTED = 1, /* exit 0 and a line with a job's id */
	SLURM_LIMIT,	    /* MaxSubmitJobs or a similar limit: retry when a job has ended */
	SLURM_BUSY,	    /* refused for now, not because of the specification: back off */
	SLURM_UNCLEAR,	    /* timed out, killed, controller out of reach, or exit 0 without an id:
			       sbatch may or may not have made a job */
	SLURM_REFUSED,	    /* any other failure: the specification is at fault */
	SLURM_NO_SBATCH,    /* sbatch is not on PATH or cannot be executed: no job was made */
};
/*
 * How slurm_judge() distinguishes the answers:
 * - ACCEPTED: exit 0 and exactly one line of stdout that is "123" or "123;cluster" (sbatch(1),
 *   --parsable); other lines may surround it. Two different such lines are UNCLEAR. Such a line
 *   together with a failure is UNCLEAR too (sbatch --wait exits with the job's own status).
 * - LIMIT: a line that is only a reason containing MaxSubmitJob or SubmitJobsLimit. The complete
 *   list [S]: QOSMaxSubmitJobPerUserLimit, QOSGrpSubmitJobsLimit, MaxSubmitJobsPerAccount,
 *   AssocMaxSubmitJobLimit, AssocGrpSubmitJobsLimit. The reason precedes "Batch job submission
 *   failed: Job violates accounting/QOS policy (...)". Limits of size and time share that policy
 *   line (QOSMaxWallDurationPerJobLimit, QOSMaxCpuPerJobLimit). The reason follows the text of a
 *   job_submit plugin, which makes even a successful sbatch print on stderr. A plugin's sentence
 *   with the same words in it is not a limit. The policy line without any reason was never seen;
 *   it is REFUSED.
 * - BUSY: while the job table is full (MaxJobCount), sbatch prints once "Slurm temporarily unable
 *   to accept job, sleeping and retrying". It retries for two minutes, until slurmq ends it
 *   [S], so the text counts whether sbatch timed out or not. Also BUSY: a drained or inactive
 *   partition [S], and a slurmctld that cannot write its state: the site is at fault, not the
 *   specification. A failed fork is BUSY as well.
 * - UNCLEAR and BUSY by text: the line with "Batch job submission failed: " decides if there is
 *   one, otherwise any line. Trouble with munge or slurm.conf is UNCLEAR, because one badly
 *   configured node must not hold a sweep.
 * - NO_SBATCH: also exit 126 or 127 without a "Batch job submission failed: " line, from a wrapper
 *   that finds no sbatch or from an sbatch that lacks its libraries.
 */

struct slurm_submission {
	const char *name; /* --job-name */
	int ntasks;	  /* 1: a single job; more: --array=0-(n-1) */
	/* --output, a pattern of sbatch(1), filename pattern: the caller doubles each '%' of the
	 * path; a backslash turns all patterns off [S]. A job whose output file cannot be opened
	 * fails before its first line [S; 20.11.4; 24.11.5]. If only the file's folder is missing,
	 * 24.11.5 makes the folder and runs the job. */
	const char *output;
	const char *chdir;	    /* an existing absolute folder; NULL: sbatch's own */
	const char *const *options; /* the user's "--long=value", NULL-terminated; first */
	bool requeue;		    /* --requeue rather than --no-requeue */
	int notice_s;		    /* seconds from SIGUSR1 to the time limit; 0: SLURM_NOTICE_S */
	const char *script;	    /* sbatch's standard input */
	/* sbatch's environment; NULL: that of this process. sbatch does not get the variables that
	 * set an option of slurmq's (sbatch_owns_variable()). */
	const char *const *envp;
};

enum { SLURM_NOTICE_S = 60 };

/* Appends the argv of a submission, for sbatch and for --dry-run: sbatch --parsable, the user's
 * options, then slurmq's: --job-name --array --output --error --input=/dev/null --open-mode=append
 * --no-requeue --signal=B:USR1@60 --chdir. */
void slurm_sbatch_argv(const struct slurm_submission *s, struct strs *argv);

struct slurm_reply {
	int answer;    /* enum slurm_answer */
	uint64_t job;  /* if accepted: the Slurm job's id (an array's id) */
	char *cluster; /* the cluster if sbatch named one ("123;cluster"), else NULL */
	/* sbatch's lines except the job's, trimmed, "sbatch: error: " removed, without control
	 * characters except newlines, 8 KiB at most (the start and the end); plus slurmq's line if
	 * they do not show the cause; never NULL */
	char *text;
};
/* Runs sbatch, 60 s at most. Always fills *reply; the caller releases it. */
void slurm_sbatch(const struct slurm_submission *s, struct slurm_reply *reply);
/* slurm_sbatch() in parts, since half of sbatch's time passes before it reads its script [S].
 * sbatch gets the script only from slurm_sbatch_feed() or slurm_sbatch_end(). Without a script
 * sbatch makes no job ("Batch script is empty!", exit 1 [S]): a process that dies after
 * slurm_sbatch_begin() has submitted nothing. slurm_sbatch_feed() makes sbatch submit;
 * slurm_sbatch_end() waits for the answer. *s must stay valid until slurm_sbatch_end() or
 * slurm_sbatch_abandon(), either of which frees b. */
struct slurm_sbatch;
struct slurm_sbatch *slurm_sbatch_begin(const struct slurm_submission *s);
void slurm_sbatch_feed(struct slurm_sbatch *b);
void slurm_sbatch_end(struct slurm_sbatch *b, struct slurm_reply *reply);
void slurm_sbatch_abandon(struct slurm_sbatch *b);
/* Fills *reply from sbatch's output and status, for tests and for a reply that was kept in a file.
 * The caller releases *reply. */
void slurm_judge(const char *out, const char *errtext, int exit_code, int signal, bool timed_out,
		 struct slurm_reply *reply);
void slurm_reply_release(struct slurm_reply *reply);

/*
 * One line of squeue -r, or of sacct: a job or an array task.
 *
 * Array tasks [S]: a pending task shows the array's id in %A. Only a task that starts gets an id of
 * its own; the last task to start keeps the array's. Tasks that never started and were cancelled
 * with the whole array: if no other task has started, each has a line, otherwise one line stands
 * for all, with the array's id and task -1. A single pending task that was cancelled
 * ("scancel 51_4") leaves no trace in squeue, scontrol and sacct, while its array is still shown.
 *
 * A job that queries itself [S] sees: after scancel COMPLETING with reason None; after the time
 * limit COMPLETING with reason TimeLimit, before it gets CONT and TERM; after scancel --signal=...
 * --batch RUNNING with reason None. A COMPLETING job has given back its slot of MaxSubmitJobs.
 * After scontrol requeue, or when the site requeues it, it sees the same as after scancel, but
 * RestartCnt is one more than its own SLURM_RESTART_COUNT. Then it is PENDING with reason
 * BeginTime, and its time of submission is that of the requeue.
 *
 * scontrol update name=... renames a job in squeue and in sacct. A single pending array task that
 * is renamed also gets an id of its own [S].
 */
struct slurm_job {
	uint64_t id; /* %A: this task's own id (an array's pending tasks all show the array's) */
	uint64_t array_id; /* %F: the array's id, or id for a job that is not an array */
	int64_t task;	   /* %K: index, -1 if the job is not an array */
	char *state;	   /* %T: PENDING, RUNNING, COMPLETING, TIMEOUT, CANCELLED, ... */
	char *reason;	   /* %r: None, Priority, TimeLimit, ... */
	char *name;	   /* %j */
	int64_t submitted; /* %V, ms since 1970; 0: not reported */
	/* %e, ms since 1970; for a running job the expected end. Without a time limit %e is NONE (0
	 * here), or for an array's task a year ahead [S; 20.11.4]; 24.11.5 has NONE for both. */
	int64_t ended;
	int restarts;	       /* RestartCnt; -1: not queried */
	int exit_code, signal; /* after the end; 0: none, or not reported (squeue has neither) */
};
struct slurm_jobs {
	struct slurm_job *v;
	size_t n;
};
/* Returns whether a job in this state is not over: PENDING, CONFIGURING, RUNNING, SUSPENDED,
 * COMPLETING, REQUEUED, RESIZING, SIGNALING, STAGE_OUT, STOPPED, REQUEUE_HOLD, REQUEUE_FED,
 * SPECIAL_EXIT, RESV_DEL_HOLD, POWER_UP_NODE. */
bool slurm_state_active(const char *state);
/* Returns whether the state is active and the job is not already ending (COMPLETING). */
bool slurm_state_alive(const char *state);
/* Returns whether a job in this state is over for good (squeue(1), JOB STATE CODES), including the
 * words that sacct extends ("CANCELLED by 0") or cuts off ("OUT_OF_ME+"). A state that is neither
 * active nor over comes from a newer Slurm and proves nothing. */
bool slurm_state_over(const char *state);
/*
 * Fills in end's reason, exit_code and signal from a job that is over, and the time if Slurm
 * reported it. began: the job's supervisor had begun.
 *
 * Slurm's state is FAILED for a script that exited with a status other than 0, for one that was
 * killed by a signal, and for one that could not be started (its output file cannot be written or
 * its folder entered). sacct distinguishes the three by ExitCode "code:signal", which is 0:53 for
 * the last [S]. squeue's reason is NonZeroExitCode for the first and JobLaunchFailure for the two
 * others [S]. From 23.11 on it is "RaisedSignal:9(Killed)" for the second; 24.11.5 has
 * RaisedSignal:53 for the last. A job that could not be started gets BOOT_FAIL. 20.11.4 reports a
 * job whose output cannot be written as exited with status 1 (NonZeroExitCode, 1:0): there the
 * reason is EXIT.
 */
void slurm_job_end(const struct slurm_job *job, bool began, struct job_end *end);
/* Lists every job of user uid that slurmctld still knows, including jobs that ended within
 * MinJobAge; the caller releases *out:
 * squeue -a -r -h -t all -o '%A\x1f%F\x1f%K\x1f%T\x1f%r\x1f%V\x1f%e\x1f%j\x1e' -u UID
 * A record of any other form is an error whose message quotes the record. A uid that slurmctld's
 * clients cannot look up is an error too, although squeue exits 0 [S; 24.11.5]. 20.11.4 looks no
 * uid up and lists the jobs of any uid. */
int slurm_squeue(uint64_t uid, struct slurm_jobs *out, struct err *err);
/* Returns why Slurm ends a job that it sends TERM to, from squeue's line at that moment. [S]: the
 * time limit shows COMPLETING and TimeLimit, scancel COMPLETING and None, a mere signal RUNNING.
 * Returns REASON_TIMEOUT, REASON_PREEMPTED (even if Slurm requeues the job; restart is the job's
 * own SLURM_RESTART_COUNT), REASON_DEADLINE, REASON_NODE_FAIL (a node that is set down shows
 * NODE_FAIL and NodeDown [S]), REASON_OUT_OF_MEMORY, REASON_BOOT_FAIL, REASON_NONE if Slurm does
 * not end the job (RUNNING, SUSPENDED), else REASON_CANCELLED. */
int slurm_stop_reason(const struct slurm_job *job, int restart);
/* Queries one job by its own id. Returns 0 and *out (id, state, reason and restarts; the caller
 * releases it), 1 if Slurm does not know the job, or -1:
 * squeue -a -r -h -t all -O JobID:20,State:20,RestartCnt:20,Reason:60 -j ID */
int slurm_squeue_job(uint64_t id, struct slurm_job *out, struct err *err);
void slurm_job_release(struct slurm_job *job);
void slurm_jobs_release(struct slurm_jobs *jobs);

/*
 * Lists user uid's jobs of the last since_s seconds (by this host's clock) from the accounting. ids
 * restricts the list to these jobs and arrays ("123"; NULL or empty: all). The caller releases
 * *out:
 * sacct -n -X -D -P --delimiter=\x1f -u UID -S now-SINCE
 * -o JobIDRaw,JobID,State,ExitCode,Submit,End,JobName [-j IDS]
 *
 * -S, because the default shows only today's jobs; -X: no steps; -D, because Slurm may use an id
 * twice (sacct(1)), and a requeued job has a line for each time it was queued, the last with its
 * state. State is the first word alone; reason is empty. An array's pending tasks are one line
 * ("51_[0,3-5%2]"); *out has an entry for each task (up to index 4095). sacct does not show held
 * jobs at all [S], and shows a job only after a delay (0.6 to 5 s [S]). A line may show RUNNING for
 * ever, if slurmctld lost the job. So an absent job, or a state that is not over, is no evidence
 * here. Lines that cannot be parsed are skipped.
 *
 * SLURM_NO_ACCT: the cluster has no accounting ("Slurm accounting storage is disabled").
 * -1: no answer.
 */
enum { SLURM_NO_ACCT = 1 };
int slurm_sacct(uint64_t uid, int64_t since_s, const struct strs *ids, struct slurm_jobs *out,
		struct err *err);

/* Cancels tasks or jobs by "123" or "123_4", 200 per call of scancel; a failed call does not stop
 * the others. A missing job is not an error ("Invalid job id specified", "already completing or
 * completed"; 22.05.8 prints nothing and exits 0 [S]). */
int slurm_scancel(const struct strs *ids, struct err *err);
/* Cancels like slurm_scancel(), but only jobs that are still pending (scancel(1), --state). */
int slurm_scancel_pending(const struct strs *ids, struct err *err);
/* Appends a job's id as scancel needs it: an array's task is named by the array's id and its index,
 * not by the id of its own [S]. */
void slurm_scancel_add(struct strs *ids, const struct slurm_job *job);

/* Stops Slurm from requeuing this job if its node fails (scontrol(1), Requeue). */
int slurm_requeue_off(uint64_t id, struct err *err);
/* Ends this job and requeues it with its full time limit (scontrol(1), requeue incomplete: a job
 * that is being cancelled stays so [S]). Returns -1 if Slurm refuses. */
int slurm_requeue(uint64_t id, struct err *err);

/* Returns in *version what a command of Slurm prints as its version: "22.05.8" for "slurm-wlm
 * 22.05.8" [S]. The caller frees it. */
int slurm_version(const char *tool, char **version, struct err *err);

/* The configuration of a site. Numbers are -1 if unset or not reported. */
struct slurm_site {
	char *cluster;		/* ClusterName */
	char *version;		/* SLURM_VERSION */
	int64_t kill_wait_s;	/* KillWait */
	int64_t max_array_size; /* MaxArraySize */
	int64_t max_job_count;	/* MaxJobCount */
};
/* Reads scontrol show config; the caller releases *out. */
int slurm_site_read(struct slurm_site *out, struct err *err);
void slurm_site_release(struct slurm_site *site);

/*
 * The number of jobs that this user may have in Slurm, and has: the tightest (with the least room
 * left) of the limits in scontrol -o show assoc_mgr users=U flags=assoc,qos that the user's jobs
 * count under. limit -1: none. used -1: unknown; used counts the user's jobs under that same limit.
 * If users share a limit (GrpSubmitJobs, MaxSubmitJobsPA), the other users' jobs are subtracted.
 *
 * - QOS: MaxSubmitJobsPU, MaxSubmitJobsPA and GrpSubmitJobs of each QOS that the user has jobs in.
 *   Their limits add up, because each QOS counts its own jobs alone. A QOS shows a user's limits
 *   only after that user has had a job in it [S], and the user's default QOS is not shown.
 *   Therefore a wider QOS without jobs counts instead. If the user has used no QOS, no limit of a
 *   QOS is visible. Read the limit again when a job is in flight.
 * - Associations: MaxSubmitJobs and GrpSubmitJobs of the user's associations that have jobs and of
 *   the default one, GrpSubmitJobs of the accounts above. A QOS that sets one of the two overrides
 *   the association's [S] (Slurm's documentation, Resource Limits, Hierarchy).
 * Without accounting Slurm has no associations: no limit.
 */
struct slurm_limit {
	int64_t limit, used;
	char *from; /* "qos normal", "association lab", never NULL */
};
/* Reads the tightest limit. If that fails, both numbers are -1. The caller releases *out. */
int slurm_limit_read(const char *user, struct slurm_limit *out, struct err *err);
void slurm_limit_release(struct slurm_limit *limit);

#endif
