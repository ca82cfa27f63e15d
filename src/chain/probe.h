/*
 * probe.h - a small Slurm job that checks a compute node: whether it sees the folder, and whether
 * it may submit.
 */
#ifndef SLURMQ_PROBE_H
#define SLURMQ_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "store/store.h"

enum probe_end {
	PROBE_SUBMITS, /* the node sees the folder, and sbatch works there */
	PROBE_FORBIDS, /* it sees the folder, but sbatch fails there: text */
	PROBE_SILENT,  /* the job ended, and wrote nothing to the folder */
	PROBE_WAITS, /* the job has not begun or ended in time, and was cancelled; text: why it waits */
	PROBE_REFUSED, /* sbatch refused the job: text */
	PROBE_AGAIN,   /* sbatch did not accept the job for another reason: text */
};
struct probe {
	enum probe_end end;
	uint64_t job; /* 0: there was none */
	int64_t ms;   /* from the submission to the end */
	char *node;   /* NULL: unknown */
	char *text;   /* of Slurm; NULL: none */
};

/* Submits the job like the sentinel: with the account, partition, QOS and environment of the last
 * submission, if there is one, and with the options of the setting sentinel.sbatch. Waits for it,
 * at most wait_ms, and removes all that it left. In the job, sbatch --test-only asks slurmctld and
 * submits nothing (sbatch(1)); with the setting "via" its command must run sbatch --version. */
int probe_run(struct store *store, int64_t wait_ms, struct probe *out, struct err *err);
void probe_release(struct probe *p);

#endif
