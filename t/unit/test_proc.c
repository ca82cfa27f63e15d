/* proc: starts programs, writes their input and reads their output, ends them in time, and handles
 * signals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/proc.h"

static char dir[] = "/tmp/test_proc.XXXXXX";

/* This program runs itself as a child that fills large pipes at once and exits. */
#define FILL "--fill"
enum { FILL_BYTES = 500000 };

static int fill_pipes(void)
{
	char *text = mem_alloc(FILL_BYTES);
	int bad = 0;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		bad |= fcntl(fd, F_SETPIPE_SZ, 1 << 20) < 0;
		bad |= write(fd, text, FILL_BYTES) != FILL_BYTES;
	}
	free(text);
	return bad;
}

static char *in_dir(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char *path = in_dir(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	const char *argv[] = {"rm", "-rf", dir, NULL};
	struct proc_spec spec = {.argv = argv};
	struct proc_result r;

	(void)state;
	if (proc_run(&spec, &r, NULL, NULL))
		return -1;
	proc_result_release(&r);
	return 0;
}

/* Runs a script with sh and a time-out. */
static void run_sh(const char *script, int timeout_ms, struct proc_result *r)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct proc_spec spec = {.argv = argv, .timeout_ms = timeout_ms};
	struct err err = {0};

	if (proc_run(&spec, r, NULL, &err))
		fail_msg("%s: %s", script, err.msg);
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_exit_status_and_output(void **state)
{
	static const struct {
		const char *script, *out, *err;
		int exit_code, signal;
	} cases[] = {
		{"exit 0", "", "", 0, 0},
		{"exit 75", "", "", 75, 0},
		{"exit 127", "", "", 127, 0},
		{"printf out; printf err >&2; exit 3", "out", "err", 3, 0},
		{"kill -9 $$", "", "", 0, SIGKILL},
		{"printf x; kill -TERM $$", "x", "", 0, SIGTERM},
		{"kill -SEGV $$", "", "", 0, SIGSEGV},
		/* the child closes both streams long before it exits */
		{"printf y; exec >&- 2>&-; sleep 0.3; exit 7", "y", "", 7, 0},
		{"cat", "", "", 0, 0}, /* no input is /dev/null */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proc_result r;

		run_sh(cases[i].script, 20000, &r);
		assert_string_equal(buf_str(&r.out), cases[i].out);
		assert_string_equal(buf_str(&r.err), cases[i].err);
		assert_int_equal(r.exit_code, cases[i].exit_code);
		assert_int_equal(r.signal, cases[i].signal);
		assert_false(r.timed_out);
		proc_result_release(&r);
	}
}

static void test_start_errors(void **state)
{
	static const struct {
		const char *name, *path; /* argv[0]; PATH, in which "%s" is the test's folder */
		int exec_errno;
		const char *message;
	} cases[] = {
		{"no-such-program", "/usr/bin:/bin", ENOENT, "'no-such-program' is not on PATH"},
		{"no-such-program", NULL, ENOENT, "not on PATH"},
		{"", "/usr/bin:/bin", ENOENT, "not on PATH"},
		{"/no/such/program", "/bin", ENOENT, "'/no/such/program': No such file"},
		{"plain", "%s", EACCES, "Permission denied"},
		{"folder", "%s", EACCES, "Permission denied"},
		{"no-shebang", "%s", ENOEXEC, "#!/bin/sh"},
		{"bad-shebang", "%s", ENOENT,
		 "/bad-shebang': its first line names '/no/such/shell': No such file"},
		{"./bad-shebang", NULL, ENOENT,
		 "cannot execute './bad-shebang': its first line names '/no/such/shell'"},
		{"no-rights", "%s", EACCES,
		 "its first line names '/etc/passwd': Permission denied"},
		{"carriage", "%s", ENOENT,
		 "its first line names '/bin/sh' and ends with a carriage return"},
		{"blanks", "%s", ENOENT, "its first line names '/no/such/env': No such file"},
		/* relative folders of PATH are skipped: here the test's folder is the working
		 * folder */
		{"good", "", ENOENT, "not on PATH"},
		{"good", ".", ENOENT, "not on PATH"},
		{"good", ":/no/such::", ENOENT, "not on PATH"},
	};
	int before = open_fds();

	(void)state;
	write_file("plain", "#!/bin/sh\n", 0644);
	write_file("no-shebang", "echo hello\n", 0755);
	write_file("bad-shebang", "#!/no/such/shell\n", 0755);
	write_file("no-rights", "#!/etc/passwd\n", 0755);
	write_file("carriage", "#!/bin/sh\r\necho hello\r\n", 0755);
	write_file("blanks", "#! \t/no/such/env  python3\n", 0755);
	write_file("good", "#!/bin/sh\necho good\n", 0755);
	{
		char *folder = in_dir("folder");

		assert_int_equal(mkdir(folder, 0755), 0);
		free(folder);
	}
	assert_int_equal(chdir(dir), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *argv[] = {cases[i].name, NULL};
		struct buf path = {0};
		const char *envp[] = {NULL, NULL};
		struct proc_spec spec = {.argv = argv, .envp = envp, .timeout_ms = 5000};
		struct proc_result r;
		struct err err = {0};
		int exec_errno = -1;

		if (cases[i].path && !strcmp(cases[i].path, "%s"))
			buf_addf(&path, "PATH=%s", dir);
		else if (cases[i].path)
			buf_addf(&path, "PATH=%s", cases[i].path);
		if (path.len)
			envp[0] = path.s;
		assert_int_equal(proc_run(&spec, &r, &exec_errno, &err), -1);
		assert_int_equal(exec_errno, cases[i].exec_errno);
		assert_int_equal(err.status, ERR_FAILED);
		if (!strstr(err.msg, cases[i].message))
			fail_msg("case %zu: %s", i, err.msg);
		proc_result_release(&r);
		buf_release(&path);
	}
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(open_fds(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
}

static void test_environment(void **state)
{
	const char *argv[] = {"tool", "a b", "'$HOME'", NULL};
	char *path = mem_printf("PATH=.:/no/such:%s", dir);
	const char *envp[] = {"ONE=1", path, NULL};
	struct proc_spec spec = {.argv = argv, .envp = envp};
	struct proc_result r;

	(void)state;
	/* a file that cannot be executed does not hide a later one on PATH */
	write_file("tool", "#!/bin/sh\necho \"$1|$2|$ONE|${HOME-none}\"\n", 0755);
	assert_int_equal(proc_run(&spec, &r, NULL, NULL), 0);
	assert_string_equal(buf_str(&r.out), "a b|'$HOME'|1|none\n");
	proc_result_release(&r);
	free(path);
}

static void test_input(void **state)
{
	static const struct {
		const char *script;
		size_t len, back; /* bytes written and read back */
	} cases[] = {
		{"cat", 0, 0},
		{"cat", 3, 3},
		{"cat", 3000000, 3000000},
		{"exit 0", 3000000, 0},	     /* the child never reads: EPIPE is no error */
		{"head -c 10", 3000000, 10}, /* the child reads a little */
		{"exec <&-; sleep 0.2; printf x", 3000000, 1},
		{"tee /dev/stderr", 500000, 500000}, /* both streams, more than a pipe holds */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *argv[] = {"sh", "-c", cases[i].script, NULL};
		char *in = mem_alloc(cases[i].len + 1);
		struct proc_spec spec = {
			.argv = argv, .in = in, .in_len = cases[i].len, .timeout_ms = 20000};
		struct proc_result r;

		for (size_t j = 0; j < cases[i].len; j++)
			in[j] = (char)('a' + j % 23);
		assert_int_equal(proc_run(&spec, &r, NULL, NULL), 0);
		assert_int_equal(r.out.len, cases[i].back);
		if (cases[i].back > 1)
			assert_memory_equal(r.out.s, in, cases[i].back);
		if (!strncmp(cases[i].script, "tee", 3))
			assert_int_equal(r.err.len, cases[i].back);
		assert_int_equal(r.exit_code, 0);
		assert_int_equal(r.signal, 0);
		proc_result_release(&r);
		free(in);
	}
}

/* A program that is started first and gets its input later. */
static void test_start_then_feed(void **state)
{
	char *mark = in_dir("mark"), *script = mem_printf("echo begun >'%s'; cat; echo end", mark);
	const char *argv[] = {"sh", "-c", script, NULL};
	const char *missing[] = {"/no/such/program", NULL};
	struct proc_spec spec = {.argv = argv, .in = "abc\n", .in_len = 4};
	struct proc_result r;
	struct proc_run *run;
	int exec_errno, status;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_run_begin(&spec, &run, NULL, NULL), 0);
	while (access(mark, F_OK))
		clock_sleep_ms(1);
	assert_int_equal(proc_run_end(run, &r, NULL, NULL), 0);
	assert_string_equal(buf_str(&r.out), "abc\nend\n");
	proc_result_release(&r);

	/* it got its input before: it runs on; proc_end() adds nothing */
	assert_int_equal(unlink(mark), 0);
	free(script);
	script = mem_printf("read line; echo $line >'%s'; cat", mark);
	argv[2] = script;
	assert_int_equal(proc_run_begin(&spec, &run, NULL, NULL), 0);
	proc_run_feed(run);
	while (access(mark, F_OK))
		clock_sleep_ms(1);
	assert_int_equal(proc_run_end(run, &r, NULL, NULL), 0);
	assert_int_equal(r.out.len, 0);
	proc_result_release(&r);

	/* more than a pipe holds: the end writes the rest; a child that has exited is no error */
	{
		const char *count[] = {"wc", "-c", NULL}, *gone[] = {"true", NULL};
		char *large = mem_alloc(300 * 1000);

		spec = (struct proc_spec){.argv = count, .in = large, .in_len = 300 * 1000};
		assert_int_equal(proc_run_begin(&spec, &run, NULL, NULL), 0);
		proc_run_feed(run);
		assert_int_equal(proc_run_end(run, &r, NULL, NULL), 0);
		assert_string_equal(buf_str(&r.out), "300000\n");
		proc_result_release(&r);
		spec.argv = gone;
		assert_int_equal(proc_run_begin(&spec, &run, NULL, NULL), 0);
		for (int i = 0; i < 100; i++)
			proc_run_feed(run);
		assert_int_equal(proc_run_end(run, &r, NULL, NULL), 0);
		assert_int_equal(r.exit_code, 0);
		proc_result_release(&r);
		free(large);
	}

	/* the starter dies: the child reads no input, only end of file */
	spec = (struct proc_spec){.argv = argv, .in = "abc\n", .in_len = 4};
	assert_int_equal(unlink(mark), 0);
	free(script);
	script = mem_printf("cat >'%s'; echo end >>'%s'", mark, mark);
	argv[2] = script;
	pid = fork();
	if (!pid)
		_exit(proc_run_begin(&spec, &run, NULL, NULL));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (char line[8] = ""; strcmp(line, "end\n") != 0;) {
		FILE *f = fopen(mark, "r");

		if (f && !fgets(line, sizeof(line), f))
			line[0] = '\0';
		assert_true(!line[0] || !strcmp(line, "begun\n") || !strcmp(line, "end\n"));
		if (f)
			fclose(f);
		clock_sleep_ms(1);
	}

	/* the starter dies after the feed: the child reads all of it, more than a pipe holds by
	 * default */
	{
		char *large = mem_alloc(300 * 1000), line[16] = "";

		memset(large, 'x', 300 * 1000);
		assert_int_equal(unlink(mark), 0);
		free(script);
		script = mem_printf("wc -c >'%s'", mark);
		argv[2] = script;
		pid = fork();
		if (!pid) {
			spec.in = large;
			spec.in_len = 300 * 1000;
			if (proc_run_begin(&spec, &run, NULL, NULL))
				_exit(1);
			proc_run_feed(run);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		while (!strchr(line, '\n')) {
			FILE *f = fopen(mark, "r");

			if (f && !fgets(line, sizeof(line), f))
				line[0] = '\0';
			if (f)
				fclose(f);
			clock_sleep_ms(1);
		}
		assert_string_equal(line, "300000\n");
		free(large);
	}

	/* abandoned: killed and reaped */
	assert_int_equal(unlink(mark), 0);
	assert_int_equal(proc_run_begin(&spec, &run, NULL, NULL), 0);
	proc_run_abandon(run);
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);

	spec.argv = missing;
	assert_int_equal(proc_run_begin(&spec, &run, &exec_errno, NULL), 0);
	assert_int_equal(proc_run_end(run, &r, &exec_errno, NULL), -1);
	assert_int_equal(exec_errno, ENOENT);
	assert_int_equal(proc_run_begin(&spec, &run, &exec_errno, NULL), 0);
	proc_run_abandon(run);
	free(script);
	free(mark);
}

/* The child is started on another processor. After that it may run on every processor that the test
 * may use. */
static void test_cpu_affinity(void **state)
{
	const char *argv[] = {"sh", "-c", "read line; exec grep Cpus_allowed: /proc/self/status",
			      NULL};
	struct proc_spec spec = {.argv = argv, .in = "\n", .in_len = 1};
	struct proc_result r;
	struct proc_run *run;
	char ours[8192];
	size_t n;
	FILE *f = fopen("/proc/self/status", "r");

	(void)state;
	assert_non_null(f);
	n = fread(ours, 1, sizeof(ours) - 1, f);
	fclose(f);
	ours[n] = '\0';
	assert_int_equal(proc_run_begin(&spec, &run, NULL, NULL), 0);
	assert_int_equal(proc_run_end(run, &r, NULL, NULL), 0);
	assert_int_equal(strncmp(buf_str(&r.out), "Cpus_allowed:", 13), 0);
	assert_non_null(strstr(ours, buf_str(&r.out)));
	proc_result_release(&r);
}

static void test_output_is_capped(void **state)
{
	struct proc_result r;

	(void)state;
	run_sh("head -c 70000000 /dev/zero; echo last >&2", 60000, &r);
	assert_int_equal(r.out.len, 64 << 20);
	assert_string_equal(buf_str(&r.err), "last\n");
	assert_int_equal(r.exit_code, 0);
	proc_result_release(&r);
}

/* When the child has exited, more output is in the pipes than one read returns. */
static void test_output_left_at_exit(void **state)
{
	static const char self[] = "/proc/self/exe";
	char exe[PATH_MAX] = "";
	const char *argv[] = {exe, FILL, NULL};
	struct proc_spec spec = {.argv = argv, .timeout_ms = 20000};
	struct proc_result r;

	(void)state;
	assert_true(readlink(self, exe, sizeof(exe) - 1) > 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(proc_run(&spec, &r, NULL, NULL), 0);
		assert_int_equal(r.exit_code, 0);
		assert_int_equal(r.out.len, FILL_BYTES);
		assert_int_equal(r.err.len, FILL_BYTES);
		proc_result_release(&r);
	}
}

/* A grandchild that keeps the pipe open does not delay the result, and no output is lost. */
static void test_grandchild(void **state)
{
	struct proc_result r;
	int64_t start = clock_mono_ms();

	(void)state;
	for (int i = 0; i < 20; i++) {
		run_sh("sleep 10 & head -c 60000 /dev/zero", 20000, &r);
		assert_int_equal(r.out.len, 60000);
		assert_false(r.timed_out);
		proc_result_release(&r);
	}
	/* a grandchild that never stops writing */
	run_sh("yes & printf begin >&2", 20000, &r);
	assert_string_equal(buf_str(&r.err), "begin");
	assert_false(r.timed_out);
	proc_result_release(&r);
	assert_in_range(clock_mono_ms() - start, 0, 9000);
}

static void test_time_out(void **state)
{
	static const struct {
		const char *script, *out;
		int64_t least, most; /* duration in ms */
	} cases[] = {
		{"printf a; sleep 30", "a", 150, 1500},
		{"trap '' TERM; printf b; sleep 30; sleep 30", "b", 2100, 4000},
		{"trap 'printf c; exit 0' TERM; sleep 30 & wait", "c", 150, 1500},
		{"exec >&- 2>&-; sleep 30", "", 150, 1500},
		/* the child exits, its own child stays: SIGKILL reaches that too */
		{"(trap '' TERM; sleep 30; touch late) & trap 'exit 0' TERM; wait", "", 150, 1500},
		{"yes", NULL, 150, 1500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proc_result r;
		int64_t start = clock_mono_ms(), took;

		run_sh(cases[i].script, 150, &r);
		took = clock_mono_ms() - start;
		assert_true(r.timed_out);
		if (cases[i].out)
			assert_string_equal(buf_str(&r.out), cases[i].out);
		if (took < cases[i].least || took > cases[i].most)
			fail_msg("case %zu took %lld ms", i, (long long)took);
		proc_result_release(&r);
	}
}

static void ignore(int sig)
{
	(void)sig;
}

/* Returns whether the process exists and is no zombie. */
static bool is_alive(pid_t pid)
{
	char *path = mem_printf("/proc/%d/stat", (int)pid), state = 'Z';
	FILE *f = fopen(path, "r");

	if (f) {
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'Z';
		fclose(f);
	}
	free(path);
	return state != 'Z' && state != 'X';
}

/* No process of the group outlives the time-out, even if the leader exited by itself. */
static void test_time_out_ends_the_group(void **state)
{
	struct proc_result r;
	int64_t start = clock_mono_ms();
	pid_t left;

	(void)state;
	run_sh("sh -c \"trap '' TERM; echo \\$\\$; exec sleep 30\" & trap 'exit 0' TERM; wait; wait",
	       300, &r);
	assert_true(r.timed_out);
	left = (pid_t)strtol(buf_str(&r.out), NULL, 10);
	assert_true(left > 1);
	while (is_alive(left)) {
		if (clock_mono_ms() - start > 5000)
			fail_msg("%d is still there", (int)left);
		clock_sleep_ms(10);
	}
	proc_result_release(&r);
}

/* The child's signals are as after a login, whatever the caller's are. */
static void test_clean_signals(void **state)
{
	struct sigaction sa = {.sa_handler = SIG_IGN}, old[3];
	sigset_t mask, before;
	struct proc_result r;

	(void)state;
	sigaction(SIGUSR1, &sa, &old[0]);
	sigaction(SIGPIPE, &sa, &old[1]);
	sa.sa_handler = ignore;
	sigaction(SIGUSR2, &sa, &old[2]);
	sigfillset(&mask);
	sigprocmask(SIG_BLOCK, &mask, &before);
	/* 32 and 33 belong to the C library and cannot be set (signal(7), Real-time signals) */
	run_sh("grep -E '^Sig(Blk|Ign)' /proc/self/status | sed 's/^\\(SigIgn:.0000000\\)18/\\100/'",
	       20000, &r);
	assert_string_equal(buf_str(&r.out), "SigBlk:\t0000000000000000\n"
					     "SigIgn:\t0000000000000000\n");
	proc_result_release(&r);
	run_sh("kill -TERM $$; sleep 5", 20000, &r);
	assert_int_equal(r.signal, SIGTERM);
	proc_result_release(&r);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGUSR1, &old[0], NULL);
	sigaction(SIGPIPE, &old[1], NULL);
	sigaction(SIGUSR2, &old[2], NULL);
	sigaction(SIGPIPE, NULL, &sa);
	assert_ptr_equal(sa.sa_handler, SIG_DFL); /* the caller's action is unchanged */
}

/* The parent of the test may ignore SIGCHLD: exit codes are returned nevertheless. */
static void test_sigchld_ignored(void **state)
{
	struct proc_result r;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	run_sh("exit 9", 20000, &r);
	assert_int_equal(r.exit_code, 9);
	proc_result_release(&r);
	signal(SIGCHLD, SIG_DFL);
}

static void test_own_group_and_descriptors(void **state)
{
	struct proc_result r;
	int before = open_fds();
	char group[32], *want;

	(void)state;
	for (int fd = 3; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC); /* descriptors that the test inherited */
	/* no pipe: the shell would open one of its own */
	run_sh("cut -d' ' -f5 /proc/$$/stat; ls -1 /proc/$$/fd; echo $$", 20000, &r);
	snprintf(group, sizeof(group), "%ld", strtol(buf_str(&r.out), NULL, 10));
	want = mem_printf("%s\n0\n1\n2\n%s\n", group, group);
	assert_string_equal(buf_str(&r.out), want);
	free(want);
	proc_result_release(&r);
	assert_int_equal(open_fds(), before);
}

/* The caller may have closed the standard streams. */
static void test_closed_streams(void **state)
{
	const char *argv[] = {"sh", "-c", "cat; echo e >&2", NULL};
	struct proc_spec spec = {.argv = argv, .in = "text", .in_len = 4, .timeout_ms = 20000};
	const char *no_argv[] = {"/no/such/program", NULL};
	struct proc_spec no_spec = {.argv = no_argv};
	struct proc_child child = {.argv = no_argv, .err = -1};
	pid_t pid;
	struct proc_result r, no_r;
	int saved[3], rc, none, exec_errno = 0;

	(void)state;
	fflush(NULL);
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	rc = proc_run(&spec, &r, NULL, NULL);
	none = proc_run(&no_spec, &no_r, &exec_errno, NULL);
	child.out = saved[1];
	pid = proc_spawn(&child, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	assert_int_equal(rc, 0);
	assert_string_equal(buf_str(&r.out), "text");
	assert_string_equal(buf_str(&r.err), "e\n");
	proc_result_release(&r);
	assert_int_equal(none, -1);
	assert_int_equal(pid, -1);
	assert_int_equal(exec_errno, ENOENT);
}

/* children that keep running */

static pid_t spawn_sh(const char *script, int out, int err)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct proc_child child = {.argv = argv, .out = out, .err = err};
	struct err e = {0};
	pid_t pid = proc_spawn(&child, NULL, &e);

	if (pid <= 0)
		fail_msg("%s: %s", script, e.msg);
	return pid;
}

static struct proc_end reap_one(void)
{
	struct proc_end end;
	int64_t start = clock_mono_ms();

	while (!proc_reap(&end)) {
		if (clock_mono_ms() - start > 20000)
			fail_msg("no child has ended");
		clock_sleep_ms(2);
	}
	return end;
}

static void test_spawn_and_reap(void **state)
{
	static const struct {
		const char *script;
		int exit_code, signal;
	} cases[] = {
		{"exit 0", 0, 0},
		{"exit 42", 42, 0},
		{"kill -KILL $$", 0, SIGKILL},
	};
	struct proc_end end;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_reap(&end), 0); /* no child exists */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid = spawn_sh(cases[i].script, -1, -1);

		end = reap_one();
		assert_int_equal(end.pid, pid);
		assert_int_equal(end.exit_code, cases[i].exit_code);
		assert_int_equal(end.signal, cases[i].signal);
		assert_in_range(end.maxrss_kib, 100, 1000000);
	}
	spawn_sh("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", -1, -1);
	end = reap_one();
	assert_in_range(end.cpu_ms, 10, 20000);
	pid = spawn_sh("sleep 30", -1, -1);
	assert_int_equal(proc_reap(&end), 0); /* no child has exited */
	assert_int_equal(end.pid, 0);
	proc_group_kill(pid, SIGKILL);
	assert_int_equal(reap_one().pid, pid);
}

