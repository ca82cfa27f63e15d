/*
 * cgroup.h - how many processes of this Slurm job the kernel killed for lack of memory.
 *
 * The exit status does not show an out-of-memory kill: the command looks killed by any SIGKILL, or,
 * if the kernel killed a child of the command, like a command that failed. The kernel counts these
 * kills in memory.events (cgroup v2) or memory.oom_control (v1, since Linux 4.13); see cgroups(7).
 * Slurm derives its state OUT_OF_MEMORY from the same counter, but only after the job has ended:
 * too late for slurmq.
 */
#ifndef SLURMQ_CGROUP_H
#define SLURMQ_CGROUP_H

#include <stdint.h>

/* Reads the counter of the job's cgroup ("job_123" in the path), which includes all steps of the
 * job. If no part of the path is such a group, reads the counter of the process's own cgroup.
 * Returns -1 if the counter cannot be read. root is "" except in tests. */
int64_t cgroup_oom_kills(const char *root);

#endif
