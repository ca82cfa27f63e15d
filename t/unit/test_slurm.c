/*
 * slurm: arguments of Slurm's commands, and parsing of their output. The commands here are small
 * scripts; their output was seen on Slurm 22.05.8 unless a comment names another source.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "slurm/slurm.h"

/* A clock that can run faster, so that a time-out of a minute is over soon. */
static int64_t speed = 1;

int64_t clock_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000) * speed;
}

int64_t clock_now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

uint64_t clock_random(void)
{
	return 4;
}

/* Fakes: a folder of scripts, first on PATH */

static char dir[] = "/tmp/test_slurm.XXXXXX";

static char *in_dir(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void fake(const char *tool, const char *script)
{
	char *path = in_dir(tool);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncd %s || exit 99\n%s\n", dir, script);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	free(path);
}

/* Makes a fake that prints text and exits with rc. */
static void fake_output(const char *tool, const char *text, int rc)
{
	struct buf b = {0};

	buf_addstr(&b, "printf %s ");
	buf_add_shell_word(&b, text);
	buf_addf(&b, "\nexit %d", rc);
	fake(tool, buf_str(&b));
	buf_release(&b);
}

/* Returns the content of a file that a fake wrote into dir, and removes the file. Caller frees. */
static char *read_output(const char *name)
{
	char *path = in_dir(name);
	FILE *f = fopen(path, "r");
	struct buf b = {0};
	int c;

	if (f) {
		while ((c = getc(f)) != EOF)
			buf_addch(&b, (char)c);
		fclose(f);
		unlink(path);
	}
	free(path);
	return buf_take(&b);
}

static int make_dir(void **state)
{
	char *path;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	path = mem_printf("%s:%s", dir, getenv("PATH"));
	setenv("PATH", path, 1);
	free(path);
	return 0;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"sbatch", "squeue", "sacct", "scancel", "scontrol"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = in_dir(names[i]);

		unlink(path);
		free(path);
	}
	return rmdir(dir);
}

/* The answer of sbatch */

#define FAILED "sbatch: error: Batch job submission failed: "
#define POLICY \
	FAILED "Job violates accounting/QOS policy (job submit limit, user's size and/or time " \
	       "limits)\n"

struct answer_case {
	const char *out, *err;
	int exit_code, answer;
	uint64_t job;
	const char *cluster, *text; /* text NULL: err without "sbatch: error: " */
};

static const struct answer_case accepted[] = {
	{"123\n", "", 0, SLURM_ACCEPTED, 123, NULL, ""},
	{"123", "", 0, SLURM_ACCEPTED, 123, NULL, ""},
	{"123;cluster\n", "", 0, SLURM_ACCEPTED, 123, "cluster", ""},
	{"67043328;h-1.x_y\r\n", "", 0, SLURM_ACCEPTED, 67043328, "h-1.x_y", ""},
	{" 123 \r\n", "", 0, SLURM_ACCEPTED, 123, NULL, ""},
	{"Welcome to Cluster 7\n\n123\n", "", 0, SLURM_ACCEPTED, 123, NULL, "Welcome to Cluster 7"},
	{"123\nHave 3 nice days\n", "", 0, SLURM_ACCEPTED, 123, NULL, "Have 3 nice days"},
	{"***\n123;c\n***\n", "", 0, SLURM_ACCEPTED, 123, "c", "***\n***"},
	{"123\n123\n", "", 0, SLURM_ACCEPTED, 123, NULL, ""},
	/* a job_submit plugin prints its text for an accepted job too */
	{"2\n", "sbatch: Welcome. MaxSubmitJob help\nsbatch: AssocMaxSubmitJobLimit means wait\n",
	 0, SLURM_ACCEPTED, 2, NULL,
	 "Welcome. MaxSubmitJob help\nAssocMaxSubmitJobLimit means wait"},
};

static const struct answer_case unclear[] = {
	{"", "", 0, SLURM_UNCLEAR, 0, NULL, "sbatch succeeded and printed no job id"},
	{"\n \n", "", 0, SLURM_UNCLEAR, 0, NULL, "sbatch succeeded and printed no job id"},
	{"garbage\n", "", 0, SLURM_UNCLEAR, 0, NULL,
	 "garbage\nsbatch succeeded and printed no job id"},
	{"Submitted batch job 7\n", "", 0, SLURM_UNCLEAR, 0, NULL,
	 "Submitted batch job 7\nsbatch succeeded and printed no job id"},
	{"", "sbatch: Job 41 to start at 2367-02-25T06:23:17 using 1 processors\n", 0,
	 SLURM_UNCLEAR, 0, NULL,
	 "Job 41 to start at 2367-02-25T06:23:17 using 1 processors\n"
	 "sbatch succeeded and printed no job id"},
	{"12 3\n", "", 0, SLURM_UNCLEAR, 0, NULL, "12 3\nsbatch succeeded and printed no job id"},
	{"123;\n0\n-1\n1.5\n0x10\n007\n", "", 0, SLURM_UNCLEAR, 0, NULL,
	 "123;\n0\n-1\n1.5\n0x10\n007\nsbatch succeeded and printed no job id"},
	{"99999999999\n", "", 0, SLURM_UNCLEAR, 0, NULL,
	 "99999999999\nsbatch succeeded and printed no job id"},
	{"4294967295\n", "", 0, SLURM_UNCLEAR, 0, NULL,
	 "4294967295\nsbatch succeeded and printed no job id"},
	{"2024\n123\n", "", 0, SLURM_UNCLEAR, 0, NULL, "sbatch printed more than one job id"},
	{"123\n", "", 1, SLURM_UNCLEAR, 0, NULL,
	 "sbatch printed a job id and failed with exit status 1"},
	{"", FAILED "Unable to contact slurm controller (connect failure)\n", 1, SLURM_UNCLEAR, 0,
	 NULL, NULL},
	{"", FAILED "Unable to contact slurm controller (send failure)\n", 1, SLURM_UNCLEAR, 0,
	 NULL, NULL},
	{"", FAILED "Socket timed out on send/recv operation\n", 1, SLURM_UNCLEAR, 0, NULL, NULL},
	{"", FAILED "Socket timed out on send/recv operation\r\n", 1, SLURM_UNCLEAR, 0, NULL,
	 "Batch job submission failed: Socket timed out on send/recv operation"},
	{"", FAILED "Zero Bytes were transmitted or received\n", 1, SLURM_UNCLEAR, 0, NULL, NULL},
	{"", FAILED "Slurm backup controller in standby mode\n", 1, SLURM_UNCLEAR, 0, NULL, NULL},
	{"",
	 "sbatch: error: If munged is up, restart with --num-threads=10\n"
	 "sbatch: error: Munge encode failed: Failed to access \"/run/munge/munge.socket.2\": No "
	 "such "
	 "file or directory (Did you start munged?)\n"
	 "sbatch: error: slurm_send_node_msg: auth_g_create: REQUEST_SUBMIT_BATCH_JOB has "
	 "authentication error\n" FAILED "Protocol authentication error\n",
	 1, SLURM_UNCLEAR, 0, NULL,
	 "If munged is up, restart with --num-threads=10\n"
	 "Munge encode failed: Failed to access \"/run/munge/munge.socket.2\": No such file or "
	 "directory "
	 "(Did you start munged?)\n"
	 "slurm_send_node_msg: auth_g_create: REQUEST_SUBMIT_BATCH_JOB has authentication error\n"
	 "Batch job submission failed: Protocol authentication error"},
	{"",
	 "sbatch: error: s_p_parse_file: cannot stat file /etc/slurm/slurm.conf: No such file or "
	 "directory, retrying in 1sec up to 60sec\n"
	 "sbatch: error: ClusterName needs to be specified\n"
	 "sbatch: fatal: Unable to process configuration file\n",
	 1, SLURM_UNCLEAR, 0, NULL,
	 "s_p_parse_file: cannot stat file /etc/slurm/slurm.conf: No such file or directory, "
	 "retrying in "
	 "1sec up to 60sec\n"
	 "ClusterName needs to be specified\n"
	 "Unable to process configuration file"},
	/* the plugin's help is not the answer, the error of the controller is */
	{"",
	 "sbatch: error: Read about MaxSubmitJobs, and partitions\n" FAILED
	 "Unable to contact slurm controller (receive failure)\n",
	 1, SLURM_UNCLEAR, 0, NULL,
	 "Read about MaxSubmitJobs, and partitions\n"
	 "Batch job submission failed: Unable to contact slurm controller (receive failure)"},
};

#define LIMIT(reason) \
	{ \
		"", "sbatch: error: " reason "\n" POLICY, 1, SLURM_LIMIT, 0, NULL, \
			reason "\nBatch job submission failed: Job violates accounting/QOS " \
			       "policy (job submit limit, user's size and/or time limits)" \
	}
#define REFUSED_BY_POLICY(reason) \
	{ \
		"", "sbatch: error: " reason "\n" POLICY, 1, SLURM_REFUSED, 0, NULL, \
			reason "\nBatch job submission failed: Job violates accounting/QOS " \
			       "policy (job submit limit, user's size and/or time limits)" \
	}

