/* A sweep's jobs, their order and identity, and the commands of each. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sha2.h>

#include "sweep/bash_start.h"
#include "sweep/sweepfile.h"

/* SHA-256 of the lines "job\tstep\tcommand" of t/data/bar-llama.yaml, as the original generator of
 * that study printed them. */
#define BAR_LLAMA "186d1160524b8af60e84d6efc5b4a29bd011e1109a7f09d3104104d016e3173e"

static struct sweep *parse(const char *dir, const char *text, bool load)
{
	struct complaints c = {0};
	struct sweep *sweep = NULL;
	struct err err = {0};
	int rc = sweepfile_parse("s", dir, text, strlen(text), &sweep, &c, &err);

	if (rc == 0 && load)
		rc = sweepfile_load_files(sweep, &c, &err);
	if (rc != 0)
		fail_msg("%s\nfor:\n%s", c.lines.n ? c.lines.v[0] : err.msg, text);
	complaints_release(&c);
	return sweep;
}

static struct sweep *sweep_of(const char *text)
{
	return parse("/nowhere", text, true);
}

static char *read_data(const char *name, char **dir)
{
	struct err err = {0};
	char path[256], *text;
	size_t len;

	snprintf(path, sizeof(path), "t/data/%s", name);
	if (sweepfile_slurp(path, &text, &len, dir, &err) != 0)
		fail_msg("%s", err.msg);
	return text;
}

static struct sweep *sweep_of_data(const char *name)
{
	char *dir, *text = read_data(name, &dir);
	struct sweep *sweep = parse(dir, text, true);

	free(text);
	free(dir);
	return sweep;
}

/* Returns each job as "a=1 b=x", joined by "; "; a drawn value has a star after it. Caller
 * frees. */
static char *list_jobs(const struct sweep *sweep)
{
	struct sweep_point point;
	struct sweep_iter it;
	struct err err = {0};
	struct buf b = {0};

	sweep_iter_init(&it, sweep);
	while (sweep_iter_next(&it, &point, &err) == 1) {
		if (b.len)
			buf_addstr(&b, "; ");
		if (point.variant)
			buf_addf(&b, "[%s] ", point.variant);
		for (size_t i = 0; i < point.n; i++)
			buf_addf(&b, "%s%s=%s%s", i ? " " : "", point.params[i].name,
				 point.params[i].value, point.params[i].drawn ? "*" : "");
	}
	sweep_iter_release(&it);
	return buf_take(&b);
}

static uint64_t count_jobs(const struct sweep *sweep)
{
	struct sweep_point point;
	struct sweep_iter it;
	struct err err = {0};
	uint64_t n = 0;

	sweep_iter_init(&it, sweep);
	while (sweep_iter_next(&it, &point, &err) == 1)
		n++;
	sweep_iter_release(&it);
	return n;
}

/* Plans the nth job, counted from 0. */
static void plan_nth(const struct sweep *sweep, size_t nth, struct plan *plan)
{
	struct sweep_point point;
	struct sweep_iter it;
	struct err err = {0};

	sweep_iter_init(&it, sweep);
	for (size_t i = 0; i <= nth; i++)
		assert_int_equal(sweep_iter_next(&it, &point, &err), 1);
	if (sweep_plan(sweep, &point, (int64_t)nth + 1, plan, &err) != 0)
		fail_msg("%s", err.msg);
	sweep_iter_release(&it);
}

static char *join_words(const struct strs *words)
{
	struct buf b = {0};

	for (size_t i = 0; i < words->n; i++)
		buf_addf(&b, "%s%s", i ? "|" : "", words->v[i]);
	return buf_take(&b);
}

/* Compares the words with expected, in which START stands for bash_start_before. */
static void check_joined(const struct strs *words, const char *expected)
{
	char *got = join_words(words), *start = strstr(got, bash_start_before);

	if (start) {
		char *rest = start + strlen(bash_start_before);

		memcpy(start, "START ", 6);
		memmove(start + 6, rest, strlen(rest) + 1);
	}
	assert_string_equal(got, expected);
	free(got);
}

