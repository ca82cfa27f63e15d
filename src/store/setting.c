#include "store/setting.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/guess.h"
#include "lib/opt.h"
#include "slurm/sbatch.h"
#include "slurm/sbatch_form.h"

static bool is_valid_limit(const char *value, struct err *err)
{
	int64_t n;

	(void)err;
	return !strcmp(value, "auto") || (opt_int(value, &n) == 0 && n >= 1 && n <= 1000000);
}

static bool is_valid_reserve(const char *value, struct err *err)
{
	int64_t n;

	(void)err;
	return opt_int(value, &n) == 0 && n >= 0 && n <= 1000000;
}

static bool is_valid_breaker(const char *value, struct err *err)
{
	int64_t n;

	(void)err;
	return opt_int(value, &n) == 0 && n >= 0 && n <= 1000;
}

enum { SENTINEL_S = 15 * 60, SENTINEL_LEAST_S = 5, SENTINEL_MOST_S = 24 * 3600 };

static bool is_valid_sentinel(const char *value, struct err *err)
{
	int64_t ms;
	size_t len = strlen(value);

	if (!opt_time(value, &ms) && ms && value[len - 1] <= '9') {
		err_set(err, ERR_USAGE, "'%s' needs a unit, as in %ss, %sm or %sh", value, value,
			value, value);
		return false;
	}
	return !strcmp(value, "auto") || !strcmp(value, "off") ||
	       (!opt_time(value, &ms) && ms >= SENTINEL_LEAST_S * 1000 &&
		ms <= (int64_t)SENTINEL_MOST_S * 1000);
}

int64_t setting_sentinel_s(const char *value, int64_t limit)
{
	int64_t ms;

	if (value && !strcmp(value, "off"))
		return 0;
	if (value && !opt_time(value, &ms))
		return limit >= 3 ? ms / 1000 : 0;
	return limit >= 10 ? SENTINEL_S : 0;
}

bool setting_words(const char *value, struct strs *out)
{
	const char *p = value ? value : "";

	while (*(p += strspn(p, " "))) {
		struct buf word = {0};
		char quote = 0;

		for (; *p && (quote || *p != ' '); p++) {
			if (quote ? *p == quote : *p == '"' || *p == '\'')
				quote = quote ? 0 : *p;
			else
				buf_addch(&word, *p);
		}
		strs_take(out, buf_take(&word));
		if (quote)
			return false;
	}
	return true;
}

static bool has_closed_quotes(const char *value, struct err *err)
{
	struct strs words = {0};
	bool whole = setting_words(value, &words);

	if (!whole)
		err_set(err, ERR_USAGE, "unclosed quote in: %s", value);
	strs_release(&words);
	return whole;
}

static bool is_printable(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 127)
			return false;
	return true;
}

static bool is_valid_via(const char *value, struct err *err)
{
	return is_printable(value) && strlen(value) <= 1000 && value[strspn(value, " ")] != '-' &&
	       has_closed_quotes(value, err);
}

/* Options that a sweep may have but not the sentinel, or whose advice is of use to the sentinel as
 * well. */
static const struct {
	const char *name, *instead;
} sentinel_advice[] = {
	{"begin", "'slurmq config sentinel 15m' sets how long it waits"},
	{"error", "its output is in .slurmq/logs/sentinel.log"},
	{"hold", "to disable the sentinel: slurmq config sentinel off"},
	{"no-requeue", "Slurm restarts it if its node fails"},
	{"open-mode", "its output is in .slurmq/logs/sentinel.log"},
	{"output", "its output is in .slurmq/logs/sentinel.log"},
	{"requeue", "Slurm restarts it if its node fails"},
	{NULL, NULL},
};

/* Returns why the sentinel cannot have an option, or NULL if it can. */
static const char *explain_sentinel_conflict(const char *name)
{
	const struct sbatch_opt *o = sbatch_find(name);

	for (size_t i = 0; sentinel_advice[i].name; i++)
		if (!strcmp(sentinel_advice[i].name, name))
			return sentinel_advice[i].instead;
	if (!o || !o->instead)
		return NULL;
	return "it would not work with this option";
}

/* Checks a word "--name" or "--name=value". An option without its value would consume the next
 * option, and sbatch accepts a shortened option name as well (getopt_long(3)). */