static const struct answer_case limits[] = {
	LIMIT("QOSMaxSubmitJobPerUserLimit"),
	LIMIT("QOSGrpSubmitJobsLimit"),
	LIMIT("MaxSubmitJobsPerAccount"),
	LIMIT("AssocMaxSubmitJobLimit"),
	LIMIT("AssocGrpSubmitJobsLimit"),
	{"",
	 "sbatch: error: QOSMaxSubmitJobPerUserLimit\r\nsbatch: error: Batch job submission "
	 "failed: "
	 "Job violates accounting/QOS policy (job submit limit, ...)\r\n",
	 1, SLURM_LIMIT, 0, NULL,
	 "QOSMaxSubmitJobPerUserLimit\n"
	 "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, ...)"},
	/* a plugin prints its text before the limit */
	{"",
	 "sbatch: error: Welcome. MaxSubmitJob help\nsbatch: error: "
	 "QOSMaxSubmitJobPerUserLimit\n" POLICY,
	 1, SLURM_LIMIT, 0, NULL,
	 "Welcome. MaxSubmitJob help\nQOSMaxSubmitJobPerUserLimit\nBatch job submission failed: "
	 "Job "
	 "violates accounting/QOS policy (job submit limit, user's size and/or time limits)"},
	/* a wrapper that prints the limit on stdout */
	{"sbatch: error: AssocMaxSubmitJobLimit\n", "", 1, SLURM_LIMIT, 0, NULL,
	 "AssocMaxSubmitJobLimit"},
	/* the same last line, for a limit of size or time */
	REFUSED_BY_POLICY("QOSMaxWallDurationPerJobLimit"),
	REFUSED_BY_POLICY("QOSMaxCpuPerJobLimit"),
	REFUSED_BY_POLICY("please see https://hpc.example/MaxSubmitJobsPerUser for help"),
	/* never seen without a reason; it counts as a wrong specification */
	{"", POLICY, 1, SLURM_REFUSED, 0, NULL,
	 "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, "
	 "user's size "
	 "and/or time limits)"},
	/* a plugin refuses, and its help names the limit */
	{"",
	 "sbatch: error: Please read https://docs.example/limits (MaxSubmitJobs is 20)\n"
	 "sbatch: error: second line, SubmitJobsLimit too\n" FAILED "Unspecified error\n",
	 1, SLURM_REFUSED, 0, NULL,
	 "Please read https://docs.example/limits (MaxSubmitJobs is 20)\n"
	 "second line, SubmitJobsLimit too\n"
	 "Batch job submission failed: Unspecified error"},
	{"", "sbatch: error: MaxSubmitJobs\n" FAILED "Invalid qos specification\n", 1,
	 SLURM_REFUSED, 0, NULL,
	 "MaxSubmitJobs\nBatch job submission failed: Invalid qos specification"},
};

static const struct answer_case busy[] = {
	{"", FAILED "Slurm temporarily unable to accept job, sleeping and retrying.\n", 1,
	 SLURM_BUSY, 0, NULL, NULL},
	{"",
	 "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n" FAILED
	 "Resource temporarily unavailable\n",
	 1, SLURM_BUSY, 0, NULL,
	 "Slurm temporarily unable to accept job, sleeping and retrying\n"
	 "Batch job submission failed: Resource temporarily unavailable"},
	{"", FAILED "Required partition not available (inactive or drain)\n", 1, SLURM_BUSY, 0,
	 NULL, NULL},
	{"", FAILED "I/O error writing script/environment to file\n", 1, SLURM_BUSY, 0, NULL, NULL},
};

static const struct answer_case refused[] = {
	{"",
	 "sbatch: error: invalid partition specified: nix\n" FAILED
	 "Invalid partition name specified\n",
	 1, SLURM_REFUSED, 0, NULL,
	 "invalid partition specified: nix\n"
	 "Batch job submission failed: Invalid partition name specified"},
	{"", FAILED "Invalid account or account/partition combination specified\n", 1,
	 SLURM_REFUSED, 0, NULL, NULL},
	{"", FAILED "Invalid qos specification\n", 1, SLURM_REFUSED, 0, NULL, NULL},
	{"", FAILED "Requested node configuration is not available\n", 1, SLURM_REFUSED, 0, NULL,
	 NULL},
	{"", FAILED "Invalid feature specification\n", 1, SLURM_REFUSED, 0, NULL, NULL},
	{"", "sbatch: error: Invalid generic resource (gres) specification\n", 1, SLURM_REFUSED, 0,
	 NULL, "Invalid generic resource (gres) specification"},
	{"", FAILED "Invalid job array specification\n", 1, SLURM_REFUSED, 0, NULL, NULL},
	{"", FAILED "Requested reservation is invalid\n", 1, SLURM_REFUSED, 0, NULL, NULL},
	{"", "sbatch: error: Invalid --time specification\n", 255, SLURM_REFUSED, 0, NULL,
	 "Invalid --time specification"},
	{"", "sbatch: unrecognized option '--nix'\nTry \"sbatch --help\" for more information\n",
	 255, SLURM_REFUSED, 0, NULL,
	 "unrecognized option '--nix'\nTry \"sbatch --help\" for more information"},
	{"Invalid time specification (pos=0): yesterdayx\n",
	 "sbatch: error: Invalid --begin specification\n", 255, SLURM_REFUSED, 0, NULL,
	 "Invalid --begin specification\nInvalid time specification (pos=0): yesterdayx"},
	{"", "", 1, SLURM_REFUSED, 0, NULL, "sbatch failed with exit status 1 and printed nothing"},
	/* it is the verdict that decides, whatever a plugin said before */
	{"",
	 "sbatch: error: if you see Socket timed out, or Unable to contact slurm controller, "
	 "wait\n" FAILED "Invalid partition name specified\n",
	 1, SLURM_REFUSED, 0, NULL,
	 "if you see Socket timed out, or Unable to contact slurm controller, wait\n"
	 "Batch job submission failed: Invalid partition name specified"},
	/* a wrapper that finds no sbatch */
	{"", "/opt/bin/sbatch: 3: exec: /opt/slurm/bin/sbatch: not found\n", 127, SLURM_NO_SBATCH,
	 0, NULL, "/opt/bin/sbatch: 3: exec: /opt/slurm/bin/sbatch: not found"},
	{"", "sbatch: error while loading shared libraries: libmunge.so.2: cannot open\n", 127,
	 SLURM_NO_SBATCH, 0, NULL,
	 "error while loading shared libraries: libmunge.so.2: cannot open"},
	{"", FAILED "Invalid qos specification\n", 127, SLURM_REFUSED, 0, NULL, NULL},
};

static void check_answers(const struct answer_case *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = v[i].text;
		struct slurm_reply r;
		char *plain = NULL;

		if (!text) {
			plain = mem_strdup(v[i].err + strlen("sbatch: error: "));
			plain[strcspn(plain, "\n")] = '\0';
			text = plain;
		}
		slurm_judge(v[i].out, v[i].err, v[i].exit_code, 0, false, &r);
		if (r.answer != v[i].answer)
			fail_msg("'%s%s': answer %d, not %d", v[i].out, v[i].err, r.answer,
				 v[i].answer);
		assert_string_equal(r.text, text);
		assert_int_equal(r.job, v[i].job);
		if (v[i].cluster)
			assert_string_equal(r.cluster, v[i].cluster);
		else
			assert_null(r.cluster);
		slurm_reply_release(&r);
		slurm_reply_release(&r);
		free(plain);
	}
}

#define CHECK_ANSWERS(v) check_answers(v, sizeof(v) / sizeof((v)[0]))

static void test_answers(void **state)
{
	(void)state;
	CHECK_ANSWERS(accepted);
	CHECK_ANSWERS(unclear);
	CHECK_ANSWERS(limits);
	CHECK_ANSWERS(busy);
	CHECK_ANSWERS(refused);
}

