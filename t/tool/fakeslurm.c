/*
 * fakeslurm.c - sbatch, squeue, scancel, scontrol and sacct in one program; its name selects the
 * command. A job is a process here, with Slurm's variables in its environment, so a whole sweep
 * takes a moment. It fails on demand, as the real Slurm does only by chance. It is for tests of
 * many cases; the behaviour of Slurm itself is tested with the real one.
 *
 * Its state is in the folder $FAKE_SLURM:
 *
 *	jobs/ID		of each task: state, reason, exit status, array, index, tasks, pid, name
 *	limit		number of jobs at once: sbatch refuses more, as with MaxSubmitJobs
 *	hold		while this file exists, jobs stay PENDING
 *	away		while this file exists, every query fails
 *	purged		while this file exists, ended jobs are not shown, as after MinJobAge
 *	jobenv		NAME=VALUE lines for the environment of every job that starts
 *	mode		fault of the next sbatch (which removes the file): die, die-before, hang, garbage,
 *			banner, nothing, full, fail, refuse, or, for squeue too: see answer_badly()
 *	no-submit	while this file exists, sbatch --test-only refuses
 *	log		a line for each call: the command and its arguments
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_WAIT_S = 2, TEXT = 4096 };

struct job {
	unsigned long id, array;
	int task, ntasks, exit_status;
	long pid; /* of the process that replaces slurmstepd */
	char state[24], reason[24], name[256];
};

static const char *folder;

static void die(const char *what)
{
	fprintf(stderr, "fakeslurm: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static const char *path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *path(const char *fmt, ...)
{
	static char text[4][TEXT];
	static int next;
	char *p = text[next++ % 4];
	int n = snprintf(p, TEXT, "%s/", folder);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p + n, (size_t)(TEXT - n), fmt, ap);
	va_end(ap);
	return p;
}

static int file_exists(const char *name)
{
	return !access(path("%s", name), F_OK);
}

/* Reads a small file, without its last newline. Returns "" if there is no such file. */
static char *read_small_file(const char *file, char *text, size_t size)
{
	FILE *f = fopen(file, "re");
	size_t n = f ? fread(text, 1, size - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return text;
}

static int lock(void)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		die("lock");
	while (fcntl(fd, F_SETLKW, &fl))
		if (errno != EINTR)
			die("lock");
	return fd;
}

static void write_log(int argc, char **argv)
{
	char line[TEXT * 4];
	size_t n = 0;
	int fd;

	for (int i = 0; i < argc && n < sizeof(line) - 1; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i ? " " : "", argv[i]);
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '?';
	line[n++] = '\n';
	fd = open(path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, n) < 0)
		die("log");
	close(fd);
}

/* ---- jobs; a caller that changes one holds the lock ---- */

static int job_read(unsigned long id, struct job *j)
{
	char text[TEXT];
	int end = 0;

	memset(j, 0, sizeof(*j));
	read_small_file(path("jobs/%lu", id), text, sizeof(text));
	j->id = id;
	if (sscanf(text, "%23s %23s %d %lu %d %d %ld %n", j->state, j->reason, &j->exit_status,
		   &j->array, &j->task, &j->ntasks, &j->pid, &end) != 7)
		return -1;
	snprintf(j->name, sizeof(j->name), "%s", text + end);
	return 0;
}

static void job_write(const struct job *j)
{
	const char *tmp = path("new.%ld", (long)getpid());
	FILE *f = fopen(tmp, "we");

	if (!f)
		die("job");
	fprintf(f, "%s %s %d %lu %d %d %ld %s\n", j->state, j->reason, j->exit_status, j->array,
		j->task, j->ntasks, j->pid, j->name);
	if (fclose(f) || rename(tmp, path("jobs/%lu", j->id)))
		die("job");
}

static int is_active(const struct job *j)
{
	return !strcmp(j->state, "PENDING") || !strcmp(j->state, "RUNNING") ||
	       !strcmp(j->state, "COMPLETING");
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	unsigned long x = strtoul((*a)->d_name, NULL, 10), y = strtoul((*b)->d_name, NULL, 10);

	return x < y ? -1 : x > y;
}

