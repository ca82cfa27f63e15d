/*
 * slurm.h - Slurm's commands: their argv, and what they print. Knows no job table.
 *
 * squeue, sacct, scancel and scontrol run, 30 s at most, with SQUEUE_*, SACCT_*, SCANCEL_*,
 * SCONTROL_* and SLURM_CLUSTERS unset: a leftover SQUEUE_STATES makes an empty answer, a leftover
 * SCANCEL_STATE spares jobs (squeue(1), scancel(1), ENVIRONMENT VARIABLES); with times as seconds
 * since 1970 (SLURM_TIME_FORMAT=%s, a format of strftime(3)) and lists of array tasks as long as they
 * are (SLURM_BITSTR_LEN=0; squeue(1)). A command that failed is never evidence of absence: it is an error here (ERR_AGAIN),
 * not an empty list. ERR_FAILED: there is no such command on PATH. Messages are fit for a terminal:
 * control characters in what Slurm printed have become '?'.
 *
 * [S] marks what was seen on Slurm 22.05.8. What is known to differ on 20.11.4 and 24.11.5 stands beside it; `make
 * check-slurm` runs the tests with these versions.
 */
#ifndef SLURMQ_SLURM_H
#define SLURMQ_SLURM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "slurm/job.h"

/* What became of one sbatch. */
enum slurm_answer {
	SLURM_ACCEPTED = 1, /* exit 0 and a line of a job's id */
	SLURM_LIMIT,	    /* MaxSubmitJobs and its kin: come back when something has ended */
	SLURM_BUSY,	    /* not now, and not for the specification: back off */
	SLURM_UNCLEAR,	 /* timed out, killed, controller out of reach, exit 0 without an id: it may
			       have made a job or not */
	SLURM_REFUSED,	 /* anything else that failed: the specification */
	SLURM_NO_SBATCH, /* there is no sbatch on PATH, or it cannot be executed: no job was made */
};
/*
 * How they are told apart:
 * - ACCEPTED: exit 0 and exactly one line of stdout that is "123" or "123;cluster" (sbatch(1),
 *   --parsable), other lines around it or not. Two different such lines are UNCLEAR, and so is one
 *   together with a failure (sbatch --wait exits with the job's own status).
 * - LIMIT: a line that is nothing but a reason with MaxSubmitJob or SubmitJobsLimit in it. All that
 *   there are [S]: QOSMaxSubmitJobPerUserLimit, QOSGrpSubmitJobsLimit, MaxSubmitJobsPerAccount,
 *   AssocMaxSubmitJobLimit, AssocGrpSubmitJobsLimit. It stands before "Batch job submission failed:
 *   Job violates accounting/QOS policy (...)", which is shared with limits of size and time
 *   (QOSMaxWallDurationPerJobLimit, QOSMaxCpuPerJobLimit), and after whatever a job_submit plugin
 *   says, which makes even a success print on stderr. A plugin's sentence with the same words in it
 *   is no limit. The policy line without any reason was never seen; it is REFUSED.
 * - BUSY: while the job table is full (MaxJobCount) sbatch says once "Slurm temporarily unable to
 *   accept job, sleeping and retrying" and tries for two minutes, until our time-out ends it [S]:
 *   so that text counts, timed out or not. Also a drained or inactive partition [S], and a
 *   slurmctld that can't write its state: the site is at fault, not the specification. Also where
 *   we could not fork.
 * - UNCLEAR and BUSY by text: the line after "Batch job submission failed: " decides where there is
 *   one, any line where there is none. Trouble with munge or slurm.conf is UNCLEAR: one node that
 *   is badly set up must not hold a sweep.
 * - NO_SBATCH: also exit 126 or 127 without a verdict, from a wrapper that has no sbatch or an
 *   sbatch that has no libraries.
 */

