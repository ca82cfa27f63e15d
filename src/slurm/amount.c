#include "slurm/amount.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "lib/number.h"

/* Parses a number of up to nine digits and moves *p past it; returns -1 if there is none. */
static int64_t parse_digits(const char **p)
{
	size_t len = strspn(*p, "0123456789");
	int64_t n = 0;

	if (!len || len > 9)
		return -1;
	for (; len; len--)
		n = n * 10 + *(*p)++ - '0';
	return n;
}

/* Parses up to three numbers separated by ':'; returns how many, or -1. */
static int parse_parts(const char *p, int64_t v[3])
{
	int n = 0;

	for (;;) {
		v[n] = parse_digits(&p);
		if (v[n++] < 0)
			return -1;
		if (!*p)
			return n;
		if (*p++ != ':' || n == 3)
			return -1;
	}
}

int amount_time(const char *text, int64_t *minutes)
{
	const char *dash = strchr(text, '-');
	int64_t v[3] = {0}, days = 0, seconds;
	int n;

	if (!strcmp(text, "-1") || !strcasecmp(text, "INFINITE") ||
	    !strcasecmp(text, "UNLIMITED")) {
		*minutes = AMOUNT_UNLIMITED;
		return 0;
	}
	if (dash) {
		days = parse_digits(&text);
		if (days < 0 || text != dash)
			return -1;
		text = dash + 1;
	}
	n = parse_parts(text, v);
	if (n < 0)
		return -1;
	if (dash || n == 3)
		seconds = v[0] * 3600 + v[1] * 60 + v[2];
	else
		seconds = v[0] * 60 + v[1];
	*minutes = days * 1440 + (seconds + 59) / 60;
	if (!*minutes)
		*minutes = AMOUNT_UNLIMITED;
	return 0;
}

void amount_add_time(struct buf *out, int64_t minutes)
{
	int64_t days = minutes / 1440, hours = minutes / 60 % 24;

	if (minutes == AMOUNT_UNLIMITED)
		buf_addstr(out, "UNLIMITED");
	else if (days)
		buf_addf(out, "%" PRId64 "-%02" PRId64 ":%02" PRId64 ":00", days, hours,
			 minutes % 60);
	else if (hours)
		buf_addf(out, "%" PRId64 ":%02" PRId64 ":00", hours, minutes % 60);
	else
		buf_addf(out, "%" PRId64 ":00", minutes);
}

int amount_mem(const char *text, int64_t *mib)
{
	int64_t n = parse_digits(&text);
	char unit = *text ? *text++ : 'M';

	if (*text == 'B' || *text == 'b') /* 16GB is 16G, but 16B is refused (seen on 22.05.8) */
		text++;
	if (n < 0 || *text)
		return -1;
	switch (unit) {
	case 'K':
	case 'k':
		*mib = (n + 1023) / 1024;
		break;
	case 'M':
	case 'm':
		*mib = n;
		break;
	case 'G':
	case 'g':
		*mib = n * 1024;
		break;
	case 'T':
	case 't':
		*mib = n * 1024 * 1024;
		break;
	default:
		return -1;
	}
	if (!*mib)
		*mib = AMOUNT_UNLIMITED;
	return 0;
}

void amount_add_mem(struct buf *out, int64_t mib)
{
	if (mib == AMOUNT_UNLIMITED)
		buf_addstr(out, "0");
	else if (mib % 1024)
		buf_addf(out, "%" PRId64 "M", mib);
	else
		buf_addf(out, "%" PRId64 "G", mib / 1024);
}

int64_t amount_times(int64_t n, const char *factor)
{
	double v;
	int64_t whole;

	if (n == AMOUNT_UNLIMITED)
		return n;
	v = (double)n * number_to_double(factor);
	if (v > 1e15)
		return AMOUNT_UNLIMITED;
	whole = (int64_t)v;
	/* 10 * 1.1 must be 11: its double, slightly above 11, must not round up to 12 */
	return v - (double)whole > 1e-6 ? whole + 1 : whole;
}
