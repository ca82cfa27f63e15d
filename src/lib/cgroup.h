/*
 * cgroup.h - how often the kernel has killed for want of memory in this Slurm job.
 *
 * A command that the kernel kills (cgroups(7); memory.events of cgroup v2, memory.oom_control of v1, since
 * Linux 4.13) looks like any other that was killed, or, where it was a child of its own, like one that
 * failed. Slurm's own verdict (OUT_OF_MEMORY) comes from the same counter, and comes too late for us.
 */
#ifndef SLURMQ_CGROUP_H
#define SLURMQ_CGROUP_H

#include <stdint.h>

/* The count of the job's own group ("job_123" in the path, with all of its steps), or of ours where there is
 * none such; -1 where that can't be told. root: "" but in tests. */
int64_t cgroup_oom_kills(const char *root);

#endif
