/* complain.h - prints complaints about a sweep file, and on a terminal the lines that they mean. */
#ifndef SLURMQ_COMPLAIN_H
#define SLURMQ_COMPLAIN_H

#include "cmd/cmd.h"
#include "lib/complaint.h"

/* Prints the complaints to stderr, a line each. On a terminal, "error:" and "warning:" are painted,
 * long lines are wrapped, and the line of the file follows, with a mark under the column:
 *
 *	sweep.yaml:2:3: error: unknown key 'parms', did you mean 'params'?
 *	    2 |   parms: [1, 2]
 *	      |   ^
 */
void complain(struct cmd_ctx *ctx, const struct complaints *c);

#endif
