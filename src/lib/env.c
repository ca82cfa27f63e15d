#include "lib/env.h"

#include <stdlib.h>
#include <string.h>

/* Returns the length of the name in "NAME=VALUE", or 0 for any other text. */
static size_t measure_name(const char *pair)
{
	const char *eq = strchr(pair, '=');

	return eq ? (size_t)(eq - pair) : 0;
}

static bool has_name(const char *pair, const char *name, size_t len)
{
	return measure_name(pair) == len && !memcmp(pair, name, len);
}

/* Returns whether the list holds the pair's name. An entry that ends in '*' is a prefix. */
static bool is_listed(const char *const *list, const char *pair)
{
	for (; *list; list++) {
		size_t n = strlen(*list);

		if ((*list)[n - 1] == '*' ? !strncmp(pair, *list, n - 1) : has_name(pair, *list, n))
			return true;
	}
	return false;
}

static bool is_stored(const char *pair, bool inside_job)
{
	static const char *const kept[] = {"SLURM_CONF", NULL};
	static const char *const dropped[] = {"SLURM_*", "SLURMD_*", "SLURMQ_*", "PMI*",
					      /* the devices that Slurm assigned to a job */
					      "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
					      "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK",
					      /* properties of a terminal or a login */
					      "SHLVL", "OLDPWD", "_", "TERMCAP", "WINDOW*", "STY",
					      "TMUX*", "SSH_TTY", NULL};
	static const char *const inside_job_only[] = {"SBATCH_*", NULL};

	if (!measure_name(pair))
		return false;
	if (is_listed(kept, pair))
		return true;
	return !is_listed(dropped, pair) && !(inside_job && is_listed(inside_job_only, pair));
}

struct entry {
	const char *pair;
	size_t order;
};

static int compare_names(const char *a, const char *b)
{
	size_t na = measure_name(a), nb = measure_name(b);
	int c = memcmp(a, b, na < nb ? na : nb);

	return c ? c : (na > nb) - (na < nb);
}

static int compare_entries(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int c = compare_names(a->pair, b->pair);

	return c ? c : (a->order > b->order) - (a->order < b->order);
}

void env_capture(char *const *environ_, struct strs *out)
{
	static const char job_id[] = "SLURM_JOB_ID";
	struct entry *v = NULL;
	bool inside_job = false;
	size_t n = 0, count = 0;

	for (; environ_ && environ_[count]; count++)
		if (has_name(environ_[count], job_id, sizeof(job_id) - 1))
			inside_job = true;
	v = mem_grow(v, count, sizeof(*v));
	for (size_t i = 0; i < count; i++)
		if (is_stored(environ_[i], inside_job))
			v[n++] = (struct entry){.pair = environ_[i], .order = i};
	if (n)
		qsort(v, n, sizeof(*v), compare_entries);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || compare_names(v[i].pair, v[i + 1].pair))
			strs_add(out, v[i].pair);
	free(v);
}

void env_encode(const struct strs *env, struct buf *out)
{
	for (size_t i = 0; i < env->n; i++)
		buf_add(out, env->v[i], strlen(env->v[i]) + 1);
}

int env_decode(const char *data, size_t len, struct strs *out, struct err *err)
{
	const char *p = data, *end = data ? data + len : data;

	if (len && end[-1])
		return err_set(
			err, ERR_FAILED,
			"the stored environment is damaged: it ends after %zu bytes, inside a variable",
			len);
	for (; p < end; p += strlen(p) + 1) {
		if (!measure_name(p))
			return err_set(
				err, ERR_FAILED,
				"the stored environment is damaged: byte %zu does not begin a NAME=VALUE",
				(size_t)(p - data));
		strs_add(out, p);
	}
	return 0;
}

/* Returns the index of a variable, or env->n if the list has no such variable. */
static size_t find_name(const struct strs *env, const char *name, size_t len)
{
	size_t i = 0;

	while (i < env->n && !has_name(env->v[i], name, len))
		i++;
	return i;
}

static void put_pair(struct strs *env, char *pair)
{
	size_t i = find_name(env, pair, measure_name(pair));

	if (i == env->n) {
		strs_take(env, pair);
		return;
	}
	free(env->v[i]);
	env->v[i] = pair;
}

void env_set(struct strs *env, const char *name, const char *value)
{
	put_pair(env, mem_printf("%s=%s", name, value));
}

void env_put(struct strs *env, const char *pair)
{
	if (measure_name(pair))
		put_pair(env, mem_strdup(pair));
}

const char *env_get(const struct strs *env, const char *name)
{
	size_t i = find_name(env, name, strlen(name));

	return i == env->n ? NULL : env->v[i] + strlen(name) + 1;
}

void env_unset(struct strs *env, const char *name)
{
	size_t i = find_name(env, name, strlen(name));

	if (i == env->n)
		return;
	free(env->v[i]);
	env->n--;
	memmove(env->v + i, env->v + i + 1, (env->n - i + 1) * sizeof(*env->v));
}

const char *env_after_home(const char *path)
{
	static const char *const homes[] = {"~", "$HOME", "${HOME}"};

	for (size_t i = 0; i < sizeof(homes) / sizeof(*homes); i++) {
		size_t len = strlen(homes[i]);

		if (!strncmp(path, homes[i], len) && (!path[len] || path[len] == '/'))
			return path + len;
	}
	return NULL;
}
