/*
 * opt.h - the options of a command as a const table, which is used to parse, check and print
 * them.
 *
 *   static const struct opt opts[] = {
 *   	OPT_FLAG('f', "follow", "print new output until the job has ended", struct args, follow),
 *   	OPT_INT('n', "max", "N", "submit at most N jobs", struct args, max, 1, 1000000),
 *   	OPT_END
 *   };
 *
 * Accepted forms are --name=value, --name value, -nvalue, -n value and -fn value. Options and
 * arguments can be in any order. "--" ends the options. A lone "-" is an argument, and so is a
 * negative number such as -5, unless an option has that letter.
 */
#ifndef SLURMQ_OPT_H
#define SLURMQ_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

enum opt_type {
	OPT_TYPE_END = 0,
	OPT_TYPE_FLAG, /* bool: set to true */
	OPT_TYPE_STR,  /* const char *, borrowed from argv */
	OPT_TYPE_STRS, /* struct strs: the option may be repeated */
	OPT_TYPE_INT,  /* int64_t within min..max */
	/* int64_t in ms, from "90", "90s", "15m", "2h" or "1d12h", within min..max */
	OPT_TYPE_TIME,
};

struct opt {
	enum opt_type type;
	char letter;	  /* 0: none */
	const char *name; /* long name, without the dashes */
	const char *
		arg; /* name of the value; NULL for a flag; "[N]": min if no word follows but an option */
	const char *help;
	size_t offset;
	int64_t min, max;
};

/* The offset of a member. The comparison of pointers makes the compiler warn if the member has
 * another type. */
#define OPT_MEMBER(type, member, kind) \
	(offsetof(type, member) + 0 * sizeof(&((type *)0)->member == (kind *)0))

#define OPT_FLAG(letter, name, help, type, member) \
	{ \
		OPT_TYPE_FLAG, letter, name, NULL, help, OPT_MEMBER(type, member, bool), 0, 0 \
	}
#define OPT_STR(letter, name, arg, help, type, member) \
	{ \
		OPT_TYPE_STR, letter, name, arg, help, OPT_MEMBER(type, member, const char *), 0, \
			0 \
	}
#define OPT_STRS(letter, name, arg, help, type, member) \
	{ \
		OPT_TYPE_STRS, letter, name, arg, help, OPT_MEMBER(type, member, struct strs), 0, \
			0 \
	}
#define OPT_INT(letter, name, arg, help, type, member, min, max) \
	{ \
		OPT_TYPE_INT, letter, name, arg, help, OPT_MEMBER(type, member, int64_t), min, max \
	}
#define OPT_TIME(letter, name, arg, help, type, member, min, max) \
	{ \
		OPT_TYPE_TIME, letter, name, arg, help, OPT_MEMBER(type, member, int64_t), min, \
			max \
	}
#define OPT_END \
	{ \
		OPT_TYPE_END, 0, NULL, NULL, NULL, 0, 0, 0 \
	}

/* A table and the struct that it fills. A list of these ends with a zeroed one. */
struct opt_set {
	const struct opt *opts; /* NULL ends the list */
	void *into;
};

/* Parses the options in argv[0..*argc-1], without a program name, and removes them: argv then
 * holds the *argc arguments, in order, and NULL. first_argument_ends: options after the first
 * argument are kept as arguments. Members without an option stay unchanged. Returns 0, or -1
 * with err (ERR_USAGE). */
int opt_parse(const struct opt_set *sets, int *argc, char **argv, bool first_argument_ends,
	      struct err *err);
/* Frees the lists that opt_parse() stored in the structs. */
void opt_release(const struct opt_set *sets);

/* Adds the lines of the usage: " -n, --max N submit at most N jobs". */
void opt_usage(const struct opt *opts, struct buf *out);
/* Adds the names for completion, "--max" and "-n", one per line. */
void opt_names(const struct opt *opts, struct buf *out);

/* Reads a whole decimal number with nothing before or after it. Returns 0 and *n, or -1. */
int opt_int(const char *text, int64_t *n);
/* Reads a time as OPT_TYPE_TIME does; a bare number counts seconds. Returns 0 and *ms, or -1. */
int opt_time(const char *text, int64_t *ms);

#endif
