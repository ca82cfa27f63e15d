#include "lib/shebang.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool shebang_fault(const char *file, struct buf *out)
{
	char line[256] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	char *name = line + 2;

	if (fd >= 0)
		close(fd);
	if (n < 2 || strncmp(line, "#!", 2) != 0)
		return false;
	name += strspn(name, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	if (!access(name, X_OK))
		return false;
	n = (ssize_t)strcspn(name, "\r");
	if (name[n])
		buf_addf(out,
			 "its first line names '%.*s' and ends with a carriage return, as on "
			 "Windows: dos2unix removes it",
			 (int)n, name);
	else
		buf_addf(out, "its first line names '%s': %s", name, strerror(errno));
	return true;
}