/* Orders and axes: the text of params, the jobs. */
static const struct {
	const char *space, *expected;
} spaces[] = {
	{"params: {a: [1, 2], b: [x, y]}", "a=1 b=x; a=1 b=y; a=2 b=x; a=2 b=y"},
	{"params: {a: v}", "a=v"},
	{"{}", ""},
	{"params: {b: [1], a: [1]}\nzip: [{d: [1, 2], c: [3, 4]}]",
	 "d=1 c=3 b=1 a=1; d=2 c=4 b=1 a=1"},
	{"params: {a: {from: 0.1, to: 0.5, step: 0.1}}", "a=0.1; a=0.2; a=0.3; a=0.4; a=0.5"},
	{"params: {a: {from: 0.10, to: 0.2, step: 0.05}}", "a=0.10; a=0.15; a=0.20"},
	{"params: {a: {from: 3, to: -1, step: -2}}", "a=3; a=1; a=-1"},
	{"params: {a: {from: 1, to: 4.5, step: 1.5}}", "a=1; a=2.5; a=4.0"},
	{"params: {a: {from: 16, to: 128, factor: 2}}", "a=16; a=32; a=64; a=128"},
	{"params: {a: {from: 1, to: 0.1, factor: 0.5}}", "a=1; a=0.5; a=0.25; a=0.125"},
	{"params: {a: {from: 1e-5, to: 1e-3, factor: 10}}", "a=1e-5; a=1e-4; a=1e-3"},
	{"params: {a: {from: 1e2, to: 1e4, num: 5, scale: log}}",
	 "a=1e2; a=316.228; a=1000; a=3162.28; a=1e4"},
	{"params: {a: {from: 0, to: 1.0, num: 5}}", "a=0; a=0.25; a=0.5; a=0.75; a=1.0"},
	{"params: {a: {from: 0, to: 10000000, num: 3}}", "a=0; a=5000000; a=10000000"},
	{"params: {a: {values: [1, 2], default: 2}}", "a=1; a=2"},
	{"params: {a: [1, 2, 3]}\nexclude: [{a: 2.0}]", "a=1; a=3"},
	{"params: {a: [1, 2, 3]}\nexclude: [{a: {not: [2, 3]}}]", "a=2; a=3"},
	{"params: {a: [1, 2, 3, x]}\nexclude: [{a: {gt: 1, lt: 3}}, {a: x}]", "a=1; a=3"},
	{"params: {a: [9, 10, 1e1, x]}\nexclude: [{a: {ge: 10}}]", "a=9; a=x"},
	{"params: {a: [-1, 0, -0.5, .0]}\nexclude: [{a: {le: -5e-1}}]", "a=0; a=.0"},
	{"params: {a: [1, 2], b: [1, 2]}\nexclude: [{a: 1, b: 2}]", "a=1 b=1; a=2 b=1; a=2 b=2"},
	{"params: {a: [1, 2]}\ninclude: [{a: 5}]\nexclude: [{a: {ge: 2}}]", "a=1; a=5"},
	{"params: {a: [1, 2], b: [x]}\nvariants:\n  - {name: v, params: {a: [3]}}\n"
	 "  - {name: w, params: {c: [4, 5]}, exclude: [{a: 1}]}",
	 "[v] a=3 b=x; [w] a=2 b=x c=4; [w] a=2 b=x c=5"},
	{"zip: [{a: [1, 2], c: [3, 4]}]\nparams: {b: [x]}\nvariants:\n"
	 "  - {name: v, params: {a: [9]}}\n  - {name: w, zip: [{b: [5], d: [6]}]}",
	 "[v] b=x a=9; [w] a=1 c=3 b=5 d=6; [w] a=2 c=4 b=5 d=6"},
	{"params: {k: {randint: [1, 6]}, a: [p, q], c: {choice: [a, b, c]}}\nsample: {n: 2, seed: 821}",
	 "k=4* a=p c=b*; k=3* a=p c=a*; k=4* a=q c=b*; k=3* a=q c=a*"},
	{"params: {lr: {loguniform: [1e-5, 1e-1]}, dropout: {uniform: [0, 0.7]}}\n"
	 "sample: {n: 3, seed: 821}",
	 "lr=0.0263658* dropout=0.638126*; lr=0.000393598* dropout=0.346684*; "
	 "lr=1.8008e-05* dropout=0.212538*"},
	{"sample: {n: 2, seed: 821}\nvariants:\n  - {name: v, params: {k: {randint: [1, 6]}}}\n"
	 "  - {name: w, params: {k: 0}}",
	 "[v] k=4*; [v] k=3*; [w] k=0"},
	/* strings are values, byte for byte */
	{"params:\n  a: [1e-3, 0.10, 007, no, null, ~, 3.10, 1_000, 0x1F, \"\", .5, On, +1, 1., '1']\n",
	 "a=1e-3; a=0.10; a=007; a=no; a=null; a=~; a=3.10; a=1_000; a=0x1F; a=; a=.5; a=On; a=+1; "
	 "a=1.; a=1"},
	{"params:\n  a:\n    - 47:45:00\n    - 2001-01-01\n    - \"a  b\"\n    - 'it''s'\n    - \xc3\xbc\n",
	 "a=47:45:00; a=2001-01-01; a=a  b; a=it's; a=\xc3\xbc"},
	{"params: {a: &x [1, 2], b: *x}\nexclude: [{a: 1}]", "a=2 b=1; a=2 b=2"},
};

static void test_spaces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++) {
		const char *space = spaces[i].space;
		char *text =
			mem_printf("name: n\n%s\nrun: [a]\n", !strcmp(space, "{}") ? "" : space);
		struct sweep *sweep = sweep_of(text);
		char *got = list_jobs(sweep);

		if (strcmp(got, spaces[i].expected) != 0)
			fail_msg("%s\ngives %s\nnot   %s", space, got, spaces[i].expected);
		free(got);
		free(text);
		sweep_free(sweep);
	}
}

