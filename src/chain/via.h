/*
 * via.h - submitting through another host, for jobs on hosts that may not submit.
 */
#ifndef SLURMQ_VIA_H
#define SLURMQ_VIA_H

#include <stdbool.h>

#include "lib/err.h"
#include "store/store.h"

/* Reads the setting "via", which names how to reach a host that may submit. Returns 0 and its
 * value in *via, which the caller frees. Returns DB_NONE outside a job or without the setting:
 * submit from this host. */
int via_get(struct store *store, char **via, struct err *err);
/* Runs slurmq chain there (sentinel: as the sentinel), 3 minutes at most. Returns 0, or -1 with
 * err: ERR_AGAIN if it failed, ERR_FAILED if nothing was submitted yet. STATE_VIA_FAILED keeps
 * the cause of the last failure. */
int via_run(struct store *store, const char *via, bool sentinel, struct err *err);

#endif