/* proc_run() waits only for its own child. */
static void test_other_children(void **state)
{
	pid_t pid = spawn_sh("exit 5", -1, -1);
	struct proc_result r;
	struct proc_end end;

	(void)state;
	clock_sleep_ms(100);
	run_sh("sleep 0.1; exit 6", 20000, &r);
	assert_int_equal(r.exit_code, 6);
	proc_result_release(&r);
	end = reap_one();
	assert_int_equal(end.pid, pid);
	assert_int_equal(end.exit_code, 5);
}

static char *read_all(int fd)
{
	char text[256];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	assert_true(n >= 0);
	return mem_strndup(text, (size_t)n);
}

static void test_spawn_streams(void **state)
{
	int fd[2], saved[3];
	char *a, *b;
	struct proc_child child = {0};
	const char *argv[] = {"sh", "-c", "cat; printf out; printf err >&2", NULL};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *path = in_dir(i ? "err" : "out");

		fd[i] = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_true(fd[i] >= 0);
		free(path);
	}
	child.argv = argv;
	child.out = fd[0];
	child.err = fd[1];
	assert_true(proc_spawn(&child, NULL, NULL) > 0);
	reap_one();
	a = read_all(fd[0]);
	b = read_all(fd[1]);
	assert_string_equal(a, "out");
	assert_string_equal(b, "err");
	free(a);
	free(b);
	/* the child's stdout is the caller's stderr, and the other way round */
	fflush(NULL);
	for (int i = 1; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		assert_int_equal(ftruncate(fd[i - 1], 0), 0);
		lseek(fd[i - 1], 0, SEEK_SET);
		dup2(fd[i - 1], i);
	}
	child.out = STDERR_FILENO;
	child.err = STDOUT_FILENO;
	proc_spawn(&child, NULL, NULL);
	reap_one();
	for (int i = 1; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	a = read_all(fd[0]);
	b = read_all(fd[1]);
	assert_string_equal(a, "err");
	assert_string_equal(b, "out");
	free(a);
	free(b);
	close(fd[0]);
	close(fd[1]);
}

