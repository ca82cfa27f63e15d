/*
 * loader.h - parses the sweeps of the store, each version once.
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
/* A zeroed loader is empty. */
struct loader {
	struct loaded *
		*v; /* allocated one by one: pointers to them stay valid while others are added */
	size_t n;
};
/* Parses the stored text of a version, with its script. If this slurmq refuses the text, err has the
 * first error, with its place. The caller frees *out with sweep_free(). */
int loader_parse(const struct db_version *v, struct sweep **out, struct err *err);
/* Parses a version, or finds it parsed already. *out is borrowed until loader_release(). */
int loader_get(struct loader *l, struct db *db, int64_t version, struct loaded **out,
	       struct err *err);
void loader_release(struct loader *l);

#endif