/* A sweep without parameters is one job. */
static void test_one_job(void **state)
{
	struct sweep *sweep = sweep_of("name: n\nrun: [a]\n");

	(void)state;
	assert_int_equal(count_jobs(sweep), 1);
	sweep_free(sweep);
}

static void test_drawn_values_stay(void **state)
{
	static const char small[] =
		"name: n\nparams: {x: {uniform: [0, 1]}}\nsample: {n: 2, seed: 1}\n"
		"run: [a]\n";
	static const char large[] =
		"name: n\nparams: {w: {uniform: [0, 1]}, x: {uniform: [0, 1]}}\n"
		"sample: {n: 9, seed: 1}\nrun: [a]\n";
	struct sweep *a = sweep_of(small), *b = sweep_of(large);
	struct sweep_point p, q;
	struct sweep_iter i, j;
	struct err err = {0};

	(void)state;
	sweep_iter_init(&i, a);
	sweep_iter_init(&j, b);
	while (sweep_iter_next(&i, &p, &err) == 1) {
		assert_int_equal(sweep_iter_next(&j, &q, &err), 1);
		assert_string_equal(p.params[0].value, q.params[1].value);
		assert_true(sweep_identity(a, &p) == sweep_identity(b, &q));
	}
	sweep_iter_release(&i);
	sweep_iter_release(&j);
	sweep_free(a);
	sweep_free(b);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *params;
		int rc;
		uint64_t n;
	} cases[] = {
		{"{a: [1, 2], b: [1, 2, 3]}", 0, 6},
		{"{a: {from: 1, to: 1000, step: 1}, b: {from: 1, to: 1000, step: 1}}", 0, 1000000},
		{"{a: {from: 1, to: 1001, step: 1}, b: {from: 1, to: 1000, step: 1}}", -1, 0},
	};
	static const char huge[] = "name: n\nparams:\n";
	struct buf b = {0};
	struct sweep *sweep;
	struct err err = {0};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = mem_printf("name: n\nparams: %s\nrun: [a]\n", cases[i].params);

		sweep = sweep_of(text);
		assert_int_equal(sweep_count_max(sweep, 1000000, &n, &err), cases[i].rc);
		if (cases[i].rc == 0)
			assert_int_equal(n, cases[i].n);
		else
			assert_non_null(strstr(err.msg, "1001000 jobs, and the limit is 1000000"));
		free(text);
		sweep_free(sweep);
	}
	buf_addstr(&b, huge);
	for (int i = 0; i < 8; i++)
		buf_addf(&b, "  p%d: {from: 1, to: 1000, step: 1}\n", i);
	buf_addstr(&b, "run: [a]\n");
	sweep = sweep_of(buf_str(&b));
	assert_int_equal(sweep_count_max(sweep, UINT64_MAX, &n, &err), -1);
	assert_non_null(strstr(err.msg, "more jobs than can be counted"));
	sweep_free(sweep);
	buf_release(&b);
}

/* Identity of a job: what it includes, and what it does not. */

static const struct {
	const char *text;
	const char *identity; /* NUL bytes as bars */
} identities[] = {
	{"name: n\nparams: {b: x, a: 1}\nrun: [a]\n", "n|a=1|b=x|"},
	{"name: n\nparams: {a: 1, b: x}\nlet: {c: q}\nsbatch: {mem: 1}\nrun: [b, \"{c}\"]\n",
	 "n|a=1|b=x|"},
	{"name: n\nparams: {a: 1, b: x, c: {values: [0], default: 0}}\nrun: [a]\n", "n|a=1|b=x|"},
	{"name: n\nparams: {a: 1, c: {values: [0.0], default: 0}}\nrun: [a]\n", "n|a=1|c=0.0|"},
	{"name: n\nvariants: [{name: v, params: {a: 1}}]\nrun: [a]\n", "n|a=1|"},
	{"name: n\nparams: {x: {uniform: [0, 1]}, a: 1}\nsample: {n: 1, seed: 7}\nrun: [a]\n",
	 "n|@seed=7|@sample=0|a=1|"},
	{"name: n\nrun: [a]\n", "n|"},
};

static void test_identity(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(identities) / sizeof(*identities); i++) {
		struct sweep *sweep = sweep_of(identities[i].text);
		struct sweep_point point;
		struct sweep_iter it;
		struct err err = {0};
		struct buf text = {0};

		sweep_iter_init(&it, sweep);
		assert_int_equal(sweep_iter_next(&it, &point, &err), 1);
		sweep_identity_text(sweep, &point, &text);
		for (size_t k = 0; k < text.len; k++)
			text.s[k] = text.s[k] ? text.s[k] : '|';
		assert_string_equal(buf_str(&text), identities[i].identity);
		/* computed by another program: sha256("n\0a=1\0b=x\0"), and for the drawn job */
		if (i == 0)
			assert_true(sweep_identity(sweep, &point) == UINT64_C(0x7753b6c4be50e0ef));
		if (i == 5)
			assert_true(sweep_identity(sweep, &point) == UINT64_C(0x80037275fa8fd5c4));
		sweep_iter_release(&it);
		buf_release(&text);
		sweep_free(sweep);
	}
}