/* A program that the user operates reads `in`, and may use the terminal of this process. */
static void test_foreground(void **state)
{
	const char *argv[] = {"sh", "-c", "read -r line && [ \"$line\" = text ]", NULL};
	struct proc_child child = {.argv = argv, .out = -1, .err = -1, .foreground = true};
	pid_t pid;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		int fd[2];

		assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
		child.in = fd[0];
		pid = proc_spawn(&child, NULL, NULL);
		close(fd[0]);
		assert_true(pid > 0);
		assert_int_equal(getpgid(pid), getpgrp());
		assert_int_equal(write(fd[1], "text\n", 5), 5);
		close(fd[1]);
		if (turn == 0) {
			assert_int_equal(reap_one().exit_code, 0);
			continue;
		}
		proc_wait(pid);
		assert_int_equal(kill(pid, 0), -1); /* it has ended, and was reaped */
	}
}

static void test_spawn_folder(void **state)
{
	char *tool = in_dir("here"), *out = in_dir("where");
	const char *argv[] = {"shown-name", NULL}, *relative[] = {"./here", NULL};
	struct proc_child child = {.argv = argv, .path = tool, .cwd = dir, .err = -1};
	struct err err = {0};
	int exec_errno = -1;
	char *text, *want;

	(void)state;
	write_file("here", "#!/bin/sh\npwd\n", 0755);
	child.out = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(proc_spawn(&child, &exec_errno, &err) > 0);
	assert_int_equal(exec_errno, 0);
	reap_one();
	child.argv = relative; /* relative to the folder that the child runs in */
	child.path = NULL;
	assert_true(proc_spawn(&child, NULL, &err) > 0);
	reap_one();
	text = read_all(child.out);
	want = mem_printf("%s\n%s\n", dir, dir);
	assert_string_equal(text, want);
	free(text);
	free(want);

	child.cwd = "/no/such/folder";
	exec_errno = -1;
	assert_int_equal(proc_spawn(&child, &exec_errno, &err), -1);
	assert_int_equal(exec_errno, 0); /* not the program is missing, but the folder */
	assert_non_null(strstr(err.msg, "'/no/such/folder': No such file"));

	child.cwd = NULL;
	child.path = "/no/such/program";
	assert_int_equal(proc_spawn(&child, &exec_errno, &err), -1);
	assert_int_equal(exec_errno, ENOENT);
	assert_int_equal(proc_spawn(&child, NULL, NULL), -1);
	close(child.out);
	free(tool);
	free(out);
}

