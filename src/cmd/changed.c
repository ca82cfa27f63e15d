#include "cmd/changed.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "store/loader.h"
#include "sweep/sweepfile.h"

struct check {
	struct cmd_ctx *ctx;
	const struct db_sweep *sweep;
	const struct db_version *version; /* what the sweep's jobs run */
	char *path;			  /* of the sweep file */
	bool other; /* that file has the name of another sweep now: it is no longer this sweep's */
};

/* Returns the path from the current folder if the file is below it. */
static const char *shorten_path(const char *path)
{
	char here[PATH_MAX];
	size_t len = getcwd(here, sizeof(here)) ? strlen(here) : 0;

	return len && !strncmp(path, here, len) && path[len] == '/' ? path + len + 1 : path;
}

static void report_file(const struct check *c, const char *path)
{
	struct buf line = {0};

	buf_addf(&line, "%s has changed, but jobs of %s run the copy that was stored ",
		 shorten_path(path), c->sweep->name);
	time_add_ago(&line, c->version->created, clock_now_ms());
	if (c->other) {
		buf_addf(&line, "; %s has another 'name' now, and no longer changes them",
			 shorten_path(c->path));
	} else {
		buf_addstr(&line, "; to store the new one: slurmq expand ");
		buf_add_shell_word(&line, shorten_path(c->path));
		if (c->sweep->counts[JOB_COMPLETED])
			buf_addstr(&line, " (with --rerun-changed completed jobs run again)");
	}
	cmd_say(c->ctx, "%s", buf_str(&line));
	buf_release(&line);
}

/* Reads a file. Returns it if it can be read and differs from the stored text, else NULL. The
 * caller frees it. */
static char *read_other_text(const char *path, const char *stored, size_t stored_len, size_t *len)
{
	char *text = NULL, *dir = NULL;

	if (!sweepfile_slurp(path, &text, len, &dir, NULL) && *len == stored_len &&
	    !memcmp(text, stored, stored_len)) {
		free(text);
		text = NULL;
	}
	free(dir);
	return text;
}

/* Returns whether the text is that of a sweep with another name. */
static bool has_other_name(const struct check *c, const char *text, size_t len)
{
	struct complaints complaints = {0};
	struct sweep *sweep = NULL;
	bool other =
		!sweepfile_parse(c->path, c->version->dir, text, len, &sweep, &complaints, NULL) &&
		strcmp(sweep_name(sweep), c->sweep->name) != 0;

	complaints_release(&complaints);
	sweep_free(sweep);
	return other;
}

static void check_sweep_file(struct check *c)
{
	size_t len;
	char *text = read_other_text(c->path, c->version->source, c->version->source_len, &len);

	c->other = text && has_other_name(c, text, len);
	if (text && !c->other)
		report_file(c, c->path);
	free(text);
}

static void check_script(const struct check *c)
{
	const struct db_version *v = c->version;
	struct sweep *sweep = NULL;
	char *text = NULL;
	size_t len;

	if (v->script && !loader_parse(v, &sweep, NULL))
		text = read_other_text(sweep_script_path(sweep), v->script, strlen(v->script),
				       &len);
	if (text)
		report_file(c, sweep_script_path(sweep));
	free(text);
	sweep_free(sweep);
}

static void check_sweep(struct cmd_ctx *ctx, const struct db_sweep *sweep)
{
	struct db_version version = {0};
	struct check c = {.ctx = ctx, .sweep = sweep, .version = &version};

	if (!db_version_get(ctx->store->db, sweep->version, &version, NULL)) {
		const char *slash = strrchr(version.file, '/');

		c.path = mem_printf("%s/%s", version.dir, slash ? slash + 1 : version.file);
		check_sweep_file(&c);
		check_script(&c);
	}
	db_version_release(&version);
	free(c.path);
}

void changed_report(struct cmd_ctx *ctx)
{
	struct db_sweep *v;
	size_t n;

	if (db_sweeps(ctx->store->db, &v, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		if (v[i].counts[JOB_PENDING])
			check_sweep(ctx, &v[i]);
	db_sweeps_free(v, n);
}
