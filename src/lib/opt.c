#include "lib/opt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/guess.h"

int opt_int(const char *text, int64_t *n)
{
	char *end;
	long long value;

	if (!(*text >= '0' && *text <= '9') && !(*text == '-' && text[1] >= '0' && text[1] <= '9'))
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || *end)
		return -1;
	*n = value;
	return 0;
}

static int64_t unit_ms(char unit)
{
	switch (unit) {
	case '\0':
	case 's':
		return 1000;
	case 'm':
		return 60 * 1000;
	case 'h':
		return 3600 * 1000;
	case 'd':
		return (int64_t)24 * 3600 * 1000;
	default:
		return 0;
	}
}

int opt_time(const char *text, int64_t *ms)
{
	int64_t sum = 0, last = INT64_MAX;

	do {
		char *end;
		unsigned long long n;
		int64_t unit, part;

		if (*text < '0' || *text > '9')
			return -1;
		errno = 0;
		n = strtoull(text, &end, 10);
		unit = unit_ms(*end);
		if (errno || unit == 0 || unit >= last || n > INT64_MAX ||
		    __builtin_mul_overflow((int64_t)n, unit, &part) ||
		    __builtin_add_overflow(sum, part, &sum))
			return -1;
		last = unit;
		text = *end ? end + 1 : end;
	} while (*text);
	*ms = sum;
	return 0;
}

static const struct opt *find_name(const struct opt_set *sets, const char *name, size_t len,
				   void **into)
{
	for (; sets->opts; sets++) {
		for (const struct opt *o = sets->opts; o->type != OPT_TYPE_END; o++) {
			if (strlen(o->name) == len && !memcmp(o->name, name, len)) {
				*into = sets->into;
				return o;
			}
		}
	}
	return NULL;
}

static const struct opt *find_letter(const struct opt_set *sets, char letter, void **into)
{
	for (; sets->opts; sets++) {
		for (const struct opt *o = sets->opts; o->type != OPT_TYPE_END; o++) {
			if (o->letter && o->letter == letter) {
				*into = sets->into;
				return o;
			}
		}
	}
	return NULL;
}

/* Returns whether a word is an argument: "-5" is one if no option has the letter 5. */
static bool is_argument(const struct opt_set *sets, const char *word)
{
	void *into;
	int64_t n;

	return word[0] != '-' || !word[1] ||
	       (!opt_int(word, &n) && !find_letter(sets, word[1], &into));
}

static int refuse_unknown_name(const struct opt_set *sets, const char *name, size_t len,
			       struct err *err)
{
	struct strs names = {0};
	char *word = mem_strndup(name, len);
	const char *near = NULL;

	for (; sets->opts; sets++)
		for (const struct opt *o = sets->opts; o->type != OPT_TYPE_END; o++)
			strs_add(&names, o->name);
	if (names.n)
		near = guess_nearest(word, (const char *const *)names.v);
	if (near)
		err_set(err, ERR_USAGE, "unknown option '--%s', did you mean '--%s'?", word, near);
	else
		err_set(err, ERR_USAGE, "unknown option '--%s'", word);
	strs_release(&names);
	free(word);
	return -1;
}

static int refuse_unknown_letter(const char *word, char letter, struct err *err)
{
	if (word[1] >= '0' && word[1] <= '9')
		return err_set(err, ERR_USAGE,
			       "unknown option '%s' (an argument that begins with "
			       "'-' goes after '--')",
			       word);
	return err_set(err, ERR_USAGE, "unknown option '-%c'", letter);
}

static int set_int(const struct opt *o, int64_t *to, const char *value, const char *called,
		   struct err *err)
{
	int64_t n;

	if (opt_int(value, &n))
		return err_set(err, ERR_USAGE, "option '%s' needs a whole number, not '%s'", called,
			       value);
	if (n < o->min || n > o->max)
		return err_set(err, ERR_USAGE,
			       "option '%s' takes %" PRId64 " to %" PRId64 ", not '%s'", called,
			       o->min, o->max, value);
	*to = n;
	return 0;
}

static int set_time(const struct opt *o, int64_t *to, const char *value, const char *called,
		    struct err *err)
{
	int64_t ms;

	if (opt_time(value, &ms))
		return err_set(err, ERR_USAGE,
			       "option '%s' needs a time such as 90s, 15m, 2h or 1d12h, not '%s'",
			       called, value);
	if (ms < o->min || ms > o->max)
		return err_set(err, ERR_USAGE, "option '%s': '%s' is too %s", called, value,
			       ms < o->min ? "short" : "long");
	*to = ms;
	return 0;
}

static int set_option(const struct opt *o, void *into, const char *value, const char *called,
		      struct err *err)
{
	void *to = (char *)into + o->offset;

