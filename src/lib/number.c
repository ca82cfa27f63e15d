#include "lib/number.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MOST = 36 };

/* The parts of a number's text: its digits without leading and trailing zeros, as pointers into
 * the text. */
struct parsed {
	bool negative;
	const char *first; /* its first digit that is not 0; NULL: the number is 0 */
	const char *last;  /* its last digit that is not 0 */
	long lead;	   /* the power of ten of *first */
	long decimals;	   /* number of digits after the point */
	bool has_exp;
	long exp; /* the exponent as written */
};

static const char *skip_digits(const char *p)
{
	return p + strspn(p, "0123456789");
}

static bool parse_exp(const char *p, struct parsed *out)
{
	const char *from;

	if (*p == '\0')
		return true;
	if (*p != 'e' && *p != 'E')
		return false;
	p++;
	from = *p == '+' || *p == '-' ? p + 1 : p;
	if (from == skip_digits(from) || *skip_digits(from) || skip_digits(from) - from > 5)
		return false;
	out->has_exp = true;
	out->exp = strtol(p, NULL, 10);
	return true;
}

static bool parse_number(const char *text, struct parsed *out)
{
	const char *p = text, *whole, *point, *end;

	memset(out, 0, sizeof(*out));
	out->negative = *p == '-';
	if (*p == '+' || *p == '-')
		p++;
	whole = p;
	point = skip_digits(p);
	end = *point == '.' ? skip_digits(point + 1) : point;
	out->decimals = *point == '.' ? end - point - 1 : 0;
	if (point - whole + out->decimals == 0 || !parse_exp(end, out))
		return false;
	for (const char *q = whole; q < end; q++) {
		if (*q == '0' || *q == '.')
			continue;
		if (!out->first) {
			out->first = q;
			out->lead = (q < point ? point - q - 1 : point - q) + out->exp;
		}
		out->last = q;
	}
	if (!out->first)
		out->negative = false;
	return true;
}

bool number_is(const char *text)
{
	struct parsed p;

	return parse_number(text, &p);
}

bool number_fits(const char *text)
{
	struct parsed p;

	return strlen(text) < 400 && parse_number(text, &p) &&
	       (!p.first || (p.lead < 300 && p.lead > -300));
}

static int compare_size(const struct parsed *a, const struct parsed *b)
{
	const char *p = a->first, *q = b->first;

	if (!p || !q)
		return (p != NULL) - (q != NULL);
	if (a->lead != b->lead)
		return a->lead < b->lead ? -1 : 1;
	for (;; p++, q++) {
		p += p <= a->last && *p == '.';
		q += q <= b->last && *q == '.';
		if (p > a->last || q > b->last)
			return (p <= a->last) - (q <= b->last);
		if (*p != *q)
			return *p < *q ? -1 : 1;
	}
}

int number_compare(const char *a, const char *b)
{
	struct parsed x, y;

	if (!parse_number(a, &x) || !parse_number(b, &y))
		return 0;
	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	return x.negative ? -compare_size(&x, &y) : compare_size(&x, &y);
}

bool number_same(const char *a, const char *b)
{
	return !strcmp(a, b) || (number_is(a) && number_is(b) && number_compare(a, b) == 0);
}

bool number_to_int(const char *text, int64_t *out)
{
	const char *p = *text == '-' ? text + 1 : text;
	intmax_t v;

	if (!*p || *skip_digits(p) || skip_digits(p) - p > 18)
		return false;
	v = strtoimax(text, NULL, 10);
	*out = v;
	return true;
}

double number_to_double(const char *text)
{
	char local[512];
	const char *point = localeconv()->decimal_point;
	size_t n = 0;

	if (strlen(text) >= sizeof(local) - 8)
		return 0;
	for (; *text; text++) {
		if (*text == '.' && strlen(point) < 8)
			n += (size_t)snprintf(local + n, sizeof(local) - n, "%s", point);
		else
			local[n++] = *text;
	}
	local[n] = '\0';
	return strtod(local, NULL);
}

