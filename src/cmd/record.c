/* slurmq record - a command of a job records its results */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json_read.h"
#include "lib/utf8.h"
#include "store/folder.h"
#include "store/journal.h"
#include "sweep/template.h"

struct args {
	const char *json;
	const char *step;
};

enum {
	NAME_MOST = 128,
	VALUE_MOST = 4096,    /* bytes of a value */
	RESULTS_MOST = 1000,  /* results in a call */
	JSON_MOST = 16 << 20, /* bytes of a JSON text */
};

/* The rule is that of parameters, with '/' besides. */
static bool is_name(const char *name)
{
	for (size_t i = 0; name[i]; i++)
		if (!template_name_char(name[i], i == 0) && (i == 0 || name[i] != '/'))
			return false;
	return *name && strlen(name) <= NAME_MOST;
}

static int check_name(const char *name, struct err *err)
{
	if (is_name(name))
		return 0;
	return err_set(
		err, ERR_USAGE,
		"invalid name '%s': use up to %d letters, digits, '.', '_', '-' or '/', with a "
		"letter or '_' first",
		name, NAME_MOST);
}

static int check_value(const char *name, const char *value, struct err *err)
{
	size_t len = strlen(value);

	if (len > VALUE_MOST)
		return err_set(
			err, ERR_USAGE,
			"the value of '%s' has %zu bytes, and %d is the most: write it to a file, "
			"and record the name of the file",
			name, len, VALUE_MOST);
	for (size_t i = 0; i < len;) {
		unsigned code = 0;
		size_t n = utf8_char(value + i, UTF8_MAX, &code);

		if (!n)
			return err_set(err, ERR_USAGE, "byte %zu of the value of '%s' is not UTF-8",
				       i + 1, name);
		if (utf8_is_control(code) && code != '\n' && code != '\t')
			return err_set(
				err, ERR_USAGE,
				"the value of '%s' holds the control character U+%04X: only line "
				"feeds and tabs are allowed",
				name, code);
		i += n;
	}
	return 0;
}

static int read_pairs(int argc, char **argv, struct strs *names, struct strs *values,
		      struct err *err)
{
	for (int i = 0; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');

		if (!equals)
			return err_set(err, ERR_USAGE,
				       "'%s' has no '=': use NAME=VALUE, such as loss=0.12",
				       argv[i]);
		strs_take(names, mem_strndup(argv[i], (size_t)(equals - argv[i])));
		strs_add(values, equals + 1);
	}
	return 0;
}

/* Reads a JSON object from a file, "-": from standard input. */
static int read_json(const char *name, struct strs *names, struct strs *values, struct err *err)
{
	bool in = !strcmp(name, "-");
	FILE *f = in ? stdin : fopen(name, "re");
	struct buf text = {0};
	char chunk[65536];
	size_t n;
	int rc = 0;

	if (!f)
		return err_errno(err, ERR_USAGE, "cannot open '%s'", name);
	while (text.len <= JSON_MOST && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&text, chunk, n);
	if (ferror(f))
		rc = err_errno(err, ERR_FAILED, "cannot read '%s'", in ? "standard input" : name);
	else if (text.len > JSON_MOST)
		rc = err_set(err, ERR_USAGE, "the JSON text has more than %d MiB", JSON_MOST >> 20);
	else
		rc = json_read_flat(buf_str(&text), text.len, names, values, err);
	if (!in)
		fclose(f);
	buf_release(&text);
	return rc;
}

static int check_all(const struct strs *names, const struct strs *values, struct err *err)
{
	if (!names->n)
		return err_set(
			err, ERR_USAGE,
			"nothing to record: name the results, such as slurmq record loss=0.12");
	if (names->n > RESULTS_MOST)
		return err_set(err, ERR_USAGE, "%zu results in one call: %d is the most", names->n,
			       RESULTS_MOST);
	for (size_t i = 0; i < names->n; i++)
		if (check_name(names->v[i], err) || check_value(names->v[i], values->v[i], err))
			return -1;
	return 0;
}

static int refuse_outside(struct err *err)
{
	return err_set(
		err, ERR_USAGE,
		"not inside a job of slurmq: slurmq record works in the commands of a sweep's "
		"jobs; see slurmq help record");
}

static int append_results(int64_t step, const struct strs *names, const struct strs *values,
			  struct err *err)
{
	const char *path = getenv("SLURMQ_JOURNAL"), *slash = path ? strrchr(path, '/') : NULL;
	struct folder_entry e;
	struct buf lines = {0};
	int rc;

	for (size_t i = 0; i < names->n; i++) {
		const struct journal_result r = {
			.name = names->v[i], .value = values->v[i], .step = step};

		journal_add_result(&lines, &r);
	}
	if (!slash || folder_name_parse(slash + 1, &e) || !e.has_who)
		rc = refuse_outside(err);
	else
		rc = journal_record(path, lines.s, lines.len, err);
	if (rc == FOLDER_NONE)
		rc = err_set(
			err, ERR_FAILED,
			"the attempt has ended: its results are complete, and nothing was recorded");
	buf_release(&lines);
	return rc;
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	const struct args *args = options;
	struct strs names = {0}, values = {0};
	int64_t step = -1;
	int rc = read_pairs(argc, argv, &names, &values, err);

	(void)ctx;
	if (!rc && args->step && (opt_int(args->step, &step) || step < 0))
		rc = err_set(err, ERR_USAGE,
			     "option '--step' takes a whole number, 0 or more, not '%s'",
			     args->step);
	if (!rc && args->json)
		rc = read_json(args->json, &names, &values, err);
	if (!rc)
		rc = check_all(&names, &values, err);
	if (!rc)
		rc = append_results(step, &names, &values, err);
	strs_release(&names);
	strs_release(&values);
	return rc;
}

static const struct opt opts[] = {
	OPT_STR(0, "step", "N", "store a whole number with them, such as the epoch", struct args,
		step),
	OPT_STR(0, "json", "FILE", "record a JSON object; -: from standard input", struct args,
		json),
	OPT_END};

const struct cmd cmd_record = {
	.name = "record",
	.args = "[NAME=VALUE...] [--step N] [--json FILE]",
	.summary = "record results of a job, from its command",
	.theme = CMD_INSIDE,
	.needs = CMD_NONE,
	.opts = opts,
	.size = sizeof(struct args),
	.max_args = -1,
	.run = run,
};