static void each_job(void (*fn)(struct job *j, void *arg), void *arg)
{
	struct dirent **v;
	int n = scandir(path("jobs"), &v, NULL, by_number);

	for (int i = 0; i < n; i++) {
		struct job j;

		if (v[i]->d_name[0] != '.' && !job_read(strtoul(v[i]->d_name, NULL, 10), &j))
			fn(&j, arg);
		free(v[i]);
	}
	if (n >= 0)
		free(v);
}

/* Counts jobs that use a slot; a COMPLETING job uses none. */
static void count_active(struct job *j, void *arg)
{
	*(long *)arg += is_active(j) && strcmp(j->state, "COMPLETING") != 0;
}

static void change_state(unsigned long id, const char *from, const char *to, int exit_status,
			 long pid)
{
	int fd = lock();
	struct job j;

	if (!job_read(id, &j) && (!from || !strcmp(j.state, from))) {
		snprintf(j.state, sizeof(j.state), "%s", to);
		j.exit_status = exit_status;
		if (pid)
			j.pid = pid;
		job_write(&j);
	}
	close(fd);
}

/* ---- running a job ---- */

struct submission {
	char name[256], output[TEXT], chdir[TEXT];
	int ntasks, is_array;
	char *script;
	size_t len;
};

/* Expands %a and %%, and nothing else (sbatch(1), filename pattern). */
static void expand_output(const char *pattern, int task, char *out, size_t size)
{
	size_t n = 0;

	for (; *pattern && n + 16 < size; pattern++) {
		if (*pattern != '%')
			out[n++] = *pattern;
		else if (*++pattern == 'a')
			n += (size_t)snprintf(out + n, size - n, "%d", task);
		else
			out[n++] = *pattern;
	}
	out[n] = '\0';
}

static void set_number(const char *name, long n)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", n);
	setenv(name, text, 1);
}

static void job_environment(const struct job *j, const struct submission *s)
{
	static char text[TEXT];

	set_number("SLURM_JOB_ID", (long)j->id);
	set_number("SLURM_JOBID", (long)j->id);
	if (s->is_array) {
		set_number("SLURM_ARRAY_JOB_ID", (long)j->array);
		set_number("SLURM_ARRAY_TASK_ID", j->task);
	}
	setenv("SLURM_JOB_NAME", s->name, 1);
	setenv("SLURMD_NODENAME", "fake1", 1);
	setenv("SLURM_CLUSTER_NAME", "fake", 1);
	read_small_file(path("jobenv"), text, sizeof(text));
	for (char *p = strtok(text, "\n"); p; p = strtok(NULL, "\n"))
		putenv(p);
}

/* In the child: runs the batch script as slurmstepd does. */
static void execute(const struct job *j, const struct submission *s)
{
	char output[TEXT], script[TEXT];
	int fd;

	job_environment(j, s);
	snprintf(script, sizeof(script), "%s", path("script.%lu", j->array));
	expand_output(s->output, j->task, output, sizeof(output));
	fd = open(output, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0)
		_exit(53);
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
	if (*s->chdir && chdir(s->chdir) && chdir("/tmp"))
		_exit(53);
	setsid();
	execl(script, script, (char *)NULL);
	_exit(127);
}

static void end_job(const struct job *was, int status)
{
	int fd = lock();
	struct job j;

	if (!job_read(was->id, &j)) {
		int bad = WIFSIGNALED(status) || WEXITSTATUS(status);
		const char *state = !strcmp(j.state, "COMPLETING") ? "CANCELLED"
				    : bad			   ? "FAILED"
								   : "COMPLETED";

		if (!strcmp(state, "FAILED"))
			snprintf(j.reason, sizeof(j.reason), "%s",
				 WIFSIGNALED(status) ? "JobLaunchFailure" : "NonZeroExitCode");
		snprintf(j.state, sizeof(j.state), "%s", state);
		j.exit_status = status;
		job_write(&j);
	}
	close(fd);
}

