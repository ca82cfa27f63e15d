/* slurmq priority - submits jobs before or after others */
#include <inttypes.h>

#include "cmd/cmd.h"
#include "cmd/steer.h"

enum { MOST = 1000000, ANY = (1U << JOB_NSTATES) - 1 };

struct args {
	struct select_args select;
	bool yes, json;
};

static int set_priority(struct db *db, int64_t id, void *arg, int *changed, struct err *err)
{
	return db_job_priority(db, id, *(const int64_t *)arg, changed, err);
}

static void print_done(struct cmd_ctx *ctx, bool json, int64_t priority, size_t selected,
		       int64_t changed)
{
	struct buf text = {0};
	struct json j = {.out = &text};

	if (json) {
		json_open(&j, NULL, '{');
		json_int(&j, "priority", priority);
		json_int(&j, "jobs", (int64_t)selected);
		json_int(&j, "changed", changed);
		json_close(&j);
		cmd_print_json(&text);
	} else if (!selected) {
		cmd_print(ctx, "nothing to change: no such jobs");
	} else if (!changed) {
		cmd_print(ctx, "nothing to change: the priority is %" PRId64 " already", priority);
	} else {
		cmd_print(ctx, "priority %" PRId64 ": %" PRId64 " %s changed", priority, changed,
			  changed == 1 ? "job" : "jobs");
	}
	buf_release(&text);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	int64_t priority, changed = 0;
	const struct steer_change change = {.one = set_priority, .arg = &priority};
	struct ids ids = {0};
	int rc;

	if (opt_int(argv[0], &priority) || priority < -MOST || priority > MOST)
		return err_set(err, ERR_USAGE, "a priority is a number from -%d to %d, not '%s'",
			       MOST, MOST, argv[0]);
	rc = steer_select(ctx, argc - 1, argv + 1, &args->select, ANY, &ids, NULL, err);
	if (!rc)
		rc = steer_confirm_many(ctx, args->yes, "change", ids.n, err);
	if (!rc)
		rc = steer_change(ctx, &ids, &change, &changed, err);
	if (!rc)
		print_done(ctx, args->json, priority, ids.n, changed);
	ids_release(&ids);
	return rc;
}

static const struct opt opts[] = {
	SELECT_OPTS(struct args),
	OPT_FLAG('y', "yes", "do not ask for confirmation", struct args, yes),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_priority = {
	.name = "priority",
	.args = "N SELECTOR... [-s STATE] [--yes] [--json]",
	.summary = "submit jobs before or after others",
	.theme = CMD_CONTROL,
	.needs = CMD_STORE,
	.opts = opts,
	.size = sizeof(struct args),
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
