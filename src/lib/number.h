/*
 * number.h - decimal numbers in text. Comparing and counting are exact if the numbers are
 * decimals, without binary fractions. The results are the same under every locale.
 */
#ifndef SLURMQ_NUMBER_H
#define SLURMQ_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

/* Returns whether text is a decimal number: [+-]digits[.digits][e[+-]digits], with at least one
 * digit and an exponent of at most 5 digits. 0x1F, 1_000, inf and nan are not numbers. */
bool number_is(const char *text);
/* Compares two numbers exactly. Returns < 0, 0 or > 0 if a is below, equal to or above b. */
int number_compare(const char *a, const char *b);
/* Returns whether two texts are the same value: equal, or equal numbers ("0.1" and "0.10"). */
bool number_same(const char *a, const char *b);
/* Reads a whole number in plain digits into *out. Returns false if text is not one, or does not
 * fit. */
bool number_to_int(const char *text, int64_t *out);
/* Returns whether the number is 0, or between 1e-300 and 1e300 in size, so that a double holds
 * it. */
bool number_fits(const char *text);
/* Returns the nearest double; text is a number that fits. */
double number_to_double(const char *text);
/* Adds a double with six significant digits (%.6g), with a decimal point in every locale. */
void number_add_double(struct buf *out, double value);

/* Returns the natural logarithm of x above 0; number_exp() the exponential function. About 14
 * digits are exact, and the bits are the same on every machine. */
double number_ln(double x);
double number_exp(double x);

enum range_kind { RANGE_STEP, RANGE_FACTOR, RANGE_NUM_LINEAR, RANGE_NUM_LOG };

/* A range from one number to another. Both are included if a step meets them. The texts are
 * borrowed. */
struct range {
	enum range_kind kind;
	const char *from, *to;
	const char *by; /* step or factor */
	size_t num;
};
/* Returns the number of values, or 0 with *why (constant text) if there are none or they cannot
 * be counted exactly. */
size_t range_count(const struct range *r, size_t most, const char **why);
/* Appends the values, a NUL after each, and sets *n to their number. Returns 0, or -1 with *why
 * if two values are equal. */
int range_values(const struct range *r, struct buf *out, size_t *n, const char **why);

#endif
