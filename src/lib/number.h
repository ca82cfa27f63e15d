/*
 * number.h - numbers as people write them: compared and counted up without a binary fraction
 * where decimals are exact, and the same under every locale.
 */
#ifndef SLURMQ_NUMBER_H
#define SLURMQ_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

/* Text is a decimal number: [+-]digits[.digits][e[+-]digits], a digit at least, an exponent of 5
 * digits at most. 0x1F, 1_000, inf and nan are none. */
bool number_is(const char *text);
/* Both are numbers: < 0, 0, > 0 as a is below, equal to or above b, exactly. */
int number_compare(const char *a, const char *b);
/* A whole number in plain digits that fits. */
bool number_to_int(const char *text, int64_t *out);
/* It is 0 or between 1e-300 and 1e300 in size: a double holds it. */
bool number_fits(const char *text);
/* The nearest double; text is a number that fits. */
double number_to_double(const char *text);
/* A double with six significant digits (%.6g), a point in every locale. */
void number_add_double(struct buf *out, double value);

/* Of x above 0; some 14 digits, and the same bits on every machine. */
double number_ln(double x);
double number_exp(double x);

enum range_kind { RANGE_STEP, RANGE_FACTOR, RANGE_NUM_LINEAR, RANGE_NUM_LOG };

/* From one number to another, both included where they are met; texts are the caller's. */
struct range {
	enum range_kind kind;
	const char *from, *to;
	const char *by; /* step or factor */
	size_t num;
};
/* How many values; 0 with *why (constant text) where there is none or it can't be told exactly. */
size_t range_count(const struct range *r, size_t most, const char **why);
/* Append them, a NUL behind each, and count them. 0; -1 with *why where two are equal. */
int range_values(const struct range *r, struct buf *out, size_t *n, const char **why);

#endif