static void add_formatted(struct buf *out, const char *text)
{
	bool in_point = false;

	for (; *text; text++) {
		bool other = !strchr("0123456789+-einfa", *text);

		if (other && !in_point)
			buf_addch(out, '.');
		else if (!other)
			buf_addch(out, *text);
		in_point = other;
	}
}

void number_add_double(struct buf *out, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.6g", value == 0 ? 0.0 : value);
	add_formatted(out, text);
}

/* exp and ln use only the basic operations of IEEE 754 (C11, F.3). The values of a log scale
 * are part of a job's identity, so they must be the same under every libm. About 14 digits are
 * exact. */

#define LN_2 0.693147180559945309417

double number_ln(double x)
{
	double twos = 0, z, term, sum = 0;

	for (; x > 1.5; x /= 2)
		twos++;
	for (; x < 0.75; x *= 2)
		twos--;
	z = (x - 1) / (x + 1);
	term = z;
	for (int k = 1; k < 40; k += 2, term *= z * z)
		sum += term / k;
	return 2 * sum + twos * LN_2;
}

double number_exp(double x)
{
	double term = 1, sum = 1;
	int twos = (int)(x / LN_2 + (x < 0 ? -0.5 : 0.5));

	x -= twos * LN_2;
	for (int k = 1; k < 24; k++) {
		term *= x / k;
		sum += term;
	}
	for (; twos > 0; twos--)
		sum *= 2;
	for (; twos < 0; twos++)
		sum /= 2;
	return sum;
}

/* Exact decimals. */

struct decimal {
	__int128 digits;
	int exp; /* digits * 10^exp */
};

static bool parse_decimal(const char *text, struct decimal *out)
{
	struct parsed p;
	size_t n = 0;

	if (!parse_number(text, &p))
		return false;
	*out = (struct decimal){0, (int)(p.exp - p.decimals)};
	for (const char *q = text; *q && *q != 'e' && *q != 'E'; q++) {
		if (*q < '0' || *q > '9')
			continue;
		out->digits = out->digits * 10 + (*q - '0');
		if (out->digits && ++n > DIGITS_MOST)
			return false;
	}
	if (p.negative)
		out->digits = -out->digits;
	return true;
}

static bool is_too_large(__int128 v)
{
	__int128 most = 1;

	for (int i = 0; i < DIGITS_MOST; i++)
		most *= 10;
	return v >= most || v <= -most;
}

/* Gives d the smaller exponent exp without changing its value. Returns false if the digits do
 * not fit. */
static bool rescale_decimal(struct decimal *d, int exp)
{
	if (d->digits == 0)
		d->exp = exp;
	for (; d->exp > exp; d->exp--) {
		d->digits *= 10;
		if (is_too_large(d->digits))
			return false;
	}
	return true;
}

static bool align_exponents(struct decimal *a, struct decimal *b)
{
	int exp = a->exp < b->exp ? a->exp : b->exp;

	return rescale_decimal(a, exp) && rescale_decimal(b, exp);
}

static bool multiply_decimals(struct decimal *a, const struct decimal *b)
{
	__int128 v;

	if (__builtin_mul_overflow(a->digits, b->digits, &v) || is_too_large(v))
		return false;
	a->digits = v;
	a->exp += b->exp;
	return true;
}

/* Removes zeros after the point, but keeps at least `least` digits there. */
static void trim_zeros(struct decimal *d, int least)
{
	while (d->digits && d->digits % 10 == 0 && d->exp < -least) {
		d->digits /= 10;
		d->exp++;
	}
}

static void add_digits(struct buf *out, __int128 v)
{
	char text[48];
	size_t n = sizeof(text);

	do {
		text[--n] = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v);
	buf_add(out, text + n, sizeof(text) - n);
}

