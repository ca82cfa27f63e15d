/*
 * failpoint.h - named points between two effects, at which a test kills the process.
 *
 * SLURMQ_FAILPOINT=NAME[:N]: the process dies as by kill -9 when it passes NAME for the N-th time
 * (default: 1).
 *
 * SLURMQ_FAILPOINT_ONCE=FILE: the process dies only if FILE does not exist, and creates FILE first.
 * So only one of many processes dies, and FILE shows that the point was reached.
 *
 * The points exist only in a build with SLURMQ_TEST (build/failpoints/slurmq).
 */
#ifndef SLURMQ_FAILPOINT_H
#define SLURMQ_FAILPOINT_H

#ifdef SLURMQ_TEST
void failpoint_pass(const char *name);
#define FAILPOINT(name) failpoint_pass(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
