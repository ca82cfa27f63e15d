/*
 * queue_lock.c - "queue_lock FOLDER CMD...": holds the queue lock of a .slurmq folder while a
 * command runs.
 *
 * A process with a record to ingest has to wait meanwhile. The exit status is the command's, 125 if
 * the command was not run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "store/folder.h"

enum { PATIENCE_MS = 30000 };

static int take_queue_lock(const char *dir, struct folder **sp, struct err *err)
{
	int64_t deadline = clock_mono_ms() + PATIENCE_MS;
	int rc = folder_open(dir, sp, err);

	while (!rc && (rc = queue_lock_try(*sp, err)) == FOLDER_BUSY) {
		if (clock_mono_ms() > deadline)
			return err_set(err, ERR_AGAIN, "%s: the queue lock is not free", dir);
		clock_sleep_ms(2);
		rc = 0;
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	struct folder *sp = NULL;
	int status = 125 << 8;
	pid_t pid;

	if (argc < 3)
		return 125;
	if (take_queue_lock(argv[1], &sp, &err)) {
		fprintf(stderr, "queue lock: %s\n", err.msg);
		return 125;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(125);
	}
	if (pid > 0 && waitpid(pid, &status, 0) < 0)
		status = 125 << 8;
	folder_close(sp);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
