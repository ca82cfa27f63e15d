/* #SBATCH lines, and the table of sbatch's options */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "slurm/directive.h"
#include "slurm/slurm.h"

static void lists(void **state)
{
	static const struct {
		const char *text, *want;
	} v[] = {
		{"", ""},
		{"#SBATCH --time=5\n", "--time=5"},
		{"#SBATCH --time 1-0 --mem 4G\n", "--time=1-0|--mem=4G"},
		{"#SBATCH -t 5\n#SBATCH -t7\n#SBATCH -t=9\n", "--time=5|--time=7|--time=9"},
		{"#SBATCH -x n1,n2 # not --time=9\n", "--exclude=n1,n2"},
		{"#SBATCH --exclude=\"n[1-3]\" --comment='a b'\n",
		 "--exclude=n[1-3]|--comment=a b"},
		{"#SBATCH --comment='a\\ b'\\\"c\n", "--comment=a b\"c"},
		/* a backslash protects no blank, and a # ends a word */
		{"#SBATCH --time=5\\ --hold \\\n#SBATCH \\\n", "--time=5|--hold"},
		{"#SBATCH -n4#--hold\n#SBATCH --comment=\"a #\"#b -H\n",
		 "--ntasks=4|--comment=a #"},
		{"#SBATCH --exclusive --time=5", "--exclusive|--time=5"},
		{"#SBATCH --exclusive=user -k -N1\n", "--exclusive=user|--no-kill|--nodes=1"},
		/* several letters, of which the last takes a value; a prefix of a name */
		{"#SBATCH -OHn4\n", "--overcommit|--hold|--ntasks=4"},
		{"#SBATCH --part=gpu --arr 1-9\n", "--partition=gpu|--array=1-9"},
		{"#SBATCH --of-a-plugin=3 hetjob --partition gpu\n",
		 "--of-a-plugin=3|hetjob|--partition=gpu"},
		{"##SBATCH --time=5\n# SBATCH --time=5\n#SBATC -t1\n #SBATCH -t1\n", ""},
		/* sbatch needs no blank after the word, seen on Slurm 22.05.8 */
		{"#SBATCH--hold\n#SBATCH-n4 -t 5\n#SBATCHx\n", "--hold|--ntasks=4|--time=5|x"},
		{"#SBATCH --time\n#SBATCH --mem=1G\n", "--time|--mem=1G"},
		{"#SBATCH\t-p  gpu\r\n", "--partition=gpu"},
		/* only before the first command */
		{"#!/bin/sh\n\n# x\n  \n#SBATCH -n1\necho\n#SBATCH -n2\n", "--ntasks=1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct strs got = {0};
		struct buf b = {0};

		directives_list(v[i].text, &got);
		for (size_t k = 0; k < got.n; k++)
			buf_addf(&b, "%s%s", k ? "|" : "", got.v[k]);
		assert_string_equal(buf_str(&b), v[i].want);
		buf_release(&b);
		strs_release(&got);
	}
}

static void note_place(void *arg, const struct directive *d)
{
	buf_addf(arg, "%zu:%zu %s\n", d->line, d->col, d->opt ? d->opt->name : d->word);
}

static void places(void **state)
{
	struct buf b = {0};

	(void)state;
	directives_each("#!/bin/sh\n#SBATCH --mem=1G   -n 2 # -c 3\n#SBATCH -Hs\n", note_place, &b);
	assert_string_equal(buf_str(&b), "2:9 mem\n2:20 ntasks\n3:9 hold\n3:9 oversubscribe\n");
	buf_release(&b);
}

static void copies(void **state)
{
	static const struct {
		const char *text, *want;
	} v[] = {
		{"#!/bin/sh\n#SBATCH  --mem=1G # x\n#SBATCHx\n#BB a\n#DW jobdw\n#x\necho\n#SBATCH -n2\n",
		 "#SBATCH  --mem=1G # x\n#SBATCHx\n#BB a\n#DW jobdw\n"},
		/* files with a relative path, and only those */
		{"#SBATCH -F hosts.txt --time=5 --of-a-plugin 3\n",
		 "#SBATCH \"--nodefile=/d/hosts.txt\" \"--time=5\" \"--of-a-plugin\" \"3\"\n"},
		{"#SBATCH --nodefile=/x/hosts --exclude=n1 --export-file=3\n",
		 "#SBATCH --nodefile=/x/hosts --exclude=n1 --export-file=3\n"},
		{"#SBATCH --exclude=./bad --comment='a \"b'\n",
		 "#SBATCH \"--exclude=/d/./bad\" \"--comment=a \\\"b\"\n"},
		{"#SBATCH --export-file=env.txt\n", "#SBATCH \"--export-file=/d/env.txt\"\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *got = directives_copy(v[i].text, "/d");

		assert_string_equal(got, v[i].want);
		free(got);
	}
}

/* ---- the table ---- */

static void table(void **state)
{
	const struct sbatch_opt *opt, *last = NULL;

	(void)state;
	for (size_t i = 0; (opt = sbatch_nth(i)); last = opt, i++) {
		if (last)
			assert_true(strcmp(last->name, opt->name) < 0);
		assert_ptr_equal(sbatch_find(opt->name), opt);
		if (opt->letter)
			assert_ptr_equal(sbatch_by_letter(opt->letter), opt);
	}
}

/* Each option that slurmq sets itself is either passed in every call, or no variable sets it. */
static void owned_options_are_closed(void **state)
{
	const struct slurm_submission s = {.name = "n", .ntasks = 1, .output = "o", .script = ""};
	const struct sbatch_opt *opt;
	struct strs argv = {0};

	(void)state;
	slurm_sbatch_argv(&s, &argv);
	for (size_t i = 0; (opt = sbatch_nth(i)); i++) {
		const char *vars = opt->instead && opt->vars ? opt->vars : "";
		bool passed = false;

		for (size_t k = 1; k < argv.n; k++)
			passed = passed || (!strncmp(argv.v[k] + 2, opt->name, strlen(opt->name)) &&
					    strchr("=", argv.v[k][2 + strlen(opt->name)]));
		for (size_t n; *vars && !passed; vars += n + (vars[n] == ' ')) {
			char *pair;

			n = strcspn(vars, " ");
			pair = mem_printf("%.*s=1", (int)n, vars);
			if (!sbatch_owns_variable(pair))
				fail_msg("%s sets --%s", pair, opt->name);
			free(pair);
		}
	}
	assert_true(sbatch_owns_variable("SBATCH_WAIT=1"));
	assert_true(sbatch_owns_variable("SBATCH_ERROR="));
	assert_true(sbatch_owns_variable("SLURM_CLUSTERS=a"));
	assert_false(sbatch_owns_variable("SBATCH_PARTITION=gpu"));
	assert_false(sbatch_owns_variable("SBATCH_WAIT_ALL_NODES=1"));
	assert_false(sbatch_owns_variable("SBATCH_WAIT4SWITCH=1"));
	assert_false(sbatch_owns_variable("PATH=/bin"));
	strs_release(&argv);
}

/* Every variable that the installed sbatch reads is one of the table's. */
static void variables_of_the_installed_sbatch(void **state)
{
	FILE *f = popen("grep -aoE 'SBATCH_[A-Z0-9_]+' \"$(command -v sbatch)\" /dev/null | "
			"cut -d: -f2 | sort -u",
			"r");
	const struct sbatch_opt *opt;
	char line[80];

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		bool known = false;

		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; (opt = sbatch_nth(i)); i++) {
			const char *vars = opt->vars ? opt->vars : "";

			for (size_t n; *vars; vars += n + (vars[n] == ' ')) {
				n = strcspn(vars, " ");
				known = known || (strlen(line) == n && !strncmp(line, vars, n));
			}
		}
		if (!known)
			fail_msg("%s sets an option of sbatch, and the table lacks it", line);
	}
	pclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(places),
		cmocka_unit_test(copies),
		cmocka_unit_test(table),
		cmocka_unit_test(owned_options_are_closed),
		cmocka_unit_test(variables_of_the_installed_sbatch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