/* Adds d in plain notation: 0.001. */
static void add_plain(struct buf *out, struct decimal d)
{
	struct buf all = {0};
	size_t behind = d.exp < 0 ? (size_t)-d.exp : 0;

	if (d.digits < 0) {
		buf_addch(out, '-');
		d.digits = -d.digits;
	}
	add_digits(&all, d.digits);
	for (int i = 0; i < d.exp && d.digits; i++)
		buf_addch(&all, '0');
	if (all.len <= behind) {
		buf_addstr(out, behind ? "0." : "");
		for (size_t i = all.len; i < behind; i++)
			buf_addch(out, '0');
		buf_addstr(out, buf_str(&all));
	} else {
		buf_add(out, all.s, all.len - behind);
		if (behind)
			buf_addch(out, '.');
		buf_addstr(out, all.s + all.len - behind);
	}
	buf_release(&all);
}

/* Adds d with an exponent: 1.5e-3. Used if the range's first value is written so. */
static void add_scientific(struct buf *out, struct decimal d)
{
	struct buf all = {0};
	int exp;

	if (d.digits == 0) {
		buf_addch(out, '0');
		return;
	}
	if (d.digits < 0) {
		buf_addch(out, '-');
		d.digits = -d.digits;
	}
	while (d.digits % 10 == 0) {
		d.digits /= 10;
		d.exp++;
	}
	add_digits(&all, d.digits);
	exp = d.exp + (int)all.len - 1;
	buf_addch(out, all.s[0]);
	if (all.len > 1)
		buf_addf(out, ".%s", all.s + 1);
	buf_addf(out, "e%d", exp);
	buf_release(&all);
}

/* Ranges. */

static const char too_exact[] = "needs more digits than can be counted exactly (36)";

static size_t count_num(const struct range *r, size_t most, const char **why)
{
	if (!number_fits(r->from) || !number_fits(r->to))
		*why = "has an end that is too large or too small";
	else if (r->num < 2)
		*why = "needs a num of 2 or more";
	else if (r->num > most)
		*why = "has too many values";
	else if (number_compare(r->from, r->to) == 0)
		*why = "begins where it ends";
	else if (r->kind == RANGE_NUM_LOG &&
		 (number_compare(r->from, "0") <= 0 || number_compare(r->to, "0") <= 0))
		*why = "needs ends above 0 for scale: log";
	else
		return r->num;
	return 0;
}

static size_t count_step(const struct range *r, size_t most, const char **why)
{
	struct decimal from, to, by;
	__int128 n;

	if (!parse_decimal(r->from, &from) || !parse_decimal(r->to, &to) ||
	    !parse_decimal(r->by, &by) || !align_exponents(&from, &to) ||
	    !align_exponents(&from, &by) || !align_exponents(&to, &by)) {
		*why = too_exact;
		return 0;
	}
	if (by.digits == 0) {
		*why = "has a step of 0";
		return 0;
	}
	n = (to.digits - from.digits) / by.digits;
	if (n < 0 || (to.digits != from.digits && (to.digits < from.digits) != (by.digits < 0))) {
		*why = "never reaches its end: the step leads away from it";
		return 0;
	}
	if (n >= (__int128)most) {
		*why = "has too many values";
		return 0;
	}
	return (size_t)n + 1;
}

static bool is_beyond(const struct decimal *at, const struct decimal *to, bool up, bool *exact)
{
	struct decimal a = *at, b = *to;

	*exact = align_exponents(&a, &b);
	if (a.digits < 0) { /* both are below 0: compare their sizes */
		a.digits = -a.digits;
		b.digits = -b.digits;
	}
	return up ? a.digits > b.digits : a.digits < b.digits;
}

static size_t count_factor(const struct range *r, size_t most, const char **why)
{
	struct decimal at, to, by;
	bool exact = parse_decimal(r->from, &at) && parse_decimal(r->to, &to) &&
		     parse_decimal(r->by, &by);
	bool up = number_compare(r->by, "1") > 0;
	size_t n = 0;

	if (!exact)
		*why = too_exact;
	else if (at.digits == 0 || to.digits == 0 || (at.digits < 0) != (to.digits < 0))
		*why = "needs ends of one sign, and not 0, for a factor";
	else if (by.digits <= 0 || number_compare(r->by, "1") == 0)
		*why = "needs a factor above 0 that is not 1";
	else if (is_beyond(&at, &to, up, &exact))
		*why = "never reaches its end: the factor leads away from it";
	else
		for (n = 0; exact && n <= most && !is_beyond(&at, &to, up, &exact) && exact; n++) {
			exact = multiply_decimals(&at, &by);
			trim_zeros(&at, 0);
		}
	if (*why)
		return 0;
	if (n > most)
		*why = "has too many values";
	else if (!exact)
		*why = too_exact;
	return *why ? 0 : n;
}