/* Replaces slurmstepd: a process for which no process waits. */
static void run_job(struct job *j, const struct submission *s)
{
	int status, null = open("/dev/null", O_RDWR);
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	if (fork())
		_exit(0);
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	signal(SIGTERM, SIG_DFL);
	change_state(j->id, "PENDING", "PENDING", 0, getpid());
	while (file_exists("hold"))
		usleep(2000);
	pid = fork();
	if (!pid)
		execute(j, s);
	change_state(j->id, "PENDING", "RUNNING", 0, pid);
	while (waitpid(pid, &status, 0) < 0)
		;
	end_job(j, status);
	_exit(0);
}

/* ---- sbatch ---- */

static const char *option_value(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) && arg[n] == '=' ? arg + n + 1 : NULL;
}

static void read_script(struct submission *s)
{
	ssize_t n;

	s->script = malloc(1 << 20);
	while (s->script && s->len < (1 << 20) &&
	       (n = read(0, s->script + s->len, (1 << 20) - s->len)) > 0)
		s->len += (size_t)n;
}

static void parse_sbatch(int argc, char **argv, struct submission *s)
{
	const char *v;

	memset(s, 0, sizeof(*s));
	s->ntasks = 1;
	for (int i = 1; i < argc; i++) {
		if ((v = option_value(argv[i], "--job-name")))
			snprintf(s->name, sizeof(s->name), "%s", v);
		else if ((v = option_value(argv[i], "--output")))
			snprintf(s->output, sizeof(s->output), "%s", v);
		else if ((v = option_value(argv[i], "--chdir")))
			snprintf(s->chdir, sizeof(s->chdir), "%s", v);
		else if ((v = option_value(argv[i], "--array")) && !strncmp(v, "0-", 2)) {
			s->ntasks = atoi(v + 2) + 1;
			s->is_array = 1;
		}
	}
	read_script(s);
}

static int refuse(const char *line)
{
	fprintf(stderr, "sbatch: error: %s\n", line);
	if (!strncmp(line, "QOSMax", 6))
		fprintf(stderr,
			"sbatch: error: Batch job submission failed: Job violates accounting/QOS "
			"policy (job submit limit, user's size and/or time limits)\n");
	return 1;
}