/* The examples. */

static void hash_commands(const struct sweep *sweep, char hex[SHA256_DIGEST_STRING_LENGTH],
			  size_t *steps)
{
	struct sweep_point point;
	struct sweep_iter it;
	struct err err = {0};
	SHA2_CTX ctx;
	int64_t n = 0;

	SHA256Init(&ctx);
	sweep_iter_init(&it, sweep);
	*steps = 0;
	while (sweep_iter_next(&it, &point, &err) == 1) {
		struct plan plan;

		assert_int_equal(sweep_plan(sweep, &point, ++n, &plan, &err), 0);
		for (size_t i = 0; i < plan.nsteps; i++) {
			const struct plan_step *s = &plan.steps[i];
			bool script = !strcmp(s->shown.v[0], "bash");
			struct buf line = {0};

			buf_addf(&line, "%" PRId64 "\t%s\t", n, s->name);
			for (size_t w = script ? 2 : 0; w < s->shown.n; w++)
				buf_addf(&line, "%s%s", w > (script ? 2 : 0) ? " " : "",
					 s->shown.v[w]);
			buf_addch(&line, '\n');
			SHA256Update(&ctx, (const uint8_t *)line.s, line.len);
			buf_release(&line);
		}
		*steps += plan.nsteps;
		plan_release(&plan);
	}
	sweep_iter_release(&it);
	SHA256End(&ctx, hex);
}

static void test_bar_llama(void **state)
{
	struct sweep *sweep = sweep_of_data("bar-llama.yaml");
	char hex[SHA256_DIGEST_STRING_LENGTH];
	struct plan plan;
	size_t steps;

	(void)state;
	assert_int_equal(count_jobs(sweep), 96);
	hash_commands(sweep, hex, &steps);
	assert_int_equal(steps, 1440);
	assert_string_equal(hex, BAR_LLAMA);
	assert_true(sweep_sbatch_uniform(sweep));

	plan_nth(sweep, 0, &plan);
	check_joined(&plan.sbatch, "--partition=gpu_8|--gres=gpu:1|--mem=36G|--time=47:45:00");
	check_joined(&plan.env, "WANDB_PROJECT=bar_llama");
	assert_string_equal(
		plan.steps[1].key,
		"eval eval_set=test_set_1 infer_seed=seed_206 gen=greedy quant=full_model "
		"status=trained");
	check_joined(&plan.steps[1].needs, "train");
	assert_int_equal(plan.steps[0].on_fail, PLAN_STOP);
	assert_int_equal(plan.steps[1].on_fail, PLAN_CONTINUE);
	check_joined(
		&plan.steps[1].params,
		"eval_set=test_set_1|infer_seed=seed_206|gen=greedy|quant=full_model|status=trained");
	plan_release(&plan);
	sweep_free(sweep);
}

static void test_bar_llama_whole(void **state)
{
	char hex[SHA256_DIGEST_STRING_LENGTH], *dir, *text = read_data("bar-llama.yaml", &dir);
	char *from = strstr(text, "    exclude:"), *to = strstr(text, "    run: python3 eval.py");
	struct sweep *sweep;
	size_t steps;

	(void)state;
	memmove(from, to, strlen(to) + 1);
	sweep = parse(dir, text, true);
	hash_commands(sweep, hex, &steps);
	assert_int_equal(steps, 2400);
	sweep_free(sweep);
	free(text);
	free(dir);
}

static void test_cifar(void **state)
{
	struct sweep *sweep = sweep_of_data("cifar.yaml");
	struct plan plan;

	(void)state;
	assert_int_equal(count_jobs(sweep), 240);
	assert_false(sweep_sbatch_uniform(sweep));
	plan_nth(sweep, 0, &plan);
	check_joined(&plan.steps[0].argv, "python|train.py|--arch|resnet18|--seed|1|--lr|0.0263658|"
					  "--dropout|0.638126|--amp");
	check_joined(&plan.sbatch, "--gres=gpu:1|--mem=16G|--time=4:00:00");
	plan_release(&plan);
	plan_nth(sweep, 140, &plan); /* model vit_s, amp off */
	check_joined(&plan.steps[0].argv, "python|train.py|--arch|vit_s|--seed|1|--lr|0.0263658|"
					  "--dropout|0.638126");
	check_joined(&plan.sbatch, "--gres=gpu:1|--mem=48G|--time=4:00:00");
	plan_release(&plan);
	sweep_free(sweep);
}