size_t range_count(const struct range *r, size_t most, const char **why)
{
	*why = NULL;
	if (r->kind == RANGE_STEP)
		return count_step(r, most, why);
	if (r->kind == RANGE_FACTOR)
		return count_factor(r, most, why);
	return count_num(r, most, why);
}

/* Adds a text of the range as the user wrote it. */
static void add_written(struct buf *out, const char *text)
{
	buf_add(out, text, strlen(text) + 1);
}

static void add_value(struct buf *out, const struct decimal *d, bool scientific)
{
	if (scientific)
		add_scientific(out, *d);
	else
		add_plain(out, *d);
	buf_addch(out, '\0');
}

static void add_exact_values(const struct range *r, size_t n, struct buf *out)
{
	struct parsed from, by;
	struct decimal at, step;
	int least;

	parse_number(r->from, &from);
	parse_number(r->by, &by);
	parse_decimal(r->from, &at);
	parse_decimal(r->by, &step);
	least = (int)(from.decimals > by.decimals && r->kind == RANGE_STEP ? from.decimals
									   : by.decimals);
	if (r->kind == RANGE_STEP) {
		align_exponents(&at, &step);
		trim_zeros(&at, least);
		align_exponents(&at, &step);
	} else {
		least = (int)from.decimals;
	}
	for (size_t i = 0; i < n; i++) {
		if (i == 0)
			add_written(out, r->from);
		else
			add_value(out, &at, from.has_exp);
		if (r->kind == RANGE_STEP) {
			at.digits += step.digits;
		} else if (i + 1 < n) {
			multiply_decimals(&at, &step);
			trim_zeros(&at, least);
		}
	}
}

/* Adds a computed point. A point that misses a whole number only in its last places is printed
 * as that number. */
static void add_point(struct buf *out, double v)
{
	double size = v < 0 ? -v : v, off;
	int64_t whole = size < 1e15 ? (int64_t)(v + (v < 0 ? -0.5 : 0.5)) : 0;

	off = v - (double)whole;
	if (size < 1e15 && (off < 0 ? -off : off) <= 1e-9 * size)
		buf_addf(out, "%" PRId64, whole);
	else
		number_add_double(out, v);
	buf_addch(out, '\0');
}

static void add_num_values(const struct range *r, struct buf *out)
{
	double a = number_to_double(r->from), b = number_to_double(r->to);

	for (size_t i = 0; i < r->num; i++) {
		double part = (double)i / (double)(r->num - 1);

		if (i == 0)
			add_written(out, r->from);
		else if (i + 1 == r->num)
			add_written(out, r->to);
		else if (r->kind == RANGE_NUM_LOG)
			add_point(out, a * number_exp(part * (number_ln(b) - number_ln(a))));
		else
			add_point(out, a + (b - a) * part);
	}
}

int range_values(const struct range *r, struct buf *out, size_t *n, const char **why)
{
	size_t at = out->len, next;

	*n = range_count(r, SIZE_MAX / 64, why);
	if (*n == 0)
		return -1;
	if (r->kind == RANGE_STEP || r->kind == RANGE_FACTOR)
		add_exact_values(r, *n, out);
	else
		add_num_values(r, out);
	for (; (next = at + strlen(out->s + at) + 1) < out->len; at = next) {
		if (number_compare(out->s + at, out->s + next) == 0) {
			*why = "has two equal points: use a smaller num";
			return -1;
		}
	}
	return 0;
}
