/*
 * via.h - submitting from another host, where a job's own may not.
 */
#ifndef SLURMQ_VIA_H
#define SLURMQ_VIA_H

#include <stdbool.h>

#include "lib/err.h"
#include "store/store.h"

/* Inside a job, where the setting "via" names how to reach a host that may submit: 0 and the setting's value,
 * given; DB_NONE: submit from here. */
int via_get(struct store *store, char **via, struct err *err);
/* Run slurmq chain there (as the sentinel), 3 minutes at most. -1, ERR_AGAIN, where it did not go well; what
 * was wrong the last time is STATE_VIA_FAILED. */
int via_run(struct store *store, const char *via, bool sentinel, struct err *err);

#endif