/* Gives the jobs ids and starts them. Returns 0, or -1 over the limit. */
static int make_jobs(const struct submission *s, unsigned long *id)
{
	int fd = lock(), script;
	char text[64];
	long limit = atol(read_small_file(path("limit"), text, sizeof(text))), n = 0;
	FILE *f;

	each_job(count_active, &n);
	if (limit && n + s->ntasks > limit) {
		close(fd);
		return -1;
	}
	*id = strtoul(read_small_file(path("next"), text, sizeof(text)), NULL, 10);
	*id = *id ? *id : 100;
	f = fopen(path("next"), "we");
	if (!f || fprintf(f, "%lu\n", *id + (unsigned long)s->ntasks) < 0 || fclose(f))
		die("next");
	script = open(path("script.%lu", *id), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (script < 0 || write(script, s->script, s->len) != (ssize_t)s->len || close(script))
		die("script");
	for (int i = 0; i < s->ntasks; i++) {
		struct job j = {.id = *id + (unsigned long)i, .array = *id, .task = i};

		j.ntasks = s->is_array ? s->ntasks : 0;
		snprintf(j.state, sizeof(j.state), "PENDING");
		snprintf(j.reason, sizeof(j.reason), "None");
		snprintf(j.name, sizeof(j.name), "%s", s->name);
		job_write(&j);
	}
	close(fd);
	for (int i = 0; i < s->ntasks; i++) {
		struct job j;

		if (!job_read(*id + (unsigned long)i, &j))
			run_job(&j, s);
	}
	return 0;
}

/* Makes the fault of this mode. The jobs exist, except in the modes die-before, fail and refuse. */
static int answer_badly(const char *mode, unsigned long id)
{
	if (!strcmp(mode, "die"))
		raise(SIGKILL);
	if (!strcmp(mode, "hang"))
		for (;;)
			pause();
	if (!strcmp(mode, "banner"))
		printf("Welcome to the cluster\n  3 jobs of yours are running\n%lu;fake\n"
		       "Have a nice day\n",
		       id);
	else if (!strcmp(mode, "garbage"))
		printf("\033[31mjob \001%lu\377\376 is on its way\n\033]0;title\007", id);
	else if (!strcmp(mode, "full")) {
		int fd = open("/dev/full", O_WRONLY);

		dup2(fd, 1);
		printf("%lu\n", id);
	}
	fflush(stdout); /* like sbatch, which ignores the result */
	return 0;
}

static int sbatch(int argc, char **argv)
{
	char mode[64] = "";
	struct submission s;
	unsigned long id;

	if (argc > 1 && !strcmp(argv[1], "--version"))
		return puts("slurm-wlm 22.05.8") < 0;
	if (argc > 1 && !strcmp(argv[1], "--test-only")) {
		if (file_exists("no-submit"))
			return refuse("Batch job submission failed: Access/permission denied");
		fputs("sbatch: Job 1 to start at 2024-05-01T13:04:05\n", stderr);
		return 0;
	}
	parse_sbatch(argc, argv, &s);
	if (!s.len)
		return refuse("Batch script is empty!");
	if (file_exists("away"))
		return refuse("Batch job submission failed: Unable to contact slurm controller "
			      "(connect failure)");
	if (!rename(path("mode"), path("mode.%ld", (long)getpid()))) {
		read_small_file(path("mode.%ld", (long)getpid()), mode, sizeof(mode));
		unlink(path("mode.%ld", (long)getpid()));
	}
	if (!strcmp(mode, "die-before"))
		raise(SIGKILL);
	if (!strcmp(mode, "fail"))
		return 1;
	if (!strcmp(mode, "busy"))
		return refuse(
			"Batch job submission failed: Slurm temporarily unable to accept job, "
			"sleeping and retrying");
	if (!strcmp(mode, "refuse"))
		return refuse("Batch job submission failed: Invalid partition name specified");
	if (make_jobs(&s, &id))
		return refuse("QOSMaxSubmitJobPerUserLimit");
	if (*mode)
		return answer_badly(mode, id);
	printf("%lu\n", id);
	return 0;
}

/* ---- squeue, scancel, scontrol ---- */

struct query {
	const char *format;
	int columns; /* -O JobID:20,State:20,RestartCnt:20,Reason:60 */
	unsigned long id;
	int found;
};

static void show_field(const struct job *j, char c)
{
	switch (c) {
	case 'A':
	case 'i':
		printf("%lu", j->id);
		break;
	case 'F':
		printf("%lu", j->array);
		break;
	case 'K':
		if (j->ntasks)
			printf("%d", j->task);
		else
			printf("N/A");
		break;
	case 'T':
		printf("%s", j->state);
		break;
	case 'r':
		printf("%s", j->reason);
		break;
	case 'j':
		printf("%s", j->name);
		break;
	default:
		printf("N/A");
	}
}

static void show_job(struct job *j, void *arg)
{
	struct query *q = arg;

	if ((q->id && j->id != q->id && j->array != q->id) ||
	    (!is_active(j) && file_exists("purged")))
		return;
	q->found = 1;
	if (q->columns) {
		printf("%-20lu%-20s%-20d%-60s\n", j->id, j->state, 0, j->reason);
		return;
	}
	for (const char *p = q->format; *p; p++) {
		if (*p == '%' && p[1])
			show_field(j, *++p);
		else
			putchar(*p);
	}
	putchar('\n');
}

static int squeue(int argc, char **argv)
{
	struct query q = {.format = "%i %T %j"};

	if (file_exists("away")) {
		fprintf(stderr, "slurm_load_jobs error: Unable to contact slurm controller "
				"(connect failure)\n");
		return 1;
	}
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "-o"))
			q.format = argv[i + 1];
		else if (!strcmp(argv[i], "-O"))
			q.columns = 1;
		else if (!strcmp(argv[i], "-j"))
			q.id = strtoul(argv[i + 1], NULL, 10);
	}
	each_job(show_job, &q);
	if (!q.id || q.found)
		return 0;
	fprintf(stderr, "slurm_load_jobs error: Invalid job id specified\n");
	return 1;
}

