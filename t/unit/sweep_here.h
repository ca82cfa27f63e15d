/* sweep_here.h - a store for one test, with a sweep in it */
#ifndef T_SWEEP_HERE_H
#define T_SWEEP_HERE_H

#include "store/expand.h"
#include "scratch.h"
#include "store/store.h"

struct here {
	char *dir;
	struct store store;
};

static inline int here_set_up(void **state)
{
	struct here *h = calloc(1, sizeof(*h));
	struct err err = {0};

	h->dir = scratch_make();
	if (store_create(&h->store, h->dir, &err) || store_open(&h->store, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	*state = h;
	return 0;
}

static inline int here_tear_down(void **state)
{
	struct here *h = *state;

	store_close(&h->store);
	scratch_drop(h->dir);
	free(h);
	return 0;
}

/* Expands a sweep file's text. Returns the result of expand_store(). */
static inline int here_expand(struct here *h, const char *text, const struct expand_opts *o,
			      struct expand_result *r, struct err *err)
{
	static const struct expand_opts none;
	struct complaints c = {0};
	struct expand_file f;
	char *path = mem_printf("%s/sweep.yaml", h->dir);
	FILE *out = fopen(path, "w");
	int rc;

	fputs(text, out);
	fclose(out);
	rc = expand_read(path, o ? o->max_jobs : 0, &f, &c, err);
	for (size_t i = 0; rc && i < c.lines.n; i++)
		fprintf(stderr, "%s\n", c.lines.v[i]);
	complaints_release(&c);
	free(path);
	if (rc)
		return rc;
	rc = expand_store(&h->store, &f, o ? o : &none, r, err);
	expand_file_release(&f);
	return rc;
}

static inline void here_sql(struct here *h, const char *text)
{
	char *command =
		mem_printf("sqlite3 -cmd '.timeout 5000' '%s/jobs.db' \"%s\"", h->store.dir, text);

	assert_int_equal(system(command), 0);
	free(command);
}

#endif
