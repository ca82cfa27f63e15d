/* slurmq config - reads and changes the settings in the store */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "chain/health.h"
#include "chain/notice.h"
#include "chain/sentinel.h"
#include "chain/via.h"
#include "store/loader.h"
#include "store/setting.h"
#include "store/state.h"

struct args {
	const char *unset;
	bool json;
};

/* The setting limit.SWEEP of one sweep. */
struct own_limit {
	struct setting s;
	char *key, *fallback;
};

static void own_limit_release(struct own_limit *own)
{
	free(own->key);
	free(own->fallback);
}

/* Fills own for a sweep; the default is the limit in its file. */
static void read_own_limit(struct cmd_ctx *ctx, const struct db_sweep *sweep, struct own_limit *own)
{
	struct loader loader = {0};
	struct loaded *ld;
	int64_t limit = 0;

	/* a version that this slurmq cannot parse has no limit */
	if (!loader_get(&loader, ctx->store->db, sweep->version, &ld, NULL))
		limit = sweep_limit(ld->sweep);
	loader_release(&loader);
	own->key = mem_printf("limit.%s", sweep->name);
	own->fallback = limit ? mem_printf("%" PRId64, limit) : mem_strdup("none");
	own->s = setting_of_sweep;
	own->s.key = own->key;
	own->s.fallback = own->fallback;
}

static const struct setting *find_own_limit(struct cmd_ctx *ctx, const char *name,
					    struct own_limit *own, struct err *err)
{
	struct db_sweep sweep = {0};
	int64_t id;

	if (select_sweep(ctx->store->db, name, &id, err) ||
	    db_sweep_get(ctx->store->db, id, &sweep, err))
		return NULL;
	read_own_limit(ctx, &sweep, own);
	db_sweep_release(&sweep);
	return &own->s;
}

static const struct setting *find_setting(struct cmd_ctx *ctx, const char *key,
					  struct own_limit *own, struct err *err)
{
	const char *near;
	const struct setting *s;

	if (!strncmp(key, "limit.", 6))
		return find_own_limit(ctx, key + 6, own, err);
	s = setting_find(key, &near);
	if (!s && near)
		err_set(err, ERR_USAGE, "unknown setting '%s', did you mean '%s'?", key, near);
	else if (!s)
		err_set(err, ERR_USAGE, "unknown setting '%s': slurmq config lists them", key);
	return s;
}

static void add_json(struct json *j, const struct setting *s, const char *value)
{
	json_open(j, NULL, '{');
	json_str(j, "setting", s->key);
	json_str(j, "value", value ? value : s->fallback);
	json_str(j, "default", s->fallback);
	json_str(j, "meaning", s->meaning);
	json_close(j);
}

/* Where the settings are added: a table, or with json set the list *json. */
struct listing {
	struct table table;
	struct json *json;
};

static int add_setting(struct cmd_ctx *ctx, struct listing *l, const struct setting *s,
		       struct err *err)
{
	struct table *t = &l->table;
	char *value = NULL;
	int rc = db_setting_get(ctx->store->db, s->key, &value, err);

	if (l->json)
		add_json(l->json, s, value);
	table_add(t, &ctx->out, PAINT_BOLD, s->key);
	table_add(t, &ctx->out, value ? PAINT_CYAN : PAINT_NONE, value ? value : s->fallback);
	table_add(t, &ctx->out, PAINT_DIM, s->fallback);
	table_add(t, &ctx->out, PAINT_NONE, s->meaning);
	free(value);
	return rc < 0 ? -1 : 0;
}

