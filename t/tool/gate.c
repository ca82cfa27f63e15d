/*
 * gate.c - "gate FOLDER CMD...": the gate of a .slurmq folder is held while a command runs.
 *
 * Who has something to tell meanwhile has to wait. The status is the command's, 125 where it was not run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "store/spool.h"

enum { PATIENCE_MS = 30000 };

static int hold(const char *dir, struct spool **sp, struct err *err)
{
	int64_t deadline = clock_mono_ms() + PATIENCE_MS;
	int rc = spool_open(dir, sp, err);

	while (!rc && (rc = spool_gate_try(*sp, err)) == SPOOL_BUSY) {
		if (clock_mono_ms() > deadline)
			return err_set(err, ERR_AGAIN, "%s: the gate is not free", dir);
		clock_sleep_ms(2);
		rc = 0;
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	struct spool *sp = NULL;
	int status = 125 << 8;
	pid_t pid;

	if (argc < 3)
		return 125;
	if (hold(argv[1], &sp, &err)) {
		fprintf(stderr, "gate: %s\n", err.msg);
		return 125;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(125);
	}
	if (pid > 0 && waitpid(pid, &status, 0) < 0)
		status = 125 << 8;
	spool_close(sp);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