/* An sbatch that was killed may have made a job, whatever it printed. */
static void test_sbatch_killed(void **state)
{
	static const char retrying[] =
		"sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n";
	static const struct {
		const char *out, *err;
		int signal;
		bool timed_out;
		int answer;
		const char *message;
	} cases[] = {
		{"", "", SIGKILL, false, SLURM_UNCLEAR, "sbatch was killed by signal 9 (Killed)"},
		{"123\n", "", SIGTERM, false, SLURM_UNCLEAR, "signal 15 (Terminated)"},
		{"", "sbatch: error: QOSMaxSubmitJobPerUserLimit\n" POLICY, SIGKILL, false,
		 SLURM_UNCLEAR, "QOSMaxSubmitJobPerUserLimit\n"},
		{"", "", 0, true, SLURM_UNCLEAR, "sbatch did not answer in time"},
		{"123\n", "", SIGTERM, true, SLURM_UNCLEAR, "sbatch did not answer in time"},
		/* a full job table: it would go on for two minutes */
		{"", retrying, SIGTERM, true, SLURM_BUSY, "temporarily unable"},
		{"", retrying, SIGTERM, false, SLURM_UNCLEAR, "temporarily unable"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_reply r;

		slurm_judge(cases[i].out, cases[i].err, 0, cases[i].signal, cases[i].timed_out, &r);
		assert_int_equal(r.answer, cases[i].answer);
		assert_int_equal(r.job, 0);
		assert_non_null(strstr(r.text, cases[i].message));
		slurm_reply_release(&r);
	}
}

static void test_control_characters_are_removed(void **state)
{
	static const struct {
		const char *err, *text;
	} cases[] = {
		{"sbatch: error: \x1b[31mred\x1b[0m\a\n", "?[31mred?[0m?"},
		{"a\tb\x7f\x01\n", "a b??"},
		{"J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80\n",
		 "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"c1 \xc2\x9b"
		 "31m\n",
		 "c1 ??31m"},
		{"bad \xff\xc3[\xe2\x82\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf\n",
		 "bad ??[???????????"},
		{"cut \xe2\x82", "cut ??"},
		{"one\r\n\r\n  two  \rthree\n\n", "one\ntwo  ?three"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_reply r;

		slurm_judge("", cases[i].err, 1, 0, false, &r);
		assert_string_equal(r.text, cases[i].text);
		slurm_reply_release(&r);
	}
}

static void test_long_text(void **state)
{
	struct buf b = {0};
	struct slurm_reply r;

	(void)state;
	buf_addstr(&b, "sbatch: error: the first line\n");
	for (int i = 0; i < 200000; i++)
		buf_addf(&b, "sbatch: error: line %d of a plugin\n", i);
	buf_addstr(&b, FAILED "Invalid qos specification\n");
	slurm_judge("", buf_str(&b), 1, 0, false, &r);
	assert_int_equal(r.answer, SLURM_REFUSED);
	assert_in_range(strlen(r.text), 4096, 8300);
	assert_memory_equal(r.text, "the first line\nline 0 of", 24);
	assert_non_null(strstr(r.text, " of a plugin\n...\nline 199"));
	assert_non_null(strstr(r.text, "\nBatch job submission failed: Invalid qos specification"));
	slurm_reply_release(&r);
	buf_clear(&b);
	for (int i = 0; i < 100000; i++)
		buf_addch(&b, 'x'); /* a text without a newline */
	slurm_judge(buf_str(&b), "", 0, 0, false, &r);
	assert_int_equal(r.answer, SLURM_UNCLEAR);
	assert_in_range(strlen(r.text), 4096, 8300);
	slurm_reply_release(&r);
	buf_release(&b);
}

/* Running sbatch */

static const char *const user_options[] = {"--partition=gpu", "--comment=a 'b' $c", NULL};

static void test_argv(void **state)
{
	static const struct {
		struct slurm_submission s;
		const char *argv;
	} cases[] = {
		{{.name = "s.t1", .ntasks = 1, .output = "/o/%j", .script = ""},
		 "sbatch|--parsable|--job-name=s.t1|--output=/o/%j|--error=/o/%j|--input=/dev/null|"
		 "--open-mode=append|--no-requeue|--signal=B:USR1@60|"},
		{{.name = "s.t2",
		  .ntasks = 20,
		  .output = "/o/%A_%a",
		  .chdir = "/w d",
		  .options = user_options,
		  .requeue = true,
		  .notice_s = 300,
		  .script = ""},
		 "sbatch|--parsable|--partition=gpu|--comment=a 'b' "
		 "$c|--job-name=s.t2|--array=0-19|"
		 "--output=/o/%A_%a|--error=/o/%A_%a|--input=/dev/null|--open-mode=append|"
		 "--requeue|--signal=B:USR1@300|--chdir=/w d|"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strs argv = {0};
		struct buf b = {0};

		slurm_sbatch_argv(&cases[i].s, &argv);
		for (size_t j = 0; j < argv.n; j++)
			buf_addf(&b, "%s|", argv.v[j]);
		assert_string_equal(buf_str(&b), cases[i].argv);
		strs_release(&argv);
		buf_release(&b);
	}
}

static struct slurm_reply submit(const char *const *envp)
{
	struct slurm_submission s = {.name = "s.t",
				     .ntasks = 3,
				     .output = "/dev/null",
				     .options = user_options,
				     .script = "#!/bin/sh\nexec true\n",
				     .envp = envp};
	struct slurm_reply r;

	slurm_sbatch(&s, &r);
	return r;
}

static void test_sbatch(void **state)
{
	char *path = mem_printf("PATH=%s:/usr/bin:/bin", dir);
	const char *envp[] = {"SBATCH_QOS=low",
			      "SLURM_CLUSTERS=x",
			      "SBATCH_ERROR=e",
			      "SBATCH_WAIT=1",
			      path,
			      NULL};
	struct slurm_reply r;
	char *text;

	(void)state;
	fake("sbatch", "for a; do printf '%s|' \"$a\"; done >args\n"
		       "cat >script; env | grep -E '^(SBATCH|SLURM)_|^HOME' | sort >env\n"
		       "echo banner; echo '77;c1'");
	r = submit(envp);
	assert_int_equal(r.answer, SLURM_ACCEPTED);
	assert_int_equal(r.job, 77);
	assert_string_equal(r.cluster, "c1");
	assert_string_equal(r.text, "banner");
	slurm_reply_release(&r);
	text = read_output("args");
	assert_string_equal(text, "--parsable|--partition=gpu|--comment=a 'b' $c|--job-name=s.t|"
				  "--array=0-2|--output=/dev/null|--error=/dev/null|"
				  "--input=/dev/null|--open-mode=append|--no-requeue|"
				  "--signal=B:USR1@60|");
	free(text);
	text = read_output("script");
	assert_string_equal(text, "#!/bin/sh\nexec true\n");
	free(text);
	text = read_output("env"); /* no variable that sets an option of slurmq's */
	assert_string_equal(text, "SBATCH_QOS=low\n");
	free(text);
	free(path);
}

static void test_sbatch_errors(void **state)
{
	static const struct {
		const char *script;
		int answer;
		const char *message;
	} cases[] = {
		{"kill -KILL $$", SLURM_UNCLEAR, "signal 9"},
		{"echo 12; kill -TERM $$", SLURM_UNCLEAR, "signal 15"},
		{"exit 0", SLURM_UNCLEAR, "printed no job id"},
		{"echo 5; exec >&- 2>&-; exit 0", SLURM_ACCEPTED, ""},
		{"echo 'sbatch: error: AssocMaxSubmitJobLimit' >&2; exit 1", SLURM_LIMIT, "Assoc"},
		/* a NUL does not hide the rest */
		{"printf 'a\\000b\\n123\\n'", SLURM_ACCEPTED, "a?b"},
		{"printf 'x\\000' >&2; echo 'sbatch: error: Batch job submission failed: Socket "
		 "timed "
		 "out on send/recv operation' >&2; exit 1",
		 SLURM_UNCLEAR, "Socket timed out"},
		/* more than a pipe holds on stdout and stderr, and a child that keeps both open */
		{"head -c 300000 /dev/zero | tr '\\0' 'y'; head -c 300000 /dev/zero | tr '\\0' "
		 "'\\n' >&2; "
		 "echo; echo 8; sleep 5 &",
		 SLURM_ACCEPTED, "yyy"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_reply r;

		fake("sbatch", cases[i].script);
		r = submit(NULL);
		if (r.answer != cases[i].answer)
			fail_msg("%s: answer %d: %s", cases[i].script, r.answer, r.text);
		if (!strstr(r.text, cases[i].message))
			fail_msg("%s: %s", cases[i].script, r.text);
		slurm_reply_release(&r);
	}
}

static void test_sbatch_takes_too_long(void **state)
{
	struct slurm_reply r;

	(void)state;
	speed = 100;
	fake("sbatch", "echo 99; exec sleep 60");
	r = submit(NULL);
	assert_int_equal(r.answer, SLURM_UNCLEAR);
	assert_int_equal(r.job, 0);
	assert_string_equal(r.text, "sbatch did not answer in time");
	slurm_reply_release(&r);
	fake("sbatch", "echo 'sbatch: error: Slurm temporarily unable to accept job, sleeping and "
		       "retrying' >&2\nexec sleep 60");
	r = submit(NULL);
	assert_int_equal(r.answer, SLURM_BUSY);
	slurm_reply_release(&r);
	speed = 1;
}

static void test_no_sbatch(void **state)
{
	const char *envp[] = {"PATH=/no/such/folder", NULL};
	struct slurm_reply r = submit(envp);
	char *path = in_dir("sbatch");

	(void)state;
	assert_int_equal(r.answer, SLURM_NO_SBATCH);
	assert_non_null(strstr(r.text, "sbatch is not on PATH: load Slurm's module"));
	slurm_reply_release(&r);
	fake("sbatch", "exit 0");
	assert_int_equal(chmod(path, 0644), 0);
	{
		char *only = mem_printf("PATH=%s", dir);
		const char *here[] = {only, NULL};

		r = submit(here);
		free(only);
	}
	assert_int_equal(r.answer, SLURM_NO_SBATCH);
	assert_non_null(strstr(r.text, "Permission denied"));
	slurm_reply_release(&r);
	free(path);
}

/* squeue */

#define J(id, array, task, state_, reason, name) \
	id "\x1f" array "\x1f" task "\x1f" state_ "\x1f" reason "\x1f" \
	   "1795456419" \
	   "\x1f" \
	   "1795456500" \
	   "\x1f" name "\x1e\n"

static void test_squeue(void **state)
{
	static const char text[] = J("1", "1", "N/A", "CANCELLED", "JobHeldUser", "prime")
		J("4", "4", "8", "PENDING", "QOSMaxJobsPerUserLimit",
		  "sl.sh") J("4", "4", "9", "PENDING", "QOSMaxJobsPerUserLimit", "sl.sh")
			J("5", "5", "N/A", "PENDING", "JobHeldUser", "we|ird\nna\tme\x1b[31m")
				J("6", "4", "0", "RUNNING", "None",
				  "a\x1f"
				  "b") J("67043328", "4", "999", "COMPLETING", "", "");
	struct slurm_jobs jobs;
	struct err err = {0};

	(void)state;
	fake_output("squeue", text, 0);
	assert_int_equal(slurm_squeue(0, &jobs, &err), 0);
	assert_int_equal(jobs.n, 6);
	assert_int_equal(jobs.v[0].id, 1);
	assert_int_equal(jobs.v[0].task, -1);
	assert_string_equal(jobs.v[0].state, "CANCELLED");
	assert_true(jobs.v[0].submitted == INT64_C(1795456419000));
	assert_true(jobs.v[0].ended == INT64_C(1795456500000));
	assert_int_equal(jobs.v[0].restarts, -1);
	assert_int_equal(jobs.v[2].id, 4);
	assert_int_equal(jobs.v[2].task, 9);
	assert_string_equal(jobs.v[2].reason, "QOSMaxJobsPerUserLimit");
	assert_string_equal(jobs.v[3].name,
			    "we|ird\nna\tme\x1b[31m"); /* unchanged, as names are compared */
	assert_int_equal(jobs.v[4].id, 6);
	assert_int_equal(jobs.v[4].array_id, 4);
	assert_int_equal(jobs.v[4].task, 0);
	assert_string_equal(jobs.v[4].name, "a\x1f"
					    "b");
	assert_int_equal(jobs.v[5].id, 67043328);
	assert_string_equal(jobs.v[5].name, "");
	slurm_jobs_release(&jobs);
	slurm_jobs_release(&jobs);
	fake_output("squeue", "", 0);
	assert_int_equal(slurm_squeue(1000, &jobs, &err), 0);
	assert_int_equal(jobs.n, 0);
	slurm_jobs_release(&jobs);
}

static void test_squeue_many(void **state)
{
	struct slurm_jobs jobs;
	struct err err = {0};

	(void)state;
	fake("squeue",
	     "seq 1 20000 | awk '{printf \"%d\\037%d\\037N/A\\037PENDING\\037None\\037N/A\\037N/A\\037n%d"
	     "\\036\\n\", $1, $1, $1}'");
	assert_int_equal(slurm_squeue(0, &jobs, &err), 0);
	assert_int_equal(jobs.n, 20000);
	assert_int_equal(jobs.v[19999].id, 20000);
	assert_string_equal(jobs.v[19999].name, "n20000");
	slurm_jobs_release(&jobs);
}

/* Checks the arguments and the environment of squeue. */
static void test_squeue_arguments(void **state)
{
	static const char *const steering[] = {
		"SQUEUE_STATES", "SQUEUE_FORMAT",     "SACCT_FORMAT",	"SCANCEL_STATE",
		"SCONTROL_ALL",	 "SLURM_TIME_FORMAT", "SLURM_CLUSTERS", "SLURM_BITSTR_LEN"};
	struct slurm_jobs jobs;
	struct slurm_job job;
	struct err err = {0};
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(steering) / sizeof(steering[0]); i++)
		setenv(steering[i], "x", 1);
	setenv("SLURM_CONF", "/etc/s.conf", 1);
	fake("squeue", "for a; do printf '%s ' \"$a\"; done >args\n"
		       "env | grep -E '^(S[A-Z]+|SLURM)_' | sort >env");
	assert_int_equal(slurm_squeue(1234, &jobs, &err), 0);
	text = read_output("args");
	assert_string_equal(
		text,
		"-a -r -h -t all -o %A\x1f%F\x1f%K\x1f%T\x1f%r\x1f%V\x1f%e\x1f%j\x1e -u 1234 ");
	free(text);
	text = read_output("env");
	assert_non_null(strstr(text, "SLURM_CONF=/etc/s.conf\n"));
	for (size_t i = 0; i < sizeof(steering) / sizeof(steering[0]); i++) {
		/* the values that the parsers expect, whatever the user has set */
		const char *want = !strcmp(steering[i], "SLURM_TIME_FORMAT")  ? "=%s\n"
				   : !strcmp(steering[i], "SLURM_BITSTR_LEN") ? "=0\n"
									      : NULL;
		char *set = mem_printf("%s%s", steering[i], want ? want : "");

		assert_true(!strstr(text, set) == !want);
		assert_null(strstr(text, "=x\n"));
		free(set);
		unsetenv(steering[i]);
	}
	free(text);
	unsetenv("SLURM_CONF");
	assert_int_equal(slurm_squeue_job(77, &job, &err), 1);
	text = read_output("args");
	assert_non_null(strstr(text, " -j 77 "));
	free(text);
	slurm_jobs_release(&jobs);
	free(read_output("env"));
}

static void test_squeue_fails(void **state)
{
	static const struct {
		const char *script, *message;
	} cases[] = {
		{"echo 'slurm_load_jobs error: Unable to contact slurm controller (connect "
		 "failure)' >&2; "
		 "exit 1",
		 "squeue failed with exit status 1: slurm_load_jobs error: Unable to contact slurm "
		 "controller (connect failure)"},
		{"echo 'slurm_load_jobs error: Socket timed out on send/recv operation'; exit 1",
		 "Socket timed out on send/recv operation"},
		{"printf 'squeue: error: a\\nslurm_load_jobs error: b\\n' >&2; exit 1",
		 ": squeue: error: a; slurm_load_jobs error: b"},
		{"printf '\\033[2Jx\\r\\n' >&2; exit 1", "status 1: ?[2Jx"},
		{"exit 1", "squeue failed with exit status 1"},
		{"kill -SEGV $$", "squeue was killed by signal 11"},
		/* exit 0, but stdout has only an empty line: no answer */
		{"echo 'squeue: error: Invalid user: 12345' >&2; echo", "Invalid user: 12345"},
		{"echo 'squeue: error: Invalid user: 12345' >&2", "Invalid user: 12345"},
		{"echo", "cannot parse the output of squeue: '\\n'"},
		{"echo garbage", "cannot parse the output of squeue: 'garbage\\n'"},
		{"printf 'x\\0371\\037N/A\\037RUNNING\\037None\\0379\\0378\\037n\\036\\n'",
		 "'x?1?N/A?RUNNING?None?9?8?n'"},
		{"printf '1\\0371\\037[0-3]\\037RUNNING\\037None\\0379\\0378\\037n\\036\\n'",
		 "'1?1?[0-3]?"},
		{"printf '1\\037\\037N/A\\037RUNNING\\037None\\0379\\0378\\037n\\036\\n'",
		 "'1??N/A?"},
		{"printf '1\\0371\\037N/A\\037\\037None\\0379\\0378\\037n\\036\\n'", "'1?1?N/A??"},
		{"printf '1\\0371\\037N/A\\037RUNNING\\037r\\037n\\036\\n'",
		 "'1?1?N/A?RUNNING?r?n'"},
		{"printf '99999999999999999999\\0371\\037N/A\\037R\\037r\\0379\\0378\\037n\\036\\n'",
		 "'99999"},
		/* cut off in the middle of a record: the jobs before it are not used either */
		{"printf '1\\0371\\037N/A\\037R\\037r\\0379\\0378\\037n\\036\\n2\\0372\\037N/A'",
		 "'2?2?N/A'"},
		{"head -c 5000 /dev/zero | tr '\\0' z", "zzz' ..."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_jobs jobs;
		struct slurm_job job;
		struct err err = {0};

		fake("squeue", cases[i].script);
		assert_int_equal(slurm_squeue(0, &jobs, &err), -1);
		assert_int_equal(err.status, ERR_AGAIN);
		if (!strstr(err.msg, cases[i].message))
			fail_msg("%s: %s", cases[i].script, err.msg);
		for (const char *p = err.msg; *p; p++)
			assert_false((unsigned char)*p < 0x20);
		assert_int_equal(jobs.n, 0);
		assert_null(jobs.v);
		err = (struct err){0};
		assert_int_equal(slurm_squeue_job(1, &job, &err), -1);
		assert_int_equal(err.status, ERR_AGAIN);
	}
}

static void test_squeue_takes_too_long(void **state)
{
	struct slurm_jobs jobs;
	struct err err = {0};

	(void)state;
	speed = 100;
	fake("squeue", "exec sleep 60");
	assert_int_equal(slurm_squeue(0, &jobs, &err), -1);
	speed = 1;
	assert_int_equal(err.status, ERR_AGAIN);
	assert_string_equal(err.msg, "squeue did not answer within 30 s");
}

/* Appends a line in the columns of squeue -O. */
static void add_columns(struct buf *b, const char *id, const char *st, const char *restarts,
			const char *reason)
{
	buf_addf(b, "%-20s%-20s%-20s%-60s\n", id, st, restarts, reason);
}

static void test_squeue_job(void **state)
{
	static const struct {
		const char *lines[3][4];
		int want;
		const char *state, *reason;
		int restarts;
	} cases[] = {
		{{{"29", "COMPLETING", "0", "None"}}, 0, "COMPLETING", "None", 0},
		{{{"29", "COMPLETING", "2", "TimeLimit"}}, 0, "COMPLETING", "TimeLimit", 2},
		/* a comment of the administrator */
		{{{"29", "PENDING", "1", "launch failed requeued held"}},
		 0,
		 "PENDING",
		 "launch failed requeued held",
		 1},
		/* -j 29 of an array's last task shows the whole array */
		{{{"31", "COMPLETED", "0", "None"},
		  {"29", "RUNNING", "0", "None"},
		  {"30", "FAILED", "0", "NonZeroExitCode"}},
		 0,
		 "RUNNING",
		 "None",
		 0},
		{{{"31", "COMPLETED", "0", "None"}}, 1, NULL, NULL, 0},
		{{{NULL}}, 1, NULL, NULL, 0},
		{{{"29", "RUNNING", "", "None"}}, -1, NULL, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_job job;
		struct err err = {0};
		struct buf b = {0};

		for (int k = 0; k < 3 && cases[i].lines[k][0]; k++)
			add_columns(&b, cases[i].lines[k][0], cases[i].lines[k][1],
				    cases[i].lines[k][2], cases[i].lines[k][3]);
		fake_output("squeue", buf_str(&b), 0);
		buf_release(&b);
		assert_int_equal(slurm_squeue_job(29, &job, &err), cases[i].want);
		if (!cases[i].want) {
			assert_int_equal(job.id, 29);
			assert_string_equal(job.state, cases[i].state);
			assert_string_equal(job.reason, cases[i].reason);
			assert_int_equal(job.restarts, cases[i].restarts);
		}
		slurm_job_release(&job);
		slurm_job_release(&job);
	}
}

static void test_squeue_job_is_gone(void **state)
{
	struct slurm_job job;
	struct err err = {0};

	(void)state;
	fake("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
	assert_int_equal(slurm_squeue_job(29, &job, &err), 1);
	fake("squeue", "echo 'slurm_load_jobs error: Access/permission denied' >&2; exit 1");
	assert_int_equal(slurm_squeue_job(29, &job, &err), -1);
}

static void test_stop_reason(void **state)
{
	static const struct {
		const char *state, *reason;
		int restarts, restart, want;
	} v[] = {
		{"COMPLETING", "None", 0, 0, REASON_CANCELLED},
		{"COMPLETING", "None", -1, 0, REASON_CANCELLED},
		{"COMPLETING", "TimeLimit", 0, 0, REASON_TIMEOUT},
		{"TIMEOUT", "None", 0, 0, REASON_TIMEOUT},
		{"PREEMPTED", "None", 0, 0, REASON_PREEMPTED},
		{"DEADLINE", "None", 0, 0, REASON_DEADLINE},
		/* scontrol update state=down: slurmd ends its jobs with SIGTERM */
		{"NODE_FAIL", "NodeDown", 0, 0, REASON_NODE_FAIL},
		{"COMPLETING", "NodeDown", 0, 0, REASON_NODE_FAIL},
		{"OUT_OF_MEMORY", "OutOfMemory", 0, 0, REASON_OUT_OF_MEMORY},
		{"BOOT_FAIL", "None", 0, 0, REASON_BOOT_FAIL},
		{"RUNNING", "None", 0, 0, REASON_NONE},
		{"SUSPENDED", "None", 0, 0, REASON_NONE},
		/* requeued: the same as after scancel, except for the restart count */
		{"COMPLETING", "None", 1, 0, REASON_PREEMPTED},
		{"PENDING", "BeginTime", 1, 0, REASON_PREEMPTED},
		/* cancelled after it was requeued */
		{"COMPLETING", "None", 1, 1, REASON_CANCELLED},
		{"RUNNING", "None", 1, 1, REASON_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct slurm_job job = {.state = (char *)(uintptr_t)v[i].state,
					.reason = (char *)(uintptr_t)v[i].reason,
					.restarts = v[i].restarts};

		assert_int_equal(slurm_stop_reason(&job, v[i].restart), v[i].want);
	}
}

/* Tests whether a state is final, active or unknown. */
static void test_final_states(void **state)
{
	static const char *const yes[] = {"COMPLETED", "CANCELLED", "CANCELLED by 0", "CANCELLED+",
					  "FAILED",    "TIMEOUT",   "OUT_OF_MEMORY",  "OUT_OF_ME+",
					  "NODE_FAIL", "PREEMPTED", "DEADLINE",	      "BOOT_FAIL",
					  "REVOKED"};
	static const char *const no[] = {"RUNNING",   "PENDING",     "REQUEUED", "COMPLETING",
					 "SUSPENDED", "NEW_IN_2030", "",	 "Unknown"};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(slurm_state_over(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(slurm_state_over(no[i]));
}

/* sacct */

/* Compares jobs as text: "7 CANCELLED s.1", "2_3/5 FAILED s.2" (a task of an array and its own id),
 * "7 FAILED 0:9 s.1", with the hour if the time is not 1795456419. */
static void assert_acct(const struct slurm_jobs *jobs, const char *want)
{
	struct buf b = {0};

	for (size_t i = 0; i < jobs->n; i++) {
		const struct slurm_job *j = &jobs->v[i];

		buf_addf(&b, "%s%llu", i ? ", " : "", (unsigned long long)j->array_id);
		if (j->task >= 0)
			buf_addf(&b, "_%lld", (long long)j->task);
		if (j->id != j->array_id)
			buf_addf(&b, "/%llu", (unsigned long long)j->id);
		buf_addf(&b, " %s", j->state);
		if (j->exit_code || j->signal)
			buf_addf(&b, " %d:%d", j->exit_code, j->signal);
		buf_addf(&b, " %s%s", j->name, j->submitted == INT64_C(1795456419000) ? "" : "?");
		buf_addstr(&b, j->ended == INT64_C(1795456500000) ? "" : "!");
		assert_string_equal(j->reason, "");
		assert_int_equal(j->restarts, -1);
	}
	assert_string_equal(buf_str(&b), want);
	buf_release(&b);
}

#define A(raw, id, state_, name) AE(raw, id, state_, "0:0", name)
#define AE(raw, id, state_, exit_, name) \
	raw "\x1f" id "\x1f" state_ "\x1f" exit_ "\x1f" \
	    "1795456419" \
	    "\x1f" \
	    "1795456500" \
	    "\x1f" name "\n"

static void test_sacct(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{A("7", "7", "RUNNING", "single.1"), "7 RUNNING single.1"},
		{A("7", "7", "CANCELLED by 1000", "s.1"), "7 CANCELLED s.1"},
		{A("7", "7", "OUT_OF_ME+", "s.1"), "7 OUT_OF_ME+ s.1"},
		/* the task that starts last has the array's id */
		{A("4", "2_0", "COMPLETED", "a") A("2", "2_3", "FAILED", "a"),
		 "2_0/4 COMPLETED a, 2_3 FAILED a"},
		/* all pending tasks are one line */
		{A("51", "51_[0,3,5]", "PENDING", "a"),
		 "51_0 PENDING a, 51_3 PENDING a, 51_5 PENDING a"},
		{A("51", "51_[0-2%2]", "CANCELLED by 0", "a"),
		 "51_0 CANCELLED a, 51_1 CANCELLED a, 51_2 CANCELLED a"},
		{A("51", "51_[1,4-8:2,9]", "CANCELLED", "a"),
		 "51_1 CANCELLED a, 51_4 CANCELLED a, 51_6 CANCELLED a, 51_8 CANCELLED a, "
		 "51_9 CANCELLED a"},
		/* cut off: the complete lines count */
		{A("51", "51_[0-1,...]", "CANCELLED", "a"), "51_0 CANCELLED a, 51_1 CANCELLED a"},
		{A("51", "51_[4095-99999999]", "PENDING", "a"), "51_4095 PENDING a"},
		/* queued twice: two records */
		{A("12", "12", "REQUEUED", "r") A("12", "12", "NODE_FAIL", "r"),
		 "12 REQUEUED r, 12 NODE_FAIL r"},
		/* a name may contain the field separator, but no newline */
		{A("7", "7", "FAILED",
		   "a\x1f"
		   "b|c"),
		 "7 FAILED a\x1f"
		 "b|c"},
		{A("7", "7", "FAILED", "two\nlines.1") A("8", "8", "FAILED", "s"),
		 "7 FAILED two, 8 FAILED s"},
		/* exit code and signal, also of an array */
		{AE("7", "7", "FAILED", "0:9", "s") AE("8", "8", "FAILED", "127:0", "s"),
		 "7 FAILED 0:9 s, 8 FAILED 127:0 s"},
		{AE("51", "51_[0,2]", "FAILED", "0:53", "a"),
		 "51_0 FAILED 0:53 a, 51_2 FAILED 0:53 a"},
		{AE("7", "7", "FAILED", "", "s") AE("7", "7", "FAILED", "9", "s")
			 AE("7", "7", "FAILED", "x:9", "s") AE("7", "7", "FAILED", "999:999", "s"),
		 "7 FAILED s, 7 FAILED s, 7 FAILED s, 7 FAILED s"},
		/* an unknown time, and a job that is not slurmq's */
		{"7\x1f"
		 "7\x1f"
		 "FAILED\x1f"
		 "1:0\x1f"
		 "Unknown\x1f"
		 "Unknown\x1fs\n",
		 "7 FAILED 1:0 s?!"},
		{A("60", "60+0", "FAILED", "het") A("61", "60+1", "FAILED", "het"), ""},
		{"7|7|FAILED|1|s\n\n\x1f\n" A("x", "7", "FAILED", "s") A("7", "7_x", "FAILED", "s"),
		 ""},
		{"7\x1f"
		 "7\x1f"
		 "FAILED\x1f"
		 "0:0\x1f"
		 "1795456419\x1f"
		 "1795456500\x1fno newline",
		 "7 FAILED no newline"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_jobs jobs;
		struct err err = {0};

		fake_output("sacct", cases[i].text, 0);
		assert_int_equal(slurm_sacct(0, 100, NULL, &jobs, &err), 0);
		assert_acct(&jobs, cases[i].want);
		slurm_jobs_release(&jobs);
	}
}

static void test_job_end(void **state)
{
	static const struct {
		const char *state, *reason;
		int exit_code, signal;
		const char *began, *not_begun;
	} v[] = {
		/* states of squeue */
		{"FAILED", "NonZeroExitCode", 0, 0, "EXIT 0:0", "EXIT 0:0"},
		{"FAILED", "JobLaunchFailure", 0, 0, "SIGNAL 0:0", "BOOT_FAIL 0:0"},
		{"FAILED", "RaisedSignal:9(Killed)", 0, 0, "SIGNAL 0:9", "SIGNAL 0:9"},
		{"FAILED", "RaisedSignal:53(Real-time_signal_19)", 0, 0, "SIGNAL 0:53",
		 "BOOT_FAIL 0:0"},
		{"FAILED", "RaisedSignal:", 0, 0, "EXIT 0:0", "EXIT 0:0"},
		{"FAILED", "None", 0, 0, "EXIT 0:0", "EXIT 0:0"},
		/* states of sacct */
		{"FAILED", "", 3, 0, "EXIT 3:0", "EXIT 3:0"},
		{"FAILED", "", 0, 9, "SIGNAL 0:9", "SIGNAL 0:9"},
		{"FAILED", "", 1, 15, "SIGNAL 0:15", "SIGNAL 0:15"},
		{"FAILED", "", 0, 53, "SIGNAL 0:53", "BOOT_FAIL 0:0"},
		{"TIMEOUT", "", 0, 15, "TIMEOUT 0:0", "TIMEOUT 0:0"},
		{"OUT_OF_ME+", "", 0, 125, "OUT_OF_MEMORY 0:0", "OUT_OF_MEMORY 0:0"},
		{"NODE_FAIL", "JobLaunchFailure", 0, 0, "NODE_FAIL 0:0", "NODE_FAIL 0:0"},
		{"CANCELLED", "", 0, 9, "CANCELLED 0:0", "CANCELLED 0:0"},
		{"COMPLETED", "", 0, 0, "LOST 0:0", "LOST 0:0"},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(v) / sizeof(v[0]); i++) {
		struct slurm_job job = {.state = (char *)v[i / 2].state,
					.reason = (char *)v[i / 2].reason,
					.exit_code = v[i / 2].exit_code,
					.signal = v[i / 2].signal};
		struct job_end end = {.reason = REASON_LOST, .ended = 7};
		char text[64];

		slurm_job_end(&job, i % 2, &end);
		snprintf(text, sizeof(text), "%s %d:%d", job_reason_name(end.reason), end.exit_code,
			 end.signal);
		assert_string_equal(text, i % 2 ? v[i / 2].began : v[i / 2].not_begun);
		assert_int_equal(end.ended, 7);
	}
}

static void test_sacct_many(void **state)
{
	struct slurm_jobs jobs;
	struct err err = {0};

	(void)state;
	fake("sacct",
	     "seq 1 20000 | awk '{printf \"%d\\037%d\\037FAILED\\0370:0\\0371\\0372\\037n%d\\n\","
	     " $1, $1, $1}'");
	assert_int_equal(slurm_sacct(0, 100, NULL, &jobs, &err), 0);
	assert_int_equal(jobs.n, 20000);
	for (size_t i = 0; i < jobs.n; i++)
		assert_int_equal(jobs.v[i].id, i + 1);
	slurm_jobs_release(&jobs);
}

static void test_sacct_arguments(void **state)
{
	struct slurm_jobs jobs;
	struct strs ids = {0};
	struct err err = {0};
	char *text;

	(void)state;
	setenv("SACCT_FORMAT", "x", 1);
	fake("sacct", "for a; do printf '%s ' \"$a\"; done >args; env | sed -n /^SACCT/p >env");
	assert_int_equal(slurm_sacct(1234, 90000, &ids, &jobs, &err), 0);
	text = read_output("args");
	assert_string_equal(text, "-n -X -D -P --delimiter=\x1f -u 1234 -S now-90000 "
				  "-o JobIDRaw,JobID,State,ExitCode,Submit,End,JobName ");
	free(text);
	text = read_output("env");
	assert_string_equal(text, "");
	free(text);
	unsetenv("SACCT_FORMAT");
	strs_add(&ids, "12");
	strs_add(&ids, "345");
	assert_int_equal(slurm_sacct(1234, 90000, &ids, &jobs, &err), 0);
	text = read_output("args");
	assert_non_null(strstr(text, ",JobName -j 12,345 "));
	free(text);
	free(read_output("env"));
	strs_release(&ids);
}

static void test_sacct_fails(void **state)
{
	static const struct {
		const char *script;
		int rc;
		const char *message;
	} cases[] = {
		{"echo 'Slurm accounting storage is disabled' >&2; exit 1", SLURM_NO_ACCT, ""},
		{"echo 'sacct: error: Problem talking to the database: Connection refused' >&2; "
		 "exit 1",
		 -1, "sacct failed with exit status 1: sacct: error: Problem talking"},
		{"echo 'sacct: error: Invalid user id: 12345' >&2; exit 1", -1, "Invalid user id"},
		{"exit 1", -1, "sacct failed with exit status 1"},
		{"kill -SEGV $$", -1, "sacct was killed by signal 11"},
		/* output before a failure is not used */
		{"printf '7\\0377\\037FAILED\\0370:0\\0371\\0372\\037s\\n'; exit 1", -1,
		 "status 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_jobs jobs;
		struct err err = {0};

		fake("sacct", cases[i].script);
		assert_int_equal(slurm_sacct(0, 100, NULL, &jobs, &err), cases[i].rc);
		if (cases[i].rc < 0)
			assert_int_equal(err.status, ERR_AGAIN);
		assert_non_null(strstr(err.msg, cases[i].message));
		assert_int_equal(jobs.n, 0);
	}
}

static void test_active(void **state)
{
	static const char *const yes[] = {
		"PENDING",	"CONFIGURING", "RUNNING",      "SUSPENDED",    "COMPLETING",
		"REQUEUED",	"RESIZING",    "SIGNALING",    "STAGE_OUT",    "STOPPED",
		"REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"};
	static const char *const no[] = {"COMPLETED",	  "CANCELLED", "FAILED",    "TIMEOUT",
					 "NODE_FAIL",	  "PREEMPTED", "BOOT_FAIL", "DEADLINE",
					 "OUT_OF_MEMORY", "REVOKED",   "",	    "pending"};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(slurm_state_active(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(slurm_state_active(no[i]));
}

/* scancel */

static void test_scancel(void **state)
{
	struct strs ids = {0};
	struct err err = {0};
	char *text;

	(void)state;
	fake("scancel", "echo \"$# $1\" >>calls");
	assert_int_equal(slurm_scancel(&ids, &err), 0);
	text = read_output("calls");
	assert_string_equal(text, ""); /* no job to cancel: scancel is never run without an id */
	free(text);
	for (int i = 0; i < 450; i++)
		strs_addf(&ids, i % 2 ? "%d_7" : "%d", i + 1);
	assert_int_equal(slurm_scancel(&ids, &err), 0);
	text = read_output("calls");
	assert_string_equal(text, "200 1\n200 201\n50 401\n");
	free(text);
	/* one slice fails: the other slices are still cancelled */
	fake("scancel",
	     "echo \"$1\" >>calls\n[ $1 != 1 ] || { echo 'scancel: error: Kill job error on "
	     "job id 1: Access/permission denied' >&2; exit 1; }");
	assert_int_equal(slurm_scancel(&ids, &err), -1);
	assert_non_null(strstr(err.msg,
			       "scancel failed with exit status 1: scancel: error: Kill job "
			       "error on job id 1: Access/permission denied"));
	text = read_output("calls");
	assert_string_equal(text, "1\n201\n401\n");
	free(text);
	strs_release(&ids);
}

static void test_scancel_answers(void **state)
{
	static const struct {
		const char *script;
		int want;
	} cases[] = {
		{"exit 0", 0},
		{"echo 'scancel: error: Kill job error on job id 9: Invalid job id specified' "
		 ">&2; exit 1",
		 0},
		{"echo 'scancel: error: Kill job error on job id 9_1: Job/step already "
		 "completing or "
		 "completed' >&2; exit 1",
		 0},
		{"printf 'scancel: error: Kill job error on job id 9: Invalid job id "
		 "specified\\nscancel: "
		 "error: Kill job error on job id 8: Invalid job id specified\\n' >&2; exit 60",
		 0},
		{"printf 'scancel: error: Kill job error on job id 9: Invalid job id "
		 "specified\\nscancel: "
		 "error: Kill job error on job id 8: Access/permission denied\\n' >&2; exit 1",
		 -1},
		{"echo 'scancel: error: Kill job error on job id 99: Unable to contact slurm "
		 "controller "
		 "(connect failure)' >&2; exit 8",
		 -1},
		{"exit 1", -1},
		{"kill -KILL $$", -1},
	};
	struct strs ids = {0};

	(void)state;
	strs_add(&ids, "9");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};

		fake("scancel", cases[i].script);
		if (slurm_scancel(&ids, &err) != cases[i].want)
			fail_msg("%s: %s", cases[i].script, err.msg);
		assert_int_equal(err.status, cases[i].want ? ERR_AGAIN : 0);
	}
	strs_release(&ids);
}

static void test_scancel_refuses_bad_ids(void **state)
{
	static const char *const bad[] = {"",	 "-u",	"--user=root", "12 13",
					  "1;2", "abc", "12[1-2]"};

	(void)state;
	fake("scancel", "touch called");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct strs ids = {0};
		struct err err = {0};
		char *path = in_dir("called");

		strs_add(&ids, "1");
		strs_add(&ids, bad[i]);
		assert_int_equal(slurm_scancel(&ids, &err), -1);
		assert_int_equal(err.status, ERR_FAILED);
		assert_int_equal(access(path, F_OK), -1);
		free(path);
		strs_release(&ids);
	}
}

/* scontrol show config */

static void test_site(void **state)
{
	static const struct {
		const char *text;
		int rc;
		struct slurm_site want;
	} cases[] = {
		{"Configuration data as of 2026-11-23T14:52:01\n"
		 "ClusterName             = testbed\n"
		 "KillWait                = 5 sec\n"
		 "MaxArraySize            = 1001\n"
		 "MaxJobCount             = 10000\n"
		 "MaxJobId                = 67043328\n"
		 "SLURM_CONF              = /etc/slurm/slurm.conf\n"
		 "SLURM_VERSION           = 22.05.8\n",
		 0,
		 {(char *)(uintptr_t) "testbed", (char *)(uintptr_t) "22.05.8", 5, 1001, 10000}},
		{"SLURM_VERSION = 23.11.10-2 \r\nClusterName=x y\nKillWait = UNLIMITED\n",
		 0,
		 {(char *)(uintptr_t) "x y", (char *)(uintptr_t) "23.11.10-2", -1, -1, -1}},
		{"", -1, {0}},
		{"ClusterName =\nSLURM_VERSION = 1\n", -1, {0}},
		{"Slurmctld(primary) at h is UP\n", -1, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slurm_site s;
		struct err err = {0};

		fake_output("scontrol", cases[i].text, 0);
		assert_int_equal(slurm_site_read(&s, &err), cases[i].rc);
		if (!cases[i].rc) {
			assert_string_equal(s.cluster, cases[i].want.cluster);
			assert_string_equal(s.version, cases[i].want.version);
			assert_int_equal(s.kill_wait_s, cases[i].want.kill_wait_s);
			assert_int_equal(s.max_array_size, cases[i].want.max_array_size);
			assert_int_equal(s.max_job_count, cases[i].want.max_job_count);
		} else {
			assert_int_equal(err.status, ERR_AGAIN);
		}
		slurm_site_release(&s);
		slurm_site_release(&s);
	}
}

/* scontrol -o show assoc_mgr: its lines as macros, with the limits and counts as parameters */

#define ZERO \
	"cpu=N(0),mem=N(0),energy=N(0),node=N(0),billing=N(0),fs/disk=N(0),vmem=N(0),pages=N(0)"
#define GRP(grp) \
	"GrpJobs=N(4) GrpJobsAccrue=N(0) GrpSubmitJobs=" grp " GrpWall=N(0.00) GrpTRES=" ZERO \
	" GrpTRESMins=" ZERO " GrpTRESRunMins=" ZERO " "
#define ASSOC(account, user, parent, def, grp, max) \
	"ClusterName=testbed Account=" account " UserName=" user " Partition= Priority=0 ID=1 " \
	"SharesRaw/Norm/Level/Factor=1/18446744073709551616.00/1/0.00 " \
	"UsageRaw/Norm/Efctv=0.00/1.00/0.00 ParentAccount=" parent " Lft=1 DefAssoc=" def \
	" " GRP(grp) "MaxJobs= MaxJobsAccrue= MaxSubmitJobs=" max \
		     " MaxWallPJ= MaxTRESPJ= MaxTRESPN= MaxTRESMinsPJ= MinPrioThresh= \n"
#define QOS(name, grp, accounts, users) \
	"QOS=" name "(1) UsageRaw=0.000000 " GRP( \
		grp) "MaxWallPJ= MaxTRESPJ= MaxTRESPN= MaxTRESMinsPJ= MinPrioThresh=  MinTRESPJ= " \
		     "PreemptMode=OFF Priority=0 Account Limits=" accounts " User Limits=" users \
		     "\n"
#define PA(account, max) \
	" " account "={MaxJobsPA=N(4) MaxJobsAccruePA=N(0) MaxSubmitJobsPA=" max \
	" MaxTRESPA=" ZERO "}"
#define PU(uid, max) \
	" " uid "={MaxJobsPU=10(3) MaxJobsAccruePU=N(0) MaxSubmitJobsPU=" max " MaxTRESPU=" ZERO "}"
#define HEAD "Current Association Manager state\nAssociation Records\n"
#define TREE(grp, max) \
	HEAD ASSOC("root", "", "", "No", "N(4)", "") ASSOC("lab", "", "root(1)", "No", grp, "") \
		ASSOC("lab", "nobody(65534)", "", "Yes", "N(3)", max) \
			ASSOC("lab2", "", "root(1)", "No", "1(0)", "") \
				ASSOC("lab2", "nobody(65534)", "", "No", "N(0)", "2")
/* A user with associations in two accounts, below one department. */
#define TWO(lab, gpu) \
	HEAD ASSOC("root", "", "", "No", "N(6)", "") \
		ASSOC("dept", "", "root(1)", "No", "8(2)", "") \
			ASSOC("lab", "", "dept(2)", "No", "N(2)", "") \
				ASSOC("lab", "nobody(65534)", "", "Yes", lab, "") \
					ASSOC("gpu", "", "dept(2)", "No", "N(4)", "") \
						ASSOC("gpu", "nobody(65534)", "", "No", gpu, "")
#define NONE "No Accounts", "No Users"
#define EXTRA "QOS Records\n" QOS("extra", "1(0)", "No Accounts", "No Users")

static const struct {
	const char *text;
	int64_t limit, used;
	const char *from;
} limit_cases[] = {
	/* only the QOS has a limit */
	{TREE("N(4)", "") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"),
				    PU("0", "20(1)") PU("65534", "20(3)")),
	 20, 3, "qos normal"},
	/* an id that contains the user's id is another user */
	{TREE("N(4)", "") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"),
				    PU("6553", "5(1)") PU("165534", "6(1)") PU("65534", "20(3)")),
	 20, 3, "qos normal"},
	{TREE("N(4)", "") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"), PU("6553", "5(1)")), -1,
	 -1, ""},
	/* the association's limit counts only if the QOS sets none */
	{TREE("N(4)", "7(3)") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "N(3)")),
	 7, 3, "association lab"},
	{TREE("N(4)", "7(3)") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "20(3)")),
	 20, 3, "qos normal"},
	{TREE("N(4)", "7(3)") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "20(2)"))
		 QOS("long", "N(1)", PA("lab", "N(4)"), PU("65534", "N(1)")),
	 7, 3, "association lab"},
	{TREE("5(4)", "") EXTRA QOS("normal", "40(25)", PA("lab", "N(4)"), PU("65534", "N(3)")), 18,
	 3, "qos normal"},
	/* other key formats, which a later Slurm may print */
	{TREE("N(4)", "") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"), PU("x(65534)", "20(3)")),
	 20, 3, "qos normal"},
	{TREE("N(4)", "")
		 EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"),
			   PU("x(165534)", "5(3)") PU("655341", "6(3)") PU("65534", "9(3)")),
	 9, 3, "qos normal"},
	/* no QOS is in use: no job was submitted yet */
	{TREE("N(0)", "7") EXTRA QOS("normal", "N(0)", "No Accounts", "No Users"), 7, -1,
	 "association lab"},
	/* shared limits: jobs of other users use up some of it; here 1 of 4 */
	{TREE("30(4)", "") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "N(3)")), 29,
	 3, "association lab"},
	{TREE("30(4)", "") EXTRA QOS("normal", "40(25)", PA("lab", "N(4)"), PU("65534", "N(3)")),
	 18, 3, "qos normal"},
	{TREE("N(4)", "") EXTRA QOS("normal", "N(4)", PA("lab", "10(9)"), PU("65534", "20(3)")), 4,
	 3, "qos normal"},
	{TREE("N(4)", "") EXTRA QOS("normal", "N(4)", PA("lab2", "2(2)"), PU("65534", "20(3)")), 20,
	 3, "qos normal"},
	{TREE("N(4)", "") EXTRA QOS("normal", "3(30)", PA("lab", "N(4)"), PU("65534", "20(3)")), 0,
	 3, "qos normal"},
	/* a QOS that has no job now */
	{TREE("N(4)", "") EXTRA QOS("debug", "N(0)", PA("lab", "N(0)"), PU("65534", "1(0)"))
		 QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "20(3)")),
	 20, 3, "qos normal"},
	{TREE("N(4)", "") EXTRA QOS("debug", "N(0)", PA("lab", "N(0)"), PU("65534", "1(0)"))
		 QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "20(0)")),
	 20, 0, "qos normal"},
	{TREE("N(4)", "") EXTRA QOS("debug", "N(1)", PA("lab", "N(1)"), PU("65534", "1(1)"))
		 QOS("normal", "N(0)", PA("lab", "N(0)"), PU("65534", "20(0)")),
	 20, 1, "qos normal"},
	/* jobs in two QOS: each counts its own */
	{TREE("N(4)", "") EXTRA QOS("gpu", "N(1)", PA("lab", "N(1)"), PU("65534", "5(2)"))
		 QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "20(3)")),
	 25, 5, "qos gpu + qos normal"},
	{TREE("N(4)", "") EXTRA QOS("gpu", "N(1)", PA("lab", "N(1)"), PU("65534", "N(2)"))
		 QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "20(3)")),
	 -1, -1, ""},
	/* a limit of the parent account */
	{HEAD ASSOC("root", "", "", "No", "N(9)", "")
		 ASSOC("dept", "", "root(1)", "No", "12(9)", "")
			 ASSOC("lab", "", "dept(2)", "No", "N(3)", "") ASSOC("lab", "nobody(65534)",
									     "", "Yes", "N(3)", "")
				 ASSOC("other", "", "root(1)", "No", "1(1)", "") "QOS Records\n",
	 6, 3, "association dept"},
	/* a cycle of parent accounts must not loop forever */
	{HEAD ASSOC("a", "", "b(1)", "No", "50(2)", "") ASSOC("b", "", "a(1)", "No", "N(2)", "")
		 ASSOC("a", "nobody(65534)", "", "Yes", "N(2)", "") "QOS Records\n",
	 50, 4, "association a"},
	/* Jobs under two accounts: neither account's limit applies to both, nor does the parent's;
	 * a limit of the QOS does. */
	{TWO("3(2)", "9(4)") "QOS Records\n", -1, -1, ""},
	{TWO("3(2)", "9(4)") EXTRA QOS("normal", "N(6)", PA("lab", "N(4)"), PU("65534", "20(6)")),
	 20, 6, "qos normal"},
	/* one of the two has no job now: the other one's limit counts, and its parent's */
	{TWO("3(2)", "9(0)") "QOS Records\n", 3, 2, "association lab"},
	{TWO("N(2)", "9(0)") "QOS Records\n", 8, 2, "association dept"},
	/* without accounting */
	{"Current Association Manager state\nNo associations currently cached in Slurm.\n"
	 "No QOS currently cached in Slurm.\n",
	 -1, -1, ""},
	/* a user without an association: every row belongs to other users */
	{HEAD ASSOC("root", "", "", "No", "5(4)", "") EXTRA, -1, -1, ""},
	/* 0 is a limit, not "no limit" */
	{TREE("N(4)", "0(3)") EXTRA QOS("normal", "N(4)", PA("lab", "N(4)"), PU("65534", "N(3)")),
	 0, 3, "association lab"},
};

