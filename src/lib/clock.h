/* clock.h - time, behind functions that a test may link others for. */
#ifndef SLURMQ_CLOCK_H
#define SLURMQ_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);	 /* wall clock, milliseconds since 1970 UTC */
int64_t clock_mono_ms(void);	 /* never steps back; only differences mean anything */
void clock_sleep_ms(int64_t ms); /* sleeps so long, or until a signal is handled */
uint64_t clock_random(void);	 /* 64 unguessable bits (getrandom(2)) */

#endif