static void test_flow(void **state)
{
	struct sweep *sweep = sweep_of_data("flow.yaml");
	struct plan plan;

	(void)state;
	assert_int_equal(count_jobs(sweep), 624);
	plan_nth(sweep, 104, &plan); /* the third row, with a comma in a value */
	check_joined(&plan.steps[0].shown,
		     "bash|-c|srun ./solve --mesh coarse.msh --inlet 'swirl, left' "
		     "--re 1e2 --order 2");
	check_joined(&plan.sbatch, "--ntasks=16|--mem-per-cpu=2G|--time=4:00:00");
	plan_release(&plan);
	plan_nth(sweep, 51, &plan);
	check_joined(&plan.sbatch, "--ntasks=128|--mem-per-cpu=6G|--time=1-00:00:00");
	plan_release(&plan);
	sweep_free(sweep);
}

/* Plans. */

static const struct {
	const char *text;
	const char *sbatch, *env, *title, *argv, *vars, *shown;
} plans[] = {
	{"name: n\nparams: {x: 'a b'}\nrun: [p, \"{x}\", -, \"{@id}\", \"{@args}\", \"{@kv}\"]\n",
	 "", "", NULL, "p|a b|-|1|--x|a b|x=a b", "", "p|a b|-|1|--x|a b|x=a b"},
	{"name: n\nparams: {x: 'a b'}\nrun: p {x} \"{x}\"\n", "", "", NULL,
	 "bash|-e|-o|pipefail|-c|START p \"${_slurmq_1}\" \"${_slurmq_1}\"|run", "_slurmq_1=a b",
	 "bash|-c|p 'a b' \"a b\""},
	{"name: n\nparams: {x: $a}\nsetup: source {x}\nrun: [p, \"{x}\"]\n", "", "", NULL,
	 "bash|-e|-o|pipefail|-c|START source \"${_slurmq_1}\"\nunset _slurmq_setup; \"$@\"|run|p|$a",
	 "_slurmq_1=$a", "p|$a"},
	{"name: n\nparams: {x: 1}\nsetup: |\n  a\nrun: |\n  p \"{x}\"\n", "", "", NULL,
	 "bash|-e|-o|pipefail|-c|START a\n\nunset _slurmq_setup; p \"${_slurmq_1}\"\n|run",
	 "_slurmq_1=1", "bash|-c|p \"1\"\n"},
	{"name: n\nparams: {x: 1}\nlet: {y: \"{x}-{z}\", z: \"<{x}>\"}\nrun: [\"{y}\"]\n", "", "",
	 NULL, "1-<1>", "", "1-<1>"},
	{"name: n\nparams: {x: 1, c: ''}\ntitle: \"{x} {@kv}\"\nsbatch: {mem: \"{x}G\", exclusive: true, "
	 "reboot: false, constraint: \"{c?}\", comment: 'true'}\nenv: {A: \"{x}\", B: \"{c?}\", C: "
	 "\"{c}\"}\nrun: [a]\n",
	 "--mem=1G|--exclusive|--comment=true", "A=1|C=", "1 x=1 c=", "a", "", "a"},
	{"name: n\nparams: {x: 1}\nsbatch: {mem: 1G, exclusive: true}\noverrides:\n  - {when: {x: 1.0}, "
	 "sbatch: {mem: 2G, exclusive: false, qos: q}, env: {A: b}}\n  - {when: {x: {lt: 2}}, sbatch: "
	 "{mem: 3G}}\nrun: [a]\n",
	 "--mem=3G|--qos=q", "A=b", NULL, "a", "", "a"},
	{"name: n\nlet: {y: base}\nsbatch: {mem: 1G, time: 1}\nenv: {A: 1, B: 2}\nvariants:\n  - {name: v, "
	 "params: {x: 1}, let: {y: own}, sbatch: {mem: 2G}, env: {B: \"{y}\"}}\nrun: [\"{y}\"]\n",
	 "--mem=2G|--time=1", "A=1|B=own", NULL, "own", "", "own"},
	{"name: n\nparams: {x: 1}\nrun: p {@args} {@kv} {@id}\n", "", "", NULL,
	 "bash|-e|-o|pipefail|-c|START p \"${_slurmq_1}\" \"${_slurmq_2}\" \"${_slurmq_3}\" \"${_slurmq_4}\"|run",
	 "_slurmq_1=--x|_slurmq_2=1|_slurmq_3=x=1|_slurmq_4=1", "bash|-c|p --x 1 x=1 1"},
};

static void test_plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
		struct sweep *sweep = sweep_of(plans[i].text);
		struct plan plan;

		plan_nth(sweep, 0, &plan);
		check_joined(&plan.sbatch, plans[i].sbatch);
		check_joined(&plan.env, plans[i].env);
		if (plans[i].title)
			assert_string_equal(plan.title, plans[i].title);
		else
			assert_null(plan.title);
		check_joined(&plan.steps[0].argv, plans[i].argv);
		check_joined(&plan.steps[0].vars, plans[i].vars);
		check_joined(&plan.steps[0].shown, plans[i].shown);
		assert_string_equal(plan.directives, "");
		plan_release(&plan);
		sweep_free(sweep);
	}
}

