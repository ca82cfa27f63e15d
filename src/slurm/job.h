/*
 * job.h - states and reasons of jobs, attempts and steps, and their names; every layer uses them.
 */
#ifndef SLURMQ_JOB_H
#define SLURMQ_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Databases store the numbers: never change one. */
enum job_state {
	JOB_PENDING = 0,    /* only in the database */
	JOB_SUBMITTING = 1, /* claimed: sbatch may or may not have made a Slurm job for it */
	JOB_QUEUED = 2,	    /* Slurm has it */
	JOB_RUNNING = 3,    /* its attempt has claimed its start */
	JOB_COMPLETED = 4,
	JOB_FAILED = 5,
	JOB_CANCELLED = 6,
	JOB_HELD = 7, /* held by the user or the breaker, or because sbatch refused its options */
	JOB_NSTATES = 8,
};
/* Bits, 1 << state, of the states in which a job is not over. */
enum {
	JOB_NOT_OVER = 1U << JOB_PENDING | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED |
		       1U << JOB_RUNNING | 1U << JOB_HELD,
};

/* The reason that a job is failed, cancelled or held; names as in Slurm (squeue(1), JOB STATE
 * CODES). */
enum job_reason {
	REASON_NONE = 0,
	REASON_EXIT = 1, /* non-zero exit */
	REASON_SIGNAL = 2,
	REASON_TIMEOUT = 3,
	REASON_OUT_OF_MEMORY = 4,
	REASON_NODE_FAIL = 5,
	REASON_PREEMPTED = 6,
	REASON_DEADLINE = 7,
	REASON_BOOT_FAIL = 8,
	REASON_LOST = 9,       /* the cause is unknown */
	REASON_CANCELLED = 10, /* scancel, or slurmq cancel */
	REASON_REFUSED = 11,   /* held: sbatch refused its options */
	REASON_USER = 12,      /* held: by slurmq hold */
	REASON_BREAKER = 13,   /* held: jobs with the same value failed (chain/breaker.h) */
	REASON_NREASONS = 14,
};

/* The requested action on a job in flight, by the user or by the breaker; applied whenever the job
 * returns to pending. */
enum job_request {
	REQUEST_NONE = 0,
	REQUEST_CANCEL = 1,
	REQUEST_HOLD = 2,
	REQUEST_BREAKER = 3, /* hold the job, with REASON_BREAKER */
};

/* The source of an attempt's end, by rising authority. */
enum attempt_closed {
	CLOSED_NOT = 0,
	CLOSED_INFERRED = 1,  /* from Slurm, or from a revoked claim */
	CLOSED_PREEMPTED = 2, /* by the same Slurm job, requeued by the site */
	CLOSED_REPORTED = 3,  /* by its own end line */
};

enum step_state { STEP_COMPLETED = 0, STEP_FAILED = 1, STEP_SKIPPED = 2 };

/* Returns the lower-case name ("pending"), never NULL; "?" for an unknown number. */
const char *job_state_name(int state);
/* Returns the name as in Slurm ("TIMEOUT"), "" for REASON_NONE, "?" for an unknown number. */
const char *job_reason_name(int reason);
const char *step_state_name(int state);

/* Parses a state or a reason; case is ignored. A state has its name, Slurm's word and a short form
 * (PD, CF, R, CD, F, CA). A reason has its name (USER) and a short form (TO, OOM, NF, PR, DL, BF);
 * it selects failed or held jobs with that reason. Sets *state and *reason (REASON_NONE if text
 * is a state); returns 0, or -1 if text is neither. */
int job_state_parse(const char *text, int *state, int *reason);

/* Returns whether a job in this state may hold a slot in Slurm: submitting, queued or running. */
bool job_state_in_flight(int state);

/* Returns the reason for a state of squeue or sacct ("TIMEOUT", "CANCELLED by 0", "OUT_OF_ME+"):
 * REASON_EXIT for FAILED, REASON_CANCELLED for CANCELLED and REVOKED, REASON_LOST for COMPLETED
 * (Slurm saw an end that the supervisor never reported) and for an unknown state. */
int job_reason_from_slurm(const char *word);

/* The end of an attempt. Times in ms since 1970 UTC, 0 unknown; exit_code and signal as in wait(2)
 * (one of them is 0); memory in KiB, CPU time in ms. */
struct job_end {
	bool completed;
	int reason;
	int exit_code, signal;
	int64_t ended;
	int64_t maxrss_kib, cpu_ms;
};

#endif
