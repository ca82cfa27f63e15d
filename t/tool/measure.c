/*
 * measure.c - for t/bench.sh: measures the time of a command and of a durable commit.
 *
 *	measure run CMD...	run it; print wall time in ms and peak memory in KiB
 *	measure commits FILE N	N times three commits, a row each, as durable as in the job store, in SQLite's
 *				default journal mode (DELETE); print the median of three commits, in ms
 *	measure writers FILE N	N processes that commit a row at the same moment, with SQLite's busy
 *				handler of 30 s; print the wall time in ms and how many succeeded
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int measure_run(char **argv)
{
	double begun = now_ms();
	struct rusage used;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		/* standard output has only the figures */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
		return 1;
	printf("%.1f %ld\n", now_ms() - begun, used.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void exec_sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "measure: %s: %s\n", text, sqlite3_errmsg(db));
		exit(1);
	}
}

static int measure_commits(const char *file, size_t n)
{
	double *took = calloc(n ? n : 1, sizeof(*took));
	sqlite3 *db;

	if (!n || !took || sqlite3_open(file, &db) != SQLITE_OK)
		return 1;
	exec_sql(db, "PRAGMA journal_mode = DELETE");
	exec_sql(db, "PRAGMA synchronous = EXTRA");
	exec_sql(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, state INTEGER, text TEXT)");
	for (size_t i = 0; i < n; i++) {
		double begun;

		usleep(20 * 1000);
		begun = now_ms();
		for (int k = 0; k < 3; k++)
			exec_sql(
				db,
				"BEGIN IMMEDIATE; INSERT INTO t (state, text) VALUES (1, 'a row'); COMMIT");
		took[i] = now_ms() - begun;
	}
	sqlite3_close(db);
	qsort(took, n, sizeof(*took), compare);
	printf("%.1f\n", took[n / 2]);
	free(took);
	return 0;
}

/* Opens the file, waits until the other end of the pipe is closed, and commits. Exits with 1 if
 * that failed. */
static int write_one(const char *file, int wait)
{
	sqlite3 *db;
	char c;

	if (sqlite3_open(file, &db) != SQLITE_OK)
		return 1;
	sqlite3_busy_timeout(db, 30000);
	(void)!read(wait, &c, 1);
	if (sqlite3_exec(db, "PRAGMA synchronous = EXTRA; BEGIN IMMEDIATE", NULL, NULL, NULL) ||
	    sqlite3_exec(db, "UPDATE t SET state = state + 1", NULL, NULL, NULL) ||
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL))
		return 1;
	sqlite3_close(db);
	return 0;
}

static int measure_writers(const char *file, int n)
{
	int go[2], status, done = 0;
	double begun;
	sqlite3 *db;

	if (pipe(go) || sqlite3_open(file, &db) != SQLITE_OK)
		return 1;
	exec_sql(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, state INTEGER)");
	exec_sql(db, "INSERT INTO t (state) VALUES (0)");
	sqlite3_close(db);
	for (int i = 0; i < n; i++) {
		if (fork())
			continue;
		close(go[1]);
		_exit(write_one(file, go[0]));
	}
	sleep(2);
	begun = now_ms();
	close(go[1]);
	while (wait(&status) > 0)
		done += !status;
	printf("%.1f %d\n", now_ms() - begun, done);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "run"))
		return measure_run(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "commits"))
		return measure_commits(argv[2], (size_t)strtoul(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "writers"))
		return measure_writers(argv[2], (int)strtol(argv[3], NULL, 10));
	fprintf(stderr,
		"usage: measure run CMD... | measure commits FILE N | measure writers FILE N\n");
	return 2;
}
