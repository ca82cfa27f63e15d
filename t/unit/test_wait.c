/* test_wait.c - which of Slurm's reasons end by themselves */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "slurm/wait.h"

/* All names of job_reason_string() in 20.11.4, 22.05.8 and 24.11.5, words separated by blanks. */
static const struct {
	enum slurm_wait kind;
	const char *names;
} known[] = {
	{WAIT_ENDS,
	 "AssocGrpBB AssocGrpBBMinutes AssocGrpBBRunMinutes AssocGrpCPUMinutesLimit "
	 "AssocGrpCPURunMinutesLimit AssocGrpCpuLimit AssocGrpEnergy "
	 "AssocGrpEnergyMinutes AssocGrpEnergyRunMinutes AssocGrpGRES "
	 "AssocGrpGRESMinutes AssocGrpGRESRunMinutes AssocGrpJobsLimit AssocGrpLicense "
	 "AssocGrpLicenseMinutes AssocGrpLicenseRunMinutes AssocGrpMemLimit "
	 "AssocGrpMemMinutes AssocGrpMemRunMinutes AssocGrpNodeLimit AssocGrpNodeMinutes "
	 "AssocGrpNodeRunMinutes AssocGrpSubmitJobsLimit AssocGrpUnknown "
	 "AssocGrpUnknownMinutes AssocGrpUnknownRunMinutes AssocGrpWallLimit "
	 "AssocMaxJobsLimit AssocMaxSubmitJobLimit AssociationJobLimit "
	 "AssociationResourceLimit AssociationTimeLimit BeginTime BlockFreeAction "
	 "BlockMaxError BurstBufferResources BurstBufferStageIn Cleaning DeadLine "
	 "Dependency FrontEndDown JobArrayTaskLimit JobLaunchFailure Licenses "
	 "MaxBBPerAccount MaxCpuPerAccount MaxEnergyPerAccount MaxGRESPerAccount "
	 "MaxJobsPerAccount MaxLicensePerAccount MaxMemoryPerAccount MaxNodePerAccount "
	 "MaxSubmitJobsPerAccount MaxUnknownPerAccount NodeDown NonZeroExitCode None "
	 "PowerNotAvail PowerReserved Priority Prolog QOSGrpBB QOSGrpBBMinutes "
	 "QOSGrpBBRunMinutes QOSGrpCPUMinutesLimit QOSGrpCPURunMinutesLimit "
	 "QOSGrpCpuLimit QOSGrpEnergy QOSGrpEnergyMinutes QOSGrpEnergyRunMinutes "
	 "QOSGrpGRES QOSGrpGRESMinutes QOSGrpGRESRunMinutes QOSGrpJobsLimit "
	 "QOSGrpLicense QOSGrpLicenseMinutes QOSGrpLicenseRunMinutes QOSGrpMemLimit "
	 "QOSGrpMemoryMinutes QOSGrpMemoryRunMinutes QOSGrpNodeLimit QOSGrpNodeMinutes "
	 "QOSGrpNodeRunMinutes QOSGrpSubmitJobsLimit QOSGrpUnknown QOSGrpUnknownMinutes "
	 "QOSGrpUnknownRunMinutes QOSGrpWallLimit QOSJobLimit QOSMaxBBPerUser "
	 "QOSMaxCpuPerUserLimit QOSMaxEnergyPerUser QOSMaxGRESPerUser "
	 "QOSMaxJobsPerUserLimit QOSMaxLicensePerUser QOSMaxMemoryPerUser "
	 "QOSMaxNodePerUserLimit QOSMaxSubmitJobPerUserLimit QOSMaxUnknownPerUser "
	 "QOSResourceLimit QOSTimeLimit QOSUsageThreshold RaisedSignal Reservation "
	 "Resources SchedDefer SystemFailure WaitingForScheduling"},
	{WAIT_HELD, "BurstBufferOperation JobHeldUser JobHoldMaxRequeue ReservationDeleted"},
	{WAIT_HELD_ADMIN, "JobHeldAdmin"},
	{WAIT_TIME, "AssocMaxWallDurationPerJobLimit PartitionTimeLimit "
		    "QOSMaxWallDurationPerJobLimit"},
	{WAIT_SIZE, "AssocMaxBBMinutesPerJob AssocMaxBBPerJob AssocMaxBBPerNode "
		    "AssocMaxCpuMinutesPerJobLimit AssocMaxCpuPerJobLimit AssocMaxCpuPerNode "
		    "AssocMaxEnergyMinutesPerJob AssocMaxEnergyPerJob AssocMaxEnergyPerNode "
		    "AssocMaxGRESMinutesPerJob AssocMaxGRESPerJob AssocMaxGRESPerNode "
		    "AssocMaxLicenseMinutesPerJob AssocMaxLicensePerJob AssocMaxMemMinutesPerJob "
		    "AssocMaxMemPerJob AssocMaxMemPerNode AssocMaxNodeMinutesPerJob "
		    "AssocMaxNodePerJobLimit AssocMaxUnknownMinutesPerJob AssocMaxUnknownPerJob "
		    "AssocMaxUnknownPerNode PartitionNodeLimit QOSMaxBBPerJob QOSMaxBBPerNode "
		    "QOSMaxCpuMinutesPerJobLimit QOSMaxCpuPerJobLimit QOSMaxCpuPerNode "
		    "QOSMaxEnergyMinutesPerJob QOSMaxEnergyPerJob QOSMaxEnergyPerNode "
		    "QOSMaxGRESMinutesPerJob QOSMaxGRESPerJob QOSMaxGRESPerNode "
		    "QOSMaxLicenseMinutesPerJob QOSMaxLicensePerJob QOSMaxMemoryMinutesPerJob "
		    "QOSMaxMemoryPerJob QOSMaxMemoryPerNode QOSMaxNodeMinutesPerJob "
		    "QOSMaxNodePerJobLimit QOSMaxUnknownMinutesPerJob QOSMaxUnknownPerJob "
		    "QOSMaxUnknownPerNode QOSMinBB QOSMinCpuNotSatisfied QOSMinEnergy QOSMinGRES "
		    "QOSMinLicense QOSMinMemory QOSMinNode QOSMinUnknown"},
	{WAIT_NODES, "BadConstraints"},
	{WAIT_NODE_DOWN, "ReqNodeNotAvail"},
	{WAIT_PARTITION, "PartitionConfig PartitionDown PartitionInactive"},
	{WAIT_ACCOUNT, "AccountNotAllowed InvalidAccount InvalidQOS QOSNotAllowed"},
	{WAIT_DEPENDENCY, "DependencyNeverSatisfied"},
};