struct slurm_submission {
	const char *name; /* --job-name */
	int ntasks;	  /* 1: a single job; more: --array=0-(n-1) */
	/* --output, a pattern of sbatch(1), filename pattern: a '%' of the path doubled; a backslash turns all
	 * patterns off [S]. A job whose output file cannot be opened fails before its first line [S; 20.11.4;
	 * 24.11.5]. If only the file's folder is missing, 24.11.5 makes the folder and runs the job. */
	const char *output;
	const char *chdir;	    /* an existing absolute folder; NULL: sbatch's own */
	const char *const *options; /* "--long=value" of the user, NULL-terminated; before ours */
	bool requeue;		    /* --requeue rather than --no-requeue */
	const char *script;	    /* goes to its standard input */
	const char *const *envp;    /* the whole environment it gets; NULL: our own */
};

/* The argv of a submission, for sbatch and for --dry-run: sbatch --parsable, the user's options,
 * then ours: --job-name --array --output --open-mode=append --no-requeue --signal=B:USR1@60
 * --chdir. */
void slurm_sbatch_argv(const struct slurm_submission *s, struct strs *argv);

struct slurm_reply {
	int answer;    /* enum slurm_answer */
	uint64_t job;  /* the Slurm job's id (an array's id), where accepted */
	char *cluster; /* where sbatch named one ("123;cluster"), else NULL */
	char *text;    /* sbatch's own lines but the job's, trimmed, "sbatch: error: " taken off,
			      without control characters but newlines, 8 KiB at most (its begin and
			      its end), with a line of ours where they don't tell what happened;
			      never NULL */
};
/* Run sbatch, 60 s at most. Always fills *reply; release it. */
void slurm_sbatch(const struct slurm_submission *s, struct slurm_reply *reply);
/* The same in two parts: half of sbatch's time goes by before it reads its script [S]. It gets none before
 * slurm_sbatch_feed() or slurm_sbatch_end(), and without one makes no job ("Batch script is empty!", exit 1
 * [S]): whoever began it and dies has submitted nothing. Fed, it submits, and the end waits for its answer.
 * *s must stay until the end, or slurm_sbatch_abandon(). */
struct slurm_sbatch;
struct slurm_sbatch *slurm_sbatch_begin(const struct slurm_submission *s);
void slurm_sbatch_feed(struct slurm_sbatch *b);
void slurm_sbatch_end(struct slurm_sbatch *b, struct slurm_reply *reply);
void slurm_sbatch_abandon(struct slurm_sbatch *b);
/* The same judgement from what was seen, for tests and for a reply that was kept in a file. */
void slurm_judge(const char *out, const char *errtext, int exit_code, int signal, bool timed_out,
		 struct slurm_reply *reply);
void slurm_reply_release(struct slurm_reply *reply);

/*
 * One line of squeue -r, or of sacct: a job or an array task.
 *
 * Of an array's tasks [S]: a pending one shows the array's id in %A, for only a task that starts
 * gets an id of its own; the last one to start keeps the array's. Tasks that never started and were
 * cancelled with the whole array are shown one by one where no other has started, else as one line
 * with the array's id and task -1. A single pending task that was cancelled ("scancel 51_4") leaves
 * no trace at all, in squeue, scontrol and sacct alike, while its array is still shown.
 *
 * What a job sees of itself [S]: from scancel on COMPLETING with reason None, from the time limit
 * on COMPLETING with reason TimeLimit, before it gets CONT and TERM; after scancel --signal=...
 * --batch RUNNING with reason None. A job that is COMPLETING has given back its slot of
 * MaxSubmitJobs. From scontrol requeue on, and where the site requeues it, it sees what scancel shows,
 * but RestartCnt is one more than its own SLURM_RESTART_COUNT; then it is PENDING with reason
 * BeginTime, and the time of its submission is that of the requeue.
 *
 * scontrol update name=... renames a job for squeue and sacct alike; of a pending array's one task
 * [S], it also gets an id of its own by that.
 */
