/* The reader of sweep files under libFuzzer: any bytes as a sweep file, and as the files that it
 * names. A sweep without an error is counted, iterated and rendered. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/sweep_load.h"
#include "sweep/sweepfile.h"

enum {
	FILES_FROM = 0x1e, /* the bytes after this one are in every file that the sweep names */
	JOBS_MOST = 3000,
	PLANS_MOST = 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
	if (!good)
		abort();
}

/* Checks that every reference is a variable, and that no text for bash contains a value: the text
 * of a step is the same for every job, as long as its words are. */
static void check_plan(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nsteps; i++) {
		const struct plan_step *s = &plan->steps[i];

		check(s->name && s->key);
		check(s->shown.n > 0);
		for (size_t v = 0; v < s->vars.n; v++)
			check(strchr(s->vars.v[v], '=') != NULL);
	}
}

static void plan_all(const struct sweep *sweep)
{
	struct sweep_point point;
	struct sweep_iter it;
	struct err err = {0};
	uint64_t most, n = 0;

	check(sweep_count_max(sweep, JOBS_MOST, &most, &err) == 0);
	sweep_iter_init(&it, sweep);
	while (sweep_iter_next(&it, &point, &err) == 1) {
		struct plan plan;

		check(sweep_identity(sweep, &point) == sweep_identity(sweep, &point));
		if (n++ < PLANS_MOST && !sweep_plan(sweep, &point, (int64_t)n, &plan, &err)) {
			check_plan(&plan);
			plan_release(&plan);
		}
	}
	check(n <= most);
	sweep_iter_release(&it);
}

/* Does what sweepfile_load_files() does, without opening a file. */
static void load(struct sweep *sweep, const char *text, size_t len, struct complaints *c)
{
	struct sweep_load l;
	struct err err = {0};
	uint64_t n;
	bool good = false;

	sweep_load_init(&l, sweep);
	while (sweep_load_next(&l)) {
		if (text)
			sweep_load_give(&l, text, len, c);
		else
			sweep_load_fail(&l, "No such file or directory");
	}
	sweep_load_size(&l);
	if (sweep_count_max(sweep, JOBS_MOST, &n, &err) == 0) {
		sweep_load_end(&l);
		good = l.list.errors == 0;
	}
	complaint_tell(&l.list, sweep_load_file_name(sweep), c);
	if (good)
		plan_all(sweep);
	sweep_load_release(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memchr(data, FILES_FROM, size);
	char *text = mem_strndup((const char *)data, size), *files = NULL;
	size_t len = cut ? (size_t)(cut - data) : size, files_len = size - len;
	struct complaints c = {0};
	struct sweep *sweep = NULL;
	struct err err = {0};

	if (cut)
		files = mem_strndup(text + len + 1, --files_len);
	if (sweepfile_parse("s", "/nowhere", text, len, &sweep, &c, &err) == 0) {
		check(c.errors == 0 && sweep);
		load(sweep, files, files_len, &c);
	} else {
		check(c.errors > 0 && !sweep);
	}
	check(c.lines.n > 0 || !c.errors);
	for (size_t i = 0; i < c.lines.n; i++)
		check(strncmp(c.lines.v[i], "s:", 2) == 0 || cut);
	complaints_release(&c);
	sweep_free(sweep);
	free(files);
	free(text);
	return 0;
}
