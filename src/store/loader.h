/*
 * loader.h - sweeps as parsed from the store, each version once.
 */
#ifndef SLURMQ_LOADER_H
#define SLURMQ_LOADER_H

#include <stdint.h>

#include "store/db.h"
#include "lib/err.h"
#include "sweep/sweep.h"

struct loaded {
	int64_t version;
	struct db_version row;
	struct sweep *sweep;
};
/* Zeroed is empty. */
struct loader {
	struct loaded **v; /* each on its own: pointers to them stay good while others are added */
	size_t n;
};
int loader_get(struct loader *l, struct db *db, int64_t version, struct loaded **out,
	       struct err *err);
void loader_release(struct loader *l);

#endif
