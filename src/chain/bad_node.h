/*
 * bad_node.h - tells whether a node makes jobs fail.
 *
 * A node is bad only on evidence, since the cause may as well be in the jobs, or chance:
 *
 * - at least three jobs of a sweep, each with other parameters, failed there within seconds, and no
 *   job did well there meanwhile;
 * - since then jobs of the sweep completed on other nodes;
 * - none of those jobs failed on another node in the same way;
 * - the failed jobs share no value that no job did well with (bad_value.h);
 * - chance does not explain it: from what jobs of the sweep did on other nodes, so many failures in
 *   a row have a probability below one in a thousand; one in a million, if jobs also fail within
 *   seconds there.
 */
#ifndef SLURMQ_BAD_NODE_H
#define SLURMQ_BAD_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "store/db.h"

enum { BAD_NODE_QUICK_MS = 20 * 1000 }; /* a failure within this time counts against its node */

/* Sets *bad if the node is bad by what jobs of this sweep did. since: when the first of the
 * failures there began. out: nodes that are excluded already, of which nothing counts. */
int bad_node_judge(struct db *db, const char *node, int64_t sweep, int64_t since,
		   const struct strs *out, bool *bad, struct err *err);

#endif
