/* slurmq config - settings, kept in the store */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "guess.h"

struct args {
	const char *unset;
};

struct setting {
	const char *key, *fallback, *values, *meaning;
	bool (*valid)(const char *value);
};

static bool valid_limit(const char *value)
{
	int64_t n;

	return !strcmp(value, "auto") || (opt_int(value, &n) == 0 && n >= 1 && n <= 1000000);
}

static bool valid_reserve(const char *value)
{
	int64_t n;

	return opt_int(value, &n) == 0 && n >= 0 && n <= 1000000;
}

static const struct setting settings[] = {
	{"limit", "auto", "auto, or 1 to 1000000", "how many jobs may be in Slurm at once",
	 valid_limit},
	{"reserve", "0", "0 to 1000000", "slots left for your other jobs", valid_reserve},
};

enum { NSETTINGS = sizeof(settings) / sizeof(settings[0]) };

static const struct setting *find(const char *key, struct err *err)
{
	const char *names[NSETTINGS + 1] = {NULL};
	const char *near;

	for (size_t i = 0; i < NSETTINGS; i++) {
		if (!strcmp(settings[i].key, key))
			return &settings[i];
		names[i] = settings[i].key;
	}
	near = guess_nearest(key, names);
	if (near)
		err_set(err, ERR_USAGE, "unknown setting '%s', did you mean '%s'?", key, near);
	else
		err_set(err, ERR_USAGE, "unknown setting '%s': slurmq config lists them", key);
	return NULL;
}

static int list(struct cmd_ctx *ctx, struct err *err)
{
	static const struct column columns[] = {
		{"setting", false, false},
		{"value", false, false},
		{"default", false, false},
		{"meaning", false, true},
	};
	struct table t;
	int rc = 0;

	table_init(&t, columns, 4);
	for (size_t i = 0; i < NSETTINGS && rc >= 0; i++) {
		const struct setting *s = &settings[i];
		char *value = NULL;

		rc = db_setting_get(ctx->store->db, s->key, &value, err);
		table_add(&t, &ctx->out, PAINT_BOLD, s->key);
		table_add(&t, &ctx->out, value ? PAINT_CYAN : PAINT_NONE,
			  value ? value : s->fallback);
		table_add(&t, &ctx->out, PAINT_DIM, s->fallback);
		table_add(&t, &ctx->out, PAINT_NONE, s->meaning);
		free(value);
	}
	if (rc >= 0)
		table_flush(&t, &ctx->out, stdout);
	table_release(&t);
	return rc < 0 ? -1 : 0;
}

static int get(struct cmd_ctx *ctx, const struct setting *s, struct err *err)
{
	char *value = NULL;
	int rc = db_setting_get(ctx->store->db, s->key, &value, err);

	if (rc >= 0)
		cmd_print(ctx, "%s", value ? value : s->fallback);
	free(value);
	return rc < 0 ? -1 : 0;
}

/* value NULL: unset it. */
static int put(struct cmd_ctx *ctx, const struct setting *s, const char *value, struct err *err)
{
	struct db *db = ctx->store->db;
	int rc;

	if (value && !s->valid(value))
		return err_set(err, ERR_USAGE, "setting '%s' takes %s, not '%s'", s->key, s->values,
			       value);
	if (db_begin(db, err))
		return -1;
	rc = value ? db_setting_set(db, s->key, value, err) : db_setting_unset(db, s->key, err);
	if (rc || db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	cmd_print(ctx, "%s: %s", s->key, value ? value : s->fallback);
	return 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	const struct setting *s;

	if (args->unset && argc)
		return err_set(err, ERR_USAGE, "--unset takes one setting and nothing beside it");
	if (!args->unset && !argc)
		return list(ctx, err);
	s = find(args->unset ? args->unset : argv[0], err);
	if (!s)
		return -1;
	if (args->unset)
		return put(ctx, s, NULL, err);
	return argc == 1 ? get(ctx, s, err) : put(ctx, s, argv[1], err);
}

static const struct opt opts[] = {
	OPT_STR(0, "unset", "KEY", "back to its default", struct args, unset), OPT_END};

const struct cmd cmd_config = {
	.name = "config",
	.args = "[KEY [VALUE]] [--unset KEY]",
	.summary = "read and change settings",
	.theme = CMD_STEER,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = 2,
	.run = run,
};
