/*
 * wait.h - the reasons for which a job waits in Slurm's queue (squeue's %r; squeue(1), JOB REASON
 * CODES): which of them end by themselves, and which need a person.
 */
#ifndef SLURMQ_WAIT_H
#define SLURMQ_WAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "slurm/slurm.h"

enum slurm_wait {
	WAIT_ENDS, /* it ends by itself, or slurmq does not know the reason */
	/* held, or put back into the queue and held: until it is released */
	WAIT_HELD,
	WAIT_HELD_ADMIN, /* the same; only an administrator can release it */
	WAIT_TIME,	 /* its time limit is above that of its partition, account or QOS */
	WAIT_SIZE,	 /* a request is outside of what one job may ask for there */
	WAIT_NODES,	 /* no node fits, whatever its state */
	WAIT_NODE_DOWN,	 /* a node that it needs is down or drained */
	WAIT_PARTITION,	 /* its partition starts no jobs */
	WAIT_ACCOUNT,	 /* its account or QOS is not valid, or not allowed there */
	WAIT_DEPENDENCY, /* its dependency will never be satisfied */
};

/* Returns the kind of a reason as squeue prints it; NULL and "" are WAIT_ENDS. */
enum slurm_wait slurm_wait_kind(const char *reason);

/* Returns the length of the reason's name: "ReqNodeNotAvail, UnavailableNodes:n2" lists nodes after
 * it. */
size_t slurm_wait_name_len(const char *reason);

/* SLURM_LAUNCH_FAILED: Slurm could not open a file of the job, or start its shell. squeue prints this
 * reason, 24.11 RaisedSignal:53, and sacct only the ExitCode 0:53 (slurm_job_end()). */
#define SLURM_LAUNCH_FAILED "JobLaunchFailure"

/* Returns why a job waits, SLURM_LAUNCH_FAILED if Slurm could not start it, or NULL if it runs or
 * ended otherwise. Borrowed from job, or a constant. */
const char *slurm_job_reason(const struct slurm_job *job);

/* Returns whether Slurm ended a job, put it back into its queue and holds it there (scontrol
 * requeuehold). Seen on 22.05.8 from the moment of SIGTERM on: COMPLETING, then PENDING, with the
 * reason "job requeued in held state". restart: the SLURM_RESTART_COUNT with which the job ran. */
bool slurm_requeue_held(const struct slurm_job *job, int restart);

#endif