static bool is_valid_option(const char *word, struct err *err)
{
	char *name = mem_strndup(word + 2, strcspn(word + 2, "="));
	const struct sbatch_opt *o = sbatch_find(name), *meant = sbatch_find_cut(name);
	const char *instead = explain_sentinel_conflict(name);
	const char *near = o ? NULL : meant ? meant->name : sbatch_guess(name);
	const char *value = strchr(word, '=');
	struct buf form = {0};
	char *path = o && value ? sbatch_make_absolute(o, value + 1, "") : NULL;
	bool ok = false;

	if (instead)
		err_set(err, ERR_USAGE, "the sentinel cannot have '--%s': %s", name, instead);
	else if (o && o->arg == SBATCH_ARG_NEEDED && !word[2 + strlen(name) + !!strchr(word, '=')])
		err_set(err, ERR_USAGE, "'--%s' needs a value: --%s=VALUE", name, name);
	else if (o && o->arg == SBATCH_ARG_NONE && strchr(word, '='))
		err_set(err, ERR_USAGE, "'--%s' takes no value", name);
	else if (path)
		err_set(err, ERR_USAGE, "'--%s' needs the absolute path of its file, not '%s'",
			name, value + 1);
	else if (near)
		err_set(err, ERR_USAGE, "sbatch has no option '--%s', did you mean '--%s'?", name,
			near);
	else if (value && !sbatch_form(name, value + 1, &form))
		err_set(err, ERR_USAGE, "sbatch refuses '%s': %s", word, buf_str(&form));
	else
		ok = true;
	buf_release(&form);
	free(path);
	free(name);
	return ok;
}

/* Accepts only long options, each a separate word. */
static bool is_valid_sbatch(const char *value, struct err *err)
{
	struct strs words = {0};
	bool ok = is_printable(value) && strlen(value) <= 1000 && has_closed_quotes(value, err);

	setting_words(value, &words);
	for (size_t i = 0; i < words.n; i++)
		ok = ok && !strncmp(words.v[i], "--", 2) && words.v[i][2] >= 'a' &&
		     words.v[i][2] <= 'z';
	for (size_t i = 0; i < words.n && ok; i++)
		ok = is_valid_option(words.v[i], err);
	strs_release(&words);
	return ok;
}

static bool is_valid_environment(const char *value, struct err *err)
{
	(void)err;
	return !strcmp(value, "stored") || !strcmp(value, "none");
}

static bool is_valid_notify(const char *value, struct err *err)
{
	(void)err;
	return is_printable(value) && strlen(value) <= 4000;
}

const struct setting settings[] = {
	{"limit", "auto", "auto, or 1 to 1000000", "how many jobs may be in Slurm at once",
	 is_valid_limit},
	{"breaker", "10", "0 (off) to 1000",
	 "consecutive quick failures that pause the queue; 0: never", is_valid_breaker},
	{"reserve", "0", "0 to 1000000", "slots left for your other jobs", is_valid_reserve},
	{"sentinel", "auto", "auto, off, or a time from 5s to 24h, such as 15m",
	 "a job that waits in Slurm and restarts the chain", is_valid_sentinel},
	{"sentinel.sbatch", "", "long options of sbatch, such as --partition=cpu --time=10",
	 "additional sbatch options of the sentinel", is_valid_sbatch},
	{"via", "", "a command, such as ssh login1", "command that reaches a host that may submit",
	 is_valid_via},
	{"notify", "", "a command, such as mail -s slurmq me@example.org",
	 "command that is run when a sweep is over or the queue pauses", is_valid_notify},
	{"environment", "stored", "stored or none",
	 "environment of jobs: that of submit, or a login's", is_valid_environment},
	{0},
};

static bool valid_sweep_limit(const char *value, struct err *err)
{
	int64_t n;

	(void)err;
	return !strcmp(value, "none") || (opt_int(value, &n) == 0 && n >= 1 && n <= 1000000);
}

const struct setting setting_of_sweep = {.values = "none, or 1 to 1000000",
					 .meaning = "how many of its jobs may be in Slurm at once",
					 .valid = valid_sweep_limit};

const struct setting *setting_find(const char *key, const char **near)
{
	struct strs keys = {0};
	const char *guess;

	*near = NULL;
	for (const struct setting *s = settings; s->key; s++) {
		if (!strcmp(s->key, key)) {
			strs_release(&keys);
			return s;
		}
		strs_add(&keys, s->key);
	}
	guess = guess_nearest(key, (const char *const *)keys.v);
	for (const struct setting *s = settings; guess && s->key; s++)
		if (!strcmp(s->key, guess))
			*near = s->key;
	strs_release(&keys);
	return NULL;
}
