#include "chain/step_env.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/json.h"
#include "sweep/bash_start.h"

enum { VARIABLE_MOST = 120 * 1024 };

/* Returns prefix and name as the name of an environment variable: every character but letters,
 * digits and _ becomes _. The caller frees it. */
static char *make_variable_name(const char *prefix, const char *name, size_t len)
{
	struct buf b = {0};

	buf_addstr(&b, prefix);
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool ok =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		buf_addch(&b, ok ? c : '_');
	}
	return buf_take(&b);
}

/* Sets the variable unless it is too large for execve(2) (MAX_ARG_STRLEN is 128 KiB). A larger
 * variable, which the command may not even read, would prevent the command from starting. */
static void set_small(struct strs *env, const char *name, const char *value)
{
	if (strlen(name) + strlen(value) < VARIABLE_MOST)
		env_set(env, name, value);
}

static void add_params(struct strs *env, const struct strs *params, struct json *j)
{
	for (size_t i = 0; i < params->n; i++) {
		const char *pair = params->v[i], *eq = strchr(pair, '=');
		char *name = mem_strndup(pair, (size_t)(eq - pair));
		char *var = make_variable_name("SLURMQ_PARAM_", pair, (size_t)(eq - pair));

		set_small(env, var, eq + 1);
		json_str(j, name, eq + 1);
		free(var);
		free(name);
	}
}

static void set_number(struct strs *env, const char *name, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	env_set(env, name, text);
}

void step_env_base(const struct manifest_task *task, const char *dir, const char *journal,
		   struct strs *env)
{
	static const char array[] = "SLURM_ARRAY_";
	const char *slash = strrchr(dir, '/');
	char *path = mem_printf("%s/running/%s", dir, journal);
	char *root = slash > dir ? mem_strndup(dir, (size_t)(slash - dir)) : mem_strdup("/");

	for (char **e = environ; *e; e++)
		if (strncmp(*e, array, sizeof(array) - 1) != 0)
			strs_add(env, *e);
	/* set because slurmq passes --open-mode: srun would append to the output files of its
	 * steps (srun(1), SLURM_OPEN_MODE) */
	env_unset(env, "SLURM_OPEN_MODE");
	for (size_t i = 0; i < task->env.n; i++)
		env_put(env, task->env.v[i]);
	/* Slurm sets the folder in which sbatch was called, which for the chain is any folder */
	env_set(env, "SLURM_SUBMIT_DIR", root);
	env_set(env, "SLURMQ_DIR", dir);
	env_set(env, "SLURMQ_JOURNAL", path);
	env_set(env, "SLURMQ_SWEEP", task->head.sweep ? task->head.sweep : "");
	set_number(env, "SLURMQ_JOB_ID", task->job);
	set_number(env, "SLURMQ_ATTEMPT", task->number);
	free(path);
	free(root);
}

void step_env(const struct manifest_task *task, const struct strs *base,
	      const struct manifest_step *s, struct strs *env)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	for (size_t i = 0; i < base->n; i++)
		strs_add(env, base->v[i]);
	json_open(&j, NULL, '{');
	add_params(env, &task->params, &j);
	add_params(env, &s->params, &j);
	json_close(&j);
	set_small(env, "SLURMQ_PARAMS", buf_str(&text));
	env_set(env, "SLURMQ_STEP", s->name);
	if (!task->head.script && bash_start_is_text(&s->argv)) {
		env_set(env, BASH_START, bash_start);
		if (task->head.setup)
			env_set(env, BASH_START_SETUP, task->head.setup);
	}
	for (size_t i = 0; i < s->vars.n; i++)
		env_put(env, s->vars.v[i]);
	buf_release(&text);
}
