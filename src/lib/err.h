/*
 * err.h - what went wrong, as a value.
 *
 * A function that can fail returns -1 with its last parameter filled. Only main.c prints it.
 */
#ifndef SLURMQ_ERR_H
#define SLURMQ_ERR_H

#include <stdarg.h>

/* Exit statuses of slurmq(1); `status` of a struct err is one of them. */
enum {
	ERR_FAILED = 1, /* it failed */
	ERR_USAGE = 2,	/* wrong usage or a wrong file: trying again will not help */
	ERR_AGAIN = 75, /* try again: database busy, Slurm out of reach (EX_TEMPFAIL, sysexits.h) */
};

/* Starts zeroed; owns nothing, so it needs no release. A message that is too long is cut. */
struct err {
	int status;
	char msg[8192];
};

/* Fill e (which may be NULL) with an exit status and a message. Always returns -1. */
int err_set(struct err *e, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of errno at the end. ENOSPC, EDQUOT and EROFS get advice. */
int err_errno(struct err *e, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "text: " before the message that e holds. Keeps the status. Always returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
