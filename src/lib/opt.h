/*
 * opt.h - a command's options as a const table: parsed, checked, and printed from the same rows.
 *
 *	static const struct opt opts[] = {
 *		OPT_FLAG('f', "follow", "go on until the job has ended", struct args, follow),
 *		OPT_INT('n', "max", "N", "submit at most N jobs", struct args, max, 1, 1000000),
 *		OPT_END
 *	};
 *
 * --name=value, --name value, -nvalue, -n value, -fn value; options and arguments in any order; "--"
 * ends the options, and a lone "-" is an argument.
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
	OPT_TYPE_STR,  /* const char *, lent from argv */
	OPT_TYPE_STRS, /* struct strs: may be given several times */
	OPT_TYPE_INT,  /* int64_t within min..max */
	OPT_TYPE_TIME, /* int64_t in ms, of "90", "90s", "15m", "2h", "1d12h", within min..max */
};

struct opt {
	enum opt_type type;
	char letter;	  /* 0: none */
	const char *name; /* without the dashes */
	const char *arg;  /* what its value is called; NULL for a flag */
	const char *help;
	size_t offset;
	int64_t min, max;
};

/* The comparison of pointers makes a member of another type a warning. */
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

/* A table and the struct that it fills. Lists of them end with a zeroed one. */
struct opt_set {
	const struct opt *opts; /* NULL ends the list */
	void *into;
};

/* Take the options out of argv[0..*argc-1] (no program name there): what is left, in order, are the
 * arguments, *argc of them, then NULL. first_argument_ends: options after it are not ours. Returns 0, or
 * -1 with err (ERR_USAGE). A member that no option names is left alone. */
int opt_parse(const struct opt_set *sets, int *argc, char **argv, bool first_argument_ends,
	      struct err *err);
/* Free what opt_parse() put into the structs (lists). */
void opt_release(const struct opt_set *sets);

/* Lines of "  -n, --max N       submit at most N jobs". */
void opt_usage(const struct opt *opts, struct buf *out);
/* Lines of "--max" and "-n", for completion. */
void opt_names(const struct opt *opts, struct buf *out);

/* Whole numbers in decimal, nothing before or after: 0, or -1. */
int opt_int(const char *text, int64_t *n);
/* A time as OPT_TYPE_TIME reads it: 0 and *ms, or -1. A bare number counts seconds. */
int opt_time(const char *text, int64_t *ms);

#endif