static void test_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limit_cases) / sizeof(limit_cases[0]); i++) {
		struct slurm_limit l;
		struct err err = {0};

		fake_output("scontrol", limit_cases[i].text, 0);
		if (slurm_limit_read("nobody", &l, &err))
			fail_msg("case %zu: %s", i, err.msg);
		if (l.limit != limit_cases[i].limit || l.used != limit_cases[i].used)
			fail_msg("case %zu: %lld(%lld) from '%s'", i, (long long)l.limit,
				 (long long)l.used, l.from);
		assert_string_equal(l.from, limit_cases[i].from);
		slurm_limit_release(&l);
		slurm_limit_release(&l);
	}
}

static void test_limit_arguments(void **state)
{
	struct slurm_limit l;
	struct err err = {0};
	char *text;

	(void)state;
	fake("scontrol", "echo \"$*\" >args; echo 'Current Association Manager state'");
	assert_int_equal(slurm_limit_read("some.one", &l, &err), 0);
	slurm_limit_release(&l);
	text = read_output("args");
	assert_string_equal(text, "-o show assoc_mgr users=some.one flags=assoc,qos\n");
	free(text);
	fake("scontrol",
	     "echo 'slurm_load_assoc_mgr_info error: Unable to contact slurm controller "
	     "(connect failure)' >&2; exit 1");
	assert_int_equal(slurm_limit_read("x", &l, &err), -1);
	assert_int_equal(l.limit, -1); /* unknown, not zero */
	assert_int_equal(err.status, ERR_AGAIN);
	assert_non_null(strstr(err.msg, "connect failure"));
	slurm_limit_release(&l);
	fake("scontrol", "exit 0");
	assert_int_equal(slurm_limit_read("x", &l, &err), -1);
	assert_int_equal(l.limit, -1); /* unknown, not zero */
	assert_int_equal(err.status, ERR_AGAIN);
}

