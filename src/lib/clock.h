/* clock.h - time and random bits; a test may link its own versions of these functions. */
#ifndef SLURMQ_CLOCK_H
#define SLURMQ_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);	 /* wall clock, milliseconds since 1970 UTC */
int64_t clock_mono_ms(void);	 /* never steps back; only differences mean anything */
void clock_sleep_ms(int64_t ms); /* returns early if a signal is handled */
uint64_t clock_random(void);	 /* 64 unguessable bits (getrandom(2)) */

#endif
