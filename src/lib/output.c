#include "lib/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"

int output_open(struct output *o, const char *path, struct err *err)
{
	struct stat st;
	bool there, regular;
	int fd;

	memset(o, 0, sizeof(*o));
	if (!path) {
		o->file = stdout;
		return 0;
	}
	there = !stat(path, &st);
	regular = !there || S_ISREG(st.st_mode);
	/* the file that a symbolic link names is replaced, not the link */
	o->path = there && regular ? realpath(path, NULL) : NULL;
	if (!o->path)
		o->path = mem_strdup(path);
	if (regular)
		o->temporary = mem_printf("%s.tmp-%016" PRIx64, o->path, clock_random());
	fd = regular ? open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
		     : open(path, O_WRONLY | O_CLOEXEC);
	/* the modes of the file that is replaced */
	if (fd >= 0 && there && regular && fchmod(fd, st.st_mode & 0777)) {
		close(fd);
		unlink(o->temporary);
		fd = -1;
	}
	o->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (o->file)
		return 0;
	err_errno(err, ERR_FAILED, "cannot write '%s'", path);
	free(o->path);
	free(o->temporary);
	memset(o, 0, sizeof(*o));
	return -1;
}

static int complete(struct output *o)
{
	int rc = fflush(o->file) || ferror(o->file) ? -1 : 0;

	if (o->temporary && !rc)
		rc = fsync(fileno(o->file));
	if (fclose(o->file))
		rc = -1;
	return !rc && o->temporary ? rename(o->temporary, o->path) : rc;
}

int output_close(struct output *o, bool keep, struct err *err)
{
	int rc = 0;

	if (!o->file || !o->path)
		return 0;
	if (keep) {
		rc = complete(o);
		if (rc)
			err_errno(err, ERR_FAILED, "cannot write '%s'", o->path);
	} else {
		fclose(o->file);
	}
	if (o->temporary && (rc || !keep))
		unlink(o->temporary);
	free(o->path);
	free(o->temporary);
	memset(o, 0, sizeof(*o));
	return rc;
}