/* Adds the limits of sweeps that have one. */
static int add_own_limits(struct cmd_ctx *ctx, struct listing *l, struct err *err)
{
	struct db_sweep *v;
	size_t n;
	int rc = 0;

	if (db_sweeps(ctx->store->db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n && rc >= 0; i++) {
		struct own_limit own;
		char *value = NULL;

		read_own_limit(ctx, &v[i], &own);
		rc = db_setting_get(ctx->store->db, own.key, &value, err);
		if (rc >= 0 && (value || strcmp(own.fallback, "none") != 0))
			rc = add_setting(ctx, l, &own.s, err);
		free(value);
		own_limit_release(&own);
	}
	db_sweeps_free(v, n);
	return rc < 0 ? -1 : 0;
}

static int print_settings(struct cmd_ctx *ctx, bool json, struct err *err)
{
	static const struct column columns[] = {
		{"setting", false, false},
		{"value", false, false},
		{"default", false, false},
		{"meaning", false, true},
	};
	struct buf text = {0};
	struct json j = {.out = &text};
	struct listing l = {.json = json ? &j : NULL};
	int rc = 0;

	table_init(&l.table, columns, 4);
	json_open(&j, NULL, '[');
	for (const struct setting *s = settings; s->key && !rc; s++)
		rc = add_setting(ctx, &l, s, err);
	if (!rc)
		rc = add_own_limits(ctx, &l, err);
	json_close(&j);
	if (!rc && json)
		cmd_print_json(&text);
	else if (!rc)
		table_flush(&l.table, &ctx->out, stdout);
	table_release(&l.table);
	buf_release(&text);
	return rc;
}

static int print_setting(struct cmd_ctx *ctx, const struct setting *s, bool json, struct err *err)
{
	struct buf text = {0};
	struct json j = {.out = &text};
	char *value = NULL;
	int rc = db_setting_get(ctx->store->db, s->key, &value, err);

	if (rc >= 0 && json) {
		add_json(&j, s, value);
		cmd_print_json(&text);
	} else if (rc >= 0) {
		cmd_print(ctx, "%s", value ? value : s->fallback);
	}
	buf_release(&text);
	free(value);
	return rc < 0 ? -1 : 0;
}

/* Replaces a waiting sentinel, which was submitted with the old settings. A sentinel that
 * sbatch refused is submitted again. */
static void renew_sentinel(struct cmd_ctx *ctx)
{
	struct health c;
	struct err err = {0};
	bool there;

	if (health_read(ctx->store, &c, &err)) {
		cmd_say_text(ctx, err.msg);
		return;
	}
	there = c.sentinel != SENTINEL_NONE && c.sentinel != SENTINEL_OFF;
	if (c.sentinel == SENTINEL_WAITING || c.sentinel == SENTINEL_HELD)
		sentinel_withdraw(ctx->store, cmd_say_text, ctx);
	if (there || c.state == CHAIN_ALIVE)
		sentinel_tend(ctx->store, SENTINEL_USER, cmd_say_text, ctx);
	health_release(&c);
}

/* Prints why a requested sentinel stays off: the limit leaves no slot for it. */
static void explain_sentinel(struct cmd_ctx *ctx, const char *value)
{
	struct limits limit;
	int64_t every;

	if (!strcmp(value, "off") || limits_get(ctx->store, &limit, NULL))
		return;
	if (!limits_sentinel_s(ctx->store, limit.jobs, &every, NULL) && !every)
		cmd_say(ctx, "the sentinel stays off while the limit is %" PRId64 ": %s",
			limit.jobs,
			limit.jobs < 3
				? "it needs a limit of 3 or more"
				: "auto needs a limit of 10 or more, a time such as 15m needs 3");
	limits_release(&limit);
}

/* Explains a value whose effect may surprise the user. */
static void explain_setting(struct cmd_ctx *ctx, const struct setting *s, const char *value)
{
	if (value && !strcmp(s->key, "sentinel"))
		explain_sentinel(ctx, value);
	if (!value || strcmp(s->key, "limit") != 0)
		return;
	if (!strcmp(value, "1"))
		cmd_say(ctx, "with limit 1 a running job has the only slot and cannot submit its "
			     "successor: run slurmq submit, or slurmq chain from cron, after each "
			     "job; with limit 2 the chain continues by itself");
	else if (!strcmp(value, "2"))
		cmd_say(ctx,
			"with limit 2 one job runs at a time: the other slot is for its successor");
}

/* Stores the value of a setting; value NULL: removes it. */
static int store_setting(struct cmd_ctx *ctx, const struct setting *s, const char *value, bool json,
			 struct err *err)
{
	bool sentinel = !strncmp(s->key, "sentinel", 8);
	struct db *db = ctx->store->db;
	int rc;

	if (value && !s->valid(value, err))
		return err->status ? err_prefix(err, "setting '%s'", s->key)
				   : err_set(err, ERR_USAGE, "setting '%s' takes %s, not '%s'",
					     s->key, s->values, value);
	if (db_begin(db, err))
		return -1;
	rc = value ? db_setting_set(db, s->key, value, err) : db_setting_unset(db, s->key, err);
	if (!rc && sentinel)
		rc = state_unset_text(db, STATE_SENTINEL_REFUSED, err);
	if (!rc && !strcmp(s->key, "notify"))
		rc = notices_skip(db, err);
	if (!rc && !strcmp(s->key, "via"))
		rc = state_unset_text(db, STATE_VIA_FAILED, err);
	if (rc || db_commit(db, err)) {
		db_rollback(db);
		return -1;
	}
	if (json && print_setting(ctx, s, true, err))
		return -1;
	if (!json)
		cmd_print(ctx, "%s: %s", s->key, value ? value : s->fallback);
	explain_setting(ctx, s, value);
	if (sentinel)
		renew_sentinel(ctx);
	return 0;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct own_limit own = {.key = NULL};
	const struct setting *s;
	int rc = -1;

	if (args->unset && argc)
		return err_set(err, ERR_USAGE, "--unset takes one setting and no other argument");
	if (!args->unset && !argc)
		return print_settings(ctx, args->json, err);
	s = find_setting(ctx, args->unset ? args->unset : argv[0], &own, err);
	if (s && args->unset)
		rc = store_setting(ctx, s, NULL, args->json, err);
	else if (s)
		rc = argc == 1 ? print_setting(ctx, s, args->json, err)
			       : store_setting(ctx, s, argv[1], args->json, err);
	own_limit_release(&own);
	return rc;
}

static const struct opt opts[] = {
	OPT_STR(0, "unset", "KEY", "reset KEY to its default", struct args, unset),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_config = {
	.name = "config",
	.args = "[KEY [VALUE]] [--unset KEY] [--json]",
	.summary = "read and change settings",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = 2,
	.run = run,
};
