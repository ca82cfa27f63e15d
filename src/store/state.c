#include "store/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int state_get_int(struct db *db, struct state_int key, int64_t *value, struct err *err)
{
	return db_setting_int(db, key.key, key.unset, value, err);
}

int state_set_int(struct db *db, struct state_int key, int64_t value, struct err *err)
{
	return db_setting_set_int(db, key.key, value, err);
}

int state_unset_int(struct db *db, struct state_int key, struct err *err)
{
	return db_setting_unset(db, key.key, err);
}

int state_get_text(struct db *db, struct state_text key, char **value, struct err *err)
{
	return db_setting_get(db, key.key, value, err);
}

int state_set_text(struct db *db, struct state_text key, const char *value, struct err *err)
{
	return db_setting_set(db, key.key, value, err);
}

int state_unset_text(struct db *db, struct state_text key, struct err *err)
{
	return db_setting_unset(db, key.key, err);
}

int state_pause(struct db *db, const char *why, struct err *err)
{
	return state_set_int(db, STATE_PAUSED, 1, err) ||
			       state_set_text(db, STATE_PAUSED_WHY, why, err)
		       ? -1
		       : 0;
}

int state_unpause(struct db *db, struct err *err)
{
	return state_unset_int(db, STATE_PAUSED, err) ||
			       state_unset_text(db, STATE_PAUSED_WHY, err) ||
			       state_unset_int(db, STATE_CANCELLED_JOBS, err) ||
			       state_unset_int(db, STATE_CANCELLED_AT, err) ||
			       state_unset_int(db, STATE_PAUSED_REPORTED, err)
		       ? -1
		       : 0;
}

/* ---- a sweep that is paused or over, or that sbatch refused ---- */

static int set_of_sweep(struct db *db, const char *prefix, int64_t sweep, const char *text,
			struct err *err)
{
	char *key = mem_printf("%s%" PRId64, prefix, sweep);
	int rc = text ? db_setting_set(db, key, text, err) : db_setting_unset(db, key, err);

	free(key);
	return rc;
}

static int get_of_sweep(struct db *db, const char *prefix, int64_t sweep, char **text,
			struct err *err)
{
	char *key = mem_printf("%s%" PRId64, prefix, sweep);
	int rc = db_setting_get(db, key, text, err);

	free(key);
	return rc;
}

int state_set_sweep_paused(struct db *db, int64_t sweep, bool paused, struct err *err)
{
	return set_of_sweep(db, STATE_SWEEP_PAUSED, sweep, paused ? "1" : NULL, err);
}

int state_set_over(struct db *db, int64_t sweep, bool over, struct err *err)
{
	return set_of_sweep(db, STATE_SWEEP_OVER, sweep, over ? "1" : NULL, err);
}

int state_get_over(struct db *db, int64_t sweep, bool *over, struct err *err)
{
	char *text = NULL;
	int rc = get_of_sweep(db, STATE_SWEEP_OVER, sweep, &text, err);

	*over = text != NULL;
	free(text);
	return rc < 0 ? -1 : 0;
}

int state_set_refused(struct db *db, int64_t sweep, const char *text, struct err *err)
{
	return set_of_sweep(db, ".refused.", sweep, text, err);
}

int state_get_refused(struct db *db, int64_t sweep, char **text, struct err *err)
{
	return get_of_sweep(db, ".refused.", sweep, text, err);
}

/* ---- what the breaker knows of a sweep ---- */

static const char failed_prefix[] = ".breaker.failed.", held_prefix[] = ".breaker.held.";

int state_set_failed(struct db *db, int64_t sweep, const char *text, struct err *err)
{
	return set_of_sweep(db, failed_prefix, sweep, *text ? text : NULL, err);
}

int state_get_failed(struct db *db, int64_t sweep, char **text, struct err *err)
{
	return get_of_sweep(db, failed_prefix, sweep, text, err);
}

int state_unset_failed(struct db *db, struct err *err)
{
	struct strs keys = {0}, values = {0};
	int rc = db_settings(db, failed_prefix, &keys, &values, err);

	for (size_t i = 0; i < keys.n && !rc; i++)
		rc = db_setting_unset(db, keys.v[i], err);
	strs_release(&keys);
	strs_release(&values);
	return rc;
}

int state_set_held(struct db *db, int64_t sweep, const char *text, struct err *err)
{
	return set_of_sweep(db, held_prefix, sweep, *text ? text : NULL, err);
}

int state_get_held_sweeps(struct db *db, int64_t **sweeps, size_t *n, struct err *err)
{
	struct strs keys = {0}, values = {0};
	int rc = db_settings(db, held_prefix, &keys, &values, err);

	*n = keys.n;
	*sweeps = mem_alloc((keys.n + 1) * sizeof(**sweeps));
	for (size_t i = 0; i < keys.n; i++)
		(*sweeps)[i] = strtoll(keys.v[i] + strlen(held_prefix), NULL, 10);
	strs_release(&keys);
	strs_release(&values);
	return rc;
}

int state_get_held(struct db *db, int64_t sweep, char **text, struct err *err)
{
	return get_of_sweep(db, held_prefix, sweep, text, err);
}

int state_forget_sweep(struct db *db, int64_t sweep, struct err *err)
{
	return state_set_sweep_paused(db, sweep, false, err) ||
			       state_set_over(db, sweep, false, err) ||
			       state_set_refused(db, sweep, NULL, err) ||
			       state_set_failed(db, sweep, "", err) ||
			       state_set_held(db, sweep, "", err)
		       ? -1
		       : 0;
}

/* ---- nodes ---- */

static const char node_prefix[] = ".node.";

static char *make_node_key(const char *name)
{
	return mem_printf("%s%s", node_prefix, name);
}

static void parse_node(const char *text, struct state_node *node)
{
	if (sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64, &node->deaths, &node->since,
		   &node->out) != 3)
		memset(node, 0, sizeof(*node));
}

int state_get_node(struct db *db, const char *name, struct state_node *node, struct err *err)
{
	char *key = make_node_key(name), *text;
	int rc = db_setting_get(db, key, &text, err);

	memset(node, 0, sizeof(*node));
	if (!rc)
		parse_node(text, node);
	free(text);
	free(key);
	return rc;
}

int state_set_node(struct db *db, const char *name, const struct state_node *node, struct err *err)
{
	char *key = make_node_key(name), text[80];
	int rc;

	snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %" PRId64, node->deaths, node->since,
		 node->out);
	rc = db_setting_set(db, key, text, err);
	free(key);
	return rc;
}

int state_unset_node(struct db *db, const char *name, struct err *err)
{
	char *key = make_node_key(name);
	int rc = db_setting_unset(db, key, err);

	free(key);
	return rc;
}

int state_get_nodes(struct db *db, struct strs *names, struct state_node **v, struct err *err)
{
	struct strs keys = {0}, values = {0};
	int rc = db_settings(db, node_prefix, &keys, &values, err);

	*v = NULL;
	if (!rc && keys.n)
		*v = mem_alloc(keys.n * sizeof(**v));
	for (size_t i = 0; i < keys.n && !rc; i++) {
		strs_add(names, keys.v[i] + strlen(node_prefix));
		parse_node(values.v[i], &(*v)[i]);
	}
	strs_release(&keys);
	strs_release(&values);
	return rc;
}

int state_unset_nodes(struct db *db, struct err *err)
{
	struct state_node *v;
	struct strs names = {0};
	int rc = state_get_nodes(db, &names, &v, err);

	for (size_t i = 0; i < names.n && !rc; i++)
		rc = state_unset_node(db, names.v[i], err);
	strs_release(&names);
	free(v);
	return rc;
}
