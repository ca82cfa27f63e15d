/*
 * who.h - the process as it appears in names of files and in journals.
 */
#ifndef SLURMQ_WHO_H
#define SLURMQ_WHO_H

#include <stdint.h>

struct who {
	uint64_t slurm_id; /* 0: not inside a Slurm job */
	int restart;	   /* SLURM_RESTART_COUNT */
	char node[64];	   /* only [A-Za-z0-9._-] */
	int64_t pid;
	uint64_t random;
};
/* Fills in the calling process, from SLURM_JOB_ID, SLURM_RESTART_COUNT, SLURMD_NODENAME or the
 * host's name. */
void who_self(struct who *w);

#endif
