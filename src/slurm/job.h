/*
 * job.h - what a job, an attempt and a step are called: shared value types of every floor.
 */
#ifndef SLURMQ_JOB_H
#define SLURMQ_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers stand in databases: never change one. */
enum job_state {
	JOB_PENDING = 0,    /* in the database alone */
	JOB_SUBMITTING = 1, /* claimed: sbatch may or may not have made a Slurm job of it */
	JOB_QUEUED = 2,	    /* Slurm has it */
	JOB_RUNNING = 3,    /* its attempt has taken its right to start */
	JOB_COMPLETED = 4,
	JOB_FAILED = 5,
	JOB_CANCELLED = 6,
	JOB_HELD = 7, /* by the user, or because Slurm refused its specification */
	JOB_NSTATES = 8,
};
/* Bits, 1 << state, of those in which a job is not over. */
enum {
	JOB_NOT_OVER = 1U << JOB_PENDING | 1U << JOB_SUBMITTING | 1U << JOB_QUEUED |
		       1U << JOB_RUNNING | 1U << JOB_HELD,
};

/* Why a job is failed, cancelled or held; Slurm's words (squeue(1), JOB STATE CODES). */
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
	REASON_LOST = 9,       /* nobody knows */
	REASON_CANCELLED = 10, /* scancel, or slurmq cancel */
	REASON_REFUSED = 11,   /* held: sbatch refused its specification */
	REASON_USER = 12,      /* held: by slurmq hold */
	REASON_NREASONS = 13,
};

/* What the user wants of a job that is in flight; every way back to pending honours it. */
enum job_request { REQUEST_NONE = 0, REQUEST_CANCEL = 1, REQUEST_HOLD = 2 };

/* What closed an attempt, by rising authority. */
enum attempt_closed {
	CLOSED_NOT = 0,
	CLOSED_INFERRED = 1,  /* Slurm, or a right taken back */
	CLOSED_PREEMPTED = 2, /* its own twin, requeued by the site */
	CLOSED_REPORTED = 3,  /* its own end line */
};

enum step_state { STEP_COMPLETED = 0, STEP_FAILED = 1, STEP_SKIPPED = 2 };

/* Lower-case name ("pending"), never NULL; "?" for a number that is none. */
const char *job_state_name(int state);
/* Slurm's word ("TIMEOUT"), "" for none. */
const char *job_reason_name(int reason);
const char *step_state_name(int state);

/* A state by its name or Slurm's word or short form (PD, CF, R, CD, F, CA, case ignored), or a
 * reason by its word or short form (TO, OOM, NF, PR, DL, BF, USER), which means failed or held with that reason.
 * Sets both (*reason REASON_NONE where only a state is meant); returns 0, or -1 where it is none. */
int job_state_parse(const char *text, int *state, int *reason);

/* Submitting, queued or running: it may hold a slot in Slurm. */
bool job_state_in_flight(int state);

/* The reason for a job state word of squeue or sacct ("TIMEOUT", "CANCELLED by 0", "OUT_OF_ME+"):
 * REASON_EXIT for FAILED, REASON_CANCELLED for CANCELLED and REVOKED, REASON_LOST for COMPLETED
 * (Slurm saw an end that was never told) and for what is unknown. */
int job_reason_from_slurm(const char *word);

/* How an attempt ended. Times in ms since 1970 UTC, 0 unknown; exit_code and signal as wait(2)
 * gives them (one of them 0); memory in KiB, CPU time in ms. */
struct job_end {
	bool completed;
	int reason;
	int exit_code, signal;
	int64_t ended;
	int64_t maxrss_kib, cpu_ms;
};

#endif