struct slurm_job {
	uint64_t id; /* %A: this task's own id (an array's pending tasks all show the array's) */
	uint64_t array_id; /* %F: the array's id, or id for a job that is no array */
	int64_t task;	   /* %K: index, -1 where it is no array */
	char *state;	   /* %T: PENDING, RUNNING, COMPLETING, TIMEOUT, CANCELLED, ... */
	char *reason;	   /* %r: None, Priority, TimeLimit, ... */
	char *name;	   /* %j */
	int64_t submitted; /* %V, ms since 1970; 0: not told */
	/* %e, the same; of what runs it is when that is expected. Without a time limit it is NONE (0 here), or for an
	 * array's task a year ahead [S; 20.11.4]; 24.11.5 has NONE for both. */
	int64_t ended;
	int restarts;	       /* RestartCnt; -1: not asked for */
	int exit_code, signal; /* of what has ended; 0: none, or not told (squeue has neither) */
};
struct slurm_jobs {
	struct slurm_job *v;
	size_t n;
};
/* Slurm holds the job or will (PENDING, CONFIGURING, RUNNING, SUSPENDED, COMPLETING, REQUEUED,
 * RESIZING, SIGNALING, STAGE_OUT, STOPPED, REQUEUE_HOLD, REQUEUE_FED, SPECIAL_EXIT), so it is not
 * over. */
bool slurm_state_active(const char *state);
/* The same, and nothing has ended it yet: not COMPLETING. */
bool slurm_state_alive(const char *state);
/* It is over for good: a state that Slurm gives to what has ended (squeue(1), JOB STATE CODES), with
 * what sacct adds to it ("CANCELLED by 0") or cuts off ("OUT_OF_ME+"). A word that is neither active
 * nor over is a newer Slurm's, and says nothing. */
bool slurm_state_over(const char *state);
/*
 * How a job ended that is over: fills in end's reason, exit_code and signal, and when, where that is told; began: its supervisor had begun.
 *
 * FAILED is what Slurm calls a script that exited other than by 0, that was killed by a signal, and that could not
 * be started (its output can't be written, its folder entered). sacct tells them apart by ExitCode "code:signal",
 * which is 0:53 for the last one [S]. squeue's reason is NonZeroExitCode for the first and JobLaunchFailure for
 * both others [S]; from 23.11 on it is "RaisedSignal:9(Killed)" for the second, and 24.11.5 has RaisedSignal:53 for
 * the last one. What could not be started is BOOT_FAIL. 20.11.4 reports a job whose output can't be written as one
 * that exited by 1 (NonZeroExitCode, 1:0): there it is EXIT.
 */
void slurm_job_end(const struct slurm_job *job, bool began, struct job_end *end);
/* Every job of user uid that slurmctld still knows, ended ones within MinJobAge too:
 * squeue -a -r -h -t all -o '%A\x1f%F\x1f%K\x1f%T\x1f%r\x1f%V\x1f%e\x1f%j\x1e' -u UID
 * A record that is not of this form is an error that shows it. So is a uid that slurmctld's clients
 * can't look up, for which squeue exits 0 [S; 24.11.5]; 20.11.4 looks nothing up and lists the jobs of any uid. */
int slurm_squeue(uint64_t uid, struct slurm_jobs *out, struct err *err);
/* Why Slurm ends a job that it sends TERM to, from what squeue shows of it in that moment [S: the time limit
 * shows COMPLETING and TimeLimit, scancel COMPLETING and None, a mere signal RUNNING]: REASON_TIMEOUT,
 * REASON_PREEMPTED (also where it is requeued: restart is the job's own SLURM_RESTART_COUNT),
 * REASON_DEADLINE, REASON_NODE_FAIL (a node that is set down shows NODE_FAIL and NodeDown [S]), OUT_OF_MEMORY,
 * BOOT_FAIL, else REASON_CANCELLED, or REASON_NONE where it does not. */
int slurm_stop_reason(const struct slurm_job *job, int restart);
/* One job by its own id. 0 and *out (id, state, reason and restarts), 1 where Slurm does not know it, -1:
 * squeue -a -r -h -t all -O JobID:20,State:20,RestartCnt:20,Reason:60 -j ID */
int slurm_squeue_job(uint64_t id, struct slurm_job *out, struct err *err);
void slurm_job_release(struct slurm_job *job);
void slurm_jobs_release(struct slurm_jobs *jobs);

