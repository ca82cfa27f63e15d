#include "cmd/expand_diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc.h"

enum { SAMPLES = 3, DIFF_MS = 60 * 1000 };

void expand_samples_add(struct expand_samples *s, enum expand_kind kind, int64_t id,
			const struct sweep_point *point)
{
	struct buf text = {0};

	if (s->of[kind].n == SAMPLES)
		return;
	if (id)
		buf_addf(&text, "job %" PRId64 "%s", id, point->n || point->variant ? ":" : "");
	if (point->variant)
		buf_addf(&text, "%s[%s]", text.len ? " " : "", point->variant);
	for (size_t i = 0; i < point->n; i++) {
		buf_addf(&text, "%s%s=", text.len ? " " : "", point->params[i].name);
		buf_add_shell_word(&text, point->params[i].value);
	}
	strs_take(&s->of[kind], buf_take(&text));
}

void expand_samples_release(struct expand_samples *s)
{
	for (int i = 0; i < EXPAND_NKINDS; i++)
		strs_release(&s->of[i]);
}

void expand_counts_print(struct cmd_ctx *ctx, const struct expand_result *r,
			 const struct expand_samples *s)
{
	const struct {
		enum expand_kind kind;
		int64_t n;
		const char *what;
	} rows[] = {
		{EXPAND_NEW, r->added, "new"},
		{EXPAND_UNCHANGED, r->unchanged, "unchanged"},
		{EXPAND_CHANGED, r->changed, "with new commands or resources"},
		{EXPAND_KEPT, r->left, "running or completed with other commands or resources"},
		{EXPAND_MISSING, r->missing, "no longer in the file"},
	};

	cmd_print(ctx, "%s, compared with the store:", r->sweep);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct strs *of = &s->of[rows[i].kind];

		if (!rows[i].n)
			continue;
		cmd_print(ctx, "  %" PRId64 " %s", rows[i].n, rows[i].what);
		if (rows[i].kind == EXPAND_UNCHANGED ||
		    (rows[i].kind == EXPAND_NEW && rows[i].n == r->jobs))
			continue;
		for (size_t k = 0; k < of->n; k++)
			cmd_print(ctx, "    %s", of->v[k]);
		if (rows[i].n > SAMPLES)
			cmd_print(ctx, "    ...");
	}
}

static void print_lines(struct cmd_ctx *ctx, const char *text)
{
	char *lines = mem_strdup(text);
	struct strs l = {0};

	/* unlike strtok_r(3), this keeps empty lines */
	for (char *p = lines, *end; *p; p = end) {
		end = p + strcspn(p, "\n");
		strs_take(&l, mem_strndup(p, (size_t)(end - p)));
		end += *end == '\n';
	}
	for (size_t i = 0; i < l.n; i++)
		cmd_print(ctx, "%s", l.v[i]);
	strs_release(&l);
	free(lines);
}

/* Prints the difference between a stored text and a file. */
static int print_diff(struct cmd_ctx *ctx, const char *stored, size_t len, const char *path,
		      struct err *err)
{
	char *label = mem_printf("%s (stored)", path);
	const char *const argv[] = {"diff", "-u", "-L", label, "-L", path, "--", "-", path, NULL};
	const struct proc_spec spec = {
		.argv = argv, .in = stored, .in_len = len, .timeout_ms = DIFF_MS};
	struct proc_result result = {0};
	int errnum = 0, rc = proc_run(&spec, &result, &errnum, err);

	if (rc && errnum == ENOENT) {
		cmd_print(
			ctx,
			"'%s' differs from its stored text (diff, which shows how, is not installed)",
			path);
		rc = 0;
	} else if (!rc && !result.signal && !result.timed_out && result.exit_code <= 1) {
		print_lines(ctx, buf_str(&result.out));
	} else if (!rc) {
		rc = err_set(err, ERR_FAILED, "diff cannot compare '%s' with its stored text: %s",
			     path, buf_str(&result.err));
	}
	proc_result_release(&result);
	free(label);
	return rc;
}

static bool is_same_text(const char *a, size_t len, const char *b, size_t other)
{
	return len == other && !memcmp(a, b, len);
}

int expand_diff_print(struct cmd_ctx *ctx, const struct expand_file *file, struct err *err)
{
	const char *script = sweep_script_text(file->sweep), *path = sweep_script_path(file->sweep);
	struct db *db = ctx->store->db;
	struct db_version v = {0};
	struct db_sweep s = {0};
	int rc = db_sweep_find(db, sweep_name(file->sweep), &s, err);

	if (!rc)
		rc = db_version_get(db, s.version, &v, err);
	if (!rc && !is_same_text(v.source, v.source_len, file->text, file->len))
		rc = print_diff(ctx, v.source, v.source_len, file->name, err);
	if (!rc && v.script && script && strcmp(v.script, script) != 0)
		rc = print_diff(ctx, v.script, strlen(v.script), path, err);
	db_version_release(&v);
	db_sweep_release(&s);
	return rc < 0 ? -1 : 0;
}
