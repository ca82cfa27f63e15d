/* env: which variables of an environment are stored, and lists of NAME=VALUE. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/env.h"

enum { MAX_VARS = 40 };

/* Returns a list as one text, with '\n' after each entry. Caller frees. */
static char *join_list(const struct strs *l)
{
	struct buf b = {0};

	for (size_t i = 0; i < l->n; i++)
		buf_addf(&b, "%s\n", l->v[i]);
	return buf_take(&b);
}

static void test_capture(void **state)
{
	static const struct {
		const char *env[MAX_VARS];
		const char *stored; /* variables that are kept, '\n' after each */
	} cases[] = {
		{{NULL}, ""},
		{{"B=2", "A=1", "C=", NULL}, "A=1\nB=2\nC=\n"},
		/* sorted by name: '=' does not count, so A comes before A_B and A1 */
		{{"A_B=1", "A1=1", "A=1", "AA=1", NULL}, "A=1\nA1=1\nAA=1\nA_B=1\n"},
		{{"A=first", "B=1", "A=second", "A=last", NULL}, "A=last\nB=1\n"},
		{{"no equals sign", "=nameless", "", "A=1", NULL}, "A=1\n"},
		{{"A=x=y=z", "B=one\ntwo", NULL}, "A=x=y=z\nB=one\ntwo\n"},
		/* variables of the job or the slurmd that started slurmq */
		{{"SLURM_JOB_NAME=j", "SLURM_CPU_BIND=quiet", "SLURM_CONF=/etc/slurm.conf",
		  "SLURMX=1", "SLURMD_NODENAME=n1", "PMI_RANK=0", "PMIX_ID=1", "PMI=1", "PM=1",
		  "SLURM_CONFX=1", NULL},
		 "PM=1\nSLURMX=1\nSLURM_CONF=/etc/slurm.conf\n"},
		{{"CUDA_VISIBLE_DEVICES=0", "ROCR_VISIBLE_DEVICES=1", "GPU_DEVICE_ORDINAL=0",
		  "ZE_AFFINITY_MASK=0", "CUDA_HOME=/c", "CUDA_VISIBLE_DEVICES_X=1", NULL},
		 "CUDA_HOME=/c\nCUDA_VISIBLE_DEVICES_X=1\n"},
		{{"SLURMQ_FAULT=1", "SLURMQ=1", NULL}, "SLURMQ=1\n"},
		/* defaults of a site are kept outside a job */
		{{"SBATCH_PARTITION=gpu", "SBATCH_ACCOUNT=lab", NULL},
		 "SBATCH_ACCOUNT=lab\nSBATCH_PARTITION=gpu\n"},
		{{"SBATCH_PARTITION=gpu", "SLURM_JOB_ID=7", "SBATCH_ACCOUNT=lab", "A=1", NULL},
		 "A=1\n"},
		{{"SBATCH_PARTITION=gpu", "SLURM_JOB_IDX=7", NULL}, "SBATCH_PARTITION=gpu\n"},
		/* variables of a terminal or a login */
		{{"SHLVL=2", "OLDPWD=/", "_=/bin/x", "TERMCAP=x", "WINDOW=1", "WINDOWID=2", "STY=s",
		  "TMUX=t", "TMUX_PANE=%0", "SSH_TTY=/dev/pts/1", "PWD=/", "TERM=xterm", "__X=1",
		  "SSH_CONNECTION=c", NULL},
		 "PWD=/\nSSH_CONNECTION=c\nTERM=xterm\n__X=1\n"},
		/* the module command is a shell function */
		{{"BASH_FUNC_module%%=() {  eval `/usr/bin/modulecmd bash $*`\n}", "PATH=/bin",
		  NULL},
		 "BASH_FUNC_module%%=() {  eval `/usr/bin/modulecmd bash $*`\n}\nPATH=/bin\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strs out = {0};
		char *text;

		env_capture((char *const *)(uintptr_t)cases[i].env, &out);
		text = join_list(&out);
		assert_string_equal(text, cases[i].stored);
		free(text);
		strs_release(&out);
	}
	env_capture(NULL, &(struct strs){0});
}

/* Many names in any order are sorted; of equal names the last one is kept. */
static void test_capture_many(void **state)
{
	struct strs in = {0}, out = {0};

	(void)state;
	for (int i = 0; i < 3000; i++)
		strs_addf(&in, "V%04d=%d", i * 7919 % 1000, i);
	env_capture(in.v, &out);
	assert_int_equal(out.n, 1000);
	for (int i = 0; i < 1000; i++) {
		char *name = mem_printf("V%04d", i);
		const char *value = env_get(&out, name);

		assert_memory_equal(out.v[i], name, 5);
		assert_non_null(value);
		assert_in_range(strtol(value, NULL, 10), 2000, 2999);
		free(name);
	}
	strs_release(&in);
	strs_release(&out);
}

static void test_encode_and_decode(void **state)
{
	static const char text[] = "A=1\0B=\0C=x=y\nz";
	struct strs in = {0}, out = {0};
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	env_encode(&in, &b);
	assert_int_equal(b.len, 0);
	assert_int_equal(env_decode(buf_str(&b), b.len, &out, &err), 0);
	assert_int_equal(env_decode(NULL, 0, &out, &err), 0);
	assert_int_equal(out.n, 0);
	strs_add(&in, "A=1");
	strs_add(&in, "B=");
	strs_add(&in, "C=x=y\nz");
	env_encode(&in, &b);
	assert_int_equal(b.len, sizeof(text));
	assert_memory_equal(b.s, text, sizeof(text));
	assert_int_equal(env_decode(b.s, b.len, &out, &err), 0);
	assert_int_equal(out.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(out.v[i], in.v[i]);
	assert_null(out.v[3]);
	strs_release(&in);
	strs_release(&out);
	buf_release(&b);
}

static void test_decode_errors(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{"A=1", 3},	 /* cut off */
		{"A=1\0B=2", 7}, /* cut off */
		{"A=1\0B\0", 6}, /* no '=' */
		{"A=1\0\0", 5},	 /* an empty entry */
		{"=1\0", 3},	 /* no name */
		{"\0", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strs out = {0};
		struct err err = {0};

		assert_int_equal(env_decode(cases[i].text, cases[i].len, &out, &err), -1);
		assert_int_equal(err.status, ERR_FAILED);
		assert_non_null(strstr(err.msg, "stored environment"));
		strs_release(&out);
	}
}

static void test_set_get_unset(void **state)
{
	struct strs env = {0};
	char *text;

	(void)state;
	assert_null(env_get(&env, "A"));
	env_unset(&env, "A");
	env_set(&env, "AB", "1");
	env_set(&env, "A", "2");
	env_put(&env, "ABC=3");
	env_put(&env, "A=4");
	env_put(&env, "no pair");
	env_put(&env, "=x");
	assert_string_equal(env_get(&env, "A"), "4");
	assert_string_equal(env_get(&env, "AB"), "1");
	assert_string_equal(env_get(&env, "ABC"), "3");
	assert_null(env_get(&env, "ABCD"));
	assert_null(env_get(&env, ""));
	text = join_list(&env);
	assert_string_equal(text, "AB=1\nA=4\nABC=3\n");
	free(text);
	env_unset(&env, "A");
	env_unset(&env, "no");
	text = join_list(&env);
	assert_string_equal(text, "AB=1\nABC=3\n");
	free(text);
	assert_null(env.v[2]);
	env_unset(&env, "ABC");
	env_unset(&env, "AB");
	assert_int_equal(env.n, 0);
	assert_null(env.v[0]);
	env_set(&env, "A", "");
	assert_string_equal(env_get(&env, "A"), "");
	strs_release(&env);
}

static void test_after_home(void **state)
{
	static const struct {
		const char *path, *after;
	} v[] = {{"~", ""},	      {"~/a/b", "/a/b"},  {"$HOME", ""},     {"$HOME/a", "/a"},
		 {"${HOME}/a", "/a"}, {"", NULL},	  {"a", NULL},	     {"/~/a", NULL},
		 {"~u/a", NULL},      {"$HOMES/a", NULL}, {"a/$HOME", NULL}, {"${HOME}x", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		const char *after = env_after_home(v[i].path);

		if (!v[i].after != !after || (after && strcmp(after, v[i].after) != 0))
			fail_msg("%s: %s", v[i].path, after ? after : "NULL");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture),		  cmocka_unit_test(test_capture_many),
		cmocka_unit_test(test_encode_and_decode), cmocka_unit_test(test_decode_errors),
		cmocka_unit_test(test_set_get_unset),	  cmocka_unit_test(test_after_home),
	};

	return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
