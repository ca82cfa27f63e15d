#include "slurm/wait.h"

#include <fnmatch.h>
#include <string.h>

/*
 * The first pattern that fits decides (fnmatch(3)). Most names are those of job_reason_string() in
 * 20.11.4, 22.05.8 and 24.11.5, which differ by a few: ReservationDeleted is new in 22.05,
 * PartitionConfig in 24.11. Reasons in lower case are texts that slurmctld stores with the job; 24.11
 * may print '_' for a blank.
 *
 * Not here, since they end when other jobs end, or with time: all limits of several jobs together
 * (AssocGrp*, QOSGrp*, *PerUser, *PerAccount, *JobsLimit), Priority, Resources, Licenses, BeginTime,
 * Dependency, Reservation, QOSUsageThreshold.
 */
static const struct {
	const char *pattern;
	enum slurm_wait kind;
} waits[] = {
	{"JobHeldUser", WAIT_HELD},
	{"JobHeldAdmin", WAIT_HELD_ADMIN},
	{"JobHoldMaxRequeue", WAIT_HELD}, /* slurm.conf(5), max_batch_requeue */
	/* "job requeued in held state", "launch failed requeued held", "user env retrieval failed
	 * requeued held" */
	{"*requeued?in?held?state", WAIT_HELD},
	{"*requeued?held", WAIT_HELD},
	{"*requeued?in?special?exit?state", WAIT_HELD},
	{"BurstBufferOperation", WAIT_HELD}, /* the burst buffer failed, and the job is held */
	{"ReservationDeleted", WAIT_HELD},
	{"PartitionTimeLimit", WAIT_TIME},
	{"AssocMaxWallDurationPerJobLimit", WAIT_TIME},
	{"QOSMaxWallDurationPerJobLimit", WAIT_TIME},
	{"PartitionNodeLimit", WAIT_SIZE},
	{"AssocMax*PerJob", WAIT_SIZE},
	{"AssocMax*PerJobLimit", WAIT_SIZE},
	{"AssocMax*PerNode", WAIT_SIZE},
	{"QOSMax*PerJob", WAIT_SIZE},
	{"QOSMax*PerJobLimit", WAIT_SIZE},
	{"QOSMax*PerNode", WAIT_SIZE},
	{"QOSMin*", WAIT_SIZE}, /* it asks for less than the QOS demands */
	{"Partition*", WAIT_PARTITION},
	{"BadConstraints", WAIT_NODES},
	/* until the end of a maintenance, or of another's reservation */
	{"ReqNodeNotAvail*[Rr]eserved*", WAIT_ENDS},
	{"ReqNodeNotAvail*", WAIT_NODE_DOWN},
	{"InvalidAccount", WAIT_ACCOUNT},
	{"InvalidQOS", WAIT_ACCOUNT},
	{"AccountNotAllowed", WAIT_ACCOUNT},
	{"QOSNotAllowed", WAIT_ACCOUNT},
	{"DependencyNeverSatisfied", WAIT_DEPENDENCY},
};

enum slurm_wait slurm_wait_kind(const char *reason)
{
	for (size_t i = 0; reason && i < sizeof(waits) / sizeof(waits[0]); i++)
		if (!fnmatch(waits[i].pattern, reason, 0))
			return waits[i].kind;
	return WAIT_ENDS;
}

const char *slurm_job_reason(const struct slurm_job *job)
{
	static const char *const waiting[] = {"PENDING",     "REQUEUED",     "REQUEUE_HOLD",
					      "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"};
	enum { NOT_STARTED = 53 }; /* slurm_job_end() */

	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
		if (!strcmp(job->state, waiting[i]))
			return *job->reason && strcmp(job->reason, "None") != 0 ? job->reason
										: NULL;
	return job->signal == NOT_STARTED || !strcmp(job->reason, SLURM_LAUNCH_FAILED) ||
			       !strncmp(job->reason, "RaisedSignal:53", 15)
		       ? SLURM_LAUNCH_FAILED
		       : NULL;
}

bool slurm_requeue_held(const struct slurm_job *job, int restart)
{
	return job->restarts > restart && slurm_wait_kind(job->reason) == WAIT_HELD;
}

size_t slurm_wait_name_len(const char *reason)
{
	return strcspn(reason, ",");
}