/* Sends SIGCONT and SIGTERM now, and SIGKILL a little later from another process. */
static void end_process(long pid)
{
	kill((pid_t)pid, SIGCONT);
	kill((pid_t)pid, SIGTERM);
	if (fork())
		return;
	setsid();
	for (int i = 0; i < 3; i++)
		close(i);
	for (int i = 0; i < KILL_WAIT_S * 100; i++) {
		usleep(10000);
		if (kill((pid_t)pid, 0))
			_exit(0);
	}
	kill((pid_t)pid, SIGKILL);
	_exit(0);
}

static void cancel_job(struct job *j, void *arg)
{
	const char *ref = arg;
	char *end;
	unsigned long id = strtoul(ref, &end, 10);
	int running = !strcmp(j->state, "RUNNING");

	if (*end == '_' ? j->array != id || j->task != atoi(end + 1)
			: j->id != id && j->array != id)
		return;
	if (!is_active(j) || !strcmp(j->state, "COMPLETING"))
		return;
	if (!running && j->pid)
		kill((pid_t)j->pid, SIGKILL);
	snprintf(j->state, sizeof(j->state), "%s", running ? "COMPLETING" : "CANCELLED");
	job_write(j);
	if (running)
		end_process(j->pid);
}

static int scancel(int argc, char **argv)
{
	if (file_exists("away")) {
		fprintf(stderr, "scancel: error: slurm_kill_job2() failed Unable to contact slurm "
				"controller (connect failure)\n");
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		int fd = lock();

		each_job(cancel_job, argv[i]);
		close(fd);
	}
	return 0;
}

static int scontrol(int argc, char **argv)
{
	char limit[64];
	long n = 0;

	if (file_exists("away")) {
		fprintf(stderr, "slurm_load_ctl_conf error: Unable to contact slurm controller "
				"(connect failure)\n");
		return 1;
	}
	if (!strcmp(argv[argc - 1], "config")) {
		printf("Configuration data as of 2026-01-01T00:00:00\n"
		       "ClusterName             = fake\n"
		       "KillWait                = %d sec\n"
		       "MaxArraySize            = 1001\n"
		       "MaxJobCount             = 10000\n"
		       "SLURM_VERSION           = 22.05.8\n",
		       KILL_WAIT_S);
		return 0;
	}
	each_job(count_active, &n);
	if (!*read_small_file(path("limit"), limit, sizeof(limit)))
		strcpy(limit, "N");
	printf("Current Association Manager state\n\nAssociation Records\n\n"
	       "ClusterName=fake Account=lab UserName=me(%ld) Partition= Priority=0 ID=4 "
	       "DefAssoc=Yes GrpSubmitJobs=N(%ld) MaxSubmitJobs=%s(%ld)\n",
	       (long)getuid(), n, limit, n);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];

	folder = getenv("FAKE_SLURM");
	if (!folder || !*folder) {
		fprintf(stderr, "fakeslurm: FAKE_SLURM names no folder\n");
		return 99;
	}
	mkdir(path("jobs"), 0700);
	argv[0] = (char *)(size_t)name;
	write_log(argc, argv);
	if (!strcmp(name, "sbatch"))
		return sbatch(argc, argv);
	if (!strcmp(name, "squeue"))
		return squeue(argc, argv);
	if (!strcmp(name, "scancel"))
		return scancel(argc, argv);
	if (!strcmp(name, "scontrol"))
		return scontrol(argc, argv);
	fprintf(stderr, "Slurm accounting storage is disabled\n");
	return 1;
}