static void every_known_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char *names = strdup(known[i].names), *save;

		for (char *p = strtok_r(names, " ", &save); p; p = strtok_r(NULL, " ", &save))
			if (slurm_wait_kind(p) != known[i].kind)
				fail_msg("%s: %d, not %d", p, (int)slurm_wait_kind(p),
					 (int)known[i].kind);
		free(names);
	}
}

/* What slurmctld stores with a job, and prints in place of a name. */
static void texts(void **state)
{
	static const struct {
		const char *text;
		enum slurm_wait kind;
		size_t len;
	} v[] = {
		{"", WAIT_ENDS, 0},
		{"PartitionTimeLimit", WAIT_TIME, 18},
		{"ReqNodeNotAvail, UnavailableNodes:n[1-2]", WAIT_NODE_DOWN, 15},
		{"ReqNodeNotAvail, Reserved for maintenance", WAIT_ENDS, 15},
		{"ReqNodeNotAvail, May be reserved for other job", WAIT_ENDS, 15},
		{"Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority "
		 "partitions",
		 WAIT_ENDS, 31},
		{"job requeued in held state", WAIT_HELD, 26},
		{"job_requeued_in_held_state", WAIT_HELD, 26},
		{"job requeued in special exit state", WAIT_HELD, 34},
		{"launch failed requeued held", WAIT_HELD, 27},
		{"user env retrieval failed requeued held", WAIT_HELD, 39},
		{"SomethingNew", WAIT_ENDS, 12},
	};

	(void)state;
	assert_int_equal(slurm_wait_kind(NULL), WAIT_ENDS);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_int_equal(slurm_wait_kind(v[i].text), v[i].kind);
		assert_int_equal(slurm_wait_name_len(v[i].text), v[i].len);
	}
}

static void the_reason_of_a_job(void **state)
{
	static const struct {
		const char *state, *reason;
		int signal;
		const char *want;
	} v[] = {
		{"PENDING", "Priority", 0, "Priority"},
		{"PENDING", "None", 0, NULL},
		{"REQUEUE_HOLD", "JobHeldUser", 0, "JobHeldUser"},
		{"SPECIAL_EXIT", "JobHeldUser", 0, "JobHeldUser"},
		{"RUNNING", "None", 0, NULL},
		{"COMPLETING", "TimeLimit", 0, NULL},
		{"CANCELLED", "PartitionTimeLimit", 0, NULL},
		/* it could not be started: as squeue prints it, 24.11's squeue, and sacct */
		{"FAILED", "JobLaunchFailure", 0, "JobLaunchFailure"},
		{"FAILED", "RaisedSignal:53(Real-time_signal_19)", 0, "JobLaunchFailure"},
		{"FAILED", "", 53, "JobLaunchFailure"},
		{"FAILED", "NonZeroExitCode", 0, NULL},
		{"FAILED", "RaisedSignal:9(Killed)", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct slurm_job job = {.state = (char *)(uintptr_t)v[i].state,
					      .reason = (char *)(uintptr_t)v[i].reason,
					      .signal = v[i].signal};
		const char *got = slurm_job_reason(&job);

		if (!got != !v[i].want || (got && strcmp(got, v[i].want) != 0))
			fail_msg("case %zu: %s", i, got ? got : "NULL");
	}
}

static void requeued_and_held(void **state)
{
	static const struct {
		const char *reason;
		int restarts, restart;
		bool want;
	} v[] = {
		{"job requeued in held state", 1, 0, true},
		{"job requeued in held state", 1, 1, false},
		{"None", 1, 0, false},
		{"JobHeldUser", 1, 0, true},
		{"BeginTime", 1, 0, false},
		{"job requeued in held state", -1, 0, false}, /* not queried */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct slurm_job job = {.reason = (char *)(uintptr_t)v[i].reason,
					      .restarts = v[i].restarts};

		assert_int_equal(slurm_requeue_held(&job, v[i].restart), v[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_name),
		cmocka_unit_test(texts),
		cmocka_unit_test(the_reason_of_a_job),
		cmocka_unit_test(requeued_and_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
