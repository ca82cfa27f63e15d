/*
 * failpoint.h - names for the moments between two effects, at which a test kills the process.
 *
 * SLURMQ_FAILPOINT=NAME[:N]	die at the N-th passage of that name (1), as by kill -9
 * SLURMQ_FAILPOINT_ONCE=FILE	only where FILE is not there yet; it is made then: of many processes
 *				one dies, and the file says that the point was reached
 *
 * Only where SLURMQ_TEST is defined (build/failpoints/slurmq); every other build has nothing of it.
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