static void test_group_kill(void **state)
{
	pid_t pid = spawn_sh("trap '' HUP; sleep 30 & wait", -1, -1);
	sigset_t cont, before, pending;

	(void)state;
	proc_group_kill(pid, SIGTERM);
	assert_int_equal(reap_one().signal, SIGTERM);
	proc_group_kill(pid, SIGTERM); /* the group is gone: no effect */
	/* never the caller's own group; the signal is a harmless one */
	sigemptyset(&cont);
	sigaddset(&cont, SIGCONT);
	sigprocmask(SIG_BLOCK, &cont, &before);
	proc_group_kill(0, SIGCONT);
	sigpending(&pending);
	assert_int_equal(sigismember(&pending, SIGCONT), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* proc_group_tell() signals the processes that catch the signal or wait for it. It skips processes
 * that would die of it, and those that block every signal, as a shell does before it forks. */
static void test_group_tell(void **state)
{
	static const struct {
		const char *script;
		int signalled;
	} v[] = {
		{"echo >begun; exec sleep 30", 0},
		{"trap : USR1; echo >begun; while :; do sleep 0.05; done", 1},
		{"trap '' USR1; echo >begun; exec sleep 30", 0},
		{"echo >begun; exec env --block-signal=USR1 sleep 30", 1},
		{"echo >begun; exec env --block-signal sleep 30", 0},
		{"(trap : USR1; echo >begun; while :; do sleep 0.05; done) & wait", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *begun = in_dir("begun");
		char *script = mem_printf("cd %s; %s", dir, v[i].script);
		pid_t pid = spawn_sh(script, -1, -1);
		int signalled = 0;

		while (access(begun, F_OK))
			clock_sleep_ms(5);
		/* what it executes then shows a moment later */
		for (int k = 0; k < 100 && signalled != v[i].signalled; k++)
			signalled = proc_group_notify(pid, SIGUSR1);
		if (!v[i].signalled) {
			clock_sleep_ms(100);
			signalled = proc_group_notify(pid, SIGUSR1);
		}
		if (signalled != v[i].signalled)
			fail_msg("%zu: %d", i, signalled);
		proc_group_kill(pid, SIGKILL);
		assert_int_equal(reap_one().signal, SIGKILL);
		unlink(begun);
		free(begun);
		free(script);
	}
	assert_int_equal(proc_group_notify(0x3fffffff, SIGUSR1), 0);
}

/* The group exists when proc_spawn() returns, whether the parent or the child was faster. */
static void test_group_exists_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		pid_t pid = spawn_sh("sleep 30", -1, -1);

		assert_int_equal(getpgid(pid), pid);
		proc_group_kill(pid, SIGKILL);
		assert_int_equal(reap_one().signal, SIGKILL);
	}
}

static void test_signal_wait(void **state)
{
	static const int sigs[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGCONT};
	sigset_t before;
	struct proc_end end;
	int64_t start;

	(void)state;
	sigprocmask(SIG_BLOCK, NULL, &before);
	signal(SIGHUP, SIG_IGN);
	proc_signals_block();
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		kill(getpid(), sigs[i]);
		assert_int_equal(proc_signal_wait(1000), sigs[i]);
	}
	start = clock_mono_ms();
	assert_int_equal(proc_signal_wait(0), 0);
	assert_in_range(clock_mono_ms() - start, 0, 40);
	assert_int_equal(proc_signal_wait(60), 0);
	assert_in_range(clock_mono_ms() - start, 55, 1000);
	kill(getpid(), SIGHUP); /* ignored, as nohup does */
	assert_int_equal(proc_signal_wait(20), 0);
	spawn_sh("sleep 0.05; exit 4", -1, -1);
	assert_int_equal(proc_signal_wait(-1), SIGCHLD);
	assert_int_equal(proc_reap(&end), 1);
	assert_int_equal(end.exit_code, 4);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* proc_run() does not consume a signal that a supervisor waits for. */
static void test_run_under_blocked_signals(void **state)
{
	sigset_t before;
	struct proc_result r;
	struct proc_end end;

	(void)state;
	sigprocmask(SIG_BLOCK, NULL, &before);
	proc_signals_block();
	spawn_sh("exit 8", -1, -1);
	clock_sleep_ms(50);
	kill(getpid(), SIGTERM);
	run_sh("exit 2", 20000, &r);
	assert_int_equal(r.exit_code, 2);
	proc_result_release(&r);
	assert_int_equal(proc_signal_wait(1000), SIGTERM);
	assert_int_equal(proc_signal_wait(1000), SIGCHLD);
	assert_int_equal(proc_reap(&end), 1);
	assert_int_equal(end.exit_code, 8);
	assert_int_equal(proc_reap(&end), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_status_and_output),
		cmocka_unit_test(test_start_errors),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_start_then_feed),
		cmocka_unit_test(test_cpu_affinity),
		cmocka_unit_test(test_output_is_capped),
		cmocka_unit_test(test_output_left_at_exit),
		cmocka_unit_test(test_grandchild),
		cmocka_unit_test(test_time_out),
		cmocka_unit_test(test_time_out_ends_the_group),
		cmocka_unit_test(test_clean_signals),
		cmocka_unit_test(test_sigchld_ignored),
		cmocka_unit_test(test_own_group_and_descriptors),
		cmocka_unit_test(test_closed_streams),
		cmocka_unit_test(test_spawn_and_reap),
		cmocka_unit_test(test_other_children),
		cmocka_unit_test(test_spawn_streams),
		cmocka_unit_test(test_foreground),
		cmocka_unit_test(test_spawn_folder),
		cmocka_unit_test(test_group_kill),
		cmocka_unit_test(test_group_tell),
		cmocka_unit_test(test_group_exists_at_once),
		cmocka_unit_test(test_signal_wait),
		cmocka_unit_test(test_run_under_blocked_signals),
	};

	if (argc > 1 && !strcmp(argv[1], FILL))
		return fill_pipes();
	return cmocka_run_group_tests_name("proc", tests, make_dir, remove_dir);
}