/*
 * What the accounting has of user uid's jobs that were there within the last since_s seconds (by this
 * host's clock), or, with ids, of these jobs and arrays alone ("123"; NULL or empty: all):
 * sacct -n -X -D -P --delimiter=\x1f -u UID -S now-SINCE -o JobIDRaw,JobID,State,ExitCode,Submit,End,JobName
 * [-j IDS]
 *
 * -S, since by default only what is of today is shown; -X: no steps; -D, since an id may have been given
 * out twice (sacct(1)), and a requeued job has a line for each time it was queued, the last one with its
 * state. State is the first word alone; reason is empty. What was pending in an array is one line for
 * all ("51_[0,3-5%2]"), and here as many as there are tasks (up to index 4095). What is held is not
 * shown at all [S], and nothing is before some seconds have passed (0.6 to 5 s [S]); a line may say
 * RUNNING for ever, where slurmctld lost the job. So absence says nothing here, nor does a state that is
 * not over; a line that can't be read is passed over.
 *
 * SLURM_NO_ACCT: the cluster has no accounting ("Slurm accounting storage is disabled"). -1: no answer.
 */
enum { SLURM_NO_ACCT = 1 };
int slurm_sacct(uint64_t uid, int64_t since_s, const struct strs *ids, struct slurm_jobs *out,
		struct err *err);

/* scancel of tasks or jobs by "123", "123_4": in slices of 200 a call, all of which are tried. A
 * job that has gone is no error ("Invalid job id specified", "already completing or completed";
 * 22.05.8 says nothing and exits 0 [S]). */
int slurm_scancel(const struct strs *ids, struct err *err);
/* The same for those that are still pending (scancel(1), --state). */
int slurm_scancel_pending(const struct strs *ids, struct err *err);
/* Add a job's name for it: an array's task goes by the array's id and its index, not by the id of its own [S]. */
void slurm_scancel_add(struct strs *ids, const struct slurm_job *job);

/* This very job is not to begin again where its node fails (scontrol(1), Requeue). */
int slurm_requeue_off(uint64_t id, struct err *err);
/* This very job is to begin anew, with all its time: it is ended and waits in Slurm (scontrol(1), requeue incomplete: one
 * that is being cancelled stays so [S]). -1 where Slurm does not do so. */
int slurm_requeue(uint64_t id, struct err *err);

/* What of a site slurmq must know. Numbers are -1 where unset or not told. */
struct slurm_site {
	char *cluster;		/* ClusterName */
	char *version;		/* SLURM_VERSION */
	int64_t kill_wait_s;	/* KillWait */
	int64_t max_array_size; /* MaxArraySize */
	int64_t max_job_count;	/* MaxJobCount */
};
/* scontrol show config. */
int slurm_site_read(struct slurm_site *out, struct err *err);
void slurm_site_release(struct slurm_site *site);

/*
 * How many jobs this user may have in Slurm, and has: the tightest (with the least room left) of
 * the limits in scontrol -o show assoc_mgr users=U flags=assoc,qos that the user's jobs count
 * under. limit -1: none. used -1: unknown; it counts the user's jobs under that same limit. Where a
 * limit is shared (GrpSubmitJobs, MaxSubmitJobsPA), what others use of it now is taken off.
 *
 * - QOS: MaxSubmitJobsPU, MaxSubmitJobsPA and GrpSubmitJobs of those that the user has jobs in: their
 *   limits add up, since each counts its own jobs alone. A QOS shows the limits of a user only once
 *   that user has had a job in it [S], and which QOS is whose default is not shown: so where one without
 *   jobs is wider, that one counts, and where there is none, no limit of a QOS is seen. Read again once
 *   something is in flight.
 * - Associations: MaxSubmitJobs and GrpSubmitJobs of the user's where jobs are and of the default
 *   one, GrpSubmitJobs of the accounts above. A QOS that sets one of the two takes the place of the
 *   association's [S] (Slurm's documentation, Resource Limits, Hierarchy).
 * Without accounting Slurm has no associations: no limit.
 */
struct slurm_limit {
	int64_t limit, used;
	char *from; /* "qos normal", "association lab", never NULL */
};
int slurm_limit_read(const char *user, struct slurm_limit *out, struct err *err);
void slurm_limit_release(struct slurm_limit *limit);

#endif