static void test_not_on_path(void **state)
{
	char *path = mem_strdup(getenv("PATH"));
	struct strs ids = {0};
	struct slurm_jobs jobs;
	struct slurm_job job;
	struct slurm_site site;
	struct slurm_limit limit;

	(void)state;
	strs_add(&ids, "1");
	setenv("PATH", "/no/such/folder", 1);
	for (int i = 0; i < 6; i++) {
		static const char *const tools[] = {"squeue",	"squeue",   "scancel",
						    "scontrol", "scontrol", "sacct"};
		struct err err = {0};
		char *message = mem_printf("%s is not on PATH: ", tools[i]);
		int rc = i == 0	  ? slurm_squeue(0, &jobs, &err)
			 : i == 1 ? slurm_squeue_job(1, &job, &err)
			 : i == 2 ? slurm_scancel(&ids, &err)
			 : i == 3 ? slurm_site_read(&site, &err)
			 : i == 4 ? slurm_limit_read("x", &limit, &err)
				  : slurm_sacct(0, 1, NULL, &jobs, &err);

		assert_int_equal(rc, -1);
		assert_int_equal(err.status, ERR_FAILED);
		assert_non_null(strstr(err.msg, message));
		free(message);
	}
	setenv("PATH", path, 1);
	free(path);
	strs_release(&ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_sbatch_killed),
		cmocka_unit_test(test_control_characters_are_removed),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_argv),
		cmocka_unit_test(test_sbatch),
		cmocka_unit_test(test_sbatch_errors),
		cmocka_unit_test(test_sbatch_takes_too_long),
		cmocka_unit_test(test_no_sbatch),
		cmocka_unit_test(test_squeue),
		cmocka_unit_test(test_squeue_many),
		cmocka_unit_test(test_squeue_arguments),
		cmocka_unit_test(test_squeue_fails),
		cmocka_unit_test(test_squeue_takes_too_long),
		cmocka_unit_test(test_squeue_job),
		cmocka_unit_test(test_squeue_job_is_gone),
		cmocka_unit_test(test_stop_reason),
		cmocka_unit_test(test_final_states),
		cmocka_unit_test(test_sacct),
		cmocka_unit_test(test_job_end),
		cmocka_unit_test(test_sacct_many),
		cmocka_unit_test(test_sacct_arguments),
		cmocka_unit_test(test_sacct_fails),
		cmocka_unit_test(test_active),
		cmocka_unit_test(test_scancel),
		cmocka_unit_test(test_scancel_answers),
		cmocka_unit_test(test_scancel_refuses_bad_ids),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_arguments),
		cmocka_unit_test(test_not_on_path),
	};

	return cmocka_run_group_tests_name("slurm", tests, make_dir, remove_dir);
}