/* A script's text is the same for every job. */
static void test_text_is_shared(void **state)
{
	struct sweep *sweep = sweep_of_data("bar-llama.yaml");
	struct plan first, last;

	(void)state;
	plan_nth(sweep, 0, &first);
	plan_nth(sweep, 95, &last);
	assert_string_equal(first.steps[1].argv.v[5], last.steps[1].argv.v[5]);
	assert_string_equal(first.steps[1].argv.v[6], "eval");
	assert_null(strstr(first.steps[1].argv.v[5], "llama2"));
	plan_release(&first);
	plan_release(&last);
	sweep_free(sweep);
}

/* Runs a step. Its exit status is the command's, also after a setup. */
static int run_step(const struct plan_step *step)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		for (size_t i = 0; i < step->vars.n; i++)
			putenv(step->vars.v[i]);
		if (freopen("/dev/null", "w", stderr))
			execvp(step->argv.v[0], step->argv.v);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void test_exit_status(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"run: [sh, -c, exit 3]", 3},
		{"setup: 'f() { return 4; }'\nrun: [f]", 4},
		{"setup: 'true; false; true'\nrun: [\"true\"]", 1},
		{"setup: export A=7\nrun: exit $A", 7},
		{"setup: export A=7\nrun: [sh, -c, 'exit $A']", 7},
		{"run: exit {x}", 5},
		{"run: |\n  false\n  exit 0", 1},
		{"setup: set -- a b\nrun: [\"true\"]", 127},
		{"run: [sh, -c, 'kill -9 $$']", 1009},
		{"setup: \"true\"\nrun: [sh, -c, 'kill -9 $$']", 1009},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = mem_printf("name: n\nparams: {x: 5}\n%s\n", cases[i].text);
		struct sweep *sweep = sweep_of(text);
		struct plan plan;
		int status;

		plan_nth(sweep, 0, &plan);
		status = run_step(&plan.steps[0]);
		if (status != cases[i].status)
			fail_msg("%s: %d, not %d", cases[i].text, status, cases[i].status);
		plan_release(&plan);
		sweep_free(sweep);
		free(text);
	}
}

/* Values, byte for byte, as the programs of a job's steps get them. */

#define TRACE "slurmq-test-trace"

static const char *const given_values[] = {
	"1e-3",
	"0.10",
	"007",
	"no",
	"null",
	"~",
	"3.10",
	"1_000",
	"47:45:00",
	"0x1F",
	"",
	".5",
	"two words",
	"it's",
	"\"",
	"$(touch " TRACE ")",
	"`touch " TRACE "`",
	"-n",
	"--",
	"-va[$(touch " TRACE ")]",
	"a[$(touch " TRACE ")]",
	"\\",
	"*",
	"$HOME",
	"; touch " TRACE,
	"\xc3\xbc",
	"{x}",
	"#",
	"!!",
	" lead",
	"trail ",
	"E",
};

enum { GIVEN = sizeof(given_values) / sizeof(*given_values) };

/* Returns the output of the step. Caller frees. */
static char *step_output(const struct plan_step *step)
{
	struct buf out = {0};
	char chunk[4096];
	int fds[2], status;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		close(fds[0]);
		for (size_t i = 0; i < step->vars.n; i++)
			putenv(step->vars.v[i]);
		execvp(step->argv.v[0], step->argv.v);
		_exit(126);
	}
	close(fds[1]);
	while ((got = read(fds[0], chunk, sizeof(chunk))) > 0)
		buf_add(&out, chunk, (size_t)got);
	close(fds[0]);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	return buf_take(&out);
}

static void add_yaml_values(struct buf *b)
{
	for (int i = 0; i < GIVEN; i++) {
		const char *v = given_values[i];
		bool plain = i < 12 && *v;

		buf_addf(b, "    - %s", plain ? v : "'");
		for (; !plain && *v; v++)
			buf_addf(b, *v == '\'' ? "''" : "%c", *v);
		buf_addstr(b, plain ? "\n" : "'\n");
	}
}

static void check_values(const char *run, const char *expected)
{
	struct buf text = {0};
	struct sweep *sweep;

	buf_addstr(&text, "name: n\nparams:\n  x:\n");
	add_yaml_values(&text);
	buf_addf(&text, "%s\n", run);
	sweep = sweep_of(buf_str(&text));
	assert_int_equal(count_jobs(sweep), GIVEN);
	for (size_t i = 0; i < GIVEN; i++) {
		struct buf want = {0};
		struct plan plan;
		char *got;

		plan_nth(sweep, i, &plan);
		got = step_output(&plan.steps[0]);
		for (const char *e = expected; *e; e++)
			buf_addf(&want, *e == '%' ? "%s" : "%.1s", *e == '%' ? given_values[i] : e);
		assert_string_equal(got, buf_str(&want));
		buf_release(&want);
		free(got);
		plan_release(&plan);
	}
	sweep_free(sweep);
	buf_release(&text);
}