	switch (o->type) {
	case OPT_TYPE_FLAG:
		*(bool *)to = true;
		return 0;
	case OPT_TYPE_STR:
		*(const char **)to = value;
		return 0;
	case OPT_TYPE_STRS:
		strs_add(to, value);
		return 0;
	case OPT_TYPE_INT:
		return set_int(o, to, value, called, err);
	case OPT_TYPE_TIME:
		return set_time(o, to, value, called, err);
	case OPT_TYPE_END:
		break;
	}
	abort();
}

static int refuse_missing_value(const struct opt *o, const char *called, struct err *err)
{
	return err_set(err, ERR_USAGE, "option '%s' needs a value: %s %s", called, called, o->arg);
}

/* Parses "--name" or "--name=value"; next is the word after it, or NULL. Returns how many words
 * were used, or -1. */
static int parse_long(const struct opt_set *sets, const char *word, const char *next,
		      struct err *err)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *o;
	char called[64];
	void *into;

	o = find_name(sets, name, len, &into);
	if (!o)
		return refuse_unknown_name(sets, name, len, err);
	snprintf(called, sizeof(called), "--%s", o->name);
	if (!o->arg) {
		if (equals)
			return err_set(err, ERR_USAGE, "option '%s' takes no value", called);
		set_option(o, into, NULL, called, err);
		return 1;
	}
	if (equals)
		return set_option(o, into, equals + 1, called, err) ? -1 : 1;
	if (*o->arg == '[' && (!next || next[0] == '-')) {
		*(int64_t *)(void *)((char *)into + o->offset) = o->min;
		return 1;
	}
	if (!next)
		return refuse_missing_value(o, called, err);
	return set_option(o, into, next, called, err) ? -1 : 2;
}

/* Parses "-f", "-fn3", "-n3" or "-n". Returns how many words were used, or -1. */
static int parse_letters(const struct opt_set *sets, const char *word, const char *next,
			 struct err *err)
{
	for (const char *p = word + 1; *p; p++) {
		const char called[] = {'-', *p, '\0'};
		const struct opt *o;
		void *into;

		o = find_letter(sets, *p, &into);
		if (!o)
			return refuse_unknown_letter(word, *p, err);
		if (!o->arg) {
			set_option(o, into, NULL, called, err);
			continue;
		}
		if (p[1])
			return set_option(o, into, p + 1, called, err) ? -1 : 1;
		if (!next)
			return refuse_missing_value(o, called, err);
		return set_option(o, into, next, called, err) ? -1 : 2;
	}
	return 1;
}

int opt_parse(const struct opt_set *sets, int *argc, char **argv, bool first_argument_ends,
	      struct err *err)
{
	int n = *argc, kept = 0, i = 0;

	while (i < n) {
		char *word = argv[i];
		const char *next = i + 1 < n ? argv[i + 1] : NULL;
		int used;

		if (!strcmp(word, "--")) {
			i++;
			break;
		}
		if (is_argument(sets, word)) {
			if (first_argument_ends)
				break;
			argv[kept++] = word;
			i++;
			continue;
		}
		used = word[1] == '-' ? parse_long(sets, word, next, err)
				      : parse_letters(sets, word, next, err);
		if (used < 0)
			return -1;
		i += used;
	}
	while (i < n)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

void opt_release(const struct opt_set *sets)
{
	for (; sets->opts; sets++)
		for (const struct opt *o = sets->opts; o->type != OPT_TYPE_END; o++)
			if (o->type == OPT_TYPE_STRS)
				strs_release((struct strs *)((char *)sets->into + o->offset));
}

static void add_usage_column(const struct opt *o, struct buf *out)
{
	if (o->letter)
		buf_addf(out, "  -%c, --%s", o->letter, o->name);
	else
		buf_addf(out, "      --%s", o->name);
	if (o->arg)
		buf_addf(out, " %s", o->arg);
}

void opt_usage(const struct opt *opts, struct buf *out)
{
	enum { COLUMN = 26 };

	for (const struct opt *o = opts; o->type != OPT_TYPE_END; o++) {
		size_t start = out->len, used;

		add_usage_column(o, out);
		used = out->len - start;
		if (used + 2 > COLUMN) {
			buf_addch(out, '\n');
			used = 0;
		}
		buf_addf(out, "%*s%s\n", COLUMN - (int)used, "", o->help);
	}
}

void opt_names(const struct opt *opts, struct buf *out)
{
	for (const struct opt *o = opts; o->type != OPT_TYPE_END; o++) {
		buf_addf(out, "--%s\n", o->name);
		if (o->letter)
			buf_addf(out, "-%c\n", o->letter);
	}
}
