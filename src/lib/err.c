#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void mark_as_cut(struct err *e)
{
	static const char dots[] = " ...";

	memcpy(e->msg + sizeof(e->msg) - sizeof(dots), dots, sizeof(dots));
}

int err_set(struct err *e, int status, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!e)
		return -1;
	e->status = status;
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n < 0)
		e->msg[0] = '\0';
	else if ((size_t)n >= sizeof(e->msg))
		mark_as_cut(e);
	return -1;
}

static const char *advise_on_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
		return " (free some space, then try again; nothing is lost)";
	case EDQUOT:
		return " (your quota is full: free some space, then try again; nothing is lost)";
	case EROFS:
		return " (the file system is mounted read-only here)";
	default:
		return "";
	}
}

int err_errno(struct err *e, int status, const char *fmt, ...)
{
	int errnum = errno;
	char text[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	err_set(e, status, "%s: %s%s", text, strerror(errnum), advise_on_errno(errnum));
	errno = errnum;
	return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char text[1024], old[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	memcpy(old, e->msg, sizeof(old));
	return err_set(e, e->status, "%s: %s", text, old);
}