static void test_values_reach_a_program(void **state)
{
	static const char *const scripts[][2] = {
		{"run: [printf, '<%s>', '{x}', 'a{x}b', '--k={x}']", "<%><a%b><--k=%>"},
		{"setup: 'true {x}'\nrun: [printf, '<%s>', '{x}']", "<%>"},
		{"run: printf '<%s>' {x} \"{x}\" --k={x} a\"{x}\"b", "<%><%><--k=%><a%b>"},
		{"run: |\n  cat <<END\n  {x}\n  END\n  printf '<%s>' \"$(printf '%s' {x}; echo .)\"",
		 "%\n<%.>"},
		{"let: {y: \"<{x}>\"}\nrun: \"for i in {y} {x}; do printf '%s|' \\\"$i\\\"; done # "
		 "{x}\"",
		 "<%>|%|"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		check_values(scripts[i][0], scripts[i][1]);
	assert_int_not_equal(access(TRACE, F_OK), 0);
}

/* A job from the store: only the stored text is parsed, no file is opened. */
static void test_stored_point(void **state)
{
	struct sweep_param params[] = {{"re", "1e2", false},  {"old", "x", false},
				       {"mesh", "m", false},  {"inlet", "a b", false},
				       {"order", "4", false}, {"ranks", "16", false}};
	struct sweep_point point = {.n = 6, .params = params, .sample = -1};
	char *dir, *text = read_data("flow.yaml", &dir);
	struct sweep *sweep = parse("/nowhere", text, false);
	struct err err = {0};
	struct plan plan;

	(void)state;
	assert_int_equal(sweep_plan(sweep, &point, 9, &plan, &err), 0);
	check_joined(&plan.steps[0].shown,
		     "bash|-c|srun ./solve --mesh m --inlet 'a b' --re 1e2 --order 4");
	check_joined(&plan.sbatch, "--ntasks=16|--mem-per-cpu=6G|--time=4:00:00");
	plan_release(&plan);
	point.n = 5;
	assert_int_equal(sweep_plan(sweep, &point, 9, &plan, &err), -1);
	assert_string_equal(err.msg, "sweep 'flow': the job has no parameter 'ranks'");
	assert_int_equal(plan.nsteps, 0);
	sweep_free(sweep);
	free(text);
	free(dir);
}

/* A parameter with a default that was added later applies to old jobs. */
static void test_default_for_old_jobs(void **state)
{
	struct sweep *sweep = sweep_of("name: n\nparams: {a: 1, b: {values: [0, 1], default: 0}}\n"
				       "run: [\"{a}{b}\"]\n");
	struct sweep_param params[] = {{"a", "1", false}, {"b", "0", false}};
	struct sweep_point point = {.n = 1, .params = params, .sample = -1};
	uint64_t before = sweep_identity(sweep, &point);
	struct err err = {0};
	struct plan plan;

	(void)state;
	assert_int_equal(sweep_plan(sweep, &point, 1, &plan, &err), 0);
	check_joined(&plan.steps[0].argv, "10");
	plan_release(&plan);
	point.n = 2;
	assert_true(sweep_identity(sweep, &point) == before);
	params[1].value = "1";
	assert_true(sweep_identity(sweep, &point) != before);
	sweep_free(sweep);
}

static const struct {
	const char *text, *expected;
} refused[] = {
	{"name: n\nsteps: [{name: s, run: [a], params: {k: [1, 1]}}]\n",
	 "sweep 'n': step 's k=1' is twice in a job: its params have a value twice"},
	{"name: n\nsteps: [{name: s, run: [a], params: {k: {from: 1, to: 10001, step: 1}}}]\n",
	 "sweep 'n': a job has more than 10,000 steps"},
	{"name: n\nparams: {c: ''}\nrun: [\"{c}\"]\n",
	 "s:3:7: error: step 'run' has no command in some jobs: its first word has no text"},
	{"name: n\nparams: {x: {choice: [a]}}\nsample: {n: 1, seed: 1}\nlet: {y: {by: x, map: {b: c}}}\n"
	 "run: [\"{y}\"]\n",
	 NULL},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct complaints c = {0};
		struct sweep_point point = {.sample = -1};
		struct sweep_param param = {"c", "", false};
		struct err err = {0};
		struct sweep *sweep = NULL;
		struct plan plan;
		int rc = sweepfile_parse("s", "/", refused[i].text, strlen(refused[i].text), &sweep,
					 &c, &err);

		point.params = &param;
		point.n = 1;
		if (rc == 0)
			rc = sweepfile_load_files(sweep, &c, &err);
		if (rc == 0)
			rc = sweep_plan(sweep, &point, 1, &plan, &err);
		assert_int_equal(rc, -1);
		if (refused[i].expected)
			assert_string_equal(err.msg, refused[i].expected);
		complaints_release(&c);
		sweep_free(sweep);
	}
}

/* A let expression that grows without bound is stopped. */
static void test_unbounded_let(void **state)
{
	struct buf b = {0};
	struct sweep *sweep;
	struct sweep_point point = {.sample = -1};
	struct err err = {0};
	struct plan plan;

	(void)state;
	buf_addstr(&b, "name: n\nlet:\n  l0: aaaaaaaaaa\n");
	for (int i = 1; i < 30; i++)
		buf_addf(&b, "  l%d: \"{l%d}{l%d}{l%d}\"\n", i, i - 1, i - 1, i - 1);
	buf_addstr(&b, "run: [\"{l29}\"]\n");
	sweep = sweep_of(buf_str(&b));
	assert_int_equal(sweep_plan(sweep, &point, 1, &plan, &err), -1);
	assert_non_null(strstr(err.msg, "128 KiB"));
	sweep_free(sweep);
	buf_release(&b);
}

static void test_script(void **state)
{
	struct sweep *sweep = parse("/dir", "name: n\nscript: job.sh\nsbatch: {mem: 1G}\n", false);
	struct sweep_point point = {.sample = -1};
	struct err err = {0};
	struct plan plan;

	(void)state;
	assert_string_equal(sweep_script_path(sweep), "/dir/job.sh");
	assert_null(sweep_script_text(sweep));
	sweep_set_script(sweep,
			 "#!/bin/bash\n#SBATCH --mem=1\n\n  # c\n#SBATCH  -n 2\ntrue\n#SBATCH x\n");
	assert_int_equal(sweep_plan(sweep, &point, 1, &plan, &err), 0);
	assert_string_equal(plan.directives, "#SBATCH --mem=1\n#SBATCH  -n 2\n");
	assert_int_equal(plan.nsteps, 1);
	assert_string_equal(plan.steps[0].name, "script");
	assert_int_equal(plan.steps[0].argv.n, 0);
	check_joined(&plan.sbatch, "--mem=1G");
	check_joined(&plan.script_env, "SLURM_JOB_NAME=job.sh");
	plan_release(&plan);
	sweep_free(sweep);
}

static void test_script_arguments(void **state)
{
	struct sweep *sweep = parse("/dir",
				    "name: n\nscript: [job.sh, \"{lr}\", \"{none?}\", \"{@kv}\"]\n"
				    "params: {lr: \"a b\", none: \"\"}\n"
				    "sbatch: {nodefile: hosts, exclude: n1, chdir: out}\n",
				    false);
	struct sweep_param params[] = {{"lr", "a b", false}, {"none", "", false}};
	struct sweep_point point = {.n = 2, .params = params, .sample = -1};
	struct err err = {0};
	struct plan plan;

	(void)state;
	sweep_set_script(sweep, "#!/bin/bash\n#SBATCH -J fit --exclude=./bad\necho $1\n");
	assert_int_equal(sweep_plan(sweep, &point, 1, &plan, &err), 0);
	check_joined(&plan.steps[0].argv, "a b|lr=a b|none=");
	check_joined(&plan.sbatch, "--nodefile=/dir/hosts|--exclude=n1|--chdir=out");
	check_joined(&plan.script_env, "SLURM_JOB_NAME=fit");
	assert_string_equal(plan.directives,
			    "#SBATCH \"--job-name=fit\" \"--exclude=/dir/./bad\"\n");
	plan_release(&plan);
	sweep_free(sweep);
}

static void test_policy(void **state)
{
	struct sweep *sweep =
		sweep_of("name: n\nrun: [a]\nrestartable: true\ncheckpoint: USR1\n"
			 "retry: {max: 3, TIMEOUT: {time: x1.5, max_time: 2-00:00:00}, "
			 "NODE_FAIL: again, EXIT: {codes: [75, 1], delay: 10m}}\n");
	struct sweep *plain = sweep_of("name: n\nrun: [a]\n");
	const struct sweep_retry *r = sweep_retry(sweep);

	(void)state;
	assert_true(r->given && r->max == 3);
	assert_true(r->rules[RETRY_TIMEOUT].again && r->rules[RETRY_NODE_FAIL].again);
	assert_string_equal(r->rules[RETRY_TIMEOUT].time, "x1.5");
	assert_string_equal(r->rules[RETRY_TIMEOUT].max_time, "2-00:00:00");
	assert_false(r->rules[RETRY_OUT_OF_MEMORY].again);
	assert_int_equal(r->rules[RETRY_EXIT].ncodes, 2);
	assert_true(r->rules[RETRY_EXIT].codes[75] && !r->rules[RETRY_EXIT].codes[2]);
	assert_int_equal(r->rules[RETRY_EXIT].delay, 600);
	assert_true(sweep_restartable(sweep));
	assert_string_equal(sweep_checkpoint(sweep), "USR1");
	assert_false(sweep_retry(plain)->given || sweep_restartable(plain));
	assert_int_equal(sweep_retry(plain)->max, -1);
	assert_null(sweep_checkpoint(plain));
	sweep_free(sweep);
	sweep_free(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spaces),
		cmocka_unit_test(test_one_job),
		cmocka_unit_test(test_drawn_values_stay),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_bar_llama),
		cmocka_unit_test(test_bar_llama_whole),
		cmocka_unit_test(test_cifar),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_text_is_shared),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_values_reach_a_program),
		cmocka_unit_test(test_stored_point),
		cmocka_unit_test(test_default_for_old_jobs),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unbounded_let),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_script_arguments),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
