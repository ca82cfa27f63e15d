/*
 * err.h - an error as a value: an exit status and a message.
 *
 * A function that can fail returns -1 with its last parameter filled. Only main.c prints it.
 */
#ifndef SLURMQ_ERR_H
#define SLURMQ_ERR_H

#include <stdarg.h>

/* Exit statuses of slurmq(1); `status` of a struct err is one of them. */
enum {
	ERR_FAILED = 1, /* the command failed */
	ERR_USAGE = 2,	/* wrong usage or a wrong file: trying again will not help */
	ERR_AGAIN = 75, /* try again: database busy, Slurm out of reach (EX_TEMPFAIL, sysexits.h) */
};

/* Starts zeroed and owns nothing, so nothing needs to be freed. A message that is too long is
 * cut. */
struct err {
	int status;
	char msg[8192];
};

/* Sets the exit status and the message of e, which may be NULL. Always returns -1. */
int err_set(struct err *e, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Sets e as err_set() does, with ": " and the text of errno at the end. Advice follows the text
 * of ENOSPC, EDQUOT and EROFS. Keeps errno. Always returns -1. */
int err_errno(struct err *e, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message of e, which may be NULL. Keeps the status. Always returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
